"""The fix of a finding, pasted into a copy of the fixture as it stands, silences the rule."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from command import check_json
from conftest import REPOSITORY

RULES = ("CTKMS003", "CTKMS004", "CTKMS005", "CTKMS016")
BAD = sorted(path for rule in RULES for path in (REPOSITORY / "fixtures" / rule / "bad").glob("*") if path.is_dir())

NO_STATEMENT_HELPS = {
    # A Deny stands in the way: no further Allow can help.
    "cfn-denied-by-organization-id",
    "cfn-denied-to-everybody",
    "cfn-denied-without-encryption-context",
    "tf-denied-by-organization-id",
    "tf-denied-to-everybody",
    "tf-denied-without-encryption-context",
}


def findings(directory: Path, rule: str) -> list[Any]:
    return [each for each in check_json(directory, ".").json["findings"] if each["rule"] == rule and each["verdict"] == "fail"]


@pytest.mark.parametrize("fixture", BAD, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_the_fix_silences_the_rule(fixture: Path, tmp_path: Path) -> None:
    rule = fixture.parts[-3]
    copy = tmp_path / "copy"
    shutil.copytree(fixture, copy)
    found = findings(copy, rule)
    assert found
    for finding in found:
        if fixture.name in NO_STATEMENT_HELPS:
            assert finding["fix"] is None
            return
        paste(copy, finding["fix"]["language"], finding["fix"]["text"])
    report = check_json(copy, ".")
    assert not [each for each in report.json["findings"] if each["rule"] in (rule, "CTKMS000")], report.out


def paste(directory: Path, language: str, text: str) -> None:
    """Put the text where a user would: as a further statement of the trail's key, or as the policy of a key without one."""
    {"yaml": paste_yaml, "json": paste_json, "hcl": paste_hcl}[language](directory, text)


def insert(path: Path, after: str, text: str) -> None:
    """Insert the text on lines of its own, below the line that matches."""
    content = path.read_text(encoding="utf-8")
    found = re.search(rf"^{after}[^\n]*\n", content, re.MULTILINE)
    assert found is not None, f"no {after} in {path.name}"
    path.write_text(f"{content[: found.end()]}{text}\n{content[found.end() :]}", encoding="utf-8")


def replace_statement(path: Path, written: str, text: str) -> None:
    """Put a whole Statement element in the place of the single object that stands there; ``written`` matches that, below its indent."""
    content, count = re.subn(written, lambda found: indent(text, found[1]) + "\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count == 1, f"no single Statement in {path.name}"
    path.write_text(content, encoding="utf-8")


def paste_yaml(directory: Path, text: str) -> None:
    template = directory / "template.yaml"
    content = template.read_text(encoding="utf-8")
    if text.startswith("Statement:"):
        replace_statement(template, r"^( *)Statement:\n(?:\1 +.*\n)+", text)
        return
    if text.startswith("KeyPolicy:"):
        key = re.search(r"^( *)Type: AWS::KMS::Key\n(?: {4,}.*\n)*? *Properties:\n( *)", content, re.MULTILINE)
        assert key is not None
        template.write_text(f"{content[: key.start(2)]}{indent(text, key[2])}\n{content[key.start(2) :]}", encoding="utf-8")
        return
    statements = re.search(r"^ *KeyPolicy:\n(?:.*\n)*? *Statement:\n( *)- ", content, re.MULTILINE)
    assert statements is not None
    template.write_text(
        f"{content[: statements.start(1)]}{indent(text, statements[1])}\n{content[statements.start(1) :]}", encoding="utf-8"
    )


def paste_json(directory: Path, text: str) -> None:
    template = directory / "template.json"
    if not template.exists():
        (holder,) = (
            path for path in sorted(directory.rglob("*")) if path.is_file() and re.search(r'"Statement": \[', path.read_text("utf-8"))
        )
        insert(holder, r' *"Statement": \[', f"{text},")
        return
    document = json.loads(template.read_text(encoding="utf-8"))
    (key,) = (each["Properties"] for each in document["Resources"].values() if each["Type"] == "AWS::KMS::Key")
    if text.startswith('"KeyPolicy": '):
        key.update(json.loads(f"{{{text}}}"))
    else:
        key["KeyPolicy"]["Statement"].append(json.loads(text))
    template.write_text(json.dumps(document, indent=2), encoding="utf-8")


def paste_hcl(directory: Path, text: str) -> None:
    main = next(path for path in sorted(directory.glob("**/*.tf")) if "aws_kms_key" in path.read_text("utf-8"))
    content = main.read_text(encoding="utf-8")
    for needed, head in re.findall(r"^# needs: ((data .*) \{.*\})$", text, re.MULTILINE):
        if f"{head} {{" not in content:
            content += f"\n{needed}\n"
    main.write_text(content, encoding="utf-8")
    text = re.sub(r"^# needs: .*\n", "", text, flags=re.MULTILINE)
    everything = "".join(path.read_text("utf-8") for path in sorted(directory.glob("**/*.tf")))
    key = re.search(r"kms_key_id += aws_kms_key\.(\w+)\.", everything)
    assert key is not None
    if text.startswith("policy = "):
        insert(main, rf'resource "aws_kms_key" "{key[1]}" {{', indent(text, "  "))
    elif text.startswith("Statement = "):
        replace_statement(main, r"^( *)Statement = \{\n(?:\1 +.*\n)+\1\}\n", text)
    elif text.startswith("statement {"):
        document = re.search(r"policy += data\.aws_iam_policy_document\.(\w+)\.json", content)
        assert document is not None
        insert(main, rf'data "aws_iam_policy_document" "{document[1]}" {{', indent(text, "  "))
    else:
        insert(main, r" *Statement += \[", f"{text},")
