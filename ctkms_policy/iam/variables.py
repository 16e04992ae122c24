"""Policy variables: ``${aws:SourceAccount}`` inside a policy text (C13)."""

from __future__ import annotations

import re

from ctkms_policy.iam.context import Context, Missing, Present
from ctkms_policy.iam.pattern import Atom, Atoms, Blank, pattern_atoms, text_atoms
from ctkms_policy.iam.policy import UNKNOWN_VERSION
from ctkms_policy.value import Known, Literal, Match, Reference, Shape, Symbol, Template, Text, Unknown, text_parts

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_SPECIAL = {"*": "*", "?": "?", "$": "$"}
_CONDITION_KEY = re.compile(r"[^:]+:[^:].*", re.DOTALL)
_UNKNOWN_TEXT = Blank(None, Shape())


def has_variables(text: Text, version: str) -> bool:
    """Return whether a policy text holds policy variables: only Version 2012-10-17 knows them (C13)."""
    return version != "2008-10-17" and any(isinstance(part, Literal) and "${" in part.text for part in text_parts(text))


def unsubstituted(text: Text) -> str:
    """Return the first ``${...}`` of a policy text that can name no condition key, or "".

    Every condition key is ``prefix:name``: ``${AWS::AccountId}`` and ``${account_id}`` were meant for a substitution that never ran.
    """
    for part in text_parts(text):
        for variable in _VARIABLE.finditer(part.text) if isinstance(part, Literal) else ():
            if variable.group(1) not in _SPECIAL and not _names_condition_key(variable.group(1)):
                return variable.group()
    return ""


def _names_condition_key(variable: str) -> bool:
    return _CONDITION_KEY.fullmatch(variable.partition(",")[0].strip()) is not None


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
    value = context.get(name.strip()) if _names_condition_key(variable) else Missing()
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
