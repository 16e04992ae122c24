"""Why a statement is not about a request: its principal, action, resource, or whether it is there at all."""

from __future__ import annotations

from ctkms_policy.iam.actions import meant_action
from ctkms_policy.iam.evaluate import Element, Mismatch, StatementAnswer
from ctkms_policy.iam.explain_conditions import condition_words
from ctkms_policy.iam.nearest import (
    may_add_action,
    misspelt_action,
    similar_action,
    would_apply,
)
from ctkms_policy.iam.notation import Notation, element, name_of, notation_of, principal_element
from ctkms_policy.iam.phrases import (
    WHAT,
    Explanation,
    Mistake,
    add_statement,
    caller_name,
    first_span,
    listed,
    maybe_help,
    reasons,
    whether,
)
from ctkms_policy.iam.principals import account_match, direct_match
from ctkms_policy.iam.request import CLOUDTRAIL, CallerKind, Request
from ctkms_policy.iam.strangers import statement_name
from ctkms_policy.model import Effect, PrincipalType, Statement
from ctkms_policy.source import Span
from ctkms_policy.value import Match, describe


def mismatch_words(mismatch: Mismatch, answer: StatementAnswer, request: Request) -> Explanation:
    """Return why the part of a statement that ``mismatch`` is about does not match a request, or may not."""
    statement, name = answer.statement, statement_name(answer)
    if mismatch.element is Element.CONDITION:
        assert mismatch.condition is not None
        return condition_words(mismatch, mismatch.condition, answer, request)
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
            message = f"the Effect of {name} is not known{reasons(written)}"
            return Explanation(message, "not known", mismatch.span, maybe_help(written, ()) or "write the Effect as a literal")
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


def _principal_words(mismatch: Mismatch, name: str, answer: StatementAnswer, request: Request) -> Explanation:
    statement = answer.statement
    caller = caller_name(request)
    values = [principal.value for principal in statement.principals]
    span = first_span(values, mismatch.span)
    if statement.principals_negated:
        return _not_principal_words(mismatch, name, statement, request, span)
    if mismatch.answer is Match.MAYBE:
        return Explanation(
            whether(values, f"is {caller}", name, f"names {caller}"),
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
    return Explanation(f"the principal {listed(values)} is not {caller}", f"is not {caller}", span, f"add {caller}")


def _not_principal_words(mismatch: Mismatch, name: str, statement: Statement, request: Request, span: Span | None) -> Explanation:
    caller = caller_name(request)
    name_them = "name the principals of the Allow" if statement.effect is not Effect.DENY else ""
    if mismatch.answer is Match.NO:
        return Explanation(f"NotPrincipal of {name} lists {caller}", f"lists {caller}", span, name_them)
    if statement.effect is not Effect.DENY:
        message = f"{name} is an Allow with NotPrincipal, and AWS does not document whether KMS takes one"
        return Explanation(message, "not documented for KMS", span, name_them)
    if any(direct_match(each, request.caller) is Match.YES for each in statement.principals):
        account = request.caller.account
        if any(account_match(each, request.caller) is Match.MAYBE for each in statement.principals):
            message = f"NotPrincipal of {name} lists {caller}, and whether it lists its account, too, is not known{reasons([account])}"
            return Explanation(message, "may or may not list the account", span, maybe_help([account], ()))
        return Explanation(
            f"NotPrincipal of {name} lists {caller} but not its account, and AWS might deny the whole account then",
            "does not list the account",
            span,
            f"list the root of account {describe(account, quoted=False)}, too",
        )
    return Explanation(
        f"whether NotPrincipal of {name} lists {caller} is not known{reasons([each.value for each in statement.principals])}",
        f"may or may not list {caller}",
        span,
        f"list {caller} in NotPrincipal" if request.caller.kind is CallerKind.SERVICE else "list the readers in NotPrincipal",
    )


def _action_words(mismatch: Mismatch, name: str, answer: StatementAnswer, request: Request) -> Explanation:
    statement = answer.statement
    span = statement.part_span("Action", "NotAction")
    wanted = WHAT[request.question][1]
    if not statement.actions:
        return _without_effect(name, "Action", answer, mismatch.span)
    if mismatch.answer is Match.MAYBE:
        return Explanation(
            whether(statement.actions, f"is {request.action}", name, f"is about {request.action}"),
            f"may or may not be {request.action}",
            span,
            f'write "{wanted}"',
        )
    if statement.actions_negated:
        return Explanation(
            f"NotAction of {name} excepts {request.action}",
            f"excepts {request.action}",
            span,
            add_statement(request),
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
    help = add_statement(request)
    return Explanation(
        f"{name} is about {listed(statement.actions)}, not {wanted}",
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
    help = whole if missing == "Resource" else f"add {element(notation, 'Action', WHAT[answer.request.question][1])}"
    return Explanation(f"{name} has no {missing}, so it has no effect", f"no {missing}", span, help, Mistake.NO_EFFECT)


def _resource_words(mismatch: Mismatch, name: str, answer: StatementAnswer) -> Explanation:
    statement = answer.statement
    if not statement.resources:
        return _without_effect(name, "Resource", answer, mismatch.span)
    values = statement.resources
    this_key = f"write {element(_notation(answer), 'Resource', '*')}, which means this key"
    span = first_span(values, statement.part_span("Resource", "NotResource"))
    if mismatch.answer is Match.MAYBE:
        return Explanation(
            whether(values, f"in the Resource of {name} is this key", name, "is about this key"),
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
    message = f"the Resource {listed(values)} of {name} is not this key"
    return Explanation(message, "is not this key", span, this_key, Mistake.OTHER_RESOURCE)


def _notation(answer: StatementAnswer) -> Notation:
    return notation_of(answer.policy.form, answer.statement.span or answer.policy.span)
