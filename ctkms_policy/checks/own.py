"""Questions for own rules: may somebody of the company use the key of a trail, and may anybody outside the organization.

The policy is asked the same way as for the built-in rules, and under the same assumptions about accounts and Regions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from ctkms_policy.cases import TrailCase, bucket_key
from ctkms_policy.checks.words import finding, judged_policy, title, use_of_key
from ctkms_policy.finding import Finding, Related
from ctkms_policy.iam.arns import arn_parts
from ctkms_policy.iam.binding import holes_of
from ctkms_policy.iam.context import Context, Present
from ctkms_policy.iam.evaluate import Decision, Outcome
from ctkms_policy.iam.explain import answer_text, explain
from ctkms_policy.iam.judge import judge_request
from ctkms_policy.iam.request import (
    Caller,
    CallerKind,
    KeyFacts,
    LogFacts,
    Request,
    caller_keys,
    reader_context,
    reader_request,
    stranger_requests,
)
from ctkms_policy.key_link import KeyState
from ctkms_policy.model import Effect, KeyPolicy, PrincipalType
from ctkms_policy.rulebook import Rule
from ctkms_policy.source import Span
from ctkms_policy.value import ACCOUNT_ID, Known, Symbol

Asked: TypeAlias = Callable[[LogFacts, KeyFacts], Request]
"""Makes a request out of what is known about the trail and its key."""

_DECRYPT = "kms:Decrypt"
_PLACE = re.compile(r"[0-9]{12}|[a-z]{2,4}(-[a-z]+)+-[0-9]|aws(-[a-z]+)*")
"""What an assumption may bind: an account, a Region or a partition; some bind one unknown to another."""

_OF_EVERY_CALL = (
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalorgid",
    "aws:resourceaccount",
    "aws:securetransport",
    "aws:sourceaccount",
    "aws:sourcearn",
    "kms:calleraccount",
    "kms:keyspec",
    "kms:keyusage",
)
"""What a caller's request carries whatever the action; of other actions than kms:Decrypt nothing else is modelled."""


# -- one principal -----------------------------------------------------------------------------------------------------


def request_allowed(case: TrailCase, rule: Rule) -> Iterator[Finding]:
    """Yield a finding unless the key policy itself lets the principal use the action; whether its IAM policies do is not in the code."""
    principal, action = rule.parameters["principal"], rule.parameters["action"]
    if case.judgement is None:
        yield from _not_visible(case, rule)
        return
    decision = _decision(case, principal, action)
    if decision.outcome is Outcome.ALLOWED:
        return
    if decision.outcome.is_denied:
        yield _told(case, rule, decision, f'key policy does not let "{principal}" use {action}')
    else:
        yield _told(case, rule, decision, f'cannot tell whether the key policy lets "{principal}" use {action}', undetermined=True)


def request_denied(case: TrailCase, rule: Rule) -> Iterator[Finding]:
    """Yield a finding where the key policy lets the principal use the action, or may do so."""
    principal, action = rule.parameters["principal"], rule.parameters["action"]
    if case.judgement is None:
        yield from _not_visible(case, rule)
        return
    decision = _decision(case, principal, action)
    if decision.outcome.is_denied:
        return
    if decision.outcome is Outcome.ALLOWED:
        yield _told(case, rule, decision, f'key policy lets "{principal}" use {action}')
    else:
        yield _told(case, rule, decision, f'cannot tell whether the key policy keeps "{principal}" from {action}', undetermined=True)


def _decision(case: TrailCase, principal: str, action: str) -> Decision:
    parts = arn_parts(Known(principal))
    assert parts is not None
    caller = Caller(CallerKind.IAM, Known(principal), parts[4])

    def request(log: LogFacts, key: KeyFacts) -> Request:
        reading = reader_request(caller, key, reader_context(log, key, case.deployment.facts.organization_id))
        if action == _DECRYPT:
            return reading
        return replace(reading, action=action, context=Context({name: reading.context.get(name) for name in _OF_EVERY_CALL}))

    return _ask(case, request, _bindings(case))


# -- anybody outside the organization ----------------------------------------------------------------------------------

_STRANGERS = 3
"""Kinds of stranger that ``stranger_requests`` knows: in another organization, in none, anonymous."""


def outsiders_denied(case: TrailCase, rule: Rule) -> Iterator[Finding]:
    """Yield a finding for each statement that lets somebody outside the organization use the action.

    Certain is that for principals that the policy does not name. Whether an account that it names is in the organization, the code
    does not say: where no condition asks for it, the finding is undetermined, unless the account is among the allowed readers.
    """
    if case.judgement is None:
        yield from _not_visible(case, rule)
        return
    action, organization = rule.parameters["action"], rule.parameters["organization"]
    _, policy = judged_policy(case)
    bindings = _all_accounts_bound(case)
    stranger = _account_not_in(" ".join((repr(policy), *bindings.values())))
    open_statements: set[int] = set()
    for member_of in (None, *_other_organizations(policy, organization)):
        for kind in range(_STRANGERS):
            decision = _ask(case, _stranger(kind, action, stranger, member_of), bindings)
            if decision.outcome is not Outcome.ALLOWED or decision.deciding[0].number in open_statements:
                continue
            open_statements.add(decision.deciding[0].number)
            message = f"key policy lets principals outside the organization {organization} use {action}"
            yield _told(case, rule, decision, message, help=_condition_on(organization), part="Principal")
    for number, statement in enumerate(policy.statements, 1):
        if statement.effect is not Effect.ALLOW or number in open_statements:
            continue
        for principal in statement.principals:
            if principal.type is not PrincipalType.AWS or not isinstance(principal.value, Known):
                continue
            text = str(principal.value.value)
            of_named = _of_foreign_account(case, text, action, bindings)
            if of_named is None or number not in {each.number for each in of_named.deciding}:
                continue
            yield _told(
                case,
                rule,
                of_named,
                f'cannot tell whether "{text}", which the key policy lets use {action}, is in the organization {organization}',
                undetermined=True,
                help=f"{_condition_on(organization)}; or list it under allowed_readers in the configuration",
                span=principal.value.origin.span,
                stable=text,
            )


def _condition_on(organization: str) -> str:
    return f'add a condition StringEquals on "aws:PrincipalOrgID" with "{organization}"'


def _stranger(kind: int, action: str, account: str, member_of: str | None) -> Asked:
    """Return what makes the request of one kind of stranger, perhaps of a member of an organization that the policy names."""

    def request(log: LogFacts, key: KeyFacts) -> Request:
        made = stranger_requests(action, account, log, key)[kind]
        if member_of is None:
            return made
        return replace(made, context=made.context.with_keys({"aws:principalorgid": Present((Known(member_of),))}))

    return request


def _of_foreign_account(case: TrailCase, text: str, action: str, bindings: Mapping[str, str]) -> Decision | None:
    """Return the decision for a principal of another account, were it in no organization, where the policy lets it in; else None."""
    parts = arn_parts(Known(text))
    account = _text(parts[4]) if parts is not None else text
    facts = case.deployment.facts
    if not re.fullmatch("[0-9]{12}", account) or {account, text} & {facts.management_account, *facts.allowed_readers}:
        return None
    own_accounts: set[str] = set()

    def request(log: LogFacts, key: KeyFacts) -> Request:
        own_accounts.update((_text(key.account), _text(log.owner)))
        outside = stranger_requests(action, account, log, key)[1]
        name = outside.caller.name if parts is None or _text(parts[5]) == "root" else Known(text)
        caller = Caller(CallerKind.IAM, name, Known(account))
        return replace(outside, caller=caller, context=outside.context.with_keys(caller_keys(caller)))

    decision = _ask(case, request, bindings)
    return None if account in own_accounts or decision.outcome.is_denied else decision


def _text(value: object) -> str:
    return str(value.value) if isinstance(value, Known) else ""


def _other_organizations(policy: KeyPolicy, own: str) -> list[str]:
    """Return the organizations other than the own one that conditions on the caller name."""
    named = []
    for statement in policy.statements:
        for condition in statement.conditions:
            if _text(condition.key).lower() == "aws:principalorgid":
                named += [_text(value) for value in condition.values]
    return [each for each in dict.fromkeys(named) if each and each != own and "*" not in each]


def _all_accounts_bound(case: TrailCase) -> dict[str, str]:
    """Return the bindings with every account that is still open bound to one of its own: whatever it is, it is no stranger's."""
    bindings = _bindings(case)
    key, policy = judged_policy(case)
    texts = (*holes_of(policy), key.place.account, case.trail.place.account)
    names = {text.name for text in texts if isinstance(text, Symbol) and text.shape == ACCOUNT_ID} - set(bindings)
    return {**bindings, **{name: f"{number:012d}" for number, name in enumerate(sorted(names), 1)}}


def _account_not_in(text: str) -> str:
    return next(account for account in (f"{number:012d}" for number in range(987_000_000_000, 988_000_000_000)) if account not in text)


# -- asking and telling ------------------------------------------------------------------------------------------------


def _bindings(case: TrailCase) -> dict[str, str]:
    """Return what is certain about accounts and Regions, and what the trail's own requests had to assume: one binding must do for all."""
    assumed = {each.symbol: each.value for each in case.judgement.assumptions} if case.judgement is not None else {}
    return {**{symbol: value for symbol, value in assumed.items() if _PLACE.fullmatch(value)}, **case.deployment.bindings}


def _ask(case: TrailCase, request: Asked, bindings: Mapping[str, str]) -> Decision:
    key, policy = judged_policy(case)
    return judge_request(
        policy, key, case.trail, request, bindings=bindings, facts=case.deployment.facts, bucket_key=bucket_key(case.bucket)
    )


def _not_visible(case: TrailCase, rule: Rule) -> Iterator[Finding]:
    """Yield an undetermined finding where there is or may be a key, and no policy that can be asked."""
    link, trail = case.link, case.trail
    if link.state in (KeyState.NONE, KeyState.AWS_MANAGED):
        return
    yield finding(
        rule,
        trail,
        f"{rule.name} could not be checked for {title(trail)}: its key policy is not visible",
        trail.kms_key_id.span or trail.span,
        undetermined=True,
        label=link.reason or "its policy is not known",
        help="scan the code that makes the key, or name the key and its policy under keys: in the configuration",
    )


def _told(
    case: TrailCase,
    rule: Rule,
    decision: Decision,
    message: str,
    *,
    undetermined: bool = False,
    help: str = "",
    part: str = "",
    span: Span | None = None,
    stable: str = "",
) -> Finding:
    """Return the finding, with the reason, its place and the way out; ``part`` is the element of the statement to point at."""
    key, policy = judged_policy(case)
    related: tuple[Related, ...] = ()
    if decision.deciding:
        deciding = decision.deciding[0]
        label = answer_text(deciding, decision.request)
        place = deciding.statement.part_span(part, f"Not{part}") if part else deciding.statement.span
    elif decision.request.action == _DECRYPT:
        why = explain(policy, decision)
        label, place, help = why.label or why.message, why.span, help or why.help
        related = tuple(Related(where, note) for where, note in why.related)
    else:
        label, place = "no statement allows it", policy.span
    return finding(
        rule,
        case.trail,
        f"{message}: {title(case.trail)}",
        span or place or policy.span or key.span,
        undetermined=undetermined,
        label=label,
        help=help or f'"ctkms-policy explain {rule.id}" says what to do',
        related=(*related, *use_of_key(case)),
        stable=f"{key.address}\0{stable or label}",
    )
