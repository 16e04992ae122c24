"""The reader: the text of a file as the CloudFormation templates it holds. Content decides, not the file name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ctkms_policy.cloudformation.template_json import parse_template_json
from ctkms_policy.source import ParseError, Source, Span
from ctkms_policy.value import Entry, Known, ListValue, MapValue, Value

MAX_TEMPLATE_BYTES = 2 * 1024 * 1024
"""CloudFormation accepts 1 MB; whatever is larger than this is no template that can be deployed."""

TEMPLATE_SUFFIXES = (".yaml", ".yml", ".json", ".template", ".cform", ".cfn", ".jsn")
"""A file of such a name that names a trail but cannot be read is reported; any other is program text that quotes a template."""

NAMES_TRAIL = re.compile(r"""\bType["']?\s*:.{0,20}AWS::CloudTrail::(?:Trail|EventDataStore)\b""")
_NAMES_KEY = re.compile(r"""\bType["']?\s*:.{0,20}AWS::KMS::(?:Replica)?Key\b""")
_HAS_RESOURCES = re.compile(r"""^\s*["']?Resources["']?\s*:""", re.MULTILINE)
_DYNAMIC_NAME = re.compile(r"Fn::(?:ForEach::.+|Transform)$")


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """One template as written: nothing in it is evaluated.

    root        the map with ``Resources``
    serverless  it stands under ``resources`` of a Serverless Framework file, whose own ``${self:...}`` variables it may use
    fragment    another tool puts it together with other files before the deployment
    """

    source: Source = field(repr=False)
    root: MapValue = field(repr=False)
    serverless: bool = False
    fragment: bool = False

    def section(self, name: str) -> tuple[Entry, ...]:
        """Return the entries of ``Resources``, ``Parameters``, ``Conditions``, ``Mappings`` or ``Outputs``; none where it is missing."""
        section = self.root.get(name)
        return section.entries if isinstance(section, MapValue) else ()


def read_templates(source: Source) -> tuple[Template, ...]:
    """Return the templates a file holds: itself, each document of it, or what stands under ``resources`` of a serverless.yml.

    A document that takes its resources from another file by ``AWS::Include`` counts.

    A file that is no template (Kubernetes, Ansible, a schema) gives none. Raises ParseError for a template that cannot be read;
    text that cannot be read and does not look like a template is none either.
    """
    try:
        documents = read_documents(source)
    except ParseError:
        if is_reported(source):
            raise
        return ()
    return tuple(template for document in documents for template in _templates(source, document))


def read_snippet(source: Source) -> Value:
    """Return the value of a file that ``AWS::Include`` names. Raises ParseError when it cannot be read or holds several documents."""
    documents = read_documents(source)
    if len(documents) != 1:
        raise ParseError("an included file holds one document", Span.at(source.path), "split the file")
    return documents[0]


def is_reported(source: Source) -> bool:
    """Return whether the file has to be reported when it cannot be read: it declares a trail, a store, or a key in a template."""
    if not source.path.lower().endswith(TEMPLATE_SUFFIXES):
        return False
    if NAMES_TRAIL.search(source.text):
        return True
    return bool(_NAMES_KEY.search(source.text) and _HAS_RESOURCES.search(source.text))


def read_documents(source: Source) -> tuple[Value, ...]:
    """Return the documents of a YAML or JSON file. Raises ParseError, also for a file that is larger than a template may be."""
    if len(source.text) > MAX_TEMPLATE_BYTES:
        raise ParseError(
            f"the file is larger than {MAX_TEMPLATE_BYTES // 1024 // 1024} MB",
            Span.at(source.path),
            "CloudFormation accepts templates up to 1 MB; exclude the file with --exclude",
        )
    if source.text.lstrip()[:1] not in ("{", "["):
        return _yaml(source)
    try:
        return (parse_template_json(source),)
    except ParseError as error:
        # CloudFormation reads JSON as the YAML it nearly is: comments and a comma too many are fine. What is wrong in both is
        # reported as the JSON that it was meant to be.
        try:
            return _yaml(source)
        except ParseError:
            raise error from None


def _yaml(source: Source) -> tuple[Value, ...]:
    from ctkms_policy.cloudformation.yaml_text import parse_yaml_source

    return parse_yaml_source(source)


def _templates(source: Source, document: Value) -> Iterator[Template]:
    if not isinstance(document, MapValue):
        return
    if has_resources(document) or includes_more(document):
        yield Template(source, document)
        return
    resources = document.get("resources")
    for part in resources.items if isinstance(resources, ListValue) else (resources,):
        if isinstance(part, MapValue) and has_resources(part):
            yield Template(source, part, serverless=True, fragment=True)


def has_resources(document: MapValue) -> bool:
    """Return whether a map is a template: it has resources."""
    resources = document.get("Resources")
    return isinstance(resources, MapValue) and any(_is_resource(entry) for entry in resources.entries)


def includes_more(document: MapValue) -> bool:
    """Return whether ``AWS::Include`` at the top of a map adds sections to it."""
    for name in ("Transform", "Fn::Transform"):
        declared = document.get(name)
        each_one = declared.items if isinstance(declared, ListValue) else (declared,)
        if any(isinstance(each, MapValue) and each.get("Name") == Known("AWS::Include") for each in each_one):
            return True
    return False


def _is_resource(entry: Entry) -> bool:
    if isinstance(entry.key, Known) and _DYNAMIC_NAME.match(str(entry.key.value)):
        return True
    return isinstance(entry.value, MapValue) and isinstance(entry.value.get("Type"), Known)
