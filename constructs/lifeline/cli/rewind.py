"""What `lifeline rewind` does: one task says what would be lowered, then one function writes it.

    ask the task -> say it -> the region's failover step: the lease's next epoch, then the database's

The task reads the log and the database and changes nothing. The step writes both epochs, the database's in
the transaction that lowers the markers. Interrupted before the step, nothing was changed; within it, the
keeper's plan opens the database at the new epoch, with or without the lowered markers, and a dry run tells.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from lifeline.cli import one_off_task
from lifeline.cli.calls import reading, writing
from lifeline.cli.failure import Refused, WriteUnknown
from lifeline.cli.one_off_task import TaskWords
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.cli.waiting import Deadline
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.rewind import ANSWER, Request

STARTED_BY = "lifeline-rewind"
CONTAINER = "event-applier"
MOST_PAYLOAD_BYTES = 5_000_000
"""Lambda takes 6 MB for an invocation that is waited for (Lambda quotas)."""
NO_LOG = "what is older lies in the archive only (docs/runbooks/rewind.md)"

Row = dict[str, Any]


def ask(
    places: Places, region: str, request: Request, deadline: Deadline, output: Output
) -> dict[str, Any]:
    """What the task found. Raises Refused, Unreachable or NotWritten; it changed nothing."""
    command = ["lifeline.services.event_applier", "rewind", request.to_json()]
    run = {
        "taskDefinition": places.applier_service,
        "overrides": {"containerOverrides": [{"name": CONTAINER, "command": command}]},
        "startedBy": STARTED_BY,
    }
    again = "Nothing was changed: run the same command again."
    words = TaskWords(
        what="The look at the markers",
        again=again,
        after_failure=f"`aws logs tail --region {region} {places.services_log} "
        f"--log-stream-name-prefix {CONTAINER}/`. {again}",
    )
    task = one_off_task.start(places, region, places.applier_service, run, words)
    output.note(f"rewind: {region}: {task}; its log is in {places.services_log}")
    one_off_task.await_end(places, region, task, deadline, words)
    return one_off_task.answer(places, region, CONTAINER, task, (request.run, ANSWER), deadline)


def refuse_unfit(lease: Lease, region: str, answer: Mapping[str, Any]) -> None:
    """Raises Refused unless `region` serves at the lease's epoch."""
    found = (answer["holder"], answer["epoch"], answer["in_recovery"])
    if (lease.holder, lease.writer) != (region, region) or found != (region, lease.epoch, False):
        raise Refused(
            f"Nothing was lowered: the lease says {lease.holder or 'nobody'} at epoch {lease.epoch}, the "
            f"database of {region} {answer['holder'] or 'nobody'} at epoch {answer['epoch']}. A plan may be "
            f"under way: wait until `lifeline status` says that {region} serves."
        )


def refuse_gone(region: str, to: str, rows: list[Row]) -> None:
    """Raises Refused when the log does not have all that lies behind the moment."""
    gone = [row for row in rows if row["gone"]]
    if gone:
        first = gone[0]
        raise Refused(
            f"Nothing was lowered: the log of {region} does not go back to {to} in {len(gone)} partitions. "
            f"{first['topic']}/{first['partition']} begins at offset {first['first']}, behind it. "
            f"Name a later time; {NO_LOG}."
        )


def say_what(to: str, epoch: int, rows: list[Row], output: Output) -> tuple[int, int]:
    """Which markers and records, in words; how many of each."""
    lowered = [one for row in rows for one in row["lowered"]]
    records = sum(row["records"] for row in rows)
    by_pair = Counter((one["origin"], one["incarnation"], one["shard"]) for one in lowered)
    for (origin, incarnation, shard), markers in sorted(by_pair.items()):
        output.say(f"  {origin}/{shard} of {incarnation}: {markers} markers")
    for row in rows:
        where = "from the log's beginning" if row["from_beginning"] else f"from {row['offset']}"
        output.say(
            f"  {row['topic']}/{row['partition']}: {len(row['lowered'])} markers, "
            f"{row['records']} records {where}; the log begins at {row['first']}"
        )
    output.say(
        f"{len(lowered)} markers of {len(by_pair)} pairs in {len(rows)} partitions are younger than {to}. "
        f"{records} records would be read again, and the epoch would be {epoch + 1}."
    )
    return len(lowered), records


def write(
    places: Places, region: str, epoch: int, to: str, who: str, rows: list[Row], output: Output
) -> dict[str, Any]:
    """Both epochs and the markers. Raises Refused, NotWritten or WriteUnknown."""
    name = f"failover-step-{places.suffix}"
    lowered = [one for row in rows for one in row["lowered"]]
    body = {
        "step": "rewind", "region": region, "epoch": epoch, "who": who, "to": to, "rows": lowered,
    }  # fmt: skip
    payload = json.dumps(body).encode()
    if len(payload) > MOST_PAYLOAD_BYTES:
        raise Refused(
            f"Nothing was lowered: {len(lowered)} markers are {len(payload):,} bytes, and a function "
            f"takes {MOST_PAYLOAD_BYTES:,}. Call the developers."
        )
    look = "the same command without --epoch"
    with writing("The rewind", look):
        answer = places.steps(region).invoke(FunctionName=name, Payload=payload)
        text = answer["Payload"].read().decode(errors="replace")
    if answer.get("FunctionError"):
        raise WriteUnknown(
            f"{name} in {region} failed: {text[:300]} If the epoch moved, the plan opens the database at it, "
            f"and the markers may be lowered or not. Look with {look}."
        )
    done: dict[str, Any] = json.loads(json.loads(text)["detail"])
    if done["lowered"] is None:
        raise Refused(
            f"No marker was lowered: the database of {region} moved to another epoch at the same moment. "
            f"Look with {look}."
        )
    output.say(
        f"{done['lowered']} markers are lowered, and {region} goes on at epoch {done['epoch']}: its event "
        f"applier reads again from there. `lifeline status --suffix {places.suffix}` shows the plan "
        f"recover-e{done['epoch']}-r1, which verifies it."
    )
    return done


def serving(places: Places) -> tuple[str, Lease]:
    """The region whose database is the writer, and the lease. Raises Refused without a lease."""
    with reading(places.lease_words):
        lease = places.lease().read()
    if lease is None:
        raise Refused("There is no lease: nothing serves, so there is nothing to rewind.")
    return lease.writer, lease
