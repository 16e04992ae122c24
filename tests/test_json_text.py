"""JSON with spans and holes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctkms_policy.json_text import MAX_DEPTH, parse_json_source, parse_json_text
from ctkms_policy.source import ParseError, Source, Span
from ctkms_policy.value import Absent, Known, ListValue, Literal, MapValue, Symbol, Template, Unknown, Value

WHOLE = Span("a.json", 9, 9, 9, 10)
ACCOUNT = Symbol("account", reason="not in the code")


def plain(value: Value) -> object:
    if isinstance(value, MapValue):
        return {entry.name: plain(entry.value) for entry in value.entries}
    if isinstance(value, ListValue):
        return [plain(item) for item in value.items]
    if isinstance(value, Absent):
        return None
    assert isinstance(value, Known)
    return value.value


def test_spans_point_at_the_values() -> None:
    value = parse_json_source(Source("a.json", '{\n\t"Key": ["x", 12, true]\n}'))
    assert isinstance(value, MapValue)
    items = value.entries[0].value
    assert isinstance(items, ListValue)
    assert value.entries[0].key.origin.span == Span("a.json", 2, 2, 2, 7)
    assert [item.origin.span for item in items.items] == [
        Span("a.json", 2, 10, 2, 13),
        Span("a.json", 2, 15, 2, 17),
        Span("a.json", 2, 19, 2, 23),
    ]


def test_escapes_are_decoded_and_mapped() -> None:
    value = parse_json_source(Source("a.json", r'"a\u0041\n\ud83d\ude00z"'))
    assert isinstance(value, Known)
    assert value.value == "aA\n\U0001f600z"
    assert value.text_map is not None
    assert [value.text_map.position(offset)[1] for offset in range(5)] == [2, 3, 9, 11, 23]


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("", "empty JSON document", 1, 1),
        ("not json {", "expected a JSON value, found 'not'", 1, 1),
        ('{"a": 1,\n "a": 2}', 'key "a" is there twice, first in line 1', 2, 2),
        ('{"a" 1}', "expected ':' after the key", 1, 6),
        ('{"a": 1,}', "a comma before '}'", 1, 8),
        ("[1,]", "a comma before ']'", 1, 3),
        ("[1", "the JSON document ends too early", 1, 3),
        ('"a\nb"', "a line end or control character in a JSON string", 1, 3),
        ('"a', "JSON string without an end", 1, 1),
        (r'"\x"', "invalid escape in a JSON string", 1, 2),
        ("{} x", "text after the end of the JSON document", 1, 4),
        ("{'a': 1}", "expected a key in double quotes or '}'", 1, 2),
        ("[" * (MAX_DEPTH + 1), f"JSON nested deeper than {MAX_DEPTH} levels", 1, MAX_DEPTH + 1),
    ],
)
def test_errors_have_a_place(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse_json_source(Source("a.json", text))
    assert (caught.value.message, caught.value.span.line, caught.value.span.column) == (message, line, column)


def test_a_hole_in_a_string_makes_a_template() -> None:
    text = Template((Literal('{"a": "x:'), ACCOUNT, Literal('"}')))
    value = parse_json_text(text, WHOLE)
    assert isinstance(value, MapValue)
    assert value.entries[0].value == Template((Literal("x:"), ACCOUNT))


def test_a_string_that_is_one_hole_is_the_hole() -> None:
    value = parse_json_text(Template((Literal('["'), ACCOUNT, Literal('"]'))), WHOLE)
    assert value == ListValue((ACCOUNT,))


def test_a_hole_for_a_whole_value_is_unknown_with_its_reason() -> None:
    value = parse_json_text(Template((Literal('{"a": '), Unknown("var.list has no default"), Literal("}"))), WHOLE)
    assert isinstance(value, MapValue)
    assert value.entries[0].value == Unknown("var.list has no default")


def test_holes_between_entries_leave_the_rest_open() -> None:
    value = parse_json_text(Template((Literal('{"a": 1, '), Unknown("var.more"), Literal("}"))), WHOLE)
    assert isinstance(value, MapValue)
    assert value.get("a") == Known(1)
    assert "var.more" in value.rest


def test_text_without_a_place_gets_the_fallback() -> None:
    with pytest.raises(ParseError) as caught:
        parse_json_text(Known("nope"), WHOLE)
    assert caught.value.span == WHOLE


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\uffff")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\uffff")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values, st.booleans())
def test_reads_what_json_writes(document: object, ascii_only: bool) -> None:
    assert plain(parse_json_source(Source("a.json", json.dumps(document, ensure_ascii=ascii_only, indent=1)))) == document


@given(st.text(max_size=60))
def test_arbitrary_text_is_read_as_json_reads_it_or_is_a_parse_error(text: str) -> None:
    try:
        value = parse_json_source(Source("a.json", text))
    except ParseError:
        return
    assert plain(value) == json.loads(text)
