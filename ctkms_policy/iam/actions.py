"""The actions of KMS that a key policy can name, and what a misspelt one was meant to be."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache

from ctkms_policy.iam.pattern import wildcards_match

KMS_ACTIONS = (
    "CancelKeyDeletion",
    "ConnectCustomKeyStore",
    "CreateAlias",
    "CreateCustomKeyStore",
    "CreateGrant",
    "CreateKey",
    "Decrypt",
    "DeleteAlias",
    "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DescribeKey",
    "DisableKey",
    "DisableKeyRotation",
    "DisconnectCustomKeyStore",
    "EnableKey",
    "EnableKeyRotation",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GenerateRandom",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "GetParametersForImport",
    "GetPublicKey",
    "ImportKeyMaterial",
    "ListAliases",
    "ListGrants",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListKeys",
    "ListResourceTags",
    "ListRetirableGrants",
    "PutKeyPolicy",
    "ReEncryptFrom",
    "ReEncryptTo",
    "ReplicateKey",
    "RetireGrant",
    "RevokeGrant",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "Sign",
    "SynchronizeMultiRegionKey",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateCustomKeyStore",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
    "Verify",
    "VerifyMac",
)

_BY_LOWER = {f"kms:{name}".lower(): f"kms:{name}" for name in KMS_ACTIONS}


@lru_cache(maxsize=1024)
def names_an_action(pattern: str) -> bool:
    """Return whether an Action text, perhaps with wildcards, matches at least one action of KMS, in any case (C8)."""
    lower = pattern.lower()
    return lower in _BY_LOWER or any(wildcards_match(lower, action) for action in _BY_LOWER)


def meant_action(text: str) -> str:
    """Return the action of KMS that a misspelt one was probably meant to be, with the ``*`` that it ends with, or ""."""
    name, star, _ = re.sub(r"^kms\s*[:=.;/-]*\s*", "", text.strip().lower()).partition("*")
    found = get_close_matches(f"kms:{name}", _BY_LOWER, n=1, cutoff=0.8)
    return f"{_BY_LOWER[found[0]]}{star}" if found else ""
