"""A hand-made Result with one of everything that a report shows."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import ctkms_policy
from ctkms_policy.finding import Finding, Fix, Related, Severity, Verdict, Waived
from ctkms_policy.model import Language
from ctkms_policy.report import FORMATS, ReportOptions
from ctkms_policy.result import Grant, KeyState, Result, TrailResult, TrailVerdict
from ctkms_policy.rulebook import Control, Remediation, Rule, Subject
from ctkms_policy.source import Source, Span

KMS = Source(
    "infra/kms.tf",
    """\
resource "aws_kms_key" "logs" {
  description = "CloudTrail"
}

data "aws_iam_policy_document" "logs" {
  statement {
    sid       = "AllowCloudTrail"
    actions   = ["kms:GenerateDataKey*"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
    condition {
      test     = "StringLike"
      variable = "kms:EncryptionContext:aws:cloudtrail:arn"
      values   = ["arn:aws:cloudtrail:*:111111111111:trail/*"]
    }
  }
}
""",
)

TRAIL = Source(
    "infra/trail.tf",
    """\
resource "aws_cloudtrail" "org" {
  name       = "org-trail"
  kms_key_id = aws_kms_key.logs.arn
}
""",
)

TEMPLATE = Source("templates/trail.yaml", "Resources:\n\tTrail: {Type: AWS::CloudTrail::Trail}\n")

RULE = Rule(
    id="CTKMS004",
    name="cloudtrail-cannot-encrypt",
    title="The key policy does not let CloudTrail encrypt",
    severity=Severity.ERROR,
    since="0.1.0",
    applies_to=(Language.CLOUDFORMATION, Language.TERRAFORM),
    subject=Subject.TRAIL,
    check="service_request",
    parameters={"question": "encrypt"},
    rationale="CloudTrail asks KMS for a data key.",
    impact="A customer managed key is billed.",
    remediation=Remediation("Edit the key policy.", "aws kms put-key-policy\n", "KeyPolicy: {}\n", 'policy = "{}"\n'),
    references=("https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html",),
    controls=(Control("CIS AWS Foundations", "3.5", "3.0"),),
)

CANNOT_ENCRYPT = Finding(
    rule="CTKMS004",
    name="cloudtrail-cannot-encrypt",
    severity=Severity.ERROR,
    verdict=Verdict.FAIL,
    resource="aws_cloudtrail.org",
    message='key policy does not let CloudTrail encrypt the logs of trail "org-trail"',
    span=Span("infra/kms.tf", 17, 19, 17, 61),
    label="the condition names account 111111111111",
    help='add "arn:aws:cloudtrail:*:222222222222:trail/*", or run `ctkms-policy explain CTKMS004`',
    related=(
        Related(Span("infra/kms.tf", 5, 1, 5, 38), "the key policy"),
        Related(Span("infra/trail.tf", 3, 16, 3, 36), "the trail in account 222222222222 uses this key"),
    ),
    fix=Fix("hcl", 'condition {\n  test   = "StringLike"\n  values = ["arn:aws:cloudtrail:*:222222222222:trail/*"]\n}\n'),
    file="infra/kms.tf",
    stable="condition",
)

BAD_TEMPLATE = Finding(
    rule="CTKMS000",
    name="unreadable-source",
    severity=Severity.ERROR,
    verdict=Verdict.FAIL,
    resource="templates/trail.yaml",
    message="a tab may not indent YAML",
    span=Span("templates/trail.yaml", 2, 1, 2, 2),
    help="indent with blanks",
)

NOT_VISIBLE = Finding(
    rule="CTKMS015",
    name="key-policy-not-visible",
    severity=Severity.NOTE,
    verdict=Verdict.UNDETERMINED,
    resource="aws_cloudtrail.audit",
    message='the policy of the key of trail "audit" is not in the scanned code: kms_key_id comes from var.key_arn, which has no default',
    span=Span("infra/audit.tf", 9, 3, 9, 29),
    label="decides which key it is",
    help="give it a default or a tfvars file, or check the key's policy with `ctkms-policy simulate --key-policy FILE --question encrypt`",
)

WAIVED = Finding(
    rule="CTKMS001",
    name="trail-without-kms-key",
    severity=Severity.ERROR,
    verdict=Verdict.FAIL,
    resource="aws_cloudtrail.old",
    message='trail "old" has no KMS key: the logs get S3-managed encryption only',
    span=Span("infra/old.tf", 1, 1, 1, 32),
    help="name a customer managed key in kms_key_id",
    waived=Waived("alice@example.com", "leaves with the | old account", date(2027, 1, 31)),
)

SCOPED_LATE = Finding(
    rule="CTKMS012",
    name="key-policy-attached-too-late",
    severity=Severity.WARNING,
    verdict=Verdict.FAIL,
    resource="aws_cloudtrail.org",
    message='trail "org-trail" may be created before its key has its policy',
    span=Span("infra/kms.tf", 6, 3, 19, 4),
    label="this statement comes too late",
    help="add depends_on",
)

TRAILS = (
    TrailResult(
        "aws_cloudtrail.org",
        "trail",
        Span("infra/trail.tf", 1, 1, 1, 32),
        "",
        KeyState.CUSTOMER_MANAGED,
        "aws_kms_key.logs",
        "aws_kms_key.logs.arn",
        "",
        Grant.ALLOWED,
        Grant.DENIED,
        Grant.DELEGATED,
        {},
        TrailVerdict.FAIL,
        (CANNOT_ENCRYPT.fingerprint,),
    ),
    TrailResult(
        "aws_cloudtrail.audit",
        "trail",
        Span("infra/audit.tf", 7, 1, 7, 34),
        "var.audit = true",
        KeyState.DEPENDS,
        "",
        "var.key_arn",
        "var.key_arn has no default",
        Grant.NOT_VISIBLE,
        Grant.NOT_VISIBLE,
        Grant.NOT_VISIBLE,
        {},
        TrailVerdict.UNDETERMINED,
        (NOT_VISIBLE.fingerprint,),
    ),
    TrailResult(
        "aws_cloudtrail_event_data_store.lake",
        "event-data-store",
        Span("infra/lake.tf", 1, 1, 1, 50),
        "",
        KeyState.CUSTOMER_MANAGED,
        "aws_kms_key.lake",
        "aws_kms_key.lake.arn",
        "",
        Grant.ALLOWED,
        Grant.ALLOWED,
        Grant.ALLOWED,
        {"region": "us-east-1", "account": "111122223333"},
        TrailVerdict.PASS,
        (),
    ),
)

SAMPLE = Result(
    findings=(NOT_VISIBLE, SCOPED_LATE, CANNOT_ENCRYPT, WAIVED, BAD_TEMPLATE),
    trails=TRAILS,
    keys=2,
    files=41,
    rules=(RULE,),
    sources={source.path: source for source in (KMS, TRAIL, TEMPLATE)},
    prefix="live/eu west/",
)

CLEAN = Result(findings=(), trails=TRAILS[2:], keys=1, files=1, rules=(RULE,), sources={})
NOTHING = Result(findings=(), trails=(), keys=0, files=41, rules=(RULE,), sources={})

GOLDEN = Path(__file__).parent / "reports"
OUTPUTS: dict[str, tuple[str, ReportOptions]] = {
    "sample.txt": ("text", ReportOptions()),
    "sample-verbose.txt": ("text", ReportOptions(verbose=True)),
    "sample-color.txt": ("text", ReportOptions(color=True, verbose=True)),
    "sample.json": ("json", ReportOptions()),
    "sample.sarif": ("sarif", ReportOptions()),
    "sample.xml": ("junit", ReportOptions()),
    "sample.github": ("github", ReportOptions()),
    "sample-gitlab.json": ("gitlab", ReportOptions()),
    "sample.md": ("markdown", ReportOptions(verbose=True)),
}
"""The golden files of SAMPLE; ``python tests/report_sample.py`` writes them anew, and the difference is for a reader to judge."""


def golden_text(name: str) -> str:
    """Return what the golden file should hold; the version is left out, so that a release changes none."""
    form, options = OUTPUTS[name]
    return FORMATS[form]()(SAMPLE, options).replace(f'"{ctkms_policy.__version__}"', '"VERSION"')


if __name__ == "__main__":
    for name in OUTPUTS:
        (GOLDEN / name).write_text(golden_text(name), encoding="utf-8", newline="\n")
