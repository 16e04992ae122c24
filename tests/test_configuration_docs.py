"""The pages about configuration and waivers: every example in them is tried."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from command import check_json, run
from conftest import REPOSITORY

from ctkms_policy.config import load_config

SCHEMA = json.loads((REPOSITORY / "ctkms_policy" / "config.schema.json").read_text())
PAGES = ("configuration", "waivers")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (REPOSITORY / "docs" / f"{page}.md").read_text(), re.MULTILINE | re.DOTALL)


CONFIGURATIONS = [text for page in PAGES for text in blocks(page, "yaml") if not text.startswith("Resources:")]


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_every_configuration_is_right(tmp_path: Path, text: str) -> None:
    (tmp_path / "policies").mkdir()
    for name in ("trail-key.json", "alias-key.json"):
        (tmp_path / "policies" / name).write_text("{}")
    (tmp_path / ".ctkms-policy.yaml").write_text(text)
    load_config(tmp_path / ".ctkms-policy.yaml", tmp_path).rulebook()
    document = yaml.safe_load(text.replace("2027-01-31", "'2027-01-31'"))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)


def test_every_key_is_explained() -> None:
    page = (REPOSITORY / "docs" / "configuration.md").read_text()
    documented = {key for text in CONFIGURATIONS for key in yaml.safe_load(text)} | {"rules"}
    assert documented == set(SCHEMA["properties"])
    assert "`rules: [DIRECTORY]`" in page


def _example(directory: Path) -> None:
    (hcl,) = blocks("waivers", "hcl")
    (template,) = (text for text in blocks("waivers", "yaml") if text.startswith("Resources:"))
    (directory / "main.tf").write_text(hcl)
    (directory / "template.yaml").write_text(template)


def test_the_waivers_in_the_code_hold(tmp_path: Path) -> None:
    _example(tmp_path)
    assert check_json(tmp_path, "--today", "2027-01-31").code == 0
    done = check_json(tmp_path, "--today", "2027-02-01")
    assert (done.code, done.rules()) == (1, ["CTKMS001", "CTKMS001", "CTKMS090", "CTKMS090"])


def test_the_list_is_the_one_that_is_shown(tmp_path: Path) -> None:
    _example(tmp_path)
    out = run(tmp_path, "waivers", "--today", "2026-12-01").out
    assert f"$ ctkms-policy waivers\n{out}" in (REPOSITORY / "docs" / "waivers.md").read_text()
