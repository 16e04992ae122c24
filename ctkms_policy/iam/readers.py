"""Is there any reader at all? Candidates are made from what the policy itself names, and each is asked for by itself.

A reader that the policy allows is proof. That nobody may read takes one more question, about anybody of whom nothing is known but that
no statement names him: only where he is denied for certain, and everybody who is named is, nobody may read (C1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from string import ascii_letters, digits

from ctkms_policy.iam.arns import arn_parts, role_of_session
from ctkms_policy.iam.context import Context, ContextValue, Present
from ctkms_policy.iam.evaluate import Decision, Element, Outcome, action_answer, decide
from ctkms_policy.iam.principals import account_match
from ctkms_policy.iam.request import (
    ACTIONS,
    Caller,
    CallerKind,
    KeyFacts,
    LogFacts,
    OrganizationFacts,
    Question,
    Request,
    reader_context,
    reader_request,
)
from ctkms_policy.model import Effect, KeyPolicy, Principal, PrincipalType, Statement
from ctkms_policy.value import (
    ACCOUNT_ID,
    Known,
    Literal,
    Match,
    Reference,
    Shape,
    Symbol,
    SymbolKind,
    Template,
    Text,
    Unknown,
    Value,
    concatenate,
    outcomes,
    text_parts,
)

MAX_READERS = 48
MAX_ORGANIZATIONS = 4
"""Where a policy names more, the reader's organization stays open beside these."""

_BETTER = (Outcome.ALLOWED, Outcome.DELEGATED, Outcome.UNDETERMINED, Outcome.EXPLICITLY_DENIED, Outcome.IMPLICITLY_DENIED)


def any_reader(policy: KeyPolicy, log: LogFacts, key: KeyFacts, facts: OrganizationFacts) -> Decision:
    """Return the best decision that any reader of this trail's logs gets."""
    decisions: list[Decision] = []
    for request in reader_requests(policy, log, key, facts):
        decision = decide(policy, request)
        if decision.outcome is Outcome.ALLOWED:
            return decision
        decisions.append(_with_account(decision))
    best = min(decisions, key=_rank)
    open_ = min((each for each in decisions if _may_be_allowed(each)), key=_rank, default=None)
    if best.outcome is Outcome.DELEGATED and open_ is not None and of_another_account(best.request) is not Match.YES:
        return replace(open_, delegating=best.deciding)  # at least some reader's IAM policies decide, and another one may be allowed here
    if not best.outcome.is_denied:
        return best
    for service in _named_services(policy):
        # Whether a service other than CloudTrail reads logs, and what it then sends, is not in the code.
        request = Request(Question.DECRYPT, ACTIONS[Question.DECRYPT], service, key.arn, Context({}))
        decision = decide(policy, request)
        if not decision.outcome.is_denied:
            return replace(decision, outcome=Outcome.UNDETERMINED)
    anybody = decide(policy, _anybody(policy, log, key))
    return best if anybody.outcome.is_denied else replace(anybody, outcome=Outcome.UNDETERMINED)


def _anybody(policy: KeyPolicy, log: LogFacts, key: KeyFacts) -> Request:
    """Return the request of a role or user of any account and organization, whom a statement may name where not all of those were asked."""
    account = Symbol("any account", SymbolKind.GENERATED, ACCOUNT_ID, reason="a reader may be of any account")
    name = Symbol("any role or user", SymbolKind.GENERATED, Shape(_NAME_LETTERS, len("role/r")), reason="a reader may be any role or user")
    arn = concatenate((Known("arn:"), key.partition, Known(":iam::"), account, Known(":"), name))
    assert isinstance(arn, Template)
    caller = Caller(CallerKind.IAM, arn, account, unnamed=len(set(_callers(policy, key))) <= MAX_READERS)
    return reader_request(caller, key, reader_context(log, key))


def _may_be_allowed(decision: Decision) -> bool:
    """Whether an Allow may let the caller in by itself."""
    allows = [each for each in decision.deciding if each.statement.effect is not Effect.DENY]
    return decision.outcome is Outcome.UNDETERMINED and any(each.applies is not Match.NO for each in allows)


def _with_account(decision: Decision) -> Decision:
    """Return the decision as what it is with regard to the account whose IAM policies decide.

    A grant to another account's root is a reader's statement (C15), whatever else may let its principals in. Where the account may
    or may not be the key's own, that is open, unless the statement lets it change the key policy: that is the key's own account.
    """
    other = of_another_account(decision.request)
    administers = any(action_answer(each.statement, "kms:PutKeyPolicy") is Match.YES for each in decision.deciding)
    if decision.outcome is Outcome.DELEGATED and other is Match.MAYBE and not administers:
        return replace(decision, outcome=Outcome.UNDETERMINED, delegating=decision.deciding)
    if decision.delegating and decision.request.by_iam is Match.NO and other is Match.YES:
        return replace(decision, outcome=Outcome.DELEGATED, deciding=decision.delegating, delegating=())
    return decision


def _rank(decision: Decision) -> tuple[int, bool, int, bool]:
    """Return how far a decision is from allowed: by its outcome, by what is certain, by how near the statements come.

    Of two that are as far, the one about a caller whom the policy names tells more.
    """
    unnamed = decision.request.caller.unnamed
    undetermined = decision.outcome is Outcome.UNDETERMINED
    near = sum(
        each.mismatches[0].element in (Element.RESOURCE, Element.CONDITION) if each.mismatches else undetermined
        for each in (decision.answers if decision.outcome.is_denied or undetermined else ())
    )
    if undetermined and decision.delegating:
        return _BETTER.index(Outcome.DELEGATED), decision.request.by_iam is Match.NO, -near, unnamed
    foreign = decision.outcome is Outcome.DELEGATED and of_another_account(decision.request) is Match.YES
    return _BETTER.index(decision.outcome), False, -1 if foreign else -near, unnamed


def of_another_account(request: Request) -> Match:
    """Return whether the caller is of another account than the key: what the code leaves open may be the account deployed to."""
    own, account = request.context.get("aws:resourceaccount"), request.caller.account
    if not isinstance(own, Present) or own.values[0] == account:
        return Match.NO
    return Match.YES if isinstance(own.values[0], Known) and isinstance(account, Known) else Match.MAYBE


def reader_requests(policy: KeyPolicy, log: LogFacts, key: KeyFacts, facts: OrganizationFacts) -> list[Request]:
    """Return a request for each kind of reader that the policy names, and for somebody of the key's account."""
    context = reader_context(log, key)
    callers = list(dict.fromkeys(_callers(policy, key)))
    if len(callers) > MAX_READERS:
        # Not everybody whom the policy names is asked: somebody may be one of them.
        callers = [replace(each, unnamed=False) for each in callers[:MAX_READERS]]
    named = [each for each in _named_of_organizations(policy, "aws:principalorgid") if _ORGANIZATION.fullmatch(each)]
    configured = [facts.organization_id] if facts.organization_id else []
    requests = []
    # The configuration tells the organization of the own account; another one may be in it, or in one that the policy names.
    for is_foreign, organizations in ((False, configured or named), (True, [*configured, *named])):
        contexts = [context.with_keys(keys) for keys in _organization_keys(policy, organizations)]
        those = [each for each in callers if _is_foreign(each, key) is is_foreign]
        requests += [reader_request(caller, key, each, by_iam=_is_account(caller.name)) for each in contexts for caller in those]
    return requests


def _is_foreign(caller: Caller, key: KeyFacts) -> bool:
    return isinstance(caller.account, Known) and isinstance(key.account, Known) and caller.account != key.account


def _organization_keys(policy: KeyPolicy, organizations: Sequence[str]) -> Iterator[dict[str, ContextValue]]:
    """Yield what readers of organizations carry of them: there may well be some in each one, and in each part that the policy names."""
    paths = [path.replace("*", "").replace("?", "x") for path in _named_of_organizations(policy, "aws:principalorgpaths") if "/" in path]
    in_paths = {path: path.partition("/")[0] for path in paths}
    inside = {path: organization for path, organization in in_paths.items() if not organizations or organization in organizations}
    ways: list[dict[str, ContextValue]] = [
        {"aws:principalorgid": Present((Known(organization),)), "aws:principalorgpaths": Present((Known(path),), many=True)}
        for path, organization in inside.items()
    ]
    others = (each for each in dict.fromkeys(organizations) if each not in inside.values())
    ways += [{"aws:principalorgid": Present((Known(each),))} for each in others]
    yield from ways[:MAX_ORGANIZATIONS]
    if not 0 < len(ways) <= MAX_ORGANIZATIONS:
        yield {}


def _is_account(name: Text) -> Match:
    """Return whether what a policy names may be an account rather than somebody in it: its IAM policies decide then (C2)."""
    attribute = name.attribute if isinstance(name, Reference) else ""
    if isinstance(name, Symbol) and name.kind is SymbolKind.EXTERNAL and "data.aws_" in name.name:
        attribute = name.name.rpartition(".")[2]
    if isinstance(name, (Known, Unknown)) or attribute.lower().endswith("arn"):
        return Match.NO  # a literal shows what it is, and no ARN that a resource or data source has is an account's root
    parts = arn_parts(name)
    account = parts[4] if parts is not None else _ANY_ACCOUNT
    return account_match(Principal(PrincipalType.AWS, name), Caller(CallerKind.IAM, name, account))


_ANY_ACCOUNT = Symbol("any account", SymbolKind.GENERATED, ACCOUNT_ID)


_NAME_LETTERS = frozenset(ascii_letters + digits + "+=,.@_-/")
"""What IAM lets stand in the last part of a role's or user's ARN: no colon, and no wildcard."""
_ROLE_NAME = Shape(_NAME_LETTERS, 1)
_LETTERS_FOR = {"*": Shape(_NAME_LETTERS), "?": Shape(_NAME_LETTERS, 1, 1)}


def somebody(account: Text, partition: Text) -> Caller:
    """Return some role of an account, of which only that is known and that no statement names."""
    name = Symbol("name of a role", SymbolKind.GENERATED, _ROLE_NAME, reason="any role")
    arn = concatenate((Known("arn:"), partition, Known(":iam::"), account, Known(":role/"), name))
    assert isinstance(arn, Template)
    return Caller(CallerKind.IAM, arn, account, unnamed=True)


def _callers(policy: KeyPolicy, key: KeyFacts) -> Iterator[Caller]:
    yield somebody(key.account, key.partition)
    for statement in policy.statements:
        if statement.effect is Effect.INVALID or action_answer(statement, ACTIONS[Question.DECRYPT]) is Match.NO:
            continue
        yield from _conditioned_callers(statement, key)
        if (statement.effect is Effect.DENY) is statement.principals_negated:  # whom an Allow names, or a Deny spares
            for principal in statement.principals:
                yield from _named_callers(principal, key)


def _named_callers(principal: Principal, key: KeyFacts) -> Iterator[Caller]:
    for _, value in outcomes(principal.value):
        if isinstance(value, Unknown):
            yield Caller(CallerKind.IAM, value, value)
        if not isinstance(value, (Known, Template, Symbol, Reference)):
            continue
        if principal.type is PrincipalType.FEDERATED:
            yield Caller(CallerKind.FEDERATED, value, key.account)
        elif principal.type is PrincipalType.AWS and value != Known("*"):
            yield from _iam_callers(value, key)


def _iam_callers(value: Text, key: KeyFacts) -> Iterator[Caller]:
    parts = arn_parts(value)
    if parts is None:
        if isinstance(value, Known) and str(value.value).isdigit():
            yield somebody(value, key.partition)
        elif isinstance(value, Symbol) and value.kind is SymbolKind.AMBIENT:
            yield somebody(value, key.partition)  # an account id means its root (C2)
        elif isinstance(value, (Symbol, Reference)):
            yield Caller(CallerKind.IAM, value, _unknown_account(value))
            yield somebody(value, key.partition)  # it may be an account id
        return
    if parts[5] == Known("root"):
        yield somebody(parts[4], parts[1])
    elif _may_be_principal(parts):
        yield Caller(CallerKind.IAM, value, parts[4], role_of_session(parts))


_PRINCIPALS = {"iam": ("role/", "user/"), "sts": ("assumed-role/", "federated-user/")}


def _may_be_principal(parts: tuple[Text, ...]) -> bool:
    """Whether an ARN may be that of somebody: no group, policy, instance profile or bucket is a principal (C5)."""
    if not isinstance(parts[2], Known):
        return True
    kinds = _PRINCIPALS.get(str(parts[2].value), ())
    first = next(iter(text_parts(parts[5])), None)
    return any(first.text.startswith(each) for each in kinds) if isinstance(first, Literal) and "/" in first.text else bool(kinds)


def _unknown_account(value: Text) -> Text:
    return Unknown("the account of the principal is not known", value.origin)


def _conditioned_callers(statement: Statement, key: KeyFacts) -> Iterator[Caller]:
    """Yield callers that fit the conditions on the caller: those of an account, or with an ARN, that a statement names."""
    for condition in statement.conditions:
        name = str(condition.key.value).lower() if isinstance(condition.key, Known) else ""
        if name not in ("kms:calleraccount", "aws:principalaccount", "aws:principalarn"):
            continue
        for value in condition.values:
            for _, text in outcomes(value):
                if not isinstance(text, (Known, Template, Symbol, Reference)):
                    continue
                if name == "aws:principalarn":
                    yield from _caller_like(text, key)
                elif not _has_wildcard(text):
                    yield somebody(text, key.partition)
                else:
                    yield somebody(key.account, key.partition)


def _caller_like(text: Text, key: KeyFacts) -> Iterator[Caller]:
    """Yield a caller whose ARN fits a pattern: of the key's account where any will do, with something unknown for every other wildcard."""
    parts = arn_parts(text)
    if parts is None or parts[2] != Known("iam") or not _may_be_principal(parts) or parts[5] == Known("root"):
        return  # what a session carries there is the ARN of its role (C14)
    own = {1: key.partition, 4: key.account}
    filled = tuple(
        own[number] if number in own and part == Known("*") else _without_wildcards(part, number) for number, part in enumerate(parts)
    )
    arn: Value = concatenate([piece for number, part in enumerate(filled) for piece in ((Known(":"), part) if number else (part,))])
    if isinstance(arn, (Known, Template, Symbol, Reference)):
        yield Caller(CallerKind.IAM, arn, filled[4])


def _without_wildcards(text: Text, number: int) -> Text:
    if not _has_wildcard(text):
        return text
    pieces: list[Value] = []
    for part in text_parts(text):
        if not isinstance(part, Literal):
            pieces.append(part)
            continue
        for letter in part.text:
            name = f"part {number}.{len(pieces)} of a reader's ARN"
            pieces.append(Symbol(name, SymbolKind.GENERATED, _LETTERS_FOR[letter]) if letter in _LETTERS_FOR else Known(letter))
    filled = concatenate(pieces)
    return filled if isinstance(filled, (Known, Template, Symbol, Reference, Unknown)) else text


def _has_wildcard(text: Text) -> bool:
    return any(isinstance(part, Literal) and ("*" in part.text or "?" in part.text) for part in text_parts(text))


def _named_services(policy: KeyPolicy) -> Iterator[Caller]:
    for statement in policy.statements:
        for principal in statement.principals:
            if (
                principal.type is PrincipalType.SERVICE
                and isinstance(principal.value, Known)
                and "cloudtrail" not in str(principal.value.value)
            ):
                yield Caller(CallerKind.SERVICE, principal.value, Unknown("a service has no account"))


_ORGANIZATION = re.compile(r"o-[a-z0-9]+")


def _named_of_organizations(policy: KeyPolicy, key: str) -> list[str]:
    """Return what conditions with a key name: organizations, or paths in them."""
    found = []
    for statement in policy.statements:
        for condition in statement.conditions:
            if isinstance(condition.key, Known) and str(condition.key.value).lower() == key:
                found += [str(value.value) for value in condition.values if isinstance(value, Known)]
    return found
