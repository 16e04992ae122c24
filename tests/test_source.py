"""Spans, text maps, and reading files that are not what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctkms_policy.source import MAX_SOURCE_BYTES, ParseError, Run, Source, Span, TextMap, decode_source, read_source


def test_positions_count_from_one_and_by_character() -> None:
    source = Source("a.tf", "äb\ncd\r\n\nx")
    assert [source.position(offset) for offset in (0, 1, 3, 8)] == [(1, 1), (1, 2), (2, 1), (4, 1)]
    assert [source.line(number) for number in range(6)] == ["", "äb", "cd", "", "x", ""]
    assert source.span(0, 2) == Span("a.tf", 1, 1, 1, 3)


def test_text_map_follows_its_runs() -> None:
    text_map = TextMap("a.tf", (Run(0, 3, 5), Run(4, 4, 1)))
    assert text_map.span(1, 6) == Span("a.tf", 3, 6, 4, 3)
    assert text_map.part(2, 6) == TextMap("a.tf", (Run(0, 3, 7), Run(2, 4, 1)))
    assert text_map.part(2, 6).span(0, 4) == text_map.span(2, 6)


def test_a_byte_order_mark_is_not_text() -> None:
    assert decode_source(b"\xef\xbb\xbfa", "a").text == "a"


def test_line_ends_stay() -> None:
    assert decode_source(b"a\r\nb", "a").text == "a\r\nb"


@pytest.mark.parametrize(
    ("data", "message", "line", "column"),
    [(b"ab\n\xffc", "not UTF-8: byte 0xff", 2, 1), (b"a\nb\0", "the file holds a NUL character", 2, 2)],
)
def test_bad_bytes_have_a_place(data: bytes, message: str, line: int, column: int) -> None:
    with pytest.raises(ParseError) as caught:
        decode_source(data, "a.tf")
    assert (caught.value.message, caught.value.span.line, caught.value.span.column) == (message, line, column)
    assert caught.value.help


def test_missing_and_huge_files_are_parse_errors(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="no such file"):
        read_source(tmp_path / "none.tf", "none.tf")
    huge = tmp_path / "huge.tf"
    with huge.open("wb") as stream:
        stream.truncate(MAX_SOURCE_BYTES + 1)
    with pytest.raises(ParseError, match="larger than 20 MB"):
        read_source(huge, "huge.tf")
