"""The services of one region: `processor` applies events, `serve` answers reads and writes markers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from lifeline.capacity import REJECTED, WATERMARK
from lifeline.compliance.acknowledge import acknowledge
from lifeline.data.global_database import ADMIN_USER, DATABASE_NAME, WORKLOAD_USER, GlobalDatabase
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_retention import retention_of
from lifeline.foundation.network import Network
from lifeline.site import Site
from lifeline.streaming.edge_stream import EdgeStream
from lifeline.streaming.log_access import allow_reading, allow_writing
from lifeline.streaming.replicated_log import ReplicatedLog

SERVE_PORT = 8080
LEASE_TTL_SECONDS = 20
TASK_CPU = 1024
TASK_MEMORY_MIB = 2048


class Services(Construct):
    """The ECS cluster, its two Fargate services and, where the admin's secret is, the migration task.

    Covers: a task that dies (ECS starts another; positions come from the database). Does not cover: who
    may apply: both services run in both regions, and the lease decides (B12, A1). The processor's
    desired count is not in the template: a deploy after a failover must not undo the plan's capacity.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site,
        network: Network,
        database: GlobalDatabase,
        stream: EdgeStream,
        log: ReplicatedLog,
        keys: Keys,
    ) -> None:
        super().__init__(scope, construct_id)
        self._site, self._network, self._database, self._keys = site, network, database, keys
        self.cluster_name = site.names.here("services")
        self.processor_name = site.names.here("processor")
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=self.cluster_name,
            vpc=network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
        )
        self.serve_group = ec2.SecurityGroup(
            self, "ServeGroup", vpc=network.vpc, description="serve", allow_all_outbound=True
        )
        self.serve_group.add_ingress_rule(
            ec2.Peer.ipv4(network.cidr), ec2.Port.tcp(SERVE_PORT), "From the load balancer"
        )
        self._group = self._logs()
        self._execution = self._execution_role()
        common = self._environment(stream, log)
        apply_policy = self._task_policy("processor")
        serve_policy = self._task_policy("serve")
        allow_reading(
            apply_policy, log, [*log.partitions, WATERMARK], group=site.names.here("apply")
        )
        allow_writing(apply_policy, log, [REJECTED])
        allow_reading(
            serve_policy, log, [*log.partitions, WATERMARK], group=site.names.here("watermark")
        )
        allow_writing(serve_policy, log, [WATERMARK])
        self._allow_markers(serve_policy, stream)
        self.processor = self._service("processor", "apply", common, [])
        self.serve = self._service(
            "serve",
            "serve",
            {
                **common,
                "STREAM_NAME": stream.stream_name,
                "AUTHORITY_TABLE": site.names.here("authority", "table"),
                "SERVE_PORT": str(SERVE_PORT),
            },
            [self.serve_group],
            tasks=site.settings.profile.serve_tasks,
        )
        if database.admin_secret is not None:
            self._migrate()

    def _environment(self, stream: EdgeStream, log: ReplicatedLog) -> dict[str, str]:
        site = self._site
        return {
            "SUFFIX": site.settings.environment_suffix,
            "AWS_REGION": site.region.name,
            "PEER_REGION": site.peer.region.name,
            "KAFKA_BOOTSTRAP": log.bootstrap,
            "KAFKA_AUTH": "iam",
            "KAFKA_PARTITIONS": json.dumps(log.partitions, sort_keys=True),
            "DATABASE_HOST": self._database.hosts,
            "DATABASE_PORT": str(self._database.port),
            "DATABASE_NAME": DATABASE_NAME,
            "DATABASE_USER": WORKLOAD_USER,
            "DATABASE_AUTH": "iam",
            "TTL_SECONDS": str(LEASE_TTL_SECONDS),
        }

    def _logs(self) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/lifeline/{self.cluster_name}",
            encryption_key=self._keys.logs,
            retention=retention_of(self._site.settings.profile.log_retention_days),
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _execution_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "ExecutionRole",
            role_name=self._site.names.shared("services-start", "role"),
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        )
        policy = iam.ManagedPolicy(self, "ExecutionPolicy", roles=[role])
        streams = f"log-group:/lifeline/{self.cluster_name}:log-stream:*"
        allow(
            policy,
            "PullTheImage",
            ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
            [self._site.arn("ecr", f"repository/{self._site.names.shared('processor')}")],
        )
        allow(policy, "SignInToTheRegistry", ["ecr:GetAuthorizationToken"], ["*"])
        allow(
            policy,
            "WriteLogs",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [self._site.arn("logs", streams)],
        )
        if self._database.admin_secret is not None:
            allow(
                policy,
                "ReadTheAdmin",
                ["secretsmanager:GetSecretValue"],
                [self._database.admin_secret.secret_arn],
            )
            allow(policy, "DecryptTheAdmin", ["kms:Decrypt"], [self._keys.secrets.key_arn])
        account = self._site.settings.account or "<AWS::AccountId>"
        acknowledge(
            policy,
            "AwsSolutions-IAM5[Resource::*]",
            f"AwsSolutions-IAM5[Resource::arn:aws:logs:{self._site.region.name}:{account}:{streams}]",
            reason="Signing in to the registry takes no resource; ECS names the log streams itself.",
        )
        return role

    def _task_policy(self, name: str) -> iam.ManagedPolicy:
        role = iam.Role(
            self,
            f"{name.capitalize()}Role",
            role_name=self._site.names.shared(name, "role"),
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        )
        policy = iam.ManagedPolicy(self, f"{name.capitalize()}Policy", roles=[role])
        allow(policy, "SignInToTheDatabase", ["rds-db:connect"], [self._database.sign_in_arn])
        return policy

    def _allow_markers(self, policy: iam.ManagedPolicy, stream: EdgeStream) -> None:
        allow(
            policy,
            "WriteMarkers",
            [
                "kinesis:DescribeStreamSummary",
                "kinesis:ListShards",
                "kinesis:PutRecord",
                "kinesis:PutRecords",
            ],
            [stream.stream_arn],
        )
        allow(policy, "EncryptMarkers", ["kms:GenerateDataKey"], [self._keys.data.key_arn])
        allow(
            policy,
            "ReadTheTrafficSwitch",
            ["dynamodb:GetItem"],
            [self._site.table_arn(self._site.names.here("authority", "table"))],
        )

    def _task(
        self,
        construct_id: str,
        command: str,
        environment: Mapping[str, str],
        *,
        role: iam.IRole,
        secrets: Mapping[str, ecs.Secret] | None = None,
    ) -> ecs.FargateTaskDefinition:
        task = ecs.FargateTaskDefinition(
            self,
            f"{construct_id}Task",
            family=self._site.names.here(construct_id.lower()),
            cpu=TASK_CPU,
            memory_limit_mib=TASK_MEMORY_MIB,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
            execution_role=self._execution.without_policy_updates(),
            task_role=role.without_policy_updates() if isinstance(role, iam.Role) else role,
        )
        site = self._site
        registry = f"{site.account}.dkr.ecr.{site.region.name}.amazonaws.com"
        task.add_container(
            "Processor",
            container_name="processor",
            image=ecs.ContainerImage.from_registry(
                f"{registry}/{site.names.shared('processor')}:{site.settings.image_tag}"
            ),
            command=[command],
            environment=dict(environment),
            secrets=dict(secrets or {}),
            readonly_root_filesystem=True,
            stop_timeout=Duration.seconds(30),
            logging=ecs.LogDrivers.aws_logs(stream_prefix=command, log_group=self._group),
            port_mappings=(
                [ecs.PortMapping(container_port=SERVE_PORT)] if command == "serve" else None
            ),
        )
        acknowledge(
            task,
            "AwsSolutions-ECS2",
            reason="Addresses and names only; the one secret comes from Secrets Manager.",
        )
        return task

    def _service(
        self,
        name: str,
        command: str,
        environment: Mapping[str, str],
        groups: Sequence[ec2.ISecurityGroup],
        *,
        tasks: int | None = None,
    ) -> ecs.FargateService:
        role = self.node.find_child(f"{name.capitalize()}Role")
        policy = self.node.find_child(f"{name.capitalize()}Policy")
        assert isinstance(role, iam.Role)
        service = ecs.FargateService(
            self,
            f"{name.capitalize()}Service",
            cluster=self.cluster,
            service_name=self._site.names.here(name),
            task_definition=self._task(name.capitalize(), command, environment, role=role),
            desired_count=tasks,
            min_healthy_percent=100,
            max_healthy_percent=200,
            assign_public_ip=False,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            security_groups=[
                self._network.database_clients,
                self._network.log_clients,
                *groups,
            ],
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        service.node.add_dependency(policy)
        return service

    def _migrate(self) -> None:
        """`processor migrate` signs in with the admin's password, which libpq reads by itself."""
        assert self._database.admin_secret is not None
        role = self.node.find_child("ProcessorRole")
        assert isinstance(role, iam.Role)
        self._task(
            "Migrate",
            "migrate",
            {
                "SUFFIX": self._site.settings.environment_suffix,
                "AWS_REGION": self._site.region.name,
                "DATABASE_HOST": self._database.host,
                "DATABASE_PORT": str(self._database.port),
                "DATABASE_NAME": DATABASE_NAME,
                "DATABASE_USER": ADMIN_USER,
                "DATABASE_AUTH": "password",
                "WORKLOAD_USER": WORKLOAD_USER,
            },
            role=role,
            secrets={
                "PGPASSWORD": ecs.Secret.from_secrets_manager(
                    self._database.admin_secret, "password"
                )
            },
        )
