"""Wrong answers that somebody who set out to find them found; each stays right."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import check_json, write

TEMPLATE = """
Resources:
  Trail:
    Type: AWS::CloudTrail::Trail
    Properties: {{IsLogging: true, S3BucketName: logs, TrailName: t, KMSKeyId: !GetAtt Key.Arn}}
  Key:
    Type: AWS::KMS::Key
    Properties:
      KeyPolicy:
        Version: "2012-10-17"
        Statement:
          - {{Effect: Allow, Principal: {{AWS: {root}}}, Action: "kms:*", Resource: "*"}}
          - Effect: Allow
            Principal: {{Service: cloudtrail.amazonaws.com}}
            Action: [kms:GenerateDataKey*, kms:DescribeKey]
            Resource: "*"
            Condition: {{StringEquals: {{aws:SourceArn: {arn}}}}}
"""
ROOT = '!Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"'
OWN_TRAIL = '!Sub "arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/t"'


@pytest.mark.parametrize("root", [ROOT, "!Ref AWS::AccountId", '"111122223333"'])
def test_the_account_id_means_the_accounts_root_in_every_spelling(tmp_path: Path, root: str) -> None:
    done = check_json(write(tmp_path, template_yaml=TEMPLATE.format(root=root, arn=OWN_TRAIL)))
    assert done.json["trails"][0]["policy"]["decrypt"] == "delegated"
    assert done.rules() == ["CTKMS016"]


@pytest.mark.parametrize(("region", "allowed"), [("us-east-1", True), ("us-gov-west-1", False), ("cn-north-1", False)])
def test_a_region_is_assumed_only_in_its_partition(tmp_path: Path, region: str, allowed: bool) -> None:
    arn = f'!Sub "arn:aws:cloudtrail:{region}:${{AWS::AccountId}}:trail/t"'
    done = check_json(write(tmp_path, template_yaml=TEMPLATE.format(root=ROOT, arn=arn)))
    assert (done.json["trails"][0]["policy"]["encrypt"] == "allowed") is allowed
    assert ("CTKMS004" in done.rules()) is not allowed
    if not allowed:
        partition = {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}[region]
        message = next(each["message"] for each in done.json["findings"] if each["rule"] == "CTKMS004")
        assert f"names partition aws, the trail is in {partition}" in message


def test_one_sid_twice_in_a_policy_document_is_refused_as_the_provider_does(tmp_path: Path) -> None:
    statement = 'statement {{\n    sid       = "A"\n    actions   = ["{0}"]\n    resources = ["*"]\n  }}\n  '
    text = (
        'resource "aws_cloudtrail" "t" {\n  name = "t"\n  s3_bucket_name = "b"\n  kms_key_id = aws_kms_key.k.arn\n}\n'
        'resource "aws_kms_key" "k" {\n  policy = data.aws_iam_policy_document.p.json\n}\n'
        f'data "aws_iam_policy_document" "p" {{\n  {statement.format("kms:Decrypt")}{statement.format("kms:DescribeKey")}}}\n'
    )
    done = check_json(write(tmp_path, main_tf=text))
    finding = next(each for each in done.json["findings"] if each["rule"] == "CTKMS000")
    assert (finding["location"]["line"], 'the sid "A"' in finding["message"]) == (15, True)
