"""Evaluation: an expression of a template, with its intrinsic functions, as a Value under given inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from ctkms_policy.cloudformation.conditions import (
    FALSE,
    TRUE,
    And,
    Formula,
    Inputs,
    Not,
    Opaque,
    Subject,
    all_of,
    any_of,
    assume,
    certain,
    identity,
    in_words,
    is_text,
    negated,
    outcome,
    subjects_of,
)
from ctkms_policy.cloudformation.dependencies import conditions_in_order
from ctkms_policy.cloudformation.functions import FUNCTIONS, MAX_ITEMS, joined, placed, slice_of
from ctkms_policy.cloudformation.parameters import Declaration, split_list
from ctkms_policy.cloudformation.stack import Stack
from ctkms_policy.model import Place
from ctkms_policy.value import (
    ALPHANUMERIC,
    DIGITS,
    LOWER,
    MAX_COMBINATIONS,
    NOWHERE,
    Absent,
    Branch,
    Choice,
    Entry,
    Known,
    ListValue,
    Literal,
    MapValue,
    Origin,
    Reference,
    Shape,
    Step,
    Symbol,
    SymbolKind,
    Template,
    Unknown,
    Value,
    choose,
    concatenate,
    default_of,
    describe,
    lift,
    scalar_text,
    substitute,
    text_parts,
    through,
)

MAX_DEPTH = 60
"""Nesting of functions, parameters, outputs and nested stacks together; deeper values are Unknown."""

MAX_STEPS = 100_000
"""Expressions that are evaluated for one Configuration; what comes after them is Unknown."""

MAX_FORMULA = 200
"""Comparisons in one condition; what a larger one comes out as is not known."""

TRAIL = "AWS::CloudTrail::Trail"
BUCKET = "AWS::S3::Bucket"
KEYS = ("AWS::KMS::Key", "AWS::KMS::ReplicaKey")
NESTED_STACKS = ("AWS::CloudFormation::Stack", "AWS::Serverless::Application")

_HOLE = re.compile(r"\$\{([^{}]*)\}")
_UPPER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SUFFIX = Shape(_UPPER | DIGITS, 12, 13)
_LOWER_SUFFIX = Shape(LOWER | DIGITS, 12, 13)
_UUID = Shape(LOWER | DIGITS | {"-"}, 36, 36)
_URL_SUFFIXES = {
    "aws": "amazonaws.com",
    "aws-us-gov": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-eusc": "amazonaws.eu",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
}
"""The DNS suffix of each partition (A19)."""
_SYMBOLIC = Inputs(symbolic=True)


def stack_name_symbol() -> Symbol:
    """Return the name of a stack whose name the code does not say."""
    shape = Shape(ALPHANUMERIC.alphabet | {"-"} if ALPHANUMERIC.alphabet else None, 1, 128)
    reason = "the name of the stack is not in the template"
    return Symbol("AWS::StackName", SymbolKind.GENERATED, shape, "AWS::StackName", reason)


def generated_name(stack: Stack, logical_id: str, *, lower: bool = False, origin: Origin = NOWHERE) -> Value:
    """Return the name CloudFormation makes up for a resource: stack name, logical ID and a random suffix."""
    address = stack.prefix + logical_id
    shape = _LOWER_SUFFIX if lower else _SUFFIX
    suffix = Symbol(f"suffix of {address}", SymbolKind.GENERATED, shape, "random", f"CloudFormation makes up the name of {address}")
    name = stack.name
    if lower and isinstance(name, Known):
        name = replace(name, value=scalar_text(name.value).lower())
    return concatenate((name, Known(f"-{logical_id.lower() if lower else logical_id}-"), suffix), origin)


@dataclass
class Evaluator:
    """Evaluates the expressions of all stacks of one Configuration.

    imported  answers Fn::ImportValue: the value that a scanned template exports under the name, or None
    """

    imported: Callable[[str], Value | None] = lambda name: None
    subjects: dict[str, Subject] = field(default_factory=dict)
    """every input that a comparison was found to depend on, by name"""
    _formulas: dict[tuple[int, str], Formula] = field(default_factory=dict)
    _by_identity: dict[str, Formula] = field(default_factory=dict)
    _steps_to: dict[str, Step] = field(default_factory=dict)
    """where each parameter of the root stack that was evaluated is declared"""
    _active: list[tuple[object, ...]] = field(default_factory=list)
    _touched: set[str] = field(default_factory=set)
    _depth: int = 0
    _steps: int = 0

    # -- expressions ---------------------------------------------------------------------------------------------------

    def evaluate(self, value: Value, stack: Stack, inputs: Inputs) -> Value:
        """Return what the expression means in ``stack`` under ``inputs``; what cannot be said is Unknown with its reason."""
        if isinstance(value, (Known, Absent, Template, Symbol)):
            return value
        self._steps += 1
        if self._depth >= MAX_DEPTH:
            return Unknown(f"functions nested deeper than {MAX_DEPTH} levels", value.origin)
        if self._steps > MAX_STEPS:
            return Unknown("the template takes too many steps to evaluate", value.origin)
        self._depth += 1
        try:
            if isinstance(value, ListValue):
                return replace(value, items=tuple([self.evaluate(item, stack, inputs) for item in value.items]))
            if isinstance(value, MapValue):
                function = _function_of(value)
                if function is not None:
                    return self._call(function, value, stack, inputs)
                return self._map(value, stack, inputs)
            return value
        finally:
            self._depth -= 1

    def _map(self, value: MapValue, stack: Stack, inputs: Inputs) -> Value:
        entries: list[Entry] = []
        rest = value.rest
        for entry in value.entries:
            if entry.name == "Fn::Transform" or entry.name.startswith("Fn::ForEach::"):
                rest = f"what {entry.name} adds is not known"
            else:
                entries.append(Entry(entry.key, self.evaluate(entry.value, stack, inputs)))
        return replace(value, entries=tuple(entries), rest=rest)

    def _call(self, name: str, call: MapValue, stack: Stack, inputs: Inputs) -> Value:
        argument = call.entries[0].value
        origin = Origin(call.origin.span)
        if name == "Ref":
            return self._ref(argument, stack, inputs, origin)
        if name == "Fn::GetAtt":
            return self._get_att(argument, stack, inputs, origin)
        if name == "Fn::If":
            return self._if(argument, stack, inputs, origin)
        if name == "Fn::Sub":
            return self._sub(argument, stack, inputs, origin)
        if name in ("Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals"):
            return self._truth(call, stack, inputs, origin)
        if name == "Fn::Transform":
            return Unknown("what Fn::Transform gives is only known to the macro that it names", origin)
        if name == "Fn::FindInMap":
            return self._find_in_map(self.evaluate(argument, stack, inputs), stack, inputs, origin)
        if name == "Fn::ImportValue":
            return lift(lambda each: self._import(each, origin), (self.evaluate(argument, stack, inputs),), origin)
        if name not in FUNCTIONS:
            return Unknown(f"{name} is not modelled", origin)
        item = self._item_of_parameter(argument, stack, inputs, origin) if name == "Fn::Select" else None
        if item is not None:
            return item
        arguments = self.evaluate(argument, stack, inputs)
        if name == "Fn::Split":
            arguments = substitute(arguments, lambda each: self._in_parts(each, stack, inputs))
        return FUNCTIONS[name](arguments, origin)

    def _in_parts(self, value: Symbol | Reference, stack: Stack, inputs: Inputs) -> Value:
        """Return the ARN of a key of the stack as what it is made of, so that it can be taken apart; anything else as it is."""
        if not isinstance(value, Reference) or value.attribute != "Arn" or not value.address.startswith(stack.prefix):
            return value
        if stack.type_of(value.address.removeprefix(stack.prefix)) not in KEYS:
            return value
        place = self.place(stack, inputs)
        parts = (Known("arn:"), place.partition, Known(":kms:"), place.region, Known(":"), place.account, Known(":key/"))
        return concatenate((*parts, replace(value, attribute="KeyId")), value.origin)

    # -- Ref and Fn::GetAtt --------------------------------------------------------------------------------------------

    def _ref(self, argument: Value, stack: Stack, inputs: Inputs, origin: Origin) -> Value:
        name = self.evaluate(argument, stack, inputs)
        if not isinstance(name, Known):
            return Unknown(f"Ref of {describe(name)}", origin)
        return self.named(scalar_text(name.value), stack, inputs, origin)

    def named(self, name: str, stack: Stack, inputs: Inputs, origin: Origin) -> Value:
        """Return what ``Ref`` of a parameter, pseudo parameter or resource gives."""
        if name.startswith("AWS::"):
            return self._pseudo_parameter(name, stack, inputs, origin)
        if name in stack.parameters:
            return placed(self._parameter(stack.parameters[name], stack, inputs), origin)
        if name in stack.resources or stack.is_made_by_sam(name):
            return self._attribute(stack, name, "Ref", inputs, origin)
        return Unknown(f'"{name}" is neither a parameter nor a resource of the template', origin)

    def _get_att(self, argument: Value, stack: Stack, inputs: Inputs, origin: Origin) -> Value:
        value = self.evaluate(argument, stack, inputs)
        if isinstance(value, ListValue):
            value = joined(value.items, Known("."), origin)
        if not isinstance(value, Known):
            return Unknown(f"Fn::GetAtt of {describe(value)}", origin)
        return self._attribute_named(scalar_text(value.value), stack, inputs, origin)

    def _attribute_named(self, dotted: str, stack: Stack, inputs: Inputs, origin: Origin) -> Value:
        name, _, attribute = dotted.partition(".")
        if name not in stack.resources and not stack.is_made_by_sam(name):
            return Unknown(f'"{name}" is no resource of the template', origin)
        if not attribute:
            return Unknown(f'Fn::GetAtt of "{name}" without an attribute', origin)
        return self._attribute(stack, name, attribute, inputs, origin)

    def _attribute(self, stack: Stack, logical_id: str, attribute: str, inputs: Inputs, origin: Origin) -> Value:
        kind = stack.type_of(logical_id)
        if kind == TRAIL and attribute in ("Ref", "Arn"):
            name = self.trail_name(stack, logical_id, inputs)
            return placed(name, origin) if attribute == "Ref" else _trail_arn(self.place(stack, inputs), name, origin)
        if kind == BUCKET and attribute == "Ref":
            name = default_of(self.bucket_name(stack, logical_id, inputs))
            return placed(name, origin) if isinstance(name, (Known, Template)) else Reference(stack.prefix + logical_id, "Ref", origin)
        if kind == BUCKET and attribute == "Arn":
            partition = self.place(stack, inputs).partition
            return concatenate((Known("arn:"), partition, Known(":s3:::"), self.bucket_name(stack, logical_id, inputs)), origin)
        if kind in NESTED_STACKS and attribute.startswith("Outputs.") and logical_id in stack.nested:
            return self._output(stack.nested[logical_id], attribute.removeprefix("Outputs."), inputs, origin)
        return Reference(stack.prefix + logical_id, attribute, origin)

    def _output(self, nested: Stack, name: str, inputs: Inputs, origin: Origin) -> Value:
        body = nested.outputs.get(name)
        written = body.get("Value") if isinstance(body, MapValue) else None
        if written is None:
            return Unknown(f'the nested stack has no output "{name}"', origin)
        value = self.guarded(("output", id(nested), name), lambda: self.evaluate(written, nested, inputs), origin)
        return placed(through(value, Step(f"output {name} of {nested.prefix.rstrip('/')}", written.origin.span)), origin)

    def trail_name(self, stack: Stack, logical_id: str, inputs: Inputs) -> Value:
        """Return a trail's name: TrailName, or the one that CloudFormation makes up."""
        return self._name_property(stack, logical_id, "TrailName", inputs, lower=False)

    def bucket_name(self, stack: Stack, logical_id: str, inputs: Inputs) -> Value:
        """Return a bucket's name: BucketName, or the one that CloudFormation makes up."""
        return self._name_property(stack, logical_id, "BucketName", inputs, lower=True)

    def _name_property(self, stack: Stack, logical_id: str, name: str, inputs: Inputs, *, lower: bool) -> Value:
        written = stack.property_of(logical_id, name)
        origin = Origin(written.origin.span or stack.resources[logical_id].key.origin.span)

        def evaluated() -> Value:
            value = self.evaluate(written, stack, inputs)
            made_up = generated_name(stack, logical_id, lower=lower, origin=origin)
            return lift(lambda each: made_up if isinstance(each, Absent) else each, (value,), value.origin)

        return self.guarded(("name", id(stack), logical_id), evaluated, origin)

    def place(self, stack: Stack, inputs: Inputs) -> Place:
        """Return where the stack is deployed; an input that ``inputs`` fixes is known."""
        place = stack.place
        return Place(self._fixed(place.account, inputs), self._fixed(place.region, inputs), self._fixed(place.partition, inputs))

    def _fixed(self, value: Value, inputs: Inputs, spelling: str = "") -> Value:
        if not isinstance(value, Symbol):
            return value
        if inputs.symbolic:
            self._touched.add(value.name)
            return value
        domain = inputs.domains.get(value.name)
        if domain is not None and domain.only is not None and len(domain.only) == 1:
            return Known(domain.only[0], value.origin.through(Step(f"{spelling or value.name} = {domain.only[0]}")))
        return value

    # -- parameters ----------------------------------------------------------------------------------------------------

    def _parameter(self, declared: Declaration, stack: Stack, inputs: Inputs) -> Value:
        if declared.is_ssm:
            return self._ssm_parameter(declared)
        if stack.arguments is not None and stack.parent is not None:
            argument = stack.arguments.get(declared.name)
            if argument is None:
                return self._fixed_default(declared)
            parent = stack.parent
            key = ("parameter", id(stack), declared.name)
            value = self.guarded(key, lambda: self.evaluate(argument.value, parent, inputs), argument.value.origin)
            value = through(value, Step(f"parameter {declared.name} of {stack.prefix.rstrip('/')}", argument.value.origin.span))
            return split_list(value, value.origin) if declared.is_list and isinstance(value, Known) else value
        if declared.name in stack.given:
            given = stack.given[declared.name]
            via = (Step(f"parameter {declared.name}, given", given.origin.span),)
            return _listed(declared, given, Origin(via=via, sensitive=declared.sensitive))
        subject = self._subject_of(declared)
        if inputs.symbolic:
            self._touched.add(subject.name)
            return self._parameter_symbol(declared, Shape(one_of=declared.allowed, shortest=declared.shortest))
        return self._chosen(declared, subject, inputs)

    def _chosen(self, declared: Declaration, subject: Subject, inputs: Inputs) -> Value:
        domain = inputs.domains.get(subject.name)
        default = declared.default
        if domain is None or (default is not None and domain.admits(scalar_text(default.value))):
            if default is None:
                return self._parameter_symbol(declared, Shape(one_of=declared.allowed, shortest=declared.shortest))
            fixed = domain is not None and domain.only is not None and len(domain.only) == 1
            step = Step(f"parameter {declared.name}, default {describe(default)}", default.origin.span or declared.span)
            free = frozenset() if fixed else frozenset({declared.name})
            return _listed(declared, default, Origin(via=(step,), inputs=free, sensitive=declared.sensitive))
        if domain.only is not None and len(domain.only) == 1:
            step = Step(f"parameter {declared.name} = {domain.only[0]}", declared.span)
            return _listed(declared, Known(domain.only[0]), Origin(via=(step,), sensitive=declared.sensitive))
        allowed = tuple(each for each in domain.only or declared.allowed if domain.admits(each))
        shortest = max(declared.shortest, 1 if "" in domain.excluded else 0)
        return self._parameter_symbol(declared, Shape(one_of=allowed, shortest=shortest), changed=default is not None)

    def _parameter_symbol(self, declared: Declaration, shape: Shape, *, changed: bool = False) -> Value:
        reason = f"parameter {declared.name} " + ("has another value than its default" if changed else "has no default")
        origin = Origin(via=(Step(f"parameter {declared.name}", declared.span),), sensitive=declared.sensitive)
        if declared.is_list:
            return ListValue((), reason, origin)
        return Symbol(declared.name, SymbolKind.INPUT, shape, declared.name, reason, origin)

    def _fixed_default(self, declared: Declaration) -> Value:
        if declared.default is None:
            return Unknown(f"the nested stack is not given its parameter {declared.name}", Origin(declared.span))
        step = Step(f"parameter {declared.name}, default {describe(declared.default)}", declared.default.origin.span or declared.span)
        return _listed(declared, declared.default, Origin(via=(step,), sensitive=declared.sensitive))

    def _ssm_parameter(self, declared: Declaration) -> Value:
        where = f" {describe(declared.default)}" if declared.default is not None else ""
        reason = f"parameter {declared.name} is read from the SSM parameter{where} at the deployment"
        origin = Origin(via=(Step(f"parameter {declared.name}", declared.span),), sensitive=declared.sensitive)
        if declared.is_list:
            return ListValue((), reason, origin)
        return Symbol(declared.name, SymbolKind.EXTERNAL, Shape(shortest=1), declared.name, reason, origin)

    def _subject_of(self, declared: Declaration) -> Subject:
        default = scalar_text(declared.default.value) if declared.default is not None else None
        subject = Subject(declared.name, declared.name, default, declared.allowed, declared.shortest, declared.longest)
        words = "no default" if declared.default is None else f"default {describe(declared.default)}"
        span = declared.default.origin.span if declared.default is not None else None
        self._steps_to.setdefault(declared.name, Step(f"parameter {declared.name}, {words}", span or declared.span))
        return self.subjects.setdefault(declared.name, subject)

    def _subject_of_symbol(self, symbol: Symbol) -> Subject:
        if symbol.name not in self.subjects:
            spelling = {"account": "AWS::AccountId", "region": "AWS::Region", "partition": "AWS::Partition"}.get(symbol.name, "")
            self.subjects[symbol.name] = Subject(symbol.name, spelling or symbol.spelling or symbol.name, allowed=symbol.shape.one_of)
        return self.subjects[symbol.name]

    def _pseudo_parameter(self, name: str, stack: Stack, inputs: Inputs, origin: Origin) -> Value:
        place = stack.place
        if name in ("AWS::AccountId", "AWS::Region", "AWS::Partition"):
            value = {"AWS::AccountId": place.account, "AWS::Region": place.region, "AWS::Partition": place.partition}[name]
            value = self._fixed(value, inputs, name)
            return placed(replace(value, spelling=name) if isinstance(value, Symbol) else value, origin)
        if name == "AWS::NoValue":
            return Absent(Origin(origin.span, (Step("AWS::NoValue", origin.span),)))
        if name == "AWS::StackName":
            return placed(stack.name, origin)
        if name == "AWS::StackId":
            uuid = Symbol(
                f"id of stack {stack.prefix}", SymbolKind.GENERATED, _UUID, "stack id", "CloudFormation makes up the id of the stack"
            )
            fixed = self.place(stack, inputs)
            parts = (Known("arn:"), fixed.partition, Known(":cloudformation:"), fixed.region, Known(":"), fixed.account)
            return concatenate((*parts, Known(":stack/"), stack.name, Known("/"), uuid), origin)
        if name == "AWS::URLSuffix":
            return _url_suffix(self.place(stack, inputs).partition, origin)
        if name == "AWS::NotificationARNs":
            return ListValue((), "the notification ARNs of the stack are not in the template", origin)
        return Unknown(f"{name} is no pseudo parameter", origin)

    # -- conditions ----------------------------------------------------------------------------------------------------

    def condition(self, name: str, stack: Stack) -> Formula | None:
        """Return the formula of a condition of the template, or None where it has no such condition or one that refers to itself."""
        if name not in stack.conditions or name in stack.circular_conditions:
            return None
        if (id(stack), name) not in self._formulas:
            # One after the other: a long chain of conditions is no deep one.
            for each in conditions_in_order(stack, name):
                if (id(stack), each) not in self._formulas:
                    formula = self._formula(stack.conditions[each].value, stack, each)
                    unreadable = Opaque(f"condition {stack.prefix}{each}")
                    self._formulas[id(stack), each] = formula if _size(formula) <= MAX_FORMULA else unreadable
        return self._formulas[id(stack), name]

    def _formula(self, expression: Value, stack: Stack, name: str, depth: int = 0) -> Formula:
        unreadable = Opaque(f"condition {stack.prefix}{name}")
        if isinstance(expression, Known) and scalar_text(expression.value).lower() in ("true", "false"):
            return TRUE if scalar_text(expression.value).lower() == "true" else FALSE
        if not isinstance(expression, MapValue) or len(expression.entries) != 1 or depth > 20:
            return unreadable
        function, argument = expression.entries[0].name, expression.entries[0].value
        if function == "Condition":
            inner = self.condition(scalar_text(argument.value), stack) if isinstance(argument, Known) else None
            return unreadable if inner is None else inner
        operands = argument.items if isinstance(argument, ListValue) else (argument,)
        if function in ("Fn::And", "Fn::Or", "Fn::Not"):
            formulas = tuple([self._formula(operand, stack, name, depth + 1) for operand in operands])
            if function == "Fn::Not":
                return negated(formulas[0]) if len(formulas) == 1 else unreadable
            return all_of(formulas) if function == "Fn::And" else any_of(formulas)
        if function == "Fn::Equals" and len(operands) == 2:
            return self._equals(operands[0], operands[1], stack, unreadable)
        return unreadable

    def _equals(self, left: Value, right: Value, stack: Stack, unreadable: Opaque) -> Formula:
        outer, self._touched = self._touched, set()
        try:
            first = self.evaluate(left, stack, _SYMBOLIC)
            second = self.evaluate(right, stack, _SYMBOLIC)
            touched = [self.subjects[name] if name in self.subjects else self._ambient_subject(name) for name in sorted(self._touched)]
        finally:
            self._touched = outer | self._touched
        return self._equal_values(
            first,
            second,
            lambda inputs: _equality(self.evaluate(left, stack, inputs), self.evaluate(right, stack, inputs)),
            touched,
            unreadable,
        )

    def _ambient_subject(self, name: str) -> Subject:
        return self._subject_of_symbol(Symbol(name, SymbolKind.AMBIENT))

    def _equal_values(
        self,
        left: Value,
        right: Value,
        compare: Callable[[Inputs], bool | None],
        touched: Sequence[Subject],
        unreadable: Opaque,
    ) -> Formula:
        for choice, other in ((left, right), (right, left)):
            if isinstance(choice, Choice) and choice.condition in self._by_identity and len(choice.branches) == 2:
                formula = self._by_identity[choice.condition]
                branches = [self._equal_values(branch.value, other, compare, touched, unreadable) for branch in choice.branches]
                return any_of((all_of((formula, branches[0])), all_of((negated(formula), branches[1]))))
        answer = _equality(left, right)
        if answer is not None:
            return TRUE if answer else FALSE
        for symbol, other in ((left, right), (right, left)):
            if isinstance(symbol, Symbol) and isinstance(other, Known):
                return is_text(self._subject_of_symbol(symbol), scalar_text(other.value))
        enumerated = self._enumerated(compare, touched)
        if enumerated is not None:
            return enumerated
        vague = any(isinstance(part, Unknown) for value in (left, right) for part in _parts(value))
        text = unreadable.text if vague else f"{describe(left)} = {describe(right)}"
        return Opaque(text, tuple(touched), compare(Inputs()))

    def _enumerated(self, compare: Callable[[Inputs], bool | None], touched: Sequence[Subject]) -> Formula | None:
        """Return the comparison as the combinations of allowed values that make it true, where the inputs have few of them."""
        combinations = 1
        for subject in touched:
            combinations *= len(subject.allowed)
        if not touched or not 0 < combinations <= MAX_COMBINATIONS:
            return None
        alternatives: list[Formula] = []
        for texts in product(*(subject.allowed for subject in touched)):
            inputs: Inputs | None = Inputs()
            for subject, text in zip(touched, texts, strict=True):
                inputs = inputs.narrowed(subject, text, True) if inputs is not None else None
            answer = compare(inputs) if inputs is not None else False
            if answer is None:
                return None
            if answer:
                alternatives.append(all_of(tuple(is_text(subject, text) for subject, text in zip(touched, texts, strict=True))))
        return any_of(tuple(alternatives))

    def supposed(self, choice: Choice, index: int, inputs: Inputs) -> Inputs | None:
        """Return ``inputs`` with what follows from a Choice going that way; None when it cannot, or nobody knows what decides it."""
        formula = self._by_identity.get(choice.condition)
        return assume(formula, index == 0, inputs) if formula is not None else None

    def _if(self, argument: Value, stack: Stack, inputs: Inputs, origin: Origin) -> Value:
        items = argument.items if isinstance(argument, ListValue) else ()
        if len(items) != 3 or not isinstance(items[0], Known):
            return Unknown("Fn::If without a condition name and two values", origin)
        name = scalar_text(items[0].value)
        formula = self.condition(name, stack)
        if formula is None:
            reason = "is a condition that refers to itself" if name in stack.conditions else "is no condition of the template"
            return Unknown(f'"{name}" {reason}', origin)
        values = items[1:]
        if isinstance(formula, Not):
            formula, values, name = formula.operand, (items[2], items[1]), ""
        fixed = certain(formula, inputs)
        if fixed is not None:
            narrowed = assume(formula, fixed, inputs) or inputs
            return self.evaluate(values[0 if fixed else 1], stack, narrowed)
        decided = outcome(formula, inputs)
        branches = []
        for wanted, value in zip((True, False), values, strict=True):
            narrowed = assume(formula, wanted, inputs) or inputs
            words = (
                in_words(formula, wanted, stack.prefix + name)
                if name
                else in_words(Not(formula), not wanted, stack.prefix + scalar_text(items[0].value))
            )
            branches.append(Branch(words, self.evaluate(value, stack, narrowed)))
        self._by_identity[identity(formula)] = formula
        deciding = list(dict.fromkeys(subjects_of(formula)))
        with_default = frozenset(subject.name for subject in deciding if subject.default is not None)
        via = tuple(self._steps_to[subject.name] for subject in deciding if subject.name in self._steps_to)
        chosen = None if decided is None else 0 if decided else 1
        return choose(identity(formula), branches, chosen, replace(origin, inputs=with_default, via=via))

    def _truth(self, call: MapValue, stack: Stack, inputs: Inputs, origin: Origin) -> Value:
        decided = certain(self._formula(call, stack, describe(call)), inputs)
        return Unknown(f"{call.entries[0].name} outside of Conditions", origin) if decided is None else Known(decided, origin)

    # -- strings and maps ----------------------------------------------------------------------------------------------

    def _sub(self, argument: Value, stack: Stack, inputs: Inputs, origin: Origin) -> Value:
        text, variables = argument, {}
        if isinstance(argument, ListValue):
            if len(argument.items) != 2 or not isinstance(argument.items[1], MapValue):
                return Unknown("Fn::Sub with a list that is not a string and a map", origin)
            text = argument.items[0]
            variables = {entry.name: entry.value for entry in argument.items[1].entries}
        text = self.evaluate(text, stack, inputs)
        if not isinstance(text, (Known, Template, Symbol)):
            return Unknown(f"Fn::Sub of {describe(text)}", origin)
        literals = [part.text for part in text_parts(text) if isinstance(part, Literal)]
        if sum(literal.count("${") for literal in literals) > MAX_ITEMS:
            return Unknown(f"Fn::Sub with more than {MAX_ITEMS} variables", origin)
        self._steps += sum(map(len, literals)) // 10
        parts: list[Value] = []
        for part in text_parts(text):
            if isinstance(part, (Symbol, Reference, Unknown)):
                parts.append(part)
                continue
            position = 0
            for hole in _HOLE.finditer(part.text):
                parts.append(slice_of(part, position, hole.start()))
                parts.extend(self._sub_hole(part, hole, variables, stack, inputs))
                position = hole.end()
            parts.append(slice_of(part, position, len(part.text)))
        return joined(parts, None, origin)

    def _sub_hole(self, part: Literal, hole: re.Match[str], variables: dict[str, Value], stack: Stack, inputs: Inputs) -> Iterator[Value]:
        name = hole.group(1).strip()
        span = part.text_map.span(hole.start(), hole.end()) if part.text_map is not None else None
        if name.startswith("!"):
            yield slice_of(part, hole.start(), hole.start() + 2)
            yield slice_of(part, hole.start() + 2 + hole.group(1).index("!") + 1, hole.end())
        elif not name:
            yield slice_of(part, hole.start(), hole.end())
        elif name in variables:
            yield self.evaluate(variables[name], stack, inputs)
        elif "." in name:
            yield self._attribute_named(name, stack, inputs, Origin(span))
        else:
            yield self.named(name, stack, inputs, Origin(span))

    def _find_in_map(self, arguments: Value, stack: Stack, inputs: Inputs, origin: Origin) -> Value:
        if not isinstance(arguments, ListValue) or len(arguments.items) not in (3, 4):
            return Unknown("Fn::FindInMap without a map name and two keys", origin)
        fallback = (
            arguments.items[3].get("DefaultValue") if len(arguments.items) == 4 and isinstance(arguments.items[3], MapValue) else None
        )

        def find(name: Value, first: Value, second: Value) -> Value:
            if not isinstance(name, Known):
                return Unknown(f"Fn::FindInMap in {describe(name)}", origin)
            mapping = stack.mappings.get(scalar_text(name.value))
            if not isinstance(mapping, MapValue):
                return fallback if fallback is not None else Unknown(f'"{scalar_text(name.value)}" is no mapping of the template', origin)
            return self._look_up(mapping, [first, second], fallback, stack, inputs, origin)

        return lift(find, arguments.items[:3], origin)

    def _look_up(self, table: Value, keys: list[Value], fallback: Value | None, stack: Stack, inputs: Inputs, origin: Origin) -> Value:
        if not keys:
            value = self.evaluate(table, stack, inputs)
            return placed(value, origin.joined(value.origin))
        key = keys[0]
        if not isinstance(table, MapValue):
            return fallback if fallback is not None else Unknown(f"the mapping has no map for {describe(key)}", origin)
        if isinstance(key, Known):
            found = table.get(scalar_text(key.value))
            if found is None:
                return fallback if fallback is not None else Unknown(f"the mapping has no key {describe(key)}", origin)
            step = Step(f"mapping key {scalar_text(key.value)}", found.origin.span)
            return through(self._look_up(found, keys[1:], fallback, stack, inputs, origin.joined(key.origin)), step)
        entries = [entry for entry in table.entries if isinstance(key, Symbol) and (not key.shape.one_of or entry.name in key.shape.one_of)]
        if not isinstance(key, Symbol) or not 0 < len(entries) <= MAX_COMBINATIONS:
            return Unknown(f"the mapping key {describe(key)} is not known", origin)
        spelling = key.spelling or key.name
        branches = [
            Branch(f"{spelling} = {entry.name}", self._look_up(entry.value, keys[1:], fallback, stack, inputs, origin)) for entry in entries
        ]
        return choose(f"mapping key {key.name} of {','.join(entry.name for entry in entries)}", branches, None, origin)

    def _import(self, name: Value, origin: Origin) -> Value:
        text = describe(name, quoted=False)
        if isinstance(name, Known):
            found = self.imported(scalar_text(name.value))
            if found is not None:
                return placed(found, origin)
        if isinstance(name, (Unknown, ListValue, MapValue, Absent)):
            return Unknown(f"Fn::ImportValue of {describe(name)}", origin)
        reason = f'Fn::ImportValue "{text}" comes from another stack'
        return Symbol(f"import {text}", SymbolKind.EXTERNAL, Shape(shortest=1), f"Fn::ImportValue {text}", reason, origin)

    def _item_of_parameter(self, argument: Value, stack: Stack, inputs: Inputs, origin: Origin) -> Value | None:
        """Return an item of a list parameter that nobody gives yet: unknown, but the same one wherever it is selected."""
        if not isinstance(argument, ListValue) or len(argument.items) != 2:
            return None
        index, items = argument.items
        name = items.entries[0].value if isinstance(items, MapValue) and _function_of(items) == "Ref" else None
        index = self.evaluate(index, stack, inputs)
        if not isinstance(name, Known) or not isinstance(index, Known) or stack.arguments is not None:
            return None
        declared = stack.parameters.get(scalar_text(name.value))
        if declared is None or not declared.is_list:
            return None
        value = self._parameter(declared, stack, inputs)
        if not isinstance(value, ListValue) or not value.rest:
            return None
        kind = SymbolKind.EXTERNAL if declared.is_ssm else SymbolKind.INPUT
        spelling = f"{declared.name}[{scalar_text(index.value)}]"
        return Symbol(spelling, kind, Shape(), spelling, value.rest, replace(origin, via=value.origin.via))

    def guarded(self, key: tuple[object, ...], evaluate: Callable[[], Value], origin: Origin) -> Value:
        """Return ``evaluate()``, or Unknown when the same thing is being evaluated already: it refers to itself."""
        if key in self._active:
            return Unknown(f"{key[0]} {key[-1]} refers to itself", origin)
        self._active.append(key)
        try:
            return evaluate()
        finally:
            self._active.pop()


def _function_of(value: MapValue) -> str | None:
    """Return the intrinsic function that a map calls, or None for a map that is one."""
    if len(value.entries) != 1:
        return None
    name = value.entries[0].name
    return name if name == "Ref" or (name.startswith("Fn::") and not name.startswith("Fn::ForEach::")) else None


def _listed(declared: Declaration, text: Known, origin: Origin) -> Value:
    if declared.is_list:
        return split_list(text, origin)
    return Known(text.value, origin, text.text_map)


def _trail_arn(place: Place, name: Value, origin: Origin) -> Value:
    parts = (Known("arn:"), place.partition, Known(":cloudtrail:"), place.region, Known(":"), place.account, Known(":trail/"), name)
    return concatenate(parts, origin)


def _url_suffix(partition: Value, origin: Origin) -> Value:
    if isinstance(partition, Known) and scalar_text(partition.value) in _URL_SUFFIXES:
        return Known(_URL_SUFFIXES[scalar_text(partition.value)], origin)
    shape = Shape(one_of=tuple(dict.fromkeys(_URL_SUFFIXES.values())))
    return Symbol("dns_suffix", SymbolKind.AMBIENT, shape, "AWS::URLSuffix", "the partition that is deployed to is not in the code", origin)


def _equality(left: Value, right: Value) -> bool | None:
    if isinstance(left, Known) and isinstance(right, Known):
        return scalar_text(left.value) == scalar_text(right.value)
    if isinstance(left, Symbol) and left == right:
        return True
    for value, other in ((left, right), (right, left)):
        if isinstance(other, Known) and _shortest(value) > len(scalar_text(other.value)):
            return False
    if isinstance(left, ListValue) and isinstance(right, ListValue) and not left.rest and not right.rest:
        answers = [_equality(mine, other) for mine, other in zip(left.items, right.items, strict=False)]
        if len(left.items) != len(right.items) or False in answers:
            return False
        return None if None in answers else True
    return None


def _shortest(value: Value) -> int:
    """Return the least length that a string with holes can have; an attribute of a resource is never empty."""
    if not isinstance(value, (Template, Symbol, Reference)):
        return 0
    total = 0
    for part in text_parts(value):
        if isinstance(part, Literal):
            total += len(part.text)
        elif isinstance(part, Symbol):
            total += min(map(len, part.shape.one_of)) if part.shape.one_of else part.shape.shortest
        else:
            total += isinstance(part, Reference)
    return total


def _parts(value: Value) -> Sequence[object]:
    if isinstance(value, Template):
        return value.parts
    if isinstance(value, Choice):
        return [part for branch in value.branches for part in _parts(branch.value)]
    return (value,)


def _size(formula: Formula) -> int:
    """Return how many comparisons the formula holds, counting no further than MAX_FORMULA."""
    stack: list[Formula] = [formula]
    count = 0
    while stack and count <= MAX_FORMULA:
        count += 1
        each = stack.pop()
        if isinstance(each, Not):
            stack.append(each.operand)
        elif isinstance(each, And):
            stack.extend(each.operands)
    return count
