"""The second reader: python-hcl2's parse tree (lark), converted to the same syntax tree.

It is a parser of its own, so that it checks the default one; it is slower and rejects some valid HCL (README.md beside this
folder says what). python-hcl2 leaves heredocs unread: ``_sequences_of`` finds their sequences and hands
each expression back to python-hcl2. It must never be imported where checkov lives: checkov's fork owns the same ``hcl2``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Protocol

from ctkms_policy.source import ParseError, Run, Source, Span, TextMap
from ctkms_policy.terraform.hcl import ReaderUnavailable
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
from ctkms_policy.terraform.hcl.syntax_check import expression_error, file_errors, sequence_end, template_error
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


class Node(Protocol):
    """A tree of lark's (``data``, ``children``) or a token (a str with ``start_pos``, ``end_pos``): lark may not be installed."""

    data: str
    children: list[Node]
    start_pos: int
    end_pos: int


_NOT_INSTALLED = "python-hcl2 is not installed: pip install 'ctkms-policy[python-hcl2]'"
_BEFORE = "x=(\n"
_AFTER = "\n)"
_POSTFIXED = frozenset(("index_expr_term", "get_attr_expr_term", "attr_splat_expr_term", "full_splat_expr_term"))
_WORDS = {"template_else": "else", "template_endif": "endif", "template_endfor": "endfor"}
_OPENED = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")
_ESCAPED = re.compile(r"(?<=\$\$)\{|(?<=%%)\{")
_COMMENT = re.compile(r"/\*.*?\*/|(?:#|//)[^\n]*", re.DOTALL)
_DIRECTIVE = re.compile(
    r"\s*(?:(?P<word>else|endif|endfor)\b|if\b|for\s+(?P<first>[\w-]+)\s*(?:,\s*(?P<second>[\w-]+)\s*)?\bin\b)", re.ASCII
)


class PythonHcl2Reader:
    """An HclReader on python-hcl2 8 or later. Raises ReaderUnavailable where that is not what is installed as ``hcl2``."""

    def __init__(self) -> None:
        try:
            hcl2 = import_module("hcl2")
        except ImportError:
            raise ReaderUnavailable(_NOT_INSTALLED) from None
        if hasattr(hcl2, "START_LINE"):
            raise ReaderUnavailable(
                "the installed hcl2 package is checkov's fork bc-python-hcl2, not python-hcl2: "
                "install ctkms-policy[python-hcl2] in an environment without checkov"
            )
        if not hasattr(hcl2, "parses_to_tree"):
            if hcl2.__spec__ is not None and hcl2.__spec__.origin is None:  # the cache that an uninstalled python-hcl2 leaves behind
                raise ReaderUnavailable(_NOT_INSTALLED)
            raise ReaderUnavailable("the installed python-hcl2 is older than version 8: pip install 'python-hcl2>=8'")
        self._parse: Callable[[str], Node] = hcl2.parses_to_tree
        self._lark_error: type[Exception] = import_module("lark.exceptions").LarkError

    def read(self, source: Source) -> HclFile:
        """Parse a file in native syntax. Where python-hcl2 rejects what is valid the body is empty: it gives no tree then."""
        problems, readable = file_errors(source)
        tree = self._tree(readable, readable.text, 0)
        if isinstance(tree, ParseError):
            return HclFile(source, Body((), ()), (*problems, tree))
        return HclFile(source, _Document(readable, 0, self._inner).body(tree.children[0]), problems)

    def read_template(self, source: Source) -> StringTemplate | ParseError:
        """Parse a whole file as a template, as ``templatefile`` does."""
        error = template_error(source)
        if error is not None:
            return error
        return _Document(source, 0, self._inner).template(0, len(source.text), Style.HEREDOC)

    def read_expression(self, source: Source) -> Expression | ParseError:
        """Parse a whole text as one expression (``--var`` values, strings in Terraform JSON)."""
        return expression_error(source) or self._inner(source, 0, len(source.text))

    def _inner(self, source: Source, start: int, end: int) -> Expression | ParseError:
        """Parse the expression between two offsets; line ends mean nothing in it."""
        shift = start - len(_BEFORE)
        tree = self._tree(source, _BEFORE + source.text[start:end] + _AFTER, shift)
        if isinstance(tree, ParseError):
            return tree
        attribute = tree.children[0].children[0]
        return _Document(source, shift, self._inner).expression(attribute.children[-1])

    def _tree(self, source: Source, text: str, shift: int) -> Node | ParseError:
        try:
            # It takes "$${" up to the next brace for literal text, also beyond the quotes. Literal text is read from the source.
            return self._parse(_ESCAPED.sub("_", text))
        except self._lark_error as error:
            offset = getattr(error, "pos_in_stream", None)
            place = max(0, min(len(source.text), (offset if isinstance(offset, int) and offset >= 0 else len(text)) + shift))
            return ParseError("python-hcl2 does not understand this", source.span(place, place), "use --hcl-reader tree-sitter")


class _Document:
    """The tree of one parsed text, whose offsets are ``shift`` less than the source's."""

    def __init__(self, source: Source, shift: int, inner: Callable[[Source, int, int], Expression | ParseError]) -> None:
        self._source = source
        self._shift = shift
        self._inner = inner

    # Positions

    def _range(self, node: Node) -> tuple[int, int]:
        return self._start(node), self._end(node)

    def _start(self, node: Node) -> int:
        while not _is_token(node):
            node = _solid(node)[0]
        text = str(node)
        return node.start_pos + len(text) - len(text.lstrip()) + self._shift

    def _end(self, node: Node) -> int:
        while not _is_token(node):
            node = _solid(node)[-1]
        end = node.end_pos + self._shift
        if str(node).endswith("\n"):  # of a heredoc
            end = len(self._source.text[:end].rstrip())
        return end

    def _span(self, node: Node) -> Span:
        return self._source.span(*self._range(node))

    # Bodies

    def body(self, tree: Node) -> Body:
        attributes: list[AttributeNode] = []
        blocks: list[Block] = []
        for child in _solid(tree):
            if child.data == "attribute":
                name, _, value = child.children
                attributes.append(AttributeNode(_text(name), self.expression(value), self._span(child), self._span(name)))
            else:
                blocks.append(self._block(child))
        return Body(tuple(attributes), tuple(blocks))

    def _block(self, tree: Node) -> Block:
        type, *labels, _, body, _ = _solid(tree)
        head = self._source.span(self._start(type), self._end(labels[-1] if labels else type))
        return Block(_text(type), tuple(self._label(label) for label in labels), self._span(tree), head, lambda: self.body(body))

    def _label(self, node: Node) -> str:
        if _is_token(node) or node.data != "string":
            return _text(node)
        quoted = self._quoted(node)
        parts = quoted.parts if isinstance(quoted, StringTemplate) else ()
        return "".join(part.text for part in parts if isinstance(part, TemplateText))

    # Expressions

    def expression(self, tree: Node) -> Expression:
        """Convert an expression."""
        kind = tree.data
        if kind == "expr_term":
            children = _solid(tree)
            if len(children) == 3:
                return self.expression(children[1])  # parentheses
            return self._term(children[0])
        if kind == "binary_op":
            left, term = _solid(tree)[:2]
            operator, right = _solid(term)
            return Binary(_COMMENT.sub("", _text(operator)).strip(), self.expression(left), self.expression(right), self._span(tree))
        if kind == "unary_op":
            operator, operand = _solid(tree)
            return Unary(_text(operator), self.expression(operand), self._span(tree))
        if kind == "conditional":
            condition, _, then, _, otherwise = _solid(tree)
            return Conditional(self.expression(condition), self.expression(then), self.expression(otherwise), self._span(tree))
        return self._term(tree)

    def _term(self, tree: Node) -> Expression:
        kind = tree.data
        if kind == "identifier":
            return Variable(_text(tree), self._span(tree))
        if kind in _POSTFIXED:
            return self._postfixed(tree)
        if kind == "string":
            return self._quoted(tree)
        if kind == "literal_value":
            return LiteralValue({"true": True, "false": False, "null": None}[_text(tree)], self._span(tree))
        if kind in ("int_lit", "float_lit"):
            return self._number(tree)
        if kind == "function_call":
            return self._call(tree)
        if kind == "object":
            return ObjectExpression(tuple([self._item(each) for each in _solid(tree) if _is(each, "object_elem")]), self._span(tree))
        if kind == "tuple":
            return TupleExpression(tuple([self.expression(each) for each in _solid(tree) if not _is_token(each)]), self._span(tree))
        if kind in ("heredoc_template", "heredoc_template_trim"):
            return self._heredoc(tree)
        if kind == "for_tuple_expr":
            return self._for_tuple(tree)
        if kind == "for_object_expr":
            return self._for_object(tree)
        return Invalid("python-hcl2 reads this in a way of its own", self._span(tree))

    def _number(self, tree: Node) -> Expression:
        """Convert a number; python-hcl2 takes the minus of ``-10`` along."""
        text, span = _text(tree), self._span(tree)
        value = number(text.lstrip("-"))
        if value is None:
            return Invalid(TOO_MANY_DIGITS, span)
        if text.startswith("-"):
            start, end = self._range(tree)
            return Unary("-", LiteralValue(value, self._source.span(start + 1, end)), span)
        return LiteralValue(value, span)

    def _item(self, tree: Node) -> ObjectItem:
        key, _, value = _solid(tree)
        return ObjectItem(self._key(_solid(key)[0]), self.expression(value))

    def _key(self, tree: Node) -> Expression:
        """Convert the key of an object item: a bare name is text."""
        inner = _solid(tree)
        only = tree if tree.data == "keyword" else inner[0] if tree.data == "expr_term" and len(inner) == 1 else None
        if only is not None and not _is_token(only) and only.data in ("keyword", "identifier", "literal_value"):
            span = self._span(only)
            text_map = TextMap(span.path, (Run(0, span.line, span.column),))
            return StringTemplate((TemplateText(_text(only), text_map),), span)
        return self.expression(tree)

    def _call(self, tree: Node) -> Call:
        children = _solid(tree)
        name = "::".join(_text(each) for each in children if _is(each, "identifier"))
        arguments: list[Expression] = []
        expanded = False
        for each in children:
            if _is(each, "arguments"):
                inner = _solid(each)
                arguments = [self.expression(argument) for argument in inner if not _is_token(argument)]
                expanded = _is_token(inner[-1]) and str(inner[-1]) == "..."
        return Call(name, tuple(arguments), expanded, self._span(tree))

    def _postfixed(self, tree: Node) -> Expression:
        base_tree, step = _solid(tree)
        base, start = self.expression(base_tree), self._start(base_tree)
        if step.data not in ("attr_splat", "full_splat"):
            return self._step(base, step, start)
        mark, *steps = _solid(step)
        full = step.data == "full_splat"
        # An attribute splat takes along attributes and legacy indexes only; python-hcl2 gives it every index.
        taken = len(steps) if full else next((at for at, each in enumerate(steps) if each.data == "braces_index"), len(steps))
        item_start = self._start(mark)
        item: Expression = Variable(SPLAT_ITEM, self._span(mark))
        for each in steps[:taken]:
            item = self._step(item, each, item_start)
        end = self._end(steps[taken - 1] if taken else mark)
        expression: Expression = Splat(base, item, full, self._source.span(start, end))
        for each in steps[taken:]:
            expression = self._step(expression, each, start)
        return expression

    def _step(self, base: Expression, step: Node, start: int) -> Expression:
        span = self._source.span(start, self._end(step))
        children = _solid(step)
        if step.data == "get_attr":
            return GetAttr(base, _text(children[1]), span)
        if step.data == "braces_index":
            return Index(base, self.expression(children[1]), span)
        value = number(str(children[1]))
        key = Invalid(TOO_MANY_DIGITS, span) if value is None else LiteralValue(value, self._span(children[1]))
        return Index(base, key, span)

    def _for_tuple(self, tree: Node) -> ForTuple:
        _, intro, result, *rest, _ = _solid(tree)
        key, value, collection = self._for_names(intro)
        return ForTuple(key, value, collection, self.expression(result), self._for_condition(rest), self._span(tree))

    def _for_object(self, tree: Node) -> ForObject:
        _, intro, result_key, _, result, *rest, _ = _solid(tree)
        key, value, collection = self._for_names(intro)
        grouped = any(_is_token(each) for each in rest)
        condition = self._for_condition(rest)
        return ForObject(key, value, collection, self.expression(result_key), self.expression(result), grouped, condition, self._span(tree))

    def _for_condition(self, rest: Sequence[Node]) -> Expression | None:
        return next((self.expression(_solid(each)[1]) for each in rest if _is(each, "for_cond")), None)

    def _for_names(self, tree: Node) -> tuple[str | None, str, Expression]:
        *trees, collection = [each for each in _solid(tree) if not _is_token(each)]
        names = [_text(each) for each in trees]
        return (names[0] if len(names) == 2 else None), names[-1], self.expression(collection)

    # Templates

    def _quoted(self, tree: Node) -> StringTemplate | Invalid:
        start, end = self._range(tree)
        sequences = [part.children[0] for part in tree.children[1:-1] if not _is_token(part.children[0])]
        tokens: list[Token] = []
        position = start + 1
        for sequence in (*sequences, None):
            between = self._sequences_of(position, end - 1 if sequence is None else self._start(sequence))
            if isinstance(between, ParseError):
                return Invalid(between.message, between.span)
            tokens.extend(between)
            if sequence is not None:
                tokens.append(self._sequence(sequence))
                position = self._end(sequence)
        return self._parts(tokens, Style.QUOTED, self._source.span(start, end))

    def _parts(self, tokens: Sequence[Token], style: Style, span: Span) -> StringTemplate | Invalid:
        try:
            return StringTemplate(template_parts(self._source.path, tokens, style), span)
        except ParseError as error:
            return Invalid(error.message, error.span)

    def _raw(self, start: int, end: int) -> RawText:
        return RawText(self._source.text[start:end], *self._source.position(start))

    def _sequence(self, tree: Node) -> Token:
        """Convert a sequence that python-hcl2 reads itself, in a quoted string."""
        children = _solid(tree)
        span = self._span(tree)
        if tree.data == "interpolation":
            return InterpolationToken(self.expression(children[1]), span, Marks(False, False))
        marks = Marks(str(children[1]) == "~", str(children[-2]) == "~")
        if tree.data in _WORDS:
            return WordToken(_WORDS[tree.data], span, marks)
        *names, expression = [each for each in children if not _is_token(each)]
        if tree.data == "template_if_start":
            return IfToken(self.expression(expression), span, marks)
        key = _text(names[0]) if len(names) == 2 else None
        return ForToken(key, _text(names[-1]), self.expression(expression), span, marks)

    def _heredoc(self, tree: Node) -> StringTemplate | Invalid:
        start, end = self._range(tree)
        text = self._source.text
        first, last = text.index("\n", start) + 1, text.rindex("\n", 0, end) + 1
        style = Style.INDENTED_HEREDOC if text.startswith("<<-", start) else Style.HEREDOC
        tokens = self._sequences_of(first, max(first, last))
        if isinstance(tokens, ParseError):
            return Invalid(tokens.message, tokens.span)
        return self._parts(tokens, style, self._source.span(start, end))

    def template(self, start: int, end: int, style: Style) -> StringTemplate | ParseError:
        """Return the template between two offsets."""
        tokens = self._sequences_of(start, end)
        if isinstance(tokens, ParseError):
            return tokens
        parts = self._parts(tokens, style, self._source.span(start, end))
        return ParseError(parts.message, parts.span) if isinstance(parts, Invalid) else parts

    def _sequences_of(self, start: int, end: int) -> list[Token] | ParseError:
        tokens: list[Token] = []
        text = self._source.text
        while start < end:
            opened = _OPENED.search(text, start, end)
            if opened is None:
                tokens.append(self._raw(start, end))
                break
            if opened.start() > start:
                tokens.append(self._raw(start, opened.start()))
            start = sequence_end(text, opened.start())
            token = self._read_sequence(opened.start(), start)
            if isinstance(token, ParseError):
                return token
            tokens.append(token)
        return tokens

    def _read_sequence(self, start: int, end: int) -> Token | ParseError:
        """Read the sequence between two offsets, of which python-hcl2 sees the expression only."""
        text, span = self._source.text, self._source.span(start, end)
        marks = Marks(text[start + 2] == "~", text[end - 2] == "~")
        inner, last = start + 2 + marks.before, end - 1 - marks.after
        directive = _DIRECTIVE.match(text, inner, last) if text[start] == "%" else None
        if directive is not None and directive.group("word"):
            return WordToken(directive.group("word"), span, marks)
        expression = self._inner(self._source, directive.end() if directive else inner, last)
        if isinstance(expression, ParseError):
            return expression
        if directive is None:
            return InterpolationToken(expression, span, marks)
        first, second = directive.group("first", "second")
        if first is None:
            return IfToken(expression, span, marks)
        return ForToken(first if second else None, second or first, expression, span, marks)


def _is_token(node: Node) -> bool:
    return isinstance(node, str)


def _is(node: Node, kind: str) -> bool:
    return not isinstance(node, str) and node.data == kind


def _solid(tree: Node) -> list[Node]:
    """Return the children that are no blanks."""
    return [child for child in tree.children if not _is(child, "new_line_or_comment")]


def _text(node: Node) -> str:
    """Return the text of a token, or of a tree that holds one."""
    return str(node if isinstance(node, str) else node.children[0])
