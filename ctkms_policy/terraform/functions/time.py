"""Points in time: ``formatdate``, ``timeadd``, ``timecmp``; what the deployment's clock says is a symbol."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from fractions import Fraction

from ctkms_policy.terraform.functions.context import TEXT, Context, Function, scalar_function
from ctkms_policy.value import DIGITS, Shape, Symbol, SymbolKind, Value

_TIMESTAMP = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]{1,20})?(Z|[+-][0-9]{2}:[0-9]{2})")
_DURATION = re.compile(r"([0-9]*\.?[0-9]+|[0-9]+\.)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "μs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PIECE = re.compile(r"'((?:[^']|'')*)'|(Y+|M+|D+|E+|h+|H+|A+|a+|m+|s+|Z+)|([A-Za-z'])|([^A-Za-z']+)")


def _moment(text: str) -> datetime:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text[:40]}" is not a timestamp in RFC 3339 form')
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    zone = match.group(8)
    if zone == "Z":
        offset = timedelta()
    else:
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:])) * (-1 if zone[0] == "-" else 1)
    microseconds = int((match.group(7) or ".0")[1:7].ljust(6, "0"))
    return datetime(year, month, day, hour, minute, second, microseconds, timezone(offset))


def _written(moment: datetime) -> str:
    return moment.strftime(f"{moment.year:04}-%m-%dT%H:%M:%S") + _zone(moment, ":", "Z")


def _zone(moment: datetime, colon: str, utc: str) -> str:
    offset = moment.utcoffset() or timedelta()
    if not offset and utc:
        return utc
    minutes = int(abs(offset).total_seconds()) // 60
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60:02}{colon}{minutes % 60:02}"


def _added(timestamp: str, duration: str) -> str:
    sign = -1 if duration.startswith("-") else 1
    digits = duration[1:] if duration[:1] in ("-", "+") else duration
    seconds, end = Fraction(0), 0
    for match in _DURATION.finditer(digits):
        if match.start() != end:
            break
        seconds += Fraction(match.group(1).rstrip(".") or "0") * _SECONDS[match.group(2)]
        end = match.end()
    if digits != "0" and (end != len(digits) or not digits):
        raise ValueError(f'"{duration[:40]}" is not a duration')
    try:
        return _written(_moment(timestamp) + timedelta(microseconds=int(sign * seconds * 10**6)))
    except OverflowError:
        raise ValueError("the result is out of range") from None


def _compared(left: str, right: str) -> int:
    one, other = _moment(left), _moment(right)
    return (one > other) - (one < other)


def _formatted(pattern: str, timestamp: str) -> str:
    moment = _moment(timestamp)
    pieces = []
    end = 0
    for match in _PIECE.finditer(pattern):
        if match.start() != end or match.group(3):
            raise ValueError(f'"{pattern}" is not a date format')
        end = match.end()
        if match.group(1) is not None:
            pieces.append(match.group(1).replace("''", "'"))
        elif match.group(2):
            pieces.append(_field(match.group(2), moment))
        else:
            pieces.append(match.group(4))
    if end != len(pattern):
        raise ValueError(f'"{pattern}" is not a date format')
    return "".join(pieces)


def _field(field: str, moment: datetime) -> str:
    hour = moment.hour % 12 or 12
    fields = {
        "YYYY": f"{moment.year:04}",
        "YY": f"{moment.year % 100:02}",
        "MMMM": _MONTHS[moment.month - 1],
        "MMM": _MONTHS[moment.month - 1][:3],
        "MM": f"{moment.month:02}",
        "M": str(moment.month),
        "DD": f"{moment.day:02}",
        "D": str(moment.day),
        "EEEE": _DAYS[moment.weekday()],
        "EEE": _DAYS[moment.weekday()][:3],
        "hh": f"{moment.hour:02}",
        "h": str(moment.hour),
        "HH": f"{hour:02}",
        "H": str(hour),
        "AA": "PM" if moment.hour >= 12 else "AM",
        "aa": "pm" if moment.hour >= 12 else "am",
        "mm": f"{moment.minute:02}",
        "m": str(moment.minute),
        "ss": f"{moment.second:02}",
        "s": str(moment.second),
        "ZZZZZ": _zone(moment, ":", ""),
        "ZZZZ": _zone(moment, "", ""),
        "ZZZ": _zone(moment, "", "UTC"),
        "Z": _zone(moment, ":", "Z"),
    }
    if field not in fields:
        raise ValueError(f'"{field}" is not part of a date format')
    return fields[field]


def _now(context: Context, arguments: Sequence[Value]) -> Value:
    if arguments:
        return context.failure(f"{len(arguments)} arguments")
    shape = Shape(DIGITS | frozenset("-:TZ"), 20, 20)
    spelling = f"{context.name}()"
    return Symbol(spelling, SymbolKind.GENERATED, shape, spelling, f"{spelling} is known only at the deployment", context.origin)


FUNCTIONS: Mapping[str, Function] = {
    "formatdate": scalar_function(_formatted, TEXT, TEXT),
    "plantimestamp": _now,
    "timeadd": scalar_function(_added, TEXT, TEXT),
    "timecmp": scalar_function(_compared, TEXT, TEXT),
    "timestamp": _now,
}
