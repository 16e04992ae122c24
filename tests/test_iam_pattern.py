"""Wildcard patterns against texts with holes: right in all three answers, and never slow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctkms_policy.iam.arns import arn_parts
from ctkms_policy.iam.pattern import MAX_FILLINGS, Atoms, Blank, Wild, arn_match, folded, match, pattern_atoms, text_atoms, wildcards_match
from ctkms_policy.value import (
    ACCOUNT_ID,
    ALPHANUMERIC,
    REGION_NAME,
    Known,
    Match,
    Reference,
    Shape,
    Symbol,
    SymbolKind,
    Text,
    Unknown,
    Value,
    concatenate,
)

ACCOUNT = Symbol("account", SymbolKind.AMBIENT, ACCOUNT_ID)
REGION = Symbol("region", SymbolKind.AMBIENT, REGION_NAME)
ANY = Symbol("var.any")
GENERATED = Symbol("suffix", SymbolKind.GENERATED, ALPHANUMERIC)


def text(*parts: str | Value) -> Text:
    joined = concatenate(Known(part) if isinstance(part, str) else part for part in parts)
    assert isinstance(joined, (Known, Symbol, Reference, Unknown)) or hasattr(joined, "parts")
    return joined  # type: ignore[return-value]


def answered(pattern: Text, subject: Text) -> str:
    return match(pattern_atoms(pattern), text_atoms(subject)).name


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        (text("arn:aws:cloudtrail:*:", ACCOUNT, ":trail/*"), text("arn:aws:cloudtrail:", REGION, ":", ACCOUNT, ":trail/t"), "YES"),
        (text("arn:aws:cloudtrail:*:", ANY, ":trail/*"), text("arn:aws:cloudtrail:", REGION, ":", ACCOUNT, ":trail/t"), "MAYBE"),
        (text("arn:aws:cloudtrail:*:111122223333:trail/*"), text("arn:aws:cloudtrail:eu-west-1:", ACCOUNT, ":trail/t"), "MAYBE"),
        (text("arn:aws:cloudtrail:*:my-account:trail/*"), text("arn:aws:cloudtrail:eu-west-1:", ACCOUNT, ":trail/t"), "NO"),
        (text("arn:aws:cloudtrail:*:????????????:trail/*"), text("arn:aws:cloudtrail:eu-west-1:", ACCOUNT, ":trail/t"), "YES"),
        (text("trail/t"), text("trail/stack-", GENERATED), "NO"),
        (text("trail/stack-*"), text("trail/stack-", GENERATED), "YES"),
        (text("trail/stack-abc"), text("trail/stack-", GENERATED), "MAYBE"),
        (text("trail/stack-?*"), text("trail/stack-", GENERATED), "YES"),
        (text("*"), text(Unknown("?")), "YES"),
        (text("a*"), text(Unknown("?")), "MAYBE"),
        (text(Unknown("?")), text("a"), "MAYBE"),
        (text(Unknown("?"), "b"), text("a"), "NO"),
        (text(ANY), text(ANY), "YES"),
        (text(ANY, "x"), text(ANY, "y"), "NO"),
        (text(ACCOUNT), text(ACCOUNT, "0"), "NO"),
        (text("*", ACCOUNT), text(ACCOUNT, ACCOUNT), "YES"),
        (text("????????????", ACCOUNT), text(ACCOUNT, ACCOUNT), "YES"),
        (text("${literal}"), text("${literal}"), "YES"),
        (text(Reference("aws_kms_key.a", "arn")), text(Reference("aws_kms_key.a", "arn")), "YES"),
        (text(Reference("aws_kms_key.a", "arn")), text(Reference("aws_kms_key.b", "arn")), "MAYBE"),
    ],
)
def test_answers(pattern: Text, subject: Text, expected: str) -> None:
    assert answered(pattern, subject) == expected


def test_a_hole_of_a_pattern_may_hold_wildcards() -> None:
    assert answered(text(ANY), text(ANY, "x")) == "MAYBE"
    assert answered(text("a", ANY), text("abc")) == "MAYBE"
    assert match(text_atoms(text("a", ACCOUNT)), text_atoms(text("abc"))) is Match.NO


@pytest.mark.parametrize(
    ("pattern", "before", "shape", "after"),
    [
        ("*ba", "bb", Shape(frozenset("ab"), 1, 1), ""),
        ("b*a?a*", "ba", Shape(frozenset("ab"), 0, 1), "a"),
        ("*bba*", "bb", Shape(frozenset("ab"), 0, 3), ""),
        ("*bb*a", "bb", Shape(frozenset("ab")), ""),
    ],
)
def test_every_way_through_a_hole_counts(pattern: str, before: str, shape: Shape, after: str) -> None:
    assert answered(Known(pattern), text(before, Symbol("x", shape=shape), after)) == "MAYBE"


def test_one_of_several_texts() -> None:
    partition = Symbol("p", shape=Shape(one_of=("aws", "aws-cn")))
    assert answered(text("aws*"), text(partition)) == "YES"
    assert answered(text("aws"), text(partition)) == "MAYBE"
    assert answered(text("gov"), text(partition)) == "NO"
    assert answered(text(partition, "-", partition), text("aws-aws-cn")) == "NO"


@pytest.mark.parametrize("before", ["a", ANY])
def test_two_texts_that_are_not_known_need_not_be_the_same(before: str | Value) -> None:
    unknown = text_atoms(text(before, Unknown("one")))
    assert match(unknown, unknown) is Match.MAYBE


@pytest.mark.parametrize(
    ("shape", "subject", "expected"),
    [
        (Shape(one_of=("a?",)), "ab", "YES"),
        (Shape(one_of=("a*", "b")), "ab", "MAYBE"),
        (Shape(one_of=("a?",)), "b", "NO"),
        (Shape(one_of=("*?",)), "ab", "YES"),
        (Shape(one_of=("*?",)), "", "NO"),
        (Shape(frozenset("a?"), 1, 1), "b", "MAYBE"),
        (Shape(frozenset("a*"), 1, 1), "bb", "MAYBE"),
        (Shape(frozenset("a"), 1, 1), "b", "NO"),
        (Shape(frozenset("a"), 0, 0), "", "YES"),
        (Shape(None, 0, 0), "", "YES"),
        (Shape(None, 0, 0), "a", "NO"),
    ],
)
def test_a_hole_of_a_pattern_that_has_few_texts(shape: Shape, subject: str, expected: str) -> None:
    assert answered(text(Symbol("x", shape=shape)), text(subject)) == expected


def test_a_hole_is_the_same_text_at_each_place() -> None:
    hole = Symbol("x", shape=Shape(frozenset("ab"), 1, 1))
    assert answered(text(hole, "1"), text("1", hole)) == "NO"
    assert answered(text(hole, "a"), text("a", hole)) == "MAYBE"
    for shape in (hole.shape, Shape(one_of=("a", "b"))):
        twice = text(Symbol("y", shape=shape), Symbol("y", shape=shape))
        assert [answered(Known(pattern), twice) for pattern in ("ab", "abab", "aa", "??")] == ["NO", "NO", "MAYBE", "YES"]


LONG = Shape(ALPHANUMERIC.alphabet, 2, 3)
MANY = Shape(one_of=("xx", *(f"x{number:03}" for number in range(MAX_FILLINGS))))


@pytest.mark.parametrize(
    ("pattern", "shape", "expected"),
    [
        ("abcde", LONG, "NO"),
        ("abc", LONG, "MAYBE"),
        ("a", LONG, "NO"),
        ("??*", LONG, "YES"),
        ("???*", LONG, "MAYBE"),
        ("????", LONG, "NO"),
        # More texts than are tried out: what they have in common decides.
        ("??*", MANY, "YES"),
        ("x", MANY, "NO"),
        ("x????", MANY, "NO"),
        ("x???", MANY, "MAYBE"),
        ("xx", MANY, "MAYBE"),
        ("???*", MANY, "MAYBE"),
        ("*y*", MANY, "NO"),
        # A run of one letter only.
        ("a*", Shape(frozenset("a"), 1), "YES"),
        ("*aa", Shape(frozenset("a"), 2), "YES"),
        ("*aab", Shape(frozenset("a"), 2), "NO"),
        ("a*", Shape(frozenset("ab"), 1), "MAYBE"),
    ],
)
def test_a_hole_of_a_text_that_has_many_texts(pattern: str, shape: Shape, expected: str) -> None:
    assert answered(Known(pattern), text(Symbol("x", shape=shape))) == expected


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        (text("?*"), text("a", ANY), "YES"),
        (text("?", ANY), text("a", ANY), "YES"),
        (text("ab*"), text(Symbol("x", shape=Shape(frozenset("ab"), 1, 1)), "b"), "MAYBE"),
        (text("?*"), text(Symbol("x", shape=Shape(frozenset("ab"), 0, 1)), "a"), "YES"),
        (text("1", ACCOUNT, "*"), text(ACCOUNT, ACCOUNT), "MAYBE"),
        (text("a", ACCOUNT), text("a", ACCOUNT), "YES"),
        # What differs at either end decides, whatever stands between.
        (text("ab*"), text("cb", ANY), "NO"),
        (text("*ba"), text(ANY, "bc"), "NO"),
        (text("*ab"), text("x", ANY, "ab"), "YES"),
        (text("ba*"), text("ba", ANY, "x"), "YES"),
        # A hole of a pattern with many texts, one of which is a wildcard.
        (text(Symbol("x", shape=Shape(frozenset("a*"), 1, 200))), text("bbb"), "MAYBE"),
        (text(Symbol("x", shape=Shape(frozenset("a"), 1, 200))), text("bbb"), "NO"),
    ],
)
def test_holes_beside_characters(pattern: Text, subject: Text, expected: str) -> None:
    assert answered(pattern, subject) == expected


def test_where_there_is_too_much_to_look_at_the_answer_is_maybe(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = text(Symbol("looked at", shape=Shape(ALPHANUMERIC.alphabet, 1)), "-end")
    assert answered(Known("?*-*"), subject) == "YES"
    monkeypatch.setattr("ctkms_policy.iam.pattern.MAX_SETS", 0)
    match.cache_clear()
    assert answered(Known("?*-*"), subject) == "MAYBE"
    match.cache_clear()


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        # A hole that may hold a colon may shift the segments.
        (text("arn:aws:cloudtrail:*:*:trail/*"), text("arn:aws:cloudtrail:", ANY, ":1:trail/t"), "MAYBE"),
        (text("arn:aws:cloudtrail:*:*:trail/*"), text("arn:aws:cloudtrail:", REGION, ":1:trail/t"), "YES"),
        (text("arn:aws:x:*:*:y"), text("arn:aws:x:", Symbol("p", shape=Shape(one_of=("a", "b:c"))), ":1:y"), "MAYBE"),
        (text("arn:aws:x:*:*:y"), text("arn:aws:x:", Symbol("p", shape=Shape(one_of=("a", "b"))), ":1:y"), "YES"),
        # Fewer segments: as a whole it cannot match, it is the very same text, or nobody says.
        (text("a:*"), text("b:c"), "NO"),
        (text("a:*"), text("a:c"), "MAYBE"),
        (text("*"), text("arn:aws:x:r:1:y"), "MAYBE"),
        (text("a:c"), text("a:c"), "YES"),
        (text(ACCOUNT), text(ACCOUNT), "YES"),
        # The ARN of a resource is itself, whatever it is; what is not known need not be.
        (text(Reference("aws_iam_role.r", "arn")), text(Reference("aws_iam_role.r", "arn")), "YES"),
        (text(Reference("aws_iam_role.r", "arn")), text(Reference("aws_iam_role.s", "arn")), "MAYBE"),
        (text(Unknown("lost")), text(Unknown("lost")), "MAYBE"),
        (text(ANY, "x"), text(ANY, "y"), "NO"),
        (text("arn:aws:x:r:1:*"), text("arn:aws:x:r:1:y:z"), "YES"),
        (text("arn:aws:x:*:y"), text("arn:aws:x:r:1:y"), "MAYBE"),
    ],
)
def test_holes_and_few_segments_of_arns(pattern: Text, subject: Text, expected: str) -> None:
    assert arn_match(pattern_atoms(pattern), text_atoms(subject)).name == expected


def test_folding_ignores_case() -> None:
    upper = Symbol("s", shape=Shape(frozenset("AB"), 1, 1))
    assert match(folded(pattern_atoms(text("X", "*"))), folded(text_atoms(text("x", upper)))) is Match.YES
    assert match(folded(pattern_atoms(text("c"))), folded(text_atoms(text(upper)))) is Match.NO


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("arn:aws:cloudtrail:*:1:trail/*", "arn:aws:cloudtrail:us-east-1:1:trail/t", "YES"),
        ("arn:aws:*:trail/*:1:x", "arn:aws:cloudtrail:us-east-1:1:trail/t", "NO"),
        ("arn:aws:cloudtrail:*:1:trail/*", "arn:aws:cloudtrail:us-east-1:1:trail/t:with:colons", "YES"),
        ("arn:*:*:*:*:*", "arn:aws:cloudtrail:us-east-1:1:trail/t", "YES"),
        ("arn:aws*", "arn:aws:cloudtrail:us-east-1:1:trail/t", "MAYBE"),
        ("*", "arn:aws:cloudtrail:us-east-1:1:trail/t", "MAYBE"),
        ("arn:gcp*", "arn:aws:cloudtrail:us-east-1:1:trail/t", "NO"),
        ("arn:aws:*:1:trail/t", "arn:aws:cloudtrail:us-east-1:1:trail/t", "MAYBE"),
        ("arn:aws:cloudtrail:us*st-1:1:trail/t", "arn:aws:cloudtrail:us-east-1:1:trail/t", "YES"),
        ("arn:aws:a*b:c:1:t", "arn:aws:a:b:1:t", "NO"),
        ("arn:aws:a*b:c:1:t", "arn:aws:a:b:c:1:t", "NO"),
        ("arn:aws:iam::1:role/?", "arn:aws:iam::1:role/r", "YES"),
        ("arn:aws:iam:?:1:role/r", "arn:aws:iam::1:role/r", "NO"),
    ],
)
def test_arns_match_segment_by_segment(pattern: str, subject: str, expected: str) -> None:
    assert arn_match(pattern_atoms(Known(pattern)), text_atoms(Known(subject))).name == expected


def test_a_hole_that_may_hold_colons_is_no_certain_segment() -> None:
    subject = text_atoms(text("arn:aws:cloudtrail:us-east-1:1:trail/t"))
    assert arn_match(pattern_atoms(text("arn:aws:", ANY, ":trail/t")), subject) is Match.MAYBE
    assert arn_match(pattern_atoms(text("arn:aws:cloudtrail:*:", ACCOUNT, ":trail/t")), subject) is Match.NO


def test_arn_parts() -> None:
    parts = arn_parts(text("arn:aws:iam::", ACCOUNT, ":role/a:b"))
    assert parts == (Known("arn"), Known("aws"), Known("iam"), Known(""), ACCOUNT, Known("role/a:b"))
    assert arn_parts(Known("arn:aws:iam")) is None
    assert arn_parts(Known("a:b:c:d:e:f")) is None
    assert arn_parts(ACCOUNT) is None


# -- brute force -------------------------------------------------------------------------------------------------------

_shapes = st.one_of(
    st.builds(
        lambda letters, shortest, more: Shape(frozenset(letters), shortest, shortest + more),
        st.sampled_from(["a", "ab", "abc", "a*", "a?"]),
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    st.lists(st.sampled_from(["", "a", "b", "ab", "*", "a?"]), min_size=1, max_size=3, unique=True).map(
        lambda texts: Shape(one_of=tuple(texts))
    ),
)
_holes = st.sampled_from(["x", "y"])
_letters = st.sampled_from(["a", "b", "*"])


def _language(shape: Shape) -> Iterator[str]:
    if shape.one_of:
        yield from shape.one_of
        return
    assert shape.alphabet is not None
    assert shape.longest is not None
    for length in range(shape.shortest, shape.longest + 1):
        yield from ("".join(letters) for letters in product(sorted(shape.alphabet), repeat=length))


def _as_atoms(parts: list[str | Wild], shapes: dict[str, Shape], *, wildcards: bool) -> Atoms:
    def blank(name: str) -> Blank:
        shape = shapes[name]
        letters = "".join(shape.one_of) if shape.one_of else "".join(shape.alphabet or ())
        return Blank(name, shape, wildcards and ("*" in letters or "?" in letters))

    return tuple(blank(part) if part in ("x", "y") else part for part in parts)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(_letters.filter(lambda letter: letter != "*"), st.sampled_from(list(Wild)), _holes), max_size=6),
    st.lists(st.one_of(_letters, _holes), max_size=6),
    st.fixed_dictionaries({"x": _shapes, "y": _shapes}),
)
def test_agrees_with_brute_force(pattern: list[str | Wild], subject: list[str], shapes: dict[str, Shape]) -> None:
    used = sorted({part for part in (*pattern, *subject) if part in ("x", "y")}, key=str)
    truths = set()
    for filling in product(*(tuple(_language(shapes[str(name)])) for name in used)):
        filled = dict(zip(used, filling, strict=True))
        written = "".join(part.value if isinstance(part, Wild) else filled.get(part, part) for part in pattern)
        truths.add(wildcards_match(written, "".join(filled.get(part, part) for part in subject)))
        if len(truths) > 1:
            break
    truth = Match.MAYBE if len(truths) > 1 else Match.of(truths.pop())
    answer = match(_as_atoms(pattern, shapes, wildcards=True), _as_atoms(list(subject), shapes, wildcards=False))
    assert answer in (truth, Match.MAYBE)
    if all((list(pattern) + list(subject)).count(name) == 1 and name in subject for name in used):
        assert answer is truth


@settings(max_examples=200, deadline=None)
@given(st.text("ab*?", max_size=8), st.text("ab*?", max_size=8))
def test_without_holes_it_is_plain_wildcard_matching(pattern: str, subject: str) -> None:
    def naive(wanted: str, given: str) -> bool:
        if not wanted:
            return not given
        if wanted[0] == "*":
            return naive(wanted[1:], given) or (bool(given) and naive(wanted, given[1:]))
        return bool(given) and wanted[0] in ("?", given[0]) and naive(wanted[1:], given[1:])

    assert wildcards_match(pattern, subject) is naive(pattern, subject)
    assert match(pattern_atoms(Known(pattern)), text_atoms(Known(subject))) is Match.of(naive(pattern, subject))


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [
        ("*a" * 30 + "b", text("a" * 300)),
        ("*a" * 30 + "b", text("a" * 100, ANY, "a" * 100)),
        ("*a" * 30 + "*", text("a" * 100, ANY, "a" * 100)),
        ("*?a?*b" * 15, text("ab" * 50, ANY, "ab" * 50, Symbol("other"), "ba" * 20)),
        ("*" + "?" * 40 + "*a" * 20, text(ANY, "a" * 60, GENERATED)),
        (
            "*aab*abb*bab*" * 6,
            text(*[piece for number in range(6) for piece in ("aabb", Symbol(f"s{number}", shape=Shape(frozenset("ab"))))]),
        ),
    ],
)
def test_hard_patterns_are_quick(pattern: str, subject: Text) -> None:
    start = time.perf_counter()
    answered(Known(pattern), subject)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        (text("ab"), text("*", ANY), "NO"),
        (text("*b"), text("*", ANY), "MAYBE"),
        (text("?b"), text("*b"), "YES"),
        (text("a?"), text("?*"), "NO"),
        (text("?", ACCOUNT), text("*", ACCOUNT), "YES"),
        (text("a", ACCOUNT), text("?", ACCOUNT), "NO"),
    ],
)
def test_a_wildcard_in_a_text_is_a_letter(pattern: Text, subject: Text, expected: str) -> None:
    assert answered(pattern, subject) == expected
