"""One seed of the path world: its faults, its end, its verdict."""

from __future__ import annotations

from collections.abc import Collection

from simulator.path.faults import Fault, arrange, draw
from simulator.path.properties import judge
from simulator.path.world import PathWorld
from simulator.run import Finding

END_SECONDS = 300.0


def run_path(seed: int, faults: Collection[int] | None = None) -> Finding:
    """Five minutes of the path with the seed's faults, or only those of these numbers."""
    drawn = draw(seed)
    numbers = tuple(range(len(drawn))) if faults is None else tuple(sorted(faults))
    return run_with(seed, numbers, tuple(drawn[number] for number in numbers))


def run_with(seed: int, numbers: tuple[int, ...], faults: tuple[Fault, ...]) -> Finding:
    """Five minutes of the path with these faults."""
    world = PathWorld(seed, END_SECONDS)
    arrange(world, faults)
    try:
        world.run(END_SECONDS)
        stuck = judge(world)
        scheduler = world.scheduler
        return Finding(
            seed=seed,
            faults=numbers,
            violations=tuple(world.violations),
            stuck=tuple(stuck),
            reached=frozenset(world.trace.reached),
            hash=world.trace.digest(switches=scheduler.switches, chance=scheduler.random.random()),
            lines=tuple(world.trace.lines),
        )
    finally:
        world.let_go()
