"""The Markdown report, for a job summary or a comment on a change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from ctkms_policy.finding import Finding, Verdict
from ctkms_policy.report import ReportOptions
from ctkms_policy.report.escape import visible, visible_lines
from ctkms_policy.report.summary import summary_line
from ctkms_policy.result import Result, TrailResult

_MARKUP = re.compile(r"[\\`*_\[\]|~]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", "://": "&#58;//"}
"""``@`` would notify a person, ``://`` would make a link."""


def write(result: Result, options: ReportOptions) -> str:
    """Return tables of the trails and of the findings; with ``options.verbose`` also of the waived ones."""
    lines = ["## ctkms-policy", "", _text(summary_line(result))]
    findings = [finding for finding in result.findings if finding.waived is None]
    waived = [finding for finding in result.findings if finding.waived is not None]
    if findings:
        lines += ["", "### Findings", "", *_table(("Severity", "Rule", "Place", "Finding"), map(_finding, findings))]
    for finding in findings:
        lines += _fix(finding)
    if waived and options.verbose:
        lines += ["", "### Waived", "", *_table(("Rule", "Place", "Finding", "Waived"), map(_waived, waived))]
    if result.trails:
        head = ("Trail", "Place", "Verdict", "KMS key", "Describe", "Encrypt", "Decrypt")
        lines += ["", "### Trails", "", *_table(head, map(_trail, result.trails))]
    return "\n".join(lines) + "\n"


def _finding(finding: Finding) -> Sequence[str]:
    severity = "undetermined" if finding.verdict is Verdict.UNDETERMINED else finding.severity.value
    help = f"<br>help: {_text(finding.help)}" if finding.help else ""
    return (severity, f"{_text(finding.rule)} {_text(finding.name)}", _place(finding), _text(finding.message) + help)


def _waived(finding: Finding) -> Sequence[str]:
    waived = finding.waived
    reason = f"by {waived.owner} until {waived.expires.isoformat()}: {waived.reason}" if waived else ""
    return (f"{_text(finding.rule)} {_text(finding.name)}", _place(finding), _text(finding.message), _text(reason))


def _place(finding: Finding) -> str:
    return _code(f"{finding.span.path}:{finding.span.line}:{finding.span.column}")


def _fix(finding: Finding) -> Iterator[str]:
    """Yield the fix, folded, in a fence that is longer than any in the text."""
    if finding.fix is None:
        return
    text = visible_lines(finding.fix.text.rstrip("\n"))
    fence = "`" * max(3, 1 + max((len(run) for line in text for run in re.findall("`+", line)), default=0))
    title = f"Fix for {finding.rule}, {finding.resource}"
    yield from ("", f"<details><summary>{escape(visible(title))}</summary>", "")
    yield from (f"{fence}{finding.fix.language}", *text, fence, "", "</details>")


def _trail(trail: TrailResult) -> Sequence[str]:
    key = trail.key_state.value + (f" {_code(trail.key_address)}" if trail.key_address else "")
    assumptions = ", ".join(f"{symbol} = {value}" for symbol, value in sorted(trail.assumptions.items()))
    verdict = trail.verdict.value + (f" (assuming {_text(assumptions)})" if assumptions else "")
    answers = (trail.describe.value, trail.encrypt.value, trail.decrypt.value)
    return (_code(trail.address), _code(f"{trail.span.path}:{trail.span.line}"), verdict, key, *answers)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _text(text: str) -> str:
    """Return ``text`` as Markdown that shows it as it is, also inside a table."""
    safe = _MARKUP.sub(r"\\\g<0>", visible(text))
    return re.sub("[&<>@]|://", lambda match: _ENTITIES[match[0]], safe)


def _code(text: str) -> str:
    """Return ``text`` as a code span that may stand in a table."""
    shown = visible(text).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    blank = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{blank}{shown}{blank}{fence}"
