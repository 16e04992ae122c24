"""The last line of a report: what was looked at and what was found."""

from __future__ import annotations

from ctkms_policy.finding import Severity
from ctkms_policy.result import Result


def summary_line(result: Result) -> str:
    """Return the summary: ``3 trails, 2 keys in 41 files: 1 error, 0 warnings, 1 undetermined, 1 waived``.

    Event data stores and notes are mentioned where there are some. A run that found nothing to check says so.
    """
    stores = sum(trail.kind == "event-data-store" for trail in result.trails)
    trails = len(result.trails) - stores
    files = counted(result.files, "file")
    looked_at = f"{counted(trails, 'trail')}, {counted(result.keys, 'key')} in {files}"
    if stores:
        looked_at = f"{counted(trails, 'trail')}, {counted(stores, 'event data store')}, {counted(result.keys, 'key')} in {files}"
    elif not trails and not result.keys:
        looked_at = f"no CloudTrail trail and no KMS key in {files}"
        if not result.findings:
            return f"{looked_at}: nothing to check"
    return f"{looked_at}: {found(result)}"


def found(result: Result) -> str:
    """Return what was found: ``1 error, 0 warnings, 1 undetermined, 1 waived``."""
    counts = [counted(result.count(Severity.ERROR), "error"), counted(result.count(Severity.WARNING), "warning")]
    if notes := result.count(Severity.NOTE):
        counts.append(counted(notes, "note"))
    return ", ".join((*counts, f"{result.undetermined} undetermined", f"{result.waived} waived"))


def counted(number: int, word: str) -> str:
    """Return the number with the word in the right form: ``1 trail``, ``0 trails``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
