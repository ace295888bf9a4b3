"""When the event applier looks after old days: never before it applies, never in the way of it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from lifeline.services.event_applier.old_partitions import OldPartitions
from lifeline.services.event_applier.upkeep import EVERY_SECONDS, FIRST_SECONDS, Upkeep
from tests.support.clocks import ManualClock

REFUSED = psycopg.OperationalError("the server does not answer")


class Looks:
    """Times of the looks; the server refuses each, as a slow one would."""

    def __init__(self, error: Exception = REFUSED) -> None:
        self.clock = ManualClock()
        self.applies = False
        self._error = error
        self.at: list[float] = []
        old = OldPartitions(lambda _places: {}, 35)
        self.upkeep = Upkeep(self._connected, lambda: self.applies, old, "test", self.clock)

    def _connected(self) -> Any:
        self.at.append(self.clock.at)
        raise self._error

    def turns(self, seconds: float) -> list[float]:
        until = self.clock.at + seconds
        while self.clock.at < until:
            self.upkeep.turn()
            self.clock.at += 15.0
        return self.at


def test_a_take_over_does_not_wait_for_it() -> None:
    looks = Looks()
    assert looks.turns(600.0) == [], "a standby has nothing to look after"
    looks.applies = True
    began = looks.clock.at
    assert looks.turns(FIRST_SECONDS) == []
    assert looks.turns(EVERY_SECONDS) == [began + FIRST_SECONDS]
    looks.turns(EVERY_SECONDS)
    assert looks.at == [began + FIRST_SECONDS, began + FIRST_SECONDS + EVERY_SECONDS]


def test_it_begins_anew_after_each_change_of_the_region() -> None:
    looks = Looks()
    looks.applies = True
    began = looks.clock.at
    looks.turns(FIRST_SECONDS + 15.0)
    looks.applies = False
    looks.turns(60.0)
    looks.applies = True
    again = looks.clock.at
    looks.turns(FIRST_SECONDS + 15.0)
    assert looks.at == [began + FIRST_SECONDS, again + FIRST_SECONDS]


@pytest.mark.parametrize(
    "error", [REFUSED, OSError("no route"), RuntimeError("whatever"), KeyError()]
)
def test_nothing_that_fails_ends_it(error: Exception) -> None:
    looks = Looks(error)
    looks.applies = True
    looks.turns(FIRST_SECONDS + EVERY_SECONDS + 30.0)
    assert len(looks.at) == 2
