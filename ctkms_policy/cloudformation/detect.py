"""A byte test before any parser runs."""

from __future__ import annotations

import re

_RESOURCES = re.compile(rb"\b[Rr]esources\b")
_TYPE = re.compile(rb"AWS::\w+::\w+|AWS::Include\b")


def looks_like_template(data: bytes) -> bool:
    """Return whether the bytes may hold a CloudFormation template, whatever the file is called."""
    return _TYPE.search(data) is not None and _RESOURCES.search(data) is not None
