"""The shipped hook: its entry and its file pattern, under the real pre-commit."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY

TRAIL = """
resource "aws_cloudtrail" "main" {
  name           = "audit"
  s3_bucket_name = "logs"
  kms_key_id     = aws_kms_key.logs.arn
}
"""
KEY = 'resource "aws_kms_key" "logs" {\n  description = "trail"\n}\n'


def hook() -> dict[str, object]:
    (entry,) = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text())
    assert isinstance(entry, dict)
    return entry


@pytest.mark.parametrize(
    "name", ["main.tf", "a/b.tf.json", "x.tofu", "prod.tfvars", "t.yaml", "t.yml", "t.json", "t.template", "policy.json"]
)
def test_the_pattern_takes_what_can_change_a_verdict(name: str) -> None:
    assert re.search(str(hook()["files"]), name)


@pytest.mark.parametrize("name", ["README.md", "main.tf.bak", "main.py", "tf", "a.yaml.txt"])
def test_the_pattern_leaves_the_rest(name: str) -> None:
    assert not re.search(str(hook()["files"]), name)


def git(directory: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository with what this checkout would publish."""
    directory = tmp_path_factory.mktemp("published")
    for name in ("ctkms_policy", "rules", "setup.cfg", "pyproject.toml", ".pre-commit-hooks.yaml", "README.md", "LICENSE"):
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, directory / name)
    git(directory, "init", "-q")
    git(directory, "add", "-A")
    git(directory, "commit", "-qm", "publish")
    return directory


@pytest.mark.host
def test_changing_only_the_key_checks_the_trail_beside_it(tmp_path: Path, published: Path) -> None:
    pytest.importorskip("pre_commit")
    git(tmp_path, "init", "-q")
    (tmp_path / "trail.tf").write_text(TRAIL)
    (tmp_path / "kms.tf").write_text(KEY)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    (tmp_path / "kms.tf").write_text(KEY.replace("trail", "the trail"))
    git(tmp_path, "add", "kms.tf")
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(published), "ctkms-policy", "--color", "never"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "error[CTKMS004]" in done.stdout
    assert "trail.tf" in done.stdout

    (tmp_path / "notes.txt").write_text("nothing of ours\n")
    git(tmp_path, "commit", "-qnam", "key")
    git(tmp_path, "add", "notes.txt")
    skipped = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert skipped.returncode == 0, skipped.stdout
    assert "Skipped" in skipped.stdout
