"""How many tasks the region's services have: raise_capacity, await_capacity, and rest, which is no step.

Only the plan raises, and only of the region that holds the lease. Only `rest` lowers, only where the services
rest in the standby (strategy pilot light), and only while the other region holds the lease. ECS has no
conditional write: a `rest` that read the lease before it moved may act a few seconds after. So the plan
looks again, and raises again, in every step that needs the tasks.
"""

from __future__ import annotations

from typing import Any

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.failover_step.context import NotReady, StepContext
from lifeline.lambdas.failover_step.waiting import wait

ECS_SECONDS = 5.0
LOOK_EVERY_SECONDS = 2.0
"""Of ECS's answers: its API gives a service's callers few a second."""
REST_AFTER_SECONDS = 15 * 60
"""The other region holds the lease for so long: who fails back at once finds the tasks."""


def raise_capacity(context: StepContext) -> str:
    """Raise each service's tasks to what an active region needs; never lowers them."""
    said = []
    for service, wanted in context.tasks.items():
        desired = desired_tasks(context, service)
        if desired >= wanted:
            said.append(f"{service}: {desired} tasks are desired already")
            continue
        _desire(context, service, wanted)
        said.append(f"{service}: {wanted} tasks desired, {desired} before")
    return "; ".join(said)


def raise_again(context: StepContext) -> None:
    """Where services rest: a `rest` that was late must not leave the active region without tasks."""
    if context.services_rest:
        raise_capacity(context)


def await_capacity(context: StepContext) -> str:
    """Wait until as many tasks run as an active region needs."""
    raise_again(context)

    def look() -> str:
        running = {
            service: int(_service(context, service)["runningCount"]) for service in context.tasks
        }
        missing = [
            f"{service}: {running[service]} of {wanted} tasks run"
            for service, wanted in context.tasks.items()
            if running[service] < wanted
        ]
        return "; ".join(missing)

    return wait(context, look, "the services' tasks run", every_seconds=LOOK_EVERY_SECONDS)


def rest(context: StepContext) -> str:
    """Lower the standby's services to 0 tasks. Does nothing in any other case, nor when in doubt."""
    settings = context.settings
    if not context.services_rest:
        return "this region's services do not rest"
    lease = context.lease.read()
    now = context.clock.now()
    if lease is None or lease.holder != settings.peer_region:
        return f"{settings.peer_region} does not hold the lease"
    if lease.is_paused(now):
        return "automatic failover is paused: a person is at work"
    held = lease.table_now(now) - lease.moved_at
    if held < REST_AFTER_SECONDS:
        return f"{settings.peer_region} holds the lease for {held:.0f} s only"
    said = []
    for service in context.tasks:
        desired = desired_tasks(context, service)
        if desired:
            _desire(context, service, 0)
        said.append(f"{service}: 0 tasks desired, {desired} before")
    return "; ".join(said)


def desired_tasks(context: StepContext, service: str) -> int:
    """How many tasks of a service are desired. Raises NotReady when there is no such service."""
    return int(_service(context, service)["desiredCount"])


def _service(context: StepContext, service: str) -> dict[str, Any]:
    ecs = client("ecs", context.region, ECS_SECONDS)
    found = ecs.describe_services(cluster=context.settings.ecs_cluster, services=[service])
    if not found["services"]:
        raise NotReady(f"there is no service {service}")
    service_found: dict[str, Any] = found["services"][0]
    return service_found


def _desire(context: StepContext, service: str, tasks: int) -> None:
    client("ecs", context.region, ECS_SECONDS).update_service(
        cluster=context.settings.ecs_cluster, service=service, desiredCount=tasks
    )
