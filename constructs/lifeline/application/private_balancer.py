"""How the API and the region's own functions reach the query API: an internal network load balancer."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from constructs import Construct

from lifeline.compliance.acknowledge import acknowledge
from lifeline.foundation.zones import workload_subnets
from lifeline.lambdas.contracts.query_api import QUERY_API_PORT, QUERY_API_TLS_PORT, TLS_NAME
from lifeline.site import Site

DRAIN_SECONDS = 15
"""A read takes at most three seconds; longer only holds up a deployment."""


class PrivateBalancer(Construct):
    """A load balancer without a public address, in front of the query API.

    Covers: the loss of a zone or of a task. Does not cover: a task that answers 503: it stays in, as
    503 is an answer (the region may not serve), and a task that was taken out could not give it.

    It hands bytes on and ends no TLS: at `QUERY_API_TLS_PORT` a caller meets the task itself, which makes a
    certificate for the balancer's name when it starts (`tls_url`; decision 15). `QUERY_API_PORT` (`url`) is
    clear text for the region's own functions, without a patient's data.
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
            both ports, and its first container must map them.
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
        name = self.balancer.load_balancer_dns_name
        container = query_api.task_definition.default_container
        if container is None:
            raise ValueError(
                "The query API's task has no container; needed is one that maps "
                f"{QUERY_API_PORT} and {QUERY_API_TLS_PORT}."
            )
        container.add_environment(TLS_NAME, name)
        self.listeners = [
            self._listen(site, query_api, container, "QueryApi", "query-api", QUERY_API_PORT),
            self._listen(
                site, query_api, container, "QueryApiTls", "query-api-tls", QUERY_API_TLS_PORT
            ),
        ]
        self.url = f"http://{name}:{QUERY_API_PORT}"
        self.tls_url = f"https://{name}:{QUERY_API_TLS_PORT}"
        self._acknowledge()

    def _listen(
        self,
        site: Site,
        query_api: ecs.FargateService,
        container: ecs.ContainerDefinition,
        construct_id: str,
        name: str,
        port: int,
    ) -> elb.NetworkListener:
        # The first keeps its logical id: a second listener at its port could not be made beside it.
        listener = self.balancer.add_listener(
            "Listener" if port == QUERY_API_PORT else f"{construct_id}Listener", port=port
        )
        listener.add_targets(
            construct_id,
            port=port,
            targets=[
                query_api.load_balancer_target(
                    container_name=container.container_name, container_port=port
                )
            ],
            target_group_name=site.names.regional_name(name, "load-balancer"),
            deregistration_delay=Duration.seconds(DRAIN_SECONDS),
        )
        return listener

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
        for listener in self.listeners:
            acknowledge(
                listener,
                "ELBv2ACMCertificateRequired",
                reason="It hands bytes on: TLS ends in the task, with a certificate that the task makes. In "
                "clear text it leads to health and watermark, which hold no patient's data.",
            )
