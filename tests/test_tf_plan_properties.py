"""Whatever stands in a plan, it is read or refused: nothing but ParseError is ever raised."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from command import working_directory
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plan_documents import KEY, KEY_UNKNOWN, Json, change, configured, plan, read_plan, refs, trail_change, without

from ctkms_policy.model import KeyPolicy
from ctkms_policy.source import ParseError
from ctkms_policy.value import Reference

GOLDEN = sorted((Path(__file__).parent / "golden" / "plan").glob("*/plan.json"))
TEXTS = [path.read_text(encoding="utf-8") for path in GOLDEN]

WRONG: list[Any] = [
    None,
    True,
    False,
    0,
    -1.5,
    "",
    "x",
    "module.a[",
    '["',
    [],
    [None],
    [[]],
    {},
    {"references": "x"},
    {"references": [1]},
    {"": {}},
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += paths(each, (*path, key))
    return found


PIECES = [
    "",
    "{",
    "}",
    "[",
    "]",
    '"',
    ",",
    ":",
    "\\",
    "\n",
    "\x01",
    "1e999",
    "-",
    "\U0001f600",
    r"\ud800",
    r"\ud83d\ude00",
    r"\\ud800",
    "\uffff",
]

DOCUMENTS = [json.loads(text) for text in TEXTS]
PATHS = [paths(document) for document in DOCUMENTS]


def read(text: str) -> None:
    with suppress(ParseError):
        assert read_plan(text, {}).path == "plan.json"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_wrong_types_anywhere(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(DOCUMENTS) - 1))
    document = copy.deepcopy(DOCUMENTS[number])
    for path in data.draw(st.lists(st.sampled_from(PATHS[number]), min_size=1, max_size=4)):
        holder = document
        for key in path[:-1]:
            fits = (isinstance(holder, dict) and key in holder) or (isinstance(holder, list) and isinstance(key, int) and key < len(holder))
            holder = holder[key] if fits else None
        replacement = data.draw(st.sampled_from(WRONG))
        if isinstance(holder, dict) or (isinstance(holder, list) and isinstance(path[-1], int) and path[-1] < len(holder)):
            holder[path[-1]] = copy.deepcopy(replacement)
    read(json.dumps(document))


CODE = """
variable "name" {}
locals {
  key = aws_kms_key.logs[count.index].arn
}
resource "aws_cloudtrail" "main" {
  count      = 2
  kms_key_id = aws_kms_key.logs[1 - count.index].arn
}
resource "aws_kms_key" "logs" {
  count  = 2
  policy = data.aws_iam_policy_document.key.json
}
data "aws_iam_policy_document" "key" {
  statement {
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::111122223333:root", aws_iam_role.reader.arn]
    }
  }
}
resource "aws_iam_role" "reader" {}
"""


def beside_code() -> Json:
    principals = [{"type": "AWS", "identifiers": ["arn:aws:iam::111122223333:root", None]}]
    statement = {"actions": ["kms:*"], "resources": ["*"], "principals": principals}
    document = change(
        "data.aws_iam_policy_document.key",
        {"statement": [statement]},
        {"json": True, "statement": [{"principals": [{"identifiers": [False, True]}]}]},
        actions=["read"],
    )
    policy = refs("data.aws_iam_policy_document.key.json", "data.aws_iam_policy_document.key")
    changes = [
        document,
        *(trail_change(f"aws_cloudtrail.main[{index}]") for index in (0, 1)),
        *(change(f"aws_kms_key.logs[{index}]", without(KEY, "policy"), {**KEY_UNKNOWN, "policy": True}) for index in (0, 1)),
    ]
    resources = [
        configured("aws_cloudtrail.main", {"kms_key_id": refs("aws_kms_key.logs", "count.index")}),
        configured("aws_kms_key.logs", {"policy": policy}),
        configured("aws_iam_role.reader"),
        configured("data.aws_iam_policy_document.key", {"statement": [{"principals": [{"identifiers": refs("aws_iam_role.reader.arn")}]}]}),
    ]
    return plan(changes, resources, variables={"name": {"value": ["x"]}})


BESIDE = beside_code()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(paths(BESIDE)), st.sampled_from(WRONG)), max_size=4))
@example([(("configuration", "root_module", "resources", 1, "type"), [])])
def test_wrong_types_beside_the_code(wrong: list[tuple[tuple[Any, ...], Any]]) -> None:
    document = copy.deepcopy(BESIDE)
    for path, replacement in wrong:
        with suppress(KeyError, IndexError, TypeError):
            holder = document
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = copy.deepcopy(replacement)
    with TemporaryDirectory() as name, working_directory(Path(name)):
        Path("main.tf").write_text(CODE, encoding="utf-8")
        with suppress(ParseError):
            configuration = read_plan(json.dumps(document), {}, directory=Path(name))
            if not wrong:
                assert [key.policy.statements for key in configuration.keys if isinstance(key.policy, KeyPolicy)] != []
                assert [trail.kms_key_id.value for trail in configuration.trails] == [
                    Reference(f"aws_kms_key.logs[{index}]", "arn") for index in (1, 0)
                ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_truncated_and_mangled_text(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 60)))
    read(text[:start] if data.draw(st.booleans()) else text[:start] + data.draw(st.sampled_from(PIECES)) + text[end:])
