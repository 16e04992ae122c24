"""What terraform refuses in what a trail, store or key is made of: names that nothing declares, and circles."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import check_json, write
from test_tf_module import normalized
from test_tf_module import write as write_files

from ctkms_policy.model import Configuration, Refusal
from ctkms_policy.terraform.module import may_declare_more

TRAIL = 'resource "aws_cloudtrail" "t" {\n  name = "logs"\n  s3_bucket_name = "b"\n  kms_key_id = %s\n}\n'
STORE = 'resource "aws_cloudtrail_event_data_store" "s" {\n  name = "events"\n  kms_key_id = %s\n}\n'
KEY = 'resource "aws_kms_key" "k" {\n  policy = %s\n}\n'
BUCKET = 'resource "aws_s3_bucket" "b" {}\n'
MODULE = {"m/main.tf": KEY % "null" + "output arn {\n  value = aws_kms_key.k.arn\n}\n"}
CALL = 'module "m" {\n  source = "./m"\n}\n'


def refusals_of(configuration: Configuration) -> list[Refusal]:
    parts = (configuration.trails, configuration.event_data_stores, configuration.keys)
    return [each for part in parts for resource in part for each in resource.refusals]


def refused(directory: Path, text: str, files: dict[str, str] | None = None) -> list[tuple[str, str]]:
    """Return place and message of every refusal."""
    found = [each for part in normalized(directory, {**(files or {}), "main.tf": text}) for each in refusals_of(part)]
    return [(f"{each.span.path}:{each.span.line}:{each.span.column}", each.message) for each in found]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("aws_kms_key.kk.arn", "aws_kms_key.kk is not declared"),
        ("aws_kms_key.kk[0].arn", "aws_kms_key.kk is not declared"),
        ("resource.aws_kms_key.kk.arn", "aws_kms_key.kk is not declared"),
        ("data.aws_kms_key.k.arn", "data.aws_kms_key.k is not declared"),
        ("var.nowhere", "var.nowhere is not declared"),
        ("local.nowhere", "local.nowhere is not declared"),
        ("module.nowhere.arn", "module.nowhere is not declared"),
        ("module.m.nothing", 'module.m has no output "nothing"'),
        ("try(aws_kms_key.kk.arn, null)", "aws_kms_key.kk is not declared"),
        ("false ? local.nowhere : aws_kms_key.k.arn", "local.nowhere is not declared"),
        ('"${aws_kms_key.kk.arn}"', "aws_kms_key.kk is not declared"),
        ("one([for key in [aws_kms_key.k] : aws_kms_key.kk.arn])", "aws_kms_key.kk is not declared"),
        ("aws_kms_key.k[local.nowhere].arn", "local.nowhere is not declared"),
        ("aws_kms_key.k.arm", 'aws_kms_key has no attribute "arm"'),
        ("try(aws_kms_key.k.key_arn, null)", 'aws_kms_key has no attribute "key_arn"'),
        ("aws_kms_alias.a.target_key", 'aws_kms_alias has no attribute "target_key"'),
    ],
)
def test_a_name_that_is_not_there(tmp_path: Path, key: str, message: str) -> None:
    alias = 'resource "aws_kms_alias" "a" {\n  target_key_id = aws_kms_key.k.id\n}\n'
    ((place, said),) = refused(tmp_path, TRAIL % key + KEY % "null" + alias + CALL, MODULE)
    assert (said, place.partition(":")[2].partition(":")[0]) == (message, "4")


@pytest.mark.parametrize(
    "key",
    [
        "aws_kms_key.k.arn",
        "resource.aws_kms_key.k.arn",
        "module.m.arn",
        "module.m[*].arn",
        "try(module.m.nothing, aws_kms_key.k.arn)",
        "can(module.m.nothing) ? module.m.nothing : aws_kms_key.k.arn",
        "one([for a_key in [aws_kms_key.k] : a_key.arn])",
        "{ for name, a_key in { x = aws_kms_key.k } : name => a_key.arn }.x",
        '"%{ for a_key in [aws_kms_key.k] }${a_key.arn}%{ endfor }"',
        "aws_kms_key.k[*].arn",
        "path.module",
        "terraform.workspace",
        "local.tags.whatever",
        "var.given.whatever",
    ],
)
def test_a_name_that_is_there_or_means_something_here(tmp_path: Path, key: str) -> None:
    names = "locals {\n  tags = {}\n}\nvariable given {\n  default = {}\n}\n"
    assert refused(tmp_path, TRAIL % key + KEY % "null" + CALL + names, MODULE) == []


@pytest.mark.parametrize("store", [TRAIL, STORE])
def test_the_way_from_the_key_leads_through_locals_variables_outputs_and_documents(tmp_path: Path, store: str) -> None:
    call = (
        'module "t" {\n  source = "./t"\n  key = local.key\n}\nlocals {\n  key = module.kms.arn\n}\nmodule "kms" {\n  source = "./kms"\n}\n'
    )
    files = {
        "t/main.tf": "variable key {}\n" + store % "var.key",
        "kms/main.tf": KEY % "data.aws_iam_policy_document.d.json" + "output arn {\n  value = aws_kms_key.kk.arn\n}\n"
        'data "aws_iam_policy_document" "d" {\n  dynamic "statement" {\n    for_each = [1]\n    content {\n'
        "      sid = statement.value\n      resources = [local.arn]\n    }\n  }\n}\n",
    }
    assert refused(tmp_path, call, files) == [
        ("kms/main.tf:5:11", "module.kms.aws_kms_key.kk is not declared"),
        ("kms/main.tf:12:20", "module.kms.local.arn is not declared"),
    ]


COUNTED = 'resource "aws_kms_key" "c" {\n  count = 1\n}\nresource "aws_kms_key" "e" {\n  for_each = toset(["x"])\n}\n'


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("aws_kms_key.c.arn", "aws_kms_key.c has count, and aws_kms_key.c.arn names none of its instances"),
        ("aws_kms_key.e.arn", "aws_kms_key.e has for_each, and aws_kms_key.e.arn names none of its instances"),
        ("aws_kms_key.e.x.arn", "aws_kms_key.e has for_each, and aws_kms_key.e.x.arn names none of its instances"),
        ("resource.aws_kms_key.c.arn", "resource.aws_kms_key.c has count, and resource.aws_kms_key.c.arn names none of its instances"),
        ("try(aws_kms_key.c.arn, null)", "aws_kms_key.c has count, and aws_kms_key.c.arn names none of its instances"),
        ("aws_kms_key.k[0].arn", "aws_kms_key.k has neither count nor for_each, and so no index"),
        ("aws_kms_key.k.0.arn", "aws_kms_key.k has neither count nor for_each, and so no index"),
        ('aws_kms_key.k["arn"]', "aws_kms_key.k has neither count nor for_each, and so no index"),
        ("try(aws_kms_key.k[0].arn, null)", "aws_kms_key.k has neither count nor for_each, and so no index"),
        ("data.aws_kms_key.d[0].arn", "data.aws_kms_key.d has neither count nor for_each, and so no index"),
        ("aws_kms_key.c[0].arm", 'aws_kms_key has no attribute "arm"'),
    ],
)
def test_an_index_that_is_missing_or_too_much(tmp_path: Path, key: str, message: str) -> None:
    data = 'data "aws_kms_key" "d" {\n  key_id = "alias/x"\n}\n'
    assert refused(tmp_path, TRAIL % key + KEY % "null" + COUNTED + data) == [(f"main.tf:4:{20 if key.startswith('try') else 16}", message)]


@pytest.mark.parametrize(
    "key",
    [
        "aws_kms_key.c[0].arn",
        "aws_kms_key.c.0.arn",
        'aws_kms_key.c["0"].arn',
        "aws_kms_key.c[var.n].arn",
        "aws_kms_key.c[*].arn",
        "aws_kms_key.c.*.arn",
        "one(aws_kms_key.c).arn",
        'aws_kms_key.e["x"].arn',
        'aws_kms_key.e["${var.n}"].arn',
        "values(aws_kms_key.e)[0].arn",
        "{ for name, key in aws_kms_key.e : name => key.arn }.x",
        "length(aws_kms_key.c) > 0 ? aws_kms_key.c[0].arn : null",
        "aws_kms_key.k[*].arn",
        "aws_kms_key.k[var.n].arn",
        "aws_kms_key.k.tags[0]",
        'aws_kms_key.k.tags["arn"]',
    ],
)
def test_an_index_where_terraform_wants_one_or_looks_at_it_later(tmp_path: Path, key: str) -> None:
    assert refused(tmp_path, TRAIL % key + KEY % "null" + COUNTED + "variable n {\n  default = 0\n}\n") == []


def test_the_name_that_may_be_meant(tmp_path: Path) -> None:
    (configuration,) = normalized(tmp_path, {"main.tf": TRAIL % "var.kms_key" + "variable kms_key_arn {}\n"})
    assert [each.help for each in refusals_of(configuration)] == ['terraform rejects it: did you mean "kms_key_arn"?']


@pytest.mark.parametrize(
    "alias",
    [
        'resource "aws_kms_alias" "a" {\n  target_key_id = aws_kms_key.kk.id\n}\n',
        'data "aws_kms_alias" "a" {\n  name          = aws_kms_key.kk.alias\n}\n',
        'data "aws_kms_key" "a" {\n  key_id        = aws_kms_key.kk.id\n}\n',
    ],
)
def test_the_way_leads_through_aliases_and_data_sources(tmp_path: Path, alias: str) -> None:
    address = ".".join((["data"] if alias.startswith("data") else []) + [alias.split('"')[1], "a", "target_key_arn"])
    assert refused(tmp_path, TRAIL % address.replace("key.a.target_key_arn", "key.a.arn") + alias) == [
        ("main.tf:7:19", "aws_kms_key.kk is not declared")
    ]


def test_what_does_not_make_the_key_is_left_to_terraform(tmp_path: Path) -> None:
    text = TRAIL.replace('"b"', "var.bucket") % "aws_kms_key.k.arn" + KEY.replace("policy", "description = var.text\n  policy") % "null"
    assert refused(tmp_path, text + BUCKET) == []


@pytest.mark.parametrize(
    "files",
    [
        {"broken.tf": "variable {"},
        {"variables.tf.j2": ""},
        {"variables.tf.json.tpl": ""},
        {"terragrunt.hcl": ""},
        {"stack.tm.hcl": ""},
        {"root.hcl": ""},
        {"x.tf": "", "x.tofu": ""},
    ],
)
def test_a_name_may_be_in_a_file_that_is_not_read_or_not_written_yet(tmp_path: Path, files: dict[str, str]) -> None:
    assert refused(tmp_path, TRAIL % "var.key", files) == []


@pytest.mark.parametrize(("above", "declared"), [("terragrunt.hcl", False), ("generate.tm.hcl", False), (".tflint.hcl", True)])
def test_a_tool_may_write_files_into_directories_below_its_own(tmp_path: Path, above: str, declared: bool) -> None:
    write_files(tmp_path, {above: "", "modules/trail/main.tf": TRAIL % "var.key"})
    (configuration,) = normalized(tmp_path)
    assert [each.message for each in refusals_of(configuration)] == (["var.key is not declared"] if declared else [])


def test_a_name_may_be_in_a_file_behind_a_link_that_leads_out(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    write_files(tmp_path, {"outside/variables.tf": "variable key {}\n", "repository/main.tf": TRAIL % "var.key"})
    (repository / "variables.tf").symlink_to(tmp_path / "outside" / "variables.tf")
    (configuration,) = normalized(repository)
    assert refusals_of(configuration) == []


def test_files_that_tell_of_more_declarations() -> None:
    for name in (
        "main.tf.j2",
        "main.tf.json.tmpl",
        "terragrunt.hcl",
        "terragrunt.stack.hcl",
        "root.hcl",
        "a.tm.hcl",
        "a.tm",
        "main.tf.example",
    ):
        assert may_declare_more([name]), name
    assert may_declare_more(["a.tf", "a.tofu"])
    assert not may_declare_more(
        ["main.tf", "main.tf.json", "b.tofu", "b.tofu.json", "policy.json.tpl", "x.tfvars", "user.tftpl", ".tflint.hcl"]
    )


POLICY = 'jsonencode({ Statement = [{ Condition = { StringEquals = { "aws:SourceArn" = %s } } }] })'


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (
            TRAIL % "aws_kms_key.k.arn" + KEY % (POLICY % "aws_cloudtrail.t.arn"),
            "main.tf:7:89",
            "aws_cloudtrail.t depends on itself through aws_kms_key.k",
        ),
        (
            TRAIL % "aws_kms_key.k.arn" + KEY % (POLICY % "false ? aws_cloudtrail.t.arn : null"),
            "main.tf:7:97",
            "aws_cloudtrail.t depends on itself through aws_kms_key.k",
        ),
        (
            TRAIL % "local.key"
            + KEY % "data.aws_iam_policy_document.d.json"
            + "locals {\n  key = aws_kms_key.k.arn\n  trail = aws_cloudtrail.t.arn\n}\n"
            + 'data "aws_iam_policy_document" "d" {\n  statement {\n    resources = [local.trail]\n  }\n}\n',
            "main.tf:11:11",
            "aws_cloudtrail.t depends on itself through aws_kms_key.k and data.aws_iam_policy_document.d",
        ),
        (STORE % "aws_kms_key.k.arn" + KEY % (POLICY % "aws_cloudtrail_event_data_store.s.arn"), "main.tf:6:89", ""),
        (TRAIL % "aws_kms_key.k.arn" + KEY % (POLICY % "aws_kms_key.k.arn"), "main.tf:7:89", "aws_kms_key.k depends on itself"),
        (
            KEY % "null\n  depends_on = [aws_cloudtrail.t]" + TRAIL % "aws_kms_key.k.arn",
            "main.tf:3:17",
            "aws_cloudtrail.t depends on itself through aws_kms_key.k",
        ),
    ],
)
def test_a_circle(tmp_path: Path, text: str, place: str, message: str) -> None:
    ((found, said),) = refused(tmp_path, text)
    assert (found, said) == (place, message or "aws_cloudtrail_event_data_store.s depends on itself through aws_kms_key.k")


def test_a_circle_through_modules(tmp_path: Path) -> None:
    call = 'module "%s" {\n  source = "./%s"\n  %s\n}\n'
    files = {
        "t/main.tf": "variable key {}\n"
        + TRAIL % "var.key"
        + "output arn {\n  value = aws_cloudtrail.t.arn\n}\noutput name {\n  value = 1\n}\n",
        "m/main.tf": "variable trail {}\n" + KEY % (POLICY % "var.trail") + "output arn {\n  value = aws_kms_key.k.arn\n}\n",
    }
    text = call % ("t", "t", "key = module.m.arn")
    assert refused(tmp_path, text + call % ("m", "m", "trail = module.t.arn"), files) == [
        ("t/main.tf:8:11", "module.t.aws_cloudtrail.t depends on itself through module.m.aws_kms_key.k")
    ]
    assert refused(tmp_path, text + call % ("m", "m", "trail = module.t.name"), files) == []


@pytest.mark.parametrize(
    "text",
    [
        TRAIL % "aws_kms_key.k.arn" + KEY % (POLICY % '"arn:aws:cloudtrail:us-east-1:111122223333:trail/logs"'),
        TRAIL % "aws_kms_key.k.arn" + KEY % (POLICY % "aws_cloudtrail.other.arn") + (TRAIL % "null").replace('"t"', '"other"'),
        TRAIL % "aws_kms_key.k.arn" + KEY % (POLICY % "one([for aws_cloudtrail in [{ t = 1 }] : aws_cloudtrail.t])"),
        TRAIL % "aws_kms_key.k.arn\n  lifecycle {\n    ignore_changes = [kms_key_id]\n  }" + KEY % "null",
    ],
)
def test_no_circle(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text) == []


@pytest.mark.parametrize(
    "text",
    [
        TRAIL % "aws_kms_key.kk.arn" + KEY % "null",
        TRAIL % "local.key" + "locals {\n  key = aws_kms_key.kk.arn\n}\n",
        TRAIL % "local.key" + "locals {\n  key = local.nothing\n}\n",
        TRAIL % "aws_kms_key.k.arn" + KEY % "local.nothing",
    ],
)
def test_a_refused_trail_fails_and_says_so_once(tmp_path: Path, text: str) -> None:
    found = check_json(write(tmp_path, main_tf=text)).json
    assert [(each["rule"], each["verdict"]) for each in found["findings"]] == [("CTKMS000", "fail")]
    assert [each["verdict"] for each in found["trails"]] == ["fail"]


def test_an_attribute_that_a_later_provider_may_have_is_not_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, TRAIL % "aws_kms_key.k.quorum" + KEY % "null" + CALL, MODULE) == []


@pytest.mark.parametrize(
    "inside",
    [
        'provisioner "local-exec" {\n    command = "echo ${aws_kms_key.k.arn}"\n    environment = { A = aws_kms_key.k.id }\n  }',
        "connection {\n    host = aws_kms_key.k.arn\n  }",
        "depends_on = [aws_kms_key.k]",
    ],
)
def test_a_resource_may_name_itself_where_it_is_there_already(tmp_path: Path, inside: str) -> None:
    key = KEY % "null"
    assert key.count("{\n") >= 1
    assert refused(tmp_path, TRAIL % "aws_kms_key.k.arn" + key.replace("{\n", "{\n  " + inside + "\n", 1) + CALL, MODULE) == []


def test_what_many_keys_are_made_of_is_refused_once(tmp_path: Path) -> None:
    keys = "".join(f'resource "aws_kms_key" "k{number}" {{\n  policy = local.policy\n}}\n' for number in range(30))
    text = TRAIL % "aws_kms_key.k0.arn" + "locals {\n  policy = jsonencode({ Statement = var.nowhere })\n}\n" + keys
    report = check_json(write(tmp_path, main_tf=text)).json
    assert [each["message"] for each in report["findings"] if each["rule"] == "CTKMS000"] == ["var.nowhere is not declared"]


def test_a_module_that_declares_nothing_yet_is_one(tmp_path: Path) -> None:
    text = TRAIL % "aws_kms_key.k.arn" + KEY % "null"
    for files, said in (
        ({"e/main.tf": "# nothing yet\n"}, []),
        ({"e/versions.tf": 'terraform {\n  required_version = ">= 1.0"\n}\n'}, []),
        ({"e/README.md": "x\n"}, ['module "e": the directory ./e holds no Terraform files']),
    ):
        directory = tmp_path / next(iter(files)).replace("/", "-")
        for name, content in {"main.tf": text + 'module "e" {\n  source = "./e"\n}\n', **files}.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(content, encoding="utf-8")
        report = check_json(directory).json
        assert [each["message"] for each in report["findings"] if each["rule"] == "CTKMS000"] == said


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("count = var.nowhere ? 1 : 0", ["var.nowhere is not declared"]),
        ("for_each = local.nowhere", ["local.nowhere is not declared"]),
        ('for_each = toset([for name in ["a"] : name])', []),
        ("count = length(module.m.arn) > 0 ? 1 : 0", []),
    ],
)
@pytest.mark.parametrize("of", ["trail", "key"])
def test_how_many_there_are_is_made_of_what_is_declared(tmp_path: Path, argument: str, said: list[str], of: str) -> None:
    index = "[0]" if argument.startswith("count") else '["a"]'
    key = KEY % "null"
    if of == "key":
        text = TRAIL % f"aws_kms_key.k{index}.arn" + key.replace("{\n", f"{{\n  {argument}\n", 1)
    else:
        text = (TRAIL % "aws_kms_key.k.arn").replace("{\n", f"{{\n  {argument}\n", 1) + key
    assert sorted({message for _, message in refused(tmp_path, text + CALL, MODULE)}) == said
