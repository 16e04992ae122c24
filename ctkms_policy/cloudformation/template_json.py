"""A template in JSON as Values: what is read has exact spans, the bodies of all other resources have none.

Most of the text goes through Python's own decoder, which is a hundred times faster and knows no positions. Whatever is irregular in
the text is left to ``json_text``, which says what and where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from ctkms_policy.cloudformation.detect import is_read
from ctkms_policy.json_text import MAX_DEPTH, parse_json_source, parse_json_text
from ctkms_policy.source import ParseError, Source, Span
from ctkms_policy.value import Absent, Entry, Known, ListValue, MapValue, Origin, Value

_BLANK = re.compile(r"[ \t\r\n]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_MAX_DIGITS = 400


def parse_template_json(source: Source) -> Value:
    """Return the value of a whole JSON file. Raises ParseError."""
    try:
        return _Reader(source).document()
    except (_Irregular, ParseError, ValueError, RecursionError):
        return parse_json_source(source)


class _Irregular(Exception):
    """Something that only the exact reader can judge."""


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._text = source.text
        self._decoder = json.JSONDecoder(object_pairs_hook=_distinct, parse_int=_integer, parse_constant=_irregular)

    def document(self) -> Value:
        if _SURROGATE.search(self._text):
            raise _Irregular
        document, end = self._object(self._next(0), self._section)
        if self._next(end) != len(self._text):
            raise _Irregular
        return document

    def _section(self, name: str, start: int) -> tuple[Value, int]:
        if name == "Resources" and self._text.startswith("{", start):
            return self._object(start, self._resource)
        _, end = self._decoder.raw_decode(self._text, start)
        return self._exact(start, end), end

    def _resource(self, name: str, start: int) -> tuple[Value, int]:
        body, end = self._decoder.raw_decode(self._text, start)
        kind = body.get("Type") if isinstance(body, dict) else None
        if isinstance(kind, str) and not is_read(kind):
            return _without_spans(body, 2), end
        return self._exact(start, end), end

    def _object(self, start: int, member: Callable[[str, int], tuple[Value, int]]) -> tuple[Value, int]:
        if not self._text.startswith("{", start):
            raise _Irregular
        entries: dict[str, Entry] = {}
        position = self._next(start + 1)
        while not self._text.startswith("}", position):
            name, end = self._decoder.raw_decode(self._text, position)
            key = self._exact(position, end)
            position = self._next(end)
            if not isinstance(key, Known) or not isinstance(name, str) or name in entries or not self._text.startswith(":", position):
                raise _Irregular
            value, end = member(name, self._next(position + 1))
            entries[name] = Entry(key, value)
            position = self._next(end)
            if self._text.startswith(",", position):
                position = self._next(position + 1)
                if not self._text.startswith('"', position):
                    raise _Irregular
            elif not self._text.startswith("}", position):
                raise _Irregular
        return MapValue(tuple(entries.values()), "", Origin(self._source.span(start, position + 1))), position + 1

    def _exact(self, start: int, end: int) -> Value:
        text = Known(self._text[start:end], text_map=self._source.text_map.part(start, end))
        return parse_json_text(text, Span.at(self._source.path))

    def _next(self, position: int) -> int:
        blank = _BLANK.match(self._text, position)
        return blank.end() if blank else position


def _without_spans(value: object, depth: int) -> Value:
    if isinstance(value, (str, int, float)):
        return Known(value)
    if value is None:
        return Absent()
    if depth >= MAX_DEPTH:
        raise _Irregular
    if isinstance(value, dict):
        return MapValue(tuple([Entry(Known(name), _without_spans(each, depth + 1)) for name, each in value.items()]))
    assert isinstance(value, list)
    return ListValue(tuple([_without_spans(each, depth + 1) for each in value]))


def _distinct(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise _Irregular
    return entries


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise _Irregular
    return int(digits)


def _irregular(name: str) -> None:
    raise _Irregular
