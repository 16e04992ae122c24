"""Numbers of HCL, as both native readers find them in the source."""

from __future__ import annotations

import re
from decimal import Decimal

NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

_MAX_DIGITS = 400

TOO_MANY_DIGITS = f"a number with more than {_MAX_DIGITS} digits"
"""The message for such a number."""


def number(text: str) -> int | float | None:
    """Return the value of a number, or None for text that is none or has more digits than any configuration needs."""
    if not NUMBER.fullmatch(text) or len(text) > _MAX_DIGITS:
        return None
    if text.isdigit():
        return int(text)
    value = Decimal(text)
    if not value:
        return 0
    if abs(value.adjusted()) > 300:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
