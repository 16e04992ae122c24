"""Random expressions, the same for the same seed."""

from __future__ import annotations

import random


class Generator:
    """Makes expressions that are well typed for the most part; ``names`` are variables that may stand for a string."""

    def __init__(self, seed: int, *names: str) -> None:
        self.random = random.Random(seed)
        self.names = names

    def expression(self) -> str:
        return self.random.choice((self.text, self.number, self.truth, self.texts, self.map))(4)

    def text(self, depth: int) -> str:
        if self.names and self.random.random() < 0.3:
            return self.random.choice(self.names)
        if depth == 0 or self.random.random() < 0.2:
            return self.random.choice(('"a"', '"B-c"', '"x/y/z"', '""', '" é "', '"true"', '"12"', '"a:b:c"'))
        pick = self.random.randrange(17)
        deeper = depth - 1
        if pick < 6:
            function = self.random.choice(("lower", "upper", "trimspace", "title", "strrev", "md5", "chomp", "base64encode", "urlencode"))
            return f"{function}({self.text(deeper)})"
        if pick == 6:
            return f'"x${{{self.text(deeper)}}}y${{{self.number(deeper)}}}"'
        if pick == 7:
            return f"({self.truth(deeper)} ? {self.text(deeper)} : {self.text(deeper)})"
        if pick == 8:
            return f"join({self.text(0)}, {self.texts(deeper)})"
        if pick == 9:
            return f"replace({self.text(deeper)}, {self.text(0)}, {self.text(0)})"
        if pick == 10:
            return f"{self.texts(deeper)}[{self.number(0)}]"
        if pick == 11:
            return f"substr({self.text(deeper)}, {self.random.randint(-4, 4)}, {self.random.randint(-1, 4)})"
        if pick == 12:
            return f'format("%s-%5s|%v", {self.text(deeper)}, {self.text(0)}, {self.number(deeper)})'
        if pick == 13:
            return f'lookup({self.map(deeper)}, {self.text(0)}, "none")'
        if pick == 14:
            return f"coalesce({self.text(deeper)}, {self.text(deeper)})"
        if pick == 15:
            return f"try({self.text(deeper)}, {self.text(deeper)})"
        return f"{self.random.choice(('trim', 'trimprefix', 'trimsuffix'))}({self.text(deeper)}, {self.text(0)})"

    def number(self, depth: int) -> str:
        if depth == 0 or self.random.random() < 0.3:
            return self.random.choice(("0", "1", "2", "7", "10", "2.5"))
        pick = self.random.randrange(6)
        deeper = depth - 1
        if pick < 2:
            return f"({self.number(deeper)} {self.random.choice('+-*%')} {self.number(deeper)})"
        if pick == 2:
            return f"length({self.random.choice((self.text, self.texts, self.map))(deeper)})"
        if pick == 3:
            return f"{self.random.choice(('max', 'min'))}({self.number(deeper)}, {self.number(deeper)})"
        if pick == 4:
            return f"{self.random.choice(('floor', 'ceil', 'abs', '1 - '))}({self.number(deeper)})"
        return f"({self.truth(deeper)} ? {self.number(deeper)} : {self.number(deeper)})"

    def truth(self, depth: int) -> str:
        if depth == 0:
            return self.random.choice(("true", "false"))
        pick = self.random.randrange(8)
        deeper = depth - 1
        if pick == 0:
            return f"({self.number(deeper)} {self.random.choice(('<', '>', '<=', '>=', '==', '!='))} {self.number(deeper)})"
        if pick == 1:
            return f"({self.text(deeper)} {self.random.choice(('==', '!='))} {self.text(deeper)})"
        if pick == 2:
            return f"!{self.truth(deeper)}"
        if pick == 3:
            return f"contains({self.texts(deeper)}, {self.text(deeper)})"
        if pick == 4:
            return f"{self.random.choice(('startswith', 'endswith', 'strcontains'))}({self.text(deeper)}, {self.text(0)})"
        if pick == 5:
            return f"can({self.random.choice((self.text, self.texts, self.number))(deeper)})"
        return f"({self.truth(deeper)} {self.random.choice(('&&', '||'))} {self.truth(0)})"

    def texts(self, depth: int) -> str:
        if depth == 0:
            return self.random.choice(('["a", "b"]', '["b", "a", "a", ""]', '["12"]', '["x", "B-c"]'))
        pick = self.random.randrange(11)
        deeper = depth - 1
        if pick == 0:
            return f"[{self.text(deeper)}, {self.text(deeper)}]"
        if pick == 1:
            return f"split({self.text(0)}, {self.text(deeper)})"
        if pick < 6:
            function = self.random.choice(("distinct", "compact", "sort", "reverse", "flatten", "toset", "tolist"))
            return f"tolist({function}({self.texts(deeper)}))"
        if pick == 6:
            return f"concat({self.texts(deeper)}, {self.texts(deeper)})"
        if pick == 7:
            return f'[for i, x in {self.texts(deeper)} : "${{i}}${{x}}" if x != {self.text(0)}]'
        if pick == 8:
            return f"{self.random.choice(('keys', 'values'))}({self.map(deeper)})"
        if pick == 9:
            function = self.random.choice(("setunion", "setintersection", "setsubtract"))
            return f"tolist({function}({self.texts(deeper)}, {self.texts(deeper)}))"
        pattern = self.random.choice(('"[a-z]"', '"[^a]+"', '".b?"'))
        return f"regexall({pattern}, {self.text(deeper)})"

    def map(self, depth: int) -> str:
        if depth == 0:
            return self.random.choice(('{a = "x", "B-c" = "y"}', '{"12" = "z"}', "{}"))
        pick = self.random.randrange(4)
        deeper = depth - 1
        if pick == 0:
            return f"{{a = {self.text(deeper)}, (lower({self.text(0)})) = {self.text(deeper)}}}"
        if pick == 1:
            return f"merge({self.map(deeper)}, {self.map(deeper)})"
        if pick == 2:
            return f"{{for x in {self.texts(deeper)} : x => upper(x)}}"
        return f"zipmap({self.texts(deeper)}, {self.texts(deeper)})"
