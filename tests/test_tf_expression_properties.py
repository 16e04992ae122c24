"""Properties of evaluation that hold for every expression."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tf_expression_generator import Generator
from tf_expression_scope import READER, NamedValues, value_of, without_default

from ctkms_policy.source import ParseError, Source
from ctkms_policy.terraform.condition import narrowed
from ctkms_policy.terraform.conversion import Failure
from ctkms_policy.terraform.expression import evaluate
from ctkms_policy.value import (
    Branch,
    Choice,
    Entry,
    JsonText,
    Known,
    ListValue,
    MapValue,
    Reference,
    Symbol,
    Template,
    Unknown,
    Value,
    substitute,
)

TEXTS = st.sampled_from(["", "a", "B-c", "x/y/z", "12", "true", "a:b:c", "long text with é"])
SEEDS = st.integers(0, 10**9)
CHANGES = st.lists(st.tuples(st.integers(0, 200), st.sampled_from(["", "[", "(", "null", "...", ".x", "[*]", "-", "1", '"'])), max_size=3)


def way(value: Value, index: int) -> Value:
    """Return the value when condition "c" goes the way of branch ``index``, also inside lists and maps."""
    value = narrowed(value, "c", index)
    if isinstance(value, ListValue):
        return ListValue(tuple(way(item, index) for item in value.items), value.rest)
    if isinstance(value, MapValue):
        return MapValue(tuple(Entry(entry.key, way(entry.value, index)) for entry in value.entries), value.rest)
    if isinstance(value, JsonText):
        return JsonText(way(value.document, index))
    return value


def is_lost(value: Value) -> bool:
    """Tell whether somewhere too many combinations of conditions came together."""
    if isinstance(value, Unknown):
        return "too many combinations" in value.reason
    if isinstance(value, ListValue):
        return "combinations" in value.rest or any(map(is_lost, value.items))
    if isinstance(value, MapValue):
        return any(is_lost(entry.value) for entry in value.entries)
    return False


@settings(max_examples=120, deadline=None)
@given(SEEDS, TEXTS, TEXTS)
def test_a_choice_is_each_of_its_branches(seed: int, first: str, second: str) -> None:
    expression = Generator(seed, "var.x").expression()
    both = value_of(expression, x=Choice("c", (Branch("c = true", Known(first)), Branch("c = false", Known(second))), None))
    assume(not is_lost(both))
    for index, text in enumerate((first, second)):
        alone = value_of(expression, x=Known(text))
        one_way = way(both, index)
        # where Terraform reports an error, nothing is deployed of which something could be said
        assert one_way == alone or isinstance(alone, Failure), expression


def may_become(value: Value, concrete: Value, bindings: dict[str, Value]) -> bool:
    """Tell whether what was said about a value before its symbols were known is true of what it came out to be."""
    if isinstance(concrete, Failure):
        return True  # Terraform reports an error: nothing is deployed of which something could be said
    value = substitute(value, lambda symbol: bindings[symbol.name] if isinstance(symbol, Symbol) else symbol)
    if isinstance(value, Unknown):
        return not isinstance(value, Failure)
    if isinstance(value, Choice):
        return any(may_become(branch.value, concrete, bindings) for branch in value.branches)
    if isinstance(value, Template):
        assert any(isinstance(part, (Unknown, Reference)) for part in value.parts)
        return not isinstance(concrete, (ListValue, MapValue))
    if isinstance(value, ListValue) and isinstance(concrete, ListValue):
        if value.rest:
            return True
        return len(value.items) == len(concrete.items) and all(
            may_become(one, other, bindings) for one, other in zip(value.items, concrete.items, strict=True)
        )
    if isinstance(value, MapValue) and isinstance(concrete, MapValue):
        if value.rest:
            return True
        entries = {entry.key: entry.value for entry in value.entries}  # keys that turn out to be equal: the later one wins
        others = {entry.key: entry.value for entry in concrete.entries}
        if not all(isinstance(key, Known) for key in entries):  # a key is not known even now, and may be one of the others
            return {key for key in entries if isinstance(key, Known)} <= others.keys() and len(others) <= len(entries)
        return entries.keys() == others.keys() and all(may_become(entries[key], others[key], bindings) for key in entries)
    return value == concrete


@settings(max_examples=120, deadline=None)
@given(SEEDS, TEXTS, TEXTS)
def test_a_definite_answer_survives_whatever_the_unknowns_turn_out_to_be(seed: int, first: str, second: str) -> None:
    expression = Generator(seed, "var.x", "var.y").expression()
    before = value_of(expression, x=without_default("var.x"), y=without_default("var.y"))
    after = value_of(expression, x=Known(first), y=Known(second))
    bindings: dict[str, Value] = {"var.x": Known(first), "var.y": Known(second)}
    assert may_become(before, after, bindings), (expression, before, after)


@settings(max_examples=120, deadline=None)
@given(SEEDS, TEXTS)
def test_a_reason_is_kept(seed: int, text: str) -> None:
    expression = Generator(seed, "var.x").expression()
    value = value_of(expression, x=Unknown("nobody told us"))
    assert may_become(value, value_of(expression, x=Known(text)), {}), expression
    if isinstance(value, Unknown) and not isinstance(value, Failure):
        assert value.reason


@settings(max_examples=120, deadline=None)
@given(SEEDS, CHANGES)
def test_no_expression_raises(seed: int, changes: list[tuple[int, str]]) -> None:
    text = Generator(seed, "var.x").expression()
    for position, new in changes:
        position %= len(text) + 1
        text = f"{text[:position]}{new}{text[position + 1 :]}" or "1"
    scope = NamedValues({"var.x": without_default("var.x")}, sources={"main.tf": Source("main.tf", text)})
    expression = READER.read_expression(scope.sources["main.tf"])
    if not isinstance(expression, ParseError):
        assert evaluate(expression, scope) is not None
