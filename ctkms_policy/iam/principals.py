"""Does a principal of a statement name the caller (C2, C5)?"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from ctkms_policy.iam.arns import arn_parts
from ctkms_policy.iam.pattern import Atoms, match, pattern_atoms, text_atoms
from ctkms_policy.iam.request import Caller, CallerKind
from ctkms_policy.model import Principal, PrincipalType
from ctkms_policy.value import Absent, Choice, Known, Match, Reference, Symbol, Template, Text, Value, concatenate, outcomes

_EVERYBODY = text_atoms(Known("*"))
_LIKE_CLOUDTRAIL = pattern_atoms(Known("cloudtrail.*amazonaws.*"))
_UNIQUE_ID = re.compile(r"A(IDA|ROA)[A-Z0-9]+")


def direct_match(principal: Principal, caller: Caller) -> Match:
    """Return whether the principal names the caller itself, or everybody."""
    if principal.type is PrincipalType.ANYONE:
        return _over(principal.value, lambda text: match(text_atoms(text), _EVERYBODY))
    if principal.type is PrincipalType.AWS:
        return _over(principal.value, lambda text: _aws_match(text, caller))
    if principal.type is PrincipalType.SERVICE and caller.kind is CallerKind.SERVICE:
        return _over(principal.value, lambda text: _service_match(text, caller.name))
    if principal.type is PrincipalType.FEDERATED and caller.kind is CallerKind.FEDERATED:
        return _over(principal.value, lambda text: match(text_atoms(text), text_atoms(caller.name)))
    if principal.type is PrincipalType.OTHER:
        return _over(principal.value, lambda text: Match.NO)  # only what is Unknown may name anybody
    return Match.NO


def account_match(principal: Principal, caller: Caller) -> Match:
    """Return whether the principal is the caller's account: its id or its root (C2). No service belongs to an account."""
    if principal.type is not PrincipalType.AWS or caller.kind is not CallerKind.IAM:
        return Match.NO
    return _over(principal.value, lambda text: _account_match(text, caller.account))


def _over(value: Value, ask: Callable[[Text], Match]) -> Match:
    answers = set()
    for _, outcome in outcomes(value) if isinstance(value, Choice) else (((), value),):
        if isinstance(outcome, Absent):
            answers.add(Match.NO)
        elif isinstance(outcome, (Known, Template, Symbol, Reference)):
            answers.add(ask(outcome))
        else:
            answers.add(Match.MAYBE)
    return answers.pop() if len(answers) == 1 else Match.MAYBE


def _aws_match(text: Text, caller: Caller) -> Match:
    # An attribute of a resource is never "*".
    everybody = Match.NO if isinstance(text, Reference) else match(text_atoms(text), _EVERYBODY)
    if caller.kind is not CallerKind.IAM:
        return everybody
    if isinstance(text, Known) and _UNIQUE_ID.fullmatch(str(text.value)):
        return Match.MAYBE  # KMS shows a deleted user or role so; whose id it was is not in the code
    own_names = () if caller.unnamed else (caller.name, caller.role)
    names = [match(text_atoms(text), text_atoms(name)) for name in own_names if name is not None]
    return Match.any_of((everybody, *names))


def _service_match(text: Text, name: Text) -> Match:
    exact = match(text_atoms(text), text_atoms(name))
    if exact is not Match.NO:
        return exact
    # A19: neither regional nor partition forms of CloudTrail's principal are documented.
    lower = Known(str(text.value).lower()) if isinstance(text, Known) else text
    return Match.NO if match(_LIKE_CLOUDTRAIL, text_atoms(lower)) is Match.NO else Match.MAYBE


def _account_match(text: Text, account: Text) -> Match:
    atoms = text_atoms(text)
    by_id = match(atoms, text_atoms(account))
    return Match.any_of((by_id, match(atoms, _root_atoms(account, _partition_of(text)))))


def _partition_of(text: Text) -> Text:
    """Return the partition of a root ARN as written: whoever writes a root ARN of a foreign partition names nobody else."""
    parts = arn_parts(text)
    return parts[1] if parts is not None else Known("aws")


@lru_cache(maxsize=256)
def _root_atoms(account: Text, partition: Text) -> Atoms:
    root = concatenate((Known("arn:"), partition, Known(":iam::"), account, Known(":root")))
    assert isinstance(root, (Known, Template, Symbol, Reference))
    return text_atoms(root)
