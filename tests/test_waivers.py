"""Waivers: where they may stand, what they cover, and that they end."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from command import check_json, run, write
from hypothesis import given, settings
from hypothesis import strategies as st

from ctkms_policy.comments import read_template, read_terraform
from ctkms_policy.inline_waivers import inline_waivers
from ctkms_policy.rulebook import load_rules
from ctkms_policy.source import Source
from ctkms_policy.waivers import Judge, State, WaiverPolicy, Written, WrittenWaiver, is_under, utc_today

TODAY = "2026-06-30"
FIELDS = "owner=team@example.com expires=2026-12-31 reason: the key is on its way"
WAIVER = f"ctkms-policy: waive CTKMS001 {FIELDS}"
TRAIL = 'resource "aws_cloudtrail" "main" {\n  name           = "audit"\n  s3_bucket_name = "logs"\n}\n'
TEMPLATE = (
    "Resources:\n  Trail:\n    Type: AWS::CloudTrail::Trail\n    Properties:\n      TrailName: audit\n      IsLogging: true\n"
    "      S3BucketName: logs\n"
)


def check(directory: Path, *arguments: str, today: str = TODAY) -> Any:
    return check_json(directory, "--today", today, *arguments).json


def waived(directory: Path, *arguments: str, today: str = TODAY) -> list[str]:
    """The rules of the waived findings, sorted."""
    return sorted(each["rule"] for each in check(directory, *arguments, today=today)["findings"] if each["waived"])


def open_rules(directory: Path, *arguments: str, today: str = TODAY) -> list[str]:
    """The rules of the findings that are not waived, sorted."""
    return sorted(each["rule"] for each in check(directory, *arguments, today=today)["findings"] if not each["waived"])


def configure(directory: Path, text: str) -> None:
    (directory / ".ctkms-policy.yaml").write_text(text)


def entry(resource: str = "aws_cloudtrail.main", expires: str = "2026-12-31", more: str = "") -> str:
    return (
        "waivers:\n  entries:\n"
        f"    - {{rules: [CTKMS001], resource: '{resource}', owner: team@example.com, reason: soon, expires: {expires}{more}}}\n"
    )


# -- until when --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "code", "rules"),
    [
        ("2026-06-30", 0, []),
        ("2026-12-30", 0, []),
        ("2026-12-31", 0, []),
        ("2027-01-01", 1, ["CTKMS001", "CTKMS090"]),
        ("2030-01-01", 1, ["CTKMS001", "CTKMS090"]),
    ],
)
@pytest.mark.parametrize("place", ["comment", "configuration", "metadata"])
def test_it_holds_to_its_last_day_and_not_a_day_longer(tmp_path: Path, place: str, today: str, code: int, rules: list[str]) -> None:
    if place == "comment":
        write(tmp_path, main_tf=f"# {WAIVER}\n{TRAIL}")
    elif place == "configuration":
        write(tmp_path, main_tf=TRAIL)
        configure(tmp_path, entry())
    else:
        item = "{rules: [CTKMS001], owner: team, reason: soon, expires: 2026-12-31}"
        metadata = f"    Metadata:\n      ctkms-policy:\n        waive:\n          - {item}\n"
        write(tmp_path, template_yaml=TEMPLATE.replace("    Properties", f"{metadata}    Properties"))
    done = check_json(tmp_path, "--today", today)
    assert (done.code, open_rules(tmp_path, today=today)) == (code, rules)
    assert done.json["summary"]["waived"] == (0 if rules else 1)


def test_a_waived_finding_keeps_its_verdict_and_says_who_and_why(tmp_path: Path) -> None:
    write(tmp_path, main_tf=f"# {WAIVER}\n{TRAIL}")
    report = check(tmp_path)
    (finding,) = report["findings"]
    assert (finding["verdict"], finding["severity"]) == ("fail", "error")
    assert finding["waived"] == {"owner": "team@example.com", "reason": "the key is on its way", "expires": "2026-12-31"}
    assert report["summary"]["errors"] == 0
    assert report["trails"][0]["verdict"] == "fail"
    without = check(write(tmp_path, main_tf=TRAIL))["findings"][0]["fingerprint"]
    assert finding["fingerprint"] == without


def test_the_default_day_is_today_in_utc(tmp_path: Path) -> None:
    write(tmp_path, main_tf=f"# {WAIVER.replace('2026-12-31', utc_today().isoformat())}\n{TRAIL}")
    assert check_json(tmp_path).code == 0
    write(tmp_path, main_tf=f"# {WAIVER.replace('2026-12-31', (utc_today() - timedelta(days=2)).isoformat())}\n{TRAIL}")
    assert check_json(tmp_path).code == 1


def test_max_days_limits_how_far_away_the_date_may_be(tmp_path: Path) -> None:
    write(tmp_path, main_tf=f"# {WAIVER}\n{TRAIL}")
    configure(tmp_path, "waivers: {max_days: 184}\n")
    assert waived(tmp_path) == ["CTKMS001"]
    configure(tmp_path, "waivers: {max_days: 183}\n")
    assert open_rules(tmp_path) == ["CTKMS001", "CTKMS090"]
    assert open_rules(tmp_path, today="2026-07-01") == []


@pytest.mark.parametrize(("today", "says"), [("2026-12-16", ""), ("2026-12-17", "expires in 14 days"), ("2026-12-31", "expires today")])
def test_a_note_appears_some_days_before(tmp_path: Path, today: str, says: str) -> None:
    write(tmp_path, main_tf=f"# {WAIVER}\n{TRAIL}")
    configure(tmp_path, "waivers: {warn_days: 14}\n")
    done = check_json(tmp_path, "--today", today)
    notes = [each for each in done.json["findings"] if each["rule"] == "CTKMS090"]
    assert done.code == 0
    assert [each["severity"] for each in notes] == (["note"] if says else [])
    assert says in "".join(each["message"] for each in notes)
    assert waived(tmp_path, today=today) == ["CTKMS001"]


def _judge(written: WrittenWaiver, today: date, policy: WaiverPolicy) -> State:
    rules = load_rules()
    return Judge(rules, frozenset(), policy, today, lambda path: False, str).judge(written, []).state


@settings(max_examples=150)
@given(st.dates(min_value=date(1000, 1, 1)), st.dates(min_value=date(1000, 1, 1)), st.integers(1, 36_500))
def test_dates(expires: date, today: date, max_days: int) -> None:
    span = Source("a.tf", "x").span(0, 1)
    text = Written("x", span)
    written = WrittenWaiver(span, (Written("CTKMS001", span),), text, text, Written(expires.isoformat(), span), resource="*")
    expected = State.EXPIRED if today > expires else State.MALFORMED if (expires - today).days > max_days else State.ACTIVE
    assert _judge(written, today, WaiverPolicy(max_days=max_days)) is expected


# -- comments ----------------------------------------------------------------------------------------------------------

HOLDS = {
    "above": f"# {WAIVER}\n{TRAIL}",
    "above, with further comments between": f"# {WAIVER}\n# our trail\n// really\n{TRAIL}",
    "above, slashes": f"// {WAIVER}\n{TRAIL}",
    "above, many signs": f"## {WAIVER}\n{TRAIL}",
    "above, long": f"/* {WAIVER} */\n{TRAIL}",
    "above, long with stars": f"/*\n * {WAIVER.replace('the key', 'the' + chr(10) + ' *   key')}\n */\n{TRAIL}",
    "on the first line": TRAIL.replace("{\n", "{ # " + WAIVER + "\n", 1),
    "inside": TRAIL.replace("  s3", f"  # {WAIVER}\n  s3"),
    "behind an argument": TRAIL.replace('"logs"\n', f'"logs" # {WAIVER}\n'),
    "on the last line": TRAIL.replace("}\n", "} # " + WAIVER + "\n"),
    "CRLF": f"# {WAIVER}\n{TRAIL}".replace("\n", "\r\n"),
    "with commas": f"# {WAIVER.replace('CTKMS001', 'CTKMS001, CTKMS002')}\n{TRAIL}",
    "rule by name": f"# {WAIVER.replace('CTKMS001', 'trail-without-kms-key')}\n{TRAIL}",
    "other order": f"# ctkms-policy: waive CTKMS001 expires=2026-12-31 owner=team@example.com reason: the key is on its way\n{TRAIL}",
    "behind a brace in a string": 'locals {\n  a = "${"}"}"\n  b = "{"\n}\n' + f"# {WAIVER}\n{TRAIL}",
    "behind a heredoc": 'locals {\n  a = <<-EOT\n    { # " ${ x }\n  EOT\n}\n' + f"# {WAIVER}\n{TRAIL}",
}
DOES_NOT_HOLD = {
    "above a blank line": f"# {WAIVER}\n\n{TRAIL}",
    "above another block": f'# {WAIVER}\nvariable "x" {{}}\n{TRAIL}',
    "below": f"{TRAIL}# {WAIVER}\n",
    "in a string": TRAIL.replace('"logs"\n', f'"logs"\n  tags           = {{ x = "# {WAIVER}" }}\n'),
    "in a heredoc": TRAIL.replace('"logs"\n', f'"logs"\n  tags = {{ x = <<EOT\n# {WAIVER}\nEOT\n  }}\n'),
    "in prose": f"# see {WAIVER}\n{TRAIL}",
}


@pytest.mark.parametrize("text", HOLDS.values(), ids=HOLDS)
def test_a_comment_waives(tmp_path: Path, text: str) -> None:
    write(tmp_path).joinpath("main.tf").write_bytes(text.encode())
    assert waived(tmp_path) == ["CTKMS001"]
    (finding,) = [each for each in check(tmp_path)["findings"] if each["waived"]]
    assert finding["waived"]["reason"] == "the key is on its way"


@pytest.mark.parametrize("text", DOES_NOT_HOLD.values(), ids=DOES_NOT_HOLD)
def test_a_comment_elsewhere_waives_nothing(tmp_path: Path, text: str) -> None:
    write(tmp_path, main_tf=text)
    assert waived(tmp_path) == []
    assert "CTKMS001" in open_rules(tmp_path)


MALFORMED = [
    ("ctkms-policy: waive", "CTKMS090", "the waiver names no rule"),
    (f"ctkms-policy: waive {FIELDS}", "CTKMS090", "the waiver names no rule"),
    ("ctkms-policy:", "CTKMS090", "the comment does not say what it asks for"),
    (f"ctkms-policy: ignore CTKMS001 {FIELDS}", "CTKMS090", '"ignore" is nothing that a comment can ask for'),
    (f"ctkms-policy waive CTKMS001 {FIELDS}", "CTKMS090", 'a colon is missing after "ctkms-policy"'),
    (f"ctkms-policy: waive CTKMS999 {FIELDS}", "CTKMS090", 'the waiver names a rule that does not exist: "CTKMS999"'),
    (f"ctkms-policy: waive CTKMS000 {FIELDS}", "CTKMS090", "CTKMS000 cannot be waived"),
    (f"ctkms-policy: waive CTKMS001 CTKMS092 {FIELDS}", "CTKMS090", "CTKMS092 cannot be waived"),
    (WAIVER.replace("2026-12-31", "2026-13-31"), "CTKMS090", 'the waiver\'s expiry date "2026-13-31" is no date'),
    (WAIVER.replace("2026-12-31", "31.12.2026"), "CTKMS090", 'the waiver\'s expiry date "31.12.2026" is no date'),
    (WAIVER.replace("2026-12-31", "20261231"), "CTKMS090", 'the waiver\'s expiry date "20261231" is no date'),
    (WAIVER.replace("expires=", "until="), "CTKMS090", 'the waiver holds "until=2026-12-31", which is nothing it can say'),
    (WAIVER.replace("owner=", "owner: "), "CTKMS090", 'the waiver holds "owner:", which is nothing it can say'),
    (WAIVER.replace("owner=", "owner=a owner="), "CTKMS090", 'the waiver says "owner" twice'),
    (WAIVER.replace("owner=team@example.com ", ""), "CTKMS091", "the waiver has no owner: it waives nothing"),
    (WAIVER.replace("team@example.com", ""), "CTKMS091", "the waiver has no owner: it waives nothing"),
    (WAIVER.replace("team@example.com", '" "'), "CTKMS091", "the waiver has no owner: it waives nothing"),
    (WAIVER.replace("the key is on its way", ""), "CTKMS091", "the waiver has no reason: it waives nothing"),
    (WAIVER.split(" owner")[0], "CTKMS091", "the waiver has no owner, no reason and no expiry date: it waives nothing"),
]


@pytest.mark.parametrize(("text", "rule", "message"), MALFORMED, ids=[message for _, _, message in MALFORMED])
def test_what_is_wrong_with_a_waiver_is_a_finding_and_it_waives_nothing(tmp_path: Path, text: str, rule: str, message: str) -> None:
    write(tmp_path, main_tf=f"# {text}\n{TRAIL}")
    report = check(tmp_path)
    assert waived(tmp_path) == []
    (finding,) = [each for each in report["findings"] if each["rule"] != "CTKMS001"]
    assert (finding["rule"], finding["severity"], finding["message"]) == (rule, "error", message)
    assert (finding["location"]["path"], finding["location"]["line"]) == ("main.tf", 1)
    assert finding["resource"] == "aws_cloudtrail.main"
    assert finding["help"]


def test_two_waivers_in_one_comment(tmp_path: Path) -> None:
    second = WAIVER.replace("CTKMS001", "CTKMS013")
    store = 'resource "aws_cloudtrail_event_data_store" "e" {\n  name = "e"\n}\n'
    write(tmp_path, main_tf=f'/*\n  {WAIVER}\n  {second}\n*/\nmodule "m" {{\n  source = "./m"\n}}\n', m__main_tf=TRAIL + store)
    assert waived(tmp_path) == ["CTKMS001", "CTKMS013"]


def test_of_two_waivers_the_longer_one_counts(tmp_path: Path) -> None:
    write(tmp_path, main_tf=f"# {WAIVER.replace('2026-12-31', '2026-08-01')}\n# {WAIVER}\n{TRAIL}")
    assert check(tmp_path)["findings"][0]["waived"]["expires"] == "2026-12-31"
    assert waived(tmp_path, today="2026-09-01") == ["CTKMS001"]


# -- what a block covers -----------------------------------------------------------------------------------------------


def test_a_block_covers_findings_that_stand_in_it_and_those_of_its_resource(tmp_path: Path) -> None:
    trail = TRAIL.replace('"logs"\n', '"logs"\n  kms_key_id     = aws_kms_key.logs.arn\n')
    key = 'resource "aws_kms_key" "logs" {\n  description = "logs"\n}\n'
    waive = "# " + WAIVER.replace("CTKMS001", "CTKMS003 CTKMS004 CTKMS016") + "\n"
    write(tmp_path, main_tf=trail + key)
    assert open_rules(tmp_path) == ["CTKMS003", "CTKMS004", "CTKMS016"]
    write(tmp_path, main_tf=waive + trail + key)
    assert waived(tmp_path) == ["CTKMS003", "CTKMS004", "CTKMS016"], "the resource is the trail's block"
    write(tmp_path, main_tf=trail + waive + key)
    assert waived(tmp_path) == ["CTKMS003", "CTKMS004", "CTKMS016"], "the findings point into the key's block"


def test_every_instance_of_a_block_is_covered(tmp_path: Path) -> None:
    write(
        tmp_path, main_tf=f"# {WAIVER}\n" + TRAIL.replace("{\n", "{\n  count          = 2\n", 1).replace('"audit"', '"audit${count.index}"')
    )
    assert waived(tmp_path) == ["CTKMS001", "CTKMS001"]


def test_a_waiver_at_a_module_call_covers_that_call_only(tmp_path: Path) -> None:
    calls = 'module "a" {{\n  source = "./m"\n}}\n\n{waiver}module "b" {{\n  source = "./m"\n}}\n'
    write(tmp_path, main_tf=calls.format(waiver=f"# {WAIVER}\n"), m__main_tf=TRAIL)
    findings = {each["resource"]: each["waived"] is not None for each in check(tmp_path)["findings"]}
    assert findings == {"module.a.aws_cloudtrail.main": False, "module.b.aws_cloudtrail.main": True}


def test_undetermined_findings_are_waived_too(tmp_path: Path) -> None:
    trail = TRAIL.replace('"logs"\n', '"logs"\n  kms_key_id     = var.key\n') + 'variable "key" {}\n'
    write(tmp_path, main_tf=trail)
    assert check_json(tmp_path, "--strict").code == 1
    write(tmp_path, main_tf=f"# {WAIVER.replace('CTKMS001', 'CTKMS015')}\n{trail}")
    done = check_json(tmp_path, "--strict", "--today", TODAY)
    assert (done.code, done.json["summary"]["undetermined"], done.json["summary"]["waived"]) == (0, 0, 1)


# -- CloudFormation ----------------------------------------------------------------------------------------------------

OTHER = "  Other:\n    Type: AWS::S3::Bucket\n"
YAML_HOLDS = {
    "above": TEMPLATE.replace("  Trail:", f"  # {WAIVER}\n  Trail:"),
    "above, other indentation": TEMPLATE.replace("  Trail:", f"# {WAIVER}\n  Trail:"),
    "on the logical ID": TEMPLATE.replace("Trail:\n", f"Trail: # {WAIVER}\n"),
    "inside": TEMPLATE.replace("    Properties", f"    # {WAIVER}\n    Properties"),
    "behind the last line": TEMPLATE + f"      # {WAIVER}\n{OTHER}",
    "behind the last value": TEMPLATE.rstrip() + f" # {WAIVER}\n",
    "below another resource": TEMPLATE.replace("  Trail:", f"{OTHER}  # {WAIVER}\n  Trail:"),
}
YAML_DOES_NOT_HOLD = {
    "below": TEMPLATE + f"  # {WAIVER}\n{OTHER}",
    "above a blank line": TEMPLATE.replace("  Trail:", f"  # {WAIVER}\n\n  Trail:"),
    "in a text": TEMPLATE.replace("TrailName: audit", f'TrailName: "a # {WAIVER}"'),
    "in a block of text": TEMPLATE + f"    Metadata:\n      Text: |\n        # {WAIVER}\n",
    "above the resources": f"# {WAIVER}\n{TEMPLATE}",
}


@pytest.mark.parametrize("text", YAML_HOLDS.values(), ids=YAML_HOLDS)
def test_a_yaml_comment_waives(tmp_path: Path, text: str) -> None:
    write(tmp_path, template_yaml=text)
    assert waived(tmp_path) == ["CTKMS001"]


@pytest.mark.parametrize("text", YAML_DOES_NOT_HOLD.values(), ids=YAML_DOES_NOT_HOLD)
def test_a_yaml_comment_elsewhere_waives_nothing(tmp_path: Path, text: str) -> None:
    write(tmp_path, template_yaml=text)
    assert waived(tmp_path) == []


def metadata(text: str) -> str:
    return TEMPLATE.replace("    Properties", f"    Metadata:\n      ctkms-policy: {text}\n    Properties")


COMPLETE = "rules: [CTKMS001], owner: team, reason: soon, expires: 2026-12-31"
METADATA = [
    (f"{{waive: [{{{COMPLETE}}}]}}", None, ""),
    ("{waive: [{rules: CTKMS001, owner: team, reason: soon, expires: '2026-12-31'}]}", None, ""),
    ("waive", "CTKMS090", 'the metadata "ctkms-policy" holds no mapping'),
    (f"{{wave: [{{{COMPLETE}}}]}}", "CTKMS090", 'unknown key "wave" in the metadata "ctkms-policy"'),
    (f"{{waive: {{{COMPLETE}}}}}", "CTKMS090", '"waive" must be a list'),
    ("{waive: [CTKMS001]}", "CTKMS090", "a waiver must be a mapping"),
    (f"{{waive: [{{{COMPLETE}, until: never}}]}}", "CTKMS090", 'unknown key "until" in a waiver'),
    (f"{{waive: [{{{COMPLETE.replace('team', '!Ref AWS::StackName')}}}]}}", "CTKMS090", '"owner" of the waiver must be text'),
    (f"{{waive: [{{{COMPLETE.replace('team', '[a, b]')}}}]}}", "CTKMS090", '"owner" of the waiver must be text'),
    (f"{{waive: [{{{COMPLETE.replace('owner: team, ', '')}}}]}}", "CTKMS091", "the waiver has no owner: it waives nothing"),
    ("{waive: [{}]}", "CTKMS090", "the waiver names no rule"),
]


@pytest.mark.parametrize(("text", "rule", "message"), METADATA)
def test_metadata(tmp_path: Path, text: str, rule: str | None, message: str) -> None:
    write(tmp_path, template_yaml=metadata(text))
    report = check(tmp_path)
    assert waived(tmp_path) == (["CTKMS001"] if rule is None else [])
    about = [each for each in report["findings"] if each["rule"] != "CTKMS001"]
    assert [(each["rule"], each["message"], each["resource"]) for each in about] == ([(rule, message, "Trail")] if rule else [])


# -- the configuration file --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "path", "holds"),
    [
        ("module.a[0].aws_cloudtrail.main", "", True),
        ("module.a[*].aws_cloudtrail.main", "", True),
        ("*aws_cloudtrail.main", "", True),
        ("*", "", True),
        ("module.a[1].aws_cloudtrail.main", "", False),
        ("aws_cloudtrail.main", "", False),
        ("module.a0.aws_cloudtrail.main", "", False),
        ("*", "m", True),
        ("*", "m/", True),
        ("*", "m/main.tf", True),
        ("*", "*.tf", True),
        ("*", "main.tf", True),
        ("*", "other", False),
        ("*", "m/main", False),
    ],
)
def test_resource_and_path_are_patterns(tmp_path: Path, resource: str, path: str, holds: bool) -> None:
    write(tmp_path, main_tf='module "a" {\n  source = "./m"\n  count  = 1\n}\n', m__main_tf=TRAIL)
    configure(tmp_path, entry(resource, more=f", path: '{path}'" if path else ""))
    assert waived(tmp_path) == (["CTKMS001"] if holds else [])


def test_the_path_is_relative_to_the_configuration_file(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path, a__m__main_tf=TRAIL)
    configure(tmp_path / "a", entry(more=", path: m"))
    assert waived(tmp_path / "a") == ["CTKMS001"]
    assert waived(tmp_path / "a", "m") == ["CTKMS001"]


@pytest.mark.parametrize(
    ("path", "pattern", "under"),
    [
        ("a/b/c.tf", "a", True),
        ("a/b/c.tf", "a/b/", True),
        ("a/b/c.tf", "b", False),
        ("ab/c.tf", "a", False),
        ("a/c[0].tf", "a/c[0].tf", True),
    ],
)
def test_is_under(path: str, pattern: str, under: bool) -> None:
    assert is_under(path, pattern) is under


def test_the_configuration_can_forbid_waivers_in_the_code(tmp_path: Path) -> None:
    write(tmp_path, main_tf=f"# {WAIVER}\n{TRAIL}")
    configure(tmp_path, "waivers: {inline: false}\n")
    assert open_rules(tmp_path) == ["CTKMS001", "CTKMS090"]
    configure(tmp_path, "waivers:\n  inline: false\n" + entry().removeprefix("waivers:\n"))
    assert (waived(tmp_path), open_rules(tmp_path)) == (["CTKMS001"], ["CTKMS090"])


def test_an_incomplete_entry_is_a_finding_in_the_configuration_file(tmp_path: Path) -> None:
    write(tmp_path, main_tf=TRAIL)
    configure(tmp_path, "waivers:\n  entries:\n    - rules: [CTKMS001]\n      resource: aws_cloudtrail.main\n      owner: team\n")
    (finding,) = [each for each in check(tmp_path)["findings"] if each["rule"] == "CTKMS091"]
    assert finding["message"] == "the waiver has no reason and no expiry date: it waives nothing"
    assert (finding["location"]["path"], finding["location"]["line"], finding["resource"]) == (
        ".ctkms-policy.yaml",
        3,
        "aws_cloudtrail.main",
    )


# -- what matches nothing ----------------------------------------------------------------------------------------------


def test_a_waiver_that_matches_nothing(tmp_path: Path) -> None:
    write(tmp_path, main_tf=f'# {WAIVER}\nresource "aws_s3_bucket" "b" {{}}\n')
    configure(tmp_path, entry("aws_cloudtrail.gone"))
    assert open_rules(tmp_path) == ["CTKMS092", "CTKMS092"]
    assert check_json(tmp_path, "--today", TODAY).code == 0
    assert open_rules(tmp_path, "--select", "CTKMS002,CTKMS092") == [], "CTKMS001 was not evaluated"
    assert open_rules(tmp_path, "--ignore", "CTKMS092") == []


def test_a_rule_of_a_waiver_that_matches_nothing(tmp_path: Path) -> None:
    write(tmp_path, main_tf=f"# {WAIVER.replace('CTKMS001', 'CTKMS001,CTKMS003')}\n{TRAIL}")
    (finding,) = [each for each in check(tmp_path)["findings"] if each["rule"] == "CTKMS092"]
    assert finding["message"] == 'the waiver of CTKMS003 matches no finding about "aws_cloudtrail.main"'
    assert waived(tmp_path) == ["CTKMS001"]


def test_a_part_of_the_repository_says_nothing_about_the_whole(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path, a__main_tf=TRAIL, b__main_tf='module "m" {\n  source = "../m"\n  key    = "x"\n}\n')
    write(tmp_path, m__main_tf=f"# {WAIVER}\n{TRAIL}".replace('"logs"\n', '"logs"\n  kms_key_id = var.key\n') + 'variable "key" {}\n')
    configure(tmp_path, entry("module.elsewhere.*"))
    assert open_rules(tmp_path, "a") == ["CTKMS001"]
    assert "CTKMS092" not in open_rules(tmp_path, "b")
    assert open_rules(tmp_path).count("CTKMS092") == 2


# -- ctkms-policy waivers ----------------------------------------------------------------------------------------------


def test_the_list_of_waivers(tmp_path: Path) -> None:
    expired = WAIVER.replace("2026-12-31", "2026-06-28")
    write(tmp_path, a_tf=f"# {WAIVER}\n{TRAIL}", b__main_tf=f"# {expired}\n{TRAIL}", c__main_tf=f"# ctkms-policy: waive\n{TRAIL}")
    configure(tmp_path, entry("aws_cloudtrail.gone"))
    done = run(tmp_path, "waivers", "--format", "json", "--today", TODAY)
    listed = {each["state"]: each for each in done.json["waivers"]}
    assert done.code == 0
    assert set(listed) == {"active", "expired", "malformed", "unused"}
    active = listed["active"]
    assert (active["days_left"], active["owner"], active["expires"], active["rules"]) == (
        184,
        "team@example.com",
        "2026-12-31",
        ["CTKMS001"],
    )
    assert [(each["rule"], each["resource"]) for each in active["covers"]] == [("CTKMS001", "aws_cloudtrail.main")]
    assert active["covers"][0]["fingerprint"] in {each["fingerprint"] for each in check(tmp_path)["findings"]}
    assert (listed["expired"]["days_left"], len(listed["expired"]["covers"])) == (-2, 1)
    assert (listed["unused"]["inline"], listed["unused"]["about"], listed["unused"]["covers"]) == (False, "aws_cloudtrail.gone", [])
    assert listed["malformed"]["defects"][0]["message"] == "the waiver names no rule"

    table = run(tmp_path, "waivers", "--today", TODAY).out
    lines = table.splitlines()
    assert lines[0].split() == ["STATE", "DAYS", "LEFT", "EXPIRES", "OWNER", "RULES", "ABOUT", "COVERS", "WHERE"]
    assert [line.split()[0] for line in lines[1:] if not line.startswith(" ")] == ["malformed", "expired", "unused", "active"]
    assert "  reason: the key is on its way" in lines
    assert "  CTKMS001 aws_cloudtrail.main (a.tf:2)" in lines


def test_no_waivers(tmp_path: Path) -> None:
    assert run(tmp_path, "waivers").out == "no waivers\n"


# -- any text ----------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["#", "//", "/*", "*/", '"', "${", "}", "{", "\n", "<<EOT\n", "EOT\n", "ctkms-policy:", " waive ", "CTKMS001", "owner=", "expires=",
     "reason:", "2027-01-31", "resource", ' "a"', "  ", "Resources:\n", "  A:\n", "    Type: X\n", "|\n", "- ", ",", "\\", "'", "\t", "é"]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(PIECES, max_size=40).map("".join),
    st.tuples(st.sampled_from("#/"), st.text(max_size=9), st.sampled_from((":", "", ":waive", " waive")), st.text(max_size=20)).map(
        lambda parts: f"{parts[0]}{parts[0]}{parts[1]}ctkms-policy{parts[2]} {parts[3]}"
    ),
)


@settings(max_examples=200)
@given(TEXTS)
def test_no_text_crashes_the_readers_of_comments(text: str) -> None:
    for path in ("a.tf", "a.yaml", "a.json", "a.tf.json"):
        source = Source(path, text)
        for waiver in inline_waivers(source):
            assert waiver.span.path == path
            assert waiver.is_inline
    for comment in (*read_terraform(Source("a.tf", text)).comments, *read_template(Source("a.yaml", text)).comments):
        assert text[comment.offset : comment.offset + len(comment.text)] == comment.text


@settings(max_examples=100)
@given(TEXTS)
def test_a_waiver_that_lacks_anything_never_holds(text: str) -> None:
    body = " ".join(text.replace("*/", "").split())
    source = Source("main.tf", f"# ctkms-policy: waive {body}\n{TRAIL}")
    (waiver,) = inline_waivers(source)
    state = _judge(waiver, date(2026, 6, 30), WaiverPolicy())
    complete = waiver.owner is not None and waiver.reason is not None and waiver.expires is not None and waiver.defect is None
    assert complete or state in (State.MALFORMED, State.INCOMPLETE)
