"""The services of one region: event applier, query API, which also writes markers, and archiver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Unpack

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from lifeline.application.applier_scaling import ApplierScaling
from lifeline.application.cache_secret import CacheSecret
from lifeline.application.edge_identity import EdgeIdentity
from lifeline.application.service_roles import (
    ARCHIVE_TASK,
    Service,
    ServiceRoles,
    construct_id,
)
from lifeline.compliance.acknowledge import acknowledge
from lifeline.data.cache_access import ISessionCache
from lifeline.data.database_credentials import ADMIN_USER
from lifeline.data.database_member import IGlobalDatabase
from lifeline.foundation.images import ImageRepositories
from lifeline.foundation.item_table import ItemTable, TableReference
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.metric_options import MathOptions, MetricOptions, computed, metric
from lifeline.foundation.zones import workload_subnets
from lifeline.lambdas.contracts import Contract
from lifeline.lambdas.contracts.archiver import Archive, ArchiveTask
from lifeline.lambdas.contracts.cache import NO_CACHE, CachePlace
from lifeline.lambdas.contracts.database import DatabaseAddress, archive_user
from lifeline.lambdas.contracts.event_applier import Apply, Migrate
from lifeline.lambdas.contracts.log import GroupLog
from lifeline.lambdas.contracts.query_api import (
    QUERY_API_PORT,
    QUERY_API_TLS_PORT,
    QueryApi,
)
from lifeline.lambdas.contracts.serving_region import ServingRegion
from lifeline.site import Site
from lifeline.streaming.event_stream import IEventStream
from lifeline.streaming.kafka_log import IReplicatedLog
from lifeline.streaming.topic_archive import TopicArchive

TASK_CPU = 1024
TASK_MEMORY_MIB = 2048
SMALL_CPU = 512
SMALL_MEMORY_MIB = 1024
SMALL = frozenset({Service.WATERMARK, Service.ARCHIVER})
"""Half a task: they read the log, and answer nobody's reads."""
IMAGE_USER = "10001"
"""The image's own user, written here too, so that an image that forgets it does not run as root."""
SCRATCH = "/scratch"
"""The one folder a task may write to, of the image's user (a volume in the Dockerfile)."""
ALIVE_FILE = f"{SCRATCH}/alive"
MIGRATE = "migrate"
APPLIER, QUERY_API = "lifeline.services.event_applier", "lifeline.services.query_api"
ARCHIVER = "lifeline.services.archiver"
COMMANDS = {
    Service.EVENT_APPLIER: [APPLIER, "apply"],
    Service.QUERY_API: [QUERY_API],
    Service.WATERMARK: [QUERY_API],
    Service.ARCHIVER: [ARCHIVER, "archive"],
    MIGRATE: [APPLIER, "migrate"],
    ARCHIVE_TASK: [ARCHIVER, "task"],
}
"""What the image, whose entry point is `python -m`, is given to run."""
CACHE_READS = {
    "hits": "CacheHits",
    "misses": "CacheMisses",
    "stale": "CacheStale",
    "unreadable": "CacheUnreadable",
}
"""The query API's reads of its cache, by outcome."""
ONE_OFF = frozenset({MIGRATE, ARCHIVE_TASK})
"""Task definitions that no service runs."""
LOOPS = frozenset({Service.EVENT_APPLIER, Service.ARCHIVER})
"""They say that they live by a file."""


def health_check(module: str) -> ecs.HealthCheck:
    """Whether the task lives, not whether its database does: a standby that waits is healthy."""
    return ecs.HealthCheck(
        command=["CMD", "python", "-m", module, "healthy"],
        interval=Duration.seconds(15),
        timeout=Duration.seconds(5),
        retries=3,
        start_period=Duration.seconds(60),
    )


class CheckpointsTable(ItemTable):
    """Where the watermark reader and the archiver go on after a start (B25), and what is archived (B22).

    Covers: a task that is replaced. Does not cover: the loss of the table; the next start reads the log from
    its beginning, and lists the archive.
    """

    def __init__(self, scope: Construct, construct_id: str, *, site: Site | None = None) -> None:
        site = Site.of(scope, site)
        super().__init__(
            scope,
            construct_id,
            site=site,
            reference=TableReference.regional(site, "log-checkpoints"),
            not_backed_up="A checkpoint that is lost is made again from the log that it speaks of.",
        )


class Services(Construct):
    """The ECS cluster, its Fargate services and, where the admin's secret is, the migration task.

    The standby is warm and idle: at least one event applier runs there, a member of its consumer group and
    signed in to its database, and fetches nothing until the authority row names its region. The recovery
    plan raises the count; `ApplierScaling` never lowers it. With the strategy pilot light the standby has no
    task of either service: then a third, small service runs in both regions, which writes markers, reads the
    watermark and answers `/health` (B12; decision 20).

    Covers: a task that dies (ECS starts another; positions come from the database), one that hangs (its
    health check fails), a bad image (the deployment circuit breaker goes back). Does not cover: who may
    apply: both services run in both regions, and the lease decides (B12, A1). The applier's desired
    count is not in the template: a deploy after a failover must not undo the plan's capacity.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        vpc: ec2.IVpc,
        vpc_subnets: ec2.SubnetSelection | None = None,
        applier_security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        query_api_security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        query_api_callers: ec2.IPeer | None = None,
        database: IGlobalDatabase,
        stream: IEventStream,
        log: IReplicatedLog,
        archive: TopicArchive | None = None,
        cache: ISessionCache | None = None,
        identity: EdgeIdentity | None = None,
        keys: Keys | None = None,
    ) -> None:
        """Raises ValueError for surroundings in which the services could not run.

        `archive`: where the archiver writes the log. Without one there is no archiver, and no day of events
            is ever dropped from the database.
        `identity`: whose tokens the query API asks of whoever reads events or vital signs; without one it
            takes whoever gets there.
        `cache`: where the query API keeps what it answered. Without one it asks the database each time.

        `vpc_subnets`: private ones by default. `applier_security_groups`, `query_api_security_groups`: what
            the stores let in; by default one group each of their own, which they do let in.
        `query_api_callers`: who reaches the query API through the load balancer; by default the VPC's range.
        """
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self._site, self._database, self._keys = site, database, keys
        self._subnets = workload_subnets(self, vpc, vpc_subnets)
        self.cluster_name = site.names.regional_name("services")
        self.applier_name = site.names.regional_name(Service.EVENT_APPLIER)
        self.query_api_name = site.names.regional_name(Service.QUERY_API)
        # The service would make this group itself: without our key, for ever, and left by a destruction.
        insights = log_group(
            self,
            "InsightsLogs",
            site=site,
            keys=keys,
            name=f"/aws/ecs/containerinsights/{self.cluster_name}/performance",
        )
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=self.cluster_name,
            vpc=vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
        )
        self.cluster.node.add_dependency(insights)
        self.query_api_group = ec2.SecurityGroup(
            self,
            "QueryApiGroup",
            security_group_name=self.query_api_name,
            vpc=vpc,
            description="query API",
            allow_all_outbound=True,
        )
        for port in (QUERY_API_PORT, QUERY_API_TLS_PORT):
            self.query_api_group.add_ingress_rule(
                query_api_callers or ec2.Peer.ipv4(vpc.vpc_cidr_block),
                ec2.Port.tcp(port),
                "From the load balancer",
            )
        if query_api_callers is None:
            acknowledge(
                self.query_api_group,
                "AwsSolutions-EC23",
                "EC2RestrictedCommonPorts",
                "EC2RestrictedSSH",
                reason="Two ports, and the range is the VPC's own, which the rule cannot read at synth.",
            )
        stores: list[ec2.IConnectable] = [database, log]
        if query_api_security_groups is None:
            _let_in(self.query_api_group, stores if cache is None else [*stores, cache])
        if applier_security_groups is None:
            group = ec2.SecurityGroup(
                self,
                "EventApplierGroup",
                vpc=vpc,
                description="event applier",
                allow_all_outbound=True,
            )
            _let_in(group, stores)
            applier_security_groups = [group]
        self.checkpoints = CheckpointsTable(self, "Checkpoints", site=site)
        self._group = self._logs()
        self._roles = ServiceRoles(
            self,
            "Roles",
            site=site,
            database=database,
            stream=stream,
            log=log,
            keys=keys,
            checkpoints=self.checkpoints.reference,
            archive=archive,
        )
        signs_in, here = self._database_address(), self._serving_region()
        group_log = GroupLog(bootstrap=log.bootstrap, auth="iam", partitions=log.partitions)
        self.applier = self._service(
            Service.EVENT_APPLIER,
            Apply(
                database=signs_in,
                log=group_log,
                region=here,
                checkpoints_table=self.checkpoints.table_name,
                hot_days=site.settings.tier.backups.hot_days,
                alive_file=ALIVE_FILE,
                breaker="on" if site.settings.breaker else "off",
            ),
            applier_security_groups,
        )
        told = QueryApi(
            database=signs_in,
            log=group_log,
            region=here,
            stream_name=stream.stream_name,
            region_state_table=site.names.regional_name("region-state", "table"),
            checkpoints_table=self.checkpoints.table_name,
            cache=_place_of(cache),
            cache_secret_name=self._cache_secret(cache, keys),
            token_issuer="" if identity is None else identity.issuer,
        )
        rests = site.settings.strategy.services_rest
        query_api_groups = [*(query_api_security_groups or []), self.query_api_group]
        tasks = site.settings.profile.query_api_tasks
        self.query_api = self._service(
            Service.QUERY_API,
            told,
            query_api_groups,
            # Like the applier's, a count that the plan raises must not be undone by a deploy.
            tasks=None if rests else tasks,
        )
        self.watermark = (
            self._service(
                Service.WATERMARK,
                replace(told, cache=NO_CACHE, cache_secret_name=""),
                query_api_groups,
                tasks=tasks,
            )
            if rests
            else None
        )
        self.scaling = ApplierScaling(
            self,
            "Scaling",
            site=site,
            cluster_name=self.cluster_name,
            service=self.applier,
            consumer_lag=self.metric_consumer_lag(),
        )
        if archive is not None:
            self._archive(archive, signs_in, group_log, applier_security_groups)
        if database.admin_secret is not None:
            self._migrate()

    def _cache_secret(self, cache: ISessionCache | None, keys: Keys) -> str:
        """The name of what entries are sealed with, which the query API alone may read; empty: no cache."""
        if cache is None:
            return ""
        made = CacheSecret(self, "CacheSecret", site=self._site, keys=keys)
        self._roles.allow_cache(cache, made.secret)
        return made.name

    def metric_cpu(self, service: str, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Per cent of what the service's tasks have. Raises ValueError for an unknown service."""
        return self._metric("AWS/ECS", "CPUUtilization", service, "Average", **options)

    def metric_running_tasks(
        self, service: str, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        """Tasks that run. Raises ValueError for an unknown service."""
        return self._metric(
            "ECS/ContainerInsights", "RunningTaskCount", service, "Average", **options
        )

    def metric_consumer_lag(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Records that the slowest task of the event applier has yet to apply; no data while none applies.

        The appliers' own: they never commit an offset (B14), so the log knows no lag of their group.
        """
        return self._own_metric("ConsumerLag", **options)

    def metric_log_holes(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Stretches of the log that are not proven to be whole (B8), as the query API reads its own log."""
        return self._own_metric("LogHoles", **options)

    def metric_log_silent(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Partitions that no marker of an origin reaches, while it reaches others (B18)."""
        return self._own_metric("LogSilentPartitions", **options)

    def metric_archive_behind(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Seconds: the age of the newest archived record, of the partition that is furthest behind."""
        return self._own_metric("ArchiveBehindSeconds", **options)

    def metric_archive_gaps(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Records that retention took before they were archived; no data while there are none."""
        return self._own_metric("ArchiveGaps", **options)

    def metric_archive_stopped(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Partitions of the log that are not archived now: the archiver's log says why."""
        return self._own_metric("ArchiveStopped", **options)

    def metric_old_partitions(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Days of events that should be gone from the database; no data while no event applier applies."""
        return self._own_metric("OldPartitions", **options)

    def metric_cache_hit_rate(self, **options: Unpack[MathOptions]) -> cloudwatch.IMetric:
        """Per cent of the reads that the cache could answer; no data while nobody reads."""
        period = options.get("period") or Duration.minutes(1)
        sums = {
            name: self._own_metric(metric_name, statistic="Sum", period=period)
            for name, metric_name in CACHE_READS.items()
        }
        return computed(
            f"100 * hits / ({' + '.join(sums)})",
            using=sums,
            default_label="Cache hit rate",
            **options,
        )

    def metric_cache_breaker(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """1 while a task does not ask the cache, because it did not answer in time; else 0."""
        return self._own_metric("CacheBreakerOpen", **options)

    def metric_default_partition(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Events that lie in no day's partition (C3); no data while no event applier applies."""
        return self._own_metric("DefaultPartitionEvents", **options)

    def metric_traffic_here(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """1 while the region serves and its traffic switch is on, else 0."""
        return self._own_metric("TrafficHere", **options)

    def _own_metric(self, name: str, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        return metric(
            "Lifeline",
            name,
            {"Suffix": self._site.settings.environment_suffix},
            default_statistic="Maximum",
            **options,
        )

    def _metric(
        self,
        namespace: str,
        name: str,
        service: str,
        default: str,
        **options: Unpack[MetricOptions],
    ) -> cloudwatch.Metric:
        if service not in set(Service):
            allowed = ", ".join(Service)
            raise ValueError(f"There is no service {service!r}; the services are {allowed}.")
        return metric(
            namespace,
            name,
            {
                "ClusterName": self.cluster_name,
                "ServiceName": self._site.names.regional_name(service),
            },
            default_statistic=default,
            **options,
        )

    def _database_address(self) -> DatabaseAddress:
        return DatabaseAddress(
            host=self._database.hosts,
            port=self._database.port,
            name=self._database.database_name,
            user=self._database.user,
            auth="iam",
        )

    def _serving_region(self) -> ServingRegion:
        site = self._site
        return ServingRegion(
            region=site.region.name,
            peer_region=site.peer_region,
            suffix=site.settings.environment_suffix,
        )

    def _logs(self) -> logs.LogGroup:
        return log_group(
            self,
            "Logs",
            site=self._site,
            keys=self._keys,
            name=f"/lifeline/{self.cluster_name}",
        )

    def _task(
        self,
        construct_id: str,
        name: str,
        contract: Contract,
        *,
        role: iam.Role,
        secrets: Mapping[str, ecs.Secret] | None = None,
    ) -> ecs.FargateTaskDefinition:
        task = ecs.FargateTaskDefinition(
            self,
            f"{construct_id}Task",
            family=self._site.names.regional_name(name),
            cpu=SMALL_CPU if name in SMALL else TASK_CPU,
            memory_limit_mib=SMALL_MEMORY_MIB if name in SMALL else TASK_MEMORY_MIB,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
            execution_role=self._roles.start.without_policy_updates(),
            task_role=role.without_policy_updates(),
        )
        site = self._site
        container = task.add_container(
            "Container",
            container_name=name,
            image=ecs.ContainerImage.from_registry(ImageRepositories.uri(site)),
            command=COMMANDS[name],
            user=IMAGE_USER,
            environment=contract.to_env(),
            secrets=dict(secrets or {}),
            readonly_root_filesystem=True,
            health_check=None if name in ONE_OFF else health_check(COMMANDS[name][0]),
            stop_timeout=Duration.seconds(30),
            logging=ecs.LogDrivers.aws_logs(stream_prefix=name, log_group=self._group),
            port_mappings=(
                [
                    ecs.PortMapping(container_port=port)
                    for port in (QUERY_API_PORT, QUERY_API_TLS_PORT)
                ]
                if name in (Service.QUERY_API, Service.WATERMARK)
                else None
            ),
        )
        if name in LOOPS:
            task.add_volume(name="scratch")
            container.add_mount_points(
                ecs.MountPoint(container_path=SCRATCH, source_volume="scratch", read_only=False)
            )
        acknowledge(
            task,
            "AwsSolutions-ECS2",
            reason="Addresses and names only; the one secret comes from Secrets Manager.",
        )
        return task

    def _service(
        self,
        name: Service,
        contract: Contract,
        groups: Sequence[ec2.ISecurityGroup],
        *,
        tasks: int | None = None,
    ) -> ecs.FargateService:
        service = ecs.FargateService(
            self,
            f"{name.construct_id}Service",
            cluster=self.cluster,
            service_name=self._site.names.regional_name(name),
            task_definition=self._task(
                name.construct_id, name, contract, role=self._roles.of(name)
            ),
            desired_count=tasks,
            min_healthy_percent=100,
            max_healthy_percent=200,
            assign_public_ip=False,
            vpc_subnets=self._subnets,
            security_groups=list(groups),
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        # A task that starts before its roles may do anything fails, and the circuit breaker counts it.
        service.node.add_dependency(self._roles)
        return service

    def _archive(
        self,
        archive: TopicArchive,
        database: DatabaseAddress,
        log: GroupLog,
        groups: Sequence[ec2.ISecurityGroup],
    ) -> None:
        """One task: a second one would find each key taken. And what `lifeline archive` runs."""
        site = self._site
        suffix = site.settings.environment_suffix
        told = Archive(
            log=log,
            region=site.region.name,
            suffix=suffix,
            archive_bucket=archive.bucket_name,
            checkpoints_table=self.checkpoints.table_name,
            alive_file=ALIVE_FILE,
        )
        self.archiver = self._service(Service.ARCHIVER, told, groups, tasks=1)
        self._task(
            construct_id(ARCHIVE_TASK),
            ARCHIVE_TASK,
            ArchiveTask(
                database=replace(database, user=archive_user(database.user)),
                log=log,
                region=site.region.name,
                suffix=suffix,
                archive_bucket=archive.bucket_name,
                checkpoints_table=self.checkpoints.table_name,
                archive_days=archive.kept_days,
            ),
            role=self._roles.of(ARCHIVE_TASK),
        )

    def _migrate(self) -> None:
        """`migrate` signs in with the admin's password, which libpq reads by itself."""
        assert self._database.admin_secret is not None
        self._task(
            "Migrate",
            MIGRATE,
            Migrate(
                region=self._site.region.name,
                database=DatabaseAddress(
                    host=self._database.host,
                    port=self._database.port,
                    name=self._database.database_name,
                    user=ADMIN_USER,
                    auth="password",
                ),
                workload_user=self._database.user,
            ),
            role=self._roles.of(Service.EVENT_APPLIER),
            secrets={
                "PGPASSWORD": ecs.Secret.from_secrets_manager(
                    self._database.admin_secret, "password"
                )
            },
        )


def _place_of(cache: ISessionCache | None) -> CachePlace:
    if cache is None:
        return NO_CACHE
    return CachePlace(
        group=cache.identifier, user=cache.user, hosts_parameter=cache.hosts_parameter
    )


def _let_in(group: ec2.SecurityGroup, stores: Sequence[ec2.IConnectable]) -> None:
    for store in stores:
        group.connections.allow_to_default_port(store)
