"""Our rules inside the real cfn-lint: exit codes without further flags, ids, positions, and nothing of ours that vanishes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from command import check_json, write
from conftest import REPOSITORY
from fixture_judges import declared_cfn_lint_ids

from ctkms_policy.linter import Options, check
from ctkms_policy.result import Result

CFN_LINT = shutil.which("cfn-lint", path=str(Path(sys.executable).parent))
pytestmark = [pytest.mark.host, pytest.mark.skipif(CFN_LINT is None, reason="no cfn-lint beside this Python")]

BAD = """Resources:
  Trail:
    Type: AWS::CloudTrail::Trail
    Properties:
      IsLogging: true
      S3BucketName: logs
"""
ARN = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"
GOOD = BAD + f"      KMSKeyId: {ARN}\n"
WAIVER = "  # ctkms-policy: waive CTKMS001 owner=team@example.com expires={} reason: legacy trail\n"


def cfn_lint(directory: Path, *arguments: str, text: str | None = None) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit code and the matches of our rules and of the rules that say that a rule failed."""
    done = subprocess.run(
        [str(CFN_LINT), "--append-rules", "ctkms_policy.cfnlint", "--format", "json", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        input=text,
        # A package that is not installed is found by the way that this process has it.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert done.stdout.startswith("["), done.stderr
    matches = [match for match in json.loads(done.stdout) if "CTKMS" in match["Rule"]["Id"] or match["Rule"]["Id"] == "E0002"]
    return done.returncode, matches


def ids(matches: list[dict[str, Any]]) -> list[str]:
    return sorted(match["Rule"]["Id"] for match in matches)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path


def test_a_bad_template_fails_and_a_good_one_passes_without_further_flags(repository: Path) -> None:
    write(repository, bad_yaml=BAD, good_yaml=GOOD)
    code, matches = cfn_lint(repository, "bad.yaml")
    assert code == 2
    assert ids(matches) == ["ECTKMS001"]
    assert cfn_lint(repository, "good.yaml") == (0, [])


@pytest.mark.parametrize("form", ["relative", "absolute", "upwards"])
def test_the_position_is_that_of_the_finding(repository: Path, form: str) -> None:
    write(repository, infra__bad_yaml=BAD)
    (repository / "other").mkdir()
    start, path = {
        "relative": (repository, "infra/bad.yaml"),
        "absolute": (repository, str(repository / "infra" / "bad.yaml")),
        "upwards": (repository / "other", "../infra/bad.yaml"),
    }[form]
    _, (match,) = cfn_lint(start, path)
    location = match["Location"]
    assert location["Start"] == {"LineNumber": 2, "ColumnNumber": 3}
    assert location["End"] == {"LineNumber": 2, "ColumnNumber": 8}
    assert location["Path"] == ["Resources", "Trail"]
    assert 'trail "Trail" has no KMS key' in match["Message"]
    assert "set KMSKeyId to the ARN" in match["Message"]


def test_every_finding_of_every_template_fixture_is_a_match() -> None:
    templates = sorted((REPOSITORY / "fixtures").glob("CTKMS0[01][0-9]/*/*/template.*"))
    names = [str(path.relative_to(REPOSITORY)) for path in templates]
    assert len(names) > 100
    _, matches = cfn_lint(REPOSITORY, "-c", "I", "--", *names)
    found = {
        (match["Filename"], match["Rule"]["Id"], match["Location"]["Start"]["LineNumber"], match["Location"]["Start"]["ColumnNumber"])
        for match in matches
    }
    expected = set()
    for name in names:
        for finding in check_json(REPOSITORY, name).json["findings"]:
            place = finding["location"]
            prefix = finding["severity"][0].upper().replace("N", "I")
            if place["path"] == name and not _is_unparsable(name):
                expected.add((name, prefix + finding["rule"], place["line"], place["column"]))
    assert found == expected


def _is_unparsable(name: str) -> bool:
    """Whether cfn-lint itself cannot parse the template and runs no rule on it."""
    return "E0000" in declared_cfn_lint_ids(REPOSITORY / name)


def test_undetermined_is_a_note_unless_strict(repository: Path) -> None:
    write(repository, good_yaml=GOOD)
    assert ids(cfn_lint(repository, "-c", "I", "--", "good.yaml")[1]) == ["ICTKMS015"]
    (repository / ".ctkms-policy.yaml").write_text("strict: true\n")
    code, matches = cfn_lint(repository, "good.yaml")
    assert (code, ids(matches)) == (2, ["ECTKMS015"])


def test_the_configured_severity_ranks_the_match(repository: Path) -> None:
    write(repository, bad_yaml=BAD)
    (repository / ".ctkms-policy.yaml").write_text("severities:\n  CTKMS001: warning\n")
    code, matches = cfn_lint(repository, "bad.yaml")
    assert (code, ids(matches)) == (4, ["WCTKMS001"])


@pytest.mark.parametrize(("expires", "expected"), [("2999-12-31", []), ("2020-01-31", ["ECTKMS001", "ECTKMS090"])])
def test_a_waiver_holds_until_its_date(repository: Path, expires: str, expected: list[str]) -> None:
    write(repository, bad_yaml=BAD.replace("  Trail:\n", WAIVER.format(expires) + "  Trail:\n"))
    code, matches = cfn_lint(repository, "bad.yaml")
    assert (code, ids(matches)) == (2 if expected else 0, expected)


def test_cfn_lints_own_directives_reach_our_rules(repository: Path) -> None:
    metadata = "    Metadata: {cfn-lint: {config: {ignore_checks: [ECTKMS001]}}}\n"
    write(repository, bad_yaml=BAD.replace("    Properties:\n", metadata + "    Properties:\n"))
    assert cfn_lint(repository, "bad.yaml") == (0, [])


def test_a_finding_in_a_nested_stack_is_shown_at_its_stack(repository: Path) -> None:
    stack = "  Logs:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: ./nested.yaml\n"
    parent = f"Description: CloudTrail\nResources:\n{stack}"
    write(repository, parent_yaml=parent, nested_yaml=BAD)
    _, (match,) = cfn_lint(repository, "parent.yaml")
    assert match["Location"]["Start"]["LineNumber"] == 3
    assert match["Location"]["Path"] == ["Resources", "Logs"]
    assert match["Message"].startswith("nested.yaml:2:3: ")


def test_an_unusable_configuration_is_a_match_and_no_silence(repository: Path) -> None:
    write(repository, good_yaml=GOOD)
    (repository / ".ctkms-policy.yaml").write_text("strickt: true\n")
    code, matches = cfn_lint(repository, "good.yaml")
    assert (code, ids(matches)) == (2, ["ECTKMS000"])
    assert ".ctkms-policy.yaml:1:1" in matches[0]["Message"]


def test_a_defect_of_ours_is_a_match_and_no_silence(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cfnlint.template import Template

    from ctkms_policy.cfnlint import rules

    def explode(*arguments: object) -> None:
        raise RecursionError("too deep")

    write(repository, good_yaml=GOOD)
    monkeypatch.setattr(rules, "check", explode)
    rule = rules.rule_classes()["ECTKMS000"]()
    (match,) = rule.match(Template(str(repository / "good.yaml"), {"Resources": {}}))
    assert "too deep" in match.message


def test_the_engine_runs_once_for_a_template(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cfnlint.template import Template

    from ctkms_policy.cfnlint import rules

    calls: list[Sequence[Path]] = []

    def counted(paths: Sequence[Path], options: Options) -> Result:
        calls.append(paths)
        return check(paths, options)

    write(repository, bad_yaml=BAD)
    monkeypatch.setattr(rules, "check", counted)
    template = Template(str(repository / "bad.yaml"), {"Resources": {}})
    found = [match for rule in rules.rule_classes().values() for match in rule().match(template)]
    assert len(found) == 1
    assert len(calls) == 1


def test_a_trail_on_standard_input_does_not_pass_unseen(repository: Path) -> None:
    code, matches = cfn_lint(repository, text=GOOD)
    assert (code, ids(matches)) == (2, ["ECTKMS000"])
    without = BAD.replace("CloudTrail::Trail", "SNS::Topic").partition("    Properties")[0]
    assert cfn_lint(repository, text=without) == (0, [])


def test_the_documented_configuration_works(repository: Path) -> None:
    text = (REPOSITORY / "docs" / "cfn-lint.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"<!-- example: .cfnlintrc -->\n```yaml\n(.*?)```\n", text, re.DOTALL)
    write(repository, bad_yaml=BAD)
    (repository / ".cfnlintrc").write_text(example)
    done = subprocess.run(
        [str(CFN_LINT), "bad.yaml"],
        cwd=repository,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert done.returncode == 2
    assert done.stdout.startswith("ECTKMS001 ")


def test_only_cfn_lint_imports_the_package() -> None:
    code = (
        "import pkgutil, sys, ctkms_policy.cli, ctkms_policy.linter, ctkms_policy.config, ctkms_policy.report\n"
        "print({'cfnlint', 'ctkms_policy.cfnlint'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert done.stdout == "set()\n"
