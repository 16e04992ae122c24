"""The generated documentation, its generator, and rules as plain text."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from ctkms_policy.report.explain import describe_controls, explain, rule_table, wrap_prose
from ctkms_policy.rulebook import Control, Rule, load_rules

REPOSITORY = Path(__file__).resolve().parent.parent
RULES = load_rules()
BY_ID = {rule.id: rule for rule in RULES}
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


def _load_generator() -> ModuleType:
    specification = importlib.util.spec_from_file_location("generate", REPOSITORY / "docs" / "generate.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["generate"] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


generator = _load_generator()


# -- the pages ---------------------------------------------------------------------------------------------------------


def test_the_checked_in_files_are_what_the_generator_writes(capsys: pytest.CaptureFixture[str]) -> None:
    code = generator.main(["--check"])
    assert (code, capsys.readouterr().out) == (0, ""), "run: python docs/generate.py"


@each_rule
def test_a_page_says_all_that_the_rule_says(rule: Rule, tmp_path: Path) -> None:
    page = generator.rule_page(rule, tmp_path)
    way_out = rule.remediation
    texts = (rule.title, rule.rationale, rule.impact, way_out.console, way_out.cli, way_out.cloudformation, way_out.terraform)
    for text in (*texts, *rule.references, *describe_controls(rule.controls)):
        assert text in page
    assert page.endswith("\n")
    assert not page.endswith("\n\n")


def write(directory: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)
    return directory


def test_fixtures_become_examples(tmp_path: Path) -> None:
    files = {
        "bad/tf-in-a-module/expected.out": b"error[CTKMS001]\n",
        "bad/tf-in-a-module/a.tf": b"a = 1\n",
        "bad/tf-in-a-module/main.tf": b"b = 2\n",
        "bad/tf-in-a-module/key/main.tf": b"c = 3\n",
        "bad/tf-in-a-module/key/policy.json": b"{}\n",
        "good/cfn-null/template.yaml": b"a: ```\xff\n",
    }
    page = generator.rule_page(BY_ID["CTKMS001"], write(tmp_path, files))
    assert (
        "## Bad examples\n\n### Bad in Terraform: in a module\n\n"
        "`main.tf`\n\n```hcl\nb = 2\n```\n\n`a.tf`\n\n```hcl\na = 1\n```\n\n"
        "`key/main.tf`\n\n```hcl\nc = 3\n```\n\n`key/policy.json`\n\n```json\n{}\n```\n\n"
        "Output:\n\n```text\nerror[CTKMS001]\n```\n\n"
        "## Good examples\n\n### Good in CloudFormation: null\n\n`template.yaml`\n\n````yaml\na: ```\\xff\n````\n\n## Remediation" in page
    )


def test_the_shortest_example_of_a_language_is_shown_and_all_are_linked(tmp_path: Path) -> None:
    files = {
        "CTKMS001/good/tf-long/main.tf": b"long = 1\n",
        "CTKMS001/good/tf-short/main.tf.json": b"{}\n",
        "CTKMS001/good/cfn-one/stack.json": b"{}\n",
    }
    page = generator.rule_page(BY_ID["CTKMS001"], write(tmp_path, files) / "CTKMS001")
    assert "### Good in CloudFormation: one\n" in page
    assert "### Good in Terraform: short\n" in page
    assert "### Good in Terraform: long\n" not in page
    assert (
        "All good examples, which the tests run:\n\n"
        "- CloudFormation: [one](../../fixtures/CTKMS001/good/cfn-one)\n"
        "- Terraform: [long](../../fixtures/CTKMS001/good/tf-long)\n"
        "- Terraform: [short](../../fixtures/CTKMS001/good/tf-short)\n" in page
    )


def test_a_rule_without_fixtures_has_no_empty_headings(tmp_path: Path) -> None:
    assert "examples" not in generator.rule_page(BY_ID["CTKMS001"], tmp_path)


def test_links_between_pages_and_the_index_lead_somewhere() -> None:
    for page in sorted((REPOSITORY / "docs" / "rules").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


# -- the generator -----------------------------------------------------------------------------------------------------


def test_it_writes_checks_and_removes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- example:begin --><!-- example:end -->\n<!-- rules:begin -->\nold\n<!-- rules:end -->\nafter\n")
    write(tmp_path / "fixtures" / generator.README_EXAMPLE, {"main.tf": b"input\n", "expected.out": b"output\n"})
    assert generator.main(["--root", str(tmp_path)]) == 0
    assert sorted(page.stem for page in (tmp_path / "docs" / "rules").iterdir()) == sorted(["README", *BY_ID])
    table = generator.rule_table(RULES, "docs/rules/")
    example = "<!-- example:begin -->\n```text\noutput\n```\n<!-- example:end -->"
    assert readme.read_text() == f"before\n{example}\n<!-- rules:begin -->\n{table}\n<!-- rules:end -->\nafter\n"
    assert generator.main(["--root", str(tmp_path), "--check"]) == 0
    assert capsys.readouterr().out == ""

    stale = tmp_path / "docs" / "rules" / "CTKMS999.md"
    stale.write_text("gone\n")
    (tmp_path / "docs" / "rules" / "CTKMS001.md").unlink()
    assert generator.main(["--root", str(tmp_path), "--check"]) == 1
    diff = capsys.readouterr().out
    assert "-gone\n" in diff
    assert "+# CTKMS001 trail-without-kms-key\n" in diff
    assert stale.exists()
    assert generator.main(["--root", str(tmp_path)]) == 0
    assert not stale.exists()
    assert generator.main(["--root", str(tmp_path), "--check"]) == 0


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("fixtures/CTKMS555/bad/a/main.tf", "fixtures of rules that do not exist: CTKMS555"),
        ("fixtures/CTKMS001/bad/a/main.tf", "fixtures/CTKMS001/bad/a lacks expected.out"),
        ("fixtures/CTKMS001/bad/a/expected.out", "fixtures/CTKMS001/bad/a holds no example"),
        ("README.md", f"README.md shows the output of {generator.README_EXAMPLE.as_posix()}, which has no expected.out"),
    ],
)
def test_it_refuses_what_it_cannot_document(tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, message: str) -> None:
    write(tmp_path, {file: b"x\n"})
    assert generator.main(["--root", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "docs").exists()


# -- plain text --------------------------------------------------------------------------------------------------------


@each_rule
@pytest.mark.parametrize("width", [40, 80, 120])
def test_prose_fits_the_terminal_and_code_stays_whole(rule: Rule, width: int) -> None:
    text = explain(rule, width)
    head, _, after = text.partition("\nRemediation in the console\n")
    console = after.partition("\nRemediation ")[0]
    for line in (head + console).splitlines():
        assert len(line) <= width or len(line.split()) <= 2, "only a list marker and one long word may be wider"
    code = (rule.remediation.cli, rule.remediation.cloudformation, rule.remediation.terraform)
    for line in "\n".join(code).splitlines():
        assert not line or f"  {line}\n" in text
    assert "".join(rule.rationale.split()) in "".join(text.split())
    for reference in rule.references:
        assert reference in text


def test_explain_leaves_out_what_a_rule_does_not_have() -> None:
    text = explain(BY_ID["CTKMS012"])
    assert "Remediation in CloudFormation" not in text
    assert "Controls" not in text
    assert text.startswith(
        "CTKMS012 key-policy-attached-too-late\nThe trail may be created before its key has the policy\n\n"
        "severity warning, about each trail, in terraform, since 0.1.0\n\nWhy\n  `aws_kms_key_policy` is"
    )


def test_the_table_has_one_row_or_two_lines_per_rule() -> None:
    two = (BY_ID["CTKMS001"], BY_ID["CTKMS014"])
    assert rule_table(two, 200) == (
        "CTKMS001  error    trail-without-kms-key     A trail has no KMS key\n"
        "CTKMS014  note     bucket-key-needs-decrypt  The log bucket has an S3 Bucket Key and CloudTrail may not decrypt\n"
    )
    assert rule_table(two, 70) == (
        "CTKMS001  error    trail-without-kms-key\n"
        "                   A trail has no KMS key\n"
        "CTKMS014  note     bucket-key-needs-decrypt\n"
        "                   The log bucket has an S3 Bucket Key and CloudTrail\n"
        "                   may not decrypt\n"
    )
    assert rule_table((), 80) == ""


def test_controls_are_grouped_by_framework_and_version() -> None:
    controls = (Control("PCI DSS", "3.4", "3.2.1"), Control("Config", "a"), Control("PCI DSS", "10.3.2", "4.0.1"), Control("Config", "b"))
    assert list(describe_controls(controls)) == ["PCI DSS 3.2.1: 3.4", "Config: a, b", "PCI DSS 4.0.1: 10.3.2"]


def test_list_items_hang() -> None:
    assert wrap_prose("One two\nthree four\n\n- aa bb\n  cc dd\n- ee\n\n10. ff gg hh", 10) == (
        "One two\nthree four\n\n- aa bb cc\n  dd\n- ee\n\n10. ff gg\n    hh"
    )
