"""Bools that inputs decide: their identity, and what follows from the same condition going the same way everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from ctkms_policy.source import Span
from ctkms_policy.terraform.comparison import FALSE, TRUE, decided_by
from ctkms_policy.terraform.conversion import to_bool
from ctkms_policy.terraform.hcl.syntax import Binary, Expression, GetAttr, Index, Unary, Variable
from ctkms_policy.terraform.scope import InnerScope, Scope
from ctkms_policy.value import (
    Branch,
    Choice,
    Entry,
    Failure,
    JsonText,
    Known,
    ListValue,
    MapValue,
    Origin,
    Reference,
    Symbol,
    SymbolKind,
    Unknown,
    Value,
    choose,
    default_of,
    describe,
    lift,
    taken,
)

_REPEATED = re.compile(r"(?<![\w.])(?:each|count|self)\b")
_REFERENCE = re.compile(r"[A-Za-z_][\w.-]*")


def as_condition(value: Value, expression: Expression, scope: Scope) -> Value:
    """Return a bool as what decides it: a Known that no input can change, a Choice between true and false, or a Failure.

    ``expression`` is what it was written as; its text identifies a condition whose value says nothing better.
    """
    if isinstance(value, Known):
        truth = to_bool(value)
        value = identified(truth, expression, scope) if isinstance(truth, Known) else value
    return settled(lift(lambda outcome: _decided(outcome, expression, scope), (value,), value.origin), scope)


def _decided(value: Value, expression: Expression, scope: Scope) -> Value:
    given, value = value, to_bool(value)
    if isinstance(value, Failure):
        text = _text(expression.span, scope)
        if isinstance(expression, (Variable, GetAttr, Index)) and _REFERENCE.fullmatch(text) and not isinstance(given, Failure):
            return replace(value, reason=f"{text} is {describe(given)} where a bool is needed")
        return value
    if isinstance(value, Known):
        decision = value.origin.decision
        if decision is None:
            return Known(value.value, Origin(value.origin.span, value.origin.via))
        return replace(decision, origin=decision.origin.after(value.origin.via))
    if isinstance(value, Symbol):
        name = describe(value)
        return decided_by(value.name, f"{name} = true", f"{name} = false", None, Origin(value.origin.span, value.origin.via))
    return named_condition(expression, scope, None, Origin(value.origin.span, value.origin.via))


def identified(value: Known, expression: Expression, scope: Scope) -> Known:
    """Return a bool that inputs decide with the Choice that it is; another scalar as it is."""
    if not isinstance(value.value, bool) or not value.origin.inputs:
        return value
    decision = value.origin.decision
    if decision is not None:
        default = default_of(decision)
        if isinstance(default, Known) and default.value is value.value:
            return value
    plain = Origin(value.origin.span, value.origin.via, inputs=value.origin.inputs, sensitive=value.origin.sensitive)
    named = named_condition(expression, scope, value.value, plain)
    return replace(value, origin=replace(value.origin, decision=named if isinstance(named, Choice) else None))


def named_condition(expression: Expression, scope: Scope, chosen: bool | None, origin: Origin) -> Choice:
    """Return the Choice between true and false that the text of ``expression`` decides.

    ``!x`` and ``x`` have one identity, and so do ``a != b`` and ``a == b``.
    """
    inverted = False
    while isinstance(expression, Unary) and expression.operator == "!":
        expression, inverted = expression.operand, not inverted
    text = _text(expression.span, scope)
    if isinstance(expression, Binary) and expression.operator == "!=":
        inverted = not inverted
        text = f"{_text(expression.left.span, scope)} == {_text(expression.right.span, scope)}"
    if chosen is not None and inverted:
        chosen = not chosen
    module = f"{scope.condition_prefix.removesuffix('.')}: " if scope.condition_prefix else ""
    words = f"{module}{text}{' =' if _REFERENCE.fullmatch(text) else ' is'}"
    identity = f"{scope.condition_prefix}{text}{_place(text, expression.span, scope)}"
    choice = decided_by(identity, f"{words} true", f"{words} false", chosen, origin)
    if not inverted:
        return choice
    flipped = lift(_inverse, (choice,), origin)
    assert isinstance(flipped, Choice)
    return flipped


def _inverse(value: Value) -> Value:
    assert isinstance(value, Known)
    return Known(not value.value, value.origin)


def _text(span: Span, scope: Scope) -> str:
    return " ".join(scope.text_of(span).split()) or f"the condition at {span.path}:{span.line}:{span.column}"


def _place(text: str, span: Span, scope: Scope) -> str:
    """Return what tells a condition apart whose names mean another thing in each round, instance or rendering."""
    places = []
    outer = scope
    while isinstance(outer, InnerScope):
        if any(re.search(rf"(?<![\w.]){re.escape(name)}(?![\w])", text) for name in outer.names):
            places.append(outer.place)
        outer = outer.outer
    if _REPEATED.search(text):
        for root, name in (("each", "key"), ("count", "index")):
            value, _ = outer.lookup(root, (name,), span)
            if not isinstance(value, Unknown):
                places.append(f"{root}.{name} = {describe(value)}")
    elif not places:
        return ""
    return f" at {span.path}:{span.line}:{span.column} {', '.join(places)}"


def select(condition: Value, then: Callable[[], Value], otherwise: Callable[[], Value], origin: Origin) -> Value:
    """Return what a condition (of ``as_condition``) picks, by way of the condition. A side that it cannot pick is not evaluated."""
    if isinstance(condition, Choice):
        branches = []
        for index, branch in enumerate(condition.branches):
            picked = narrowed(select(branch.value, then, otherwise, origin), condition.condition, index)
            if condition.chosen is not None and index != condition.chosen:
                picked = without_defaults(picked, condition.origin.inputs)
            branches.append(Branch(branch.when, picked))
        origin = replace(origin.after(condition.origin.via), inputs=origin.inputs | condition.origin.inputs)
        return choose(condition.condition, branches, condition.chosen, origin)
    if isinstance(condition, Known):
        value = then() if condition.value is True else otherwise()
        return replace(value, origin=value.origin.after(condition.origin.via)) if condition.origin.via else value
    return condition


def narrowed(value: Value, condition: str, index: int) -> Value:
    """Return what is left of ``value`` when the condition goes the way of branch ``index``."""
    if not isinstance(value, Choice):
        return value
    if value.condition == condition and index < len(value.branches):
        return narrowed(taken(value, index), condition, index)
    branches = [Branch(branch.when, narrowed(branch.value, condition, index)) for branch in value.branches]
    return choose(value.condition, branches, value.chosen, value.origin)


def without_defaults(value: Value, inputs: frozenset[str]) -> Value:
    """Return ``value`` where those inputs are not what they are by default: what their defaults made is not known there.

    ``var.a == null ? aws_kms_key.k.arn : var.a`` is not null where var.a is not.
    """
    if isinstance(value, Choice):
        branches = [Branch(branch.when, without_defaults(branch.value, inputs)) for branch in value.branches]
        return choose(value.condition, branches, value.chosen, value.origin)
    if value.origin.inputs & inputs and value.origin.decision is None:
        return _another(value, sorted(value.origin.inputs & inputs))
    if isinstance(value, ListValue):
        return replace(value, items=tuple(without_defaults(item, inputs) for item in value.items))
    if isinstance(value, MapValue):
        return replace(value, entries=tuple(Entry(each.key, without_defaults(each.value, inputs)) for each in value.entries))
    if isinstance(value, JsonText):
        return replace(value, document=without_defaults(value.document, inputs))
    return value


def _another(value: Value, inputs: Sequence[str]) -> Value:
    """Return what stands for a value made of inputs that have other values than by default."""
    if isinstance(value, (Symbol, Reference, Unknown)):
        return value
    names = " and ".join(inputs)
    reason = f"{names} is not what it is by default" if len(inputs) == 1 else f"{names} are not what they are by default"
    if isinstance(value, (ListValue, MapValue)) or value.origin.sensitive:
        return Unknown(reason, value.origin)
    span = value.origin.span
    place = "" if span is None else f" of {span.path}:{span.line}:{span.column}"
    identity = f"{names}, not {describe(value)}{place}"
    return Symbol(identity, SymbolKind.INPUT, spelling=names, reason=reason, origin=Origin(value.origin.span, value.origin.via))


def settled(value: Value, scope: Scope) -> Value:
    """Return ``value`` without the choices whose condition the scope supposes to be true or false."""
    if not isinstance(value, Choice):
        return value
    supposed = scope.forced(value.condition)
    if supposed is not None:
        return settled(taken(value, TRUE if supposed else FALSE), scope)
    branches = [Branch(branch.when, settled(branch.value, scope)) for branch in value.branches]
    return choose(value.condition, branches, value.chosen, value.origin)


def collapsed(value: Value, origin: Origin) -> Value:
    """Return a bool that defaults decide as the Known it is by default, with its inputs and the Choice itself as its decision."""
    if isinstance(value, Choice):
        default = default_of(value)
        if isinstance(default, Known) and all(isinstance(branch, Known) for branch in _leaves(value)):
            inputs = origin.inputs | _inputs(value)
            return Known(default.value, replace(origin.after(default.origin.via), inputs=inputs, decision=value))
    return value


def _leaves(value: Value) -> list[Value]:
    if not isinstance(value, Choice):
        return [value]
    return [leaf for branch in value.branches for leaf in _leaves(branch.value)]


def _inputs(value: Value) -> frozenset[str]:
    """Return the inputs that decide a choice by default."""
    inputs = value.origin.inputs
    while isinstance(value, Choice) and value.chosen is not None:
        value = value.branches[value.chosen].value
        inputs |= value.origin.inputs
    return inputs
