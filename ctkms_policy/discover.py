"""Which files matter: module directories with Terraform, files that may be templates, and a byte test before any parser runs."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from ctkms_policy.source import MAX_SOURCE_BYTES, UTF_16_MARKS, ParseError, Span, real_path

TERRAFORM_SUFFIXES = (".tf", ".tf.json", ".tofu", ".tofu.json")
TEMPLATE_SUFFIXES = (".yaml", ".yml", ".json", ".template", ".cform", ".cfn", ".jsn")
"""Files of these names are reported when they look like a template and cannot be read; others only count when they can."""

_DEFAULT_EXCLUDES = frozenset(
    {".git", ".hg", ".svn", ".terraform", ".terragrunt-cache", "node_modules", "__pycache__", ".tox", ".nox", ".venv", "venv"}
)
_PROSE_SUFFIXES = frozenset(
    {".md", ".rst", ".adoc", ".html", ".py", ".ts", ".js", ".go", ".java", ".rb", ".cs", ".sh", ".tfvars", ".lock", ".svg", ".css", ".map"}
)
"""Program text and prose: they may quote a template, they are none."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What lies under the given paths, in order of path.

    module_directories  directories that hold Terraform files
    terraform_files     how many Terraform files they hold
    template_candidates files whose bytes may be a CloudFormation template or a plan; content decides
    named               those of them that were given by name
    problems            directories and files that cannot be read
    """

    module_directories: tuple[Path, ...] = ()
    terraform_files: int = 0
    template_candidates: tuple[Path, ...] = ()
    named: frozenset[Path] = frozenset()
    problems: tuple[ParseError, ...] = field(default=())


def repository_root(start: Path, working_directory: Path) -> Path:
    """Return the nearest directory at or above ``start`` that holds ``.git``.

    Where there is none: the working directory when ``start`` lies in it, else ``start`` itself (its directory, for a file).
    """
    directory = (start if start.is_dir() else start.parent).resolve()
    for each in (directory, *directory.parents):
        if (each / ".git").exists():
            return each
    return working_directory if directory.is_relative_to(working_directory) else directory


def discover(paths: Sequence[Path], *, exclude: Sequence[str], show: Callable[[Path], str]) -> Discovery:
    """Walk the paths. ``exclude`` are shell patterns against the shown path or any of its directory names.

    A single Terraform file means its whole module directory. Links are followed only to files inside the given path, never to directories.
    A path must exist: the caller has checked.
    """
    directories: dict[Path, int] = {}
    candidates: dict[Path, None] = {}
    named: set[Path] = set()
    problems: list[ParseError] = []
    for path in paths:
        if path.is_file():
            if path.name.endswith(TERRAFORM_SUFFIXES):
                directories[path.parent.resolve()] = sum(_is_terraform(each) for each in os.listdir(path.parent))
            elif _is_saved_plan(path):
                way_out = f"check the output of: terraform show -json {show(path)} > plan.json"
                problems.append(ParseError("a saved plan is not read, its format is Terraform's own", Span.at(show(path)), way_out))
            else:
                named.add(path.resolve())
            continue
        for directory, names in _walk(path, exclude, show, problems):
            terraform = [name for name in names if _is_terraform(name)]
            if terraform:
                directories[directory.resolve()] = len(terraform)
            for name in names:
                file = directory / name
                if name.endswith(TERRAFORM_SUFFIXES) or os.path.splitext(name)[1].lower() in _PROSE_SUFFIXES:
                    continue
                if file.is_symlink() and not _is_inside(file, path):
                    continue
                if file.is_file():
                    candidates[file.resolve()] = None
    files = tuple(sorted({*candidates, *named}))
    return Discovery(tuple(sorted(directories)), sum(directories.values()), files, frozenset(named), tuple(problems))


def _is_saved_plan(file: Path) -> bool:
    """Return whether a file is what ``terraform plan -out`` writes: a ZIP archive whose first member is ``tfplan``."""
    try:
        with file.open("rb") as stream:
            head = stream.read(64)
    except OSError:
        return False
    return head.startswith(b"PK\x03\x04") and head[30:36] == b"tfplan"


def _is_terraform(name: str) -> bool:
    return name.endswith(TERRAFORM_SUFFIXES) and not name.startswith(".")


def _is_inside(file: Path, root: Path) -> bool:
    return real_path(file).is_relative_to(real_path(root))


def _walk(root: Path, exclude: Sequence[str], show: Callable[[Path], str], problems: list[ParseError]) -> Iterator[tuple[Path, list[str]]]:
    def report(error: OSError) -> None:
        where = show(Path(error.filename))
        problems.append(
            ParseError(
                f"cannot read the directory: {(error.strerror or 'unknown error').lower()}",
                Span.at(where),
                "check its permissions, or exclude it",
            )
        )

    for directory, subdirectories, names in os.walk(root, onerror=report):
        here = Path(directory)
        subdirectories[:] = sorted(name for name in subdirectories if not _is_excluded_directory(here / name, exclude, show))
        yield here, sorted(name for name in names if not _matches(show(here / name), exclude))


def _is_excluded_directory(directory: Path, exclude: Sequence[str], show: Callable[[Path], str]) -> bool:
    if directory.name in _DEFAULT_EXCLUDES or directory.is_symlink() or (directory / "pyvenv.cfg").exists():
        return True
    return _matches(show(directory), exclude)


def _matches(shown: str, exclude: Sequence[str]) -> bool:
    for pattern in exclude:
        pattern = pattern.rstrip("/").removeprefix("./")
        if fnmatch.fnmatch(shown, pattern) or shown.startswith(pattern + "/") or fnmatch.fnmatch(os.path.basename(shown), pattern):
            return True
    return False


_LOCAL_SOURCE = re.compile(rb'"?source"?\s*[=:]\s*"(\.\.?/[^"]*)"')
_MARK = b"cloudtrail"
_MAX_BLANK = 1000
"""A file with more bytes holds something."""
_WAIVER_MARK = b"ctkms-policy:"
"""What a waiver in the code begins with: one whose trail is gone is unused, and must be read to be reported."""


def terraform_about_cloudtrail(directories: Sequence[Path], root: Path) -> list[Path]:
    """Return those of the module directories that mention CloudTrail in any case, or reach a module that does.

    Without that word nothing can concern a trail, and no parser has to be loaded. Local modules are followed by their bytes, also
    outside the given directories but not outside ``root``; so are the modules that ``terraform init`` has installed.
    """
    mentions: dict[Path, bool] = {}
    callees: dict[Path, set[Path]] = {}
    waiting = list(directories)
    while waiting:
        directory = waiting.pop()
        if directory in mentions:
            continue
        data = b"\n".join(_bytes(file) for file in _terraform_files(directory))
        mentions[directory] = _MARK in data.lower() or _WAIVER_MARK in data
        callees[directory] = {target for target in _callees(directory, data) if target.is_relative_to(root) and os.path.isdir(target)}
        waiting.extend(callees[directory])
    about = {directory for directory, mentioned in mentions.items() if mentioned}
    grown = True
    while grown:
        reaching = {directory for directory, targets in callees.items() if targets & about} - about
        about |= reaching
        grown = bool(reaching)
    return [directory for directory in directories if directory in about]


def _callees(directory: Path, data: bytes) -> Iterator[Path]:
    for match in _LOCAL_SOURCE.finditer(data):
        yield real_path(directory / match.group(1).decode("utf-8", "replace"))
    manifest = directory / ".terraform" / "modules" / "modules.json"
    if manifest.is_file():
        for each in re.findall(rb'"Dir"\s*:\s*"([^"]+)"', _bytes(manifest)):
            yield real_path(directory / each.decode("utf-8", "replace"))


def _terraform_files(directory: Path) -> Iterator[Path]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return
    yield from (directory / name for name in names if _is_terraform(name) and (directory / name).is_file())


def _bytes(file: Path) -> bytes:
    """Return the bytes of a file; of one that cannot be read, or is too large to be, the mark, so that the reader reports it."""
    try:
        return _as_utf8(file.read_bytes()) if file.stat().st_size <= MAX_SOURCE_BYTES else _MARK
    except OSError:
        return _MARK


_NESTS = (b"AWS::CloudFormation::Stack", b"AWS::Serverless::Application", b"AWS::Include")
"""What a template that names another local file has in it."""
_LINKS = (*_NESTS, b"AWS::KMS::", b"Export")
"""What a template without the word may still give to one with it: a nested stack, an included part, a key, an export."""

MAX_NESTED_FILES = 1000
"""Files that are looked into for one run because templates that were given nest or include them."""


def templates_about_cloudtrail(candidates: Sequence[Path], root: Path) -> tuple[list[Path], int]:
    """Return the files that are to be read as templates, and how many of the candidates look like one at all.

    None are to be read where no template mentions CloudTrail: no candidate, and no local file below ``root`` that one nests or includes.
    """
    from ctkms_policy.cloudformation.detect import looks_like_template

    mentioning: list[Path] = []
    linked: list[Path] = []
    count = 0
    for file in candidates:
        data = _head(file)
        if data is None or not looks_like_template(data):
            continue
        count += 1
        if _MARK in data.lower() or _WAIVER_MARK in data:
            mentioning.append(file)
        elif any(mark in data for mark in _LINKS):
            linked.append(file)
    return (sorted([*mentioning, *linked]) if mentioning or _name_cloudtrail(linked, root) else []), count


def _name_cloudtrail(templates: Sequence[Path], root: Path) -> bool:
    """Return whether a local file that these templates nest or include, at any depth, mentions CloudTrail."""
    waiting = [file for file in templates if _may_nest(_head(file))]
    if not waiting:
        return False
    from ctkms_policy.cloudformation.containers import Files
    from ctkms_policy.cloudformation.nesting import named_files

    files, seen = Files(root, str, {}), set(templates)
    while waiting:
        for named in named_files(waiting.pop(), files):
            if named in seen:
                continue
            if len(seen) >= len(templates) + MAX_NESTED_FILES:
                return True  # too many to look into one by one: reading them tells
            seen.add(named)
            data = _head(named)
            if data is not None and _MARK in data.lower():
                return True
            if _may_nest(data):
                waiting.append(named)
    return False


def _may_nest(data: bytes | None) -> bool:
    return data is not None and any(mark in data for mark in _NESTS)


def plans_about_cloudtrail(candidates: Sequence[Path], named: Set[Path]) -> tuple[list[Path], list[Path]]:
    """Return the files that are to be read as Terraform plans or states in JSON, and the candidates that are none of those.

    A raw state file lies beside much code that was applied from there: it is refused where it is one of ``named``, and else left alone.
    """
    from ctkms_policy.terraform.plan_detect import looks_like_plan, looks_like_raw_state

    plans: list[Path] = []
    others: list[Path] = []
    for file in candidates:
        data = _head(file) if _begins_with_brace(file) else None
        if data is not None and looks_like_raw_state(data):
            plans.extend([file] if file in named else ())
        elif data is None or not looks_like_plan(data):
            others.append(file)
        elif _MARK in data.lower():
            plans.append(file)
    return plans, others


def holds_nothing(file: Path) -> bool:
    """Return whether a file is blank, or JSON's null: what a command leaves behind that was to write a template or plan and failed."""
    try:
        return file.stat().st_size < _MAX_BLANK and file.read_bytes().strip(b"\xef\xbb\xbf \t\r\n") in (b"", b"null")
    except OSError:
        return False


def _begins_with_brace(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return _as_utf8(stream.read(64)).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    except OSError:
        return False


def _head(file: Path) -> bytes | None:
    """Return the bytes of a text file up to the size that is read at all; None for a binary file or one that cannot be read."""
    try:
        with file.open("rb") as stream:
            first = stream.read(8192)
            if first.startswith(UTF_16_MARKS):
                return _as_utf8(first + stream.read(MAX_SOURCE_BYTES))
            return None if b"\0" in first else first + stream.read(MAX_SOURCE_BYTES)
    except OSError:
        return None


def _as_utf8(data: bytes) -> bytes:
    """Return the bytes to look for names in: those of UTF-16 as UTF-8, so that the reader gets such a file and says that it is none."""
    return data.decode("utf-16", "replace").encode() if data.startswith(UTF_16_MARKS) else data
