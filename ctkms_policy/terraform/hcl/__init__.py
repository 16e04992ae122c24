"""HCL: the syntax tree (``syntax.py``) and the readers that produce it."""

from __future__ import annotations

from ctkms_policy.terraform.hcl.syntax import HclReader

READERS = ("auto", "tree-sitter", "python-hcl2")
"""The names that ``reader`` takes."""


class ReaderUnavailable(Exception):
    """The package that a reader stands on is not installed, or is another one of the same name."""


def reader(name: str = "auto") -> HclReader:
    """Return the reader of that name; ``auto`` is tree-sitter, or python-hcl2 where tree-sitter is not installed.

    Raises ReaderUnavailable, which says what to install, and ValueError for a name that is not in READERS.
    """
    if name not in READERS:
        raise ValueError(f"no HCL reader {name!r}: use one of {', '.join(READERS)}")
    if name == "python-hcl2":
        return _python_hcl2()
    try:
        return _tree_sitter()
    except ReaderUnavailable as first:
        if name == "tree-sitter":
            raise
        try:
            return _python_hcl2()
        except ReaderUnavailable as second:
            raise ReaderUnavailable(f"{first}; {second}") from None


def _tree_sitter() -> HclReader:
    from ctkms_policy.terraform.hcl.tree_sitter_reader import TreeSitterReader

    return TreeSitterReader()


def _python_hcl2() -> HclReader:
    from ctkms_policy.terraform.hcl.python_hcl2_reader import PythonHcl2Reader

    return PythonHcl2Reader()
