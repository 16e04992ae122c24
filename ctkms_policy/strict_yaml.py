"""YAML files of ours read strictly: a key that is unknown, missing, doubled or of the wrong type is an error with its place."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ctkms_policy.source import ParseError, Source, Span

if TYPE_CHECKING:
    from yaml import Mark, MarkedYAMLError
    from yaml._yaml import Mark as CMark
    from yaml.nodes import Node

MAX_DEPTH = 50
"""PyYAML composes recursively, with libyaml to the point of a crash; what we read strictly is never deeper than this."""

_TYPE_NAMES = {
    "tag:yaml.org,2002:map": "a mapping",
    "tag:yaml.org,2002:seq": "a list",
    "tag:yaml.org,2002:str": "text",
    "tag:yaml.org,2002:null": "empty",
    "tag:yaml.org,2002:bool": "a boolean",
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:timestamp": "a date",
}


def read_yaml(source: Source) -> Item:
    """Return the one document of a YAML file. Raises ParseError where it is not YAML, empty, or more than one document."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for event in yaml.parse(source.text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise _too_deep(source, event.start_mark)
        node = yaml.compose(source.text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if stopped_by_depth(error):
            raise _too_deep(source, mark) from None
        raise ParseError(f"not YAML: {error.problem or error.context}", _at(source, mark)) from None
    except yaml.YAMLError as error:
        raise ParseError(f"not YAML: {str(error).splitlines()[0]}", Span.at(source.path)) from None
    if node is None:
        raise ParseError("the file is empty", Span.at(source.path))
    return Item(source.path, node, "the document")


def stopped_by_depth(error: MarkedYAMLError) -> bool:
    """Whether libyaml gave up because of nesting.

    Its newer versions (with PyYAML 6.0.4) stop at a depth of their own, and look ahead: they do so before the first event comes.
    """
    return str(error.problem).endswith("maximum nesting depth")


def _too_deep(source: Source, mark: Mark | CMark | None) -> ParseError:
    return ParseError(f"nested more than {MAX_DEPTH} deep", _at(source, mark))


def _at(source: Source, mark: Mark | CMark | None) -> Span:
    return Span.at(source.path, mark.line + 1, mark.column + 1) if mark else Span.at(source.path)


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return help for a word that is not one of ``known``: the nearest one, or all of them."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else f"use one of: {', '.join(sorted(known))}"


@dataclass(frozen=True, slots=True)
class Item:
    """One value of a YAML document, asked for the type it must have. ``name`` is what messages call it.

    Every question raises ParseError, with the value's span, when the value is not what is asked for.
    """

    path: str
    node: Node
    name: str

    @property
    def span(self) -> Span:
        """Where the value stands; of a block only the start, because its end is the next key."""
        start, end = self.node.start_mark, self.node.end_mark
        if start.line == end.line:
            return Span(self.path, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
        return Span.at(self.path, start.line + 1, start.column + 1)

    def error(self, message: str, help: str = "") -> ParseError:
        """Return the error that this value is wrong; ``message`` goes on where the name ends."""
        return ParseError(f"{self.name} {message}", self.span, help)

    def text(self) -> str:
        """Return a text that is not blank, without the blank space around it."""
        if self._type() in ("a boolean", "a number", "a date"):
            raise self.error(f"must be text, not {self._type()}", "put it in quotes")
        self._expect("text")
        text: str = self.node.value.strip()
        if not text:
            raise self.error("is blank")
        if not text.replace("\n", "").replace("\t", "").isprintable():
            raise self.error("holds a control character")
        return text

    def text_like(self, pattern: str, form: str) -> str:
        """Return a text that wholly matches ``pattern``; ``form`` says in words what that is."""
        text = self.text()
        if not re.fullmatch(pattern, text):
            raise self.error(f'must be {form}, not "{text}"')
        return text

    def choice(self, known: Collection[str]) -> str:
        """Return a text that is one of ``known``."""
        text = self.text()
        if text not in known:
            raise self.error(f'cannot be "{text}"', did_you_mean(text, known))
        return text

    def boolean(self) -> bool:
        """Return ``true`` or ``false``."""
        self._expect("a boolean")
        if self.node.value.lower() not in ("true", "false"):
            raise self.error(f'must be true or false, not "{self.node.value}"')
        return bool(self.node.value.lower() == "true")

    def whole_number(self, least: int, most: int) -> int:
        """Return a whole number between ``least`` and ``most``."""
        if self._type() != "a number" or not re.fullmatch(r"0|[1-9][0-9]{0,8}", self.node.value):
            raise self.error(f"must be a whole number from {least} to {most}, not {self._described()}")
        number = int(self.node.value)
        if not least <= number <= most:
            raise self.error(f"must be a whole number from {least} to {most}, not {number}")
        return number

    def text_or_date(self) -> str:
        """Return a text that is not blank; a date, which YAML 1.1 takes for a type of its own, as it is written."""
        return str(self.node.value) if self._type() == "a date" else self.text()

    def items(self) -> tuple[Item, ...]:
        """Return the items of a list."""
        self._expect("a list")
        return tuple(Item(self.path, node, f"item {number} of {self.name}") for number, node in enumerate(self.node.value, 1))

    def fields(self, required: Collection[str], optional: Collection[str] = ()) -> Mapping[str, Item]:
        """Return the values of a mapping by key: all of ``required``, those of ``optional`` that are there, and no other."""
        self._expect("a mapping")
        known = (*required, *optional)
        found: dict[str, Item] = {}
        for key_node, value_node in self.node.value:
            key = Item(self.path, key_node, "a key")
            name = key.text()
            if name not in known:
                raise ParseError(f'unknown key "{name}"', key.span, did_you_mean(name, known) if known else "")
            if name in found:
                raise ParseError(f'key "{name}" is there twice, first in line {found[name].node.start_mark.line + 1}', key.span)
            found[name] = Item(self.path, value_node, f'"{name}"')
        missing = [name for name in required if name not in found]
        if missing:
            raise ParseError(f'missing key "{missing[0]}"', self.span.start())
        return found

    def entries(self, key_name: str) -> tuple[tuple[Item, Item], ...]:
        """Return keys and values of a mapping whose keys are free; ``key_name`` is what messages call a key."""
        self._expect("a mapping")
        found: dict[str, Item] = {}
        entries = []
        for key_node, value_node in self.node.value:
            key = Item(self.path, key_node, key_name)
            name = key.text()
            if name in found:
                raise key.error(f'"{name}" is there twice, first in line {found[name].node.start_mark.line + 1}')
            found[name] = key
            entries.append((key, Item(self.path, value_node, f'"{name}"')))
        return tuple(entries)

    def _described(self) -> str:
        return f'"{self.node.value}"' if isinstance(self.node.value, str) and self.node.value else self._type()

    def _type(self) -> str:
        return _TYPE_NAMES.get(self.node.tag, f"of type {self.node.tag}")

    def _expect(self, wanted: str) -> None:
        if self._type() != wanted:
            raise self.error("is empty" if self._type() == "empty" else f"must be {wanted}, not {self._type()}")
