"""``format`` and ``formatlist``: verbs as in Go, holes kept where nothing is done to them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ctkms_policy.terraform.conversion import (
    Failure,
    Number,
    fraction,
    plain_text,
    scalar,
    to_bool,
    to_number,
    written,
    written_json,
)
from ctkms_policy.terraform.functions.context import Context, Function, over_items
from ctkms_policy.terraform.functions.text import slice_known
from ctkms_policy.value import (
    Absent,
    JsonText,
    Known,
    ListValue,
    MapValue,
    Origin,
    Reference,
    Symbol,
    Template,
    Unknown,
    Value,
)

_VERB = re.compile(r"%(?:%|(?P<flags>[-+ 0#]*)(?P<width>[0-9]+)?(?:\.(?P<precision>[0-9]*))?(?:\[(?P<index>[0-9]+)\])?(?P<verb>[a-zA-Z]))")
_MAX_WIDTH = 10_000


def format_(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the first argument with its verbs replaced; a string that is not known stays a hole under ``%s`` and ``%v``."""
    if not arguments:
        return context.failure("no arguments")
    pattern = plain_text(arguments[0])
    if isinstance(pattern, Failure):
        return context.failure(pattern.reason)
    if not isinstance(pattern, Known):
        return context.unknown(pattern)
    text = str(pattern.value)
    values = arguments[1:]
    parts: list[Value] = []
    end = used = 0
    indexed = False
    for match in _VERB.finditer(text):
        start = match.start()
        if "%" in text[end:start]:
            break
        if start > end:
            parts.append(slice_known(Known(text, Origin(), pattern.text_map), end, start, Origin()))
        end = match.end()
        if match.group() == "%%":
            parts.append(Known("%"))
            continue
        if match["index"]:
            indexed, used = True, int(match["index"])
        else:
            used += 1
        if not 1 <= used <= len(values):
            return context.failure(f"no argument for {match.group()}")
        formatted = _verb(match, values[used - 1], context)
        if isinstance(formatted, Failure):
            return formatted
        if isinstance(formatted, ListValue):
            return context.unknown(formatted)
        parts.append(formatted)
    if text.find("%", end) >= 0:
        return context.failure(f'"{text[text.find("%", end) :][:10]}" is no verb')
    if not indexed and used < len(values):
        return context.failure(f"{len(values) - used} arguments too many")
    parts.append(slice_known(Known(text, Origin(), pattern.text_map), end, len(text), Origin()))
    return written(parts, context.origin)


def _verb(match: re.Match[str], value: Value, context: Context) -> Value:
    """Return what one verb makes of one argument."""
    flags, verb = match["flags"] or "", match["verb"]
    width = int(match["width"] or 0)
    precision = None if match["precision"] is None else int(match["precision"] or 0)
    if width > _MAX_WIDTH or (precision or 0) > _MAX_WIDTH:
        return Unknown(f"a width of more than {_MAX_WIDTH} in {context.name}()", context.origin)
    if verb in "sqv" and isinstance(value, (Template, Symbol, Reference, Unknown)):
        bare = not width and precision is None and verb != "q" and "#" not in flags
        return value if bare else context.unknown(value)
    if isinstance(value, Absent):
        return Unknown(f"{match.group()} of null in {context.name}()", context.origin)
    if verb == "v" and ("#" in flags or isinstance(value, (ListValue, MapValue))):
        encoded = written_json(JsonText(value))
        return _padded(str(encoded.value), flags, width, zero=False) if isinstance(encoded, Known) else encoded
    if verb in "sq" or (verb == "v" and isinstance(value, Known) and isinstance(value.value, str)):
        text = plain_text(value)
        if not isinstance(text, Known):
            return context.failure(text.reason) if isinstance(text, Failure) else text
        content = str(text.value)
        if verb == "q":
            encoded = written_json(_json(content))
            assert isinstance(encoded, Known)
            content = str(encoded.value)
        elif precision is not None:
            content = content[:precision]
        if not width and precision is None and verb != "q":
            return text
        return _padded(content, flags, width, zero="0" in flags and "-" not in flags)
    if verb == "t" or (verb == "v" and isinstance(value, Known) and isinstance(value.value, bool)):
        truth = to_bool(value)
        if not isinstance(truth, Known):
            return context.unknown(truth)
        return _padded(scalar(truth.value), flags, width, zero=False)
    if verb not in "bdoxXeEfgGv":
        return context.failure(f"{match.group()} is no verb")
    number = to_number(value)
    if isinstance(number, Failure):
        return context.failure(number.reason)
    if not isinstance(number, Known):
        return context.unknown(number)
    assert isinstance(number.value, (int, float))
    return _number(verb, number.value, flags, width, precision, context)


def _json(content: str) -> Value:
    return JsonText(Known(content))


def _number(verb: str, value: Number, flags: str, width: int, precision: int | None, context: Context) -> Value:
    sign = "-" if value < 0 else "+" if "+" in flags else " " if " " in flags else ""
    size = abs(value)
    if verb in "bdoxX":
        if not isinstance(size, int):
            return context.failure(f"%{verb} needs a whole number")
        digits = format(size, verb)
    elif verb in "eE":
        digits = format(float(size), f".{6 if precision is None else precision}{verb}")
    elif verb == "f":
        digits = _fixed(size, 6 if precision is None else precision)
    elif verb in "gGv" and precision is None and verb != "v":
        digits = _shortest(size, verb)
    elif verb == "v":
        digits = scalar(size)
    else:
        digits = format(float(size), f".{precision}{verb}")
    body = sign + digits
    if "0" in flags and "-" not in flags and len(body) < width:
        body = sign + digits.rjust(width - len(sign), "0")
    return _padded(body, flags, width, zero=False)


def _fixed(size: Number, precision: int) -> str:
    scaled = fraction(size) * 10**precision
    whole = round(scaled)
    digits = str(whole).rjust(precision + 1, "0")
    return f"{digits[:-precision]}.{digits[-precision:]}" if precision else digits


def _shortest(size: Number, verb: str) -> str:
    exponent = 0 if size == 0 else int(format(float(size), "e").rsplit("e", 1)[1])
    if -5 < exponent < 21:
        return scalar(size)
    mantissa = repr(float(size)).split("e")[0].removesuffix(".0")
    if "e" not in repr(float(size)):
        mantissa = format(float(size), ".16e").split("e")[0].rstrip("0").rstrip(".")
    return f"{mantissa}{'e' if verb == 'g' else 'E'}{'-' if exponent < 0 else '+'}{abs(exponent):02}"


def _padded(content: str, flags: str, width: int, *, zero: bool) -> Known:
    if "-" in flags:
        return Known(content.ljust(width))
    return Known(content.rjust(width, "0" if zero else " "))


def formatlist(context: Context, arguments: Sequence[Value]) -> Value:
    """Return ``format`` of the items of the lists, one after the other; other arguments are the same each time."""
    if not arguments:
        return context.failure("no arguments")
    lists = [argument for argument in arguments[1:] if isinstance(argument, ListValue)]
    # What is not known of one of several lists shifts it against the others.
    open_lists = [each for each in lists if each.rest] if len(lists) > 1 else []
    unknown = next((each for each in arguments[1:] if isinstance(each, (Unknown, Reference)) or each in open_lists), None)
    if unknown is not None:
        return context.unknown(unknown)
    sizes = {len(each.items) for each in lists}
    if len(sizes) > 1:
        return context.failure("lists of different lengths")
    rounds = sizes.pop() if sizes else 1
    results = []
    for position in range(rounds):
        row = [argument.items[position] if isinstance(argument, ListValue) else argument for argument in arguments[1:]]
        result = format_(context, [arguments[0], *row])
        if isinstance(result, Failure):
            return result
        results.append(result)
    return ListValue(tuple(results), lists[0].rest if lists else "", context.origin)


FUNCTIONS: Mapping[str, Function] = {
    "format": format_,
    "formatlist": over_items(formatlist),
}
