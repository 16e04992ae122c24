"""The value algebra: what every later answer stands on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctkms_policy.source import Run, Span, TextMap
from ctkms_policy.value import (
    Absent,
    Branch,
    Choice,
    Entry,
    JsonText,
    Known,
    ListValue,
    Literal,
    MapValue,
    Match,
    Origin,
    Reference,
    Symbol,
    Template,
    Unknown,
    choose,
    concatenate,
    default_of,
    describe,
    json_text,
    lift,
    outcomes,
    substitute,
)

ACCOUNT = Symbol("account", spelling="AWS::AccountId")
REGION = Symbol("region")


def use_key(then: object, otherwise: object, chosen: int | None = None) -> Choice:
    return Choice("var.use_key", (Branch("var.use_key = true", then), Branch("var.use_key = false", otherwise)), chosen)  # type: ignore[arg-type]


def test_values_have_no_second_equality() -> None:
    span = Span("a.tf", 1, 1, 1, 2)
    assert Known("x", Origin(span)) == Known("x")
    assert Symbol("account", spelling="x") == Symbol("account", spelling="y")
    assert len({Known(""), Absent()}) == 2
    assert Symbol("account") != Symbol("account[aws.audit]")


@pytest.mark.parametrize(
    ("answers", "all_of", "any_of"),
    [
        ([], Match.YES, Match.NO),
        ([Match.YES, Match.MAYBE], Match.MAYBE, Match.YES),
        ([Match.NO, Match.MAYBE], Match.NO, Match.MAYBE),
        ([Match.YES, Match.NO], Match.NO, Match.YES),
    ],
)
def test_three_valued_all_and_any(answers: list[Match], all_of: Match, any_of: Match) -> None:
    assert Match.all_of(answers) is all_of
    assert Match.any_of(answers) is any_of


def test_maybe_inverted_stays_maybe() -> None:
    assert [answer.inverted() for answer in Match] == [Match.YES, Match.MAYBE, Match.NO]


def test_concatenate_merges_literals_and_keeps_holes() -> None:
    assert concatenate([Known("arn:"), Known("aws"), Known(":"), ACCOUNT]) == Template((Literal("arn:aws:"), ACCOUNT))
    assert concatenate([Known("a"), Known(1), Known(True), Known(2.0)]) == Known("a1true2")
    assert concatenate([]) == Known("")
    assert concatenate([ACCOUNT]) == Template((ACCOUNT,))


def test_concatenate_says_why_it_cannot() -> None:
    assert isinstance(concatenate([Known("a"), Absent()]), Unknown)
    assert isinstance(concatenate([Known("a"), ListValue(())]), Unknown)


def test_concatenate_keeps_where_each_character_stands() -> None:
    left = Known("ab", text_map=TextMap("f", (Run(0, 1, 5),)))
    right = Known("cd", text_map=TextMap("f", (Run(0, 7, 1),)))
    joined = concatenate([left, right])
    assert isinstance(joined, Known)
    assert joined.text_map is not None
    assert [joined.text_map.position(offset) for offset in range(4)] == [(1, 5), (1, 6), (7, 1), (7, 2)]


def test_choice_is_distributed_over_a_string() -> None:
    value = concatenate([Known("x-"), use_key(Known("a"), Known("b"), 1)])
    assert value == use_key(Known("x-a"), Known("x-b"), 1)
    assert default_of(value) == Known("x-b")


def test_choices_with_one_condition_go_the_same_way() -> None:
    value = concatenate([use_key(Known("a"), Known("b")), use_key(Known("1"), Known("2"))])
    assert sorted(describe(outcome) for _, outcome in outcomes(value)) == ['"a1"', '"b2"']


def test_too_many_combinations_are_unknown_not_slow() -> None:
    choices = [Choice(f"c{i}", (Branch("y", Known("a")), Branch("n", Known("b")))) for i in range(40)]
    assert isinstance(concatenate(choices), Unknown)


def test_equal_branches_are_no_choice() -> None:
    assert choose("c", [Branch("y", Known("a")), Branch("n", Known("a"))], None) == Known("a")
    assert isinstance(choose("c", [Branch("y", Unknown("r")), Branch("n", Unknown("r"))], None), Choice)


def test_outcomes_start_with_the_default() -> None:
    assert [conditions for conditions, _ in outcomes(use_key(Known("a"), Absent(), 1))] == [
        ("var.use_key = false",),
        ("var.use_key = true",),
    ]


def test_substitute_reaches_everywhere() -> None:
    document = MapValue((Entry(Template((Literal("k-"), ACCOUNT)), ListValue((JsonText(ACCOUNT), use_key(ACCOUNT, REGION)))),))
    bound = substitute(document, lambda hole: Known("1") if hole == ACCOUNT else hole)
    assert bound == MapValue((Entry(Known("k-1"), ListValue((JsonText(Known("1")), use_key(Known("1"), REGION)))),))


def test_json_text_is_terraforms_encoding() -> None:
    document = MapValue((Entry(Known("a"), ListValue((Known(1), Known(True), Absent(), Known('"')))), Entry(Known("b"), ACCOUNT)))
    assert describe(json_text(JsonText(document)), quoted=False) == '{"a":[1,true,null,"\\""],"b":"${AWS::AccountId}"}'


def test_sensitive_values_are_never_printed() -> None:
    assert "secret" not in describe(Known("secret", Origin(sensitive=True)))
    assert "secret" not in describe(concatenate([Known("a"), Known("secret", Origin(sensitive=True))]))


def test_reference_reads_as_it_is_written() -> None:
    assert describe(Reference("aws_kms_key.logs", "arn")) == "aws_kms_key.logs.arn"


scalars = st.one_of(st.text(max_size=5), st.integers(-9, 9), st.booleans()).map(Known)
leaves = st.one_of(scalars, st.just(ACCOUNT), st.just(REGION))
conditions = st.sampled_from(["c1", "c2"])
values = st.recursive(
    leaves, lambda inner: st.builds(lambda c, a, b: Choice(c, (Branch("t", a), Branch("f", b))), conditions, inner, inner), max_leaves=6
)


def resolve(value: object, world: dict[str, int]) -> object:
    while isinstance(value, Choice):
        value = value.branches[world[value.condition]].value
    return value


@given(st.lists(values, max_size=4), st.fixed_dictionaries({"c1": st.integers(0, 1), "c2": st.integers(0, 1)}))
def test_lifting_equals_resolving_first(arguments: list[Choice], world: dict[str, int]) -> None:
    lifted = concatenate(arguments)
    if isinstance(lifted, Unknown):
        assert lifted.reason == "too many combinations of conditions"
        return
    assert resolve(lifted, world) == concatenate([resolve(each, world) for each in arguments])  # type: ignore[misc]


@given(values)
def test_lift_of_identity_says_the_same(value: Choice) -> None:
    again = lift(lambda inner: inner, [value])
    for c1 in (0, 1):
        for c2 in (0, 1):
            assert resolve(again, {"c1": c1, "c2": c2}) == resolve(value, {"c1": c1, "c2": c2})
