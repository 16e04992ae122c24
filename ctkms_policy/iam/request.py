"""The requests that reach a trail's KMS key: who calls, which action, and what the request context carries (A8, C14)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from enum import Enum

from ctkms_policy.iam.context import Chosen, Context, ContextText, ContextValue, FromNow, Missing, Present, ServiceAddress, Uncertain
from ctkms_policy.model import EventDataStore, Key, Trail
from ctkms_policy.value import (
    KEY_ID,
    Choice,
    Known,
    Match,
    Reference,
    Symbol,
    SymbolKind,
    Template,
    Text,
    Unknown,
    Value,
    concatenate,
    default_of,
    scalar_text,
)

CLOUDTRAIL = "cloudtrail.amazonaws.com"
"""The service principal in every partition (A19)."""


class Question(Enum):
    """What is asked about a trail and the policy of its key."""

    DESCRIBE = "describe"
    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"
    """may a reader decrypt the logs"""
    SERVICE_DECRYPT = "service-decrypt"
    """may CloudTrail itself decrypt"""
    CONFUSED_DEPUTY = "confused-deputy"
    """may CloudTrail encrypt for a trail that is none of the key's owner's business"""


ACTIONS = {
    Question.DESCRIBE: "kms:DescribeKey",
    Question.ENCRYPT: "kms:GenerateDataKey",
    Question.DECRYPT: "kms:Decrypt",
    Question.SERVICE_DECRYPT: "kms:Decrypt",
    Question.CONFUSED_DEPUTY: "kms:GenerateDataKey",
}


@dataclass(frozen=True, slots=True)
class OrganizationFacts:
    """What only the user can say about the organization.

    management_account  owns every organization trail (A16); "" when not configured
    organization_id     ``o-...``, of the trail's and the key's owner; "" when not configured
    allowed_readers     accounts or ARNs outside the key's account that may read; empty: any that the policy names
    """

    management_account: str = ""
    organization_id: str = ""
    allowed_readers: tuple[str, ...] = ()


class CallerKind(Enum):
    """What kind of principal makes the request."""

    SERVICE = "service"
    IAM = "iam"
    """a user, a role or a session of one"""
    FEDERATED = "federated"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes the request.

    name     the service principal, the ARN, or the identity provider
    account  the caller's account; Unknown for a service
    role     the ARN of the role behind a session: a role in a policy covers its sessions (C5)
    unnamed  whether it stands for anybody whom no policy names: those whom one names are callers of their own
    """

    kind: CallerKind
    name: Text
    account: Text
    role: Text | None = None
    unnamed: bool = False


@dataclass(frozen=True)
class Request:
    """One call to KMS, as the key policy sees it.

    by_iam  whether IAM policies decide where the key policy allows it: they do for a caller of another account than the key's
            (C15), and where the policy names an account and no caller (C2)
    """

    question: Question
    action: str
    caller: Caller
    resource: Text
    context: Context = field(repr=False)
    by_iam: Match = Match.NO


# -- what a request is about -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What a request says about the key. ``own`` are the references in the code that mean this key."""

    arn: Text
    account: Text
    region: Text
    partition: Text
    spec: Text = Known("SYMMETRIC_DEFAULT")
    usage: Text = Known("ENCRYPT_DECRYPT")
    key_origin: Text = Known("AWS_KMS")
    multi_region: Text = Known("false")
    own: tuple[tuple[Reference, Text], ...] = ()


@dataclass(frozen=True, slots=True)
class LogFacts:
    """What a request says about the trail or event data store.

    owner       the management account for an organization trail
    bucket_key  whether the log bucket has an S3 Bucket Key: the encryption context names the bucket then, else the object (A9)
    """

    arn: Text
    owner: Text
    region: Text
    partition: Text
    name: Text
    bucket: Text = Unknown("the log bucket is not known")
    is_event_data_store: bool = False
    organization_id: str = ""
    own: tuple[tuple[Reference, Text], ...] = ()
    bucket_key: Match = Match.MAYBE


def certain_text(value: Value, what: str) -> Text:
    """Return the text that default inputs give, an Unknown where several are possible or there is none."""
    value = default_of(value)
    if isinstance(value, Known):
        return value if isinstance(value.value, str) else Known(scalar_text(value.value), value.origin)
    if isinstance(value, (Template, Symbol, Reference, Unknown)):
        if isinstance(value, Template) and len(value.parts) == 1 and isinstance(value.parts[0], (Symbol, Reference, Unknown)):
            return value.parts[0]
        return value
    if isinstance(value, Choice):
        return Unknown(f"{what} depends on inputs without defaults", value.origin)
    return Unknown(f"{what} is not known", value.origin)


def _joined(*parts: Value) -> Text:
    return certain_text(concatenate(parts), "the ARN")


def key_facts(key: Key) -> KeyFacts:
    """Return the facts of a key of the configuration; its id is made up by KMS (C6)."""
    account = certain_text(key.place.account, "the key's account")
    region = certain_text(key.place.region, "the key's Region")
    partition = certain_text(key.place.partition, "the partition")
    key_id = Symbol(f"key-id[{key.address}]", SymbolKind.GENERATED, KEY_ID, f"id of {key.address}", "KMS makes up the key id")
    arn = _joined(Known("arn:"), partition, Known(":kms:"), region, Known(":"), account, Known(":key/"), key_id)
    if key.known_arn:
        arn = Known(key.known_arn)
    own = [(Reference(key.address, name), arn) for name in ("arn", "Arn", "")]
    own += [(Reference(key.address, name), key_id) for name in ("key_id", "id", "Ref", "KeyId")]
    return KeyFacts(
        arn,
        account,
        region,
        partition,
        certain_text(key.spec, "the key spec"),
        certain_text(key.usage, "the key usage"),
        certain_text(key.key_origin, "the key's origin"),
        certain_text(key.multi_region, "whether it is a multi-Region key"),
        tuple(own),
    )


def trail_facts(trail: Trail, facts: OrganizationFacts, bucket_key: Match = Match.MAYBE) -> LogFacts:
    """Return the facts of a trail. An organization trail is owned by the management account (A16)."""
    partition = certain_text(trail.place.partition, "the partition")
    region = certain_text(trail.place.region, "the trail's home Region")
    name = certain_text(trail.name, "the trail's name")
    owner = certain_text(trail.place.account, "the trail's account")
    organization = default_of(trail.is_organization_trail)
    is_organization = isinstance(organization, Known) and scalar_text(organization.value).lower() == "true"
    is_plain = isinstance(organization, Known) and not is_organization
    if is_organization and facts.management_account:
        owner = Known(facts.management_account)
    elif not is_plain and facts.management_account and owner != Known(facts.management_account):
        owner = owner if is_organization else Unknown("whether it is an organization trail is not known")
    arn = _joined(Known("arn:"), partition, Known(":cloudtrail:"), region, Known(":"), owner, Known(":trail/"), name)
    own = [(Reference(trail.address, attribute), arn) for attribute in ("arn", "Arn", "id")]
    own += [(Reference(trail.address, attribute), name) for attribute in ("name", "Ref")]
    bucket = certain_text(trail.bucket_name, "the log bucket")
    return LogFacts(arn, owner, region, partition, name, bucket, False, facts.organization_id, tuple(own), bucket_key)


def event_data_store_facts(store: EventDataStore, facts: OrganizationFacts) -> LogFacts:
    """Return the facts of an event data store; its id is made up by CloudTrail."""
    partition = certain_text(store.place.partition, "the partition")
    region = certain_text(store.place.region, "the Region")
    owner = certain_text(store.place.account, "the account")
    store_id = Symbol(
        f"event-data-store-id[{store.address}]", SymbolKind.GENERATED, KEY_ID, f"id of {store.address}", "CloudTrail makes it up"
    )
    arn = _joined(Known("arn:"), partition, Known(":cloudtrail:"), region, Known(":"), owner, Known(":eventdatastore/"), store_id)
    return LogFacts(arn, owner, region, partition, store_id, is_event_data_store=True, organization_id=facts.organization_id)


# -- request contexts --------------------------------------------------------------------------------------------------

EC = "kms:encryptioncontext:"
TRAIL_PAIR = "aws:cloudtrail:arn"
S3_PAIR = "aws:s3:arn"

_NOT_OF_THIS_CALL = Missing("only other KMS operations carry it")
_OTHER_OPERATIONS: dict[str, ContextValue] = dict.fromkeys(
    (
        "kms:bypasspolicylockoutsafetycheck",
        "kms:datakeypairspec",
        "kms:expirationmodel",
        "kms:grantconstrainttype",
        "kms:granteeprincipal",
        "kms:grantisforawsresource",
        "kms:grantoperations",
        "kms:keyagreementalgorithm",
        "kms:macalgorithm",
        "kms:messagetype",
        "kms:primaryregion",
        "kms:reencryptonsamekey",
        "kms:replicaregion",
        "kms:retiringprincipal",
        "kms:rotationperiodindays",
        "kms:scheduledkeydeletionpendingwindowindays",
        "kms:signingalgorithm",
        "kms:validto",
        "kms:wrappingalgorithm",
        "kms:wrappingkeyspec",
        "aws:tagkeys",
    ),
    _NOT_OF_THIS_CALL,
)
_BY_KEY_ARN = Missing("the call names the key by its ARN, not by an alias")
_NOT_A_SERVICE_KEY = Missing("CloudTrail's calls never carry it")


def _one(text: ContextText) -> Present:
    return Present((text,))


def _now() -> FromNow:
    return FromNow(datetime.now(timezone.utc))


def _common(key: KeyFacts, question: Question) -> dict[str, ContextValue]:
    now = _one(_now())
    keys: dict[str, ContextValue] = {
        **_OTHER_OPERATIONS,
        "aws:currenttime": now,
        "aws:epochtime": now,
        "aws:securetransport": _one(Known("true")),
        "aws:requestedregion": _one(key.region),
        "aws:resourceaccount": _one(key.account),
        "kms:keyspec": _one(key.spec),
        "kms:customermasterkeyspec": _one(key.spec),
        "kms:keyusage": _one(key.usage),
        "kms:customermasterkeyusage": _one(key.usage),
        "kms:keyorigin": _one(key.key_origin),
        "kms:multiregion": _one(key.multi_region),
        "kms:requestalias": _BY_KEY_ARN,
    }
    keys["kms:encryptionalgorithm"] = _NOT_OF_THIS_CALL if question is Question.DESCRIBE else _one(Known("SYMMETRIC_DEFAULT"))
    return keys


def _encryption_context(log: LogFacts | None, question: Question) -> tuple[dict[str, ContextValue], ContextValue]:
    """Return the encryption-context keys, and what every other pair is (A8, A17, C12)."""
    if question is Question.DESCRIBE:
        none = Missing("DescribeKey has no encryption context")
        return {"kms:encryptioncontextkeys": none}, none
    if log is None:
        return {}, Uncertain("the encryption context is not known")
    if log.is_event_data_store:
        undocumented = Uncertain("the encryption context of an event data store is not documented")
        return {EC + TRAIL_PAIR: Present((log.arn,), presence=Match.MAYBE)}, undocumented
    pairs: dict[str, ContextValue] = {
        EC + TRAIL_PAIR: _one(log.arn),
        EC + S3_PAIR: _one(_s3_arn(log, question)),
        "kms:encryptioncontextkeys": Present((Known(TRAIL_PAIR), Known(S3_PAIR)), many=True),
    }
    return pairs, Missing(f'the encryption context of a trail has "{TRAIL_PAIR}" and "{S3_PAIR}" only')


def _s3_arn(log: LogFacts, question: Question) -> Text:
    """Return the bucket's ARN or that of an object in it (A9).

    With an S3 Bucket Key a reader's call has the bucket's; what CloudTrail sends to try the key then is not documented.
    """
    rest: list[Value] = [Symbol("path in the log bucket", SymbolKind.GENERATED, reason="the path changes with every log file")]
    if log.bucket_key is Match.NO:
        rest.insert(0, Known("/"))
    elif log.bucket_key is Match.YES and question is Question.DECRYPT:
        rest = []
    return _joined(Known("arn:"), log.partition, Known(":s3:::"), log.bucket, *rest)


def _families(other_pairs: ContextValue, others: tuple[tuple[str, ContextValue], ...]) -> tuple[tuple[str, ContextValue], ...]:
    return (
        (EC, other_pairs),
        ("kms:recipientattestation:", _NOT_OF_THIS_CALL),
        ("aws:requesttag/", _NOT_OF_THIS_CALL),
        *others,
    )


def service_context(log: LogFacts, key: KeyFacts, question: Question) -> Context:
    """Return what CloudTrail's own call carries (C14)."""
    pairs, other_pairs = _encryption_context(log, question)
    keys = _common(key, question)
    keys.update(pairs)
    keys.update(
        {
            "aws:principalisawsservice": _one(Known("true")),
            "aws:principalservicename": _one(Known(CLOUDTRAIL)),
            "aws:viaawsservice": _one(Known("false")),
            "aws:sourceip": _one(ServiceAddress()),
            "aws:sourceorgid": Uncertain("the code does not say in which organization the trail's owner is"),
            "aws:sourceorgpaths": Uncertain("the code does not say where in the organization the trail's owner is"),
            "kms:viaservice": Uncertain("AWS does not document kms:ViaService for CloudTrail's calls"),
            "kms:calleraccount": Uncertain("AWS does not document kms:CallerAccount for a service principal"),
            "aws:principalaccount": Uncertain("AWS does not document aws:PrincipalAccount for a service principal"),
            "aws:principalarn": Uncertain("AWS does not document aws:PrincipalArn for a service principal"),
            "aws:principalservicenameslist": Uncertain("AWS does not document its values for CloudTrail"),
        }
    )
    for name in (
        "sourcevpc",
        "sourcevpce",
        "vpcsourceip",
        "userid",
        "username",
        "tokenissuetime",
        "federatedprovider",
        "principalorgid",
        "principalorgpaths",
    ):
        keys[f"aws:{name}"] = _NOT_A_SERVICE_KEY
    if log.is_event_data_store:
        unsupported = Missing("not supported in key policies for event data stores")
        keys["aws:sourcearn"] = keys["aws:sourceaccount"] = unsupported
    else:
        keys["aws:sourcearn"] = _one(log.arn)
        keys["aws:sourceaccount"] = _one(log.owner)
    if log.organization_id:
        keys["aws:sourceorgid"] = _one(Known(log.organization_id))
    never = (("aws:principaltag/", _NOT_A_SERVICE_KEY), ("aws:multifactorauth", _NOT_A_SERVICE_KEY))
    return Context(keys, _families(other_pairs, never))


def caller_keys(caller: Caller) -> dict[str, ContextValue]:
    """Return what a request carries about the caller; a session counts as its role (C14)."""
    account = _one(caller.account)
    return {"kms:calleraccount": account, "aws:principalaccount": account, "aws:principalarn": _one(caller.role or caller.name)}


def reader_context(log: LogFacts | None, key: KeyFacts, organization_id: str = "") -> Context:
    """Return what S3's call on behalf of a reader carries, but for the reader: it decrypts a log file of this trail (C14)."""
    pairs, other_pairs = _encryption_context(log, Question.DECRYPT)
    keys = _common(key, Question.DECRYPT)
    keys.update(pairs)
    not_for_readers = Missing("only calls by a service principal carry it")
    keys.update(
        {
            "kms:viaservice": _one(_joined(Known("s3."), key.region, Known(".amazonaws.com"))),
            "aws:principalisawsservice": _one(Known("false")),
            "aws:viaawsservice": _one(Known("true")),
            "aws:principalorgid": _one(Known(organization_id)) if organization_id else Uncertain("the reader's organization is not known"),
        }
    )
    for name in ("sourcearn", "sourceaccount", "sourceorgid", "sourceorgpaths", "principalservicename", "principalservicenameslist"):
        keys[f"aws:{name}"] = not_for_readers
    return Context(keys, _families(other_pairs, (("", Uncertain("what a reader's request carries there is not in the code")),)))


# -- requests ----------------------------------------------------------------------------------------------------------


def service_request(question: Question, log: LogFacts, key: KeyFacts) -> Request:
    """Return CloudTrail's own call for a question about a trail or event data store."""
    caller = Caller(CallerKind.SERVICE, Known(CLOUDTRAIL), Unknown("a service has no account"))
    return Request(question, ACTIONS[question], caller, key.arn, service_context(log, key, question))


def reader_request(caller: Caller, key: KeyFacts, context: Context, *, by_iam: Match = Match.NO) -> Request:
    """Return the call that S3 makes to KMS when the caller reads a log file; ``context`` is ``reader_context``."""
    return Request(Question.DECRYPT, ACTIONS[Question.DECRYPT], caller, key.arn, context.with_keys(caller_keys(caller)), by_iam)


STRANGER_ORGANIZATION = "o-ofthestranger"


def stranger_trail_contexts(request: Request) -> tuple[Context, ...]:
    """Return the contexts of a stranger's trail: of an account in another organization, and of one in none."""
    base = request.context.with_keys(
        {"kms:calleraccount": replace(_one(request_account(request)), presence=Match.MAYBE), "aws:sourceorgpaths": Missing()}
    )
    return (
        base.with_keys(
            {
                "aws:sourceorgid": _one(Known(STRANGER_ORGANIZATION)),
                "aws:sourceorgpaths": Present((Known(f"{STRANGER_ORGANIZATION}/"),), many=True),
            }
        ),
        base.with_keys({"aws:sourceorgid": Missing()}),
    )


def request_account(request: Request) -> Text:
    """Return the account that a service's request is made for."""
    carried = request.context.get("aws:sourceaccount")
    if isinstance(carried, Present) and isinstance(carried.values[0], (Known, Template, Symbol, Reference, Unknown)):
        return carried.values[0]
    return Unknown("the account is not known")


def stranger_requests(
    action: str, account: str, log: LogFacts | None, key: KeyFacts, name: Text = Known("role/stranger")
) -> tuple[Request, ...]:
    """Return the calls of somebody of an account that nobody named: in another organization, in none, and anonymous.

    What a caller decides freely (encryption context, own tags, the service in between) is Chosen; ``name`` is what the stranger's
    role or user is called.
    """
    arn = _joined(Known("arn:"), key.partition, Known(f":iam::{account}:"), name)
    caller = Caller(CallerKind.IAM, arn, Known(account))
    context = reader_context(log, key).with_keys(caller_keys(caller))
    free: dict[str, ContextValue] = dict.fromkeys(
        (
            "kms:viaservice",
            "kms:requestalias",
            "kms:encryptioncontextkeys",
            "kms:grantisforawsresource",
            "kms:grantoperations",
            "kms:granteeprincipal",
            "kms:retiringprincipal",
            "kms:grantconstrainttype",
            "kms:reencryptonsamekey",
            "aws:viaawsservice",
            "aws:username",
            "aws:userid",
            "aws:useragent",
            "aws:referer",
            "aws:principaltype",
            "aws:multifactorauthpresent",
            "aws:multifactorauthage",
            "aws:calledvia",
            "aws:calledviafirst",
            "aws:calledvialast",
            EC + TRAIL_PAIR,
            EC + S3_PAIR,
        ),
        Chosen(),
    )
    nowhere: dict[str, ContextValue] = {
        # An address that only a range about the whole internet holds: a stranger is in no network that anybody names.
        "aws:sourceip": _one(Known("0.0.0.0")),
        "aws:sourcevpc": Missing(),
        "aws:sourcevpce": Missing(),
        "aws:vpcsourceip": Missing(),
    }
    families = ((EC, Chosen()), ("aws:principaltag/", Chosen()), *context.families)
    base = Context({**context.keys, **free, **nowhere}, families)
    outside = base.with_keys({"aws:principalorgid": Missing(), "aws:principalorgpaths": Missing()})
    inside = base.with_keys(
        {
            "aws:principalorgid": _one(Known(STRANGER_ORGANIZATION)),
            "aws:principalorgpaths": Present((Known(f"{STRANGER_ORGANIZATION}/"),), many=True),
        }
    )
    unnamed = {name: Missing() for name in ("aws:principalaccount", "aws:principalarn", "kms:calleraccount", "aws:userid", "aws:username")}
    anonymous = Context({**outside.keys, **unnamed}, ((EC, Chosen()), ("aws:principaltag/", Missing()), *context.families))
    nobody = Caller(CallerKind.ANONYMOUS, Known("anonymous"), Unknown("an anonymous caller has no account"))
    return (
        Request(Question.DECRYPT, action, caller, key.arn, inside),
        Request(Question.DECRYPT, action, caller, key.arn, outside),
        Request(Question.DECRYPT, action, nobody, key.arn, anonymous),
    )
