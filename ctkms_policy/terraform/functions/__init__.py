"""Terraform's functions, by family. ``call`` is all that the evaluator needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ctkms_policy.terraform.conversion import Failure, inherit, reason_of
from ctkms_policy.terraform.functions import arn, collection, encoding, files, formatting, network, numeric, sets, text, time, types
from ctkms_policy.terraform.functions.context import Context as Context
from ctkms_policy.terraform.functions.context import Function, inputs_of
from ctkms_policy.value import Choice, ListValue, Unknown, Value, lift, with_sensitivity

FUNCTIONS: dict[str, Function] = {
    **arn.FUNCTIONS,
    **collection.FUNCTIONS,
    **encoding.FUNCTIONS,
    **files.FUNCTIONS,
    **formatting.FUNCTIONS,
    **network.FUNCTIONS,
    **numeric.FUNCTIONS,
    **sets.FUNCTIONS,
    **text.FUNCTIONS,
    **time.FUNCTIONS,
    **types.FUNCTIONS,
}

SEE_FAILURES = frozenset(("try", "can"))
"""Functions whose arguments may fail."""

_KEEP_OWN_ORIGIN = frozenset(("try", "coalesce", "coalescelist", "sensitive", "nonsensitive", "issensitive", "element", "lookup", "one"))
"""Functions that return one of their arguments, or a part of one, and join the origins that decided by themselves."""

_KEEP_PARTS = frozenset(
    ("chunklist", "concat", "flatten", "keys", "length", "merge", "reverse", "setproduct", "slice", "tolist", "tomap", "values", "zipmap")
)
"""Functions whose result is sensitive only where an argument as a whole is: what is sensitive in it stays so in the result."""

_TAKE_UNKNOWN_REST = frozenset(("merge", "concat", "coalesce", "coalescelist", "setunion"))
"""Functions for which an unknown number of further arguments is one more argument that is not known."""


def call(context: Context, arguments: Sequence[Value], *, expanded: bool = False) -> Value:
    """Return the result of a function call; ``expanded`` tells ``...`` after the last argument.

    A function that is not modelled gives an Unknown that names it.
    """
    name = context.name.removeprefix("core::")
    function = FUNCTIONS.get(name)
    if function is None:
        return Unknown(f"function {context.name}() is not modelled", context.origin)

    def outcome(*outcomes: Value) -> Value:
        given: list[Value] = list(outcomes)
        if expanded and given:
            last = given.pop()
            if isinstance(last, Failure):
                return last
            if isinstance(last, ListValue):
                given.extend(inherit(item, last.origin) for item in last.items)
            if not isinstance(last, ListValue) or last.rest:
                if name not in _TAKE_UNKNOWN_REST:
                    return context.unknown(last)
                given.append(Unknown(reason_of(last), last.origin))
            if any(isinstance(each, Choice) for each in given):
                return lift(lambda *each: applied(each), given, context.origin)
        return applied(given)

    def applied(given: Sequence[Value]) -> Value:
        if name not in SEE_FAILURES:
            failure = next((each for each in given if isinstance(each, Failure)), None)
            if failure is not None:
                return failure
        result = function(context, given)
        inputs = inputs_of(given)
        if isinstance(result, Failure) and inputs.sensitive and name not in SEE_FAILURES:
            result = context.failure("it fails with a sensitive value")  # its own words may quote that
        if name in _KEEP_OWN_ORIGIN:
            return result
        if name in _KEEP_PARTS:
            inputs = replace(inputs, sensitive=any(each.origin.sensitive for each in given))
        if inputs.sensitive:
            result = with_sensitivity(result, True)
        way = tuple(step for argument in given for step in argument.origin.via)
        return inherit(replace(result, origin=result.origin.after(way)) if way else result, inputs)

    return lift(outcome, arguments, context.origin)
