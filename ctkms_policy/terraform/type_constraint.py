"""The types of variables: ``list(object({ name = string, size = optional(number, 1) }))``, and conversion to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias, Union

from ctkms_policy.terraform.conversion import Failure, inherit, to_bool, to_number, to_text
from ctkms_policy.terraform.expression import evaluate
from ctkms_policy.terraform.functions.sets import distinct_items, one_type
from ctkms_policy.terraform.hcl.syntax import Call, Expression, ObjectExpression, StringTemplate, TemplateText, TupleExpression, Variable
from ctkms_policy.terraform.scope import Scope
from ctkms_policy.value import (
    Absent,
    Choice,
    Entry,
    JsonText,
    Known,
    ListValue,
    MapValue,
    Origin,
    Symbol,
    SymbolKind,
    Unknown,
    Value,
    describe,
    lift,
)


@dataclass(frozen=True, slots=True)
class Primitive:
    """``string``, ``number``, ``bool`` or ``any``."""

    name: str


@dataclass(frozen=True, slots=True)
class Collection:
    """``list(item)``, ``set(item)`` or ``map(item)``."""

    name: str
    item: TypeConstraint


@dataclass(frozen=True, slots=True)
class TupleType:
    """``tuple([...])``"""

    items: tuple[TypeConstraint, ...]


@dataclass(frozen=True, slots=True)
class AttributeType:
    """One attribute of an object type; ``default`` stands for an optional attribute that is not there."""

    name: str
    type: TypeConstraint
    optional: bool = False
    default: Value = Absent()


@dataclass(frozen=True, slots=True)
class ObjectType:
    """``object({...})``"""

    attributes: tuple[AttributeType, ...]


TypeConstraint: TypeAlias = Union[Primitive, Collection, TupleType, ObjectType]

ANY = Primitive("any")


def type_constraint(expression: Expression | None, scope: Scope) -> TypeConstraint:
    """Return the type that an expression names; ``any`` where there is none, or where it cannot be read."""
    if isinstance(expression, Variable) and expression.name in ("string", "number", "bool"):
        return Primitive(expression.name)
    if isinstance(expression, Variable) and expression.name in ("list", "map", "set"):
        return Collection(expression.name, ANY)
    if isinstance(expression, StringTemplate):  # Terraform 0.11: type = "string"
        text = _plain_text(expression)
        return Primitive("string") if text == "string" else Collection(text, ANY) if text in ("list", "map") else ANY
    if not isinstance(expression, Call) or len(expression.arguments) < 1:
        return ANY
    argument = expression.arguments[0]
    if expression.name in ("list", "set", "map"):
        return Collection(expression.name, type_constraint(argument, scope))
    if expression.name == "tuple" and isinstance(argument, TupleExpression):
        return TupleType(tuple(type_constraint(item, scope) for item in argument.items))
    if expression.name == "object" and isinstance(argument, ObjectExpression):
        return ObjectType(tuple(_attribute_type(item.key, item.value, scope) for item in argument.items))
    return ANY


def _attribute_type(key: Expression, value: Expression, scope: Scope) -> AttributeType:
    name = _plain_text(key)
    if isinstance(value, Call) and value.name == "optional" and value.arguments:
        inner = type_constraint(value.arguments[0], scope)
        default = evaluate(value.arguments[1], scope) if len(value.arguments) > 1 else Absent()
        return AttributeType(name, inner, True, convert(default, inner))
    return AttributeType(name, type_constraint(value, scope))


def _plain_text(expression: Expression) -> str:
    if isinstance(expression, StringTemplate):
        return "".join(part.text for part in expression.parts if isinstance(part, TemplateText))
    return expression.name if isinstance(expression, Variable) else ""


def convert(value: Value, type: TypeConstraint) -> Value:
    """Return ``value`` converted to ``type``; a Failure where Terraform rejects it."""
    if isinstance(value, Choice):
        return lift(lambda outcome: convert(outcome, type), (value,), value.origin)
    if isinstance(value, (Absent, Unknown)) or type == ANY:
        return value
    if isinstance(type, Primitive):
        convert_scalar = {"string": to_text, "number": to_number, "bool": to_bool}[type.name]
        return convert_scalar(value)
    if isinstance(value, (Known, JsonText)):
        return Failure(f"{describe(value)} where {_article(type)} is needed", value.origin)
    if isinstance(type, Collection):
        return _collection(value, type)
    if isinstance(type, TupleType):
        if isinstance(value, ListValue) and not value.rest and len(value.items) == len(type.items):
            return replace(value, items=tuple(convert(item, each) for item, each in zip(value.items, type.items, strict=True)))
        return value
    return _object(value, type)


def _collection(value: Value, type: Collection) -> Value:
    if isinstance(value, ListValue) and type.name in ("list", "set"):
        items = one_type(value.items) if type.item == ANY else [convert(item, type.item) for item in value.items]
        if type.name == "set":
            items = distinct_items(items)
        return replace(value, items=tuple(items), is_set=type.name == "set")
    if isinstance(value, MapValue) and type.name == "map":
        given = [entry.value for entry in value.entries]
        values = one_type(given) if type.item == ANY else [convert(each, type.item) for each in given]
        return replace(value, entries=tuple(Entry(entry.key, each) for entry, each in zip(value.entries, values, strict=True)))
    if isinstance(value, (ListValue, MapValue)):
        return Failure(f"{describe(value)} where {_article(type)} is needed", value.origin)
    return value


def _object(value: Value, type: ObjectType) -> Value:
    if isinstance(value, ListValue):
        return Failure("a list where an object is needed", value.origin)
    if not isinstance(value, MapValue):
        return value
    entries = []
    for attribute in type.attributes:
        found = next((entry for entry in value.entries if entry.name == attribute.name), None)
        key = found.key if found is not None else Known(attribute.name)
        given = found.value if found is not None else Absent(value.origin)
        if found is None and value.rest:
            converted: Value = Unknown(value.rest, value.origin)
        elif found is None and not attribute.optional:
            return Failure(f'the object has no attribute "{attribute.name}"', value.origin)
        else:
            converted = _with_default(convert(given, attribute.type), attribute)
        entries.append(Entry(key, converted))
    return replace(value, entries=tuple(entries), rest="")


def _with_default(value: Value, attribute: AttributeType) -> Value:
    if not attribute.optional or isinstance(attribute.default, Absent):
        return value

    def filled(outcome: Value) -> Value:
        return inherit(attribute.default, outcome.origin) if isinstance(outcome, Absent) else outcome

    return lift(filled, (value,), value.origin)


def _article(type: TypeConstraint) -> str:
    name = type.name if isinstance(type, (Primitive, Collection)) else "tuple" if isinstance(type, TupleType) else "object"
    return f"{'an' if name == 'object' else 'a'} {name}"


NO_DEFAULT = "has no default"
"""What the reason of everything ends with that is not known because a variable is not set."""


def is_unset(value: Value) -> bool:
    """Return whether a value is not known because a variable is not set."""
    if isinstance(value, Symbol):
        return value.kind is SymbolKind.INPUT
    return isinstance(value, Unknown) and value.reason.endswith(NO_DEFAULT)


def unset(name: str, type: TypeConstraint, origin: Origin, spelling: str, reason: str) -> Value:
    """Return what a variable is that has no value: symbols as far as its type tells the parts, else Unknown with the reason."""
    if isinstance(type, ObjectType):
        entries = (
            Entry(Known(each.name, origin), unset(f"{name}.{each.name}", each.type, origin, f"{spelling}.{each.name}", reason))
            for each in type.attributes
        )
        return MapValue(tuple(entries), "", origin)
    if isinstance(type, Primitive):
        return Symbol(name, SymbolKind.INPUT, spelling=spelling, reason=reason, origin=origin)
    return Unknown(reason, origin)
