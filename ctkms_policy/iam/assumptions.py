"""Which places could be meant: what account, Region and partition a policy names, and the bindings worth trying.

Real policies name literal accounts and Regions while the code does not say where it is deployed. The unknowns are the symbols that
the requests carry there; candidates are what the policy itself writes in the corresponding places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from itertools import combinations, product

from ctkms_policy.iam.arns import arn_parts
from ctkms_policy.iam.binding import Binding, Hole, texts_of
from ctkms_policy.iam.request import KeyFacts, LogFacts
from ctkms_policy.model import Condition, KeyPolicy, Principal, Statement, partition_of
from ctkms_policy.value import Known, Literal, Reference, Symbol, SymbolKind, Template, Text, Value, concatenate, describe, text_parts

MAX_BINDINGS = 200


class Kind(Enum):
    """The kinds of place; the value is the index in an ARN."""

    ACCOUNT = 4
    REGION = 3
    PARTITION = 1
    SUFFIX = 0
    """the DNS suffix of a service principal: it stands in no ARN"""


_LITERAL = {
    Kind.ACCOUNT: re.compile(r"[0-9]{12}"),
    Kind.REGION: re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]"),
    Kind.PARTITION: re.compile(r"aws(-[a-z]+)*"),
}
_ACCOUNT_KEYS = ("aws:sourceaccount", "kms:calleraccount", "aws:principalaccount", "aws:resourceaccount")
_REGION_KEYS = ("aws:requestedregion",)


@dataclass(frozen=True, slots=True)
class Assumption:
    """What had to be assumed about a symbol for the answers to hold: its name and its value, as text."""

    symbol: str
    value: str


@dataclass(frozen=True)
class Unknowns:
    """What is open about the places of a trail and its key, with the candidates for each hole in order of preference."""

    candidates: dict[Hole, tuple[Text, ...]]
    named: dict[Kind, tuple[Known, ...]]
    """the literals that the policy names"""
    places: tuple[tuple[Text, Text], ...] = ()
    """Region and partition of the trail and of its key"""

    def bindings(self) -> Iterator[Binding]:
        """Yield bindings, fewest assumptions first, at most MAX_BINDINGS; none of them is empty."""
        holes = list(self.candidates)
        count = 0
        for size in range(1, len(holes) + 1):
            for chosen in combinations(holes, size):
                for values in product(*(self.candidates[hole] for hole in chosen)):
                    binding = dict(zip(chosen, values, strict=True))
                    if _has_cycle(binding) or not self._is_possible(binding):
                        continue
                    yield binding
                    count += 1
                    if count >= MAX_BINDINGS:
                        return

    def _is_possible(self, binding: Binding) -> bool:
        """Whether trail and key are in a Region of their partition, and every Region that is assumed in every such partition."""
        bound = [(hole.name.partition("[")[0], value) for hole, value in binding.items() if isinstance(hole, Symbol)]
        regions = [value for name, value in bound if name == "region"]
        partitions = [value for name, value in bound if name == "partition"]
        places = [(_bound(region, binding), _bound(partition, binding)) for region, partition in self.places]
        return all(is_a_place(region, partition) for region, partition in (*product(regions, partitions), *places))


def _bound(text: Text, binding: Binding) -> Text:
    return binding.get(text, text) if isinstance(text, (Symbol, Reference)) else text


def is_a_place(region: Text, partition: Text) -> bool:
    """Return whether the Region may lie in the partition (A19)."""
    return not isinstance(region, Known) or not isinstance(partition, Known) or partition_of(region) == partition


def _has_cycle(binding: Binding) -> bool:
    """Whether a hole is bound to one that is itself bound to a hole."""
    return any(isinstance(value, (Symbol, Reference)) and isinstance(binding.get(value), (Symbol, Reference)) for value in binding.values())


def unknowns_of(policy: KeyPolicy, log: LogFacts, key: KeyFacts) -> Unknowns:
    """Return what is open about the places of a trail and its key, and what the policy suggests."""
    named = named_places(policy)
    candidates: dict[Hole, tuple[Text, ...]] = {}
    requests = {
        Kind.ACCOUNT: (log.owner, key.account),
        Kind.REGION: (log.region, key.region),
        Kind.PARTITION: (log.partition, key.partition),
    }
    literals: dict[Kind, tuple[Known, ...]] = {}
    for kind, requested in requests.items():
        literals[kind] = tuple(text for text in named[kind] if isinstance(text, Known))
        own = list(dict.fromkeys(text for text in requested if isinstance(text, (Symbol, Reference))))
        written = [text for text in named[kind] if isinstance(text, (Symbol, Reference)) and _may_be_assumed(text)]
        for hole in own:
            candidates[hole] = (*literals[kind], *(text for text in written if text not in own))
        for hole in written:
            others = tuple(
                dict.fromkeys(
                    text for text in requested if text != hole and not (isinstance(text, (Symbol, Reference)) and text not in own)
                )
            )
            if hole in own:
                candidates[hole] = (*candidates[hole], *others)
            elif not own:
                candidates[hole] = others
            else:
                # The request's symbol may be assumed to be this one; a further one must be assumed to be the same.
                candidates.setdefault(hole, others)
    for hole in _suffixes(policy):
        candidates.setdefault(hole, tuple(Known(text) for text in sorted(hole.shape.one_of, key=lambda text: text != "amazonaws.com")))
    places = ((log.region, log.partition), (key.region, key.partition))
    return Unknowns({hole: values for hole, values in candidates.items() if values}, literals, places)


def _may_be_assumed(hole: Hole) -> bool:
    return isinstance(hole, Reference) or hole.kind is not SymbolKind.GENERATED


def _suffixes(policy: KeyPolicy) -> Iterator[Symbol]:
    """Yield the ambient symbols of service principals: ``cloudtrail.${AWS::URLSuffix}``."""
    for text, _ in texts_of(policy):
        if isinstance(text, Template):
            for part in text.parts:
                if isinstance(part, Symbol) and part.kind is SymbolKind.AMBIENT and part.shape.one_of:
                    yield part


def named_places(policy: KeyPolicy) -> dict[Kind, list[Text]]:
    """Return the accounts, Regions and partitions that a policy names, in order; wildcards and placeholders are none."""
    found: dict[Kind, dict[Text, None]] = {kind: {} for kind in Kind}
    for text, condition in texts_of(policy):
        for kind, place in _places(text, condition):
            if _is_place(kind, place):
                found[kind].setdefault(place)
    return {kind: list(places) for kind, places in found.items()}


def _is_place(kind: Kind, text: Text) -> bool:
    if isinstance(text, Known):
        return _LITERAL[kind].fullmatch(str(text.value)) is not None
    return isinstance(text, (Symbol, Reference))


def _places(text: Text, condition: Condition | None) -> Iterator[tuple[Kind, Text]]:
    parts = arn_parts(text)
    if parts is not None:
        for kind in (Kind.ACCOUNT, Kind.REGION, Kind.PARTITION):
            yield kind, parts[kind.value]
        return
    key = str(condition.key.value).lower() if condition is not None and isinstance(condition.key, Known) else ""
    if condition is None or key in _ACCOUNT_KEYS:
        if not isinstance(text, (Symbol, Reference)) or condition is not None:
            yield Kind.ACCOUNT, text
    elif key in _REGION_KEYS:
        yield Kind.REGION, text
    elif key == "kms:viaservice":
        yield from ((Kind.REGION, region) for region in _service_region(text))


def _service_region(text: Text) -> Iterator[Text]:
    """Yield the Region in ``s3.us-east-1.amazonaws.com``."""
    pieces: list[list[Value]] = [[]]
    for part in text_parts(text):
        if not isinstance(part, Literal):
            pieces[-1].append(part)
            continue
        for number, piece in enumerate(part.text.split(".")):
            if number:
                pieces.append([])
            if piece:
                pieces[-1].append(Known(piece))
    if len(pieces) >= 3 and len(pieces[1]) == 1 and isinstance(pieces[1][0], (Known, Symbol, Reference)):
        yield pieces[1][0]


def assumptions_of(binding: Binding) -> tuple[Assumption, ...]:
    """Return a binding in words."""
    return tuple(
        Assumption(_name(hole), describe(value, quoted=False) if isinstance(value, Known) else _name(value))
        for hole, value in binding.items()
    )


def _name(text: Text) -> str:
    return text.name if isinstance(text, Symbol) else describe(text)


# -- none of the named places ------------------------------------------------------------------------------------------

_ELSEWHERE = "\ufffe"
"""A character that stands in no name of a place: what holds it matches no account, Region or partition."""


def without_places(policy: KeyPolicy, kinds: tuple[Kind, ...], literals: dict[Kind, tuple[Known, ...]]) -> KeyPolicy:
    """Return the policy as it looks from a place that it does not name: its literals of those kinds match nothing."""
    texts = {kind: {str(text.value) for text in literals[kind]} for kind in kinds}

    def elsewhere(value: Value, condition: Condition | None) -> Value:
        if not isinstance(value, (Known, Template)):
            return value
        parts = arn_parts(value)
        if parts is not None:
            changed = list(parts)
            for kind in kinds:
                part = parts[kind.value]
                if isinstance(part, Known) and part.value in texts[kind]:
                    changed[kind.value] = Known(_ELSEWHERE)
            if changed == list(parts):
                return value
            return concatenate(
                [piece for number, part in enumerate(changed) for piece in ((Known(":"), part) if number else (part,))], value.origin
            )
        named = [
            kind for kind, place in _places(value, condition) if kind in kinds and isinstance(place, Known) and place.value in texts[kind]
        ]
        return Known(_ELSEWHERE, value.origin) if named else value

    def statement_elsewhere(statement: Statement) -> Statement:
        return replace(
            statement,
            principals=tuple(Principal(each.type, elsewhere(each.value, None)) for each in statement.principals),
            resources=tuple(elsewhere(value, None) for value in statement.resources),
            conditions=tuple(replace(each, values=tuple(elsewhere(value, each) for value in each.values)) for each in statement.conditions),
        )

    return replace(policy, statements=tuple(statement_elsewhere(statement) for statement in policy.statements))
