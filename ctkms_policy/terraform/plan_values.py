"""One resource of a plan or state: its attributes with what is unknown or sensitive about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ctkms_policy.source import Span
from ctkms_policy.terraform.plan_address import Address
from ctkms_policy.terraform.plan_text import Part
from ctkms_policy.value import Absent, Entry, Known, ListValue, MapValue, Unknown, Value, with_sensitivity


@dataclass(frozen=True)
class PlannedResource:
    """A resource instance as it will be, or as the state has it.

    item      the part of the document it stands in
    content   what it holds: ``change`` or the resource itself
    names     what ``content`` calls the attributes, which of them are unknown, and which sensitive
    is_read   its values are those of the last read, not of this plan: a data source of the prior state, or any resource of a state
    note      what a message about it must say
    """

    address: str
    mode: str
    type: str
    name: str
    item: Part = field(repr=False)
    names: tuple[str, str, str] = ("after", "after_unknown", "after_sensitive")
    is_read: bool = False
    note: str = ""

    @cached_property
    def parts(self) -> Address:
        """Its address in parts."""
        return Address.of(self.address)

    @cached_property
    def block(self) -> str:
        """The address of its block, without module path and key: ``aws_kms_key.logs``, ``data.aws_kms_key.found``."""
        return f"{'data.' if self.mode == 'data' else ''}{self.type}.{self.name}"

    @property
    def kind(self) -> str:
        """The type, with ``data.`` for a data source."""
        return f"{'data.' if self.mode == 'data' else ''}{self.type}"

    @cached_property
    def _plain(self) -> tuple[Any, Any]:
        content = self.item.plain if self.is_read else self.item.plain["change"]
        return content.get(self.names[0]), content.get(self.names[1])

    def plain(self, name: str) -> object:
        """Return an attribute as ``json`` decodes it, None where it is null, unknown or not there."""
        values = self._plain[0]
        return values.get(name) if isinstance(values, dict) else None

    def is_partly_unknown(self, name: str) -> bool:
        """Return whether an attribute, or a part of it, is known only after apply."""
        unknown = self._plain[1]
        return unknown is True or (isinstance(unknown, dict) and _holds_true(unknown.get(name)))

    def is_unknown(self, name: str) -> bool:
        """Return whether nothing of an attribute is known before apply."""
        unknown = self._plain[1]
        return unknown is True or (isinstance(unknown, dict) and unknown.get(name) is True)

    # With spans: only what is looked at is parsed so

    @cached_property
    def _members(self) -> Mapping[str, Part]:
        members = self.item.members()
        return members if self.is_read else members["change"].members()

    @cached_property
    def span(self) -> Span:
        """The span of its address."""
        return self.item.members()["address"].span

    @property
    def shown(self) -> Iterator[Span]:
        """The spans that a report may quote."""
        yield self.span
        for name in self.names[:2]:
            if name in self._members:
                yield self._members[name].span

    @property
    def hidden(self) -> Iterator[Span]:
        """The spans of sensitive values, which no report may quote."""
        return _sensitive_spans(self.values)

    @property
    def secrets(self) -> Iterator[str]:
        """The sensitive texts among its values."""
        content = self.item.plain if self.is_read else self.item.plain["change"]
        if _holds_true(content.get(self.names[2])):
            yield from _sensitive_texts(self.values)

    @cached_property
    def values(self) -> MapValue:
        """All attributes; what is unknown is an Unknown that names itself."""
        parts = [self._members.get(name) for name in self.names]
        given, unknown, sensitive = (Absent() if part is None else part.value() for part in parts)
        merged = _merge(given, unknown, sensitive, self.address)
        return merged if isinstance(merged, MapValue) else MapValue((), "" if isinstance(merged, Absent) else _after_apply(self.address))

    @cached_property
    def _entries(self) -> Mapping[str, Entry]:
        return {str(entry.key.value): entry for entry in self.values.entries if isinstance(entry.key, Known)}

    def value(self, name: str) -> Value:
        """Return an attribute: Absent where it is null or not there, an Unknown where it is known only after apply."""
        entry = self._entries.get(name)
        if entry is not None:
            return entry.value
        return Unknown(self.values.rest) if self.values.rest else Absent()

    def attribute_span(self, name: str) -> Span | None:
        """Return the span of a member ``"name": value``, None where there is none."""
        entry = self._entries.get(name)
        if entry is None or isinstance(entry.value, Absent):
            return None
        first, last = entry.key.origin.span, entry.value.origin.span
        return first.to(last) if first is not None and last is not None else None


def _after_apply(name: str) -> str:
    return f"{name} is known only after apply"


def _holds_true(value: object) -> bool:
    if isinstance(value, dict):
        return any(_holds_true(each) for each in value.values())
    return value is True or (isinstance(value, list) and any(_holds_true(each) for each in value))


def _merge(given: Value, unknown: Value, sensitive: Value, name: str) -> Value:
    """Return a value with its unknown and sensitive parts as such; the three have the same shape (B11)."""
    if unknown == Known(True):
        value: Value = Unknown(_after_apply(name), unknown.origin)
    elif isinstance(given, MapValue) or (isinstance(given, Absent) and isinstance(unknown, MapValue) and unknown.entries):
        value = _merge_maps(given, unknown, sensitive, name)
    elif isinstance(given, ListValue):
        items = (_merge(item, _item(unknown, index), _item(sensitive, index), name) for index, item in enumerate(given.items))
        value = replace(given, items=tuple(items))
    else:
        value = given
    return with_sensitivity(value, True) if sensitive == Known(True) else value


def _merge_maps(given: Value, unknown: Value, sensitive: Value, name: str) -> Value:
    names: dict[str, Known] = {}
    maps = [_by_name(each) for each in (given, unknown, sensitive)]
    for value in (given, unknown):
        for entry in value.entries if isinstance(value, MapValue) else ():
            if isinstance(entry.key, Known):
                names.setdefault(str(entry.key.value), entry.key)
    entries = []
    for key, known in names.items():
        values = [each.get(key) for each in maps]
        place = values[0] if values[0] is not None and not isinstance(values[0].value, Absent) else values[1] or values[0]
        first, second, third = (Absent() if each is None else each.value for each in values)
        merged = _merge(first, second, third, f"{name}.{key}")
        entries.append(Entry(place.key if place is not None else known, merged))
    return MapValue(tuple(entries), "", given.origin)


def _by_name(value: Value) -> dict[str, Entry]:
    entries = value.entries if isinstance(value, MapValue) else ()
    return {str(entry.key.value): entry for entry in entries if isinstance(entry.key, Known)}


def _item(value: Value, index: int) -> Value:
    if isinstance(value, ListValue):
        return value.items[index] if index < len(value.items) else Absent()
    return value if isinstance(value, Known) else Absent()


def _sensitive_spans(value: Value) -> Iterator[Span]:
    if value.origin.sensitive:
        if value.origin.span is not None:
            yield value.origin.span
    elif isinstance(value, ListValue):
        for item in value.items:
            yield from _sensitive_spans(item)
    elif isinstance(value, MapValue):
        for entry in value.entries:
            yield from _sensitive_spans(entry.value)


def _sensitive_texts(value: Value) -> Iterator[str]:
    if isinstance(value, ListValue):
        for item in value.items:
            yield from _sensitive_texts(item)
    elif isinstance(value, MapValue):
        for entry in value.entries:
            yield from _sensitive_texts(entry.value)
    elif value.origin.sensitive and isinstance(value, Known) and isinstance(value.value, str) and value.value:
        yield value.value
