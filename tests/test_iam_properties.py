"""What holds for every policy: order, more Allows, more Denies; a definite answer survives whatever the unknowns turn out to be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from key_policies import (
    ACCOUNT,
    ALL_TRAILS,
    AMBIENT_PLACE,
    EC,
    ENCRYPT,
    HERE,
    NAME,
    OTHER_ACCOUNT,
    ROOT,
    TRAIL_ARN,
    key,
    policy,
    trail,
)

from ctkms_policy.iam.binding import bound_key, bound_log, bound_policy
from ctkms_policy.iam.evaluate import Decision, Outcome, decide
from ctkms_policy.iam.judge import judge_trail
from ctkms_policy.iam.policy import read_key_policy
from ctkms_policy.iam.readers import any_reader
from ctkms_policy.iam.request import (
    Caller,
    CallerKind,
    OrganizationFacts,
    Question,
    Request,
    key_facts,
    reader_context,
    reader_request,
    service_request,
    trail_facts,
)
from ctkms_policy.model import Effect, KeyPolicy, PolicyForm
from ctkms_policy.value import (
    ALPHANUMERIC,
    Entry,
    Known,
    ListValue,
    MapValue,
    Match,
    Symbol,
    SymbolKind,
    Text,
    Unknown,
    Value,
    concatenate,
)

USER = f"arn:aws:iam::{ACCOUNT}:user/u"
ACCOUNT_SYMBOL = AMBIENT_PLACE.account
ANY, MADE_UP = Symbol("var.any"), Symbol("random", SymbolKind.GENERATED, ALPHANUMERIC)
LOG = trail_facts(trail(AMBIENT_PLACE, name=concatenate([Known("t-"), MADE_UP])), OrganizationFacts())
KEY = key_facts(key(AMBIENT_PLACE))


def joined(*parts: str | Value) -> Value:
    return concatenate(Known(part) if isinstance(part, str) else part for part in parts)


UNKNOWN = Unknown("not known")
TEXTS = st.sampled_from(
    [
        Known("*"),
        Known(ACCOUNT),
        Known(TRAIL_ARN),
        Known(ALL_TRAILS),
        Known("arn:aws:cloudtrail:*:*:trail/t-*"),
        Known("true"),
        Known("false"),
        Known("o-a"),
        Known("${aws:SourceAccount}"),
        Known("${aws:PrincipalOrgID, 'o-a'}"),
        Known("arn:*"),
        ACCOUNT_SYMBOL,
        ANY,
        joined("arn:aws:cloudtrail:*:", ACCOUNT_SYMBOL, ":trail/*"),
        joined("arn:aws:cloudtrail:us-east-1:", ANY, ":trail/t-x"),
        joined("arn:aws:cloudtrail:us-east-1:", ACCOUNT_SYMBOL, ":trail/t-", ANY),
        UNKNOWN,
    ]
)
CONDITIONS = st.dictionaries(
    st.sampled_from(
        [
            "StringEquals",
            "StringLike",
            "StringNotEquals",
            "StringNotLike",
            "StringEqualsIfExists",
            "StringNotLikeIfExists",
            "StringEqualsIgnoreCase",
            "ArnLike",
            "ArnNotEquals",
            "Bool",
            "Null",
            "ForAllValues:StringEquals",
            "ForAnyValue:StringLike",
            "ForAnyValue:StringNotLike",
            "NumericLessThan",
            "DateGreaterThan",
            "NotIpAddress",
            "StringIsNice",
        ]
    ),
    st.dictionaries(
        st.sampled_from(
            [
                "aws:SourceArn",
                "aws:SourceAccount",
                EC,
                "kms:EncryptionContextKeys",
                "aws:PrincipalOrgID",
                "aws:SourceOrgID",
                "kms:CallerAccount",
                "aws:PrincipalIsAWSService",
                "aws:CurrentTime",
                "aws:Weather",
            ]
        ),
        st.lists(TEXTS, max_size=3),
        min_size=1,
        max_size=2,
    ),
    max_size=2,
)
PRINCIPALS = st.sampled_from(
    [
        Known("*"),
        {"AWS": Known("*")},
        {"Service": Known("cloudtrail.amazonaws.com")},
        {"Service": [Known("sns.amazonaws.com"), UNKNOWN]},
        {"AWS": Known(ROOT)},
        {"AWS": joined("arn:aws:iam::", ACCOUNT_SYMBOL, ":root")},
        {"AWS": ANY},
        {"AWS": [Known(USER), Known(OTHER_ACCOUNT)]},
        {"Federated": Known("accounts.google.com")},
    ]
)


def _statement(effect: str, principal: Any, negated: frozenset[str], action: Any, resource: Any, condition: Any) -> dict[str, Any]:
    names = {name: f"Not{name}" if name in negated else name for name in ("Principal", "Action", "Resource")}
    statement = {"Effect": Known(effect), names["Principal"]: principal, names["Action"]: action, names["Resource"]: resource}
    return {**statement, "Condition": condition} if condition else statement


ACTIONS = st.sampled_from([Known("kms:*"), Known("kms:GenerateDataKey*"), Known("kms:DescribeKey"), [Known("kms:Decrypt"), UNKNOWN], ANY])
RESOURCES = st.sampled_from([Known("*"), joined("arn:aws:kms:*:", ACCOUNT_SYMBOL, ":key/*"), Known("arn:aws:s3:::b"), ANY, [UNKNOWN]])
STATEMENTS = st.builds(
    _statement,
    st.sampled_from(["Allow", "Allow", "Deny", "allow"]),
    PRINCIPALS,
    st.one_of(st.just(frozenset()), st.frozensets(st.sampled_from(["Principal", "Action", "Resource"]), max_size=1)),
    ACTIONS,
    RESOURCES,
    CONDITIONS,
)


def read(statements: list[Any]) -> KeyPolicy:
    def value(plain: Any) -> Value:
        if isinstance(plain, dict):
            return MapValue(tuple(Entry(Known(name), value(item)) for name, item in plain.items()))
        if isinstance(plain, list):
            return ListValue(tuple(value(item) for item in plain))
        return plain  # type: ignore[no-any-return]

    found = read_key_policy(value({"Version": Known("2012-10-17"), "Statement": statements}), PolicyForm.OBJECT, HERE)
    assert isinstance(found, KeyPolicy)
    return found


def requests(found: KeyPolicy, log: Any = LOG, keys: Any = KEY) -> list[Request]:
    reader = Caller(CallerKind.IAM, Known(USER), Known(ACCOUNT))
    calls = [service_request(question, log, keys) for question in (Question.DESCRIBE, Question.ENCRYPT, Question.SERVICE_DECRYPT)]
    return [*calls, reader_request(reader, keys, reader_context(log, keys))]


_ORDER = {Outcome.EXPLICITLY_DENIED: 0, Outcome.IMPLICITLY_DENIED: 0, Outcome.UNDETERMINED: 1, Outcome.DELEGATED: 2, Outcome.ALLOWED: 3}


@settings(max_examples=150, deadline=None)
@given(st.lists(STATEMENTS, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_statements_is_irrelevant(statements: list[Any], random: Any) -> None:
    shuffled = list(statements)
    random.shuffle(shuffled)
    one, other = read(statements), read(shuffled)
    for request in requests(one):
        assert decide(one, request).outcome is decide(other, request).outcome


@settings(max_examples=150, deadline=None)
@given(st.lists(STATEMENTS, max_size=3), STATEMENTS)
def test_one_more_allow_takes_nothing_away(statements: list[Any], more: Any) -> None:
    before, after = read(statements), read([*statements, {**more, "Effect": Known("Allow")}])
    for request in requests(before):
        was, now = decide(before, request).outcome, decide(after, request).outcome
        if was is Outcome.EXPLICITLY_DENIED:
            assert now is was
        elif was in (Outcome.ALLOWED, Outcome.DELEGATED) and now is not Outcome.UNDETERMINED:
            assert _ORDER[now] >= _ORDER[was]
        elif was is Outcome.ALLOWED:
            assert now is Outcome.ALLOWED


@settings(max_examples=150, deadline=None)
@given(st.lists(STATEMENTS, max_size=3), STATEMENTS)
def test_one_more_deny_grants_nothing(statements: list[Any], more: Any) -> None:
    before, after = read(statements), read([*statements, {**more, "Effect": Known("Deny")}])
    for request in requests(before):
        assert _ORDER[decide(after, request).outcome] <= _ORDER[decide(before, request).outcome]


def _filled_in(plain: Any, extra: list[Value]) -> Any:
    """Return the statements with every Unknown as some number of values."""
    if isinstance(plain, dict):
        return {name: _filled_in(item, extra) for name, item in plain.items()}
    if isinstance(plain, list):
        return [each for item in plain for each in (extra if isinstance(item, Unknown) else [_filled_in(item, extra)])]
    return list(extra) if isinstance(plain, Unknown) else plain


def _kind(decision: Decision) -> int:
    return _ORDER[decision.outcome]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(STATEMENTS, max_size=3),
    st.sampled_from([ACCOUNT, OTHER_ACCOUNT, "000000000000"]),
    st.sampled_from(["us-east-1", "eu-west-1"]),
    st.sampled_from(["aws", "aws-cn"]),
    st.sampled_from(["", "*", ACCOUNT, TRAIL_ARN, "x", "kms:*", "kms:GenerateDataKey", "o-a", "kms:Decrypt"]),
    st.sampled_from(["x", "AbC12"]),
    st.lists(st.sampled_from(["*", ACCOUNT, "kms:*", "cloudtrail.amazonaws.com", "x"]), max_size=2),
)
def test_a_definite_answer_survives_whatever_the_unknowns_are(
    statements: list[Any], account: str, region: str, partition: str, anything: str, suffix: str, extra: list[str]
) -> None:
    open_policy = read(statements)
    texts: dict[Any, Text] = {
        ACCOUNT_SYMBOL: Known(account),
        AMBIENT_PLACE.region: Known(region),
        AMBIENT_PLACE.partition: Known(partition),
        ANY: Known(anything),
        MADE_UP: Known(suffix),
    }
    closed = bound_policy(read(_filled_in(statements, [Known(text) for text in extra])), texts)
    log, keys = bound_log(LOG, texts), bound_key(KEY, texts)
    for before, after in zip(requests(open_policy), requests(closed, log, keys), strict=True):
        was, now = decide(open_policy, before), decide(closed, after)
        if was.outcome is not Outcome.UNDETERMINED:
            assert _kind(now) == _kind(was), (was.outcome, now.outcome)


@settings(max_examples=60, deadline=None)
@given(st.lists(STATEMENTS, max_size=3))
def test_whatever_is_included_only_perhaps_may_be_left_out(statements: list[Any]) -> None:
    found = read(statements)
    if not found.statements:
        return
    perhaps = replace(found, statements=(replace(found.statements[0], included=Match.MAYBE), *found.statements[1:]))
    without = replace(found, statements=found.statements[1:])
    for request in requests(found):
        answer = decide(perhaps, request)
        if answer.outcome is not Outcome.UNDETERMINED:
            assert _kind(answer) == _kind(decide(found, request)) == _kind(decide(without, request))


@settings(max_examples=60, deadline=None)
@given(st.lists(STATEMENTS, max_size=3))
def test_every_policy_is_judged_and_explained(statements: list[Any]) -> None:
    from ctkms_policy.iam.explain import answer_text, explain

    found = read(statements)
    used_by = trail(AMBIENT_PLACE)
    judgement = judge_trail(found, key(AMBIENT_PLACE), used_by)
    for decision in (judgement.describe, judgement.encrypt, judgement.decrypt, judgement.service_decrypt):
        words = explain(found, decision, key=key(AMBIENT_PLACE), trail=used_by, judgement=judgement)
        assert words.message
        assert "\n" not in words.message
        assert words.span is not None
        assert all(answer_text(each, decision.request) for each in decision.answers)


@settings(max_examples=60, deadline=None)
@given(st.lists(STATEMENTS, max_size=3))
def test_an_allowed_judgement_holds_under_its_assumptions(statements: list[Any]) -> None:
    found = read(statements)
    judgement = judge_trail(found, key(AMBIENT_PLACE), trail(AMBIENT_PLACE))
    if not judgement.assumptions or any(each.symbol not in ("account", "region", "partition") for each in judgement.assumptions):
        return
    bindings = {each.symbol: each.value for each in judgement.assumptions if each.value[0].isdigit() or each.value[0] in "au"}
    again = judge_trail(found, key(AMBIENT_PLACE), trail(AMBIENT_PLACE), bindings=bindings, strict=True)
    for one, other in ((judgement.describe, again.describe), (judgement.encrypt, again.encrypt)):
        if len(bindings) == len(judgement.assumptions) and one.outcome is Outcome.ALLOWED:
            assert other.outcome is Outcome.ALLOWED


def test_nobody_is_a_reader_by_a_statement_that_does_nothing() -> None:
    found = policy({**ENCRYPT, "Action": "kms:*", "Effect": "allow", "Principal": "*"})
    assert found.statements[0].effect is Effect.INVALID
    assert any_reader(found, LOG, KEY, OrganizationFacts()).outcome is Outcome.IMPLICITLY_DENIED


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_an_unmodelled_operator_is_never_a_match(effect: str) -> None:
    unmodelled = {**ENCRYPT, "Effect": effect, "Condition": {"StringResembles": {"aws:SourceArn": NAME}}}
    found = policy(unmodelled) if effect == "Allow" else policy({**ENCRYPT, "Condition": {}}, unmodelled)
    assert judge_trail(found, key(), trail()).encrypt.outcome is Outcome.UNDETERMINED
