"""Templates that stand as text in a string of another file: judged in their place, or reported, and never mistaken for one."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import indent

import pytest
from command import check_json, write

TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Trail:
    Type: AWS::CloudTrail::Trail

    Properties:
      S3BucketName: amzn-s3-demo-bucket
      IsLogging: true
"""
BROKEN = TEMPLATE.replace("  Trail:\n", "  Trail: [\n")
IN_JSON = json.dumps({"Resources": {"Trail": {"Type": "AWS::CloudTrail::Trail", "Properties": {"S3BucketName": "a", "IsLogging": True}}}})
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: stacks}}\ndata:\n  trail.yaml: |\n{}"
ANSIBLE = "- hosts: all\n  tasks:\n    - amazon.aws.cloudformation:\n        stack_name: audit\n        template_body: |\n{}"
STACK_SET = """\
Resources:
  Everywhere:
    Type: AWS::CloudFormation::StackSet
    Properties:
      StackSetName: audit
      PermissionModel: SELF_MANAGED
      TemplateBody: |
{}
  Topic: {{Type: AWS::SNS::Topic}}
"""


def findings(directory: Path) -> list[tuple[str, int, int]]:
    found = check_json(directory).json["findings"]
    return [(each["rule"], each["location"]["line"], each["location"]["column"]) for each in found if each["verdict"] == "fail"]


@pytest.mark.parametrize(
    ("outer", "indentation", "line"),
    [
        (CONFIG_MAP, 4, 8),
        (ANSIBLE, 12, 8),
        (STACK_SET, 8, 10),
        (CONFIG_MAP.replace("|", "|2-"), 4, 8),
        (CONFIG_MAP.replace("|", "|+ # text"), 4, 8),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_literal_block_is_judged_in_its_place(outer: str, indentation: int, line: int, newline: str, tmp_path: Path) -> None:
    text = outer.format(indent(TEMPLATE, " " * indentation))
    (tmp_path / "outer.yaml").write_bytes(text.replace("\n", newline).encode())
    assert findings(tmp_path) == [("CTKMS001", line, indentation + 3)]


def test_json_and_several_documents_in_a_literal_block(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=CONFIG_MAP.format(indent(IN_JSON, "    ")))
    assert findings(tmp_path) == [("CTKMS001", 6, 5 + IN_JSON.index('"Trail"'))]
    write(tmp_path, a_yaml=CONFIG_MAP.format(indent(f"---\n{TEMPLATE}--- # the next\n{TEMPLATE}", "    ")))
    assert findings(tmp_path) == [("CTKMS001", 9, 7), ("CTKMS001", 18, 7)]


def test_the_template_around_it_is_judged_as_well(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=TEMPLATE + STACK_SET.format(indent(TEMPLATE, " " * 8)).removeprefix("Resources:\n"))
    assert findings(tmp_path) == [("CTKMS001", 3, 3), ("CTKMS001", 17, 11)]


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        (CONFIG_MAP.replace("|", ">").format(indent(IN_JSON.replace(", ", ",\n"), "    ")), "it is not written as a literal block", 5),
        (f"data:\n  trail: '{IN_JSON}'\n", "it is not written as a literal block", 2),
        (json.dumps({"kind": "ConfigMap", "data": {"trail.yaml": TEMPLATE}}, indent=1), "it is not written as a literal block", 4),
        (json.dumps({"kind": "ConfigMap", "data": {"trail.json": IN_JSON}}, indent=1), "it is not written as a literal block", 4),
        (STACK_SET.replace("|", "!Sub |").format(indent(TEMPLATE, " " * 8)), "Fn::Sub fills it in", 7),
    ],
)
def test_a_template_in_another_form_is_reported(text: str, reason: str, line: int, tmp_path: Path) -> None:
    name = "a.json" if text.startswith("{") else "a.yaml"
    (tmp_path / name).write_text(text, encoding="utf-8")
    run = check_json(tmp_path)
    assert run.code == 1
    (finding,) = run.json["findings"]
    assert (finding["rule"], finding["location"]["line"]) == ("CTKMS000", line)
    assert finding["message"] == f"the template in this string is not checked: {reason}"


def test_a_broken_template_is_reported_at_its_place(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=CONFIG_MAP.format(indent(BROKEN, "    ")))
    assert findings(tmp_path) == [("CTKMS000", 11, 19)]
    write(tmp_path, a_yaml='data:\n  trail: "' + BROKEN.replace('"', "'").replace("\n", "\\n") + '"\n')
    assert findings(tmp_path) == [("CTKMS000", 2, 10)]


@pytest.mark.parametrize(
    "text",
    [
        "a script: |\n  cat > t.yaml <<EOF\n  Resources:\n    Trail:\n      Type: AWS::CloudTrail::Trail\n  EOF\n",
        "readme: |\n  Resources are what you declare, such as Type: AWS::CloudTrail::Trail\n  or another\n",
        "help: |\n  Description: how to write: Resources such as\n    Type: AWS::CloudTrail::Trail\nkind:\n  Resources: {}\n",
        "allowed:\n  Resources:\n    - Type: AWS::CloudTrail::Trail\n",
        CONFIG_MAP.format(indent(TEMPLATE.replace("CloudTrail::Trail", "S3::Bucket"), "    ")) + "  note: AWS::CloudTrail::Trail\n",
        CONFIG_MAP.format("    resources:\n      limits: {cpu: 1}\n"),
        CONFIG_MAP.format("    rules:\n      - Resources: [AWS::S3::Bucket]\n        Type: AWS::CloudTrail::Trail\n"),
        "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Code:\n        ZipFile: |\n"
        "          TEMPLATE = '''\n          Resources:\n            T: {Type: AWS::CloudTrail::Trail}\n          '''\n",
    ],
)
def test_what_only_quotes_a_template_is_none(text: str, tmp_path: Path) -> None:
    run = check_json(write(tmp_path, a_yaml=text))
    assert (run.code, run.json["findings"], run.json["trails"]) == (0, [], [])
