"""`rewind`: the lease is raised before the database, and only where this region serves (B13, A4, A21)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from moto import mock_aws

from lifeline.lambdas.failover.decision import DatabaseView
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease
from lifeline.lambdas.failover_step.context import NotMine, NotReady, StepContext
from lifeline.lambdas.failover_step.rewind_step import rewind
from tests.support.step_runs import (
    EPOCH,
    LEASE_TABLE,
    OWN,
    PEER,
    STATE_TABLE,
    lease_of,
    move_lease,
    step_run,
    with_lease,
)
from tests.support.tables import made_table
from tests.unit.failover_step.test_store_steps import credentials

__all__ = ["credentials"]

ROWS = [
    {
        "topic": "patient.events",
        "partition": 3,
        "origin": PEER,
        "incarnation": "i1",
        "shard": "shard-0",
        "sequence": "49590338271490256608559692538361571095921575989136588898",
        "born_ms": 1_000,
        "record_time_ms": 2_000,
    },
    {
        "topic": "patient.events",
        "partition": 4,
        "origin": PEER,
        "incarnation": "i1",
        "shard": "shard-1",
        "sequence": None,
        "born_ms": None,
        "record_time_ms": 2_000,
    },
]
EVENT = {"rows": ROWS, "who": "arn:person", "to": "2026-11-21T12:00:00Z"}


@pytest.fixture(autouse=True)
def tables(credentials: None) -> Iterator[None]:
    with mock_aws():
        yield


@dataclass
class Database:
    """This region's; `asked` is each rewind, with the lease's epoch at that moment."""

    run: StepContext
    found: DatabaseView = field(
        default_factory=lambda: DatabaseView(epoch=EPOCH, holder=OWN, in_recovery=False)
    )
    lowers: int | None = 1
    asked: list[dict[str, Any]] = field(default_factory=list)

    def view(self) -> DatabaseView:
        return self.found

    def rewind_epoch(self, **words: Any) -> int | None:
        lease = self.run.lease.read()
        self.asked.append({**words, "lease": lease.epoch if lease else None})
        return self.lowers


def rewinding(lease: Lease | None, **view: Any) -> tuple[StepContext, Database]:
    run = with_lease(step_run(event=EVENT), lease)
    return run, connected(run, **view)


def connected(run: StepContext, **view: Any) -> Database:
    database = Database(run)
    if view:
        database.found = DatabaseView(
            **{"epoch": EPOCH, "holder": OWN, "in_recovery": False, **view}
        )
    run.__dict__["database"] = database
    return database


def epoch_of(run: StepContext) -> int:
    lease = run.lease.read()
    assert lease is not None
    return lease.epoch


def test_the_lease_is_raised_and_then_the_markers_are_lowered() -> None:
    """A step that ends in between leaves a database behind its lease: the keeper's plan opens it (A4)."""
    run, database = rewinding(lease_of(writer=OWN))
    assert json.loads(rewind(run)) == {"epoch": EPOCH + 1, "lowered": 1}
    assert database.asked == [{"region": OWN, "epoch": EPOCH, "rows": ROWS, "lease": EPOCH + 1}]
    assert epoch_of(run) == EPOCH + 1


def test_a_database_that_moved_at_the_same_moment_lowered_none() -> None:
    """Not none of the markers: nothing was written, and the command says so."""
    run, database = rewinding(lease_of(writer=OWN))
    database.lowers = None
    assert json.loads(rewind(run)) == {"epoch": EPOCH + 1, "lowered": None}


@pytest.mark.parametrize(
    "lease",
    [None, lease_of(PEER), lease_of(NO_HOLDER), lease_of(writer=OWN, epoch=EPOCH + 1)],
)
def test_without_the_lease_at_this_epoch_nothing_is_lowered(lease: Lease | None) -> None:
    run, database = rewinding(lease)
    with pytest.raises(NotMine):
        rewind(run)
    assert database.asked == []
    assert run.lease.read() == lease


@pytest.mark.parametrize(
    "view", [{"epoch": EPOCH - 1}, {"holder": NO_HOLDER}, {"holder": PEER}, {"in_recovery": True}]
)
def test_a_database_that_does_not_serve_is_not_rewound(view: dict[str, Any]) -> None:
    """A16: neither a replica nor one that is behind its lease, or nobody's."""
    run, database = rewinding(lease_of(writer=OWN), **view)
    with pytest.raises(NotReady, match="the database is at epoch"):
        rewind(run)
    assert database.asked == []
    assert epoch_of(run) == EPOCH


def test_while_a_promotion_is_under_way_nothing_is_lowered() -> None:
    """The lease's writer is the other side still: only the holder *and* writer goes on at the next epoch."""
    run, database = rewinding(lease_of(writer=PEER))
    with pytest.raises(NotMine, match="a promotion is under way"):
        rewind(run)
    assert database.asked == []
    assert epoch_of(run) == EPOCH


def test_a_lease_that_moves_after_the_look_is_left_alone() -> None:
    run, database = rewinding(lease_of(writer=OWN))
    look = database.view

    def moved() -> DatabaseView:
        move_lease(run)
        return look()

    database.view = moved  # type: ignore[method-assign]
    with pytest.raises(NotMine, match="the lease moved"):
        rewind(run)
    assert database.asked == []


def test_rows_that_no_look_made_are_refused_before_anything() -> None:
    run, database = rewinding(lease_of(writer=OWN))
    wrong = StepContext(run.settings, {**run.event, "rows": [{**ROWS[0], "partition": "x"}]})
    with pytest.raises(ValueError, match="no row of a rewind"):
        rewind(wrong)
    assert database.asked == []
    assert epoch_of(run) == EPOCH


def test_without_a_witness_the_other_region_must_answer_itself() -> None:
    """A21: at the next epoch a takeover's word, which is for this one, holds no more."""
    made_table(OWN, LEASE_TABLE)
    made_table(OWN, STATE_TABLE)
    run = step_run(event=EVENT, witness_region=OWN)
    database = connected(run)
    assert run.lease.create(lease_of(writer=OWN))
    assert run.local.set_out(epoch=EPOCH, failsafe=run.local.promise().failsafe)
    with pytest.raises(NotReady, match=f"{PEER} does not say who is active"):
        rewind(run)
    assert (database.asked, epoch_of(run)) == ([], EPOCH)
    made_table(PEER, STATE_TABLE)
    assert json.loads(rewind(run))["epoch"] == EPOCH + 1
    assert len(database.asked) == 1


def test_who_asked_and_what_was_done_is_kept_as_the_audit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("failover-step"), "propagate", True)
    run, _ = rewinding(lease_of(writer=OWN))
    with caplog.at_level(logging.INFO):
        rewind(run)
    kept = [vars(one) for one in caplog.records if one.name == "failover-step"]
    assert [one["message"] for one in kept] == ["rewind asked for", "rewound"]
    for one, expected in zip(
        kept, ({"epoch": EPOCH, "markers": 2}, {"epoch": EPOCH + 1, "lowered": 1}), strict=True
    ):
        told = {"who": "arn:person", "to": "2026-11-21T12:00:00Z", **expected}
        assert {name: one[name] for name in told} == told
