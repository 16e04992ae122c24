"""Our rules inside the real checkov: exit codes, resources, verdicts, and that nothing of ours can vanish."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import pytest
from checkov_command import CHECKOV, checkov
from command import check_json, run
from conftest import REPOSITORY

from ctkms_policy.checkov import EXTERNAL_CHECKS
from ctkms_policy.checkov.selftest import _write_examples
from ctkms_policy.linter import Options, check
from ctkms_policy.result import Result
from ctkms_policy.rulebook import load_rules

pytestmark = pytest.mark.skipif(CHECKOV is None, reason="no checkov beside this Python")

ALL_RULES = ",".join(rule.id for rule in load_rules())

BAD_TF = 'resource "aws_cloudtrail" "audit" {\n  name           = "audit"\n  s3_bucket_name = "logs"\n}\n'
BAD_CFN = "Resources:\n  Trail:\n    Type: AWS::CloudTrail::Trail\n    Properties:\n      IsLogging: true\n      S3BucketName: logs\n"
ARN = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"
GOOD_TF = BAD_TF.replace("}\n", f'  kms_key_id     = "{ARN}"\n}}\n')
GOOD_CFN = BAD_CFN + f"      KMSKeyId: {ARN}\n"
UNKNOWN_TF = 'variable "key_arn" {\n  type = string\n}\n' + BAD_TF.replace("}\n", "  kms_key_id     = var.key_arn\n}\n")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path


def test_bad_fails_and_good_passes_in_all_three_frameworks(tmp_path: Path) -> None:
    _write_examples(tmp_path)
    arguments = ("-d", ".", "-c", ALL_RULES, "--repo-root-for-plan-enrichment", ".")
    bad, good = (checkov(tmp_path / name, *arguments) for name in ("bad", "good"))
    assert (bad.code, good.code) == (1, 0)
    expected = {
        "terraform": "aws_cloudtrail.audit",
        "terraform_plan": "aws_cloudtrail.audit",
        "cloudformation": "AWS::CloudTrail::Trail.Trail",
    }
    for framework, resource in expected.items():
        assert bad.pairs(framework=framework) == [("CTKMS001", resource)]
        assert good.pairs(framework=framework) == []
        assert ("CTKMS004", resource) in good.pairs("passed", framework)


def test_a_bad_plan_fails_without_its_code_too(tmp_path: Path) -> None:
    _write_examples(tmp_path)
    assert checkov(tmp_path / "bad", "-f", "plan.json", "-c", "CTKMS001").code == 1


def test_a_plan_of_other_code_does_not_pass(tmp_path: Path) -> None:
    _write_examples(tmp_path)
    (tmp_path / "empty").mkdir()
    shutil.copy(tmp_path / "bad" / "plan.json", tmp_path / "plan.json")
    seen = checkov(tmp_path, "-f", "plan.json", "-c", "CTKMS001", "--repo-root-for-plan-enrichment", "empty")
    assert seen.pairs() == [("CTKMS001", "aws_cloudtrail.audit")]


@pytest.mark.parametrize(
    ("start", "arguments"),
    [
        (".", ["-d", "."]),
        (".", ["-d", "infra"]),
        (".", ["-f", "infra/main.tf", "infra/t.yaml"]),
        ("infra", ["-f", "main.tf", "-f", "t.yaml"]),
        ("other", ["-d", "../infra"]),
        ("other", ["-f", "../infra/main.tf", "../infra/t.yaml"]),
    ],
)
def test_the_scanned_root_need_not_be_the_working_directory(repository: Path, start: str, arguments: list[str]) -> None:
    for name in ("infra", "other"):
        (repository / name).mkdir()
    (repository / "infra" / "main.tf").write_text(BAD_TF)
    (repository / "infra" / "t.yaml").write_text(BAD_CFN)
    # What stands under the same relative path elsewhere must not be mistaken for it.
    (repository / "other" / "main.tf").write_text(GOOD_TF)
    seen = checkov(repository / start, *arguments, "-c", "CTKMS001")
    assert seen.code == 1
    assert seen.pairs() == [("CTKMS001", "AWS::CloudTrail::Trail.Trail"), ("CTKMS001", "aws_cloudtrail.audit")]


def test_an_absolute_directory_and_several_of_them(repository: Path) -> None:
    for name, text in (("a", GOOD_TF), ("b", BAD_TF)):
        (repository / name).mkdir()
        (repository / name / "main.tf").write_text(text)
    seen = checkov(Path("/"), "-d", str(repository / "a"), "-d", str(repository / "b"), "-c", "CTKMS001")
    # The report of the second directory repeats that of the first.
    assert {record["file_abs_path"] for record in seen.records()} == {str(repository / "b" / "main.tf")}
    assert {record["file_abs_path"] for record in seen.records("passed")} == {str(repository / "a" / "main.tf")}


def test_each_module_instance_has_its_own_verdict(repository: Path) -> None:
    (repository / "trail").mkdir()
    (repository / "trail" / "main.tf").write_text(
        'variable "key" {\n  default = null\n}\n' + BAD_TF.replace("}\n", "  kms_key_id     = var.key\n}\n")
    )
    (repository / "main.tf").write_text(
        f'module "good" {{\n  source = "./trail"\n  key    = "{ARN}"\n}}\n'
        'module "bad" {\n  source   = "./trail"\n  for_each = toset(["x", "y"])\n}\n'
    )
    seen = checkov(repository, "-d", ".", "-c", "CTKMS001")
    assert seen.pairs() == [("CTKMS001", f'module.bad["{key}"].aws_cloudtrail.audit') for key in "xy"]
    assert seen.pairs("passed") == [("CTKMS001", "module.good.aws_cloudtrail.audit")]


def test_the_verdicts_are_those_of_check_over_all_fixtures() -> None:
    report = check_json(REPOSITORY, "fixtures", "--ignore", "CTKMS000,CTKMS090,CTKMS091,CTKMS092").json
    expected = {
        (finding["rule"], finding["resource"], _case(finding["location"]["path"]))
        for finding in report["findings"]
        if finding["verdict"] == "fail" and finding["severity"] != "note" and not finding["waived"]
    }
    seen = checkov(REPOSITORY, "-d", "fixtures", "--framework", "terraform", "cloudformation", "-c", ALL_RULES.replace("CTKMS000,", ""))
    found = {
        (record["check_id"], re.sub(r"^AWS::.*\.", "", record["resource"]), _case("fixtures" + record["file_path"]))
        for record in seen.records()
    }
    assert len(expected) > 100
    assert found == expected


def _case(path: str) -> str:
    """Return the fixture that a path is of: ``fixtures/CTKMS001/bad/tf-missing``."""
    return "/".join(path.split("/")[:4])


def test_message_position_and_way_out_are_shown(repository: Path) -> None:
    (repository / "main.tf").write_text(BAD_TF)
    (repository / "t.yaml").write_text(BAD_CFN)
    seen = checkov(repository, "-d", ".", "-c", "CTKMS001")
    (terraform,) = seen.records(framework="terraform")
    (cloudformation,) = seen.records(framework="cloudformation")
    assert terraform["details"][0].startswith('main.tf:1:1: trail "audit" has no KMS key')
    assert "set kms_key_id to the ARN" in terraform["details"][0]
    assert 't.yaml:2:3: trail "Trail" has no KMS key' in cloudformation["check_name"]
    assert "set KMSKeyId to the ARN" in cloudformation["check_name"]
    assert terraform["guideline"].startswith("https://")


def test_what_cannot_be_determined_passes_unless_strict(repository: Path) -> None:
    (repository / "main.tf").write_text(UNKNOWN_TF)
    assert checkov(repository, "-d", ".", "-c", "CTKMS015").code == 0
    (repository / ".ctkms-policy.yaml").write_text("strict: true\n")
    seen = checkov(repository, "-d", ".", "-c", "CTKMS015")
    assert seen.code == 1
    assert seen.records()[0]["details"][0].startswith("undetermined: main.tf:")


@pytest.mark.parametrize(("expires", "code"), [("2999-12-31", 0), ("2020-01-31", 1)])
def test_a_waiver_holds_until_its_date(repository: Path, expires: str, code: int) -> None:
    waiver = f"# ctkms-policy: waive CTKMS001 owner=team@example.com expires={expires} reason: legacy trail\n"
    (repository / "main.tf").write_text(waiver + BAD_TF)
    (repository / "t.yaml").write_text(BAD_CFN.replace("  Trail:\n", f"  {waiver}  Trail:\n"))
    assert checkov(repository, "-d", ".", "-c", "CTKMS001").code == code


def test_an_unreadable_file_fails_the_trails_beside_it_and_no_others(repository: Path) -> None:
    for name in ("a", "b"):
        (repository / name).mkdir()
        (repository / name / "main.tf").write_text(GOOD_TF)
    (repository / "a" / "kms.tf").write_text('resource "aws_kms_key" "cloudtrail" {\n  policy = [\n')
    seen = checkov(repository, "-d", ".", "-c", "CTKMS000")
    assert [record["file_path"] for record in seen.records()] == ["/a/main.tf"]
    assert seen.code == 1


def test_an_unusable_configuration_fails_and_says_so(repository: Path) -> None:
    (repository / "main.tf").write_text(GOOD_TF)
    (repository / ".ctkms-policy.yaml").write_text("strickt: true\n")
    seen = checkov(repository, "-d", ".", "-c", "CTKMS001")
    assert seen.code == 1
    assert "cannot use its configuration: .ctkms-policy.yaml:1:1" in seen.records()[0]["details"][0]


def test_a_package_that_cannot_be_imported_fails_every_rule(repository: Path) -> None:
    broken = repository / "broken" / "ctkms_policy"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text('raise ImportError("no such thing")\n')
    (repository / "main.tf").write_text(GOOD_TF)
    (repository / "t.yaml").write_text(GOOD_CFN)
    seen = checkov(repository, "-d", ".", "-c", "CTKMS001,CTKMS004", PYTHONPATH=str(broken.parent))
    assert seen.code == 1
    assert len(seen.pairs()) == 4
    assert all("no such thing" in record["check_name"] for record in seen.records())


def in_process(framework: str, directory: Path, *rules: str) -> Any:
    """Return checkov's report of a run in this process."""
    runner = import_module(f"checkov.{framework}.runner").Runner()
    chosen = import_module("checkov.runner_filter").RunnerFilter(checks=list(rules) or ALL_RULES.split(","))
    return runner.run(str(directory), external_checks_dir=[str(EXTERNAL_CHECKS)], runner_filter=chosen)


@pytest.mark.parametrize("framework", ["terraform", "cloudformation"])
def test_the_engine_runs_once_for_all_resources_and_rules(repository: Path, monkeypatch: pytest.MonkeyPatch, framework: str) -> None:
    (repository / "main.tf").write_text(BAD_TF + BAD_TF.replace('"audit" {', '"second" {'))
    (repository / "t.yaml").write_text(BAD_CFN)
    (repository / "u.yaml").write_text(BAD_CFN)
    calls: list[Sequence[Path]] = []

    def counted(paths: Sequence[Path], options: Options) -> Result:
        calls.append(paths)
        return check(paths, options)

    monkeypatch.setattr("ctkms_policy.checkov.scan.check", counted)
    report = in_process(framework, repository)
    assert len(report.failed_checks) == 2
    assert len(report.passed_checks) > 10
    assert calls == [(repository,)]


@pytest.mark.parametrize("place", ["engine", "adapter"])
def test_an_exception_of_ours_fails_with_its_text(repository: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def explode(*arguments: object) -> None:
        raise RecursionError("too deep")

    (repository / "main.tf").write_text(GOOD_TF)
    monkeypatch.setattr({"engine": "ctkms_policy.checkov.scan.check", "adapter": "ctkms_policy.checkov.checks._asked"}[place], explode)
    report = in_process("terraform", repository, "CTKMS001")
    (record,) = report.failed_checks
    assert "too deep" in record.details[0]


def test_checkov_is_the_same_beside_us(repository: Path) -> None:
    (repository / "main.tf").write_text(BAD_TF + 'resource "aws_kms_key" "logs" {\n  policy = "not json {"\n}\n')
    (repository / "t.yaml").write_text(BAD_CFN)
    alone, beside = (checkov(repository, "-d", ".", external=external) for external in (False, True))
    for outcome in ("failed", "passed", "skipped"):
        own = [pair for pair in beside.pairs(outcome) if pair[0].startswith("CKV")]
        assert own == alone.pairs(outcome)
    assert len(alone.pairs()) > 3
    assert any(rule.startswith("CTKMS") for rule, _ in beside.pairs())


def test_checkov_keeps_its_reader_of_terraform() -> None:
    owners = metadata.packages_distributions()["hcl2"]
    assert set(owners) == {"bc-python-hcl2"}
    assert import_module("hcl2").START_LINE


def test_the_selftest_proves_that_the_checks_fire(tmp_path: Path) -> None:
    done = run(tmp_path, "checkov-selftest")
    assert done.code == 0
    assert done.out.count("the bad example fails, the good one passes") == 3


def test_the_selftest_notices_a_checkov_that_does_not_load_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "checkov"
    fake.write_text(f"#!/bin/sh\nexec {CHECKOV} --directory . -c CTKMS001 --output json --skip-download\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    done = run(tmp_path, "checkov-selftest")
    assert done.code == 3
    assert "terraform: checkov does not run CTKMS000, CTKMS001" in done.out


def test_the_directory_is_printed_and_holds_uniquely_named_modules(tmp_path: Path) -> None:
    done = run(tmp_path, "checkov-dir")
    assert done.code == 0
    names = sorted(path.name for path in Path(done.out.strip()).glob("*.py"))
    # checkov loads nothing without the first, and executes the others as top-level modules: their names must be nobody else's.
    assert names[0] == "__init__.py"
    assert len(names) > 1
    assert all(name.startswith("ctkms_policy_") for name in names[1:])


def test_the_documented_ways_to_silence_checkov_work(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "checkov.md").read_text(encoding="utf-8")
    examples = dict(re.findall(r"<!-- example: (\S+) -->\n```\w+\n(.*?)```\n", text, re.DOTALL))
    assert set(examples) == {"main.tf", "template.yaml", ".checkov.yaml"}
    noisy = {"CKV_AWS_33", "CKV_AWS_109", "CKV_AWS_111", "CKV_AWS_356"}
    rules = ",".join((*noisy, ALL_RULES))

    def failed(name: str, files: dict[str, str], *arguments: str) -> set[str]:
        directory = tmp_path / name
        directory.mkdir()
        (directory / ".git").mkdir()
        for file, content in files.items():
            (directory / file).write_text(content, encoding="utf-8")
        return {rule for rule, _ in checkov(directory, "-d", ".", *arguments).pairs()}

    code = {file: examples[file] for file in ("main.tf", "template.yaml")}
    plain = {file: re.sub(r" *# checkov:skip.*\n", "", content) for file, content in code.items()}
    assert failed("plain", plain, "-c", rules) == noisy
    assert failed("skipped", code, "-c", rules) == set()
    configured = failed("configured", {**plain, ".checkov.yaml": examples[".checkov.yaml"]})
    assert configured
    assert not configured & noisy
    assert not any(rule.startswith("CTKMS") for rule in configured)


def test_nothing_heavy_is_loaded_to_print_the_directory() -> None:
    code = (
        "import sys; from ctkms_policy.cli import main; main(['checkov-dir']); print({'checkov', 'hcl2', 'tree_sitter'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")
