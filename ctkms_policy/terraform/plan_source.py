"""The Terraform code a plan was made from, where it lies beside the plan: what a plan itself does not hold."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ctkms_policy.source import Span
from ctkms_policy.terraform import hcl
from ctkms_policy.terraform.dependencies import references
from ctkms_policy.terraform.dynamic_blocks import body_value, nested_blocks
from ctkms_policy.terraform.existence import Expansion, Instance
from ctkms_policy.terraform.expression import evaluate
from ctkms_policy.terraform.hcl.syntax import Block, GetAttr
from ctkms_policy.terraform.inputs import Assignment
from ctkms_policy.terraform.installed import installed_modules
from ctkms_policy.terraform.module import Module, Repository, is_local, literal_text
from ctkms_policy.terraform.plan_address import is_index, steps
from ctkms_policy.terraform.plan_values import PlannedResource
from ctkms_policy.terraform.world import ModuleInstance, World
from ctkms_policy.value import Known, Reference, Value

_ENDINGS = (".tf", ".tf.json", ".tofu", ".tofu.json")


@dataclass
class PlanSource:
    """The root module in the first of some directories that holds the code of the plan, and the modules that it calls."""

    directories: Sequence[Path]
    repository_root: Path
    show: Callable[[Path], str]
    variables: Mapping[str, Value] = field(default_factory=dict)
    """the inputs of the root module that the plan was made with"""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """the root module in the plan's configuration"""
    _repository: Repository | None = field(default=None)
    _root: Module | None = field(default=None)
    _is_loaded: bool = field(default=False)
    _world: World | None = field(default=None)

    def local_references(self, calls: tuple[str, ...], name: str) -> list[str]:
        """Return what a local value refers to, empty where the code is not at hand."""
        module = self._module(calls)
        local = module.locals.get(name) if module is not None else None
        return [".".join(path) for path in references(local.expression)] if local is not None else []

    def values(self, resource: PlannedResource, name: str) -> list[Value]:
        """Return what an argument of a resource is: the instance that the expression takes an attribute of, and the whole of it.

        The plan tells ``k[0]``, ``k[1 - count.index].id`` and ``one(k[*].arn)`` apart in part only. Empty where the code is not at hand.
        """
        world = self._evaluated()
        if world is None:
            return []
        found: list[Value] = []
        try:
            instance = self._instance(world, resource)
            written = instance.block.body.attribute(name) if instance is not None else None
            if instance is not None and written is not None:
                if isinstance(written.expression, GetAttr):
                    base = evaluate(written.expression.base, instance.scope)
                    if isinstance(base, Reference) and not base.attribute:
                        found.append(replace(base, attribute=written.expression.name))
                found.append(evaluate(written.expression, instance.scope))
            elif instance is not None:
                blocks = nested_blocks(instance.block.body, name, instance.scope, lambda block, scope: body_value(block.body, scope))
                found.extend([blocks] if blocks.items else [])
        except RecursionError:
            return []
        return found

    def _evaluated(self) -> World | None:
        """Return the root module with the inputs that it was planned with."""
        root = self._load()
        if self._world is None and root is not None and self._repository is not None:
            assigned = {name: Assignment(value, "the plan") for name, value in self.variables.items()}
            installed, _ = installed_modules(root.directory, self._repository)
            self._world = World(self._repository, root, installed, assigned, {})
        return self._world

    @staticmethod
    def _instance(world: World, resource: PlannedResource) -> Instance | None:
        owner = world.root
        parts = steps(resource.parts.module)
        while parts:
            name = parts[1]
            key = parts[2] if len(parts) > 2 and is_index(parts[2]) else ""
            parts = parts[2 + bool(key) :]
            instance = _member(world, owner, owner.module.calls.get(name), f"module.{name}", key)
            child = world.called(instance) if instance is not None else None
            if not isinstance(child, ModuleInstance):
                return None
            owner = child
        block = owner.module.block("data." if resource.mode == "data" else "", resource.type, resource.name)
        return _member(world, owner, block, resource.block, resource.parts.key)

    def block_span(self, calls: tuple[str, ...], type: str, name: str) -> Span | None:
        """Return the span of a resource's block, or None."""
        module = self._module(calls)
        block = module.resources.get((type, name)) if module is not None else None
        return block.head_span if block is not None else None

    def _module(self, calls: tuple[str, ...]) -> Module | None:
        module = self._load()
        for call in calls:
            block = module.calls.get(call) if module is not None else None
            if module is None or block is None or self._repository is None:
                return None
            source = literal_text(block.body.attribute("source")) or ""
            directory = self._repository.target(module.directory, source)
            if not is_local(source) or not self._repository.contains(directory) or not os.path.isdir(directory):
                return None
            module = self._repository.module(directory)
        return module

    def _load(self) -> Module | None:
        if not self._is_loaded:
            self._is_loaded = True
            try:
                self._repository = Repository(self.repository_root.resolve(), self.show, hcl.reader(), {})
            except hcl.ReaderUnavailable:
                return None
            modules = (self._repository.module(directory) for directory in self.directories if self._holds_code(directory))
            self._root = next((module for module in modules if self._is_planned(module)), None)
        return self._root

    def _holds_code(self, directory: Path) -> bool:
        if not directory.is_relative_to(self.repository_root.resolve()) or not directory.is_dir():
            return False
        return any(each.name.endswith(_ENDINGS) for each in directory.iterdir())

    def _is_planned(self, module: Module) -> bool:
        """Return whether a root module declares what the plan's configuration has, and nothing else: other code may have the same names.

        A state has no configuration: all that is said about it is where blocks of those addresses are.
        """
        if not self.configuration:
            return True
        blocks, calls = self.configuration.get("resources"), self.configuration.get("module_calls")
        planned = [each for each in (blocks if isinstance(blocks, list) else ()) if isinstance(each, dict)]
        managed = {(str(each.get("type")), str(each.get("name"))) for each in planned if each.get("mode") == "managed"}
        return managed == set(module.resources) and set(calls if isinstance(calls, dict) else ()) == set(module.calls)


def _member(world: World, owner: ModuleInstance, block: Block | None, name: str, key: str) -> Instance | None:
    """Return the instance of a block of ``owner`` with a key as an address writes it, also where the code does not tell which there are."""
    expansion = world.expansion(owner, block, name) if block is not None else None
    if not isinstance(expansion, Expansion):
        return None
    if key and expansion.open:
        expansion.member(_index(key))
    return expansion.instances.get(f"{owner.address}{name}{key}")


def _index(key: str) -> Known:
    """Return the value of an instance key with its brackets: ``["a"]``, ``[0]``."""
    try:
        (plain,) = json.loads(key)
    except ValueError:
        plain = key
    return Known(plain if isinstance(plain, int) else str(plain))
