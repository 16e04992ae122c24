"""Waivers in the code: in comments of Terraform and YAML, and in the Metadata of a CloudFormation resource."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ctkms_policy.comments import CodeBlock, Comment, read_comments
from ctkms_policy.discover import TERRAFORM_SUFFIXES
from ctkms_policy.source import Source, Span
from ctkms_policy.strict_yaml import did_you_mean
from ctkms_policy.value import Entry, Known, ListValue, MapValue, Value, scalar_text
from ctkms_policy.waivers import Defect, DefectKind, Written, WrittenWaiver

MARK = "ctkms-policy"
"""What every waiver in the code holds: a file without it is not looked at again."""

_FORM = "write: ctkms-policy: waive CTKMS001 owner=NAME expires=YYYY-MM-DD reason: TEXT"
_DIRECTIVE = re.compile(rf"^[ \t*#/]*({MARK}[ \t]*:|{MARK}[ \t]+waive\b)", re.MULTILINE)
_WORD = re.compile(r"[^\s,]+")
_GAP = re.compile(r"(?:[\s,]|^[ \t]*\*)*", re.MULTILINE)
_NAMED = re.compile(r'(owner|expires)=(?:"([^"\n]*)"|([^\s,]*))')
_REASON = re.compile(r"reason:")
_RULE = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
_FIELDS = ("rules", "owner", "reason", "expires")


def inline_waivers(source: Source) -> Iterator[WrittenWaiver]:
    """Yield the waivers that a Terraform file or a CloudFormation template holds, also those that cannot be read."""
    if MARK not in source.text:
        return
    commented = read_comments(source, TERRAFORM_SUFFIXES)
    for comment in commented.comments:
        if MARK in comment.text:
            yield from _of_comment(source, comment, commented.block_of(comment))
    for block in commented.blocks:
        if isinstance(block.metadata, MapValue):
            yield from _of_metadata(block, block.metadata)


# -- comments ----------------------------------------------------------------------------------------------------------


def _of_comment(source: Source, comment: Comment, block: CodeBlock | None) -> Iterator[WrittenWaiver]:
    """Yield the waivers of one comment: each begins a line of it and goes on to the next one, or to the end."""
    starts = list(_DIRECTIVE.finditer(comment.text))
    for number, found in enumerate(starts, 1):
        end = starts[number].start() if number < len(starts) else len(comment.text)
        yield _Directive(source, comment, found.start(1), end, block).read(found.end(1))


class _Directive:
    """One ``ctkms-policy: waive ...`` in a comment."""

    def __init__(self, source: Source, comment: Comment, start: int, end: int, block: CodeBlock | None) -> None:
        self._source, self._text, self._offset = source, comment.text, comment.offset
        self._start, self._end = start, start + len(comment.text[start:end].rstrip(" \t\r\n*"))
        self._block = block

    def read(self, position: int) -> WrittenWaiver:
        """Return the waiver; ``position`` is behind the mark that begins it."""
        whole = self._written(self._start, self._end).span
        if not self._text[self._start : position].rstrip().endswith(":"):
            return WrittenWaiver(whole, block=self._block, defect=_malformed('a colon is missing after "ctkms-policy"', whole, _FORM))
        word = _WORD.match(self._text, self._gap(position), self._end)
        if word is None or word.group() != "waive":
            said = f'"{word.group()}" is nothing that a comment can ask for' if word else "the comment does not say what it asks for"
            span = self._written(word.start(), word.end()).span if word else whole
            return WrittenWaiver(whole, block=self._block, defect=_malformed(said, span, _FORM))
        waiver = self._fields(word.end(), whole)
        if waiver.defect is None and self._block is None:
            help = "move it directly above a block, or into one"
            return WrittenWaiver(whole, waiver.rules, defect=_malformed("the waiver stands at no block: it waives nothing", whole, help))
        return waiver

    def _fields(self, position: int, whole: Span) -> WrittenWaiver:
        rules: list[Written] = []
        named: dict[str, Written | None] = {}
        defect: Defect | None = None
        while (position := self._gap(position)) < self._end:
            if _REASON.match(self._text, position, self._end):
                named["reason"] = self._reason(position + len("reason:"))
                break
            field = _NAMED.match(self._text, position, self._end)
            word = _WORD.match(self._text, position, self._end)
            assert word is not None
            span = self._written(position, word.end()).span
            if field is not None:
                name, group = field.group(1), 2 if field.group(2) is not None else 3
                if name in named:
                    defect = defect or _malformed(f'the waiver says "{name}" twice', span, "keep one of them")
                text = field.group(group)
                named[name] = self._written(field.start(group), field.end(group)) if text.strip() else None
                position = field.end()
                continue
            if not named and _RULE.match(word.group()):
                rules.append(self._written(position, word.end()))
            else:
                defect = defect or _malformed(f'the waiver holds "{word.group()}", which is nothing it can say', span, _FORM)
            position = word.end()
        return WrittenWaiver(
            whole, tuple(rules), named.get("owner"), named.get("reason"), named.get("expires"), block=self._block, defect=defect
        )

    def _reason(self, position: int) -> Written | None:
        lines = self._text[position : self._end].splitlines()
        text = " ".join(line.strip(" \t*") for line in lines if line.strip(" \t*"))
        return Written(text, self._written(position, self._end).span) if text else None

    def _gap(self, position: int) -> int:
        """Return where the next word starts: behind blanks, commas and the stars that begin the lines of a long comment."""
        found = _GAP.match(self._text, position, self._end)
        return found.end() if found else position

    def _written(self, start: int, end: int) -> Written:
        return Written(self._text[start:end], self._source.span(self._offset + start, self._offset + end))


def _malformed(message: str, span: Span, help: str) -> Defect:
    return Defect(DefectKind.EXPIRED, message, span, help)


# -- Metadata ----------------------------------------------------------------------------------------------------------


def _of_metadata(block: CodeBlock, metadata: MapValue) -> Iterator[WrittenWaiver]:
    """Yield the waivers under ``Metadata: ctkms-policy: waive:`` of a resource."""
    for entry in metadata.entries:
        if entry.name != MARK:
            continue
        place = entry.key.origin.span or block.span
        if not isinstance(entry.value, MapValue):
            yield _unread(block, place, f'the metadata "{MARK}" holds no mapping', 'write {"waive": [...]}')
            continue
        for inner in entry.value.entries:
            where = inner.key.origin.span or place
            if inner.name != "waive":
                yield _unread(block, where, f'unknown key "{inner.name}" in the metadata "{MARK}"', did_you_mean(inner.name, ["waive"]))
            elif not isinstance(inner.value, ListValue):
                yield _unread(block, where, '"waive" must be a list', "write a list of waivers")
            else:
                for item in inner.value.items:
                    yield _of_item(block, item, where)


def _of_item(block: CodeBlock, item: Value, fallback: Span) -> WrittenWaiver:
    place = item.origin.span or fallback
    if not isinstance(item, MapValue):
        return _unread(block, place, "a waiver must be a mapping", f"give it the keys {', '.join(_FIELDS)}")
    fields: dict[str, tuple[Written, ...]] = {}
    for entry in item.entries:
        where = entry.key.origin.span or place
        if entry.name not in _FIELDS:
            return _unread(block, where, f'unknown key "{entry.name}" in a waiver', did_you_mean(entry.name, _FIELDS))
        texts = _texts(entry)
        if texts is None or (entry.name != "rules" and len(texts) > 1):
            kind = "a list of rule ids" if entry.name == "rules" else "text"
            return _unread(block, where, f'"{entry.name}" of the waiver must be {kind}', "write it out: nothing is evaluated here")
        fields[entry.name] = texts
    first = {name: texts[0] if texts else None for name, texts in fields.items()}
    return WrittenWaiver(place, fields.get("rules", ()), first.get("owner"), first.get("reason"), first.get("expires"), block=block)


def _texts(entry: Entry) -> tuple[Written, ...] | None:
    """Return the texts of a scalar or list, blank ones left out; None where something else stands there."""
    values = entry.value.items if isinstance(entry.value, ListValue) else (entry.value,)
    texts = []
    for value in values:
        if not isinstance(value, Known):
            return None
        text = scalar_text(value.value).strip()
        span = value.origin.span or entry.key.origin.span
        if text and span is not None:
            texts.append(Written(text, span))
    return tuple(texts)


def _unread(block: CodeBlock, span: Span, message: str, help: str) -> WrittenWaiver:
    return WrittenWaiver(span, block=block, defect=_malformed(message, span, help))
