"""Aurora PostgreSQL in one region, a member of the global database of the environment."""

from __future__ import annotations

from aws_cdk import Duration, Fn
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.data.database_credentials import ADMIN_USER as ADMIN_USER
from lifeline.data.database_credentials import DatabaseCredentials, SignIn
from lifeline.data.database_parameters import CLUSTER_PARAMETERS, INSTANCE_PARAMETERS
from lifeline.data.notices import notice
from lifeline.data.protected_store import ProtectedStore
from lifeline.foundation.alert_topics import Severity
from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.function import allow
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.network import Network
from lifeline.site import Site

ENGINE = "aurora-postgresql"
ENGINE_VERSION = "17.10"
PARAMETER_FAMILY = "aurora-postgresql17"
PORT = 5432
DATABASE_NAME = "lifeline"
WORKLOAD_USER = "lifeline"
IO_OPTIMIZED = "aurora-iopt1"
EXPORTED_LOGS = ("postgresql", "iam-db-auth-error")
BACKUP_WINDOW = "05:00-05:30"
MAINTENANCE_WINDOW = "sun:07:00-sun:07:30"
"""Night in Canada; the plan of `Backups` starts at other hours: its snapshots may not start in these."""
REPORTED_CATEGORIES = ("failover", "global-failover", "failure", "maintenance", "notification")
FENCING_EVENTS = ("RDS-EVENT-0390", "RDS-EVENT-0391")
"""The old writer's storage was fenced; fencing it timed out."""


class GlobalDatabase(Construct):
    """The member of the global database in this region; in the home region also the global cluster.

    Covers: the loss of the region that writes (the other member is promoted), of an instance (two in
    staging and production), a password that leaks (workloads sign in with IAM over TLS), and a client
    that never lets go (server-side time-outs). Does not cover: a wrong statement, which replicates within
    a second: that is what point-in-time recovery and `Backups` are for.
    The global cluster's writer moves at run time; nothing here names it. The admin's name and password at
    home are facts of creation, which stay true of a member that no longer writes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site,
        network: Network,
        keys: Keys,
    ) -> None:
        super().__init__(scope, construct_id)
        self._site, self._keys = site, keys
        names = site.names
        self.identifier = names.cross_region_name("database", "database")
        self.peer_identifier = site.peer.names.cross_region_name("database", "database")
        self.global_identifier = names.regional_name("global", "database")
        self.port, self.database_name, self.user = PORT, DATABASE_NAME, WORKLOAD_USER
        self.group = ec2.SecurityGroup(
            self, "Group", vpc=network.vpc, description="The database.", allow_all_outbound=False
        )
        self.group.add_ingress_rule(
            network.database_clients, ec2.Port.tcp(PORT), "Workloads that join database clients"
        )
        self._subnets = rds.CfnDBSubnetGroup(
            self,
            "Subnets",
            db_subnet_group_name=names.regional_name("database", "database"),
            db_subnet_group_description="Isolated subnets of three zones.",
            subnet_ids=network.vpc.select_subnets(
                subnet_type=network.store_subnets.subnet_type
            ).subnet_ids,
        )
        self.credentials = DatabaseCredentials(self, "Credentials", site=site, keys=keys)
        self.cluster = self._cluster()
        if site.is_home:
            self._make_global()
        destroyable(self.cluster)
        first, *_ = self._instances()
        self._tell_of_events()
        self._acknowledge()
        if site.is_home:
            self.credentials.rotate(
                network=network,
                sign_in=SignIn(host=self.host, port=PORT, database=DATABASE_NAME, ready=first),
            )

    @property
    def admin_secret(self) -> secretsmanager.ISecret | None:
        """The admin's secret at home, where migrations run; None in the recovery region."""
        return self.credentials.secret if self._site.is_home else None

    @property
    def host(self) -> str:
        """The cluster's writer endpoint in this region; on the recovery side only once promoted."""
        return self.cluster.attr_endpoint_address

    @property
    def hosts(self) -> str:
        """Writer and reader endpoint, in the order to try: an unpromoted member answers at the latter."""
        return f"{self.cluster.attr_endpoint_address},{self.cluster.attr_read_endpoint_address}"

    @property
    def sign_in_arn(self) -> str:
        """What `rds-db:connect` is allowed on: the workloads' user of this region's cluster."""
        resource = self.cluster.attr_db_cluster_resource_id
        return self._site.arn("rds-db", f"dbuser:{resource}/{WORKLOAD_USER}")

    @property
    def protected(self) -> ProtectedStore:
        """This region's member for the backup plan. A restore test must stay in the isolated subnets."""
        return ProtectedStore(
            resource_type="Aurora",
            arn=self.cluster.attr_db_cluster_arn,
            keeps_a_journal=True,
            restore_into={
                "dbsubnetgroupname": self._subnets.ref,
                "vpcsecuritygroupids": Fn.sub(
                    '["${Group}"]', {"Group": self.group.security_group_id}
                ),
            },
        )

    def grant_connect(self, policy: iam.ManagedPolicy) -> None:
        """Let the roles of `policy` sign in as the workloads' user; they must also join the clients."""
        allow(policy, "SignInToTheDatabase", ["rds-db:connect"], [self.sign_in_arn])

    def metric_replication_lag(self) -> cloudwatch.Metric:
        """Milliseconds behind the writer; only the region that does not write has it."""
        return self._metric("AuroraGlobalDBReplicationLag", "Maximum")

    def metric_rpo_lag(self) -> cloudwatch.Metric:
        """Milliseconds of transactions that a promotion now would lose; only where nothing writes."""
        return self._metric("AuroraGlobalDBRPOLag", "Maximum")

    def metric_cpu(self) -> cloudwatch.Metric:
        """Per cent of the busiest instance."""
        return self._metric("CPUUtilization", "Maximum")

    def metric_connections(self) -> cloudwatch.Metric:
        """Open connections of the instance that has most; the limit is MAX_CONNECTIONS."""
        return self._metric("DatabaseConnections", "Maximum")

    def metric_capacity(self) -> cloudwatch.Metric:
        """Aurora capacity units of the biggest instance; the ceiling is the capacity plan's."""
        return self._metric("ServerlessDatabaseCapacity", "Maximum")

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/RDS",
            metric_name=name,
            dimensions_map={"DBClusterIdentifier": self.identifier},
            statistic=statistic,
            period=Duration.minutes(1),
        )

    def _cluster(self) -> rds.CfnDBCluster:
        settings = self._site.settings
        parameters = rds.CfnDBClusterParameterGroup(
            self,
            "Parameters",
            family=PARAMETER_FAMILY,
            db_cluster_parameter_group_name=self._site.names.regional_name(
                "database-pg17", "database"
            ),
            description="TLS only, bounded waits, logs without patient data.",
            parameters=CLUSTER_PARAMETERS,
        )
        destroyable(parameters)
        cluster = rds.CfnDBCluster(
            self,
            "Cluster",
            engine=ENGINE,
            engine_version=ENGINE_VERSION,
            db_cluster_identifier=self.identifier,
            global_cluster_identifier=self.global_identifier,
            db_subnet_group_name=self._subnets.ref,
            db_cluster_parameter_group_name=parameters.ref,
            vpc_security_group_ids=[self.group.security_group_id],
            port=PORT,
            storage_encrypted=True,
            storage_type=IO_OPTIMIZED if settings.profile.io_optimized else None,
            kms_key_id=self._keys.data.key_arn,
            enable_iam_database_authentication=True,
            enable_cloudwatch_logs_exports=list(EXPORTED_LOGS),
            copy_tags_to_snapshot=True,
            backup_retention_period=settings.tier.backups.point_in_time_days,
            preferred_backup_window=BACKUP_WINDOW,
            preferred_maintenance_window=MAINTENANCE_WINDOW,
            deletion_protection=settings.deletion_protection,
            serverless_v2_scaling_configuration=(
                rds.CfnDBCluster.ServerlessV2ScalingConfigurationProperty(
                    min_capacity=settings.capacity.min_acus,
                    max_capacity=settings.capacity.max_acus,
                )
            ),
        )
        for name in EXPORTED_LOGS:
            cluster.node.add_dependency(self._log_group(name))
        return cluster

    def _make_global(self) -> None:
        """Creation-time facts of the home region: the global cluster, the schema's name, the admin."""
        world = rds.CfnGlobalCluster(
            self,
            "World",
            global_cluster_identifier=self.global_identifier,
            engine=ENGINE,
            engine_version=ENGINE_VERSION,
            storage_encrypted=True,
            deletion_protection=self._site.settings.deletion_protection,
        )
        destroyable(world)
        self.cluster.master_username = ADMIN_USER
        self.cluster.master_user_password = self.credentials.password
        self.cluster.database_name = DATABASE_NAME
        self.cluster.add_resource_dependency(world)

    def _instances(self) -> list[rds.CfnDBInstance]:
        instances = []
        role = self._monitoring_role()
        parameters = rds.CfnDBParameterGroup(
            self,
            "InstanceParameters",
            family=PARAMETER_FAMILY,
            db_parameter_group_name=self._site.names.regional_name(
                "database-instance-pg17", "database"
            ),
            description="What a server says of waits and spills.",
            parameters=INSTANCE_PARAMETERS,
        )
        destroyable(parameters)
        for number in range(1, self._site.settings.profile.database_instances + 1):
            instance = rds.CfnDBInstance(
                self,
                f"Instance{number}",
                engine=ENGINE,
                db_cluster_identifier=self.cluster.ref,
                db_instance_class="db.serverless",
                db_instance_identifier=self._site.names.cross_region_name(
                    f"database-{number}", "database"
                ),
                db_parameter_group_name=parameters.ref,
                # The first two are first in line when the writer fails: they scale with it.
                promotion_tier=min(number - 1, 1),
                publicly_accessible=False,
                auto_minor_version_upgrade=False,
                monitoring_interval=60,
                monitoring_role_arn=role.role_arn,
                enable_performance_insights=True,
                performance_insights_kms_key_id=self._keys.data.key_arn,
            )
            instance.node.add_dependency(role)
            destroyable(instance)
            acknowledge(
                instance,
                "RDSAutomaticMinorVersionUpgradeEnabled",
                reason="Members of a global database must run one version: upgrades are planned.",
            )
            acknowledge(
                instance,
                "RDSInBackupPlan",
                "RDSInstanceDeletionProtectionEnabled",
                "RDSMultiAZSupport",
                "RDSInstanceBackupEnabled",
                "RDSLoggingEnabled",
                reason="Backups, logs, zones and protection belong to the Aurora cluster, not to its "
                "instances.",
            )
            instances.append(instance)
        return instances

    def _monitoring_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "Monitoring",
            role_name=self._site.names.cross_region_name("database-monitoring", "role"),
            description="Enhanced monitoring of the database's servers",
            assumed_by=iam.ServicePrincipal("monitoring.rds.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(
                    "service-role/AmazonRDSEnhancedMonitoringRole"
                )
            ],
        )
        acknowledge(
            role,
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AmazonRDSEnhancedMonitoringRole]",
            reason="RDS writes to a log group of its own that this policy is made for.",
        )
        return role

    def _log_group(self, exported: str) -> logs.LogGroup:
        words = "".join(word.capitalize() for word in exported.split("-"))
        return log_group(
            self,
            "Logs" if exported == "postgresql" else f"{words}Logs",
            site=self._site,
            keys=self._keys,
            name=f"/aws/rds/cluster/{self.identifier}/{exported}",
        )

    def _tell_of_events(self) -> None:
        """By the event bus, not by a subscription of RDS: one publisher for the topic's policy to name."""
        members = [f"database-{number}" for number in range(1, 3)]
        notice(
            self,
            "Events",
            site=self._site,
            name="database-events",
            says="The database failed over, failed, was fenced or is about to be maintained",
            pattern={
                "source": ["aws.rds"],
                "detail": {
                    "SourceIdentifier": [
                        self.identifier,
                        self.global_identifier,
                        *(self._site.names.cross_region_name(one, "database") for one in members),
                    ],
                    "$or": [
                        {"EventCategories": list(REPORTED_CATEGORIES)},
                        {"EventID": list(FENCING_EVENTS)},
                    ],
                },
            },
            severity=Severity.WARNING,
        )

    def _acknowledge(self) -> None:
        acknowledge(
            self.cluster,
            "RDSInstanceDeletionProtectionEnabled",
            "AwsSolutions-RDS10",
            reason="Everything is destroyable by design; protection is the deletionProtection setting.",
        )
        acknowledge(
            self.cluster,
            "AwsSolutions-RDS11",
            reason="A port that people know; the group lets in the workloads only.",
        )
