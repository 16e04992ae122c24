"""Templates: what HCL makes of escapes, heredoc indentation, strip markers and directives."""

from __future__ import annotations

import pytest
from hcl_cases import HEREDOCS, LONG, QUOTED, STRIPPED_QUOTED, WHOLE_FILES
from hcl_trees import first_expression, read, rendered

from ctkms_policy.source import ParseError, Source
from ctkms_policy.terraform.hcl import reader


@pytest.mark.parametrize(("text", "value"), QUOTED + HEREDOCS)
def test_text_of_a_template(text: str, value: str) -> None:
    assert rendered(first_expression(reader("tree-sitter"), f"x = {text}\n")) == value


@pytest.mark.parametrize(("text", "value"), [*STRIPPED_QUOTED, ('"$${"', "${"), ("<<EOF\na\n  EOF  \n", "a\n")])
def test_text_of_a_template_that_only_tree_sitter_reads(text: str, value: str) -> None:
    assert rendered(first_expression(reader("tree-sitter"), f"x = {text}\n")) == value


@pytest.mark.parametrize(("text", "value"), WHOLE_FILES)
def test_text_of_a_whole_file(text: str, value: str | None) -> None:
    template = reader("tree-sitter").read_template(Source("t.tpl", text))
    assert not isinstance(template, ParseError)
    assert rendered(template) == (LONG if value is None else value)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a\n${", 2, "expected an expression, found the end of the file"),
        ("a\n${b", 1, '"${" without an end'),
        ("a\n\n%{ if b }", 3, 'the "if" directive of line 3 has no "endif"'),
        ("a\n%{ endif }", 2, 'unexpected "endif" in a template'),
        ("%{ for a in b }\n%{ else }%{ endfor }", 2, 'unexpected "else" in a template'),
        ("%{ if a }%{ else }%{ else }%{ endif }", 1, 'unexpected "else" in a template'),
        ("%{ foo }", 1, 'expected if, else, endif, for or endfor, found "foo"'),
        ("${a b}", 1, 'expected "}", found "b"'),
    ],
)
def test_whole_file_that_is_no_template(text: str, line: int, message: str) -> None:
    error = reader("tree-sitter").read_template(Source("t.tpl", text))
    assert isinstance(error, ParseError)
    assert (error.span.line, error.message) == (line, message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"\\q"', 'invalid escape sequence "\\q"'),
        ('"\\$"', 'invalid escape sequence "\\$"'),
        ('"\\/"', 'invalid escape sequence "\\/"'),
        ('"\\u12"', 'invalid escape sequence "\\u"'),
        ('"\\ud83d"', "U+D83D is not a character"),
        ('"\\U00110000"', "U+110000 is not a character"),
        ('"${}"', 'expected an expression, found "}"'),
        ('"${ ~a}"', 'unsupported operator "~"'),
        ('"%{ if a }"', 'the "if" directive of line 1 has no "endif"'),
        ('"%{ if a }%{ else if b }%{ endif }"', 'expected "}", found "if"'),
    ],
)
def test_wrong_template_in_quotes(text: str, message: str) -> None:
    (problem,) = read(reader("tree-sitter"), f"x = {text}\n").problems
    assert problem.message == message
