"""What a key policy means for a trail: every request of the trail, under one consistent binding of what the code leaves open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice, product

from ctkms_policy.iam.assumptions import Assumption, Kind, Unknowns, assumptions_of, is_a_place, unknowns_of, without_places
from ctkms_policy.iam.binding import Binding, Hole, bound_key, bound_log, bound_policy, holes_of
from ctkms_policy.iam.evaluate import Decision, Outcome, decide
from ctkms_policy.iam.readers import any_reader
from ctkms_policy.iam.request import (
    KeyFacts,
    LogFacts,
    OrganizationFacts,
    Question,
    Request,
    certain_text,
    event_data_store_facts,
    key_facts,
    service_request,
    trail_facts,
)
from ctkms_policy.iam.spelling import Spelling
from ctkms_policy.iam.strangers import BroadGrant, broad_decrypt_grants, unscoped_encrypt_grant
from ctkms_policy.model import EventDataStore, Key, KeyPolicy, Language, Trail, partition_of
from ctkms_policy.value import Known, Match, Reference, Symbol, Text, text_parts

__all__ = [
    "Assumption",
    "BroadGrant",
    "Judgement",
    "broad_decrypt",
    "encrypt_is_scoped",
    "judge_event_data_store",
    "judge_request",
    "judge_trail",
]


NO_FACTS = OrganizationFacts()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a key policy answers to the requests of one trail, and what had to be assumed for it.

    ``decrypt`` is about readers: is there any at all. ``service_decrypt`` is about CloudTrail itself and is advisory (A4).
    """

    describe: Decision
    encrypt: Decision
    decrypt: Decision
    service_decrypt: Decision
    assumptions: tuple[Assumption, ...] = ()
    shown_under: tuple[Assumption, ...] = ()
    """the place that a denial is explained for which holds in every place"""


def judge_trail(
    policy: KeyPolicy,
    key: Key,
    trail: Trail,
    *,
    bindings: Mapping[str, str] | None = None,
    facts: OrganizationFacts = NO_FACTS,
    bucket_key: Match = Match.MAYBE,
    strict: bool = False,
) -> Judgement:
    """Return what the policy of the trail's key answers to the trail's requests.

    ``bindings`` are ambient symbols that are certain (``{"account": "111122223333"}``); ``bucket_key`` tells whether the log bucket
    has an S3 Bucket Key; ``strict`` assumes nothing.
    """
    case = _Case.of(policy, key_facts(key), trail_facts(trail, facts, bucket_key), bindings or {}, facts)
    return _judge(case, strict=strict)


def judge_event_data_store(
    policy: KeyPolicy,
    key: Key,
    store: EventDataStore,
    *,
    bindings: Mapping[str, str] | None = None,
    facts: OrganizationFacts = NO_FACTS,
    strict: bool = False,
) -> Judgement:
    """Return the same for an event data store (A17)."""
    case = _Case.of(policy, key_facts(key), event_data_store_facts(store, facts), bindings or {}, facts)
    return _judge(case, strict=strict)


def encrypt_is_scoped(
    policy: KeyPolicy,
    key: Key,
    trail: Trail | None,
    *,
    bindings: Mapping[str, str] | None = None,
    facts: OrganizationFacts = NO_FACTS,
    language: Language | None = None,
) -> BroadGrant | None:
    """Return None when no stranger's trail may certainly encrypt with the key, else the statement that lets it (CTKMS006).

    ``language`` is how its help spells the places that the code leaves open.
    """
    log = trail_facts(trail, facts) if trail is not None else None
    case = _Case.of(policy, key_facts(key), log, bindings or {}, facts)
    return unscoped_encrypt_grant(case.policy, case.key, case.log, facts, Spelling.of(policy, key, language))


def broad_decrypt(
    policy: KeyPolicy,
    key: Key,
    *,
    bindings: Mapping[str, str] | None = None,
    facts: OrganizationFacts = NO_FACTS,
    language: Language | None = None,
) -> list[BroadGrant]:
    """Return the statements that certainly let somebody decrypt whose account the policy does not name (CTKMS007)."""
    case = _Case.of(policy, key_facts(key), None, bindings or {}, facts)
    return broad_decrypt_grants(case.policy, case.key, facts, Spelling.of(policy, key, language))


def judge_request(
    policy: KeyPolicy,
    key: Key,
    trail: Trail,
    request: Callable[[LogFacts, KeyFacts], Request],
    *,
    bindings: Mapping[str, str] | None = None,
    facts: OrganizationFacts = NO_FACTS,
    bucket_key: Match = Match.MAYBE,
) -> Decision:
    """Return what the policy answers to any request about the trail's logs, with nothing assumed but ``bindings``."""
    case = _Case.of(policy, key_facts(key), trail_facts(trail, facts, bucket_key), bindings or {}, facts)
    assert case.log is not None
    return decide(case.policy, request(case.log, case.key))


@dataclass(frozen=True)
class _Case:
    """A policy, and what the requests are about, with everything certain filled in."""

    policy: KeyPolicy
    key: KeyFacts
    log: LogFacts | None
    facts: OrganizationFacts

    @classmethod
    def of(cls, policy: KeyPolicy, key: KeyFacts, log: LogFacts | None, bindings: Mapping[str, str], facts: OrganizationFacts) -> _Case:
        own: dict[Hole, Text] = dict(key.own)
        own.update(log.own if log is not None else ())
        # What the policy calls this key and this trail is what the requests call them.
        policy = bound_policy(policy, own)
        certain = _certain_binding(bindings, policy, key, log)
        return cls(bound_policy(policy, certain), bound_key(key, certain), bound_log(log, certain) if log is not None else None, facts)

    def under(self, binding: Binding) -> _Case:
        """Return the case with further holes filled."""
        log = bound_log(self.log, binding) if self.log is not None else None
        return _Case(bound_policy(self.policy, binding), bound_key(self.key, binding), log, self.facts)

    def judgement(self) -> Judgement:
        """Return what the policy answers as things stand."""
        assert self.log is not None
        return Judgement(
            decide(self.policy, service_request(Question.DESCRIBE, self.log, self.key)),
            decide(self.policy, service_request(Question.ENCRYPT, self.log, self.key)),
            any_reader(self.policy, self.log, self.key, self.facts),
            decide(self.policy, service_request(Question.SERVICE_DECRYPT, self.log, self.key)),
        )


def _certain_binding(bindings: Mapping[str, str], policy: KeyPolicy, key: KeyFacts, log: LogFacts | None) -> dict[Hole, Text]:
    """Return the binding of the symbols whose names the configuration binds."""
    holes = holes_of(policy)
    for text in (key.arn, *((log.arn, log.owner) if log is not None else ())):
        holes.update(part for part in text_parts(text) if isinstance(part, (Symbol, Reference)))
    return {hole: Known(bindings[hole.name]) for hole in holes if isinstance(hole, Symbol) and hole.name in bindings}


# -- assumptions -------------------------------------------------------------------------------------------------------

_WEIGHTS = {"encrypt": 4, "describe": 3, "decrypt": 2}
"""The requests that one binding must satisfy, and which matter more where none satisfies all."""

MAX_CASES = 64


def _judge(case: _Case, *, strict: bool) -> Judgement:
    """Return the answers without assumptions where they are definite, else under the binding that satisfies most requests."""
    plain = case.judgement()
    undecided = [name for name in _WEIGHTS if _decision(plain, name).outcome is Outcome.UNDETERMINED]
    if not undecided:
        return plain
    assert case.log is not None
    unknowns = unknowns_of(case.policy, case.log, case.key)
    best, best_weight, best_binding = plain, 0, None
    for binding in unknowns.bindings() if not strict else ():
        judged = case.under(binding).judgement()
        weight = sum(_WEIGHTS[name] for name in undecided if _is_satisfied(_decision(plain, name), _decision(judged, name)))
        if weight > best_weight:
            best, best_weight, best_binding = judged, weight, binding
        if weight == sum(_WEIGHTS[name] for name in undecided):
            break
    if best_binding is not None:
        return replace(best, assumptions=assumptions_of(best_binding))
    return _with_proven_denials(case, unknowns, plain)


def _is_satisfied(plain: Decision, judged: Decision) -> bool:
    """Whether an assumption brings what is wanted: that IAM policies decide is nothing new where they do without it."""
    return judged.outcome is Outcome.ALLOWED or (judged.outcome is Outcome.DELEGATED and not plain.delegating)


def _decision(judgement: Judgement, name: str) -> Decision:
    return {"encrypt": judgement.encrypt, "describe": judgement.describe, "decrypt": judgement.decrypt}[name]


def _with_proven_denials(case: _Case, unknowns: Unknowns, plain: Judgement) -> Judgement:
    """Return the judgement with what is undetermined, but denied wherever the code may be deployed, as denied.

    Every place is one of those that the policy names, or none of them: a policy that needs two accounts at once fails in all,
    and so does one that needs a Region in the partition of another.
    """
    assert case.log is not None
    pairs = {
        Kind.ACCOUNT: (case.log.owner, case.key.account),
        Kind.REGION: (case.log.region, case.key.region),
        Kind.PARTITION: (case.log.partition, case.key.partition),
    }
    holes = {kind: one for kind, (one, other) in pairs.items() if isinstance(one, (Symbol, Reference)) and one == other}
    ways = [[(kind, literal) for literal in (*unknowns.named[kind], None)] for kind in holes]
    if len(list(islice(product(*ways), MAX_CASES + 1))) > MAX_CASES:
        return plain
    denied: dict[str, Decision | None] = {}
    first: Binding | None = None
    for way in product(*ways):
        binding: dict[Hole, Text] = {holes[kind]: literal for kind, literal in way if literal is not None}
        nowhere = {kind for kind, literal in way if literal is None}
        region = bound_log(case.log, binding).region
        if Kind.PARTITION in nowhere and unknowns.named[Kind.PARTITION] and isinstance(region, Known):
            binding[holes[Kind.PARTITION]] = certain_text(partition_of(region), "the partition")
            nowhere.remove(Kind.PARTITION)
        there = case.under(binding)
        assert there.log is not None
        if not all(is_a_place(each.region, each.partition) for each in (there.log, there.key)):
            continue  # no Region is in two partitions
        first = binding if first is None else first
        there = replace(there, policy=without_places(there.policy, tuple(nowhere), unknowns.named)) if nowhere else there
        judged = there.judgement()
        for name in ("describe", "encrypt"):
            decision = _decision(judged, name)
            if not decision.outcome.is_denied:
                denied[name] = None
            else:
                denied.setdefault(name, decision)
    return replace(
        plain,
        shown_under=assumptions_of(first or {}),
        describe=denied.get("describe") or plain.describe if plain.describe.outcome is Outcome.UNDETERMINED else plain.describe,
        encrypt=denied.get("encrypt") or plain.encrypt if plain.encrypt.outcome is Outcome.UNDETERMINED else plain.encrypt,
    )
