"""Plans and states in, Configurations out."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from configuration_dump import assert_golden
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
    read_plan,
    refs,
    state,
    trail_change,
    without,
)

from ctkms_policy.checks.form import KeyForm, kms_key_forms
from ctkms_policy.key_link import key_of
from ctkms_policy.model import Configuration, KeyPolicy, PolicyForm
from ctkms_policy.source import ParseError, Source
from ctkms_policy.terraform.plan_address import Address, most_specific, steps
from ctkms_policy.terraform.plan_detect import looks_like_plan, looks_like_raw_state
from ctkms_policy.value import Absent, Choice, Known, Reference, Symbol, Unknown, describe

GOLDEN = Path(__file__).parent / "golden" / "plan"
ARN = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize("case", sorted(path.name for path in GOLDEN.iterdir() if path.is_dir()))
def test_golden(case: str) -> None:
    text = (GOLDEN / case / "plan.json").read_text(encoding="utf-8")
    assert_golden(read_plan(text), GOLDEN / case / "expected.json")


def minimal(*references: str, **further: Any) -> Json:
    """A trail and a key; the trail's key comes from the references."""
    resources = [
        configured("aws_cloudtrail.main", {"kms_key_id": refs(*references), "name": constant("audit")}),
        configured("aws_kms_key.logs", {"policy": refs("var.policy")}),
    ]
    return plan([trail_change(), key_change()], resources, **further)


def key_value(document: Json) -> object:
    (trail,) = read_plan(document).trails
    return trail.kms_key_id.value


# -- addresses ---------------------------------------------------------------------------------------------------------


def test_addresses_come_apart() -> None:
    assert Address.of('module.a["x.y"].module.b[0].aws_kms_key.this["k[1]"]') == Address(
        'module.a["x.y"].module.b[0]', "aws_kms_key.this", '["k[1]"]'
    )
    assert Address.of("data.aws_kms_key.found") == Address("", "data.aws_kms_key.found", "")
    assert Address.of("") == Address("", "", "")
    assert steps(r'a["q\"]."].b') == ("a", r'["q\"]."]', "b")


def test_references_that_only_say_less_are_left_out() -> None:
    listed = ["module.a[0].arn", "module.a[0]", "module.a", "var.b", "aws_kms_key.k.arn", "aws_kms_key.k", "aws_kms_key.k2"]
    assert most_specific(listed) == ["module.a[0].arn", "var.b", "aws_kms_key.k.arn", "aws_kms_key.k2"]


# -- what kind of file -------------------------------------------------------------------------------------------------


def test_what_looks_like_a_plan() -> None:
    assert looks_like_plan(json.dumps(plan([])).encode())
    assert looks_like_plan(b"\xef\xbb\xbf\n " + json.dumps(state()).encode())
    assert not looks_like_raw_state(json.dumps(state()).encode())
    raw = b'{"version": 4, "terraform_version": "1.11.4", "lineage": "x"}'
    assert (looks_like_plan(raw), looks_like_raw_state(raw)) == (False, True)
    assert not looks_like_plan(b'{"format_version": "1.0"}')
    assert not looks_like_plan(b'{"Resources": {"Trail": {"Type": "AWS::CloudTrail::Trail"}}}')
    assert not looks_like_plan(b'# "format_version" "values"')


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ('{\n "version": 4,\n "terraform_version": "1.11.4",\n "lineage": "x"}', "a raw state file is not read", 4),
        ('{"format_version": "0.2",\n "resource_changes": []}', 'format_version is "0.2"', 1),
        ('{"format_version": "10.0", "resource_changes": []}', 'format_version is "10.0"', 1),
        ('{"format_version": 1, "resource_changes": []}', "format_version is no text", 1),
        ('{"format_version": "1.0"}', "neither a plan nor a state", 1),
        (
            '{"format_version": "1.0", "planned_values": {"root_module": {"child_modules": [{"resources": [{}]}]}}}',
            "the plan has no resource_changes",
            1,
        ),
        ("{}", "neither a plan nor a state", 1),
        ("[]", "expected an object", 1),
        ("", "not JSON: expecting value", 1),
        ('{"format_version": "1.0",\n "resource_changes": [', "not JSON: expecting value", 2),
        ('{"format_version": "1.0", "values": {}} x', "text after the end", 1),
        ('{"format_version": "1.0", "values": NaN}', "not JSON: nan is no json number", 1),
        ('{"format_version": "1.0", "values": {}, "values": {}}', 'key "values" is there twice', 1),
        ('{"format_version": "1.0", "resource_changes": {}}', "expected a list", 1),
        ('{"format_version": "1.0",\n "resource_changes": [\n{"address": "aws_cloudtrail.main"}]}', "without a change", 3),
        ('{"format_version": "1.0", "resource_changes": [{"change": {}}]}', "without address, mode, type and name", 1),
        ('{"format_version": "1.0", "resource_changes": ' + "[" * 5000, "nested too deeply", 1),
    ],
)
def test_what_cannot_be_read_says_why(text: str, message: str, line: int) -> None:
    with pytest.raises(ParseError) as error:
        read_plan(text)
    assert message in error.value.message
    assert error.value.help
    assert (error.value.span.path, error.value.span.line) == ("plan.json", line)


@pytest.mark.parametrize(("version", "words"), [("0.2", "Terraform 1.1 or later"), ("2.0", "later ctkms-policy"), ("²", "Terraform 1.1")])
def test_a_format_of_another_time_says_which_way_to_go(version: str, words: str) -> None:
    with pytest.raises(ParseError) as error:
        read_plan({"format_version": version, "resource_changes": []})
    assert words in error.value.help


@pytest.mark.parametrize("root_module", [{}, {"resources": []}, {"child_modules": [{"address": "module.m"}]}])
def test_a_plan_without_resources_has_no_changes(root_module: Json) -> None:
    """terraform leaves out what is empty: a plan of ``count = 0`` alone has no resource_changes."""
    document = plan([])
    del document["resource_changes"]
    found = read_plan({**document, "planned_values": {"root_module": root_module}})
    assert (found.trails, found.problems) == ((), ())


def test_unknown_properties_are_ignored() -> None:
    document = minimal("aws_kms_key.logs.arn", future={"x": 1}, action_invocations=[])
    document["resource_changes"][0] |= {"identity": {"x": 1}, "action_reason": "new_reason"}
    assert key_value(document) == Reference("aws_kms_key.logs", "arn")


def test_half_a_surrogate_pair_is_no_character() -> None:
    text = json.dumps(minimal("aws_kms_key.logs.arn")).replace("aws_cloudtrail.main", r"aws_cloudtrail.\ud800\ud83d\ude00")
    (trail,) = read_plan(text).trails
    assert trail.address == "aws_cloudtrail.\ufffd\U0001f600"


# -- links -------------------------------------------------------------------------------------------------------------


def test_an_attribute_that_is_not_written_is_absent_not_unknown() -> None:
    document = plan([change("aws_cloudtrail.main", {"name": "audit"}, {"kms_key_id": True})], [configured("aws_cloudtrail.main")])
    assert key_value(document) == Absent()


def test_an_unknown_attribute_without_a_configuration_names_itself() -> None:
    value = key_value({**minimal(), "configuration": {}})
    assert isinstance(value, Unknown)
    assert "aws_cloudtrail.main.kms_key_id" in value.reason


def test_a_condition_on_known_values_changes_no_link() -> None:
    assert key_value(minimal("var.create", "aws_kms_key.logs.arn", "aws_kms_key.logs")) == Reference("aws_kms_key.logs", "arn")


def test_instances_that_do_not_exist_are_no_candidates() -> None:
    listed = ("aws_kms_key.logs.arn", "aws_kms_key.logs", "aws_kms_external_key.none[0].arn", "aws_kms_external_key.none[0]")
    assert key_value(minimal(*listed)) == Reference("aws_kms_key.logs", "arn")


def test_a_local_stands_for_the_only_key_there_is() -> None:
    relevant = [{"resource": "aws_kms_key.logs", "attribute": ["arn"]}, {"resource": "aws_cloudtrail.main", "attribute": ["id"]}]
    assert key_value(minimal("local.key", relevant_attributes=relevant)) == Reference("aws_kms_key.logs", "arn")
    assert isinstance(key_value(minimal("local.key")), Unknown)


def test_a_local_stays_unknown_where_something_else_may_carry_a_key() -> None:
    relevant = [{"resource": "aws_kms_key.logs", "attribute": ["arn"]}, {"resource": "aws_ssm_parameter.key", "attribute": ["value"]}]
    document = minimal("local.key", relevant_attributes=relevant)
    document["resource_changes"].append(change("aws_ssm_parameter.key", {"name": "x"}, {"value": True}))
    value = key_value(document)
    assert isinstance(value, Unknown)
    assert "local.key" in value.reason


def test_the_code_beside_the_plan_says_what_a_local_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "main.tf").write_text(
        'locals {\n  key = aws_kms_key.logs.arn\n}\n\nresource "aws_cloudtrail" "main" {\n  name = "audit"\n}\n'
        'resource "aws_kms_key" "logs" {\n}\n'
    )
    monkeypatch.chdir(tmp_path)
    (trail,) = read_plan(minimal("local.key"), directory=tmp_path).trails
    assert trail.kms_key_id.value == Reference("aws_kms_key.logs", "arn")
    assert trail.note == "the block of aws_cloudtrail.main is at main.tf:5"


@pytest.mark.parametrize(
    ("block", "argument", "attribute"), [("aws_ssm_parameter.a", "value", "value"), ("terraform_data.a", "input", "output")]
)
def test_an_attribute_that_is_an_argument_is_what_was_given(block: str, argument: str, attribute: str) -> None:
    document = minimal(f"{block}.{attribute}", block)
    document["resource_changes"].append(change(block, {}, {argument: True, attribute: True, "id": True}))
    given = configured(block, {argument: refs("aws_kms_key.logs.arn", "aws_kms_key.logs")})
    document["configuration"]["root_module"]["resources"].append(given)
    assert key_value(document) == Reference("aws_kms_key.logs", "arn")
    given["expressions"] = {argument: refs(f"{block}.{attribute}")}
    assert isinstance(key_value(document), Unknown)
    given["expressions"] = {}
    assert key_value(document) == Reference(block, attribute)


@pytest.mark.parametrize(("further", "depends"), [({"depends_on": ["module.key"]}, True), ({}, False)])
def test_a_dependency_on_a_module_is_not_lost_beside_one_on_its_output(further: Json, depends: bool) -> None:
    module = {
        "outputs": {"arn": {"expression": refs("aws_kms_key.logs.arn", "aws_kms_key.logs")}},
        "resources": [configured("aws_kms_key.logs"), configured("aws_kms_key_policy.logs", {"key_id": refs("aws_kms_key.logs.id")})],
    }
    changes = [
        trail_change(),
        key_change("module.key.aws_kms_key.logs"),
        change("module.key.aws_kms_key_policy.logs", {"policy": POLICY}, {"key_id": True}),
    ]
    trail = configured("aws_cloudtrail.main", {"kms_key_id": refs("module.key.arn", "module.key")}, **further)
    (found,) = read_plan(plan(changes, [trail], module_calls={"key": {"module": module}})).trails
    assert "module.key.aws_kms_key.logs" in found.depends_on
    assert ("module.key.aws_kms_key_policy.logs" in found.depends_on) is depends


def test_names_in_a_circle_end() -> None:
    circle = {"a": {"expressions": {"x": refs("module.a.y")}, "module": {"outputs": {"y": {"expression": refs("var.x")}}}}}
    assert isinstance(key_value(minimal("module.a.y", module_calls=circle)), Unknown)


def instances(reference: str, for_each: Json) -> Json:
    """Two keys ``a`` and ``b``, and a trail for each of them."""
    trail = configured("aws_cloudtrail.main", {"kms_key_id": refs("aws_kms_key.logs", reference)}, for_each_expression=for_each)
    changes = [
        *(trail_change(f'aws_cloudtrail.main["{key}"]') for key in "ab"),
        *(key_change(f'aws_kms_key.logs["{key}"]') for key in "ab"),
    ]
    return plan(changes, [trail, configured("aws_kms_key.logs")])


@pytest.mark.parametrize(
    ("reference", "for_each"),
    [
        ("each.key", {}),
        ("count.index", {}),
        ("each.value", constant({"a": "b", "b": "a"})),
        ("each.value", refs('aws_kms_key.logs["a"].arn', 'aws_kms_key.logs["b"].arn')),
    ],
)
def test_an_index_that_the_plan_does_not_hold_may_be_any_instance(reference: str, for_each: Json) -> None:
    """``k[count.index]`` and ``k[1 - count.index]`` are the same in a plan."""
    document = instances(reference, for_each)
    if "references" in for_each:
        document["configuration"]["root_module"]["resources"][0]["expressions"]["kms_key_id"] = refs(reference)
    for trail in read_plan(document).trails:
        value = trail.kms_key_id.value
        assert isinstance(value, Choice)
        assert value.chosen is None
        assert [branch.value for branch in value.branches] == [Reference(f'aws_kms_key.logs["{key}"]', "arn") for key in "ab"]


def test_another_attribute_of_the_key_that_only_decides_is_no_second_key() -> None:
    """``aws_kms_key_policy.p.key_id == "" ? null : aws_kms_key.logs.arn``"""
    document = minimal("aws_kms_key_policy.p.key_id", "aws_kms_key_policy.p", "aws_kms_key.logs.arn", "aws_kms_key.logs")
    document["resource_changes"].append(change("aws_kms_key_policy.p", {"policy": POLICY}, {"key_id": True}))
    document["configuration"]["root_module"]["resources"].append(
        configured("aws_kms_key_policy.p", {"key_id": refs("aws_kms_key.logs.id", "aws_kms_key.logs")})
    )
    (trail,) = read_plan(document).trails
    assert (trail.kms_key_id.value, trail.note) == (Reference("aws_kms_key.logs", "arn"), "")
    document["resource_changes"].append(key_change("aws_kms_key.other"))
    names = ("aws_kms_key_policy.p.key_id", "aws_kms_key.logs.arn", "aws_kms_key.other.arn")
    document["configuration"]["root_module"]["resources"][0]["expressions"]["kms_key_id"] = refs(*names)
    (trail,) = read_plan(document).trails
    assert isinstance(trail.kms_key_id.value, Choice)
    assert "put it into the directory of its code" in trail.note


@pytest.mark.parametrize(("attribute", "form"), [("arn", [KeyForm.KEY_ARN]), ("id", [KeyForm.KEY_ID, KeyForm.UNKNOWN])])
def test_the_key_of_a_separate_policy_is_named_as_the_policy_names_it(attribute: str, form: list[KeyForm]) -> None:
    document = minimal("aws_kms_key_policy.p.key_id", "aws_kms_key_policy.p")
    document["resource_changes"].append(change("aws_kms_key_policy.p", {"policy": POLICY}, {"key_id": True}))
    document["configuration"]["root_module"]["resources"].append(
        configured("aws_kms_key_policy.p", {"key_id": refs(f"aws_kms_key.logs.{attribute}", "aws_kms_key.logs")})
    )
    configuration = read_plan(document)
    (trail,) = configuration.trails
    assert list(kms_key_forms(configuration, trail)) == form
    assert key_of(configuration, trail.kms_key_id.value).key is configuration.keys[0]


def test_which_key_it_is_among_many_is_not_asked() -> None:
    trail = configured("aws_cloudtrail.main", {"kms_key_id": refs("aws_kms_key.logs", "count.index")}, count_expression=constant(2))
    keys = [key_change(f"aws_kms_key.logs[{index}]") for index in range(40)]
    (found,) = read_plan(plan([trail_change("aws_cloudtrail.main[0]"), *keys], [trail, configured("aws_kms_key.logs")])).trails
    assert isinstance(found.kms_key_id.value, Unknown)
    assert "any of 40 resources" in found.kms_key_id.value.reason


@pytest.mark.parametrize(
    ("references", "written", "form"),
    [
        (("aws_kms_key.logs.key_id", "aws_kms_key.logs"), "", "may be"),
        (("aws_kms_key.logs.id", "aws_kms_key.logs"), "", "may be"),
        (("aws_kms_key.logs.key_id", "aws_kms_key.logs", "data.aws_caller_identity.me.account_id", "data.aws_caller_identity.me"), "", ""),
        (("aws_kms_key.logs",), "", ""),
        (("aws_kms_key.logs.arn", "aws_kms_key.logs"), "", ""),
        (("aws_kms_key.logs.key_id", "aws_kms_key.logs"), "aws_kms_key.logs.key_id", "is"),
        (("aws_kms_key.logs.key_id", "aws_kms_key.logs"), '"arn:aws:kms:eu-west-1:111122223333:key/${aws_kms_key.logs.key_id}"', ""),
        (("aws_kms_key.logs",), "one(aws_kms_key.logs[*].key_id)", "is"),
        (("aws_kms_key.logs",), "[for k in [aws_kms_key.logs] : k.id][0]", "is"),
        (("aws_kms_key.logs",), "one(aws_kms_key.logs[*].arn)", ""),
    ],
)
def test_a_key_id_in_the_place_of_an_arn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, references: Sequence[str], written: str, form: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if written:
        (tmp_path / "main.tf").write_text(
            f'resource "aws_kms_key" "logs" {{\n}}\nresource "aws_cloudtrail" "main" {{\n  kms_key_id = {written}\n}}\n'
        )
    configuration = read_plan(minimal(*references), directory=tmp_path)
    (trail,) = configuration.trails
    forms = kms_key_forms(configuration, trail)
    assert (KeyForm.KEY_ID in forms) is (form != "")
    assert (len(forms) == 1) is (form != "may be")
    assert key_of(configuration, trail.kms_key_id.value).key is configuration.keys[0]


def test_a_splat_of_a_module_is_the_output_that_is_an_arn() -> None:
    outputs = {
        name: {"expression": refs(f"aws_kms_key.logs.{attribute}", "aws_kms_key.logs")}
        for name, attribute in (("id", "key_id"), ("arn", "arn"))
    }
    module = {"key": {"module": {"outputs": outputs, "resources": [configured("aws_kms_key.logs")]}}}
    document = minimal("module.key", module_calls=module)
    document["resource_changes"].append(key_change("module.key[0].aws_kms_key.logs"))
    assert key_value(document) == Reference("module.key[0].aws_kms_key.logs", "arn")


def test_a_bucket_whose_name_is_made_up_is_named_by_its_prefix() -> None:
    document = minimal("aws_kms_key.logs.arn")
    document["resource_changes"].append(change("aws_s3_bucket.logs", {"bucket_prefix": "logs-"}, {"bucket": True, "id": True}))
    trail = document["resource_changes"][0]["change"]
    del trail["after"]["s3_bucket_name"]
    trail["after_unknown"]["s3_bucket_name"] = True
    blocks = document["configuration"]["root_module"]["resources"]
    blocks[0]["expressions"]["s3_bucket_name"] = refs("aws_s3_bucket.logs.id", "aws_s3_bucket.logs")
    blocks.append(configured("aws_s3_bucket.logs", {"bucket_prefix": constant("logs-")}))
    configuration = read_plan(document)
    assert describe(configuration.trails[0].bucket_name) == '"logs-${aws_s3_bucket.logs.bucket}"'
    assert configuration.trails[0].bucket_name == configuration.buckets[0].name


def test_a_bucket_name_that_is_no_text_is_no_name() -> None:
    document = minimal("aws_kms_key.logs.arn")
    document["resource_changes"].append(change("aws_s3_bucket.logs", {"bucket": ["logs"]}))
    assert read_plan(document).buckets == ()


def test_bucket_keys_that_a_plan_does_not_tell_apart() -> None:
    for enabled, expected in ((True, True), (False, None)):
        changes = []
        for key, value in (("a", True), ("b", enabled)):
            changes.append(change(f'aws_s3_bucket.logs["{key}"]', {"bucket": None}, {"id": True, "bucket": True}))
            rule = {"rule": [{"bucket_key_enabled": value}]}
            changes.append(change(f'aws_s3_bucket_server_side_encryption_configuration.logs["{key}"]', rule, {"bucket": True}))
            changes.append(trail_change(f'aws_cloudtrail.main["{key}"]'))
            del changes[-1]["change"]["after"]["s3_bucket_name"]
            changes[-1]["change"]["after_unknown"]["s3_bucket_name"] = True
        by_key = refs("aws_s3_bucket.logs", "each.key")
        blocks = [
            configured("aws_s3_bucket.logs"),
            configured("aws_s3_bucket_server_side_encryption_configuration.logs", {"bucket": by_key}),
            configured("aws_cloudtrail.main", {"s3_bucket_name": by_key}),
        ]
        for bucket in read_plan(plan(changes, blocks)).buckets:
            assert (bucket.bucket_key_enabled == Known(True)) is (expected is True)
            assert isinstance(bucket.bucket_key_enabled, Unknown) is (expected is None)


def test_the_only_instance_is_the_one() -> None:
    document = instances("each.key", {})
    del document["resource_changes"][3]
    for trail in read_plan(document).trails:
        assert trail.kms_key_id.value == Reference('aws_kms_key.logs["a"]', "arn")


TWO_KEYS = 'resource "aws_kms_key" "logs" {\n  for_each = toset(["a", "b"])\n}\n'


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ("aws_kms_key.logs[each.key].arn", "ab"),
        ('aws_kms_key.logs["${each.key}"].arn', "ab"),
        ("local.arn[each.key]", "ab"),
        ('element([for k in ["b", "a"] : aws_kms_key.logs[k].arn], 0)', "bb"),
        ("lookup(aws_kms_key.logs, each.key).arn", "ab"),
        ('aws_kms_key.logs[each.key == "a" ? "b" : "a"].arn', "ba"),
        ('aws_kms_key.logs[var.swapped ? (each.key == "a" ? "b" : "a") : each.key].arn', "ba"),
        ('{ x = [aws_kms_key.logs[lower(each.key)].arn] }["x"][0]', "ab"),
        ("lookup(aws_kms_key.logs, var.other).arn", ""),
    ],
)
def test_the_code_beside_the_plan_says_which_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, keys: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text(
        f'resource "aws_cloudtrail" "main" {{\n  for_each = toset(["a", "b"])\n  name = "x-${{each.key}}"\n  kms_key_id = {written}\n}}\n'
        'locals {\n  arn = { for k, v in aws_kms_key.logs : k => v.arn }\n}\nvariable "other" {}\n'
        f'variable "swapped" {{\n  default = false\n}}\n{TWO_KEYS}'
    )
    document = {**instances("each.key", {}), "variables": {"swapped": {"value": True}}}
    for number, trail in enumerate(read_plan(document, directory=tmp_path).trails):
        value = trail.kms_key_id.value
        assert value == Reference(f'aws_kms_key.logs["{keys[number]}"]', "arn") if keys else isinstance(value, Choice)


@pytest.mark.parametrize(
    ("further", "is_the_code"),
    [
        ("", True),
        ('variable "x" {}\ndata "aws_region" "here" {}\nlocals {\n  x = 1\n}\n', True),
        ('resource "aws_s3_bucket" "logs" {\n}\n', False),
        ('module "m" {\n  source = "./m"\n}\n', False),
    ],
)
def test_other_code_beside_the_plan_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, further: str, is_the_code: bool) -> None:
    """A plan may lie anywhere, and many root modules have a key of the same name."""
    monkeypatch.chdir(tmp_path)
    trail = 'resource "aws_cloudtrail" "main" {\n  for_each = toset(["a", "b"])\n  kms_key_id = aws_kms_key.logs[each.key].arn\n}\n'
    (tmp_path / "main.tf").write_text(f"{trail}{TWO_KEYS}{further}")
    (tmp_path / "elsewhere").mkdir()
    for found in read_plan(instances("each.key", {}), directory=tmp_path).trails:
        assert isinstance(found.kms_key_id.value, Reference) is is_the_code
        assert ("the block of" in found.note) is is_the_code


@pytest.mark.parametrize("name", ['["a"', "[a]", "[]"])
def test_an_instance_key_that_is_none_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text(
        f'resource "aws_cloudtrail" "main" {{\n  for_each = var.x\n  kms_key_id = aws_kms_key.logs[each.key].arn\n}}\n'
        f'variable "x" {{}}\n{TWO_KEYS}'
    )
    document = instances("each.key", {})
    document["resource_changes"][0]["address"] = f"aws_cloudtrail.main{name}"
    assert isinstance(read_plan(document, directory=tmp_path).trails[0].kms_key_id.value, Choice)


def test_the_code_beside_the_plan_says_so_of_module_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "main.tf").write_text('variable "key" {}\nresource "aws_cloudtrail" "main" {\n  kms_key_id = var.key\n}\n')
    trail = configured("aws_cloudtrail.main", {"kms_key_id": refs("var.key")})
    call = {
        "source": "./m",
        "count_expression": constant(2),
        "expressions": {"key": refs("aws_kms_key.logs", "count.index")},
        "module": {"variables": {"key": {}}, "resources": [trail]},
    }
    changes = [
        *(trail_change(f"module.m[{index}].aws_cloudtrail.main") for index in (0, 1)),
        *(key_change(f"aws_kms_key.logs[{index}]") for index in (0, 1)),
    ]
    document = plan(changes, [configured("aws_kms_key.logs")], module_calls={"m": call})
    assert all(isinstance(trail.kms_key_id.value, Choice) for trail in read_plan(document, directory=tmp_path).trails)
    for index, keys in (("count.index", (0, 1)), ("1 - count.index", (1, 0))):
        (tmp_path / "main.tf").write_text(
            f'module "m" {{\n  source = "./m"\n  count = 2\n  key = aws_kms_key.logs[{index}].arn\n}}\n'
            'resource "aws_kms_key" "logs" {\n  count = 2\n}\n'
        )
        values = [trail.kms_key_id.value for trail in read_plan(document, directory=tmp_path).trails]
        assert values == [Reference(f"aws_kms_key.logs[{number}]", "arn") for number in keys]


def attached(policies: Json, keys: str = "ab") -> Json:
    """Keys, and an ``aws_kms_key_policy`` by ``each.key`` for those that have a policy here."""
    changes = [
        *(key_change(f'aws_kms_key.logs["{key}"]', policy=None) for key in keys),
        *(change(f'aws_kms_key_policy.logs["{key}"]', {"policy": policy}, {"key_id": True}) for key, policy in policies.items()),
    ]
    return plan(
        changes,
        [
            configured("aws_kms_key.logs"),
            configured("aws_kms_key_policy.logs", {"key_id": refs("aws_kms_key.logs", "each.key"), "policy": refs("local.policy")}),
        ],
    )


@pytest.mark.parametrize(
    ("policies", "keys", "is_known"),
    [
        ({"a": POLICY, "b": POLICY}, "ab", True),
        ({"a": POLICY, "b": POLICY.replace("reader", "other")}, "ab", False),
        ({"a": POLICY}, "ab", False),
        ({"a": POLICY}, "a", True),
    ],
)
def test_separate_policies_that_a_plan_does_not_tell_apart(policies: Json, keys: str, is_known: bool) -> None:
    for key, name in zip(read_plan(attached(policies, keys)).keys, keys, strict=True):
        assert isinstance(key.policy, KeyPolicy) is is_known
        if not is_known:
            assert isinstance(key.policy, Unknown)
            assert "the plan does not say from which" in key.policy.reason
        elif len(keys) > 1:
            assert key.policy_resource == f'aws_kms_key_policy.logs["{name}"]'


@pytest.mark.parametrize("written", ["aws_kms_key.logs[each.key].id", 'aws_kms_key.logs[each.key == "a" ? "b" : "a"].id'])
def test_the_code_beside_the_plan_says_whose_policy_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.tf").write_text(
        f'resource "aws_kms_key_policy" "logs" {{\n  for_each = toset(["a", "b"])\n  key_id = {written}\n}}\n{TWO_KEYS}'
    )
    document = attached({"a": POLICY, "b": POLICY.replace("reader", "other")})
    names = [key.policy_resource for key in read_plan(document, directory=tmp_path).keys]
    wanted = "ba" if "?" in written else "ab"
    assert names == [f'aws_kms_key_policy.logs["{key}"]' for key in wanted]


def test_an_item_that_refers_to_itself_ends() -> None:
    assert isinstance(read_plan(instances("each.value", refs("each.value"))).trails[0].kms_key_id.value, Choice)


def test_two_candidates_are_a_choice_that_nothing_decides() -> None:
    document = minimal("aws_kms_key.logs.arn", "aws_kms_key.logs", "aws_kms_key.other.arn", "aws_kms_key.other")
    document["resource_changes"].append(key_change("aws_kms_key.other"))
    value = key_value(document)
    assert isinstance(value, Choice)
    assert value.chosen is None
    assert {branch.value for branch in value.branches} == {Reference("aws_kms_key.logs", "arn"), Reference("aws_kms_key.other", "arn")}


# -- places ------------------------------------------------------------------------------------------------------------


def provider(**expressions: object) -> Json:
    return {"aws": {"name": "aws", "full_name": "registry.terraform.io/hashicorp/aws", "expressions": expressions}}


def region_of(document: Json) -> object:
    return read_plan(document).trails[0].place.region


def test_the_region_of_the_provider() -> None:
    key = "aws_kms_key.logs.arn"
    assert region_of(minimal(key, provider_config=provider(region=constant("eu-west-1")))) == Known("eu-west-1")
    by_variable = minimal(key, provider_config=provider(region=refs("var.region")), variables={"region": {"value": "eu-west-2"}})
    assert region_of(by_variable) == Known("eu-west-2")
    secret = {**by_variable, "configuration": {**by_variable["configuration"]}}
    secret["configuration"]["root_module"] |= {"variables": {"region": {"sensitive": True}}}
    assert isinstance(region_of(secret), Symbol)
    no_region = minimal(key, provider_config=provider(region=refs("var.region")), variables={"region": {"value": "Europe"}})
    assert isinstance(region_of(no_region), Symbol)


def test_a_resource_with_a_region_of_its_own_tells_nothing_about_the_provider() -> None:
    document = minimal("aws_kms_key.logs.arn")
    elsewhere = change("aws_kms_key.elsewhere", {**KEY, "region": "us-west-2"}, KEY_UNKNOWN)
    document["resource_changes"].append(elsewhere)
    document["configuration"]["root_module"]["resources"].append(configured("aws_kms_key.elsewhere", {"region": constant("us-west-2")}))
    configuration = read_plan(document)
    assert isinstance(configuration.trails[0].place.region, Symbol)
    assert configuration.keys[1].place.region == Known("us-west-2")


def test_what_disagrees_about_the_account_tells_nothing() -> None:
    callers = [known(f"data.aws_caller_identity.{name}", {"account_id": account}) for name, account in (("a", "1" * 12), ("b", "2" * 12))]
    document = minimal("aws_kms_key.logs.arn", prior=callers)
    document["configuration"]["root_module"]["resources"] += [
        configured("data.aws_caller_identity.a"),
        configured("data.aws_caller_identity.b"),
    ]
    assert isinstance(read_plan(document).trails[0].place.account, Symbol)


# -- policies ----------------------------------------------------------------------------------------------------------


def unwritten(**expressions: object) -> Json:
    """A key whose policy is known only after apply."""
    key = change("aws_kms_key.logs", without(KEY, "policy"), {**KEY_UNKNOWN, "policy": True})
    return plan([key], [configured("aws_kms_key.logs", dict(expressions))])


def test_a_policy_that_is_not_written_is_the_default_one_and_an_unknown_one_is_not() -> None:
    (omitted,) = read_plan(unwritten()).keys
    assert isinstance(omitted.policy, KeyPolicy)
    assert omitted.policy.form is PolicyForm.DEFAULT
    (unknown,) = read_plan(unwritten(policy=refs("aws_iam_role.r.arn"))).keys
    assert isinstance(unknown.policy, Unknown)
    (unconfigured,) = read_plan({**unwritten(), "configuration": {}}).keys
    assert isinstance(unconfigured.policy, Unknown)


def called(policy: Json | None, **variable: Any) -> Json:
    """A key in a module, whose policy is known only after apply and is a variable of the module."""
    key = change("module.m.aws_kms_key.logs", without(KEY, "policy"), {**KEY_UNKNOWN, "policy": True})
    module = {"resources": [configured("aws_kms_key.logs", {"policy": refs("var.policy")})], "variables": {"policy": variable}}
    return plan([key], module_calls={"m": {"source": "./m", "expressions": {} if policy is None else {"policy": policy}, "module": module}})


@pytest.mark.parametrize(
    ("document", "is_default"),
    [
        (unwritten(policy=refs("var.policy")), True),
        (unwritten(policy=constant(None)), True),
        (unwritten(policy=refs("var.policies.key")), False),
        (unwritten(policy=refs("var.policy", "var.other")), False),
        (unwritten(policy={}), False),
        (called(refs("var.policy")), True),
        (called(constant(None)), True),
        (called(None), True),
        (called(None, default="{}"), False),
        (called({}), False),
        (called(refs("aws_iam_role.r.arn")), False),
    ],
)
def test_a_policy_that_is_a_null_variable_is_the_default_one(document: Json, is_default: bool) -> None:
    """What a plan shows for ``policy = null``. An expression without names is a call like ``uuid()``."""
    (key,) = read_plan(document).keys
    assert isinstance(key.policy, KeyPolicy) is is_default
    assert not isinstance(key.policy, KeyPolicy) or key.policy.form is PolicyForm.DEFAULT


@pytest.mark.parametrize("is_known", [True, False])
def test_a_document_among_locals_is_the_one_that_is_unknown(is_known: bool) -> None:
    """``source_policy_documents = [local.base, data.aws_iam_policy_document.extra.json]`` with one of the two known, or none."""
    base = json.dumps({"Statement": [{"Sid": "base", "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}]})
    sources = [base if is_known else None, None]
    unknown = {"json": True, "source_policy_documents": [each is None for each in sources]}
    extra = {"statement": [{"sid": "extra", "actions": ["kms:Decrypt"], "resources": ["*"]}]}
    changes = [
        change("aws_kms_key.logs", without(KEY, "policy"), {**KEY_UNKNOWN, "policy": True}),
        change("data.aws_iam_policy_document.all", {"source_policy_documents": sources}, unknown, actions=["read"]),
        change("data.aws_iam_policy_document.extra", extra, {"json": True}, actions=["read"]),
    ]
    listed = refs("local.base", "data.aws_iam_policy_document.extra.json", "data.aws_iam_policy_document.extra")
    resources = [
        configured("aws_kms_key.logs", {"policy": refs("data.aws_iam_policy_document.all.json", "data.aws_iam_policy_document.all")}),
        configured("data.aws_iam_policy_document.all", {"source_policy_documents": listed}),
        configured("data.aws_iam_policy_document.extra"),
    ]
    (key,) = read_plan(plan(changes, resources)).keys
    assert isinstance(key.policy, KeyPolicy)
    assert len(key.policy.statements) == (2 if is_known else 0)
    assert bool(key.policy.rest) is not is_known


def test_a_policy_points_into_the_string_of_the_plan() -> None:
    text = json.dumps(minimal("aws_kms_key.logs.arn"), indent=2)
    (key,) = read_plan(text).keys
    assert isinstance(key.policy, KeyPolicy)
    span = key.policy.statements[1].conditions[0].values[0].origin.span
    assert span is not None
    line = text.split("\n")[span.line - 1]
    assert line[span.column - 1 : span.end_column - 1].startswith(r"\"arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit")


def test_a_document_that_was_read_gives_the_form_its_policy_is_written_in() -> None:
    document = minimal("aws_kms_key.logs.arn")
    document["configuration"]["root_module"]["resources"][1]["expressions"]["policy"] = refs(
        "data.aws_iam_policy_document.key.json", "data.aws_iam_policy_document.key"
    )
    (key,) = read_plan(document).keys
    assert isinstance(key.policy, KeyPolicy)
    assert key.policy.form is PolicyForm.POLICY_DOCUMENT


def test_a_document_with_unknown_statements_may_have_others() -> None:
    key = change("aws_kms_key.logs", without(KEY, "policy"), {**KEY_UNKNOWN, "policy": True})
    document = change("data.aws_iam_policy_document.key", {"version": None}, {"json": True, "statement": True}, actions=["read"])
    policy = refs("data.aws_iam_policy_document.key.json", "data.aws_iam_policy_document.key")
    resources = [configured("aws_kms_key.logs", {"policy": policy}), configured("data.aws_iam_policy_document.key")]
    (made,) = read_plan(plan([key, document], resources)).keys
    assert isinstance(made.policy, KeyPolicy)
    assert made.policy.statements == ()
    assert "statement is known only after apply" in made.policy.rest


def reader_block(type: str = "AWS", identifiers: object = None) -> Json:
    return {"type": type, "identifiers": identifiers}


def allow(sid: str, action: str, principals: Sequence[Json], conditions: Sequence[Json] = ()) -> Json:
    return {
        "sid": sid,
        "effect": "Allow",
        "actions": [action],
        "resources": ["*"],
        "principals": list(principals),
        "condition": list(conditions),
    }


def unread(statements: Sequence[Json], unknown: Sequence[Json], written: Sequence[Json]) -> Json:
    """A key whose policy is a document that is read when the plan is applied."""
    values = {"statement": list(statements), "version": None, "override_policy_documents": None, "source_policy_documents": None}
    document = change("data.aws_iam_policy_document.key", values, {"json": True, "statement": list(unknown)}, actions=["read"])
    key = change("aws_kms_key.logs", without(KEY, "policy"), {**KEY_UNKNOWN, "policy": True})
    roles = [change(f"aws_iam_role.{name}", {"name": name}, {"arn": True, "id": True}) for name in ("reader", "other")]
    policy = refs("data.aws_iam_policy_document.key.json", "data.aws_iam_policy_document.key")
    blocks = [
        configured("aws_kms_key.logs", {"policy": policy}),
        configured("data.aws_iam_policy_document.key", {"statement": list(written)} if written else {}),
        *(configured(f"aws_iam_role.{name}") for name in ("reader", "other")),
    ]
    return plan([document, key, *roles], blocks)


ROOT = allow("root", "kms:*", [reader_block(identifiers=["arn:aws:iam::111122223333:root"])])
READ = allow("read", "kms:Decrypt", [{"type": "AWS", "identifiers": [None]}])
READ_UNKNOWN: Json = {"actions": [False], "resources": [False], "principals": [{"identifiers": [True]}]}
READER = refs("aws_iam_role.reader.arn", "aws_iam_role.reader")


def principals_of(configuration: Configuration, sid: str) -> list[object]:
    (key,) = configuration.keys
    assert isinstance(key.policy, KeyPolicy)
    return [principal.value for statement in key.policy.statements if statement.sid == sid for principal in statement.principals]


@pytest.mark.parametrize(
    ("written", "reader"),
    [
        # one more block is in the plan: a dynamic one made it
        ([{"sid": constant("read"), "principals": [{"type": constant("AWS"), "identifiers": READER}]}], True),
        # the dynamic block made the statement
        ([{"sid": constant("root")}], False),
        # it may be either
        ([{"effect": constant("Allow"), "principals": [{"type": constant("AWS"), "identifiers": READER}]}], False),
        ([], False),
    ],
)
def test_the_reader_of_a_document_with_dynamic_blocks(written: Sequence[Json], reader: bool) -> None:
    (found,) = principals_of(read_plan(unread([ROOT, READ], [{}, READ_UNKNOWN], written)), "read")
    assert (found == Reference("aws_iam_role.reader", "arn")) is reader
    assert isinstance(found, Unknown) is not reader


def test_as_many_readers_as_are_unknown() -> None:
    both = {**READ, "principals": [{"type": "AWS", "identifiers": [None, None]}]}
    unknown = {"principals": [{"identifiers": [True, True]}]}
    other = ("aws_iam_role.other.arn", "aws_iam_role.other")
    for names, is_known in (((*READER["references"], *other), True), ((*READER["references"], "aws_iam_role.other.id"), False)):
        written = [{"sid": constant("read"), "principals": [{"type": constant("AWS"), "identifiers": refs(*names)}]}]
        found = principals_of(read_plan(unread([both], [unknown], written)), "read")
        wanted: set[object] = {Reference(f"aws_iam_role.{name}", "arn") for name in ("reader", "other")}
        assert (set(found) == wanted) is is_known
        assert all(isinstance(each, Unknown) for each in found) is not is_known


DYNAMIC = """
data "aws_iam_policy_document" "key" {
  statement {
    sid       = "root"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.me.account_id}:root"]
    }
  }
  dynamic "statement" {
    for_each = [{ sid = "read", arn = aws_iam_role.reader.arn }]
    content {
      sid       = statement.value.sid
      actions   = ["kms:Decrypt"]
      resources = ["*"]
      principals {
        type        = "AWS"
        identifiers = [statement.value.arn]
      }
    }
  }
}
data "aws_caller_identity" "me" {
}
resource "aws_iam_role" "reader" {
  name = "reader"
}
resource "aws_iam_role" "other" {
  name = "other"
}
"""
KEY_OF_DOCUMENT = 'resource "aws_kms_key" "logs" {\n  policy = data.aws_iam_policy_document.key.json\n}\n'


@pytest.mark.parametrize(
    ("change_of_code", "reader"),
    [
        (("", ""), True),
        (('sid = "read"', 'sid = "else"'), False),
        (('sid       = "root"', 'sid       = "other"'), True),
        (('sid       = "root"', "sid       = var.none"), True),
        (("[statement.value.arn]", '["arn:aws:iam::111122223333:role/x"]'), False),
        (("[{ sid", "var.none ? [] : [{ sid"), False),
    ],
)
def test_the_code_beside_the_plan_says_what_a_dynamic_block_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change_of_code: tuple[str, str], reader: bool
) -> None:
    """What the plan knows of the block must be as in the code, or the code is another one."""
    monkeypatch.chdir(tmp_path)
    code = DYNAMIC.replace(*change_of_code) if change_of_code[0] else DYNAMIC
    (tmp_path / "main.tf").write_text(code + KEY_OF_DOCUMENT)
    (found,) = principals_of(read_plan(unread([ROOT, READ], [{}, READ_UNKNOWN], []), directory=tmp_path), "read")
    assert (found == Reference("aws_iam_role.reader", "arn")) is reader
    assert isinstance(found, Unknown) is not reader


@pytest.mark.parametrize(
    ("written", "action"),
    [
        ("data.aws_iam_policy_document.key.json", "kms:Decrypt"),
        ("local.policy", "kms:Decrypt"),
        ('replace(data.aws_iam_policy_document.key.json, "kms:Decrypt", "kms:Sign")', "kms:Sign"),
    ],
)
def test_the_code_beside_the_plan_says_whether_a_policy_is_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, action: str
) -> None:
    monkeypatch.chdir(tmp_path)
    static = DYNAMIC.replace("[statement.value.arn]", '["arn:aws:iam::111122223333:role/x"]')
    (tmp_path / "main.tf").write_text(
        f"{static}locals {{\n  policy = data.aws_iam_policy_document.key.json\n}}\n"
        f'resource "aws_kms_key" "logs" {{\n  policy = {written}\n}}\n'
    )
    (key,) = read_plan(unread([ROOT, READ], [{}, READ_UNKNOWN], []), directory=tmp_path).keys
    assert isinstance(key.policy, KeyPolicy)
    assert [each.actions for each in key.policy.statements if each.sid == "read"] == [(Known(action),)]


JSONENCODED = """
variable "account" {
}
variable "note" {
  default = "none"
}
resource "aws_iam_role" "reader" {
}
resource "aws_kms_key" "logs" {
  policy = jsonencode({
    Statement = [
      { Sid = var.note, Effect = "Allow", Principal = { AWS = "arn:aws:iam::${var.account}:root" }, Action = "kms:*", Resource = "*" },
      { Sid = "read", Effect = "Allow", Principal = { AWS = aws_iam_role.reader.arn }, Action = "kms:Decrypt", Resource = "*" },
    ]
  })
}
"""


@pytest.mark.parametrize(("has_code", "is_secret"), [(True, False), (True, True), (False, False)])
def test_the_code_beside_the_plan_says_what_an_unknown_policy_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_code: bool, is_secret: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    if has_code:
        (tmp_path / "main.tf").write_text(JSONENCODED)
    key = change("aws_kms_key.logs", without(KEY, "policy"), {**KEY_UNKNOWN, "policy": True})
    role = change("aws_iam_role.reader", {"name": "reader"}, {"arn": True})
    policy = refs("var.note", "var.account", *READER["references"])
    document = plan(
        [key, role],
        [configured("aws_kms_key.logs", {"policy": policy}), configured("aws_iam_role.reader")],
        variables={"account": {"value": "111122223333"}, "note": {"value": "hush"}},
        declared={"account": {}, "note": {"sensitive": is_secret}},
    )
    sources: dict[str, Source] = {}
    configuration = read_plan(document, sources, directory=tmp_path)
    (made,) = configuration.keys
    if not has_code or is_secret:
        assert isinstance(made.policy, Unknown)
        assert "hush" not in made.policy.reason
        return
    assert principals_of(configuration, "read") == [Reference("aws_iam_role.reader", "arn")]
    assert principals_of(configuration, "hush") == [Known("arn:aws:iam::111122223333:root")]
    assert isinstance(made.policy, KeyPolicy)
    assert all(each.span is not None and each.span.path == "plan.json" for each in made.policy.statements)


# -- what is there -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actions", "stays"),
    [
        (["create"], True),
        (["update"], True),
        (["no-op"], True),
        (["delete", "create"], True),
        (["create", "delete"], True),
        (["create", "forget"], True),
        (["delete"], False),
        (["forget"], False),
    ],
)
def test_what_an_action_leaves_behind(actions: list[str], stays: bool) -> None:
    found = read_plan(plan([change("aws_cloudtrail.main", TRAIL, TRAIL_UNKNOWN, actions=actions)]))
    assert len(found.trails) == stays


def test_what_a_plan_says_nothing_about_stays_as_the_state_has_it() -> None:
    """A plan that only refreshes has no resource_changes, one for a ``-target`` only the target's."""
    prior = [known("aws_cloudtrail.main", {**TRAIL, "kms_key_id": ARN}), known("aws_kms_key.logs", {**KEY, "arn": ARN})]
    refreshed = plan([], prior=prior)
    del refreshed["resource_changes"]
    targeted = plan([change("aws_kms_key.logs", {**KEY, "arn": ARN}, actions=["no-op"])], prior=prior, complete=False)
    for document in (refreshed, targeted):
        found = read_plan(document)
        assert [each.address for each in found.keys] == ["aws_kms_key.logs"]
        (trail,) = found.trails
        assert trail.kms_key_id.value == Reference("aws_kms_key.logs", "arn")
        assert trail.note == "the plan leaves it as the state has it"


def test_the_state_gives_back_nothing_that_the_plan_ends_or_moves() -> None:
    names = ("deleted", "forgotten", "old", "replaced")
    prior = [known(f"aws_cloudtrail.{name}", {**TRAIL, "name": name}) for name in names]
    prior.append(known("aws_cloudtrail.replaced", {**TRAIL, "name": "deposed"}, deposed_key="abcd1234"))
    changes = [
        change("aws_cloudtrail.deleted", None, actions=["delete"]),
        change("aws_cloudtrail.forgotten", None, actions=["forget"]),
        {**change("aws_cloudtrail.new", {**TRAIL, "name": "new"}, actions=["no-op"]), "previous_address": "aws_cloudtrail.old"},
        change("aws_cloudtrail.replaced", {**TRAIL, "name": "replaced"}, actions=["create", "delete"]),
        {**change("aws_cloudtrail.replaced", None, actions=["delete"]), "deposed": "abcd1234"},
    ]
    assert [each.address for each in read_plan(plan(changes, prior=prior)).trails] == ["aws_cloudtrail.new", "aws_cloudtrail.replaced"]


def test_a_plan_that_ended_with_an_error_says_so() -> None:
    (problem,) = read_plan(minimal("aws_kms_key.logs.arn", errored=True)).problems
    assert "ended with an error" in problem.message


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, ""),
        ({"complete": True, "errored": False}, ""),
        ({"complete": "no"}, ""),
        ({"complete": False}, "-target"),
        ({"complete": False, "errored": False, "deferred_changes": []}, "-target"),
        ({"complete": False, "deferred_changes": [{"reason": "instance_count_unknown"}]}, "defers"),
        ({"complete": False, "errored": True}, ""),
    ],
)
def test_a_plan_that_is_not_complete_says_so(members: Json, words: str) -> None:
    warnings = read_plan(minimal("aws_kms_key.logs.arn", **members)).warnings
    assert len(warnings) == (words != "")
    assert all(words in each and each.startswith("plan.json: the plan is not complete") for each in warnings)


def test_a_key_that_exists_is_found_by_its_arn() -> None:
    key = known("aws_kms_key.logs", {**KEY, "arn": ARN, "key_id": ARN[-36:]})
    configuration = read_plan(state(known("aws_cloudtrail.main", {**TRAIL, "kms_key_id": ARN}), key))
    assert configuration.trails[0].kms_key_id.value == Reference("aws_kms_key.logs", "arn")
    assert configuration.keys[0].known_arn == ARN
    assert configuration.keys[0].place.account == Known("111122223333")


def test_the_manager_of_a_key_that_was_looked_up() -> None:
    found = known("data.aws_kms_key.s3", {"key_id": "alias/aws/s3", "key_manager": "AWS"})
    (lookup,) = read_plan(minimal("aws_kms_key.logs.arn", prior=[found])).lookups
    assert lookup.manager == Known("AWS")


# -- what must not be seen ---------------------------------------------------------------------------------------------


def test_the_source_that_findings_quote_holds_nothing_else() -> None:
    document = minimal("aws_kms_key.logs.arn", variables={"password": {"value": "hush-variable"}})
    document["resource_changes"] += [
        change("aws_db_instance.main", {"password": "hush-resource"}),
        change("aws_cloudtrail.other", {**TRAIL, "name": "hush-name"}, TRAIL_UNKNOWN, sensitive={"name": True}),
    ]
    document["resource_changes"][0]["change"]["before"] = {"name": "hush-before"}
    for text in (json.dumps(document), json.dumps(document, indent=2)):
        sources: dict[str, Source] = {}
        configuration = read_plan(text, sources)
        shown = sources["plan.json"].text
        assert "hush" in text
        assert "hush" not in shown
        assert len(shown) == len(text)
        assert [len(line) for line in shown.split("\n")] == [len(line) for line in text.split("\n")]
        assert '"audit"' in shown
        assert POLICY[:20].replace('"', r"\"") in shown
        assert describe(configuration.trails[1].name) == "(sensitive value)"


def test_a_sensitive_policy_is_not_judged() -> None:
    """The explanation of a decision quotes the statements it rests on."""
    key = change("aws_kms_key.logs", KEY, KEY_UNKNOWN, sensitive={"policy": True})
    (made,) = read_plan(plan([key])).keys
    assert isinstance(made.policy, Unknown)
    assert "aws_kms_key.logs.policy is sensitive" in made.policy.reason
    later = change("aws_kms_key.logs", without(KEY, "policy"), {**KEY_UNKNOWN, "policy": True})
    blocks = {"statement": [{"sid": "hush", "actions": ["kms:*"]}]}
    secret = {"statement": [{"sid": True}]}
    document = change("data.aws_iam_policy_document.key", blocks, {"json": True}, actions=["read"], sensitive=secret)
    policy = refs("data.aws_iam_policy_document.key.json", "data.aws_iam_policy_document.key")
    (made,) = read_plan(plan([later, document], [configured("aws_kms_key.logs", {"policy": policy})])).keys
    assert isinstance(made.policy, Unknown)
    assert "holds something sensitive" in made.policy.reason


def test_what_a_provider_makes_of_a_sensitive_name_is_not_shown() -> None:
    """A state marks the name of a trail, and not its ARN, which stands in the same line."""
    values = {"arn": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/hush-name", **TRAIL, "name": "hush-name"}
    text = json.dumps(state(known("aws_cloudtrail.main", values, sensitive_values={"name": True})))
    sources: dict[str, Source] = {}
    read_plan(text, sources)
    shown = sources["plan.json"].text
    assert "hush" not in shown
    assert "arn:aws:cloudtrail:eu-west-1:111122223333:trail/" in shown
    assert len(shown) == len(text)


def test_a_policy_made_of_something_sensitive_is_not_judged() -> None:
    """terraform marks the arguments of a document, and neither its json nor the policy of a key that is made of it."""
    blocks = {"statement": [{"sid": 'hu"sh', "actions": ["kms:*"]}], "json": "{}"}
    document = known("data.aws_iam_policy_document.key", blocks, sensitive_values={"statement": [{"sid": True, "actions": [False]}]})
    statement = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    for sid, is_hidden in (('hu"sh', True), ("loud", False)):
        key = known("aws_kms_key.logs", {**KEY, "policy": json.dumps({"Statement": [{"Sid": sid, **statement}]})})
        sources: dict[str, Source] = {}
        (made,) = read_plan(state(document, key), sources).keys
        assert isinstance(made.policy, Unknown) is is_hidden
        assert ("loud" in sources["plan.json"].text) is not is_hidden
        assert "sh" not in sources["plan.json"].text


# -- size --------------------------------------------------------------------------------------------------------------


def large(resources: int) -> str:
    """A plan in which each bucket refers to the one before and the trail to the last."""
    module = [
        configured(f"aws_s3_bucket.b{number}", {"tags": refs(f"aws_s3_bucket.b{number - 1}.id", f"aws_s3_bucket.b{number - 1}")})
        for number in range(resources)
    ]
    changes = [
        change(
            f"module.m.aws_s3_bucket.b{number}", {"bucket": f"b{number}", "tags": {f"t{tag}": "x" * 20 for tag in range(20)}}, {"arn": True}
        )
        for number in range(resources)
    ]
    outputs = {"last": {"expression": refs(f"aws_s3_bucket.b{resources - 1}.arn")}}
    document = minimal("module.m.last", module_calls={"m": {"source": "./m", "module": {"outputs": outputs, "resources": module}}})
    document["resource_changes"] += changes
    return json.dumps(document)


def test_a_large_plan_is_read_in_linear_time() -> None:
    def seconds(text: str) -> float:
        started = time.process_time()
        assert len(read_plan(text).trails[0].depends_on) > 100
        return time.process_time() - started

    small, big = large(300), large(2400)
    assert seconds(big) < 8 * max(seconds(small), 0.05) * 4, "a generous bound: quadratic work takes 64 times as long"


def read(case: str) -> Configuration:
    return read_plan((GOLDEN / case / "plan.json").read_text(encoding="utf-8"))


def test_golden_plans_are_in_one_line_and_in_many() -> None:
    text = (GOLDEN / "create" / "plan.json").read_text(encoding="utf-8")
    assert read_plan(json.dumps(json.loads(text))).trails == read("create").trails


def test_two_policy_resources_of_one_key() -> None:
    other = POLICY.replace('"encrypt"', '"other"')
    for policies, is_known in (((POLICY, POLICY), True), ((POLICY, other), False)):
        document = minimal("aws_kms_key.logs.arn", "aws_kms_key.logs")
        for name, policy in zip("pq", policies, strict=True):
            document["resource_changes"].append(change(f"aws_kms_key_policy.{name}", {"policy": policy}, {"key_id": True}))
            resources = document["configuration"]["root_module"]["resources"]
            resources.append(configured(f"aws_kms_key_policy.{name}", {"key_id": refs("aws_kms_key.logs.id", "aws_kms_key.logs")}))
        (found,) = read_plan(document).keys
        assert isinstance(found.policy, KeyPolicy) is is_known
        if not is_known:
            assert found.policy == Unknown(
                "aws_kms_key_policy.p and aws_kms_key_policy.q both set the policy of aws_kms_key.logs, "
                "and the one that terraform applies last stays"
            )
