"""``ctkms-policy init``: what it writes works, and nothing is ever overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from command import check_json, run, write
from conftest import REPOSITORY

from ctkms_policy.config import FILE_NAME, load_config
from ctkms_policy.init import CONFIG_TEXT, HOOK_FILE

SCHEMA = json.loads((REPOSITORY / "ctkms_policy" / "config.schema.json").read_text())


def test_it_writes_both_files_and_says_so(tmp_path: Path) -> None:
    done = run(tmp_path, "init")
    assert (done.code, done.err) == (0, "")
    assert f"wrote {FILE_NAME}" in done.out
    assert f"wrote {HOOK_FILE}" in done.out
    config = load_config(tmp_path / FILE_NAME, tmp_path)
    assert (config.fail_on, config.strict, config.waivers.max_days, config.waivers.warn_days) == ("warning", False, 365, 14)
    assert check_json(tmp_path).code == 0


def test_the_hook_is_the_one_that_is_published(tmp_path: Path) -> None:
    run(tmp_path, "init")
    (published,) = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text())
    (repository,) = yaml.safe_load((tmp_path / HOOK_FILE).read_text())["repos"]
    assert [hook["id"] for hook in repository["hooks"]] == [published["id"]]


def test_it_writes_to_the_root_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "infra").mkdir()
    assert run(tmp_path / "infra", "init").code == 0
    assert (tmp_path / FILE_NAME).is_file()
    assert list((tmp_path / "infra").iterdir()) == []


def test_it_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("strict: true\n")
    (tmp_path / HOOK_FILE).write_text("repos: []\n")
    done = run(tmp_path, "init")
    assert done.code == 0
    assert f"{FILE_NAME} is there already" in done.out
    assert "add to its repos:" in done.out
    assert "- id: ctkms-policy" in done.out
    assert (tmp_path / FILE_NAME).read_text() == "strict: true\n"
    assert (tmp_path / HOOK_FILE).read_text() == "repos: []\n"


def test_a_second_time_does_nothing(tmp_path: Path) -> None:
    run(tmp_path, "init")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    done = run(tmp_path, "init")
    assert done.out.count("left as it is") == 2
    assert "add to its repos" not in done.out
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_it_does_not_write_through_a_link(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "elsewhere.yaml")
    done = run(tmp_path, "init")
    assert f"{FILE_NAME} is there already" in done.out
    assert not (tmp_path / "elsewhere.yaml").exists()


def test_a_directory_that_cannot_be_written_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / FILE_NAME))

    monkeypatch.setattr(Path, "open", refuse)
    done = run(tmp_path, "init")
    assert done.code == 2
    assert f"cannot write {tmp_path / FILE_NAME}: permission denied" in done.err


def test_every_key_that_is_commented_out_is_right(tmp_path: Path) -> None:
    """Uncommented, the whole file is read without an error, holds every key there is, and its paths are all that is missing."""
    lines = []
    for line in CONFIG_TEXT.splitlines():
        text = line.lstrip()
        is_key = text.startswith("# ") and (":" in text or text.startswith("#   -")) and not text.rstrip().endswith((".", "code too"))
        prose = is_key and text[2].isupper()
        lines.append(line.replace("# ", "", 1) if is_key and not prose else line)
    write(tmp_path, policy__rules__ACME001_yaml=(REPOSITORY / "docs/examples/own-rules/rules/ACME001.yaml").read_text())
    write(tmp_path, **{"policies__trail-key_json": "{}"})
    text = "\n".join(lines) + "\n"
    (tmp_path / FILE_NAME).write_text(text)
    assert "ACME001" in run(tmp_path, "rules").out
    assert run(tmp_path, "waivers").code == 0
    document = yaml.safe_load(text.replace("2027-01-31", "'2027-01-31'"))
    assert set(document) == set(SCHEMA["properties"])
    assert set(document["waivers"]) == set(SCHEMA["properties"]["waivers"]["properties"])
    assert set(document["waivers"]["entries"][0]) == set(SCHEMA["$defs"]["waiver"]["properties"])
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
