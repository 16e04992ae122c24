"""Wildcard patterns and texts with holes in them: does the pattern match, whatever the holes turn out to be?

``match(pattern, text)`` answers YES when every way to fill the holes matches, NO when none does, else MAYBE. Both sides are
tuples of atoms: a character, a wildcard (patterns only), or a Blank, which is a hole with its shape. A hole that stands on
both sides or several times has one value; holes of different identity are independent.

1. No blanks: the greedy algorithm of ``wildcards_match``; at most the product of the lengths.
2. Blanks that can only be a few texts are tried out, all blanks of one identity together, up to MAX_FILLINGS combinations.
3. What both sides certainly share at either end is taken off; two different characters there mean NO.
4. NO: each side is a chain of character classes, some optional or repeated; a walk over pairs of positions looks for a text
   that both accept. Blanks are independent here, which only adds texts: when there is none, NO is right. At most the product of
   the lengths of the chains.
5. YES: the pattern is read as a nondeterministic automaton, a set of positions is one integer. The text is walked once; a blank
   steps through all its characters (those of the pattern, and one that stands for all others) and lengths. A set that
   contains another one accepts more, so only the smallest sets are kept. More than MAX_SETS of them is MAYBE, never YES. A
   blank of the pattern only lets the blank with the same identity through: what it stands for is nobody's choice.

So YES and NO are always right. MAYBE is exact too when no hole stands twice and none stands in the pattern alone; beyond that it
may say less than could be known (``${a}b`` against ``b${a}``), unless step 2 can try all fillings.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import product
from typing import TypeAlias, Union

from ctkms_policy.value import Literal, Match, Reference, Shape, Symbol, Text, text_parts

MAX_FILLINGS = 64
MAX_SETS = 400
MAX_CHAIN = 96
"""A blank longer than this counts as one of any length: the answer may become MAYBE, never wrong."""


class Wild(Enum):
    """A wildcard of a pattern."""

    STAR = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Blank:
    """A hole. ``identity`` None equals nothing; ``wild``: in a pattern, its text may itself hold a ``*``."""

    identity: Hashable
    shape: Shape
    wild: bool = False


Atom: TypeAlias = Union[str, Wild, Blank]
Atoms: TypeAlias = tuple[Atom, ...]


@lru_cache(maxsize=8192)
def text_atoms(text: Text) -> Atoms:
    """Return the atoms of a text: every character stands for itself."""
    return tuple(_atoms(text, wildcards=False))


@lru_cache(maxsize=8192)
def pattern_atoms(text: Text) -> Atoms:
    """Return the atoms of a pattern: ``*`` is any run of characters, ``?`` any one character."""
    return tuple(_atoms(text, wildcards=True))


def _atoms(text: Text, *, wildcards: bool) -> Iterator[Atom]:
    for part in text_parts(text):
        if isinstance(part, Literal):
            if wildcards and ("*" in part.text or "?" in part.text):
                yield from (Wild(letter) if letter in "*?" else letter for letter in part.text)
            else:
                yield from part.text
        elif isinstance(part, Symbol):
            shape = part.shape
            yield Blank(part.name, shape, wildcards and _may_hold_wildcards(shape))
        elif isinstance(part, Reference):
            yield Blank((part.address, part.attribute), Shape(), wildcards)
        else:
            yield Blank(None, Shape(), wildcards)


def _may_hold_wildcards(shape: Shape) -> bool:
    if shape.one_of:
        return any(letter in text for text in shape.one_of for letter in "*?")
    return shape.alphabet is None or "*" in shape.alphabet or "?" in shape.alphabet


@lru_cache(maxsize=4096)
def folded(atoms: Atoms) -> Atoms:
    """Return the atoms in lower case, for comparisons that ignore case."""
    return tuple(atom.lower() if isinstance(atom, str) else _folded_blank(atom) if isinstance(atom, Blank) else atom for atom in atoms)


def _folded_blank(blank: Blank) -> Blank:
    shape = blank.shape
    alphabet = None if shape.alphabet is None else frozenset(letter.lower() for letter in shape.alphabet)
    one_of = tuple(sorted({text.lower() for text in shape.one_of}))
    return Blank(blank.identity, Shape(alphabet, shape.shortest, shape.longest, one_of), blank.wild)


def wildcards_match(pattern: str, text: str) -> bool:
    """Return whether ``pattern`` matches the whole of ``text``: ``*`` is any run of characters, ``?`` is any one character.

    Only the last ``*`` is ever gone back to, so the cost is at most the product of the two lengths.
    """
    return _concrete(tuple(Wild(letter) if letter in "*?" else letter for letter in pattern), tuple(text))


def _concrete(pattern: Atoms, text: Atoms) -> bool:
    at = position = 0
    star = resume = -1
    end = len(pattern)
    while at < len(text):
        atom = pattern[position] if position < end else None
        if atom is Wild.STAR:
            star, resume = position, at
            position += 1
        elif atom is not None and (atom is Wild.ONE or atom == text[at]):
            position += 1
            at += 1
        elif star >= 0:
            resume += 1
            position, at = star + 1, resume
        else:
            return False
    return all(atom is Wild.STAR for atom in pattern[position:])


@lru_cache(maxsize=8192)
def match(pattern: Atoms, text: Atoms) -> Match:
    """Return whether ``pattern`` matches the whole of ``text``, whatever the blanks stand for."""
    blanks = [atom for atom in (*pattern, *text) if isinstance(atom, Blank)]
    if not blanks:
        return Match.of(_concrete(pattern, text))
    if pattern == text and not any(blank.identity is None for blank in blanks):
        return Match.YES
    fillings = _fillings(pattern, text, blanks)
    if fillings:
        answers = set()
        for filling in fillings:
            answers.add(match(_filled(pattern, filling), _filled(text, filling)))
            if len(answers) > 1:
                return Match.MAYBE
        return answers.pop()
    pattern, text, differ = _without_common_ends(_merged(pattern), text)
    if differ or not _may_match(pattern, text):
        return Match.NO
    return Match.YES if _must_match(pattern, text) else Match.MAYBE


# -- blanks that can be tried out --------------------------------------------------------------------------------------


def _fillings(pattern: Atoms, text: Atoms, blanks: list[Blank]) -> list[dict[Hashable, str]]:
    """Return every joint filling of the blanks that have few texts and need it; [] when there is nothing to try."""
    times: dict[Hashable, int] = {}
    for blank in blanks:
        times[blank.identity] = times.get(blank.identity, 0) + 1
    in_pattern = {atom.identity for atom in pattern if isinstance(atom, Blank)}
    choices: dict[Hashable, tuple[str, ...]] = {}
    combinations = 1
    for blank in blanks:
        if blank.identity is None or blank.identity in choices:
            continue
        if not blank.shape.one_of and times[blank.identity] == 1 and blank.identity not in in_pattern:
            continue  # step 4 and 5 are exact for it
        texts = _few_texts(blank.shape)
        if texts and combinations * len(texts) <= MAX_FILLINGS:
            combinations *= len(texts)
            choices[blank.identity] = texts
    if not choices:
        return []
    return [dict(zip(choices, filling, strict=True)) for filling in product(*choices.values())]


@lru_cache(maxsize=256)
def _few_texts(shape: Shape) -> tuple[str, ...]:
    """Return every text of the shape when there are few, else ()."""
    if shape.one_of:
        return shape.one_of if len(shape.one_of) <= MAX_FILLINGS else ()
    if shape.longest == 0:
        return ("",)
    if shape.alphabet is None or shape.longest is None or shape.longest < shape.shortest:
        return ()
    total = 0
    for length in range(shape.shortest, min(shape.longest, MAX_FILLINGS) + 1):
        total += len(shape.alphabet) ** length
        if total > MAX_FILLINGS:
            return ()
    if shape.longest > MAX_FILLINGS:
        return ()
    letters = sorted(shape.alphabet)
    return tuple("".join(word) for length in range(shape.shortest, shape.longest + 1) for word in product(letters, repeat=length))


def _filled(atoms: Atoms, filling: dict[Hashable, str]) -> Atoms:
    filled: list[Atom] = []
    for atom in atoms:
        if not isinstance(atom, Blank) or atom.identity not in filling:
            filled.append(atom)
        elif atom.wild:
            filled.extend(Wild(letter) if letter in "*?" else letter for letter in filling[atom.identity])
        else:
            filled.extend(filling[atom.identity])
    return tuple(filled)


# -- the ends ----------------------------------------------------------------------------------------------------------


def _merged(pattern: Atoms) -> Atoms:
    """Return the pattern with runs of ``*`` as one ``*``."""
    merged: list[Atom] = []
    for atom in pattern:
        if atom is not Wild.STAR or not merged or merged[-1] is not Wild.STAR:
            merged.append(atom)
    return tuple(merged)


def _without_common_ends(pattern: Atoms, text: Atoms) -> tuple[Atoms, Atoms, bool]:
    """Return both sides without what they certainly share at their ends, and whether the ends exclude a match."""
    start, limit = 0, min(len(pattern), len(text))
    while start < limit:
        shared = _shared(pattern[start], text[start])
        if shared is None:
            break
        if not shared:
            return pattern, text, True
        start += 1
    pattern, text = pattern[start:], text[start:]
    end, limit = 0, min(len(pattern), len(text))
    while end < limit:
        shared = _shared(pattern[-1 - end], text[-1 - end])
        if shared is None:
            break
        if not shared:
            return pattern, text, True
        end += 1
    return pattern[: len(pattern) - end], text[: len(text) - end], False


def _shared(left: Atom, right: Atom) -> bool | None:
    """Return whether two atoms at the same place are the same for certain; None when that is not certain."""
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    if left is Wild.ONE and isinstance(right, str):
        return True
    if isinstance(left, Blank) and isinstance(right, Blank) and left.identity == right.identity is not None and not left.wild:
        return True
    return None


# -- NO: is there any text at all that both sides allow ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cell:
    """One link of a chain: a character of ``letters`` (None: any), perhaps left out, perhaps repeated."""

    letters: frozenset[str] | None
    optional: bool = False
    repeats: bool = False


_ANY_RUN = _Cell(None, True, True)
_ANY_ONE = _Cell(None)


@lru_cache(maxsize=1024)
def _letter(letter: str) -> _Cell:
    return _Cell(frozenset(letter))


def _chain(atoms: Atoms) -> list[_Cell]:
    cells: list[_Cell] = []
    for atom in atoms:
        if isinstance(atom, str):
            cells.append(_letter(atom))
        elif atom is Wild.STAR:
            cells.append(_ANY_RUN)
        elif atom is Wild.ONE:
            cells.append(_ANY_ONE)
        else:
            assert isinstance(atom, Blank)
            cells.extend(_blank_cells(atom))
    return cells


@lru_cache(maxsize=512)
def _blank_cells(blank: Blank) -> tuple[_Cell, ...]:
    if blank.wild:
        return (_ANY_RUN,)
    letters, shortest, longest = _bounds(blank.shape)
    cells = [_Cell(letters)] * min(shortest, MAX_CHAIN)
    if longest is None or longest > MAX_CHAIN:
        cells.append(_Cell(letters, True, True))
    else:
        cells.extend([_Cell(letters, True)] * (longest - shortest))
    return tuple(cells)


def _bounds(shape: Shape) -> tuple[frozenset[str] | None, int, int | None]:
    """Return letters, least and greatest length; for one of several texts, of all of them together."""
    if not shape.one_of:
        return shape.alphabet, shape.shortest, shape.longest
    lengths = [len(text) for text in shape.one_of]
    return frozenset("".join(shape.one_of)), min(lengths), max(lengths)


def _may_match(pattern: Atoms, text: Atoms) -> bool:
    left, right = _chain(pattern), _chain(text)
    goal = (len(left), len(right))
    seen = {(0, 0)}
    waiting = [(0, 0)]
    while waiting:
        at = waiting.pop()
        if at == goal:
            return True
        for following in _following(left, right, *at):
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return False


def _following(left: list[_Cell], right: list[_Cell], i: int, j: int) -> Iterator[tuple[int, int]]:
    one = left[i] if i < len(left) else None
    other = right[j] if j < len(right) else None
    if one is not None and one.optional:
        yield i + 1, j
    if other is not None and other.optional:
        yield i, j + 1
    if one is None or other is None:
        return
    if one.letters is None or other.letters is None:
        meet = one.letters != frozenset() != other.letters
    else:
        meet = not one.letters.isdisjoint(other.letters)
    if meet:
        yield (i if one.repeats else i + 1), (j if other.repeats else j + 1)


# -- YES: does every text lead to the end of the pattern ---------------------------------------------------------------


class _Automaton:
    """The pattern's positions as bits: bit p is set when the first p atoms have matched so far."""

    def __init__(self, pattern: Atoms) -> None:
        self.final = 1 << len(pattern)
        self.stars = self.ones = 0
        self.letters: dict[str, int] = {}
        self.blanks: dict[Hashable, int] = {}
        for position, atom in enumerate(pattern):
            bit = 1 << position
            if atom is Wild.STAR:
                self.stars |= bit
            elif atom is Wild.ONE:
                self.ones |= bit
            elif isinstance(atom, str):
                self.letters[atom] = self.letters.get(atom, 0) | bit
            elif isinstance(atom, Blank) and atom.identity is not None:
                self.blanks[atom.identity] = self.blanks.get(atom.identity, 0) | bit

    def closure(self, positions: int) -> int:
        return positions | (positions & self.stars) << 1

    def step(self, positions: int, letter: str) -> int:
        """Return where ``letter`` leads; "" is a letter that the pattern does not have."""
        moved = (positions & (self.ones | self.letters.get(letter, 0))) << 1
        return self.closure(moved | positions & self.stars)

    def step_over(self, positions: int, identity: Hashable) -> int:
        """Return where a blank leads that also stands in the pattern, when it is taken as one piece."""
        moved = (positions & self.blanks.get(identity, 0)) << 1
        return self.closure(moved | positions & self.stars)


def _must_match(pattern: Atoms, text: Atoms) -> bool:
    automaton = _Automaton(pattern)
    sets = {automaton.closure(1)}
    for atom in text:
        if isinstance(atom, str):
            sets = {automaton.step(positions, atom) for positions in sets}
        else:
            assert isinstance(atom, Blank)
            reached = _over_blank(automaton, sets, atom)
            if reached is None:
                return False
            sets = reached
        if 0 in sets:
            return False
    return all(positions & automaton.final for positions in sets)


def _over_blank(automaton: _Automaton, sets: set[int], blank: Blank) -> set[int] | None:
    """Return the smallest sets after every text of the blank; None when there are too many to look at."""
    if automaton.blanks.get(blank.identity, 0):
        whole = {positions: automaton.step_over(positions, blank.identity) for positions in sets}
        if all(whole.values()):
            return _smallest(whole.values())
    alphabet, shortest, longest = _bounds(blank.shape)
    letters = [letter for letter in automaton.letters if alphabet is None or letter in alphabet]
    if alphabet is None or len(letters) < len(alphabet):
        letters.append("")
    if longest is not None and longest > MAX_CHAIN:
        longest = None
    if shortest > MAX_CHAIN:
        shortest = MAX_CHAIN
    collected: set[int] = set()
    seen: set[int] = set()
    level = set(sets)
    length = looked_at = 0
    while level:
        if length >= shortest:
            collected |= level
            if longest is None:
                level -= seen
                seen |= level
        if longest is not None and length == longest:
            break
        level = _smallest({automaton.step(positions, letter) for positions in level for letter in letters})
        looked_at += len(level)
        if looked_at > MAX_SETS:
            return None
        length += 1
    return _smallest(collected)


def _smallest(sets: Iterable[int]) -> set[int]:
    kept: list[int] = []
    for positions in sorted(set(sets), key=lambda each: each.bit_count()):
        if not any(small & positions == small for small in kept):
            kept.append(positions)
    return set(kept)


# -- ARNs --------------------------------------------------------------------------------------------------------------

ARN_SEGMENTS = 6


def arn_match(pattern: Atoms, text: Atoms) -> Match:
    """Return whether an ARN pattern matches an ARN: each of the six colon-separated segments by itself (C10).

    What AWS does with a pattern of fewer segments is not documented: MAYBE, unless the text as a whole cannot match either.
    """
    whole = match(pattern, text)
    if whole is Match.NO:
        return Match.NO  # a match segment by segment is also one of the whole
    left, right = _segments(pattern), _segments(text)
    if left is None or right is None:
        return Match.YES if _are_the_same(pattern, text) else Match.MAYBE
    return Match.all_of(match(one, other) for one, other in zip(left, right, strict=True))


def _are_the_same(pattern: Atoms, text: Atoms) -> bool:
    """Whether both are one text, whatever it is: a pattern that holds wildcards matches its own text, too."""

    def same(one: Atom, other: Atom) -> bool:
        if isinstance(one, Blank):
            return isinstance(other, Blank) and one.identity == other.identity is not None
        return one == other

    return len(pattern) == len(text) and all(map(same, pattern, text))


def _segments(atoms: Atoms) -> list[Atoms] | None:
    """Return the six segments; None when there are fewer, or a blank before the last one may hold a colon."""
    segments: list[Atoms] = []
    start = 0
    for position, atom in enumerate(atoms):
        if atom == ":":
            segments.append(atoms[start:position])
            start = position + 1
            if len(segments) == ARN_SEGMENTS - 1:
                segments.append(atoms[start:])
                return segments
        elif isinstance(atom, Blank) and _may_hold(atom, ":"):
            return None
    return None


def _may_hold(blank: Blank, letter: str) -> bool:
    if blank.shape.one_of:
        return any(letter in text for text in blank.shape.one_of)
    return blank.shape.alphabet is None or letter in blank.shape.alphabet
