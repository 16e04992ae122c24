"""The HCL syntax tree: what every reader (tree-sitter, python-hcl2, Terraform JSON) produces.

Equality of expressions ignores spans, so that the trees of two readers can be compared; spans are tested on their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, TypeAlias, Union

from ctkms_policy.source import ParseError, Source, Span, TextMap


@dataclass(frozen=True, slots=True)
class LiteralValue:
    """A number, ``true``, ``false`` or ``null`` (None). Text without interpolation is a StringTemplate with one part."""

    value: int | float | bool | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class TemplateText:
    """Literal text of a template: escapes replaced, heredoc indentation and ``~`` blanks stripped."""

    text: str
    text_map: TextMap = field(compare=False)


@dataclass(frozen=True, slots=True)
class Interpolation:
    """``${expression}`` in a template."""

    expression: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class TemplateIf:
    """``%{ if condition }...%{ else }...%{ endif }`` in a template."""

    condition: Expression
    then: tuple[TemplatePart, ...]
    otherwise: tuple[TemplatePart, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class TemplateFor:
    """``%{ for key, value in collection }...%{ endfor }`` in a template."""

    key: str | None
    value: str
    collection: Expression
    body: tuple[TemplatePart, ...]
    span: Span = field(compare=False)


TemplatePart: TypeAlias = Union[TemplateText, Interpolation, TemplateIf, TemplateFor]


@dataclass(frozen=True, slots=True)
class StringTemplate:
    """A quoted string or heredoc. ``""`` has no parts. ``"${x}"`` alone keeps the type of x, as in Terraform."""

    parts: tuple[TemplatePart, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Variable:
    """The first name of a traversal: ``var``, ``local``, ``aws_kms_key``, ``each``, the name of a ``for`` variable."""

    name: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class GetAttr:
    """``base.name``"""

    base: Expression
    name: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Index:
    """``base[key]``, also the legacy ``base.0``"""

    base: Expression
    key: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Splat:
    """``base.*.each`` or ``base[*].each``; ``each`` is an expression over the Variable named SPLAT_ITEM.

    ``full`` tells ``[*]``. An attribute splat takes along attributes only, a full one indexes too.
    """

    base: Expression
    each: Expression
    full: bool
    span: Span = field(compare=False)


SPLAT_ITEM = "*"


@dataclass(frozen=True, slots=True)
class Call:
    """``name(arguments...)``; ``expanded`` tells ``...`` after the last argument."""

    name: str
    arguments: tuple[Expression, ...]
    expanded: bool
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """``!x`` or ``-x``"""

    operator: str
    operand: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """``left operator right`` with one of ``|| && == != < > <= >= + - * / %``"""

    operator: str
    left: Expression
    right: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Conditional:
    """``condition ? then : otherwise``"""

    condition: Expression
    then: Expression
    otherwise: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class TupleExpression:
    """``[a, b]``"""

    items: tuple[Expression, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class ObjectItem:
    """``key = value``. A bare name as key is a StringTemplate with that text; ``(x)`` and anything else is an expression."""

    key: Expression
    value: Expression


@dataclass(frozen=True, slots=True)
class ObjectExpression:
    """``{ a = 1 }``"""

    items: tuple[ObjectItem, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class ForTuple:
    """``[for key, value in collection : result if condition]``"""

    key: str | None
    value: str
    collection: Expression
    result: Expression
    condition: Expression | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class ForObject:
    """``{for key, value in collection : result_key => result... if condition}``; ``grouped`` tells the ``...``"""

    key: str | None
    value: str
    collection: Expression
    result_key: Expression
    result: Expression
    grouped: bool
    condition: Expression | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Invalid:
    """An expression that does not parse. The file's ``problems`` say so too; evaluating it gives an unknown value."""

    message: str
    span: Span = field(compare=False)


Expression: TypeAlias = Union[
    LiteralValue,
    StringTemplate,
    Variable,
    GetAttr,
    Index,
    Splat,
    Call,
    Unary,
    Binary,
    Conditional,
    TupleExpression,
    ObjectExpression,
    ForTuple,
    ForObject,
    Invalid,
]
"""Parentheses leave no node: they only group."""


@dataclass(frozen=True, slots=True)
class AttributeNode:
    """``name = expression``; ``span`` is the whole of it, ``name_span`` the name."""

    name: str
    expression: Expression
    span: Span = field(compare=False)
    name_span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Body:
    """The attributes and blocks of a block or file, in source order."""

    attributes: tuple[AttributeNode, ...]
    blocks: tuple[Block, ...]

    def attribute(self, name: str) -> AttributeNode | None:
        """Return the attribute of that name, or None. Where a body has it twice (an error of its own), the first."""
        return next((each for each in self.attributes if each.name == name), None)

    def blocks_of(self, *types: str) -> tuple[Block, ...]:
        """Return the blocks of those types, in source order."""
        return tuple(each for each in self.blocks if each.type in types)


@dataclass(frozen=True)
class Block:
    """``type "label" "label" { body }``.

    The body is converted when it is first asked for: converting the readers' trees costs more than parsing.
    ``span`` is the whole block, ``head_span`` the type and labels.
    """

    type: str
    labels: tuple[str, ...]
    span: Span = field(compare=False)
    head_span: Span = field(compare=False)
    convert: Callable[[], Body] = field(compare=False, repr=False)

    @cached_property
    def body(self) -> Body:
        """The content between the braces."""
        return self.convert()


@dataclass(frozen=True, slots=True)
class HclFile:
    """One parsed file. ``problems`` are its syntax errors; what could be read around them is in ``body``."""

    source: Source
    body: Body
    problems: tuple[ParseError, ...]


class HclReader(Protocol):
    """Turns a source into a syntax tree; never raises on bad text, it reports it in ``problems``."""

    def read(self, source: Source) -> HclFile:
        """Parse a file in native syntax."""

    def read_template(self, source: Source) -> StringTemplate | ParseError:
        """Parse a whole file as a template, as ``templatefile`` does."""

    def read_expression(self, source: Source) -> Expression | ParseError:
        """Parse a whole text as one expression (``--var`` values, strings in Terraform JSON)."""
