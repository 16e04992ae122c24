"""Strings: ``join``, ``format``, ``replace``, ``split`` ... Where a string has holes, what is certain about it is still said."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ctkms_policy.terraform.comparison import excludes, shape_of
from ctkms_policy.terraform.conversion import (
    MAX_ITEMS,
    MAX_TEXT,
    Failure,
    plain_text,
    to_number,
    to_text,
    written,
    written_json,
)
from ctkms_policy.terraform.functions.context import TEXT, Context, Function, over_items, scalar_function
from ctkms_policy.terraform.regular_expression import Pattern, PatternError, UnsupportedPattern, compile_pattern
from ctkms_policy.value import (
    Absent,
    Known,
    ListValue,
    Literal,
    MapValue,
    Origin,
    Reference,
    Symbol,
    Template,
    Unknown,
    Value,
    describe,
    text_parts,
)

_BLANKS = " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


def _pieces(value: Value) -> Template | Known | None:
    """Return a string whose parts can be looked at one by one, or None."""
    value = plain_text(value)
    if isinstance(value, (Known, Template)):
        return value
    return Template((value,), value.origin) if isinstance(value, (Symbol, Reference)) else None


def _built(parts: Sequence[Value | Literal], origin: Origin) -> Value:
    return written((Known(part.text, text_map=part.text_map) if isinstance(part, Literal) else part for part in parts), origin)


def _cut(literal: Literal, start: int, end: int) -> Literal:
    """Return a part of a literal with its place."""
    text_map = literal.text_map.part(start, end) if literal.text_map is not None else None
    return Literal(literal.text[start:end], text_map)


def slice_known(value: Known, start: int, end: int, origin: Origin) -> Known:
    """Return a substring that keeps its place in the source."""
    assert isinstance(value.value, str)
    return Known(value.value[start:end], origin, value.text_map.part(start, end) if value.text_map is not None else None)


def split_text(value: Value, separator: str, origin: Origin, most: int = MAX_ITEMS) -> list[Value] | None:
    """Return the pieces of a string between separators, at most ``most``; None where a hole may hold a separator."""
    text = _pieces(value)
    if text is None or not separator:
        return None
    parts = text_parts(text)
    pieces: list[list[Value | Literal]] = [[]]
    for part in parts:
        if not isinstance(part, Literal):
            if len(pieces) < most and not (excludes(part, separator) and (len(separator) == 1 or shape_of(part).shortest > 0)):
                return None
            pieces[-1].append(part)
            continue
        start = 0
        while len(pieces) < most and (found := part.text.find(separator, start)) >= 0:
            pieces[-1].append(_cut(part, start, found))
            pieces.append([])
            start = found + len(separator)
        pieces[-1].append(_cut(part, start, len(part.text)))
    return [_built(piece, origin) for piece in pieces]


def _arity(context: Context, arguments: Sequence[Value], count: int) -> Failure | None:
    return context.failure(f"{len(arguments)} arguments") if len(arguments) != count else None


def split(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the pieces of the second argument between the separators of the first."""
    wrong = _arity(context, arguments, 2)
    if wrong:
        return wrong
    separator, text = plain_text(arguments[0]), plain_text(arguments[1])
    for argument in (separator, text):
        if isinstance(argument, Failure):
            return context.failure(argument.reason)
    if not isinstance(separator, Known):
        return context.unknown(separator)
    assert isinstance(separator.value, str)
    if separator.value == "":
        if not isinstance(text, Known):
            return context.unknown(text)
        assert isinstance(text.value, str)
        if len(text.value) > MAX_ITEMS:
            return Unknown(f"a list of more than {MAX_ITEMS} items", context.origin)
        return ListValue(tuple(Known(character, context.origin) for character in text.value), "", context.origin)
    pieces = split_text(text, separator.value, context.origin, MAX_ITEMS + 1)
    if pieces is None:
        return context.unknown(text)
    if len(pieces) > MAX_ITEMS:
        return Unknown(f"a list of more than {MAX_ITEMS} items", context.origin)
    return ListValue(tuple(pieces), "", context.origin)


def join(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the strings of one or more lists with a separator between them."""
    if len(arguments) < 2:
        return context.failure(f"{len(arguments)} arguments")
    separator = plain_text(arguments[0])
    if isinstance(separator, Failure):
        return context.failure(separator.reason)
    parts: list[Value] = []
    rest: Value | None = None
    first = True
    for argument in arguments[1:]:
        if isinstance(argument, ListValue):
            for item in argument.items:
                text = to_text(item)
                if isinstance(text, Failure):
                    return context.failure(text.reason)
                if not first:
                    parts.append(separator)
                parts.append(written_json(text))
                first = False
            rest = rest or (argument if argument.rest else None)
        elif isinstance(argument, (Unknown, Symbol, Reference)):
            rest = rest or argument
        else:
            return context.failure(f"{describe(argument)} is no list")
    if rest is not None:
        return context.unknown(rest)
    return written(parts, context.origin)


def _mapped(change: Callable[[str], str]) -> Function:
    """Return a function that changes each character by itself; holes stay where their characters certainly stay the same."""

    def call(context: Context, arguments: Sequence[Value]) -> Value:
        wrong = _arity(context, arguments, 1)
        if wrong:
            return wrong
        text = plain_text(arguments[0])
        if isinstance(text, Failure):
            return context.failure(text.reason)
        pieces = _pieces(text)
        if pieces is None:
            return context.unknown(text)
        changed: list[Value | Literal] = []
        for part in text_parts(pieces):
            if isinstance(part, Literal):
                moved = change(part.text)
                changed.append(Literal(moved, part.text_map if len(moved) == len(part.text) else None))
            else:
                alphabet = shape_of(part).alphabet
                if alphabet is None or any(change(character) != character for character in alphabet):
                    return context.unknown(part)
                changed.append(part)
        return _built(changed, context.origin)

    return call


def _lower(text: str) -> str:
    return "".join(character.lower()[:1] for character in text)


def _upper(text: str) -> str:
    return "".join(character.upper() if len(character.upper()) == 1 else character for character in text)


def _title(text: str) -> str:
    return re.sub(r"(?<![\w'])\w|(?<=')\w", lambda match: _upper(match.group()), text)


def _trimming(cutset_of: Callable[[str], str], *, left: bool = True, right: bool = True, arguments_needed: int = 1) -> Function:
    """Return a function that takes characters off the ends."""

    def call(context: Context, arguments: Sequence[Value]) -> Value:
        wrong = _arity(context, arguments, arguments_needed)
        if wrong:
            return wrong
        texts = [plain_text(argument) for argument in arguments]
        failure = next((text for text in texts if isinstance(text, Failure)), None)
        if failure is not None:
            return context.failure(failure.reason)
        cutset = ""
        if arguments_needed == 2:
            if not isinstance(texts[1], Known):
                return context.unknown(texts[1])
            cutset = str(texts[1].value)
        characters = cutset_of(cutset)
        pieces = _pieces(texts[0])
        if pieces is None:
            return context.unknown(texts[0])
        parts: list[Value | Literal] = list(text_parts(pieces))
        for end, asked in ((0, left), (-1, right)):
            while asked and parts:
                part = parts[end]
                if isinstance(part, Literal):
                    kept = part.text.lstrip(characters) if end == 0 else part.text.rstrip(characters)
                    if kept:
                        start = len(part.text) - len(kept) if end == 0 else 0
                        parts[end] = _cut(part, start, start + len(kept))
                        break
                    parts.pop(end)
                    continue
                assert isinstance(part, (Symbol, Reference, Unknown))
                if excludes(part, characters) and shape_of(part).shortest > 0:
                    break
                return context.unknown(part)
        return _built(parts, context.origin)

    return call


def _affix(context: Context, arguments: Sequence[Value], *, prefix: bool) -> Value:
    """Return the first argument without the prefix or suffix that the second is."""
    wrong = _arity(context, arguments, 2)
    if wrong:
        return wrong
    text, affix = plain_text(arguments[0]), plain_text(arguments[1])
    for argument in (text, affix):
        if isinstance(argument, Failure):
            return context.failure(argument.reason)
    if not isinstance(affix, Known):
        return context.unknown(affix)
    pieces, wanted = _pieces(text), str(affix.value)
    if pieces is None:
        return context.unknown(text)
    answer = _has_affix(pieces, wanted, prefix=prefix)
    if answer is None:
        return context.unknown(text)
    if not answer or not wanted:
        return replace(pieces, origin=context.origin) if isinstance(pieces, Known) else _built(text_parts(pieces), context.origin)
    parts: list[Value | Literal] = list(text_parts(pieces))
    end = parts[0 if prefix else -1]
    assert isinstance(end, Literal)
    if prefix:
        parts[0] = _cut(end, len(wanted), len(end.text))
    else:
        parts[-1] = _cut(end, 0, len(end.text) - len(wanted))
    return _built(parts, context.origin)


def _has_affix(text: Template | Known, wanted: str, *, prefix: bool) -> bool | None:
    """Return whether a string begins (or ends) so; None where that is not certain."""
    if not wanted:
        return True
    parts = text_parts(text)
    end = parts[0 if prefix else -1]
    if isinstance(end, Literal):
        known = end.text
        if known.startswith(wanted) if prefix else known.endswith(wanted):
            return True
        compatible = wanted.startswith(known) if prefix else wanted.endswith(known)
        return None if compatible and len(parts) > 1 else False
    first = wanted[0] if prefix else wanted[-1]
    return False if shape_of(end).shortest > 0 and excludes(end, first) else None


def trimprefix(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the string without the prefix."""
    return _affix(context, arguments, prefix=True)


def trimsuffix(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the string without the suffix."""
    return _affix(context, arguments, prefix=False)


def _claim(decide: Callable[[Template | Known, str], bool | None]) -> Function:
    """Return a function of a string and a second one that answers with a bool."""

    def call(context: Context, arguments: Sequence[Value]) -> Value:
        wrong = _arity(context, arguments, 2)
        if wrong:
            return wrong
        text, other = plain_text(arguments[0]), plain_text(arguments[1])
        for argument in (text, other):
            if isinstance(argument, Failure):
                return context.failure(argument.reason)
        pieces = _pieces(text)
        if pieces is None or not isinstance(other, Known):
            return context.unknown(text if pieces is None else other)
        answer = decide(pieces, str(other.value))
        return context.unknown(text) if answer is None else Known(answer, context.origin)

    return call


def _contains(text: Template | Known, wanted: str) -> bool | None:
    parts = text_parts(text)
    if any(isinstance(part, Literal) and wanted in part.text for part in parts) or not wanted:
        return True
    holes = [part for part in parts if not isinstance(part, Literal)]
    return False if all(excludes(hole, wanted) and (shape_of(hole).shortest > 0 or len(wanted) == 1) for hole in holes) else None


def chomp(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the string without line ends at its end."""
    return _chomp(context, arguments)


_chomp = _trimming(lambda _: "\r\n", left=False)


def replace_(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the string with a text, or what matches ``/regular expression/``, replaced."""
    wrong = _arity(context, arguments, 3)
    if wrong:
        return wrong
    text, wanted, new = (plain_text(argument) for argument in arguments)
    for argument in (text, wanted, new):
        if isinstance(argument, Failure):
            return context.failure(argument.reason)
    if not isinstance(wanted, Known):
        return context.unknown(wanted)
    search = str(wanted.value)
    if len(search) > 1 and search.startswith("/") and search.endswith("/"):
        if not isinstance(text, Known) or not isinstance(new, Known):
            return context.unknown(new if isinstance(text, Known) else text)
        try:
            replaced = compile_pattern(search[1:-1]).replaced(str(text.value), str(new.value))
        except PatternError as error:
            return context.failure(str(error))
        except UnsupportedPattern as error:
            return Unknown(f"the result of {context.name}() is not known: {error}", context.origin)
        return Known(replaced, context.origin) if len(replaced) <= MAX_TEXT else Unknown("a string too long to keep", context.origin)
    if search == "":
        if not isinstance(text, Known):
            return context.unknown(text)
        return written([new, *(each for character in str(text.value) for each in (Known(character), new))], context.origin)
    pieces = split_text(text, search, context.origin, MAX_ITEMS + 1)
    if pieces is None or len(pieces) > MAX_ITEMS:
        return context.unknown(text)
    if len(pieces) == 1:
        return pieces[0]
    separated: list[Value] = [pieces[0]]
    for piece in pieces[1:]:
        separated.extend((new, piece))
    return written(separated, context.origin)


def _regex(context: Context, arguments: Sequence[Value], *, every: bool) -> Value:
    wrong = _arity(context, arguments, 2)
    if wrong:
        return wrong
    pattern, text = plain_text(arguments[0]), plain_text(arguments[1])
    for argument in (pattern, text):
        if isinstance(argument, Failure):
            return context.failure(argument.reason)
    if not isinstance(pattern, Known) or not isinstance(text, Known):
        return context.unknown(text if isinstance(pattern, Known) else pattern)
    try:
        compiled = compile_pattern(str(pattern.value))
        found = compiled.matches(str(text.value), most=MAX_ITEMS if every else 1)
    except PatternError as error:
        return context.failure(str(error))
    except UnsupportedPattern as error:
        return Unknown(f"the result of {context.name}() is not known: {error}", context.origin)
    if every:
        return ListValue(tuple(_captured(compiled, match, context) for match in found), "", context.origin)
    if not found:
        return context.failure(f'"{pattern.value}" does not match')
    return _captured(compiled, found[0], context)


def _captured(pattern: Pattern, match: Sequence[str | None], context: Context) -> Value:
    from ctkms_policy.value import Entry

    values = [Absent(context.origin) if group is None else Known(group, context.origin) for group in match]
    if len(values) == 1:
        return values[0]
    if pattern.names:
        return MapValue(tuple(Entry(Known(name), values[number]) for name, number in pattern.names), "", context.origin)
    return ListValue(tuple(values[1:]), "", context.origin)


def regex(context: Context, arguments: Sequence[Value]) -> Value:
    """Return what the pattern captures first."""
    return _regex(context, arguments, every=False)


def regexall(context: Context, arguments: Sequence[Value]) -> Value:
    """Return what the pattern captures, each time it matches."""
    return _regex(context, arguments, every=True)


def graphemes(text: str) -> list[str]:
    """Return the characters of a string as users count them. Raises ValueError where that takes Unicode's tables of clusters."""
    normal = unicodedata.normalize("NFC", text)
    if normal.isascii():
        return list(normal.replace("\r\n", "\r")) if "\r\n" in normal else list(normal)
    for character in normal:
        category = unicodedata.category(character)
        if (
            category in ("Mn", "Me", "Mc", "Cf", "Cs")
            or "\U0001f1e6" <= character <= "\U0001f1ff"
            or "\U0001f3fb" <= character <= "\U0001f3ff"
        ):
            raise _Clusters("characters that combine")
        if "\u1100" <= character <= "\u11ff":
            raise _Clusters("characters that combine")
    return list(normal)


class _Clusters(Exception):
    pass


def length(text: Value, context: Context) -> Value:
    """Return the length of a string in characters as users count them."""
    pieces = _pieces(text)
    if pieces is None:
        return context.unknown(text)
    total = 0
    for part in text_parts(pieces):
        if isinstance(part, Literal):
            try:
                total += len(graphemes(part.text))
            except _Clusters as error:
                return Unknown(f"the result of {context.name}() is not known: {error}", context.origin)
        else:
            shape = shape_of(part)
            if shape.longest != shape.shortest:
                return context.unknown(part)
            total += shape.shortest
    return Known(total, context.origin)


def substr(context: Context, arguments: Sequence[Value]) -> Value:
    """Return a part of a string; also of one with holes, when the part is certainly in its literal beginning."""
    wrong = _arity(context, arguments, 3)
    if wrong:
        return wrong
    text, start, size = plain_text(arguments[0]), to_number(arguments[1]), to_number(arguments[2])
    for argument in (text, start, size):
        if isinstance(argument, Failure):
            return context.failure(argument.reason)
    if not isinstance(start, Known) or not isinstance(size, Known):
        return context.unknown(start if not isinstance(start, Known) else size)
    offset, count = start.value, size.value
    if not isinstance(offset, int) or not isinstance(count, int):
        return context.failure("not a whole number")
    pieces = _pieces(text)
    if pieces is None:
        return context.unknown(text)
    first = text_parts(pieces)[0]
    if not isinstance(first, Literal):
        return context.unknown(text)
    try:
        characters = graphemes(first.text)
    except _Clusters as error:
        return Unknown(f"the result of {context.name}() is not known: {error}", context.origin)
    if isinstance(pieces, Template):
        if offset < 0 or count < 0 or offset + count > len(characters):
            return context.unknown(text)
    elif offset < 0:
        offset = max(0, offset + len(characters))
        count = count or -1  # so it is in Terraform
    end = len(characters) if count < 0 else min(len(characters), offset + count)
    if len(characters) == len(first.text):
        cut = _cut(first, offset, max(offset, end)) if offset < len(characters) else Literal("")
        return Known(cut.text, context.origin, cut.text_map)
    return Known("".join(characters[offset:end]), context.origin)


def _reversed(text: str) -> object:
    try:
        return "".join(reversed(graphemes(text)))
    except _Clusters as error:
        return Unknown(f"the result of strrev() is not known: {error}")


def indent(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the string with blanks after each line end; a hole that may hold a line end makes the result unknown."""
    wrong = _arity(context, arguments, 2)
    if wrong:
        return wrong
    spaces, text = to_number(arguments[0]), plain_text(arguments[1])
    for argument in (spaces, text):
        if isinstance(argument, Failure):
            return context.failure(argument.reason)
    if not isinstance(spaces, Known):
        return context.unknown(spaces)
    if not isinstance(spaces.value, int) or spaces.value < 0:
        return context.failure("the number of spaces is not a whole number from 0")
    pieces = split_text(text, "\n", context.origin)
    if pieces is None or len(pieces) * spaces.value > MAX_TEXT:
        return context.unknown(text)
    separated: list[Value] = [pieces[0]]
    for piece in pieces[1:]:
        separated.extend((Known("\n" + " " * spaces.value), piece))
    return written(separated, context.origin)


FUNCTIONS: Mapping[str, Function] = {
    "chomp": chomp,
    "endswith": _claim(lambda text, wanted: _has_affix(text, wanted, prefix=False)),
    "indent": indent,
    "join": over_items(join),
    "lower": _mapped(_lower),
    "regex": regex,
    "regexall": regexall,
    "replace": replace_,
    "split": split,
    "startswith": _claim(lambda text, wanted: _has_affix(text, wanted, prefix=True)),
    "strcontains": _claim(_contains),
    "strrev": scalar_function(_reversed, TEXT),
    "substr": substr,
    "title": scalar_function(_title, TEXT),
    "trim": _trimming(lambda cutset: cutset, arguments_needed=2),
    "trimprefix": trimprefix,
    "trimspace": _trimming(lambda _: _BLANKS),
    "trimsuffix": trimsuffix,
    "upper": _mapped(_upper),
}
