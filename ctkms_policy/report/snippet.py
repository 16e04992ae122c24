"""Source lines with what is marked in them, in the manner of rustc.

Rows come out as pieces of text with a style, free of control characters; ``text`` adds the gutter and the colours.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from ctkms_policy.report.escape import visible
from ctkms_policy.source import Source, Span

_TAB = 4
_CUT = "..."
_FIRST_LINES = 4
"""Of a longer span that many lines are shown, and the last one."""
_MAX_BRACKETS = 3
"""Further spans of several lines are marked on their first line only, or the margin would push the source away."""


class Style(Enum):
    """What a piece of a row is."""

    PLAIN = auto()
    PRIMARY = auto()
    SECONDARY = auto()


@dataclass(frozen=True, slots=True)
class Mark:
    """A span to mark, and what to write beside it."""

    span: Span
    label: str
    is_primary: bool

    @property
    def style(self) -> Style:
        """The style of the underline and the label."""
        return Style.PRIMARY if self.is_primary else Style.SECONDARY

    @property
    def line_character(self) -> str:
        """The character to underline with."""
        return "^" if self.is_primary else "-"


Pieces = tuple[tuple[Style, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``gutter`` is a line number, ``...`` for lines left out, or "" for a row of marks."""

    gutter: str
    pieces: Pieces

    @property
    def text(self) -> str:
        """The row without its styles."""
        return "".join(text for _, text in self.pieces)


def has_line(source: Source, span: Span) -> bool:
    """Tell whether the first line of ``span`` is in ``source``."""
    return 1 <= span.line <= len(source.line_starts)


def cell_width(text: str) -> int:
    """Return how many terminal cells ``text`` takes; it must be visible text."""
    return sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def snippet(source: Source, marks: Sequence[Mark], width: int) -> list[Row]:
    """Return rows with the lines of ``source`` that ``marks`` (in lines that it has) stand in, none wider than about ``width``."""
    fitted = [(mark, _fit(source, mark.span)) for mark in marks]
    brackets, lines = _brackets(source, fitted)
    margin = 2 * len(brackets)
    underlined: dict[int, list[_Point]] = {}
    for mark, span in fitted:
        if all(mark is not bracket.mark for bracket in brackets):
            end = span.end_column if span.end_line == span.line else len(source.line(span.line)) + 1
            underlined.setdefault(span.line, []).append(_Point(mark, span.column - 1, end - 1))
    rows: list[Row] = []
    previous = 0
    for line in _with_small_gaps(lines | set(underlined)):
        if previous and line > previous + 1:
            rows.append(_row(_CUT, [(each.mark.style, "| " if each.is_open_below(previous) else "  ") for each in brackets]))
        points = _points(line, underlined.get(line, ()), brackets)
        rows.extend(_line_rows(source.line(line), line, points, brackets, max(width - margin, 40)))
        previous = line
    return rows


def _fit(source: Source, span: Span) -> Span:
    """Return the span cut to what the source has; one that ends at the start of a line ends with the line before."""
    line = span.line
    end_line = max(line, min(span.end_line, len(source.line_starts)))
    end_column = span.end_column if end_line == span.end_line else len(source.line(end_line)) + 1
    while end_line > line and end_column <= 1:
        end_line -= 1
        end_column = len(source.line(end_line)) + 1
    column = max(1, min(span.column, len(source.line(line)) + 1))
    end_column = max(1, min(end_column, len(source.line(end_line)) + 1))
    return Span(span.path, line, column, end_line, max(column, end_column) if end_line == line else end_column)


# -- spans of several lines --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Bracket:
    """A span of several lines, drawn in the margin. ``opens_line``: only blanks stand before it on its first line."""

    mark: Mark
    span: Span
    opens_line: bool

    def is_open_below(self, line: int) -> bool:
        """Tell whether the bracket's bar stands beside what follows ``line``."""
        return self.span.line <= line < self.span.end_line


def _brackets(source: Source, fitted: Iterable[tuple[Mark, Span]]) -> tuple[list[_Bracket], set[int]]:
    """Return the brackets, longest first, and the lines to show of them."""
    tall = sorted((pair for pair in fitted if pair[1].end_line > pair[1].line), key=lambda pair: pair[1].line - pair[1].end_line)
    brackets: list[_Bracket] = []
    lines: set[int] = set()
    for mark, span in tall[:_MAX_BRACKETS]:
        brackets.append(_Bracket(mark, span, not source.line(span.line)[: span.column - 1].strip()))
        lines.update(range(span.line, min(span.line + _FIRST_LINES, span.end_line + 1)), (span.end_line,))
    return brackets, lines


def _with_small_gaps(lines: Iterable[int]) -> list[int]:
    """Return the lines in order; a single line between two shown ones is shown too, as "..." would take its place."""
    ordered: list[int] = []
    for line in sorted(lines):
        if ordered and line == ordered[-1] + 2:
            ordered.append(line - 1)
        ordered.append(line)
    return ordered


# -- one line ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _View:
    """The part of a line that is shown. ``cells[i]`` is the cell where character ``first + i`` starts; the last is the end."""

    text: str
    first: int
    cells: tuple[int, ...]

    def cell(self, offset: int) -> int:
        """Return the cell where the character at ``offset`` of the line starts, or the nearest one that is shown."""
        return self.cells[max(0, min(offset - self.first, len(self.cells) - 1))]


def _view(line: str, start: int, end: int, width: int) -> _View:
    """Return the line, or where it is too wide the part around ``start`` to ``end``, with "..." for what is left out."""
    if len(line) <= width:
        whole = _cells(line, 0, len(line), 0)
        if whole.cells[-1] <= width:
            return whole
    room = width - 2 * len(_CUT)
    last, used = start, 0
    while last < len(line) and used < room and (last < end or used < room // 2):
        used += max(1, _shown_width(line[last]))
        last += 1
    first = start
    while first > 0 and used < room:
        first -= 1
        used += max(1, _shown_width(line[first]))
    while last < len(line) and used < room:
        used += max(1, _shown_width(line[last]))
        last += 1
    return _cells(line, first, last, len(_CUT) if first else 0)


def _cells(line: str, first: int, last: int, begin: int) -> _View:
    texts = [_CUT[:begin]]
    cells = [begin]
    for character in line[first:last]:
        width = _TAB - (cells[-1] - begin) % _TAB if character == "\t" else _shown_width(character)
        texts.append(" " * width if character == "\t" else visible(character))
        cells.append(cells[-1] + width)
    if last < len(line):
        texts.append(_CUT)
    return _View("".join(texts), first, tuple(cells))


def _shown_width(character: str) -> int:
    return _TAB if character == "\t" else cell_width(visible(character))


@dataclass(frozen=True, slots=True)
class _Point:
    """A row of marks below a line, for the characters from ``start`` up to ``end``: an underline, or a bracket's begin or end."""

    mark: Mark
    start: int
    end: int
    bracket: int | None = None
    is_end: bool = False


def _points(line: int, underlined: Iterable[_Point], brackets: Sequence[_Bracket]) -> list[_Point]:
    begins = [
        _Point(each.mark, each.span.column - 1, each.span.column, index)
        for index, each in enumerate(brackets)
        if each.span.line == line and not each.opens_line
    ]
    ends = [
        _Point(each.mark, each.span.end_column - 2, each.span.end_column - 1, index, is_end=True)
        for index, each in enumerate(brackets)
        if each.span.end_line == line
    ]
    return [*underlined, *begins, *ends]


def _line_rows(text: str, line: int, points: Sequence[_Point], brackets: Sequence[_Bracket], width: int) -> Iterable[Row]:
    """Yield the rows of one line: its text, and a row for each point below it."""
    bars = [each.mark.style for each in brackets]
    drawn = ["| " if each.span.line < line <= each.span.end_line else "  " for each in brackets]
    begun = ["/ " if each.span.line == line and each.opens_line else bar for each, bar in zip(brackets, drawn, strict=True)]
    margin = list(zip(bars, begun, strict=True))
    # What begins with the line's text is open in the rows below that text.
    drawn = ["| " if bar == "/ " else bar for bar in begun]
    if not points:
        yield _row(str(line), [*margin, (Style.PLAIN, _view(text, 0, 0, width).text)])
    shown: _View | None = None
    for point in points:
        view = _view(text, point.start, point.end, width)
        if view != shown:
            yield _row(str(line), [*margin, (Style.PLAIN, view.text)])
            shown = view
        first = view.cell(point.start)
        style, line_character = point.mark.style, point.mark.line_character
        if point.bracket is None:
            length = max(1, view.cell(point.end) - first)
            below = [*zip(bars, drawn, strict=True), (Style.PLAIN, " " * first), (style, line_character * length)]
        else:
            way = 2 * (len(brackets) - point.bracket) - 1 + first
            corner = "|" if point.is_end else " "
            drawn[point.bracket] = "  " if point.is_end else "| "
            outer = zip(bars[: point.bracket], drawn, strict=False)
            below = [*outer, (style, corner + "_" * way + line_character)]
        if point.bracket is None or point.is_end:
            below.extend(_label(point.mark))
        yield _row("", below)


def _label(mark: Mark) -> Pieces:
    return ((mark.style, " " + visible(mark.label)),) if mark.label else ()


def _row(gutter: str, pieces: Iterable[tuple[Style, str]]) -> Row:
    """Return a row without blanks at its end."""
    kept = [(style, text) for style, text in pieces if text]
    while kept and not kept[-1][1].rstrip():
        kept.pop()
    if kept:
        kept[-1] = (kept[-1][0], kept[-1][1].rstrip())
    return Row(gutter, tuple(kept))
