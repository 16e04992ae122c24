"""``value.name`` and ``value[key]``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ctkms_policy.source import Span
from ctkms_policy.terraform.comparison import equal, matches
from ctkms_policy.terraform.condition import select
from ctkms_policy.terraform.conversion import Failure, inherit, reason_of, to_number, to_text
from ctkms_policy.terraform.scope import Scope, Step
from ctkms_policy.value import (
    Absent,
    Entry,
    Known,
    ListValue,
    MapValue,
    Match,
    Origin,
    Reference,
    Symbol,
    Template,
    Unknown,
    Value,
    describe,
    lift,
)

_MAX_CASES = 8
"""A map with more entries, indexed with a string that is not known, is not written out as a choice between its values."""


def step_into(value: Value, step: Step, scope: Scope, span: Span) -> Value:
    """Return what an attribute (a str) or an index (a Value) of ``value`` is; a Failure where it certainly has no such part."""
    key = Known(step, Origin(span)) if isinstance(step, str) else step
    by_name = isinstance(step, str)
    return lift(lambda base, index: _step(base, index, scope, span, by_name=by_name), (value, key), Origin(span))


def _step(value: Value, key: Value, scope: Scope, span: Span, *, by_name: bool) -> Value:
    origin = Origin(span)
    if isinstance(value, Unknown):
        return value
    if isinstance(key, Failure):
        return key
    if isinstance(key, Absent):
        return Failure("a null value as index", origin)
    if isinstance(value, MapValue):
        return _entry(value, key, span)
    if isinstance(value, ListValue):
        return Failure(f"a list has no attribute {describe(key)}", origin) if by_name else _item(value, key, origin)
    if isinstance(value, Reference):
        return _of_reference(value, key, scope, span, by_name=by_name)
    if isinstance(value, Symbol):
        return Unknown(f"{describe(value)}{_written(key, by_name=by_name)} is not known: {reason_of(value)}", origin)
    what = "null" if isinstance(value, Absent) else "a string, number or bool"
    return Failure(f"{what} has no {describe(key, quoted=False)}", origin.joined(value.origin))


def _written(key: Value, *, by_name: bool) -> str:
    return f".{describe(key, quoted=False)}" if by_name else f"[{describe(key)}]"


def _of_reference(value: Reference, key: Value, scope: Scope, span: Span, *, by_name: bool) -> Value:
    if value.attribute:
        if not isinstance(key, Known):
            return Unknown(reason_of(value), Origin(span))
        return replace(value, attribute=f"{value.attribute}{_written(key, by_name=by_name)}")
    if isinstance(key, Known) and isinstance(key.value, str):
        return scope.attribute(value, key.value, span)
    if isinstance(key, Known):
        return Failure(f"{value.address} is a single resource instance, without an index", Origin(span))
    return Unknown(f"which attribute of {value.address} is meant: {reason_of(key)}", Origin(span))


def _entry(value: MapValue, key: Value, span: Span) -> Value:
    origin = Origin(span)
    key = to_text(key)
    if isinstance(key, Failure):
        return key
    if isinstance(key, (Known, Template, Symbol, Reference)):
        return _entry_of(value, value.entries, key, origin)
    return Unknown(f"which entry is meant: {reason_of(key)}", origin)


def _entry_of(value: MapValue, entries: tuple[Entry, ...], key: Value, origin: Origin) -> Value:
    """Return the entry of that key: certain, one of several, or none."""
    candidates = [entry for entry in entries if matches(entry.key, key) is not Match.NO]
    certain = [entry for entry in candidates if matches(entry.key, key) is Match.YES]
    if certain and (len(candidates) == 1 or (isinstance(key, Known) and all(isinstance(entry.key, Known) for entry in candidates))):
        return _from(value, certain[-1].value, key)
    if not candidates:
        if value.rest:
            return Unknown(value.rest, origin.joined(value.origin))
        return Failure(f"there is no {describe(key)} in the map", origin.joined(value.origin, key.origin))
    if value.rest or len(candidates) > _MAX_CASES or isinstance(key, Known):
        return Unknown(
            value.rest or f"which entry is meant: {reason_of(key)}" if not isinstance(key, Known) else _unsure(candidates), origin
        )
    first, others = candidates[0], tuple(candidates[1:])
    is_first = equal(key, first.key)
    if isinstance(is_first, Unknown):
        return Unknown(f"which entry is meant: {reason_of(key)}", origin)
    return select(
        is_first,
        lambda: _from(value, first.value, key),
        lambda: _entry_of(value, others, key, origin),
        origin,
    )


def _unsure(candidates: list[Entry]) -> str:
    unknown = next(entry for entry in candidates if not isinstance(entry.key, Known))
    return f"a key of the map is not known: {reason_of(unknown.key)}"


def _item(value: ListValue, key: Value, origin: Origin) -> Value:
    if value.is_set:
        return Failure("a set has no index", origin)
    number = to_number(key)
    if isinstance(number, Failure):
        return number
    if not isinstance(number, Known):
        return Unknown(f"which item is meant: {reason_of(number)}", origin)
    position = number.value
    if isinstance(position, (float, str)):
        return Failure(f"{describe(number)} is no whole number", origin)
    if position < 0:
        return Failure(f"index {describe(number)} is out of range", origin)
    if value.rest:
        return Unknown(value.rest, origin.joined(value.origin))
    if position >= len(value.items):
        return Failure(f"index {describe(number)} is out of range", origin.joined(value.origin, key.origin))
    return _from(value, value.items[position], key)


def items_with_keys(value: ListValue) -> Iterator[tuple[Value, Value]]:
    """Yield each item with its key: the item itself in a set, its number in a list; no number where further items may stand before."""
    for position, item in enumerate(value.items):
        if value.is_set:
            yield item, item
        elif value.rest:
            yield Unknown(value.rest, value.origin), item
        else:
            yield Known(position), item


def _from(container: Value, part: Value, key: Value) -> Value:
    """Return a part with the way of its container in front, and with what decided container and key."""
    if container.origin.via:
        part = replace(part, origin=part.origin.after(container.origin.via))
    return inherit(part, container.origin, key.origin)
