"""The JSON report: an interface for programs, described in the README. Fields are only ever added."""

from __future__ import annotations

import ctkms_policy
from ctkms_policy.finding import Finding, Severity
from ctkms_policy.report import ReportOptions
from ctkms_policy.report.escape import to_json
from ctkms_policy.result import Result, TrailResult
from ctkms_policy.source import Span


def write(result: Result, options: ReportOptions) -> str:
    """Return the report; the options change nothing."""
    return to_json(
        {
            "schema": 1,
            "tool": {"name": "ctkms-policy", "version": ctkms_policy.__version__},
            "summary": {
                "files": result.files,
                "trails": sum(trail.kind == "trail" for trail in result.trails),
                "keys": result.keys,
                "errors": result.count(Severity.ERROR),
                "warnings": result.count(Severity.WARNING),
                "notes": result.count(Severity.NOTE),
                "undetermined": result.undetermined,
                "waived": result.waived,
            },
            "trails": [_trail(trail) for trail in result.trails],
            "findings": [_finding(finding) for finding in result.findings],
        }
    )


def _trail(trail: TrailResult) -> dict[str, object]:
    return {
        "address": trail.address,
        "kind": trail.kind,
        "path": trail.span.path,
        "line": trail.span.line,
        "created_when": trail.created_when or None,
        "kms_key": {
            "state": trail.key_state.value,
            "key": trail.key_address or None,
            "value": trail.key_value or None,
            "reason": trail.key_reason or None,
        },
        "policy": {"describe": trail.describe.value, "encrypt": trail.encrypt.value, "decrypt": trail.decrypt.value},
        "assumptions": dict(sorted(trail.assumptions.items())),
        "verdict": trail.verdict.value,
        "findings": list(trail.findings),
    }


def _finding(finding: Finding) -> dict[str, object]:
    waived, fix = finding.waived, finding.fix
    return {
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity.value,
        "verdict": finding.verdict.value,
        "resource": finding.resource,
        "message": finding.message,
        "help": finding.help,
        "location": _location(finding.span),
        "related": [{**_location(related.span), "note": related.note} for related in finding.related],
        "fingerprint": finding.fingerprint,
        "waived": None if waived is None else {"owner": waived.owner, "reason": waived.reason, "expires": waived.expires.isoformat()},
        "fix": None if fix is None else {"language": fix.language, "text": fix.text},
    }


def _location(span: Span) -> dict[str, object]:
    return {"path": span.path, "line": span.line, "column": span.column, "end_line": span.end_line, "end_column": span.end_column}
