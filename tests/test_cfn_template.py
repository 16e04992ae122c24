"""The reader: YAML and JSON text as values with exact spans, and which files are templates at all."""

from __future__ import annotations

import contextlib
import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ctkms_policy.cloudformation.detect import looks_like_template
from ctkms_policy.cloudformation.template import MAX_TEMPLATE_BYTES, is_reported, read_templates
from ctkms_policy.cloudformation.yaml_text import MAX_DEPTH, MAX_NODES, parse_yaml_source
from ctkms_policy.source import ParseError, Source, Span
from ctkms_policy.value import Absent, Known, ListValue, MapValue, Value


def parse(text: str) -> Value:
    documents = parse_yaml_source(Source("t.yaml", text))
    assert len(documents) == 1
    return documents[0]


def at(text: str, *path: str | int) -> Value:
    value = parse(text)
    for step in path:
        if isinstance(step, int):
            assert isinstance(value, ListValue)
            value = value.items[step]
        else:
            assert isinstance(value, MapValue)
            found = value.get(step)
            assert found is not None, step
            value = found
    return value


def text_at(text: str, span: Span | None) -> str:
    assert span is not None
    lines = text.split("\n")
    if span.line == span.end_line:
        return lines[span.line - 1][span.column - 1 : span.end_column - 1]
    middle = lines[span.line : span.end_line - 1]
    return "\n".join([lines[span.line - 1][span.column - 1 :], *middle, lines[span.end_line - 1][: span.end_column - 1]])


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("abc", "abc"),
        ("2012-10-17", "2012-10-17"),
        ("111122223333", 111122223333),
        ("012345670123", "012345670123"),
        ("012345678901", "012345678901"),
        ("0", 0),
        ("-5", -5),
        ("1.10", "1.10"),
        ("1.5", 1.5),
        ("1e3", "1e3"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("true", True),
        ("Yes", True),
        ("off", False),
        ("'true'", "true"),
        ('"1"', "1"),
        ("!!str 12", "12"),
        ("y", "y"),
        (".inf", ".inf"),
    ],
)
def test_scalars_keep_their_text_unless_it_would_be_written_the_same_again(written: str, value: object) -> None:
    found = at(f"k: {written}\n", "k")
    assert isinstance(found, Known)
    assert (found.value, type(found.value)) == (value, type(value))


@pytest.mark.parametrize("written", ["", "~", "null", "Null"])
def test_null_is_absent(written: str) -> None:
    assert isinstance(at(f"k: {written}\n", "k"), Absent)


@pytest.mark.parametrize(
    ("written", "name", "argument"),
    [
        ("!Ref Key", "Ref", "Key"),
        ("!GetAtt Key.Arn", "Fn::GetAtt", "Key.Arn"),
        ("!Sub '${Key.Arn}'", "Fn::Sub", "${Key.Arn}"),
        ("!Condition IsProduction", "Condition", "IsProduction"),
        ("!ImportValue  x", "Fn::ImportValue", "x"),
        ("!Ref &anchor Key", "Ref", "Key"),
    ],
)
def test_short_forms_of_scalars(written: str, name: str, argument: str) -> None:
    text = f"k: {written}\n"
    call = at(text, "k")
    assert isinstance(call, MapValue)
    assert [entry.name for entry in call.entries] == [name]
    value = call.entries[0].value
    assert value == Known(argument)
    assert text_at(text, call.origin.span) == written
    assert text_at(text, call.entries[0].key.origin.span) == written.split()[0]
    assert text_at(text, value.origin.span).strip("'") == argument


def test_short_forms_of_collections() -> None:
    text = "k: !Join ['', [a, !Ref B]]\nm: !If\n  - C\n  - x\n  - y\nn: 1\n"
    join, choice = at(text, "k"), at(text, "m")
    assert isinstance(join, MapValue)
    assert isinstance(choice, MapValue)
    assert text_at(text, join.origin.span) == "!Join ['', [a, !Ref B]]"
    assert text_at(text, choice.origin.span) == "!If\n  - C\n  - x\n  - y"
    assert text_at(text, choice.entries[0].value.origin.span) == "- C\n  - x\n  - y"


def test_spans_of_collections_end_with_their_last_item() -> None:
    text = "a:\n  b:\n    - 1\n    - {c: d}\n\n# comment\ne: f\n"
    assert text_at(text, at(text, "a").origin.span) == "b:\n    - 1\n    - {c: d}"
    assert text_at(text, at(text, "a", "b", 1).origin.span) == "{c: d}"


@pytest.mark.parametrize(
    "text",
    [
        "k: plain text here\n",
        "k: 'single ''quoted'' text'\n",
        'k: "double \\"quoted\\" text"\n',
        "k: |\n  first line\n    indented line\n\n  last line\n",
        "k: >-\n  folded line\n  goes on\n\n  new paragraph\n",
        "k: plain text\n  that goes on\n",
        "k: 'quoted text\n  that goes on'\n",
        'k: "quoted text\n  that goes on \\\n  and on"\n',
        "k: |2\n   one more\n  base\n",
        "k: |\r\n  first\r\n  second\r\n",
        "k: !Sub |\n  first ${X}\n  second\n",
        "k: é😀 ü\n",
    ],
)
def test_every_character_of_a_string_has_its_place(text: str) -> None:
    value = at(text, "k")
    if isinstance(value, MapValue):
        value = value.entries[0].value
    assert isinstance(value, Known)
    assert isinstance(value.value, str)
    assert value.text_map is not None
    for offset, character in enumerate(value.value):
        if character.isspace():
            continue
        line, column = value.text_map.position(offset)
        assert text.split("\n")[line - 1][column - 1 :].lstrip("\\")[:1] == character, offset


@settings(max_examples=150)
@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\"' \\:#{}é"), max_size=60),
    st.sampled_from(["'", '"', "|", ">"]),
)
def test_strings_of_any_style_come_back_and_their_characters_are_found(written: str, style: str) -> None:
    text = yaml.safe_dump({"k": written}, default_style=style, allow_unicode=True, width=30)
    value = at(text, "k")
    assert isinstance(value, Known)
    assert value.value == yaml.safe_load(text)["k"]
    if value.text_map is None:
        return
    source = Source("t.yaml", text)
    starts = source.line_starts
    for offset, character in enumerate(str(value.value)):
        line, column = value.text_map.position(offset)
        position = starts[line - 1] + column - 1
        if character.isalnum() and text[position : position + 1] not in ("\\", character):
            raise AssertionError((offset, character, text[position : position + 5]))


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("a: 1\nb: 2\na: 3\n", 'key "a" is there twice, first in line 1', (3, 1)),
        ("a: &x\n  b: *x\n", 'the alias "*x" stands inside its own anchor', (2, 6)),
        ("a: *nowhere\n", 'the alias "*nowhere" has no anchor', (1, 4)),
        ("a:\n\t- b\n", "invalid YAML: while scanning for the next token found character that cannot start any token", (2, 1)),
        ("a: 'open\n", "invalid YAML: while scanning a quoted scalar found unexpected end of stream", (2, 1)),
        ("? [a]\n: b\n", "a map key that is not a string", (1, 3)),
        ("a: \x07\n", "invalid YAML: control characters are not allowed", (1, 4)),
        ("é: \x07\n", "invalid YAML: control characters are not allowed", (1, 4)),
    ],
)
def test_what_cannot_be_read_is_a_parse_error_with_its_place(text: str, message: str, place: tuple[int, int]) -> None:
    with pytest.raises(ParseError) as error:
        parse_yaml_source(Source("t.yaml", text))
    assert error.value.message == message
    assert (error.value.span.line, error.value.span.column) == place


def test_deep_nesting_is_a_parse_error() -> None:
    for text in ("[" * 100_000, "{a: " * 100_000, "\n".join(" " * depth + "- " for depth in range(MAX_DEPTH + 2))):
        with pytest.raises(ParseError, match="nested deeper"):
            parse_yaml_source(Source("t.yaml", text))


def test_an_alias_bomb_is_a_parse_error() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ParseError, match=f"more than {MAX_NODES} values"):
        parse_yaml_source(Source("t.yaml", "\n".join(lines)))


def test_aliases_and_merge_keys() -> None:
    text = "base: &b {Type: x, Own: 1}\nmade:\n  <<: *b\n  Own: 2\ncopy: *b\n"
    made = at(text, "made")
    assert isinstance(made, MapValue)
    assert {entry.name: entry.value for entry in made.entries} == {"Own": Known(2), "Type": Known("x")}
    assert at(text, "copy") == at(text, "base")


TEMPLATE = "Resources:\n  Trail:\n    Type: AWS::CloudTrail::Trail\n"


@pytest.mark.parametrize(
    ("text", "templates"),
    [
        (TEMPLATE, 1),
        ("---\n" + TEMPLATE + "---\n" + TEMPLATE, 2),
        ("service: x\nresources:\n  Resources:\n    T: {Type: 'AWS::CloudTrail::Trail'}\n", 1),
        ("resources:\n  - Resources:\n      T: {Type: 'AWS::KMS::Key'}\n  - Outputs: {}\n", 1),
        ("apiVersion: v1\nkind: ConfigMap\nResources: AWS::CloudTrail::Trail\n", 0),
        ("- hosts: all\n  tasks: ['AWS::CloudTrail::Trail']\n", 0),
        ("Resources:\n  - AWS::CloudTrail::Trail\n", 0),
        ("just text about AWS::CloudTrail::Trail\n", 0),
        ("", 0),
        ('{"Resources": {"T": {"Type": "AWS::CloudTrail::Trail"}}}', 1),
        ('{\t"Resources": {\t"T": {\t"Type": "AWS::CloudTrail::Trail"}}}', 1),
        ('{"Resources": {"T": {"Type": "AWS::CloudTrail::Trail"},}} # nearly JSON', 1),
        ("Resources:\n  Fn::Transform: {Name: AWS::Include}\n", 1),
    ],
)
def test_content_decides_what_is_a_template(text: str, templates: int) -> None:
    assert len(read_templates(Source("any.name", text))) == templates


@pytest.mark.parametrize(
    ("path", "text", "reported"),
    [
        ("t.yaml", "{% if x %}\n" + TEMPLATE, True),
        ("t.template", "{% if x %}\n" + TEMPLATE, True),
        ("t.yaml", "{% if x %}\nResources:\n  K:\n    Type: 'AWS::KMS::Key'\n", True),
        ("t.yaml", "{% if x %}\nfoo:\n  K:\n    Type: 'AWS::KMS::Key'\n", False),
        ("t.yaml", "{% if x %}\nallowed: [AWS::CloudTrail::Trail]\n", False),
        ("t.txt", "{% if x %}\n" + TEMPLATE, False),
        ("t.json", '{"Type": "AWS::CloudTrail::Trail"', True),
    ],
)
def test_an_unreadable_file_is_reported_when_it_declares_a_trail(path: str, text: str, reported: bool) -> None:
    source = Source(path, text)
    assert is_reported(source) is reported
    if reported:
        with pytest.raises(ParseError):
            read_templates(source)
    else:
        assert read_templates(source) == ()


def test_a_template_larger_than_cloudformation_takes_is_reported() -> None:
    text = TEMPLATE + "#" * MAX_TEMPLATE_BYTES
    with pytest.raises(ParseError, match="larger than 2 MB"):
        read_templates(Source("t.yaml", text))


def test_the_byte_test() -> None:
    assert looks_like_template(TEMPLATE.encode())
    assert looks_like_template(b'{"resources":{"Resources":{"A":{"Type":"AWS::S3::Bucket"}}}}')
    assert not looks_like_template(b"Resources: nothing of ours")
    assert not looks_like_template(b"AWS::CloudTrail::Trail is a type")


_LINES = st.sampled_from(
    [
        "Resources:",
        "  Trail:",
        "    Type: AWS::CloudTrail::Trail",
        "    Properties:",
        "      KMSKeyId: !Ref Key",
        "      - !Sub [a, {b: c}]",
        "  <<: *a",
        "  a: &a {x: *a}",
        "\t- tab",
        "  k: |",
        "  k: >+",
        "---",
        "...",
        "%YAML 1.1",
        "? ",
        ": ",
        "'",
        '"\\u12',
        "{",
        "]",
        "!",
        "!<tag:x>",
        "&",
        "*",
    ]
)


@settings(max_examples=200)
@given(st.lists(_LINES | st.text(max_size=20), max_size=25).map("\n".join))
def test_arbitrary_text_raises_only_parse_errors(text: str) -> None:
    with contextlib.suppress(ParseError):
        parse_yaml_source(Source("t.yaml", text))


@settings(max_examples=100)
@given(st.text(max_size=200))
def test_arbitrary_text_as_a_template_raises_only_parse_errors(text: str) -> None:
    for path in ("t.yaml", "t.json"):
        with contextlib.suppress(ParseError):
            read_templates(Source(path, text + "\n" + TEMPLATE))


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("abc<", min_size=1), inner),
    )
)
def test_json_is_read_the_same_as_yaml(data: object) -> None:
    text = json.dumps(data, ensure_ascii=True)

    def plain(value: Value) -> object:
        if isinstance(value, MapValue):
            return {entry.name: plain(entry.value) for entry in value.entries}
        if isinstance(value, ListValue):
            return [plain(item) for item in value.items]
        return None if isinstance(value, Absent) else value.value if isinstance(value, Known) else value

    assert plain(parse(text)) == json.loads(text)
