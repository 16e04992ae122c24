"""Type conversions and what deals with errors, null and sensitivity: ``try``, ``can``, ``tostring``, ``sensitive`` ..."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from ctkms_policy.terraform.comparison import decided_by, identity_of, may_be_empty
from ctkms_policy.terraform.condition import select
from ctkms_policy.terraform.conversion import Failure, all_values, inherit, to_bool, to_number, to_text
from ctkms_policy.terraform.functions.context import Context, Function, inputs_of
from ctkms_policy.value import (
    Absent,
    Known,
    ListValue,
    MapValue,
    Origin,
    Reference,
    Symbol,
    Template,
    Unknown,
    Value,
    describe,
    with_sensitivity,
)


def try_(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the first argument that does not fail; whether an Unknown fails is not known."""
    skipped: list[Origin] = []
    for argument in arguments:
        if not isinstance(argument, Failure):
            return inherit(argument, *skipped)
        skipped.append(argument.origin)
    if not arguments:
        return context.failure("no arguments")
    return context.failure("every argument fails")


def can(context: Context, arguments: Sequence[Value]) -> Value:
    """Return whether the argument can be evaluated without an error."""
    if len(arguments) != 1:
        return context.failure(f"{len(arguments)} arguments")
    argument = arguments[0]
    if isinstance(argument, Failure):
        return Known(False, context.origin)
    doubt = next((each for each in all_values(argument) if isinstance(each, Unknown)), None)
    return Known(True, context.origin) if doubt is None else Unknown(doubt.reason, context.origin)


def coalesce(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the first argument that is neither null nor ""; an input without a default may be either."""
    texts = [each for each in arguments if isinstance(each, (Template,)) or (isinstance(each, Known) and isinstance(each.value, str))]
    return _coalesced(context, list(arguments), [], as_text=bool(texts))


def _coalesced(context: Context, arguments: Sequence[Value], skipped: Sequence[Origin], *, as_text: bool) -> Value:
    for position, argument in enumerate(arguments):
        if isinstance(argument, Failure):
            return argument
        if isinstance(argument, Absent) or (isinstance(argument, Known) and argument.value == ""):
            skipped = (*skipped, argument.origin)
            continue
        if isinstance(argument, Unknown):
            return argument
        if isinstance(argument, Symbol) and may_be_empty(argument):
            name = identity_of(argument)
            unset = decided_by(f"{name} is null or empty", f"{describe(argument)} is not set", f"{describe(argument)} is set")
            others = _coalesced(context, arguments[position + 1 :], skipped, as_text=as_text)
            return select(unset, partial(inherit, others), partial(inherit, argument, *skipped), context.origin)
        if isinstance(argument, Template) and may_be_empty(argument):
            return context.unknown(argument)
        return inherit(to_text(argument) if as_text and isinstance(argument, Known) else argument, *skipped)
    return context.failure("every argument is null or empty")


def coalescelist(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the first list that is not empty."""
    skipped: list[Origin] = []
    for argument in arguments:
        if isinstance(argument, Absent):
            return context.failure("a null value")
        if isinstance(argument, (ListValue, MapValue)):
            filled = bool(argument.items if isinstance(argument, ListValue) else argument.entries)
            if filled:
                return inherit(argument, *skipped)
            if argument.rest:
                return context.unknown(argument)
            skipped.append(argument.origin)
        elif isinstance(argument, (Unknown, Symbol, Reference)):
            return context.unknown(argument)
        else:
            return context.failure(f"{describe(argument)} is no list")
    return context.failure("every list is empty")


def _to(convert: Callable[[Value], Value]) -> Function:
    def call(context: Context, arguments: Sequence[Value]) -> Value:
        if len(arguments) != 1:
            return context.failure(f"{len(arguments)} arguments")
        converted = arguments[0] if isinstance(arguments[0], Absent) else convert(arguments[0])
        return context.failure(converted.reason) if isinstance(converted, Failure) else converted

    return call


def sensitive(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the argument, never to be printed."""
    if len(arguments) != 1:
        return context.failure(f"{len(arguments)} arguments")
    return with_sensitivity(arguments[0], True)


def nonsensitive(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the argument; may be printed again."""
    if len(arguments) != 1:
        return context.failure(f"{len(arguments)} arguments")
    return with_sensitivity(arguments[0], False)


def issensitive(context: Context, arguments: Sequence[Value]) -> Value:
    """Return whether the argument, or a part of it, is sensitive; what is not known may be."""
    if len(arguments) != 1:
        return context.failure(f"{len(arguments)} arguments")
    if inputs_of(arguments).sensitive:
        return Known(True, context.origin)
    if isinstance(arguments[0], (Unknown, Symbol, Reference, Template)):
        return context.unknown(arguments[0])
    return Known(False, context.origin)


def same(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the argument (``ephemeralasnull``: no value of ours is ephemeral)."""
    return arguments[0] if len(arguments) == 1 else context.failure(f"{len(arguments)} arguments")


FUNCTIONS: Mapping[str, Function] = {
    "can": can,
    "coalesce": coalesce,
    "coalescelist": coalescelist,
    "ephemeralasnull": same,
    "issensitive": issensitive,
    "nonsensitive": nonsensitive,
    "sensitive": sensitive,
    "tobool": _to(to_bool),
    "tonumber": _to(to_number),
    "tostring": _to(to_text),
    "try": try_,
}
