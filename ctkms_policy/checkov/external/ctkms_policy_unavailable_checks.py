"""What runs in place of our rules where they cannot be loaded. It must not need the package that cannot be imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from checkov.cloudformation.checks.resource.base_resource_check import BaseResourceCheck as CloudFormationCheck
from checkov.common.models.enums import CheckCategories, CheckResult
from checkov.terraform.checks.resource.base_resource_check import BaseResourceCheck as TerraformCheck

_PACKAGE = Path(__file__).resolve().parents[2]


def register_failing(error: Exception) -> None:
    """Register a check under each rule's id that fails on every trail and event data store with the error."""
    way_out = "install ctkms-policy into the environment of checkov" if isinstance(error, ModuleNotFoundError) else "reinstall ctkms-policy"
    name = f"ctkms-policy cannot run here: {error!r}; {way_out}, then try ctkms-policy checkov-selftest"
    for directory in (_PACKAGE / "rules", _PACKAGE.parent / "rules"):
        for file in sorted(directory.glob("*.yaml")):
            _FailingTerraform(name, file.stem, [CheckCategories.ENCRYPTION], ["aws_cloudtrail", "aws_cloudtrail_event_data_store"])
            _FailingCloudFormation(
                name, file.stem, [CheckCategories.ENCRYPTION], ["AWS::CloudTrail::Trail", "AWS::CloudTrail::EventDataStore"]
            )


class _FailingTerraform(TerraformCheck):
    def scan_entity_conf(self, conf: dict[str, Any], entity_type: str) -> CheckResult:
        self.entity_type = entity_type
        return CheckResult.FAILED

    def scan_resource_conf(self, conf: dict[str, Any]) -> CheckResult:
        raise NotImplementedError


class _FailingCloudFormation(CloudFormationCheck):
    def scan_resource_conf(self, conf: dict[str, Any]) -> CheckResult:
        return CheckResult.FAILED
