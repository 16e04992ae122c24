"""Which KMS key a trail has: the answer to ``key_of(configuration, kms_key_id)``, or why there is none to look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from ctkms_policy.known_keys import known_key_named
from ctkms_policy.model import Alias, Configuration, Key, KeyLookup, Language
from ctkms_policy.value import (
    Absent,
    Branch,
    Choice,
    Known,
    Literal,
    Reference,
    Symbol,
    SymbolKind,
    Template,
    Unknown,
    Value,
    describe,
    scalar_text,
)

_MAX_ALIAS_STEPS = 10
"""An alias may point to a lookup that names an alias; more steps than this are a cycle."""


class KeyState(Enum):
    """What KMS key a trail has with default inputs."""

    CUSTOMER_MANAGED = "customer-managed"
    """a key is named, in the code or elsewhere, and nothing says that it is AWS managed"""
    AWS_MANAGED = "aws-managed"
    NONE = "none"
    DEPENDS = "depends"
    """inputs without defaults decide whether there is a key"""
    UNDETERMINED = "undetermined"
    """not evaluable: a module that is not installed, a function that is not modelled"""


@dataclass(frozen=True, slots=True)
class KeyLink:
    """What ``kms_key_id`` leads to.

    state    judged with default inputs
    key      the key whose policy is to be judged: the one that default inputs choose, else the one another branch names
    value    what the file says, in words, or "" where it says nothing
    reason   why there is no key, or why its policy is not visible; "" where the key is in the code
    none_when  the conditions, in words, under which there is no KMS key though default inputs choose one (or choose nothing)
    key_when   the conditions under which ``key`` is the one, where default inputs choose none
    others     the other keys in the code that it may be, where nothing decides
    """

    state: KeyState
    key: Key | None = None
    value: str = ""
    reason: str = ""
    none_when: tuple[str, ...] = ()
    key_when: str = ""
    others: tuple[Key, ...] = ()


def key_of(configuration: Configuration, kms_key_id: Value) -> KeyLink:
    """Return which KMS key the value names within ``configuration``."""
    return _link(configuration, kms_key_id, _MAX_ALIAS_STEPS)


def _link(configuration: Configuration, value: Value, steps: int) -> KeyLink:
    if steps == 0:
        return KeyLink(KeyState.UNDETERMINED, value=describe(value), reason="aliases that point to each other")
    if isinstance(value, Choice):
        return _link_choice(configuration, value, steps)
    if isinstance(value, Absent):
        return KeyLink(KeyState.NONE, value="null" if value.origin.via else "", reason="no KMS key is named")
    if isinstance(value, Known):
        return _link_text(configuration, value, scalar_text(value.value), steps)
    if isinstance(value, Template):
        return _link_template(configuration, value, steps)
    if isinstance(value, Symbol):
        return _link_symbol(value)
    if isinstance(value, Reference):
        return _link_reference(configuration, value, steps)
    if isinstance(value, Unknown):
        return KeyLink(KeyState.UNDETERMINED, reason=value.reason)
    return KeyLink(KeyState.UNDETERMINED, value=describe(value), reason=f"a KMS key is named by a string, not by {describe(value)}")


def _link_choice(configuration: Configuration, choice: Choice, steps: int) -> KeyLink:
    branches = [(branch, _link(configuration, branch.value, steps)) for branch in choice.branches]
    none_when = tuple(when for branch, link in branches for when in _none_when(branch, link))
    if choice.chosen is not None:
        branch, link = branches[choice.chosen]
        if link.state is not KeyState.NONE:
            others = tuple(
                when for index, (each, other) in enumerate(branches) if index != choice.chosen for when in _none_when(each, other)
            )
            return KeyLink(link.state, link.key, link.value, link.reason, (*link.none_when, *others), link.key_when, link.others)
        other_branch, other = _first_with_key(branches)
        reason = f"no KMS key when {branch.when}, the default"
        return KeyLink(KeyState.NONE, other.key, link.value, reason, (), _both(other_branch.when, other.key_when) if other.key else "")
    return replace(_link_undecided(choice, branches, none_when), others=_other_keys(branches))


def _other_keys(branches: list[tuple[Branch, KeyLink]]) -> tuple[Key, ...]:
    """Return the keys in the code that branches lead to, without that of the first such branch."""
    keys = {id(key): key for _, link in branches for key in (link.key, *link.others) if key is not None}
    return tuple(keys.values())[1:]


def _link_undecided(choice: Choice, branches: list[tuple[Branch, KeyLink]], none_when: tuple[str, ...]) -> KeyLink:
    states = {link.state for _, link in branches}
    branch, link = _first_with_key(branches)
    value = describe(choice)
    if len(states) == 1:
        state = states.pop()
        reason = link.reason if link.key is None else ""
        return KeyLink(state, link.key, value, reason, none_when, "" if state is KeyState.NONE else link.key_when)
    if KeyState.UNDETERMINED in states and KeyState.NONE not in states:
        return KeyLink(KeyState.UNDETERMINED, link.key, value, next(each.reason for _, each in branches if each.reason), none_when)
    if states <= {KeyState.CUSTOMER_MANAGED, KeyState.AWS_MANAGED}:
        return KeyLink(KeyState.UNDETERMINED, link.key, value, f"{branch.when} decides which KMS key it is", none_when)
    return KeyLink(KeyState.DEPENDS, link.key, value, f"there is a KMS key only when {_both(branch.when, link.key_when)}", none_when, "")


def _none_when(branch: Branch, link: KeyLink) -> tuple[str, ...]:
    if link.state is KeyState.NONE and not link.key_when:
        return (branch.when,)
    return tuple(_both(branch.when, when) for when in link.none_when)


def _both(first: str, second: str) -> str:
    return f"{first} and {second}" if first and second else first or second


def _first_with_key(branches: list[tuple[Branch, KeyLink]]) -> tuple[Branch, KeyLink]:
    """Return the first branch with a key in the code, else the first that names a key at all, else the first."""
    in_code = [pair for pair in branches if pair[1].key is not None]
    named = [pair for pair in branches if pair[1].state is not KeyState.NONE]
    return (in_code or named or branches)[0]


def _link_text(configuration: Configuration, value: Known | Template, text: str, steps: int) -> KeyLink:
    """Link a literal text; of a Template the caller passes the text with its holes left out."""
    if not text.strip():
        return KeyLink(KeyState.NONE, value=describe(value), reason="the value is empty" if not text else "the value is blank")
    if "alias/aws/" in text:
        return KeyLink(KeyState.AWS_MANAGED, value=describe(value), reason="aliases that begin with alias/aws/ belong to AWS managed keys")
    alias = _alias_named(configuration, value)
    if alias is not None:
        return _link_alias(configuration, alias, steps)
    known = known_key_named(configuration.known_keys, value)
    if known is not None:
        return KeyLink(KeyState.CUSTOMER_MANAGED, known, describe(value))
    kind = "alias" if "alias/" in text else "key"
    return KeyLink(KeyState.CUSTOMER_MANAGED, value=describe(value), reason=f"the {kind} {describe(value)} is not in the scanned code")


def _alias_named(configuration: Configuration, value: Known | Template) -> Alias | None:
    """Return the alias whose name the text ends with: ``alias/logs`` or ``arn:aws:kms:us-east-1:111122223333:alias/logs``."""
    wanted = describe(value, quoted=False)
    if "alias/" not in wanted:
        return None
    wanted = wanted[wanted.index("alias/") :]
    named = (alias for alias in configuration.aliases if not isinstance(alias.name, (Unknown, Choice)))
    return next((alias for alias in named if describe(alias.name, quoted=False) == wanted), None)


def _link_template(configuration: Configuration, template: Template, steps: int) -> KeyLink:
    literal = "".join(part.text for part in template.parts if isinstance(part, Literal))
    for part in template.parts:
        if isinstance(part, Reference) and _resource(configuration, part.address) is not None:
            return _link_reference(configuration, part, steps)
    if literal.strip():
        return _link_text(configuration, template, literal, steps)
    holes = [part for part in template.parts if not isinstance(part, Literal)]
    unknown = next((hole for hole in holes if isinstance(hole, Unknown)), None)
    if unknown is not None:
        return KeyLink(KeyState.UNDETERMINED, value=describe(template), reason=unknown.reason)
    inputs = [hole for hole in holes if isinstance(hole, Symbol) and hole.kind is SymbolKind.INPUT]
    if len(inputs) == len(holes):
        return KeyLink(KeyState.DEPENDS, value=describe(template), reason=_link_symbol(inputs[0]).reason)
    return KeyLink(KeyState.CUSTOMER_MANAGED, value=describe(template), reason="the key is not in the scanned code")


def _link_symbol(symbol: Symbol) -> KeyLink:
    value = describe(symbol)
    reason = symbol.reason or f"the value of {value} is not in the scanned code"
    if symbol.kind is SymbolKind.EXTERNAL:
        return KeyLink(KeyState.CUSTOMER_MANAGED, value=value, reason=reason)
    if symbol.kind is SymbolKind.INPUT:
        if symbol.shape.one_of and all("alias/aws/" in text for text in symbol.shape.one_of):
            return KeyLink(KeyState.AWS_MANAGED, value=value, reason=f"every value that {value} allows is the alias of an AWS managed key")
        never_blank = symbol.shape.shortest > 0 or (symbol.shape.one_of and all(text.strip() for text in symbol.shape.one_of))
        if never_blank and not any("alias/aws/" in text for text in symbol.shape.one_of):
            return KeyLink(KeyState.CUSTOMER_MANAGED, value=value, reason=reason)
        return KeyLink(KeyState.DEPENDS, value=value, reason=reason)
    return KeyLink(KeyState.UNDETERMINED, value=value, reason=reason)


def _resource(configuration: Configuration, address: str) -> Key | Alias | KeyLookup | None:
    for group in (configuration.keys, configuration.aliases, configuration.lookups):
        for resource in group:
            if resource.address == address:
                return resource
    return None


def _link_reference(configuration: Configuration, reference: Reference, steps: int) -> KeyLink:
    value = describe(reference)
    resource = _resource(configuration, reference.address)
    if isinstance(resource, Key):
        return KeyLink(KeyState.CUSTOMER_MANAGED, resource, value)
    if isinstance(resource, Alias):
        return _link_alias(configuration, resource, steps)
    if isinstance(resource, KeyLookup):
        return _link_lookup(configuration, resource, value, steps)
    if _is_key_type(configuration.language, reference.address):
        return KeyLink(KeyState.UNDETERMINED, value=value, reason=f"{reference.address} does not exist with the same inputs")
    return KeyLink(KeyState.CUSTOMER_MANAGED, value=value, reason=f"the key comes from {value}, whose policy is not in the scanned code")


def _is_key_type(language: Language, address: str) -> bool:
    return language is Language.TERRAFORM and any(part.startswith("aws_kms_") for part in address.split(".")) and "data." not in address


def _link_alias(configuration: Configuration, alias: Alias, steps: int) -> KeyLink:
    if isinstance(alias.name, (Known, Template)) and describe(alias.name, quoted=False).startswith("alias/aws/"):
        return KeyLink(
            KeyState.AWS_MANAGED, value=describe(alias.name), reason="aliases that begin with alias/aws/ belong to AWS managed keys"
        )
    link = _link(configuration, alias.target, steps - 1)
    if link.state is KeyState.NONE:
        return KeyLink(KeyState.UNDETERMINED, value=describe(alias.name), reason=f"alias {alias.address} has no target key")
    if link.state is KeyState.DEPENDS and link.key is None:
        # An alias always has a target: whatever the input is, there is a key.
        return KeyLink(KeyState.CUSTOMER_MANAGED, None, describe(alias.name), link.reason)
    return link


def _link_lookup(configuration: Configuration, lookup: KeyLookup, value: str, steps: int) -> KeyLink:
    if lookup.manager == Known("AWS"):
        return KeyLink(KeyState.AWS_MANAGED, value=value, reason=f"{lookup.address} found a key with key_manager = AWS")
    link = _link(configuration, lookup.key_id, steps - 1)
    if link.state is KeyState.AWS_MANAGED or link.key is not None:
        return link
    return KeyLink(
        KeyState.CUSTOMER_MANAGED,
        value=value,
        reason=f"{lookup.address} reads a key that is not in the scanned code, and a data source tells no policy",
    )
