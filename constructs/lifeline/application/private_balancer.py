"""How the API and the region's own functions reach the query API: an internal network load balancer."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.zones import workload_subnets
from lifeline.lambdas.contracts.query_api import QUERY_API_PORT
from lifeline.site import Site

DRAIN_SECONDS = 15
"""A read takes at most three seconds; longer only holds up a deployment."""


class PrivateBalancer(Construct):
    """A load balancer without a public address, in front of the query API.

    Covers: the loss of a zone or of a task. Does not cover: a task that answers 503: it stays in, as
    503 is an answer (the region may not serve), and a task that was taken out could not give it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site | None = None,
        vpc: ec2.IVpc,
        vpc_subnets: ec2.SubnetSelection | None = None,
        query_api: ecs.FargateService,
    ) -> None:
        """Raises ValueError for surroundings in which it could not stand.

        `vpc_subnets`: private ones by default. The query API must let in the VPC's range at
            `QUERY_API_PORT`.
        """
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self.balancer = elb.NetworkLoadBalancer(
            self,
            "Balancer",
            load_balancer_name=site.names.regional_name("query-api", "load-balancer"),
            vpc=vpc,
            vpc_subnets=workload_subnets(self, vpc, vpc_subnets),
            internet_facing=False,
            cross_zone_enabled=True,
            deletion_protection=site.settings.deletion_protection,
        )
        self.listener = self.balancer.add_listener("Listener", port=QUERY_API_PORT)
        self.listener.add_targets(
            "QueryApi",
            port=QUERY_API_PORT,
            targets=[query_api],
            target_group_name=site.names.regional_name("query-api", "load-balancer"),
            deregistration_delay=Duration.seconds(DRAIN_SECONDS),
        )
        self.url = f"http://{self.balancer.load_balancer_dns_name}:{QUERY_API_PORT}"
        self._acknowledge()

    def _acknowledge(self) -> None:
        acknowledge(
            self.balancer,
            "ELBDeletionProtectionEnabled",
            reason="Everything is destroyable by design; protection is the deletionProtection setting.",
        )
        acknowledge(
            self.balancer,
            "ELBLoggingEnabled",
            "AwsSolutions-ELB2",
            reason="A network load balancer logs TLS listeners only; the API's access log has every call.",
        )
        acknowledge(
            self.listener,
            "ELBv2ACMCertificateRequired",
            reason="Internal, reached over the API's private link and from the region's own functions; "
            "no public name to certify.",
        )
