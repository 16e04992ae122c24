"""``data.aws_iam_policy_document`` in a plan: the policy that its blocks will make, where terraform could not read it yet.

``after`` holds the blocks with only the unknown leaves missing (B11). They are handed to ``policy_document`` as the syntax tree of
such a block, so that the merge semantics of the provider (B9) are written once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ctkms_policy.model import Place
from ctkms_policy.source import Span
from ctkms_policy.terraform.conversion import Failure
from ctkms_policy.terraform.dynamic_blocks import MAX_BLOCKS
from ctkms_policy.terraform.hcl.syntax import AttributeNode, Block, Body, StringTemplate, Variable
from ctkms_policy.terraform.plan_address import inside
from ctkms_policy.terraform.plan_gaps import deployed, filled
from ctkms_policy.terraform.plan_links import Leaf, Links
from ctkms_policy.terraform.plan_values import PlannedResource
from ctkms_policy.terraform.policy_document import policy_document
from ctkms_policy.terraform.scope import Directory, Step
from ctkms_policy.value import Absent, Known, ListValue, MapValue, Origin, Reference, Unknown, Value

DOCUMENT = "data.aws_iam_policy_document"

_MAX_DOCUMENTS = 20
"""Documents that name each other through more steps are a cycle, which terraform does not plan."""

_BLOCKS = ("statement", "principals", "not_principals", "condition")
_OTHER_DOCUMENTS = ("source_policy_documents", "override_policy_documents", "source_json", "override_json")


def planned_document(resource: PlannedResource, links: Links, place: Place, steps: int = _MAX_DOCUMENTS) -> Value:
    """Return the ``json`` attribute of a document that is read only when the plan is applied; ``place`` is where it is used."""
    if not steps:
        return Unknown(f"{resource.address} refers to itself")
    if any(resource.hidden):
        return Unknown(f"{resource.address} holds something sensitive, and a finding about a policy quotes it")
    values = _with_links(resource, links, place, steps)
    made = _Made(resource.span)
    return policy_document(
        Block("data", ("aws_iam_policy_document", resource.name), resource.span, resource.span, lambda: made.body(values)), made
    )


def documents(leaves: list[Leaf]) -> list[PlannedResource]:
    """Return the policy documents that an expression may be, where nothing else in it is unknown: the instances of one block."""
    found = [leaf.resource for leaf in leaves]
    blocks = {inside(each.parts.module, each.block) for each in found}
    return found if len(blocks) == 1 and all(each.kind == DOCUMENT for each in found) else []


def _with_links(resource: PlannedResource, links: Links, place: Place, steps: int) -> MapValue:
    """Return the resource's values with what is unknown in them replaced by what it refers to, where the plan says that."""
    expressions = links.block(resource).get("expressions")
    expressions = expressions if isinstance(expressions, dict) else {}
    entries = []
    for entry in resource.values.entries:
        name, value = str(entry.key.value) if isinstance(entry.key, Known) else "", entry.value
        if name in _OTHER_DOCUMENTS:
            value = _other_documents(resource, links, place, name, value, expressions.get(name), steps)
        elif name == "statement":
            value = _blocks(resource, links, value, expressions.get(name))
            for written in links.code_values(resource, name):
                value = filled(value, deployed(written, place), is_ordered=True)
        entries.append(replace(entry, value=value))
    return replace(resource.values, entries=tuple(entries))


def _other_documents(
    resource: PlannedResource, links: Links, place: Place, name: str, value: Value, expression: object, steps: int
) -> Value:
    """Return the documents of a list, with those that are read later too where each unknown one is one of them."""
    if not resource.is_partly_unknown(name):
        return value
    leaves, lost = links.leaves(resource, expression)
    documents = [leaf.resource for leaf in leaves if leaf.resource.kind == DOCUMENT]
    if len(documents) < len(leaves) or (lost and isinstance(value, Unknown)):
        return value
    made = [planned_document(each, links, place, steps - 1) for each in documents]
    if isinstance(value, Unknown) and made:
        return ListValue(tuple(made) if len(made) == 1 else (), value.reason, value.origin)
    if isinstance(value, ListValue):
        missing = [index for index, item in enumerate(value.items) if isinstance(item, Unknown)]
        if len(missing) == len(made):
            items = list(value.items)
            for index, each in zip(missing, made, strict=True):
                items[index] = each
            return replace(value, items=tuple(items))
    return value


def _blocks(resource: PlannedResource, links: Links, value: Value, expressions: object) -> Value:
    """Return nested blocks with their unknown arguments linked.

    The configuration leaves out dynamic blocks (B11). One that it has stands in the plan, so that it is the only block that it fits.
    """
    if not isinstance(value, ListValue):
        return value
    written = expressions if isinstance(expressions, list) and all(isinstance(each, dict) for each in expressions) else []
    items = (_block(resource, links, item, each) for item, each in zip(value.items, _in_order(value, written), strict=True))
    return replace(value, items=tuple(items))


def _in_order(value: ListValue, written: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """Return which of the configuration's blocks each block of the plan is, by the constant arguments: a set has another order."""
    ordered: list[dict[str, Any] | None] = [None] * len(value.items)
    if len(written) == len(value.items) == 1:
        return [*written]
    if max(len(written), len(value.items)) > MAX_BLOCKS:
        return ordered
    fitting = [{index for index, item in enumerate(value.items) if _fits(item, each)} for each in written]
    for _ in written:
        certain = next((index for index, each in enumerate(fitting) if len(each) == 1), None)
        if certain is None:
            break
        (position,) = fitting[certain]
        ordered[position] = written[certain]
        for each in fitting:
            each.discard(position)
    return ordered


def _fits(item: Value, written: dict[str, Any]) -> bool:
    """Return whether a block of the plan can be one of the configuration: no constant argument differs."""
    if not isinstance(item, MapValue):
        return False
    for name, expression in written.items():
        constant = expression.get("constant_value") if isinstance(expression, dict) else None
        value = item.get(name)
        if isinstance(constant, str) and isinstance(value, Known) and value.value != constant:
            return False
        if isinstance(constant, list) and isinstance(value, ListValue):
            texts = [each.value if isinstance(each, Known) else None for each in value.items]
            if sorted(map(str, texts)) != sorted(map(str, constant)):
                return False
    return True


def _block(resource: PlannedResource, links: Links, item: Value, written: object) -> Value:
    if not isinstance(item, MapValue):
        return item
    entries = []
    for entry in item.entries:
        name = str(entry.key.value) if isinstance(entry.key, Known) else ""
        expression = written.get(name) if isinstance(written, dict) else None
        if name in _BLOCKS:
            value = _blocks(resource, links, entry.value, expression)
        else:
            value = _argument(resource, links, entry.value, expression)
        entries.append(replace(entry, value=value))
    return replace(item, entries=tuple(entries))


def _argument(resource: PlannedResource, links: Links, value: Value, expression: object) -> Value:
    """Return an argument with its unknown items as references, where there are as many of them; their order means nothing.

    That holds for an ``arn`` alone: nothing can be written around an ARN where a principal or a resource is expected.
    """
    if expression is None:
        return value
    unknown = [item for item in (value.items if isinstance(value, ListValue) else (value,)) if isinstance(item, Unknown)]
    if not unknown:
        return value
    leaves, lost = links.leaves(resource, expression)
    if lost or not leaves:
        return value
    words = ", ".join(leaf.words for leaf in leaves[:3])
    reason = f"it is known only after apply and depends on {words}"
    arns = iter(leaves if len(leaves) == len(unknown) and all(leaf.attribute == "arn" for leaf in leaves) else ())

    def linked(item: Value) -> Value:
        if not isinstance(item, Unknown):
            return item
        leaf = next(arns, None) if isinstance(value, ListValue) else None
        return Reference(leaf.resource.address, "arn", item.origin) if leaf is not None else Unknown(reason, item.origin)

    if isinstance(value, ListValue):
        return replace(value, items=tuple(linked(item) for item in value.items))
    return linked(value)


# -- values as the syntax tree of a block ------------------------------------------------------------------------------


@dataclass
class _Made:
    """Blocks made of values, and the scope their expressions stand in: each is one name, which means the value."""

    fallback: Span
    values: list[Value] = field(default_factory=list)
    condition_prefix: str = ""

    def body(self, values: MapValue) -> Body:
        attributes: list[AttributeNode] = []
        blocks: list[Block] = []
        for entry in values.entries:
            name = str(entry.key.value) if isinstance(entry.key, Known) else ""
            if name in _BLOCKS:
                blocks.extend(self._blocks(name, entry.value))
            elif not isinstance(entry.value, Absent):
                span = entry.value.origin.span or self.fallback
                key = entry.key.origin.span or span
                attributes.append(AttributeNode(name, self._expression(entry.value, span), span, key))
        return Body(tuple(attributes), tuple(blocks))

    def _blocks(self, type: str, value: Value) -> Iterator[Block]:
        items = value.items if isinstance(value, ListValue) else (value,)
        for item in items:
            span = item.origin.span or self.fallback
            if isinstance(item, MapValue):
                body = self.body(item)
                yield Block(type, (), span, span, lambda body=body: body)  # type: ignore[misc]
            elif not isinstance(item, Absent):
                yield self._unknown_blocks(type, item, span)

    def _unknown_blocks(self, type: str, value: Value, span: Span) -> Block:
        """Return a dynamic block of which nothing is known, not even how often it stands there."""
        each = AttributeNode("for_each", self._expression(value, span), span, span)
        content = Block("content", (), span, span, lambda: Body((), ()))
        return Block("dynamic", (type,), span, span, lambda: Body((each,), (content,)))

    def _expression(self, value: Value, span: Span) -> Variable:
        self.values.append(value)
        return Variable(f"value {len(self.values) - 1}", span)

    def lookup(self, root: str, steps: tuple[Step, ...], span: Span) -> tuple[Value, int]:
        """Return the value that a name means."""
        return self.values[int(root.removeprefix("value "))], 0

    def attribute(self, resource: Reference, name: str, span: Span) -> Value:
        """Return a Failure: values have been looked up already."""
        return Failure(f"{resource.address} cannot be used here", Origin(span))

    def forced(self, condition: str) -> bool | None:
        """Return None: nothing is supposed."""
        return None

    def text_of(self, span: Span) -> str:
        """Return "": there is no expression."""
        return ""

    def read_file(self, path: Value, span: Span) -> Value:
        """Return a Failure: no file is read."""
        return Failure("files cannot be read here", Origin(span))

    def list_directory(self, path: str, span: Span) -> Directory | Unknown:
        """Return a Failure: no directory is read."""
        return Failure("files cannot be listed here", Origin(span))

    def read_template(self, path: Value, span: Span) -> StringTemplate | Unknown:
        """Return a Failure: no file is read."""
        return Failure("files cannot be read here", Origin(span))

    def parse_template(self, text: Known, span: Span) -> StringTemplate | Unknown:
        """Return a Failure: no text is a template here."""
        return Failure("a text cannot be a template here", Origin(span))
