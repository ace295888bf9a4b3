"""A log grows under load, in the order of docs/runbooks/stream-trouble.md: no loss, no page (B9)."""

from __future__ import annotations

import pytest

from lifeline.lambdas.failover.markers import Place
from lifeline.services.query_api.watermark_reader import SILENT_SECONDS, WatermarkReader
from simulator.path.faults import Fault
from simulator.path.run import run_with
from simulator.path.world import OBSERVATIONS, PathWorld
from simulator.places import HOME, RECOVERY, REGIONS

BEGINS, REPLICATOR_SECONDS, READERS_SECONDS = 20.0, 30.0, 10.0
BRIDGES_SECONDS = SILENT_SECONDS + 30.0
"""Between the readers' deployment and the bridges': longer than a partition may stand still."""


def grow(world: PathWorld) -> None:
    """Standby, replicator, source, readers; the bridges' list last."""
    count = world.logs[HOME].count(OBSERVATIONS) + 1
    at = world.scheduler.now

    def readers_list_it() -> None:
        for region in REGIONS:
            world.listed[region] = {**world.listed[region], OBSERVATIONS: count}
            for name in ("reader", "applier"):
                world.services[region, name].kill()

    def bridges_list_it() -> None:
        for region in REGIONS:
            world.mappings[region].retire()
            world.services[region, "markers"].kill()

    world.logs[RECOVERY].grow(OBSERVATIONS, count)
    at += REPLICATOR_SECONDS
    world.scheduler.at(at, lambda: world.logs[HOME].grow(OBSERVATIONS, count))
    world.scheduler.at(at + READERS_SECONDS, readers_list_it)
    world.scheduler.at(at + READERS_SECONDS + BRIDGES_SECONDS, bridges_list_it)


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_log_that_grows_loses_nothing_and_pages_nobody(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    still: list[tuple[str, Place]] = []
    markers: set[Place] = set()
    silent, observe = WatermarkReader.silent, WatermarkReader.observe

    def looked(self: WatermarkReader) -> list[tuple[str, Place]]:
        still.extend(found := silent(self))
        return found

    def met(self: WatermarkReader, topic: str, partition: int, *rest: object) -> None:
        markers.add((topic, partition))
        observe(self, topic, partition, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(WatermarkReader, "silent", looked)
    monkeypatch.setattr(WatermarkReader, "observe", met)
    found = run_with(seed, (0,), (Fault(BEGINS, BEGINS + 1, "a partition is added", grow),))
    assert found.well, found.faulty
    assert (OBSERVATIONS, max(number for _, number in markers)) in markers
    assert len({place for place in markers if place[0] == OBSERVATIONS}) == 3
    assert still == []
