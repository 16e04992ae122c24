"""Evaluation of expressions: what stays certain, what becomes a choice, and what is said about the rest."""

from __future__ import annotations

import pytest
from tf_expression_scope import NamedValues, value_of, with_default, without_default

from ctkms_policy.source import Span
from ctkms_policy.terraform.conversion import MAX_NODES, Failure, is_larger
from ctkms_policy.value import (
    ACCOUNT_ID,
    Absent,
    Branch,
    Choice,
    Entry,
    JsonText,
    Known,
    ListValue,
    Literal,
    MapValue,
    Origin,
    Reference,
    Symbol,
    SymbolKind,
    Template,
    Unknown,
    Value,
    default_of,
    describe,
)

ACCOUNT = Symbol("account", SymbolKind.AMBIENT, ACCOUNT_ID, "data.aws_caller_identity.current.account_id", "not given")
KEY = Reference("aws_kms_key.k[0]", "")
KEY_ARN = Reference("aws_kms_key.k[0]", "arn")
TRUE, FALSE = "var.create = true", "var.create = false"

NAMES: dict[str, Value] = {
    "var.account": ACCOUNT,
    "var.create": with_default(True, "var.create"),
    "var.off": with_default(False, "var.off"),
    "var.count": with_default(2, "var.count"),
    "var.key": Absent(Origin(inputs=frozenset({"var.key"}))),
    "var.empty": with_default("", "var.empty"),
    "var.s": without_default("var.s"),
    "var.b": without_default("var.b"),
    "var.list": Unknown("var.list has no default"),
    "aws_kms_key.k": ListValue((KEY,)),
    "aws_kms_key.none": ListValue(()),
    "aws_kms_key.maybe": Choice("var.create", (Branch(TRUE, ListValue((KEY,))), Branch(FALSE, ListValue(()))), 0),
    "aws_kms_key.one": Reference("aws_kms_key.one", ""),
}


def evaluated(text: str, **supposed: bool) -> Value:
    return NamedValues(NAMES, supposed={f"var.{name}": value for name, value in supposed.items()}).value_of(text)


def choice(condition: str, true: Branch, false: Branch, chosen: int | None) -> Choice:
    return Choice(condition, (true, false), chosen)


def created(true: Value, false: Value, chosen: int | None = 0) -> Choice:
    return choice("var.create", Branch(TRUE, true), Branch(FALSE, false), chosen)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # one symbol equals itself, two may or may not be equal
        ("var.s == var.s", Known(True)),
        ("var.account != var.account", Known(False)),
        ('"arn:${var.s}" == ""', Known(False)),
        ('"arn:${var.account}:x" == "arn:abc:x"', Known(False)),
        ('"arn:${var.account}" == "arn:1"', Known(False)),
        ("var.account == null", Known(False)),
        ('var.account == ""', Known(False)),
        ("aws_kms_key.one.arn == null", Known(False)),
        ('aws_kms_key.one.arn == ""', Known(False)),
        ('"a${var.s}" == "b${var.b}"', Known(False)),
        ("[var.s] == []", Known(False)),
        # a side that decides alone
        ("false && var.list", Known(False)),
        ("var.list || true", Known(True)),
        # references
        ("aws_kms_key.k[0].arn", KEY_ARN),
        ("aws_kms_key.k.0.arn", KEY_ARN),
        ("aws_kms_key.k[*].arn", ListValue((KEY_ARN,))),
        ("aws_kms_key.k.*.arn", ListValue((KEY_ARN,))),
        ("aws_kms_key.one.*.arn", ListValue((Reference("aws_kms_key.one", "arn"),))),
        ("aws_kms_key.one[*].arn", ListValue((Reference("aws_kms_key.one", "arn"),))),
        ('aws_kms_key.one["arn"]', Reference("aws_kms_key.one", "arn")),
        ("aws_kms_key.one.policy[0].x", Reference("aws_kms_key.one", "policy[0].x")),
        ("one(aws_kms_key.k[*].arn)", KEY_ARN),
        ("one(aws_kms_key.none[*].arn)", Absent()),
        ('join("", aws_kms_key.k.*.arn)', KEY_ARN),
        ('join("", aws_kms_key.none.*.arn)', Known("")),
        ('element(concat(aws_kms_key.none.*.arn, [""]), 0)', Known("")),
        ("length(aws_kms_key.k)", Known(1)),
        # what certainly fails
        ("try(aws_kms_key.none[0].arn, null)", Absent()),
        ("try(aws_kms_key.maybe[0].arn, null)", created(KEY_ARN, Absent())),
        ("can(aws_kms_key.none[0].arn)", Known(False)),
        ('try({a = 1}.b, "none")', Known("none")),
        # a null default is not unknown
        ("coalesce(var.key, aws_kms_key.k[0].arn)", KEY_ARN),
        ("coalesce(var.empty, aws_kms_key.k[0].arn)", KEY_ARN),
        ("var.key[*]", ListValue(())),
        ("var.s[*]", Unknown("var.s has no default")),
        # choices
        ('var.create ? "a" : "b"', created(Known("a"), Known("b"))),
        ('!var.create ? "a" : "b"', created(Known("b"), Known("a"))),
        ('var.create == true ? "a" : "b"', created(Known("a"), Known("b"))),
        ('var.create != true ? "a" : "b"', created(Known("b"), Known("a"))),
        ('var.create ? "a" : "a"', Known("a")),
        ("var.create ? 1 : null", created(Known(1), Absent())),
        ('var.create ? 1 : "x"', created(Known("1"), Known("x"))),
        ('"x-${var.create ? "a" : "b"}"', created(Known("x-a"), Known("x-b"))),
        ('"x%{ if var.create }a%{ else }b%{ endif }"', created(Known("xa"), Known("xb"))),
        ("aws_kms_key.maybe[*].arn", created(ListValue((KEY_ARN,)), ListValue(()))),
        ("var.create ? aws_kms_key.maybe[0].arn : null", created(KEY_ARN, Absent())),
        ("var.b ? 1 : 2", choice("var.b", Branch("var.b = true", Known(1)), Branch("var.b = false", Known(2)), None)),
        (
            'var.s != "" ? var.s : null',
            choice('var.s == ""', Branch('var.s == ""', Absent()), Branch('var.s != ""', without_default("var.s")), None),
        ),
        (
            "var.key != null ? 1 : 2",
            choice("var.key == null", Branch("var.key == null is true", Known(2)), Branch("var.key == null is false", Known(1)), 0),
        ),
        (
            "length(var.list) > 0 ? 1 : 2",
            choice(
                "length(var.list) > 0",
                Branch("length(var.list) > 0 is true", Known(1)),
                Branch("length(var.list) > 0 is false", Known(2)),
                None,
            ),
        ),
        (
            "coalesce(var.s, aws_kms_key.k[0].arn)",
            choice("var.s is null or empty", Branch("var.s is not set", KEY_ARN), Branch("var.s is set", without_default("var.s")), None),
        ),
        (
            "{a = 1}[var.s]",
            choice('var.s == "a"', Branch('var.s == "a"', Known(1)), Branch('var.s != "a"', Failure("there is no var.s in the map")), None),
        ),
        ("[for x in [1, 2] : x if var.create]", created(ListValue((Known(1), Known(2))), ListValue(()))),
        # collections that are known in part
        ('concat(["a"], var.list)', ListValue((Known("a"),), "var.list has no default")),
        ("[for x in var.list : x]", Unknown("var.list has no default")),
        ("var.list[0]", Unknown("var.list has no default")),
        ("concat(var.list, [1])[0]", Unknown("var.list has no default")),
        (
            'contains([for number, each in concat(var.list, ["a"]) : number], 0)',
            Unknown("the result of contains() is not known: var.list has no default"),
        ),
        ('[for number, each in ["a"] : number][0]', Known(0)),
        (
            "merge({a = 1}, var.list, {b = 2})",
            MapValue(
                (Entry(Known("a"), Unknown("var.list has no default")), Entry(Known("b"), Known(2))),
                "var.list has no default",
            ),
        ),
        ("{(var.s) = 1}", MapValue((Entry(without_default("var.s"), Known(1)),))),
        # holes stay
        ('"a-${var.s}"', Template((Literal("a-"), without_default("var.s")))),
        ('"${var.s}"', without_default("var.s")),
        ("jsonencode({a = var.s})", JsonText(MapValue((Entry(Known("a"), without_default("var.s")),)))),
        ("jsondecode(jsonencode([var.s]))[0]", without_default("var.s")),
        ('"${jsonencode([1])}\\n"', JsonText(ListValue((Known(1),)))),
        ("unheard_of(1)", Unknown("function unheard_of() is not modelled")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_value(text: str, expected: Value) -> None:
    assert evaluated(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[1][1]", "index 1 is out of range"),
        ("[1][-1]", "index -1 is out of range"),
        ("aws_kms_key.none[0].arn", "index 0 is out of range"),
        ("{a = 1}.b", 'there is no "b" in the map'),
        ("{a = null}.a.x", "null has no x"),
        ('"a".b', "a string, number or bool has no b"),
        ("0 / 0", "zero divided by zero"),
        ('1 + "x"', '"x" is not a number'),
        ('"a${null}"', "a null value where a string is needed"),
        ("null ? 1 : 2", "a null value where a bool is needed"),
        ("[for x in 1 : x]", "1 where a collection is needed"),
        ('{for x in ["a", "a"] : x => x}', 'the key "a" is there twice'),
        ("aws_kms_key.one[0]", "aws_kms_key.one is a single resource instance, without an index"),
    ],
)
def test_what_certainly_fails_says_why(text: str, reason: str) -> None:
    value = evaluated(text)
    assert isinstance(value, Failure)
    assert value.reason == reason
    assert evaluated(f'try({text}, "other")') == Known("other")
    assert evaluated(f"can({text})") == Known(False)


@pytest.mark.parametrize("text", ["var.list", "var.list[0]", "lower(var.s)", "var.s.attribute", "length(var.list)"])
def test_what_is_not_known_does_not_certainly_fail(text: str) -> None:
    value = evaluated(text)
    assert isinstance(value, Unknown)
    assert not isinstance(value, Failure)
    assert "no default" in value.reason
    assert isinstance(evaluated(f'try({text}, "other")'), Unknown)
    assert isinstance(evaluated(f"can({text})"), Unknown)


def test_a_local_goes_the_way_of_the_inputs_that_it_is_made_of() -> None:
    both = evaluated("var.create && !var.off")
    assert both == Known(True)
    assert both.origin.inputs == {"var.create", "var.off"}
    scope = NamedValues({**NAMES, "local.both": both})
    assert scope.value_of("local.both ? 1 : 2") == evaluated("var.create && !var.off ? 1 : 2")
    assert scope.value_of("var.create ? (local.both ? 1 : 2) : 3") == created(
        choice("var.off", Branch("var.off = true", Known(2)), Branch("var.off = false", Known(1)), 1), Known(3)
    )


def test_a_variable_of_a_child_module_goes_the_way_of_the_callers() -> None:
    passed = evaluated("var.create")
    child = NamedValues({"var.enabled": passed}, condition_prefix="module.logs.")
    assert child.value_of("var.enabled ? 1 : 2") == created(Known(1), Known(2))


def test_conditions_of_a_child_module_are_told_apart() -> None:
    child = NamedValues({"var.name": with_default("x", "var.name")}, condition_prefix="module.logs.")
    value = child.value_of('var.name != "" ? 1 : 2')
    assert value == choice(
        'module.logs.var.name == ""',
        Branch('module.logs: var.name == "" is true', Known(2)),
        Branch('module.logs: var.name == "" is false', Known(1)),
        1,
    )


def test_conditions_in_a_loop_are_told_apart() -> None:
    names = {"var.names": ListValue((with_default("a", "var.names"), with_default("", "var.names")))}
    value = NamedValues(names).value_of('[for x in var.names : x != "" ? 1 : 2]')
    assert isinstance(value, ListValue)
    conditions = {item.condition for item in value.items if isinstance(item, Choice)}
    assert len(conditions) == 2
    assert [default_of(item) for item in value.items] == [Known(1), Known(2)]


@pytest.mark.parametrize("supposed", [True, False])
def test_a_supposed_condition_makes_no_choice(supposed: bool) -> None:
    assert evaluated("var.create ? 1 : 2", create=supposed) == Known(1 if supposed else 2)
    assert evaluated("!var.create ? 1 : 2", create=supposed) == Known(2 if supposed else 1)
    assert evaluated("length(aws_kms_key.maybe)", create=supposed) == Known(1 if supposed else 0)
    assert evaluated("var.b ? 1 : 2", b=supposed) == Known(1 if supposed else 2)


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("var.count + 1", {"var.count"}),
        ('"x${var.count}"', {"var.count"}),
        ("var.count > 1", {"var.count"}),
        ("coalesce(var.key, aws_kms_key.k[0].arn)", {"var.key"}),
        ('coalesce("a", var.empty)', set()),
        ('join(",", [var.empty, "a"])', {"var.empty"}),
        ("var.create ? 1 : 2", {"var.create"}),
        ("true ? 1 : var.count", set()),
        ("{a = 1}.a", set()),
    ],
)
def test_the_inputs_that_decided_are_kept(text: str, inputs: set[str]) -> None:
    assert evaluated(text).origin.inputs == inputs


def test_spans() -> None:
    value = value_of('concat(["a"], [1 + 1])')
    assert isinstance(value, ListValue)
    assert value.origin.span == Span("main.tf", 1, 1, 1, 23)
    first, second = value.items
    assert isinstance(first, Known)
    assert first.text_map is not None
    assert first.text_map.span(0, 1) == Span("main.tf", 1, 10, 1, 11)
    assert second.origin.span == Span("main.tf", 1, 16, 1, 21)


def test_an_interpolated_text_stands_where_its_interpolation_is() -> None:
    value = value_of('"a${var.x}b"', x=Known("known"))
    assert value == Known("aknownb")
    assert isinstance(value, Known)
    assert value.text_map is not None
    assert value.text_map.span(1, 6) == Span("main.tf", 1, 3, 1, 8)
    assert value.text_map.span(6, 7) == Span("main.tf", 1, 11, 1, 12)


def test_the_text_of_a_heredoc_keeps_its_place() -> None:
    text = 'trimspace(<<-EOT\n  {\n    "a": "${var.x}"\n  }\nEOT\n)'
    value = value_of(text, x=Known("v"))
    assert isinstance(value, Known)
    assert value.value == '{\n  "a": "v"\n}'
    assert value.text_map is not None
    at = str(value.value).index('"a"')
    assert value.text_map.span(at, at + 3) == Span("main.tf", 3, 5, 3, 8)


def test_sensitive_values_are_not_described() -> None:
    value = value_of('upper(sensitive("secret"))')
    assert value == Known("SECRET")
    assert describe(value) == "(sensitive value)"
    assert describe(value_of('nonsensitive(sensitive("x"))')) == '"x"'


@pytest.mark.parametrize(
    "text",
    [
        "length(flatten([for a in range(1000) : [for b in range(1000) : [for c in range(1000) : 1]]]))",
        'format("%999999999d", 1)',
        'join("", [for a in range(1000) : join("", [for b in range(1000) : "0123456789"])])',
        "pow(10, 300) * pow(10, 300)",
        'replace(join("", [for a in range(1000) : "aaaaaaaaaa"]), "a", join("", [for a in range(1000) : "b"]))',
    ],
)
def test_what_grows_without_bounds_is_unknown(text: str) -> None:
    value = value_of(text)
    assert isinstance(value, Unknown)
    assert not isinstance(value, Failure)


def test_locals_that_double_each_other_are_unknown() -> None:
    value: Value = Known("x")
    for _ in range(40):
        value = value_of("[var.a, var.a]", a=value)
    assert not is_larger(value, MAX_NODES)


def test_a_deep_expression_is_unknown_or_right() -> None:
    value: Value = value_of("+".join(["1"] * 90))
    assert value == Known(90)


@pytest.mark.parametrize("text", ["1 / 0", "try(1 / 0, 2)", "1 / 0 > 1", "-1 / 0"])
def test_an_infinite_number_is_no_error(text: str) -> None:
    value = evaluated(text)
    assert isinstance(value, Unknown)
    assert not isinstance(value, Failure)
