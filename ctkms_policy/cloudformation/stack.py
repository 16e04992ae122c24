"""One template in its place: what its names mean, where it is deployed, and which stack nests it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from ctkms_policy.cloudformation.conditions import Inputs
from ctkms_policy.cloudformation.parameters import Declaration, read_declaration
from ctkms_policy.cloudformation.references import Kind, Name, names_in_condition, names_in_resource
from ctkms_policy.cloudformation.template import Template
from ctkms_policy.model import Place
from ctkms_policy.source import Span
from ctkms_policy.value import Absent, Entry, Known, ListValue, MapValue, Unknown, Value, scalar_text

SAM = "AWS::Serverless-2016-10-31"
EXTENSIONS = "AWS::LanguageExtensions"
"""The macros that are known."""


@dataclass(eq=False)
class Stack:
    """A template that is deployed as one stack.

    prefix     what stands before the logical IDs in addresses: "" for a root stack, ``Nested/`` in a nested one
    arguments  what the parent passes to the parameters, as written in the parent; None for a root stack
    inputs     the inputs that create the stack: for a nested stack those that make its resource's condition true
    nested     the nested stacks whose template is there, by logical ID
    """

    template: Template
    place: Place
    name: Value
    prefix: str = ""
    calls: tuple[Span, ...] = ()
    parent: Stack | None = None
    arguments: Mapping[str, Entry] | None = None
    given: Mapping[str, Known] = field(default_factory=dict)
    inputs: Inputs = field(default_factory=Inputs)
    created_when: str = ""
    nested: dict[str, Stack] = field(default_factory=dict)

    @cached_property
    def resources(self) -> dict[str, Entry]:
        """The entries of ``Resources`` by logical ID."""
        return {entry.name: entry for entry in self.template.section("Resources")}

    @cached_property
    def parameters(self) -> dict[str, Declaration]:
        """The declarations of ``Parameters`` by name."""
        fallback = Span.at(self.template.source.path)
        return {entry.name: read_declaration(entry, fallback) for entry in self.template.section("Parameters")}

    @cached_property
    def conditions(self) -> dict[str, Entry]:
        """The entries of ``Conditions`` by name."""
        return {entry.name: entry for entry in self.template.section("Conditions")}

    @cached_property
    def outputs(self) -> dict[str, Value]:
        """The bodies of ``Outputs`` by name."""
        return {entry.name: entry.value for entry in self.template.section("Outputs")}

    @cached_property
    def mappings(self) -> dict[str, Value]:
        """The maps of ``Mappings`` by name."""
        return {entry.name: entry.value for entry in self.template.section("Mappings")}

    @cached_property
    def names_in_resources(self) -> dict[str, tuple[Name, ...]]:
        """The names that each resource refers to, by logical ID."""
        return {logical_id: tuple(names_in_resource(entry.value)) for logical_id, entry in self.resources.items()}

    @cached_property
    def naming(self) -> dict[str, tuple[str, ...]]:
        """The logical IDs of the resources that refer to each name, in order."""
        found: dict[str, dict[str, None]] = {}
        for logical_id, names in self.names_in_resources.items():
            for name in names:
                found.setdefault(name.text, {})[logical_id] = None
        return {name: tuple(logical_ids) for name, logical_ids in found.items()}

    @cached_property
    def by_type(self) -> dict[str, tuple[str, ...]]:
        """The logical IDs of the resources of each type, in order."""
        found: dict[str, list[str]] = {}
        for logical_id in self.resources:
            found.setdefault(self.type_of(logical_id), []).append(logical_id)
        return {kind: tuple(logical_ids) for kind, logical_ids in found.items()}

    @cached_property
    def names_in_conditions(self) -> dict[str, tuple[Name, ...]]:
        """The names that each condition refers to, by its own name."""
        return {name: tuple(names_in_condition(entry.value)) for name, entry in self.conditions.items()}

    @cached_property
    def circular_conditions(self) -> frozenset[str]:
        """The conditions that have no value: those that refer to themselves, and what depends on them."""
        named = {name: {each.text for each in names if each.kind is Kind.CONDITION} for name, names in self.names_in_conditions.items()}
        sorter = TopologicalSorter(named)
        try:
            sorter.prepare()
        except CycleError:
            # The sorter still gives everything that no circle blocks.
            while ready := sorter.get_ready():
                sorter.done(*ready)
                for name in ready:
                    named.pop(name, None)
            return frozenset(named)
        return frozenset()

    def head_of(self, entry: Entry) -> Span:
        """Return the span of the name of a resource or condition."""
        return entry.key.origin.span or Span.at(self.template.source.path)

    def type_of(self, logical_id: str) -> str:
        """Return the type of a resource, or "" where there is none."""
        entry = self.resources.get(logical_id)
        kind = entry.value.get("Type") if entry is not None and isinstance(entry.value, MapValue) else None
        return str(kind.value) if isinstance(kind, Known) else ""

    def part_of(self, logical_id: str, name: str) -> Value:
        """Return ``Properties``, ``Condition`` or another part of a resource as written, or Absent."""
        entry = self.resources.get(logical_id)
        part = entry.value.get(name) if entry is not None and isinstance(entry.value, MapValue) else None
        return Absent() if part is None else part

    def property_of(self, logical_id: str, name: str) -> Value:
        """Return a property of a resource as written, or Absent."""
        properties = self.part_of(logical_id, "Properties")
        if isinstance(properties, Unknown):
            return properties
        written = properties.get(name) if isinstance(properties, MapValue) else None
        return Absent() if written is None else written

    @cached_property
    def transforms(self) -> tuple[str, ...]:
        """The names of the macros that the template declares; "" for one whose name is not known."""
        declared = self.template.root.get("Transform")
        each_one = declared.items if isinstance(declared, ListValue) else () if declared is None else (declared,)
        names = (each.get("Name") if isinstance(each, MapValue) else each for each in each_one)
        return tuple(scalar_text(name.value) if isinstance(name, Known) else "" for name in names)

    def is_made_by_sam(self, logical_id: str) -> bool:
        """Return whether the name is one that SAM makes up for what a resource of its own needs: ``FunctionRole`` for ``Function``."""
        if SAM not in self.transforms or logical_id in self.resources:
            return False
        return any(logical_id.startswith(each) and self.type_of(each).startswith("AWS::Serverless::") for each in self.resources)
