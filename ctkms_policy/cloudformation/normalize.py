"""Normalization: the templates of a scan as Configurations, one for each stack that nobody nests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path

from ctkms_policy.cloudformation.conditions import Inputs
from ctkms_policy.cloudformation.containers import Assembled, Files
from ctkms_policy.cloudformation.intrinsics import BUCKET, TRAIL, Evaluator, generated_name, stack_name_symbol
from ctkms_policy.cloudformation.judged_keys import Use, judge_keys
from ctkms_policy.cloudformation.loops import LOOP, with_loops_expanded
from ctkms_policy.cloudformation.nesting import nested_file, nested_files
from ctkms_policy.cloudformation.parameters import Parameters
from ctkms_policy.cloudformation.resources import ResourceReader, creation, references_in
from ctkms_policy.cloudformation.stack import EXTENSIONS, Stack
from ctkms_policy.cloudformation.template import Template
from ctkms_policy.model import (
    Alias,
    Bucket,
    Configuration,
    EventDataStore,
    Key,
    KeyKind,
    Language,
    Place,
    Trail,
    ambient_account,
    ambient_partition,
    ambient_region,
)
from ctkms_policy.source import ParseError, Source, Span
from ctkms_policy.value import Entry, Known, MapValue, Reference, Symbol, Value, scalar_text, substitute, texts_in

MAX_NESTING = 10
"""Levels of nested stacks that are followed."""

_CONCERNED = re.compile(r"AWS::(?:CloudTrail::|KMS::|CloudFormation::Stack\b|Serverless::Application\b|Include\b)")
_LOOPED = re.compile(r"AWS::(?:CloudTrail::(?:Trail|EventDataStore)|KMS::(?:Replica)?Key)")


def normalize(
    sources: Sequence[tuple[Path, Source]],
    *,
    repository_root: Path,
    show: Callable[[Path], str],
    sources_read: dict[str, Source],
    parameters: Parameters | None = None,
) -> list[Configuration]:
    """Return a Configuration for every template that holds a trail, store or key, itself or in the local stacks that it nests.

    ``sources`` are all files of the scan that may be templates; a template that another one nests is judged inside that one.
    ``show`` gives the path under which a further file is shown; those that are read are added to ``sources_read``. A template that
    cannot be read becomes a Configuration with the problem.
    """
    return _Scan(Files(repository_root, show, sources_read), parameters or Parameters()).configurations(sources)


@dataclass(eq=False)
class _Unit:
    """One root stack on its way to a Configuration.

    imports  what it imports of other units: the unit and the reference there, by the address it has here
    """

    file: Path
    stack: Stack
    evaluator: Evaluator
    problems: list[ParseError] = field(default_factory=list)
    imports: dict[str, tuple[_Unit, Reference]] = field(default_factory=dict)

    def stacks(self) -> Iterator[Stack]:
        """Yield the root stack and every stack nested in it."""
        waiting = [self.stack]
        while waiting:
            stack = waiting.pop(0)
            yield stack
            waiting = [*stack.nested.values(), *waiting]


@dataclass(frozen=True, slots=True)
class _Export:
    """An output that a stack exports, not yet evaluated."""

    unit: _Unit
    stack: Stack
    name: str
    body: MapValue


class _Scan:
    def __init__(self, files: Files, parameters: Parameters) -> None:
        self._files = files
        self._parameters = parameters
        self._units: list[_Unit] = []
        self._exports: dict[str, list[_Export]] = {}

    def configurations(self, sources: Sequence[tuple[Path, Source]]) -> list[Configuration]:
        broken: list[Configuration] = []
        templates: list[tuple[Path, Template]] = []
        for path, source in sources:
            if not _CONCERNED.search(source.text):
                continue
            try:
                templates.extend((path.resolve(), template) for template in self._files.read(path, source))
            except ParseError as error:
                broken.append(Configuration(Language.CLOUDFORMATION, source.path, problems=(error,)))
        for path, template in _roots(templates, self._files, self._parameters):
            self._units.append(self._unit(path, template))
        for unit in self._units:
            for export in _exports(unit):
                self._exports.setdefault(export.name, []).append(export)
        found = {id(unit): _configuration(unit) for unit in self._units}
        imported = {(id(exporter), each.address) for unit in self._units for exporter, each in unit.imports.values()}
        finished = [_without_exports(_with_imports(found[id(unit)], unit, found), id(unit), imported) for unit in self._units]
        broken.extend(Configuration(Language.CLOUDFORMATION, error.span.path, problems=(error,)) for error in self._files.problems)
        kept = [each for each in finished if each.trails or each.keys or each.event_data_stores or each.problems]
        return sorted([*broken, *kept], key=lambda each: each.path)

    def _unit(self, file: Path, template: Template) -> _Unit:
        assembled = self._files.assembled(file)
        name: Value = Known(assembled.stack_name) if assembled.stack_name else stack_name_symbol()
        stack = with_loops_expanded(Stack(template, _place(assembled), name, given=self._parameters.values))
        unit = _Unit(file, stack, Evaluator())
        unit.evaluator.imported = lambda export: self._imported(unit, export)
        self._nest(unit, stack, (file,))
        return unit

    def _nest(self, unit: _Unit, stack: Stack, ancestors: tuple[Path, ...]) -> None:
        for logical_id, entry in stack.resources.items():
            file = nested_file(stack, logical_id, ancestors[-1], self._files)
            created = creation(unit.evaluator, stack, entry.value) if file is not None else None
            if file is None or created is None:
                continue
            if file in ancestors or len(ancestors) > MAX_NESTING:
                what = "the template nests itself" if file in ancestors else f"stacks nested deeper than {MAX_NESTING} levels"
                unit.problems.append(ParseError(what, stack.head_of(entry), "break the cycle"))
                continue
            try:
                templates = self._files.read(file)
            except ParseError as error:
                unit.problems.append(error)
                continue
            if templates:
                stack.nested[logical_id] = _nested_stack(stack, logical_id, templates[0], *created)
                self._nest(unit, stack.nested[logical_id], (*ancestors, file))

    def _imported(self, importer: _Unit, name: str) -> Value | None:
        """Return what another template of the scan exports under the name; None unless exactly one, or one beside the importer, does."""
        found = [export for export in self._exports.get(name, ()) if export.unit is not importer]
        near = [export for export in found if export.unit.file.parent == importer.file.parent]
        export = found[0] if len(found) == 1 else near[0] if len(near) == 1 else None
        if export is None:
            return None
        exporter, body = export.unit, export.body
        created = creation(exporter.evaluator, export.stack, body)
        written = body.get("Value")
        if created is None or written is None:
            return None
        value = exporter.evaluator.guarded(
            ("export", id(export.stack), name), lambda: exporter.evaluator.evaluate(written, export.stack, created[0]), written.origin
        )

        def rename(each: Symbol | Reference) -> Value:
            if isinstance(each, Symbol):
                return each
            address = f"{exporter.stack.template.source.path}/{each.address}"
            importer.imports[address] = (exporter, each)
            return replace(each, address=address)

        return substitute(value, rename)


def _roots(templates: list[tuple[Path, Template]], files: Files, parameters: Parameters) -> list[tuple[Path, Template]]:
    """Return the templates that no other one nests or includes; of a cycle, the first."""
    nests: dict[Path, set[Path]] = {path: set(included) - {path} for path, included in files.included.items()}
    for path, template in templates:
        nests.setdefault(path, set()).update(set(nested_files(template, path, files, parameters.values)) - {path})
    nested = {file for found in nests.values() for file in found}
    roots = {path: None for path, _ in templates if path not in nested}
    reached = _reached(list(roots), nests)
    for path, _ in templates:
        if path not in reached:
            roots[path] = None
            reached |= _reached([path], nests)
    return [(path, template) for path, template in templates if path in roots]


def _reached(start: list[Path], nests: dict[Path, set[Path]]) -> set[Path]:
    reached: set[Path] = set()
    waiting = list(start)
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting.extend(nests.get(path, ()))
    return reached


def _nested_stack(stack: Stack, logical_id: str, template: Template, inputs: Inputs, created_when: str) -> Stack:
    parameters = stack.property_of(logical_id, "Parameters")
    nested = Stack(
        template,
        stack.place,
        generated_name(stack, logical_id),
        f"{stack.prefix}{logical_id}/",
        (*stack.calls, stack.head_of(stack.resources[logical_id])),
        stack,
        {each.name: each for each in parameters.entries} if isinstance(parameters, MapValue) else {},
        inputs=inputs,
        created_when=created_when,
    )
    return with_loops_expanded(nested)


def _place(assembled: Assembled) -> Place:
    return Place(
        Known(assembled.account) if assembled.account else ambient_account(spelling="AWS::AccountId"),
        Known(assembled.region) if assembled.region else ambient_region(spelling="AWS::Region"),
        ambient_partition(spelling="AWS::Partition"),
    )


def _exports(unit: _Unit) -> Iterator[_Export]:
    for stack in unit.stacks():
        for body in stack.outputs.values():
            export = body.get("Export") if isinstance(body, MapValue) else None
            written = export.get("Name") if isinstance(export, MapValue) else None
            if written is None or not isinstance(body, MapValue):
                continue
            name = unit.evaluator.evaluate(written, stack, stack.inputs)
            if isinstance(name, Known):
                yield _Export(unit, stack, scalar_text(name.value), body)


def _configuration(unit: _Unit) -> Configuration:
    uses: list[Use] = []
    keys: list[Key] = []
    aliases: list[Alias] = []
    buckets: list[Bucket] = []
    places: dict[str, tuple[Stack, str]] = {}
    primary: dict[str, Value] = {}
    stacks = list(unit.stacks())
    # Buckets are of interest as log buckets only, and there may be thousands of them.
    with_buckets = any(stack.type_of(logical_id) == TRAIL for stack in stacks for logical_id in stack.resources)
    for stack in stacks:
        for logical_id, entry in stack.resources.items():
            kind = stack.type_of(logical_id)
            if logical_id.startswith("Fn::"):
                unit.problems.extend(_not_expanded(stack, entry))
            if kind not in _READ or (kind == BUCKET and not with_buckets):
                continue
            created = creation(unit.evaluator, stack, entry.value)
            if created is None:
                continue
            reader = ResourceReader(unit.evaluator, stack, logical_id, *created)
            if kind == TRAIL:
                uses.append(Use(reader.trail(), created[0]))
            elif kind == "AWS::CloudTrail::EventDataStore":
                uses.append(Use(reader.event_data_store(), created[0]))
            elif kind == "AWS::KMS::Alias":
                aliases.append(reader.alias())
            elif kind == BUCKET:
                buckets.append(reader.bucket())
            else:
                keys.append(reader.key(_KEY_KINDS[kind]))
                places[keys[-1].address] = stack, logical_id
                primary[keys[-1].address] = reader.primary_key()

    def key_under(address: str, inputs: Inputs) -> Key | None:
        stack, logical_id = places[address]
        given = stack.inputs.joined(inputs)
        created = creation(unit.evaluator, stack, stack.resources[logical_id].value, given) if given is not None else None
        if created is None:
            return None
        return ResourceReader(unit.evaluator, stack, logical_id, *created).key(_KEY_KINDS[stack.type_of(logical_id)])

    resources, judged = judge_keys(uses, keys, aliases, unit.evaluator, key_under)
    told = {(refusal.message, refusal.span) for each in resources for refusal in each.refusals}
    return Configuration(
        Language.CLOUDFORMATION,
        unit.stack.template.source.path,
        tuple(each for each in resources if isinstance(each, Trail)),
        tuple(_untold(_like_primary(key, primary.get(key.address), judged), told) for key in judged),
        tuple(aliases),
        (),
        tuple(buckets),
        tuple(each for each in resources if isinstance(each, EventDataStore)),
        tuple(unit.problems),
    )


_KEY_KINDS = {"AWS::KMS::Key": KeyKind.KEY, "AWS::KMS::ReplicaKey": KeyKind.REPLICA}
_READ = frozenset({TRAIL, BUCKET, "AWS::CloudTrail::EventDataStore", "AWS::KMS::Alias", *_KEY_KINDS})


def _like_primary(key: Key, primary: Value | None, keys: Sequence[Key]) -> Key:
    """Return a replica with what it shares with its primary key, where that is in the same stack."""
    addresses = {reference.address for reference in references_in(primary)} if primary is not None else set()
    found = next((each for each in keys if each.address in addresses), None)
    if found is None:
        return key
    return replace(key, spec=found.spec, usage=found.usage, key_origin=found.key_origin, has_key_material=found.has_key_material)


def _untold(key: Key, told: AbstractSet[tuple[str, Span]]) -> Key:
    """Return the key without the refusals that a trail or store has already: of a nested stack that both stand in or need."""
    return replace(key, refusals=tuple(each for each in key.refusals if (each.message, each.span) not in told))


def _not_expanded(stack: Stack, entry: Entry) -> Iterator[ParseError]:
    """Yield the problem that a loop or macro makes trails or keys that nobody sees."""
    if not any(_LOOPED.fullmatch(text) for text in texts_in(entry.value)):
        return
    if entry.name.startswith(LOOP) and not stack.transforms:
        message = f"{entry.name} is no resource, and no transform makes any of it"
        yield ParseError(message, stack.head_of(entry), f'CloudFormation refuses the template: add "Transform: {EXTENSIONS}"')
    else:
        yield ParseError(f"the resources of {entry.name} are not expanded", stack.head_of(entry), "scan the processed template instead")


def _with_imports(configuration: Configuration, unit: _Unit, found: dict[int, Configuration]) -> Configuration:
    """Return the Configuration with the keys and aliases of other units that it imports, under the addresses they have here."""
    keys, aliases = list(configuration.keys), list(configuration.aliases)
    for address, (exporter, reference) in unit.imports.items():
        other = found[id(exporter)]
        prefix = address.removesuffix(reference.address)
        wanted = {reference.address}
        for alias in other.aliases:
            if alias.address == reference.address:
                aliases.append(replace(alias, address=address, target=_moved(alias.target, prefix)))
                wanted.update(each.address for each in references_in(alias.target))
        keys.extend(replace(key, address=prefix + key.address) for key in other.keys if key.address in wanted)
    return replace(configuration, keys=tuple(_without_repeats(keys)), aliases=tuple(aliases))


def _without_exports(configuration: Configuration, unit: int, imported: set[tuple[int, str]]) -> Configuration:
    """Return the Configuration without the keys that only others use: those are judged there, with the trails that use them."""
    if configuration.trails or configuration.event_data_stores:
        return configuration
    gone = {address for exporter, address in imported if exporter == unit}
    for alias in configuration.aliases:
        if alias.address in gone:
            gone.update(each.address for each in references_in(alias.target))
    return replace(configuration, keys=tuple(key for key in configuration.keys if key.address not in gone))


def _moved(value: Value, prefix: str) -> Value:
    return substitute(value, lambda each: replace(each, address=prefix + each.address) if isinstance(each, Reference) else each)


def _without_repeats(keys: list[Key]) -> list[Key]:
    return list({key.address: key for key in keys}.values())
