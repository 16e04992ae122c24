"""Values for the variables of a root module: ``--var``, ``--var-file`` and the tfvars files beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ctkms_policy.json_text import parse_json_source
from ctkms_policy.source import ParseError, Source, Span, real_path
from ctkms_policy.terraform.conversion import Failure
from ctkms_policy.terraform.expression import evaluate
from ctkms_policy.terraform.hcl.syntax import StringTemplate
from ctkms_policy.terraform.module import Repository
from ctkms_policy.terraform.scope import Directory, Step
from ctkms_policy.value import Known, MapValue, Origin, Reference, Unknown, Value


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the user sets for every root module that has such a variable.

    given        name and text of each ``--var name=text``, and the file of each ``--var-file``, in order; a later one wins
    environment  text of the ``TF_VAR_name`` variables that are to be taken, by name; everything else wins over them
    """

    given: tuple[tuple[str, str] | Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assignment:
    """The value a variable is set to, and where: ``terraform.tfvars``, ``--var``.

    ``text`` is what the command line or the environment says, which is the value itself where the variable is a string.
    """

    value: Value
    where: str
    text: str | None = None


def assignments(directory: Path, repository: Repository, inputs: Inputs) -> tuple[dict[str, Assignment], list[ParseError]]:
    """Return what is assigned to the variables of a root module in ``directory``, and what could not be read.

    Terraform's order: the environment, ``terraform.tfvars``, ``terraform.tfvars.json``, ``*.auto.tfvars`` and
    ``*.auto.tfvars.json`` by name, then ``--var`` and ``--var-file`` as they are given.
    """
    assigned: dict[str, Assignment] = {}
    problems: list[ParseError] = []
    for name, text in inputs.environment.items():
        assigned[name] = Assignment(_text_value(f"TF_VAR_{name}", text, repository), f"TF_VAR_{name}", text)
    automatic = (file for file in tfvars_files(directory) if repository.contains(real_path(file)))
    for given in (*automatic, *inputs.given):
        if isinstance(given, tuple):
            name, text = given
            assigned[name] = Assignment(_text_value(f"--var {name}", text, repository), "--var", text)
            continue
        try:
            values, errors = _file_values(given, repository)
        except ParseError as error:
            problems.append(error)
            continue
        problems.extend(errors)
        assigned.update({name: Assignment(value, given.name) for name, value in values.items()})
    return assigned, problems


def tfvars_files(directory: Path) -> list[Path]:
    """Return the files of a root module that terraform reads values from by itself, in its order."""
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []  # reported where the module is loaded
    first = [name for name in ("terraform.tfvars", "terraform.tfvars.json") if name in names]
    automatic = [name for name in names if name.endswith((".auto.tfvars", ".auto.tfvars.json")) and not name.startswith(".")]
    return [directory / name for name in (*first, *automatic) if (directory / name).is_file()]


def _file_values(file: Path, repository: Repository) -> tuple[dict[str, Value], tuple[ParseError, ...]]:
    source = repository.source(file)
    if file.name.endswith(".json"):
        document = parse_json_source(source)
        if not isinstance(document, MapValue):
            raise ParseError("a tfvars file holds one JSON object", Span.at(source.path), "write variables and values as an object")
        return {entry.name: entry.value for entry in document.entries}, ()
    parsed = repository.reader.read(source)
    scope = LiteralScope(repository)
    return {attribute.name: evaluate(attribute.expression, scope) for attribute in parsed.body.attributes}, parsed.problems


def _text_value(path: str, text: str, repository: Repository) -> Value:
    """Return the value of a text from the command line: an expression where it begins like a list, map or string, else the text.

    That is for a variable of any type but string; the conversion to the variable's type turns ``true`` and ``1`` into what it wants.
    """
    if text.lstrip().startswith(("[", "{", '"')) or text.strip() == "null":
        repository.sources[path] = source = Source(path, text)
        expression = repository.reader.read_expression(source)
        if not isinstance(expression, ParseError):
            return evaluate(expression, LiteralScope(repository))
    return Known(text, Origin())


@dataclass
class LiteralScope:
    """A scope in which nothing has a name: tfvars files, defaults of variables and of optional attributes."""

    repository: Repository
    condition_prefix: str = ""

    def lookup(self, root: str, steps: tuple[Step, ...], span: Span) -> tuple[Value, int]:
        """Return a Failure: no name means anything here."""
        return Failure(f'"{root}" cannot be used here: only literal values can', Origin(span)), len(steps)

    def attribute(self, resource: Reference, name: str, span: Span) -> Value:
        """Return a Failure: there are no resources."""
        return Failure(f"{resource.address} cannot be used here", Origin(span))

    def forced(self, condition: str) -> bool | None:
        """Return None: nothing is supposed."""
        return None

    def text_of(self, span: Span) -> str:
        """Return the source text of an expression."""
        return self.repository.text_of(span)

    def read_file(self, path: Value, span: Span) -> Value:
        """Return a Failure: no file is read."""
        return Failure("files cannot be read here", Origin(span))

    def list_directory(self, path: str, span: Span) -> Directory | Unknown:
        """Return a Failure: no directory is read."""
        return Failure("files cannot be listed here", Origin(span))

    def read_template(self, path: Value, span: Span) -> StringTemplate | Unknown:
        """Return a Failure: no file is read."""
        return Failure("files cannot be read here", Origin(span))

    def parse_template(self, text: Known, span: Span) -> StringTemplate | Unknown:
        """Return a Failure: no template is rendered."""
        return Failure("templates cannot be rendered here", Origin(span))
