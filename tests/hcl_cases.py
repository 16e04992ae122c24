"""The texts that the tests of both HCL readers read."""

from __future__ import annotations

# What each means was asked of `terraform console` 1.11 with values in the place of names, for example
# `[{a=[1,2]}].*.a[0]` is [1, 2] and `[{a=[1,2]}][*].a[0]` is [1].
EXPRESSIONS = [
    ("1", "1"),
    ("1.5", "1.5"),
    ("1e3", "1000"),
    ("1.5e3", "1500"),
    ("1E-2", "0.01"),
    ("1e+3", "1000"),
    ("010", "10"),
    ("true", "true"),
    ("null", "null"),
    ("-1", "(-1)"),
    ("-10", "(-10)"),
    ("1 - -10", "(1 - (-10))"),
    ("!a", "(!a)"),
    ("-a.b", "(-a.b)"),
    ("a + b * c - d", "((a + (b * c)) - d)"),
    ("a - b - c", "((a - b) - c)"),
    ("a || b && !c == d", "(a || (b && ((!c) == d)))"),
    ("a == b != c", "((a == b) != c)"),
    ("a < b + 1", "(a < (b + 1))"),
    ("(a + b) * c", "((a + b) * c)"),
    ("a % b / c", "((a % b) / c)"),
    ("a ? b : c", "(a ? b : c)"),
    ("a ? b : c ? d : e", "(a ? b : (c ? d : e))"),
    ("a ? b : c ? d : e ? f : g", "(a ? b : (c ? d : (e ? f : g)))"),
    ("(a ? b : c) ? d : e", "((a ? b : c) ? d : e)"),
    ("a ? b ? c : d : e", "(a ? (b ? c : d) : e)"),
    ("a ? (b ? c : d) : e ? f : g", "(a ? (b ? c : d) : (e ? f : g))"),
    ("a == 1 ? b + 1 : c || d", "((a == 1) ? (b + 1) : (c || d))"),
    ("a.b.c", "a.b.c"),
    ('a["b"].c', "a['b'].c"),
    ("a[0][b]", "a[0][b]"),
    ("a.0", "a[0]"),
    ("a.0.b", "a[0].b"),
    ("a.b.10.c", "a.b[10].c"),
    ("a.*.b", "attr(a | *.b)"),
    ("a.*.b.c", "attr(a | *.b.c)"),
    ("a.*.b[0]", "attr(a | *.b)[0]"),
    ("a.*.b[0].c", "attr(a | *.b)[0].c"),
    ("a.*.b.0.c", "attr(a | *.b[0].c)"),
    ("a.*", "attr(a | *)"),
    ("a[*].b", "full(a | *.b)"),
    ("a[*].b[0]", "full(a | *.b[0])"),
    ("a[*][0].b", "full(a | *[0].b)"),
    ("a[*].b[*].c", "full(full(a | *.b) | *.c)"),
    ("a[*]", "full(a | *)"),
    ("(a.b)[*].c", "full(a.b | *.c)"),
    ("a.b-c.d", "a.b-c.d"),
    ("f()", "f()"),
    ("f(a, b)", "f(a, b)"),
    ("f(a, b,)", "f(a, b)"),
    ("f(a...)", "f(a...)"),
    ("f(a).b[0]", "f(a).b[0]"),
    ("provider::aws::arn_parse(a)", "provider::aws::arn_parse(a)"),
    ("[]", "[]"),
    ("[a, b,]", "[a, b]"),
    ("[[a], [b]]", "[[a], [b]]"),
    ("[\n  a, # one\n  b // two\n  /* none */\n]", "[a, b]"),
    ("{}", "{}"),
    ("{ a = 1, b = 2 }", "{'a'=1, 'b'=2}"),
    ("{ a : 1, b = 2, }", "{'a'=1, 'b'=2}"),
    ('{ "a" = 1, "b" : 2 }', "{'a'=1, 'b'=2}"),
    ("{\n  a = 1\n  b = 2\n}", "{'a'=1, 'b'=2}"),
    ("{\n  a = 1,\n\n  # c\n  b = 2\n}", "{'a'=1, 'b'=2}"),
    ("{ (a) = 1, (a.b) = 2 }", "{a=1, a.b=2}"),
    ('{ "a${b}" = 1 }', "{'a${b}'=1}"),
    ("{ a.b = 1 }", "{a.b=1}"),
    ("{ 5 = 1 }", "{5=1}"),
    ("{ null = 1, true = 2 }", "{'null'=1, 'true'=2}"),
    ("{ if = 1, in = 2 }", "{'if'=1, 'in'=2}"),
    ("{ a-b = 1 }", "{'a-b'=1}"),
    ("{\n  a = b.c\n  (d) = 2\n}", "{'a'=b.c, d=2}"),
    ("{\n  a = b\n  (c) = d\n}", "{'a'=b, c=d}"),
    ("[{\n  (a) = b\n\n  (c) = d\n}, {\n  a = b,\n  (c) = d\n}]", "[{a=b, c=d}, {'a'=b, c=d}]"),
    ("{\n  a = b # (e)\n  (f(c)) : d\n // g\n (h) = i\n}", "{'a'=b, f(c)=d, h=i}"),
    ("[for a in b : c]", "[for a in b : c]"),
    ("[for a, b in c : d if e]", "[for a,b in c : d if e]"),
    ("[\n  for a in b :\n  c\n  if d\n]", "[for a in b : c if d]"),
    ("{for a in b : c => d}", "{for a in b : c => d}"),
    ("{for a, b in c : d => e... if f}", "{for a,b in c : d => e... if f}"),
    ("[for a in [for b in c : b] : { d = a }]", "[for a in [for b in c : b] : {'d'=a}]"),
    ('""', "''"),
    ('"a"', "'a'"),
    ('"${a}"', "'${a}'"),
    ('"a${b}c"', "'a${b}c'"),
    ('"${a ? "b" : "c${d}"}"', "'${(a ? 'b' : 'c${d}')}'"),
    ('"%{ if a }b%{ else }c%{ endif }"', "'%{if a}b%{else}c%{endif}'"),
    ('"%{ if a }b%{ endif }"', "'%{if a}b%{else}%{endif}'"),
    ('"%{ for a in b }${a}%{ endfor }"', "'%{for a in b}${a}%{endfor}'"),
    ('"%{ for a, b in c }%{ if a }x%{ endif }%{ endfor }"', "'%{for a,b in c}%{if a}x%{else}%{endif}%{endfor}'"),
    ("[<<A, <<-B]\na\nA\n", None),
    ("[<<A\na\nA\n, <<-B\n  b\n  B\n]", "['a\n', 'b\n']"),
    ("f(<<A\n${f(<<B\nb\nB\n)}\nA\n)", "f('${f('b\n')}\n')"),
    ("(a +\n  b)", "(a + b)"),
    ("(\n  a ? b\n  : c\n)", "(a ? b : c)"),
    ("a /* c */", "a"),
    ("a # c", "a"),
    ("a /* b */ + c", "(a + c)"),
    ("(\n  a # b\n  && /* c */ d\n)", "(a && d)"),
    ('"$${"', "'${'"),
    ('"%%{"', "'%{'"),
    ('"$${a${b}c"', "'${a${b}c'"),
]

# Valid HCL that python-hcl2 8.1 does not read, for example because of a line end in its way. README.md of ctkms_policy/terraform
# names the classes.
TREE_SITTER_ONLY = [
    ("!!a", "(!(!a))"),
    ("--1", "(-(-1))"),
    ('"a${~ b ~}c"', "'a${b}c'"),
    ('"${\n  a\n}"', "'${a}'"),
    ("(a\n.b)", "a.b"),
    ("f(a\n...)", "f(a...)"),
    ('/* c */ "a"', "'a'"),
    ("core::f(1)", "core::f(1)"),
    ("5-1e3", "(5 - 1000)"),
    ('é.ü["ß"]', "é.ü['ß']"),
    ("a.1e1", "a[10]"),
    ("{ if.* = 1 }", "{attr(if | *)=1}"),
    ("{ a = /* c */ 1 }", "{'a'=1}"),
    ("! /* c */ a", "(!a)"),
    ("<<A\na\nA \n", "'a\n'"),
    ("<<é\na\né", "'a\n'"),
]

TREE_SITTER_ONLY_BODIES = ["é = 1\n", "a é {}\n", "é {}\n", 'a /* c */ "b" {}\n', "a /* c */ = 1\n"]

# And valid HCL that tree-sitter-hcl 1.2 does not read.
PYTHON_HCL2_ONLY = ["a%{}", "a ? b : c %{ }", "<<A\na\n\u00a0A"]
NEITHER = ["a ::b(1)", "a:: b(1)"]

BODIES = [
    ("", ([], [])),
    ("# only a comment", ([], [])),
    ("a = 1\nb = 2", (["a", "b"], [])),
    ("for = 1\nin = 2\nif = 3\n", (["for", "in", "if"], [])),
    ("b {}", ([], [("b", (), ([], []))])),
    ("b { a = 1 }", ([], [("b", (), (["a"], []))])),
    ('b "x" y "z" {\n  a = 1\n  c {\n    d = 1\n  }\n}\n', ([], [("b", ("x", "y", "z"), (["a"], [("c", (), (["d"], []))]))])),
    ("a = 1\r\nb {\r\n  c = 2\r\n}\r\n", (["a"], [("b", (), (["c"], []))])),
    ("/* c */ a = 1 // d\nb { # e\n}\n", (["a"], [("b", (), ([], []))])),
    ("b {\n  a = 1 /* x\n  y */\n}", ([], [("b", (), (["a"], []))])),
]


# Expected values are those of terraform 1.11: each text was written into ``locals { x = TEXT }`` and printed by
# ``terraform console`` with ``jsonencode(local.x)``; whole files with ``jsonencode(templatefile("t.tpl", {}))``.
QUOTED = [
    ('""', ""),
    ('"\\n\\t\\r\\"\\\\"', '\n\t\r"\\'),
    ('"\\u00e9\\U0001F600"', "é😀"),
    ('"$${a} %%{b} $ % $$ %%"', "${a} %{b} $ % $$ %%"),
    ('"a$$${1}"', "a$${1}"),
    ('"$$$${1}"', "$$${1}"),
    ('"a%%%{b}"', "a%%{b}"),
    ('"%${1}$%%{x}"', "%1$%{x}"),
    ('"$$$a$%{ if true }x%{ endif }"', "$$$a$x"),
    ('"%{ if false }x%{ else }y%{ endif }z"', "yz"),
    ('"%{ if false }x%{ endif }"', ""),
    ('"%{ if true ~}   x   %{~ else ~} y %{~ endif ~}   z"', "xz"),
    ('"%{ for a in [1, 2] }${a},%{ endfor }"', "1,2,"),
    ('"%{ for k, v in ["p", "q"] ~} ${k}=${v} %{~ endfor }"', "0=p1=q"),
    ('"%{if true}%{for x in [1]}${x}%{endfor}%{else}n%{endif}"', "1"),
    ('"${"a${"b"}"}c"', "abc"),
    ('"tab\tin"', "tab\tin"),
    ('"é${1}ü"', "é1ü"),
    ('"${""}"', ""),
    ('"$"', "$"),
]

STRIPPED_QUOTED = [('"a ${~ 1 ~} \\n b"', "a1b"), ('"a \\n ${~ 1 ~} $ b"', "a1$ b")]

HEREDOCS = [
    ("<<EOF\nEOF\n", ""),
    ("<<EOF\n\nEOF\n", "\n"),
    ("<<-EOF\n    a\n      b\n  c\n  EOF\n", "  a\n    b\nc\n"),
    ("<<-EOF\n    a\n\n      b\n    EOF\n", "a\n\n  b\n"),
    ("<<-EOF\n    a\n  \n      b\n    EOF\n", "a\n  \n  b\n"),
    ("<<-EOF\n    a\n   \n      \n    EOF\n", "a\n   \n      \n"),
    ("<<-EOF\n    ${1}\n      b\n    EOF\n", "1\n  b\n"),
    ("<<-EOF\n${1}\n      b\n    EOF\n", "1\n      b\n"),
    ("<<-EOF\n    a ${~ 1 ~}\n      b\n    EOF\n", "a1      b\n"),
    ("<<-EOF\n    a\n      ${~ 1 ~}   \n      b\n    EOF\n", "    a\n1      b\n"),
    ("<<-EOF\n    %{ for x in [1,2] ~}\n      ${x}\n    %{ endfor ~}\n    z\n    EOF\n", "      1\n      2\n    z\n"),
    ("<<EOF\n%{ for x in [1,2] ~}\n  ${x}\n%{ endfor ~}\nEOF\n", "  1\n  2\n"),
    ("<<EOF\n%{ if true ~}\n  yes\n%{ else ~}\n  no\n%{ endif ~}\nEOF\n", "  yes\n"),
    ("<<-EOF\n\ta\n\t\tb\n  c\n\tEOF\n", "a\n\tb\n c\n"),
    ("<<EOF\r\na\r\n  b ${1}\r\nEOF\r\n", "a\r\n  b 1\r\n"),
    ("<<-EOF\r\n  a\r\n\r\n    b\r\n  EOF\r\n", "a\r\n\r\n  b\r\n"),
    ('<<EOF\n\\n \\" $${a} %%{b} $$${c} $ % \\\nEOF\n', '\\n \\" ${a} %{b} $${c} $ % \\\n'),
    ("<<EOF\nEOFx\n xEOF\nEOF\n", "EOFx\n xEOF\n"),
    ("<<-EOF\n  a\n    ${<<-I\n      x\n        y\n    I\n    }b\n  EOF\n", "a\n  x\n  y\nb\n"),
    ("<<-EOF\n  \xa0a\n  b\n  EOF\n", "\xa0a\nb\n"),
    ("<<EOF\n  ${1}  ${~ 2 ~}  ${3}  \n\n  ${~ 4}\nEOF\n", "  123  \n\n4\n"),
    ("<<-EOF\n   a%{ if true }\n  b\n %{ endif }c\n   EOF\n", "  a\n b\nc\n"),
    ("<<EOF\n${1}EOF\nEOF\n", "1EOF\n"),
    ("<<EOF\nEOF${1}\nEOF\n", "EOF1\n"),
    ("<<EOF\nEOF ${1}\nEOF\n", "EOF 1\n"),
    ("<<E\nE$${x}E%{ if true }b%{ endif }\nE\n", "E${x}Eb\n"),
]

WHOLE_FILES = [
    ("", ""),
    ("a", "a"),
    ("a\n", "a\n"),
    ('x ${~ 1 ~}  \n\n  y\n$${z} %%{w} $$$${v}\n%{ if true ~}\n  a\n%{ endif ~}\nend \\n "${"q"}"', None),
    ("a\r\n  ${~ 1 ~}\r\nb\r\n", "a\r\n1b\r\n"),
    ("x\n  ${~ 1 ~}\n\n y", "x\n1\n y"),
    ("a\r${1}b\r", "a\r1b\r"),
    ("%{ if true }\n  a\n%{ endif }", "\n  a\n"),
    ("T\nTT\n${1}\nEOF\n", "T\nTT\n1\nEOF\n"),
]
LONG = 'x1\n  y\n${z} %{w} $$${v}\n  a\nend \\n "q"'


MODULE = """\
# é: a character of two bytes
resource "aws_kms_key" "läufe" {
  policy = jsonencode({
    Statement = [{ Effect = "Allow", Größe = "ü${var.a}ß", "k" : -1 }]
  })
  count       = var.create ? 1 : var.other ? 2 : 3 # c
  description = <<-EOT
      über ${var.names[0]}
        %{ if var.x }ja%{ else }nein%{ endif }
    EOT
  tags = { for k, v in local.m : k => "${v}\\n\\"x\\"" if v != "" }
  lifecycle { ignore_changes = [policy] }
}
"""
