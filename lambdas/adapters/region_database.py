"""The authority row and the applied markers in a region's database, over a pure-Python driver.

A keeper must reach its database with what a Lambda has (no native package on the promotion path), and
AWS's data API does not exist in the recovery region: see the decision record on the driver.
Every call is bounded by the connection's socket time-out.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pg8000.native

from lifeline.lambdas.certificates.database_tls import verified
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.lambdas.failover.decision import DatabaseView
from lifeline.lambdas.failover.lease import NO_HOLDER
from lifeline.lambdas.failover.own_health import Progress
from lifeline.lambdas.failover.protocol import APPLY_LOCK, CALL_TIMEOUT_SECONDS
from lifeline.lambdas.failover.writer_search import WriterSearch


class RegionDatabase:
    """One lazily opened connection; a failed call closes it, so that the next one starts anew.

    So does a look at a replica (A16), by `clock`: this machine's, where the method `clock` asks the server's.
    """

    def __init__(
        self,
        address: DatabaseAddress,
        timeout_seconds: float = CALL_TIMEOUT_SECONDS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._addresses = [replace(address, host=host) for host in address.host.split(",")]
        self._timeout = timeout_seconds
        self._search = WriterSearch(clock.random)
        self._own_clock = clock
        self._connection: pg8000.native.Connection | None = None

    def clock(self) -> str:
        """This server's clock, as text it reads back exactly; taken *before* a renewal is sent (A1)."""
        return str(self._run("SELECT clock_timestamp()::text")[0][0])

    def view(self) -> DatabaseView:
        """The authority row and whether this server is a replica."""
        row = self._run(
            "SELECT epoch, holder, pg_is_in_recovery(), "
            "extract(epoch FROM clock_timestamp() - renewed_from) FROM authority"
        )[0]
        found = DatabaseView(
            epoch=int(row[0]),
            holder=str(row[1]),
            in_recovery=bool(row[2]),
            renewed_seconds_ago=float(row[3]),
        )
        if self._search.leave(in_recovery=found.in_recovery, now=self._own_clock.monotonic()):
            self.close()
        return found

    def bump(self, *, region: str, epoch: int, renewals: int, renewed_from: str) -> bool:
        """After a renewal (A1): the region may serve for ttl from `renewed_from`. False: not our row."""
        rows = self._run(
            "UPDATE authority SET renewals = greatest(renewals + 1, :renewals), "
            "renewed_from = greatest(renewed_from, cast(:stamp AS timestamptz)) "
            "WHERE epoch = :epoch AND holder = :region RETURNING 1",
            renewals=renewals,
            stamp=renewed_from,
            epoch=epoch,
            region=region,
        )
        return bool(rows)

    def newest_applied_born(self, origin: str) -> float | None:
        """When the newest applied marker of `origin` was born (epoch seconds); None: none yet (A6)."""
        row = self._run(
            "SELECT extract(epoch FROM max(born)) FROM applied_marker WHERE origin = :origin",
            origin=origin,
        )[0]
        return None if row[0] is None else float(row[0])

    def progress(self, region: str) -> Progress:
        """What `region`'s own event appliers left here: newest heartbeat and own marker (A11)."""
        row = self._run(
            "SELECT (SELECT extract(epoch FROM clock_timestamp() - max(at)) FROM heartbeat "
            "WHERE region = :region), "
            "(SELECT extract(epoch FROM max(born)) FROM applied_marker WHERE origin = :region)",
            region=region,
        )[0]
        beat, newest = (None if one is None else float(one) for one in row)
        return Progress(beat_seconds_ago=beat, newest_applied=newest)

    def newest_heartbeat(self, region: str) -> float | None:
        """The newest heartbeat of `region` that this server has (epoch seconds, by the writer's clock).

        Its keeper's renewal is one, too: the stamp is older than the commit that brought it here (A1).
        """
        row = self._run(
            "SELECT extract(epoch FROM greatest("
            "(SELECT max(at) FROM heartbeat WHERE region = :region), "
            # A fence leaves the row to nobody, with the last renewal of the region that it fenced (A16).
            "(SELECT max(renewed_from) FROM authority WHERE epoch > 0 AND holder IN (:region, :nobody))))",
            region=region,
            nobody=NO_HOLDER,
        )[0]
        return None if row[0] is None else float(row[0])

    def open_epoch(self, *, region: str, epoch: int, renewed_from: str) -> int:
        """Write the new epoch and holder once every applier let go of the lock. Returns the row's epoch.

        Never lowers an epoch; run twice it changes nothing the second time. An equal epoch that nobody
        holds is what a fence left in the old copy, replicated from there (A16).
        """
        row = self._change_epoch(
            "UPDATE authority SET epoch = :epoch, holder = :region, renewals = renewals + 1, "
            "renewed_from = cast(:stamp AS timestamptz), opened_at = clock_timestamp() "
            "WHERE epoch < :epoch OR (epoch = :epoch AND holder = :nobody)",
            epoch=epoch,
            region=region,
            stamp=renewed_from,
            nobody=NO_HOLDER,
        )
        return int(row[0]) if row[1] == region else -1

    def fence_epoch(self, *, epoch: int) -> int:
        """Write the new epoch, held by nobody, into the *old* copy. Returns the row's epoch.

        The row replicates: one that named the new region would let it serve from its replica (A16).
        """
        row = self._change_epoch(
            "UPDATE authority SET epoch = :epoch, holder = :nobody, renewals = renewals + 1, "
            "opened_at = clock_timestamp() WHERE epoch < :epoch",
            epoch=epoch,
            nobody=NO_HOLDER,
        )
        return int(row[0])

    def rewind_epoch(self, *, region: str, epoch: int, rows: list[dict[str, Any]]) -> int | None:
        """Raise `epoch` by one and lower the applied markers of `rows`, in one transaction (B13, C1).

        How many were lowered; None, and nothing is changed, when the row is not `region`'s at `epoch`. No
        event applier of `epoch` writes after it. `rows` as `rewind.Lowered.to_row` makes them.
        """
        self._lock_out_appliers()
        raised = self._run(
            "UPDATE authority SET epoch = epoch + 1, renewals = renewals + 1, "
            "opened_at = clock_timestamp() WHERE epoch = :epoch AND holder = :region RETURNING 1",
            epoch=epoch,
            region=region,
        )
        if not raised:
            self._run("ROLLBACK")
            return None
        lowered = self._run(
            "UPDATE applied_marker AS held SET "
            "sequence = least(held.sequence, coalesce(told.sequence, held.sequence)), "
            "born = least(held.born, "
            "to_timestamp(coalesce(told.born_ms, told.record_time_ms) / 1000.0)), "
            "record_time = to_timestamp(told.record_time_ms / 1000.0) "
            "FROM json_to_recordset(cast(:rows AS json)) AS told (topic text, partition integer, "
            "origin text, incarnation text, shard text, sequence numeric, born_ms bigint, "
            "record_time_ms bigint) "
            "WHERE held.topic = told.topic AND held.partition = told.partition "
            "AND held.origin = told.origin AND held.incarnation = told.incarnation "
            "AND held.shard = told.shard "
            "AND held.record_time > to_timestamp(told.record_time_ms / 1000.0) RETURNING 1",
            rows=json.dumps(rows),
        )
        self._run("COMMIT")
        return len(lowered)

    def _lock_out_appliers(self) -> None:
        """Begin a transaction that waits until every applier let go of the lock (C1)."""
        self._run("BEGIN")
        self._run("SET LOCAL lock_timeout = '8s'")
        self._run("SELECT pg_advisory_xact_lock(cast(:key AS bigint))", key=APPLY_LOCK)

    def _change_epoch(self, update: str, **values: Any) -> list[Any]:
        """Run `update` once every applier let go of the lock (C1). Returns (epoch, holder)."""
        self._lock_out_appliers()
        self._run(update, **values)
        row: list[Any] = self._run("SELECT epoch, holder FROM authority")[0]
        self._run("COMMIT")
        return row

    def heartbeat_epoch(self, region: str, within_seconds: float) -> int | None:
        """The newest epoch at which an event applier of `region` applied within the last seconds."""
        row = self._run(
            "SELECT max(epoch) FROM heartbeat WHERE region = :region "
            "AND at > clock_timestamp() - make_interval(secs => :seconds)",
            region=region,
            seconds=float(within_seconds),
        )[0]
        return None if row[0] is None else int(row[0])

    def close(self) -> None:
        """Close the connection if there is one; never raises."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except Exception:  # the connection is given up either way
                return

    def _run(self, sql: str, **values: Any) -> list[Any]:
        try:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection.run(sql, **values) or []
        except Exception:
            self.close()
            raise

    def _connect(self) -> pg8000.native.Connection:
        """To the first of the address's hosts that answers; raises what the last one raised."""
        *others, last = self._addresses
        for address in others:
            try:
                return self._connect_to(address)
            except Exception:  # not there (yet): the next one says whether anything is
                continue
        return self._connect_to(last)

    def _connect_to(self, address: DatabaseAddress) -> pg8000.native.Connection:
        return pg8000.native.Connection(
            address.user,
            host=address.host,
            port=address.port,
            database=address.name,
            password=_iam_token(address) if address.auth == "iam" else None,
            ssl_context=verified(address.ca_file),
            timeout=self._timeout,
        )


def _iam_token(address: DatabaseAddress) -> str:
    """Signed locally: signing in needs no control plane and no secret."""
    from lifeline.lambdas.adapters.aws import client

    token: str = client("rds", address.region).generate_db_auth_token(
        DBHostname=address.host, Port=address.port, DBUsername=address.user, Region=address.region
    )
    return token
