"""The text report: source excerpts, what is drawn below them, and what a terminal must not get."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from report_sample import CANNOT_ENCRYPT, KMS, NOT_VISIBLE, SAMPLE, WAIVED

from ctkms_policy.finding import Finding, Related, Severity, Verdict
from ctkms_policy.report import ReportOptions
from ctkms_policy.report.escape import visible
from ctkms_policy.report.snippet import Mark, Row, Style, cell_width, snippet
from ctkms_policy.report.text import write
from ctkms_policy.source import Source, Span


def text_of(
    source: str | None,
    span: tuple[int, int, int, int],
    label: str = "here",
    related: tuple[tuple[tuple[int, int, int, int], str], ...] = (),
) -> str:
    """Return the block of one finding in ``a.tf``, without the head, the place and the summary."""
    finding = Finding(
        "CTKMS001",
        "n",
        Severity.ERROR,
        Verdict.FAIL,
        "r",
        "m",
        Span("a.tf", *span),
        label,
        related=tuple(Related(Span("a.tf", *each), note) for each, note in related),
    )
    sources = {} if source is None else {"a.tf": Source("a.tf", source)}
    block = write(replace(SAMPLE, findings=(finding,), sources=sources), ReportOptions()).split("\n\n")[0]
    head, place, *rest = block.split("\n")
    assert head == "error[CTKMS001]: m"
    assert place.lstrip() == f"--> a.tf:{span[0]}:{span[1]}"
    return "\n".join(rest)


POLICY = "policy = jsonencode({\n  Version = 1\n  A = 1\n  B = 1\n  C = 1\n  D = 1\n})\n"


@pytest.mark.parametrize(
    ("source", "span", "related", "expected"),
    [
        pytest.param("abc def\n", (1, 5, 1, 8), (), "  |\n1 | abc def\n  |     ^^^ here", id="one line"),
        pytest.param("abc\n", (1, 2, 1, 2), (), "  |\n1 | abc\n  |  ^ here", id="empty span"),
        pytest.param("abc", (1, 4, 1, 4), (), "  |\n1 | abc\n  |    ^ here", id="end of file"),
        pytest.param("", (1, 1, 1, 1), (), "  |\n1 |\n  | ^ here", id="empty file"),
        pytest.param("abc\r\ndef\r\n", (1, 1, 1, 4), (), "  |\n1 | abc\n  | ^^^ here", id="CRLF"),
        pytest.param("abc", (1, 2, 1, 99), (), "  |\n1 | abc\n  |  ^^ here", id="end beyond the line"),
        pytest.param("abc", (1, 50, 1, 60), (), "  |\n1 | abc\n  |    ^ here", id="start beyond the line"),
        pytest.param("abc", (1, 3, 1, 2), (), "  |\n1 | abc\n  |   ^ here", id="end before start"),
        pytest.param("abc", (7, 1, 7, 2), (), "  = note: here", id="line beyond the file"),
        pytest.param(None, (1, 1, 1, 2), (), "  = note: here", id="no source"),
        pytest.param("\ta\tb\n", (1, 4, 1, 5), (), "  |\n1 |     a   b\n  |         ^ here", id="tab stops"),
        pytest.param("\t\n", (1, 1, 1, 2), (), "  |\n1 |\n  | ^^^^ here", id="the tab itself"),
        pytest.param("日本 x\n", (1, 4, 1, 5), (), "  |\n1 | 日本 x\n  |      ^ here", id="wide"),
        pytest.param("日本 x\n", (1, 1, 1, 3), (), "  |\n1 | 日本 x\n  | ^^^^ here", id="wide span"),
        pytest.param("\uff21 x\n", (1, 3, 1, 4), (), "  |\n1 | \uff21 x\n  |    ^ here", id="full width"),
        pytest.param("e\u0301e\u0301 x\n", (1, 6, 1, 7), (), "  |\n1 | e\u0301e\u0301 x\n  |    ^ here", id="combining"),
        pytest.param("a\x1b[0m b\n", (1, 7, 1, 8), (), "  |\n1 | a<U+001B>[0m b\n  |              ^ here", id="escape"),
        pytest.param("a\rb\n", (1, 3, 1, 4), (), "  |\n1 | a b\n  |   ^ here", id="lone CR"),
        pytest.param(
            "abc def\n",
            (1, 5, 1, 8),
            (((1, 1, 1, 4), "there"),),
            "  |\n1 | abc def\n  |     ^^^ here\n  | --- there",
            id="two on a line",
        ),
        pytest.param(
            "a\nb\nc\nd\ne\n",
            (5, 1, 5, 2),
            (((1, 1, 1, 2), "there"), ((3, 1, 3, 2), "")),
            "  |\n1 | a\n  | - there\n2 | b\n3 | c\n  | -\n4 | d\n5 | e\n  | ^ here",
            id="small gaps are shown",
        ),
        pytest.param(
            "a\n" * 12,
            (12, 1, 12, 2),
            (((1, 1, 1, 2), "there"),),
            "   |\n 1 | a\n   | - there\n...\n12 | a\n   | ^ here",
            id="wide gaps are not",
        ),
        pytest.param(
            POLICY,
            (1, 10, 7, 3),
            (),
            "  |\n1 |   policy = jsonencode({\n  |  __________^\n2 | |   Version = 1\n3 | |   A = 1\n4 | |   B = 1\n"
            "... |\n7 | | })\n  | |__^ here",
            id="several lines",
        ),
        pytest.param(
            "  a\n    b\n  c\n",
            (1, 3, 3, 4),
            (((2, 5, 2, 6), "there"),),
            "  |\n1 | /   a\n2 | |     b\n  | |     - there\n3 | |   c\n  | |___^ here",
            id="one inside",
        ),
        pytest.param(
            "a\nb\nc\n",
            (1, 1, 3, 2),
            (((2, 1, 3, 2), "there"),),
            "  |\n1 | /   a\n2 | | / b\n3 | | | c\n  | |___^ here\n  |   |_- there",
            id="one bracket inside another",
        ),
        pytest.param("abc\ndef\n", (1, 2, 2, 1), (), "  |\n1 | abc\n  |  ^^ here", id="ends at the start of the next line"),
        pytest.param("a\nb\n", (1, 1, 99, 1), (), "  |\n1 | / a\n2 | | b\n  | |_^ here", id="end beyond the file"),
    ],
)
def test_excerpts(
    source: str | None, span: tuple[int, int, int, int], related: tuple[tuple[tuple[int, int, int, int], str], ...], expected: str
) -> None:
    assert text_of(source, span, related=related) == expected


def test_a_long_line_is_cut_around_the_span() -> None:
    line = '{"a":' + '"x",' * 2000 + '"NEEDLE"' + ',"y"' * 2000 + "}"
    start = line.index('"NEEDLE"') + 1
    _, source_row, marks = text_of(line, (1, start, 1, start + 8)).split("\n")
    assert source_row.startswith("1 | ...")
    assert source_row.endswith("...")
    assert cell_width(source_row) <= 124
    assert '"x","x",' in source_row[:40]
    assert ',"y","y"' in source_row[-40:]
    assert source_row[marks.index("^") : marks.rindex("^") + 1] == '"NEEDLE"'


def test_of_a_span_longer_than_the_line_its_beginning_is_shown() -> None:
    _, source_row, marks = text_of("a" + "b" * 10_000, (1, 2, 1, 9_000)).split("\n")
    assert source_row.endswith("b...")
    assert marks.endswith("^ here")
    assert set(source_row[marks.index("^") : marks.rindex("^") + 1]) == {"b"}


def test_two_marks_far_apart_on_a_long_line_are_both_shown() -> None:
    line = "FIRST" + " " * 3000 + "SECOND"
    rows = text_of(line, (1, 1, 1, 6), related=(((1, 3006, 1, 3012), "there"),)).split("\n")
    assert [row[:4] for row in rows] == ["  |", "1 | ", "  | ", "1 | ", "  | "]
    assert rows[1].startswith("1 | FIRST")
    assert rows[3].endswith("SECOND")
    assert rows[3].index("SECOND") == rows[4].index("-")


def test_a_huge_line_takes_no_time() -> None:
    line = "x" * 5_000_000
    assert "^^^ here" in text_of(line, (1, 2_000_000, 1, 2_000_003))


def test_many_brackets_do_not_fill_the_screen() -> None:
    source = "".join(f"line {number}\n" for number in range(1, 30))
    rows = text_of(source, (1, 1, 20, 2), related=tuple(((start, 1, 20, 2), "there") for start in range(2, 12))).split("\n")
    assert max(map(len, rows)) < 40


# -- carets line up ----------------------------------------------------------------------------------------------------

ODD = st.sampled_from("\t\x1b\u202e日\u0301\U0001f600 ab")
LINE = st.text(st.characters(exclude_characters="\n\r") | ODD, max_size=14)
FILLER = st.builds(lambda count, between: between.join(map(str, range(count))), st.integers(0, 150), st.sampled_from(["", "日", "\x1b"]))
NEEDLE = st.text(st.characters(exclude_characters="\n\r\t") | ODD.filter(lambda each: each != "\t"), min_size=1, max_size=40)


def expanded(line: str) -> str:
    """Return the line as a terminal would show it: tabs to every fourth cell, invisible characters named."""
    shown = ""
    for character in line:
        shown += " " * (4 - cell_width(shown) % 4) if character == "\t" else visible(character)
    return shown


def between(text: str, first: int, last: int) -> str:
    """Return the characters that begin in the terminal cells from ``first`` up to ``last``."""
    widths = [cell_width(each) for each in text]
    begins = [0, *accumulate(widths)]
    return "".join(each for each, begin, width in zip(text, begins, widths, strict=False) if width and first <= begin < last)


def carets(line: str, start: int, end: int) -> tuple[str, str, int, int]:
    """Return the source row, the text above the carets, and the cells where the carets begin and end."""
    shown, marks = snippet(Source("a", line), [Mark(Span("a", 1, start + 1, 1, end + 1), "", True)], 120)
    first, last = marks.text.index("^"), marks.text.rindex("^") + 1
    assert marks.text == " " * first + "^" * (last - first)
    return shown.text, between(shown.text, first, last), first, last


@given(LINE, st.integers(0, 14), st.integers(0, 14))
@settings(max_examples=200, deadline=None)
def test_carets_of_a_short_line_take_the_cells_of_the_span(line: str, one: int, other: int) -> None:
    start, end = sorted((min(one, len(line)), min(other, len(line))))
    shown, _, first, last = carets(line, start, end)
    assert shown == expanded(line).rstrip()
    assert first == cell_width(expanded(line[:start]))
    assert last == max(first + 1, cell_width(expanded(line[:end])))


@given(FILLER, NEEDLE, FILLER, st.integers(1, 60))
@example("日" * 150, "日", "日" * 150, 3)
@example("\x1b" * 100, "\x1b", "\x1b" * 100, 2)
@settings(max_examples=200, deadline=None)
def test_the_text_above_the_carets_of_a_long_line_is_the_text_of_the_span(left: str, needle: str, right: str, length: int) -> None:
    line = f"{left}{needle}{right}{'.' * 130}"
    start, end = len(left), len(left) + length
    shown, above, first, last = carets(line, start, end)
    assert cell_width(shown) <= 135
    span = visible(line[start:end])
    span = between(span, 0, cell_width(span))
    if span:
        # The row ends without its blanks.
        assert span.startswith(above) if last - first < cell_width(span) else above == span or above == span.rstrip()
        assert len(above.rstrip()) >= min(len(span.rstrip()), 12)


POSITION = st.integers(0, 12)
SPAN = st.builds(Span, st.just("a"), st.integers(1, 9), POSITION, POSITION, POSITION)


@given(st.lists(LINE, min_size=9, max_size=12), st.lists(SPAN, min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_every_mark_is_drawn_and_every_line_is_the_sources(lines: list[str], spans: list[Span]) -> None:
    source = Source("a", "\n".join(lines))
    marks = [Mark(span, f"label {number}", number == 0) for number, span in enumerate(spans)]
    rows = snippet(source, marks, 120)
    drawn = [row.text for row in rows if not row.gutter]
    assert sum("^" in text for text in drawn) >= 1
    for mark in marks:
        assert sum(text.endswith(mark.label) for text in drawn) == 1
    numbers = [int(row.gutter) for row in rows if row.gutter.isdigit()]
    assert numbers == sorted(numbers)
    assert {span.line for span in spans} <= set(numbers)
    assert all(is_drawn_from(row, source) for row in rows if row.gutter.isdigit())


def is_drawn_from(row: Row, source: Source) -> bool:
    """Tell whether the row shows a part of its line behind the margin."""
    plain = "".join(text for style, text in row.pieces if style is Style.PLAIN)
    body = plain.removeprefix("...").removesuffix("...")
    line = source.line(int(row.gutter))
    return body.strip() in expanded(line)


# -- around the excerpt ------------------------------------------------------------------------------------------------


def first_block(finding: Finding, **options: object) -> list[str]:
    result = replace(SAMPLE, findings=(finding,))
    return write(result, ReportOptions(**options)).split("\n\n")[0].split("\n")  # type: ignore[arg-type]


def test_the_layout_is_the_documented_one() -> None:
    finding = replace(CANNOT_ENCRYPT, related=CANNOT_ENCRYPT.related[1:])
    assert first_block(finding) == [
        'error[CTKMS004]: key policy does not let CloudTrail encrypt the logs of trail "org-trail"',
        "  --> infra/kms.tf:17:19",
        "   |",
        '17 |       values   = ["arn:aws:cloudtrail:*:111111111111:trail/*"]',
        "   |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ the condition names account 111111111111",
        "   |",
        "  ::: infra/trail.tf:3:16",
        "   |",
        " 3 |   kms_key_id = aws_kms_key.logs.arn",
        "   |                -------------------- the trail in account 222222222222 uses this key",
        '   = help: add "arn:aws:cloudtrail:*:222222222222:trail/*", or run `ctkms-policy explain CTKMS004`',
    ]


def test_help_is_wrapped_but_not_inside_code() -> None:
    help = 'one two three four five `a command with many words that is long` six "seven eight" nine'
    lines = first_block(replace(CANNOT_ENCRYPT, related=(), help=help), width=50)
    assert lines[-3:] == [
        "   = help: one two three four five",
        "           `a command with many words that is long`",
        '           six "seven eight" nine',
    ]


def test_help_may_begin_with_a_long_word() -> None:
    lines = first_block(replace(CANNOT_ENCRYPT, related=(), help="`" + "x" * 80 + "` and more"), width=50)
    assert lines[-2:] == ["   = help: `" + "x" * 80 + "`", "           and more"]


def test_code_in_help_stays_as_it_is() -> None:
    help = 'add this:\n  condition {\n    test = "StringLike"   # ' + "x" * 200 + "\n  }\nand apply"
    lines = first_block(replace(CANNOT_ENCRYPT, related=(), help=help), width=50)
    assert [line[11:] for line in lines[-5:]] == help.split("\n")


def test_waived_findings_come_with_verbose() -> None:
    assert "CTKMS001" not in write(SAMPLE, ReportOptions())
    verbose = write(SAMPLE, ReportOptions(verbose=True))
    assert "waived[CTKMS001]: trail" in verbose
    assert "= waived: by alice@example.com until 2027-01-31" in verbose
    assert first_block(WAIVED)[0].startswith("2 trails")


def test_an_undetermined_error_is_a_note_that_says_so() -> None:
    finding = replace(NOT_VISIBLE, severity=Severity.ERROR)
    assert first_block(finding)[0].startswith("note[CTKMS015]: undetermined: ")


def test_assumptions_come_with_verbose() -> None:
    assert "assuming account = 111122223333, region = us-east-1" in write(SAMPLE, ReportOptions(verbose=True))
    assert "assuming" not in write(SAMPLE, ReportOptions())


def test_colours_only_where_asked_for() -> None:
    assert "\x1b" not in write(SAMPLE, ReportOptions(verbose=True))
    colored = write(SAMPLE, ReportOptions(color=True))
    assert "\x1b[1;31merror[CTKMS004]\x1b[0m" in colored
    assert "\x1b[1;33mwarning[CTKMS012]\x1b[0m" in colored
    assert "\x1b[1;36mnote[CTKMS015]\x1b[0m" in colored


def test_a_related_place_without_its_source_keeps_its_note() -> None:
    finding = replace(CANNOT_ENCRYPT, related=(Related(Span("gone.tf", 3, 1, 3, 2), "was here"),))
    result = replace(SAMPLE, findings=(finding,), sources={KMS.path: KMS})
    assert "  ::: gone.tf:3:1\n   = note: was here\n" in write(result, ReportOptions())
