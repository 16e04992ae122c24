"""What a plan leaves out of a value, filled from what the code beside it says.

A plan marks what is known only after apply and says nothing else about it within a ``dynamic`` block (B11). Where the code's value
has the same shape, the parts of it that no plan can know are taken; what the plan knows stays as the plan has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ctkms_policy.model import Place
from ctkms_policy.source import Span
from ctkms_policy.value import (
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
    substitute,
)


def filled(planned: Value, code: Value, *, is_ordered: bool = False) -> Value:
    """Return a value of the plan with its unknown parts as the code has them, where the two have the same shape.

    Blocks of ``is_ordered`` stand in the code's order; the plan has those of a set in another one.
    """
    if isinstance(planned, Unknown):
        span = planned.origin.span
        return planned if isinstance(code, Unknown) or span is None else placed(code, span)
    if isinstance(planned, MapValue) and isinstance(code, MapValue):
        entries = []
        for entry in planned.entries:
            other = code.get(entry.name)
            entries.append(replace(entry, value=filled(entry.value, other)) if other is not None else entry)
        return replace(planned, entries=tuple(entries))
    if isinstance(planned, ListValue) and isinstance(code, ListValue) and not code.rest and len(planned.items) == len(code.items):
        fill = _blocks if any(isinstance(item, MapValue) for item in planned.items) else _items
        return replace(planned, items=tuple(fill(planned.items, code.items, is_ordered)))
    return planned


def _items(planned: Sequence[Value], code: Sequence[Value], is_ordered: bool) -> Iterator[Value]:
    """Yield the items of a list with those that are unknown, which are those of the code that nobody knows before apply."""
    later = iter([item for item in code if _is_known_later(item)])
    unknown = sum(isinstance(item, Unknown) for item in planned)
    if unknown == sum(map(_is_known_later, code)):
        yield from (filled(item, next(later)) if isinstance(item, Unknown) else item for item in planned)
    else:
        yield from planned


def _blocks(planned: Sequence[Value], code: Sequence[Value], is_ordered: bool) -> Iterator[Value]:
    if (is_ordered or len(planned) == 1) and all(map(_fit, planned, code)):
        yield from map(filled, planned, code)
        return
    for item in planned:
        fitting = [each for each in code if _fit(item, each)]
        is_certain = len(fitting) == 1 and sum(_fit(each, fitting[0]) for each in planned) == 1
        yield filled(item, fitting[0]) if is_certain else item


def _is_known_later(value: Value) -> bool:
    return isinstance(value, Reference) or (isinstance(value, Template) and any(isinstance(part, Reference) for part in value.parts))


def _fit(planned: Value, code: Value) -> bool:
    """Return whether the two may be one block: nothing that both know differs."""
    if isinstance(planned, Known) and isinstance(code, Known):
        return planned.value == code.value
    if isinstance(planned, MapValue) and isinstance(code, MapValue):
        pairs = ((entry.value, code.get(entry.name)) for entry in planned.entries)
        return all(other is None or _fit(value, other) for value, other in pairs)
    if isinstance(planned, ListValue) and isinstance(code, ListValue):
        texts = [{str(item.value) for item in each.items if isinstance(item, Known)} for each in (planned, code)]
        certain = all(isinstance(item, Known) for each in (planned, code) for item in each.items)
        return len(planned.items) == len(code.items) and (not certain or texts[0] == texts[1])
    return True


def placed(value: Value, span: Span) -> Value:
    """Return a value of the code as one that stands at ``span``: a finding about a plan points into the plan."""
    value = replace(value, origin=Origin(span, sensitive=value.origin.sensitive))
    if isinstance(value, Known):
        return replace(value, text_map=None)
    if isinstance(value, Template):
        parts = (Literal(part.text) if isinstance(part, Literal) else replace(part, origin=Origin(span)) for part in value.parts)
        return replace(value, parts=tuple(parts))
    if isinstance(value, ListValue):
        return replace(value, items=tuple(placed(item, span) for item in value.items))
    if isinstance(value, MapValue):
        return replace(value, entries=tuple(Entry(_key(entry, span), placed(entry.value, span)) for entry in value.entries))
    if isinstance(value, JsonText):
        return replace(value, document=placed(value.document, span))
    if isinstance(value, Choice):
        return replace(value, branches=tuple(replace(branch, value=placed(branch.value, span)) for branch in value.branches))
    return value


def _key(entry: Entry, span: Span) -> Known | Template | Symbol:
    key = placed(entry.key, span)
    return key if isinstance(key, (Known, Template, Symbol)) else entry.key


def deployed(value: Value, place: Place) -> Value:
    """Return a value of the code with account, Region and partition as the plan knows them."""
    known = {name: each for name in ("account", "region", "partition") if isinstance(each := getattr(place, name), Known)}

    def meaning(hole: Symbol | Reference) -> Value:
        return known.get(hole.name, hole) if isinstance(hole, Symbol) else hole

    return substitute(value, meaning)
