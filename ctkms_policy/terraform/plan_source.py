"""The Terraform code a plan was made from, where it lies beside the plan: what a plan itself does not hold."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ctkms_policy.source import Source, Span
from ctkms_policy.terraform import hcl
from ctkms_policy.terraform.dependencies import computes_index, references
from ctkms_policy.terraform.module import Module, Repository, is_local, literal_text

_ENDINGS = (".tf", ".tf.json", ".tofu", ".tofu.json")


@dataclass
class PlanSource:
    """The root module in the first of some directories that holds Terraform code, and the modules that it calls by path."""

    directories: Sequence[Path]
    repository_root: Path
    show: Callable[[Path], str]
    _repository: Repository | None = field(default=None)
    _root: Module | None = field(default=None)
    _is_loaded: bool = field(default=False)

    def local_references(self, calls: tuple[str, ...], name: str) -> list[str]:
        """Return what a local value refers to, empty where the code is not at hand."""
        module = self._module(calls)
        local = module.locals.get(name) if module is not None else None
        return [".".join(path) for path in references(local.expression)] if local is not None else []

    def computes_index(self, calls: tuple[str, ...], block: str) -> bool:
        """Return whether a resource or ``module.NAME`` uses an instance by an index that it makes of its own: ``k[1 - count.index]``.

        The plan names only ``k`` and ``count.index``. False also where the code is not at hand.
        """
        module = self._module(calls)
        parts = block.split(".")
        if module is None or len(parts) < 2:
            return False
        mode = "data." if parts[0] == "data" else ""
        written = module.calls.get(parts[1]) if parts[0] == "module" else module.block(mode, *parts[-2:])
        return written is not None and computes_index(written.body)

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
            root = self.repository_root.resolve()
            for directory in self.directories:
                if (
                    directory.is_relative_to(root)
                    and directory.is_dir()
                    and any(each.name.endswith(_ENDINGS) for each in directory.iterdir())
                ):
                    sources: dict[str, Source] = {}
                    try:
                        self._repository = Repository(root, self.show, hcl.reader(), sources)
                    except hcl.ReaderUnavailable:
                        return None
                    self._root = self._repository.module(directory)
                    break
        return self._root
