"""Which statement comes nearest to allowing a request, and whether a change to it would do: an explanation speaks of that one."""

from __future__ import annotations

import re
from dataclasses import replace

from ctkms_policy.iam.actions import meant_action
from ctkms_policy.iam.evaluate import Decision, Element, StatementAnswer, statement_answer
from ctkms_policy.iam.request import CLOUDTRAIL, EC, TRAIL_PAIR, CallerKind, Question, Request
from ctkms_policy.model import Condition, Effect, KeyPolicy, Principal, PrincipalType, Statement
from ctkms_policy.value import Known, Match, Value, describe

_ABOUT_TRAILS = ("aws:sourcearn", "aws:sourceaccount", EC + TRAIL_PAIR)


def nearest_statement(decision: Decision) -> StatementAnswer | None:
    """Return the answer of the statement that comes nearest to allowing the request; None where none is about it."""
    ranked = [
        (_nearness(answer, decision.request), -answer.number, answer)
        for answer in decision.answers
        if answer.statement.effect is not Effect.DENY
    ]
    rank, _, nearest = max(ranked, default=(0, 0, None), key=lambda each: each[:2])
    return nearest if rank else None


def left_out_statement(policy: KeyPolicy, request: Request) -> StatementAnswer | None:
    """Return the answer of a statement that would allow the request, if default inputs did not leave it out."""
    for statement in policy.left_out:
        if statement.effect is Effect.ALLOW:
            alone = replace(policy, statements=(replace(statement, included=Match.YES),))
            answer = statement_answer(alone, 1, request)
            if answer.applies is not Match.NO:
                return answer
    return None


def _nearness(answer: StatementAnswer, request: Request) -> int:
    """Return how near a statement comes: one that names caller and action is nearest, the fewer mismatches the nearer; 0 is not near."""
    statement = answer.statement
    missed = {each.element for each in answer.mismatches if each.answer is Match.NO}
    only_delegates = answer.mismatches and answer.mismatches[0].element is Element.PRINCIPAL
    named, acts = Element.PRINCIPAL not in missed, Element.ACTION not in missed
    service = request.caller.kind is CallerKind.SERVICE
    if named and acts and not only_delegates:
        return 100 - sum(each.answer is Match.NO for each in answer.mismatches)
    if named and misspelt_action(statement, request) is not None:
        return 80
    if named and similar_action(statement, request) is not None and would_apply(answer, action=True) is not Match.NO:
        return 75
    if acts and service and is_of_another_service(statement) and would_apply(answer, principal=True) is not Match.NO:
        return 72
    if acts and service and may_mean_cloudtrail(statement):
        return 70
    if named and service and not only_delegates and may_mean_cloudtrail(statement):
        return 61 if may_add_action(answer) else 60
    return 0


def would_apply(answer: StatementAnswer, *, action: bool = False, principal: bool = False) -> Match:
    """Return whether the statement would apply if it also had the request's action, or CloudTrail as its principal."""
    statement = answer.statement
    if action:
        statement = replace(statement, actions=(*statement.actions, Known(answer.request.action)))
    if principal:
        statement = replace(statement, principals=(Principal(PrincipalType.SERVICE, Known(CLOUDTRAIL)),))
    statements = list(answer.policy.statements)
    statements[answer.number - 1] = statement
    return statement_answer(replace(answer.policy, statements=tuple(statements)), answer.number, answer.request).applies


def may_add_action(answer: StatementAnswer) -> bool:
    """Whether the action could be added to the statement: its conditions hold then (C12), and it still says whose trail it is for."""
    if answer.statement.actions_negated or would_apply(answer, action=True) is Match.NO:
        return False
    return answer.request.question is Question.DESCRIBE or any(map(is_about_trails, answer.statement.conditions))


def is_about_trails(condition: Condition) -> bool:
    """Whether the condition says whose trail it is."""
    return isinstance(condition.key, Known) and str(condition.key.value).lower() in _ABOUT_TRAILS


def misspelt_action(statement: Statement, request: Request) -> Value | None:
    """Return the action of the statement that was probably meant to be the request's."""
    if statement.actions_negated:
        return None
    return next((action for action in statement.actions if _meant(action) == request.action), None)


def _meant(action: Value) -> str:
    return meant_action(str(action.value)).rstrip("*") if isinstance(action, Known) else ""


def similar_action(statement: Statement, request: Request) -> Value | None:
    """Return an action of the statement that is easily taken for kms:GenerateDataKey, which CloudTrail encrypts with (A8)."""
    if request.question is not Question.ENCRYPT or statement.actions_negated:
        return None
    return next((action for action in statement.actions if _is_about_encryption(action)), None)


def _is_about_encryption(action: Value) -> bool:
    text = str(action.value).lower() if isinstance(action, Known) else ""
    return text == "kms:encrypt" or text.startswith("kms:generatedatakey")


def is_of_another_service(statement: Statement) -> bool:
    """Whether it says whose trail it is for, and names only services, none of them CloudTrail."""
    services = all(each.type is PrincipalType.SERVICE and isinstance(each.value, Known) for each in statement.principals)
    return services and not statement.principals_negated and any(map(is_about_trails, statement.conditions))


def may_mean_cloudtrail(statement: Statement) -> bool:
    """Whether a principal was probably meant to be CloudTrail."""
    return any(re.search(r"cloud\W?tr[ai]+l", describe(each.value, quoted=False), re.IGNORECASE) for each in statement.principals)
