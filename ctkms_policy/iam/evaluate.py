"""Does a key policy allow a request? Three-valued: what may be is never taken for what is (C4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property, lru_cache
from itertools import product
from math import prod

from ctkms_policy.iam.conditions import answer
from ctkms_policy.iam.context import ContextValue
from ctkms_policy.iam.pattern import arn_match, folded, match, pattern_atoms, text_atoms, wildcards_match
from ctkms_policy.iam.principals import account_match, direct_match
from ctkms_policy.iam.request import CallerKind, Request
from ctkms_policy.iam.variables import policy_atoms
from ctkms_policy.model import Condition, Effect, KeyPolicy, Statement
from ctkms_policy.source import Span
from ctkms_policy.value import MAX_COMBINATIONS, Absent, Choice, Known, Match, Reference, Symbol, Template, Value, outcomes


class Outcome(Enum):
    """The answer of a key policy to one request."""

    ALLOWED = "allowed"
    EXPLICITLY_DENIED = "explicitly denied"
    IMPLICITLY_DENIED = "implicitly denied"
    UNDETERMINED = "undetermined"
    DELEGATED = "delegated"
    """the policy leaves it to IAM policies: of the account whose root it names (C2), or of a foreign reader (C15)"""

    @property
    def is_denied(self) -> bool:
        """Whether the request is certainly denied."""
        return self in (Outcome.EXPLICITLY_DENIED, Outcome.IMPLICITLY_DENIED)


class Element(Enum):
    """The part of a statement that a request is compared with."""

    INCLUDED = "included"
    EFFECT = "effect"
    PRINCIPAL = "principal"
    ACTION = "action"
    RESOURCE = "resource"
    CONDITION = "condition"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One part of a statement that does not certainly match, and what the request has there.

    For a condition ``condition`` is the policy's and ``carried`` what the request carries for its key.
    """

    element: Element
    answer: Match
    span: Span | None
    condition: Condition | None = None
    carried: ContextValue | None = None


@dataclass(frozen=True)
class StatementAnswer:
    """How one statement answers one request.

    number     its place in the policy, from 1
    applies    whether it matches in every part
    delegates  whether it matches as a delegation to the caller's account; only an Allow does
    """

    policy: KeyPolicy = field(repr=False)
    request: Request = field(repr=False)
    number: int
    applies: Match
    delegates: Match

    @property
    def statement(self) -> Statement:
        """The statement itself."""
        return self.policy.statements[self.number - 1]

    @cached_property
    def mismatches(self) -> tuple[Mismatch, ...]:
        """Every part that does not certainly match, in the order of a statement's elements.

        Found only when somebody asks: a decision does not need them. Where principal or action do not match, the rest is not
        looked at.
        """
        return tuple(_mismatches(self.policy, self.statement, self.request))

    @property
    def first_mismatch(self) -> Mismatch | None:
        """The first part that decides: does not match where the statement does not apply, is not certain where it may."""
        return next((each for each in self.mismatches if each.answer == max(self.applies, self.delegates)), None)


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one request, with the statements that decide it and what every statement says.

    ``deciding`` holds the Deny or Allow statements that make the outcome; it is empty for an implicit deny.
    """

    outcome: Outcome
    request: Request
    deciding: tuple[StatementAnswer, ...]
    answers: tuple[StatementAnswer, ...]
    rest: str = ""
    """why the policy may have further statements, or "" """
    delegating: tuple[StatementAnswer, ...] = ()
    """of an undetermined decision: the statements that certainly leave it to IAM policies, where no other allows it itself"""


def decide(policy: KeyPolicy, request: Request) -> Decision:
    """Return what the key policy answers to the request.

    A Deny that applies beats every Allow; a Deny that may apply makes allowed impossible; an Allow that may apply is
    undetermined; a policy that may have further statements is undetermined unless a Deny is certain. Statements that stand in
    branches of the same condition are taken together: what holds in every branch is certain.
    """
    decision = _decide(policy, request)
    if decision.outcome is not Outcome.UNDETERMINED or policy.rest:
        return decision
    decisions = [_decide(variant, request) for variant in _variants(policy)]
    kinds = {each.outcome if not each.outcome.is_denied else Outcome.IMPLICITLY_DENIED for each in decisions}
    return decisions[0] if len(kinds) == 1 else decision


def _variants(policy: KeyPolicy) -> Iterator[KeyPolicy]:
    """Yield the policy once for each way its conditions may go; nothing where there are none, or more than MAX_COMBINATIONS ways."""
    sizes = {condition: count for statement in policy.statements for condition, _, count in statement.branches}
    if not sizes or prod(sizes.values()) > MAX_COMBINATIONS:
        return
    for way in product(*(range(count) for count in sizes.values())):
        taken = dict(zip(sizes, way, strict=True))
        yield replace(
            policy,
            statements=tuple(
                replace(each, included=Match.of(all(taken[condition] == index for condition, index, _ in each.branches)))
                if each.branches
                else each
                for each in policy.statements
            ),
        )


def _decide(policy: KeyPolicy, request: Request) -> Decision:
    answers = tuple(statement_answer(policy, number, request) for number, _ in enumerate(policy.statements, 1))
    denies = [each for each in answers if each.statement.effect in (Effect.DENY, Effect.UNKNOWN) and each.applies is not Match.NO]
    allows = [each for each in answers if each.statement.effect in (Effect.ALLOW, Effect.UNKNOWN)]
    direct = [each for each in allows if each.applies is not Match.NO]
    delegated = [each for each in allows if each.delegates is not Match.NO]
    certain_denies = [each for each in denies if each.applies is Match.YES and each.statement.effect is Effect.DENY]

    def decision(outcome: Outcome, *deciding: StatementAnswer, delegating: list[StatementAnswer] | None = None) -> Decision:
        return Decision(outcome, request, deciding, answers, policy.rest, tuple(delegating or ()))

    if certain_denies:
        return decision(Outcome.EXPLICITLY_DENIED, *certain_denies)
    if policy.rest:
        return decision(Outcome.UNDETERMINED, *denies, *direct)
    certain = [each for each in direct if each.applies is Match.YES and each.statement.effect is Effect.ALLOW]
    if certain:
        if denies:
            return decision(Outcome.UNDETERMINED, *denies)
        by_account = {Match.NO: Outcome.ALLOWED, Match.MAYBE: Outcome.UNDETERMINED, Match.YES: Outcome.DELEGATED}
        return decision(by_account[request.by_iam], *certain, delegating=certain if request.by_iam is Match.MAYBE else None)
    certain = [each for each in delegated if each.delegates is Match.YES and each.statement.effect is Effect.ALLOW and not denies]
    if direct:
        return decision(Outcome.UNDETERMINED, *direct, delegating=certain)
    if not delegated:
        return decision(Outcome.IMPLICITLY_DENIED)
    if certain:
        return decision(Outcome.DELEGATED, *certain)
    return decision(Outcome.UNDETERMINED, *(denies or delegated))


def statement_answer(policy: KeyPolicy, number: int, request: Request) -> StatementAnswer:
    """Return how statement ``number`` (from 1) answers the request. It stops at the first part that does not match."""
    statement = policy.statements[number - 1]
    direct = account = Match.NO
    overall = min(_effect_answer(statement), statement.included, action_answer(statement, request.action))
    if overall is not Match.NO:
        direct, account = _principal_answer(statement, request)
    if max(direct, account) is not Match.NO:
        overall = min(overall, _resource_answer(policy, statement, request))
        for condition in statement.conditions:
            if overall is Match.NO:
                break
            overall = min(overall, _condition_answer(policy, statement, condition, request))
    return StatementAnswer(policy, request, number, min(overall, direct), min(overall, account))


def _mismatches(policy: KeyPolicy, statement: Statement, request: Request) -> Iterator[Mismatch]:
    direct, account = _principal_answer(statement, request)
    action = action_answer(statement, request.action)
    answers: list[tuple[Element, Match, tuple[str, ...]]] = [
        (Element.INCLUDED, statement.included, ()),
        (Element.EFFECT, _effect_answer(statement), ("Effect",)),
        (Element.PRINCIPAL, max(direct, account), ("Principal", "NotPrincipal")),
        (Element.ACTION, action, ("Action", "NotAction")),
    ]
    nears = min(max(direct, account), action) is not Match.NO
    if nears:
        answers.append((Element.RESOURCE, _resource_answer(policy, statement, request), ("Resource", "NotResource")))
    for element, found, parts in answers:
        if found is not Match.YES:
            yield Mismatch(element, found, statement.part_span(*parts))
    for condition in statement.conditions if nears else ():
        found = _condition_answer(policy, statement, condition, request)
        if found is not Match.YES:
            carried = request.context.get(str(condition.key.value)) if isinstance(condition.key, Known) else None
            yield Mismatch(Element.CONDITION, found, condition.span or statement.part_span("Condition"), condition, carried)


def _effect_answer(statement: Statement) -> Match:
    if statement.effect is Effect.INVALID:
        return Match.NO
    return Match.MAYBE if statement.effect is Effect.UNKNOWN else Match.YES


def _principal_answer(statement: Statement, request: Request) -> tuple[Match, Match]:
    """Return whether the statement names the caller, and whether it only names the caller's account."""
    direct = Match.any_of(direct_match(principal, request.caller) for principal in statement.principals)
    account = Match.any_of(account_match(principal, request.caller) for principal in statement.principals)
    if statement.principals_negated:
        if request.caller.kind is CallerKind.IAM:
            # "You must also specify the account ARN of the not-denied principal": else the whole account might be denied (C7).
            direct = min(direct, max(account, Match.MAYBE))
        named = direct.inverted() if statement.principals else Match.NO
        # C7: whether KMS takes an Allow with NotPrincipal at all is not documented.
        return (min(named, Match.MAYBE) if statement.effect is not Effect.DENY else named), Match.NO
    if statement.effect is Effect.DENY:
        return max(direct, account), Match.NO  # a Deny for an account denies everybody in it
    return direct, Match.NO if direct is Match.YES else account


def action_answer(statement: Statement, action: str) -> Match:
    """Return whether the statement is about an action."""
    if not statement.actions:
        return Match.NO  # C6: no effect
    found = Match.any_of(_action_match(value, action) for value in statement.actions)
    return found.inverted() if statement.actions_negated else found


@lru_cache(maxsize=4096)
def _action_match(value: Value, action: str) -> Match:
    """C8: prefix and name ignore case, wildcards may stand anywhere."""
    if isinstance(value, Known):
        return Match.of(wildcards_match(str(value.value).lower(), action.lower()))
    if isinstance(value, Choice):
        return _over_outcomes(value, lambda text: _action_match(text, action))
    if isinstance(value, (Template, Symbol, Reference)):
        return match(folded(pattern_atoms(value)), folded(text_atoms(Known(action))))
    return Match.NO if isinstance(value, Absent) else Match.MAYBE


def _resource_answer(policy: KeyPolicy, statement: Statement, request: Request) -> Match:
    if not statement.resources:
        return Match.NO  # C6: no effect
    found = Match.any_of(_resource_match(value, policy.version, request) for value in statement.resources)
    return found.inverted() if statement.resources_negated else found


def _resource_match(value: Value, version: str, request: Request) -> Match:
    """C6: ``*`` is this key; else its ARN, perhaps with wildcards. Alias and foreign ARNs match nothing."""
    if isinstance(value, Known) and value.value == "*":
        return Match.YES
    if isinstance(value, Choice):
        return _over_outcomes(value, lambda text: _resource_match(text, version, request))
    if isinstance(value, Reference) and _is_arn_of_other_resource(value):
        return Match.NO
    if isinstance(value, (Known, Template, Symbol, Reference)):
        atoms = policy_atoms(value, version, request.context, wildcards=True)
        return Match.NO if atoms is None else arn_match(atoms, text_atoms(request.resource))
    return Match.NO if isinstance(value, Absent) else Match.MAYBE


def _is_arn_of_other_resource(reference: Reference) -> bool:
    """Whether it is the ARN of a managed Terraform resource: one that is not the key itself, for the key's own are replaced."""
    managed = re.fullmatch(r"(?:.*\.)?(?<!data\.)aws_[a-z0-9_]+\.[^.\[\]]+(?:\[.*\])?", reference.address, re.DOTALL)
    return reference.attribute == "arn" and managed is not None


def _over_outcomes(value: Choice, ask: Callable[[Value], Match]) -> Match:
    answers = {ask(outcome) for _, outcome in outcomes(value)}
    return answers.pop() if len(answers) == 1 else Match.MAYBE


def _condition_answer(policy: KeyPolicy, statement: Statement, condition: Condition, request: Request) -> Match:
    return answer(condition, request.context, policy.version, allows=statement.effect is not Effect.DENY)
