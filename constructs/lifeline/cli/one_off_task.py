"""One task that is started, watched to its end, and whose log is its answer.

Brokers and databases have no public address: this is how a laptop reaches them. The task runs in the
network and with the role of a service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lifeline.cli.calls import reading
from lifeline.cli.failure import NotWritten, Refused
from lifeline.cli.places import Places
from lifeline.cli.waiting import Deadline
from lifeline.lambdas.failover.task_answers import unpacked

MOST_LOG_PAGES = 1_000
MOST_OVERRIDE_CHARACTERS = 8_192
"""Of a task's overrides as JSON (`RunTask` in the Amazon ECS API reference)."""


@dataclass(frozen=True)
class TaskWords:
    """How the task is spoken of: `what` in the plural; what to do after a failed start, and a failed task."""

    what: str
    again: str
    after_failure: str


def start(
    places: Places, region: str, service: str, run: Mapping[str, Any], words: TaskWords
) -> str:
    """The task's ARN. `run` is what `RunTask` takes beside the network of `service`.

    Raises Unreachable, Refused, or NotWritten: it may run all the same, and does no more than it would.
    """
    ecs = places.ecs(region)
    with reading(f"{region}: the service {service}"):
        answer = ecs.describe_services(cluster=places.services_cluster, services=[service])
    if not answer["services"]:
        raise Refused(
            f"{region} has no service {service}: the environment is not deployed there, "
            f"or only in part. `make deploy` comes first."
        )
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        started = ecs.run_task(
            cluster=places.services_cluster,
            launchType="FARGATE",
            count=1,
            networkConfiguration=answer["services"][0]["networkConfiguration"],
            **run,
        )
    except (BotoCoreError, ClientError) as error:
        raise NotWritten(
            f"{words.what} were not started in {region}: {error}. {words.again}"
        ) from error
    if not started["tasks"]:
        why = "; ".join(str(one.get("reason")) for one in started["failures"])
        raise Refused(f"{words.what} were not started in {region}: {why}.")
    return str(started["tasks"][0]["taskArn"])


def await_end(places: Places, region: str, task: str, deadline: Deadline, words: TaskWords) -> None:
    """Until the task stopped with exit code 0. Raises Refused with what it stopped with else."""
    ecs = places.ecs(region)

    def look() -> str:
        found = ecs.describe_tasks(cluster=places.services_cluster, tasks=[task])["tasks"]
        if not found:
            return f"{region} does not know the task {task} yet"
        if found[0]["lastStatus"] != "STOPPED":
            return f"the task is {found[0]['lastStatus']}"
        code = found[0]["containers"][0].get("exitCode")
        if code != 0:
            raise Refused(
                f"{words.what} of {region} failed: exit code {code}, "
                f"{found[0].get('stoppedReason') or 'no reason given'}. Look with {words.after_failure}"
            )
        return ""

    deadline.until(f"{words.what[0].lower()}{words.what[1:]} of {region}", look)


def lines(places: Places, region: str, container: str, task: str) -> list[str]:
    """The task's log so far; empty while it has none, as a task that never started.

    Its stream is named `prefix/container/task id` (Amazon ECS guide, `awslogs`).
    """
    logs = places.logs(region)
    stream = f"{container}/{container}/{task.rpartition('/')[2]}"
    found: list[str] = []
    given: dict[str, str] = {}
    for _ in range(MOST_LOG_PAGES):
        try:
            answer = logs.get_log_events(
                logGroupName=places.services_log, logStreamName=stream, startFromHead=True, **given
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            break
        found += [str(one["message"]) for one in answer["events"]]
        if answer["nextForwardToken"] == given.get("nextToken"):
            break  # the end of the stream: the token stays the same
        given = {"nextToken": answer["nextForwardToken"]}
    return found


def answer(
    places: Places,
    region: str,
    container: str,
    task: str,
    named: tuple[str, str],
    deadline: Deadline,
) -> dict[str, Any]:
    """What the ended task answered, once its log has all of it; `named`: its run, and its lines' message."""
    found: list[dict[str, Any]] = []

    def look() -> str:
        said = unpacked(*named, lines(places, region, container, task))
        found.extend([said] if said is not None else [])
        return "" if found else f"the log of {task} has no answer yet"

    deadline.until("the task's log", look)
    return found[0]
