"""Byte tests before any parser runs."""

from __future__ import annotations


def looks_like_plan(data: bytes) -> bool:
    """Return whether the bytes may be a plan or state as JSON."""
    return _is_object(data) and b'"format_version"' in data and any(name in data for name in _VALUES)


def looks_like_raw_state(data: bytes) -> bool:
    """Return whether the bytes may be a state file as Terraform itself keeps it, which ``normalize_plan`` refuses with a reason."""
    return _is_object(data) and b'"format_version"' not in data and b'"terraform_version"' in data and b'"lineage"' in data


_VALUES = (b'"planned_values"', b'"resource_changes"', b'"values"')


def _is_object(data: bytes) -> bool:
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
