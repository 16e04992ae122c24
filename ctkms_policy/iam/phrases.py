"""What an explanation is, and the phrases that its parts share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ctkms_policy.iam.context import ContextText, FromNow, ServiceAddress
from ctkms_policy.iam.request import CLOUDTRAIL, Question, Request
from ctkms_policy.model import Condition
from ctkms_policy.source import Span
from ctkms_policy.value import Known, Literal, Reference, Symbol, SymbolKind, Template, Text, Unknown, Value, describe, text_parts


class Mistake(Enum):
    """The common mistakes, by name."""

    ENCRYPTION_CONTEXT_ON_DESCRIBE = "encryption-context-on-describe"
    WILDCARD_UNDER_EQUALS = "wildcard-under-equals"
    WRONG_ACCOUNT = "wrong-account"
    WRONG_REGION = "wrong-region"
    WRONG_PARTITION = "wrong-partition"
    OTHER_TRAIL = "other-trail"
    DENY_BY_ORGANIZATION = "deny-by-organization"
    KEY_NEVER_SENT = "condition-key-never-sent"
    COPIED_PLACEHOLDER = "copied-placeholder"
    NOT_A_SERVICE_PRINCIPAL = "not-a-service-principal"
    ACTION_MISSING = "action-missing"
    NO_EFFECT = "statement-without-effect"
    OTHER_RESOURCE = "other-resource"
    VARIABLE_WITHOUT_VERSION = "variable-without-version"
    NOT_SUBSTITUTED = "not-substituted"
    LEFT_OUT = "left-out-by-default"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The words for a decision.

    message  the reason as a clause: ``the condition on "aws:SourceArn" names account 111111111111, the trail is in 222222222222``
    label    what to see at ``span``
    help     the way out
    related  further places with what to see there
    """

    message: str
    label: str
    span: Span | None
    help: str
    mistake: Mistake | None = None
    related: tuple[tuple[Span, str], ...] = ()


WHAT = {
    Question.DESCRIBE: ("CloudTrail", "kms:DescribeKey"),
    Question.ENCRYPT: ("CloudTrail", "kms:GenerateDataKey*"),
    Question.DECRYPT: ("a reader", "kms:Decrypt"),
    Question.SERVICE_DECRYPT: ("CloudTrail", "kms:Decrypt"),
    Question.CONFUSED_DEPUTY: ("CloudTrail", "kms:GenerateDataKey*"),
}
"""Who needs which action, by the question."""


def key_text(condition: Condition) -> str:
    """Return a condition's key as it is written."""
    return describe(condition.key, quoted=False)


def listed(values: Iterable[Value]) -> str:
    """Return the first values of a policy's element, as an enumeration."""
    texts = ["a value that is not known" if isinstance(value, Unknown) else describe(value) for value in values]
    return ", ".join(texts[:3]) + (", ..." if len(texts) > 3 else "") if texts else "nothing"


def whether(values: Iterable[Value], is_what: str, name: str, about: str) -> str:
    """Return the clause for what is not known: of the values where they are known in part, else of the whole statement."""
    values = list(values)
    subject = f"{name} {about}" if any(isinstance(value, Unknown) for value in values) else f"{listed(values)} {is_what}"
    return f"whether {subject} is not known{reasons(values)}"


def shown(values: Iterable[ContextText]) -> str:
    """Return what a request carries, as an enumeration."""
    texts = []
    for value in values:
        if isinstance(value, FromNow):
            texts.append("the time of the call")
        elif isinstance(value, ServiceAddress):
            texts.append("an address of AWS")
        else:
            texts.append(describe(value))
    return ", ".join(texts)


def first_span(values: Iterable[Value], fallback: Span | None) -> Span | None:
    """Return the place of the only value that has one, else ``fallback``."""
    spans = [value.origin.span for value in values if value.origin.span is not None]
    return spans[0] if len(spans) == 1 else fallback


def caller_name(request: Request) -> str:
    """Return who makes a request: "a reader" where its name is made up."""
    made_up = any(isinstance(hole, Symbol) and hole.kind is SymbolKind.GENERATED for hole in holes_of_value(request.caller.name))
    return "a reader" if made_up or isinstance(request.caller.name, Unknown) else describe(request.caller.name)


def reasons(values: Iterable[Value | ContextText]) -> str:
    """Return ``: reason`` for what is most worth knowing of the things that are not known in the values."""
    holes = sorted((hole for value in values for hole in holes_of_value(value)), key=_weight)
    for hole in holes:
        if isinstance(hole, Reference):
            return f": {describe(hole)} is known only after the deployment"
        if isinstance(hole, (Symbol, Unknown)) and hole.reason:
            return f": {hole.reason}"
    return ""


def _weight(hole: Text) -> int:
    """Return how early a hole is named: the user's own inputs first, then account, Region and partition."""
    if isinstance(hole, Symbol) and hole.kind is SymbolKind.AMBIENT:
        places = ("account", "region", "partition")
        place = hole.name.partition("[")[0]
        return 2 + places.index(place) if place in places else 5
    return 1 if isinstance(hole, Reference) else 0


def holes_of_value(value: Value | ContextText) -> list[Text]:
    """Return the parts of a text that are not known."""
    if isinstance(value, (Known, Template, Symbol, Reference, Unknown)):
        return [part for part in text_parts(value) if not isinstance(part, Literal)]
    return []


def maybe_help(values: Iterable[Value], actual: Iterable[ContextText]) -> str:
    """Return what would make the values of a policy, or those of a request, known; "" where no input does."""
    for hole in sorted((hole for value in (*values, *actual) for hole in holes_of_value(value)), key=_weight):
        if isinstance(hole, Symbol) and hole.kind is SymbolKind.AMBIENT:
            place = hole.name.partition("[")[0]
            return f'say where it is deployed: "{place}:" in the configuration'
        if isinstance(hole, Symbol) and hole.kind is SymbolKind.INPUT:
            return f"give {hole.spelling or hole.name} a value"
    return ""


def add_statement(request: Request, *, whole: bool = False) -> str:
    """Return the help that names the statement that is missing, or the policy where there is none at all."""
    who, action = WHAT[request.question]
    who = f'"{CLOUDTRAIL}"' if who == "CloudTrail" else who
    return f"write a key policy that also lets {who} use {action}" if whole else f"add a statement that lets {who} use {action}"
