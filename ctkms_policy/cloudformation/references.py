"""The names that a part of a template refers to, read from the text without evaluation: parameters, resources, conditions, mappings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from ctkms_policy.source import Span
from ctkms_policy.value import Known, ListValue, Literal, MapValue, Template, Value, scalar_text, text_parts

_HOLE = re.compile(r"\$\{\s*([A-Za-z0-9_:.]+)\s*\}")

PSEUDO_PARAMETERS = frozenset(
    f"AWS::{name}" for name in ("AccountId", "NotificationARNs", "NoValue", "Partition", "Region", "StackId", "StackName", "URLSuffix")
)


class Kind(Enum):
    """What a name has to be the name of; the value says what it is when it is not."""

    VALUE = "neither a parameter nor a resource"
    PARAMETER = "no parameter"
    RESOURCE = "no resource"
    CONDITION = "no condition"
    MAPPING = "no mapping"


@dataclass(frozen=True, slots=True)
class Name:
    """One reference.

    function   how the template writes it: ``Ref``, ``Fn::GetAtt``, ``DependsOn``, ``Condition``
    branches   the branches of ``Fn::If`` it stands in: each condition's name and whether it has to be true
    attribute  what of the resource is asked for, "" where that is not said or not known
    """

    function: str
    kind: Kind
    text: str
    span: Span | None = None
    branches: tuple[tuple[str, bool], ...] = ()
    attribute: str = ""


def names_in_resource(body: Value) -> Iterator[Name]:
    """Yield every name that the body of a resource refers to, each as often as it is written."""
    if not isinstance(body, MapValue):
        return
    for entry in body.entries:
        if entry.name == "DependsOn":
            items = entry.value.items if isinstance(entry.value, ListValue) else (entry.value,)
            yield from (_name("DependsOn", Kind.RESOURCE, item) for item in items if isinstance(item, Known))
        elif entry.name == "Condition":
            if isinstance(entry.value, Known):
                yield _name("Condition", Kind.CONDITION, entry.value)
        else:
            yield from _names(entry.value, in_condition=False)


def names_in_condition(expression: Value) -> Iterator[Name]:
    """Yield every name that an entry of ``Conditions`` refers to: conditions, mappings and parameters, for it can use no resource."""
    for name in _names(expression, in_condition=True):
        yield replace(name, kind=Kind.PARAMETER) if name.kind is Kind.VALUE else name


def _names(value: Value, *, in_condition: bool) -> Iterator[Name]:
    """Yield the names in a value. Aliases share their values: each is visited once in the same branches."""
    waiting: list[tuple[Value, tuple[tuple[str, bool], ...]]] = [(value, ())]
    seen: set[tuple[int, tuple[tuple[str, bool], ...]]] = set()
    while waiting:
        each, branches = waiting.pop()
        if (id(each), branches) in seen:
            continue
        seen.add((id(each), branches))
        if isinstance(each, ListValue):
            waiting.extend((item, branches) for item in reversed(each.items))
        elif isinstance(each, MapValue):
            function, argument = (each.entries[0].name, each.entries[0].value) if len(each.entries) == 1 else ("", each)
            if function == "Condition" and in_condition and isinstance(argument, Known):
                yield _name("Condition", Kind.CONDITION, argument, branches)
            elif function == "Fn::If" and isinstance(argument, ListValue) and len(argument.items) == 3:
                condition, *values = argument.items
                if isinstance(condition, Known):
                    yield _name("Fn::If", Kind.CONDITION, condition, branches)
                    taken, other = (((*branches, (scalar_text(condition.value), wanted))) for wanted in (True, False))
                    waiting += [(values[1], other), (values[0], taken)]
                else:
                    waiting.extend((item, branches) for item in reversed(argument.items))
            else:
                yield from _named_by(function, argument, branches)
                waiting.extend((entry.value, branches) for entry in reversed(each.entries))


def _named_by(function: str, argument: Value, branches: tuple[tuple[str, bool], ...]) -> Iterator[Name]:
    items = argument.items if isinstance(argument, ListValue) else (argument,)
    first = items[0] if items else None
    if function == "Ref" and isinstance(argument, Known):
        yield _name(function, Kind.VALUE, argument, branches)
    elif function == "Fn::GetAtt" and isinstance(first, Known):
        name = _name(function, Kind.RESOURCE, first, branches)
        attribute = ".".join(scalar_text(item.value) for item in items[1:] if isinstance(item, Known))
        yield name if len(items) == 1 else replace(name, attribute=attribute)
    elif function == "Fn::FindInMap" and isinstance(first, Known):
        fallback = items[3] if len(items) == 4 else None
        if not (isinstance(fallback, MapValue) and fallback.get("DefaultValue") is not None):
            yield _name(function, Kind.MAPPING, first, branches)
    elif function == "Fn::Sub" and isinstance(first, (Known, Template)):
        variables = items[1] if len(items) == 2 else None
        given = {entry.name for entry in variables.entries} if isinstance(variables, MapValue) else set()
        for part in text_parts(first):
            if not isinstance(part, Literal):
                continue
            for hole in _HOLE.finditer(part.text):
                if hole.group(1) not in given:
                    head, dot, attribute = hole.group(1).partition(".")
                    span = part.text_map.span(*hole.span()) if part.text_map is not None else first.origin.span
                    yield Name(function, Kind.RESOURCE if dot else Kind.VALUE, head, span, branches, attribute)


def _name(function: str, kind: Kind, written: Known, branches: tuple[tuple[str, bool], ...] = ()) -> Name:
    text, attribute = scalar_text(written.value), ""
    if kind is Kind.RESOURCE:
        text, _, attribute = text.partition(".")
    return Name(function, kind, text, written.origin.span, branches, attribute)
