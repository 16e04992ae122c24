"""Numbers: ``min``, ``ceil``, ``parseint`` ..."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from ctkms_policy.terraform.conversion import Number, fraction, number
from ctkms_policy.terraform.functions.context import NUMBER, TEXT, Function, scalar_function
from ctkms_policy.value import Value

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MAX_DIGITS = 400


def _absolute(value: Number) -> Value:
    return number(abs(fraction(value)))


def _ceil(value: Number) -> Value:
    return number(Fraction(math.ceil(fraction(value))))


def _floor(value: Number) -> Value:
    return number(Fraction(math.floor(fraction(value))))


def _largest(*values: Number) -> Value:
    return number(max(fraction(value) for value in values))


def _smallest(*values: Number) -> Value:
    return number(min(fraction(value) for value in values))


def _signum(value: Number) -> int:
    if not isinstance(value, int):
        raise ValueError("not a whole number")
    return (value > 0) - (value < 0)


def _logarithm(value: Number, base: Number) -> Value:
    try:
        result = math.log(value) / math.log(base)
    except (ValueError, ZeroDivisionError):
        raise ValueError("the result is not finite") from None
    return _measured(result)


def _power(value: Number, exponent: Number) -> Value:
    try:
        result = math.pow(value, exponent)
    except (ValueError, OverflowError):
        raise ValueError("the result is not finite") from None
    return _measured(result)


def _measured(value: float) -> Value:
    return number(fraction(value))


def _parsed(text: str, base: Number) -> Value:
    if not isinstance(base, int) or not 2 <= base <= 62:
        raise ValueError("the base is not a whole number from 2 to 62")
    digits = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    if base <= 36:
        digits = digits.lower()
    if not digits or len(digits) > _MAX_DIGITS:
        raise ValueError(f'"{text[:40]}" is not a number in base {base}')
    result = 0
    for digit in digits:
        weight = _DIGITS.find(digit)
        if not 0 <= weight < base:
            raise ValueError(f'"{text[:40]}" is not a number in base {base}')
        result = result * base + weight
    return number(Fraction(-result if text.startswith("-") else result))


FUNCTIONS: Mapping[str, Function] = {
    "abs": scalar_function(_absolute, NUMBER),
    "ceil": scalar_function(_ceil, NUMBER),
    "floor": scalar_function(_floor, NUMBER),
    "log": scalar_function(_logarithm, NUMBER, NUMBER),
    "max": scalar_function(_largest, NUMBER, rest=NUMBER),
    "min": scalar_function(_smallest, NUMBER, rest=NUMBER),
    "parseint": scalar_function(_parsed, TEXT, NUMBER),
    "pow": scalar_function(_power, NUMBER, NUMBER),
    "signum": scalar_function(_signum, NUMBER),
}
