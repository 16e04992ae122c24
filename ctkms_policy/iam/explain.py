"""Why a key policy answers as it does: the nearest statement, the first thing that does not match, and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from ctkms_policy.iam.actions import meant_action
from ctkms_policy.iam.arns import arn_parts
from ctkms_policy.iam.conditions import OPERATORS, compare_value, parse_operator
from ctkms_policy.iam.context import Context, ContextText, FromNow, Missing, Present, ServiceAddress, Uncertain
from ctkms_policy.iam.evaluate import Decision, Element, Mismatch, Outcome, StatementAnswer
from ctkms_policy.iam.judge import Judgement
from ctkms_policy.iam.request import CLOUDTRAIL, EC, TRAIL_PAIR, CallerKind, Question, Request
from ctkms_policy.iam.strangers import statement_name
from ctkms_policy.model import Condition, Effect, Key, KeyPolicy, PrincipalType, Statement, Trail
from ctkms_policy.source import Span
from ctkms_policy.value import Known, Literal, Match, Reference, Symbol, SymbolKind, Template, Text, Unknown, Value, describe, text_parts


class Mistake(Enum):
    """The common mistakes, by name."""

    ENCRYPTION_CONTEXT_ON_DESCRIBE = "encryption-context-on-describe"
    WILDCARD_UNDER_EQUALS = "wildcard-under-equals"
    WRONG_ACCOUNT = "wrong-account"
    WRONG_REGION = "wrong-region"
    WRONG_PARTITION = "wrong-partition"
    OTHER_TRAIL = "other-trail"
    DENY_BY_ORGANIZATION = "deny-by-organization"
    KEY_NEVER_SENT = "condition-key-never-sent"
    COPIED_PLACEHOLDER = "copied-placeholder"
    NOT_A_SERVICE_PRINCIPAL = "not-a-service-principal"
    ACTION_MISSING = "action-missing"
    NO_EFFECT = "statement-without-effect"
    OTHER_RESOURCE = "other-resource"
    VARIABLE_WITHOUT_VERSION = "variable-without-version"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The words for a decision.

    message  the reason as a clause: ``the condition on "aws:SourceArn" names account 111111111111, the trail is in 222222222222``
    label    what to see at ``span``
    help     the way out
    related  further places with what to see there
    """

    message: str
    label: str
    span: Span | None
    help: str
    mistake: Mistake | None = None
    related: tuple[tuple[Span, str], ...] = ()


_WHAT = {
    Question.DESCRIBE: ("CloudTrail", "kms:DescribeKey"),
    Question.ENCRYPT: ("CloudTrail", "kms:GenerateDataKey*"),
    Question.DECRYPT: ("a reader", "kms:Decrypt"),
    Question.SERVICE_DECRYPT: ("CloudTrail", "kms:Decrypt"),
    Question.CONFUSED_DEPUTY: ("CloudTrail", "kms:GenerateDataKey*"),
}

_BRACKETED = r"[<{\[].*[>}\]]"
_PLACEHOLDERS = {
    1: re.compile(rf"{_BRACKETED}|partition", re.IGNORECASE),
    3: re.compile(rf"{_BRACKETED}|((aws|your|my|home|the)[-_ ]?)?region", re.IGNORECASE),
    4: re.compile(
        rf"{_BRACKETED}|(.*[-_ ])?(account|accountid)([-_ ]?(id|number))?|x{{3,}}",
        re.IGNORECASE,
    ),
    5: re.compile(rf"trail/({_BRACKETED}|((your|my)[-_ ]?)?trail[-_ ]?name)", re.IGNORECASE),
}
"""What AWS's own examples print where the user's account, Region or trail name belongs, by the part of the ARN."""


def explain(
    policy: KeyPolicy, decision: Decision, *, key: Key | None = None, trail: Trail | None = None, judgement: Judgement | None = None
) -> Explanation:
    """Return the words for a decision about a request.

    ``key`` is where the finding stands when the policy has no place of its own; ``trail`` adds where the name is that the policy
    does not mean; ``judgement`` adds what had to be assumed about the places that the words name.
    """
    words = _explained(policy, decision)
    if words.span is None and key is not None:
        words = replace(words, span=policy.span or key.span)
    name = trail.name.origin.span if trail is not None else None
    if words.mistake is Mistake.OTHER_TRAIL and name is not None:
        words = replace(words, related=(*words.related, (name, "this trail's name")))
    if judgement is not None and decision.outcome.is_denied:
        named = [f"{each.symbol} = {each.value}" for each in judgement.assumptions if _names(words.message, each.value)]
        if named:
            words = replace(words, message=f"{words.message}, assuming {' and '.join(named)}")
    return words


def _names(message: str, value: str) -> bool:
    return re.search(rf"(?<![\w:-]){re.escape(value)}(?![\w:-])", message) is not None


def _explained(policy: KeyPolicy, decision: Decision) -> Explanation:
    if decision.outcome is Outcome.ALLOWED:
        allowing = decision.deciding[0]
        return Explanation(f"{statement_name(allowing)} allows it", "allows it", allowing.statement.span, "")
    if decision.outcome is Outcome.EXPLICITLY_DENIED:
        return _explicit_deny(decision)
    if decision.outcome is Outcome.DELEGATED:
        return _delegated(decision)
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
    return f"{head} {verb}: {_mismatch_words(mismatch, answer, request).message}" if mismatch is not None else f"{head} {verb}"


# -- outcomes ----------------------------------------------------------------------------------------------------------


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
    for condition, carried in missing:
        key = _key_text(condition)
        if key.lower() in ("aws:principalorgid", "aws:principalorgpaths"):
            return Explanation(
                f'{name} denies everybody without "{key}", and an AWS service never has it',
                "an AWS service is in no organization: the Deny applies",
                condition.span,
                'exempt AWS services: add BoolIfExists "aws:PrincipalIsAWSService" = "false" to the Deny',
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
            'exempt AWS services: add BoolIfExists "aws:PrincipalIsAWSService" = "false" to the Deny',
            Mistake.KEY_NEVER_SENT,
            related,
        )
    if statement.principals_negated:
        who = f'"{CLOUDTRAIL}"' if request.caller.kind is CallerKind.SERVICE else describe(request.caller.name)
        return Explanation(
            f"{name} denies everybody that NotPrincipal does not list, and {who} is not listed",
            f"{who} is not listed",
            statement.part_span("NotPrincipal"),
            f'list {who} in NotPrincipal as a principal of type Service, or use a condition on "aws:PrincipalArn"',
            None,
            related,
        )
    return Explanation(
        f"{name} denies {request.action}",
        f"denies {request.action}",
        statement.span,
        "remove the Deny, or except this request",
        None,
        related,
    )


def _delegated(decision: Decision) -> Explanation:
    answer = decision.deciding[0]
    account = decision.request.caller.account
    whose = f"the IAM policies of account {account.value}" if isinstance(account, Known) else "the account's IAM policies"
    return Explanation(
        f"{statement_name(answer)} leaves it to {whose}",
        "lets the account's IAM policies decide",
        answer.statement.part_span("Principal"),
        "add a statement that lets the log's readers use kms:Decrypt",
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
    if mismatch is None:
        return Explanation(f"whether {statement_name(answer)} applies is not known", "", answer.statement.span, "")
    words = _mismatch_words(mismatch, answer, request)
    verb = "may deny it" if answer.statement.effect is Effect.DENY else "may allow it"
    return Explanation(
        f"{statement_name(answer)} {verb}: {words.message}", words.label, words.span, words.help, words.mistake, words.related
    )


def _implicit_deny(policy: KeyPolicy, decision: Decision) -> Explanation:
    request = decision.request
    who, action = _WHAT[request.question]
    service = request.caller.kind is CallerKind.SERVICE
    ranked = [
        (_nearness(answer, request), -answer.number, answer) for answer in decision.answers if answer.statement.effect is not Effect.DENY
    ]
    rank, _, nearest = max(ranked, default=(0, 0, None), key=lambda each: each[:2])
    if nearest is None or rank < _NEAR:
        names = any(_names_service(answer.statement) for answer in decision.answers)
        if service and not names:
            message = f'no statement names "{CLOUDTRAIL}"'
            if len(policy.statements) == 1 and policy.statements[0].span is not None:
                message += ", and letting the account delegate does not let a service in"
        else:
            message = f"no statement lets {who} use {action.rstrip('*')}"
        return Explanation(message, _where(policy), policy.span, f"add a statement that lets {_quoted(who)} use {action}")
    mismatch = next((each for each in nearest.mismatches if each.answer is Match.NO), nearest.mismatches[0])
    return _mismatch_words(mismatch, nearest, request)


def _where(policy: KeyPolicy) -> str:
    return "no policy: AWS attaches one that only lets the account delegate" if policy.form.value == "default" else "no statement does"


def _quoted(who: str) -> str:
    return f'"{CLOUDTRAIL}"' if who == "CloudTrail" else who


_NEAR = 50


def _nearness(answer: StatementAnswer, request: Request) -> int:
    """Return how near a statement comes: one that names caller and action is nearest, the fewer mismatches the nearer."""
    statement = answer.statement
    missed = {each.element for each in answer.mismatches if each.answer is Match.NO}
    delegates = Element.PRINCIPAL not in missed and answer.mismatches and answer.mismatches[0].element is Element.PRINCIPAL
    if Element.PRINCIPAL not in missed and Element.ACTION not in missed and not delegates:
        return 100 - sum(each.answer is Match.NO for each in answer.mismatches)
    if Element.PRINCIPAL not in missed and any(_meant(action) == request.action for action in statement.actions):
        return 80
    if Element.ACTION not in missed and request.caller.kind is CallerKind.SERVICE and _names_service(statement):
        return 70
    if Element.PRINCIPAL not in missed and not delegates and request.caller.kind is CallerKind.SERVICE and _names_service(statement):
        return 60
    return 0


def _meant(action: Value) -> str:
    return meant_action(str(action.value)) if isinstance(action, Known) else ""


def _names_service(statement: Statement) -> bool:
    """Whether a principal was probably meant to be CloudTrail."""
    return any(re.search(r"cloud\W?tr[ai]+l", describe(each.value, quoted=False), re.IGNORECASE) for each in statement.principals)


# -- one part that does not match --------------------------------------------------------------------------------------


def _mismatch_words(mismatch: Mismatch, answer: StatementAnswer, request: Request) -> Explanation:
    statement, name = answer.statement, statement_name(answer)
    if mismatch.element is Element.CONDITION:
        assert mismatch.condition is not None
        return _condition_words(mismatch, mismatch.condition, answer, request)
    if mismatch.element is Element.INCLUDED:
        return Explanation(
            f"whether {name} is part of the policy depends on {statement.included_when or 'inputs'}",
            f"there when {statement.included_when}" if statement.included_when else "",
            mismatch.span,
            "give the input a value",
        )
    if mismatch.element is Element.EFFECT:
        if mismatch.answer is Match.MAYBE:
            return Explanation(f"the Effect of {name} is not known", "not known", mismatch.span, "")
        defect = next((each for each in statement.defects if "Effect" in each.message), None)
        return Explanation(
            f"{name} has no valid Effect" if defect is None else defect.message,
            "neither Allow nor Deny",
            mismatch.span,
            defect.help if defect else "",
            Mistake.NO_EFFECT,
        )
    if mismatch.element is Element.PRINCIPAL:
        return _principal_words(mismatch, name, statement, request)
    if mismatch.element is Element.ACTION:
        return _action_words(mismatch, name, statement, request)
    return _resource_words(mismatch, name, statement)


def _listed(values: Iterable[Value]) -> str:
    texts = [describe(value) for value in values]
    return ", ".join(texts[:3]) + (", ..." if len(texts) > 3 else "") if texts else "nothing"


def _first_span(values: Iterable[Value], fallback: Span | None) -> Span | None:
    spans = [value.origin.span for value in values if value.origin.span is not None]
    return spans[0] if len(spans) == 1 else fallback


def _principal_words(mismatch: Mismatch, name: str, statement: Statement, request: Request) -> Explanation:
    caller = f'"{CLOUDTRAIL}"' if request.caller.kind is CallerKind.SERVICE else describe(request.caller.name)
    values = [principal.value for principal in statement.principals]
    span = _first_span(values, mismatch.span)
    not_word = "NotPrincipal" if statement.principals_negated else "the principal"
    if mismatch.answer is Match.MAYBE and statement.principals_negated:
        return Explanation(
            f"{name} is an Allow with NotPrincipal, and AWS does not document whether KMS takes one",
            "not documented for KMS",
            span,
            "name the principals",
        )
    if mismatch.answer is Match.MAYBE:
        return Explanation(
            f"whether {_listed(values)} is {caller} is not known{_reasons(values)}",
            f"may or may not be {caller}",
            span,
            f"write {caller}" if request.caller.kind is CallerKind.SERVICE else "make the principal known",
        )
    if request.caller.kind is CallerKind.SERVICE:
        for principal in statement.principals:
            text = describe(principal.value, quoted=False)
            if principal.type is not PrincipalType.SERVICE and "cloudtrail" in text:
                under = "without Service" if principal.type is PrincipalType.OTHER else f"under {principal.type.value}"
                return Explanation(
                    f'{name} names "{text}" {under}: a service is no account, user or role',
                    "not a service principal",
                    principal.value.origin.span or span,
                    f'make it a principal of type Service: "{CLOUDTRAIL}"',
                    Mistake.NOT_A_SERVICE_PRINCIPAL,
                )
        near = next((each for each in statement.principals if each.type is PrincipalType.SERVICE and _names_service(statement)), None)
        if near is not None:
            return Explanation(
                f"{name} names {describe(near.value)}, not {caller}",
                f"is not {caller}",
                near.value.origin.span or span,
                f"write {caller}",
                Mistake.NOT_A_SERVICE_PRINCIPAL,
            )
    return Explanation(f"{not_word} {_listed(values)} is not {caller}", f"is not {caller}", span, f"add {caller}")


def _action_words(mismatch: Mismatch, name: str, statement: Statement, request: Request) -> Explanation:
    span = statement.part_span("Action", "NotAction")
    if not statement.actions:
        return _without_effect(name, "Action", mismatch.span)
    if mismatch.answer is Match.MAYBE:
        return Explanation(
            f"whether {_listed(statement.actions)} is {request.action} is not known{_reasons(statement.actions)}",
            f"may or may not be {request.action}",
            span,
            f"write {request.action}",
        )
    for action in statement.actions:
        if _meant(action) == request.action and not statement.actions_negated:
            return Explanation(
                f"{name} has {describe(action)}, which is no KMS action",
                f'did you mean "{request.action}"?',
                action.origin.span or span,
                f'write "{request.action}"',
                Mistake.ACTION_MISSING,
            )
    element = "NotAction excepts" if statement.actions_negated else "is about"
    who, wanted = _WHAT[request.question]
    return Explanation(
        f"{name} {element} {_listed(statement.actions)}, not {request.action}"
        if not statement.actions_negated
        else f"NotAction of {name} excepts {request.action}",
        f"{request.action} is missing" if not statement.actions_negated else f"excepts {request.action}",
        span,
        # Not "add the action here": the conditions of this statement may be such that the action never meets them (C12).
        f"add a statement that lets {_quoted(who)} use {wanted}",
        Mistake.ACTION_MISSING,
    )


def _without_effect(name: str, element: str, span: Span | None) -> Explanation:
    help = 'give it the resource "*", which means this key' if element == "Resource" else f"add {element}"
    return Explanation(f"{name} has no {element}, so it has no effect", f"no {element}", span, help, Mistake.NO_EFFECT)


def _resource_words(mismatch: Mismatch, name: str, statement: Statement) -> Explanation:
    if not statement.resources:
        return _without_effect(name, "Resource", mismatch.span)
    values = statement.resources
    span = _first_span(values, statement.part_span("Resource", "NotResource"))
    if mismatch.answer is Match.MAYBE:
        return Explanation(
            f"whether the Resource {_listed(values)} of {name} is this key is not known{_reasons(values)}",
            "may or may not be this key",
            span,
            'write "*", which means this key',
        )
    if statement.resources_negated:
        return Explanation(f"NotResource of {name} excepts this key", "excepts this key", span, 'write Resource: "*", which means this key')
    alias = any(":alias/" in describe(value, quoted=False) for value in values)
    what = "an alias is not the key" if alias else "is not this key"
    message = f"the Resource {_listed(values)} of {name} is {'an alias, not the key' if alias else 'not this key'}"
    return Explanation(message, what, span, 'write "*", which means this key', Mistake.OTHER_RESOURCE)


# -- conditions --------------------------------------------------------------------------------------------------------


def _key_text(condition: Condition) -> str:
    return describe(condition.key, quoted=False)


def _reasons(values: Iterable[Value | ContextText]) -> str:
    """Return ``: reason`` for what is most worth knowing of the things that are not known in the values."""
    holes = sorted((hole for value in values for hole in _holes(value)), key=_weight)
    for hole in holes:
        if isinstance(hole, Reference):
            return f": {describe(hole)} is known only after the deployment"
        if isinstance(hole, (Symbol, Unknown)) and hole.reason:
            return f": {hole.reason}"
    return ""


def _weight(hole: Text) -> int:
    """Return how early a hole is named: the user's own inputs first, then account, Region and partition."""
    if isinstance(hole, Symbol) and hole.kind is SymbolKind.AMBIENT:
        places = ("account", "region", "partition")
        place = hole.name.partition("[")[0]
        return 2 + places.index(place) if place in places else 5
    return 1 if isinstance(hole, Reference) else 0


def _holes(value: Value | ContextText) -> list[Text]:
    if isinstance(value, (Known, Template, Symbol, Reference, Unknown)):
        return [part for part in text_parts(value) if not isinstance(part, Literal)]
    return []


def _condition_words(mismatch: Mismatch, condition: Condition, answer: StatementAnswer, request: Request) -> Explanation:
    key, carried = _key_text(condition), mismatch.carried
    subject = f'the condition on "{key}"'
    span = _first_span(condition.values, mismatch.span) if len(condition.values) == 1 else mismatch.span
    name = parse_operator(condition.operator)
    if name.operator is None and not name.null:
        shown = f'"{condition.operator}"' if condition.operator else "an operator that is not known"
        return Explanation(f"{subject} uses {shown}, which is not modelled{_reasons([condition.key])}", "not modelled", mismatch.span, "")
    if isinstance(carried, Uncertain):
        return Explanation(f"{subject} cannot be decided: {carried.reason}", "cannot be decided", mismatch.span, _uncertain_help(key))
    if isinstance(carried, Missing) and mismatch.answer is Match.NO:
        return _missing_words(mismatch, condition, carried, answer, request)
    if mismatch.answer is Match.MAYBE:
        actual = list(carried.values) if isinstance(carried, Present) else []
        moments = any(isinstance(each, FromNow) for each in actual)
        reason = ": it depends on the time of the call" if moments else _reasons([*condition.values, *actual])
        shown = f", the request has {_shown(actual)}" if actual and not moments else ""
        return Explanation(
            f"{subject} wants {_listed(condition.values)}{shown}{reason}",
            "may or may not match",
            span,
            _maybe_help(condition.values, actual),
        )
    if name.null:
        wants = "absent" if any(describe(value, quoted=False).lower() == "true" for value in condition.values) else "present"
        return Explanation(
            f"{subject} asks that it is {wants}, which it never is for this request",
            f"never {wants}",
            mismatch.span,
            "remove the condition",
        )
    if isinstance(carried, Present) and name.operator is not None and not name.operator.negated:
        return _difference_words(mismatch, condition, carried, request)
    actual = list(carried.values) if isinstance(carried, Present) else []
    return Explanation(
        f"{subject} excludes {_listed(condition.values)}, and the request has {_shown(actual)}",
        "excludes this request",
        span,
        "remove the condition",
    )


def _shown(values: Iterable[ContextText]) -> str:
    shown = []
    for value in values:
        if isinstance(value, FromNow):
            shown.append("the time of the call")
        elif isinstance(value, ServiceAddress):
            shown.append("an address of AWS")
        else:
            shown.append(describe(value))
    return ", ".join(shown)


def _uncertain_help(key: str) -> str:
    if key.lower() in ("aws:sourceorgid", "aws:sourceorgpaths", "aws:principalorgid"):
        return "name the organization in the configuration"
    return 'use "aws:SourceArn" or "kms:EncryptionContext:aws:cloudtrail:arn", which CloudTrail is documented to send'


def _maybe_help(values: Iterable[Value], actual: Iterable[ContextText]) -> str:
    for hole in sorted((hole for value in (*values, *actual) for hole in _holes(value)), key=_weight):
        if isinstance(hole, Symbol) and hole.kind is SymbolKind.AMBIENT:
            place = hole.name.partition("[")[0]
            return f'say where it is deployed: "{place}:" in the configuration'
        if isinstance(hole, Symbol) and hole.kind is SymbolKind.INPUT:
            return f"give {hole.spelling or hole.name} a value"
    return ""


def _missing_words(mismatch: Mismatch, condition: Condition, carried: Missing, answer: StatementAnswer, request: Request) -> Explanation:
    key = _key_text(condition)
    if request.question is Question.DESCRIBE and key.lower().startswith(EC):
        action = answer.statement.part_span("Action")
        related = (
            ((action, "DescribeKey is granted under this condition"),) if action is not None and action != answer.statement.span else ()
        )
        return Explanation(
            f'{statement_name(answer)} grants kms:DescribeKey only with "{key}", and DescribeKey has no encryption context',
            "DescribeKey has no encryption context: this never holds for it",
            mismatch.span,
            "move kms:DescribeKey into a statement of its own without this condition",
            Mistake.ENCRYPTION_CONTEXT_ON_DESCRIBE,
            related,
        )
    why = f": {carried.why}" if carried.why else ""
    return Explanation(
        f'the condition on "{key}" can never hold{why}',
        "the request never carries this key",
        mismatch.span,
        f'remove the condition, or use "aws:SourceArn" or "kms:EncryptionContext:{TRAIL_PAIR}"',
        Mistake.KEY_NEVER_SENT,
    )


_PARTS = {1: ("partition", Mistake.WRONG_PARTITION), 3: ("Region", Mistake.WRONG_REGION), 4: ("account", Mistake.WRONG_ACCOUNT)}


def _difference_words(mismatch: Mismatch, condition: Condition, carried: Present, request: Request) -> Explanation:
    """Return what differs between the nearest value of the policy and what the request has."""
    key = _key_text(condition)
    subject = f'the condition on "{key}"'
    actual = carried.values[0]
    wanted = [value for value in condition.values if isinstance(value, (Known, Template, Symbol, Reference))]
    if not wanted or isinstance(actual, (FromNow, ServiceAddress)):
        return Explanation(
            f"{subject} wants {_listed(condition.values)}, the request has {_shown(carried.values)}", "does not match", mismatch.span, ""
        )
    nearest = max(wanted, key=lambda value: _common_parts(value, actual))
    span = nearest.origin.span or mismatch.span
    text = describe(nearest, quoted=False)
    wild = _wildcard_under_equals(condition, nearest, actual, request)
    if wild is not None:
        return Explanation(
            f"{subject} uses {condition.operator}, which takes the * in {describe(nearest)} literally",
            f"{condition.operator} knows no wildcards",
            span,
            f"use {wild}",
            Mistake.WILDCARD_UNDER_EQUALS,
        )
    if "${" in text and not _holes(nearest):
        return Explanation(
            f'{subject} has the policy variable in {describe(nearest)} as plain text: the policy has no Version "2012-10-17"',
            "taken literally",
            span,
            'add Version "2012-10-17" to the policy',
            Mistake.VARIABLE_WITHOUT_VERSION,
        )
    parts, own = arn_parts(nearest), arn_parts(actual)
    if parts is None or own is None or carried.many:
        if key.lower() in ("kms:calleraccount", "aws:principalaccount"):
            return _place_words(subject, "account", nearest, actual, span, _account_mistake(nearest), who="the caller")
        if key.lower() == "aws:sourceaccount":
            return _place_words(subject, "account", nearest, actual, span, _account_mistake(nearest))
        return Explanation(
            f"{subject} wants {_listed(condition.values)}, the request has {_shown(carried.values)}",
            f"the request has {_shown(carried.values)}",
            mismatch.span if carried.many else span,
            f"add {_shown(carried.values)}",
        )
    return _arn_difference(subject, condition, nearest, parts, actual, own, span)


def _arn_difference(
    subject: str, condition: Condition, nearest: Text, parts: tuple[Text, ...], actual: Text, own: tuple[Text, ...], span: Span | None
) -> Explanation:
    help = f'add "{_wanted_pattern(condition, own)}"'
    for index in (4, 3, 1, 5):
        part = describe(parts[index], quoted=False)
        if isinstance(parts[index], Known) and _PLACEHOLDERS[index].fullmatch(part) and _differs(parts[index], own[index]):
            return Explanation(
                f'{subject} still has the placeholder "{part}" in {describe(nearest)}',
                f'"{part}" is a placeholder',
                span,
                f'replace it by "{_wanted_pattern(condition, own)}"',
                Mistake.COPIED_PLACEHOLDER,
            )
    for index in (1, 4, 3):
        if _differs(parts[index], own[index]):
            what, mistake = _PARTS[index]
            return _place_words(subject, what, parts[index], own[index], span, mistake, help)
    if _differs(parts[5], own[5]):
        generated = any(isinstance(hole, Symbol) and hole.kind is SymbolKind.GENERATED for hole in _holes(own[5]))
        note = ", whose name is made up at deployment" if generated else ""
        if generated:
            partition, account, kind = (describe(own[index], quoted=False) for index in (1, 4, 5))
            help = f'use ArnLike with "arn:{partition}:cloudtrail:*:{account}:{kind.partition("/")[0]}/*", or give the trail a name'
        theirs, ours = describe(parts[5], quoted=False).removeprefix("trail/"), describe(own[5], quoted=False).removeprefix("trail/")
        return Explanation(
            f'{subject} names trail "{theirs}", this trail is "{ours}"{note}',
            f'names trail "{theirs}"',
            span,
            help,
            Mistake.OTHER_TRAIL,
        )
    return Explanation(f"{subject} wants {describe(nearest)}, the request has {describe(actual)}", f"is not {describe(actual)}", span, help)


def _place_words(
    subject: str, what: str, theirs: Text, ours: Text, span: Span | None, mistake: Mistake, help: str = "", *, who: str = "the trail"
) -> Explanation:
    written, real = describe(theirs, quoted=False), describe(ours, quoted=False)
    return Explanation(
        f"{subject} names {what} {written}, {who} is in {real}",
        f"the condition names {what} {written}" if mistake is not Mistake.COPIED_PLACEHOLDER else f'"{written}" is a placeholder',
        span,
        help or f'add "{real}"',
        mistake,
    )


def _account_mistake(text: Text) -> Mistake:
    return Mistake.COPIED_PLACEHOLDER if _PLACEHOLDERS[4].fullmatch(describe(text, quoted=False)) else Mistake.WRONG_ACCOUNT


_NO_CONTEXT = Context({})


def _differs(left: Text, right: Text) -> bool:
    return compare_value(OPERATORS["StringLike"], left, right, "2008-10-17", _NO_CONTEXT) is Match.NO


def _common_parts(value: Text, actual: Text) -> int:
    parts, own = arn_parts(value), arn_parts(actual)
    if parts is None or own is None:
        return 0
    return sum(not _differs(one, other) for one, other in zip(parts, own, strict=True))


def _wildcard_under_equals(condition: Condition, wanted: Text, actual: Text, request: Request) -> str | None:
    """Return the operator that would have matched where only wildcards are in the way."""
    operator = condition.operator
    if "StringEquals" not in operator or not re.search(r"[*?]", describe(wanted, quoted=False)):
        return None
    if compare_value(OPERATORS["StringLike"], wanted, actual, "2012-10-17", request.context) is Match.NO:
        return None
    return operator.replace("StringEqualsIgnoreCase", "StringLike").replace("StringEquals", "StringLike")


def _wanted_pattern(condition: Condition, own: tuple[Text, ...]) -> str:
    """Return the value that would match: exact under equality, AWS's own pattern where wildcards are known."""
    partition, region, account, resource = (describe(own[index], quoted=False) for index in (1, 3, 4, 5))
    if "Like" in condition.operator or "Arn" in condition.operator:
        kind = resource.partition("/")[0]
        return f"arn:{partition}:cloudtrail:*:{account}:{kind}/*"
    return f"arn:{partition}:cloudtrail:{region}:{account}:{resource}"
