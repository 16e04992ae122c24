"""Loops: what ``Fn::ForEach`` of AWS::LanguageExtensions makes, expanded by cfn-lint.

cfn-lint makes up what it does not know: the items of a parameter without a default, the Region that a mapping is asked for. So it is
given one loop at a time, with items that this program has evaluated, and without the functions that it would resolve itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ctkms_policy.cloudformation.detect import is_read
from ctkms_policy.cloudformation.intrinsics import Evaluator
from ctkms_policy.cloudformation.stack import EXTENSIONS, Stack
from ctkms_policy.value import (
    Absent,
    Entry,
    Known,
    ListValue,
    MapValue,
    Symbol,
    Unknown,
    Value,
    default_of,
    describe,
    scalar_text,
    texts_in,
)

LOOP = "Fn::ForEach::"
INSTALL = "pip install 'ctkms-policy[cfn-lint]'"
MAX_LEVELS = 5
"""Loops in loops; CloudFormation allows as many."""
MAX_MADE = 2_000
"""Entries that the loops of one stack make; CloudFormation allows 500 resources."""

_HIDDEN = "\ue000"
"""Stands before the names of functions that cfn-lint is to leave alone, and in ``${!name}``; Unicode assigns it to nothing."""
_LEFT_ALONE = (LOOP, "Fn::FindInMap", "Fn::ToJsonString")


class _NotExpanded(Exception):
    """Why a loop is not expanded, in words."""


def with_loops_expanded(stack: Stack) -> Stack:
    """Return the stack with what its loops make, where they make conditions, outputs, or resources that are read.

    A loop that cannot be expanded makes one resource whose properties are not known, with the reason: it is never silence. One whose
    resource types are not known, or of no matter, stays as it is.
    """
    if LOOP not in stack.template.source.text:
        return stack
    expander = _Expander(stack)
    root = stack.template.root
    entries = [
        replace(entry, value=expander.section(entry.name, entry.value))
        if entry.name in ("Resources", "Conditions", "Outputs") and isinstance(entry.value, MapValue)
        else entry
        for entry in root.entries
    ]
    return replace(stack, template=replace(stack.template, root=replace(root, entries=tuple(entries))))


class _Expander:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._evaluator = Evaluator()
        self._made = 0

    def section(self, name: str, section: MapValue) -> MapValue:
        entries: dict[str, Entry] = {entry.name: entry for entry in section.entries if not entry.name.startswith(LOOP)}
        for entry in section.entries:
            if not entry.name.startswith(LOOP):
                if name == "Resources" and is_read(_type_of(entry.value)):
                    entries[entry.name] = replace(entry, value=self._inside(entry.value))
                continue
            if name == "Resources" and not any(map(is_read, texts_in(entry.value))):
                entries[entry.name] = entry
                continue
            for made in self._made_by(entry, entries, is_resources=name == "Resources"):
                entries[made.name] = made
        return replace(section, entries=tuple(entries.values()))

    def _made_by(self, loop: Entry, present: dict[str, Entry], *, is_resources: bool) -> list[Entry]:
        if not self._stack.transforms:
            return [loop]  # no macro expands it: the template is refused
        try:
            found = list(self._expanded(loop, MAX_LEVELS))
            taken = next((each.name for each in found if each.name in present), None)
            if taken is not None:
                raise _NotExpanded(f'{loop.name} makes "{taken}", which is there already')
            return found
        except _NotExpanded as reason:
            unknown = list(_unknown_resources(loop.value, str(reason))) if is_resources else []
            return unknown or [loop]

    def _inside(self, value: Value) -> Value:
        """Return a resource, or a part of it, with the loops in it expanded."""
        if isinstance(value, ListValue):
            return replace(value, items=tuple(self._inside(item) for item in value.items))
        if not isinstance(value, MapValue):
            return value
        entries: list[Entry] = []
        rest = value.rest
        for entry in value.entries:
            if not entry.name.startswith(LOOP):
                entries.append(replace(entry, value=self._inside(entry.value)))
                continue
            try:
                entries.extend(self._expanded(entry, MAX_LEVELS))
            except _NotExpanded as reason:
                rest = str(reason)
        return replace(value, entries=tuple(entries), rest=rest)

    def _expanded(self, loop: Entry, levels: int) -> Iterator[Entry]:
        """Yield what a loop makes, and the loops that it makes. Raises _NotExpanded."""
        if levels == 0:
            raise _NotExpanded(f"{loop.name} is nested deeper than {MAX_LEVELS} levels")
        for entry in self._once(loop):
            if entry.name.startswith(LOOP):
                yield from self._expanded(entry, levels - 1)
                continue
            self._made += 1
            if self._made > MAX_MADE:
                raise _NotExpanded(f"{loop.name} makes more than {MAX_MADE} entries")
            yield replace(entry, value=self._inside(entry.value))

    def _once(self, loop: Entry) -> tuple[Entry, ...]:
        parts = loop.value.items if isinstance(loop.value, ListValue) else ()
        if len(parts) != 3 or not isinstance(parts[0], Known) or not isinstance(parts[2], MapValue):
            raise _NotExpanded(f"{loop.name} is not a name, a collection and a map")
        if EXTENSIONS not in self._stack.transforms:
            raise _NotExpanded(f'{loop.name} does nothing without "Transform: {EXTENSIONS}", which the template does not have')
        return _expanded_by_cfn_lint(loop, parts[0], self._items(loop, parts[1]), parts[2])

    def _items(self, loop: Entry, collection: Value) -> list[Known]:
        value = default_of(self._evaluator.evaluate(collection, self._stack, self._stack.inputs))
        items = [default_of(item) for item in value.items] if isinstance(value, ListValue) else [value]
        unknown = next((item for item in items if not isinstance(item, Known)), None)
        reason = value.rest if isinstance(value, ListValue) else "" if unknown is not None else f"{describe(value)}, which is no list"
        if unknown is not None:
            reason = unknown.reason if isinstance(unknown, (Symbol, Unknown)) else describe(unknown)
        if reason:
            raise _NotExpanded(f"the collection of {loop.name} is not known: {reason}")
        if len(items) > MAX_MADE:
            raise _NotExpanded(f"the collection of {loop.name} has more than {MAX_MADE} items")
        return [item for item in items if isinstance(item, Known)]


def _unknown_resources(loop: Value, reason: str) -> Iterator[Entry]:
    """Yield the resources of a loop's body that are read, as the body names them, with properties that are not known."""
    body = loop.items[-1] if isinstance(loop, ListValue) and loop.items else loop
    for entry in body.entries if isinstance(body, MapValue) else ():
        if entry.name.startswith(LOOP):
            yield from _unknown_resources(entry.value, reason)
        elif isinstance(entry.value, MapValue) and is_read(_type_of(entry.value)):
            properties = Entry(Known("Properties"), Unknown(reason, entry.value.origin))
            kept = [part for part in entry.value.entries if part.name != "Properties"]
            yield replace(entry, value=replace(entry.value, entries=(*kept, properties)))


def _type_of(body: Value) -> str:
    kind = body.get("Type") if isinstance(body, MapValue) else None
    return scalar_text(kind.value) if isinstance(kind, Known) else ""


# -- to cfn-lint and back ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kept:
    """A value that cfn-lint carries along without looking at it."""

    value: Value

    def __deepcopy__(self, memo: object) -> _Kept:
        return self


@dataclass(frozen=True, slots=True)
class _Mark:
    """What cfn-lint keeps with each node as its place: here the value that the node was made of. It asks for a line when it fails."""

    value: Value
    line: int = 0
    column: int = 0


_Node: TypeAlias = Any
"""cfn-lint makes its classes of nodes at run time: they have no types."""


def _expanded_by_cfn_lint(loop: Entry, identifier: Known, items: list[Known], body: MapValue) -> tuple[Entry, ...]:
    try:
        from cfnlint.template import Template
    except ImportError:
        raise _NotExpanded(f"{loop.name} is expanded by cfn-lint, which this environment lacks: {INSTALL}") from None
    name = scalar_text(identifier.value)
    written = [name, [_node(replace(item, value=scalar_text(item.value)), name) for item in items], _node(body, name)]
    try:
        template = Template("", {"Transform": EXTENSIONS, "Resources": {f"{LOOP}Loop": written}}, ["us-east-1"])
        failed = template.transform()
        made = _value(template.template["Resources"])
    except Exception as error:  # cfn-lint is free to fail in any way on what is no template; the loop is then reported
        raise _NotExpanded(f"cfn-lint fails on {loop.name}: {error}") from None
    if failed or not isinstance(made, MapValue):
        raise _NotExpanded(f"cfn-lint does not expand {loop.name}: {'; '.join(each.message for each in failed)}")
    return made.entries


def _node(value: Value, identifier: str) -> _Node:
    """Return the value as cfn-lint reads templates."""
    from cfnlint.decode.node import dict_node, list_node, str_node

    if isinstance(value, Known) and isinstance(value.value, str):
        return str_node(value.value.replace("${!", "${" + _HIDDEN + "!"), _Mark(value), None)
    if isinstance(value, ListValue):
        return list_node([_node(item, identifier) for item in value.items], _Mark(value), None)
    if isinstance(value, MapValue):
        return dict_node({_key_node(entry, identifier): _node(entry.value, identifier) for entry in value.entries}, _Mark(value), None)
    return _Kept(value)


def _key_node(entry: Entry, identifier: str) -> _Node:
    from cfnlint.decode.node import str_node

    name = entry.name
    if name.startswith(LOOP):
        name += f" (${{{identifier}}})"  # the loops that a loop makes need names that differ
    if name.startswith(_LEFT_ALONE):
        name = _HIDDEN + name
    return str_node(name, _Mark(entry.key), None)


def _value(node: _Node) -> Value:
    if isinstance(node, _Kept):
        return node.value
    mark = getattr(node, "start_mark", None)
    written = mark.value if isinstance(mark, _Mark) else Absent()
    origin = written.origin
    if isinstance(node, str):
        text = node.replace(_HIDDEN, "")
        return written if isinstance(written, Known) and written.value == text else Known(text, origin)
    if isinstance(node, dict):
        return MapValue(tuple(Entry(_key(name), _value(each)) for name, each in node.items()), "", origin)
    if isinstance(node, list):
        return ListValue(tuple(_value(each) for each in node), "", origin)
    return Known(node)


def _key(node: _Node) -> Known:
    key = _value(node)
    return key if isinstance(key, Known) else Known(str(node))
