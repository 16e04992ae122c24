"""YAML as Terraform reads and writes it, with the place of every value that it reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ctkms_policy.source import Span, TextMap
from ctkms_policy.terraform.conversion import MAX_NODES, json_quoted, parse_number, scalar, sorted_entries, written_json
from ctkms_policy.value import Absent, Choice, Entry, JsonText, Known, ListValue, MapValue, Origin, Value

if TYPE_CHECKING:
    from yaml.nodes import Node, ScalarNode

_MAX_DEPTH = 100
_PREFIX = "tag:yaml.org,2002:"
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"))
_FALSE = frozenset(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"))
_WHOLE = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"([-+]?)0([xo])([0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_BLANK_END = re.compile(r"[ \t](?:\n|$)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def decode(text: Known, origin: Origin) -> Value:
    """Return the document of a YAML text. Raises ValueError with what is wrong."""
    import yaml

    loader = yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader
    try:
        node = yaml.compose(str(text.value), Loader=loader)
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise ValueError("YAML nested too deeply") from None
    if node is None:
        raise ValueError("an empty YAML document")
    return _Reader(text.text_map, origin).value(node, 0)


class _Reader:
    def __init__(self, text_map: TextMap | None, origin: Origin) -> None:
        self._map = text_map
        self._origin = origin
        self._count = 0

    def value(self, node: Node, depth: int) -> Value:
        from yaml.nodes import ScalarNode, SequenceNode

        self._count += 1
        if self._count > MAX_NODES:
            raise ValueError("YAML aliases that expand without end")
        if depth > _MAX_DEPTH:
            raise ValueError("YAML nested too deeply")
        origin = Origin(self._span(node))
        if isinstance(node, ScalarNode):
            return _scalar(node, origin, self._text_map(node))
        if isinstance(node, SequenceNode):
            return ListValue(tuple(self.value(item, depth + 1) for item in node.value), "", origin)
        entries: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            key = self.value(key_node, depth + 1)
            if not isinstance(key, Known):
                raise ValueError("a YAML key that is no scalar")
            if key.value == "<<" and not key_node.style:
                for merged in self._merged(value_node, depth):
                    entries.setdefault(merged.name, merged)
                continue
            name = scalar(key.value)
            entries[name] = Entry(Known(name, key.origin, key.text_map), self.value(value_node, depth + 1))
        return MapValue(tuple(entries.values()), "", origin)

    def _merged(self, node: Node, depth: int) -> Iterator[Entry]:
        value = self.value(node, depth + 1)
        for each in value.items if isinstance(value, ListValue) else (value,):
            if not isinstance(each, MapValue):
                raise ValueError("a YAML merge of what is no map")
            yield from each.entries

    def _span(self, node: Node) -> Span | None:
        if self._map is None:
            return self._origin.span
        return self._map.span(node.start_mark.index, node.end_mark.index)

    def _text_map(self, node: ScalarNode) -> TextMap | None:
        """Return the place of a scalar whose text stands as it is in the source: one line, no escapes."""
        raw = node.end_mark.index - node.start_mark.index
        quotes = 0 if not node.style else 1 if node.style in ("'", '"') else -1
        if self._map is None or quotes < 0 or raw != len(node.value) + 2 * quotes or node.start_mark.line != node.end_mark.line:
            return None
        return self._map.part(node.start_mark.index + quotes, node.end_mark.index - quotes)


def _scalar(node: ScalarNode, origin: Origin, text_map: TextMap | None) -> Value:
    text = node.value
    if not node.tag.startswith(_PREFIX):
        raise ValueError(f"the YAML tag {node.tag}")
    if node.style or (node.tag == f"{_PREFIX}str" and _implies_another_tag(text)):
        return Known(text, origin, text_map)
    if text in _NULL:
        return Absent(origin)
    if text in _TRUE or text in _FALSE:
        return Known(text in _TRUE, origin)
    based = _BASED.fullmatch(text)
    if based:
        try:
            number = int(based.group(3), {"x": 16, "o": 8}[based.group(2)])
        except ValueError:
            return Known(text, origin, text_map)
        return Known(-number if based.group(1) == "-" else number, origin)
    if text.lstrip("+-").lower() in (".inf", ".nan"):
        raise ValueError(f"{text} is no number for Terraform")
    if (_WHOLE.fullmatch(text) or _FLOAT.fullmatch(text)) and len(text) < 400:
        return parse_number(text, origin)
    if _DATE.fullmatch(text):
        return Known(f"{text}T00:00:00Z", origin)
    return Known(text, origin, text_map)


def _implies_another_tag(text: str) -> bool:
    """Tell whether PyYAML would take a plain scalar for no string: then it was written with the tag ``!!str``."""
    from yaml import SafeLoader

    return any(pattern.match(text) for _, pattern in SafeLoader.yaml_implicit_resolvers.get(text[:1], ()))


def encode(value: Value) -> str | Value:
    """Return the value as YAML, or the part of it that is not known."""
    unknown = _not_certain(value)
    if unknown is not None:
        return unknown
    if isinstance(value, (ListValue, MapValue)) and not _is_empty(value):
        return "".join(f"{line}\n" for line in _lines(value))
    lines = _inline(value)
    plain = isinstance(value, Absent) or (isinstance(value, Known) and not isinstance(value.value, str))
    return "".join(f"{line}\n" for line in (*lines, *(("...",) if plain else ())))


def _not_certain(value: Value) -> Value | None:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, ListValue) and not value.rest:
            waiting.extend(value.items)
        elif isinstance(value, MapValue) and not value.rest:
            waiting.extend(each for entry in value.entries for each in (entry.key, entry.value))
        elif isinstance(value, JsonText):
            waiting.append(written_json(value))
        elif isinstance(value, Choice) or not isinstance(value, (Known, Absent)):
            return value
    return None


def _is_empty(value: ListValue | MapValue) -> bool:
    return not (value.items if isinstance(value, ListValue) else value.entries)


def _lines(value: ListValue | MapValue) -> Iterator[str]:
    """Yield the lines of a collection that is not empty."""
    if isinstance(value, ListValue):
        for item in value.items:
            lines = list(_lines(item)) if isinstance(item, (ListValue, MapValue)) and not _is_empty(item) else _inline(item)
            yield f"- {lines[0]}"
            yield from (f"  {line}" if line else "" for line in lines[1:])
        return
    for entry in sorted_entries(value):
        key = _inline(entry.key)[0]
        item = entry.value
        if isinstance(item, (ListValue, MapValue)) and not _is_empty(item):
            yield f"{key}:"
            indent = "" if isinstance(item, ListValue) else "  "
            yield from (f"{indent}{line}" if line else "" for line in _lines(item))
        else:
            lines = _inline(item)
            yield f"{key}: {lines[0]}"
            yield from lines[1:]


def _inline(value: Value) -> list[str]:
    """Return a scalar or an empty collection; a text of several lines becomes a block."""
    if isinstance(value, JsonText):
        value = written_json(value)
    if isinstance(value, ListValue):
        return ["[]"]
    if isinstance(value, MapValue):
        return ["{}"]
    if not isinstance(value, Known):
        return ["null"]
    if not isinstance(value.value, str):
        return [scalar(value.value)]
    content = value.value
    if "\n" not in content or "\r" in content or content[0] == "\t" or _BLANK_END.search(content):
        return [f'"{json_quoted(content)}"']
    indent = "2" if content[0] in " \n" else ""
    keep_all = content.endswith("\n\n") or not content.strip("\n")
    chomp = "+" if keep_all else "" if content.endswith("\n") else "-"
    return [f"|{indent}{chomp}", *(f"  {line}" if line else "" for line in content.removesuffix("\n").split("\n"))]
