"""Which KMS key a trail has: every form the value may take, in three-valued truth."""

from __future__ import annotations

import pytest

from ctkms_policy.key_link import KeyState, key_of
from ctkms_policy.model import Alias, Configuration, Key, KeyKind, KeyLookup, Language, ambient_place
from ctkms_policy.source import Span
from ctkms_policy.value import (
    ACCOUNT_ID,
    Absent,
    Branch,
    Choice,
    Known,
    ListValue,
    Literal,
    Reference,
    Shape,
    Symbol,
    SymbolKind,
    Template,
    Unknown,
    Value,
)

SPAN = Span.at("main.tf")
PLACE = ambient_place()
KEY = Key("aws_kms_key.logs", SPAN, PLACE, KeyKind.KEY, Unknown("not of interest here"))
OTHER = Key("aws_kms_key.other", SPAN, PLACE, KeyKind.KEY, Unknown("not of interest here"))
CONFIGURATION = Configuration(
    Language.TERRAFORM,
    ".",
    keys=(KEY, OTHER),
    aliases=(
        Alias("aws_kms_alias.logs", SPAN, PLACE, Known("alias/logs"), Reference("aws_kms_key.logs", "key_id")),
        Alias("aws_kms_alias.loop", SPAN, PLACE, Known("alias/loop"), Reference("aws_kms_alias.loop", "arn")),
        Alias("aws_kms_alias.far", SPAN, PLACE, Known("alias/far"), Symbol("var.key", reason="var.key has no default")),
    ),
    lookups=(
        KeyLookup("data.aws_kms_alias.s3", SPAN, PLACE, Known("alias/aws/s3")),
        KeyLookup("data.aws_kms_alias.logs", SPAN, PLACE, Known("alias/logs")),
        KeyLookup("data.aws_kms_key.far", SPAN, PLACE, Known("1234abcd-12ab-34cd-56ef-1234567890ab")),
        KeyLookup("data.aws_kms_key.aws", SPAN, PLACE, Known("1234abcd"), Known("AWS")),
    ),
)
REGION = Symbol("region", SymbolKind.AMBIENT)
INPUT = Symbol("var.key", reason="var.key has no default")


def when(then: Value, otherwise: Value, chosen: int | None) -> Choice:
    return Choice("var.on", (Branch("var.on = true", then), Branch("var.on = false", otherwise)), chosen)


ARN = Reference("aws_kms_key.logs", "arn")


@pytest.mark.parametrize(
    ("value", "state", "key"),
    [
        (Absent(), KeyState.NONE, None),
        (Known(""), KeyState.NONE, None),
        (Known("  "), KeyState.NONE, None),
        (ARN, KeyState.CUSTOMER_MANAGED, KEY),
        (Reference("aws_kms_key.logs", "key_id"), KeyState.CUSTOMER_MANAGED, KEY),
        (Reference("aws_kms_alias.logs", "arn"), KeyState.CUSTOMER_MANAGED, KEY),
        (Reference("aws_kms_alias.loop", "arn"), KeyState.UNDETERMINED, None),
        (Reference("aws_kms_alias.far", "arn"), KeyState.CUSTOMER_MANAGED, None),
        (Reference("data.aws_kms_alias.s3", "target_key_arn"), KeyState.AWS_MANAGED, None),
        (Reference("data.aws_kms_alias.logs", "target_key_arn"), KeyState.CUSTOMER_MANAGED, KEY),
        (Reference("data.aws_kms_key.far", "arn"), KeyState.CUSTOMER_MANAGED, None),
        (Reference("data.aws_kms_key.aws", "arn"), KeyState.AWS_MANAGED, None),
        (Reference("aws_kms_key.gone[0]", "arn"), KeyState.UNDETERMINED, None),
        (Reference("custom_thing.x", "key"), KeyState.CUSTOMER_MANAGED, None),
        (Known("alias/aws/s3"), KeyState.AWS_MANAGED, None),
        (Known("arn:aws:kms:us-east-1:111122223333:alias/aws/s3"), KeyState.AWS_MANAGED, None),
        (Template((Literal("arn:aws:kms:"), REGION, Literal(":111122223333:alias/aws/s3"))), KeyState.AWS_MANAGED, None),
        (Template((Literal("arn:aws:kms:"), REGION, Literal(":111122223333:alias/logs"))), KeyState.CUSTOMER_MANAGED, KEY),
        (Template((Literal("arn:aws:kms:"), REGION, Literal(":111122223333:alias/none"))), KeyState.CUSTOMER_MANAGED, None),
        (Template((Literal("arn:aws:kms:us-east-1:1:key/"), Reference("aws_kms_key.logs", "key_id"))), KeyState.CUSTOMER_MANAGED, KEY),
        (Known("alias/logs"), KeyState.CUSTOMER_MANAGED, KEY),
        (Known("arn:aws:kms:us-east-1:111122223333:key/1234"), KeyState.CUSTOMER_MANAGED, None),
        (INPUT, KeyState.DEPENDS, None),
        (Symbol("P", shape=Shape(one_of=("", "alias/x"))), KeyState.DEPENDS, None),
        (Symbol("P", shape=Shape(one_of=("alias/x", "alias/y"))), KeyState.CUSTOMER_MANAGED, None),
        (Symbol("P", shape=Shape(one_of=("alias/aws/s3", "alias/y"))), KeyState.DEPENDS, None),
        (Symbol("P", shape=Shape(one_of=("alias/aws/s3", "alias/aws/sns"))), KeyState.AWS_MANAGED, None),
        (Symbol("import", SymbolKind.EXTERNAL, reason="imported"), KeyState.CUSTOMER_MANAGED, None),
        (Symbol("account", SymbolKind.AMBIENT, ACCOUNT_ID), KeyState.UNDETERMINED, None),
        (Template((INPUT, INPUT)), KeyState.DEPENDS, None),
        (Template((INPUT, Unknown("why"))), KeyState.UNDETERMINED, None),
        (Unknown("module not installed"), KeyState.UNDETERMINED, None),
        (ListValue((ARN,)), KeyState.UNDETERMINED, None),
        (when(ARN, Absent(), 0), KeyState.CUSTOMER_MANAGED, KEY),
        (when(ARN, Absent(), 1), KeyState.NONE, KEY),
        (when(ARN, Absent(), None), KeyState.DEPENDS, KEY),
        (when(INPUT, Absent(), None), KeyState.DEPENDS, None),
        (when(ARN, Reference("aws_kms_key.other", "arn"), 1), KeyState.CUSTOMER_MANAGED, OTHER),
        (when(ARN, Known("arn:aws:kms:us-east-1:1:key/2"), None), KeyState.CUSTOMER_MANAGED, KEY),
        (when(Known("alias/aws/s3"), ARN, 0), KeyState.AWS_MANAGED, None),
        (when(Unknown("why"), Absent(), None), KeyState.DEPENDS, None),
        (when(Unknown("why"), ARN, None), KeyState.UNDETERMINED, KEY),
    ],
)
def test_what_a_value_leads_to(value: Value, state: KeyState, key: Key | None) -> None:
    link = key_of(CONFIGURATION, value)
    assert (link.state, link.key) == (state, key)
    assert link.key is not None or link.reason, "where there is no key to look at, there is a reason"


def test_the_branch_without_a_key_is_named() -> None:
    assert key_of(CONFIGURATION, when(ARN, Absent(), 0)).none_when == ("var.on = false",)
    assert key_of(CONFIGURATION, when(ARN, ARN, 0)).none_when == ()
    assert key_of(CONFIGURATION, when(ARN, Absent(), None)).none_when == ("var.on = false",)


def test_a_default_without_a_key_says_which_input_makes_it_so() -> None:
    link = key_of(CONFIGURATION, when(ARN, Absent(), 1))
    assert link.reason == "no KMS key when var.on = false, the default"
    assert link.key_when == "var.on = true"
    assert link.none_when == ()


def test_nested_conditions_are_joined() -> None:
    inner = Choice("var.b", (Branch("var.b = true", ARN), Branch("var.b = false", Known(""))), 0)
    assert key_of(CONFIGURATION, when(inner, ARN, 0)).none_when == ("var.b = false",)
    assert key_of(CONFIGURATION, when(ARN, inner, 0)).none_when == ("var.on = false and var.b = false",)
