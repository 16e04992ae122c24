"""What CloudFormation refuses before it creates anything, in what a trail, store or key is made of.

It refuses the whole template. Looked at is only what the verdict is about: the resource, the log bucket with its policy, aliases, the
nested stacks they stand in, and the conditions they use. The rest is cfn-lint's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from difflib import get_close_matches

from ctkms_policy.cloudformation.dependencies import circle, conditions_behind, conditions_named, resources_named
from ctkms_policy.cloudformation.placeholders import is_filled_in_by_others
from ctkms_policy.cloudformation.references import PSEUDO_PARAMETERS, Kind, Name
from ctkms_policy.cloudformation.stack import EXTENSIONS, SAM, Stack
from ctkms_policy.model import Refusal
from ctkms_policy.value import Absent, Known, MapValue, Step, Value, describe, scalar_text

MAX_SHOWN = 4
"""Names that a message lists of a circle."""

_TRAIL = "AWS::CloudTrail::Trail"
_USERS = (_TRAIL, "AWS::CloudTrail::EventDataStore")
_ALIAS = "AWS::KMS::Alias"
_BUCKET = "AWS::S3::Bucket"
_BUCKET_POLICY = "AWS::S3::BucketPolicy"
_ATTRIBUTES: Mapping[str, AbstractSet[str]] = {
    "AWS::KMS::Key": {"Arn", "KeyId"},
    "AWS::KMS::ReplicaKey": {"Arn", "KeyId"},
    _ALIAS: set(),
    _TRAIL: {"Arn", "SnsTopicArn"},
}
"""What Fn::GetAtt gives of the resources that a verdict is about."""
_SECTIONS = frozenset(
    {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings", "Conditions", "Transform", "Resources"}
    | {"Outputs", "Hooks", "Globals"}
)
"""What CloudFormation and SAM know at the top; whoever writes something else there has another tool read the file first."""


def refusals(stack: Stack, logical_id: str, holds: Callable[[Stack, str], bool | None], *, by_default: bool) -> tuple[Refusal, ...]:
    """Return why CloudFormation refuses the template of a resource, each reason once, at its first place.

    ``holds`` says what a condition of a stack is with the inputs that create the resource, None where they do not decide it;
    ``by_default`` whether these are the default ones: who gives other inputs to create it may give further ones as well.
    """
    found: dict[str, Refusal] = {}
    circles: set[frozenset[str]] = set()
    for part, name in _concerned(stack, logical_id):
        left_out = _left_out_names(part, name, holds) if by_default else ()
        for each in (*_circular_conditions(part, name), *_missing_names(part, name), *left_out, *_unlike_nested(part, name)):
            found.setdefault(each.message, each)
        way = _circle_of_resources(part, name, holds)
        members = frozenset(part.prefix + each for each, _ in way)
        # The circle of a key with a trail or store is told there.
        is_told = stack.type_of(logical_id) not in _USERS and any(_holds_user(part, each) for each, _ in way)
        if way and members not in circles and not is_told:
            circles.add(members)
            circular = _circular(part, way)
            found.setdefault(circular.message, circular)
    for each in _not_allowed(stack):
        found.setdefault(each.message, each)
    return tuple(found.values())


def _concerned(stack: Stack, logical_id: str) -> list[tuple[Stack, str]]:
    """Return the resource, what belongs to it, and the nested stacks it stands in, each in its stack."""
    concerned = [(stack, logical_id), *((stack, name) for name in _belonging(stack, logical_id))]
    while stack.parent is not None:
        stack, name = stack.parent, stack.prefix.rstrip("/").rpartition("/")[2]
        concerned.append((stack, name))
    return concerned


def _belonging(stack: Stack, logical_id: str) -> Iterator[str]:
    """Yield the buckets, bucket policies, aliases and nested stacks that belong to a trail or store, or the aliases of a key."""
    yield from (each for each in stack.naming.get(logical_id, ()) if stack.type_of(each) == _ALIAS)
    if stack.type_of(logical_id) not in _USERS:
        return
    named = {name.text for name in stack.names_in_resources[logical_id] if name.kind in (Kind.VALUE, Kind.RESOURCE)}
    bucket, key = stack.property_of(logical_id, "S3BucketName"), stack.property_of(logical_id, "KMSKeyId")
    yield from (each for each in stack.by_type.get(_ALIAS, ()) if each in named or _is_same(stack.property_of(each, "AliasName"), key))
    yield from (each for each in stack.nested if each in named)
    buckets = [each for each in stack.by_type.get(_BUCKET, ()) if each in named or _is_same(stack.property_of(each, "BucketName"), bucket)]
    yield from buckets
    for each in stack.by_type.get(_BUCKET_POLICY, ()):
        if any(each in stack.naming.get(of, ()) for of in buckets) or _is_same(stack.property_of(each, "Bucket"), bucket):
            yield each


def _is_same(left: Value, right: Value) -> bool:
    return left == right and not isinstance(left, Absent)


def _circular_conditions(stack: Stack, logical_id: str) -> Iterator[Refusal]:
    for used in stack.names_in_resources[logical_id]:
        behind = conditions_behind(stack, used.text) if used.kind is Kind.CONDITION else ()
        for name in behind:
            way = circle(name, lambda each: conditions_named(stack, each))
            if way:
                yield Refusal(
                    f'condition "{name}" refers to itself' + _through([reference.text for _, reference in way[:-1]]),
                    stack.head_of(stack.conditions[name]),
                    "break the circle: CloudFormation refuses a template with a circular dependency between conditions",
                    (Step(f'"{stack.prefix}{logical_id}" uses condition "{used.text}"', used.span),),
                )
                break


def _circle_of_resources(stack: Stack, logical_id: str, holds: Callable[[Stack, str], bool | None]) -> tuple[tuple[str, Name], ...]:
    """Return the shortest way by which a resource depends on itself with default inputs; () for none."""

    def named(each: str) -> Iterator[Name]:
        for name in resources_named(stack, each):
            # SAM and modules make several resources of one, which may break the circle.
            kind = stack.type_of(name.text)
            is_one = not kind.startswith("AWS::Serverless::") and not kind.endswith("::MODULE")
            if (
                is_one
                and not _is_left_out(stack, name.text, holds)
                and all(holds(stack, condition) is wanted for condition, wanted in name.branches)
            ):
                yield name

    return circle(logical_id, named)


def _holds_user(stack: Stack, logical_id: str) -> bool:
    """Return whether a resource is a trail or store, or a nested stack with one."""
    nested = stack.nested.get(logical_id)
    if nested is None:
        return stack.type_of(logical_id) in _USERS
    return any(_holds_user(nested, each) for each in nested.resources)


def _circular(stack: Stack, way: Sequence[tuple[str, Name]]) -> Refusal:
    start = way[0][0]
    last, closing = way[-1]
    if stack.type_of(start) == _TRAIL and closing.function != "DependsOn":
        name = stack.property_of(start, "TrailName")
        shown = scalar_text(name.value) if isinstance(name, Known) else "NAME"
        first = "give the trail a TrailName, and write its ARN by that" if isinstance(name, Absent) else "write the trail's ARN by its"
        help = f"{first} name: !Sub arn:${{AWS::Partition}}:cloudtrail:${{AWS::Region}}:${{AWS::AccountId}}:trail/{shown}"
    elif len(way) == 1:
        help = 'remove the reference; in a key policy, Resource "*" is the key itself'
    else:
        help = "remove one of these references"
    return Refusal(
        f'"{stack.prefix}{start}" depends on itself' + _through([f"{stack.prefix}{each}" for each, _ in way[1:]]),
        closing.span or stack.head_of(stack.resources[last]),
        f"CloudFormation refuses a circular dependency between resources: {help}",
        tuple(Step(f'"{each}" depends on "{name.text}"', name.span) for each, name in way[:-1]),
    )


def _missing_names(stack: Stack, logical_id: str) -> Iterator[Refusal]:
    """Yield the names of a resource and its conditions that the template does not have, and that nothing could still add."""
    if _is_unfinished(stack):
        return
    names = stack.names_in_resources[logical_id]
    used = dict.fromkeys(condition for name in names if name.kind is Kind.CONDITION for condition in conditions_behind(stack, name.text))
    for name in (*names, *(each for condition in used for each in stack.names_in_conditions[condition])):
        attributes = _ATTRIBUTES.get(stack.type_of(name.text)) if name.kind is Kind.RESOURCE and name.attribute else None
        if attributes is not None and name.attribute not in attributes:
            yield Refusal(
                f'{name.function} asks "{stack.prefix}{name.text}" for "{name.attribute}", which {stack.type_of(name.text)} does not have',
                name.span or stack.head_of(stack.resources[logical_id]),
                f"CloudFormation refuses the template: use {' or '.join(sorted(attributes)) or 'Ref'}",
            )
        present = _present(stack, name.kind)
        if name.text in present or _may_be_added(stack, name):
            continue
        is_pseudo = name.text.startswith("AWS::") and name.kind in (Kind.VALUE, Kind.PARAMETER)
        yield Refusal(
            f'{name.function} names "{name.text}", which is {"no pseudo parameter" if is_pseudo else f"{name.kind.value} of the template"}',
            name.span or stack.head_of(stack.resources[logical_id]),
            f"CloudFormation refuses the template: {_instead(name, PSEUDO_PARAMETERS if is_pseudo else present - PSEUDO_PARAMETERS)}",
        )


def _left_out_names(stack: Stack, logical_id: str, holds: Callable[[Stack, str], bool | None]) -> Iterator[Refusal]:
    """Yield the names of resources that default inputs do not create, where they do create what names them.

    ``DependsOn`` is none of these: CloudFormation passes over a resource that is not created.
    """
    if _is_unfinished(stack) or _is_left_out(stack, logical_id, holds):
        return
    for name in resources_named(stack, logical_id):
        is_read = name.function != "DependsOn" and all(holds(stack, condition) is wanted for condition, wanted in name.branches)
        if is_read and _is_left_out(stack, name.text, holds):
            written = stack.part_of(name.text, "Condition")
            assert isinstance(written, Known)
            condition, resource = scalar_text(written.value), f"{stack.prefix}{name.text}"
            yield Refusal(
                f'{name.function} names "{resource}", which is not created: condition "{condition}" does not hold',
                name.span or stack.head_of(stack.resources[logical_id]),
                f'CloudFormation refuses the template with these inputs: write it in Fn::If of "{condition}", or create both or none',
                (Step(f'"{resource}" is created when "{condition}" holds', written.origin.span),),
            )


def _is_left_out(stack: Stack, logical_id: str, holds: Callable[[Stack, str], bool | None]) -> bool:
    condition = stack.part_of(logical_id, "Condition")
    return isinstance(condition, Known) and holds(stack, scalar_text(condition.value)) is False


def _instead(name: Name, present: AbstractSet[str]) -> str:
    if name.function == "Fn::Sub" and ":" in name.text.replace("AWS::", ""):
        return f"write ${{!{name.text}}} for a text that is not to be replaced"
    return _nearest(name.text, present)


def _nearest(name: str, present: AbstractSet[str]) -> str:
    nearest = get_close_matches(name, sorted(present), 1)
    return f'did you mean "{nearest[0]}"?' if nearest else "declare the name, or correct it"


def _present(stack: Stack, kind: Kind) -> AbstractSet[str]:
    """Return the names of that kind that the template has."""
    if kind is Kind.CONDITION:
        return stack.conditions.keys()
    if kind is Kind.MAPPING:
        return stack.mappings.keys()
    if kind is Kind.RESOURCE:
        return stack.resources.keys()
    parameters = stack.parameters.keys() | PSEUDO_PARAMETERS
    return parameters if kind is Kind.PARAMETER else parameters | stack.resources.keys()


def _is_unfinished(stack: Stack) -> bool:
    """Return whether something may still add names of any kind to the template before CloudFormation judges it."""
    root = stack.template.root
    version = root.get("AWSTemplateFormatVersion")
    return (
        stack.template.fragment
        or bool(root.rest)
        or any(name not in (SAM, EXTENSIONS) for name in stack.transforms)
        or any(entry.name not in _SECTIONS for entry in root.entries)
        or (version is not None and version != Known("2010-09-09"))
        or is_filled_in_by_others(stack.template.source.text)
    )


def _may_be_added(stack: Stack, name: Name) -> bool:
    """Return whether a macro, loop or module of the section makes the name."""
    if name.kind is Kind.CONDITION:
        return _is_open(stack, "Conditions")
    if name.kind is Kind.MAPPING:
        return _is_open(stack, "Mappings")
    if name.kind is Kind.PARAMETER:
        return _is_open(stack, "Parameters")
    if SAM in stack.transforms and (name.text.startswith("Serverless") or stack.is_made_by_sam(name.text)):
        return True
    if any(name.text.startswith(each) and stack.type_of(each).endswith("::MODULE") for each in stack.resources):
        return True
    return _is_open(stack, "Resources") or (name.kind is Kind.VALUE and _is_open(stack, "Parameters"))


def _is_open(stack: Stack, section_name: str) -> bool:
    """Return whether entries may follow in a section that the template does not write out."""
    section = stack.template.root.get(section_name)
    if not isinstance(section, MapValue):
        return section is not None and not isinstance(section, Absent)
    return bool(section.rest) or any(entry.name.startswith("Fn::") or "${" in entry.name or "&{" in entry.name for entry in section.entries)


def _unlike_nested(stack: Stack, logical_id: str) -> Iterator[Refusal]:
    """Yield where a resource does not fit its own nested template, or asks another nested stack for an output that it does not have."""
    if _is_unfinished(stack):
        return
    nested = stack.nested.get(logical_id)
    if nested is not None and not _is_unfinished(nested) and not _is_open(nested, "Parameters"):
        yield from _unlike_parameters(stack, logical_id, nested)
    for name in stack.names_in_resources[logical_id]:
        nested = stack.nested.get(name.text) if name.attribute.startswith("Outputs.") else None
        output = name.attribute.removeprefix("Outputs.")
        if nested is None or output in nested.outputs or _is_unfinished(nested) or _is_open(nested, "Outputs"):
            continue
        path = nested.template.source.path
        yield Refusal(
            f'{name.function} names the output "{output}" of "{stack.prefix}{name.text}", which {path} does not have',
            name.span or stack.head_of(stack.resources[logical_id]),
            f"the deployment fails: {_nearest(output, nested.outputs.keys())}",
        )


def _unlike_parameters(stack: Stack, logical_id: str, nested: Stack) -> Iterator[Refusal]:
    path = nested.template.source.path
    parameters = stack.property_of(logical_id, "Parameters")
    if not isinstance(parameters, (MapValue, Absent)) or (isinstance(parameters, MapValue) and parameters.rest):
        return
    given = parameters.entries if isinstance(parameters, MapValue) else ()
    if any(entry.name.startswith("Fn::") for entry in given):
        return
    for entry in given:
        if entry.name not in nested.parameters:
            yield Refusal(
                f'"{stack.prefix}{logical_id}" is given parameter "{entry.name}", which {path} does not have',
                stack.head_of(entry),
                f"the deployment fails: {_nearest(entry.name, nested.parameters.keys())}",
            )
    for declared in nested.parameters.values():
        if declared.default is None and declared.name not in {entry.name for entry in given}:
            yield Refusal(
                f'"{stack.prefix}{logical_id}" is not given parameter "{declared.name}", which has no default in {path}',
                stack.head_of(stack.resources[logical_id]),
                "the deployment fails: give the parameter a value",
                (Step(f"parameter {declared.name}", declared.span),),
            )


def _not_allowed(stack: Stack) -> Iterator[Refusal]:
    """Yield what the user gives to a parameter of the root stack that allows only other values."""
    while stack.parent is not None:
        stack = stack.parent
    for name, given in stack.given.items():
        declared = stack.parameters.get(name)
        if declared is None or not declared.allowed or declared.is_ssm:
            continue
        texts = scalar_text(given.value).split(",") if declared.is_list else [scalar_text(given.value)]
        if any(text.strip() not in declared.allowed for text in texts):
            shown = "" if declared.sensitive else f": {describe(given)}"
            yield Refusal(
                f'parameter "{name}" is given a value that it does not allow{shown}',
                given.origin.span or declared.span,
                f"CloudFormation refuses the value: it allows {', '.join(declared.allowed)}",
                (Step(f"parameter {name}", declared.span),),
            )


def _through(names: Sequence[str]) -> str:
    shown = " and ".join(f'"{name}"' for name in names[:MAX_SHOWN]) + (
        f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    )
    return f" through {shown}" if names else ""
