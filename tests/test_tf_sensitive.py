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


WORKING = """jsonencode({
    Statement = [{ Effect = "Allow", Principal = { Service = "cloudtrail.amazonaws.com" }, Action = "kms:*", Resource = "*" }]
  })"""
DOCUMENT = """
data "aws_iam_policy_document" "d" {
  statement {
    sid     = var.secret
    actions = ["kms:*", var.secret]
    principals {
      type        = "AWS"
      identifiers = [var.secret]
    }
    resources = ["*"]
    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = ["${var.secret}"]
    }
  }
}
"""
LOGS = """
resource "aws_cloudtrail" "t" {
  name           = "audit"
  s3_bucket_name = aws_s3_bucket.b.id
  kms_key_id     = aws_kms_key.k.arn
}
resource "aws_s3_bucket" "b" {
  bucket = var.secret
  region = var.secret
}
resource "aws_kms_alias" "a" {
  name          = "alias/${var.secret}"
  target_key_id = var.secret
}
resource "aws_kms_key" "k" {}
provider "aws" {
  region = var.secret
}
"""


def of_key(key: str, name: str = '"audit"') -> str:
    return TRAIL.replace("NAME", name).replace("KEY", key)


def of_policy(policy: str) -> str:
    return of_key("aws_kms_key.k.arn") + KEY.replace("POLICY", policy)


def instances(each: str) -> str:
    return of_key("null", "each.key").replace("{\n", f"{{\n  for_each = {each}\n", 1)


WAYS = {
    "an alias": of_key('"alias/${var.secret}"'),
    "an index": of_key('{ a = "b" }[var.secret]'),
    "an index of an input": of_key("var.names[var.secret]") + 'variable "names" {\n  default = {}\n}\n',
    "a number of a list": of_key('["a", "b"][var.secret]'),
    "arithmetic": of_key("var.secret + 1"),
    "a condition": of_key('var.secret ? "a" : "b"'),
    "a comparison": of_key('var.secret == "x" ? "a" : "b"'),
    "a number": of_key("tonumber(var.secret)"),
    "a match": of_key('regex("z", var.secret)'),
    "a decoded text": of_key('jsondecode("[${var.secret}").key'),
    "a decoded document": of_policy('jsondecode("{\\"Version\\": \\"${var.secret}\\"}")'),
    "a date": of_key("formatdate(var.secret, var.secret)"),
    "an ARN": of_key("provider::aws::arn_parse(var.secret).region"),
    "several": of_key("[var.secret, var.secret][2]"),
    "the rest of the arguments": of_key('join("z", [var.secret]...)'),
    "an attribute": of_key("var.secret.QQ"),
    "a splat": of_key("[{ a = var.secret }][*].a[0]"),
    "a loop": of_key("[for each in [var.secret] : each][0]"),
    "keys": of_key("keys({ (var.secret) = 1 })[0]"),
    "twice the same key": of_key("{ for each in [1, 2] : var.secret => each }.a"),
    "a template": of_key('"%{ for each in [var.secret] }${each}%{ endfor }"'),
    "the name of the key": of_key("aws_kms_key.k.arn") + KEY.replace("policy = POLICY", "description = var.secret"),
    "a file": of_policy("file(var.secret)"),
    "a file below": of_policy('file("${path.module}/${var.secret}/policy.json")'),
    "a file outside": of_policy('file("../../../../${var.secret}")'),
    "a template file": of_policy("templatefile(var.secret, {})"),
    "the variables of a template": of_policy("templatestring(local.text, { x = var.secret })") + 'locals {\n  text = "$${x}"\n}\n',
    "a template that is secret": of_policy("templatestring(local.text, {})") + 'locals {\n  text = "%%{ if ${var.secret}"\n}\n',
    "a function of a file": of_policy("filesha256(var.secret)"),
    "files": instances('fileset(var.secret, "*")'),
    "files of a pattern": instances('fileset(".", "[${var.secret}")'),
    "instances": instances("toset([var.secret])"),
    "instances of a list": instances("[var.secret]"),
    "instances of a map": instances('{ (var.secret) = "x" }'),
    "values of instances": instances("{ x = var.secret }").replace("each.key", "each.value"),
    "values of merged maps": of_key("merge({ a = var.secret }, {}).a + 1"),
    "items of lists": of_key('flatten([[var.secret], ["b"]])[0] + 1'),
    "items of a list that is made of it": of_key('flatten([split("x", var.secret), ["b"]])[0] + 1'),
    "keys of a map that is made of it": of_key('merge(zipmap([var.secret], ["b"]), {}).a'),
    "instances by the parts of it": instances('toset(flatten([split("x", var.secret)]))'),
    "instances by what is made of it": instances('merge(zipmap([var.secret], ["b"]), {})'),
    "the number of instances": of_key("null").replace("{\n", "{\n  count = var.secret\n", 1),
    "the whole policy of an encoded text": of_policy("jsonencode(var.secret)"),
    "a whole policy": of_policy(f"var.secret == null ? {WORKING} : var.secret"),
    "a policy document": of_policy("data.aws_iam_policy_document.d.json") + DOCUMENT,
    "a second policy": of_policy(WORKING) + 'resource "aws_kms_key_policy" "p" {\n  key_id = aws_kms_key.k.id\n  policy = var.secret\n}\n',
    "what is around the trail": LOGS,
}
TYPES = {
    "number": "var.secret",
    "bool": "var.secret",
    "list(string)": "var.secret[0]",
    "set(string)": "tolist(var.secret)[0]",
    "map(string)": "var.secret.a",
    "object({ a = string })": "var.secret.a",
    "tuple([string])": "var.secret[0]",
    "list(number)": "var.secret[0]",
    "map(bool)": "var.secret.QQ",
}


def mark_is_nowhere(directory: Path, *arguments: str) -> None:
    for format in FORMATS:
        found = run(directory, "check", "--verbose", "--format", format, *arguments, ".")
        assert found.code in (0, 1), found.err
        assert "aws_cloudtrail.t" in found.out or "audit" in found.out or format not in ("text", "json")
        assert MARK not in found.out + found.err, format


@pytest.mark.parametrize("way", WAYS)
def test_nothing_sensitive_is_printed_whatever_uses_it(way: str, tmp_path: Path) -> None:
    write(tmp_path, main_tf=WAYS[way] + SECRET.replace("DEFAULT", "null"))
    mark_is_nowhere(tmp_path, "--var", f"secret={MARK}")


@pytest.mark.parametrize("way", WAYS)
def test_nothing_sensitive_of_an_output_is_printed(way: str, tmp_path: Path) -> None:
    output = 'output "out" {\n  sensitive = true\n  value = var.x\n}\nvariable "x" {}\n'
    call = 'module "m" {\n  source = "./m"\n  x = trimspace(file("x.txt"))\n}\n'
    write(tmp_path, main_tf=WAYS[way].replace("var.secret", "module.m.out") + call, m__main_tf=output, x_txt=MARK)
    mark_is_nowhere(tmp_path)


WRONG = [(type, value) for type in TYPES for value in (f'"{MARK}"', f'["{MARK}"]', f'{{ "QQ": "{MARK}" }}')]
GIVEN = ("default", "terraform.tfvars", "terraform.tfvars.json", "--var", "the caller")


@pytest.mark.parametrize(("type", "value", "given"), [(*each, GIVEN[number % len(GIVEN)]) for number, each in enumerate(WRONG)])
def test_nothing_of_a_sensitive_value_of_the_wrong_type_is_printed(type: str, value: str, given: str, tmp_path: Path) -> None:
    module = of_key(TYPES[type]) + SECRET.replace("type      = string", f"type = {type}")
    module = module.replace("DEFAULT", value if given == "default" else "null")
    arguments = []
    if given == "the caller":
        call = 'module "m" {\n  source = "./m"\n  secret = jsondecode(file("x.json"))\n}\n'
        write(tmp_path, main_tf=call, m__main_tf=module, x_json=value)
    else:
        write(tmp_path, main_tf=module)
    if given == "terraform.tfvars":
        (tmp_path / given).write_text(f"secret = {value}\n", encoding="utf-8")
    elif given == "terraform.tfvars.json":
        (tmp_path / given).write_text(f'{{"secret": {value}}}', encoding="utf-8")
    elif given == "--var":
        arguments = ["--var", f"secret={value}"]
    mark_is_nowhere(tmp_path, *arguments)


@pytest.mark.parametrize("each", ["var.secret", "toset([for each in var.secret : each])", "{ for each in var.secret : each => 1 }"])
def test_a_sensitive_for_each_is_an_error(each: str, tmp_path: Path) -> None:
    secret = SECRET.replace("type      = string", "type = set(string)").replace("DEFAULT", f'["{MARK}"]')
    write(tmp_path, main_tf=instances(each) + secret)
    found = run(tmp_path, "check", "--format", "json", ".").json
    messages = [each["message"] for each in found["findings"] if each["rule"] == "CTKMS000"]
    assert messages == ["for_each of aws_cloudtrail.t is sensitive, and its keys would be shown in addresses"]
    assert [each["address"] for each in found["trails"]] == ["aws_cloudtrail.t[each.key]"]


@pytest.mark.parametrize(
    "each",
    [
        "nonsensitive(var.secret)",
        "{ a = var.secret }",
        'toset(["a"])',
        "merge({ a = { part = var.secret } }, {})",
        "{ for name, value in { a = { part = var.secret } } : name => value }",
        "toset(keys({ a = var.secret }))",
        'zipmap(["a"], [var.secret])',
        "tomap({ a = var.secret })",
        'toset(slice(concat(["a"], [var.secret]), 0, 1))',
        '[for each in [1] : var.secret][*] == [] ? [] : toset(["a"])',
    ],
)
def test_a_for_each_whose_keys_are_not_sensitive_is_none(each: str, tmp_path: Path) -> None:
    secret = SECRET.replace("type      = string", "type = set(string)").replace("DEFAULT", '["a"]')
    write(tmp_path, main_tf=instances(each) + secret)
    found = run(tmp_path, "check", "--format", "json", ".").json
    assert [each["address"] for each in found["trails"]] == ['aws_cloudtrail.t["a"]']
    assert [each["rule"] for each in found["findings"]] == ["CTKMS001"]


def test_what_is_not_sensitive_is_still_judged_beside_what_is(tmp_path: Path) -> None:
    module = """
variable "keys" {
  sensitive = true
  type      = object({ arn = string, note = optional(string, "x") })
}
output "arn" {
  sensitive = true
  value     = var.keys.arn
}
"""
    call = 'module "m" {\n  source = "./m"\n  keys = { arn = aws_kms_key.k.arn }\n}\n'
    write(tmp_path, main_tf=of_key("module.m.arn") + call + KEY.replace("POLICY", WORKING), m__main_tf=module)
    found = run(tmp_path, "check", "--format", "json", ".").json
    assert found["trails"][0]["kms_key"]["key"] == "aws_kms_key.k"
    assert found["trails"][0]["policy"]["encrypt"] == "allowed"
