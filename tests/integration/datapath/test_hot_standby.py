"""A16 against a real writer and its hot standby: what replicates never lets a replica serve."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lifeline.lambdas.adapters.region_database import RegionDatabase
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.event_applier import Apply
from lifeline.lambdas.contracts.log import GroupLog
from lifeline.lambdas.contracts.serving_region import ServingRegion
from lifeline.lambdas.failover.decision import DatabaseView
from lifeline.lambdas.failover.writer_search import SEARCH_SECONDS
from lifeline.lambdas.failover_step.authority_steps import fence
from lifeline.lambdas.failover_step.context import StepContext
from lifeline.services.event_applier.apply import Applier
from lifeline.services.event_applier.store import Store
from lifeline.services.query_api.event_lookup import EventLookup
from lifeline.services.query_api.service import AuthorityCheck
from lifeline.services.shared.database import connect
from lifeline.services.shared.serving_guard import ServingGuard
from tests.integration.datapath.engines import LOOPBACK, forwarded, hot_standby, until
from tests.support.certificates import ca_file
from tests.support.clocks import ManualClock
from tests.unit.failover_step.test_store_steps import context

HOME, RECOVERY = "ca-central-1", "ca-west-1"
WRITERS_NAME = "127.0.0.2"
"""Where the writer endpoint will answer, at the standby's port; before that nothing does."""
LOG = GroupLog("nowhere:9092", "none", {"patient.events": 1}, RECOVERY)
REGION = ServingRegion(region=RECOVERY, peer_region=HOME, suffix="test", ttl_seconds=20.0)
Sql = Callable[..., list[Any]]


@pytest.fixture
def standby(database: DatabaseAddress, tmp_path: Path) -> Iterator[DatabaseAddress]:
    """A replica of the session's server."""
    with hot_standby(tmp_path / "standby", writer=database.port) as port:
        made = replace(database, port=port)
        until("the replica answering", lambda: answers(made))
        yield made


def answers(server: DatabaseAddress) -> bool:
    try:
        connect(server, purpose="test").close()
    except psycopg.Error:
        return False
    return True


def address_of(server: DatabaseAddress, host: str = LOOPBACK) -> DatabaseAddress:
    return DatabaseAddress(host, server.port, server.name, server.user, "none", RECOVERY, ca_file())


def _equal(count: Callable[[], int], wanted: int) -> bool:
    return count() == wanted


def plan_of(old: DatabaseAddress, epoch: int = 2) -> StepContext:
    """A run of the recovery region's plan that reaches the old side's database."""
    made = context()
    settings = replace(
        made.settings,
        database=old,
        peer_database_host=LOOPBACK,
        peer_database_port=str(old.port),
    )
    return replace(made, settings=settings, event={**made.event, "epoch": epoch})


def followed(standby: DatabaseAddress, sql: Sql) -> None:
    """Wait until the replica has applied everything that the writer has written."""
    written = sql("SELECT pg_current_wal_lsn()::text")[0][0]
    with connect(standby, purpose="test") as one:
        until(
            "the replica to follow",
            lambda: (
                one.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", (written,)).fetchone()
                == (True,)
            ),
        )


def test_a_replica_whose_row_names_its_region_does_not_serve(
    database: DatabaseAddress, standby: DatabaseAddress, sql: Sql, serve_here: Callable[..., None]
) -> None:
    """The very same row lets its writer serve."""
    serve_here(2, RECOVERY)
    followed(standby, sql)
    judged = {}
    for name, server in {"writer": database, "replica": standby}.items():
        with connect(server, purpose="test") as one:
            row = Store(one, RECOVERY, ServingGuard(RECOVERY, 20.0)).read_authority()
        assert row is not None
        assert (row.epoch, row.holder) == (2, RECOVERY)
        judged[name] = ServingGuard(RECOVERY, 20.0).judge(row, time.monotonic())
    assert judged["writer"].may_serve
    assert (judged["replica"].may_serve, judged["replica"].in_recovery) == (False, True)


def test_the_fences_row_replicates_as_nobodys_and_opens_at_the_same_epoch(
    database: DatabaseAddress, standby: DatabaseAddress, sql: Sql, serve_here: Callable[..., None]
) -> None:
    serve_here(1, HOME)
    new = RegionDatabase(address_of(standby))
    for _ in range(2):
        assert fence(plan_of(database)) == "the other side's database is at epoch 2"
        assert sql("SELECT epoch, holder FROM authority") == [(2, "")]
    followed(standby, sql)
    assert replace(new.view(), renewed_seconds_ago=None) == DatabaseView(2, "", True)
    with connect(standby, purpose="test") as one:
        one.execute("SELECT pg_promote()")
    stamp = new.clock()
    assert new.open_epoch(region=RECOVERY, epoch=2, renewed_from=stamp) == 2
    assert replace(new.view(), renewed_seconds_ago=None) == DatabaseView(2, RECOVERY, False)
    assert new.open_epoch(region=HOME, epoch=2, renewed_from=stamp) == -1, "it has a holder"
    assert replace(new.view(), renewed_seconds_ago=None) == DatabaseView(2, RECOVERY, False)
    assert fence(plan_of(database, epoch=1)).endswith("at epoch 2"), "an epoch never falls"
    new.close()


def test_whoever_fell_back_to_a_replica_finds_the_writer(
    database: DatabaseAddress, standby: DatabaseAddress, sql: Sql, serve_here: Callable[..., None]
) -> None:
    """Every client of the row; the writer's name answers only after they have all connected."""
    serve_here(2, RECOVERY)
    followed(standby, sql)
    both = replace(standby, host=f"{WRITERS_NAME},{LOOPBACK}")
    check = AuthorityCheck(both, REGION)
    lookup = EventLookup(both, REGION, workers=1)
    keeper = RegionDatabase(address_of(both, both.host))
    unknown = str(uuid.uuid4())
    assert not check.ask()[1].may_serve
    assert lookup.find(unknown)[0] == 503
    assert keeper.view().in_recovery
    with forwarded(WRITERS_NAME, standby.port, to=database.port):
        assert check.ask()[1].may_serve
        assert lookup.find(unknown)[0] == 404
        assert not keeper.view().in_recovery
    keeper.close()


class NoPartitions:
    """A reader whose group gave it nothing: the applier only looks at the authority row."""

    unplaced = True
    partitions = ()

    def stand_still(self) -> None:
        return

    def read(self, _records: int, _seconds: float) -> list[Any]:
        time.sleep(0.02)
        return []


def test_an_applier_that_fell_back_to_a_replica_finds_the_writer(
    database: DatabaseAddress,
    standby: DatabaseAddress,
    sql: Sql,
    serve_here: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    serve_here(2, RECOVERY)
    followed(standby, sql)
    both = replace(standby, host=f"{WRITERS_NAME},{LOOPBACK}")
    applier = Applier(Apply(database=both, log=LOG, region=REGION, checkpoints_table="checkpoints"))
    reader: Any = NoPartitions()
    working = threading.Thread(target=applier._work, args=(reader,))
    working.start()
    said: list[str] = []

    def says(words: str) -> bool:
        said.append(capsys.readouterr().out)
        return words in "".join(said)

    try:
        until("a refusal", lambda: says("the server is in recovery"))
        with forwarded(WRITERS_NAME, standby.port, to=database.port):
            until("the writer found", lambda: says('"serving"'), SEARCH_SECONDS * 1.5 + 3)
    finally:
        applier.stopping.set()
        working.join(10)


def test_a_replica_is_left_at_most_every_five_seconds(standby: DatabaseAddress, sql: Sql) -> None:
    clock = ManualClock(chance=0.0)
    began = clock.at
    keeper = RegionDatabase(address_of(standby), clock=clock)
    connected = []
    with connect(standby, purpose="test") as one:

        def clients() -> int:
            found = one.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchone()
            return int(found[0]) if found else -1

        for at in (0.0, 0.1, SEARCH_SECONDS - 0.1, SEARCH_SECONDS):
            clock.at = began + at
            keeper.view()
            kept = at not in (0.0, SEARCH_SECONDS)
            until("the connection kept or closed", partial(_equal, clients, int(kept)))
            connected.append(kept)
    assert connected == [False, True, True, False]
    keeper.close()
