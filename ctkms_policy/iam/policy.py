"""From the value of a policy attribute to a KeyPolicy: every element with its span, every defect with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import zip_longest
from typing import TypeAlias

from ctkms_policy.iam.actions import meant_action, names_an_action
from ctkms_policy.iam.arns import arn_parts
from ctkms_policy.iam.notation import Notation, element, name_of, notation_of, principal_element
from ctkms_policy.json_text import parse_json_text
from ctkms_policy.model import (
    Condition,
    DefectKind,
    Effect,
    KeyPolicy,
    Place,
    PolicyDefect,
    PolicyForm,
    Principal,
    PrincipalType,
    Statement,
    UnreadablePolicy,
)
from ctkms_policy.source import ParseError, Span
from ctkms_policy.value import (
    Absent,
    Branch,
    Choice,
    Entry,
    JsonText,
    Known,
    ListValue,
    Literal,
    MapValue,
    Match,
    Origin,
    Reference,
    Symbol,
    Template,
    Unknown,
    Value,
    concatenate,
    default_of,
    describe,
    json_text,
    scalar_text,
    text_parts,
)

MAX_POLICY_BYTES = 32_768
"""KMS rejects a longer key policy (C8)."""

VERSIONS = ("2012-10-17", "2008-10-17")
UNKNOWN_VERSION = "unknown"

_POLICY_ELEMENTS = ("Version", "Id", "Statement")
_STATEMENT_ELEMENTS = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)
_PRINCIPAL_TYPES = {type_.value: type_ for type_ in PrincipalType if type_ not in (PrincipalType.ANYONE, PrincipalType.OTHER)}

_ACCOUNT = re.compile(r"[0-9]{12}")
_PRINCIPAL_ID = re.compile(r"A[A-Z0-9]{15,127}")
_PRINCIPAL_ARN = re.compile(r"arn:[a-z0-9-]+:(iam|sts)::([^:]*):(.+)", re.DOTALL)
_SERVICE_PRINCIPALS_NEAR = ("cloudtrail.amazonaws.com",)


def read_key_policy(document: Value, form: PolicyForm, span: Span) -> KeyPolicy | UnreadablePolicy | Unknown:
    """Return the key policy that the evaluated value of a policy attribute says.

    ``document`` may be a map, a JSON text in any form or a choice of those; ``span`` stands for every part whose own place is
    not known. Of a Choice the default branch is read; where no default decides, statements that only some branches have are
    included MAYBE. UnreadablePolicy is for what is certainly no policy; what depends on unknown values is Unknown, and so is
    Absent: which policy AWS attaches then is ``default_key_policy``.
    """
    left_out = tuple(_left_out_by_default(document))
    read = _read_value(default_of(document), form, span)
    if not left_out or not isinstance(read, KeyPolicy):
        return read
    others = [(when, _read_value(default_of(other), form, span)) for when, other in left_out]
    further = [
        replace(statement, included=Match.NO, included_when=when)
        for when, policy in others
        if isinstance(policy, KeyPolicy)
        for statement in policy.statements
        if statement not in read.statements
    ]
    return replace(read, left_out=(*read.left_out, *further))


def _left_out_by_default(value: Value) -> Iterator[tuple[str, Value]]:
    """Yield what default inputs do not choose, with the condition that would."""
    while isinstance(value, Choice) and value.chosen is not None:
        yield from ((branch.when, branch.value) for index, branch in enumerate(value.branches) if index != value.chosen)
        value = value.branches[value.chosen].value


def _read_value(document: Value, form: PolicyForm, span: Span) -> KeyPolicy | UnreadablePolicy | Unknown:
    if isinstance(document, Choice):
        return _read_branches(document, form, span)
    if document.origin.sensitive and not isinstance(document, (Unknown, Absent)):
        # Its parts would stand in messages, fixes and snippets. It has no place: that line holds the value.
        return Unknown("its text is a sensitive value, which is never shown")
    if isinstance(document, JsonText):
        return read_key_policy(document.document, form, document.origin.span or span)
    if isinstance(document, (Known, Template)):
        return _read_text(document, span)
    if isinstance(document, MapValue):
        return _read_document(document, form, document.origin.span or span)
    if isinstance(document, ListValue):
        return UnreadablePolicy("the key policy is a list, not an object", document.origin.span or span, "write one object with Statement")
    if isinstance(document, Unknown):
        return document
    if isinstance(document, Absent):
        return Unknown("no key policy is written", document.origin)
    return Unknown(_reason(document), document.origin)


def default_key_policy(place: Place, span: Span) -> KeyPolicy:
    """Return the policy that AWS attaches to a key without one: the account may delegate, nobody else may do anything (B4, B13)."""
    root = concatenate((Known("arn:"), place.partition, Known(":iam::"), place.account, Known(":root")), Origin(span))
    statement = Statement(
        Effect.ALLOW,
        (Principal(PrincipalType.AWS, root),),
        (Known("kms:*", Origin(span)),),
        (Known("*", Origin(span)),),
        sid="Enable IAM User Permissions",
        span=span,
    )
    return KeyPolicy((statement,), "2012-10-17", form=PolicyForm.DEFAULT, span=span)


# -- documents ---------------------------------------------------------------------------------------------------------


def _read_text(text: Known | Template, span: Span) -> KeyPolicy | UnreadablePolicy | Unknown:
    place = text.origin.span or span
    if isinstance(text, Known) and not isinstance(text.value, str):
        return UnreadablePolicy(f"the key policy is {scalar_text(text.value)}, not a JSON object", place, "write an object with Statement")
    try:
        value = parse_json_text(text, place)
    except ParseError as error:
        loose = [part for part in text.parts if _may_hold_quotes(part)] if isinstance(text, Template) else []
        if loose:
            # The unknown part may bring the very comma or quote that seems to be missing.
            return Unknown(f"the policy's JSON text depends on {describe(_hole(loose[0]))}", text.origin)
        return UnreadablePolicy(f"the key policy is not JSON: {error.message}", error.span, error.help)
    if isinstance(value, (MapValue, Unknown, Choice)):
        return read_key_policy(value, PolicyForm.JSON_TEXT, place)
    return UnreadablePolicy("the key policy is JSON but not an object", value.origin.span or place, "write one object with Statement")


def _may_hold_quotes(part: object) -> bool:
    if isinstance(part, Symbol):
        return not part.shape.one_of and (part.shape.alphabet is None or '"' in part.shape.alphabet)
    return isinstance(part, (Unknown, Reference))


def _hole(part: object) -> Value:
    assert isinstance(part, (Symbol, Reference, Unknown))
    return part


def _read_branches(choice: Choice, form: PolicyForm, span: Span) -> KeyPolicy | UnreadablePolicy | Unknown:
    read = [(branch.when, read_key_policy(branch.value, form, span)) for branch in choice.branches]
    first = read[0][1]
    if all(policy == first for _, policy in read[1:]) and not isinstance(first, Unknown):
        return first
    policies = [(when, policy) for when, policy in read if isinstance(policy, KeyPolicy)]
    if not policies:
        return Unknown(f"which key policy is used depends on {describe_conditions(choice)}", choice.origin)
    rest = next((f"{when}: {_reason(policy)}" for when, policy in read if not isinstance(policy, KeyPolicy)), "")
    statements: list[Statement] = []
    for index, (when, policy) in enumerate(read):
        for statement in policy.statements if isinstance(policy, KeyPolicy) else ():
            everywhere = not rest and all(statement in other.statements for _, other in policies)
            if not everywhere:
                statements.append(_maybe(statement, when, (choice.condition, index, len(read))))
            elif statement not in statements:
                statements.append(statement)
    versions = {policy.version for _, policy in policies}
    rest = rest or next((policy.rest for _, policy in policies if policy.rest), "")
    certain = policies[0][1].defects if all(policy.defects == policies[0][1].defects for _, policy in policies) else ()
    version = versions.pop() if len(versions) == 1 else UNKNOWN_VERSION
    return KeyPolicy(tuple(statements), version, rest, certain, policies[0][1].form, choice.origin.span or span)


def _maybe(statement: Statement, when: str, branch: tuple[str, int, int]) -> Statement:
    conditions = ", ".join(part for part in (when, statement.included_when) if part)
    return replace(
        statement, included=min(statement.included, Match.MAYBE), included_when=conditions, branches=(branch, *statement.branches)
    )


def describe_conditions(choice: Choice) -> str:
    """Return the conditions of a choice in words: ``"var.a = true" or "var.a = false"``."""
    return " or ".join(f'"{branch.when}"' for branch in choice.branches)


def _reason(value: Value | UnreadablePolicy | KeyPolicy) -> str:
    if isinstance(value, Unknown):
        return value.reason
    if isinstance(value, UnreadablePolicy):
        return value.message
    if isinstance(value, Symbol) and value.reason:
        return value.reason
    if isinstance(value, Reference):
        return f"{value.address}.{value.attribute} is known only after the deployment"
    return f"{describe(value)} is not known" if not isinstance(value, KeyPolicy) else ""


def _read_document(document: MapValue, form: PolicyForm, span: Span) -> KeyPolicy | UnreadablePolicy | Unknown:
    hidden = _without_sensitive(document)
    assert isinstance(hidden, MapValue)
    document = hidden
    defects: list[PolicyDefect] = []
    rest = document.rest
    elements: dict[str, Entry] = {}
    for entry in document.entries:
        if not isinstance(entry.key, Known):
            rest = rest or f"the element name {describe(entry.key)} is not known"
        elif entry.name in _POLICY_ELEMENTS:
            elements[entry.name] = entry
        elif not isinstance(default_of(entry.value), Absent):
            defects.append(_unknown_element(entry, _POLICY_ELEMENTS, "a key policy", span))
    entry_of_statements = elements.get("Statement")
    if entry_of_statements is None or isinstance(default_of(entry_of_statements.value), Absent):
        if rest:
            return Unknown(rest, document.origin)
        misspelt = next((defect for defect in defects if "Statement" in defect.help), None)
        return UnreadablePolicy(
            "the key policy has no Statement", misspelt.span if misspelt else span, misspelt.help if misspelt else "add Statement"
        )
    version = _read_version(elements.get("Version"), defects, span)
    statements: list[Statement] = []
    left_out: list[Statement] = []
    notation = notation_of(form, span)
    rest = ""  # nothing else of the document can bring statements
    for item in _statement_items(entry_of_statements.value):
        if item.left_out_unless:
            if isinstance(item.value, MapValue):
                read = _StatementReader(item.value, span, notation).read()
                left_out.append(replace(read, included=Match.NO, included_when=item.left_out_unless))
        elif isinstance(item.value, MapValue):
            statement = _StatementReader(item.value, span, notation).read()
            for when, branch in reversed(item.branches):
                statement = _maybe(statement, when, branch)
            statements.append(statement)
        elif isinstance(item.value, (Known, Template, JsonText, ListValue)):
            place = item.value.origin.span or span
            defects.append(
                PolicyDefect(
                    DefectKind.REJECTED, f"a statement is {describe(item.value)}, not an object", place, "write each statement as an object"
                )
            )
        elif not isinstance(item.value, Absent):
            rest = rest or _reason(item.value)
    if not statements and not rest and not defects:
        place = _entry_span(entry_of_statements) or span
        defects.append(
            PolicyDefect(DefectKind.REJECTED, "the key policy has no statement, KMS wants at least one", place, "add a statement")
        )
    defects.extend(_text_defects(document, span))
    without_default = tuple(each for each in left_out if each not in statements)
    single = entry_of_statements.value if isinstance(entry_of_statements.value, MapValue) else None
    return KeyPolicy(tuple(statements), version, rest, tuple(defects), form, span, without_default, single)


def _without_sensitive(value: Value, around: bool = False) -> Value:
    """Return the value with an Unknown in the place of each sensitive text: every part of a policy may be quoted.

    ``around``: it stands in a list or map that is sensitive as a whole.
    """
    sensitive = around or value.origin.sensitive
    if isinstance(value, MapValue):
        return replace(value, entries=tuple(replace(each, value=_without_sensitive(each.value, sensitive)) for each in value.entries))
    if isinstance(value, ListValue):
        return replace(value, items=tuple(_without_sensitive(item, sensitive) for item in value.items))
    if isinstance(value, Choice):
        return replace(value, branches=tuple(replace(each, value=_without_sensitive(each.value, sensitive)) for each in value.branches))
    if isinstance(value, JsonText):
        return replace(value, document=_without_sensitive(value.document, sensitive))
    if sensitive and isinstance(value, (Known, Template)):
        return Unknown("it is sensitive, and never shown")
    return value


_Branches: TypeAlias = tuple[tuple[str, tuple[str, int, int]], ...]


@dataclass(frozen=True, slots=True)
class _Item:
    """One element of a list, or the reason for further ones; ``branches`` are those that give it, with their conditions in words.

    ``left_out_unless`` is what would give it where default inputs do not, else "".
    """

    value: Value
    branches: _Branches = ()
    left_out_unless: str = ""


def _statement_items(value: Value, branches: _Branches = ()) -> Iterator[_Item]:
    """Yield the statements of a Statement element, which is a list or a single object (C8)."""
    yield from _items_left_out(value)
    value = default_of(value)
    if isinstance(value, Choice):
        for branch, place in _places_of(value, branches):
            yield from _statement_items(branch, place)
    elif isinstance(value, ListValue):
        for item in value.items:
            yield from _list_item(item, branches)
        if value.rest:
            yield _Item(Unknown(value.rest, value.origin), branches)
    else:
        yield _Item(value, branches)


def _items_left_out(value: Value) -> Iterator[_Item]:
    for when, other in _left_out_by_default(value):
        other = default_of(other)
        for item in other.items if isinstance(other, ListValue) else (other,):
            yield _Item(default_of(item), left_out_unless=when)


def _list_item(value: Value, branches: _Branches) -> Iterator[_Item]:
    yield from _items_left_out(value)
    value = default_of(value)
    if not isinstance(value, Choice):
        yield _Item(value, branches)
    elif _equal_branches(value):
        yield from _list_item(value.branches[0].value, branches)
    else:
        for branch, place in _places_of(value, branches):
            yield from _list_item(branch, place)


def _places_of(choice: Choice, branches: _Branches) -> Iterator[tuple[Value, _Branches]]:
    for index, branch in enumerate(choice.branches):
        yield branch.value, (*branches, (branch.when, (choice.condition, index, len(choice.branches))))


def _equal_branches(choice: Choice) -> bool:
    first = choice.branches[0].value
    return not isinstance(first, Unknown) and all(branch.value == first for branch in choice.branches)


def _read_version(entry: Entry | None, defects: list[PolicyDefect], span: Span) -> str:
    if entry is None:
        return "2008-10-17"
    value = default_of(entry.value)
    if isinstance(value, Absent):
        return "2008-10-17"
    if not isinstance(value, Known):
        return UNKNOWN_VERSION
    text = scalar_text(value.value)
    if text in VERSIONS:
        return text
    defects.append(
        PolicyDefect(
            DefectKind.REJECTED, f'"{text}" is no policy version', value.origin.span or _entry_span(entry) or span, 'write "2012-10-17"'
        )
    )
    return UNKNOWN_VERSION


def _text_defects(document: MapValue, span: Span) -> Iterator[PolicyDefect]:
    text = json_text(JsonText(document))
    if not isinstance(text, Known):
        return
    content = str(text.value)
    foreign = next((character for character in content if character > "\u00ff"), "")
    if foreign:
        yield PolicyDefect(
            DefectKind.REJECTED, f'the key policy holds "{foreign}", which is not Latin-1', span, "use Latin-1 characters only"
        )
    size = len(content.encode())
    if size > MAX_POLICY_BYTES:
        yield PolicyDefect(DefectKind.REJECTED, f"the key policy has {size} bytes, KMS takes {MAX_POLICY_BYTES}", span, "merge statements")


def _sid(entry: Entry | None) -> str:
    """Return what a message calls a statement by; "" where it has no Sid, or none that is known."""
    value = Absent() if entry is None else default_of(entry.value)
    return "" if isinstance(value, (Absent, Unknown)) else describe(value, quoted=False)


def _unknown_element(entry: Entry, known: tuple[str, ...], owner: str, span: Span) -> PolicyDefect:
    close = get_close_matches(entry.name.lower(), [name.lower() for name in known], n=1, cutoff=0.75)
    meant = next((name for name in known if close and name.lower() == close[0]), "")
    message = f'"{entry.name}" is no element of {owner}'
    return PolicyDefect(DefectKind.REJECTED, message, entry.key.origin.span or span, f'did you mean "{meant}"?' if meant else "remove it")


def _entry_span(entry: Entry) -> Span | None:
    """Return the span of ``key: value``, as far as both are known to stand together."""
    key, value = entry.key.origin.span, entry.value.origin.span
    if key is None or value is None:
        return value or key
    return key.to(value) if key.path == value.path and key <= value else value


# -- statements --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _StatementReader:
    """Reads one statement; collects what is wrong with it on the way."""

    document: MapValue
    fallback: Span
    notation: Notation
    defects: list[PolicyDefect] = field(default_factory=list)

    @property
    def span(self) -> Span:
        return self.document.origin.span or self.fallback

    def read(self) -> Statement:
        elements: dict[str, Entry] = {}
        unknown_names = bool(self.document.rest)
        for entry in self.document.entries:
            if not isinstance(entry.key, Known):
                unknown_names = True
            elif isinstance(default_of(entry.value), Absent):
                continue
            elif entry.name in _STATEMENT_ELEMENTS:
                elements[entry.name] = entry
            else:
                self.defects.append(_unknown_element(entry, _STATEMENT_ELEMENTS, "a statement", self.span))
        parts = tuple((name, _entry_span(entry) or self.span) for name, entry in elements.items())
        effect = self._effect(elements.get("Effect"), unknown_names)
        principals, principals_negated = self._principals(elements, unknown_names)
        actions, actions_negated = self._values(elements, "Action", unknown_names)
        resources, resources_negated = self._values(elements, "Resource", unknown_names)
        self._check_actions(actions, actions_negated)
        if not resources_negated:
            self._check_resources(resources)
        conditions = self._conditions(elements.get("Condition"))
        if unknown_names and "Condition" not in elements:
            conditions = (*conditions, self._unknown_condition(Unknown(self.document.rest or "an element name is not known"), self.span))
        sid = elements.get("Sid")
        return Statement(
            effect,
            principals,
            actions,
            resources,
            conditions,
            _sid(sid),
            principals_negated,
            actions_negated,
            resources_negated,
            defects=tuple(self.defects),
            span=self.span,
            parts=parts,
            unknown_effect=default_of(elements["Effect"].value) if effect is Effect.UNKNOWN and "Effect" in elements else None,
        )

    def _defect(self, kind: DefectKind, message: str, span: Span | None, help: str) -> None:
        self.defects.append(PolicyDefect(kind, message, span or self.span, help))

    def _effect(self, entry: Entry | None, unknown_names: bool) -> Effect:
        if entry is None:
            if unknown_names:
                return Effect.UNKNOWN
            self._defect(DefectKind.REJECTED, "it has no Effect", self.span, f"add {element(self.notation, 'Effect', 'Allow')}")
            return Effect.INVALID
        value = default_of(entry.value)
        if not isinstance(value, Known):
            return Effect.UNKNOWN
        text = scalar_text(value.value)
        if text in ("Allow", "Deny"):
            return Effect(text)
        meant = text.capitalize() if text.capitalize() in ("Allow", "Deny") else "Allow"
        self._defect(
            DefectKind.REJECTED,
            f'Effect "{text}" is neither "Allow" nor "Deny", which are case-sensitive',
            value.origin.span or _entry_span(entry),
            f"write {element(self.notation, 'Effect', meant)}",
        )
        return Effect.INVALID

    def _chosen_element(self, elements: dict[str, Entry], name: str) -> tuple[Entry | None, bool]:
        """Return the entry of an element or of its negated twin, and whether it is the twin."""
        plain, negated = elements.get(name), elements.get(f"Not{name}")
        if plain is not None and negated is not None:
            self._defect(
                DefectKind.REJECTED,
                f"it has both {name} and Not{name}",
                _entry_span(negated),
                f"keep one of {name} and Not{name}",
            )
        return (plain, False) if plain is not None or negated is None else (negated, True)

    def _values(self, elements: dict[str, Entry], name: str, unknown_names: bool) -> tuple[tuple[Value, ...], bool]:
        entry, negated = self._chosen_element(elements, name)
        if entry is None and unknown_names:
            return (Unknown(self.document.rest or "an element name is not known"),), False
        values = tuple(self._strings(entry.value)) if entry is not None else ()
        if not values:
            whole = f"add {element(self.notation, 'Resource', '*')}, which means this key"
            self._defect(
                DefectKind.INEFFECTIVE,
                f"it has no {name}",
                _entry_span(entry) if entry is not None else self.span,
                whole if name == "Resource" else f"add {name_of(self.notation, name)}, or remove the statement",
            )
        return values, negated

    def _strings(self, value: Value) -> Iterator[Value]:
        """Yield the texts of a scalar or list; unresolved choices are kept, with Absent for "not there"."""
        value = default_of(value)
        if isinstance(value, ListValue):
            for item in value.items:
                yield from self._strings(item)
            if value.rest:
                yield Unknown(value.rest, value.origin)
        elif isinstance(value, Choice):
            yield from self._choice_strings(value)
        elif isinstance(value, JsonText):
            yield from self._strings(json_text(value))
        elif isinstance(value, MapValue):
            self._defect(DefectKind.REJECTED, "an object stands where a string is expected", value.origin.span, "write a string")
        elif isinstance(value, Known) and not isinstance(value.value, str):
            yield Known(scalar_text(value.value), value.origin)
        elif not isinstance(value, Absent):
            yield value

    def _choice_strings(self, choice: Choice) -> Iterator[Value]:
        """Yield one choice for the first text of every branch, one for the second, and so on."""
        branches = [tuple(self._strings(branch.value)) for branch in choice.branches]
        for texts in zip_longest(*branches, fillvalue=Absent()):
            yield Choice(choice.condition, tuple(map(Branch, (each.when for each in choice.branches), texts)), None, choice.origin)

    # Principals

    def _principals(self, elements: dict[str, Entry], unknown_names: bool) -> tuple[tuple[Principal, ...], bool]:
        entry, negated = self._chosen_element(elements, "Principal")
        if entry is None:
            if unknown_names:
                return (Principal(PrincipalType.OTHER, Unknown(self.document.rest or "an element name is not known")),), False
            self._defect(DefectKind.REJECTED, "it has no Principal", self.span, "add a principal")
            return (), False
        principals = tuple(self._principals_of(entry.value))
        if not principals:
            self._defect(DefectKind.REJECTED, "it names no principal", _entry_span(entry), "add a principal")
        return principals, negated

    def _principals_of(self, value: Value) -> Iterator[Principal]:
        value = default_of(value)
        if isinstance(value, MapValue):
            for entry in value.entries:
                yield from self._principals_of_type(entry)
            if value.rest:
                yield Principal(PrincipalType.OTHER, Unknown(value.rest, value.origin))
        elif isinstance(value, Choice):
            yield from self._choice_principals(value)
        elif isinstance(value, Known) and value.value == "*":
            yield Principal(PrincipalType.ANYONE, value)
        elif isinstance(value, Absent):
            return
        elif isinstance(value, (Symbol, Reference, Unknown)):
            yield Principal(PrincipalType.OTHER, Unknown(_reason(value), value.origin))
        else:
            text = describe(value)
            meant = "Service" if isinstance(value, Known) and str(value.value).endswith(".amazonaws.com") else "AWS"
            self._defect(
                DefectKind.REJECTED,
                f'the principal {text} is neither "*" nor a map of principals',
                value.origin.span,
                f"write {principal_element(self.notation, meant, describe(value, quoted=False))}"
                if isinstance(value, (Known, Template))
                else "write a map of principals",
            )
            yield Principal(PrincipalType.OTHER, value)

    def _choice_principals(self, choice: Choice) -> Iterator[Principal]:
        branches = [list(self._principals_of(branch.value)) for branch in choice.branches]
        for type_ in dict.fromkeys(principal.type for branch in branches for principal in branch):
            of_type = [[principal.value for principal in branch if principal.type is type_] for branch in branches]
            for values in zip_longest(*of_type, fillvalue=Absent()):
                texts = tuple(map(Branch, (each.when for each in choice.branches), values))
                yield Principal(type_, Choice(choice.condition, texts, None, choice.origin))

    def _principals_of_type(self, entry: Entry) -> Iterator[Principal]:
        values = list(self._strings(entry.value))
        if not isinstance(entry.key, Known):
            for value in values:
                yield Principal(PrincipalType.OTHER, Unknown(f"the principal type {describe(entry.key)} is not known", value.origin))
            return
        type_ = _PRINCIPAL_TYPES.get(entry.name)
        if type_ is None and entry.name == "*" and values == [Known("*")]:
            # aws_iam_policy_document writes {"*": ["*"]} when "*" stands beside others (B9).
            help = f"write {principal_element(self.notation, '*', '*')}"
            self._defect(DefectKind.REJECTED, '"*" is no principal type', entry.key.origin.span, help)
            yield Principal(PrincipalType.OTHER, values[0])
            return
        if type_ is None:
            close = get_close_matches(entry.name.lower(), [name.lower() for name in _PRINCIPAL_TYPES], n=1)
            meant = next((name for name in _PRINCIPAL_TYPES if close and name.lower() == close[0]), "")
            self._defect(
                DefectKind.REJECTED,
                f'"{entry.name}" is no principal type',
                entry.key.origin.span,
                f'did you mean "{meant}"?' if meant else 'write "AWS", "Service" or "Federated"',
            )
        for value in values:
            if type_ is not None:
                self._check_principal(type_, value)
            yield Principal(type_ or PrincipalType.OTHER, value)

    def _check_principal(self, type_: PrincipalType, value: Value) -> None:
        """C5: KMS rejects principals that cannot exist."""
        problem = help = ""
        if isinstance(value, Template) and type_ is PrincipalType.AWS:
            problem, help = _wildcard_problem(value)
        elif isinstance(value, Known) and type_ is PrincipalType.AWS:
            problem, help = _aws_principal_problem(value, self.notation)
        elif isinstance(value, Known) and type_ is PrincipalType.SERVICE:
            problem, help = _service_principal_problem(str(value.value))
        if problem:
            self._defect(DefectKind.REJECTED, problem, value.origin.span, help)

    # Actions and conditions

    def _check_actions(self, actions: tuple[Value, ...], negated: bool) -> None:
        """C8: KMS accepts an action that does not exist; it just does nothing."""
        misspelt = [value for value in actions if isinstance(value, Known) and not names_an_action(str(value.value))]
        alone = len(misspelt) == len(actions) and not negated
        for value in misspelt:
            text = str(value.value)
            meant = meant_action(text)
            elsewhere = re.fullmatch(r"[a-zA-Z0-9-]+:.*", text) and not text.lower().startswith("kms:")
            message = f'"{text}" is not an action of KMS' if elsewhere else f'no KMS action is called "{text}"'
            help = f'did you mean "{meant}"?' if meant else "name an action of KMS"
            self._defect(DefectKind.INEFFECTIVE if alone else DefectKind.MISSPELT_ACTION, message, value.origin.span, help)

    def _check_resources(self, resources: tuple[Value, ...]) -> None:
        """C6: a statement that is only about aliases or other services' resources is never about this key."""
        elsewhere = [(value, _resource_problem(value)) for value in resources]
        if all(problem for _, problem in elsewhere):
            for value, problem in elsewhere:
                message = f"the Resource {describe(value)} is {problem}"
                help = f"write {element(self.notation, 'Resource', '*')}, which means this key"
                self._defect(DefectKind.INEFFECTIVE, message, value.origin.span, help)

    def _conditions(self, entry: Entry | None) -> tuple[Condition, ...]:
        if entry is None:
            return ()
        value = default_of(entry.value)
        if not isinstance(value, MapValue):
            if isinstance(value, (Known, Template, ListValue, JsonText)):
                self._defect(
                    DefectKind.REJECTED, "the Condition is not an object", _entry_span(entry), "write operator, key and values as an object"
                )
            return (self._unknown_condition(value, _entry_span(entry)),)
        conditions: list[Condition] = []
        for operator in value.entries:
            conditions.extend(self._conditions_of(operator))
        if value.rest:
            conditions.append(self._unknown_condition(Unknown(value.rest), _entry_span(entry)))
        return tuple(conditions)

    def _conditions_of(self, operator: Entry) -> Iterator[Condition]:
        keys = default_of(operator.value)
        name = operator.name if isinstance(operator.key, Known) else ""
        if isinstance(keys, Absent):
            return
        if not isinstance(keys, MapValue):
            if isinstance(keys, (Known, Template, ListValue, JsonText)):
                self._defect(
                    DefectKind.REJECTED,
                    f'"{operator.name}" has no condition key',
                    _entry_span(operator),
                    "write key and values as an object",
                )
            yield self._unknown_condition(keys, _entry_span(operator), name)
            return
        for entry in keys.entries:
            if isinstance(default_of(entry.value), Absent):
                continue
            span = _entry_span(entry) or _entry_span(operator) or self.span
            key: Value = at_least(entry.key, span)
            self._check_condition(name, key, span)
            yield Condition(name, key, tuple(self._strings(entry.value)), span)
        if keys.rest:
            yield self._unknown_condition(Unknown(keys.rest), _entry_span(operator), name)

    def _check_condition(self, operator: str, key: Value, span: Span) -> None:
        """C11: KMS refuses ForAllValues on an encryption-context pair."""
        if not isinstance(key, Known) or not operator.lower().startswith("forallvalues:"):
            return
        if str(key.value).lower().startswith("kms:encryptioncontext:"):
            plain = operator.partition(":")[2]
            self._defect(
                DefectKind.REJECTED,
                f'"{operator}" stands on the single-valued key "{key.value}" (OverlyPermissiveCondition)',
                span,
                f'use "{plain}"',
            )

    def _unknown_condition(self, value: Value, span: Span | None, operator: str = "") -> Condition:
        reason = _reason(value)
        return Condition(operator, Unknown(reason, value.origin), (Unknown(reason, value.origin),), span or self.span)


def at_least(value: Known | Template | Symbol, span: Span) -> Value:
    """Return ``value`` with ``span`` where it has none of its own."""
    return value if value.origin.span is not None else replace(value, origin=replace(value.origin, span=span))


def _aws_principal_problem(value: Known, notation: Notation) -> tuple[str, str]:
    text = str(value.value)
    if text == "*" or _ACCOUNT.fullmatch(text) or _PRINCIPAL_ID.fullmatch(text):
        return "", ""
    found = _PRINCIPAL_ARN.fullmatch(text)
    if found is None:
        if text.endswith(".amazonaws.com"):
            return f'"{text}" is a service, not an AWS account, user or role', f"write {principal_element(notation, 'Service', text)}"
        return f'"{text}" is no ARN of a principal', "write an account id, or the ARN of a root, user or role"
    account = found.group(2)
    if not _ACCOUNT.fullmatch(account) and account not in ("cloudfront", "aws"):
        return f'the principal "{text}" names "{account}" where an account id of 12 digits is expected', "write the account id"
    return _wildcard_problem(value)


def _wildcard_problem(value: Known | Template) -> tuple[str, str]:
    parts = arn_parts(value)
    name = text_parts(parts[5]) if parts is not None else ()
    if not any(isinstance(part, Literal) and ("*" in part.text or "?" in part.text) for part in name):
        return "", ""
    return (
        f"the principal {describe(value)} has a wildcard: no wildcard matches a part of a principal",
        'use "*" with a condition on "aws:PrincipalArn"',
    )


def _resource_problem(value: Value) -> str:
    """Return what a Resource is that is certainly no key, or ""."""
    parts = arn_parts(value) if isinstance(value, (Known, Template)) else None
    if parts is None:
        return ""
    service, resource = parts[2], text_parts(parts[5])[0] if text_parts(parts[5]) else None
    if isinstance(service, Known) and not any(letter in str(service.value) for letter in "*?$") and service.value != "kms":
        return "not a KMS key"
    return "an alias, not a key" if isinstance(resource, Literal) and resource.text.startswith("alias/") else ""


def _service_principal_problem(text: str) -> tuple[str, str]:
    if "*" in text or "?" in text:
        return f'the service principal "{text}" has a wildcard', 'write "cloudtrail.amazonaws.com"'
    if text != text.strip() or "." not in text or ":" in text or "/" in text:
        meant = "cloudtrail.amazonaws.com" if "cloudtrail" in text else "<service>.amazonaws.com"
        return f'"{text}" is no service principal', f'write "{meant}"'
    close = get_close_matches(text, _SERVICE_PRINCIPALS_NEAR, n=1, cutoff=0.92)
    if close and not text.lower().startswith("cloudtrail."):  # A19: other spellings of CloudTrail are undocumented, not wrong
        return f'"{text}" is no service principal', f'did you mean "{close[0]}"?'
    return "", ""
