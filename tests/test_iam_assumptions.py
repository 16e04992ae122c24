"""Which places could be meant: candidates and bindings, and what a policy looks like from elsewhere."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from key_policies import ACCOUNT, ALL_TRAILS, AMBIENT_PLACE, EC, ENCRYPT, OTHER_ACCOUNT, ROOT_STATEMENT, allow, key, policy, symbolic, trail

from ctkms_policy.iam.assumptions import MAX_BINDINGS, Kind, Unknowns, named_places, unknowns_of, without_places
from ctkms_policy.iam.binding import Binding, Hole
from ctkms_policy.iam.request import OrganizationFacts, key_facts, trail_facts
from ctkms_policy.model import KeyPolicy, ambient_partition, ambient_region
from ctkms_policy.value import Known, Reference, Shape, Symbol, SymbolKind, Text, concatenate, describe

ONE, TWO, THREE = (Symbol(name, SymbolKind.INPUT) for name in ("var.one", "var.two", "var.three"))


def unknowns(found: KeyPolicy) -> Unknowns:
    return unknowns_of(found, trail_facts(trail(AMBIENT_PLACE), OrganizationFacts()), key_facts(key(AMBIENT_PLACE)))


def bindings(candidates: dict[Hole, tuple[Text, ...]], *places: tuple[Text, Text]) -> list[Binding]:
    return list(Unknowns(candidates, {}, places).bindings())


def named(*statements: Any) -> dict[str, list[str]]:
    places = named_places(symbolic(*statements))
    return {kind.name: [describe(text, quoted=False) for text in texts] for kind, texts in places.items() if texts}


# -- bindings ----------------------------------------------------------------------------------------------------------


def test_fewest_assumptions_come_first() -> None:
    assert bindings({ONE: (Known("1"), Known("2")), TWO: (Known("3"),)}) == [
        {ONE: Known("1")},
        {ONE: Known("2")},
        {TWO: Known("3")},
        {ONE: Known("1"), TWO: Known("3")},
        {ONE: Known("2"), TWO: Known("3")},
    ]


def test_there_is_a_bound() -> None:
    many = tuple(Known(str(number)) for number in range(MAX_BINDINGS))
    assert len(bindings({ONE: many[:-1]})) == MAX_BINDINGS - 1
    found = bindings({ONE: many, TWO: many})
    assert len(found) == MAX_BINDINGS
    assert found[-1] == {ONE: many[-1]}
    assert all(len(one) <= len(other) for one, other in pairwise(found))


def test_nothing_is_bound_to_what_is_bound_itself() -> None:
    found = bindings({ONE: (TWO, THREE), TWO: (ONE, Known("1"))})
    assert {ONE: TWO, TWO: ONE} not in found
    assert {ONE: THREE, TWO: ONE} not in found
    assert {ONE: TWO, TWO: Known("1")} in found
    assert {ONE: THREE, TWO: Known("1")} in found


@pytest.mark.parametrize(
    ("region", "partition", "possible"),
    [("us-east-1", "aws", True), ("us-gov-west-1", "aws", False), ("us-gov-west-1", "aws-us-gov", True), ("cn-north-1", "aws", False)],
)
def test_a_region_is_assumed_in_its_partition_only(region: str, partition: str, possible: bool) -> None:
    other = ambient_partition()
    # Of the trail's provider or of another one: the partition is the same.
    for hole in (ambient_region(), ambient_region("audit")):
        both = {hole: Known(region), other: Known(partition)}
        assert (both in bindings({hole: (Known(region),), other: (Known(partition),)})) is possible
    # The partition of the trail may be known already.
    assert ({hole: Known(region)} in bindings({hole: (Known(region),)}, (hole, Known(partition)))) is possible


def test_candidates_are_what_the_policy_names() -> None:
    found = unknowns(policy(ENCRYPT, allow("kms:DescribeKey", condition={"StringEquals": {"aws:SourceAccount": OTHER_ACCOUNT}})))
    assert found.named[Kind.ACCOUNT] == (Known(ACCOUNT), Known(OTHER_ACCOUNT))
    assert found.candidates[AMBIENT_PLACE.account] == (Known(ACCOUNT), Known(OTHER_ACCOUNT))  # type: ignore[index]
    assert found.candidates[AMBIENT_PLACE.region] == (Known("us-east-1"),)  # type: ignore[index]
    assert found.candidates[AMBIENT_PLACE.partition] == (Known("aws"),)  # type: ignore[index]


def test_a_hole_of_the_policy_may_be_the_own_account_but_no_made_up_name() -> None:
    account, reference = Symbol("var.account", SymbolKind.INPUT), Reference("aws_organizations_organization.o", "master_account_id")
    made_up = Symbol("suffix", SymbolKind.GENERATED)
    condition = {"StringEquals": {"aws:SourceAccount": [account, reference, made_up]}}
    found = unknowns(symbolic(allow("kms:GenerateDataKey*", condition=condition)))
    assert found.candidates[account] == found.candidates[reference] == (AMBIENT_PLACE.account,)
    assert made_up not in found.candidates
    assert found.candidates[AMBIENT_PLACE.account] == (account, reference)  # type: ignore[index]


def test_the_dns_suffix_is_most_likely_that_of_the_partition_aws() -> None:
    suffix = Symbol("dns_suffix", SymbolKind.AMBIENT, Shape(one_of=("amazonaws.com.cn", "amazonaws.com", "c2s.ic.gov")))
    service = concatenate([Known("cloudtrail."), suffix])
    found = unknowns(symbolic(allow("kms:*", {"Service": service})))
    assert found.candidates[suffix] == (Known("amazonaws.com"), Known("amazonaws.com.cn"), Known("c2s.ic.gov"))


# -- the places that a policy names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (allow("kms:*", {"AWS": ACCOUNT}), {"ACCOUNT": [ACCOUNT]}),
        (allow("kms:*", {"AWS": Symbol("var.reader", SymbolKind.INPUT)}), {}),
        (allow("kms:*", condition={"StringEquals": {"aws:SourceAccount": Symbol("var.a", SymbolKind.INPUT)}}), {"ACCOUNT": ["${var.a}"]}),
        (allow("kms:*", condition={"StringEquals": {"kms:CallerAccount": "aws-account-id"}}), {}),
        (allow("kms:*", condition={"StringEquals": {"aws:RequestedRegion": ["eu-west-1", "*"]}}), {"REGION": ["eu-west-1"]}),
        (allow("kms:*", condition={"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}), {"REGION": ["eu-west-1"]}),
        (allow("kms:*", condition={"StringEquals": {"kms:ViaService": "s3.amazonaws.com"}}), {}),
        (allow("kms:*", condition={"StringEquals": {"kms:ViaService": "s3"}}), {}),
        (
            allow("kms:*", condition={"StringEquals": {"kms:ViaService": concatenate([Known("s3."), ONE, Known(".amazonaws.com")])}}),
            {"REGION": ["${var.one}"]},
        ),
        (
            allow("kms:*", condition={"StringEquals": {"kms:ViaService": concatenate([Known("s3.eu-"), ONE, Known(".amazonaws.com")])}}),
            {},
        ),
        (allow("kms:*", condition={"StringEquals": {"aws:PrincipalTag/team": ACCOUNT}}), {}),
    ],
)
def test_places_are_named_where_they_can_stand(statement: Any, expected: dict[str, list[str]]) -> None:
    assert named(statement) == expected


def test_an_arn_names_three_places() -> None:
    assert named(ENCRYPT) == {"ACCOUNT": [ACCOUNT], "REGION": ["us-east-1"], "PARTITION": ["aws"]}


# -- elsewhere ---------------------------------------------------------------------------------------------------------


def test_from_elsewhere_the_named_places_match_nothing() -> None:
    source_account = allow("kms:DescribeKey", condition={"StringEquals": {"aws:SourceAccount": [ACCOUNT, OTHER_ACCOUNT]}})
    found = policy(ROOT_STATEMENT, ENCRYPT, source_account, allow("kms:Decrypt", Resource=f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"))
    elsewhere = without_places(found, (Kind.ACCOUNT,), {Kind.ACCOUNT: (Known(ACCOUNT),)})
    assert ACCOUNT in str(found)
    assert ACCOUNT not in str(elsewhere)
    assert OTHER_ACCOUNT in str(elsewhere)
    assert "us-east-1" in str(elsewhere)
    region = without_places(found, (Kind.REGION,), {Kind.REGION: (Known("us-east-1"),)})
    assert ("us-east-1" in str(region), ACCOUNT in str(region)) == (False, True)


def test_from_elsewhere_the_rest_stays_as_it_is() -> None:
    found = policy(allow("kms:GenerateDataKey*", condition={"StringLike": {EC: ALL_TRAILS.replace(ACCOUNT, "*")}}))
    assert without_places(found, (Kind.ACCOUNT, Kind.REGION), {Kind.ACCOUNT: (Known(ACCOUNT),), Kind.REGION: ()}) == found
