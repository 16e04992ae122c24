"""Module directories: which files are read, what overrides what, where modules come from, and what variables are."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from configuration_dump import dump

from ctkms_policy.discover import discover
from ctkms_policy.model import Configuration
from ctkms_policy.source import Source, Span
from ctkms_policy.terraform.hcl import reader
from ctkms_policy.terraform.inputs import Inputs
from ctkms_policy.terraform.module import Repository, is_local, is_override, module_files
from ctkms_policy.terraform.normalize import may_hold_trail, normalize
from ctkms_policy.value import Known, describe

TRAIL = 'resource "aws_cloudtrail" "logs" {\n  name = "logs"\n  s3_bucket_name = "b"\n  kms_key_id = %s\n}\n'


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")


def normalized(directory: Path, files: dict[str, str] | None = None, inputs: Inputs | None = None) -> list[Configuration]:
    write(directory, files or {})

    def show(file: Path) -> str:
        return os.path.relpath(file, directory).replace(os.sep, "/")

    found = discover([directory], exclude=(), show=show)
    return normalize(found.module_directories, repository_root=directory, show=show, sources={}, inputs=inputs)


def key_of(configuration: Configuration, address: str = "aws_cloudtrail.logs") -> str:
    return describe(next(trail for trail in configuration.trails if trail.address == address).kms_key_id.value)


def problems(configurations: list[Configuration]) -> list[str]:
    return [f"{problem.span.path}:{problem.span.line} {problem.message}" for each in configurations for problem in each.problems]


def test_files_of_a_directory() -> None:
    names = [
        "b.tf",
        "a.tf",
        "x_override.tf",
        "override.tf.json",
        "k.tf",
        "k.tofu",
        "j.tf.json",
        "j.tofu.json",
        ".hidden.tf",
        "old.tf~",
        "a.txt",
    ]
    assert module_files(names) == ["a.tf", "b.tf", "j.tofu.json", "k.tofu", "override.tf.json", "x_override.tf"]
    assert [is_override(name) for name in ("override.tf", "a_override.tofu", "overrides.tf", "override.txt")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("source", "local"),
    [
        ("./x", True),
        ("../x", True),
        ("..", True),
        ("x", False),
        ("hashicorp/consul/aws", False),
        ("git::https://x/y", False),
        ("/x", False),
    ],
)
def test_local_sources(source: str, local: bool) -> None:
    assert is_local(source) is local


def test_override_files_replace_attributes_and_whole_block_types(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "main.tf": 'resource "x" "y" {\n  a = 1\n  b = 2\n  c {\n    d = 1\n  }\n  c {\n    d = 2\n  }\n  e {}\n}\n'
            "locals {\n  l = 1\n}\n",
            "override.tf": 'resource "x" "y" {\n  b = 3\n  dynamic "c" {\n    for_each = []\n    content {}\n  }\n}\n'
            'resource "x" "new" {}\nlocals {\n  l = 2\n}\n',
        },
    )
    module = Repository(tmp_path, str, reader(), {}).module(tmp_path)
    body = module.resources["x", "y"].body
    assert [attribute.name for attribute in body.attributes] == ["a", "b"]
    assert [block.type for block in body.blocks] == ["e", "dynamic"]
    assert sorted(name for _, name in module.resources) == ["new", "y"]
    assert module.locals["l"].span.line == 10
    assert module.problems == ()


@pytest.mark.parametrize(
    ("block", "what"),
    [
        ('resource "a" "b" {}', 'resource "a" "b"'),
        ('data "a" "b" {}', 'data "a" "b"'),
        ('variable "a" {}', 'variable "a"'),
        ('output "a" {}', 'output "a"'),
        ('module "a" {}', 'module "a"'),
        ('provider "aws" {}', 'provider "aws"'),
        ("locals {\n  a = 1\n}", "local.a"),
    ],
)
def test_what_is_declared_twice_is_a_problem(tmp_path: Path, block: str, what: str) -> None:
    write(tmp_path, {"a.tf": block, "b.tf": f"\n{block}"})
    (problem,) = Repository(tmp_path, lambda file: file.name, reader(), {}).module(tmp_path).problems
    assert problem.message.startswith(f"{what} is declared twice, first at a.tf:")
    assert problem.span.path == "b.tf"


def test_two_aliases_of_a_provider_are_two_providers(tmp_path: Path) -> None:
    write(tmp_path, {"a.tf": 'provider "aws" {}\nprovider "aws" {\n  alias = "b"\n}\n'})
    assert Repository(tmp_path, str, reader(), {}).module(tmp_path).problems == ()


def test_wrong_labels_are_a_problem_and_the_rest_is_read(tmp_path: Path) -> None:
    configuration = normalized(tmp_path, {"main.tf": 'resource "aws_cloudtrail" {}\n' + TRAIL % "null"})[0]
    assert problems([configuration]) == ["main.tf:1 a resource block with 1 labels instead of 2"]
    assert [trail.address for trail in configuration.trails] == ["aws_cloudtrail.logs"]


def test_links_that_leave_the_repository_are_not_read(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "repository"
    write(outside, {"trail.tf": TRAIL % "null", "module/main.tf": TRAIL % "null", "policy.json": "{}"})
    write(
        inside,
        {
            "main.tf": 'module "m" {\n  source = "./linked"\n}\n'
            'resource "aws_kms_key" "k" {\n  policy = file("policy.json")\n}\n' + TRAIL.replace("logs", "own") % "module.m.x",
        },
    )
    (inside / "trail.tf").symlink_to(outside / "trail.tf")
    (inside / "linked").symlink_to(outside / "module")
    (inside / "policy.json").symlink_to(outside / "policy.json")
    sources: dict[str, Source] = {}
    (configuration,) = normalize([inside], repository_root=inside, show=lambda file: os.path.relpath(file, inside), sources=sources)
    assert [trail.address for trail in configuration.trails] == ["aws_cloudtrail.own"]
    assert key_of(configuration, "aws_cloudtrail.own") == "unknown: module m lies outside the repository: ./linked"
    assert dump(configuration.keys[0].policy) == {"unknown": "the file policy.json lies outside the repository"}
    assert sorted(sources) == ["main.tf"]


def test_installed_modules_are_read_at_any_depth(tmp_path: Path) -> None:
    modules = [
        {"Key": "", "Source": "", "Dir": "."},
        {"Key": "kms", "Source": "registry.terraform.io/x/kms/aws", "Dir": ".terraform/modules/kms/wrapper"},
        {"Key": "kms.inner", "Source": "git::https://example.com/inner", "Dir": ".terraform/modules/kms.inner"},
        {"Key": "gone", "Source": "x/gone/aws", "Dir": ".terraform/modules/gone"},
    ]
    (configuration,) = normalized(
        tmp_path,
        {
            "main.tf": 'module "kms" {\n  source = "x/kms/aws"\n}\nmodule "gone" {\n  source = "x/gone/aws"\n}\n'
            + TRAIL % "module.kms.arn"
            + TRAIL.replace('"logs" {', '"gone" {') % "module.gone.arn",
            ".terraform/modules/modules.json": json.dumps({"Modules": modules}),
            ".terraform/modules/kms/wrapper/main.tf": 'module "inner" {\n  source = "git::https://example.com/inner"\n}\n'
            'output "arn" {\n  value = module.inner.arn\n}\n',
            ".terraform/modules/kms.inner/main.tf": 'resource "aws_kms_key" "this" {}\noutput "arn" {\n  value = aws_kms_key.this.arn\n}\n',
        },
    )
    assert key_of(configuration) == "module.kms.module.inner.aws_kms_key.this.arn"
    assert key_of(configuration, "aws_cloudtrail.gone") == "unknown: module gone is not installed: run terraform init"
    assert [key.address for key in configuration.keys] == ["module.kms.module.inner.aws_kms_key.this"]
    assert [span.path for span in configuration.keys[0].calls] == ["main.tf", ".terraform/modules/kms/wrapper/main.tf"]


def test_a_broken_manifest_is_a_problem(tmp_path: Path) -> None:
    found = normalized(tmp_path, {"main.tf": TRAIL % "null", ".terraform/modules/modules.json": "{"})
    assert problems(found) == [".terraform/modules/modules.json:1 the JSON document ends too early"]


@pytest.mark.parametrize(
    ("source", "arguments", "expected"),
    [
        ("cloudposse/cloudtrail/aws", "", True),
        ("app.terraform.io/org/cloudtrail/aws", "", True),
        ("git::https://github.com/x/terraform-aws-cloudtrail.git?ref=v1", "", True),
        ("git::https://example.com/modules.git//modules/cloudtrail", "", True),
        ("github.com/x/terraform-aws-cloudtrail", "", True),
        ("github.com/x/terraform-aws-cloudtrail.git?ref=v1", "", True),
        ("bitbucket.org/x/cloudtrail", "", True),
        ("/opt/modules/cloudtrail", "", True),
        ("github.com/cloudtrail/kms", "", False),
        ("/opt/cloudtrail/kms", "", False),
        ("terraform-aws-modules/kms/aws", "", False),
        ("cloudposse/cloudtrail-s3-bucket/aws", "", False),
        ("fivexl/cloudtrail-to-slack/aws", "", False),
        ("x/baseline/aws", "is_multi_region_trail = true", True),
        ("x/baseline/aws", 's3_bucket_name = "b"', False),
    ],
)
def test_which_missing_modules_may_hold_a_trail(tmp_path: Path, source: str, arguments: str, expected: bool) -> None:
    write(tmp_path, {"main.tf": f'module "m" {{\n  source = "{source}"\n  {arguments}\n}}\n'})
    call = Repository(tmp_path, str, reader(), {}).module(tmp_path).calls["m"]
    assert may_hold_trail(call, source) is expected
    found = normalized(tmp_path)
    assert [trail.address for each in found for trail in each.trails] == (["module.m"] if expected else [])


def test_a_module_that_another_directory_calls_is_judged_in_the_calls(tmp_path: Path) -> None:
    found = normalized(
        tmp_path,
        {
            "prod/main.tf": 'module "logs" {\n  source = "../modules/logs"\n  key = "alias/prod"\n}\n',
            "test/main.tf": 'module "logs" {\n  source = "../modules/logs"\n}\n',
            "modules/logs/main.tf": 'variable "key" {\n  default = null\n}\n' + TRAIL % "var.key",
            "modules/alone/main.tf": 'variable "key" {\n  default = null\n}\n' + TRAIL % "var.key",
        },
    )
    assert [(each.path, [(trail.address, trail.note != "") for trail in each.trails]) for each in found] == [
        ("modules/alone", [("aws_cloudtrail.logs", True)]),
        ("prod", [("module.logs.aws_cloudtrail.logs", False)]),
        ("test", [("module.logs.aws_cloudtrail.logs", False)]),
    ]
    assert key_of(found[1], "module.logs.aws_cloudtrail.logs") == '"alias/prod"'
    assert found[1].trails[0].calls == (Span("prod/main.tf", 1, 1, 1, 14),)


def test_a_module_that_only_examples_call_is_judged_on_its_own_too(tmp_path: Path) -> None:
    found = normalized(
        tmp_path,
        {
            "main.tf": 'variable "key" {\n  default = null\n}\n' + TRAIL % "var.key",
            "examples/complete/main.tf": 'module "logs" {\n  source = "../.."\n  key = "alias/example"\n}\n',
        },
    )
    assert [(each.path, describe(each.trails[0].kms_key_id.value)) for each in found] == [
        (".", "null"),
        ("examples/complete", '"alias/example"'),
    ]
    assert found[0].trails[0].note == "only examples or tests in the scan call this module: judged with its defaults"


def test_modules_that_only_call_each_other_are_judged_once(tmp_path: Path) -> None:
    found = normalized(
        tmp_path,
        {
            "a/main.tf": 'module "b" {\n  source = "../b"\n}\n' + TRAIL % "null",
            "b/main.tf": 'module "a" {\n  source = "../a"\n}\n',
        },
    )
    assert [each.path for each in found] == ["a"]
    assert problems(found) == ['b/main.tf:2 module "a" calls itself: a -> b -> a']


def test_a_broken_file_in_a_module_that_no_input_creates_is_still_reported(tmp_path: Path) -> None:
    found = normalized(
        tmp_path,
        {
            "main.tf": 'module "m" {\n  source = "./m"\n  count = 0\n}\n' + TRAIL % "null",
            "m/main.tf": TRAIL % "null" + "a = \n",
        },
    )
    assert [line.split(" ")[0] for line in problems(found)] == ["m/main.tf:6"]


def test_deep_module_calls_are_bounded(tmp_path: Path) -> None:
    files = {f"{number}/main.tf": f'module "m" {{\n  source = "../{number + 1}"\n}}\n' for number in range(40)}
    found = normalized(tmp_path, {**files, "40/main.tf": TRAIL % "null"})
    assert problems(found) == ["30/main.tf:2 module calls nested deeper than 30 levels"]


# -- inputs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "declaration", "expected"),
    [
        ({"key": "alias/x"}, "type = string", '"alias/x"'),
        ({"key": "null"}, "default = 1", "null"),
        ({}, 'type = string\n  default = "d"', '"d"'),
        ({}, "type = string", "var.key"),
        ({"key": "7"}, "type = string", '"7"'),
        ({"key": '"quoted"'}, "type = any", '"quoted"'),
    ],
)
def test_values_from_the_command_line(tmp_path: Path, values: dict[str, str], declaration: str, expected: str) -> None:
    (configuration,) = normalized(
        tmp_path, {"main.tf": f'variable "key" {{\n  {declaration}\n}}\n' + TRAIL % "var.key"}, Inputs(tuple(values.items()))
    )
    assert key_of(configuration) == expected


def test_a_var_file_wins_over_automatic_ones_and_a_later_one_over_an_earlier(tmp_path: Path) -> None:
    files = {
        "main.tf": 'variable "key" {}\nvariable "list" {\n  type = list(string)\n}\n' + TRAIL % 'join("-", concat(var.list, [var.key]))',
        "terraform.tfvars": 'key = "automatic"\nlist = ["a"]\n',
        "one.tfvars": 'key = "one"\n',
        "two.tfvars.json": '{"key": "two"}',
    }
    write(tmp_path, files)
    assert key_of(normalized(tmp_path)[0]) == '"a-automatic"'
    assert key_of(normalized(tmp_path, inputs=Inputs((tmp_path / "one.tfvars",)))[0]) == '"a-one"'
    both = (tmp_path / "one.tfvars", tmp_path / "two.tfvars.json")
    assert key_of(normalized(tmp_path, inputs=Inputs(both))[0]) == '"a-two"'
    assert key_of(normalized(tmp_path, inputs=Inputs((("list", '["v"]'), *both)))[0]) == '"v-two"'


def test_a_tfvars_file_that_does_not_parse_is_a_problem(tmp_path: Path) -> None:
    found = normalized(tmp_path, {"main.tf": TRAIL % "null", "terraform.tfvars": "a = [\n", "x.auto.tfvars.json": "[]"})
    assert [line.split(" ")[0].rsplit(":", 1)[0] for line in problems(found)] == ["terraform.tfvars", "x.auto.tfvars.json"]


@pytest.mark.parametrize(
    ("type", "value", "expected"),
    [
        ("string", "5", '"5"'),
        ("number", '"5"', "5"),
        ("bool", '"true"', "true"),
        ("list(string)", "[1, true]", ["1", "true"]),
        ("set(string)", '["a", "a"]', ["a"]),
        ("map(string)", "{ a = 1 }", {"map": {"a": "1"}}),
        ("tuple([string, number])", '[1, "2"]', ["1", 2]),
        (
            "object({ a = optional(string, 7), b = optional(number), c = bool })",
            '{ c = "false", d = 1 }',
            {"map": {"a": "7", "b": None, "c": False}},
        ),
        ("object({ a = string })", "{}", {"unknown": 'the value of var.x: the object has no attribute "a"'}),
        ("map(object({ a = optional(list(string), [1]) }))", "{ x = {} }", {"map": {"x": {"map": {"a": ["1"]}}}}),
        ("any", "[1]", [1]),
        ("list(string)", "5", {"unknown": "the value of var.x: 5 where a list is needed"}),
        ('"string"', "5", "5"),
    ],
)
def test_values_are_converted_to_the_type_of_the_variable(tmp_path: Path, type: str, value: str, expected: object) -> None:
    main = f'variable "x" {{\n  type = {type}\n}}\nmodule "m" {{\n  source = "./m"\n  x = var.x\n}}\n'
    inner = 'variable "x" {}\n' + TRAIL % "var.x"
    (configuration,) = normalized(tmp_path, {"main.tf": main, "terraform.tfvars": f"x = {value}\n", "m/main.tf": inner})
    found = configuration.trails[0].kms_key_id.value
    assert dump(found) == expected if not isinstance(expected, str) else describe(found) in (expected, f'"{expected}"')


def test_parts_of_an_object_without_default_are_symbols(tmp_path: Path) -> None:
    main = 'variable "o" {\n  type = object({ key = string, list = list(string) })\n}\n' + TRAIL % "var.o.key"
    (configuration,) = normalized(tmp_path, {"main.tf": main + TRAIL.replace('"logs" {', '"list" {') % "var.o.list[0]"})
    assert dump(configuration.trails[0].kms_key_id.value) == {"symbol": "var.o.key", "kind": "INPUT", "reason": "var.o has no default"}
    assert dump(configuration.trails[1].kms_key_id.value) == {"unknown": "var.o has no default"}


def test_a_default_is_named_as_the_input_that_decides(tmp_path: Path) -> None:
    main = 'variable "key" {\n  default = null\n}\nlocals {\n  key = var.key\n}\n' + TRAIL % "local.key"
    value = normalized(tmp_path, {"main.tf": main})[0].trails[0].kms_key_id.value
    assert value.origin.inputs == {"var.key"}
    assert [step.text for step in value.origin.via] == ["local.key", "var.key, default null"]
    assert value.origin.via[1].span == Span("main.tf", 2, 3, 2, 17)


def test_a_default_that_the_caller_fixes_is_no_input(tmp_path: Path) -> None:
    inner = 'variable "key" {\n  default = null\n}\n' + TRAIL % "var.key"
    (configuration,) = normalized(tmp_path, {"main.tf": 'module "m" {\n  source = "./m"\n}\n', "m/main.tf": inner})
    value = configuration.trails[0].kms_key_id.value
    assert (dump(value), value.origin.inputs) == (None, frozenset())


def test_sensitive_values_are_marked(tmp_path: Path) -> None:
    main = 'variable "key" {\n  sensitive = true\n}\n' + TRAIL % '"alias/${var.key}"'
    (configuration,) = normalized(tmp_path, {"main.tf": main}, Inputs((("key", "hunter2"),)))
    assert key_of(configuration) == "(sensitive value)"
    assert configuration.trails[0].kms_key_id.value == Known("alias/hunter2")


def test_long_chains_of_names_are_bounded(tmp_path: Path) -> None:
    chain = "".join(f"  l{number} = local.l{number + 1}\n" for number in range(3000))
    (configuration,) = normalized(tmp_path, {"main.tf": f"locals {{\n{chain}  l3000 = null\n}}\n" + TRAIL % "local.l0"})
    assert key_of(configuration).startswith("unknown: ")


CALL = 'module "m" {\n  source = "%s"\n  %s\n}\n'
CALLED = 'variable "key_arn" {}\nvariable "name" {\n  default = null\n}\n' + TRAIL % "var.key_arn"


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        ('key_arn = "a"', []),
        ('key_arn = null\n  name = "n"', []),
        ('key_arn = "a"\n  count = 1\n  depends_on = []\n  providers = {}\n  version = "1"', []),
        ("", ['main.tf:1 module "m" needs the argument "key_arn"']),
        ('key_arn = "a"\n  nam = "n"', ['main.tf:4 module "m" has no variable "nam"']),
        ('key = "a"', ['main.tf:3 module "m" has no variable "key"', 'main.tf:1 module "m" needs the argument "key_arn"']),
    ],
)
def test_the_arguments_of_a_call_are_the_variables_of_the_module(tmp_path: Path, arguments: str, messages: list[str]) -> None:
    assert problems(normalized(tmp_path, {"main.tf": CALL % ("./m", arguments), "m/main.tf": CALLED})) == messages


def test_the_argument_that_may_be_meant(tmp_path: Path) -> None:
    (configuration,) = normalized(tmp_path, {"main.tf": CALL % ("./m", 'key_arn = ""\n  names = ""'), "m/main.tf": CALLED})
    assert [each.help for each in configuration.problems] == ['terraform rejects it: did you mean "name"?']


@pytest.mark.parametrize(
    "files",
    [
        {"m/terragrunt.hcl": ""},
        {"m/variables.tf.tpl": ""},
        {"main_override.tf": 'module "m" {\n  key_arn = "a"\n}\n', "m/more.tf": 'variable "nam" {}\n'},
        {"m/more.tf": 'variable "nam" {}\n', "m/x_override.tf": 'variable "key_arn" {\n  default = null\n}\n'},
    ],
)
def test_arguments_that_other_files_declare_or_give(tmp_path: Path, files: dict[str, str]) -> None:
    assert problems(normalized(tmp_path, {"main.tf": CALL % ("./m", 'nam = "n"'), "m/main.tf": CALLED, **files})) == []


def test_arguments_of_an_installed_module_may_be_of_another_version(tmp_path: Path) -> None:
    manifest = {"Modules": [{"Key": "m", "Source": "x/m/aws", "Dir": ".terraform/modules/m"}]}
    files = {".terraform/modules/modules.json": json.dumps(manifest), ".terraform/modules/m/main.tf": CALLED}
    assert problems(normalized(tmp_path, {"main.tf": CALL % ("x/m/aws", 'nam = "n"'), **files})) == []


def test_comments_in_json_are_no_arguments(tmp_path: Path) -> None:
    call = {"module": {"m": {"//": {"metadata": 1}, "source": "./m", "key_arn": "a"}}}
    assert problems(normalized(tmp_path, {"main.tf.json": json.dumps(call), "m/main.tf": CALLED})) == []
