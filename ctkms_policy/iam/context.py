"""The request context: for each condition key, what the request carries. Known, absent and unknown are three different things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias, Union

from ctkms_policy.value import Match, Text


@dataclass(frozen=True, slots=True)
class FromNow:
    """The time of the request: ``now`` or any later moment, for a trail calls KMS as long as it lives."""

    now: datetime


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """An address of AWS's own network: never in a range that the customer would name (C14)."""


ContextText: TypeAlias = Union[Text, FromNow, ServiceAddress]


@dataclass(frozen=True, slots=True)
class Present:
    """The key is in the request context with these values.

    ``many``: the key is multivalued. ``presence`` MAYBE: the request may also come without the key.
    """

    values: tuple[ContextText, ...]
    many: bool = False
    presence: Match = Match.YES


@dataclass(frozen=True, slots=True)
class Missing:
    """The key is certainly not in the request context. ``why`` says so in words for a message, or is ""."""

    why: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Neither the presence nor the value of the key is known. ``reason`` says why."""

    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The caller decides what the key says: it satisfies every Allow and evades every Deny that asks for it."""


ContextValue: TypeAlias = Union[Present, Missing, Uncertain, Chosen]


@dataclass(frozen=True)
class Context:
    """What a request carries. Names are lower case: condition keys ignore case, also behind the colon (C9).

    ``families`` are prefixes for keys with a free tail: ``aws:principaltag/``. A key that is in neither is Uncertain.
    """

    keys: Mapping[str, ContextValue]
    families: tuple[tuple[str, ContextValue], ...] = ()

    def get(self, name: str) -> ContextValue:
        """Return what the request carries for a condition key."""
        name = name.lower()
        found = self.keys.get(name)
        if found is not None:
            return found
        for prefix, value in self.families:
            if name.startswith(prefix):
                return value
        return Uncertain(f'what CloudTrail sends for the condition key "{name}" is not documented')

    def with_keys(self, changes: Mapping[str, ContextValue]) -> Context:
        """Return this context with some keys replaced."""
        return Context({**self.keys, **changes}, self.families)
