"""Making text of unknown origin safe to show: a file name or a template may hold terminal escapes or bidi overrides."""

from __future__ import annotations

import json
import posixpath
import re

_INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    r"\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e0fff]"
)
"""Control and format characters, lone surrogates and code points that are no characters."""

_LINE_END_OR_TAB = re.compile(r"\r\n|[\n\r\t]")
_NOT_FOR_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def visible(text: str) -> str:
    """Return ``text`` as one line: line ends and tabs are blanks, other characters that do not show are ``<U+001B>``."""
    return _INVISIBLE.sub(_code_point, _LINE_END_OR_TAB.sub(" ", text))


def visible_lines(text: str) -> list[str]:
    """Return the lines of ``text``, each made visible; tabs are four blanks."""
    return [visible(line.replace("\t", "    ")) for line in text.replace("\r\n", "\n").split("\n")]


def _code_point(match: re.Match[str]) -> str:
    return f"<U+{ord(match[0]):04X}>"


def to_json(document: object) -> str:
    """Return ``document`` as JSON text with a line end: readable, valid UTF-8, and harmless on a terminal."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    # Characters beyond ASCII stand only inside strings, where JSON allows the escaped form.
    return _NOT_FOR_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def path_from_root(prefix: str, path: str) -> str:
    """Return ``path``, relative to the working directory, relative to the repository root; an absolute path stays as it is."""
    return posixpath.normpath(path if is_absolute(path) else prefix + path)


def is_absolute(path: str) -> bool:
    """Tell whether a path with forward slashes is absolute, on Windows too."""
    return path.startswith("/") or re.match(r"[A-Za-z]:/", path) is not None
