"""The command line: exit codes, options, and what is said when nothing was looked at."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from command import check_json, run, write
from conftest import REPOSITORY

import ctkms_policy

NO_KEY = 'resource "aws_cloudtrail" "main" {\n  name           = "audit"\n  s3_bucket_name = "logs"\n}\n'
GOOD = """
resource "aws_cloudtrail" "main" {
  name           = "audit"
  s3_bucket_name = "logs"
  kms_key_id     = aws_kms_key.logs.arn
}

resource "aws_kms_key" "logs" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Principal = { AWS = "arn:aws:iam::111122223333:root" }, Action = "kms:*", Resource = "*" },
      { Effect = "Allow", Principal = { AWS = "arn:aws:iam::111122223333:role/auditor" }, Action = "kms:Decrypt", Resource = "*" },
      {
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = ["kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { StringLike = { "aws:SourceArn" = "arn:aws:cloudtrail:*:111122223333:trail/audit" } }
      },
    ]
  })
}
"""
VARIABLE_KEY = NO_KEY.replace('"logs"\n', '"logs"\n  kms_key_id     = var.key\n') + 'variable "key" {}\n'


def test_a_trail_without_a_key_is_exit_1(tmp_path: Path) -> None:
    done = run(write(tmp_path, main_tf=NO_KEY), "check")
    assert done.code == 1
    assert "error[CTKMS001]" in done.out
    assert "main.tf:1:1" in done.out
    assert "1 trail, 0 keys in 1 file: 1 error, 0 warnings" in done.out


def test_a_good_trail_is_exit_0(tmp_path: Path) -> None:
    done = check_json(write(tmp_path, main_tf=GOOD))
    assert (done.code, done.json["findings"]) == (0, [])
    trail = done.json["trails"][0]
    assert trail["verdict"] == "pass"
    assert trail["policy"] == {"describe": "allowed", "encrypt": "allowed", "decrypt": "allowed"}
    assert trail["assumptions"]["account"] == "111122223333"


def test_assumptions_do_not_hold_under_strict(tmp_path: Path) -> None:
    done = check_json(write(tmp_path, main_tf=GOOD), "--strict")
    assert done.code == 1
    assert set(done.rules("undetermined")) >= {"CTKMS003", "CTKMS004"}


def test_undetermined_is_a_note_and_exit_0(tmp_path: Path) -> None:
    done = check_json(write(tmp_path, main_tf=VARIABLE_KEY))
    assert (done.code, done.rules("undetermined"), done.rules()) == (0, ["CTKMS015"], [])
    assert "var.key has no default" in done.json["findings"][0]["message"]
    assert done.json["summary"]["undetermined"] == 1
    assert check_json(tmp_path, "--strict").code == 1


def test_nothing_found_says_what_was_looked_at(tmp_path: Path) -> None:
    done = run(write(tmp_path, main_tf='resource "aws_s3_bucket" "b" {}\n'), "check")
    assert done.code == 0
    assert "no CloudTrail trail and no KMS key in 1 file" in done.out


def test_a_missing_path_is_exit_2(tmp_path: Path) -> None:
    done = run(tmp_path, "check", "nowhere")
    assert (done.code, done.out) == (2, "")
    assert "no such file or directory: nowhere" in done.err


def test_a_single_file_means_its_module(tmp_path: Path) -> None:
    write(
        tmp_path,
        trail_tf=GOOD.split('resource "aws_kms_key"')[0],
        kms_tf='resource "aws_kms_key"' + GOOD.split('resource "aws_kms_key"')[1],
    )
    done = check_json(tmp_path, "trail.tf")
    assert (done.code, done.json["summary"]["keys"]) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "code", "rules"),
    [
        (["--select", "CTKMS002"], 0, []),
        (["--select", "trail-without-kms-key"], 1, ["CTKMS001"]),
        (["--ignore", "CTKMS001,CTKMS002"], 0, []),
        (["--fail-on", "never"], 0, ["CTKMS001"]),
        (["--fail-on", "error"], 1, ["CTKMS001"]),
        (["--exclude", "main.tf"], 0, []),
    ],
)
def test_options_choose_rules_files_and_threshold(tmp_path: Path, arguments: list[str], code: int, rules: list[str]) -> None:
    done = check_json(write(tmp_path, main_tf=NO_KEY), *arguments)
    assert (done.code, done.rules()) == (code, rules)


def test_an_unknown_rule_is_a_usage_error_with_a_hint(tmp_path: Path) -> None:
    done = run(tmp_path, "check", "--select", "CTKMS0001")
    assert done.code == 2
    assert "did you mean CTKMS001?" in done.err


def test_default_excludes_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", main_tf=NO_KEY)
    inside = write(tmp_path / "inside", node_modules__x__main_tf=NO_KEY, _terraform__x__main_tf=NO_KEY, env__main_tf=NO_KEY)
    (inside / "_terraform").rename(inside / ".terraform")
    (inside / "env" / "pyvenv.cfg").write_text("")
    (inside / "link").symlink_to(outside, target_is_directory=True)
    (inside / "trail.tf").symlink_to(outside / "main.tf")
    (inside / "template.yaml").symlink_to(outside / "main.tf")
    assert check_json(inside).json["summary"]["trails"] == 0


def test_explain_and_rules() -> None:
    here = Path()
    assert "kms:GenerateDataKey" in run(here, "explain", "CTKMS004").out
    assert "kms:GenerateDataKey" in run(here, "explain", "cloudtrail-cannot-encrypt").out
    assert "CTKMS016" in run(here, "rules").out
    assert run(here, "explain", "CTKMS999").code == 2


def test_version_and_usage() -> None:
    assert run(Path()).code == 2
    assert run(Path(), "check", "--format", "nonsense").code == 2
    assert ctkms_policy.__version__


def test_output_goes_to_a_file(tmp_path: Path) -> None:
    done = check_json(write(tmp_path, main_tf=NO_KEY), "--output", "report.json")
    assert (done.code, done.out) == (1, "")
    assert json.loads((tmp_path / "report.json").read_text())["summary"]["errors"] == 1
    assert run(tmp_path, "check", "--output", "no/such/dir/x").code == 2


def test_color(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, main_tf=NO_KEY)
    assert "\x1b[" in run(tmp_path, "check", "--color", "always").out
    assert "\x1b[" not in run(tmp_path, "check").out


def test_paths_are_relative_to_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path, infra__live__main_tf=NO_KEY)
    done = check_json(tmp_path / "infra", "live")
    assert done.json["findings"][0]["location"]["path"] == "live/main.tf"
    sarif = json.loads(run(tmp_path / "infra", "check", "--format", "sarif", "live").out)
    location = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location["uri"] == "infra/live/main.tf"


def test_fingerprints_do_not_depend_on_the_working_directory_or_on_lines(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path, infra__main_tf=NO_KEY)
    first = check_json(tmp_path).json["findings"][0]["fingerprint"]
    write(tmp_path, infra__main_tf="\n\n# moved\n" + NO_KEY)
    assert check_json(tmp_path / "infra").json["findings"][0]["fingerprint"] == first


def test_a_failing_rule_is_exit_3_never_a_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ctkms_policy.checks as checks
    from ctkms_policy.rulebook import Subject

    def broken(case: object, rule: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setitem(checks.CHECKS, "trail_without_kms_key", {Subject.TRAIL: broken})
    done = run(write(tmp_path, main_tf=NO_KEY), "check")
    assert done.code == 3
    assert "rule CTKMS001 failed on aws_cloudtrail.main" in done.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_directory_without_permission_is_a_finding(tmp_path: Path) -> None:
    closed = write(tmp_path / "closed", main_tf=NO_KEY)
    closed.chmod(0)
    try:
        done = check_json(tmp_path)
    finally:
        closed.chmod(0o700)
    assert done.rules() == ["CTKMS000"]


def test_two_languages_in_one_run_keep_their_own_spelling() -> None:
    cases = REPOSITORY / "fixtures" / "CTKMS004" / "bad"
    findings = check_json(cases, "tf-source-arn-of-another-trail", "cfn-source-arn-of-another-trail").json["findings"]
    helps = {finding["location"]["path"].partition("/")[0]: finding["help"] for finding in findings}
    assert "data.aws_caller_identity" in helps["tf-source-arn-of-another-trail"]
    assert "AWS::AccountId" in helps["cfn-source-arn-of-another-trail"]
    assert not any("AWS::" in text and "data.aws" in text for text in helps.values())
