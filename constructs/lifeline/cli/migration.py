"""The migrations as a person starts them: one task of `migrate-{suffix}`, watched to its end.

A task that runs already is followed, not started beside; a second task would wait for the first one's lock.
"""

from __future__ import annotations

from lifeline.cli import one_off_task
from lifeline.cli.calls import reading
from lifeline.cli.one_off_task import TaskWords
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
    task = found[0] if found else _start(places, region, family)
    output.note(f"migrate: {region}: {task}; its log is in {places.services_log} under {TASK}/")
    one_off_task.await_end(places, region, task, deadline, _words(places, region))
    output.say(f"migrate: the database of {region} has every migration.")


def _start(places: Places, region: str, family: str) -> str:
    run = {"taskDefinition": family, "startedBy": STARTED_BY}
    return one_off_task.start(places, region, places.applier_service, run, _words(places, region))


def _words(places: Places, region: str) -> TaskWords:
    return TaskWords(
        what="The migrations",
        again="Run the same command again: a task that was started all the same is followed.",
        after_failure=f"`aws logs tail --region {region} {places.services_log} "
        f"--log-stream-name-prefix {TASK}/`, then run `lifeline activate --suffix {places.suffix}` again.",
    )
