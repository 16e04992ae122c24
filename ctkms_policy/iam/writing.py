"""A statement as text: HCL object, ``statement`` block, CloudFormation YAML or JSON, plain JSON.

The documents are maps, lists and strings whose holes are symbols that are named as the file would write them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeGuard

from ctkms_policy.value import (
    Entry,
    Known,
    ListValue,
    Literal,
    MapValue,
    Symbol,
    Template,
    Value,
    scalar_text,
    text_parts,
)

_INDENT = "  "
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PLAIN_YAML = re.compile(r"(?!(?i:y|n|yes|no|on|off|true|false|null)$)[A-Za-z][A-Za-z0-9_.-]*(:[A-Za-z][A-Za-z0-9_.-]*)*")
"""Texts that YAML 1.1 reads as themselves without quotes."""


def _hole_name(hole: Value) -> str:
    assert isinstance(hole, Symbol)
    return hole.name


def _with_holes(value: Value, literal: Callable[[str], str]) -> str:
    """Return a string with ``${...}`` for its holes and its literal parts escaped."""
    assert isinstance(value, (Known, Template, Symbol))
    pieces = []
    for part in text_parts(value):
        pieces.append(literal(part.text) if isinstance(part, Literal) else "${" + _hole_name(part) + "}")
    return "".join(pieces)


def _has_holes(value: Value) -> bool:
    return not isinstance(value, Known)


# -- Terraform ---------------------------------------------------------------------------------------------------------


def hcl_object(value: Value, depth: int = 0) -> str:
    """Return an HCL expression: objects over several lines, equals signs aligned as ``terraform fmt`` does."""
    inner = _INDENT * (depth + 1)
    if isinstance(value, MapValue):
        names = [_hcl_name(entry.name) for entry in value.entries]
        texts = [hcl_object(entry.value, depth + 1) for entry in value.entries]
        lines = _aligned(names, texts)
        return "{\n" + "".join(f"{inner}{line}\n" for line in lines) + _INDENT * depth + "}"
    if isinstance(value, ListValue):
        if all(not isinstance(item, (MapValue, ListValue)) for item in value.items):
            return "[" + ", ".join(_hcl_string(item) for item in value.items) + "]"
        return "[\n" + "".join(f"{inner}{hcl_object(item, depth + 1)},\n" for item in value.items) + _INDENT * depth + "]"
    return _hcl_string(value)


def _aligned(names: list[str], texts: list[str]) -> list[str]:
    """Return ``name = text`` lines; ``terraform fmt`` aligns neighbours whose values stand on one line."""
    lines: list[str] = []
    group: list[int] = []
    width = {}
    for index in range(len(names)):
        if "\n" in texts[index]:
            group = []
            width[index] = len(names[index])
            continue
        group.append(index)
        longest = max(len(names[member]) for member in group)
        width.update(dict.fromkeys(group, longest))
    for index, name in enumerate(names):
        lines.append(f"{name.ljust(width[index])} = {texts[index]}")
    return lines


def _hcl_name(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) else _hcl_string(Known(name))


def _hcl_string(value: Value) -> str:
    if isinstance(value, Known) and not isinstance(value.value, str):
        return scalar_text(value.value)
    if isinstance(value, Symbol):
        return _hole_name(value)
    return '"' + _with_holes(value, lambda text: json.dumps(text, ensure_ascii=False)[1:-1].replace("${", "$${").replace("%{", "%%{")) + '"'


def hcl_statement_block(statement: MapValue) -> str:
    """Return the ``statement`` block of an ``aws_iam_policy_document``."""
    fields = {entry.name: entry.value for entry in statement.entries}
    attributes = {"sid": _hcl_string(fields["Sid"]), "effect": _hcl_string(fields["Effect"])}
    attributes["actions"] = _hcl_list(fields["Action"])
    attributes["resources"] = _hcl_list(fields["Resource"])
    blocks = ["\n".join(f"{_INDENT}{line}" for line in _aligned(list(attributes), list(attributes.values())))]
    principal = fields["Principal"]
    assert isinstance(principal, MapValue)
    for entry in principal.entries:
        blocks.append(_block("principals", {"type": _hcl_string(entry.key), "identifiers": _hcl_list(entry.value)}))
    condition = fields.get("Condition")
    for operator in condition.entries if isinstance(condition, MapValue) else ():
        assert isinstance(operator.value, MapValue)
        for entry in operator.value.entries:
            values = {"test": _hcl_string(operator.key), "variable": _hcl_string(entry.key), "values": _hcl_list(entry.value)}
            blocks.append(_block("condition", values))
    return "statement {\n" + "\n\n".join(blocks) + "\n}"


def _block(name: str, attributes: dict[str, str]) -> str:
    lines = _aligned(list(attributes), list(attributes.values()))
    return f"{_INDENT}{name} {{\n" + "".join(f"{_INDENT * 2}{line}\n" for line in lines) + f"{_INDENT}}}"


def _hcl_list(value: Value) -> str:
    items = value.items if isinstance(value, ListValue) else (value,)
    return "[" + ", ".join(_hcl_string(item) for item in items) + "]"


# -- CloudFormation ----------------------------------------------------------------------------------------------------


def cloudformation_yaml(value: Value, depth: int = 0) -> str:
    """Return YAML: a map or a list, one entry a line."""
    pad = _INDENT * depth
    lines: list[str] = []
    if isinstance(value, MapValue):
        for entry in value.entries:
            lines.append(_yaml_entry(f"{pad}{_yaml_name(entry.name)}:", entry.value, depth + 1))
    else:
        assert isinstance(value, ListValue)
        for item in value.items:
            if _has_lines(item):
                lines.append(f"{pad}- {cloudformation_yaml(item, depth + 1).lstrip()}")
            else:
                lines.append(f"{pad}- {_yaml_string(item)}")
    return "\n".join(lines)


def _yaml_entry(head: str, value: Value, depth: int) -> str:
    return f"{head}\n{cloudformation_yaml(value, depth)}" if _has_lines(value) else f"{head} {_yaml_string(value)}"


def _has_lines(value: Value) -> TypeGuard[MapValue | ListValue]:
    return bool(value.entries if isinstance(value, MapValue) else value.items if isinstance(value, ListValue) else ())


def _yaml_name(name: str) -> str:
    return name if _PLAIN_YAML.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _yaml_string(value: Value) -> str:
    if isinstance(value, (MapValue, ListValue)):
        return "{}" if isinstance(value, MapValue) else "[]"
    if isinstance(value, Symbol):
        return f"!GetAtt {value.name}" if "." in value.name else f"!Ref {value.name}"
    if _has_holes(value):
        return "!Sub " + json.dumps(_with_holes(value, _sub_literal), ensure_ascii=False)
    assert isinstance(value, Known)
    text = scalar_text(value.value)
    return _yaml_name(text) if isinstance(value.value, str) else text


def _sub_literal(text: str) -> str:
    return text.replace("${", "${!")


def cloudformation_json(value: Value) -> str:
    """Return JSON with ``Ref``, ``Fn::GetAtt`` and ``Fn::Sub`` for holes."""

    def plain(value: Value) -> object:
        if isinstance(value, MapValue):
            return {entry.name: plain(entry.value) for entry in value.entries}
        if isinstance(value, ListValue):
            return [plain(item) for item in value.items]
        if isinstance(value, Symbol):
            return {"Fn::GetAtt": value.name.split(".", 1)} if "." in value.name else {"Ref": value.name}
        if _has_holes(value):
            return {"Fn::Sub": _with_holes(value, _sub_literal)}
        assert isinstance(value, Known)
        return value.value

    return json.dumps(plain(value), indent=2, ensure_ascii=False)


# -- JSON text ---------------------------------------------------------------------------------------------------------


def plain_json(value: Value) -> str:
    """Return JSON with ``${...}`` for holes, as heredocs, Terraform JSON and ``Fn::Sub`` texts write them."""

    def plain(value: Value) -> object:
        if isinstance(value, MapValue):
            return {entry.name: plain(entry.value) for entry in value.entries}
        if isinstance(value, ListValue):
            return [plain(item) for item in value.items]
        if isinstance(value, Known):
            return value.value
        return _with_holes(value, lambda text: text)

    return json.dumps(plain(value), indent=2, ensure_ascii=False)


def json_statement_block(statement: MapValue) -> str:
    """Return the ``statement`` block of an ``aws_iam_policy_document`` in Terraform's JSON syntax."""
    fields = {entry.name: entry.value for entry in statement.entries}
    principal, condition = fields["Principal"], fields.get("Condition", MapValue(()))
    assert isinstance(principal, MapValue)
    assert isinstance(condition, MapValue)
    conditions = [
        _map(("test", Known(operator.name)), ("variable", Known(entry.name)), ("values", _list(entry.value)))
        for operator in condition.entries
        if isinstance(operator.value, MapValue)
        for entry in operator.value.entries
    ]
    principals = [_map(("type", Known(entry.name)), ("identifiers", _list(entry.value))) for entry in principal.entries]
    return plain_json(
        _map(
            ("sid", fields["Sid"]),
            ("effect", fields["Effect"]),
            ("actions", _list(fields["Action"])),
            ("resources", _list(fields["Resource"])),
            ("principals", ListValue(tuple(principals))),
            *([("condition", ListValue(tuple(conditions)))] if conditions else []),
        )
    )


def _map(*entries: tuple[str, Value]) -> MapValue:
    return MapValue(tuple(Entry(Known(name), value) for name, value in entries))


def _list(value: Value) -> ListValue:
    return value if isinstance(value, ListValue) else ListValue((value,))
