"""The default reader: tree-sitter's concrete syntax tree of HCL, converted to ours.

tree-sitter-hcl 1.2 reads some things in its own way; each is mended where it is converted, with ``terraform console`` (1.11)
as judge:

* ``a ? b : c ? d : e`` comes out as ``(a ? b : c) ? d : e``: ``_conditional`` rotates it
* ``a.*.b[0]`` comes out as one splat; the index belongs to its result: ``_splat``
* ``1e3``, ``$$${`` and ``EOF${x}`` in a heredoc that ends with EOF are not understood: ``_masked`` hides them from it, the
  converter reads the original text
* the number of ``a.0`` is no node: ``_index`` takes it from the text
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING

from ctkms_policy.source import ParseError, Run, Source, Span, TextMap
from ctkms_policy.terraform.hcl import ReaderUnavailable
from ctkms_policy.terraform.hcl.doubts import ITEMS, looks_wrong
from ctkms_policy.terraform.hcl.literals import TOO_MANY_DIGITS, number
from ctkms_policy.terraform.hcl.syntax import (
    SPLAT_ITEM,
    AttributeNode,
    Binary,
    Block,
    Body,
    Call,
    Conditional,
    Expression,
    ForObject,
    ForTuple,
    GetAttr,
    HclFile,
    Index,
    Invalid,
    LiteralValue,
    ObjectExpression,
    ObjectItem,
    Splat,
    StringTemplate,
    TemplateText,
    TupleExpression,
    Unary,
    Variable,
)
from ctkms_policy.terraform.hcl.syntax_check import expression_error, file_errors, template_error
from ctkms_policy.terraform.hcl.template_text import (
    ForToken,
    IfToken,
    InterpolationToken,
    Marks,
    RawText,
    Style,
    Token,
    WordToken,
    template_parts,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_POSTFIX = frozenset(("get_attr", "index", "splat"))
_DIRECTIVES = frozenset(("template_directive", "template_if", "template_for"))


class TreeSitterReader:
    """An HclReader on tree-sitter. Raises ReaderUnavailable where tree-sitter or its HCL grammar is not installed."""

    def __init__(self) -> None:
        try:
            import tree_sitter
            import tree_sitter_hcl
        except ImportError as error:
            raise ReaderUnavailable(f"{error.name or 'tree-sitter'} is not installed: pip install tree-sitter tree-sitter-hcl") from None
        language = tree_sitter.Language(tree_sitter_hcl.language())
        if language.id_for_node_kind("template_for_start", True) is None:
            raise ReaderUnavailable("this version of tree-sitter-hcl has another grammar: pip install 'tree-sitter-hcl>=1.2,<1.3'")
        self._parser = tree_sitter.Parser(language)
        if hasattr(tree_sitter, "QueryCursor"):
            self._captures = tree_sitter.QueryCursor(tree_sitter.Query(language, ITEMS)).captures
        else:  # before tree-sitter 0.25
            self._captures = language.query(ITEMS).captures  # type: ignore[attr-defined]

    def read(self, source: Source) -> HclFile:
        """Parse a file in native syntax."""
        document = self._document(source)
        problems: tuple[ParseError, ...] = ()
        if document.repaired or source.undecoded or looks_wrong(document.data, document.root, self._captures):
            problems, readable = file_errors(source)
            if problems:
                document = self._document(readable)
            error = document.error()
            if error is not None:
                problems = (*problems, error)
        return HclFile(source, document.body(), problems)

    def read_template(self, source: Source) -> StringTemplate | ParseError:
        """Parse a whole file as a template, as ``templatefile`` does."""
        lines = {line.strip() for line in source.text.split("\n")}
        marker = next(name for name in map("TEXT{}".format, count()) if name not in lines)
        error = template_error(source)
        if error is not None:
            return error
        document = self._document(source, f"_=<<{marker}\n", f"\n{marker}\n")
        return document.error() or document.whole_template()

    def read_expression(self, source: Source) -> Expression | ParseError:
        """Parse a whole text as one expression (``--var`` values, strings in Terraform JSON)."""
        error = expression_error(source)
        if error is not None:
            return error
        document = self._document(source, "_=\n", "\n")
        return document.error() or document.body().attributes[0].expression

    def _document(self, source: Source, before: str = "", after: str = "\n") -> _Document:
        data = (before + source.text + after).encode("utf-8", "replace")
        hidden = _masked(data)
        root = self._parser.parse(hidden).root_node
        repaired = root.has_error
        if repaired:
            root = self._parser.parse(_repaired(hidden)).root_node
        return _Document(source, data, root, (len(before), len(after)), repaired=repaired)


class _Document:
    """One parsed source. ``around`` counts the bytes before and behind its text that make a whole file of it; they hold no
    position, and those before are one line. ``repaired``: the text as it stands is not what tree-sitter takes for HCL."""

    def __init__(self, source: Source, data: bytes, root: Node, around: tuple[int, int], *, repaired: bool) -> None:
        before, after = around
        self.repaired = repaired
        self.path = source.path
        self.data = data
        self.root = root
        self.broken = root.has_error
        self._source = source
        self._start = before
        self._end = len(data) - after
        self._characters = source.text.isascii()
        self._line_starts = [match.end() for match in re.finditer(rb"\A|\n", data)]
        self._first_line = 0 if before else 1

    # Positions

    def _position(self, offset: int) -> tuple[int, int]:
        offset = max(self._start, min(offset, self._end))
        index = bisect_right(self._line_starts, offset) - 1
        start = self._line_starts[index]
        column = offset - start if self._characters else len(self.data[start:offset].decode("utf-8", "replace"))
        return index + self._first_line, column + 1

    def _span(self, node: Node) -> Span:
        return self._between(node, node)

    def _between(self, first: Node, last: Node) -> Span:
        return Span(self.path, *self._position(first.start_byte), *self._position(last.end_byte))

    def _text(self, node: Node) -> str:
        return self.data[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def error(self) -> ParseError | None:
        """Return what tree-sitter does not understand although it is HCL."""
        if not self.broken:
            return None
        pending = [self.root]
        while pending:
            node = pending.pop()
            if node.is_error or node.is_missing:
                span = Span.at(self.path, *self._position(node.start_byte))
                return ParseError("tree-sitter-hcl does not understand this", span, "use --hcl-reader python-hcl2")
            pending.extend(reversed([child for child in node.children if child.has_error]))
        return None

    # Bodies

    def body(self) -> Body:
        """Return the body of the whole file."""
        return self._body(self.root)

    def _body(self, node: Node) -> Body:
        attributes: list[AttributeNode] = []
        blocks: list[Block] = []
        self._collect(node, attributes, blocks)
        return Body(tuple(attributes), tuple(blocks))

    def _collect(self, node: Node, attributes: list[AttributeNode], blocks: list[Block]) -> None:
        for child in node.children:
            kind = child.type
            if kind == "attribute":
                attributes.append(self._attribute(child))
            elif kind == "block":
                blocks.append(self._block(child))
            elif kind in ("body", "ERROR"):
                self._collect(child, attributes, blocks)

    def _attribute(self, node: Node) -> AttributeNode:
        name = node.children[0]
        expression = self._expression(node.children[-1])
        return AttributeNode(self._text(name), expression, self._span(node), self._span(name))

    def _block(self, node: Node) -> Block:
        children = node.children
        labels: list[str] = []
        last = children[0]
        for child in children[1:]:
            if child.type == "block_start":
                break
            if child.type == "identifier":
                labels.append(self._text(child))
            elif child.type == "string_lit":
                labels.append(self._label(child))
            else:
                continue
            last = child
        return Block(
            self._text(children[0]), tuple(labels), self._span(node), self._between(children[0], last), lambda: self._block_body(node)
        )

    def _block_body(self, node: Node) -> Body:
        attributes: list[AttributeNode] = []
        blocks: list[Block] = []
        for child in node.children:
            if child.type in ("body", "ERROR"):
                self._collect(child, attributes, blocks)
        return Body(tuple(attributes), tuple(blocks))

    def _label(self, node: Node) -> str:
        text = self._text(node)[1:-1]
        if _PLAIN.fullmatch(text):
            return text
        quoted = self._quoted(node)
        parts = quoted.parts if isinstance(quoted, StringTemplate) else ()
        return "".join(part.text for part in parts if isinstance(part, TemplateText))

    # Expressions

    def _expression(self, node: Node) -> Expression:
        if node.type != "expression":
            return Invalid("an expression is missing", self._span(node))
        children = self._children(node)
        if self.broken and _is_broken(node):
            return Invalid("the expression does not parse", self._span(node))
        if children[0].type == "conditional":
            return self._conditional(children[0])
        return self._sequence(children, 0)[0]

    def _children(self, node: Node) -> list[Node]:
        children: list[Node] = node.children
        if any(child.is_extra for child in children):
            return [child for child in children if not child.is_extra]
        return children

    def _sequence(self, children: Sequence[Node], index: int) -> tuple[Expression, int]:
        """Convert a term and what is written behind it (``.name``, ``[key]``, splats); return the index behind both."""
        first = children[index]
        if first.type == "(":
            expression = self._expression(children[index + 1])
            index += 3
        else:
            expression = self._term(first)
            index += 1
        start = self._position(first.start_byte)
        while index < len(children) and children[index].type in _POSTFIX:
            expression = self._postfix(expression, children[index], start)
            index += 1
        return expression, index

    def _postfix(self, base: Expression, node: Node, start: tuple[int, int]) -> Expression:
        span = Span(self.path, *start, *self._position(node.end_byte))
        if node.type == "get_attr":
            return GetAttr(base, self._text(node.children[-1]), span)
        inner = node.children[0]
        if node.type == "index":
            if inner.type == "legacy_index":
                return Index(base, self._legacy_key(inner), span)
            return Index(base, self._expression(self._children(inner)[1]), span)
        return self._splat(base, inner, start)

    def _legacy_key(self, node: Node) -> Expression:
        digits = self._text(node).lstrip(".").strip()
        key = number(digits)
        span = self._span(node)
        if key is None:
            return Invalid(TOO_MANY_DIGITS, span)
        return LiteralValue(key, Span(span.path, span.end_line, span.end_column - len(digits), span.end_line, span.end_column))

    def _splat(self, base: Expression, node: Node, start: tuple[int, int]) -> Expression:
        mark, *steps = self._children(node)
        full = node.type == "full_splat"
        taken = len(steps)
        if not full:
            taken = next((at for at, step in enumerate(steps) if step.type == "index" and step.children[0].type == "new_index"), taken)
        each: Expression = Variable(SPLAT_ITEM, self._span(mark))
        mark_start = self._position(mark.start_byte)
        for step in steps[:taken]:
            each = self._postfix(each, step, mark_start)
        last = steps[taken - 1] if taken else mark
        expression: Expression = Splat(base, each, full, Span(self.path, *start, *self._position(last.end_byte)))
        for step in steps[taken:]:
            expression = self._postfix(expression, step, start)
        return expression

    def _term(self, node: Node) -> Expression:
        kind = node.type
        if kind == "variable_expr":
            return Variable(self._text(node), self._span(node))
        inner = node.children[0]
        if kind == "literal_value":
            return self._literal(inner)
        if kind == "template_expr":
            return self._quoted(inner) if inner.type == "quoted_template" else self._heredoc(inner)
        if kind == "collection_value":
            return self._tuple(inner) if inner.type == "tuple" else self._object(inner)
        if kind == "function_call":
            return self._call(node)
        if kind == "operation":
            return self._operation(inner)
        if kind == "for_expr":
            return self._for_tuple(inner) if inner.type == "for_tuple_expr" else self._for_object(inner)
        return Invalid("the expression does not parse", self._span(node))

    def _literal(self, node: Node) -> Expression:
        kind = node.type
        if kind == "string_lit":
            return self._quoted(node)
        span = self._span(node)
        if kind == "null_lit":
            return LiteralValue(None, span)
        text = self._text(node)
        if kind == "bool_lit":
            return LiteralValue(text == "true", span)
        value = number(text)
        return Invalid(TOO_MANY_DIGITS, span) if value is None else LiteralValue(value, span)

    def _tuple(self, node: Node) -> TupleExpression:
        items = tuple(self._expression(child) for child in node.children if child.type == "expression")
        return TupleExpression(items, self._span(node))

    def _object(self, node: Node) -> ObjectExpression:
        items = []
        for element in node.children:
            if element.type == "object_elem":
                key, _, value = self._children(element)
                items.append(ObjectItem(self._key(key), self._expression(value)))
        return ObjectExpression(tuple(items), self._span(node))

    def _key(self, node: Node) -> Expression:
        """Convert the key of an object item: a bare name is text."""
        children = self._children(node)
        if len(children) == 1:
            only = children[0]
            if only.type == "variable_expr" or (only.type == "literal_value" and only.children[0].type in ("bool_lit", "null_lit")):
                span = self._span(only)
                text_map = TextMap(self.path, (Run(0, span.line, span.column),))
                return StringTemplate((TemplateText(self._text(only), text_map),), span)
        return self._expression(node)

    def _call(self, node: Node) -> Call:
        children = self._children(node)
        arguments: tuple[Expression, ...] = ()
        expanded = False
        for child in children:
            if child.type == "function_arguments":
                inner = child.children
                arguments = tuple(self._expression(each) for each in inner if each.type == "expression")
                expanded = any(each.type == "ellipsis" for each in inner)
        return Call(self._text(children[0]), arguments, expanded, self._span(node))

    def _operation(self, node: Node) -> Expression:
        children = self._children(node)
        if node.type == "unary_operation":
            return Unary(children[0].type, self._sequence(children, 1)[0], self._span(node))
        left, index = self._sequence(children, 0)
        right, _ = self._sequence(children, index + 1)
        return Binary(children[index].type, left, right, self._span(node))

    def _conditional(self, node: Node) -> Expression:
        end = self._position(node.end_byte)
        branches: list[tuple[Node, Node]] = []
        while True:
            condition, _, then, _, otherwise = self._children(node)
            branches.append((then, otherwise))
            inner = self._children(condition)[0]
            if inner.type != "conditional":
                break
            node = inner
        # x ? y : z ? u : v: the innermost condition is the first, each "otherwise" but the last is the next condition
        branches.reverse()
        conditions = [condition, *(otherwise for _, otherwise in branches[:-1])]
        expression = self._expression(branches[-1][1])
        for condition, (then, _) in zip(reversed(conditions), reversed(branches), strict=True):
            span = Span(self.path, *self._position(condition.start_byte), *end)
            expression = Conditional(self._expression(condition), self._expression(then), expression, span)
        return expression

    def _for_tuple(self, node: Node) -> ForTuple:
        _, intro, result, *rest, _ = self._children(node)
        key, value, collection = self._for_names(intro)
        return ForTuple(key, value, collection, self._expression(result), self._for_condition(rest), self._span(node))

    def _for_object(self, node: Node) -> ForObject:
        _, intro, result_key, _, result, *rest, _ = self._children(node)
        key, value, collection = self._for_names(intro)
        grouped = any(each.type == "ellipsis" for each in rest)
        condition = self._for_condition(rest)
        return ForObject(
            key, value, collection, self._expression(result_key), self._expression(result), grouped, condition, self._span(node)
        )

    def _for_condition(self, rest: Sequence[Node]) -> Expression | None:
        return next((self._expression(self._children(each)[1]) for each in rest if each.type == "for_cond"), None)

    def _for_names(self, intro: Node) -> tuple[str | None, str, Expression]:
        names: list[str] = []
        collection: Expression | None = None
        for child in intro.children:
            if child.type == "identifier":
                names.append(self._text(child))
            elif child.type == "expression":
                collection = self._expression(child)
        assert collection is not None
        return (names[0] if len(names) == 2 else None), names[-1], collection

    # Templates

    def _quoted(self, node: Node) -> StringTemplate | Invalid:
        children = node.children
        return self._template(node, children[1:-1], children[0].end_byte, children[-1].start_byte, Style.QUOTED)

    def _heredoc(self, node: Node) -> StringTemplate | Invalid:
        start, name, *inner, _ = node.children
        first = self.data.find(b"\n", name.end_byte) + 1
        last = self.data.rfind(b"\n", 0, node.end_byte) + 1
        style = Style.INDENTED_HEREDOC if start.end_byte - start.start_byte == 3 else Style.HEREDOC
        return self._template(node, inner, first, max(first, last), style)

    def _template(self, node: Node, inner: Sequence[Node], start: int, end: int, style: Style) -> StringTemplate | Invalid:
        span = self._span(node)
        try:
            return StringTemplate(template_parts(self.path, self._tokens(inner, start, end), style), span)
        except ParseError as error:
            return Invalid(error.message, error.span)

    def _tokens(self, nodes: Sequence[Node], start: int, end: int) -> list[Token]:
        """Return the tokens of the template between two bytes: the sequences among ``nodes``, and all text between them, of
        which tree-sitter leaves out some."""
        tokens: list[Token] = []
        for node in _sequences(nodes):
            if node.start_byte > start:
                tokens.append(self._raw(start, node.start_byte))
            tokens.append(self._sequence_token(node))
            start = node.end_byte
        if end > start:
            tokens.append(self._raw(start, end))
        return tokens

    def _raw(self, start: int, end: int) -> RawText:
        return RawText(self.data[start:end].decode("utf-8", "replace"), *self._position(start))

    def _sequence_token(self, node: Node) -> Token:
        names: list[str] = []
        word = ""
        expression: Expression | None = None
        for child in node.children:
            kind = child.type
            if kind == "expression":
                expression = self._expression(child)
            elif kind == "identifier":
                names.append(self._text(child))
            elif kind in ("else", "endif", "endfor"):
                word = kind
        first, last = node.children[1], node.children[-2]
        marks = Marks(first.type == "strip_marker", last.type == "strip_marker")
        span = self._span(node)
        if word:
            return WordToken(word, span, marks)
        if expression is None:
            expression = Invalid("an expression is missing", span)
        if names:
            return ForToken(names[0] if len(names) == 2 else None, names[-1], expression, span, marks)
        if node.type == "template_if_intro":
            return IfToken(expression, span, marks)
        return InterpolationToken(expression, span, marks)

    def whole_template(self) -> StringTemplate | ParseError:
        """Return the template whose text ``before`` and ``after`` make a heredoc of."""
        heredoc = self.root.children[0].children[0].children[-1].children[0].children[0]
        try:
            parts = template_parts(self.path, self._tokens(heredoc.children[2:-1], self._start, self._end), Style.HEREDOC)
        except ParseError as error:
            return error
        return StringTemplate(parts, self._source.span(0, len(self._source.text)))


def _masked(data: bytes) -> bytes:
    """Hide from tree-sitter what it does not understand, byte for byte, so that positions stay."""
    masked = bytearray(_EXPONENT.sub(lambda match: match.group(1) + b"0" * len(match.group(2)), data))
    for sequence in _SEQUENCE_START.finditer(data):
        start, end = sequence.span()
        if end - start > 3:  # $$${ is literal text
            masked[end - 1] = ord("_")
        while start and data[start - 1] in b" \t":
            start -= 1
        if start and _NAME_CHARACTER.match(data, start - 1) and not _ESCAPE_END.search(data, max(0, start - 10), start):
            masked[start - 1] = ord(".")  # else it takes the name before ${ for the end of a heredoc, and the $ along
    return bytes(masked)


def _repaired(data: bytes) -> bytes:
    """Write valid HCL that tree-sitter-hcl takes for an error so that it does not, byte for byte."""
    data = _PARENTHESIZED_KEY.sub(_separated, data)
    return _HEREDOC_NAME.sub(lambda match: _NOT_ASCII.sub(b"x", match.group()), data)


def _separated(blanks: re.Match[bytes]) -> bytes:
    """Return the indentation of a key in parentheses with a comma in it, unless the key is the first or has its comma."""
    before = blanks.start() - 1
    while before >= 0 and blanks.string[before] in b" \t\r\n":
        before -= 1
    first = before < 0 or blanks.string[before] in b"{,"
    return blanks.group() if first else blanks.group()[:-1] + b","


_PLAIN = re.compile(r"[\w./-]*")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
# The blank before such a key becomes a comma: the line end before that may be the end of a comment.
_PARENTHESIZED_KEY = re.compile(rb"^[ \t]+(?=\((?:[^()\n]|\([^()\n]*\))*\)[ \t]*(?:=(?!=)|:))", re.MULTILINE)
_HEREDOC_NAME = re.compile(rb"<<-?[\w\x80-\xff-]+(?=\r?\n)|^[ \t]*[\w\x80-\xff-]+[ \t\r]*$", re.MULTILINE)
_SEQUENCE_START = re.compile(rb"(?:\$+|%+)\{")
_NAME_CHARACTER = re.compile(rb"[\w-]")
_ESCAPE_END = re.compile(rb"\\(?:[^uU]|u[\da-fA-F]{4}|U[\da-fA-F]{8})\Z")
_EXPONENT = re.compile(rb"(?<!\w)([0-9]+)([eE][+-]?[0-9]+)(?!\w)")


def _is_broken(node: Node) -> bool:
    """Tell whether an error stands in the expression itself, not in an expression within it."""
    if not node.has_error:
        return False
    pending = list(node.children)
    while pending:
        each = pending.pop()
        if each.is_error or each.is_missing:
            return True
        if each.type != "expression" and each.has_error:
            pending.extend(each.children)
    return False


def _sequences(nodes: Sequence[Node]) -> Iterator[Node]:
    """Yield the interpolations and the starts, elses and ends of directives, in source order."""
    for node in nodes:
        if node.type in _DIRECTIVES:
            yield from _sequences(node.children)
        elif node.type != "template_literal":
            yield node
