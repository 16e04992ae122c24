"""The configuration file: where it is found, what it says, what is wrong with it, and what it changes."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from command import check_json, run, write
from conftest import REPOSITORY
from hypothesis import given, settings
from hypothesis import strategies as st

from ctkms_policy.config import FILE_NAME, Config, ConfigurationError, bindings_of, find_config, load_config
from ctkms_policy.finding import Severity
from ctkms_policy.known_keys import known_key_named, read_known_key
from ctkms_policy.model import ambient_account, ambient_region
from ctkms_policy.source import Source, Span
from ctkms_policy.value import Known, Symbol, Template, concatenate

SCHEMA = json.loads((REPOSITORY / "ctkms_policy" / "config.schema.json").read_text())
NO_KEY = 'resource "aws_cloudtrail" "main" {\n  name           = "audit"\n  s3_bucket_name = "logs"\n}\n'
KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ALIAS_ARN = "arn:aws:kms:us-east-1:111122223333:alias/trail"


def configure(directory: Path, text: str, name: str = FILE_NAME) -> Path:
    file = directory / name
    file.write_text(text, encoding="utf-8")
    return file


def load(directory: Path, text: str) -> Config:
    return load_config(configure(directory, text), directory)


# -- where it is found -------------------------------------------------------------------------------------------------


def test_it_is_found_upwards_and_not_beyond_the_repository(tmp_path: Path) -> None:
    configure(tmp_path, "")
    repository = tmp_path / "repository"
    deep = repository / "infra" / "live"
    deep.mkdir(parents=True)
    (repository / ".git").mkdir()
    assert find_config(deep) is None
    outer = configure(repository, "")
    assert find_config(deep) == outer
    inner = configure(repository / "infra", "")
    assert find_config(deep) == inner
    assert find_config(repository) == outer


def test_outside_a_repository_only_the_directory_itself_counts(tmp_path: Path) -> None:
    configure(tmp_path, "")
    (tmp_path / "infra").mkdir()
    assert find_config(tmp_path) == tmp_path / FILE_NAME
    assert find_config(tmp_path / "infra") is None


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path) -> None:
    outside = configure(tmp_path, "strict: true\n", "elsewhere.yaml")
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    (repository / FILE_NAME).symlink_to(outside)
    assert find_config(repository) is None


def test_config_and_no_config(tmp_path: Path) -> None:
    write(tmp_path, main_tf=NO_KEY)
    configure(tmp_path, "ignore: [CTKMS001]\n")
    configure(tmp_path, "fail_on: never\n", "other.yaml")
    assert check_json(tmp_path).code == 0
    assert check_json(tmp_path, "--no-config").code == 1
    other = check_json(tmp_path, "--config", "other.yaml")
    assert (other.code, other.rules()) == (0, ["CTKMS001"])
    assert run(tmp_path, "check", "--config", "nowhere.yaml").code == 2
    assert run(tmp_path, "check", "--config", "other.yaml", "--no-config").code == 2


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n", "  # indented\n\n# more"])
def test_an_empty_file_says_nothing(tmp_path: Path, text: str) -> None:
    config = load(tmp_path, text)
    assert config == Config(path=FILE_NAME, sources=config.sources)


# -- what is wrong with it ---------------------------------------------------------------------------------------------

WRONG = [
    ("- a\n", "the document must be a mapping, not a list", 1, 1),
    ("acount: '111122223333'\n", 'unknown key "acount"', 1, 1),
    ("account: 111122223333\n", '"account" must be text, not a number', 1, 10),
    ("account: '1111'\n", '"account" must be an account id of 12 digits, not "1111"', 1, 10),
    ("region: us-east\n", '"region" must be a Region', 1, 9),
    ("providers:\n  aws: {account: '111122223333'}\n", 'the name of a provider configuration cannot be "aws"', 2, 3),
    ("providers:\n  google.x: {region: us-east-1}\n", "the name of a provider configuration must be aws.ALIAS", 2, 3),
    ("providers:\n  aws.a: {zone: x}\n", 'unknown key "zone"', 2, 11),
    ("organization_id: acme\n", '"organization_id" must be an organization id', 1, 18),
    ("allowed_readers: [everybody]\n", 'item 1 of "allowed_readers" must be an account id', 1, 19),
    ("strict: 'yes'\n", '"strict" must be a boolean, not text', 1, 9),
    ("strict: on\n", '"strict" must be true or false, not "on"', 1, 9),
    ("fail_on: errors\n", '"fail_on" cannot be "errors"', 1, 10),
    ("severities: {CTKMS001: fatal}\n", '"CTKMS001" cannot be "fatal"', 1, 24),
    ("severities:\n  CTKMS001: note\n  CTKMS001: error\n", 'a rule "CTKMS001" is there twice, first in line 2', 3, 3),
    ("exclude: examples\n", '"exclude" must be a list, not text', 1, 10),
    ("exclude: [/etc]\n", 'item 1 of "exclude" must not begin with /', 1, 11),
    ("rules: [nowhere]\n", 'item 1 of "rules" is no directory: "nowhere"', 1, 9),
    ("rules: [../..]\n", 'item 1 of "rules" lies outside the repository', 1, 9),
    ("keys:\n  alias/trail: {policy: p.json}\n", "the ARN of a key must be the ARN of a key or alias", 2, 3),
    (f"keys:\n  {KEY_ARN}: {{}}\n", 'missing key "policy"', 2, 80),
    (f"keys:\n  {KEY_ARN}:\n    policy: none.json\n", '"policy" cannot be read: "none.json": cannot read the file', 3, 13),
    (f"keys:\n  {KEY_ARN}:\n    policy: ../../../etc/passwd\n", '"policy" lies outside the repository', 3, 13),
    ("waivers: {max_days: soon}\n", '"max_days" must be a whole number from 1 to 36500, not "soon"', 1, 21),
    ("waivers: {max_days: 0}\n", '"max_days" must be a whole number from 1 to 36500, not 0', 1, 21),
    ("waivers: {warn_days: -1}\n", '"warn_days" must be a whole number from 0 to 36500, not "-1"', 1, 22),
    ("waivers: {entries: [{rules: [CTKMS001]}]}\n", 'missing key "resource"', 1, 21),
    ("waivers: {entries: [{rules: [CTKMS001], resource: x, until: 2027-01-01}]}\n", 'unknown key "until"', 1, 54),
    ("waivers: {entries: [{rules: [CTKMS001], resource: x, path: /etc}]}\n", '"path" must not begin with /', 1, 60),
    ("a: [\n", "not YAML", 2, 1),
    ("? {a: b}\n: c\n", "a key must be text, not a mapping", 1, 3),
]


@pytest.mark.parametrize(("text", "message", "line", "column"), WRONG, ids=[message for _, message, _, _ in WRONG])
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    assert caught.value.message.startswith(message)
    assert (caught.value.span.path, caught.value.span.line, caught.value.span.column) == (FILE_NAME, line, column)


def test_the_command_says_it_and_ends_with_2(tmp_path: Path) -> None:
    configure(tmp_path, "strict: true\nignored: [CTKMS001]\n")
    for command in ("check", "waivers", "rules"):
        done = run(tmp_path, command)
        assert (done.code, done.out) == (2, "")
        assert f'{FILE_NAME}:2:1: unknown key "ignored"' in done.err
        assert 'did you mean "ignore"?' in done.err


@pytest.mark.parametrize("key", ["select: [CTKMS0001]", "ignore: [CTKMS0001]", "severities: {CTKMS0001: note}"])
def test_a_rule_that_does_not_exist_is_said_with_its_place(tmp_path: Path, key: str) -> None:
    configure(tmp_path, f"{key}\n")
    done = run(tmp_path, "check")
    assert done.code == 2
    assert f'{FILE_NAME}:1:{key.index("CTKMS") + 1}: there is no rule "CTKMS0001"' in done.err
    assert 'did you mean "CTKMS001"?' in done.err


@settings(max_examples=100)
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=60))
def test_no_text_crashes_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    directory = tmp_path_factory.mktemp("config")
    configure(directory, text)
    with suppress(ConfigurationError):
        load_config(directory / FILE_NAME, directory)


# -- the schema says the same ------------------------------------------------------------------------------------------

ENTRY = "rules: [CTKMS001], resource: 'aws_cloudtrail.*', owner: o@example.com, reason: why, expires: 2027-01-31"
VALID = [
    "# nothing\n",
    "{}\n",
    "account: '111122223333'\nregion: us-gov-west-1\n",
    "providers: {aws.audit: {account: '444455556666', region: eu-central-1}, module.x.aws.b: {}}\n",
    "management_account: '777788889999'\norganization_id: o-a1b2c3d4e5\n",
    "allowed_readers: ['444455556666', 'arn:aws:iam::444455556666:role/audit']\n",
    "select: [CTKMS001, trail-without-kms-key]\nignore: []\nseverities: {CTKMS006: error, kms-key-id-form: note}\n",
    "exclude: [examples, 'old/*.tf']\nfail_on: never\nstrict: true\n",
    "rules: [own]\n",
    f"keys: {{'{KEY_ARN}': {{policy: policy.json}}, '{ALIAS_ARN}': {{policy: policy.json}}}}\n",
    "waivers: {inline: false, max_days: 90, warn_days: 0}\n",
    f"waivers: {{entries: [{{{ENTRY}}}, {{{ENTRY}, path: infra/old}}]}}\n",
]


class _EditorLoader(yaml.SafeLoader):
    """YAML as an editor reads it: a date is text."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _schema_accepts(text: str) -> bool:
    checker = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    return bool(checker.is_valid(yaml.load(text, _EditorLoader)))


def _reader_accepts(directory: Path, text: str) -> bool:
    """Whether the reader has nothing to say; what is wrong with a waiver entry, it says as a finding."""
    configure(directory, text)
    (directory / "own").mkdir(exist_ok=True)
    (directory / "policy.json").write_text("{}")
    done = check_json(directory, "--today", "2026-06-30")
    return done.code != 2 and not {each["rule"] for each in done.json["findings"]} & {"CTKMS090", "CTKMS091"}


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", VALID)
def test_schema_and_reader_accept_the_same(tmp_path: Path, text: str) -> None:
    if "rules: [own]" in text:
        rule = (REPOSITORY / "docs" / "examples" / "own-rules" / "rules" / "ACME001.yaml").read_text()
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "ACME001.yaml").write_text(rule)
    assert _schema_accepts(text)
    assert _reader_accepts(tmp_path, text)


ABOUT_FILES = ("nowhere", "../..", "none.json", "passwd")
NOT_ONCE_READ = ("CTKMS001: note\n  CTKMS001", "strict: on", "? {", "a: [")
"""What another YAML reader than ours does not tell any more: a doubled key, and other spellings of true."""
REJECTED = [
    *(text for text, _, _, _ in WRONG if not any(each in text for each in (*ABOUT_FILES, *NOT_ONCE_READ))),
    *(
        f"waivers: {{entries: [{{{ENTRY.replace(part, '')}}}]}}\n"
        for part in (", owner: o@example.com", ", reason: why", ", expires: 2027-01-31")
    ),
    f"waivers: {{entries: [{{{ENTRY.replace('2027-01-31', '2027-02-30')}}}]}}\n",
    f"waivers: {{entries: [{{{ENTRY.replace('2027-01-31', '31.1.2027')}}}]}}\n",
    f"waivers: {{entries: [{{{ENTRY.replace('[CTKMS001]', '[]')}}}]}}\n",
    f"waivers: {{entries: [{{{ENTRY.replace('[CTKMS001]', '[CTKMS1]')}}}]}}\n",
    "select: [ctkms_001]\n",
]


@pytest.mark.parametrize("text", REJECTED)
def test_schema_and_reader_reject_the_same(tmp_path: Path, text: str) -> None:
    assert not _schema_accepts(text)
    assert not _reader_accepts(tmp_path, text)


def test_the_schema_knows_every_key_of_the_reader() -> None:
    from ctkms_policy import config

    assert set(SCHEMA["properties"]) == set(config._KEYS)


# -- accounts, Regions, organization -----------------------------------------------------------------------------------

GOOD = """
resource "aws_cloudtrail" "main" {
  name           = "audit"
  s3_bucket_name = "logs"
  kms_key_id     = aws_kms_key.logs.arn
}

resource "aws_kms_key" "logs" {
  policy = jsonencode(POLICY)
}
"""


def policy(account: str = "111122223333", reader: str = "111122223333") -> dict[str, Any]:
    source = f"arn:aws:cloudtrail:us-east-1:{account}:trail/audit"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"},
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{reader}:role/audit"}, "Action": "kms:Decrypt", "Resource": "*"},
            {
                "Effect": "Allow",
                "Principal": {"Service": "cloudtrail.amazonaws.com"},
                "Action": ["kms:GenerateDataKey*", "kms:DescribeKey"],
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:SourceArn": source}},
            },
        ],
    }


def with_policy(document: dict[str, Any]) -> str:
    return GOOD.replace("POLICY", json.dumps(document))


def test_an_account_in_the_configuration_is_certain(tmp_path: Path) -> None:
    write(tmp_path, main_tf=with_policy(policy()))
    assert check_json(tmp_path, "--strict").code == 1, "nothing is known"
    configure(tmp_path, "account: '111122223333'\nregion: us-east-1\n")
    strict = check_json(tmp_path, "--strict")
    assert (strict.code, strict.json["trails"][0]["assumptions"]) == (0, {})
    configure(tmp_path, "account: '444455556666'\nregion: us-east-1\n")
    assert check_json(tmp_path).rules() == ["CTKMS003", "CTKMS004"]
    assert check_json(tmp_path, "--account", "111122223333").code == 0


def test_account_and_region_of_the_command_line(tmp_path: Path) -> None:
    write(tmp_path, main_tf=with_policy(policy()))
    assert check_json(tmp_path, "--strict", "--account", "111122223333", "--region", "us-east-1").code == 0
    assert check_json(tmp_path, "--region", "eu-central-1").rules() == ["CTKMS003", "CTKMS004"]
    for arguments in (["--account", "1"], ["--region", "mars"], ["--account", "google.x=111122223333"], ["--today", "tomorrow"]):
        assert run(tmp_path, "check", *arguments).code == 2


def test_bindings_have_the_names_of_the_symbols() -> None:
    assert bindings_of("111122223333", "cn-north-1") == {"account": "111122223333", "region": "cn-north-1", "partition": "aws-cn"}
    bound = bindings_of("111122223333", "us-east-1", "aws.audit")
    assert bound[ambient_account("aws.audit").name] == "111122223333"
    assert bound[ambient_region("aws.audit").name] == "us-east-1"
    assert bindings_of() == {}


def test_a_provider_with_an_alias_has_its_own_place(tmp_path: Path) -> None:
    text = with_policy(policy()).replace('"audit"\n', '"audit"\n  provider       = aws.logs\n', 1)
    role = "  assume_role {\n    role_arn = var.role\n  }\n"
    write(tmp_path, main_tf=text + f'provider "aws" {{\n  alias = "logs"\n{role}}}\nvariable "role" {{}}\n')
    configure(tmp_path, "providers:\n  aws.logs: {account: '444455556666', region: us-east-1}\n")
    assert check_json(tmp_path).rules() == ["CTKMS003", "CTKMS004"]
    configure(tmp_path, "providers:\n  aws.logs: {account: '111122223333', region: us-east-1}\n")
    assert check_json(tmp_path, "--account", "111122223333", "--strict").code == 0
    assert check_json(tmp_path, "--account", "aws.logs=444455556666").rules() == ["CTKMS003", "CTKMS004"]


def test_allowed_readers(tmp_path: Path) -> None:
    write(tmp_path, main_tf=with_policy(policy(reader="444455556666")))
    place = "account: '111122223333'\nregion: us-east-1\n"
    configure(tmp_path, place)
    assert check_json(tmp_path).code == 0
    configure(tmp_path, place + "allowed_readers: ['999988887777']\n")
    assert check_json(tmp_path).rules() == ["CTKMS007"]
    configure(tmp_path, place + "allowed_readers: ['444455556666']\n")
    assert check_json(tmp_path).code == 0


# -- rules, files, threshold -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "arguments", "code", "rules"),
    [
        ("select: [CTKMS002]", [], 0, []),
        ("select: [CTKMS002]", ["--select", "CTKMS001"], 1, ["CTKMS001"]),
        ("ignore: [trail-without-kms-key]", [], 0, []),
        ("ignore: [CTKMS001]", ["--ignore", "CTKMS002"], 1, ["CTKMS001"]),
        ("ignore: [CTKMS001]", ["--select", "CTKMS001"], 1, ["CTKMS001"]),
        ("severities: {CTKMS001: note}", [], 0, ["CTKMS001"]),
        ("severities: {CTKMS001: warning}\nfail_on: error", [], 0, ["CTKMS001"]),
        ("fail_on: never", [], 0, ["CTKMS001"]),
        ("fail_on: never", ["--fail-on", "error"], 1, ["CTKMS001"]),
        ("exclude: [main.tf]", [], 0, []),
        ("exclude: [main.tf]", ["--exclude", "other.tf"], 1, ["CTKMS001"]),
    ],
)
def test_the_file_decides_and_the_command_line_before_it(
    tmp_path: Path, text: str, arguments: list[str], code: int, rules: list[str]
) -> None:
    configure(write(tmp_path, main_tf=NO_KEY), text + "\n")
    done = check_json(tmp_path, *arguments)
    assert (done.code, done.rules()) == (code, rules)


def test_severities_reach_the_findings(tmp_path: Path) -> None:
    configure(write(tmp_path, main_tf=NO_KEY), "severities: {CTKMS001: note}\n")
    assert [each["severity"] for each in check_json(tmp_path).json["findings"]] == [Severity.NOTE.value]


def test_strict_in_the_file_and_not_on_the_command_line(tmp_path: Path) -> None:
    configure(write(tmp_path, main_tf=with_policy(policy())), "strict: true\n")
    assert check_json(tmp_path).code == 1
    assert check_json(tmp_path, "--no-strict").code == 0


def test_excludes_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path, infra__old__main_tf=NO_KEY, infra__new__main_tf=NO_KEY)
    configure(tmp_path, "exclude: [infra/old]\n")
    for directory in (tmp_path, tmp_path / "infra"):
        (found,) = check_json(directory).json["findings"]
        assert found["location"]["path"].endswith("new/main.tf")


# -- known keys --------------------------------------------------------------------------------------------------------


def trail_with(key: str) -> str:
    return NO_KEY.replace('"logs"\n', f'"logs"\n  kms_key_id     = {key}\n')


def know(directory: Path, document: object, *arns: str) -> None:
    (directory / "policies").mkdir(exist_ok=True)
    text = document if isinstance(document, str) else json.dumps(document, indent=2)
    (directory / "policies" / "trail.json").write_text(text)
    entries = "".join(f'  "{arn}":\n    policy: policies/trail.json\n' for arn in arns)
    configure(directory, f"account: '111122223333'\nregion: us-east-1\nkeys:\n{entries}")


@pytest.mark.parametrize(
    ("arn", "written"),
    [
        (KEY_ARN, f'"{KEY_ARN}"'),
        (KEY_ARN, '"arn:aws:kms:us-east-1:${data.aws_caller_identity.me.account_id}:key/1234abcd-12ab-34cd-56ef-1234567890ab"'),
        (ALIAS_ARN, f'"{ALIAS_ARN}"'),
        (ALIAS_ARN, "data.aws_kms_alias.trail.target_key_arn"),
        (ALIAS_ARN, "data.aws_kms_key.trail.arn"),
    ],
)
def test_the_policy_of_a_key_outside_the_code_is_judged(tmp_path: Path, arn: str, written: str) -> None:
    lookups = (
        'data "aws_caller_identity" "me" {}\ndata "aws_kms_alias" "trail" {\n  name = "alias/trail"\n}\n'
        'data "aws_kms_key" "trail" {\n  key_id = "alias/trail"\n}\n'
    )
    write(tmp_path, main_tf=trail_with(written) + lookups)
    know(tmp_path, policy(), arn)
    good = check_json(tmp_path, "--strict")
    assert (good.code, set(good.rules())) == (0, {"CTKMS011"} if written == f'"{ALIAS_ARN}"' else set())
    assert good.json["trails"][0]["kms_key"]["key"] == arn
    assert good.json["summary"]["keys"] == 1

    know(tmp_path, policy(account="444455556666"), arn)
    bad = check_json(tmp_path)
    assert bad.rules()[:2] == ["CTKMS003", "CTKMS004"]
    location = next(each["location"] for each in bad.json["findings"] if each["rule"] == "CTKMS004")
    assert location["path"] == "policies/trail.json"
    line = (tmp_path / "policies" / "trail.json").read_text().splitlines()[location["line"] - 1]
    assert "arn:aws:cloudtrail:us-east-1:444455556666:trail/audit" in line


def test_a_known_key_whose_policy_is_not_json_is_a_finding_in_that_file(tmp_path: Path) -> None:
    write(tmp_path, main_tf=trail_with(f'"{KEY_ARN}"'))
    know(tmp_path, '{"Statement": [\n', KEY_ARN)
    done = check_json(tmp_path)
    assert done.rules() == ["CTKMS000"]
    assert done.json["findings"][0]["location"]["path"] == "policies/trail.json"


def test_a_known_key_that_no_trail_uses_is_not_counted(tmp_path: Path) -> None:
    write(tmp_path, main_tf=NO_KEY)
    know(tmp_path, {"Statement": []}, KEY_ARN)
    done = check_json(tmp_path)
    assert (done.rules(), done.json["summary"]["keys"]) == (["CTKMS001"], 0)


def test_findings_about_a_known_key_are_told_once(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path, a__main_tf=trail_with(f'"{KEY_ARN}"'), b__main_tf=trail_with(f'"{KEY_ARN}"'))
    open_to_all = policy()
    open_to_all["Statement"][1]["Principal"] = "*"
    know(tmp_path, open_to_all, KEY_ARN)
    assert check_json(tmp_path).rules() == ["CTKMS007"]


def test_a_cloudformation_trail_finds_a_known_key(tmp_path: Path) -> None:
    template = (
        "Resources:\n  Trail:\n    Type: AWS::CloudTrail::Trail\n    Properties:\n      TrailName: audit\n      IsLogging: true\n"
        "      S3BucketName: logs\n      KMSKeyId: VALUE\n"
    )
    know(tmp_path, policy(), KEY_ARN, ALIAS_ARN)
    texts = (
        KEY_ARN,
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        "alias/trail",
        '!Sub "arn:aws:kms:${AWS::Region}:${AWS::AccountId}:alias/trail"',
    )
    for text in texts:
        write(tmp_path, template_yaml=template.replace("VALUE", text))
        done = check_json(tmp_path, "--strict")
        assert (done.code, done.json["summary"]["keys"]) == (0, 1), text


def test_a_name_that_several_known_keys_have_means_none_of_them() -> None:
    source = Source("p.json", "{}")
    keys = [read_known_key(arn, Span.at("c"), source) for arn in (ALIAS_ARN, ALIAS_ARN.replace("us-east-1", "eu-central-1"), KEY_ARN)]
    assert known_key_named(keys, Known("alias/trail")) is None
    assert known_key_named(keys, Known(ALIAS_ARN)) is keys[0]
    assert known_key_named(keys, Known("1234abcd-12ab-34cd-56ef-1234567890ab")) is keys[2]
    assert known_key_named(keys, Known("1234abcd")) is None
    region = concatenate((Known("arn:aws:kms:"), ambient_region(), Known(":111122223333:alias/trail")))
    assert isinstance(region, Template)
    assert known_key_named(keys, region) is None
    assert known_key_named(keys[1:], region) is keys[1]
    of_input = concatenate((Known("alias/"), Symbol("var.name")))
    assert isinstance(of_input, Template)
    assert known_key_named(keys, of_input) is None
