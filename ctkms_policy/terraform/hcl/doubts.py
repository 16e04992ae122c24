"""What tree-sitter accepts and terraform may not.

tree-sitter-hcl knows no line ends and few rules about what a string holds. Each test here is a cheap sign that a file may be
wrong; ``syntax_check`` then decides. A sign too many costs time, never a false error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from tree_sitter import Node

    Captures: TypeAlias = Callable[[Node], dict[str, list[Node]]]

ITEMS = "[(attribute) (block) (object_elem)] @item [(quoted_template) (string_lit)] @string (legacy_index) @legacy"
"""The query whose captures in a tree ``looks_wrong`` needs."""

_ESCAPES = re.compile(rb"""\\(?:[nrt"\\]|u(?!0000|[dD][89a-fA-F])[0-9a-fA-F]{4}|U000[0-9a-fA-F]{5}|(?P<wrong>.|$))""", re.MULTILINE)

# Searched one by one: a pattern that begins with literal bytes is found ten times as fast as an alternative.
_SIGNS = tuple(
    map(
        re.compile,
        (
            rb"\$\{~?\s*~?\}",  # nothing in an interpolation
            rb"~\s+\}|\{\s+~",  # a strip marker that stands apart
            rb"<<-?[\w-]+(?![\w-])(?!\r?\n)",  # a heredoc marker with something behind it
            rb"\r(?!\n(?!\Z))",  # no line end; the last one in ``data`` is not the file's
            rb"\f",  # tree-sitter takes both for blanks
            rb"\v",
            rb"\xc2\x85",  # and white space beyond ASCII
            rb"\xc2\xa0",
            rb"\xe1\x9a\x80",
            rb"\xe2\x80[\x80-\x8f\xa8-\xaf]",
            rb"\xe2\x81[\x9f-\xaf]",
            rb"\xe3\x80\x80",
            rb"\xef\xbb\xbf",
            rb" in[0-9]",  # "in" and the number behind it are one name
            rb"\.\*(?:\.[\w-]+)*\.\*",  # two attribute splats
            rb"0x[0-9a-zA-Z]",  # no number of HCL
        ),
    )
)
_COMMENT = re.compile(rb"/\*.*?\*/(?=[ \t]*[^ \t\r\n])", re.DOTALL)
_COLONS = re.compile(rb"::")
_SCOPED = re.compile(rb"(?:^|[\s(\[,=!.?{])[A-Za-z_][\w-]*\Z", re.MULTILINE)  # a name before "::" that stands in no ARN
_LONG_CHAIN = re.compile(rb"(?:\.[\w*-]+\s*|\[[^\[\]\n]*\]\s*){60}")
_ENDS_WITH_NAME = re.compile(rb"\n[ \t]*[^\s\"{}()\[\]]+[ \t]*\n\Z")
_NAME = re.compile(rb"[^\s={\"]+")
_COMMA_FIRST = re.compile(rb"\n\s*,")
_HEREDOC = re.compile(rb"<<-?([\w\x80-\xff-]+)\r?\Z")
_OPEN, _CLOSE = re.compile(rb"[(\[{]"), re.compile(rb"[)\]}]")

# A tree of MAX_DEPTH expressions is deeper than 100, real code stays below 50. A node is at most one level deeper than the
# node before it, so that one in forty shows whether any is deep.
_DEEP = 60
_STRIDE = 40


def looks_wrong(data: bytes, root: Node, captures: Captures) -> bool:
    """Tell whether terraform may find a syntax error in ``data`` where tree-sitter found none."""
    if any(escape.lastgroup for escape in _ESCAPES.finditer(data)) or any(sign.search(data) for sign in _SIGNS):
        return True
    if _is_deep(data, root):
        return True
    if b"<<" in data and _ENDS_WITH_NAME.search(data):
        return True
    if any(b"\n" in comment.group() for comment in _COMMENT.finditer(data)):
        return True  # the line before the comment goes on behind it
    if any(_SCOPED.search(data, max(0, colons.start() - 80), colons.start()) for colons in _COLONS.finditer(data)):
        return True
    found = captures(root)
    if any(data[node.start_byte - 1 : node.start_byte].isdigit() for node in found.get("legacy", ())):
        return True  # a number with two points, or two legacy indexes
    strings = found.get("string", ())
    if any(node.start_point[0] != node.end_point[0] for node in strings):
        return True
    if b"%{" in data and any(b"%{" in data[node.start_byte : node.end_byte] for node in strings):
        return True  # within a directive it takes a quote for text
    return _items_look_wrong(data, sorted(found.get("item", ()), key=lambda node: node.start_byte))


def _is_deep(data: bytes, root: Node) -> bool:
    """Tell whether a tree may be so deep that recursion over it fails."""
    if _LONG_CHAIN.search(data):
        return True
    cursor = root.walk()
    for index in range(0, root.descendant_count, _STRIDE):
        cursor.goto_descendant(index)
        if cursor.depth > _DEEP:
            return True
    return False


class _Container:
    """A block, an attribute or an object item that is still open, and what it has held so far."""

    __slots__ = ("end", "end_row", "kind", "last_end", "last_row", "names", "row")

    def __init__(self, kind: str, row: int, end: int, end_row: int) -> None:
        self.kind = kind
        self.row = row
        self.end = end
        self.end_row = end_row
        self.names: set[bytes] = set()
        self.last_end = -1
        self.last_row = -1

    def closes_late(self) -> bool:
        """Tell whether a block over several lines ends in the line of its last argument."""
        return self.kind == "block" and self.row != self.end_row == self.last_row


def _items_look_wrong(data: bytes, items: list[Node]) -> bool:
    opened = [_Container("file", -1, len(data), -1)]
    for node in items:
        kind, start, end = node.type, node.start_byte, node.end_byte
        row, end_row = node.start_point[0], node.end_point[0]
        while opened[-1].end <= start:
            if opened.pop().closes_late():
                return True
        within = opened[-1]
        if kind == "object_elem":
            between = data[within.last_end : start] if within.last_end >= 0 else b""
            if within.last_end >= 0 and b"}" not in between and not (row > within.last_row or b"," in between):
                return True
            if b"," in between and _COMMA_FIRST.search(between):
                return True
        else:
            if row == within.last_row or (within.kind == "block" and row == within.row and (kind == "block" or within.end_row != row)):
                return True
            if kind == "attribute":
                name = _NAME.match(data, start)
                assert name is not None
                if name.group() in within.names:
                    return True
                within.names.add(name.group())
            else:
                head = data[start : data.find(b"{", start)]
                if b"\n" in head or head.endswith((b"$", b"%")):
                    return True
        if kind != "block" and end_row != row and _breaks_line(data[start:end]):
            return True
        within.last_end, within.last_row = end, end_row
        opened.append(_Container(kind, row, end, end_row))
    return any(each.closes_late() for each in opened)


def _breaks_line(text: bytes) -> bool:
    """Tell whether a line of an item that goes over several ends outside of all brackets."""
    lines = text.split(b"\n")
    heredoc = _HEREDOC.search(lines[0])
    if heredoc and not _depth(lines[0]):
        name = heredoc.group(1)
        return next((number for number, line in enumerate(lines) if line.strip() == name), 0) != len(lines) - 1
    if b"<<" in text:
        return False
    depth = 0
    for line in lines[:-1]:
        depth += _depth(line)
        if depth <= 0:
            return True
    return False


def _depth(line: bytes) -> int:
    return len(_OPEN.findall(line)) - len(_CLOSE.findall(line))
