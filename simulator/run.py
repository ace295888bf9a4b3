"""One seed, one run: its faults, its end, its verdict."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from simulator.authority import AuthorityWorld
from simulator.faults import Fault, arrange, draw
from simulator.properties import END_SECONDS, Watch
from simulator.trace import Line

AUTOMATIC_EVERY = 4
"""One seed in so many has the setting `automaticHandOver`."""


@dataclass(frozen=True)
class Finding:
    """What a run was: the same seed and faults give the same finding, to the byte."""

    seed: int
    faults: tuple[int, ...]
    """Which of the seed's faults the run had, by number."""
    violations: tuple[str, ...]
    stuck: tuple[str, ...]
    reached: frozenset[str]
    hash: str
    lines: tuple[Line, ...]

    @property
    def well(self) -> bool:
        """Nothing was violated, and somebody served, or was told, when it had to be."""
        return not self.violations and not self.stuck

    @property
    def faulty(self) -> frozenset[str]:
        """What is wrong, in words."""
        return frozenset(self.violations) | frozenset(self.stuck)


def run_authority(seed: int, faults: Collection[int] | None = None) -> Finding:
    """Thirty minutes of authority with the seed's faults, or only those of these numbers."""
    drawn = draw(seed)
    numbers = tuple(range(len(drawn))) if faults is None else tuple(sorted(faults))
    # Some environments let a sick region hand over by itself (A11).
    automatic = seed % AUTOMATIC_EVERY == 0
    faults_of_run = tuple(drawn[number] for number in numbers)
    return run_with(seed, numbers, faults_of_run, automatic_hand_over=automatic)


def run_with(
    seed: int,
    numbers: tuple[int, ...],
    faults: tuple[Fault, ...],
    *,
    automatic_hand_over: bool = False,
) -> Finding:
    """Thirty minutes of authority with these faults."""
    world = AuthorityWorld(seed, automatic_hand_over=automatic_hand_over)
    watch = Watch(world)
    arrange(world, faults)
    try:
        world.run(END_SECONDS)
        watch.judge()
        scheduler = world.scheduler
        return Finding(
            seed=seed,
            faults=numbers,
            violations=tuple(world.violations),
            stuck=tuple(watch.stuck),
            reached=frozenset(world.trace.reached),
            hash=world.trace.digest(switches=scheduler.switches, chance=scheduler.random.random()),
            lines=tuple(world.trace.lines),
        )
    finally:
        world.let_go()


def shrink(
    finding: Finding, run: Callable[[int, Collection[int]], Finding] = run_authority
) -> Finding:
    """The same fault with as few of the seed's faults as it needs: one after another is left out."""
    smallest = finding
    for number in finding.faults:
        fewer = [one for one in smallest.faults if one != number]
        tried = run(finding.seed, fewer)
        if tried.faulty & finding.faulty:
            smallest = tried
    return smallest
