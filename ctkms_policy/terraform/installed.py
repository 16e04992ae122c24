"""Modules that ``terraform init`` has fetched: ``.terraform/modules/modules.json``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ctkms_policy.json_text import parse_json_source
from ctkms_policy.source import ParseError, real_path
from ctkms_policy.terraform.module import Repository
from ctkms_policy.value import Known, ListValue, MapValue


@dataclass(frozen=True)
class InstalledModules:
    """The directories of a root module's installed modules, by the names of the calls joined with dots."""

    directories: dict[str, Path] = field(default_factory=dict)

    def directory(self, path: str) -> Path | None:
        """Return the directory of the module called at ``a.b``, or None where it is not installed."""
        return self.directories.get(path)


def installed_modules(root: Path, repository: Repository) -> tuple[InstalledModules, list[ParseError]]:
    """Return what is installed for the root module in ``root``, and what could not be read.

    Directories that do not exist, or lie outside the repository, count as not installed.
    """
    manifest = root / ".terraform" / "modules" / "modules.json"
    if not manifest.is_file() or not repository.contains(real_path(manifest)):
        return InstalledModules(), []
    try:
        document = parse_json_source(repository.source(manifest))
    except ParseError as error:
        return InstalledModules(), [error]
    found: dict[str, Path] = {}
    modules = document.get("Modules") if isinstance(document, MapValue) else None
    for item in modules.items if isinstance(modules, ListValue) else ():
        key, directory = (item.get("Key"), item.get("Dir")) if isinstance(item, MapValue) else (None, None)
        if isinstance(key, Known) and isinstance(directory, Known):
            path = real_path(root / str(directory.value))
            if key.value and repository.contains(path) and os.path.isdir(path):
                found[str(key.value)] = path
    return InstalledModules(found), []
