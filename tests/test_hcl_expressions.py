"""Expressions and bodies: text in, tree out, by the default reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from hcl_cases import BODIES, EXPRESSIONS, TREE_SITTER_ONLY
from hcl_trees import first_expression, read, shown

from ctkms_policy.source import ParseError, Source
from ctkms_policy.terraform.hcl import READERS, ReaderUnavailable, reader
from ctkms_policy.terraform.hcl.syntax import Body


@pytest.mark.parametrize(("text", "tree"), EXPRESSIONS)
def test_expression(text: str, tree: str | None) -> None:
    native = reader("tree-sitter")
    if tree is None:
        assert read(native, f"x = {text}\n").problems
        return
    assert shown(first_expression(native, f"x = {text}\n")) == tree


@pytest.mark.parametrize(("text", "tree"), [case for case in EXPRESSIONS if case[1] and "#" not in case[0]])
def test_whole_text_is_one_expression(text: str, tree: str) -> None:
    expression = reader("tree-sitter").read_expression(Source("", text))
    assert not isinstance(expression, ParseError)
    assert shown(expression) == tree


@pytest.mark.parametrize(("text", "tree"), TREE_SITTER_ONLY)
def test_expression_that_only_tree_sitter_reads(text: str, tree: str) -> None:
    assert shown(first_expression(reader("tree-sitter"), f"x = {text}\n")) == tree


@pytest.mark.parametrize(("text", "outline"), BODIES)
def test_body(text: str, outline: object) -> None:
    def outlined(body: Body) -> object:
        return [each.name for each in body.attributes], [(each.type, each.labels, outlined(each.body)) for each in body.blocks]

    file = read(reader("tree-sitter"), text)
    assert file.problems == ()
    assert outlined(file.body) == outline


def test_two_expressions_are_not_one() -> None:
    for text in ("1\n2", "1\nx = 2", "a b", "", "1 }"):
        assert isinstance(reader("tree-sitter").read_expression(Source("", text)), ParseError)


def test_reader_by_name() -> None:
    assert READERS == ("auto", "tree-sitter", "python-hcl2")
    with pytest.raises(ValueError, match="no HCL reader 'hcl'"):
        reader("hcl")
    assert shown(first_expression(reader(), "x = a.b\n")) == "a.b"


def test_the_fork_of_checkov_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import ModuleType

    fork = ModuleType("hcl2")
    fork.START_LINE = "__start_line__"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "hcl2", fork)
    with pytest.raises(ReaderUnavailable, match="checkov's fork bc-python-hcl2"):
        reader("python-hcl2")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "hcl2", None)
    monkeypatch.setitem(sys.modules, "tree_sitter", None)
    with pytest.raises(ReaderUnavailable, match=r"pip install tree-sitter tree-sitter-hcl.*python-hcl2 is not installed"):
        reader()


def test_what_an_uninstalled_package_leaves_behind_is_no_old_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """python-hcl2 keeps its compiled grammar in its own folder, which pip then does not remove."""
    import sys

    (tmp_path / "hcl2").mkdir()
    monkeypatch.delitem(sys.modules, "hcl2", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(ReaderUnavailable, match="python-hcl2 is not installed"):
        reader("python-hcl2")
    sys.modules.pop("hcl2", None)


def test_an_old_version_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    (tmp_path / "hcl2.py").write_text("def loads(text): ...\n", encoding="utf-8")
    monkeypatch.delitem(sys.modules, "hcl2", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ReaderUnavailable, match="older than version 8"):
        reader("python-hcl2")
    sys.modules.pop("hcl2", None)
