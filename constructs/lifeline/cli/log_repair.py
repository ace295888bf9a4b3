"""`lifeline log repair`: fill a hole of one region's log from the region that accepted the records (B11).

    name the holes -> copy from the origin's log -> the rest from its stream -> wait for the reader's proof

The brokers are private, so no laptop reads a log. The bridge's function of the origin does: it is in the
network, it may write the log, and it is the code that wrote the records first. It is called slice by slice. A
run that is interrupted leaves a half-counted hole; the next run counts from nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lifeline.cli.calls import reading
from lifeline.cli.failure import Refused
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.cli.waiting import Deadline

Row = dict[str, Any]
"""A hole as `/v1/watermark` tells it."""
Ask = Callable[[str, Row], Row]
"""Sends a request to the bridge of a region; its answer."""
Watermark = Callable[[str], Row]
"""`holes` and `entries` as a region's reader tells them."""

NO_COPY = {
    "fewer-partitions": "the bridge writes fewer partitions than before; deploy the larger count again",
}
"""What no copied record closes."""
PAIR = ("region", "incarnation", "shard")


@dataclass
class Done:
    """What a run came to. `lost`: stretches that neither log nor stream has, with how many records."""

    records: int = 0
    markers: int = 0
    lost: list[Row] = field(default_factory=list)


class LogRepair:
    """One run of the command, under the name `run`."""

    def __init__(
        self, *, ask: Ask, watermark: Watermark, deadline: Deadline, output: Output, run: str
    ) -> None:
        self._ask, self._watermark = ask, watermark
        self._deadline, self._output, self._name = deadline, output, run

    def holes(self, regions: Iterable[str], pairs: Collection[tuple[str, str]]) -> list[Row]:
        """What the readers of these regions name, of these pairs (none given: of all)."""
        found: list[Row] = []
        for region in regions:
            with reading(f"{region}: /v1/watermark"):
                found += self._watermark(region)["holes"]
        return [
            one for one in found if not pairs or (str(one["region"]), str(one["shard"])) in pairs
        ]

    def repair(self, holes: Iterable[Row], *, dry_run: bool) -> Done:
        """Copy what is left of the holes. Raises Refused for one that no copy closes."""
        done = Done()
        by_pair: dict[tuple[str, ...], list[Row]] = {}
        for hole in holes:
            if hole.get("why") in NO_COPY:
                raise Refused(f"{name_of(hole)}: {NO_COPY[str(hole['why'])]}.")
            if hole.get("why") == "late-start" and int(hole["until"]) == int(hole["after"]) + 1:
                raise Refused(
                    f"{name_of(hole)}: no marker of it has come yet. Copying has not reached the new "
                    f"partition: look whether it runs, then run this again."
                )
            by_pair.setdefault(tuple(str(hole[one]) for one in PAIR), []).append(hole)
        for rows in by_pair.values():
            self._pair(rows, done, dry_run=dry_run)
        return done

    def _pair(self, rows: list[Row], done: Done, *, dry_run: bool) -> None:
        gaps = self._source("log", rows, done, dry_run=dry_run)
        if not gaps:
            return
        self._output.note(
            f"log repair: {name_of(rows[0])}: its own log does not prove {len(gaps)} stretches; "
            f"they are judged again from the stream"
        )
        lost = self._source("stream", gaps, done, dry_run=dry_run)
        if not lost:
            return
        # Not a proof, but events all the same: the other region stores what it can get.
        self._source("log", lost, done, dry_run=dry_run, unproven=True)
        for one in lost:
            told = [gap for gap in gaps if _overlap(gap, one)]
            missing = [
                max(0, int(gap["expected"]) - int(gap["found"]))
                for gap in told
                if gap["expected"] is not None
            ]
            done.lost.append(
                {**one, "missing": sum(missing) if len(missing) == len(told) else None}
            )

    def _source(
        self, source: str, rows: list[Row], done: Done, *, dry_run: bool, unproven: bool = False
    ) -> list[Row]:
        """Slice by slice; what the source cannot give."""
        gaps: list[Row] = []
        left = rows
        while left:
            request = {
                "source": source,
                "run": self._name,
                "dry_run": dry_run,
                "unproven": unproven,
                "stretches": left,
            }
            answer = self._answer(str(left[0]["region"]), request)
            done.records += int(answer["records"])
            done.markers += int(answer["markers"])
            gaps += answer["gaps"]
            left = answer["left"]
            self._output.note(
                f"log repair: {source} of {rows[0]['region']}: {answer['records']} records, "
                f"{answer['markers']} markers"
                + (f"; goes on at {left[0]['after']}" if left else "")
            )
        return gaps

    def _answer(self, region: str, request: Row) -> Row:
        answers: list[Row] = []

        def look() -> str:
            answers.append(self._ask(region, request))
            return str(answers[-1].get("error", ""))

        self._deadline.until(f"a slice of the repair in {region}", look)
        return answers[-1]

    def await_proof(self, holes: list[Row], reader: str) -> None:
        """Wait until the reader in `reader` proves what was missing. Raises Refused with what still is."""

        def look() -> str:
            told = self._watermark(reader)
            open_ = [
                one for one in told["holes"] for hole in holes
                if _same_place(one, hole) and _overlap(one, hole)
            ]  # fmt: skip
            if open_:
                return f"{len(open_)} holes are open, the first: {name_of(open_[0])}"
            proven = {tuple(str(row[one]) for one in PAIR) for row in told["entries"]}
            unknown = {tuple(str(hole[one]) for one in PAIR) for hole in holes} - proven
            return f"{reader} says nothing of {sorted(unknown)[0][2]} yet" if unknown else ""

        self._deadline.until(f"the proof in {reader}", look)


def bridge_of(places: Places, asked: str = "repair") -> Ask:
    """The bridge's function of a region, called as a person; `asked`: what it is asked for, by its name."""

    def ask(region: str, request: Row) -> Row:
        answer = places.bridge(region).invoke(
            FunctionName=places.bridge_name, Payload=json.dumps({asked: request}).encode()
        )
        text = answer["Payload"].read().decode(errors="replace")
        if answer.get("FunctionError"):
            return {"error": f"{places.bridge_name} failed: {text[:300]}"}
        found: Row = json.loads(text)
        return found

    return ask


def watermark_of(places: Places) -> Watermark:
    """`/v1/watermark` of a region, read by its own function. Raises Refused for an answer that is none."""

    def watermark(region: str) -> Row:
        name = f"failover-step-{places.suffix}"
        answer = places.functions(region).invoke(
            FunctionName=name, Payload=json.dumps({"step": "holes", "region": region}).encode()
        )
        text = answer["Payload"].read().decode(errors="replace")
        try:
            found: Row = json.loads(json.loads(text)["detail"])
            if not isinstance(found["holes"], list) or not isinstance(found["entries"], list):
                raise TypeError("no lists")
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(
                f"{name} in {region} answered what is no watermark: {text[:300]}"
            ) from error
        return found

    return watermark


def name_of(hole: Mapping[str, Any]) -> str:
    """A hole in a sentence."""
    return (
        f"{hole['region']}/{hole['shard']} in {hole['topic']}/{hole['partition']}, "
        f"({hole['after']}, {hole['until']}]"
    )


def what_is_lost(lost: list[Row]) -> str:
    """In a sentence: which sequences, how many, and what that means."""
    counts = [one["missing"] for one in lost]
    number = "an unknown number of" if None in counts else str(sum(counts))
    return (
        f"{number} records are in no log and no stream any more: {'; '.join(map(name_of, lost))}. "
        f"They stay *not safe*, and so does everything behind them in these shards. Edges that keep what is "
        f"not safe send it again after a failover; nothing else brings it back (docs/runbooks/log-hole.md)."
    )


def _same_place(one: Row, other: Row) -> bool:
    names = (*PAIR, "topic", "partition")
    return all(str(one[name]) == str(other[name]) for name in names)


def _overlap(one: Row, other: Row) -> bool:
    if not _same_place(one, other):
        return False
    return int(one["after"]) < int(other["until"]) and int(other["after"]) < int(one["until"])
