"""The checker on rows in memory: each set, and each kind of damage, by its number and its ids (D6, E1).

tests/integration/drill/test_checker.py asks the same of a real database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drill.checker import EXAMPLES, PLATFORM_PROBE_PREFIX, Findings, check
from drill.dead_letters import DeadLetter
from drill.envelope import Event
from drill.journal import Journal
from drill.logged import Logged
from drill.receipt import Receipt
from drill.stored import Stored

HOME, AWAY = "ca-central-1", "ca-west-1"


def event(number: int, label: str = "") -> Event:
    name = f"id-{number:02}"
    return Event(
        number, name, 1_000 + number, f"p-{number % 2}", number, b"{}", f"d{number}", label
    )


class Run:
    """Four events of one edge: all accepted at home, all stored, all in both logs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal(folder / "edge-1", fsync=False)
        self.events = [event(number) for number in range(1, 5)]
        self.journal.append(self.events)
        self.accept(1, 2, 3, 4)
        self.rows = [self.row(one) for one in self.events]
        self.logs = {
            region: [self.record(one, region) for one in self.events] for region in (HOME, AWAY)
        }
        self.letters: list[DeadLetter] = []

    def accept(self, *numbers: int, region: str = HOME) -> None:
        self.journal.accepted([(one, Receipt(region, "1", "s-0", one)) for one in numbers])

    def row(self, one: Event, origin: str = HOME) -> Stored:
        return Stored(
            one.event_id,
            one.occurred_us,
            one.aggregate_id,
            one.sequence,
            one.digest,
            origin,
            one.number,
        )

    def record(self, one: Event, region: str) -> Logged:
        return Logged(
            region,
            "t",
            0,
            HOME,
            "1",
            "s-0",
            str(one.number),
            one.event_id,
            one.occurred_us,
            one.digest,
        )

    def found(self) -> Findings:
        self.journal.sync()
        return check(
            [self.folder / "edge-1"], self.rows, self.letters, self.logs, self.folder / "scratch"
        )


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path)
    yield made
    made.journal.close()


def test_where_all_is_well_each_number_says_so(run: Run) -> None:
    run.journal.safe([1, 2])
    found = run.found()
    assert replace(found, logs=[]) == Findings(
        sent=4, accepted=4, stored=4, ok=4, lost=0, unexpected=0, recovered=0, rejected=0, refused=0,
        unaccepted=0, duplicate_deliveries=0, order_violations=0, platform_probes=0, safe=2,
    )  # fmt: skip
    assert found.clean
    assert [{**one, "sha256": ""} for one in found.logs] == [
        {
            **{"log": region, "topic": "t", "partition": 0, "origin": HOME, "incarnation": "1"},
            **{"shard": "s-0", "events": 4, "records": 4, "sha256": ""},
        }
        for region in (HOME, AWAY)
    ]
    assert not (run.folder / "scratch").exists()


def test_an_accepted_event_that_is_nowhere_is_lost(run: Run) -> None:
    del run.rows[1]
    found = run.found()
    assert (found.lost, found.lost_ids, found.stored, found.ok) == (1, ["id-02"], 3, 3)
    assert not found.clean


@pytest.mark.parametrize(
    "wrong", [{"occurred_us": 1}, {"digest": "x"}, {"aggregate_id": "p-9"}, {"sequence": 9}]
)
def test_another_content_is_unexpected_and_what_was_sent_is_lost(
    run: Run, wrong: dict[str, object]
) -> None:
    run.rows[2] = replace(run.rows[2], **wrong)  # type: ignore[arg-type]
    found = run.found()
    assert (found.lost_ids, found.unexpected_ids) == (["id-03"], ["id-03"])
    assert (found.lost, found.unexpected) == (1, 1)


def test_what_nobody_sent_and_a_second_copy_are_unexpected(run: Run) -> None:
    run.rows += [run.row(event(9)), replace(run.rows[0], apply_no=7)]
    found = run.found()
    assert (found.unexpected, found.unexpected_ids, found.stored) == (2, ["id-01", "id-09"], 4)
    assert not found.clean


def test_of_many_a_few_are_listed(run: Run) -> None:
    run.rows += [run.row(event(number)) for number in range(10, 10 + EXAMPLES + 5)]
    found = run.found()
    assert (found.unexpected, len(found.unexpected_ids)) == (EXAMPLES + 5, EXAMPLES)


def test_the_plans_own_event_is_told_apart(run: Run) -> None:
    run.rows.append(replace(run.row(event(9)), aggregate_id=PLATFORM_PROBE_PREFIX + "1"))
    found = run.found()
    assert (found.platform_probes, found.unexpected) == (1, 0)


def test_what_was_sent_again_is_recovered_and_a_safe_one_is_a_wrong_word(run: Run) -> None:
    run.journal.safe([2])
    run.journal.resending(AWAY, [1, 2])
    run.accept(1, 2, region=AWAY)
    run.rows[0] = replace(run.rows[0], origin=AWAY)
    run.rows[1] = replace(run.rows[1], origin=AWAY)
    found = run.found()
    assert (found.ok, found.recovered, found.recovered_though_safe) == (2, 2, 1)
    assert found.duplicate_deliveries == 2


def test_a_safe_event_must_lie_in_the_other_log(run: Run) -> None:
    run.journal.safe([1, 2, 3])
    del run.logs[AWAY][1]
    found = run.found()
    assert (found.not_in_the_log, found.not_in_the_log_ids) == (1, ["id-02"])
    assert found.log_differences == 1
    run.logs = {HOME: run.logs[HOME]}
    assert (run.found().not_in_the_log, run.found().log_differences) == (0, 0)


def test_logs_are_compared_place_by_place(run: Run) -> None:
    for region, log in run.logs.items():
        log += [replace(one, partition=1) for one in log[:2]]
        assert run.found().log_differences == (1 if region == HOME else 0)
    run.logs[AWAY][0] = replace(run.logs[AWAY][0], digest="x")
    assert run.found().log_differences == 1
    run.logs[AWAY][5] = replace(run.logs[AWAY][5], sequence="9")
    assert run.found().log_differences == 2


def test_a_reject_is_explained_by_its_receipt_or_its_id_and_else_is_a_strangers(run: Run) -> None:
    run.journal.append([event(5, "malformed"), event(6)])
    run.accept(5)
    run.letters = [
        DeadLetter(HOME, "1", "s-0", 5, "", "malformed", ""),
        DeadLetter(HOME, "1", "s-0", 60, "id-06", "", ""),
        DeadLetter(HOME, "1", "s-0", 70, "", "strange", ""),
        DeadLetter(HOME, "1", "s-0", 71, "id-71", "strange", ""),
    ]
    found = run.found()
    assert (found.rejected, found.unlabelled_rejects, found.lost) == (2, 1, 0)
    assert found.rejects == [("", "no reason", "id-06"), ("malformed", "malformed", "id-05")]
    assert (found.unexpected, found.unexpected_ids) == (2, [f"{HOME}/1/s-0/70", "id-71"])


def test_what_was_refused_or_never_accepted_is_told_apart(run: Run) -> None:
    run.journal.append([event(5), event(6, "oversize")])
    run.journal.refused(HOME, 6, 413)
    found = run.found()
    assert (found.sent, found.accepted, found.unaccepted, found.refused) == (6, 4, 1, 1)
    assert (found.lost, found.unlabelled_rejects) == (0, 0)
    assert found.rejects == [("oversize", "refused 413", "id-06")]


def test_two_of_a_patient_the_wrong_way_round_violate_the_order(run: Run) -> None:
    run.rows[0], run.rows[2] = replace(run.rows[0], apply_no=3), replace(run.rows[2], apply_no=1)
    found = run.found()
    assert (found.order_violations, len(found.violations), found.lost) == (1, 1, 0)
    assert not found.clean
    # Of one that was sent again the order is not asked.
    run.journal.resending(AWAY, [1])
    assert run.found().order_violations == 0
