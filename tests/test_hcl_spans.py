"""Spans: what a span covers, and where each character of a literal text stands."""

from __future__ import annotations

import pytest
from hcl_cases import MODULE
from hcl_trees import PATH, read, spans, texts

from ctkms_policy.source import Source, Span
from ctkms_policy.terraform.hcl import reader
from ctkms_policy.terraform.hcl.syntax import Body


def text_of(source: Source, span: Span) -> str:
    start = source.line_starts[span.line - 1] + span.column - 1
    return source.text[start : source.line_starts[span.end_line - 1] + span.end_column - 1]


def collected(body: Body, source: Source) -> set[str]:
    return {text_of(source, span) for span in spans(body)}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_spans_cover_what_they_name(line_end: str) -> None:
    module = MODULE.replace("\n", line_end)
    native = reader("tree-sitter")
    source = Source(PATH, module)
    file = native.read(source)
    assert file.problems == ()
    found = collected(file.body, source)
    block = file.body.blocks[0]
    assert text_of(source, block.head_span) == 'resource "aws_kms_key" "läufe"'
    assert text_of(source, block.span) == source.text[source.text.index("resource") :].rstrip()
    expected = [
        "policy",
        '"Allow"',
        '"ü${var.a}ß"',
        "${var.a}",
        "var.a",
        "-1",
        "1",
        "var.create ? 1 : var.other ? 2 : 3",
        "var.other ? 2 : 3",
        "var.names[0]",
        "%{ if var.x }ja%{ else }nein%{ endif }",
        '"${v}\\n\\"x\\""',
        'v != ""',
        "[policy]",
        "lifecycle",
        "lifecycle { ignore_changes = [policy] }",
    ]
    assert [text for text in expected if text not in found] == []
    heredoc = next(text for text in found if text.startswith("<<-EOT"))
    assert heredoc.endswith("EOT")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_every_character_of_a_literal_text_stands_where_its_map_says(line_end: str) -> None:
    source = Source(PATH, MODULE.replace("\n", line_end))
    found = list(texts(reader("tree-sitter").read(source).body))
    assert len(found) > 10
    for text in found:
        for offset, character in enumerate(text.text):
            line, column = text.text_map.position(offset)
            there = (source.text[source.line_starts[line - 1] :])[column - 1]
            assert there == character or (there == "\\" and character in '\n"')


def test_escapes_and_stripped_text_keep_places() -> None:
    native = reader("tree-sitter")
    (text,) = texts(read(native, 'x = "aé\\u00e9\\"$${b}"\n').body)
    assert text.text == 'aéé"${b}'
    assert [text.text_map.position(offset)[1] for offset in range(len(text.text))] == [6, 7, 8, 14, 16, 18, 19, 20]
    (text,) = texts(read(native, "x = <<-E\n    a\n      b\n    E\n").body)
    assert text.text == "a\n  b\n"
    assert [text.text_map.position(offset) for offset in range(len(text.text))] == [(2, 5), (2, 6), (3, 5), (3, 6), (3, 7), (3, 8)]


def test_spans_of_a_template_file_are_the_files_own() -> None:
    source = Source("t.tpl", "é\n ${a.b} \n%{ for x in c ~}\n${x}%{ endfor }")
    template = reader("tree-sitter").read_template(source)
    assert {text_of(source, span) for span in spans(template)} >= {source.text, "${a.b}", "a.b", "a", "c", "${x}", "x"}
    for text in texts(template):
        for offset, character in enumerate(text.text):
            line, column = text.text_map.position(offset)
            assert source.text[source.line_starts[line - 1] + column - 1] == character


def test_expression_of_its_own_has_its_own_spans() -> None:
    source = Source("--var", "[\n  é.b,\n  c]")
    expression = reader("tree-sitter").read_expression(source)
    assert {text_of(source, span) for span in spans(expression)} == {source.text, "é.b", "é", "c"}
