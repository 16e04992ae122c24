"""The key itself: the statements of its policy as written, and whether it can encrypt."""

from __future__ import annotations

from collections.abc import Iterator

from ctkms_policy.cases import KeyCase
from ctkms_policy.checks.words import equals, finding, title, use_of_key, way, why_unknown
from ctkms_policy.finding import Finding, Related, Severity
from ctkms_policy.model import DefectKind, KeyPolicy
from ctkms_policy.rulebook import Rule
from ctkms_policy.value import Match, default_of, describe


def key_cannot_encrypt(case: KeyCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS008: disabled, asymmetric, HMAC, of the wrong usage, or without key material (A12)."""
    key = case.key
    wanted = (
        (key.enabled, "true", "is disabled: CloudTrail cannot deliver logs", "enable the key"),
        (key.spec, "SYMMETRIC_DEFAULT", "is not a symmetric encryption key", "use the key spec SYMMETRIC_DEFAULT"),
        (key.usage, "ENCRYPT_DECRYPT", "is not for encryption", "use the key usage ENCRYPT_DECRYPT"),
    )
    for value, expected, fact, way_out in wanted:
        answer = equals(value, expected)
        if answer is Match.YES:
            continue
        # What an input gives stands elsewhere: the finding is about the key.
        written = value.origin.span if not value.origin.via else None
        span, shown = written or key.span, f"is {describe(default_of(value))}"
        given = (Related(value.origin.span, shown),) if value.origin.span is not None and written is None else ()
        unknown = answer is Match.MAYBE
        yield finding(
            rule,
            key,
            f"cannot tell whether {title(key)} {fact.partition(':')[0]}: {why_unknown(default_of(value))}"
            if unknown
            else f"{title(key)} {fact}",
            span,
            undetermined=unknown,
            label=shown if written else "this key",
            help=f"give it a value that the code tells; it must be {expected}" if unknown else way_out,
            related=(*given, *way(value, value.origin.span or span), *(place for trail in case.trails for place in use_of_key(trail))),
            stable=fact,
        )
    if key.has_key_material is Match.NO:
        yield finding(
            rule,
            key,
            f"{title(key)} is pending import: it has no key material and cannot encrypt",
            key.key_origin.origin.span or key.span,
            help="import key material before the trail is created, or let KMS make it",
            related=tuple(place for trail in case.trails for place in use_of_key(trail)),
            stable="pending import",
        )


def statement_rejected(case: KeyCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS010: a statement that KMS rejects or silently ignores."""
    key = case.key
    if not isinstance(key.policy, KeyPolicy):
        return
    named = [(f"the policy of {title(key)}", key.policy.defects)]
    for number, statement in enumerate(key.policy.statements, 1):
        name = f'statement "{statement.sid}"' if statement.sid else f"statement {number}"
        named.append((f"{name} in the policy of {title(key)}", statement.defects))
    for subject, defect in ((subject, defect) for subject, defects in named for defect in defects):
        fact, label = _DEFECTS[defect.kind]
        yield finding(
            rule,
            key,
            f"{fact.format(subject)}: {defect.message}",
            defect.span or key.policy.span or key.span,
            severity=Severity.NOTE if defect.kind is DefectKind.MISSPELT_ACTION else None,
            label=label,
            help=defect.help,
            stable=f"{subject}\0{defect.message}",
        )


_DEFECTS = {
    DefectKind.REJECTED: ("KMS rejects {}", "KMS rejects this"),
    DefectKind.INEFFECTIVE: ("KMS accepts and ignores {}", "the statement has no effect"),
    DefectKind.MISSPELT_ACTION: ("KMS accepts {}, but one action matches nothing", "matches no request"),
}
"""What KMS does with a defect: the fact of the message, and the label."""
