"""What CloudFormation refuses before it creates anything, in what a trail, store or key is made of.

It refuses the whole template. Looked at is only what the verdict is about: the resource, the log bucket with its policy, aliases, the
nested stacks they stand in, and the conditions they use. The rest is cfn-lint's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ctkms_policy.cloudformation.dependencies import circle, conditions_behind, conditions_named
from ctkms_policy.cloudformation.references import Kind
from ctkms_policy.cloudformation.stack import Stack
from ctkms_policy.model import Refusal
from ctkms_policy.source import Span
from ctkms_policy.value import Absent, Step, Value

MAX_SHOWN = 4
"""Names that a message lists of a circle."""

_ALIAS = "AWS::KMS::Alias"
_BUCKET = "AWS::S3::Bucket"
_BUCKET_POLICY = "AWS::S3::BucketPolicy"


def refusals(stack: Stack, logical_id: str) -> tuple[Refusal, ...]:
    """Return why CloudFormation refuses the template of a resource, each reason once, at its first place."""
    found: dict[str, Refusal] = {}
    for part, name in _concerned(stack, logical_id):
        for each in _circular_conditions(part, name):
            found.setdefault(each.message, each)
    return tuple(found.values())


def _concerned(stack: Stack, logical_id: str) -> list[tuple[Stack, str]]:
    """Return the resource, what belongs to it, and the nested stacks it stands in, each in its stack."""
    concerned = [(stack, logical_id), *((stack, name) for name in _belonging(stack, logical_id))]
    while stack.parent is not None:
        stack, name = stack.parent, stack.prefix.rstrip("/").rpartition("/")[2]
        concerned.append((stack, name))
    return concerned


def _belonging(stack: Stack, logical_id: str) -> Iterator[str]:
    """Yield the buckets, bucket policies, aliases and nested stacks that belong to a trail or store, or the aliases of a key."""
    named = {name.text for name in stack.names_in_resources[logical_id] if name.kind in (Kind.VALUE, Kind.RESOURCE)}
    bucket = stack.property_of(logical_id, "S3BucketName")
    key = stack.property_of(logical_id, "KMSKeyId")
    buckets = {each for each in stack.resources if stack.type_of(each) == _BUCKET and _is_one(stack, each, named, "BucketName", bucket)}
    for each in stack.resources:
        kind = stack.type_of(each)
        if kind == _BUCKET_POLICY:
            of = {name.text for name in stack.names_in_resources[each]}
            if buckets & of or _is_same(stack.property_of(each, "Bucket"), bucket):
                yield each
        elif kind == _ALIAS:
            if _is_one(stack, each, named, "AliasName", key) or logical_id in {name.text for name in stack.names_in_resources[each]}:
                yield each
        elif each in buckets or (each in named and each in stack.nested):
            yield each


def _is_one(stack: Stack, logical_id: str, named: set[str], property_name: str, written: Value) -> bool:
    return logical_id in named or _is_same(stack.property_of(logical_id, property_name), written)


def _is_same(left: Value, right: Value) -> bool:
    return left == right and not isinstance(left, Absent)


def _circular_conditions(stack: Stack, logical_id: str) -> Iterator[Refusal]:
    for used in stack.names_in_resources[logical_id]:
        behind = conditions_behind(stack, used.text) if used.kind is Kind.CONDITION else ()
        for name in behind:
            way = circle(name, lambda each: conditions_named(stack, each))
            if way:
                yield Refusal(
                    f'condition "{name}" refers to itself' + _through([reference.text for _, reference in way[:-1]]),
                    stack.conditions[name].key.origin.span or Span.at(stack.template.source.path),
                    "break the circle: CloudFormation refuses a template with a circular dependency between conditions",
                    (Step(f'"{stack.prefix}{logical_id}" uses condition "{used.text}"', used.span),),
                )
                break


def _through(names: Sequence[str]) -> str:
    shown = " and ".join(f'"{name}"' for name in names[:MAX_SHOWN]) + (
        f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    )
    return f" through {shown}" if names else ""
