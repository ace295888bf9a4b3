"""Everything can be destroyed: what a template does not say, CloudFormation decides, and may keep."""

from __future__ import annotations

from aws_cdk import CfnDeletionPolicy, CfnResource


def destroyable(*resources: CfnResource) -> None:
    """Say Delete, on deletion and on replacement: absent it means Snapshot for a database cluster."""
    for resource in resources:
        resource.cfn_options.deletion_policy = CfnDeletionPolicy.DELETE
        resource.cfn_options.update_replace_policy = CfnDeletionPolicy.DELETE
