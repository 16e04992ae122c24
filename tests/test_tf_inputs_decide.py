"""What inputs decide, and what they cannot: constants, ways of choices, attributes that defaults lack, notes, spellings."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import check_json, write
from test_tf_module import normalized
from tf_expression_scope import value_of, with_default

from ctkms_policy.checks.words import way
from ctkms_policy.model import ambient_partition, ambient_region
from ctkms_policy.source import Span
from ctkms_policy.terraform.conversion import reason_of
from ctkms_policy.terraform.inputs import Inputs
from ctkms_policy.value import Choice, Entry, Known, MapValue, Origin, Reference, Symbol, Template, Value, default_of, describe, outcomes

TRAIL = 'resource "aws_cloudtrail" "t" {\n  %s\n  name = "t"\n  s3_bucket_name = "b"\n  kms_key_id = %s\n}\n'
SWITCH = 'variable "on" {\n  type = bool\n  default = false\n}\n'
KEY = 'resource "aws_kms_key" "k" {}\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("var.on && false", False),
        ("false && var.on", False),
        ("var.on || true", True),
        ("true || var.on", True),
        ("!var.on && var.on", False),
        ("var.on && false ? 1 : 0", 0),
    ],
)
def test_what_a_constant_decides_no_input_can_change(text: str, expected: object) -> None:
    value = value_of(text, on=with_default(True, "var.on"))
    assert value == Known(expected)  # type: ignore[arg-type]
    assert (value.origin.inputs, value.origin.decision) == (frozenset(), None)


@pytest.mark.parametrize(
    ("count", "listed"), [("var.on && false ? 1 : 0", 0), ("var.on || true ? 0 : 1", 0), ("var.on && true ? 1 : 0", 1)]
)
def test_a_trail_that_no_input_can_create_is_not_listed(tmp_path: Path, count: str, listed: int) -> None:
    (configuration,) = normalized(tmp_path, {"main.tf": SWITCH + TRAIL % (f"count = {count}", "null")})
    assert len(configuration.trails) == listed


def key_value(directory: Path, text: str, inputs: Inputs | None = None, **files: str) -> Value:
    (configuration,) = normalized(directory, {"main.tf": text, **{name.replace("_", "."): each for name, each in files.items()}}, inputs)
    return configuration.trails[0].kms_key_id.value


@pytest.mark.parametrize("condition", ["var.on", "local.on", "var.on && true", "tobool(var.on)", "var.on == true"])
def test_a_choice_names_the_input_that_decides_it(tmp_path: Path, condition: str) -> None:
    text = SWITCH + "locals {\n  on = var.on\n}\n" + KEY + TRAIL % ("", f"{condition} ? aws_kms_key.k.arn : null")
    value = key_value(tmp_path, text)
    assert isinstance(value, Choice)
    for each in (value, default_of(value)):
        assert ("var.on, default false", Span("main.tf", 3, 3, 3, 18)) in [(step.text, step.span) for step in each.origin.via]
        assert len(set(each.origin.via)) == len(each.origin.via)
    assert way(default_of(value), Span.at("main.tf"))


def test_what_a_tfvars_file_decides_names_the_file(tmp_path: Path) -> None:
    value = key_value(tmp_path, SWITCH + KEY + TRAIL % ("", "var.on ? null : aws_kms_key.k.arn"), terraform_tfvars="on = true\n")
    assert [(step.text, step.span) for step in value.origin.via] == [
        ("var.on, set in terraform.tfvars", Span("terraform.tfvars", 1, 6, 1, 10))
    ]


def test_a_world_that_supposes_a_condition_keeps_its_way(tmp_path: Path) -> None:
    text = SWITCH + 'variable "key" {\n  default = "alias/x"\n}\n' + TRAIL % ("count = var.on ? 1 : 0", "var.on ? var.key : null")
    value = key_value(tmp_path, text)
    assert describe(value) == '"alias/x"'
    assert 'var.key, default "alias/x"' in [step.text for step in value.origin.via]


SETTINGS = MapValue((Entry(Known("a"), Known("x")),), "", Origin(inputs=frozenset(("var.s",))))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("var.s.a", Known("x")),
        ("var.s.b", Symbol("var.s.b")),
        ('var.s["b"]', Symbol("var.s.b")),
        ("var.s.b.c", Symbol("var.s.b.c")),
        ('try(var.s.b, "d")', Known("d")),
        ('try(upper(var.s.b), "d")', Known("d")),
        ("can(var.s.b)", Known(False)),
        ('lookup(var.s, "b", "d")', Known("d")),
    ],
)
def test_an_attribute_that_a_default_lacks_is_an_input(text: str, expected: Value) -> None:
    value = value_of(text, s=SETTINGS)
    assert value == expected
    if isinstance(value, Symbol):
        assert value.reason == 'var.s has no "b" by default'


def test_an_attribute_that_no_input_can_give_is_none(tmp_path: Path) -> None:
    value = value_of("var.s.b", s=MapValue((Entry(Known("a"), Known("x")),)))
    assert describe(value) == 'unknown: there is no "b" in the map'


def test_a_trail_and_a_policy_name_the_same_missing_attribute(tmp_path: Path) -> None:
    text = 'variable "s" {\n  type = any\n  default = {}\n}\n' + TRAIL.replace('"t"\n', "var.s.name\n") % ("", '"alias/${var.s.name}"')
    (configuration,) = normalized(tmp_path, {"main.tf": text})
    (trail,) = configuration.trails
    key = trail.kms_key_id.value
    assert isinstance(key, Template)
    assert key.parts[-1] == trail.name == Symbol("var.s.name")


def test_the_way_of_a_sensitive_value_shows_neither_value_nor_place(tmp_path: Path) -> None:
    text = 'variable "s" {\n  type = string\n  sensitive = true\n  default = "alias/a"\n}\n' + TRAIL % ("", "var.s")
    for assigned in ("", 's = "alias/b"\n'):
        value = key_value(tmp_path, text, terraform_tfvars=assigned)
        assert describe(value) == "(sensitive value)"
        assert [(step.text, step.span) for step in value.origin.via] == [("var.s, sensitive", Span("main.tf", 1, 1, 1, 13))]


# -- notes and places --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        (TRAIL % ("", "null"), False),
        (TRAIL % ("", "var.key"), True),
        (TRAIL % ("", "var.wanted"), True),
        (TRAIL % ("count = var.on ? 1 : 0", "null"), True),
        (KEY.replace("{}", "{\n  policy = var.key\n}") + TRAIL % ("", "aws_kms_key.k.arn"), True),
        (KEY + TRAIL % ("", "aws_kms_key.k.arn"), False),
    ],
)
def test_the_note_is_there_where_inputs_matter(tmp_path: Path, text: str, noted: bool) -> None:
    variables = SWITCH + 'variable "key" {\n  default = null\n}\nvariable "wanted" {}\n'
    (configuration,) = normalized(tmp_path, {"main.tf": variables + text})
    assert [bool(trail.note) for trail in configuration.trails] == [noted]


def test_the_note_is_not_there_where_the_input_is_given(tmp_path: Path) -> None:
    text = 'variable "key" {\n  type = string\n  default = null\n}\n' + TRAIL % ("", "var.key")
    for inputs in (Inputs((("key", "alias/x"),)), Inputs(environment={"key": "alias/x"})):
        (configuration,) = normalized(tmp_path, {"main.tf": text}, inputs)
        assert (describe(configuration.trails[0].kms_key_id.value), configuration.trails[0].note) == ('"alias/x"', "")


def test_the_environment_comes_before_files_and_the_command_line(tmp_path: Path) -> None:
    text = 'variable "key" {\n  type = string\n  default = null\n}\n' + TRAIL % ("", "var.key")
    inputs = Inputs(environment={"key": "alias/environment"})
    assert describe(key_value(tmp_path, text, inputs, terraform_tfvars='key = "alias/file"\n')) == '"alias/file"'
    assert describe(key_value(tmp_path, text, Inputs((("key", '"x"'),), environment={"key": "e"}))) == '""x""'


def test_places_are_spelled_as_the_module_writes_them(tmp_path: Path) -> None:
    data = 'data "aws_caller_identity" "me" {}\ndata "aws_region" "x" {\n  count = 1\n}\n'
    (configuration,) = normalized(tmp_path, {"main.tf": data + TRAIL % ("", "null")})
    place = configuration.trails[0].place
    assert describe(place.account) == "data.aws_caller_identity.me.account_id"
    assert (place.region, place.partition) == (ambient_region(), ambient_partition())
    for undeclared in (place.region, place.partition):
        assert isinstance(undeclared, Symbol)
        assert undeclared.spelling == ""


def test_the_region_of_another_provider_configuration_has_no_conventional_spelling(tmp_path: Path) -> None:
    text = 'provider "aws" {\n  alias = "b"\n}\n' + TRAIL % ("provider = aws.b", "null")
    (configuration,) = normalized(tmp_path, {"main.tf": text})
    assert describe(configuration.trails[0].place.region) == "region[aws.b]"


def a_variable(default: str) -> str:
    return f'variable "a" {{\n  default = {default}\n}}\nvariable "on" {{\n  default = true\n}}\n'


@pytest.mark.parametrize(
    ("default", "expression"),
    [
        ("null", "var.a == null ? aws_kms_key.k.arn : var.a"),
        ("null", "var.a != null ? var.a : aws_kms_key.k.arn"),
        ("null", "null == var.a ? aws_kms_key.k.arn : var.a"),
        ("null", "local.own ? aws_kms_key.k.arn : var.a"),
        ("null", "var.on ? (var.a == null ? aws_kms_key.k.arn : var.a) : aws_kms_key.k.arn"),
        ('""', 'var.a == "" ? aws_kms_key.k.arn : var.a'),
        ('""', "length(var.a) > 0 ? trimspace(var.a) : aws_kms_key.k.arn"),
        ('""', '"%{ if var.a == "" }${aws_kms_key.k.arn}%{ else }${var.a}%{ endif }"'),
        ("{ key = null }", "var.a.key == null ? aws_kms_key.k.arn : var.a.key"),
        ("{ key = null }", "[var.a.key == null ? aws_kms_key.k.arn : var.a.key][0]"),
        ('["", ""]', 'var.a[0] == "" ? aws_kms_key.k.arn : var.a[0]'),
        ("[null]", "(var.a[0] == null ? [aws_kms_key.k.arn] : var.a)[0]"),
        ("{ key = null }", "(var.a.key == null ? { key = aws_kms_key.k.arn } : var.a).key"),
    ],
)
def test_an_input_that_decides_is_not_its_default_where_it_decides_otherwise(tmp_path: Path, default: str, expression: str) -> None:
    text = a_variable(default) + "locals {\n  own = var.a == null\n}\n" + KEY + TRAIL % ("", expression)
    value = key_value(tmp_path, text)
    assert isinstance(value, Choice)
    assert describe(default_of(value)) == "aws_kms_key.k.arn"
    others = [outcome for _, outcome in outcomes(value) if not isinstance(outcome, Reference)]
    assert others
    assert [reason_of(outcome) for outcome in others] == ["var.a is not what it is by default"]
    write(tmp_path, main_tf=text)
    assert "CTKMS001" not in [each["rule"] for each in check_json(tmp_path, ".").json["findings"]]


@pytest.mark.parametrize(
    ("default", "expression"),
    [
        ("null", "var.on ? aws_kms_key.k.arn : var.a"),
        ("null", "var.on && var.a == null ? aws_kms_key.k.arn : var.a"),
        ('"x"', 'var.a == "x" ? aws_kms_key.k.arn : null'),
        ('"x"', 'var.a == "x" ? aws_kms_key.k.arn : ""'),
        ("null", 'var.a == null ? aws_kms_key.k.arn : (var.a == "none" ? null : var.a)'),
    ],
)
def test_what_other_inputs_leave_out_is_still_said(tmp_path: Path, default: str, expression: str) -> None:
    write(tmp_path, main_tf=a_variable(default) + KEY + TRAIL % ("", expression))
    findings = check_json(tmp_path, ".").json["findings"]
    assert [each["verdict"] for each in findings if each["rule"] == "CTKMS001"] == ["undetermined"]


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("for_each = { for x in var.a : x.name => x }", "aws_cloudtrail.t[each.key]"),
        ("for_each = { for x in var.a : x.name => x if x.on }", "aws_cloudtrail.t[each.key]"),
        ("for_each = toset([for x in var.a : x.name])", "aws_cloudtrail.t[each.key]"),
        ("for_each = toset(flatten([for x in var.a : x.names]))", "aws_cloudtrail.t[each.key]"),
        ("for_each = { for x in flatten([for y in var.a : y.all]) : x.name => x }", "aws_cloudtrail.t[each.key]"),
        ("for_each = local.all", "aws_cloudtrail.t[each.key]"),
        ("count = length([for x in var.a : x if x.on])", "aws_cloudtrail.t[0]"),
    ],
)
def test_what_a_loop_over_an_empty_default_leaves_out_is_listed(written: str, address: str, tmp_path: Path) -> None:
    text = a_variable("[]") + "locals {\n  all = { for x in var.a : x.name => x }\n}\n" + TRAIL % (written, "null")
    (configuration,) = normalized(tmp_path, {"main.tf": text})
    (trail,) = configuration.trails
    when = written.partition(" = ")[2]
    assert (trail.address, trail.created_when) == (address, f"{when} is not {'0' if written.startswith('count') else 'empty'}")


@pytest.mark.parametrize(
    "written",
    ["for_each = { for x in [] : x => x }", "for_each = toset([for x in local.none : x])", "count = length([for x in local.none : x])"],
)
def test_a_loop_over_what_is_always_empty_makes_nothing(written: str, tmp_path: Path) -> None:
    (configuration,) = normalized(tmp_path, {"main.tf": "locals {\n  none = []\n}\n" + TRAIL % (written, "null")})
    assert configuration.trails == ()
