"""AWS's own metrics that alarms stand on: name and dimensions as AWS documents them, and where.

No emulator tells these, so no fault can set their alarms off here; a wrong name would be an alarm that is
silent for ever, or never. `DIRECTORY` rows are compared with AWS's metric directory as aws-cdk-lib ships it.
"""

from __future__ import annotations

from dataclasses import dataclass

DIRECTORY = "aws-cdk-lib, canned metrics of the service (generated from AWS's metric directory)"
MSK = "Amazon MSK Developer Guide, Amazon MSK metrics for monitoring with CloudWatch, DEFAULT level"
EFS = "Amazon EFS User Guide, CloudWatch metrics for Amazon EFS"
INSIGHTS = "Amazon CloudWatch User Guide, Amazon ECS Container Insights metrics"
AURORA = (
    "Amazon Aurora User Guide, Amazon CloudWatch metrics for Amazon Aurora, cluster-level metrics"
)
NOT_CONFIRMED = "not confirmed: "
"""The name is AWS's; that it is published with these dimensions was read in no document of AWS's."""
S3 = "Amazon S3 User Guide, Using S3 Replication metrics; Metrics and dimensions"
CACHE = "ElastiCache User Guide, Metrics for Valkey and Redis OSS, names the metric"
BACKUP = "others' templates use it so"
BACKUPS = (
    "AWS Backup Developer Guide, AWS Backup metrics with CloudWatch (resource type, vault name); Amazon "
    "CloudWatch User Guide, metrics that OpenTelemetry enrichment supports (the dimension sets)"
)


@dataclass(frozen=True)
class AwsMetric:
    """One metric with one set of dimensions."""

    namespace: str
    name: str
    dimensions: frozenset[str]
    source: str


def _rows(namespace: str, dimensions: str, source: str, *names: str) -> list[AwsMetric]:
    return [AwsMetric(namespace, one, frozenset(dimensions.split("+")), source) for one in names]


DOCUMENTED = (
    *_rows("AWS/ApiGateway", "ApiName+Stage", DIRECTORY, "5XXError", "Count", "Latency"),
    *_rows(
        "AWS/Kinesis", "StreamName", DIRECTORY, "GetRecords.IteratorAgeMilliseconds",
        "IncomingRecords", "WriteProvisionedThroughputExceeded",
    ),
    *_rows(
        "AWS/Lambda", "FunctionName", DIRECTORY, "Errors", "Invocations", "IteratorAge", "Throttles",
    ),
    *_rows(
        "AWS/States", "StateMachineArn", DIRECTORY, "ExecutionsAborted", "ExecutionsFailed",
        "ExecutionsTimedOut",
    ),
    *_rows("AWS/ECS", "ClusterName+ServiceName", DIRECTORY, "CPUUtilization"),
    *_rows("AWS/RDS", "DBClusterIdentifier", DIRECTORY, "CPUUtilization", "DatabaseConnections"),
    *_rows("AWS/EFS", "FileSystemId", DIRECTORY, "PercentIOLimit"),
    *_rows("AWS/ElastiCache", "CacheClusterId", DIRECTORY, "EngineCPUUtilization"),
    *_rows(
        "AWS/RDS", "DBClusterIdentifier", AURORA, "AuroraGlobalDBRPOLag",
        "ServerlessDatabaseCapacity",
    ),
    *_rows("AWS/Kafka", "Cluster Name", MSK, "OfflinePartitionsCount"),
    *_rows(
        "AWS/Kafka", "Cluster Name+Broker ID", MSK, "CpuIdle", "KafkaDataLogsDiskUsed",
        "UnderReplicatedPartitions",
    ),
    *_rows("AWS/EFS", "FileSystemId+DestinationFileSystemId", EFS, "TimeSinceLastSync"),
    *_rows("ECS/ContainerInsights", "ClusterName+ServiceName", INSIGHTS, "RunningTaskCount"),
    *_rows(
        "AWS/ElastiCache", "CacheClusterId", NOT_CONFIRMED + CACHE,
        "DatabaseMemoryUsageCountedForEvictPercentage", "GlobalDatastoreReplicationLag",
    ),
    *_rows(
        "AWS/S3", "SourceBucket+DestinationBucket+RuleId", S3, "OperationsFailedReplication",
        "ReplicationLatency",
    ),
    *_rows("AWS/Backup", "BackupVaultName+ResourceType", BACKUPS, "NumberOfBackupJobsCompleted"),
    *_rows(
        "AWS/Backup", "BackupVaultName", NOT_CONFIRMED + BACKUP, "NumberOfBackupJobsFailed",
    ),
)  # fmt: skip
