"""What the linter reports: one finding, one primary span, one verdict."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from enum import Enum

from ctkms_policy.source import Span


class Severity(Enum):
    """SARIF's words, in rising order of weight: NOTE, WARNING, ERROR."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"

    @property
    def weight(self) -> int:
        """0 for a note, 1 for a warning, 2 for an error."""
        return ("note", "warning", "error").index(self.value)


class Verdict(Enum):
    """Whether the rule is broken for certain, or cannot be decided from the code."""

    FAIL = "fail"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class Related:
    """A further place that explains the finding, with what to see there."""

    span: Span
    note: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Text to add, ready to paste. ``language`` is the name of a Markdown fence: ``hcl``, ``yaml``, ``json``."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Waived:
    """Who waived the finding, why, and the last day (inclusive, UTC) the waiver holds."""

    owner: str
    reason: str
    expires: date


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    message  what is wrong: lower case, no full stop, the thing in quotes
    label    what to see at ``span``, written under the caret; may be ""
    help     the way out
    file     path of the primary span's file relative to the repository root, so that the fingerprint is the same from every
             working directory
    blocks   the heads of the blocks that make the resource: its own, then the module calls it stands in; waivers in them cover it
    stable   text that tells this finding from others of the same rule and resource, free of line numbers
    """

    rule: str
    name: str
    severity: Severity
    verdict: Verdict
    resource: str
    message: str
    span: Span
    label: str = ""
    help: str = ""
    related: tuple[Related, ...] = ()
    fix: Fix | None = None
    file: str = ""
    stable: str = ""
    waived: Waived | None = None
    blocks: tuple[Span, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Identity of the finding over time: it survives moved lines, not a changed resource, file or reason. 32 hex digits."""
        facts = "\0".join((self.rule, self.verdict.value, self.file or self.span.path, self.resource, self.stable))
        return hashlib.sha256(facts.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @property
    def fails(self) -> bool:
        """Whether the rule is broken for certain and nobody has waived it."""
        return self.verdict is Verdict.FAIL and self.waived is None
