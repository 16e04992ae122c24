"""What the engine says about the resources that checkov shows: analysed once, asked once per rule and resource."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ctkms_policy.config import Config, config_in
from ctkms_policy.discover import TERRAFORM_SUFFIXES, discover
from ctkms_policy.finding import Finding, Severity, Verdict
from ctkms_policy.linter import check
from ctkms_policy.model import Language, Resource
from ctkms_policy.source import MAX_SOURCE_BYTES, ParseError, Span


@dataclass(frozen=True, slots=True)
class Block:
    """A resource as checkov shows it.

    file     where its block stands; None where checkov knows only a plan, and the address has to do
    address  Terraform's address with module path and instance keys, or the logical ID
    """

    language: Language
    file: Path | None
    address: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rule says about a resource, and why, one text for each finding."""

    fails: bool
    details: tuple[str, ...] = ()


class Scan:
    """The engine's result for what one run of checkov scans. Whatever keeps us from one fails every rule for every resource."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._working_directory = Path.cwd().resolve()
        self._files: dict[str, Path] = {}
        self._unread: dict[Path, Answer] = {}
        self._error = ""
        try:
            self._config = config_in(self._working_directory)
            self._options = self._config.options()
            self._result = check(paths, self._options)
        except ParseError as error:
            self._error = f"ctkms-policy cannot use its configuration: {error}" + (f"; {error.help}" if error.help else "")
        except Exception as error:
            # checkov shows nothing of an exception in a check, and exits 0.
            self._error = f"ctkms-policy could not finish: {error!r}"
        else:
            self._read = frozenset(self._file(path) for path in self._result.sources)
            self._index()

    def has_read(self, file: Path) -> bool:
        """Return whether the engine has read the file; True where there is no result at all."""
        return bool(self._error) or file in self._read

    def answer(self, rule: str, block: Block) -> Answer:
        """Return what the rule says about the resource. A file that the engine should have read and did not fails it."""
        if self._error:
            return Answer(True, (self._error,))
        if block.file is not None and not self.has_read(block.file):
            if block.file not in self._unread:
                self._unread[block.file] = self._without_reading(block.file)
            return self._unread[block.file]
        if block.file is None and _is_about_cloudtrail(block.address) and not self._named(block):
            return Answer(True, (f'ctkms-policy finds no "{block.address}" in the code that the plan is said to be of',))
        judged = [(finding, _fails(finding, self._config)) for finding in self._about(block) if finding.rule == rule]
        judged.sort(key=lambda each: not each[1])
        return Answer(any(fails for _, fails in judged), tuple(_text(finding) for finding, _ in judged))

    def _index(self) -> None:
        """Sort what the engine gives by what it is looked up by: checkov asks for every rule and every resource."""
        self._resources: dict[Path, list[Resource]] = {}
        for resource in self._result.resources:
            self._resources.setdefault(self._file(resource.span.path), []).append(resource)
        ours = {(each.address, each.span) for each in self._result.resources}
        self._findings: dict[tuple[str, Span], list[Finding]] = {}
        self._outside: dict[str, Finding] = {}
        self._of_files: list[tuple[Path, Finding]] = []
        for finding in self._result.findings:
            if not finding.blocks:
                self._of_files.append((self._directory(finding), finding))
            elif (finding.resource, finding.blocks[0]) in ours:
                self._findings.setdefault((finding.resource, finding.blocks[0]), []).append(finding)
            else:
                self._outside[finding.fingerprint] = finding
        self._linked = {(each.address, each.span): each.findings for each in self._result.trails}

    def _directory(self, finding: Finding) -> Path:
        """Return the nearest directory at or above an unreadable file that holds a resource: there its finding is shown."""
        file = self._file(finding.span.path)
        return next(
            (each for each in file.parents if any(resource.is_relative_to(each) for resource in self._resources)),
            file.parent,
        )

    def _file(self, shown: str) -> Path:
        if shown not in self._files:
            self._files[shown] = (self._working_directory / shown).resolve()
        return self._files[shown]

    def _without_reading(self, file: Path) -> Answer:
        """Return what every rule says about a resource of a file that the engine has not read."""
        if _mentions_cloudtrail(file):
            found = discover(self._paths, exclude=self._options.exclude, show=self._show)
            is_module = file.name.endswith(TERRAFORM_SUFFIXES) and file.parent in found.module_directories
            if is_module or file in found.template_candidates:
                return Answer(True, (f'ctkms-policy did not read "{file}": nothing is known about this resource',))
        return Answer(False, ("ctkms-policy leaves this file out",))

    def _show(self, file: Path) -> str:
        return os.path.relpath(file, self._working_directory).replace(os.sep, "/")

    def _about(self, block: Block) -> Iterator[Finding]:
        """Yield the findings about the resource, about a key of it that is outside the code, and about files it may depend on."""
        for resource in self._named(block):
            place = (resource.address, resource.span)
            yield from self._findings.get(place, ())
            yield from (self._outside[each] for each in self._linked.get(place, ()) if each in self._outside)
        for directory, finding in self._of_files:
            if block.file is None or block.file.is_relative_to(directory):
                yield finding

    def _named(self, block: Block) -> list[Resource]:
        """Return what the engine calls the resource: several where one of the two knows instances that the other does not."""
        here = self._result.resources if block.file is None else self._resources.get(block.file, ())
        if block.language is Language.CLOUDFORMATION:
            return [each for each in here if each.address.rpartition("/")[2] == block.address]
        wanted = _steps(block.address)
        same = [each for each in here if _may_be_same(_steps(each.address), wanted)]
        own = [name for name, _ in wanted[-2:]]
        return same or [each for each in here if [name for name, _ in _steps(each.address)[-2:]] == own]


_STEP = re.compile(r'(?P<name>[^.\[\]]+)(?:\[(?P<key>"(?:[^"\\]|\\.)*"|[^\]]*)\])?')
_KNOWN_KEY = re.compile(r'[0-9]+|"[^"]*"')


def _steps(address: str) -> list[tuple[str, str]]:
    """Return the names of a Terraform address, each with its instance key or "" where that is not known."""
    steps = [(match["name"], match["key"] or "") for match in _STEP.finditer(address)]
    return [(name, key if _KNOWN_KEY.fullmatch(key) else "") for name, key in steps]


def _is_about_cloudtrail(address: str) -> bool:
    return any(name.startswith("aws_cloudtrail") for name, _ in _steps(address)[-2:-1])


def _may_be_same(ours: Sequence[tuple[str, str]], theirs: Sequence[tuple[str, str]]) -> bool:
    return [name for name, _ in ours] == [name for name, _ in theirs] and all(
        mine == yours or not mine or not yours for (_, mine), (_, yours) in zip(ours, theirs, strict=True)
    )


def _fails(finding: Finding, config: Config) -> bool:
    """Whether ``ctkms-policy check`` would exit with 1 for the finding."""
    if finding.waived is not None or config.fail_on == "never":
        return False
    if finding.verdict is Verdict.UNDETERMINED:
        return config.strict
    return finding.severity.weight >= Severity(config.fail_on).weight


def _text(finding: Finding) -> str:
    span = finding.span
    text = f"{span.path}:{span.line}:{span.column}: {finding.message}"
    if finding.waived is not None:
        return f"waived until {finding.waived.expires} by {finding.waived.owner}: {text}"
    text += f" ({finding.label})" if finding.label not in finding.message else ""
    text += f"; {finding.help}" if finding.help else ""
    return f"undetermined: {text}" if finding.verdict is Verdict.UNDETERMINED else text


def _mentions_cloudtrail(file: Path) -> bool:
    with file.open("rb") as stream:
        return b"cloudtrail" in stream.read(MAX_SOURCE_BYTES).lower()
