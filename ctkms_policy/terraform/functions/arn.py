"""The AWS provider's own functions: ``provider::aws::arn_parse`` and the like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ctkms_policy.terraform.conversion import Failure, plain_text, written
from ctkms_policy.terraform.functions.context import Context, Function
from ctkms_policy.terraform.functions.text import split_text
from ctkms_policy.value import Entry, Known, MapValue, Value

_SECTIONS = ("partition", "service", "region", "account_id", "resource")


def _parse(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the sections of an ARN."""
    if len(arguments) != 1:
        return context.failure(f"{len(arguments)} arguments")
    text = plain_text(arguments[0])
    if isinstance(text, Failure):
        return context.failure(text.reason)
    pieces = split_text(text, ":", context.origin, most=6)
    if pieces is None:
        return context.unknown(text)
    if len(pieces) < 6 or not (isinstance(pieces[0], Known) and pieces[0].value == "arn"):
        return context.failure("not an ARN")
    entries = (Entry(Known(name), piece) for name, piece in zip(_SECTIONS, pieces[1:], strict=True))
    return MapValue(tuple(entries), "", context.origin)


def _build(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the ARN of partition, service, Region, account and resource."""
    if len(arguments) != 5:
        return context.failure(f"{len(arguments)} arguments")
    parts: list[Value] = [Known("arn")]
    for argument in arguments:
        text = plain_text(argument)
        if isinstance(text, Failure):
            return context.failure(text.reason)
        parts.extend((Known(":"), text))
    return written(parts, context.origin)


def _trim_path(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the ARN of an IAM role without the path in front of its name."""
    if len(arguments) != 1:
        return context.failure(f"{len(arguments)} arguments")
    text = plain_text(arguments[0])
    if isinstance(text, Failure):
        return context.failure(text.reason)
    if not isinstance(text, Known):
        return context.unknown(text)
    sections = str(text.value).split(":", 5)
    if len(sections) < 6 or sections[2] != "iam" or not sections[5].startswith("role/"):
        return context.failure("not the ARN of an IAM role")
    return Known(":".join((*sections[:5], "role/" + sections[5].rsplit("/", 1)[1])), context.origin)


FUNCTIONS: Mapping[str, Function] = {
    "provider::aws::arn_build": _build,
    "provider::aws::arn_parse": _parse,
    "provider::aws::trim_iam_role_path": _trim_path,
}
