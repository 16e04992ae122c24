"""One condition against one request context: what is known, absent and unknown, operator by operator."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ctkms_policy.iam.conditions import OPERATORS, answer, parse_operator
from ctkms_policy.iam.context import Chosen, Context, ContextText, ContextValue, FromNow, Missing, Present, ServiceAddress, Uncertain
from ctkms_policy.iam.policy import UNKNOWN_VERSION
from ctkms_policy.model import Condition
from ctkms_policy.value import Absent, Branch, Choice, Known, Match, Symbol, Unknown, Value, concatenate

ANY = Symbol("var.any")
NOW = FromNow(datetime(2026, 1, 1, tzinfo=timezone.utc))


def answered(operator: str, wanted: tuple[Value, ...] | str, carried: ContextValue, *, allows: bool = True) -> str:
    values = (Known(wanted),) if isinstance(wanted, str) else wanted
    return answer(Condition(operator, Known("k"), values), Context({"k": carried}), "2012-10-17", allows=allows).name


def one(*values: str | ContextText, many: bool = False, presence: Match = Match.YES) -> Present:
    return Present(tuple(Known(value) if isinstance(value, str) else value for value in values), many, presence)


@pytest.mark.parametrize("operator", sorted(OPERATORS))
@pytest.mark.parametrize("unknown", [ANY, Unknown("not known"), FromNow(NOW.now)], ids=["symbol", "unknown", "the time"])
def test_what_is_not_known_may_hold(operator: str, unknown: ContextText) -> None:
    wanted = {"Numeric": "5", "Date": "2999-01-01", "Bool": "true", "Binary": "QQ==", "Ip": "10.0.0.0/8", "NotIp": "10.0.0.0/8"}
    text = next((value for prefix, value in wanted.items() if operator.startswith(prefix)), "text")
    if isinstance(unknown, FromNow) and operator.startswith(("Numeric", "Date")):
        return  # the time is known to be later than now: tests of its own
    assert answered(operator, text, one(unknown)) == "MAYBE"
    if not isinstance(unknown, FromNow):
        actual = "arn:aws:iam::1:user/u" if operator.startswith("Arn") else text.removesuffix("/8")
        assert not isinstance(unknown, ServiceAddress)
        assert answered(operator, (unknown,), one(actual)) == "MAYBE"


@pytest.mark.parametrize(
    ("operator", "wanted", "carried", "expected"),
    [
        ("Bool", "yes", one("true"), "MAYBE"),
        ("Bool", "TRUE", one("true"), "YES"),
        ("Bool", "false", one("true"), "NO"),
        ("BinaryEquals", "QQ==", one("QQ=="), "YES"),
        ("BinaryEquals", "QQ==", one("Qg=="), "NO"),
        ("BinaryEquals", "no base64", one("Qg=="), "MAYBE"),
        ("IpAddress", "10.0.0.0/8", one("10.1.2.3"), "YES"),
        ("IpAddress", "10.0.0.1/8", one("10.1.2.3"), "YES"),  # host bits are ignored
        ("IpAddress", "::/0", one("10.1.2.3"), "NO"),
        ("IpAddress", "10.0.0.0/8", one("somewhere"), "MAYBE"),
        ("IpAddress", "anywhere", one("10.1.2.3"), "MAYBE"),
        ("IpAddress", "0.0.0.0/0", one(ServiceAddress()), "MAYBE"),
        ("IpAddress", "10.0.0.0/8", one(ServiceAddress()), "NO"),
        ("NotIpAddress", "10.0.0.0/8", one(ServiceAddress()), "YES"),
        ("NumericEquals", "five", one("5"), "MAYBE"),
        ("NumericEquals", "5", one("5.0"), "YES"),
        ("NumericLessThan", "5", one("5"), "NO"),
        ("NumericLessThanEquals", "5", one("5"), "YES"),
        ("NumericGreaterThan", "5", one("5"), "NO"),
        ("NumericGreaterThanEquals", "5", one("5"), "YES"),
        ("StringEquals", "a*", one("a*"), "YES"),
        ("StringEquals", "a*", one("ab"), "NO"),
        ("StringEqualsIgnoreCase", "AB", one("ab"), "YES"),
        ("StringNotEqualsIgnoreCase", "AB", one("ab"), "NO"),
        ("StringLike", "A*", one("ab"), "NO"),
        ("StringNotLike", "a*", one("ab"), "NO"),
        ("StringEquals", "a", one(NOW), "MAYBE"),
        ("StringEquals", "${aws:nothing}", one("a"), "MAYBE"),
    ],
)
def test_one_value(operator: str, wanted: str, carried: Present, expected: str) -> None:
    assert answered(operator, wanted, carried) == expected


def test_several_values() -> None:
    wanted = (Known("a"), Known("b"))
    assert answered("StringEquals", wanted, one("b")) == "YES"
    assert answered("StringNotEquals", wanted, one("b")) == "NO"
    assert answered("StringNotEquals", wanted, one("c")) == "YES"
    assert answered("ForAllValues:StringEquals", wanted, one("a", "c", many=True)) == "NO"
    assert answered("ForAnyValue:StringEquals", wanted, one("a", "c", many=True)) == "YES"
    # A multivalued key without a quantifier: AWS says nothing, but where all agree there is one answer.
    assert answered("StringEquals", wanted, one("a", "c", many=True)) == "MAYBE"
    assert answered("StringEquals", wanted, one("a", "b", many=True)) == "YES"
    # A single-valued key that is known to be one of two.
    assert answered("StringEquals", "a", one("a", "c")) == "NO"
    choice = Choice("c", (Branch("c = 1", Known("a")), Branch("c = 2", Absent())))
    assert answered("StringEquals", (choice,), one("a")) == "MAYBE"
    assert answered("StringEquals", (choice,), one("b")) == "NO"


@pytest.mark.parametrize(
    ("operator", "missing"),
    [
        ("StringEquals", "NO"),
        ("StringNotEquals", "YES"),
        ("StringEqualsIfExists", "YES"),
        ("ForAllValues:StringEquals", "YES"),
        ("ForAnyValue:StringEquals", "NO"),
        ("ForAnyValue:StringNotEquals", "NO"),
        ("ForAnyValue:StringEqualsIfExists", "YES"),
    ],
)
def test_a_key_that_is_not_there(operator: str, missing: str) -> None:
    assert answered(operator, "a", Missing()) == missing
    assert answered(operator, "a", Uncertain("not known")) == "MAYBE"
    # Where it may be there, what both ways agree on is certain.
    holds = "NO" if "Not" in operator else "YES"
    assert answered(operator, "a", one("a", presence=Match.MAYBE)) == (holds if holds == missing else "MAYBE")


@pytest.mark.parametrize(
    ("wanted", "present", "missing", "maybe"),
    [
        (("true",), "NO", "YES", "MAYBE"),
        (("false",), "YES", "NO", "MAYBE"),
        (("TRUE",), "NO", "YES", "MAYBE"),
        (("true", "false"), "YES", "YES", "MAYBE"),
        (("maybe",), "MAYBE", "MAYBE", "MAYBE"),
    ],
)
def test_null_asks_for_presence(wanted: tuple[str, ...], present: str, missing: str, maybe: str) -> None:
    values = tuple(map(Known, wanted))
    assert answered("Null", values, one("x")) == present
    assert answered("Null", values, Missing()) == missing
    assert answered("Null", values, one("x", presence=Match.MAYBE)) == maybe
    assert answered("Null", values, Uncertain()) == maybe


def test_what_the_caller_chooses_satisfies_an_allow_and_evades_a_deny() -> None:
    for operator in ("StringEquals", "StringNotEquals", "Null"):
        assert answered(operator, "true", Chosen()) == "YES"
        assert answered(operator, "true", Chosen(), allows=False) == "NO"


@pytest.mark.parametrize("operator", ["ForSomeValues:StringEquals", "stringEquals", "ForAllValues:Null", "NullIfExists", "StringEqual", ""])
def test_operators_that_are_not_modelled_may_hold(operator: str) -> None:
    name = parse_operator(operator)
    assert (name.operator, name.null) == (None, False)
    assert answered(operator, "a", one("a")) == "MAYBE"


def test_a_condition_key_that_is_not_known_may_hold() -> None:
    condition = Condition("StringEquals", Unknown("which key"), (Known("a"),))
    assert answer(condition, Context({}), "2012-10-17", allows=True) is Match.MAYBE


# -- policy variables (C13) --------------------------------------------------------------------------------------------


def with_variables(wanted: Value, request: str, version: str = "2012-10-17") -> str:
    context = Context({"k": one(request), "aws:sourceaccount": one("1"), "aws:many": one("1", "2", many=True), "aws:none": Missing()})
    return answer(Condition("StringLike", Known("k"), (wanted,)), context, version, allows=True).name


@pytest.mark.parametrize(
    ("wanted", "request_value", "expected"),
    [
        ("a/${aws:SourceAccount}/b*", "a/1/bc", "YES"),
        ("a/${aws:SourceAccount}/b*", "a/2/bc", "NO"),
        ("${aws:none}", "", "NO"),
        ("${aws:none, 'x'}", "x", "YES"),
        ("${aws:none, ''}", "", "YES"),
        ("${aws:none, x}", "x", "NO"),
        ("${aws:none, '}", "'", "NO"),
        ("${aws:SourceAccount, 'x'}", "1", "YES"),
        ("${aws:many}", "1", "MAYBE"),
        ("${aws:undocumented}", "1", "MAYBE"),
        ("${*}", "*", "YES"),
        ("${*}", "a", "NO"),
        ("a${?}", "a?", "YES"),
        ("a${?}", "ab", "NO"),
        ("${$}", "$", "YES"),
        ("${account_id}", "1", "NO"),
    ],
)
def test_policy_variables(wanted: str, request_value: str, expected: str) -> None:
    assert with_variables(Known(wanted), request_value) == expected


def test_policy_variables_beside_holes() -> None:
    wanted = concatenate([Known("${aws:SourceAccount}/"), ANY])
    assert with_variables(wanted, "1/x") == "MAYBE"
    assert with_variables(wanted, "2/x") == "NO"
    assert with_variables(concatenate([ANY, Known("/x")]), "2/y") == "NO"


def test_the_version_decides_whether_there_are_variables() -> None:
    assert with_variables(Known("${aws:SourceAccount}"), "1", "2008-10-17") == "NO"
    assert with_variables(Known("${aws:SourceAccount}"), "${aws:SourceAccount}", "2008-10-17") == "YES"
    assert with_variables(Known("${aws:SourceAccount}"), "1", UNKNOWN_VERSION) == "MAYBE"
    assert with_variables(Known("1"), "1", UNKNOWN_VERSION) == "YES"
