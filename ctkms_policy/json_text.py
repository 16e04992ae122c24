"""JSON with spans and holes: templates, Terraform JSON, plans, and key policies inside strings.

``json.loads`` gives no positions, drops duplicate keys, and cannot read a string that still has interpolations in it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from ctkms_policy.source import ParseError, Run, Source, Span, TextMap
from ctkms_policy.value import (
    Absent,
    Entry,
    Hole,
    Known,
    ListValue,
    Literal,
    MapValue,
    Origin,
    Symbol,
    Template,
    Text,
    Unknown,
    Value,
    concatenate,
    describe,
    text_parts,
)

MAX_DEPTH = 200
"""Deeper nesting is reported: neither a template nor a policy comes near it."""

_HOLE = "\uffff"
"""Stands for a hole while the text is read; Unicode guarantees that it is no character."""

_BLANK = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"')
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def parse_json_source(source: Source, *, repeated_keys: bool = False) -> Value:
    """Return the value of a whole JSON file. Raises ParseError, also for a key that an object has twice, unless ``repeated_keys``
    asks for all of its entries."""
    return _Parser((Literal(source.text, source.text_map),), Span.at(source.path), repeated_keys=repeated_keys).document()


def repeated_key(name: str, first: Span, span: Span) -> ParseError:
    """Return the error of a key that an object may have only once."""
    return ParseError(f'key "{name}" is there twice, first in line {first.line}', span, "remove one of the two")


def parse_json_text(text: Text, fallback: Span) -> Value:
    """Return the value of a JSON text that a configuration holds as a string, perhaps with holes.

    A hole inside quotes makes a Template; a hole in the place of a whole value is an Unknown with the hole's reason.
    ``fallback`` is the span of everything whose own place is not known. Raises ParseError.
    """
    return _Parser(text_parts(text), fallback).document()


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the text: literal from ``offset`` on, with its map."""

    offset: int
    length: int
    text_map: TextMap | None


class _Parser:
    def __init__(self, parts: Sequence[Literal | Hole], fallback: Span, *, repeated_keys: bool = False) -> None:
        self._fallback = fallback
        self._repeated_keys = repeated_keys
        self._holes: dict[int, Hole] = {}
        self._pieces: list[_Piece] = []
        texts: list[str] = []
        offset = 0
        for part in parts:
            if isinstance(part, Literal):
                text, text_map = part.text.replace(_HOLE, "\ufffd"), part.text_map
            else:
                text, text_map = _HOLE, None
                self._holes[offset] = part
            texts.append(text)
            self._pieces.append(_Piece(offset, len(text), text_map))
            offset += len(text)
        self._text = "".join(texts)
        self._offset = 0
        self._depth = 0

    def document(self) -> Value:
        self._skip()
        if self._offset == len(self._text):
            raise self._error("empty JSON document", self._offset)
        value = self._value()
        self._skip()
        if self._offset < len(self._text):
            raise self._error("text after the end of the JSON document", self._offset)
        return value

    def _value(self) -> Value:
        start = self._offset
        first = self._text[start : start + 1]
        if first in ("{", "["):
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise self._error(f"JSON nested deeper than {MAX_DEPTH} levels", start)
            value = self._object() if first == "{" else self._array()
            self._depth -= 1
            return value
        if first == '"':
            return self._string()
        if first == _HOLE:
            return self._bare_hole()
        number = _NUMBER.match(self._text, start)
        if number:
            self._offset = number.end()
            digits = number.group()
            integral = digits.lstrip("-").isdigit()
            if integral and len(digits) > 400:
                raise self._error("a number with more than 400 digits", start)
            return Known(int(digits) if integral else float(digits), self._origin(start))
        word = _WORD.match(self._text, start)
        if word and word.group() in ("true", "false", "null"):
            self._offset = word.end()
            origin = self._origin(start)
            return Absent(origin) if word.group() == "null" else Known(word.group() == "true", origin)
        if not first:
            raise self._error("the JSON document ends where a value is expected", start)
        found = word.group() if word else first
        raise self._error(f"expected a JSON value, found {found!r}", start)

    def _object(self) -> Value:
        start = self._offset
        self._offset += 1
        entries: list[Entry] = []
        names: dict[str, Span] = {}
        rest = ""
        self._skip()
        while self._peek() != "}":
            key_start = self._offset
            if self._peek() == _HOLE:
                rest = describe(self._bare_hole())
            else:
                if self._peek() != '"':
                    raise self._error("expected a key in double quotes or '}'", self._offset)
                key = self._string()
                if isinstance(key, Known):
                    name = str(key.value)
                    span = self._span(key_start, self._offset)
                    if name in names and not self._repeated_keys:
                        raise repeated_key(name, names[name], span)
                    names[name] = span
                self._skip()
                if self._peek() != ":":
                    raise self._error("expected ':' after the key", self._offset)
                self._offset += 1
                self._skip()
                value = self._value()
                if isinstance(key, (Known, Template, Symbol)):
                    entries.append(Entry(key, value))
                else:
                    rest = rest or describe(key)
            self._skip()
            if self._peek() == ",":
                comma = self._offset
                self._offset += 1
                self._skip()
                if self._peek() == "}":
                    raise self._error("a comma before '}'", comma)
            elif self._peek() != "}" and self._peek() != _HOLE:
                raise self._error("expected ',' or '}'", self._offset)
        self._offset += 1
        return MapValue(tuple(entries), rest, self._origin(start))

    def _array(self) -> Value:
        start = self._offset
        self._offset += 1
        items: list[Value] = []
        self._skip()
        while self._peek() != "]":
            items.append(self._value())
            self._skip()
            if self._peek() == ",":
                comma = self._offset
                self._offset += 1
                self._skip()
                if self._peek() == "]":
                    raise self._error("a comma before ']'", comma)
            elif self._peek() != "]" and self._peek() != _HOLE:
                raise self._error("expected ',' or ']'", self._offset)
        self._offset += 1
        return ListValue(tuple(items), "", self._origin(start))

    def _string(self) -> Value:
        start = self._offset
        match = _STRING.match(self._text, start)
        if match is None:
            raise self._string_error(start)
        self._offset = match.end()
        origin = self._origin(start)
        raw_start, raw_end = match.span(1)
        if _HOLE not in match.group(1):
            text, text_map = self._decoded(raw_start, raw_end)
            return Known(text, origin, text_map)
        values: list[Value] = []
        position = raw_start
        while position < raw_end:
            if self._text[position] == _HOLE:
                values.append(self._holes[position])
                position += 1
                continue
            end = self._text.find(_HOLE, position, raw_end)
            end = raw_end if end < 0 else end
            text, text_map = self._decoded(position, end)
            values.append(Known(text, Origin(), text_map))
            position = end
        whole = concatenate(values, origin)
        if len(values) == 1 and isinstance(values[0], (Symbol, Unknown)):
            return values[0]
        return whole

    def _decoded(self, start: int, end: int) -> tuple[str, TextMap | None]:
        """Return the text between two offsets with its escapes replaced, and where its characters stand."""
        raw = self._text[start:end]
        outer = self._map_of(start, end)
        if "\\" not in raw:
            return raw, outer
        pieces: list[str] = []
        runs: list[Run] = []
        length = position = 0

        def mark(raw_offset: int) -> None:
            if outer is not None:
                runs.append(Run(length, *outer.position(raw_offset)))

        for escape in _ESCAPE.finditer(raw):
            if escape.start() > position:
                mark(position)
                pieces.append(raw[position : escape.start()])
                length += escape.start() - position
            mark(escape.start())
            # Half a surrogate pair is no character: nothing could print it.
            decoded = _LONE_SURROGATE.sub("\ufffd", json.loads(f'"{escape.group()}"'))
            pieces.append(decoded)
            length += len(decoded)
            position = escape.end()
        if position < len(raw):
            mark(position)
            pieces.append(raw[position:])
        return "".join(pieces), TextMap(outer.path, tuple(runs)) if outer is not None else None

    def _bare_hole(self) -> Value:
        hole = self._holes[self._offset]
        self._offset += 1
        reason = hole.reason if isinstance(hole, Unknown) else describe(hole)
        return Unknown(reason, hole.origin)

    def _string_error(self, start: int) -> ParseError:
        position = start + 1
        while position < len(self._text):
            character = self._text[position]
            if character == "\\":
                if not re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})').match(self._text, position):
                    return self._error("invalid escape in a JSON string", position)
                position += 2
            elif character == '"':
                break
            elif character < " ":
                return self._error("a line end or control character in a JSON string", position)
            else:
                position += 1
        return self._error("JSON string without an end", start)

    def _skip(self) -> None:
        match = _BLANK.match(self._text, self._offset)
        assert match is not None
        self._offset = match.end()

    def _peek(self) -> str:
        if self._offset >= len(self._text):
            raise self._error("the JSON document ends too early", self._offset)
        return self._text[self._offset]

    def _map_of(self, start: int, end: int) -> TextMap | None:
        piece = self._piece(start)
        if piece is None or piece.text_map is None:
            return None
        return piece.text_map.part(start - piece.offset, end - piece.offset)

    def _piece(self, offset: int) -> _Piece | None:
        index = bisect_right(self._pieces, offset, key=lambda piece: piece.offset) - 1
        return self._pieces[index] if index >= 0 else None

    def _position(self, offset: int, *, ends: bool = False) -> tuple[int, int, str] | None:
        piece = self._piece(offset - 1 if ends else offset)
        if piece is None or piece.text_map is None:
            return None
        if ends:
            line, column = piece.text_map.position(offset - 1 - piece.offset)
            return line, column + 1, piece.text_map.path
        return *piece.text_map.position(offset - piece.offset), piece.text_map.path

    def _span(self, start: int, end: int) -> Span:
        first, last = self._position(start), self._position(end, ends=True)
        if first is None:
            return self._fallback
        line, column, path = first
        if last is None or last[2] != path or end <= start:
            return Span.at(path, line, column)
        return Span(path, line, column, last[0], last[1])

    def _origin(self, start: int) -> Origin:
        return Origin(self._span(start, self._offset))

    def _error(self, message: str, offset: int) -> ParseError:
        return ParseError(message, self._span(offset, offset), "correct the JSON")
