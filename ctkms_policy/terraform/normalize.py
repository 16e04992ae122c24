"""From module directories to Configurations: one for each root module, with everything that any input can create."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ctkms_policy.iam.policy import default_key_policy, read_key_policy
from ctkms_policy.model import (
    Alias,
    Attribute,
    Bucket,
    Configuration,
    EventDataStore,
    Key,
    KeyKind,
    KeyLookup,
    KeyPolicy,
    Language,
    PolicyForm,
    Refusal,
    Resource,
    Trail,
    UnreadablePolicy,
)
from ctkms_policy.source import ParseError, Source, Span
from ctkms_policy.terraform import hcl, resources
from ctkms_policy.terraform.conversion import all_values
from ctkms_policy.terraform.dependencies import dependencies
from ctkms_policy.terraform.existence import MAX_INSTANCES, Existence, Instance, existing
from ctkms_policy.terraform.expression import evaluate
from ctkms_policy.terraform.hcl.syntax import Block, HclReader
from ctkms_policy.terraform.inputs import Inputs, assignments, tfvars_files
from ctkms_policy.terraform.installed import installed_modules
from ctkms_policy.terraform.module import Module, Repository, is_local, literal_text, local_calls
from ctkms_policy.terraform.providers import deployment_variables
from ctkms_policy.terraform.refusals import circular, undeclared
from ctkms_policy.terraform.resources import Made
from ctkms_policy.terraform.supposition import Supposition, suppose
from ctkms_policy.terraform.type_constraint import is_unset
from ctkms_policy.terraform.world import ModuleInstance, World
from ctkms_policy.value import (
    Absent,
    Choice,
    JsonText,
    Known,
    ListValue,
    Literal,
    MapValue,
    Match,
    Origin,
    Reference,
    Template,
    Unknown,
    Value,
    default_of,
    lift,
    outcomes,
    printable,
    text_parts,
)

MAX_WORLDS = 24
"""A root module is evaluated under no more sets of inputs than that."""

MAX_TRIES = 4
"""As often, conditions that still leave something out are added to what is supposed for it."""

_RECURSION_LIMIT = 3_000
"""Names lead to each other through modules; Python's own limit of 1000 frames is met in real code."""

_TRAILS = frozenset(("aws_cloudtrail", "aws_cloudtrail_event_data_store"))
_KEYS = {"aws_kms_key": KeyKind.KEY, "aws_kms_replica_key": KeyKind.REPLICA, "aws_kms_external_key": KeyKind.EXTERNAL}
_JUDGED = _TRAILS | frozenset(_KEYS)
"""What is listed although default inputs leave it out."""
_MANAGED = _JUDGED | {
    "aws_kms_alias",
    "aws_kms_key_policy",
    "aws_s3_bucket",
    "aws_s3_bucket_server_side_encryption_configuration",
}
_DATA = frozenset(("aws_kms_key", "aws_kms_alias"))
_HELD = _MANAGED | {f"data.{type}" for type in _DATA}
"""What a Configuration is made of."""


def normalize(
    directories: Sequence[Path],
    *,
    repository_root: Path,
    show: Callable[[Path], str],
    sources: dict[str, Source],
    reader: HclReader | None = None,
    inputs: Inputs | None = None,
) -> list[Configuration]:
    """Return one Configuration for each root module among the directories.

    A directory that another one of them calls is judged in those calls, not on its own. ``show`` gives the path a file is shown
    under; ``sources`` is filled with everything that was read, by that path. Raises ``hcl.ReaderUnavailable``.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
    try:
        repository = Repository(repository_root.resolve(), show, reader or hcl.reader(), sources)
        modules = [repository.module(directory.resolve()) for directory in directories]
        calls = {module.directory: {target for _, _, target in local_calls(repository, module)} for module in modules}
        configurations = []
        for module, note in _roots(repository, modules, calls):
            reached = [each for each in modules if each.directory in _reached(module.directory, calls)]
            configurations.append(_Root(repository, module, inputs or Inputs(), note, reached).configuration())
        return configurations
    finally:
        sys.setrecursionlimit(limit)


def _roots(repository: Repository, modules: Sequence[Module], calls: dict[Path, set[Path]]) -> Iterator[tuple[Module, str]]:
    """Yield the modules that no other one calls, each with a note about it or "".

    An example or a test is no deployment: what only those call is judged in their calls and on its own. Of modules that call each
    other in a circle which nobody else calls, the first is judged.
    """
    called: set[Path] = set()
    tried_out: set[Path] = set()
    for directory, targets in calls.items():
        for target in targets - {directory}:
            example = _is_example(repository, directory) and not _is_example(repository, target)
            (tried_out if example else called).add(target)
    roots = [module for module in modules if module.directory not in called]
    reached = {each for module in roots for each in _reached(module.directory, calls)}
    for module in modules:
        if module.directory not in reached:
            roots.append(module)
            reached |= _reached(module.directory, calls)
    for module in roots:
        if module.directory in tried_out:
            yield module, "only examples or tests in the scan call this module: judged with its defaults"
        else:
            yield module, "no module in the scan calls this one: judged with its defaults" if _looks_like_child(module) else ""


_EXAMPLES = frozenset(("example", "examples", "test", "tests"))


def _is_example(repository: Repository, directory: Path) -> bool:
    return not _EXAMPLES.isdisjoint(directory.relative_to(repository.root).parts if repository.contains(directory) else ())


def _reached(directory: Path, calls: dict[Path, set[Path]]) -> set[Path]:
    """Return a directory and everything that it calls, directly or not."""
    reached: set[Path] = set()
    waiting = [directory]
    while waiting:
        each = waiting.pop()
        if each not in reached:
            reached.add(each)
            waiting.extend(calls.get(each, ()))
    return reached


def _looks_like_child(module: Module) -> bool:
    """Return whether a module seems to be written to be called: it lies in ``modules``, or wants inputs and configures nothing."""
    if "modules" in module.directory.parts[-3:-1]:
        return True
    return bool(module.variables) and not module.providers and not module.has_backend and not tfvars_files(module.directory)


# -- one root module ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """An instance that exists in a world, and what is supposed there."""

    world: World
    owner: ModuleInstance
    instance: Instance
    supposition: Supposition

    @property
    def made(self) -> Made:
        return Made(self.owner, self.instance)


@dataclass
class _Root:
    """One root module: the worlds it is evaluated in, and what was found in each.

    ``reached`` are the module directories of the scan that it calls, itself included: what is wrong with them is said in any case.
    ``tried`` are the suppositions that were made so that the block or instance of an address exists, ``ignored`` the inputs that
    the user gives, by name, and that it does not declare.
    """

    repository: Repository
    module: Module
    inputs: Inputs
    note: str
    reached: list[Module]
    problems: dict[tuple[str, Span], ParseError] = field(default_factory=dict)
    worlds: list[_Collected] = field(default_factory=list)
    tried: dict[str, set[object]] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)
    _relevant: dict[tuple[Path, frozenset[str]], bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.installed, self.install_problems = installed_modules(self.module.directory, self.repository)

    def configuration(self) -> Configuration:
        for problem in (problem for module in self.reached for problem in module.problems):
            self._report(problem)
        if self._is_relevant(self.module, _HELD):
            self._evaluate()
        found = _Builder(self).all() if self.worlds else []
        return Configuration(
            Language.TERRAFORM,
            self.repository.show(self.module.directory),
            trails=tuple(_of(found, Trail)),
            keys=tuple(_of(found, Key)),
            aliases=tuple(_of(found, Alias)),
            lookups=tuple(_of(found, KeyLookup)),
            buckets=tuple(_of(found, Bucket)),
            event_data_stores=tuple(_of(found, EventDataStore)),
            problems=tuple(self.problems.values()),
            inputs=tuple(self.module.variables),
            ignored_inputs=tuple(self.ignored.items()),
        )

    def _report(self, problem: ParseError) -> None:
        self.problems.setdefault((problem.message, problem.span), problem)

    def _is_relevant(self, module: Module, types: frozenset[str], chain: tuple[Path, ...] = ()) -> bool:
        """Return whether a module, or one that it calls, declares a resource or data source of those types."""
        known = self._relevant.get((module.directory, types))
        if known is not None:
            return known
        declared = (*(type for type, _ in module.resources), *(f"data.{type}" for type, _ in module.data))
        relevant = not types.isdisjoint(declared) or bool(module.problems) or module.is_empty
        for block in () if relevant else module.calls.values():
            source = literal_text(block.body.attribute("source")) or ""
            directory = self.repository.target(module.directory, source)
            if not is_local(source):
                relevant = relevant or bool(self.installed.directories) or may_hold_trail(block, source)
            elif directory not in chain and self.repository.contains(directory) and os.path.isdir(directory):
                relevant = relevant or self._is_relevant(self.repository.module(directory), types, (*chain, module.directory))
            else:
                relevant = True  # the call is broken, and evaluating it says how
        self._relevant[module.directory, types] = relevant
        return relevant

    def _evaluate(self) -> None:
        assigned, problems = assignments(self.module.directory, self.repository, self.inputs)
        for problem in (*problems, *self.install_problems):
            self._report(problem)
        given = {"--var" if isinstance(each, tuple) else each.name for each in self.inputs.given}
        self.ignored = {name: each.where for name, each in assigned.items() if each.where in given and name not in self.module.variables}
        ambient = {name: symbol for name, symbol in deployment_variables(self.module).items() if not _has_default(self.module, name)}
        waiting = [Supposition()]
        planned = {waiting[0].identity}
        while waiting and len(self.worlds) < MAX_WORLDS:
            supposition = waiting.pop(0)
            world = World(
                self.repository,
                self.module,
                self.installed,
                assigned,
                self.problems,
                overridden=supposition.inputs,
                supposed={each.identity: each.holds for each in supposition.conditions if each.identity},
                created=frozenset(each.address for each in supposition.conditions if not each.identity),
                ambient=ambient,
            )
            collected = _Collected(world, supposition)
            self.collect(collected, world.root)
            self.worlds.append(collected)
            for existence in collected.unmet:
                # What was missing in an earlier world has its own supposition, unless this is it and it was not enough.
                suppositions = self.tried.setdefault(existence.address, set())
                if suppositions and (supposition.identity not in suppositions or len(suppositions) > MAX_TRIES):
                    continue
                further = suppose(world, supposition, existence.conditions)
                suppositions.add(further.identity)
                if further.identity not in planned:
                    planned.add(further.identity)
                    waiting.append(further)
        self._keep_unmet()

    def _keep_unmet(self) -> None:
        """Keep what no supposition created, as it is where it was found to be missing: nothing is left out in silence."""
        found = {address for collected in self.worlds for address in (*collected.found, *collected.called)}
        for collected in list(self.worlds):
            for existence in collected.unmet:
                instance = existence.instance
                if instance is None or existence.address in found:
                    continue
                found.add(existence.address)
                supposition = suppose(collected.world, collected.supposition, existence.conditions)
                kept = _Collected(collected.world, supposition)
                child = collected.world.called(instance) if instance.block.type == "module" else None
                if isinstance(child, ModuleInstance):
                    self.collect(kept, child)
                elif child is None:
                    owner = collected.world.owners[existence.address]
                    kept.found[existence.address] = _Found(collected.world, owner, instance, supposition)
                self.worlds.append(kept)

    def collect(self, collected: _Collected, owner: ModuleInstance) -> None:
        """Find what exists in a module instance and in the modules it calls."""
        module = owner.module
        declared = [(f"{type}.{name}", block) for (type, name), block in module.resources.items() if type in _MANAGED]
        declared += [(f"data.{type}.{name}", block) for (type, name), block in module.data.items() if type in _DATA]
        for name, block in declared:
            for instance in self._existing(collected, owner, name, block, wanted=block.labels[0] in _JUDGED and block.type != "data"):
                collected.found.setdefault(instance.address, _Found(collected.world, owner, instance, collected.supposition))
        for name, block in module.calls.items():
            source = literal_text(block.body.attribute("source")) or ""
            directory = self.repository.target(module.directory, source)
            wanted = True
            if is_local(source) and os.path.isdir(directory) and self.repository.contains(directory):
                called = self.repository.module(directory)
                if not self._is_relevant(called, _HELD):
                    continue
                wanted = self._is_relevant(called, _JUDGED)
            for instance in self._existing(collected, owner, f"module.{name}", block, wanted=wanted):
                child = collected.world.called(instance)
                collected.called.add(instance.address)
                if isinstance(child, ModuleInstance):
                    self.collect(collected, child)
                elif may_hold_trail(block, source):
                    found = _Found(collected.world, owner, instance, collected.supposition)
                    collected.missing.setdefault(instance.address, (found, child))

    def _existing(self, collected: _Collected, owner: ModuleInstance, name: str, block: Block, *, wanted: bool) -> Iterator[Instance]:
        """Yield the instances that exist in the world; keep what other inputs would create, where that is wanted."""
        world = collected.world
        expansion = world.expansion(owner, block, name)
        if isinstance(expansion, Unknown):
            self._report(ParseError(expansion.reason, block.head_span, "break the cycle"))
            return
        if expansion.cut:
            message = f"{owner.address}{name} has more than {MAX_INSTANCES} instances"
            self._report(ParseError(message, block.head_span, f"only the first {MAX_INSTANCES} are looked at"))
        for existence in existing(expansion, owner.address + name, block, owner.text_of):
            if not existence.conditions and existence.instance is not None:
                yield existence.instance
            elif wanted:
                collected.unmet.append(existence)


@dataclass
class _Collected:
    """A world and what exists in it.

    called   module instances
    unmet    what other inputs would create
    missing  calls of modules that are not there and may hold a trail, with the reason
    """

    world: World
    supposition: Supposition
    found: dict[str, _Found] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)
    unmet: list[Existence] = field(default_factory=list)
    missing: dict[str, tuple[_Found, Unknown]] = field(default_factory=dict)


def _has_default(module: Module, name: str) -> bool:
    block = module.variables.get(name)
    return block is None or block.body.attribute("default") is not None


_NOT_IN_NAMES = frozenset(("terraform", "module", "modules", "tf", "aws", "git", "org", "organization", "organizations", "account"))
_NO_REGISTRY = frozenset(("", "github.com", "bitbucket.org"))
"""What a path without a scheme begins with that is no address in a registry: an absolute path, and the hosts that Terraform clones."""
_TRAIL_ARGUMENTS = frozenset(
    ("is_multi_region_trail", "include_global_service_events", "enable_log_file_validation", "is_organization_trail")
)


def may_hold_trail(call: Block, source: str) -> bool:
    """Return whether source or arguments of a module call tell that the module makes a trail.

    Its name has to be CloudTrail's and nothing more: ``cloudposse/cloudtrail/aws`` is one, ``cloudtrail-s3-bucket`` is not.
    """
    path = source.split("?")[0].rstrip("/").removesuffix(".git")
    parts = path.split("//")[-1].split("/")
    registry = "//" not in path and len(parts) in (3, 4) and ":" not in path and parts[0] not in _NO_REGISTRY
    words = (parts[-2] if registry else parts[-1]).lower().replace("_", "-").split("-")
    if [word for word in words if word not in _NOT_IN_NAMES] in (["cloudtrail"], ["trail"], ["cloud", "trail"]):
        return True
    return any(attribute.name in _TRAIL_ARGUMENTS for attribute in call.body.attributes)


# -- resources ---------------------------------------------------------------------------------------------------------


class _Builder:
    """Makes the model's resources of what was found.

    A trail is judged in the world that supposes least, a key in the world of the first trail that refers to it.
    """

    def __init__(self, root: _Root) -> None:
        self._root = root
        self._worlds = root.worlds
        self._preferred: dict[str, _Collected] = {}

    def all(self) -> list[Resource]:
        """Return every resource, each address once, trails first."""
        trails: list[Trail | EventDataStore] = []
        for collected, found in self._chosen(lambda type: type in _TRAILS).values():
            trail = found.instance.block.labels[0] == "aws_cloudtrail"
            built = self._guarded(found, self._trail) if trail else self._guarded(found, self._store)
            trails.extend(built)
            for each in built:
                self._prefer(collected, each.kms_key_id.value)
        for collected in self._worlds:
            names = {each.address for each in trails}
            missing = (self._missing_trail(*each) for address, each in collected.missing.items() if address not in names)
            trails.extend(missing)
        made: list[Resource] = [*trails]
        for address, (collected, _) in self._chosen(lambda type: type not in _TRAILS).items():
            chosen = self._preferred.get(address, collected)
            made.extend(self._resource(chosen, chosen.found[address]))
        return made

    def _chosen(self, of_type: Callable[[str], bool]) -> dict[str, tuple[_Collected, _Found]]:
        """Return for each address the world it is judged in: that of default inputs, else that which supposes least."""
        chosen: dict[str, tuple[_Collected, _Found]] = {}
        for collected in sorted(self._worlds, key=lambda each: len(each.supposition.conditions)):
            for address, found in collected.found.items():
                if not of_type(found.instance.block.labels[0]):
                    continue
                earlier = chosen[address][0] if address in chosen else None
                better = earlier is not self._worlds[0] and self._is_own(collected, address)
                if earlier is None or (better and not self._is_own(earlier, address)):
                    chosen[address] = (collected, found)
        return chosen

    def _is_own(self, collected: _Collected, address: str) -> bool:
        """Return whether a world was supposed for that very resource."""
        return collected.supposition.identity in self._root.tried.get(address, ())

    def _guarded(self, found: _Found, build: Callable[[_Found, str], _Made]) -> list[_Made]:
        """Return what ``build`` makes, or nothing and a problem where its expressions are nested too deeply."""
        created_when = found.supposition.words if found.instance.address not in self._worlds[0].found else ""
        try:
            return [build(found, created_when)]
        except RecursionError:
            self._root.problems.setdefault(
                ("nested too deeply", found.instance.block.head_span),
                ParseError("its expressions are nested too deeply", found.instance.block.head_span, "simplify them"),
            )
            return []

    def _prefer(self, collected: _Collected, key: Value) -> None:
        """Remember the world of a trail for everything it names as its key."""
        waiting = [key]
        for _ in range(20):
            if not waiting:
                return
            for reference in _references(waiting.pop()):
                found = collected.found.get(reference.address) or self._named(collected, reference.address)
                if found is None or reference.address in self._preferred:
                    continue
                self._preferred[reference.address] = collected
                if found.instance.block.labels[0] == "aws_kms_alias":
                    waiting.append(found.made.argument("target_key_id"))

    def _named(self, collected: _Collected, address: str) -> _Found | None:
        """Return an instance that a trail names, or one in a module instance that it names, though nothing tells which there are.

        It exists where the trail does: terraform rejects the trail otherwise.
        """
        world = collected.world
        owner = world.owners.get(address)
        if address in world.named and owner is not None:
            collected.found[address] = _Found(world, owner, world.instances[address], collected.supposition)
        while owner is not None and owner.call is not None:
            if owner.call.address in world.named:
                inside = _Collected(world, collected.supposition)
                self._root.collect(inside, owner)
                trails = [each for each, found in inside.found.items() if found.instance.block.labels[0] in _TRAILS]
                collected.found.update({each: found for each, found in inside.found.items() if each not in trails})
            owner = owner.caller
        return collected.found.get(address)

    def _resource(self, collected: _Collected, found: _Found) -> list[Resource]:
        block = found.instance.block
        type = block.labels[0]
        if block.type == "data":
            return list(self._guarded(found, self._lookup))
        if type in _KEYS:
            return list(self._guarded(found, lambda each, when: self._key(collected, each, when)))
        if type == "aws_kms_alias":
            return list(self._guarded(found, self._alias))
        if type == "aws_s3_bucket":
            return list(self._guarded(found, lambda each, when: self._bucket(collected, each, when)))
        return []

    def _trail(self, found: _Found, created_when: str) -> Trail:
        made = found.made
        kms_key_id = _attribute(made, "kms_key_id")
        return Trail(
            made.address,
            made.block.head_span,
            made.place,
            calls=found.owner.calls,
            created_when=created_when,
            note=self._note(found, kms_key_id.value, *self._policies(found, kms_key_id.value)),
            refusals=_refusals(found.world, made, (made, "kms_key_id")),
            name=printable(made.argument("name"), f"{made.address}.name"),
            kms_key_id=kms_key_id,
            is_organization_trail=_or(made.argument("is_organization_trail"), Known(False)),
            is_multi_region_trail=_or(made.argument("is_multi_region_trail"), Known(False)),
            bucket_name=made.argument("s3_bucket_name"),
            depends_on=dependencies(found.world, found.owner, made.block),
        )

    def _store(self, found: _Found, created_when: str) -> EventDataStore:
        made = found.made
        kms_key_id = _attribute(made, "kms_key_id")
        return EventDataStore(
            made.address,
            made.block.head_span,
            made.place,
            calls=found.owner.calls,
            created_when=created_when,
            note=self._note(found, kms_key_id.value, *self._policies(found, kms_key_id.value)),
            refusals=_refusals(found.world, made, (made, "kms_key_id")),
            name=printable(made.argument("name"), f"{made.address}.name"),
            kms_key_id=kms_key_id,
        )

    def _missing_trail(self, found: _Found, reason: Unknown) -> Trail:
        """Return a trail that a module which is not there makes: nothing is known about it but that."""
        block = found.instance.block
        source = block.body.attribute("source")
        value = Unknown(reason.reason, Origin(source.span if source is not None else block.head_span))
        return Trail(
            found.instance.address,
            block.head_span,
            found.made.place,
            calls=found.owner.calls,
            created_when=found.supposition.words,
            note=self._note(found, value),
            name=value,
            kms_key_id=Attribute(value, source.span if source is not None else None),
        )

    def _note(self, found: _Found, *values: Value) -> str:
        """Return the note about the root module where it matters: where an input that it is judged without has a say.

        That is so where a default decides one of the values or the resource's existence, and where an input has no default.
        """
        if not self._root.note:
            return ""
        matters = bool(found.supposition.conditions) or any(_has_say(value) for value in (*values, *_existence(found)))
        return self._root.note if matters else ""

    def _policies(self, found: _Found, key: Value) -> Iterator[Value]:
        """Yield what the policies of the keys that a trail names are written as."""
        if not self._root.note:
            return
        for collected in (each for each in self._worlds if each.world is found.world):
            for reference in _references(key):
                named = collected.found.get(reference.address)
                if named is not None and named.instance.block.labels[0] in _KEYS and named.instance.block.type != "data":
                    separate = self._separate_policies(collected, reference.address)
                    yield from (each.argument("policy") for each in separate or [named.made])

    def _key(self, collected: _Collected, found: _Found, created_when: str) -> Key:
        made = found.made
        kind = _KEYS[made.type]
        separates = self._separate_policies(collected, made.address)
        separate = separates[0] if separates else None
        written = made.block.body.attribute("policy")
        note = self._note(found, (separate or made).argument("policy"))
        if separate is not None:
            attribute = separate.block.body.attribute("policy")
            policy = self._policy(collected, separate, made, attribute.span if attribute is not None else separate.block.head_span)
            if any(default_of(each.argument("policy")) != default_of(separate.argument("policy")) for each in separates[1:]):
                names = " and ".join(each.address for each in separates[:2])
                reason = f"{names} both set the policy of {made.address}, and the one that terraform applies last stays"
                policy = Unknown(reason, Origin(separates[1].block.head_span))
            if written is not None:
                both = f"the key has a policy argument and {separate.address}, which overwrites it"
                note = f"{note}; {both}" if note else both
        else:
            policy = self._policy(collected, made, made, written.span if written is not None else made.block.head_span)
        enabled = made.argument("is_enabled" if kind is KeyKind.KEY else "enabled")
        material = default_of(made.argument("key_material_base64"))
        has_material = Match.YES if kind is not KeyKind.EXTERNAL or isinstance(material, (Known, JsonText)) else Match.MAYBE
        if kind is KeyKind.EXTERNAL and isinstance(material, Absent):
            has_material = Match.NO
        return Key(
            made.address,
            made.block.head_span,
            made.place,
            calls=found.owner.calls,
            created_when=created_when,
            note=note,
            refusals=_refusals(found.world, made, (separate or made, "policy")),
            kind=kind,
            policy=policy,
            enabled=_or(enabled, Known(True)),
            spec=self._spec(collected, made, kind),
            usage=_or(made.argument("key_usage"), Known("ENCRYPT_DECRYPT")),
            key_origin=_key_origin(made, kind),
            multi_region=Known(True) if kind is KeyKind.REPLICA else _or(made.argument("multi_region"), Known(False)),
            has_key_material=has_material,
            policy_resource=separate.address if separate is not None else "",
            policy_resource_span=separate.block.head_span if separate is not None else None,
        )

    def _spec(self, collected: _Collected, made: Made, kind: KeyKind) -> Value:
        """Return the key spec; a replica has that of its primary key."""
        if kind is not KeyKind.REPLICA:
            argument = made.argument("customer_master_key_spec" if kind is KeyKind.KEY else "key_spec")
            return _or(argument, Known("SYMMETRIC_DEFAULT"))
        for reference in _references(made.argument("primary_key_arn")):
            primary = collected.found.get(reference.address)
            if primary is not None and _KEYS.get(primary.instance.block.labels[0]) in (KeyKind.KEY, KeyKind.EXTERNAL):
                return self._spec(collected, primary.made, _KEYS[primary.instance.block.labels[0]])
        return Known("SYMMETRIC_DEFAULT")

    def _separate_policies(self, collected: _Collected, address: str) -> list[Made]:
        """Return the ``aws_kms_key_policy`` instances of a key: those that default inputs give to it, else one that other inputs do."""
        by_default: dict[str, Made] = {}
        others: list[Made] = []
        for found in collected.found.values():
            if found.instance.block.labels[0] != "aws_kms_key_policy":
                continue
            for made in (found.made, *self._sibling(found, collected.world.instances[address])):
                key_id = made.argument("key_id")
                if any(reference.address == address for reference in _references(default_of(key_id))):
                    by_default[made.address] = made
                    break
                if any(reference.address == address for reference in _references(key_id)):
                    others.append(made)
        return list(by_default.values()) or others[:1]

    def _sibling(self, found: _Found, named: Instance) -> Iterator[Made]:
        """Yield the instance of the same block that has the key of another instance, where nothing tells which instances there are."""
        if named.key is None or found.instance.key is None or named.address not in found.world.named:
            return
        block = found.instance.block
        expansion = found.world.expansion(found.owner, block, f"{block.labels[0]}.{block.labels[1]}")
        member = expansion.member(named.key) if not isinstance(expansion, Unknown) else None
        if isinstance(member, Reference) and not isinstance(expansion, Unknown):
            yield Made(found.owner, expansion.instances[member.address])

    def _policy(self, collected: _Collected, made: Made, key: Made, span: Span) -> KeyPolicy | UnreadablePolicy | Unknown:
        """Return the key policy that the ``policy`` argument of ``made`` says; the default policy where it says nothing (B4)."""
        value = made.argument("policy")
        by_default = default_of(value)
        if isinstance(by_default, Absent) or by_default == Known(""):
            return default_key_policy(key.place, key.block.head_span)
        return read_key_policy(value, self._form(collected, by_default), span)

    def _form(self, collected: _Collected, value: Value) -> PolicyForm:
        if isinstance(value, Choice):
            value = value.branches[0].value
        if not isinstance(value, JsonText):
            return PolicyForm.JSON_TEXT
        documents = {
            each.block.head_span for each in collected.world.instances.values() if each.block.labels[0] == "aws_iam_policy_document"
        }
        return PolicyForm.POLICY_DOCUMENT if value.document.origin.span in documents else PolicyForm.OBJECT

    def _alias(self, found: _Found, created_when: str) -> Alias:
        made = found.made
        return Alias(
            made.address,
            made.block.head_span,
            made.place,
            calls=found.owner.calls,
            created_when=created_when,
            note=self._note(found, made.argument("target_key_id")),
            name=resources.alias_name(made),
            target=made.argument("target_key_id"),
        )

    def _lookup(self, found: _Found, created_when: str) -> KeyLookup:
        made = found.made
        return KeyLookup(
            made.address,
            made.block.head_span,
            made.place,
            calls=found.owner.calls,
            created_when=created_when,
            note=self._note(found),
            key_id=made.argument("key_id" if made.type == "aws_kms_key" else "name"),
        )

    def _bucket(self, collected: _Collected, found: _Found, created_when: str) -> Bucket:
        made = found.made
        return Bucket(
            made.address,
            made.block.head_span,
            made.place,
            calls=found.owner.calls,
            created_when=created_when,
            note=self._note(found),
            name=resources.bucket_name(made),
            bucket_key_enabled=self._bucket_key(collected, made),
        )

    def _bucket_key(self, collected: _Collected, bucket: Made) -> Value:
        name = resources.bucket_name(bucket)
        for found in collected.found.values():
            made = found.made
            if made.type == "aws_s3_bucket_server_side_encryption_configuration":
                named = default_of(made.argument("bucket"))
                same = named == name and isinstance(named, (Known, Template))
                if same or any(reference.address == bucket.address for reference in _references(named)):
                    return _bucket_key_of(resources.blocks_of(made, "rule"))
        for configuration in _maps(resources.blocks_of(bucket, "server_side_encryption_configuration")):
            return _bucket_key_of(configuration.get("rule") or Absent())
        return Absent()


_Made = TypeVar("_Made", bound=Resource)


def _of(resources: Iterable[Resource], type: type[_Made]) -> Iterator[_Made]:
    return (each for each in resources if isinstance(each, type))


def _has_say(value: Value) -> bool:
    """Return whether the default of an input decides something about a value, or an input without a default would."""
    for each in all_values(value):
        if each.origin.inputs or is_unset(each):
            return True
        if isinstance(each, Template) and any(not isinstance(part, Literal) and is_unset(part) for part in each.parts):
            return True
    return False


def _existence(found: _Found) -> Iterator[Value]:
    """Yield what ``count`` or ``for_each`` of a resource, and of the module calls it stands in, are."""
    blocks = [(found.owner, found.instance.block)]
    owner = found.owner
    while owner.caller is not None and owner.call is not None:
        blocks.append((owner.caller, owner.call.block))
        owner = owner.caller
    for owner, block in blocks:
        for name in ("count", "for_each"):
            written = block.body.attribute(name)
            if written is not None:
                yield evaluate(written.expression, owner)


def _refusals(world: World, made: Made, *arguments: tuple[Made, str]) -> tuple[Refusal, ...]:
    """Return why terraform refuses what a resource, with those arguments of it or of what belongs to it, is made of."""
    found = list(circular(world, made.owner, made.block))
    for each, name in (*arguments, (made, "count"), (made, "for_each")):
        written = each.block.body.attribute(name)
        if written is not None:
            found.extend(undeclared(world, each.owner, written.expression))
    return tuple(found)


def _attribute(made: Made, name: str) -> Attribute:
    written = made.block.body.attribute(name)
    return Attribute(made.argument(name), written.span if written is not None else None)


def _or(value: Value, default: Value) -> Value:
    """Return ``value`` with ``default`` in the place of Absent."""
    return lift(lambda outcome: default if isinstance(outcome, Absent) else outcome, (value,), value.origin)


def _references(value: Value) -> Iterator[Reference]:
    """Yield every reference in what a value may be."""
    for _, outcome in outcomes(value):
        if isinstance(outcome, Reference):
            yield outcome
        elif isinstance(outcome, Template):
            yield from (part for part in text_parts(outcome) if isinstance(part, Reference))


def _key_origin(made: Made, kind: KeyKind) -> Value:
    if kind is KeyKind.EXTERNAL:
        return Known("EXTERNAL")
    if not isinstance(default_of(made.argument("xks_key_id")), Absent):
        return Known("EXTERNAL_KEY_STORE")
    return Known("AWS_KMS") if isinstance(default_of(made.argument("custom_key_store_id")), Absent) else Known("AWS_CLOUDHSM")


def _maps(value: Value) -> Iterator[MapValue]:
    value = default_of(value)
    items = value.items if isinstance(value, ListValue) else (value,)
    for item in items:
        item = default_of(item)
        if isinstance(item, MapValue):
            yield item


def _bucket_key_of(rules: Value) -> Value:
    values = (rule.get("bucket_key_enabled") for rule in _maps(rules))
    return next((value for value in values if value is not None), Absent())
