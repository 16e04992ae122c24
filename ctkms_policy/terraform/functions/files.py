"""Files and paths: ``file``, ``fileexists``, ``templatefile``, ``basename`` ... Only the scope reads files."""

from __future__ import annotations

import base64
import hashlib
import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ctkms_policy.terraform.conversion import Failure, plain_text
from ctkms_policy.terraform.functions.context import TEXT, Context, Function, made, scalar_function
from ctkms_policy.terraform.functions.file_set import file_set
from ctkms_policy.terraform.functions.sets import as_set
from ctkms_policy.terraform.hcl.syntax import StringTemplate
from ctkms_policy.terraform.scope import InnerScope, Scope
from ctkms_policy.value import Known, MapValue, Reference, Symbol, Unknown, Value, describe

_MAX_TEMPLATES = 5
"""Templates that render templates: more levels than this are not followed."""


def _read(context: Context, arguments: Sequence[Value]) -> Value:
    if len(arguments) != 1:
        return context.failure(f"{len(arguments)} arguments")
    path = plain_text(arguments[0])
    if isinstance(path, Failure):
        return context.failure(path.reason)
    return context.scope.read_file(path, context.span)


def _of_content(compute: Callable[[bytes], str]) -> Function:
    """Return a function of a file's content."""

    def call(context: Context, arguments: Sequence[Value]) -> Value:
        content = _read(context, arguments)
        if isinstance(content, Known) and isinstance(content.value, str):
            return made(compute(content.value.encode()), context)
        return context.unknown(content)

    return call


def _exists(context: Context, arguments: Sequence[Value]) -> Value:
    content = _read(context, arguments)
    if isinstance(content, Known):
        return Known(True, context.origin)
    return Known(False, context.origin) if isinstance(content, Failure) else context.unknown(content)


def _fileset(context: Context, arguments: Sequence[Value]) -> Value:
    """Return the set of the files below a directory that a pattern matches."""
    if len(arguments) != 2:
        return context.failure(f"{len(arguments)} arguments")
    path, pattern = (plain_text(each) for each in arguments)
    for text in (path, pattern):
        if isinstance(text, Failure):
            return context.failure(text.reason)
    if not isinstance(path, Known) or not isinstance(pattern, Known):
        return context.unknown(pattern if isinstance(path, Known) else path)
    files = file_set(str(path.value), str(pattern.value), lambda place: context.scope.list_directory(place, context.span))
    if files is None:
        return Unknown(f"fileset() with the pattern {describe(pattern)} is not modelled", context.origin)
    if isinstance(files, Unknown):
        quotes = path.origin.sensitive or pattern.origin.sensitive
        return Unknown("the files of a sensitive path are not known", context.origin) if quotes else replace(files, origin=context.origin)
    return as_set(context, [Known(name, context.origin) for name in files])


def _templatefile(context: Context, arguments: Sequence[Value]) -> Value:
    """Return a template file rendered with the variables of the second argument."""
    if len(arguments) != 2:
        return context.failure(f"{len(arguments)} arguments")
    path = plain_text(arguments[0])
    if isinstance(path, Failure):
        return context.failure(path.reason)
    if not isinstance(path, Known):
        return context.unknown(path)
    return _rendered(context, context.scope.read_template(path, context.span), arguments[1])


def _templatestring(context: Context, arguments: Sequence[Value]) -> Value:
    """Return a template that the configuration holds as a string, rendered with the variables of the second argument."""
    if len(arguments) != 2:
        return context.failure(f"{len(arguments)} arguments")
    text = plain_text(arguments[0])
    if isinstance(text, Failure):
        return context.failure(text.reason)
    if not isinstance(text, Known):
        return context.unknown(text)
    return _rendered(context, context.scope.parse_template(text, context.span), arguments[1])


def _rendered(context: Context, template: StringTemplate | Unknown, variables: Value) -> Value:
    if isinstance(template, Unknown):
        return template
    if not isinstance(variables, MapValue):
        if isinstance(variables, (Unknown, Symbol, Reference)):
            return context.unknown(variables)
        return context.failure(f"{describe(variables)} where a map is needed")
    if _templates_around(context.scope) >= _MAX_TEMPLATES:
        return Unknown(f"templates that render templates more than {_MAX_TEMPLATES} levels deep", context.origin)
    return context.render(template, variables, context.scope, context.span)


def _templates_around(scope: Scope) -> int:
    count = 0
    while isinstance(scope, InnerScope):
        count += scope.closed
        scope = scope.outer
    return count


def _basename(path: str) -> str:
    return posixpath.basename(path.rstrip("/")) or ("/" if path else ".")


def _dirname(path: str) -> str:
    directory, _, _ = path.rpartition("/")
    return _clean(directory or ("/" if path.startswith("/") else "."))


def _clean(path: str) -> str:
    normal = posixpath.normpath(path)
    return normal[1:] if normal.startswith("//") else normal


def _abspath(path: str) -> object:
    return _clean(path) if path.startswith("/") else Unknown("abspath() depends on where Terraform runs")


def _pathexpand(path: str) -> object:
    return Unknown("pathexpand() depends on who runs Terraform") if path.startswith("~") else path


FUNCTIONS: Mapping[str, Function] = {
    "abspath": scalar_function(_abspath, TEXT),
    "basename": scalar_function(_basename, TEXT),
    "dirname": scalar_function(_dirname, TEXT),
    "file": _read,
    "filebase64": _of_content(lambda data: base64.b64encode(data).decode()),
    "filebase64sha256": _of_content(lambda data: base64.b64encode(hashlib.sha256(data).digest()).decode()),
    "filebase64sha512": _of_content(lambda data: base64.b64encode(hashlib.sha512(data).digest()).decode()),
    "fileexists": _exists,
    "filemd5": _of_content(lambda data: hashlib.md5(data).hexdigest()),
    "fileset": _fileset,
    "filesha1": _of_content(lambda data: hashlib.sha1(data).hexdigest()),
    "filesha256": _of_content(lambda data: hashlib.sha256(data).hexdigest()),
    "filesha512": _of_content(lambda data: hashlib.sha512(data).hexdigest()),
    "pathexpand": scalar_function(_pathexpand, TEXT),
    "templatefile": _templatefile,
    "templatestring": _templatestring,
}
