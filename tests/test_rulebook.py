"""The rulebook: what our rules promise, and how strictly a rule file is read."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctkms_policy.checks import CHECKS
from ctkms_policy.finding import Severity
from ctkms_policy.model import Language
from ctkms_policy.rulebook import FOR_OWN_RULES, SIGNATURES, Control, Remediation, Rule, RulebookError, Subject, load_rules
from ctkms_policy.source import ParseError, Source
from ctkms_policy.strict_yaml import read_yaml

RULES = load_rules()
BY_ID = {rule.id: rule for rule in RULES}
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)

PERMANENT = {
    "CTKMS000": ("unreadable-source", "error"),
    "CTKMS001": ("trail-without-kms-key", "error"),
    "CTKMS002": ("trail-uses-aws-managed-key", "error"),
    "CTKMS003": ("cloudtrail-cannot-describe-key", "error"),
    "CTKMS004": ("cloudtrail-cannot-encrypt", "error"),
    "CTKMS005": ("nobody-may-decrypt", "error"),
    "CTKMS006": ("encrypt-grant-not-scoped", "warning"),
    "CTKMS007": ("decrypt-grant-too-broad", "error"),
    "CTKMS008": ("key-cannot-encrypt", "error"),
    "CTKMS009": ("key-region-differs-from-bucket", "error"),
    "CTKMS010": ("key-policy-statement-rejected", "error"),
    "CTKMS011": ("kms-key-id-form", "error"),
    "CTKMS012": ("key-policy-attached-too-late", "warning"),
    "CTKMS013": ("event-data-store-without-kms-key", "warning"),
    "CTKMS014": ("bucket-key-needs-decrypt", "note"),
    "CTKMS015": ("key-policy-not-visible", "note"),
    "CTKMS016": ("decrypt-only-delegated", "warning"),
    "CTKMS090": ("waiver-expired", "error"),
    "CTKMS091": ("waiver-incomplete", "error"),
    "CTKMS092": ("waiver-unused", "note"),
}
"""Ids and names that users have in their waivers: add to this table, never change it."""

HOSTS = {"docs.aws.amazon.com", "registry.terraform.io", "developer.hashicorp.com", "github.com", "csrc.nist.gov"}


# -- our rules ---------------------------------------------------------------------------------------------------------


def test_ids_names_and_severities_are_permanent() -> None:
    assert {rule.id: (rule.name, rule.severity.value) for rule in RULES} == PERMANENT


@each_rule
def test_a_rule_has_every_text(rule: Rule) -> None:
    texts = [rule.title, rule.rationale, rule.impact, rule.remediation.console, rule.remediation.cli]
    if Language.CLOUDFORMATION in rule.applies_to:
        texts.append(rule.remediation.cloudformation)
    if Language.TERRAFORM in rule.applies_to:
        texts.append(rule.remediation.terraform)
    assert all(texts)
    assert rule.references
    assert not rule.title.endswith(".")
    assert rule.rationale.endswith(".")
    assert rule.impact.endswith(".")


@each_rule
def test_references_are_https_urls_of_known_hosts(rule: Rule) -> None:
    assert {urlsplit(reference).scheme for reference in rule.references} == {"https"}
    assert {urlsplit(reference).hostname for reference in rule.references} <= HOSTS
    assert len(set(rule.references)) == len(rule.references)


@each_rule
def test_texts_keep_to_the_vocabulary(rule: Rule) -> None:
    texts = " ".join((rule.title, rule.rationale, rule.impact, *vars_of(rule.remediation)))
    for word in ("--kms-id", "CMK", "unencrypted", "TODO", "example.org"):
        assert word not in texts


def vars_of(remediation: Remediation) -> tuple[str, ...]:
    return remediation.console, remediation.cli, remediation.cloudformation, remediation.terraform


@each_rule
def test_no_control_is_named_twice(rule: Rule) -> None:
    assert len(set(rule.controls)) == len(rule.controls)


def test_controls_of_the_main_rule() -> None:
    controls = BY_ID["CTKMS001"].controls
    cis = {control.version: control.id for control in controls if control.framework == "CIS AWS Foundations Benchmark"}
    assert cis == {
        "1.2.0": "2.7",
        **dict.fromkeys(("1.3.0", "1.4.0", "1.5.0", "2.0.0"), "3.7"),
        **dict.fromkeys(("3.0.0", "4.0.0", "5.0.0"), "3.5"),
        **dict.fromkeys(("6.0.0", "7.0.0"), "4.5"),
    }
    assert Control("AWS Security Hub", "CloudTrail.2") in controls
    assert Control("Common Configuration Enumeration", "CCE-78919-8") in controls


def test_every_check_has_a_function_and_a_signature() -> None:
    of_the_linter = {name for name, signature in SIGNATURES.items() if signature.subject in (Subject.FILE, Subject.WAIVER)}
    assert set(SIGNATURES) - of_the_linter <= set(CHECKS) <= set(SIGNATURES)
    for name in set(SIGNATURES) - of_the_linter:
        assert SIGNATURES[name].subject in CHECKS[name]


def test_every_signature_is_used_by_a_rule() -> None:
    assert {rule.check for rule in RULES} == set(SIGNATURES) - set(FOR_OWN_RULES)


def test_importing_the_rulebook_loads_no_yaml() -> None:
    code = "import ctkms_policy.rulebook, ctkms_policy.report.explain, sys; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- own rules ---------------------------------------------------------------------------------------------------------

OWN = """\
id: ACME001
name: trails-of-acme
title: A trail of ACME has no key
severity: warning
since: "1.0"
applies_to: [terraform]
check: service_request
parameters:
  question: encrypt
rationale: Because.
impact: None.
remediation:
  terraform: kms_key_id = "x"
references:
  - https://example.com/policy
controls:
  - {framework: ACME, id: "7"}
"""


def write(directory: Path, text: str, name: str = "ACME001.yaml") -> Path:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(text, encoding="utf-8")
    return directory


def test_own_rules_come_after_ours(tmp_path: Path) -> None:
    rules = load_rules([write(tmp_path / "own", OWN)])
    assert rules[: len(RULES)] == RULES
    assert rules[len(RULES) :] == (
        Rule(
            id="ACME001",
            name="trails-of-acme",
            title="A trail of ACME has no key",
            severity=Severity.WARNING,
            since="1.0",
            applies_to=(Language.TERRAFORM,),
            subject=Subject.TRAIL,
            check="service_request",
            parameters={"question": "encrypt"},
            rationale="Because.",
            impact="None.",
            remediation=Remediation(terraform='kms_key_id = "x"'),
            references=("https://example.com/policy",),
            controls=(Control("ACME", "7"),),
        ),
    )


def failure(directory: Path) -> RulebookError:
    with pytest.raises(RulebookError) as caught:
        load_rules([directory])
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "message", "help", "line", "column"),
    [
        ("severity: warning", "sevrity: warning", 'unknown key "sevrity"', 'did you mean "severity"?', 4, 1),
        ("title: A trail of ACME has no key\n", "", 'missing key "title"', "", 1, 1),
        ("since:", "name: again\nsince:", 'key "name" is there twice, first in line 2', "", 5, 1),
        ("id: ACME001", "id: acme1", '"id" must be capitals and digits that end in three digits, such as ACME001, not "acme1"', "", 1, 5),
        ("id: ACME001", "id: CTKMS500", '"id" cannot be "CTKMS500"', "ids that begin with CTKMS belong to the built-in rules", 1, 5),
        ("severity: warning", "severity: eror", '"severity" cannot be "eror"', 'did you mean "error"?', 4, 11),
        ("severity: warning", "severity: 2", '"severity" must be text, not a number', "put it in quotes", 4, 11),
        ('since: "1.0"', "since: 1.0", '"since" must be text, not a number', "put it in quotes", 5, 8),
        ('since: "1.0"', "since: soon", '"since" must be a version such as 0.1.0, not "soon"', "", 5, 8),
        ("[terraform]", "terraform", '"applies_to" must be a list, not text', "", 6, 13),
        ("[terraform]", "[teraform]", 'item 1 of "applies_to" cannot be "teraform"', 'did you mean "terraform"?', 6, 14),
        ("[terraform]", "[terraform, terraform]", 'item 2 of "applies_to" is "terraform" a second time', "", 6, 25),
        ("[terraform]", "[]", '"applies_to" names no language', "", 6, 13),
        (
            "check: service_request",
            "check: service_requests",
            '"check" cannot be "service_requests"',
            'did you mean "service_request"?',
            7,
            8,
        ),
        ("check: service_request", "check: no_reader", 'unknown key "question"', "", 9, 3),
        ("  question: encrypt", "  question: decrypt", '"question" cannot be "decrypt"', 'did you mean "encrypt"?', 9, 13),
        ("parameters:\n  question: encrypt\n", "", '"check" needs parameters: question', 'add the key "parameters"', 7, 8),
        ("parameters:\n  question: encrypt", "parameters: {}", 'missing key "question"', "", 8, 13),
        ("rationale: Because.", "rationale:", '"rationale" is empty', "", 10, 11),
        ("rationale: Because.", 'rationale: " "', '"rationale" is blank', "", 10, 12),
        ("rationale: Because.", 'rationale: "\\e[31m"', '"rationale" holds a control character', "", 10, 12),
        ("rationale: Because.", "rationale: [a]", '"rationale" must be text, not a list', "", 10, 12),
        ("rationale: Because.", "rationale: !x a", '"rationale" must be text, not of type !x', "", 10, 12),
        ("  terraform: kms", "  terrafrom: kms", 'unknown key "terrafrom"', 'did you mean "terraform"?', 13, 3),
        (
            'remediation:\n  terraform: kms_key_id = "x"',
            "remediation: {}",
            '"remediation" names no way out',
            "give at least one of: console, cli, cloudformation, terraform",
            12,
            14,
        ),
        (
            "https://example.com/policy",
            "http://example.com",
            'item 1 of "references" must be an https URL, not "http://example.com"',
            "",
            15,
            5,
        ),
        ('id: "7"', 'ids: "7"', 'unknown key "ids"', 'did you mean "id"?', 17, 23),
        ('id: "7"', "id: 7", '"id" must be text, not a number', "put it in quotes", 17, 27),
        (OWN, "- a\n", "the document must be a mapping, not a list", "", 1, 1),
        (OWN, "# nothing\n", "the file is empty", "", 1, 1),
        (OWN, "id: [\n", "not YAML: did not find expected node content", "", 2, 1),
        (OWN, "id: a\n---\nid: b\n", "not YAML: but found another document", "", 2, 1),
        (OWN, "id: &a [*b]\n", "not YAML: found undefined alias", "", 1, 9),
        (OWN, "id: &a [*a]\n", 'missing key "name"', "", 1, 1),
        (OWN, "[" * 60 + "]" * 60, "nested more than 50 deep", "", 1, 51),
    ],
)
def test_a_wrong_rule_file_is_an_error_with_its_place(
    tmp_path: Path, old: str, new: str, message: str, help: str, line: int, column: int
) -> None:
    assert OWN.count(old) == 1
    directory = write(tmp_path / "own", OWN.replace(old, new))
    error = failure(directory)
    assert (error.message, error.span.line, error.span.column) == (message, line, column)
    assert error.span.path == f"{directory.as_posix()}/ACME001.yaml"
    assert error.help == help


def test_nesting_that_libyaml_itself_refuses_is_the_same_error(tmp_path: Path) -> None:
    """Where it is found depends on the libyaml: newer ones stop in their look-ahead."""
    error = failure(write(tmp_path / "own", "[" * 100_000))
    assert (error.message, error.span.line) == ("nested more than 50 deep", 1)


def test_ids_and_names_are_unique_across_directories(tmp_path: Path) -> None:
    first = write(tmp_path / "first", OWN)
    second = write(tmp_path / "second", OWN.replace("trails-of-acme", "other"))
    with pytest.raises(RulebookError) as caught:
        load_rules([first, second])
    assert caught.value.message == f'"id" "ACME001" is taken by {first.as_posix()}/ACME001.yaml'
    taken = failure(write(tmp_path / "third", OWN.replace("trails-of-acme", "waiver-unused")))
    assert taken.message == '"name" "waiver-unused" is taken by rules/CTKMS092.yaml'


def test_a_directory_without_rules_is_an_error(tmp_path: Path) -> None:
    assert failure(tmp_path).message == "the directory of rules holds no .yaml file"
    assert failure(tmp_path / "none").message == "cannot read the directory of rules: no such file or directory"
    (tmp_path / "file").touch()
    assert failure(tmp_path / "file").message == "cannot read the directory of rules: not a directory"


def test_a_rule_file_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "A.yaml").write_bytes(b"id: \xff")
    error = failure(tmp_path)
    assert (error.message, error.span.column) == ("not UTF-8: byte 0xff", 5)


@given(st.text())
def test_reading_raises_nothing_but_parse_errors(text: str) -> None:
    with suppress(ParseError):
        read_yaml(Source("a.yaml", text)).fields(required=("id",))
