"""Private links into the log for MSK Replicator."""

from __future__ import annotations

from aws_cdk import CfnResource, CustomResource
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_msk as msk
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.keys import Keys
from lifeline.foundation.provisioner import Provisioner
from lifeline.settings import LogReplication
from lifeline.site import Site

PATIENCE_SECONDS = 3_000
"""How long one resource waits for the brokers; CloudFormation lets it wait 3,600 s at most."""


def are_used(site: Site) -> bool:
    """Whether MSK Replicator reads this region's log through private links."""
    settings = site.settings
    replicator = settings.log_replicated_by is LogReplication.REPLICATOR
    return settings.brokers_take_private_links and replicator


class PrivateLinks(Construct):
    """Turns the cluster's private links on (IAM) after its creation, and lets MSK Replicator use them.

    MSK refuses them in the call that makes a cluster ("all vpcConnectivity auth schemes must be
    disabled"), and turning them on restarts broker after broker, half an hour or more. So a small
    function asks for it and calls itself again until it is done. Two resources wait one after the other,
    because CloudFormation gives each one hour: the first gives up in silence, the second fails.

    Covers: a repeated deploy (on already is success). Does not cover: somebody who turns them off by hand;
    and a cluster so big that two waits are too short: deploy again.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        keys: Keys | None = None,
        cluster_arn: str,
    ) -> None:
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        keys = Keys.or_default(self, keys)
        self._cluster_arn = cluster_arn
        self._provider = Provisioner(
            self,
            "Provider",
            site=site,
            package="kafka_links",
            description="Turns on the log's private links",
            keys=keys,
        )
        self._allow(site)
        self._may_call_itself_often()
        self.asked = self._wait("Asked", insists=False)
        self.ready = self._wait("Ready", insists=True)
        self.ready.node.add_dependency(self.asked)
        self.policy = self._cluster_policy()
        self.policy.node.add_dependency(self.ready)

    def _allow(self, site: Site) -> None:
        self._provider.allow(
            "TurnOnPrivateLinks",
            ["kafka:DescribeClusterV2", "kafka:UpdateConnectivity"],
            [self._cluster_arn],
        )
        name = site.names.regional_name("kafka-links", "function")
        self._provider.allow(
            "CallItselfAgain", ["lambda:InvokeFunction"], [site.arn("lambda", f"function:{name}")]
        )
        self._provider.allow(
            "LetMskLookAtTheNetwork", ["ec2:DescribeRouteTables", "ec2:DescribeSubnets"], ["*"]
        )
        acknowledge(
            self._provider.policy,
            "AwsSolutions-IAM5[Resource::*]",
            reason="MSK reads the subnets of the brokers with the caller's permission; EC2 has no "
            "narrower resource for these reads.",
        )

    def _may_call_itself_often(self) -> None:
        """Lambda stops a function that has called itself about 16 times in a chain; patience takes 13 to 15
        calls. The chain ends by itself: each call carries the moment (`WaitUntil`) after which none follows.
        """
        function = self._provider.function.node.default_child
        assert isinstance(function, lambda_.CfnFunction)
        function.recursive_loop = "Allow"

    def _wait(self, construct_id: str, *, insists: bool) -> CustomResource:
        made = self._provider.resource(
            construct_id,
            resource_type="KafkaLinks",
            properties={
                "ClusterArn": self._cluster_arn,
                "PatienceSeconds": str(PATIENCE_SECONDS),
                "Insists": "true" if insists else "false",
            },
        )
        resource = made.node.default_child
        assert isinstance(resource, CfnResource)
        resource.add_property_override("ServiceTimeout", str(PATIENCE_SECONDS + 600))
        return made

    def _cluster_policy(self) -> msk.CfnClusterPolicy:
        """The replicator's own role still decides what it reads and writes in the log."""
        return msk.CfnClusterPolicy(
            self,
            "ClusterPolicy",
            cluster_arn=self._cluster_arn,
            policy={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "Replicator",
                        "Effect": "Allow",
                        "Principal": {"Service": "kafka.amazonaws.com"},
                        "Action": [
                            "kafka:CreateVpcConnection",
                            "kafka:GetBootstrapBrokers",
                            "kafka:DescribeClusterV2",
                        ],
                        "Resource": self._cluster_arn,
                    }
                ],
            },
        )
