"""The migrations' admin lets the workloads' user in, and with no more than rows (least privilege)."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.services.event_applier import migrate as migration
from lifeline.services.shared.database import connect

pytestmark = pytest.mark.postgres


def test_the_workloads_user_may_apply_but_not_change_the_schema(database: DatabaseAddress) -> None:
    with connect(database, purpose="test") as admin:
        for _ in range(2):
            migration._let_workloads_in(admin, database, "lifeline_workload")
        try:
            with connect(replace(database, user="lifeline_workload"), purpose="test") as workload:
                assert workload.execute("SELECT count(*) FROM event").fetchone() is not None
                workload.execute("UPDATE authority SET renewals = renewals")
                workload.execute("SELECT extend_event_partitions(0, 4)")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    workload.execute("DROP TABLE heartbeat")
        finally:
            name = sql.Identifier("lifeline_workload")
            admin.execute(sql.SQL("DROP OWNED BY {}").format(name))
            admin.execute(sql.SQL("DROP ROLE {}").format(name))


def test_hosts_are_tried_in_order(database: DatabaseAddress) -> None:
    """An unpromoted member's writer endpoint does not resolve; its reader endpoint answers."""
    both = replace(database, host=f"writer.invalid,{database.host}")
    with connect(both, purpose="test") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError):
        connect(replace(database, host="writer.invalid"), purpose="test")
