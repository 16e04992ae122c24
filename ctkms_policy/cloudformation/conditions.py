"""Conditions as formulas over the inputs of a deployment: what default inputs decide, what other inputs could, and in which words.

Nothing here evaluates a template; ``intrinsics.py`` builds the formulas. All parts of one Configuration share the same inputs: a
parameter of a nested stack is followed to the root template's parameter that it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias, Union

MAX_STEPS = 2_000
"""Steps of one search; what is not found within them counts as possible."""

MAX_DEPTH = 40
"""Nesting of one formula; deeper ones count as undecided."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One input: a parameter of the root template, or the account, Region or partition.

    name      its identity: the name of its Symbol
    spelling  how messages call it
    default   the text it has by default, None where nothing says
    allowed   if not empty, the only texts it may have
    """

    name: str
    spelling: str = field(compare=False)
    default: str | None = None
    allowed: tuple[str, ...] = ()
    shortest: int = 0
    longest: int | None = None

    def admits(self, text: str) -> bool:
        """Return whether the input may be ``text`` at all."""
        if self.allowed:
            return text in self.allowed
        return self.shortest <= len(text) and (self.longest is None or len(text) <= self.longest)


@dataclass(frozen=True, slots=True)
class Domain:
    """What is left of an input: one of ``only`` (any text when None), none of ``excluded``."""

    only: tuple[str, ...] | None = None
    excluded: frozenset[str] = frozenset()

    def admits(self, text: str) -> bool:
        """Return whether ``text`` is left."""
        return text not in self.excluded and (self.only is None or text in self.only)


@dataclass(frozen=True, slots=True)
class Constant:
    """A condition that no input changes."""

    value: bool


@dataclass(frozen=True, slots=True)
class Equal:
    """``subject`` is ``text``."""

    subject: Subject
    text: str


@dataclass(frozen=True, slots=True)
class Opaque:
    """A comparison that is not one of an input with a text: ``left = right`` in words, and what default inputs make of it."""

    text: str
    subjects: tuple[Subject, ...] = field(default=(), compare=False)
    default: bool | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of ``operand``."""

    operand: Formula


@dataclass(frozen=True, slots=True)
class And:
    """Every operand; an Or is written as the Not of an And of Nots."""

    operands: tuple[Formula, ...]


Formula: TypeAlias = Union[Constant, Equal, Opaque, Not, And]

TRUE = Constant(True)
FALSE = Constant(False)


def negated(formula: Formula) -> Formula:
    """Return the opposite; two negations cancel out."""
    if isinstance(formula, Constant):
        return Constant(not formula.value)
    return formula.operand if isinstance(formula, Not) else Not(formula)


def all_of(operands: tuple[Formula, ...]) -> Formula:
    """Return the formula that is true when every operand is; constants and repetitions disappear."""
    kept: list[Formula] = []
    for operand in operands:
        if operand == FALSE:
            return FALSE
        for each in operand.operands if isinstance(operand, And) else (operand,):
            if each != TRUE and each not in kept:
                kept.append(each)
    if not kept:
        return TRUE
    return kept[0] if len(kept) == 1 else And(tuple(kept))


def any_of(operands: tuple[Formula, ...]) -> Formula:
    """Return the formula that is true when one operand is."""
    return negated(all_of(tuple(negated(operand) for operand in operands)))


def is_text(subject: Subject, text: str) -> Formula:
    """Return the formula "subject is text". Of an input with two allowed values only the first is compared with."""
    if not subject.admits(text):
        return FALSE
    if len(subject.allowed) == 1:
        return TRUE
    if len(subject.allowed) == 2 and text == subject.allowed[1]:
        return Not(Equal(subject, subject.allowed[0]))
    return Equal(subject, text)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is assumed about the inputs. Two empty mappings mean: anything, with the defaults first.

    domains   what is left of an input, by its name
    opaque    comparisons whose outcome is assumed, by their text
    symbolic  parameters are symbols even where they have a default: to see what a comparison depends on
    """

    domains: Mapping[str, Domain] = field(default_factory=dict)
    opaque: Mapping[str, bool] = field(default_factory=dict)
    symbolic: bool = False

    def narrowed(self, subject: Subject, text: str, equal: bool) -> Inputs | None:
        """Return these inputs with ``subject`` being ``text`` or not, or None when that is impossible."""
        domain = self.domains.get(subject.name) or Domain(subject.allowed or None)
        if equal:
            if not domain.admits(text) or not subject.admits(text):
                return None
            domain = Domain((text,))
        elif domain.only is not None:
            domain = Domain(tuple(each for each in domain.only if each != text))
            if not domain.only:
                return None
        else:
            domain = replace(domain, excluded=domain.excluded | {text})
        return replace(self, domains={**self.domains, subject.name: domain})

    def joined(self, other: Inputs) -> Inputs | None:
        """Return what both say about the inputs, or None where they contradict each other."""
        if any(self.opaque.get(text, value) is not value for text, value in other.opaque.items()):
            return None
        domains = dict(self.domains)
        for name, domain in other.domains.items():
            mine = domains.get(name, Domain())
            excluded = mine.excluded | domain.excluded
            only = domain.only if mine.only is None else mine.only
            if only is not None:
                only = tuple(each for each in only if mine.admits(each) and domain.admits(each))
            if only == ():
                return None
            domains[name] = Domain(only, excluded if only is None else frozenset())
        return replace(self, domains=domains, opaque={**self.opaque, **other.opaque})

    def default_of(self, subject: Subject) -> str | None:
        """Return the text the input has unless somebody says otherwise, or None."""
        domain = self.domains.get(subject.name)
        if domain is None:
            return subject.default
        if domain.only is not None and len(domain.only) == 1:
            return domain.only[0]
        return subject.default if subject.default is not None and domain.admits(subject.default) else None


def outcome(formula: Formula, inputs: Inputs, depth: int = 0) -> bool | None:
    """Return what the formula is with default inputs, or None when they do not decide it."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(formula, Constant):
        return formula.value
    if isinstance(formula, Not):
        result = outcome(formula.operand, inputs, depth + 1)
        return None if result is None else not result
    if isinstance(formula, And):
        results = {outcome(operand, inputs, depth + 1) for operand in formula.operands}
        return False if False in results else None if None in results else True
    if isinstance(formula, Opaque):
        if formula.text in inputs.opaque:
            return inputs.opaque[formula.text]
        return formula.default if all(inputs.default_of(each) == each.default for each in formula.subjects) else None
    default = inputs.default_of(formula.subject)
    if default is not None:
        return default == formula.text
    domain = inputs.domains.get(formula.subject.name)
    return False if domain is not None and not domain.admits(formula.text) else None


def solve(formula: Formula, wanted: bool, inputs: Inputs) -> Inputs | None:
    """Return inputs, as near to the default ones as the search finds, that make the formula ``wanted``; None: no input can.

    A search that takes more than MAX_STEPS gives ``inputs`` back: possible, but nobody knows how.
    """
    try:
        return next(_solutions(formula, wanted, inputs, _Budget(MAX_STEPS), 0), None)
    except _BudgetSpent:
        return inputs


def certain(formula: Formula, inputs: Inputs) -> bool | None:
    """Return what the formula is whatever the inputs are, or None when inputs decide."""
    if isinstance(formula, Constant):
        return formula.value
    if solve(formula, True, inputs) is None:
        return False
    return True if solve(formula, False, inputs) is None else None


class _BudgetSpent(Exception):
    pass


class _Budget:
    def __init__(self, steps: int) -> None:
        self._steps = steps

    def take(self, depth: int) -> None:
        self._steps -= 1
        if self._steps < 0 or depth > MAX_DEPTH:
            raise _BudgetSpent


def _solutions(formula: Formula, wanted: bool, inputs: Inputs, budget: _Budget, depth: int) -> Iterator[Inputs]:
    budget.take(depth)
    if isinstance(formula, Constant):
        if formula.value is wanted:
            yield inputs
    elif isinstance(formula, Not):
        yield from _solutions(formula.operand, not wanted, inputs, budget, depth + 1)
    elif isinstance(formula, Equal):
        narrowed = inputs.narrowed(formula.subject, formula.text, wanted)
        if narrowed is not None:
            yield narrowed
    elif isinstance(formula, Opaque):
        if inputs.opaque.get(formula.text, wanted) is wanted:
            yield replace(inputs, opaque={**inputs.opaque, formula.text: wanted})
    elif wanted:
        yield from _solve_all(formula.operands, inputs, budget, depth)
    else:
        # The operand that default inputs already make false comes first: nothing has to change for it.
        for operand in sorted(formula.operands, key=lambda each: outcome(each, inputs) is not False):
            yield from _solutions(operand, False, inputs, budget, depth + 1)


def _solve_all(operands: tuple[Formula, ...], inputs: Inputs, budget: _Budget, depth: int) -> Iterator[Inputs]:
    if not operands:
        yield inputs
        return
    for narrowed in _solutions(operands[0], True, inputs, budget, depth + 1):
        yield from _solve_all(operands[1:], narrowed, budget, depth + 1)


def assume(formula: Formula, wanted: bool, inputs: Inputs, depth: int = 0) -> Inputs | None:
    """Return ``inputs`` with only what follows from the formula being ``wanted``, or None when that is impossible."""
    if depth > MAX_DEPTH:
        return inputs
    if isinstance(formula, Constant):
        return inputs if formula.value is wanted else None
    if isinstance(formula, Not):
        return assume(formula.operand, not wanted, inputs, depth + 1)
    if isinstance(formula, Equal):
        return inputs.narrowed(formula.subject, formula.text, wanted)
    if isinstance(formula, Opaque):
        if inputs.opaque.get(formula.text, wanted) is not wanted:
            return None
        return replace(inputs, opaque={**inputs.opaque, formula.text: wanted})
    if wanted:
        narrowed: Inputs | None = inputs
        for operand in formula.operands:
            narrowed = assume(operand, True, narrowed, depth + 1) if narrowed is not None else None
        return narrowed
    return _assume_one_false(formula.operands, inputs, depth)


def _assume_one_false(operands: tuple[Formula, ...], inputs: Inputs, depth: int) -> Inputs | None:
    open_ones = [operand for operand in operands if certain(operand, inputs) is not True]
    if not open_ones:
        return None
    if len(open_ones) == 1:
        return assume(open_ones[0], False, inputs, depth + 1)
    pairs = [(each.operand.subject, each.operand.text) for each in open_ones if isinstance(each, Not) and isinstance(each.operand, Equal)]
    if len(pairs) == len(open_ones) and len({subject.name for subject, _ in pairs}) == 1:
        subject = pairs[0][0]
        domain = inputs.domains.get(subject.name) or Domain(subject.allowed or None)
        left = tuple(text for _, text in pairs if domain.admits(text))
        return replace(inputs, domains={**inputs.domains, subject.name: Domain(left)}) if left else None
    return inputs


# -- words -------------------------------------------------------------------------------------------------------------


def identity(formula: Formula, depth: int = 0) -> str:
    """Return a text that is the same for the same formula and no other."""
    if depth > MAX_DEPTH:
        return "..."
    if isinstance(formula, Constant):
        return "true" if formula.value else "false"
    if isinstance(formula, Equal):
        return f"{formula.subject.name} = {_quoted(formula.text)}"
    if isinstance(formula, Opaque):
        return formula.text
    if isinstance(formula, Not):
        return f"not ({identity(formula.operand, depth + 1)})"
    return " and ".join(f"({identity(operand, depth + 1)})" for operand in formula.operands)


def in_words(formula: Formula, wanted: bool, name: str = "") -> str:
    """Return when the formula is ``wanted``: ``UseKms = false``, else by the condition's name: ``condition UseKms is false``."""
    words = _words(formula, wanted)
    if words and len(words) <= 3:
        return " and ".join(words)
    if name:
        return f"condition {name} is {'true' if wanted else 'false'}"
    return f"{identity(formula)} is {'true' if wanted else 'false'}"


def _words(formula: Formula, wanted: bool, depth: int = 0) -> list[str] | None:
    if depth > MAX_DEPTH:
        return None
    if isinstance(formula, Not):
        return _words(formula.operand, not wanted, depth + 1)
    if isinstance(formula, Equal):
        return [_comparison(formula.subject, formula.text, wanted)]
    if isinstance(formula, And) and wanted:
        parts = [_words(operand, True, depth + 1) for operand in formula.operands]
        return None if any(part is None for part in parts) else [word for part in parts if part is not None for word in part]
    if isinstance(formula, And) and len(formula.operands) <= 3:
        alternatives = [_words(operand, False, depth + 1) for operand in formula.operands]
        if all(each is not None and len(each) == 1 for each in alternatives):
            return [" or ".join(each[0] for each in alternatives if each is not None)]
    return None


def _comparison(subject: Subject, text: str, equal: bool) -> str:
    if not equal and len(subject.allowed) == 2 and text in subject.allowed:
        text, equal = next(each for each in subject.allowed if each != text), True
    return f"{subject.spelling} {'=' if equal else '!='} {_quoted(text)}"


def _quoted(text: str) -> str:
    return text if text and not any(character.isspace() or character in '"=,()' for character in text) else f'"{text}"'


def changes_in_words(before: Inputs, after: Inputs, subjects: Mapping[str, Subject], name: str = "") -> str:
    """Return which inputs must differ from the default ones, in words; "" when none has to."""
    words = []
    for subject_name, domain in after.domains.items():
        subject = subjects.get(subject_name)
        if subject is None or before.domains.get(subject_name) == domain:
            continue
        default = before.default_of(subject)
        if default is not None and domain.admits(default):
            continue
        if domain.only is not None:
            words.append(" or ".join(_comparison(subject, each, True) for each in domain.only))
        elif domain.excluded:
            shown = sorted(domain.excluded) if default is None or default not in domain.excluded else [default]
            words.extend(_comparison(subject, each, False) for each in shown)
    words.extend(
        f"{text} is {'true' if value else 'false'}" for text, value in after.opaque.items() if before.opaque.get(text) is not value
    )
    if words and len(words) <= 4:
        return " and ".join(words)
    return f"condition {name} is true" if name else ""


def subjects_of(formula: Formula, depth: int = 0) -> Iterator[Subject]:
    """Yield every input the formula depends on."""
    if depth > MAX_DEPTH:
        return
    if isinstance(formula, Equal):
        yield formula.subject
    elif isinstance(formula, Opaque):
        yield from formula.subjects
    elif isinstance(formula, Not):
        yield from subjects_of(formula.operand, depth + 1)
    elif isinstance(formula, And):
        for operand in formula.operands:
            yield from subjects_of(operand, depth + 1)
