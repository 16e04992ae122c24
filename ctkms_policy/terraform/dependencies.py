"""Which resources a resource depends on: terraform's own graph, read from the references in the code, without evaluation."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass

from ctkms_policy.source import Span
from ctkms_policy.terraform.dynamic_blocks import iterator_of
from ctkms_policy.terraform.hcl.syntax import (
    SPLAT_ITEM,
    AttributeNode,
    Block,
    Body,
    Expression,
    ForObject,
    ForTuple,
    GetAttr,
    Index,
    Interpolation,
    StringTemplate,
    TemplateFor,
    Variable,
)
from ctkms_policy.terraform.world import ModuleInstance, World

MAX_NODES = 5_000
"""No more of the graph is followed: a dependency beyond it is not seen."""
MAX_LOOKED_AT = 100_000
"""Nodes that are looked at for circles in one world; of the resources after that, none is looked for."""
_AFTERWARDS = frozenset(("provisioner", "connection"))
"""Blocks that terraform evaluates when the resource is there: they may name it."""


@dataclass(frozen=True)
class Reached:
    """A resource or data source that another one depends on: its address without key, and the reference that says so."""

    address: str
    span: Span


def dependencies(world: World, owner: ModuleInstance, block: Block) -> tuple[str, ...]:
    """Return the addresses of all resource instances that a resource of ``owner`` depends on, directly or not.

    Explicit ``depends_on`` of the resource and of module calls counts, and so does every reference.
    """
    walk = _walked(world, owner, block)
    return tuple(sorted(address for address in world.instances if _without_key(address) in walk.reached))


def circle(world: World, owner: ModuleInstance, block: Block) -> tuple[Reached, ...]:
    """Return what leads from a resource of ``owner`` back to it, itself last; () where it does not depend on itself."""
    if world.looked_at > MAX_LOOKED_AT:
        return ()
    walk, start = _walked(world, owner, block), _address(owner, block)
    world.looked_at += len(walk.seen)
    way: list[Reached] = []
    address = start
    while address in walk.reached and (not way or address != start):
        before, span = walk.reached[address]
        way.append(Reached(address, span))
        address = before
    return tuple(reversed(way))


def _walked(world: World, owner: ModuleInstance, block: Block) -> _Walk:
    walk = _Walk(world, _address(owner, block))
    walk.body(owner, block.body)
    walk.calls_of(owner)
    walk.finish()
    return walk


def _address(owner: ModuleInstance, block: Block) -> str:
    return f"{owner.address}{'data.' if block.type == 'data' else ''}{'.'.join(block.labels)}"


def _without_key(address: str) -> str:
    """Return the address without the key of the resource itself; the keys of its modules stay."""
    if not address.endswith("]"):
        return address
    depth = 0
    quoted = False
    for position in range(len(address) - 1, -1, -1):
        character = address[position]
        if character == '"' and address[position - 1] != "\\":
            quoted = not quoted
        elif not quoted and character == "]":
            depth += 1
        elif not quoted and character == "[":
            depth -= 1
            if not depth:
                return address[:position]
    return address


@dataclass(frozen=True)
class _Node:
    """A name that was reached, from which resource, and by which reference in that one or in what it names."""

    owner: ModuleInstance
    kind: str
    name: str
    user: str
    span: Span


@dataclass
class _Walk:
    """What has been reached, names first, so that none is followed twice.

    ``current`` is the address of the resource whose references are followed; ``reached`` has for each resource, by address without
    key, the one that refers to it and where.
    """

    world: World
    current: str
    reached: dict[str, tuple[str, Span]] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)
    waiting: deque[_Node] = field(default_factory=deque)

    def body(self, owner: ModuleInstance, body: Body, bound: frozenset[str] = frozenset()) -> None:
        for attribute in body.attributes:
            self.attribute(owner, attribute, bound, may_be_self=attribute.name == "depends_on")
        for block in body.blocks:
            if block.type in _AFTERWARDS:
                for attribute in block.body.attributes:
                    self.attribute(owner, attribute, may_be_self=True)
            else:
                self.body(owner, block.body, bound | {iterator_of(block)} if block.type == "dynamic" else bound)

    def attribute(
        self, owner: ModuleInstance, attribute: AttributeNode, bound: frozenset[str] = frozenset(), *, may_be_self: bool = False
    ) -> None:
        for each in traversals(attribute.expression, bound):
            if not (may_be_self and owner.address + ".".join(each.names[:2]) == self.current):
                self.reach(owner, each.names, each.span)

    def calls_of(self, owner: ModuleInstance) -> None:
        """Follow ``depends_on`` of the module calls that ``owner`` stands in."""
        while owner.caller is not None and owner.call is not None:
            written = owner.call.block.body.attribute("depends_on")
            if written is not None:
                self.attribute(owner.caller, written)
            owner = owner.caller

    def reach(self, owner: ModuleInstance, path: tuple[str, ...], span: Span) -> None:
        root, *names = path
        if root == "data" and len(names) > 1:
            kind, name = "block", f"data.{names[0]}.{names[1]}"
        elif root in ("var", "local") and names:
            kind, name = root, names[0]
        elif root == "module" and names:
            kind, name = "module", ".".join(names[:2])
        elif root not in ("each", "count", "self", "path", "terraform") and names:
            kind, name = "block", f"{root}.{names[0]}"
        else:
            return
        if (owner.address + kind, name) not in self.seen and len(self.seen) < MAX_NODES:
            self.seen.add((owner.address + kind, name))
            self.waiting.append(_Node(owner, kind, name, self.current, span))

    def finish(self) -> None:
        while self.waiting:
            node = self.waiting.popleft()
            owner, kind, name, self.current = node.owner, node.kind, node.name, node.user
            if kind == "block":
                self._block(owner, name, node.span)
            elif kind == "local" and name in owner.module.locals:
                self.attribute(owner, owner.module.locals[name])
            elif kind == "var" and owner.call is not None and owner.caller is not None:
                argument = owner.call.block.body.attribute(name)
                if argument is not None:
                    self.attribute(owner.caller, argument)
            elif kind == "module":
                self._module(owner, name, node.span)

    def _block(self, owner: ModuleInstance, name: str, span: Span) -> None:
        *data, type, label = name.split(".")
        block = owner.module.block("data." if data else "", type, label)
        if block is not None:
            self.reached[owner.address + name] = (self.current, span)
            self.current = owner.address + name
            self.body(owner, block.body)

    def _module(self, owner: ModuleInstance, name: str, span: Span) -> None:
        call, _, output = name.partition(".")
        block = owner.module.calls.get(call)
        if block is None:
            return
        for child in children(self.world, owner, call):
            if output and output in child.module.outputs:
                self.body(child, child.module.outputs[output].body)
            else:
                for type, label in child.module.resources:
                    self.reach(child, (type, label), span)
                for inner in child.module.calls:
                    self.reach(child, ("module", inner), span)
        written = block.body.attribute("depends_on")
        if written is not None:
            self.attribute(owner, written)


def children(world: World, owner: ModuleInstance, call: str) -> Iterator[ModuleInstance]:
    """Yield the module instances that a module call of ``owner`` makes, those that can be read."""
    expansion = world.expansion(owner, owner.module.calls[call], f"module.{call}")
    for instance in getattr(expansion, "instances", {}).values():
        child = world.called(instance)
        if isinstance(child, ModuleInstance):
            yield child


def references(expression: Expression) -> Iterator[tuple[str, ...]]:
    """Yield every traversal in an expression as the names in it: ``("aws_kms_key", "logs", "arn")``; indexes are left out."""
    yield from (each.names for each in traversals(expression))


@dataclass(frozen=True)
class Traversal:
    """``aws_kms_key.logs[0].arn``: its names without the indexes, and those by the number of names before each."""

    names: tuple[str, ...]
    span: Span
    indexes: Mapping[int, Expression]


def traversals(expression: Expression, bound: frozenset[str] = frozenset()) -> Iterator[Traversal]:
    """Yield every traversal in an expression, but those that begin with a ``bound`` name.

    Bound are the variables of loops and the iterators of ``dynamic`` blocks.
    """
    if isinstance(expression, (GetAttr, Index, Variable)):
        names: list[str] = []
        indexes: list[tuple[int, Expression]] = []
        base: Expression = expression
        while isinstance(base, (GetAttr, Index)):
            if isinstance(base, GetAttr):
                names.append(base.name)
            else:
                indexes.append((len(names), base.key))
                yield from traversals(base.key, bound)
            base = base.base
        if not isinstance(base, Variable):
            yield from traversals(base, bound)
        elif base.name not in bound and base.name != SPLAT_ITEM:
            length = len(names) + 1
            behind = {length - position: key for position, key in indexes}
            yield Traversal((base.name, *reversed(names)), expression.span, behind)
        return
    if isinstance(expression, StringTemplate) and not any(not hasattr(part, "text") for part in expression.parts):
        return
    yield from _inside(expression, bound)


def _inside(node: object, bound: frozenset[str]) -> Iterator[Traversal]:
    if isinstance(node, tuple):
        for item in node:
            yield from _inside(item, bound)
    elif isinstance(node, (GetAttr, Index, Variable)):
        yield from traversals(node, bound)
    elif isinstance(node, Interpolation):
        yield from _inside(node.expression, bound)
    elif is_dataclass(node):
        inner = bound
        if isinstance(node, (ForTuple, ForObject, TemplateFor)):
            yield from _inside(node.collection, bound)
            inner = bound | {node.value} | ({node.key} if node.key is not None else set())
        for each in fields(node):
            if each.name not in ("span", "collection"):
                yield from _inside(getattr(node, each.name), inner)
