"""Plans and states as ``terraform show -json`` writes them, made in tests: each function returns a piece in the format's own words."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ctkms_policy.model import Configuration
from ctkms_policy.source import Source
from ctkms_policy.terraform.plan import normalize_plan

Json = dict[str, Any]

POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "root", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"},
            {
                "Sid": "encrypt",
                "Effect": "Allow",
                "Principal": {"Service": "cloudtrail.amazonaws.com"},
                "Action": "kms:GenerateDataKey*",
                "Resource": "*",
                "Condition": {
                    "StringEquals": {"aws:SourceArn": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit"},
                    "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": "arn:aws:cloudtrail:*:111122223333:trail/*"},
                },
            },
            {
                "Sid": "describe",
                "Effect": "Allow",
                "Principal": {"Service": "cloudtrail.amazonaws.com"},
                "Action": "kms:DescribeKey",
                "Resource": "*",
            },
            {
                "Sid": "decrypt",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111122223333:role/reader"},
                "Action": "kms:Decrypt",
                "Resource": "*",
            },
        ],
    }
)


def refs(*references: str) -> Json:
    """Return an expression that uses names."""
    return {"references": list(references)}


def constant(value: object) -> Json:
    """Return an expression that is a literal."""
    return {"constant_value": value}


def named(address: str) -> Json:
    """Return the members that every resource has, from its address."""
    module, rest = "", address
    while rest.startswith("module."):
        end = rest.index(".", len("module.")) if "[" not in rest[len("module.") :].split(".")[0] else rest.index("]") + 1
        module, rest = f"{module}.{rest[:end]}".lstrip("."), rest[end + 1 :]
    mode = "data" if rest.startswith("data.") else "managed"
    rest = rest.removeprefix("data.")
    head, bracket, index = rest.partition("[")
    type, name = head.split(".")
    found: Json = {"address": address, **({"module_address": module} if module else {}), "mode": mode, "type": type, "name": name}
    if bracket:
        found["index"] = json.loads(index.removesuffix("]"))
    return {**found, "provider_name": "registry.terraform.io/hashicorp/aws"}


def change(
    address: str, after: Json | None, unknown: Json | None = None, *, actions: Sequence[str] = ("create",), sensitive: Any = None
) -> Json:
    """Return an item of ``resource_changes``."""
    body = {"actions": list(actions), "before": None, "after": after, "after_unknown": unknown or {}, "after_sensitive": sensitive or {}}
    return {**named(address), "change": body}


def configured(address: str, expressions: Json | None = None, **further: Any) -> Json:
    """Return an item of ``resources`` in a module of the configuration."""
    mode = "data" if address.startswith("data.") else "managed"
    type, name = address.removeprefix("data.").split(".")
    head = {"address": address, "mode": mode, "type": type, "name": name, "provider_config_key": "aws"}
    return {**head, "expressions": expressions or {}, "schema_version": 0, **further}


def known(address: str, values: Json, **further: Any) -> Json:
    """Return an item of ``resources`` in the values of a state."""
    return {**named(address), "values": values, "sensitive_values": {}, **further}


def plan(changes: Sequence[Json], resources: Sequence[Json] = (), *, prior: Sequence[Json] = (), **further: Any) -> Json:
    """Return a plan; ``module_calls``, ``provider_config`` and what else the configuration holds may be given by name."""
    module = {"resources": list(resources), "module_calls": further.pop("module_calls", {}), "variables": further.pop("declared", {})}
    provider = further.pop("provider_config", {"aws": {"name": "aws", "full_name": "registry.terraform.io/hashicorp/aws"}})
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "planned_values": {"root_module": {}},
        "resource_changes": list(changes),
        "prior_state": {"format_version": "1.0", "terraform_version": "1.11.4", "values": {"root_module": {"resources": list(prior)}}},
        "configuration": {"provider_config": provider, "root_module": module},
        **further,
    }


def state(*resources: Json) -> Json:
    """Return a state."""
    return {"format_version": "1.0", "terraform_version": "1.11.4", "values": {"root_module": {"resources": list(resources)}}}


TRAIL = {
    "cloud_watch_logs_group_arn": None,
    "cloud_watch_logs_role_arn": None,
    "enable_log_file_validation": True,
    "enable_logging": True,
    "include_global_service_events": True,
    "is_multi_region_trail": True,
    "is_organization_trail": False,
    "kms_key_id": None,
    "name": "audit",
    "s3_bucket_name": "logs",
}
TRAIL_UNKNOWN = {"arn": True, "home_region": True, "id": True}
KEY = {
    "bypass_policy_lockout_safety_check": False,
    "custom_key_store_id": None,
    "customer_master_key_spec": "SYMMETRIC_DEFAULT",
    "deletion_window_in_days": 30,
    "description": "logs",
    "enable_key_rotation": True,
    "is_enabled": True,
    "key_usage": "ENCRYPT_DECRYPT",
    "policy": POLICY,
    "xks_key_id": None,
}
KEY_UNKNOWN = {"arn": True, "id": True, "key_id": True, "multi_region": True, "rotation_period_in_days": True}


def without(values: Mapping[str, Any], *names: str, **changed: Any) -> Json:
    """Return values without some names, and with others changed."""
    return {**{name: value for name, value in values.items() if name not in names}, **changed}


def trail_change(address: str = "aws_cloudtrail.main", key: str | None = "after apply", **changed: Any) -> Json:
    """Return the creation of a trail; its key is known after apply, or the text that is given."""
    if key == "after apply":
        return change(address, without(TRAIL, "kms_key_id", **changed), {**TRAIL_UNKNOWN, "kms_key_id": True})
    return change(address, {**TRAIL, "kms_key_id": key, **changed}, TRAIL_UNKNOWN)


def key_change(address: str = "aws_kms_key.logs", **changed: Any) -> Json:
    """Return the creation of a key."""
    return change(address, {**KEY, **changed}, KEY_UNKNOWN)


def read_plan(document: object, sources: dict[str, Source] | None = None, *, directory: Path | None = None) -> Configuration:
    """Return the Configuration of a document, or of a text."""
    text = document if isinstance(document, str) else json.dumps(document, indent=2)
    root = directory or Path("/nowhere")

    def show(file: Path) -> str:
        return os.path.relpath(file, root).replace(os.sep, "/")

    return normalize_plan(Source("plan.json", text), repository_root=root, show=show, sources={} if sources is None else sources)
