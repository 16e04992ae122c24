"""ctkms-policy: will every CloudTrail trail be encrypted with a customer managed KMS key that lets CloudTrail in?

The public interface: ``check(paths, Options(rules=load_rules()))`` returns a ``Result`` with its ``Finding`` objects.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctkms_policy.finding import Finding
    from ctkms_policy.linter import Options, check
    from ctkms_policy.result import Result
    from ctkms_policy.rulebook import load_rules

__all__ = ["Finding", "Options", "Result", "__version__", "check", "load_rules"]
__version__ = "0.1.0"

_HOMES = {
    "Finding": "ctkms_policy.finding",
    "Options": "ctkms_policy.linter",
    "Result": "ctkms_policy.result",
    "check": "ctkms_policy.linter",
    "load_rules": "ctkms_policy.rulebook",
}


def __getattr__(name: str) -> object:
    """Load what is asked for, and only that: the package itself must cost nothing to import."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
