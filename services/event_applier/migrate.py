"""`migrate`: bring the database to this version. Safe to run twice, and twice at once."""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.event_applier import Migrate
from lifeline.lambdas.failover.protocol import MIGRATION_LOCK
from lifeline.services.shared.database import Connection, connect, connection_url
from lifeline.services.shared.log_lines import say

MIGRATIONS = Path(__file__).parent / "migrations"


def main() -> int:
    """The command."""
    told = Migrate.from_env()
    migrate(told.database, told.workload_user)
    return 0


def migrate(settings: DatabaseAddress, workload_user: str = "") -> None:
    """A replica gets its schema by replication: there is nothing to do on one."""
    with connect(settings, purpose="migrate", limited=False) as connection:
        if _is_replica(connection):
            say("replica: nothing to migrate")
            return
        # One at a time: the library creates its own tables before it takes its own lock.
        connection.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        applied = _apply_new(settings)
        row = connection.execute("SELECT extend_event_partitions()").fetchone()
        if settings.auth == "password":
            _let_workloads_in(connection, settings, workload_user)
        say("migrated", migrations=applied, partitions=row[0] if row else 0)


def _let_workloads_in(connection: Connection, settings: DatabaseAddress, user: str) -> None:
    """The workloads' user: signs in by IAM, reads and writes rows, changes no schema. Idempotent."""
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (user,)).fetchone()
    name = sql.Identifier(user)
    statements = [] if exists else [sql.SQL("CREATE ROLE {} LOGIN").format(name)]
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'rds_iam'").fetchone():
        statements.append(sql.SQL("GRANT rds_iam TO {}").format(name))
    statements += [
        sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(
            sql.Identifier(settings.name), name
        ),
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name),
        sql.SQL("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {}").format(name),
        sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(name),
    ]
    for statement in statements:
        connection.execute(statement)


def _is_replica(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    return bool(row and row[0])


def _apply_new(settings: DatabaseAddress) -> list[str]:
    from yoyo import get_backend, read_migrations

    backend = get_backend(connection_url(settings))
    try:
        with backend.lock():
            new = backend.to_apply(read_migrations(str(MIGRATIONS)))
            backend.apply_migrations(new)
            return [migration.id for migration in new]
    finally:
        backend.connection.close()
