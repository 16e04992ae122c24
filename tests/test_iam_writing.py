"""Statements as text: as the formatter of each language leaves it, and read back as what it was."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from key_policies import as_value
from tf_expression_scope import value_of

from ctkms_policy.iam.notation import Notation, element, name_of, notation_of, principal_element
from ctkms_policy.iam.writing import (
    cloudformation_json,
    cloudformation_yaml,
    hcl_object,
    hcl_statement_block,
    json_statement_block,
    plain_json,
)
from ctkms_policy.model import PolicyForm
from ctkms_policy.source import Span
from ctkms_policy.terraform.conversion import written_json
from ctkms_policy.value import JsonText, Known, MapValue, Symbol, concatenate

VARIABLE = Symbol("var.x")
TEXTS = st.one_of(st.text('ab${}%"\\\n:*é-_. ', max_size=8), st.sampled_from(["yes", "No", "true", "null", "on", "y", "nope", "1", "1:2"]))
DOCUMENTS = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(0, 999)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS.filter(bool), inner, max_size=3)),
    max_leaves=8,
)

STATEMENT = as_value(
    {
        "Sid": "Readers",
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam::1:root", VARIABLE], "Service": "cloudtrail.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:ReEncryptFrom"],
        "Resource": "*",
        "Condition": {
            "StringLike": {"kms:CallerAccount": concatenate((Known("1"), VARIABLE)), "aws:ä": ["a", "b"]},
            "Null": {"aws:SourceArn": "false"},
        },
    }
)


def test_an_object_and_its_lists() -> None:
    assert isinstance(STATEMENT, MapValue)
    assert hcl_object(as_value({"Statement": [STATEMENT], "Names": ["a", VARIABLE], "More": [["b"], "c"], "é": "x"})) == (
        "{\n"
        "  Statement = [\n"
        "    {\n"
        '      Sid    = "Readers"\n'
        '      Effect = "Allow"\n'
        "      Principal = {\n"
        '        AWS     = ["arn:aws:iam::1:root", var.x]\n'
        '        Service = "cloudtrail.amazonaws.com"\n'
        "      }\n"
        '      Action   = ["kms:Decrypt", "kms:ReEncryptFrom"]\n'
        '      Resource = "*"\n'
        "      Condition = {\n"
        "        StringLike = {\n"
        '          "kms:CallerAccount" = "1${var.x}"\n'
        '          "aws:ä"             = ["a", "b"]\n'
        "        }\n"
        "        Null = {\n"
        '          "aws:SourceArn" = "false"\n'
        "        }\n"
        "      }\n"
        "    },\n"
        "  ]\n"
        '  Names = ["a", var.x]\n'
        "  More = [\n"
        '    ["b"],\n'
        '    "c",\n'
        "  ]\n"
        '  "é" = "x"\n'
        "}"
    )


def test_a_block() -> None:
    assert isinstance(STATEMENT, MapValue)
    assert hcl_statement_block(STATEMENT) == (
        "statement {\n"
        '  sid       = "Readers"\n'
        '  effect    = "Allow"\n'
        '  actions   = ["kms:Decrypt", "kms:ReEncryptFrom"]\n'
        '  resources = ["*"]\n'
        "\n"
        "  principals {\n"
        '    type        = "AWS"\n'
        '    identifiers = ["arn:aws:iam::1:root", var.x]\n'
        "  }\n"
        "\n"
        "  principals {\n"
        '    type        = "Service"\n'
        '    identifiers = ["cloudtrail.amazonaws.com"]\n'
        "  }\n"
        "\n"
        "  condition {\n"
        '    test     = "StringLike"\n'
        '    variable = "kms:CallerAccount"\n'
        '    values   = ["1${var.x}"]\n'
        "  }\n"
        "\n"
        "  condition {\n"
        '    test     = "StringLike"\n'
        '    variable = "aws:ä"\n'
        '    values   = ["a", "b"]\n'
        "  }\n"
        "\n"
        "  condition {\n"
        '    test     = "Null"\n'
        '    variable = "aws:SourceArn"\n'
        '    values   = ["false"]\n'
        "  }\n"
        "}"
    )
    block = json.loads(json_statement_block(STATEMENT))
    assert [each["type"] for each in block["principals"]] == ["AWS", "Service"]
    assert [(each["test"], each["values"]) for each in block["condition"]] == [
        ("StringLike", ["1${var.x}"]),
        ("StringLike", ["a", "b"]),
        ("Null", ["false"]),
    ]


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_leaves_it_as_it_is() -> None:
    assert isinstance(STATEMENT, MapValue)
    text = f"x = {hcl_object(as_value([STATEMENT, {'a': ['b'], 'long name': [['c']]}]))}\n\n{hcl_statement_block(STATEMENT)}\n"
    run = subprocess.run(["terraform", "fmt", "-"], input=text, capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == text


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(TEXTS.filter(bool), DOCUMENTS, min_size=1, max_size=4))
def test_json_and_yaml_are_read_back_as_what_was_written(document: dict[str, Any]) -> None:
    value = as_value(document)
    assert json.loads(plain_json(value)) == document
    assert json.loads(cloudformation_json(value)) == document
    assert yaml.safe_load(cloudformation_yaml(value)) == document


@settings(max_examples=100, deadline=None)
@given(DOCUMENTS)
def test_hcl_is_read_back_as_what_was_written(document: Any) -> None:
    read = written_json(JsonText(value_of(hcl_object(as_value(document)))))
    assert isinstance(read, Known)
    assert json.loads(str(read.value)) == document


def test_holes_in_a_template() -> None:
    """A literal ``${`` of a text with holes is escaped, and a hole of its own needs no Fn::Sub."""
    attribute = Symbol("Key.Arn")
    mixed = concatenate((Known("${aws:username}-"), VARIABLE))
    value = as_value({"a": attribute, "b": Symbol("AWS::AccountId"), "c": mixed, "d": Known("${aws:username}"), "e": as_value([])})
    assert cloudformation_yaml(value) == (
        'a: !GetAtt Key.Arn\nb: !Ref AWS::AccountId\nc: !Sub "${!aws:username}-${var.x}"\nd: "${aws:username}"\ne: []'
    )
    assert json.loads(cloudformation_json(value)) == {
        "a": {"Fn::GetAtt": ["Key", "Arn"]},
        "b": {"Ref": "AWS::AccountId"},
        "c": {"Fn::Sub": "${!aws:username}-${var.x}"},
        "d": "${aws:username}",
        "e": [],
    }
    assert json.loads(cloudformation_json(Symbol("Nested.Outputs.Arn"))) == {"Fn::GetAtt": ["Nested", "Outputs.Arn"]}


def test_no_letter_is_turned_into_an_escape() -> None:
    word = Known("Prüfer")
    for text in (plain_json(word), cloudformation_json(word), hcl_object(word), cloudformation_yaml(as_value({"Prüfer x": word}))):
        assert "Prüfer" in text
    for notation in Notation:
        assert "Prüfer" in element(notation, "Sid", "Prüfer")
        assert "Prüfer" in principal_element(notation, "Service", "Prüfer")


@pytest.mark.parametrize(
    ("notation", "action", "sid", "service", "everybody", "name"),
    [
        (
            Notation.BLOCKS,
            'actions = ["kms:*"]',
            'sid = "S"',
            'principals with type = "Service" and identifiers = ["x"]',
            'principals with type = "*" and identifiers = ["*"]',
            "actions",
        ),
        (Notation.HCL, 'Action = "kms:*"', 'Sid = "S"', 'Principal = { Service = "x" }', 'Principal = "*"', "Action"),
        (Notation.YAML, 'Action: "kms:*"', 'Sid: "S"', 'Principal: { Service: "x" }', 'Principal: "*"', "Action"),
        (Notation.JSON, '"Action": "kms:*"', '"Sid": "S"', '"Principal": { "Service": "x" }', '"Principal": "*"', "Action"),
    ],
)
def test_elements_are_named_as_the_file_names_them(
    notation: Notation, action: str, sid: str, service: str, everybody: str, name: str
) -> None:
    assert element(notation, "Action", "kms:*") == action
    assert element(notation, "Sid", "S") == sid
    assert principal_element(notation, "Service", "x") == service
    assert principal_element(notation, "*", "*") == everybody
    assert name_of(notation, "Action") == name


@pytest.mark.parametrize(
    ("form", "path", "expected"),
    [
        (PolicyForm.POLICY_DOCUMENT, "main.tf", Notation.BLOCKS),
        (PolicyForm.POLICY_DOCUMENT, "main.tf.json", Notation.BLOCKS),
        (PolicyForm.JSON_TEXT, "main.tf", Notation.JSON),
        (PolicyForm.JSON_TEXT, "policy.json", Notation.JSON),
        (PolicyForm.OBJECT, "template.JSON", Notation.JSON),
        (PolicyForm.OBJECT, "main.tf", Notation.HCL),
        (PolicyForm.OBJECT, "main.tofu", Notation.HCL),
        (PolicyForm.OBJECT, "template.yaml", Notation.YAML),
        (PolicyForm.OBJECT, "template.template", Notation.YAML),
    ],
)
def test_the_notation_is_that_of_form_and_file(form: PolicyForm, path: str, expected: Notation) -> None:
    assert notation_of(form, Span.at(path)) is expected


def test_without_a_file_a_policy_is_written_as_a_template_has_it() -> None:
    assert notation_of(PolicyForm.OBJECT, None) is Notation.YAML
