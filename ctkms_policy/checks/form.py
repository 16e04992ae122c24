"""Is kms_key_id in a form that the surface accepts?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum

from ctkms_policy.cases import TrailCase
from ctkms_policy.checks.words import attribute_name, finding, title
from ctkms_policy.finding import Finding, Severity
from ctkms_policy.key_link import KeyState
from ctkms_policy.model import Configuration, Language, Trail
from ctkms_policy.rulebook import Rule
from ctkms_policy.value import Known, Literal, Reference, Symbol, SymbolKind, Template, Value, default_of, describe, outcomes


class KeyForm(Enum):
    """The form in which a key is named (A13)."""

    KEY_ARN = "a key ARN"
    KEY_ID = "a key id"
    ALIAS_ARN = "an alias ARN"
    ALIAS_NAME = "an alias name"
    OTHER = "neither a key nor an alias"
    UNKNOWN = "unknown"


def kms_key_id_form(case: TrailCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS011: a form that the surface does not accept, or an alias ARN that never converges (A13, B1)."""
    trail = case.trail
    if case.link.state is KeyState.AWS_MANAGED:
        return  # another form of that key would be no better: CTKMS002 says so
    forms = kms_key_forms(case.configuration, trail)
    attribute = attribute_name(case.configuration, trail)
    terraform = case.configuration.language is Language.TERRAFORM
    refused = [form for form in forms if form is KeyForm.OTHER or (terraform and form in (KeyForm.KEY_ID, KeyForm.ALIAS_NAME))]
    form = refused[0] if refused else next(iter(forms))
    undetermined = len(refused) not in (0, len(forms))
    accepted = "an ARN" if terraform else "a key ARN, key id, alias ARN or alias name"
    severity = None
    if undetermined:
        message = f"{attribute} must be {accepted}, and this may be {form.value}"
        way_out = f"use the key's ARN; it may be {form.value} because {forms[form]}"
    elif refused and terraform:
        message = f"{attribute} must be an ARN, this is {form.value}"
        way_out = "use the key's ARN: the arn attribute of the key"
    elif refused:
        message = f"{attribute} must be a key ARN, key id, alias ARN or alias name, this is none of them"
        way_out = "use the key's ARN, for example !GetAtt KEY.Arn; an alias name begins with alias/"
    elif terraform and list(forms) == [KeyForm.ALIAS_ARN]:
        message = f"{attribute} is an alias ARN, CloudTrail reports the key ARN: every plan shows a change"
        way_out = "use the ARN of the key that the alias points to"
        severity = Severity.NOTE
    else:
        return
    yield finding(
        rule,
        trail,
        f"{title(trail)}: {message}",
        trail.kms_key_id.span or trail.span,
        undetermined=undetermined,
        severity=severity,
        label="" if undetermined else describe(default_of(trail.kms_key_id.value)),
        help=way_out,
        stable=form.name,
    )


_ATTRIBUTE_FORMS: Mapping[str, Mapping[str, KeyForm]] = {
    "aws_kms_key": {"arn": KeyForm.KEY_ARN, "key_id": KeyForm.KEY_ID, "id": KeyForm.KEY_ID},
    "aws_kms_replica_key": {"arn": KeyForm.KEY_ARN, "key_id": KeyForm.KEY_ID, "id": KeyForm.KEY_ID},
    "aws_kms_external_key": {"arn": KeyForm.KEY_ARN, "id": KeyForm.KEY_ID},
    "aws_kms_alias": {
        "arn": KeyForm.ALIAS_ARN,
        "target_key_arn": KeyForm.KEY_ARN,
        "name": KeyForm.ALIAS_NAME,
        "id": KeyForm.ALIAS_NAME,
    },
    "data.aws_kms_key": {"arn": KeyForm.KEY_ARN, "id": KeyForm.KEY_ID},
    "data.aws_kms_alias": {
        "arn": KeyForm.ALIAS_ARN,
        "id": KeyForm.ALIAS_ARN,
        "target_key_arn": KeyForm.KEY_ARN,
        "target_key_id": KeyForm.KEY_ID,
        "name": KeyForm.ALIAS_NAME,
    },
}
"""What the attributes of the provider's resources and data sources hold (B6, B7)."""

_NO_NAMES = frozenset(
    (
        *("customer_master_key_spec", "deletion_window_in_days", "description", "enable_key_rotation", "enabled", "is_enabled", "key_spec"),
        *("key_state", "key_usage", "multi_region", "policy", "region", "rotation_period_in_days", "tags", "tags_all"),
    )
)
"""Attributes of keys that name none."""

_RESOURCE_TYPE = re.compile(r"(?:^|\.)((?:data\.)?aws_kms_[a-z_]+)\.[^.\[]+(?:\[.*\])?$")
_KEY_ID = re.compile(r"mrk-[0-9a-f]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def kms_key_forms(configuration: Configuration, trail: Trail) -> Mapping[KeyForm, str]:
    """Return the forms that the key's name may have where default inputs decide what they can, each with its conditions in words."""
    found: dict[KeyForm, str] = {}
    for conditions, value in outcomes(default_of(trail.kms_key_id.value)):
        found.setdefault(_form(configuration, value), " and ".join(conditions))
    return found


def _form(configuration: Configuration, value: Value) -> KeyForm:
    if isinstance(value, Reference):
        kind = _RESOURCE_TYPE.search(value.address) if configuration.language is Language.TERRAFORM else None
        if kind is None or kind[1] not in _ATTRIBUTE_FORMS:
            return KeyForm.UNKNOWN
        if not value.attribute or value.attribute in _NO_NAMES:
            return KeyForm.OTHER
        return _ATTRIBUTE_FORMS[kind[1]].get(value.attribute, KeyForm.UNKNOWN)
    if isinstance(value, Known):
        return _text_form(describe(Known(value.value), quoted=False).strip())
    if isinstance(value, Template):
        return _template_form(value)
    return KeyForm.UNKNOWN


def _text_form(text: str) -> KeyForm:
    if not text:
        return KeyForm.UNKNOWN
    if text.startswith("arn:"):
        if text.split(":")[2:3] != ["kms"]:
            return KeyForm.OTHER
        return KeyForm.ALIAS_ARN if ":alias/" in text else KeyForm.KEY_ARN
    if text.startswith("alias/"):
        return KeyForm.ALIAS_NAME
    return KeyForm.KEY_ID if _KEY_ID.fullmatch(text) else KeyForm.OTHER


def _template_form(template: Template) -> KeyForm:
    """Return the form of a text with holes, where its literal parts tell."""
    first = template.parts[0]
    literal = "".join(part.text for part in template.parts if isinstance(part, Literal))
    if literal.strip() and any(isinstance(part, Reference) and part.attribute.lower().endswith("arn") for part in template.parts):
        return KeyForm.OTHER  # a whole ARN with more before or behind it
    if isinstance(first, Literal) and first.text.startswith("alias/"):
        return KeyForm.ALIAS_NAME
    if isinstance(first, Literal) and first.text.startswith("arn:"):
        if _service(template) not in ("", "kms"):
            return KeyForm.OTHER
        return KeyForm.ALIAS_ARN if "alias/" in literal else KeyForm.UNKNOWN
    return KeyForm.UNKNOWN


def _service(template: Template) -> str:
    """Return the service of an ARN with holes, where it is certain: the partition is the only hole before it, or there is none."""
    parts = template.parts
    text = parts[0].text if isinstance(parts[0], Literal) else ""
    if text == "arn:" and isinstance(parts[1], Symbol) and parts[1].kind is SymbolKind.AMBIENT and len(parts) > 2:
        text += "partition" + (parts[2].text if isinstance(parts[2], Literal) else "")
    segments = text.split(":")
    return segments[2] if len(segments) > 3 else ""
