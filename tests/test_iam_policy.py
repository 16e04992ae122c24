"""Reading key policies: forms, holes, choices and defects, each with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from key_policies import ACCOUNT, AMBIENT_PLACE, CLOUDTRAIL, EC, HERE, ROOT, allow, as_value, key, policy, policy_of_text, trail

from ctkms_policy.iam.judge import judge_trail
from ctkms_policy.iam.policy import MAX_POLICY_BYTES, UNKNOWN_VERSION, default_key_policy, read_key_policy
from ctkms_policy.model import DefectKind, Effect, KeyPolicy, PolicyForm, Principal, PrincipalType, UnreadablePolicy
from ctkms_policy.source import Source, Span
from ctkms_policy.value import (
    ACCOUNT_ID,
    Absent,
    Branch,
    Choice,
    Entry,
    JsonText,
    Known,
    ListValue,
    MapValue,
    Match,
    Origin,
    Reference,
    Shape,
    Symbol,
    Unknown,
    Value,
    concatenate,
)


def read(plain: Any, form: PolicyForm = PolicyForm.OBJECT) -> KeyPolicy:
    found = read_key_policy(as_value(plain), form, HERE)
    assert isinstance(found, KeyPolicy)
    return found


def defects(found: KeyPolicy) -> list[tuple[DefectKind, str]]:
    every = [*found.defects, *(defect for statement in found.statements for defect in statement.defects)]
    return [(defect.kind, defect.message) for defect in every]


def chosen(*branches: tuple[str, Any], default: int | None = None) -> Choice:
    return Choice("c", tuple(Branch(when, as_value(value)) for when, value in branches), default)


STATEMENT = allow("kms:GenerateDataKey*", condition={"StringLike": {EC: "arn:*"}}, Sid="S")
OTHER = allow("kms:DescribeKey", Sid="T")
POLICY = {"Version": "2012-10-17", "Statement": [STATEMENT]}


def test_every_form_gives_the_same_policy() -> None:
    as_map = read(POLICY)
    as_text = policy(STATEMENT)
    as_json_text = read_key_policy(JsonText(as_value(POLICY)), PolicyForm.POLICY_DOCUMENT, HERE)
    assert as_map == as_text == as_json_text
    assert [found.form for found in (as_map, as_text, as_json_text) if isinstance(found, KeyPolicy)] == [
        PolicyForm.OBJECT,
        PolicyForm.JSON_TEXT,
        PolicyForm.POLICY_DOCUMENT,
    ]
    assert defects(as_map) == []


def test_every_part_has_its_place() -> None:
    text = json.dumps(POLICY, indent=1)
    source = Source("policy.json", text)
    found = policy_of_text(text)
    statement = found.statements[0]

    def shown(span: Any) -> str:
        assert span.line == span.end_line
        return source.line(span.line)[span.column - 1 : span.end_column - 1]

    assert shown(statement.actions[0].origin.span) == '"kms:GenerateDataKey*"'
    assert shown(statement.part_span("Action")) == '"Action": "kms:GenerateDataKey*"'
    assert shown(statement.principals[0].value.origin.span) == '"cloudtrail.amazonaws.com"'
    assert shown(statement.conditions[0].span) == f'"{EC}": "arn:*"'
    assert shown(statement.conditions[0].values[0].origin.span) == '"arn:*"'
    assert statement.span is not None
    assert source.line(statement.span.line).strip() == "{"


def test_single_statement_and_scalars() -> None:
    assert read({"Statement": STATEMENT}).statements == read({"Statement": [STATEMENT]}).statements
    listed = {**STATEMENT, "Action": ["kms:GenerateDataKey*"], "Resource": ["*"], "Principal": {"Service": ["cloudtrail.amazonaws.com"]}}
    assert read({"Statement": listed}).statements == read({"Statement": STATEMENT}).statements


def test_version() -> None:
    assert read({"Statement": STATEMENT}).version == "2008-10-17"
    assert read({"Version": Unknown("?"), "Statement": STATEMENT}).version == UNKNOWN_VERSION
    wrong = read({"Version": "2012-10-18", "Statement": STATEMENT})
    assert wrong.version == UNKNOWN_VERSION
    assert defects(wrong) == [(DefectKind.REJECTED, '"2012-10-18" is no policy version')]


def test_json_scalars_become_texts() -> None:
    statement = read({"Statement": {**STATEMENT, "Principal": {"AWS": 111122223333}, "Condition": {"Null": {EC: False}}}}).statements[0]
    assert statement.principals == (Principal(PrincipalType.AWS, Known("111122223333")),)
    assert statement.conditions[0].values == (Known("false"),)


def test_absent_parts_are_not_there() -> None:
    found = read({"Version": None, "Statement": [None, {**STATEMENT, "Condition": None, "Sid": None}, None]})
    assert len(found.statements) == 1
    assert found.statements[0].conditions == ()
    assert defects(found) == []
    without = read({"Statement": {**STATEMENT, "Condition": {"StringLike": {EC: None}, "Bool": None}}})
    assert without.statements[0].conditions == ()


# -- what is not known -------------------------------------------------------------------------------------------------


def test_holes_in_json_text() -> None:
    account = Symbol("account")
    text = concatenate(
        [
            Known('{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::'),
            account,
            Known(':root"}, "Action": "kms:*", "Resource": "*"}]}'),
        ]
    )
    found = read_key_policy(text, PolicyForm.JSON_TEXT, HERE)
    assert isinstance(found, KeyPolicy)
    assert found.statements[0].principals[0].value == concatenate([Known("arn:aws:iam::"), account, Known(":root")])


def test_a_hole_as_statement_is_further_statements() -> None:
    text = concatenate([Known('{"Statement": ['), Unknown("var.more has no default"), Known("]}")])
    found = read_key_policy(text, PolicyForm.JSON_TEXT, HERE)
    assert isinstance(found, KeyPolicy)
    assert found.rest == "var.more has no default"


@pytest.mark.parametrize("hole", [Unknown("u"), Symbol("s"), Reference("r", "a")])
def test_text_that_only_a_hole_could_complete_is_unknown(hole: Value) -> None:
    assert isinstance(read_key_policy(concatenate([Known('{"Statement": ['), hole]), PolicyForm.JSON_TEXT, HERE), Unknown)


def test_unknown_documents_stay_unknown() -> None:
    for document in (Unknown("why"), Symbol("var.policy", reason="var.policy has no default"), Reference("data.x.y", "json"), Absent()):
        found = read_key_policy(document, PolicyForm.OBJECT, HERE)
        assert isinstance(found, Unknown)
        assert found.reason


def test_unknown_statements_are_a_rest() -> None:
    assert read({"Statement": [STATEMENT, Unknown("who knows")]}).rest == "who knows"
    assert read({"Statement": ListValue((as_value(STATEMENT),), "a rest")}).rest == "a rest"
    assert read({"Statement": Symbol("var.s", reason="no default")}).rest == "no default"


def test_unknown_elements_stand_for_any_number_of_values() -> None:
    found = read(
        {"Statement": {**STATEMENT, "Action": ListValue((Known("kms:*"),), "more"), "Resource": Unknown("r"), "Principal": Unknown("p")}}
    )
    statement = found.statements[0]
    assert statement.actions == (Known("kms:*"), Unknown("more"))
    assert statement.resources == (Unknown("r"),)
    assert isinstance(statement.principals[0].value, Unknown)
    assert defects(found) == []
    assert read({"Statement": {**STATEMENT, "Effect": Unknown("e")}}).statements[0].effect is Effect.UNKNOWN


def test_unknown_element_names() -> None:
    document = MapValue((*as_value({"Effect": "Allow"}).entries, Entry(Symbol("k"), Known("x"))))  # type: ignore[union-attr]
    statement = read({"Statement": document}).statements[0]
    assert statement.defects == ()
    assert all(isinstance(value, Unknown) for value in (*statement.actions, *statement.resources))
    assert isinstance(statement.principals[0].value, Unknown)
    assert isinstance(statement.conditions[0].key, Unknown)


def test_unknown_conditions_are_conditions() -> None:
    for condition in (Unknown("c"), {"StringLike": Unknown("c")}, MapValue((), "c"), {"StringLike": MapValue((), "c")}):
        conditions = read({"Statement": {**STATEMENT, "Condition": condition}}).statements[0].conditions
        assert [each.values for each in conditions] == [(Unknown("c"),)]


# -- choices -----------------------------------------------------------------------------------------------------------


def test_the_default_branch_is_read() -> None:
    document = chosen(("x = true", POLICY), ("x = false", {"Statement": [OTHER]}), default=1)
    assert read_key_policy(document, PolicyForm.OBJECT, HERE) == read({"Statement": [OTHER]})
    statements = chosen(("x = true", [STATEMENT]), ("x = false", [STATEMENT, OTHER]), default=1)
    assert len(read({"Statement": statements}).statements) == 2


def test_without_default_a_statement_may_be_there() -> None:
    found = read({"Statement": [STATEMENT, chosen(("x = true", OTHER), ("x = false", None))]})
    assert [(statement.sid, statement.included, statement.included_when) for statement in found.statements] == [
        ("S", Match.YES, ""),
        ("T", Match.MAYBE, "x = true"),
    ]


def test_equal_branches_are_certain() -> None:
    same = chosen(("x = true", OTHER), ("x = false", OTHER))
    assert read({"Statement": [same]}).statements[0].included is Match.YES
    whole = read_key_policy(chosen(("x = true", POLICY), ("x = false", POLICY)), PolicyForm.OBJECT, HERE)
    assert whole == read(POLICY)


def test_documents_that_differ_share_what_both_have() -> None:
    document = chosen(("x = true", {"Statement": [STATEMENT, OTHER]}), ("x = false", {"Statement": [STATEMENT]}))
    found = read_key_policy(document, PolicyForm.OBJECT, HERE)
    assert isinstance(found, KeyPolicy)
    assert [(statement.sid, statement.included) for statement in found.statements] == [("S", Match.YES), ("T", Match.MAYBE)]
    assert found.rest == ""


def test_a_branch_without_policy_leaves_everything_open() -> None:
    for nothing in (Absent(), Unknown("u"), Known("not json")):
        found = read_key_policy(chosen(("x = true", POLICY), ("x = false", nothing)), PolicyForm.OBJECT, HERE)
        assert isinstance(found, KeyPolicy)
        assert found.rest.startswith("x = false")
        assert [statement.included for statement in found.statements] == [Match.MAYBE]
    assert isinstance(read_key_policy(chosen(("a", Unknown("u")), ("b", Unknown("u"))), PolicyForm.OBJECT, HERE), Unknown)


def read_choice(*documents: Any) -> KeyPolicy:
    found = read_key_policy(chosen(*((f"x = {number}", each) for number, each in enumerate(documents))), PolicyForm.OBJECT, HERE)
    assert isinstance(found, KeyPolicy)
    return found


def test_what_branches_agree_on_is_certain_beside_what_they_do_not() -> None:
    odd = {"statement": [], "Statement": [STATEMENT]}
    assert defects(read_choice(odd, {**odd, "Statement": [OTHER]})) == [(REJECTED, '"statement" is no element of a key policy')]
    assert defects(read_choice(odd, {"Statement": [OTHER]})) == []
    old, new = {"Version": "2008-10-17"}, {"Version": "2012-10-17"}
    assert read_choice({**new, "Statement": [STATEMENT]}, {**new, "Statement": [OTHER]}).version == "2012-10-17"
    assert read_choice({**old, "Statement": [STATEMENT]}, {**new, "Statement": [STATEMENT]}).version == UNKNOWN_VERSION
    more = ListValue((as_value(OTHER),), "var.more has no default")
    assert read_choice({"Statement": [STATEMENT]}, {"Statement": more}).rest == "var.more has no default"
    # The same statement twice in one branch, and in all, is there once.
    assert [each.sid for each in read_choice({"Statement": [STATEMENT]}, {"Statement": [STATEMENT, STATEMENT]}).statements] == ["S"]


def test_a_reason_is_said_in_words() -> None:
    for what, reason in (
        (Symbol("var.p", reason="var.p has no default"), "var.p has no default"),
        (Reference("data.x.y", "json"), "data.x.y.json is known only after the deployment"),
        (Symbol("var.p", spelling="var.p"), "var.p is not known"),
    ):
        assert read({"Statement": [STATEMENT, what]}).rest == reason


def test_a_name_of_a_policy_element_that_is_not_known_may_bring_statements() -> None:
    open_name = Entry(Symbol("k", spelling="var.k"), Known("x"))
    alone = read_key_policy(MapValue((open_name,)), PolicyForm.OBJECT, HERE)
    assert isinstance(alone, Unknown)
    assert alone.reason == "the element name var.k is not known"
    # With a Statement there can be no second one.
    assert read(MapValue((open_name, *as_value(POLICY).entries))).rest == ""  # type: ignore[union-attr]


def test_the_limits_of_a_policy() -> None:
    def filled(size: int) -> dict[str, Any]:
        empty = {"Statement": [{**STATEMENT, "Sid": ""}]}
        return {"Statement": [{**STATEMENT, "Sid": "x" * (size - len(json.dumps(empty, separators=(",", ":"))))}]}

    limit = MAX_POLICY_BYTES
    assert defects(read(filled(limit))) == []
    assert defects(read(filled(limit + 1))) == [(REJECTED, f"the key policy has {limit + 1} bytes, KMS takes {limit}")]
    assert defects(read({"Statement": [{**STATEMENT, "Sid": "\u00ff"}]})) == []
    assert defects(read({"Statement": [{**STATEMENT, "Sid": "\u0100"}]})) == [
        (REJECTED, 'the key policy holds "\u0100", which is not Latin-1')
    ]


def test_an_element_stands_from_its_name_to_its_value() -> None:
    def part_of(name: Span | None, value: Span | None) -> Span | None:
        entry = Entry(Known("Sid", Origin(name)), Known("s", Origin(value)))
        statement = MapValue((*as_value(STATEMENT).entries[:4], entry))  # type: ignore[union-attr]
        return read({"Statement": statement}).statements[0].part_span("Sid")

    name, value = Span.at("main.tf", 3, 5), Span.at("main.tf", 3, 12)
    assert part_of(name, value) == name.to(value)
    assert part_of(value, name) == name  # the value stands before: it was written elsewhere
    assert part_of(name, Span.at("other.tf", 4)) == Span.at("other.tf", 4)
    assert part_of(name, None) == name
    assert part_of(None, value) == value


def principals_of(principal: Any) -> list[Principal]:
    return list(read({"Statement": {**STATEMENT, "Principal": principal}}).statements[0].principals)


def test_a_choice_of_principals_keeps_their_types_apart() -> None:
    ours = {"Service": "cloudtrail.amazonaws.com", "AWS": [ROOT, ACCOUNT]}
    found = principals_of(chosen(("x = 1", ours), ("x = 2", {"AWS": ROOT}), ("x = 3", "*")))
    shown = [
        (each.type.name, [branch.value.value if isinstance(branch.value, Known) else None for branch in each.value.branches])
        for each in found
        if isinstance(each.value, Choice)
    ]
    assert len(shown) == len(found)
    assert shown == [
        ("SERVICE", ["cloudtrail.amazonaws.com", None, None]),
        ("AWS", [ROOT, ROOT, None]),
        ("AWS", [ACCOUNT, None, None]),
        ("ANYONE", [None, None, "*"]),
    ]


def test_principals_that_are_not_known_may_be_anybody() -> None:
    for principal, reason in (
        (MapValue((), "var.more has no default"), "var.more has no default"),
        (Symbol("var.p", reason="var.p has no default"), "var.p has no default"),
        (MapValue((Entry(Symbol("var.type", spelling="var.type"), Known("x")),)), "the principal type var.type is not known"),
    ):
        (found,) = principals_of(principal)
        assert (found.type, found.value) == (PrincipalType.OTHER, Unknown(reason))


@pytest.mark.parametrize(
    ("principal", "message", "help"),
    [
        ({"*": "*"}, '"*" is no principal type', 'write Principal = "*"'),
        ({"service": "cloudtrail.amazonaws.com"}, '"service" is no principal type', 'did you mean "Service"?'),
        ({"Nobody": "x"}, '"Nobody" is no principal type', 'write "AWS", "Service" or "Federated"'),
        (
            "cloudtrail.amazonaws.com",
            'the principal "cloudtrail.amazonaws.com" is neither "*" nor a map of principals',
            'write Principal = { Service = "cloudtrail.amazonaws.com" }',
        ),
        (ROOT, f'the principal "{ROOT}" is neither "*" nor a map of principals', f'write Principal = {{ AWS = "{ROOT}" }}'),
        ([ROOT], 'the principal a list is neither "*" nor a map of principals', "write a map of principals"),
    ],
)
def test_what_is_no_principal_is_said_with_what_is(principal: Any, message: str, help: str) -> None:
    (defect,) = read({"Statement": {**STATEMENT, "Principal": principal}}).statements[0].defects
    assert (defect.kind, defect.message, defect.help) == (REJECTED, message, help)


def test_a_wildcard_beside_a_hole_is_in_a_principal_all_the_same() -> None:
    hole = Symbol("var.name", spelling="var.name")
    for pieces, is_wild in ((("role/", hole, "*"), True), (("role/", hole), False), (("role/", hole, "-?"), True)):
        arn = concatenate([Known(f"arn:aws:iam::{ACCOUNT}:"), *(Known(each) if isinstance(each, str) else each for each in pieces)])
        found = read({"Statement": {**STATEMENT, "Principal": {"AWS": arn}}}).statements[0].defects
        assert [each.kind for each in found] == ([REJECTED] if is_wild else [])


@pytest.mark.parametrize(
    ("effect", "meant"), [("allow", "Allow"), ("DENY", "Deny"), ("Permit", "Allow")], ids=["lower case", "upper case", "another word"]
)
def test_an_effect_in_another_case_is_told_in_the_right_one(effect: str, meant: str) -> None:
    (defect,) = read({"Statement": {**STATEMENT, "Effect": effect}}).statements[0].defects
    assert (defect.kind, defect.help) == (REJECTED, f'write Effect = "{meant}"')


def test_a_choice_of_values_keeps_its_branches_apart() -> None:
    choice = chosen(("x = true", ["kms:Decrypt", "kms:Encrypt"]), ("x = false", "kms:DescribeKey"))
    actions = read({"Statement": {**STATEMENT, "Action": choice}}).statements[0].actions
    assert len(actions) == 2
    assert all(isinstance(action, Choice) for action in actions)
    principal = chosen(("x = true", {"AWS": ROOT}), ("x = false", CLOUDTRAIL))
    principals = read({"Statement": {**STATEMENT, "Principal": principal}}).statements[0].principals
    assert [each.type for each in principals] == [PrincipalType.AWS, PrincipalType.SERVICE]


# -- what is no policy -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (Known("not json {"), "is not JSON"),
        (Known(""), "is not JSON"),
        (Known("[]"), "not an object"),
        (Known('"text"'), "not an object"),
        (Known(5), "not a JSON object"),
        (as_value([]), "is a list"),
        (as_value({}), "no Statement"),
        (as_value({"Statement": None}), "no Statement"),
        (Known('{"Statement": [}'), "is not JSON"),
    ],
)
def test_unreadable(document: Value, message: str) -> None:
    found = read_key_policy(document, PolicyForm.JSON_TEXT, HERE)
    assert isinstance(found, UnreadablePolicy)
    assert message in found.message
    assert found.span is not None


def test_unreadable_text_says_where() -> None:
    source = Source("p.json", '{\n  "Statement": [\n    {,}\n  ]\n}')
    whole = source.span(0, len(source.text))
    found = read_key_policy(Known(source.text, Origin(whole), source.text_map), PolicyForm.JSON_TEXT, HERE)
    assert isinstance(found, UnreadablePolicy)
    assert found.span is not None
    assert (found.span.path, found.span.line, found.span.column) == ("p.json", 3, 6)


def test_misspelt_statement_element() -> None:
    found = read_key_policy(as_value({"Statements": [STATEMENT]}), PolicyForm.OBJECT, HERE)
    assert isinstance(found, UnreadablePolicy)
    assert found.help == 'did you mean "Statement"?'


# -- defects -----------------------------------------------------------------------------------------------------------

REJECTED, NO_EFFECT, MISSPELT = DefectKind.REJECTED, DefectKind.INEFFECTIVE, DefectKind.MISSPELT_ACTION


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"Effect": "allow"}, REJECTED, 'Effect "allow"'),
        ({"Effect": None}, REJECTED, "no Effect"),
        ({"Principal": None}, REJECTED, "no Principal"),
        ({"Principal": {}}, REJECTED, "names no principal"),
        ({"Principal": "cloudtrail.amazonaws.com"}, REJECTED, 'neither "*" nor a map'),
        ({"Principal": ["*"]}, REJECTED, 'neither "*" nor a map'),
        ({"Principal": {"service": "cloudtrail.amazonaws.com"}}, REJECTED, '"service" is no principal type'),
        ({"Principal": {"*": "*"}}, REJECTED, '"*" is no principal type'),
        ({"Principal": {"Service": "*"}}, REJECTED, "has a wildcard"),
        ({"Principal": {"Service": "cloudtrail"}}, REJECTED, "is no service principal"),
        ({"Principal": {"Service": "cloudtrial.amazonaws.com"}}, REJECTED, "is no service principal"),
        ({"Principal": {"AWS": "cloudtrail.amazonaws.com"}}, REJECTED, "is a service"),
        ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, REJECTED, "12 digits"),
        ({"Principal": {"AWS": "arn:aws:iam::aws-account-id:root"}}, REJECTED, "12 digits"),
        ({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/*"}}, REJECTED, "wildcard"),
        ({"Principal": {"AWS": "somebody"}}, REJECTED, "no ARN of a principal"),
        ({"NotPrincipal": {"AWS": ROOT}}, REJECTED, "both Principal and NotPrincipal"),
        ({"NotAction": "kms:*"}, REJECTED, "both Action and NotAction"),
        ({"Action": None}, NO_EFFECT, "has no Action"),
        ({"Resource": None}, NO_EFFECT, "has no Resource"),
        ({"Resource": []}, NO_EFFECT, "has no Resource"),
        ({"Action": "kms=GenerateDataKey"}, NO_EFFECT, 'no KMS action is called "kms=GenerateDataKey"'),
        ({"Resource": f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/a"}, NO_EFFECT, "is an alias, not a key"),
        ({"Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"]}, NO_EFFECT, "is not a KMS key"),
        ({"Principal": {"AWS": concatenate([Known("arn:aws:iam::"), Symbol("account"), Known(":role/audit-*")])}}, REJECTED, "wildcard"),
        ({"Action": ["kms:Decrypt", "kms:GenerateDatKey"]}, MISSPELT, 'no KMS action is called "kms:GenerateDatKey"'),
        ({"Action": ["kms:*", "s3:GetObject"]}, MISSPELT, "not an action of KMS"),
        ({"Action": "kms:Foo*"}, NO_EFFECT, "no KMS action"),
        ({"Action": {"a": "b"}}, REJECTED, "an object stands where a string"),
        ({"Resources": "*"}, REJECTED, '"Resources" is no element of a statement'),
        ({"resource": "*"}, REJECTED, '"resource" is no element'),
        ({"Condition": "x"}, REJECTED, "Condition is not an object"),
        ({"Condition": {"StringEquals": "x"}}, REJECTED, "has no condition key"),
        ({"Condition": {"ForAllValues:StringLike": {EC: "x"}}}, REJECTED, "OverlyPermissiveCondition"),
        ({"Sid": "Ж"}, REJECTED, "not Latin-1"),
        ({"Sid": "x" * 40_000}, REJECTED, "bytes"),
    ],
)
def test_defects(change: dict[str, Any], kind: DefectKind, message: str) -> None:
    found = read({"Version": "2012-10-17", "Statement": {**STATEMENT, **change}})
    assert any(each is kind and message in text for each, text in defects(found)), defects(found)


@pytest.mark.parametrize(
    "change",
    [
        {"Action": "KMS:generatedatakey"},
        {"Action": ["kms:*", "kms:Describe*", "kms:G?nerateDataKey", "*"]},
        {"Action": Symbol("var.action")},
        {"Principal": {"AWS": [ROOT, ACCOUNT, "AIDAIIIIIIIIIIIIIIIII", f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s"]}},
        {"Principal": {"AWS": f"arn:aws-us-gov:iam::{ACCOUNT}:role/path/name"}},
        {"Principal": {"Service": ["cloudtrail.amazonaws.com.cn", "cloudtrail.eu-south-1.amazonaws.com", "logs.us-east-1.amazonaws.com"]}},
        {"Principal": {"Federated": "accounts.google.com"}},
        {"Principal": {"AWS": Symbol("var.admin")}},
        {"Sid": "Allow CloudTrail to encrypt logs"},
        {"Condition": {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "x"}}},
        {"Action": None, "NotAction": "kms:Decrypt"},
        {"Resource": ["arn:aws:s3:::bucket", "*"]},
        {"Resource": "arn:aws:kms:*:*:key/*"},
        {"Resource": "arn:aws:*:*:*:*"},
        {"Resource": concatenate([Known("arn:aws:kms:us-east-1:1:"), Symbol("what")])},
        {"Resource": None, "NotResource": "arn:aws:s3:::bucket"},
    ],
)
def test_no_defects(change: dict[str, Any]) -> None:
    assert defects(read({"Version": "2012-10-17", "Statement": {**STATEMENT, **change}})) == []


def test_a_misspelt_action_names_what_was_meant() -> None:
    found = read({"Statement": {**STATEMENT, "Action": ["kms:GenerateDatKey*", "kms=Decrypt", "kms:Describekeys"]}})
    assert [defect.help for defect in found.statements[0].defects] == [
        'did you mean "kms:GenerateDataKey*"?',
        'did you mean "kms:Decrypt"?',
        'did you mean "kms:DescribeKey"?',
    ]


def test_policy_defects() -> None:
    assert defects(read({"Statement": []})) == [(REJECTED, "the key policy has no statement, KMS wants at least one")]
    assert defects(read({"Statement": ["x"]}))[0][0] is REJECTED
    assert defects(read({"statement": [], "Statement": [STATEMENT]})) == [(REJECTED, '"statement" is no element of a key policy')]


def test_default_policy_lets_the_account_delegate() -> None:
    found = default_key_policy(AMBIENT_PLACE, HERE)
    assert found.form is PolicyForm.DEFAULT
    assert found.statements[0].actions == (Known("kms:*"),)
    assert found.statements[0].principals[0].type is PrincipalType.AWS


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["*", "Allow", "kms:*", "", "x"])),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(
                    ["Statement", "Effect", "Principal", "AWS", "Service", "Action", "Resource", "Condition", "StringLike", EC, "x"]
                ),
                inner,
                max_size=4,
            ),
        ),
        max_leaves=20,
    )
)
def test_no_document_is_too_odd(document: Any) -> None:
    found = read_key_policy(as_value(document), PolicyForm.OBJECT, HERE)
    assert isinstance(found, (KeyPolicy, UnreadablePolicy, Unknown))
    again = read_key_policy(Known(json.dumps(document)), PolicyForm.JSON_TEXT, HERE)
    assert isinstance(again, (KeyPolicy, UnreadablePolicy, Unknown))
    if isinstance(found, KeyPolicy):
        assert found == again


@pytest.mark.parametrize(
    ("form", "path", "resource", "service"),
    [
        (PolicyForm.OBJECT, "main.tf", 'Resource = "*"', 'Principal = { Service = "cloudtrail.amazonaws.com" }'),
        (PolicyForm.OBJECT, "template.yaml", 'Resource: "*"', 'Principal: { Service: "cloudtrail.amazonaws.com" }'),
        (PolicyForm.OBJECT, "template.json", '"Resource": "*"', '"Principal": { "Service": "cloudtrail.amazonaws.com" }'),
        (
            PolicyForm.POLICY_DOCUMENT,
            "main.tf",
            'resources = ["*"]',
            'principals with type = "Service" and identifiers = ["cloudtrail.amazonaws.com"]',
        ),
    ],
)
def test_help_is_in_the_words_of_the_file(form: PolicyForm, path: str, resource: str, service: str) -> None:
    document = {"Statement": {**STATEMENT, "Resource": None, "Principal": {"AWS": "cloudtrail.amazonaws.com"}}}
    found = read_key_policy(as_value(document), form, Span.at(path))
    assert isinstance(found, KeyPolicy)
    helps = {defect.help for defect in found.statements[0].defects}
    assert helps == {f"add {resource}, which means this key", f"write {service}"}


def test_what_default_inputs_leave_out_is_kept_aside() -> None:
    further = chosen(("a = no", None), ("a = yes", {**STATEMENT, "Sid": "further"}), default=0)
    items = ListValue((as_value({**STATEMENT, "Sid": "first"}), further))
    found = read_key_policy(MapValue((Entry(Known("Statement"), items),)), PolicyForm.OBJECT, HERE)
    assert isinstance(found, KeyPolicy)
    assert [each.sid for each in found.statements] == ["first"]
    assert [(each.sid, each.included, each.included_when) for each in found.left_out] == [("further", Match.NO, "a = yes")]
    documents = chosen(
        ("a = no", {"Statement": [{**STATEMENT, "Sid": "x"}]}), ("a = yes", {"Statement": [{**STATEMENT, "Sid": "y"}]}), default=0
    )
    whole = read_key_policy(documents, PolicyForm.OBJECT, HERE)
    assert isinstance(whole, KeyPolicy)
    assert [each.sid for each in whole.left_out] == ["y"]


def test_what_default_inputs_choose_is_read_as_it_is_beside_a_policy_that_other_inputs_choose() -> None:
    good = {"Statement": [allow("kms:DescribeKey")]}
    defaults: tuple[tuple[Value, type], ...] = (
        (Known("not json {"), UnreadablePolicy),
        (Unknown("var.policy has no default"), Unknown),
    )
    for default, expected in defaults:
        found = read_key_policy(chosen(("custom", default), ("own", good), default=0), PolicyForm.OBJECT, HERE)
        assert isinstance(found, expected)


def test_an_absent_policy_is_unknown_and_says_that_none_is_written() -> None:
    found = read_key_policy(Absent(), PolicyForm.OBJECT, HERE)
    assert isinstance(found, Unknown)
    assert found.reason == "no key policy is written"


def test_a_part_without_its_own_place_stands_where_the_document_or_text_stands() -> None:
    place = Span("key.tf", 7, 3, 7, 40)
    own = as_value({"Statement": [allow("kms:DescribeKey")]})
    assert isinstance(own, MapValue)
    documents: tuple[Value, ...] = (JsonText(own, Origin(place)), MapValue(own.entries, "", Origin(place)))
    for document in documents:
        found = read_key_policy(document, PolicyForm.OBJECT, HERE)
        assert isinstance(found, KeyPolicy)
        assert (found.span, found.statements[0].span) == (place, place)
    listed = read_key_policy(ListValue((), "", Origin(place)), PolicyForm.OBJECT, HERE)
    assert isinstance(listed, UnreadablePolicy)
    assert listed.span == place


@pytest.mark.parametrize(
    ("hole", "expected"),
    [
        (Symbol("var.statements"), Unknown),
        (Symbol("account", shape=ACCOUNT_ID), UnreadablePolicy),
        (Symbol("var.stage", shape=Shape(one_of=("a", "b"))), UnreadablePolicy),
    ],
)
def test_only_a_hole_that_may_bring_a_quote_excuses_text_that_is_not_json(hole: Symbol, expected: type) -> None:
    text = concatenate((Known('{"Statement": [{"Sid": "'), hole, Known('" ')))
    assert isinstance(read_key_policy(text, PolicyForm.JSON_TEXT, HERE), expected)


def test_a_version_that_is_null_is_none() -> None:
    assert read({"Version": None, "Statement": [STATEMENT]}).version == "2008-10-17"


@pytest.mark.parametrize("missing", ["Effect", "Principal", "Action", "Resource"])
def test_an_element_that_may_be_there_under_a_name_that_is_not_known_is_no_defect(missing: str) -> None:
    """``merge(local.common, {...})`` of which only some names are known."""
    known = {name: value for name, value in STATEMENT.items() if name != missing}
    statement = as_value(known)
    assert isinstance(statement, MapValue)
    open_ended = MapValue(statement.entries, "var.more has no default")
    hidden = MapValue((*statement.entries, Entry(Symbol("var.name"), Known("x"))))
    for made in (open_ended, hidden):
        found = read({"Version": "2012-10-17", "Statement": [made]})
        assert defects(found) == []
        judged = judge_trail(found, key(), trail())
        assert judged.encrypt.outcome.value == "undetermined"
    # Without such a name it is certainly missing.
    assert defects(read({"Version": "2012-10-17", "Statement": [statement]})) != []


SECRET = Origin(HERE, sensitive=True)


@pytest.mark.parametrize(
    "value",
    [
        Known("kms:Secret", SECRET),
        ListValue((Known("kms:Secret", SECRET),)),
        ListValue((Known("kms:Secret"),), "", SECRET),
        Choice("c", (Branch("x", Known("kms:Secret", SECRET)), Branch("y", Known("kms:Other"))), None),
        Choice("c", (Branch("x", Known("kms:Secret")), Branch("y", Known("kms:Other"))), None, SECRET),
        concatenate((Known("kms:Secret"), Symbol("var.x")), SECRET),
    ],
)
def test_nothing_sensitive_is_read(value: Value) -> None:
    found = read({"Version": "2012-10-17", "Statement": [{**STATEMENT, "Action": value}]})
    assert "Secret" not in repr([(each.actions, each.defects) for each in found.statements])
    assert judge_trail(found, key(), trail()).encrypt.outcome.value == "undetermined"
