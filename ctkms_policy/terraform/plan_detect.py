"""A byte test before any parser runs."""

from __future__ import annotations


def looks_like_plan(data: bytes) -> bool:
    """Return whether the bytes may be a plan or state as JSON, or a raw state file, which ``normalize_plan`` refuses with a reason."""
    if not data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    if b'"format_version"' in data:
        return any(name in data for name in (b'"planned_values"', b'"resource_changes"', b'"values"'))
    return b'"terraform_version"' in data and b'"lineage"' in data
