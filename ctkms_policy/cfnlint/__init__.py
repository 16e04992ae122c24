"""Our rules inside cfn-lint: ``cfn-lint --append-rules ctkms_policy.cfnlint``. Only cfn-lint imports this package.

cfn-lint ranks and enables a rule by the first letter of its id, so CTKMS004 is ECTKMS004 there, and ICTKMS004 what is only a note.
"""

from __future__ import annotations

from ctkms_policy.cfnlint.rules import rule_classes

# cfn-lint makes a rule of every rule class that it finds among the names of the module.
globals().update(rule_classes())
