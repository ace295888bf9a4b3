"""The migrations as a person starts them: one task of `migrate-{suffix}`, watched to its end.

A task that runs already is followed, not started beside; a second task would wait for the first one's lock.
"""

from __future__ import annotations

from typing import Any

from lifeline.cli.calls import reading
from lifeline.cli.failure import NotWritten, Refused
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.cli.waiting import Deadline

TASK = "migrate"
STARTED_BY = "lifeline-migrate"


def migrate(places: Places, region: str, deadline: Deadline, output: Output) -> None:
    """Run the migrations in `region`. Raises Refused, Unreachable or NotWritten; safe to run again."""
    ecs, cluster = places.ecs(region), places.services_cluster
    family = f"{TASK}-{places.suffix}"
    with reading(f"{region}: the tasks of {family}"):
        running = ecs.list_tasks(cluster=cluster, family=family, desiredStatus="RUNNING")
    found: list[str] = running["taskArns"]
    if found:
        output.note(f"migrate: {region}: a task runs already, {found[0]}")
    task = found[0] if found else _start(ecs, places, region, family)
    output.note(f"migrate: {region}: {task}; its log is in {places.services_log} under {TASK}/")
    _await_end(places, region, task, deadline)
    output.say(f"migrate: the database of {region} has every migration.")


def _start(ecs: Any, places: Places, region: str, family: str) -> str:
    with reading(f"{region}: the service {places.applier_service}"):
        answer = ecs.describe_services(
            cluster=places.services_cluster, services=[places.applier_service]
        )
    if not answer["services"]:
        raise Refused(
            f"{region} has no service {places.applier_service}: the environment is not deployed there, "
            f"or only in part. `make deploy` comes first."
        )
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        started = ecs.run_task(
            cluster=places.services_cluster,
            taskDefinition=family,
            launchType="FARGATE",
            count=1,
            networkConfiguration=answer["services"][0]["networkConfiguration"],
            startedBy=STARTED_BY,
        )
    except (BotoCoreError, ClientError) as error:
        raise NotWritten(
            f"The migrations were not started in {region}: {error}. Run the same command again: a task "
            f"that was started all the same is followed."
        ) from error
    if not started["tasks"]:
        why = "; ".join(str(one.get("reason")) for one in started["failures"])
        raise Refused(f"The migrations were not started in {region}: {why}.")
    return str(started["tasks"][0]["taskArn"])


def _await_end(places: Places, region: str, task: str, deadline: Deadline) -> None:
    ecs, log = places.ecs(region), places.services_log

    def look() -> str:
        found = ecs.describe_tasks(cluster=places.services_cluster, tasks=[task])["tasks"]
        if not found:
            return f"{region} does not know the task {task} yet"
        if found[0]["lastStatus"] != "STOPPED":
            return f"the task is {found[0]['lastStatus']}"
        code = found[0]["containers"][0].get("exitCode")
        if code != 0:
            raise Refused(
                f"The migrations of {region} failed: exit code {code}, "
                f"{found[0].get('stoppedReason') or 'no reason given'}. Look with "
                f"`aws logs tail --region {region} {log} --log-stream-name-prefix {TASK}/`, then run "
                f"`lifeline activate --suffix {places.suffix}` again."
            )
        return ""

    deadline.until(f"the migrations of {region}", look)
