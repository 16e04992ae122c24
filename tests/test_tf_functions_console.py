"""Our evaluator and ``terraform console`` side by side: a recorded table, and generated expressions."""

from __future__ import annotations

import base64
import json
import math
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tf_expression_generator import Generator
from tf_expression_scope import value_of

from ctkms_policy.terraform.conversion import Failure, written_json
from ctkms_policy.terraform.functions import FUNCTIONS
from ctkms_policy.value import JsonText, Known, Unknown

ROWS: list[dict[str, str]] = [
    json.loads(line) for line in Path(__file__).with_name("tf_console.jsonl").read_text(encoding="utf-8").splitlines()
]
NOT_OF_THE_CONSOLE = {
    "base64gzip": "the bytes depend on the compressor",
    "bcrypt": "random",
    "plantimestamp": "the clock",
    "provider::aws::arn_build": "needs the provider",
    "provider::aws::arn_parse": "needs the provider",
    "provider::aws::trim_iam_role_path": "needs the provider",
    "rsadecrypt": "needs a private key",
    "timestamp": "the clock",
    "uuid": "random",
}
NAMES = Path(__file__).with_name("tf_function_names.txt").read_text(encoding="utf-8").splitlines()
"""The functions of Terraform 1.11, as ``terraform metadata functions -json`` lists them."""
needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")


def ours(expression: str) -> str:
    """Return our value as JSON, ``error`` where it certainly fails, ``unknown`` where parts of it are not known."""
    value = value_of(expression)
    if isinstance(value, Failure):
        return "error"
    text = written_json(JsonText(value))
    return str(text.value) if isinstance(text, Known) else "unknown"


def console(expressions: Sequence[str], directory: Path) -> list[str]:
    """Return what Terraform says to the expressions, all in one process."""
    tries = "".join(f'try(jsonencode({{v=({expression})}}),"error"),\n' for expression in expressions)
    (directory / "main.tf").write_text(f"locals {{\n  answers = [\n{tries}]\n}}\n", encoding="utf-8")
    run = subprocess.run(
        ["terraform", "console", "-no-color"],
        input="base64encode(jsonencode(local.answers))\n",
        capture_output=True,
        text=True,
        cwd=directory,
        env={**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"},
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answers: list[str] = json.loads(base64.b64decode(json.loads(run.stdout)))
    return [answer if answer == "error" else answer.removeprefix('{"v":')[:-1] for answer in answers]


def same(left: str, right: str) -> bool:
    """Tell whether two answers are equal; numbers up to the precision of a float."""
    if left == right:
        return True
    if {left, right} & {"error", "unknown"}:
        return False
    return close(json.loads(left), json.loads(right))


def close(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool) or not isinstance(left, (int, float, list, dict)):
        return bool(left == right and type(left) is type(right))
    if isinstance(left, dict):
        return isinstance(right, dict) and left.keys() == right.keys() and all(close(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(close, left, right))
    return isinstance(right, (int, float)) and math.isclose(left, right, rel_tol=1e-14)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["expression"])
def test_our_value_is_the_recorded_one(row: dict[str, str]) -> None:
    got = ours(row["expression"])
    if "ours" in row:
        assert got == row["ours"], f"no longer different because {row['because']}"
        assert not same(got, row["terraform"])
    else:
        assert same(got, row["terraform"]), f"{got} instead of {row['terraform']}"


def test_every_function_is_in_the_table() -> None:
    text = "\n".join(row["expression"] for row in ROWS)
    missing = {name for name in FUNCTIONS if f"{name}(" not in text}
    assert missing == NOT_OF_THE_CONSOLE.keys()


@needs_terraform
def test_the_table_is_what_terraform_says(tmp_path: Path) -> None:
    answers = console([row["expression"] for row in ROWS], tmp_path)
    assert answers == [row["terraform"] for row in ROWS]


@pytest.mark.parametrize("name", NAMES)
def test_every_function_of_terraform_is_modelled_or_named(name: str) -> None:
    value = value_of(f"{name}()")
    named = isinstance(value, Unknown) and value.reason == f"function {name}() is not modelled"
    assert named is (name not in FUNCTIONS)
    assert isinstance(value_of(f"core::{name}()"), type(value))


@pytest.mark.parametrize("name", ["provider::terraform::decode_tfvars", "provider::aws::user_agent", "provider::local::direxists", "typo"])
def test_a_function_that_is_not_modelled_is_named(name: str) -> None:
    value = value_of(f'{name}("x")')
    assert isinstance(value, Unknown)
    assert not isinstance(value, Failure)
    assert value.reason == f"function {name}() is not modelled"


@needs_terraform
def test_the_list_of_functions_is_terraforms() -> None:
    version = subprocess.run(["terraform", "version", "-json"], capture_output=True, text=True, timeout=60, check=True)
    if not json.loads(version.stdout)["terraform_version"].startswith("1.11."):
        pytest.skip("the list is that of Terraform 1.11")
    run = subprocess.run(["terraform", "metadata", "functions", "-json"], capture_output=True, text=True, timeout=60, check=True)
    assert [name for name in sorted(json.loads(run.stdout)["function_signatures"]) if "::" not in name] == NAMES


@needs_terraform
def test_generated_expressions_are_what_terraform_says(tmp_path: Path) -> None:
    generator = Generator(20240501)
    expressions = [generator.expression() for _ in range(1500)]
    answers = console(expressions, tmp_path)
    wrong = []
    certain = 0
    for expression, answer in zip(expressions, answers, strict=True):
        got = ours(expression)
        certain += got not in ("unknown", "error")
        if got != "unknown" and not same(got, answer) and answer != "error":
            wrong.append((expression, got, answer))
    assert not wrong
    assert certain > 700
