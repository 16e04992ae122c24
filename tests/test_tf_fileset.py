"""``fileset``: the files of the repository that a pattern matches, as Terraform lists them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from command import check_json, write
from test_tf_functions_console import console, needs_terraform
from tf_expression_scope import READER, parsed

from ctkms_policy.source import Source
from ctkms_policy.terraform.conversion import written_json
from ctkms_policy.terraform.expression import evaluate
from ctkms_policy.terraform.installed import InstalledModules
from ctkms_policy.terraform.module import Module, Repository
from ctkms_policy.terraform.world import World
from ctkms_policy.value import JsonText, Known, Unknown

FILES = (
    "d/a.json",
    "d/b.txt",
    "d/ab.json",
    "d/abc.json",
    "d/a-b.json",
    "d/a*b.json",
    "d/!.json",
    "d/é.json",
    "d/x y.json",
    "d/x,y.json",
    "d/[x].json",
    "d/{q}.json",
    "d/.dot.json",
    "d/sub/a.json",
    "d/sub/deep/c.json",
    "d/sub/.hidden.json",
    "d/e/z.json",
    "top.json",
)
LINKS = {"d/l2": "e", "d/la.json": "a.json", "d/to_deep": "sub/deep", "d/sub/up.json": "../../top.json"}
SETS = (
    ("d", "*.json"),
    ("d", "**/*.json"),
    ("d", "sub/*"),
    ("d", "sub/**/*.json"),
    ("d", "?.json"),
    ("d", "??.json"),
    ("d", "a*"),
    ("d", "a.json*"),
    ("d", "**/a.json"),
    ("d", "**/deep/*.json"),
    ("d", "./*.txt"),
    ("d", "/*.txt"),
    ("d", "nothing/*"),
    ("d", "*"),
    ("d", "sub/deep/c.json"),
    ("d", "sub//a.json"),
    ("d", ""),
    ("d", "."),
    ("d", "sub"),
    # links to directories and files
    ("d", "l2/*.json"),
    ("d/l2", "*.json"),
    ("d", "*/*.json"),
    ("d", "la*"),
    ("d", "to_deep/**"),
    ("d/to_deep", "../*.json"),
    # a last **, and ..
    ("d", "**"),
    ("d", "sub/**"),
    ("d", "../*.json"),
    ("d", "*/../*.txt"),
    ("d/sub", "../../*.json"),
    # classes
    ("d", "[ab].json"),
    ("d", "[^a].json"),
    ("d", "[!a].json"),
    ("d", "[a-z].json"),
    ("d", "[^a-z].json"),
    ("d", "[z-a].json"),
    ("d", "[^z-a].json"),
    ("d", "[a,b].json"),
    ("d", "[\\[]x].json"),
    ("d", "a[\\-]b.json"),
    # alternatives
    ("d", "{a,b}.json"),
    ("d", "{a,b}.{json,txt}"),
    ("d", "{a,[b]}.*"),
    ("d", "*{a,b}.json"),
    ("d", "{ab,a}c.json"),
    ("d", "{a,ab*}.json"),
    ("d", "*{ab,a}*b.json"),
    ("d", "{a,b}{b,.}*"),
    ("d", "{a}.json"),
    ("d", "a}.json"),
    ("d", "x,y.json"),
    # escapes
    ("d", "a\\*b.json"),
    ("d", "\\[x].json"),
    ("d", "\\{q\\}.json"),
    ("d", "\\a.json"),
    # the path is part of the pattern
    ("[d]", "b.txt"),
    ("*", "b.txt"),
    ("", "*.json"),
    ("nowhere", "*"),
    ("d/a.json", "**"),
)
NOT_MODELLED = (
    "a**.json",
    "**c.json",
    "**/**/*.txt",
    "a{,b}.json",
    "a{b,*}.json",
    "{a,{b,c}}.json",
    "{sub/a,b}.json",
    "{a",
    "[]",
    "[a-].json",
    "a[-]b.json",
    "[a",
    "a\\\\b",
    "a\\",
)


def repository(directory: Path) -> Path:
    for name in FILES:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("", encoding="utf-8")
    for name, target in LINKS.items():
        (directory / name).symlink_to(target)
    return directory


def ours(directory: Path, path: str, pattern: str) -> object:
    """Return what the expression gives in a module, as Python values, or the reason why that is not known."""
    everything = Repository(directory, str, READER, {})
    world = World(everything, Module(directory), InstalledModules(), {}, {})
    source = Source("main.tf", f"fileset({json.dumps(path)}, {json.dumps(pattern)})")
    value = evaluate(parsed(source), world.root)
    if isinstance(value, Unknown):
        return value.reason
    text = written_json(JsonText(value))
    assert isinstance(text, Known)
    return json.loads(str(text.value))


@needs_terraform
def test_the_files_are_those_that_terraform_lists(tmp_path: Path) -> None:
    answers = console([f"fileset({json.dumps(path)}, {json.dumps(pattern)})" for path, pattern in SETS], repository(tmp_path))
    found = {each: ours(tmp_path, *each) for each in SETS}
    assert found == {each: json.loads(answer) for each, answer in zip(SETS, answers, strict=True)}


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("l2/*.json", ["l2/z.json"]),
        ("[!a].json", ["!.json", "a.json"]),
        ("{a,b}.*", ["a.json", "b.txt"]),
        ("sub/**", ["sub/.hidden.json", "sub/a.json", "sub/deep/c.json", "sub/up.json"]),
        ("../*.json", ["../top.json"]),
        ("a\\*b.json", ["a*b.json"]),
    ],
)
def test_files_of_a_pattern(pattern: str, files: list[str], tmp_path: Path) -> None:
    assert ours(repository(tmp_path), "d", pattern) == files


@pytest.mark.parametrize("pattern", NOT_MODELLED)
def test_a_pattern_that_is_not_modelled_is_named(pattern: str, tmp_path: Path) -> None:
    assert ours(repository(tmp_path), "d", pattern) == f'fileset() with the pattern "{pattern}" is not modelled'


@pytest.mark.parametrize("pattern", ["out/*.json", "*/*.json", "**/*.json", "out.json", "*.json", "**"])
def test_a_link_out_of_the_repository_is_not_followed(pattern: str, tmp_path: Path) -> None:
    write(tmp_path, outside__a_json="{}", repository__main_tf="")
    (tmp_path / "repository/out").symlink_to("../outside")
    (tmp_path / "repository/out.json").symlink_to("../outside/a.json")
    reason = ours(tmp_path / "repository", ".", pattern)
    assert reason in (
        'the link "out" leads out of the repository',
        'the link "out.json" leads out of the repository',
        "the directory out lies outside the repository",
    )


def test_a_link_out_of_the_repository_that_the_pattern_does_not_meet(tmp_path: Path) -> None:
    write(tmp_path, outside__a_json="{}", repository__b_json="")
    (tmp_path / "repository/out.json").symlink_to("../outside/a.json")
    assert ours(tmp_path / "repository", ".", "b*.json") == ["b.json"]


@pytest.mark.parametrize(("target", "reason"), [(".", '"d" holds itself as "d/loop"'), ("..", '"d" holds itself as "d/loop/d"')])
def test_a_link_that_leads_back_is_named(target: str, reason: str, tmp_path: Path) -> None:
    write(tmp_path, d__a_json="{}")
    (tmp_path / "d/loop").symlink_to(target)
    assert ours(tmp_path, "d", "**/*.json") == f"by way of a link the directory {reason}"
    assert ours(tmp_path, "d", "*.json") == ["a.json"]
    assert ours(tmp_path, "d", "*/*.json") == (["loop/a.json"] if target == "." else [])


@pytest.mark.parametrize("target", ["nowhere", "dead.json"])
def test_a_link_that_leads_nowhere_fails_where_the_pattern_meets_it(target: str, tmp_path: Path) -> None:
    write(tmp_path, d__a_json="{}")
    (tmp_path / "d/dead.json").symlink_to(target)
    assert ours(tmp_path, "d", "*.json") == 'fileset(): the link "d/dead.json" leads nowhere'
    assert ours(tmp_path, "d", "a*.json") == ["a.json"]
    assert ours(tmp_path, "d", "**") == ["a.json"]


@pytest.mark.parametrize("pattern", ["*a" * 40 + "b", "{*a,*aa}" * 20 + "b", "[a]*" * 40 + "b"])
def test_no_pattern_takes_long(pattern: str, tmp_path: Path) -> None:
    write(tmp_path, d__x_json="")
    (tmp_path / "d" / ("a" * 250)).touch()
    started = time.monotonic()
    assert ours(tmp_path, "d", pattern) == []
    assert time.monotonic() - started < 5


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, d__a_json="{}")
    os.mkfifo(tmp_path / "d/pipe.json")
    assert ours(tmp_path, "d", "*.json") == ["a.json"]


MODULE = """
resource "aws_cloudtrail" "t" {
  for_each       = fileset("${path.module}/trails", "*.json")
  name           = trimsuffix(each.value, ".json")
  s3_bucket_name = "logs"
}
"""


def addresses(directory: Path) -> list[str]:
    return [each["address"] for each in check_json(directory, ".").json["trails"]]


def test_trails_for_each_file(tmp_path: Path) -> None:
    write(tmp_path, main_tf=MODULE, trails__a_json="{}", trails__b_json="{}", trails__c_txt="")
    assert addresses(tmp_path) == ['aws_cloudtrail.t["a.json"]', 'aws_cloudtrail.t["b.json"]']


def test_a_directory_outside_the_repository_is_not_listed(tmp_path: Path) -> None:
    write(tmp_path, outside__a_json="{}", repository__main_tf=MODULE.replace("trails", "../outside"))
    (tmp_path / "repository" / ".git").mkdir()
    report = check_json(tmp_path / "repository", ".").json
    assert '["a.json"]' not in json.dumps(report)


@pytest.mark.parametrize("pattern", ["*.json", "**/*.json"])
def test_trails_for_each_file_behind_a_link(pattern: str, tmp_path: Path) -> None:
    write(tmp_path, main_tf=MODULE.replace("*.json", pattern).replace("trails", "linked"), e__a_json="{}")
    (tmp_path / "linked").symlink_to("e")
    assert addresses(tmp_path) == ['aws_cloudtrail.t["a.json"]']


def test_a_set_that_is_not_known_keeps_the_trail_and_its_reason(tmp_path: Path) -> None:
    write(tmp_path, outside__a_json="{}", repository__main_tf=MODULE.replace("${path.module}/trails", "."), repository__e__b_json="{}")
    (tmp_path / "repository" / ".git").mkdir()
    (tmp_path / "repository" / "out.json").symlink_to("../outside/a.json")
    report = check_json(tmp_path / "repository", ".").json
    assert [each["address"] for each in report["trails"]] == ["aws_cloudtrail.t[each.key]"]
