"""Condition operators: one table, one entry per operator (C9 to C13).

An operator compares one value of the policy with one value of the request. How several values, quantifiers, ``IfExists`` and
missing keys combine is the same for all of them and stands in ``answer``.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from typing import Union

from ctkms_policy.iam.context import Chosen, Context, ContextText, FromNow, Missing, Present, ServiceAddress
from ctkms_policy.iam.pattern import Atoms, arn_match, folded, match, text_atoms
from ctkms_policy.iam.variables import policy_atoms
from ctkms_policy.model import Condition
from ctkms_policy.value import Absent, Choice, Known, Match, Reference, Symbol, Template, Text, Value, outcomes, scalar_text

# -- one value of the policy against one of the request ----------------------------------------------------------------


@dataclass(frozen=True)
class _Policy:
    """What a comparison needs to know besides the two values."""

    version: str
    context: Context


_Compare = Callable[[Text, ContextText, _Policy], Match]


def _text_comparison(compare: Callable[[Atoms, Atoms], Match], *, wildcards: bool, fold: bool = False) -> _Compare:
    def comparison(wanted: Text, actual: ContextText, policy: _Policy) -> Match:
        if isinstance(actual, (FromNow, ServiceAddress)):
            return Match.MAYBE
        atoms = policy_atoms(wanted, policy.version, policy.context, wildcards=wildcards)
        if atoms is None:
            return Match.NO  # a policy variable without a value matches nothing (C13)
        return compare(folded(atoms) if fold else atoms, folded(text_atoms(actual)) if fold else text_atoms(actual))

    return comparison


def _certain(value: Value | ContextText) -> str | None:
    return scalar_text(value.value) if isinstance(value, Known) else None


def _numeric(holds: Callable[[float, float], bool]) -> _Compare:
    def comparison(wanted: Text, actual: ContextText, policy: _Policy) -> Match:
        limit, number = _number(_certain(wanted)), None
        if not isinstance(actual, (FromNow, ServiceAddress)):
            number = _number(_certain(actual))
        if isinstance(actual, FromNow) and limit is not None:
            return _over_time(actual.now.timestamp(), limit, holds)
        if limit is None or number is None:
            return Match.MAYBE
        return Match.of(holds(number, limit))

    return comparison


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def _date(holds: Callable[[float, float], bool]) -> _Compare:
    def comparison(wanted: Text, actual: ContextText, policy: _Policy) -> Match:
        limit = _moment(_certain(wanted))
        if limit is None:
            return Match.MAYBE
        if isinstance(actual, FromNow):
            return _over_time(actual.now.timestamp(), limit, holds)
        moment = None if isinstance(actual, ServiceAddress) else _moment(_certain(actual))
        return Match.MAYBE if moment is None else Match.of(holds(moment, limit))

    return comparison


def _over_time(now: float, limit: float, holds: Callable[[float, float], bool]) -> Match:
    """Return whether the comparison holds now and at every later moment."""
    moments = (now, max(now, limit), max(now, limit) + 1)
    answers = {holds(moment, limit) for moment in moments}
    return Match.MAYBE if len(answers) > 1 else Match.of(answers.pop())


@lru_cache(maxsize=256)
def _moment(text: str | None) -> float | None:
    """Return the seconds since the epoch of an ISO 8601 date or of epoch seconds, as IAM takes both."""
    if text is None:
        return None
    number = _number(text)
    if number is not None and "-" not in text.lstrip("-"):
        return number
    cleaned = text.strip().upper().replace("Z", "+00:00")
    for form in ("%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d", "%Y-%m", "%Y"):
        try:
            moment = datetime.strptime(cleaned, form)
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    return None


def _boolean(wanted: Text, actual: ContextText, policy: _Policy) -> Match:
    left, right = _certain(wanted), None if isinstance(actual, (FromNow, ServiceAddress)) else _certain(actual)
    if left is not None and left.lower() not in ("true", "false"):
        return Match.MAYBE
    if left is None or right is None:
        return Match.MAYBE
    return Match.of(left.lower() == right.lower())


def _binary(wanted: Text, actual: ContextText, policy: _Policy) -> Match:
    left, right = _certain(wanted), None if isinstance(actual, (FromNow, ServiceAddress)) else _certain(actual)
    if left is None or right is None:
        return Match.MAYBE
    try:
        return Match.of(base64.b64decode(left, validate=True) == base64.b64decode(right, validate=True))
    except (binascii.Error, ValueError):
        return Match.MAYBE


_Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


@lru_cache(maxsize=256)
def _network(text: str | None) -> _Network | None:
    try:
        return ipaddress.ip_network(text, strict=False) if text is not None else None
    except ValueError:
        return None


def _in_range(wanted: Text, actual: ContextText, policy: _Policy) -> Match:
    network = _network(_certain(wanted))
    if network is None:
        return Match.MAYBE
    if isinstance(actual, ServiceAddress):
        # The customer's own ranges are never that wide; a statement about "everywhere" is.
        return Match.MAYBE if network.prefixlen < 8 else Match.NO
    address = None if isinstance(actual, FromNow) else _network(_certain(actual))
    if address is None:
        return Match.MAYBE
    return Match.of(address.version == network.version and address.network_address in network)


# -- the table ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operator:
    """A condition operator. ``negated``: it holds when no value of the policy compares, also when the key is missing."""

    compare: _Compare
    negated: bool = False


_equals = _text_comparison(match, wildcards=False)
_equals_ignoring_case = _text_comparison(match, wildcards=False, fold=True)
_like = _text_comparison(match, wildcards=True)
_arn_like = _text_comparison(arn_match, wildcards=True)
_number_equals = _numeric(lambda number, limit: number == limit)
_date_equals = _date(lambda moment, limit: moment == limit)

OPERATORS: dict[str, Operator] = {
    "StringEquals": Operator(_equals),
    "StringNotEquals": Operator(_equals, negated=True),
    "StringEqualsIgnoreCase": Operator(_equals_ignoring_case),
    "StringNotEqualsIgnoreCase": Operator(_equals_ignoring_case, negated=True),
    "StringLike": Operator(_like),
    "StringNotLike": Operator(_like, negated=True),
    "NumericEquals": Operator(_number_equals),
    "NumericNotEquals": Operator(_number_equals, negated=True),
    "NumericLessThan": Operator(_numeric(lambda number, limit: number < limit)),
    "NumericLessThanEquals": Operator(_numeric(lambda number, limit: number <= limit)),
    "NumericGreaterThan": Operator(_numeric(lambda number, limit: number > limit)),
    "NumericGreaterThanEquals": Operator(_numeric(lambda number, limit: number >= limit)),
    "DateEquals": Operator(_date_equals),
    "DateNotEquals": Operator(_date_equals, negated=True),
    "DateLessThan": Operator(_date(lambda moment, limit: moment < limit)),
    "DateLessThanEquals": Operator(_date(lambda moment, limit: moment <= limit)),
    "DateGreaterThan": Operator(_date(lambda moment, limit: moment > limit)),
    "DateGreaterThanEquals": Operator(_date(lambda moment, limit: moment >= limit)),
    "Bool": Operator(_boolean),
    "BinaryEquals": Operator(_binary),
    "IpAddress": Operator(_in_range),
    "NotIpAddress": Operator(_in_range, negated=True),
    "ArnEquals": Operator(_arn_like),
    "ArnLike": Operator(_arn_like),
    "ArnNotEquals": Operator(_arn_like, negated=True),
    "ArnNotLike": Operator(_arn_like, negated=True),
}
"""Every operator but Null, which asks for the presence of the key only."""


@dataclass(frozen=True, slots=True)
class OperatorName:
    """The parts of an operator as written: ``ForAnyValue:StringLikeIfExists``. ``operator`` None: not modelled."""

    quantifier: str
    operator: Operator | None
    if_exists: bool
    null: bool = False


@lru_cache(maxsize=256)
def parse_operator(name: str) -> OperatorName:
    """Return the parts of an operator name; what is not in the table has ``operator`` None."""
    prefix, colon, plain = name.rpartition(":")
    if colon and prefix not in ("ForAllValues", "ForAnyValue"):
        return OperatorName("", None, False)
    if plain == "Null":
        return OperatorName(prefix, None, False, null=not colon)
    if_exists = plain.endswith("IfExists")
    return OperatorName(prefix, OPERATORS.get(plain.removesuffix("IfExists")), if_exists)


# -- a whole condition -------------------------------------------------------------------------------------------------


def answer(condition: Condition, context: Context, version: str, *, allows: bool) -> Match:
    """Return whether one condition key of one operator holds in a request context.

    ``version`` is the policy's, for its variables; ``allows`` tells an Allow from a Deny, for keys that the caller chooses.
    """
    name = parse_operator(condition.operator)
    if not isinstance(condition.key, Known) or (name.operator is None and not name.null):
        return Match.MAYBE
    carried = context.get(str(condition.key.value))
    if isinstance(carried, Chosen):
        return Match.of(allows)
    if name.null:
        return _null(condition.values, _presence(carried))
    operator = name.operator
    assert operator is not None
    if isinstance(carried, Missing):
        return _when_missing(name, operator)
    if not isinstance(carried, Present):
        return Match.MAYBE
    policy = _Policy(version, context)
    present = _when_present(name, operator, condition.values, carried, policy)
    if carried.presence is Match.YES:
        return present
    return present if present == _when_missing(name, operator) else Match.MAYBE


def _presence(carried: object) -> Match:
    if isinstance(carried, Missing):
        return Match.NO
    return carried.presence if isinstance(carried, Present) else Match.MAYBE


def _null(values: tuple[Value, ...], presence: Match) -> Match:
    answers = []
    for value in values:
        text = _certain(value)
        if text is None or text.lower() not in ("true", "false"):
            answers.append(Match.MAYBE)
        else:
            answers.append(presence.inverted() if text.lower() == "true" else presence)
    return Match.any_of(answers)


def _when_missing(name: OperatorName, operator: Operator) -> Match:
    """C9 and C11: what a key that is not in the context does."""
    if name.if_exists or name.quantifier == "ForAllValues":
        return Match.YES
    return Match.of(operator.negated and name.quantifier != "ForAnyValue")


def _when_present(name: OperatorName, operator: Operator, wanted: tuple[Value, ...], carried: Present, policy: _Policy) -> Match:
    answers = [_any_wanted(operator, wanted, actual, policy) for actual in carried.values]
    if name.quantifier == "ForAllValues":
        return Match.all_of(answers)
    if name.quantifier == "ForAnyValue":
        return Match.any_of(answers)
    if carried.many and len(set(answers)) != 1:
        return Match.MAYBE  # a multivalued key without a quantifier: AWS says nothing
    return Match.all_of(answers)


def _any_wanted(operator: Operator, wanted: Iterable[Value], actual: ContextText, policy: _Policy) -> Match:
    """Return whether one value of the request is among the wanted ones, or for a negated operator among none of them."""
    found = Match.any_of(compare_value(operator, value, actual, policy.version, policy.context) for value in wanted)
    return found.inverted() if operator.negated else found


def compare_value(operator: Operator, wanted: Value, actual: ContextText, version: str, context: Context) -> Match:
    """Return whether one value of the policy compares with one value of the request; the operator's negation is not applied."""
    policy = _Policy(version, context)
    answers = set()
    for _, value in outcomes(wanted) if isinstance(wanted, Choice) else (((), wanted),):
        if isinstance(value, Absent):
            answers.add(Match.NO)
        elif isinstance(value, (Known, Template, Symbol, Reference)):
            answers.add(operator.compare(value, actual, policy))
        else:
            answers.add(Match.MAYBE)
    return answers.pop() if len(answers) == 1 else Match.MAYBE
