"""What terraform refuses in what a trail, store or key is made of: circles, and names that nothing declares.

It refuses the whole configuration, whatever the inputs. Looked at is only what the verdict is about: the circles that the resource
stands in, and the names that its key, or the policy of that, is written with. The rest is for ``terraform validate``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches

from ctkms_policy.model import Refusal
from ctkms_policy.source import Span
from ctkms_policy.terraform.dependencies import MAX_NODES, Reached, children, circle, traversals
from ctkms_policy.terraform.dynamic_blocks import iterator_of
from ctkms_policy.terraform.hcl.syntax import Block, Body, Call, Conditional, Expression
from ctkms_policy.terraform.module import literal_text
from ctkms_policy.terraform.world import ModuleInstance, World
from ctkms_policy.value import Step

_USERS = frozenset(("aws_cloudtrail", "aws_cloudtrail_event_data_store"))
_DOCUMENTS = frozenset(("aws_iam_policy_document", "template_file"))
"""Data sources that are nothing but what is written in them."""

_KEY = frozenset(
    (
        *("arn", "bypass_policy_lockout_safety_check", "description", "id", "key_id", "key_usage", "multi_region", "policy", "region"),
        *("tags", "tags_all"),
    )
)
_ATTRIBUTES: Mapping[str, AbstractSet[str]] = {
    "aws_kms_key": _KEY
    | {"custom_key_store_id", "customer_master_key_spec", "deletion_window_in_days", "enable_key_rotation", "is_enabled"}
    | {"rotation_period_in_days", "timeouts", "xks_key_id"},
    "aws_kms_replica_key": _KEY | {"deletion_window_in_days", "enabled", "key_rotation_enabled", "key_spec", "primary_key_arn"},
    "aws_kms_external_key": _KEY
    | {"deletion_window_in_days", "enabled", "expiration_model", "key_material_base64", "key_spec", "key_state", "valid_to"},
    "aws_kms_alias": frozenset(("arn", "id", "name", "name_prefix", "region", "target_key_arn", "target_key_id")),
}
"""The attributes of what ``kms_key_id`` may name, in versions 3 to 6 of the provider."""


def circular(world: World, owner: ModuleInstance, block: Block) -> Iterator[Refusal]:
    """Yield why terraform refuses that a resource of ``owner`` depends on itself. The circle of a key with a trail is told there."""
    way = circle(world, owner, block)
    if not way or (block.labels[0] not in _USERS and any(_type(each.address) in _USERS for each in way)):
        return
    if block.labels[0] == "aws_cloudtrail":
        name = literal_text(block.body.attribute("name")) or "NAME"
        help = f'build the ARN of the trail from its name: "arn:aws:cloudtrail:REGION:ACCOUNT:trail/{name}"'
    elif _through(way[:-1]):
        help = "remove one of these references"
    else:
        help = 'remove the reference; in a key policy, resource "*" is the key itself'
    yield Refusal(
        f"{way[-1].address} depends on itself{_through(way[:-1])}",
        way[-1].span,
        f"terraform rejects a cycle: {help}",
        tuple(Step(f"names {each.address}", each.span) for each in way[:-1]),
    )


_MAX_SHOWN = 4


def _through(way: Sequence[Reached]) -> str:
    names = [each.address for each in way]
    shown = names if len(names) <= _MAX_SHOWN else [*names[: _MAX_SHOWN - 1], f"{len(names) - _MAX_SHOWN + 1} more"]
    return f" through {' and '.join((', '.join(shown[:-1]), shown[-1]) if len(shown) > 1 else shown)}" if shown else ""


def _type(address: str) -> str:
    return address.split(".")[-2]


def undeclared(world: World, owner: ModuleInstance, expression: Expression) -> Iterator[Refusal]:
    """Yield why terraform refuses names in an expression of ``owner`` and in what it is made of, each once, at its first place."""
    names = _Names(world)
    names.expression(owner, expression)
    names.finish()
    yield from names.found.values()


@dataclass
class _Names:
    """The names in an expression and in the locals, variables, outputs and policy documents that it leads to, each followed once."""

    world: World
    found: dict[str, Refusal] = field(default_factory=dict)
    seen: set[tuple[str, ...]] = field(default_factory=set)
    waiting: list[tuple[ModuleInstance, Expression | Body]] = field(default_factory=list)

    def finish(self) -> None:
        while self.waiting:
            owner, part = self.waiting.pop()
            if isinstance(part, Body):
                self.body(owner, part)
            else:
                self.expression(owner, part)

    def body(self, owner: ModuleInstance, body: Body, bound: frozenset[str] = frozenset()) -> None:
        for attribute in body.attributes:
            self.expression(owner, attribute.expression, bound)
        for block in body.blocks:
            self.body(owner, block.body, bound | {iterator_of(block)} if block.type == "dynamic" else bound)

    def expression(self, owner: ModuleInstance, expression: Expression, bound: frozenset[str] = frozenset()) -> None:
        tolerant = _is_tolerant(expression)
        for path, span in traversals(expression, bound):
            path = path[1:] if path[0] == "resource" else path
            if len(path) > 1:
                self.name(owner, path, span, tolerant=tolerant)

    def name(self, owner: ModuleInstance, path: tuple[str, ...], span: Span, *, tolerant: bool) -> None:
        root, name, *more = path
        module = owner.module
        if root == "var":
            if name not in module.variables:
                self.missing(owner, f"var.{name}", span, module.variables)
            elif owner.call is not None and owner.caller is not None:
                argument = owner.call.block.body.attribute(name)
                self.follow(owner.caller, ("var", owner.address, name), argument.expression if argument is not None else None)
        elif root == "local":
            if name not in module.locals:
                self.missing(owner, f"local.{name}", span, module.locals)
            else:
                self.follow(owner, ("local", owner.address, name), module.locals[name].expression)
        elif root == "module":
            if name not in module.calls:
                self.missing(owner, f"module.{name}", span, module.calls)
            elif more:
                self.output(owner, name, more[0], span, tolerant=tolerant)
        elif root == "data":
            if more and (name, more[0]) not in module.data:
                self.missing(owner, f"data.{name}.{more[0]}", span, (label for type, label in module.data if type == name))
            elif more and name in _DOCUMENTS:
                self.follow(owner, ("data", owner.address, name, more[0]), module.data[name, more[0]].body)
        elif "_" in root:  # a resource type: it begins with the name of a provider
            if (root, name) not in module.resources:
                self.missing(owner, f"{root}.{name}", span, (label for type, label in module.resources if type == root))
            elif more and root in _ATTRIBUTES and more[0] not in _ATTRIBUTES[root]:
                self.refuse(f'{root} has no attribute "{more[0]}"', span, more[0], _ATTRIBUTES[root])

    def output(self, owner: ModuleInstance, call: str, name: str, span: Span, *, tolerant: bool) -> None:
        for child in children(self.world, owner, call):
            block = child.module.outputs.get(name)
            value = block.body.attribute("value") if block is not None else None
            if value is not None:
                self.follow(child, ("output", child.address, name), value.expression)
            elif block is None and not child.module.is_partial and not tolerant:
                self.refuse(f'{owner.address}module.{call} has no output "{name}"', span, name, child.module.outputs)

    def follow(self, owner: ModuleInstance, key: tuple[str, ...], part: Expression | Body | None) -> None:
        if part is not None and key not in self.seen and len(self.seen) < MAX_NODES:
            self.seen.add(key)
            self.waiting.append((owner, part))

    def missing(self, owner: ModuleInstance, name: str, span: Span, present: Iterable[str]) -> None:
        if not owner.module.is_partial:
            self.refuse(f"{owner.address}{name} is not declared", span, name.rpartition(".")[2], present)

    def refuse(self, message: str, span: Span, name: str, present: Iterable[str]) -> None:
        nearest = get_close_matches(name, sorted(present), 1)
        way_out = f'did you mean "{nearest[0]}"?' if nearest else "declare it, or correct the name"
        self.found.setdefault(message, Refusal(message, span, f"terraform rejects it: {way_out}"))


def _is_tolerant(node: object) -> bool:
    """Return whether a part of an expression may fail without the whole: in ``try``, ``can`` and the sides of a conditional."""
    if isinstance(node, tuple):
        return any(map(_is_tolerant, node))
    if isinstance(node, Conditional) or (isinstance(node, Call) and node.name in ("try", "can")):
        return True
    return is_dataclass(node) and any(_is_tolerant(getattr(node, each.name)) for each in fields(node) if each.name != "span")
