"""A large JSON document of which only a few parts need spans.

``json_text`` gives every value its place and costs accordingly. A plan of 20 MB holds a handful of resources that matter: the whole
is decoded by ``json``, and a part gets spans when it is asked for.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from ctkms_policy.json_text import parse_json_text
from ctkms_policy.source import ParseError, Run, Source, Span, TextMap
from ctkms_policy.value import Known, Value

_BLANK = re.compile(r"[ \t\r\n]*")

_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)

MIN_SECRET = 4
"""A sensitive text that is shorter is hidden where it is marked, and not looked for elsewhere."""

REMAKE = "make the file again: terraform show -json PLANFILE > plan.json"


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


@dataclass(frozen=True, slots=True)
class Part:
    """One value of the document: where it stands, and what ``json`` makes of it."""

    document: Document = field(repr=False)
    start: int
    end: int
    plain: Any
    name_start: int = -1
    """where the name of a member begins"""

    @property
    def span(self) -> Span:
        """The span of the value, with its name where it is a member of an object."""
        return self.document.source.span(self.start if self.name_start < 0 else self.name_start, self.end)

    def value(self) -> Value:
        """Return the value with the span of every part of it. Raises ParseError, also for a name that is there twice."""
        return self.document.value(self)

    def members(self) -> dict[str, Part]:
        """Return the members of an object, which this must be. Raises ParseError."""
        found: dict[str, Part] = {}
        for part, name in self.document.members(self.expect(dict, "an object").start):
            if name in found:
                raise ParseError(f'key "{name}" is there twice', part.span, "remove one of the two")
            found[name] = part
        return found

    def items(self) -> Iterator[Part]:
        """Yield the items of a list, which this must be. Raises ParseError."""
        return self.document.items(self.expect(list, "a list").start)

    def expect(self, type: type, words: str) -> Part:
        """Return this part if it is of a type. Raises ParseError."""
        if not isinstance(self.plain, type):
            raise ParseError(f"expected {words} here", self.span, REMAKE)
        return self


@dataclass(frozen=True)
class Document:
    """The text of a JSON file."""

    source: Source

    def root(self) -> Part:
        """Return the whole. Raises ParseError when it is not JSON."""
        text = self.source.text
        if "\\ud" in text or "\\uD" in text:
            # Half a surrogate pair is no character: nothing could print it. Its replacement is as long.
            text = _ESCAPE.sub(lambda match: r"\ufffd" if match.group(1) else match.group(), text)
            return Document(Source(self.source.path, text))._root()
        return self._root()

    def _root(self) -> Part:
        text = self.source.text
        start = self._blank(0)
        part = self._part(start)
        end = self._blank(part.end)
        if end < len(text):
            raise self._error("text after the end of the JSON document", end)
        return part

    def value(self, part: Part) -> Value:
        """Return a part with spans. Raises ParseError."""
        text = self.source.text[part.start : part.end]
        return parse_json_text(Known(text, text_map=self._text_map(part.start, part.end)), part.span)

    def members(self, start: int) -> Iterator[tuple[Part, str]]:
        """Yield the members of the object at an offset, which has been decoded before."""
        position = self._blank(start + 1)
        while self.source.text[position] != "}":
            name_start = position
            name, position = scanstring(self.source.text, position + 1)
            position = self._blank(self._blank(position) + 1)
            part = self._part(position, name_start)
            yield part, name
            position = self._next(part.end)

    def items(self, start: int) -> Iterator[Part]:
        """Yield the items of the list at an offset, which has been decoded before."""
        position = self._blank(start + 1)
        while self.source.text[position] != "]":
            part = self._part(position)
            yield part
            position = self._next(part.end)

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a position in the text."""
        return self.source.line_starts[line - 1] + column - 1

    def shown(self, spans: Iterable[Span], hidden: Iterable[Span], secrets: Iterable[str] = ()) -> Source:
        """Return the source with blanks in place of everything but ``spans``, and of ``hidden`` and every ``secrets`` in any case.

        A plan holds secrets in clear, on the very line that a report quotes: what nobody has looked at is not shown.
        """
        text = self.source.text
        pieces: list[str] = []
        position = 0
        for start, end in self._without(self._ranges(spans), self._ranges(hidden)):
            pieces += (_blanks(text[position:start]), text[start:end])
            position = end
        pieces.append(_blanks(text[position:]))
        shown = "".join(pieces)
        for secret in secrets:
            once = json.dumps(secret, ensure_ascii=False)[1:-1]
            for written in (once, json.dumps(once, ensure_ascii=False)[1:-1]) if len(secret) >= MIN_SECRET else ():
                shown = shown.replace(written, " " * len(written))
        return Source(self.source.path, shown)

    def _ranges(self, spans: Iterable[Span]) -> list[tuple[int, int]]:
        return sorted((self.offset(each.line, each.column), self.offset(each.end_line, each.end_column)) for each in spans)

    @staticmethod
    def _without(shown: Sequence[tuple[int, int]], hidden: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        events = sorted([(start, end, False) for start, end in shown] + [(start, end, True) for start, end in hidden])
        position = shown_until = 0
        for start, end, hides in events:
            if hides:
                if position < min(start, shown_until):
                    yield position, min(start, shown_until)
                position = max(position, end)
            else:
                if position < shown_until:
                    yield position, shown_until
                position, shown_until = max(position, start, shown_until), max(shown_until, end)
        if position < shown_until:
            yield position, shown_until

    def _part(self, start: int, name_start: int = -1) -> Part:
        try:
            plain, end = _DECODER.raw_decode(self.source.text, start)
        except json.JSONDecodeError as error:
            raise self._error(f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}", error.pos) from None
        except RecursionError:
            raise self._error("JSON nested too deeply", start) from None
        except ValueError as error:
            raise self._error(f"not JSON: {str(error).partition(';')[0].lower()}", start) from None
        return Part(self, start, end, plain, name_start)

    def _next(self, end: int) -> int:
        """Return the offset of the next member or item, or of the closing bracket."""
        position = self._blank(end)
        return self._blank(position + 1) if self.source.text[position] == "," else position

    def _blank(self, position: int) -> int:
        match = _BLANK.match(self.source.text, position)
        assert match is not None
        return match.end()

    def _text_map(self, start: int, end: int) -> TextMap:
        starts = self.source.line_starts
        line, column = self.source.position(start)
        following = range(line, bisect_right(starts, end))
        return TextMap(self.source.path, (Run(0, line, column), *(Run(starts[index] - start, index + 1, 1) for index in following)))

    def _error(self, message: str, offset: int) -> ParseError:
        return ParseError(message, Span.at(self.source.path, *self.source.position(offset)), REMAKE)


def _blanks(text: str) -> str:
    return "\n".join(" " * len(line) for line in text.split("\n"))
