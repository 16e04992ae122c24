"""The way out that each rule shows: independent judges look at every snippet."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ctkms_policy.linter import Options, check
from ctkms_policy.result import TrailVerdict
from ctkms_policy.rulebook import Rule, load_rules

RULES = load_rules()
with_cloudformation = pytest.mark.parametrize("rule", [rule for rule in RULES if rule.remediation.cloudformation], ids=lambda rule: rule.id)
with_terraform = pytest.mark.parametrize("rule", [rule for rule in RULES if rule.remediation.terraform], ids=lambda rule: rule.id)
with_cli = pytest.mark.parametrize("rule", [rule for rule in RULES if rule.remediation.cli], ids=lambda rule: rule.id)

TERRAFORM = shutil.which("terraform")
BASH = shutil.which("bash")
CFN_LINT = shutil.which("cfn-lint", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))
HEREDOC = re.compile(r"<<'JSON'\n(.*?)\nJSON\n", re.DOTALL)


def run(*command: str, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def cfn_lint_matches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What cfn-lint says about every template, information included, by rule id: one run, because it starts slowly."""
    if CFN_LINT is None:
        pytest.skip("cfn-lint is not installed")
    directory = tmp_path_factory.mktemp("templates")
    matches: dict[str, list[str]] = {}
    for rule in RULES:
        if rule.remediation.cloudformation:
            (directory / f"{rule.id}.yaml").write_text(rule.remediation.cloudformation + "\n", encoding="utf-8")
            matches[rule.id] = []
    templates = sorted(str(template) for template in directory.iterdir())
    done = run(CFN_LINT, "--include-checks", "I", "--regions", "us-east-1", "--format", "json", "--", *templates, text="")
    for match in json.loads(done.stdout):
        matches[Path(match["Filename"]).stem].append(f"{match['Rule']['Id']} {match['Message']}")
    return matches


@with_cloudformation
def test_templates_pass_cfn_lint(rule: Rule, cfn_lint_matches: dict[str, list[str]]) -> None:
    assert cfn_lint_matches[rule.id] == []


@with_terraform
@pytest.mark.skipif(TERRAFORM is None, reason="terraform is not installed")
def test_terraform_parses_and_is_formatted(rule: Rule) -> None:
    assert TERRAFORM is not None
    done = run(TERRAFORM, "fmt", "-diff", "-", text=rule.remediation.terraform + "\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "", "not as terraform fmt writes it"


@with_cli
@pytest.mark.skipif(BASH is None, reason="bash is not installed")
def test_commands_are_shell(rule: Rule) -> None:
    assert BASH is not None
    done = run(BASH, "-n", text=rule.remediation.cli + "\n")
    assert (done.returncode, done.stderr) == (0, "")


@with_cli
def test_statements_in_commands_are_json(rule: Rule) -> None:
    statements = [json.loads(text) for text in HEREDOC.findall(rule.remediation.cli)]
    assert len(statements) == rule.remediation.cli.count("<<")
    for statement in statements:
        assert statement.keys() >= {"Sid", "Effect", "Principal", "Action", "Resource"}


def aws_commands(text: str) -> list[list[str]]:
    """The words of each ``aws`` command, without heredocs and comments."""
    lines = HEREDOC.sub("\n", text).replace("\\\n", " ").splitlines()
    words = [shlex.split(line.partition(" > ")[0], comments=True) for line in lines]
    return [each for each in words if each[:1] == ["aws"]]


def test_aws_commands_take_these_options() -> None:
    session = pytest.importorskip("botocore.session", reason="botocore, which knows the commands, is not installed").get_session()
    from botocore import xform_name  # type: ignore[import-not-found, unused-ignore]

    own_to_the_cli = {"--query", "--output", "--region"}
    for rule in RULES:
        for _, command, operation, *options in aws_commands(rule.remediation.cli):
            model = session.get_service_model({"s3api": "s3"}.get(command, command))
            shapes = {xform_name(name, "-"): model.operation_model(name).input_shape for name in model.operation_names}
            known = {f"--{xform_name(name, '-')}" for name in shapes[operation].members}
            required = {f"--{xform_name(name, '-')}" for name in shapes[operation].required_members}
            given = {option for option in options if option.startswith("--")}
            assert required <= given <= known | own_to_the_cli, f"{rule.id}: aws {command} {operation}"


def test_commands_of_aws_are_found() -> None:
    """Without commands the test above would pass."""
    commands = {(words[1], words[2]) for rule in RULES for words in aws_commands(rule.remediation.cli)}
    assert {("cloudtrail", "update-trail"), ("kms", "put-key-policy"), ("kms", "get-key-policy")} <= commands


@pytest.mark.parametrize(("file", "language"), [("template.yaml", "cloudformation"), ("main.tf", "terraform")])
def test_no_way_out_breaks_its_own_rule(file: str, language: str, tmp_path: Path) -> None:
    for rule in RULES:
        directory = tmp_path / rule.id
        directory.mkdir()
        (directory / file).write_text(getattr(rule.remediation, language) + "\n", encoding="utf-8")
        result = check([directory], Options(rules=RULES))
        broken = [finding.message for finding in result.findings if finding.rule == rule.id]
        assert broken == [], rule.id


@pytest.mark.parametrize(("file", "language"), [("template.yaml", "cloudformation"), ("main.tf", "terraform")])
@pytest.mark.parametrize("complete", [rule for rule in RULES if rule.id in ("CTKMS001", "CTKMS015")], ids=lambda rule: rule.id)
def test_a_complete_example_passes_every_rule(complete: Rule, file: str, language: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(getattr(complete.remediation, language) + "\n", encoding="utf-8")
    result = check([tmp_path], Options(rules=RULES))
    assert [finding.message for finding in result.findings] == []
    assert [trail.verdict for trail in result.trails] == [TrailVerdict.PASS]
    assert result.keys == 1


@with_cli
def test_commands_of_ours_name_rules_that_exist(rule: Rule) -> None:
    texts = " ".join((rule.rationale, rule.impact, rule.remediation.console, rule.remediation.cli, rule.remediation.terraform))
    named = set(re.findall(r"CTKMS[0-9]{3}", texts))
    assert named <= {each.id for each in RULES}
