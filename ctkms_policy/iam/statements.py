"""The statement that is missing, ready to paste: for this trail, in the language and form that the policy has."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from ctkms_policy.finding import Fix
from ctkms_policy.iam.assumptions import Kind, named_places
from ctkms_policy.iam.binding import holes_of
from ctkms_policy.iam.evaluate import Outcome
from ctkms_policy.iam.judge import NO_FACTS, judge_event_data_store, judge_trail
from ctkms_policy.iam.policy import read_key_policy
from ctkms_policy.iam.request import ACTIONS, CLOUDTRAIL, TRAIL_PAIR, LogFacts, OrganizationFacts, Question, key_facts, trail_facts
from ctkms_policy.iam.spelling import Spelling
from ctkms_policy.iam.writing import (
    cloudformation_json,
    cloudformation_yaml,
    hcl_object,
    hcl_statement_block,
    json_statement_block,
    plain_json,
)
from ctkms_policy.model import EventDataStore, Key, KeyPolicy, Language, PolicyForm, Trail
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


def missing_statement(
    question: Question, trail: Trail, key: Key, policy: KeyPolicy, language: Language, *, facts: OrganizationFacts = NO_FACTS
) -> Fix | None:
    """Return the statement that makes the policy answer yes, or None where none can be written that does.

    That is so where a Deny stands in the way, where the account, Region or partition to be written is not known, and where it has
    no literal and the text is one in which nothing is filled in, or only what a template is given.

    A policy that is not written at all cannot be added to: then the text is a whole policy with every statement that a trail
    needs, and the one of AWS's default policy, which it replaces.
    """
    if question is Question.CONFUSED_DEPUTY or not _helps(question, trail, key, policy, facts):
        return None
    log = trail_facts(trail, facts)
    if language is Language.TERRAFORM:
        log = _without_undeclared(log, policy)
    writer = _Writer(key, policy, language)
    is_whole = policy.form is PolicyForm.DEFAULT
    questions = (Question.ENCRYPT, Question.DESCRIBE, Question.DECRYPT) if is_whole else (question,)
    statements = [statement_document(each, trail, key, log=log) for each in questions]
    if is_whole:
        statements.insert(0, _root_statement(key))
    if not all(map(_can_be_written, statements)) or (not _is_rendered(policy, key, language) and any(map(_has_holes, statements))):
        return None
    if is_whole:
        return _whole_policy([writer.spelled(each) for each in statements], key, language, writer.needs)
    return _written(statements[0], key, policy, language, writer)


def missing_store_statement(
    store: EventDataStore, key: Key, policy: KeyPolicy, language: Language, *, facts: OrganizationFacts = NO_FACTS
) -> Fix | None:
    """Return the same for an event data store: one statement without conditions (A17)."""
    judgement = judge_event_data_store(_with_statement(policy, _STORE_STATEMENT, key), key, store, facts=facts)
    if not judgement.encrypt.outcome is judgement.service_decrypt.outcome is Outcome.ALLOWED:
        return None
    writer = _Writer(key, policy, language)
    if policy.form is PolicyForm.DEFAULT:
        root = _root_statement(key)
        statements = [writer.spelled(root), _STORE_STATEMENT]
        return _whole_policy(statements, key, language, writer.needs) if _can_be_written(root) else None
    return _written(_STORE_STATEMENT, key, policy, language, writer)


def _written(statement: MapValue, key: Key, policy: KeyPolicy, language: Language, writer: _Writer) -> Fix:
    """Return one statement in the language and form of the policy that it is added to.

    Where Statement is a single object, the text is a Statement element with a list of both, which replaces it.
    """
    document = writer.spelled(statement)
    if policy.single is not None and _can_be_written(policy.single):
        both = ListValue((writer.spelled(policy.single), document))
        return _element("Statement", both, policy.form, policy.span or key.span, language, writer.needs)
    if policy.form is PolicyForm.JSON_TEXT:
        return Fix("json", plain_json(document))
    if language is Language.CLOUDFORMATION:
        return _cloudformation(document, policy.span or key.span)
    if _is_json(policy.span or key.span):
        is_block = policy.form is PolicyForm.POLICY_DOCUMENT
        return Fix("json", json_statement_block(document) if is_block else plain_json(document))
    text = hcl_statement_block(document) if policy.form is PolicyForm.POLICY_DOCUMENT else hcl_object(document)
    return Fix("hcl", _with_needs(text, writer.needs))


def _with_needs(text: str, needs: list[str]) -> str:
    """Return the text below a comment for each data source that it reads and that the policy does not: it may have to be declared."""
    return "".join(f"# needs: {each}\n" for each in needs) + text


def _without_undeclared(log: LogFacts, policy: KeyPolicy) -> LogFacts:
    """Return the facts with what the policy itself writes for the partition, and any Region where it writes none.

    A template has pseudo parameters everywhere; a module has only the data sources that it declares.
    """
    named = named_places(policy)
    partition, region = log.partition, log.region
    literals = [text for text in named[Kind.PARTITION] if isinstance(text, Known)]
    if isinstance(partition, Symbol) and partition not in named[Kind.PARTITION] and len(literals) == 1:
        partition = literals[0]
    if isinstance(region, Symbol) and region not in named[Kind.REGION]:
        region = Known("*")
    return replace(log, partition=partition, region=region)


def _cloudformation(document: MapValue, span: Span) -> Fix:
    if _is_json(span):
        return Fix("json", cloudformation_json(document))
    return Fix("yaml", cloudformation_yaml(ListValue((document,))))


def _is_json(span: Span) -> bool:
    return span.path.lower().endswith(".json")


def _element(name: str, value: MapValue | ListValue, form: PolicyForm, span: Span, language: Language, needs: list[str]) -> Fix:
    """Return ``name`` with its value, as the file writes an element of an object."""
    is_template = language is Language.CLOUDFORMATION
    if form is PolicyForm.JSON_TEXT or (_is_json(span) and not is_template):
        return Fix("json", f'"{name}": {plain_json(value)}')
    if _is_json(span):
        return Fix("json", f'"{name}": {cloudformation_json(value)}')
    return (
        Fix("yaml", cloudformation_yaml(_map((name, value))))
        if is_template
        else Fix("hcl", _with_needs(f"{name} = {hcl_object(value)}", needs))
    )


def _is_rendered(policy: KeyPolicy, key: Key, language: Language) -> bool:
    """Whether what stands in ``${...}`` in the policy's text is filled in by the names of the module or template that it is for."""
    if policy.form is not PolicyForm.JSON_TEXT:
        return True
    if language is Language.CLOUDFORMATION:
        return bool(holes_of(policy))  # else it may be text without Fn::Sub
    return (policy.span or key.span).path.lower().endswith((".tf", ".tofu", ".tf.json", ".tofu.json", ".hcl"))


def _has_holes(value: Value) -> bool:
    if isinstance(value, MapValue):
        return any(_has_holes(entry.key) or _has_holes(entry.value) for entry in value.entries)
    if isinstance(value, ListValue):
        return any(map(_has_holes, value.items))
    return not isinstance(value, Known)


def _can_be_written(value: Value) -> bool:
    """Whether the text of a value says all that it is: nothing of it is unknown, made up, or left to a condition."""
    if isinstance(value, MapValue):
        return not value.rest and all(_can_be_written(entry.key) and _can_be_written(entry.value) for entry in value.entries)
    if isinstance(value, ListValue):
        return not value.rest and all(map(_can_be_written, value.items))
    if isinstance(value, Symbol):
        return value.kind is not SymbolKind.GENERATED
    if isinstance(value, Template):
        return all(isinstance(part, Literal) or _can_be_written(part) for part in value.parts)
    return isinstance(value, (Known, Reference))


def _whole_policy(statements: list[MapValue], key: Key, language: Language, needs: list[str]) -> Fix:
    policy = _map(("Version", Known("2012-10-17")), ("Statement", ListValue(tuple(statements))))
    if language is Language.CLOUDFORMATION:
        return _element("KeyPolicy", policy, PolicyForm.OBJECT, key.span, language, needs)
    if _is_json(key.span):
        return Fix("json", f'"policy": {json.dumps(plain_json(policy))}')
    return Fix("hcl", _with_needs(f"policy = jsonencode({hcl_object(policy)})", needs))


def _helps(question: Question, trail: Trail, key: Key, policy: KeyPolicy, facts: OrganizationFacts) -> bool:
    judgement = judge_trail(_with_statement(policy, statement_document(question, trail, key, facts), key), key, trail, facts=facts)
    decision = {
        Question.DESCRIBE: judgement.describe,
        Question.ENCRYPT: judgement.encrypt,
        Question.DECRYPT: judgement.decrypt,
        Question.SERVICE_DECRYPT: judgement.service_decrypt,
    }[question]
    return decision.outcome is Outcome.ALLOWED


def _with_statement(policy: KeyPolicy, statement: MapValue, key: Key) -> KeyPolicy:
    document = _map(("Version", Known("2012-10-17")), ("Statement", ListValue((statement,))))
    added = read_key_policy(document, PolicyForm.OBJECT, key.span)
    assert isinstance(added, KeyPolicy)
    return replace(policy, statements=(*policy.statements, *added.statements))


# -- the statements (A2, A5) -------------------------------------------------------------------------------------------


def statement_document(
    question: Question, trail: Trail, key: Key, facts: OrganizationFacts = NO_FACTS, *, log: LogFacts | None = None
) -> MapValue:
    """Return the statement that a question needs for a trail, as AWS prints it today.

    The reader's statement is the one that CloudTrail's console writes: every principal of the key's account whose IAM policies allow
    it, for the logs of the trail's account. ``log`` is what to write about the trail where that is not its own facts.
    """
    log = log or trail_facts(trail, facts)
    every_trail = _arn(log.partition, Known("*"), log.owner, Known("*"))
    service = _map(("Service", Known(CLOUDTRAIL)))
    context_key = "kms:EncryptionContext:" + TRAIL_PAIR
    conditions: list[tuple[str, Value]] = []
    action: Value = Known(ACTIONS[question])
    principal = service
    exact = _is_exact(key, log.name)
    source = _map(("aws:SourceArn", _arn(log.partition, log.region, log.owner, log.name) if exact else every_trail))
    exact = exact and log.region != Known("*")
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


_STORE_STATEMENT = _map(
    ("Sid", Known("AllowCloudTrailLake")),
    ("Effect", Known("Allow")),
    ("Principal", _map(("Service", Known(CLOUDTRAIL)))),
    ("Action", ListValue((Known("kms:GenerateDataKey"), Known("kms:Decrypt")))),
    ("Resource", Known("*")),
)
"""What an event data store needs (A17)."""


def _arn(partition: Text, region: Text, account: Text, name: Text) -> Value:
    return concatenate((Known("arn:"), partition, Known(":cloudtrail:"), region, Known(":"), account, Known(":trail/"), name))


def _is_exact(key: Key, name: Text) -> bool:
    """Whether the trail's name can be written in the key's policy: it is not made up, and known where the key stands."""
    module = _module_of(key.address)
    return all(isinstance(part, Literal) or _stands_in(part, module) for part in text_parts(name))


def _stands_in(hole: Symbol | Reference | Unknown, module: str) -> bool:
    """Whether a module or template may name a hole: it is the same everywhere, or of that module itself and not of one resource."""
    if isinstance(hole, Reference):
        return _module_of(hole.address) == module
    if isinstance(hole, Unknown) or hole.kind is SymbolKind.GENERATED:
        return False
    spelling = hole.spelling or hole.name
    own_names = (f"{module}.{spelling}", f"{module}/{spelling}") if module else (spelling,)
    return hole.kind is SymbolKind.AMBIENT or hole.name.startswith("terraform.") or hole.name in own_names


def _module_of(address: str) -> str:
    """Return the module path of a Terraform address, or the nested stack of a logical ID."""
    if "/" in address:
        return address.rpartition("/")[0]
    found = _MODULE_PATH.match(address)
    return found.group()[:-1] if found is not None else ""


_MODULE_PATH = re.compile(r'(?:module\.[^.\[]+(?:\[(?:\d+|"(?:[^"\\]|\\.)*")\])?\.)+')
"""``module.a["b.c"].module.d.``: an instance key may hold dots."""


# -- in the file's own words -------------------------------------------------------------------------------------------


class _Writer:
    """Names every hole of a document as the file would write it; ``needs`` are the data sources that this takes, as declarations."""

    def __init__(self, key: Key, policy: KeyPolicy, language: Language) -> None:
        self.needs: list[str] = []
        self._spelling = Spelling.of(policy, key, language)
        self._module = _module_of(key.address)

    def spelled(self, document: MapValue) -> MapValue:
        """Return the document with symbols whose names are what the file would write."""
        spelled = substitute(document, self._symbol)
        assert isinstance(spelled, MapValue)
        return spelled

    def _symbol(self, hole: Symbol | Reference) -> Value:
        module = self._module
        if isinstance(hole, Reference):
            address = hole.address.removeprefix(f"{module}.").removeprefix(f"{module}/") if module else hole.address
            text = address if hole.attribute in ("Ref", "") else f"{address}.{hole.attribute}"
        else:
            text = self._spelling.of_symbol(hole)
            self._note(hole, text)
        return Symbol(text, spelling=text)

    def _note(self, symbol: Symbol, text: str) -> None:
        parts = text.split(".")
        # In a called module the policy may have it through a variable, from a data source of the caller.
        is_read = text in self._spelling.written.values() and not self._module
        if is_read or parts[0] != "data" or len(parts) != 4:
            return
        provider = symbol.name.partition("[")[2].rstrip("]")
        needed = f'data "{parts[1]}" "{parts[2]}" {{{f" provider = {provider} " if provider else ""}}}'
        if needed not in self.needs:
            self.needs.append(needed)
