"""The independent judges of the fixtures: cfn-lint for templates, ``terraform fmt`` for HCL."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path


def declared_cfn_lint_ids(template: Path) -> frozenset[str]:
    """Return the cfn-lint ids that the template's first line ``# cfn-lint: E3002 W1030``, or ``cfn-lint.txt`` beside it, names."""
    sidecar = template.parent / "cfn-lint.txt"
    if sidecar.exists():
        return frozenset(sidecar.read_text(encoding="utf-8").split())
    first = template.read_text(encoding="utf-8").partition("\n")[0]
    return frozenset(first.removeprefix("# cfn-lint:").split()) if first.startswith("# cfn-lint:") else frozenset()


@cache
def cfn_lint(templates: tuple[Path, ...]) -> Mapping[Path, frozenset[str]]:
    """Return for each template the ids of the errors and warnings that cfn-lint has about it. One run for all of them."""
    config = import_module("cfnlint.config").ConfigMixIn(["--template", *map(str, templates), "--regions", "us-east-1"])
    found: dict[Path, set[str]] = {template: set() for template in templates}
    for match in import_module("cfnlint.runner").Runner(config).run():
        found[Path(match.filename)].add(match.rule.id)
    return {template: frozenset(ids) for template, ids in found.items()}


def unformatted(directories: Sequence[Path]) -> tuple[int, str]:
    """Return the exit code and the output of ``terraform fmt -check -recursive``: 0 formatted, 3 not formatted, 2 does not parse."""
    run = subprocess.run(
        ["terraform", "fmt", "-check", "-recursive", "-no-color", *map(str, directories)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def with_suffix(directories: Iterable[Path], *suffixes: str) -> list[Path]:
    """Return the files below the directories whose names end so, in order."""
    return sorted(file for directory in directories for file in directory.rglob("*") if file.is_file() and file.name.endswith(suffixes))
