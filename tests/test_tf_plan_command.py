"""Plans through the command line: found, judged, quoted without secrets."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from command import check_json, run
from plan_documents import (
    KEY,
    KEY_UNKNOWN,
    POLICY,
    TRAIL,
    TRAIL_UNKNOWN,
    Json,
    change,
    configured,
    constant,
    key_change,
    known,
    plan,
    refs,
    state,
    trail_change,
)

FORMATS = ("text", "json", "sarif", "junit", "github", "gitlab", "markdown")


def good_plan(**changed: Any) -> Json:
    """A trail with a key whose policy does all it must; ``changed`` are attributes of the key."""
    provider = {
        "aws": {"name": "aws", "full_name": "registry.terraform.io/hashicorp/aws", "expressions": {"region": constant("eu-west-1")}}
    }
    caller = known("data.aws_caller_identity.current", {"account_id": "111122223333"})
    resources = [
        configured("aws_cloudtrail.main", {"kms_key_id": refs("aws_kms_key.logs.arn", "aws_kms_key.logs"), "name": constant("audit")}),
        configured("aws_kms_key.logs", {"policy": refs("var.policy")}),
        configured("data.aws_caller_identity.current"),
    ]
    return plan([trail_change(), key_change(**changed)], resources, prior=[caller], provider_config=provider)


def save(directory: Path, document: object, name: str = "plan.json") -> Path:
    (directory / name).write_text(json.dumps(document, indent=2), encoding="utf-8")
    return directory


def test_a_good_plan_passes_for_certain(tmp_path: Path) -> None:
    done = check_json(save(tmp_path, good_plan()), "--strict", "plan.json")
    assert (done.code, done.rules(), done.rules("undetermined")) == (0, [], [])
    (trail,) = done.json["trails"]
    assert trail["verdict"] == "pass"
    assert trail["kms_key"]["state"] == "customer-managed"


def test_a_plan_of_a_part_is_judged_with_a_warning(tmp_path: Path) -> None:
    save(tmp_path, {**good_plan(), "complete": False})
    done = run(tmp_path, "check", "plan.json")
    assert (done.code, done.err.count("warning"), "plan.json: the plan is not complete" in done.err) == (0, 1, True)
    save(tmp_path, {**good_plan(), "complete": True})
    assert run(tmp_path, "check", "plan.json").err == ""


def test_a_plan_is_found_in_a_scan_and_judged_on_its_own(tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()
    save(tmp_path / "infra", plan([change("aws_cloudtrail.main", TRAIL, TRAIL_UNKNOWN)], [configured("aws_cloudtrail.main")]))
    (tmp_path / "infra" / "main.tf").write_text(
        'resource "aws_cloudtrail" "main" {\n  name           = "audit"\n  s3_bucket_name = "logs"\n}\n'
    )
    findings = check_json(tmp_path).json["findings"]
    assert [(each["rule"], each["location"]["path"]) for each in findings] == [
        ("CTKMS001", "infra/main.tf"),
        ("CTKMS001", "infra/plan.json"),
    ]
    assert "the block of aws_cloudtrail.main is at infra/main.tf:1" in findings[1]["help"]


def test_a_finding_about_the_policy_names_the_blocks_of_key_and_trail(tmp_path: Path) -> None:
    save(tmp_path, good_plan(policy=POLICY.replace("kms:GenerateDataKey*", "kms:Sign")))
    (tmp_path / "main.tf").write_text(
        'resource "aws_kms_key" "logs" {\n}\n\nresource "aws_cloudtrail" "main" {\n  kms_key_id = aws_kms_key.logs.arn\n}\n'
    )
    (finding,) = check_json(tmp_path, "plan.json").json["findings"]
    assert finding["help"].endswith("; the block of aws_kms_key.logs is at main.tf:1; the block of aws_cloudtrail.main is at main.tf:4")


def test_a_plan_that_does_not_mention_cloudtrail_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"format_version": "0.1", "resource_changes": [}')
    assert check_json(tmp_path).json["findings"] == []


@pytest.mark.parametrize("key", [None, ""])
def test_a_trail_without_a_key(tmp_path: Path, key: str | None) -> None:
    document = plan([change("aws_cloudtrail.main", {**TRAIL, "kms_key_id": key}, TRAIL_UNKNOWN)])
    assert check_json(save(tmp_path, document), "plan.json").rules() == ["CTKMS001"]


def test_a_finding_points_at_the_condition_in_the_policy_of_the_plan(tmp_path: Path) -> None:
    policy = POLICY.replace(":trail/audit", ":trail/other")
    done = check_json(save(tmp_path, good_plan(policy=policy)), "plan.json")
    finding = next(each for each in done.json["findings"] if each["rule"] == "CTKMS004")
    lines = (tmp_path / "plan.json").read_text().split("\n")
    location = finding["location"]
    assert ":trail/other" in lines[location["line"] - 1][location["column"] - 1 : location["end_column"] - 1]


def test_a_key_that_is_switched_off(tmp_path: Path) -> None:
    assert "CTKMS008" in check_json(save(tmp_path, good_plan(is_enabled=False)), "plan.json").rules()


def test_a_lookup_that_found_an_aws_managed_key(tmp_path: Path) -> None:
    arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
    lookup = known("data.aws_kms_key.s3", {"key_id": "alias/aws/s3", "arn": arn, "key_manager": "AWS"})
    document = plan([trail_change(key=arn)], prior=[lookup])
    assert "CTKMS002" in check_json(save(tmp_path, document), "plan.json").rules()


def test_a_policy_that_is_attached_too_late(tmp_path: Path) -> None:
    late = change("aws_kms_key_policy.logs", {"policy": POLICY}, {"key_id": True})
    document = good_plan()
    document["resource_changes"].append(late)
    resources = document["configuration"]["root_module"]["resources"]
    resources.append(configured("aws_kms_key_policy.logs", {"key_id": refs("aws_kms_key.logs.id", "aws_kms_key.logs"), "policy": {}}))
    assert "CTKMS012" in check_json(save(tmp_path, document), "plan.json").rules()
    resources[0]["depends_on"] = ["aws_kms_key_policy.logs"]
    assert "CTKMS012" not in check_json(save(tmp_path, document), "plan.json").rules()


def test_a_state_is_judged(tmp_path: Path) -> None:
    done = check_json(save(tmp_path, state(known("aws_cloudtrail.main", {**TRAIL, "kms_key_id": ""})), "state.json"), "state.json")
    assert done.rules() == ["CTKMS001"]


@pytest.mark.parametrize("type", ["aws_cloudtrail", "aws_sqs_queue"])
def test_a_raw_state_file_says_what_to_run(tmp_path: Path, type: str) -> None:
    raw = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "x", "resources": [{"type": type}]}
    done = check_json(save(tmp_path, raw, "terraform.tfstate"), "terraform.tfstate")
    (finding,) = done.json["findings"]
    assert (done.code, finding["rule"], finding["location"]["line"]) == (1, "CTKMS000", 5)
    assert "raw state" in finding["message"]
    assert "terraform show -json" in finding["help"]


def test_a_saved_plan_says_what_to_run(tmp_path: Path) -> None:
    for member in ("tfplan", "other"):
        with zipfile.ZipFile(tmp_path / "out", "w") as archive:
            archive.writestr(member, "cloudtrail")
        findings = check_json(tmp_path, "out").json["findings"]
        assert [finding["rule"] for finding in findings] == (["CTKMS000"] if member == "tfplan" else [])
        assert all("terraform show -json out" in finding["help"] for finding in findings)
        assert check_json(tmp_path).json["findings"] == []


@pytest.mark.parametrize("name", ["terraform.tfstate", "terraform.tfstate.backup", "state.json"])
def test_a_raw_state_file_beside_the_code_is_left_alone(tmp_path: Path, name: str) -> None:
    raw = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "x", "resources": [{"type": "aws_cloudtrail"}]}
    save(tmp_path, raw, name)
    assert (check_json(tmp_path).code, check_json(tmp_path).json["findings"]) == (0, [])
    save(tmp_path, good_plan(policy=None))
    assert "CTKMS003" in check_json(tmp_path).rules()


@pytest.mark.parametrize("text", ["", " \n", "\ufeff", "null\n", "\ufeff null"])
@pytest.mark.parametrize("name", ["plan.json", "template.yaml", "plan"])
def test_a_named_file_that_is_empty_gives_a_warning(tmp_path: Path, name: str, text: str) -> None:
    """It may be one of many names (``check *.json``), so that it is no finding; or the command that was to write it has failed."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = run(tmp_path, "check", name)
    assert (done.code, done.err) == (0, f"ctkms-policy: warning: {name} is empty: there is nothing in it to check\n")
    assert run(tmp_path, "check").err == ""


@pytest.mark.parametrize(("name", "text"), [("a.tf", ""), ("a.json", "{}"), ("a.json", "[]"), ("a.yaml", "a: 1"), ("a.json", "null" * 300)])
def test_a_file_that_says_something_else_gives_no_warning(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = run(tmp_path, "check", name)
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    "text",
    ['{"format_version": "1.2", "resource_changes": [{"type": "aws_cloudtrail"', '{"format_version": "2.0", "values": "aws_cloudtrail"}'],
)
def test_a_plan_that_cannot_be_read_is_a_finding(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    assert check_json(tmp_path).rules() == ["CTKMS000"]


@pytest.mark.parametrize("indent", [None, 2])
def test_no_report_holds_anything_sensitive(tmp_path: Path, indent: int | None) -> None:
    policy = POLICY.replace("role/reader", "role/hush").replace(":trail/audit", ":trail/hush").replace('"kms:DescribeKey"', '"kms:Hush"')
    document = good_plan()
    document["resource_changes"] = [
        change(
            "aws_cloudtrail.main",
            {**TRAIL, "name": "hush", "kms_key_id": "hush"},
            TRAIL_UNKNOWN,
            sensitive={"name": True, "kms_key_id": True},
        ),
        trail_change("aws_cloudtrail.other"),
        change("aws_cloudtrail.hidden", {**TRAIL, "name": "hush"}, {**TRAIL_UNKNOWN, "kms_key_id": True}, sensitive={"name": True}),
        key_change("aws_kms_key.open"),
        change("aws_kms_key.logs", {**KEY, "policy": policy}, KEY_UNKNOWN, sensitive={"policy": True}),
    ]
    document["configuration"]["root_module"]["resources"] += [
        configured("aws_cloudtrail.other", {"kms_key_id": refs("aws_kms_key.logs.arn", "aws_kms_key.logs")}),
        configured("aws_cloudtrail.hidden", {"kms_key_id": refs("aws_kms_key.open.arn", "aws_kms_key.open")}),
    ]
    document["variables"] = {"password": {"value": "hush"}}
    (tmp_path / "plan.json").write_text(json.dumps(document, indent=indent))
    assert check_json(tmp_path, "plan.json").json["findings"]
    for format in FORMATS:
        done = run(tmp_path, "check", "--format", format, "--verbose", "plan.json")
        assert "hush" not in (done.out + done.err).lower(), format
