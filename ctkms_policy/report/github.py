"""GitHub Actions workflow commands: each finding becomes an annotation beside the code."""

from __future__ import annotations

from ctkms_policy.finding import Finding, Severity, Verdict
from ctkms_policy.report import ReportOptions
from ctkms_policy.report.escape import path_from_root, visible, visible_lines
from ctkms_policy.report.summary import summary_line
from ctkms_policy.result import Result

_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def write(result: Result, options: ReportOptions) -> str:
    """Return a workflow command for each finding that is not waived, and the summary line; the options change nothing.

    Paths are relative to the repository root, where a workflow checks the repository out.
    """
    commands = [_command(finding, result.prefix) for finding in result.findings if finding.waived is None]
    return "\n".join((*commands, summary_line(result))) + "\n"


def _command(finding: Finding, prefix: str) -> str:
    is_open = finding.verdict is Verdict.UNDETERMINED
    span = finding.span
    properties = {"file": path_from_root(prefix, span.path), "line": str(span.line), "endLine": str(span.end_line)}
    if span.end_line == span.line:
        # GitHub rejects columns on an annotation of several lines.
        properties |= {"col": str(span.column), "endColumn": str(span.end_column)}
    properties["title"] = f"{finding.rule} {finding.name}"
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    message = ("undetermined: " if is_open else "") + finding.message
    text = "\n".join(part for part in (message, finding.label, f"help: {finding.help}" if finding.help else "") if part)
    return f"::{'notice' if is_open else _COMMAND[finding.severity]} {listed}::{_data(text)}"


def _data(text: str) -> str:
    return "%0A".join(visible_lines(text.replace("%", "%25")))


def _property(text: str) -> str:
    return visible(text.replace("%", "%25")).replace(":", "%3A").replace(",", "%2C")
