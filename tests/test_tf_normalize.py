"""What Terraform code is normalized to: whole directories in, one JSON out, and what decides what exists."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from configuration_dump import assert_golden, dump
from test_tf_module import normalized

from ctkms_policy.discover import terraform_about_cloudtrail
from ctkms_policy.model import Configuration, KeyPolicy
from ctkms_policy.source import ParseError, Source, Span
from ctkms_policy.terraform.normalize import MAX_WORLDS, normalize
from ctkms_policy.value import Unknown, describe, outcomes

GOLDEN = Path(__file__).parent / "golden" / "terraform"
CASES = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    assert_golden(normalized(GOLDEN / case), GOLDEN / case / "expected.json")


def test_forms_of_one_policy_give_one_policy() -> None:
    (configuration,) = normalized(GOLDEN / "policy-forms")
    policies = {key.address: key.policy for key in configuration.keys}
    assert len(policies) == 6
    first = policies.pop("aws_kms_key.jsonencode")
    assert isinstance(first, KeyPolicy)
    for address, policy in policies.items():
        assert policy == first, address


# -- existence ---------------------------------------------------------------------------------------------------------

TRAIL = 'resource "aws_cloudtrail" "t" {\n  %s\n  name = "t"\n  s3_bucket_name = "b"\n  kms_key_id = %s\n}\n'
KEY = 'resource "aws_kms_key" "k" {\n  %s\n}\n'


def only(directory: Path, text: str) -> Configuration:
    (configuration,) = normalized(directory, {"main.tf": text})
    return configuration


def facts(configuration: Configuration) -> list[tuple[str, str, str]]:
    """Return address, when it is created, and the key of every trail, then address and when of every key."""
    trails = [(trail.address, trail.created_when, describe(trail.kms_key_id.value)) for trail in configuration.trails]
    return [*trails, *((key.address, key.created_when, "") for key in configuration.keys)]


@pytest.mark.parametrize(
    ("variables", "count", "when"),
    [
        ("variable create { default = false }", "var.create ? 1 : 0", "var.create = true"),
        ("variable skip { default = true }", "var.skip ? 0 : 1", "var.skip = false"),
        ("variable skip { default = true }", "!var.skip ? 1 : 0", "var.skip = false"),
        ('variable name { default = "" }', 'var.name != "" ? 1 : 0', 'var.name == "" is false'),
        ("variable name { default = null }", "var.name == null ? 0 : 1", "var.name == null is false"),
        ('variable env { default = "dev" }', 'var.env == "prod" ? 1 : 0', 'var.env == "prod" is true'),
        ("variable list { default = [] }", "length(var.list) > 0 ? 1 : 0", "length(var.list) > 0 is true"),
        ("variable list { default = [] }", "length(var.list)", "length(var.list) is not 0"),
        ("variable number { default = 0 }", "var.number", "var.number is not 0"),
        ("variable create {\n  type = bool\n}", "var.create ? 1 : 0", "var.create = true"),
        (
            "variable a { default = false }\nvariable b { default = false }",
            "var.a && var.b ? 1 : 0",
            "var.a = true and var.b = true",
        ),
        ("variable a { default = false }\nvariable b { default = true }", "var.a && var.b ? 1 : 0", "var.a = true"),
        ("variable create { default = false }\nlocals { on = var.create ? 1 : 0 }", "local.on", "var.create = true"),
    ],
)
def test_a_trail_that_default_inputs_leave_out_is_judged_as_created(tmp_path: Path, variables: str, count: str, when: str) -> None:
    text = variables + "\n" + TRAIL % (f"count = {count}", "aws_kms_key.k[0].arn") + KEY % f"count = {count}"
    assert facts(only(tmp_path, text)) == [
        ("aws_cloudtrail.t[0]", when, "aws_kms_key.k[0].arn"),
        ("aws_kms_key.k[0]", when, ""),
    ]


@pytest.mark.parametrize("count", ["0", "false ? 1 : 0", "length([]) > 0 ? 1 : 0", "local.zero"])
def test_what_no_input_can_create_does_not_exist(tmp_path: Path, count: str) -> None:
    text = "variable create { default = true }\nlocals { zero = 0 }\n" + TRAIL % (f"count = {count}", "null")
    assert facts(only(tmp_path, text)) == []


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ('count = "maybe"', 'count of aws_cloudtrail.t is "maybe", and not a number'),
        ('count = ""', 'count of aws_cloudtrail.t is "", and not a number'),
        ('count = "0x1"', 'count of aws_cloudtrail.t is "0x1", and not a number'),
        ("count = -1", "count of aws_cloudtrail.t is -1, and so negative"),
        ("count = 1.5", "count of aws_cloudtrail.t is 1.5, and not a whole number"),
        ('count = "1.5"', 'count of aws_cloudtrail.t is "1.5", and not a whole number'),
        ("count = null", "count of aws_cloudtrail.t is null, and not a number"),
        ("count = true", "count of aws_cloudtrail.t is true, and not a number"),
        ("count = [1]", "count of aws_cloudtrail.t is a list, and not a number"),
        ("count = {}", "count of aws_cloudtrail.t is a map, and not a number"),
        ("count = local.word", 'count of aws_cloudtrail.t is "maybe", and not a number'),
        ('for_each = "a"', 'for_each of aws_cloudtrail.t is "a", and not a map or set'),
        ("for_each = 5", "for_each of aws_cloudtrail.t is 5, and not a map or set"),
        ("for_each = true", "for_each of aws_cloudtrail.t is true, and not a map or set"),
        ("for_each = null", "for_each of aws_cloudtrail.t is null, and not a map or set"),
        ('for_each = ["a"]', "for_each of aws_cloudtrail.t is a list, and not a set"),
        ("for_each = []", "for_each of aws_cloudtrail.t is a list, and not a set"),
        ('for_each = [for each in ["a"] : each]', "for_each of aws_cloudtrail.t is a list, and not a set"),
        ('for_each = tolist(["a"])', "for_each of aws_cloudtrail.t is a list, and not a set"),
        ("for_each = toset([1, 2])", "for_each of aws_cloudtrail.t is a set of something else than strings: 1"),
        ("for_each = toset([true])", "for_each of aws_cloudtrail.t is a set of something else than strings: true"),
        ('for_each = toset(["a", null])', "for_each of aws_cloudtrail.t is a set of something else than strings: null"),
        ('for_each = toset([["a"]])', "for_each of aws_cloudtrail.t is a set of something else than strings: a list"),
        ("count = 1\n  for_each = {}", "aws_cloudtrail.t has both count and for_each"),
    ],
)
def test_a_count_or_for_each_that_terraform_rejects(tmp_path: Path, argument: str, message: str) -> None:
    configuration = only(tmp_path, 'locals {\n  word = "maybe"\n}\n' + TRAIL % (argument, "null"))
    (problem,) = configuration.problems
    assert problem.message == message
    assert problem.help.startswith("terraform rejects it: ")
    assert problem.span.line == (6 if "both" in message else 5)
    assert len(configuration.trails) == 1  # and it is judged


@pytest.mark.parametrize(
    ("argument", "trails"),
    [
        ("count = 2", 2),
        ('count = "2"', 2),
        ("count = 2.0", 2),
        ("count = 0", 0),
        ("count = var.word", 1),
        ("count = var.negative", 0),
        ("count = var.none", 1),
        ("count = var.unset", 1),
        ("count = length(var.list)", 1),
        ('count = var.unset ? "maybe" : 1', 0),
        ("for_each = {}", 0),
        ("for_each = { a = 1 }", 1),
        ("for_each = { a = null }", 1),
        ("for_each = toset([])", 0),
        ('for_each = toset(["a", 1])', 2),
        ('for_each = setunion(["a"], ["b"])', 2),
        ('for_each = true ? toset(["a"]) : []', 1),
        ('for_each = true ? ["a"] : toset([])', 1),
        ("for_each = toset([var.unset])", 1),
        ("for_each = var.numbers", 1),
        ("for_each = var.list", 1),
        ("for_each = var.unset", 1),
        ("for_each = toset([aws_kms_key.k.id])", 1),
    ],
)
def test_a_count_or_for_each_that_terraform_takes_or_would_with_other_inputs(tmp_path: Path, argument: str, trails: int) -> None:
    variables = 'variable "unset" {}\nvariable "list" { default = ["a"] }\nvariable "numbers" { default = [1] }\n'
    variables += 'variable "word" { default = "maybe" }\nvariable "negative" { default = -1 }\nvariable "none" { default = null }\n'
    configuration = only(tmp_path, variables + KEY % "" + TRAIL % (argument, "null"))
    assert configuration.problems == ()
    assert len([trail for trail in configuration.trails if not trail.created_when]) == trails


@pytest.mark.parametrize(("given", "rejected"), [('"maybe"', True), ("1", False), ("var.n", False)])
def test_a_count_that_the_caller_gives(tmp_path: Path, given: str, rejected: bool) -> None:
    files = {
        "main.tf": f'variable "n" {{\n  default = "maybe"\n}}\nmodule "m" {{\n  source = "./m"\n  n = {given}\n}}\n',
        "m/main.tf": 'variable "n" {}\n' + TRAIL % ("count = var.n", "null"),
    }
    (configuration,) = normalized(tmp_path, files)
    assert [problem.message for problem in configuration.problems] == (
        ['count of module.m.aws_cloudtrail.t is "maybe", and not a number'] if rejected else []
    )


def test_for_each_over_a_map_that_is_empty_by_default(tmp_path: Path) -> None:
    text = 'variable "m" {\n  type = map(object({ key = string }))\n  default = {}\n}\n' + TRAIL % ("for_each = var.m", "each.value.key")
    (trail,) = only(tmp_path, text).trails
    assert (trail.address, trail.created_when) == ("aws_cloudtrail.t[each.key]", "var.m is not empty")
    assert dump(trail.kms_key_id.value) == {"unknown": "what is in var.m is not known"}


def test_a_trail_is_judged_under_what_creates_it_and_nothing_more(tmp_path: Path) -> None:
    text = "variable trail { default = false }\nvariable kms { default = false }\n"
    text += KEY % "count = var.trail && var.kms ? 1 : 0"
    text += TRAIL % ("count = var.trail ? 1 : 0", "try(aws_kms_key.k[0].arn, null)")
    configuration = only(tmp_path, text)
    assert facts(configuration) == [
        ("aws_cloudtrail.t[0]", "var.trail = true", "null (var.kms = false) or aws_kms_key.k[0].arn (var.kms = true)"),
        ("aws_kms_key.k[0]", "var.trail = true and var.kms = true", ""),
    ]
    assert next(describe(outcome) for _, outcome in outcomes(configuration.trails[0].kms_key_id.value)) == "null"


@pytest.mark.parametrize(
    "loop",
    [
        "{ for name, given in { x = var.key } : name => given if given != null }",
        '{ for given in [var.key] : "x" => given if given != null }',
        "merge([for given in [var.key] : { x = given } if given != null]...)",
    ],
)
def test_what_a_loop_keeps_of_an_input_only_where_it_is_not_the_default_is_not_the_default(tmp_path: Path, loop: str) -> None:
    variable = "variable key {\n  default = null\n}\n"
    key = f'lookup({loop}, "x", aws_kms_key.k.arn)'
    (trail,) = only(tmp_path, variable + KEY % "" + TRAIL % ("", key)).trails
    found = [describe(outcome) for _, outcome in outcomes(trail.kms_key_id.value)]
    assert found == ["aws_kms_key.k.arn", "var.key"]


def test_the_key_of_an_instance_is_what_its_address_says(tmp_path: Path) -> None:
    variable = "variable m {\n  default = { a = { on = true }, b = { on = false } }\n}\n"
    each = "for_each = { for name, given in var.m : name => given if given.on }"
    configuration = only(tmp_path, variable + KEY % "" + TRAIL % (each, 'each.key == "b" ? null : aws_kms_key.k.arn'))
    assert facts(configuration)[:2] == [
        ('aws_cloudtrail.t["a"]', "", "aws_kms_key.k.arn"),
        ('aws_cloudtrail.t["b"]', "given.on = true", "null"),
    ]


def test_where_a_trail_exists_its_conditions_are_so(tmp_path: Path) -> None:
    text = "variable on { default = true }\n" + KEY % "count = var.on ? 1 : 0"
    text += TRAIL % ("count = var.on ? 1 : 0", "local.key") + 'locals {\n  key = try(aws_kms_key.k[0].arn, "")\n}\n'
    text += TRAIL.replace('"t" {', '"u" {') % ("", "local.key")
    assert facts(only(tmp_path, text))[:2] == [
        ("aws_cloudtrail.t[0]", "", "aws_kms_key.k[0].arn"),
        ("aws_cloudtrail.u", "", 'aws_kms_key.k[0].arn (var.on = true) or "" (var.on = false)'),
    ]


def test_a_trail_of_default_inputs_keeps_them(tmp_path: Path) -> None:
    text = "variable kms { default = false }\n" + KEY % "count = var.kms ? 1 : 0" + TRAIL % ("", "var.kms ? aws_kms_key.k[0].arn : null")
    assert facts(only(tmp_path, text)) == [
        ("aws_cloudtrail.t", "", "null (var.kms = false) or aws_kms_key.k[0].arn (var.kms = true)"),
        ("aws_kms_key.k[0]", "var.kms = true", ""),
    ]


def test_the_policy_of_a_key_follows_the_trail_that_uses_it(tmp_path: Path) -> None:
    text = "variable trail { default = false }\n" + TRAIL % ("count = var.trail ? 1 : 0", "aws_kms_key.k.arn")
    text += KEY % 'policy = var.trail ? jsonencode({ Statement = [{ Sid = "trail" }] }) : jsonencode({ Statement = [{ Sid = "plain" }] })'
    configuration = only(tmp_path, text)
    policy = configuration.keys[0].policy
    assert isinstance(policy, KeyPolicy)
    assert [statement.sid for statement in policy.statements] == ["trail"]
    assert configuration.keys[0].created_when == ""


@pytest.mark.parametrize("repeat", ["count = var.on ? 1 : 0", 'for_each = var.on ? toset(["x"]) : []'])
def test_module_calls_that_default_inputs_leave_out(tmp_path: Path, repeat: str) -> None:
    main = f'variable on {{ default = false }}\nmodule "m" {{\n  source = "./m"\n  {repeat}\n  create = var.on\n}}\n'
    inner = "variable create { default = true }\n" + TRAIL % ("count = var.create ? 1 : 0", "aws_kms_key.k[0].arn")
    (configuration,) = normalized(tmp_path, {"main.tf": main, "m/main.tf": inner + KEY % "count = var.create ? 1 : 0"})
    key = 'module.m["x"]' if "for_each" in repeat else "module.m[0]"
    assert facts(configuration) == [
        (f"{key}.aws_cloudtrail.t[0]", "var.on = true", f"{key}.aws_kms_key.k[0].arn"),
        (f"{key}.aws_kms_key.k[0]", "var.on = true", ""),
    ]


def test_conditions_of_a_module_are_solved_for_the_root_inputs(tmp_path: Path) -> None:
    main = 'variable name { default = "" }\nmodule "m" {\n  source = "./m"\n  bucket = var.name\n}\n'
    inner = "variable bucket {}\n" + TRAIL % ('count = var.bucket == "" ? 0 : 1', "null")
    (configuration,) = normalized(tmp_path, {"main.tf": main, "m/main.tf": inner.replace('"b"', "var.bucket")})
    (trail,) = configuration.trails
    assert trail.address == "module.m.aws_cloudtrail.t[0]"
    assert trail.created_when
    assert dump(trail.bucket_name)["reason"] == 'var.bucket is supposed to be another value than ""'


def test_many_flags_are_bounded(tmp_path: Path) -> None:
    blocks = "".join(
        f"variable f{number} {{ default = false }}\n"
        + (TRAIL % (f"count = var.f{number} ? 1 : 0", "null")).replace('"t" {', f'"t{number}" {{')
        for number in range(MAX_WORLDS * 2)
    )
    configuration = only(tmp_path, blocks)
    assert len(configuration.trails) == MAX_WORLDS * 2
    assert {trail.created_when for trail in configuration.trails} == {f"var.f{number} = true" for number in range(MAX_WORLDS * 2)}


def test_instances_that_depend_on_themselves_exist_and_are_not_known(tmp_path: Path) -> None:
    configuration = only(tmp_path, TRAIL % ("count = length(aws_cloudtrail.t)", "null"))
    assert [trail.address for trail in configuration.trails] == ["aws_cloudtrail.t[0]"]


def test_too_many_instances_are_said(tmp_path: Path) -> None:
    configuration = only(tmp_path, TRAIL % ("count = 201", "null"))
    assert len(configuration.trails) == 200
    assert [problem.message for problem in configuration.problems] == ["aws_cloudtrail.t has more than 200 instances"]


def test_too_many_module_instances_are_said_once(tmp_path: Path) -> None:
    call = 'module "%s" {\n  source = "../%d"\n}\n'
    files = {f"{number}/main.tf": "".join(call % (name, number + 1) for name in "abc") for number in range(7)}
    (configuration,) = normalized(tmp_path, {**files, "7/main.tf": TRAIL % ("", "null")})
    assert configuration.trails
    assert [problem.message for problem in configuration.problems] == ["more than 500 module instances in one root module"]


# -- separate policies -------------------------------------------------------------------------------------------------

SEPARATE = 'resource "aws_kms_key_policy" "%s" {\n  %s\n  key_id = %s\n  policy = jsonencode({ Id = "%s", Statement = [] })\n}\n'
BOTH = "aws_kms_key_policy.p and aws_kms_key_policy.q both set the policy of aws_kms_key.k, and the one that terraform applies last stays"


@pytest.mark.parametrize(
    ("policies", "read"),
    [
        ([("p", "", "aws_kms_key.k.id", "one")], True),
        ([("p", "", "aws_kms_key.k.id", "one"), ("q", "", "aws_kms_key.k.arn", "one")], True),
        ([("p", "", "aws_kms_key.k.id", "one"), ("q", "", "aws_kms_key.other.id", "two")], True),
        ([("p", "", "aws_kms_key.k.id", "one"), ("q", "count = 0", "aws_kms_key.k.id", "two")], True),
        ([("p", "count = var.own ? 1 : 0", "aws_kms_key.k.id", "one"), ("q", "count = var.own ? 0 : 1", "aws_kms_key.k.id", "two")], True),
        ([("p", "", "aws_kms_key.k.id", "one"), ("q", "", "var.own ? aws_kms_key.other.id : aws_kms_key.k.id", "two")], True),
        ([("p", "", "aws_kms_key.k.id", "one"), ("q", "", "aws_kms_key.k.id", "two")], False),
        ([("p", "", "aws_kms_key.k.id", "one"), ("q", "", "var.own ? aws_kms_key.k.id : aws_kms_key.other.id", "two")], False),
    ],
)
def test_of_two_policies_of_one_key_none_is_taken_for_certain(
    tmp_path: Path, policies: list[tuple[str, str, str, str]], read: bool
) -> None:
    keys = KEY % "" + KEY.replace('"k"', '"other"') % "" + "variable own {\n  default = true\n}\n"
    configuration = only(tmp_path, keys + "".join(SEPARATE % each for each in policies))
    policy = next(key.policy for key in configuration.keys if key.address == "aws_kms_key.k")
    assert isinstance(policy, KeyPolicy) if read else policy == Unknown(BOTH)


# -- the way of a value ------------------------------------------------------------------------------------------------


def test_how_a_key_came_about(tmp_path: Path) -> None:
    main = 'module "kms" {\n  source = "./kms"\n}\nmodule "trail" {\n  source = "./trail"\n  key = local.key\n}\n'
    main += "locals {\n  key = module.kms.arn\n}\n"
    files = {
        "main.tf": main,
        "kms/main.tf": KEY % "" + "output arn {\n  value = aws_kms_key.k.arn\n}\n",
        "trail/main.tf": "variable key {}\n" + TRAIL % ("", "var.key"),
    }
    (configuration,) = normalized(tmp_path, files)
    value = configuration.trails[0].kms_key_id.value
    assert describe(value) == "module.kms.aws_kms_key.k.arn"
    assert [(step.text, step.span and step.span.path) for step in value.origin.via] == [
        ("var.key", "main.tf"),
        ("local.key", "main.tf"),
        ("module.kms.arn", "kms/main.tf"),
    ]
    assert configuration.trails[0].calls == (Span("main.tf", 4, 1, 4, 15),)


def test_the_arn_of_a_trail_is_rebuilt(tmp_path: Path) -> None:
    text = TRAIL % ("", "null") + 'data "aws_caller_identity" "c" {}\ndata "aws_region" "r" {}\ndata "aws_partition" "p" {}\n'
    text += TRAIL.replace('"t" {', '"u" {').replace('"t"', "aws_cloudtrail.t.arn") % ("", "null")
    built = '"arn:${data.aws_partition.p.id}:cloudtrail:${data.aws_region.r.id}:${data.aws_caller_identity.c.id}:trail/t"'
    text += TRAIL.replace('"t" {', '"v" {').replace('"t"', built) % ("", "null")
    _, referring, building = only(tmp_path, text).trails
    assert referring.name == building.name == only(tmp_path, text).trails[0].arn


# -- bad input ---------------------------------------------------------------------------------------------------------


def test_nothing_but_problems_comes_of_mutated_code(tmp_path: Path) -> None:
    chooser = random.Random(20)
    texts = [file.read_text() for case in CASES for file in sorted((GOLDEN / case).glob("*.tf"))]
    for number in range(60):
        text = chooser.choice(texts)
        for _ in range(chooser.randint(1, 4)):
            start = chooser.randrange(len(text))
            piece = chooser.choice(["", "{", "}", '"', "${", "[", "count = 1\n", "null", "var.x", "\n", "*", "for_each = {}\n", "0"])
            text = text[:start] + piece + text[start + chooser.randint(0, 12) :]
        directory = tmp_path / str(number)
        for configuration in normalized(directory, {"main.tf": text}):
            assert all(isinstance(problem, ParseError) for problem in configuration.problems)


def test_the_corpus_gives_trails_where_the_labels_say(shared: Path) -> None:
    labels = [json.loads(line) for line in (shared / "corpus" / "labels.jsonl").read_text().splitlines()]
    for label in labels:
        root = shared / "corpus" / "repos" / label["repo"].replace("/", "__")
        if label["lang"] != "terraform" or not root.is_dir():
            continue
        sources: dict[str, Source] = {}
        directories = terraform_about_cloudtrail(sorted({file.parent for file in root.rglob("*.tf")}), root)

        def show(file: Path, root: Path = root) -> str:
            return file.relative_to(root).as_posix()

        found = normalize(directories, repository_root=root, show=show, sources=sources)
        places = {(trail.span.path, trail.span.line) for configuration in found for trail in configuration.trails}
        assert (label["path"], label["line"]) in places, label["repo"]
