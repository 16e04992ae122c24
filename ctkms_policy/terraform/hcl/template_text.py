"""From the pieces of a template to its parts: escapes, heredoc indentation, strip markers, directives.

A reader finds where the literal text ends and ``${`` or ``%{`` begins; everything that HCL then does to the text happens
here, once for all readers. What it does was taken from ``terraform console`` (1.11), not from the specification: a strip
marker eats blanks of the neighbouring token only, and a heredoc has one token per line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import TypeAlias, Union

from ctkms_policy.source import ParseError, Run, Span, TextMap
from ctkms_policy.terraform.hcl.syntax import Expression, Interpolation, TemplateFor, TemplateIf, TemplatePart, TemplateText

MAX_OPEN_DIRECTIVES = 50
"""Directives nested deeper are reported."""


class Style(Enum):
    """How literal text is written."""

    QUOTED = "quoted"
    """between quotes: backslash escapes"""
    HEREDOC = "heredoc"
    """``<<EOF``, or a whole file: no backslash escapes, one token per line"""
    INDENTED_HEREDOC = "indented heredoc"
    """``<<-EOF``: the least indentation of all lines is removed"""


@dataclass(frozen=True, slots=True)
class RawText:
    """Literal text as the file has it, from ``line``, ``column`` on."""

    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Marks:
    """The strip markers of a ``${`` or ``%{`` sequence: ``~`` after its start, ``~`` before its end."""

    before: bool
    after: bool


@dataclass(frozen=True, slots=True)
class InterpolationToken:
    """``${ expression }``"""

    expression: Expression
    span: Span
    marks: Marks


@dataclass(frozen=True, slots=True)
class IfToken:
    """``%{ if condition }``"""

    condition: Expression
    span: Span
    marks: Marks


@dataclass(frozen=True, slots=True)
class ForToken:
    """``%{ for key, value in collection }``"""

    key: str | None
    value: str
    collection: Expression
    span: Span
    marks: Marks


@dataclass(frozen=True, slots=True)
class WordToken:
    """``%{ else }``, ``%{ endif }`` or ``%{ endfor }``"""

    word: str
    span: Span
    marks: Marks


Token: TypeAlias = Union[RawText, InterpolationToken, IfToken, ForToken, WordToken]

# What Go's unicode.IsSpace takes for white space; Python's str.isspace takes more.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

_ESCAPE_IN_QUOTES = re.compile(r"\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)?|\$\$(?=\{)|%%(?=\{)", re.DOTALL)
_ESCAPE = re.compile(r"\$\$(?=\{)|%%(?=\{)")
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def template_parts(path: str, tokens: Sequence[Token], style: Style) -> tuple[TemplatePart, ...]:
    """Return the parts of a template. Raises ParseError for a wrong escape and for unbalanced directives."""
    if not tokens:
        return ()
    if len(tokens) == 1 and style is Style.QUOTED:
        only = tokens[0]
        if isinstance(only, RawText) and "\\" not in only.text and "${" not in only.text and "%{" not in only.text:
            return (TemplateText(only.text, TextMap(path, (Run(0, only.line, only.column),))),)
    literals = list(_literals(path, tokens, style))
    _strip_marked(literals)
    if style is Style.INDENTED_HEREDOC:
        _strip_indentation(literals)
    return _nested(path, literals)


class _Literal:
    """Decoded text of one token: fragments whose characters stand side by side."""

    __slots__ = ("fragments",)

    def __init__(self, fragments: list[tuple[str, int, int]]) -> None:
        self.fragments = fragments

    @property
    def text(self) -> str:
        return "".join(fragment[0] for fragment in self.fragments)

    def strip_start(self) -> None:
        while self.fragments:
            text, line, column = self.fragments[0]
            stripped = text.lstrip(_SPACE)
            if stripped:
                self.fragments[0] = (stripped, line, column + len(text) - len(stripped))
                return
            del self.fragments[0]

    def strip_end(self) -> None:
        while self.fragments:
            text, line, column = self.fragments[-1]
            stripped = text.rstrip(_SPACE)
            if stripped:
                self.fragments[-1] = (stripped, line, column)
                return
            del self.fragments[-1]

    def drop(self, count: int) -> None:
        while count and self.fragments:
            text, line, column = self.fragments[0]
            if len(text) > count:
                self.fragments[0] = (text[count:], line, column + count)
                return
            count -= len(text)
            del self.fragments[0]


_Piece: TypeAlias = Union[_Literal, InterpolationToken, IfToken, ForToken, WordToken]


def _literals(path: str, tokens: Sequence[Token], style: Style) -> Iterator[_Piece]:
    for token in tokens:
        if not isinstance(token, RawText):
            yield token
        elif style is Style.QUOTED:
            newline = token.text.find("\n")
            if newline >= 0:
                place = Span.at(path, token.line, token.column + newline)
                raise ParseError("a quoted string does not end on its line", place, "close the quotes, or use a heredoc")
            yield _Literal(list(_decoded(path, token.text, token.line, token.column, _ESCAPE_IN_QUOTES)))
        else:
            column = token.column
            for line, text in enumerate(_lines(token.text), token.line):
                yield _Literal(list(_decoded(path, text, line, column, _ESCAPE)))
                column = 1


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of ``text`` with their ``\\n``, the only line end of HCL."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _decoded(path: str, raw: str, line: int, column: int, escapes: re.Pattern[str]) -> Iterator[tuple[str, int, int]]:
    position = 0
    for escape in escapes.finditer(raw):
        if escape.start() > position:
            yield raw[position : escape.start()], line, column + position
        yield _character(path, escape.group(), line, column + escape.start()), line, column + escape.start()
        position = escape.end()
    if position < len(raw):
        yield raw[position:], line, column + position


def _character(path: str, escape: str, line: int, column: int) -> str:
    if escape[0] != "\\":
        return escape[0]
    simple = _SIMPLE.get(escape[1:])
    if simple is not None:
        return simple
    if len(escape) > 2:
        code = int(escape[2:], 16)
        if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
            return chr(code)
        problem = f"U+{code:04X} is not a character"
    elif escape[1:] in ("u", "U"):
        problem = f"{escape} needs {4 if escape == chr(92) + 'u' else 8} hexadecimal digits"
    else:
        problem = f'invalid escape sequence "{escape}"'
    raise ParseError(problem, Span(path, line, column, line, column + len(escape)), 'write a backslash as "\\\\"')


def _strip_marked(pieces: Sequence[_Piece]) -> None:
    """Let each strip marker eat the blanks of the neighbouring literal."""
    for left, right in pairwise(pieces):
        if isinstance(left, _Literal):
            if not isinstance(right, _Literal) and right.marks.before:
                left.strip_end()
        elif isinstance(right, _Literal) and left.marks.after:
            right.strip_start()


def _strip_indentation(pieces: Sequence[_Piece]) -> None:
    """Remove the least indentation, as HCL's flushHeredocTemplateParts counts it: a line of blanks does not count, a line
    that starts with a sequence has none, and a line end that a strip marker ate starts no line."""
    first_of_lines = []
    starts_line = True
    for piece in pieces:
        if starts_line:
            first_of_lines.append(piece)
        starts_line = isinstance(piece, _Literal) and piece.text.endswith("\n")
    indentations = []
    for piece in first_of_lines:
        text = piece.text if isinstance(piece, _Literal) else ""
        stripped = text.lstrip(_SPACE)
        if stripped or not text.endswith("\n"):
            indentations.append(len(text) - len(stripped))
    least = min(indentations, default=0)
    for piece in first_of_lines:
        if isinstance(piece, _Literal) and (piece.text.strip(_SPACE) or not piece.text.endswith("\n")):
            piece.drop(least)


@dataclass(slots=True)
class _Open:
    """A directive whose end has not come yet, and the parts since it (or since its ``else``)."""

    start: IfToken | ForToken
    parts: list[TemplatePart]
    then: list[TemplatePart] | None = None


def _nested(path: str, pieces: Sequence[_Piece]) -> tuple[TemplatePart, ...]:
    outermost: list[TemplatePart] = []
    parts = outermost
    fragments: list[tuple[str, int, int]] = []
    opened: list[_Open] = []
    for piece in pieces:
        if isinstance(piece, _Literal):
            fragments.extend(piece.fragments)
            continue
        if fragments:
            parts.append(_text(path, fragments))
            fragments = []
        if isinstance(piece, InterpolationToken):
            parts.append(Interpolation(piece.expression, piece.span))
        elif isinstance(piece, (IfToken, ForToken)):
            opened.append(_Open(piece, []))
            if len(opened) > MAX_OPEN_DIRECTIVES:
                raise ParseError(f"directives nested deeper than {MAX_OPEN_DIRECTIVES} levels", piece.span, "simplify the template")
            parts = opened[-1].parts
        else:
            last = opened[-1] if opened else None
            if last is None or not _fits(piece.word, last):
                raise ParseError(f'unexpected "{piece.word}" in a template', piece.span, "pair each directive with its end")
            if piece.word == "else":
                last.then, last.parts = last.parts, []
                parts = last.parts
            else:
                opened.pop()
                parts = opened[-1].parts if opened else outermost
                parts.append(_directive(last, piece.span))
    if opened:
        word = "if" if isinstance(opened[-1].start, IfToken) else "for"
        raise ParseError(f'the "{word}" directive has no "end{word}"', opened[-1].start.span, f"close it with %{{ end{word} }}")
    if fragments:
        parts.append(_text(path, fragments))
    return tuple(outermost)


def _fits(word: str, last: _Open) -> bool:
    if isinstance(last.start, ForToken):
        return word == "endfor"
    return word == "endif" or (word == "else" and last.then is None)


def _directive(opened: _Open, end: Span) -> TemplateIf | TemplateFor:
    start, parts = opened.start, tuple(opened.parts)
    span = start.span.to(end)
    if isinstance(start, ForToken):
        return TemplateFor(start.key, start.value, start.collection, parts, span)
    if opened.then is None:
        return TemplateIf(start.condition, parts, (), span)
    return TemplateIf(start.condition, tuple(opened.then), parts, span)


def _text(path: str, fragments: Sequence[tuple[str, int, int]]) -> TemplateText:
    runs = []
    offset = 0
    expected = (0, 0)
    for text, line, column in fragments:
        if (line, column) != expected:
            runs.append(Run(offset, line, column))
        offset += len(text)
        expected = (line, column + len(text)) if not text.endswith("\n") else (0, 0)
    return TemplateText("".join(fragment[0] for fragment in fragments), TextMap(path, tuple(runs)))
