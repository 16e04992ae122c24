"""Two languages, one model: the same trail and key in CloudFormation and in Terraform, and one key policy in every form."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from configuration_dump import dump
from test_cfn_normalize import normalize_text
from test_tf_module import normalized

from ctkms_policy.model import Configuration, KeyPolicy

ADDRESSES = {
    "aws_cloudtrail.trail": "Trail",
    "aws_kms_key.key": "Key",
    "aws_kms_alias.alias": "Alias",
    "aws_s3_bucket.logs": "Bucket",
}
"""What each resource is called in Terraform and in CloudFormation."""
ATTRIBUTES = {"arn": "Arn", "key_id": "Ref", "id": "Ref"}
NOT_COMPARED = ("span", "path", "language", "calls", "parts", "form", "note", "branches", "depends_on", "place")


def plain(part: Any) -> Any:
    """The dump of a model without what may differ: spans, addresses and spellings."""
    if isinstance(part, dict):
        if "reference" in part:
            return {"reference": _name(part["reference"])}
        if "choice" in part:
            values = [plain(branch["value"]) for branch in part["branches"]]
            chosen = values[part["chosen"]] if part["chosen"] is not None else None
            return {"chosen": chosen, "values": sorted(values, key=repr)}
        if part.get("symbol") is not None:
            return {"symbol": _name(part["symbol"]), **({"kind": part["kind"]} if "kind" in part else {})}
        if "json" in part:
            return plain(part["json"])
        if "map" in part and len(part) == 1:
            return plain(part["map"])
        return {name: plain(each) for name, each in part.items() if name not in NOT_COMPARED and not name.endswith("_span")}
    if isinstance(part, list):
        return [plain(each) for each in part]
    if isinstance(part, str):
        return _name(part)
    return part


def _name(text: str) -> str:
    for terraform, cloudformation in ADDRESSES.items():
        text = text.replace(terraform, cloudformation)
    text = re.sub(r"\bvar\.(\w+)", lambda name: name.group(1).title().replace("_", ""), text)
    return re.sub(r" \. (\w+)$", lambda name: " . " + ATTRIBUTES.get(name.group(1), name.group(1)), text)


def model(configuration: Configuration) -> Any:
    """Trails, keys and aliases, with their places: all that rules judge of them."""
    assert configuration.problems == ()
    resources = [*configuration.trails, *configuration.keys, *configuration.aliases]
    return [(plain(dump(each)), plain(dump((each.place.account, each.place.region, each.place.partition)))) for each in resources]


POLICY = """
          Version: '2012-10-17'
          Statement:
            - Sid: Account
              Effect: Allow
              Principal: {AWS: !Sub 'arn:${AWS::Partition}:iam::${AWS::AccountId}:root'}
              Action: kms:*
              Resource: '*'
            - Effect: Allow
              Principal: {Service: cloudtrail.amazonaws.com}
              Action: [kms:GenerateDataKey*, kms:DescribeKey]
              Resource: '*'
              Condition:
                StringEquals:
                  aws:SourceArn: !Sub 'arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/audit'
"""
TF_DATA = """
data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}
"""
TF_POLICY = """{
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = ["kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = {
          StringEquals = {
            "aws:SourceArn" = join(":", [
              "arn", data.aws_partition.this.partition, "cloudtrail", data.aws_region.this.name,
              data.aws_caller_identity.this.account_id, "trail/audit",
            ])
          }
        }
      },
    ]
  }"""
JSON_POLICY = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, '
    '"Action": ["kms:*"], "Resource": "*"}, {"Sid": "Trail", "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, '
    '"Action": "kms:GenerateDataKey*", "Resource": "*", "Condition": {"StringLike": '
    '{"kms:EncryptionContext:aws:cloudtrail:arn": ["arn:aws:cloudtrail:*:111122223333:trail/*"]}}}]}'
)
CFN_KEY = f"  Key:\n    Type: AWS::KMS::Key\n    Properties:\n      KeyPolicy:{POLICY}"


def cfn_trail(properties: str) -> str:
    return (
        "  Trail:\n    Type: AWS::CloudTrail::Trail\n    Properties:\n      TrailName: audit\n      IsLogging: true\n"
        f"      S3BucketName: amzn-s3-demo-bucket\n{properties}"
    )


def tf_trail(attributes: str) -> str:
    return (
        'resource "aws_cloudtrail" "trail" {\n  name           = "audit"\n  s3_bucket_name = "amzn-s3-demo-bucket"\n' + attributes + "\n}\n"
    )


TF_KEY = f'resource "aws_kms_key" "key" {{\n  policy = jsonencode({TF_POLICY})\n}}\n'

TWINS = {
    "a trail with its key": (
        f"Resources:\n{cfn_trail('      KMSKeyId: !GetAtt Key.Arn')}\n{CFN_KEY}",
        TF_DATA + tf_trail("  kms_key_id = aws_kms_key.key.arn") + TF_KEY,
    ),
    "a key that an input takes away": (
        "Parameters: {UseKms: {Type: String, Default: 'true', AllowedValues: ['true', 'false']}}\n"
        "Conditions: {WithKms: !Equals [!Ref UseKms, 'true']}\n"
        f"Resources:\n{cfn_trail('      KMSKeyId: !If [WithKms, !GetAtt Key.Arn, !Ref AWS::NoValue]')}\n{CFN_KEY}",
        'variable "use_kms" {\n  type    = bool\n  default = true\n}\n'
        + TF_DATA
        + tf_trail("  kms_key_id = var.use_kms ? aws_kms_key.key.arn : null")
        + TF_KEY,
    ),
    "an organization trail over all Regions": (
        f"Resources:\n{cfn_trail('      IsOrganizationTrail: true')}\n      IsMultiRegionTrail: true\n      KMSKeyId: !Ref Key\n{CFN_KEY}",
        TF_DATA
        + tf_trail("  is_organization_trail = true\n  is_multi_region_trail = true\n  kms_key_id = aws_kms_key.key.key_id")
        + TF_KEY,
    ),
    "a policy that is JSON text": (
        f"Resources:\n{cfn_trail('      KMSKeyId: !GetAtt Key.Arn')}\n"
        f"  Key:\n    Type: AWS::KMS::Key\n    Properties:\n      KeyPolicy: '{JSON_POLICY}'\n",
        tf_trail("  kms_key_id = aws_kms_key.key.arn") + f'resource "aws_kms_key" "key" {{\n  policy = <<EOT\n{JSON_POLICY}\nEOT\n}}\n',
    ),
    "a key through its alias": (
        f"Resources:\n{cfn_trail('      KMSKeyId: alias/audit')}\n{CFN_KEY}"
        "  Alias:\n    Type: AWS::KMS::Alias\n    Properties: {AliasName: alias/audit, TargetKeyId: !Ref Key}\n",
        TF_DATA
        + tf_trail('  kms_key_id = "alias/audit"')
        + TF_KEY
        + 'resource "aws_kms_alias" "alias" {\n  name = "alias/audit"\n  target_key_id = aws_kms_key.key.key_id\n}\n',
    ),
    "no key, and a key without a policy": (
        f"Resources:\n{cfn_trail('')}\n  Key: {{Type: AWS::KMS::Key, Properties: {{Enabled: false, MultiRegion: true}}}}\n",
        tf_trail("") + 'resource "aws_kms_key" "key" {\n  is_enabled = false\n  multi_region = true\n}\n',
    ),
}


@pytest.mark.parametrize("name", TWINS)
def test_twins_are_one_model(name: str, tmp_path: Path) -> None:
    template, module = TWINS[name]
    (terraform,) = normalized(tmp_path, {"main.tf": module})
    cloudformation = normalize_text(template)
    assert cloudformation.trails
    assert cloudformation.keys
    assert model(cloudformation) == model(terraform)


# -- one policy in every form ------------------------------------------------------------------------------------------

DOCUMENT = """
data "aws_iam_policy_document" "key" {
  statement {
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::111122223333:root"]
    }
  }
  statement {
    sid       = "Trail"
    actions   = ["kms:GenerateDataKey*"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
    condition {
      test     = "StringLike"
      variable = "kms:EncryptionContext:aws:cloudtrail:arn"
      values   = ["arn:aws:cloudtrail:*:111122223333:trail/*"]
    }
  }
}
"""
FORMS = {
    "jsonencode": f"jsonencode({JSON_POLICY})",
    "heredoc": f"<<EOT\n{JSON_POLICY}\nEOT\n",
    "file": 'file("${path.module}/policy.json")',
    "aws_iam_policy_document": "data.aws_iam_policy_document.key.json",
}
CFN_FORMS = {"object": JSON_POLICY, "string": f"'{JSON_POLICY}'", "Fn::ToJsonString": f"{{'Fn::ToJsonString': {JSON_POLICY}}}"}


def cfn_policy(form: str) -> KeyPolicy:
    (key,) = normalize_text(f"Resources:\n  Key:\n    Type: AWS::KMS::Key\n    Properties:\n      KeyPolicy: {form}\n").keys
    assert isinstance(key.policy, KeyPolicy)
    return key.policy


@pytest.mark.parametrize("form", FORMS)
def test_a_policy_is_the_same_in_every_form(form: str, tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text(JSON_POLICY, encoding="utf-8")
    module = f'resource "aws_kms_key" "key" {{\n  policy = {FORMS[form]}\n}}\n{DOCUMENT}'
    (configuration,) = normalized(tmp_path, {"main.tf": module})
    (key,) = configuration.keys
    policies = {name: cfn_policy(text) for name, text in CFN_FORMS.items()}
    assert len(policies["object"].statements) == 2
    assert policies["string"] == policies["object"]
    assert policies["Fn::ToJsonString"] == policies["object"]
    assert key.policy == policies["object"]


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("kms:DescribeKey", "kms:ListKeys"),
        ("trail/audit", "trail/other"),
        ("StringEquals", "StringLike"),
        ("TrailName: audit", "TrailName: b"),
    ],
)
def test_what_differs_is_no_twin(written: str, instead: str, tmp_path: Path) -> None:
    template, module = TWINS["a trail with its key"]
    assert written in template
    (terraform,) = normalized(tmp_path, {"main.tf": module})
    assert model(normalize_text(template.replace(written, instead))) != model(terraform)
