"""Run the real checkov with our checks, as a user would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctkms_policy.checkov import EXTERNAL_CHECKS

CHECKOV = shutil.which("checkov", path=str(Path(sys.executable).parent))


@dataclass(frozen=True)
class Scanned:
    code: int
    reports: list[dict[str, Any]]
    stderr: str

    def records(self, outcome: str = "failed", framework: str = "") -> list[dict[str, Any]]:
        return [
            record
            for report in self.reports
            if "results" in report and framework in ("", report["check_type"])
            for record in report["results"][f"{outcome}_checks"]
        ]

    def pairs(self, outcome: str = "failed", framework: str = "") -> list[tuple[str, str]]:
        return sorted((record["check_id"], record["resource"]) for record in self.records(outcome, framework))


def checkov(directory: Path, *arguments: str, external: bool = True, **environment: str) -> Scanned:
    assert CHECKOV is not None
    command = [CHECKOV, "--skip-download", "-o", "json", *arguments]
    if external:
        command += ["--external-checks-dir", str(EXTERNAL_CHECKS)]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=600, env={**os.environ, **environment})
    return Scanned(done.returncode, list(_reports(done.stdout)), done.stderr)


def _reports(text: str) -> Iterator[dict[str, Any]]:
    """Yield the reports: checkov writes one JSON document, a report or a list of them, for each scanned directory."""
    while text.strip():
        given, end = json.JSONDecoder().raw_decode(text.lstrip())
        yield from given if isinstance(given, list) else [given]
        text = text.lstrip()[end:]
