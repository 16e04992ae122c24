"""Start-up is paid on every commit: what a run has no use for is not loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from command import write

HEAVY = ("tree_sitter", "tree_sitter_hcl", "cfnlint", "checkov", "hcl2", "jsonschema")
PROGRAM = """
import sys
from ctkms_policy.cli import main
code = main(sys.argv[1:]) if sys.argv[1:] else 0
print("LOADED", *sorted(name for name in {heavy} if name in sys.modules))
raise SystemExit(code)
"""


def loaded(directory: Path, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(heavy=HEAVY), *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()[-1].split()[1:]


def test_importing_the_command_line_loads_nothing_heavy(tmp_path: Path) -> None:
    assert loaded(tmp_path) == []


def test_a_directory_without_trails_loads_no_parser(tmp_path: Path) -> None:
    write(tmp_path, main_tf='resource "aws_s3_bucket" "b" {}\n', template_yaml="Resources:\n  B:\n    Type: AWS::S3::Bucket\n")
    assert loaded(tmp_path, "check") == []


def test_a_directory_with_a_module_loads_its_reader_only(tmp_path: Path) -> None:
    write(tmp_path, main_tf='data "aws_caller_identity" "cloudtrail" {}\n')
    assert loaded(tmp_path, "check") == ["tree_sitter", "tree_sitter_hcl"]
