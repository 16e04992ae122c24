"""What a configuration says about one attribute: the one algebra of both languages.

Most wrong answers of this field come from two-valued predicates over three-valued facts. Nothing here has a truth value and
there is no ``is_empty``: ask a question that answers with a ``Match``.

=============  =====================================================================================================
Known          a scalar that is certain; ``""`` is ``Known("")``
Absent         HCL ``null``, ``AWS::NoValue``, or an attribute that is not there
Template       a string with holes, each a Symbol, a Reference or an Unknown
Symbol         one unknown string with an identity: it equals itself, and may or may not equal another
Reference      an attribute of a resource that is known only after the deployment (``aws_kms_key.logs.arn``)
JsonText       a string that is the JSON encoding of a value (``jsonencode``, ``aws_iam_policy_document``)
Choice         one of several values, each with its condition in words; inputs may say which one by default
Unknown        nothing is known, and why
ListValue      a list, tuple or set
MapValue       a map or object
=============  =====================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from typing import TypeAlias, Union

from ctkms_policy.source import Span, TextMap

MAX_COMBINATIONS = 32
"""Above this many combinations of branches a result is Unknown: evaluation must not explode."""


class Match(IntEnum):
    """The answer to a question about values; ordered, so that "all of" is min and "any of" is max."""

    NO = 0
    MAYBE = 1
    YES = 2

    @staticmethod
    def all_of(answers: Iterable[Match]) -> Match:
        """Return YES when every answer is YES (also when there is none), NO when one is NO."""
        return min(answers, default=Match.YES)

    @staticmethod
    def any_of(answers: Iterable[Match]) -> Match:
        """Return YES when one answer is YES, NO when every answer is NO (also when there is none)."""
        return max(answers, default=Match.NO)

    @staticmethod
    def of(claim: bool) -> Match:
        """Return YES or NO for a claim that is certain."""
        return Match.YES if claim else Match.NO

    def inverted(self) -> Match:
        """Return the answer to the opposite question; MAYBE stays MAYBE."""
        return Match(2 - self)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of how a value came about, in words: ``var.kms_key_arn, default null``."""

    text: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value stands and how it came about.

    span       the expression that was written for it
    via        the chain from the attribute to the expression, outermost first
    inputs     the names of the inputs with defaults (variables, parameters) whose default decided the value: another
               input could make it another one
    sensitive  it must never be printed
    decision   what a bool with such inputs is as a Choice of them, so that conditions that depend on the same input go the
               same way (``local.create = var.create && var.enabled``)
    """

    span: Span | None = None
    via: tuple[Step, ...] = ()
    inputs: frozenset[str] = frozenset()
    sensitive: bool = False
    decision: Choice | None = field(default=None, repr=False)

    def through(self, step: Step) -> Origin:
        """Return this origin with one more step in front."""
        return replace(self, via=(step, *self.via))

    def after(self, way: tuple[Step, ...]) -> Origin:
        """Return this origin with the steps of another way in front, each step once."""
        return replace(self, via=tuple(dict.fromkeys((*way, *self.via)))) if way else self

    def joined(self, *others: Origin) -> Origin:
        """Return this origin with the inputs and the sensitivity of the others added."""
        inputs = self.inputs.union(*(other.inputs for other in others))
        return replace(self, inputs=inputs, sensitive=self.sensitive or any(other.sensitive for other in others))


NOWHERE = Origin()


@dataclass(frozen=True, slots=True)
class Shape:
    """What is certain about the text of a symbol.

    alphabet   the characters it is made of; None means any character
    shortest   its least length, longest its greatest; None means any length
    one_of     if not empty, it is one of these texts, and the other fields say nothing more
    """

    alphabet: frozenset[str] | None = None
    shortest: int = 0
    longest: int | None = None
    one_of: tuple[str, ...] = ()


LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
DIGITS = frozenset("0123456789")
ANY_TEXT = Shape()
ACCOUNT_ID = Shape(DIGITS, 12, 12)
REGION_NAME = Shape(LOWER | DIGITS | {"-"}, 9, 20)
PARTITION_NAME = Shape(LOWER | {"-"}, 3, 12)
KEY_ID = Shape(LOWER | DIGITS | {"-"}, 36, 36)
ALPHANUMERIC = Shape(LOWER | DIGITS | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 1)


class SymbolKind(Enum):
    """Why a symbol is not known, which decides what can be said about an attribute that is one."""

    AMBIENT = "ambient"
    """account, Region or partition of the deployment: configuration may bind it, requests may assume it"""
    INPUT = "input"
    """a variable or parameter without a default: it may also be empty"""
    EXTERNAL = "external"
    """something that exists elsewhere: an import, a data source, remote state, a dynamic reference"""
    GENERATED = "generated"
    """a name or suffix that the deployment makes up, of known shape"""


@dataclass(frozen=True, slots=True)
class Symbol:
    """One unknown string with an identity.

    name      the identity, unique in one Configuration: ``account``, ``region[aws.audit]``, ``var.env``, ``module.a.var.env``
    spelling  how the file itself writes it: ``data.aws_caller_identity.current.account_id``, ``AWS::AccountId``
    reason    why it is not known, in words a user can act on: ``var.env has no default``
    """

    name: str
    kind: SymbolKind = SymbolKind.INPUT
    shape: Shape = ANY_TEXT
    spelling: str = field(default="", compare=False)
    reason: str = field(default="", compare=False)
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """A scalar that is certain. ``text_map`` says where each character of a string stands, if that is known."""

    value: str | int | float | bool
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    text_map: TextMap | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Absent:
    """HCL ``null``, ``AWS::NoValue``, or an attribute that is not there."""

    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """An attribute of a resource or data source that is known only after the deployment.

    ``address`` is absolute within the Configuration: ``module.logs.aws_kms_key.this[0]`` or a logical ID; ``attribute`` is the
    language's own word (``arn``, ``Arn``; CloudFormation's Ref is ``Ref``).
    """

    address: str
    attribute: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing is known. ``reason`` says why, in words a user can act on. It equals nothing in a comparison, not even itself."""

    reason: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Failure(Unknown):
    """What certainly is an error at the deployment: an index out of range, a missing attribute, a wrong type.

    Terraform's ``try`` and ``can`` go on after it; everywhere else it is an Unknown like any other.
    """


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal piece of a Template."""

    text: str
    text_map: TextMap | None = field(default=None, compare=False, repr=False)


Hole: TypeAlias = Union[Symbol, Reference, Unknown]


@dataclass(frozen=True, slots=True)
class Template:
    """A string with holes. Built by ``concatenate``: no two literals are neighbours, none is empty, at least one part is a hole."""

    parts: tuple[Literal | Hole, ...]
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class JsonText:
    """A string that is the JSON encoding of ``document``, kept as the document so that every part keeps its span."""

    document: Value
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Branch:
    """One way a Choice may go. ``when`` is the condition in words: ``var.create_key = true``."""

    when: str
    value: Value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values.

    condition  identity of what decides: two choices with the same condition always go the same way (branch by branch)
    chosen     index of the branch that default inputs take; None when inputs without defaults decide
    """

    condition: str
    branches: tuple[Branch, ...]
    chosen: int | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ListValue:
    """A list, tuple or set. ``rest`` is the reason why further items may follow that are not known, or "".

    ``is_set`` is True where it certainly is a set: its items stand in the order of a set, have no number, and are their own keys.
    """

    items: tuple[Value, ...]
    rest: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)
    is_set: bool = field(default=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a MapValue. The key is a Known string nearly always, else a string with holes."""

    key: Known | Template | Symbol
    value: Value

    @property
    def name(self) -> str:
        """The key as text, with ``${...}`` for holes."""
        return describe(self.key, quoted=False)


@dataclass(frozen=True, slots=True)
class MapValue:
    """A map or object, in source order. ``rest`` is the reason why further entries may follow that are not known, or ""."""

    entries: tuple[Entry, ...]
    rest: str = ""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)

    def get(self, name: str) -> Value | None:
        """Return the value of the entry whose key is certainly ``name``, or None."""
        for entry in self.entries:
            if isinstance(entry.key, Known) and entry.key.value == name:
                return entry.value
        return None


Value: TypeAlias = Union[Known, Absent, Template, Symbol, Reference, JsonText, Choice, Unknown, ListValue, MapValue]
Text: TypeAlias = Union[Known, Template, Symbol, Reference, Unknown]
"""The values a string can be once choices are resolved."""


def at(value: Value, span: Span) -> Value:
    """Return ``value`` with its span replaced."""
    return replace(value, origin=replace(value.origin, span=span))


def through(value: Value, step: Step) -> Value:
    """Return ``value`` with one more step of its way in front."""
    return replace(value, origin=value.origin.through(step))


def taken(choice: Choice, index: int) -> Value:
    """Return what a branch of a Choice is, with the way of the Choice, which says what decides it, in front of its own."""
    value = choice.branches[index].value
    return replace(value, origin=value.origin.after(choice.origin.via)) if choice.origin.via else value


def with_sensitivity(value: Value, sensitive: bool) -> Value:
    """Return ``value`` as one of which nothing, or everything, may be printed, with all that is in it.

    The keys of a map keep what is said of them: they are names that other expressions look up.
    """
    value = replace(value, origin=replace(value.origin, sensitive=sensitive))
    if isinstance(value, ListValue):
        return replace(value, items=tuple(with_sensitivity(item, sensitive) for item in value.items))
    if isinstance(value, MapValue):
        return replace(value, entries=tuple(Entry(entry.key, with_sensitivity(entry.value, sensitive)) for entry in value.entries))
    if isinstance(value, JsonText):
        return replace(value, document=with_sensitivity(value.document, sensitive))
    if isinstance(value, Choice):
        return replace(value, branches=tuple(replace(branch, value=with_sensitivity(branch.value, sensitive)) for branch in value.branches))
    return value


def default_of(value: Value) -> Value:
    """Return what default inputs choose; a Choice that only inputs without defaults decide stays one."""
    while isinstance(value, Choice) and value.chosen is not None:
        value = taken(value, value.chosen)
    return value


def outcomes(value: Value) -> Iterator[tuple[tuple[str, ...], Value]]:
    """Yield every value that ``value`` may be, with the conditions (in words) under which it is; the default first."""
    if not isinstance(value, Choice):
        yield (), value
        return
    order = sorted(range(len(value.branches)), key=lambda index: index != value.chosen)
    for index in order:
        branch = value.branches[index]
        for conditions, outcome in outcomes(branch.value):
            yield (branch.when, *conditions), outcome


def texts_in(value: Value) -> Iterator[str]:
    """Yield every string that stands in a value, each part of it visited once."""
    waiting: list[Value] = [value]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, Known) and isinstance(each.value, str):
            yield each.value
        elif isinstance(each, ListValue):
            waiting.extend(each.items)
        elif isinstance(each, MapValue):
            waiting.extend(entry.value for entry in each.entries)


def lift(function: Callable[..., Value], arguments: Sequence[Value], origin: Origin = NOWHERE) -> Value:
    """Return ``function(*arguments)`` with every Choice among the arguments distributed over the result.

    Choices with the same condition go the same way. Returns Unknown above MAX_COMBINATIONS combinations.
    """
    position = next((index for index, argument in enumerate(arguments) if isinstance(argument, Choice)), None)
    if position is None:
        return function(*arguments)
    if _combinations(arguments) > MAX_COMBINATIONS:
        return Unknown("too many combinations of conditions", origin)
    choice = arguments[position]
    assert isinstance(choice, Choice)
    branches = []
    for index, branch in enumerate(choice.branches):
        narrowed = [_narrow(argument, choice.condition, index) for argument in arguments]
        narrowed[position] = _narrow(branch.value, choice.condition, index)
        branches.append(Branch(branch.when, lift(function, narrowed, origin)))
    origin = replace(origin.after(choice.origin.via), inputs=origin.inputs | choice.origin.inputs)
    return choose(choice.condition, branches, choice.chosen, origin)


def choose(condition: str, branches: Sequence[Branch], chosen: int | None, origin: Origin = NOWHERE) -> Value:
    """Return a Choice, or the one value when every branch has an equal one that is certain."""
    first = branches[0].value
    if all(branch.value == first for branch in branches[1:]) and not isinstance(first, Unknown):
        return first
    return Choice(condition, tuple(branches), chosen, origin)


def _narrow(value: Value, condition: str, index: int) -> Value:
    while isinstance(value, Choice) and value.condition == condition and index < len(value.branches):
        value = value.branches[index].value
    return value


def _combinations(arguments: Sequence[Value]) -> int:
    sizes: dict[str, int] = {}
    for argument in arguments:
        _count_choices(argument, sizes)
    total = 1
    for size in sizes.values():
        total *= size
    return total


def _count_choices(value: Value, sizes: dict[str, int]) -> None:
    if isinstance(value, Choice):
        sizes[value.condition] = max(len(value.branches), sizes.get(value.condition, 1))
        for branch in value.branches:
            _count_choices(branch.value, sizes)


def concatenate(values: Iterable[Value], origin: Origin = NOWHERE) -> Value:
    """Return the string that the values make when written one after the other.

    Scalars are written as Terraform and CloudFormation write them (``true``, ``1``). A Choice is distributed; a list, a map or
    Absent makes the result Unknown.
    """
    return lift(lambda *parts: _concatenate(parts, origin), tuple(values), origin)


def _concatenate(values: Sequence[Value], origin: Origin) -> Value:
    origin = origin.joined(*(value.origin for value in values))
    parts: list[Literal | Hole] = []
    for value in values:
        if isinstance(value, JsonText):
            value = json_text(value)
        if isinstance(value, Known):
            parts.append(Literal(scalar_text(value.value), value.text_map))
        elif isinstance(value, Template):
            parts.extend(value.parts)
        elif isinstance(value, (Symbol, Reference, Unknown)):
            parts.append(value)
        elif isinstance(value, Absent):
            return Unknown("a null value in a string", origin)
        else:
            return Unknown("a list or map in a string", origin)
    merged = _merge_literals(parts)
    if not merged:
        return Known("", origin)
    if len(merged) == 1 and isinstance(merged[0], Literal):
        return Known(merged[0].text, origin, merged[0].text_map)
    return Template(tuple(merged), origin)


def _merge_literals(parts: Iterable[Literal | Hole]) -> list[Literal | Hole]:
    merged: list[Literal | Hole] = []
    for part in parts:
        if isinstance(part, Literal):
            if not part.text:
                continue
            if merged and isinstance(merged[-1], Literal):
                merged[-1] = _join(merged[-1], part)
                continue
        merged.append(part)
    return merged


def _join(left: Literal, right: Literal) -> Literal:
    text_map = None
    if left.text_map is not None and right.text_map is not None and left.text_map.path == right.text_map.path:
        moved = tuple(replace(run, offset=run.offset + len(left.text)) for run in right.text_map.runs)
        text_map = TextMap(left.text_map.path, (*left.text_map.runs, *moved))
    return Literal(left.text + right.text, text_map)


def scalar_text(scalar: str | int | float | bool) -> str:
    """Return the scalar as both languages write it into a string."""
    if isinstance(scalar, bool):
        return "true" if scalar else "false"
    if isinstance(scalar, float) and scalar.is_integer():
        return str(int(scalar))
    return str(scalar)


def text_parts(value: Text) -> tuple[Literal | Hole, ...]:
    """Return the literals and holes of a string."""
    if isinstance(value, Template):
        return value.parts
    if isinstance(value, Known):
        return (Literal(scalar_text(value.value), value.text_map),)
    return (value,)


def substitute(value: Value, replacement: Callable[[Symbol | Reference], Value]) -> Value:
    """Return ``value`` with every Symbol and Reference in it replaced by what ``replacement`` returns for it."""
    if isinstance(value, (Symbol, Reference)):
        return replacement(value)
    if isinstance(value, Template):
        if not any(isinstance(part, (Symbol, Reference)) for part in value.parts):
            return value
        return concatenate(
            (
                Known(part.text, text_map=part.text_map) if isinstance(part, Literal) else substitute(part, replacement)
                for part in value.parts
            ),
            value.origin,
        )
    if isinstance(value, ListValue):
        return replace(value, items=tuple(substitute(item, replacement) for item in value.items))
    if isinstance(value, MapValue):
        entries = []
        for entry in value.entries:
            key = substitute(entry.key, replacement)
            entries.append(Entry(key if isinstance(key, (Known, Template, Symbol)) else entry.key, substitute(entry.value, replacement)))
        return replace(value, entries=tuple(entries))
    if isinstance(value, JsonText):
        return replace(value, document=substitute(value.document, replacement))
    if isinstance(value, Choice):
        return replace(value, branches=tuple(replace(branch, value=substitute(branch.value, replacement)) for branch in value.branches))
    return value


def json_text(value: JsonText) -> Value:
    """Return the JSON encoding as a Known string or Template, as Terraform's ``jsonencode`` writes it (no blanks)."""
    return concatenate(_json_parts(value.document), value.origin)


def _json_parts(value: Value) -> Iterator[Value]:
    import json

    if isinstance(value, Absent):
        yield Known("null")
    elif isinstance(value, Known):
        if isinstance(value.value, str):
            yield Known(json.dumps(value.value, ensure_ascii=False))
        else:
            yield Known(scalar_text(value.value))
    elif isinstance(value, Template):
        yield Known('"')
        for part in value.parts:
            yield Known(json.dumps(part.text, ensure_ascii=False)[1:-1]) if isinstance(part, Literal) else part
        yield Known('"')
    elif isinstance(value, (Symbol, Reference)):
        yield from (Known('"'), value, Known('"'))
    elif isinstance(value, ListValue):
        yield Known("[")
        for number, item in enumerate(value.items):
            if number:
                yield Known(",")
            yield from _json_parts(item)
        if value.rest:
            yield Unknown(value.rest)
        yield Known("]")
    elif isinstance(value, MapValue):
        yield Known("{")
        for number, entry in enumerate(value.entries):
            if number:
                yield Known(",")
            yield from _json_parts(entry.key)
            yield Known(":")
            yield from _json_parts(entry.value)
        if value.rest:
            yield Unknown(value.rest)
        yield Known("}")
    elif isinstance(value, JsonText):
        yield from _json_parts(json_text(value))
    elif isinstance(value, Choice):
        yield lift(lambda outcome: concatenate(_json_parts(outcome)), (value,))
    else:
        yield value


def printable(value: Value, name: str) -> Value:
    """Return a symbol in the place of a sensitive text, for messages quote it. It has no place: that line holds the text."""
    if not value.origin.sensitive or isinstance(value, (Symbol, Reference, Unknown, Absent)):
        return value
    return Symbol(name, SymbolKind.EXTERNAL, ANY_TEXT, "(sensitive value)", f"{name} is sensitive")


def describe(value: Value, *, quoted: bool = True) -> str:
    """Return the value in words for a message: strings quoted, holes as ``${spelling}``, sensitive values hidden."""
    if value.origin.sensitive:
        return "(sensitive value)"
    if isinstance(value, Known) and not isinstance(value.value, str):
        return scalar_text(value.value)
    if isinstance(value, (Known, Template)):
        text = "".join(part.text if isinstance(part, Literal) else "${" + _hole_text(part) + "}" for part in text_parts(value))
        return f'"{text}"' if quoted else text
    if isinstance(value, Absent):
        return "null"
    if isinstance(value, (Symbol, Reference, Unknown)):
        return _hole_text(value) if quoted else "${" + _hole_text(value) + "}"
    if isinstance(value, JsonText):
        return "a JSON document"
    if isinstance(value, Choice):
        return " or ".join(f"{describe(outcome)} ({', '.join(conditions)})" for conditions, outcome in outcomes(value))
    return "a list" if isinstance(value, ListValue) else "a map"


def _hole_text(hole: Hole) -> str:
    if isinstance(hole, Symbol):
        return hole.spelling or hole.name
    if isinstance(hole, Reference):
        return f"{hole.address}.{hole.attribute}" if hole.attribute else hole.address
    return f"unknown: {hole.reason}"
