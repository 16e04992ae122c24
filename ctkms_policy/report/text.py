"""The text report: findings with the source lines they are about, and a last line that says what was looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from ctkms_policy.finding import Finding, Fix, Severity, Verdict
from ctkms_policy.report import ReportOptions
from ctkms_policy.report.escape import visible, visible_lines
from ctkms_policy.report.snippet import Mark, Row, Style, cell_width, has_line, snippet
from ctkms_policy.report.summary import summary_line
from ctkms_policy.result import Result, TrailResult
from ctkms_policy.source import Source, Span

_BOLD = "1"
_GUTTER = "1;34"
_SEVERITY = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.NOTE: "1;36"}

_UNBREAKABLE = re.compile(r'(?:`[^`]*`|"[^"]*"|\S)+')
"""A word, together with what is quoted in it: code and names are never broken over lines."""


def write(result: Result, options: ReportOptions) -> str:
    """Return the report. Waived findings, the text of fixes and a line for each trail come with ``options.verbose``."""
    writer = _Writer(result.sources, options)
    blocks = [writer.finding(finding) for finding in result.findings if options.verbose or finding.waived is None]
    if options.verbose and result.trails:
        blocks.append([_trail_line(trail) for trail in result.trails])
    blocks.append([summary_line(result)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


class _Writer:
    def __init__(self, sources: Mapping[str, Source], options: ReportOptions) -> None:
        self._sources = sources
        self._options = options

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._options.color and text else text

    def finding(self, finding: Finding) -> list[str]:
        """Return the lines of one finding."""
        color = _color(finding)
        word = "waived" if finding.waived else "note" if finding.verdict is Verdict.UNDETERMINED else finding.severity.value
        doubt = "undetermined: " if finding.verdict is Verdict.UNDETERMINED else ""
        head = self._paint(color, f"{word}[{visible(finding.rule)}]") + self._paint(_BOLD, f": {doubt}{visible(finding.message)}")
        blocks = [(span, self._rows(marks), marks) for span, marks in _by_file(finding)]
        gutter = max((len(row.gutter) for _, rows, _ in blocks for row in rows if row.gutter.isdigit()), default=1)
        lines = [head]
        for span, rows, marks in blocks:
            is_first = len(lines) == 1
            if rows and not is_first:
                lines.append(self._bar(gutter))
            arrow = "--> " if is_first else "::: "
            lines.append(" " * gutter + self._paint(_GUTTER, arrow) + f"{visible(span.path)}:{span.line}:{span.column}")
            if rows:
                lines.append(self._bar(gutter))
                lines.extend(self._row(row, gutter, color) for row in rows)
            lines.extend(line for mark in marks if not self._is_shown(mark) for line in self._remark(gutter, "note", mark.label))
        if waived := finding.waived:
            lines.extend(self._remark(gutter, "waived", f"by {waived.owner} until {waived.expires.isoformat()}: {waived.reason}"))
        lines.extend(self._remark(gutter, "help", finding.help))
        if finding.fix is not None and self._options.verbose:
            lines.extend(self._fix(gutter, finding.fix))
        return lines

    def _is_shown(self, mark: Mark) -> bool:
        source = self._sources.get(mark.span.path)
        return source is not None and has_line(source, mark.span)

    def _rows(self, marks: list[Mark]) -> list[Row]:
        shown = [mark for mark in marks if self._is_shown(mark)]
        return snippet(self._sources[shown[0].span.path], shown, self._options.width) if shown else []

    def _bar(self, gutter: int) -> str:
        return " " * gutter + self._paint(_GUTTER, " |")

    def _row(self, row: Row, gutter: int, color: str) -> str:
        codes = {Style.PRIMARY: color, Style.SECONDARY: _GUTTER}
        text = "".join(self._paint(codes[style], part) if style in codes else part for style, part in row.pieces)
        if row.gutter and not row.gutter.isdigit():
            return self._paint(_GUTTER, row.gutter) + (" " * (gutter + 3 - len(row.gutter)) + text if text else "")
        return self._paint(_GUTTER, f"{row.gutter:>{gutter}} |") + (f" {text}" if text else "")

    def _remark(self, gutter: int, name: str, text: str) -> Iterator[str]:
        """Yield the lines of ``= help: ...``; nothing where there is no text."""
        if not text:
            return
        begin = " " * gutter + self._paint(_GUTTER, " = ") + self._paint(_BOLD, f"{name}:") + " "
        indent = gutter + 3 + len(name) + 2
        for line in _wrapped(text, max(self._options.width - indent, 40)):
            yield (begin + line).rstrip()
            begin = " " * indent

    def _fix(self, gutter: int, fix: Fix) -> Iterator[str]:
        yield " " * gutter + self._paint(_GUTTER, " = ") + self._paint(_BOLD, "fix:")
        for line in visible_lines(fix.text.rstrip("\n")):
            yield (" " * (gutter + 5) + line).rstrip()


def _color(finding: Finding) -> str:
    if finding.waived is not None or finding.verdict is Verdict.UNDETERMINED:
        return _SEVERITY[Severity.NOTE]
    return _SEVERITY[finding.severity]


def _by_file(finding: Finding) -> Iterable[tuple[Span, list[Mark]]]:
    """Return the marks of each file, the primary span's file first, with the span to show as the place."""
    marks = [Mark(finding.span, finding.label, True), *(Mark(related.span, related.note, False) for related in finding.related)]
    files: dict[str, list[Mark]] = {}
    for mark in marks:
        files.setdefault(mark.span.path, []).append(mark)
    return [(marks[0].span, marks) for marks in files.values()]


def _wrapped(text: str, width: int) -> Iterator[str]:
    """Yield the lines of ``text``: prose is wrapped between words, a line that begins with a blank is code and stays."""
    for line in text.rstrip().split("\n"):
        if line[:1].isspace():
            yield from visible_lines(line.rstrip())
            continue
        wrapped, room = "", width
        for word in map(visible, _UNBREAKABLE.findall(line)):
            needed = cell_width(word) + 1
            if wrapped and needed > room:
                yield wrapped
                wrapped, room = "", width
            wrapped += f" {word}" if wrapped else word
            room -= needed
        yield wrapped


def _trail_line(trail: TrailResult) -> str:
    """Return what a trail was found to be: verdict, key, the policy's answers and the assumptions."""
    kind = trail.kind.replace("-", " ")
    key = " ".join(part for part in (trail.key_state.value, trail.key_address or trail.key_value) if part)
    facts = [
        f'{kind} "{trail.address}": {trail.verdict.value}',
        f"KMS key: {key}" + (f" ({trail.key_reason})" if trail.key_reason else ""),
        f"describe {trail.describe.value}, encrypt {trail.encrypt.value}, decrypt {trail.decrypt.value}",
    ]
    if trail.assumptions:
        facts.append("assuming " + ", ".join(f"{symbol} = {value}" for symbol, value in sorted(trail.assumptions.items())))
    if trail.created_when:
        facts.append(f"created when {trail.created_when}")
    return visible(f"{trail.span.path}:{trail.span.line}: {'; '.join(facts)}")
