"""The JUnit XML report: a test case for each finding, and one for each trail that passes."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from ctkms_policy.finding import Finding, Severity, Verdict
from ctkms_policy.report import ReportOptions
from ctkms_policy.report.escape import visible, visible_lines
from ctkms_policy.report.summary import summary_line
from ctkms_policy.result import Result, TrailResult, TrailVerdict


def write(result: Result, options: ReportOptions) -> str:
    """Return the report; the options change nothing.

    A failing error or warning is a failure. What is waived or undetermined is skipped, with the reason; a note passes and
    is told in the output of its test case.
    """
    passed = [trail for trail in result.trails if trail.verdict is TrailVerdict.PASS]
    counts = {
        "tests": len(result.findings) + len(passed),
        "failures": sum(_is_failure(finding) for finding in result.findings),
        "errors": 0,
        "skipped": sum(_is_skipped(finding) for finding in result.findings),
    }
    totals = " ".join(f'{name}="{count}"' for name, count in counts.items())
    return "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<testsuites name="ctkms-policy" {totals}>',
            f'  <testsuite name="ctkms-policy" {totals}>',
            *map(_finding_case, result.findings),
            *map(_trail_case, passed),
            f"    <system-out>{_text(summary_line(result))}</system-out>",
            "  </testsuite>",
            "</testsuites>",
            "",
        )
    )


def _is_skipped(finding: Finding) -> bool:
    return finding.waived is not None or finding.verdict is Verdict.UNDETERMINED


def _is_failure(finding: Finding) -> bool:
    return finding.fails and finding.severity is not Severity.NOTE


def _finding_case(finding: Finding) -> str:
    if waived := finding.waived:
        reason = f"waived by {waived.owner} until {waived.expires.isoformat()}: {waived.reason}"
        outcome = f"<skipped{_attributes({'message': reason})}/>"
    elif finding.verdict is Verdict.UNDETERMINED:
        outcome = f"<skipped{_attributes({'message': f'undetermined: {finding.message}'})}>{_text(_details(finding))}</skipped>"
    elif finding.severity is Severity.NOTE:
        outcome = f"<system-out>{_text(f'note: {finding.message}')}\n{_text(_details(finding))}</system-out>"
    else:
        about = _attributes({"type": finding.severity.value, "message": finding.message})
        outcome = f"<failure{about}>{_text(_details(finding))}</failure>"
    head = {
        "classname": finding.span.path,
        "name": f"{finding.rule} {finding.name}: {finding.resource}",
        "file": finding.span.path,
        "line": str(finding.span.line),
    }
    return f"    <testcase{_attributes(head)}>\n      {outcome}\n    </testcase>"


def _details(finding: Finding) -> str:
    """Return where the finding is and what explains it, a line each."""
    places = [(finding.span, finding.label), *((related.span, related.note) for related in finding.related)]
    lines = [f"{span.path}:{span.line}:{span.column}" + (f": {note}" if note else "") for span, note in places]
    return "\n".join([*lines, *([f"help: {finding.help}"] if finding.help else [])])


def _trail_case(trail: TrailResult) -> str:
    head = {"classname": trail.span.path, "name": trail.address, "file": trail.span.path, "line": str(trail.span.line)}
    return f"    <testcase{_attributes(head)}/>"


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(visible(value))}" for name, value in values.items())


def _text(text: str) -> str:
    return escape("\n".join(visible_lines(text)))
