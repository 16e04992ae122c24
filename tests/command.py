"""Run the command line in this process, as a user would from a directory."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctkms_policy.cli import main


@dataclass(frozen=True)
class Run:
    """What one run of the command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def rules(self, verdict: str = "fail") -> list[str]:
        """The rule ids of the findings of a JSON report, sorted."""
        return sorted(finding["rule"] for finding in self.json["findings"] if finding["verdict"] == verdict)


@contextmanager
def working_directory(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def run(directory: Path, *arguments: str) -> Run:
    out, err = io.StringIO(), io.StringIO()
    with working_directory(directory):
        code = main(arguments, out, err)
    return Run(code, out.getvalue(), err.getvalue())


def check_json(directory: Path, *arguments: str) -> Run:
    return run(directory, "check", "--format", "json", *arguments)


def write(directory: Path, **files: str) -> Path:
    """Write files into a directory; ``__`` in a name is a slash and ``_`` before the suffix a dot: ``modules__logs__main_tf``."""
    for name, text in files.items():
        stem, _, suffix = name.replace("__", "/").rpartition("_")
        path = directory / f"{stem}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return directory
