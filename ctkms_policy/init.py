"""``ctkms-policy init``: a commented configuration file and the pre-commit entry. What is there already stays as it is."""

from __future__ import annotations

from pathlib import Path

import ctkms_policy
from ctkms_policy.config import FILE_NAME
from ctkms_policy.discover import repository_root

HOOK_FILE = ".pre-commit-config.yaml"

CONFIG_TEXT = """\
# What ctkms-policy cannot read from the code. Every key is optional; docs/configuration.md explains them.

# Exit 1 from this severity on: error, warning, note or never.
fail_on: warning
# Assume nothing about accounts and Regions, and fail on what cannot be determined.
strict: false

# Where the code is deployed: of the default provider and of CloudFormation, then of providers with an alias.
# account: "111122223333"
# region: us-east-1
# providers:
#   aws.audit:
#     account: "444455556666"
#     region: eu-central-1

# The organization: its management account owns every organization trail.
# management_account: "777788889999"
# organization_id: o-a1b2c3d4e5
# Accounts or principals outside the key's account that may read the logs; without a list, any that the key policy names.
# allowed_readers:
#   - "444455556666"

# Which rules, and how much they weigh: ids or names, see `ctkms-policy rules`.
# select: [CTKMS001, CTKMS003, CTKMS004]
# ignore: [CTKMS014]
# severities:
#   CTKMS006: error
# Directories of own rules, see docs/own-rules.md.
# rules: [policy/rules]

# Files and directories to leave out: shell patterns, relative to this file.
# exclude:
#   - examples

# Keys that are not in this code, with their policy, so that it is checked too.
# keys:
#   "arn:aws:kms:us-east-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab":
#     policy: policies/trail-key.json

# Accepted findings: each with an owner, a reason and the last day on which the waiver holds, see docs/waivers.md.
waivers:
  # Whether comments such as "ctkms-policy: waive ..." in the code count too.
  inline: true
  # How many days ahead an expiry date may be.
  max_days: 365
  # From how many days before the expiry date on a note appears.
  warn_days: 14
  # entries:
  #   - rules: [CTKMS001]
  #     resource: module.legacy.aws_cloudtrail.*
  #     path: infra/legacy
  #     owner: team@example.com
  #     reason: the trail is replaced by the organization trail
  #     expires: 2027-01-31
"""

_HOOK_TEXT = f"""\
  # Put the address of the repository that you install ctkms-policy from in place of OWNER.
  - repo: https://github.com/OWNER/ctkms-policy
    rev: v{ctkms_policy.__version__}
    hooks:
      - id: ctkms-policy
"""


def write_starting_files(directory: Path) -> str:
    """Write the two files into the repository that ``directory`` lies in, where they are missing; return in words what was done.

    Raises OSError when a file cannot be written.
    """
    root = repository_root(directory, directory.resolve())
    done = []
    if _write_new(root / FILE_NAME, CONFIG_TEXT):
        done.append(f"wrote {FILE_NAME}: uncomment what applies to you\n")
    else:
        done.append(f"{FILE_NAME} is there already: left as it is\n")
    if _write_new(root / HOOK_FILE, f"repos:\n{_HOOK_TEXT}"):
        done.append(f"wrote {HOOK_FILE}: put in the address of the repository, then run `pre-commit install`\n")
    elif "id: ctkms-policy" in (root / HOOK_FILE).read_text(encoding="utf-8", errors="replace"):
        done.append(f"{HOOK_FILE} has the hook already: left as it is\n")
    else:
        done.append(f"{HOOK_FILE} is there already: left as it is; add to its repos:\n\n{_HOOK_TEXT}")
    return "".join(done)


def _write_new(file: Path, text: str) -> bool:
    """Write a file that does not exist yet; return whether it did not. A link, even a broken one, is never written through."""
    try:
        with file.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        return False
    return True
