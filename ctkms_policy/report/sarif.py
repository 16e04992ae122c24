"""The SARIF 2.1.0 report, for GitHub code scanning and other viewers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

import ctkms_policy
from ctkms_policy.finding import Finding, Severity, Verdict
from ctkms_policy.report import ReportOptions
from ctkms_policy.report.escape import is_absolute, path_from_root, to_json
from ctkms_policy.result import Result
from ctkms_policy.rulebook import Rule
from ctkms_policy.source import Span

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_SECURITY_SEVERITY = {Severity.ERROR: "8.0", Severity.WARNING: "5.0", Severity.NOTE: "2.0"}
"""GitHub shows a score from 7.0 as high, from 4.0 as medium, below as low."""

_LINK = re.compile(r"\](?=\()")
_PLACEHOLDER = re.compile(r"\{([0-9]+)\}")


def write(result: Result, options: ReportOptions) -> str:
    """Return the report; the options change nothing. Paths are relative to the repository root."""
    rules = _rules(result)
    indexes = {rule_id: index for index, rule_id in enumerate(rules)}
    return to_json(
        {
            "$schema": _SCHEMA,
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {
                        "driver": {
                            "name": "ctkms-policy",
                            "version": ctkms_policy.__version__,
                            "semanticVersion": ctkms_policy.__version__,
                            "rules": list(rules.values()),
                        }
                    },
                    "automationDetails": {"id": "ctkms-policy/"},
                    "invocations": [{"executionSuccessful": True}],
                    "columnKind": "unicodeCodePoints",
                    "originalUriBaseIds": {"SRCROOT": {"description": {"text": "the root of the repository"}}},
                    "results": [_result(finding, indexes[finding.rule], result.prefix) for finding in result.findings],
                }
            ],
        }
    )


# -- rules -------------------------------------------------------------------------------------------------------------


def _rules(result: Result) -> Mapping[str, dict[str, object]]:
    """Return the metadata by rule id: of each rule that ran, and of any other rule that has a finding."""
    rules = {rule.id: _rule(rule) for rule in result.rules}
    for finding in result.findings:
        if finding.rule not in rules:
            rules[finding.rule] = _rule_of(finding)
    return rules


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "name": _pascal_case(rule.name),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": _first_paragraph(rule.rationale)},
        "help": {"text": _help(rule, is_markdown=False), "markdown": _help(rule, is_markdown=True)},
        **({"helpUri": rule.references[0]} if rule.references else {}),
        "defaultConfiguration": {"level": rule.severity.value},
        "properties": _properties(rule.severity, (f"{control.framework} {control.version} {control.id}" for control in rule.controls)),
    }


def _first_paragraph(text: str) -> str:
    """Return the first paragraph on one line: GitHub shows at most 1024 characters, the whole text is in the help."""
    return " ".join(text.strip().split("\n\n")[0].split())


def _rule_of(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.rule,
        "name": _pascal_case(finding.name),
        "shortDescription": {"text": finding.name.replace("-", " ")},
        "defaultConfiguration": {"level": finding.severity.value},
        "properties": _properties(finding.severity, ()),
    }


def _pascal_case(name: str) -> str:
    """Return the name as SARIF 3.49.7 wants it: ``trail-without-kms-key`` is ``TrailWithoutKmsKey``."""
    return "".join(word.capitalize() for word in name.split("-"))


def _properties(severity: Severity, controls: Iterable[str]) -> dict[str, object]:
    tags = dict.fromkeys(("security", "cloudtrail", "kms", *(" ".join(control.split()) for control in controls)))
    return {"tags": list(tags), "precision": "very-high", "security-severity": _SECURITY_SEVERITY[severity]}


def _help(rule: Rule, *, is_markdown: bool) -> str:
    """Return why, what it costs and the way out, as plain text or as Markdown."""
    code = (("AWS CLI", "sh", rule.remediation.cli), ("CloudFormation", "yaml", rule.remediation.cloudformation))
    parts = [rule.rationale, rule.impact, rule.remediation.console]
    for title, language, text in (*code, ("Terraform", "hcl", rule.remediation.terraform)):
        if text:
            parts.append(f"**{title}**\n\n```{language}\n{text.rstrip()}\n```" if is_markdown else f"{title}:\n{text.rstrip()}")
    parts.append("\n".join(f"- <{reference}>" if is_markdown else reference for reference in rule.references))
    return "\n\n".join(part.strip() for part in parts if part.strip())


# -- results -----------------------------------------------------------------------------------------------------------


def _result(finding: Finding, rule_index: int, prefix: str) -> dict[str, object]:
    # SARIF 3.27.9: "open" is a rule that was evaluated and could not be decided; 3.27.10: its level then is "none".
    is_open = finding.verdict is Verdict.UNDETERMINED
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "kind": "open" if is_open else "fail",
        "level": "none" if is_open else finding.severity.value,
        "message": _message(f"{finding.message}\n{finding.help}" if finding.help else finding.message),
        "locations": [
            {
                "physicalLocation": _physical(finding.span, prefix),
                "logicalLocations": [{"fullyQualifiedName": finding.resource, "kind": "resource"}],
                **({"message": _message(finding.label)} if finding.label else {}),
            }
        ],
        "relatedLocations": [
            {
                "id": number,
                "physicalLocation": _physical(related.span, prefix),
                **({"message": _message(related.note)} if related.note else {}),
            }
            for number, related in enumerate(finding.related, 1)
        ],
        # GitHub reads only the first; with it, an alert survives moved lines.
        "partialFingerprints": {"primaryLocationLineHash": finding.fingerprint, "ctkmsPolicy/v1": finding.fingerprint},
        "suppressions": _suppressions(finding),
    }


def _suppressions(finding: Finding) -> list[dict[str, object]]:
    """Return how the finding is waived; the empty list says that it is not (3.27.23)."""
    waived = finding.waived
    if waived is None:
        return []
    reason = f"{waived.reason} (waived by {waived.owner} until {waived.expires.isoformat()})"
    return [{"kind": "external", "status": "accepted", "justification": reason}]


def _message(text: str) -> dict[str, object]:
    """Return a message in which nothing of a template's own text reads as a link or as a placeholder (3.11.5, 3.11.6).

    Only braces that make a placeholder are doubled: viewers show doubled braces as they are.
    """
    return {"text": _PLACEHOLDER.sub(r"{{\1}}", _LINK.sub("] ", text))}


def _physical(span: Span, prefix: str) -> dict[str, object]:
    return {
        "artifactLocation": _artifact(path_from_root(prefix, span.path)),
        "region": {"startLine": span.line, "startColumn": span.column, "endLine": span.end_line, "endColumn": span.end_column},
    }


def _artifact(path: str) -> dict[str, object]:
    uri = quote(path, safe="/", errors="replace")
    if is_absolute(path):
        return {"uri": "file://" + (uri if path.startswith("/") else "/" + uri.replace("%3A", ":", 1))}
    return {"uri": uri, "uriBaseId": "SRCROOT"}
