"""The few named questions a rule can ask. A rule names one by its name in CHECKS; each yields the findings about one subject."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from ctkms_policy.checks.form import kms_key_id_form
from ctkms_policy.checks.key import key_cannot_encrypt, statement_rejected
from ctkms_policy.checks.own import outsiders_denied, request_allowed, request_denied
from ctkms_policy.checks.policy import decrypt_only_delegated, no_reader, policy_not_visible, service_request, store_request
from ctkms_policy.checks.presence import aws_managed_key, store_without_kms_key, trail_without_kms_key
from ctkms_policy.checks.refused import refused_key, refused_resource
from ctkms_policy.checks.strangers import decrypt_grant_too_broad, encrypt_grant_not_scoped
from ctkms_policy.checks.surroundings import bucket_key_needs_decrypt, key_region_differs, policy_attached_too_late
from ctkms_policy.finding import Finding
from ctkms_policy.rulebook import Rule, Subject

Check: TypeAlias = Callable[[Any, Rule], Iterator[Finding]]

CHECKS: Mapping[str, Mapping[Subject, Check]] = {
    "trail_without_kms_key": {Subject.TRAIL: trail_without_kms_key},
    "aws_managed_key": {Subject.TRAIL: aws_managed_key},
    "service_request": {Subject.TRAIL: service_request, Subject.EVENT_DATA_STORE: store_request},
    "no_reader": {Subject.TRAIL: no_reader},
    "encrypt_grant_not_scoped": {Subject.TRAIL: encrypt_grant_not_scoped, Subject.KEY: encrypt_grant_not_scoped},
    "decrypt_grant_too_broad": {Subject.KEY: decrypt_grant_too_broad},
    "unreadable_source": {Subject.TRAIL: refused_resource, Subject.EVENT_DATA_STORE: refused_resource, Subject.KEY: refused_key},
    "key_cannot_encrypt": {Subject.KEY: key_cannot_encrypt},
    "key_region_differs": {Subject.TRAIL: key_region_differs},
    "statement_rejected": {Subject.KEY: statement_rejected},
    "kms_key_id_form": {Subject.TRAIL: kms_key_id_form},
    "policy_attached_too_late": {Subject.TRAIL: policy_attached_too_late},
    "store_without_kms_key": {Subject.EVENT_DATA_STORE: store_without_kms_key},
    "bucket_key_needs_decrypt": {Subject.TRAIL: bucket_key_needs_decrypt},
    "policy_not_visible": {Subject.TRAIL: policy_not_visible},
    "decrypt_only_delegated": {Subject.TRAIL: decrypt_only_delegated},
    "request_allowed": {Subject.TRAIL: request_allowed},
    "request_denied": {Subject.TRAIL: request_denied},
    "outsiders_denied": {Subject.TRAIL: outsiders_denied},
}
"""For each name a rule's ``check`` may have: what it looks at, and the question. Files and waivers are the linter's own subjects."""
