"""Parameters on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import check_json, write

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
