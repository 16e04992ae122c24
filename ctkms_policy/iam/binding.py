"""Replacing symbols and references by what they are bound to: in a policy, and in what requests are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias, Union

from ctkms_policy.iam.request import KeyFacts, LogFacts, certain_text
from ctkms_policy.model import Condition, KeyPolicy, Principal, Statement
from ctkms_policy.value import Choice, Known, Literal, Reference, Symbol, Template, Text, Unknown, Value, outcomes, substitute

Hole: TypeAlias = Union[Symbol, Reference]
Binding: TypeAlias = Mapping[Hole, Text]
"""What symbols and references stand for. A value may hold symbols that are bound in turn, but no cycle."""


def bound_value(value: Value, binding: Binding) -> Value:
    """Return a value with the bound holes in it replaced; it keeps its place in the source."""
    if isinstance(value, (Known, Unknown)) or not binding:
        return value

    def replacement(hole: Hole) -> Value:
        found: Value = binding.get(hole, hole)
        if found is not hole:
            found = substitute(found, lambda inner: binding.get(inner, inner))
            found = replace(found, origin=replace(found.origin, span=hole.origin.span or value.origin.span))
        return found

    return substitute(value, replacement)


def bound_text(text: Text, binding: Binding) -> Text:
    """Return a text with the bound holes in it replaced."""
    return certain_text(bound_value(text, binding), "the text")


def bound_policy(policy: KeyPolicy, binding: Binding) -> KeyPolicy:
    """Return a policy with the bound holes in it replaced; the same object where none of them is in it."""
    if not policy.left_out and not any(hole in binding for hole in holes_of(policy)):
        return policy
    return replace(
        policy,
        statements=tuple(_bound_statement(statement, binding) for statement in policy.statements),
        left_out=tuple(_bound_statement(statement, binding) for statement in policy.left_out),
    )


def _bound_statement(statement: Statement, binding: Binding) -> Statement:
    def all_bound(values: tuple[Value, ...]) -> tuple[Value, ...]:
        return tuple(_normal(bound_value(value, binding)) for value in values)

    return replace(
        statement,
        principals=tuple(Principal(each.type, _normal(bound_value(each.value, binding))) for each in statement.principals),
        actions=all_bound(statement.actions),
        resources=all_bound(statement.resources),
        conditions=tuple(replace(each, values=all_bound(each.values)) for each in statement.conditions),
    )


def _normal(value: Value) -> Value:
    """Return a string that is one hole only as that hole."""
    if isinstance(value, Template) and len(value.parts) == 1:
        part = value.parts[0]
        if not isinstance(part, Literal):
            return replace(part, origin=replace(part.origin, span=value.origin.span))
    return value


def bound_log(log: LogFacts, binding: Binding) -> LogFacts:
    """Return the facts of a trail with the bound holes in them replaced."""
    return replace(
        log,
        arn=bound_text(log.arn, binding),
        owner=bound_text(log.owner, binding),
        region=bound_text(log.region, binding),
        partition=bound_text(log.partition, binding),
        name=bound_text(log.name, binding),
        bucket=bound_text(log.bucket, binding),
    )


def bound_key(key: KeyFacts, binding: Binding) -> KeyFacts:
    """Return the facts of a key with the bound holes in them replaced."""
    return replace(
        key,
        arn=bound_text(key.arn, binding),
        account=bound_text(key.account, binding),
        region=bound_text(key.region, binding),
        partition=bound_text(key.partition, binding),
        own=(),
    )


def texts_of(policy: KeyPolicy) -> Iterator[tuple[Text, Condition | None]]:
    """Yield every text of a policy that may name a place, with the condition it stands in: conditions first."""
    for statement in policy.statements:
        for condition in statement.conditions:
            for value in condition.values:
                yield from ((text, condition) for text in _texts(value))
    for statement in policy.statements:
        for value in (*statement.resources, *(principal.value for principal in statement.principals)):
            yield from ((text, None) for text in _texts(value))


def _texts(value: Value) -> Iterator[Text]:
    for _, outcome in outcomes(value) if isinstance(value, Choice) else (((), value),):
        if isinstance(outcome, (Known, Template, Symbol, Reference)):
            yield outcome


def holes_of(policy: KeyPolicy) -> set[Hole]:
    """Return every symbol and reference in a policy."""
    found: set[Hole] = set()
    values = [text for text, _ in texts_of(policy)]
    values += [text for statement in policy.statements for action in statement.actions for text in _texts(action)]
    for value in values:
        if isinstance(value, (Symbol, Reference)):
            found.add(value)
        elif isinstance(value, Template):
            found.update(part for part in value.parts if isinstance(part, (Symbol, Reference)))
    return found
