"""`lifeline log give-up`: stop waiting for records that are in no log and no stream any more.

    name the holes -> ask the origin that nothing of them can be copied -> say what is lost -> write it down

A marker that is no barrier is put into the log of the region whose reader waits. From then on nothing at or
under the end of the stretch is called safe in its shard, what lies behind is again, and the stretch is
counted as given up for ever (decision 25).
"""

from __future__ import annotations

from collections.abc import Iterable

from lifeline.cli.calls import writing
from lifeline.cli.failure import Refused, WriteUnknown
from lifeline.cli.log_repair import PAIR, Ask, LogRepair, Row, Watermark, name_of
from lifeline.cli.waiting import Deadline

UNKNOWN = "unknown"
"""What is typed for a number of records that nobody knows."""
NOT_LOST = ("late-start", "fewer-partitions")
"""Holes that lack no record."""

GIVE_UP = "giveUp"
"""What the bridge is asked for."""


def chosen(holes: Iterable[Row], after: int, until: int) -> list[Row]:
    """The holes within (after, until]. Raises Refused when there is none, or one that is no loss."""
    named = list(holes)
    found = [one for one in named if after <= int(one["after"]) and int(one["until"]) <= until]
    if not found:
        others = "; ".join(map(name_of, named)) or "none"
        raise Refused(f"No hole of this shard lies within ({after}, {until}]. Named are: {others}.")
    for one in found:
        if one["why"] in NOT_LOST:
            raise Refused(
                f"{name_of(one)} is {one['why']}: it lacks no record, so there is nothing to give up "
                f"(docs/runbooks/log-hole.md)."
            )
        earlier = [
            other for other in named
            if _place(other) == _place(one) and other not in found
            and int(other["until"]) <= int(one["after"])
        ]  # fmt: skip
        if earlier:
            raise Refused(
                f"{name_of(earlier[0])} lies before {name_of(one)} and would hold the shard back all the "
                f"same: take it too, or repair it first."
            )
    return found


def lost_of(repair: LogRepair, holes: list[Row]) -> list[int | None]:
    """How many records of each hole are nowhere; None: not known. Raises Refused when one can be copied."""
    lost = repair.repair(holes, dry_run=True).lost
    counts: list[int | None] = []
    for hole in holes:
        reached = int(hole["after"])
        missing: list[int | None] = []
        for part in sorted(lost, key=lambda one: int(one["after"])):
            if _place(part) == _place(hole) and int(part["after"]) <= reached < int(part["until"]):
                reached = int(part["until"])
                missing.append(part["missing"])
        if reached < int(hole["until"]):
            raise Refused(
                f"{name_of(hole)}: what lies behind {reached} can be copied still. Run `lifeline log repair` "
                f"first: it narrows the hole to what is lost."
            )
        counts.append(sum(one or 0 for one in missing) if None not in missing else None)
    return counts


def total(counts: Iterable[int | None]) -> str:
    """As a person types it."""
    found = list(counts)
    return UNKNOWN if None in found else str(sum(one or 0 for one in found))


def write(give_up: Ask, region: str, request: Row) -> None:
    """One call. Raises NotWritten or WriteUnknown; sent twice, it means the same."""
    look = "`holes` and `given_up` of /v1/watermark"
    with writing("The marker that gives the stretch up", look):
        answer = give_up(region, request)
    if "error" in answer:
        raise WriteUnknown(
            f"It may have landed: {answer['error']}. Look at {look}, then run it again."
        )


def await_thaw(watermark: Watermark, region: str, holes: list[Row], deadline: Deadline) -> None:
    """Wait until the reader waits for none of them. Raises Refused with what it still says."""

    def look() -> str:
        told = watermark(region)
        left = [
            one
            for one in told["holes"]
            if any(_place(one) == _place(hole) and one["after"] == hole["after"] for hole in holes)
        ]
        if left:
            return f"{len(left)} holes are open, the first: {name_of(left[0])}"
        counted = {(*_place(one), str(one["after"])) for one in told.get("given_up", [])}
        missing = [one for one in holes if (*_place(one), str(one["after"])) not in counted]
        return f"{region} does not count {name_of(missing[0])} as given up yet" if missing else ""

    deadline.until(f"the reader in {region}", look)


def _place(row: Row) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in (*PAIR, "topic", "partition"))
