"""Attributes of resources and data sources: what the configuration says, what follows from it, and what is known only later."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ctkms_policy.model import Place, partition_of
from ctkms_policy.source import ParseError, Span
from ctkms_policy.terraform.conversion import reason_of, to_text
from ctkms_policy.terraform.dynamic_blocks import body_value, nested_blocks
from ctkms_policy.terraform.existence import Instance
from ctkms_policy.terraform.expression import evaluate, render_template
from ctkms_policy.terraform.hcl.syntax import Block
from ctkms_policy.terraform.providers import place_of
from ctkms_policy.terraform.scope import Step
from ctkms_policy.value import (
    ANY_TEXT,
    DIGITS,
    KEY_ID,
    LOWER,
    Absent,
    Choice,
    Known,
    MapValue,
    Origin,
    Reference,
    Shape,
    Symbol,
    SymbolKind,
    Template,
    Unknown,
    Value,
    at,
    concatenate,
    default_of,
    describe,
    lift,
    through,
)
from ctkms_policy.value import Step as WayStep

if TYPE_CHECKING:
    from ctkms_policy.terraform.world import ModuleInstance

_HEXADECIMAL = DIGITS | frozenset("abcdef")
_SIXTY_FOUR = LOWER | DIGITS | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ-_")
_PRINTABLE = frozenset(chr(code) for code in range(33, 127))


class Made:
    """An instance with the module instance it belongs to: what the functions of the table below look at."""

    def __init__(self, owner: ModuleInstance, instance: Instance) -> None:
        self.owner = owner
        self.instance = instance
        self.address = instance.address
        self.block = instance.block
        self.type = instance.block.labels[0]

    @property
    def origin(self) -> Origin:
        """The origin of a value that nobody wrote."""
        return Origin(self.block.head_span)

    @property
    def place(self) -> Place:
        """Where it is deployed, with its own ``region`` argument (B10)."""
        return resource_place(self.owner, self.instance)

    def spelling(self, name: str) -> str:
        """Return how the file writes an attribute: without the module path."""
        return f"{self.address.removeprefix(self.owner.address)}.{name}"

    def argument(self, name: str) -> Value:
        """Return what is written for an argument, Absent where nothing is."""
        written = self.block.body.attribute(name)
        return evaluate(written.expression, self.instance.scope) if written is not None else Absent(self.origin)

    def reference(self, name: str) -> Reference:
        """Return the attribute as something that is known only after the deployment."""
        return Reference(self.address, name, self.origin)

    def generated(self, name: str, shape: Shape) -> Symbol:
        """Return the attribute as a text of known shape that the deployment makes up."""
        return Symbol(
            f"{self.address}.{name}",
            SymbolKind.GENERATED,
            shape,
            self.spelling(name),
            f"{self.address} makes it up when it is created",
            self.origin,
        )

    def external(self, name: str, shape: Shape = ANY_TEXT) -> Symbol:
        """Return the attribute as a text that exists elsewhere."""
        reason = f"{self.address}.{name} is read when terraform runs"
        return Symbol(f"{self.address}.{name}", SymbolKind.EXTERNAL, shape, self.spelling(name), reason, self.origin)


def resource_place(owner: ModuleInstance, instance: Instance) -> Place:
    """Return where an instance is deployed: its provider configuration, and its own ``region`` argument (B10)."""
    place = place_of(owner, instance.block)
    written = instance.block.body.attribute("region")
    if written is None or instance.block.type == "data":
        return place
    region = default_of(evaluate(written.expression, instance.scope))
    if not isinstance(region, (Known, Symbol, Template)):
        return place
    return Place(place.account, region, partition_of(region) if isinstance(region, Known) else place.partition)


def attribute(owner: ModuleInstance, instance: Instance, name: str) -> Value:
    """Return an attribute of an instance of a resource or data source."""
    made = Made(owner, instance)
    body = made.block.body
    computed = _COMPUTED.get((made.block.type == "data", made.type))
    written = body.attribute(name)
    # A bucket's name goes through the table: a reference still names the bucket where its name is not known.
    if written is not None and (made.type, name) != ("aws_s3_bucket", "bucket"):
        value = through(evaluate(written.expression, instance.scope), WayStep(made.spelling(name), written.span))
        if not isinstance(value, Absent):
            return value
    value_or_none = computed(made, name) if computed is not None else None
    if value_or_none is not None:
        return value_or_none
    if any(name in (block.type, *block.labels[:1]) for block in body.blocks):
        return blocks_of(made, name)
    return made.reference(name)


def blocks_of(made: Made, type: str) -> Value:
    """Return the nested blocks of a type as a list of objects."""
    return nested_blocks(made.block.body, type, made.instance.scope, lambda block, scope: body_value(block.body, scope))


def remote_output(owner: ModuleInstance, block: Block, name: str, steps: tuple[Step, ...], span: Span) -> tuple[Value, int] | None:
    """Return an output of ``data.terraform_remote_state`` as one symbol with its whole name; None for anything else."""
    if block.type != "data" or block.labels[0] != "terraform_remote_state" or steps[:1] != ("outputs",):
        return None
    words = [step if isinstance(step, str) else describe(step, quoted=False) for step in steps]
    address = f"{name}.{'.'.join(words)}"
    reason = f"{address} is in the state of another configuration"
    symbol = Symbol(f"{owner.address}{address}", SymbolKind.EXTERNAL, ANY_TEXT, address, reason, Origin(span))
    return symbol, name.count(".") + len(steps)


# -- what follows from the configuration -------------------------------------------------------------------------------


def trail_arn(place: Place, name: Value, origin: Origin) -> Value:
    """Return the ARN of a trail, rebuilt so that policies that name it compare (B3)."""
    return concatenate(
        (Known("arn:"), place.partition, Known(":cloudtrail:"), place.region, Known(":"), place.account, Known(":trail/"), name), origin
    )


def _trail(made: Made, name: str) -> Value | None:
    if name in ("arn", "id"):
        return trail_arn(made.place, made.argument("name"), made.origin)
    return made.place.region if name == "home_region" else None


def _event_data_store(made: Made, name: str) -> Value | None:
    if name not in ("arn", "id"):
        return None
    place = made.place
    identifier = made.generated("id", KEY_ID)
    return concatenate(
        (
            Known("arn:"),
            place.partition,
            Known(":cloudtrail:"),
            place.region,
            Known(":"),
            place.account,
            Known(":eventdatastore/"),
            identifier,
        ),
        made.origin,
    )


def alias_name(made: Made) -> Value:
    """Return the name of an alias, with what the provider makes up behind ``name_prefix``."""
    return _prefixed(made, "name", "name_prefix", "alias/")


def bucket_name(made: Made) -> Value:
    """Return the name of a bucket; one that the provider makes up has its known shape."""
    return _prefixed(made, "bucket", "bucket_prefix", "terraform-")


def _prefixed(made: Made, name: str, prefix: str, default: str) -> Value:
    written = made.argument(name)
    if not isinstance(written, Absent):
        return written
    start = made.argument(prefix)
    suffix = made.generated(name, Shape(DIGITS, 26, 26))
    return concatenate((Known(default) if isinstance(start, Absent) else start, suffix), made.origin)


def _alias(made: Made, name: str) -> Value | None:
    if name == "name":
        return alias_name(made)
    if name != "target_key_arn":
        return None

    def arn(target: Value) -> Value:
        if isinstance(target, Reference) and target.attribute in ("id", "key_id", "arn"):
            return Reference(target.address, "arn", target.origin)
        return target if isinstance(target, Known) and str(target.value).startswith("arn:") else made.reference(name)

    return lift(arn, (made.argument("target_key_id"),), made.origin)


def _bucket(made: Made, name: str) -> Value | None:
    if name in ("id", "bucket"):
        value = bucket_name(made)
        return value if isinstance(value, (Known, Template, Choice)) else made.reference(name)
    if name == "arn":
        value = bucket_name(made)
        if not isinstance(value, (Known, Template, Choice)):
            value = made.reference("id")
        return concatenate((Known("arn:"), made.place.partition, Known(":s3:::"), value), made.origin)
    if name in ("region", "bucket_region"):
        return made.place.region
    return None


def _random_id(made: Made, name: str) -> Value | None:
    length = _number(made.argument("byte_length"))
    shapes = {
        "hex": Shape(_HEXADECIMAL, 2 * length, 2 * length) if length else Shape(_HEXADECIMAL, 1),
        "dec": Shape(DIGITS, 1),
        "b64_url": Shape(_SIXTY_FOUR, 1),
        "id": Shape(_SIXTY_FOUR, 1),
        "b64_std": Shape(_SIXTY_FOUR | {"+", "/", "="}, 1),
    }
    if name not in shapes:
        return None
    symbol = made.generated(name, shapes[name])
    prefix = made.argument("prefix")
    return symbol if isinstance(prefix, Absent) or name == "id" else concatenate((prefix, symbol), made.origin)


def _random_string(made: Made, name: str) -> Value | None:
    if name not in ("result", "id"):
        return None
    alphabet: frozenset[str] = frozenset()
    upper = frozenset(letter.upper() for letter in LOWER)
    for arguments, characters in (
        (("lower",), LOWER),
        (("upper",), upper),
        (("numeric", "number"), DIGITS),
        (("special",), _PRINTABLE - LOWER - upper - DIGITS),
    ):
        if not any(default_of(made.argument(argument)) == Known(False) for argument in arguments):
            alphabet |= characters
    length = _number(made.argument("length"))
    return made.generated("result", Shape(alphabet, length or 1, length or None))


def _random_pet(made: Made, name: str) -> Value | None:
    return made.generated("id", Shape(_PRINTABLE, 1)) if name == "id" else None


def _random_uuid(made: Made, name: str) -> Value | None:
    return made.generated("result", KEY_ID) if name in ("result", "id") else None


def _random_integer(made: Made, name: str) -> Value | None:
    return made.generated("result", Shape(DIGITS | {"-"}, 1)) if name in ("result", "id") else None


def _number(value: Value) -> int:
    value = default_of(value)
    return value.value if isinstance(value, Known) and isinstance(value.value, int) and 0 < value.value < 10_000 else 0


def _caller_identity(made: Made, name: str) -> Value | None:
    place = made.place
    if name in ("account_id", "id"):
        return _spelled(place.account, made, name)
    if name == "arn":
        # "user/x" at least: nobody is taken to run terraform as "root".
        caller = Symbol(
            f"{made.address}.arn", SymbolKind.EXTERNAL, Shape(None, 6), made.spelling(name), "who runs terraform is not in the code"
        )
        service = Symbol(
            f"{made.address}.arn service", SymbolKind.EXTERNAL, Shape(one_of=("iam", "sts")), made.spelling(name), caller.reason
        )
        return concatenate(
            (Known("arn:"), place.partition, Known(":"), service, Known("::"), place.account, Known(":"), caller), made.origin
        )
    return made.external(name) if name == "user_id" else None


def _region(made: Made, name: str) -> Value | None:
    if name in ("name", "id", "region"):
        for argument in ("region", "name"):
            given = made.argument(argument)
            if not isinstance(given, Absent):
                return given
        return _spelled(made.place.region, made, name)
    return made.external(name)


def _partition(made: Made, name: str) -> Value | None:
    partition = made.place.partition
    if name in ("partition", "id"):
        return _spelled(partition, made, name)
    if name == "dns_suffix":
        return dns_suffix(partition, made.spelling(name), made.origin)
    return made.external(name) if name == "reverse_dns_prefix" else None


_DNS_SUFFIXES = {
    "aws": "amazonaws.com",
    "aws-us-gov": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-eusc": "amazonaws.eu",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
}


def dns_suffix(partition: Value, spelling: str, origin: Origin) -> Value:
    """Return the DNS suffix of a partition (A19), a symbol where the partition is not known."""
    if isinstance(partition, Known) and str(partition.value) in _DNS_SUFFIXES:
        return Known(_DNS_SUFFIXES[str(partition.value)], origin)
    shape = Shape(one_of=tuple(dict.fromkeys(_DNS_SUFFIXES.values())))
    return Symbol("dns_suffix", SymbolKind.AMBIENT, shape, spelling, "the partition that is deployed to is not in the code", origin)


def _spelled(value: Value, made: Made, name: str) -> Value:
    """Return an ambient symbol with the spelling that this file has for it."""
    if isinstance(value, Symbol):
        return Symbol(value.name, value.kind, value.shape, made.spelling(name), value.reason, made.origin)
    return at(value, made.block.head_span)


def _organization(made: Made, name: str) -> Value | None:
    if name in ("id", "arn", "master_account_arn", "master_account_name", "master_account_email"):
        return made.external(name)
    if name in ("master_account_id", "management_account_id"):
        return made.external("master_account_id", Shape(DIGITS, 12, 12))
    return Unknown(f"{made.address}.{name} is read when terraform runs", made.origin)


_LISTS = frozenset(("names", "ids", "arns", "names_regex", "accounts", "values", "keys", "roots", "children"))


def _any_data_source(made: Made, name: str) -> Value | None:
    if name in _LISTS:
        return Unknown(f"{made.address}.{name} is read when terraform runs", made.origin)
    return made.external(name)


def _kms_lookup(made: Made, name: str) -> Value | None:
    return made.reference(name)


def _template_file(made: Made, name: str) -> Value | None:
    if name != "rendered":
        return None
    written = made.block.body.attribute("vars")
    variables = made.argument("vars")
    if written is None:
        blocks = made.block.body.blocks_of("vars")  # Terraform 0.11: vars { name = value }
        variables = body_value(blocks[0].body, made.instance.scope) if blocks else MapValue(())

    def render(template: Value, names: Value) -> Value:
        text = to_text(template)
        if not isinstance(text, Known) or not isinstance(names, MapValue):
            return Unknown(reason_of(names if isinstance(text, Known) else text), made.origin)
        parsed = made.owner.parse_template(text, made.block.head_span)
        if isinstance(parsed, Unknown):
            return parsed
        return render_template(parsed, names, made.owner, made.block.head_span)

    return lift(render, (made.argument("template"), variables), made.origin)


def _local_file_data(made: Made, name: str) -> Value | None:
    return made.owner.read_file(made.argument("filename"), made.block.head_span) if name == "content" else None


def _local_file(made: Made, name: str) -> Value | None:
    return made.argument("filename") if name == "id" else None


def _terraform_data(made: Made, name: str) -> Value | None:
    return made.argument("input") if name == "output" else None


def _null_data_source(made: Made, name: str) -> Value | None:
    return made.argument("inputs") if name == "outputs" else None


def _policy_document(made: Made, name: str) -> Value | None:
    if name not in ("json", "minified_json"):
        return None
    from ctkms_policy.terraform.policy_document import policy_document

    def document() -> Value:
        try:
            return policy_document(made.block, made.instance.scope)
        except ParseError as problem:
            made.owner.world.report(problem)
            return Unknown(problem.message, Origin(problem.span))

    return made.owner.world.once(("policy document", made.address), document)


_COMPUTED: dict[tuple[bool, str], Callable[[Made, str], Value | None]] = {
    (False, "aws_cloudtrail"): _trail,
    (False, "aws_cloudtrail_event_data_store"): _event_data_store,
    (False, "aws_kms_alias"): _alias,
    (False, "aws_s3_bucket"): _bucket,
    (False, "random_id"): _random_id,
    (False, "random_string"): _random_string,
    (False, "random_password"): _random_string,
    (False, "random_pet"): _random_pet,
    (False, "random_uuid"): _random_uuid,
    (False, "random_integer"): _random_integer,
    (False, "local_file"): _local_file,
    (False, "terraform_data"): _terraform_data,
    (True, "aws_caller_identity"): _caller_identity,
    (True, "aws_region"): _region,
    (True, "aws_partition"): _partition,
    (True, "aws_organizations_organization"): _organization,
    (True, "aws_kms_key"): _kms_lookup,
    (True, "aws_kms_alias"): _kms_lookup,
    (True, "aws_iam_policy_document"): _policy_document,
    (True, "aws_iam_session_context"): _any_data_source,
    (True, "aws_ssm_parameter"): _any_data_source,
    (True, "aws_secretsmanager_secret"): _any_data_source,
    (True, "aws_iam_role"): _any_data_source,
    (True, "aws_iam_user"): _any_data_source,
    (True, "template_file"): _template_file,
    (True, "local_file"): _local_file_data,
    (True, "null_data_source"): _null_data_source,
}
"""By whether it is a data source, and by type: an attribute that is not written, or None where nothing follows for it."""
