"""Intrinsic functions that need nothing but their arguments, and how values are put together and taken apart."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

from ctkms_policy.cloudformation.placeholders import fill_dynamic_references
from ctkms_policy.value import (
    KEY_ID,
    Absent,
    JsonText,
    Known,
    ListValue,
    Literal,
    Origin,
    Reference,
    Symbol,
    Template,
    Unknown,
    Value,
    concatenate,
    describe,
    lift,
    scalar_text,
    text_parts,
)

MAX_TEXT = 1_000_000
"""Characters that a function may put together; a longer string is Unknown."""

MAX_ITEMS = 10_000
"""Pieces that a string may be split into; what comes after them is not known."""


MAX_BLOCKS = 256
"""Address blocks that Fn::Cidr gives at most, according to AWS."""


def placed(value: Value, origin: Origin) -> Value:
    """Return ``value`` standing where ``origin`` says, with the way it came and the inputs that decided it."""
    way = (*origin.via, *value.origin.via)
    return replace(value, origin=replace(value.origin.joined(origin), span=origin.span or value.origin.span, via=way))


def slice_of(literal: Literal, start: int, end: int) -> Known:
    """Return a part of a literal with the places of its characters."""
    part = literal.text_map.part(start, end) if literal.text_map is not None and end > start else None
    return Known(literal.text[start:end], text_map=part)


def _pair(arguments: Value) -> tuple[Value, Value] | None:
    if isinstance(arguments, ListValue) and len(arguments.items) == 2:
        return arguments.items[0], arguments.items[1]
    return None


def _join(arguments: Value, origin: Origin) -> Value:
    pair = _pair(arguments)
    if pair is None:
        return Unknown("Fn::Join without a delimiter and a list", origin)
    return lift(lambda delimiter, items: _join_items(delimiter, items, origin), pair, origin)


def _join_items(delimiter: Value, items: Value, origin: Origin) -> Value:
    if not isinstance(items, ListValue):
        return Unknown(f"Fn::Join of {describe(items)}", origin)
    flat = [each for item in items.items for each in (item.items if isinstance(item, ListValue) else (item,))]
    rest = items.rest or next((item.rest for item in items.items if isinstance(item, ListValue) and item.rest), "")
    if rest:
        flat.append(Unknown(rest))
    text = joined(flat, delimiter, origin)
    return fill_dynamic_references(text) if isinstance(text, Known) and isinstance(text.value, str) else text


def joined(items: Sequence[Value], delimiter: Value | None, origin: Origin) -> Value:
    """Return the items one after the other; a single value keeps the way it came."""

    def write(*values: Value) -> Value:
        kept: list[Value] = [value for value in values if not isinstance(value, Absent)]
        if delimiter is not None:
            kept = [each for value in kept for each in (delimiter, value)][1:]
        kept = [value for value in kept if value != Known("")]
        if sum(len(value.value) for value in kept if isinstance(value, Known) and isinstance(value.value, str)) > MAX_TEXT:
            return Unknown(f"a string longer than {MAX_TEXT} characters", origin)
        if len(kept) == 1 and isinstance(kept[0], (Known, Template, Symbol, Reference, Unknown)):
            return placed(kept[0], origin)
        return concatenate(kept, origin)

    return lift(write, tuple(items), origin)


def _select(arguments: Value, origin: Origin) -> Value:
    pair = _pair(arguments)
    if pair is None:
        return Unknown("Fn::Select without an index and a list", origin)

    def select(index: Value, items: Value) -> Value:
        number = _number(index)
        if number is None:
            return Unknown(f"Fn::Select with the index {describe(index)}", origin)
        if not isinstance(items, ListValue):
            return Unknown(f"Fn::Select of {describe(items)}", origin)
        if number < len(items.items):
            return placed(items.items[number], origin)
        return Unknown(items.rest or f"Fn::Select of item {number} of a list with {len(items.items)}", origin)

    return lift(select, pair, origin)


def _split(arguments: Value, origin: Origin) -> Value:
    pair = _pair(arguments)
    if pair is None:
        return Unknown("Fn::Split without a delimiter and a string", origin)
    return lift(lambda delimiter, text: _split_text(delimiter, text, origin), pair, origin)


def _split_text(delimiter: Value, text: Value, origin: Origin) -> Value:
    mark = scalar_text(delimiter.value) if isinstance(delimiter, Known) else ""
    if not mark:
        return Unknown(f"Fn::Split at {describe(delimiter)}", origin)
    if not isinstance(text, (Known, Template, Symbol, Reference, Unknown)):
        return Unknown(f"Fn::Split of {describe(text)}", origin)
    items: list[list[Value]] = [[]]
    for part in text_parts(text):
        if isinstance(part, (Symbol, Reference, Unknown)):
            if not _never_holds(part, mark):
                # From here on nobody knows how many pieces there are.
                return ListValue(_pieces(items[:-1], origin), f"{describe(part)} may hold {mark!r}", origin)
            items[-1].append(part)
            continue
        position = 0
        while (found := part.text.find(mark, position)) >= 0:
            items[-1].append(slice_of(part, position, found))
            if len(items) > MAX_ITEMS:
                return ListValue(_pieces(items, origin), f"the string has more than {MAX_ITEMS} pieces", origin)
            items.append([])
            position = found + len(mark)
        items[-1].append(slice_of(part, position, len(part.text)))
    return ListValue(_pieces(items, origin), "", origin)


def _pieces(items: Sequence[Sequence[Value]], origin: Origin) -> tuple[Value, ...]:
    return tuple(joined(item, None, origin) for item in items)


def _never_holds(hole: Symbol | Reference | Unknown, mark: str) -> bool:
    if isinstance(hole, Reference) and hole.attribute == "KeyId":
        return not set(mark) & (KEY_ID.alphabet or set())
    if not isinstance(hole, Symbol):
        return False
    if hole.shape.one_of:
        return not any(mark in text for text in hole.shape.one_of)
    return hole.shape.alphabet is not None and not set(mark) & hole.shape.alphabet


def _base64(arguments: Value, origin: Origin) -> Value:
    def encode(value: Value) -> Value:
        if isinstance(value, Known):
            return Known(base64.b64encode(scalar_text(value.value).encode()).decode(), origin)
        return Unknown(f"Fn::Base64 of {describe(value)}", origin)

    return lift(encode, (arguments,), origin)


def _length(arguments: Value, origin: Origin) -> Value:
    def count(value: Value) -> Value:
        if isinstance(value, ListValue) and not value.rest:
            return Known(len(value.items), origin)
        return Unknown(f"Fn::Length of {describe(value)}", origin)

    return lift(count, (arguments,), origin)


def _to_json_string(arguments: Value, origin: Origin) -> Value:
    return JsonText(arguments, origin)


def _get_azs(arguments: Value, origin: Origin) -> Value:
    return ListValue((), "the availability zones are only known at the deployment", origin)


def _cidr(arguments: Value, origin: Origin) -> Value:
    items = arguments.items if isinstance(arguments, ListValue) else ()
    if len(items) != 3:
        # AWS documents three arguments, and no default for the third.
        return ListValue((), "Fn::Cidr without an address block, a count and a number of subnet bits", origin)
    return lift(lambda block, count, bits: _blocks(block, count, bits, origin), items, origin)


def _blocks(block: Value, count: Value, bits: Value, origin: Origin) -> Value:
    from ipaddress import ip_network

    wanted, width = _number(count), _number(bits)
    if not isinstance(block, Known) or wanted is None or width is None:
        wrong, name = (block, "block") if not isinstance(block, Known) else (count, "count") if wanted is None else (bits, "subnet bits")
        return ListValue((), f"Fn::Cidr with the {name} {describe(wrong)}", origin)
    try:
        network = ip_network(scalar_text(block.value))
    except ValueError as error:
        return ListValue((), f"Fn::Cidr with the block {describe(block)}: {error}", origin)
    if not 1 <= wanted <= MAX_BLOCKS:
        return ListValue((), f"Fn::Cidr with the count {wanted}, which is not from 1 to {MAX_BLOCKS}", origin)
    spare = network.max_prefixlen - network.prefixlen - width
    if spare < 0 or wanted > 2**spare:
        return ListValue((), f"Fn::Cidr with the count {wanted}: {describe(block)} holds fewer blocks with {width} subnet bits", origin)
    return ListValue(tuple(Known(str(each), origin) for each in islice(network.subnets(spare), wanted)), "", origin)


def _number(value: Value) -> int | None:
    text = scalar_text(value.value) if isinstance(value, Known) else ""
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= 6 else None


FUNCTIONS: dict[str, Callable[[Value, Origin], Value]] = {
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Base64": _base64,
    "Fn::Length": _length,
    "Fn::ToJsonString": _to_json_string,
    "Fn::GetAZs": _get_azs,
    "Fn::Cidr": _cidr,
}
"""By name: from the evaluated arguments to the value."""
