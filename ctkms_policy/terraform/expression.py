"""Evaluation of Terraform expressions: ``evaluate(expression, scope) -> Value``.

What is certain stays certain, what inputs decide becomes a Choice, everything else an Unknown that says why. What certainly is
an error at run time is a ``Failure``, which ``try`` and ``can`` see and everybody else takes as an Unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, cast

from ctkms_policy.source import Span
from ctkms_policy.terraform import functions
from ctkms_policy.terraform.comparison import equal, less
from ctkms_policy.terraform.condition import as_condition, collapsed, identified, select, settled, without_defaults
from ctkms_policy.terraform.conversion import (
    MAX_NODES,
    Failure,
    all_origins,
    fraction,
    inherit,
    is_larger,
    number,
    placed,
    plain_text,
    reason_of,
    sorted_entries,
    to_number,
    to_text,
    written,
    written_json,
)
from ctkms_policy.terraform.functions.sets import distinct_items
from ctkms_policy.terraform.hcl.syntax import (
    SPLAT_ITEM,
    Binary,
    Call,
    Conditional,
    Expression,
    ForObject,
    ForTuple,
    GetAttr,
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
from ctkms_policy.terraform.index import items_with_keys, step_into
from ctkms_policy.terraform.scope import InnerScope
from ctkms_policy.terraform.scope import Scope as Scope
from ctkms_policy.terraform.scope import Step as Step
from ctkms_policy.value import (
    Absent,
    Choice,
    Entry,
    JsonText,
    Known,
    ListValue,
    MapValue,
    Origin,
    Reference,
    Symbol,
    SymbolKind,
    Template,
    Unknown,
    Value,
    default_of,
    describe,
    lift,
)

_MAX_ROUNDS = 20_000
"""All loops of one expression together take no more rounds."""

_MAX_CONDITIONS = 5
"""A loop with more undecided conditions gives a list with a rest: every one doubles the number of outcomes."""

_EXACT = 15
"""A float written with more characters may stand for another number: Terraform calculates with 512 bits."""


def evaluate(expression: Expression, scope: Scope) -> Value:
    """Return the value of ``expression``. Never raises; what is nested or grows beyond bounds is an Unknown."""
    origin = Origin(expression.span)
    try:
        value = _Evaluator().value(expression, scope)
    except RecursionError:
        return Unknown("the expression is nested too deeply", origin)
    except _TooManyRounds:
        return Unknown(f"loops of more than {_MAX_ROUNDS} rounds", origin)
    if isinstance(value, (ListValue, MapValue, JsonText, Choice)) and is_larger(value, MAX_NODES):
        return Unknown(f"the value holds more than {MAX_NODES} values", origin)
    return value


def render_template(template: StringTemplate, variables: MapValue, scope: Scope, span: Span) -> Value:
    """Return the text of a template whose only names are ``variables``; ``span`` is the call or block that renders it."""
    if variables.rest:
        return Unknown(variables.rest, Origin(span))
    names = {entry.name: entry.value for entry in variables.entries if isinstance(entry.key, Known)}
    place = f"rendered at {span.path}:{span.line}:{span.column}"
    inner = InnerScope(scope, names, place, closed=True)
    try:
        return lift(to_text, (_Evaluator().value(template, inner),), Origin(span))
    except RecursionError:
        return Unknown("templates nested too deeply", Origin(span))
    except _TooManyRounds:
        return Unknown(f"loops of more than {_MAX_ROUNDS} rounds", Origin(span))


class _TooManyRounds(Exception):
    """All further loops would be empty work: the whole expression is given up."""


@dataclass
class _Evaluator:
    """Evaluates one expression and counts the rounds of its loops; ``trying`` is whether ``try`` or ``can`` sees what fails."""

    rounds: int = field(default=0)
    trying: bool = field(default=False)

    def value(self, expression: Expression, scope: Scope) -> Value:
        method = _METHODS[type(expression)]
        value: Value = method(self, expression, scope)
        if isinstance(value, Known) and value.origin.inputs:
            return identified(value, expression, scope)
        return value

    def literal(self, expression: LiteralValue, scope: Scope) -> Value:
        origin = Origin(expression.span)
        return Absent(origin) if expression.value is None else Known(expression.value, origin)

    def invalid(self, expression: Invalid, scope: Scope) -> Value:
        return Unknown(expression.message, Origin(expression.span))

    # Templates

    def template(self, expression: StringTemplate, scope: Scope) -> Value:
        parts = expression.parts
        if len(parts) == 1 and isinstance(parts[0], Interpolation):
            return self.value(parts[0].expression, scope)
        return self.text(parts, scope, expression.span)

    def text(self, parts: Sequence[TemplatePart], scope: Scope, span: Span) -> Value:
        return self.joined([self.part(part, scope) for part in parts], span)

    def part(self, part: TemplatePart, scope: Scope) -> Value:
        if isinstance(part, TemplateText):
            return Known(part.text, text_map=part.text_map)
        if isinstance(part, Interpolation):
            return lift(lambda value: placed(to_text(value), part.span), (self.value(part.expression, scope),), Origin(part.span))
        if isinstance(part, TemplateIf):
            condition = self.condition(part.condition, scope)
            then, otherwise = part.then, part.otherwise
            return select(
                condition,
                lambda: self.text(then, scope, part.span),
                lambda: self.text(otherwise, scope, part.span),
                Origin(part.span),
            )
        return self.repeated(part, scope)

    def repeated(self, part: TemplateFor, scope: Scope) -> Value:
        def texts(collection: Value) -> Value:
            rounds = self.scopes(part.key, part.value, collection, part.collection, scope)
            if isinstance(rounds, Unknown):
                return rounds
            if isinstance(collection, (ListValue, MapValue)) and collection.rest:
                return Unknown(collection.rest, Origin(part.span))
            return self.joined([self.text(part.body, inner, part.span) for _, inner in rounds], part.span)

        return lift(texts, (self.value(part.collection, scope),), Origin(part.span))

    def joined(self, values: Sequence[Value], span: Span) -> Value:
        origin = Origin(span)

        def write(*texts: Value) -> Value:
            failure = next((text for text in texts if isinstance(text, Failure)), None)
            if failure is not None:
                return failure
            document = _only_document(texts)
            if document is not None:
                return document
            plain = (placed(written_json(text), text.origin.span or span) if isinstance(text, JsonText) else text for text in texts)
            return written(tuple(plain), origin)

        return lift(write, values, origin)

    # Traversals

    def variable(self, expression: Variable, scope: Scope) -> Value:
        return self.traversal(expression, scope)

    def traversal(self, expression: Variable | GetAttr | Index, scope: Scope) -> Value:
        steps: list[tuple[str | Expression, Span]] = []
        base: Expression = expression
        while isinstance(base, (GetAttr, Index)):
            steps.append((base.name if isinstance(base, GetAttr) else base.key, base.span))
            base = base.base
        steps.reverse()
        evaluated: list[Step] = [each if isinstance(each, str) else self.value(each, scope) for each, _ in steps]
        spans = [span for _, span in steps]
        if not isinstance(base, Variable):
            return self.walk(self.value(base, scope), evaluated, spans, scope)
        name, keys = base.name, [each for each in evaluated if not isinstance(each, str)]

        def look_up(*outcomes: Value) -> Value:
            remaining = iter(outcomes)
            path = tuple(each if isinstance(each, str) else next(remaining) for each in evaluated)
            value, taken = scope.lookup(name, path, expression.span)
            value, rest = settled(value, scope), spans[taken:]
            if name not in ("var", "local") or self.trying:
                return self.walk(value, path[taken:], rest, scope)
            return lift(lambda base: self.required(base, (name, *path), rest, scope), (value,), value.origin)

        return lift(look_up, keys, Origin(expression.span))

    def required(self, value: Value, path: Sequence[Step], spans: Sequence[Span], scope: Scope) -> Value:
        """Return what the last steps of ``path``, those with ``spans``, make of a value.

        An attribute that the default of an input lacks is a symbol: Terraform fails unless an input gives it.
        """
        done = len(path) - len(spans)
        for position, span in enumerate(spans, done):
            following = step_into(value, path[position], scope, span)
            open_to_inputs = isinstance(value, (MapValue, Absent)) and value.origin.inputs
            if isinstance(following, Failure) and open_to_inputs and all(_may_be_named(step) for step in path):
                step, spelling = path[position], _path_text(path)
                missing = describe(Known(step) if isinstance(step, str) else step)
                reason = f"{_path_text(path[:position])} has no {missing} by default"
                origin = Origin(spans[-1], value.origin.via, sensitive=value.origin.sensitive)
                return Symbol(f"{scope.condition_prefix}{spelling}", SymbolKind.INPUT, spelling=spelling, reason=reason, origin=origin)
            value = following
        return value

    def walk(self, value: Value, steps: Iterable[Step], spans: Iterable[Span], scope: Scope) -> Value:
        for step, span in zip(steps, spans, strict=True):
            value = step_into(value, step, scope, span)
        return value

    def splat(self, expression: Splat, scope: Scope) -> Value:
        origin = Origin(expression.span)

        def items(base: Value) -> Value:
            if isinstance(base, Absent):
                return ListValue((), "", origin)
            if isinstance(base, (Unknown, Symbol)):
                return base if isinstance(base, Failure) else Unknown(reason_of(base), origin)
            if isinstance(base, Reference) and base.attribute:
                return Unknown(reason_of(base), origin)
            elements = base.items if isinstance(base, ListValue) else (base,)
            rest = base.rest if isinstance(base, ListValue) else ""
            values = []
            for position, item in enumerate(elements):
                values.append(self.value(expression.each, InnerScope(scope, {SPLAT_ITEM: item}, f"item {position}")))
                if isinstance(values[-1], Failure):
                    return values[-1]
            return ListValue(tuple(values), rest, origin.joined(base.origin))

        return lift(items, (self.value(expression.base, scope),), origin)

    # Operators

    def condition(self, expression: Expression, scope: Scope) -> Value:
        return as_condition(self.value(expression, scope), expression, scope)

    def conditional(self, expression: Conditional, scope: Scope) -> Value:
        sides: dict[bool, Value] = {}

        def side(index: bool) -> Value:
            if index not in sides:
                sides[index] = self.value(expression.then if index else expression.otherwise, scope)
            return sides[index]

        def unified(index: bool) -> Value:
            return _same_type(side(index), side(not index))

        condition = self.condition(expression.condition, scope)
        if isinstance(condition, Known) and not _may_be_converted(
            side(condition.value is True), expression.otherwise if condition.value is True else expression.then
        ):
            return select(condition, lambda: side(True), lambda: side(False), Origin(expression.span))
        return select(condition, lambda: unified(True), lambda: unified(False), Origin(expression.span))

    def unary(self, expression: Unary, scope: Scope) -> Value:
        origin = Origin(expression.span)
        if expression.operator == "!":
            condition = self.condition(expression.operand, scope)
            return collapsed(lift(_not, (condition,), origin), origin.joined(condition.origin))
        operand = self.value(expression.operand, scope)
        return lift(lambda value: _arithmetic("-", Known(0), value, origin), (operand,), origin)

    def binary(self, expression: Binary, scope: Scope) -> Value:
        origin = Origin(expression.span)
        operator = expression.operator
        if operator in ("&&", "||"):
            left = self.condition(expression.left, scope)
            right = self.condition(expression.right, scope)
            connected = lift(lambda *sides: _connected(operator, sides[0], sides[1]), (left, right), origin)
            if isinstance(connected, Known):  # no input can change it
                way = (*left.origin.via, *right.origin.via)
                return replace(connected, origin=replace(origin.after(way), sensitive=left.origin.sensitive or right.origin.sensitive))
            return collapsed(connected, origin)
        left = self.value(expression.left, scope)
        right = self.value(expression.right, scope)
        if operator in ("+", "-", "*", "/", "%"):
            return lift(lambda *sides: _arithmetic(operator, sides[0], sides[1], origin), (left, right), origin)
        left, right = _undecided(left), _undecided(right)
        literals = isinstance(expression.left, _CONSTRUCTORS) and isinstance(expression.right, _CONSTRUCTORS)
        compared = lift(lambda *sides: _compared(operator, sides[0], sides[1], literals, origin), (left, right), origin)
        return collapsed(compared, origin)

    # Collections

    def tuple_of(self, expression: TupleExpression, scope: Scope) -> Value:
        items = [self.value(item, scope) for item in expression.items]
        failure = next((item for item in items if isinstance(item, Failure)), None)
        return failure if failure is not None else ListValue(tuple(items), "", Origin(expression.span))

    def object_of(self, expression: ObjectExpression, scope: Scope) -> Value:
        return _map(
            ((self.value(item.key, scope), self.value(item.value, scope)) for item in expression.items),
            Origin(expression.span),
        )

    def for_tuple(self, expression: ForTuple, scope: Scope) -> Value:
        origin = Origin(expression.span)

        def items(collection: Value) -> Value:
            rounds = self.scopes(expression.key, expression.value, collection, expression.collection, scope)
            if isinstance(rounds, Unknown):
                return rounds
            rest = collection.rest if isinstance(collection, (ListValue, MapValue)) else ""
            results: list[tuple[Value, Callable[[], Value]]] = [
                (
                    Known(True) if expression.condition is None else self.condition(expression.condition, inner),
                    lambda inner=inner: self.value(expression.result, inner),  # type: ignore[misc]
                )
                for _, inner in rounds
            ]
            own = origin.joined(collection.origin)
            return _chosen(results, rest, lambda values, why: _list(values, why, own), own)

        return lift(items, (self.value(expression.collection, scope),), origin)

    def for_object(self, expression: ForObject, scope: Scope) -> Value:
        origin = Origin(expression.span)

        def entries(collection: Value) -> Value:
            rounds = self.scopes(expression.key, expression.value, collection, expression.collection, scope)
            if isinstance(rounds, Unknown):
                return rounds
            rest = collection.rest if isinstance(collection, (ListValue, MapValue)) else ""
            results: list[tuple[Value, Callable[[], tuple[Value, Value]]]] = [
                (
                    Known(True) if expression.condition is None else self.condition(expression.condition, inner),
                    lambda inner=inner: (  # type: ignore[misc]
                        self.value(expression.result_key, inner),
                        self.value(expression.result, inner),
                    ),
                )
                for _, inner in rounds
            ]
            own, grouped = origin.joined(collection.origin), expression.grouped
            return _chosen(results, rest, lambda pairs, why: _map(pairs, own, why, grouped=grouped, unique=not grouped), own)

        return lift(entries, (self.value(expression.collection, scope),), origin)

    def scopes(
        self, key: str | None, value: str, collection: Value, written: Expression, scope: Scope
    ) -> list[tuple[Value, InnerScope]] | Unknown:
        """Return one scope for each item of a collection, or why there is none."""
        pairs: list[tuple[Value, Value]]
        if isinstance(collection, ListValue):
            pairs = list(items_with_keys(collection))
        elif isinstance(collection, MapValue):
            pairs = [(entry.key, entry.value) for entry in sorted_entries(collection)]
        elif isinstance(collection, Failure):
            return collection
        elif isinstance(collection, (Unknown, Symbol, Reference)):
            return Unknown(reason_of(collection), Origin(written.span))
        else:
            return Failure(f"{describe(collection)} where a collection is needed", Origin(written.span))
        self.rounds += len(pairs)
        if self.rounds > _MAX_ROUNDS:
            raise _TooManyRounds
        found = []
        for position, (name, item) in enumerate(pairs):
            name, item = inherit(name, collection.origin), inherit(item, collection.origin)
            names = {value: item} if key is None else {key: name, value: item}
            found.append((name, InnerScope(scope, names, f"{value} = {describe(name)} [{position}]")))
        return found

    def call(self, expression: Call, scope: Scope) -> Value:
        context = functions.Context(expression.name, expression.span, scope, render_template)
        outside, self.trying = self.trying, self.trying or expression.name in functions.SEE_FAILURES
        arguments = [self.value(argument, scope) for argument in expression.arguments]
        self.trying = outside
        return functions.call(context, arguments, expanded=expression.expanded)


_CONSTRUCTORS = (TupleExpression, ObjectExpression)

_METHODS: dict[type, Callable[..., Value]] = {
    LiteralValue: _Evaluator.literal,
    StringTemplate: _Evaluator.template,
    Variable: _Evaluator.variable,
    GetAttr: _Evaluator.traversal,
    Index: _Evaluator.traversal,
    Splat: _Evaluator.splat,
    Call: _Evaluator.call,
    Unary: _Evaluator.unary,
    Binary: _Evaluator.binary,
    Conditional: _Evaluator.conditional,
    TupleExpression: _Evaluator.tuple_of,
    ObjectExpression: _Evaluator.object_of,
    ForTuple: _Evaluator.for_tuple,
    ForObject: _Evaluator.for_object,
    Invalid: _Evaluator.invalid,
}


_NAME = re.compile(r"[A-Za-z_][\w-]*")


def _may_be_named(step: Step) -> bool:
    return isinstance(step, str) or (isinstance(step, Known) and not step.origin.sensitive)


def _path_text(path: Sequence[Step]) -> str:
    """Return a traversal as it is written; ``x["name"]`` is the same as ``x.name``."""
    keys = [step if isinstance(step, str) else step.value if isinstance(step, Known) else describe(step) for step in path]
    parts = (f".{key}" if isinstance(key, str) and _NAME.fullmatch(key) else f"[{describe(Known(key))}]" for key in keys)
    return "".join(parts).lstrip(".")


def _not(value: Value) -> Value:
    return Known(not value.value, value.origin) if isinstance(value, Known) else value


def _connected(operator: str, left: Value, right: Value) -> Value:
    """Return ``&&`` or ``||`` of two bools; a side that decides alone makes the other one irrelevant, as from Terraform 1.12 on."""
    decisive = operator == "||"
    for side in (left, right):
        if isinstance(side, Known) and side.value is decisive:
            return side if not isinstance(left, Failure) else left
    return right if isinstance(left, Known) else left


def _undecided(value: Value) -> Value:
    """Return a bool that inputs decide as the Choice that it is, so that comparing it keeps that."""
    if isinstance(value, Known) and isinstance(value.value, bool) and value.origin.decision is not None:
        return value.origin.decision
    return value


def _compared(operator: str, left: Value, right: Value, literals: bool, origin: Origin) -> Value:
    if operator in ("==", "!="):
        answer = _equal_literals(left, right) if literals else equal(left, right)
        inverted = operator == "!="
    else:
        answer = less(left, right) if operator in ("<", ">=") else less(right, left)
        inverted = operator in (">=", "<=")
    if inverted:
        answer = lift(_not, (answer,), origin)
    origins = tuple(all_origins((left, right)))
    if isinstance(answer, Failure):
        return answer
    way = (*left.origin.via, *right.origin.via)
    return replace(answer, origin=origin.joined(*origins).after(way))


def _equal_literals(left: Value, right: Value) -> Value:
    """Return whether two collections written out are equal: their types differ only where their contents do."""
    return Known(True) if left == right and not _has_unknown(left) else equal(left, right)


def _has_unknown(value: Value) -> bool:
    if isinstance(value, (ListValue, MapValue)) and value.rest:
        return True
    return isinstance(value, (Unknown, Choice, Template, JsonText)) or (
        isinstance(value, (ListValue, MapValue))
        and any(_has_unknown(item) for item in (value.items if isinstance(value, ListValue) else (entry.value for entry in value.entries)))
    )


def _arithmetic(operator: str, left: Value, right: Value, origin: Origin) -> Value:
    origin = origin.joined(left.origin, right.origin)
    numbers: list[Fraction] = []
    for side in (left, right):
        converted = to_number(side)
        if isinstance(converted, Known) and isinstance(converted.value, float) and len(repr(converted.value)) > _EXACT:
            return Unknown(f"{describe(converted)} is not exact, and further arithmetic not certain", origin)
        if isinstance(converted, Failure):
            return converted
        if not isinstance(converted, Known):
            return Unknown(reason_of(converted), origin)
        assert not isinstance(converted.value, str)
        numbers.append(fraction(converted.value))
    one, other = numbers
    if operator == "+":
        return number(one + other, origin)
    if operator == "-":
        return number(one - other, origin)
    if operator == "*":
        return number(one * other, origin)
    if other == 0 and operator == "%":
        return number(one, origin)
    if other == 0:
        return Unknown("an infinite number, from a division by zero", origin) if one else Failure("zero divided by zero", origin)
    if operator == "/":
        return number(one / other, origin)
    quotient = abs(one) // abs(other)
    return number(one - other * (quotient if (one < 0) == (other < 0) else -quotient), origin)


def _same_type(value: Value, other: Value) -> Value:
    """Return a side of a conditional as a string, or a set, where the other side is one: numbers, bools and lists are converted."""
    if isinstance(value, ListValue) and isinstance(other, ListValue) and other.is_set and not value.is_set:
        value = replace(value, items=tuple(distinct_items(value.items)), is_set=True)
    if isinstance(value, ListValue) and isinstance(other, ListValue) and other.items:
        return replace(value, items=tuple(_same_type(item, other.items[0]) for item in value.items))
    if isinstance(value, MapValue) and isinstance(other, MapValue):
        entries = (Entry(entry.key, _same_type(entry.value, other.get(entry.name) or entry.value)) for entry in value.entries)
        return replace(value, entries=tuple(entries))
    is_text = isinstance(other, (Template, JsonText)) or (isinstance(other, Known) and isinstance(other.value, str))
    return to_text(value) if is_text and isinstance(value, Known) else value


_MAKE_SETS = ("toset", "setunion", "setintersection", "setsubtract")


def _may_be_converted(value: Value, other: Expression) -> bool:
    """Tell whether the other side of a conditional may make something else of a value."""
    if isinstance(value, ListValue) and value.items and not value.is_set and isinstance(other, Call) and other.name in _MAKE_SETS:
        return True
    return _may_become_text(value)


def _may_become_text(value: Value) -> bool:
    """Tell whether the other side of a conditional can make strings of numbers and bools here."""
    if isinstance(value, ListValue):
        return any(_may_become_text(item) for item in value.items)
    if isinstance(value, MapValue):
        return any(_may_become_text(entry.value) for entry in value.entries)
    return isinstance(value, Known) and not isinstance(value.value, str)


def _only_document(texts: Sequence[Value]) -> JsonText | None:
    """Return the JSON document that makes a text together with nothing but blanks, or None: blanks change nothing in JSON."""
    documents = [text for text in texts if isinstance(text, JsonText)]
    blank = all((isinstance(text, Known) and str(text.value).isspace()) or text is documents[0] for text in texts) if documents else False
    return documents[0] if blank and len(documents) == 1 else None


def _list(values: Sequence[Value], rest: str, origin: Origin) -> Value:
    failure = next((value for value in values if isinstance(value, Failure)), None)
    return failure if failure is not None else ListValue(tuple(values), rest, origin)


def _map(pairs: Iterable[tuple[Value, Value]], origin: Origin, rest: str = "", *, grouped: bool = False, unique: bool = False) -> Value:
    """Return a map; a later entry replaces an earlier one of the same key, unless that is an error or they are grouped."""
    keys, values = [], []
    for key, value in pairs:
        keys.append(key)
        values.append(value)

    def with_keys(*names: Value) -> Value:
        return _map_of(zip(names, values, strict=True), origin, rest, grouped=grouped, unique=unique)

    return lift(with_keys, keys, origin)


def _map_of(pairs: Iterable[tuple[Value, Value]], origin: Origin, rest: str, *, grouped: bool, unique: bool) -> Value:
    entries: dict[Known | Template | Symbol, list[Value]] = {}
    for key, value in pairs:
        key = plain_text(key)
        if isinstance(key, Failure):
            return key
        if isinstance(value, Failure):
            return value
        if isinstance(key, Reference):
            key = Template((key,), key.origin)
        if not isinstance(key, (Known, Template, Symbol)):
            rest = rest or f"a key is not known: {reason_of(key)}"
            if not unique and not grouped:  # the unknown key may be one of those before it
                entries = {name: [Unknown(rest, values[0].origin)] for name, values in entries.items()}
            continue
        if unique and key in entries:
            return Failure(f"the key {describe(key)} is there twice", origin)
        if key in entries and not grouped:
            entries[key] = [value]
        else:
            entries.setdefault(key, []).append(value)
    made = (Entry(key, ListValue(tuple(values), "", origin) if grouped else values[0]) for key, values in entries.items())
    return MapValue(tuple(made), rest, origin)


def _without_defaults(result: object, condition: Value) -> object:
    """Return a result, or the key and value of one, that is there only where inputs make ``condition`` another than by default.

    The key stays what it is: it names an instance that those inputs switch on.
    """
    inputs = frozenset(name for origin in all_origins((condition,)) for name in origin.inputs)
    if isinstance(result, tuple):
        key, value = result
        return key, without_defaults(value, inputs)
    return without_defaults(cast(Value, result), inputs)


def _chosen(
    results: Sequence[tuple[Value, Callable[[], object]]],
    rest: str,
    build: Callable[[list[Any], str], Value],
    origin: Origin,
) -> Value:
    """Return what ``build`` makes of the results whose condition holds; results that may or may not be there go into the rest."""
    failure = next((condition for condition, _ in results if isinstance(condition, Failure)), None)
    if failure is not None:
        return failure
    undecided = {condition.condition for condition, _ in results if isinstance(condition, Choice)}
    if len(undecided) > _MAX_CONDITIONS:
        certain = [(condition, result) for condition, result in results if not isinstance(condition, Choice)]
        return _chosen(certain, rest or "conditions that inputs decide", build, origin)
    made: dict[int, object] = {}

    def result(position: int) -> object:
        if position not in made:
            condition, make = results[position]
            made[position] = make() if default_of(condition) != Known(False) else _without_defaults(make(), condition)
        return made[position]

    def kept(*conditions: Value) -> Value:
        present = [
            result(position) for position, condition in enumerate(conditions) if isinstance(condition, Known) and condition.value is True
        ]
        return build(present, rest)

    return lift(kept, [condition for condition, _ in results], origin)
