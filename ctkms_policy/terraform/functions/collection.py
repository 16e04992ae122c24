"""Lists, sets and maps: ``merge``, ``concat``, ``lookup``, ``contains``, ``toset`` ..."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from ctkms_policy.terraform.comparison import equal
from ctkms_policy.terraform.conversion import (
    MAX_ITEMS,
    Failure,
    fraction,
    inherit,
    number,
    plain_text,
    reason_of,
    sorted_entries,
    to_bool,
    to_number,
    to_text,
)
from ctkms_policy.terraform.functions import text
from ctkms_policy.terraform.functions.context import Context, Function, over_items
from ctkms_policy.terraform.index import step_into
from ctkms_policy.value import (
    Absent,
    Choice,
    Entry,
    JsonText,
    Known,
    ListValue,
    MapValue,
    Reference,
    Symbol,
    Template,
    Unknown,
    Value,
    describe,
    lift,
)

_MAX_RANGE = 1024
"""Terraform's own limit of ``range``."""


def checked(count: int, function: Callable[..., Value]) -> Function:
    """Return a function that takes exactly ``count`` arguments."""

    def call(context: Context, arguments: Sequence[Value]) -> Value:
        if len(arguments) != count:
            return context.failure(f"{len(arguments)} arguments")
        return function(context, *arguments)

    return call


def no_list(context: Context, value: Value) -> Value:
    """Return why a value that is no ListValue cannot be worked with: not known, or certainly no list."""
    if isinstance(value, (Unknown, Symbol, Reference)):
        return context.unknown(value)
    return context.failure(f"{describe(value)} where a list is needed")


def no_map(context: Context, value: Value) -> Value:
    """Return why a value that is no MapValue cannot be worked with: not known, or certainly no map."""
    if isinstance(value, (Unknown, Symbol, Reference)):
        return context.unknown(value)
    return context.failure(f"{describe(value)} where a map is needed")


def too_many(context: Context) -> Unknown:
    """Return the result of a call that would make more items than are kept."""
    return Unknown(f"{context.name}() makes more than {MAX_ITEMS} items", context.origin)


def _listed(context: Context, items: Sequence[Value], rest: str = "") -> Value:
    return too_many(context) if len(items) > MAX_ITEMS else ListValue(tuple(items), rest, context.origin)


# Sizes and parts


def _length(context: Context, value: Value) -> Value:
    if isinstance(value, (ListValue, MapValue)):
        if value.rest:
            return context.unknown(value)
        if isinstance(value, MapValue):
            if len(value.entries) > 1 and not all(isinstance(entry.key, Known) for entry in value.entries):
                return context.unknown(next(entry.key for entry in value.entries if not isinstance(entry.key, Known)))
            return Known(len(value.entries), context.origin)
        return Known(len(value.items), context.origin)
    if isinstance(value, Absent):
        return context.failure("a null value")
    if isinstance(value, (Known, Template, JsonText, Symbol)):
        return text.length(to_text(value), context)
    return context.unknown(value)


def _element(context: Context, value: Value, index: Value) -> Value:
    if not isinstance(value, ListValue):
        return no_list(context, value)
    position = to_number(index)
    if isinstance(position, Failure):
        return context.failure(position.reason)
    if not isinstance(position, Known) or value.rest:
        return context.unknown(value if value.rest else position)
    if not isinstance(position.value, int):
        return context.failure(f"{describe(position)} is no whole number")
    if not value.items:
        return Failure("element() of an empty list", context.origin.joined(value.origin))
    return inherit(value.items[position.value % len(value.items)], value.origin, index.origin)


def lookup(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the entry of a map, or the default where there is none."""
    if not 2 <= len(arguments) <= 3:
        return context.failure(f"{len(arguments)} arguments")
    if not isinstance(arguments[0], MapValue):
        return no_map(context, arguments[0])
    found = step_into(arguments[0], plain_text(arguments[1]), context.scope, context.span)
    if len(arguments) == 2:
        return found
    default = arguments[2]
    return lift(lambda value: inherit(default, value.origin) if isinstance(value, Failure) else value, (found,), context.origin)


def _keys(context: Context, value: Value) -> Value:
    if not isinstance(value, MapValue):
        return no_map(context, value)
    return ListValue(tuple(entry.key for entry in sorted_entries(value)), value.rest or _unsorted(value), context.origin)


def _values(context: Context, value: Value) -> Value:
    if not isinstance(value, MapValue):
        return no_map(context, value)
    return ListValue(tuple(entry.value for entry in sorted_entries(value)), value.rest or _unsorted(value), context.origin)


def _unsorted(value: MapValue) -> str:
    """Return why the order and number of a map's entries are not known, or ""."""
    if len(value.entries) < 2:
        return ""
    return next((f"a key is not known: {reason_of(entry.key)}" for entry in value.entries if not isinstance(entry.key, Known)), "")


def one(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the only item, null where there is none."""
    if len(arguments) != 1:
        return context.failure(f"{len(arguments)} arguments")
    value = arguments[0]
    if not isinstance(value, ListValue):
        return no_list(context, value)
    if len(value.items) > 1:
        return context.failure(f"a list of {len(value.items)} items")
    if value.rest:
        return context.unknown(value)
    return inherit(value.items[0], value.origin) if value.items else Absent(context.origin.joined(value.origin))


def _slice(context: Context, value: Value, start: Value, end: Value) -> Value:
    if not isinstance(value, ListValue):
        return no_list(context, value)
    bounds = []
    for each in (start, end):
        bound = to_number(each)
        if isinstance(bound, Failure):
            return context.failure(bound.reason)
        if not isinstance(bound, Known) or value.rest:
            return context.unknown(value if value.rest else bound)
        if not isinstance(bound.value, int) or not 0 <= bound.value <= len(value.items):
            return context.failure(f"index {describe(bound)} is out of range")
        bounds.append(bound.value)
    if bounds[0] > bounds[1]:
        return context.failure("the end is before the start")
    return ListValue(value.items[bounds[0] : bounds[1]], "", context.origin)


def _reverse(context: Context, value: Value) -> Value:
    return ListValue(value.items[::-1], value.rest, context.origin) if isinstance(value, ListValue) else no_list(context, value)


def _chunks(context: Context, value: Value, size: Value) -> Value:
    if not isinstance(value, ListValue):
        return no_list(context, value)
    count = to_number(size)
    if isinstance(count, Failure):
        return context.failure(count.reason)
    if not isinstance(count, Known) or value.rest:
        return context.unknown(value if value.rest else count)
    if not isinstance(count.value, int) or count.value < 0:
        return context.failure("the size is not a whole number from 0")
    step = count.value or max(1, len(value.items))
    chunks = [ListValue(value.items[start : start + step], "", context.origin) for start in range(0, len(value.items), step)]
    return ListValue(tuple(chunks), "", context.origin)


# Building


def concat(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the items of all lists; a list that is not known makes the rest unknown."""
    if not arguments:
        return context.failure("no arguments")
    items: list[Value] = []
    rest = ""
    for argument in arguments:
        if isinstance(argument, ListValue):
            items.extend(argument.items)
            rest = rest or argument.rest
        elif isinstance(argument, (Unknown, Symbol, Reference)):
            rest = rest or reason_of(argument)
        else:
            return no_list(context, argument)
    return _listed(context, items, rest)


def merge(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the entries of all maps, later ones replace earlier ones; one that is not known may replace any before it."""
    entries: list[Entry] = []
    rest = ""
    for argument in arguments:
        if isinstance(argument, Absent):
            continue
        if isinstance(argument, MapValue):
            if argument.rest or not all(isinstance(entry.key, Known) for entry in argument.entries):
                why = argument.rest or _unsorted(argument) or "a key is not known"
                entries = [Entry(entry.key, Unknown(why, entry.value.origin)) for entry in entries]
            names = {entry.key for entry in argument.entries}
            entries = [entry for entry in entries if entry.key not in names]
            entries.extend(inherited for entry in argument.entries for inherited in [_inherited(entry, argument)])
            rest = rest or argument.rest
        elif isinstance(argument, (Unknown, Symbol, Reference)):
            rest = rest or reason_of(argument)
            entries = [Entry(entry.key, Unknown(reason_of(argument), entry.value.origin)) for entry in entries]
        else:
            return no_map(context, argument)
    if len(entries) > MAX_ITEMS:
        return too_many(context)
    return MapValue(tuple(entries), rest, context.origin)


def _inherited(entry: Entry, container: MapValue) -> Entry:
    return Entry(entry.key, inherit(entry.value, container.origin))


def _flatten(context: Context, value: Value) -> Value:
    if not isinstance(value, ListValue):
        return no_list(context, value)
    items: list[Value] = []
    rest = _flatten_into(value, items)
    choices = [item for item in items if isinstance(item, Choice) and any(isinstance(branch.value, ListValue) for branch in item.branches)]
    if choices:
        return lift(lambda *outcomes: _flatten(context, ListValue(outcomes, rest, context.origin)), items, context.origin)
    return _listed(context, items, rest)


def _flatten_into(value: ListValue, items: list[Value]) -> str:
    rest = value.rest
    for item in value.items:
        if isinstance(item, ListValue):
            rest = _flatten_into(item, items) or rest
        elif isinstance(item, Unknown):
            rest = rest or item.reason
        else:
            items.append(item)
        if len(items) > MAX_ITEMS:
            break
    return rest


def range_(context: Context, arguments: Sequence[Value]) -> Value:
    """Return numbers from a start up to a limit."""
    bounds: list[Fraction] = []
    for argument in arguments:
        bound = to_number(argument)
        if isinstance(bound, Failure):
            return context.failure(bound.reason)
        if not isinstance(bound, Known):
            return context.unknown(bound)
        assert not isinstance(bound.value, str)
        bounds.append(fraction(bound.value))
    if not 1 <= len(bounds) <= 3:
        return context.failure(f"{len(bounds)} arguments")
    start = bounds[0] if len(bounds) > 1 else Fraction(0)
    limit = bounds[1] if len(bounds) > 1 else bounds[0]
    step = bounds[2] if len(bounds) > 2 else Fraction(1 if limit >= start else -1)
    if step == 0 or (limit > start and step < 0) or (limit < start and step > 0):
        return context.failure("a step in the wrong direction")
    items: list[Value] = []
    while (start < limit) if step > 0 else (start > limit):
        if len(items) >= _MAX_RANGE:
            return context.failure(f"more than {_MAX_RANGE} numbers")
        items.append(number(start, context.origin))
        start += step
    return ListValue(tuple(items), "", context.origin)


def _zipmap(context: Context, keys: Value, values: Value) -> Value:
    if not isinstance(keys, ListValue) or not isinstance(values, ListValue):
        return no_list(context, values if isinstance(keys, ListValue) else keys)
    if keys.rest or values.rest:
        return context.unknown(keys if keys.rest else values)
    if len(keys.items) != len(values.items):
        return context.failure("lists of different lengths")
    return _mapped(context, zip(keys.items, values.items, strict=True))


def _mapped(context: Context, pairs: Iterable[tuple[Value, Value]]) -> Value:
    entries: dict[Known | Template | Symbol, Value] = {}
    rest = ""
    for key, value in pairs:
        name = plain_text(key)
        if isinstance(name, Failure):
            return context.failure(name.reason)
        if isinstance(name, Reference):
            name = Template((name,), name.origin)
        if isinstance(name, (Known, Template, Symbol)):
            entries[name] = value
        else:
            rest = rest or reason_of(name)
            entries = {known: Unknown(rest, each.origin) for known, each in entries.items()}
    return MapValue(tuple(Entry(key, value) for key, value in entries.items()), rest, context.origin)


def _transpose(context: Context, value: Value) -> Value:
    if not isinstance(value, MapValue):
        return no_map(context, value)
    groups: dict[str, list[Value]] = {}
    for entry in sorted_entries(value):
        if not isinstance(entry.value, ListValue):
            return no_list(context, entry.value)
        if entry.value.rest or value.rest or not isinstance(entry.key, Known):
            return context.unknown(entry.value if entry.value.rest else value if value.rest else entry.key)
        for item in entry.value.items:
            name = plain_text(item)
            if not isinstance(name, Known):
                return context.failure(name.reason) if isinstance(name, Failure) else context.unknown(name)
            groups.setdefault(str(name.value), []).append(entry.key)
    return MapValue(
        tuple(Entry(Known(name), ListValue(tuple(groups[name]), "", context.origin)) for name in sorted(groups)), "", context.origin
    )


def _compact(context: Context, value: Value) -> Value:
    if not isinstance(value, ListValue):
        return no_list(context, value)
    items: list[Value] = []
    rest = value.rest
    for item in value.items:
        if isinstance(item, Absent):
            continue
        converted = to_text(item)
        if isinstance(converted, Failure):
            return context.failure(converted.reason)
        empty = equal(converted, Known(""))
        if isinstance(empty, Known):
            if empty.value is False:
                items.append(converted)
        elif isinstance(empty, Choice):
            return _compact_choice(context, value, converted, empty)
        else:
            rest = rest or reason_of(empty)
    return ListValue(tuple(items), rest, context.origin)


def _compact_choice(context: Context, value: ListValue, item: Value, empty: Choice) -> Value:
    """Return the list as a choice of whether one of its items is empty; the item is set in the other branch."""

    def without(answer: Value) -> Value:
        keep = isinstance(answer, Known) and answer.value is False
        before = [other for other in value.items if other != item]
        rest_of = _compact(context, replace(value, items=tuple(before)))
        position = sum(1 for other in value.items[: value.items.index(item)] if other != item)
        if not keep:
            return rest_of
        return lift(lambda found: _inserted(found, item, position), (rest_of,), context.origin)

    return lift(without, (empty,), context.origin)


def _inserted(found: Value, item: Value, position: int) -> Value:
    if not isinstance(found, ListValue):
        return found
    position = min(position, len(found.items))
    return replace(found, items=(*found.items[:position], item, *found.items[position:]))


def _sort(context: Context, value: Value) -> Value:
    if not isinstance(value, ListValue):
        return no_list(context, value)
    texts: list[Value] = []
    for item in value.items:
        converted = plain_text(item)
        if isinstance(converted, Failure):
            return context.failure(converted.reason)
        if isinstance(converted, Known):
            texts.append(converted)
        elif len(value.items) == 1:
            return ListValue((converted,), value.rest, context.origin)
        else:
            return ListValue(value.items, value.rest or f"the order is not known: {reason_of(converted)}", context.origin)
    return ListValue(tuple(sorted(texts, key=lambda each: str(each.value) if isinstance(each, Known) else "")), value.rest, context.origin)


# Questions


def _contains(context: Context, value: Value, wanted: Value) -> Value:
    if not isinstance(value, ListValue):
        return no_list(context, value)
    answer: Value = Known(False, context.origin)
    unsure: Value | None = None
    for item in value.items:
        same = equal(item, wanted)
        if isinstance(same, Known):
            if same.value is True:
                return Known(True, context.origin)
        elif isinstance(same, Choice):
            answer = lift(_either, (answer, same), context.origin)
        else:
            unsure = unsure or same
    if unsure is not None or value.rest:
        return context.unknown(unsure if unsure is not None else value)
    return answer


def _either(left: Value, right: Value) -> Value:
    return left if isinstance(left, Known) and left.value is True else right


def _index(context: Context, value: Value, wanted: Value) -> Value:
    if not isinstance(value, ListValue):
        return no_list(context, value)
    for position, item in enumerate(value.items):
        same = equal(item, wanted)
        if not isinstance(same, Known):
            return context.unknown(item if not isinstance(item, Known) else wanted)
        if same.value is True:
            return context.unknown(value) if value.rest else Known(position, context.origin)
    return context.unknown(value) if value.rest else context.failure(f"{describe(wanted)} is not in the list")


def _every(context: Context, value: Value, *, decisive: bool) -> Value:
    """Return whether all items (or any item) are true; a null is not true."""
    if not isinstance(value, ListValue):
        return no_list(context, value)
    unsure: Value | None = value if value.rest else None
    for item in value.items:
        truth = Known(False) if isinstance(item, Absent) else to_bool(item)
        if isinstance(truth, Failure):
            return context.failure(truth.reason)
        if not isinstance(truth, Known):
            unsure = unsure or truth
        elif truth.value is decisive:
            return Known(decisive, context.origin)
    return context.unknown(unsure) if unsure is not None else Known(not decisive, context.origin)


def _alltrue(context: Context, value: Value) -> Value:
    return _every(context, value, decisive=False)


def _anytrue(context: Context, value: Value) -> Value:
    return _every(context, value, decisive=True)


def _sum(context: Context, value: Value) -> Value:
    if not isinstance(value, ListValue):
        return no_list(context, value)
    if value.rest:
        return context.unknown(value)
    if not value.items:
        return context.failure("an empty list")
    total = Fraction(0)
    for item in value.items:
        converted = to_number(item)
        if not isinstance(converted, Known):
            return context.failure(converted.reason) if isinstance(converted, Failure) else context.unknown(converted)
        assert not isinstance(converted.value, str)
        total += fraction(converted.value)
    return number(total, context.origin)


# Terraform 0.11's own


def _list(context: Context, arguments: Sequence[Value]) -> Value:
    return ListValue(tuple(arguments), "", context.origin)


def _map(context: Context, arguments: Sequence[Value]) -> Value:
    if len(arguments) % 2:
        return context.failure(f"{len(arguments)} arguments")
    return _mapped(context, zip(arguments[::2], arguments[1::2], strict=True))


FUNCTIONS: Mapping[str, Function] = {
    "alltrue": over_items(checked(1, _alltrue)),
    "anytrue": over_items(checked(1, _anytrue)),
    "chunklist": checked(2, _chunks),
    "compact": over_items(checked(1, _compact)),
    "concat": concat,
    "contains": over_items(checked(2, _contains)),
    "element": checked(2, _element),
    "flatten": checked(1, _flatten),
    "index": over_items(checked(2, _index)),
    "keys": checked(1, _keys),
    "length": checked(1, _length),
    "list": _list,
    "lookup": lookup,
    "map": _map,
    "merge": merge,
    "one": one,
    "range": range_,
    "reverse": checked(1, _reverse),
    "slice": checked(3, _slice),
    "sort": over_items(checked(1, _sort)),
    "sum": over_items(checked(1, _sum)),
    "transpose": checked(1, _transpose),
    "values": checked(1, _values),
    "zipmap": over_items(checked(2, _zipmap), 0),
}
