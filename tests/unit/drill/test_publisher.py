"""The edge publisher against a real HTTP server: 207s, resets, time-outs, restarts, a lost region."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drill import ledger
from drill.envelope import Event, seal
from drill.journal import Journal
from drill.publisher import EdgePublisher
from tests.unit.drill.edge_server import EdgeServer

HOME, AWAY = "ca-central-1", "ca-west-1"


@pytest.fixture
def home() -> Iterator[EdgeServer]:
    server = EdgeServer(HOME, traffic_epoch=1)
    yield server
    server.close()


@pytest.fixture
def away() -> Iterator[EdgeServer]:
    server = EdgeServer(AWAY)
    yield server
    server.close()


def events(patients: int, each: int, first_number: int = 1) -> list[Event]:
    made = []
    for index in range(patients * each):
        number = first_number + index
        made.append(
            seal(
                number=number,
                publisher="edge-1",
                event_id=f"00000000-0000-4000-8000-{number:012d}",
                correlation_id="c",
                aggregate_id=f"p-{index % patients}",
                sequence=index // patients + 1,
                occurred_us=1_700_000_000_000_000 + number,
                payload={"n": number},
            )
        )
    return made


def publisher(folder: Path, *servers: EdgeServer, timeout: float = 1.0) -> EdgePublisher:
    return EdgePublisher(
        "edge-1",
        Journal(folder, fsync=False),
        {server.region: server.url for server in servers},
        batch_events=20,
        linger_seconds=0.01,
        timeout_seconds=timeout,
        poll_seconds=0.1,
    )


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def order_of(server: EdgeServer) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for event in server.taken:
        found.setdefault(event["aggregateId"], []).append(event["sequence"])
    return found


def test_keeps_each_patients_order_and_never_two_of_one_in_a_request(
    tmp_path: Path, home: EdgeServer, away: EdgeServer
) -> None:
    edge = publisher(tmp_path, home, away)
    edge.start()
    edge.submit(events(30, 10))
    assert edge.drain(10)
    edge.stop()
    assert edge.counts.accepted == 300
    assert home.most_of_one_patient == 1
    assert all(numbers == sorted(numbers) for numbers in order_of(home).values())
    assert away.taken == []


def test_207_sends_only_the_refused_records_again_in_their_order(
    tmp_path: Path, home: EdgeServer, away: EdgeServer
) -> None:
    refusals = {"p-3": 3, "p-7": 2}

    def refuse(event: dict[str, object]) -> bool:
        left = refusals.get(str(event["aggregateId"]), 0)
        refusals[str(event["aggregateId"])] = left - 1
        return left > 0

    home.refuse = refuse
    edge = publisher(tmp_path, home, away)
    edge.start()
    edge.submit(events(10, 5))
    assert edge.drain(10)
    edge.stop()
    assert len(home.taken) == 50
    assert all(numbers == [1, 2, 3, 4, 5] for numbers in order_of(home).values())
    assert edge.counts.resent == 5


def test_a_lost_answer_is_not_an_acceptance_and_the_resend_is_byte_identical(
    tmp_path: Path, home: EdgeServer, away: EdgeServer
) -> None:
    home.lose_answers = 1
    edge = publisher(tmp_path, home, away)
    edge.start()
    edge.submit(events(10, 1))
    assert edge.drain(10)
    edge.stop()
    assert edge.counts.accepted == 10
    twice = [bodies for bodies in home.raw.values() if len(bodies) > 1]
    assert twice
    assert all(len(set(bodies)) == 1 for bodies in twice)


def test_a_region_that_hangs_costs_a_time_out_and_no_event(
    tmp_path: Path, home: EdgeServer, away: EdgeServer
) -> None:
    home.delay_seconds = 5.0
    edge = publisher(tmp_path, home, away, timeout=0.3)
    edge.start()
    edge.submit(events(5, 1))
    until(lambda: edge.counts.failed_requests > 0)
    home.delay_seconds = 0.0
    assert edge.drain(10)
    edge.stop()
    assert edge.counts.accepted == 5


def test_after_a_loss_the_unsafe_go_again_before_newer_ones_and_the_safe_do_not(
    tmp_path: Path, home: EdgeServer, away: EdgeServer
) -> None:
    edge = publisher(tmp_path, home, away)
    edge.start()
    edge.submit(events(10, 4))
    assert edge.drain(10)
    away.safe_up_to(15, HOME, "100")
    until(lambda: edge.counts.safe == 15)
    home.broken = True
    edge.submit(events(10, 1, first_number=41))
    until(lambda: edge.preferred == AWAY)
    assert edge.drain(10)
    edge.stop()
    safe = {event["eventId"] for event in home.taken[:15]}
    assert safe.isdisjoint({event["eventId"] for event in away.taken})
    assert len(away.taken) == 25 + 10
    positions = {event["eventId"]: place for place, event in enumerate(away.taken)}
    for patient in range(10):
        mine = [e for e in away.taken if e["aggregateId"] == f"p-{patient}"]
        newer = positions[f"00000000-0000-4000-8000-{41 + patient:012d}"]
        assert all(positions[one["eventId"]] <= newer for one in mine)
    resent = {n for entry in ledger.read(tmp_path) if entry[0] == "r" for n in entry[3]}
    assert len(resent) >= 25


def test_a_new_incarnation_makes_the_old_receipts_worthless(
    tmp_path: Path, home: EdgeServer, away: EdgeServer
) -> None:
    edge = publisher(tmp_path, home, away)
    edge.start()
    edge.submit(events(5, 1))
    assert edge.drain(10)
    home.incarnation = "200"
    edge.submit(events(1, 1, first_number=6))
    until(lambda: edge.counts.acceptances == 11)
    edge.stop()
    assert edge.counts.accepted == 6


def test_restarted_it_sends_what_was_not_accepted(
    tmp_path: Path, home: EdgeServer, away: EdgeServer
) -> None:
    home.broken = away.broken = True
    first = publisher(tmp_path, home, away)
    first.start()
    first.submit(events(4, 2))
    until(lambda: first.counts.failed_requests > 0)
    first.stop()
    home.broken = away.broken = False
    second = publisher(tmp_path, home, away)
    assert second.unsent == 8
    second.start()
    assert second.drain(10)
    second.stop()
    assert len({event["eventId"] for event in home.taken}) == 8
    assert all(numbers == [1, 2] for numbers in order_of(home).values())


def test_an_oversize_event_is_refused_alone(
    tmp_path: Path, home: EdgeServer, away: EdgeServer
) -> None:
    batch = events(9, 1)
    huge = seal(
        number=10,
        publisher="edge-1",
        event_id="00000000-0000-4000-8000-000000000010",
        correlation_id="c",
        aggregate_id="p-huge",
        sequence=1,
        occurred_us=1,
        payload={"x": "y" * 1_100_000},
    )
    edge = publisher(tmp_path, home, away)
    edge.start()
    edge.submit([*batch[:5], huge, *batch[5:]])
    assert edge.drain(10)
    edge.stop()
    assert (edge.counts.accepted, edge.counts.refused) == (9, 1)
    assert [entry[3:] for entry in ledger.read(tmp_path) if entry[0] == "x"] == [[10, 413]]
