"""Why a key policy answers as it does: the nearest statement, the first thing that does not match, and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import Enum

from ctkms_policy.iam.actions import meant_action
from ctkms_policy.iam.arns import arn_parts
from ctkms_policy.iam.conditions import OPERATORS, compare_value, parse_operator
from ctkms_policy.iam.context import Context, ContextText, FromNow, Missing, Present, ServiceAddress, Uncertain
from ctkms_policy.iam.evaluate import Decision, Element, Mismatch, Outcome, StatementAnswer
from ctkms_policy.iam.judge import Judgement
from ctkms_policy.iam.nearest import (
    left_out_statement,
    may_add_action,
    may_mean_cloudtrail,
    misspelt_action,
    nearest_statement,
    similar_action,
    would_apply,
)
from ctkms_policy.iam.notation import Notation, element, name_of, notation_of, principal_element
from ctkms_policy.iam.request import CLOUDTRAIL, EC, TRAIL_PAIR, CallerKind, Question, Request
from ctkms_policy.iam.spelling import Spelling
from ctkms_policy.iam.strangers import statement_name
from ctkms_policy.iam.variables import unsubstituted
from ctkms_policy.model import Condition, Effect, Key, KeyPolicy, Language, PolicyForm, PrincipalType, Statement, Trail
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
    NOT_SUBSTITUTED = "not-substituted"
    LEFT_OUT = "left-out-by-default"


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
    return f"{head} {verb}: {_mismatch_words(mismatch, answer, request).message}" if mismatch is not None else f"{head} {verb}"


# -- outcomes ----------------------------------------------------------------------------------------------------------


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
        key = _key_text(condition)
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
        who = _caller_name(request)
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
    carried = request.context.get(_key_text(telling))
    has = f", and the request has {_shown(carried.values)}" if isinstance(carried, Present) else ""
    return Explanation(
        f'{name} denies {request.action} by {telling.operator} on "{_key_text(telling)}" with {_listed(telling.values)}{has}',
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
        _add_statement(decision.request, whole=is_default),
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
        who = _caller_name(request)
        return Explanation(
            f"{statement_name(answer)} allows {who}, and whether that service reads the logs is not in the code",
            "allows another service",
            answer.statement.part_span("Principal"),
            "name a user or role that reads the logs",
        )
    words = _mismatch_words(mismatch, answer, request)
    verb = "may deny it" if answer.statement.effect is Effect.DENY else "may allow it"
    return Explanation(
        f"{statement_name(answer)} {verb}: {words.message}", words.label, words.span, words.help, words.mistake, words.related
    )


def _may_be_own_account(answer: StatementAnswer, request: Request) -> Explanation:
    account, own = request.caller.account, request.context.get("aws:resourceaccount")
    owns = list(own.values) if isinstance(own, Present) else []
    return Explanation(
        f"{statement_name(answer)} leaves it to the IAM policies of account {describe(account, quoted=False)}, and whether that is "
        f"another account than the key's is not known{_reasons([account, *owns])}",
        "may be another account",
        answer.statement.part_span("Principal"),
        _maybe_help([account], owns),
    )


def _may_be_account(answer: StatementAnswer, request: Request) -> Explanation:
    """Return the words for a principal that may be an account: it is allowed all the same where it is somebody in one (C2)."""
    name = request.caller.name
    values = [principal.value for principal in answer.statement.principals if principal.value == name]
    return Explanation(
        f"{statement_name(answer)} allows {describe(name)}, and leaves it to IAM policies if that is an account{_reasons([name])}",
        "may be an account",
        _first_span(values, answer.statement.part_span("Principal")),
        _maybe_help([name], ()) or "name a user or role",
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
        return _mismatch_words(mismatch, nearest, request)
    who, action = _WHAT[request.question]
    is_default = policy.form is PolicyForm.DEFAULT
    if request.caller.kind is CallerKind.SERVICE and not any(may_mean_cloudtrail(answer.statement) for answer in decision.answers):
        message = f'no statement names "{CLOUDTRAIL}"'
        if is_default or (len(bound.statements) == 1 and _names_account(bound.statements[0])):
            message += ", and letting the account delegate does not let a service in"
    else:
        message = f"no statement lets {who} use {action}"
    label = "no policy: AWS attaches one that only lets the account delegate" if is_default else "no statement does"
    return Explanation(message, label, policy.span, _add_statement(request, whole=is_default))


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


def _add_statement(request: Request, *, whole: bool = False) -> str:
    """Return the help that names the statement that is missing, or the policy where there is none at all."""
    who, action = _WHAT[request.question]
    who = f'"{CLOUDTRAIL}"' if who == "CloudTrail" else who
    return f"write a key policy that also lets {who} use {action}" if whole else f"add a statement that lets {who} use {action}"


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
            written = [statement.unknown_effect] if statement.unknown_effect is not None else []
            message = f"the Effect of {name} is not known{_reasons(written)}"
            return Explanation(message, "not known", mismatch.span, _maybe_help(written, ()) or "write the Effect as a literal")
        defect = next((each for each in statement.defects if "Effect" in each.message), None)
        return Explanation(
            f"{name} has no valid Effect" if defect is None else f"in {name}, {defect.message}",
            "neither Allow nor Deny",
            mismatch.span,
            defect.help if defect else "",
            Mistake.NO_EFFECT,
        )
    if mismatch.element is Element.PRINCIPAL:
        return _principal_words(mismatch, name, answer, request)
    if mismatch.element is Element.ACTION:
        return _action_words(mismatch, name, answer, request)
    return _resource_words(mismatch, name, answer)


def _listed(values: Iterable[Value]) -> str:
    texts = ["a value that is not known" if isinstance(value, Unknown) else describe(value) for value in values]
    return ", ".join(texts[:3]) + (", ..." if len(texts) > 3 else "") if texts else "nothing"


def _whether(values: Iterable[Value], is_what: str, name: str, about: str) -> str:
    """Return the clause for what is not known: of the values where they are known in part, else of the whole statement."""
    values = list(values)
    subject = f"{name} {about}" if any(isinstance(value, Unknown) for value in values) else f"{_listed(values)} {is_what}"
    return f"whether {subject} is not known{_reasons(values)}"


def _first_span(values: Iterable[Value], fallback: Span | None) -> Span | None:
    spans = [value.origin.span for value in values if value.origin.span is not None]
    return spans[0] if len(spans) == 1 else fallback


def _notation(answer: StatementAnswer) -> Notation:
    return notation_of(answer.policy.form, answer.statement.span or answer.policy.span)


def _caller_name(request: Request) -> str:
    made_up = any(isinstance(hole, Symbol) and hole.kind is SymbolKind.GENERATED for hole in _holes(request.caller.name))
    return "a reader" if made_up or isinstance(request.caller.name, Unknown) else describe(request.caller.name)


def _principal_words(mismatch: Mismatch, name: str, answer: StatementAnswer, request: Request) -> Explanation:
    statement = answer.statement
    caller = _caller_name(request)
    values = [principal.value for principal in statement.principals]
    span = _first_span(values, mismatch.span)
    if statement.principals_negated:
        return _not_principal_words(mismatch, name, statement, request, span)
    if mismatch.answer is Match.MAYBE:
        return Explanation(
            _whether(values, f"is {caller}", name, f"names {caller}"),
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
                    f"write {principal_element(_notation(answer), 'Service', CLOUDTRAIL)}",
                    Mistake.NOT_A_SERVICE_PRINCIPAL,
                )
        near = next((each for each in statement.principals if each.type is PrincipalType.SERVICE), None)
        if near is not None:
            return Explanation(
                f"{name} names {describe(near.value)}, not {caller}",
                f"is not {caller}",
                near.value.origin.span or span,
                f"write {caller}",
                Mistake.NOT_A_SERVICE_PRINCIPAL,
            )
    return Explanation(f"the principal {_listed(values)} is not {caller}", f"is not {caller}", span, f"add {caller}")


def _not_principal_words(mismatch: Mismatch, name: str, statement: Statement, request: Request, span: Span | None) -> Explanation:
    caller = _caller_name(request)
    name_them = "name the principals of the Allow" if statement.effect is not Effect.DENY else ""
    if mismatch.answer is Match.NO:
        return Explanation(f"NotPrincipal of {name} lists {caller}", f"lists {caller}", span, name_them)
    if statement.effect is not Effect.DENY:
        message = f"{name} is an Allow with NotPrincipal, and AWS does not document whether KMS takes one"
        return Explanation(message, "not documented for KMS", span, name_them)
    return Explanation(
        f"whether NotPrincipal of {name} lists {caller} is not known{_reasons([each.value for each in statement.principals])}",
        f"may or may not list {caller}",
        span,
        f"list {caller} in NotPrincipal" if request.caller.kind is CallerKind.SERVICE else "list the readers in NotPrincipal",
    )


def _action_words(mismatch: Mismatch, name: str, answer: StatementAnswer, request: Request) -> Explanation:
    statement = answer.statement
    span = statement.part_span("Action", "NotAction")
    wanted = _WHAT[request.question][1]
    if not statement.actions:
        return _without_effect(name, "Action", answer, mismatch.span)
    if mismatch.answer is Match.MAYBE:
        return Explanation(
            _whether(statement.actions, f"is {request.action}", name, f"is about {request.action}"),
            f"may or may not be {request.action}",
            span,
            f'write "{wanted}"',
        )
    if statement.actions_negated:
        return Explanation(
            f"NotAction of {name} excepts {request.action}",
            f"excepts {request.action}",
            span,
            _add_statement(request),
            Mistake.ACTION_MISSING,
        )
    misspelt = misspelt_action(statement, request)
    if misspelt is not None:
        return Explanation(
            f"{name} has {describe(misspelt)}, which is no KMS action",
            "no KMS action",
            misspelt.origin.span or span,
            f'did you mean "{meant_action(describe(misspelt, quoted=False))}"?',
            Mistake.ACTION_MISSING,
        )
    similar = similar_action(statement, request)
    if similar is not None and would_apply(answer, action=True) is not Match.NO:
        return Explanation(
            f"{name} is about {describe(similar)}, and CloudTrail encrypts with kms:GenerateDataKey",
            "CloudTrail never asks for this",
            similar.origin.span or span,
            f'write "{wanted}"',
            Mistake.ACTION_MISSING,
        )
    help = _add_statement(request)
    return Explanation(
        f"{name} is about {_listed(statement.actions)}, not {wanted}",
        f"{wanted} is missing",
        span,
        f'add "{wanted}" to the {_actions_name(answer)}, or {help}' if may_add_action(answer) else help,
        Mistake.ACTION_MISSING,
    )


def _actions_name(answer: StatementAnswer) -> str:
    name = name_of(_notation(answer), "Action")
    return f"{name} of this statement" if name != "actions" else "actions of this statement"


def _without_effect(name: str, missing: str, answer: StatementAnswer, span: Span | None) -> Explanation:
    notation = _notation(answer)
    whole = f"add {element(notation, 'Resource', '*')}, which means this key"
    help = whole if missing == "Resource" else f"add {element(notation, 'Action', _WHAT[answer.request.question][1])}"
    return Explanation(f"{name} has no {missing}, so it has no effect", f"no {missing}", span, help, Mistake.NO_EFFECT)


def _resource_words(mismatch: Mismatch, name: str, answer: StatementAnswer) -> Explanation:
    statement = answer.statement
    if not statement.resources:
        return _without_effect(name, "Resource", answer, mismatch.span)
    values = statement.resources
    this_key = f"write {element(_notation(answer), 'Resource', '*')}, which means this key"
    span = _first_span(values, statement.part_span("Resource", "NotResource"))
    if mismatch.answer is Match.MAYBE:
        return Explanation(
            _whether(values, f"in the Resource of {name} is this key", name, "is about this key"),
            "may or may not be this key",
            span,
            this_key,
        )
    if statement.resources_negated:
        return Explanation(f"NotResource of {name} excepts this key", "excepts this key", span, this_key)
    alias = next((value for value in values if ":alias/" in describe(value, quoted=False)), None)
    if alias is not None:
        message = f"the Resource {describe(alias)} of {name} is an alias, not the key"
        return Explanation(message, "an alias is not the key", alias.origin.span or span, this_key, Mistake.OTHER_RESOURCE)
    message = f"the Resource {_listed(values)} of {name} is not this key"
    return Explanation(message, "is not this key", span, this_key, Mistake.OTHER_RESOURCE)


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
    if isinstance(condition.key, Unknown):
        return Explanation(
            f"which conditions {statement_name(answer)} has is not known: {condition.key.reason}",
            "may have further conditions",
            mismatch.span,
            "write its conditions so that they are known without a deployment",
        )
    if name.operator is None and not name.null:
        return _operator_words(subject, condition, mismatch)
    if isinstance(carried, Uncertain):
        help = _uncertain_help(key, request, answer.statement.effect)
        return Explanation(f"{subject} cannot be decided: {carried.reason}", "cannot be decided", mismatch.span, help)
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


def _operator_words(subject: str, condition: Condition, mismatch: Mismatch) -> Explanation:
    if not condition.operator:
        return Explanation(f"{subject} uses an operator that is not known", "not known", mismatch.span, "write the operator as a literal")
    quantifier, colon, name = condition.operator.rpartition(":")
    meant = get_close_matches(name, OPERATORS, 1)
    help = f'did you mean "{quantifier}{colon}{meant[0]}"?' if meant else "use an operator that IAM documents"
    message = f'{subject} uses "{condition.operator}", which is no operator that IAM documents'
    return Explanation(message, "no operator of IAM", mismatch.span, help)


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


def _uncertain_help(key: str, request: Request, effect: Effect) -> str:
    if key.lower() in ("aws:sourceorgid", "aws:sourceorgpaths", "aws:principalorgid"):
        return "name the organization in the configuration"
    if request.caller.kind is not CallerKind.SERVICE and effect is Effect.DENY:
        return "readers whom the Deny spares are let in; to be certain, name them in it, for no other statement overrides a Deny"
    if request.caller.kind is not CallerKind.SERVICE:
        return "readers who meet the condition are let in; to be certain, name a reader in a statement without it"
    return f"use {_sent_instead(request)}, which CloudTrail is documented to send"


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
        f"remove the condition, or use {_sent_instead(request)}",
        Mistake.KEY_NEVER_SENT,
    )


def _sent_instead(request: Request) -> str:
    """Return condition keys that the request carries: only CloudTrail's own calls name a source, and DescribeKey has no context."""
    if request.question is Question.DESCRIBE:
        return '"aws:SourceArn" or "aws:SourceAccount"'
    context = f'"kms:EncryptionContext:{TRAIL_PAIR}"'
    return f'"aws:SourceArn" or {context}' if request.caller.kind is CallerKind.SERVICE else f'"kms:CallerAccount" or {context}'


_PARTS = {1: ("partition", Mistake.WRONG_PARTITION), 3: ("Region", Mistake.WRONG_REGION), 4: ("account", Mistake.WRONG_ACCOUNT)}


def _difference_words(mismatch: Mismatch, condition: Condition, carried: Present, request: Request) -> Explanation:
    """Return what differs between the nearest value of the policy and what the request has."""
    key = _key_text(condition)
    subject = f'the condition on "{key}"'
    actual = carried.values[0]
    wanted = [value for value in condition.values if isinstance(value, (Known, Template, Symbol, Reference))]
    if not wanted or isinstance(actual, (FromNow, ServiceAddress)):
        message = f"{subject} wants {_listed(condition.values)}, the request has {_shown(carried.values)}"
        return Explanation(message, "does not match", mismatch.span, "remove the condition")
    nearest = max(wanted, key=lambda value: _common_parts(value, actual))
    span = nearest.origin.span or mismatch.span
    text = describe(nearest, quoted=False)
    wild = _wildcard_under_equals(condition, nearest, actual, request)
    if wild is not None:
        return Explanation(
            f"{subject} uses {condition.operator}, which takes the {'*' if '*' in text else '?'} in {describe(nearest)} literally",
            f"{condition.operator} knows no wildcards",
            span,
            f"use {wild}",
            Mistake.WILDCARD_UNDER_EQUALS,
        )
    left = unsubstituted(nearest)
    if left:
        return Explanation(
            f'{subject} has "{left}" in {describe(nearest)} as it stands: no condition key has this name, so nothing ever replaces it',
            f'"{left}" is not replaced',
            span,
            'substitute it before KMS sees the policy: "Fn::Sub" in CloudFormation, "templatefile" or an interpolation in Terraform',
            Mistake.NOT_SUBSTITUTED,
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
    if parts is None or own is None or carried.many or parts[2] != own[2] or own[2] != Known("cloudtrail"):
        if key.lower() in ("kms:calleraccount", "aws:principalaccount"):
            return _place_words(subject, "account", nearest, actual, span, _account_mistake(nearest), who="the caller")
        if key.lower() == "aws:sourceaccount":
            return _place_words(subject, "account", nearest, actual, span, _account_mistake(nearest))
        return Explanation(
            f"{subject} wants {_listed(condition.values)}, the request has {_shown(carried.values)}",
            f"the request has {_shown(carried.values)}",
            mismatch.span if carried.many else span,
            f"add {_shown(carried.values)}" if carried.many else f'add "{_text(actual)}"',
        )
    return _arn_difference(subject, condition, nearest, parts, actual, own, span)


def _arn_difference(
    subject: str, condition: Condition, nearest: Text, parts: tuple[Text, ...], actual: Text, own: tuple[Text, ...], span: Span | None
) -> Explanation:
    wanted = _wanted_pattern(condition, tuple(map(_kept, range(len(own)), parts, own)))
    help = f'add "{wanted}"'
    for index in (4, 3, 1, 5):
        part = describe(parts[index], quoted=False)
        if isinstance(parts[index], Known) and _PLACEHOLDERS[index].fullmatch(part) and _differs(parts[index], own[index]):
            return Explanation(
                f'{subject} still has the placeholder "{part}" in {describe(nearest)}',
                f'"{part}" is a placeholder',
                span,
                f'replace it by "{wanted}"',
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
            help = f'give the trail a name, or use ArnLike with "{":".join(map(_text, own))}"'
        theirs, ours = describe(parts[5], quoted=False), _text(own[5])
        kind, _, their_name = theirs.partition("/")
        named = f'trail "{their_name}"' if kind == "trail" else f'"{theirs}"'
        return Explanation(
            f'{subject} names {named}, this trail is "{ours.removeprefix("trail/")}"{note}',
            f"names {named}",
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


def _kept(index: int, theirs: Text, ours: Text) -> Text:
    """Return the part of an ARN as the policy has it, where that fits: its own words are known to stand in its file."""
    text = describe(theirs, quoted=False)
    fits = index in (1, 3, 4) and text and "*" not in text and not _PLACEHOLDERS[index].fullmatch(text)
    return theirs if fits and not isinstance(ours, Known) and not _differs(theirs, ours) else ours


def _text(text: Text) -> str:
    return Spelling().text(text)


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
    partition, region, account, resource = (_text(own[index]) for index in (1, 3, 4, 5))
    if "Like" in condition.operator or "Arn" in condition.operator:
        kind = resource.partition("/")[0]
        return f"arn:{partition}:cloudtrail:*:{account}:{kind}/*"
    return f"arn:{partition}:cloudtrail:{region}:{account}:{resource}"
