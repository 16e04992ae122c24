"""``fileset``: the files of the repository that a pattern matches, as Terraform lists them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import check_json, write
from test_tf_functions_console import console, needs_terraform
from tf_expression_scope import NamedValues

from ctkms_policy.terraform.conversion import written_json
from ctkms_policy.value import JsonText, Known, Unknown

FILES = ("a.json", "b.txt", "sub/a.json", "sub/deep/c.json", "sub/.hidden.json", ".dot.json", "x y.json", "ab.json")
PATTERNS = (
    "*.json",
    "**/*.json",
    "sub/*",
    "sub/**/*.json",
    "?.json",
    "??.json",
    "a*",
    "**/a.json",
    "./*.txt",
    "nothing/*",
    "*",
    "sub/deep/c.json",
)
NOT_MODELLED = ("[ab].json", "{a,b}.json", "sub/**", "../*.json", "a\\*")


def ours(directory: str, pattern: str, files: tuple[str, ...] = FILES) -> object:
    scope = NamedValues(files=dict.fromkeys(files, ""))
    value = scope.value_of(f"fileset({json.dumps(directory)}, {json.dumps(pattern)})")
    if isinstance(value, Unknown):
        return value.reason
    text = written_json(JsonText(value))
    assert isinstance(text, Known)
    return json.loads(str(text.value))


@needs_terraform
def test_the_files_are_those_that_terraform_lists(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / name).write_text("", encoding="utf-8")
    answers = console([f'fileset("d", {json.dumps(pattern)})' for pattern in PATTERNS], tmp_path)
    assert [ours("d", pattern, tuple(f"d/{name}" for name in FILES)) for pattern in PATTERNS] == [json.loads(each) for each in answers]


@pytest.mark.parametrize("pattern", NOT_MODELLED)
def test_a_pattern_that_is_not_modelled_is_named(pattern: str) -> None:
    assert ours(".", pattern) == f'fileset() with the pattern "{pattern}" is not modelled'


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
