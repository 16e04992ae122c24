"""``ctkms-policy simulate``: one key policy document, one request, no assumptions."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TextIO

from ctkms_policy.iam.arns import arn_parts, role_of_session
from ctkms_policy.iam.context import Present
from ctkms_policy.iam.evaluate import Decision, Outcome, StatementAnswer, decide
from ctkms_policy.iam.explain import answer_text, explain
from ctkms_policy.iam.policy import read_key_policy
from ctkms_policy.iam.readers import any_reader
from ctkms_policy.iam.request import (
    Caller,
    CallerKind,
    KeyFacts,
    LogFacts,
    OrganizationFacts,
    Question,
    Request,
    reader_context,
    reader_request,
    service_request,
)
from ctkms_policy.model import KeyPolicy, PolicyForm, UnreadablePolicy
from ctkms_policy.source import ParseError, Span, read_source
from ctkms_policy.value import KEY_ID, Known, Match, Origin, Symbol, SymbolKind, Template, Text, Unknown, concatenate

EXIT_CODES = {"allowed": 0, "denied": 1, "undetermined": 4}
USAGE_ERROR = 2

_ACCOUNT = re.compile(r"[0-9]{12}")


class _Usage(Exception):
    """An argument that cannot be used; the message says which and why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``simulate`` to a parser."""
    parser.add_argument("--key-policy", required=True, metavar="FILE", help="the key policy, a JSON document")
    parser.add_argument("--trail-arn", required=True, metavar="ARN", help="ARN of the trail or event data store")
    parser.add_argument("--question", required=True, choices=[question.value for question in Question], help="what is asked")
    parser.add_argument("--key-arn", metavar="ARN", help="ARN of the key; without it, a key id that nobody knows")
    parser.add_argument("--key-account", metavar="ID", help="the key's account (default: the one in --key-arn, else the trail's)")
    parser.add_argument("--reader", metavar="ARN", help="decrypt: who reads (default: any reader of the trail's account)")
    parser.add_argument("--org-id", default="", metavar="ID", help="the organization of the trail's owner, o-...")
    parser.add_argument(
        "--context",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a condition key of the request context; repeat it for several values",
    )
    parser.add_argument("--format", choices=["text", "json"], default="text", help="output format (default: text)")


def run(arguments: argparse.Namespace, stdout: TextIO, stderr: TextIO) -> int:
    """Answer the question and explain the answer statement by statement; return the exit code."""
    try:
        policy = _read_policy(arguments.key_policy)
        decision = _decision(arguments, policy)
    except (_Usage, ParseError) as error:
        stderr.write(f"ctkms-policy simulate: {error}\n")
        return USAGE_ERROR
    answer = {Outcome.ALLOWED: "allowed", Outcome.EXPLICITLY_DENIED: "denied", Outcome.IMPLICITLY_DENIED: "denied"}.get(
        decision.outcome, "undetermined"
    )
    why = explain(policy, decision).message
    if arguments.format == "json":
        explanation = [
            {"statement": None, "sid": "", "applies": "", "text": why},
            *(_entry(each, decision.request) for each in decision.answers),
        ]
        json.dump({"decision": answer, "explanation": explanation}, stdout, indent=2)
        stdout.write("\n")
    else:
        stdout.write(f"{answer}: {why}\n")
        for each in decision.answers:
            stdout.write(f"  {answer_text(each, decision.request)}\n")
    return EXIT_CODES[answer]


def _entry(answer: StatementAnswer, request: Request) -> dict[str, object]:
    applies = max(answer.applies, answer.delegates)
    return {
        "statement": answer.number,
        "sid": answer.statement.sid,
        "applies": {Match.YES: "yes", Match.NO: "no", Match.MAYBE: "maybe"}[applies],
        "text": answer_text(answer, request),
    }


def _read_policy(path: str) -> KeyPolicy:
    source = read_source(Path(path), path)
    whole = source.span(0, len(source.text))
    policy = read_key_policy(Known(source.text, Origin(whole), source.text_map), PolicyForm.JSON_TEXT, whole)
    if isinstance(policy, UnreadablePolicy):
        span = policy.span or Span.at(path)
        raise ParseError(policy.message, span, policy.help)
    if isinstance(policy, Unknown):
        raise _Usage(f"{path}: {policy.reason}")
    return policy


def _decision(arguments: argparse.Namespace, policy: KeyPolicy) -> Decision:
    question = Question(arguments.question)
    log, key = _log_facts(arguments), _key_facts(arguments)
    if question is Question.DECRYPT and arguments.reader is None:
        if arguments.context:
            raise _Usage("--context needs --reader when the question is decrypt")
        return any_reader(policy, log, key, OrganizationFacts(organization_id=arguments.org_id))
    if question is Question.DECRYPT:
        request = _reader_request(arguments, log, key)
    else:
        request = service_request(question, log, key)
    values: dict[str, list[Text]] = {}
    for pair in arguments.context:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise _Usage(f'--context "{pair}" is not KEY=VALUE')
        values.setdefault(name.lower(), []).append(Known(value))
    keys = {name: Present(tuple(texts), many=len(texts) > 1) for name, texts in values.items()}
    changed = Request(request.question, request.action, request.caller, request.resource, request.context.with_keys(keys), request.by_iam)
    return decide(policy, changed)


def _parts(text: str, option: str, what: str) -> tuple[str, ...]:
    parts = arn_parts(Known(text))
    if parts is None:
        raise _Usage(f'{option} "{text}" is no ARN of {what}')
    return tuple(str(part.value) if isinstance(part, Known) else "" for part in parts)


def _log_facts(arguments: argparse.Namespace) -> LogFacts:
    arn = arguments.trail_arn
    _, partition, service, region, account, resource = _parts(arn, "--trail-arn", "a trail or event data store")
    kind, slash, name = resource.partition("/")
    if service != "cloudtrail" or kind not in ("trail", "eventdatastore") or not slash or not name or not _ACCOUNT.fullmatch(account):
        raise _Usage(f'--trail-arn "{arn}" is no ARN of a trail or event data store')
    return LogFacts(
        Known(arn),
        Known(account),
        Known(region),
        Known(partition),
        Known(name),
        is_event_data_store=kind == "eventdatastore",
        organization_id=arguments.org_id,
    )


def _key_facts(arguments: argparse.Namespace) -> KeyFacts:
    _, partition, _, _, trail_account, _ = _parts(arguments.trail_arn, "--trail-arn", "a trail or event data store")
    account = arguments.key_account
    if account is not None and not _ACCOUNT.fullmatch(account):
        raise _Usage(f'--key-account "{account}" is no account id of 12 digits')
    if arguments.key_arn is not None:
        _, partition, service, region, key_account, resource = _parts(arguments.key_arn, "--key-arn", "a key")
        if service != "kms" or not resource.startswith("key/"):
            raise _Usage(f'--key-arn "{arguments.key_arn}" is no ARN of a key')
        return KeyFacts(Known(arguments.key_arn), Known(account or key_account), Known(region), Known(partition))
    key_id = Symbol("key-id", SymbolKind.GENERATED, KEY_ID, "key id", "--key-arn is not given")
    key_account_text = Known(account or trail_account)
    # The key is in the Region of the log bucket, which need not be the trail's (A11).
    region_text = Symbol("key-region", SymbolKind.INPUT, spelling="key region", reason="--key-arn is not given")
    arn = concatenate((Known(f"arn:{partition}:kms:"), region_text, Known(f":{account or trail_account}:key/"), key_id))
    assert isinstance(arn, Template)
    return KeyFacts(arn, key_account_text, region_text, Known(partition))


def _reader_request(arguments: argparse.Namespace, log: LogFacts, key: KeyFacts) -> Request:
    reader = arguments.reader
    _, _, service, _, account, _ = _parts(reader, "--reader", "a principal")
    if service not in ("iam", "sts") or not _ACCOUNT.fullmatch(account):
        raise _Usage(f'--reader "{reader}" is no ARN of a user, role or session')
    parts = arn_parts(Known(reader))
    caller = Caller(CallerKind.IAM, Known(reader), Known(account), role_of_session(parts) if parts is not None else None)
    foreign = Match.of(key.account != Known(account))
    return reader_request(caller, key, reader_context(log, key, arguments.org_id), by_iam=foreign)
