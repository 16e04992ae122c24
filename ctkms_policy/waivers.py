"""Waivers: who accepts which finding, why, and until when. A waiver that lacks any of it waives nothing.

Three places hold waivers: the configuration file, comments, and the Metadata of a CloudFormation resource. All are read into
WrittenWaiver, completed against the rulebook, and judged against the findings and the day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from enum import Enum
from functools import lru_cache

from ctkms_policy.comments import CodeBlock
from ctkms_policy.finding import Finding, Related, Severity, Verdict, Waived
from ctkms_policy.rulebook import Rule
from ctkms_policy.source import Span
from ctkms_policy.strict_yaml import did_you_mean

NEVER_WAIVED = ("CTKMS000", "CTKMS090", "CTKMS091", "CTKMS092")
"""What could not be read was not checked, which nobody can accept; and a waiver of waivers would have no end."""

_SHOWN = 3
"""How many findings a waiver's own finding points to."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text with its place."""

    text: str
    span: Span


class DefectKind(Enum):
    """Why a waiver waives nothing; each is a rule's ``check``."""

    EXPIRED = "waiver_expired"
    """the date has passed, or something of the waiver cannot be read"""
    INCOMPLETE = "waiver_incomplete"
    UNUSED = "waiver_unused"


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong with a waiver: the fact, where, and the way out."""

    kind: DefectKind
    message: str
    span: Span
    help: str = ""


@dataclass(frozen=True, slots=True)
class WrittenWaiver:
    """A waiver as it is written. What is missing is None.

    block     the block that an inline waiver is about; None for one of the configuration file
    resource  of the configuration file: the addresses it is about, ``*`` stands for any text
    path      of the configuration file: the files it is about, relative to the repository root, "" for all
    defect    why it cannot be read, if it cannot
    """

    span: Span
    rules: tuple[Written, ...] = ()
    owner: Written | None = None
    reason: Written | None = None
    expires: Written | None = None
    block: CodeBlock | None = None
    resource: str = ""
    path: str = ""
    defect: Defect | None = None

    @property
    def is_inline(self) -> bool:
        """Whether it stands in the code, not in the configuration file."""
        return not self.resource

    @property
    def about(self) -> str:
        """The block or the resources that it is about, in words."""
        return self.resource or (self.block.name if self.block is not None else self.span.path)


@dataclass(frozen=True, slots=True)
class WaiverPolicy:
    """What the configuration says about waivers.

    inline     whether waivers in the code count
    max_days   how many days ahead an expiry date may be; None for any number
    warn_days  how many days before the expiry date a note appears; 0 for never
    entries    the waivers of the configuration file
    """

    inline: bool = True
    max_days: int | None = None
    warn_days: int = 0
    entries: tuple[WrittenWaiver, ...] = ()


class State(Enum):
    """What a waiver is worth on a day."""

    ACTIVE = "active"
    UNUSED = "unused"
    """it would waive, but there is nothing to waive"""
    EXPIRED = "expired"
    MALFORMED = "malformed"
    INCOMPLETE = "incomplete"
    FORBIDDEN = "forbidden"
    """it stands in the code, and the configuration forbids that"""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A waiver, judged on a day.

    rules      the ids of the rules it names that exist
    days_left  days from today to the expiry date, 0 on the last day, negative behind it; None without a date
    covers     the findings it is about, waived or not
    """

    written: WrittenWaiver
    rules: tuple[str, ...]
    expires: date | None
    state: State
    days_left: int | None
    covers: tuple[Finding, ...]
    defects: tuple[Defect, ...]

    @property
    def waives(self) -> bool:
        """Whether the findings it covers are waived."""
        return self.state is State.ACTIVE


def utc_today() -> date:
    """Return the present day in UTC."""
    return datetime.now(timezone.utc).date()


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges waivers.

    rulebook       all rules that exist
    evaluated      the ids of those that were evaluated
    is_scanned     whether all that a file, by its shown path, is about was looked at, so that a waiver in it can be unused
    in_repository  the path relative to the repository root of a file, by its shown path
    """

    rulebook: Sequence[Rule]
    evaluated: frozenset[str]
    policy: WaiverPolicy
    today: date
    is_scanned: Callable[[str], bool]
    in_repository: Callable[[str], str]

    def judge(self, written: WrittenWaiver, findings: Sequence[Finding]) -> Waiver:
        """Return what the waiver is worth and which of the findings it covers."""
        rules, defects = self._rules(written)
        expires = _day(written.expires)
        if written.defect is not None:
            defects = [written.defect]
        elif not defects:
            defects = [*_unreadable_date(written, expires), *_missing(written), *self._too_far(written, expires)][:1]
        covers = tuple(finding for finding in findings if finding.rule in rules and self._covers(written, finding))
        days_left = (expires - self.today).days if expires is not None else None
        state = State.ACTIVE
        if defects:
            state = State.INCOMPLETE if defects[0].kind is DefectKind.INCOMPLETE else State.MALFORMED
        elif written.is_inline and not self.policy.inline:
            state = State.FORBIDDEN
            message = "this waiver does not count: the configuration forbids waivers in the code (inline: false)"
            defects = [Defect(DefectKind.EXPIRED, message, written.span, "move it to waivers: entries: in the configuration file")]
        elif days_left is not None and days_left < 0:
            state = State.EXPIRED
        else:
            unused = self._unused(written, rules, covers)
            state = State.UNUSED if unused and not covers else State.ACTIVE
            defects = unused
        return Waiver(written, rules, expires, state, days_left, covers, tuple(defects))

    def _covers(self, written: WrittenWaiver, finding: Finding) -> bool:
        """Return whether the waiver is about what the finding is about.

        One in a block is about findings whose place lies in the block and about those whose resource the block makes: a resource
        block its resource, a module call all resources it creates. One of the configuration file goes by address and file.
        """
        places = (finding.span, *finding.blocks)
        if written.is_inline:
            block = written.block
            return block is not None and any(_lies_in(place, block.span) for place in places)
        if not _pattern(written.resource).fullmatch(finding.resource):
            return False
        return not written.path or any(is_under(self.in_repository(place.path), written.path) for place in places)

    def _rules(self, written: WrittenWaiver) -> tuple[tuple[str, ...], list[Defect]]:
        ids = {name.lower(): rule.id for rule in self.rulebook for name in (rule.id, rule.name)}
        found, defects = [], []
        for each in written.rules:
            rule = ids.get(each.text.lower())
            if rule is None:
                near = did_you_mean(each.text.upper() if each.text.upper() == each.text else each.text.lower(), [*ids.values(), *ids])
                help = near if near.startswith("did you mean") else '"ctkms-policy rules" lists all rules'
                defects.append(Defect(DefectKind.EXPIRED, f'the waiver names a rule that does not exist: "{each.text}"', each.span, help))
            elif rule in NEVER_WAIVED:
                help = "exclude the file, or repair it" if rule == "CTKMS000" else "repair or remove the waiver that it is about"
                defects.append(Defect(DefectKind.EXPIRED, f"{rule} cannot be waived", each.span, help))
            elif rule not in found:
                found.append(rule)
        if not written.rules:
            defects.append(Defect(DefectKind.EXPIRED, "the waiver names no rule", written.span, "name the rules that it waives"))
        return tuple(found), defects

    def _too_far(self, written: WrittenWaiver, expires: date | None) -> Iterator[Defect]:
        most = self.policy.max_days
        if most is None or expires is None or written.expires is None or (expires - self.today).days <= most:
            return
        away = (expires - self.today).days
        message = f"the waiver expires in {_days(away)}, and the configuration allows at most {most} (max_days)"
        yield Defect(DefectKind.EXPIRED, message, written.expires.span, "choose an earlier date")

    def _unused(self, written: WrittenWaiver, rules: Sequence[str], covers: Sequence[Finding]) -> list[Defect]:
        """Return a defect for the rules that were evaluated, where the waiver could have matched, and matched nothing."""
        if not self.is_scanned(written.span.path):
            return []
        used = {finding.rule for finding in covers}
        idle = [rule for rule in rules if rule not in used and rule in self.evaluated]
        if not idle:
            return []
        what = "the waiver" if len(idle) == len(rules) else f"the waiver of {' and '.join(idle)}"
        help = "remove it" if len(idle) == len(rules) else f"take {' and '.join(idle)} out of it"
        return [Defect(DefectKind.UNUSED, f'{what} matches no finding about "{written.about}"', written.span, help)]


def waived_findings(findings: Sequence[Finding], waivers: Sequence[Waiver]) -> list[Finding]:
    """Return the findings, those that a waiver covers with that waiver; of several the one that holds longest."""
    by_finding: dict[int, Waived] = {}
    for waiver in waivers:
        written = waiver.written
        if not waiver.waives or waiver.expires is None or written.owner is None or written.reason is None:
            continue
        waived = Waived(written.owner.text, written.reason.text, waiver.expires)
        for finding in waiver.covers:
            held = by_finding.get(id(finding))
            if held is None or held.expires < waived.expires:
                by_finding[id(finding)] = waived
    return [replace(finding, waived=by_finding.get(id(finding))) for finding in findings]


def _lies_in(place: Span, block: Span) -> bool:
    return place.path == block.path and block.line <= place.line <= block.end_line


def is_under(path: str, pattern: str) -> bool:
    """Return whether a pattern, in which ``*`` stands for any text, means the file or a directory that it lies in."""
    directories = path.split("/")
    heads = ("/".join(directories[:length]) for length in range(1, len(directories) + 1))
    return any(_pattern(pattern.rstrip("/")).fullmatch(head) for head in heads)


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    """Return a pattern in which only ``*`` is special: addresses hold brackets."""
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.DOTALL)


def _day(written: Written | None) -> date | None:
    if written is None or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", written.text):
        return None
    try:
        return date.fromisoformat(written.text)
    except ValueError:
        return None


def _unreadable_date(written: WrittenWaiver, expires: date | None) -> Iterator[Defect]:
    if written.expires is not None and expires is None:
        message = f'the waiver\'s expiry date "{written.expires.text}" is no date'
        yield Defect(DefectKind.EXPIRED, message, written.expires.span, "write YYYY-MM-DD, the last day on which it holds")


def _missing(written: WrittenWaiver) -> Iterator[Defect]:
    parts = {"owner": written.owner, "reason": written.reason, "expiry date": written.expires}
    missing = [name for name, part in parts.items() if part is None]
    if missing:
        without = [f"no {name}" for name in missing]
        message = f"the waiver has {' and '.join(filter(None, (', '.join(without[:-1]), without[-1])))}"
        help = "a waiver needs an owner, a reason and an expiry date"
        yield Defect(DefectKind.INCOMPLETE, f"{message}: it waives nothing", written.span, help)


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"


# -- findings about waivers --------------------------------------------------------------------------------------------


def waiver_findings(waivers: Sequence[Waiver], rules: Sequence[Rule], policy: WaiverPolicy) -> Iterator[Finding]:
    """Yield CTKMS090, CTKMS091 and CTKMS092 for those of them that are among the rules."""
    by_check: Mapping[str, Rule] = {rule.check: rule for rule in rules}
    for waiver in waivers:
        for defect in (*waiver.defects, *_about_time(waiver)):
            rule = by_check.get(defect.kind.value)
            if rule is not None:
                yield _finding(rule, waiver, defect)
        soon = by_check.get(DefectKind.EXPIRED.value)
        if soon is not None and waiver.state is State.ACTIVE and _is_soon(waiver.days_left, policy.warn_days):
            yield replace(_finding(soon, waiver, _expires_soon(waiver)), severity=Severity.NOTE)


def _about_time(waiver: Waiver) -> Iterator[Defect]:
    if waiver.state is State.EXPIRED and waiver.days_left is not None:
        message = f"{_title(waiver)} expired on {waiver.expires}, {_days(-waiver.days_left)} ago: it waives nothing any more"
        help = "remove it: it matches no finding any more"
        if waiver.covers:
            help = "repair what it was about and remove it, or have its owner decide on a new date"
        yield Defect(DefectKind.EXPIRED, message, _date_span(waiver), help)


def _is_soon(days_left: int | None, warn_days: int) -> bool:
    return days_left is not None and warn_days > 0 and days_left <= warn_days


def _expires_soon(waiver: Waiver) -> Defect:
    when = "today" if waiver.days_left == 0 else f"in {_days(waiver.days_left or 0)}, on {waiver.expires}"
    help = "repair what it is about before that, or have its owner decide on a new date"
    return Defect(DefectKind.EXPIRED, f"{_title(waiver)} expires {when}", _date_span(waiver), help)


def _date_span(waiver: Waiver) -> Span:
    written = waiver.written
    return written.expires.span if written.expires is not None else written.span


def _title(waiver: Waiver) -> str:
    owner = f" (owner: {waiver.written.owner.text})" if waiver.written.owner is not None else ""
    return f'the waiver of {" and ".join(waiver.rules)} for "{waiver.written.about}"{owner}'


def _finding(rule: Rule, waiver: Waiver, defect: Defect) -> Finding:
    note = "waived" if waiver.waives else "not waived"
    return Finding(
        rule.id,
        rule.name,
        rule.severity,
        Verdict.FAIL,
        waiver.written.about,
        defect.message,
        defect.span,
        help=defect.help,
        related=tuple(Related(each.span, f"{each.rule}: {note}") for each in waiver.covers[:_SHOWN] if each.span != defect.span),
        stable=f"{defect.kind.value}\0{','.join(each.text for each in waiver.written.rules)}",
    )
