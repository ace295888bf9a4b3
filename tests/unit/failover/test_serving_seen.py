"""Whether anybody serves, as a keeper sees it (A22): what it cannot know it does not say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lifeline.lambdas.failover.decision import DatabaseView, Observation
from lifeline.lambdas.failover.health import Health
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.serving_seen import (
    RegionAnswer,
    seen_by_keeper,
    seen_by_witness,
)

HOME, RECOVERY = "ca-central-1", "ca-west-1"
POLICY = Policy()
LEASE = Lease(holder=HOME, epoch=1, renewals=7, writer=HOME)
OWN_ROW = DatabaseView(epoch=1, holder=HOME, in_recovery=False)
ACTIVE = Observation(region=HOME, lease=LEASE, database=OWN_ROW)
STANDBY = Observation(
    region=RECOVERY,
    lease=LEASE,
    unmoved_seconds=2.0,
    database=DatabaseView(epoch=1, holder=HOME, in_recovery=True),
)
BLIND_STANDBY = STANDBY._replace(lease=None, unmoved_seconds=None)
ALONE = STANDBY._replace(unmoved_seconds=POLICY.expiry_seconds, own_probe=Health.UNHEALTHY)


@pytest.mark.parametrize(
    ("seen", "renewed", "serves"),
    [
        (ACTIVE, True, True),
        (ACTIVE, False, False),
        (ACTIVE._replace(lease=None), True, True),
        (ACTIVE._replace(lease=None), False, False),
        (ACTIVE._replace(database=None), False, False),
        (ACTIVE._replace(lease=replace(LEASE, holder=NO_HOLDER)), False, False),
        (STANDBY, False, True),
        (STANDBY._replace(unmoved_seconds=None), False, None),
        (STANDBY._replace(unmoved_seconds=POLICY.expiry_seconds - 0.001), False, True),
        (STANDBY._replace(unmoved_seconds=POLICY.expiry_seconds), False, False),
        (ALONE, False, False),
        (ALONE._replace(witness_probe=Health.HEALTHY), False, True),
        (STANDBY._replace(unmoved_seconds=99.0, own_probe=Health.HEALTHY), False, True),
        (BLIND_STANDBY, False, None),
        (BLIND_STANDBY._replace(own_probe=Health.HEALTHY), False, True),
        (BLIND_STANDBY._replace(own_probe=Health.UNHEALTHY), False, False),
        # A standby that is well answers 200, too: without a row nobody says which of the two it is.
        (BLIND_STANDBY._replace(own_probe=Health.HEALTHY, database=None), False, None),
        (BLIND_STANDBY._replace(own_probe=Health.HEALTHY, region=HOME), False, None),
        # Its own copy names itself, and is a replica: it lost the lease, and is rebuilt.
        (BLIND_STANDBY._replace(region=HOME), False, None),
    ],
)
def test_a_keeper_says_what_it_knows(seen: Observation, renewed: bool, serves: bool | None) -> None:
    assert seen_by_keeper(seen, POLICY, renewed_row=renewed) is serves


SERVES = RegionAnswer(healthy=True, serving=True)
WELL, ILL = RegionAnswer(healthy=True), RegionAnswer()
NEW = RegionAnswer(healthy=True, activated=False)


@pytest.mark.parametrize(
    ("home", "recovery", "seen"),
    [
        (SERVES, WELL, True),
        (ILL, SERVES, True),
        (None, SERVES, True),
        (ILL, WELL, False),
        (ILL, ILL, False),
        (None, WELL, None),
        (WELL, NEW, None),
        (SERVES, NEW, True),
    ],
)
def test_the_witness_says_no_only_when_it_knows_of_every_region(
    home: RegionAnswer | None, recovery: RegionAnswer | None, seen: bool | None
) -> None:
    assert seen_by_witness((HOME, RECOVERY), {HOME: home, RECOVERY: recovery}) is seen


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (200, {"serving": True, "database": True, "epoch": 1}, SERVES),
        (200, {"serving": False, "database": True, "epoch": 1}, WELL),
        (503, {"serving": False}, ILL),
        (200, {"serving": "yes"}, WELL),
        (200, {"database": True, "epoch": 0}, NEW),
        (200, {"database": False, "epoch": 0}, WELL),
    ],
)
def test_what_a_region_answers(status: int, body: dict[str, object], answer: RegionAnswer) -> None:
    assert RegionAnswer.of(status, body) == answer
