"""The parts of an ARN that may have holes."""

from __future__ import annotations

import re

from ctkms_policy.iam.pattern import ARN_SEGMENTS
from ctkms_policy.value import Known, Literal, Reference, Symbol, Template, Text, Unknown, Value, concatenate, text_parts

_COLON = re.compile(r"(\$\{[^{}]*\})|:")
"""A colon, or a policy variable, whose colons part nothing."""


def arn_parts(text: Text) -> tuple[Text, ...] | None:
    """Return the six parts of an ARN: ``arn``, partition, service, Region, account, resource; None when it is no ARN.

    Only literal colons outside of policy variables part it; a hole is taken to hold none.
    """
    parts: list[list[Value]] = [[]]
    for part in text_parts(text):
        if not isinstance(part, Literal):
            parts[-1].append(part)
            continue
        position = 0
        for colon in _COLON.finditer(part.text):
            if colon.group(1) or len(parts) == ARN_SEGMENTS:
                continue
            _append(parts[-1], part.text[position : colon.start()])
            parts.append([])
            position = colon.end()
        _append(parts[-1], part.text[position:])
    if len(parts) != ARN_SEGMENTS or parts[0] != [Known("arn")]:
        return None
    return tuple(_whole(pieces) for pieces in parts)


def _append(pieces: list[Value], text: str) -> None:
    if text:
        pieces.append(Known(text))


def _whole(pieces: list[Value]) -> Text:
    if len(pieces) == 1:
        (piece,) = pieces
        if isinstance(piece, (Known, Symbol, Reference, Unknown)):
            return piece
    joined = concatenate(pieces)
    assert isinstance(joined, (Known, Template))
    return joined


def role_of_session(parts: tuple[Text, ...]) -> Text | None:
    """Return the ARN of the role behind a session's, from the parts of that; None where it is none.

    A session's ARN does not say the path of its role (C5): it is taken to have none.
    """
    kind, _, rest = str(parts[5].value).partition("/") if isinstance(parts[5], Known) else ("", "", "")
    if parts[2] != Known("sts") or kind != "assumed-role":
        return None
    role = concatenate((Known("arn:"), parts[1], Known(":iam::"), parts[4], Known(f":role/{rest.partition('/')[0]}")))
    return role if isinstance(role, (Known, Template)) else None
