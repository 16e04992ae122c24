"""The missing statement: pasted into the policy, it turns the answer to allowed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml
from key_policies import ACCOUNT, AMBIENT_PLACE, ENCRYPT, HERE, KNOWN_PLACE, ROOT_STATEMENT, deny, key, policy, policy_of_text, trail

from ctkms_policy.iam.evaluate import Outcome
from ctkms_policy.iam.judge import judge_event_data_store, judge_trail
from ctkms_policy.iam.policy import default_key_policy
from ctkms_policy.iam.request import OrganizationFacts, Question
from ctkms_policy.iam.statements import missing_statement, missing_store_statement, statement_document
from ctkms_policy.model import Attribute, EventDataStore, KeyPolicy, Language, Place, PolicyForm, ambient_account, ambient_place
from ctkms_policy.source import Span
from ctkms_policy.value import (
    ALPHANUMERIC,
    Absent,
    Branch,
    Choice,
    Entry,
    Known,
    ListValue,
    MapValue,
    Reference,
    Symbol,
    SymbolKind,
    Unknown,
    Value,
    concatenate,
)

QUESTIONS = [Question.DESCRIBE, Question.ENCRYPT, Question.DECRYPT, Question.SERVICE_DECRYPT]
AMBIENT_KEY, AMBIENT_TRAIL = key(AMBIENT_PLACE), trail(AMBIENT_PLACE)
HEREDOC = replace(policy(ROOT_STATEMENT), span=HERE)


def fix_text(
    question: Question, found: KeyPolicy, language: Language = Language.TERRAFORM, place: Place = KNOWN_PLACE, **names: Any
) -> str:
    fix = missing_statement(question, trail(place, **names), key(place), found, language)
    assert fix is not None
    return fix.text


def outcome(found: KeyPolicy, question: Question, **names: Any) -> str:
    judgement = judge_trail(found, key(), trail(**names))
    return {
        Question.DESCRIBE: judgement.describe,
        Question.ENCRYPT: judgement.encrypt,
        Question.DECRYPT: judgement.decrypt,
        Question.SERVICE_DECRYPT: judgement.service_decrypt,
    }[question].outcome.value


@pytest.mark.parametrize("question", QUESTIONS)
def test_adding_it_turns_the_answer(question: Question) -> None:
    found = policy(ROOT_STATEMENT)
    assert outcome(found, question) != "allowed"
    added = json.loads(fix_text(question, found))
    assert outcome(policy(ROOT_STATEMENT, added), question) == "allowed"


@pytest.mark.parametrize("question", QUESTIONS)
def test_yaml_and_json_say_the_same(question: Question) -> None:
    written = replace(policy(ROOT_STATEMENT), form=PolicyForm.OBJECT, span=Span.at("template.yaml"))
    (from_yaml,) = yaml.safe_load(fix_text(question, written, Language.CLOUDFORMATION))
    in_json = replace(written, span=Span.at("template.json"))
    assert json.loads(fix_text(question, in_json, Language.CLOUDFORMATION)) == from_yaml
    assert json.loads(fix_text(question, policy(ROOT_STATEMENT))) == from_yaml


def test_terraform_block_in_json() -> None:
    written = replace(policy(ROOT_STATEMENT), form=PolicyForm.POLICY_DOCUMENT, span=Span.at("main.tf.json"))
    block = json.loads(fix_text(Question.ENCRYPT, written))
    assert block["principals"] == [{"type": "Service", "identifiers": ["cloudtrail.amazonaws.com"]}]
    assert block["resources"] == ["*"]
    assert [each["test"] for each in block["condition"]] == ["StringEquals", "StringLike"]


def test_terraform_object() -> None:
    written = replace(policy(ROOT_STATEMENT), form=PolicyForm.OBJECT, span=HERE)
    fix = missing_statement(Question.DESCRIBE, AMBIENT_TRAIL, AMBIENT_KEY, written, Language.TERRAFORM)
    assert fix is not None
    assert fix.language == "hcl"
    assert fix.text == (
        '# needs: data "aws_caller_identity" "current" {}\n'
        "{\n"
        '  Sid    = "AllowCloudTrailDescribeKey"\n'
        '  Effect = "Allow"\n'
        "  Principal = {\n"
        '    Service = "cloudtrail.amazonaws.com"\n'
        "  }\n"
        '  Action   = "kms:DescribeKey"\n'
        '  Resource = "*"\n'
        "  Condition = {\n"
        "    StringLike = {\n"
        '      "aws:SourceArn" = "arn:aws:cloudtrail:*:${data.aws_caller_identity.current.account_id}:trail/management-events"\n'
        "    }\n"
        "  }\n"
        "}"
    )


def test_statement_block() -> None:
    written = replace(policy(ROOT_STATEMENT), form=PolicyForm.POLICY_DOCUMENT, span=HERE)
    text = fix_text(Question.ENCRYPT, written)
    assert text == (
        "statement {\n"
        '  sid       = "AllowCloudTrailEncryptLogs"\n'
        '  effect    = "Allow"\n'
        '  actions   = ["kms:GenerateDataKey*"]\n'
        '  resources = ["*"]\n'
        "\n"
        "  principals {\n"
        '    type        = "Service"\n'
        '    identifiers = ["cloudtrail.amazonaws.com"]\n'
        "  }\n"
        "\n"
        "  condition {\n"
        '    test     = "StringEquals"\n'
        '    variable = "aws:SourceArn"\n'
        f'    values   = ["arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/management-events"]\n'
        "  }\n"
        "\n"
        "  condition {\n"
        '    test     = "StringLike"\n'
        '    variable = "kms:EncryptionContext:aws:cloudtrail:arn"\n'
        f'    values   = ["arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"]\n'
        "  }\n"
        "}"
    )


def test_cloudformation_writes_its_own_symbols() -> None:
    written = replace(policy(ROOT_STATEMENT), form=PolicyForm.OBJECT, span=Span.at("template.yaml"))
    fix = missing_statement(Question.DECRYPT, AMBIENT_TRAIL, AMBIENT_KEY, written, Language.CLOUDFORMATION)
    assert fix is not None
    assert fix.language == "yaml"
    assert "kms:CallerAccount: !Ref AWS::AccountId" in fix.text
    assert '!Sub "arn:${AWS::Partition}:cloudtrail:*:${AWS::AccountId}:trail/*"' in fix.text
    in_json = replace(written, span=Span.at("template.json"))
    fix = missing_statement(Question.DECRYPT, AMBIENT_TRAIL, AMBIENT_KEY, in_json, Language.CLOUDFORMATION)
    assert fix is not None
    conditions = json.loads(fix.text)["Condition"]
    assert conditions["StringEquals"] == {"kms:CallerAccount": {"Ref": "AWS::AccountId"}}
    assert conditions["StringLike"] == {
        "kms:EncryptionContext:aws:cloudtrail:arn": {"Fn::Sub": "arn:${AWS::Partition}:cloudtrail:*:${AWS::AccountId}:trail/*"}
    }


def test_symbols_are_spelled_as_the_policy_spells_them() -> None:
    spelled = ambient_account(spelling="data.aws_caller_identity.me.account_id")
    found = policy(ROOT_STATEMENT)
    statement = found.statements[0]
    principal = replace(statement.principals[0], value=concatenate([Known("arn:aws:iam::"), spelled, Known(":root")]))
    written = replace(found, statements=(replace(statement, principals=(principal,)),), form=PolicyForm.OBJECT, span=HERE)
    fix = missing_statement(Question.DESCRIBE, AMBIENT_TRAIL, AMBIENT_KEY, written, Language.TERRAFORM)
    assert fix is not None
    assert "${data.aws_caller_identity.me.account_id}" in fix.text


def test_made_up_names_get_a_pattern() -> None:
    name = concatenate([Known("stack-"), Symbol("random", SymbolKind.GENERATED, ALPHANUMERIC)])
    for question in (Question.DESCRIBE, Question.ENCRYPT):
        text = fix_text(question, policy(ROOT_STATEMENT), name=name)
        assert "stack-" not in text
        assert outcome(policy(ROOT_STATEMENT, json.loads(text)), question, name=name) == "allowed"


def test_names_of_another_module_get_a_pattern() -> None:
    elsewhere = replace(trail(name=Symbol("module.logs.var.name", spelling="var.name")), address="module.logs.aws_cloudtrail.t")
    fix = missing_statement(Question.ENCRYPT, elsewhere, key(), HEREDOC, Language.TERRAFORM)
    assert fix is not None
    assert "var.name" not in fix.text
    here = trail(name=Symbol("var.name", spelling="var.name"))
    fix = missing_statement(Question.ENCRYPT, here, key(), HEREDOC, Language.TERRAFORM)
    assert fix is not None
    assert "trail/${var.name}" in fix.text


@pytest.mark.parametrize("language", list(Language))
def test_a_policy_that_is_not_written_is_written_whole(language: Language) -> None:
    text = fix_text(Question.DESCRIBE, default_key_policy(KNOWN_PLACE, HERE), language)
    for part in ("root", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:Decrypt", "2012-10-17"):
        assert part in text
    if language is Language.CLOUDFORMATION:
        whole = policy(*yaml.safe_load(text)["KeyPolicy"]["Statement"])
        judgement = judge_trail(whole, key(), trail())
        assert {each.outcome.value for each in (judgement.describe, judgement.encrypt, judgement.decrypt)} == {"allowed"}


def test_whole_policies_in_json() -> None:
    in_json = replace(key(), span=Span.at("main.tf.json"))
    fix = missing_statement(Question.ENCRYPT, trail(), in_json, default_key_policy(KNOWN_PLACE, in_json.span), Language.TERRAFORM)
    assert fix is not None
    attribute = json.loads("{" + fix.text + "}")
    assert len(json.loads(attribute["policy"])["Statement"]) == 4
    in_template = replace(key(), span=Span.at("t.template.json"))
    fix = missing_statement(
        Question.ENCRYPT, trail(), in_template, default_key_policy(KNOWN_PLACE, in_template.span), Language.CLOUDFORMATION
    )
    assert fix is not None
    assert len(json.loads("{" + fix.text + "}")["KeyPolicy"]["Statement"]) == 4


def test_no_statement_helps_against_a_deny() -> None:
    found = policy(ENCRYPT, deny("kms:*"))
    assert all(missing_statement(question, trail(), key(), found, Language.TERRAFORM) is None for question in Question)


STORE = EventDataStore("aws_cloudtrail_event_data_store.s", HERE, KNOWN_PLACE, name=Known("s"), kms_key_id=Attribute(Unknown("x")))


def test_an_event_data_store_needs_one_statement_without_conditions() -> None:
    fix = missing_store_statement(STORE, key(), HEREDOC, Language.TERRAFORM)
    assert fix is not None
    added = json.loads(fix.text)
    assert (added["Action"], "Condition" in added) == (["kms:GenerateDataKey", "kms:Decrypt"], False)
    judgement = judge_event_data_store(policy(ROOT_STATEMENT, added), key(), STORE)
    assert judgement.encrypt.outcome is judgement.service_decrypt.outcome is Outcome.ALLOWED
    assert missing_store_statement(STORE, key(), policy(ROOT_STATEMENT, deny("kms:*")), Language.TERRAFORM) is None
    assert missing_store_statement(STORE, key(), policy(ROOT_STATEMENT, deny("kms:Decrypt")), Language.TERRAFORM) is None
    default = default_key_policy(KNOWN_PLACE, HERE)
    whole = missing_store_statement(STORE, key(), default, Language.TERRAFORM)
    assert whole is not None
    assert whole.text.startswith("policy = jsonencode(")
    assert whole.text.count("Effect") == 2


SINGLE = policy_of_text(json.dumps({"Version": "2012-10-17", "Statement": ROOT_STATEMENT}))


@pytest.mark.parametrize(
    ("form", "path", "language"),
    [
        (PolicyForm.JSON_TEXT, "policy.json", Language.TERRAFORM),
        (PolicyForm.OBJECT, "main.tf.json", Language.TERRAFORM),
        (PolicyForm.OBJECT, "template.json", Language.CLOUDFORMATION),
        (PolicyForm.OBJECT, "template.yaml", Language.CLOUDFORMATION),
    ],
)
def test_a_single_statement_becomes_a_list_of_both(form: PolicyForm, path: str, language: Language) -> None:
    text = fix_text(Question.ENCRYPT, replace(SINGLE, form=form, span=Span.at(path)), language)
    added = json.loads(fix_text(Question.ENCRYPT, policy(ROOT_STATEMENT)))
    assert yaml.safe_load(text if path.endswith(".yaml") else f"{{{text}}}") == {"Statement": [ROOT_STATEMENT, added]}


VARIABLE = Symbol("var.x", SymbolKind.INPUT, spelling="var.x")
MADE_UP = Symbol("suffix", SymbolKind.GENERATED, ALPHANUMERIC)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Known("plain"), "plain"),
        (VARIABLE, "${var.x}"),
        (concatenate((Known("a-"), VARIABLE)), "a-${var.x}"),
        (Reference("aws_iam_role.r", "arn"), "${aws_iam_role.r.arn}"),
        (ListValue((Known("a"), VARIABLE)), ["a", "${var.x}"]),
        (MapValue((Entry(Known("k"), VARIABLE),)), {"k": "${var.x}"}),
        (Unknown("not known"), None),
        (MADE_UP, None),
        (concatenate((Known("a-"), MADE_UP)), None),
        (concatenate((Known("a-"), Unknown("not known"))), None),
        (ListValue((Known("a"), Unknown("not known"))), None),
        (ListValue((Known("a"),), "perhaps more"), None),
        (MapValue((Entry(Known("k"), Unknown("not known")),)), None),
        (MapValue((Entry(Known("k"), Known("v")),), "perhaps more"), None),
        (MapValue((Entry(MADE_UP, Known("v")),)), None),
        (Choice("c", (Branch("x", Known("a")), Branch("y", Known("b"))), None), None),
        (Absent(), None),
    ],
)
def test_a_single_statement_is_repeated_where_its_text_says_all(value: Value, written: Any) -> None:
    single = MapValue((Entry(Known("Extra"), value), *(SINGLE.single or MapValue(())).entries))
    made = fix_text(Question.ENCRYPT, replace(SINGLE, single=single))
    if written is None:
        assert json.loads(made)["Sid"] == "AllowCloudTrailEncryptLogs"
    else:
        first, second = json.loads(f"{{{made}}}")["Statement"]
        assert (first["Extra"], second["Sid"]) == (written, "AllowCloudTrailEncryptLogs")


@pytest.mark.parametrize(
    ("name", "key_address", "is_exact"),
    [
        ("var.x", "aws_kms_key.k", True),
        ("module.a.var.x", "module.a.aws_kms_key.k", True),
        ("module.a.module.b.var.x", "module.a.module.b.aws_kms_key.k", True),
        ("module.a[0].var.x", "module.a[0].aws_kms_key.k", True),
        ('module.a["x.y"].var.x', 'module.a["x.y"].aws_kms_key.k', True),
        ("Nested/var.x", "Nested/Key", True),
        ("var.x", "module.a.aws_kms_key.k", False),
        ("module.a.var.x", "aws_kms_key.k", False),
        ("module.a.module.b.var.x", "module.a.aws_kms_key.k", False),
        ("module.a[0].var.x", "module.a[1].aws_kms_key.k", False),
        ('module.a["x.y"].var.x', 'module.a["x.z"].aws_kms_key.k', False),
        ("A/B/var.x", "A/Key", False),
        # of one instance of a resource: each.key
        ("aws_cloudtrail.t var.x", "aws_kms_key.k", False),
    ],
)
def test_a_name_is_written_only_where_it_is_known(name: str, key_address: str, is_exact: bool) -> None:
    named = trail(name=Symbol(name, SymbolKind.INPUT, spelling="var.x"))
    fix = missing_statement(Question.DESCRIBE, named, replace(key(), address=key_address), HEREDOC, Language.TERRAFORM)
    assert fix is not None
    assert ("trail/${var.x}" in fix.text) is is_exact
    assert ("trail/*" in fix.text) is not is_exact


@pytest.mark.parametrize(
    ("address", "key_address", "written"),
    [
        ("aws_cloudtrail.t", "aws_kms_key.k", "aws_cloudtrail.t.name"),
        ("module.a.random_id.r", "module.a.aws_kms_key.k", "random_id.r.name"),
        ("Nested/Name", "Nested/Key", "Name.name"),
        ('module.a["x.y\\"]"].random_id.r', 'module.a["x.y\\"]"].aws_kms_key.k', "random_id.r.name"),
        ("module.a.module.b.random_id.r", "module.a.module.b.aws_kms_key.k", "random_id.r.name"),
        ("module.a.module.b.random_id.r", "module.a.aws_kms_key.k", None),
        ("random_id.r", "module.a.aws_kms_key.k", None),
    ],
)
def test_a_reference_is_written_as_its_own_module_writes_it(address: str, key_address: str, written: str | None) -> None:
    named = replace(trail(name=Reference(address, "name")), address=key_address.replace("aws_kms_key.k", "aws_cloudtrail.t"))
    fix = missing_statement(Question.DESCRIBE, named, replace(key(), address=key_address), HEREDOC, Language.TERRAFORM)
    assert fix is not None
    assert ("trail/*" if written is None else f"trail/${{{written}}}") in fix.text


def test_a_key_policy_as_text_gets_json_whatever_the_file_is() -> None:
    for path, language in (("main.tf", Language.TERRAFORM), ("template.yaml", Language.CLOUDFORMATION)):
        heredoc = replace(policy(ROOT_STATEMENT), span=Span.at(path))
        assert json.loads(fix_text(Question.DESCRIBE, heredoc, language))["Action"] == "kms:DescribeKey"
        both = fix_text(Question.DESCRIBE, replace(SINGLE, form=PolicyForm.JSON_TEXT, span=Span.at(path)), language)
        assert len(json.loads(f"{{{both}}}")["Statement"]) == 2


@pytest.mark.parametrize("lost", ["account", "region", "partition"])
@pytest.mark.parametrize("whose", ["key", "trail", "both"])
def test_nothing_is_written_about_a_place_that_is_not_known(lost: str, whose: str) -> None:
    """A provider that nobody declares: a principal cannot be written with a wildcard, nor an account left out."""
    unknown = replace(KNOWN_PLACE, **{lost: Unknown("the provider is not declared")})
    of_key = KNOWN_PLACE if whose == "trail" else unknown
    used_by, with_key = trail(KNOWN_PLACE if whose == "key" else unknown), key(of_key)
    store = EventDataStore("aws_cloudtrail_event_data_store.s", HERE, of_key, Known("s"), Attribute(Reference("aws_kms_key.logs", "arn")))
    default = default_key_policy(of_key, HERE)
    fixes = [
        missing_statement(each, used_by, with_key, found, Language.TERRAFORM)
        for each in QUESTIONS
        for found in (policy(ROOT_STATEMENT), default)
    ]
    fixes += [missing_store_statement(store, with_key, found, Language.TERRAFORM) for found in (policy(ROOT_STATEMENT), default)]
    assert any(fixes)
    for fix in fixes:
        document = fix.text if fix is not None else ""
        assert "iam::*" not in document
        assert '"kms:CallerAccount" = "*"' not in document
        assert "arn:*" not in document
    whole = missing_statement(Question.ENCRYPT, used_by, with_key, default, Language.TERRAFORM)
    assert (whole is None) is (lost != "region" or whose != "key")


def test_organization_trails_name_the_management_account() -> None:
    organization = trail(is_organization_trail=Known(True))
    facts = OrganizationFacts(management_account="999988887777")
    fix = missing_statement(Question.ENCRYPT, organization, key(), HEREDOC, Language.TERRAFORM, facts=facts)
    assert fix is not None
    assert "999988887777" in fix.text
    assert ACCOUNT not in fix.text


def test_the_place_of_another_provider() -> None:
    there = ambient_place("audit")
    text = fix_text(Question.ENCRYPT, HEREDOC, place=there)
    assert "${data.aws_caller_identity.audit.account_id}" in text


def test_documents_are_what_aws_prints() -> None:
    document = statement_document(Question.ENCRYPT, trail(), key())
    assert [entry.name for entry in document.entries] == ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"]


@pytest.mark.parametrize(
    ("path", "language", "account"),
    [
        ("main.tf.json", Language.TERRAFORM, "${data.aws_caller_identity.current.account_id}"),
        ("template.json", Language.CLOUDFORMATION, "${AWS::AccountId}"),
    ],
)
def test_holes_of_both_statements_are_written_as_the_file_writes_them(path: str, language: Language, account: str) -> None:
    single = replace(SINGLE, form=PolicyForm.OBJECT, span=Span.at(path))
    fix = missing_statement(Question.ENCRYPT, AMBIENT_TRAIL, AMBIENT_KEY, single, language)
    assert fix is not None
    assert f":{account}:trail/" in fix.text
    assert ("Fn::Sub" in fix.text) is (language is Language.CLOUDFORMATION)


@pytest.mark.parametrize(
    ("path", "language", "holes", "is_rendered"),
    [
        ("main.tf", Language.TERRAFORM, False, True),
        ("main.tf.json", Language.TERRAFORM, False, True),
        ("policy.json", Language.TERRAFORM, False, False),  # file()
        ("policy.json.tpl", Language.TERRAFORM, True, False),  # templatefile() has names of its own
        ("template.yaml", Language.CLOUDFORMATION, True, True),  # Fn::Sub
        ("template.yaml", Language.CLOUDFORMATION, False, False),
    ],
)
def test_names_are_written_only_into_a_text_that_is_filled_in(path: str, language: Language, holes: bool, is_rendered: bool) -> None:
    text = replace(policy(ROOT_STATEMENT), span=Span.at(path))
    if holes:
        statement = replace(text.statements[0], resources=(concatenate((Known("arn:"), AMBIENT_PLACE.partition)),))
        text = replace(text, statements=(*text.statements, statement))
    assert (missing_statement(Question.DESCRIBE, AMBIENT_TRAIL, AMBIENT_KEY, text, language) is not None) is is_rendered
    # What has no names in it can stand anywhere.
    assert missing_statement(Question.DESCRIBE, trail(), key(), text, language) is not None


@pytest.mark.parametrize(("address", "noted"), [("aws_kms_key.k", False), ("module.a.aws_kms_key.k", True)])
def test_a_called_module_may_have_to_declare_what_its_caller_reads(address: str, noted: bool) -> None:
    """The policy of a called module has the account through a variable, which the caller's data source fills."""
    account = replace(ambient_account(), spelling="data.aws_caller_identity.me.account_id")
    root = concatenate((Known("arn:aws:iam::"), account, Known(":root")))
    statement = replace(policy(ROOT_STATEMENT).statements[0], resources=(root,))
    written = replace(HEREDOC, form=PolicyForm.OBJECT, statements=(statement,))
    made = missing_statement(Question.DESCRIBE, AMBIENT_TRAIL, replace(AMBIENT_KEY, address=address), written, Language.TERRAFORM)
    assert made is not None
    assert "${data.aws_caller_identity.me.account_id}" in made.text
    assert ('# needs: data "aws_caller_identity" "me" {}' in made.text) is noted
