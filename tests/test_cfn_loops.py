"""``Fn::ForEach``: what cfn-lint makes of it, and what is said where it cannot."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command import check_json, write
from test_cfn_normalize import normalize_text

from ctkms_policy.cloudformation.parameters import Parameters
from ctkms_policy.model import Configuration, KeyPolicy
from ctkms_policy.value import Known, Reference, Unknown, describe

LOOP = """
Transform: AWS::LanguageExtensions
Parameters:
  Names: {{Type: CommaDelimitedList{default}}}
Mappings:
  Suffixes:
    one: {{all: [a, b]}}
    two: {{all: [c]}}
Resources:
  Fn::ForEach::Trails:
    - Name
    - {collection}
    - Trail${{Name}}:
        Type: AWS::CloudTrail::Trail
        Properties:
          TrailName: !Sub '${{Name}}-${{AWS::Region}}'
          IsLogging: true
          S3BucketName: !FindInMap [Suffixes, !Ref AWS::Region, all]
          KMSKeyId: !GetAtt [!Sub 'Key${{Name}}', Arn]
"""


def looped(collection: str, default: str = "", parameters: Parameters | None = None) -> Configuration:
    return normalize_text(LOOP.format(collection=collection, default=default), parameters)


@pytest.mark.host
@pytest.mark.parametrize(
    ("collection", "default", "parameters"),
    [
        ("[one, two]", "", None),
        ("!Ref Names", ", Default: 'one, two'", None),
        ("!Ref Names", "", Parameters({"Names": Known("one,two")})),
        ("!Split ['-', one-two]", "", None),
    ],
)
def test_each_item_makes_a_trail_that_stands_in_the_loop(collection: str, default: str, parameters: Parameters | None) -> None:
    pytest.importorskip("cfnlint")
    configuration = looped(collection, default, parameters)
    assert configuration.problems == ()
    assert [trail.address for trail in configuration.trails] == ["Trailone", "Trailtwo"]
    assert [describe(trail.name) for trail in configuration.trails] == ['"one-${AWS::Region}"', '"two-${AWS::Region}"']
    assert {(trail.span.line, trail.span.column) for trail in configuration.trails} == {(13, 7)}
    spans = [trail.kms_key_id.span for trail in configuration.trails]
    assert all(span is not None and (span.line, span.column, span.end_line) == (19, 11, 19) for span in spans)


@pytest.mark.host
def test_cfn_lint_does_not_guess_the_region_of_a_mapping() -> None:
    pytest.importorskip("cfnlint")
    bucket = looped("[one]").trails[0].bucket_name
    assert "one" not in describe(bucket).split(" = ")[0]
    assert not isinstance(bucket, Known)


@pytest.mark.host
@pytest.mark.parametrize(
    ("collection", "reason"),
    [
        ("!Ref Names", "the collection of Fn::ForEach::Trails is not known: parameter Names has no default"),
        ("!Ref Missing", '"Missing" is neither a parameter nor a resource'),
        ("one", "is no list"),
        ("[one, one]", "Duplicate Trailone"),
    ],
)
def test_a_loop_that_cannot_be_expanded_is_undetermined(collection: str, reason: str) -> None:
    pytest.importorskip("cfnlint")
    (trail,) = looped(collection).trails
    assert trail.address == "Trail${Name}"
    assert isinstance(trail.kms_key_id.value, Unknown)
    assert reason in trail.kms_key_id.value.reason


def test_a_loop_without_the_transform_is_refused(tmp_path: Path) -> None:
    text = LOOP.format(collection="[one]", default="")
    assert text.count("Transform: AWS::LanguageExtensions\n") == 1
    run = check_json(write(tmp_path, template_yaml=text.replace("Transform: AWS::LanguageExtensions\n", "")))
    assert (run.code, run.rules(), run.rules("undetermined"), run.json["trails"]) == (1, ["CTKMS000"], [], [])
    assert "Fn::ForEach::Trails" in run.json["findings"][0]["message"]
    assert 'add "Transform: AWS::LanguageExtensions"' in run.json["findings"][0]["help"]
    run = check_json(write(tmp_path, template_yaml=text.replace("AWS::LanguageExtensions", "OurMacro")))
    assert (run.rules(), run.rules("undetermined")) == ([], ["CTKMS015"]), "the macro may expand it"


def test_without_cfn_lint_the_reason_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cfnlint.template", None)
    run = check_json(write(tmp_path, template_yaml=LOOP.format(collection="[one]", default="")))
    assert run.rules() == []
    assert run.rules("undetermined") == ["CTKMS015"]
    assert "pip install 'ctkms-policy[cfn-lint]'" in run.out
    assert check_json(tmp_path, "--strict").code == 1


def test_a_loop_over_what_is_not_read_needs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cfnlint.template", None)
    text = """
Transform: [AWS::LanguageExtensions]
Resources:
  Key: {Type: AWS::KMS::Key, Properties: {KeyPolicy: {Statement: []}}}
  Fn::ForEach::Topics: [Name, [a, b], {'Topic${Name}': {Type: AWS::SNS::Topic}}]
"""
    configuration = normalize_text(text)
    assert configuration.problems == ()
    assert [key.address for key in configuration.keys] == ["Key"]


@pytest.mark.host
def test_the_inner_collection_may_depend_on_the_outer_loop() -> None:
    pytest.importorskip("cfnlint")
    text = """
Transform: AWS::LanguageExtensions
Mappings: {Suffixes: {one: {all: [a, b]}, two: {all: [c]}}}
Resources:
  Fn::ForEach::Outer:
    - A
    - [one, two]
    - Fn::ForEach::Inner:
        - B
        - !FindInMap [Suffixes, !Ref A, all]
        - Trail${A}${B}: {Type: AWS::CloudTrail::Trail, Properties: {IsLogging: true, S3BucketName: b}}
"""
    assert [trail.address for trail in normalize_text(text).trails] == ["Trailonea", "Trailoneb", "Trailtwoc"]


@pytest.mark.host
def test_a_loop_inside_a_resource_and_names_that_are_not_the_loops() -> None:
    pytest.importorskip("cfnlint")
    text = """
Transform: AWS::LanguageExtensions
Resources:
  Trail:
    Type: AWS::CloudTrail::Trail
    Properties:
      S3BucketName: b
      Fn::ForEach::Properties: [P, [KMSKeyId], {'${P}': !Sub '${!P}-${AWS::Region}'}]
"""
    (trail,) = normalize_text(text).trails
    assert describe(trail.kms_key_id.value) == '"${P}-${AWS::Region}"'


@pytest.mark.host
def test_keys_and_trails_of_loops_find_each_other() -> None:
    pytest.importorskip("cfnlint")
    text = LOOP.format(collection="[one, two]", default="") + (
        "  Fn::ForEach::Keys:\n    - Name\n    - [one, two]\n    - Key${Name}:\n        Type: AWS::KMS::Key\n"
        "        Properties: {KeyPolicy: {Statement: [{Sid: !Ref Name, Effect: Allow, Principal: '*', Action: 'kms:*', Resource: '*'}]}}\n"
    )
    configuration = normalize_text(text)
    assert [trail.kms_key_id.value for trail in configuration.trails] == [Reference("Keyone", "Arn"), Reference("Keytwo", "Arn")]
    policies = [key.policy for key in configuration.keys]
    assert [policy.statements[0].sid for policy in policies if isinstance(policy, KeyPolicy)] == ["one", "two"]
    (first, _) = policies
    assert isinstance(first, KeyPolicy)
    span = first.statements[0].part_span("Effect")
    assert span is not None
    assert span.line == 25


def test_a_loop_without_the_transform_is_said_to_do_nothing() -> None:
    text = LOOP.format(collection="[one]", default="").replace(
        "Transform: AWS::LanguageExtensions", "Transform: AWS::Serverless-2016-10-31"
    )
    (trail,) = normalize_text(text).trails
    assert isinstance(trail.kms_key_id.value, Unknown)
    assert "does nothing without" in trail.kms_key_id.value.reason


def test_what_sam_makes_up_for_a_function_is_a_reference() -> None:
    text = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Reader: {Type: AWS::Serverless::Function, Properties: {Handler: x}}
  Key:
    Type: AWS::KMS::Key
    Properties:
      KeyPolicy:
        Statement:
          - {Effect: Allow, Principal: {AWS: !GetAtt ReaderRole.Arn}, Action: kms:Decrypt, Resource: '*'}
          - {Effect: Allow, Principal: {AWS: !GetAtt WriterRole.Arn}, Action: kms:Decrypt, Resource: '*'}
"""
    policy = normalize_text(text).keys[0].policy
    assert isinstance(policy, KeyPolicy)
    first, second = (statement.principals[0].value for statement in policy.statements)
    assert first == Reference("ReaderRole", "Arn")
    assert isinstance(second, Unknown)
