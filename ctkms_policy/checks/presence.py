"""Is there a customer managed key at all?"""

from __future__ import annotations

from collections.abc import Iterator

from ctkms_policy.cases import StoreCase, TrailCase
from ctkms_policy.checks.words import attribute_name, finding, title, way
from ctkms_policy.finding import Finding
from ctkms_policy.key_link import KeyState
from ctkms_policy.model import Configuration, EventDataStore, Language, Trail
from ctkms_policy.rulebook import Rule
from ctkms_policy.value import Choice, Known, Value, default_of

_NO_KEY = "the logs get S3-managed encryption only"


def trail_without_kms_key(case: TrailCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS001: with default inputs no key is named; or, as a note, other inputs leave it out."""
    trail, link = case.trail, case.link
    attribute = attribute_name(case.configuration, trail)
    span = trail.kms_key_id.span or trail.span
    if link.state is KeyState.NONE:
        value = default_of(trail.kms_key_id.value)
        why = _why_no_key(attribute, trail, value, link.reason)
        yield finding(
            rule,
            trail,
            f"{title(trail)} has {why if why.startswith('no KMS key') else f'no KMS key: {why}'}, so {_NO_KEY}",
            trail.misspelt_kms_key_id or span,
            label=f"CloudFormation does not know this property, did you mean {attribute}?" if trail.misspelt_kms_key_id else why,
            help=_how_to_set_key(case.configuration, trail, attribute),
            related=way(value, span),
        )
        return
    if link.none_when:
        when = " or ".join(dict.fromkeys(link.none_when))
        yield finding(
            rule,
            trail,
            f"{title(trail)} has no KMS key when {when}",
            span,
            undetermined=True,
            label=f"leaves the key out when {when}",
            help=f"keep the key for every input, or never deploy with {when}",
            related=way(trail.kms_key_id.value, span),
        )


def _why_no_key(attribute: str, resource: Trail | EventDataStore, value: Value, reason: str) -> str:
    """Return in words what leaves the key out: the attribute, or the input whose default does."""
    if resource.kms_key_id.span is None:
        return f"{attribute} is missing"
    if reason.startswith("no KMS key when"):
        return reason
    shown = "blank" if isinstance(value, Known) and value.value != "" else "empty" if isinstance(value, Known) else "null"
    source = next((step.text for step in reversed(value.origin.via)), "")
    return f"{attribute} is {shown} ({source})" if source else f"{attribute} is {shown}"


def _how_to_set_key(configuration: Configuration, trail: Trail, attribute: str) -> str:
    if trail.misspelt_kms_key_id is not None:
        return f"write {attribute}"
    example = "aws_kms_key.NAME.arn" if configuration.language is Language.TERRAFORM else "!GetAtt KEY.Arn"
    value = trail.kms_key_id.value
    if isinstance(value, Choice) and value.chosen is not None and len(value.branches) == 2:
        other = value.branches[1 - value.chosen]
        return f"make {other.when} the default, or set {attribute} to the ARN of a customer managed key for every input"
    return f"set {attribute} to the ARN of a customer managed key, for example {example}"


def aws_managed_key(case: TrailCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS002: the key belongs to AWS; nobody can let CloudTrail into its policy."""
    if case.link.state is KeyState.AWS_MANAGED:
        trail = case.trail
        span = trail.kms_key_id.span or trail.span
        yield finding(
            rule,
            trail,
            f"{title(trail)} uses an AWS managed key, whose policy does not let CloudTrail in and cannot be changed",
            span,
            label=case.link.reason,
            help=f"create a customer managed key and set {attribute_name(case.configuration, trail)} to its ARN",
            related=way(trail.kms_key_id.value, span),
        )


def store_without_kms_key(case: StoreCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS013: the event data store has no customer managed key."""
    store, link = case.store, case.link
    attribute = attribute_name(case.configuration, store)
    span = store.kms_key_id.span or store.span
    if link.state in (KeyState.NONE, KeyState.AWS_MANAGED):
        none = link.state is KeyState.NONE
        yield finding(
            rule,
            store,
            f"{title(store)} has no customer managed KMS key: its events are encrypted with a key that AWS owns",
            span,
            label=_why_no_key(attribute, store, default_of(store.kms_key_id.value), link.reason) if none else link.reason,
            help=f"set {attribute}; it can be set once and never removed or changed",
            related=way(store.kms_key_id.value, span),
        )
    elif link.none_when or link.state is KeyState.DEPENDS:
        when = " or ".join(dict.fromkeys(link.none_when))
        yield finding(
            rule,
            store,
            f"{title(store)} has no customer managed KMS key when {when}"
            if when
            else f"cannot tell whether {title(store)} has a KMS key: {link.reason}",
            span,
            undetermined=True,
            related=way(store.kms_key_id.value, span),
        )
