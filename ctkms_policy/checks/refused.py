"""CTKMS000 at a resource: code that is refused at the deployment, and a key policy that is not one."""

from __future__ import annotations

from collections.abc import Iterator

from ctkms_policy.cases import KeyCase, StoreCase, TrailCase
from ctkms_policy.checks.words import finding, title, use_of_key
from ctkms_policy.finding import Finding, Related
from ctkms_policy.model import EventDataStore, Key, Trail, UnreadablePolicy
from ctkms_policy.rulebook import Rule


def refused_resource(case: TrailCase | StoreCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS000: what makes a trail or event data store cannot be deployed."""
    yield from _refused(case.trail if isinstance(case, TrailCase) else case.store, rule)


def refused_key(case: KeyCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS000: what makes a key cannot be deployed, or its policy is not one."""
    yield from _refused(case.key, rule)
    key = case.key
    if isinstance(key.policy, UnreadablePolicy):
        yield finding(
            rule,
            key,
            f"the policy of {title(key)} cannot be read: {key.policy.message}",
            key.policy.span or key.span,
            help=key.policy.help,
            related=tuple(place for trail in case.trails for place in use_of_key(trail)),
        )


def _refused(resource: Trail | EventDataStore | Key, rule: Rule) -> Iterator[Finding]:
    for each in resource.refusals:
        yield finding(
            rule,
            resource,
            each.message,
            each.span,
            label=f"{title(resource)} cannot be deployed",
            help=each.help,
            related=tuple(Related(step.span, step.text) for step in each.way if step.span is not None),
            stable=each.message,
        )
