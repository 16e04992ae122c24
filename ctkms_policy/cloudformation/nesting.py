"""Which local files a template names: the templates of its nested stacks, and what it includes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ctkms_policy.cloudformation.containers import Files
from ctkms_policy.cloudformation.intrinsics import NESTED_STACKS, Evaluator, stack_name_symbol
from ctkms_policy.cloudformation.loops import with_loops_expanded
from ctkms_policy.cloudformation.stack import Stack
from ctkms_policy.cloudformation.template import Template
from ctkms_policy.model import ambient_place
from ctkms_policy.source import ParseError
from ctkms_policy.value import Known, MapValue, default_of, scalar_text, texts_in


def nested_file(stack: Stack, logical_id: str, file: Path, files: Files) -> Path | None:
    """Return the local file that holds the template of a nested stack; None for other resources and for templates elsewhere.

    CDK writes the asset's path into the metadata, or only its hash into the URL; ``aws cloudformation package`` and SAM take a
    local path in the property.
    """
    if stack.type_of(logical_id) not in NESTED_STACKS:
        return None
    metadata = stack.part_of(logical_id, "Metadata")
    asset = metadata.get("aws:asset:path") if isinstance(metadata, MapValue) else None
    url = stack.property_of(logical_id, "TemplateURL" if stack.type_of(logical_id) == NESTED_STACKS[0] else "Location")
    for written in (asset, default_of(Evaluator().evaluate(url, stack, stack.inputs))):
        found = files.beside(file, scalar_text(written.value)) if isinstance(written, Known) else None
        if found is not None:
            return found
    return next(filter(None, (files.asset(file, text) for text in texts_in(url))), None)


def nested_files(template: Template, file: Path, files: Files, given: Mapping[str, Known]) -> Iterator[Path]:
    """Yield the local files of the stacks that a template nests. ``given`` are the values that the user gives to parameters."""
    stack = with_loops_expanded(Stack(template, ambient_place(), stack_name_symbol(), given=given))
    yield from filter(None, (nested_file(stack, logical_id, file, files) for logical_id in stack.resources))


def named_files(file: Path, files: Files) -> list[Path]:
    """Return the local files that the templates of a file nest or include; of a file that cannot be read, what it includes up to there."""
    found: list[Path] = []
    try:
        for template in files.read(file):
            found.extend(nested_files(template, file, files, {}))
    except ParseError:
        pass
    return [*found, *files.included.get(file, ())]
