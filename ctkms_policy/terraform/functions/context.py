"""What every function gets beside its arguments, and how a function of plain scalars becomes one of values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

from ctkms_policy.source import Span
from ctkms_policy.terraform.conversion import MAX_TEXT, Failure, Number, all_origins, plain_text, reason_of, to_bool, to_number
from ctkms_policy.terraform.hcl.syntax import StringTemplate
from ctkms_policy.terraform.scope import Scope
from ctkms_policy.value import Absent, Choice, Known, ListValue, MapValue, Origin, Unknown, Value, lift

Render: TypeAlias = Callable[[StringTemplate, MapValue, Scope, Span], Value]


@dataclass(frozen=True, slots=True)
class Context:
    """One call: the function's name as written, where, in which scope, and how a template is rendered."""

    name: str
    span: Span
    scope: Scope
    render: Render

    @property
    def origin(self) -> Origin:
        """The origin of a value that the call makes."""
        return Origin(self.span)

    def failure(self, text: str) -> Failure:
        """Return the failure of this call."""
        return Failure(f"{self.name}(): {text}", self.origin)

    def unknown(self, argument: Value) -> Unknown:
        """Return the result of a call with an argument that is not known enough: the same failure, or an Unknown that says why."""
        if isinstance(argument, Failure):
            return argument
        return Unknown(f"the result of {self.name}() is not known: {reason_of(argument)}", self.origin)


Function: TypeAlias = Callable[[Context, Sequence[Value]], Value]


class Kind(Enum):
    """The type of a scalar parameter."""

    TEXT = "string"
    NUMBER = "number"
    BOOL = "bool"


TEXT, NUMBER, BOOL = Kind.TEXT, Kind.NUMBER, Kind.BOOL

_CONVERSIONS: Mapping[Kind, Callable[[Value], Value]] = {TEXT: plain_text, NUMBER: to_number, BOOL: to_bool}


def scalar_function(compute: Callable[..., object], *kinds: Kind, rest: Kind | None = None, least: int | None = None) -> Function:
    """Return the function that gives ``compute`` its arguments as Python scalars; one that is not known makes the result Unknown.

    ``compute`` returns a scalar, a list of scalars or a Value, and raises ValueError for what is an error in Terraform too.
    ``rest`` is the kind of any further arguments; ``least`` the number of arguments that a call must have.
    """

    def call(context: Context, arguments: Sequence[Value]) -> Value:
        if len(arguments) < (len(kinds) if least is None else least) or (rest is None and len(arguments) > len(kinds)):
            return context.failure(f"{len(arguments)} arguments")
        plain: list[str | Number | bool] = []
        unknown: Value | None = None
        for position, argument in enumerate(arguments):
            kind = kinds[position] if position < len(kinds) else rest
            assert kind is not None
            converted = _CONVERSIONS[kind](argument)
            if isinstance(converted, Failure):
                return context.failure(converted.reason)
            if isinstance(converted, Known):
                plain.append(converted.value)
            else:
                unknown = unknown or converted
        if unknown is not None:
            return context.unknown(unknown)
        try:
            return made(compute(*plain), context)
        except ValueError as error:
            return context.failure(str(error))

    return call


def made(result: object, context: Context) -> Value:
    """Return a Python scalar or list of scalars as a Value; a Value comes back with the origin of the call."""
    if isinstance(result, str) and len(result) > MAX_TEXT:
        return Unknown(f"{context.name}() makes a string with more than {MAX_TEXT} characters", context.origin)
    if isinstance(result, (str, int, float, bool)):
        return Known(result, context.origin)
    if result is None:
        return Absent(context.origin)
    if isinstance(result, list):
        return ListValue(tuple(made(item, context) for item in result), "", context.origin)
    if isinstance(result, dict):
        from ctkms_policy.value import Entry

        return MapValue(tuple(Entry(Known(key), made(item, context)) for key, item in result.items()), "", context.origin)
    assert isinstance(result, (Known, Absent, ListValue, MapValue, Unknown, Choice))
    return replace(result, origin=context.origin)


def over_items(function: Function, *positions: int) -> Function:
    """Return ``function`` with choices distributed that stand as items in its list arguments, not only as arguments."""

    def call(context: Context, arguments: Sequence[Value]) -> Value:
        flat: list[Value] = []
        sizes: list[int | None] = []
        for position, argument in enumerate(arguments):
            listed = isinstance(argument, ListValue) and (not positions or position in positions)
            if listed and isinstance(argument, ListValue):
                flat.extend(argument.items)
                sizes.append(len(argument.items))
            else:
                flat.append(argument)
                sizes.append(None)
        if not any(isinstance(item, Choice) for item in flat):
            return function(context, arguments)

        def with_outcomes(*outcomes: Value) -> Value:
            rebuilt: list[Value] = []
            start = 0
            for argument, size in zip(arguments, sizes, strict=True):
                if size is None or not isinstance(argument, ListValue):
                    rebuilt.append(outcomes[start])
                    start += 1
                else:
                    rebuilt.append(replace(argument, items=tuple(outcomes[start : start + size])))
                    start += size
            return function(context, rebuilt)

        return lift(with_outcomes, flat, context.origin)

    return call


def inputs_of(arguments: Sequence[Value]) -> Origin:
    """Return the inputs and the sensitivity of the arguments and of all that they hold."""
    return Origin().joined(*all_origins(arguments))
