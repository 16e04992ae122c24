"""Terraform's JSON syntax (``.tf.json``, CDKTF output) as the same syntax tree.

JSON does not tell a block from an attribute, terraform asks the provider's schema. ``_BLOCKS`` is the part of it that this
project reads; everything else is an attribute. See https://developer.hashicorp.com/terraform/language/syntax/json
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ctkms_policy.json_text import parse_json_source, repeated_key
from ctkms_policy.source import ParseError, Run, Source, Span, TextMap
from ctkms_policy.terraform.hcl.relocate import offsets, relocated
from ctkms_policy.terraform.hcl.syntax import (
    AttributeNode,
    Block,
    Body,
    Expression,
    HclFile,
    HclReader,
    Interpolation,
    Invalid,
    LiteralValue,
    ObjectExpression,
    ObjectItem,
    StringTemplate,
    TemplateText,
    TupleExpression,
)
from ctkms_policy.terraform.hcl.syntax_check import MAX_DEPTH, TOO_DEEP
from ctkms_policy.value import Absent, Entry, Known, ListValue, MapValue, Value

_ROOT = {
    "resource": 2,
    "data": 2,
    "ephemeral": 2,
    "variable": 1,
    "output": 1,
    "module": 1,
    "provider": 1,
    "locals": 0,
    "terraform": 0,
    "moved": 0,
    "removed": 0,
    "import": 0,
    "check": 1,
    "action": 2,
}
"""The block types of a file and how many labels they have."""

_META = {"lifecycle": 0, "connection": 0, "provisioner": 1, "dynamic": 1, "timeouts": 0}
_STATEMENT = {"statement": 0, "principals": 0, "not_principals": 0, "condition": 0}
_EVENT_SELECTORS = {"event_selector": 0, "data_resource": 0, "insight_selector": 0, "advanced_event_selector": 0, "field_selector": 0}
_BUCKET = {
    "server_side_encryption_configuration": 0,
    "rule": 0,
    "apply_server_side_encryption_by_default": 0,
    "versioning": 0,
    "versioning_configuration": 0,
    "logging": 0,
    "lifecycle_rule": 0,
    "object_lock_configuration": 0,
}

_BLOCKS = {
    "resource": _META,
    "data": _META,
    "module": {},
    "provider": {"assume_role": 0, "assume_role_with_web_identity": 0, "default_tags": 0, "ignore_tags": 0, "endpoints": 0},
    "variable": {"validation": 0},
    "output": {"precondition": 0},
    "terraform": {"required_providers": 0, "backend": 1, "cloud": 0, "workspaces": 0, "provider_meta": 1},
    "lifecycle": {"precondition": 0, "postcondition": 0, "action_trigger": 0},
}
"""The blocks within a block, by the type of the outer one, and how many labels they have."""

_RESOURCE_BLOCKS = {
    "aws_iam_policy_document": _STATEMENT,
    "aws_cloudtrail": _EVENT_SELECTORS,
    "aws_cloudtrail_event_data_store": _EVENT_SELECTORS,
    "aws_s3_bucket": _BUCKET,
    "aws_s3_bucket_server_side_encryption_configuration": _BUCKET,
    "aws_s3_bucket_versioning": _BUCKET,
}

_EXPRESSIONS = frozenset(("depends_on", "provider", "providers", "ignore_changes", "replace_triggered_by"))
"""Attributes whose strings are references without ``${}``."""

_EXPRESSIONS_OF = frozenset((("variable", "type"), ("dynamic", "iterator")))
"""And those of one block type."""

_LITERAL_BLOCKS = frozenset(("terraform", "backend", "required_providers", "cloud"))
_LITERALS = frozenset(
    (("module", "source"), ("module", "version"), ("variable", "default"), ("variable", "description"), ("output", "description"))
)
"""What terraform reads without evaluating: ``${`` is just text there."""


def read_json(source: Source, native: HclReader) -> HclFile:
    """Parse a file in JSON syntax; ``native`` reads the templates in its strings. Never raises, as HclReader."""
    try:
        document = parse_json_source(source, repeated_keys=True)
    except ParseError as error:
        return HclFile(source, Body((), ()), (error,))
    span = source.span(0, len(source.text))
    converter = _Converter(source.path, native, span)
    objects = document.items if isinstance(document, ListValue) else (document,)
    body = Body((), tuple(block for each in objects for block in converter.root_blocks(each)))
    return HclFile(source, body, tuple(converter.problems))


_MAX_BLOCKS = 10
"""No provider nests blocks deeper; what would be a block below is read as an attribute."""


class _Context(NamedTuple):
    """The block that a body belongs to: its type, the blocks that it may hold, and how many blocks it stands in."""

    type: str
    blocks: dict[str, int]
    literal: bool
    depth: int


class _Converter:
    def __init__(self, path: str, native: HclReader, fallback: Span) -> None:
        self.problems: list[ParseError] = []
        self._path = path
        self._native = native
        self._fallback = fallback

    # Blocks

    def root_blocks(self, document: Value) -> Iterator[Block]:
        if not isinstance(document, MapValue):
            self._problem("a Terraform JSON file holds an object, or a list of objects", self._span(document), "write blocks as an object")
            return
        for entry in document.entries:
            name = entry.name
            if name == "//":
                continue
            if name not in _ROOT:
                self._problem(f'"{name}" is no block type of Terraform', self._span(entry.key), "remove it, or correct its name")
                continue
            yield from self._blocks(entry, _ROOT[name], _BLOCKS.get(name, {}), literal=name in _LITERAL_BLOCKS, depth=0)

    def _blocks(self, entry: Entry, label_count: int, blocks: dict[str, int], *, literal: bool, depth: int) -> Iterator[Block]:
        for labels, head, content in self._labelled(entry.value, label_count, (), self._span(entry.key)):
            type = entry.name
            within = {**blocks, **_RESOURCE_BLOCKS.get(labels[0], {})} if type in ("resource", "data") else blocks
            context = _Context(type, within, literal, depth)
            self._check_body(content, type)
            body = self._body(content, context)
            yield Block(type, labels, head.to(self._span(content)), head, _constant(body))

    def _labelled(self, value: Value, count: int, labels: tuple[str, ...], head: Span) -> Iterator[tuple[tuple[str, ...], Span, Value]]:
        """Yield each body under ``count`` levels of labels. Every level may be a list, whose items are blocks of their own."""
        if count and _is_empty(value):
            self._problem("a block label is missing", self._span(value), "write the labels of a block as keys around its content")
        elif isinstance(value, ListValue):
            for item in value.items:
                yield from self._labelled(item, count, labels, head)
        elif count == 0:
            yield labels, head, value
        elif isinstance(value, MapValue):
            for entry in value.entries:
                if entry.name != "//":
                    yield from self._labelled(entry.value, count - 1, (*labels, entry.name), self._span(entry.key))
        else:
            self._problem("expected an object whose keys are block labels", self._span(value), "see Terraform's JSON syntax")

    def _check_body(self, content: Value, type: str) -> None:
        if not isinstance(content, (MapValue, Absent)):
            self._problem(f'the content of a "{type}" block is not an object', self._span(content), "see Terraform's JSON syntax")

    def _body(self, content: Value, context: _Context) -> Body:
        attributes: list[AttributeNode] = []
        blocks: list[Block] = []
        names: dict[str, Span] = {}
        for entry in content.entries if isinstance(content, MapValue) else ():
            name = entry.name
            if name == "//":
                continue
            if self._is_block(entry, context):
                blocks.extend(self._nested(entry, context))
            elif not self._is_repeated(entry, names):
                span = self._span(entry.key)
                expression = self._attribute(name, entry.value, context)
                attributes.append(AttributeNode(name, expression, span.to(self._span(entry.value)), _unquoted(span)))
        return Body(tuple(attributes), tuple(blocks))

    def _is_block(self, entry: Entry, context: _Context) -> bool:
        if entry.name not in context.blocks or context.depth >= _MAX_BLOCKS:
            return False
        value = entry.value
        return isinstance(value, MapValue) or (isinstance(value, ListValue) and all(isinstance(item, MapValue) for item in value.items))

    def _is_repeated(self, entry: Entry, names: dict[str, Span]) -> bool:
        """Report an argument or key that is there twice; blocks may be."""
        span = self._span(entry.key)
        first = names.setdefault(entry.name, span)
        if first is span:
            return False
        self.problems.append(repeated_key(entry.name, first, span))
        return True

    def _nested(self, entry: Entry, context: _Context) -> Iterator[Block]:
        name = entry.name
        within = {**context.blocks, "content": 0} if name == "dynamic" else _BLOCKS.get(name, context.blocks)
        literal = context.literal or name in _LITERAL_BLOCKS
        return self._blocks(entry, context.blocks[name], within, literal=literal, depth=context.depth + 1)

    # Expressions

    def _attribute(self, name: str, value: Value, context: _Context) -> Expression:
        if context.literal or (context.type, name) in _LITERALS:
            return self._expression(value, self._literal_text)
        if name in _EXPRESSIONS or (context.type, name) in _EXPRESSIONS_OF:
            return self._expression(value, self._reference)
        return self._expression(value, self._template)

    def _expression(self, value: Value, string: Callable[[Known], Expression], depth: int = 0) -> Expression:
        """Convert a JSON value; ``string`` says what a string is."""
        span = self._span(value)
        if depth > MAX_DEPTH:
            return self._failed(ParseError(TOO_DEEP, span.start(), "split the value, for example with locals"))
        if isinstance(value, Absent):
            return LiteralValue(None, span)
        if isinstance(value, Known):
            return string(value) if isinstance(value.value, str) else LiteralValue(value.value, span)
        if isinstance(value, ListValue):
            return TupleExpression(tuple([self._expression(item, string, depth + 1) for item in value.items]), span)
        if isinstance(value, MapValue):
            names: dict[str, Span] = {}
            key = self._literal_text if string == self._reference else string
            items = [
                ObjectItem(self._expression(entry.key, key), self._expression(entry.value, string, depth + 1))
                for entry in value.entries
                if not self._is_repeated(entry, names)
            ]
            return ObjectExpression(tuple(items), span)
        raise AssertionError(f"a JSON file holds no {type(value).__name__}")

    def _literal_text(self, value: Known) -> StringTemplate:
        """Return a string in which ``${`` is text."""
        text = str(value.value)
        return StringTemplate((TemplateText(text, self._map(value)),) if text else (), self._span(value))

    def _template(self, value: Known) -> StringTemplate | Invalid:
        text = str(value.value)
        if "${" not in text and "%{" not in text:
            return self._literal_text(value)
        template = self._native.read_template(Source(self._path, text))
        if isinstance(template, ParseError):
            return self._failed(self._moved(template, value))
        return StringTemplate(relocated(template, text, self._map(value)).parts, self._span(value))

    def _reference(self, value: Known) -> Expression:
        """Return the expression that a string is, with or without ``${}`` around it."""
        text = str(value.value)
        if "${" in text:
            template = self._template(value)
            if isinstance(template, StringTemplate) and len(template.parts) == 1 and isinstance(template.parts[0], Interpolation):
                return template.parts[0].expression
            return template
        expression = self._native.read_expression(Source(self._path, text))
        if isinstance(expression, ParseError):
            return self._failed(self._moved(expression, value))
        return relocated(expression, text, self._map(value))

    def _moved(self, error: ParseError, value: Known) -> ParseError:
        return ParseError(error.message, self._map(value).span(*offsets(str(value.value), error.span)), error.help)

    def _failed(self, error: ParseError) -> Invalid:
        self.problems.append(error)
        return Invalid(error.message, error.span)

    def _map(self, value: Known) -> TextMap:
        span = self._span(value)
        return value.text_map or TextMap(self._path, (Run(0, span.line, span.column),))

    def _span(self, value: Value) -> Span:
        return value.origin.span or self._fallback

    def _problem(self, message: str, span: Span, help: str) -> None:
        self.problems.append(ParseError(message, span, help))


def _is_empty(value: Value) -> bool:
    """Return whether a value is null, {} or []."""
    return isinstance(value, Absent) or value in (MapValue(()), ListValue(()))


def _constant(body: Body) -> Callable[[], Body]:
    return lambda: body


def _unquoted(span: Span) -> Span:
    """Return the span of a key without its quotes."""
    return Span(span.path, span.line, span.column + 1, span.end_line, max(span.column + 1, span.end_column - 1))
