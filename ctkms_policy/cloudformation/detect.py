"""What is told from names alone: a byte test before any parser runs, and the resource types that are read."""

from __future__ import annotations

import re

_RESOURCES = re.compile(rb"(?:\b|\\n)[Rr]esources\b")
_TYPE = re.compile(rb"AWS::\w+::\w+|AWS::Include\b")
_READ = ("AWS::CloudTrail::", "AWS::KMS::", "AWS::S3::Bucket", "AWS::CloudFormation::", "AWS::Serverless::Application")


def looks_like_template(data: bytes) -> bool:
    """Return whether the bytes may hold a CloudFormation template, whatever the file is called. An include may bring the resources."""
    return _TYPE.search(data) is not None and (b"AWS::Include" in data or _RESOURCES.search(data) is not None)


def is_read(kind: str) -> bool:
    """Return whether something is read of a resource of that type; of any other only the names that it refers to matter.

    Such bodies are read without spans: most of a large template is none of our business.
    """
    return kind.startswith(_READ)
