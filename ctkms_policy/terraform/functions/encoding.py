"""Encodings and hashes: ``jsonencode``, ``yamldecode``, ``base64encode``, ``sha256`` ..."""

from __future__ import annotations

import base64
import binascii
import codecs
import csv
import hashlib
import io
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote_plus

from ctkms_policy.json_text import parse_json_text
from ctkms_policy.source import ParseError
from ctkms_policy.terraform.conversion import Failure, to_text
from ctkms_policy.terraform.functions import yaml
from ctkms_policy.terraform.functions.context import TEXT, Context, Function, scalar_function
from ctkms_policy.value import (
    ALPHANUMERIC,
    DIGITS,
    LOWER,
    JsonText,
    Known,
    Shape,
    Symbol,
    SymbolKind,
    Template,
    Unknown,
    Value,
)

_NAMESPACES = {"dns": uuid.NAMESPACE_DNS, "url": uuid.NAMESPACE_URL, "oid": uuid.NAMESPACE_OID, "x500": uuid.NAMESPACE_X500}


def _jsonencode(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the argument as JSON, kept as the document that it is."""
    if len(arguments) != 1:
        return context.failure(f"{len(arguments)} arguments")
    argument = arguments[0]
    return context.unknown(argument) if isinstance(argument, Unknown) else JsonText(argument, context.origin)


def _jsondecode(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the document of a JSON text."""
    if len(arguments) != 1:
        return context.failure(f"{len(arguments)} arguments")
    text = to_text(arguments[0])
    if isinstance(text, JsonText):
        return text.document
    if isinstance(text, Failure):
        return context.failure(text.reason)
    if not isinstance(text, (Known, Template)):
        return context.unknown(text)
    try:
        return parse_json_text(text, context.span)
    except ParseError as error:
        if isinstance(text, Known) and _is_json(str(text.value)):
            return Unknown(f"jsondecode(): {error.message}", context.origin)
        return context.failure(error.message)


def _is_json(text: str) -> bool:
    """Tell whether a text is JSON for Terraform, which takes the last of several equal keys."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _yamldecode(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the document of a YAML text."""
    if len(arguments) != 1:
        return context.failure(f"{len(arguments)} arguments")
    text = to_text(arguments[0])
    if isinstance(text, JsonText):
        return text.document
    if isinstance(text, Failure):
        return context.failure(text.reason)
    if not isinstance(text, Known):
        return context.unknown(text)
    try:
        return yaml.decode(text, context.origin)
    except ValueError as error:
        return context.failure(str(error))


def _yamlencode(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the argument as YAML; a document with holes is not written out."""
    if len(arguments) != 1:
        return context.failure(f"{len(arguments)} arguments")
    argument = arguments[0]
    if isinstance(argument, Unknown):
        return context.unknown(argument)
    encoded = yaml.encode(argument)
    return Known(encoded, context.origin) if isinstance(encoded, str) else context.unknown(encoded)


def _base64decode(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except binascii.Error:
        raise ValueError("not base64") from None
    except UnicodeDecodeError:
        raise ValueError("the decoded text is not UTF-8") from None


def _digest(algorithm: Callable[..., hashlib._Hash]) -> Callable[[str], str]:
    return lambda text: str(algorithm(text.encode()).hexdigest())


def _base64_digest(algorithm: Callable[..., hashlib._Hash]) -> Callable[[str], str]:
    return lambda text: base64.b64encode(algorithm(text.encode()).digest()).decode()


def _codec(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError(f'"{name}" is no encoding') from None
    return "utf-16-be" if name.lower() == "utf-16" else name


def _textencode(text: str, encoding: str) -> str:
    try:
        return base64.b64encode(text.encode(_codec(encoding))).decode()
    except UnicodeError:
        raise ValueError(f"the text cannot be written in {encoding}") from None


def _textdecode(text: str, encoding: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode(_codec(encoding))
    except (binascii.Error, UnicodeError):
        raise ValueError(f"not base64 of a text in {encoding}") from None


def _urlencode(text: str) -> str:
    return quote_plus(text, safe="~")


def _csvdecode(text: str) -> object:
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise ValueError(f"not CSV: {error}") from None
    if not rows:
        raise ValueError("missing header line")
    header = rows[0]
    if len(set(header)) != len(header):
        raise ValueError("a column twice")
    if any(len(row) != len(header) for row in rows[1:]):
        raise ValueError("a row with another number of columns")
    return [dict(zip(header, row, strict=True)) for row in rows[1:]]


def _uuidv5(namespace: str, name: str) -> str:
    try:
        space = _NAMESPACES.get(namespace) or uuid.UUID(namespace)
    except ValueError:
        raise ValueError(f'"{namespace}" is no namespace') from None
    return str(uuid.uuid5(space, name))


def _generated(shape: Shape) -> Function:
    """Return a function whose result the deployment makes up."""

    def call(context: Context, arguments: Sequence[Value]) -> Value:
        where = f"{context.span.path}:{context.span.line}:{context.span.column}"
        spelling = f"{context.name}()"
        reason = f"{spelling} makes up a value at the deployment"
        return Symbol(f"{spelling} at {where}", SymbolKind.GENERATED, shape, spelling, reason, context.origin)

    return call


def _uncomputed(context: Context, arguments: Sequence[Value]) -> Value:
    """Return an Unknown: the result depends on a library's compressor or on a secret key, and no policy is made of it."""
    return Unknown(f"the result of {context.name}() is not computed", context.origin)


FUNCTIONS: Mapping[str, Function] = {
    "base64decode": scalar_function(_base64decode, TEXT),
    "base64encode": scalar_function(lambda text: base64.b64encode(text.encode()).decode(), TEXT),
    "base64gzip": _uncomputed,
    "base64sha256": scalar_function(_base64_digest(hashlib.sha256), TEXT),
    "base64sha512": scalar_function(_base64_digest(hashlib.sha512), TEXT),
    "bcrypt": _generated(Shape(ALPHANUMERIC.alphabet and ALPHANUMERIC.alphabet | frozenset("$./"), 60, 60)),
    "csvdecode": scalar_function(_csvdecode, TEXT),
    "jsondecode": _jsondecode,
    "jsonencode": _jsonencode,
    "md5": scalar_function(_digest(hashlib.md5), TEXT),
    "rsadecrypt": _uncomputed,
    "sha1": scalar_function(_digest(hashlib.sha1), TEXT),
    "sha256": scalar_function(_digest(hashlib.sha256), TEXT),
    "sha512": scalar_function(_digest(hashlib.sha512), TEXT),
    "textdecodebase64": scalar_function(_textdecode, TEXT, TEXT),
    "textencodebase64": scalar_function(_textencode, TEXT, TEXT),
    "urlencode": scalar_function(_urlencode, TEXT),
    "uuid": _generated(Shape(LOWER | DIGITS | {"-"}, 36, 36)),
    "uuidv5": scalar_function(_uuidv5, TEXT, TEXT),
    "yamldecode": _yamldecode,
    "yamlencode": _yamlencode,
}
