"""The same trail as Terraform code and as a plan of it gives equal models apart from spans."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from command import check_json
from plan_documents import (
    KEY,
    KEY_UNKNOWN,
    TRAIL,
    TRAIL_UNKNOWN,
    Json,
    change,
    configured,
    constant,
    known,
    plan,
    read_plan,
    refs,
    state,
    without,
)

from ctkms_policy.model import Configuration
from ctkms_policy.terraform.normalize import normalize

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Encrypt",
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": ["kms:GenerateDataKey*", "kms:DescribeKey"],
            "Resource": "*",
            "Condition": {"StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": ["arn:aws:cloudtrail:*:111122223333:trail/*"]}},
        }
    ],
}
PROVIDER = {
    "aws": {
        "name": "aws",
        "full_name": "registry.terraform.io/hashicorp/aws",
        "expressions": {"region": constant("eu-west-1"), "allowed_account_ids": constant(["111122223333"])},
    }
}
HEAD = 'provider "aws" {\n  region              = "eu-west-1"\n  allowed_account_ids = ["111122223333"]\n}\n'

DIRECT = f"""{HEAD}
resource "aws_s3_bucket" "logs" {{
  bucket = "logs"
}}

resource "aws_kms_key" "logs" {{
  policy = jsonencode({json.dumps(POLICY)})
}}

resource "aws_kms_alias" "logs" {{
  name          = "alias/logs"
  target_key_id = aws_kms_key.logs.key_id
}}

resource "aws_cloudtrail" "main" {{
  name                  = "audit"
  s3_bucket_name        = aws_s3_bucket.logs.id
  is_multi_region_trail = true
  kms_key_id            = aws_kms_key.logs.arn
}}

resource "aws_cloudtrail" "alias" {{
  name                  = "alias"
  s3_bucket_name        = "elsewhere"
  is_multi_region_trail = true
  kms_key_id            = aws_kms_alias.logs.arn
}}

resource "aws_cloudtrail" "none" {{
  name                  = "none"
  s3_bucket_name        = "elsewhere"
  is_multi_region_trail = true
  kms_key_id            = ""
}}
"""

MODULE_KEY = 'variable "region" {}\nresource "aws_kms_key" "this" {\n  count = 1\n}\noutput "arn" {\n  value = aws_kms_key.this[0].arn\n}\n'
MODULES = f"""{HEAD}
module "key" {{
  source   = "./key"
  for_each = toset(["a", "b"])
  region   = each.key
}}

resource "aws_cloudtrail" "this" {{
  for_each       = toset(["a", "b"])
  name           = "audit-${{each.key}}"
  s3_bucket_name = "elsewhere"
  kms_key_id     = module.key[each.key].arn
  depends_on     = [aws_kms_key_policy.other]
}}

resource "aws_kms_key" "other" {{
  is_enabled = false
  key_usage  = "SIGN_VERIFY"
}}

resource "aws_kms_key_policy" "other" {{
  key_id = aws_kms_key.other.id
  policy = data.aws_iam_policy_document.other.json
}}

data "aws_iam_policy_document" "other" {{
  statement {{
    sid       = "Root"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {{
      type        = "AWS"
      identifiers = ["arn:aws:iam::111122223333:root"]
    }}
  }}
}}
"""


def direct_plan() -> Json:
    changes = [
        change("aws_s3_bucket.logs", {"bucket": "logs"}, {"arn": True, "id": True, "server_side_encryption_configuration": True}),
        change("aws_kms_key.logs", {**KEY, "policy": json.dumps(POLICY)}, KEY_UNKNOWN),
        change("aws_kms_alias.logs", {"name": "alias/logs"}, {"arn": True, "target_key_id": True}),
        change(
            "aws_cloudtrail.main",
            without(TRAIL, "kms_key_id", "s3_bucket_name"),
            {**TRAIL_UNKNOWN, "kms_key_id": True, "s3_bucket_name": True},
        ),
        change(
            "aws_cloudtrail.alias",
            without(TRAIL, "kms_key_id", name="alias", s3_bucket_name="elsewhere"),
            {**TRAIL_UNKNOWN, "kms_key_id": True},
        ),
        change("aws_cloudtrail.none", {**TRAIL, "name": "none", "kms_key_id": "", "s3_bucket_name": "elsewhere"}, TRAIL_UNKNOWN),
    ]
    bucket, key, alias = ("aws_s3_bucket.logs", "aws_kms_key.logs", "aws_kms_alias.logs")
    resources = [
        configured(bucket, {"bucket": constant("logs")}),
        configured(key, {"policy": {}}),
        configured(alias, {"name": constant("alias/logs"), "target_key_id": refs(f"{key}.key_id", key)}),
        configured("aws_cloudtrail.main", {"kms_key_id": refs(f"{key}.arn", key), "s3_bucket_name": refs(f"{bucket}.id", bucket)}),
        configured("aws_cloudtrail.alias", {"kms_key_id": refs(f"{alias}.arn", alias)}),
        configured("aws_cloudtrail.none", {"kms_key_id": constant("")}),
    ]
    return plan(changes, resources, provider_config=PROVIDER)


def modules_plan() -> Json:
    document = {
        "Statement": [
            {"Sid": "Root", "Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}
        ],
        "Version": "2012-10-17",
    }
    text = json.dumps(document, indent=2)
    unwritten = {**KEY_UNKNOWN, "policy": True}
    key = without(KEY, "policy")
    trail = without(TRAIL, "kms_key_id", s3_bucket_name="elsewhere", is_multi_region_trail=False)
    changes = [
        change("aws_kms_key.other", {**key, "is_enabled": False, "key_usage": "SIGN_VERIFY"}, unwritten),
        change("aws_kms_key_policy.other", {"policy": text}, {"id": True, "key_id": True}),
        *(
            change(f'aws_cloudtrail.this["{name}"]', {**trail, "name": f"audit-{name}"}, {**TRAIL_UNKNOWN, "kms_key_id": True})
            for name in ("a", "b")
        ),
        *(change(f'module.key["{name}"].aws_kms_key.this[0]', key, unwritten) for name in ("a", "b")),
    ]
    resources = [
        configured(
            "aws_cloudtrail.this",
            {"kms_key_id": refs("module.key", "each.key"), "name": refs("each.key")},
            for_each_expression={},
            depends_on=["aws_kms_key_policy.other"],
        ),
        configured("aws_kms_key.other", {"is_enabled": constant(False), "key_usage": constant("SIGN_VERIFY")}),
        configured(
            "aws_kms_key_policy.other",
            {
                "key_id": refs("aws_kms_key.other.id", "aws_kms_key.other"),
                "policy": refs("data.aws_iam_policy_document.other.json", "data.aws_iam_policy_document.other"),
            },
        ),
        configured("data.aws_iam_policy_document.other", {"statement": [{"sid": constant("Root")}]}),
    ]
    output = {"arn": {"expression": refs("aws_kms_key.this[0].arn", "aws_kms_key.this[0]", "aws_kms_key.this")}}
    child = {"outputs": output, "resources": [configured("aws_kms_key.this", {}, count_expression=constant(1))]}
    calls = {"key": {"source": "./key", "for_each_expression": {}, "expressions": {"region": refs("each.key")}, "module": child}}
    read = known("data.aws_iam_policy_document.other", {"json": text})
    return plan(changes, resources, prior=[read], module_calls=calls, provider_config=PROVIDER)


def normalized(directory: Path) -> Configuration:
    def show(file: Path) -> str:
        return os.path.relpath(file, directory).replace(os.sep, "/")

    (configuration,) = normalize([directory], repository_root=directory, show=show, sources={})
    return configuration


@pytest.mark.parametrize(
    ("files", "document"), [({"main.tf": DIRECT}, direct_plan()), ({"main.tf": MODULES, "key/main.tf": MODULE_KEY}, modules_plan())]
)
def test_code_and_its_plan_are_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], document: Json) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    written, planned = normalized(tmp_path), read_plan(document, directory=tmp_path)
    assert not written.problems
    assert not planned.problems
    for group in ("trails", "keys", "aliases", "lookups", "buckets", "event_data_stores"):
        of_code = {each.address: each for each in getattr(written, group)}
        of_plan = {each.address: each for each in getattr(planned, group)}
        assert of_plan == of_code, group


# -- fixtures ----------------------------------------------------------------------------------------------------------

FIXTURES = Path(__file__).parent.parent / "fixtures"
LITERAL = json.dumps(POLICY)


def external_key(**changed: object) -> Json:
    values = {"key_material_base64": None, "policy": LITERAL, "description": "CloudTrail log files", "multi_region": False}
    return {**values, **changed}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        # to be created: its state is not known, that it gets no key material is
        (
            plan(
                [
                    change("aws_kms_external_key.trail", external_key(), {"arn": True, "id": True, "enabled": True, "key_state": True}),
                    change("aws_cloudtrail.audit", without(TRAIL, "kms_key_id"), {**TRAIL_UNKNOWN, "kms_key_id": True}),
                ],
                [
                    configured("aws_kms_external_key.trail", {"policy": {}}),
                    configured(
                        "aws_cloudtrail.audit", {"kms_key_id": refs("aws_kms_external_key.trail.arn", "aws_kms_external_key.trail")}
                    ),
                ],
            ),
            ["pending import"],
        ),
        # KMS calls it disabled until there is key material
        (state(known("aws_kms_external_key.trail", external_key(enabled=False, key_state="PendingImport"))), ["pending import"]),
        # imported with the command line: the code does not say so, and a plan of the code as it is does
        (state(known("aws_kms_external_key.trail", external_key(enabled=True, key_state="Enabled"))), []),
        (state(known("aws_kms_external_key.trail", external_key(enabled=False, key_state="Disabled"))), ["is disabled"]),
        (
            plan(
                [change("aws_kms_external_key.trail", external_key(enabled=True, key_state="Enabled"), actions=["no-op"])],
                [configured("aws_kms_external_key.trail", {"policy": {}})],
            ),
            [],
        ),
    ],
)
def test_a_plan_knows_more_of_key_material_than_the_code(tmp_path: Path, document: Json, expected: list[str]) -> None:
    """The fixture tf-pending-import, whose code is always pending: from a plan or state it is not where the key was filled by hand."""
    (tmp_path / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    found = [each["message"] for each in check_json(tmp_path, "plan.json").json["findings"] if each["rule"] == "CTKMS008"]
    assert len(found) == len(expected)
    assert all(words in message for words, message in zip(expected, found, strict=True))
    code = check_json(FIXTURES / "CTKMS008" / "bad" / "tf-pending-import")
    assert [each["rule"] for each in code.json["findings"]] == ["CTKMS008"]


@pytest.mark.parametrize(("encrypts", "rules"), [(True, []), (False, ["CTKMS001"])])
def test_a_plan_has_one_set_of_inputs(tmp_path: Path, encrypts: bool, rules: list[str]) -> None:
    """The fixture tf-conditional-on-by-default: its note is about other inputs, and a plan is made with these."""
    references = refs("var.encrypt_logs", "aws_kms_key.trail[0].arn", "aws_kms_key.trail[0]", "aws_kms_key.trail")
    resources = [
        configured("aws_kms_key.trail", {"policy": {}}, count_expression=refs("var.encrypt_logs")),
        configured("aws_cloudtrail.audit", {"kms_key_id": references}),
    ]
    trail = change("aws_cloudtrail.audit", without(TRAIL, "kms_key_id"), {**TRAIL_UNKNOWN, "kms_key_id": True})
    if not encrypts:
        trail = change("aws_cloudtrail.audit", TRAIL, TRAIL_UNKNOWN)
    key = change("aws_kms_key.trail[0]", {**KEY, "policy": LITERAL}, KEY_UNKNOWN)
    document = plan([trail, *([key] if encrypts else [])], resources, variables={"encrypt_logs": {"value": encrypts}})
    (tmp_path / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    found = check_json(tmp_path, "plan.json").json["findings"]
    assert [each["rule"] for each in found if each["rule"] == "CTKMS001"] == rules
    code = check_json(FIXTURES / "CTKMS001" / "good" / "tf-conditional-on-by-default").json["findings"]
    assert [(each["rule"], each["verdict"]) for each in code] == [("CTKMS001", "undetermined")]
