"""The normalizer: folders of templates in, Configurations out."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from configuration_dump import assert_golden, dump
from hypothesis import given, settings
from hypothesis import strategies as st

from ctkms_policy.cloudformation.detect import looks_like_template
from ctkms_policy.cloudformation.normalize import normalize
from ctkms_policy.cloudformation.parameters import Parameters, parse_parameter, read_parameters
from ctkms_policy.model import Configuration, KeyPolicy, Trail
from ctkms_policy.source import ParseError, Source, read_source
from ctkms_policy.value import Absent, Choice, Known, Reference, Symbol, SymbolKind, describe

GOLDEN = Path(__file__).parent / "golden" / "cloudformation"
NOWHERE = Path("/nowhere")


def normalize_folder(folder: Path, parameters: Parameters | None = None) -> list[Configuration]:
    """Normalize every file of a folder that looks like a template, as a scan of it does."""

    def show(file: Path) -> str:
        return file.relative_to(folder.resolve()).as_posix()

    files = sorted(
        each.resolve()
        for each in folder.rglob("*")
        if each.is_file() and each.name != "expected.json" and looks_like_template(each.read_bytes())
    )
    sources = [(file, read_source(file, show(file))) for file in files]
    return normalize(sources, repository_root=folder, show=show, sources_read={}, parameters=parameters)


def normalize_text(text: str, parameters: Parameters | None = None) -> Configuration:
    source = Source("template.yaml", text)
    found = normalize([(NOWHERE / "template.yaml", source)], repository_root=NOWHERE, show=str, sources_read={}, parameters=parameters)
    return found[0]


@pytest.mark.parametrize("case", sorted(each.name for each in GOLDEN.iterdir() if each.name != "loop"))
def test_golden(case: str) -> None:
    assert_golden(tuple(normalize_folder(GOLDEN / case)), GOLDEN / case / "expected.json")


@pytest.mark.host
def test_golden_of_what_cfn_lint_expands() -> None:
    pytest.importorskip("cfnlint")
    case = "loop"
    assert_golden(tuple(normalize_folder(GOLDEN / case)), GOLDEN / case / "expected.json")


TRAIL = """
Resources:
  Trail:
    Type: AWS::CloudTrail::Trail
    Properties:
      IsLogging: true
      S3BucketName: logs
"""


def trail_of(text: str, parameters: Parameters | None = None) -> Trail:
    (trail,) = normalize_text(text, parameters).trails
    return trail


@pytest.mark.parametrize("name", ["KmsKeyId", "KMSKeyID", "KmsKeyID", "kmsKeyId", "KMSKeyArn", "KmsKey"])
def test_a_misspelt_key_property_is_no_key(name: str) -> None:
    trail = trail_of(f"{TRAIL}      {name}: alias/x\n")
    assert isinstance(trail.kms_key_id.value, Absent)
    assert trail.misspelt_kms_key_id is not None
    assert (trail.misspelt_kms_key_id.line, trail.misspelt_kms_key_id.column) == (8, 7)


def test_the_right_spelling_beside_a_wrong_one() -> None:
    trail = trail_of(f"{TRAIL}      KmsKeyId: alias/x\n      KMSKeyId: alias/y\n")
    assert trail.kms_key_id.value == Known("alias/y")
    assert trail.misspelt_kms_key_id is None


def test_the_attribute_spans_name_and_value() -> None:
    trail = trail_of(f"{TRAIL}      KMSKeyId: !Ref Key\n")
    span = trail.kms_key_id.span
    assert span is not None
    assert (span.line, span.column, span.end_line, span.end_column) == (8, 7, 8, 25)
    value = trail.kms_key_id.value.origin.span
    assert value is not None
    assert (value.line, value.column, value.end_column) == (8, 17, 25)
    assert (trail.span.line, trail.span.column, trail.span.end_column) == (3, 3, 8)


def test_a_trail_without_a_name_gets_one_of_known_shape() -> None:
    trail = trail_of(TRAIL)
    assert describe(trail.name, quoted=False) == "${AWS::StackName}-Trail-${random}"
    place = "arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/"
    assert describe(trail.arn, quoted=False) == place + "${AWS::StackName}-Trail-${random}"


CHOOSING = (
    """
Parameters:
  UseKms: {Type: String, Default: 'false', AllowedValues: ['true', 'false']}
  KeyArn: {Type: String}
Conditions:
  WithKms: !Equals [!Ref UseKms, 'true']
"""
    + TRAIL.lstrip()
    + "      KMSKeyId: !If [WithKms, !Ref KeyArn, !Ref 'AWS::NoValue']\n"
)


@pytest.mark.parametrize(
    ("given_parameters", "expected"),
    [
        ({"UseKms": "false"}, None),
        ({"UseKms": "true", "KeyArn": "alias/x"}, "alias/x"),
        ({"KeyArn": "alias/x"}, [("UseKms = false", None), ("UseKms = true", "alias/x")]),
    ],
)
def test_given_parameters_decide(given_parameters: dict[str, str], expected: object) -> None:
    value = trail_of(CHOOSING, Parameters({name: Known(text) for name, text in given_parameters.items()})).kms_key_id.value
    if isinstance(expected, list):
        assert isinstance(value, Choice)
        assert value.chosen == 1
        assert sorted((branch.when, dump(branch.value)) for branch in value.branches) == expected
    else:
        assert dump(value) == expected


@pytest.mark.parametrize(
    "text",
    [
        '[{"ParameterKey": "UseKms", "ParameterValue": "true"}, {"ParameterKey": "Old", "UsePreviousValue": true, "ParameterValue": ""}]',
        '["UseKms=true", "Old="]',
        '{"Parameters": {"UseKms": "true", "Old": ""}}',
        '{"UseKms": true, "Old": ""}',
        "UseKms: 'true'\nOld: ''\n",
    ],
)
def test_every_form_of_a_parameters_file(text: str) -> None:
    parameters = read_parameters(Source("parameters.json", text))
    assert {name: value.value for name, value in parameters.values.items()} == {"UseKms": "true", "Old": ""}


@pytest.mark.parametrize("text", ["", "[1]", '"x"', '{"a": {"b": 1}}', '[{"ParameterKey": "a"}]'])
def test_a_parameters_file_without_parameters_is_a_parse_error(text: str) -> None:
    with pytest.raises(ParseError):
        read_parameters(Source("parameters.json", text))


def test_the_parameter_option() -> None:
    assert parse_parameter("A=b=c").values == {"A": Known("b=c")}
    for wrong in ("A", "=b"):
        with pytest.raises(ValueError, match="NAME=VALUE"):
            parse_parameter(wrong)
    assert parse_parameter("A=1").updated(parse_parameter("A=2")).values == {"A": Known("2")}


POLICY = {
    "object": """
        Version: 2012-10-17
        Statement:
          - Effect: Allow
            Principal: {Service: cloudtrail.amazonaws.com}
            Action: ['kms:GenerateDataKey*']
            Resource: '*'
            Condition: {StringLike: {'kms:EncryptionContext:aws:cloudtrail:arn': !Sub 'arn:aws:cloudtrail:*:${AWS::AccountId}:trail/*'}}
""",
    "text": """ !Sub |
        {"Version": "2012-10-17",
         "Statement": [{"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": ["kms:GenerateDataKey*"],
           "Resource": "*", "Condition": {"StringLike":
             {"kms:EncryptionContext:aws:cloudtrail:arn": "arn:aws:cloudtrail:*:${AWS::AccountId}:trail/*"}}}]}
""",
    "to json string": """
        Fn::ToJsonString:
          Version: 2012-10-17
          Statement:
            - Effect: Allow
              Principal: {Service: cloudtrail.amazonaws.com}
              Action: ['kms:GenerateDataKey*']
              Resource: '*'
              Condition: {StringLike: {'kms:EncryptionContext:aws:cloudtrail:arn': !Sub 'arn:aws:cloudtrail:*:${AWS::AccountId}:trail/*'}}
""",
}


def policy_of(written: str) -> KeyPolicy:
    (key,) = normalize_text(f"Resources:\n  Key:\n    Type: AWS::KMS::Key\n    Properties:\n      KeyPolicy:{written}").keys
    assert isinstance(key.policy, KeyPolicy)
    return key.policy


@pytest.mark.parametrize("form", POLICY)
def test_every_form_of_a_policy_is_the_same_policy(form: str) -> None:
    assert policy_of(POLICY[form]) == policy_of(POLICY["object"])
    assert policy_of(POLICY[form]).statements


@pytest.mark.parametrize("form", POLICY)
def test_the_value_of_a_condition_has_its_place_in_every_form(form: str) -> None:
    (condition,) = policy_of(POLICY[form]).statements[0].conditions
    span = condition.values[0].origin.span
    assert span is not None
    line = ("Resources:\n  Key:\n    Type: AWS::KMS::Key\n    Properties:\n      KeyPolicy:" + POLICY[form]).split("\n")[span.line - 1]
    shown = line[span.column - 1 :]
    assert shown.startswith(('"arn:aws:cloudtrail', "arn:aws:cloudtrail", "!Sub 'arn:aws:cloudtrail")), shown


def test_an_unreadable_template_is_a_problem_and_the_others_are_read() -> None:
    broken = (NOWHERE / "broken.yaml", Source("broken.yaml", TRAIL + "   wrong\n"))
    good = (NOWHERE / "good.yaml", Source("good.yaml", TRAIL))
    found = normalize([broken, good], repository_root=NOWHERE, show=str, sources_read={})
    assert [(each.path, len(each.problems), len(each.trails)) for each in found] == [("broken.yaml", 1, 0), ("good.yaml", 0, 1)]


def test_a_nested_template_outside_of_the_repository_is_not_read(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    root.mkdir()
    (tmp_path / "outside.yaml").write_text(TRAIL)
    (root / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    stacks = "".join(
        f"  S{number}: {{Type: AWS::CloudFormation::Stack, Properties: {{TemplateURL: '{url}'}}}}\n"
        for number, url in enumerate(["../outside.yaml", "link.yaml", str(tmp_path / "outside.yaml"), "file:///etc/passwd", "missing.yaml"])
    )
    source = Source("t.yaml", "Resources:\n" + stacks)
    assert normalize([(root / "t.yaml", source)], repository_root=root, show=str, sources_read={}) == []


def test_a_nested_template_is_shown_and_kept_for_snippets(tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text(TRAIL)
    text = "Resources:\n  Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: child.yaml}}\n"
    read: dict[str, Source] = {}
    (found,) = normalize(
        [(tmp_path / "t.yaml", Source("t.yaml", text))], repository_root=tmp_path, show=lambda file: file.name, sources_read=read
    )
    assert [trail.address for trail in found.trails] == ["Child/Trail"]
    assert [span.path for span in found.trails[0].calls] == ["t.yaml"]
    assert list(read) == ["child.yaml"]


def test_a_deep_chain_of_nested_stacks_ends(tmp_path: Path) -> None:
    sources = []
    for number in range(15):
        text = TRAIL + f"  Next: {{Type: AWS::CloudFormation::Stack, Properties: {{TemplateURL: t{number + 1}.yaml}}}}\n"
        file = tmp_path / f"t{number}.yaml"
        file.write_text(text)
        sources.append((file, Source(file.name, text)))
    (found,) = normalize(sources, repository_root=tmp_path, show=lambda file: file.name, sources_read={})
    assert [problem.message for problem in found.problems] == ["stacks nested deeper than 10 levels"]


def test_many_conditions_do_not_explode() -> None:
    count = 150
    parameters = "".join(f"  P{n}: {{Type: String, Default: a}}\n" for n in range(count))
    conditions = "  C0: !Equals [!Ref P0, b]\n" + "".join(
        f"  C{n}: !Or [!And [!Condition C{n - 1}, !Equals [!Ref P{n}, b]], !And [!Not [!Condition C{n - 1}], !Equals [!Ref P{n}, c]]]\n"
        for n in range(1, count)
    )
    text = (
        f"Parameters:\n{parameters}Conditions:\n{conditions}{TRAIL.lstrip()}      KMSKeyId: !If [C{count - 1}, a, b]\n    Condition: C5\n"
    )
    started = time.monotonic()
    trail = trail_of(text)
    assert time.monotonic() - started < 5
    assert trail.created_when
    assert isinstance(trail.kms_key_id.value, Choice)


def test_a_long_chain_of_conditions_is_followed_to_its_end() -> None:
    chain = "".join(f"  C{number}: !Not [!Condition C{number + 1}]\n" for number in range(1_000))
    text = f"""
Parameters:
  Stage: {{Type: String, Default: test}}
Conditions:
{chain}
  C1000: !Equals [!Ref Stage, prod]
Resources:
  Trail:
    Type: AWS::CloudTrail::Trail
    Properties: {{IsLogging: true, S3BucketName: logs, KMSKeyId: !If [C0, alias/logs, !Ref 'AWS::NoValue']}}
"""
    value = trail_of(text).kms_key_id.value
    assert isinstance(value, Choice)
    assert [branch.when for branch in value.branches] == ["Stage = prod", "Stage != prod"]
    assert value.chosen == 1


def test_an_import_that_goes_in_circles_ends() -> None:
    def template(mine: str, other: str) -> str:
        return TRAIL + f"      KMSKeyId: !ImportValue {other}\nOutputs:\n  O: {{Value: !ImportValue {other}, Export: {{Name: {mine}}}}}\n"

    sources = [(NOWHERE / f"{mine}.yaml", Source(f"{mine}.yaml", template(mine, other))) for mine, other in (("a", "b"), ("b", "a"))]
    found = normalize(sources, repository_root=NOWHERE, show=str, sources_read={})
    assert [dump(each.trails[0].kms_key_id.value) for each in found] == [
        {"unknown": "export b refers to itself"},
        {"unknown": "export a refers to itself"},
    ]


def test_the_key_of_an_import_is_part_of_the_importing_configuration() -> None:
    (key, importer) = normalize_folder(GOLDEN / "imports")
    assert [each.address for each in key.keys] == ["Unused"], "a key that only importers use is judged with them"
    assert [each.address for each in importer.keys] == ["key.yaml/Key"]
    trail = importer.trails[0]
    assert trail.kms_key_id.value == Reference("key.yaml/Key", "Arn")
    ambiguous = importer.trails[2].kms_key_id.value
    assert isinstance(ambiguous, Symbol)
    assert ambiguous.kind is SymbolKind.EXTERNAL


_NAMES = """
    Ref Fn::If Fn::Sub Fn::Join Fn::GetAtt Fn::Select Fn::Split Fn::FindInMap Fn::Equals Fn::Not Fn::And Fn::ImportValue
    Fn::ToJsonString Fn::Transform Condition Trail Key C P M a AWS::NoValue AWS::Region AWS::StackId ${P} ${Key.Arn}x
    Statement Effect Principal Action Properties Type AWS::KMS::Key AWS::CloudTrail::Trail Outputs
"""
_WORDS = st.sampled_from(_NAMES.split())
_TREES = st.recursive(
    _WORDS | st.none() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=200)
@given(_TREES, _TREES, _TREES, _TREES)
def test_mutated_templates_never_crash(key_id: object, policy: object, condition: object, rest: object) -> None:
    template = {
        "Parameters": {"P": {"Type": "String", "Default": rest}},
        "Mappings": {"M": rest, "a": {"a": {"a": rest}}},
        "Conditions": {"C": condition, "a": {"Fn::Not": [condition]}},
        "Outputs": {"O": {"Value": rest, "Export": {"Name": rest}, "Condition": "C"}},
        "Resources": {
            "Trail": {"Type": "AWS::CloudTrail::Trail", "Condition": "C", "Properties": {"KMSKeyId": key_id, "TrailName": rest}},
            "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy, "Enabled": key_id}},
            "a": {"Type": "AWS::S3::Bucket", "Properties": {"BucketEncryption": policy, "BucketName": key_id}, "Condition": "a"},
            "b": {"Type": "AWS::CloudTrail::EventDataStore", "Properties": rest},
            "c": rest,
        },
    }  # fmt: skip
    found = normalize([(NOWHERE / "t.json", Source("t.json", json.dumps(template)))], repository_root=NOWHERE, show=str, sources_read={})
    assert sum(len(each.keys) for each in found) >= 1
    for each in found:
        dump(each)


@settings(max_examples=60)
@given(st.sampled_from(sorted(GOLDEN.glob("*/*.*"))), st.integers(0, 3000), st.integers(0, 60), st.text(max_size=8))
def test_mutated_files_raise_only_parse_errors(file: Path, start: int, length: int, inserted: str) -> None:
    text = file.read_text(encoding="utf-8")
    mutated = text[:start] + inserted.replace("\0", "") + text[start + length :]
    normalize([(NOWHERE / file.name, Source(file.name, mutated))], repository_root=NOWHERE, show=str, sources_read={})


def test_every_template_of_the_corpus_is_read(shared: Path) -> None:
    repositories = shared / "corpus" / "repos"
    unreadable = {"template.yaml"}  # strata-aws-native: bad quoting in line 757, which no YAML reader accepts
    for repository in sorted(repositories.iterdir()):
        sources = []
        for directory, _, names in os.walk(repository):
            for name in names:
                file = Path(directory) / name
                if file.suffix in (".yaml", ".yml", ".json", ".template") and file.is_file() and looks_like_template(file.read_bytes()):
                    sources.append((file, read_source(file, file.relative_to(repository).as_posix())))
        started = time.monotonic()
        found = normalize(sources, repository_root=repository, show=str, sources_read={})
        assert time.monotonic() - started < 10
        assert {each.path for each in found if each.problems} <= unreadable, repository


CONDITIONAL_POLICY = """
Parameters:
  UseTrail: {Type: String, Default: 'no', AllowedValues: ['yes', 'no']}
Conditions:
  WithTrail: !Equals [!Ref UseTrail, 'yes']
Resources:
  Trail:
    Type: AWS::CloudTrail::Trail
    %s
    Properties: {IsLogging: true, S3BucketName: b, KMSKeyId: %s}
  Key:
    Type: AWS::KMS::Key
    Properties:
      KeyPolicy:
        Statement:
          - {Sid: account, Effect: Allow, Principal: '*', Action: 'kms:*', Resource: '*'}
          - !If [WithTrail, {Sid: trail, Effect: Allow, Principal: '*', Action: 'kms:*', Resource: '*'}, !Ref 'AWS::NoValue']
  Alias: {Type: AWS::KMS::Alias, Properties: {AliasName: alias/x, TargetKeyId: !Ref Key}}
"""


def sids_of(configuration: Configuration) -> dict[str, list[str]]:
    return {key.address: [each.sid for each in key.policy.statements] for key in configuration.keys if isinstance(key.policy, KeyPolicy)}


@pytest.mark.parametrize(
    ("condition", "key", "sids"),
    [
        ("", "!GetAtt Key.Arn", ["account"]),
        ("Condition: WithTrail", "!GetAtt Key.Arn", ["account", "trail"]),
        ("Condition: WithTrail", "!Ref Alias", ["account", "trail"]),
        ("Condition: WithTrail", "alias/x", ["account", "trail"]),
        ("", "!If [WithTrail, !Ref Key, !Ref 'AWS::NoValue']", ["account", "trail"]),
        ("", "!If [WithTrail, !Ref 'AWS::NoValue', !Ref Key]", ["account"]),
    ],
)
def test_a_key_is_judged_under_the_inputs_that_give_the_trail_its_key(condition: str, key: str, sids: list[str]) -> None:
    assert sids_of(normalize_text(CONDITIONAL_POLICY % (condition, key))) == {"Key": sids}


def test_two_trails_that_need_the_same_key_with_two_policies() -> None:
    text = CONDITIONAL_POLICY % ("Condition: WithTrail", "!Ref Key")
    other = "  Other: {Type: AWS::CloudTrail::Trail, Properties: {IsLogging: true, S3BucketName: b, KMSKeyId: !Ref Key}}\n"
    configuration = normalize_text(text + other)
    assert sids_of(configuration) == {"Key": ["account"], "Key (variant 2)": ["account", "trail"]}
    assert [dump(trail.kms_key_id.value) for trail in configuration.trails] == [
        {"reference": "Key (variant 2) . Ref"},
        {"reference": "Key . Ref"},
    ]


def test_dependencies_are_those_of_the_whole_graph() -> None:
    text = """
Resources:
  Trail: {Type: AWS::CloudTrail::Trail, DependsOn: Policy, Properties: {S3BucketName: !Ref Bucket, KMSKeyId: !Sub '${Key.Arn}'}}
  Policy: {Type: AWS::S3::BucketPolicy, Properties: {Bucket: !Ref Bucket}}
  Bucket: {Type: AWS::S3::Bucket}
  Key: {Type: AWS::KMS::Key, Properties: {KeyPolicy: {Statement: [{Principal: {AWS: !GetAtt Role.Arn}, Sid: !Sub '${!Unused}'}]}}}
  Role: {Type: AWS::IAM::Role}
  Unused: {Type: AWS::IAM::Role, DependsOn: [Trail]}
"""
    assert normalize_text(text).trails[0].depends_on == ("Bucket", "Key", "Policy", "Role")


@pytest.mark.parametrize(
    ("condition", "created_when", "region", "name"),
    [
        ("!Equals [!Ref 'AWS::Region', eu-west-1]", "AWS::Region = eu-west-1", "eu-west-1", "dev"),
        (
            "!Or [!Equals [!Ref 'AWS::Region', eu-west-1], !Equals [!Ref 'AWS::Region', eu-west-2]]",
            "AWS::Region = eu-west-1 or AWS::Region = eu-west-2",
            {"symbol": "region"},
            "dev",
        ),
        ("!Equals [!Ref Env, prod]", "Env = prod", {"symbol": "region"}, "prod"),
        ("!Equals [!Ref Env, dev]", "", {"symbol": "region"}, "dev"),
        ("!Or [!Equals [!Ref Env, prod], !Equals [!Ref 'AWS::Region', eu-west-1]]", "Env = prod", {"symbol": "region"}, "prod"),
    ],
)
def test_a_trail_is_read_under_what_creates_it(condition: str, created_when: str, region: object, name: str) -> None:
    text = f"""
Parameters:
  Env: {{Type: String, Default: dev}}
Conditions:
  C: {condition}
Resources:
  Trail: {{Type: AWS::CloudTrail::Trail, Condition: C, Properties: {{TrailName: !Ref Env}}}}
"""
    trail = trail_of(text)
    assert (trail.created_when, dump(trail.place.region), dump(trail.name)) == (created_when, region, name)


_ESCAPING = '{"artifacts": {"A": {"type": "cdk:asset-manifest", "properties": {"file": "/etc/passwd"}}}}'


@pytest.mark.parametrize("manifest", ["{", "[]", '{"artifacts": {"a": 1}}', _ESCAPING])
def test_a_manifest_of_another_program_says_nothing(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    (found,) = normalize([(tmp_path / "t.yaml", Source("t.yaml", TRAIL))], repository_root=tmp_path, show=str, sources_read={})
    assert isinstance(found.trails[0].place.account, Symbol)
    assert found.problems == ()
