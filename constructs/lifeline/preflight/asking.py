"""Runs the probes at the same time, each ended by a deadline: what hangs is UNKNOWN."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from lifeline.preflight.account import NotAnswered
from lifeline.preflight.assembly import Assembly
from lifeline.preflight.probe import (
    Answer,
    Answers,
    Ask,
    Finding,
    Parameters,
    Place,
    Probe,
    Result,
    Scope,
    Verdict,
)

WORKERS = 16
DEADLINE_SECONDS = 40.0


class Asks(Protocol):
    """Whoever answers: the account, or a test's."""

    def ask(self, ask: Ask, region: str, parameters: Mapping[str, object]) -> Answer:
        """Raises NotAnswered."""


def places(everywhere: Place, assembly: Assembly) -> list[Place]:
    """One place a region; `everywhere` is the home region's with all that is made anywhere."""
    return [
        replace(
            everywhere,
            region=region,
            stacks=tuple(one for one in assembly.stacks if one.region == region),
            resources=tuple(one for one in assembly.resources if one.region == region),
        )
        for region in assembly.regions
    ]


def planned(
    probes: Sequence[Probe], everywhere: Place, assembly: Assembly
) -> list[tuple[Probe, Place]]:
    """Which probe asks where."""
    by_region = places(everywhere, assembly)
    return [
        (probe, place)
        for probe in probes
        for place in ([everywhere] if probe.scope is Scope.ACCOUNT else by_region)
        if probe.applies(place)
    ]


def run_probe(probe: Probe, place: Place, account: Asks) -> Result:
    """Ask and judge. A question without an answer makes it UNKNOWN, and the others are asked all the same."""
    try:
        answers, unknown = _asked(probe, place, account)
        if unknown:
            return Result(probe.id, place.region, Verdict.UNKNOWN, tuple(unknown))
        found = probe.judge(place, answers)
    except Exception as error:
        # Whatever it is, it is no "ok".
        strange = Finding(
            f"an answer, or the assembly, was not what the probe knows: {error!r}",
            "ask by hand and read the answer",
        )
        return Result(probe.id, place.region, Verdict.UNKNOWN, (strange,))
    return Result(probe.id, place.region, Verdict.WRONG if found else Verdict.OK, tuple(found))


def _asked(probe: Probe, place: Place, account: Asks) -> tuple[Answers, list[Finding]]:
    answers: dict[str, list[Answer]] = {}
    unknown: list[Finding] = []
    for ask in probe.asks:
        asked = answers.setdefault(ask.operation, [])
        try:
            wanted: Parameters = ask.each(place, Answers(answers))
            for parameters in wanted:
                asked.append(account.ask(ask, place.region, parameters))
        except NotAnswered as reason:
            unknown.append(Finding(reason.sentence, reason.mend))
    return Answers(answers), unknown


def run_all(
    plan: Sequence[tuple[Probe, Place]],
    account: Asks,
    *,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    deadline_seconds: float = DEADLINE_SECONDS,
    now: Callable[[], float],
) -> list[Result]:
    """Every probe's result, in the order of `plan`. Ends at the deadline, whatever still hangs."""
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Result]] = queue.SimpleQueue()
    for number in range(len(plan)):
        todo.put(number)

    def work() -> None:
        while True:
            try:
                number = todo.get_nowait()
            except queue.Empty:
                return
            probe, place = plan[number]
            done.put((number, run_probe(probe, place, account)))

    # Daemons: one that hangs does not hold the process when the deadline has passed.
    for _ in range(min(WORKERS, len(plan))):
        threading.Thread(target=work, daemon=True).start()
    until = now() + deadline_seconds
    found: dict[int, Result] = {}
    while len(found) < len(plan):
        try:
            number, result = done.get(timeout=max(until - now(), 0.001))
        except queue.Empty:
            break
        found[number] = result
        progress(len(found), len(plan))
    late = Finding(
        f"no answer within {deadline_seconds:g} s", "ask again; if it stays, look at the network"
    )
    return [
        found.get(number, Result(probe.id, place.region, Verdict.UNKNOWN, (late,)))
        for number, (probe, place) in enumerate(plan)
    ]
