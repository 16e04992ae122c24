"""Addresses and references as a plan writes them: ``module.a["x"].aws_kms_key.this[0]``, ``module.key["b"].arn``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_STEP = re.compile(r'\.?([^.\[\]"]+)|(\[(?:"(?:[^"\\]|\\.)*"|[^\]"]*)\])')


def steps(address: str) -> tuple[str, ...]:
    """Return the names of an address or reference; an index is a step of its own, with its brackets."""
    return tuple(match.group(1) or match.group(2) for match in _STEP.finditer(address))


def join(parts: Iterable[str]) -> str:
    """Return the address that the steps make."""
    text = ""
    for part in parts:
        text += part if part.startswith("[") or not text else f".{part}"
    return text


def is_index(step: str) -> bool:
    """Return whether a step is an index."""
    return step.startswith("[")


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a resource instance in its parts.

    ``module`` and ``key`` are written as in the address (``module.a["x"]``, ``[0]``, or "" where there is none).
    """

    module: str
    resource: str
    key: str

    @classmethod
    def of(cls, address: str) -> Address:
        """Return the parts of an address."""
        parts = steps(address)
        length = module_length(parts)
        key = parts[-1] if parts and is_index(parts[-1]) else ""
        return cls(join(parts[:length]), join(parts[length : len(parts) - bool(key)]), key)


def module_length(parts: tuple[str, ...]) -> int:
    """Return how many of the steps are the module path."""
    length = 0
    while parts[length : length + 1] == ("module",) and length + 1 < len(parts):
        length += 2
        if parts[length : length + 1] and is_index(parts[length]):
            length += 1
    return length


def module_calls(module: str) -> tuple[str, ...]:
    """Return the names of the calls of a module path, without their keys: ``("a", "b")``."""
    names = [each for each in steps(module) if not is_index(each)]
    return tuple(names[1::2])


def inside(module: str, name: str) -> str:
    """Return the address of what is called ``name`` in a module."""
    return f"{module}.{name}" if module else name


def most_specific(references: Iterable[str]) -> list[str]:
    """Return the references without those that only say less than an earlier one: a plan lists ``a.b.c``, then ``a.b``."""
    found: list[str] = []
    said: set[str] = set()
    for reference in references:
        if reference not in said:
            found.append(reference)
            parts = steps(reference)
            said.update((reference, *(join(parts[:length]) for length in range(1, len(parts)))))
    return found
