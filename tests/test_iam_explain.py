"""The words: which statement came nearest, what of it does not match, and the way out."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from key_policies import (
    ACCOUNT,
    ALL_TRAILS,
    AMBIENT_PLACE,
    AWS_TODAY,
    CLOUDTRAIL,
    DESCRIBE,
    EC,
    ENCRYPT,
    HERE,
    KNOWN_PLACE,
    NAME,
    OTHER_ACCOUNT,
    READ,
    ROOT,
    ROOT_STATEMENT,
    TRAIL_ARN,
    allow,
    deny,
    key,
    policy,
    trail,
)

from ctkms_policy.iam.explain import answer_text, explain
from ctkms_policy.iam.judge import judge_trail
from ctkms_policy.iam.nearest import nearest_statement
from ctkms_policy.iam.phrases import Explanation, Mistake
from ctkms_policy.iam.policy import default_key_policy
from ctkms_policy.iam.request import OrganizationFacts
from ctkms_policy.iam.spelling import Spelling
from ctkms_policy.model import KeyPolicy, Language, Place, Principal, PrincipalType, ambient_account
from ctkms_policy.source import Span
from ctkms_policy.value import Known, Match, Origin, Symbol, SymbolKind, Unknown, concatenate

ENC = "kms:GenerateDataKey*"


def explained(found: KeyPolicy, question: str, place: Place = KNOWN_PLACE, **options: Any) -> Explanation:
    used_by = options.pop("used_by", None) or trail(place)
    language = options.pop("language", None)
    judgement = judge_trail(found, key(place), used_by, **options)
    return explain(found, getattr(judgement, question), key=key(place), trail=used_by, judgement=judgement, language=language)


def source_text(found: KeyPolicy, span: Span | None) -> str:
    """Return what the span covers, from the text that ``policy`` writes."""
    import json

    assert span is not None
    values = [value for statement in found.statements for condition in statement.conditions for value in condition.values]
    values += [value for statement in found.statements for value in (*statement.actions, *statement.resources)]
    values += [principal.value for statement in found.statements for principal in statement.principals]
    for value in values:
        if value.origin.span == span and isinstance(value, Known):
            return json.dumps(value.value)
    for statement in found.statements:
        for condition in statement.conditions:
            if condition.span == span and isinstance(condition.key, Known):
                return str(condition.key.value)
        for name, part in statement.parts:
            if part == span:
                return name
        if statement.span == span:
            return "statement"
    return "policy" if span == found.span else "?"


def source_arn(value: Any, operator: str = "StringEquals") -> Any:
    return allow(ENC, condition={operator: {"aws:SourceArn": value}})


MISTAKES: dict[str, tuple[Any, ...]] = {
    "encryption context on DescribeKey": (
        "describe",
        (allow([ENC, "kms:DescribeKey"], condition={"StringLike": {EC: ALL_TRAILS}}),),
        Mistake.ENCRYPTION_CONTEXT_ON_DESCRIBE,
        "DescribeKey has no encryption context",
        EC,
    ),
    "wildcard under StringEquals": (
        "encrypt",
        (source_arn(ALL_TRAILS),),
        Mistake.WILDCARD_UNDER_EQUALS,
        f'uses StringEquals, which takes the * in "{ALL_TRAILS}" literally',
        f'"{ALL_TRAILS}"',
    ),
    "wrong account": (
        "encrypt",
        (allow(ENC, condition={"StringLike": {EC: ALL_TRAILS.replace(ACCOUNT, OTHER_ACCOUNT)}}),),
        Mistake.WRONG_ACCOUNT,
        f'the condition on "{EC}" names account {OTHER_ACCOUNT}, the trail is in {ACCOUNT}',
        f'"{ALL_TRAILS.replace(ACCOUNT, OTHER_ACCOUNT)}"',
    ),
    "wrong SourceAccount": (
        "encrypt",
        (allow(ENC, condition={"StringEquals": {"aws:SourceAccount": OTHER_ACCOUNT}}),),
        Mistake.WRONG_ACCOUNT,
        f"names account {OTHER_ACCOUNT}, the trail is in {ACCOUNT}",
        f'"{OTHER_ACCOUNT}"',
    ),
    "wrong Region": (
        "encrypt",
        (source_arn(TRAIL_ARN.replace("us-east-1", "eu-west-1")),),
        Mistake.WRONG_REGION,
        "names Region eu-west-1, the trail is in us-east-1",
        f'"{TRAIL_ARN.replace("us-east-1", "eu-west-1")}"',
    ),
    "wrong partition": (
        "encrypt",
        (allow(ENC, condition={"StringLike": {EC: ALL_TRAILS.replace("arn:aws", "arn:aws-cn")}}),),
        Mistake.WRONG_PARTITION,
        "names partition aws-cn, the trail is in aws",
        f'"{ALL_TRAILS.replace("arn:aws", "arn:aws-cn")}"',
    ),
    "another trail": (
        "encrypt",
        (source_arn(TRAIL_ARN + "-old"),),
        Mistake.OTHER_TRAIL,
        f'names trail "{NAME}-old", this trail is "{NAME}"',
        f'"{TRAIL_ARN}-old"',
    ),
    "placeholder account": (
        "encrypt",
        (allow(ENC, condition={"StringLike": {EC: "arn:aws:cloudtrail:*:aws-account-id:trail/*"}}),),
        Mistake.COPIED_PLACEHOLDER,
        'still has the placeholder "aws-account-id"',
        '"arn:aws:cloudtrail:*:aws-account-id:trail/*"',
    ),
    "placeholder Region": (
        "encrypt",
        (source_arn(f"arn:aws:cloudtrail:region:{ACCOUNT}:trail/{NAME}"),),
        Mistake.COPIED_PLACEHOLDER,
        'still has the placeholder "region"',
        f'"arn:aws:cloudtrail:region:{ACCOUNT}:trail/{NAME}"',
    ),
    "placeholder name": (
        "encrypt",
        (source_arn(f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/myTrailName"),),
        Mistake.COPIED_PLACEHOLDER,
        'still has the placeholder "trail/myTrailName"',
        f'"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/myTrailName"',
    ),
    "deny by organization": (
        "encrypt",
        (ENCRYPT, deny("kms:*", condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-a"}})),
        Mistake.DENY_BY_ORGANIZATION,
        'denies everybody without "aws:PrincipalOrgID"',
        "aws:PrincipalOrgID",
    ),
    "deny by encryption context": (
        "describe",
        (DESCRIBE, deny("kms:*", condition={"StringNotLike": {EC: ALL_TRAILS}})),
        Mistake.ENCRYPTION_CONTEXT_ON_DESCRIBE,
        "DescribeKey has none",
        EC,
    ),
    "a key that is never sent": (
        "encrypt",
        (allow(ENC, condition={"StringEquals": {"aws:PrincipalOrgID": "o-a"}}),),
        Mistake.KEY_NEVER_SENT,
        'the condition on "aws:PrincipalOrgID" can never hold',
        "aws:PrincipalOrgID",
    ),
    "misspelt service": (
        "encrypt",
        (DESCRIBE, allow(ENC, {"Service": "cloudtrial.amazonaws.com"})),
        Mistake.NOT_A_SERVICE_PRINCIPAL,
        'names "cloudtrial.amazonaws.com", not "cloudtrail.amazonaws.com"',
        '"cloudtrial.amazonaws.com"',
    ),
    "service under AWS": (
        "encrypt",
        (allow(ENC, {"AWS": "cloudtrail.amazonaws.com"}),),
        Mistake.NOT_A_SERVICE_PRINCIPAL,
        "under AWS: a service is no account, user or role",
        '"cloudtrail.amazonaws.com"',
    ),
    "action missing": (
        "describe",
        (ROOT_STATEMENT, ENCRYPT),
        Mistake.ACTION_MISSING,
        'statement "AllowCloudTrailEncryptLogs" is about "kms:GenerateDataKey*", not kms:DescribeKey',
        "Action",
    ),
    "misspelt action": (
        "encrypt",
        (allow("kms=GenerateDataKey"),),
        Mistake.ACTION_MISSING,
        'has "kms=GenerateDataKey", which is no KMS action',
        '"kms=GenerateDataKey"',
    ),
    "no resource": ("encrypt", (allow(ENC, Resource=None),), Mistake.NO_EFFECT, "has no Resource, so it has no effect", "statement"),
    "an alias": (
        "encrypt",
        (allow(ENC, Resource=f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/a"),),
        Mistake.OTHER_RESOURCE,
        "is an alias, not the key",
        f'"arn:aws:kms:us-east-1:{ACCOUNT}:alias/a"',
    ),
    "lower-case effect": ("encrypt", (allow(ENC, Effect="allow"),), Mistake.NO_EFFECT, 'Effect "allow" is neither', "Effect"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_called_by_name(name: str) -> None:
    question, statements, mistake, message, place = MISTAKES[name]
    found = policy(*statements)
    words = explained(found, question)
    assert words.mistake is mistake
    assert message in words.message
    assert source_text(found, words.span) == place
    assert words.help
    assert words.label
    for text in (words.message, words.label, words.help):
        assert not text.endswith(".")
        assert text[0] == text[0].lower() or text.startswith(("Effect", "StringEquals", "DescribeKey", "Resource", "NotPrincipal"))


@pytest.mark.parametrize("version", ["2012-10-17", None])
@pytest.mark.parametrize("left", ["${AWS::AccountId}", "${account_id}"])
def test_a_substitution_that_never_ran_is_a_mistake(left: str, version: str | None) -> None:
    found = policy(allow(ENC, condition={"StringLike": {EC: f"arn:aws:cloudtrail:*:{left}:trail/*"}}), version=version)
    words = explained(found, "encrypt")
    assert words.mistake is Mistake.NOT_SUBSTITUTED
    assert f'has "{left}"' in words.message


@pytest.mark.parametrize(
    ("condition", "wanted", "unwanted"),
    [
        ({"StringEquals": {"aws:PrincipalTag/team": "audit"}}, "name a reader in a statement without it", "CloudTrail"),
        ({"ArnLike": {"aws:SourceArn": ALL_TRAILS}}, '"kms:CallerAccount"', "aws:SourceArn"),
    ],
)
def test_the_way_out_of_a_readers_condition_speaks_of_readers(condition: Any, wanted: str, unwanted: str) -> None:
    words = explained(policy(allow("kms:Decrypt", {"AWS": f"arn:aws:iam::{ACCOUNT}:role/reader"}, condition)), "decrypt")
    assert wanted in words.help
    assert unwanted not in words.help


def test_the_way_out_of_a_deny_that_may_reach_readers_is_not_another_allow() -> None:
    reader = allow("kms:Decrypt", {"AWS": f"arn:aws:iam::{ACCOUNT}:role/reader"})
    kept_out = deny("kms:Decrypt", condition={"StringNotEquals": {"aws:PrincipalTag/team": "audit"}})
    words = explained(policy(reader, kept_out), "decrypt")
    assert words.message.startswith("statement 2 may deny it")
    assert "no other statement overrides a Deny" in words.help


def test_of_a_principal_that_may_be_an_account_that_one_is_named() -> None:
    variable = Symbol("var.reader", SymbolKind.INPUT, reason="var.reader has no default", spelling="var.reader")
    statement = replace(
        policy(allow("kms:Decrypt", {"AWS": ROOT})).statements[0],
        principals=(Principal(PrincipalType.AWS, Known(ROOT)), Principal(PrincipalType.AWS, variable)),
    )
    words = explained(KeyPolicy((statement,), "2012-10-17"), "decrypt")
    assert words.message == (
        "statement 1 allows var.reader, and leaves it to IAM policies if that is an account: var.reader has no default"
    )
    assert words.help == "give var.reader a value"


def test_a_root_that_may_be_of_another_account_is_named() -> None:
    found = policy(allow("kms:Decrypt", {"AWS": ROOT}))
    words = explained(found, "decrypt", AMBIENT_PLACE)
    assert words.message.startswith(
        f"statement 1 leaves it to the IAM policies of account {ACCOUNT}, and whether that is another account than the key's is not known"
    )
    assert words.span == found.statements[0].part_span("Principal")
    assert words.help == 'say where it is deployed: "account:" in the configuration'


def test_a_readers_own_keys_are_not_in_the_code() -> None:
    found = policy(allow("kms:Decrypt", {"AWS": f"arn:aws:iam::{ACCOUNT}:role/reader"}, {"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
    assert explained(found, "decrypt").message.endswith("cannot be decided: what a reader's request carries there is not in the code")
    assert "what CloudTrail sends" in explained(policy(allow(ENC, condition={"StringEquals": {"aws:New": "x"}})), "encrypt").message


def test_a_variable_without_version_is_a_mistake() -> None:
    found = policy(allow(ENC, condition={"StringLike": {EC: "arn:aws:cloudtrail:*:${aws:SourceAccount}:trail/*"}}), version=None)
    assert explained(found, "encrypt").mistake is Mistake.VARIABLE_WITHOUT_VERSION


def test_no_statement_for_cloudtrail() -> None:
    words = explained(policy(ROOT_STATEMENT), "encrypt")
    assert words.message.startswith('no statement names "cloudtrail.amazonaws.com"')
    assert words.span is not None
    default = explained(default_key_policy(KNOWN_PLACE, HERE), "encrypt")
    assert default.span == HERE
    assert "AWS attaches" in default.label


def test_the_nearest_value_is_compared() -> None:
    words = explained(policy(source_arn(["arn:aws:cloudtrail:eu-west-1:999988887777:trail/x", TRAIL_ARN + "-old"])), "encrypt")
    assert words.mistake is Mistake.OTHER_TRAIL


def test_the_nearest_statement_is_chosen() -> None:
    far = allow(ENC, condition={"StringEquals": {"aws:SourceArn": "x", EC: "y", "aws:SourceAccount": "z"}}, Sid="far")
    near = allow(ENC, condition={"StringEquals": {"aws:SourceArn": TRAIL_ARN, "aws:SourceAccount": OTHER_ACCOUNT}}, Sid="near")
    words = explained(policy(far, ROOT_STATEMENT, near, DESCRIBE), "encrypt")
    assert "aws:SourceAccount" in words.message


def test_help_names_what_would_match() -> None:
    wrong = explained(policy(allow(ENC, condition={"StringLike": {EC: ALL_TRAILS.replace(ACCOUNT, OTHER_ACCOUNT)}})), "encrypt")
    assert ALL_TRAILS in wrong.help
    assert wrong.label == f"the condition names account {OTHER_ACCOUNT}"
    exact = explained(policy(source_arn(TRAIL_ARN + "x")), "encrypt")
    assert TRAIL_ARN in exact.help
    made_up = concatenate([Known("stack-"), Symbol("random", SymbolKind.GENERATED, spelling="random")])
    generated = explained(policy(ENCRYPT), "encrypt", used_by=trail(name=made_up))
    assert "whose name is made up at deployment" in generated.message
    assert f'use ArnLike with "{TRAIL_ARN.replace(NAME, "stack-*")}"' in generated.help


def test_a_bucket_is_no_trail() -> None:
    found = policy(allow(ENC, condition={"StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::other/*"}}))
    used_by = trail(bucket_name=Known("logs"))
    words = explain(found, judge_trail(found, key(), used_by, bucket_key=Match.NO).encrypt, key=key(), trail=used_by)
    assert words.message == (
        'the condition on "kms:EncryptionContext:aws:s3:arn" wants "arn:aws:s3:::other/*", '
        'the request has "arn:aws:s3:::logs/${path in the log bucket}"'
    )
    assert words.help == 'add "arn:aws:s3:::logs/*"'


OWN_ACCOUNT = "data.aws_caller_identity.current.account_id"


def test_a_help_names_the_data_sources_that_the_policy_does_not_read() -> None:
    of_another = allow(ENC, condition={"ArnLike": {"aws:SourceArn": TRAIL_ARN.replace(ACCOUNT, "*") + "2"}})
    words = explained(
        policy(of_another), "encrypt", Place(ambient_account(), Known("us-east-1"), Known("aws")), language=Language.TERRAFORM
    )
    assert words.help.endswith('(this takes data "aws_caller_identity" "current")')
    known = explained(policy(of_another), "encrypt", language=Language.TERRAFORM)
    assert "this takes" not in known.help
    assert Spelling(Language.TERRAFORM, {"account": OWN_ACCOUNT}).with_needs(f'add "${{{OWN_ACCOUNT}}}"') == f'add "${{{OWN_ACCOUNT}}}"'


def test_an_explicit_deny_shows_what_it_overrides() -> None:
    found = policy(ENCRYPT, deny("kms:*"))
    words = explained(found, "encrypt")
    assert "denies kms:GenerateDataKey" in words.message
    assert [note for _, note in words.related] == ["this statement would allow it"]
    assert words.related[0][0] == found.statements[0].span


@pytest.mark.parametrize(
    ("condition", "said", "help"),
    [
        (
            {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
            'by NotIpAddress on "aws:SourceIp" with "10.0.0.0/8", and the request has an address of AWS',
            "remove the Deny, or exempt AWS services",
        ),
        (
            {"Bool": {"aws:SecureTransport": "true"}, "StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}},
            'by StringNotEquals on "aws:RequestedRegion" with "eu-west-1", and the request has "us-east-1"',
            'add "us-east-1" to what this condition spares',
        ),
        (
            {"Bool": {"aws:PrincipalIsAWSService": "true"}},
            'by Bool on "aws:PrincipalIsAWSService" with "true", and the request has "true"',
            "remove the Deny, or exempt AWS services",
        ),
    ],
)
def test_an_explicit_deny_names_the_condition_that_holds(condition: Any, said: str, help: str) -> None:
    found = policy(ENCRYPT, deny("kms:*", condition=condition))
    words = explained(found, "encrypt")
    assert words.message == f"statement 2 denies kms:GenerateDataKey {said}"
    assert source_text(found, words.span).startswith("aws:")
    assert words.help.startswith(help)


def test_what_was_assumed_is_said_with_the_place_it_decides() -> None:
    elsewhere = allow("kms:DescribeKey", condition={"StringEquals": {"aws:SourceAccount": OTHER_ACCOUNT}})
    words = explained(policy(ENCRYPT, elsewhere), "describe", AMBIENT_PLACE)
    assert words.message.endswith(f"names account {OTHER_ACCOUNT}, the trail is in {ACCOUNT}, assuming account = {ACCOUNT}")


def test_another_trail_shows_where_this_one_is_named() -> None:
    here = Span.at("trail.tf", 3, 5)
    words = explained(policy(source_arn(TRAIL_ARN + "-old")), "encrypt", used_by=trail(name=Known(NAME, Origin(here))))
    assert words.related == ((here, "this trail's name"),)


def test_not_principal() -> None:
    words = explained(policy(ENCRYPT, deny("kms:*", Principal=None, NotPrincipal={"AWS": ROOT})), "encrypt")
    assert "NotPrincipal does not list" in words.message


def test_delegation() -> None:
    words = explained(policy(ROOT_STATEMENT), "decrypt")
    assert words.message == 'statement "Enable IAM User Permissions" leaves it to the IAM policies of account 111122223333'
    assert "kms:Decrypt" in words.help


def test_readers() -> None:
    assert explained(policy(ENCRYPT), "decrypt").message == "no statement lets a reader use kms:Decrypt"
    other = replace(policy(ENCRYPT, READ))
    assert "allows it" in explained(other, "decrypt").message
    elsewhere = allow("kms:Decrypt", {"AWS": f"arn:aws:iam::{ACCOUNT}:user/u"}, {"StringEquals": {EC: TRAIL_ARN + "2"}})
    assert explained(policy(elsewhere), "decrypt").mistake is Mistake.OTHER_TRAIL


def test_undetermined_names_the_unknown_and_what_would_decide() -> None:
    words = explained(policy(*AWS_TODAY), "encrypt", AMBIENT_PLACE, strict=True)
    assert "may allow it" in words.message
    assert "the account that is deployed to is not in the code" in words.message
    assert words.help == 'say where it is deployed: "account:" in the configuration'
    variable = Symbol("var.trail", reason="var.trail has no default", spelling="var.trail")
    found = policy(ENCRYPT)
    words = explained(found, "encrypt", used_by=trail(name=variable))
    assert "var.trail has no default" in words.message
    assert words.help == "give var.trail a value"
    org = explained(policy(allow(ENC, condition={"StringEquals": {"aws:SourceOrgID": "o-a"}})), "encrypt")
    assert "organization" in org.message
    assert "configuration" in org.help
    operator = explained(policy(allow(ENC, condition={"StringIs": {"aws:SourceArn": "x"}})), "encrypt")
    assert '"StringIs", which is no operator that IAM documents' in operator.message


def test_further_statements() -> None:
    words = explained(replace(policy(ENCRYPT), rest="var.more has no default"), "encrypt")
    assert words.message == "the policy may have further statements: var.more has no default"


def test_statements_that_only_some_inputs_give() -> None:
    found = policy(ENCRYPT)
    found = replace(found, statements=(replace(found.statements[0], included=Match.MAYBE, included_when="var.x = true"),))
    words = explained(found, "encrypt")
    assert "depends on var.x = true" in words.message


def test_the_management_account_is_the_one_compared_with() -> None:
    words = explained(
        policy(ENCRYPT),
        "encrypt",
        used_by=trail(is_organization_trail=Known(True)),
        facts=OrganizationFacts(management_account=OTHER_ACCOUNT),
    )
    assert f"names account {ACCOUNT}, the trail is in {OTHER_ACCOUNT}" in words.message


def test_unknown_principals_are_named() -> None:
    found = policy(allow("kms:*", {"AWS": ROOT}))
    statement = found.statements[0]
    unknown = replace(statement, principals=(replace(statement.principals[0], value=Unknown("var.who has no default")),))
    words = explained(replace(found, statements=(unknown,)), "encrypt")
    assert "var.who has no default" in words.message


# -- the nearest statement, and help that works ------------------------------------------------------------------------


def test_a_statement_that_names_another_service_is_nearer_than_one_for_another_action() -> None:
    found = policy(ROOT_STATEMENT, DESCRIBE, {**ENCRYPT, "Principal": {"Service": "logs.amazonaws.com"}})
    words = explained(found, "encrypt")
    assert 'names "logs.amazonaws.com", not "cloudtrail.amazonaws.com"' in words.message
    assert explained(policy(DESCRIBE, {**ENCRYPT, "Principal": CLOUDTRAIL}), "encrypt").message.endswith("allows it")


def test_a_similar_action_is_nearer_than_another_one() -> None:
    words = explained(policy(DESCRIBE, {**ENCRYPT, "Action": "kms:Encrypt"}), "encrypt")
    assert 'is about "kms:Encrypt"' in words.message
    assert words.help == 'write "kms:GenerateDataKey*"'


@pytest.mark.parametrize(
    ("statement", "question", "may_add"),
    [
        (allow(ENC, condition={"StringLike": {EC: ALL_TRAILS}}), "describe", False),  # C12: it would never hold
        (allow(ENC, condition={"StringEquals": {"aws:SourceArn": TRAIL_ARN}}), "describe", True),
        (allow("kms:DescribeKey"), "encrypt", False),  # it would let every account's trails in
        (allow("kms:DescribeKey", condition={"Bool": {"aws:PrincipalIsAWSService": "true"}}), "encrypt", False),  # the same
        (DESCRIBE, "encrypt", True),
    ],
)
def test_the_action_is_to_be_added_only_where_that_works(statement: Any, question: str, may_add: bool) -> None:
    help = explained(policy(statement), question).help
    assert 'add a statement that lets "cloudtrail.amazonaws.com" use kms:' in help
    assert ("to the Action of this statement" in help) is may_add
    wanted = {"describe": "kms:DescribeKey", "encrypt": ENC}[question]
    assert explained(policy({**statement, "Action": [statement["Action"], wanted]}), question).message.endswith("allows it") or not may_add


def test_a_statement_that_default_inputs_leave_out_is_named() -> None:
    found = policy(DESCRIBE)
    absent = replace(policy(ENCRYPT).statements[0], included=Match.NO, included_when="UseX = true")
    words = explained(replace(found, left_out=(absent,)), "encrypt")
    assert words.message == 'statement "AllowCloudTrailEncryptLogs" is left out by default, it is there when UseX = true'
    assert words.span == absent.span
    assert words.mistake is Mistake.LEFT_OUT
    useless = replace(absent, principals=())
    assert "kms:GenerateDataKey* is missing" in explained(replace(found, left_out=(useless,)), "encrypt").label


@pytest.mark.parametrize(
    ("language", "account"),
    [
        (Language.TERRAFORM, "${data.aws_caller_identity.current.account_id}"),
        (Language.CLOUDFORMATION, "${AWS::AccountId}"),
        (None, "${account id}"),
    ],
)
def test_no_name_of_ours_is_shown(language: Language | None, account: str) -> None:
    found = policy(source_arn(f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/other"), DESCRIBE)
    judgement = judge_trail(found, key(AMBIENT_PLACE), trail(AMBIENT_PLACE), strict=True)
    words = explain(found, judgement.encrypt, key=key(AMBIENT_PLACE), trail=trail(AMBIENT_PLACE), language=language)
    assert not re.search(r"\$\{(account|region|partition)\}", words.message + words.label + words.help)
    other = policy(allow(ENC, condition={"StringEquals": {"aws:SourceAccount": [OTHER_ACCOUNT]}}))
    shown = explain(other, judge_trail(other, key(AMBIENT_PLACE), trail(AMBIENT_PLACE), strict=True).encrypt, language=language)
    assert account in shown.message + shown.help or account[2:-1] in shown.message


def test_parts_that_fit_stay_as_the_policy_has_them() -> None:
    words = explained(policy(source_arn(f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/other")), "encrypt", AMBIENT_PLACE)
    assert words.help == f'add "{TRAIL_ARN}"'


def test_conditions_that_are_not_known_are_called_so() -> None:
    found = policy(ENCRYPT)
    unknown = replace(found.statements[0].conditions[0], key=Unknown("var.accounts has no default"), operator="")
    found = replace(found, statements=(replace(found.statements[0], conditions=(unknown,)),))
    assert "which conditions" in explained(found, "encrypt").message
    assert "${unknown" not in explained(found, "encrypt").message


@pytest.mark.parametrize(
    ("statement", "question", "said"),
    [
        (ENCRYPT, "encrypt", 'statement "AllowCloudTrailEncryptLogs" (Allow) applies'),
        (ROOT_STATEMENT, "decrypt", 'statement "Enable IAM User Permissions" (Allow) leaves it to the IAM policies of the account'),
        (ENCRYPT, "describe", 'statement "AllowCloudTrailEncryptLogs" (Allow) does not apply: '),
        (allow(ENC, Effect="allow"), "encrypt", "statement 1 (no valid effect) does not apply: in statement 1, "),
        (deny("kms:*"), "encrypt", "statement 1 (Deny) applies"),
        (
            deny("kms:*", Principal=None, NotPrincipal=CLOUDTRAIL),
            "encrypt",
            'statement 1 (Deny) does not apply: NotPrincipal of statement 1 lists "cloudtrail.amazonaws.com"',
        ),
        (
            allow(ENC, condition={"StringEquals": {"kms:ViaService": "x", "aws:SourceAccount": ACCOUNT}}),
            "encrypt",
            'statement 1 (Allow) may apply: the condition on "kms:ViaService" cannot be decided',
        ),
        (
            # What certainly does not match decides, not what may or may not.
            allow(ENC, condition={"StringEquals": {"kms:ViaService": "x", "aws:SourceAccount": OTHER_ACCOUNT}}),
            "encrypt",
            f'statement 1 (Allow) does not apply: the condition on "aws:SourceAccount" names account {OTHER_ACCOUNT}',
        ),
    ],
)
def test_what_a_statement_says_in_one_line(statement: Any, question: str, said: str) -> None:
    decision = getattr(judge_trail(policy(statement), key(), trail()), question)
    line = answer_text(decision.answers[0], decision.request)
    assert line.startswith(said), line


@pytest.mark.parametrize(
    ("question", "document", "message", "help"),
    [
        (
            "encrypt",
            deny("kms:*", condition={"Null": {"kms:EncryptionContext:team": "true"}}),
            'statement 3 denies requests without "kms:EncryptionContext:team": the encryption context of a trail has '
            '"aws:cloudtrail:arn" and "aws:s3:arn" only',
            "exempt AWS services",
        ),
        (
            "describe",
            deny("kms:*", condition={"Null": {EC: "true"}}),
            "statement 3 denies calls without the encryption context, and DescribeKey has none",
            "limit the Deny",
        ),
        (
            "decrypt",
            deny("kms:Decrypt", condition={"StringNotEquals": {"aws:SourceArn": TRAIL_ARN}}),
            'statement 3 denies requests without "aws:SourceArn": only calls by a service principal carry it',
            "except the readers",
        ),
        (
            "decrypt",
            deny("kms:Decrypt", Principal=None, NotPrincipal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}),
            f'statement 3 denies everybody that NotPrincipal does not list, and "arn:aws:iam::{ACCOUNT}:user/auditor" is not listed',
            f'list "arn:aws:iam::{ACCOUNT}:user/auditor" in NotPrincipal, or use',
        ),
        (
            "encrypt",
            deny("kms:*", Principal=None, NotPrincipal={"AWS": ROOT}),
            'statement 3 denies everybody that NotPrincipal does not list, and "cloudtrail.amazonaws.com" is not listed',
            'list "cloudtrail.amazonaws.com" in NotPrincipal as a principal of type Service, or use',
        ),
    ],
)
def test_a_deny_is_explained_for_whom_it_hits(question: str, document: Any, message: str, help: str) -> None:
    everything = allow("kms:*", {"AWS": f"arn:aws:iam::{ACCOUNT}:user/auditor", **CLOUDTRAIL})
    words = explained(policy(everything, ENCRYPT, document), question)
    assert words.message == message
    assert words.help.startswith(help)


def test_a_negated_condition_says_what_it_excludes() -> None:
    found = policy(allow(ENC, condition={"StringNotEquals": {"aws:SourceAccount": [ACCOUNT, OTHER_ACCOUNT]}}))
    words = explained(found, "encrypt")
    assert words.message == (
        f'the condition on "aws:SourceAccount" excludes "{ACCOUNT}", "{OTHER_ACCOUNT}", and the request has "{ACCOUNT}"'
    )
    many = policy(allow(ENC, condition={"StringNotLike": {"aws:SourceAccount": ["1*", "2*", "3*", "4*"]}}))
    assert 'excludes "1*", "2*", "3*", ..., and' in explained(many, "encrypt").message


@pytest.mark.parametrize(("wanted", "said"), [("true", "absent"), ("false", "present")])
def test_null_is_explained(wanted: str, said: str) -> None:
    key = "aws:SourceArn" if wanted == "true" else "aws:PrincipalOrgID"
    words = explained(policy(allow(ENC, condition={"Null": {key: wanted}})), "encrypt")
    if wanted == "true":
        assert words.message == f'the condition on "{key}" asks that it is {said}, which it never is for this request'
    else:
        assert words.message.startswith(f'the condition on "{key}" can never hold')


def test_an_action_with_a_hole_that_is_another_services() -> None:
    hole = Symbol("var.action", SymbolKind.INPUT)
    made = replace(policy(allow("kms:*")).statements[0], actions=(concatenate((Known("s3:"), hole)),))
    judgement = judge_trail(KeyPolicy((made,), "2012-10-17"), key(), trail())
    assert judgement.encrypt.outcome.value == "implicitly denied"
    made = replace(made, actions=(concatenate((Known("kms:Gen"), hole)),))
    assert judge_trail(KeyPolicy((made,), "2012-10-17"), key(), trail()).encrypt.outcome.value == "undetermined"


NEARER_FIRST = (
    allow(ENC, condition={"StringEquals": {"aws:SourceAccount": OTHER_ACCOUNT}}),
    allow(ENC, condition={"StringEquals": {"aws:SourceAccount": OTHER_ACCOUNT, "aws:SourceArn": TRAIL_ARN + "-old"}}),
    allow("kms=GenerateDataKey"),
    allow("kms:Encrypt"),
    allow(ENC, {"Service": "logs.amazonaws.com"}, {"StringEquals": {"aws:SourceArn": TRAIL_ARN}}),
    allow(ENC, {"AWS": "cloudtrail.amazonaws.com"}),
    allow("kms:Sign", condition={"StringEquals": {"aws:SourceArn": TRAIL_ARN}}),
    allow("kms:Sign"),
)
"""Statements that do not let CloudTrail encrypt, the nearest to doing so first."""


@pytest.mark.parametrize("rank", range(len(NEARER_FIRST) - 1))
def test_the_nearer_of_two_statements_is_told_whatever_their_order(rank: int) -> None:
    nearer, farther = NEARER_FIRST[rank], NEARER_FIRST[rank + 1]
    for statements, number in (((nearer, farther), 1), ((farther, nearer), 2), ((ROOT_STATEMENT, farther, nearer, farther), 3)):
        nearest = nearest_statement(judge_trail(policy(*statements), key(), trail()).encrypt)
        assert nearest is not None
        assert nearest.number == number


@pytest.mark.parametrize(
    "statement",
    [
        ROOT_STATEMENT,
        allow(ENC, {"Service": "logs.amazonaws.com"}),  # it says nothing about a trail
        allow(ENC, {"Service": "logs.amazonaws.com", "AWS": ROOT}, {"StringEquals": {"aws:SourceArn": TRAIL_ARN}}),
        allow("kms:Sign", {"AWS": f"arn:aws:iam::{ACCOUNT}:role/r"}),
        deny("kms:Sign"),
        deny("kms:*", CLOUDTRAIL, {"StringEquals": {"aws:SourceAccount": OTHER_ACCOUNT}}),
    ],
)
def test_what_is_not_about_the_request_is_not_near(statement: Any) -> None:
    assert nearest_statement(judge_trail(policy(statement), key(), trail()).encrypt) is None


def test_of_equals_the_first_is_told() -> None:
    nearest = nearest_statement(judge_trail(policy(ROOT_STATEMENT, allow("kms:Sign"), allow("kms:Verify")), key(), trail()).encrypt)
    assert nearest is not None
    assert nearest.number == 2


def test_what_a_statement_that_is_left_out_would_do_counts() -> None:
    found = policy(DESCRIBE)
    for document, is_told in ((ENCRYPT, True), (allow("kms:Sign"), False), (deny("kms:*"), False)):
        absent = replace(policy(document).statements[0], included=Match.NO, included_when="UseX = true")
        words = explained(replace(found, left_out=(absent,)), "encrypt")
        assert (words.mistake is Mistake.LEFT_OUT) is is_told
