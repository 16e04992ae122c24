"""Why a condition does not hold: what it wants, what the request has, and the way out."""

from __future__ import annotations

import re
from difflib import get_close_matches

from ctkms_policy.iam.arns import arn_parts
from ctkms_policy.iam.conditions import OPERATORS, compare_value, parse_operator
from ctkms_policy.iam.context import Context, FromNow, Missing, Present, ServiceAddress, Uncertain
from ctkms_policy.iam.evaluate import Mismatch, StatementAnswer
from ctkms_policy.iam.phrases import (
    Explanation,
    Mistake,
    first_span,
    holes_of_value,
    key_text,
    listed,
    maybe_help,
    reasons,
    shown,
)
from ctkms_policy.iam.request import EC, TRAIL_PAIR, CallerKind, Question, Request
from ctkms_policy.iam.spelling import Spelling
from ctkms_policy.iam.strangers import statement_name
from ctkms_policy.iam.variables import unsubstituted
from ctkms_policy.model import Condition, Effect
from ctkms_policy.source import Span
from ctkms_policy.value import Known, Match, Reference, Symbol, SymbolKind, Template, Text, Unknown, describe

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


def condition_words(mismatch: Mismatch, condition: Condition, answer: StatementAnswer, request: Request) -> Explanation:
    """Return why a condition of the statement of ``answer`` does not hold for a request, or may not."""
    key, carried = key_text(condition), mismatch.carried
    subject = f'the condition on "{key}"'
    span = first_span(condition.values, mismatch.span) if len(condition.values) == 1 else mismatch.span
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
        reason = ": it depends on the time of the call" if moments else reasons([*condition.values, *actual])
        has = f", the request has {shown(actual)}" if actual and not moments else ""
        return Explanation(
            f"{subject} wants {listed(condition.values)}{has}{reason}",
            "may or may not match",
            span,
            maybe_help(condition.values, actual),
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
        f"{subject} excludes {listed(condition.values)}, and the request has {shown(actual)}",
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


def _uncertain_help(key: str, request: Request, effect: Effect) -> str:
    if key.lower() in ("aws:sourceorgid", "aws:sourceorgpaths", "aws:principalorgid"):
        return "name the organization in the configuration"
    if request.caller.kind is not CallerKind.SERVICE and effect is Effect.DENY:
        return "readers whom the Deny spares are let in; to be certain, name them in it, for no other statement overrides a Deny"
    if request.caller.kind is not CallerKind.SERVICE:
        return "readers who meet the condition are let in; to be certain, name a reader in a statement without it"
    return f"use {_sent_instead(request)}, which CloudTrail is documented to send"


def _missing_words(mismatch: Mismatch, condition: Condition, carried: Missing, answer: StatementAnswer, request: Request) -> Explanation:
    key = key_text(condition)
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
    key = key_text(condition)
    subject = f'the condition on "{key}"'
    actual = carried.values[0]
    wanted = [value for value in condition.values if isinstance(value, (Known, Template, Symbol, Reference))]
    if not wanted or isinstance(actual, (FromNow, ServiceAddress)):
        message = f"{subject} wants {listed(condition.values)}, the request has {shown(carried.values)}"
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
    if "${" in text and not holes_of_value(nearest):
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
            f"{subject} wants {listed(condition.values)}, the request has {shown(carried.values)}",
            f"the request has {shown(carried.values)}",
            mismatch.span if carried.many else span,
            f"add {shown(carried.values)}" if carried.many else f'add "{_text(actual)}"',
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
        generated = any(isinstance(hole, Symbol) and hole.kind is SymbolKind.GENERATED for hole in holes_of_value(own[5]))
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
