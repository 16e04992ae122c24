"""Time whole runs of ctkms-policy, checkov, cfn-lint and grep over one directory, in turn, and print the medians."""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODULE = """
variable "name" {{
  type = string
}}

resource "aws_s3_bucket" "logs" {{
  bucket = "${{var.name}}-{number}"
}}

resource "aws_kms_key" "logs" {{
  policy = data.aws_iam_policy_document.key.json
}}

data "aws_caller_identity" "current" {{}}

data "aws_iam_policy_document" "key" {{
  statement {{
    actions   = ["kms:*"]
    resources = ["*"]

    principals {{
      type        = "AWS"
      identifiers = ["arn:aws:iam::${{data.aws_caller_identity.current.account_id}}:root"]
    }}
  }}
}}
"""
TRAIL = """
resource "aws_cloudtrail" "this" {
  name           = "audit"
  s3_bucket_name = aws_s3_bucket.logs.id
  kms_key_id     = aws_kms_key.logs.arn
}
"""
TEMPLATE = """
Resources:
  Bucket{number}:
    Type: AWS::S3::Bucket
  Role{number}:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal:
              Service: lambda.amazonaws.com
            Action: sts:AssumeRole
"""


def write_repository(directory: Path, size: int) -> None:
    """Write ``size`` modules, every tenth with a trail, a root that calls them all, and ``size`` templates."""
    calls = []
    for number in range(size):
        module = directory / "modules" / f"m{number}"
        module.mkdir(parents=True)
        (module / "main.tf").write_text(MODULE.format(number=number) + (TRAIL if number % 10 == 0 else ""))
        calls.append(f'module "m{number}" {{\n  source = "./modules/m{number}"\n  name   = "n{number}"\n}}\n')
        (directory / f"template{number}.yaml").write_text(TEMPLATE.format(number=number))
    (directory / "main.tf").write_text("\n".join(calls))


def commands(directory: Path) -> dict[str, list[str]]:
    """Return the command of every tool that is installed."""
    templates = [str(path) for pattern in ("*.yaml", "*.yml", "*.template") for path in directory.rglob(pattern)]
    wanted = {
        "ctkms-policy": [sys.executable, "-m", "ctkms_policy", "check", "--fail-on", "never", "--format", "json", str(directory)],
        "checkov": [
            "checkov",
            "-d",
            str(directory),
            "--quiet",
            "--compact",
            "--framework",
            "terraform",
            "cloudformation",
            "-c",
            "CKV_AWS_35",
        ],
        "cfn-lint": ["cfn-lint", "--non-zero-exit-code", "none", *templates],
        "grep": ["grep", "-rIl", "-i", "cloudtrail", str(directory)],
    }
    found = {}
    for name, command in wanted.items():
        executable = shutil.which(command[0]) or shutil.which(command[0], path=str(Path(sys.executable).parent))
        if executable:
            found[name] = [executable, *command[1:]]
        else:
            print(f"{name}: not installed, left out")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=60, help="modules and templates of the repository that is written where none is given")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        directory = arguments.directory or Path(scratch)
        if arguments.directory is None:
            write_repository(directory, arguments.size)
        times: dict[str, list[float]] = {}
        tools = commands(directory)
        for _ in range(arguments.rounds):
            for name, command in tools.items():
                started = time.perf_counter()
                subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
                times.setdefault(name, []).append(time.perf_counter() - started)
    for name, measured in times.items():
        print(f"{name:13} median {statistics.median(measured):7.3f} s   least {min(measured):7.3f} s   of {len(measured)}")


if __name__ == "__main__":
    main()
