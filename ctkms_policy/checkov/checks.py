"""The checks that checkov runs: one per rule about a trail, key or event data store, for Terraform, its plans and CloudFormation."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from checkov.cloudformation.checks.resource.base_resource_check import BaseResourceCheck as CloudFormationCheck
from checkov.common.models.enums import CheckCategories, CheckResult
from checkov.common.runners.base_runner import BaseRunner
from checkov.terraform.checks.resource.base_resource_check import BaseResourceCheck as TerraformCheck

from ctkms_policy.checkov.scan import Answer, Block, Scan
from ctkms_policy.checks import CHECKS
from ctkms_policy.config import Config, config_in
from ctkms_policy.model import Language
from ctkms_policy.rulebook import Rule, Subject
from ctkms_policy.source import ParseError

_TERRAFORM = {
    Subject.TRAIL: ("aws_cloudtrail",),
    Subject.EVENT_DATA_STORE: ("aws_cloudtrail_event_data_store",),
    Subject.KEY: ("aws_kms_key", "aws_kms_replica_key", "aws_kms_external_key"),
}
_CLOUDFORMATION = {
    Subject.TRAIL: ("AWS::CloudTrail::Trail",),
    Subject.EVENT_DATA_STORE: ("AWS::CloudTrail::EventDataStore",),
    Subject.KEY: ("AWS::KMS::Key", "AWS::KMS::ReplicaKey"),
}
_PLAN = "terraform_plan"

_registered = False
_scans: WeakKeyDictionary[BaseRunner, dict[tuple[Path, ...], Scan]] = WeakKeyDictionary()
"""What each run of checkov has analysed. A runner is one run over one framework: what it scans does not change under it."""


def register() -> None:
    """Register every rule once, however often checkov executes the module that asks for it."""
    global _registered
    if _registered:
        return
    _registered = True
    try:
        config = config_in(Path.cwd())
        rules = config.options().rules
    except ParseError:
        # Each scan meets the same error, and every check fails with it.
        config = Config()
        rules = config.rulebook()
    for rule in rules:
        subjects = _subjects(rule, config)
        if subjects:
            _TerraformRule(rule, _types(_TERRAFORM, subjects))
            _CloudFormationRule(rule, _types(_CLOUDFORMATION, subjects))


def _subjects(rule: Rule, config: Config) -> set[Subject]:
    """Return what the rule is shown at."""
    subjects = set(CHECKS.get(rule.check, {}))
    if rule.subject is Subject.FILE or (Subject.KEY in subjects and config.keys):
        # A file and a key outside the code have no resource of their own: they are shown at those that may depend on them.
        return set(_TERRAFORM)
    return subjects


def _types(named: Mapping[Subject, tuple[str, ...]], subjects: Set[Subject]) -> list[str]:
    return [type for subject, types in named.items() if subject in subjects for type in types]


class _TerraformRule(TerraformCheck):
    def __init__(self, rule: Rule, types: Iterable[str]) -> None:
        super().__init__(rule.title, rule.id, [CheckCategories.ENCRYPTION], types, _guideline(rule))

    def scan_entity_conf(self, conf: dict[str, Any], entity_type: str) -> CheckResult:
        self.entity_type = entity_type
        shown = self.entity_path.partition(f":{entity_type}:")[0]
        answer = _answer(self.id, Language.TERRAFORM, shown, str(conf.get("__address__", "")))
        self.details = list(answer.details)
        return _result(answer)

    def scan_resource_conf(self, conf: dict[str, Any]) -> CheckResult:
        raise NotImplementedError


class _CloudFormationRule(CloudFormationCheck):
    def __init__(self, rule: Rule, types: Iterable[str]) -> None:
        self._title = rule.title
        super().__init__(rule.title, rule.id, [CheckCategories.ENCRYPTION], types, _guideline(rule))

    def scan_entity_conf(self, conf: dict[str, Any], entity_type: str) -> CheckResult:
        self.entity_type = entity_type
        shown, _, logical_id = self.entity_path.partition(f":{entity_type}:")
        answer = _answer(self.id, Language.CLOUDFORMATION, shown, logical_id)
        self.details = list(answer.details)
        # checkov leaves the details out of what it reports for CloudFormation, and takes the check's name as it is now.
        self.name = ": ".join((self._title, *answer.details)) if answer.fails else self._title
        return _result(answer)

    def scan_resource_conf(self, conf: dict[str, Any]) -> CheckResult:
        raise NotImplementedError


def _guideline(rule: Rule) -> str | None:
    return rule.references[0] if rule.references else None


def _result(answer: Answer) -> CheckResult:
    return CheckResult.FAILED if answer.fails else CheckResult.PASSED


def _answer(rule: str, language: Language, shown: str, address: str) -> Answer:
    try:
        return _asked(rule, language, shown, address)
    except Exception as error:
        # checkov shows nothing of an exception in a check, and exits 0.
        return Answer(True, (f"ctkms-policy could not finish: {error!r}",))


def _asked(rule: str, language: Language, shown: str, address: str) -> Answer:
    runner, root, files = _run_of_checkov()
    file = ((root or Path.cwd()) / shown.lstrip("/")).resolve()
    paths = tuple(files) or (root or Path.cwd(),)
    scan = _scan(runner, paths)
    answer = scan.answer(rule, Block(language, file, address))
    if runner.check_type != _PLAN or scan.has_read(file) or not answer.fails:
        return answer
    source = runner.repo_root_for_plan_enrichment
    if source is None:
        return Answer(True, ("ctkms-policy does not read plans: give checkov the code with --repo-root-for-plan-enrichment DIRECTORY",))
    return _scan(runner, (Path(source),)).answer(rule, Block(language, None, address))


def _scan(runner: BaseRunner, paths: tuple[Path, ...]) -> Scan:
    scans = _scans.setdefault(runner, {})
    if paths not in scans:
        scans[paths] = Scan(paths)
    return scans[paths]


def _run_of_checkov() -> tuple[BaseRunner, Path | None, list[Path]]:
    """Return the runner that asks, the directory it shows paths from (None: the working directory) and the files it was given.

    checkov tells a check only a path relative to a directory that it does not name. Runner.run knows: its parameters are checkov's
    own interface for Python, and the check runs inside it.
    """
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name == "run":
            known = frame.f_locals
            runner = known.get("self")
            if isinstance(runner, BaseRunner) and "root_folder" in known and "files" in known:
                root = known["root_folder"]
                return runner, Path(root) if root else None, [Path(file) for file in known["files"] or ()]
        frame = frame.f_back
    raise LookupError("checkov does not say which directory it scans")
