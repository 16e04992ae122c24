"""Intrinsic functions, one table each: what an expression of a template evaluates to."""

# ruff: noqa: E501 -- one row of a table is one line

from __future__ import annotations

from typing import Any

import pytest
from configuration_dump import dump

from ctkms_policy.cloudformation.conditions import Inputs
from ctkms_policy.cloudformation.functions import MAX_ITEMS, MAX_TEXT
from ctkms_policy.cloudformation.intrinsics import MAX_DEPTH, Evaluator, stack_name_symbol
from ctkms_policy.cloudformation.placeholders import fill
from ctkms_policy.cloudformation.stack import Stack
from ctkms_policy.cloudformation.template import Template, read_templates
from ctkms_policy.model import ambient_place
from ctkms_policy.source import Source
from ctkms_policy.value import Choice, Known, ListValue, MapValue, Symbol, SymbolKind, Unknown, Value, describe

PREAMBLE = """\
Parameters:
  WithDefault: {Type: String, Default: dev}
  NoDefault: {Type: String}
  Empty: {Type: String, Default: ''}
  Limited: {Type: String, AllowedValues: [a, b, c]}
  Flag: {Type: String, Default: 'false', AllowedValues: ['true', 'false']}
  Accounts: {Type: CommaDelimitedList, Default: '111111111111, 222222222222'}
  Open: {Type: CommaDelimitedList}
  Stored: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /kms/key}
  Secret: {Type: String, Default: hush, NoEcho: true}
  Number: {Type: Number, Default: 7}
Mappings:
  Keys:
    dev: {Key: alias/dev, List: [x, y]}
    prod: {Key: alias/prod}
  Regions:
    us-east-1: {Key: k1}
    eu-west-1: {Key: k2}
    eu-west-2: {Key: k2}
Conditions:
  Always: !Equals [a, a]
  Never: !Equals [a, b]
  IsDev: !Equals [!Ref WithDefault, dev]
  IsNotDev: !Not [!Condition IsDev]
  IsGiven: !Not [!Equals [!Ref NoDefault, '']]
  IsSet: !Not [!Equals [!Ref Empty, '']]
  UseKms: !Equals [!Ref Flag, 'true']
  NoKms: !Equals [!Ref Flag, 'false']
  Both: !And [!Condition UseKms, !Condition IsSet]
  Either: !Or [!Condition UseKms, !Condition IsSet]
  Contradiction: !And [!Equals [!Ref WithDefault, a], !Equals [!Ref WithDefault, b]]
  ByMap: !Equals [!FindInMap [Keys, !Ref WithDefault, Key], alias/dev]
  Joined: !Equals [!Join ['', [!Ref WithDefault, !Ref Empty]], dev]
  AnyAccounts: !Not [!Equals [!Join ['', !Ref Accounts], '']]
  InUsEast1: !Equals [!Ref 'AWS::Region', us-east-1]
  Selfish: !Not [!Condition Selfish]
  Wrong: !Equals [one]
Resources:
  Key: {Type: 'AWS::KMS::Key'}
  Named: {Type: 'AWS::CloudTrail::Trail', Properties: {TrailName: audit}}
  Unnamed: {Type: 'AWS::CloudTrail::Trail'}
  SelfNamed: {Type: 'AWS::CloudTrail::Trail', Properties: {TrailName: !Ref SelfNamed}}
  Bucket: {Type: 'AWS::S3::Bucket', Properties: {BucketName: logs}}
  Nameless: {Type: 'AWS::S3::Bucket'}
  Role: {Type: 'AWS::IAM::Role'}
  Elsewhere: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: 'https://example.com/t.yaml'}}
  Subject:
    Type: AWS::CloudTrail::Trail
    Properties:
      KMSKeyId: """

ACCOUNT, REGION, PARTITION, STACK = ({"symbol": name} for name in ("account", "region", "partition", "AWS::StackName"))


def stack_of(expression: str) -> Stack:
    (template,) = read_templates(Source("t.yaml", f"{PREAMBLE}{expression}\n"))
    root = fill(template.root, serverless=False)
    assert isinstance(root, MapValue)
    return Stack(Template(template.source, root), ambient_place(), stack_name_symbol())


def evaluate(expression: str, inputs: Inputs | None = None) -> Value:
    stack = stack_of(expression)
    return Evaluator().evaluate(stack.property_of("Subject", "KMSKeyId"), stack, inputs or Inputs())


def hole(name: str, reason: str, kind: str = "INPUT", **shape: Any) -> dict[str, Any]:
    return {"symbol": name, "kind": kind, "reason": reason, **({"shape": shape} if shape else {})}


def choice(condition: str, chosen: int | None, *branches: tuple[str, object]) -> dict[str, Any]:
    return {"choice": condition, "chosen": chosen, "branches": [{"when": when, "value": value} for when, value in branches]}


NO_DEFAULT = hole("NoDefault", "parameter NoDefault has no default")
STORED = 'parameter Stored is read from the SSM parameter "/kms/key" at the deployment'


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!Ref WithDefault", "dev"),
        ("{Ref: WithDefault}", "dev"),
        ("!Ref NoDefault", NO_DEFAULT),
        ("!Ref Empty", ""),
        ("!Ref Limited", hole("Limited", "parameter Limited has no default", one_of=["a", "b", "c"])),
        ("!Ref Accounts", ["111111111111", "222222222222"]),
        ("!Ref Open", {"list": [], "rest": "parameter Open has no default"}),
        ("!Ref Stored", hole("Stored", STORED, "EXTERNAL", shortest=1)),
        ("!Ref Number", "7"),
        ("!Ref Key", {"reference": "Key . Ref"}),
        ("!Ref Named", "audit"),
        ("!Ref Bucket", "logs"),
        ("!Ref Nowhere", {"unknown": '"Nowhere" is neither a parameter nor a resource of the template'}),
        ("!Ref AWS::NoValue", None),
        ("!Ref AWS::NotificationARNs", {"list": [], "rest": "the notification ARNs of the stack are not in the template"}),
        ("!Ref AWS::Nothing", {"unknown": "AWS::Nothing is no pseudo parameter"}),
        ("!Ref [a]", {"unknown": "Ref of a list"}),
    ],
)
def test_ref(expression: str, expected: object) -> None:
    assert dump(evaluate(expression)) == expected


@pytest.mark.parametrize(("name", "symbol"), [("AWS::AccountId", "account"), ("AWS::Region", "region"), ("AWS::Partition", "partition")])
def test_pseudo_parameters_of_the_place_are_the_models_own_symbols(name: str, symbol: str) -> None:
    value = evaluate(f"!Ref {name}")
    assert isinstance(value, Symbol)
    assert value == getattr(ambient_place(), symbol)
    assert value.spelling == name


def test_stack_name_stack_id_and_url_suffix() -> None:
    assert dump(evaluate("!Ref AWS::StackName"))["kind"] == "GENERATED"
    stack_id = dump(evaluate("!Ref AWS::StackId"))["text"]
    assert stack_id == [
        "arn:", PARTITION, ":cloudformation:", REGION, ":", ACCOUNT, ":stack/", STACK, "/", {"symbol": "id of stack "},
    ]  # fmt: skip
    suffix = evaluate("!Ref AWS::URLSuffix")
    assert isinstance(suffix, Symbol)
    assert suffix.kind is SymbolKind.AMBIENT
    assert "amazonaws.com" in suffix.shape.one_of


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!GetAtt Key.Arn", {"reference": "Key . Arn"}),
        ("!GetAtt [Key, Arn]", {"reference": "Key . Arn"}),
        ("{'Fn::GetAtt': [Role, Arn]}", {"reference": "Role . Arn"}),
        ("!GetAtt [Key, !Join ['', [A, rn]]]", {"reference": "Key . Arn"}),
        ("!GetAtt Named.Arn", {"text": ["arn:", PARTITION, ":cloudtrail:", REGION, ":", ACCOUNT, ":trail/audit"]}),
        (
            "!GetAtt Unnamed.Arn",
            {
                "text": [
                    "arn:",
                    PARTITION,
                    ":cloudtrail:",
                    REGION,
                    ":",
                    ACCOUNT,
                    ":trail/",
                    STACK,
                    "-Unnamed-",
                    {"symbol": "suffix of Unnamed"},
                ]
            },
        ),
        ("!GetAtt Bucket.Arn", {"text": ["arn:", PARTITION, ":s3:::logs"]}),
        ("!GetAtt Elsewhere.Outputs.KeyArn", {"reference": "Elsewhere . Outputs.KeyArn"}),
        ("!GetAtt Nowhere.Arn", {"unknown": '"Nowhere" is no resource of the template'}),
        ("!GetAtt Key", {"unknown": 'Fn::GetAtt of "Key" without an attribute'}),
        ("!Ref SelfNamed", {"unknown": "name SelfNamed refers to itself"}),
    ],
)
def test_get_att(expression: str, expected: object) -> None:
    assert dump(evaluate(expression)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!Sub plain", "plain"),
        ("!Sub 'alias/${WithDefault}-key'", "alias/dev-key"),
        ("!Sub '${WithDefault}'", "dev"),
        ("!Sub '${ WithDefault }'", "dev"),
        ("!Sub '${NoDefault}'", NO_DEFAULT),
        ("!Sub '${Key.Arn}'", {"reference": "Key . Arn"}),
        ("!Sub '${Key}/x'", {"text": [{"reference": "Key . Ref"}, "/x"]}),
        ("!Sub '${!Literal} ${WithDefault}'", "${Literal} dev"),
        ("!Sub '${!aws:username}'", "${aws:username}"),
        ("!Sub ['${a}-${b}', {a: 1, b: !Ref WithDefault}]", "1-dev"),
        ("!Sub ['${WithDefault}', {WithDefault: mine}]", "mine"),
        ("!Sub 'arn:aws:iam::${AWS::AccountId}:root'", {"text": ["arn:aws:iam::", ACCOUNT, ":root"]}),
        ("!Sub '$ {x} ${} }{'", "$ {x} ${} }{"),
        ("!Sub '${Nowhere}'", {"unknown": '"Nowhere" is neither a parameter nor a resource of the template'}),
        ("!Sub '${Accounts}'", {"unknown": "a list or map in a string"}),
        ("!Sub [a]", {"unknown": "Fn::Sub with a list that is not a string and a map"}),
        ("!Sub 'x{{resolve:ssm:/a/${WithDefault}/b}}'", {"text": ["x", {"symbol": "{{resolve:ssm:/a/${WithDefault}/b}}"}]}),
    ],
)
def test_sub(expression: str, expected: object) -> None:
    assert dump(evaluate(expression)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!Join ['-', [a, b, c]]", "a-b-c"),
        ("!Join ['', []]", ""),
        ("!Join ['', [!Ref NoDefault]]", NO_DEFAULT),
        ("!Join [':', [arn, !Ref 'AWS::Partition', kms]]", {"text": ["arn:", PARTITION, ":kms"]}),
        ("!Join [',', !Ref Accounts]", "111111111111,222222222222"),
        ("!Join [',', [!Ref Accounts, x]]", "111111111111,222222222222,x"),
        ("!Join [',', !Split ['|', 'a|b']]", "a,b"),
        ("!Join [',', [a, !Ref 'AWS::NoValue', b]]", "a,b"),
        ("!Join ['', ['{{resolve:', 'ssm:/key}}']]", hole("{{resolve:ssm:/key}}", "{{resolve:ssm:/key}} is read from SSM Parameter Store at the deployment", "EXTERNAL")),
        ("!Join ['-', !Ref Open]", {"unknown": "parameter Open has no default"}),
        ("!Join ['-', x]", {"unknown": 'Fn::Join of "x"'}),
        ("!Join x", {"unknown": "Fn::Join without a delimiter and a list"}),
        (
            "!Join ['-', [a, !If [UseKms, b, !Ref 'AWS::NoValue']]]",
            {"choice": "Flag = true", "chosen": 1, "branches": [{"when": "Flag = true", "value": "a-b"}, {"when": "Flag = false", "value": "a"}]},
        ),
    ],
)  # fmt: skip
def test_join(expression: str, expected: object) -> None:
    assert dump(evaluate(expression)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!Select [1, [a, b]]", "b"),
        ("!Select ['0', !Ref Accounts]", "111111111111"),
        ("!Select [0, !Ref Open]", hole("Open[0]", "parameter Open has no default")),
        ("!Select [2, [a, b]]", {"unknown": "Fn::Select of item 2 of a list with 2"}),
        ("!Select [-1, [a, b]]", {"unknown": "Fn::Select with the index -1"}),
        ("!Select [0, x]", {"unknown": 'Fn::Select of "x"'}),
        ("!Select [5, !Split [':', !GetAtt Named.Arn]]", "trail/audit"),
        ("!Select [4, !Split [':', !GetAtt Named.Arn]]", ACCOUNT),
        ("!Select [0, !Split [':', !Sub 'alias:${NoDefault}']]", "alias"),
        ("!Select [1, !Split [':', !Sub 'alias:${NoDefault}']]", {"unknown": "NoDefault may hold ':'"}),
        ("!Split [',', 'a,b,,c']", ["a", "b", "", "c"]),
        ("!Split ['', x]", {"unknown": 'Fn::Split at ""'}),
        ("!Select [1, !Split ['/', !GetAtt Key.Arn]]", {"reference": "Key . KeyId"}),
        ("!Select [5, !Split [':', !Sub '${Key.Arn}']]", {"text": ["key/", {"reference": "Key . KeyId"}]}),
        ("!Select [4, !Split [':', !GetAtt Key.Arn]]", ACCOUNT),
        ("!Select [0, !Split ['-', !GetAtt Key.Arn]]", {"unknown": "partition may hold '-'"}),
        ("!Select [1, !Split ['/', !Ref Key]]", {"unknown": "Key.Ref may hold '/'"}),
        ("!Select [0, !GetAZs '']", {"unknown": "the availability zones are only known at the deployment"}),
    ],
)  # fmt: skip
def test_select_and_split(expression: str, expected: object) -> None:
    assert dump(evaluate(expression)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!FindInMap [Keys, dev, Key]", "alias/dev"),
        ("!FindInMap [Keys, !Ref WithDefault, Key]", "alias/dev"),
        ("!Select [1, !FindInMap [Keys, dev, List]]", "y"),
        ("!FindInMap [Keys, test, Key]", {"unknown": 'the mapping has no key "test"'}),
        ("!FindInMap [Keys, test, Key, {DefaultValue: alias/other}]", "alias/other"),
        ("!FindInMap [Keys, prod, List, {DefaultValue: !Ref Empty}]", ""),
        ("!FindInMap [Nothing, a, b]", {"unknown": '"Nothing" is no mapping of the template'}),
        ("!FindInMap [a, b]", {"unknown": "Fn::FindInMap without a map name and two keys"}),
        (
            "!FindInMap [Regions, !Ref 'AWS::Region', Key]",
            {
                "choice": "mapping key region of us-east-1,eu-west-1,eu-west-2",
                "chosen": None,
                "branches": [
                    {"when": "AWS::Region = us-east-1", "value": "k1"},
                    {"when": "AWS::Region = eu-west-1", "value": "k2"},
                    {"when": "AWS::Region = eu-west-2", "value": "k2"},
                ],
            },
        ),
    ],
)
def test_find_in_map(expression: str, expected: object) -> None:
    assert dump(evaluate(expression)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # the example of the AWS documentation
        ("!Cidr [192.168.0.0/24, 6, 5]", [f"192.168.0.{start}/27" for start in range(0, 192, 32)]),
        ("!Cidr ['10.0.0.0/16', '2', '8']", ["10.0.0.0/24", "10.0.1.0/24"]),
        ("!Cidr ['2001:db8:1234:1a00::/56', 2, 64]", ["2001:db8:1234:1a00::/64", "2001:db8:1234:1a01::/64"]),
        ("!Select [2, !Cidr [10.0.0.0/16, 3, 12]]", "10.0.32.0/20"),
        ("!Cidr [10.0.0.0/24, 1, 8]", ["10.0.0.0/24"]),
        ("!Cidr [!Sub '10.${Number}.0.0/16', !Ref Number, 8]", [f"10.7.{third}.0/24" for third in range(7)]),
        ("!Select [0, !Cidr [!If [UseKms, 10.0.0.0/16, 10.1.0.0/16], 1, 8]]", choice("Flag = true", 1, ("Flag = true", "10.0.0.0/24"), ("Flag = false", "10.1.0.0/24"))),
    ],
)  # fmt: skip
def test_cidr(expression: str, expected: object) -> None:
    assert dump(evaluate(expression)) == expected


def test_cidr_gives_as_many_blocks_as_aws_allows() -> None:
    value = evaluate("!Cidr [10.0.0.0/16, 256, 8]")
    assert isinstance(value, ListValue)
    assert len(value.items) == 256
    assert value.items[-1] == Known("10.0.255.0/24")


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("!Cidr [10.0.0.0/16, 2]", "Fn::Cidr without an address block, a count and a number of subnet bits"),
        ("!Cidr 10.0.0.0/16", "Fn::Cidr without an address block, a count and a number of subnet bits"),
        ("!Cidr [10.0.0.0/8, 257, 8]", "Fn::Cidr with the count 257, which is not from 1 to 256"),
        ("!Cidr [10.0.0.0/8, 0, 8]", "Fn::Cidr with the count 0, which is not from 1 to 256"),
        ("!Cidr [10.0.0.0/24, 2, 8]", 'Fn::Cidr with the count 2: "10.0.0.0/24" holds fewer blocks with 8 subnet bits'),
        ("!Cidr [10.0.0.0/24, 1, 9]", 'Fn::Cidr with the count 1: "10.0.0.0/24" holds fewer blocks with 9 subnet bits'),
        ("!Cidr [10.0.0.0/16, x, 8]", 'Fn::Cidr with the count "x"'),
        ("!Cidr [10.0.0.0/16, 1, -8]", "Fn::Cidr with the subnet bits -8"),
        ("!Cidr [10.0.0.0/16, 1, 99999999]", "Fn::Cidr with the subnet bits 99999999"),
        ("!Cidr [10.0.0.999/16, 1, 8]", "Fn::Cidr with the block \"10.0.0.999/16\": '10.0.0.999/16' does not appear to be an IPv4 or IPv6 network"),
        ("!Cidr [10.0.0.1/16, 1, 8]", 'Fn::Cidr with the block "10.0.0.1/16": 10.0.0.1/16 has host bits set'),
        ("!Cidr [!Ref NoDefault, 1, 8]", "Fn::Cidr with the block NoDefault"),
        ("!Cidr [!GetAtt Vpc.CidrBlock, 1, 8]", 'Fn::Cidr with the block unknown: "Vpc" is no resource of the template'),
    ],
)  # fmt: skip
def test_cidr_that_is_not_known_says_why(expression: str, reason: str) -> None:
    assert dump(evaluate(expression)) == {"list": [], "rest": reason}
    assert dump(evaluate(f"!Select [0, {expression}]")) == {"unknown": reason}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!Base64 text", "dGV4dA=="),
        ("{'Fn::Length': !Ref Accounts}", 2),
        ("{'Fn::Length': !Ref Open}", {"unknown": "Fn::Length of a list"}),
        ("{'Fn::ToJsonString': {a: !Ref WithDefault}}", {"json": {"map": {"a": "dev"}}}),
        ("{'Fn::Transform': {Name: Macro}}", {"unknown": "what Fn::Transform gives is only known to the macro that it names"}),
        ("!Foo x", {"unknown": "Fn::Foo is not modelled"}),
        ("!ImportValue exported-key", hole("import exported-key", 'Fn::ImportValue "exported-key" comes from another stack', "EXTERNAL", shortest=1)),
        ("!ImportValue {'Fn::Sub': '${NoDefault}-key'}", hole("import ${NoDefault}-key", 'Fn::ImportValue "${NoDefault}-key" comes from another stack', "EXTERNAL", shortest=1)),
        ("'{{resolve:ssm:/kms/key:1}}'", hole("{{resolve:ssm:/kms/key:1}}", "{{resolve:ssm:/kms/key:1}} is read from SSM Parameter Store at the deployment", "EXTERNAL")),
        ("'{{resolve:secretsmanager:a:SecretString:b}}'", hole("{{resolve:secretsmanager:a:SecretString:b}}", "{{resolve:secretsmanager:a:SecretString:b}} is read from Secrets Manager at the deployment", "EXTERNAL")),
        ("'{{ kms_key }}'", hole("{{ kms_key }}", "{{ kms_key }} is filled in by another tool before the deployment")),
        ("!Equals [a, a]", True),
    ],
)  # fmt: skip
def test_other_functions(expression: str, expected: object) -> None:
    assert dump(evaluate(expression)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!If [Always, a, b]", "a"),
        ("!If [Never, a, b]", "b"),
        ("!If [Contradiction, a, b]", "b"),
        ("!If [UseKms, a, b]", choice("Flag = true", 1, ("Flag = true", "a"), ("Flag = false", "b"))),
        ("!If [NoKms, a, b]", choice("Flag = true", 1, ("Flag = true", "b"), ("Flag = false", "a"))),
        ("!If [IsDev, a, b]", choice("WithDefault = dev", 0, ("WithDefault = dev", "a"), ("WithDefault != dev", "b"))),
        ("!If [IsNotDev, a, b]", choice("WithDefault = dev", 0, ("WithDefault = dev", "b"), ("WithDefault != dev", "a"))),
        ("!If [IsGiven, a, b]", choice('NoDefault = ""', None, ('NoDefault = ""', "b"), ('NoDefault != ""', "a"))),
        ("!If [UseKms, a, a]", "a"),
        ("!If [UseKms, !If [UseKms, a, x], !If [NoKms, b, x]]", choice("Flag = true", 1, ("Flag = true", "a"), ("Flag = false", "b"))),
        ("!If [Both, !If [UseKms, a, x], b]", choice('(Flag = true) and (not (Empty = ""))', 1, ('Flag = true and Empty != ""', "a"), ('Flag = false or Empty = ""', "b"))),
        ("!If [IsDev, !Ref WithDefault, !Ref WithDefault]", choice("WithDefault = dev", 0, ("WithDefault = dev", "dev"), ("WithDefault != dev", hole("WithDefault", "parameter WithDefault has another value than its default")))),
        ("!If [IsSet, !Ref Empty, !Ref 'AWS::NoValue']", choice('Empty = ""', 0, ('Empty = ""', None), ('Empty != ""', hole("Empty", "parameter Empty has another value than its default", shortest=1)))),
        ("!If [Joined, a, b]", choice('"${WithDefault}${Empty}" = "dev"', 0, ("condition Joined is true", "a"), ("condition Joined is false", "b"))),
        ("!If [AnyAccounts, a, b]", choice("condition AnyAccounts", 1, ("condition AnyAccounts is false", "b"), ("condition AnyAccounts is true", "a"))),
        ("!If [InUsEast1, !Ref 'AWS::Region', b]", choice("region = us-east-1", None, ("AWS::Region = us-east-1", "us-east-1"), ("AWS::Region != us-east-1", "b"))),
        ("!If [Selfish, a, b]", {"unknown": '"Selfish" is a condition that refers to itself'}),
        ("!If [Wrong, a, b]", choice("condition Wrong", None, ("condition Wrong is true", "a"), ("condition Wrong is false", "b"))),
        ("!If [Nowhere, a, b]", {"unknown": '"Nowhere" is no condition of the template'}),
        ("!If [UseKms, a]", {"unknown": "Fn::If without a condition name and two values"}),
    ],
)  # fmt: skip
def test_if(expression: str, expected: object) -> None:
    assert dump(evaluate(expression)) == expected


def test_a_default_is_an_input_that_decided_and_says_where_it_stands() -> None:
    value = evaluate("!Sub 'alias/${WithDefault}'")
    assert value.origin.inputs == {"WithDefault"}
    value = evaluate("!Ref WithDefault")
    assert isinstance(value, Known)
    assert [step.text for step in value.origin.via] == ['parameter WithDefault, default "dev"']
    step = value.origin.via[0].span
    assert step is not None
    assert (step.line, step.column) == (2, 40)
    assert value.origin.span is not None
    assert value.origin.span.line == PREAMBLE.count("\n") + 1


def test_the_choice_of_a_condition_names_its_inputs() -> None:
    value = evaluate("!If [Both, a, b]")
    assert isinstance(value, Choice)
    assert value.origin.inputs == {"Flag", "Empty"}
    assert [step.text for step in value.origin.via] == ['parameter Flag, default "false"', 'parameter Empty, default ""']
    assert [step.span.line for step in value.origin.via if step.span] == [6, 4]


def test_a_no_echo_parameter_is_never_printed() -> None:
    assert describe(evaluate("!Ref Secret")) == "(sensitive value)"
    assert describe(evaluate("!Sub 'x${Secret}'")) == "(sensitive value)"


def test_literal_parts_of_sub_keep_their_places() -> None:
    text = "!Sub 'arn:aws:${WithDefault}:key/${!x}'"
    value = evaluate(text)
    assert isinstance(value, Known)
    assert value.text_map is not None
    line = PREAMBLE.count("\n") + 1
    assert value.text_map.position(len("arn:aws:")) == (2, 40), "this part is the text of the parameter's default"
    parts = evaluate("!Sub 'arn:aws:${NoDefault}:key/${!x}'")
    literals = [part for part in getattr(parts, "parts", ()) if hasattr(part, "text")]
    assert [literal.text for literal in literals] == ["arn:aws:", ":key/${x}"]
    column = len("      KMSKeyId: !Sub '") + 1
    assert literals[0].text_map.position(4) == (line, column + 4)
    assert literals[1].text_map.position(1) == (line, column + len("arn:aws:${NoDefault}:"))
    assert literals[1].text_map.position(len(":key/${x")) == (line, column + len("arn:aws:${NoDefault}:key/${!x"))


def test_evaluation_is_bounded() -> None:
    deep = "!Join ['', [" * (MAX_DEPTH + 5) + "x" + "]]" * (MAX_DEPTH + 5)
    value = evaluate(deep)
    assert isinstance(value, Unknown)
    assert value.reason == f"functions nested deeper than {MAX_DEPTH} levels"
    wide = "!Join ['', [" + ", ".join(f"!FindInMap [Regions, !Ref 'AWS::Region', K{n}, {{DefaultValue: x}}]" for n in range(50)) + "]]"
    assert evaluate(wide) == Known("x" * 50)
    choices = "!Join ['', [" + ", ".join(["!If [UseKms, a, b]", "!If [IsDev, a, b]", "!If [IsSet, a, b]", "!If [IsGiven, a, b]", "!If [InUsEast1, a, b]", "!If [Joined, a, b]"]) + "]]"  # fmt: skip
    value = evaluate(choices)
    assert isinstance(value, Unknown)
    assert value.reason == "too many combinations of conditions"


def test_strings_and_lists_are_bounded() -> None:
    many = "!Split [',', '" + "," * (MAX_ITEMS + 100) + "']"
    pieces = evaluate(many)
    assert isinstance(pieces, ListValue)
    assert len(pieces.items) == MAX_ITEMS + 1
    assert pieces.rest == f"the string has more than {MAX_ITEMS} pieces"
    long = evaluate("!Join ['" + "x" * 1000 + "', !Split [',', '" + "," * 2000 + "']]")
    assert isinstance(long, Unknown)
    assert long.reason == f"a string longer than {MAX_TEXT} characters"
