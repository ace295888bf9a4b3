"""For each row of the table a deployment that AWS refuses, and the nearest one that it takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lab.refusals import Surroundings

Template = dict[str, Any]
HOME, AWAY = "ca-central-1", "ca-west-1"


@dataclass(frozen=True)
class Deployment:
    """A template for a region; `before`: what is deployed."""

    template: Template
    before: Template | None = None
    around: Surroundings = field(default_factory=Surroundings)
    region: str = HOME


def stack(**resources: tuple[str, dict[str, Any]]) -> Template:
    """A template with these resources: id=(type, properties)."""
    return {"Resources": {name: {"Type": t, "Properties": p} for name, (t, p) in resources.items()}}


def it(resource_type: str, **properties: Any) -> Deployment:
    """One resource."""
    return Deployment(stack(It=(resource_type, properties)))


def change(resource_type: str, name: str, before: Any, now: Any) -> Deployment:
    """One resource whose one property changes; `A.B` is B in A."""
    return Deployment(
        stack(It=(resource_type, _nested(name, now))),
        stack(It=(resource_type, _nested(name, before))),
    )


def _nested(name: str, value: Any) -> dict[str, Any]:
    for part in reversed(name.split(".")):
        value = {part: value} if value is not None else {}
    return dict(value)


def gone(resource_type: str, around: Surroundings | None = None, **properties: Any) -> Deployment:
    """One resource that is deleted with its stack."""
    return Deployment({}, stack(It=(resource_type, properties)), around or Surroundings())


def beside(region: str, **resources: tuple[str, dict[str, Any]]) -> Surroundings:
    """Another stack of the environment."""
    return Surroundings(other_stacks=((region, stack(**resources)),))


REF = {"Ref": "Other"}
CACHE, WORLD = "AWS::ElastiCache::ReplicationGroup", "AWS::ElastiCache::GlobalReplicationGroup"
CLUSTER, INSTANCE, GLOBAL = (f"AWS::RDS::{n}" for n in ("DBCluster", "DBInstance", "GlobalCluster"))
STREAM, KAFKA, TOPIC = "AWS::Kinesis::Stream", "AWS::MSK::Cluster", "AWS::MSK::Topic"
FUNCTION, QUEUE, MAPPING = (
    "AWS::Lambda::Function", "AWS::SQS::Queue", "AWS::Lambda::EventSourceMapping"
)  # fmt: skip
MACHINE, RULE, TASK = (
    "AWS::StepFunctions::StateMachine", "AWS::Events::Rule", "AWS::ECS::TaskDefinition"
)  # fmt: skip
API, STAGE, METHOD, DEPLOYMENT, ACCOUNT, DOMAIN = (
    f"AWS::ApiGateway::{n}"
    for n in ("RestApi", "Stage", "Method", "Deployment", "Account", "DomainName")
)
BALANCER, TARGETS, LISTENER = (
    f"AWS::ElasticLoadBalancingV2::{n}" for n in ("LoadBalancer", "TargetGroup", "Listener")
)
CLIENT, ACL_LOG = "AWS::Cognito::UserPoolClient", "AWS::WAFv2::LoggingConfiguration"
KEY, ALIAS, SECRET, ROTATION, POLICY = (
    "AWS::KMS::Key", "AWS::KMS::Alias", "AWS::SecretsManager::Secret",
    "AWS::SecretsManager::RotationSchedule", "AWS::IAM::ManagedPolicy",
)  # fmt: skip
BUCKET, TABLE, FILES, PLAN = (
    "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::EFS::FileSystem", "AWS::Backup::BackupPlan"
)  # fmt: skip
VPC, SUBNET, ENDPOINT, PEERING = (
    f"AWS::EC2::{n}" for n in ("VPC", "Subnet", "VPCEndpoint", "VPCPeeringConnection")
)
ALARM, LOG_GROUP = "AWS::CloudWatch::Alarm", "AWS::Logs::LogGroup"

MEMBER: dict[str, Any] = {"GlobalReplicationGroupId": "ldgnf-cache", "ReplicationGroupId": "cache"}
HOME_WORLD = beside(HOME, World=(GLOBAL, {"GlobalClusterIdentifier": "world"}))


def secondary(**properties: Any) -> Deployment:
    """A cluster in the global cluster that the home region's template makes."""
    known = {"GlobalClusterIdentifier": "world", **properties}
    return Deployment(stack(It=(CLUSTER, known)), around=HOME_WORLD, region=AWAY)


def in_a_datastore(node_type: str) -> Deployment:
    """The cache that a global datastore is made from."""
    members = [{"ReplicationGroupId": {"Ref": "It"}, "Role": "PRIMARY"}]
    return Deployment(
        stack(It=(CACHE, {"CacheNodeType": node_type}), W=(WORLD, {"Members": members}))
    )


def serverless(**cluster: Any) -> Deployment:
    """An instance in its cluster."""
    known = {"DBInstanceClass": "db.serverless", "DBClusterIdentifier": REF}
    return Deployment(stack(It=(INSTANCE, known), Other=(CLUSTER, cluster)))


def links(**broker_group: Any) -> dict[str, Any]:
    """A cluster with private links by IAM."""
    on = {"ClientAuthentication": {"Sasl": {"Iam": {"Enabled": True}}}}
    group = {"ConnectivityInfo": {"VpcConnectivity": on}, **broker_group}
    return {"BrokerNodeGroupInfo": group}


def brokers(number: int) -> Deployment:
    """Brokers in three subnets."""
    subnets = {"ClientSubnets": [{"Ref": "A"}, {"Ref": "B"}, {"Ref": "C"}]}
    return it(KAFKA, NumberOfBrokerNodes=number, BrokerNodeGroupInfo=subnets)


def reserving(number: int) -> Deployment:
    """A function in a region where another stack reserves 100 of 1,000 executions."""
    around = Surroundings(
        other_stacks=((HOME, stack(B=(FUNCTION, {"ReservedConcurrentExecutions": 100}))),),
        lambda_concurrency=1_000,
    )
    return Deployment(stack(It=(FUNCTION, {"ReservedConcurrentExecutions": number})), around=around)


def read_queue(seconds: int) -> Deployment:
    """A queue read by a function that runs for a minute."""
    reads = {"EventSourceArn": {"Fn::GetAtt": ["It", "Arn"]}, "FunctionName": {"Ref": "F"}}
    return Deployment(
        stack(
            It=(QUEUE, {"VisibilityTimeout": seconds}), M=(MAPPING, reads),
            F=(FUNCTION, {"Timeout": 60}),
        )
    )  # fmt: skip


def task(cpu: str, memory: str, mode: str = "awsvpc") -> Deployment:
    """A task on Fargate."""
    return it(TASK, RequiresCompatibilities=["FARGATE"], Cpu=cpu, Memory=memory, NetworkMode=mode)


def logging_stage(*, role: bool) -> Deployment:
    """A stage with an execution log."""
    settings = [{"LoggingLevel": "ERROR", "HttpMethod": "*", "ResourcePath": "/*"}]
    around = Surroundings(account_log_role=role)
    return Deployment(stack(It=(STAGE, {"MethodSettings": settings})), around=around)


def deployed_api(**more: tuple[str, dict[str, Any]]) -> Deployment:
    """A deployment of an API."""
    return Deployment(stack(Other=(API, {}), It=(DEPLOYMENT, {"RestApiId": REF}), **more))


def listener(kind: str, **properties: Any) -> Deployment:
    """A listener of a load balancer."""
    return Deployment(
        stack(
            Other=(BALANCER, {"Type": kind}), It=(LISTENER, {"LoadBalancerArn": REF, **properties})
        )
    )


def key_policy(action: str, principal: Any) -> Deployment:
    """A key whose policy has one statement."""
    statement = {"Effect": "Allow", "Action": action, "Principal": principal, "Resource": "*"}
    return it(KEY, KeyPolicy={"Statement": [statement]})


ROOT = {"AWS": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::1:root"]]}}
REPLICA = {"Name": "admin", "ReplicaRegions": [{"Region": AWAY}]}


def replicated_secret(there: str) -> Deployment:
    """A secret with a replica in a region where another secret stands."""
    around = beside(AWAY, S=(SECRET, {"Name": there}))
    return Deployment(stack(It=(SECRET, REPLICA)), around=around)


def lifecycle(**rule: Any) -> Deployment:
    """A bucket with one rule."""
    return it(BUCKET, LifecycleConfiguration={"Rules": [{"Status": "Enabled", **rule}]})


def moved(storage_class: str, days: int) -> list[dict[str, Any]]:
    """One transition."""
    return [{"StorageClass": storage_class, "TransitionInDays": days}]


def table(*attributes: str) -> Deployment:
    """A table with the key `id`."""
    return it(
        TABLE,
        AttributeDefinitions=[{"AttributeName": one, "AttributeType": "S"} for one in attributes],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )


def indexes(*names: str) -> list[dict[str, Any]]:
    """Global secondary indexes."""
    return [{"IndexName": name, "KeySchema": []} for name in names]


def backup(ends: int) -> Deployment:
    """A plan whose backups are cold after a month."""
    life = {"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": ends}
    return it(PLAN, BackupPlan={"BackupPlanRule": [{"RuleName": "daily", "Lifecycle": life}]})


def subnet(*blocks: str) -> Deployment:
    """Subnets of a network."""
    made = {
        f"S{number}": (SUBNET, {"VpcId": REF, "CidrBlock": block})
        for number, block in enumerate(blocks)
    }
    return Deployment(stack(Other=(VPC, {"CidrBlock": "10.20.0.0/16"}), **made))


def peered(block: str) -> Deployment:
    """Two networks that are joined."""
    around = Surroundings(
        other_stacks=(
            (HOME, stack(V=(VPC, {"CidrBlock": "10.20.0.0/16"}))),
            (AWAY, stack(V=(VPC, {"CidrBlock": block}))),
        )
    )
    return Deployment(stack(It=(PEERING, {"PeerRegion": AWAY})), around=around)


def private_names(**network: Any) -> Deployment:
    """An interface endpoint with private names."""
    own = {"VpcId": REF, "PrivateDnsEnabled": True, "VpcEndpointType": "Interface"}
    return Deployment(stack(Other=(VPC, network), It=(ENDPOINT, own)))


def encrypted_group(service: str) -> Deployment:
    """A log group and its key."""
    statement = {"Effect": "Allow", "Action": "kms:*", "Principal": {"Service": service}}
    policy = {"Statement": [statement]}
    return Deployment(
        stack(
            Other=(KEY, {"KeyPolicy": policy}),
            It=(LOG_GROUP, {"KmsKeyId": {"Fn::GetAtt": ["Other", "Arn"]}}),
        )
    )


ACL = "arn:aws:logs:ca-central-1:1:log-group:"
STATEMENT = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "a" * 100}
EXAMPLES: dict[str, tuple[Deployment, Deployment]] = {
    "cache-member-automatic-failover": (
        it(CACHE, **MEMBER, AutomaticFailoverEnabled=True),
        it(CACHE, ReplicationGroupId="cache", AutomaticFailoverEnabled=True),
    ),
    "cache-member-nodes": (
        it(CACHE, **MEMBER, CacheNodeType="cache.r7g.large"), it(CACHE, **MEMBER, NumCacheClusters=2)
    ),
    "cache-member-engine": (it(CACHE, **MEMBER, Engine="valkey"), it(CACHE, Engine="valkey")),
    "cache-member-encryption": (
        it(CACHE, **MEMBER, AtRestEncryptionEnabled=True), it(CACHE, **MEMBER, KmsKeyId="k")
    ),
    "cache-datastore-node-type": (
        in_a_datastore("cache.t4g.medium"), in_a_datastore("cache.m6g.large")
    ),
    "cache-failover-without-replica": (
        it(CACHE, AutomaticFailoverEnabled=True, NumCacheClusters=1),
        it(CACHE, AutomaticFailoverEnabled=True, NumCacheClusters=2),
    ),
    "cache-too-many-nodes": (it(CACHE, NumCacheClusters=7), it(CACHE, NumCacheClusters=6)),
    "cache-user-with-iam-by-another-name": (
        it("AWS::ElastiCache::User", AuthenticationMode={"Type": "iam"}, UserId="a", UserName="b"),
        it("AWS::ElastiCache::User", AuthenticationMode={"Type": "iam"}, UserId="a", UserName="a"),
    ),
    "cache-datastore-deleted-with-members": (
        gone(WORLD, beside(AWAY, C=(CACHE, MEMBER)), GlobalReplicationGroupIdSuffix="cache"),
        gone(WORLD, beside(AWAY, C=(CACHE, {})), GlobalReplicationGroupIdSuffix="cache"),
    ),
    "secondary-cluster-with-a-master-user": (secondary(MasterUsername="admin"), secondary()),
    "secondary-cluster-with-a-database": (secondary(DatabaseName="d"), secondary()),
    "encrypted-secondary-without-a-key": (
        secondary(StorageEncrypted=True), secondary(StorageEncrypted=True, KmsKeyId="k")
    ),
    "managed-password-in-a-global-cluster": (
        it(CLUSTER, GlobalClusterIdentifier="w", ManageMasterUserPassword=True),
        it(CLUSTER, ManageMasterUserPassword=True),
    ),
    "managed-password-beside-a-password": (
        it(CLUSTER, ManageMasterUserPassword=True, MasterUserPassword="p"),
        it(CLUSTER, ManageMasterUserPassword=False, MasterUserPassword="p"),
    ),
    "global-cluster-with-source-and-engine": (
        it(GLOBAL, SourceDBClusterIdentifier="a", Engine="aurora-postgresql"),
        it(GLOBAL, SourceDBClusterIdentifier="a"),
    ),
    "database-capacity-range": (
        it(CLUSTER, ServerlessV2ScalingConfiguration={"MinCapacity": 2.25, "MaxCapacity": 9}),
        it(CLUSTER, ServerlessV2ScalingConfiguration={"MinCapacity": 2.5, "MaxCapacity": 9}),
    ),
    "serverless-instance-without-a-range": (
        serverless(), serverless(ServerlessV2ScalingConfiguration={"MinCapacity": 1})
    ),
    "database-identifier": (
        it(CLUSTER, DBClusterIdentifier="a--b"), it(CLUSTER, DBClusterIdentifier="a-b")
    ),
    "database-backup-days": (
        it(CLUSTER, BackupRetentionPeriod=36), it(CLUSTER, BackupRetentionPeriod=35)
    ),
    "database-windows-overlap": (
        it(CLUSTER, PreferredBackupWindow="05:00-06:00",
           PreferredMaintenanceWindow="sun:05:30-sun:06:00"),
        it(CLUSTER, PreferredBackupWindow="05:00-05:30",
           PreferredMaintenanceWindow="sun:05:30-sun:06:00"),
    ),
    "database-monitoring-without-a-role": (
        it(INSTANCE, MonitoringInterval=30), it(INSTANCE, MonitoringInterval=30, MonitoringRoleArn=REF)
    ),
    "database-monitoring-interval": (
        it(INSTANCE, MonitoringInterval=20), it(INSTANCE, MonitoringInterval=30)
    ),
    "database-insights-days": (
        it(INSTANCE, PerformanceInsightsRetentionPeriod=94),
        it(INSTANCE, PerformanceInsightsRetentionPeriod=93),
    ),
    "protected-database-deleted": (
        gone(CLUSTER, DeletionProtection=True), gone(CLUSTER, DeletionProtection=False)
    ),
    "global-cluster-deleted-with-members": (
        gone(GLOBAL, beside(AWAY, C=(CLUSTER, {"GlobalClusterIdentifier": "w"})),
             GlobalClusterIdentifier="w"),
        gone(GLOBAL, beside(AWAY, C=(CLUSTER, {"GlobalClusterIdentifier": "v"})),
             GlobalClusterIdentifier="w"),
    ),
    "shards-more-than-doubled": (change(STREAM, "ShardCount", 4, 9), change(STREAM, "ShardCount", 4, 8)),
    "shards-less-than-halved": (change(STREAM, "ShardCount", 8, 3), change(STREAM, "ShardCount", 8, 4)),
    "provisioned-stream-without-shards": (
        it(STREAM, StreamModeDetails={"StreamMode": "PROVISIONED"}),
        it(STREAM, StreamModeDetails={"StreamMode": "PROVISIONED"}, ShardCount=1),
    ),
    "provisioned-stream-that-spreads-by-itself": (
        it(
            STREAM,
            StreamModeDetails={"StreamMode": "PROVISIONED"},
            RecordDistributionStrategy="USER_PARTITION_KEY",
        ),
        it(STREAM, StreamModeDetails={"StreamMode": "ON_DEMAND"}, RecordDistributionStrategy="AUTO"),
    ),
    "stream-encryption-without-a-key": (
        it(STREAM, StreamEncryption={"EncryptionType": "KMS"}),
        it(STREAM, StreamEncryption={"EncryptionType": "KMS", "KeyId": REF}),
    ),
    "partitions-lowered": (change(TOPIC, "PartitionCount", 6, 5), change(TOPIC, "PartitionCount", 6, 6)),
    "partitions-changed": (change(TOPIC, "PartitionCount", 6, 12), change(TOPIC, "PartitionCount", 6, 6)),
    "brokers-not-spread-evenly": (brokers(4), brokers(6)),
    "broker-volume-shrunk": (
        change(KAFKA, "BrokerNodeGroupInfo.StorageInfo.EBSStorageInfo.VolumeSize", 200, 100),
        change(KAFKA, "BrokerNodeGroupInfo.StorageInfo.EBSStorageInfo.VolumeSize", 100, 200),
    ),
    "private-links-at-creation": (
        it(KAFKA, **links()), Deployment(stack(It=(KAFKA, links())), stack(It=(KAFKA, {})))
    ),
    "private-links-on-a-small-broker": (
        it(KAFKA, **links(InstanceType="kafka.t3.small")), it(KAFKA, **links(InstanceType="kafka.m5.large"))
    ),
    "kafka-downgraded": (
        change(KAFKA, "KafkaVersion", "3.10.0", "3.9.0"), change(KAFKA, "KafkaVersion", "3.9.0", "3.10.0")
    ),
    "more-reserved-concurrency-than-the-quota": (reserving(801), reserving(800)),
    "function-with-too-many-layers": (
        it(FUNCTION, Layers=[REF] * 6), it(FUNCTION, Layers=[REF] * 5)
    ),
    "function-with-too-great-an-environment": (
        it(FUNCTION, Environment={"Variables": {"A": "a" * 4_096}}),
        it(FUNCTION, Environment={"Variables": {"A": "a" * 4_095}}),
    ),
    "function-with-a-reserved-variable": (
        it(FUNCTION, Environment={"Variables": {"AWS_REGION": "x"}}),
        it(FUNCTION, Environment={"Variables": {"HOME_REGION": "x"}}),
    ),
    "system-log-level-of-a-text-log": (
        it(FUNCTION, LoggingConfig={"SystemLogLevel": "WARN"}),
        it(FUNCTION, LoggingConfig={"SystemLogLevel": "WARN", "LogFormat": "JSON"}),
    ),
    "queue-that-hides-more-briefly-than-its-function-runs": (read_queue(59), read_queue(60)),
    "fifo-queue-by-another-name": (
        it(QUEUE, FifoQueue=True, QueueName="q"), it(QUEUE, FifoQueue=True, QueueName="q.fifo")
    ),
    "state-machine-that-logs-nowhere": (
        it(MACHINE, LoggingConfiguration={"Level": "ALL"}), it(MACHINE, LoggingConfiguration={"Level": "OFF"})
    ),
    "rule-that-nothing-starts": (it(RULE, Name="r"), it(RULE, ScheduleExpression="rate(1 minute)")),
    "rule-with-too-many-targets": (it(RULE, Targets=[{}] * 6), it(RULE, Targets=[{}] * 5)),
    "fargate-task-of-no-size": (task("512", "512"), task("512", "1024")),
    "fargate-task-in-another-network-mode": (
        task("256", "512", "bridge"), task("256", "512")
    ),
    "stage-that-logs-without-the-accounts-role": (
        logging_stage(role=False), logging_stage(role=True)
    ),
    "deployment-without-methods": (
        deployed_api(), deployed_api(M=(METHOD, {"RestApiId": REF}))
    ),
    "security-policy-without-access-mode": (
        it(DOMAIN, SecurityPolicy="SecurityPolicy_TLS13_1_3_2025_09"),
        it(DOMAIN, SecurityPolicy="SecurityPolicy_TLS13_1_3_2025_09", EndpointAccessMode="BASIC"),
    ),
    "access-mode-without-security-policy": (
        it(DOMAIN, SecurityPolicy="TLS_1_2", EndpointAccessMode="STRICT"),
        it(DOMAIN, SecurityPolicy="TLS_1_2"),
    ),
    "protected-balancer-deleted": (
        gone(BALANCER, LoadBalancerAttributes=[{"Key": "deletion_protection.enabled", "Value": "true"}]),
        gone(BALANCER, LoadBalancerAttributes=[{"Key": "deletion_protection.enabled", "Value": "false"}]),
    ),
    "protected-user-pool-deleted": (
        gone("AWS::Cognito::UserPool", DeletionProtection="ACTIVE"),
        gone("AWS::Cognito::UserPool", DeletionProtection="INACTIVE"),
    ),
    "load-balancer-name": (it(BALANCER, Name="a" * 33), it(BALANCER, Name="a" * 32)),
    "listener-protocol-of-another-balancer": (
        listener("network", Protocol="HTTP"), listener("network", Protocol="TCP")
    ),
    "secure-listener-without-a-certificate": (
        it(LISTENER, Protocol="TLS"), it(LISTENER, Protocol="TLS", Certificates=[{}])
    ),
    "health-check-longer-than-its-interval": (
        it(TARGETS, HealthCheckTimeoutSeconds=6, HealthCheckIntervalSeconds=5),
        it(TARGETS, HealthCheckTimeoutSeconds=5, HealthCheckIntervalSeconds=5),
    ),
    "client-credentials-without-a-secret": (
        it(CLIENT, AllowedOAuthFlows=["client_credentials"]),
        it(CLIENT, AllowedOAuthFlows=["client_credentials"], GenerateSecret=True),
    ),
    "web-acl-log-by-another-name": (
        it(ACL_LOG, LogDestinationConfigs=[f"{ACL}waf-logs-x"]),
        it(ACL_LOG, LogDestinationConfigs=[f"{ACL}aws-waf-logs-x"]),
    ),
    "key-policy-that-locks-itself-out": (
        key_policy("kms:Decrypt", ROOT), key_policy("kms:*", ROOT)
    ),
    "key-turned-multi-region": (
        change(KEY, "MultiRegion", False, True), change(KEY, "MultiRegion", True, True)
    ),
    "alias-of-aws": (it(ALIAS, AliasName="alias/aws/s3"), it(ALIAS, AliasName="alias/s3")),
    "alias-of-no-form": (it(ALIAS, AliasName="data-key"), it(ALIAS, AliasName="alias/data-key")),
    "secret-replicated-over-another": (replicated_secret("admin"), replicated_secret("other")),
    "secret-replicated-to-its-own-region": (
        it(SECRET, ReplicaRegions=[{"Region": HOME}]), it(SECRET, ReplicaRegions=[{"Region": AWAY}])
    ),
    "generated-secret-without-its-frame": (
        it(SECRET, GenerateSecretString={"GenerateStringKey": "password"}),
        it(SECRET, GenerateSecretString={"GenerateStringKey": "p", "SecretStringTemplate": "{}"}),
    ),
    "secret-with-two-contents": (
        it(SECRET, SecretString="s", GenerateSecretString={}), it(SECRET, GenerateSecretString={})
    ),
    "secret-rotated-too-often": (
        it(ROTATION, RotationRules={"ScheduleExpression": "rate(3 hours)"}),
        it(ROTATION, RotationRules={"ScheduleExpression": "rate(4 hours)"}),
    ),
    "secret-rotated-by-two-rules": (
        it(ROTATION, RotationRules={"ScheduleExpression": "rate(30 days)", "AutomaticallyAfterDays": 30}),
        it(ROTATION, RotationRules={"ScheduleExpression": "rate(30 days)"}),
    ),
    "managed-policy-too-long": (
        it(POLICY, PolicyDocument={"Statement": [STATEMENT] * 45}),
        it(POLICY, PolicyDocument={"Statement": [STATEMENT] * 30}),
    ),
    "replicated-bucket-without-versions": (
        it(BUCKET, ReplicationConfiguration={}),
        it(BUCKET, ReplicationConfiguration={}, VersioningConfiguration={"Status": "Enabled"}),
    ),
    "moved-to-infrequent-access-too-early": (
        lifecycle(Transitions=moved("STANDARD_IA", 29)), lifecycle(Transitions=moved("STANDARD_IA", 30))
    ),
    "objects-end-before-they-move": (
        lifecycle(Transitions=moved("GLACIER", 90), ExpirationInDays=90),
        lifecycle(Transitions=moved("GLACIER", 90), ExpirationInDays=91),
    ),
    "object-lock-turned-off": (
        change(BUCKET, "ObjectLockEnabled", True, False), change(BUCKET, "ObjectLockEnabled", False, True)
    ),
    "table-attributes-without-a-key": (table("id", "epoch"), table("id")),
    "on-demand-table-with-throughput": (
        it(TABLE, BillingMode="PAY_PER_REQUEST", ProvisionedThroughput={}),
        it(TABLE, BillingMode="PAY_PER_REQUEST")
    ),
    "several-indexes-in-one-change": (
        change(TABLE, "GlobalSecondaryIndexes", [], indexes("a", "b")),
        change(TABLE, "GlobalSecondaryIndexes", indexes("a"), indexes("a", "b")),
    ),
    "protected-table-deleted": (gone(TABLE, DeletionProtectionEnabled=True), gone(TABLE)),
    "provisioned-files-without-throughput": (
        it(FILES, ThroughputMode="provisioned"), it(FILES, ThroughputMode="elastic")
    ),
    "backup-cold-too-briefly": (backup(119), backup(120)),
    "subnet-outside-its-network": (subnet("10.21.0.0/24"), subnet("10.20.0.0/24")),
    "subnets-overlap": (
        subnet("10.20.0.0/20", "10.20.1.0/24"), subnet("10.20.0.0/24", "10.20.1.0/24")
    ),
    "peered-networks-overlap": (peered("10.20.0.0/16"), peered("10.30.0.0/16")),
    "gateway-endpoint-with-groups": (
        it(ENDPOINT, VpcEndpointType="Gateway", SecurityGroupIds=[REF]),
        it(ENDPOINT, VpcEndpointType="Interface", SecurityGroupIds=[REF]),
    ),
    "private-names-in-a-network-without-names": (
        private_names(), private_names(EnableDnsHostnames=True, EnableDnsSupport=True)
    ),
    "alarm-period": (it(ALARM, Period=90), it(ALARM, Period=120)),
    "alarm-that-looks-back-too-far": (
        it(ALARM, Period=300, EvaluationPeriods=289), it(ALARM, Period=300, EvaluationPeriods=288)
    ),
    "alarm-on-more-points-than-it-looks-at": (
        it(ALARM, DatapointsToAlarm=4, EvaluationPeriods=3),
        it(ALARM, DatapointsToAlarm=3, EvaluationPeriods=3)
    ),
    "log-group-with-a-key-closed-to-it": (
        encrypted_group("sns.amazonaws.com"), encrypted_group("logs.ca-central-1.amazonaws.com")
    ),
}  # fmt: skip
"""By row: refused, taken."""
