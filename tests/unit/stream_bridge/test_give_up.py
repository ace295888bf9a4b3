"""The bridge's function writes down that a stretch is given up; the reader of that log lets it go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from lifeline.lambdas.failover.markers import Marker
from lifeline.lambdas.stream_bridge.batch import LogRecord
from lifeline.lambdas.stream_bridge.give_up import give_up
from tests.unit.stream_bridge.test_repair import PAIR, Origin, at

OTHER = "ca-west-1"


class OtherLog:
    """The log of the region that lacks the records; its reader is the origin's test double's."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self.written: list[LogRecord] = []

    def write(self, records: Iterable[LogRecord], _at_ms: int) -> None:
        for one in records:
            self.written.append(one)
            place = (one.topic, one.partition)
            self._origin.proof.marker(Marker.from_bytes(one.value), place)


def rows(origin: Origin) -> list[dict[str, Any]]:
    """As `/v1/watermark` names them."""
    return [
        {
            **{"region": one.pair.origin, "incarnation": one.pair.incarnation},
            **{"shard": one.pair.shard, "topic": one.topic, "partition": one.partition},
            **{"after": str(one.after), "until": str(one.until), "born_ms": one.born_ms},
        }
        for one in origin.holes()
    ]


def request(**changes: Any) -> dict[str, Any]:
    return {"who": "arn:a", "why": "purged", "stretches": []} | changes


@pytest.fixture
def origin() -> Origin:
    made = Origin()
    made.bridge_all()
    made.copy(lost=at(8))
    assert made.reached() == 6
    return made


def test_the_reader_goes_on_behind_it_and_calls_nothing_before_safe(origin: Origin) -> None:
    log = OtherLog(origin)
    [hole] = rows(origin)
    answer = give_up(request(stretches=[hole]), log, OTHER, 5)
    assert answer == {"markers": 1}
    assert origin.holes() == []
    assert origin.reached() == 41
    assert origin.proof.entries()[PAIR].after == int(hole["until"])
    [record] = log.written
    told = Marker.from_bytes(record.value).given_up
    assert told is not None
    assert (told.who, told.why, told.at_ms) == ("arn:a", "purged", 5)
    assert dict(record.headers)["origin"] == PAIR.origin.encode(), (
        "that is whose reader it concerns"
    )


def test_written_twice_it_means_the_same(origin: Origin) -> None:
    given = request(stretches=rows(origin))
    for _ in range(2):
        give_up(given, OtherLog(origin), OTHER, 5)
    assert len(origin.proof.lost) == 1


@pytest.mark.parametrize("missing", ["who", "why", "stretches"])
def test_a_request_without_who_or_why_is_refused(origin: Origin, missing: str) -> None:
    given = request(stretches=rows(origin))
    del given[missing]
    with pytest.raises(ValueError, match="giving up needs who, why and stretches"):
        give_up(given, OtherLog(origin), OTHER, 5)


def test_the_region_that_accepted_them_has_no_reader_of_them(origin: Origin) -> None:
    with pytest.raises(ValueError, match="accepted these records"):
        give_up(request(stretches=rows(origin)), OtherLog(origin), PAIR.origin, 5)
