"""Module directories: which files belong to one, and the blocks they declare after override files are merged.

Nothing is evaluated here. One ``Repository`` reads each file and each directory at most once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ctkms_policy.source import ParseError, Source, Span, read_source, real_path
from ctkms_policy.terraform.hcl.syntax import AttributeNode, Block, Body, HclFile, HclReader, StringTemplate, TemplateText

SUFFIXES = (".tf", ".tofu", ".tf.json", ".tofu.json")
"""The endings of Terraform's and OpenTofu's own files."""

_Name = TypeVar("_Name")

_SHADOWED = {".tf": ".tofu", ".tf.json": ".tofu.json"}


@dataclass(frozen=True)
class Module:
    """What one directory declares, by Terraform's own names.

    ``problems`` are the files that cannot be read, syntax errors and blocks that are declared twice. ``is_partial`` says that it
    may declare more than that, in files that are not read or that another tool writes first.
    """

    directory: Path
    resources: Mapping[tuple[str, str], Block] = field(default_factory=dict)
    data: Mapping[tuple[str, str], Block] = field(default_factory=dict)
    variables: Mapping[str, Block] = field(default_factory=dict)
    outputs: Mapping[str, Block] = field(default_factory=dict)
    locals: Mapping[str, AttributeNode] = field(default_factory=dict)
    calls: Mapping[str, Block] = field(default_factory=dict)
    providers: tuple[Block, ...] = ()
    has_backend: bool = False
    problems: tuple[ParseError, ...] = ()
    is_partial: bool = False
    is_empty: bool = False
    """whether its directory holds no Terraform file"""

    def block(self, mode: str, type: str, name: str) -> Block | None:
        """Return a resource (mode "") or data source (mode "data.")."""
        return (self.data if mode else self.resources).get((type, name))


@dataclass
class Repository:
    """The files below ``root``, read once; nothing outside of it is ever read.

    ``show`` gives the path a file is shown under, ``sources`` collects every source by that path.
    """

    root: Path
    show: Callable[[Path], str]
    reader: HclReader
    sources: dict[str, Source]
    _modules: dict[Path, Module] = field(default_factory=dict)
    _broken: dict[Path, ParseError] = field(default_factory=dict)
    _targets: dict[tuple[Path, str], Path] = field(default_factory=dict)
    _generating: dict[Path, bool] = field(default_factory=dict)

    def contains(self, path: Path) -> bool:
        """Return whether a resolved path lies in the repository."""
        return path.is_relative_to(self.root)

    def target(self, directory: Path, source: str) -> Path:
        """Return the directory that a local module source means, links resolved; it may lie anywhere, or nowhere."""
        key = (directory, source)
        if key not in self._targets:
            self._targets[key] = real_path(directory / source)
        return self._targets[key]

    def source(self, file: Path) -> Source:
        """Return the source of a file. Raises ParseError as ``read_source`` does."""
        shown = self.show(file)
        found = self.sources.get(shown)
        if found is None:
            if file in self._broken:
                raise self._broken[file]
            try:
                found = read_source(file, shown, keep_undecoded=file.suffix in (".tf", ".tofu"))
            except ParseError as error:
                self._broken[file] = error
                raise
            self.sources[shown] = found
        return found

    def text_of(self, span: Span) -> str:
        """Return the text a span covers in a source that was read, or "" where there is none."""
        source = self.sources.get(span.path)
        if source is None or not 0 < span.line <= span.end_line <= len(source.line_starts):
            return ""
        start = source.line_starts[span.line - 1] + span.column - 1
        end = source.line_starts[span.end_line - 1] + span.end_column - 1
        return source.text[start:end]

    def module(self, directory: Path) -> Module:
        """Return what a directory declares; a directory that cannot be listed declares nothing and says so in ``problems``."""
        found = self._modules.get(directory)
        if found is None:
            found = self._modules[directory] = self._load(directory)
        return found

    def parse(self, file: Path) -> HclFile:
        """Return the syntax tree of one file. Raises ParseError when the file cannot be read."""
        source = self.source(file)
        if file.name.endswith(".json"):
            from ctkms_policy.terraform.hcl.json_syntax import read_json

            return read_json(source, self.reader)
        return self.reader.read(source)

    def _generates(self, directory: Path) -> bool:
        """Return whether a directory of the repository holds what a tool writes files from, into those below it."""
        if directory not in self._generating:
            try:
                self._generating[directory] = self.contains(directory) and has_generator(os.listdir(directory))
            except OSError:
                self._generating[directory] = False
        return self._generating[directory]

    def _load(self, directory: Path) -> Module:
        try:
            names = os.listdir(directory)
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
            return Module(
                directory,
                problems=(ParseError(f"cannot read the directory: {reason}", Span.at(self.show(directory)), "check its permissions"),),
            )
        declared = _Declarations()
        declared.is_partial = may_declare_more(names) or any(map(self._generates, directory.parents))
        declared.is_empty = not module_files(names)
        for name in module_files(names):
            file = directory / name
            if not file.is_file() or (file.is_symlink() and not self.contains(real_path(file))):
                declared.is_partial = True
                continue
            try:
                parsed = self.parse(file)
            except ParseError as error:
                declared.problems.append(error)
                continue
            declared.problems.extend(parsed.problems)
            declared.add(parsed.body, overrides=is_override(name))
        return declared.module(directory)


def module_files(names: Iterable[str]) -> list[str]:
    """Return the names of Terraform files in the order they are read: override files last, each group by name.

    Hidden files and editors' backups are not read; ``x.tofu`` takes the place of ``x.tf``.
    """
    chosen = {name for name in names if name.endswith(SUFFIXES) and not name.startswith((".", "#")) and not name.endswith("~")}
    for suffix, other in _SHADOWED.items():
        chosen -= {name for name in chosen if name.endswith(suffix) and name[: -len(suffix)] + other in chosen}
    return sorted(chosen, key=lambda name: (is_override(name), name))


_TEMPLATE = re.compile(r".*\.(?:tf|tofu)(?:\.json)?\.\w+")
"""A file that another tool makes a Terraform file of: ``main.tf.j2``."""
_GENERATOR = re.compile(r"(?:terragrunt(?:\.stack)?|root)\.hcl(?:\.json)?|.*\.tm(?:\.hcl)?")
"""What Terragrunt and Terramate write files from, into directories below it, too."""


def may_declare_more(names: Iterable[str]) -> bool:
    """Return whether files of those names tell that the directory may declare more than its own files do.

    Other tools write some; and terraform still reads an ``x.tf`` whose place ``x.tofu`` takes.
    """
    names = set(names)
    shadowed = any(name.endswith(suffix) and name[: -len(suffix)] + other in names for suffix, other in _SHADOWED.items() for name in names)
    return shadowed or has_generator(names) or any(_TEMPLATE.fullmatch(name) and not name.endswith(SUFFIXES) for name in names)


def has_generator(names: Iterable[str]) -> bool:
    """Return whether one of the files tells of a tool that writes Terraform files into its directory and those below."""
    return any(_GENERATOR.fullmatch(name) for name in names)


def is_override(name: str) -> bool:
    """Return whether a file of that name is an override file."""
    stem = name
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            stem = name[: -len(suffix)]
    return stem == "override" or stem.endswith("_override")


@dataclass
class _Declarations:
    """Collects the blocks of a directory file by file."""

    resources: dict[tuple[str, str], Block] = field(default_factory=dict)
    data: dict[tuple[str, str], Block] = field(default_factory=dict)
    variables: dict[str, Block] = field(default_factory=dict)
    outputs: dict[str, Block] = field(default_factory=dict)
    locals: dict[str, AttributeNode] = field(default_factory=dict)
    calls: dict[str, Block] = field(default_factory=dict)
    providers: dict[str, Block] = field(default_factory=dict)
    has_backend: bool = False
    problems: list[ParseError] = field(default_factory=list)
    is_partial: bool = False
    is_empty: bool = False

    def add(self, body: Body, *, overrides: bool) -> None:
        for block in body.blocks:
            labels = block.labels
            if block.type == "resource" and len(labels) == 2:
                self._declare(self.resources, (labels[0], labels[1]), block, overrides)
            elif block.type == "data" and len(labels) == 2:
                self._declare(self.data, (labels[0], labels[1]), block, overrides)
            elif block.type == "variable" and len(labels) == 1:
                self._declare(self.variables, labels[0], block, overrides)
            elif block.type == "output" and len(labels) == 1:
                self._declare(self.outputs, labels[0], block, overrides)
            elif block.type == "module" and len(labels) == 1:
                self._declare(self.calls, labels[0], block, overrides)
            elif block.type == "provider" and len(labels) == 1:
                self._declare(self.providers, _provider_name(block), block, overrides)
            elif block.type == "locals" and not labels:
                self._declare_locals(block, overrides)
            elif block.type == "terraform" and not labels:
                self.has_backend = self.has_backend or bool(block.body.blocks_of("backend", "cloud"))
            elif block.type in _LABELS and len(labels) != _LABELS[block.type]:
                self.problems.append(
                    ParseError(
                        f"a {block.type} block with {len(labels)} labels instead of {_LABELS[block.type]}",
                        block.head_span,
                        "write the labels in double quotes after the block type",
                    )
                )

    def _declare(self, blocks: dict[_Name, Block], name: _Name, block: Block, overrides: bool) -> None:
        earlier = blocks.get(name)
        if earlier is None:
            blocks[name] = block
        elif overrides:
            blocks[name] = merged(earlier, block)
        else:
            self.problems.append(
                _declared_twice(" ".join((block.type, *(f'"{label}"' for label in block.labels))), block.head_span, earlier.head_span)
            )

    def _declare_locals(self, block: Block, overrides: bool) -> None:
        for attribute in block.body.attributes:
            earlier = self.locals.get(attribute.name)
            if earlier is None or overrides:
                self.locals[attribute.name] = attribute
            else:
                self.problems.append(_declared_twice(f"local.{attribute.name}", attribute.name_span, earlier.name_span))

    def module(self, directory: Path) -> Module:
        return Module(
            directory,
            self.resources,
            self.data,
            self.variables,
            self.outputs,
            self.locals,
            self.calls,
            tuple(self.providers.values()),
            self.has_backend,
            tuple(self.problems),
            self.is_partial or bool(self.problems),
            self.is_empty,
        )


_LABELS = {"resource": 2, "data": 2, "variable": 1, "output": 1, "module": 1, "provider": 1}


def _declared_twice(what: str, span: Span, first: Span) -> ParseError:
    return ParseError(f"{what} is declared twice, first at {first.path}:{first.line}", span, "rename or remove one of the two")


def _provider_name(block: Block) -> str:
    """Return ``aws`` or ``aws.alias``."""
    alias = block.body.attribute("alias")
    text = literal_text(alias)
    return f"{block.labels[0]}.{text}" if text is not None else block.labels[0]


def literal_text(attribute: AttributeNode | None) -> str | None:
    """Return the text of an attribute that is a plain string, without evaluating anything; else None."""
    if attribute is None or not isinstance(attribute.expression, StringTemplate):
        return None
    parts = attribute.expression.parts
    if not all(isinstance(part, TemplateText) for part in parts):
        return None
    return "".join(part.text for part in parts if isinstance(part, TemplateText))


def merged(block: Block, override: Block) -> Block:
    """Return a block with what an override file says about it: attributes replace attributes, and nested blocks of a type
    replace all of that type."""

    def convert() -> Body:
        base, other = block.body, override.body
        names = {attribute.name for attribute in other.attributes}
        types = {_content_type(each) for each in other.blocks}
        return Body(
            (*(attribute for attribute in base.attributes if attribute.name not in names), *other.attributes),
            (*(each for each in base.blocks if _content_type(each) not in types), *other.blocks),
        )

    return Block(block.type, block.labels, block.span, block.head_span, convert)


def _content_type(block: Block) -> str:
    return block.labels[0] if block.type == "dynamic" and block.labels else block.type


def local_calls(repository: Repository, module: Module) -> Iterator[tuple[str, Block, Path]]:
    """Yield name, block and resolved directory of each call of a local module, wherever that lies."""
    for name, block in module.calls.items():
        source = literal_text(block.body.attribute("source"))
        if source is not None and is_local(source):
            yield name, block, repository.target(module.directory, source)


def is_local(source: str) -> bool:
    """Return whether a module source is a path, as Terraform tells it: it begins with ``./`` or ``../``."""
    return source.startswith(("./", "../", ".\\", "..\\")) or source in (".", "..")
