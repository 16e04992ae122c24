"""Who else gets in: the evaluator is asked for strangers, whose account no part of the policy or the code names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ctkms_policy.iam.arns import arn_parts
from ctkms_policy.iam.assumptions import Kind, named_places
from ctkms_policy.iam.binding import Hole, bound_key, bound_log, bound_policy, holes_of, texts_of
from ctkms_policy.iam.evaluate import Outcome, StatementAnswer, decide, statement_answer
from ctkms_policy.iam.request import (
    EC,
    TRAIL_PAIR,
    Caller,
    CallerKind,
    KeyFacts,
    LogFacts,
    OrganizationFacts,
    Question,
    certain_text,
    service_request,
    stranger_requests,
    stranger_trail_contexts,
)
from ctkms_policy.iam.spelling import Spelling
from ctkms_policy.model import Condition, Effect, KeyPolicy, PrincipalType, Statement
from ctkms_policy.source import Span
from ctkms_policy.value import (
    ACCOUNT_ID,
    Known,
    Literal,
    Match,
    Reference,
    Symbol,
    Template,
    Text,
    Unknown,
    Value,
    concatenate,
    describe,
    text_parts,
)

MAX_TRAILS = 8
MAX_NAMES = 8

SENSITIVE_ACTIONS = ("kms:Decrypt", "kms:ReEncryptFrom", "kms:CreateGrant", "kms:PutKeyPolicy")
"""What gives somebody the plain text, now or through a detour."""


@dataclass(frozen=True, slots=True)
class BroadGrant:
    """A statement that lets strangers in: ``message`` says whom to what, ``label`` what to see at ``span``, ``help`` the way out."""

    statement: Statement
    message: str
    label: str
    help: str
    span: Span | None


def statement_name(answer: StatementAnswer) -> str:
    """Return what a message calls a statement: its Sid, or its number."""
    return f'statement "{answer.statement.sid}"' if answer.statement.sid else f"statement {answer.number}"


# -- another account's trail -------------------------------------------------------------------------------------------


def unscoped_encrypt_grant(
    policy: KeyPolicy, key: KeyFacts, log: LogFacts | None, facts: OrganizationFacts, spelling: Spelling
) -> BroadGrant | None:
    """Return the statement that certainly lets CloudTrail encrypt for a stranger's trail, or None (CTKMS006)."""
    stranger, named = _stranger_account(policy, facts), _named_apart(policy, key, log)
    partition, owner = (log.partition, log.owner) if log is not None else (key.partition, key.account)
    own_trails = f"arn:{spelling.text(partition)}:cloudtrail:*:{_account_text(owner, spelling)}:trail/*"
    policy, key = bound_policy(policy, named), bound_key(key, named)
    log = bound_log(log, named) if log is not None else None
    for arn in _stranger_trails(policy, key, log, stranger):
        parts = arn_parts(arn)
        assert parts is not None
        trail = LogFacts(arn, Known(stranger), parts[3], parts[1], parts[5])
        request = service_request(Question.CONFUSED_DEPUTY, trail, key)
        for context in stranger_trail_contexts(request):
            decision = decide(policy, replace(request, context=context))
            if decision.outcome is Outcome.ALLOWED:
                return _with_needs(_unscoped(decision.deciding[0], policy, own_trails), spelling)
    return None


def _with_needs(grant: BroadGrant, spelling: Spelling) -> BroadGrant:
    return replace(grant, help=spelling.with_needs(grant.help))


def _stranger_trails(policy: KeyPolicy, key: KeyFacts, log: LogFacts | None, stranger: str) -> list[Text]:
    """Return ARNs of trails that a stranger could create: named as the own one, and as whatever the policy lets through."""
    region, partition = (log.region, log.partition) if log is not None else (key.region, key.partition)
    name: Text = log.name if log is not None else Known("stranger")
    arns = [_trail_arn(partition, region, stranger, concatenate((Known("trail/"), name)))]
    for text, condition in texts_of(policy):
        if condition is None or not _is_about(condition, "aws:sourcearn", EC + TRAIL_PAIR):
            continue
        parts = arn_parts(text)
        if parts is not None:
            wanted_region = parts[3] if _is_plain(parts[3]) else region
            wanted_partition = parts[1] if _is_plain(parts[1]) else partition
            arns.append(_trail_arn(wanted_partition, wanted_region, stranger, _filled(parts[5])))
    return list(dict.fromkeys(arns))[:MAX_TRAILS]


def _trail_arn(partition: Text, region: Text, account: str, resource: Value) -> Text:
    return certain_text(
        concatenate((Known("arn:"), partition, Known(":cloudtrail:"), region, Known(f":{account}:"), resource)), "the stranger's trail"
    )


def _is_about(condition: Condition, *keys: str) -> bool:
    return isinstance(condition.key, Known) and str(condition.key.value).lower() in keys


def _is_plain(text: Text) -> bool:
    return not any(isinstance(part, Literal) and ("*" in part.text or "?" in part.text or "$" in part.text) for part in text_parts(text))


def _filled(text: Text) -> Value:
    """Return a name that fits a pattern."""
    pieces: list[Value] = []
    for part in text_parts(text):
        pieces.append(Known(part.text.replace("*", "x").replace("?", "x")) if isinstance(part, Literal) else part)
    return concatenate(pieces)


def _account_text(account: Text, spelling: Spelling) -> str:
    return "<account id>" if isinstance(account, Unknown) else spelling.text(account)


def _unscoped(answer: StatementAnswer, policy: KeyPolicy, own_trails: str) -> BroadGrant:
    statement, name = answer.statement, statement_name(answer)
    span = statement.span
    # Not the encryption context: a statement that also grants kms:DescribeKey would lose it (C12).
    written = any(_is_about(each, "aws:sourcearn") for each in statement.conditions)
    help = f'{"use" if written else "add"} a condition ArnLike on "aws:SourceArn" with "{own_trails}"'
    if not _names_cloudtrail(statement):
        help = "name the principals: this one means every service, too"
    elif _serves_topic(statement, policy):
        help = (
            "if this statement is for an encrypted SNS topic, scope it by a condition on "
            f'"kms:EncryptionContext:aws:sns:topicArn"; otherwise {help}'
        )
    itself = next((each for each in statement.conditions if _is_tautology(each)), None)
    if itself is not None:
        message = f"{name} compares the request with itself, which holds for every trail"
        like = itself.operator if "Like" in itself.operator or "Arn" in itself.operator else "StringLike"
        help = f'use {like} with "{own_trails}" instead'
        return BroadGrant(statement, message, "this holds for every trail", help, itself.span or span)
    if statement.conditions:
        message = f"the conditions of {name} hold for the trails of every account"
        return BroadGrant(statement, message, "hold for the trails of every account", help, statement.part_span("Condition"))
    return BroadGrant(statement, f"{name} has no condition", "no condition says whose trail it is", help, span)


def _is_tautology(condition: Condition) -> bool:
    """C13: a policy variable of the request on the other side of its own comparison."""
    return any(
        "${aws:source" in describe(value, quoted=False).lower() for value in condition.values if isinstance(value, (Known, Template))
    )


def _serves_topic(statement: Statement, policy: KeyPolicy) -> bool:
    """A18: an unconditioned statement with kms:Decrypt beside a conditioned one for CloudTrail is what an SNS topic needs."""
    decrypts = any(isinstance(action, Known) and str(action.value).lower().startswith("kms:decrypt") for action in statement.actions)
    return decrypts and any(
        other is not statement and other.effect is Effect.ALLOW and other.conditions and _names_cloudtrail(other)
        for other in policy.statements
    )


def _names_cloudtrail(statement: Statement) -> bool:
    return any(
        principal.type is PrincipalType.SERVICE and "cloudtrail" in describe(principal.value, quoted=False)
        for principal in statement.principals
    )


# -- another account's reader ------------------------------------------------------------------------------------------


def broad_decrypt_grants(policy: KeyPolicy, key: KeyFacts, facts: OrganizationFacts, spelling: Spelling) -> list[BroadGrant]:
    """Return the statements that certainly let a stranger at the plain text (CTKMS007), one entry each."""
    stranger, named = _stranger_account(policy, facts), _named_apart(policy, key, None)
    listed = list(_unlisted_readers(policy, key, facts))
    account = _account_text(key.account, spelling)
    policy, key = bound_policy(policy, named), bound_key(key, named)
    names = _stranger_names(policy)
    found: dict[int, list[StatementAnswer]] = {}
    for action in SENSITIVE_ACTIONS:
        for request in (request for name in names for request in stranger_requests(action, stranger, None, key, name)):
            decision = decide(policy, request)
            if decision.outcome is Outcome.ALLOWED:
                for answer in decision.deciding:
                    found.setdefault(answer.number, []).append(answer)
    grants = [_with_needs(_broad(answers, account), spelling) for _, answers in sorted(found.items())]
    return [*grants, *listed]


def _stranger_names(policy: KeyPolicy) -> list[Text]:
    """Return what a stranger could call a role or user: anything, and whatever the policy asks of an ``aws:PrincipalArn``."""
    names: list[Text] = [Known("role/stranger")]
    for text, condition in texts_of(policy):
        parts = arn_parts(text) if condition is not None and _is_about(condition, "aws:principalarn") else None
        if parts is not None:
            names.append(certain_text(_filled(parts[5]), "the stranger's name"))
    return list(dict.fromkeys(names))[:MAX_NAMES]


def _broad(answers: list[StatementAnswer], account: str) -> BroadGrant:
    """Return the grant of one statement, from what it answers to the strangers that it lets in."""
    answer, statement = answers[0], answers[0].statement
    what = " and ".join(", ".join(dict.fromkeys(each.request.action for each in answers)).rsplit(", ", 1))
    if all(each.request.caller.kind is CallerKind.ANONYMOUS for each in answers):
        return BroadGrant(
            statement,
            f"{statement_name(answer)} lets everybody use {what} who does not sign the request: its conditions hold without their key",
            "hold for a request without a signature",
            "use the condition without IfExists, ForAllValues or negation: an unsigned request has no account, organization or ARN",
            statement.part_span("Condition"),
        )
    if statement.conditions:
        message = f"the conditions of {statement_name(answer)} keep nobody from {what}"
    else:
        message = f"{statement_name(answer)} lets everybody use {what}"
    return BroadGrant(
        statement,
        message,
        f"lets every account use {what}",
        f'name the readers, or add a condition StringEquals on "kms:CallerAccount" with "{account}"',
        statement.part_span("Principal", "NotPrincipal"),
    )


def _unlisted_readers(policy: KeyPolicy, key: KeyFacts, facts: OrganizationFacts) -> Iterator[BroadGrant]:
    """Yield the foreign principals that may decrypt and are not among the readers that the configuration allows."""
    if not facts.allowed_readers or not isinstance(key.account, Known):
        return
    for number, statement in enumerate(policy.statements, 1):
        if statement.effect is not Effect.ALLOW or statement.principals_negated:
            continue
        for principal in statement.principals:
            if principal.type is not PrincipalType.AWS or not isinstance(principal.value, Known):
                continue
            text = str(principal.value.value)
            parts = arn_parts(principal.value)
            account = str(parts[4].value) if parts is not None and isinstance(parts[4], Known) else text
            if account in (key.account.value, "*") or account in facts.allowed_readers or text in facts.allowed_readers:
                continue
            if _grants_sensitive(policy, number, principal.value, Known(account), key):
                yield BroadGrant(
                    statement,
                    f'"{text}" may decrypt and is not among the allowed readers',
                    "not among the allowed readers",
                    "remove it, or add it to the allowed readers of the configuration",
                    principal.value.origin.span or statement.part_span("Principal"),
                )


def _grants_sensitive(policy: KeyPolicy, number: int, name: Known, account: Known, key: KeyFacts) -> bool:
    caller = Caller(CallerKind.IAM, name, account)
    for action in SENSITIVE_ACTIONS:
        for request in stranger_requests(action, str(account.value), None, key):
            answer = statement_answer(policy, number, replace(request, caller=caller))
            if max(answer.applies, answer.delegates) is Match.YES:
                return True
    return False


# -- strangers ---------------------------------------------------------------------------------------------------------


def _stranger_account(policy: KeyPolicy, facts: OrganizationFacts) -> str:
    """Return an account id that nothing names."""
    named = " ".join([*(describe(text) for text, _ in texts_of(policy)), facts.management_account, *facts.allowed_readers])
    return next(account for account in (f"{number:012d}" for number in range(987_654_321_098, 987_654_400_000)) if account not in named)


def _named_apart(policy: KeyPolicy, key: KeyFacts, log: LogFacts | None) -> dict[Hole, Text]:
    """Bind every account that the code leaves open to one of its own: whatever it is, it is not the stranger's.

    A stranger is in the partition that the policy names: in no other could anybody use it.
    """
    places = named_places(policy)
    holes = [text for text in places[Kind.ACCOUNT] if isinstance(text, (Symbol, Reference))]
    holes += [hole for hole in sorted(holes_of(policy), key=repr) if isinstance(hole, Symbol) and hole.shape == ACCOUNT_ID]
    holes += [text for text in (key.account, log.owner if log is not None else key.account) if isinstance(text, (Symbol, Reference))]
    binding: dict[Hole, Text] = {hole: Known(f"{number:012d}") for number, hole in enumerate(dict.fromkeys(holes), 1)}
    partition = next((text for text in places[Kind.PARTITION] if isinstance(text, Known)), None)
    for text in (key.partition, log.partition if log is not None else key.partition):
        if partition is not None and isinstance(text, (Symbol, Reference)):
            binding[text] = partition
    return binding
