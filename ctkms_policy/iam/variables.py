"""Policy variables: ``${aws:SourceAccount}`` inside a policy text (C13)."""

from __future__ import annotations

import re

from ctkms_policy.iam.context import Context, Missing, Present
from ctkms_policy.iam.pattern import Atom, Atoms, Blank, pattern_atoms, text_atoms
from ctkms_policy.iam.policy import UNKNOWN_VERSION
from ctkms_policy.value import Known, Literal, Match, Reference, Shape, Symbol, Template, Text, Unknown, text_parts

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_SPECIAL = {"*": "*", "?": "?", "$": "$"}
_UNKNOWN_TEXT = Blank(None, Shape())


def has_variables(text: Text, version: str) -> bool:
    """Return whether a policy text holds policy variables: only Version 2012-10-17 knows them (C13)."""
    return version != "2008-10-17" and any(isinstance(part, Literal) and "${" in part.text for part in text_parts(text))


def policy_atoms(text: Text, version: str, context: Context, *, wildcards: bool) -> Atoms | None:
    """Return the atoms of a text of a policy with its policy variables replaced; None when a variable has no value.

    What a variable brings is literal, also where it holds a ``*``.
    """
    if not has_variables(text, version):
        return _plain_atoms(text, wildcards)
    if version == UNKNOWN_VERSION:
        return (_UNKNOWN_TEXT,)
    atoms: list[Atom] = []
    for part in text_parts(text):
        if not isinstance(part, Literal):
            atoms.extend(_plain_atoms(part, wildcards))
            continue
        position = 0
        for variable in _VARIABLE.finditer(part.text):
            atoms.extend(_plain_atoms(Known(part.text[position : variable.start()]), wildcards))
            position = variable.end()
            value = _variable_atoms(variable.group(1), context)
            if value is None:
                return None
            atoms.extend(value)
        atoms.extend(_plain_atoms(Known(part.text[position:]), wildcards))
    return tuple(atoms)


def _plain_atoms(text: Text, wildcards: bool) -> Atoms:
    return pattern_atoms(text) if wildcards else text_atoms(text)


def _variable_atoms(variable: str, context: Context) -> Atoms | None:
    if variable in _SPECIAL:
        return (_SPECIAL[variable],)
    name, comma, default = variable.partition(",")
    value = context.get(name.strip())
    if isinstance(value, Missing):
        text = default.strip()
        if comma and len(text) >= 2 and text[0] == text[-1] == "'":
            return tuple(text[1:-1])
        return None
    if isinstance(value, Present) and not value.many and len(value.values) == 1 and value.presence is Match.YES:
        only = value.values[0]
        if isinstance(only, (Known, Template, Symbol, Reference, Unknown)):
            return text_atoms(only)
    return (_UNKNOWN_TEXT,)
