"""Conditions as formulas: what default inputs decide, what others could, and the words for it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctkms_policy.cloudformation.conditions import (
    FALSE,
    MAX_STEPS,
    TRUE,
    Domain,
    Equal,
    Formula,
    Inputs,
    Opaque,
    Subject,
    all_of,
    any_of,
    assume,
    certain,
    changes_in_words,
    identity,
    in_words,
    is_text,
    negated,
    outcome,
    solve,
)

ENV = Subject("Env", "Env", default="dev")
FLAG = Subject("Flag", "Flag", default="false", allowed=("true", "false"))
OPEN = Subject("Open", "Open", allowed=("a", "b", "c"))
NAME = Subject("Name", "Name", shortest=1)
SUBJECTS = {each.name: each for each in (ENV, FLAG, OPEN, NAME)}
NOTHING = Inputs()

PROD = is_text(ENV, "prod")
ON = is_text(FLAG, "true")


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (is_text(FLAG, "maybe"), FALSE),
        (is_text(NAME, ""), FALSE),
        (is_text(FLAG, "false"), negated(ON)),
        (negated(negated(PROD)), PROD),
        (all_of(()), TRUE),
        (any_of(()), FALSE),
        (all_of((PROD, TRUE, PROD)), PROD),
        (all_of((PROD, FALSE)), FALSE),
        (any_of((PROD, TRUE)), TRUE),
        (any_of((PROD,)), PROD),
    ],
)
def test_formulas_are_written_in_one_way(formula: Formula, expected: Formula) -> None:
    assert formula == expected


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (PROD, False),
        (is_text(ENV, "dev"), True),
        (ON, False),
        (negated(ON), True),
        (is_text(OPEN, "a"), None),
        (all_of((is_text(OPEN, "a"), PROD)), False),
        (any_of((is_text(OPEN, "a"), PROD)), None),
        (any_of((is_text(OPEN, "a"), negated(PROD))), True),
        (Opaque("x"), None),
        (Opaque("x", (), True), True),
    ],
)
def test_outcome_with_default_inputs(formula: Formula, expected: bool | None) -> None:
    assert outcome(formula, NOTHING) is expected


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (PROD, "Env = prod"),
        (negated(is_text(ENV, "dev")), "Env != dev"),
        (ON, "Flag = true"),
        (is_text(OPEN, "b"), "Open = b"),
        (negated(is_text(NAME, "x y")), 'Name != "x y"'),
        (all_of((ON, PROD)), "Flag = true and Env = prod"),
        (any_of((ON, PROD)), "Flag = true"),
        (any_of((ON, negated(PROD))), ""),
        (Opaque("Join = x"), "Join = x is true"),
    ],
)
def test_solve_changes_as_little_as_possible_and_says_what(formula: Formula, words: str) -> None:
    solved = solve(formula, True, NOTHING)
    assert solved is not None
    assert outcome(formula, solved) is True
    assert changes_in_words(NOTHING, solved, SUBJECTS) == words


@pytest.mark.parametrize(
    "formula",
    [
        all_of((PROD, is_text(ENV, "test"))),
        all_of((PROD, negated(PROD))),
        all_of(tuple(negated(is_text(OPEN, text)) for text in "abc")),
        all_of((Opaque("x"), negated(Opaque("x")))),
        all_of((any_of((PROD, ON)), negated(PROD), negated(ON))),
    ],
)
def test_what_no_input_can_make_true(formula: Formula) -> None:
    assert solve(formula, True, NOTHING) is None
    assert certain(formula, NOTHING) is False
    assert certain(negated(formula), NOTHING) is True


def test_assume_keeps_only_what_follows() -> None:
    either = any_of((is_text(ENV, "a"), is_text(ENV, "b")))
    assumed = assume(either, True, NOTHING)
    assert assumed is not None
    assert assumed.domains["Env"] == Domain(("a", "b"))
    either = any_of((PROD, ON))
    assert assume(either, True, NOTHING) == NOTHING
    without = assume(ON, False, NOTHING)
    assert without is not None
    assumed = assume(either, True, without)
    assert assumed is not None
    assert assumed.domains["Env"] == Domain(("prod",))
    assert assume(PROD, True, assume(PROD, False, NOTHING) or NOTHING) is None


@pytest.mark.parametrize(
    ("formula", "wanted", "words"),
    [
        (ON, True, "Flag = true"),
        (ON, False, "Flag = false"),
        (PROD, False, "Env != prod"),
        (all_of((ON, PROD)), True, "Flag = true and Env = prod"),
        (all_of((ON, PROD)), False, "Flag = false or Env != prod"),
        (any_of((ON, PROD)), True, "Flag = true or Env = prod"),
        (all_of(tuple(Equal(Subject(name, name), "x") for name in "abcd")), True, "condition Many is true"),
        (Opaque("x"), False, "condition Many is false"),
    ],
)
def test_words(formula: Formula, wanted: bool, words: str) -> None:
    assert in_words(formula, wanted, "Many") == words


def test_search_is_bounded() -> None:
    subjects = [Subject(f"P{number}", f"P{number}", default="x") for number in range(60)]
    clauses = tuple(any_of(tuple(is_text(each, text) for each in subjects for text in "ab")) for _ in range(3))
    hard = all_of((*clauses, *(negated(is_text(each, text)) for each in subjects for text in "ab")))
    started = time.monotonic()
    assert solve(hard, True, NOTHING) in (None, NOTHING)
    assert certain(hard, NOTHING) in (False, None)
    assert time.monotonic() - started < 2, MAX_STEPS


_ATOMS = st.sampled_from([PROD, ON, is_text(ENV, "dev"), is_text(OPEN, "a"), is_text(OPEN, "b"), Opaque("x")])
_FORMULAS = st.recursive(
    _ATOMS,
    lambda inner: (
        inner.map(negated) | st.lists(inner, max_size=3).map(tuple).map(all_of) | st.lists(inner, max_size=3).map(tuple).map(any_of)
    ),
    max_leaves=8,
)


def _truth(formula: Formula, texts: dict[str, str], opaque: bool) -> bool:
    inputs = Inputs({name: Domain((text,)) for name, text in texts.items()}, {"x": opaque})
    answer = outcome(formula, inputs)
    assert answer is not None
    return answer


_WORLDS = [
    ({"Env": env, "Flag": flag, "Open": choice}, opaque)
    for env in ("dev", "prod", "other")
    for flag in ("true", "false")
    for choice in "abc"
    for opaque in (True, False)
]


@settings(max_examples=200)
@given(_FORMULAS, st.booleans())
def test_solve_certain_and_assume_agree_with_every_world(formula: Formula, wanted: bool) -> None:
    truths = [_truth(formula, texts, opaque) for texts, opaque in _WORLDS]
    solved = solve(formula, wanted, NOTHING)
    assert (solved is not None) == (wanted in truths)
    assert certain(formula, NOTHING) == (truths[0] if len(set(truths)) == 1 else None)
    assumed = assume(formula, wanted, NOTHING)
    for (texts, opaque), truth in zip(_WORLDS, truths, strict=True):
        if truth is wanted:
            # What is assumed follows: no world in which the formula is so may be lost.
            assert assumed is not None
            assert all(assumed.domains[name].admits(text) for name, text in texts.items() if name in assumed.domains)
            assert assumed.opaque.get("x", opaque) is opaque
    if solved is not None:
        assert outcome(formula, solved) is wanted


@settings(max_examples=100)
@given(_FORMULAS, _FORMULAS)
def test_the_same_identity_means_the_same_formula(left: Formula, right: Formula) -> None:
    if identity(left) == identity(right):
        assert [_truth(left, *world) for world in _WORLDS] == [_truth(right, *world) for world in _WORLDS]
