"""The words of a finding: what every check writes the same way."""

from __future__ import annotations

from ctkms_policy.cases import StoreCase, TrailCase
from ctkms_policy.finding import Finding, Fix, Related, Severity, Verdict
from ctkms_policy.model import Configuration, EventDataStore, Key, KeyPolicy, Language, Resource, Trail
from ctkms_policy.rulebook import Rule
from ctkms_policy.source import Span
from ctkms_policy.value import Absent, Choice, Known, Match, Symbol, Unknown, Value, default_of, describe


def title(resource: Resource) -> str:
    """Return what a message calls the resource: ``trail "org-trail"``."""
    kind = {Trail: "trail", Key: "key", EventDataStore: "event data store"}[type(resource)]
    name = resource.name if isinstance(resource, (Trail, EventDataStore)) else None
    shown = str(name.value) if isinstance(name, Known) and name.value != "" and not name.origin.sensitive else resource.address
    when = f" (created when {resource.created_when})" if resource.created_when else ""
    return f'{kind} "{shown}"{when}'


def attribute_name(configuration: Configuration, resource: Resource) -> str:
    """Return what the file calls the attribute that names the key: a trail's KMSKeyId is a store's KmsKeyId (B12)."""
    if configuration.language is Language.TERRAFORM:
        return "kms_key_id"
    return "KmsKeyId" if isinstance(resource, EventDataStore) else "KMSKeyId"


def calls(resource: Resource) -> tuple[Related, ...]:
    """Return the module calls a resource stands in, innermost first, as related places."""
    return tuple(Related(span, f'"{resource.address}" is created by this call') for span in reversed(resource.calls))


def way(value: Value, primary: Span) -> tuple[Related, ...]:
    """Return the steps of how a value came about as related places."""
    return tuple(Related(step.span, step.text) for step in value.origin.via if step.span is not None and step.span != primary)


def finding(
    rule: Rule,
    resource: Resource,
    message: str,
    span: Span,
    *,
    undetermined: bool = False,
    severity: Severity | None = None,
    label: str = "",
    help: str = "",
    related: tuple[Related, ...] = (),
    fix: Fix | None = None,
    stable: str = "",
) -> Finding:
    """Return a finding of ``rule`` about ``resource``, with the calls that the resource stands in; undetermined ones are notes."""
    places = (*related, *calls(resource))
    return Finding(
        rule=rule.id,
        name=rule.name,
        severity=Severity.NOTE if undetermined else severity or rule.severity,
        verdict=Verdict.UNDETERMINED if undetermined else Verdict.FAIL,
        resource=resource.address,
        message=message,
        span=span,
        label=label,
        help=joined(help, resource.note),
        related=tuple(
            place for number, place in enumerate(places) if place.span != span and place.span not in {each.span for each in places[:number]}
        ),
        fix=fix,
        stable=stable,
    )


def joined(*clauses: str) -> str:
    """Return what is said of the clauses in one line; a question keeps its own mark."""
    return "; ".join(clause for clause in clauses if clause).replace("?; ", "? ")


def judged_policy(case: TrailCase | StoreCase) -> tuple[Key, KeyPolicy]:
    """Return the key and the policy that the case's judgement is about; there must be one."""
    key = case.link.key
    assert key is not None
    assert isinstance(key.policy, KeyPolicy)
    return key, key.policy


def use_of_key(case: TrailCase | StoreCase) -> tuple[Related, ...]:
    """Return the place where the trail or event data store names its key, as a related place."""
    kind, user = ("trail", case.trail) if isinstance(case, TrailCase) else ("event data store", case.store)
    return (Related(user.kms_key_id.span or user.span, f'{kind} "{user.address}" uses this key'),)


def why_unknown(value: Value) -> str:
    """Return why a value is not certain, in words."""
    if isinstance(value, Choice):
        return " or ".join(f"{describe(default_of(branch.value))} when {branch.when}" for branch in value.branches)
    if isinstance(value, (Unknown, Symbol)) and value.reason:
        return value.reason
    return f"{describe(value)} is not in the code"


def equals(value: Value, expected: str) -> Match:
    """Return whether an attribute with a default has the wanted text; Absent means that the default holds."""
    value = default_of(value)
    if isinstance(value, Absent):
        return Match.YES
    if isinstance(value, Known):
        return Match.of(describe(Known(value.value), quoted=False).lower() == expected.lower())
    return Match.MAYBE
