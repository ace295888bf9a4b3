"""The tables against the pure transitions: on the same stored value both give the same answer.

The exhaustive model runs on `failover/lease.py`; this is what makes it speak for the deployed keepers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from lifeline.lambdas.adapters.lease_table import LeaseTable, item_from_lease, lease_from_item
from lifeline.lambdas.adapters.region_state_table import (
    PLAN_DAYS,
    PLAN_PREFIX,
    PROMISE_ID,
    RegionStateTable,
)
from lifeline.lambdas.failover import lease as transitions
from lifeline.lambdas.failover import plan_runs
from lifeline.lambdas.failover.lease import NO_HOLDER, Lease, Promise
from lifeline.lambdas.failover.plan_runs import Moment, PlanRuns
from simulator.twins.dynamodb import Tables

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
TABLE = "table"
EXAMPLES = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

regions = st.sampled_from([HOME, RECOVERY])
small = st.integers(min_value=1, max_value=3)
times = st.sampled_from([0.0, 99.9, 100.0, 100.1, 1_790_000_000.123])
leases = st.builds(
    Lease,
    holder=st.sampled_from([HOME, RECOVERY, NO_HOLDER]),
    epoch=small,
    renewals=small,
    writer=regions,
    ttl_seconds=st.sampled_from([20.0, 2.5]),
    attempt=small,
    paused_until=times,
    moved_at=times,
    unfit=st.frozensets(regions),
    approved_epoch=small,
    approved_loss_seconds=times,
    approval_until=times,
    aborted_epoch=st.integers(0, 3),
    hand_over_epoch=st.integers(0, 3),
    hand_over_until=st.none() | times,
    health=st.dictionaries(regions, st.sampled_from(["serving", "recovering"])),
)
promises = st.builds(
    Promise,
    failsafe=st.integers(0, 2),
    promoting=st.integers(0, 3),
    tries=st.integers(0, 2),
    releases=st.integers(0, 2),
    released_epoch=st.integers(0, 3),
    released_at=times,
)


def made_table() -> Any:
    """A DynamoDB client of the mocked region, with one table in it."""
    make: Any = boto3.client
    client = make("dynamodb", region_name=WITNESS)
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


@pytest.fixture(name="client", params=["moto", "simulator"])
def _client(request: pytest.FixtureRequest) -> Iterator[Any]:
    """moto's table, and the simulator's twin of it: one suite holds both against the transitions."""
    if request.param == "simulator":
        yield Tables()
        return
    with mock_aws():
        yield made_table()


def same(found: Lease | None, expected: Lease | None) -> None:
    """Equal in every field; `health` is left out of a lease's own comparison."""
    assert found == expected
    if found is not None and expected is not None:
        assert dict(found.health) == dict(expected.health)


def holds_lease(
    client: Any,
    stored: Lease,
    written: Callable[[LeaseTable], Lease | None],
    expected: Lease | None,
) -> None:
    """Store, write, and find the item after the write as the pure function has it (None: refused)."""
    client.put_item(TableName=TABLE, Item=item_from_lease(stored))
    same(written(LeaseTable(client, TABLE)), expected)


@given(leases)
def test_lease_survives_its_item(lease: Lease) -> None:
    same(lease_from_item(item_from_lease(lease)), lease)


@pytest.mark.parametrize("missing", sorted(set(item_from_lease(Lease("a", 1, 0, "a"))) - {"id"}))
def test_a_damaged_lease_is_not_a_default(missing: str) -> None:
    item = item_from_lease(Lease("a", 1, 0, "a"))
    del item[missing]
    with pytest.raises(KeyError):
        lease_from_item(item)


@EXAMPLES
@given(stored=leases, region=regions, epoch=small, health=st.sampled_from(["serving", "sick"]))
def test_renew(client: Any, stored: Lease, region: str, epoch: int, health: str) -> None:
    expected = transitions.renew(stored, region=region, epoch=epoch)
    if expected is not None:
        expected = replace(expected, health={**stored.health, region: health})
    holds_lease(
        client, stored, lambda t: t.renew(region=region, epoch=epoch, health=health), expected
    )


@st.composite
def stored_and_seen(draw: st.DrawFn) -> tuple[Lease, Lease]:
    """Half of the time nothing moved since the lease was judged, else one thing at least may have."""
    seen = draw(leases)
    if draw(st.booleans()):
        return seen, seen
    other = draw(leases)
    moved = draw(
        st.sets(st.sampled_from(["holder", "writer", "epoch", "renewals", "attempt"]), max_size=2)
    )
    return replace(seen, **{name: getattr(other, name) for name in moved}), seen


@EXAMPLES
@given(pair=stored_and_seen(), region=regions, now=times)
def test_take_with_fit_and_pause_in_the_condition(
    client: Any, pair: tuple[Lease, Lease], region: str, now: float
) -> None:
    stored, seen = pair
    holds_lease(
        client,
        stored,
        lambda t: t.take(region=region, seen=seen, now=now),
        transitions.take(stored, region=region, seen=seen, now=now),
    )


@EXAMPLES
@given(stored=leases, seen=st.frozensets(regions), paused=times, region=regions, now=times)
def test_a_take_sees_a_pause_and_an_unfitness_that_came_after_it_looked(
    client: Any, stored: Lease, seen: frozenset[str], paused: float, region: str, now: float
) -> None:
    looked = replace(stored, unfit=seen, paused_until=paused)
    expected = transitions.take(stored, region=region, seen=looked, now=now)
    if seen != stored.unfit:
        expected = None  # the table writes the whole set, so it refuses more than the model does
    holds_lease(client, stored, lambda t: t.take(region=region, seen=looked, now=now), expected)


@EXAMPLES
@given(stored=leases, region=regions, epoch=small)
def test_advance(client: Any, stored: Lease, region: str, epoch: int) -> None:
    expected = transitions.advance(stored, region=region, epoch=epoch)
    holds_lease(client, stored, lambda t: t.advance(region=region, epoch=epoch), expected)


@EXAMPLES
@given(pair=stored_and_seen())
def test_give_up_attempt(client: Any, pair: tuple[Lease, Lease]) -> None:
    stored, seen = pair
    expected = transitions.give_up_attempt(stored, seen=seen)
    holds_lease(client, stored, lambda t: t.give_up_attempt(seen=seen), expected)


@EXAMPLES
@given(stored=leases, region=regions, epoch=small)
def test_release(client: Any, stored: Lease, region: str, epoch: int) -> None:
    expected = transitions.release(stored, region=region, epoch=epoch)
    holds_lease(client, stored, lambda t: t.release(region=region, epoch=epoch), expected)


@EXAMPLES
@given(stored=leases, region=regions, epoch=small)
def test_record_writer(client: Any, stored: Lease, region: str, epoch: int) -> None:
    expected = transitions.record_writer(stored, region=region, epoch=epoch)
    holds_lease(client, stored, lambda t: t.record_writer(region=region, epoch=epoch), expected)


@EXAMPLES
@given(stored=leases, epoch=small)
def test_abort_only_before_the_point_of_no_return(client: Any, stored: Lease, epoch: int) -> None:
    """D9: in the write's own condition, so that no promotion is recorded between the look and the mark."""
    expected = transitions.abort(stored, epoch=epoch)
    allowed = stored.epoch == epoch and stored.holder not in (NO_HOLDER, stored.writer)
    assert (expected is not None) is allowed
    holds_lease(client, stored, lambda t: t.abort(epoch=epoch), expected)


@EXAMPLES
@given(stored=leases, epoch=small, until=times)
def test_only_an_active_region_is_asked_to_hand_over(
    client: Any, stored: Lease, epoch: int, until: float
) -> None:
    expected = transitions.ask_hand_over(stored, epoch=epoch, until=until)
    allowed = stored.epoch == epoch and stored.holder == stored.writer
    assert (expected is not None) is allowed
    holds_lease(client, stored, lambda t: t.ask_hand_over(epoch=epoch, until=until), expected)


@EXAMPLES
@given(stored=leases, region=regions, peer=regions, epoch=small, now=times)
def test_a_lease_that_nobody_may_take_is_not_handed_over(
    client: Any, stored: Lease, region: str, peer: str, epoch: int, now: float
) -> None:
    """A11, A13: fit and pause stand in the condition of the write."""
    asked: dict[str, Any] = {"region": region, "peer": peer, "epoch": epoch, "now": now}
    expected = transitions.hand_over(stored, **asked)
    if stored.is_paused(now) or peer in stored.unfit:
        assert expected is None
    holds_lease(client, stored, lambda t: t.hand_over(**asked), expected)


@EXAMPLES
@given(stored=leases, until=times, seen=times)
def test_pause_and_its_end_change_the_pause_only(
    client: Any, stored: Lease, until: float, seen: float
) -> None:
    ended = replace(stored, paused_until=until) if seen == stored.paused_until else None
    holds_lease(client, stored, lambda t: t.end_pause(seen=seen, until=until), ended)
    paused = replace(stored, paused_until=seen)
    same(LeaseTable(client, TABLE).pause(until=seen), paused)


@EXAMPLES
@given(stored=leases, epoch=st.integers(2, 4), loss=times, until=times)
def test_approve_names_the_next_epoch(
    client: Any, stored: Lease, epoch: int, loss: float, until: float
) -> None:
    expected = None
    if epoch == stored.epoch + 1:
        expected = replace(
            stored, approved_epoch=epoch, approved_loss_seconds=loss, approval_until=until
        )
    holds_lease(
        client, stored, lambda t: t.approve(epoch=epoch, loss_seconds=loss, until=until), expected
    )


def stored_promise(client: Any, promise: Promise) -> RegionStateTable:
    """Nobody ever writes a zero: what is zero is not in the item, and no item means three zeros."""
    client.delete_item(TableName=TABLE, Key={"id": {"S": PROMISE_ID}})
    values = {name: {"N": str(value)} for name, value in vars(promise).items() if value}
    if values:
        client.put_item(TableName=TABLE, Item={"id": {"S": PROMISE_ID}, **values})
    return RegionStateTable(client, TABLE)


@EXAMPLES
@given(stored=promises, epoch=small)
def test_ask_failsafe(client: Any, stored: Promise, epoch: int) -> None:
    expected = transitions.ask_failsafe(stored, epoch=epoch)
    table = stored_promise(client, stored)
    assert table.ask_failsafe(epoch=epoch) is (expected is not None)
    assert table.promise() == (expected or stored)


@EXAMPLES
@given(stored=promises, epoch=small, failsafe=st.integers(0, 2))
def test_set_out(client: Any, stored: Promise, epoch: int, failsafe: int) -> None:
    expected = transitions.set_out(stored, epoch=epoch, failsafe=failsafe)
    table = stored_promise(client, stored)
    tries = table.set_out(epoch=epoch, failsafe=failsafe)
    assert tries == (None if expected is None else expected.tries)
    assert table.promise() == (expected or stored)


@EXAMPLES
@given(stored=promises, tries=small, lease_epoch=small)
def test_clear_promise(client: Any, stored: Promise, tries: int, lease_epoch: int) -> None:
    """Tries count from 1: `set_out` numbers the first."""
    expected = transitions.clear_promise(stored, tries=tries, lease_epoch=lease_epoch)
    table = stored_promise(client, stored)
    assert table.clear_promise(tries=tries, lease_epoch=lease_epoch) is (expected is not None)
    assert table.promise() == (expected or stored)


@EXAMPLES
@given(stored=promises, epoch=small, now=times)
def test_count_and_forget_releases(client: Any, stored: Promise, epoch: int, now: float) -> None:
    expected = transitions.count_release(stored, epoch=epoch, now=now)
    table = stored_promise(client, stored)
    assert table.count_release(epoch=epoch, now=now) is (expected is not None)
    assert table.promise() == (expected or stored)
    table.forget_releases()
    assert table.promise() == transitions.forget_releases(expected or stored)


runs = st.builds(
    PlanRuns,
    epoch=st.just(2),
    run=st.integers(0, 3),
    claimed_at=times,
    ended_at=times,
    completed=st.integers(0, 3),
    accepted_at=times,
    asked_again_at=times,
    late_since=times,
)
moments = st.sampled_from(Moment)


def stored_runs(client: Any, kept: PlanRuns) -> RegionStateTable:
    """No item before the first claim; what did not happen yet is not in the item."""
    name = f"{PLAN_PREFIX}{kept.epoch}"
    client.delete_item(TableName=TABLE, Key={"id": {"S": name}})
    item = {key: {"N": repr(value)} for key, value in vars(kept).items() if key != "epoch"}
    for later in ("completed", *Moment):
        if not getattr(kept, later):
            del item[later]
    if kept.run:
        client.put_item(TableName=TABLE, Item={"id": {"S": name}, **item})
    return RegionStateTable(client, TABLE)


@EXAMPLES
@given(kept=runs, run=small, now=times.filter(bool), moment=moments)
def test_plan_runs_as_conditional_writes(
    client: Any, kept: PlanRuns, run: int, now: float, moment: Moment
) -> None:
    """A17: each transition answers and leaves in the table what the pure function says."""
    if not kept.run:
        kept = PlanRuns(kept.epoch)

    claimed = plan_runs.claim(kept, run=run, now=now)
    table = stored_runs(client, kept)
    assert table.plan_runs(2) == kept
    assert table.claim_run(2, run=run, now=now) == claimed
    assert table.plan_runs(2) == (claimed or kept)

    noted = plan_runs.note_end(kept, run=run, now=now)
    table = stored_runs(client, kept)
    assert table.note_run_end(2, run=run, now=now) is (noted is not None)
    assert table.plan_runs(2) == (noted or kept)

    forgotten = plan_runs.forget_end(kept, run=run)
    table = stored_runs(client, kept)
    assert table.forget_run_end(2, run=run) is (forgotten is not None)
    assert table.plan_runs(2) == (forgotten or kept)

    completed = plan_runs.complete(kept, run=run)
    table = stored_runs(client, kept)
    assert table.complete_run(2, run=run) is (completed is not None)
    assert table.plan_runs(2) == (completed or kept)

    first = plan_runs.note_moment(kept, moment, now=now)
    table = stored_runs(client, kept)
    assert table.note_moment(2, moment, now=now) is (first is not None)
    assert table.plan_runs(2) == (first or kept)


def test_two_keepers_claim_one_run(client: Any) -> None:
    table = RegionStateTable(client, TABLE)
    claims = [table.claim_run(2, run=1, now=100.0) for _ in range(2)]
    assert claims == [PlanRuns(2, run=1, claimed_at=100.0), None]
    assert table.plan_runs(3) == PlanRuns(3), "epochs do not share their runs"


class ReplyLost:
    """A client whose writes land and whose answers never come."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def update_item(self, **arguments: Any) -> Any:
        self._client.update_item(**arguments)
        raise ReadTimeoutError(endpoint_url="https://dynamodb")


def test_take_reply_lost(client: Any) -> None:
    """Named scenario: the write landed, the answer did not; the lease itself says whose it is (A4)."""
    table = LeaseTable(client, TABLE)
    seen = Lease(holder=HOME, epoch=1, renewals=5, writer=HOME)
    assert table.create(seen)
    with pytest.raises(ReadTimeoutError):
        LeaseTable(ReplyLost(client), TABLE).take(region=RECOVERY, seen=seen, now=1.0)
    found = table.read()
    assert found is not None
    assert (found.holder, found.epoch, found.unfit) == (RECOVERY, 2, frozenset({HOME}))
    assert table.take(region=RECOVERY, seen=seen, now=2.0) is None, "a second take of it is refused"


def test_deleted_lease_item(client: Any) -> None:
    """Named scenario: no write of a keeper, a plan or an operator brings a deleted lease back (A10)."""
    table = LeaseTable(client, TABLE)
    seen = Lease(holder=HOME, epoch=1, renewals=5, writer=HOME)
    assert table.create(seen)
    assert not table.create(seen)
    client.delete_item(TableName=TABLE, Key={"id": {"S": "lease"}})
    answers = [
        table.renew(region=HOME, epoch=1, health="serving"),
        table.take(region=RECOVERY, seen=seen, now=1.0),
        table.advance(region=HOME, epoch=1),
        table.give_up_attempt(seen=seen),
        table.release(region=HOME, epoch=1),
        table.record_writer(region=HOME, epoch=1),
        table.abort(epoch=1),
        table.pause(until=9.0),
        table.end_pause(seen=0.0, until=9.0),
        table.approve(epoch=2, loss_seconds=1.0, until=9.0),
    ]
    assert answers == [None] * len(answers)
    assert table.read() is None


def test_a_plan_that_completed_ends_the_count_of_releases(client: Any) -> None:
    """A17; also when the step is repeated, because the answer of its first write was lost."""
    table = RegionStateTable(client, TABLE)
    assert table.claim_run(3, run=1, now=100.0)
    for _ in range(2):
        table.count_release(epoch=2, now=99.0)
        client.update_item(
            TableName=TABLE,
            Key={"id": {"S": PROMISE_ID}},
            UpdateExpression="SET releases = :four",
            ExpressionAttributeValues={":four": {"N": "4"}},
        )
        table.complete_run(3, run=1)
        assert table.promise() == Promise(released_epoch=2)


def expiry(client: Any, epoch: int) -> str | None:
    item = client.get_item(TableName=TABLE, Key={"id": {"S": f"{PLAN_PREFIX}{epoch}"}})["Item"]
    found: str | None = item.get("expires_at", {}).get("N")
    return found


def test_only_the_runs_of_an_epoch_that_never_completed_expire(client: Any) -> None:
    """A holder whose completed run is forgotten would start its plan anew (A17)."""
    table = RegionStateTable(client, TABLE)
    at = 1_790_000_000.5
    assert table.claim_run(2, run=1, now=at)
    assert expiry(client, 2) == str(1_790_000_000 + PLAN_DAYS * 86_400)
    assert PLAN_DAYS > 365 > 90, "the longest run, and how long a name is used up (Step Functions)"
    assert table.note_run_end(2, run=1, now=at)
    assert table.claim_run(2, run=2, now=at + 60)
    assert table.note_moment(2, Moment.ACCEPTED, now=at + 61)
    assert table.complete_run(2, run=2)
    assert expiry(client, 2) is None
    assert table.note_run_end(2, run=2, now=at + 99)
    assert table.claim_run(2, run=3, now=at + 199)
    assert expiry(client, 2) is None
