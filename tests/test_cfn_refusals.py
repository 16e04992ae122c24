"""What CloudFormation refuses in what a trail, store or key is made of: circles and names that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import check_json, write
from test_cfn_normalize import normalize_text

from ctkms_policy.model import Configuration, Refusal
from ctkms_policy.value import Unknown


def refusals_of(configuration: Configuration) -> list[Refusal]:
    return [
        each
        for part in (configuration.trails, configuration.event_data_stores, configuration.keys)
        for resource in part
        for each in resource.refusals
    ]


def messages(text: str) -> list[str]:
    return [each.message for each in refusals_of(normalize_text(text))]


# -- conditions --------------------------------------------------------------------------------------------------------

CONDITIONAL = """
Parameters:
  Stage: {{Type: String, Default: prod}}
Conditions:
  A: {a}
  B: {b}
  Unused: !Not [!Condition Unused]
Resources:
  Trail:
    Type: AWS::CloudTrail::Trail
    Condition: A
    Properties: {{IsLogging: true, S3BucketName: logs}}
"""
"""With a condition that refers to itself and that no trail or key uses: cfn-lint's business."""


@pytest.mark.parametrize(
    ("a", "b", "message", "line"),
    [
        ("!Not [!Condition B]", "!Not [!Condition A]", 'condition "A" refers to itself through "B"', 5),
        ("!Condition A", "!Equals [a, a]", 'condition "A" refers to itself', 5),
        ("{Condition: A}", "!Equals [a, a]", 'condition "A" refers to itself', 5),
        ("!Not [!Condition B]", "!Or [!Equals [a, b], !And [!Condition B, !Equals [a, a]]]", 'condition "B" refers to itself', 6),
    ],
)
def test_a_circle_of_conditions(a: str, b: str, message: str, line: int) -> None:
    configuration = normalize_text(CONDITIONAL.format(a=a, b=b))
    (refusal,) = configuration.trails[0].refusals
    assert refusal.message == message
    assert (refusal.span.line, refusal.span.column) == (line, 3)
    assert configuration.trails[0].created_when == "", "nothing is said of a condition that has no value"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("!Not [!Condition B]", "!Equals [!Ref Stage, test]"),
        ("!And [!Condition B, !Condition B]", "!Equals [!Ref Stage, test]"),
        ("!Or [!Condition B, !Not [!Condition B]]", "!Not [!Equals [!Ref Stage, A]]"),
        ("!Equals [Condition, Condition]", "!Condition A"),
    ],
)
def test_conditions_that_depend_on_each_other_one_way(a: str, b: str) -> None:
    assert messages(CONDITIONAL.format(a=a, b=b)) == []


def test_a_circle_of_conditions_in_a_property_and_in_the_key() -> None:
    text = """
Conditions:
  A: !Not [!Condition A]
Resources:
  Trail:
    Type: AWS::CloudTrail::Trail
    Properties: {IsLogging: true, S3BucketName: logs, KMSKeyId: !If [A, !GetAtt Key.Arn, !Ref 'AWS::NoValue']}
  Key: {Type: AWS::KMS::Key, Condition: A}
"""
    configuration = normalize_text(text)
    assert configuration.trails[0].kms_key_id.value == Unknown('"A" is a condition that refers to itself')
    assert len(configuration.trails[0].refusals) == len(configuration.keys[0].refusals) == 1


def test_a_long_chain_of_conditions_ends() -> None:
    chain = "".join(f"  C{number}: !Not [!Condition C{number + 1}]\n" for number in range(2_000))
    text = CONDITIONAL.format(a="!Condition C0", b=f"!Equals [a, a]\n{chain}  C2000: !Not [!Condition A]")
    (message,) = messages(text)
    assert message == 'condition "A" refers to itself through "C0" and "C1" and "C2" and "C3" and 1997 more'


def test_a_circle_of_conditions_fails_the_trail_and_nothing_is_built_upon_it(tmp_path: Path) -> None:
    run = check_json(write(tmp_path, template_yaml=CONDITIONAL.format(a="!Not [!Condition B]", b="!Not [!Condition A]")))
    assert run.code == 1
    assert run.rules() == ["CTKMS000", "CTKMS001"]
    assert "created when" not in run.out
    assert run.json["trails"][0]["verdict"] == "fail"
