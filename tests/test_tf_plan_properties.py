"""Whatever stands in a plan, it is read or refused: nothing but ParseError is ever raised."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from plan_documents import read_plan

from ctkms_policy.source import ParseError

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


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_truncated_and_mangled_text(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 60)))
    read(text[:start] if data.draw(st.booleans()) else text[:start] + data.draw(st.sampled_from(PIECES)) + text[end:])
