"""Own rules: the worked example of the documentation, and the questions that only own rules ask."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from command import check_json, run, write
from conftest import REPOSITORY

EXAMPLE = REPOSITORY / "docs" / "examples" / "own-rules"
AUDIT = "arn:aws:iam::444455556666:role/acme-audit"
OWN = "arn:aws:iam::111122223333:role/reader"
ORGANIZATION = "o-a1b2c3d4e5"
PLACE = ("--account", "111122223333", "--region", "us-east-1")


# -- the worked example ------------------------------------------------------------------------------------------------


def test_the_good_example_passes() -> None:
    done = check_json(EXAMPLE, "good")
    assert (done.code, done.json["findings"]) == (0, [])


def test_the_bad_example_fails_both_rules() -> None:
    done = check_json(EXAMPLE, "bad")
    assert done.code == 1
    assert set(done.rules()) >= {"ACME001", "ACME002"}
    by_rule = {each["rule"]: each for each in done.json["findings"]}
    assert AUDIT in by_rule["ACME001"]["message"]
    assert by_rule["ACME002"]["location"]["path"] == "bad/main.tf"
    line = (EXAMPLE / "bad" / "main.tf").read_text().splitlines()[by_rule["ACME002"]["location"]["line"]]
    assert 'type        = "AWS"' in line


@pytest.mark.parametrize("name", ["good", "bad"])
def test_the_documentation_shows_the_example(name: str) -> None:
    page = (REPOSITORY / "docs" / "own-rules.md").read_text()
    assert (EXAMPLE / "rules" / "ACME001.yaml").read_text() in page
    assert (EXAMPLE / ".ctkms-policy.yaml").read_text().split("\n", 1)[1] in page
    if name == "bad":
        assert "error[ACME002]" in page


def test_the_output_in_the_documentation_is_the_output() -> None:
    page = (REPOSITORY / "docs" / "own-rules.md").read_text()
    out = run(EXAMPLE, "check", "--color", "never", "--select", "ACME001,ACME002", "bad").out
    assert f"```text\n{out}```" in page


def test_own_rules_on_the_command_line(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "rules", tmp_path / "rules")
    shutil.copy(EXAMPLE / "bad" / "main.tf", tmp_path)
    assert not {"ACME001", "ACME002"} & set(check_json(tmp_path, *PLACE).rules())
    done = check_json(tmp_path, *PLACE, "--rules", "rules")
    assert "ACME002" in done.rules()
    assert "ACME001" in done.rules("undetermined"), "nobody says in which organization the role is"
    assert check_json(tmp_path, *PLACE, "--rules", "rules", "--select", "nobody-outside-acme-decrypts").rules() == ["ACME002"]
    assert "audit-role-can-decrypt" in run(tmp_path, "rules", "--rules", "rules").out
    assert "acme-audit" in run(tmp_path, "explain", "ACME001", "--rules", "rules").out
    assert run(tmp_path, "explain", "ACME001").code == 2
    assert run(tmp_path, "check", "--rules", "nowhere").code == 2


def test_an_own_rule_can_be_waived(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "rules", tmp_path / "rules")
    waiver = "# ctkms-policy: waive ACME001,ACME002,CTKMS016 owner=team expires=2026-12-31 reason: soon\n"
    write(tmp_path, main_tf=waiver + (EXAMPLE / "bad" / "main.tf").read_text())
    (tmp_path / ".ctkms-policy.yaml").write_text((EXAMPLE / ".ctkms-policy.yaml").read_text())
    done = check_json(tmp_path, "--today", "2026-06-30")
    assert (done.code, done.json["summary"]["waived"]) == (0, 3)


# -- the questions -----------------------------------------------------------------------------------------------------


def rule(check: str, applies_to: str = "[terraform]", **parameters: str) -> str:
    lines = "".join(f"  {name}: {value}\n" for name, value in parameters.items())
    return (
        f"id: ACME001\nname: own-rule\ntitle: An own rule\nseverity: error\nsince: '1.0'\napplies_to: {applies_to}\ncheck: {check}\n"
        f"parameters:\n{lines}rationale: why\nimpact: what\nremediation: {{terraform: x}}\nreferences: [https://example.com/]\n"
    )


def statement(principal: object, action: object = "kms:Decrypt", effect: str = "Allow", **condition: object) -> dict[str, object]:
    made: dict[str, object] = {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*"}
    return {**made, "Condition": condition} if condition else made


ROOT = statement({"AWS": "arn:aws:iam::111122223333:root"}, "kms:*")
IN_ORGANIZATION: dict[str, Any] = {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}}


def verdicts(directory: Path, text: str, statements: list[dict[str, object]], *arguments: str) -> list[str]:
    """The verdicts of the own rule about a trail whose key has these statements."""
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    trail = 'resource "aws_cloudtrail" "t" {\n  name = "t"\n  s3_bucket_name = "b"\n  kms_key_id = aws_kms_key.k.arn\n}\n'
    write(directory, main_tf=f'{trail}resource "aws_kms_key" "k" {{\n  policy = jsonencode({document})\n}}\n')
    (directory / "rules").mkdir(exist_ok=True)
    (directory / "rules" / "own.yaml").write_text(text)
    done = check_json(directory, "--rules", "rules", "--select", "ACME001", *PLACE, *arguments)
    assert done.code in (0, 1), done.err
    return [each["verdict"] for each in done.json["findings"]]


OF_PRINCIPAL = [
    ("named", [statement({"AWS": AUDIT})], [], ["fail"]),
    ("named, foreign account delegated", [statement({"AWS": "444455556666"})], ["undetermined"], ["undetermined"]),
    ("not named", [ROOT], ["fail"], []),
    ("explicit deny", [statement({"AWS": AUDIT}), statement("*", effect="Deny")], ["fail"], []),
    ("other action", [statement({"AWS": AUDIT}, "kms:DescribeKey")], ["fail"], []),
    ("everybody", [statement("*")], [], ["fail"]),
    ("condition that it meets", [statement({"AWS": AUDIT}, StringEquals={"kms:CallerAccount": "444455556666"})], [], ["fail"]),
    ("condition that it does not meet", [statement({"AWS": AUDIT}, StringEquals={"kms:CallerAccount": "111122223333"})], ["fail"], []),
    ("organization not known", [statement({"AWS": AUDIT}, **IN_ORGANIZATION)], ["undetermined"], ["undetermined"]),
]


@pytest.mark.parametrize(("statements", "allowed", "denied"), [case[1:] for case in OF_PRINCIPAL], ids=[case[0] for case in OF_PRINCIPAL])
def test_one_principal(tmp_path: Path, statements: list[dict[str, object]], allowed: list[str], denied: list[str]) -> None:
    parameters = {"principal": AUDIT, "action": "kms:Decrypt"}
    assert verdicts(tmp_path, rule("request_allowed", **parameters), statements) == allowed
    assert verdicts(tmp_path, rule("request_denied", **parameters), statements) == denied


def test_a_role_of_the_keys_own_account_may_be_let_in_by_its_iam_policies(tmp_path: Path) -> None:
    text = rule("request_allowed", principal=OWN, action="kms:Decrypt")
    assert verdicts(tmp_path, text, [ROOT]) == ["undetermined"]
    assert verdicts(tmp_path, text, [ROOT, statement({"AWS": OWN})]) == []
    assert verdicts(tmp_path, text, [statement({"AWS": OWN}, "kms:DescribeKey")]) == ["fail"]


def test_the_organization_of_the_configuration_is_the_principals(tmp_path: Path) -> None:
    (tmp_path / ".ctkms-policy.yaml").write_text(f"organization_id: {ORGANIZATION}\n")
    text = rule("request_allowed", principal=AUDIT, action="kms:Decrypt")
    assert verdicts(tmp_path, text, [statement({"AWS": AUDIT}, **IN_ORGANIZATION)]) == []


@pytest.mark.parametrize("action", ["kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:CreateGrant"])
def test_other_actions(tmp_path: Path, action: str) -> None:
    denied = rule("request_denied", principal=OWN, action=action)
    assert verdicts(tmp_path, denied, [statement({"AWS": OWN}, "kms:*")]) == ["fail"]
    assert verdicts(tmp_path, denied, [statement({"AWS": OWN})]) == []
    assert verdicts(tmp_path, denied, [statement({"AWS": OWN}, "kms:*", StringEquals={"kms:ViaService": "x"})]) == ["undetermined"]
    assert verdicts(tmp_path, denied, [statement({"AWS": OWN}, "kms:*"), statement({"AWS": OWN}, action, "Deny")]) == []


OUTSIDERS = [
    ("root of the own account", [ROOT], []),
    ("role of the own account", [ROOT, statement({"AWS": OWN})], []),
    ("everybody", [statement("*")], ["fail"]),
    ("everybody of AWS", [statement({"AWS": "*"})], ["fail"]),
    ("everybody in the organization", [statement("*", **IN_ORGANIZATION)], []),
    ("everybody in another organization", [statement("*", StringEquals={"aws:PrincipalOrgID": "o-z9y8x7w6v5"})], ["fail"]),
    ("everybody through S3", [statement("*", StringEquals={"kms:ViaService": "s3.us-east-1.amazonaws.com"})], ["fail"]),
    ("a foreign role", [statement({"AWS": AUDIT})], ["undetermined"]),
    ("a foreign account", [statement({"AWS": "arn:aws:iam::444455556666:root"})], ["undetermined"]),
    ("a foreign role in the organization", [statement({"AWS": AUDIT}, **IN_ORGANIZATION)], []),
    ("a foreign role, other action", [statement({"AWS": AUDIT}, "kms:DescribeKey")], []),
    ("denied outside", [statement("*"), statement("*", "kms:*", "Deny", StringNotEquals={"aws:PrincipalOrgID": ORGANIZATION})], []),
    ("two foreign roles", [statement({"AWS": [AUDIT, AUDIT + "-2"]})], ["undetermined", "undetermined"]),
]


@pytest.mark.parametrize(("statements", "expected"), [case[1:] for case in OUTSIDERS], ids=[case[0] for case in OUTSIDERS])
def test_outsiders(tmp_path: Path, statements: list[dict[str, object]], expected: list[str]) -> None:
    text = rule("outsiders_denied", organization=ORGANIZATION, action="kms:Decrypt")
    assert verdicts(tmp_path, text, statements) == expected


def test_allowed_readers_are_no_outsiders(tmp_path: Path) -> None:
    text = rule("outsiders_denied", organization=ORGANIZATION, action="kms:Decrypt")
    (tmp_path / ".ctkms-policy.yaml").write_text("allowed_readers: ['444455556666']\n")
    assert verdicts(tmp_path, text, [statement({"AWS": AUDIT})]) == []


def test_an_account_that_is_not_known_is_the_deployments_own(tmp_path: Path) -> None:
    """Without ``--account`` the root of the deployment's own account is not taken for a stranger."""
    text = rule("outsiders_denied", organization=ORGANIZATION, action="kms:Decrypt")
    verdicts(tmp_path, text, [ROOT])
    main = (tmp_path / "main.tf").read_text().replace("111122223333", "${data.aws_caller_identity.me.account_id}")
    write(tmp_path, main_tf=main + 'data "aws_caller_identity" "me" {}\n')
    done = check_json(tmp_path, "--rules", "rules", "--select", "ACME001")
    assert (done.code, done.json["findings"]) == (0, [])


@pytest.mark.parametrize("check", ["request_allowed", "request_denied", "outsiders_denied"])
def test_a_policy_that_is_not_visible_is_undetermined(tmp_path: Path, check: str) -> None:
    parameters = {"organization": ORGANIZATION} if check == "outsiders_denied" else {"principal": AUDIT}
    verdicts(tmp_path, rule(check, action="kms:Decrypt", **parameters), [ROOT])
    key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    write(tmp_path, main_tf=(tmp_path / "main.tf").read_text().replace("aws_kms_key.k.arn", f'"{key}"'))
    done = check_json(tmp_path, "--rules", "rules", "--select", "ACME001")
    assert [each["verdict"] for each in done.json["findings"]] == ["undetermined"]
    assert "could not be checked" in done.json["findings"][0]["message"]
    write(tmp_path, main_tf=(tmp_path / "main.tf").read_text().replace(f'"{key}"', "null"))
    assert check_json(tmp_path, "--rules", "rules", "--select", "ACME001").json["findings"] == []


def test_a_rule_is_asked_in_its_languages_only(tmp_path: Path) -> None:
    parameters = {"principal": AUDIT, "action": "kms:Decrypt"}
    assert verdicts(tmp_path, rule("request_allowed", "[cloudformation]", **parameters), [ROOT]) == []
    assert verdicts(tmp_path, rule("request_allowed", "[terraform]", **parameters), [ROOT]) == ["fail"]


@pytest.mark.parametrize(
    ("check", "parameters", "message"),
    [
        ("request_allowed", {"principal": "acme-audit", "action": "kms:Decrypt"}, '"principal" must be the ARN of a role or user'),
        ("request_allowed", {"principal": AUDIT + "*", "action": "kms:Decrypt"}, '"principal" must be the ARN of a role or user'),
        ("request_denied", {"principal": AUDIT, "action": "kms:Decrypts"}, '"action" cannot be "kms:Decrypts"'),
        ("request_denied", {"principal": AUDIT}, 'missing key "action"'),
        ("outsiders_denied", {"organization": "acme", "action": "kms:Decrypt"}, '"organization" must be an organization id'),
        ("outsiders_denied", {"principal": AUDIT, "action": "kms:Decrypt"}, 'unknown key "principal"'),
    ],
)
def test_wrong_parameters_are_usage_errors_with_a_place(tmp_path: Path, check: str, parameters: dict[str, Any], message: str) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.yaml").write_text(rule(check, **parameters))
    done = run(tmp_path, "check", "--rules", "rules")
    assert done.code == 2
    assert "rules/own.yaml:" in done.err
    assert message in done.err
