"""A scope for expressions on their own: what the names mean is given by the test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ctkms_policy.source import ParseError, Source, Span
from ctkms_policy.terraform.conversion import Failure
from ctkms_policy.terraform.expression import Step, evaluate
from ctkms_policy.terraform.hcl import reader
from ctkms_policy.terraform.hcl.syntax import Expression, StringTemplate
from ctkms_policy.terraform.scope import Directory, DirectoryEntry, EntryKind
from ctkms_policy.value import Known, Origin, Reference, Symbol, Unknown, Value

READER = reader("tree-sitter")


def with_default(value: str | int | float | bool, name: str) -> Known:
    """Return what a variable gives whose default decides."""
    return Known(value, Origin(inputs=frozenset({name})))


def without_default(name: str) -> Symbol:
    """Return what a variable gives that has no default."""
    return Symbol(name, reason=f"{name} has no default")


@dataclass
class NamedValues:
    """A scope that knows values by the first two names of a traversal (``var.x``), and files by their path."""

    names: Mapping[str, Value] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    supposed: Mapping[str, bool] = field(default_factory=dict)
    condition_prefix: str = ""
    sources: dict[str, Source] = field(default_factory=dict)

    def lookup(self, root: str, steps: tuple[Step, ...], span: Span) -> tuple[Value, int]:
        name = f"{root}.{steps[0]}" if steps and isinstance(steps[0], str) else root
        if name in self.names:
            return self.names[name], 1
        return Failure(f"{name} is not declared", Origin(span)), len(steps)

    def attribute(self, resource: Reference, name: str, span: Span) -> Value:
        return Reference(resource.address, name, Origin(span))

    def forced(self, condition: str) -> bool | None:
        return self.supposed.get(condition)

    def text_of(self, span: Span) -> str:
        source = self.sources[span.path]
        lines = source.line_starts
        return source.text[lines[span.line - 1] + span.column - 1 : lines[span.end_line - 1] + span.end_column - 1]

    def read_file(self, path: Value, span: Span) -> Value:
        if not isinstance(path, Known):
            return Unknown("the path is not known", Origin(span))
        name = str(path.value)
        if name not in self.files:
            return Failure(f'there is no file "{name}"', Origin(span))
        source = Source(name, self.files[name])
        return Known(source.text, Origin(span), source.text_map)

    def list_directory(self, path: str, span: Span) -> Directory | Unknown:
        start = "" if path == "." else f"{path}/"
        below = [name.removeprefix(start).split("/") for name in self.files if name.startswith(start)]
        kinds = {names[0]: EntryKind.FILE if len(names) == 1 else EntryKind.DIRECTORY for names in below}
        return Directory(path, tuple(DirectoryEntry(name, kind) for name, kind in kinds.items()))

    def read_template(self, path: Value, span: Span) -> StringTemplate | Unknown:
        content = self.read_file(path, span)
        return self.parse_template(content, span) if isinstance(content, Known) else _unknown(content)

    def parse_template(self, text: Known, span: Span) -> StringTemplate | Unknown:
        path = text.text_map.path if text.text_map is not None else "template"
        source = Source(path, str(text.value))
        self.sources[path] = source
        template = READER.read_template(source)
        return Failure(template.message, Origin(span)) if isinstance(template, ParseError) else template

    def value_of(self, text: str) -> Value:
        """Return the value of an expression. Fails where it does not parse."""
        source = Source("main.tf", text)
        self.sources["main.tf"] = source
        return evaluate(parsed(source), self)


def parsed(source: Source) -> Expression:
    """Return the syntax tree of a text that parses."""
    expression = READER.read_expression(source)
    assert not isinstance(expression, ParseError), expression
    return expression


def _unknown(content: Value) -> Unknown:
    assert isinstance(content, Unknown)
    return content


def value_of(text: str, **names: Value) -> Value:
    """Return the value of an expression in which ``var.NAME`` are the given values."""
    return NamedValues({f"var.{name}": value for name, value in names.items()}).value_of(text)
