"""Who else gets in, word by word: another account's trail (CTKMS006) and another account's reader (CTKMS007)."""

from __future__ import annotations

from typing import Any

import pytest
from key_policies import (
    ACCOUNT,
    ALL_TRAILS,
    CLOUDTRAIL,
    EC,
    ENCRYPT,
    KNOWN_PLACE,
    OTHER_ACCOUNT,
    ROOT_STATEMENT,
    TRAIL_ARN,
    allow,
    key,
    symbolic,
    trail,
)

from ctkms_policy.iam.judge import broad_decrypt, encrypt_is_scoped
from ctkms_policy.iam.request import OrganizationFacts
from ctkms_policy.iam.strangers import BroadGrant
from ctkms_policy.model import Language, Place
from ctkms_policy.value import Known, Symbol, SymbolKind, Unknown, concatenate

ENC = "kms:GenerateDataKey*"
OWN = f'a condition ArnLike on "aws:SourceArn" with "{ALL_TRAILS}"'
READER = f"arn:aws:iam::{ACCOUNT}:role/reader"


def unscoped(*statements: Any, place: Place = KNOWN_PLACE) -> BroadGrant | None:
    return encrypt_is_scoped(symbolic(*statements), key(place), trail(place), language=Language.TERRAFORM)


def where(operator: str, name: str, *values: Any) -> Any:
    return allow(ENC, condition={operator: {name: list(values)}})


@pytest.mark.parametrize(
    ("statements", "message", "help"),
    [
        ((allow(ENC),), "statement 1 has no condition", f"add {OWN}"),
        ((ROOT_STATEMENT, allow(ENC)), "statement 2 has no condition", f"add {OWN}"),
        (
            (where("ArnLike", "aws:SourceArn", "arn:aws:cloudtrail:*:*:trail/*"),),
            "the conditions of statement 1 hold for the trails of every account",
            f"use {OWN}",
        ),
        (
            (where("StringLike", EC, "arn:aws:cloudtrail:*:*:trail/*"),),
            "the conditions of statement 1 hold for the trails of every account",
            f"add {OWN}",
        ),
        (
            (where("StringLike", EC, "arn:aws:cloudtrail:*:${aws:SourceAccount}:trail/*"),),
            "statement 1 compares the request with itself, which holds for every trail",
            f'use StringLike with "{ALL_TRAILS}" instead',
        ),
        (
            (where("StringEquals", EC, "${aws:SourceArn}"),),
            "statement 1 compares the request with itself, which holds for every trail",
            f'use StringLike with "{ALL_TRAILS}" instead',
        ),
        (
            (where("ArnEquals", EC, "${AWS:SourceArn}", TRAIL_ARN),),
            "statement 1 compares the request with itself, which holds for every trail",
            f'use ArnEquals with "{ALL_TRAILS}" instead',
        ),
        ((allow(ENC, "*"),), "statement 1 has no condition", "name the principals: this one means every service, too"),
        (
            (allow(ENC, {"AWS": ["*", f"arn:aws:iam::{ACCOUNT}:role/cloudtrail"], "Service": "logs.amazonaws.com"}),),
            "statement 1 has no condition",
            "name the principals: this one means every service, too",
        ),
        (
            (allow(ENC, {"AWS": READER, **CLOUDTRAIL}),),
            "statement 1 has no condition",
            f"add {OWN}",
        ),
        (
            (allow([ENC, "kms:Decrypt"]), ENCRYPT),
            "statement 1 has no condition",
            'if this statement is for an encrypted SNS topic, scope it by a condition on "kms:EncryptionContext:aws:sns:topicArn"; '
            f"otherwise add {OWN}",
        ),
        ((allow([ENC, "kms:Decrypt"]),), "statement 1 has no condition", f"add {OWN}"),
        ((allow([ENC, Unknown("lost")]), ENCRYPT), "statement 1 has no condition", f"add {OWN}"),
        ((allow(ENC), ENCRYPT), "statement 1 has no condition", f"add {OWN}"),
    ],
)
def test_a_statement_that_lets_every_accounts_trails_in(statements: tuple[Any, ...], message: str, help: str) -> None:
    grant = unscoped(*statements)
    assert grant is not None
    assert (grant.message, grant.help) == (message, help)


MADE_UP = concatenate([Known("arn:aws:cloudtrail:us-east-1:"), Symbol("var.account", SymbolKind.INPUT), Known(":trail/t")])


@pytest.mark.parametrize(
    "statement",
    [
        where("ArnLike", "aws:SourceArn", ALL_TRAILS),
        where("ArnLike", "aws:SourceArn", ALL_TRAILS, ALL_TRAILS.replace(ACCOUNT, OTHER_ACCOUNT)),
        where("StringEquals", "aws:SourceAccount", ACCOUNT),
        where("StringEquals", "aws:SourceArn", TRAIL_ARN),
        where("StringEquals", "aws:SourceArn", MADE_UP),
        where("StringEquals", "aws:SourceOrgID", "o-a"),
        where("ArnLike", "aws:SourceArn", Unknown("lost")),
        allow("kms:Decrypt"),
        allow(ENC, {"AWS": READER}),
    ],
)
def test_a_statement_that_names_whose_trails_it_is_for(statement: Any) -> None:
    assert unscoped(statement) is None


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "*"])
@pytest.mark.parametrize(("partition", "place"), [("aws", "us-east-1"), ("aws-cn", "cn-north-1")])
@pytest.mark.parametrize("name", ["management-events", "*", "a?c-*", "another"])
def test_a_pattern_with_any_account_lets_strangers_in_whatever_else_it_names(region: str, partition: str, place: str, name: str) -> None:
    """A stranger can have a trail of any name in any Region."""
    if partition == "aws-cn":
        region = region if region == "*" else "cn-northwest-1"
    found = unscoped(
        where("ArnLike", "aws:SourceArn", f"arn:{partition}:cloudtrail:{region}:*:trail/{name}"),
        place=Place(Known(ACCOUNT), Known(place), Known(partition)),
    )
    assert found is not None
    assert found.message == "the conditions of statement 1 hold for the trails of every account"


@pytest.mark.parametrize(
    ("statement", "message", "help"),
    [
        (
            allow("kms:Decrypt", {"AWS": "*"}),
            "statement 1 lets everybody use kms:Decrypt",
            f'name the readers, or add a condition StringEquals on "kms:CallerAccount" with "{ACCOUNT}"',
        ),
        (
            allow(["kms:Decrypt", "kms:CreateGrant", "kms:ReEncryptFrom"], {"AWS": "*"}, {"StringLike": {EC: "*"}}),
            "the conditions of statement 1 keep nobody from kms:Decrypt, kms:ReEncryptFrom and kms:CreateGrant",
            f'name the readers, or add a condition StringEquals on "kms:CallerAccount" with "{ACCOUNT}"',
        ),
        (
            allow("kms:Decrypt", {"AWS": "*"}, {"StringEqualsIfExists": {"kms:CallerAccount": ACCOUNT}}),
            "statement 1 lets everybody use kms:Decrypt who does not sign the request: its conditions hold without their key",
            "use the condition without IfExists, ForAllValues or negation: an unsigned request has no account, organization or ARN",
        ),
    ],
)
def test_a_statement_that_lets_every_accounts_readers_in(statement: Any, message: str, help: str) -> None:
    grants = broad_decrypt(symbolic(ROOT_STATEMENT, statement), key(), language=Language.TERRAFORM)
    assert [(each.message.replace("statement 2", "statement 1"), each.help) for each in grants] == [(message, help)]


@pytest.mark.parametrize(
    ("principal", "named"),
    [
        ({"AWS": READER}, []),  # of the key's own account
        ({"AWS": READER.replace(ACCOUNT, "999988887777")}, []),
        ({"AWS": "999988887777"}, []),
        ({"AWS": READER.replace(ACCOUNT, OTHER_ACCOUNT)}, [READER.replace(ACCOUNT, OTHER_ACCOUNT)]),
        ({"AWS": OTHER_ACCOUNT}, [OTHER_ACCOUNT]),
        ({"AWS": Unknown("lost")}, []),
        ({"Service": "cloudtrail.amazonaws.com"}, []),
        ({"Federated": "accounts.google.com"}, []),
    ],
)
def test_readers_that_the_configuration_does_not_list(principal: Any, named: list[str]) -> None:
    facts = OrganizationFacts(allowed_readers=("999988887777",))
    grants = broad_decrypt(symbolic(ROOT_STATEMENT, allow("kms:Decrypt", principal)), key(), facts=facts)
    assert [each.message for each in grants] == [f'"{each}" may decrypt and is not among the allowed readers' for each in named]
