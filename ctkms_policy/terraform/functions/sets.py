"""Sets, and what else asks which items are equal: ``toset``, ``distinct``, ``setunion``, ``matchkeys`` ..."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product

from ctkms_policy.terraform.comparison import equal
from ctkms_policy.terraform.conversion import MAX_ITEMS, fraction, scalar, to_text
from ctkms_policy.terraform.functions.collection import checked, concat, no_list, no_map, too_many
from ctkms_policy.terraform.functions.context import Context, Function, over_items
from ctkms_policy.value import Absent, Entry, JsonText, Known, ListValue, MapValue, Match, Template, Unknown, Value, describe


def one_type(items: Sequence[Value]) -> list[Value]:
    """Return the items as Terraform converts them when they become a list: all strings where one of them is a string."""
    return [_as_text(item) for item in items] if any(_has_text(item) for item in items) else list(items)


def _has_text(item: Value) -> bool:
    if isinstance(item, ListValue):
        return any(_has_text(each) for each in item.items)
    return isinstance(item, (Template, JsonText)) or (isinstance(item, Known) and isinstance(item.value, str))


def _as_text(item: Value) -> Value:
    if isinstance(item, ListValue):
        return replace(item, items=tuple(_as_text(each) for each in item.items))
    return to_text(item) if isinstance(item, Known) else item


def _tolist(context: Context, value: Value) -> Value:
    if isinstance(value, Absent):
        return value
    if not isinstance(value, ListValue):
        return no_list(context, value)
    return replace(value, items=tuple(one_type(value.items)), is_set=False)


def _tomap(context: Context, value: Value) -> Value:
    if isinstance(value, Absent):
        return value
    if not isinstance(value, MapValue):
        return no_map(context, value)
    converted = one_type([entry.value for entry in value.entries])
    return replace(value, entries=tuple(Entry(entry.key, item) for entry, item in zip(value.entries, converted, strict=True)))


def as_set(context: Context, items: Sequence[Value], rest: str = "") -> Value:
    """Return a list without duplicates in the order of a set; items that may be equal make its size unknown."""
    converted = one_type(items)
    kept, unsure = _distinct(converted)
    return ListValue(tuple(set_order(kept)), rest or unsure, context.origin, is_set=True)


def _toset(context: Context, value: Value) -> Value:
    if isinstance(value, Absent):
        return value
    return as_set(context, value.items, value.rest) if isinstance(value, ListValue) else no_list(context, value)


def distinct_items(items: Sequence[Value]) -> list[Value]:
    """Return the items of a list as those of a set: each once, in the order of a set; what is not known may be any."""
    return set_order([item for position, item in enumerate(items) if item not in items[:position] or isinstance(item, Unknown)])


def set_order(items: Sequence[Value]) -> list[Value]:
    """Return the items in the order in which Terraform goes through a set; what is not known stands last."""

    def rank(item: Value) -> tuple[int, Fraction, str]:
        if isinstance(item, Known):
            if isinstance(item.value, (int, float)) and not isinstance(item.value, bool):
                return (0, fraction(item.value), "")
            return (0, Fraction(0), scalar(item.value))
        return (1, Fraction(0), "")

    return sorted(items, key=rank)


def _distinct(items: Sequence[Value]) -> tuple[list[Value], str]:
    """Return the items without those that equal an earlier one, and why their number is not certain, or ""."""
    kept: list[Value] = []
    scalars: set[tuple[type, object]] = set()
    others: list[Value] = []
    unsure = ""
    for item in items:
        if isinstance(item, Known):
            kind = str if isinstance(item.value, str) else bool if isinstance(item.value, bool) else Fraction
            content = fraction(item.value) if kind is Fraction and not isinstance(item.value, str) else item.value
            if (kind, content) in scalars:
                continue
            scalars.add((kind, content))
            compared: Sequence[Value] = others
        else:
            compared = kept
        answer = Match.any_of(_same(item, other) for other in compared)
        if answer is Match.YES:
            continue
        if answer is Match.MAYBE:
            unsure = unsure or f"items that may be equal: {describe(item)}"
        kept.append(item)
        if not isinstance(item, Known):
            others.append(item)
    return kept, unsure


def _same(left: Value, right: Value) -> Match:
    """Return whether two items of one list are equal; as items of one list they have one type."""
    if isinstance(left, ListValue) and isinstance(right, ListValue) and not left.rest and not right.rest:
        if len(left.items) != len(right.items):
            return Match.NO
        return Match.all_of(_same(one, other) for one, other in zip(left.items, right.items, strict=True))
    if isinstance(left, MapValue) and isinstance(right, MapValue) and not left.rest and not right.rest:
        if {entry.key for entry in left.entries} != {entry.key for entry in right.entries}:
            return Match.of(False) if all(isinstance(entry.key, Known) for entry in (*left.entries, *right.entries)) else Match.MAYBE
        others = {entry.key: entry.value for entry in right.entries}
        return Match.all_of(_same(entry.value, others[entry.key]) for entry in left.entries)
    answer = equal(left, right)
    return Match.of(answer.value is True) if isinstance(answer, Known) else Match.MAYBE


def _distinct_list(context: Context, value: Value) -> Value:
    if not isinstance(value, ListValue):
        return no_list(context, value)
    kept, unsure = _distinct(one_type(value.items))
    return ListValue(tuple(kept), value.rest or unsure, context.origin)


def _setproduct(context: Context, arguments: Sequence[Value]) -> Value:
    if len(arguments) < 2:
        return context.failure(f"{len(arguments)} arguments")
    size = 1
    for argument in arguments:
        if not isinstance(argument, ListValue):
            return no_list(context, argument)
        if argument.rest:
            return context.unknown(argument)
        size *= len(argument.items)
    if size > MAX_ITEMS:
        return too_many(context)
    lists = [argument.items for argument in arguments if isinstance(argument, ListValue)]
    rows = tuple(ListValue(row, "", context.origin) for row in product(*lists))
    return ListValue(rows, "", context.origin, is_set=any(isinstance(each, ListValue) and each.is_set for each in arguments))


def _matchkeys(context: Context, values: Value, keys: Value, wanted: Value) -> Value:
    for argument in (values, keys, wanted):
        if not isinstance(argument, ListValue):
            return no_list(context, argument)
        if argument.rest:
            return context.unknown(argument)
    assert isinstance(values, ListValue)
    assert isinstance(keys, ListValue)
    assert isinstance(wanted, ListValue)
    if len(values.items) != len(keys.items):
        return context.failure("lists of different lengths")
    found = []
    for item, key in zip(values.items, keys.items, strict=True):
        answer = Match.any_of(_same(key, each) for each in wanted.items)
        if answer is Match.MAYBE:
            return context.unknown(key)
        if answer is Match.YES:
            found.append(item)
    return ListValue(tuple(found), "", context.origin)


def setunion(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the items of all sets."""
    joined = concat(context, arguments)
    return as_set(context, joined.items, joined.rest) if isinstance(joined, ListValue) else joined


def _set_operation(*, keep_common: bool) -> Function:
    def call(context: Context, arguments: Sequence[Value]) -> Value:
        if not arguments or (not keep_common and len(arguments) != 2):
            return context.failure(f"{len(arguments)} arguments")
        sets: list[ListValue] = []
        for argument in arguments:
            if not isinstance(argument, ListValue):
                return no_list(context, argument)
            sets.append(argument)
        everything = one_type([item for each in sets for item in each.items])
        texts = [item for item in everything if isinstance(item, Known) and isinstance(item.value, str)]
        kept = [to_text(item) if texts and isinstance(item, Known) else item for item in sets[0].items]
        rest = sets[0].rest
        for other in sets[1:]:
            compared = [to_text(item) if texts and isinstance(item, Known) else item for item in other.items]
            remaining = []
            for item in kept:
                answer = Match.any_of(_same(item, each) for each in compared)
                if answer is Match.YES:
                    if keep_common:
                        remaining.append(item)
                elif answer is Match.MAYBE or other.rest:
                    rest = rest or other.rest or f"items that may be equal: {describe(item)}"
                elif not keep_common:
                    remaining.append(item)
            kept = remaining
        return as_set(context, kept, rest)

    return call


FUNCTIONS: Mapping[str, Function] = {
    "distinct": over_items(checked(1, _distinct_list)),
    "matchkeys": over_items(checked(3, _matchkeys)),
    "setintersection": over_items(_set_operation(keep_common=True)),
    "setproduct": _setproduct,
    "setsubtract": over_items(_set_operation(keep_common=False)),
    "setunion": over_items(setunion),
    "tolist": checked(1, _tolist),
    "tomap": checked(1, _tomap),
    "toset": over_items(checked(1, _toset)),
}
