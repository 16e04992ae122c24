"""The small decisions of the checks that fixtures do not spell out one by one."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import check_json, write

from ctkms_policy.checks import CHECKS
from ctkms_policy.checks.form import KeyForm, kms_key_forms
from ctkms_policy.checks.surroundings import _seen_from
from ctkms_policy.checks.words import equals, joined
from ctkms_policy.model import Attribute, Configuration, Language, Trail, ambient_partition, ambient_place
from ctkms_policy.rulebook import SIGNATURES, Subject
from ctkms_policy.source import Span
from ctkms_policy.value import Absent, Branch, Choice, Known, Literal, Match, Reference, Symbol, Template, Value

REGION = Symbol("region")
PARTITION = ambient_partition()


def test_every_check_a_rule_may_name_is_asked_somewhere() -> None:
    by_the_linter = {Subject.FILE, Subject.WAIVER}
    for name, signature in SIGNATURES.items():
        assert signature.subject in by_the_linter or signature.subject in CHECKS[name], name
    assert set(CHECKS) <= set(SIGNATURES)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (Known("arn:aws:kms:us-east-1:111122223333:key/1234"), KeyForm.KEY_ARN),
        (Known("arn:aws:kms:us-east-1:111122223333:alias/logs"), KeyForm.ALIAS_ARN),
        (Known("arn:aws:s3:::bucket"), KeyForm.OTHER),
        (Known("alias/logs"), KeyForm.ALIAS_NAME),
        (Known("1234abcd-12ab-34cd-56ef-1234567890ab"), KeyForm.KEY_ID),
        (Known("mrk-1234abcd12ab34cd56ef1234567890ab"), KeyForm.KEY_ID),
        (Known("logs"), KeyForm.OTHER),
        (Known(""), KeyForm.UNKNOWN),
        (Absent(), KeyForm.UNKNOWN),
        (REGION, KeyForm.UNKNOWN),
        (Template((Literal("arn:aws:kms:"), REGION, Literal(":111122223333:alias/logs"))), KeyForm.ALIAS_ARN),
        (Template((Literal("arn:aws:kms:"), REGION, Literal(":111122223333:key/1"))), KeyForm.UNKNOWN),
        (Template((Literal("arn:aws:s3:::logs-"), REGION)), KeyForm.OTHER),
        (Template((Literal("arn:"), PARTITION, Literal(":s3:::logs-"), REGION)), KeyForm.OTHER),
        (Template((Literal("arn:"), PARTITION, Literal(":kms:"), REGION)), KeyForm.UNKNOWN),
        (Template((Literal("arn:"), PARTITION, Literal(":k"), REGION)), KeyForm.UNKNOWN),
        (Template((Literal("arn:"), REGION, Literal(":s3:::logs"))), KeyForm.UNKNOWN),
        (Template((Literal("arn:aws:"), REGION, Literal(":s3:::logs"))), KeyForm.UNKNOWN),
        (Template((Literal("alias/"), REGION)), KeyForm.ALIAS_NAME),
        (Template((REGION, Literal("x"))), KeyForm.UNKNOWN),
        (Template((Reference("aws_kms_key.k", "arn"), Literal("x"))), KeyForm.OTHER),
        (Template((Literal("arn:aws:kms:"), REGION, Literal(":1:key/"), Reference("aws_kms_key.k", "arn"))), KeyForm.OTHER),
        (Template((Literal("arn:aws:kms:"), REGION, Literal(":1:key/"), Reference("Key", "Arn"))), KeyForm.OTHER),
        (Template((Literal("arn:aws:kms:"), REGION, Literal(":1:key/"), Reference("aws_kms_key.k", "key_id"))), KeyForm.UNKNOWN),
        (Template((Reference("aws_kms_key.k", "arn"), Literal("\n"))), KeyForm.UNKNOWN),
        (Reference("aws_kms_key.k[0]", "arn"), KeyForm.KEY_ARN),
        (Reference("module.a.aws_kms_key.k", "key_id"), KeyForm.KEY_ID),
        (Reference("data.aws_kms_alias.k", "arn"), KeyForm.ALIAS_ARN),
        (Reference("module.a.data.aws_kms_alias.k", "target_key_arn"), KeyForm.KEY_ARN),
        (Reference("custom.k", "arn"), KeyForm.UNKNOWN),
        (Reference("custom.k", ""), KeyForm.UNKNOWN),
        (Reference("aws_kms_key.k", ""), KeyForm.OTHER),
        (Reference("aws_kms_key.k[0]", "description"), KeyForm.OTHER),
        (Reference("aws_kms_key.k", "tags"), KeyForm.OTHER),
        (Reference("aws_kms_key.k", "of_a_later_provider"), KeyForm.UNKNOWN),
        (Reference('module.a["aws_kms_alias.x"].aws_kms_key.k["a.b[0]"]', "key_id"), KeyForm.KEY_ID),
    ],
)
def test_the_form_of_a_key_name(value: Value, form: KeyForm) -> None:
    trail = Trail("t", Span.at("main.tf"), ambient_place(), Known("audit"), Attribute(value))
    assert list(kms_key_forms(Configuration(Language.TERRAFORM, "."), trail)) == [form]


@pytest.mark.parametrize(
    ("trail", "wanted", "written"),
    [
        ("aws_cloudtrail.t", "aws_kms_key_policy.p", "aws_kms_key_policy.p"),
        ("aws_cloudtrail.t", "module.key.aws_kms_key_policy.p", "module.key"),
        ("module.a.aws_cloudtrail.t", "module.a.aws_kms_key_policy.p", "aws_kms_key_policy.p"),
        ("module.a.aws_cloudtrail.t", "module.a.module.key[0].aws_kms_key_policy.p", "module.key"),
        ("module.a.aws_cloudtrail.t", "module.b.aws_kms_key_policy.p", "module.b"),
    ],
)
def test_what_the_trails_own_module_can_depend_on(trail: str, wanted: str, written: str) -> None:
    assert _seen_from(trail, wanted) == written


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (Known(True), Match.YES),
        (Known("true"), Match.YES),
        (Known("True"), Match.YES),
        (Known(False), Match.NO),
        (Absent(), Match.YES),
        (Symbol("x"), Match.MAYBE),
        (Choice("c", (Branch("a", Known(False)), Branch("b", Known(True))), 0), Match.NO),
        (Choice("c", (Branch("a", Known(False)), Branch("b", Known(True)))), Match.MAYBE),
    ],
)
def test_an_attribute_with_a_default(value: Value, answer: Match) -> None:
    assert equals(value, "true") is answer


KEY = """
variable "enabled" {
  type = bool
}

resource "aws_cloudtrail" "t" {
  name           = "audit"
  s3_bucket_name = "logs"
  kms_key_id     = aws_kms_key.k.arn
}

resource "aws_kms_key" "k" {
  is_enabled = ENABLED
  policy = jsonencode({
    Statement = [
      { Effect = "Allow", Principal = { Service = "cloudtrail.amazonaws.com" }, Action = "kms:DescribeKey", Resource = "*" },
      {
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "kms:GenerateDataKey*"
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = "111122223333" } }
      },
      { Effect = "Allow", Principal = { AWS = "arn:aws:iam::111122223333:role/reader" }, Action = "kms:Decrypt", Resource = "*" },
    ]
  })
}
"""


@pytest.mark.parametrize(
    ("enabled", "verdict", "reason"),
    [
        ("true", "pass", ""),
        ("false", "fail", "is disabled"),
        ("var.enabled", "undetermined", "is disabled: var.enabled has no default"),
        ("var.enabled ? true : false", "undetermined", "is disabled: true when var.enabled = true or false when var.enabled = false"),
    ],
)
def test_a_key_whose_state_is_not_known_leaves_its_trail_undetermined(enabled: str, verdict: str, reason: str, tmp_path: Path) -> None:
    report = check_json(write(tmp_path, main_tf=KEY.replace("ENABLED", enabled)), ".").json
    assert [each["verdict"] for each in report["trails"]] == [verdict]
    messages = [each["message"] for each in report["findings"] if each["rule"] == "CTKMS008"]
    assert len(messages) == bool(reason)
    assert all(reason in message for message in messages)


STORE = """
Resources:
  Lake:
    Type: AWS::CloudTrail::EventDataStore
    Properties: {Name: lake, KmsKeyId: !GetAtt Key.Arn}
  Key:
    Type: AWS::KMS::Key
    Properties:
      KeyPolicy:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {Service: cloudtrail.amazonaws.com}
            Action: [kms:GenerateDataKey, kms:Decrypt]
            Resource: "*"
            Condition: {StringLike: {CONDITION: "*"}}
"""


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [("aws:PrincipalServiceName", "pass"), ("kms:ViaService", "undetermined"), ("aws:SourceArn", "fail"), ("aws:SourceAccount", "fail")],
)
def test_an_event_data_store_has_the_verdict_of_its_key_policy(condition: str, verdict: str, tmp_path: Path) -> None:
    report = check_json(write(tmp_path, template_yaml=STORE.replace("CONDITION", condition)), ".").json
    assert [each["verdict"] for each in report["trails"]] == [verdict]
    found = [(each["rule"], each["verdict"]) for each in report["findings"] if each["resource"] == "Lake"]
    assert found == ([] if verdict == "pass" else [("CTKMS004", verdict)])


READER = '{ Effect = "Allow", Principal = { AWS = "arn:aws:iam::111122223333:role/reader" }, Action = "kms:Decrypt", Resource = "*" }'
CLOUDTRAIL = """{
  Effect    = "Allow"
  Principal = { Service = "cloudtrail.amazonaws.com" }
  Action    = ["kms:GenerateDataKey*", "kms:DescribeKey"]
  Resource  = "*"
  Condition = { StringEquals = { "aws:SourceAccount" = "111122223333" } }
}"""
TWO_KEYS = """
variable "first" {}

resource "aws_kms_key" "first" {
  policy = jsonencode({ Statement = [FIRST] })
}

resource "aws_kms_key" "second" {
  policy = jsonencode({ Statement = [SECOND] })
}

resource "aws_cloudtrail" "main" {
  name           = "audit"
  s3_bucket_name = "logs"
  kms_key_id     = var.first ? aws_kms_key.first.arn : aws_kms_key.second.arn
}
"""
BAD, GOOD = READER, f"{CLOUDTRAIL}, {READER}"


@pytest.mark.parametrize(
    ("first", "second", "verdict", "rules"),
    [
        (GOOD, BAD, "undetermined", {"CTKMS015"}),
        (BAD, GOOD, "undetermined", {"CTKMS015"}),
        (BAD, BAD, "fail", {"CTKMS003", "CTKMS004"}),
        (GOOD, GOOD, "pass", set()),
    ],
)
def test_what_nothing_decides_is_known_where_all_keys_answer_alike(
    first: str, second: str, verdict: str, rules: set[str], tmp_path: Path
) -> None:
    report = check_json(write(tmp_path, main_tf=TWO_KEYS.replace("FIRST", first).replace("SECOND", second)), ".").json
    assert [each["verdict"] for each in report["trails"]] == [verdict]
    found = [each["rule"] for each in report["findings"] if each["rule"] in ("CTKMS003", "CTKMS004", "CTKMS015")]
    assert sorted(found) == sorted(rules)


STORES = """
Parameters:
  First: {Type: String, AllowedValues: [a, b]}
Conditions:
  IsFirst: !Equals [!Ref First, a]
Resources:
  Lake:
    Type: AWS::CloudTrail::EventDataStore
    Properties: {Name: lake, KmsKeyId: !If [IsFirst, !GetAtt One.Arn, !GetAtt Two.Arn]}
  One:
    Type: AWS::KMS::Key
    Properties: {KeyPolicy: {Statement: [{Effect: Allow, Principal: {Service: cloudtrail.amazonaws.com}, Action: "kms:*", Resource: "*"}]}}
  Two:
    Type: AWS::KMS::Key
    Properties: {KeyPolicy: {Statement: [{Effect: Allow, Principal: {Service: SERVICE}, Action: "kms:*", Resource: "*"}]}}
"""


@pytest.mark.parametrize(("service", "state"), [("cloudtrail.amazonaws.com", "customer-managed"), ("s3.amazonaws.com", "undetermined")])
def test_the_same_holds_for_event_data_stores(service: str, state: str, tmp_path: Path) -> None:
    report = check_json(write(tmp_path, template_yaml=STORES.replace("SERVICE", service)), ".").json
    (store,) = report["trails"]
    assert store["kms_key"]["state"] == state
    assert (store["policy"]["encrypt"] == "allowed") is (state == "customer-managed")


def test_a_question_keeps_its_mark_before_what_follows() -> None:
    assert joined('did you mean "a"?', "only tests call this module") == 'did you mean "a"? only tests call this module'
    assert joined("write it", "", "its block is elsewhere") == "write it; its block is elsewhere"
    assert joined("", "") == ""


def test_the_way_out_of_two_policies_of_one_key(tmp_path: Path) -> None:
    trail = 'resource "aws_cloudtrail" "t" {\n  name           = "t"\n  s3_bucket_name = "b"\n  kms_key_id     = aws_kms_key.k.arn\n'
    trail += "  depends_on     = [aws_kms_key_policy.p, aws_kms_key_policy.q]\n}\n"
    policy = 'resource "aws_kms_key_policy" "%s" {\n  key_id = aws_kms_key.k.id\n  policy = jsonencode({ Id = "%s", Statement = [] })\n}\n'
    text = trail + 'resource "aws_kms_key" "k" {}\n' + policy % ("p", "one") + policy % ("q", "two")
    report = check_json(write(tmp_path, main_tf=text)).json
    assert [(each["rule"], each["help"]) for each in report["findings"]] == [("CTKMS015", "leave one policy for the key")]
    assert [each["verdict"] for each in report["trails"]] == ["undetermined"]
