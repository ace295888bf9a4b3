"""The checker on a real database: what is right passes, each kind of damage gives the right set."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import orjson
import psycopg
import pytest

from drill import stored
from drill.checker import Findings, check
from drill.dead_letters import DeadLetter
from drill.effect import Effect
from drill.envelope import Event, instant
from drill.heart_recordings import Beat, Recording
from drill.journal import Journal
from drill.logged import Logged
from drill.receipt import Receipt
from drill.recordings_feed import RecordingsFeed
from drill.scenarios import SCENARIOS
from drill.verdict import FAIL, PASS, objectives, verdict
from tests.unit.drill.seen_runs import LOSS, QUIET

pytestmark = pytest.mark.postgres

HOME, AWAY = "ca-central-1", "ca-west-1"
RECORDING = Recording("test", 10.0, 10, tuple(Beat(float(n), 1000.0 + n) for n in range(10)))
INSERT = """
    INSERT INTO event (occurred_on, event_id, event_type, aggregate_type, aggregate_id, sequence, version,
        payload, payload_text, metadata, origin, incarnation, shard, shard_sequence, topic, applied_epoch)
    VALUES (%(occurredOn)s, %(eventId)s, %(eventType)s, %(aggregateType)s, %(aggregateId)s, %(sequence)s,
        %(version)s, %(payload)s::text::jsonb, %(payload)s::text::json, %(metadata)s, %(origin)s,
        '1', 's-0', 0, 't', 1)
"""


def row_of(raw: bytes | str, origin: str) -> dict[str, Any]:
    """The values of INSERT: the payload keeps its text."""
    parts = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    texts = {name: bytes(parts[name]).decode() for name in ("payload", "metadata")}
    return {**orjson.loads(raw), **texts, "origin": origin}


class EdgeRun:
    """One edge's journal and a database that holds what it sent."""

    def __init__(self, folder: Path, database: psycopg.Connection[Any]) -> None:
        self.folder = folder
        self.database = database
        self.journal = Journal(folder / "edge-1", fsync=False)
        feed = RecordingsFeed(
            publisher="edge-1",
            recordings=[RECORDING],
            events_per_second=20.0,
            start_us=int(time.time() * 1e6) - 10_000_000,
            seed=7,
        )
        self.events = feed.due(int(time.time() * 1e6))
        self.letters: list[DeadLetter] = []
        self.logged: list[Logged] = []
        self.read = [HOME, AWAY]

    def send(self) -> None:
        self.journal.append(self.events)
        self.accept(self.events, HOME)

    def log(self, events: list[Event], region: str = AWAY) -> None:
        """What home accepted, in the log of `region`."""
        self.logged += [
            Logged(
                region, "t", 0, HOME, "1", "s-0", str(e.number), e.event_id, e.occurred_us, e.digest
            )
            for e in events
        ]

    def call_safe(self, events: list[Event]) -> None:
        self.journal.safe([event.number for event in events])

    def accept(self, events: list[Event], region: str) -> None:
        self.journal.accepted([(e.number, Receipt(region, "1", "s-0", e.number)) for e in events])

    def store(self, events: list[Event], origin: str = HOME) -> None:
        with self.database.cursor() as cursor:
            for event in events:
                cursor.execute(INSERT, row_of(event.raw, origin))

    def found(self) -> Findings:
        self.journal.sync()
        with stored.connect(self.database.info.dsn) as reader:
            rows = list(stored.rows(reader))
        folders = [self.folder / "edge-1"]
        logs = {region: [one for one in self.logged if one.log == region] for region in self.read}
        return check(folders, rows, self.letters, logs, self.folder / "scratch.sqlite")

    def verdict(self) -> str:
        effect = Effect(True, "the standby's lag was 75 s")
        before = LOSS.answered_before
        seen = replace(QUIET, findings=self.found(), effect=effect, answered_before=before)
        return verdict(objectives(SCENARIOS["link-cut"], seen))


@pytest.fixture
def run(tmp_path: Path, database: psycopg.Connection[Any]) -> Iterator[EdgeRun]:
    made = EdgeRun(tmp_path, database)
    yield made
    made.journal.close()


def test_everything_in_its_place_passes(run: EdgeRun) -> None:
    run.send()
    run.store(run.events)
    run.log(run.events)
    run.call_safe(run.events[:50])
    found = run.found()
    assert (found.safe, found.not_in_the_log) == (50, 0)
    assert found.clean
    assert found.sent == found.accepted == found.stored == found.ok == len(run.events) > 100
    assert run.verdict() == PASS


@pytest.mark.parametrize(
    "wrong",
    [
        {"log": HOME},
        {"incarnation": "2"},
        {"shard": "s-1"},
        {"sequence": "999"},
        {"event_id": "11111111-1111-4111-8111-111111111111"},
        {"digest": "0" * 16},
        {"occurred_us": 1},
        {"topic": "error.dlq"},
    ],
    ids=lambda wrong: "-".join(wrong),
)
def test_what_was_called_safe_and_is_not_in_the_other_log_fails(
    run: EdgeRun, wrong: dict[str, str]
) -> None:
    """E1: every event is in the database, and in the log but for one of another place or content."""
    run.send()
    run.store(run.events)
    run.log(run.events)
    run.call_safe(run.events[:50])
    run.logged[17] = replace(run.logged[17], **wrong)  # type: ignore[arg-type]
    found = run.found()
    assert (found.not_in_the_log, found.not_in_the_log_ids) == (1, [run.events[17].event_id])
    assert (found.lost, found.unexpected) == (0, 0)
    assert run.verdict() == FAIL


def test_what_a_lost_region_was_sure_of_is_asked_of_the_accepting_ones_own_log(
    run: EdgeRun,
) -> None:
    """An edge that had moved early: its events were safe in the region that is lost now."""
    run.send()
    run.store(run.events)
    run.log(run.events[1:], region=HOME)
    run.call_safe(run.events)
    assert run.found().not_in_the_log == len(run.events)
    run.read = [HOME]
    found = run.found()
    assert (found.not_in_the_log, found.not_in_the_log_ids) == (1, [run.events[0].event_id])


def test_an_empty_log_was_read_and_proves_nothing(run: EdgeRun) -> None:
    run.send()
    run.store(run.events)
    run.log(run.events, region=HOME)
    run.call_safe(run.events)
    found = run.found()
    assert (found.not_in_the_log, found.log_differences) == (len(run.events), 1)


def test_two_logs_are_compared_place_by_place(run: EdgeRun) -> None:
    run.send()
    run.log(run.events, region=HOME)
    run.log(run.events)
    assert run.found().log_differences == 0
    run.logged[-1] = replace(run.logged[-1], partition=1)
    # The place it left and the place it came to.
    assert run.found().log_differences == 2


def test_where_nothing_was_called_safe_the_log_was_not_proved(run: EdgeRun) -> None:
    run.send()
    run.store(run.events)
    run.log(run.events)
    assert run.verdict() == FAIL


def test_what_was_called_safe_and_had_to_be_sent_again_fails(run: EdgeRun) -> None:
    """E1: "recovered" is for what no watermark had covered."""
    run.send()
    run.store(run.events[:-1])
    run.log(run.events)
    run.call_safe(run.events)
    last = run.events[-1]
    run.journal.resending(AWAY, [last.number])
    run.journal.accepted([(last.number, Receipt(AWAY, "1", "s-0", 1))])
    run.store([last], origin=AWAY)
    found = run.found()
    assert (found.recovered, found.recovered_though_safe, found.lost) == (1, 1, 0)
    assert run.verdict() == FAIL


def test_a_safe_reject_is_found_by_its_place(run: EdgeRun) -> None:
    run.send()
    run.store(run.events[1:])
    run.log(run.events)
    run.logged[0] = replace(run.logged[0], topic="error.dlq", event_id="", digest="")
    run.letters = [DeadLetter(HOME, "1", "s-0", run.events[0].number, "", "malformed", "no JSON")]
    run.call_safe(run.events)
    found = run.found()
    assert (found.rejected, found.not_in_the_log, found.lost) == (1, 0, 0)
    assert found.unlabelled_rejects == 1


def test_a_second_copy_of_a_record_changes_no_hash(run: EdgeRun) -> None:
    run.send()
    run.log(run.events)
    once = run.found().logs
    run.log(run.events[5:9])
    twice = run.found().logs
    assert [(one["events"], one["records"]) for one in once] == [(len(run.events), len(run.events))]
    assert [(one["events"], one["records"]) for one in twice] == [
        (len(run.events), len(run.events) + 4)
    ]
    assert once[0]["sha256"] == twice[0]["sha256"]
    del run.logged[3]
    assert run.found().logs[0]["sha256"] != once[0]["sha256"]


def test_a_deleted_row_is_lost(run: EdgeRun) -> None:
    run.send()
    run.store(run.events)
    victim = run.events[17]
    run.database.execute("DELETE FROM event WHERE event_id = %s", (victim.event_id,))
    found = run.found()
    assert (found.lost, found.lost_ids) == (1, [victim.event_id])
    assert (found.unexpected, found.order_violations) == (0, 0)
    assert run.verdict() == FAIL


def test_a_row_nobody_sent_is_unexpected(run: EdgeRun) -> None:
    run.send()
    run.store(run.events)
    stranger = "11111111-1111-4111-8111-111111111111"
    run.database.execute(
        "INSERT INTO event SELECT occurred_on, %s, event_type, aggregate_type, aggregate_id, sequence + 500,"
        " version, payload, metadata, origin, incarnation, shard, shard_sequence, topic, applied_epoch"
        " FROM event LIMIT 1",
        (stranger,),
    )
    found = run.found()
    assert (found.unexpected, found.unexpected_ids) == (1, [stranger])
    assert (found.lost, found.order_violations) == (0, 0)
    assert run.verdict() == FAIL


def test_two_of_a_patient_swapped_violate_the_order(run: EdgeRun) -> None:
    run.send()
    patient = run.events[0].aggregate_id
    mine = [e for e in run.events if e.aggregate_id == patient]
    run.store(run.events)
    one, two = (e.event_id for e in mine[2:4])
    run.database.execute(
        "UPDATE event SET apply_no = CASE event_id WHEN %(one)s THEN"
        " (SELECT apply_no FROM event WHERE event_id = %(two)s) ELSE"
        " (SELECT apply_no FROM event WHERE event_id = %(one)s) END"
        " WHERE event_id IN (%(one)s, %(two)s)",
        {"one": one, "two": two},
    )
    found = run.found()
    assert found.order_violations == 1
    assert found.violations[0].event_id == one
    assert (found.lost, found.unexpected) == (0, 0)
    assert run.verdict() == FAIL


def test_the_same_swap_is_explained_when_the_late_one_was_sent_again(run: EdgeRun) -> None:
    run.send()
    patient = run.events[0].aggregate_id
    early, late = [e for e in run.events if e.aggregate_id == patient][2:4]
    run.journal.resending(AWAY, [early.number])
    rest = [e for e in run.events if e is not early]
    run.store([e for e in rest if e.number <= late.number])
    run.store([early])
    run.store([e for e in rest if e.number > late.number])
    assert run.found().order_violations == 0


@pytest.mark.parametrize(
    "change",
    [
        "payload_text = jsonb_set(payload, '{valueQuantity,value}', '1')::json",
        "payload_text = replace(payload_text::text, '.00,', '.0,')::json",  # a digit less
        "occurred_on = occurred_on + interval '1 microsecond'",
        "sequence = sequence + 1000",
        "aggregate_id = 'somebody-else'",
    ],
)
def test_another_content_or_time_is_unexpected_and_the_sent_one_lost(
    run: EdgeRun, change: str
) -> None:
    run.send()
    run.store(run.events)
    victim = run.events[5].event_id
    run.database.execute(f"UPDATE event SET {change} WHERE event_id = %s", (victim,))
    found = run.found()
    assert (found.unexpected_ids, found.lost_ids) == ([victim], [victim])


def test_the_same_id_stored_a_second_time_is_unexpected(run: EdgeRun) -> None:
    run.send()
    run.store(run.events)
    run.database.execute(
        "INSERT INTO event SELECT occurred_on + interval '1 s', event_id, event_type, aggregate_type,"
        " aggregate_id, sequence, version, payload, metadata, origin, incarnation, shard, shard_sequence,"
        " topic, applied_epoch FROM event LIMIT 1"
    )
    found = run.found()
    assert (found.unexpected, found.lost) == (1, 0)


def test_what_a_resend_saved_is_recovered(run: EdgeRun) -> None:
    run.send()
    saved = run.events[-10:]
    run.journal.resending(AWAY, [e.number for e in saved])
    run.accept(saved, AWAY)
    run.store(run.events[:-10])
    run.store(saved, origin=AWAY)
    found = run.found()
    assert (found.recovered, found.ok) == (10, len(run.events) - 10)
    assert found.duplicate_deliveries == 10
    assert found.clean


def test_a_reject_is_not_lost_and_a_strangers_reject_is_unexpected(run: EdgeRun) -> None:
    run.send()
    bad = run.events[3]
    run.store([e for e in run.events if e is not bad])
    run.letters = [DeadLetter(HOME, "1", "s-0", bad.number, "", "malformed", "")]
    found = run.found()
    assert (found.rejected, found.lost, found.unexpected) == (1, 0, 0)
    run.letters.append(DeadLetter(HOME, "1", "s-0", 999_999, "who-am-i", "schema", ""))
    assert run.found().unexpected_ids == ["who-am-i"]


def test_one_never_accepted_and_not_stored_is_neither_lost_nor_forgotten(run: EdgeRun) -> None:
    run.journal.append(run.events)
    run.accept(run.events[:-1], HOME)
    run.store(run.events[:-1])
    found = run.found()
    assert (found.lost, found.unaccepted) == (0, 1)
    assert run.verdict() == FAIL


def test_the_plans_own_verification_event_is_told_apart(run: EdgeRun) -> None:
    run.send()
    run.store(run.events)
    run.database.execute(
        INSERT,
        {
            **orjson.loads(run.events[0].raw),
            "eventId": "22222222-2222-4222-8222-222222222222",
            "occurredOn": instant(1),
            "aggregateId": "synthetic-recovery-ca-west-1",
            "payload": "{}",
            "metadata": "{}",
            "origin": AWAY,
        },
    )
    found = run.found()
    assert (found.unexpected, found.platform_probes) == (0, 1)


def test_seconds_of_application_are_counted(run: EdgeRun) -> None:
    run.store(run.events)
    with stored.connect(run.database.info.dsn) as reader:
        seconds = stored.applied_seconds(reader)
        assert sum(one.stored for one in seconds) == stored.count(reader) == len(run.events)
    assert all(0 <= one.p50_seconds <= one.p95_seconds < 60 for one in seconds)
