"""Terraform's automatic conversions between string, number and bool, and what certainly fails at run time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias, Union

from ctkms_policy.source import Run, Span, TextMap
from ctkms_policy.value import (
    NOWHERE,
    Absent,
    Choice,
    Entry,
    JsonText,
    Known,
    ListValue,
    Literal,
    MapValue,
    Origin,
    Reference,
    Symbol,
    Template,
    Unknown,
    Value,
    at,
    concatenate,
    describe,
    lift,
)
from ctkms_policy.value import Failure as Failure

MAX_TEXT = 1 << 20
"""Longer strings that an expression builds are not kept."""

MAX_ITEMS = 10_000
"""Longer lists and larger maps that an expression builds are not kept."""

MAX_NODES = 100_000
"""No value may hold more values than this: locals that name each other several times grow exponentially."""

_MAX_PLACED = 1000
"""Characters of an interpolated text whose place is kept within the interpolation."""

_MAX_BITS = 512
"""Terraform's own precision; larger whole numbers are not exact there either."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")

Number: TypeAlias = Union[int, float]


def reason_of(value: Value) -> str:
    """Return why a value is not known, in words a user can act on."""
    if isinstance(value, Unknown):
        return value.reason
    if isinstance(value, Symbol):
        return value.reason or f"{value.spelling or value.name} is not known"
    if isinstance(value, Reference):
        return f"{describe(value)} is known only after the deployment"
    if isinstance(value, Template):
        return next(reason_of(part) for part in value.parts if not isinstance(part, Literal))
    if isinstance(value, (ListValue, MapValue)) and value.rest:
        return value.rest
    if isinstance(value, JsonText):
        return "parts of the JSON document are not known"
    return f"{describe(value)} is not certain"


def to_text(value: Value) -> Value:
    """Return the value as a string: Known, Template, Symbol, Reference, JsonText or Unknown; a Failure where it cannot be one."""
    if isinstance(value, Known):
        if isinstance(value.value, str):
            return value
        return Known(scalar(value.value), value.origin)
    if isinstance(value, Absent):
        return Failure("a null value where a string is needed", value.origin)
    if isinstance(value, (ListValue, MapValue)):
        return Failure(f"{describe(value)} where a string is needed", value.origin)
    return value


def plain_text(value: Value) -> Value:
    """Return the value as a string without JsonText: the JSON document is written out, as ``jsonencode`` does."""
    text = to_text(value)
    return lift(written_json, (text,), text.origin) if isinstance(text, (JsonText, Choice)) else text


def written_json(value: Value) -> Value:
    """Return a JsonText written out: Known, Template, or Unknown. Any other value comes back as it is."""
    return concatenate(_json_parts(value.document), value.origin) if isinstance(value, JsonText) else value


def written(values: Iterable[Value], origin: Origin) -> Value:
    """Return the string that the values make one after the other; one that is nothing but a symbol or reference is that."""
    return lift(lambda *parts: _written(parts, origin), tuple(values), origin)


def _written(values: Sequence[Value], origin: Origin) -> Value:
    if sum(_length(value) for value in values) > MAX_TEXT:
        return Unknown(f"a string with more than {MAX_TEXT} characters", origin)
    value = concatenate(values, origin)
    if isinstance(value, Template) and len(value.parts) == 1 and not isinstance(value.parts[0], Literal):
        return inherit(value.parts[0], value.origin)
    return value


def _length(value: Value) -> int:
    if isinstance(value, Template):
        return sum(len(part.text) if isinstance(part, Literal) else 1 for part in value.parts)
    return len(value.value) if isinstance(value, Known) and isinstance(value.value, str) else 1


def placed(value: Value, span: Span) -> Value:
    """Return a string that stands in a larger one as if it were written where its interpolation is: ``span``."""
    if isinstance(value, Known):
        return replace(value, text_map=_text_map_at(span, len(str(value.value))))
    if isinstance(value, Template):
        moved = (replace(part, text_map=_text_map_at(span, len(part.text))) if isinstance(part, Literal) else part for part in value.parts)
        return replace(value, parts=tuple(moved))
    return at(value, span) if isinstance(value, JsonText) else value


def _text_map_at(span: Span, length: int) -> TextMap:
    """Return the map of a text onto a span: character by character, and the rest of it onto the span's last character."""
    width = max(1, span.end_column - span.column if span.end_line == span.line else 2)
    behind = (Run(offset, span.line, span.column + width - 1) for offset in range(width, min(length, _MAX_PLACED)))
    return TextMap(span.path, (Run(0, span.line, span.column), *behind))


def to_number(value: Value) -> Value:
    """Return the value as a number: Known, or what it is where that is not known; a Failure where it cannot be one."""
    if isinstance(value, Known):
        if isinstance(value.value, bool):
            return Failure("a bool where a number is needed", value.origin)
        if isinstance(value.value, str):
            return parse_number(value.value, value.origin)
        return value
    if isinstance(value, Absent):
        return Failure("a null value where a number is needed", value.origin)
    if isinstance(value, (ListValue, MapValue, JsonText)):
        return Failure(f"{describe(value)} where a number is needed", value.origin)
    return value


def parse_number(text: str, origin: Origin = NOWHERE) -> Value:
    """Return the number that a text is, as Terraform reads it; a Failure where it is none."""
    if not _NUMBER.fullmatch(text) or len(text) > 1000:
        return Failure(f"{describe(Known(text[:40], origin))} is not a number", origin)
    return number(Fraction(text), origin)


def to_bool(value: Value) -> Value:
    """Return the value as a bool: Known, or what it is where that is not known; a Failure where it cannot be one."""
    if isinstance(value, Known):
        if isinstance(value.value, bool):
            return value
        if value.value in ("true", "1", "false", "0") and isinstance(value.value, str):
            return Known(value.value in ("true", "1"), value.origin)
        return Failure(f"{describe(value)} where a bool is needed", value.origin)
    if isinstance(value, Absent):
        return Failure("a null value where a bool is needed", value.origin)
    if isinstance(value, (ListValue, MapValue, JsonText)):
        return Failure(f"{describe(value)} where a bool is needed", value.origin)
    return value


def number(exact: Fraction, origin: Origin = NOWHERE) -> Value:
    """Return a number as a Known: an int where it is whole, else a float."""
    if exact.denominator == 1:
        if exact.numerator.bit_length() > _MAX_BITS:
            return Unknown("a number too large to be exact", origin)
        return Known(exact.numerator, origin)
    try:
        return Known(float(exact), origin)
    except OverflowError:
        return Unknown("a number too large to be exact", origin)


def fraction(value: Number) -> Fraction:
    """Return the number that is meant: a float stands for its shortest decimal text."""
    return Fraction(value) if isinstance(value, int) else Fraction(repr(value))


def scalar(value: str | int | float | bool) -> str:
    """Return a scalar as Terraform writes it into a string: no exponent, no trailing zeros."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return str(value)


def sorted_entries(value: MapValue) -> tuple[Entry, ...]:
    """Return the entries in Terraform's order: by key; those whose key has holes last."""
    certain = [entry for entry in value.entries if isinstance(entry.key, Known)]
    holes = [entry for entry in value.entries if not isinstance(entry.key, Known)]
    return (*sorted(certain, key=lambda entry: scalar(entry.key.value) if isinstance(entry.key, Known) else ""), *holes)


def inherit(value: Value, *origins: Origin) -> Value:
    """Return ``value`` with the inputs and the sensitivity of the origins added."""
    if not any(origin.inputs or origin.sensitive for origin in origins):
        return value
    return replace(value, origin=value.origin.joined(*origins))


def all_origins(values: Iterable[Value]) -> Iterator[Origin]:
    """Yield the origins of the values and of what is in them."""
    for value in values:
        for each in all_values(value):
            yield each.origin


def all_values(value: Value) -> Iterator[Value]:
    """Yield the value and what is in it, at most MAX_NODES values."""
    waiting = [value]
    for _ in range(MAX_NODES):
        if not waiting:
            return
        value = waiting.pop()
        yield value
        waiting.extend(inner(value))


def inner(value: Value) -> Iterator[Value]:
    """Yield the values that ``value`` directly holds."""
    if isinstance(value, ListValue):
        yield from value.items
    elif isinstance(value, MapValue):
        yield from (entry.value for entry in value.entries)
    elif isinstance(value, Choice):
        yield from (branch.value for branch in value.branches)
    elif isinstance(value, JsonText):
        yield value.document


def is_larger(value: Value, limit: int) -> bool:
    """Tell whether more than ``limit`` values are in ``value``."""
    waiting = [value]
    while waiting:
        limit -= 1
        if limit < 0 or len(waiting) > limit + 1:
            return True
        waiting.extend(inner(waiting.pop()))
    return False


_JSON_ESCAPES = {
    **{code: f"\\u{code:04x}" for code in range(0x20)},
    **{ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"},
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
}


def json_quoted(text: str) -> str:
    """Return the inside of a JSON string as Terraform's ``jsonencode`` writes it, which also escapes ``<``, ``>`` and ``&``."""
    return text.translate(_JSON_ESCAPES)


def _json_parts(value: Value) -> Iterator[Value]:
    if isinstance(value, Absent):
        yield Known("null")
    elif isinstance(value, Known):
        yield Known(f'"{json_quoted(value.value)}"' if isinstance(value.value, str) else scalar(value.value))
    elif isinstance(value, Template):
        yield Known('"')
        for part in value.parts:
            yield Known(json_quoted(part.text)) if isinstance(part, Literal) else part
        yield Known('"')
    elif isinstance(value, (Symbol, Reference)):
        yield from (Known('"'), value, Known('"'))
    elif isinstance(value, ListValue):
        yield from _sequence("[", [list(_json_parts(item)) for item in value.items], value.rest, "]")
    elif isinstance(value, MapValue):
        entries = [[*_json_parts(entry.key), Known(":"), *_json_parts(entry.value)] for entry in sorted_entries(value)]
        yield from _sequence("{", entries, value.rest, "}")
    elif isinstance(value, JsonText):
        yield from _json_parts(written_json(value))
    elif isinstance(value, Choice):
        yield lift(lambda outcome: concatenate(_json_parts(outcome)), (value,))
    else:
        yield value


def _sequence(opening: str, items: list[list[Value]], rest: str, closing: str) -> Iterator[Value]:
    yield Known(opening)
    for position, item in enumerate(items):
        if position:
            yield Known(",")
        yield from item
    if rest:
        yield Unknown(rest)
    yield Known(closing)
