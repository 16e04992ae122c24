"""Key policies, keys and trails for the tests of the evaluator, written as briefly as they can be read."""

from __future__ import annotations

import json
from typing import Any

from ctkms_policy.iam.policy import read_key_policy
from ctkms_policy.model import Attribute, Key, KeyKind, KeyPolicy, Place, PolicyForm, Trail, ambient_place
from ctkms_policy.source import Source, Span
from ctkms_policy.value import Absent, Entry, Known, ListValue, MapValue, Origin, Reference, Unknown, Value

HERE = Span.at("main.tf")
ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
NAME = "management-events"
CLOUDTRAIL = {"Service": "cloudtrail.amazonaws.com"}
EC = "kms:EncryptionContext:aws:cloudtrail:arn"
TRAIL_ARN = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/{NAME}"
ALL_TRAILS = f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"

KNOWN_PLACE = Place(Known(ACCOUNT), Known("us-east-1"), Known("aws"))
AMBIENT_PLACE = ambient_place()

Document = dict[str, Any]


def allow(actions: Any, principal: Any = None, condition: Any = None, **elements: Any) -> Document:
    """Return an Allow for CloudTrail, or for the given principal, on this key."""
    statement: Document = {"Effect": "Allow", "Principal": principal or CLOUDTRAIL, "Action": actions, "Resource": "*"}
    if condition is not None:
        statement["Condition"] = condition
    statement.update(elements)
    return {name: value for name, value in statement.items() if value is not None}


def deny(actions: Any, principal: Any = "*", condition: Any = None, **elements: Any) -> Document:
    """Return a Deny for everybody, or for the given principal, on this key."""
    return allow(actions, principal, condition, **{"Effect": "Deny", **elements})


ROOT_STATEMENT = allow("kms:*", {"AWS": ROOT}, Sid="Enable IAM User Permissions")
ENCRYPT = allow(
    "kms:GenerateDataKey*",
    condition={"StringEquals": {"aws:SourceArn": TRAIL_ARN}, "StringLike": {EC: ALL_TRAILS}},
    Sid="AllowCloudTrailEncryptLogs",
)
DESCRIBE = allow("kms:DescribeKey", condition={"StringEquals": {"aws:SourceArn": TRAIL_ARN}}, Sid="AllowCloudTrailAccess")
READ = allow(
    "kms:Decrypt", {"AWS": f"arn:aws:iam::{ACCOUNT}:user/auditor"}, {"Null": {EC: "false"}}, Sid="EnableCloudTrailLogDecryptPermissions"
)
SERVICE_DECRYPT = allow("kms:Decrypt", Sid="AllowCloudTrailDecryptTrail")
READ_IN_ACCOUNT = allow(
    ["kms:Decrypt", "kms:ReEncryptFrom"],
    {"AWS": "*"},
    {"StringEquals": {"kms:CallerAccount": ACCOUNT}, "StringLike": {EC: ALL_TRAILS}},
    Sid="Readers",
)

AWS_TODAY = (ROOT_STATEMENT, ENCRYPT, DESCRIBE, READ, SERVICE_DECRYPT)
"""What the user guide prints."""
CONSOLE_DEFAULT = (
    allow("kms:*", {"AWS": [ROOT, f"arn:aws:iam::{ACCOUNT}:user/creator"]}, Sid="Enable IAM user permissions"),
    ENCRYPT,
    allow("kms:DescribeKey", Sid="Allow CloudTrail to describe key"),
    READ_IN_ACCOUNT,
    {**READ_IN_ACCOUNT, "Sid": "Enable cross account log decryption"},
)
"""What CloudTrail's console writes."""
OLD_THREE = (
    allow("kms:DescribeKey", Sid="Allow CloudTrail access"),
    allow("kms:GenerateDataKey*", condition={"StringLike": {EC: [ALL_TRAILS]}}, Sid="Allow CloudTrail to encrypt logs"),
    READ,
)
"""What CIS prints."""


def policy(*statements: Document, version: str | None = "2012-10-17") -> KeyPolicy:
    """Return the key policy of some statements, read from JSON text."""
    document: Document = {"Statement": list(statements)}
    if version is not None:
        document = {"Version": version, **document}
    return policy_of_text(json.dumps(document, indent=2))


def policy_of_text(text: str) -> KeyPolicy:
    """Return the key policy of a JSON text with all its spans in ``policy.json``."""
    source = Source("policy.json", text)
    whole = source.span(0, len(text))
    read = read_key_policy(Known(text, Origin(whole), source.text_map), PolicyForm.JSON_TEXT, whole)
    assert isinstance(read, KeyPolicy)
    return read


def key(place: Place = KNOWN_PLACE, **attributes: Any) -> Key:
    """Return a key."""
    return Key("aws_kms_key.logs", HERE, place, **{"kind": KeyKind.KEY, "policy": Unknown("set by the test"), **attributes})


def trail(place: Place = KNOWN_PLACE, name: Value = Known(NAME), **attributes: Any) -> Trail:
    """Return a trail that uses the key."""
    return Trail("aws_cloudtrail.main", HERE, place, name=name, kms_key_id=Attribute(Reference("aws_kms_key.logs", "arn")), **attributes)


def as_value(plain: Any) -> Value:
    """Return plain data as a value; values in it stay as they are."""
    if isinstance(plain, dict):
        return MapValue(tuple(Entry(Known(name), as_value(item)) for name, item in plain.items()))
    if isinstance(plain, list):
        return ListValue(tuple(as_value(item) for item in plain))
    if plain is None:
        return Absent()
    return Known(plain) if isinstance(plain, (str, int, float, bool)) else plain


def symbolic(*statements: Any) -> KeyPolicy:
    """Return a policy whose texts may be values."""
    found = read_key_policy(as_value({"Version": "2012-10-17", "Statement": list(statements)}), PolicyForm.OBJECT, HERE)
    assert isinstance(found, KeyPolicy)
    return found
