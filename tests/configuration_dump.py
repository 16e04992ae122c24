"""A Configuration, or any part of the model, as plain JSON for golden files: every field except how a value came about."""

from __future__ import annotations

import dataclasses
import json
import os
from enum import Enum
from pathlib import Path
from typing import Any

from ctkms_policy import value as values
from ctkms_policy.source import ParseError, Span, TextMap
from ctkms_policy.value import Origin

UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"
_VALUE_TYPES = (
    values.Known,
    values.Absent,
    values.Template,
    values.Symbol,
    values.Reference,
    values.JsonText,
    values.Choice,
    values.Unknown,
    values.ListValue,
    values.MapValue,
)


def dump(part: object) -> Any:
    """Return ``part`` as JSON data. Spans become ``path:line:column-line:column``; origins and text maps are left out."""
    if isinstance(part, _VALUE_TYPES):
        return _dump_value(part)
    if isinstance(part, Span):
        return f"{part.path}:{part.line}:{part.column}-{part.end_line}:{part.end_column}"
    if isinstance(part, ParseError):
        return {"problem": part.message, "span": dump(part.span), "help": part.help}
    if isinstance(part, Enum):
        return part.name
    if dataclasses.is_dataclass(part):
        fields = {
            each.name: dump(getattr(part, each.name)) for each in dataclasses.fields(part) if not _is_hidden(getattr(part, each.name))
        }
        return {"is": type(part).__name__, **fields}
    if isinstance(part, (tuple, list)):
        return [dump(each) for each in part]
    assert part is None or isinstance(part, (str, int, float, bool)), part
    return part


def _is_hidden(field: object) -> bool:
    """Whether a field says nothing that a reader of the golden file wants: where text stands, or nothing at all."""
    return isinstance(field, (Origin, TextMap)) or field in ("", ()) or field is None


def _dump_value(value: object) -> Any:
    if isinstance(value, values.Known):
        return value.value
    if isinstance(value, values.Absent):
        return None
    if isinstance(value, values.Symbol):
        if value.kind is values.SymbolKind.AMBIENT and not value.shape.one_of:
            return {"symbol": value.name}
        shape = {name: _shape(getattr(value.shape, name)) for name in ("alphabet", "shortest", "longest", "one_of")}
        shown = {name: field for name, field in shape.items() if field not in (None, 0, [])}
        return {"symbol": value.name, "kind": value.kind.name, "reason": value.reason, **({"shape": shown} if shown else {})}
    if isinstance(value, values.Reference):
        return {"reference": f"{value.address} . {value.attribute}"}
    if isinstance(value, values.Unknown):
        return {"unknown": value.reason}
    if isinstance(value, values.Template):
        return {"text": [part.text if isinstance(part, values.Literal) else _dump_hole(part) for part in value.parts]}
    if isinstance(value, values.JsonText):
        return {"json": _dump_value(value.document)}
    if isinstance(value, values.Choice):
        branches = [{"when": branch.when, "value": _dump_value(branch.value)} for branch in value.branches]
        return {"choice": value.condition, "chosen": value.chosen, "branches": branches}
    if isinstance(value, values.ListValue):
        items = [_dump_value(item) for item in value.items]
        return {"list": items, "rest": value.rest} if value.rest else items
    assert isinstance(value, values.MapValue)
    entries = {entry.name: _dump_value(entry.value) for entry in value.entries}
    return {"map": entries, **({"rest": value.rest} if value.rest else {})}


def _shape(field: object) -> object:
    return "".join(sorted(field)) if isinstance(field, frozenset) else list(field) if isinstance(field, tuple) else field


def _dump_hole(hole: values.Hole) -> Any:
    """A hole in a string, in short: the place itself says enough."""
    if isinstance(hole, values.Symbol):
        return {"symbol": hole.name}
    return _dump_value(hole)


def assert_golden(actual: object, expected: Path) -> None:
    """Compare the dump of ``actual`` with a file; with UPDATE_GOLDEN=1 the file is written instead."""
    text = json.dumps(dump(actual), indent=2, ensure_ascii=False) + "\n"
    if UPDATE:
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8"), f"{expected} differs: look, then run again with UPDATE_GOLDEN=1"
