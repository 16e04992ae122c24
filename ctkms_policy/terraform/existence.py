"""Which instances of a resource, data source or module call exist: ``count``, ``for_each``, and what decides them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ctkms_policy.source import ParseError, Span
from ctkms_policy.terraform.conversion import MAX_ITEMS, all_origins, reason_of, to_number
from ctkms_policy.terraform.expression import evaluate
from ctkms_policy.terraform.hcl.syntax import AttributeNode, Block, Call, Expression, ForTuple, Splat, TupleExpression
from ctkms_policy.terraform.scope import InnerScope, Scope
from ctkms_policy.value import (
    Absent,
    Choice,
    Entry,
    JsonText,
    Known,
    ListValue,
    MapValue,
    Origin,
    Reference,
    Symbol,
    SymbolKind,
    Template,
    Unknown,
    Value,
    describe,
    lift,
)

MAX_INSTANCES = 200
"""No block has more instances: of a larger ``count`` the rest is not known."""


_MAX_SHOWN = 60


@dataclass(frozen=True)
class Instance:
    """One instance of a block. ``address`` is absolute, ``scope`` what names mean in its body, ``key`` None without count and for_each.

    ``supposed`` are the conditions (by identity) that are certainly so where it exists; its scope takes them for granted.
    """

    address: str
    block: Block
    scope: Scope = field(repr=False)
    key: Value | None = None
    supposed: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExistingScope(InnerScope):
    """The scope of an instance that exists only under conditions: there they are so, whatever inputs say elsewhere."""

    supposed: Mapping[str, bool] = field(default_factory=dict)

    def forced(self, condition: str) -> bool | None:
        """Return what the condition is where the instance exists."""
        return self.supposed[condition] if condition in self.supposed else self.outer.forced(condition)


@dataclass(frozen=True, slots=True)
class Condition:
    """What has to be so: the condition of that identity is ``holds``, or (identity "") the block at ``address`` has instances."""

    identity: str
    holds: bool
    when: str
    address: str = ""


@dataclass
class Expansion:
    """The instances of one block.

    whole     the block as a value: a Reference, or a list or map of References, perhaps a Choice of those
    open      the reason why there may be other instances than those, or ""
    cut       whether there certainly are more, which are not looked at
    rejected  why Terraform rejects count or for_each, None where it does not, or does with some inputs only
    """

    whole: Value
    single: bool
    open: str
    make: Callable[[Value | None, Value], Instance]
    instances: dict[str, Instance] = field(default_factory=dict)
    cut: bool = False
    rejected: ParseError | None = None

    def member(self, key: Value) -> Value | None:
        """Return the instance that an index names where count or for_each is not known; else None."""
        if not self.open or not isinstance(key, (Known, Symbol, Template)):
            return None
        instance = self.make(key, Unknown(self.open))
        self.instances.setdefault(instance.address, instance)
        return Reference(instance.address, "")


def expand(address: str, block: Block, scope: Scope, *, suppose_one: Callable[[str], bool], by_default: bool) -> Expansion:
    """Return the instances of the block whose address without key is ``address``.

    ``suppose_one`` tells of which blocks an instance is to exist although their default is to have none. ``by_default`` says that
    nothing is supposed at all: else what is wrong with ``count`` or ``for_each`` may come from that.
    """
    body = block.body
    counted, each = body.attribute("count"), body.attribute("for_each")
    written = counted or each
    if written is None:
        instance = Instance(address, block, scope)
        return Expansion(Reference(address, "", Origin(block.head_span)), True, "", lambda key, value: instance, {address: instance})
    span = written.expression.span
    make = _counted_instance(address, block, scope) if counted is not None else _named_instance(address, block, scope)
    expansion = Expansion(Absent(), False, "", make)

    def member(key: Value, value: Value) -> Value:
        instance = make(key, value)
        expansion.instances.setdefault(instance.address, instance)
        return Reference(instance.address, "", Origin(block.head_span))

    def of_count(count: Value) -> Value:
        number = to_number(count)
        if not isinstance(number, Known):
            expansion.open = reason_of(number)
            return ListValue((member(Known(0), Absent()),), expansion.open, count.origin)
        amount = int(number.value)
        if amount < 1 and suppose_one(address):
            amount = 1
        expansion.cut = expansion.cut or amount > MAX_INSTANCES
        items = tuple(member(Known(index), Absent()) for index in range(min(amount, MAX_INSTANCES)))
        return ListValue(items, f"more than {MAX_INSTANCES} instances" if amount > MAX_INSTANCES else "", count.origin)

    def of_each(collection: Value) -> Value:
        if _has_sensitive_keys(collection):
            message = f"for_each of {address} is sensitive, and its keys would be shown in addresses"
            help = "terraform rejects it: use keys that are not sensitive, or nonsensitive()"
            expansion.rejected = ParseError(message, span, help)
            collection = Unknown(f"for_each of {address} is sensitive", Origin(block.head_span))
        if isinstance(collection, (ListValue, MapValue)):
            pairs = _pairs(collection)
            rest = collection.rest
            if not pairs and not rest and suppose_one(address):
                rest = f"the instances of {address} are not known"
            if len(pairs) > MAX_INSTANCES:
                pairs, rest, expansion.cut = pairs[:MAX_INSTANCES], f"more than {MAX_INSTANCES} instances", True
        else:
            pairs, rest = [], reason_of(collection)
        entries = [Entry(key, member(key, value)) for key, value in pairs]
        if rest:
            expansion.open = rest
            if not entries:
                unknown = Symbol(f"{address} each.key", SymbolKind.INPUT, spelling="each.key", reason=rest, origin=collection.origin)
                entries = [
                    Entry(unknown, member(unknown, unknown if isinstance(collection, ListValue) else Unknown(rest, collection.origin)))
                ]
        return MapValue(tuple(entries), rest, collection.origin)

    given = evaluate(written.expression, scope)
    expansion.rejected = _rejected(address, counted, each, given) if by_default else None
    if expansion.rejected is not None:
        given = Unknown(expansion.rejected.message, given.origin)
    expansion.whole = lift(of_count if counted is not None else of_each, (given,), given.origin)
    for own, supposed in _certain_conditions(expansion.whole).items():
        instance = expansion.instances[own]
        scope = ExistingScope(instance.scope, {}, "", supposed=supposed)
        expansion.instances[own] = replace(instance, scope=scope, supposed=supposed)
    return expansion


def _certain_conditions(whole: Value) -> dict[str, dict[str, bool]]:
    """Return for each instance that only some branches have what is so in all of those."""
    certain: dict[str, dict[str, bool]] = {}
    if not isinstance(whole, Choice):
        return certain
    for conditions, value in _paths(whole, with_defaults=True):
        so = {condition.identity: condition.holds for condition in conditions}
        for reference in _references(value):
            earlier = certain.get(reference.address)
            certain[reference.address] = so if earlier is None else {name: each for name, each in earlier.items() if so.get(name) is each}
    return certain


def _rejected(address: str, counted: AttributeNode | None, each: AttributeNode | None, given: Value) -> ParseError | None:
    """Return why Terraform rejects the number or the keys of the instances, whatever the inputs; else None."""
    if counted is not None and each is not None:
        return ParseError(f"{address} has both count and for_each", each.name_span, "terraform rejects it: remove one of the two")
    written = counted or each
    if written is None or not _is_certain(given):
        return None
    if written is counted:
        why, way_out = _why_no_count(given), "write a whole number that is not negative"
    else:
        why, way_out = _why_no_keys(given, written.expression), "use a map, or a set of strings"
    if not why:
        return None
    return ParseError(f"{written.name} of {address} is {why}", written.expression.span, f"terraform rejects it: {way_out}")


def _is_certain(value: Value) -> bool:
    """Return whether no input has a say in a value; what is in it need not be known."""
    return isinstance(value, (Known, Absent, JsonText, ListValue, MapValue)) and not any(each.inputs for each in all_origins((value,)))


def _why_no_count(count: Value) -> str:
    """Return what a count is instead of a number of instances, or "" where it is one."""
    number = to_number(count)
    if not isinstance(number, Known):
        return f"{_shown(count)}, and not a number"
    if not isinstance(number.value, int):
        return f"{_shown(count)}, and not a whole number"
    return f"{_shown(count)}, and so negative" if number.value < 0 else ""


def _why_no_keys(collection: Value, written: Expression) -> str:
    """Return what a for_each is instead of a map or set of strings, or "" where it is one, or may be."""
    if isinstance(collection, MapValue):
        return ""
    if not isinstance(collection, ListValue):
        return f"{_shown(collection)}, and not a map or set"
    if not collection.is_set:
        return "a list, and not a set" if _makes_list(written) else ""
    wrong = next((item for item in collection.items if _is_certain(item) and not _is_string(item)), None)
    return f"a set of something else than strings: {_shown(wrong)}" if wrong is not None else ""


def _makes_list(expression: Expression) -> bool:
    """Return whether an expression certainly makes a list or tuple: a value alone does not tell that from a set."""
    if isinstance(expression, Call):
        return expression.name in ("compact", "concat", "distinct", "flatten", "keys", "range", "sort", "split", "tolist", "values")
    return isinstance(expression, (TupleExpression, ForTuple, Splat))


def _shown(value: Value) -> str:
    text = describe(value)
    return text if len(text) <= _MAX_SHOWN and "\n" not in text else "a long text"


def _is_string(value: Value) -> bool:
    return isinstance(value, JsonText) or (isinstance(value, Known) and isinstance(value.value, str))


def _has_sensitive_keys(collection: Value) -> bool:
    if isinstance(collection, MapValue):
        keys: list[Value] = [entry.key for entry in collection.entries]
    else:
        keys = list(collection.items) if isinstance(collection, ListValue) else []
    return any(each.origin.sensitive for each in (collection, *keys))


def _pairs(collection: ListValue | MapValue) -> list[tuple[Known | Template | Symbol, Value]]:
    if isinstance(collection, MapValue):
        return [(entry.key, entry.value) for entry in collection.entries]
    pairs: list[tuple[Known | Template | Symbol, Value]] = []
    for item in collection.items[:MAX_ITEMS]:
        if isinstance(item, (Known, Template, Symbol)):
            key: Known | Template | Symbol = item
        elif isinstance(item, (Reference, Unknown)):
            key = Template((item,), item.origin)
        else:
            continue
        if all(key != other for other, _ in pairs):
            pairs.append((key, item))
    return pairs


def _counted_instance(address: str, block: Block, scope: Scope) -> Callable[[Value | None, Value], Instance]:
    def make(key: Value | None, value: Value) -> Instance:
        assert key is not None
        own = f"{address}[{describe(key)}]"
        names: dict[str, Value] = {"count": MapValue((Entry(Known("index"), key),)), "self": Reference(own, "")}
        return Instance(own, block, InnerScope(scope, names, f"in {own}"), key)

    return make


def _named_instance(address: str, block: Block, scope: Scope) -> Callable[[Value | None, Value], Instance]:
    def make(key: Value | None, value: Value) -> Instance:
        assert key is not None
        own = f"{address}[{describe(key)}]"
        if isinstance(key, Known):  # inputs decide whether the instance exists, and not what its key is
            key = replace(key, origin=replace(key.origin, inputs=frozenset(), decision=None))
        entries = (Entry(Known("key"), key), Entry(Known("value"), value))
        names: dict[str, Value] = {"each": MapValue(entries), "self": Reference(own, "")}
        return Instance(own, block, InnerScope(scope, names, f"in {own}"), key)

    return make


@dataclass(frozen=True, slots=True)
class Existence:
    """An instance that inputs can create, and what has to be so; no conditions where it exists by default.

    ``instance`` is None where it is not known which one it would be: the block has none by default.
    """

    address: str
    instance: Instance | None
    conditions: tuple[Condition, ...]


def existing(expansion: Expansion, address: str, block: Block, text_of: Callable[[Span], str]) -> Iterator[Existence]:
    """Yield every instance of a block that inputs can create, those that exist by default first."""
    seen: set[str] = set()
    for conditions, value in _paths(expansion.whole):
        for reference in _references(value):
            if reference.address not in seen:
                seen.add(reference.address)
                yield Existence(reference.address, expansion.instances[reference.address], conditions)
    if not seen and isinstance(expansion.whole, (ListValue, MapValue)) and expansion.whole.origin.inputs:
        written = block.body.attribute("count") or block.body.attribute("for_each")
        assert written is not None
        text = " ".join(text_of(written.expression.span).split())
        when = f"{text} is not {'empty' if isinstance(expansion.whole, MapValue) else '0'}"
        yield Existence(address, None, (Condition("", True, when, address),))


def _references(value: Value) -> Iterator[Reference]:
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, (ListValue, MapValue)):
        parts = value.items if isinstance(value, ListValue) else tuple(entry.value for entry in value.entries)
        yield from (part for part in parts if isinstance(part, Reference))


def _paths(
    value: Value, conditions: tuple[Condition, ...] = (), *, with_defaults: bool = False
) -> Iterator[tuple[tuple[Condition, ...], Value]]:
    """Yield what a value may be with the conditions that differ from the default, or with all; the default first."""
    if not isinstance(value, Choice):
        yield conditions, value
        return
    for index in sorted(range(len(value.branches)), key=lambda index: index != value.chosen):
        branch = value.branches[index]
        needed = (Condition(value.condition, index == 0, branch.when),) if with_defaults or index != value.chosen else ()
        yield from _paths(branch.value, (*conditions, *needed), with_defaults=with_defaults)
