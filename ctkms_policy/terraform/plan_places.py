"""Where the resources of a plan are deployed: provider configurations, and what data sources and ARNs tell about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ctkms_policy.model import Place, ambient_account, ambient_partition, ambient_region, partition_of
from ctkms_policy.terraform.plan_address import is_index, join, steps
from ctkms_policy.terraform.plan_values import PlannedResource
from ctkms_policy.terraform.providers import DEFAULT, account_of_arn
from ctkms_policy.value import Known, Symbol, Value

_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")

_CREDENTIALS = ("profile", "access_key", "allowed_account_ids", "assume_role", "assume_role_with_web_identity")
"""What decides the account of a provider configuration besides ambient credentials."""


@dataclass
class Places:
    """The provider configurations of a plan.

    configurations  ``provider_config`` of the plan
    variables       the values of the root module's variables, sensitive ones left out
    resources       every resource instance
    block_of        a resource's block in the configuration, empty where the plan has none
    """

    configurations: Mapping[str, Any]
    variables: Mapping[str, Any]
    block_of: Callable[[PlannedResource], Mapping[str, Any]]
    resources: Iterable[PlannedResource] = field(repr=False, default=())
    _places: dict[str, Place] = field(default_factory=dict)
    _facts: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Learn what a symbol stands for: where all that is known about it agrees."""
        for resource in self.resources:
            place = self._configured(self._key(resource))
            account, region = self._taught(resource)
            for value, told in ((place.account, account), (place.region, region)):
                if isinstance(value, Symbol) and told:
                    self._facts.setdefault(value.name, set()).add(told)

    def of(self, resource: PlannedResource) -> Place:
        """Return where a resource is deployed: its own ARN and ``region`` first, then its provider configuration (B10)."""
        place = self._configured(self._key(resource))
        account, region = _told(resource)
        own_region: Value = Known(region) if region else self._known(place.region)
        own_account: Value = Known(account) if account else self._known(place.account)
        partition = partition_of(own_region) if isinstance(own_region, Known) else place.partition
        return Place(own_account, own_region, partition)

    def _key(self, resource: PlannedResource) -> str:
        return str(self.block_of(resource).get("provider_config_key") or "")

    def _taught(self, resource: PlannedResource) -> tuple[str, str]:
        """Return the account and Region that a resource tells about its provider configuration.

        What exists elsewhere tells nothing, nor does an organization trail, which the management account owns, about the account,
        nor a resource with a ``region`` of its own about the Region (B10).
        """
        block = self.block_of(resource)
        if not block or resource.kind in ("data.aws_kms_key", "data.aws_kms_alias"):
            return "", ""
        account, region = _told(resource)
        expressions = block.get("expressions")
        has_own_region = isinstance(expressions, dict) and not expressions.keys().isdisjoint(
            ("region", "name") if resource.kind == "data.aws_region" else ("region",)
        )
        return ("" if resource.type == "aws_cloudtrail" else account), ("" if has_own_region else region)

    def _known(self, value: Value) -> Value:
        told = self._facts.get(value.name, set()) if isinstance(value, Symbol) else set()
        return Known(next(iter(told))) if len(told) == 1 else value

    def _configured(self, key: str) -> Place:
        if key not in self._places:
            self._places[key] = self._place(key)
        return self._places[key]

    def _place(self, key: str) -> Place:
        key, body = self._inherited(key)
        module, _, name = key.rpartition(":")
        identity = "" if key in ("", DEFAULT) else f"{module}.{name}" if module else name
        if not body:
            return Place(ambient_account(), ambient_region(identity), ambient_partition())
        region = self._text(body.get("region"))
        place_region: Value = Known(region) if _REGION.fullmatch(region) else ambient_region(identity)
        return Place(self._account(identity, body), place_region, partition_of(place_region))

    def _inherited(self, key: str) -> tuple[str, Mapping[str, Any]]:
        """Return the configuration that a key means; a child module without one of its own has the caller's of that name."""
        while True:
            body = self._expressions(key)
            module, _, name = key.rpartition(":")
            if body or not module:
                return key, body
            parts = steps(module)
            caller = join(parts[: len(parts) - 2 - is_index(parts[-1])])
            key = f"{caller}:{name}" if caller else name

    def _expressions(self, key: str) -> Mapping[str, Any]:
        configuration = self.configurations.get(key)
        body = configuration.get("expressions") if isinstance(configuration, dict) else None
        return body if isinstance(body, dict) else {}

    def _text(self, expression: object) -> str:
        """Return the text of an expression that is constant, or that uses one variable of the root module and nothing else.

        The plan does not say how the variable is used: the caller must see that the value is what it expects.
        """
        if not isinstance(expression, dict):
            return ""
        value = expression.get("constant_value")
        references = expression.get("references")
        if isinstance(references, list) and len(references) == 1 and str(references[0]).startswith("var."):
            value = self.variables.get(str(references[0])[4:])
        return value if isinstance(value, str) else ""

    def _account(self, identity: str, body: Mapping[str, Any]) -> Value:
        allowed = body.get("allowed_account_ids")
        constant = allowed.get("constant_value") if isinstance(allowed, dict) else None
        if isinstance(constant, list) and len(constant) == 1 and _ACCOUNT.fullmatch(str(constant[0])):
            return Known(str(constant[0]))
        for name in ("assume_role_with_web_identity", "assume_role"):
            roles = body.get(name)
            role = roles[-1] if isinstance(roles, list) and roles else None
            account = account_of_arn(Known(self._text(role.get("role_arn")))) if isinstance(role, dict) else None
            if isinstance(account, Known) and _ACCOUNT.fullmatch(str(account.value)):
                return account
        default = _credentials(self._expressions(DEFAULT))
        return ambient_account() if _credentials(body) in ({}, default) else ambient_account(identity)


def _credentials(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in _CREDENTIALS if body.get(name)}


def _told(resource: PlannedResource) -> tuple[str, str]:
    """Return the account and Region that a resource's own values name, "" where they do not."""
    texts = {name: value for name in ("arn", "region", "account_id", "name", "id") if isinstance(value := resource.plain(name), str)}
    if resource.kind == "data.aws_caller_identity":
        account = texts.get("account_id", "")
        return (account if _ACCOUNT.fullmatch(account) else ""), ""
    if resource.kind == "data.aws_region":
        region = next((texts[name] for name in ("region", "id", "name") if _REGION.fullmatch(texts.get(name, ""))), "")
        return "", region
    segments = texts.get("arn", "").split(":")
    segments = segments if segments[0] == "arn" and len(segments) >= 6 and resource.type.startswith("aws_") else [""] * 6
    region = texts.get("region", "") or segments[3]
    own = resource.mode == "managed" or resource.kind in ("data.aws_kms_key", "data.aws_kms_alias")
    account = segments[4] if own and segments[2] in ("kms", "cloudtrail") else ""
    return (account if _ACCOUNT.fullmatch(account) else ""), (region if _REGION.fullmatch(region) else "")
