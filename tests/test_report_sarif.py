"""The SARIF report against the published schema, the sentences of the standard and GitHub's demands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from report_sample import CANNOT_ENCRYPT, CLEAN, NOT_VISIBLE, NOTHING, RULE, SAMPLE, WAIVED

from ctkms_policy.report import ReportOptions
from ctkms_policy.report.sarif import write
from ctkms_policy.result import Result
from ctkms_policy.rulebook import load_rules
from ctkms_policy.source import Span

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft4Validator(SCHEMA)


def sarif(result: Result) -> dict[str, Any]:
    """Return the single run of the report, after the whole document was validated."""
    document = json.loads(write(result, ReportOptions()))
    VALIDATOR.validate(document)
    assert all("startLine" in region for region in values(document, "region"))
    (run,) = document["runs"]
    assert isinstance(run, dict)
    return run


def values(document: Any, name: str) -> Iterator[Any]:
    if isinstance(document, dict):
        for key, value in document.items():
            if key == name:
                yield value
            yield from values(value, name)
    if isinstance(document, list):
        for each in document:
            yield from values(each, name)


@pytest.mark.parametrize("result", [SAMPLE, CLEAN, NOTHING], ids=["sample", "clean", "nothing"])
def test_it_is_valid(result: Result) -> None:
    assert len(sarif(result)["results"]) == len(result.findings)


def test_the_validator_rejects_what_is_wrong() -> None:
    document = json.loads(write(SAMPLE, ReportOptions()))
    document["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError, match="fatal"):
        VALIDATOR.validate(document)


def test_each_result_points_at_its_rule() -> None:
    run = sarif(SAMPLE)
    rules = run["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [finding.rule for finding in SAMPLE.findings]
    assert len({rule["id"] for rule in rules}) == len(rules)


def test_a_rule_tells_what_code_scanning_shows() -> None:
    (rule,) = sarif(replace(CLEAN, rules=(RULE,)))["tool"]["driver"]["rules"]
    assert rule["name"] == "CloudtrailCannotEncrypt"
    assert rule["shortDescription"]["text"] == RULE.title
    assert rule["helpUri"] == RULE.references[0]
    assert rule["defaultConfiguration"] == {"level": "error"}
    assert rule["properties"]["tags"] == ["security", "cloudtrail", "kms", "CIS AWS Foundations 3.0 3.5"]
    assert 7.0 <= float(rule["properties"]["security-severity"]) < 9.0
    assert '```hcl\npolicy = "{}"\n```' in rule["help"]["markdown"]
    assert 'Terraform:\npolicy = "{}"' in rule["help"]["text"]


def test_the_real_rulebook_is_valid() -> None:
    rules = load_rules()
    if not rules:
        pytest.skip("the rulebook is empty")
    listed = sarif(replace(CLEAN, rules=rules))["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in listed] == [rule.id for rule in rules]


def test_undetermined_is_open_with_level_none() -> None:
    (result,) = sarif(replace(SAMPLE, findings=(NOT_VISIBLE,)))["results"]
    assert (result["kind"], result["level"]) == ("open", "none")


def test_only_waived_findings_are_suppressed() -> None:
    waived, failing = sarif(replace(SAMPLE, findings=(WAIVED, CANNOT_ENCRYPT)))["results"]
    (suppression,) = waived["suppressions"]
    assert suppression["kind"] == "external"
    assert suppression["justification"] == "leaves with the | old account (waived by alice@example.com until 2027-01-31)"
    assert failing["suppressions"] == []


@pytest.mark.parametrize(
    ("prefix", "path", "location"),
    [
        ("", "a.tf", {"uri": "a.tf", "uriBaseId": "SRCROOT"}),
        ("x/", "../a b#ä.tf", {"uri": "a%20b%23%C3%A4.tf", "uriBaseId": "SRCROOT"}),
        ("", "c:d.tf", {"uri": "c%3Ad.tf", "uriBaseId": "SRCROOT"}),
        ("", "\udcff.tf", {"uri": "%3F.tf", "uriBaseId": "SRCROOT"}),
        ("x/", "/tmp/a b.tf", {"uri": "file:///tmp/a%20b.tf"}),
        ("x/", "C:/a b.tf", {"uri": "file:///C:/a%20b.tf"}),
    ],
)
def test_uris_start_at_the_repository_root(prefix: str, path: str, location: dict[str, str]) -> None:
    finding = replace(CANNOT_ENCRYPT, span=Span(path, 1, 1, 1, 2), related=())
    (result,) = sarif(replace(SAMPLE, prefix=prefix, findings=(finding,)))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == location


def test_regions_count_code_points_with_an_exclusive_end() -> None:
    run = sarif(replace(SAMPLE, findings=(CANNOT_ENCRYPT,)))
    assert run["columnKind"] == "unicodeCodePoints"
    (result,) = run["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 17, "startColumn": 19, "endLine": 17, "endColumn": 61}
    assert [related["message"]["text"] for related in result["relatedLocations"]] == [each.note for each in CANNOT_ENCRYPT.related]


def test_a_template_writes_neither_links_nor_placeholders() -> None:
    finding = replace(CANNOT_ENCRYPT, message='trail "[here](https://e.example) {0} ${var.x}"', help="")
    (result,) = sarif(replace(SAMPLE, findings=(finding,)))["results"]
    assert result["message"]["text"] == 'trail "[here] (https://e.example) {{0}} ${var.x}"'


def test_the_fingerprint_survives_moved_lines() -> None:
    moved = replace(CANNOT_ENCRYPT, span=Span("infra/kms.tf", 99, 1, 99, 5))
    first, second = (sarif(replace(SAMPLE, findings=(finding,)))["results"][0] for finding in (CANNOT_ENCRYPT, moved))
    assert first["partialFingerprints"] == second["partialFingerprints"]
