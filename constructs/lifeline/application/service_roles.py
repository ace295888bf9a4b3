"""What the services may do: one role that starts tasks, one for each service, each with its own policy."""

from __future__ import annotations

from enum import StrEnum

from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from lifeline.capacity import REJECTED, WATERMARK
from lifeline.compliance.acknowledge import acknowledge_pattern
from lifeline.data.cache_access import ISessionCache
from lifeline.data.database_member import IGlobalDatabase
from lifeline.foundation.function import allow
from lifeline.foundation.images import ImageRepositories
from lifeline.foundation.item_table import TableReference
from lifeline.foundation.keys import Keys
from lifeline.lambdas.contracts.archiver import RESTORED
from lifeline.lambdas.contracts.database import archive_user
from lifeline.site import Site
from lifeline.streaming.event_stream import IEventStream
from lifeline.streaming.kafka_log import IReplicatedLog
from lifeline.streaming.topic_archive import TopicArchive


class Service(StrEnum):
    """The services, by what they are called without the suffix."""

    EVENT_APPLIER = "event-applier"
    QUERY_API = "query-api"
    WATERMARK = "watermark"
    """Only where the standby's query API has 0 tasks: it is the query API's program, which nobody asks for
    events."""
    ARCHIVER = "archiver"
    """Only where there is an archive."""

    @property
    def construct_id(self) -> str:
        """The name in the ids of what belongs to the service."""
        return construct_id(self)


def construct_id(name: str) -> str:
    """The name in the ids of what belongs to a service or task."""
    return "".join(word.capitalize() for word in name.split("-"))


ARCHIVE_TASK = "archive-task"
"""One-off, no service: reads the archive, restores into the database or a topic of its own."""


class ServiceRoles(Construct):
    """Roles with customer-managed policies; nothing else writes into them.

    Covers: a task that is taken over: it cannot read what the other service reads, nor start tasks. Does
    not cover: what both may do with the database, where they sign in as the same user. The archive's
    one-off task has a user of its own: no service may write down what a person decided.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        database: IGlobalDatabase,
        stream: IEventStream,
        log: IReplicatedLog,
        keys: Keys | None = None,
        checkpoints: TableReference,
        archive: TopicArchive | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self._site, self._database, self._keys = site, database, keys
        self.start = self._start_role()
        own = (Service.EVENT_APPLIER, Service.QUERY_API)
        self._of: dict[str, tuple[iam.Role, iam.ManagedPolicy]] = {
            service: self._task_role(service) for service in own
        }
        for service in own:
            database.grant_connect(self._of[service][1])
        # The same program with the same calls: the role is the query API's.
        self._of[Service.WATERMARK] = self._of[Service.QUERY_API]
        applier, query_api = self._of[Service.EVENT_APPLIER][1], self._of[Service.QUERY_API][1]
        topics = [*log.partitions, WATERMARK]
        log.grant_read(applier, topics, group=site.names.regional_name("apply"))
        log.grant_write(applier, [REJECTED])
        log.grant_read(query_api, topics, group=site.names.regional_name("watermark"))
        log.grant_write(query_api, [WATERMARK])
        checkpoints.grant_read(query_api)
        checkpoints.grant_put(query_api)
        checkpoints.grant_read(applier)
        self._allow_markers(query_api, stream)
        if archive is not None:
            self._archive(archive, log, checkpoints)

    def of(self, service: str) -> iam.Role:
        """The role that a service's tasks run as, or the one-off task of the archive."""
        return self._of[service][0]

    def allow_cache(self, cache: ISessionCache, secret: secretsmanager.ISecret) -> None:
        """Let the query API find the cache, sign in to it, and read what it seals entries with."""
        _, query_api = self._of[Service.QUERY_API]
        cache.grant_connect(query_api)
        allow(
            query_api,
            "FindTheCachesHosts",
            ["ssm:GetParameter"],
            [self._site.arn("ssm", f"parameter{cache.hosts_parameter}")],
        )
        allow(
            query_api, "ReadTheCachesSecret", ["secretsmanager:GetSecretValue"], [secret.secret_arn]
        )
        allow(query_api, "DecryptTheCachesSecret", ["kms:Decrypt"], [self._keys.secrets.key_arn])

    def _archive(
        self, archive: TopicArchive, log: IReplicatedLog, checkpoints: TableReference
    ) -> None:
        """The archiver writes objects and nothing else; what restores can't write them."""
        group = self._site.names.regional_name("archive")
        archiver = self._of[Service.ARCHIVER] = self._task_role(Service.ARCHIVER)
        archive.grant_write(archiver[1])
        log.grant_read(archiver[1], list(log.partitions), group=group)
        checkpoints.grant_read(archiver[1])
        checkpoints.grant_put(archiver[1])
        task = self._of[ARCHIVE_TASK] = self._task_role(ARCHIVE_TASK)
        sign_in = archive_user(self._database.sign_in_arn)
        allow(task[1], "SignInToTheDatabase", ["rds-db:connect"], [sign_in])
        archive.grant_read(task[1])
        archive.grant_bring_back(task[1])
        checkpoints.grant_read(task[1])
        restored = [f"{RESTORED}{topic}" for topic in log.partitions]
        log.grant_read(task[1], restored, group=group)
        log.grant_write(task[1], restored)
        allow(
            task[1],
            "MakeRestoredTopics",
            ["kafka-cluster:CreateTopic"],
            log.topic_arns(restored),
        )

    def _start_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "ExecutionRole",
            role_name=self._site.names.cross_region_name("services-start", "role"),
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        )
        policy = iam.ManagedPolicy(self, "ExecutionPolicy", roles=[role])
        streams = f"log-group:/lifeline/{self._site.names.regional_name('services')}:log-stream:*"
        allow(
            policy,
            "PullTheImage",
            ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
            [self._site.arn("ecr", f"repository/{ImageRepositories.name(self._site)}")],
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
        acknowledge_pattern(
            policy,
            "*",
            self._site.arn("logs", streams),
            reason="Signing in to the registry takes no resource; ECS names the log streams itself.",
        )
        return role

    def _task_role(self, service: str) -> tuple[iam.Role, iam.ManagedPolicy]:
        name = construct_id(service)
        role = iam.Role(
            self,
            f"{name}Role",
            role_name=self._site.names.cross_region_name(service, "role"),
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        )
        return role, iam.ManagedPolicy(self, f"{name}Policy", roles=[role])

    def _allow_markers(self, policy: iam.ManagedPolicy, stream: IEventStream) -> None:
        stream.grant_put(policy)
        allow(
            policy,
            "ReadTheTrafficSwitch",
            ["dynamodb:GetItem"],
            [self._site.table_arn(self._site.names.regional_name("region-state", "table"))],
        )
