"""The inputs under which something exists: conditions solved for the variables of the root module, as far as they can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ctkms_policy.source import ParseError, Source
from ctkms_policy.terraform.existence import Condition
from ctkms_policy.terraform.expression import evaluate
from ctkms_policy.terraform.hcl.syntax import (
    Binary,
    Call,
    Conditional,
    Expression,
    ForObject,
    ForTuple,
    GetAttr,
    LiteralValue,
    StringTemplate,
    Unary,
    Variable,
)
from ctkms_policy.terraform.world import ModuleInstance, World
from ctkms_policy.value import Absent, Known, ListValue, MapValue, Origin, Shape, Symbol, SymbolKind, Unknown, Value, default_of, describe

MAX_STEPS = 20
"""Conditions that lead through more names are not solved, only supposed."""


@dataclass(frozen=True)
class Supposition:
    """What is supposed so that something exists; ``words`` say it for the user."""

    conditions: tuple[Condition, ...] = ()
    inputs: Mapping[str, Value] = field(default_factory=dict)
    words: str = ""

    @property
    def identity(self) -> tuple[tuple[str, bool, str], ...]:
        """What tells this from another supposition."""
        return tuple(sorted((each.identity, each.holds, each.address) for each in self.conditions))


def suppose(world: World, earlier: Supposition, conditions: tuple[Condition, ...]) -> Supposition:
    """Return the supposition ``earlier``, in which ``world`` is evaluated, with more conditions."""
    inputs = dict(earlier.inputs)
    words = [earlier.words] if earlier.words else []
    for condition in conditions:
        solved = _solved(world, condition)
        inputs.update(solved)
        words.append(condition.when)
    return Supposition((*earlier.conditions, *conditions), inputs, " and ".join(dict.fromkeys(words)))


def _solved(world: World, condition: Condition) -> dict[str, Value]:
    """Return values of root variables that make a condition so, or nothing where that cannot be told."""
    if not condition.identity:
        return _one_instance(world, condition.address)
    owner, text = _written_in(world, condition.identity)
    expression = world.repository.reader.read_expression(Source("", text))
    if isinstance(expression, ParseError):
        return {}
    return _solve(expression, condition.holds, owner, MAX_STEPS) or {}


def _written_in(world: World, identity: str) -> tuple[ModuleInstance, str]:
    """Return the module instance whose prefix a condition has, and its text without it."""
    owners = {world.root.address: world.root}
    for instance in list(world.instances.values()):
        if instance.block.type == "module":
            child = world.called(instance)
            if isinstance(child, ModuleInstance):
                owners[child.address] = child
    prefix = max((each for each in owners if identity.startswith(each)), key=len)
    return owners[prefix], identity[len(prefix) :]


def _one_instance(world: World, address: str) -> dict[str, Value]:
    """Return a value of the root variable that a ``count`` or ``for_each`` is, so that there are instances."""
    owner = max((each for each in _owners(world) if address.startswith(each.address)), key=lambda each: len(each.address))
    name = address[len(owner.address) :]
    if name.startswith("module."):
        block = owner.module.calls.get(name.removeprefix("module."))
    else:
        type, _, label = name.removeprefix("data.").partition(".")
        block = owner.module.block("data." if name.startswith("data.") else "", type, label)
    if block is None:
        return {}
    written = block.body.attribute("count") or block.body.attribute("for_each")
    if written is None:
        return {}
    return _solve_not_empty(written.expression, owner, MAX_STEPS) or {}


def _owners(world: World) -> list[ModuleInstance]:
    return [
        world.root,
        *(
            child
            for child in (world.called(each) for each in list(world.instances.values()) if each.block.type == "module")
            if isinstance(child, ModuleInstance)
        ),
    ]


def _solve(expression: Expression, wanted: bool, owner: ModuleInstance, steps: int) -> dict[str, Value] | None:
    """Return root inputs that make a bool expression ``wanted``; None where that cannot be told."""
    if not steps:
        return None
    if isinstance(expression, Unary) and expression.operator == "!":
        return _solve(expression.operand, not wanted, owner, steps - 1)
    if isinstance(expression, Binary) and expression.operator in ("&&", "||"):
        return _solve_connected(expression, wanted, owner, steps - 1)
    if isinstance(expression, Binary):
        return _solve_comparison(expression, wanted, owner, steps - 1)
    return _assign(expression, Known(wanted), owner, steps - 1)


def _solve_connected(expression: Binary, wanted: bool, owner: ModuleInstance, steps: int) -> dict[str, Value] | None:
    both = wanted is (expression.operator == "&&")
    solutions = [_solve(side, wanted, owner, steps) for side in (expression.left, expression.right)]
    if not both:
        return next((solution for solution in solutions if solution), None)
    merged: dict[str, Value] = {}
    for solution in solutions:
        merged.update(solution or {})
    return merged


def _solve_comparison(expression: Binary, wanted: bool, owner: ModuleInstance, steps: int) -> dict[str, Value] | None:
    left, right, operator = expression.left, expression.right, expression.operator
    if _is_literal(left) and not _is_literal(right):
        left, right, operator = right, left, _MIRRORED.get(operator, operator)
    if operator in ("==", "!="):
        value = evaluate(right, owner)
        if (operator == "==") is wanted:
            return _assign(left, value, owner, steps)
        if isinstance(value, Known) and isinstance(value.value, bool):
            return _assign(left, Known(not value.value), owner, steps)
        return _assign(left, _other_than(value, left, owner), owner, steps)
    bound = evaluate(right, owner)
    if isinstance(bound, Known) and isinstance(bound.value, (int, float)):
        at_least_one = operator in (">", ">=") if wanted else operator in ("<", "<=")
        if isinstance(left, Call) and left.name == "length" and at_least_one and bound.value <= 1:
            return _solve_not_empty(left.arguments[0], owner, steps)
        step = {">": 1, "<": -1}.get(operator, 0) if wanted else {">=": -1, "<=": 1}.get(operator, 0)
        return _assign(left, Known(bound.value + step), owner, steps)
    return None


_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _is_literal(expression: Expression) -> bool:
    return isinstance(expression, (LiteralValue, StringTemplate))


def _other_than(value: Value, expression: Expression, owner: ModuleInstance) -> Value:
    """Return a text that is not ``value``: nothing else is known about it, but that it is there."""
    text = _text(expression) or "an input"
    return Symbol(
        f"{owner.address}{text}", SymbolKind.INPUT, Shape(None, 1), text, f"{text} is supposed to be another value than {describe(value)}"
    )


def _text(expression: Expression) -> str:
    """Return a traversal as text."""
    if isinstance(expression, GetAttr):
        base = _text(expression.base)
        return f"{base}.{expression.name}" if base else ""
    return expression.name if isinstance(expression, Variable) else ""


def _solve_not_empty(expression: Expression, owner: ModuleInstance, steps: int) -> dict[str, Value] | None:
    """Return root inputs that make a number, list, map or text not 0 or not empty."""
    if not steps:
        return None
    if (
        isinstance(expression, Call)
        and expression.arguments
        and expression.name in ("length", "toset", "tolist", "tomap", "keys", "values", "compact", "distinct")
    ):
        return _solve_not_empty(expression.arguments[0], owner, steps - 1)
    if isinstance(expression, (ForTuple, ForObject)):
        return _solve_not_empty(expression.collection, owner, steps - 1)
    if isinstance(expression, Conditional):
        then = default_of(evaluate(expression.then, owner))
        return _solve(expression.condition, not _is_nothing(then), owner, steps - 1)
    value = default_of(evaluate(expression, owner))
    if isinstance(value, Known) and isinstance(value.value, (int, float)):
        return _assign(expression, Known(1), owner, steps - 1)
    if isinstance(value, Known):
        return _assign(expression, _other_than(Known(""), expression, owner), owner, steps - 1)
    if isinstance(value, (ListValue, MapValue, Absent)):
        return _assign(expression, Unknown(f"what is in {_text(expression) or 'the input'} is not known"), owner, steps - 1)
    return None


def _is_nothing(value: Value) -> bool:
    if isinstance(value, (ListValue, MapValue)):
        return not (value.items if isinstance(value, ListValue) else value.entries)
    return isinstance(value, Absent) or value == Known(0)


def _assign(expression: Expression, value: Value, owner: ModuleInstance, steps: int) -> dict[str, Value] | None:
    """Return root inputs that give an expression a value: it has to be a variable, or a name that leads to one."""
    if not steps or not isinstance(expression, GetAttr) or not isinstance(expression.base, Variable):
        return None
    root, name = expression.base.name, expression.name
    if root == "local" and name in owner.module.locals:
        inner = owner.module.locals[name].expression
        if isinstance(value, Known) and isinstance(value.value, bool):
            return _solve(inner, value.value, owner, steps - 1)
        return _assign(inner, value, owner, steps - 1)
    if root != "var" or name not in owner.module.variables:
        return None
    if owner.call is None or owner.caller is None:
        return {name: replace(value, origin=Origin())}
    argument = owner.call.block.body.attribute(name)
    if argument is None:
        return None
    if isinstance(value, Known) and isinstance(value.value, bool):
        return _solve(argument.expression, value.value, owner.caller, steps - 1)
    return _assign(argument.expression, value, owner.caller, steps - 1)
