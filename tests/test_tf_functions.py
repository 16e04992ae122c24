"""Functions of values that are not wholly known, of files, and of templates. What is known is in the table of the console."""

from __future__ import annotations

import hashlib

import pytest
from tf_expression_scope import NamedValues, value_of, with_default, without_default

from ctkms_policy.source import Span
from ctkms_policy.terraform.conversion import Failure
from ctkms_policy.terraform.regular_expression import PatternError, UnsupportedPattern, compile_pattern
from ctkms_policy.value import (
    ACCOUNT_ID,
    REGION_NAME,
    Absent,
    Branch,
    Choice,
    Entry,
    JsonText,
    Known,
    ListValue,
    Literal,
    MapValue,
    Reference,
    Symbol,
    SymbolKind,
    Template,
    Unknown,
    Value,
)

ACCOUNT = Symbol("account", SymbolKind.AMBIENT, ACCOUNT_ID)
REGION = Symbol("region", SymbolKind.AMBIENT, REGION_NAME)
ANY = without_default("var.any")
KEY = Reference("aws_kms_key.k", "arn")
NAMES: dict[str, Value] = {
    "var.account": ACCOUNT,
    "var.region": REGION,
    "var.any": ANY,
    "var.key": KEY,
    "var.unknown": Unknown("nobody knows"),
    "var.choice": Choice("c", (Branch("c = true", Known("a")), Branch("c = false", Known(""))), 0),
    "var.list": ListValue((Known("a"),), "more may follow"),
}
NOT_KNOWN = "var.any has no default"


def evaluated(text: str) -> Value:
    return NamedValues(NAMES).value_of(text)


def template(*parts: str | Symbol | Reference) -> Template:
    return Template(tuple(Literal(part) if isinstance(part, str) else part for part in parts))


def listed(*items: str | Value) -> ListValue:
    return ListValue(tuple(Known(item) if isinstance(item, str) else item for item in items))


def either(first: Value, second: Value) -> Choice:
    return Choice("c", (Branch("c = true", first), Branch("c = false", second)), 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # strings with holes
        ('join("-", ["a", var.any])', template("a-", ANY)),
        ('format("arn:%s:%s", var.region, "x")', template("arn:", REGION, ":x")),
        ('format("%v", var.any)', ANY),
        ('formatlist("arn:%s", [var.account, "1"])', listed(template("arn:", ACCOUNT), "arn:1")),
        ('formatlist("arn:%s", var.list)', ListValue((Known("arn:a"),), "more may follow")),
        ('formatlist("%s:%s", "arn", concat(var.unknown, ["a"]))', ListValue((Known("arn:a"),), "nobody knows")),
        ('replace("a-${var.account}-b", "-", ":")', template("a:", ACCOUNT, ":b")),
        ('split(":", "arn:${var.region}:${var.account}")', listed("arn", REGION, ACCOUNT)),
        ('split("/", "a/${var.account}x/b")[1]', template(ACCOUNT, "x")),
        ('lower("ARN:${var.account}")', template("arn:", ACCOUNT)),
        ('upper("arn:${var.account}")', template("ARN:", ACCOUNT)),
        ('trimspace("  a${var.any}b \\n")', template("a", ANY, "b")),
        ('trimspace(" ${var.account} ")', ACCOUNT),
        ('trimprefix("arn:${var.any}", "arn:")', ANY),
        ('trimsuffix("${var.any}/*", "/*")', ANY),
        ('trimsuffix("${var.account}x", "/*")', template(ACCOUNT, "x")),
        ('startswith("arn:${var.any}", "arn:")', Known(True)),
        ('startswith("arn:${var.any}", "key")', Known(False)),
        ('endswith("${var.account}", ":")', Known(False)),
        ('strcontains("${var.any}:x", ":")', Known(True)),
        ('strcontains(var.account, ":")', Known(False)),
        ('substr("arn:${var.any}", 0, 3)', Known("arn")),
        ("length(var.account)", Known(12)),
        ('length("x${var.account}")', Known(13)),
        ('indent(2, "a\\n${var.account}")', template("a\n  ", ACCOUNT)),
        ('chomp("${var.account}\\n")', ACCOUNT),
        # lists with symbols
        ("distinct([var.any, var.any])", listed(ANY)),
        ("toset([var.account])", listed(ACCOUNT)),
        ('compact([var.key, "", null])', listed(KEY)),
        ("sort([var.any])", listed(ANY)),
        ('contains([var.any, "a"], "a")', Known(True)),
        ('contains(["a"], var.account)', Known(False)),
        ('contains(var.list, "a")', Known(True)),
        ('index(["a", "b"], "b")', Known(1)),
        ("concat([var.key], [])", listed(KEY)),
        ("flatten([[var.key], [[var.any]]])", listed(KEY, ANY)),
        ("keys({(var.any) = 1, b = 2})", ListValue((Known("b"), ANY), f"a key is not known: {NOT_KNOWN}")),
        ("values({a = var.any})", listed(ANY)),
        ('lookup({a = var.any}, "a", "b")', ANY),
        ("coalescelist([], [var.any])", listed(ANY)),
        ("element([var.any, var.key], 3)", KEY),
        ("one([var.key])", KEY),
        ("anytrue([var.any, true])", Known(True)),
        ("alltrue([var.any, false])", Known(False)),
        ("setunion([var.key], [])", listed(KEY)),
        ('setsubtract(["a"], [var.account])', listed("a")),
        ('zipmap(["a"], [var.any])', MapValue((Entry(Known("a"), ANY),))),
        # choices among the items
        ('join(",", [var.choice, "b"])', either(Known("a,b"), Known(",b"))),
        ('compact([var.choice, "b"])', either(listed("a", "b"), listed("b"))),
        ("length(compact([var.choice]))", either(Known(1), Known(0))),
        ('contains([var.choice], "a")', either(Known(True), Known(False))),
        ('coalesce(var.choice, "z")', either(Known("a"), Known("z"))),
        ('flatten([var.choice == "a" ? ["x"] : [], "y"])', either(listed("x", "y"), listed("y"))),
        ('merge({x = 1}, var.choice == "a" ? {x = 2} : {})["x"]', either(Known(2), Known(1))),
        ('concat(["x"], [[], ["y"]]...)', listed("x", "y")),
        ("max([1, 3, 2]...)", Known(3)),
        # documents
        ('jsondecode("{\\"a\\": \\"${var.any}\\"}").a', ANY),
        ("jsondecode(jsonencode({a = var.any})).a", ANY),
        ("yamldecode(jsonencode([var.any]))[0]", ANY),
        # the provider's own
        ('provider::aws::arn_parse("arn:aws:kms:${var.region}:${var.account}:key/x").account_id', ACCOUNT),
        ('provider::aws::arn_parse("arn:aws:kms:eu-west-1:1:key/a:b").resource', Known("key/a:b")),
        ('provider::aws::arn_build("aws", "iam", "", var.account, "root")', template("arn:aws:iam::", ACCOUNT, ":root")),
        ('provider::aws::trim_iam_role_path("arn:aws:iam::1:role/a/b/c")', Known("arn:aws:iam::1:role/c")),
        # Terraform 0.11
        ('list("a", var.any)', listed("a", ANY)),
        ('map("a", var.any)', MapValue((Entry(Known("a"), ANY),))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_certain_stays(text: str, expected: Value) -> None:
    assert evaluated(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        'formatlist("%s%s", var.list, ["b"])',
        "lower(var.any)",
        "md5(var.any)",
        'split("/", var.any)',
        'replace(var.any, "a", "b")',
        'trimspace("${var.any}x")',
        'startswith(var.any, "a")',
        'startswith("a${var.any}", "ab")',
        "length(var.any)",
        'contains(["a"], var.unknown)',
        "tonumber(var.any) + 1",
        'regex("a", var.any)',
        "jsondecode(var.any)",
        "cidrsubnet(var.any, 8, 1)",
        'format("%5s", var.any)',
        "alltrue([var.any, true])",
        "length(var.list)",
        "var.list[0]",
        'tolist(setsubtract(["a"], [var.any]))[0]',
        "length(toset([var.any, var.key]))",
        "provider::aws::arn_parse(var.key)",
        "base64gzip(var.any)",
        "rsadecrypt(var.any, var.any)",
        'abspath("x")',
        'pathexpand("~/x")',
        'regex("\\\\pL", "x")',
        'merge(var.unknown, {})["a"]',
        "max(var.list...)",
    ],
)
def test_what_is_not_certain_is_unknown_with_a_reason(text: str) -> None:
    value = evaluated(text)
    assert isinstance(value, Unknown)
    assert not isinstance(value, Failure)
    assert value.reason


def test_the_reason_names_the_function_and_the_input() -> None:
    assert evaluated("lower(var.any)") == Unknown("the result of lower() is not known: var.any has no default")


@pytest.mark.parametrize("text", ["timestamp()", "plantimestamp()", "uuid()", 'bcrypt("x")'])
def test_what_the_deployment_makes_up_is_a_symbol(text: str) -> None:
    value = evaluated(text)
    assert isinstance(value, Symbol)
    assert value.kind is SymbolKind.GENERATED


def test_inputs_inside_lists_are_joined() -> None:
    assert value_of('join(",", ["a", var.x])', x=with_default("b", "var.x")).origin.inputs == {"var.x"}


FILES = {
    "policy.json": '{\n  "Id": "x"\n}\n',
    "policy.yaml": "Version: '2012-10-17'\nStatement:\n  - Sid: One\n    Action: [kms:Decrypt]\n",
    "policy.tpl": '{\n  "Id": "${id}",\n  "Rest": ${jsonencode(rest)}\n}\n',
    "outer.tpl": 'outer ${templatefile("inner.tpl", { id = id })}',
    "inner.tpl": "inner ${id}",
    "loop.tpl": '${templatefile("loop.tpl", {})}${templatefile("loop.tpl", {})}',
    "directives.tpl": "%{ for name in names ~}\n${name};\n%{ endfor ~}\n%{ if length(names) > 1 }many%{ endif }",
    "broken.tpl": "${",
}


def of_files(text: str, **names: Value) -> Value:
    return NamedValues({f"var.{name}": value for name, value in names.items()}, FILES).value_of(text)


def test_a_file_keeps_its_place() -> None:
    value = of_files('jsondecode(file("policy.json")).Id')
    assert value == Known("x")
    assert value.origin.span == Span("policy.json", 2, 9, 2, 12)


def test_a_trimmed_file_keeps_its_place() -> None:
    assert of_files('jsondecode(trimspace(file("policy.json"))).Id').origin.span == Span("policy.json", 2, 9, 2, 12)


def test_yaml_keeps_its_place() -> None:
    value = of_files('yamldecode(file("policy.yaml")).Statement[0].Action[0]')
    assert value == Known("kms:Decrypt")
    assert value.origin.span == Span("policy.yaml", 4, 14, 4, 25)
    assert isinstance(value, Known)
    assert value.text_map is not None
    assert value.text_map.span(0, 3) == Span("policy.yaml", 4, 14, 4, 17)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('fileexists("policy.json")', Known(True)),
        ('fileexists("missing")', Known(False)),
        ('try(file("missing"), "none")', Known("none")),
        ('filemd5("inner.tpl")', Known(hashlib.md5(b"inner ${id}").hexdigest())),
        ('templatefile("outer.tpl", { id = "x" })', Known("outer inner x")),
        ('templatefile("directives.tpl", { names = ["a", "b"] })', Known("a;\nb;\nmany")),
        ('templatefile("directives.tpl", { names = [] })', Known("")),
        ('templatestring(file("inner.tpl"), { id = 1 })', Known("inner 1")),
        ('can(templatefile("inner.tpl", {}))', Known(False)),
        ('can(templatefile("broken.tpl", {}))', Known(False)),
        ('can(templatefile("missing", {}))', Known(False)),
        ('templatefile("inner.tpl", { id = var.any })', template("inner ", ANY)),
    ],
)
def test_files(text: str, expected: Value) -> None:
    assert of_files(text, any=ANY) == expected


def test_a_rendered_policy_keeps_its_places() -> None:
    value = of_files('jsondecode(templatefile("policy.tpl", { id = var.any, rest = ["r"] }))', any=ANY)
    assert isinstance(value, MapValue)
    assert value.get("Id") == ANY
    assert value.get("Rest") == listed("r")
    assert value.entries[0].key.origin.span == Span("policy.tpl", 2, 3, 2, 7)
    assert value.entries[1].key.origin.span == Span("policy.tpl", 3, 3, 3, 9)


def test_templates_that_render_themselves_end() -> None:
    value = of_files('templatefile("loop.tpl", {})')
    assert isinstance(value, (Unknown, Template))


def test_a_template_sees_only_its_variables() -> None:
    value = NamedValues({"var.id": Known("x")}, {"t.tpl": "${var.id}"}).value_of('templatefile("t.tpl", {})')
    assert isinstance(value, Failure)
    assert value.reason == 'the template has no variable "var"'


def test_json_alone_in_a_template_stays_the_document() -> None:
    value = NamedValues({}, {"t.tpl": "${jsonencode({ a = x })}\n"}).value_of('templatefile("t.tpl", { x = 1 })')
    assert value == JsonText(MapValue((Entry(Known("a"), Known(1)),)))


def test_a_hostile_pattern_takes_no_time() -> None:
    pattern = compile_pattern("(a+)+$")
    assert pattern.matches("a" * 2000 + "b", most=1) == []


@pytest.mark.parametrize("pattern", ["(", "a)", "a**", "[b-a]", "(?P<1x>a", "\\", "(?=a)", "x{2,1}", "(?z)", "*a"])
def test_what_is_no_pattern_is_an_error(pattern: str) -> None:
    with pytest.raises(PatternError):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", ["\\pL", "[\\p{Greek}]", "\\Qa\\E", "(" * 60 + "a" + ")" * 60, "((a{1000}){1000})"])
def test_what_is_not_modelled_in_patterns_is_said(pattern: str) -> None:
    with pytest.raises(UnsupportedPattern):
        compile_pattern(pattern)


def test_null_where_a_null_is_fine() -> None:
    assert evaluated("tostring(null)") == Absent()
    assert evaluated("merge(null, {a = 1}).a") == Known(1)
