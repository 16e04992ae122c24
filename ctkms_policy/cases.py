"""What the checks look at: each trail, store and key with its links followed and its key policy judged, once per run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ctkms_policy.iam.judge import Judgement, judge_event_data_store, judge_trail
from ctkms_policy.iam.request import OrganizationFacts
from ctkms_policy.key_link import KeyLink, KeyState, key_of
from ctkms_policy.model import Bucket, Configuration, EventDataStore, Key, KeyKind, KeyPolicy, PrincipalType, Statement, Trail
from ctkms_policy.value import Absent, Known, Literal, Match, Reference, Symbol, Template, Unknown, Value, default_of, describe, scalar_text

CLOUDTRAIL = "cloudtrail"


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the user says about where the code is deployed.

    bindings  ambient symbols that are certain: ``{"account": "111122223333"}``
    facts     the organization's management account, its id, and who may read
    strict    nothing is assumed
    """

    bindings: Mapping[str, str] = field(default_factory=dict)
    facts: OrganizationFacts = field(default_factory=OrganizationFacts)
    strict: bool = False


@dataclass(frozen=True, slots=True)
class TrailCase:
    """One trail, the key it has, and what that key's policy answers (None where there is no policy to ask)."""

    configuration: Configuration
    trail: Trail
    link: KeyLink
    judgement: Judgement | None
    deployment: Deployment
    bucket: Bucket | None = None
    """the log bucket, where it is in the code"""


@dataclass(frozen=True, slots=True)
class StoreCase:
    """One event data store, likewise."""

    configuration: Configuration
    store: EventDataStore
    link: KeyLink
    judgement: Judgement | None
    deployment: Deployment


@dataclass(frozen=True, slots=True)
class KeyCase:
    """One key that a trail or store uses, or whose policy names CloudTrail."""

    configuration: Configuration
    key: Key
    trails: tuple[TrailCase, ...]
    stores: tuple[StoreCase, ...]
    deployment: Deployment


def trail_cases(configuration: Configuration, deployment: Deployment) -> list[TrailCase]:
    """Return a case for every trail of the configuration."""
    cases = []
    for trail in configuration.trails:
        bucket = _bucket_of(configuration, trail)

        def judge(policy: KeyPolicy, key: Key, trail: Trail = trail, bucket: Bucket | None = bucket) -> Judgement:
            return judge_trail(
                policy,
                key,
                trail,
                bindings=deployment.bindings,
                facts=deployment.facts,
                bucket_key=bucket_key(bucket),
                strict=deployment.strict,
            )

        link, judgement = _judged(key_of(configuration, trail.kms_key_id.value), judge)
        cases.append(TrailCase(configuration, trail, link, judgement, deployment, bucket))
    return cases


def _bucket_of(configuration: Configuration, trail: Trail) -> Bucket | None:
    name = default_of(trail.bucket_name)
    for bucket in configuration.buckets:
        if isinstance(name, Reference) and name.address == bucket.address:
            return bucket
        if not isinstance(name, (Absent, Unknown, Symbol)) and name == bucket.name:
            return bucket
    return None


def bucket_key(bucket: Bucket | None) -> Match:
    """Return whether the log bucket has an S3 Bucket Key: one in the code has none unless the code says so."""
    if bucket is None:
        return Match.MAYBE
    enabled = default_of(bucket.bucket_key_enabled)
    if isinstance(enabled, Absent):
        return Match.NO
    return Match.of(scalar_text(enabled.value).lower() == "true") if isinstance(enabled, Known) else Match.MAYBE


def store_cases(configuration: Configuration, deployment: Deployment) -> list[StoreCase]:
    """Return a case for every event data store of the configuration."""
    cases = []
    for store in configuration.event_data_stores:

        def judge(policy: KeyPolicy, key: Key, store: EventDataStore = store) -> Judgement:
            return judge_event_data_store(
                policy, key, store, bindings=deployment.bindings, facts=deployment.facts, strict=deployment.strict
            )

        link, judgement = _judged(key_of(configuration, store.kms_key_id.value), judge)
        cases.append(StoreCase(configuration, store, link, judgement, deployment))
    return cases


def _judged(link: KeyLink, judge: Callable[[KeyPolicy, Key], Judgement]) -> tuple[KeyLink, Judgement | None]:
    """Return the link with what the policy of its key answers.

    Where nothing decides between several keys of the code, the answer is that of them all, or there is none: the link then has no key.
    """

    def judged(key: Key) -> Judgement | None:
        return judge(key.policy, key) if isinstance(key.policy, KeyPolicy) else None

    if link.key is None:
        return link, None
    judgement = judged(link.key)
    differing = next((key for key in link.others if _answer(key, judged(key)) != _answer(link.key, judgement)), None)
    if differing is None:
        return link, judgement
    reason = f'it may be the key "{link.key.address}" or "{differing.address}", and the answers of the two differ'
    state = link.state if link.state is KeyState.DEPENDS else KeyState.UNDETERMINED
    return replace(link, state=state, key=None, reason=reason), None


def _answer(key: Key, judgement: Judgement | None) -> tuple[object, ...]:
    """Return what findings about a trail depend on: keys with the same answer are judged alike."""
    decisions = (judgement.describe, judgement.encrypt, judgement.decrypt) if judgement is not None else ()
    return (*((decision.outcome, bool(decision.delegating)) for decision in decisions), key.place, key.enabled, key.spec, key.usage)


def key_cases(configuration: Configuration, trails: list[TrailCase], stores: list[StoreCase], deployment: Deployment) -> list[KeyCase]:
    """Return a case for every key that concerns CloudTrail: a trail or store uses it, or its policy names CloudTrail."""
    cases = []
    for key in (*configuration.keys, *configuration.known_keys):
        by_trails = tuple(case for case in trails if case.link.key is key)
        by_stores = tuple(case for case in stores if case.link.key is key)
        in_code = key.kind is not KeyKind.CONFIGURED
        if by_trails or by_stores or (in_code and isinstance(key.policy, KeyPolicy) and names_cloudtrail(key.policy)):
            cases.append(KeyCase(configuration, key, by_trails, by_stores, deployment))
    return cases


def keys_of(configuration: Configuration) -> list[Key]:
    """Return the keys of the configuration and those outside of it that its trails and stores use."""
    resources: tuple[Trail | EventDataStore, ...] = (*configuration.trails, *configuration.event_data_stores)
    used = [key_of(configuration, each.kms_key_id.value).key for each in resources] if configuration.known_keys else []
    return [*configuration.keys, *(key for key in configuration.known_keys if any(each is key for each in used))]


def names_cloudtrail(policy: KeyPolicy) -> bool:
    """Return whether a statement names CloudTrail as a principal or in a condition."""
    return any(_statement_names_cloudtrail(statement) for statement in policy.statements)


def _statement_names_cloudtrail(statement: Statement) -> bool:
    principals = [principal.value for principal in statement.principals if principal.type is PrincipalType.SERVICE]
    keys = [condition.key for condition in statement.conditions]
    values = [value for condition in statement.conditions for value in condition.values]
    return any(CLOUDTRAIL in _literal_text(value) for value in (*principals, *keys, *values))


def _literal_text(value: Value) -> str:
    if isinstance(value, (Known, Template)):
        parts = value.parts if isinstance(value, Template) else (Literal(describe(value, quoted=False)),)
        return "".join(part.text for part in parts if isinstance(part, Literal)).lower()
    return ""
