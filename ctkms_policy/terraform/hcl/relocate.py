"""Move a syntax tree from the text it was parsed from to the file that holds that text as a string."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import TypeVar, cast

from ctkms_policy.source import Run, Source, Span, TextMap
from ctkms_policy.terraform.hcl.syntax import TemplateText

Tree = TypeVar("Tree")


def relocated(tree: Tree, text: str, text_map: TextMap) -> Tree:
    """Return ``tree``, parsed from ``text``, with every span moved to where ``text_map`` says that the text stands."""
    source = Source(text_map.path, text)

    def span(old: Span) -> Span:
        start, end = _offsets(source, old)
        whole = text_map.span(start, end)
        if not start < end < len(text):
            return whole
        # Behind an escape stands the next character, not the one beside its first.
        line, column = text_map.position(end)
        return Span(whole.path, whole.line, whole.column, line, column)

    def moved_map(old: TextMap, length: int) -> TextMap:
        runs: list[Run] = []
        ends = [*(run.offset for run in old.runs[1:]), length]
        for run, end in zip(old.runs, ends, strict=True):
            start = _offset(source, run.line, run.column)
            pieces = text_map.part(start, start + end - run.offset).runs
            runs.extend(Run(run.offset + piece.offset, piece.line, piece.column) for piece in pieces)
        return TextMap(text_map.path, tuple(runs))

    return cast("Tree", _moved(tree, span, moved_map))


def offsets(text: str, span: Span) -> tuple[int, int]:
    """Return the offsets in ``text`` at which ``span`` starts and ends."""
    return _offsets(Source("", text), span)


def _moved(node: object, span: Callable[[Span], Span], text_map: Callable[[TextMap, int], TextMap]) -> object:
    if isinstance(node, tuple):
        return tuple([_moved(item, span, text_map) for item in node])
    if isinstance(node, Span):
        return span(node)
    if isinstance(node, TemplateText):
        return TemplateText(node.text, text_map(node.text_map, len(node.text)))
    if not is_dataclass(node) or isinstance(node, type):
        return node
    return type(node)(*[_moved(getattr(node, each.name), span, text_map) for each in fields(node)])


def _offsets(source: Source, span: Span) -> tuple[int, int]:
    return _offset(source, span.line, span.column), _offset(source, span.end_line, span.end_column)


def _offset(source: Source, line: int, column: int) -> int:
    return source.line_starts[line - 1] + column - 1
