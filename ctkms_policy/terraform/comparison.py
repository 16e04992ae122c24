"""Equality and order of values: certainly so, certainly not so, or a Choice between the two with the condition in words."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

from ctkms_policy.terraform.conversion import MAX_ITEMS, Failure, Number, fraction, reason_of, to_number
from ctkms_policy.value import (
    NOWHERE,
    Absent,
    Branch,
    Choice,
    Hole,
    JsonText,
    Known,
    ListValue,
    Literal,
    MapValue,
    Match,
    Origin,
    Reference,
    Shape,
    Symbol,
    SymbolKind,
    Template,
    Text,
    Unknown,
    Value,
    describe,
    text_parts,
)

TRUE, FALSE = 0, 1
"""Branch indexes of a Choice that a condition decides."""


def decided_by(condition: str, when_true: str, when_false: str, chosen: bool | None = None, origin: Origin = NOWHERE) -> Choice:
    """Return the bool that ``condition`` is: a Choice between true and false."""
    index = None if chosen is None else TRUE if chosen else FALSE
    place = Origin(origin.span)
    return Choice(condition, (Branch(when_true, Known(True, place)), Branch(when_false, Known(False, place))), index, origin)


def equal(left: Value, right: Value) -> Value:
    """Return the bool ``left == right`` of two values that are no Choice: Known, Choice, or Unknown where types are not known.

    Nothing is converted: ``1 == "1"`` is false in Terraform.
    """
    if isinstance(left, Failure):
        return left
    if isinstance(right, Failure):
        return right
    if isinstance(left, (ListValue, MapValue)) and isinstance(right, (ListValue, MapValue)):
        return _equal_collections(left, right)
    answer = matches(left, right)
    if answer is not Match.MAYBE:
        return Known(answer is Match.YES)
    if isinstance(left, (Known, Absent)):
        left, right = right, left
    if _has_no_identity(left) or _has_no_identity(right):
        return Unknown(reason_of(left if _has_no_identity(left) else right))
    if isinstance(left, Symbol) and isinstance(right, Known) and isinstance(right.value, bool):
        words = (f"{describe(left)} = true", f"{describe(left)} = false")
        return _of_bool_symbol(left.name, words, right.value)
    return decided_by(
        f"{identity_of(left)} == {identity_of(right)}",
        f"{describe(left)} == {describe(right)}",
        f"{describe(left)} != {describe(right)}",
    )


def _of_bool_symbol(name: str, words: tuple[str, str], wanted: bool) -> Choice:
    """Return ``symbol == true`` (or ``false``) under the identity that the symbol has as a condition."""
    return Choice(name, (Branch(words[0], Known(wanted)), Branch(words[1], Known(not wanted))))


def less(left: Value, right: Value) -> Value:
    """Return the bool ``left < right`` of two values that are no Choice; numbers are all that Terraform orders."""
    left, right = to_number(left), to_number(right)
    if isinstance(left, Failure):
        return left
    if isinstance(right, Failure):
        return right
    if isinstance(left, Known) and isinstance(right, Known):
        assert not isinstance(left.value, str)
        assert not isinstance(right.value, str)
        return Known(fraction(left.value) < fraction(right.value))
    if _has_no_identity(left) or _has_no_identity(right):
        return Unknown(reason_of(left if _has_no_identity(left) else right))
    return decided_by(
        f"{identity_of(left)} < {identity_of(right)}",
        f"{describe(left)} < {describe(right)}",
        f"{describe(left)} >= {describe(right)}",
    )


def identity_of(value: Value) -> str:
    """Return a text that no other value with an identity has: what ``describe`` says, with the names of symbols."""
    if isinstance(value, Symbol):
        return value.name
    if isinstance(value, Template):
        return '"' + "".join(part.text if isinstance(part, Literal) else "${" + identity_of(part) + "}" for part in value.parts) + '"'
    if isinstance(value, Known) and isinstance(value.value, str):
        return f'"{value.value}"'
    return describe(value)


def _has_no_identity(value: Value) -> bool:
    if isinstance(value, Template):
        return any(isinstance(part, Unknown) for part in value.parts)
    return not isinstance(value, (Known, Absent, Symbol, Reference))


def matches(left: Value, right: Value) -> Match:
    """Return whether two values that are neither Choice nor collections are equal."""
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return Match.MAYBE
    if isinstance(left, Absent) or isinstance(right, Absent):
        return _both_null(left, right)
    if isinstance(left, (ListValue, MapValue)) or isinstance(right, (ListValue, MapValue)):
        return Match.of(False) if _is_text(left) or _is_text(right) else Match.MAYBE
    if isinstance(left, Known) and isinstance(right, Known):
        return Match.of(same_scalar(left.value, right.value))
    if _has_no_identity(left) or _has_no_identity(right):
        if isinstance(left, JsonText) and isinstance(right, JsonText):
            return Match.MAYBE
    elif left == right:
        return Match.YES
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Known) and not isinstance(one.value, str) and isinstance(other, (Template, JsonText)):
            return Match.NO
        if isinstance(one, JsonText) and isinstance(other, Known) and other.value == "":
            return Match.NO
    if isinstance(left, JsonText) or isinstance(right, JsonText):
        return Match.MAYBE
    if isinstance(right, Known):
        return _fits(left, right)
    if isinstance(left, Known):
        return _fits(right, left)
    return _ends_fit(left, right)


def same_scalar(left: str | Number | bool, right: str | Number | bool) -> bool:
    """Tell whether two scalars are equal and of one type."""
    if isinstance(left, str) or isinstance(right, str) or isinstance(left, bool) or isinstance(right, bool):
        return type(left) is type(right) and left == right
    return fraction(left) == fraction(right)


def _both_null(left: Value, right: Value) -> Match:
    other = right if isinstance(left, Absent) else left
    if isinstance(other, Absent):
        return Match.YES
    return Match.MAYBE if isinstance(other, Symbol) and may_be_unset(other) else Match.NO


def may_be_unset(symbol: Symbol) -> bool:
    """Tell whether a symbol may also be null: an input, or an attribute of something that exists elsewhere."""
    return symbol.kind in (SymbolKind.INPUT, SymbolKind.EXTERNAL) and shape_of(symbol).shortest == 0


def may_be_empty(value: Text) -> bool:
    """Tell whether a string may be "": certainly not when it has a literal, or a hole that is never empty."""
    return all(not part.text if isinstance(part, Literal) else shape_of(part).shortest == 0 for part in text_parts(value))


def shape_of(hole: Hole) -> Shape:
    """Return what is certain about the text of a hole; an attribute known after the deployment is not empty.

    The ARN or id of a KMS key or alias holds no blanks.
    """
    if isinstance(hole, Symbol):
        if hole.shape.one_of:
            lengths = [len(text) for text in hole.shape.one_of]
            return Shape(frozenset("".join(hole.shape.one_of)), min(lengths), max(lengths), hole.shape.one_of)
        return hole.shape
    if isinstance(hole, Reference):
        is_of_kms = hole.attribute in _KMS_NAMES and _KMS_RESOURCE.search(hole.address)
        return Shape(_KMS_ALPHABET if is_of_kms else None, shortest=1)
    return Shape()


_KMS_RESOURCE = re.compile(r"(?:^|\.)aws_kms_(?:key|external_key|replica_key|alias)\.")
_KMS_NAMES = frozenset(("arn", "id", "key_id", "target_key_arn", "target_key_id"))
_KMS_ALPHABET = frozenset(f"{string.ascii_letters}{string.digits}:/_-")


def excludes(hole: Hole, characters: Iterable[str]) -> bool:
    """Tell whether none of the characters can be in the text of a hole."""
    alphabet = shape_of(hole).alphabet
    return alphabet is not None and not alphabet.intersection(characters)


def _is_text(value: Value) -> bool:
    return isinstance(value, (Known, Template, JsonText))


def _fits(text: Value, known: Known) -> Match:
    """Return whether a string with holes can be the known one."""
    assert isinstance(text, (Template, Symbol, Reference))
    if not isinstance(known.value, str):
        return Match.MAYBE if not isinstance(text, Template) else Match.NO
    parts = text_parts(text)
    literals = [part.text if isinstance(part, Literal) else None for part in parts]
    content, start, end = known.value, 0, len(known.value)
    if literals[0] is not None:
        if not content.startswith(literals[0]):
            return Match.NO
        start = len(literals[0])
    if literals[-1] is not None and len(literals) > 1:
        if not content.endswith(literals[-1]):
            return Match.NO
        end -= len(literals[-1])
    middle = [part for part, literal in zip(parts, literals, strict=True) if literal is None]
    if sum(shape_of(hole).shortest for hole in middle if not isinstance(hole, Literal)) > end - start:
        return Match.NO
    if len(middle) == 1 and not isinstance(middle[0], Literal):
        return Match.MAYBE if _has_shape(content[start:end], shape_of(middle[0])) and start <= end else Match.NO
    for literal in literals[1:-1]:
        if literal is not None:
            found = content.find(literal, start, end)
            if found < 0:
                return Match.NO
            start = found + len(literal)
    return Match.MAYBE if start <= end else Match.NO


def _has_shape(text: str, shape: Shape) -> bool:
    if shape.one_of:
        return text in shape.one_of
    if shape.longest is not None and len(text) > shape.longest:
        return False
    return len(text) >= shape.shortest and (shape.alphabet is None or shape.alphabet.issuperset(text))


def _ends_fit(left: Value, right: Value) -> Match:
    """Return NO for two strings with holes whose literal beginnings or ends contradict each other."""
    assert isinstance(left, (Template, Symbol, Reference))
    assert isinstance(right, (Template, Symbol, Reference))
    ends = []
    for value in (left, right):
        parts = text_parts(value)
        first, last = parts[0], parts[-1]
        ends.append((first.text if isinstance(first, Literal) else "", last.text if isinstance(last, Literal) else ""))
    (start, end), (other_start, other_end) = ends
    fit = (start.startswith(other_start) or other_start.startswith(start)) and (end.endswith(other_end) or other_end.endswith(end))
    return Match.MAYBE if fit else Match.NO


def _equal_collections(left: ListValue | MapValue, right: ListValue | MapValue) -> Value:
    """Return false where contents certainly differ; equal contents say nothing while a list and a tuple are not told apart."""
    unsure = Unknown("lists and maps are equal only when their types are the same, which is not known here")
    if isinstance(left, ListValue) and isinstance(right, ListValue):
        if left.rest or right.rest:
            return unsure
        if len(left.items) != len(right.items):
            return Known(False)
        pairs = list(zip(left.items, right.items, strict=True))
    elif isinstance(left, MapValue) and isinstance(right, MapValue):
        if left.rest or right.rest or not all(isinstance(entry.key, Known) for entry in (*left.entries, *right.entries)):
            return unsure
        if {entry.name for entry in left.entries} != {entry.name for entry in right.entries}:
            return Known(False)
        pairs = [(entry.value, other) for entry in left.entries if (other := right.get(entry.name)) is not None]
    else:
        return Known(False)
    return Known(False) if any(_certainly_differ(one, other) for one, other in pairs[:MAX_ITEMS]) else unsure


def _certainly_differ(left: Value, right: Value) -> bool:
    if isinstance(left, Choice):
        return all(_certainly_differ(branch.value, right) for branch in left.branches)
    if isinstance(right, Choice):
        return all(_certainly_differ(left, branch.value) for branch in right.branches)
    answer = equal(left, right)
    return isinstance(answer, Known) and answer.value is False
