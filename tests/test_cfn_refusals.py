"""What CloudFormation refuses in what a trail, store or key is made of: circles and names that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import check_json, write
from fixture_judges import cfn_lint
from test_cfn_normalize import normalize_text

from ctkms_policy.cases import Deployment, key_cases
from ctkms_policy.model import Configuration, Refusal
from ctkms_policy.value import Unknown


def refusals_of(configuration: Configuration) -> list[Refusal]:
    return [
        each
        for part in (configuration.trails, configuration.event_data_stores, configuration.keys)
        for resource in part
        for each in resource.refusals
    ]


def messages(text: str) -> list[str]:
    return [each.message for each in refusals_of(normalize_text(text))]


# -- conditions --------------------------------------------------------------------------------------------------------

CONDITIONAL = """
Parameters:
  Stage: {{Type: String, Default: prod}}
Conditions:
  A: {a}
  B: {b}
  Unused: !Not [!Condition Unused]
Resources:
  Trail:
    Type: AWS::CloudTrail::Trail
    Condition: A
    Properties: {{IsLogging: true, S3BucketName: logs}}
"""
"""With a condition that refers to itself and that no trail or key uses: cfn-lint's business."""


@pytest.mark.parametrize(
    ("a", "b", "message", "line"),
    [
        ("!Not [!Condition B]", "!Not [!Condition A]", 'condition "A" refers to itself through "B"', 5),
        ("!Condition A", "!Equals [a, a]", 'condition "A" refers to itself', 5),
        ("{Condition: A}", "!Equals [a, a]", 'condition "A" refers to itself', 5),
        ("!Not [!Condition B]", "!Or [!Equals [a, b], !And [!Condition B, !Equals [a, a]]]", 'condition "B" refers to itself', 6),
    ],
)
def test_a_circle_of_conditions(a: str, b: str, message: str, line: int) -> None:
    configuration = normalize_text(CONDITIONAL.format(a=a, b=b))
    (refusal,) = configuration.trails[0].refusals
    assert refusal.message == message
    assert (refusal.span.line, refusal.span.column) == (line, 3)
    assert configuration.trails[0].created_when == "", "nothing is said of a condition that has no value"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("!Not [!Condition B]", "!Equals [!Ref Stage, test]"),
        ("!And [!Condition B, !Condition B]", "!Equals [!Ref Stage, test]"),
        ("!Or [!Condition B, !Not [!Condition B]]", "!Not [!Equals [!Ref Stage, A]]"),
        ("!Equals [Condition, Condition]", "!Condition A"),
    ],
)
def test_conditions_that_depend_on_each_other_one_way(a: str, b: str) -> None:
    assert messages(CONDITIONAL.format(a=a, b=b)) == []


def test_a_circle_of_conditions_in_a_property_and_in_the_key() -> None:
    text = """
Conditions:
  A: !Not [!Condition A]
Resources:
  Trail:
    Type: AWS::CloudTrail::Trail
    Properties: {IsLogging: true, S3BucketName: logs, KMSKeyId: !If [A, !GetAtt Key.Arn, !Ref 'AWS::NoValue']}
  Key: {Type: AWS::KMS::Key, Condition: A}
"""
    configuration = normalize_text(text)
    assert configuration.trails[0].kms_key_id.value == Unknown('"A" is a condition that refers to itself')
    assert len(configuration.trails[0].refusals) == 1
    assert configuration.keys[0].refusals == (), "told at the trail"
    alone = normalize_text(text.replace("!If [A, !GetAtt Key.Arn, !Ref 'AWS::NoValue']", "!GetAtt Key.Arn"))
    assert (len(alone.trails[0].refusals), len(alone.keys[0].refusals)) == (0, 1)


def test_a_long_chain_of_conditions_ends() -> None:
    chain = "".join(f"  C{number}: !Not [!Condition C{number + 1}]\n" for number in range(2_000))
    text = CONDITIONAL.format(a="!Condition C0", b=f"!Equals [a, a]\n{chain}  C2000: !Not [!Condition A]")
    (message,) = messages(text)
    assert message == 'condition "A" refers to itself through "C0" and "C1" and "C2" and "C3" and 1997 more'


def test_a_circle_of_conditions_fails_the_trail_and_nothing_is_built_upon_it(tmp_path: Path) -> None:
    run = check_json(write(tmp_path, template_yaml=CONDITIONAL.format(a="!Not [!Condition B]", b="!Not [!Condition A]")))
    assert run.code == 1
    assert run.rules() == ["CTKMS000", "CTKMS001"]
    assert "created when" not in run.out
    assert run.json["trails"][0]["verdict"] == "fail"


# -- names that are not there ------------------------------------------------------------------------------------------

NAMED = """
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Stage: {Type: String, Default: prod}
Mappings:
  Names: {prod: {trail: audit}}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
Resources:
  Trail:
    Type: AWS::CloudTrail::Trail
    DependsOn: Policy
    Condition: IsProd
    Properties:
      IsLogging: true
      S3BucketName: !Ref Bucket
      KMSKeyId: !GetAtt Key.Arn
      TrailName: !FindInMap [Names, prod, trail]
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: !Sub 'amzn-s3-demo-${Stage}'}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument: {Statement: [{Effect: Allow, Principal: '*', Action: s3:PutObject, Resource: !Sub '${Bucket.Arn}/*'}]}
  Alias:
    Type: AWS::KMS::Alias
    Properties: {AliasName: alias/audit, TargetKeyId: !Ref Key}
  Key:
    Type: AWS::KMS::Key
    Properties:
      KeyPolicy:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Principal: {AWS: !Sub 'arn:${AWS::Partition}:iam::${AWS::AccountId}:root'}, Action: 'kms:*', Resource: '*'}
          - {Effect: Allow, Principal: {Service: cloudtrail.amazonaws.com}, Action: [kms:DescribeKey, kms:GenerateDataKey*], Resource: '*'}
  Topic:
    Type: AWS::SNS::Topic
    Properties: {TopicName: a}
"""

MISSING = [
    ("Condition: IsProd", "Condition: IsPrd", 'Condition names "IsPrd", which is no condition', 'did you mean "IsProd"?'),
    ("DependsOn: Policy", "DependsOn: [Policy, Nope]", 'DependsOn names "Nope", which is no resource', "declare the name"),
    ("!Ref Bucket\n      KMS", "!Ref Nope\n      KMS", 'Ref names "Nope", which is neither a parameter nor a resource', "declare the name"),
    ("!GetAtt Key.Arn", "!GetAtt Kee.Arn", 'Fn::GetAtt names "Kee", which is no resource', 'did you mean "Key"?'),
    ("!GetAtt Key.Arn", "{'Fn::GetAtt': [Nope, Arn]}", 'Fn::GetAtt names "Nope", which is no resource', "declare the name"),
    ("!GetAtt Key.Arn", "!GetAtt Stage.Arn", 'Fn::GetAtt names "Stage", which is no resource', "declare the name"),
    (
        "!GetAtt Key.Arn",
        "!GetAtt Key.KeyArn",
        'Fn::GetAtt asks "Key" for "KeyArn", which AWS::KMS::Key does not have',
        "use Arn or KeyId",
    ),
    ("!GetAtt Key.Arn", "!Sub '${Key.Id}'", 'Fn::Sub asks "Key" for "Id", which AWS::KMS::Key does not have', "use Arn or KeyId"),
    (
        "!GetAtt Key.Arn",
        "{'Fn::GetAtt': [Alias, Arn]}",
        'Fn::GetAtt asks "Alias" for "Arn", which AWS::KMS::Alias does not have',
        "use Ref",
    ),
    ("!GetAtt Key.Arn", "!Sub '${Nope.Arn}'", 'Fn::Sub names "Nope", which is no resource', "declare the name"),
    ("!GetAtt Key.Arn", "!Sub ['${a}${Nope}', {a: b}]", 'Fn::Sub names "Nope", which is neither', "declare the name"),
    ("!GetAtt Key.Arn", "!Sub ['${a}', {a: !Ref Nope}]", 'Ref names "Nope", which is neither', "declare the name"),
    ("!GetAtt Key.Arn", "!If [Nope, !GetAtt Key.Arn, !Ref AWS::NoValue]", 'Fn::If names "Nope", which is no condition', "declare the name"),
    ("!GetAtt Key.Arn", "!If [IsProd, !GetAtt Key.Arn, !Ref Nope]", 'Ref names "Nope", which is neither', "declare the name"),
    ("!GetAtt Key.Arn", "!Join ['/', [alias, !Ref Nope]]", 'Ref names "Nope", which is neither', "declare the name"),
    ("!FindInMap [Names,", "!FindInMap [Nmes,", 'Fn::FindInMap names "Nmes", which is no mapping', 'did you mean "Names"?'),
    ("!Equals [!Ref Stage, prod]", "!Equals [!Ref Stge, prod]", 'Ref names "Stge", which is no parameter', 'did you mean "Stage"?'),
    ("!Equals [!Ref Stage, prod]", "!Equals [!Ref Key, prod]", 'Ref names "Key", which is no parameter', "declare the name"),
    ("!Equals [!Ref Stage, prod]", "!Not [!Condition Nope]", 'Condition names "Nope", which is no condition', "declare the name"),
    ("!Equals [!Ref Stage, prod]", "!Equals [!FindInMap [Nope, a, b], prod]", 'Fn::FindInMap names "Nope"', "declare the name"),
    ("demo-${Stage}", "demo-${Stag}", 'Fn::Sub names "Stag", which is neither', 'did you mean "Stage"?'),
    ("${Bucket.Arn}/*", "${Buckt.Arn}/*", 'Fn::Sub names "Buckt", which is no resource', 'did you mean "Bucket"?'),
    ("${Bucket.Arn}/*", "${Bucket.Arn}/${aws:userid}", 'Fn::Sub names "aws:userid", which is neither', "write ${!aws:userid}"),
    ("::${AWS::AccountId}", "::${AWS::AcountId}", 'Fn::Sub names "AWS::AcountId", which is no pseudo', 'did you mean "AWS::AccountId"?'),
    (
        "Service: cloudtrail.amazonaws.com",
        "Service: !Sub 'cloudtrail.${Nope}'",
        'Fn::Sub names "Nope", which is neither',
        "declare the name",
    ),
]
PRESENT = [
    ("", ""),
    ("!GetAtt Key.Arn", "!Sub ['${a.b}${c}', {a.b: x, c: !Ref Stage}]"),
    ("!GetAtt Key.Arn", "!GetAtt Key.KeyId"),
    ("TopicName: a", "TopicName: !GetAtt Key.Nope"),
    ("!GetAtt Key.Arn", "!Sub 'arn:${!Nope}:${AWS::URLSuffix}'"),
    ("DependsOn: Policy", "DependsOn: [Policy, Bucket]"),
    ("TopicName: a", "TopicName: !Ref Nope"),
    ("Topic:\n", "TopicPolicy:\n"),
]
"""The reference of a topic to a name that is not there is no business of ours."""


@pytest.mark.parametrize(("old", "new", "message", "help"), MISSING)
def test_a_name_that_is_not_there(old: str, new: str, message: str, help: str, tmp_path: Path) -> None:
    assert NAMED.count(old) == 1
    text = NAMED.replace(old, new)
    run = check_json(write(tmp_path, template_yaml=text))
    assert run.code == 1
    (finding,) = [each for each in run.json["findings"] if each["rule"] == "CTKMS000"]
    assert finding["message"].startswith(message)
    assert help in finding["help"]
    assert finding["resource"] in ("Trail", "Key")
    name = message.split('"')[1]
    line = text.splitlines()[finding["location"]["line"] - 1]
    assert name in line[finding["location"]["column"] - 1 :]
    assert run.json["trails"][0]["verdict"] == "fail"


@pytest.mark.parametrize(("old", "new"), PRESENT)
def test_names_that_are_there(old: str, new: str) -> None:
    assert messages(NAMED.replace(old, new)) == []


@pytest.mark.host
def test_cfn_lint_is_of_the_same_opinion(tmp_path: Path) -> None:
    pytest.importorskip("cfnlint")
    bad, good = [], []
    for number, (old, new, *_) in enumerate(MISSING):
        bad.append(tmp_path / f"bad{number}.yaml")
        bad[-1].write_text(NAMED.replace(old, new), encoding="utf-8")
    for number, (old, new) in enumerate(PRESENT):
        if "Nope" not in new.replace("!Nope", ""):
            good.append(tmp_path / f"good{number}.yaml")
            good[-1].write_text(NAMED.replace(old, new), encoding="utf-8")
    found = cfn_lint((*bad, *good))
    of_names = {"E1010", "E1011", "E1019", "E1020", "E1028", "E3005", "E3015", "E8001", "E8002", "E8005", "E8007"}
    silent = [MISSING[number][1] for number, path in enumerate(bad) if not found[path] & of_names]
    assert silent == ["!Equals [!FindInMap [Nope, a, b], prod]"], "it looks up no mapping in a condition; CloudFormation does"
    assert [(path.name, found[path]) for path in good if found[path] & of_names] == []


@pytest.mark.parametrize(
    "addition",
    [
        "Transform: OurMacro",
        "Transform: [AWS::LanguageExtensions, OurMacro]",
        "Transform: {Name: AWS::Include, Parameters: {Location: s3://bucket/more.yaml}}",
        "Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://bucket/more.yaml}}",
        "Organization: !Include organization.yml",
        "Description: for {{ stage }}",
    ],
)
@pytest.mark.parametrize(("old", "new"), [(old, new) for old, new, *_ in MISSING[:6]])
def test_what_something_else_may_still_add_is_not_missing(old: str, new: str, addition: str) -> None:
    text = NAMED.replace(old, new)
    assert len(messages(text)) == 1
    assert messages(f"{text}{addition}\n") == []


@pytest.mark.parametrize(
    ("section", "old", "new"),
    [
        ("Resources", "!GetAtt Key.Arn", "!GetAtt Nope.Arn"),
        ("Resources", "!GetAtt Key.Arn", "!Ref Nope"),
        ("Parameters", "!GetAtt Key.Arn", "!Ref Nope"),
        ("Conditions", "Condition: IsProd", "Condition: Nope"),
        ("Mappings", "!FindInMap [Names,", "!FindInMap [Nope,"),
    ],
)
@pytest.mark.parametrize(
    "macro", ["Fn::Transform: {Name: OurMacro}", "Fn::ForEach::More: [Name, [a, b], {'${Name}': {Type: AWS::SNS::Topic}}]"]
)
def test_a_section_of_which_a_part_is_not_known(section: str, old: str, new: str, macro: str) -> None:
    text = NAMED.replace(old, new)
    assert len(messages(text)) == 1
    assert messages(text.replace(f"{section}:\n", f"{section}:\n  {macro}\n")) == []


@pytest.mark.parametrize(
    ("name", "resource", "missing"),
    [
        ("FunctionRole", "Function: {Type: AWS::Serverless::Function}", False),
        ("ServerlessRestApi", "Function: {Type: AWS::Serverless::Function}", False),
        ("Unheard", "Function: {Type: AWS::Serverless::Function}", True),
        ("ModuleKey", "Module: {Type: Our::Key::Store::MODULE}", False),
        ("Module.Key", "Module: {Type: Our::Key::Store::MODULE}", False),
        ("Unheard", "Module: {Type: Our::Key::Store::MODULE}", True),
    ],
)
def test_names_that_sam_and_modules_make_up(name: str, resource: str, missing: bool) -> None:
    text = NAMED.replace("!GetAtt Key.Arn", f"!GetAtt {name}.Arn") + f"  {resource}\n"
    text += "Transform: AWS::Serverless-2016-10-31\n" if "Serverless" in resource else ""
    assert bool(messages(text)) is missing


def test_a_mapping_with_a_default_need_not_be_there() -> None:
    text = NAMED.replace("[Names, prod, trail]", "[Nope, prod, trail, {DefaultValue: audit}]") + "Transform: AWS::LanguageExtensions\n"
    assert messages(text) == []
    assert messages(text.replace("DefaultValue", "Default")) != []


@pytest.mark.parametrize("place", ["serverless.yml", "app/serverless.ts"])
def test_the_parts_that_the_serverless_framework_puts_together(place: str, tmp_path: Path) -> None:
    part = NAMED.replace("!GetAtt Key.Arn", "!GetAtt Nope.Arn")
    write(tmp_path, app__resources__trail_yaml=part.replace('AWSTemplateFormatVersion: "2010-09-09"', ""), app__whole_yaml=part)
    (tmp_path / ".git").mkdir()
    findings = [each["location"]["path"] for each in check_json(tmp_path).json["findings"] if each["rule"] == "CTKMS000"]
    assert findings == ["app/resources/trail.yaml", "app/whole.yaml"]
    (tmp_path / place).write_text("service: a\n", encoding="utf-8")
    findings = [each["location"]["path"] for each in check_json(tmp_path).json["findings"] if each["rule"] == "CTKMS000"]
    assert findings == ["app/whole.yaml"], "this one is a template of its own: it says its version"


@pytest.mark.parametrize("key", ["alias/audit", "!Ref Alias"])
def test_the_alias_of_a_trail(key: str) -> None:
    text = NAMED.replace("TargetKeyId: !Ref Key", "TargetKeyId: !Ref Kay")
    assert messages(text) == [], "the trail does not use it"
    assert messages(text.replace("!GetAtt Key.Arn", key)) == [
        'Ref names "Kay", which is neither a parameter nor a resource of the template'
    ]


def test_what_a_nested_stack_with_the_trail_is_given(tmp_path: Path) -> None:
    nested = """
Parameters: {KeyArn: {Type: String}}
Resources:
  Trail: {Type: AWS::CloudTrail::Trail, Properties: {IsLogging: true, S3BucketName: logs, KMSKeyId: !Ref KeyArn}}
"""
    parent = """
Resources:
  Nested: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: nested.yaml, Parameters: {KeyArn: !GetAtt Kee.Arn}}}
"""
    run = check_json(write(tmp_path, nested_yaml=nested, parent_yaml=parent))
    (finding,) = [each for each in run.json["findings"] if each["rule"] == "CTKMS000"]
    assert (finding["resource"], finding["location"]["path"], finding["location"]["line"]) == ("Nested/Trail", "parent.yaml", 3)


def test_a_key_that_has_nothing_to_do_with_cloudtrail_is_none_of_our_business() -> None:
    text = NAMED.split("Resources:")[0] + "Resources:\n" + "  Key:" + NAMED.split("  Key:")[1]
    text = text.replace("::${AWS::AccountId}", "::${Nope}").replace("cloudtrail.amazonaws.com", "logs.amazonaws.com")
    assert "CloudTrail" not in text
    configuration = normalize_text(text)
    assert [each.message for each in configuration.keys[0].refusals] != []
    assert key_cases(configuration, [], [], Deployment()) == []


# -- circles of resources ----------------------------------------------------------------------------------------------

CIRCULAR = """
Parameters:
  Stage: {{Type: String, Default: prod}}
  Open: {{Type: String}}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsTest: !Equals [!Ref Stage, test]
  IsOpen: !Equals [!Ref Open, x]
Resources:
  Trail:
    Type: AWS::CloudTrail::Trail
    Properties: {{TrailName: audit, IsLogging: true, S3BucketName: logs, KMSKeyId: {key}{more}}}
  Key:
    Type: AWS::KMS::Key
    Properties:
      KeyPolicy:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {{Service: cloudtrail.amazonaws.com}}
            Action: [kms:DescribeKey, kms:GenerateDataKey*]
            Resource: '*'
            Condition: {{StringEquals: {{'aws:SourceArn': {arn}}}}}
  Alias: {{Type: AWS::KMS::Alias, Properties: {{AliasName: alias/audit, TargetKeyId: !Ref Key}}}}
"""
BY_NAME = "!Sub 'arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/audit'"


@pytest.mark.parametrize(
    ("key", "arn", "through"),
    [
        ("!GetAtt Key.Arn", "!GetAtt Trail.Arn", '"Key"'),
        ("!Ref Key", "{'Fn::GetAtt': [Trail, Arn]}", '"Key"'),
        ("!Sub '${Key}'", "!Sub '${Trail.Arn}'", '"Key"'),
        ("!Ref Alias", "!Sub 'arn:aws:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/${Trail}'", '"Alias" and "Key"'),
        ("!If [IsProd, !GetAtt Key.Arn, !Ref 'AWS::NoValue']", "!Ref Trail", '"Key"'),
        ("!GetAtt Key.Arn", f"!If [IsTest, {BY_NAME}, !GetAtt Trail.Arn]", '"Key"'),
    ],
)
def test_the_policy_of_a_key_that_takes_the_arn_of_its_trail(key: str, arn: str, through: str, tmp_path: Path) -> None:
    run = check_json(write(tmp_path, template_yaml=CIRCULAR.format(key=key, arn=arn, more="")))
    (finding,) = [each for each in run.json["findings"] if each["rule"] == "CTKMS000"]
    assert finding["message"] == f'"Trail" depends on itself through {through}'
    assert finding["resource"] == "Trail"
    assert finding["location"]["line"] == 23, "the reference that closes the circle"
    assert BY_NAME.strip("!Sub '") in finding["help"]
    assert run.json["trails"][0]["verdict"] == "fail"


@pytest.mark.parametrize(
    ("key", "arn"),
    [
        ("!GetAtt Key.Arn", BY_NAME),
        ("alias/audit", "!GetAtt Trail.Arn"),
        ("!GetAtt Key.Arn", f"!If [IsProd, {BY_NAME}, !GetAtt Trail.Arn]"),
        ("!GetAtt Key.Arn", f"!If [IsOpen, {BY_NAME}, !GetAtt Trail.Arn]"),
        ("!If [IsTest, !GetAtt Key.Arn, !Ref 'AWS::NoValue']", "!GetAtt Trail.Arn"),
    ],
)
def test_no_circle_with_default_inputs(key: str, arn: str) -> None:
    assert messages(CIRCULAR.format(key=key, arn=arn, more="")) == []


def test_circles_with_what_belongs_to_the_trail() -> None:
    text = CIRCULAR.format(key="!GetAtt Key.Arn", arn=BY_NAME, more="}\n    DependsOn: [Policy]\n    Metadata: {")
    policy = "  Policy: {{Type: AWS::S3::BucketPolicy, {condition}Properties: {{Bucket: logs, PolicyDocument: {{Resource: {arn}}}}}}}\n"
    circular = text + policy.format(condition="", arn="!GetAtt Trail.Arn")
    (refusal,) = refusals_of(normalize_text(circular))
    assert refusal.message == '"Trail" depends on itself through "Policy"'
    assert [step.text for step in refusal.way] == ['"Trail" depends on "Policy"']
    assert messages(text + policy.format(condition="Condition: IsTest, ", arn="!GetAtt Trail.Arn")) == []
    assert messages(text + policy.format(condition="", arn=BY_NAME)) == []


@pytest.mark.parametrize(
    ("arn", "more", "message"),
    [
        ("!GetAtt Key.Arn", "", '"Key" depends on itself'),
        ("!GetAtt Role.Arn", "", '"Key" depends on itself through "Role"'),
        ("!GetAtt Function.Arn", "", None),
        ("!GetAtt Module.Arn", "", None),
    ],
)
def test_circles_of_the_key_alone(arn: str, more: str, message: str | None) -> None:
    text = CIRCULAR.format(key="!GetAtt Key.Arn", arn=arn, more=more)
    text += "  Role: {Type: AWS::IAM::Role, Properties: {Policies: [{Resource: !GetAtt Key.Arn}]}}\n"
    text += (
        "  Function: {Type: AWS::Serverless::Function, Properties: {KmsKeyArn: !GetAtt Key.Arn}}\nTransform: AWS::Serverless-2016-10-31\n"
    )
    text = text.replace("Resources:\n", "Resources:\n  Module: {Type: Our::Own::Role::MODULE, Properties: {KmsKeyArn: !GetAtt Key.Arn}}\n")
    assert messages(text) == ([] if message is None else [message])


def test_a_circle_through_a_nested_stack_is_told_once(tmp_path: Path) -> None:
    nested = """
Parameters: {KeyArn: {Type: String}}
Resources:
  Trail: {Type: AWS::CloudTrail::Trail, Properties: {IsLogging: true, S3BucketName: logs, KMSKeyId: !Ref KeyArn}}
Outputs:
  Arn: {Value: !GetAtt Trail.Arn}
"""
    text = CIRCULAR.format(key="x", arn="!GetAtt Nested.Outputs.Arn", more="")
    text += "  Nested: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: n.yaml, Parameters: {KeyArn: !GetAtt Key.Arn}}}\n"
    run = check_json(write(tmp_path, n_yaml=nested, template_yaml=text))
    found = [(each["resource"], each["message"]) for each in run.json["findings"] if each["rule"] == "CTKMS000"]
    assert found == [("Nested/Trail", '"Nested" depends on itself through "Key"')]


# -- nested stacks and given values ------------------------------------------------------------------------------------

NESTED_KEY = """
Parameters: {Reader: {Type: String}, Spare: {Type: String, Default: a}}
Resources:
  Key: {Type: AWS::KMS::Key, Properties: {Description: !Ref Reader}}
Outputs:
  Arn: {Value: !GetAtt Key.Arn}
"""
PARENT = """
Resources:
  Keys: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: key.yaml, Parameters: {Reader: a}}}
  Trail: {Type: AWS::CloudTrail::Trail, Properties: {IsLogging: true, S3BucketName: logs, KMSKeyId: !GetAtt Keys.Outputs.Arn}}
"""


def nested_refusals(directory: Path, parent: str, key: str = NESTED_KEY) -> list[tuple[str, int, str]]:
    write(directory, key_yaml=key, parent_yaml=parent)
    found = [each for each in check_json(directory).json["findings"] if each["rule"] == "CTKMS000"]
    assert {(each["location"]["path"], each["resource"]) for each in found} <= {("parent.yaml", "Trail")}
    return [(each["message"], each["location"]["line"], each["help"]) for each in found]


@pytest.mark.parametrize(
    ("old", "new", "message", "line", "help"),
    [
        (
            "Outputs.Arn",
            "Outputs.Arm",
            'Fn::GetAtt names the output "Arm" of "Keys", which key.yaml does not have',
            4,
            'did you mean "Arn"?',
        ),
        ("!GetAtt Keys.Outputs.Arn", "{'Fn::GetAtt': [Keys, Outputs.Nope]}", 'Fn::GetAtt names the output "Nope" of "Keys"', 4, "declare"),
        ("!GetAtt Keys.Outputs.Arn", "!Sub '${Keys.Outputs.Nope}'", 'Fn::Sub names the output "Nope" of "Keys"', 4, "declare"),
        (
            "Reader: a",
            "Reader: a, Raeder: b",
            '"Keys" is given parameter "Raeder", which key.yaml does not have',
            3,
            'did you mean "Reader"?',
        ),
        ("{Reader: a}", "{}", '"Keys" is not given parameter "Reader", which has no default in key.yaml', 3, "give the parameter a value"),
        (", Parameters: {Reader: a}", "", '"Keys" is not given parameter "Reader", which has no default in key.yaml', 3, "give"),
    ],
)
def test_what_does_not_fit_a_nested_template(old: str, new: str, message: str, line: int, help: str, tmp_path: Path) -> None:
    assert PARENT.count(old) == 1
    ((found, at, way_out),) = nested_refusals(tmp_path, PARENT.replace(old, new))
    assert found.startswith(message)
    assert at == line
    assert help in way_out


@pytest.mark.parametrize(
    ("parent", "key"),
    [
        (PARENT, NESTED_KEY),
        (PARENT.replace("Reader: a", "Reader: a, Spare: b"), NESTED_KEY),
        (PARENT.replace("Reader: a", "Fn::Transform: {Name: Macro}"), NESTED_KEY),
        (PARENT.replace("Reader: a", "Other: a"), NESTED_KEY + "Transform: Macro\n"),
        (PARENT.replace("Outputs.Arn", "Outputs.Other") + "Transform: Macro\n", NESTED_KEY),
        (PARENT.replace("Outputs.Arn", "Outputs.Other"), NESTED_KEY.replace("Arn:", "Fn::Transform: {Name: Macro}\n  Arn:")),
    ],
)
def test_what_fits_a_nested_template_or_may_still_do(parent: str, key: str, tmp_path: Path) -> None:
    assert nested_refusals(tmp_path, parent, key) == []


@pytest.mark.parametrize(
    ("given", "declared", "message"),
    [
        ("Stage=tset", "AllowedValues: [test, prod]", 'parameter "Stage" is given a value that it does not allow: "tset"'),
        ("Stage=tset", "AllowedValues: [test, prod], NoEcho: true", 'parameter "Stage" is given a value that it does not allow'),
        ("Stage=test", "AllowedValues: [test, prod]", None),
        ("Stage=tset", "Default: prod", None),
        ("Other=tset", "Default: prod, AllowedValues: [test, prod]", None),
    ],
)
def test_a_given_value_that_the_parameter_does_not_allow(given: str, declared: str, message: str | None, tmp_path: Path) -> None:
    text = NAMED.replace("Stage: {Type: String, Default: prod}", f"Stage: {{Type: String, {declared}}}").replace("Condition: IsProd", "")
    run = check_json(write(tmp_path, template_yaml=text), "--parameter", given)
    found = {(each["message"], each["location"]["line"]) for each in run.json["findings"] if each["rule"] == "CTKMS000"}
    assert found == (set() if message is None else {(message, 4)})
