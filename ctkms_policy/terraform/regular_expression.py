"""Regular expressions as Terraform has them: RE2's syntax, the leftmost match, in time linear in the text.

Python's ``re`` takes exponential time for some patterns, and a file that is linted may hold any pattern. So a pattern becomes a
small program that is run on all its threads at once, in order of preference (Pike's virtual machine, as in RE2 itself).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias, Union

_MAX_PROGRAM = 5_000
_MAX_STEPS = 5_000_000
_MAX_REPEAT = 1000
_MAX_DEPTH = 50

_DIGIT = frozenset("0123456789")
_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
_UPPER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_WORD = _DIGIT | _LOWER | _UPPER | {"_"}
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_NAMED = {
    "alnum": _DIGIT | _LOWER | _UPPER,
    "alpha": _LOWER | _UPPER,
    "ascii": frozenset(map(chr, range(128))),
    "blank": frozenset("\t "),
    "cntrl": frozenset(map(chr, (*range(32), 127))),
    "digit": _DIGIT,
    "graph": _PUNCTUATION | _DIGIT | _LOWER | _UPPER,
    "lower": _LOWER,
    "print": _PUNCTUATION | _DIGIT | _LOWER | _UPPER | {" "},
    "punct": _PUNCTUATION,
    "space": frozenset("\t\n\v\f\r "),
    "upper": _UPPER,
    "word": _WORD,
    "xdigit": _DIGIT | frozenset("abcdefABCDEF"),
}
_PERL = {"d": _DIGIT, "s": frozenset("\t\n\f\r "), "w": _WORD}
_ESCAPES = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}

_Test: TypeAlias = Callable[[str], bool]


class PatternError(ValueError):
    """What is not a regular expression for Terraform either."""


class UnsupportedPattern(Exception):
    """A regular expression, or a text, that is valid but not modelled."""


@dataclass(frozen=True, slots=True)
class _Characters:
    test: _Test


@dataclass(frozen=True, slots=True)
class _Split:
    first: int
    second: int


@dataclass(frozen=True, slots=True)
class _Jump:
    to: int


@dataclass(frozen=True, slots=True)
class _Save:
    slot: int


@dataclass(frozen=True, slots=True)
class _Assert:
    holds: Callable[[str, int], bool]


@dataclass(frozen=True, slots=True)
class _Accept:
    pass


_Instruction: TypeAlias = Union[_Characters, _Split, _Jump, _Save, _Assert, _Accept]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern. ``names`` are its named groups with their numbers."""

    program: tuple[_Instruction, ...]
    groups: int
    names: tuple[tuple[str, int], ...]

    def matches(self, text: str, most: int) -> list[list[str | None]]:
        """Return the first matches from left to right, each as the whole match and its groups. Raises UnsupportedPattern."""
        return [
            [None if start < 0 else text[start:end] for start, end in zip(slots[::2], slots[1::2], strict=True)]
            for slots in self._found(text, most)
        ]

    def replaced(self, text: str, new: str) -> str:
        """Return the text with every match replaced by ``new``, in which ``$1`` and ``${name}`` are groups. Raises UnsupportedPattern."""
        pieces = []
        end = 0
        for slots in self._found(text, len(text) + 1):
            pieces.append(text[end : slots[0]])
            pieces.append(self._expanded(new, text, slots))
            end = slots[1]
        return "".join((*pieces, text[end:]))

    def _expanded(self, new: str, text: str, slots: Sequence[int]) -> str:
        names = dict(self.names)
        pieces = []
        position = 0
        while position < len(new):
            if new[position] != "$":
                pieces.append(new[position])
                position += 1
                continue
            if new[position + 1 : position + 2] == "$":
                pieces.append("$")
                position += 2
                continue
            braced = new[position + 1 : position + 2] == "{"
            start = end = position + (2 if braced else 1)
            while end < len(new) and (new[end].isalnum() or new[end] == "_"):
                end += 1
            name = new[start:end]
            if not name or (braced and new[end : end + 1] != "}"):
                pieces.append("$")
                position += 1
                continue
            position = end + (1 if braced else 0)
            number = int(name) if name.isdecimal() and len(name) < 6 else names.get(name, -1)
            if 0 <= number <= self.groups and slots[2 * number] >= 0:
                pieces.append(text[slots[2 * number] : slots[2 * number + 1]])
        return "".join(pieces)

    def _found(self, text: str, most: int) -> list[tuple[int, ...]]:
        found: list[tuple[int, ...]] = []
        start, previous_end = 0, -1
        budget = [_MAX_STEPS]
        while start <= len(text) and len(found) < most:
            slots = self._match(text, start, budget)
            if slots is None:
                break
            if slots[1] > start or slots[0] != previous_end:
                found.append(slots)
            start = slots[1] if slots[1] > start else start + 1
            previous_end = slots[1]
        return found

    def _match(self, text: str, start: int, budget: list[int]) -> tuple[int, ...] | None:
        """Return the slots of the leftmost match from ``start`` on, or None."""
        empty = (-1,) * (2 * (self.groups + 1))
        best: tuple[int, ...] | None = None
        threads: dict[int, tuple[int, ...]] = {}
        for position in range(start, len(text) + 1):
            if best is None:
                self._follow(0, (position, *empty[1:]), text, position, threads, budget)
            elif not threads:
                break
            following: dict[int, tuple[int, ...]] = {}
            for at, slots in threads.items():
                instruction = self.program[at]
                if isinstance(instruction, _Accept):
                    best = (slots[0], position, *slots[2:])
                    break
                if isinstance(instruction, _Characters) and position < len(text) and instruction.test(text[position]):
                    self._follow(at + 1, slots, text, position + 1, following, budget)
            threads = following
        return best

    def _follow(
        self, at: int, slots: tuple[int, ...], text: str, position: int, threads: dict[int, tuple[int, ...]], budget: list[int]
    ) -> None:
        """Add the threads that are reached from an instruction without reading a character, the preferred ones first."""
        waiting = [(at, slots)]
        seen: set[int] = set()
        while waiting:
            budget[0] -= 1
            if budget[0] < 0:
                raise UnsupportedPattern("the regular expression or the text is too large")
            at, slots = waiting.pop()
            if at in threads or at in seen:
                continue
            seen.add(at)
            instruction = self.program[at]
            if isinstance(instruction, _Jump):
                waiting.append((instruction.to, slots))
            elif isinstance(instruction, _Split):
                waiting.append((instruction.second, slots))
                waiting.append((instruction.first, slots))
            elif isinstance(instruction, _Save):
                waiting.append((at + 1, (*slots[: instruction.slot], position, *slots[instruction.slot + 1 :])))
            elif isinstance(instruction, _Assert):
                if instruction.holds(text, position):
                    waiting.append((at + 1, slots))
            else:
                threads[at] = slots


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Pattern:
    """Return the program of a pattern. Raises PatternError where it is none, UnsupportedPattern where it is not modelled."""
    return _Compiler(pattern).pattern()


@dataclass(frozen=True, slots=True)
class _Flags:
    fold: bool = False
    multiline: bool = False
    dot_all: bool = False
    lazy: bool = False


class _Compiler:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._position = 0
        self._depth = 0
        self._groups = 0
        self._names: list[tuple[str, int]] = []

    def pattern(self) -> Pattern:
        code = self._alternatives(_Flags())
        if self._position < len(self._pattern):
            raise PatternError("an unexpected ) in the regular expression")
        program = [*code, _Accept()]
        names = tuple(self._names)
        if names and len(names) != self._groups:
            raise PatternError("named and unnamed groups in one regular expression")
        return Pattern(tuple(program), self._groups, names)

    def _peek(self) -> str:
        return self._pattern[self._position : self._position + 1]

    def _take(self) -> str:
        character = self._peek()
        if not character:
            raise PatternError("the regular expression ends too early")
        self._position += 1
        return character

    def _alternatives(self, flags: _Flags) -> list[_Instruction]:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise UnsupportedPattern("groups nested too deeply in the regular expression")
        branches: list[list[_Instruction]] = [[]] if self._peek() in ("|", ")", "") else []
        if not branches:
            code, flags = self._sequence(flags)
            branches = [code]
        while self._peek() == "|":
            self._position += 1
            code, flags = self._sequence(flags)
            branches.append(code)
        self._depth -= 1
        result = branches[-1]
        for branch in reversed(branches[:-1]):
            result = [
                _Split(1, len(branch) + 2),
                *_moved(branch, 1),
                _Jump(len(branch) + 2 + len(result)),
                *_moved(result, len(branch) + 2),
            ]
        return result

    def _sequence(self, flags: _Flags) -> tuple[list[_Instruction], _Flags]:
        code: list[_Instruction] = []
        while self._peek() not in ("", "|", ")"):
            if self._pattern.startswith("(?", self._position) and not self._pattern.startswith(("(?P<", "(?<"), self._position):
                changed = self._flags(flags)
                if self._take() == ")":
                    flags = changed
                    continue
                atom = self._group_rest(changed)
            else:
                atom = self._atom(flags)
            code.extend(_moved(self._repeated(atom, flags), len(code)))
            if len(code) > _MAX_PROGRAM:
                raise UnsupportedPattern("the regular expression is too large")
        return code, flags

    def _flags(self, flags: _Flags) -> _Flags:
        """Read ``(?flags`` up to the ``:`` or ``)`` after them."""
        self._position += 2
        values = {"i": flags.fold, "m": flags.multiline, "s": flags.dot_all, "U": flags.lazy}
        on = True
        while self._peek() not in (":", ")"):
            character = self._take()
            if character == "-" and on:
                on = False
            elif character in values:
                values[character] = on
            else:
                raise PatternError(f'"(?{character}" in the regular expression')
        return _Flags(values["i"], values["m"], values["s"], values["U"])

    def _group_rest(self, flags: _Flags) -> list[_Instruction]:
        code = self._alternatives(flags)
        if self._take() != ")":
            raise PatternError("a group without an end in the regular expression")
        return code

    def _atom(self, flags: _Flags) -> list[_Instruction]:
        character = self._take()
        if character == "(":
            return self._group(flags)
        if character == "[":
            return [_Characters(self._class(flags))]
        if character == ".":
            return [_Characters((lambda _: True) if flags.dot_all else (lambda each: each != "\n"))]
        if character == "^":
            return [_Assert(_at_line_start if flags.multiline else _at_start)]
        if character == "$":
            return [_Assert(_at_line_end if flags.multiline else _at_end)]
        if character == "\\":
            return self._escape(flags)
        if character in "*+?":
            raise PatternError(f'nothing to repeat before "{character}" in the regular expression')
        return [_Characters(_one_of(frozenset(character), flags.fold))]

    def _group(self, flags: _Flags) -> list[_Instruction]:
        self._groups += 1
        number = self._groups
        if self._peek() == "?":
            self._position += 3 if self._pattern.startswith("?P<", self._position) else 2
            end = self._pattern.find(">", self._position)
            name = self._pattern[self._position : end]
            if end < 0 or not name or not all(each in _WORD for each in name) or any(name == other for other, _ in self._names):
                raise PatternError("an invalid group name in the regular expression")
            self._names.append((name, number))
            self._position = end + 1
        inner = self._group_rest(flags)
        return [_Save(2 * number), *_moved(inner, 1), _Save(2 * number + 1)]

    def _escape(self, flags: _Flags) -> list[_Instruction]:
        character = self._take()
        if character == "A":
            return [_Assert(_at_start)]
        if character == "z":
            return [_Assert(_at_end)]
        if character == "b":
            return [_Assert(_at_word_boundary)]
        if character == "B":
            return [_Assert(lambda text, position: not _at_word_boundary(text, position))]
        if character.lower() in _PERL:
            return [_Characters(_perl(character))]
        if character in "pPCQ":
            raise UnsupportedPattern(f'"\\{character}" in a regular expression is not modelled')
        return [_Characters(_one_of(frozenset(self._literal(character)), flags.fold))]

    def _literal(self, character: str) -> str:
        """Return the character that an escape stands for."""
        if character in _ESCAPES:
            return _ESCAPES[character]
        if character == "x":
            if self._peek() == "{":
                end = self._pattern.find("}", self._position)
                digits, self._position = self._pattern[self._position + 1 : end], end + 1
            else:
                digits = self._pattern[self._position : self._position + 2]
                self._position += 2
            try:
                return chr(int(digits, 16))
            except (ValueError, OverflowError):
                raise PatternError("an invalid escape in the regular expression") from None
        if character == "0":
            digits = character
            while len(digits) < 3 and self._peek() in tuple("01234567"):
                digits += self._take()
            return chr(int(digits, 8))
        if character in _WORD or not character.isascii():
            raise PatternError(f'the escape "\\{character}" in the regular expression')
        return character

    def _class(self, flags: _Flags) -> _Test:
        negated = self._peek() == "^"
        if negated:
            self._position += 1
        tests: list[_Test] = []
        first = True
        while first or self._peek() != "]":
            first = False
            if self._pattern.startswith("[:", self._position):
                end = self._pattern.find(":]", self._position)
                name = self._pattern[self._position + 2 : end] if end >= 0 else ""
                named = _NAMED.get(name.removeprefix("^"))
                if named is None:
                    raise PatternError("an invalid character class in the regular expression")
                tests.append(_not_in(named) if name.startswith("^") else _one_of(named, flags.fold))
                self._position = end + 2
                continue
            character = self._take()
            if character == "\\":
                escape = self._take()
                if escape.lower() in _PERL:
                    tests.append(_perl(escape))
                    continue
                if escape in "pP":
                    raise UnsupportedPattern(f'"\\{escape}" in a regular expression is not modelled')
                character = self._literal(escape)
            last = character
            if self._peek() == "-" and self._pattern[self._position + 1 : self._position + 2] not in ("]", ""):
                self._position += 1
                last = self._take()
                if last == "\\":
                    last = self._literal(self._take())
                if last < character:
                    raise PatternError("an invalid range in the regular expression")
            tests.append(_between(character, last, flags.fold))
        self._position += 1
        chosen = tuple(tests)
        if negated:
            return lambda each: not any(test(each) for test in chosen)
        return lambda each: any(test(each) for test in chosen)

    def _repeated(self, atom: list[_Instruction], flags: _Flags) -> list[_Instruction]:
        repeated = False
        while True:
            bounds = self._bounds()
            if bounds is None:
                return atom
            if repeated:
                raise PatternError("two repetitions after each other in the regular expression")
            repeated = True
            lazy = flags.lazy
            if self._peek() == "?":
                self._position += 1
                lazy = not lazy
            atom = _repeat(atom, *bounds, lazy=lazy)

    def _bounds(self) -> tuple[int, int | None] | None:
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if self._peek() in simple:
            return simple[self._take()]
        if self._peek() != "{":
            return None
        end = self._pattern.find("}", self._position)
        least, comma, most = self._pattern[self._position + 1 : max(end, 0)].partition(",")
        if end < 0 or not least.isdecimal() or not (most.isdecimal() or not most) or len(least) > 5 or len(most) > 5:
            return None
        self._position = end + 1
        lower = int(least)
        upper = int(most) if most else None if comma else lower
        if lower > _MAX_REPEAT or (upper is not None and (upper > _MAX_REPEAT or upper < lower)):
            raise PatternError("an invalid number of repetitions in the regular expression")
        return lower, upper


def _repeat(atom: list[_Instruction], least: int, most: int | None, *, lazy: bool) -> list[_Instruction]:
    if len(atom) * (most or least + 1) > _MAX_PROGRAM:
        raise UnsupportedPattern("the regular expression is too large")
    code: list[_Instruction] = []
    if most is None:
        for _ in range(max(0, least - 1)):
            code.extend(_moved(atom, len(code)))
        start = len(code) + (1 if least == 0 else 0)
        end = start + len(atom) + 1
        if least == 0:
            code.append(_Split(end, start) if lazy else _Split(start, end))
        code.extend(_moved(atom, start))
        code.append(_Split(end, start) if lazy else _Split(start, end))
        return code
    for _ in range(least):
        code.extend(_moved(atom, len(code)))
    end = len(code) + (most - least) * (len(atom) + 1)
    for _ in range(most - least):
        start = len(code)
        code.append(_Split(end, start + 1) if lazy else _Split(start + 1, end))
        code.extend(_moved(atom, start + 1))
    return code


def _moved(code: Sequence[_Instruction], by: int) -> list[_Instruction]:
    """Return code with its jumps moved: all jumps are absolute within their piece of code."""
    return [
        _Split(each.first + by, each.second + by) if isinstance(each, _Split) else _Jump(each.to + by) if isinstance(each, _Jump) else each
        for each in code
    ]


def _one_of(characters: frozenset[str], fold: bool) -> _Test:
    if fold:
        characters = frozenset(each for character in characters for each in (character, character.lower(), character.upper()))
    return characters.__contains__


def _not_in(characters: frozenset[str]) -> _Test:
    return lambda each: each not in characters


def _between(first: str, last: str, fold: bool) -> _Test:
    if fold:
        return lambda each: first <= each <= last or first <= each.lower() <= last or first <= each.upper() <= last
    return lambda each: first <= each <= last


def _perl(letter: str) -> _Test:
    characters = _PERL[letter.lower()]
    return characters.__contains__ if letter.islower() else _not_in(characters)


def _at_start(text: str, position: int) -> bool:
    return position == 0


def _at_end(text: str, position: int) -> bool:
    return position == len(text)


def _at_line_start(text: str, position: int) -> bool:
    return position == 0 or text[position - 1] == "\n"


def _at_line_end(text: str, position: int) -> bool:
    return position == len(text) or text[position] == "\n"


def _at_word_boundary(text: str, position: int) -> bool:
    before = position > 0 and text[position - 1] in _WORD
    return before != (position < len(text) and text[position] in _WORD)
