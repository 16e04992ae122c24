"""``data.aws_iam_policy_document``: the policy that its blocks make, with spans that point into them.

GROUND_TRUTH B9 says what the provider does, and what of it surprises.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ctkms_policy.json_text import parse_json_text
from ctkms_policy.source import ParseError, Span
from ctkms_policy.terraform.conversion import reason_of, to_text
from ctkms_policy.terraform.dynamic_blocks import nested_blocks
from ctkms_policy.terraform.expression import evaluate
from ctkms_policy.terraform.hcl.syntax import Block, Body
from ctkms_policy.terraform.scope import Scope
from ctkms_policy.value import (
    Absent,
    Branch,
    Choice,
    Entry,
    JsonText,
    Known,
    ListValue,
    Literal,
    MapValue,
    Origin,
    Symbol,
    Template,
    Unknown,
    Value,
    default_of,
    lift,
    scalar_text,
)

VERSION = "2012-10-17"
"""The version of a document that names none."""

_ELEMENTS = ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")


def policy_document(block: Block, scope: Scope) -> Value:
    """Return the ``json`` attribute of one instance of the data source: a JsonText, a Choice of those, or Unknown.

    Raises ParseError where two of its own statements, or two of its source documents, have one Sid: the provider rejects it (B9).
    """
    body = block.body
    origin = Origin(block.head_span)
    own = _own_document(body, scope)
    _refuse_repeated_sids(own, block)
    sources = [*_written(body, scope, "source_json"), *_written(body, scope, "source_policy_documents")]
    _refuse_repeated_source_sids(sources, block)
    overrides = [*_written(body, scope, "override_policy_documents"), *_written(body, scope, "override_json")]

    def of_lists(*lists: Value) -> Value:
        before = [item for each in lists[: len(sources)] for item in _items(each)]
        after = [item for each in lists[len(sources) :] for item in _items(each)]

        def of_documents(*documents: Value) -> Value:
            merged = _Document()
            for document in documents[: len(before)]:
                merged.merge(_read(document, block.head_span))
            merged.merge(own)
            for document in documents[len(before) :]:
                merged.merge(_read(document, block.head_span))
            return JsonText(merged.value(origin), origin)

        return lift(of_documents, (*before, *after), origin)

    return lift(of_lists, (*sources, *overrides), origin)


def _written(body: Body, scope: Scope, name: str) -> list[Value]:
    attribute = body.attribute(name)
    return [evaluate(attribute.expression, scope)] if attribute is not None else []


def _items(value: Value) -> Iterable[Value]:
    """Return the documents of a list; what cannot be one document or a list of them stays one unknown document."""
    if isinstance(value, ListValue):
        return (*value.items, *((Unknown(value.rest, value.origin),) if value.rest else ()))
    return (value,)


# -- documents ---------------------------------------------------------------------------------------------------------


@dataclass
class _Document:
    """A policy on its way through the merges; ``rest`` is the reason why it may have other statements."""

    statements: list[Value] = field(default_factory=list)
    version: Value | None = None
    id: Value | None = None
    rest: str = ""

    def merge(self, other: _Document) -> None:
        """Add the statements of another document; one with a Sid replaces the statement of that Sid in its place."""
        if other.rest:
            self.statements = [_perhaps_replaced(statement, other.rest) for statement in self.statements]
        for statement in other.statements:
            self._add(statement)
        self.rest = self.rest or other.rest
        self.version = _greater_version(self.version, other.version)
        self.id = other.id or self.id

    def _add(self, statement: Value) -> None:
        sid = _sid(statement)
        position = next((index for index, each in enumerate(self.statements) if sid and _sid(each) == sid), None)
        if position is None:
            self.statements.append(statement)
        elif isinstance(statement, Choice):
            earlier = self.statements[position]
            branches = (Branch(each.when, earlier if isinstance(each.value, Absent) else each.value) for each in statement.branches)
            self.statements[position] = replace(statement, branches=tuple(branches))
        else:
            self.statements[position] = statement

    def value(self, origin: Origin) -> MapValue:
        entries = [Entry(Known("Version"), self.version or Known(VERSION))]
        if self.id is not None:
            entries.append(Entry(Known("Id"), self.id))
        if self.statements or self.rest:
            entries.append(Entry(Known("Statement"), ListValue(tuple(self.statements), self.rest)))
        return MapValue(tuple(entries), "", origin)


def _sid(statement: Value) -> str:
    """Return the Sid of a statement, or "" where it has none or is not known."""
    if isinstance(statement, Choice):
        return next((sid for sid in (_sid(branch.value) for branch in statement.branches) if sid), "")
    sid = statement.get("Sid") if isinstance(statement, MapValue) else None
    return scalar_text(sid.value) if isinstance(sid, Known) else ""


def _perhaps_replaced(statement: Value, reason: str) -> Value:
    """Return a statement that another one with its Sid may have replaced; one without a Sid never is."""
    sid = _sid(statement)
    if not sid:
        return statement
    words = f'another document has no statement "{sid}"'
    branches = (Branch(words, statement), Branch(f'another document replaces "{sid}": {reason}', Absent()))
    return Choice(f"{reason}: {sid}", branches, None, statement.origin)


def _greater_version(version: Value | None, other: Value | None) -> Value | None:
    if version is None or other is None:
        return version or other
    known, later = default_of(version), default_of(other)
    if isinstance(known, Known) and isinstance(later, Known):
        return version if scalar_text(known.value) >= scalar_text(later.value) else other
    return version if isinstance(later, Known) else other


def _read(document: Value, fallback: Span) -> _Document:
    """Return what the provider makes of a source or override document."""
    if isinstance(document, Absent) or document == Known(""):
        return _Document()
    span = document.origin.span or fallback
    if isinstance(document, (Known, Template)):
        text = to_text(document)
        assert isinstance(text, (Known, Template))
        try:
            value = parse_json_text(text, span)
        except ParseError as error:
            return _Document(rest=f"a policy document is not JSON: {error.message}")
    else:
        value = document.document if isinstance(document, JsonText) else document
    if not isinstance(value, MapValue):
        return _Document(rest=reason_of(value))
    elements = {entry.name.lower(): entry.value for entry in value.entries}
    read = _Document(rest=value.rest, version=elements.get("version"), id=elements.get("id"))
    statements = elements.get("statement", Absent())
    for item in (
        (*statements.items, *((Unknown(statements.rest),) if statements.rest else ()))
        if isinstance(statements, ListValue)
        else (statements,)
    ):
        made = lift(_from_json, (item,), item.origin)
        if isinstance(made, (MapValue, Choice)):
            read.statements.append(made)
        elif not isinstance(made, Absent):
            read.rest = read.rest or reason_of(made)
    return read


def _from_json(statement: Value) -> Value:
    """Return a statement as the provider reads and writes it again: elements it does not know are lost."""
    if not isinstance(statement, MapValue):
        return statement
    canonical = {name.lower(): name for name in _ELEMENTS}
    entries = []
    for entry in statement.entries:
        name = canonical.get(entry.name.lower())
        if name is None:
            continue
        value = entry.value
        if name in ("Principal", "NotPrincipal"):
            value = lift(_principal_from_json, (value,), value.origin)
        elif name == "Condition":
            value = lift(_condition_from_json, (value,), value.origin)
        entries.append(Entry(replace(entry.key, value=name) if isinstance(entry.key, Known) else entry.key, value))
    return replace(statement, entries=tuple(entries))


def _principal_from_json(value: Value) -> Value:
    """Any bare string becomes ``"*"``: the provider takes it for type "*" with identifier "*"."""
    return Known("*", value.origin) if isinstance(value, (Known, Template, Symbol)) else value


def _condition_from_json(value: Value) -> Value:
    """Bools become strings; a single number is lost."""

    def values(value: Value) -> Value:
        if isinstance(value, Known) and isinstance(value.value, bool):
            return Known(scalar_text(value.value), value.origin)
        return Absent(value.origin) if isinstance(value, Known) and not isinstance(value.value, str) else value

    def keys(value: Value) -> Value:
        if not isinstance(value, MapValue):
            return value
        kept = (Entry(entry.key, lift(values, (entry.value,), entry.value.origin)) for entry in value.entries)
        return replace(value, entries=tuple(entry for entry in kept if not isinstance(entry.value, Absent)))

    if not isinstance(value, MapValue):
        return value
    return replace(value, entries=tuple(Entry(entry.key, lift(keys, (entry.value,), entry.value.origin)) for entry in value.entries))


# -- statement blocks --------------------------------------------------------------------------------------------------


def _own_document(body: Body, scope: Scope) -> _Document:
    statements = nested_blocks(body, "statement", scope, _statement)
    version, policy_id = body.attribute("version"), body.attribute("policy_id")
    given: Value = evaluate(version.expression, scope) if version is not None else Absent()
    id: Value = evaluate(policy_id.expression, scope) if policy_id is not None else Absent()
    own = _Document(rest=statements.rest, version=Known(VERSION) if isinstance(given, Absent) else given)
    own.id = None if isinstance(id, Absent) or id == Known("") else id
    own.statements.extend(statements.items)
    return own


def _refuse_repeated_sids(own: _Document, block: Block) -> None:
    seen: set[str] = set()
    for statement in own.statements:
        sid = _sid(statement) if isinstance(statement, MapValue) else ""
        if sid and sid in seen:
            span = statement.origin.span or block.head_span
            raise ParseError(f'two statements have the sid "{sid}"', span, "the provider rejects this: give each statement its own sid")
        seen.add(sid)


def _refuse_repeated_source_sids(sources: list[Value], block: Block) -> None:
    """Raise ParseError for a Sid that two source documents have; what only some inputs give is not looked at."""
    seen: set[str] = set()
    for document in (item for source in sources for item in _items(source)):
        read = _read(document, block.head_span)
        sids = {_sid(statement) for statement in read.statements if isinstance(statement, MapValue)} - {""}
        repeated = sorted(sids & seen)
        if repeated:
            span = document.origin.span or block.head_span
            message = f'two source policy documents have a statement with the sid "{repeated[0]}"'
            raise ParseError(message, span, "the provider rejects this: remove one of the statements, or pass its document as an override")
        seen |= sids


def _statement(block: Block, scope: Scope) -> Value:
    """Return one statement block: a map, or a Choice of maps where dynamic blocks in it depend on inputs."""
    body = block.body
    kinds = ("principals", "not_principals", "condition")
    nested = {kind: nested_blocks(body, kind, scope, _nested_block) for kind in kinds}
    simple = _simple_elements(body, scope)

    def build(*parts: Value) -> Value:
        remaining = iter(parts)
        given = {kind: [part for part in (next(remaining) for _ in nested[kind].items) if isinstance(part, MapValue)] for kind in kinds}
        entries = [*simple]
        if "Effect" not in (entry.name for entry in entries):
            entries.append(Entry(Known("Effect"), Known("Allow", Origin(block.head_span))))
        for kind, name in (("principals", "Principal"), ("not_principals", "NotPrincipal")):
            if given[kind] or nested[kind].rest:
                entries.append(_element(name, given[kind], _principals(given[kind], nested[kind].rest)))
        if given["condition"] or nested["condition"].rest:
            entries.append(_element("Condition", given["condition"], _conditions(given["condition"], nested["condition"].rest)))
        return MapValue(tuple(entries), "", Origin(block.span))

    return lift(build, [item for kind in kinds for item in nested[kind].items], Origin(block.span))


def _simple_elements(body: Body, scope: Scope) -> list[Entry]:
    entries = []
    for attribute_name, element in (
        ("sid", "Sid"),
        ("effect", "Effect"),
        ("actions", "Action"),
        ("not_actions", "NotAction"),
        ("resources", "Resource"),
        ("not_resources", "NotResource"),
    ):
        attribute = body.attribute(attribute_name)
        if attribute is None:
            continue
        value = evaluate(attribute.expression, scope)
        if element in ("Resource", "NotResource"):
            value = _with_variables(value)
        if not _says_nothing(value):
            entries.append(Entry(Known(element, Origin(attribute.name_span)), value))
    return entries


def _says_nothing(value: Value) -> bool:
    """Return whether the provider leaves an element with this value out."""
    return isinstance(value, Absent) or value == Known("") or (isinstance(value, ListValue) and not value.items and not value.rest)


def _nested_block(block: Block, scope: Scope) -> Value:
    """Return a ``principals`` or ``condition`` block as a map of its arguments."""
    entries = [Entry(Known(each.name, Origin(each.name_span)), evaluate(each.expression, scope)) for each in block.body.attributes]
    return MapValue(tuple(entries), "", Origin(block.span))


def _element(name: str, blocks: list[MapValue], value: Value) -> Entry:
    first = blocks[0].origin.span if blocks else None
    return Entry(Known(name, Origin(first.start() if first is not None else None)), replace(value, origin=Origin(first)))


def _principals(blocks: list[MapValue], rest: str) -> Value:
    """Return the Principal element: the identifiers of all blocks of one type together."""
    types: dict[Value, Entry] = {}
    for block in blocks:
        type = _text_key(block.get("type"))
        identifiers = _with_variables(block.get("identifiers") or Absent())
        if type is None:
            rest = rest or f"a principal type is not known: {reason_of(block.get('type') or Absent())}"
            continue
        earlier = types.get(type)
        types[type] = Entry(type, identifiers) if earlier is None else Entry(earlier.key, _both(earlier.value, identifiers))
    if len(types) == 1 and not rest:
        entry = next(iter(types.values()))
        if entry.key == Known("*") and _only_wildcard(entry.value):
            return Known("*")
    return MapValue(tuple(types.values()), rest)


def _only_wildcard(identifiers: Value) -> bool:
    return isinstance(identifiers, ListValue) and not identifiers.rest and identifiers.items == (Known("*"),)


def _conditions(blocks: list[MapValue], rest: str) -> Value:
    """Return the Condition element: values of one operator and key together (any of them), keys under their operator (all of them)."""
    operators: dict[Value, dict[Value, Entry]] = {}
    keys: dict[Value, Known | Template | Symbol] = {}
    for block in blocks:
        test, variable = _text_key(block.get("test")), _text_key(block.get("variable"))
        values = _with_variables(block.get("values") or Absent())
        if test is None or variable is None:
            rest = rest or "a condition operator or key is not known"
            continue
        keys.setdefault(test, test)
        under = operators.setdefault(test, {})
        earlier = under.get(variable)
        under[variable] = Entry(variable, values) if earlier is None else Entry(earlier.key, _both(earlier.value, values))
    entries = (Entry(keys[test], MapValue(tuple(under.values()))) for test, under in operators.items())
    return MapValue(tuple(entries), rest)


def _text_key(value: Value | None) -> Known | Template | Symbol | None:
    value = default_of(value) if value is not None else None
    return value if isinstance(value, (Known, Template, Symbol)) else None


def _both(first: Value, second: Value) -> Value:
    """Return the values of two lists in one."""

    def joined(one: Value, other: Value) -> Value:
        items: list[Value] = []
        rest = ""
        for value in (one, other):
            if isinstance(value, ListValue):
                items.extend(value.items)
                rest = rest or value.rest
            elif not isinstance(value, Absent):
                rest = rest or reason_of(value)
        return ListValue(tuple(items), rest, one.origin)

    return lift(joined, (first, second), first.origin)


def _with_variables(value: Value) -> Value:
    """Return ``value`` with ``&{`` written as ``${``, which is how the data source spells IAM's policy variables."""
    if isinstance(value, Known) and isinstance(value.value, str):
        return replace(value, value=value.value.replace("&{", "${"))
    if isinstance(value, Template):
        return replace(
            value,
            parts=tuple(replace(part, text=part.text.replace("&{", "${")) if isinstance(part, Literal) else part for part in value.parts),
        )
    if isinstance(value, ListValue):
        return replace(value, items=tuple(_with_variables(item) for item in value.items))
    if isinstance(value, Choice):
        return replace(value, branches=tuple(replace(branch, value=_with_variables(branch.value)) for branch in value.branches))
    return value
