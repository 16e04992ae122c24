"""What depends on what: CloudFormation's own graphs of resources and of conditions, read from the references, without evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from graphlib import TopologicalSorter

from ctkms_policy.cloudformation.references import Kind, Name
from ctkms_policy.cloudformation.stack import Stack


def dependencies(stack: Stack, logical_id: str) -> tuple[str, ...]:
    """Return the addresses of the resources of the stack that a resource depends on, directly or not, in order.

    ``DependsOn`` counts, and so does every Ref, Fn::GetAtt and Fn::Sub.
    """
    return tuple(sorted(stack.prefix + name for name in _reached(logical_id, lambda each: resources_named(stack, each))))


def resources_named(stack: Stack, logical_id: str) -> tuple[Name, ...]:
    """Return the references of a resource to resources of the same stack."""
    names = (name for name in stack.names_in_resources[logical_id] if name.text in stack.resources)
    return tuple(name for name in names if name.kind is Kind.RESOURCE or (name.kind is Kind.VALUE and name.text not in stack.parameters))


def conditions_named(stack: Stack, condition: str) -> tuple[Name, ...]:
    """Return the references of a condition to conditions of the same stack."""
    return tuple(name for name in stack.names_in_conditions[condition] if name.kind is Kind.CONDITION and name.text in stack.conditions)


def conditions_behind(stack: Stack, condition: str) -> tuple[str, ...]:
    """Return a condition and those of the same stack that it depends on, directly or not, nearest first."""
    if condition not in stack.conditions:
        return ()
    return tuple(dict.fromkeys((condition, *_reached(condition, lambda each: conditions_named(stack, each)))))


def conditions_in_order(stack: Stack, condition: str) -> tuple[str, ...]:
    """Return what ``conditions_behind`` returns with each condition after those that it depends on. None may be circular."""
    named = {each: {name.text for name in conditions_named(stack, each)} for each in conditions_behind(stack, condition)}
    return tuple(TopologicalSorter(named).static_order())


def circle(start: str, named_by: Callable[[str], Iterable[Name]]) -> tuple[tuple[str, Name], ...]:
    """Return the shortest way by which something depends on itself: each thing and its reference to the next one; () for none."""
    way: dict[str, tuple[tuple[str, Name], ...]] = {start: ()}
    waiting = [start]
    for current in waiting:
        for name in named_by(current):
            if name.text == start:
                return (*way[current], (current, name))
            if name.text not in way:
                way[name.text] = (*way[current], (current, name))
                waiting.append(name.text)
    return ()


def _reached(start: str, named_by: Callable[[str], Iterable[Name]]) -> dict[str, None]:
    reached: dict[str, None] = {}
    waiting = [start]
    for current in waiting:
        for name in named_by(current):
            if name.text not in reached:
                reached[name.text] = None
                waiting.append(name.text)
    return reached
