"""What each call is made on: the ARNs that a caller's variables name, and the keys that encrypt them.

Targets follow from the variables and the physical names, never from a policy: else a policy that names
the wrong thing would prove itself.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lifeline.compliance.reach.world import ACCOUNT, ARN, STACK_UUID, Found, World
from lifeline.lambdas.contracts.archiver import RESTORED
from lifeline.lambdas.contracts.contract import RegionRole
from lifeline.lambdas.contracts.stream_bridge import REPAIR_GROUP

_TABLE = "dynamodb:{region}:{account}:table/"
_FILES = "elasticfilesystem:{region}:{account}:file-system/"
_CACHE = "elasticache:{region}:{account}:replicationgroup:{CACHE_GROUP}"
_CACHES = "elasticache::{account}:globalreplicationgroup:abcde-{CACHE_GROUP}"
_ADMIN = "secretsmanager:{region}:{account}:secret:{ADMIN_SECRET}-AbCdEf"
_CLUSTERS = "rds::{account}:global-cluster:{GLOBAL_CLUSTER}"
_BUCKET = "s3:::{EVIDENCE_BUCKET}"
_LOGS = "logs:{region}:{account}:log-group:{LOG_GROUP}:log-stream:a"
_IMAGE = "ecr:{region}:{account}:repository/{REPOSITORY}"
_STREAM = "kinesis:{region}:{account}:stream/{STREAM_NAME}"
_PARAMETER = "ssm:{region}:{account}:parameter"
EVERYTHING = "*"
"""The action takes no resource (Service Authorization Reference)."""

TARGETS: dict[str, tuple[str, ...]] = {
    "apigateway:PATCH": (
        "apigateway:{region}::/restapis/{ApiId}/resources/{ResourceIds}/methods/GET/integration",
    ),
    "backup:DescribeBackupVault": ("backup:{region}:{account}:backup-vault:{VaultName}",),
    "backup:ListRecoveryPointsByBackupVault": (
        "backup:{region}:{account}:backup-vault:{VaultName}",
    ),
    "backup:DeleteRecoveryPoint": (
        "backup:{region}:{account}:recovery-point:{VaultName}-point",
        "rds:{region}:{account}:cluster-snapshot:awsbackup:job-point",
    ),
    "cognito-idp:DescribeUserPoolClient": (
        "cognito-idp:{region}:{account}:userpool/{USER_POOL_ID}",
    ),
    "dynamodb": (
        _TABLE + "{RESULTS_TABLE}",
        _TABLE + "{REGION_STATE_TABLE}",
        _TABLE + "{COUNTS_TABLE}",
        _TABLE + "{CHECKPOINTS_TABLE}",
    ),
    "dynamodb:PutItem": (
        _TABLE + "{RESULTS_TABLE}",
        _TABLE + "{WRITTEN_STATE_TABLE}",
        _TABLE + "{COUNTS_TABLE}",
        _TABLE + "{CHECKPOINTS_TABLE}",
    ),
    "dynamodb witness": (_TABLE + "{LEASE_TABLE}",),
    "ecr:GetAuthorizationToken": (EVERYTHING,),
    "ecr": (_IMAGE,),
    "cloudformation:DescribeStacks": (
        f"cloudformation:{{region}}:{{account}}:stack/{{StackName}}/{STACK_UUID}",
    ),
    "ecs": ("ecs:{region}:{account}:service/{ECS_CLUSTER}/{APPLIER_SERVICE}",),
    "ec2": (EVERYTHING,),
    "ec2:RevokeSecurityGroupIngress": ("ec2:{region}:{account}:security-group/{GroupId}",),
    "ec2:RevokeSecurityGroupEgress": ("ec2:{region}:{account}:security-group/{GroupId}",),
    "elasticache": (
        _CACHE,
        "elasticache:{region}:{account}:replicationgroup:{Name}",
        "elasticache:{region}:{account}:replicationgroup:{ReplicationGroupId}",
    ),
    "elasticache:Connect": (_CACHE, "elasticache:{region}:{account}:user:{CACHE_USER}"),
    "elasticache:DescribeGlobalReplicationGroups": (_CACHES,),
    "elasticache:DisassociateGlobalReplicationGroup": (
        _CACHES,
        "elasticache::{account}:globalreplicationgroup:{GlobalGroup}",
    ),
    "elasticache:FailoverGlobalReplicationGroup": (_CACHES,),
    "elasticfilesystem": (_FILES + "{FILE_SYSTEM_ID}", _FILES + "{SourceId}"),
    "elasticfilesystem peer": (_FILES + "{DestinationId}", _FILES + "{AnyFileSystem}"),
    "kafka": ("{ClusterArn}",),
    "kafka:GetBootstrapBrokers": (EVERYTHING,),
    "kafka:ListClustersV2": (EVERYTHING,),
    "kinesis": (_STREAM, "kinesis:{region}:{account}:stream/{StreamName}"),
    "lambda": ("{FUNCTION_ARN}",),
    "logs": (_LOGS,),
    "rds:DescribeDBClusters": ("rds:{region}:{account}:cluster:{Name}",),
    "rds:DescribeGlobalClusters": (_CLUSTERS,),
    "rds:FailoverGlobalCluster": (_CLUSTERS, "{OWN_CLUSTER_ARN}"),
    "rds:RemoveFromGlobalCluster": (_CLUSTERS, "{OWN_CLUSTER_ARN}"),
    "rds-db:connect": ("rds-db:{region}:{account}:dbuser:{DATABASE_RESOURCE}/{DATABASE_USER}",),
    "s3:DeleteObject": ("s3:::{BucketName}/any",),
    "s3:GetBucketAcl": ("s3:::{TRAIL_BUCKET}",),
    "s3:GetObject": (
        _BUCKET + "/drills/a.json",
        _BUCKET + "/recover-e1-r1.json",
        "s3:::{ARCHIVE_BUCKET}/topics/any",
    ),
    "s3:RestoreObject": ("s3:::{ARCHIVE_BUCKET}/topics/any",),
    "s3:GetObjectVersionAcl": ("s3:::{Bucket}/any",),
    "s3:GetObjectVersionForReplication": ("s3:::{Bucket}/any",),
    "s3:GetObjectVersionTagging": ("s3:::{Bucket}/any",),
    "s3:GetReplicationConfiguration": ("s3:::{Bucket}",),
    "s3:ListBucket": (_BUCKET, "s3:::{Bucket}", "s3:::{ARCHIVE_BUCKET}"),
    "s3:ListBucketVersions": ("s3:::{BucketName}",),
    "s3:PutObject": (
        _BUCKET + "/recover-e1-r1.json",
        "s3:::{ARCHIVE_BUCKET}/topics/any",
        "s3:::{RECORDS}",
    ),
    "s3:PutReplicationConfiguration": ("s3:::{Bucket}",),
    "s3:ReplicateObject": ("s3:::{PeerBucket}/any",),
    "s3:ReplicateTags": ("s3:::{PeerBucket}/any",),
    "secretsmanager": (
        _ADMIN,
        "{SECRET_ARN}",
        "secretsmanager:{region}:{account}:secret:{CACHE_SECRET_NAME}-AbCdEf",
    ),
    "secretsmanager:GetRandomPassword": (EVERYTHING,),
    "sns": ("{PAGE_TOPIC_ARN}", "{TOPIC_ARN}"),
    "ssm": (_PARAMETER + "{CACHE_HOSTS_PARAMETER}", _PARAMETER + "{Parameter}"),
    "states:DescribeExecution": ("{EXECUTION_ARN}",),
    "states:StartExecution": ("{STATE_MACHINE_ARN}",),
}
"""By action, or by service for those of its actions that are not listed; behind `witness` or `peer` only
for calls to that region. A name in capitals is a variable of the caller's, any other a property of a
custom resource."""

QUESTIONS: dict[str, frozenset[str]] = {
    "ec2:DescribeVpcPeeringConnections": frozenset({"peering-id"}),
    "ec2:DescribeVpcs": frozenset({"peering-id"}),
    "ec2:DescribeVpcs peer": frozenset({"network-id"}),
    "elasticache:DescribeReplicationGroups peer": frozenset({"cache-global-id"}),
    "elasticfilesystem:DescribeFileSystems peer": frozenset({"file-system-id"}),
    "kafka:GetBootstrapBrokers peer": frozenset({"log-bootstrap"}),
    "rds:DescribeDBClusters peer": frozenset({"database-resource-id"}),
    "kafka:ListClustersV2 peer": frozenset(
        {"log-bootstrap", "log-cluster-arn", "log-groups", "log-subnets"}
    ),
}
"""The attributes for which a look-up in the other region makes the call (lambdas/peer_lookup)."""


@dataclass(frozen=True)
class KeyUse:
    """One use of a key that a call makes a service carry out in the caller's name."""

    action: str
    key: str
    service: str
    region: str


_ENCRYPT, _DECRYPT = "kms:GenerateDataKey", "kms:Decrypt"
KEY_ACTIONS: dict[str, tuple[str, ...]] = {
    "kinesis:GetRecords": (_DECRYPT,),
    "kinesis:PutRecord": (_ENCRYPT,),
    "kinesis:PutRecords": (_ENCRYPT,),
    "s3:GetObject": (_DECRYPT,),
    "s3:GetObjectVersionForReplication": (_DECRYPT,),
    "s3:PutObject": (_ENCRYPT,),
    "s3:ReplicateObject": ("kms:Encrypt",),
    "secretsmanager:GetSecretValue": (_DECRYPT,),
    "secretsmanager:PutSecretValue": (_ENCRYPT, _DECRYPT),
    "sns:Publish": (_ENCRYPT, _DECRYPT),
    "states:StartExecution": (_ENCRYPT, _DECRYPT),
}
"""What a call on something encrypted needs of its key. Sources, each service's guide: SNS "key management",
Kinesis "permissions to use user-generated KMS keys", S3 "SSE-KMS permissions", Secrets Manager "secret
encryption and decryption"."""


def variables_of(world: World, given: Mapping[str, str]) -> dict[str, str]:
    """A caller's variables with what follows from them: the database's id, an execution's ARN."""
    found = dict(given)
    database = world.by_token(given.get("DATABASE_HOST", "").partition(",")[0])
    if database is not None and given.get("DATABASE_AUTH") == "iam":
        found["DATABASE_RESOURCE"] = f"{database.token}.DBClusterResourceId"
    if given.get("Attribute") == "file-system-id":
        found["AnyFileSystem"] = "any"
    for one in world.of_type("AWS::ElastiCache::ReplicationGroup"):
        named = one.properties.get("GlobalReplicationGroupId")
        if named and one.properties.get("ReplicationGroupId") == given.get(
            "ReplicationGroupId", ""
        ):
            found["GlobalGroup"] = str(named)
    if not given.get("CHECKPOINTS_TABLE"):
        # Who keeps checkpoints, the query API, puts them alone and only reads the region's state.
        found["WRITTEN_STATE_TABLE"] = given.get("REGION_STATE_TABLE", "")
    machine = given.get("STATE_MACHINE_ARN", "")
    if machine:
        found["EXECUTION_ARN"] = machine.replace(":stateMachine:", ":execution:") + ":recover-e1-r1"
    return {key: value for key, value in found.items() if value}


def targets(
    action: str, where: RegionRole, region: str, given: Mapping[str, str]
) -> list[str] | None:
    """The ARNs that `action` is called on. None: no rule says so; empty: the caller does not call it."""
    there = action if where is RegionRole.OWN else f"{action} {where}"
    if "Attribute" in given and given["Attribute"] not in QUESTIONS.get(there, given["Attribute"]):
        return []
    service = action.partition(":")[0]
    every = (f"{service} {where}", action, service)
    shapes = next((TARGETS[one] for one in every if one in TARGETS), None)
    if shapes is None:
        return None
    values = {**given, "region": region, "account": ACCOUNT}
    return [
        _arn(shape.format(**values))
        for shape in shapes
        if {name for _, name, _, _ in string.Formatter().parse(shape) if name} <= set(values)
    ]


def _arn(text: str) -> str:
    return text if text == EVERYTHING or text.startswith("arn:") else f"{ARN}{text}"


def key_uses(world: World, action: str, target: str) -> Iterator[KeyUse]:
    """What the call needs of the key of its target; nothing where the target has no key of ours."""
    resource = world.by_arn(_bare(target))
    if resource is None or action not in KEY_ACTIONS:
        return
    key = key_of(world, resource)
    if key:
        service = action.partition(":")[0]
        for one in KEY_ACTIONS[action]:
            yield KeyUse(one, key, service, resource.region)
        if action == "s3:ReplicateObject" and _has_a_bucket_key(resource):
            # S3 opens the target's bucket key first (S3's guide, "Replicating encrypted objects"; N6).
            yield KeyUse(_DECRYPT, key, service, resource.region)


def _has_a_bucket_key(bucket: Found) -> bool:
    rules = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return any(one.get("BucketKeyEnabled") is True for one in rules)


def aliases_of(world: World, key: str) -> tuple[str, ...]:
    """The aliases that a key has, as a condition reads them."""
    region = key.split(":")[3] if key.startswith("arn:") else None
    return tuple(
        str(one.properties["AliasName"])
        for one in world.of_type("AWS::KMS::Alias", region=region)
        if key_named(world, str(one.properties["TargetKeyId"]), one.region) == key
    )


def _bare(target: str) -> str:
    """An object's ARN becomes its bucket's."""
    return target.partition("/")[0] if target.startswith(f"{ARN}s3:::") else target


def key_of(world: World, resource: Found) -> str:
    """The ARN of the customer's key that encrypts a resource; empty for none."""
    given = resource.properties
    if resource.type == "AWS::S3::Bucket":
        rules = given.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
        named = [
            one.get("ServerSideEncryptionByDefault", {}).get("KMSMasterKeyID") for one in rules
        ]
        return key_named(world, next((str(one) for one in named if one), ""), resource.region)
    if resource.type == "AWS::Kinesis::Stream":
        return key_named(world, given.get("StreamEncryption", {}).get("KeyId", ""), resource.region)
    if resource.type == "AWS::StepFunctions::StateMachine":
        return key_named(
            world, given.get("EncryptionConfiguration", {}).get("KmsKeyId", ""), resource.region
        )
    name = {"AWS::SNS::Topic": "KmsMasterKeyId", "AWS::SQS::Queue": "KmsMasterKeyId"}
    return key_named(world, given.get(name.get(resource.type, "KmsKeyId"), ""), resource.region)


def key_named(world: World, named: str, region: str) -> str:
    """A key's ARN from its ARN, its id or its alias."""
    if not named:
        return ""
    if ":alias/" in named or named.startswith("alias/"):
        region = named.split(":")[3] if named.startswith("arn:") else region
        alias = f"alias/{named.rpartition('alias/')[2]}"
        for one in world.of_type("AWS::KMS::Alias", region=region):
            if one.properties["AliasName"] == alias:
                named = str(one.properties["TargetKeyId"])
    if named.startswith("arn:"):
        return named
    found = world.by_token(named)
    return world.arn(found.place) if found else named


# Who reads and writes what in the log?

_CONNECT = ("kafka-cluster:Connect",)
_READ_TOPIC = ("kafka-cluster:DescribeTopic", "kafka-cluster:ReadData")
_WRITE_TOPIC = ("kafka-cluster:DescribeTopic", "kafka-cluster:WriteData")
_GROUP = ("kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup")
WATERMARK, REJECTED = "system.watermark", "error.dlq"


def log_rights(
    reader: str, cluster: str, given: Mapping[str, str], *, peer: bool
) -> list[tuple[str, str]]:
    """(action, ARN) that the brokers of `cluster` ask of `reader` (MSK's guide, "IAM access control").

    Idempotent producers need `WriteDataIdempotently` on the cluster.
    """
    listed = sorted(json.loads(given["KAFKA_PARTITIONS"])) if "KAFKA_PARTITIONS" in given else []
    copied = [one for one in given.get("TOPICS", "").split(",") if one]
    suffix = given.get("SUFFIX", "")
    read: Iterable[str] = ()
    write: Iterable[str] = ()
    group = ""
    if reader == "stream_bridge":
        read, write, group = listed, listed, REPAIR_GROUP
    elif reader == "event_applier apply":
        read, write, group = listed, [REJECTED], f"apply-{suffix}"
    elif reader == "query_api":
        read, write, group = [*listed, WATERMARK], [WATERMARK], f"watermark-{suffix}"
    elif reader == "archiver archive":
        read, group = listed, f"archive-{suffix}"
    elif reader == "archiver task":
        restored = [f"{RESTORED}{one}" for one in listed]
        read, write, group = restored, restored, f"archive-{suffix}"
    elif reader == "replicator":
        read, write = (copied, []) if peer else ([], copied)
    found = [(action, cluster) for action in _CONNECT]
    found += [(action, _below(cluster, "topic", one)) for one in read for action in _READ_TOPIC]
    found += [(action, _below(cluster, "topic", one)) for one in write for action in _WRITE_TOPIC]
    if write:
        found.append(("kafka-cluster:WriteDataIdempotently", cluster))
    if group:
        found += [(action, _below(cluster, "group", group)) for action in _GROUP]
    return list(dict.fromkeys(found))


def _below(cluster: str, kind: str, name: str) -> str:
    return f"{cluster.replace(':cluster/', f':{kind}/')}/{name}"
