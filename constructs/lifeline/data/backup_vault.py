"""A region's backup vault: who may delete from it, and how it is emptied with its stack."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws, CfnResource, CustomResource
from aws_cdk import aws_backup as backup
from constructs import Construct, IDependable

from lifeline.compliance.acknowledge import acknowledge_pattern
from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.keys import Keys
from lifeline.foundation.provisioner import Provisioner
from lifeline.site import Site

EMPTYING_SECONDS = 540
"""How long a deletion of the vault goes on: three runs of the function."""
SERVICE = "backup.amazonaws.com"
DELETIONS = ("backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle")


class CopyVault(Construct):
    """A vault that takes the copies of another region's backups, where nothing is backed up itself.

    Covers: the loss of the region that backs up, together with its vault. Does not cover: a copy that cannot
    be restored: the restore tests run where the backups are made.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self.vault_name = vault_name(site)
        self.vault = vault_in(self, site=site, keys=keys)
        emptied_on_delete(self, site=site, keys=keys, after=[self.vault])


def vault_name(site: Site) -> str:
    """The vault's name, the same in each region, so that each can name the other's."""
    return site.names.regional_name("backup", "backup-vault")


def vault_in(scope: Construct, *, site: Site, keys: Keys) -> backup.CfnBackupVault:
    """The vault. Only the function that empties it may delete a copy before its time."""
    emptying = site.global_arn("iam", f"role/{site.names.cross_region_name('empty-vault', 'role')}")
    vault = backup.CfnBackupVault(
        scope,
        "Vault",
        backup_vault_name=vault_name(site),
        encryption_key_arn=keys.data.key_arn,
        access_policy={
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "CopiesLiveTheirTime",
                    "Effect": "Deny",
                    "Principal": {"AWS": "*"},
                    "Action": list(DELETIONS),
                    "Resource": "*",
                    "Condition": {"ArnNotEquals": {"aws:PrincipalArn": emptying}},
                }
            ],
        },
    )
    destroyable(vault)
    return vault


def emptied_on_delete(
    scope: Construct, *, site: Site, keys: Keys, after: Sequence[IDependable]
) -> CustomResource:
    """Empties the vault when its stack is deleted, and before anything of `after` is."""
    provider = Provisioner(
        scope,
        "Emptying",
        site=site,
        package="empty_vault",
        description="Empties the backup vault before it is deleted",
        keys=keys,
    )
    vault = site.arn("backup", f"backup-vault:{vault_name(site)}")
    points = [
        site.arn("backup", "recovery-point:*"),
        site.arn("rds", "cluster-snapshot:awsbackup:*"),
    ]
    provider.allow(
        "ListTheVault",
        ["backup:DescribeBackupVault", "backup:ListRecoveryPointsByBackupVault"],
        [vault],
    )
    provider.allow("DeleteRecoveryPoints", ["backup:DeleteRecoveryPoint"], [vault, *points])
    # A point whose deletion was refused once, say as its role was gone, is EXPIRED, and goes only for who may
    # make the service's own role ("DeleteRecoveryPoint", AWS Backup API Reference).
    provider.allow(
        "DeleteWhatExpired",
        ["iam:CreateServiceLinkedRole"],
        [site.global_arn("iam", f"role/aws-service-role/{SERVICE}/AWSServiceRoleForBackup")],
        {"StringEquals": {"iam:AWSServiceName": SERVICE}},
    )
    provider.allow("SeeWhetherTheStackGoes", ["cloudformation:DescribeStacks"], [Aws.STACK_ID])
    provider.allow("DeleteTheirSnapshots", ["rds:DeleteDBClusterSnapshot"], [points[1]])
    acknowledge_pattern(
        provider.policy,
        *points,
        reason="Everything in the vault is to be deleted; the service makes up the ids.",
    )
    name = site.names.regional_name("empty-vault", "function")
    provider.allow(
        "CallItselfAgain", ["lambda:InvokeFunction"], [site.arn("lambda", f"function:{name}")]
    )
    emptied = provider.resource(
        "Empty",
        resource_type="EmptyVault",
        properties={
            "VaultName": vault_name(site),
            "PatienceSeconds": str(EMPTYING_SECONDS),
        },
    )
    resource = emptied.node.default_child
    assert isinstance(resource, CfnResource)
    resource.add_property_override("ServiceTimeout", str(EMPTYING_SECONDS + 60))
    emptied.node.add_dependency(*after)
    return emptied
