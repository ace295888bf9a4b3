"""Replication of the shared files, from home to recovery, started once and never restarted by a deploy."""

from __future__ import annotations

from constructs import Construct

from lifeline.foundation.keys import Keys
from lifeline.foundation.provisioner import Provisioner
from lifeline.site import Site


class FileReplication(Construct):
    """Home's file system copied into the recovery region's; in the home region's Replication stack.

    The provider looks at both sides first. Where a replication exists, in either direction, where the
    destination was promoted (tagged so, or replicated once and released), or where the peer does not
    answer an update, it changes nothing and says so in its log and in `outcome`: a deploy after a
    failover can never overwrite the promoted side.
    Covers: a deploy at the wrong moment; a peer that is dead while this stack is updated. Does not cover:
    turning the replication round after a failover, which is the reprotect step's, nor the first deploy
    without the peer, which fails.
    Deleted first of all: a file system that is part of a replication cannot be deleted.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        source_id: str,
        destination_id: str,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        if not site.is_home:
            raise ValueError(
                f"Files replicate from home when they are created; {site.region.name} is the recovery "
                "region. Its direction is turned at run time."
            )
        provider = Provisioner(
            self,
            "Provider",
            site=site,
            package="file_replication",
            description="Starts the files' replication to the recovery region, unless it must not",
            keys=keys,
        )
        source = site.arn("elasticfilesystem", f"file-system/{source_id}")
        destination = site.peer.arn("elasticfilesystem", f"file-system/{destination_id}")
        provider.allow(
            "LookAtBothSides",
            [
                "elasticfilesystem:DescribeFileSystems",
                "elasticfilesystem:DescribeReplicationConfigurations",
            ],
            [source, destination],
        )
        provider.allow(
            "StartAndEndTheReplication",
            [
                "elasticfilesystem:CreateReplicationConfiguration",
                "elasticfilesystem:DeleteReplicationConfiguration",
                "elasticfilesystem:TagResource",
                "elasticfilesystem:UntagResource",
                "elasticfilesystem:UpdateFileSystemProtection",
            ],
            [source, destination],
        )
        provider.allow(
            "MakeTheServicesRole",
            ["iam:CreateServiceLinkedRole"],
            [
                site.global_arn(
                    "iam",
                    "role/aws-service-role/elasticfilesystem.amazonaws.com/"
                    "AWSServiceRoleForAmazonElasticFileSystem",
                )
            ],
            {"StringEquals": {"iam:AWSServiceName": "elasticfilesystem.amazonaws.com"}},
        )
        made = provider.resource(
            "Files",
            resource_type="FileReplication",
            properties={
                "SourceId": source_id,
                "SourceRegion": site.region.name,
                "DestinationId": destination_id,
                "DestinationRegion": site.peer.region.name,
            },
        )
        self.outcome = made.get_att_string("Outcome")
