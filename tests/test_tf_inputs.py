"""What is given to the variables of root modules, and what no root module takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import check_json, run, write

TRAIL = 'resource "aws_cloudtrail" "t" {\n  name           = "audit"\n  s3_bucket_name = "logs"\n  kms_key_id     = var.key\n}\n'
VARIABLE = 'variable "key" {\n  default = null\n}\n'
GIVEN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_a_var_that_no_root_module_declares_is_a_usage_error(tmp_path: Path) -> None:
    write(tmp_path, main_tf=TRAIL + VARIABLE)
    done = run(tmp_path, "check", "--var", f"kye={GIVEN}", ".")
    assert (done.code, done.out) == (2, "")
    assert done.err == 'ctkms-policy: --var: no root module in the scan declares the variable "kye", did you mean key?\n'


def test_a_var_of_a_called_module_is_none_of_the_root_module(tmp_path: Path) -> None:
    call = 'module "logs" {\n  source = "./logs"\n}\n'
    write(tmp_path, main_tf=call, logs__main_tf=TRAIL + VARIABLE)
    done = run(tmp_path, "check", "--var", f"key={GIVEN}", ".")
    assert done.code == 2
    assert 'no root module in the scan declares the variable "key"' in done.err


def test_a_var_that_one_of_several_root_modules_declares(tmp_path: Path) -> None:
    write(tmp_path, a__main_tf=TRAIL + VARIABLE, b__main_tf=TRAIL.replace("var.key", "null"))
    done = check_json(tmp_path, "--var", f"key={GIVEN}", ".")
    assert (done.err, [each["kms_key"]["state"] for each in done.json["trails"]]) == ("", ["customer-managed", "none"])


@pytest.mark.parametrize("declared", ["variables.tf", "variables.tf.json", "a_override.tf"])
def test_a_var_that_is_declared_anywhere_in_the_root_module(declared: str, tmp_path: Path) -> None:
    write(tmp_path, main_tf=TRAIL)
    text = '{"variable": {"key": {"default": null}}}' if declared.endswith("json") else VARIABLE
    (tmp_path / declared).write_text(text, encoding="utf-8")
    done = check_json(tmp_path, "--var", f"key={GIVEN}", ".")
    assert (done.err, [each["kms_key"]["state"] for each in done.json["trails"]]) == ("", ["customer-managed"])


def test_a_var_where_no_root_module_is_about_cloudtrail(tmp_path: Path) -> None:
    write(tmp_path, main_tf='resource "aws_s3_bucket" "b" {}\n')
    done = run(tmp_path, "check", "--var", "key=x", ".")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("name", ["more.tfvars", "more.tfvars.json"])
def test_a_value_in_a_file_that_no_root_module_declares_is_a_warning(name: str, tmp_path: Path) -> None:
    write(tmp_path, main_tf=TRAIL + VARIABLE)
    text = f'{{"key": "{GIVEN}", "kye": 1}}' if name.endswith("json") else f'key = "{GIVEN}"\nkye = 1\n'
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = check_json(tmp_path, "--var-file", name, ".")
    assert done.err == f'ctkms-policy: warning: {name}: no root module in the scan declares the variable "kye", did you mean key?\n'
    assert (done.code, [each["kms_key"]["state"] for each in done.json["trails"]]) == (0, ["customer-managed"])


@pytest.mark.parametrize("name", ["terraform.tfvars", "more.auto.tfvars"])
def test_a_value_in_a_file_of_the_module_itself_is_terraforms_to_warn_of(name: str, tmp_path: Path) -> None:
    write(tmp_path, main_tf=TRAIL + VARIABLE)
    (tmp_path / name).write_text(f'key = "{GIVEN}"\nkye = 1\n', encoding="utf-8")
    assert run(tmp_path, "check", ".").err == ""


def test_the_environment_may_set_what_nothing_declares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_VAR_kye", GIVEN)
    write(tmp_path, main_tf=TRAIL + VARIABLE)
    done = check_json(tmp_path, "--tf-var-env", ".")
    assert (done.code, done.err, done.rules()) == (1, "", ["CTKMS001"])


# From the weakest to the strongest.
ORDER = (
    "default",
    "environment",
    "terraform.tfvars",
    "terraform.tfvars.json",
    "a.auto.tfvars",
    "b.auto.tfvars.json",
    "c.auto.tfvars",
    "--var-file first",
    "--var-file second",
    "--var",
)


@pytest.mark.parametrize("strongest", range(len(ORDER)))
def test_the_order_of_precedence_is_terraforms(strongest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--tf-var-env"]
    default = "null"
    for number, source in enumerate(ORDER[: strongest + 1]):
        text = f'key = "{GIVEN[:-1]}{number}"\n'
        if source == "default":
            default = f'"{GIVEN[:-1]}{number}"'
        elif source == "environment":
            monkeypatch.setenv("TF_VAR_key", f"{GIVEN[:-1]}{number}")
        elif source == "--var":
            arguments += ["--var", f"key={GIVEN[:-1]}{number}"]
        elif source.startswith("--var-file"):
            (tmp_path / f"{number}.tfvars").write_text(text, encoding="utf-8")
            arguments += ["--var-file", f"{number}.tfvars"]
        else:
            text = f'{{"key": "{GIVEN[:-1]}{number}"}}' if source.endswith("json") else text
            (tmp_path / source).write_text(text, encoding="utf-8")
    write(tmp_path, main_tf=TRAIL + VARIABLE.replace("null", default))
    done = check_json(tmp_path, *arguments, ".")
    assert [each["kms_key"]["value"] for each in done.json["trails"]] == [f'"{GIVEN[:-1]}{strongest}"']
    assert done.err == ""


@pytest.mark.parametrize(("first", "value"), [("--var", "file"), ("--var-file", "text")])
def test_of_a_var_and_a_var_file_the_later_one_wins(first: str, value: str, tmp_path: Path) -> None:
    write(tmp_path, main_tf=TRAIL + VARIABLE, more_tfvars='key = "alias/file"\n')
    options = [["--var", "key=alias/text"], ["--var-file", "more.tfvars"]]
    done = check_json(tmp_path, *(each for option in sorted(options, key=lambda option: option[0] != first) for each in option), ".")
    assert [each["kms_key"]["value"] for each in done.json["trails"]] == [f'"alias/{value}"']


def test_the_environment_is_taken_only_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_VAR_key", GIVEN)
    write(tmp_path, main_tf=TRAIL + VARIABLE)
    assert check_json(tmp_path, ".").rules() == ["CTKMS001"]
    assert check_json(tmp_path, "--tf-var-env", ".").rules() == []


CONDITION = TRAIL.replace("var.key", "var.on ? aws_kms_key.k.arn : null") + 'resource "aws_kms_key" "k" {}\n'


@pytest.mark.parametrize(
    ("variable", "reason"),
    [
        ('type = bool\n  default = "maybe"', 'the value of var.on: "maybe" where a bool is needed'),
        ('default = "maybe"', 'var.on is "maybe" where a bool is needed'),
        ("default = 2", "var.on is 2 where a bool is needed"),
        ("default = null", "var.on is null where a bool is needed"),
        ("default = []", "var.on is a list where a bool is needed"),
        ("type = list(bool)\n  default = true", "the value of var.on: true where a list is needed"),
        ('type = number\n  default = "x"', 'the value of var.on: "x" is not a number'),
        ("type = object({ a = string })\n  default = {}", 'the value of var.on: the object has no attribute "a"'),
    ],
)
def test_a_value_of_the_wrong_type_names_its_variable(variable: str, reason: str, tmp_path: Path) -> None:
    write(tmp_path, main_tf=CONDITION + f'variable "on" {{\n  {variable}\n}}\n')
    (finding,) = (each for each in check_json(tmp_path, ".").json["findings"] if each["rule"] == "CTKMS015")
    assert finding["message"] == f'the key policy for trail "audit" could not be checked: {reason}'
    assert finding["help"].startswith("correct the value: terraform rejects it")


@pytest.mark.parametrize("value", ["true", '"true"', '"1"'])
@pytest.mark.parametrize("type", ["", "type = bool"])
def test_a_text_that_is_a_bool_is_one(type: str, value: str, tmp_path: Path) -> None:
    write(tmp_path, main_tf=CONDITION + f'variable "on" {{\n  {type}\n  default = {value}\n}}\n')
    (trail,) = check_json(tmp_path, ".").json["trails"]
    assert trail["kms_key"] == {"state": "customer-managed", "key": "aws_kms_key.k", "value": "aws_kms_key.k.arn", "reason": None}


@pytest.mark.parametrize(
    "written",
    [
        "trimspace(<<-E\n\n    ${aws_kms_key.k.arn}\n  E\n  )",
        "chomp(<<-E\n    ${aws_kms_key.k.arn}\n  E\n  )",
        'trimspace(" ${aws_kms_key.k.key_id} ")',
        'trim(aws_kms_key.k.arn, " ")',
        'trimsuffix(aws_kms_key.k.arn, "\\n")',
        "trimspace(aws_kms_alias.a.target_key_arn)",
    ],
)
def test_blanks_taken_off_the_arn_of_a_key_leave_it_the_key(written: str, tmp_path: Path) -> None:
    alias = 'resource "aws_kms_alias" "a" {\n  name          = "alias/a"\n  target_key_id = aws_kms_key.k.id\n}\n'
    write(tmp_path, main_tf=CONDITION.replace("var.on ? aws_kms_key.k.arn : null", written) + alias)
    (trail,) = check_json(tmp_path, ".").json["trails"]
    assert (trail["kms_key"]["state"], trail["kms_key"]["key"]) == ("customer-managed", "aws_kms_key.k")


@pytest.mark.parametrize(
    "written", ['trim(aws_kms_key.k.arn, "a")', 'trim(aws_kms_key.k.description, " ")', "trimspace(aws_sns_topic.t.name)"]
)
def test_what_may_be_taken_off_is_not_known(written: str, tmp_path: Path) -> None:
    write(tmp_path, main_tf=CONDITION.replace("var.on ? aws_kms_key.k.arn : null", written) + 'resource "aws_sns_topic" "t" {}\n')
    (trail,) = check_json(tmp_path, ".").json["trails"]
    assert trail["verdict"] == "undetermined"


@pytest.mark.parametrize("default", ['["b", "a"]', '["a", "b", "a"]'])
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('join(",", [for key, each in var.names : key])', "a,b"),
        ('join(",", var.names)', "a,b"),
        ("tolist(var.names)[0]", "a"),
        ('join(",", keys({ for key, each in var.names : key => each }))', "a,b"),
        ('try(var.names[0], "none")', "none"),
        ('join(",", [for key, each in local.names : key])', "a,b"),
        ('join(",", [for key, each in tolist(var.names) : key])', "0,1"),
    ],
)
def test_a_variable_that_is_a_set_is_one(expression: str, value: str, default: str, tmp_path: Path) -> None:
    names = f'variable "names" {{\n  type    = set(string)\n  default = {default}\n}}\nlocals {{\n  names = toset(var.names)\n}}\n'
    write(tmp_path, main_tf=TRAIL.replace("var.key", f'"alias/${{{expression}}}"') + names)
    (trail,) = check_json(tmp_path, ".").json["trails"]
    assert trail["kms_key"]["value"] == f'"alias/{value}"'


@pytest.mark.parametrize(
    ("type", "default", "expression", "value"),
    [
        ("list(any)", '[1, "2"]', 'var.v[0] == "1" ? "text" : "number"', "text"),
        ("map(any)", '{ a = 1, b = "2" }', 'var.v.a == "1" ? "text" : "number"', "text"),
        ("list(any)", "[1, 2]", 'var.v[0] == 1 ? "number" : "text"', "number"),
        ("any", '[1, "2"]', 'var.v[0] == 1 ? "number" : "text"', "number"),
        ("set(any)", '["2", 1]', "tolist(var.v)[0]", "1"),
    ],
)
def test_items_of_any_type_become_one_type(type: str, default: str, expression: str, value: str, tmp_path: Path) -> None:
    variable = f'variable "v" {{\n  type    = {type}\n  default = {default}\n}}\n'
    write(tmp_path, main_tf=TRAIL.replace("var.key", f'"alias/${{{expression}}}"') + variable)
    (trail,) = check_json(tmp_path, ".").json["trails"]
    assert trail["kms_key"]["value"] == f'"alias/{value}"'
