"""Large templates: quick, and read no differently."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
import yaml
from configuration_dump import dump
from test_cfn_normalize import normalize_text

from ctkms_policy.cloudformation.template_json import parse_template_json
from ctkms_policy.cloudformation.yaml_text import parse_yaml_source
from ctkms_policy.json_text import parse_json_source
from ctkms_policy.source import ParseError, Source
from ctkms_policy.value import Entry, ListValue, MapValue, Value

KEY_POLICY = {
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": {"Fn::Sub": "${AWS::AccountId}"}}, "Action": "kms:*", "Resource": "*"}]
}


def template(functions: int) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    for number in range(functions):
        resources[f"Function{number}"] = {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Role": {"Fn::GetAtt": [f"Role{number}", "Arn"]},
                "Environment": {"Variables": {"A": {"Ref": "Key"}, "B": "\"x\" 'y'"}},
            },
        }
        statement = {"Effect": "Allow", "Action": ["s3:GetObject", "logs:*"], "Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3:::b/*"}}
        policies = [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement, statement]}}]
        resources[f"Role{number}"] = {"Type": "AWS::IAM::Role", "Properties": {"Policies": policies, "MaxSessionDuration": 3600}}
    resources["Key"] = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": KEY_POLICY}}
    properties = {"IsLogging": True, "S3BucketName": "b", "KMSKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}
    resources["Trail"] = {"Type": "AWS::CloudTrail::Trail", "DependsOn": ["Function0"], "Properties": properties}
    return {"Resources": resources}


def as_yaml(document: dict[str, Any]) -> str:
    # Aliases would be a way to be small.
    dumper = type("Plain", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})
    return str(yaml.dump(document, Dumper=dumper, sort_keys=False))


def without_bodies(document: Value) -> Value:
    """The document with the bodies of functions and roles, which have no spans, taken away."""
    assert isinstance(document, MapValue)
    (section,) = document.entries
    assert isinstance(section.value, MapValue)
    kept = tuple(entry if entry.name in ("Key", "Trail") else Entry(entry.key, ListValue(())) for entry in section.value.entries)
    return replace(document, entries=(replace(section, value=replace(section.value, entries=kept)),))


def test_what_is_read_has_the_spans_of_the_exact_reader() -> None:
    source = Source("template.json", json.dumps(template(3), indent=1))
    quick, exact = parse_template_json(source), parse_json_source(source)
    assert quick == exact
    assert repr_with_spans(without_bodies(quick)) == repr_with_spans(without_bodies(exact))


def test_yaml_and_json_give_one_value() -> None:
    (written,) = parse_yaml_source(Source("template.yaml", as_yaml(template(3))))
    assert written == parse_template_json(Source("template.json", json.dumps(template(3))))


def repr_with_spans(value: Value) -> object:
    span = value.origin.span
    if isinstance(value, MapValue):
        return [span, [(entry.name, entry.key.origin.span, repr_with_spans(entry.value)) for entry in value.entries]]
    if isinstance(value, ListValue):
        return [span, [repr_with_spans(item) for item in value.items]]
    text_map = getattr(value, "text_map", None)
    return [span, value, text_map.span(0, 1) if text_map is not None else None]


def test_dependencies_lead_through_resources_of_which_nothing_is_read() -> None:
    trail = dump(normalize_text(as_yaml(template(2))).trails[0])
    assert trail["depends_on"] == ["Function0", "Key", "Role0"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{Type: AWS::SNS::Topic, Properties: {A: 1, A: 2}}", 'key "A" is there twice, first in line 4'),
        ("{Type: AWS::SNS::Topic, Properties: {A: *b}}", 'the alias "*b" has no anchor'),
        ("{Type: AWS::SNS::Topic, Properties: [}", "invalid YAML"),
        ("{Type: AWS::SNS::Topic, Properties: {[a]: 1}}", "a map key that is not a string"),
        ("{Type: AWS::SNS::Topic, Properties: " + "[" * 200 + "]" * 200 + "}", "nested deeper than"),
    ],
)
def test_what_is_wrong_in_such_a_resource_is_reported_in_its_place(body: str, message: str) -> None:
    with pytest.raises(ParseError) as error:
        parse_yaml_source(Source("template.yaml", f"\n\nResources:\n  Topic: {body}\n"))
    assert message in error.value.message
    assert error.value.span.line == 4


@pytest.mark.parametrize(
    "body",
    [
        '{"Type": "AWS::SNS::Topic", "A": 1, "A": 2}',
        '{"Type": "AWS::SNS::Topic", "A": NaN}',
        '{"Type": "AWS::SNS::Topic",}',
        '"\\x"',
        "1 2",
    ],
)
def test_what_is_wrong_in_json_is_told_as_the_exact_reader_does(body: str) -> None:
    source = Source("template.json", f'{{"Resources": {{"Topic": {body}}}}}')
    with pytest.raises(ParseError) as quick:
        parse_template_json(source)
    with pytest.raises(ParseError) as exact:
        parse_json_source(source)
    assert (quick.value.message, quick.value.span) == (exact.value.message, exact.value.span)


def test_an_anchor_in_such_a_resource_is_found_from_elsewhere() -> None:
    text = """
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {Key: &key alias/x}}
  Trail: {Type: AWS::CloudTrail::Trail, Properties: {IsLogging: true, S3BucketName: b, KMSKeyId: *key}}
"""
    value = normalize_text(text).trails[0].kms_key_id.value
    span = value.origin.span
    assert span is not None
    assert (span.line, span.column) == (3, 57)


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_megabyte_takes_little(form: str) -> None:
    document = template(1_300)
    text = json.dumps(document, indent=1) if form == "json" else as_yaml(document)
    assert len(text) > 900_000
    before = time.process_time()
    configuration = normalize_text(text)
    assert len(configuration.trails) == 1
    assert time.process_time() - before < 4  # 0.5 to 1 second; a slow machine with other work may take some times that
