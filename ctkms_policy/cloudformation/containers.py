"""How templates hang together: nested stacks and included files that are there, and CDK's cloud assembly."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ctkms_policy.cloudformation.embedded import embedded_templates
from ctkms_policy.cloudformation.placeholders import fill, has_placeholders
from ctkms_policy.cloudformation.template import Template, has_resources, read_snippet, read_templates
from ctkms_policy.json_text import parse_json_source
from ctkms_policy.source import ParseError, Source, read_source, real_path
from ctkms_policy.value import Entry, Known, ListValue, MapValue, Value

MAX_INCLUDES = 5
"""Levels of files that include files; CloudFormation allows one."""

_ENVIRONMENT = re.compile(r"aws://([^/]+)/([^/]+)")
_ACCOUNT = re.compile(r"[0-9]{12}")
_ASSET_HASH = re.compile(r"[0-9a-f]{64}")
_SECTIONS = frozenset({"Parameters", "Mappings", "Conditions", "Resources", "Outputs"})
_SERVERLESS_FILES = ("serverless.yml", "serverless.yaml", "serverless.json", "serverless.js", "serverless.ts")
"""Beside or above its own file, the Serverless Framework keeps the parts of ``resources``."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True)
class Assembled:
    """What a cloud assembly's manifest says about one template; "" where it leaves it open."""

    stack_name: str = ""
    account: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class _Assembly:
    """A cloud assembly: what is said about each template by its file name, and the file of each asset by its hash."""

    templates: dict[str, Assembled]
    assets: dict[str, str]


class Files:
    """The files of one scan: those that were found, and those beside them that they name. Nothing outside ``root`` is read."""

    def __init__(self, root: Path, show: Callable[[Path], str], sources: dict[str, Source]) -> None:
        self._root = root.resolve()
        self._show = show
        self._sources = sources
        self._templates: dict[Path, tuple[Template, ...]] = {}
        self._assemblies: dict[Path, _Assembly] = {}
        self.included: dict[Path, set[Path]] = {}
        """the local files that each file read so far includes"""
        self.problems: list[ParseError] = []
        """what of the files read so far could not be read, where the rest of the file could"""

    def read(self, file: Path, source: Source | None = None) -> tuple[Template, ...]:
        """Return the templates of a file, with placeholders as symbols and local includes in place. Raises ParseError."""
        file = file.resolve()
        if file not in self._templates:
            source = source or self.source(file)
            embedded, problems = embedded_templates(source)
            self.problems.extend(problems)
            prepared = [self._prepared(template, file) for template in (*read_templates(source), *embedded)]
            self._templates[file] = tuple(template for template in prepared if has_resources(template.root))
        return self._templates[file]

    def beside(self, file: Path, written: str) -> Path | None:
        """Return the local file that ``written`` names, seen from ``file``; None for a URL, or where there is no such file."""
        written = written.strip()
        if not written or _URL.match(written) or "\0" in written:
            return None
        try:
            found = real_path(file.parent / written)
            return found if found.is_relative_to(self._root) and found.is_file() else None
        except OSError:
            return None

    def assembled(self, file: Path) -> Assembled:
        """Return what the manifest.json beside a template says about it, where CDK has written one."""
        return self._assembly(file.resolve().parent).templates.get(file.name, Assembled())

    def asset(self, file: Path, written: str) -> Path | None:
        """Return the local file of the asset whose hash stands in an address that CDK has written into the template ``file``."""
        found = _ASSET_HASH.search(written)
        name = self._assembly(file.resolve().parent).assets.get(found.group(), "") if found else ""
        return self.beside(file, name)

    def source(self, file: Path) -> Source:
        """Return the source of a local file, and keep it for the snippets. Raises ParseError."""
        source = read_source(file, self._show(file))
        self._sources[source.path] = source
        return source

    def _prepared(self, template: Template, file: Path) -> Template:
        root = template.root
        if "AWS::Include" in template.source.text:
            included = _Includer(self, file).expand(root)
            root = included if isinstance(included, MapValue) else root
        if has_placeholders(template.source.text, serverless=template.serverless):
            filled = fill(root, serverless=template.serverless)
            root = filled if isinstance(filled, MapValue) else root
        fragment = template.fragment or (root.get("AWSTemplateFormatVersion") is None and self._is_fragment(file))
        return replace(template, root=root, fragment=fragment)

    def _is_fragment(self, file: Path) -> bool:
        """Return whether the place of a file says that another tool puts it together with others."""
        above = [directory for directory in file.parents if directory.is_relative_to(self._root)]
        return ".ebextensions" in file.parts or any((directory / name).is_file() for directory in above for name in _SERVERLESS_FILES)

    def _assembly(self, directory: Path) -> _Assembly:
        if directory not in self._assemblies:
            templates: dict[str, Assembled] = {}
            assets: dict[str, str] = {}
            for entry in _entries(self._json(directory / "manifest.json"), "artifacts"):
                kind = _at(entry.value, "type")
                if kind == Known("aws:cloudformation:stack"):
                    name, assembled = _assembled(entry.value, entry.name)
                    templates[name] = assembled
                elif kind == Known("cdk:asset-manifest"):
                    manifest = self.beside(directory / "manifest.json", _text(_at(entry.value, "properties", "file")))
                    files = _entries(self._json(manifest), "files") if manifest is not None else ()
                    assets.update({each.name: _text(_at(each.value, "source", "path")) for each in files})
            self._assemblies[directory] = _Assembly(templates, assets)
        return self._assemblies[directory]

    def _json(self, file: Path) -> Value | None:
        """Return the content of a JSON file. Some other program's manifest.json, or a broken one, says nothing: None."""
        if not file.is_file() or not real_path(file).is_relative_to(self._root):
            return None
        try:
            return parse_json_source(read_source(file, self._show(file)))
        except ParseError:
            return None


def _at(value: Value | None, *names: str) -> Value | None:
    for name in names:
        value = value.get(name) if isinstance(value, MapValue) else None
    return value


def _entries(value: Value | None, name: str) -> tuple[Entry, ...]:
    found = _at(value, name)
    return found.entries if isinstance(found, MapValue) else ()


def _assembled(artifact: Value, name: str) -> tuple[str, Assembled]:
    environment = _ENVIRONMENT.fullmatch(_text(_at(artifact, "environment")))
    account, region = environment.groups() if environment else ("", "")
    account = account if _ACCOUNT.fullmatch(account) else ""
    region = "" if region.startswith("unknown-") else region
    stack_name = _text(_at(artifact, "properties", "stackName")) or name
    return _text(_at(artifact, "properties", "templateFile")), Assembled(stack_name, account, region)


def _text(value: Value | None) -> str:
    return str(value.value) if isinstance(value, Known) else ""


class _Includer:
    """Puts the content of local files in the place of ``AWS::Include``; what is not local stays as it is."""

    def __init__(self, files: Files, file: Path, level: int = 0) -> None:
        self._files = files
        self._file = file
        self._level = level
        self._done: dict[int, tuple[Value, Value]] = {}

    def expand(self, value: Value) -> Value:
        if not isinstance(value, (MapValue, ListValue)):
            return value
        if id(value) not in self._done:
            expanded = (
                replace(value, items=tuple(self.expand(item) for item in value.items)) if isinstance(value, ListValue) else self._map(value)
            )
            self._done[id(value)] = (value, expanded)
        return self._done[id(value)][1]

    def _map(self, value: MapValue) -> Value:
        entries: list[Entry] = []
        for entry in value.entries:
            snippet = self._snippet(entry)
            if isinstance(snippet, MapValue):
                entries.extend(snippet.entries)
            elif snippet is not None and len(value.entries) == 1:
                return snippet
            elif entry.name == "Transform" and isinstance(entry.value, ListValue):
                entries.extend(self._declared(entry, entry.value))
            else:
                entries.append(replace(entry, value=self.expand(entry.value)))
        kept: dict[str, Entry] = {}
        for entry in entries:
            before = kept.setdefault(entry.name, entry)
            if before is not entry and entry.name in _SECTIONS and isinstance(before.value, MapValue) and isinstance(entry.value, MapValue):
                # Nothing of a section may get lost: what an include adds to one stands beside what is there.
                kept[entry.name] = replace(before, value=replace(before.value, entries=(*before.value.entries, *entry.value.entries)))
        return replace(value, entries=tuple(kept.values()))

    def _declared(self, entry: Entry, macros: ListValue) -> Iterator[Entry]:
        """Yield what the local includes among the macros of a template add to it, and the entry with the other macros."""
        others: list[Value] = []
        for macro in macros.items:
            snippet = self._snippet(replace(entry, value=macro))
            if isinstance(snippet, MapValue):
                yield from snippet.entries
            else:
                others.append(macro)
        if others:
            yield replace(entry, value=replace(macros, items=tuple(others)))

    def _snippet(self, entry: Entry) -> Value | None:
        if entry.name not in ("Fn::Transform", "Transform") or not isinstance(entry.value, MapValue):
            return None
        parameters = entry.value.get("Parameters")
        if entry.value.get("Name") != Known("AWS::Include") or not isinstance(parameters, MapValue) or self._level >= MAX_INCLUDES:
            return None
        file = self._files.beside(self._file, _text(parameters.get("Location")))
        if file is None:
            return None
        self._files.included.setdefault(self._file, set()).add(file)
        snippet = read_snippet(self._files.source(file))
        return _Includer(self._files, file, self._level + 1).expand(snippet)
