"""The fixtures: executed documentation of every rule.

``fixtures/<RULE>/bad/<case>/`` must make the rule speak and ``fixtures/<RULE>/good/<case>/`` must leave it silent; the output of
``ctkms-policy check --color never .`` in that directory is ``expected.out`` beside it. UPDATE_GOLDEN=1 writes those files anew:
read the diff. cfn-lint and terraform, which know nothing of this project, judge the inputs.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from command import check_json, run
from conftest import REPOSITORY
from fixture_judges import cfn_lint, declared_cfn_lint_ids, unformatted, with_suffix

from ctkms_policy.model import Language
from ctkms_policy.rulebook import Rule, load_rules

FIXTURES = REPOSITORY / "fixtures"
LANGUAGES = {"tf": Language.TERRAFORM, "cfn": Language.CLOUDFORMATION}
TERRAFORM_FILES = (".tf", ".tf.json")
TEMPLATE_FILES = ("template.yaml", "template.json")


@dataclass(frozen=True)
class Fixture:
    """One directory of input."""

    rule: str
    kind: str
    name: str

    @property
    def id(self) -> str:
        return f"{self.rule}/{self.kind}/{self.name}"

    @property
    def directory(self) -> Path:
        return FIXTURES / self.rule / self.kind / self.name

    @property
    def language(self) -> Language:
        return LANGUAGES[self.name.split("-")[0]]


ALL = [Fixture(*path.relative_to(FIXTURES).parts) for path in sorted(FIXTURES.glob("*/*/*")) if path.is_dir()]
BAD = [fixture for fixture in ALL if fixture.kind == "bad"]
GOOD = [fixture for fixture in ALL if fixture.kind == "good"]
RULES: Mapping[str, Rule] = {rule.id: rule for rule in load_rules()}
TODAY = ("--today", "2026-06-30")
"""The day of the fixtures about waivers."""

SEVERITY_BELOW_DEFAULT = {
    # the statement still works: one misspelt action among valid ones
    "CTKMS010/bad/cfn-misspelt-among-valid-actions": "note",
    "CTKMS010/bad/tf-misspelt-among-valid-actions": "note",
    # accepted, but never converges
    "CTKMS011/bad/tf-alias-arn": "note",
}

OTHER_RULES_OF_GOOD = {
    # Silent for their own rule, and still wrong for another one.
    "CTKMS005/good/tf-delegated-to-iam": {"CTKMS016"},
    "CTKMS004/good/cfn-single-statement-object": {"CTKMS005"},
    "CTKMS004/good/tf-single-statement-object": {"CTKMS005"},
}

DOES_NOT_PARSE = ("CTKMS000/bad/tf-unclosed-brace", "CTKMS000/bad/tf-unclosed-heredoc")
"""Terraform itself cannot read these either."""


def each(fixtures: list[Fixture]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fixture", fixtures, ids=lambda fixture: fixture.id)


# -- what the tool says about them -------------------------------------------------------------------------------------


@each(ALL)
def test_the_output_is_the_golden_one(fixture: Fixture) -> None:
    result = run(fixture.directory, "check", "--color", "never", *TODAY, ".")
    assert result.code in (0, 1), result.err
    assert result.err == ""
    golden = fixture.directory / "expected.out"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.write_text(result.out, encoding="utf-8", newline="\n")
    assert golden.exists(), "no expected.out: run with UPDATE_GOLDEN=1 and read what it writes"
    assert result.out == golden.read_text(encoding="utf-8")


@each(BAD)
def test_the_rule_speaks_of_a_bad_one(fixture: Fixture) -> None:
    result = check_json(fixture.directory, *TODAY, ".")
    found = _about(fixture, result.json)
    rule = RULES[fixture.rule]
    assert found, f"{fixture.rule} is silent"
    if rule.check == "policy_not_visible":
        assert {each["verdict"] for each in found} == {"undetermined"}
        assert result.json["trails"][0]["verdict"] == "undetermined"
        return
    failing = [each for each in found if each["verdict"] == "fail"]
    assert failing, f"{fixture.rule} has no definite finding"
    assert {each["severity"] for each in failing} == {SEVERITY_BELOW_DEFAULT.get(fixture.id, rule.severity.value)}
    fails_the_run = any(each["verdict"] == "fail" and each["severity"] != "note" for each in result.json["findings"])
    assert result.code == (1 if fails_the_run else 0)


@each(GOOD)
def test_the_rule_is_silent_about_a_good_one(fixture: Fixture) -> None:
    result = check_json(fixture.directory, *TODAY, ".")
    found = _about(fixture, result.json)
    if RULES[fixture.rule].check == "policy_not_visible":
        assert found == []
    assert [each["message"] for each in found if each["verdict"] == "fail"] == []
    failing = {each["rule"] for each in result.json["findings"] if each["verdict"] == "fail" and each["waived"] is None}
    assert failing == OTHER_RULES_OF_GOOD.get(fixture.id, set())
    assert result.code == (1 if failing else 0)


def _about(fixture: Fixture, report: Any) -> list[Any]:
    return [finding for finding in report["findings"] if finding["rule"] == fixture.rule]


# -- whether they are complete -----------------------------------------------------------------------------------------


def test_every_fixture_belongs_to_a_rule_and_to_the_language_of_its_name() -> None:
    for fixture in ALL:
        assert fixture.rule in RULES
        assert fixture.kind in ("bad", "good")
        assert (fixture.language is Language.TERRAFORM) == bool(with_suffix([fixture.directory], *TERRAFORM_FILES)), fixture.id
        assert (fixture.language is Language.CLOUDFORMATION) == bool(with_suffix([fixture.directory], *TEMPLATE_FILES)), fixture.id


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_every_rule_has_bad_and_good_fixtures_in_each_language(rule: Rule) -> None:
    counts = Counter((fixture.kind, fixture.language) for fixture in ALL if fixture.rule == rule.id)
    for language in rule.applies_to:
        assert counts["bad", language], f"no bad fixture for {language.value}"
        assert counts["good", language], f"no good fixture for {language.value}"
    bad = sum(number for (kind, _), number in counts.items() if kind == "bad")
    assert counts.total() - bad >= bad, "fewer inputs that must stay silent than inputs that must speak"


def test_exceptions_name_fixtures() -> None:
    named = {*SEVERITY_BELOW_DEFAULT, *OTHER_RULES_OF_GOOD, *DOES_NOT_PARSE}
    assert named <= {fixture.id for fixture in ALL}


# -- what the judges say about them ------------------------------------------------------------------------------------

TEMPLATES = tuple(with_suffix((fixture.directory for fixture in ALL), *TEMPLATE_FILES))


@pytest.mark.host
@pytest.mark.skipif(find_spec("cfnlint") is None, reason="cfn-lint is not installed")
@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.parent.relative_to(FIXTURES).as_posix())
def test_cfn_lint_finds_what_the_template_declares(template: Path) -> None:
    declared = declared_cfn_lint_ids(template)
    assert cfn_lint(TEMPLATES)[template] == declared
    if "/good/" in template.as_posix():
        assert not {each for each in declared if each.startswith("E")}, "a good template has no errors to declare"


@pytest.mark.host
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_reads_every_module_and_finds_it_formatted() -> None:
    parsing = [fixture.directory for fixture in ALL if fixture.language is Language.TERRAFORM and fixture.id not in DOES_NOT_PARSE]
    code, output = unformatted(parsing)
    assert code == 0, output


@pytest.mark.host
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
@pytest.mark.parametrize("name", DOES_NOT_PARSE)
def test_terraform_cannot_read_what_we_call_unreadable(name: str) -> None:
    code, output = unformatted([FIXTURES / name])
    assert code == 2, output
