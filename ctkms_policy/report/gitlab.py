"""The GitLab code quality report (the Code Climate subset that GitLab reads)."""

from __future__ import annotations

import hashlib
from collections import Counter

from ctkms_policy.finding import Finding, Severity, Verdict
from ctkms_policy.report import ReportOptions
from ctkms_policy.report.escape import path_from_root, to_json
from ctkms_policy.result import Result

_SEVERITY = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.NOTE: "minor"}


def write(result: Result, options: ReportOptions) -> str:
    """Return an entry for each finding that is not waived; the options change nothing.

    Paths are relative to the repository root. An undetermined finding has severity ``info``.
    """
    seen: Counter[str] = Counter()
    entries = []
    for finding in result.findings:
        if finding.waived is None:
            entries.append(_entry(finding, seen[finding.fingerprint], result.prefix))
            seen[finding.fingerprint] += 1
    return to_json(entries)


def _entry(finding: Finding, earlier: int, prefix: str) -> dict[str, object]:
    is_open = finding.verdict is Verdict.UNDETERMINED
    message = ("undetermined: " if is_open else "") + finding.message
    return {
        "description": f"{message} ({finding.help})" if finding.help else message,
        "check_name": f"{finding.rule} {finding.name}",
        "fingerprint": _unique(finding.fingerprint, earlier),
        "severity": "info" if is_open else _SEVERITY[finding.severity],
        "location": {
            "path": path_from_root(prefix, finding.span.path),
            "lines": {"begin": finding.span.line, "end": finding.span.end_line},
        },
    }


def _unique(fingerprint: str, earlier: int) -> str:
    """Return the fingerprint; another one where ``earlier`` entries have it already, as GitLab shows only one of each."""
    return hashlib.sha256(f"{fingerprint} {earlier}".encode()).hexdigest()[:32] if earlier else fingerprint
