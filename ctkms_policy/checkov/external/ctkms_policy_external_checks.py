"""Executed by checkov under its bare name, more than once."""

from __future__ import annotations

try:
    from ctkms_policy.checkov.checks import register
except Exception as error:
    # checkov would only log this, run none of our checks, and exit 0. So every rule fails instead, and says why.
    from ctkms_policy_unavailable_checks import register_failing

    register_failing(error)
else:
    register()
