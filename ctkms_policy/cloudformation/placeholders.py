"""What is filled into plain strings: dynamic references by CloudFormation, variables of the Serverless Framework, Jinja by others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ctkms_policy.value import (
    Entry,
    Known,
    ListValue,
    Literal,
    MapValue,
    Origin,
    Symbol,
    SymbolKind,
    Template,
    Value,
    concatenate,
)

_DYNAMIC = r"\{\{resolve:(?:\$\{[^{}]*\}|[^{}])*\}\}"
_FOREIGN = r"\{\{(?!resolve:)[^{}\n]*\}\}|\{%[^%\n]*%\}|<%=[^%\n]*%>"
_MARKS = re.compile(f"{_DYNAMIC}|{_FOREIGN}")
_SERVERLESS_START = re.compile(
    r"\$\{(?:(?:self|opt|env|sls|param|ssm|cf|s3|git|terraform|output|custom)(?:\([^()]*\))?:|file\(|strToBool\(|aws:(?:accountId|region)\})"
)
_STORED = ("${ssm", "${cf", "${s3", "${terraform")
"""Variables of the Serverless Framework that read what exists elsewhere."""


def fill(value: Value, *, serverless: bool) -> Value:
    """Return ``value`` with every placeholder in its strings as a Symbol. The same placeholder is the same Symbol."""
    return _Filler(serverless).fill(value)


def fill_dynamic_references(text: Known) -> Value:
    """Return a string that an intrinsic function has put together, with the dynamic references in it as Symbols."""
    return _parted(text, lambda written: (match.span() for match in re.finditer(_DYNAMIC, written)))


def has_placeholders(text: str, *, serverless: bool) -> bool:
    """Return whether a file's text may hold a placeholder at all."""
    return serverless or any(mark in text for mark in ("{{", "{%", "<%="))


def is_filled_in_by_others(text: str) -> bool:
    """Return whether a file's text holds a placeholder that another tool than CloudFormation fills in before the deployment."""
    return ("{{" in text or "{%" in text or "<%=" in text) and re.search(_FOREIGN, text) is not None


class _Filler:
    """One walk over a template. Aliases share their values: each value is rebuilt once."""

    def __init__(self, serverless: bool) -> None:
        self._serverless = serverless
        self._done: dict[int, tuple[Value, Value]] = {}

    def fill(self, value: Value) -> Value:
        if isinstance(value, Known):
            return _parted(value, self._places) if isinstance(value.value, str) else value
        if not isinstance(value, (MapValue, ListValue)):
            return value
        if id(value) in self._done:
            return self._done[id(value)][1]
        filled: Value
        if isinstance(value, ListValue):
            items = tuple(self.fill(item) for item in value.items)
            filled = value if _same(items, value.items) else ListValue(items, value.rest, value.origin)
        else:
            values = tuple(self.fill(entry.value) for entry in value.entries)
            filled = value
            if not _same(values, tuple(entry.value for entry in value.entries)):
                entries = (Entry(entry.key, each) for entry, each in zip(value.entries, values, strict=True))
                filled = MapValue(tuple(entries), value.rest, value.origin)
        self._done[id(value)] = (value, filled)
        return filled

    def _places(self, written: str) -> Iterator[tuple[int, int]]:
        places = [match.span() for match in _MARKS.finditer(written)] if "{{" in written or "{%" in written or "<%=" in written else []
        if self._serverless and "${" in written:
            position = 0
            while match := _SERVERLESS_START.search(written, position):
                position = _closing_brace(written, match.start())
                places.append((match.start(), position))
        end = 0
        for start, stop in sorted(places):
            if start >= end:
                yield start, stop
                end = stop


def _same(left: tuple[Value, ...], right: tuple[Value, ...]) -> bool:
    return all(mine is other for mine, other in zip(left, right, strict=True))


def _closing_brace(text: str, start: int) -> int:
    depth = 0
    for position in range(start, len(text)):
        if text[position] == "{":
            depth += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                return position + 1
    return len(text)


def _parted(text: Known, places: Callable[[str], Iterator[tuple[int, int]]]) -> Value:
    written = str(text.value)
    found = list(places(written)) if "{" in written or "<%" in written else []
    if not found:
        return text
    parts: list[Value] = []
    position = 0
    for start, end in found:
        parts += [_piece(text, position, start), _symbol(written[start:end], text.origin)]
        position = end
    parts.append(_piece(text, position, len(written)))
    whole = concatenate(parts, text.origin)
    if isinstance(whole, Template) and len(whole.parts) == 1 and not isinstance(whole.parts[0], Literal):
        return whole.parts[0]
    return whole


def _piece(text: Known, start: int, end: int) -> Known:
    return Known(str(text.value)[start:end], text_map=text.text_map.part(start, end) if text.text_map is not None and end > start else None)


def _symbol(written: str, origin: Origin) -> Symbol:
    if written.startswith("{{resolve:"):
        service = written[len("{{resolve:") :].split(":", 1)[0]
        store = {"ssm": "SSM Parameter Store", "ssm-secure": "SSM Parameter Store", "secretsmanager": "Secrets Manager"}.get(
            service, service
        )
        reason = f"{written} is read from {store} at the deployment"
        return Symbol(written, SymbolKind.EXTERNAL, spelling=written, reason=reason, origin=Origin(origin.span))
    reason = f"{written} is filled in by another tool before the deployment"
    kind = SymbolKind.EXTERNAL if written.startswith(_STORED) else SymbolKind.INPUT
    return Symbol(written, kind, spelling=written, reason=reason, origin=Origin(origin.span))
