"""Where things stand: sources, spans, and errors that have a place."""

from __future__ import annotations

import os
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

MAX_SOURCE_BYTES = 20 * 1024 * 1024
"""Larger files are reported, not read: no hand-written template or module comes near it."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of characters in one source.

    Lines and columns count from 1, columns count Unicode code points (SARIF's ``unicodeCodePoints``); the end is the
    position after the last character. ``path`` is the source's path as shown to the user: relative to the working
    directory where possible, with forward slashes.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    @classmethod
    def at(cls, path: str, line: int = 1, column: int = 1) -> Span:
        """Return the empty span at a position."""
        return cls(path, line, column, line, column)

    def to(self, other: Span) -> Span:
        """Return the span from the start of this one to the end of ``other`` in the same source."""
        return replace(self, end_line=other.end_line, end_column=other.end_column)

    def holds(self, other: Span) -> bool:
        """Return whether ``other`` starts inside this span."""
        return self.path == other.path and (self.line, self.column) <= (other.line, other.column) < (self.end_line, self.end_column)

    def start(self) -> Span:
        """Return the empty span where this one starts."""
        return replace(self, end_line=self.line, end_column=self.column)


class ParseError(Exception):
    """A source of ours that cannot be read; becomes finding CTKMS000.

    ``message`` is the fact (lower case, no full stop), ``help`` the way out, ``span`` where.
    """

    def __init__(self, message: str, span: Span, help: str = "") -> None:
        super().__init__(f"{span.path}:{span.line}:{span.column}: {message}")
        self.message = message
        self.span = span
        self.help = help


@dataclass(frozen=True, slots=True)
class Run:
    """From ``offset`` of a decoded string on, characters stand side by side from ``line``, ``column`` on."""

    offset: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class TextMap:
    """Where each character of a decoded string stands in its source.

    A string is not its source text: quotes are gone, escapes are replaced, heredoc indentation is stripped. ``runs`` are
    ascending by offset and the first starts at 0; a new run begins wherever the two texts part.
    """

    path: str
    runs: tuple[Run, ...]

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column of the character at ``offset``."""
        run = self.runs[max(0, bisect_right(self.runs, offset, key=lambda each: each.offset) - 1)]
        return run.line, run.column + offset - run.offset

    def span(self, start: int, end: int) -> Span:
        """Return the span of the characters from ``start`` up to ``end`` of the decoded string."""
        line, column = self.position(start)
        if end <= start:
            return Span(self.path, line, column, line, column)
        end_line, end_column = self.position(end - 1)
        return Span(self.path, line, column, end_line, end_column + 1)

    def part(self, start: int, end: int) -> TextMap:
        """Return the map of the substring from ``start`` up to ``end``."""
        line, column = self.position(start)
        first = bisect_right(self.runs, start, key=lambda each: each.offset)
        last = bisect_left(self.runs, end, first, key=lambda each: each.offset)
        inner = (Run(run.offset - start, run.line, run.column) for run in self.runs[first:last])
        return TextMap(self.path, (Run(0, line, column), *inner))


@dataclass(frozen=True)
class Source:
    """The text of one file and the path it is shown under."""

    path: str
    text: str = field(repr=False)
    undecoded: Mapping[int, int] = field(default_factory=dict, repr=False, compare=False)
    """The bytes of the file that are not UTF-8, by the offset of the U+FFFD that stands for each. HCL allows them in comments."""

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        """The offset at which each line starts; only ``\\n`` ends a line."""
        starts = [0]
        position = self.text.find("\n")
        while position >= 0:
            starts.append(position + 1)
            position = self.text.find("\n", position + 1)
        return tuple(starts)

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column, from 1, of the character at ``offset``."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def span(self, start: int, end: int) -> Span:
        """Return the span of the characters from ``start`` up to ``end``."""
        return Span(self.path, *self.position(start), *self.position(end))

    def line(self, number: int) -> str:
        """Return the text of line ``number`` (from 1) without its line end, or "" where there is no such line."""
        if not 1 <= number <= len(self.line_starts):
            return ""
        start = self.line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)].rstrip("\r")

    @cached_property
    def text_map(self) -> TextMap:
        """The map of the whole text onto itself, for strings that are a whole file."""
        return TextMap(self.path, tuple(Run(start, line, 1) for line, start in enumerate(self.line_starts, 1)))


def real_path(path: Path) -> Path:
    """Return the absolute path with links resolved, whatever was written: a circle of links, or a name that no file can have,
    stays in it, and nothing is there."""
    try:
        return Path(os.path.realpath(path))
    except ValueError:
        return Path.cwd() / path


_UNDECODED = re.compile("[\udc80-\udcff]")  # what "surrogateescape" makes of a byte


def read_source(file: Path, shown_as: str, *, keep_undecoded: bool = False) -> Source:
    """Read one file as UTF-8, without a byte order mark; line ends stay as they are.

    Raises ParseError when it cannot be read, holds a NUL character or is larger than MAX_SOURCE_BYTES, and when it is not UTF-8,
    unless ``keep_undecoded`` asks for a Source that says which bytes are not.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_SOURCE_BYTES + 1)
    except OSError as error:
        raise ParseError(
            f"cannot read the file: {(error.strerror or str(error)).lower()}",
            Span.at(shown_as),
            "check its permissions, or exclude it with --exclude",
        ) from None
    if len(data) > MAX_SOURCE_BYTES:
        raise ParseError(f"the file is larger than {MAX_SOURCE_BYTES // 1024 // 1024} MB", Span.at(shown_as), "exclude it with --exclude")
    return decode_source(data, shown_as, keep_undecoded=keep_undecoded)


UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""What UTF-16 begins with."""
_WAY_OUT_OF_UTF_16 = "save the file as UTF-8; in Windows PowerShell, instead of > write: | Out-File -Encoding utf8"


def decode_source(data: bytes, shown_as: str, *, keep_undecoded: bool = False) -> Source:
    """Return the source of ``data``; raises ParseError as ``read_source`` does."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if data.startswith(UTF_16_MARKS):
            raise ParseError("the file is UTF-16", Span.at(shown_as), _WAY_OUT_OF_UTF_16) from None
        if keep_undecoded and b"\0" not in data:
            return _with_undecoded(data, shown_as)
        before = data[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise ParseError(f"not UTF-8: byte 0x{data[error.start]:02x}", Span.at(shown_as, line, column), "save the file as UTF-8") from None
    text = text.removeprefix("\ufeff")
    nul = text.find("\0")
    if nul >= 0:
        line, column = text.count("\n", 0, nul) + 1, nul - text.rfind("\n", 0, nul)
        raise ParseError("the file holds a NUL character", Span.at(shown_as, line, column), "save the file as plain UTF-8 text")
    return Source(shown_as, text)


def _with_undecoded(data: bytes, shown_as: str) -> Source:
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    undecoded = {each.start(): ord(each.group()) - 0xDC00 for each in _UNDECODED.finditer(text)}
    return Source(shown_as, _UNDECODED.sub("\ufffd", text), undecoded)
