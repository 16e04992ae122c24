"""The classes of which cfn-lint makes its rules, and the engine's findings as their matches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from ctkms_policy.config import Config, config_in
from ctkms_policy.finding import Finding, Severity, Verdict
from ctkms_policy.linter import check
from ctkms_policy.model import Language
from ctkms_policy.rulebook import Rule
from ctkms_policy.source import ParseError, Span

_PREFIXES = {Severity.ERROR: "E", Severity.WARNING: "W", Severity.NOTE: "I"}
_UNREADABLE = "ECTKMS000"
"""Carries everything that keeps us from a verdict: it is there whatever the configuration selects."""
_OURS = ("AWS::CloudTrail::Trail", "AWS::CloudTrail::EventDataStore")


@dataclass(frozen=True, slots=True)
class _Found:
    """One match to be: the id of its rule there, the path in the template, and lines and columns from 0."""

    id: str
    path: tuple[str, ...]
    message: str
    location: tuple[int, int, int, int]


def rule_classes() -> dict[str, type[CloudFormationLintRule]]:
    """Return a class for each id that a finding can have: that of the rule's severity, and that of a note."""
    try:
        config = config_in(Path.cwd())
        rules = config.options().rules
    except ParseError:
        # The engine meets the same error at each template, and says so.
        config = Config()
        rules = config.rulebook()
    undetermined = Severity.ERROR if config.strict else Severity.NOTE
    ids = {
        _PREFIXES[severity] + rule.id: rule
        for rule in rules
        if Language.CLOUDFORMATION in rule.applies_to
        for severity in (rule.severity, Severity.NOTE, undetermined)
    }
    ids[_UNREADABLE] = next(rule for rule in Config().rulebook() if rule.id == "CTKMS000")
    return {id: _rule_class(id, rule) for id, rule in ids.items()}


def _rule_class(id: str, rule: Rule) -> type[CloudFormationLintRule]:
    def match(self: CloudFormationLintRule, cfn: Template) -> list[RuleMatch]:
        return [RuleMatch(list(each.path), each.message, location=each.location) for each in _found(cfn) if each.id == id]

    return type(
        id,
        (CloudFormationLintRule,),
        {
            "__doc__": rule.title,
            "id": id,
            "shortdesc": rule.title,
            "description": rule.rationale,
            "source_url": rule.references[0] if rule.references else "",
            "tags": ["cloudtrail", "kms", rule.name],
            "match": match,
        },
    )


@lru_cache(maxsize=1)
def _found(cfn: Template) -> tuple[_Found, ...]:
    """Return what the engine finds in the template: asked for once by each rule, and cfn-lint runs all rules on one template at a time."""
    if not cfn.filename:
        if any(isinstance(each, dict) and each.get("Type") in _OURS for each in (cfn.template.get("Resources") or {}).values()):
            return (_at_top("ctkms-policy reads files, not standard input: give cfn-lint the template's path"),)
        return ()
    try:
        return tuple(_matches(Path(cfn.filename)))
    except ParseError as error:
        return (_at_top(f"ctkms-policy cannot use its configuration: {error}" + (f"; {error.help}" if error.help else "")),)
    except Exception as error:
        return (_at_top(f"ctkms-policy could not finish: {error!r}"),)


def _at_top(message: str) -> _Found:
    return _Found(_UNREADABLE, (), message, (0, 0, 0, 0))


def _matches(file: Path) -> Iterator[_Found]:
    here = Path.cwd().resolve()
    config = config_in(here)
    result = check([file], config.options())
    template = next((path for path in result.sources if (here / path).resolve() == file.resolve()), "")
    for finding in result.findings:
        if finding.waived is not None:
            continue
        yield _Found(_id(finding, config), _path(finding), _message(finding, template), _location(_span(finding, template)))


def _id(finding: Finding, config: Config) -> str:
    is_serious = finding.verdict is Verdict.UNDETERMINED and config.strict
    return ("E" if is_serious else _PREFIXES[finding.severity]) + finding.rule


def _path(finding: Finding) -> tuple[str, ...]:
    """Return where cfn-lint's own directives look for the resource; a nested stack's resource stands in its stack's."""
    return ("Resources", finding.resource.partition("/")[0]) if finding.blocks else ()


def _span(finding: Finding, template: str) -> Span:
    """Return the place in the template: the finding's own, that of the nested stack it is in, or the start."""
    places = (finding.span, *finding.blocks, *(each.span for each in finding.related))
    return next((span for span in places if span.path == template), Span.at(template))


def _message(finding: Finding, template: str) -> str:
    span = finding.span
    where = "" if span.path == template else f"{span.path}:{span.line}:{span.column}: "
    label = f" ({finding.label})" if finding.label not in finding.message else ""
    verdict = "undetermined: " if finding.verdict is Verdict.UNDETERMINED else ""
    return f"{where}{verdict}{finding.message}{label}" + (f"; {finding.help}" if finding.help else "")


def _location(span: Span) -> tuple[int, int, int, int]:
    return span.line - 1, span.column - 1, span.end_line - 1, span.end_column - 1
