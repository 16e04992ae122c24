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
from ctkms_policy.terraform.dependencies import MAX_NODES, Reached, Traversal, children, circle, traversals
from ctkms_policy.terraform.dynamic_blocks import iterator_of
from ctkms_policy.terraform.hcl.syntax import Block, Body, Call, Conditional, Expression, LiteralValue, StringTemplate, TemplateText
from ctkms_policy.terraform.module import literal_text
from ctkms_policy.terraform.world import ModuleInstance, World
from ctkms_policy.value import Step

_USERS = frozenset(("aws_cloudtrail", "aws_cloudtrail_event_data_store"))
_WRITTEN = frozenset(("aws_iam_policy_document", "aws_kms_alias", "aws_kms_key", "template_file"))
"""Data sources that give what is written in them, or the key that it names."""

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
_MAX_REFUSALS = 20
"""Names of one resource that are told: after so many, terraform has to be asked anyway."""


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
        for each in traversals(expression, bound):
            if len(each.names) > 1:
                self.name(owner, each, tolerant=tolerant)

    def name(self, owner: ModuleInstance, traversal: Traversal, *, tolerant: bool) -> None:
        root, name, *more = traversal.names
        span, module = traversal.span, owner.module
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
            elif more:
                self.instance(module.data[name, more[0]], traversal, 3)
                if name in _WRITTEN:
                    self.follow(owner, ("data", owner.address, name, more[0]), module.data[name, more[0]].body)
        elif root == "resource":
            if more:
                self.resource(owner, traversal, 3)
        elif "_" in root:  # a resource type: it begins with the name of a provider
            self.resource(owner, traversal, 2)

    def resource(self, owner: ModuleInstance, traversal: Traversal, taken: int) -> None:
        """Look up the resource that the first ``taken`` names of a traversal mean, and the attribute that the next one is."""
        type, name = traversal.names[taken - 2 : taken]
        block = owner.module.resources.get((type, name))
        if block is None:
            self.missing(owner, f"{type}.{name}", traversal.span, (label for other, label in owner.module.resources if other == type))
            return
        self.instance(block, traversal, taken)
        if type == "aws_kms_alias":
            target = block.body.attribute("target_key_id")
            self.follow(owner, ("alias", owner.address, name), target.expression if target is not None else None)
        attribute, index = next(iter(traversal.names[taken:]), None), traversal.indexes.get(taken)
        is_one = not _has_instances(block) or (index is not None and _is_literal(index))
        known = _ATTRIBUTES.get(type, frozenset())
        # What is near none of those that are known may be an attribute of a later version of the provider.
        if attribute is not None and is_one and attribute not in known and get_close_matches(attribute, sorted(known), 1):
            self.refuse(f'{type} has no attribute "{attribute}"', traversal.span, attribute, known)

    def instance(self, block: Block, traversal: Traversal, taken: int) -> None:
        """Look whether a reference names an instance where there is a key for it, and none where there is not.

        Only an index that is written as a number or text tells; terraform looks at any other one when it evaluates it.
        """
        address, index = ".".join(traversal.names[:taken]), traversal.indexes.get(taken)
        if index is None and len(traversal.names) > taken and _has_instances(block):
            argument, key = ("count", "[0]") if block.body.attribute("count") is not None else ("for_each", "[each.key]")
            message = f"{address} has {argument}, and {'.'.join(traversal.names)} names none of its instances"
            self.add(message, traversal.span, f"write {address}{key}.{'.'.join(traversal.names[taken:])}, or whichever instance is meant")
        elif index is not None and not _has_instances(block) and _is_literal(index):
            self.add(f"{address} has neither count nor for_each, and so no index", traversal.span, "remove the index")

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
        if len(self.found) >= _MAX_REFUSALS:
            return
        nearest = get_close_matches(name, sorted(present), 1)
        self.add(message, span, f'did you mean "{nearest[0]}"?' if nearest else "declare it, or correct the name")

    def add(self, message: str, span: Span, way_out: str) -> None:
        self.found.setdefault(message, Refusal(message, span, f"terraform rejects it: {way_out}"))


def _has_instances(block: Block) -> bool:
    return block.body.attribute("count") is not None or block.body.attribute("for_each") is not None


def _is_literal(expression: Expression) -> bool:
    if isinstance(expression, StringTemplate):
        return all(isinstance(part, TemplateText) for part in expression.parts)
    return isinstance(expression, LiteralValue)


def _is_tolerant(node: object) -> bool:
    """Return whether a part of an expression may fail without the whole: in ``try``, ``can`` and the sides of a conditional."""
    if isinstance(node, tuple):
        return any(map(_is_tolerant, node))
    if isinstance(node, Conditional) or (isinstance(node, Call) and node.name in ("try", "can")):
        return True
    return is_dataclass(node) and any(_is_tolerant(getattr(node, each.name)) for each in fields(node) if each.name != "span")
