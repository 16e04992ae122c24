"""The second reader against the first: equal trees and equal spans. Runs in an environment without checkov."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from conftest import REPOSITORY
from hcl_cases import (
    BODIES,
    EXPRESSIONS,
    HEREDOCS,
    MODULE,
    NEITHER,
    PYTHON_HCL2_ONLY,
    QUOTED,
    TREE_SITTER_ONLY,
    TREE_SITTER_ONLY_BODIES,
    WHOLE_FILES,
)
from hcl_trees import converted, spans, texts
from hypothesis import given, settings
from hypothesis import strategies as st
from test_hcl_properties import check, mutated

from ctkms_policy.source import ParseError, Source, read_source
from ctkms_policy.terraform.hcl import ReaderUnavailable, reader
from ctkms_policy.terraform.hcl.syntax import HclReader, Invalid, LiteralValue

try:
    SECOND = reader("python-hcl2")
except ReaderUnavailable as unavailable:
    pytest.skip(str(unavailable), allow_module_level=True)
FIRST = reader("tree-sitter")

ASCII_MODULE = MODULE.replace("Größe", "Groesse")  # python-hcl2 knows names in ASCII only
VALID = [*(f"x = {text}\n" for text, _ in (*EXPRESSIONS, *QUOTED, *HEREDOCS)), *(text for text, _ in BODIES), ASCII_MODULE]


def assert_equal(source: Source) -> None:
    first, second = FIRST.read(source), SECOND.read(source)
    assert second.problems == first.problems == ()
    assert converted(second.body) == converted(first.body)
    assert list(spans(second.body)) == list(spans(first.body))
    for ours, theirs in zip(texts(first.body), texts(second.body), strict=True):
        positions = [each.text_map.position(offset) for each in (ours, theirs) for offset in range(len(each.text))]
        assert positions[: len(ours.text)] == positions[len(ours.text) :]


@pytest.mark.parametrize("text", [text for text in VALID if FIRST.read(Source("", text)).problems == ()])
def test_same_tree_and_spans(text: str) -> None:
    assert_equal(Source("main.tf", text))


@pytest.mark.parametrize("text", [text for text, _ in WHOLE_FILES])
def test_same_template(text: str) -> None:
    first, second = (native.read_template(Source("t.tpl", text)) for native in (FIRST, SECOND))
    assert first == second
    assert list(spans(first)) == list(spans(second))


def problems(native: HclReader, text: str) -> list[str]:
    return [problem.message for problem in native.read(Source("main.tf", text)).problems]


NOT_FIRST = ["tree-sitter-hcl does not understand this"]
NOT_SECOND = ["python-hcl2 does not understand this"]


@pytest.mark.parametrize("text", [*(f"x = {text}\n" for text, _ in TREE_SITTER_ONLY), *TREE_SITTER_ONLY_BODIES])
def test_what_only_tree_sitter_reads(text: str) -> None:
    assert (problems(FIRST, text), problems(SECOND, text)) == ([], NOT_SECOND)


@pytest.mark.parametrize("text", PYTHON_HCL2_ONLY)
def test_what_only_python_hcl2_reads(text: str) -> None:
    assert (problems(FIRST, f"x = {text}\n"), problems(SECOND, f"x = {text}\n")) == (NOT_FIRST, [])


@pytest.mark.parametrize("text", NEITHER)
def test_what_neither_reads(text: str) -> None:
    assert (problems(FIRST, f"x = {text}\n"), problems(SECOND, f"x = {text}\n")) == (NOT_FIRST, NOT_SECOND)


def test_what_it_does_not_read_in_a_heredoc_has_no_value() -> None:
    """python-hcl2 leaves heredocs unread, so that the file as a whole has no problem."""
    text = "x = <<A\n${!!a}\nA\ny = 1\n"
    first, second = SECOND.read(Source("main.tf", text)).body.attributes
    assert first.expression == Invalid("python-hcl2 does not understand this", first.span)
    assert second.expression == LiteralValue(1, second.span)


def test_text_that_looks_like_an_open_sequence_ends_with_its_string() -> None:
    """python-hcl2 reads it up to the next brace, and with it the arguments in between."""
    assert_equal(Source("main.tf", 'x = "a$${b"\ny = "%%{c"\nz = "}"\nb "$${d" {}\n'))


@pytest.mark.parametrize("text", ["x = 'a'\n", 'x = "\\$"\n', "a = 1 b = 2\n", "x = " + "(" * 10_000, "b {\n" * 10_000])
def test_same_errors(text: str) -> None:
    first, second = (native.read(Source("main.tf", text)).problems for native in (FIRST, SECOND))
    assert [(each.message, each.span) for each in second] == [(each.message, each.span) for each in first]
    assert second


def test_same_expression() -> None:
    for text in ("[\n  a.b,\n  1]", '{ a = "x${b}" }', "null"):
        first, second = (native.read_expression(Source("--var", text)) for native in (FIRST, SECOND))
        assert first == second
        assert list(spans(first)) == list(spans(second))
    assert isinstance(SECOND.read_expression(Source("--var", "a b")), ParseError)


@settings(max_examples=100, deadline=None)
@given(mutated())
def test_never_raises_and_never_contradicts(text: str) -> None:
    source = Source("main.tf", text)
    second = SECOND.read(source)
    check(second, SECOND.read(source))
    if second.problems == ():
        assert_equal(source)


IN_HEREDOCS = ["E", "EOF", "$", "${1}", "${a}", "${~ a ~}", '${"x"}', "$$", "%", "%%", "%{ if true }", "%{ endif }", "%{ for x in y ~}"]
IN_HEREDOCS += ["%{ endfor ~}", "{", "}", " ", "\\", '"', "é", "-", "#", "'", "\t", "\n", "\r\n", "<<EOF"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(IN_HEREDOCS), max_size=12).map("".join), st.sampled_from(["<<EOF", "<<-EOF"]))
def test_same_heredoc(text: str, start: str) -> None:
    source = Source("main.tf", f"x = {start}\n{text}\n  EOF\n")
    if SECOND.read(source).problems == ():
        assert_equal(source)
    first, second = (native.read_template(Source("t.tpl", text)) for native in (FIRST, SECOND))
    if not isinstance(second, ParseError):
        assert first == second


def files_of(directory: Path) -> Iterable[Path]:
    return sorted(directory.rglob("*.tf"))


def disagreements(files: Iterable[Path]) -> list[str]:
    """Compare both readers on files; one that terraform would reject has to be rejected by both."""
    found = []
    for file in files:
        try:
            source = read_source(file, file.name)
        except ParseError:
            continue
        if FIRST.read(source).problems:
            if not SECOND.read(source).problems:
                found.append(f"{file}: only tree-sitter reports an error")
            continue
        try:
            assert_equal(source)
        except AssertionError as difference:
            found.append(f"{file}: {difference}")
    return found


def test_fixtures() -> None:
    files = list(files_of(REPOSITORY / "fixtures"))
    if not files:
        pytest.skip("no Terraform fixtures")
    assert disagreements(files) == []


def test_corpus(shared: Path) -> None:
    files = list(files_of(shared / "corpus"))
    if not files:
        pytest.skip("no corpus")
    assert disagreements(files) == []
