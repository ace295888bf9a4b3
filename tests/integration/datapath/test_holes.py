"""Holes of the log on two brokers with the product's replicator, and the repair that closes them (B8, B11).

The checker reads the other log itself and knows what was accepted. `make holes` tries the other faults, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from holes import report
from holes.__main__ import run
from holes.faults import HARMLESS, HOLES
from holes.report import try_harmless, try_hole
from holes.world import World

PATIENCE = 240.0
"""How fast a hole is named is measured by `make holes`: here other tests run beside it."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("holes")) as made:
        made.await_healthy(PATIENCE)
        yield made


@pytest.mark.timeout(800)
@pytest.mark.parametrize("fault", ["record dropped in the mirror", "manifest lost"])
def test_a_hole_is_named_never_passed_and_thawed(
    world: World, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One from the origin's log, one from its stream: there no marker counts what was lost."""
    monkeypatch.setattr(report, "DETECTION_SECONDS", PATIENCE)
    tried = try_hole(world, fault, HOLES[fault])
    assert tried.good(), tried


@pytest.mark.timeout(800)
def test_a_bridge_that_dies_before_its_marker_leaves_no_hole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "RECOVERY_SECONDS", PATIENCE)
    fault = "bridge killed between events and marker"
    tried = try_harmless(world, fault, HARMLESS[fault])
    assert tried.good(), tried


@pytest.mark.soak
@pytest.mark.timeout(3_000)
def test_every_fault_and_ten_quiet_minutes_of_full_load() -> None:
    found = run([*HOLES, *HARMLESS], quiet_seconds=600, rate=100, quiet_rate=1_667)
    assert found["good"], json.dumps(found, indent=2)


def test_the_report_says_what_was_noticed() -> None:
    told = report.Tried("f", "hole").told()
    assert {"fault", "kind", "detected", "named", "seconds", "watermark_passed", "thawed"} <= set(
        told
    )
    assert told["good"] is False, "what was not seen is not good"
