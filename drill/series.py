"""Many region losses in one lab, each after a reset: how long each took, and what the worst was."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from drill.run import Options, Run
from drill.scenarios import SCENARIOS
from drill.targets import Target
from drill.verdict import PASS

LOSSES = ("region-loss", "keepers-killed")
"""In turn: every second one is taken over while keepers are killed."""


@dataclass(frozen=True)
class Loss:
    """One of them. `rto_seconds` is None when it did not recover."""

    scenario: str
    verdict: str
    rto_seconds: float | None
    decided_seconds: float | None
    unmet: Sequence[str]

    @classmethod
    def of(cls, found: dict[str, Any]) -> Loss:
        """Of the evidence of one run."""
        decided = found["decided"] or {}
        unmet = [name for name, met in found["objectives_met"].items() if not met]
        return cls(
            found["scenario"], found["verdict"], found["rto_seconds"], decided.get("seconds"), unmet
        )


def run(times: int, options: Options, target: Target, say: Callable[[str], None]) -> Iterator[Loss]:
    """One after the other, each with a seed of its own, over one entered target that resets."""
    for number in range(times):
        name = LOSSES[number % len(LOSSES)]
        given = replace(options, seed=options.seed + number)
        say(f"drill: loss {number + 1} of {times}: {name}")
        yield Loss.of(Run(SCENARIOS[name], given, target, say).go().evidence)


def median_and_worst(losses: Sequence[Loss]) -> tuple[float, float]:
    """Of the RTOs, in seconds; who did not recover took for ever."""
    times = [float("inf") if one.rto_seconds is None else one.rto_seconds for one in losses]
    return statistics.median(times), max(times)


def passed(losses: Sequence[Loss]) -> bool:
    """Whether there was one, and each passed."""
    return bool(losses) and all(one.verdict == PASS for one in losses)


def lines(losses: Sequence[Loss]) -> Iterator[str]:
    """A row for each, and what came of all."""
    for number, one in enumerate(losses, 1):
        took, decided = (
            "–" if value is None else f"{value:.1f} s"
            for value in (one.rto_seconds, one.decided_seconds)
        )
        unmet = f"  not met: {', '.join(one.unmet)}" if one.unmet else ""
        yield f"  {number:>2}  {one.scenario:<16}{one.verdict:<8}RTO {took:>8}  decided {decided:>8}{unmet}"
    if losses:
        median, worst = median_and_worst(losses)
        yield f"  RTO of {len(losses)} losses: median {median:.1f} s, worst {worst:.1f} s"
