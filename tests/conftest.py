"""What all tests share: where the shared material lies, if it is there at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The directory of decided cases and real-world code; tests that want it are skipped where it is not."""
    directory = Path(os.environ.get("CTKMS_SHARED") or REPOSITORY.parent / "shared")
    if not directory.is_dir():
        pytest.skip("no shared material: set CTKMS_SHARED")
    return directory.resolve()
