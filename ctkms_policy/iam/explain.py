"""Why a key policy answers as it does: the nearest statement, the first thing that does not match, and the way out."""

from __future__ import annotations

import re
from dataclasses import replace

from ctkms_policy.iam.conditions import parse_operator
from ctkms_policy.iam.context import Missing, Present, ServiceAddress
from ctkms_policy.iam.evaluate import Decision, Outcome, StatementAnswer
from ctkms_policy.iam.explain_elements import mismatch_words
from ctkms_policy.iam.judge import Judgement
from ctkms_policy.iam.nearest import (
    left_out_statement,
    may_mean_cloudtrail,
    nearest_statement,
)
from ctkms_policy.iam.phrases import (
    WHAT,
    Explanation,
    Mistake,
    add_statement,
    caller_name,
    first_span,
    key_text,
    listed,
    maybe_help,
    reasons,
    shown,
)
from ctkms_policy.iam.request import CLOUDTRAIL, EC, CallerKind, Question, Request
from ctkms_policy.iam.spelling import Spelling
from ctkms_policy.iam.strangers import statement_name
from ctkms_policy.model import Condition, Effect, Key, KeyPolicy, Language, PolicyForm, PrincipalType, Statement, Trail
from ctkms_policy.value import Known, Match, describe


def explain(
    policy: KeyPolicy,
    decision: Decision,
    *,
    key: Key | None = None,
    trail: Trail | None = None,
    judgement: Judgement | None = None,
    language: Language | None = None,
) -> Explanation:
    """Return the words for a decision about a request.

    ``key`` is where the finding stands when the policy has no place of its own; ``trail`` adds where the name is that the policy
    does not mean; ``judgement`` adds what had to be assumed about the places that the words name; ``language`` is how the words
    spell the places that the code leaves open.
    """
    spelling = Spelling.of(policy, key, language)
    decision = spelling.decision(decision)
    words = _explained(policy, decision)
    words = replace(words, help=spelling.with_needs(words.help))
    if words.span is None and key is not None:
        words = replace(words, span=policy.span or key.span)
    name = trail.name.origin.span if trail is not None else None
    if words.mistake is Mistake.OTHER_TRAIL and name is not None:
        words = replace(words, related=(*words.related, (name, "this trail's name")))
    if judgement is not None and decision.outcome.is_denied:
        named = [f"{each.symbol} = {each.value}" for each in judgement.assumptions if _names(words.message, each.value)]
        if named:
            words = replace(words, message=f"{words.message}, assuming {' and '.join(named)}")
        elsewhere = [each.symbol.partition("[")[0] for each in judgement.shown_under if _names(words.message, each.value)]
        if elsewhere:
            words = replace(words, message=f"{words.message}; in any other {_KINDS.get(elsewhere[0], 'place')}, other conditions fail")
    return words


_KINDS = {"account": "account", "region": "Region", "partition": "partition"}


def _names(message: str, value: str) -> bool:
    return re.search(rf"(?<![\w:-]){re.escape(value)}(?![\w:-])", message) is not None


def _explained(policy: KeyPolicy, decision: Decision) -> Explanation:
    if decision.outcome is Outcome.ALLOWED:
        allowing = decision.deciding[0]
        return Explanation(f"{statement_name(allowing)} allows it", "allows it", allowing.statement.span, "")
    if decision.outcome is Outcome.EXPLICITLY_DENIED:
        return _explicit_deny(decision)
    if decision.outcome is Outcome.DELEGATED:
        return _delegated(policy, decision)
    if decision.outcome is Outcome.UNDETERMINED:
        return _undetermined(decision)
    return _implicit_deny(policy, decision)


def answer_text(answer: StatementAnswer, request: Request) -> str:
    """Return one line about what one statement says to a request."""
    statement = answer.statement
    effect = statement.effect.value if statement.effect in (Effect.ALLOW, Effect.DENY) else "no valid effect"
    head = f"{statement_name(answer)} ({effect})"
    if answer.applies is Match.YES:
        return f"{head} applies"
    if answer.delegates is Match.YES:
        return f"{head} leaves it to the IAM policies of the account"
    mismatch = answer.first_mismatch
    verb = "may apply" if max(answer.applies, answer.delegates) is Match.MAYBE else "does not apply"
    return f"{head} {verb}: {mismatch_words(mismatch, answer, request).message}" if mismatch is not None else f"{head} {verb}"


_EXEMPT_SERVICES = 'exempt AWS services: add the condition BoolIfExists "aws:PrincipalIsAWSService" = "false" to the Deny'


_EXEMPT_READERS = 'except the readers by a condition on "aws:PrincipalArn"'


def _explicit_deny(decision: Decision) -> Explanation:
    answer = decision.deciding[0]
    statement, request = answer.statement, decision.request
    name = statement_name(answer)
    allowing = [
        (each.statement.span, "this statement would allow it")
        for each in decision.answers
        if each.statement.effect is Effect.ALLOW and each.applies is Match.YES and each.statement.span is not None
    ]
    related = tuple(allowing[:1])
    missing = [
        (each, carried)
        for each in statement.conditions
        if isinstance(each.key, Known) and isinstance(carried := request.context.get(str(each.key.value)), Missing)
    ]
    is_service = request.caller.kind is CallerKind.SERVICE
    for condition, carried in missing:
        key = key_text(condition)
        if key.lower() in ("aws:principalorgid", "aws:principalorgpaths"):
            return Explanation(
                f'{name} denies everybody without "{key}", and an AWS service never has it',
                "an AWS service is in no organization: the Deny applies",
                condition.span,
                _EXEMPT_SERVICES,
                Mistake.DENY_BY_ORGANIZATION,
                related,
            )
        if request.question is Question.DESCRIBE and key.lower().startswith(EC):
            return Explanation(
                f"{name} denies calls without the encryption context, and DescribeKey has none",
                "DescribeKey has no encryption context: the Deny applies",
                condition.span,
                "limit the Deny to kms:GenerateDataKey* and kms:Decrypt",
                Mistake.ENCRYPTION_CONTEXT_ON_DESCRIBE,
                related,
            )
        why = f": {carried.why}" if carried.why else ""
        return Explanation(
            f'{name} denies requests without "{key}"{why}',
            "the request does not carry this key: the Deny applies",
            condition.span,
            _EXEMPT_SERVICES if is_service else _EXEMPT_READERS,
            Mistake.KEY_NEVER_SENT,
            related,
        )
    if statement.principals_negated:
        who = caller_name(request)
        return Explanation(
            f"{name} denies everybody that NotPrincipal does not list, and {who} is not listed",
            f"{who} is not listed",
            statement.part_span("NotPrincipal"),
            f'list {who} in NotPrincipal as a principal of type Service, or use a condition on "aws:PrincipalArn"'
            if is_service
            else f'list {who.replace("a reader", "the readers")} in NotPrincipal, or use a condition on "aws:PrincipalArn"',
            None,
            related,
        )
    help = f"remove the Deny, or {_EXEMPT_SERVICES if is_service else _EXEMPT_READERS}"
    telling = _telling_condition(statement)
    if telling is None:
        return Explanation(f"{name} denies {request.action}", f"denies {request.action}", statement.span, help, None, related)
    carried = request.context.get(key_text(telling))
    has = f", and the request has {shown(carried.values)}" if isinstance(carried, Present) else ""
    if isinstance(carried, Present) and _is_negated(telling) and not any(isinstance(each, ServiceAddress) for each in carried.values):
        what = "the readers" if key_text(telling).lower() == "aws:principalarn" else shown(carried.values)
        help = f"add {what} to what this condition spares"
    return Explanation(
        f'{name} denies {request.action} by {telling.operator} on "{key_text(telling)}" with {listed(telling.values)}{has}',
        "this holds: the Deny applies",
        telling.span,
        help,
        None,
        related,
    )


def _telling_condition(statement: Statement) -> Condition | None:
    """Return the condition that makes a Deny apply, as far as one does: "everything but these" says more than "these"."""
    conditions = [each for each in statement.conditions if isinstance(each.key, Known)]
    return min(conditions, key=lambda each: not _is_negated(each), default=None)


def _is_negated(condition: Condition) -> bool:
    operator = parse_operator(condition.operator).operator
    return operator is not None and operator.negated


def _delegated(policy: KeyPolicy, decision: Decision) -> Explanation:
    answer = decision.deciding[0]
    is_default = policy.form is PolicyForm.DEFAULT
    name = "the policy that AWS attaches" if is_default else statement_name(answer)
    account = decision.request.caller.account
    whose = f"the IAM policies of account {account.value}" if isinstance(account, Known) else "the account's IAM policies"
    return Explanation(
        f"{name} leaves it to {whose}",
        "lets the account's IAM policies decide",
        answer.statement.part_span("Principal"),
        add_statement(decision.request, whole=is_default),
    )


def _undetermined(decision: Decision) -> Explanation:
    request = decision.request
    if decision.rest:
        return Explanation(
            f"the policy may have further statements: {decision.rest}", "", None, "make every statement of the policy known", None
        )
    answer = decision.deciding[0] if decision.deciding else None
    if answer is None:
        return Explanation("what the policy says is not known", "", None, "")
    mismatch = next((each for each in answer.mismatches if each.answer is Match.MAYBE), None)
    if answer.applies is Match.YES and request.by_iam is Match.MAYBE:
        return _may_be_account(answer, request)
    if answer.delegates is Match.YES:
        return _may_be_own_account(answer, request)
    if mismatch is None:
        who = caller_name(request)
        return Explanation(
            f"{statement_name(answer)} allows {who}, and whether that service reads the logs is not in the code",
            "allows another service",
            answer.statement.part_span("Principal"),
            "name a user or role that reads the logs",
        )
    words = mismatch_words(mismatch, answer, request)
    verb = "may deny it" if answer.statement.effect is Effect.DENY else "may allow it"
    return Explanation(
        f"{statement_name(answer)} {verb}: {words.message}", words.label, words.span, words.help, words.mistake, words.related
    )


def _may_be_own_account(answer: StatementAnswer, request: Request) -> Explanation:
    account, own = request.caller.account, request.context.get("aws:resourceaccount")
    owns = list(own.values) if isinstance(own, Present) else []
    return Explanation(
        f"{statement_name(answer)} leaves it to the IAM policies of account {describe(account, quoted=False)}, and whether that is "
        f"another account than the key's is not known{reasons([account, *owns])}",
        "may be another account",
        answer.statement.part_span("Principal"),
        maybe_help([account], owns),
    )


def _may_be_account(answer: StatementAnswer, request: Request) -> Explanation:
    """Return the words for a principal that may be an account: it is allowed all the same where it is somebody in one (C2)."""
    name = request.caller.name
    values = [principal.value for principal in answer.statement.principals if principal.value == name]
    return Explanation(
        f"{statement_name(answer)} allows {describe(name)}, and leaves it to IAM policies if that is an account{reasons([name])}",
        "may be an account",
        first_span(values, answer.statement.part_span("Principal")),
        maybe_help([name], ()) or "name a user or role",
    )


def _implicit_deny(policy: KeyPolicy, decision: Decision) -> Explanation:
    request = decision.request
    bound = decision.answers[0].policy if decision.answers else policy
    absent = left_out_statement(bound, request)
    if absent is not None:
        return _left_out(absent)
    nearest = nearest_statement(decision)
    if nearest is not None:
        mismatch = next((each for each in nearest.mismatches if each.answer is Match.NO), nearest.mismatches[0])
        return mismatch_words(mismatch, nearest, request)
    who, action = WHAT[request.question]
    is_default = policy.form is PolicyForm.DEFAULT
    if request.caller.kind is CallerKind.SERVICE and not any(may_mean_cloudtrail(answer.statement) for answer in decision.answers):
        message = f'no statement names "{CLOUDTRAIL}"'
        if is_default or (len(bound.statements) == 1 and _names_account(bound.statements[0])):
            message += ", and letting the account delegate does not let a service in"
    else:
        message = f"no statement lets {who} use {action}"
    label = "no policy: AWS attaches one that only lets the account delegate" if is_default else "no statement does"
    return Explanation(message, label, policy.span, add_statement(request, whole=is_default))


def _left_out(answer: StatementAnswer) -> Explanation:
    statement = answer.statement
    name = f'statement "{statement.sid}"' if statement.sid else "a statement that would allow it"
    when = statement.included_when
    return Explanation(
        f"{name} is left out by default, it is there when {when}",
        f"left out unless {when}",
        statement.span,
        f"make {when} the default, or leave out the condition",
        Mistake.LEFT_OUT,
    )


def _names_account(statement: Statement) -> bool:
    return all(each.type is PrincipalType.AWS and ":root" in describe(each.value) for each in statement.principals)
