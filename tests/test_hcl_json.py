"""Terraform's JSON syntax: the same tree as native syntax, with places in the JSON."""

from __future__ import annotations

import pytest
from hcl_trees import converted, read, shown, spans, texts

from ctkms_policy.source import Source, Span
from ctkms_policy.terraform.hcl import reader
from ctkms_policy.terraform.hcl.json_syntax import read_json
from ctkms_policy.terraform.hcl.syntax import HclFile, StringTemplate


def read_text(text: str) -> HclFile:
    return read_json(Source("main.tf.json", text), reader("tree-sitter"))


TWINS = [
    (
        '{"resource": {"aws_cloudtrail": {"t": {"name": "x-${var.a}", "kms_key_id": null, "count": 2, "on": true}}}}',
        """
        resource "aws_cloudtrail" "t" {
          name       = "x-${var.a}"
          kms_key_id = null
          count      = 2
          on         = true
        }
        """,
    ),
    (
        '{"resource": [{"a": [{"b": [{"c": 1}, {"c": 2}]}, {"d": {}}]}]}',
        """
        resource "a" "b" {
          c = 1
        }
        resource "a" "b" {
          c = 2
        }
        resource "a" "d" {}
        """,
    ),
    (
        """
        {"data": {"aws_iam_policy_document": {"p": {"dynamic": [
          {"statement": [{"for_each": ["a"], "iterator": "each_one", "content": [{"sid": "${each_one.value}"}]}]}
        ]}}}}
        """,
        """
        data "aws_iam_policy_document" "p" {
          dynamic "statement" {
            for_each = ["a"]
            iterator = each_one
            content {
              sid = "${each_one.value}"
            }
          }
        }
        """,
    ),
    # an object may repeat what is a block, a file may be a list of objects: terraform takes all of them
    (
        """
        [{"resource": {"a": {"b": {"lifecycle": {"x": 1}, "lifecycle": {"y": 2}, "//": 1, "//": 2}}, "a": {"d": {"e": 1}}}},
         {"locals": {"f": 1}, "locals": {"g": 2}}]
        """,
        """
        resource "a" "b" {
          lifecycle {
            x = 1
          }
          lifecycle {
            y = 2
          }
        }
        resource "a" "d" {
          e = 1
        }
        locals {
          f = 1
        }
        locals {
          g = 2
        }
        """,
    ),
    (
        '{"//": "note", "locals": {"//": "note", "a": {"//": "kept", "k${1}": [1, "b"]}}}',
        """
        locals {
          a = { "//" = "kept", "k${1}" = [1, "b"] }
        }
        """,
    ),
    (
        """
        {"data": {"aws_iam_policy_document": {"p": {"statement": [
          {"sid": "A", "principals": {"type": "AWS"}}, {"condition": [{"test": "x"}, {"test": "y"}]}
        ]}}}}
        """,
        """
        data "aws_iam_policy_document" "p" {
          statement {
            sid = "A"
            principals {
              type = "AWS"
            }
          }
          statement {
            condition {
              test = "x"
            }
            condition {
              test = "y"
            }
          }
        }
        """,
    ),
    (
        """
        {"data": {"aws_iam_policy_document": {"p": {
          "dynamic": {"statement": {"for_each": "${var.x}", "content": {"condition": {"a": 1}}}}
        }}}}
        """,
        """
        data "aws_iam_policy_document" "p" {
          dynamic "statement" {
            for_each = "${var.x}"
            content {
              condition {
                a = 1
              }
            }
          }
        }
        """,
    ),
    (
        """
        {"resource": {"a": {"b": {
          "depends_on": ["c.d"], "provider": "aws.x", "lifecycle": {"ignore_changes": ["e"]}, "statement": {"f": 1}
        }}}}
        """,
        """
        resource "a" "b" {
          depends_on = [c.d]
          provider   = aws.x
          statement  = { "f" = 1 }
          lifecycle {
            ignore_changes = [e]
          }
        }
        """,
    ),
    (
        """
        {"variable": {"v": {"type": "list(string)", "default": ["${x}"]}},
         "module": {"m": {"source": "./${a}", "providers": {"aws": "aws.b"}}}}
        """,
        """
        variable "v" {
          type    = list(string)
          default = ["$${x}"]
        }
        module "m" {
          source    = "./$${a}"
          providers = { "aws" = aws.b }
        }
        """,
    ),
    (
        '{"terraform": {"required_providers": {"aws": {"source": "a/b"}}, "backend": {"s3": {"bucket": "${b}"}}}}',
        """
        terraform {
          required_providers {
            aws = { "source" = "a/b" }
          }
          backend "s3" {
            bucket = "$${b}"
          }
        }
        """,
    ),
    (
        r'{"locals": {"a": "$${b} %%{c} \u00e9\n%{ if d }x%{ endif }"}}',
        r"""
        locals {
          a = "$${b} %%{c} é\n%{ if d }x%{ endif }"
        }
        """,
    ),
    ("{}", ""),
]


@pytest.mark.parametrize(("json", "native"), TWINS)
def test_the_same_tree_as_native_syntax(json: str, native: str) -> None:
    ours, twin = read_text(json), read(reader("tree-sitter"), native)
    assert ours.problems == twin.problems == ()
    assert converted(ours.body) == converted(twin.body)


def test_places_are_those_in_the_json() -> None:
    source = Source("a.tf.json", '{"locals": {\n  "a": "x\\"${var.é}\\u00e9y\\n${f(\\"q\\")}",\n  "b": {"c": ["${d}"]}\n}}')
    body = read_json(source, reader("tree-sitter")).body.blocks[0].body

    def text_of(span: Span) -> str:
        start = source.line_starts[span.line - 1] + span.column - 1
        return source.text[start : source.line_starts[span.end_line - 1] + span.end_column - 1]

    found = {text_of(span) for span in spans(body)}
    assert {"a", "var.é", "${var.é}", 'f(\\"q\\")', '\\"q\\"', "${d}", "d", '["${d}"]'} <= found
    places = [
        (character, source.text[source.line_starts[line - 1] + column - 1])
        for text in texts(body)
        for character, (line, column) in zip(text.text, map(text.text_map.position, range(len(text.text))), strict=True)
    ]
    assert ("x", "x") in places
    assert all(there == character or there == "\\" for character, there in places)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty JSON document"),
        ("5", "a Terraform JSON file holds an object, or a list of objects"),
        ("[[]]", "a Terraform JSON file holds an object, or a list of objects"),
        ('{"resource": {}}', "a block label is missing"),
        ('{"resource": {"a": []}}', "a block label is missing"),
        ('{"variable": null}', "a block label is missing"),
        ('{"locals": {"a": {"b": 1, "b": 2}}}', 'key "b" is there twice, first in line 1'),
        ('{"locals": {"a": 1, "a": 2}}', 'key "a" is there twice, first in line 1'),
        ('{"locals": {"a": "${b"}}', '"${" without an end'),
        ('{"locals": {"a": "x ${b c}"}}', 'expected "}", found "c"'),
        ('{"resource": {"a": 1}}', "expected an object whose keys are block labels"),
        ('{"resource": {"a": {"b": "x"}}}', 'the content of a "resource" block is not an object'),
        ('{"resources": {}}', '"resources" is no block type of Terraform'),
        ('{"locals": {"a": ' + "[" * 150 + "]" * 150 + "}}", "nested deeper than 100 levels"),
        ('{"locals": {"a": "${' + "(" * 10_000 + '"}}', "nested deeper than 100 levels"),
    ],
)
def test_error(text: str, message: str) -> None:
    assert [problem.message for problem in read_text(text).problems] == [message]


def test_place_of_an_error_in_a_string() -> None:
    (problem,) = read_text('{"locals": {\n  "a": "x\\n${b c}"}}').problems
    assert (problem.span.line, problem.span.column) == (2, 16)


def test_what_stands_around_an_error_is_still_read() -> None:
    file = read_text('{"nonsense": 1, "locals": {"a": "${", "b": "c"}}')
    assert len(file.problems) == 2
    assert isinstance(file.body.blocks[0].body.attributes[1].expression, StringTemplate)


def test_blocks_within_blocks_without_end() -> None:
    text = '{"data": {"aws_iam_policy_document": {"p": ' + '{"statement": ' * 150 + "{}" + "}" * 150 + "}}}"
    assert [problem.message for problem in read_text(text).problems] == ["nested deeper than 100 levels"]


def test_reference_in_dollar_braces_is_the_reference() -> None:
    body = read_text('{"resource": {"a": {"b": {"provider": "${aws.x}", "depends_on": ["${c.d}"]}}}}').body.blocks[0].body
    assert [shown(attribute.expression) for attribute in body.attributes] == ["aws.x", "[c.d]"]
