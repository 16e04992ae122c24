"""What is installed is what is tested."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from command import write
from conftest import REPOSITORY

import ctkms_policy

INSTALLED = bool(os.environ.get("CTKMS_INSTALLED"))


@pytest.mark.skipif(not INSTALLED, reason="only where the tests run against the installed wheel")
def test_the_tests_run_against_the_installed_package() -> None:
    assert not Path(ctkms_policy.__file__).is_relative_to(REPOSITORY / "ctkms_policy")
    assert metadata.version("ctkms-policy") == ctkms_policy.__version__


@pytest.mark.skipif(not INSTALLED, reason="only where the tests run against the installed wheel")
def test_no_top_level_package_but_ours_is_installed() -> None:
    files = metadata.files("ctkms-policy") or []
    tops = {file.parts[0] for file in files if not file.parts[0].endswith(".dist-info") and file.parts[0] != ".."}
    assert tops == {"ctkms_policy"}
    names = {file.as_posix() for file in files}
    assert {"ctkms_policy/py.typed", "ctkms_policy/rules/CTKMS001.yaml", "ctkms_policy/rules/__init__.py"} <= names


def test_every_package_is_listed() -> None:
    import configparser

    settings = configparser.ConfigParser()
    settings.read(REPOSITORY / "setup.cfg")
    listed = set(settings["options"]["packages"].split())
    there = {".".join(path.parent.relative_to(REPOSITORY).parts) for path in (REPOSITORY / "ctkms_policy").rglob("__init__.py")}
    assert listed == there | {"ctkms_policy.rules"}


def test_the_console_script_and_the_module_are_the_same_command(tmp_path: Path) -> None:
    write(tmp_path, main_tf='resource "aws_cloudtrail" "main" {}\n')
    script = Path(sys.executable).with_name("ctkms-policy")
    commands = [[sys.executable, "-m", "ctkms_policy"]] + ([[str(script)]] if INSTALLED else [])
    environment = os.environ if INSTALLED else {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    for command in commands:
        done = subprocess.run([*command, "check"], cwd=tmp_path, capture_output=True, text=True, timeout=60, env=environment)
        assert (done.returncode, "error[CTKMS001]" in done.stdout) == (1, True), done.stderr


def test_the_module_runs_in_a_clone(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "ctkms_policy", "rules"], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "CTKMS001" in done.stdout


def test_the_public_api_is_what_init_names() -> None:
    assert set(ctkms_policy.__all__) <= set(dir(ctkms_policy))
