"""Whatever the text: no reader raises, every span lies in the source, and what is read twice is equal."""

from __future__ import annotations

import json

from hcl_cases import BODIES, EXPRESSIONS, HEREDOCS, MODULE, QUOTED
from hcl_trees import converted, spans, texts
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ctkms_policy.source import ParseError, Source
from ctkms_policy.terraform.hcl import reader
from ctkms_policy.terraform.hcl.json_syntax import read_json
from ctkms_policy.terraform.hcl.syntax import HclFile, Invalid

NATIVE = reader("tree-sitter")

SEEDS = [MODULE, *(f"x = {text}\n" for text, _ in (*EXPRESSIONS, *QUOTED, *HEREDOCS)), *(text for text, _ in BODIES)]
PIECES = [
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    '"',
    "${",
    "%{",
    "~}",
    "=",
    ",",
    ".",
    ".*",
    "[*]",
    "?",
    ":",
    "=>",
    "...",
    "a",
    "1e3",
    "é",
    "\\",
    "\\u",
    "/*",
    "*/",
    "#",
    "$$",
    "'",
    "else",
    "endif",
    "::",
    "-",
    "!",
    "😀",
]
PIECES += ["\n", "\r", "<<E\n", "E\n", "<<-E", "for ", "in ", "if ", "\ufeff", "\x00"]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text: str = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 3))
        text = text[:start] + draw(st.sampled_from(["", *PIECES])) + text[end:]
    return text


hcl_like = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


def check(file: HclFile, again: HclFile) -> None:
    source = file.source
    last = source.position(len(source.text))
    tree = converted(file.body)
    for span in spans(file.body):
        assert (1, 1) <= (span.line, span.column) <= (span.end_line, span.end_column) <= last
    for text in texts(file.body):
        for offset in range(len(text.text)):
            assert (1, 1) <= text.text_map.position(offset) <= last
    for problem in file.problems:
        assert (1, 1) <= (problem.span.line, problem.span.column) <= last
        assert problem.message
    assert converted(again.body) == tree


def holds_invalid(node: object) -> bool:
    return isinstance(node, Invalid) or "Invalid(" in repr(node)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=60), hcl_like, mutated()))
@example("x = <<E\n\ud800\nE\n")
def test_read_never_raises(text: str) -> None:
    source = Source("main.tf", text)
    file = NATIVE.read(source)
    check(file, NATIVE.read(source))
    if all(problem.message != "tree-sitter-hcl does not understand this" for problem in file.problems):
        assert not holds_invalid(converted(file.body))


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.text(max_size=60), hcl_like, mutated()))
def test_read_template_and_expression_never_raise(text: str) -> None:
    source = Source("t.tpl", text)
    last = source.position(len(text))
    for result in (NATIVE.read_template(source), NATIVE.read_expression(source)):
        if isinstance(result, ParseError):
            assert (1, 1) <= (result.span.line, result.span.column) <= last
        else:
            assert not holds_invalid(result)
            for span in spans(result):
                assert (1, 1) <= (span.line, span.column) <= (span.end_line, span.end_column) <= last


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10), hcl_like),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "statement", "//", "dynamic", "${x}"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["resource", "data", "locals", "terraform", "variable", "//", "x"]), values))
def test_read_json_never_raises(document: dict[str, object]) -> None:
    source = Source("main.tf.json", json.dumps(document))
    check(read_json(source, NATIVE), read_json(source, NATIVE))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40))
def test_literal_text_survives(text: str) -> None:
    """A heredoc without sequences gives back exactly its text; terraform takes no carriage return in it but in a line end."""
    plain = text.replace("$", "").replace("%", "").replace("\x00", "").replace("\r", "").encode("utf-8", "ignore").decode()
    file = NATIVE.read(Source("main.tf", f"x = <<MARKER\n{plain}\nMARKER\n"))
    assert file.problems == ()
    assert "".join(each.text for each in texts(file.body)) == plain + "\n"
