"""Vital signs of a hospital: a stream, its writer, a global database, an API; two regions."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_rds as rds
from constructs import Construct

HOME, RECOVERY = "ca-central-1", "ca-west-1"
ENGINE_VERSION = rds.AuroraPostgresEngineVersion.VER_17_9
PEERS = {HOME: RECOVERY, RECOVERY: HOME}
FUNCTIONS = str(Path(__file__).parent / "functions")


class VitalsStack(cdk.Stack):
    """One region of the application."""

    def __init__(self, scope: Construct, region: str) -> None:
        super().__init__(scope, f"Vitals-{region}", env=cdk.Environment(region=region))
        vpc = ec2.Vpc(self, "Vpc", nat_gateways=1)
        database = self.database(vpc, region)
        stream = kinesis.Stream(self, "Readings", stream_name="vitals-readings")
        # A PostgreSQL driver (pg8000), published in each region by another team.
        driver = lambda_.LayerVersion.from_layer_version_arn(
            self, "Driver", self.format_arn(service="lambda", resource="layer:pg8000:1")
        )
        writer, health = (
            self.function(name, vpc, database, driver) for name in ("write", "health")
        )
        writer.add_event_source(
            event_sources.KinesisEventSource(
                stream, starting_position=lambda_.StartingPosition.TRIM_HORIZON
            )
        )
        api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name="vitals",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
        )
        api.root.add_resource("health").add_method("GET", apigateway.LambdaIntegration(health))

    def database(self, vpc: ec2.Vpc, region: str) -> rds.DatabaseCluster:
        """The region's member of the global database; the home region made it."""
        database = rds.DatabaseCluster(
            self,
            "Database",
            cluster_identifier=f"vitals-{region}",
            engine=rds.DatabaseClusterEngine.aurora_postgres(version=ENGINE_VERSION),
            writer=rds.ClusterInstance.serverless_v2("One"),
            vpc=vpc,
            port=5432,
            iam_authentication=True,
            # Named, because a member that joins from another region must name one.
            storage_encryption_key=kms.Key(self, "DatabaseKey"),
            default_database_name="vitals",
        )
        member = database.node.default_child
        assert isinstance(member, rds.CfnDBCluster)
        member.global_cluster_identifier = "vitals"
        if region == HOME:
            member.node.add_dependency(
                rds.CfnGlobalCluster(
                    self,
                    "Global",
                    global_cluster_identifier="vitals",
                    engine="aurora-postgresql",
                    engine_version=ENGINE_VERSION.aurora_postgres_full_version,
                    storage_encrypted=True,
                )
            )
        else:
            # A member that joins has the schema and the users of the one that writes.
            for name in ("DatabaseName", "MasterUsername", "MasterUserPassword"):
                member.add_property_deletion_override(name)
        return database

    def function(
        self,
        name: str,
        vpc: ec2.Vpc,
        database: rds.DatabaseCluster,
        driver: lambda_.ILayerVersion,
    ) -> lambda_.Function:
        """A function beside the database, which it signs in to with IAM."""
        writer, reader = database.cluster_endpoint, database.cluster_read_endpoint
        made = lambda_.Function(
            self,
            name.capitalize(),
            function_name=f"vitals-{name}",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler=f"{name}.handler",
            code=lambda_.Code.from_asset(FUNCTIONS),
            layers=[driver],
            vpc=vpc,
            timeout=cdk.Duration.seconds(20),
            environment={
                "DB_HOSTS": f"{writer.hostname},{reader.hostname}",
                "DB_PORT": "5432",
                "DB_SIGN_IN": "iam",
                "DB_CA_FILE": "rds-ca.pem",
            },
        )
        database.grant_connect(made, "vitals")
        database.connections.allow_default_port_from(made)
        return made


def main() -> None:
    """The member that makes the global database is deployed first."""
    app = cdk.App()
    home, recovery = VitalsStack(app, HOME), VitalsStack(app, RECOVERY)
    recovery.add_stack_dependency(home)
    app.synth()


if __name__ == "__main__":
    main()
