"""Nothing sensitive is printed: not in a message, a help, a fix or a snippet, in no format."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import run, write

from ctkms_policy.report import FORMATS

MARK = "QQMARKQQ"
TRAIL = """
resource "aws_cloudtrail" "t" {
  name           = NAME
  s3_bucket_name = "logs"
  kms_key_id     = KEY
}
"""
KEY = """
resource "aws_kms_key" "k" {
  policy = POLICY
}
"""
SECRET = """
variable "secret" {
  type      = string
  sensitive = true
  default   = DEFAULT
}
"""
STATEMENT = (
    f'{{"Sid": "{MARK}", "Effect": "Allow", "Principal": {{"Service": "cloudtrail.amazonaws.com"}}, "Action": "kms:*", "Resource": "*", '
    f'"Condition": {{"StringEquals": {{"aws:SourceArn": "{MARK}"}}}}}}'
)
TEXT = '"' + f'{{"Statement": [{STATEMENT}]}}'.replace('"', '\\"') + '"'
ENCODED = """jsonencode({
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "kms:*"
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceArn" = var.secret } }
      },
      { Effect = "Allow", Principal = { AWS = var.secret }, Action = "kms:Decrypt", Resource = "*" },
    ]
  })"""
HEREDOC = """<<EOT
{"Statement": [{"Sid": "x${var.secret}", "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}]}
EOT
"""

CASES = {
    "the policy": ('"audit"', "aws_kms_key.k.arn", "var.secret", TEXT),
    "a part of the policy's text": ('"audit"', "aws_kms_key.k.arn", HEREDOC, f'"{MARK}"'),
    "values of an encoded policy": ('"audit"', "aws_kms_key.k.arn", ENCODED, f'"arn:aws:cloudtrail:us-east-1:111122223333:trail/{MARK}"'),
    "the key": ('"audit"', "var.secret", '"{}"', f'"alias/{MARK}"'),
    "the name": ("var.secret", "aws_kms_key.k.arn", ENCODED.replace("var.secret", '"x"'), f'"{MARK}"'),
}


@pytest.mark.parametrize("given", ["default", "tfvars", "var"])
@pytest.mark.parametrize("case", CASES)
def test_nothing_sensitive_is_printed(case: str, given: str, tmp_path: Path) -> None:
    name, key, policy, secret = CASES[case]
    default = secret if given == "default" else "null"
    write(
        tmp_path,
        main_tf=TRAIL.replace("NAME", name).replace("KEY", key) + KEY.replace("POLICY", policy) + SECRET.replace("DEFAULT", default),
    )
    arguments = ["--var", f"secret={secret}"] if given == "var" else []
    if given == "tfvars":
        write(tmp_path, terraform_tfvars=f"secret = {secret}\n")
    for format in FORMATS:
        found = run(tmp_path, "check", "--verbose", "--format", format, *arguments, ".")
        assert found.code in (0, 1)
        assert "audit" in found.out or "aws_cloudtrail.t" in found.out or format not in ("text", "json")
        assert MARK not in found.out + found.err, format
