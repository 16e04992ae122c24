"""From a plan or state as JSON (``terraform show -json``, ``tofu show -json``, format 1.x) to a Configuration.

GROUND_TRUTH B11 says what such a file holds. Nothing of it is taken for absent that is only unknown, and nothing sensitive is shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ctkms_policy.iam.policy import default_key_policy, read_key_policy
from ctkms_policy.model import (
    Alias,
    Attribute,
    Bucket,
    Configuration,
    EventDataStore,
    Key,
    KeyKind,
    KeyLookup,
    KeyPolicy,
    Language,
    Place,
    PolicyForm,
    Trail,
    UnreadablePolicy,
)
from ctkms_policy.source import ParseError, Source, Span
from ctkms_policy.terraform.plan_address import Address, inside, module_calls
from ctkms_policy.terraform.plan_gaps import deployed, placed
from ctkms_policy.terraform.plan_links import Links
from ctkms_policy.terraform.plan_places import Places
from ctkms_policy.terraform.plan_policy import DOCUMENT, documents, planned_document
from ctkms_policy.terraform.plan_source import PlanSource
from ctkms_policy.terraform.plan_text import REMAKE, Document, Part
from ctkms_policy.terraform.plan_values import PlannedResource
from ctkms_policy.value import (
    Absent,
    Choice,
    JsonText,
    Known,
    ListValue,
    MapValue,
    Match,
    Reference,
    Template,
    Unknown,
    Value,
    outcomes,
    printable,
    text_parts,
    with_sensitivity,
)

_KINDS = {"aws_kms_key": KeyKind.KEY, "aws_kms_replica_key": KeyKind.REPLICA, "aws_kms_external_key": KeyKind.EXTERNAL}
_ADDRESSES = ("address", "previous_address")
_PENDING = Known("PendingImport")
_NO_VALUE = Absent()
_WHICH = "a plan does not say how an expression uses what it names: put it into the directory of its code, which tells the key"
_ENCRYPTION = "aws_s3_bucket_server_side_encryption_configuration"


def normalize_plan(source: Source, *, repository_root: Path, show: Callable[[Path], str], sources: dict[str, Source]) -> Configuration:
    """Return the Configuration that a plan will leave behind, or that a state describes.

    ``sources`` gets the source with blanks in place of everything that no finding may quote. Where the code that was planned lies
    beside the file or in the working directory (within ``repository_root``), what local values refer to is read from it. Raises
    ParseError for anything else than a plan or state in JSON, format 1.x.
    """
    document = Document(source)
    try:
        root = document.root().expect(dict, "an object").members()
        _check_format(root, source)
        file = Path.cwd() / source.path
        code = PlanSource((file.parent, Path.cwd()), repository_root, show, _inputs(root), _root_module(root))
        plan = _Plan(root, code)
        configuration = plan.configuration(source.path)
        built = plan.built
        spans = [span for resource in built for span in resource.shown]
        hidden = [span for resource in built for span in resource.hidden]
        sources[source.path] = document.shown(spans, hidden, plan.secrets)
    except RecursionError:
        raise ParseError("JSON nested too deeply", Span.at(source.path), REMAKE) from None
    return configuration


def _check_format(root: Mapping[str, Part], source: Source) -> None:
    version = root.get("format_version")
    if version is None:
        if "lineage" in root:
            raise ParseError(
                "a raw state file is not read, its format is Terraform's own",
                root["lineage"].span,
                "check the output of: terraform show -json > state.json",
            )
        raise ParseError("neither a plan nor a state: it has no format_version", Span.at(source.path), REMAKE)
    text = version.plain
    major = text.partition(".")[0] if isinstance(text, str) else ""
    if major != "1":
        written = f'"{text}"' if isinstance(text, str) else "no text"
        older = "make the file with Terraform 1.1 or later, or OpenTofu"
        newer = "make the file with a Terraform that writes 1.x, or look for a later ctkms-policy"
        way_out = newer if major.isdecimal() and int(major) > 1 else older
        raise ParseError(f"format_version is {written}, and only 1.x is known", version.span, way_out)
    if not any(name in root for name in ("resource_changes", "planned_values", "values")):
        raise ParseError("neither a plan nor a state: it has no resource_changes and no values", version.span, REMAKE)


@dataclass
class _Plan:
    """One plan or state, and what was built of it."""

    root: Mapping[str, Part]
    code: PlanSource
    built: list[PlannedResource] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.resources = {each.address: each for each in self._read()}
        configuration = self._plain("configuration")
        self.links = Links(configuration, self.resources, self._relevant(), self.code.local_references, self.code.values)
        providers = configuration.get("provider_config")
        self.places = Places(providers if isinstance(providers, dict) else {}, self._variables(), self.links.block, self.resources.values())

    # -- what the file holds -------------------------------------------------------------------------------------------

    def _plain(self, name: str) -> Mapping[str, Any]:
        part = self.root.get(name)
        if part is None or part.plain is None:
            return {}
        found: Mapping[str, Any] = part.expect(dict, "an object").plain
        return found

    def _read(self) -> Iterator[PlannedResource]:
        """Yield every resource instance that there will be. A data source that this plan reads again replaces the earlier reading.

        A plan for a ``-target``, or one that only refreshes, says nothing about the other resources: they stay as the state has them.
        """
        changes = list(_items(self.root["resource_changes"])) if "resource_changes" in self.root else []
        if "prior_state" in self.root and self.root["prior_state"].plain is not None:
            planned = {str(item.plain.get(name)) for item in changes if isinstance(item.plain, dict) for name in _ADDRESSES}
            for each in self._state(self.root["prior_state"]):
                if each.mode == "data":
                    yield each
                elif each.address not in planned:
                    yield replace(each, note="the plan leaves it as the state has it")
        if "resource_changes" in self.root:
            for item in changes:
                yield from _changed(item, "")
        elif "values" in self.root:
            yield from _of_module(self.root["values"], "")
        elif _holds_resources(self._plain("planned_values").get("root_module")):
            raise ParseError("the plan has no resource_changes", self.root["planned_values"].span, REMAKE)
        for item in _items(self.root["deferred_changes"]) if "deferred_changes" in self.root else ():
            members = item.members()
            if "resource_change" in members:
                reason = members["reason"].plain if "reason" in members else ""
                words = (
                    f"terraform defers this change to a later plan: {reason}" if reason else "terraform defers this change to a later plan"
                )
                yield from _changed(members["resource_change"], words)

    @staticmethod
    def _state(part: Part) -> Iterator[PlannedResource]:
        values = part.members().get("values")
        if values is not None and values.plain is not None:
            yield from _of_module(values, "")

    def _relevant(self) -> list[Mapping[str, Any]]:
        part = self.root.get("relevant_attributes")
        return [each for each in (part.plain if part is not None and isinstance(part.plain, list) else ()) if isinstance(each, dict)]

    def _variables(self) -> dict[str, Any]:
        """Return the values of the root module's variables, without the sensitive ones."""
        hidden = _sensitive_variables(_root_module(self.root))
        variables = self._plain("variables").items()
        return {name: each.get("value") for name, each in variables if isinstance(each, dict) and name not in hidden}

    # -- the model -----------------------------------------------------------------------------------------------------

    def configuration(self, path: str) -> Configuration:
        """Return everything that concerns trails and their keys."""
        trails = tuple(self._trail(each) for each in self._of("aws_cloudtrail"))
        return Configuration(
            Language.TERRAFORM,
            path,
            trails=trails,
            keys=tuple(self._key(each) for each in self._of(*_KINDS)),
            aliases=tuple(self._alias(each) for each in self._of("aws_kms_alias")),
            lookups=tuple(self._lookup(each) for each in self._of("data.aws_kms_key", "data.aws_kms_alias")),
            buckets=tuple(self._bucket(each) for each in self._of("aws_s3_bucket", only=self._log_buckets(trails))),
            event_data_stores=tuple(self._store(each) for each in self._of("aws_cloudtrail_event_data_store")),
            problems=tuple(self._problems()),
            warnings=tuple(self._warnings(path)),
        )

    def _problems(self) -> Iterator[ParseError]:
        errored = self.root.get("errored")
        if errored is not None and errored.plain is True:
            yield ParseError("the plan ended with an error: resources may be missing in it", errored.span, "plan again until it succeeds")

    def _warnings(self, path: str) -> Iterator[str]:
        """Yield a warning where terraform says that the plan does not reach what the code says; one that failed is a problem already."""
        complete, errored = self.root.get("complete"), self.root.get("errored")
        if complete is not None and complete.plain is False and (errored is None or errored.plain is not True):
            deferred = self.root.get("deferred_changes")
            why = "terraform defers a part of it" if deferred is not None and deferred.plain else "it was made with -target or the like"
            yield (
                f"{path}: the plan is not complete, {why}: what it leaves out is judged as the state has it, or not at all;"
                " check a plan of everything, too"
            )

    def _log_buckets(self, trails: Iterable[Trail]) -> frozenset[str]:
        """Return the addresses of the buckets that trails log to: of thousands of others nothing is asked."""
        names = {each.bucket_name.value for each in trails if isinstance(each.bucket_name, Known)}
        buckets = (each for each in self.resources.values() if each.kind == "aws_s3_bucket")
        named = (each.address for each in buckets if isinstance(name := each.plain("bucket"), str) and name in names)
        return frozenset((*named, *self.links.named_buckets))

    def _of(self, *kinds: str, only: frozenset[str] | None = None) -> Iterator[PlannedResource]:
        for resource in self.resources.values():
            if resource.kind in kinds and (only is None or resource.address in only):
                self.built.append(resource)
                yield resource

    def _note(self, resource: PlannedResource, key: Value = _NO_VALUE) -> str:
        span = (
            self.code.block_span(module_calls(resource.parts.module), resource.type, resource.name) if resource.mode == "managed" else None
        )
        place = f"the block of {resource.address} is at {span.path}:{span.line}" if span is not None else ""
        which = _WHICH if not place and isinstance(key, Choice) else ""
        return "; ".join(text for text in (resource.note, which, place) if text)

    def _trail(self, resource: PlannedResource) -> Trail:
        kms_key_id = self._attribute(resource, "kms_key_id")
        return Trail(
            resource.address,
            resource.span,
            self.places.of(resource),
            note=self._note(resource, kms_key_id.value),
            name=printable(self.links.value(resource, "name"), f"{resource.address}.name"),
            kms_key_id=kms_key_id,
            is_organization_trail=_or(self.links.value(resource, "is_organization_trail"), Known(False)),
            is_multi_region_trail=_or(self.links.value(resource, "is_multi_region_trail"), Known(False)),
            bucket_name=self.links.value(resource, "s3_bucket_name"),
            depends_on=self._dependencies(resource),
        )

    def _store(self, resource: PlannedResource) -> EventDataStore:
        kms_key_id = self._attribute(resource, "kms_key_id")
        return EventDataStore(
            resource.address,
            resource.span,
            self.places.of(resource),
            note=self._note(resource, kms_key_id.value),
            name=self.links.value(resource, "name"),
            kms_key_id=kms_key_id,
        )

    def _attribute(self, resource: PlannedResource, name: str) -> Attribute:
        return Attribute(self.links.value(resource, name), resource.attribute_span(name))

    def _dependencies(self, resource: PlannedResource) -> tuple[str, ...]:
        if not resource.is_read:
            return self.links.dependencies(resource)
        blocks = resource.item.plain.get("depends_on")  # a state names blocks, without instance keys
        wanted = {str(each) for each in blocks} if isinstance(blocks, list) else set()
        return tuple(sorted(each.address for each in self.resources.values() if inside(_without_keys(each), each.block) in wanted))

    def _key(self, resource: PlannedResource) -> Key:
        kind = _KINDS[resource.type]
        place = self.places.of(resource)
        policies = self._policies.get(resource.address, [None])
        separate = next((each for each in policies if each is not None), None)
        self.built.extend(each for each in policies if each is not None)
        note = self._note(resource)
        if separate is not None and not resource.is_read and self.links.block(resource) and self.links.is_written(resource, "policy"):
            both = f"the key has a policy argument and {separate.address}, which overwrites it"
            note = f"{note}; {both}" if note else both
        has_material = self._has_material(resource) if kind is KeyKind.EXTERNAL else Match.YES
        enabled = self.links.value(resource, "is_enabled" if kind is KeyKind.KEY else "enabled")
        if has_material is Match.NO and resource.value("key_state") == _PENDING:
            enabled = Absent()  # KMS disables it until there is key material (B6): one finding says so
        arn = resource.value("arn")
        is_told = not any(each is None or isinstance(self.links.value(each, "key_id"), Choice) for each in policies)
        why = _BOTH if is_told else _EITHER
        policy = _agreed(resource, [(each or resource, self._policy(each or resource, resource, place)) for each in policies], why)
        return Key(
            resource.address,
            resource.span,
            place,
            note=note,
            kind=kind,
            policy=policy,
            enabled=_or(enabled, Known(True)),
            spec=self._spec(resource, kind),
            usage=_or(self.links.value(resource, "key_usage"), Known("ENCRYPT_DECRYPT")),
            key_origin=self._key_origin(resource, kind),
            multi_region=Known(True) if kind is KeyKind.REPLICA else _or(self.links.value(resource, "multi_region"), Known(False)),
            has_key_material=has_material,
            policy_resource=separate.address if separate is not None else "",
            policy_resource_span=separate.span if separate is not None else None,
            known_arn=str(arn.value) if isinstance(arn, Known) and not arn.origin.sensitive else "",
        )

    @staticmethod
    def _has_material(key: PlannedResource) -> Match:
        """Return whether an external key has key material: it may have been imported by hand, which the state of the key tells."""
        state, material = key.value("key_state"), key.value("key_material_base64")
        if isinstance(state, Known) and state.value:
            return Match.of(state != _PENDING)
        return Match.YES if isinstance(material, Known) else Match.NO if isinstance(material, Absent) else Match.MAYBE

    def _spec(self, resource: PlannedResource, kind: KeyKind, steps: int = 3) -> Value:
        """Return the key spec; a replica has that of its primary key."""
        if kind is not KeyKind.REPLICA:
            return _or(
                self.links.value(resource, "customer_master_key_spec" if kind is KeyKind.KEY else "key_spec"), Known("SYMMETRIC_DEFAULT")
            )
        for reference in _references(self.links.value(resource, "primary_key_arn")):
            primary = self.resources.get(reference.address)
            if steps and primary is not None and primary.kind in _KINDS:
                return self._spec(primary, _KINDS[primary.kind], steps - 1)
        return Known("SYMMETRIC_DEFAULT")

    def _key_origin(self, resource: PlannedResource, kind: KeyKind) -> Value:
        if kind is KeyKind.EXTERNAL:
            return Known("EXTERNAL")
        if not _is_empty(self.links.value(resource, "xks_key_id")):
            return Known("EXTERNAL_KEY_STORE")
        return Known("AWS_KMS") if _is_empty(self.links.value(resource, "custom_key_store_id")) else Known("AWS_CLOUDHSM")

    @cached_property
    def _policies(self) -> Mapping[str | Value, list[PlannedResource | None]]:
        """Return the ``aws_kms_key_policy`` of each key that has one, by the key's address."""
        return self._attached("aws_kms_key_policy", "key_id")

    def _attached(self, kind: str, name: str) -> Mapping[str | Value, list[PlannedResource | None]]:
        """Return the resources of a kind that each other one has, by the address or name of the other.

        There is more than one where the plan does not tell which (``k[count.index]``): the first one has the same instance key. Terraform
        can give each only one: None is among them where there are fewer than they may belong to.
        """
        certain: dict[str | Value, list[PlannedResource | None]] = {}
        possible: dict[frozenset[str | Value], list[PlannedResource]] = {}
        for resource in (each for each in self.resources.values() if each.kind == kind):
            value = self.links.value(resource, name)
            owners = frozenset(_owners(value))
            if isinstance(value, Choice):
                possible.setdefault(owners, []).append(resource)
            else:
                for owner in owners:
                    certain.setdefault(owner, []).append(resource)
        found = dict(certain)
        for owners, candidates in possible.items():
            for owner in owners - certain.keys():
                key = Address.of(owner).key if isinstance(owner, str) else ""
                ordered: list[PlannedResource | None] = [*sorted(candidates, key=lambda each: each.parts.key != key)]
                found[owner] = [*found.get(owner, ()), *ordered, *([None] if len(candidates) < len(owners) else ())]
        return found

    def _policy(self, resource: PlannedResource, key: PlannedResource, place: Place) -> KeyPolicy | UnreadablePolicy | Unknown:
        """Return the key policy that ``resource`` gives to ``key``; the default one where the configuration writes none (B4)."""
        span = resource.attribute_span("policy") or resource.span
        leaves, _ = self.links.leaves(resource, self.links.expression(resource, "policy"))
        if resource.is_unknown("policy"):
            block = self.links.block(resource)
            if not block:
                return Unknown(f"{resource.address}.policy is known only after apply, and the plan does not say what it comes from")
            if not self.links.is_written(resource, "policy") or self.links.is_null(resource, "policy"):
                return default_key_policy(place, key.span)
            candidates = documents(self.links.told(resource, "policy", leaves))
            code = next(iter(self.links.code_values(resource, "policy")[-1:]), None)
            # Where the code makes a text it is not the document itself but, say, replace() of it: the plan names the document alone.
            if candidates and not isinstance(code, (Known, Template)):
                self.built.extend(candidates)
                return _agreed(resource, [(each, self._planned_policy(each, place)) for each in candidates], _EITHER)
            if isinstance(code, (JsonText, Known, Template)):
                return read_key_policy(placed(deployed(code, place), span), PolicyForm.JSON_TEXT, span)
            value = self.links.value(resource, "policy")
            if isinstance(value, (Reference, Template)) or not isinstance(value, Unknown):
                words = ", ".join(leaf.words for leaf in leaves[:3])
                return Unknown(f"{resource.address}.policy is known only after apply: it depends on {words}", value.origin)
            return value
        value = resource.value("policy")
        if isinstance(value, Absent) or value == Known(""):
            return default_key_policy(place, key.span)
        if isinstance(value, Known) and (value.origin.sensitive or self._holds_secret(value)):
            return Unknown(f"{resource.address}.policy is sensitive, and a finding about a policy quotes it", value.origin)
        policy = read_key_policy(value, PolicyForm.JSON_TEXT, span)
        expression = self.links.expression(resource, "policy")
        references = expression.get("references") if isinstance(expression, dict) else None
        if isinstance(policy, KeyPolicy) and isinstance(references, list) and any(str(each).startswith(DOCUMENT) for each in references):
            policy = replace(policy, form=PolicyForm.POLICY_DOCUMENT)
        return policy

    def _planned_policy(self, document: PlannedResource, place: Place) -> KeyPolicy | UnreadablePolicy | Unknown:
        return read_key_policy(planned_document(document, self.links, place), PolicyForm.POLICY_DOCUMENT, document.span)

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The sensitive texts of policy documents and of what was built: no mark follows them into what a provider makes of them."""
        documents = (each for each in self.resources.values() if each.kind == DOCUMENT)
        return frozenset(text for each in (*documents, *self.built) for text in each.secrets)

    def _holds_secret(self, policy: Known) -> bool:
        documents = (each for each in self.resources.values() if each.kind == DOCUMENT)
        return any(json.dumps(text)[1:-1] in str(policy.value) for each in documents for text in each.secrets)

    def _alias(self, resource: PlannedResource) -> Alias:
        target = self.links.value(resource, "target_key_id")
        return Alias(
            resource.address,
            resource.span,
            self.places.of(resource),
            note=self._note(resource),
            name=self.links.value(resource, "name"),
            target=target,
        )

    def _lookup(self, resource: PlannedResource) -> KeyLookup:
        manager = resource.value("key_manager")
        name = "key_id" if resource.type == "aws_kms_key" else "name"
        key_id = self.links.value(resource, name)
        if resource.is_read:
            # Only what was read tells the key: the argument may be an alias of a key in this very plan.
            for found in ("arn", "target_key_arn"):
                link = self.links.to_key(resource.value(found))
                key_id = link if isinstance(link, Reference) else key_id
        lookup = KeyLookup(resource.address, resource.span, self.places.of(resource), note=self._note(resource), key_id=key_id)
        return replace(lookup, manager=manager) if isinstance(manager, Known) else lookup

    def _bucket(self, resource: PlannedResource) -> Bucket:
        name = self.links.bucket_name(resource)
        return Bucket(
            resource.address,
            resource.span,
            self.places.of(resource),
            note=self._note(resource),
            name=name,
            bucket_key_enabled=self._bucket_key(resource, name),
        )

    def _bucket_key(self, bucket: PlannedResource, name: Value) -> Value:
        resources = self._encryptions.get(bucket.address)
        if resources is None and isinstance(name, (Known, Template)):
            resources = self._encryptions.get(name)
        if resources is None:
            return self._inline_bucket_key(bucket)
        self.built.extend(each for each in resources if each is not None)
        found = [_bucket_key_of(each.value("rule")) if each is not None else self._inline_bucket_key(bucket) for each in resources]
        if any(each != found[0] for each in found):
            return Unknown(f"the plan does not say which {_ENCRYPTION} {bucket.address} has")
        return found[0]

    def _inline_bucket_key(self, bucket: PlannedResource) -> Value:
        for configuration in _maps(self.links.value(bucket, "server_side_encryption_configuration")):
            return _bucket_key_of(configuration.get("rule") or Absent())
        return Absent()

    @cached_property
    def _encryptions(self) -> Mapping[str | Value, list[PlannedResource | None]]:
        """Return the separate encryption configuration of each bucket that has one, by the bucket's address or name."""
        return self._attached(_ENCRYPTION, "bucket")


# -- reading -----------------------------------------------------------------------------------------------------------


def _inputs(root: Mapping[str, Part]) -> Mapping[str, Value]:
    """Return what the variables of the root module were when the plan was made."""
    variables = root.get("variables")
    if variables is None or not isinstance(variables.plain, dict):
        return {}
    hidden = _sensitive_variables(_root_module(root))
    given = {name: each.members() for name, each in variables.members().items() if isinstance(each.plain, dict)}
    values = {name: members["value"].value() for name, members in given.items() if "value" in members}
    return {name: with_sensitivity(value, True) if name in hidden else value for name, value in values.items()}


def _root_module(root: Mapping[str, Part]) -> Mapping[str, Any]:
    """Return the root module of the configuration, empty where there is none."""
    configuration = root["configuration"].plain if "configuration" in root else None
    module = configuration.get("root_module") if isinstance(configuration, dict) else None
    return module if isinstance(module, dict) else {}


def _sensitive_variables(root_module: Mapping[str, Any]) -> frozenset[str]:
    declared = root_module.get("variables")
    variables = declared.items() if isinstance(declared, dict) else ()
    return frozenset(name for name, each in variables if isinstance(each, dict) and each.get("sensitive"))


def _items(part: Part) -> Iterator[Part]:
    """Yield the items of a list, which may be null, as Go writes an empty one."""
    if part.plain is not None:
        yield from part.items()


def _holds_resources(module: object) -> bool:
    """Return whether a module's values hold a resource: a plan that keeps nothing and changes nothing has no resource_changes."""
    waiting = [module]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if each.get("resources"):
                return True
            children = each.get("child_modules")
            waiting.extend(children if isinstance(children, list) else ())
    return False


def _changed(item: Part, note: str) -> Iterator[PlannedResource]:
    """Yield the resource of one change, unless the change ends it."""
    change = item.expect(dict, "a resource change").plain.get("change")
    if not isinstance(change, dict) or not isinstance(change.get("actions", []), list):
        raise ParseError("a resource change without a change and its actions", item.span, REMAKE)
    if change.get("actions") in (["delete"], ["forget"]) or "deposed" in item.plain:
        return
    names = ("after", "after_unknown", "after_sensitive")
    for name in names:
        if not isinstance(change.get(name), (dict, bool, type(None))):
            raise ParseError(f"{name} of a resource change is no object", item.span, REMAKE)
    yield _resource(item, names, note=note)


def _of_module(values: Part, name: str) -> Iterator[PlannedResource]:
    """Yield the resources of a state's ``values``, module by module."""
    root = values.members().get("root_module")
    waiting = [root] if root is not None else []
    while waiting:
        members = waiting.pop().members()
        for item in _items(members["resources"]) if "resources" in members else ():
            if "deposed_key" not in item.expect(dict, "a resource").plain:
                yield _resource(item, ("values", "", "sensitive_values"), is_read=True)
        waiting.extend(_items(members["child_modules"]) if "child_modules" in members else ())


def _resource(item: Part, names: tuple[str, str, str], *, is_read: bool = False, note: str = "") -> PlannedResource:
    words = [item.plain.get(name) for name in ("address", "mode", "type", "name")]
    if not all(isinstance(each, str) for each in words):
        raise ParseError("a resource without address, mode, type and name", item.span, REMAKE)
    address, mode, type, label = words
    return PlannedResource(address, mode, type, label, item, names, is_read, note)


# -- values ------------------------------------------------------------------------------------------------------------


def _or(value: Value, default: Value) -> Value:
    return default if isinstance(value, Absent) else value


def _is_empty(value: Value) -> bool:
    """Return whether an attribute says nothing: a state writes "" for text that is not there."""
    return isinstance(value, Absent) or value == Known("")


def _references(value: Value) -> Iterator[Reference]:
    for _, outcome in outcomes(value):
        if isinstance(outcome, Reference):
            yield outcome
        elif isinstance(outcome, Template):
            yield from (part for part in text_parts(outcome) if isinstance(part, Reference))


def _owners(value: Value) -> Iterator[str | Value]:
    """Yield what a value may be, as the address of a resource or as its name."""
    for _, outcome in outcomes(value):
        yield from (reference.address for reference in _references(outcome))
        if isinstance(outcome, (Known, Template)):
            yield outcome


_EITHER = (
    "{key}.policy may come from {one} or {other}, and the plan does not say from which:"
    " an index made of each or count is not in it, and the code is not beside it"
)
_BOTH = "{one} and {other} both set the policy of {key}, and the one that terraform applies last stays"


def _agreed(
    resource: PlannedResource, policies: Sequence[tuple[PlannedResource, KeyPolicy | UnreadablePolicy | Unknown]], why: str
) -> KeyPolicy | UnreadablePolicy | Unknown:
    """Return the policy that a resource has, where all that it may have are the same; ``why`` they may differ."""
    source, policy = policies[0]
    for other, each in policies[1:]:
        if each != policy:
            return Unknown(why.format(key=resource.address, one=source.address, other=other.address))
    return policy


def _maps(value: Value) -> Iterable[MapValue]:
    items = value.items if isinstance(value, ListValue) else (value,)
    return [item for item in items if isinstance(item, MapValue)]


def _bucket_key_of(rules: Value) -> Value:
    values = (rule.get("bucket_key_enabled") for rule in _maps(rules))
    return next((value for value in values if value is not None), Absent())


def _without_keys(resource: PlannedResource) -> str:
    return ".".join(f"module.{name}" for name in module_calls(resource.parts.module))
