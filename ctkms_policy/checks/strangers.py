"""Who else gets in through the key policy?"""

from __future__ import annotations

from collections.abc import Iterator

from ctkms_policy.cases import KeyCase, TrailCase
from ctkms_policy.checks.words import finding, judged_policy, title, use_of_key
from ctkms_policy.finding import Finding, Related
from ctkms_policy.iam.judge import broad_decrypt, encrypt_is_scoped
from ctkms_policy.key_link import key_of
from ctkms_policy.model import KeyPolicy, Resource
from ctkms_policy.rulebook import Rule


def encrypt_grant_not_scoped(case: TrailCase | KeyCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS006: CloudTrail may encrypt with this key for any trail of any account."""
    if isinstance(case, KeyCase):
        if case.trails or case.stores or not isinstance(case.key.policy, KeyPolicy):
            return
        resource: Resource = case.key
        key, policy, trail = case.key, case.key.policy, None
        used_by: tuple[Related, ...] = ()
    else:
        if case.judgement is None or _shared_with_store(case):
            return
        resource, trail = case.trail, case.trail
        key, policy = judged_policy(case)
        used_by = use_of_key(case)
    deployment, language = case.deployment, case.configuration.language
    grant = encrypt_is_scoped(policy, key, trail, bindings=deployment.bindings, facts=deployment.facts, language=language)
    if grant is None:
        return
    yield finding(
        rule,
        resource,
        f'key policy lets CloudTrail encrypt with key "{key.address}" for any trail of any account: {grant.message}',
        grant.span or policy.span or key.span,
        label=grant.label,
        help=grant.help,
        related=used_by,
        stable=key.address,
    )


def _shared_with_store(case: TrailCase) -> bool:
    """Whether an event data store uses the same key: its statement supports no condition (A17)."""
    stores = case.configuration.event_data_stores
    return any(key_of(case.configuration, store.kms_key_id.value).key is case.link.key for store in stores)


def decrypt_grant_too_broad(case: KeyCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS007: a principal of an account that the policy does not name may decrypt."""
    key = case.key
    if not isinstance(key.policy, KeyPolicy):
        return
    deployment, language = case.deployment, case.configuration.language
    for grant in broad_decrypt(key.policy, key, bindings=deployment.bindings, facts=deployment.facts, language=language):
        yield finding(
            rule,
            key,
            f"{title(key)} can be used by principals of accounts that its policy does not name: {grant.message}",
            grant.span or key.policy.span or key.span,
            label=grant.label,
            help=grant.help,
            related=tuple(place for trail in case.trails for place in use_of_key(trail)),
            stable=grant.label,
        )
