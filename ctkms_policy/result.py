"""What a run of the linter gives: findings, and what each trail was found to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from ctkms_policy.finding import Finding, Severity, Verdict
from ctkms_policy.key_link import KeyState as KeyState
from ctkms_policy.model import Resource
from ctkms_policy.rulebook import Rule
from ctkms_policy.source import Source, Span
from ctkms_policy.waivers import Waiver


class Grant(Enum):
    """What the key policy gives for one question about a trail."""

    ALLOWED = "allowed"
    DELEGATED = "delegated"
    """decrypt only: the account's IAM policies could allow a reader; whether a statement itself does may not be known"""
    DENIED = "denied"
    UNDETERMINED = "undetermined"
    NOT_VISIBLE = "not-visible"
    """there is no key, or its policy is not in the scanned code"""


class TrailVerdict(Enum):
    """The outcome for one trail."""

    PASS = "pass"
    FAIL = "fail"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class TrailResult:
    """One trail or event data store. ``findings`` are fingerprints of the findings that concern it or its key."""

    address: str
    kind: str
    """``trail`` or ``event-data-store``"""
    span: Span
    created_when: str
    key_state: KeyState
    key_address: str
    key_value: str
    key_reason: str
    describe: Grant
    encrypt: Grant
    decrypt: Grant
    assumptions: Mapping[str, str]
    verdict: TrailVerdict
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """One run.

    findings  in order of path, line, column, rule
    sources   every source that was read, by the path it is shown under, for the snippets
    files     how many files of ours were looked at
    prefix    the way from the repository root to the working directory ("" or "a/b/"): SARIF paths start at the root
    warnings   what was given to the run and has no effect, or is not everything, each a sentence
    resources  every trail, key and event data store of the code: a host that shows its own resources finds ours here
    """

    findings: tuple[Finding, ...]
    trails: tuple[TrailResult, ...]
    keys: int
    files: int
    rules: tuple[Rule, ...]
    sources: Mapping[str, Source] = field(repr=False)
    prefix: str = ""
    waivers: tuple[Waiver, ...] = ()
    resources: tuple[Resource, ...] = ()
    warnings: tuple[str, ...] = ()

    def count(self, severity: Severity) -> int:
        """Return how many findings of that severity fail."""
        return sum(finding.fails and finding.severity is severity for finding in self.findings)

    @property
    def undetermined(self) -> int:
        """How many findings could not be decided and are not waived."""
        return sum(finding.verdict is Verdict.UNDETERMINED and finding.waived is None for finding in self.findings)

    @property
    def waived(self) -> int:
        """How many findings are waived."""
        return sum(finding.waived is not None for finding in self.findings)
