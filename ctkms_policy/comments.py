"""Comments and the blocks they stand in, of Terraform and of CloudFormation.

No reader keeps comments. Here Terraform is only split into comments, strings and the rest: a file with syntax errors has comments too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ctkms_policy.source import ParseError, Source, Span
from ctkms_policy.value import Entry, Known, MapValue, Value


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment. ``text`` is what it says, without the signs that make it a comment, and starts at ``offset`` of the source.

    ``alone``: nothing but the comment stands on its lines.
    """

    text: str
    offset: int
    span: Span
    alone: bool


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A block of Terraform or a resource of a template: ``name`` is its address within the file, ``span`` all of it.

    ``indentation`` is the column of its head, ``metadata`` what a CloudFormation resource has under that name.
    """

    name: str
    span: Span
    indentation: int = 1
    metadata: Value | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Commented:
    """The comments and the blocks of one file, in source order."""

    comments: tuple[Comment, ...]
    blocks: tuple[CodeBlock, ...]

    def block_of(self, comment: Comment) -> CodeBlock | None:
        """Return the block that the comment stands in or directly above; further comments may stand in between, blank lines may not.

        A comment of its own behind the last line of a CloudFormation resource belongs to that resource when it is indented deeper
        than its logical ID.
        """
        line = comment.span.line
        number = bisect_right(self._first_lines, line)
        before = self.blocks[number - 1] if number else None
        if before is not None and line <= before.span.end_line:
            return before
        if not comment.alone:
            return None
        if before is not None and before.metadata is not None and comment.span.column > before.indentation:
            return before
        below = self.blocks[number] if number < len(self.blocks) else None
        return below if below is not None and below.span.line == self._lines_below.get(line) else None

    @cached_property
    def _first_lines(self) -> list[int]:
        return [block.span.line for block in self.blocks]

    @cached_property
    def _lines_below(self) -> dict[int, int]:
        """For each line that holds a comment only: the first line below that does not."""
        below: dict[int, int] = {}
        for comment in reversed(self.comments):
            if comment.alone:
                end = comment.span.end_line + 1
                below.update(dict.fromkeys(range(comment.span.line, end), below.get(end, end)))
        return below


# -- Terraform ---------------------------------------------------------------------------------------------------------

_CODE = re.compile(r'#|//|/\*|"|<<-?([^\W\d][\w-]*)[ \t]*\r?\n|[{}]')
_TEMPLATE = re.compile(r'\$\$\{|%%\{|\\.|[$%]\{|"|\n', re.DOTALL)
_HEREDOC = re.compile(r"\$\$\{|%%\{|[$%]\{|\n")
_COMMENT_END = {"#": re.compile(r"\r?\n|\Z"), "//": re.compile(r"\r?\n|\Z"), "/*": re.compile(r"\*/|\Z")}
_HEAD = re.compile(r'[ \t]*([a-z_]+)((?:[ \t]*"[^"\n]*"|[ \t]+[\w-]+)*)[ \t]*')
_LONGEST_HEAD = 500
"""Characters before the brace that are looked at: names of blocks are shorter."""

_LABEL = re.compile(r'"([^"\n]*)"|([\w-]+)')


def read_terraform(source: Source) -> Commented:
    """Return the comments and the top-level blocks of a Terraform file; of text that is no HCL, whatever looks like them."""
    return _HclScanner(source).scan()


class _HclScanner:
    """Walks through the text once. ``_open`` holds what is open: ``{``, ``${``, ``"`` or the end word of a heredoc."""

    def __init__(self, source: Source) -> None:
        self._source, self._text = source, source.text
        self._open: list[str] = []
        self._comments: list[Comment] = []
        self._blocks: list[CodeBlock] = []
        self._head: tuple[str, int] | None = None

    def scan(self) -> Commented:
        position = 0
        while position < len(self._text):
            inside = self._open[-1] if self._open else "{"
            if inside in ("{", "${"):
                position = self._code(position)
            elif inside == '"':
                position = self._string(position)
            else:
                position = self._heredoc(position, inside.removeprefix("<<"))
        if self._head is not None:
            self._close_block(len(self._text))
        return Commented(tuple(self._comments), tuple(self._blocks))

    def _code(self, position: int) -> int:
        found = _CODE.search(self._text, position)
        if found is None:
            return len(self._text)
        sign = found.group()
        if sign in _COMMENT_END:
            return self._comment(found.start(), found.end(), sign)
        if sign == '"':
            self._open.append('"')
        elif sign == "{":
            if not self._open:
                self._open_block(found.start())
            self._open.append("{")
        elif sign == "}":
            if self._open:
                self._open.pop()
            if not self._open and self._head is not None:
                self._close_block(found.end())
        else:
            self._open.append("<<" + found.group(1))
        return found.end()

    def _string(self, position: int) -> int:
        found = _TEMPLATE.search(self._text, position)
        if found is None:
            return len(self._text)
        if found.group() in ("${", "%{"):
            self._open.append("${")
        elif found.group() in ('"', "\n"):  # a string ends with its line at the latest
            self._open.pop()
        return found.end()

    def _heredoc(self, position: int, word: str) -> int:
        """Read on in a heredoc, whose end word stands alone on a line."""
        at_line_start = position == 0 or self._text[position - 1] == "\n"
        if at_line_start:
            end = self._text.find("\n", position)
            end = len(self._text) if end < 0 else end
            if self._text[position:end].strip() == word:
                self._open.pop()
                return end
        found = _HEREDOC.search(self._text, position)
        if found is None:
            return len(self._text)
        if found.group() in ("${", "%{"):
            self._open.append("${")
        return found.end()

    def _comment(self, start: int, text_start: int, sign: str) -> int:
        end = _COMMENT_END[sign].search(self._text, text_start)
        assert end is not None
        self._comments.append(_comment(self._source, start, text_start, end.start(), end.end() if sign == "/*" else end.start()))
        return end.end() if sign == "/*" else end.start()

    def _open_block(self, brace: int) -> None:
        line_start = self._text.rfind("\n", max(0, brace - _LONGEST_HEAD), brace) + 1
        head = _HEAD.fullmatch(self._text, line_start, brace) if brace - line_start <= _LONGEST_HEAD else None
        if head is None:
            self._head = ("", line_start)
            return
        labels = [quoted or plain for quoted, plain in _LABEL.findall(head.group(2))]
        kind = [] if head.group(1) == "resource" else [head.group(1)]
        self._head = (".".join([*kind, *labels]), head.start(1))

    def _close_block(self, end: int) -> None:
        assert self._head is not None
        name, start = self._head
        self._head = None
        if name:
            self._blocks.append(CodeBlock(name, self._source.span(start, end)))


def _comment(source: Source, start: int, text_start: int, text_end: int, end: int) -> Comment:
    text = source.text
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", end)
    after = text[end : line_end if line_end >= 0 else len(text)]
    alone = not text[line_start:start].strip() and not after.strip()
    return Comment(text[text_start:text_end], text_start, source.span(start, end), alone)


# -- CloudFormation ----------------------------------------------------------------------------------------------------

_YAML_COMMENT = re.compile(r"#([^\r\n]*)")


def read_template(source: Source) -> Commented:
    """Return the comments and the resources of a CloudFormation file; none of a file that cannot be read or is no template."""
    from ctkms_policy.cloudformation.template import read_templates

    try:
        templates = read_templates(source)
    except ParseError:
        return Commented((), ())
    blocks = [block for template in templates for entry in template.section("Resources") for block in _resource(entry)]
    blocks.sort(key=lambda block: block.span)
    return Commented(tuple(_yaml_comments(source)) if blocks else (), tuple(blocks))


def _resource(entry: Entry) -> Iterator[CodeBlock]:
    head, body = entry.key.origin.span, entry.value.origin.span
    if head is not None and body is not None and isinstance(entry.value, MapValue):
        yield CodeBlock(entry.name, head.to(body), head.column, entry.value.get("Metadata") or Known(""))


def _yaml_comments(source: Source) -> Iterator[Comment]:
    """Yield what stands behind ``#`` between the tokens of a YAML text; text that is not YAML (JSON with tabs) has no comments."""
    import yaml

    end = 0
    gaps: list[tuple[int, int]] = []
    try:
        for token in yaml.scan(source.text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            start = token.start_mark.index
            if start > end:
                gaps.append((end, start))
            end = max(end, token.end_mark.index)
    except yaml.YAMLError:
        return
    gaps.append((end, len(source.text)))
    for start, stop in gaps:
        for found in _YAML_COMMENT.finditer(source.text, start, stop):
            yield _comment(source, found.start(), found.start() + 1, found.end(), found.end())


def read_comments(source: Source, terraform_suffixes: Sequence[str]) -> Commented:
    """Return the comments and blocks of a file, whose name says which language it is in. JSON has no comments."""
    if source.path.endswith(tuple(terraform_suffixes)):
        return Commented((), ()) if source.path.endswith(".json") else read_terraform(source)
    return read_template(source)
