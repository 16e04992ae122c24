"""Templates that stand as text in a string of another file: a Kubernetes ConfigMap, an Ansible task, the TemplateBody of a stack set."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ctkms_policy.cloudformation.template import NAMES_TRAIL, Template, has_resources, read_documents
from ctkms_policy.source import ParseError, Source, Span
from ctkms_policy.value import Known, ListValue, MapValue, Value

_IN_BLOCK = re.compile(r"""^[ \t]+\{?[ \t]*["']?Resources["']?[ \t]*:""", re.MULTILINE)
_IN_QUOTES = re.compile(r"""\\"Resources|\\nResources|['"][ \t]*\{[ \t]*["']Resources""")
_RESOURCES = re.compile(r"""^[ \t{]*["']?Resources["']?[ \t]*:|["']Resources["'][ \t]*:""", re.MULTILINE)
_BEGINS_LIKE_ONE = re.compile(
    r"""\s*(?:---\s+|#.*\s+)*["'{\s]*(?:AWSTemplateFormatVersion|Description|Parameters|Transform|Resources)["']?\s*:"""
)
_SEPARATOR = re.compile(r"---(?:[ \t].*)?$")


def embedded_templates(source: Source) -> tuple[list[Template], list[ParseError]]:
    """Return the templates with a trail or store that stand in the strings of a file, and what of them cannot be read.

    Read are those in a literal block scalar (``|``), in which every character has its place. Never raises: a file that cannot be
    read as a whole has none.
    """
    templates: list[Template] = []
    problems: list[ParseError] = []
    if "AWS::CloudTrail::" not in source.text or not _may_embed(source.text):
        return templates, problems
    try:
        documents = read_documents(source)
    except ParseError:
        return templates, problems
    for text, is_filled_in in _strings(documents):
        try:
            found = _templates_in(text, source, is_filled_in=is_filled_in)
        except ParseError as error:
            problems.append(error)
        else:
            templates.extend(found)
    return templates, problems


def _may_embed(text: str) -> bool:
    is_json = text.lstrip()[:1] == "{"
    return _IN_QUOTES.search(text) is not None or (not is_json and _IN_BLOCK.search(text) is not None)


def _strings(documents: tuple[Value, ...]) -> Iterator[tuple[Known, bool]]:
    """Yield the strings that name a trail among resources, and whether ``Fn::Sub`` fills something into them."""
    waiting: list[tuple[Value, bool]] = [(document, False) for document in reversed(documents)]
    seen: set[int] = set()
    while waiting:
        value, is_filled_in = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Known):
            if isinstance(value.value, str) and "Resources" in value.value and NAMES_TRAIL.search(value.value):
                yield value, is_filled_in
        elif isinstance(value, ListValue):
            waiting.extend((item, is_filled_in) for item in reversed(value.items))
        elif isinstance(value, MapValue):
            waiting.extend((entry.value, is_filled_in or entry.name == "Fn::Sub") for entry in reversed(value.entries))


def _templates_in(text: Known, source: Source, *, is_filled_in: bool) -> list[Template]:
    """Return the templates that a string holds: none for a script or prose that quotes one. Raises ParseError."""
    placed = None if is_filled_in else _in_place(text, source)
    found: list[Template] = []
    for part in [Source(source.path, str(text.value))] if placed is None else placed:
        try:
            documents = read_documents(part)
        except ParseError:
            if not (_BEGINS_LIKE_ONE.match(str(text.value)) and _RESOURCES.search(str(text.value))):
                return []  # a script, or prose
            if placed is None:
                raise _not_read(text, source, "it cannot be read") from None
            raise
        found.extend(Template(part, each) for each in documents if isinstance(each, MapValue) and has_resources(each))
    if found and placed is None:
        raise _not_read(text, source, "Fn::Sub fills it in" if is_filled_in else "it is not written as a literal block")
    return found


def _not_read(text: Known, source: Source, reason: str) -> ParseError:
    span = text.origin.span or Span.at(source.path)
    return ParseError(
        f"the template in this string is not checked: {reason}", span.start(), "keep the template in a file of its own, and scan that"
    )


def _in_place(text: Known, source: Source) -> list[Source] | None:
    """Return the documents of a literal block as sources in which every character stands where it stands in the file; else None."""
    if text.text_map is None:
        return None
    line, column = text.text_map.position(0)
    written = source.text.split("\n")
    lines = str(text.value).rstrip("\n").split("\n")
    parts: list[list[str]] = [[""] * (line - 1)]
    for number, each in enumerate(lines, line - 1):
        if number >= len(written) or written[number].rstrip("\r")[column - 1 :] != each or written[number][: column - 1].strip():
            return None
        if _SEPARATOR.match(each):
            parts.append([""] * number)
        parts[-1].append("" if _SEPARATOR.match(each) else " " * (column - 1) + each)
    return [Source(source.path, "\n".join(part)) for part in parts if any(part)]
