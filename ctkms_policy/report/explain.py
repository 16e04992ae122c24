"""Rules as plain text: one in full, or all in a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from textwrap import indent, wrap

from ctkms_policy.rulebook import Control, Rule

_LIST_ITEM = re.compile(r"(?:[-*]|\d+\.) +")
_NARROWEST = 40
_INDENT = "  "


def explain(rule: Rule, width: int = 80) -> str:
    """Return all that the rulebook says about a rule; prose is wrapped at ``width``, code stays as it is."""
    width = max(width, _NARROWEST)
    languages = ", ".join(language.value for language in rule.applies_to)
    about = f"severity {rule.severity.value}, about each {rule.subject.value}, in {languages}, since {rule.since}"
    sections = [
        "\n".join((*_wrap(f"{rule.id} {rule.name}", width), *_wrap(rule.title, width))),
        "\n".join(_wrap(about, width)),
        _section("Why", wrap_prose(rule.rationale, width - len(_INDENT))),
        _section("Impact", wrap_prose(rule.impact, width - len(_INDENT))),
    ]
    if rule.remediation.console:
        sections.append(_section("Remediation in the console", wrap_prose(rule.remediation.console, width - len(_INDENT))))
    for title, code in (
        ("Remediation with the AWS CLI", rule.remediation.cli),
        ("Remediation in CloudFormation", rule.remediation.cloudformation),
        ("Remediation in Terraform", rule.remediation.terraform),
    ):
        if code:
            sections.append(_section(title, code))
    if rule.controls:
        sections.append(_section("Controls", "\n".join(describe_controls(rule.controls))))
    if rule.references:
        sections.append(_section("References", "\n".join(rule.references)))
    return "\n\n".join(sections) + "\n"


def rule_table(rules: Sequence[Rule], width: int = 80) -> str:
    """Return id, severity, name and title of each rule: in one row where ``width`` allows, else with the title below the name."""
    width = max(width, _NARROWEST)
    id_width = max((len(rule.id) for rule in rules), default=0)
    name_width = max((len(rule.name) for rule in rules), default=0)
    margin = id_width + len("  warning  ")
    one_row = width >= margin + name_width + 2 + max((len(rule.title) for rule in rules), default=0)
    lines = []
    for rule in rules:
        head = f"{rule.id:{id_width}}  {rule.severity.value:7}  {rule.name}"
        if one_row:
            lines.append(f"{head:{margin + name_width}}  {rule.title}")
        else:
            lines.append(head)
            lines += (" " * margin + line for line in _wrap(rule.title, width - margin))
    return "".join(line + "\n" for line in lines)


def describe_controls(controls: Iterable[Control]) -> Iterator[str]:
    """Yield one line per framework and version, with all its ids: ``NIST SP 800-53 Rev. 5: AU-9, SC-13``."""
    ids: dict[str, list[str]] = {}
    for control in controls:
        ids.setdefault(f"{control.framework} {control.version}".rstrip(), []).append(control.id)
    for framework, each in ids.items():
        yield f"{framework}: {', '.join(each)}"


def wrap_prose(text: str, width: int) -> str:
    """Return Markdown paragraphs and lists wrapped at ``width``; the further lines of a list item are indented."""
    return "\n\n".join("\n".join(_wrap_paragraph(paragraph, width)) for paragraph in re.split(r"\n\s*\n", text))


def _wrap_paragraph(paragraph: str, width: int) -> Iterator[str]:
    items: list[str] = []
    for line in paragraph.splitlines():
        if items and not _LIST_ITEM.match(line):
            items[-1] += " " + line.strip()
        else:
            items.append(line.strip())
    for item in items:
        marker = _LIST_ITEM.match(item)
        hanging = " " * len(marker.group()) if marker else ""
        yield from _wrap(item, width, hanging)


def _wrap(text: str, width: int, hanging: str = "") -> list[str]:
    return wrap(text, width, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)


def _section(title: str, text: str) -> str:
    return f"{title}\n{indent(text, _INDENT)}"
