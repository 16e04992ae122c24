"""Syntax errors: where terraform reports one, we do; what is valid for terraform is valid here.

Lines and columns are those of the first error that ``terraform validate -json`` 1.11 names for each text; ELSEWHERE shows where they
differ and why. What terraform takes and we refuse is listed in ctkms_policy/terraform/README.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hcl_trees import read

from ctkms_policy.source import read_source
from ctkms_policy.terraform.hcl import reader
from ctkms_policy.terraform.hcl.syntax import Body, HclFile

ERRORS = [
    ("x =", 1, 4, "expected an expression, found the end of the file"),
    ("x =\n", 1, 4, "expected an expression, found the end of the line"),
    ("x", 1, 1, '"x" is neither an argument nor a block'),
    ("x {", 1, 3, '"{" without an end'),
    ("x }", 1, 1, '"x" is neither an argument nor a block'),
    ("}", 1, 1, 'expected an argument or a block, found "}"'),
    ("x = [1, 2\n", 1, 5, '"[" without an end'),
    ("x = [1, 2\ny = 3", 2, 1, 'expected "," or "]", found "y"'),
    ("x = f(1\n", 1, 5, 'function call without an end: ")" is missing'),
    ("x = (1 + 2\n", 2, 1, 'expected ")", found the end of the file'),
    ('x = "abc\ny = 2', 1, 9, "a quoted string does not end on its line"),
    ('x = "abc', 1, 9, "a string without an end"),
    ('x = "a\nb"\n', 1, 7, "a quoted string does not end on its line"),
    ("x = <<EOF\na\n", 3, 1, 'heredoc "<<EOF" without an end'),
    ("x = <<EOF\na\nEOF", 3, 4, 'heredoc "<<EOF" without an end'),
    ("x = <<EOF\na\nEOFx\n", 4, 1, 'heredoc "<<EOF" without an end'),
    ("x = <<EOF foo\na\nEOF\n", 1, 5, 'expected an expression, found "<"'),
    ('x = "${a"', 1, 6, '"${" without an end'),
    ("x = ${a}", 1, 5, 'the character "$" is not used in HCL'),
    ('"x" = 1', 1, 1, "the name of an argument is quoted"),
    ("x = 1\nx = 2", 2, 1, 'the argument "x" is there twice, first in line 1'),
    ("b {\n  x = 1\n  c {\n    x = 1\n  }\n  x = 2\n}\n", 6, 3, 'the argument "x" is there twice, first in line 2'),
    ("x.y = 1", 1, 1, '"x" is neither an argument nor a block'),
    ("a = 1 b = 2", 1, 7, 'no line end after the argument "a", but "b"'),
    ("a = 1; b = 2", 1, 6, '";" does not end an argument'),
    ("b { a = 1, b = 2 }", 1, 10, 'expected "}" after the argument "a", found ","'),
    ("b { c {} }", 1, 5, "a block in one line can hold one argument only"),
    ("b { a = 1\n}", 1, 10, 'expected "}" after the argument "a", found the end of the line'),
    ("b {\n a = 1 }", 2, 8, 'no line end after the argument "a", but "}"'),
    ("b\n{\n}", 1, 1, '"b" is neither an argument nor a block'),
    ('b "x"\n{\n}', 1, 6, "the line of a block ends before its brace"),
    ('b "${x}" {}', 1, 4, "a block label with a template"),
    ("b {} c {}", 1, 6, 'no line end after the block, but "c"'),
    ('resource "a" "b" {\n  c = \n  d = 2\n}', 2, 7, "expected an expression, found the end of the line"),
    ('resource "a" "b" {\n  c = 1\n', 1, 18, '"{" without an end'),
    ('resource "a" "b" {\n  c = "d\n}\n', 2, 9, "a quoted string does not end on its line"),
    ("x = {a = 1 b = 2}", 1, 12, 'expected a line end, "," or "}", found "b"'),
    ("x = {\n a = 1\n , b = 2\n}", 3, 2, 'expected an expression, found ","'),
    ("x = {\n  a\n}", 2, 4, 'expected "=" or ":" after the key, found the end of the line'),
    ("x = {\n a =\n 1\n}", 2, 5, "expected an expression, found the end of the line"),
    ('x = [\n  "a"\n  "b"\n]', 3, 3, 'expected "," or "]", found a string'),
    ("x = a\n.b", 2, 1, 'expected an argument or a block, found "."'),
    ("x = a +\n 1", 1, 8, "expected an expression, found the end of the line"),
    ("x = a ?\n b : c", 1, 8, "expected an expression, found the end of the line"),
    ("x = a ? b", 1, 10, 'expected ":" of the conditional, found the end of the file'),
    ("x = a b", 1, 7, 'no line end after the argument "x", but "b"'),
    ("x = a & b", 1, 7, 'unsupported operator "&"'),
    ("x = 'a'", 1, 5, "single quotes do not quote a string"),
    ("x = @", 1, 5, 'the character "@" is not used in HCL'),
    ("x = 0x1F", 1, 6, 'no line end after the argument "x", but "x1F"'),
    ("x = a.0.1", 1, 7, 'two legacy indexes in a row: "0.1"'),
    ("x = a.*.b.*", 1, 11, 'an attribute splat ".*" within another'),
    ("x = a.", 1, 7, 'expected a name after ".", found the end of the file'),
    ("x = a[]", 1, 7, 'expected an expression, found "]"'),
    ("x = [for a in b]", 1, 16, 'expected ":" after the collection, found "]"'),
    ("x = {for a in b : c}", 1, 19, 'expected "=>" after the key, found "}"'),
    ("x = { for = 1 }", 1, 11, 'expected a name after "for", found "="'),
    ("x = f(a..., b)", 1, 8, 'expected ")" after "...", found ","'),
    ("x = <<EOF\na\nEOF\n- 1", 4, 1, 'expected an argument or a block, found "-"'),
    ('x = "%{ if a }b"c"%{ endif }"', 1, 16, 'the "if" directive of line 1 has no "endif"'),
    ("/* no end", 1, 1, "a comment without an end"),
    ("x = 1 /* no end", 1, 8, "a comment without an end"),
    ("x = a :: b\n", 1, 11, 'expected "(" after the function name, found the end of the line'),
    ("x:: = 1\n", 1, 1, '"x" is neither an argument nor a block'),
    ("x = a.b::c(1)\n", 1, 8, 'no line end after the argument "x", but "::"'),
    ("x = a::b\n", 1, 9, 'expected "(" after the function name, found the end of the line'),
    ("x = 1.2.3\n", 1, 5, '"1.2.3" is not a number'),
    ("x = a.b1.2.3\n", 1, 10, 'two legacy indexes in a row: "2.3"'),
    ("x = a[0].0.0\n", 1, 10, 'two legacy indexes in a row: "0.0"'),
    ("x = [1,\n", 2, 1, "expected an expression, found the end of the file"),
    ("x = {\n", 2, 1, "expected an expression, found the end of the file"),
    ("x = { a = 1\n", 2, 1, "expected an expression, found the end of the file"),
    ("x = { a = 1", 1, 5, '"{" without an end'),
    ("x = f(1,\n", 2, 1, "expected an expression, found the end of the file"),
    ("x = (1\n", 2, 1, 'expected ")", found the end of the file'),
    ("a b = 1\n", 1, 5, 'expected a block label or "{", found "="'),
    ('a "b" c = 1\n', 1, 9, 'expected a block label or "{", found "="'),
    ('a "b" [\n', 1, 7, 'expected a block label or "{", found "["'),
    ('a "b" # c\n{}\n', 1, 7, "the line of a block ends before its brace"),
    ("x = # c\n", 1, 5, "expected an expression, found the end of the line"),
    ("b { x = 1", 1, 3, '"{" without an end'),
    ('x = "a${b\n', 1, 6, '"${" without an end'),
    ('x = "a${b"\n', 1, 6, '"${" without an end'),
    ("x = <<E\na ${b\n", 2, 1, '"${" without an end'),
    ("x = <<E\na ${b c}\nE\n", 2, 7, 'expected "}", found "c"'),
    ('x = "${a b}"\n', 1, 10, 'expected "}", found "b"'),
    ('x = "%{ if a"\n', 1, 13, 'expected "}", found a string'),
    ('x = "%{ if a }%{ endfor }"\n', 1, 15, 'unexpected "endfor" in a template'),
    ('x = "%{ else }"\n', 1, 6, 'unexpected "else" in a template'),
    ('x = "a%{ for b in c }d"\n', 1, 23, 'the "for" directive of line 1 has no "endfor"'),
    ("x = <<-E\n  %{ if a }\n  b\n  E\n", 4, 1, 'the "if" directive of line 2 has no "endif"'),
    ('x = "%{ foo }"\n', 1, 9, 'expected if, else, endif, for or endfor, found "foo"'),
    ("x = {for a in b: c}\n", 1, 18, 'expected "=>" after the key, found "}"'),
    ("b {\n  x = 1 /* a\n  b */}\n", 3, 7, 'no line end after the argument "x", but "}"'),
    ("x = 1 /* a\n  b */ y = 2\n", 2, 8, 'no line end after the argument "x", but "y"'),
    ("x = f(a...!)\n", 1, 8, 'expected ")" after "...", found "!"'),
    ("x $ = 1\n", 1, 1, 'the character "$" is not used in HCL'),
    ("x = 1 $\n", 1, 7, 'the character "$" is not used in HCL'),
    ("x = a $ b\n", 1, 7, 'the character "$" is not used in HCL'),
    ("  x\\ = 1\n", 1, 3, 'the character "\\" is not used in HCL'),
    ("x = 1 /* c\n", 1, 8, "a comment without an end"),
    ("/* c\n", 1, 1, "a comment without an end"),
    ("x = 1\ry = 2\n", 1, 6, "a carriage return without a line feed"),
    ('x = "a\rb"\n', 1, 7, "a quoted string does not end on its line"),
    ("x = <<E\na\rb\nE\n", 2, 2, "a carriage return without a line feed"),
    ("x = 1\r", 1, 6, "a carriage return without a line feed"),
    ("x = \f1\n", 1, 5, "the character U+000C is not used in HCL"),
    ("x = 1\u000b\n", 1, 6, "the character U+000B is not used in HCL"),
    ("x =\u00a01\n", 1, 4, "the character U+00A0 is not used in HCL"),
    ("x = \u201ca\u201d\n", 1, 5, 'the character "“" is not used in HCL'),
    ("x =\u2028 1\n", 1, 4, "the character U+2028 is not used in HCL"),
    ('x = "\xe9" = 1\n', 1, 9, 'no line end after the argument "x", but "="'),
    ("b\u00b2 = 1\n", 1, 1, 'the character "²" is not used in HCL'),
    ("x = a ~ b\n", 1, 7, 'unsupported operator "~"'),
    ("x = `a`\n", 1, 5, 'the character "`" is not used in HCL'),
    ('x = "\\q"\n', 1, 6, 'invalid escape sequence "\\q"'),
    ('x = "\\ud800"\n', 1, 6, "U+D800 is not a character"),
    ('x = "\\u12"\n', 1, 6, 'invalid escape sequence "\\u"'),
    ('b "a\\q" {}\n', 1, 5, 'invalid escape sequence "\\q"'),
    ('b "%{ if a }" {}\n', 1, 4, "a block label with a template"),
    ("b {\r\n  x = 1\r\n  x = 2\r\n}\r\n", 3, 3, 'the argument "x" is there twice, first in line 2'),
    ("b {\r\n  x =\r\n}\r\n", 2, 6, "expected an expression, found the end of the line"),
    ("x = [for a, b in5 : c]\n", 1, 15, 'expected "in", found "in5"'),
    ("b {} \\\n", 1, 6, 'the character "\\" is not used in HCL'),
    ("x = a[1\n", 2, 1, 'expected "]", found the end of the file'),
    ("x = <<E\n", 2, 1, 'heredoc "<<E" without an end'),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), ERRORS)
def test_error(text: str, line: int, column: int, message: str) -> None:
    problem = read(reader("tree-sitter"), text).problems[0]
    assert (problem.span.line, problem.span.column, problem.message) == (line, column, message)
    assert problem.help


# Where terraform names another place, ours is the token that is wrong. Its positions, in this order:
ELSEWHERE = [
    # hcl's parser reports the bracket at which it recovers, not the token that it did not expect: 1:10 and 4:1
    ("x = a[*.b]\n", 1, 8, 'expected "]", found "."'),
    ("x = a[b\ny = 1\n\n", 2, 1, 'expected "]", found "y"'),
    # it counts what a reader sees as one character, we count code points: 1:9
    ('x = "e\u0301" = 1\n', 1, 10, 'no line end after the argument "x", but "="'),
    # it sorts its errors by position, we stop at the first that the argument or block has: 1:3
    ("b {\n  x = 1\n  x = 2\n", 3, 3, 'the argument "x" is there twice, first in line 2'),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), ELSEWHERE)
def test_error_elsewhere(text: str, line: int, column: int, message: str) -> None:
    test_error(text, line, column, message)


NO_ERRORS = [
    "x = c ? a::b(1) : d::e::f(2)\n",
    "x = [1.2, a.0.b, a[0].b.1.c, a.1e3]\n",
    'x = "10.0.0.0/16 arn:aws:iam::1:root \u00a0\u2028\f\v"\n',
    "x = <<E\n\f 1.2.3 a::b \u00a0\n E \n",
    "# a\rb \f\n/* \r */ x = 1 # \r\n",
    "x = 1\r\nb {\r\n}\r\n",
    "b {\n  x = 1 /* a\n  b */\n}\n",
    "x = [1, /* a\n  b */ 2]\n",
    "xe\u0301 = e\u0301.a\u00b7b\n",
    "_x = _\n",
    "x = [for a, b in c5 : a]\n",
]
"""``terraform fmt`` takes each of them."""


@pytest.mark.parametrize("text", NO_ERRORS)
def test_no_error(text: str) -> None:
    assert read(reader("tree-sitter"), text).problems == ()


def test_bytes_that_are_not_utf8_are_allowed_in_comments(tmp_path: Path) -> None:
    """As terraform does: old editors saved comments in Latin-1. Everything behind them stands where it stood."""
    file = tmp_path / "main.tf"
    file.write_bytes(b"# r\xe9gion\n/* \xff */ x = 1\ny = 2 // \xc3\n")
    tree = reader("tree-sitter").read(read_source(file, "main.tf", keep_undecoded=True))
    assert tree.problems == ()
    assert [(each.name, each.span.line, each.span.column) for each in tree.body.attributes] == [("x", 2, 9), ("y", 3, 1)]


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b'# \xe9\nx = "a\xe9"\n', 2, 7),
        (b"x = <<E\na \xe9\nE\n", 2, 3),
        (b"x = a\xe9\n", 1, 6),
        (b'x = "\xef\xbf\xbd" # \xe9\ny = "\xe9"\n', 2, 6),
    ],
)
def test_bytes_that_are_not_utf8(tmp_path: Path, data: bytes, line: int, column: int) -> None:
    file = tmp_path / "main.tf"
    file.write_bytes(data)
    (problem,) = reader("tree-sitter").read(read_source(file, "main.tf", keep_undecoded=True)).problems
    assert (problem.span.line, problem.span.column, problem.message) == (line, column, "not UTF-8: byte 0xe9")


def visited(file: HclFile) -> int:
    """Convert everything, as its users may; return the number of bodies."""

    def visit(body: Body) -> int:
        return 1 + sum(visit(block.body) for block in body.blocks)

    return visit(file.body)


BROKEN = """\
a "b" {
  c = 1
}
d "e" {
  f = [1, @]
  g = 2
}
h "i" {
  j = 3
}
k {
  l = "m
}
n {
  o = {
    p = 1
}
q {}
"""


def test_blocks_around_errors_are_still_read() -> None:
    file = read(reader("tree-sitter"), BROKEN)
    assert [problem.span.line for problem in file.problems] == [5, 12, 14]
    assert [(block.type, block.span.line) for block in file.body.blocks] == [("a", 1), ("h", 8), ("q", 18)]
    assert visited(file) == 4


def test_half_a_block_is_not_read() -> None:
    """Otherwise the attribute behind the error would count as missing."""
    file = read(reader("tree-sitter"), 'resource "aws_cloudtrail" "t" {\n  name = "t\n  kms_key_id = "k"\n}\n')
    assert file.problems
    assert file.body == Body((), ())


@pytest.mark.parametrize("text", ["x = <<EOF\n${\n", "a {\n", "a {\nb {\n", 'a = "'])
def test_what_has_no_end_ends_at_the_next_block(text: str) -> None:
    file = read(reader("tree-sitter"), f'{text}\nresource "c" "d" {{\n  e = 1\n}}\n')
    assert file.problems
    assert [block.labels for block in file.body.blocks] == [("c", "d")]


def test_many_errors_are_reported_up_to_a_limit() -> None:
    file = read(reader("tree-sitter"), "a {\n  b = @\n}\n" * 1000)
    assert len(file.problems) == 20
    assert file.body == Body((), ())


DEEP = 10_000


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * DEEP + "1" + ")" * DEEP,
        "x = " + "(" * DEEP,
        "x = " + "[" * DEEP + "]" * DEEP,
        "x = " + "f(" * DEEP + ")" * DEEP,
        "x = " + "{a=" * DEEP + "1" + "}" * DEEP,
        "x = " + "!" * DEEP + "a",
        "x = " + "a + " * DEEP + "a",
        "x = " + "a ? b : " * DEEP + "c",
        "x = a" + ".b" * DEEP,
        "x = a" + "[0]" * DEEP,
        "x = a" + "[*].b" * DEEP,
        "x = " + '"${' * DEEP + '}"' * DEEP,
        "x = <<E\n" + "%{ if a }" * DEEP + "%{ endif }" * DEEP + "\nE",
        "b {\n" * DEEP + "}\n" * DEEP,
        "b {\n" * DEEP,
        "x = " + "[for a in " * DEEP,
    ],
)
def test_deep_nesting_is_an_error_not_a_crash(text: str) -> None:
    for more in ("", "\ny = 'wrong'\n"):
        file = read(reader("tree-sitter"), f"{text}\n{more}")
        assert file.problems
        visited(file)
    file = read(reader("tree-sitter"), f"y = 'wrong'\nz {{}}\n{text}\n")
    assert file.problems[0].message == "single quotes do not quote a string"
    assert len(file.problems) > 1
    assert [block.type for block in file.body.blocks] == ["z"]


def test_just_deep_enough_is_read() -> None:
    for text in ("(" * 90 + "1" + ")" * 90, "a + " * 90 + "a", "a" + ".b" * 90, "a ? b : " * 90 + "c", "[" * 90 + "]" * 90):
        assert read(reader("tree-sitter"), f"x = {text}\n").problems == ()
