"""Which resources a resource depends on: terraform's own graph, read from the references in the code, without evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass

from ctkms_policy.terraform.hcl.syntax import (
    AttributeNode,
    Block,
    Body,
    Expression,
    GetAttr,
    Index,
    Interpolation,
    StringTemplate,
    Variable,
)
from ctkms_policy.terraform.world import ModuleInstance, World

MAX_NODES = 5_000
"""No more of the graph is followed: a dependency beyond it is not seen."""


def dependencies(world: World, owner: ModuleInstance, block: Block) -> tuple[str, ...]:
    """Return the addresses of all resource instances that a resource of ``owner`` depends on, directly or not.

    Explicit ``depends_on`` of the resource and of module calls counts, and so does every reference.
    """
    walk = _Walk(world)
    walk.body(owner, block.body)
    walk.calls_of(owner)
    walk.finish()
    return tuple(sorted(address for address in world.instances if _without_key(address) in walk.resources))


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


@dataclass
class _Walk:
    """What has been reached: resources by address without key, and every other name, so that none is followed twice."""

    world: World
    resources: set[str] = field(default_factory=set)
    seen: set[tuple[str, str]] = field(default_factory=set)
    waiting: list[tuple[ModuleInstance, str, str]] = field(default_factory=list)

    def body(self, owner: ModuleInstance, body: Body) -> None:
        for attribute in body.attributes:
            self.attribute(owner, attribute)
        for block in body.blocks:
            self.body(owner, block.body)

    def attribute(self, owner: ModuleInstance, attribute: AttributeNode) -> None:
        for path in references(attribute.expression):
            self.reach(owner, path)

    def calls_of(self, owner: ModuleInstance) -> None:
        """Follow ``depends_on`` of the module calls that ``owner`` stands in."""
        while owner.caller is not None and owner.call is not None:
            written = owner.call.block.body.attribute("depends_on")
            if written is not None:
                self.attribute(owner.caller, written)
            owner = owner.caller

    def reach(self, owner: ModuleInstance, path: tuple[str, ...]) -> None:
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
            self.waiting.append((owner, kind, name))

    def finish(self) -> None:
        while self.waiting:
            owner, kind, name = self.waiting.pop()
            if kind == "block":
                self._block(owner, name)
            elif kind == "local" and name in owner.module.locals:
                self.attribute(owner, owner.module.locals[name])
            elif kind == "var" and owner.call is not None and owner.caller is not None:
                argument = owner.call.block.body.attribute(name)
                if argument is not None:
                    self.attribute(owner.caller, argument)
            elif kind == "module":
                self._module(owner, name)

    def _block(self, owner: ModuleInstance, name: str) -> None:
        *data, type, label = name.split(".")
        block = owner.module.block("data." if data else "", type, label)
        if block is not None:
            self.resources.add(owner.address + name)
            self.body(owner, block.body)

    def _module(self, owner: ModuleInstance, name: str) -> None:
        call, _, output = name.partition(".")
        block = owner.module.calls.get(call)
        if block is None:
            return
        for child in self._children(owner, call):
            if output and output in child.module.outputs:
                self.body(child, child.module.outputs[output].body)
            else:
                for type, label in child.module.resources:
                    self.reach(child, (type, label))
                for inner in child.module.calls:
                    self.reach(child, ("module", inner))
        written = block.body.attribute("depends_on")
        if written is not None:
            self.attribute(owner, written)

    def _children(self, owner: ModuleInstance, call: str) -> Iterator[ModuleInstance]:
        expansion = self.world.expansion(owner, owner.module.calls[call], f"module.{call}")
        for instance in getattr(expansion, "instances", {}).values():
            child = self.world.called(instance)
            if isinstance(child, ModuleInstance):
                yield child


def references(expression: Expression) -> Iterator[tuple[str, ...]]:
    """Yield every traversal in an expression as the names in it: ``("aws_kms_key", "logs", "arn")``; indexes are left out."""
    if isinstance(expression, (GetAttr, Index, Variable)):
        names: list[str] = []
        base: Expression = expression
        while isinstance(base, (GetAttr, Index)):
            if isinstance(base, GetAttr):
                names.append(base.name)
            else:
                yield from references(base.key)
            base = base.base
        if isinstance(base, Variable):
            yield (base.name, *reversed(names))
        else:
            yield from references(base)
        return
    if isinstance(expression, StringTemplate) and not any(not hasattr(part, "text") for part in expression.parts):
        return
    yield from _inside(expression)


def _inside(node: object) -> Iterator[tuple[str, ...]]:
    if isinstance(node, tuple):
        for item in node:
            yield from _inside(item)
    elif isinstance(node, (GetAttr, Index, Variable)):
        yield from references(node)
    elif isinstance(node, Interpolation):
        yield from _inside(node.expression)
    elif is_dataclass(node):
        for each in fields(node):
            if each.name != "span":
                yield from _inside(getattr(node, each.name))
