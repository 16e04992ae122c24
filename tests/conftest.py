"""What all tests share: where the shared material lies, if it is there at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine makes inputs slow to draw; that says nothing about the code, and no test here is about time.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The directory of decided cases and real-world code; tests that want it are skipped where it is not."""
    directory = Path(os.environ.get("CTKMS_SHARED") or REPOSITORY.parent / "shared")
    if not directory.is_dir():
        pytest.skip("no shared material: set CTKMS_SHARED")
    return directory.resolve()
