"""What surrounds the key: the log bucket, and when the policy is attached."""

from __future__ import annotations

from collections.abc import Iterator

from ctkms_policy.cases import TrailCase, bucket_key
from ctkms_policy.checks.words import finding, judged_policy, title, use_of_key
from ctkms_policy.finding import Finding, Related
from ctkms_policy.iam.evaluate import Outcome
from ctkms_policy.rulebook import Rule
from ctkms_policy.value import Known, Match, Value, default_of, describe


def key_region_differs(case: TrailCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS009: the key and the log bucket must be in the same Region (A11)."""
    bucket, key = case.bucket, case.link.key
    key_region = key.place.region if key is not None else _region_of_arn(default_of(case.trail.kms_key_id.value))
    if bucket is None or key_region is None or bucket.place.region == key_region:
        return
    certain = isinstance(bucket.place.region, Known) and isinstance(key_region, Known)
    if not certain and key is None:
        return  # a literal ARN names the Region that the author deploys to: nothing says that the bucket is elsewhere
    regions = f"the key is in {describe(key_region, quoted=False)}, the bucket in {describe(bucket.place.region, quoted=False)}"
    trail = title(case.trail)
    yield finding(
        rule,
        case.trail,
        f"{trail}: the key and the log bucket are in different Regions: {regions}"
        if certain
        else f"cannot tell whether the key and the log bucket of {trail} are in the same Region: {regions}",
        case.trail.kms_key_id.span or case.trail.span,
        undetermined=not certain,
        label=regions,
        help="create the key in the Region of the bucket, or use a replica key there",
        related=(*((Related(key.span, "the key"),) if key else ()), Related(bucket.span, "the log bucket")),
    )


def _region_of_arn(value: Value) -> Value | None:
    """Return the Region that a literal key ARN names."""
    if isinstance(value, Known) and isinstance(value.value, str):
        segments = value.value.split(":")
        if segments[0] == "arn" and len(segments) >= 6 and segments[3]:
            return Known(segments[3], value.origin)
    return None


def policy_attached_too_late(case: TrailCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS012: nothing makes Terraform attach the separate key policy before it creates the trail (B5)."""
    key, trail = case.link.key, case.trail
    if key is None or not key.policy_resource:
        return
    wanted = _without_instance(key.policy_resource)
    if any(_without_instance(address) == wanted for address in trail.depends_on):
        return
    yield finding(
        rule,
        trail,
        f'{title(trail)} does not depend on "{key.policy_resource}": Terraform may create the trail before the key has its policy',
        trail.kms_key_id.span or trail.span,
        label="depends on the key, not on its policy",
        help=f"add depends_on = [{_seen_from(trail.address, wanted)}] to the trail, or write the policy into the key itself",
        related=(Related(key.policy_resource_span, "the policy is attached here"),) if key.policy_resource_span else (),
    )


def _seen_from(trail: str, wanted: str) -> str:
    """Return what the trail's own module can depend on to wait for a resource: the resource, or the module call it stands in."""
    here = _modules(trail)
    there = _modules(wanted)
    if there[: len(here)] != here:
        return _without_instance(".".join(there)) if there else wanted
    inner = there[len(here) :]
    return _without_instance(".".join(inner[:2])) if inner else ".".join(wanted.split(".")[-2:])


def _modules(address: str) -> list[str]:
    """Return the module path of an address: ``["module", "logs", "module", "key"]``."""
    parts = address.split(".")
    length = 0
    while parts[length : length + 1] == ["module"]:
        length += 2
    return parts[:length]


def _without_instance(address: str) -> str:
    return address.split("[")[0] if address.endswith("]") else address


def bucket_key_needs_decrypt(case: TrailCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS014: with an S3 Bucket Key, one AWS page asks for kms:Decrypt for CloudTrail, another does not (A4)."""
    bucket = case.bucket
    if bucket is None or case.judgement is None or bucket_key(bucket) is not Match.YES:
        return
    if case.judgement.service_decrypt.outcome is Outcome.ALLOWED:
        return
    key, policy = judged_policy(case)
    yield finding(
        rule,
        case.trail,
        f"the log bucket of {title(case.trail)} has an S3 Bucket Key, and the key policy does not let CloudTrail decrypt",
        policy.span or key.span,
        help='AWS asks for kms:Decrypt for "cloudtrail.amazonaws.com" on one page and not on others: add it if UpdateTrail fails',
        related=(Related(bucket.bucket_key_enabled.origin.span or bucket.span, "S3 Bucket Key"), *use_of_key(case)),
    )
