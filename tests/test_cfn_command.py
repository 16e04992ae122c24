"""CloudFormation through the command line: parameters that are given, and what cannot be known or read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

import pytest
from command import check_json, write

from ctkms_policy.source import Source

TEMPLATE = """
Parameters:
  UseKms: {Type: String, Default: 'false', AllowedValues: ['true', 'false']}
Conditions:
  WithKms: !Equals [!Ref UseKms, 'true']
Resources:
  Trail:
    Type: AWS::CloudTrail::Trail
    Properties:
      IsLogging: true
      S3BucketName: amzn-s3-demo-bucket
      KMSKeyId: !If [WithKms, alias/aws/s3, !Ref 'AWS::NoValue']
"""
FORMS = {
    "cli.json": '[{"ParameterKey": "UseKms", "ParameterValue": "true"}]',
    "texts.json": '["UseKms=true"]',
    "pipeline.json": '{"Parameters": {"UseKms": "true"}, "Tags": {"a": "b"}}',
    "map.yaml": "UseKms: 'true'\n",
    "bool.yaml": "UseKms: true\n",
}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return write(tmp_path, stack__template_yaml=TEMPLATE)


def test_without_any_the_default_decides(template: Path) -> None:
    assert check_json(template, "stack").rules() == ["CTKMS001"]


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_file(name: str, template: Path) -> None:
    (template / name).write_text(FORMS[name], encoding="utf-8")
    assert check_json(template, "stack", "--parameters", name).rules() == ["CTKMS002"]


def test_a_single_one(template: Path) -> None:
    assert check_json(template, "stack", "--parameter", "UseKms=true").rules() == ["CTKMS002"]


def test_the_later_file_wins_and_the_single_one_over_files(template: Path) -> None:
    write(template, on_yaml="UseKms: true\n", off_yaml="UseKms: false\n")
    assert check_json(template, "stack", "--parameters", "on.yaml", "--parameters", "off.yaml").rules() == ["CTKMS001"]
    assert check_json(template, "stack", "--parameter", "UseKms=true", "--parameters", "off.yaml").rules() == ["CTKMS002"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--parameter", "UseKms"], '--parameter: "UseKms" is not NAME=VALUE'),
        (["--parameters", "missing.json"], "missing.json:1:1: cannot read the file"),
        (["--parameters", "bad.json"], "bad.json:1:2: these are no parameters"),
    ],
)
def test_what_is_no_parameter_is_a_usage_error(arguments: list[str], message: str, template: Path) -> None:
    write(template, bad_json="[1]")
    run = check_json(template, "stack", *arguments)
    assert run.code == 2
    assert message in run.err


def test_a_given_parameter_that_is_not_echoed_is_not_printed(template: Path) -> None:
    text = TEMPLATE.replace("Conditions:", "  Alias: {Type: String, NoEcho: true}\nConditions:").replace("alias/aws/s3", "!Ref Alias")
    write(template, stack__template_yaml=text)
    run = check_json(template, "stack", "--parameter", "UseKms=true", "--parameter", "Alias=alias/very-secret")
    assert run.json["findings"]
    assert "very-secret" not in run.out


def test_a_key_that_another_stack_imports_is_judged_once(tmp_path: Path) -> None:
    key = (
        "Resources:\n  Key:\n    Type: AWS::KMS::Key\n    Properties:\n      KeyPolicy:\n        Statement:\n"
        "          - {Effect: Allow, Principal: {Service: cloudtrail.amazonaws.com}, Action: 'kms:*', Resource: '*'}\n"
        "Outputs: {Arn: {Value: !GetAtt Key.Arn, Export: {Name: the-key}}}\n"
    )
    trail = (
        "Resources:\n  Trail:\n    Type: AWS::CloudTrail::Trail\n"
        "    Properties: {IsLogging: true, S3BucketName: b, KMSKeyId: !ImportValue the-key}\n"
    )
    report = check_json(write(tmp_path, key_yaml=key, trail_yaml=trail)).json
    about = [finding for finding in report["findings"] if finding["rule"] == "CTKMS006"]
    assert len(about) == 1


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        (
            "{Fn::Transform: {Name: AWS::Include, Parameters: {Location: 's3://b/p.yaml'}}}",
            'what AWS::Include of "s3://b/p.yaml" adds to the properties is not known',
        ),
        ("{Fn::Transform: {Name: Macro}}", "what Fn::Transform adds to the properties is not known"),
        ("[]", "the properties are not a map"),
    ],
)
def test_properties_that_nobody_knows(properties: str, reason: str, tmp_path: Path) -> None:
    run = check_json(write(tmp_path, t_yaml=f"Resources:\n  T: {{Type: AWS::CloudTrail::Trail, Properties: {properties}}}\n"))
    assert run.rules("undetermined") == ["CTKMS015"]
    assert reason in run.json["findings"][0]["message"]


def test_a_template_of_templates_is_reported_with_its_way_out(tmp_path: Path) -> None:
    text = "Resources:\n{% if trail %}\n  T:\n    Type: AWS::CloudTrail::Trail\n{% endif %}\n"
    (finding,) = check_json(write(tmp_path, t_yaml=text)).json["findings"]
    assert finding["rule"] == "CTKMS000"
    assert finding["help"].startswith("render the file first")


PARENT = """
Resources:
  Audit:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: TARGET
"""


def trail_addresses(directory: Path, *arguments: str) -> list[str]:
    return [each["address"] for each in check_json(directory, *arguments).json["trails"]]


@pytest.mark.parametrize(
    "target",
    [
        "./nested/template.yaml",
        "'nested/template.yaml'",
        '"nested/template.yaml" # the trail',
        ">-\n        nested/template.yaml",
        "|\n        nested/template.yaml\n",
        '!Sub "nested/template.yaml"',
        "!Sub '${Where}/template.yaml'",
        "!Join ['/', [nested, template.yaml]]",
    ],
)
@pytest.mark.parametrize("end", ["\n", ""])
def test_a_given_template_is_read_with_the_trail_that_it_nests(target: str, end: str, tmp_path: Path) -> None:
    parameters = "Parameters:\n  Where: {Type: String, Default: nested}"
    parent = parameters + PARENT.replace("TARGET", target).rstrip("\n") + end
    write(tmp_path, parent_yaml=parent, nested__template_yaml=TEMPLATE)
    assert trail_addresses(tmp_path, "parent.yaml") == ["Audit/Trail"]


@pytest.mark.parametrize("name", ["sp ace/a b.yaml", "it's.yaml", "br[a]ce{s}.yaml", "com,ma.yaml", "ümläut.yaml"])
@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_a_nested_template_of_any_name(name: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(TEMPLATE, encoding="utf-8")
    stack = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": name}}
    parent = json.dumps({"Resources": {"Audit": stack}}) if kind == "json" else PARENT.replace("TARGET", f'"{name}"')
    (tmp_path / f"parent.{kind}").write_text(parent, encoding="utf-8")
    assert trail_addresses(tmp_path, f"parent.{kind}") == ["Audit/Trail"]


def test_a_nested_stack_of_cdk_is_found_by_its_asset(tmp_path: Path) -> None:
    hash = "ab" * 32
    stack = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": {"Fn::Sub": f"https://s3.${{AWS::Region}}.${{AWS::URLSuffix}}/assets/{hash}.json"}},
    }
    write(tmp_path, Audit_nested_template_yaml=TEMPLATE)
    (tmp_path / "Audit.nested.template").write_text(TEMPLATE, encoding="utf-8")
    write(tmp_path, hashed_json=json.dumps({"Resources": {"Audit": stack}}))
    write(tmp_path, named_json=json.dumps({"Resources": {"Audit": {**stack, "Metadata": {"aws:asset:path": "Audit.nested.template"}}}}))
    assert trail_addresses(tmp_path, "named.json") == ["Audit/Trail"]
    assert trail_addresses(tmp_path, "hashed.json") == []
    manifest = {"artifacts": {"Assets": {"type": "cdk:asset-manifest", "properties": {"file": "assets.json"}}}}
    assets = {"files": {hash: {"source": {"path": "Audit.nested.template"}}}}
    write(tmp_path, manifest_json=json.dumps(manifest), assets_json=json.dumps(assets))
    assert trail_addresses(tmp_path, "hashed.json") == ["Audit/Trail"]


INCLUDE = "{Name: AWS::Include, Parameters: {Location: ./part.yaml}}"
PART = TEMPLATE.partition("Resources:\n")[2]


@pytest.mark.parametrize(
    "parent",
    [
        "Resources:\n  Topic: {Type: AWS::SNS::Topic}\n  Fn::Transform: " + INCLUDE,
        "Resources:\n  Fn::Transform: " + INCLUDE,
        "Resources: {'Fn::Transform': " + INCLUDE + "}",
    ],
)
def test_a_given_template_is_read_with_the_trail_that_it_includes(parent: str, tmp_path: Path) -> None:
    head = TEMPLATE.partition("Resources:\n")[0]
    write(tmp_path, parent_yaml=head + parent, part_yaml="\n".join(line.removeprefix("  ") for line in PART.splitlines()))
    assert trail_addresses(tmp_path, "parent.yaml") == ["Trail"]
    assert trail_addresses(tmp_path) == ["Trail"]


@pytest.mark.parametrize(
    "parent",
    [
        "Transform: " + INCLUDE,
        "Transform: [" + INCLUDE + "]",
        "Transform: [AWS::LanguageExtensions, " + INCLUDE + "]",
        "Fn::Transform: " + INCLUDE,
        "AWSTemplateFormatVersion: '2010-09-09'\nTransform: " + INCLUDE,
        "Transform: " + INCLUDE + "\nResources: {Topic: {Type: AWS::SNS::Topic}}",
        "Resources: {Topic: {Type: AWS::SNS::Topic}}\nFn::Transform: " + INCLUDE,
    ],
)
def test_a_whole_template_that_another_one_includes_is_judged_once(parent: str, tmp_path: Path) -> None:
    write(tmp_path, parent_yaml=parent, part_yaml=TEMPLATE)
    assert trail_addresses(tmp_path, "parent.yaml") == ["Trail"]
    assert trail_addresses(tmp_path) == ["Trail"]
    assert len(check_json(tmp_path).json["findings"]) == 1


def test_includes_that_go_in_circles_end(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=f"Transform: {INCLUDE.replace('part', 'b')}\n{TEMPLATE}", b_yaml=f"Transform: {INCLUDE.replace('part', 'a')}\n")
    assert trail_addresses(tmp_path) == ["Trail"]
    assert trail_addresses(tmp_path, "b.yaml") == ["Trail"]


def test_an_include_out_of_the_repository_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, outside_yaml=TEMPLATE, repository__parent_yaml="Transform: " + INCLUDE.replace("./part", "../outside"))
    (tmp_path / "repository" / ".git").mkdir()
    found = check_json(tmp_path / "repository", "parent.yaml").json
    assert (found["trails"], found["findings"]) == ([], [])


def test_a_template_that_nests_nothing_is_only_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ctkms_policy.cloudformation.containers as containers

    def fail(source: Source) -> NoReturn:
        raise AssertionError(f"{source.path} is read")

    monkeypatch.setattr(containers, "read_templates", fail)
    write(tmp_path, key_yaml="Resources:\n  Key: {Type: AWS::KMS::Key}\nOutputs:\n  Arn: {Value: !GetAtt Key.Arn, Export: {Name: key}}\n")
    assert check_json(tmp_path).json["findings"] == []
    write(tmp_path, key_yaml=PARENT.replace("TARGET", "other.yaml"))
    assert "key.yaml is read" in check_json(tmp_path).err


def test_a_trail_two_stacks_down_is_found(tmp_path: Path) -> None:
    write(tmp_path, parent_yaml=PARENT.replace("TARGET", "middle.yaml"), nested__template_yaml=TEMPLATE)
    write(tmp_path, middle_yaml=PARENT.replace("TARGET", "nested/template.yaml"))
    assert trail_addresses(tmp_path, "parent.yaml") == ["Audit/Audit/Trail"]


@pytest.mark.parametrize("target", ["https://example.com/template.yaml", "missing.yaml", "parent.yaml", "../outside.yaml", "nested"])
def test_a_given_template_that_nests_no_local_trail_is_not_read(target: str, tmp_path: Path) -> None:
    write(tmp_path, outside_yaml=TEMPLATE, repository__parent_yaml=PARENT.replace("TARGET", target))
    write(tmp_path, repository__nested__template_yaml=TEMPLATE)
    (tmp_path / "repository" / ".git").mkdir()
    found = check_json(tmp_path / "repository", "parent.yaml").json
    assert (found["trails"], found["findings"]) == ([], [])


def test_a_nested_template_behind_a_link_out_of_the_repository_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, outside_yaml=TEMPLATE, repository__parent_yaml=PARENT.replace("TARGET", "linked.yaml"))
    (tmp_path / "repository" / ".git").mkdir()
    (tmp_path / "repository" / "linked.yaml").symlink_to(tmp_path / "outside.yaml")
    assert trail_addresses(tmp_path / "repository", "parent.yaml") == []
