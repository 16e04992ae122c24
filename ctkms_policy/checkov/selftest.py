"""Does the checkov that is installed run our checks? A check that it cannot load is one that it does not mention, with exit code 0."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ctkms_policy.checkov import EXTERNAL_CHECKS
from ctkms_policy.checks import CHECKS
from ctkms_policy.rulebook import Subject, load_rules

_FRAMEWORKS = ("terraform", "terraform_plan", "cloudformation")
_FIRES = "CTKMS001"
_SECONDS = 300

_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": "kms:DescribeKey",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceArn": "arn:aws:cloudtrail:us-east-1:111122223333:trail/audit"}},
        },
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": "kms:GenerateDataKey*",
            "Resource": "*",
            "Condition": {
                "StringEquals": {"aws:SourceArn": "arn:aws:cloudtrail:us-east-1:111122223333:trail/audit"},
                "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": "arn:aws:cloudtrail:*:111122223333:trail/*"},
            },
        },
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:role/log-reader"},
            "Action": "kms:Decrypt",
            "Resource": "*",
        },
    ],
}
_KEY = f"""resource "aws_kms_key" "trail" {{
  policy = <<-JSON
    {json.dumps(_POLICY)}
  JSON
}}
"""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What checkov reports for one framework: the rules of ours that ran, and those that failed."""

    ran: frozenset[str]
    failed: frozenset[str]


def selftest(stdout: TextIO) -> bool:
    """Run the installed checkov on a bad and a good example, write what is to be seen, and return whether all is well."""
    checkov = _find_checkov()
    if checkov is None:
        stdout.write(
            "FAILED: there is no checkov, neither on PATH nor beside this Python\n"
            "  = help: install ctkms-policy into the environment of checkov, for example with: pip install 'ctkms-policy[checkov]'\n"
        )
        return False
    stdout.write(f"checkov: {checkov}\nchecks: {EXTERNAL_CHECKS}\n")
    rules = load_rules()
    wanted = frozenset(rule.id for rule in rules if Subject.TRAIL in CHECKS.get(rule.check, {}))
    with tempfile.TemporaryDirectory(prefix="ctkms-policy-selftest-") as temporary:
        directory = Path(temporary)
        _write_examples(directory)
        try:
            codes = {}
            seen = {}
            for name in ("bad", "good"):
                codes[name], seen[name] = _run(checkov, directory / name, [rule.id for rule in rules])
        except _NoReport as error:
            stdout.write(f"FAILED: {error}\n")
            return False
    wrong = [text for framework in _FRAMEWORKS for text in _wrong(framework, wanted, seen["bad"], seen["good"])]
    wrong += [
        f"checkov exits with {codes[name]} on the {name} example, not with {code}"
        for name, code in (("bad", 1), ("good", 0))
        if codes[name] != code
    ]
    for text in wrong:
        stdout.write(f"FAILED: {text}\n")
    if wrong:
        stdout.write(
            "  = help: install ctkms-policy into the environment of this checkov, and look at what it says on standard error with "
            f"--external-checks-dir {EXTERNAL_CHECKS}\n"
        )
        return False
    for framework in _FRAMEWORKS:
        stdout.write(f"ok: {framework}: {len(wanted)} rules run on a trail, the bad example fails, the good one passes\n")
    return True


class _NoReport(Exception):
    """checkov gave nothing that can be judged."""


def _find_checkov() -> str | None:
    """Return the checkov that a shell would run, else the one beside this Python."""
    return shutil.which("checkov") or shutil.which("checkov", path=str(Path(sys.executable).parent))


def _wrong(framework: str, wanted: frozenset[str], bad: Mapping[str, _Seen], good: Mapping[str, _Seen]) -> list[str]:
    nothing = _Seen(frozenset(), frozenset())
    of_bad, of_good = bad.get(framework, nothing), good.get(framework, nothing)
    missing = sorted(wanted - of_bad.ran)
    if missing:
        return [f"{framework}: checkov does not run {', '.join(missing)}"]
    wrong = []
    if _FIRES not in of_bad.failed:
        wrong.append(f"{framework}: {_FIRES} passes for a trail without a KMS key")
    if of_good.failed:
        wrong.append(f"{framework}: {', '.join(sorted(of_good.failed))} fails for a trail whose key policy is right")
    return wrong


def _run(checkov: str, directory: Path, rules: Sequence[str]) -> tuple[int, dict[str, _Seen]]:
    """Run checkov in the directory and return its exit code and what it reports for each framework. Raises _NoReport."""
    command = [checkov, "--directory", ".", "--external-checks-dir", str(EXTERNAL_CHECKS), "--framework", *_FRAMEWORKS]
    command += ["--repo-root-for-plan-enrichment", ".", "--check", ",".join(rules), "--skip-download", "--output", "json"]
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=_SECONDS, env=_environment())
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _NoReport(f"checkov did not run: {error}") from None
    try:
        given = json.loads(done.stdout)
        reports: list[Any] = given if isinstance(given, list) else [given]
        return done.returncode, {each["check_type"]: _seen(each["results"]) for each in reports if "results" in each}
    except (ValueError, KeyError, TypeError):
        last = "".join(f"\n  {line}" for line in (done.stderr or done.stdout).splitlines()[-5:])
        raise _NoReport(f"checkov gives no report, and exits with {done.returncode}{last}") from None


def _environment() -> dict[str, str]:
    """Return the environment without what makes checkov behave otherwise than the examples expect."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CKV_") and name != "CHECKOV_CHECK_FAIL_LEVEL"}


def _seen(results: Mapping[str, Sequence[Mapping[str, str]]]) -> _Seen:
    passed, failed = ([each["check_id"] for each in results[name]] for name in ("passed_checks", "failed_checks"))
    return _Seen(frozenset([*passed, *failed]), frozenset(failed))


def _write_examples(directory: Path) -> None:
    for name, key in (("bad", None), ("good", "aws_kms_key.trail.arn")):
        example = directory / name
        example.mkdir()
        # Its own repository: nothing above the example takes part.
        (example / ".git").mkdir()
        attribute = f"  kms_key_id = {key}\n" if key else ""
        trail = f'resource "aws_cloudtrail" "audit" {{\n  name = "audit"\n  s3_bucket_name = "example-logs"\n{attribute}}}\n'
        (example / "main.tf").write_text(trail + (_KEY if key else ""), encoding="utf-8")
        (example / "plan.json").write_text(json.dumps(_plan(key is not None)), encoding="utf-8")
        (example / "template.json").write_text(json.dumps(_template(key is not None), indent=1), encoding="utf-8")


def _template(with_key: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {"TrailName": "audit", "S3BucketName": "example-logs", "IsLogging": True}
    resources: dict[str, Any] = {"Trail": {"Type": "AWS::CloudTrail::Trail", "Properties": properties}}
    if with_key:
        properties["KMSKeyId"] = {"Fn::GetAtt": ["Key", "Arn"]}
        resources["Key"] = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": _POLICY}}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def _plan(with_key: bool) -> dict[str, Any]:
    trail: dict[str, Any] = {"name": "audit", "s3_bucket_name": "example-logs", "kms_key_id": None}
    made = {"aws_cloudtrail.audit": trail}
    wiring: dict[str, Any] = {"name": {"constant_value": "audit"}, "s3_bucket_name": {"constant_value": "example-logs"}}
    wirings = {"aws_cloudtrail.audit": wiring}
    if with_key:
        del trail["kms_key_id"]
        made["aws_kms_key.trail"] = {"policy": json.dumps(_POLICY)}
        wiring["kms_key_id"] = {"references": ["aws_kms_key.trail.arn", "aws_kms_key.trail"]}
        wirings["aws_kms_key.trail"] = {"policy": {"constant_value": json.dumps(_POLICY)}}
    provider = {"provider_name": "registry.terraform.io/hashicorp/aws"}
    unknown = {"aws_cloudtrail.audit": {"arn": True, "id": True, **({"kms_key_id": True} if with_key else {})}}
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {
            "root_module": {
                "resources": [{**_named(address), **provider, "schema_version": 0, "values": values} for address, values in made.items()]
            }
        },
        "resource_changes": [
            {
                **_named(address),
                **provider,
                "change": {
                    "actions": ["create"],
                    "before": None,
                    "after": values,
                    "after_unknown": unknown.get(address, {"arn": True, "id": True, "key_id": True}),
                },
            }
            for address, values in made.items()
        ],
        "configuration": {
            "root_module": {"resources": [{**_named(address), "expressions": expressions} for address, expressions in wirings.items()]}
        },
    }


def _named(address: str) -> dict[str, str]:
    type, _, name = address.partition(".")
    return {"address": address, "mode": "managed", "type": type, "name": name}
