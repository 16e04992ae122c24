"""Instances that an index names although ``count`` or ``for_each`` is not known: they exist where what names them does."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import check_json, write

TRAIL = """
resource "aws_cloudtrail" "t" {
  name           = "audit"
  s3_bucket_name = "logs"
  kms_key_id     = KEY
  depends_on     = [aws_kms_key_policy.p]
}
variable "keys" {
  type = map(string)
}
variable "amount" {
  type = number
}
"""
POLICY = """jsonencode({
    Statement = [
      { Effect = "Allow", Principal = { AWS = "arn:aws:iam::111122223333:root" }, Action = "kms:*", Resource = "*" },
      { Effect = "Allow", Principal = { AWS = "arn:aws:iam::111122223333:role/r" }, Action = "kms:Decrypt", Resource = "*" },
      {
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = ["kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = "111122223333" } }
      },
    ]
  })"""
SHUT = POLICY.replace("cloudtrail.amazonaws.com", "config.amazonaws.com")
KEY = 'resource "aws_kms_key" "k" {\n  EACH\n  policy = POLICY\n}\n'
SEPARATE = 'resource "aws_kms_key_policy" "p" {\n  EACH\n  key_id = aws_kms_key.k[INDEX].id\n  policy = POLICY\n}\n'
ALIAS = (
    'resource "aws_kms_alias" "a" {\n  for_each = var.keys\n  name = "alias/${each.key}"\n  target_key_id = aws_kms_key.k[each.key].id\n}\n'
)
MODULE = 'module "m" {\n  EACH\n  source = "./m"\n}\n'
OUTPUT = 'output "arn" {\n  value = aws_kms_key.k.arn\n}\n'
EACH, COUNT = "for_each = var.keys", "count = var.amount"


def key(each: str, policy: str) -> str:
    return KEY.replace("EACH", each).replace("POLICY", policy)


def separate(each: str, index: str, policy: str) -> str:
    return SEPARATE.replace("EACH", each).replace("INDEX", index).replace("POLICY", policy)


@pytest.mark.parametrize(("policy", "encrypt"), [(POLICY, "allowed"), (SHUT, "denied")])
@pytest.mark.parametrize(
    ("named", "each", "address"),
    [
        ('aws_kms_key.k["a"].arn', EACH, 'aws_kms_key.k["a"]'),
        ("aws_kms_key.k[0].arn", COUNT, "aws_kms_key.k[0]"),
        ("aws_kms_key.k[3].arn", COUNT, "aws_kms_key.k[3]"),
        ('aws_kms_alias.a["a"].target_key_arn', EACH, 'aws_kms_key.k["a"]'),
        ('aws_kms_alias.a["a"].arn', EACH, 'aws_kms_key.k["a"]'),
        ('try(aws_kms_key.k["a"].arn, null)', EACH, 'aws_kms_key.k["a"]'),
    ],
)
def test_the_policy_of_a_key_that_is_named_is_judged(
    named: str, each: str, address: str, policy: str, encrypt: str, tmp_path: Path
) -> None:
    write(tmp_path, main_tf=TRAIL.replace("KEY", named) + key(each, policy) + (ALIAS if "alias" in named else ""))
    (trail,) = check_json(tmp_path, ".").json["trails"]
    assert (trail["kms_key"]["key"], trail["policy"]["encrypt"]) == (address, encrypt)


@pytest.mark.parametrize(("policy", "encrypt"), [(POLICY, "allowed"), (SHUT, "denied")])
@pytest.mark.parametrize(("named", "each"), [('module.m["a"]', EACH), ("module.m[0]", COUNT)])
def test_the_policy_of_a_key_in_a_module_that_is_named_is_judged(named: str, each: str, policy: str, encrypt: str, tmp_path: Path) -> None:
    main = TRAIL.replace("KEY", f"{named}.arn") + MODULE.replace("EACH", each)
    write(tmp_path, main_tf=main, m__main_tf=OUTPUT + key("", policy))
    (trail,) = check_json(tmp_path, ".").json["trails"]
    assert (trail["kms_key"]["key"], trail["policy"]["encrypt"]) == (f"{named}.aws_kms_key.k", encrypt)


@pytest.mark.parametrize(
    ("own", "policies", "encrypt"),
    [
        (SHUT, separate(EACH, "each.key", POLICY), "allowed"),
        (POLICY, separate(EACH, "each.key", SHUT), "denied"),
        (SHUT, separate("", '"a"', POLICY), "allowed"),
        (POLICY, separate("", '"b"', SHUT), "allowed"),
        (SHUT, separate('for_each = toset(["a"])', "each.key", POLICY), "allowed"),
        (POLICY, separate('for_each = toset(["b"])', "each.key", SHUT), "allowed"),
    ],
)
def test_a_policy_of_its_own_overwrites_that_of_a_key_that_is_named(own: str, policies: str, encrypt: str, tmp_path: Path) -> None:
    write(tmp_path, main_tf=TRAIL.replace("KEY", 'aws_kms_key.k["a"].arn') + key(EACH, own) + policies)
    (trail,) = check_json(tmp_path, ".").json["trails"]
    assert (trail["kms_key"]["key"], trail["policy"]["encrypt"]) == ('aws_kms_key.k["a"]', encrypt)


@pytest.mark.parametrize("each", ['for_each = toset(["b"])', "for_each = {}", "count = 0"])
def test_an_instance_that_certainly_is_not_there_is_none(each: str, tmp_path: Path) -> None:
    index = "0" if each.startswith("count") else '"a"'
    write(tmp_path, main_tf=TRAIL.replace("KEY", f"aws_kms_key.k[{index}].arn") + key(each, POLICY))
    (trail,) = check_json(tmp_path, ".").json["trails"]
    assert (trail["verdict"], trail["kms_key"]["key"]) == ("undetermined", None)
