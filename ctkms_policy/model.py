"""What both languages are normalized to: trails, keys and what links them, in one Configuration.

The same trail written in CloudFormation and in Terraform gives equal models apart from spans, addresses and spellings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ctkms_policy.source import ParseError, Span
from ctkms_policy.value import (
    ACCOUNT_ID,
    NOWHERE,
    PARTITION_NAME,
    REGION_NAME,
    Absent,
    Known,
    MapValue,
    Match,
    Origin,
    Step,
    Symbol,
    SymbolKind,
    Unknown,
    Value,
    concatenate,
)


class Language(Enum):
    """The language a Configuration is written in; also the name of the fence its fixes are shown in."""

    CLOUDFORMATION = "cloudformation"
    TERRAFORM = "terraform"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a resource is deployed: account id, Region and partition, each known or a symbol."""

    account: Value
    region: Value
    partition: Value


def ambient_account(provider: str = "", spelling: str = "", origin: Origin = NOWHERE) -> Symbol:
    """Return the symbol of the account that ``provider`` (a provider alias, "" for the default one) deploys to."""
    return Symbol(
        _ambient("account", provider),
        SymbolKind.AMBIENT,
        ACCOUNT_ID,
        spelling,
        "the account that is deployed to is not in the code",
        origin,
    )


def ambient_region(provider: str = "", spelling: str = "", origin: Origin = NOWHERE) -> Symbol:
    """Return the symbol of the Region that ``provider`` deploys to."""
    return Symbol(
        _ambient("region", provider), SymbolKind.AMBIENT, REGION_NAME, spelling, "the Region that is deployed to is not in the code", origin
    )


def ambient_partition(provider: str = "", spelling: str = "", origin: Origin = NOWHERE) -> Symbol:
    """Return the symbol of the partition (``aws``, ``aws-cn``, ...) that ``provider`` deploys to."""
    return Symbol(
        _ambient("partition", provider),
        SymbolKind.AMBIENT,
        PARTITION_NAME,
        spelling,
        "the partition that is deployed to is not in the code",
        origin,
    )


def _ambient(name: str, provider: str) -> str:
    return f"{name}[{provider}]" if provider else name


def ambient_place(provider: str = "") -> Place:
    """Return the place that ``provider`` deploys to when the code says nothing about it."""
    return Place(ambient_account(provider), ambient_region(provider), ambient_partition(provider))


def partition_of(region: Value) -> Value:
    """Return the partition a Region lies in (A19), or the symbol where the Region is not known."""
    if not isinstance(region, Known) or not isinstance(region.value, str):
        return ambient_partition()
    for prefix, partition in _PARTITIONS.items():
        if region.value.startswith(prefix):
            return Known(partition, region.origin)
    return Known("aws", region.origin)


_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "eusc-": "aws-eusc",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eu-isof-": "aws-iso-f",
}


# -- key policies ------------------------------------------------------------------------------------------------------


class DefectKind(Enum):
    """What KMS does with a defective part of a key policy."""

    REJECTED = "rejected"
    """CreateKey and PutKeyPolicy fail (MalformedPolicyDocumentException)"""
    INEFFECTIVE = "ineffective"
    """accepted, but the statement has no effect"""
    MISSPELT_ACTION = "misspelt-action"
    """accepted, but no such action exists; other actions of the statement work"""


@dataclass(frozen=True, slots=True)
class PolicyDefect:
    """A part of a key policy that KMS rejects or silently ignores."""

    kind: DefectKind
    message: str
    span: Span | None = field(compare=False)
    help: str = field(default="", compare=False)
    """in the words of the file: the same defect may be written in several languages"""


class PrincipalType(Enum):
    """The key of a principal map; ANYONE is the bare string ``"*"``."""

    ANYONE = "*"
    AWS = "AWS"
    SERVICE = "Service"
    FEDERATED = "Federated"
    CANONICAL_USER = "CanonicalUser"
    OTHER = "other"
    """a key that IAM does not know, or a bare string other than ``"*"``: matches nobody"""


@dataclass(frozen=True, slots=True)
class Principal:
    """One principal of a statement; ``value`` is the ARN, account id, service name or ``*``."""

    type: PrincipalType
    value: Value


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition key of one operator with its values. A value that is Unknown stands for any number of values."""

    operator: str
    """as written: ``ForAnyValue:StringLikeIfExists``"""
    key: Value
    """a string; nearly always Known"""
    values: tuple[Value, ...]
    span: Span | None = field(default=None, compare=False)


class Effect(Enum):
    """The effect of a statement; INVALID is any other text, and such a statement does nothing."""

    ALLOW = "Allow"
    DENY = "Deny"
    INVALID = "invalid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a key policy.

    ``principals``, ``actions`` and ``resources`` are empty when the element is missing; the ``*_negated`` flags tell
    NotPrincipal, NotAction and NotResource. ``included`` says whether the statement is part of the policy at all.
    """

    effect: Effect
    principals: tuple[Principal, ...]
    actions: tuple[Value, ...]
    resources: tuple[Value, ...]
    conditions: tuple[Condition, ...] = ()
    sid: str = ""
    principals_negated: bool = False
    actions_negated: bool = False
    resources_negated: bool = False
    included: Match = Match.YES
    included_when: str = ""
    defects: tuple[PolicyDefect, ...] = ()
    span: Span | None = field(default=None, compare=False)
    parts: tuple[tuple[str, Span], ...] = field(default=(), compare=False, repr=False)
    """spans of the elements that are there: ``("Action", span)``"""
    branches: tuple[tuple[str, int, int], ...] = field(default=(), compare=False, repr=False)
    """the branches that it stands in: identity of the condition, index of the branch, and how many branches there are"""
    unknown_effect: Value | None = field(default=None, compare=False, repr=False)
    """the Effect as written where it is not known: for explanations only"""

    def part_span(self, *names: str) -> Span | None:
        """Return the span of the first named element that is there, else of the statement."""
        for name, span in self.parts:
            if name in names:
                return span
        return self.span


class PolicyForm(Enum):
    """How a key policy is written, so that a fix can be written the same way."""

    DEFAULT = "default"
    """no policy is written: AWS attaches one that only lets the account delegate"""
    OBJECT = "object"
    """a map in a template, or the argument of jsonencode"""
    POLICY_DOCUMENT = "policy-document"
    """``data.aws_iam_policy_document``"""
    JSON_TEXT = "json-text"
    """a JSON string, heredoc or file"""


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """A key policy. ``rest`` is the reason why it may have further statements that are not known, or ""."""

    statements: tuple[Statement, ...]
    version: str = "2008-10-17"
    rest: str = ""
    defects: tuple[PolicyDefect, ...] = ()
    form: PolicyForm = field(default=PolicyForm.OBJECT, compare=False)
    span: Span | None = field(default=None, compare=False)
    left_out: tuple[Statement, ...] = field(default=(), compare=False, repr=False)
    """statements that default inputs leave out, with what would include them: for explanations only"""
    single: MapValue | None = field(default=None, compare=False, repr=False)
    """the statement as written, where Statement is that object and no list: a fix has to make a list of it"""


@dataclass(frozen=True, slots=True)
class UnreadablePolicy:
    """A key policy that is certainly not one: not JSON, or not an object with statements. Becomes CTKMS000."""

    message: str
    span: Span | None = field(compare=False)
    help: str = ""


# -- resources ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the code that makes a resource cannot be deployed with the inputs that it is judged with. Becomes CTKMS000.

    ``message`` is the fact, ``help`` the way out, ``way`` what else has to be seen with it.
    """

    message: str
    span: Span = field(compare=False)
    help: str = ""
    way: tuple[Step, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute as written: its value, the span of the whole ``name = value``, and the name the file uses."""

    value: Value
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Resource:
    """What every resource has.

    address       Terraform's own address with module path and instance key, or the logical ID (``Nested/Trail`` in a nested stack)
    span          the resource block's head: ``resource "aws_cloudtrail" "this"`` or the logical ID, never the module call
    calls         the module calls or nested stacks it stands in, outermost first
    created_when  the inputs that create it, in words, where default inputs leave it out; else ""
    note          anything a message about it must say (``no module in the scan calls this one: judged with its defaults``)
    refusals      why what makes it, or what it cannot be without, is refused at the deployment
    """

    address: str
    span: Span = field(compare=False)
    place: Place
    calls: tuple[Span, ...] = field(default=(), compare=False, kw_only=True)
    created_when: str = field(default="", kw_only=True)
    note: str = field(default="", compare=False, kw_only=True)
    refusals: tuple[Refusal, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class Trail(Resource):
    """``aws_cloudtrail`` / ``AWS::CloudTrail::Trail``. ``depends_on``: addresses it depends on explicitly, directly or not."""

    name: Value
    kms_key_id: Attribute
    is_organization_trail: Value = Known(False)
    is_multi_region_trail: Value = Known(False)
    bucket_name: Value = Absent()
    depends_on: tuple[str, ...] = ()
    misspelt_kms_key_id: Span | None = field(default=None, compare=False)
    """the property name of a ``KmsKeyId`` that CloudFormation does not know"""

    @property
    def arn(self) -> Value:
        """The trail's ARN in its own account. An organization trail is owned by the management account (A16)."""
        place = self.place
        return concatenate(
            (Known("arn:"), place.partition, Known(":cloudtrail:"), place.region, Known(":"), place.account, Known(":trail/"), self.name),
            self.name.origin,
        )


@dataclass(frozen=True, slots=True)
class EventDataStore(Resource):
    """``aws_cloudtrail_event_data_store`` / ``AWS::CloudTrail::EventDataStore`` (CloudTrail Lake)."""

    name: Value
    kms_key_id: Attribute


class KeyKind(Enum):
    """Which resource makes the key."""

    KEY = "key"
    REPLICA = "replica"
    EXTERNAL = "external"
    CONFIGURED = "configured"
    """none in the code: the configuration file names it and its policy"""


@dataclass(frozen=True, slots=True)
class Key(Resource):
    """A KMS key of the configuration, with the policy it ends up with.

    policy       what the code says, Unknown with the reason, or UnreadablePolicy
    policy_resource  address of a separate ``aws_kms_key_policy`` that attaches it, or ""
    """

    kind: KeyKind
    policy: KeyPolicy | UnreadablePolicy | Unknown
    enabled: Value = Known(True)
    spec: Value = Known("SYMMETRIC_DEFAULT")
    usage: Value = Known("ENCRYPT_DECRYPT")
    key_origin: Value = Known("AWS_KMS")
    multi_region: Value = Known(False)
    has_key_material: Match = Match.YES
    policy_resource: str = field(default="", compare=False)
    policy_resource_span: Span | None = field(default=None, compare=False)
    known_arn: str = ""
    """the ARN, where it is known already"""


@dataclass(frozen=True, slots=True)
class Alias(Resource):
    """An alias: ``name`` with ``alias/``, ``target`` the key's id, ARN or a reference to it."""

    name: Value
    target: Value


@dataclass(frozen=True, slots=True)
class KeyLookup(Resource):
    """``data.aws_kms_key`` or ``data.aws_kms_alias``: a key that exists elsewhere, found by ``key_id`` (an id, ARN or alias).

    ``manager`` is "AWS" or "CUSTOMER" where a plan has read it.
    """

    key_id: Value
    manager: Value = Unknown("the data source is read at plan time")


@dataclass(frozen=True, slots=True)
class Bucket(Resource):
    """A log bucket. ``bucket_key_enabled`` is Absent where the code says nothing."""

    name: Value
    bucket_key_enabled: Value = Absent()


@dataclass(frozen=True, slots=True)
class Configuration:
    """One deployable unit: a template with its local nested stacks, a root module with the modules it calls, or a plan.

    ``problems`` are what of it could not be read; every resource the unit may create is in one of the other tuples.
    """

    language: Language
    path: str
    trails: tuple[Trail, ...] = ()
    keys: tuple[Key, ...] = ()
    aliases: tuple[Alias, ...] = ()
    lookups: tuple[KeyLookup, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    event_data_stores: tuple[EventDataStore, ...] = ()
    problems: tuple[ParseError, ...] = ()
    known_keys: tuple[Key, ...] = ()
    """keys outside the code that the configuration file names; their address is their ARN"""
    inputs: tuple[str, ...] = ()
    """the names of the inputs that it declares"""
    ignored_inputs: tuple[tuple[str, str], ...] = ()
    """what the user gives and it does not declare: the name, and the option or file that gives it"""
    warnings: tuple[str, ...] = ()
    """why it may not be all that is deployed, each a sentence with its file"""
