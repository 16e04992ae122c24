"""The statement that is missing, ready to paste: for this trail, in the language and form that the policy has."""

from __future__ import annotations

import json
from dataclasses import replace

from ctkms_policy.finding import Fix
from ctkms_policy.iam.binding import holes_of
from ctkms_policy.iam.evaluate import Outcome
from ctkms_policy.iam.judge import NO_FACTS, judge_trail
from ctkms_policy.iam.policy import read_key_policy
from ctkms_policy.iam.request import ACTIONS, CLOUDTRAIL, TRAIL_PAIR, OrganizationFacts, Question, key_facts, trail_facts
from ctkms_policy.iam.writing import cloudformation_json, cloudformation_yaml, hcl_object, hcl_statement_block, plain_json
from ctkms_policy.model import Key, KeyPolicy, Language, PolicyForm, Trail
from ctkms_policy.source import Span
from ctkms_policy.value import (
    Entry,
    Known,
    ListValue,
    Literal,
    MapValue,
    Reference,
    Symbol,
    SymbolKind,
    Template,
    Text,
    Unknown,
    Value,
    concatenate,
    substitute,
    text_parts,
)

_NAMES = {
    Question.DESCRIBE: "AllowCloudTrailDescribeKey",
    Question.ENCRYPT: "AllowCloudTrailEncryptLogs",
    Question.DECRYPT: "AllowReadersOfTheAccountDecryptLogs",
    Question.SERVICE_DECRYPT: "AllowCloudTrailDecryptTrail",
}

_SPELLINGS = {
    Language.TERRAFORM: {
        "account": "data.aws_caller_identity.current.account_id",
        "region": "data.aws_region.current.name",
        "partition": "data.aws_partition.current.partition",
    },
    Language.CLOUDFORMATION: {"account": "AWS::AccountId", "region": "AWS::Region", "partition": "AWS::Partition"},
}


def missing_statement(
    question: Question, trail: Trail, key: Key, policy: KeyPolicy, language: Language, *, facts: OrganizationFacts = NO_FACTS
) -> Fix | None:
    """Return the statement that makes the policy answer yes, or None where no further statement can: a Deny stands in the way.

    A policy that is not written at all cannot be added to: then the text is a whole policy with every statement that a trail
    needs, and the one of AWS's default policy, which it replaces.
    """
    if question is Question.CONFUSED_DEPUTY or not _helps(question, trail, key, policy, facts):
        return None
    if policy.form is PolicyForm.DEFAULT:
        questions = (Question.ENCRYPT, Question.DESCRIBE, Question.DECRYPT)
        statements = [_root_statement(key), *(statement_document(each, trail, key, facts) for each in questions)]
        return _whole_policy([_spelled(each, trail, key, policy, language) for each in statements], key, language)
    document = _spelled(statement_document(question, trail, key, facts), trail, key, policy, language)
    if policy.form is PolicyForm.JSON_TEXT:
        return Fix("json", plain_json(document))
    if language is Language.CLOUDFORMATION:
        return _cloudformation(document, policy.span or key.span)
    if _is_json(policy.span or key.span):
        return Fix("json", plain_json(document))
    if policy.form is PolicyForm.POLICY_DOCUMENT:
        return Fix("hcl", hcl_statement_block(document))
    return Fix("hcl", hcl_object(document))


def _cloudformation(document: MapValue, span: Span) -> Fix:
    if _is_json(span):
        return Fix("json", cloudformation_json(document))
    return Fix("yaml", cloudformation_yaml(ListValue((document,))))


def _is_json(span: Span) -> bool:
    return span.path.lower().endswith(".json")


def _whole_policy(statements: list[MapValue], key: Key, language: Language) -> Fix:
    policy = _map(("Version", Known("2012-10-17")), ("Statement", ListValue(tuple(statements))))
    if language is Language.CLOUDFORMATION:
        if _is_json(key.span):
            return Fix("json", '"KeyPolicy": ' + cloudformation_json(policy))
        return Fix("yaml", cloudformation_yaml(_map(("KeyPolicy", policy))))
    if _is_json(key.span):
        return Fix("json", f'"policy": {json.dumps(plain_json(policy))}')
    return Fix("hcl", f"policy = jsonencode({hcl_object(policy)})")


def _helps(question: Question, trail: Trail, key: Key, policy: KeyPolicy, facts: OrganizationFacts) -> bool:
    document = _map(("Version", Known("2012-10-17")), ("Statement", ListValue((statement_document(question, trail, key, facts),))))
    added = read_key_policy(document, PolicyForm.OBJECT, key.span)
    assert isinstance(added, KeyPolicy)
    judgement = judge_trail(replace(policy, statements=(*policy.statements, *added.statements)), key, trail, facts=facts)
    decision = {
        Question.DESCRIBE: judgement.describe,
        Question.ENCRYPT: judgement.encrypt,
        Question.DECRYPT: judgement.decrypt,
        Question.SERVICE_DECRYPT: judgement.service_decrypt,
    }[question]
    return decision.outcome is Outcome.ALLOWED


# -- the statements (A2, A5) -------------------------------------------------------------------------------------------


def statement_document(question: Question, trail: Trail, key: Key, facts: OrganizationFacts = NO_FACTS) -> MapValue:
    """Return the statement that a question needs for a trail, as AWS prints it today.

    The reader's statement is the one that CloudTrail's console writes: every principal of the key's account whose IAM policies allow
    it, for the logs of the trail's account.
    """
    log = trail_facts(trail, facts)
    every_trail = _arn(log.partition, Known("*"), log.owner, Known("*"))
    service = _map(("Service", Known(CLOUDTRAIL)))
    context_key = "kms:EncryptionContext:" + TRAIL_PAIR
    conditions: list[tuple[str, Value]] = []
    action: Value = Known(ACTIONS[question])
    principal = service
    exact = _is_exact(trail, key, log.name)
    source = _map(("aws:SourceArn", _arn(log.partition, log.region, log.owner, log.name) if exact else every_trail))
    if question is Question.DESCRIBE:
        conditions = [("StringEquals" if exact else "StringLike", source)]
    elif question is Question.ENCRYPT:
        action = Known("kms:GenerateDataKey*")
        if exact:
            conditions = [("StringEquals", source), ("StringLike", _map((context_key, every_trail)))]
        else:
            conditions = [("StringLike", MapValue((*source.entries, Entry(Known(context_key), every_trail))))]
    elif question is Question.DECRYPT:
        principal = _map(("AWS", Known("*")))
        action = ListValue((Known("kms:Decrypt"), Known("kms:ReEncryptFrom")))
        caller = _map(("kms:CallerAccount", key_facts(key).account))
        conditions = [("StringEquals", caller), ("StringLike", _map((context_key, every_trail)))]
    entries: list[tuple[str, Value]] = [
        ("Sid", Known(_NAMES[question])),
        ("Effect", Known("Allow")),
        ("Principal", principal),
        ("Action", action),
        ("Resource", Known("*")),
    ]
    return _map(*entries, *([("Condition", _map(*conditions))] if conditions else []))


def _root_statement(key: Key) -> MapValue:
    facts = key_facts(key)
    root = concatenate((Known("arn:"), facts.partition, Known(":iam::"), facts.account, Known(":root")))
    return _map(
        ("Sid", Known("EnableIAMUserPermissions")),
        ("Effect", Known("Allow")),
        ("Principal", _map(("AWS", root))),
        ("Action", Known("kms:*")),
        ("Resource", Known("*")),
    )


def _map(*entries: tuple[str, Value]) -> MapValue:
    return MapValue(tuple(Entry(Known(name), value) for name, value in entries))


def _arn(partition: Text, region: Text, account: Text, name: Text) -> Value:
    return concatenate((Known("arn:"), partition, Known(":cloudtrail:"), region, Known(":"), account, Known(":trail/"), name))


def _is_exact(trail: Trail, key: Key, name: Text) -> bool:
    """Whether the trail's name can be written in the key's policy: it is not made up, and known where the key stands."""
    holes = [part for part in text_parts(name) if isinstance(part, (Symbol, Reference, Unknown))]
    if any(isinstance(hole, Unknown) or (isinstance(hole, Symbol) and hole.kind is SymbolKind.GENERATED) for hole in holes):
        return False
    return not holes or _module_of(trail.address) == _module_of(key.address)


def _module_of(address: str) -> str:
    """Return the module path of a Terraform address, or the nested stack of a logical ID."""
    if "/" in address:
        return address.rpartition("/")[0]
    path = []
    parts = address.split(".")
    while len(parts) > 2 and parts[0] == "module":
        path += parts[:2]
        parts = parts[2:]
    return ".".join(path)


# -- in the file's own words -------------------------------------------------------------------------------------------


def _spelled(document: MapValue, trail: Trail, key: Key, policy: KeyPolicy, language: Language) -> MapValue:
    """Return the document with every hole as a symbol that is named as the file would write it."""
    written = {hole.name: hole.spelling for hole in holes_of(policy) if isinstance(hole, Symbol) and hole.spelling}
    module = _module_of(key.address)

    def spelling(hole: Symbol | Reference) -> Value:
        if isinstance(hole, Reference):
            address = hole.address.removeprefix(f"{module}.").removeprefix(f"{module}/") if module else hole.address
            text = address if hole.attribute in ("Ref", "") else f"{address}.{hole.attribute}"
        else:
            kind, _, _ = hole.name.partition("[")
            text = written.get(hole.name) or hole.spelling or _SPELLINGS[language].get(kind, hole.name)
        return Symbol(text, spelling=text)

    spelled = substitute(_without_unknowns(document), spelling)
    assert isinstance(spelled, MapValue)
    return spelled


def _without_unknowns(value: Value) -> Value:
    """Return the value with what is not known at all as ``*``: partition, Region or account of a provider that is not known."""
    if isinstance(value, MapValue):
        return replace(value, entries=tuple(Entry(entry.key, _without_unknowns(entry.value)) for entry in value.entries))
    if isinstance(value, ListValue):
        return replace(value, items=tuple(_without_unknowns(item) for item in value.items))
    if isinstance(value, Unknown):
        return Known("*")
    if isinstance(value, Template):
        pieces = [Known(part.text) if isinstance(part, Literal) else _without_unknowns(part) for part in value.parts]
        return concatenate(pieces, value.origin)
    return value
