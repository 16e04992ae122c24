"""How a file writes the parts of a statement: a help names them as they stand there."""

from __future__ import annotations

import json
from enum import Enum

from ctkms_policy.model import PolicyForm
from ctkms_policy.source import Span


class Notation(Enum):
    """The ways to write a key policy."""

    BLOCKS = "blocks"
    """``data.aws_iam_policy_document``"""
    HCL = "hcl"
    """the argument of jsonencode"""
    YAML = "yaml"
    JSON = "json"


_ARGUMENTS = {"Sid": "sid", "Effect": "effect", "Action": "actions", "Resource": "resources", "Version": "version"}
_LISTS = ("Action", "Resource")


def notation_of(form: PolicyForm, span: Span | None) -> Notation:
    """Return how a policy of that form is written in the file of ``span``."""
    path = span.path.lower() if span is not None else ""
    if form is PolicyForm.POLICY_DOCUMENT:
        return Notation.BLOCKS
    if form is PolicyForm.JSON_TEXT or path.endswith(".json"):
        return Notation.JSON
    return Notation.HCL if path.endswith((".tf", ".tofu", ".hcl")) else Notation.YAML


def element(notation: Notation, name: str, text: str) -> str:
    """Return an element with a string: ``Resource = "*"``, ``resources = ["*"]``."""
    quoted = json.dumps(text, ensure_ascii=False)
    if notation is Notation.BLOCKS:
        return f"{_ARGUMENTS[name]} = [{quoted}]" if name in _LISTS else f"{_ARGUMENTS[name]} = {quoted}"
    if notation is Notation.HCL:
        return f"{name} = {quoted}"
    return f"{name}: {quoted}" if notation is Notation.YAML else f'"{name}": {quoted}'


def principal_element(notation: Notation, type_: str, text: str) -> str:
    """Return a principal: ``Principal = { Service = "cloudtrail.amazonaws.com" }``; for the type ``*`` everybody."""
    quoted = json.dumps(text, ensure_ascii=False)
    if notation is Notation.BLOCKS:
        return f'principals with type = "{type_}" and identifiers = [{quoted}]'
    if type_ == "*":
        return element(notation, "Principal", text)
    if notation is Notation.HCL:
        return f"Principal = {{ {type_} = {quoted} }}"
    return f"Principal: {{ {type_}: {quoted} }}" if notation is Notation.YAML else f'"Principal": {{ "{type_}": {quoted} }}'


def name_of(notation: Notation, name: str) -> str:
    """Return what the file calls an element: ``Resource``, ``resources``."""
    return _ARGUMENTS.get(name, name) if notation is Notation.BLOCKS else name
