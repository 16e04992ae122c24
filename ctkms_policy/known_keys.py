"""KMS keys outside the code whose policy the configuration names: ``keys: {ARN: {policy: FILE}}``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ctkms_policy.iam.policy import read_key_policy
from ctkms_policy.model import Key, KeyKind, Place, PolicyForm
from ctkms_policy.source import Source, Span
from ctkms_policy.value import Known, Literal, Origin, Symbol, SymbolKind, Template, scalar_text

KEY_ARN = (
    r"arn:(?P<partition>aws(?:-[a-z]+)*):kms:(?P<region>[a-z]{2,4}(?:-[a-z]+)+-[0-9]):(?P<account>[0-9]{12})"
    r":(?P<name>(?:key|alias)/[^\s*?]+)"
)
"""ARN of a key or of an alias, with its parts."""


def read_known_key(arn: str, span: Span, policy: Source) -> Key:
    """Return the key with that ARN (see KEY_ARN), named at ``span``, and the policy that the file holds."""
    parts = re.fullmatch(KEY_ARN, arn)
    assert parts is not None
    whole = policy.span(0, len(policy.text))
    place = Place(Known(parts["account"]), Known(parts["region"]), Known(parts["partition"]))
    document = Known(policy.text, Origin(whole), policy.text_map)
    is_alias = parts["name"].startswith("alias/")
    return Key(
        arn,
        span,
        place,
        KeyKind.CONFIGURED,
        read_key_policy(document, PolicyForm.JSON_TEXT, whole),
        known_arn="" if is_alias else arn,
    )


def known_key_named(keys: Sequence[Key], value: Known | Template) -> Key | None:
    """Return the one of the keys that a text means: its whole ARN, its key id, its alias name, or its ARN with the account, Region or
    partition of the deployment left open. None where there is no such key, or where it may be several.
    """
    pattern = _pattern(value)
    if pattern is None:
        return None
    whole = [key for key in keys if pattern.fullmatch(key.address)]
    named = whole or [key for key in keys if any(pattern.fullmatch(name) for name in _names(key.address))]
    return named[0] if len(named) == 1 else None


def _names(arn: str) -> tuple[str, ...]:
    resource = arn.split(":", 5)[5]
    return (resource,) if resource.startswith("alias/") else (resource.removeprefix("key/"),)


def _pattern(value: Known | Template) -> re.Pattern[str] | None:
    if isinstance(value, Known):
        return re.compile(re.escape(scalar_text(value.value)))
    pieces = []
    for part in value.parts:
        if isinstance(part, Literal):
            pieces.append(re.escape(part.text))
        elif isinstance(part, Symbol) and part.kind is SymbolKind.AMBIENT:
            pieces.append("[^:/]+")
        else:
            return None
    return re.compile("".join(pieces))
