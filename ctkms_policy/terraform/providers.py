"""Provider configurations: which account, Region and partition a resource is deployed to.

The account symbol is the same for all configurations of the provider, unless they say that they assume another role, use
another profile or allow other accounts; every configuration has a Region of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ctkms_policy.model import Place, ambient_account, ambient_partition, ambient_region, partition_of
from ctkms_policy.terraform.expression import evaluate
from ctkms_policy.terraform.hcl.syntax import (
    Block,
    Expression,
    GetAttr,
    Interpolation,
    ObjectExpression,
    StringTemplate,
    TemplateText,
    TupleExpression,
    Variable,
)
from ctkms_policy.terraform.module import Module
from ctkms_policy.value import (
    Absent,
    Known,
    ListValue,
    Literal,
    Origin,
    Symbol,
    SymbolKind,
    Template,
    Value,
    concatenate,
    default_of,
    text_parts,
)

if TYPE_CHECKING:
    from ctkms_policy.terraform.world import ModuleInstance

DEFAULT = "aws"
"""The provider configuration that a resource without a ``provider`` argument has."""


def place_of(owner: ModuleInstance, block: Block) -> Place:
    """Return where a resource or data source of a module instance is deployed, its own ``region`` argument (B10) aside."""
    name = _provider_of(block)
    found = place(owner, name)
    return Place(
        _spelled(found.account, owner.module, name),
        _spelled(found.region, owner.module, name),
        _spelled(found.partition, owner.module, name),
    )


def _provider_of(block: Block) -> str:
    written = block.body.attribute("provider")
    return provider_name(written.expression) if written is not None else DEFAULT


_DATA_SOURCES = {
    "account": ("aws_caller_identity", "account_id"),
    "region": ("aws_region", "name"),
    "partition": ("aws_partition", "partition"),
}
"""By the symbol of the default provider configuration: the data source that reads it, and its attribute."""


def _spelled(value: Value, module: Module, provider: str) -> Value:
    """Return an ambient symbol spelled as this module writes it, if it has a data source for that."""
    if not isinstance(value, Symbol) or value.kind is not SymbolKind.AMBIENT or value.spelling:
        return value
    source = _DATA_SOURCES.get(value.name.partition("[")[0])
    if source is None:
        return value
    type, attribute = source
    names = [
        name
        for (declared, name), block in module.data.items()
        if declared == type and _provider_of(block) == provider and not _is_repeated(block) and block.body.attribute("region") is None
    ]
    return replace(value, spelling=f"data.{type}.{names[0]}.{attribute}") if names else value


def _is_repeated(block: Block) -> bool:
    return block.body.attribute("count") is not None or block.body.attribute("for_each") is not None


def provider_name(expression: Expression) -> str:
    """Return ``aws`` or ``aws.alias`` of a ``provider`` argument, which is a reference or (before Terraform 0.12) a string."""
    if isinstance(expression, Variable):
        return expression.name
    if isinstance(expression, GetAttr) and isinstance(expression.base, Variable):
        return f"{expression.base.name}.{expression.name}"
    if isinstance(expression, StringTemplate):
        return "".join(part.text for part in expression.parts if isinstance(part, TemplateText))
    return DEFAULT


def place(owner: ModuleInstance, name: str) -> Place:
    """Return the place of the provider configuration that ``name`` means in a module instance."""
    while True:
        configuration = _configuration(owner.module, name)
        if configuration is not None or owner.caller is None or owner.call is None:
            break
        name = _passed(owner.call.block, name)
        owner = owner.caller
    identity = "" if name == DEFAULT and not owner.address else f"{owner.address}{name}"
    return _place(owner, identity, configuration)


def _configuration(module: Module, name: str) -> Block | None:
    for block in module.providers:
        alias = block.body.attribute("alias")
        text = provider_name(alias.expression) if alias is not None else ""
        if (f"{block.labels[0]}.{text}" if text else block.labels[0]) == name:
            return block
    return None


def _passed(call: Block, name: str) -> str:
    """Return what a module call passes as ``name``; without a word about it the child has the caller's configuration of that name."""
    written = call.body.attribute("providers")
    if written is not None and isinstance(written.expression, ObjectExpression):
        for item in written.expression.items:
            if provider_name(item.key) == name:
                return provider_name(item.value)
    return name


def _place(owner: ModuleInstance, identity: str, configuration: Block | None) -> Place:
    if configuration is None:
        return Place(ambient_account(), ambient_region(identity), ambient_partition())
    region = _region(owner, identity, configuration)
    return Place(_account(owner, identity, configuration), region, partition_of(region))


def _region(owner: ModuleInstance, identity: str, configuration: Block) -> Value:
    written = configuration.body.attribute("region")
    if written is not None:
        value = default_of(evaluate(written.expression, owner))
        if isinstance(value, (Known, Symbol, Template)):
            return value
    return ambient_region(identity)


def _account(owner: ModuleInstance, identity: str, configuration: Block) -> Value:
    """Return the account that ``allowed_account_ids`` or the assumed role names, else the symbol."""
    body = configuration.body
    allowed = body.attribute("allowed_account_ids")
    if allowed is not None:
        value = default_of(evaluate(allowed.expression, owner))
        if isinstance(value, ListValue) and not value.rest and len(value.items) == 1:
            account = default_of(value.items[0])
            if isinstance(account, (Known, Symbol, Template)):
                return concatenate((account,), account.origin) if isinstance(account, Known) else account
    roles = _assumed_roles(configuration)
    if roles:
        named = account_of_arn(default_of(evaluate(roles[-1], owner)))
        if isinstance(named, (Known, Symbol)):
            return named
    default = _configuration(owner.module, DEFAULT)
    if configuration is default or not _credentials(configuration, owner):
        return ambient_account()
    if default is not None and _credentials(configuration, owner) == _credentials(default, owner):
        return ambient_account()
    return ambient_account(identity)


def _assumed_roles(configuration: Block) -> list[Expression]:
    blocks = configuration.body.blocks_of("assume_role", "assume_role_with_web_identity")
    written = [block.body.attribute("role_arn") for block in blocks]
    return [attribute.expression for attribute in written if attribute is not None]


def _credentials(configuration: Block, owner: ModuleInstance) -> tuple[tuple[str, Value], ...]:
    """Return what decides the account of a configuration besides ambient credentials."""
    found: list[tuple[str, Value]] = []
    for name in ("profile", "access_key", "allowed_account_ids"):
        attribute = configuration.body.attribute(name)
        if attribute is not None:
            value = evaluate(attribute.expression, owner)
            if not isinstance(default_of(value), Absent):
                found.append((name, value))
    found.extend(("role_arn", evaluate(role, owner)) for role in _assumed_roles(configuration))
    return tuple(found)


def account_of_arn(arn: Value) -> Value | None:
    """Return the account segment of an ARN, or None where it cannot be told."""
    if not isinstance(arn, (Known, Template)):
        return None
    segments: list[list[Value]] = [[]]
    for part in text_parts(arn):
        if isinstance(part, Literal):
            first, *others = part.text.split(":")
            segments[-1].append(Known(first))
            segments.extend([Known(text)] for text in others)
        else:
            segments[-1].append(part)
    if len(segments) < 6:
        return None
    parts = [part for part in segments[4] if part != Known("")]
    if len(parts) != 1:
        return None
    return replace(parts[0], origin=Origin(arn.origin.span))


def deployment_variables(module: Module) -> dict[str, Symbol]:
    """Return the variables of a root module that say where it is deployed, as the symbols that they are when nothing sets them.

    ``region = var.region`` makes var.region the Region of that configuration, and so with ``allowed_account_ids = [var.account]``
    and a role in account ``var.account``.
    """
    found: dict[str, Symbol] = {}
    for block in module.providers:
        if block.labels[0] != DEFAULT:
            continue
        alias = block.body.attribute("alias")
        identity = f"{DEFAULT}.{provider_name(alias.expression)}" if alias is not None else ""
        region = block.body.attribute("region")
        name = _variable_name(region.expression) if region is not None else ""
        if name:
            found.setdefault(name, ambient_region(identity, f"var.{name}"))
        name = _account_variable(block)
        if name:
            found.setdefault(name, ambient_account(identity, f"var.{name}"))
    return found


def _account_variable(block: Block) -> str:
    allowed = block.body.attribute("allowed_account_ids")
    if allowed is not None and isinstance(allowed.expression, TupleExpression) and len(allowed.expression.items) == 1:
        return _variable_name(allowed.expression.items[0])
    for role in _assumed_roles(block):
        if isinstance(role, StringTemplate) and len(role.parts) > 2:
            before, hole = role.parts[0], role.parts[1]
            if isinstance(before, TemplateText) and before.text.endswith(":iam::") and isinstance(hole, Interpolation):
                return _variable_name(hole.expression)
    return ""


def _variable_name(expression: Expression) -> str:
    if isinstance(expression, StringTemplate) and len(expression.parts) == 1 and isinstance(expression.parts[0], Interpolation):
        expression = expression.parts[0].expression
    if isinstance(expression, GetAttr) and isinstance(expression.base, Variable) and expression.base.name == "var":
        return expression.name
    return ""
