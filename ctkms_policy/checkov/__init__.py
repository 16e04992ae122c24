"""Our rules inside checkov. ``external/`` is the directory for ``checkov --external-checks-dir``; everything else stays out of it."""

from __future__ import annotations

from pathlib import Path

EXTERNAL_CHECKS = Path(__file__).resolve().parent / "external"
"""checkov executes every module of this directory, and puts it on ``sys.path``."""
