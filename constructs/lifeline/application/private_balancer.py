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

EVENTS_PORT = 8444
"""Of the balancer, where health and watermark are another service's: it leads to `QUERY_API_TLS_PORT`."""
DRAIN_SECONDS = 15
"""A read takes at most three seconds; longer only holds up a deployment."""


class PrivateBalancer(Construct):
    """A load balancer without a public address, in front of the query API.

    Covers: the loss of a zone or of a task. Does not cover: a task that answers 503: it stays in, as
    503 is an answer (the region may not serve), and a task that was taken out could not give it.

    It hands bytes on and ends no TLS: at `QUERY_API_TLS_PORT` a caller meets the task itself, which makes a
    certificate for the balancer's name when it starts (`tls_url`; decision 15). `QUERY_API_PORT` (`url`) is
    clear text for the region's own functions, without a patient's data.

    `watermark`: a service that answers health and watermark in the query API's place, at both ports; then
    the query API has a port of its own for events (`events_url`), which may have no target.
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
        watermark: ecs.FargateService | None = None,
    ) -> None:
        """Raises ValueError for surroundings in which it could not stand.

        `vpc_subnets`: private ones by default. The query API must let in the VPC's range at
            both ports, and its first container must map them.
        """
        super().__init__(scope, construct_id)
        site = Site.of(self, site)
        self.groups: dict[str, elb.NetworkTargetGroup] = {}
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
        for service in (query_api, *([watermark] if watermark else [])):
            _container(service).add_environment(TLS_NAME, name)
        always = watermark or query_api
        self.listeners = [
            self._listen(site, always, "QueryApi", "query-api", QUERY_API_PORT),
            self._listen(site, always, "QueryApiTls", "query-api-tls", QUERY_API_TLS_PORT),
        ]
        self.url = f"http://{name}:{QUERY_API_PORT}"
        self.tls_url = self.events_url = f"https://{name}:{QUERY_API_TLS_PORT}"
        if watermark is not None:
            self.events_url = f"https://{name}:{EVENTS_PORT}"
            events = self._listen(
                site, query_api, "Events", "query-api-events", EVENTS_PORT, QUERY_API_TLS_PORT
            )
            self.listeners.append(events)
            self._keep_zones_without_targets()
        self._acknowledge()

    def _listen(
        self,
        site: Site,
        service: ecs.FargateService,
        construct_id: str,
        name: str,
        port: int,
        container_port: int | None = None,
    ) -> elb.NetworkListener:
        container = _container(service)
        # The first keeps its logical id: a second listener at its port could not be made beside it.
        listener = self.balancer.add_listener(
            "Listener" if port == QUERY_API_PORT else f"{construct_id}Listener", port=port
        )
        self.groups[construct_id] = listener.add_targets(
            construct_id,
            port=container_port or port,
            targets=[
                service.load_balancer_target(
                    container_name=container.container_name, container_port=container_port or port
                )
            ],
            target_group_name=site.names.regional_name(name, "load-balancer"),
            deregistration_delay=Duration.seconds(DRAIN_SECONDS),
        )
        return listener

    def _keep_zones_without_targets(self) -> None:
        """A zone where one target group has no healthy target is taken out of the balancer's DNS name, with
        all its listeners (Elastic Load Balancing, Network Load Balancers, Target group health). The query
        API's group is empty in the standby, and `/health` must go on answering there."""
        self.groups["Events"].set_attribute(
            "target_group_health.dns_failover.minimum_healthy_targets.count", "off"
        )

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


def _container(service: ecs.FargateService) -> ecs.ContainerDefinition:
    """Raises ValueError for a task without one."""
    container = service.task_definition.default_container
    if container is None:
        raise ValueError(
            "The query API's task has no container; needed is one that maps "
            f"{QUERY_API_PORT} and {QUERY_API_TLS_PORT}."
        )
    return container
