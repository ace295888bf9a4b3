"""What `lifeline archive` does: one task in the region answers one request, by lines of its log."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from lifeline.cli import one_off_task
from lifeline.cli.failure import Refused
from lifeline.cli.log_repair import name_of
from lifeline.cli.one_off_task import TaskWords
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.cli.waiting import Deadline
from lifeline.lambdas.failover.archive_request import (
    ANSWER,
    DATABASE,
    PROGRESS,
    RESTORE,
    Request,
)

STARTED_BY = "lifeline-archive"
TASK = "archive-task"
SHOWN_FAULTS = 20


def ask(
    places: Places, region: str, request: Request, deadline: Deadline, output: Output
) -> dict[str, Any]:
    """The answer. Raises Refused, Unreachable or NotWritten; a restore that failed may be run again."""
    command = ["lifeline.services.archiver", "task", request.to_json()]
    again = "Run the same command again: a restore goes on where it stopped."
    look = (
        f"`aws logs tail --region {region} {places.services_log} --log-stream-name-prefix {TASK}/`"
    )
    words = TaskWords(what="The archive's tasks", again=again, after_failure=f"{look}. {again}")
    run = {
        "taskDefinition": f"{TASK}-{places.suffix}",
        "overrides": {"containerOverrides": [{"name": TASK, "command": command}]},
        "startedBy": STARTED_BY,
    }
    task = one_off_task.start(places, region, places.archiver_service, run, words)
    output.note(f"archive: {region}: {task}; its log is in {places.services_log} under {TASK}/")
    found: list[dict[str, Any]] = []

    def answered() -> str:
        told = list(_told(request.run, one_off_task.lines(places, region, TASK, task)))
        found.extend(one for one in told if one["message"] == ANSWER)
        if found:
            return ""
        status = places.ecs(region).describe_tasks(cluster=places.services_cluster, tasks=[task])
        if status["tasks"] and status["tasks"][0]["lastStatus"] == "STOPPED":
            one_off_task.await_end(places, region, task, deadline, words)  # raises for a failure
            return f"the log of {task} has no answer yet"
        return _progress(told)

    deadline.until("the archive's task", answered)
    if "failed" in found[0]:
        raise Refused(f"{found[0]['failed']}.")
    answer: dict[str, Any] = found[0]["answer"]
    return answer


def _told(run: str, lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    """The lines of this run that carry progress or the answer."""
    for line in lines:
        if ANSWER not in line and PROGRESS not in line:
            continue
        try:
            read = json.loads(line)
        except ValueError:
            continue
        if read.get("run") == run and read.get("message") in (ANSWER, PROGRESS):
            yield read


def _progress(told: list[dict[str, Any]]) -> str:
    if not told:
        return "the task has not begun"
    newest = {name: one for name, one in told[-1].items() if name not in ("at", "message", "run")}
    return ", ".join(f"{name.replace('_', ' ')} {one}" for name, one in newest.items())


def say_verified(request: Request, answer: dict[str, Any], region: str, output: Output) -> None:
    """What `verify` prints. Raises Refused when the archive has a fault."""
    output.say(
        f"{region}: {answer['records']} records in {answer['objects']} objects of {answer['partitions']} "
        f"partitions, {answer['bytes']} bytes, from {_at(answer['since_ms'])} to {_at(request.until_ms)}."
    )
    _say_faults(answer, output)
    if answer["faults_in_all"]:
        raise Refused(
            f"The archive of {region} has {answer['faults_in_all']} faults. The other region has an archive "
            f"of its own: verify it with --region. docs/runbooks/archive.md"
        )
    if request.reads_records:
        output.say("Nothing is missing, and each is as it was written.")
    else:
        output.say(
            "Nothing is missing, as far as the manifests say. What is inside the objects was not read; "
            "without --quick it is."
        )


def say_restored(
    request: Request, answer: dict[str, Any], suffix: str, region: str, output: Output
) -> None:
    """What `restore` prints. Raises Refused when a fault of the archive holds it back."""
    assert request.do == RESTORE
    _say_faults(answer, output)
    if answer["faults_in_all"] and not request.accept_gaps:
        raise Refused(
            f"Nothing was restored: the archive has {answer['faults_in_all']} faults in this time. "
            f"--archived-by takes the other region's archive, --accept-gaps goes on without what is missing."
        )
    if request.expect is None:
        output.say(
            f"Would restore {answer['records']} records of {answer['objects']} objects into the "
            f"{request.into} of {region}. To do it, run the same command with --from "
            f"{_at(answer['since_ms'])} --to {_at(request.until_ms)} --expect {answer['records']}"
        )
        return
    output.say(
        f"{answer['restored']} records are restored into the {request.into} of {region}; "
        f"{answer['before']} were there from a run before."
    )
    if request.into == DATABASE:
        output.say(
            f"No day leaves the database of {region} until {_end_restore(suffix, region)} says that it is as "
            f"it should be."
        )


def say_brought_back(request: Request, answer: dict[str, Any], region: str, output: Output) -> None:
    """What `bring-back` prints: time and what is billed, before anything is asked for."""
    if answer["under_way"] or answer["readable"]:
        output.say(
            f"{answer['under_way']} objects are under way, {answer['readable']} are readable."
        )
    if request.expect is not None:
        output.say(
            f"{answer['asked']} objects of {region} were asked for; they are readable within "
            f"{answer['hours']} hours, for {request.kept_days} days."
        )
        return
    if not answer["objects"]:
        output.say(f"{region}: nothing else of this time is too cold to be read.")
        return
    gib = answer["bytes"] / 2**30
    output.say(
        f"Would ask for {answer['objects']} objects of {region}, readable within {answer['hours']} hours. "
        f"Billed are {answer['objects']} requests and {gib:.1f} GiB of {request.tier} retrieval, and "
        f"{gib:.1f} GiB of S3 Standard for {request.kept_days} days (aws.amazon.com/s3/pricing). The same "
        f"command with --from {_at(answer['since_ms'])} --to {_at(request.until_ms)} "
        f"--expect {answer['objects']} does it."
    )


def say_gaps(
    request: Request, answer: dict[str, Any], suffix: str, region: str, output: Output
) -> None:
    """What `accept-gap` prints. A task of the release before says nothing of a restore."""
    held = answer.get("restore")
    if held:
        output.say(
            f"{_restore_words(held)} holds every day of the database of {region}, whatever the archive has: "
            f"{_end_restore(suffix, region)} ends it."
        )
    for one in answer["days"]:
        _say_day(one, output)
    if answer["days_in_all"] > len(answer["days"]):
        output.say(f"{answer['days_in_all'] - len(answer['days'])} more days are not shown.")
    if not answer["days"]:
        if not held:
            output.say(f"{region}: no day is kept for the archive's sake.")
    elif answer["accepted"]:
        when = "once the restore is ended" if held else "within the hour"
        output.say(
            f"Accepted: {request.day} leaves the database of {region} {when}, with the next look of "
            f"the event applier."
        )
    elif request.day:
        events = answer["days"][0]["events"]
        output.say(
            f"At most {events} events of {request.day} are not in the archive of {region}, and would leave "
            f"its database. Look into the other region's archive first (docs/runbooks/archive.md). The same "
            f"command with --reason and --lost {events} accepts it."
        )
    else:
        output.say("The same command with --day counts the events of a day that are in no archive.")


def _say_day(one: dict[str, Any], output: Output) -> None:
    if not one["noted"]:
        output.say(
            f"{one['day']}: stored, at least in part, before its places in the log were noted"
        )
    for row in one["stretches"]:
        output.say(f"{one['day']}: {name_of(row)}")
    more = one["stretches_in_all"] - len(one["stretches"])
    if more:
        output.say(f"{one['day']}: {more} more stretches")


def say_ended(answer: dict[str, Any], region: str, output: Output) -> None:
    """What `end-restore` prints. Raises Refused when there is none."""
    if not answer["partitions"]:
        raise Refused(f"No restore is open in the database of {region}: nothing to end.")
    if answer["ended"]:
        output.say(
            f"Ended: days past the hot retention leave the database of {region} again, once the archive "
            f"holds them."
        )
        return
    output.say(
        f"{_restore_words(answer)} holds every day of the database of {region}. The same command with "
        f"--reason ends it: days past the hot retention leave then, once the archive holds them."
    )


def _restore_words(held: dict[str, Any]) -> str:
    last_ms = held.get("last_ms")  # a task of the release before does not say it
    last = "" if last_ms is None else f", which last went on at {_at(last_ms)},"
    return f"A restore from {_at(held['since_ms'])} on{last}"


def _end_restore(suffix: str, region: str) -> str:
    return f"`lifeline archive end-restore --suffix {suffix} --region {region}`"


def _say_faults(answer: dict[str, Any], output: Output) -> None:
    for one in answer["faults"][:SHOWN_FAULTS]:
        output.say(f"fault: {one}")
    more = answer["faults_in_all"] - min(SHOWN_FAULTS, len(answer["faults"]))
    if more > 0:
        output.say(f"{more} more faults are not shown; --json has up to 40.")


def _at(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
