"""Nested blocks as values: those that are written and those that ``dynamic`` blocks make."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ctkms_policy.terraform.conversion import reason_of
from ctkms_policy.terraform.expression import evaluate
from ctkms_policy.terraform.hcl.syntax import Block, Body, Variable
from ctkms_policy.terraform.index import items_with_keys
from ctkms_policy.terraform.scope import InnerScope, Scope
from ctkms_policy.value import Absent, Branch, Choice, Entry, Known, ListValue, MapValue, Origin, Unknown, Value, describe

MAX_BLOCKS = 500
"""No body has more nested blocks of one type: of the others nothing is known."""

Build = Callable[[Block, Scope], Value]


def nested_blocks(body: Body, type: str, scope: Scope, build: Build) -> ListValue:
    """Return what ``build`` makes of each block of ``type``, in source order.

    A block that only some inputs make is a Choice between it and Absent; ``rest`` says why there may be others.
    """
    items: list[Value] = []
    rest = ""
    for block in body.blocks:
        if block.type == type:
            items.append(build(block, scope))
        elif block.type == "dynamic" and block.labels[:1] == (type,):
            made, reason = _dynamic(block, scope, build)
            items.extend(made)
            rest = rest or reason
    if len(items) > MAX_BLOCKS:
        return ListValue(tuple(items[:MAX_BLOCKS]), f"more than {MAX_BLOCKS} {type} blocks")
    return ListValue(tuple(items), rest)


def iterator_of(block: Block) -> str:
    """Return the name that the content of a ``dynamic`` block has for the current element."""
    iterator = block.body.attribute("iterator")
    if iterator is not None and isinstance(iterator.expression, Variable):
        return iterator.expression.name
    return block.labels[0] if block.labels else ""


def _dynamic(block: Block, scope: Scope, build: Build) -> tuple[list[Value], str]:
    content = next(iter(block.body.blocks_of("content")), None)
    each = block.body.attribute("for_each")
    if content is None or each is None:
        return [], f'the dynamic "{block.labels[0]}" block has no content'
    name = iterator_of(block)
    place = f"of the block at {block.span.path}:{block.span.line}"

    def made(collection: Value) -> tuple[list[Value], str]:
        if isinstance(collection, Choice):
            found: list[Value] = []
            rest = ""
            for index, branch in enumerate(collection.branches):
                items, reason = made(branch.value)
                rest = rest or reason
                found.extend(_only_in(collection, index, item) for item in items)
            return found, rest
        if not isinstance(collection, (ListValue, MapValue)):
            return [], "" if isinstance(collection, Absent) else reason_of(collection)
        items = []
        for position, (key, value) in enumerate(_elements(collection)):
            if position > MAX_BLOCKS:
                return items, f"more than {MAX_BLOCKS} {block.labels[0]} blocks"
            entries = (Entry(Known("key"), key), Entry(Known("value"), value))
            names: dict[str, Value] = {name: MapValue(entries)}
            items.append(build(content, InnerScope(scope, names, f"{name} = {describe(key)} [{position}] {place}")))
        return items, collection.rest

    return made(evaluate(each.expression, scope))


def _elements(collection: ListValue | MapValue) -> Iterator[tuple[Value, Value]]:
    if isinstance(collection, MapValue):
        yield from ((entry.key, entry.value) for entry in collection.entries)
    else:
        yield from items_with_keys(collection)


def _only_in(choice: Choice, index: int, item: Value) -> Value:
    branches = tuple(Branch(branch.when, item if number == index else Absent()) for number, branch in enumerate(choice.branches))
    return Choice(choice.condition, branches, choice.chosen, choice.origin)


def body_value(body: Body, scope: Scope, depth: int = 8) -> Value:
    """Return a body as an object: its attributes, and each nested block type as a list of objects."""
    if not depth:
        return Unknown("blocks nested too deeply")
    entries = [Entry(Known(each.name, Origin(each.name_span)), evaluate(each.expression, scope)) for each in body.attributes]
    types = dict.fromkeys(block.labels[0] if block.type == "dynamic" and block.labels else block.type for block in body.blocks)
    for type in types:
        values = nested_blocks(body, type, scope, lambda block, inner: body_value(block.body, inner, depth - 1))
        entries.append(Entry(Known(type), values))
    return MapValue(tuple(entries))
