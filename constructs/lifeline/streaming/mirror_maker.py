"""The log of the peer copied into the own one by MirrorMaker 2 on Fargate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge, acknowledge_pattern
from lifeline.foundation.function import allow
from lifeline.foundation.images import Image, ImageRepositories
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.metric_options import MetricOptions, metric
from lifeline.foundation.zones import workload_subnets
from lifeline.lambdas.contracts.replicator import Replicator
from lifeline.site import Site
from lifeline.streaming.kafka_log import IReplicatedLog, incarnation_of, inside
from lifeline.streaming.peer_log import PeerLog, in_both_logs, matching, own_groups

IMAGE = Image.MIRROR
"""The resource type in the repository's name; built from services/replicator."""

TASK_CPU = 1024
TASK_MEMORY_MIB = 2048
GROUP = "peer-mm2"
"""Connect's own group in the own log, for its one worker (made of the alias `peer`)."""

SCRATCH = "/scratch"
"""Where compression libraries unpack themselves; the rest of the file system is read-only. The image
declares it as a volume of user 10001: a mounted folder that no image declares is root's."""

INTERNAL_TOPICS = ("mm2-*.peer.internal", "peer.checkpoints.internal", "heartbeats")
"""What Connect keeps in the own log: its settings, positions and translated offsets."""


class MirrorMaker(Construct):
    """One direction, peer to own, in the target's region; both directions are the same template with the
    regions exchanged. `services/replicator` holds the settings and the one transform that keeps two
    directions with identical topic names from copying for ever (B16).

    Covers: a region without MSK Replicator, and the loss of the other region: what it had acknowledged is
    here but for the last moments, which markers measure. Does not cover: those last moments (edges send
    them again), and an outage longer than the peer's log keeps: reading then goes on at its new
    beginning, and the watermark stands still before what was missed (B11), until somebody copies it.

    Order within a partition, partition, time, key and headers are kept; at least once. After a crash the
    records since the last kept position, five seconds at most, are copied again, behind their first
    copies. Not exactly once, on purpose: a transaction left open by a dead replicator would hide the own
    bridge's newer records of that partition from every reader. A task that fails ends the process, and
    the service starts another: one task only, old one stopped first, so that two never interleave.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        cluster: ecs.ICluster,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        log: IReplicatedLog,
        peer: PeerLog,
        keys: Keys | None = None,
    ) -> None:
        """Raises ValueError for surroundings in which it could not run.

        `vpc_subnets`: of the cluster's VPC, private ones by default. `security_groups`: what the log lets
            in; by default one of its own, which is let in. The peer's log you let it into yourself.
        """
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        if not peer.bootstrap:
            raise ValueError("MirrorMaker needs the addresses of the peer's brokers.")
        self._site, self._log, self._peer = site, log, peer
        self.service_name = site.names.regional_name(IMAGE)
        self.log_group = log_group(
            self,
            "Logs",
            site=site,
            keys=keys,
            name=f"/lifeline/{self.service_name}",
        )
        start = self._role("Execution", f"{IMAGE}-start")
        run = self._role("Task", IMAGE)
        policies = (self._may_start(start), self._may_copy(run))
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            service_name=self.service_name,
            task_definition=self._task(start, run),
            desired_count=1,
            min_healthy_percent=0,
            max_healthy_percent=100,
            assign_public_ip=False,
            vpc_subnets=workload_subnets(self, cluster.vpc, vpc_subnets),
            security_groups=list(security_groups or [self._group(cluster.vpc)]),
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        self.service.node.add_dependency(*policies)

    def metric_latency(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Milliseconds from a record's time at the peer to its copy here; no data when nothing is copied."""
        return self._metric("MirrorLatency", "Maximum", **options)

    def metric_records(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Records copied in a second. Markers alone make some: 0 or no data is a standstill."""
        return self._metric("MirrorRecordsPerSecond", "Minimum", **options)

    def _metric(
        self, name: str, default: str, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        return metric(
            "Lifeline",
            name,
            {"Suffix": self._site.settings.environment_suffix},
            default_statistic=default,
            **options,
        )

    def _group(self, vpc: ec2.IVpc) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self, "Group", vpc=vpc, description="MirrorMaker.", allow_all_outbound=True
        )
        group.connections.allow_to_default_port(self._log)
        return group

    def _role(self, construct_id: str, resource_type: str) -> iam.Role:
        return iam.Role(
            self,
            f"{construct_id}Role",
            role_name=self._site.names.cross_region_name(resource_type, "role"),
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        )

    def _may_start(self, role: iam.Role) -> iam.ManagedPolicy:
        site = self._site
        policy = iam.ManagedPolicy(self, "ExecutionPolicy", roles=[role])
        streams = site.arn("logs", f"log-group:/lifeline/{self.service_name}:log-stream:*")
        allow(
            policy,
            "PullTheImage",
            ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
            [site.arn("ecr", f"repository/{ImageRepositories.name(site, Image.MIRROR)}")],
        )
        allow(policy, "SignInToTheRegistry", ["ecr:GetAuthorizationToken"], ["*"])
        allow(policy, "WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [streams])
        acknowledge_pattern(
            policy,
            "*",
            streams,
            reason="Signing in to the registry takes no resource; ECS names the log streams itself.",
        )
        return policy

    def _may_copy(self, role: iam.Role) -> iam.ManagedPolicy:
        site, log, peer = self._site, self._log, self._peer
        policy = iam.ManagedPolicy(self, "TaskPolicy", roles=[role])
        read = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"]
        settings = "kafka-cluster:DescribeTopicDynamicConfiguration"
        allow(
            policy,
            "SignInToBothLogs",
            ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"],
            [peer.cluster_arn, log.cluster_arn],
        )
        allow(policy, "WriteInOrder", ["kafka-cluster:WriteDataIdempotently"], [log.cluster_arn])
        allow(
            policy,
            "ReadThePeersTopics",
            [*read, settings],
            [inside(peer.cluster_arn, "topic", topic) for topic in log.topics],
        )
        allow(
            policy,
            "WriteOwnTopics",
            [*read, settings, "kafka-cluster:WriteData"],
            log.topic_arns(log.topics),
        )
        internal = [matching(site, log, "topic", topic) for topic in INTERNAL_TOPICS]
        allow(
            policy,
            "KeepItsOwnTopics",
            [*read, settings, "kafka-cluster:CreateTopic", "kafka-cluster:WriteData"],
            internal,
        )
        there, here = in_both_logs(site, log, "group", "*")
        allow(policy, "ReadThePeersGroups", ["kafka-cluster:DescribeGroup"], [there])
        allow(
            policy,
            "SynchronizeGroups",
            ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"],
            [here],
        )
        acknowledge_pattern(
            policy,
            *internal,
            there,
            here,
            reason="Connect names its own topics, and groups are other teams' to name; the name of the "
            "cluster is exact, its generated id is not known beforehand.",
        )
        return policy

    def _task(self, start: iam.Role, run: iam.Role) -> ecs.FargateTaskDefinition:
        site, log, peer = self._site, self._log, self._peer
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            family=self.service_name,
            cpu=TASK_CPU,
            memory_limit_mib=TASK_MEMORY_MIB,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
            execution_role=start.without_policy_updates(),
            task_role=run.without_policy_updates(),
            volumes=[ecs.Volume(name="scratch")],
        )
        container = task.add_container(
            "MirrorMaker",
            container_name=IMAGE,
            image=ecs.ContainerImage.from_registry(ImageRepositories.uri(site, Image.MIRROR)),
            environment=Replicator(
                suffix=site.settings.environment_suffix,
                peer_bootstrap=peer.bootstrap,
                own_bootstrap=log.bootstrap,
                # An id alone would do; with the region a person can read it too.
                peer_log=f"{site.peer.region.name}/{incarnation_of(peer.cluster_arn)}",
                own_log=f"{site.region.name}/{log.incarnation}",
                topics=",".join(log.topics),
                groups_exclude=",".join([*own_groups(site), "__.*"]),
                tasks_max=max(log.partitions.values()),
            ).to_env(),
            user="10001",
            readonly_root_filesystem=True,
            stop_timeout=Duration.seconds(60),
            logging=ecs.LogDrivers.aws_logs(stream_prefix=IMAGE, log_group=self.log_group),
        )
        container.add_mount_points(
            ecs.MountPoint(source_volume="scratch", container_path=SCRATCH, read_only=False)
        )
        acknowledge(
            task,
            "AwsSolutions-ECS2",
            reason="Addresses, names and ids only; signing in is by the task's role.",
        )
        return task
