"""Rules as data: one YAML file per rule, strictly validated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from ctkms_policy.finding import Severity
from ctkms_policy.model import Language
from ctkms_policy.source import ParseError, Source, Span, decode_source, read_source
from ctkms_policy.strict_yaml import Item, read_yaml

if TYPE_CHECKING:
    from importlib.abc import Traversable

RESERVED_PREFIX = "CTKMS"
"""Rule ids that begin so are ours; own rules take another prefix."""

RULE_ID = r"[A-Z][A-Z0-9]+[0-9]{3}"
_RULE_NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
_VERSION = r"[0-9]+\.[0-9]+(\.[0-9]+)?"
_URL = r"https://[^\s/]+\.[^\s/]+(/\S*)?"


class RulebookError(ParseError):
    """A rule file, or a directory of them, that cannot be used: a usage error, not a finding."""


class Subject(Enum):
    """What a rule's check looks at, one at a time."""

    TRAIL = "trail"
    KEY = "key"
    EVENT_DATA_STORE = "event-data-store"
    FILE = "file"
    WAIVER = "waiver"


@dataclass(frozen=True, slots=True)
class TextForm:
    """A parameter that is any text of a form: the pattern it wholly matches, and what that is in words."""

    pattern: str
    words: str


@dataclass(frozen=True, slots=True)
class Signature:
    """What a check is asked about, and what a rule has to tell it: each parameter with the words it may be, or their form."""

    subject: Subject
    parameters: Mapping[str, tuple[str, ...] | TextForm]


def _about(subject: Subject, **parameters: tuple[str, ...] | TextForm) -> Signature:
    return Signature(subject, parameters)


_PRINCIPAL = TextForm(r"arn:aws(-[a-z]+)*:iam::[0-9]{12}:(role|user)/[^\s*?]+", "the ARN of a role or user, without wildcards")
_ORGANIZATION = TextForm(r"o-[a-z0-9]{10,32}", "an organization id such as o-a1b2c3d4e5")
_ACTIONS = (
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:CreateGrant",
    "kms:PutKeyPolicy",
    "kms:DisableKey",
    "kms:ScheduleKeyDeletion",
)
"""What gives somebody the plain text, or takes it from everybody."""


SIGNATURES: Mapping[str, Signature] = {
    "unreadable_source": _about(Subject.FILE),
    "trail_without_kms_key": _about(Subject.TRAIL),
    "aws_managed_key": _about(Subject.TRAIL),
    "service_request": _about(Subject.TRAIL, question=("describe", "encrypt")),
    "no_reader": _about(Subject.TRAIL),
    "encrypt_grant_not_scoped": _about(Subject.TRAIL),
    "decrypt_grant_too_broad": _about(Subject.KEY),
    "key_cannot_encrypt": _about(Subject.KEY),
    "key_region_differs": _about(Subject.TRAIL),
    "statement_rejected": _about(Subject.KEY),
    "kms_key_id_form": _about(Subject.TRAIL),
    "policy_attached_too_late": _about(Subject.TRAIL),
    "store_without_kms_key": _about(Subject.EVENT_DATA_STORE),
    "bucket_key_needs_decrypt": _about(Subject.TRAIL),
    "policy_not_visible": _about(Subject.TRAIL),
    "decrypt_only_delegated": _about(Subject.TRAIL),
    "waiver_expired": _about(Subject.WAIVER),
    "waiver_incomplete": _about(Subject.WAIVER),
    "waiver_unused": _about(Subject.WAIVER),
    "request_allowed": _about(Subject.TRAIL, principal=_PRINCIPAL, action=_ACTIONS),
    "request_denied": _about(Subject.TRAIL, principal=_PRINCIPAL, action=_ACTIONS),
    "outsiders_denied": _about(Subject.TRAIL, organization=_ORGANIZATION, action=_ACTIONS),
}
"""The names that ``check`` may have in a rule file. ``checks.CHECKS`` holds the questions; files and waivers are the linter's own."""

FOR_OWN_RULES = ("request_allowed", "request_denied", "outsiders_denied")
"""Checks that no built-in rule can use: what to ask, only the user knows."""


@dataclass(frozen=True, slots=True)
class Remediation:
    """The way out: prose for the console, code for the others. "" where a rule gives none."""

    console: str = ""
    cli: str = ""
    cloudformation: str = ""
    terraform: str = ""


@dataclass(frozen=True, slots=True)
class Control:
    """A control of a published framework that the rule serves. ``version`` is the framework's, or ""."""

    framework: str
    id: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    since       the version of ctkms-policy, or of an own rulebook, that first had it
    subject     what the check looks at; follows from the check
    parameters  what the check is told; names and types follow from the check
    rationale   Markdown paragraphs, as is ``impact``: what it costs to follow the rule, or not to
    """

    id: str
    name: str
    title: str
    severity: Severity
    since: str
    applies_to: tuple[Language, ...]
    subject: Subject
    check: str
    parameters: Mapping[str, str]
    rationale: str
    impact: str
    remediation: Remediation
    references: tuple[str, ...]
    controls: tuple[Control, ...]


def load_rules(directories: Sequence[Path] = ()) -> tuple[Rule, ...]:
    """Return the built-in rules and those of ``directories``, each in order of file name.

    Raises RulebookError, with file, line and column, for the first thing that is wrong.
    """
    rules: list[Rule] = []
    places: dict[str, str] = {}
    try:
        for source, is_own in _sources(directories):
            rule, item = _read_rule(source, is_own)
            for key, word in (("id", rule.id), ("name", rule.name)):
                if word in places:
                    raise item[key].error(f'"{word}" is taken by {places[word]}')
                places[word] = source.path
            rules.append(rule)
    except ParseError as error:
        raise RulebookError(error.message, error.span, error.help) from None
    return tuple(rules)


def _sources(directories: Sequence[Path]) -> Iterator[tuple[Source, bool]]:
    """Yield the rule files and whether they are the user's own."""
    for resource in _rule_files(_built_in()):
        yield decode_source(resource.read_bytes(), f"rules/{resource.name}"), False
    for directory in directories:
        shown_as = directory.as_posix()
        try:
            files = _rule_files(directory)
        except OSError as error:
            raise ParseError(f"cannot read the directory of rules: {(error.strerror or str(error)).lower()}", Span.at(shown_as)) from None
        if not files:
            raise ParseError("the directory of rules holds no .yaml file", Span.at(shown_as))
        for file in files:
            yield read_source(directory / file.name, f"{shown_as}/{file.name}"), True


def _built_in() -> Traversable:
    """Return the directory of our rules: the installed package, or ``rules/`` beside this one in a clone."""
    from importlib.resources import files

    try:
        return files("ctkms_policy.rules")
    except ModuleNotFoundError:
        return Path(__file__).parent.parent / "rules"


def _rule_files(directory: Traversable | Path) -> list[Traversable | Path]:
    return sorted((file for file in directory.iterdir() if file.name.endswith((".yaml", ".yml"))), key=lambda file: file.name)


def _read_rule(source: Source, is_own: bool) -> tuple[Rule, Mapping[str, Item]]:
    item = read_yaml(source).fields(
        required=(
            "id",
            "name",
            "title",
            "severity",
            "since",
            "applies_to",
            "check",
            "rationale",
            "impact",
            "remediation",
            "references",
        ),
        optional=("parameters", "controls"),
    )
    check = item["check"].choice(SIGNATURES)
    rule = Rule(
        id=_read_id(item["id"], is_own),
        name=item["name"].text_like(_RULE_NAME, "lower-case words joined by hyphens"),
        title=item["title"].text(),
        severity=Severity(item["severity"].choice([severity.value for severity in Severity])),
        since=item["since"].text_like(_VERSION, "a version such as 0.1.0"),
        applies_to=_read_languages(item["applies_to"]),
        subject=SIGNATURES[check].subject,
        check=check,
        parameters=_read_parameters(item, SIGNATURES[check]),
        rationale=item["rationale"].text(),
        impact=item["impact"].text(),
        remediation=_read_remediation(item["remediation"]),
        references=tuple(each.text_like(_URL, "an https URL") for each in item["references"].items()),
        controls=tuple(_read_control(each) for each in item["controls"].items()) if "controls" in item else (),
    )
    return rule, item


def _read_id(item: Item, is_own: bool) -> str:
    rule_id = item.text_like(RULE_ID, "capitals and digits that end in three digits, such as ACME001")
    if is_own and rule_id.startswith(RESERVED_PREFIX):
        raise item.error(f'cannot be "{rule_id}"', f"ids that begin with {RESERVED_PREFIX} belong to the built-in rules")
    return rule_id


def _read_languages(item: Item) -> tuple[Language, ...]:
    languages: list[Language] = []
    for each in item.items():
        language = Language(each.choice([language.value for language in Language]))
        if language in languages:
            raise each.error(f'is "{language.value}" a second time')
        languages.append(language)
    if not languages:
        raise item.error("names no language")
    return tuple(languages)


def _read_parameters(rule: Mapping[str, Item], signature: Signature) -> Mapping[str, str]:
    wanted = signature.parameters
    if "parameters" not in rule:
        if wanted:
            raise rule["check"].error(f"needs parameters: {', '.join(wanted)}", 'add the key "parameters"')
        return {}
    given = rule["parameters"].fields(required=tuple(wanted))
    return {
        name: given[name].text_like(wanted_form.pattern, wanted_form.words)
        if isinstance(wanted_form, TextForm)
        else given[name].choice(wanted_form)
        for name, wanted_form in wanted.items()
    }


def _read_remediation(item: Item) -> Remediation:
    given = item.fields(required=(), optional=("console", "cli", "cloudformation", "terraform"))
    if not given:
        raise item.error("names no way out", "give at least one of: console, cli, cloudformation, terraform")
    return Remediation(**{name: each.text() for name, each in given.items()})


def _read_control(item: Item) -> Control:
    given = item.fields(required=("framework", "id"), optional=("version",))
    return Control(given["framework"].text(), given["id"].text(), given["version"].text() if "version" in given else "")
