"""Parameters: what a template declares, and what the user gives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ctkms_policy.json_text import parse_json_source
from ctkms_policy.source import ParseError, Source, Span
from ctkms_policy.value import Entry, Known, ListValue, MapValue, Origin, Value, scalar_text

_SSM_TYPE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The values that the user gives to parameters, by name; they hold for every root template that declares the parameter."""

    values: Mapping[str, Known] = field(default_factory=dict)

    def updated(self, other: Parameters) -> Parameters:
        """Return these parameters with those of ``other`` in place of the same names."""
        return Parameters({**self.values, **other.values})


def parse_parameter(text: str) -> Parameters:
    """Return the parameter of ``--parameter NAME=VALUE``. Raises ValueError without a name or an equals sign."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ValueError(f'"{text}" is not NAME=VALUE')
    return Parameters({name.strip(): Known(value)})


def read_parameters(source: Source) -> Parameters:
    """Return the parameters of a JSON or YAML file.

    Known forms: the list of ``aws cloudformation --parameters`` (``ParameterKey``, ``ParameterValue``; also a list of ``NAME=VALUE``),
    CodePipeline's configuration file (``{"Parameters": {...}}``), and a plain map of names and values. Raises ParseError.
    """
    document = _document(source)
    if isinstance(document, MapValue) and isinstance(document.get("Parameters"), (MapValue, ListValue)):
        document = document.get("Parameters")
    if isinstance(document, MapValue):
        return Parameters({entry.name: _scalar(entry.value, source) for entry in document.entries})
    if isinstance(document, ListValue):
        return Parameters(dict(_listed(item, source) for item in document.items))
    raise _no_parameters(source, document)


def _document(source: Source) -> Value | None:
    if source.text.lstrip()[:1] in ("{", "["):
        return parse_json_source(source)
    from ctkms_policy.cloudformation.yaml_text import parse_yaml_source

    return next(iter(parse_yaml_source(source)), None)


def _listed(item: Value, source: Source) -> tuple[str, Known]:
    if isinstance(item, Known) and isinstance(item.value, str) and "=" in item.value:
        name, _, text = item.value.partition("=")
        return name.strip(), Known(text, item.origin)
    if isinstance(item, MapValue):
        name_value, value = item.get("ParameterKey"), item.get("ParameterValue")
        if isinstance(name_value, Known) and value is not None:
            return scalar_text(name_value.value), _scalar(value, source)
    raise _no_parameters(source, item)


def _scalar(value: Value, source: Source) -> Known:
    if isinstance(value, ListValue) and all(isinstance(item, Known) for item in value.items):
        return Known(",".join(scalar_text(item.value) for item in value.items if isinstance(item, Known)), value.origin)
    if not isinstance(value, Known):
        raise ParseError("a parameter value that is not a string", value.origin.span or Span.at(source.path), "write it as a string")
    return Known(scalar_text(value.value), value.origin)


def _no_parameters(source: Source, value: Value | None) -> ParseError:
    span = value.origin.span if value is not None and value.origin.span is not None else Span.at(source.path)
    return ParseError("these are no parameters", span, 'write [{"ParameterKey": ..., "ParameterValue": ...}], or a map of names and values')


@dataclass(frozen=True, slots=True)
class Declaration:
    """One entry of ``Parameters``.

    default  None where there is none: the user has to give the parameter
    is_list  its value is a list of the texts between the commas
    is_ssm   its value is the name of an SSM parameter, which is read at the deployment
    """

    name: str
    span: Span
    default: Known | None = None
    allowed: tuple[str, ...] = ()
    shortest: int = 0
    longest: int | None = None
    is_list: bool = False
    is_ssm: bool = False
    sensitive: bool = False


def read_declaration(entry: Entry, fallback: Span) -> Declaration:
    """Return what an entry of ``Parameters`` declares; what is wrong in it is left to cfn-lint."""
    span = entry.key.origin.span or fallback
    body = entry.value
    if not isinstance(body, MapValue):
        return Declaration(entry.name, span)
    type_name = _text(body.get("Type")) or "String"
    ssm = _SSM_TYPE.match(type_name)
    inner = ssm.group(1) if ssm else type_name
    allowed = body.get("AllowedValues")
    return Declaration(
        entry.name,
        span,
        default=_default(body.get("Default")),
        allowed=tuple(scalar_text(item.value) for item in allowed.items if isinstance(item, Known))
        if isinstance(allowed, ListValue)
        else (),
        shortest=_number(body.get("MinLength")) or 0,
        longest=_number(body.get("MaxLength")),
        is_list=inner == "CommaDelimitedList" or inner.startswith("List<"),
        is_ssm=ssm is not None,
        sensitive=(_text(body.get("NoEcho")) or "").lower() == "true",
    )


def _default(value: Value | None) -> Known | None:
    if isinstance(value, ListValue) and all(isinstance(item, Known) for item in value.items):
        return Known(",".join(scalar_text(item.value) for item in value.items if isinstance(item, Known)), value.origin)
    if not isinstance(value, Known):
        return None
    return Known(scalar_text(value.value), value.origin, value.text_map if isinstance(value.value, str) else None)


def _text(value: Value | None) -> str | None:
    return scalar_text(value.value) if isinstance(value, Known) else None


def _number(value: Value | None) -> int | None:
    text = _text(value)
    return int(text) if text is not None and text.isdigit() and len(text) < 10 else None


def split_list(text: Known, origin: Origin) -> ListValue:
    """Return the list that a text with commas stands for, as CloudFormation reads a list parameter."""
    written = scalar_text(text.value)
    items: list[Value] = []
    start = 0
    for piece in written.split(","):
        stripped = piece.strip()
        begin = start + len(piece) - len(piece.lstrip())
        text_map = text.text_map.part(begin, begin + len(stripped)) if text.text_map is not None and stripped else None
        items.append(Known(stripped, origin, text_map))
        start += len(piece) + 1
    return ListValue(tuple(items) if written.strip() else (), "", origin)
