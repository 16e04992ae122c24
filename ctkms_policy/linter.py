"""The flow: discover, parse, normalize, evaluate, report. Everything a run does is on this screen."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ctkms_policy.cases import Deployment, KeyCase, StoreCase, TrailCase, key_cases, keys_of, store_cases, trail_cases
from ctkms_policy.checks import CHECKS
from ctkms_policy.discover import (
    Discovery,
    discover,
    holds_nothing,
    plans_about_cloudtrail,
    repository_root,
    templates_about_cloudtrail,
    terraform_about_cloudtrail,
)
from ctkms_policy.finding import Finding, Severity, Verdict
from ctkms_policy.iam.evaluate import Decision, Outcome
from ctkms_policy.inline_waivers import inline_waivers
from ctkms_policy.key_link import KeyState
from ctkms_policy.model import Configuration, EventDataStore, Key, KeyKind, Trail
from ctkms_policy.result import Grant, Result, TrailResult, TrailVerdict
from ctkms_policy.rulebook import Rule, Subject
from ctkms_policy.source import ParseError, Source, read_source
from ctkms_policy.waivers import Judge, Waiver, WaiverPolicy, utc_today, waived_findings, waiver_findings

if TYPE_CHECKING:
    from ctkms_policy.cloudformation.parameters import Parameters
    from ctkms_policy.terraform.inputs import Inputs


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked to do; ``Config.options`` makes one from a configuration file.

    rules       those to evaluate; ``rulebook``: all that exist, where they are more
    exclude     shell patterns
    known_keys  keys outside the code
    sources     what has been read for the configuration, by shown path
    today       the day on which waivers are judged, in UTC
    parameters  what is given to the parameters of root templates
    inputs      what is given to the variables of root modules
    hcl_reader  which HCL reader to use, one of ``terraform.hcl.READERS``
    """

    rules: tuple[Rule, ...]
    exclude: tuple[str, ...] = ()
    deployment: Deployment = field(default_factory=Deployment)
    rulebook: tuple[Rule, ...] = ()
    known_keys: tuple[Key, ...] = ()
    waivers: WaiverPolicy = field(default_factory=WaiverPolicy)
    sources: Mapping[str, Source] = field(default_factory=dict, repr=False)
    today: date = field(default_factory=utc_today)
    hcl_reader: str = "auto"
    parameters: Parameters | None = None
    inputs: Inputs | None = None


class RuleFailure(Exception):
    """A rule or the evaluator failed on a resource: the run could not finish, and nothing may pass for it."""


class UndeclaredInput(Exception):
    """The command line sets an input that nothing in the scan declares; the message names it."""


def check(paths: Sequence[Path], options: Options) -> Result:
    """Check everything under the paths, which must exist.

    Raises RuleFailure, UndeclaredInput, and ``terraform.hcl.ReaderUnavailable``.
    """
    scan = _Scan.over(paths)
    scan.sources.update(options.sources)
    discovery = discover(paths, exclude=options.exclude, show=scan.show)
    configurations = [replace(each, known_keys=options.known_keys) for each in scan.configurations(discovery, options)]
    empty = (f"{scan.show(file)} is empty: there is nothing in it to check" for file in sorted(discovery.named) if holds_nothing(file))
    partial = (warning for each in configurations for warning in each.warnings)
    warnings = (*_ignored_inputs(configurations), *empty, *partial)
    findings = [finding for problem in scan.problems(discovery, configurations) for finding in _unreadable(problem, options.rules)]
    trails: list[TrailResult] = []
    for configuration in configurations:
        evaluated, results = _evaluate(configuration, options, scan)
        findings += evaluated
        trails += results
    findings, waivers = _waive(_without_repeats(findings), paths, options, scan)
    findings = sorted(findings, key=lambda each: (each.span, each.rule, each.resource))
    return Result(
        findings=tuple(findings),
        trails=tuple(sorted(trails, key=lambda each: (each.span, each.address))),
        keys=len({(key.span, key.address) for configuration in configurations for key in keys_of(configuration)}),
        files=discovery.terraform_files + scan.templates,
        rules=options.rules,
        sources=scan.sources,
        prefix=scan.prefix,
        waivers=tuple(waivers),
        warnings=warnings,
        resources=tuple(resource for each in configurations for resource in (*each.trails, *each.keys, *each.event_data_stores)),
    )


@dataclass
class _Scan:
    """One run over a repository: where it is, and every source it has read."""

    working_directory: Path
    root: Path
    sources: dict[str, Source] = field(default_factory=dict)
    templates: int = 0
    unreadable: list[ParseError] = field(default_factory=list)

    @classmethod
    def over(cls, paths: Sequence[Path]) -> _Scan:
        working_directory = Path.cwd().resolve()
        roots = {repository_root(path, working_directory) for path in paths}
        return cls(working_directory, Path(os.path.commonpath(roots)) if roots else working_directory)

    @property
    def prefix(self) -> str:
        """The way from the repository root to the working directory, for formats that want paths relative to the root."""
        way = os.path.relpath(self.working_directory, self.root).replace(os.sep, "/")
        return "" if way == "." else way + "/"

    def show(self, file: Path) -> str:
        """Return the path relative to the working directory, with forward slashes."""
        return os.path.relpath(file, self.working_directory).replace(os.sep, "/")

    def in_repository(self, shown: str) -> str:
        """Return a shown path relative to the repository root."""
        return PurePosixPath(os.path.normpath(self.prefix + shown)).as_posix()

    def configurations(self, discovery: Discovery, options: Options) -> list[Configuration]:
        """Parse and normalize everything that concerns CloudTrail; load a parser only where there is something for it."""
        found: list[Configuration] = []
        directories = terraform_about_cloudtrail(discovery.module_directories, self.root)
        if directories:
            from ctkms_policy.terraform.hcl import reader
            from ctkms_policy.terraform.normalize import normalize as normalize_terraform

            found += normalize_terraform(
                directories,
                repository_root=self.root,
                show=self.show,
                sources=self.sources,
                reader=reader(options.hcl_reader),
                inputs=options.inputs,
            )
        plans, candidates = plans_about_cloudtrail(discovery.template_candidates, discovery.named)
        for file in plans:
            from ctkms_policy.terraform.plan import normalize_plan

            try:
                source = read_source(file, self.show(file))
                found.append(normalize_plan(source, repository_root=self.root, show=self.show, sources=self.sources))
            except ParseError as error:
                self.unreadable.append(error)
        files, self.templates = templates_about_cloudtrail(candidates, self.root)
        self.templates += len(plans)
        if files:
            from ctkms_policy.cloudformation.normalize import normalize as normalize_cloudformation

            sources = []
            for file in files:
                try:
                    source = read_source(file, self.show(file))
                except ParseError as error:
                    self.unreadable.append(error)
                    continue
                self.sources[source.path] = source
                sources.append((file, source))
            found += normalize_cloudformation(
                sources, repository_root=self.root, show=self.show, sources_read=self.sources, parameters=options.parameters
            )
        return found

    def problems(self, discovery: Discovery, configurations: Sequence[Configuration]) -> list[ParseError]:
        """Return everything that could not be read."""
        return [*discovery.problems, *self.unreadable, *(problem for each in configurations for problem in each.problems)]


def _ignored_inputs(configurations: Sequence[Configuration]) -> Iterator[str]:
    """Yield a warning for each value in a file that nothing declares, as Terraform does. Raises UndeclaredInput for an option."""
    declared = {name for each in configurations for name in each.inputs}
    for name, where in dict.fromkeys(each for configuration in configurations for each in configuration.ignored_inputs):
        if name in declared:
            continue
        near = get_close_matches(name, sorted(declared), 1)
        message = f'{where}: no root module in the scan declares the variable "{name}"{f", did you mean {near[0]}?" if near else ""}'
        if where.startswith("--"):
            raise UndeclaredInput(message)
        yield message


def _unreadable(problem: ParseError, rules: Sequence[Rule]) -> Iterator[Finding]:
    for rule in rules:
        if rule.check == "unreadable_source":
            yield Finding(
                rule.id,
                rule.name,
                rule.severity,
                Verdict.FAIL,
                problem.span.path,
                problem.message,
                problem.span,
                help=problem.help,
                stable=problem.message,
            )


def _evaluate(configuration: Configuration, options: Options, scan: _Scan) -> tuple[list[Finding], list[TrailResult]]:
    trails = trail_cases(configuration, options.deployment)
    stores = store_cases(configuration, options.deployment)
    keys = key_cases(configuration, trails, stores, options.deployment)
    about: dict[int, list[Finding]] = {}
    subjects: list[tuple[Subject, TrailCase | StoreCase | KeyCase]] = [
        *((Subject.TRAIL, case) for case in trails),
        *((Subject.EVENT_DATA_STORE, case) for case in stores),
        *((Subject.KEY, case) for case in keys),
    ]
    for subject, case in subjects:
        about[id(case)] = [_placed(finding, case, scan) for finding in _ask(subject, case, options.rules)]
    results = []
    summarized: list[TrailCase | StoreCase] = [*trails, *stores]
    for each in summarized:
        key_findings = [finding for key in keys if key.key is each.link.key for finding in about[id(key)]]
        results.append(_summarize(each, about[id(each)], key_findings))
    return [finding for findings in about.values() for finding in findings], results


def _ask(subject: Subject, case: TrailCase | StoreCase | KeyCase, rules: Sequence[Rule]) -> Iterator[Finding]:
    for rule in rules:
        ask = CHECKS.get(rule.check, {}).get(subject)
        if ask is None or case.configuration.language not in rule.applies_to:
            continue
        try:
            yield from ask(case, rule)
        except Exception as error:
            resource = _resource(case)
            raise RuleFailure(
                f"rule {rule.id} failed on {resource.address} ({resource.span.path}:{resource.span.line}): {error!r}"
            ) from error


def _placed(finding: Finding, case: TrailCase | StoreCase | KeyCase, scan: _Scan) -> Finding:
    """Return the finding with what makes its fingerprint the same from every working directory, and with its resource's blocks."""
    resource = _resource(case)
    is_outside = isinstance(resource, Key) and resource.kind is KeyKind.CONFIGURED
    unit = scan.in_repository(finding.span.path if is_outside else case.configuration.path)
    file, blocks = scan.in_repository(finding.span.path), (resource.span, *resource.calls)
    return replace(finding, file=file, stable=f"{unit}\0{finding.stable}", blocks=blocks)


def _resource(case: TrailCase | StoreCase | KeyCase) -> Trail | EventDataStore | Key:
    return case.key if isinstance(case, KeyCase) else case.store if isinstance(case, StoreCase) else case.trail


def _waive(findings: Sequence[Finding], paths: Sequence[Path], options: Options, scan: _Scan) -> tuple[list[Finding], list[Waiver]]:
    """Return the findings with what is waived marked and with those about the waivers themselves, and every waiver."""
    checked = [path.resolve() if path.is_dir() else path.resolve().parent for path in paths]

    def is_scanned(shown: str) -> bool:
        file = Path(os.path.normpath(scan.working_directory / shown))
        return any(file.is_relative_to(directory) for directory in checked)

    rules = frozenset(rule.id for rule in options.rules)
    judge = Judge(options.rulebook or options.rules, rules, options.waivers, options.today, is_scanned, scan.in_repository)
    written = [waiver for source in scan.sources.values() for waiver in inline_waivers(source)]
    waivers = [judge.judge(each, findings) for each in (*options.waivers.entries, *written)]
    about = (replace(each, file=scan.in_repository(each.span.path)) for each in waiver_findings(waivers, options.rules, options.waivers))
    return [*waived_findings(findings, waivers), *about], waivers


def _without_repeats(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings, each once; what is refused at one place is told once, however many resources are made of it."""
    found: dict[tuple[object, ...], Finding] = {}
    for each in findings:
        found.setdefault((each.rule, each.span, each.message) if each.rule == "CTKMS000" else (each.fingerprint, each.span), each)
    return list(found.values())


_GRANTS = {
    Outcome.ALLOWED: Grant.ALLOWED,
    Outcome.DELEGATED: Grant.DELEGATED,
    Outcome.EXPLICITLY_DENIED: Grant.DENIED,
    Outcome.IMPLICITLY_DENIED: Grant.DENIED,
    Outcome.UNDETERMINED: Grant.UNDETERMINED,
}


def _grant(decision: Decision | None) -> Grant:
    if decision is None:
        return Grant.NOT_VISIBLE
    return Grant.DELEGATED if decision.delegating else _GRANTS[decision.outcome]


def _summarize(case: TrailCase | StoreCase, about_case: Sequence[Finding], about_key: Sequence[Finding]) -> TrailResult:
    findings = (*about_case, *about_key)
    resource = case.trail if isinstance(case, TrailCase) else case.store
    judgement, link = case.judgement, case.link
    describe, encrypt, decrypt = (
        (_grant(judgement.describe), _grant(judgement.encrypt), _grant(judgement.decrypt)) if judgement else (Grant.NOT_VISIBLE,) * 3
    )
    definite = link.state not in (KeyState.DEPENDS, KeyState.UNDETERMINED) and not {describe, encrypt, decrypt} & {
        Grant.UNDETERMINED,
        Grant.NOT_VISIBLE,
    }
    definite = definite and not (judgement is not None and judgement.decrypt.outcome is Outcome.UNDETERMINED)
    definite = definite and not any(finding.verdict is Verdict.UNDETERMINED for finding in about_key)
    fails = any(finding.verdict is Verdict.FAIL and finding.severity is not Severity.NOTE for finding in findings)
    verdict = TrailVerdict.FAIL if fails else TrailVerdict.PASS if definite else TrailVerdict.UNDETERMINED
    return TrailResult(
        address=resource.address,
        kind="trail" if isinstance(case, TrailCase) else "event-data-store",
        span=resource.span,
        created_when=resource.created_when,
        key_state=link.state,
        key_address=link.key.address if link.key else "",
        key_value=link.value,
        key_reason=link.reason,
        describe=describe,
        encrypt=encrypt,
        decrypt=decrypt,
        assumptions={each.symbol: each.value for each in judgement.assumptions} if judgement else {},
        verdict=verdict,
        findings=tuple(finding.fingerprint for finding in findings),
    )
