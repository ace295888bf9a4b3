"""One construct reused alone: a global database in your own VPCs, in both of your regions.

cdk synth
cdk deploy Orders-home Orders-recovery
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from lifeline.data import GlobalDatabase

HOME, RECOVERY = "eu-central-1", "eu-west-1"
GLOBAL_CLUSTER = "orders"


class OrdersStack(cdk.Stack):
    """A network of your own, a member of the global database in it, and a role that may sign in."""

    def __init__(
        self, scope: Construct, construct_id: str, *, region: str, creates_global_cluster: bool
    ) -> None:
        super().__init__(scope, construct_id, env=cdk.Environment(region=region))
        vpc = ec2.Vpc(
            self,
            "Vpc",
            # A plain stack without an account is given two zones; the database asks for three.
            availability_zones=[f"{region}{zone}" for zone in "abc"],
            nat_gateways=1,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC),
                ec2.SubnetConfiguration(
                    name="Private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS
                ),
                ec2.SubnetConfiguration(name="Stores", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            ],
        )
        database = GlobalDatabase(
            self,
            "Database",
            vpc=vpc,
            global_identifier=GLOBAL_CLUSTER,
            creates_global_cluster=creates_global_cluster,
            database_name="orders",
        )
        workload = iam.Role(
            self, "Workload", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")
        )
        database.grant_connect(workload)
        tasks = ec2.SecurityGroup(self, "Tasks", vpc=vpc)
        database.connections.allow_default_port_from(tasks, "The workload's tasks")
        cdk.CfnOutput(self, "Hosts", value=database.hosts)


def main() -> None:
    """The member that creates the global cluster is deployed before the one that joins it."""
    app = cdk.App()
    home = OrdersStack(app, "Orders-home", region=HOME, creates_global_cluster=True)
    recovery = OrdersStack(app, "Orders-recovery", region=RECOVERY, creates_global_cluster=False)
    recovery.add_stack_dependency(home)
    app.synth()


if __name__ == "__main__":
    main()
