"""Aurora PostgreSQL in one region, a member of the global database of the environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Fn, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.data.database_credentials import ADMIN_USER as ADMIN_USER
from lifeline.data.database_credentials import DatabaseCredentials, SignIn
from lifeline.data.database_member import (
    DatabaseMember,
    GlobalDatabaseAttributes,
    ImportedGlobalDatabase,
    sign_in_arn,
)
from lifeline.data.database_parameters import CLUSTER_PARAMETERS, INSTANCE_PARAMETERS
from lifeline.data.notices import notice
from lifeline.data.protected_store import ProtectedStore
from lifeline.foundation.alert_topics import AlertTargets, Severity
from lifeline.foundation.connections import connections_of
from lifeline.foundation.destroyable import destroyable
from lifeline.foundation.function import Placement
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_groups import log_group
from lifeline.foundation.zones import store_subnets
from lifeline.site import Site

ENGINE = "aurora-postgresql"
ENGINE_VERSION = "17.10"
PORT = 5432
DATABASE_NAME = "lifeline"
WORKLOAD_USER = "lifeline"
MAX_INSTANCES = 16
MAX_ACUS = 256
LEAST_MAX_ACUS = 1
"""The greatest capacity must be above 0.5 (CloudFormation, ServerlessV2ScalingConfiguration)."""
"""Of a cluster and of an instance of Aurora Serverless v2 (RDS quotas, November 2026)."""
LEAST_ZONES = 2
IO_OPTIMIZED = "aurora-iopt1"
EXPORTED_LOGS = ("postgresql", "iam-db-auth-error")
BACKUP_WINDOW = "05:00-05:30"
MAINTENANCE_WINDOW = "sun:07:00-sun:07:30"
"""Night in Canada; the plan of `Backups` starts at other hours: its snapshots may not start in these."""
REPORTED_CATEGORIES = ("failover", "global-failover", "failure", "maintenance", "notification")
FENCING_EVENTS = ("RDS-EVENT-0390", "RDS-EVENT-0391")
"""The old writer's storage was fenced; fencing it timed out."""


@dataclass(frozen=True, kw_only=True)
class DatabaseCapacity:
    """How many instances a member has, and between how many Aurora capacity units each of them scales.

    Raises ValueError for what RDS refuses.
    """

    instances: int
    min_acus: float
    max_acus: float

    def __post_init__(self) -> None:
        if not 1 <= self.instances <= MAX_INSTANCES:
            raise ValueError(
                f"A database cannot have {self.instances} instances; allowed are 1 to {MAX_INSTANCES}."
            )
        halves = all((2 * one).is_integer() for one in (float(self.min_acus), float(self.max_acus)))
        ordered = 0 <= self.min_acus <= self.max_acus <= MAX_ACUS
        if not halves or not ordered or self.max_acus < LEAST_MAX_ACUS:
            raise ValueError(
                f"An instance cannot scale from {self.min_acus} to {self.max_acus} capacity units; "
                f"allowed are steps of 0.5 up to {MAX_ACUS}, the greatest at least {LEAST_MAX_ACUS} and not "
                "under the least."
            )


class GlobalDatabase(DatabaseMember):
    """The member of the global database in this region; in the home region also the global cluster.

    Covers: the loss of the region that writes (the other member is promoted), of an instance (two in
    staging and production), a password that leaks (workloads sign in with IAM over TLS), and a client
    that never lets go (server-side time-outs). Does not cover: a wrong statement, which replicates within
    a second: that is what point-in-time recovery and `Backups` are for.
    Everything but the `vpc` has a default: alone in a `cdk.Stack` it names itself after its path and tells
    nobody. Two of them stand in one stack; one in each of two regions with one `global_identifier` are a
    pair, of which the second says `creates_global_cluster=False`.
    The global cluster's writer moves at run time; nothing here names it. The admin's name and password at
    home are facts of creation, which stay true of a member that no longer writes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        vpc: ec2.IVpc,
        vpc_subnets: ec2.SubnetSelection | None = None,
        keys: Keys | None = None,
        identifier: str | None = None,
        global_identifier: str | None = None,
        creates_global_cluster: bool | None = None,
        engine_version: str = ENGINE_VERSION,
        port: int = PORT,
        database_name: str = DATABASE_NAME,
        user: str = WORKLOAD_USER,
        capacity: DatabaseCapacity | None = None,
        deletion_protection: bool | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
        admin_readers: Sequence[iam.IRole] = (),
        rotation_security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        alert_topics: AlertTargets | None = None,
    ) -> None:
        """Raises ValueError for surroundings in which the database could not stand.

        `vpc_subnets`: the isolated ones by default, else the private ones. `connections` lets nobody in.
        `creates_global_cluster`: at home by default; in a plain stack, yes.
        `capacity`, `deletion_protection`: as the settings say; in a plain stack as the dev profile does.
        `admin_readers`: roles that may read the admin's password beside our migrations and rotation.
        `rotation_security_groups`: of the function that rotates it, which you let in; by default one of
            its own, which is let in.
        `alert_topics`: who is told; by default the application's topics, in a plain stack nobody.
        """
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        site = site if identifier is None else site.renamed(identifier)
        keys = Keys.or_default(self, keys)
        self._site, self._keys = site, keys
        names, settings = site.names, site.settings
        self.creates_global_cluster = (
            site.is_home if creates_global_cluster is None else creates_global_cluster
        )
        if site.is_derived and not self.creates_global_cluster and global_identifier is None:
            raise ValueError(
                f"{self.node.path} joins a global cluster but was not told which; give the "
                "`global_identifier` of the member that creates it."
            )
        self.identifier = identifier or names.cross_region_name("database", "database")
        self.global_identifier = global_identifier or names.regional_name("global", "database")
        self.port, self.database_name, self.user = port, database_name, user
        self._engine_version, self._removal_policy = engine_version, removal_policy
        self._major = major_version(engine_version)
        self._capacity = capacity or DatabaseCapacity(
            instances=settings.profile.database_instances,
            min_acus=settings.capacity.min_acus,
            max_acus=settings.capacity.max_acus,
        )
        self._deletion_protection = (
            settings.deletion_protection if deletion_protection is None else deletion_protection
        )
        self._alert_topics = alert_topics
        if self.creates_global_cluster and not vpc.private_subnets:
            raise ValueError(
                f"{self.node.path} found no private subnet with a way out in its VPC; the function that "
                "rotates the admin's password needs one (PRIVATE_WITH_EGRESS) to call Secrets Manager."
            )
        subnets = store_subnets(
            self, vpc, vpc_subnets, least_zones=LEAST_ZONES, why="a group of database subnets"
        )
        self.group = ec2.SecurityGroup(
            self, "Group", vpc=vpc, description="The database.", allow_all_outbound=False
        )
        self._connections = connections_of(self.group, port)
        self._subnets = rds.CfnDBSubnetGroup(
            self,
            "Subnets",
            db_subnet_group_name=names.regional_name("database", "database"),
            db_subnet_group_description="Isolated subnets of three zones.",
            subnet_ids=subnets.subnet_ids,
        )
        self.credentials = DatabaseCredentials(
            self,
            "Credentials",
            site=site,
            keys=keys,
            made_here=self.creates_global_cluster,
            readers=admin_readers,
            alert_topics=alert_topics,
        )
        self.cluster = self._cluster()
        if self.creates_global_cluster:
            self._make_global()
        self.cluster.apply_removal_policy(removal_policy)
        first, *_ = self._instances()
        self._tell_of_events()
        self._acknowledge()
        if self.creates_global_cluster:
            self.credentials.rotate(
                placement=Placement(
                    vpc=vpc,
                    security_groups=rotation_security_groups or [self._rotation_group(vpc)],
                ),
                sign_in=SignIn(host=self.host, port=port, database=database_name, ready=first),
            )

    @staticmethod
    def from_global_database_attributes(
        scope: Construct, construct_id: str, attributes: GlobalDatabaseAttributes
    ) -> ImportedGlobalDatabase:
        """A member that something else made."""
        return ImportedGlobalDatabase(scope, construct_id, attributes=attributes)

    @staticmethod
    def from_cluster(
        scope: Construct,
        construct_id: str,
        cluster: rds.DatabaseCluster,
        *,
        peer_identifier: str = "",
        global_identifier: str | None = None,
        database_name: str | None = None,
        user: str,
    ) -> ImportedGlobalDatabase:
        """The member that an `rds.DatabaseCluster` of the same stack is; `user` signs in with IAM.

        `global_identifier`: as the cluster itself says. `database_name`: called like `user`.
        Raises ValueError for a cluster that says no global identifier and was given none, and for one to
        which nobody can sign in with IAM.
        """
        writer, reader = cluster.cluster_endpoint, cluster.cluster_read_endpoint
        made = cluster.node.default_child
        assert isinstance(made, rds.CfnDBCluster)
        found = global_identifier or made.global_cluster_identifier
        if found is None:
            raise ValueError(
                f"{cluster.node.path} does not say which global cluster it is a member of; give the "
                "`global_identifier`, or set `global_cluster_identifier` of its CfnDBCluster."
            )
        if not made.enable_iam_database_authentication:
            raise ValueError(
                f"{cluster.node.path} lets nobody sign in with IAM, as keeper and plan do; give it "
                "`iam_authentication=True`."
            )
        attributes = GlobalDatabaseAttributes(
            identifier=cluster.cluster_identifier,
            global_identifier=found,
            peer_identifier=peer_identifier,
            hosts=f"{writer.hostname},{reader.hostname}",
            cluster_resource_id=cluster.cluster_resource_identifier,
            port=PORT if made.port is None else int(made.port),
            database_name=database_name or user,
            user=user,
            security_group=cluster.connections.security_groups[0],
        )
        return ImportedGlobalDatabase(scope, construct_id, attributes=attributes)

    @property
    def peer_identifier(self) -> str:
        """The member's cluster identifier in the other region. Raises ValueError where there is none."""
        return self._site.peer.names.cross_region_name("database", "database")

    @property
    def admin_secret(self) -> secretsmanager.ISecret | None:
        """The admin's secret where the global cluster was created; None at the member that joined it."""
        return self.credentials.secret if self.creates_global_cluster else None

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
        return sign_in_arn(self, self.cluster.attr_db_cluster_resource_id, self.user)

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

    def _rotation_group(self, vpc: ec2.IVpc) -> ec2.ISecurityGroup:
        group = ec2.SecurityGroup(
            self, "RotationGroup", vpc=vpc, description="The rotation.", allow_all_outbound=True
        )
        self.connections.allow_default_port_from(group, "The rotation of the admin's password")
        return group

    def _cluster(self) -> rds.CfnDBCluster:
        settings, capacity = self._site.settings, self._capacity
        parameters = rds.CfnDBClusterParameterGroup(
            self,
            "Parameters",
            family=f"{ENGINE}{self._major}",
            db_cluster_parameter_group_name=self._site.names.regional_name(
                f"database-pg{self._major}", "database"
            ),
            description="TLS only, bounded waits, logs without patient data.",
            parameters=CLUSTER_PARAMETERS,
        )
        destroyable(parameters)
        cluster = rds.CfnDBCluster(
            self,
            "Cluster",
            engine=ENGINE,
            engine_version=self._engine_version,
            db_cluster_identifier=self.identifier,
            global_cluster_identifier=self.global_identifier,
            db_subnet_group_name=self._subnets.ref,
            db_cluster_parameter_group_name=parameters.ref,
            vpc_security_group_ids=[self.group.security_group_id],
            port=self.port,
            storage_encrypted=True,
            storage_type=IO_OPTIMIZED if settings.profile.io_optimized else None,
            kms_key_id=self._keys.data.key_arn,
            enable_iam_database_authentication=True,
            enable_cloudwatch_logs_exports=list(EXPORTED_LOGS),
            copy_tags_to_snapshot=True,
            backup_retention_period=settings.tier.backups.point_in_time_days,
            preferred_backup_window=BACKUP_WINDOW,
            preferred_maintenance_window=MAINTENANCE_WINDOW,
            deletion_protection=self._deletion_protection,
            serverless_v2_scaling_configuration=(
                rds.CfnDBCluster.ServerlessV2ScalingConfigurationProperty(
                    min_capacity=capacity.min_acus, max_capacity=capacity.max_acus
                )
            ),
        )
        for name in EXPORTED_LOGS:
            cluster.node.add_dependency(self._log_group(name))
        return cluster

    def _make_global(self) -> None:
        """Creation-time facts of the home region: the global cluster, the schema's name, the admin."""
        global_cluster = rds.CfnGlobalCluster(
            self,
            "World",
            global_cluster_identifier=self.global_identifier,
            engine=ENGINE,
            engine_version=self._engine_version,
            storage_encrypted=True,
            deletion_protection=self._deletion_protection,
        )
        global_cluster.apply_removal_policy(self._removal_policy)
        self.cluster.master_username = ADMIN_USER
        self.cluster.master_user_password = self.credentials.password
        self.cluster.database_name = self.database_name
        self.cluster.add_resource_dependency(global_cluster)

    def _instances(self) -> list[rds.CfnDBInstance]:
        instances = []
        role = self._monitoring_role()
        parameters = rds.CfnDBParameterGroup(
            self,
            "InstanceParameters",
            family=f"{ENGINE}{self._major}",
            db_parameter_group_name=self._site.names.regional_name(
                f"database-instance-pg{self._major}", "database"
            ),
            description="What a server says of waits and spills.",
            parameters=INSTANCE_PARAMETERS,
        )
        destroyable(parameters)
        for number in range(1, self._capacity.instances + 1):
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
                reason="Backups belong to the Aurora cluster, not to its instances.",
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
        # Of two instances at least: what one is told about is not what the profile chooses to pay for.
        members = [
            f"database-{number}" for number in range(1, max(2, self._capacity.instances) + 1)
        ]
        notice(
            self,
            "Events",
            site=self._site,
            topics=self._alert_topics,
            name="database-events",
            description="The database failed over, failed, was fenced or is about to be maintained",
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


def major_version(engine_version: str) -> str:
    """What the name of a parameter family ends in: `17` for 17.10. Raises ValueError for another form."""
    major, _, minor = engine_version.partition(".")
    if not (major.isdecimal() and minor.isdecimal()):
        raise ValueError(
            f"Bad engine version {engine_version!r}; allowed is Aurora PostgreSQL's major.minor, such as "
            f"{ENGINE_VERSION}."
        )
    return major
