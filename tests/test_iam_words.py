"""Every sort of explanation word by word: ``golden/iam/words.txt`` holds what is said about each policy below.

A golden file, since an explanation is read as a whole: message, label, the place in the policy, the way out and what goes with it.
UPDATE_GOLDEN=1 writes it anew: read the difference.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from key_policies import (
    ACCOUNT,
    ALL_TRAILS,
    AMBIENT_PLACE,
    CLOUDTRAIL,
    DESCRIBE,
    EC,
    ENCRYPT,
    HERE,
    KNOWN_PLACE,
    NAME,
    OTHER_ACCOUNT,
    ROOT,
    ROOT_STATEMENT,
    TRAIL_ARN,
    allow,
    deny,
    key,
    policy,
    symbolic,
    trail,
)

from ctkms_policy.iam.explain import explain
from ctkms_policy.iam.judge import judge_trail
from ctkms_policy.iam.phrases import Explanation
from ctkms_policy.iam.policy import default_key_policy
from ctkms_policy.iam.request import OrganizationFacts
from ctkms_policy.model import Condition, KeyPolicy, Language, Place, Principal, PrincipalType, ambient_account
from ctkms_policy.source import Span
from ctkms_policy.value import Branch, Choice, Known, Match, Reference, Symbol, SymbolKind, Unknown, Value, concatenate, describe

GOLDEN = Path(__file__).parent / "golden" / "iam" / "words.txt"
ENC = "kms:GenerateDataKey*"
READER = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/reader"}

INPUT = Symbol("one", SymbolKind.INPUT, reason="var.one has no default", spelling="var.one")
LATER = Reference("aws_s3_bucket.logs", "arn")
LOST = Unknown('module "policies" is not installed')
MADE_UP = concatenate([Known("stack-"), Symbol("random", SymbolKind.GENERATED, spelling="random")])
ONE_OF_TWO = Choice("c", (Branch("var.x", Known("cloudtrail.amazonaws.com")), Branch("not var.x", Known("s3.amazonaws.com"))), None)
ACCOUNT_ONLY = Place(ambient_account(), Known("us-east-1"), Known("aws"))


def when(operator: str, name: str, *values: Any) -> dict[str, Any]:
    return {operator: {name: list(values) if len(values) != 1 else values[0]}}


def encrypt(condition: Any = None, **elements: Any) -> tuple[Any, ...]:
    return (allow(ENC, condition=condition, **elements),)


def text(*parts: Value | str) -> Value:
    return concatenate([Known(part) if isinstance(part, str) else part for part in parts])


def changed(found: KeyPolicy, **fields: Any) -> KeyPolicy:
    """Return a policy with something changed in each of its statements."""
    return replace(found, statements=tuple(replace(each, **fields) for each in found.statements))


def included(found: KeyPolicy, condition: str) -> KeyPolicy:
    return changed(found, included=Match.MAYBE, included_when=condition)


CASES: dict[str, tuple[Any, ...]] = {
    # By name: the question, statements or a policy, and perhaps options of ``explained``.
    # -- allowed, delegated, explicitly denied
    "allowed": ("encrypt", (ENCRYPT,)),
    "delegated by a statement": ("decrypt", (ROOT_STATEMENT,)),
    "delegated by AWS's default policy": ("decrypt", default_key_policy(KNOWN_PLACE, HERE)),
    "delegated by an account that is not known": (
        "decrypt",
        symbolic(allow("kms:*", {"AWS": text("arn:aws:iam::", AMBIENT_PLACE.account, ":root")})),
        {"place": AMBIENT_PLACE},
    ),
    "may be another account": ("decrypt", (allow("kms:Decrypt", {"AWS": ROOT}),), {"place": AMBIENT_PLACE}),
    "may be an account": ("decrypt", symbolic(allow("kms:Decrypt", {"AWS": INPUT}))),
    "may be an account, a resource's attribute": (
        "decrypt",
        symbolic(allow("kms:Decrypt", {"AWS": Reference("aws_ssm_parameter.who", "value")})),
    ),
    "denied, no condition": ("encrypt", (ENCRYPT, deny("kms:*"))),
    "denied, a reader": ("decrypt", (allow("kms:Decrypt", READER), deny("kms:Decrypt"))),
    "denied, who is not listed": ("decrypt", (ROOT_STATEMENT, deny("kms:Decrypt", Principal=None, NotPrincipal={"AWS": ROOT}))),
    "denied, with somebody spared": (
        "decrypt",
        (allow("kms:Decrypt", {"AWS": "*"}), deny("kms:Decrypt", Principal=None, NotPrincipal={"AWS": [ROOT, READER["AWS"]]})),
    ),
    "denied, with somebody spared whose account is not": (
        "decrypt",
        (allow("kms:Decrypt", READER), deny("kms:Decrypt", Principal=None, NotPrincipal={"AWS": READER["AWS"]})),
    ),
    "denied, readers who may be listed": (
        "decrypt",
        symbolic(allow("kms:Decrypt", {"AWS": "*"}), deny("kms:Decrypt", Principal=None, NotPrincipal={"AWS": LOST})),
    ),
    "denied, a service that may be listed": (
        "encrypt",
        symbolic(ENCRYPT, deny("kms:*", Principal=None, NotPrincipal={"Service": text(INPUT, ".amazonaws.com")})),
    ),
    "denied, organization paths": ("encrypt", (ENCRYPT, deny("kms:*", condition=when("StringNotLike", "aws:PrincipalOrgPaths", "o-a/*")))),
    "denied, another trail": ("encrypt", (ENCRYPT, deny("kms:*", CLOUDTRAIL, when("ArnNotEquals", "aws:SourceArn", TRAIL_ARN + "-old")))),
    "denied, another reader": (
        "decrypt",
        (allow("kms:Decrypt", READER), deny("kms:Decrypt", condition=when("ArnNotLike", "aws:PrincipalArn", READER["AWS"] + "-old"))),
    ),
    "denied, another account": (
        "decrypt",
        (allow("kms:Decrypt", READER), deny("kms:Decrypt", condition=when("StringNotEquals", "kms:CallerAccount", OTHER_ACCOUNT))),
    ),
    "denied, with a role spared whose account is not known": (
        "decrypt",
        symbolic(
            allow("kms:Decrypt", {"AWS": Reference("aws_iam_role.r", "arn")}),
            deny("kms:Decrypt", Principal=None, NotPrincipal={"AWS": [Reference("aws_iam_role.r", "arn"), Known(ROOT)]}),
        ),
    ),
    "denied, an address of AWS": ("encrypt", (ENCRYPT, deny("kms:*", condition=when("NotIpAddress", "aws:SourceIp", "10.0.0.0/8")))),
    "denied, nothing would allow": ("encrypt", (deny("kms:*", condition=when("StringNotEquals", "aws:PrincipalOrgID", "o-a")),)),
    "denied, key that is missing": (
        "encrypt",
        (ENCRYPT, ENCRYPT, deny("kms:*", condition=when("StringNotEquals", "aws:PrincipalTag/a", "b"))),
    ),
    # -- nothing fits
    "no statement": ("encrypt", ()),
    "no statement, other services": ("encrypt", (allow("kms:*", {"Service": "logs.amazonaws.com"}), DESCRIBE)),
    "no statement for a reader": ("decrypt", (ENCRYPT, DESCRIBE)),
    "no statement for a reader, nor for CloudTrail": ("decrypt", (allow("kms:Sign", READER),)),
    "no statement but for somebody": ("encrypt", (allow("kms:*", READER),)),
    "only the account": ("encrypt", (ROOT_STATEMENT,)),
    "the account and somebody": ("encrypt", (allow("kms:*", {"AWS": [ROOT, READER["AWS"]]}),)),
    "AWS's default policy": ("describe", default_key_policy(KNOWN_PLACE, HERE)),
    "AWS's default policy, encrypt": ("encrypt", default_key_policy(KNOWN_PLACE, HERE)),
    "left out, with a Sid": (
        "encrypt",
        replace(policy(DESCRIBE), left_out=(replace(policy(ENCRYPT).statements[0], included=Match.NO, included_when="UseX = true"),)),
    ),
    "left out, without": (
        "encrypt",
        replace(policy(DESCRIBE), left_out=(replace(policy(*encrypt()).statements[0], included=Match.NO, included_when="UseX = true"),)),
    ),
    # -- further statements
    "further statements": ("encrypt", replace(policy(DESCRIBE), rest="var.more has no default")),
    # -- Effect, and statements that inputs give
    "no valid Effect": ("encrypt", encrypt(Effect="Permit")),
    "Effect that is not known": ("encrypt", symbolic(*encrypt(Effect=INPUT))),
    "there for some inputs": ("encrypt", included(policy(ENCRYPT), "var.x = true")),
    "there or not": ("encrypt", included(policy(ENCRYPT), "")),
    "a Deny for some inputs": (
        "encrypt",
        replace(
            policy(ENCRYPT, deny("kms:*")),
            statements=(policy(ENCRYPT).statements[0], included(policy(deny("kms:*")), "var.x = true").statements[0]),
        ),
    ),
    # -- principals
    "principal: other service": ("encrypt", (allow(ENC, {"Service": "logs.amazonaws.com"}), DESCRIBE)),
    "principal: other services": ("encrypt", (allow(ENC, {"Service": ["logs.amazonaws.com", "s3.amazonaws.com"], "AWS": ROOT}), DESCRIBE)),
    "principal: under AWS": ("encrypt", (allow(ENC, {"AWS": [ROOT, "cloudtrail.amazonaws.com"]}),)),
    "principal: without a type": ("encrypt", (allow(ENC, "cloudtrail.amazonaws.com"),)),
    "principal: service that is not known": ("encrypt", symbolic(allow(ENC, {"Service": LOST}))),
    "principal: services known in part": (
        "encrypt",
        symbolic(allow(ENC, {"Service": [text(INPUT, ".amazonaws.com"), "s3.amazonaws.com"]})),
    ),
    "principal: four that are known in part": (
        "encrypt",
        symbolic(allow(ENC, {"Service": [text(INPUT, f".{number}") for number in range(4)]})),
    ),
    "principal: services, one of them not known": ("encrypt", symbolic(allow(ENC, {"Service": ["s3.amazonaws.com", LOST]}))),
    "principal: another service reads": ("decrypt", (allow("kms:Decrypt", {"Service": "athena.amazonaws.com"}),)),
    "principal: Allow with NotPrincipal that lists it": ("encrypt", (allow(ENC, Principal=None, NotPrincipal=CLOUDTRAIL),)),
    "principal: Allow with NotPrincipal": ("encrypt", (allow(ENC, Principal=None, NotPrincipal={"AWS": ROOT}),)),
    "principal: Deny that may be for a reader": ("decrypt", symbolic(allow("kms:Decrypt", READER), deny("kms:*", {"AWS": LOST}))),
    "principal: reader that is not known": ("decrypt", symbolic(allow("kms:Decrypt", {"AWS": LOST}))),
    "principal: a role that is not known": ("decrypt", symbolic(allow("kms:Decrypt", {"AWS": Reference("aws_iam_role.reader", "arn")}))),
    "principal: one of two services": ("encrypt", symbolic(allow(ENC, {"Service": ONE_OF_TWO}))),
    "principal: types that are not known": (
        "encrypt",
        changed(policy(*encrypt()), principals=(Principal(PrincipalType.OTHER, LOST),)),
    ),
    # -- actions
    "action: another": ("describe", (ENCRYPT,)),
    "action: another, narrow": ("encrypt", (DESCRIBE,)),
    "action: three others": ("describe", (allow(["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*"]),)),
    "action: four others": ("describe", (allow(["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:Sign"]),)),
    "action: none": ("encrypt", encrypt(Action=None)),
    "action: none, of a document": ("encrypt", encrypt(Action=[])),
    "action: misspelt": ("encrypt", (allow(["kms:DescribeKey", "kms:GenerateDatakeys"]),)),
    "action: another service's": ("encrypt", (allow("ksm:GenerateDataKey*"),)),
    "action: similar": ("encrypt", (allow(["kms:Encrypt", "kms:DescribeKey"]),)),
    "action: similar, but not for this trail": (
        "encrypt",
        (allow("kms:Encrypt", condition=when("StringEquals", "aws:SourceAccount", OTHER_ACCOUNT)),),
    ),
    "action: not known": ("encrypt", symbolic(allow(LOST))),
    "action: known in part": ("encrypt", symbolic(allow([text("kms:", INPUT), "kms:DescribeKey"]))),
    "action: may be describe": ("describe", symbolic(allow(INPUT))),
    "action: NotAction": ("encrypt", (allow(None, NotAction=["kms:Generate*", "kms:Decrypt"]),)),
    # -- resources
    "resource: none": ("encrypt", encrypt(Resource=None)),
    "resource: an alias": ("encrypt", encrypt(Resource=f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/logs")),
    "resource: an alias among others": (
        "encrypt",
        encrypt(Resource=[f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/logs", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/a"]),
    ),
    "resource: others": ("encrypt", encrypt(Resource=[f"arn:aws:kms:us-east-1:{ACCOUNT}:key/a", TRAIL_ARN])),
    "resource: NotResource": ("encrypt", encrypt(Resource=None, NotResource="*")),
    "resource: not known": ("encrypt", symbolic(*encrypt(Resource=LOST))),
    "resource: known in part": ("encrypt", symbolic(*encrypt(Resource=text("arn:aws:kms:us-east-1:", INPUT, ":key/*")))),
    # -- conditions that cannot be decided
    "condition: which is not known": ("encrypt", symbolic(allow(ENC, condition={"StringEquals": LOST}))),
    "condition: operator": ("encrypt", encrypt(when("StringIs", EC, "x"))),
    "condition: operator that is misspelt": ("encrypt", encrypt(when("ForAnyValue:StringLikes", EC, "x"))),
    "condition: operator like no other": ("encrypt", encrypt(when("Foo", EC, "x"))),
    "condition: operator that is not known": (
        "encrypt",
        changed(policy(*encrypt()), conditions=(Condition("", Known(EC), (Known("x"),)),)),
    ),
    "condition: value without a reason": ("encrypt", symbolic(allow(ENC, condition=when("StringEquals", EC, Symbol("x"))))),
    "condition: ViaService": ("encrypt", encrypt(when("StringEquals", "kms:ViaService", "s3.us-east-1.amazonaws.com"))),
    "condition: organization of the source": ("encrypt", encrypt(when("StringEquals", "aws:SourceOrgID", "o-a"))),
    "condition: paths of the source's organization": ("encrypt", encrypt(when("ForAnyValue:StringLike", "aws:SourceOrgPaths", "o-a/*"))),
    "condition: organization of a reader": (
        "decrypt",
        (allow("kms:Decrypt", {"AWS": "*"}, {"StringEquals": {"kms:CallerAccount": ACCOUNT, "aws:PrincipalOrgID": "o-a"}}),),
    ),
    "condition: tag of a reader": ("decrypt", (allow("kms:Decrypt", READER, when("StringEquals", "aws:PrincipalTag/a", "b")),)),
    "condition: Deny by a tag": (
        "decrypt",
        (allow("kms:Decrypt", READER), deny("kms:Decrypt", condition=when("StringEquals", "aws:PrincipalTag/a", "b"))),
    ),
    "condition: two of which one certainly does not hold": (
        "encrypt",
        encrypt({"StringEquals": {"kms:ViaService": "x", "aws:SourceAccount": OTHER_ACCOUNT}}),
    ),
    "condition: input": ("encrypt", symbolic(allow(ENC, condition=when("StringEquals", "aws:SourceArn", INPUT)))),
    "condition: input among others": (
        "encrypt",
        symbolic(allow(ENC, condition=when("StringEquals", "aws:SourceArn", INPUT, TRAIL_ARN + "x"))),
    ),
    "condition: what is lost": ("encrypt", symbolic(allow(ENC, condition=when("StringEquals", "aws:SourceArn", LOST)))),
    "condition: after the deployment": ("encrypt", symbolic(allow(ENC, condition=when("StringLike", "aws:SourceArn", text(LATER, "*"))))),
    "condition: account and input": (
        "encrypt",
        symbolic(
            allow(
                ENC,
                condition=when(
                    "StringLike", "aws:SourceArn", text("arn:aws:cloudtrail:us-east-1:", AMBIENT_PLACE.account, ":trail/", INPUT)
                ),
            )
        ),
    ),
    "condition: place": ("encrypt", encrypt(when("StringEquals", "aws:SourceArn", TRAIL_ARN)), {"place": AMBIENT_PLACE, "strict": True}),
    "condition: Region only": (
        "encrypt",
        encrypt(when("StringEquals", "aws:SourceArn", TRAIL_ARN)),
        {"place": Place(Known(ACCOUNT), AMBIENT_PLACE.region, Known("aws")), "strict": True},
    ),
    "condition: time of the call": ("encrypt", encrypt(when("DateLessThan", "aws:CurrentTime", "2031-01-01T00:00:00Z"))),
    "condition: trail whose name is an input": ("encrypt", (ENCRYPT,), {"used_by": trail(name=INPUT)}),
    # -- conditions that do not hold
    "condition: Null true": ("encrypt", encrypt(when("Null", EC, "true"))),
    "condition: Null false": ("encrypt", encrypt(when("Null", "aws:PrincipalOrgID", "false"))),
    "condition: excludes": ("encrypt", encrypt(when("StringNotEquals", "aws:SourceAccount", ACCOUNT))),
    "condition: excludes two": ("encrypt", encrypt(when("ArnNotLike", "aws:SourceArn", ALL_TRAILS, TRAIL_ARN))),
    "condition: never sent, a service": ("encrypt", encrypt(when("StringEquals", "kms:CallerAccount", ACCOUNT))),
    "condition: ViaService, DescribeKey": ("describe", (allow("kms:DescribeKey", condition=when("StringEquals", "kms:ViaService", "x")),)),
    "condition: never sent, DescribeKey": (
        "describe",
        (allow("kms:DescribeKey", condition=when("StringEquals", "aws:PrincipalOrgID", "o-a")),),
    ),
    "condition: never sent, a reader": ("decrypt", (allow("kms:Decrypt", READER, when("StringEquals", "aws:SourceAccount", ACCOUNT)),)),
    "condition: context on DescribeKey": ("describe", (allow([ENC, "kms:DescribeKey"], condition=when("StringLike", EC, ALL_TRAILS)),)),
    "condition: context on DescribeKey, no span": (
        "describe",
        symbolic(allow([ENC, "kms:DescribeKey"], condition=when("StringLike", EC, ALL_TRAILS))),
    ),
    "condition: past": ("encrypt", encrypt(when("DateLessThan", "aws:CurrentTime", "2001-01-01T00:00:00Z"))),
    "condition: address": ("encrypt", encrypt(when("IpAddress", "aws:SourceIp", "10.0.0.0/8"))),
    "condition: Bool": ("encrypt", encrypt(when("Bool", "aws:PrincipalIsAWSService", "false"))),
    "condition: Region of the request": ("encrypt", encrypt(when("StringEquals", "aws:RequestedRegion", "eu-west-1", "eu-west-2"))),
    # -- the nearest value
    "values: wildcard under StringEquals": ("encrypt", encrypt(when("StringEquals", EC, ALL_TRAILS))),
    "values: question mark under StringEquals": ("encrypt", encrypt(when("StringEquals", "aws:SourceArn", TRAIL_ARN[:-1] + "?"))),
    "values: wildcard under StringEqualsIgnoreCase": (
        "encrypt",
        encrypt(when("ForAnyValue:StringEqualsIgnoreCaseIfExists", EC, ALL_TRAILS)),
    ),
    "values: wildcard that would not match either": (
        "encrypt",
        encrypt(when("StringEquals", EC, ALL_TRAILS.replace(ACCOUNT, OTHER_ACCOUNT))),
    ),
    "values: not substituted": ("encrypt", encrypt(when("StringLike", EC, "arn:aws:cloudtrail:*:${AWS::AccountId}:trail/*"))),
    "values: variable without Version": (
        "encrypt",
        policy(*encrypt(when("StringLike", EC, "arn:aws:cloudtrail:*:${aws:SourceAccount}:trail/*")), version=None),
    ),
    "values: placeholder account": ("encrypt", encrypt(when("StringLike", EC, "arn:aws:cloudtrail:*:aws-account-id:trail/*"))),
    "values: placeholder Region": ("encrypt", encrypt(when("StringEquals", "aws:SourceArn", TRAIL_ARN.replace("us-east-1", "region")))),
    "values: placeholder name": ("encrypt", encrypt(when("StringEquals", "aws:SourceArn", TRAIL_ARN.replace(NAME, "trail-name")))),
    "values: placeholder SourceAccount": ("encrypt", encrypt(when("StringEquals", "aws:SourceAccount", "account-id"))),
    "values: SourceAccount": ("encrypt", encrypt(when("StringEquals", "aws:SourceAccount", OTHER_ACCOUNT, "999988887777"))),
    "values: CallerAccount": ("decrypt", (allow("kms:Decrypt", READER, when("StringEquals", "kms:CallerAccount", OTHER_ACCOUNT)),)),
    "values: PrincipalAccount": ("decrypt", (allow("kms:Decrypt", READER, when("StringEquals", "aws:PrincipalAccount", "123456789012")),)),
    "values: partition and account": ("encrypt", encrypt(when("StringLike", EC, "arn:aws-cn:cloudtrail:*:444455556666:trail/*"))),
    "values: account and Region": (
        "encrypt",
        encrypt(when("StringEquals", "aws:SourceArn", f"arn:aws:cloudtrail:eu-west-1:444455556666:trail/{NAME}")),
    ),
    "values: Region": ("encrypt", encrypt(when("ArnEquals", "aws:SourceArn", TRAIL_ARN.replace("us-east-1", "eu-west-1")))),
    "values: other trail": ("encrypt", encrypt(when("StringEquals", "aws:SourceArn", TRAIL_ARN + "-old"))),
    "values: other trail, ArnLike": ("encrypt", encrypt(when("ArnLike", "aws:SourceArn", TRAIL_ARN + "-old"))),
    "values: other trail, name made up": (
        "encrypt",
        encrypt(when("StringEquals", "aws:SourceArn", TRAIL_ARN)),
        {"used_by": trail(name=MADE_UP)},
    ),
    "values: event data stores": ("encrypt", encrypt(when("StringLike", "aws:SourceArn", ALL_TRAILS.replace("trail/", "eventdatastore/")))),
    "values: another service's ARN": ("encrypt", encrypt(when("ArnLike", "aws:SourceArn", ALL_TRAILS.replace(":cloudtrail:", ":logs:")))),
    "values: no ARN": ("encrypt", encrypt(when("StringEquals", "aws:SourceArn", NAME))),
    "values: far and near": (
        "encrypt",
        encrypt(when("StringLike", EC, "x", ALL_TRAILS.replace(ACCOUNT, OTHER_ACCOUNT), "arn:aws-cn:cloudtrail:*:1:trail/*")),
    ),
    "values: none": ("encrypt", encrypt(when("StringEquals", "aws:SourceArn"))),
    "values: many in the request": ("encrypt", encrypt({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "aws:cloudtrail:arn"}})),
    "values: parts as the policy has them": (
        "encrypt",
        symbolic(allow(ENC, condition=when("StringLike", EC, text("arn:aws:cloudtrail:*:", AMBIENT_PLACE.account, ":trail/other")))),
        {"place": ACCOUNT_ONLY},
    ),
    "values: bucket": (
        "encrypt",
        encrypt(when("StringLike", "kms:EncryptionContext:aws:s3:arn", "arn:aws:s3:::other/*")),
        {"used_by": trail(bucket_name=Known("logs")), "bucket_key": Match.NO},
    ),
    # -- what was assumed
    "assumed": (
        "describe",
        (ENCRYPT, allow("kms:DescribeKey", condition=when("StringEquals", "aws:SourceAccount", OTHER_ACCOUNT))),
        {"place": AMBIENT_PLACE},
    ),
    "assumed, in words of a data source": (
        "encrypt",
        encrypt(when("ArnLike", "aws:SourceArn", TRAIL_ARN.replace(ACCOUNT, "*") + "2")),
        {"place": ACCOUNT_ONLY, "language": Language.TERRAFORM},
    ),
    "in any account something fails": (
        "describe",
        (
            allow(
                "kms:DescribeKey",
                condition={
                    "StringEquals": {"aws:SourceAccount": ACCOUNT},
                    "ArnLike": {"aws:SourceArn": ALL_TRAILS.replace(ACCOUNT, OTHER_ACCOUNT)},
                },
            ),
        ),
        {"place": AMBIENT_PLACE},
    ),
    "other accounts of the place": (
        "describe",
        (
            allow("kms:DescribeKey", condition=when("StringEquals", "aws:SourceArn", TRAIL_ARN)),
            allow("kms:DescribeKey", condition=when("StringEquals", "aws:SourceArn", TRAIL_ARN.replace(ACCOUNT, OTHER_ACCOUNT))),
        ),
        {"place": AMBIENT_PLACE},
    ),
    "management account": (
        "encrypt",
        (ENCRYPT,),
        {"used_by": trail(is_organization_trail=Known(True)), "facts": OrganizationFacts(management_account=OTHER_ACCOUNT)},
    ),
}


def explained(question: str, found: Any, options: dict[str, Any]) -> tuple[KeyPolicy, Explanation]:
    """Return the policy and what is said about it."""
    found = found if isinstance(found, KeyPolicy) else policy(*found)
    place, language, used_by = (options.get(name) for name in ("place", "language", "used_by"))
    place = place or KNOWN_PLACE
    used_by = used_by or trail(place)
    others = {name: value for name, value in options.items() if name not in ("place", "language", "used_by")}
    judgement = judge_trail(found, key(place), used_by, **others)
    return found, explain(found, getattr(judgement, question), key=key(place), trail=used_by, judgement=judgement, language=language)


def shown(found: KeyPolicy, words: Explanation) -> str:
    """Return the words as the golden file has them."""
    related = [f"related: {label}, {place(found, span)}" for span, label in words.related]
    mistake = words.mistake.value if words.mistake is not None else "none"
    return "\n".join(
        [
            f"message: {words.message}",
            f"label:   {words.label}",
            f"at:      {place(found, words.span)}",
            f"help:    {words.help}",
            f"mistake: {mistake}",
            *related,
        ]
    )


def place(found: KeyPolicy, span: Span | None) -> str:
    """Return what of the policy a span covers, in words and as it is written there."""
    if span is None:
        return "nowhere"
    if span == HERE:
        return "the key"
    if span == found.span:
        return "the policy"
    for number, statement in enumerate((*found.statements, *found.left_out), 1):
        if span == statement.span:
            return f"statement {number}"
        for name, part in statement.parts:
            if span == part:
                return f"{name} of statement {number}"
        for condition in statement.conditions:
            if span == condition.span:
                return f"condition on {describe(condition.key)} of statement {number}"
        values = [*statement.actions, *statement.resources, *(each.value for each in statement.principals)]
        values += [value for condition in statement.conditions for value in condition.values]
        for value in values:
            if span == value.origin.span:
                return f"{describe(value)} of statement {number}"
    return str(span)


def golden() -> dict[str, str]:
    """Return the texts of the golden file by the names of the cases."""
    entries = GOLDEN.read_text(encoding="utf-8").split("## ")[1:]
    return {name: words.rstrip("\n") for name, _, words in (entry.partition("\n") for entry in entries)}


@pytest.mark.parametrize("name", CASES)
def test_words(name: str) -> None:
    question, found, *options = CASES[name]
    assert shown(*explained(question, found, options[0] if options else {})) == golden()[name]


def test_the_golden_file_holds_these_cases_and_no_others() -> None:
    if os.environ.get("UPDATE_GOLDEN") == "1":
        entries = []
        for name, (question, found, *options) in CASES.items():
            entries.append(f"## {name}\n{shown(*explained(question, found, options[0] if options else {}))}\n")
        GOLDEN.write_text("\n".join(entries), encoding="utf-8")
    assert list(golden()) == list(CASES)
