"""``aws_iam_policy_document`` as the provider builds it (GROUND_TRUTH B9): merges, defaults, and what surprises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from configuration_dump import dump
from test_tf_module import normalized

from ctkms_policy.model import Configuration, KeyPolicy, PolicyForm
from ctkms_policy.source import Span
from ctkms_policy.value import JsonText, Known, Value, default_of

PRINCIPALS = 'principals {\n  type = "Service"\n  identifiers = ["cloudtrail.amazonaws.com"]\n}\n'


def configuration(directory: Path, body: str, more: str = "") -> Configuration:
    text = 'resource "aws_kms_key" "k" {\n  policy = data.aws_iam_policy_document.d.json\n}\n'
    text += f'data "aws_iam_policy_document" "d" {{\n{body}\n}}\n'
    return normalized(directory, {"main.tf": text + more})[0]


def document(directory: Path, body: str, more: str = "") -> Any:
    """Return the document as JSON data, read through an output-like place that keeps the value: a trail's name."""
    text = f'data "aws_iam_policy_document" "d" {{\n{body}\n}}\n' + more
    text += 'resource "aws_cloudtrail" "t" {\n  name = data.aws_iam_policy_document.d.json\n  s3_bucket_name = "b"\n}\n'
    value = default_of(normalized(directory, {"main.tf": text})[0].trails[0].name)
    assert isinstance(value, JsonText), value
    return _plain(value.document)


def _plain(value: Value) -> Any:
    dumped = dump(value)
    return _unwrapped(dumped)


def _unwrapped(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"map"}:
        return {key: _unwrapped(each) for key, each in value["map"].items()}
    if isinstance(value, dict):
        return {key: _unwrapped(each) for key, each in value.items()}
    return [_unwrapped(each) for each in value] if isinstance(value, list) else value


def statements(directory: Path, body: str, more: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document(directory, body, more)["Statement"]
    return found


def policy(directory: Path, body: str, more: str = "") -> KeyPolicy:
    found = configuration(directory, body, more).keys[0].policy
    assert isinstance(found, KeyPolicy)
    return found


def test_defaults(tmp_path: Path) -> None:
    assert document(tmp_path, "statement {\n" + PRINCIPALS + '  actions = ["kms:*"]\n}') == {
        "Version": "2012-10-17",
        "Statement": [{"Action": ["kms:*"], "Effect": "Allow", "Principal": {"Service": ["cloudtrail.amazonaws.com"]}}],
    }


def test_every_argument_of_a_statement(tmp_path: Path) -> None:
    body = """
version   = "2008-10-17"
policy_id = "id"
statement {
  sid           = "a"
  effect        = "Deny"
  not_actions   = ["kms:Decrypt"]
  not_resources = ["arn:x"]
  not_principals {
    type        = "AWS"
    identifiers = ["111122223333"]
  }
  condition {
    test     = "Null"
    variable = "aws:SourceArn"
    values   = [true]
  }
}
"""
    assert document(tmp_path, body) == {
        "Version": "2008-10-17",
        "Id": "id",
        "Statement": [
            {
                "Sid": "a",
                "Effect": "Deny",
                "NotAction": ["kms:Decrypt"],
                "NotResource": ["arn:x"],
                "NotPrincipal": {"AWS": ["111122223333"]},
                "Condition": {"Null": {"aws:SourceArn": [True]}},
            }
        ],
    }


def test_a_statement_without_resources_has_no_resource_element(tmp_path: Path) -> None:
    (statement,) = policy(tmp_path, "statement {\n" + PRINCIPALS + '  actions = ["kms:*"]\n  resources = []\n}').statements
    assert statement.resources == ()
    assert [defect.kind.name for defect in statement.defects] == ["INEFFECTIVE"]


def test_empty_arguments_are_left_out(tmp_path: Path) -> None:
    (statement,) = statements(tmp_path, 'statement {\n  sid = ""\n  actions = null\n  resources = ["*"]\n}')
    assert statement == {"Resource": ["*"], "Effect": "Allow"}


def test_principals_of_one_type_are_joined(tmp_path: Path) -> None:
    blocks = "".join(
        f'principals {{\n  type = "{type}"\n  identifiers = ["{identifier}"]\n}}\n'
        for type, identifier in (("AWS", "111111111111"), ("Service", "cloudtrail.amazonaws.com"), ("AWS", "222222222222"))
    )
    (statement,) = statements(tmp_path, "statement {\n" + blocks + "}")
    assert statement["Principal"] == {"AWS": ["111111111111", "222222222222"], "Service": ["cloudtrail.amazonaws.com"]}


@pytest.mark.parametrize(
    ("principals", "expected"),
    [
        ((("*", '["*"]'),), "*"),
        ((("*", '["a"]'),), {"*": ["a"]}),
        ((("AWS", '["*"]'),), {"AWS": ["*"]}),
        ((("*", '["*"]'), ("Service", '["s"]')), {"*": ["*"], "Service": ["s"]}),
    ],
)
def test_the_wildcard_principal(tmp_path: Path, principals: tuple[tuple[str, str], ...], expected: object) -> None:
    blocks = "".join(f'principals {{\n  type = "{type}"\n  identifiers = {identifiers}\n}}\n' for type, identifiers in principals)
    (statement,) = statements(tmp_path, "statement {\n" + blocks + "}")
    assert statement["Principal"] == expected


def test_conditions_are_joined_by_operator_and_key(tmp_path: Path) -> None:
    blocks = "".join(
        f'condition {{\n  test = "{test}"\n  variable = "{key}"\n  values = ["{value}"]\n}}\n'
        for test, key, value in (("StringEquals", "k", "1"), ("StringEquals", "l", "2"), ("StringEquals", "k", "3"), ("Bool", "k", "true"))
    )
    (statement,) = statements(tmp_path, "statement {\n" + blocks + "}")
    assert statement["Condition"] == {"StringEquals": {"k": ["1", "3"], "l": ["2"]}, "Bool": {"k": ["true"]}}


def test_policy_variables_are_spelled_with_an_ampersand(tmp_path: Path) -> None:
    body = """
statement {
  sid       = "s"
  actions   = ["kms:&{a}"]
  resources = ["arn:&{aws:username}", "x${terraform.workspace}&{b}"]
  principals {
    type        = "AWS"
    identifiers = ["&{p}"]
  }
  condition {
    test     = "StringEquals"
    variable = "&{key}"
    values   = ["&{v}", "$${w}"]
  }
}
"""
    (statement,) = statements(tmp_path, body)
    assert statement["Action"] == ["kms:&{a}"]
    assert statement["Resource"] == ["arn:${aws:username}", {"text": ["x", {"symbol": "terraform.workspace"}, "${b}"]}]
    assert statement["Principal"] == {"AWS": ["${p}"]}
    assert statement["Condition"] == {"StringEquals": {"&{key}": ["${v}", "${w}"]}}


# -- merges ------------------------------------------------------------------------------------------------------------

OTHERS = """
data "aws_iam_policy_document" "first" {
  statement {
    sid       = "both"
    resources = ["first"]
  }
  statement {
    sid       = "onlyFirst"
    resources = ["first"]
  }
  statement {
    resources = ["first without sid"]
  }
}
data "aws_iam_policy_document" "last" {
  version = "2008-10-17"
  statement {
    sid       = "own"
    resources = ["last"]
  }
  statement {
    sid       = "onlyLast"
    resources = ["last"]
  }
}
"""
OWN = 'statement {\n  sid = "both"\n  resources = ["own"]\n}\nstatement {\n  sid = "own"\n  resources = ["own"]\n}\n'


def sids(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(statement.get("Sid", ""), statement["Resource"][0]) for statement in found]


def test_statements_of_one_sid_replace_each_other_in_place(tmp_path: Path) -> None:
    body = (
        "source_policy_documents = [data.aws_iam_policy_document.first.json]\n"
        "override_policy_documents = [data.aws_iam_policy_document.last.json]\n" + OWN
    )
    merged = document(tmp_path, body, OTHERS)
    assert merged["Version"] == "2012-10-17"
    assert sids(merged["Statement"]) == [
        ("both", "own"),
        ("onlyFirst", "first"),
        ("", "first without sid"),
        ("own", "last"),
        ("onlyLast", "last"),
    ]


def test_the_old_arguments_come_first_and_last(tmp_path: Path) -> None:
    body = "source_json = data.aws_iam_policy_document.first.json\noverride_json = data.aws_iam_policy_document.last.json\n" + OWN
    assert [sid for sid, _ in sids(statements(tmp_path, body, OTHERS))] == ["both", "onlyFirst", "", "own", "onlyLast"]


def test_a_version_is_the_greatest(tmp_path: Path) -> None:
    body = 'version = "2008-10-17"\nsource_policy_documents = [data.aws_iam_policy_document.last.json]\n'
    assert document(tmp_path, body, OTHERS)["Version"] == "2008-10-17"
    assert document(tmp_path, body.replace("last", "first"), OTHERS)["Version"] == "2012-10-17"


TWO_SOURCES = "source_policy_documents = [data.aws_iam_policy_document.first.json, {}]\n"
SAME_SID = 'jsonencode({ Statement = [{ Sid = "both", Action = "*", Resource = ["x"] }] })'


def test_source_documents_must_not_share_a_sid(tmp_path: Path) -> None:
    (problem,) = configuration(tmp_path, TWO_SOURCES.replace("{}", SAME_SID), OTHERS).problems
    assert problem.message == 'two source policy documents have a statement with the sid "both"'
    assert (problem.span.line, "as an override" in problem.help) == (5, True)


@pytest.mark.parametrize(
    "body",
    [
        TWO_SOURCES.replace("{}", SAME_SID.replace("both", "another")),
        TWO_SOURCES.replace("{}", SAME_SID.replace('Sid = "both",', "")),
        TWO_SOURCES.replace("{}", "var.again ? " + SAME_SID + ' : ""'),
        "source_policy_documents = [data.aws_iam_policy_document.first.json]\noverride_policy_documents = [" + SAME_SID + "]\n",
    ],
    ids=["another sid", "no sid", "only some inputs", "an override"],
)
def test_documents_that_share_no_sid_certainly(tmp_path: Path, body: str) -> None:
    variable = 'variable "again" {\n  type = bool\n}\n'
    assert "onlyFirst" in str(policy(tmp_path, body, OTHERS + variable).statements)


def test_empty_and_null_documents_are_skipped(tmp_path: Path) -> None:
    assert sids(statements(tmp_path, 'source_policy_documents = ["", null]\n' + OWN)) == [("both", "own"), ("own", "own")]


def test_json_of_a_source_is_read_as_the_provider_does(tmp_path: Path) -> None:
    source = """
locals {
  source = <<-EOF
    {"statement": [{
      "sid": "s", "effect": "Deny", "Extra": 1,
      "Principal": "cloudtrail.amazonaws.com",
      "Action": "kms:*",
      "Condition": {"NumericLessThan": {"n": 5}, "Bool": {"b": true}, "StringEquals": {"s": ["x"]}}
    }]}
  EOF
}
"""
    assert statements(tmp_path, "source_policy_documents = [local.source]", source) == [
        {
            "Sid": "s",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "kms:*",
            "Condition": {"NumericLessThan": {}, "Bool": {"b": "true"}, "StringEquals": {"s": ["x"]}},
        }
    ]


@pytest.mark.parametrize("argument", ["source_policy_documents", "override_policy_documents"])
def test_an_unknown_document_leaves_only_what_it_cannot_touch(tmp_path: Path, argument: str) -> None:
    body = f"{argument} = [var.other]\n" + OWN.replace('sid = "own"', "") + 'statement {\n  resources = ["*"]\n}\n'
    found = policy(tmp_path, body, 'variable "other" {\n  type = string\n}\n')
    assert found.rest == "var.other has no default"
    certain = {statement.sid: statement.included.name for statement in found.statements}
    assert certain == {"both": "MAYBE" if argument.startswith("override") else "YES", "": "YES"}


def test_a_list_of_documents_that_an_input_decides(tmp_path: Path) -> None:
    body = "source_policy_documents = var.more ? [data.aws_iam_policy_document.first.json] : []\n" + OWN
    found = statements(tmp_path, body, OTHERS + 'variable "more" {\n  default = true\n}\n')
    assert [sid for sid, _ in sids(found)] == ["both", "onlyFirst", "", "own"]
    found = statements(tmp_path, body, OTHERS + 'variable "more" {\n  default = false\n}\n')
    assert [sid for sid, _ in sids(found)] == ["both", "own"]


def test_a_document_that_is_not_json_is_a_reason(tmp_path: Path) -> None:
    assert policy(tmp_path, 'source_policy_documents = ["{"]\n' + OWN).rest == (
        "a policy document is not JSON: the JSON document ends too early"
    )


# -- dynamic blocks ----------------------------------------------------------------------------------------------------


def test_dynamic_statements_conditions_and_principals(tmp_path: Path) -> None:
    body = """
dynamic "statement" {
  for_each = { b = ["2"], a = ["1", "3"] }
  iterator = each_one
  content {
    sid       = each_one.key
    resources = ["*"]
    dynamic "principals" {
      for_each = each_one.value
      content {
        type        = "AWS"
        identifiers = [principals.value]
      }
    }
    dynamic "condition" {
      for_each = toset(each_one.value)
      content {
        test     = "StringEquals"
        variable = "k${condition.key}"
        values   = [condition.value]
      }
    }
  }
}
"""
    found = statements(tmp_path, body)
    assert {each["Sid"]: (each["Principal"], each["Condition"]) for each in found} == {
        "a": ({"AWS": ["1", "3"]}, {"StringEquals": {"k1": ["1"], "k3": ["3"]}}),
        "b": ({"AWS": ["2"]}, {"StringEquals": {"k2": ["2"]}}),
    }


@pytest.mark.parametrize(("default", "expected"), [("true", [("own", "YES")]), ("false", [])])
def test_a_dynamic_statement_that_a_default_decides(tmp_path: Path, default: str, expected: list[tuple[str, str]]) -> None:
    body = 'dynamic "statement" {\n  for_each = var.on ? [1] : []\n  content {\n    sid = "own"\n    resources = ["*"]\n  }\n}\n'
    body += 'statement {\n  sid = "x"\n}\n'
    found = policy(tmp_path, body, f'variable "on" {{\n  default = {default}\n}}\n')
    assert [(each.sid, each.included.name) for each in found.statements] == [*expected, ("x", "YES")]


@pytest.mark.parametrize(
    ("each", "key"),
    [
        ('toset(["a"])', "a"),
        ('setunion(["a"], [])', "a"),
        ("local.set", "a"),
        ("var.set", "a"),
        ("var.object.set", "a"),
        ('try(toset(["a"]), [])', "a"),
        ("{ a = 1 }", "a"),
        ('["a"]', "0"),
        ('tolist(toset(["a"]))', "0"),
        ("[for item in local.set : item]", "0"),
        ("keys({ a = 1 })", "0"),
        ("var.list", "0"),
    ],
)
def test_the_key_of_an_element_of_a_set_is_the_element(tmp_path: Path, each: str, key: str) -> None:
    names = 'locals {\n  set = toset(["a"])\n}\nvariable "set" {\n  type = set(string)\n  default = ["a"]\n}\n'
    names += 'variable "object" {\n  type = object({ set = set(string) })\n  default = { set = ["a"] }\n}\n'
    names += 'variable "list" {\n  type = list(string)\n  default = ["a"]\n}\n'
    body = f'dynamic "statement" {{\n  for_each = {each}\n  content {{\n    sid = statement.key\n  }}\n}}\n'
    assert [str(statement["Sid"]) for statement in statements(tmp_path, body, names)] == [key]


def test_a_dynamic_statement_that_no_default_decides(tmp_path: Path) -> None:
    body = 'dynamic "statement" {\n  for_each = var.on ? [1] : []\n  content {\n    sid = "own"\n    resources = ["*"]\n  }\n}\n'
    found = policy(tmp_path, body, 'variable "on" {\n  type = bool\n}\n')
    assert [(each.sid, each.included.name, each.included_when) for each in found.statements] == [("own", "MAYBE", "var.on = true")]


def test_a_dynamic_condition_that_no_default_decides_makes_two_statements(tmp_path: Path) -> None:
    condition = 'dynamic "condition" {\n  for_each = var.on ? [1] : []\n  content {\n'
    condition += '    test = "Bool"\n    variable = "k"\n    values = ["true"]\n  }\n}\n'
    found = policy(tmp_path, "statement {\n" + PRINCIPALS + condition + "}", 'variable "on" {\n  type = bool\n}\n')
    assert [(len(each.conditions), each.included.name, each.included_when) for each in found.statements] == [
        (1, "MAYBE", "var.on = true"),
        (0, "MAYBE", "var.on = false"),
    ]


def test_dynamic_statements_over_something_unknown_are_a_rest(tmp_path: Path) -> None:
    body = OWN + 'dynamic "statement" {\n  for_each = var.list\n  content {\n    sid = "x"\n  }\n}\n'
    found = policy(tmp_path, body, 'variable "list" {\n  type = list(string)\n}\n')
    assert ([each.sid for each in found.statements], found.rest) == (["both", "own"], "var.list has no default")


# -- places ------------------------------------------------------------------------------------------------------------


def test_every_part_points_into_its_block(tmp_path: Path) -> None:
    body = """  statement {
    sid     = "s"
    actions = ["kms:Decrypt"]
    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = ["arn:aws:cloudtrail:us-east-1:111122223333:trail/t"]
    }
  }"""
    found = policy(tmp_path, body)
    (statement,) = found.statements
    assert found.form is PolicyForm.POLICY_DOCUMENT
    assert found.span == Span("main.tf", 4, 1, 4, 35)
    assert statement.span == Span("main.tf", 5, 3, 17, 4)
    assert dict(statement.parts)["Action"] == Span("main.tf", 7, 5, 7, 30)
    assert dict(statement.parts)["Principal"] == Span("main.tf", 8, 5, 11, 6)
    assert dict(statement.parts)["Condition"] == Span("main.tf", 12, 5, 16, 6)
    assert statement.actions[0].origin.span == Span("main.tf", 7, 16, 7, 29)
    assert statement.principals[0].value.origin.span == Span("main.tf", 10, 22, 10, 48)
    assert statement.conditions[0].span is not None
    assert statement.conditions[0].values[0].origin.span == Span("main.tf", 15, 19, 15, 70)


def test_a_document_is_a_map_whose_text_is_json(tmp_path: Path) -> None:
    text = f'data "aws_iam_policy_document" "d" {{\n{OWN}}}\n'
    text += "locals {\n  sids = jsondecode(data.aws_iam_policy_document.d.json).Statement[*].Sid\n}\n"
    text += 'resource "aws_cloudtrail" "t" {\n  name = join("-", local.sids)\n  s3_bucket_name = "b"\n}\n'
    assert normalized(tmp_path, {"main.tf": text})[0].trails[0].name == Known("both-own")
