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


def test_the_environment_is_taken_only_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_VAR_key", GIVEN)
    write(tmp_path, main_tf=TRAIL + VARIABLE)
    assert check_json(tmp_path, ".").rules() == ["CTKMS001"]
    assert check_json(tmp_path, "--tf-var-env", ".").rules() == []
