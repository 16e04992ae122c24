"""Is there any reader: callers made from what the policy names, and which of their decisions is told."""

from __future__ import annotations

from typing import Any

import pytest
from key_policies import (
    ACCOUNT,
    AMBIENT_PLACE,
    EC,
    KNOWN_PLACE,
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

from ctkms_policy.iam.evaluate import Decision, Outcome
from ctkms_policy.iam.explain import explain
from ctkms_policy.iam.judge import judge_trail
from ctkms_policy.iam.phrases import Mistake
from ctkms_policy.iam.readers import MAX_ORGANIZATIONS, MAX_READERS
from ctkms_policy.iam.request import OrganizationFacts
from ctkms_policy.model import Place
from ctkms_policy.value import Known, Reference, Symbol, SymbolKind, Unknown, concatenate

ENC = "kms:GenerateDataKey*"
READER = f"arn:aws:iam::{ACCOUNT}:role/reader"
FOREIGN_ROOT = ROOT.replace(ACCOUNT, OTHER_ACCOUNT)
EVERYBODY = {"AWS": "*"}
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def decrypt(*statements: Any, place: Place = KNOWN_PLACE) -> Decision:
    return judge_trail(symbolic(*statements), key(place), trail(place)).decrypt


def where(operator: str, name: str, *values: Any) -> Any:
    """Return a statement that lets everybody who meets a condition decrypt."""
    return allow("kms:Decrypt", EVERYBODY, {operator: {name: list(values)}})


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (where("ArnLike", "aws:PrincipalArn", READER), "allowed"),
        (where("ArnLike", "aws:PrincipalArn", "x", READER), "allowed"),
        (where("ArnLike", "aws:PrincipalArn", "x"), "implicitly denied"),
        (where("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/*-reader"), "allowed"),
        (where("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/reader-?"), "allowed"),
        (where("ArnLike", "aws:PrincipalArn", f"arn:*:iam::{ACCOUNT}:user/path/*/reader"), "allowed"),
        (where("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/reader"), "allowed"),
        (where("StringLike", "aws:PrincipalArn", f"arn:aws:iam::{OTHER_ACCOUNT}:role/?-*"), "allowed"),
        # No role has a wildcard in its name: under an operator that takes it literally the condition never holds.
        (where("StringEquals", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/*"), "implicitly denied"),
        (where("StringEquals", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/reader-?"), "implicitly denied"),
        (where("StringEquals", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/*", READER), "allowed"),
        (where("StringEquals", "kms:CallerAccount", ACCOUNT), "allowed"),
        (where("StringEquals", "kms:CallerAccount", OTHER_ACCOUNT), "allowed"),
        (where("StringEquals", "aws:PrincipalAccount", "1", ACCOUNT), "allowed"),
        (where("StringLike", "kms:CallerAccount", "1111*"), "allowed"),
        (where("StringLike", "kms:CallerAccount", "4444*"), "undetermined"),  # an account that nobody names
        (where("StringEquals", "kms:CallerAccount", Unknown("lost")), "undetermined"),
    ],
)
def test_who_fits_a_condition_on_the_caller_is_asked(statement: Any, expected: str) -> None:
    assert decrypt(statement).outcome.value == expected


def test_a_wildcard_that_is_taken_literally_is_called_so() -> None:
    found = policy(where("StringEquals", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/*"))
    words = explain(found, judge_trail(found, key(), trail()).decrypt, key=key(), trail=trail())
    assert (words.mistake, words.help) == (Mistake.WILDCARD_UNDER_EQUALS, "use StringLike")


@pytest.mark.parametrize(
    ("principal", "condition", "expected"),
    [
        # A reader is of the account that its ARN names, and of the partition of the root that is named.
        ({"AWS": READER}, {"StringEquals": {"kms:CallerAccount": ACCOUNT}}, "allowed"),
        ({"AWS": READER}, {"StringEquals": {"kms:CallerAccount": OTHER_ACCOUNT}}, "implicitly denied"),
        ({"AWS": FOREIGN_ROOT}, {"StringEquals": {"kms:CallerAccount": OTHER_ACCOUNT}}, "delegated"),
        ({"AWS": OTHER_ACCOUNT}, {"StringEquals": {"kms:CallerAccount": OTHER_ACCOUNT}}, "delegated"),
        ({"AWS": OTHER_ACCOUNT}, {"StringEquals": {"kms:CallerAccount": ACCOUNT}}, "undetermined"),
        (
            {"AWS": FOREIGN_ROOT.replace("arn:aws", "arn:aws-cn")},
            {"StringLike": {"aws:PrincipalArn": "arn:aws-cn:*"}},
            "delegated",
        ),
        ({"Federated": "cognito-identity.amazonaws.com"}, None, "allowed"),
        ({"AWS": Unknown("lost")}, None, "undetermined"),
        ({"AWS": [Unknown("lost"), READER]}, None, "allowed"),
        ({"Service": "cloudtrail.amazonaws.com"}, None, "implicitly denied"),
    ],
)
def test_who_is_named_is_asked(principal: Any, condition: Any, expected: str) -> None:
    assert decrypt(allow("kms:Decrypt", principal, condition)).outcome.value == expected


def test_whom_a_deny_spares_is_asked() -> None:
    spares_one = deny("kms:Decrypt", Principal=None, NotPrincipal={"AWS": [READER, ROOT]})
    assert decrypt(allow("kms:Decrypt", EVERYBODY), spares_one).outcome is Outcome.ALLOWED
    assert decrypt(allow("kms:Decrypt", {"AWS": f"{READER}-2"}), spares_one).outcome is Outcome.EXPLICITLY_DENIED
    # Nothing is said about readers of other accounts.
    assert decrypt(allow("kms:Decrypt", EVERYBODY), deny("kms:Decrypt", {"AWS": ROOT})).outcome is Outcome.UNDETERMINED
    # AWS might deny the whole account where that is not listed, too.
    for listed in ({"AWS": READER}, {"AWS": [READER, FOREIGN_ROOT]}):
        alone = deny("kms:Decrypt", Principal=None, NotPrincipal=listed)
        assert decrypt(allow("kms:Decrypt", {"AWS": READER}), alone).outcome is Outcome.UNDETERMINED
    only_account = deny("kms:Decrypt", Principal=None, NotPrincipal={"AWS": ROOT})
    assert decrypt(allow("kms:Decrypt", {"AWS": READER}), only_account).outcome is Outcome.EXPLICITLY_DENIED


def test_somebody_is_none_of_those_whom_a_statement_names() -> None:
    kept_out = deny("kms:Decrypt", {"AWS": READER})
    assert decrypt(allow("kms:Decrypt", {"AWS": READER}), kept_out).outcome is Outcome.EXPLICITLY_DENIED
    assert decrypt(ROOT_STATEMENT, allow("kms:Decrypt", {"AWS": READER}), kept_out).outcome is Outcome.DELEGATED
    assert decrypt(allow("kms:Decrypt", EVERYBODY, {"StringEquals": {"kms:CallerAccount": ACCOUNT}}), kept_out).outcome is Outcome.ALLOWED
    # Not all of so many are asked: one of the others may be let in.
    many = [f"{READER}-{number}" for number in range(MAX_READERS + 1)]
    assert decrypt(allow("kms:Decrypt", {"AWS": many}), deny("kms:Decrypt", {"AWS": many[:-1]})).outcome is Outcome.UNDETERMINED


def test_a_principal_whose_account_is_open_may_be_the_keys() -> None:
    root = concatenate([Known("arn:aws:iam::"), Symbol("var.account", SymbolKind.INPUT), Known(":root")])
    assert decrypt(allow("kms:Decrypt", {"AWS": root})).outcome is Outcome.UNDETERMINED
    # One statement that lets the account change the key policy tells that it is the key's, whatever another one says.
    for administers in ("kms:*", "kms:PutKeyPolicy"):
        both = decrypt(allow("kms:Decrypt", {"AWS": root}), allow(["kms:Decrypt", administers], {"AWS": root}))
        assert both.outcome is Outcome.DELEGATED


def test_of_several_open_readers_the_nearest_is_told() -> None:
    far = allow("kms:Decrypt", {"AWS": READER}, {**MFA, "StringEquals": {EC: TRAIL_ARN + "-old", "aws:PrincipalTag/a": "b"}})
    near = allow("kms:Decrypt", {"AWS": f"{READER}-2"}, MFA)
    other = allow("kms:DescribeKey", {"AWS": f"{READER}-2"})
    for statements in ((far, near), (near, far), (other, near, far)):
        assert [each.statement.conditions for each in decrypt(*statements).deciding] == [symbolic(near).statements[0].conditions]
        beside = decrypt(ROOT_STATEMENT, *statements)
        assert beside.outcome is Outcome.UNDETERMINED
        assert [each.number for each in beside.delegating] == [1]
        assert [each.statement.conditions for each in beside.deciding] == [symbolic(near).statements[0].conditions]


@pytest.mark.parametrize("place", [KNOWN_PLACE, AMBIENT_PLACE])
def test_the_order_of_statements_changes_no_outcome(place: Place) -> None:
    statements = [
        ROOT_STATEMENT,
        allow("kms:Decrypt", {"AWS": READER}, MFA),
        allow("kms:Decrypt", {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:role/r"}, MFA),
    ]
    for chosen in (statements[:2], statements[1:], statements, [statements[0], statements[2]]):
        one, other = decrypt(*chosen, place=place), decrypt(*reversed(chosen), place=place)
        assert (one.outcome, len(one.delegating), len(one.deciding)) == (other.outcome, len(other.delegating), len(other.deciding))


def test_a_grant_to_another_account_is_told_before_the_own_accounts_delegation() -> None:
    narrow = allow("kms:Decrypt", {"AWS": ROOT}, {"StringLike": {EC: "*"}})
    foreign = allow("kms:Decrypt", {"AWS": FOREIGN_ROOT})
    for statements in ((narrow, foreign), (foreign, narrow), (ROOT_STATEMENT, narrow, foreign), (foreign, ROOT_STATEMENT)):
        found = decrypt(*statements)
        assert found.outcome is Outcome.DELEGATED
        assert found.request.caller.account == Known(OTHER_ACCOUNT)


def test_a_certain_grant_to_another_account_is_told_before_a_doubt_about_a_reader() -> None:
    found = decrypt(allow("kms:Decrypt", {"AWS": FOREIGN_ROOT}), allow("kms:Decrypt", {"AWS": READER}, MFA))
    assert (found.outcome, found.request.caller.account) == (Outcome.DELEGATED, Known(OTHER_ACCOUNT))


def test_beside_a_delegation_the_open_reader_that_most_statements_are_about_is_told() -> None:
    for statements in (
        (ROOT_STATEMENT, allow("kms:Decrypt", EVERYBODY, MFA), allow("kms:Decrypt", {"AWS": READER}, MFA)),
        (allow("kms:Decrypt", {"AWS": READER}, MFA), allow("kms:Decrypt", EVERYBODY, MFA), ROOT_STATEMENT),
    ):
        found = decrypt(*statements)
        assert (found.outcome, found.request.caller.name) == (Outcome.UNDETERMINED, Known(READER))
        assert [each.statement.actions for each in found.delegating] == [(Known("kms:*"),)]


def test_a_grant_to_another_account_that_only_some_of_it_meet() -> None:
    foreign = READER.replace(ACCOUNT, OTHER_ACCOUNT)
    by_account = allow("kms:Decrypt", {"AWS": FOREIGN_ROOT}, {"StringEquals": {"aws:PrincipalArn": foreign}})
    assert decrypt(by_account, allow("kms:Decrypt", {"AWS": foreign}, MFA)).outcome is Outcome.DELEGATED


def test_of_several_denied_readers_the_one_that_most_statements_are_about_is_told() -> None:
    elsewhere = {"StringEquals": {EC: f"{TRAIL_ARN}-old"}}
    first, second = f"{READER}-1", f"{READER}-2"
    statements = [allow("kms:Decrypt", {"AWS": each}, elsewhere) for each in (first, second, second)]
    for order in (statements, statements[::-1]):
        found = decrypt(*order)
        assert (found.outcome, found.request.caller.name) == (Outcome.IMPLICITLY_DENIED, Known(second))


def test_as_many_readers_as_are_asked_are_all_asked() -> None:
    names = [f"{READER}-{number}" for number in range(MAX_READERS - 1)]  # and somebody whom nobody names
    assert decrypt(allow("kms:Decrypt", {"AWS": names}), deny("kms:Decrypt", {"AWS": names})).outcome is Outcome.EXPLICITLY_DENIED


def test_of_several_open_readers_beside_a_delegation_the_one_that_most_statements_are_about_is_told() -> None:
    first, second = (allow("kms:Decrypt", {"AWS": f"{READER}-{number}"}, MFA) for number in (1, 2))
    for statements in ((ROOT_STATEMENT, first, second, second), (second, second, first, ROOT_STATEMENT)):
        found = decrypt(*statements)
        assert (found.outcome, found.request.caller.name) == (Outcome.UNDETERMINED, Known(f"{READER}-2"))
        assert len(found.delegating) == 1


ROLE = Reference("aws_iam_role.reader", "arn")


@pytest.mark.parametrize("place", [KNOWN_PLACE, AMBIENT_PLACE])
@pytest.mark.parametrize(
    ("grant", "spared", "expected"),
    [
        (allow("kms:Decrypt", {"AWS": READER}), Known(READER), "allowed"),
        (allow("kms:Decrypt", {"AWS": ROLE}), ROLE, "allowed"),
        (allow("kms:Decrypt", {"AWS": READER}), Known(f"{READER}-2"), "explicitly denied"),
        (allow("kms:Decrypt", {"AWS": READER}), Known("arn:aws:iam::*:role/reader"), "allowed"),
        (ROOT_STATEMENT, Known(READER), "delegated"),
        (ROOT_STATEMENT, Known("arn:aws:iam::*:role/reader"), "delegated"),
        (ROOT_STATEMENT, Known("arn:*:iam::*:role/admin-*"), "delegated"),
        (ROOT_STATEMENT, ROLE, "undetermined"),  # whose account the role is of is not certain
        (ROOT_STATEMENT, Unknown("lost"), "undetermined"),
    ],
)
def test_a_deny_for_everybody_but_those_with_an_arn(grant: Any, spared: Any, expected: str, place: Place) -> None:
    for operator in ("ArnNotLike", "ArnNotEquals", "StringNotLike"):
        everybody_else = deny("kms:Decrypt", EVERYBODY, {operator: {"aws:PrincipalArn": spared}})
        assert decrypt(grant, everybody_else, place=place).outcome.value == expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-a/*"]}}, "allowed"),
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-a/r-1/ou-1/*", "o-a/r-1/ou-2/*"]}}, "allowed"),
        (
            {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-a/r-?/ou-1/"]}, "StringEquals": {"aws:PrincipalOrgID": ["o-a"]}},
            "allowed",
        ),
        ({"ForAnyValue:StringEquals": {"aws:PrincipalOrgPaths": ["o-a/r-1/"]}}, "allowed"),
        ({"ForAnyValue:StringEquals": {"aws:PrincipalOrgPaths": ["o-a/*"]}}, "undetermined"),  # taken literally
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-a/*"]}, "StringEquals": {"aws:PrincipalOrgID": ["o-b"]}}, "undetermined"),
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": [Unknown("lost")]}}, "undetermined"),
        ({"StringEquals": {"aws:PrincipalOrgID": ["o-b", "o-a"]}}, "allowed"),
    ],
)
def test_readers_of_a_part_of_an_organization(conditions: Any, expected: str) -> None:
    assert decrypt(allow("kms:Decrypt", EVERYBODY, conditions)).outcome.value == expected


@pytest.mark.parametrize(("organization", "expected"), [("o-a", "allowed"), ("o-b", "undetermined")])
def test_readers_are_of_the_organization_that_the_configuration_names(organization: str, expected: str) -> None:
    found = symbolic(allow("kms:Decrypt", EVERYBODY, {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-a/*"]}}))
    facts = OrganizationFacts(organization_id=organization)
    assert judge_trail(found, key(), trail(), facts=facts).decrypt.outcome.value == expected


def test_each_organization_that_is_named_has_readers() -> None:
    elsewhere = allow("kms:Decrypt", EVERYBODY, {"StringEquals": {"aws:PrincipalOrgID": "o-a", EC: f"{TRAIL_ARN}-old"}})
    for second in (
        {"StringEquals": {"aws:PrincipalOrgID": "o-b"}},
        {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a/r-1/*"}},
        {"StringEquals": {"aws:PrincipalOrgID": "o-b"}, "ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-b/r-1/*"}},
    ):
        assert decrypt(elsewhere, allow("kms:Decrypt", EVERYBODY, second)).outcome is Outcome.ALLOWED
    assert decrypt(elsewhere).outcome is Outcome.IMPLICITLY_DENIED
    many = [where("StringEquals", "aws:PrincipalOrgID", f"o-{number}") for number in range(MAX_ORGANIZATIONS + 1)]
    *first, last = [{**each, "Condition": {**each["Condition"], "StringLike": {EC: f"{TRAIL_ARN}-old"}}} for each in many]
    assert decrypt(*first).outcome is Outcome.IMPLICITLY_DENIED
    assert decrypt(*first, last).outcome is Outcome.IMPLICITLY_DENIED
    assert decrypt(*first, many[-1]).outcome is Outcome.UNDETERMINED


SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/today"
FOREIGN = READER.replace(ACCOUNT, OTHER_ACCOUNT)
USERS = [f"arn:aws:iam::{ACCOUNT}:user/u{number}" for number in range(MAX_READERS + 12)]


def by_arn(operator: str, *values: str) -> Any:
    return deny("kms:Decrypt", EVERYBODY, {operator: {"aws:PrincipalArn": list(values)}})


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        # Users count as readers, not roles only.
        ((allow("kms:Decrypt", {"AWS": FOREIGN_ROOT}, {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}}),), "undetermined"),
        ((where("StringEquals", "kms:CallerAccount", ACCOUNT), by_arn("ArnLike", f"arn:aws:iam::{ACCOUNT}:role/*")), "undetermined"),
        ((ROOT_STATEMENT, by_arn("ArnLike", f"arn:aws:iam::{ACCOUNT}:role/*")), "undetermined"),
        ((ROOT_STATEMENT, by_arn("StringNotLike", "*:user/*")), "undetermined"),
        # More than are asked, none of whom is let in as far as was asked.
        ((allow("kms:Decrypt", {"AWS": USERS}), by_arn("StringNotEquals", USERS[-1])), "undetermined"),
        ((allow("kms:Decrypt", {"AWS": USERS}), deny("kms:Decrypt", {"AWS": USERS[:-1]})), "undetermined"),
        ((allow("kms:Decrypt", {"AWS": USERS}), deny("kms:Decrypt", EVERYBODY)), "explicitly denied"),
        # Readers of another organization, or of none.
        (
            (allow("kms:Decrypt", EVERYBODY), deny("kms:Decrypt", EVERYBODY, {"StringEquals": {"aws:PrincipalOrgID": "o-a"}})),
            "undetermined",
        ),
        (
            (where("Null", "aws:PrincipalOrgID", "true"), deny(ENC, EVERYBODY, {"StringEquals": {"aws:PrincipalOrgID": "o-a"}})),
            "undetermined",
        ),
        ((allow("kms:Decrypt", {"AWS": READER}), deny("kms:Decrypt", EVERYBODY, {"Null": {"aws:PrincipalOrgID": "true"}})), "undetermined"),
        ((where("StringEquals", "aws:PrincipalOrgID", "o-*"),), "undetermined"),
        # What a session carries as its ARN is that of its role, and a role in a policy is its sessions.
        ((allow("kms:Decrypt", {"AWS": SESSION}, {"ArnEquals": {"aws:PrincipalArn": READER}}),), "allowed"),
        ((allow("kms:Decrypt", {"AWS": SESSION}), by_arn("ArnNotLike", READER)), "allowed"),
        ((allow("kms:Decrypt", {"AWS": SESSION}), by_arn("ArnEquals", READER)), "explicitly denied"),
        ((allow("kms:Decrypt", {"AWS": SESSION}), deny("kms:Decrypt", {"AWS": READER})), "explicitly denied"),
        ((where("ArnLike", "aws:PrincipalArn", SESSION),), "implicitly denied"),
        ((where("ArnLike", "aws:PrincipalArn", f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/*"),), "implicitly denied"),
        # What is no principal reads nothing.
        ((where("ArnLike", "aws:PrincipalArn", "arn:aws:s3:::bucket"),), "implicitly denied"),
        ((allow("kms:Decrypt", {"AWS": f"arn:aws:iam::{ACCOUNT}:group/g"}),), "implicitly denied"),
        ((allow("kms:Decrypt", {"AWS": f"arn:aws:iam::{ACCOUNT}:instance-profile/g"}),), "implicitly denied"),
        ((allow("kms:Decrypt", {"AWS": "arn:aws:s3:::bucket"}),), "implicitly denied"),
        # A further Deny makes nobody a reader: only the root user is certain here.
        ((ROOT_STATEMENT, by_arn("ArnNotLike", READER, ROOT)), "delegated"),
        # What a name that ends in "arn" holds is known of AWS's own resources and data sources only.
        ((allow("kms:Decrypt", {"AWS": Symbol("data.terraform_remote_state.x.outputs.root_arn", SymbolKind.EXTERNAL)}),), "undetermined"),
    ],
)
def test_that_nobody_may_read_is_proven_or_not_said(statements: tuple[Any, ...], expected: str) -> None:
    assert decrypt(*statements).outcome.value == expected


@pytest.mark.parametrize("principal", [{"AWS": FOREIGN}, {"AWS": FOREIGN_ROOT}])
def test_another_account_need_not_be_of_the_configured_organization(principal: Any) -> None:
    facts = OrganizationFacts(organization_id="o-mine")
    partner = symbolic(allow("kms:Decrypt", principal, {"StringEquals": {"aws:PrincipalOrgID": "o-partner"}}))
    assert not judge_trail(partner, key(), trail(), facts=facts).decrypt.outcome.is_denied
    own = symbolic(allow("kms:Decrypt", {"AWS": READER}, {"StringEquals": {"aws:PrincipalOrgID": "o-partner"}}))
    assert judge_trail(own, key(), trail(), facts=facts).decrypt.outcome is Outcome.IMPLICITLY_DENIED
