"""What the tests of the HCL readers share: short forms of trees, the text of a template, all places of a tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from ctkms_policy.source import Source, Span
from ctkms_policy.terraform.hcl.syntax import (
    Binary,
    Body,
    Call,
    Conditional,
    Expression,
    ForObject,
    ForTuple,
    GetAttr,
    HclFile,
    HclReader,
    Index,
    Interpolation,
    Invalid,
    LiteralValue,
    ObjectExpression,
    Splat,
    StringTemplate,
    TemplateFor,
    TemplateIf,
    TemplatePart,
    TemplateText,
    TupleExpression,
    Unary,
    Variable,
)

PATH = "main.tf"


def read(native: HclReader, text: str) -> HclFile:
    return native.read(Source(PATH, text))


def first_expression(native: HclReader, text: str) -> Expression:
    file = read(native, text)
    assert file.problems == ()
    return file.body.attributes[0].expression


def converted(body: Body) -> object:
    """All of a body, blocks included: comparing it compares the whole tree."""
    return body.attributes, [(block.type, block.labels, converted(block.body)) for block in body.blocks]


def shown(node: Expression) -> str:
    """The tree in a notation in which every operation has its parentheses."""
    match node:
        case LiteralValue(value):
            return {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else repr(value)
        case StringTemplate(parts):
            return "'" + "".join(_part(part) for part in parts) + "'"
        case Variable(name):
            return name
        case GetAttr(base, name):
            return f"{shown(base)}.{name}"
        case Index(base, key):
            return f"{shown(base)}[{shown(key)}]"
        case Splat(base, each, full):
            return f"{'full' if full else 'attr'}({shown(base)} | {shown(each)})"
        case Call(name, arguments, expanded):
            return f"{name}({', '.join(map(shown, arguments))}{'...' if expanded else ''})"
        case Unary(operator, operand):
            return f"({operator}{shown(operand)})"
        case Binary(operator, left, right):
            return f"({shown(left)} {operator} {shown(right)})"
        case Conditional(condition, then, otherwise):
            return f"({shown(condition)} ? {shown(then)} : {shown(otherwise)})"
        case TupleExpression(items):
            return f"[{', '.join(map(shown, items))}]"
        case ObjectExpression(items):
            return "{" + ", ".join(f"{shown(item.key)}={shown(item.value)}" for item in items) + "}"
        case ForTuple(key, value, collection, result, condition):
            return f"[for {_names(key, value)} in {shown(collection)} : {shown(result)}{_condition(condition)}]"
        case ForObject(key, value, collection, result_key, result, grouped, condition):
            more = ("..." if grouped else "") + _condition(condition)
            return f"{{for {_names(key, value)} in {shown(collection)} : {shown(result_key)} => {shown(result)}{more}}}"
        case Invalid(message):
            return f"<{message}>"


def _part(part: TemplatePart) -> str:
    match part:
        case TemplateText(text):
            return text
        case Interpolation(expression):
            return "${" + shown(expression) + "}"
        case TemplateIf(condition, then, otherwise):
            return f"%{{if {shown(condition)}}}{''.join(map(_part, then))}%{{else}}{''.join(map(_part, otherwise))}%{{endif}}"
        case TemplateFor(key, value, collection, body):
            return f"%{{for {_names(key, value)} in {shown(collection)}}}{''.join(map(_part, body))}%{{endfor}}"


def _names(key: str | None, value: str) -> str:
    return value if key is None else f"{key},{value}"


def _condition(condition: Expression | None) -> str:
    return "" if condition is None else f" if {shown(condition)}"


def rendered(node: Expression, names: dict[str, str] | None = None) -> str:
    """The text that a template of literals, loops over literals and constant conditions makes."""
    names = names or {}
    if isinstance(node, LiteralValue):
        return str(node.value)
    if isinstance(node, Variable):
        return names[node.name]
    assert isinstance(node, StringTemplate)
    return "".join(_rendered(part, names) for part in node.parts)


def _rendered(part: TemplatePart, names: dict[str, str]) -> str:
    match part:
        case TemplateText(text):
            return text
        case Interpolation(expression):
            return rendered(expression, names)
        case TemplateIf(LiteralValue(condition), then, otherwise):
            return "".join(_rendered(each, names) for each in (then if condition else otherwise))
        case TemplateFor(key, value, TupleExpression(items), body):
            return "".join(
                _rendered(each, {**names, **({key: str(number)} if key else {}), value: rendered(item, names)})
                for number, item in enumerate(items)
                for each in body
            )
    raise AssertionError(part)


def texts(node: object) -> Iterator[TemplateText]:
    """Every literal text of a tree."""
    if isinstance(node, TemplateText):
        yield node
    elif isinstance(node, (tuple, list)):
        for item in node:
            yield from texts(item)
    elif isinstance(node, Body):
        yield from texts(node.attributes)
        for block in node.blocks:
            yield from texts(block.body)
    elif is_dataclass(node):
        for field in fields(node):
            yield from texts(getattr(node, field.name))


def spans(node: object) -> Iterator[Span]:
    """Every span of a tree."""
    if isinstance(node, Span):
        yield node
    elif isinstance(node, (tuple, list)):
        for item in node:
            yield from spans(item)
    elif isinstance(node, Body):
        yield from spans(node.attributes)
        for block in node.blocks:
            yield block.span
            yield block.head_span
            yield from spans(block.body)
    elif is_dataclass(node):
        for field in fields(node):
            yield from spans(getattr(node, field.name))
