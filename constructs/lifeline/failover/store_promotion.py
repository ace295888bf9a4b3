"""What the recovery plan may do with the stores beside the database: cache, files, secrets."""

from __future__ import annotations

from lifeline.compliance.acknowledge import acknowledge_pattern
from lifeline.data.database_credentials import DatabaseCredentials
from lifeline.data.session_cache import cache_name
from lifeline.data.shared_files import SharedFiles
from lifeline.foundation.function import Function
from lifeline.site import Site


def allow_store_promotion(
    step: Function, *, site: Site, files: SharedFiles, credentials: DatabaseCredentials
) -> None:
    """Let the plan's steps look at each store of this region, and make it the one that is written."""
    peer = site.peer
    world = site.global_arn("elasticache", f"globalreplicationgroup:*-{cache_name(site)}")
    step.allow(
        "PromoteTheCache",
        [
            "elasticache:DescribeGlobalReplicationGroups",
            "elasticache:DescribeReplicationGroups",
            "elasticache:DisassociateGlobalReplicationGroup",
            "elasticache:FailoverGlobalReplicationGroup",
        ],
        [
            world,
            *(
                one.arn("elasticache", f"replicationgroup:{cache_name(one)}")
                for one in (site, peer)
            ),
        ],
    )
    everywhere = peer.arn("elasticfilesystem", "file-system/*")
    step.allow(
        "ReleaseTheFiles",
        [
            "elasticfilesystem:DeleteReplicationConfiguration",
            "elasticfilesystem:DescribeReplicationConfigurations",
            "elasticfilesystem:TagResource",
        ],
        [files.file_system_arn],
    )
    step.allow(
        "ReleaseTheFilesAtTheirSource",
        ["elasticfilesystem:DeleteReplicationConfiguration"],
        [everywhere],
        {"StringEquals": {"aws:ResourceTag/Environment": site.settings.environment_suffix}},
    )
    # Secrets Manager appends a hyphen and six characters of its own to the name.
    step.allow(
        "ReleaseTheSecret",
        ["secretsmanager:DescribeSecret", "secretsmanager:StopReplicationToReplica"],
        [site.arn("secretsmanager", f"secret:{credentials.secret_name}-??????")],
    )
    for resource, reason in (
        (world, "The service puts a prefix of its own before the name of the global group."),
        (
            everywhere,
            "The source's id is known to the recovery region only through its replication, at run "
            "time; the condition holds it to this environment's file systems.",
        ),
    ):
        acknowledge_pattern(step.policy, site, resource, reason=reason)
