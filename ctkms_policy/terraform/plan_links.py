"""What an unknown attribute of a plan comes from: the references that the configuration in it lists, followed to resources.

A plan says which names an expression uses and nothing else about it (B11), and it does not hold local values at all. What is said
here about an expression rests on that: a value that is known only after apply comes from something that is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ctkms_policy.terraform.plan_address import inside, is_index, join, module_calls, most_specific, steps
from ctkms_policy.terraform.plan_values import PlannedResource
from ctkms_policy.value import (
    ANY_TEXT,
    DIGITS,
    MAX_COMBINATIONS,
    Absent,
    Branch,
    Known,
    Origin,
    Reference,
    Shape,
    Symbol,
    SymbolKind,
    Template,
    Unknown,
    Value,
    choose,
    concatenate,
    lift,
)

MAX_NAMES = 20_000
"""References of one expression are followed through no more names."""

KEYS = frozenset(("aws_kms_key", "aws_kms_replica_key", "aws_kms_external_key"))
_IDENTITIES = KEYS | {"aws_kms_alias", "aws_kms_key_policy", "data.aws_kms_key", "data.aws_kms_alias"}
"""What names a KMS key by some attribute."""

_GIVEN_BACK = {("terraform_data", "output"): "input"}
"""Attributes that are an argument of another name."""

_LOOKUPS = {"data.aws_kms_alias": "target_key_arn", "data.aws_kms_key": "arn"}
"""Which attribute of a data source is the ARN of the key it has found."""

_CARRIES_NO_KEY = frozenset(("id", "arn", "name", "bucket", "unique_id", "account_id", "region"))
"""Attributes of AWS resources that are not about KMS: none of them can be the name of a KMS key."""

_ONLY_CODE = "a plan does not hold: put it into the directory of its code"

_ARNS = frozenset(("arn", "target_key_arn"))
"""Attributes that nothing is written around where an ARN is wanted."""

CodeValues = Callable[[PlannedResource, str], Sequence[Value]]
"""What the code says about an argument of a resource, empty where it is not at hand."""

LocalReferences = Callable[[tuple[str, ...], str], Sequence[str]]
"""The references of a local value, by the names of the module calls it stands in; empty where its source is not at hand."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """An attribute of a resource instance that is known only after apply.

    ``attribute`` is "" where the plan does not say which: it names the whole resource for a splat. ``is_all`` tells that the code
    was at hand and the expression is that attribute and nothing more.
    """

    resource: PlannedResource
    attribute: str
    is_all: bool = False

    @property
    def words(self) -> str:
        """The leaf as a reference."""
        return f"{self.resource.address}.{self.attribute}" if self.attribute else self.resource.address


@dataclass(frozen=True, slots=True)
class _Site:
    """Where an expression stands: a module instance, and the block in the configuration."""

    module: str
    block: Mapping[str, Any] = field(repr=False)


@dataclass
class _Found:
    """What following references has met."""

    leaves: dict[str, Leaf] = field(default_factory=dict)
    blocks: set[str] = field(default_factory=set)
    locals: list[str] = field(default_factory=list)


@dataclass
class Links:
    """All resources of a plan by address, and the configuration they were planned from."""

    configuration: Mapping[str, Any]
    resources: Mapping[str, PlannedResource]
    relevant: Sequence[Mapping[str, Any]] = ()
    local_references: LocalReferences = lambda calls, name: ()
    code_values: CodeValues = lambda resource, name: ()
    named_buckets: set[str] = field(default_factory=set)
    """buckets that an attribute was linked to"""
    _instances: dict[str, list[PlannedResource]] = field(default_factory=dict)
    _modules: dict[str, set[str]] = field(default_factory=dict)
    _blocks: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = field(default_factory=dict)
    _links: dict[tuple[str, str], Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for resource in self.resources.values():
            self._instances.setdefault(inside(resource.parts.module, resource.parts.resource), []).append(resource)
            parts = steps(resource.parts.module)
            while parts:
                key = is_index(parts[-1])
                call = parts[: len(parts) - 1] if key else parts
                self._modules.setdefault(join(call), set()).add(join(parts))
                parts = call[:-2]
        self._arns = {
            arn: resource.address
            for resource in self.resources.values()
            if resource.type in KEYS and resource.mode == "managed" and isinstance(arn := resource.plain("arn"), str)
        }
        self._ids = {arn.rpartition("key/")[2]: address for arn, address in self._arns.items()}

        self._found = {
            arn: (resource.address, attribute)
            for resource in self.resources.values()
            if (attribute := _LOOKUPS.get(resource.kind, "")) and isinstance(arn := resource.plain(attribute), str)
        }

    # -- values --------------------------------------------------------------------------------------------------------

    def value(self, resource: PlannedResource, name: str) -> Value:
        """Return an attribute of a resource, as what it refers to where it is known only after apply.

        Absent also where the configuration does not write the attribute: then the provider computes it.
        """
        if resource.is_unknown(name):
            if not self.is_written(resource, name):
                return Absent()
            if (resource.address, name) not in self._links:
                self._links[resource.address, name] = Unknown(f"{resource.address}.{name} refers to itself")
                self._links[resource.address, name] = self._linked(resource, name)
            return self._links[resource.address, name]
        value = self.to_key(resource.value(name))
        if isinstance(value, Known) and resource.kind not in _LOOKUPS and not value.origin.sensitive:
            lookup = self._found.get(str(value.value))
            return Reference(*lookup, value.origin) if lookup is not None else value
        return value

    def to_key(self, value: Value) -> Value:
        """Return a literal ARN or id of a key of this plan as a reference to the key."""
        if not isinstance(value, Known) or value.origin.sensitive:
            return value
        text = str(value.value)
        if text in self._arns:
            return Reference(self._arns[text], "arn", value.origin)
        return Reference(self._ids[text], "key_id", value.origin) if text in self._ids else value

    def is_written(self, resource: PlannedResource, name: str) -> bool:
        """Return whether the configuration writes an attribute; True where the plan has no configuration of the resource."""
        block = self.block(resource)
        return not block or name in _object(block.get("expressions"))

    def is_null(self, resource: PlannedResource, name: str) -> bool:
        """Return whether an unknown attribute that the provider computes is written, and null: a variable, also through module calls.

        Inputs of the root module are known when the plan is made: one that leaves an attribute to the provider is null.
        """
        site = self._site(resource)
        expression = _object(self.expression(resource, name))
        while True:
            if "constant_value" in expression:
                return expression["constant_value"] is None
            parts = steps(references[0]) if len(references := references_of(expression)) == 1 else ()
            if len(parts) != 2 or parts[0] != "var":
                return False
            if not site.module:
                return True
            declared = _object(_object(self._module(module_calls(site.module)).get("variables")).get(parts[1]))
            [(site, argument)] = self._argument(site, parts[1])
            if argument is None:
                return declared.get("default") is None
            expression = _object(argument)

    def _site(self, resource: PlannedResource) -> _Site:
        return _Site(resource.parts.module, self.block(resource))

    def block(self, resource: PlannedResource) -> Mapping[str, Any]:
        """Return the resource's block in the configuration, empty where there is none."""
        return self._block(module_calls(resource.parts.module), resource.block)

    def leaves(self, resource: PlannedResource, expression: object) -> tuple[list[Leaf], list[str]]:
        """Return what an expression of a resource gets from elsewhere and is known only after apply, and the locals that lead nowhere.

        An index that is no literal is not in the plan, which names the whole resource then: ``k[count.index]`` may be every instance.
        """
        found = _Found()
        self._follow(self._site(resource), references_of(expression), found)
        return list(found.leaves.values()), found.locals

    def told(self, resource: PlannedResource, name: str, leaves: list[Leaf]) -> list[Leaf]:
        """Return of the leaves that an argument may be the one that the code beside the plan names, or them all where it does not tell."""
        by_address = {leaf.resource.address: leaf.resource for leaf in leaves}
        for value in self.code_values(resource, name) if leaves else ():
            if isinstance(value, Reference) and value.address in by_address:
                return [Leaf(by_address[value.address], value.attribute, is_all=True)]
        return leaves

    def expression(self, resource: PlannedResource, name: str) -> object:
        """Return what the configuration says about an attribute, None where it says nothing."""
        return _object(self.block(resource).get("expressions")).get(name)

    def _linked(self, resource: PlannedResource, name: str) -> Value:
        origin = resource.value(name).origin
        expression = self.expression(resource, name)
        if expression is None:
            return Unknown(f"{resource.address}.{name} is known only after apply, and the plan does not say what it comes from", origin)
        leaves, lost = self.leaves(resource, expression)
        keys = [leaf for leaf in leaves if leaf.resource.kind in _IDENTITIES]
        if not leaves and lost:
            keys = self._only_key()
        candidates = _by_resource(keys) or leaves
        if len(candidates) > 1 or not _ARNS.intersection(leaf.attribute for leaf in candidates):
            candidates = self.told(resource, name, candidates)
        if not candidates:
            where = f"{' and '.join(dict.fromkeys(lost))}, which {_ONLY_CODE}" if lost else "nothing that the plan names"
            return Unknown(f"{resource.address}.{name} is known only after apply: it comes from {where}", origin)
        if len(candidates) > MAX_COMBINATIONS:
            return Unknown(f"{resource.address}.{name} may be any of {len(candidates)} resources, and the plan does not say which", origin)
        values = [self._leaf_value(leaf, name, origin) for leaf in candidates]
        if len(candidates) == 1:
            return self._perhaps_alone(resource, name, candidates[0], values[0], references_of(expression))
        arns = {value.address: value for value in values if isinstance(value, Reference) and value.attribute in _ARNS}
        if len(arns) == 1 and all(_leads_to(value, *arns) for value in values):
            return next(iter(arns.values()))  # the other attributes of that key decide, or are outputs beside it
        if keys or all(leaf.resource.kind == "aws_s3_bucket" for leaf in candidates):
            branches = [
                Branch(f"{resource.address}.{name} comes from {leaf.words}", value) for leaf, value in zip(candidates, values, strict=True)
            ]
            return choose(f"plan {resource.address}.{name}", branches, None, origin)
        words = ", ".join(leaf.words for leaf in candidates[:3])
        return Unknown(f"{resource.address}.{name} is known only after apply: it depends on {words}", origin)

    def _leaf_value(self, leaf: Leaf, name: str, origin: Origin) -> Value:
        resource, attribute = leaf.resource, leaf.attribute
        if resource.kind in _IDENTITIES:
            return self._key_value(leaf, name, origin)
        if resource.kind == "aws_s3_bucket" and attribute in ("id", "bucket"):
            self.named_buckets.add(resource.address)
            bucket = self.bucket_name(resource)
            return bucket if isinstance(bucket, (Known, Template)) else Reference(resource.address, attribute, origin)
        if resource.mode == "data":
            reason = f"{leaf.words} is read when terraform runs"
            spelling = f"{resource.block}{resource.parts.key}.{attribute}"
            return Symbol(leaf.words, SymbolKind.EXTERNAL, ANY_TEXT, spelling, reason, origin)
        return Reference(resource.address, attribute, origin)

    def _key_value(self, leaf: Leaf, name: str, origin: Origin) -> Value:
        attribute = leaf.attribute or ("arn" if leaf.resource.type != "aws_kms_alias" else "")
        target: Value = Reference(leaf.resource.address, attribute, origin)
        if leaf.resource.kind == "aws_kms_key_policy":
            target = self.value(leaf.resource, "key_id")
        elif leaf.resource.kind == "aws_kms_alias" and attribute == "target_key_arn":
            target = _arn_of(self.value(leaf.resource, "target_key_id"))

        def written(key: Value) -> Value:
            if not isinstance(key, Reference) or name != "kms_key_id" or key.attribute in _ARNS or leaf.is_all:
                return replace(key, origin=origin)
            # An id may stand in a longer text, "arn:aws:kms:...:key/${aws_kms_key.k.key_id}": the plan does not say.
            return concatenate((Unknown("the plan does not say how it is written", origin), replace(key, origin=origin)), origin)

        return lift(written, (target,), origin)

    def _perhaps_alone(self, resource: PlannedResource, name: str, leaf: Leaf, value: Value, references: Sequence[str]) -> Value:
        """Return a key id that the code may be whole, or a part of an ARN: where nothing else is named, nothing tells which."""
        key = leaf.resource.parts
        written = (f"{key.resource}.{leaf.attribute}", f"{key.resource}{key.key}.{leaf.attribute}")
        parts = value.parts if isinstance(value, Template) and name == "kms_key_id" else ()
        whole = next((part for part in parts if isinstance(part, Reference)), None)
        if whole is None or key.module != resource.parts.module or len(references) != 1 or references[0] not in written:
            return value
        if any(isinstance(each, Template) for each in self.code_values(resource, name)):
            return value
        origin = value.origin
        alone = Branch(f"the plan names nothing but {leaf.words}", whole)
        part = Branch(f"an ARN is written around {leaf.words}", value)
        return choose(f"plan {resource.address}.{name} is all", (alone, part), None, origin)

    def _only_key(self) -> list[Leaf]:
        """Return the KMS key that a lost name stands for, where it can be no other.

        ``relevant_attributes`` lists everything that any expression of the plan uses, also through locals.
        """
        found: dict[str, Leaf] = {}
        for each in self.relevant:
            resource, path = self.resources.get(str(each.get("resource"))), each.get("attribute")
            attribute = str(path[0]) if isinstance(path, list) and path else ""
            if resource is None or resource.is_read or not (resource.is_partly_unknown(attribute) if attribute else True):
                continue
            if resource.kind in _IDENTITIES:
                found.setdefault(resource.address, Leaf(resource, attribute))
            elif not (resource.type.startswith("aws_") and attribute in _CARRIES_NO_KEY):
                return []
        return list(found.values()) if len(found) == 1 else []

    def bucket_name(self, bucket: PlannedResource) -> Value:
        """Return the name of a bucket; one that the provider makes up has its known shape."""
        if not bucket.is_unknown("bucket"):
            return bucket.value("bucket")
        if self.is_written(bucket, "bucket"):
            return self.value(bucket, "bucket")
        prefix = self.value(bucket, "bucket_prefix")
        origin = Origin(bucket.span)
        words = f"{bucket.address} makes it up when it is created"
        spelling = f"{bucket.block}{bucket.parts.key}.bucket"
        suffix = Symbol(f"{bucket.address}.bucket", SymbolKind.GENERATED, Shape(DIGITS, 26, 26), spelling, words, origin)
        return concatenate((Known("terraform-") if isinstance(prefix, Absent) else prefix, suffix), origin)

    # -- following references ------------------------------------------------------------------------------------------

    def _block(self, calls: tuple[str, ...], name: str) -> Mapping[str, Any]:
        blocks = self._blocks.get(calls)
        if blocks is None:
            declared = map(_object, _list(self._module(calls).get("resources")))
            blocks = self._blocks[calls] = {str(each.get("address")): each for each in declared}
        return blocks.get(name, {})

    def _module(self, calls: tuple[str, ...]) -> Mapping[str, Any]:
        module = _object(self.configuration.get("root_module"))
        for name in calls:
            module = _object(self._call(module, name).get("module"))
        return module

    @staticmethod
    def _call(module: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        return _object(_object(module.get("module_calls")).get(name))

    def _follow(self, site: _Site, references: Iterable[str], found: _Found, *, everything: bool = False) -> None:
        """Follow references to the attributes they end at; with ``everything`` also through what is known, block by block."""
        waiting = deque((site, reference) for reference in references)
        seen: set[tuple[str, int, str]] = set()
        while waiting and len(seen) < MAX_NAMES:
            at, reference = waiting.popleft()
            # each.value is another thing in every block
            place = (at.module, id(at.block) if reference.startswith("each.") else 0, reference)
            if place in seen:
                continue
            seen.add(place)
            parts = steps(reference)
            for site_of, expression in self._further(at, parts, found, everything=everything):
                waiting.extend((site_of, each) for each in references_of(expression))

    def _further(self, at: _Site, parts: tuple[str, ...], found: _Found, *, everything: bool) -> Iterator[tuple[_Site, Any]]:
        root = parts[0] if parts else ""
        name = parts[1] if len(parts) > 1 else ""
        if root == "var":
            yield from self._argument(at, name)
        elif root == "local":
            references = self.local_references(module_calls(at.module), name)
            if references:
                yield at, {"references": list(references)}
            else:
                found.locals.append(inside(at.module, f"local.{name}"))
        elif root == "module":
            yield from self._outputs(at, parts[1:], found, everything=everything)
        elif root == "each":
            if name == "value":
                yield at, at.block.get("for_each_expression")
        elif root not in ("count", "path", "terraform", "self"):
            yield from self._resource(at, parts, found, everything=everything)

    def _argument(self, at: _Site, name: str) -> Iterator[tuple[_Site, Any]]:
        parts = steps(at.module)
        if not parts:
            return  # an input of the root module is known when the plan is made
        call = parts[: len(parts) - is_index(parts[-1])]
        caller = join(call[:-2])
        block = self._call(self._module(module_calls(caller)), call[-1])
        yield _Site(caller, block), _object(block.get("expressions")).get(name)

    def _outputs(self, at: _Site, parts: tuple[str, ...], found: _Found, *, everything: bool) -> Iterator[tuple[_Site, Any]]:
        if not parts:
            return
        call = inside(at.module, f"module.{parts[0]}")
        key = parts[1] if len(parts) > 1 and is_index(parts[1]) else ""
        output = next((each for each in parts[1:] if not is_index(each)), "")
        module = self._module((*module_calls(at.module), parts[0]))
        outputs = _object(module.get("outputs"))
        for instance in sorted(self._modules.get(call, {call})):
            if key and instance != call + key:
                continue
            site = _Site(instance, {})
            for name in (output,) if output in outputs else outputs:
                yield site, _object(outputs[name]).get("expression")
                if everything:
                    yield site, {"references": _list(_object(outputs[name]).get("depends_on"))}
            if everything and not output:
                for block in _list(module.get("resources")):
                    yield site, {"references": [str(_object(block).get("address"))]}
                yield site, {"references": [f"module.{each}" for each in _object(module.get("module_calls"))]}
        if everything:
            yield at, {"references": _list(self._call(self._module(module_calls(at.module)), parts[0]).get("depends_on"))}

    def _resource(self, at: _Site, parts: tuple[str, ...], found: _Found, *, everything: bool) -> Iterator[tuple[_Site, Any]]:
        length = 3 if parts[:1] == ("data",) else 2
        if len(parts) < length:
            return
        name = join(parts[:length])
        address = inside(at.module, name)
        key = parts[length] if len(parts) > length and is_index(parts[length]) else ""
        path = parts[length + bool(key) :]
        attribute = next((each for each in path if not is_index(each)), "")
        if everything:
            if address not in found.blocks:
                found.blocks.add(address)
                block = self._block(module_calls(at.module), name)
                yield _Site(at.module, block), _of_block(block)
            return
        for resource in self._instances.get(address, ()):
            if key and resource.parts.key != key:
                continue
            known = resource.is_read or (bool(attribute) and not resource.is_partly_unknown(attribute))
            argument = None if known else self._argument_of(resource, attribute)
            if argument is not None:
                yield self._site(resource), argument
            elif not known:
                leaf = Leaf(resource, join(path) if resource.kind == "data.terraform_remote_state" else attribute)
                found.leaves.setdefault(leaf.words, leaf)

    def _argument_of(self, resource: PlannedResource, attribute: str) -> object:
        """Return the argument that an attribute is, None where the provider makes it, or where it names a key or bucket by itself."""
        if resource.kind in _IDENTITIES or resource.kind == "aws_s3_bucket" or not resource.is_unknown(attribute):
            return None
        return self.expression(resource, _GIVEN_BACK.get((resource.kind, attribute), attribute))

    # -- dependencies --------------------------------------------------------------------------------------------------

    def dependencies(self, resource: PlannedResource) -> tuple[str, ...]:
        """Return the addresses of all resource instances that a resource depends on, directly or not.

        Of data sources only those that look up a key are of interest, as where code is read.
        """
        found = _Found()
        site = self._site(resource)
        self._follow(site, references_of(_of_block(site.block)), found, everything=True)
        for path in _callers(site.module):
            call = self._call(self._module(module_calls(path)[:-1]), module_calls(path)[-1])
            caller = path[: path.rindex("module.")].rstrip(".")
            self._follow(_Site(caller, call), map(str, _list(call.get("depends_on"))), found, everything=True)
        if found.locals:
            # What a local refers to is not in the plan; that anything refers to it is.
            found.blocks |= {_without_key(str(each.get("resource"))) for each in self.relevant}
        addresses = {address for block in found.blocks for address in self._addresses(block)}
        return tuple(sorted(addresses - {resource.address}))

    def _addresses(self, block: str) -> Iterator[str]:
        found = self._instances.get(block, ())
        return (each.address for each in found if each.mode != "data" or each.kind in _IDENTITIES)


def _leads_to(value: Value, address: str) -> bool:
    parts = value.parts if isinstance(value, Template) else (value,)
    return any(isinstance(part, Reference) and part.address == address for part in parts)


def _by_resource(keys: list[Leaf]) -> list[Leaf]:
    """Return one leaf for each resource: the ARN, where a splat of a module (``module.key[*].arn``) may be any of its outputs."""
    found: dict[str, Leaf] = {}
    for leaf in sorted(keys, key=lambda each: each.attribute not in _ARNS):
        found.setdefault(leaf.resource.address, leaf)
    return list(found.values())


def _arn_of(target: Value) -> Value:
    """Return the ARN of the key that a value leads to, or of each of the keys."""
    return lift(lambda each: replace(each, attribute="arn") if isinstance(each, Reference) else each, (target,), target.origin)


def _callers(module: str) -> Iterator[str]:
    """Yield a module path and every one it stands in."""
    parts = steps(module)
    while parts:
        yield join(parts)
        parts = parts[: len(parts) - 2 - is_index(parts[-1])]


def _without_key(address: str) -> str:
    parts = steps(address)
    return join(parts[:-1] if parts and is_index(parts[-1]) else parts)


def references_of(expression: object) -> list[str]:
    """Return every reference in an expression of the configuration, or in nested blocks of them, each expression's most specific ones."""
    found: list[str] = []
    waiting = [expression]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            references = each.get("references")
            if isinstance(references, list):
                found.extend(most_specific(map(str, references)))
            else:
                waiting.extend(reversed(each.values()))
        elif isinstance(each, list):
            waiting.extend(reversed(each))
    return found


def _of_block(block: Mapping[str, Any]) -> list[Any]:
    """Return everything in a block that refers to something."""
    names = ("expressions", "count_expression", "for_each_expression")
    return [*(block.get(name) for name in names), {"references": _list(block.get("depends_on"))}]


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
