"""Aurora PostgreSQL in one region, a member of the global database of the environment."""

from __future__ import annotations

from aws_cdk import CfnDeletionPolicy, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.keys import Keys
from lifeline.foundation.log_retention import retention_of
from lifeline.foundation.network import Network
from lifeline.site import Site

ENGINE = "aurora-postgresql"
ENGINE_VERSION = "17.10"
PARAMETER_FAMILY = "aurora-postgresql17"
PORT = 5432
DATABASE_NAME = "lifeline"
WORKLOAD_USER = "lifeline"
ADMIN_USER = "lifeline_admin"
BACKUP_RETENTION_DAYS = 35


class GlobalDatabase(Construct):
    """The member of the global database in this region; in the home region also the global cluster.

    Covers: the loss of the region that writes (the other member is promoted), of an instance (two in
    staging and production), and a password that leaks (workloads sign in with IAM over TLS). Does not
    cover: a wrong statement, which replicates within a second: that is what backups are for.
    The global cluster's writer moves at run time; nothing here names it.
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
        self._site = site
        self._keys = keys
        names = site.names
        self.identifier = names.shared("database", "database")
        self.global_identifier = names.here("global", "database")
        self.port = PORT
        self.admin_secret: secretsmanager.Secret | None = None
        self.group = ec2.SecurityGroup(
            self, "Group", vpc=network.vpc, description="The database.", allow_all_outbound=False
        )
        self.group.add_ingress_rule(
            network.database_clients, ec2.Port.tcp(PORT), "Workloads that join database clients"
        )
        subnets = rds.CfnDBSubnetGroup(
            self,
            "Subnets",
            db_subnet_group_name=names.here("database", "database"),
            db_subnet_group_description="Private subnets of three zones.",
            subnet_ids=[subnet.subnet_id for subnet in network.vpc.private_subnets],
        )
        parameters = rds.CfnDBClusterParameterGroup(
            self,
            "Parameters",
            family=PARAMETER_FAMILY,
            description="TLS is required of every connection.",
            parameters={"rds.force_ssl": "1", "log_connections": "1", "log_disconnections": "1"},
        )
        exported = self._log_group()
        self.cluster = rds.CfnDBCluster(
            self,
            "Cluster",
            engine=ENGINE,
            engine_version=ENGINE_VERSION,
            db_cluster_identifier=self.identifier,
            global_cluster_identifier=self.global_identifier,
            db_subnet_group_name=subnets.ref,
            db_cluster_parameter_group_name=parameters.ref,
            vpc_security_group_ids=[self.group.security_group_id],
            port=PORT,
            storage_encrypted=True,
            kms_key_id=keys.data.key_arn,
            enable_iam_database_authentication=True,
            enable_cloudwatch_logs_exports=["postgresql"],
            copy_tags_to_snapshot=True,
            backup_retention_period=BACKUP_RETENTION_DAYS,
            deletion_protection=site.settings.deletion_protection,
            serverless_v2_scaling_configuration=(
                rds.CfnDBCluster.ServerlessV2ScalingConfigurationProperty(
                    min_capacity=site.settings.capacity.min_acus,
                    max_capacity=site.settings.capacity.max_acus,
                )
            ),
        )
        self.cluster.node.add_dependency(exported)
        if site.is_home:
            self._make_global()
        self._destroyable(self.cluster)
        self._instances()
        self._acknowledge()

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

    def _make_global(self) -> None:
        """Creation-time facts of the home region: the global cluster, the schema's name, the admin."""
        settings = self._site.settings
        world = rds.CfnGlobalCluster(
            self,
            "World",
            global_cluster_identifier=self.global_identifier,
            engine=ENGINE,
            engine_version=ENGINE_VERSION,
            storage_encrypted=True,
            deletion_protection=settings.deletion_protection,
        )
        self._destroyable(world)
        secret = secretsmanager.Secret(
            self,
            "Admin",
            secret_name=self._site.names.here("database-admin"),
            description="The database's administrator; migrations only.",
            encryption_key=self._keys.secrets,
            removal_policy=RemovalPolicy.DESTROY,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=f'{{"username": "{ADMIN_USER}"}}',
                generate_string_key="password",
                exclude_punctuation=True,
                password_length=40,
            ),
        )
        acknowledge(
            secret,
            "SecretsManagerRotationEnabled",
            "AwsSolutions-SMG4",
            reason="Workloads sign in with IAM; the password serves migrations only. A rotation that "
            "knows of two regions is a construct of its own (rule D10).",
        )
        self.admin_secret = secret
        self.cluster.master_username = ADMIN_USER
        self.cluster.master_user_password = secret.secret_value_from_json(
            "password"
        ).unsafe_unwrap()
        self.cluster.database_name = DATABASE_NAME
        self.cluster.add_resource_dependency(world)

    def _instances(self) -> None:
        role = iam.Role(
            self,
            "Monitoring",
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
        for number in range(1, self._site.settings.profile.database_instances + 1):
            instance = rds.CfnDBInstance(
                self,
                f"Instance{number}",
                engine=ENGINE,
                db_cluster_identifier=self.cluster.ref,
                db_instance_class="db.serverless",
                db_instance_identifier=self._site.names.shared(f"database-{number}", "database"),
                publicly_accessible=False,
                auto_minor_version_upgrade=False,
                monitoring_interval=60,
                monitoring_role_arn=role.role_arn,
                enable_performance_insights=True,
                performance_insights_kms_key_id=self._keys.data.key_arn,
            )
            instance.node.add_dependency(role)
            self._destroyable(instance)
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

    def _log_group(self) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/rds/cluster/{self.identifier}/postgresql",
            encryption_key=self._keys.logs,
            retention=retention_of(self._site.settings.profile.log_retention_days),
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _destroyable(
        self, resource: rds.CfnDBCluster | rds.CfnDBInstance | rds.CfnGlobalCluster
    ) -> None:
        """An absent policy means Snapshot for a cluster: say Delete."""
        resource.cfn_options.deletion_policy = CfnDeletionPolicy.DELETE
        resource.cfn_options.update_replace_policy = CfnDeletionPolicy.DELETE

    def _acknowledge(self) -> None:
        acknowledge(
            self.cluster,
            "RDSInBackupPlan",
            reason="Point-in-time recovery for 35 days is on; copies to the other region's vault are "
            "the backup construct's.",
        )
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
