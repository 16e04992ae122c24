"""Decided cases: one policy, one question about a trail in a known place, one answer. The why stands in the name."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

import pytest
from key_policies import (
    ACCOUNT,
    ALL_TRAILS,
    AWS_TODAY,
    CLOUDTRAIL,
    CONSOLE_DEFAULT,
    DESCRIBE,
    EC,
    ENCRYPT,
    OLD_THREE,
    OTHER_ACCOUNT,
    READ,
    ROOT,
    ROOT_STATEMENT,
    TRAIL_ARN,
    allow,
    deny,
)

from ctkms_policy.iam import simulate

KEY_ARN = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789"
ENC = "kms:GenerateDataKey*"
GOV_TRAIL = f"arn:aws-us-gov:cloudtrail:us-gov-west-1:{ACCOUNT}:trail/t"
STORE = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:eventdatastore/0a1b2c3d-4e5f-6789-abcd-ef0123456789"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Auditor"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/Auditor/today"
FOREIGN_ROLE = f"arn:aws:iam::{OTHER_ACCOUNT}:role/Auditor"
FOREIGN_TRAIL = f"arn:aws:cloudtrail:us-east-1:{OTHER_ACCOUNT}:trail/theirs"


def simulated(
    tmp_path: Path, document: Any, question: str, *options: str, trail_arn: str = TRAIL_ARN, key_arn: str = KEY_ARN
) -> tuple[int, Any]:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(document, indent=2))
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    arguments = ["--key-policy", str(file), "--trail-arn", trail_arn, "--question", question, "--format", "json", *options]
    stdout, stderr = io.StringIO(), io.StringIO()
    code = simulate.run(parser.parse_args([*arguments, "--key-arn", key_arn]), stdout, stderr)
    assert not stderr.getvalue()
    return code, json.loads(stdout.getvalue())


def decided(tmp_path: Path, statements: tuple[Any, ...], question: str, *options: str, version: str = "2012-10-17", **arns: str) -> str:
    code, answer = simulated(tmp_path, {"Version": version, "Statement": list(statements)}, question, *options, **arns)
    assert code == {"allowed": 0, "denied": 1, "undetermined": 4}[answer["decision"]]
    assert len(answer["explanation"]) == len(statements) + 1
    assert all(entry["text"] for entry in answer["explanation"])
    return str(answer["decision"])


def enc(condition: Any = None, **elements: Any) -> Any:
    return allow(ENC, condition=condition, **elements)


CASES: dict[str, tuple[Any, ...]] = {
    # principals
    "service principal in a list": ("encrypt", "allowed", allow(ENC, {"Service": ["sns.amazonaws.com", "cloudtrail.amazonaws.com"]})),
    "another service": ("encrypt", "denied", allow(ENC, {"Service": "sns.amazonaws.com"})),
    "everybody includes services": ("encrypt", "allowed", allow(ENC, "*")),
    "AWS star is taken as everybody": ("encrypt", "allowed", allow(ENC, {"AWS": "*"})),
    "the account's root is no service": ("encrypt", "denied", ROOT_STATEMENT),
    "the service name under AWS": ("encrypt", "denied", allow(ENC, {"AWS": "cloudtrail.amazonaws.com"})),
    "misspelt service": ("encrypt", "denied", allow(ENC, {"Service": "cloudtrails.amazonaws.com"})),
    "regional service principal is undocumented": (
        "encrypt",
        "undetermined",
        allow(ENC, {"Service": "cloudtrail.eu-south-1.amazonaws.com"}),
    ),
    "the service's name in another case is undocumented": (
        "encrypt",
        "undetermined",
        allow(ENC, {"Service": "CloudTrail.amazonaws.com"}),
    ),
    "China's suffix is undocumented": ("encrypt", "undetermined", allow(ENC, {"Service": "cloudtrail.amazonaws.com.cn"})),
    "NotPrincipal with Allow is undocumented": ("encrypt", "undetermined", allow(ENC, Principal=None, NotPrincipal={"AWS": ROOT})),
    "NotPrincipal with Allow that lists the service": (
        "encrypt",
        "denied",
        allow(ENC, Principal=None, NotPrincipal={"AWS": ROOT, **CLOUDTRAIL}),
    ),
    "NotPrincipal with Deny that lists the service": (
        "encrypt",
        "allowed",
        ENCRYPT,
        deny("kms:*", Principal=None, NotPrincipal={"AWS": ROOT, **CLOUDTRAIL}),
    ),
    "NotPrincipal with Deny that does not": ("encrypt", "denied", ENCRYPT, deny("kms:*", Principal=None, NotPrincipal={"AWS": ROOT})),
    "no principal": ("encrypt", "denied", allow(ENC, Principal=None)),
    # actions
    "action in another case": ("encrypt", "allowed", allow("KMS:generatedatakey")),
    "question mark": ("encrypt", "allowed", allow("kms:GenerateDataKe?")),
    "star in the middle": ("describe", "allowed", allow("kms:Desc*Key")),
    "only the variant without plain text": ("encrypt", "denied", allow("kms:GenerateDataKeyWithoutPlaintext")),
    "another service's action": ("encrypt", "denied", allow("s3:*")),
    "NotAction that excepts it": ("encrypt", "denied", allow(None, NotAction="kms:Generate*")),
    "NotAction that excepts something else": ("encrypt", "allowed", allow(None, NotAction="kms:Decrypt")),
    "no action": ("encrypt", "denied", allow(None)),
    # resources
    "own key ARN": ("describe", "allowed", allow("kms:DescribeKey", Resource=KEY_ARN)),
    "one of several resources": ("describe", "allowed", allow("kms:DescribeKey", Resource=[f"{KEY_ARN}0", KEY_ARN])),
    "ARN pattern": ("describe", "allowed", allow("kms:DescribeKey", Resource="arn:aws:kms:*:*:key/*")),
    "other account's keys": ("describe", "denied", allow("kms:DescribeKey", Resource=f"arn:aws:kms:*:{OTHER_ACCOUNT}:key/*")),
    "an alias is not the key": ("describe", "denied", allow("kms:DescribeKey", Resource=f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/*")),
    "no resource": ("describe", "denied", allow("kms:DescribeKey", Resource=None)),
    "NotResource of another key": ("describe", "allowed", allow("kms:DescribeKey", Resource=None, NotResource=KEY_ARN[:-1] + "0")),
    "NotResource of this key": ("describe", "denied", allow("kms:DescribeKey", Resource=None, NotResource=KEY_ARN)),
    "resource ARN with too few parts is undocumented": ("describe", "undetermined", allow("kms:DescribeKey", Resource="arn:aws:kms:*")),
    # effects and denies
    "lower-case effect does nothing": ("encrypt", "denied", enc(Effect="allow")),
    "lower-case deny does nothing": ("encrypt", "allowed", ENCRYPT, deny("kms:*", Effect="deny")),
    "a deny beats every allow": ("encrypt", "denied", ENCRYPT, enc(), deny("kms:*")),
    "a deny of another action": ("encrypt", "allowed", ENCRYPT, deny("kms:DescribeKey")),
    "a deny that may apply": ("encrypt", "undetermined", ENCRYPT, deny("kms:*", condition={"StringEquals": {"aws:SourceOrgID": "o-a"}})),
    "a deny for the account does not reach a service": ("encrypt", "allowed", ENCRYPT, deny("kms:*", {"AWS": ROOT})),
    "deny by organization hits AWS services": (
        "encrypt",
        "denied",
        ENCRYPT,
        deny("kms:*", condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-a"}}),
    ),
    "deny by organization that excepts AWS services": (
        "encrypt",
        "allowed",
        ENCRYPT,
        deny("kms:*", condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-a"}, "Bool": {"aws:PrincipalIsAWSService": "false"}}),
    ),
    "deny of plain HTTP": ("encrypt", "allowed", ENCRYPT, deny("kms:*", condition={"Bool": {"aws:SecureTransport": False}})),
    "deny outside a VPC endpoint": (
        "encrypt",
        "denied",
        ENCRYPT,
        deny("kms:*", condition={"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}),
    ),
    "deny by encryption context also hits DescribeKey": (
        "describe",
        "denied",
        DESCRIBE,
        deny("kms:*", condition={"StringNotLike": {EC: ALL_TRAILS}}),
    ),
    "the same deny for encryption only": ("describe", "allowed", DESCRIBE, deny(ENC, condition={"StringNotLike": {EC: ALL_TRAILS}})),
    # conditions
    "exact SourceArn": ("encrypt", "allowed", enc({"StringEquals": {"aws:SourceArn": TRAIL_ARN}})),
    "one of several": ("encrypt", "allowed", enc({"StringEquals": {"aws:SourceArn": ["x", TRAIL_ARN]}})),
    "key names ignore case": ("encrypt", "allowed", enc({"StringEquals": {"AWS:sourcearn": TRAIL_ARN}, "StringLike": {EC.upper(): "*"}})),
    "values do not": ("encrypt", "denied", enc({"StringEquals": {"aws:SourceArn": TRAIL_ARN.upper()}})),
    "unless told to": ("encrypt", "allowed", enc({"StringEqualsIgnoreCase": {"aws:SourceArn": TRAIL_ARN.upper()}})),
    "not equal to itself ignoring case": ("encrypt", "denied", enc({"StringNotEqualsIgnoreCase": {"aws:SourceArn": TRAIL_ARN.upper()}})),
    "a wildcard under StringEquals is literal": ("encrypt", "denied", enc({"StringEquals": {EC: ALL_TRAILS}})),
    "operators are joined by and": (
        "encrypt",
        "denied",
        enc({"StringEquals": {"aws:SourceArn": TRAIL_ARN}, "StringLike": {EC: "nothing"}}),
    ),
    "keys are joined by and": ("encrypt", "denied", enc({"StringLike": {"aws:SourceArn": "*", EC: "nothing"}})),
    "negated with several values is none of them": ("encrypt", "denied", enc({"StringNotEquals": {"aws:SourceAccount": ["x", ACCOUNT]}})),
    "negated holds for another value": ("encrypt", "allowed", enc({"StringNotLike": {"aws:SourceAccount": ["x", "y*"]}})),
    "positive on a missing key": ("encrypt", "denied", enc({"StringLike": {"aws:PrincipalOrgID": "*"}})),
    "negated on a missing key": ("encrypt", "allowed", enc({"StringNotLike": {"aws:PrincipalOrgID": "*"}})),
    "IfExists on a missing key": ("encrypt", "allowed", enc({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-a"}})),
    "IfExists on a key that is there": ("encrypt", "denied", enc({"StringEqualsIfExists": {"aws:SourceAccount": OTHER_ACCOUNT}})),
    "other pairs of the encryption context are absent": ("encrypt", "denied", enc({"StringLike": {"kms:EncryptionContext:team": "*"}})),
    "DescribeKey has no encryption context": ("describe", "denied", allow("kms:*", condition={"StringLike": {EC: "*"}})),
    "IfExists for DescribeKey": ("describe", "allowed", allow("kms:*", condition={"StringLikeIfExists": {EC: "nothing"}})),
    "Null asks for presence": ("encrypt", "allowed", enc({"Null": {EC: "false"}})),
    "Null with a boolean": ("encrypt", "denied", enc({"Null": {EC: True}})),
    "Null on a missing key": ("encrypt", "allowed", enc({"Null": {"aws:PrincipalOrgID": ["true"]}})),
    "Bool on a missing key": ("encrypt", "denied", enc({"Bool": {"aws:MultiFactorAuthPresent": "false"}})),
    "Bool ignores case": ("encrypt", "allowed", enc({"Bool": {"aws:SecureTransport": "True"}})),
    "ForAnyValue on a missing key": ("encrypt", "denied", enc({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "*"}})),
    "ForAllValues on a missing key": ("encrypt", "allowed", enc({"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "x"}})),
    "ForAllValues covers both pairs": (
        "encrypt",
        "allowed",
        enc({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["aws:cloudtrail:arn", "aws:s3:arn"]}}),
    ),
    "ForAllValues with one pair only": (
        "encrypt",
        "denied",
        enc({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "aws:s3:arn"}}),
    ),
    "ForAnyValue negated": ("encrypt", "allowed", enc({"ForAnyValue:StringNotEquals": {"kms:EncryptionContextKeys": "aws:s3:arn"}})),
    "multivalued without a quantifier": ("encrypt", "undetermined", enc({"StringEquals": {"kms:EncryptionContextKeys": "aws:s3:arn"}})),
    "ArnLike by segment": ("encrypt", "allowed", enc({"ArnLike": {"aws:SourceArn": ALL_TRAILS}})),
    "ArnLike does not cross a colon": ("encrypt", "denied", enc({"ArnLike": {"aws:SourceArn": "arn:aws:cloudtrail:*:trail/*:x:y"}})),
    "ArnLike with three parts is undocumented": ("encrypt", "undetermined", enc({"ArnLike": {"aws:SourceArn": "arn:aws:*"}})),
    "ArnNotEquals takes wildcards too": ("encrypt", "denied", enc({"ArnNotEquals": {"aws:SourceArn": ALL_TRAILS}})),
    "StringLike crosses colons": ("encrypt", "allowed", enc({"StringLike": {"aws:SourceArn": "arn:*/*"}})),
    "numbers": ("encrypt", "undetermined", enc({"NumericLessThan": {"aws:SourceAccount": "${aws:x}"}})),
    "number equals": ("encrypt", "allowed", enc({"NumericEquals": {"aws:SourceAccount": ACCOUNT}})),
    "number does not equal": ("encrypt", "denied", enc({"NumericNotEquals": {"aws:SourceAccount": ACCOUNT}})),
    "number at most": ("encrypt", "allowed", enc({"NumericLessThanEquals": {"aws:SourceAccount": ACCOUNT}})),
    "number below": ("encrypt", "denied", enc({"NumericLessThan": {"aws:SourceAccount": ACCOUNT}})),
    "number at least": ("encrypt", "allowed", enc({"NumericGreaterThanEquals": {"aws:SourceAccount": ACCOUNT}})),
    "number above": ("encrypt", "denied", enc({"NumericGreaterThan": {"aws:SourceAccount": ACCOUNT}})),
    "expired": ("encrypt", "denied", enc({"DateLessThanEquals": {"aws:CurrentTime": "2021-05-01T00:00:00Z"}})),
    "expires some day": ("encrypt", "undetermined", enc({"DateLessThan": {"aws:CurrentTime": "2999-01-01"}})),
    "in force since": ("encrypt", "allowed", enc({"DateGreaterThan": {"aws:CurrentTime": "2021-05-01T00:00:00Z"}})),
    "in force since, as epoch": ("encrypt", "allowed", enc({"DateGreaterThanEquals": {"aws:EpochTime": "1600000000"}})),
    "in force later": ("encrypt", "undetermined", enc({"DateGreaterThanEquals": {"aws:CurrentTime": "2999-01-01T00:00:00Z"}})),
    "in force after a moment to come": ("encrypt", "undetermined", enc({"DateGreaterThan": {"aws:CurrentTime": "2999-01-01T00:00:00Z"}})),
    "one moment to come": ("encrypt", "undetermined", enc({"DateEquals": {"aws:CurrentTime": "2999-01-01T00:00:00Z"}})),
    "expired, as a number": ("encrypt", "denied", enc({"NumericLessThan": {"aws:EpochTime": "1600000000"}})),
    "in force since, as a number": ("encrypt", "allowed", enc({"NumericGreaterThan": {"aws:EpochTime": "1600000000"}})),
    "in force later, as a number": ("encrypt", "undetermined", enc({"NumericGreaterThan": {"aws:EpochTime": "32472144000"}})),
    "one moment": ("encrypt", "denied", enc({"DateEquals": {"aws:CurrentTime": "2021-05-01T00:00:00Z"}})),
    "not one moment": ("encrypt", "allowed", enc({"DateNotEquals": {"aws:CurrentTime": "2021-05-01T00:00:00Z"}})),
    "a range of the customer": ("encrypt", "denied", enc({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
    "outside a range of the customer": ("encrypt", "allowed", enc({"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]}})),
    "every address": ("encrypt", "undetermined", enc({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}})),
    "an operator that nobody knows": ("encrypt", "undetermined", enc({"StringMatches": {"aws:SourceArn": TRAIL_ARN}})),
    "an operator in the wrong case": ("encrypt", "undetermined", enc({"stringEquals": {"aws:SourceArn": TRAIL_ARN}})),
    "Null has no IfExists": ("encrypt", "undetermined", enc({"NullIfExists": {EC: "false"}})),
    "a condition key that nobody knows": ("encrypt", "undetermined", enc({"StringEquals": {"aws:Weather": "fine"}})),
    "kms:ViaService is undocumented": ("encrypt", "undetermined", enc({"StringLike": {"kms:ViaService": "s3.*"}})),
    "key spec": ("encrypt", "allowed", enc({"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyOrigin": "AWS_KMS"}})),
    "the key's Region": ("encrypt", "allowed", enc({"StringEquals": {"aws:RequestedRegion": "us-east-1"}})),
    "binary values": ("encrypt", "allowed", enc({"BinaryEquals": {"aws:PrincipalIsAWSService": "true"}})),
    "another binary value": ("encrypt", "denied", enc({"BinaryEquals": {"aws:PrincipalIsAWSService": "dHJ1ZQ=="}})),
    "what is no base64": ("encrypt", "undetermined", enc({"BinaryEquals": {"aws:PrincipalIsAWSService": "-"}})),
    "an address as text": ("encrypt", "undetermined", enc({"StringLike": {"aws:SourceIp": "*"}})),
    "a moment as text": ("encrypt", "undetermined", enc({"StringEquals": {"aws:CurrentTime": "2021-05-01T00:00:00Z"}})),
    "what is no address": ("encrypt", "undetermined", enc({"IpAddress": {"aws:SourceIp": "home"}})),
    "what is no date": ("encrypt", "undetermined", enc({"DateLessThan": {"aws:CurrentTime": "tomorrow"}})),
    "what is no boolean": ("encrypt", "undetermined", enc({"Bool": {"aws:SecureTransport": "yes"}})),
    "Null of what is no boolean": ("encrypt", "undetermined", enc({"Null": {EC: "no"}})),
    "no values": ("encrypt", "denied", enc({"StringEquals": {"aws:SourceArn": []}})),
    # policy variables
    "variable": ("encrypt", "allowed", enc({"StringLike": {EC: "arn:aws:cloudtrail:*:${aws:SourceAccount}:trail/*"}})),
    "variable without a value": ("encrypt", "denied", enc({"StringNotEquals": {"x": "y"}, "StringLike": {EC: "*${aws:PrincipalOrgID}*"}})),
    "variable without a value, negated": ("encrypt", "allowed", enc({"StringNotLike": {EC: "*${aws:PrincipalOrgID}*"}})),
    "default of a variable": ("encrypt", "allowed", enc({"StringEquals": {"aws:SourceAccount": f"${{aws:PrincipalTag/x, '{ACCOUNT}'}}"}})),
    "a star from a variable is literal": ("encrypt", "denied", enc({"StringLike": {"aws:SourceArn": "${*}"}})),
    "variable in an ARN": ("encrypt", "allowed", enc({"ArnLike": {"aws:SourceArn": "arn:aws:cloudtrail:*:${aws:SourceAccount}:trail/*"}})),
    "variable of unknown value": ("encrypt", "undetermined", enc({"StringEquals": {"aws:SourceAccount": "${kms:CallerAccount}"}})),
    "variable without a value in a resource": (
        "describe",
        "denied",
        allow("kms:DescribeKey", Resource="arn:aws:kms:*:${aws:PrincipalTag/account}:key/*"),
    ),
    "substitution that never ran": ("encrypt", "denied", enc({"StringLike": {EC: "arn:aws:cloudtrail:*:${AWS::AccountId}:trail/*"}})),
    "interpolation that never ran": ("encrypt", "denied", enc({"StringLike": {EC: "arn:aws:cloudtrail:*:${account_id}:trail/*"}})),
    "default of what is no condition key": (
        "encrypt",
        "allowed",
        enc({"StringEquals": {"aws:SourceAccount": f"${{AWS::AccountId, '{ACCOUNT}'}}"}}),
    ),
    "variable in a resource": ("describe", "allowed", allow("kms:DescribeKey", Resource="arn:aws:kms:*:${aws:SourceAccount}:key/*")),
}


@pytest.mark.parametrize("name", CASES)
def test_decides(name: str, tmp_path: Path) -> None:
    question, expected, *statements = CASES[name]
    assert decided(tmp_path, tuple(statements), question) == expected


@pytest.mark.parametrize("statements", [AWS_TODAY, CONSOLE_DEFAULT, OLD_THREE], ids=["today", "console", "old"])
@pytest.mark.parametrize("question", ["describe", "encrypt", "decrypt"])
def test_what_aws_prints_works(statements: tuple[Any, ...], question: str, tmp_path: Path) -> None:
    assert decided(tmp_path, statements, question) == "allowed"


@pytest.mark.parametrize("statements", [AWS_TODAY, CONSOLE_DEFAULT, OLD_THREE], ids=["today", "console", "old"])
def test_what_aws_prints_keeps_foreign_trails_out(statements: tuple[Any, ...], tmp_path: Path) -> None:
    assert decided(tmp_path, statements, "confused-deputy", trail_arn=FOREIGN_TRAIL) == "denied"


def test_a_policy_without_version_knows_no_variables(tmp_path: Path) -> None:
    statement = enc({"StringLike": {EC: "arn:aws:cloudtrail:*:${aws:SourceAccount}:trail/*"}})
    assert decided(tmp_path, (statement,), "encrypt", version="2008-10-17") == "denied"
    literal = enc({"StringLike": {EC: "*${*}*"}}, Effect="Deny")
    assert decided(tmp_path, (ENCRYPT, literal), "encrypt", version="2008-10-17") == "allowed"


def test_one_statement_need_not_be_a_list(tmp_path: Path) -> None:
    assert simulated(tmp_path, {"Statement": enc()}, "encrypt")[1]["decision"] == "allowed"


READERS: dict[str, tuple[Any, ...]] = {
    "named user": (f"arn:aws:iam::{ACCOUNT}:user/auditor", "allowed", READ),
    "user names are case-sensitive": (f"arn:aws:iam::{ACCOUNT}:user/Auditor", "denied", READ),
    "session of a named role": (SESSION, "allowed", allow("kms:Decrypt", {"AWS": ROLE})),
    "named session": (SESSION, "allowed", allow("kms:Decrypt", {"AWS": SESSION})),
    "session of another role": (SESSION, "denied", allow("kms:Decrypt", {"AWS": ROLE + "s"})),
    "account delegates": (SESSION, "undetermined", ROOT_STATEMENT),
    "account id delegates": (SESSION, "undetermined", allow("kms:*", {"AWS": ACCOUNT})),
    "another account delegates": (SESSION, "denied", allow("kms:*", {"AWS": OTHER_ACCOUNT})),
    "a deny for the account reaches its users": (SESSION, "denied", allow("kms:*", {"AWS": ROLE}), deny("kms:Decrypt", {"AWS": ROOT})),
    "a service principal is no reader": (SESSION, "denied", allow("kms:*")),
    "everybody of an account": (SESSION, "allowed", allow("kms:Decrypt", "*", {"StringEquals": {"kms:CallerAccount": ACCOUNT}})),
    "everybody of another account": (SESSION, "denied", allow("kms:Decrypt", "*", {"StringEquals": {"kms:CallerAccount": OTHER_ACCOUNT}})),
    "PrincipalArn is the role's": (SESSION, "allowed", allow("kms:Decrypt", "*", {"ArnEquals": {"aws:PrincipalArn": ROLE}})),
    "through S3": (
        SESSION,
        "allowed",
        allow("kms:Decrypt", {"AWS": ROLE}, {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}),
    ),
    "through another Region's S3": (
        SESSION,
        "denied",
        allow("kms:Decrypt", {"AWS": ROLE}, {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}),
    ),
    "with the trail's encryption context": (SESSION, "allowed", allow("kms:Decrypt", {"AWS": ROLE}, {"StringLike": {EC: ALL_TRAILS}})),
    "the reader is no AWS service": (
        SESSION,
        "denied",
        allow("kms:Decrypt", {"AWS": ROLE}, {"Bool": {"aws:PrincipalIsAWSService": "true"}}),
    ),
    "SourceArn is for services": (SESSION, "denied", allow("kms:Decrypt", {"AWS": ROLE}, {"StringEquals": {"aws:SourceArn": TRAIL_ARN}})),
    "organization of the reader is not known": (
        SESSION,
        "undetermined",
        allow("kms:Decrypt", "*", {"StringEquals": {"aws:PrincipalOrgID": "o-a"}}),
    ),
    "NotPrincipal with Deny": (
        SESSION,
        "denied",
        allow("kms:Decrypt", {"AWS": ROLE}),
        deny("kms:*", Principal=None, NotPrincipal={"AWS": ROOT}),
    ),
    "foreign reader also needs an IAM policy": (FOREIGN_ROLE, "undetermined", allow("kms:Decrypt", {"AWS": FOREIGN_ROLE})),
    "foreign account also needs an IAM policy": (FOREIGN_ROLE, "undetermined", allow("kms:Decrypt", {"AWS": OTHER_ACCOUNT})),
    "unnamed foreign reader": (FOREIGN_ROLE, "denied", ROOT_STATEMENT, READ),
    "re-encryption is not reading": (SESSION, "denied", allow("kms:ReEncryptFrom", {"AWS": ROLE})),
}


@pytest.mark.parametrize("name", READERS)
def test_decides_for_a_reader(name: str, tmp_path: Path) -> None:
    reader, expected, *statements = READERS[name]
    assert decided(tmp_path, tuple(statements), "decrypt", "--reader", reader) == expected


ANY_READER: dict[str, tuple[Any, ...]] = {
    "named user": ("allowed", READ),
    "federated user": ("allowed", allow("kms:Decrypt", {"Federated": "cognito-identity.amazonaws.com"})),
    "everybody of the account": ("allowed", CONSOLE_DEFAULT[3]),
    "everybody of an organization": ("allowed", allow("kms:Decrypt", "*", {"StringEquals": {"aws:PrincipalOrgID": "o-a"}})),
    "roles of a name": ("allowed", allow("kms:Decrypt", "*", {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/audit-*"}})),
    "delegation": ("undetermined", ROOT_STATEMENT),
    "foreign delegation": ("undetermined", allow("kms:Decrypt", {"AWS": OTHER_ACCOUNT})),
    "CloudTrail itself": ("denied", ENCRYPT, allow("kms:Decrypt")),
    "another service may be one": ("undetermined", allow("kms:Decrypt", {"Service": "macie.amazonaws.com"})),
    "nobody": ("denied", ENCRYPT, DESCRIBE),
    "denied to everybody": ("denied", READ, ROOT_STATEMENT, deny("kms:Decrypt")),
    "denied to all but one": (
        "allowed",
        allow("kms:Decrypt", {"AWS": ROLE}),
        deny("kms:Decrypt", condition={"ArnNotLike": {"aws:PrincipalArn": ROLE}}),
    ),
    "denied outside the organization that the policy names": (
        "allowed",
        READ,
        deny("kms:*", condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-a"}, "Bool": {"aws:PrincipalIsAWSService": "false"}}),
    ),
    "for another trail's logs only": ("denied", allow("kms:Decrypt", {"AWS": ROLE}, {"StringEquals": {EC: TRAIL_ARN + "2"}})),
    "through S3 only": ("allowed", allow("kms:Decrypt", {"AWS": ROLE}, {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}})),
    "somebody deleted": ("undetermined", allow("kms:Decrypt", {"AWS": "AROAIIIIIIIIIIIIIIIII"})),
}


@pytest.mark.parametrize("name", ANY_READER)
def test_decides_whether_anybody_may_read(name: str, tmp_path: Path) -> None:
    expected, *statements = ANY_READER[name]
    assert decided(tmp_path, tuple(statements), "decrypt") == expected


def test_organization_id_decides(tmp_path: Path) -> None:
    statement = enc({"StringEquals": {"aws:SourceOrgID": "o-a"}})
    assert decided(tmp_path, (statement,), "encrypt") == "undetermined"
    assert decided(tmp_path, (statement,), "encrypt", "--org-id", "o-a") == "allowed"
    assert decided(tmp_path, (statement,), "encrypt", "--org-id", "o-b") == "denied"


def test_context_overrides(tmp_path: Path) -> None:
    via = enc({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}})
    assert decided(tmp_path, (via,), "encrypt", "--context", "kms:ViaService=s3.us-east-1.amazonaws.com") == "allowed"
    several = enc({"ForAllValues:StringEquals": {"aws:CalledVia": ["a", "b"]}})
    assert decided(tmp_path, (several,), "encrypt", "--context", "aws:CalledVia=a", "--context", "aws:CalledVia=c") == "denied"


@pytest.mark.parametrize(
    ("wanted", "address", "expected"),
    [
        ("10.0.0.0/8", "10.1.2.3", "allowed"),
        ("10.0.0.0/8", "11.1.2.3", "denied"),
        ("10.0.0.0/8", "2001:db8::1", "denied"),
        ("10.1.2.3", "10.1.2.3", "allowed"),
    ],
)
def test_addresses(wanted: str, address: str, expected: str, tmp_path: Path) -> None:
    inside = enc({"IpAddress": {"aws:SourceIp": wanted}})
    assert decided(tmp_path, (inside,), "encrypt", "--context", f"aws:SourceIp={address}") == expected
    outside = enc({"NotIpAddress": {"aws:SourceIp": wanted}})
    assert decided(tmp_path, (outside,), "encrypt", "--context", f"aws:SourceIp={address}") != expected


@pytest.mark.parametrize(
    ("operator", "moment", "expected"),
    [
        ("DateEquals", "2030-01-02T03:04:05Z", "allowed"),
        ("DateEquals", "1893553445", "allowed"),
        ("DateLessThan", "2030-01-02T03:04:04Z", "allowed"),
        ("DateLessThan", "2030-01-02T03:04:05Z", "denied"),
        ("DateLessThanEquals", "2030-01-02T03:04:05Z", "allowed"),
        ("DateGreaterThan", "2030-01-02T03:04:05Z", "denied"),
        ("DateGreaterThan", "2030-01-03", "allowed"),
        ("DateGreaterThanEquals", "2030-01-02T04:04:05+01:00", "allowed"),
        ("DateNotEquals", "2030-01-02", "allowed"),
        ("DateEquals", "2030-01-02T04:04:05+01:00", "allowed"),
        ("DateEquals", "2030-01-02T03:04:05", "allowed"),
        ("DateEquals", "2030-01-02T03:04:05+01:00", "denied"),
    ],
)
def test_moments(operator: str, moment: str, expected: str, tmp_path: Path) -> None:
    statement = enc({operator: {"aws:CurrentTime": "2030-01-02T03:04:05Z"}})
    assert decided(tmp_path, (statement,), "encrypt", "--context", f"aws:CurrentTime={moment}") == expected


def test_what_is_no_moment(tmp_path: Path) -> None:
    statement = enc({"DateLessThan": {"aws:CurrentTime": "2030-01-02T03:04:05Z"}})
    assert decided(tmp_path, (statement,), "encrypt", "--context", "aws:CurrentTime=soon") == "undetermined"


def test_partitions_differ(tmp_path: Path) -> None:
    gov_key = KEY_ARN.replace("arn:aws:kms:us-east-1", "arn:aws-us-gov:kms:us-gov-west-1")
    assert decided(tmp_path, (enc({"StringLike": {EC: ALL_TRAILS}}),), "encrypt", trail_arn=GOV_TRAIL, key_arn=gov_key) == "denied"
    gov = enc({"StringLike": {EC: ALL_TRAILS.replace("arn:aws:", "arn:aws-us-gov:")}})
    assert decided(tmp_path, (gov,), "encrypt", trail_arn=GOV_TRAIL, key_arn=gov_key) == "allowed"


def test_event_data_stores_support_no_conditions(tmp_path: Path) -> None:
    grant = allow(["kms:GenerateDataKey", "kms:Decrypt"])
    assert decided(tmp_path, (grant,), "encrypt", trail_arn=STORE) == "allowed"
    assert decided(tmp_path, (grant,), "service-decrypt", trail_arn=STORE) == "allowed"
    assert decided(tmp_path, (enc({"StringEquals": {"aws:SourceArn": STORE}}),), "encrypt", trail_arn=STORE) == "denied"
    assert decided(tmp_path, (enc({"StringLike": {EC: ALL_TRAILS}}),), "encrypt", trail_arn=STORE) == "denied"
    assert decided(tmp_path, (enc({"Null": {EC: "false"}}),), "encrypt", trail_arn=STORE) == "undetermined"


def test_unknown_key_arn(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    document = {"Statement": [allow("kms:DescribeKey", Resource=KEY_ARN)]}
    file.write_text(json.dumps(document))
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    stdout = io.StringIO()
    code = simulate.run(
        parser.parse_args(["--key-policy", str(file), "--trail-arn", TRAIL_ARN, "--question", "describe"]), stdout, io.StringIO()
    )
    assert code == 4
    assert stdout.getvalue().startswith("undetermined: ")
    assert "KMS" in stdout.getvalue() or "key" in stdout.getvalue()


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("not json {", [], "not JSON"),
        ("{}", [], "no Statement"),
        ("[]", [], "not an object"),
        ('{"Statement": []}', ["--trail-arn", "arn:aws:s3:::bucket"], "no ARN of a trail"),
        ('{"Statement": []}', ["--trail-arn", "trail"], "no ARN of a trail"),
        ('{"Statement": []}', ["--key-arn", f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/x"], "no ARN of a key"),
        ('{"Statement": []}', ["--key-account", "me"], "12 digits"),
        ('{"Statement": []}', ["--question", "decrypt", "--reader", "me"], "no ARN of a principal"),
        ('{"Statement": []}', ["--question", "decrypt", "--reader", "arn:aws:s3:::b"], "no ARN of a user"),
        ('{"Statement": []}', ["--context", "novalue"], "not KEY=VALUE"),
        ('{"Statement": []}', ["--question", "decrypt", "--context", "a=b"], "--reader"),
    ],
)
def test_unusable_arguments_are_usage_errors(text: str, options: list[str], message: str, tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(text)
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    stdout, stderr = io.StringIO(), io.StringIO()
    arguments = ["--key-policy", str(file), "--trail-arn", TRAIL_ARN, "--question", "encrypt", *options]
    assert simulate.run(parser.parse_args(arguments), stdout, stderr) == 2
    assert message in stderr.getvalue()
    assert not stdout.getvalue()


def test_missing_policy_file_is_a_usage_error(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    stderr = io.StringIO()
    arguments = ["--key-policy", str(tmp_path / "none.json"), "--trail-arn", TRAIL_ARN, "--question", "encrypt"]
    assert simulate.run(parser.parse_args(arguments), io.StringIO(), stderr) == 2
    assert "cannot read" in stderr.getvalue()


def test_shared_cases_agree(shared: Path, tmp_path: Path) -> None:
    questions = {"decrypt-by-reader": "decrypt", "decrypt-by-cloudtrail": "service-decrypt"}
    disagree = []
    lines = (shared / "aws" / "vectors.jsonl").read_text().splitlines()
    for line in lines:
        case = json.loads(line)
        options = ["--key-account", case["key"]["account"]]
        if case.get("reader"):
            options += ["--reader", case["reader"]["arn"]]
        if case["trail"].get("org_id"):
            options += ["--org-id", case["trail"]["org_id"]]
        question = questions.get(case["question"], case["question"])
        _, answer = simulated(tmp_path, case["key_policy"], question, *options, trail_arn=case["trail"]["arn"], key_arn=case["key"]["arn"])
        expected = case["expected"].replace("depends", "undetermined")
        if answer["decision"] != expected:
            disagree.append((case["id"], expected, answer["decision"]))
    assert len(lines) > 100
    assert disagree == []
