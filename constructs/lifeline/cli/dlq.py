"""What `lifeline dlq` does: one task in the region answers one request, by lines of its log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lifeline.cli import one_off_task
from lifeline.cli.calls import reading
from lifeline.cli.failure import Refused
from lifeline.cli.one_off_task import TaskWords
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.cli.waiting import Deadline
from lifeline.lambdas.failover.dead_letters import ANSWER, SHOW, Request
from lifeline.lambdas.failover.sealed import Opener

STARTED_BY = "lifeline-dlq"
CONTAINER = "query-api"


def serving_region(places: Places) -> str:
    """Where the lease says the writer is; home without a lease."""
    with reading(places.lease_words):
        lease = places.lease().read()
    return places.home if lease is None else lease.writer


def ask(
    places: Places, region: str, request: Request, deadline: Deadline, output: Output
) -> dict[str, Any]:
    """The answer. Raises Refused, Unreachable or NotWritten; a replay that failed may be run again."""
    command = ["lifeline.services.query_api", "dead-letters", request.to_json()]
    overrides = {"containerOverrides": [{"name": CONTAINER, "command": command}]}
    size = len(str(overrides))
    if size > one_off_task.MOST_OVERRIDE_CHARACTERS:
        raise Refused(
            f"The request has {size} characters; a task takes {one_off_task.MOST_OVERRIDE_CHARACTERS}. "
            f"Name fewer ids."
        )
    again = "Run the same command again: an event that is replayed twice is stored once."
    words = TaskWords(
        what="The dead letters",
        again=again,
        after_failure=f"`aws logs tail --region {region} {places.services_log} "
        f"--log-stream-name-prefix {CONTAINER}/`. {again}",
    )
    run = {
        "taskDefinition": places.query_api_service,
        "overrides": overrides,
        "startedBy": STARTED_BY,
    }
    task = one_off_task.start(places, region, places.query_api_service, run, words)
    output.note(f"dlq: {region}: {task}; its log is in {places.services_log}")
    one_off_task.await_end(places, region, task, deadline, words)
    return one_off_task.answer(places, region, CONTAINER, task, (request.run, ANSWER), deadline)


def say_letters(
    request: Request, answer: dict[str, Any], opener: Opener | None, output: Output
) -> None:
    """What `list` and `show` print: a line for each letter, for `show` its parts below it."""
    by_reason = ", ".join(
        f"{count} {reason}" for reason, count in sorted(answer["reasons"].items())
    )
    output.say(f"{answer['total']} letters match{': ' + by_reason if by_reason else ''}.")
    for letter in answer["letters"]:
        at = datetime.fromtimestamp(letter["at_ms"] / 1_000, UTC).isoformat(timespec="seconds")
        output.say(
            f"{at}  {letter['reason']:<14} {letter['by']:<13} {letter['origin']:<14} "
            f"{letter['bytes']:>7} B  {letter['id']}  {letter['detail']}"
        )
        if request.do == SHOW:
            _say_event(letter, opener, output)
    missing = answer["total"] - len(answer["letters"])
    if missing:
        output.say(f"{missing} more are not shown: raise --limit, or name a time or a reason.")


def _say_event(letter: dict[str, Any], opener: Opener | None, output: Output) -> None:
    for name, text in sorted(letter["headers"].items()):
        output.say(f"    {name}: {text}")
    sealed = letter.pop("sealed", None)
    if sealed is not None and opener is not None:
        letter["value"] = opener.open(sealed).decode(errors="backslashreplace")
        output.say(f"    {letter['value']}")
        return
    for name, kind in letter["event"].items():
        output.say(f"    event.{name}: {kind}")
    output.say("    Values are left out; --reveal shows them, and is audited.")


def say_replay(request: Request, answer: dict[str, Any], region: str, output: Output) -> None:
    """What `replay` prints. Raises Refused when nothing, or not everything, was replayed."""
    if "refused" in answer:
        raise Refused(f"Nothing was replayed: {answer['refused']}.")
    total, taken = answer["total"], answer["replayed"]
    if request.expect is None:
        reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(answer["reasons"].items()))
        output.say(
            f"Would put {total} events into the stream of {region}{': ' + reasons if reasons else ''}. "
            f"The same command with --expect {total} does it."
        )
        return
    if taken < total:
        raise Refused(
            f"The stream of {region} took {taken} of {total} events and refuses the rest: look at "
            f"stream-throttled, then run the same command again. An event that comes twice is stored once."
        )
    output.say(
        f"{taken} events lie in the stream of {region} again. The bridge judges each anew: what is still "
        f"wrong comes back as a new letter."
    )
