"""Bad input gets a finding with a place, the other files are still checked, nothing crashes and nothing hangs."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from command import check_json, write
from conftest import REPOSITORY

TRAIL = 'resource "aws_cloudtrail" "main" {\n  name           = "audit"\n  s3_bucket_name = "logs"\n}\n'
TEMPLATE = "Resources:\n  Trail:\n    Type: AWS::CloudTrail::Trail\n    Properties:\n      IsLogging: true\n      S3BucketName: logs\n"

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


def place(finding: dict[str, object]) -> tuple[object, ...]:
    location = finding["location"]
    assert isinstance(location, dict)
    return finding["rule"], location["path"], location["line"]


STATE = (
    '{"format_version": "1.0", "terraform_version": "1.11.0", "values": {"root_module": {"resources": [{"address": "aws_cloudtrail.t", '
    '"mode": "managed", "type": "aws_cloudtrail", "name": "t", "provider_name": "registry.terraform.io/hashicorp/aws", '
    '"schema_version": 0, "values": {"name": "audit", "kms_key_id": ""}, "sensitive_values": {}}]}}}'
)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    ("name", "text", "silent"),
    [
        ("main.tf", TRAIL, TRAIL.replace("cloudtrail", "cloudwatch")),
        ("template.yaml", TEMPLATE, TEMPLATE.replace("CloudTrail", "CloudWatch")),
        ("template.json", '{"Resources": {"T": {"Type": "AWS::CloudTrail::Trail"}}}', '{"cloudtrail": "no template"}'),
        ("state.json", STATE, STATE.replace("cloudtrail", "cloudwatch")),
    ],
)
def test_a_file_in_utf_16_is_refused_where_it_is_about_a_trail(tmp_path: Path, name: str, text: str, silent: str, encoding: str) -> None:
    """``terraform show -json ... > plan.json`` writes one in Windows PowerShell."""
    for written, expected in ((text, [("CTKMS000", "the file is UTF-16")]), (silent, [])):
        (tmp_path / name).write_bytes(f"\ufeff{written}".encode(encoding))
        for path in (".", name):
            done = check_json(tmp_path, path)
            assert [(each["rule"], each["message"]) for each in done.json["findings"]] == expected
    (tmp_path / name).write_bytes(f"\ufeff{text}".encode())
    assert all(each["rule"] != "CTKMS000" for each in check_json(tmp_path).json["findings"])


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("bad.tf", b"# cloudtrail\n\xff\n", 2),
        ("bad.tf", b'resource "aws_cloudtrail" "x" {\n  name = <<EOF\n  never ends\n', None),
        ("bad.tf", b'resource "aws_cloudtrail" "x" {\n  name = "a\n}\n', 2),
        ("bad.tf", b"# cloudtrail\nlocals { x = " + b"(" * 20000 + b"1" + b")" * 20000 + b" }\n", None),
        ("bad.tf", b"# cloudtrail\n" + b"a {" * 20000 + b"}" * 20000, None),
        ("bad.tf", b"# cloudtrail\nlocals { x = " + b"!" * 50000 + b"true }\n", None),
        ("bad.tf.json", b'{"resource": {"aws_cloudtrail": {"x": {"name": "a", "name": "b"}}}}', 1),
        ("bad.tf.json", b'{"resource": {"aws_cloudtrail": ' + b"[" * 50000, 1),
        ("bad.yaml", TEMPLATE.encode() + b"  Trail: {}\n", 7),
        ("bad.yaml", TEMPLATE.encode() + b"  Other: [\n", None),
        ("bad.yaml", TEMPLATE.encode() + b"\xff", 7),
        ("bad.yaml", BOMB.encode() + TEMPLATE.encode() + b"  Boom: *j\n", None),
        ("bad.yaml", TEMPLATE.encode() + b"  Deep: " + b"[" * 50000 + b"]" * 50000 + b"\n", None),
        ("bad.json", b'{"Resources": {"T": {"Type": "AWS::CloudTrail::Trail", "Type": "x"}}}', 1),
        ("bad.json", b'{"Resources": {"T": {"Type": "AWS::CloudTrail::Trail" "Properties": {}}}}', 1),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_unreadable_file_is_ctkms000_and_the_others_are_still_checked(tmp_path: Path, name: str, data: bytes, line: int | None) -> None:
    write(tmp_path, good__main_tf=TRAIL)
    (tmp_path / name).write_bytes(data)
    started = time.monotonic()
    done = check_json(tmp_path)
    assert done.code == 1, done.err
    unreadable = [finding for finding in done.json["findings"] if finding["rule"] == "CTKMS000"]
    assert unreadable
    assert unreadable[0]["location"]["path"] == name
    if line is not None:
        assert unreadable[0]["location"]["line"] == line
    assert unreadable[0]["message"]
    assert any(place(finding)[:2] == ("CTKMS001", "good/main.tf") for finding in done.json["findings"])
    assert time.monotonic() - started < 60, "a generous bound: this is about hanging, not about speed"


@pytest.mark.parametrize("data", [b"", b"\n", b"# cloudtrail\n", b"\xef\xbb\xbf# cloudtrail\r\n"], ids=["empty", "blank", "comment", "bom"])
@pytest.mark.parametrize("name", ["a.tf", "a.yaml", "a.json", "a.template"])
def test_a_file_with_nothing_in_it_is_no_finding(tmp_path: Path, name: str, data: bytes) -> None:
    write(tmp_path, main_tf=TRAIL)
    (tmp_path / name).write_bytes(data)
    assert check_json(tmp_path).rules() == ["CTKMS001"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks_change_no_position(tmp_path: Path, end: str, mark: str) -> None:
    (tmp_path / "main.tf").write_bytes((mark + TRAIL.replace("\n", end)).encode())
    (tmp_path / "template.yaml").write_bytes((mark + TEMPLATE.replace("\n", end)).encode())
    findings = check_json(tmp_path).json["findings"]
    assert [(place(each), each["location"]["column"]) for each in findings] == [
        (("CTKMS001", "main.tf", 1), 1),
        (("CTKMS001", "template.yaml", 2), 3),
    ]


def test_a_file_of_50_megabytes_is_reported_not_read(tmp_path: Path) -> None:
    write(tmp_path, good__main_tf=TRAIL)
    with (tmp_path / "huge.tf").open("wb") as stream:
        stream.truncate(50 * 1024 * 1024)
    with (tmp_path / "data.json").open("wb") as stream:
        stream.write(b'{"x": "')
        stream.truncate(50 * 1024 * 1024)
    done = check_json(tmp_path)
    assert [place(finding)[:2] for finding in done.json["findings"]] == [("CTKMS001", "good/main.tf"), ("CTKMS000", "huge.tf")]


def test_recursive_locals_are_a_reason_not_a_crash(tmp_path: Path) -> None:
    text = TRAIL.replace('"logs"\n', '"logs"\n  kms_key_id     = local.a\n') + "locals {\n  a = local.b\n  b = local.a\n}\n"
    done = check_json(write(tmp_path, main_tf=text))
    assert (done.code, done.rules()) == (1, ["CTKMS000"])
    assert done.json["trails"][0]["kms_key"]["state"] == "undetermined"
    assert "local.a" in done.json["trails"][0]["kms_key"]["reason"]


def test_a_policy_that_is_not_json_is_ctkms000_at_the_policy(tmp_path: Path) -> None:
    text = TRAIL.replace('"logs"\n', '"logs"\n  kms_key_id     = aws_kms_key.k.arn\n')
    done = check_json(write(tmp_path, main_tf=text + 'resource "aws_kms_key" "k" {\n  policy = "not json {"\n}\n'))
    finding = next(each for each in done.json["findings"] if each["rule"] == "CTKMS000")
    assert finding["resource"] == "aws_kms_key.k"
    assert place(finding) == ("CTKMS000", "main.tf", 7)
    assert done.json["trails"][0]["verdict"] == "fail"


def test_module_cycles_end(tmp_path: Path) -> None:
    call = 'module "{0}" {{\n  source = "../{0}"\n}}\n'
    write(tmp_path, a__main_tf=call.format("b") + TRAIL, b__main_tf=call.format("a"), root__main_tf=call.format("a"))
    done = check_json(tmp_path)
    assert done.code == 1
    assert "CTKMS000" in done.rules()
    assert "CTKMS001" in done.rules()


def test_a_link_that_points_to_itself_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, main_tf=TRAIL)
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self.tf").symlink_to(tmp_path / "self.tf")
    assert check_json(tmp_path).rules() == ["CTKMS001"]


@pytest.mark.parametrize(
    "name", ["circle", "circle.json", "circle.tf", "terraform.tfvars", "circle.auto.tfvars.json", ".ctkms-policy.yaml"]
)
def test_links_in_a_circle_are_no_files(tmp_path: Path, name: str) -> None:
    uses = 'resource "aws_kms_key" "k" {\n  policy = file("circle")\n}\nmodule "m" {\n  source = "./circle/m"\n}\n'
    nested = "Resources:\n  N:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: ./circle\n"
    trail = "  T:\n    Type: AWS::CloudTrail::Trail\n    Properties:\n      IsLogging: true\n      S3BucketName: b\n"
    write(tmp_path, main_tf=TRAIL + uses, template_yaml=nested + trail)
    (tmp_path / name).symlink_to("other")
    (tmp_path / "other").symlink_to(name)
    done = check_json(tmp_path)
    assert done.rules().count("CTKMS001") == 2
    assert 'module "m": the directory ./circle/m does not exist' in [each["message"] for each in done.json["findings"]]


def test_a_name_that_no_file_can_have_is_no_file(tmp_path: Path) -> None:
    source = 'module "m" {\n  source = "./a\\u0000b"\n}\nmodule "n" {\n  source = "./' + "n" * 300 + '"\n}\n'
    assert check_json(write(tmp_path, main_tf=TRAIL + source)).rules() == ["CTKMS000", "CTKMS000", "CTKMS001"]


def test_file_function_does_not_leave_the_repository(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    (repository / "inside.json").symlink_to(tmp_path / "secret.json")
    key = 'resource "aws_kms_key" "k" {{\n  policy = file("{}")\n}}\n'
    trail = TRAIL.replace('"logs"\n', '"logs"\n  kms_key_id     = aws_kms_key.k.arn\n')
    for path in ("../secret.json", "${path.module}/inside.json", str(tmp_path / "secret.json")):
        write(repository, main_tf=trail + key.format(path))
        assert check_json(repository).json["trails"][0]["policy"]["describe"] == "not-visible", path


def corpus_of_fixtures() -> list[Path]:
    return sorted(path for path in (REPOSITORY / "fixtures").rglob("*") if path.suffix in (".tf", ".yaml", ".json") and path.is_file())


@pytest.mark.parametrize("seed", range(12))
def test_mutated_fixtures_never_crash(tmp_path: Path, seed: int) -> None:
    """Cut, double and swap pieces of real inputs: every outcome but a report is a defect."""
    chance = random.Random(seed)
    for number, path in enumerate(chance.sample(corpus_of_fixtures(), 12)):
        data = bytearray(path.read_bytes())
        for _ in range(chance.randint(1, 4)):
            start = chance.randrange(len(data) + 1)
            end = min(len(data), start + chance.randint(0, 40))
            action = chance.randrange(3)
            if action == 0:
                del data[start:end]
            elif action == 1:
                data[start:start] = data[start:end]
            else:
                data[start:end] = bytes(chance.choice(b'{}[]()"$%<\n \\:,=&*!-') for _ in range(end - start))
        target = tmp_path / str(number) / path.name
        target.parent.mkdir()
        target.write_bytes(bytes(data))
    done = check_json(tmp_path)
    assert done.code in (0, 1), done.err


def test_what_is_wrong_with_one_module_hides_no_other_trail(tmp_path: Path) -> None:
    broken = 'module "gone" {\n  source = "./gone"\n}\nmodule "nowhere" {}\n'
    trail = TRAIL.replace('"logs"\n', '"logs"\n  kms_key_id     = {}\n')
    named = ("main", "module.gone.arn"), ("other", "module.typo.arn"), ("last", "data.aws_kms_key.x.arn")
    trails = "".join(trail.replace('"main"', f'"{name}"').replace("{}", value) for name, value in named)
    findings = check_json(write(tmp_path, main_tf=broken + trails)).json["findings"]
    assert [(each["rule"], each["message"].rpartition(": ")[2], each["help"]) for each in findings] == [
        ("CTKMS000", "the directory ./gone does not exist", "correct the source"),
        ("CTKMS000", 'module "nowhere" has no source', 'write where the module is: source = "./directory"'),
        ("CTKMS000", "module.typo is not declared", "terraform rejects it: declare it, or correct the name"),
        ("CTKMS000", "data.aws_kms_key.x is not declared", "terraform rejects it: declare it, or correct the name"),
    ]
