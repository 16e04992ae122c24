"""Whole judgements: all requests of a trail under one binding of what the code leaves open."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from command import check_json
from key_policies import (
    ACCOUNT,
    ALL_TRAILS,
    AMBIENT_PLACE,
    AWS_TODAY,
    CLOUDTRAIL,
    CONSOLE_DEFAULT,
    DESCRIBE,
    EC,
    ENCRYPT,
    HERE,
    KNOWN_PLACE,
    NAME,
    OLD_THREE,
    OTHER_ACCOUNT,
    READ,
    ROOT,
    ROOT_STATEMENT,
    TRAIL_ARN,
    allow,
    as_value,
    deny,
    key,
    policy,
    symbolic,
    trail,
)

from ctkms_policy.iam.binding import bound_value
from ctkms_policy.iam.evaluate import Outcome
from ctkms_policy.iam.judge import Judgement, broad_decrypt, encrypt_is_scoped, judge_event_data_store, judge_request, judge_trail
from ctkms_policy.iam.policy import default_key_policy, read_key_policy
from ctkms_policy.iam.readers import MAX_READERS, of_another_account
from ctkms_policy.iam.request import KeyFacts, LogFacts, OrganizationFacts, Question, Request, service_request
from ctkms_policy.model import (
    Attribute,
    EventDataStore,
    KeyPolicy,
    Language,
    Place,
    PolicyForm,
    ambient_account,
    ambient_partition,
    ambient_place,
    ambient_region,
)
from ctkms_policy.source import Span
from ctkms_policy.value import (
    ACCOUNT_ID,
    ALPHANUMERIC,
    ANY_TEXT,
    Absent,
    Branch,
    Choice,
    Entry,
    Known,
    MapValue,
    Match,
    Origin,
    Reference,
    Shape,
    Symbol,
    SymbolKind,
    Unknown,
    Value,
    concatenate,
)

ENC = "kms:GenerateDataKey*"
AMBIENT_KEY, AMBIENT_TRAIL = key(AMBIENT_PLACE), trail(AMBIENT_PLACE)
ACCOUNT_SYMBOL, REGION_SYMBOL, PARTITION_SYMBOL = AMBIENT_PLACE.account, AMBIENT_PLACE.region, AMBIENT_PLACE.partition


def answers(judgement: Judgement) -> tuple[str, str, str]:
    return judgement.describe.outcome.value, judgement.encrypt.outcome.value, judgement.decrypt.outcome.value


def assumed(judgement: Judgement) -> dict[str, str]:
    return {each.symbol: each.value for each in judgement.assumptions}


def arn(account: Value | str, *, region: Value | str = "*", name: Value | str = "*", partition: Value | str = "aws") -> Value:
    parts = ("arn:", partition, ":cloudtrail:", region, ":", account, ":trail/", name)
    return concatenate(Known(part) if isinstance(part, str) else part for part in parts)


def scoped(account: Value | str, **parts: Any) -> tuple[Any, Any]:
    """Return the encrypt and the describe statement for trails of an account."""
    pattern = arn(account, **parts)
    return allow(ENC, condition={"StringLike": {EC: pattern}}), allow(
        "kms:DescribeKey", condition={"StringLike": {"aws:SourceArn": pattern}}
    )


# -- AWS's own policies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statements", [AWS_TODAY, CONSOLE_DEFAULT, OLD_THREE], ids=["today", "console", "old"])
def test_what_aws_prints_is_allowed(statements: tuple[Any, ...]) -> None:
    judgement = judge_trail(policy(*statements), key(), trail())
    assert answers(judgement) == ("allowed", "allowed", "allowed")
    assert judgement.assumptions == ()
    assert encrypt_is_scoped(policy(*statements), key(), trail()) is None
    assert broad_decrypt(policy(*statements), key()) == []


@pytest.mark.parametrize("statements", [AWS_TODAY, CONSOLE_DEFAULT, OLD_THREE], ids=["today", "console", "old"])
def test_what_aws_prints_is_allowed_where_it_names_the_account(statements: tuple[Any, ...]) -> None:
    judgement = judge_trail(policy(*statements), AMBIENT_KEY, AMBIENT_TRAIL)
    assert answers(judgement) == ("allowed", "allowed", "allowed")
    assert assumed(judgement)["account"] == ACCOUNT
    assert encrypt_is_scoped(policy(*statements), AMBIENT_KEY, AMBIENT_TRAIL) is None
    assert broad_decrypt(policy(*statements), AMBIENT_KEY) == []


@pytest.mark.parametrize("place", [KNOWN_PLACE, AMBIENT_PLACE], ids=["known", "ambient"])
def test_root_only_lets_no_service_in(place: Place) -> None:
    for found in (policy(ROOT_STATEMENT), default_key_policy(place, HERE)):
        assert answers(judge_trail(found, key(place), trail(place))) == ("implicitly denied", "implicitly denied", "delegated")


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        (DESCRIBE, ("implicitly denied", "allowed", "allowed")),
        (ENCRYPT, ("allowed", "implicitly denied", "allowed")),
        (READ, ("allowed", "allowed", "implicitly denied")),
    ],
    ids=["describe", "encrypt", "read"],
)
def test_each_statement_is_needed(missing: Any, expected: tuple[str, ...]) -> None:
    statements = [each for each in (ENCRYPT, DESCRIBE, READ) if each is not missing]
    assert answers(judge_trail(policy(*statements), key(), trail())) == expected
    assert answers(judge_trail(policy(*statements, missing), key(), trail())) == ("allowed", "allowed", "allowed")


# -- symbols -----------------------------------------------------------------------------------------------------------


def test_the_same_symbol_needs_no_assumption() -> None:
    found = symbolic(*scoped(ACCOUNT_SYMBOL, partition=PARTITION_SYMBOL), READ)
    judgement = judge_trail(found, AMBIENT_KEY, AMBIENT_TRAIL)
    assert answers(judgement) == ("allowed", "allowed", "allowed")
    assert judgement.assumptions == ()


def test_fewest_assumptions() -> None:
    found = symbolic(*scoped(ACCOUNT_SYMBOL), READ)
    assert assumed(judge_trail(found, AMBIENT_KEY, AMBIENT_TRAIL)) == {"partition": "aws"}
    exact = symbolic(*scoped(ACCOUNT_SYMBOL, region="eu-west-1", name=NAME, partition=PARTITION_SYMBOL), READ)
    assert assumed(judge_trail(exact, AMBIENT_KEY, AMBIENT_TRAIL)) == {"region": "eu-west-1"}


def test_strict_assumes_nothing() -> None:
    found = policy(*AWS_TODAY)
    assert answers(judge_trail(found, AMBIENT_KEY, AMBIENT_TRAIL, strict=True)) == ("undetermined", "undetermined", "allowed")
    bound = {"account": ACCOUNT, "region": "us-east-1", "partition": "aws"}
    judgement = judge_trail(found, AMBIENT_KEY, AMBIENT_TRAIL, bindings=bound, strict=True)
    assert answers(judgement) == ("allowed", "allowed", "allowed")
    assert judgement.assumptions == ()


def test_a_policy_that_contradicts_the_configuration_is_denied() -> None:
    judgement = judge_trail(policy(*AWS_TODAY), AMBIENT_KEY, AMBIENT_TRAIL, bindings={"account": OTHER_ACCOUNT})
    assert answers(judgement)[:2] == ("implicitly denied", "implicitly denied")
    assert judgement.assumptions == ()


def test_one_statement_that_needs_two_accounts_is_denied() -> None:
    both = allow(ENC, condition={"StringEquals": {"aws:SourceAccount": OTHER_ACCOUNT}, "StringLike": {EC: ALL_TRAILS}})
    judgement = judge_trail(policy(both, allow("kms:DescribeKey"), READ), AMBIENT_KEY, AMBIENT_TRAIL)
    assert answers(judgement) == ("allowed", "implicitly denied", "allowed")
    assert judgement.assumptions == ()
    strict = judge_trail(policy(both), AMBIENT_KEY, AMBIENT_TRAIL, strict=True)
    assert strict.encrypt.outcome.value == "implicitly denied"


AMBIENT = (AMBIENT_KEY, AMBIENT_TRAIL)
GOV_TRAILS = "arn:aws:cloudtrail:us-gov-west-1:*:trail/*"
IN_GOV = allow(ENC, condition={"StringLike": {EC: GOV_TRAILS}})


def test_a_region_in_the_partition_of_another_is_denied() -> None:
    judgement = judge_trail(policy(IN_GOV), AMBIENT_KEY, AMBIENT_TRAIL)
    assert judgement.encrypt.outcome.value == "implicitly denied"
    describe = judge_trail(
        policy({**IN_GOV, "Action": "kms:DescribeKey", "Condition": {"ArnLike": {"aws:SourceArn": GOV_TRAILS}}}), *AMBIENT
    )
    assert describe.describe.outcome.value == "implicitly denied"
    assert {each.symbol: each.value for each in judgement.shown_under} == {"region": "us-gov-west-1", "partition": "aws-us-gov"}
    rightly = IN_GOV["Condition"]["StringLike"][EC].replace("aws:", "aws-us-gov:", 1)
    allowed = judge_trail(policy(allow(ENC, condition={"StringLike": {EC: rightly}})), AMBIENT_KEY, AMBIENT_TRAIL)
    assert allowed.encrypt.outcome.value == "allowed"


def test_a_denial_in_too_many_places_is_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctkms_policy.iam.judge.MAX_CASES", 2)
    assert judge_trail(policy(IN_GOV), AMBIENT_KEY, AMBIENT_TRAIL).encrypt.outcome.value == "undetermined"


def test_what_a_binding_brings_may_be_bound_in_turn() -> None:
    arn_of = concatenate([Known("arn:"), ACCOUNT_SYMBOL])
    here = Span.at("main.tf", 7)
    name = Symbol("name", origin=Origin(here))
    bound = bound_value(name, {name: arn_of, ACCOUNT_SYMBOL: Known(ACCOUNT)})  # type: ignore[dict-item]
    assert bound == Known(f"arn:{ACCOUNT}")
    assert bound.origin.span == here
    assert bound_value(name, {}) is name


def test_a_partial_wildcard_is_no_proof() -> None:
    partly = allow(
        ENC, condition={"StringLike": {EC: "arn:aws:cloudtrail:us-*:1111*:trail/*"}, "StringEquals": {"aws:SourceAccount": OTHER_ACCOUNT}}
    )
    assert judge_trail(policy(partly), AMBIENT_KEY, AMBIENT_TRAIL).encrypt.outcome.value == "implicitly denied"
    alone = allow(ENC, condition={"StringLike": {EC: "arn:aws:cloudtrail:us-*:1111*:trail/*"}})
    assert judge_trail(policy(alone), AMBIENT_KEY, AMBIENT_TRAIL).encrypt.outcome.value == "undetermined"


def test_two_statements_that_need_two_accounts() -> None:
    other = allow("kms:DescribeKey", condition={"StringEquals": {"aws:SourceAccount": OTHER_ACCOUNT}})
    judgement = judge_trail(policy(ENCRYPT, other, READ), AMBIENT_KEY, AMBIENT_TRAIL)
    assert answers(judgement) == ("implicitly denied", "allowed", "allowed")
    assert assumed(judgement)["account"] == ACCOUNT


def test_a_placeholder_is_no_account() -> None:
    found = policy(*(allow(ENC, condition={"StringLike": {EC: "arn:aws:cloudtrail:*:aws-account-id:trail/*"}}),))
    judgement = judge_trail(found, AMBIENT_KEY, AMBIENT_TRAIL)
    assert judgement.encrypt.outcome.value == "implicitly denied"


@pytest.mark.parametrize("place", [KNOWN_PLACE, AMBIENT_PLACE], ids=["known", "ambient"])
def test_an_account_variable_may_be_the_account(place: Place) -> None:
    variable = Symbol("var.account_id", reason="var.account_id has no default")
    judgement = judge_trail(symbolic(*scoped(variable), READ), key(place), trail(place))
    assert answers(judgement) == ("allowed", "allowed", "allowed")
    assert len(assumed(judgement)) <= 2
    assert "var.account_id" in str(assumed(judgement))
    assert answers(judge_trail(symbolic(*scoped(variable), READ), key(place), trail(place), strict=True))[:2] == (
        "undetermined",
        "undetermined",
    )


def test_the_account_of_another_resource_may_be_the_account() -> None:
    reference = Reference("aws_organizations_organization.this", "master_account_id")
    judgement = judge_trail(symbolic(*scoped(reference), READ), AMBIENT_KEY, AMBIENT_TRAIL)
    assert answers(judgement) == ("allowed", "allowed", "allowed")


def test_two_providers_may_be_one_account() -> None:
    there = ambient_place("audit")
    found = symbolic(*scoped(there.account), READ)
    judgement = judge_trail(found, key(there), trail(AMBIENT_PLACE))
    assert answers(judgement) == ("allowed", "allowed", "allowed")
    assert assumed(judgement) == {"account[audit]": "account", "partition": "aws"}


def test_own_references_mean_this_key_and_trail() -> None:
    own = allow("kms:DescribeKey", Resource=Reference("aws_kms_key.logs", "arn"))
    assert judge_trail(symbolic(own), AMBIENT_KEY, AMBIENT_TRAIL).describe.outcome.value == "allowed"
    other = allow("kms:DescribeKey", Resource=Reference("aws_kms_key.other", "arn"))
    assert judge_trail(symbolic(other), AMBIENT_KEY, AMBIENT_TRAIL).describe.outcome.value == "implicitly denied"
    looked_up = allow("kms:DescribeKey", Resource=Reference("data.aws_kms_key.other", "arn"))
    assert judge_trail(symbolic(looked_up), AMBIENT_KEY, AMBIENT_TRAIL).describe.outcome.value == "undetermined"
    source = allow(ENC, condition={"StringEquals": {"aws:SourceArn": Reference("aws_cloudtrail.main", "arn")}})
    assert judge_trail(symbolic(source), AMBIENT_KEY, AMBIENT_TRAIL).encrypt.outcome.value == "allowed"


def test_a_literal_key_id_is_not_known_before_the_key_is() -> None:
    literal = allow("kms:DescribeKey", Resource=f"arn:aws:kms:us-east-1:{ACCOUNT}:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789")
    assert judge_trail(policy(literal), key(), trail()).describe.outcome.value == "undetermined"


def test_the_dns_suffix_of_a_service_principal() -> None:
    suffix = Symbol("url_suffix", SymbolKind.AMBIENT, Shape(one_of=("amazonaws.com", "amazonaws.com.cn")))
    statement = allow([ENC, "kms:DescribeKey"], {"Service": concatenate([Known("cloudtrail."), suffix])})
    judgement = judge_trail(symbolic(statement), AMBIENT_KEY, AMBIENT_TRAIL)
    assert answers(judgement)[:2] == ("allowed", "allowed")
    assert assumed(judgement) == {"url_suffix": "amazonaws.com"}


def test_an_unknown_principal_may_be_everybody() -> None:
    for principal in (Symbol("var.who", reason="var.who has no default"), Unknown("module is not installed")):
        judgement = judge_trail(symbolic(allow("kms:*", {"AWS": principal})), key(), trail())
        assert answers(judgement)[:2] == ("undetermined", "undetermined")
    for role in (Reference("aws_iam_role.r", "arn"), concatenate([Known("arn:aws:iam::"), ACCOUNT_SYMBOL, Known(":role/r")])):
        judgement = judge_trail(symbolic(allow("kms:*", {"AWS": role})), key(), trail())
        assert answers(judgement) == ("implicitly denied", "implicitly denied", "allowed")


MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
ROLE = concatenate([Known("arn:aws:iam::"), ACCOUNT_SYMBOL, Known(":role/r")])


@pytest.mark.parametrize(
    ("reader", "delegates", "expected"),
    [
        # A parameter may be an account id, or the ARN of a root: then only the account may let somebody in.
        (allow("kms:Decrypt", {"AWS": Symbol("Reader", SymbolKind.INPUT)}), True, "undetermined"),
        (allow("kms:Decrypt", {"AWS": Reference("aws_organizations_account.a", "id")}), True, "undetermined"),
        (allow("kms:Decrypt", {"AWS": Reference("aws_iam_role.r", "arn")}), False, "allowed"),
        (allow("kms:Decrypt", {"AWS": Symbol("data.aws_iam_role.r.arn", SymbolKind.EXTERNAL)}), False, "allowed"),
        (allow("kms:Decrypt", {"AWS": [ROOT, Symbol("data.aws_iam_session_context.s.issuer_arn", SymbolKind.EXTERNAL)]}), True, "allowed"),
        (allow("kms:Decrypt", {"AWS": [ROOT, Symbol("data.external.e.result", SymbolKind.EXTERNAL)]}), True, "undetermined"),
        (allow("kms:Decrypt", {"AWS": concatenate([Known("arn:aws:iam::1:role/"), Symbol("Reader", SymbolKind.INPUT)])}), False, "allowed"),
        (allow("kms:Decrypt", {"AWS": Symbol("Reader", SymbolKind.INPUT, Shape(one_of=(f"{ROOT[:-4]}role/r",)))}), False, "allowed"),
        (allow("kms:Decrypt", {"AWS": ROLE}, MFA), False, "undetermined"),
        (allow("kms:Decrypt", {"AWS": ROLE}), False, "allowed"),
    ],
)
def test_an_account_lets_nobody_in_by_itself(reader: Any, delegates: bool, expected: str) -> None:
    alone = judge_trail(symbolic(reader), key(), trail()).decrypt
    assert alone.outcome.value == expected
    if expected == "undetermined":
        assert bool(alone.delegating) is delegates
    # Beside a delegation to the account, somebody's IAM policies decide at least.
    beside = judge_trail(symbolic(ROOT_STATEMENT, reader), key(), trail()).decrypt
    assert beside.outcome.value == expected
    assert beside.outcome is not Outcome.UNDETERMINED or beside.delegating


def test_who_may_do_something_else_is_no_reader_to_ask_for() -> None:
    others = allow("kms:DescribeKey", {"AWS": [f"arn:aws:iam::{ACCOUNT}:user/u{number}" for number in range(2 * MAX_READERS)]})
    for reader in (f"arn:aws:iam::{ACCOUNT}:role/reader", f"arn:aws:iam::{OTHER_ACCOUNT}:role/reader"):
        assert judge_trail(policy(others, allow("kms:Decrypt", {"AWS": reader})), key(), trail()).decrypt.outcome is Outcome.ALLOWED


def test_somebody_elses_doubt_beside_a_delegation() -> None:
    foreign = {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:role/r"}
    doubt = judge_trail(policy(ROOT_STATEMENT, allow("kms:Decrypt", foreign, MFA)), key(), trail()).decrypt
    assert (doubt.outcome, [each.number for each in doubt.delegating], [each.number for each in doubt.deciding]) == (
        Outcome.UNDETERMINED,
        [1],
        [2],
    )
    # A grant to another account's root is a reader's statement all the same.
    third = allow("kms:Decrypt", {"AWS": ROOT.replace(ACCOUNT, OTHER_ACCOUNT)})
    assert judge_trail(policy(third, allow("kms:Decrypt", foreign, MFA)), key(), trail()).decrypt.outcome is Outcome.DELEGATED
    # Another service that may decrypt is no doubt where the account's IAM policies decide.
    service = allow("kms:Decrypt", {"Service": "athena.amazonaws.com"})
    assert judge_trail(policy(ROOT_STATEMENT, service), key(), trail()).decrypt.outcome is Outcome.DELEGATED
    assert judge_trail(policy(service), key(), trail()).decrypt.outcome is Outcome.UNDETERMINED


def test_further_statements_leave_everything_open_but_a_deny() -> None:
    open_end = replace(policy(*AWS_TODAY), rest="var.more has no default")
    assert answers(judge_trail(open_end, key(), trail())) == ("undetermined",) * 3
    denied = replace(policy(*AWS_TODAY, deny("kms:*")), rest="var.more has no default")
    assert answers(judge_trail(denied, key(), trail())) == ("explicitly denied",) * 3


def test_statements_that_only_some_inputs_give() -> None:
    maybe = Choice("c", (Branch("var.x = true", as_value(ENCRYPT)), Branch("var.x = false", as_value(DESCRIBE))), None)
    judgement = judge_trail(symbolic(maybe, READ), key(), trail())
    assert answers(judgement) == ("undetermined", "undetermined", "allowed")


def test_what_every_branch_gives_is_certain() -> None:
    stricter = allow(ENC, condition={"StringEquals": {"aws:SourceArn": TRAIL_ARN}, "StringLike": {EC: ALL_TRAILS}})
    looser = allow(ENC, condition={"StringLike": {EC: ALL_TRAILS}})
    either = Choice("c", (Branch("var.x = true", as_value(stricter)), Branch("var.x = false", as_value(looser))), None)
    assert judge_trail(symbolic(either), key(), trail()).encrypt.outcome.value == "allowed"
    never = Choice("c", (Branch("var.x = true", as_value(DESCRIBE)), Branch("var.x = false", as_value(READ))), None)
    assert judge_trail(symbolic(never), key(), trail()).encrypt.outcome.value == "implicitly denied"
    denied = Choice("c", (Branch("var.x = true", as_value(deny("kms:*"))), Branch("var.x = false", Absent())), None)
    assert judge_trail(symbolic(ENCRYPT, denied), key(), trail()).encrypt.outcome.value == "undetermined"
    assert judge_trail(symbolic(denied), key(), trail()).encrypt.outcome.value == "implicitly denied"
    other = Choice("d", (Branch("var.y = true", as_value(stricter)), Branch("var.y = false", Absent())), None)
    assert judge_trail(symbolic(never, other), key(), trail()).encrypt.outcome.value == "undetermined"
    lists = Choice("c", (Branch("a", as_value([stricter, READ])), Branch("b", as_value([looser, DESCRIBE]))), None)
    found = read_key_policy(MapValue((Entry(Known("Statement"), lists),)), PolicyForm.OBJECT, HERE)
    assert isinstance(found, KeyPolicy)
    assert answers(judge_trail(found, key(), trail())) == ("undetermined", "allowed", "undetermined")


def chosen(condition: str, *statements: Any) -> Choice:
    """Return a statement for each value of an input; None for none."""
    branches = (Branch(f"{condition} = {number}", Absent() if each is None else as_value(each)) for number, each in enumerate(statements))
    return Choice(condition, tuple(branches), None)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([chosen("c", ENCRYPT, ENCRYPT, ENCRYPT)], "allowed"),
        ([chosen("c", ENCRYPT, allow("kms:*"), ENCRYPT)], "allowed"),
        ([chosen("c", ENCRYPT, allow("kms:*"), None)], "undetermined"),
        ([chosen("c", ENCRYPT, allow("kms:*"), READ)], "undetermined"),
        ([chosen("c", READ, DESCRIBE, None)], "implicitly denied"),
        # Statements of one condition go together, those of several do not.
        ([chosen("c", ENCRYPT, None), chosen("c", None, ENCRYPT)], "allowed"),
        ([chosen("c", ENCRYPT, None), chosen("d", None, ENCRYPT)], "undetermined"),
        ([ENCRYPT, chosen("c", deny("kms:*"), None)], "undetermined"),
        ([ENCRYPT, chosen("c", deny("kms:*"), None), chosen("c", None, deny("kms:Gen*"))], "explicitly denied"),
        # In a branch of a branch both have to be taken.
        ([chosen("c", chosen("d", ENCRYPT, None), chosen("d", None, ENCRYPT))], "undetermined"),
        ([chosen("c", chosen("d", ENCRYPT, allow("kms:*")), ENCRYPT)], "allowed"),
    ],
)
def test_every_way_that_inputs_may_go(statements: list[Any], expected: str) -> None:
    outcome = judge_trail(symbolic(*statements), key(), trail()).encrypt.outcome
    denied = {Outcome.IMPLICITLY_DENIED.value, Outcome.EXPLICITLY_DENIED.value}
    assert outcome.value == expected or {outcome.value, expected} <= denied


@pytest.mark.parametrize(
    "statement",
    [
        deny(None, NotAction=[]),
        deny("kms:*", Resource=None, NotResource=[]),
        deny("kms:*", Principal=None, NotPrincipal={"AWS": []}),
        deny(None),
        deny("kms:*", Resource=None),
        deny("kms:*", Effect="deny"),
        deny("kms:*", Resource="arn:aws:s3:::bucket"),
        deny(None, NotAction=["kms:*"]),
        deny("kms:*", Resource=None, NotResource="*"),
        deny("kms:*", Principal=None, NotPrincipal=CLOUDTRAIL),
        deny("kms:*", {"AWS": ROOT}),
    ],
)
def test_a_deny_that_is_about_nothing_denies_nothing(statement: Any) -> None:
    assert judge_trail(policy(ENCRYPT, statement), key(), trail()).encrypt.outcome is Outcome.ALLOWED


def test_too_many_ways_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    found = symbolic(chosen("c", ENCRYPT, None), chosen("c", None, ENCRYPT))
    monkeypatch.setattr("ctkms_policy.iam.evaluate.MAX_COMBINATIONS", 2)
    assert judge_trail(found, key(), trail()).encrypt.outcome.value == "allowed"
    monkeypatch.setattr("ctkms_policy.iam.evaluate.MAX_COMBINATIONS", 1)
    assert judge_trail(found, key(), trail()).encrypt.outcome.value == "undetermined"


def test_a_value_of_several() -> None:
    def choice(one: str, other: str) -> Choice:
        return Choice("c", (Branch("x", Known(one)), Branch("y", Known(other))), None)

    assert judge_trail(symbolic(allow(choice(ENC, "kms:*"))), key(), trail()).encrypt.outcome.value == "allowed"
    assert judge_trail(symbolic(allow(choice(ENC, "kms:Decrypt"))), key(), trail()).encrypt.outcome.value == "undetermined"
    assert (
        judge_trail(symbolic(allow(ENC, Resource=choice("arn:aws:s3:::a", "arn:aws:s3:::b"))), key(), trail()).encrypt.outcome.value
        == "implicitly denied"
    )
    both = symbolic(allow(ENC, condition={"StringLike": {EC: choice(ALL_TRAILS, "*")}}))
    assert judge_trail(both, key(), trail()).encrypt.outcome.value == "allowed"


def test_a_value_that_only_some_inputs_give() -> None:
    def perhaps(text: str) -> Choice:
        return Choice("c", (Branch("x", Known(text)), Branch("y", Absent())), None)

    condition = {"StringEquals": {"aws:SourceAccount": perhaps(ACCOUNT)}}
    assert judge_trail(symbolic(allow(ENC, condition=condition)), key(), trail()).encrypt.outcome.value == "undetermined"
    never = {"StringEquals": {"aws:SourceAccount": perhaps(OTHER_ACCOUNT)}}
    assert judge_trail(symbolic(allow(ENC, condition=never)), key(), trail()).encrypt.outcome.value == "implicitly denied"
    negated = {"StringNotEquals": {"aws:SourceAccount": perhaps(OTHER_ACCOUNT)}}
    assert judge_trail(symbolic(allow(ENC, condition=negated)), key(), trail()).encrypt.outcome.value == "allowed"
    assert (
        judge_trail(symbolic(allow(ENC, Resource=perhaps("arn:aws:s3:::a"))), key(), trail()).encrypt.outcome.value == "implicitly denied"
    )
    assert judge_trail(symbolic(allow(ENC, Resource=perhaps("*"))), key(), trail()).encrypt.outcome.value == "undetermined"
    assert judge_trail(symbolic(allow(perhaps("kms:Decrypt"))), key(), trail()).encrypt.outcome.value == "implicitly denied"
    assert judge_trail(symbolic(allow(ENC, {"AWS": perhaps(ROOT)})), key(), trail()).encrypt.outcome.value == "implicitly denied"


def test_values_that_are_no_texts_are_not_known() -> None:
    odd = {"StringEquals": {"aws:SourceAccount": [Unknown("why")]}}
    assert judge_trail(symbolic(allow(ENC, condition=odd)), key(), trail()).encrypt.outcome.value == "undetermined"


def test_an_effect_that_is_not_known_may_be_either() -> None:
    unknown = allow("kms:*", "*", Effect=Unknown("var.effect has no default"))
    assert judge_trail(symbolic(unknown), key(), trail()).encrypt.outcome.value == "undetermined"
    assert judge_trail(symbolic(ENCRYPT, unknown), key(), trail()).encrypt.outcome.value == "undetermined"
    assert judge_trail(symbolic(unknown, deny("kms:*")), key(), trail()).encrypt.outcome.value == "explicitly denied"


# -- trails ------------------------------------------------------------------------------------------------------------


def test_generated_names() -> None:
    stack = Symbol("AWS::StackName", SymbolKind.AMBIENT, ANY_TEXT)
    made_up = concatenate([stack, Known("-Trail-"), Symbol("random", SymbolKind.GENERATED, ALPHANUMERIC)])
    generated = trail(name=made_up)
    assert judge_trail(policy(ENCRYPT), key(), generated).encrypt.outcome.value == "implicitly denied"
    likely = TRAIL_ARN.replace(NAME, "prod-Trail-1AB2C3")
    assert (
        judge_trail(policy(allow(ENC, condition={"StringEquals": {"aws:SourceArn": likely}})), key(), generated).encrypt.outcome.value
        == "undetermined"
    )
    assert judge_trail(policy(allow(ENC, condition={"StringLike": {EC: ALL_TRAILS}})), key(), generated).encrypt.outcome.value == "allowed"


def test_names_that_depend_on_inputs() -> None:
    either = Choice("c", (Branch("x", Known("a")), Branch("y", Known("b"))), None)
    assert (
        judge_trail(policy(allow(ENC, condition={"StringLike": {EC: ALL_TRAILS}})), key(), trail(name=either)).encrypt.outcome.value
        == "allowed"
    )
    assert judge_trail(policy(ENCRYPT), key(), trail(name=either)).encrypt.outcome.value == "undetermined"
    default = Choice("c", (Branch("x", Known(NAME)), Branch("y", Known("b"))), 0)
    assert judge_trail(policy(ENCRYPT), key(), trail(name=default)).encrypt.outcome.value == "allowed"


def test_an_organization_trail_belongs_to_the_management_account() -> None:
    organization = trail(is_organization_trail=Known(True))
    assert judge_trail(policy(ENCRYPT), key(), organization).encrypt.outcome.value == "allowed"
    elsewhere = OrganizationFacts(management_account=OTHER_ACCOUNT)
    assert judge_trail(policy(ENCRYPT), key(), organization, facts=elsewhere).encrypt.outcome.value == "implicitly denied"
    theirs = policy(allow(ENC, condition={"StringEquals": {"aws:SourceArn": TRAIL_ARN.replace(ACCOUNT, OTHER_ACCOUNT)}}))
    assert judge_trail(theirs, key(), organization, facts=elsewhere).encrypt.outcome.value == "allowed"
    assert judge_trail(theirs, key(), trail(), facts=elsewhere).encrypt.outcome.value == "implicitly denied"
    perhaps = trail(is_organization_trail=Symbol("var.org"))
    assert judge_trail(theirs, key(), perhaps, facts=elsewhere).encrypt.outcome.value == "undetermined"


def test_organization_id() -> None:
    found = policy(allow(ENC, condition={"StringEquals": {"aws:SourceOrgID": "o-a"}}))
    assert judge_trail(found, key(), trail()).encrypt.outcome.value == "undetermined"
    assert judge_trail(found, key(), trail(), facts=OrganizationFacts(organization_id="o-a")).encrypt.outcome.value == "allowed"


def test_a_key_of_another_region() -> None:
    elsewhere = Place(Known(ACCOUNT), Known("eu-west-1"), Known("aws"))
    assert answers(judge_trail(policy(*AWS_TODAY), key(elsewhere), trail())) == ("allowed", "allowed", "allowed")
    via = allow("kms:Decrypt", {"AWS": ROOT.replace("root", "user/u")}, {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}})
    assert judge_trail(policy(via), key(elsewhere), trail()).decrypt.outcome.value == "allowed"
    assert judge_trail(policy(via), key(), trail()).decrypt.outcome.value == "implicitly denied"


def test_the_region_may_be_assumed_from_via_service() -> None:
    via = allow("kms:Decrypt", {"AWS": ROOT.replace("root", "user/u")}, {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}})
    judgement = judge_trail(policy(via), AMBIENT_KEY, AMBIENT_TRAIL)
    assert judgement.decrypt.outcome.value == "allowed"
    assert assumed(judgement) == {"region": "eu-west-1"}


def test_the_key_of_the_request() -> None:
    multi = policy(allow(ENC, condition={"Bool": {"kms:MultiRegion": "true"}}))
    assert judge_trail(multi, key(multi_region=Known(True)), trail()).encrypt.outcome.value == "allowed"
    assert judge_trail(multi, key(), trail()).encrypt.outcome.value == "implicitly denied"


def test_the_log_bucket_of_the_request() -> None:
    found = policy(allow(ENC, condition={"StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::logs*"}}))
    assert judge_trail(found, key(), trail(bucket_name=Known("logs"))).encrypt.outcome.value == "allowed"
    assert judge_trail(found, key(), trail(bucket_name=Known("other"))).encrypt.outcome.value == "implicitly denied"
    assert judge_trail(found, key(), trail()).encrypt.outcome.value == "undetermined"


@pytest.mark.parametrize(
    ("wanted", "bucket_key", "expected"),
    [
        ("arn:aws:s3:::logs/*", Match.NO, ("allowed", "allowed")),
        ("arn:aws:s3:::logs/*", Match.MAYBE, ("undetermined", "undetermined")),
        ("arn:aws:s3:::logs/*", Match.YES, ("undetermined", "implicitly denied")),
        ("arn:aws:s3:::logs", Match.NO, ("implicitly denied", "implicitly denied")),
        ("arn:aws:s3:::logs", Match.MAYBE, ("undetermined", "undetermined")),
        ("arn:aws:s3:::logs", Match.YES, ("undetermined", "allowed")),
        ("arn:aws:s3:::logs*", Match.YES, ("allowed", "allowed")),
        ("arn:aws:s3:::logs-archive/*", Match.MAYBE, ("undetermined", "undetermined")),
        ("arn:aws:s3:::logs-archive/*", Match.NO, ("implicitly denied", "implicitly denied")),
    ],
)
def test_a_bucket_key_makes_the_bucket_the_encryption_context(wanted: str, bucket_key: Match, expected: tuple[str, str]) -> None:
    condition = {"StringLike": {"kms:EncryptionContext:aws:s3:arn": wanted}}
    found = policy(allow(ENC, condition=condition), allow("kms:Decrypt", {"AWS": ROOT.replace("root", "role/r")}, condition))
    judgement = judge_trail(found, key(), trail(bucket_name=Known("logs")), bucket_key=bucket_key)
    assert (judgement.encrypt.outcome.value, judgement.decrypt.outcome.value) == expected


def test_event_data_stores() -> None:
    store = EventDataStore("aws_cloudtrail_event_data_store.s", HERE, KNOWN_PLACE, name=Known("s"), kms_key_id=Attribute(Unknown("x")))
    grant = allow(["kms:GenerateDataKey", "kms:Decrypt"])
    judgement = judge_event_data_store(policy(grant), key(), store)
    assert (judgement.encrypt.outcome.value, judgement.service_decrypt.outcome.value) == ("allowed", "allowed")
    assert judge_event_data_store(policy(ENCRYPT), key(), store).encrypt.outcome.value == "implicitly denied"


def test_one_request_of_ones_own() -> None:
    def encrypt(log: LogFacts, facts: KeyFacts) -> Request:
        return service_request(Question.ENCRYPT, log, facts)

    bound = {"account": ACCOUNT, "region": "us-east-1", "partition": "aws"}
    assert judge_request(policy(ENCRYPT), AMBIENT_KEY, AMBIENT_TRAIL, encrypt).outcome.value == "undetermined"
    assert judge_request(policy(ENCRYPT), AMBIENT_KEY, AMBIENT_TRAIL, encrypt, bindings=bound).outcome.value == "allowed"


# -- who else ----------------------------------------------------------------------------------------------------------

UNSCOPED = {
    "no condition": (allow(ENC),),
    "beside a scoped one": (ENCRYPT, allow(ENC)),
    "any encryption context": (allow(ENC, condition={"StringLike": {EC: "*"}}),),
    "any account": (allow(ENC, condition={"StringLike": {EC: "arn:aws:cloudtrail:*:*:trail/*"}}),),
    "any account, one name": (allow(ENC, condition={"ArnLike": {"aws:SourceArn": f"arn:aws:cloudtrail:*:*:trail/{NAME}"}}),),
    "any account, another Region": (allow(ENC, condition={"StringLike": {EC: "arn:aws:cloudtrail:eu-west-1:*:trail/theirs-*"}}),),
    "presence only": (allow(ENC, condition={"Null": {EC: "false"}}),),
    "the request's own account": (allow(ENC, condition={"StringLike": {EC: "arn:aws:cloudtrail:*:${aws:SourceAccount}:trail/*"}}),),
    "the request's own ARN": (allow(ENC, condition={"StringEquals": {EC: "${aws:SourceArn}"}}),),
    "everybody": (allow("kms:*", "*"),),
    "not one account": (allow(ENC, condition={"StringNotEquals": {"aws:SourceAccount": OTHER_ACCOUNT}}),),
    "organization if there is one": (allow(ENC, condition={"StringEqualsIfExists": {"aws:SourceOrgID": "o-a"}}),),
}

SCOPED = {
    "today": AWS_TODAY,
    "console": CONSOLE_DEFAULT,
    "old": OLD_THREE,
    "SourceAccount": (allow(ENC, condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}}),),
    "SourceOrgID": (allow(ENC, condition={"StringEquals": {"aws:SourceOrgID": "o-a"}}),),
    "by a Deny": (allow(ENC), deny(ENC, CLOUDTRAIL, {"StringNotLike": {EC: ALL_TRAILS}})),
    "CloudTrail may not encrypt": (ROOT_STATEMENT, READ),
    "only describing": (allow("kms:DescribeKey"),),
    "of an AWS-only caller": (allow(ENC, {"AWS": "*"}, {"StringEquals": {"kms:CallerAccount": ACCOUNT}}),),
}


@pytest.mark.parametrize("name", UNSCOPED)
@pytest.mark.parametrize("place", [KNOWN_PLACE, AMBIENT_PLACE], ids=["known", "ambient"])
def test_encryption_for_strangers_is_found(name: str, place: Place) -> None:
    found = policy(*UNSCOPED[name])
    for used_by in (trail(place), None):
        grant = encrypt_is_scoped(found, key(place), used_by)
        assert grant is not None
        assert grant.statement in found.statements
        assert grant.message
        assert grant.span is not None


@pytest.mark.parametrize("name", SCOPED)
@pytest.mark.parametrize("place", [KNOWN_PLACE, AMBIENT_PLACE], ids=["known", "ambient"])
def test_scoped_encryption_is_silent(name: str, place: Place) -> None:
    assert encrypt_is_scoped(policy(*SCOPED[name]), key(place), trail(place)) is None
    assert encrypt_is_scoped(policy(*SCOPED[name]), key(place), None) is None


def test_symbols_scope_too() -> None:
    for account in (ACCOUNT_SYMBOL, Symbol("var.account_id"), Reference("data.x.y", "account_id")):
        assert encrypt_is_scoped(symbolic(*scoped(account)), AMBIENT_KEY, AMBIENT_TRAIL) is None
    assert encrypt_is_scoped(symbolic(*scoped("*", partition=PARTITION_SYMBOL)), AMBIENT_KEY, AMBIENT_TRAIL) is not None


def test_the_help_knows_encrypted_topics() -> None:
    topic = allow([ENC, "kms:Decrypt"])
    grant = encrypt_is_scoped(policy(ENCRYPT, topic), key(), trail())
    assert grant is not None
    assert "aws:sns:topicArn" in grant.help
    alone = encrypt_is_scoped(policy(topic), key(), trail())
    assert alone is not None
    assert "aws:sns:topicArn" not in alone.help
    assert ALL_TRAILS in alone.help


BROAD = {
    "everybody": (allow("kms:Decrypt", "*"),),
    "every AWS account": (allow("kms:*", {"AWS": "*"}),),
    "re-encryption": (allow("kms:ReEncrypt*", "*"),),
    "grants": (allow("kms:CreateGrant", "*"),),
    "the policy itself": (allow("kms:PutKeyPolicy", "*"),),
    "through S3 only": (allow("kms:Decrypt", "*", {"StringLike": {"kms:ViaService": "s3.*"}}),),
    "with any encryption context": (allow("kms:Decrypt", "*", {"Null": {EC: "false"}}),),
    "with this trail's encryption context": (allow("kms:Decrypt", "*", {"StringLike": {EC: ALL_TRAILS}}),),
    "IfExists": (allow("kms:Decrypt", "*", {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-a"}}),),
    "role of a name in any account": (allow("kms:Decrypt", "*", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/stranger"}}),),
    "reader of a name in any account": (allow("kms:Decrypt", "*", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/reader"}}),),
    "one of many names in any account": (
        allow("kms:Decrypt", "*", {"StringLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/audit-*", "arn:aws:iam::*:user/??/jo"]}}),
    ),
    "the whole internet": (allow("kms:Decrypt", "*", {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),),
    "the whole internet in halves": (allow("kms:Decrypt", "*", {"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}),),
    "anybody with a tag": (allow("kms:Decrypt", "*", {"StringEquals": {"aws:PrincipalTag/team": "audit"}}),),
    "all but one account": (allow("kms:Decrypt", "*", {"StringNotEquals": {"kms:CallerAccount": OTHER_ACCOUNT}}),),
}

NARROW = {
    "today": AWS_TODAY,
    "console": CONSOLE_DEFAULT,
    "old": OLD_THREE,
    "root": (ROOT_STATEMENT,),
    "PrincipalAccount": (allow("kms:Decrypt", "*", {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}),),
    "organization": (allow("kms:Decrypt", "*", {"StringEquals": {"aws:PrincipalOrgID": "o-a"}}),),
    "organization paths": (allow("kms:Decrypt", "*", {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a/*"}}),),
    "role of this account": (allow("kms:Decrypt", "*", {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/*"}}),),
    "reader of this account": (allow("kms:Decrypt", "*", {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/reader"}}),),
    "reader of a named account": (
        allow("kms:Decrypt", "*", {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{OTHER_ACCOUNT}:role/reader"}}),
    ),
    "name in any account of the organization": (
        allow(
            "kms:Decrypt", "*", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/r"}, "StringEquals": {"aws:PrincipalOrgID": "o-a"}}
        ),
    ),
    "private network": (allow("kms:Decrypt", "*", {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),),
    "VPC endpoint": (allow("kms:Decrypt", "*", {"StringEquals": {"aws:SourceVpce": "vpce-1"}}),),
    "network": (allow("kms:Decrypt", "*", {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}),),
    "services": (allow("kms:Decrypt", "*", {"Bool": {"aws:PrincipalIsAWSService": "true"}}),),
    "named foreign account": (allow("kms:Decrypt", {"AWS": OTHER_ACCOUNT}),),
    "kept out by a Deny": (allow("kms:Decrypt", "*"), deny("kms:*", condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-a"}})),
    "describing only": (allow(["kms:DescribeKey", "kms:Encrypt"], "*"),),
}


@pytest.mark.parametrize("name", BROAD)
@pytest.mark.parametrize("place", [KNOWN_PLACE, AMBIENT_PLACE], ids=["known", "ambient"])
def test_strangers_that_may_decrypt_are_found(name: str, place: Place) -> None:
    found = policy(*BROAD[name])
    (grant,) = broad_decrypt(found, key(place))
    assert grant.statement == found.statements[0]
    assert "kms:" in grant.message
    assert grant.span is not None


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("place", [KNOWN_PLACE, AMBIENT_PLACE], ids=["known", "ambient"])
def test_narrow_decryption_is_silent(name: str, place: Place) -> None:
    assert broad_decrypt(policy(*NARROW[name]), key(place)) == []


@pytest.mark.parametrize(
    ("condition", "unsigned"),
    [
        ({"StringEqualsIfExists": {"kms:CallerAccount": ACCOUNT}}, True),
        ({"StringEqualsIfExists": {"aws:PrincipalAccount": ACCOUNT}}, True),
        ({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-a"}}, False),
        ({"StringLike": {"kms:CallerAccount": "*"}}, False),
    ],
)
def test_who_gets_in_is_said(condition: Any, unsigned: bool) -> None:
    (found,) = broad_decrypt(policy(allow("kms:Decrypt", "*", condition)), key())
    assert ("does not sign the request" in found.message) is unsigned
    assert ("without IfExists" in found.help) is unsigned


@pytest.mark.parametrize(("language", "needs"), [(Language.TERRAFORM, True), (Language.CLOUDFORMATION, False), (None, False)])
def test_what_keeps_strangers_out_may_have_to_be_declared(language: Language | None, needs: bool) -> None:
    found = policy(allow(ENC), allow("kms:Decrypt", "*"))
    encrypt = encrypt_is_scoped(found, AMBIENT_KEY, AMBIENT_TRAIL, language=language)
    assert encrypt is not None
    (decrypt,) = broad_decrypt(found, AMBIENT_KEY, language=language)
    for grant in (encrypt, decrypt):
        assert ('data "aws_caller_identity" "current"' in grant.help) is needs
        assert ("${data." in grant.help) is needs


FOREIGN_ROLE = f"arn:aws:iam::{OTHER_ACCOUNT}:role/r"


@pytest.mark.parametrize(
    ("statement", "allowed", "named"),
    [
        (allow("kms:Decrypt", {"AWS": FOREIGN_ROLE}), "123456789012", [FOREIGN_ROLE]),
        (allow("kms:*", {"AWS": [FOREIGN_ROLE, OTHER_ACCOUNT]}), "123456789012", [FOREIGN_ROLE, OTHER_ACCOUNT]),
        (allow("kms:PutKeyPolicy", {"AWS": OTHER_ACCOUNT}), "123456789012", [OTHER_ACCOUNT]),
        (allow("kms:CreateGrant", {"AWS": ROOT.replace(ACCOUNT, OTHER_ACCOUNT)}), "123456789012", [ROOT.replace(ACCOUNT, OTHER_ACCOUNT)]),
        (allow("kms:Decrypt", {"AWS": [FOREIGN_ROLE, "arn:aws:iam::123456789012:role/r"]}), "123456789012", [FOREIGN_ROLE]),
        (allow("kms:DescribeKey", {"AWS": FOREIGN_ROLE}), "123456789012", []),
        (allow("kms:Decrypt", {"AWS": FOREIGN_ROLE}), OTHER_ACCOUNT, []),
        (allow("kms:Decrypt", {"AWS": FOREIGN_ROLE}), FOREIGN_ROLE, []),
        (allow("kms:Decrypt", {"AWS": FOREIGN_ROLE.replace(OTHER_ACCOUNT, ACCOUNT)}), "123456789012", []),
        (deny("kms:Decrypt", {"AWS": FOREIGN_ROLE}), "123456789012", []),
        (allow("kms:Decrypt", Principal=None, NotPrincipal={"AWS": FOREIGN_ROLE}), "123456789012", []),
        (allow("kms:Decrypt", {"Service": "athena.amazonaws.com"}), "123456789012", []),
        (allow("kms:Decrypt", {"AWS": FOREIGN_ROLE}, {"StringEquals": {"kms:CallerAccount": ACCOUNT}}), "123456789012", []),
    ],
)
def test_only_listed_foreign_readers_are_allowed(statement: Any, allowed: str, named: list[str]) -> None:
    facts = OrganizationFacts(allowed_readers=(allowed,))
    found = policy(ROOT_STATEMENT, statement)
    grants = broad_decrypt(found, key(), facts=facts)
    assert [each.message for each in grants] == [f'"{each}" may decrypt and is not among the allowed readers' for each in named]
    written = [each.value.origin.span for each in found.statements[1].principals if each.value in [Known(name) for name in named]]
    assert [each.span for each in grants] == written
    assert broad_decrypt(found, key()) == []


def test_readers_that_the_configuration_does_not_allow() -> None:
    foreign = policy(ROOT_STATEMENT, allow("kms:Decrypt", {"AWS": [f"arn:aws:iam::{OTHER_ACCOUNT}:role/a", "999988887777"]}))
    assert broad_decrypt(foreign, key()) == []
    assert [
        grant.message.split('"')[1] for grant in broad_decrypt(foreign, key(), facts=OrganizationFacts(allowed_readers=(OTHER_ACCOUNT,)))
    ] == ["999988887777"]
    assert broad_decrypt(foreign, key(), facts=OrganizationFacts(allowed_readers=(OTHER_ACCOUNT, "999988887777"))) == []
    assert broad_decrypt(foreign, AMBIENT_KEY, facts=OrganizationFacts(allowed_readers=(OTHER_ACCOUNT,))) == []


def test_ambient_symbols_are_distinct() -> None:
    assert len({ambient_account(), ambient_account("x"), ambient_region(), ambient_partition()}) == 4


# -- statements of one undecided condition -----------------------------------------------------------------------------


@pytest.mark.parametrize("condition", ["var.scoped ? [1] : []", "var.scoped ? [] : [1]"])
def test_the_two_ways_of_a_dynamic_condition_are_alternatives(tmp_path: Path, condition: str) -> None:
    """``dynamic "condition"`` gives two statements that may be there, one of which certainly is."""
    (tmp_path / "main.tf").write_text(
        f"""
variable "scoped" {{ type = bool }}
data "aws_caller_identity" "current" {{}}
resource "aws_cloudtrail" "main" {{
  name           = "audit"
  s3_bucket_name = "amzn-s3-demo-bucket"
  kms_key_id     = aws_kms_key.logs.arn
}}
resource "aws_kms_key" "logs" {{ policy = data.aws_iam_policy_document.key.json }}
data "aws_iam_policy_document" "key" {{
  statement {{
    actions   = ["kms:GenerateDataKey*", "kms:DescribeKey"]
    resources = ["*"]
    principals {{
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }}
    dynamic "condition" {{
      for_each = {condition}
      content {{
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [data.aws_caller_identity.current.account_id]
      }}
    }}
  }}
}}
""",
        encoding="utf-8",
    )
    (found,) = check_json(tmp_path, ".").json["trails"]
    assert found["policy"]["describe"] == found["policy"]["encrypt"] == "allowed"


# -- readers of another account ----------------------------------------------------------------------------------------


def test_a_grant_to_another_accounts_root_is_no_missing_statement() -> None:
    foreign = allow("kms:Decrypt", {"AWS": ROOT.replace(ACCOUNT, OTHER_ACCOUNT)})
    own = judge_trail(policy(ROOT_STATEMENT), key(), trail()).decrypt
    both = judge_trail(policy(ROOT_STATEMENT, foreign), key(), trail()).decrypt
    assert own.outcome is both.outcome is Outcome.DELEGATED
    assert of_another_account(own.request) is Match.NO
    assert of_another_account(both.request) is Match.YES
    # A literal may be the very account that is deployed to.
    open_place = judge_trail(policy(foreign), key(AMBIENT_PLACE), trail(AMBIENT_PLACE)).decrypt
    assert of_another_account(open_place.request) is Match.MAYBE
    assert (open_place.outcome, len(open_place.delegating)) == (Outcome.UNDETERMINED, 1)
    for place, shape in product((KNOWN_PLACE, AMBIENT_PLACE), (ACCOUNT_ID, ANY_TEXT)):
        variable = Symbol("var.account", SymbolKind.INPUT, shape)
        root = concatenate([Known("arn:aws:iam::"), variable, Known(":root")])
        judgement = judge_trail(symbolic(allow("kms:Decrypt", {"AWS": root})), key(place), trail(place))
        assert (judgement.decrypt.outcome, judgement.assumptions) == (Outcome.UNDETERMINED, ())
        assert judgement.decrypt.delegating
        # Who may change the key policy is the key's own account.
        own_account = judge_trail(symbolic(allow("kms:*", {"AWS": root})), key(place), trail(place)).decrypt
        assert own_account.outcome is Outcome.DELEGATED
