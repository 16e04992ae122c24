"""What the names in an expression mean: the interface between the evaluator and the module that an expression stands in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias, Union

from ctkms_policy.source import Span
from ctkms_policy.terraform.conversion import Failure
from ctkms_policy.terraform.hcl.syntax import StringTemplate
from ctkms_policy.value import Known, Reference, Unknown, Value

Step: TypeAlias = Union[str, Value]
"""``.name`` is a str; ``[key]`` is the evaluated key, a Value."""


class EntryKind(Enum):
    """What a directory entry is, links followed as far as the repository reaches."""

    FILE = "file"
    DIRECTORY = "directory"
    OUTSIDE = "outside"
    """a link that leads out of the repository"""
    BROKEN = "broken"
    """a link that leads nowhere"""
    OTHER = "other"
    """a device, a socket or a pipe"""


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """One name in a directory."""

    name: str
    kind: EntryKind


@dataclass(frozen=True, slots=True)
class Directory:
    """What a directory holds. ``real`` is the same for all paths that lead to it."""

    real: str
    entries: tuple[DirectoryEntry, ...] = ()


class Scope(Protocol):
    """What the names in an expression mean: one module instance, perhaps inside one resource instance."""

    @property
    def condition_prefix(self) -> str:
        """Makes condition identities unique: "" in the root module, ``module.a.`` in module a."""

    def lookup(self, root: str, steps: tuple[Step, ...], span: Span) -> tuple[Value, int]:
        """Return the value of a traversal that starts at ``root``, and how many of the steps that took.

        ``root`` is ``var``, ``local``, ``module``, ``data``, ``each``, ``count``, ``self``, ``path``, ``terraform`` or a resource
        type; the evaluator applies the remaining steps by itself.
        """

    def attribute(self, resource: Reference, name: str, span: Span) -> Value:
        """Return an attribute of a whole resource instance. A whole instance is ``Reference(address, "")``."""

    def forced(self, condition: str) -> bool | None:
        """Return what the condition of that identity is supposed to be, or None where nothing is supposed."""

    def text_of(self, span: Span) -> str:
        """Return the source text of an expression, for conditions and messages."""

    def read_file(self, path: Value, span: Span) -> Value:
        """Return the text of a file as a Known with its text map, or an Unknown with the reason.

        A ``Failure`` says that the file certainly is not there, which ``try``, ``can`` and ``fileexists`` need to know.
        """

    def list_directory(self, path: str, span: Span) -> Directory | Unknown:
        """Return what a directory holds, nothing where it is not there or no directory, or an Unknown with the reason."""

    def read_template(self, path: Value, span: Span) -> StringTemplate | Unknown:
        """Return a file parsed as a template, or an Unknown with the reason (a ``Failure`` as for ``read_file``)."""

    def parse_template(self, text: Known, span: Span) -> StringTemplate | Unknown:
        """Return a text that the configuration holds as a string (``templatestring``), parsed as a template."""


@dataclass(frozen=True, slots=True)
class InnerScope:
    """A scope with more names: those of a ``for`` expression, a splat or a template, which hide the outer ones.

    ``place`` tells this round of the loop, or this rendering of the template, from every other one.
    ``closed`` says that the outer scope's names are not visible, as in a template file.
    """

    outer: Scope
    names: dict[str, Value]
    place: str
    closed: bool = False

    @property
    def condition_prefix(self) -> str:
        """The outer scope's."""
        return self.outer.condition_prefix

    def lookup(self, root: str, steps: tuple[Step, ...], span: Span) -> tuple[Value, int]:
        """Return the inner name's value, which takes no step, or what the outer scope says."""
        if root in self.names:
            return self.names[root], 0
        if self.closed and root not in ("path", "terraform"):
            return Failure(f'the template has no variable "{root}"'), len(steps)
        return self.outer.lookup(root, steps, span)

    def attribute(self, resource: Reference, name: str, span: Span) -> Value:
        """Return what the outer scope says."""
        return self.outer.attribute(resource, name, span)

    def forced(self, condition: str) -> bool | None:
        """Return what the outer scope says."""
        return self.outer.forced(condition)

    def text_of(self, span: Span) -> str:
        """Return what the outer scope says."""
        return self.outer.text_of(span)

    def read_file(self, path: Value, span: Span) -> Value:
        """Return what the outer scope says."""
        return self.outer.read_file(path, span)

    def list_directory(self, path: str, span: Span) -> Directory | Unknown:
        """Return what the outer scope says."""
        return self.outer.list_directory(path, span)

    def read_template(self, path: Value, span: Span) -> StringTemplate | Unknown:
        """Return what the outer scope says."""
        return self.outer.read_template(path, span)

    def parse_template(self, text: Known, span: Span) -> StringTemplate | Unknown:
        """Return what the outer scope says."""
        return self.outer.parse_template(text, span)
