"""Resources of a stack as the model knows them: existence by conditions, then property by property."""

from __future__ import annotations

from collections.abc import Iterator

from ctkms_policy.cloudformation.conditions import Inputs, assume, certain, changes_in_words, outcome, solve
from ctkms_policy.cloudformation.dependencies import dependencies
from ctkms_policy.cloudformation.intrinsics import Evaluator, generated_name
from ctkms_policy.cloudformation.refusals import refusals
from ctkms_policy.cloudformation.stack import Stack
from ctkms_policy.iam.policy import default_key_policy, read_key_policy
from ctkms_policy.model import (
    Alias,
    Attribute,
    Bucket,
    EventDataStore,
    Key,
    KeyKind,
    KeyPolicy,
    Place,
    PolicyForm,
    Refusal,
    Trail,
    UnreadablePolicy,
)
from ctkms_policy.source import Span
from ctkms_policy.value import (
    Absent,
    Choice,
    Entry,
    Known,
    ListValue,
    MapValue,
    Match,
    Origin,
    Reference,
    Template,
    Unknown,
    Value,
    default_of,
    describe,
    lift,
    scalar_text,
)

_MISSPELT = frozenset({"kmskeyid", "kmskeyarn", "kmskey", "kmsid"})
"""What people write for a trail's KMSKeyId, in small letters."""


def creation(evaluator: Evaluator, stack: Stack, body: Value, given: Inputs | None = None) -> tuple[Inputs, str] | None:
    """Return the inputs that create a resource or output with that body, and in words when default inputs leave it out.

    None: no input creates it. The inputs hold for everything that is read of it, so that what exists under the same condition, or
    one that follows from it, exists too. ``given`` are inputs that hold already: the stack's own if None.
    """
    inputs = stack.inputs if given is None else given
    condition = body.get("Condition") if isinstance(body, MapValue) else None
    if not isinstance(condition, Known):
        return inputs, stack.created_when
    name = scalar_text(condition.value)
    formula = evaluator.condition(name, stack)
    if formula is None:
        return inputs, stack.created_when
    assumed = assume(formula, True, inputs)
    if assumed is None or solve(formula, True, inputs) is None:
        return None
    if outcome(formula, inputs) is True:
        return assumed, stack.created_when
    # What follows from the condition is enough where it makes the condition true; else one way to make it true is picked.
    created = assumed if certain(formula, assumed) is True else solve(formula, True, inputs) or assumed
    words = changes_in_words(inputs, created, evaluator.subjects) or f"condition {stack.prefix}{name} is true"
    return created, " and ".join(each for each in (stack.created_when, words) if each)


class ResourceReader:
    """Reads the properties of one resource under the inputs that create it."""

    def __init__(self, evaluator: Evaluator, stack: Stack, logical_id: str, inputs: Inputs, created_when: str) -> None:
        self._evaluator = evaluator
        self._stack = stack
        self._logical_id = logical_id
        self._inputs = inputs
        self._created_when = created_when
        self._address = stack.prefix + logical_id
        self._span = stack.head_of(stack.resources[logical_id])

    def trail(self) -> Trail:
        """Return the trail. A KMSKeyId under another name is none: CloudFormation does not know it."""
        return Trail(
            self._address,
            self._span,
            self._place(),
            self._evaluator.trail_name(self._stack, self._logical_id, self._inputs),
            self._attribute("KMSKeyId"),
            self._flag("IsOrganizationTrail"),
            self._flag("IsMultiRegionTrail"),
            self._property("S3BucketName"),
            dependencies(self._stack, self._logical_id),
            self._misspelt_key_id(),
            calls=self._stack.calls,
            created_when=self._created_when,
            refusals=self._refusals(),
        )

    def event_data_store(self) -> EventDataStore:
        """Return the event data store."""
        name = self._property("Name")
        made_up = generated_name(self._stack, self._logical_id, origin=Origin(self._span))
        return EventDataStore(
            self._address,
            self._span,
            self._place(),
            lift(lambda each: made_up if isinstance(each, Absent) else each, (name,), name.origin),
            self._attribute("KmsKeyId"),
            calls=self._stack.calls,
            created_when=self._created_when,
            refusals=self._refusals(),
        )

    def key(self, kind: KeyKind) -> Key:
        """Return the key; what a replica takes from its primary key has the default here."""
        origin = self._property("Origin", Known("AWS_KMS"))
        return Key(
            self._address,
            self._span,
            self._place(),
            kind,
            self._policy(),
            self._flag("Enabled", True),
            self._property("KeySpec", Known("SYMMETRIC_DEFAULT")),
            self._property("KeyUsage", Known("ENCRYPT_DECRYPT")),
            origin,
            Known(True) if kind is KeyKind.REPLICA else self._flag("MultiRegion"),
            _has_material(default_of(origin)),
            calls=self._stack.calls,
            created_when=self._created_when,
            refusals=self._refusals(),
        )

    def primary_key(self) -> Value:
        """Return what a replica names as its primary key."""
        return self._property("PrimaryKeyArn")

    def alias(self) -> Alias:
        """Return the alias."""
        return Alias(
            self._address,
            self._span,
            self._place(),
            self._property("AliasName"),
            self._property("TargetKeyId"),
            calls=self._stack.calls,
            created_when=self._created_when,
        )

    def bucket(self) -> Bucket:
        """Return the bucket."""
        return Bucket(
            self._address,
            self._span,
            self._place(),
            self._evaluator.bucket_name(self._stack, self._logical_id, self._inputs),
            _flag_of(_bucket_key(self._property("BucketEncryption"))),
            calls=self._stack.calls,
            created_when=self._created_when,
        )

    def _refusals(self) -> tuple[Refusal, ...]:
        return refusals(self._stack, self._logical_id, self._holds, by_default=not self._created_when)

    def _holds(self, stack: Stack, condition: str) -> bool | None:
        formula = self._evaluator.condition(condition, stack)
        return None if formula is None else outcome(formula, self._inputs)

    def _place(self) -> Place:
        return self._evaluator.place(self._stack, self._inputs)

    def _written(self, name: str) -> Entry | None:
        properties = self._stack.part_of(self._logical_id, "Properties")
        entries = properties.entries if isinstance(properties, MapValue) else ()
        return next((entry for entry in entries if entry.name == name), None)

    def _property(self, name: str, default: Value | None = None) -> Value:
        """Return the value of a property; ``default`` where it is absent, in each branch of a choice."""
        entry = self._written(name)
        if entry is None:
            rest = self._rest()
            if rest:
                return Unknown(rest, Origin(self._span))
            return Absent() if default is None else default
        value = self._evaluator.evaluate(entry.value, self._stack, self._inputs)
        if default is None:
            return value
        return lift(lambda each: default if isinstance(each, Absent) else each, (value,), value.origin)

    def _rest(self) -> str:
        """Return why further properties may follow, or ""."""
        properties = self._stack.part_of(self._logical_id, "Properties")
        if isinstance(properties, Unknown):
            return properties.reason
        if isinstance(properties, MapValue) and properties.rest:
            return properties.rest
        entries = properties.entries if isinstance(properties, MapValue) else ()
        function = next((entry for entry in entries if entry.name.startswith("Fn::")), None)
        if function is not None:
            return f"what {_in_words(function)} adds to the properties is not known"
        if isinstance(properties, (Absent, MapValue)):
            return ""
        return "the properties are not a map"

    def _attribute(self, name: str) -> Attribute:
        entry = self._written(name)
        if entry is None:
            return Attribute(self._property(name))
        start, end = entry.key.origin.span, entry.value.origin.span
        whole = start.to(end) if start is not None and end is not None and start.path == end.path else start
        return Attribute(self._property(name), whole)

    def _flag(self, name: str, default: bool = False) -> Value:
        return _flag_of(self._property(name, Known(default)))

    def _misspelt_key_id(self) -> Span | None:
        properties = self._stack.part_of(self._logical_id, "Properties")
        entries = properties.entries if isinstance(properties, MapValue) else ()
        if any(entry.name == "KMSKeyId" for entry in entries):
            return None
        wrong = (entry for entry in entries if "".join(filter(str.isalnum, entry.name)).lower() in _MISSPELT)
        return next((entry.key.origin.span for entry in wrong), None)

    def _policy(self) -> KeyPolicy | UnreadablePolicy | Unknown:
        document = self._property("KeyPolicy")
        if isinstance(default_of(document), Absent):
            return default_key_policy(self._place(), self._span)
        form = PolicyForm.JSON_TEXT if isinstance(default_of(document), (Known, Template)) else PolicyForm.OBJECT
        return read_key_policy(document, form, document.origin.span or self._span)


def _has_material(origin: Value) -> Match:
    """Return whether a new key has key material: CloudFormation creates an EXTERNAL one without, and no template imports it (B13)."""
    if isinstance(origin, Known):
        return Match.of(scalar_text(origin.value) != "EXTERNAL")
    return Match.MAYBE


def _flag_of(value: Value) -> Value:
    """Return the value with the texts "true" and "false" as booleans, as CloudFormation reads them."""

    def read(each: Value) -> Value:
        if isinstance(each, Known) and isinstance(each.value, str) and each.value.lower() in ("true", "false"):
            return Known(each.value.lower() == "true", each.origin)
        return each

    return lift(read, (value,), value.origin)


def _bucket_key(encryption: Value) -> Value:
    """Return BucketKeyEnabled of the bucket's first encryption rule, Absent where nothing says it."""
    rules = _entry_of(encryption, "ServerSideEncryptionConfiguration")
    first = lift(lambda each: each.items[0] if isinstance(each, ListValue) and each.items else each, (rules,))
    return _entry_of(first, "BucketKeyEnabled")


def _entry_of(value: Value, name: str) -> Value:
    def find(each: Value) -> Value:
        if isinstance(each, MapValue):
            found = each.get(name)
            return Absent() if found is None else found
        return each if isinstance(each, (Absent, Unknown)) else Unknown("a bucket's encryption that is not a map", each.origin)

    return lift(find, (value,))


def _in_words(function: Entry) -> str:
    """Return the name of a function that stands among properties, and for AWS::Include the place that it reads."""
    parameters = function.value.get("Parameters") if isinstance(function.value, MapValue) else None
    location = parameters.get("Location") if isinstance(parameters, MapValue) else None
    if isinstance(location, Known):
        return f"AWS::Include of {describe(location)}"
    return function.name


def references_in(value: Value) -> Iterator[Reference]:
    """Yield the references that a value is or may be."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, Template):
        yield from (part for part in value.parts if isinstance(part, Reference))
    elif isinstance(value, Choice):
        for branch in value.branches:
            yield from references_in(branch.value)
