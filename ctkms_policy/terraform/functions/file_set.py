"""``fileset``: the files that a pattern names, found directory by directory as Terraform's glob library (doublestar) does.

What ``terraform console`` says to each form of pattern is in the tests. A form that is not modelled gives no answer at all.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias, Union

from ctkms_policy.terraform.conversion import Failure
from ctkms_policy.terraform.scope import Directory, DirectoryEntry, EntryKind
from ctkms_policy.value import Unknown

_MAX_ENTRIES = 10_000
"""Directory entries that one ``fileset`` may look at."""

_ANY_DEPTH = "**"


class _Any(Enum):
    TEXT = "*"
    CHARACTER = "?"


@dataclass(frozen=True, slots=True)
class _Class:
    """``[a-z]``, or ``[^a-z]`` if negated."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class _Alternatives:
    """``{a,b}``"""

    options: tuple[_Tokens, ...]


_Token: TypeAlias = Union[str, _Any, _Class, _Alternatives]
_Tokens: TypeAlias = "tuple[_Token, ...]"
_Component: TypeAlias = Union[str, _Tokens]
"""One component of a pattern: a plain name (or ``**``), or what a name has to match, a str being one character."""


def file_set(path: str, pattern: str, list_directory: Callable[[str], Directory | Unknown]) -> list[str] | Unknown | None:
    """Return the regular files that a pattern names below ``path``, relative to it; None for a pattern that is not modelled.

    ``list_directory`` lists one directory; what it does not know, the result does not. Links are followed, but not round and
    round. As in Terraform the pattern continues the path, which may hold wildcards too, and ``..`` goes back in the text.
    """
    joined = posixpath.normpath(f"{path or '.'}/{pattern}")
    components = _components(joined)
    if components is None:
        return None
    walk = _Walk(list_directory)
    try:
        found = list(walk.files("/" if joined.startswith("/") else "", components))
    except _NotKnown as error:
        return error.why
    start = posixpath.normpath(path or ".")
    return sorted({_relative(each, start) for each in found})


def _relative(file: str, start: str) -> str:
    """Return a path relative to another one, from the text alone; both are normal and begin at the same place."""
    parts, base = file.split("/"), [] if start == "." else start.split("/")
    common = 0
    while common < min(len(parts), len(base)) and parts[common] == base[common]:
        common += 1
    return "/".join((*[".."] * (len(base) - common), *parts[common:]))


class _NotKnown(Exception):
    """The whole set is not known, for one of its files or directories is not."""

    def __init__(self, why: Unknown) -> None:
        super().__init__(why.reason)
        self.why = why


@dataclass
class _Walk:
    """One search. ``entries`` counts what was looked at."""

    list_directory: Callable[[str], Directory | Unknown]
    entries: int = field(default=0)

    def listed(self, place: str) -> Directory:
        directory = self.list_directory(place or ".")
        if isinstance(directory, Unknown):
            raise _NotKnown(directory)
        self.entries += len(directory.entries)
        if self.entries > _MAX_ENTRIES:
            raise _NotKnown(Unknown(f"fileset() looks at more than {_MAX_ENTRIES} files"))
        return directory

    def files(self, place: str, components: Sequence[_Component]) -> Iterator[str]:
        """Yield the files below a directory that the components name."""
        first, rest = components[0], components[1:]
        if first == _ANY_DEPTH:
            yield from self.at_any_depth(place, rest, {})
        elif isinstance(first, str) and rest:
            yield from self.files(posixpath.join(place, first), rest)
        else:
            for entry in self.listed(place).entries:
                if entry.name == first if isinstance(first, str) else len(entry.name) in _ends(first, entry.name, {0}):
                    yield from self.named(posixpath.join(place, entry.name), entry, rest)

    def named(self, place: str, entry: DirectoryEntry, rest: Sequence[_Component]) -> Iterator[str]:
        """Yield a file, or what the further components name in a directory."""
        if entry.kind is EntryKind.OUTSIDE:
            raise _NotKnown(_leads_out(place))
        if rest:
            if entry.kind is EntryKind.DIRECTORY:
                yield from self.files(place, rest)
        elif entry.kind is EntryKind.BROKEN:
            raise _NotKnown(Failure(f'fileset(): the link "{place}" leads nowhere'))
        elif entry.kind is EntryKind.FILE:
            yield place

    def at_any_depth(self, place: str, rest: Sequence[_Component], around: dict[str, str]) -> Iterator[str]:
        """Yield what the further components name in a directory and in all below it; ``around`` are those it lies in."""
        directory = self.listed(place)
        if directory.real in around:
            raise _NotKnown(Unknown(f'by way of a link the directory "{around[directory.real] or "."}" holds itself as "{place}"'))
        around = {**around, directory.real: place}
        for entry in directory.entries:
            below = posixpath.join(place, entry.name)
            if entry.kind is EntryKind.OUTSIDE:
                raise _NotKnown(_leads_out(below))
            if entry.kind is EntryKind.DIRECTORY:
                yield from self.at_any_depth(below, rest, around)
            elif entry.kind is EntryKind.FILE and not rest:
                yield below
        if rest:
            yield from self.files(place, rest)


def _leads_out(place: str) -> Unknown:
    return Unknown(f'the link "{place}" leads out of the repository')


# -- patterns ----------------------------------------------------------------------------------------------------------


def _components(pattern: str) -> list[_Component] | None:
    """Return the components of a whole pattern; None where one is not modelled."""
    components: list[_Component] = []
    for text in pattern.strip("/").split("/"):
        if text == _ANY_DEPTH and components[-1:] == [_ANY_DEPTH]:
            return None  # doublestar takes the second one for a name
        if text == _ANY_DEPTH or not re.search(r"[*?\[{\\]", text):
            components.append(text)
            continue
        tokens = _tokens(text)
        if tokens is None:
            return None
        components.append(tokens)
    return components


_PARTS = re.compile(
    r"(?P<many>\*)(?!\*)"
    r"|(?P<one>\?)"
    r"|\\(?P<escaped>.)"
    r"|\[(?P<negated>\^?)(?P<items>(?:\\.|[^\\\]])+)\]"
    r"|\{(?P<alternatives>(?:\\.|[^\\{}])*)\}"
    r"|(?P<plain>[^*?\\\[{])",
    re.DOTALL,
)
_COMMA = re.compile(r"(?<!\\),")
_RANGE = re.compile(r"(?:\\(?P<low_escaped>.)|(?P<low>[^\\-]))(?:-(?:\\(?P<high_escaped>.)|(?P<high>[^\\-])))?", re.DOTALL)


def _tokens(text: str) -> _Tokens | None:
    """Return one component part by part; None for what doublestar rejects, or reads in a way of its own."""
    found: list[_Token] = []
    end = 0
    if "\\\\" in text:
        return None  # doublestar takes what follows an escaped backslash for escaped
    for part in _PARTS.finditer(text):
        if part.start() != end:
            return None
        end = part.end()
        token: _Token | None
        if part["items"] is not None:
            token = _class(part["negated"], part["items"])
        elif part["alternatives"] is not None:
            token = _alternatives(part["alternatives"])
        elif part["many"] or part["one"]:
            token = _Any.TEXT if part["many"] else _Any.CHARACTER
        else:
            token = part["escaped"] or part["plain"]
        if token is None:
            return None
        found.append(token)
    return tuple(found) if end == len(text) else None


def _class(negated: str, items: str) -> _Class | None:
    """Return a class; ``!`` is a character like any other, and a range that runs backwards holds nothing."""
    ranges, end = [], 0
    for each in _RANGE.finditer(items):
        if each.start() != end:
            return None
        end = each.end()
        low = each["low"] or each["low_escaped"]
        ranges.append((low, each["high"] or each["high_escaped"] or low))
    return _Class(tuple(ranges), bool(negated)) if end == len(items) else None


def _alternatives(text: str) -> _Alternatives | None:
    """Return alternatives. None where one may be empty: at the end of a name doublestar does not try it."""
    options = [_tokens(each) for each in _COMMA.split(text)]
    known = tuple(each for each in options if each and each != (_Any.TEXT,))
    return _Alternatives(known) if len(known) == len(options) else None


def _ends(tokens: _Tokens, name: str, starts: set[int]) -> set[int]:
    """Return where in a name the tokens may end when they begin at one of ``starts``: no more work than tokens times characters."""
    for token in tokens:
        if not starts:
            break
        if token is _Any.TEXT:
            starts = set(range(min(starts), len(name) + 1))
        elif isinstance(token, _Alternatives):
            starts = set().union(*(_ends(option, name, starts) for option in token.options))
        else:
            starts = {start + 1 for start in starts if start < len(name) and _holds(token, name[start])}
    return starts


def _holds(token: str | _Class | _Any, character: str) -> bool:
    if isinstance(token, _Class):
        return any(low <= character <= high for low, high in token.ranges) is not token.negated
    return token is _Any.CHARACTER or token == character
