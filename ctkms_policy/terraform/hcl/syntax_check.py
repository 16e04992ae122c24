"""Where a text leaves HCL's grammar, as terraform itself would say it.

tree-sitter reads on after an error and accepts things that terraform does not (two arguments in one line, a string over two
lines); python-hcl2 stops with the parser generator's view of it. So both readers ask here. This builds no tree: it follows
the decisions of hashicorp/hcl's own parser (hclsyntax/parser.go) up to the first error of each argument or block of the file.
It costs more than tree-sitter's parse, hence it is asked only about a file that looks wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ctkms_policy.source import ParseError, Source
from ctkms_policy.terraform.hcl.literals import NUMBER
from ctkms_policy.terraform.hcl.template_text import MAX_OPEN_DIRECTIVES

MAX_DEPTH = 100
"""Expressions and blocks nested deeper are reported: real code stays below 30, and evaluation is recursive."""

TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
"""The message of that error; no tree is built for such a text."""

_IDENTIFIER = r"[^\W\d][\w-]*"
_TOKEN = re.compile(
    rf"""
    (?P<identifier>{_IDENTIFIER})
  | (?P<number>[0-9](?:(?:[0-9.]|[eE][+-]?[0-9])*(?:[0-9]|[eE][+-]?[0-9]))?)
  | (?P<quote>")
  | (?P<heredoc><<-?{_IDENTIFIER}\r?\n)
  | (?P<symbol>~\}}|\.\.\.|::|==|!=|<=|>=|=>|&&|\|\||[-+*/%<>!=?:.,()\[\]{{}}~])
  | (?P<invalid>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLANKS = re.compile(r"(?:[ \t]+|/\*.*?\*/)+", re.DOTALL)
_LINE_END = re.compile(r"(?:(?:\#|//)[^\n]*|\r?)\n")
_LAST_COMMENT = re.compile(r"(?:\#|//)[^\n]*\Z")
_QUOTED_STOP = re.compile(r'"|\n|\r|\ufffd|(?<!\$)\$\{|(?<!%)%\{|\\')
_OPENED = re.compile(r"(?<!\$)\$\{|(?<!%)%\{|\r(?!\n)|\ufffd")
_ESCAPE = re.compile(r'\\(?:[nrt"\\]|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})')
_OPERATORS = frozenset(("||", "&&", "==", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "%"))
_BLOCK_LINE = re.compile(rf"""^{_IDENTIFIER}(?:[ \t]+(?:"[^"\n]*"|{_IDENTIFIER}))*[ \t]*\{{""", re.MULTILINE)
_NOT_LINE_END = re.compile(r"[^\n]")
_MAX_ERRORS = 20
_LONE_RETURN = "a carriage return without a line feed"
_LONE_RETURN_HELP = "end lines with a line feed, with or without a carriage return"
_QUOTES_HELP = "close the quotes, or use a heredoc"


_ALL_DECODED: Mapping[int, int] = MappingProxyType({})


class _Stop(Exception):
    """The first error: what, where, and the way out."""

    def __init__(self, message: str, start: int, end: int, help: str) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.help = help


def file_errors(source: Source) -> tuple[tuple[ParseError, ...], Source]:
    """Return the syntax errors of a file in native syntax, and the source with blanks in the place of what holds them.

    An argument or block of the file that has an error is left out as a whole: half a block would say that the other half is
    not there. The rest stands where it stood, and has no syntax error.
    """
    errors: list[ParseError] = []
    text = source.text
    position = 0
    while True:
        checker = _Checker(text, position, source.undecoded)
        try:
            checker.file()
        except _Stop as stop:
            errors.append(_reported(stop, checker, source))
            start = checker.item
            position = _next_block(text, start, stop.start) if len(errors) < _MAX_ERRORS else len(text)
            text = text[:start] + _NOT_LINE_END.sub(" ", text[start:position]) + text[position:]
        else:
            return tuple(errors), Source(source.path, text, source.undecoded)


def _next_block(text: str, start: int, error: int) -> int:
    """Return where reading can go on after the item that starts at ``start``: at a line that begins like a block."""
    line = text.rfind("\n", 0, error) + 1
    block = _BLOCK_LINE.search(text, start + 1 if error >= len(text.rstrip()) else max(start + 1, line))
    return block.start() if block else len(text)


def expression_error(source: Source) -> ParseError | None:
    """Return the first syntax error of a text that has to be one expression, or None."""
    return _error(source, lambda checker: checker.lone_expression())


def template_error(source: Source) -> ParseError | None:
    """Return the first syntax error of a text that has to be one template, or None."""
    return _error(source, lambda checker: checker.lone_template())


def sequence_end(text: str, position: int) -> int:
    """Return where the ``${...}`` or ``%{...}`` at ``position`` ends, in a text without syntax errors."""
    return _Checker(text).sequence(position, position, None)


def _error(source: Source, check: Callable[[_Checker], None]) -> ParseError | None:
    checker = _Checker(source.text)
    try:
        check(checker)
    except _Stop as stop:
        return _reported(stop, checker, source)
    return None


def _reported(stop: _Stop, checker: _Checker, source: Source) -> ParseError:
    """Return the error where terraform reports it first; a token that is none of HCL's explains the rule that it breaks."""
    said = checker.alien or stop
    return ParseError(said.message, source.span(stop.start, max(stop.end, said.end)), said.help)


def _name_end(text: str, start: int) -> int:
    """Return where the name at ``start`` ends: ``\\w`` takes digits like "²" that are in no name, and no combining marks."""
    end = start + 1
    while end < len(text) and (text[end] == "-" or f"a{text[end]}".isidentifier()):
        end += 1
    return end


class _Checker:
    """A cursor over the text: ``kind`` and ``text`` of the token at ``start``, which ends at ``end``."""

    def __init__(self, text: str, position: int = 0, undecoded: Mapping[int, int] = _ALL_DECODED) -> None:
        self._source = text
        self._undecoded = undecoded
        self._newlines = True
        self._level = 0
        self._height = 0
        self._steps = 0
        self.kind = ""
        self.text = ""
        self.start = position
        self.end = position
        self.item = position
        """Where the argument or block of the file starts that the cursor is in."""
        self.alien: _Stop | None = None
        """A token that no rule of the grammar takes, if the cursor stands at one: it says more than the rule that it breaks."""

    # Tokens

    def _advance(self) -> None:
        """Move to the next token. Line ends are tokens where they mean something."""
        source, position = self._source, self.end
        while True:
            blank = _BLANKS.match(source, position)
            if blank:
                position = blank.end()
            line_end = _LINE_END.match(source, position)
            if line_end is None or self._newlines:
                break
            position = line_end.end()
        if line_end:
            self.kind, self.text, self.start, self.end = "newline", "\n", position, line_end.end()
            return
        comment = _LAST_COMMENT.match(source, position)
        self.start = position = comment.end() if comment else position
        if position >= len(source):
            self.kind, self.text, self.end = "end", "", position
            return
        match = _TOKEN.match(source, position)
        assert match is not None
        self.kind, self.text, self.end = str(match.lastgroup), match.group(), match.end()
        if self.kind == "identifier" and not source[position : self.end + 1].isascii():
            self.end = _name_end(source, position)
            self.text = source[position : self.end]
            if not (self.text[0] == "_" or self.text[0].isidentifier()):
                self.kind = "invalid"
        if self.kind == "symbol":
            self.kind = self.text
            if source.startswith("/*", position):
                self.alien = _Stop("a comment without an end", position, position + 2, 'close it with "*/"')
        if self.kind == "invalid" or self.text == "~":
            self.kind = "invalid"
            self.alien = self._invalid()

    def _invalid(self) -> _Stop:
        if self.start in self._undecoded:
            return self._not_utf8(self.start)
        if self.text == "'":
            return self._stop("single quotes do not quote a string", "use double quotes")
        if self.text in ("&", "|", "^", "~"):
            return self._stop(f'unsupported operator "{self.text}"', "HCL has no bitwise operators")
        if self.text == ";":
            return self._stop('";" does not end an argument', "put each argument on a line of its own")
        if self.text == "\r":
            return self._stop(_LONE_RETURN, _LONE_RETURN_HELP)
        character = f'character "{self.text}"' if self.text.isprintable() else f"character U+{ord(self.text):04X}"
        return self._stop(f"the {character} is not used in HCL", "remove it, or quote the string")

    def _not_utf8(self, position: int) -> _Stop:
        return _Stop(f"not UTF-8: byte 0x{self._undecoded[position]:02x}", position, position + 1, "save the file as UTF-8")

    def _stop(self, message: str, help: str) -> _Stop:
        return _Stop(message, self.start, self.end, help)

    def _found(self) -> str:
        return {"end": "the end of the file", "newline": "the end of the line", "quote": "a string", "heredoc": "a heredoc"}.get(
            self.kind, f'"{self.text}"'
        )

    def _inside(self, newlines: bool) -> bool:
        """Step behind an opening bracket; return what to hand to ``_leave``."""
        before, self._newlines = self._newlines, newlines
        self._advance()
        return before

    def _leave(self, before: bool) -> None:
        """Step behind the closing bracket."""
        self._newlines = before
        self._advance()

    def _deeper(self) -> None:
        self._level += 1
        if self._level > MAX_DEPTH:
            raise self._too_deep(self.start)

    def _too_deep(self, start: int) -> _Stop:
        return _Stop(TOO_DEEP, start, start, "split the expression, for example with locals")

    # Bodies

    def file(self) -> None:
        names: dict[str, int] = {}
        self._advance()
        while self.kind != "end":
            if self.kind == "newline":
                self.item = self.end
                self._advance()
            else:
                self._item(names)

    def _body(self, opened: int) -> None:
        names: dict[str, int] = {}
        while self.kind != "}":
            if self.kind == "newline":
                self._advance()
                continue
            if self.kind == "end":
                raise self._block_without_end(opened)
            self._item(names)

    @staticmethod
    def _block_without_end(opened: int) -> _Stop:
        return _Stop('"{" without an end', opened, opened + 1, 'there is no "}" for this block before the end of the file')

    def _item(self, names: dict[str, int]) -> None:
        if self.kind == "quote":
            raise self._stop("the name of an argument is quoted", "write it without quotes")
        if self.kind != "identifier":
            raise self._stop(f"expected an argument or a block, found {self._found()}", "an argument is written name = value")
        name, start, end = self.text, self.start, self.end
        self._advance()
        if self.kind == "=":
            if name in names:
                line = self._source.count("\n", 0, names[name]) + 1
                raise _Stop(f'the argument "{name}" is there twice, first in line {line}', start, end, "remove one of the two")
            names[name] = start
            self._advance()
            self._expression()
            if self.kind not in ("newline", "end"):
                raise self._stop(f'no line end after the argument "{name}", but {self._found()}', "put each argument on a line of its own")
        elif self.kind in ("quote", "{", "identifier"):
            self._block()
        else:
            raise _Stop(f'"{name}" is neither an argument nor a block', start, end, f"an argument is written {name} = value")

    def _block(self) -> None:
        while self.kind != "{":
            if self.kind == "quote":
                self._label()
            elif self.kind == "identifier":
                self._advance()
            elif self.kind == "newline":
                raise self._stop("the line of a block ends before its brace", 'write "{" on the line of the block type')
            else:
                raise self._stop(f'expected a block label or "{{", found {self._found()}', 'a block is written type "label" { ... }')
        opened = self.start
        self._deeper()
        self._advance()
        if self.kind in ("newline", "end", "}"):
            self._body(opened)
        else:
            self._single_argument(opened)
        self._level -= 1
        self._advance()
        if self.kind not in ("newline", "end"):
            raise self._stop(f"no line end after the block, but {self._found()}", "put each block on lines of its own")

    def _label(self) -> None:
        literal = self.end
        end = self._quoted_literal(literal)
        if self._source.startswith(("${", "%{"), end):
            raise _Stop("a block label with a template", end, end + 2, "labels are literal text")
        self.end = end + 1
        self._advance()

    def _single_argument(self, opened: int) -> None:
        """Check the content of ``{ name = value }``."""
        if self.kind != "identifier":
            raise self._stop(f"expected an argument, found {self._found()}", "an argument is written name = value")
        name, start, end = self.text, self.start, self.end
        self._advance()
        if self.kind != "=":
            raise _Stop("a block in one line can hold one argument only", start, end, "put the content on lines of its own")
        self._advance()
        self._expression()
        if self.kind == "end":
            raise self._block_without_end(opened)
        if self.kind != "}":
            raise self._stop(f'expected "}}" after the argument "{name}", found {self._found()}', "put the content on lines of its own")

    # Expressions

    def lone_expression(self) -> None:
        self._newlines = False
        self._advance()
        self._expression()
        if self.kind != "end":
            raise self._stop(f"expected the end of the expression, found {self._found()}", "give one expression")

    def _expression(self) -> None:
        """Check an expression, and how deep its tree is: what it holds, plus its longest chain of steps and operators."""
        self._deeper()
        start, height, steps, self._height, self._steps = self.start, self._height, self._steps, 0, 0
        operators = self._operations()
        while self.kind == "?":
            self._advance()
            self._expression()
            if self.kind != ":":
                raise self._stop(f'expected ":" of the conditional, found {self._found()}', "a conditional is written condition ? a : b")
            self._advance()
            operators += 1 + self._operations()
        own = self._height + self._steps + operators + 1
        if own > MAX_DEPTH:
            raise self._too_deep(start)
        self._height, self._steps = max(height, own), steps
        self._level -= 1

    def _operations(self) -> int:
        """Check terms with operators between them; return how many operators."""
        operators = 0
        self._term()
        while self.kind in _OPERATORS:
            operators += 1
            self._advance()
            self._term()
        return operators

    def _term(self) -> None:
        steps = 0
        while self.kind in ("-", "!"):
            steps += 1
            self._advance()
        if self.kind == "identifier":
            self._name()
        elif self.kind == "number":
            if not NUMBER.fullmatch(self.text):
                raise self._stop(f'"{self.text}" is not a number', "quote it if it is a version or an address")
            self._advance()
        elif self.kind == "quote":
            self._quoted()
        elif self.kind == "heredoc":
            self._heredoc()
        elif self.kind == "(":
            self._parentheses()
        elif self.kind == "[":
            self._tuple()
        elif self.kind == "{":
            self._object()
        else:
            raise self._stop(f"expected an expression, found {self._found()}", "give a value")
        steps += self._traversals()
        self._steps = max(self._steps, steps)

    def _name(self) -> None:
        start, end = self.start, self.end
        self._advance()
        while self.kind == "::":
            self._advance()
            if self.kind != "identifier":
                raise self._stop(f'expected a function name after "::", found {self._found()}', "write provider::name::function(...)")
            end = self.end
            self._advance()
            if self.kind not in ("::", "("):
                raise self._stop(f'expected "(" after the function name, found {self._found()}', "write provider::name::function(...)")
        if self.kind == "(":
            self._arguments(start, end)

    def _arguments(self, start: int, end: int) -> None:
        before = self._inside(False)
        while self.kind != ")":
            self._expression()
            if self.kind == "...":
                dots = self.start
                self._advance()
                if self.kind != ")":
                    message = f'expected ")" after "...", found {self._found()}'
                    raise _Stop(message, dots, dots + 3, '"..." follows the last argument')
            elif self.kind == ",":
                self._advance()
            elif self.kind == "end":
                raise _Stop('function call without an end: ")" is missing', start, end + 1, "close the parenthesis")
            elif self.kind != ")":
                raise self._stop(f'expected "," or ")", found {self._found()}', "a comma separates the arguments of a function")
        self._leave(before)

    def _parentheses(self) -> None:
        before = self._inside(False)
        self._expression()
        if self.kind != ")":
            raise self._stop(f'expected ")", found {self._found()}', "close the parenthesis")
        self._leave(before)

    def _traversals(self) -> int:
        """Check what is written behind a term; return how many steps that is."""
        steps = 0
        while True:
            if self.kind == ".":
                self._advance()
                if self.kind == "*":
                    self._advance()
                    steps += self._attribute_splat()
                else:
                    self._after_dot()
            elif self.kind == "[":
                self._bracketed()
            else:
                return steps
            steps += 1

    def _after_dot(self) -> None:
        if self.kind == "number":
            if "." in self.text:
                raise self._stop(f'two legacy indexes in a row: "{self.text}"', "use [0][1]")
        elif self.kind != "identifier":
            raise self._stop(f'expected a name after ".", found {self._found()}', "complete the reference")
        self._advance()

    def _attribute_splat(self) -> int:
        steps = 0
        while self.kind == ".":
            self._advance()
            if self.kind == "*":
                raise self._stop('an attribute splat ".*" within another', 'use "[*]"')
            self._after_dot()
            steps += 1
        return steps

    def _bracketed(self) -> None:
        before = self._inside(False)
        if self.kind == "*":
            self._advance()
        else:
            self._expression()
        if self.kind != "]":
            raise self._stop(f'expected "]", found {self._found()}', "close the bracket of the index")
        self._leave(before)

    def _tuple(self) -> None:
        opened = self.start
        before = self._inside(False)
        if self.kind == "identifier" and self.text == "for":
            self._for("]")
        while self.kind != "]":
            self._expression()
            if self.kind == ",":
                self._advance()
            elif self.kind == "end":
                raise _Stop('"[" without an end', opened, opened + 1, 'there is no "]" for this list before the end of the file')
            elif self.kind != "]":
                raise self._stop(f'expected "," or "]", found {self._found()}', "a comma separates the items of a list")
        self._leave(before)

    def _object(self) -> None:
        opened = self.start
        before = self._inside(False)
        if self.kind == "identifier" and self.text == "for":
            self._for("}")
            self._leave(before)
            return
        self._newlines, self.end = True, opened + 1
        self._advance()
        while True:
            while self.kind == "newline":
                self._advance()
            if self.kind == "}":
                break
            self._expression()
            self._unless_end(opened)
            if self.kind not in ("=", ":"):
                raise self._stop(f'expected "=" or ":" after the key, found {self._found()}', "an object is written { key = value }")
            self._advance()
            self._expression()
            self._unless_end(opened)
            if self.kind in (",", "newline"):
                self._advance()
            elif self.kind != "}":
                raise self._stop(f'expected a line end, "," or "}}", found {self._found()}', "put each key on a line of its own")
        self._leave(before)

    def _unless_end(self, opened: int) -> None:
        if self.kind == "end":
            raise _Stop('"{" without an end', opened, opened + 1, 'there is no "}" for this object before the end of the file')

    def _for(self, end: str) -> None:
        self._advance()
        self._loop_names()
        self._expression()
        if self.kind != ":":
            raise self._stop(f'expected ":" after the collection, found {self._found()}', "write for x in collection : result")
        self._advance()
        key = self.start
        self._expression()
        if end == "}":
            if self.kind != "=>":
                message = f'expected "=>" after the key, found {self._found()}'
                raise _Stop(message, key, self.end, "write { for x in collection : key => value }")
            self._advance()
            self._expression()
            if self.kind == "...":
                self._advance()
        if self.kind == "identifier" and self.text == "if":
            self._advance()
            self._expression()
        if self.kind != end:
            raise self._stop(f'expected "{end}" after the for expression, found {self._found()}', "close the bracket")

    def _loop_names(self) -> None:
        for _ in range(2):
            if self.kind != "identifier":
                raise self._stop(f'expected a name after "for", found {self._found()}', "write for x in collection")
            self._advance()
            if self.kind != ",":
                break
            self._advance()
        if self.kind != "identifier" or self.text != "in":
            raise self._stop(f'expected "in", found {self._found()}', "write for x in collection")
        self._advance()

    # Templates

    def lone_template(self) -> None:
        self._lines(0, None, 0)

    def _quoted(self) -> None:
        directives: list[tuple[str, int]] = []
        first = position = self.end
        while True:
            position = self._quoted_literal(position)
            if self._source[position] == '"':
                break
            position = self.sequence(position, first, directives)
        self._closed(directives, position)
        self.end = position + 1
        self._advance()

    def _quoted_literal(self, position: int) -> int:
        """Return where the literal text from ``position`` on ends: at the quote, or at ``${`` or ``%{``."""
        source = self._source
        while True:
            stop = _QUOTED_STOP.search(source, position)
            if stop is None:
                raise _Stop("a string without an end", len(source), len(source), _QUOTES_HELP)
            found = stop.group()
            if found == "\ufffd":
                position = self._replacement(stop.start())
            elif found in "\r\n":
                raise _Stop("a quoted string does not end on its line", stop.start(), stop.end(), _QUOTES_HELP)
            elif found == "\\":
                position = self._escape(stop.start())
            else:
                return stop.start()

    def _replacement(self, position: int) -> int:
        """Return where to go on after a U+FFFD, which stands for itself or for a byte that is not UTF-8."""
        if position in self._undecoded:
            raise self._not_utf8(position)
        return position + 1

    def _escape(self, position: int) -> int:
        escape = _ESCAPE.match(self._source, position)
        if escape is None:
            text = self._source[position : position + 2]
            raise _Stop(f'invalid escape sequence "{text}"', position, position + len(text), 'write a backslash as "\\\\"')
        if len(escape.group()) > 2:
            code = int(escape.group()[2:], 16)
            if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
                raise _Stop(f"U+{code:04X} is not a character", position, escape.end(), "use another escape")
        return escape.end()

    def _heredoc(self) -> None:
        name = self.text[2:].lstrip("-").rstrip()
        self.end = self._lines(self.end, re.compile(rf"[^\S\n]*{re.escape(name)}[^\S\n]*(?=\n)"), self.start)
        self._advance()

    def _lines(self, position: int, marker: re.Pattern[str] | None, opened: int) -> int:
        """Check a template from ``position`` up to the line of ``marker``, or to the end; return where that is."""
        source = self._source
        directives: list[tuple[str, int]] = []
        first = line = position
        while True:
            if source[position - 1 : position] == "\n":
                line = position
                last = marker.match(source, position) if marker is not None else None
                if last:
                    position = last.end()
                    break
            end = source.find("\n", position) + 1 or len(source)
            sequence = _OPENED.search(source, position, end)
            if sequence:
                position = self._in_lines(sequence, first, directives, returns=marker is None)
            elif end < len(source) or (end == len(source) and source.endswith("\n") and position < end):
                position = end
            elif marker is None:
                break
            else:
                name = source[opened : source.find("\n", opened)].strip()
                raise _Stop(
                    f'heredoc "{name}" without an end', len(source), len(source), "its last line is the marker alone, with a line end"
                )
        self._closed(directives, position if marker is None else line)
        return position

    def _in_lines(self, found: re.Match[str], first: int, directives: list[tuple[str, int]], *, returns: bool) -> int:
        """Step behind what stands out in a line. ``returns``: a whole file as a template may hold a carriage return anywhere."""
        if found.group() == "\ufffd":
            return self._replacement(found.start())
        if found.group() == "\r":
            if returns:
                return found.end()
            raise _Stop(_LONE_RETURN, found.start(), found.end(), _LONE_RETURN_HELP)
        return self.sequence(found.start(), first, directives)

    def sequence(self, position: int, first: int, directives: list[tuple[str, int]] | None) -> int:
        """Check the ``${...}`` or ``%{...}`` at ``position`` of the template that begins at ``first``; return where it ends."""
        source = self._source
        before, self._newlines = self._newlines, False
        self.end = position + (3 if source.startswith("~", position + 2) else 2)
        self._deeper()
        self._advance()
        if source[position] == "$":
            self._expression()
        else:
            self._directive(position, directives)
        if source[position] == "$" and (self.kind == "end" or (self.kind == "quote" and source[first - 1 : first] == '"')):
            raise _Stop('"${" without an end', first, position + 2, 'close it with "}"')
        if self.kind not in ("}", "~}"):
            raise self._stop(f'expected "}}", found {self._found()}', "close the template sequence")
        self._level -= 1
        self._newlines = before
        return self.end

    def _directive(self, position: int, directives: list[tuple[str, int]] | None) -> None:
        word = self.text if self.kind == "identifier" else ""
        if word not in ("if", "for", "else", "endif", "endfor"):
            raise self._stop(f"expected if, else, endif, for or endfor, found {self._found()}", "write a literal %{ as %%{")
        if directives is not None:
            self._pair(word, position, directives)
        self._advance()
        if word == "for":
            self._loop_names()
        if word in ("if", "for"):
            self._expression()

    def _pair(self, word: str, position: int, directives: list[tuple[str, int]]) -> None:
        """Add the directive to those that are open, or take away the one it ends."""
        opened = directives[-1][0] if directives else ""
        if word in ("if", "for"):
            directives.append((word, position))
            if len(directives) > MAX_OPEN_DIRECTIVES:
                raise self._stop(TOO_DEEP, "simplify the template")
        elif word == "else" and opened == "if":
            directives[-1] = ("else", directives[-1][1])
        elif (word == "endif" and opened in ("if", "else")) or (word == "endfor" and opened == "for"):
            directives.pop()
        else:
            raise _Stop(f'unexpected "{word}" in a template', position, self.end, "pair each directive with its end")

    def _closed(self, directives: list[tuple[str, int]], end: int) -> None:
        if directives:
            word, position = directives[-1]
            word = "for" if word == "for" else "if"
            line = self._source.count("\n", 0, position) + 1
            raise _Stop(f'the "{word}" directive of line {line} has no "end{word}"', end, end, f"close it with %{{ end{word} }}")
