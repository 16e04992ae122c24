"""A root module under one set of inputs: every module instance in it, and what each name means there.

``World`` is what all module instances of one evaluation share; a ``ModuleInstance`` is the ``Scope`` its expressions stand in.
Everything is evaluated when it is first asked for, and once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TypeAlias

from ctkms_policy.source import ParseError, Source, Span, real_path
from ctkms_policy.terraform import resources
from ctkms_policy.terraform.conversion import inherit, reason_of, to_bool
from ctkms_policy.terraform.existence import Expansion, Instance, expand
from ctkms_policy.terraform.expression import evaluate
from ctkms_policy.terraform.hcl.relocate import offsets, relocated
from ctkms_policy.terraform.hcl.syntax import Block, StringTemplate
from ctkms_policy.terraform.inputs import Assignment, LiteralScope
from ctkms_policy.terraform.installed import InstalledModules
from ctkms_policy.terraform.module import Module, Repository, is_local, literal_text
from ctkms_policy.terraform.scope import Directory, DirectoryEntry, EntryKind, Scope, Step
from ctkms_policy.terraform.type_constraint import NO_DEFAULT, Primitive, TypeConstraint, convert, type_constraint, unset
from ctkms_policy.value import (
    Absent,
    Failure,
    Known,
    Origin,
    Reference,
    Symbol,
    SymbolKind,
    Unknown,
    Value,
    describe,
    lift,
    through,
    with_sensitivity,
)
from ctkms_policy.value import Step as WayStep

MAX_CALL_DEPTH = 30
"""Module calls nested deeper are reported."""

MAX_MODULE_INSTANCES = 500
"""One root module has no more module instances; further ones are not followed."""

MAX_NAMES = 120
"""Names that lead to each other through more steps are not known: evaluation is recursive."""

_MAX_SHOWN = 60

_Key: TypeAlias = tuple[str, ...]


@dataclass(repr=False)
class World:
    """One root module under one set of inputs.

    assigned    values from tfvars files and the command line
    overridden  values supposed for variables, so that a resource exists
    supposed    conditions (by identity) supposed to be true or false, for the same reason
    created     addresses of blocks supposed to have an instance, likewise
    ambient     variables that say where the root module is deployed, as the symbol they are
    named       addresses of instances that an index names although ``count`` or ``for_each`` is not known
    problems    what is wrong with the configuration, by message and place; shared by all worlds of one root
    looked_at   how much of the graph of references was looked at for circles
    """

    repository: Repository
    module: Module
    installed: InstalledModules
    assigned: Mapping[str, Assignment]
    problems: dict[tuple[str, Span], ParseError]
    overridden: Mapping[str, Value] = field(default_factory=dict)
    supposed: Mapping[str, bool] = field(default_factory=dict)
    created: frozenset[str] = frozenset()
    ambient: Mapping[str, Symbol] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    owners: dict[str, ModuleInstance] = field(default_factory=dict)
    looked_at: int = 0
    named: set[str] = field(default_factory=set)
    _values: dict[_Key, Value] = field(default_factory=dict)
    _expansions: dict[_Key, Expansion] = field(default_factory=dict)
    _running: dict[_Key, None] = field(default_factory=dict)
    _modules: dict[str, ModuleInstance | Unknown] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = ModuleInstance(self, self.module, "")

    def once(self, key: _Key, compute: Callable[[], Value], on_cycle: Callable[[], Value] | None = None) -> Value:
        """Return the value of that key, computed when it is first asked for; a value that needs itself is Unknown."""
        found = self._values.get(key)
        if found is None:
            if key in self._running:
                return on_cycle() if on_cycle is not None else Unknown(f"{key[-1]} of {key[-2] or 'the root module'} refers to itself")
            if len(self._running) >= MAX_NAMES:
                return Unknown(f"names that lead to each other through more than {MAX_NAMES} steps")
            self._running[key] = None
            try:
                found = self._values[key] = compute()
            finally:
                del self._running[key]
        return found

    def report(self, problem: ParseError) -> None:
        """Keep a problem, once."""
        self.problems.setdefault((problem.message, problem.span), problem)

    def expansion(self, owner: ModuleInstance, block: Block, name: str) -> Expansion | Unknown:
        """Return the instances of a block of ``owner``; ``name`` is its address there. Unknown where they depend on themselves."""
        key = (owner.address, name)
        found = self._expansions.get(key)
        if found is None:
            if key in self._running or len(self._running) >= MAX_NAMES:
                return Unknown(f"the instances of {owner.address}{name} depend on themselves")
            self._running[key] = None
            try:
                found = self._expansions[key] = expand(
                    owner.address + name,
                    block,
                    owner,
                    suppose_one=self.created.__contains__,
                    by_default=not (self.overridden or self.supposed or self.created),
                )
            finally:
                del self._running[key]
            for address, instance in found.instances.items():
                self.register(owner, address, instance)
            if found.rejected is not None:
                self.report(found.rejected)
        return found

    def register(self, owner: ModuleInstance, address: str, instance: Instance) -> None:
        """Make an instance known by its address."""
        if address not in self.instances:
            self.instances[address] = instance
            self.owners[address] = owner

    def called(self, instance: Instance) -> ModuleInstance | Unknown:
        """Return the module instance that an instance of a module block makes, or why there is none."""
        found = self._modules.get(instance.address)
        if found is None:
            found = self._modules[instance.address] = self._call(instance)
        return found

    def _call(self, instance: Instance) -> ModuleInstance | Unknown:
        owner, block = self.owners[instance.address], instance.block
        name = block.labels[0]
        attribute = block.body.attribute("source")
        source = literal_text(attribute)
        origin = Origin(attribute.span if attribute is not None else block.head_span)
        if attribute is None:
            return self._broken(f'module "{name}" has no source', origin, 'write where the module is: source = "./directory"')
        if source is None:
            return Unknown(f"the source of module {name} is not a plain string", origin)
        if is_local(source):
            directory = self.repository.target(owner.module.directory, source)
            if not self.repository.contains(directory):
                return Unknown(f"module {name} lies outside the repository: {source}", origin)
            if not os.path.isdir(directory):
                return self._broken(f'module "{name}": the directory {source} does not exist', origin, "correct the source")
        else:
            found = self.installed.directory(owner.call_path(name))
            if found is None:
                return Unknown(f"module {name} is not installed: run terraform init", origin)
            directory = found
        chain = owner.chain()
        if directory in chain:
            way = " -> ".join(self.repository.show(each) for each in (*chain[chain.index(directory) :], directory))
            return self._broken(f'module "{name}" calls itself: {way}', origin, "break the cycle of module calls")
        if len(chain) > MAX_CALL_DEPTH:
            return self._broken(f"module calls nested deeper than {MAX_CALL_DEPTH} levels", origin, "flatten the modules")
        if len(self._modules) > MAX_MODULE_INSTANCES:
            message = f"more than {MAX_MODULE_INSTANCES} module instances in one root module"
            if all(problem.message != message for problem in self.problems.values()):
                self._broken(message, origin, f"only the first {MAX_MODULE_INSTANCES} are looked at")
            return Unknown(message, origin)
        module = self.repository.module(directory)
        if module.is_empty and not module.problems:
            return self._broken(f'module "{name}": the directory {source} holds no Terraform files', origin, "correct the source")
        for problem in module.problems:
            self.report(problem)
        if is_local(source):  # what is installed may be of another version than the call wants
            for problem in _unlike_variables(block, module):
                self.report(problem)
        return ModuleInstance(self, module, instance.address + ".", owner, instance)

    def _broken(self, message: str, origin: Origin, help: str) -> Unknown:
        assert origin.span is not None
        self.report(ParseError(message, origin.span, help))
        return Unknown(message, origin)


@dataclass(repr=False)
class ModuleInstance:
    """One instance of a module: the Scope of the expressions in its files. ``address`` is "" or ``module.a[0].``"""

    world: World
    module: Module
    address: str
    caller: ModuleInstance | None = None
    call: Instance | None = None

    @property
    def condition_prefix(self) -> str:
        """The module's address: conditions of the same text in two instances are two conditions."""
        return self.address

    @property
    def calls(self) -> tuple[Span, ...]:
        """The module calls this stands in, outermost first."""
        if self.caller is None or self.call is None:
            return ()
        return (*self.caller.calls, self.call.block.head_span)

    def chain(self) -> list[Path]:
        """Return the directories from the root module to this one."""
        return [*(self.caller.chain() if self.caller is not None else ()), self.module.directory]

    def call_path(self, name: str) -> str:
        """Return the key of a module call in ``modules.json``: the names of the calls, joined by dots."""
        return f"{self.caller.call_path(self.call.block.labels[0])}.{name}" if self.caller is not None and self.call is not None else name

    # Scope

    def lookup(self, root: str, steps: tuple[Step, ...], span: Span) -> tuple[Value, int]:
        """Return the value of a traversal and the number of its steps that it took."""
        if root in ("each", "count", "self"):
            return Failure(f"{root} means nothing here", Origin(span)), len(steps)
        if not steps or not isinstance(steps[0], str):
            return Failure(f'"{root}" alone is no reference', Origin(span)), len(steps)
        name = steps[0]
        if root == "var":
            return self.variable(name), 1
        if root == "local":
            return self.local(name), 1
        if root == "path":
            return self._path(name, span), 1
        if root == "ephemeral":
            return Unknown("an ephemeral value is known only while terraform runs", Origin(span)), len(steps)
        if root in ("terraform", "tofu"):
            return self._terraform(name, span), 1
        if root == "module":
            call = self.module.calls.get(name)
            if call is None:
                return self._undeclared(f"module.{name}", span), len(steps)
            return self._member(call, f"module.{name}", steps, 1, span)
        if root == "data":
            if len(steps) < 2 or not isinstance(steps[1], str):
                return Failure('"data" alone is no reference', Origin(span)), len(steps)
            return self._declared("data.", name, steps[1], steps, 2, span)
        if root == "resource" and len(steps) > 1 and isinstance(steps[1], str):
            return self._declared("", name, steps[1], steps, 2, span)
        return self._declared("", root, name, steps, 1, span)

    def attribute(self, resource: Reference, name: str, span: Span) -> Value:
        """Return an attribute of a whole resource, data source or module instance."""
        instance = self.world.instances.get(resource.address)
        owner = self.world.owners.get(resource.address)
        if instance is None or owner is None:
            return Unknown(f"{resource.address} is not declared", Origin(span))
        if instance.block.type == "module":
            return self._output(instance, name)
        return self.world.once(("attribute", resource.address, name), lambda: resources.attribute(owner, instance, name))

    def forced(self, condition: str) -> bool | None:
        """Return what the condition is supposed to be in this world, or what it is where this module instance exists."""
        if self.call is not None and self.caller is not None:
            return self.call.supposed[condition] if condition in self.call.supposed else self.caller.forced(condition)
        return self.world.supposed.get(condition)

    def text_of(self, span: Span) -> str:
        """Return the source text of an expression."""
        return self.world.repository.text_of(span)

    def read_file(self, path: Value, span: Span) -> Value:
        """Return the text of a file of the repository. Relative paths start at the root module, where terraform runs."""

        def read(name: Value) -> Value:
            source = self._file(name, span)
            if isinstance(source, Unknown):
                return source
            return Known(source.text, Origin(span), source.text_map)

        return lift(read, (path,), Origin(span))

    def list_directory(self, path: str, span: Span) -> Directory | Unknown:
        """Return what a directory of the repository holds. Relative paths start at the root module, where terraform runs."""
        origin = Origin(span)
        shown = path[:_MAX_SHOWN]
        try:
            real = real_path(self.world.module.directory / path)
            if not self.world.repository.contains(real):
                return Unknown(f"the directory {shown} lies outside the repository", origin)
            with os.scandir(real) as entries:
                return Directory(str(real), tuple(DirectoryEntry(each.name, self._kind(each)) for each in entries))
        except (FileNotFoundError, NotADirectoryError):
            return Directory("")
        except (OSError, ValueError):
            return Unknown(f"the directory {shown} cannot be read", origin)

    def _kind(self, entry: os.DirEntry[str]) -> EntryKind:
        if entry.is_symlink() and not self.world.repository.contains(real_path(Path(entry.path))):
            return EntryKind.OUTSIDE
        if os.path.isdir(entry.path):
            return EntryKind.DIRECTORY
        if os.path.isfile(entry.path):
            return EntryKind.FILE
        return EntryKind.BROKEN if entry.is_symlink() and not os.path.exists(entry.path) else EntryKind.OTHER

    def read_template(self, path: Value, span: Span) -> StringTemplate | Unknown:
        """Return a file of the repository parsed as a template."""
        source = self._file(path, span)
        if isinstance(source, Unknown):
            return source
        template = self.world.repository.reader.read_template(source)
        if isinstance(template, ParseError):
            if path.origin.sensitive:
                return Failure(f"the file {describe(path)} is no template", Origin(span))
            self.world.report(template)
            return Failure(template.message, Origin(span))
        return template

    def parse_template(self, text: Known, span: Span) -> StringTemplate | Unknown:
        """Return a text parsed as a template. Where the text stands in a file, so do the parts."""
        content, written = str(text.value), text.text_map
        template = self.world.repository.reader.read_template(Source(written.path if written is not None else span.path, content))
        if isinstance(template, ParseError):
            if text.origin.sensitive:
                return Failure("a sensitive text is no template", Origin(span))
            place = written.span(*offsets(content, template.span)) if written is not None else span
            self.world.report(ParseError(template.message, place, template.help))
            return Failure(template.message, Origin(span))
        return relocated(template, content, written) if written is not None else template

    # Names

    def variable(self, name: str) -> Value:
        """Return the value of a variable of this module instance."""
        block = self.module.variables.get(name)
        if block is None:
            return self._undeclared(f"{self.address}var.{name}")
        return self.world.once(("var", self.address, name), lambda: self._variable(name, block))

    def _variable(self, name: str, block: Block) -> Value:
        body = block.body
        literal = LiteralScope(self.world.repository)
        written = body.attribute("type")
        type = type_constraint(written.expression if written is not None else None, literal)
        default = body.attribute("default")
        nullable = not _is_set(block, "nullable", False, literal)
        sensitive = _is_set(block, "sensitive", True, literal)
        value = self._given(name, block, type)
        if value is None:
            value = self._default(name, block, type, sensitive)
        else:
            value = _converted(_hidden(value, f"var.{name}", block) if sensitive else value, type, name)
            if not nullable and default is not None:

                def filled(given: Value) -> Value:
                    return self._default(name, block, type, sensitive) if isinstance(given, Absent) else given

                value = lift(filled, (value,), value.origin)
        return _hidden(value, f"var.{name}", block) if sensitive else value

    def _given(self, name: str, block: Block, type: TypeConstraint) -> Value | None:
        """Return what the caller, a file or the command line sets; None where the default stands."""
        if self.call is not None and self.caller is not None:
            argument = self.call.block.body.attribute(name)
            if argument is None:
                return None
            return through(evaluate(argument.expression, self.call.scope), WayStep(f"var.{name}", argument.span))
        if name in self.world.overridden:
            value = self.world.overridden[name]
            if isinstance(value, Symbol) and not isinstance(type, Primitive):
                value = unset(f"var.{name}", type, Origin(block.head_span), f"var.{name}", value.reason)
            return through(value, WayStep(f"var.{name}, supposed", block.head_span))
        assigned = self.world.assigned.get(name)
        if assigned is not None:
            is_text = assigned.text is not None and type == Primitive("string")
            value = Known(assigned.text or "") if is_text else assigned.value
            return through(value, WayStep(f"var.{name}, set in {assigned.where}", assigned.value.origin.span))
        return self.world.ambient.get(name)

    def _default(self, name: str, block: Block, type: TypeConstraint, sensitive: bool) -> Value:
        default = block.body.attribute("default")
        if default is None:
            origin = Origin(block.head_span)
            if self.call is not None:
                return Unknown(f"{self.call.address} does not set var.{name}, which {NO_DEFAULT}", Origin(self.call.block.head_span))
            return unset(f"{self.address}var.{name}", type, origin, f"var.{name}", f"var.{name} {NO_DEFAULT}")
        written = evaluate(default.expression, LiteralScope(self.world.repository))
        value = _converted(with_sensitivity(written, True) if sensitive else written, type, name)
        if self.call is None:
            value = inherit(value, Origin(inputs=frozenset((f"var.{name}",))))
        return through(value, WayStep(f"var.{name}, default {_shown(value)}", default.span))

    def local(self, name: str) -> Value:
        """Return the value of a local value of this module instance."""
        attribute = self.module.locals.get(name)
        if attribute is None:
            return self._undeclared(f"{self.address}local.{name}")

        def cycle() -> Value:
            self.world.report(ParseError(f"local.{name} refers to itself", attribute.span, "break the cycle"))
            return Unknown(f"local.{name} refers to itself", Origin(attribute.span))

        def compute() -> Value:
            return through(evaluate(attribute.expression, self), WayStep(f"local.{name}", attribute.span))

        return self.world.once(("local", self.address, name), compute, cycle)

    def _path(self, name: str, span: Span) -> Value:
        root = self.world.module.directory
        if name == "module":
            return Known(os.path.relpath(self.module.directory, root).replace(os.sep, "/"), Origin(span))
        if name == "root":
            return Known(".", Origin(span))
        if name == "cwd":
            return Known(root.as_posix(), Origin(span))
        return Failure(f"path.{name} does not exist", Origin(span))

    def _terraform(self, name: str, span: Span) -> Value:
        if name != "workspace":
            return Unknown(f"terraform.{name} is not known", Origin(span))
        return Symbol(
            "terraform.workspace",
            SymbolKind.INPUT,
            spelling="terraform.workspace",
            reason="the workspace is chosen when terraform runs",
            origin=Origin(span),
        )

    def _declared(self, mode: str, type: str, name: str, steps: tuple[Step, ...], taken: int, span: Span) -> tuple[Value, int]:
        block = self.module.block(mode, type, name)
        if block is None:
            return self._undeclared(f"{self.address}{mode}{type}.{name}", span), len(steps)
        return self._member(block, f"{mode}{type}.{name}", steps, taken, span)

    def _undeclared(self, name: str, span: Span | None = None) -> Unknown:
        """Return the value of a name that nothing declares, as far as the module's files can be read."""
        return Unknown(f"{name} is not declared{' in what can be read' if self.module.problems else ''}", Origin(span))

    def _member(self, block: Block, name: str, steps: tuple[Step, ...], taken: int, span: Span) -> tuple[Value, int]:
        """Return what a reference to a block means: an attribute, an instance or the whole of it."""
        expansion = self.world.expansion(self, block, name)
        if isinstance(expansion, Unknown):
            return expansion, len(steps)
        following = steps[taken] if taken < len(steps) else None
        if expansion.single and isinstance(following, str):
            remote = resources.remote_output(self, block, name, steps[taken:], span)
            if remote is not None:
                return remote
            return self.attribute(Reference(self.address + name, ""), following, span), taken + 1
        if following is not None and not isinstance(following, str):
            member = expansion.member(following)
            if member is not None:
                assert isinstance(member, Reference)
                self.world.register(self, member.address, expansion.instances[member.address])
                self.world.named.add(member.address)
                return member, taken + 1
        return expansion.whole, taken

    def _output(self, instance: Instance, name: str) -> Value:
        child = self.world.called(instance)
        if isinstance(child, Unknown):
            return child
        block = child.module.outputs.get(name)
        value = block.body.attribute("value") if block is not None else None
        if block is None or value is None:
            return Failure(f'{instance.address} has no output "{name}"', Origin(instance.block.head_span))

        def compute() -> Value:
            given = through(evaluate(value.expression, child), WayStep(f"{instance.address}.{name}", value.span))
            return _hidden(given, f"{instance.address}.{name}", block) if _is_set(block, "sensitive", True, child) else given

        return self.world.once(("output", child.address, name), compute)

    # Files

    def _file(self, path: Value, span: Span) -> Source | Unknown:
        origin = Origin(span)
        if not isinstance(path, Known) or not isinstance(path.value, str):
            return Unknown(f"the file name is not known: {reason_of(path)}", origin)
        if not path.value or "\0" in path.value:
            return Failure("the file name is empty", origin)
        hidden = path.origin.sensitive
        shown = describe(path) if hidden else os.path.normpath(path.value).replace(os.sep, "/")[:_MAX_SHOWN]
        try:
            file = real_path(self.world.module.directory / path.value)
            if not self.world.repository.contains(file):
                return Unknown(f"the file {shown} lies outside the repository", origin)
            if not file.is_file():
                return Failure(f"the file {shown} does not exist", origin)
            return self.world.repository.source(file)
        except (OSError, ValueError):
            return Unknown(f"the file {shown} cannot be read", origin)
        except ParseError as error:
            if hidden:
                return Unknown(f"the file {shown} cannot be read", origin)
            self.world.report(error)
            return Unknown(error.message, origin)


_META_ARGUMENTS = frozenset(("source", "version", "count", "for_each", "providers", "depends_on"))


def _unlike_variables(call: Block, module: Module) -> Iterator[ParseError]:
    """Yield the arguments of a module call that the module has no variable for, and the variables that it has to set and does not."""
    if module.is_partial:
        return
    name, given = call.labels[0], {each.name: each.name_span for each in call.body.attributes if each.name not in _META_ARGUMENTS}
    for argument, span in given.items():
        if argument not in module.variables:
            nearest = get_close_matches(argument, sorted(module.variables), 1)
            way_out = f'did you mean "{nearest[0]}"?' if nearest else "declare it in the module, or remove the argument"
            yield ParseError(f'module "{name}" has no variable "{argument}"', span, f"terraform rejects it: {way_out}")
    for variable, block in module.variables.items():
        if variable not in given and block.body.attribute("default") is None:
            message = f'module "{name}" needs the argument "{variable}"'
            yield ParseError(message, call.head_span, "terraform rejects the call: the variable has no default, set it")


def _is_set(block: Block, flag: str, value: bool, scope: Scope) -> bool:
    """Return whether a flag of a variable or output is written with that value: ``sensitive = true``."""
    attribute = block.body.attribute(flag)
    return attribute is not None and to_bool(evaluate(attribute.expression, scope)) == Known(value)


def _converted(value: Value, type: TypeConstraint, name: str) -> Value:
    """Return the value of a variable converted to its type; what that rejects is a Failure that names the variable."""

    def one(outcome: Value) -> Value:
        converted = convert(outcome, type)
        if isinstance(converted, Failure) and not isinstance(outcome, Failure):
            return replace(converted, reason=f"the value of var.{name}: {converted.reason}")
        return converted

    return lift(one, (value,), value.origin)


def _hidden(value: Value, name: str, block: Block) -> Value:
    """Return the value of a sensitive variable or output. The places that set it may not be shown either: its way begins here."""
    value = with_sensitivity(value, True)
    return replace(value, origin=replace(value.origin, via=(WayStep(f"{name}, sensitive", block.head_span),)))


def _shown(value: Value) -> str:
    text = describe(value)
    return text if len(text) <= _MAX_SHOWN and "\n" not in text else "a long text"
