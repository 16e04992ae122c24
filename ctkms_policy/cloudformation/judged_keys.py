"""Which key a trail is judged with, and under which inputs.

A key that exists in any case may have a policy that depends on conditions. A trail that only other inputs create, or that has a key
only with other inputs, is judged with the policy that the key has under those inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ctkms_policy.cloudformation.conditions import Inputs
from ctkms_policy.cloudformation.intrinsics import Evaluator
from ctkms_policy.model import Alias, EventDataStore, Key, Trail
from ctkms_policy.value import Choice, Known, Reference, Symbol, Template, Value, substitute


@dataclass(frozen=True, slots=True)
class Use:
    """A trail or store, and the inputs that create it."""

    resource: Trail | EventDataStore
    inputs: Inputs


def judge_keys(
    uses: Sequence[Use],
    keys: Sequence[Key],
    aliases: Sequence[Alias],
    evaluator: Evaluator,
    key_under: Callable[[str, Inputs], Key | None],
) -> tuple[list[Trail | EventDataStore], list[Key]]:
    """Return the trails and stores, and the keys as they are judged with them.

    ``key_under`` reads a key under given inputs, None where they do not create it. A key that two trails need with two policies is
    there twice; the second one's address says when it is so.
    """
    by_address = {key.address: key for key in keys}
    variants: dict[str, list[Key]] = {}
    resources: list[Trail | EventDataStore] = []
    plain = {address for use in uses for address, inputs in _judged(use, by_address, aliases, evaluator) if inputs is None}
    for use in uses:
        resource = use.resource
        for address, inputs in _judged(use, by_address, aliases, evaluator):
            found = None if inputs is None else key_under(address, inputs)
            if found is None:
                continue
            found = replace(found, created_when=by_address[address].created_when)
            known = variants.setdefault(address, [by_address[address]] if address in plain else [])
            if found not in known:
                known.append(found)
            if known.index(found):
                resource = _with_key(resource, address, _name(address, known.index(found)))
        resources.append(resource)
    judged = []
    for key in keys:
        for index, variant in enumerate(variants.get(key.address, [key])):
            judged.append(replace(variant, address=_name(key.address, index)))
    return resources, judged


def _name(address: str, index: int) -> str:
    return f"{address} (variant {index + 1})" if index else address


def _with_key(resource: Trail | EventDataStore, address: str, name: str) -> Trail | EventDataStore:
    def rename(each: Symbol | Reference) -> Value:
        return replace(each, address=name) if isinstance(each, Reference) and each.address == address else each

    attribute = resource.kms_key_id
    return replace(resource, kms_key_id=replace(attribute, value=substitute(attribute.value, rename)))


def _judged(use: Use, keys: dict[str, Key], aliases: Sequence[Alias], evaluator: Evaluator) -> Iterator[tuple[str, Inputs | None]]:
    """Yield the key that a trail is judged with, if it is one of ``keys``, and the inputs; None for the default ones."""
    given = use.inputs if use.resource.created_when else None
    for value, inputs in _outcomes(use.resource.kms_key_id.value, use.inputs, given, evaluator):
        address = next((each for each in _addresses(value, aliases) if each in keys), None)
        if address is not None:
            yield address, inputs
            return


def _outcomes(value: Value, inputs: Inputs, given: Inputs | None, evaluator: Evaluator) -> Iterator[tuple[Value, Inputs | None]]:
    """Yield what a value may be with the inputs for it, what default inputs choose first."""
    if not isinstance(value, Choice):
        yield value, given
        return
    for index in sorted(range(len(value.branches)), key=lambda each: each != value.chosen):
        if index == value.chosen:
            yield from _outcomes(value.branches[index].value, inputs, given, evaluator)
            continue
        supposed = evaluator.supposed(value, index, inputs)
        yield from _outcomes(value.branches[index].value, supposed or inputs, supposed or given, evaluator)


def _addresses(value: Value, aliases: Sequence[Alias]) -> Iterator[str]:
    """Yield the addresses of the keys that a value names, directly or through an alias of the configuration."""
    parts = value.parts if isinstance(value, Template) else (value,)
    for part in parts:
        if isinstance(part, Reference):
            alias = next((each for each in aliases if each.address == part.address), None)
            yield from (part.address,) if alias is None else _addresses(alias.target, ())
    if isinstance(value, Known):
        for alias in aliases:
            if alias.name == value:
                yield from _addresses(alias.target, ())
