"""What requests are about: texts that are certain, and the facts of keys, trails and event data stores."""

from __future__ import annotations

import pytest
from key_policies import (
    ACCOUNT,
    AMBIENT_PLACE,
    EC,
    HERE,
    KNOWN_PLACE,
    NAME,
    OTHER_ACCOUNT,
    TRAIL_ARN,
    allow,
    key,
    policy,
    trail,
)

from ctkms_policy.iam.context import Missing, Present, Uncertain
from ctkms_policy.iam.judge import judge_trail
from ctkms_policy.iam.request import (
    OrganizationFacts,
    Question,
    certain_text,
    event_data_store_facts,
    key_facts,
    reader_context,
    service_context,
    trail_facts,
)
from ctkms_policy.model import Attribute, EventDataStore
from ctkms_policy.value import Absent, Branch, Choice, Known, Match, Reference, Symbol, Template, Text, Unknown, Value, concatenate

INPUT = Symbol("var.x")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Known("a"), Known("a")),
        (Known(111122223333), Known("111122223333")),
        (Known(True), Known("true")),
        (INPUT, INPUT),
        (Template((INPUT,)), INPUT),
        (concatenate((Known("a"), INPUT)), concatenate((Known("a"), INPUT))),
        (Choice("c", (Branch("x", Known("a")), Branch("y", Known("b"))), 1), Known("b")),
        (Choice("c", (Branch("x", Known("a")), Branch("y", Known("b"))), None), Unknown("the name depends on inputs without defaults")),
        (Absent(), Unknown("the name is not known")),
    ],
)
def test_a_text_is_what_default_inputs_give(value: Value, text: Text) -> None:
    assert certain_text(value, "the name") == text


def test_a_key_is_named_by_its_own_arn() -> None:
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789"
    named, other = (policy(allow("kms:DescribeKey", Resource=each)) for each in (arn, arn[:-1] + "0"))
    applied, planned = key(known_arn=arn), key()
    assert [judge_trail(each, applied, trail()).describe.outcome.value for each in (named, other)] == ["allowed", "implicitly denied"]
    # Before it is made, its id may be any.
    assert judge_trail(named, planned, trail()).describe.outcome.value == "undetermined"
    assert key_facts(planned).arn != key_facts(applied).arn == Known(arn)


@pytest.mark.parametrize("flag", [Known(True), Known("true"), Known("TRUE")])
def test_the_management_account_owns_an_organization_trail(flag: Known) -> None:
    facts = OrganizationFacts(management_account=OTHER_ACCOUNT)
    assert trail_facts(trail(is_organization_trail=flag), facts).owner == Known(OTHER_ACCOUNT)
    assert trail_facts(trail(is_organization_trail=flag), OrganizationFacts()).owner == Known(ACCOUNT)


@pytest.mark.parametrize("flag", [Known(False), Known("false")])
def test_nobody_else_owns_another_trail(flag: Known) -> None:
    assert trail_facts(trail(is_organization_trail=flag), OrganizationFacts(management_account=OTHER_ACCOUNT)).owner == Known(ACCOUNT)


def test_who_owns_what_may_be_an_organization_trail_is_open_where_it_matters() -> None:
    maybe = trail(is_organization_trail=INPUT)
    assert isinstance(trail_facts(maybe, OrganizationFacts(management_account=OTHER_ACCOUNT)).owner, Unknown)
    assert trail_facts(maybe, OrganizationFacts(management_account=ACCOUNT)).owner == Known(ACCOUNT)
    assert trail_facts(maybe, OrganizationFacts()).owner == Known(ACCOUNT)


def test_what_cloudtrails_calls_carry() -> None:
    log, facts = trail_facts(trail(bucket_name=Known("logs")), OrganizationFacts()), key_facts(key())
    encrypt, describe = (service_context(log, facts, each) for each in (Question.ENCRYPT, Question.DESCRIBE))
    for context in (encrypt, describe):
        assert context.get("AWS:SourceArn") == Present((Known(TRAIL_ARN),))
        assert context.get("aws:SourceAccount") == Present((Known(ACCOUNT),))
        assert context.get("aws:PrincipalIsAWSService") == Present((Known("true"),))
        assert isinstance(context.get("aws:PrincipalOrgID"), Missing)
        assert isinstance(context.get("aws:PrincipalTag/team"), Missing)
        assert isinstance(context.get("aws:SourceOrgID"), Uncertain)
        assert isinstance(context.get("kms:ViaService"), Uncertain)
    assert encrypt.get(EC) == Present((Known(TRAIL_ARN),))
    assert isinstance(encrypt.get("kms:EncryptionContext:team"), Missing)
    assert isinstance(describe.get(EC), Missing)
    assert isinstance(describe.get("kms:EncryptionAlgorithm"), Missing)
    assert encrypt.get("kms:EncryptionAlgorithm") == Present((Known("SYMMETRIC_DEFAULT"),))
    named = trail_facts(trail(), OrganizationFacts(organization_id="o-a"))
    assert service_context(named, facts, Question.ENCRYPT).get("aws:SourceOrgID") == Present((Known("o-a"),))


def test_an_event_data_store_has_no_source() -> None:
    store = EventDataStore(
        "aws_cloudtrail_event_data_store.s", HERE, KNOWN_PLACE, Known("s"), Attribute(Reference("aws_kms_key.logs", "arn"))
    )
    log = event_data_store_facts(store, OrganizationFacts(organization_id="o-a"))
    context = service_context(log, key_facts(key()), Question.ENCRYPT)
    assert isinstance(context.get("aws:SourceArn"), Missing)
    assert isinstance(context.get("aws:SourceAccount"), Missing)
    assert context.get("aws:SourceOrgID") == Present((Known("o-a"),))
    carried = context.get(EC)
    assert isinstance(carried, Present)
    assert carried.presence is Match.MAYBE
    assert isinstance(context.get("kms:EncryptionContext:team"), Uncertain)


def test_what_a_readers_call_carries() -> None:
    log, facts = trail_facts(trail(bucket_name=Known("logs")), OrganizationFacts()), key_facts(key())
    context = reader_context(log, facts)
    assert context.get("kms:ViaService") == Present((Known("s3.us-east-1.amazonaws.com"),))
    assert context.get(EC) == Present((Known(TRAIL_ARN),))
    assert isinstance(context.get("aws:SourceArn"), Missing)
    assert isinstance(context.get("aws:PrincipalOrgID"), Uncertain)
    assert isinstance(context.get("aws:PrincipalTag/team"), Uncertain)
    assert reader_context(log, facts, "o-a").get("aws:PrincipalOrgID") == Present((Known("o-a"),))
    assert isinstance(reader_context(None, facts).get(EC), Uncertain)


@pytest.mark.parametrize(
    ("bucket_key", "question", "with_path"),
    [
        (Match.NO, Question.DECRYPT, "/"),
        (Match.YES, Question.DECRYPT, None),
        (Match.YES, Question.ENCRYPT, ""),
        (Match.MAYBE, Question.DECRYPT, ""),
    ],
)
def test_the_buckets_part_of_the_encryption_context(bucket_key: Match, question: Question, with_path: str | None) -> None:
    log = trail_facts(trail(bucket_name=Known("logs")), OrganizationFacts(), bucket_key)
    context = reader_context(log, key_facts(key())) if question is Question.DECRYPT else service_context(log, key_facts(key()), question)
    carried = context.get("kms:EncryptionContext:aws:s3:arn")
    assert isinstance(carried, Present)
    (arn,) = carried.values
    if with_path is None:
        assert arn == Known("arn:aws:s3:::logs")
    else:
        assert isinstance(arn, Template)
        assert str(arn).count(f"arn:aws:s3:::logs{with_path}'") == 1


def test_a_name_that_the_code_leaves_open_stays_open() -> None:
    log = trail_facts(trail(AMBIENT_PLACE, name=INPUT), OrganizationFacts())
    assert log.name == INPUT
    assert isinstance(log.arn, Template)
    assert trail_facts(trail(), OrganizationFacts()).arn == Known(TRAIL_ARN)
    assert trail_facts(trail(), OrganizationFacts()).name == Known(NAME)
