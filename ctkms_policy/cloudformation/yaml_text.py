"""YAML with exact spans: the text of a template as Values, one per document.

Built from libyaml's events, not from ``yaml.compose``: its recursion ends the process on deep nesting, and its nodes forget where
the content of a tagged scalar starts. Short forms become the long form: ``!Ref X`` is ``{"Ref": "X"}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import yaml

from ctkms_policy.cloudformation.detect import is_read
from ctkms_policy.source import ParseError, Run, Source, Span, TextMap
from ctkms_policy.strict_yaml import stopped_by_depth
from ctkms_policy.value import Absent, Entry, Known, ListValue, MapValue, Origin, Value, scalar_text

MAX_DEPTH = 200
"""As for JSON: no template comes near it."""

MAX_NODES = 500_000
"""Values of one file once its aliases are expanded; CloudFormation accepts 1 MB of text."""

_TRUE = frozenset(("yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"))
_FALSE = frozenset(("no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"))
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,399})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,20})\.[0-9]{1,20}")
_PROPERTIES = re.compile(r"(?:[!&][^\s,\[\]{}]*(?:\s+(?:#[^\n]*\n)?|$|(?=[,\]}])))*", re.MULTILINE)
_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|(?:\r\n|[\r\n])[ \t]*|.)", re.DOTALL)
_ESCAPED = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "\t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}

_Event: TypeAlias = Any
"""PyYAML's events have no common type that names what libyaml sets."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml_source(source: Source) -> tuple[Value, ...]:
    """Return the value of every document of the file. The bodies of resources of which nothing is read have no spans.

    Raises ParseError for text that is not YAML, a key that a map has twice, an alias without or inside its own anchor, nesting deeper
    than MAX_DEPTH, and more than MAX_NODES values.
    """
    try:
        return _Builder(source, exact=False).documents()
    except (_Irregular, ParseError):
        return _Builder(source, exact=True).documents()


class _Irregular(Exception):
    """Something in the body of a resource that only the exact reading can judge."""


@dataclass(slots=True)
class _Open:
    """A map or list that is being read."""

    is_map: bool
    start: int
    tag: str
    tag_span: Span | None
    anchor: str | None
    items: list[Value] = field(default_factory=list)
    nodes: int = 1


class _Builder:
    def __init__(self, source: Source, *, exact: bool) -> None:
        self._source = source
        self._exact = exact
        self._text = source.text
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._unfinished: set[str] = set()
        self._documents: list[Value] = []
        self._nodes = 0

    def documents(self) -> tuple[Value, ...]:
        end = 0
        events = self._events()
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                value, end = self._scalar(event), self._end(event)
                self._add(value, 1, event.anchor)
                if not self._exact and self._is_type_of_no_matter():
                    end = self._rest_without_spans(events, end)
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                self._start(event)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                # The end of a block collection is where the next token starts; its own text ends with its last item.
                flow = self._text[self._end(event) - 1 : self._end(event)] in ("]", "}") and _is_wide(event)
                end = self._end(event) if flow else max(end, self._open[-1].start)
                self._close(end)
            elif isinstance(event, yaml.AliasEvent):
                end = self._end(event)
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()
        return tuple(self._documents)

    def _is_type_of_no_matter(self) -> bool:
        """Return whether what was read last is the ``Type`` of a resource of which nothing is read."""
        if len(self._open) != 3 or self._documents:
            return False
        root, _, body = self._open
        kind = body.items[-1]
        return (
            len(body.items) % 2 == 0
            and body.items[-2] == Known("Type")
            and isinstance(kind, Known)
            and isinstance(kind.value, str)
            and not is_read(kind.value)
            and root.items[-1] == Known("Resources")
            and len(root.items) % 2 == 1
            and all(each.is_map and not each.tag and each.anchor is None for each in self._open)
        )

    def _rest_without_spans(self, events: Iterator[_Event], end: int) -> int:
        """Read the body that is open up to its end, and return where that is in the text. Raises _Irregular."""
        body = self._open[-1]
        waiting: list[tuple[str, list[Value]]] = [("", body.items)]
        last: _Event = None
        nodes = 0
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                last = event
                text = event.value
                typed = _typed(text) if event.tag is None and not event.style else text
                value: Value = Absent() if typed is None else Known(typed)
                tag = event.tag
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                if event.anchor is not None or len(waiting) + 3 > MAX_DEPTH:
                    raise _Irregular
                waiting.append((event.tag or "", []))
                continue
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                if _is_wide(event) and self._text[self._end(event) - 1] in "]}":
                    last = event
                if len(waiting) == 1:
                    break
                tag, items = waiting.pop()
                value = _bare_map(items) if isinstance(event, yaml.MappingEndEvent) else ListValue(tuple(items))
            else:
                raise _Irregular
            if getattr(event, "anchor", None) is not None:
                raise _Irregular
            if tag and tag.startswith("!") and len(tag) > 1:
                name = tag[1:]
                value = MapValue((Entry(Known(name if name in ("Ref", "Condition") else f"Fn::{name}"), value),))
            nodes += 1
            waiting[-1][1].append(value)
        body.nodes += nodes
        end = self._end(last) if last is not None else end
        self._close_without_spans()
        return end

    def _close_without_spans(self) -> None:
        done = self._open.pop()
        self._add(_bare_map(done.items), done.nodes, None)

    def _events(self) -> Iterator[_Event]:
        loader = _LOADER(self._text)
        try:
            while True:
                event = loader.get_event()
                yield event
                if isinstance(event, yaml.StreamEndEvent):
                    return
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            if stopped_by_depth(error):
                raise self._too_deep(mark.index if mark else 0) from None
            message = error.problem or "the text is not YAML"
            if error.context and error.context_mark is not None:
                message = f"{error.context} {message}"
            raise ParseError(f"invalid YAML: {message}", self._span(mark.index if mark else 0), self._way_out()) from None
        except yaml.YAMLError as error:
            position = getattr(error, "position", 0)
            position = position if isinstance(position, int) and position >= 0 else 0
            reason = getattr(error, "reason", None) or "the text is not YAML"
            if self._bytes_are_counted(error):
                position = len(self._text.encode()[:position].decode("utf-8", "ignore"))
            raise ParseError(f"invalid YAML: {reason}", self._span(position), self._way_out()) from None
        finally:
            loader.dispose()

    def _too_deep(self, index: int) -> ParseError:
        return ParseError(f"YAML nested deeper than {MAX_DEPTH} levels", self._span(index), "this is no template")

    def _way_out(self) -> str:
        if "{%" in self._text or "{{" in self._text:
            return "render the file first and check what comes out, or exclude it with --exclude"
        return "correct the YAML"

    @staticmethod
    def _bytes_are_counted(error: yaml.YAMLError) -> bool:
        return isinstance(error, yaml.reader.ReaderError) and _LOADER is not yaml.SafeLoader

    def _start(self, event: _Event) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise self._too_deep(event.start_mark.index)
        is_map = isinstance(event, yaml.MappingStartEvent)
        tag, tag_span, content = self._tag(event)
        if event.anchor is not None:
            self._unfinished.add(event.anchor)
            self._anchors.pop(event.anchor, None)
        self._open.append(_Open(is_map, content, tag, tag_span, event.anchor))

    def _close(self, end: int) -> None:
        done = self._open.pop()
        end = min(max(end, done.start), len(self._text))
        origin = Origin(self._span(done.start, end))
        value: Value
        if done.is_map:
            value = MapValue(self._entries(done.items), "", origin)
        else:
            value = ListValue(tuple(done.items), "", origin)
        value = self._tagged(value, done.tag, done.tag_span)
        if done.anchor is not None:
            self._unfinished.discard(done.anchor)
        self._add(value, done.nodes, done.anchor)

    def _add(self, value: Value, nodes: int, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, nodes)
        self._nodes += nodes if not self._open else 0
        if self._open:
            self._open[-1].items.append(value)
            self._open[-1].nodes += nodes
            total = self._open[-1].nodes
        else:
            self._documents.append(value)
            total = self._nodes
        if total > MAX_NODES:
            raise ParseError(
                f"the file holds more than {MAX_NODES} values once its aliases are expanded",
                value.origin.span or self._span(0),
                "this is no template",
            )

    def _alias(self, event: _Event) -> None:
        span = self._span(event.start_mark.index, event.end_mark.index)
        if event.anchor in self._unfinished:
            raise ParseError(f'the alias "*{event.anchor}" stands inside its own anchor', span, "a template cannot contain itself")
        if event.anchor not in self._anchors:
            raise ParseError(f'the alias "*{event.anchor}" has no anchor', span, f"put &{event.anchor} before the value it means")
        value, nodes = self._anchors[event.anchor]
        self._add(value, nodes, None)

    def _entries(self, items: list[Value]) -> tuple[Entry, ...]:
        entries: list[Entry] = []
        merged: list[Entry] = []
        names: dict[str, Span | None] = {}
        for key, value in zip(items[::2], items[1::2], strict=True):
            span = key.origin.span
            if not isinstance(key, Known):
                raise ParseError("a map key that is not a string", span or self._span(0), "CloudFormation only knows string keys")
            name = scalar_text(key.value)
            if name == "<<" and isinstance(value, (MapValue, ListValue)) and _width(span) == 2:
                merged.extend(_merged(value))
                continue
            if name in names:
                raise ParseError(
                    f'key "{name}" is there twice{_first_at(names[name])}',
                    span or self._span(0),
                    "remove one of the two: only one of them takes effect",
                )
            names[name] = span
            entries.append(Entry(key if isinstance(key.value, str) else replace(key, value=name), value))
        for entry in merged:
            if entry.name not in names:
                names[entry.name] = None
                entries.append(entry)
        return tuple(entries)

    def _scalar(self, event: _Event) -> Value:
        tag, tag_span, content = self._tag(event)
        end = self._end(event)
        origin = Origin(self._span(content, end))
        text: str = event.value
        value: Value
        if not event.style and event.tag is None:
            value = self._plain(text, content, end, origin)
        else:
            value = Known(text, origin, self._text_map(text, event.style, content, end))
        return self._tagged(value, tag, tag_span)

    def _plain(self, text: str, start: int, end: int, origin: Origin) -> Value:
        """Return a plain scalar with its type."""
        typed = _typed(text)
        if typed is None:
            return Absent(origin)
        if isinstance(typed, str):
            return Known(text, origin, self._text_map(text, None, start, end))
        return Known(typed, origin)

    def _tag(self, event: _Event) -> tuple[str, Span | None, int]:
        """Return the name of a short form ("" for none), the span of the tag and where the content starts."""
        start = event.start_mark.index
        if event.tag is None and event.anchor is None:
            return "", None, start
        scalar = isinstance(event, yaml.ScalarEvent)
        properties = _PROPERTIES.match(self._text, start, max(event.end_mark.index, start) if scalar else len(self._text))
        content = properties.end() if properties else start
        if event.tag is None or not event.tag.startswith("!") or len(event.tag) == 1:
            return "", None, content
        written = self._text.find("!", start, content)
        written = written if written >= 0 else start
        return event.tag[1:], self._span(written, min(written + len(event.tag), content)), content

    def _tagged(self, value: Value, tag: str, span: Span | None) -> Value:
        if not tag or span is None:
            return value
        name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
        whole = span.to(value.origin.span) if value.origin.span is not None else span
        return MapValue((Entry(Known(name, Origin(span)), value),), "", Origin(whole))

    def _end(self, event: _Event) -> int:
        """Return where the text of an event ends; a block scalar's event ends with the blank lines behind it."""
        start, end = event.start_mark.index, event.end_mark.index
        if getattr(event, "style", None) in ("|", ">"):
            end = start + len(self._text[start:end].rstrip())
        return int(end)

    def _text_map(self, text: str, style: str | None, start: int, end: int) -> TextMap | None:
        if not text:
            return None
        raw = self._text[start:end]
        if not style and raw == text:
            return TextMap(self._source.path, (Run(0, *self._source.position(start)),))
        if style in ("|", ">"):
            first_line = _BREAK.search(raw)
            pieces = _block_pieces(raw, first_line.end() if first_line else len(raw), style == "|", text)
        elif style == "'":
            pieces = _quoted_pieces(raw[1:-1], re.compile("''"), lambda _: "'")
        elif style == '"':
            pieces = _quoted_pieces(raw[1:-1], _ESCAPE, _unescaped)
        else:
            pieces = [(offset, line) for offset, line in _lines(raw)]
        shift = start + (1 if style in ("'", '"') else 0)
        runs: list[Run] = []
        offset = 0
        for at, piece in pieces:
            found = offset
            while found < len(text) and not text.startswith(piece, found) and text[found].isspace():
                found += 1
            if not text.startswith(piece, found):
                continue
            if found and not runs:
                runs.append(Run(0, *self._source.position(shift)))
            runs.append(Run(found, *self._source.position(shift + at)))
            offset = found + len(piece)
        return TextMap(self._source.path, tuple(runs)) if runs else None

    def _span(self, start: int, end: int | None = None) -> Span:
        size = len(self._text)
        start = min(start, size)
        return self._source.span(start, min(size, start if end is None else max(start, end)))


def _typed(text: str) -> str | int | float | bool | None:
    """Return a plain scalar with its YAML 1.1 type, but as text whatever would not be written the same way again."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if text[0] in "-0123456789":
        if _INTEGER.fullmatch(text) and text != "-0":
            return int(text)
        if _DECIMAL.fullmatch(text) and str(float(text)) == text:
            return float(text)
    return text


def _bare_map(items: list[Value]) -> MapValue:
    """Return a map without spans. Raises _Irregular for a merge key, a key that is there twice or one that is not a string."""
    entries: dict[str, Entry] = {}
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, Known):
            raise _Irregular
        name = scalar_text(key.value)
        if name == "<<" or name in entries:
            raise _Irregular
        entries[name] = Entry(key if isinstance(key.value, str) else Known(name), value)
    return MapValue(tuple(entries.values()))


def _is_wide(event: _Event) -> bool:
    """Return whether the end of a collection is a bracket in the text; the end of a block collection has no width."""
    return bool(event.end_mark.index > event.start_mark.index)


def _width(span: Span | None) -> int:
    """Return how many characters of one line a span covers: ``<<`` in quotes is a key like any other."""
    return span.end_column - span.column if span is not None and span.line == span.end_line else 0


def _first_at(span: Span | None) -> str:
    return f", first in line {span.line}" if span else ""


def _merged(value: MapValue | ListValue) -> Iterator[Entry]:
    """Yield the entries that a merge key ``<<`` brings in; of several maps the first wins."""
    if isinstance(value, MapValue):
        yield from value.entries
    else:
        for item in value.items:
            if isinstance(item, MapValue):
                yield from item.entries


def _lines(raw: str) -> Iterator[tuple[int, str]]:
    """Yield offset and text of every line that is not blank, without the blanks around it."""
    start = 0
    for end, following in [*((each.start(), each.end()) for each in _BREAK.finditer(raw)), (len(raw), len(raw))]:
        line = raw[start:end]
        if line.strip(" \t"):
            yield start + len(line) - len(line.lstrip(" \t")), line.strip(" \t")
        start = following


def _block_pieces(raw: str, start: int, literal: bool, text: str) -> list[tuple[int, str]]:
    body = raw[start:]
    if not literal:
        return [(start + offset, line) for offset, line in _lines(body)]
    first = next((line for line in text.split("\n") if line.strip()), "")
    indented = next(_lines(body), None)
    if indented is None:
        return []
    line_start = max(body.rfind("\n", 0, indented[0]), body.rfind("\r", 0, indented[0])) + 1
    indentation = indented[0] - line_start - (len(first) - len(first.lstrip(" \t")))
    pieces: list[tuple[int, str]] = []
    position = 0
    for line in _BREAK.split(body):
        if len(line) > indentation:
            pieces.append((start + position + indentation, line[indentation:]))
        position += len(line)
        found = _BREAK.match(body, position)
        position = found.end() if found else position
    return pieces


def _quoted_pieces(raw: str, escape: re.Pattern[str], decode: Callable[[str], str]) -> list[tuple[int, str]]:
    pieces: list[tuple[int, str]] = []
    position = 0
    for each in escape.finditer(raw):
        pieces.extend((position + offset, line) for offset, line in _chunks(raw[position : each.start()]))
        decoded = decode(each.group())
        if decoded:
            pieces.append((each.start(), decoded))
        position = each.end()
    pieces.extend((position + offset, line) for offset, line in _chunks(raw[position:]))
    return pieces


def _chunks(raw: str) -> Iterator[tuple[int, str]]:
    """Yield the pieces between line breaks; blanks stay where there is no break to fold them into."""
    if not _BREAK.search(raw):
        if raw:
            yield 0, raw
        return
    yield from _lines(raw)


def _unescaped(escape: str) -> str:
    code = escape[1:]
    if code[0] in "xuU" and len(code) > 1:
        number = int(code[1:], 16)
        return chr(number) if number < 0x110000 else ""
    if _BREAK.match(code):
        return ""
    return _ESCAPED.get(code, code)
