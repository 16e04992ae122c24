"""Which resources a resource depends on: CloudFormation's own graph, read from the references in the template, without evaluation."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ctkms_policy.cloudformation.stack import Stack
from ctkms_policy.value import Known, ListValue, Literal, MapValue, Template, Value, scalar_text, text_parts

_HOLE = re.compile(r"\$\{\s*([^${}!.\s]+)[^${}]*\}")


def dependencies(stack: Stack, logical_id: str) -> tuple[str, ...]:
    """Return the addresses of the resources of the stack that a resource depends on, directly or not, in order.

    ``DependsOn`` counts, and so does every Ref, Fn::GetAtt and Fn::Sub.
    """
    reached: set[str] = set()
    waiting = [logical_id]
    while waiting:
        entry = stack.resources[waiting.pop()]
        for name in _named(entry.value):
            if name in stack.resources and name not in reached:
                reached.add(name)
                waiting.append(name)
    return tuple(sorted(stack.prefix + name for name in reached))


def _named(body: Value) -> Iterator[str]:
    """Yield every logical ID, and other names, that the body of a resource refers to."""
    waiting: list[Value] = [body]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, ListValue):
            waiting.extend(value.items)
        elif isinstance(value, MapValue):
            for entry in value.entries:
                yield from _named_by(entry.name, entry.value)
                waiting.append(entry.value)


def _named_by(function: str, argument: Value) -> Iterator[str]:
    items = argument.items if isinstance(argument, ListValue) else (argument,)
    if function in ("Ref", "DependsOn"):
        yield from (scalar_text(item.value) for item in items if isinstance(item, Known))
    elif function == "Fn::GetAtt":
        yield from (scalar_text(item.value).partition(".")[0] for item in items[:1] if isinstance(item, Known))
    elif function == "Fn::Sub":
        for text in items[:1]:
            if isinstance(text, (Known, Template)):
                yield from (hole.group(1) for part in text_parts(text) if isinstance(part, Literal) for hole in _HOLE.finditer(part.text))
