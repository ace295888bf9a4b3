"""What the recovery plan may do with the stores beside the database: cache, files, secrets."""

from __future__ import annotations

from lifeline.compliance.acknowledge import acknowledge_pattern
from lifeline.data.session_cache import cache_name
from lifeline.failover.region_parts import RegionStores
from lifeline.foundation.function import Function
from lifeline.site import Site


def allow_store_promotion(step: Function, *, site: Site, stores: RegionStores) -> None:
    """Let the plan's steps look at each store of this region, and make it the one that is written.

    A store that is not there brings no permission.
    """
    if stores.cache_group:
        _allow_cache(step, site, stores.cache_group)
    if stores.file_system_id:
        _allow_files(step, site, stores.file_system_id)
    if stores.admin_secret:
        # Secrets Manager appends a hyphen and six characters of its own to the name.
        step.allow(
            "ReleaseTheSecret",
            ["secretsmanager:DescribeSecret", "secretsmanager:StopReplicationToReplica"],
            [site.arn("secretsmanager", f"secret:{stores.admin_secret}-??????")],
        )


def _allow_cache(step: Function, site: Site, group: str) -> None:
    global_group = site.global_arn("elasticache", f"globalreplicationgroup:*-{group}")
    step.allow(
        "PromoteTheCache",
        [
            "elasticache:DescribeGlobalReplicationGroups",
            "elasticache:DescribeReplicationGroups",
            "elasticache:DisassociateGlobalReplicationGroup",
            "elasticache:FailoverGlobalReplicationGroup",
        ],
        [
            global_group,
            site.arn("elasticache", f"replicationgroup:{group}"),
            site.peer.arn("elasticache", f"replicationgroup:{cache_name(site.peer)}"),
        ],
    )
    acknowledge_pattern(
        step.policy,
        global_group,
        reason="The service puts a prefix of its own before the name of the global group.",
    )


def _allow_files(step: Function, site: Site, file_system_id: str) -> None:
    step.allow(
        "ReleaseTheFiles",
        [
            "elasticfilesystem:DeleteReplicationConfiguration",
            "elasticfilesystem:DescribeReplicationConfigurations",
            "elasticfilesystem:TagResource",
        ],
        [site.arn("elasticfilesystem", f"file-system/{file_system_id}")],
    )
    everywhere = site.peer.arn("elasticfilesystem", "file-system/*")
    step.allow(
        "ReleaseTheFilesAtTheirSource",
        ["elasticfilesystem:DeleteReplicationConfiguration"],
        [everywhere],
    )
    acknowledge_pattern(
        step.policy,
        everywhere,
        reason="The source's id is known only through its replication, at run time, and a tag of it "
        "could not be read while its region is lost. The action ends a replication and deletes no file.",
    )
