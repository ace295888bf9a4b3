"""`migrate`: bring the database to this version. Safe to run twice, and twice at once."""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from lifeline.lambdas.contracts.database import DatabaseAddress, archive_user
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
    """The workloads' users: sign in by IAM, read and write rows, change no schema. Idempotent.

    The archive's one is a workload that may also write what a person decided (B22).
    """
    persons = archive_user(user)
    workload, archive = sql.Identifier(user), sql.Identifier(persons)
    statements: list[sql.SQL | sql.Composed] = []
    for one in (user, persons):
        if not _exists(connection, one):
            statements.append(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(one)))
    if _exists(connection, "rds_iam"):
        statements.append(sql.SQL("GRANT rds_iam TO {}, {}").format(workload, archive))
    statements += [
        sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(
            sql.Identifier(settings.name), workload
        ),
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(workload),
        sql.SQL("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {}").format(
            workload
        ),
        sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(workload),
        sql.SQL("REVOKE INSERT, UPDATE ON accepted_gap, archive_restore FROM {}").format(workload),
        sql.SQL("REVOKE EXECUTE ON FUNCTION end_archive_restore FROM PUBLIC"),
        sql.SQL("GRANT {} TO {}").format(workload, archive),
        sql.SQL("GRANT INSERT ON accepted_gap TO {}").format(archive),
        sql.SQL("GRANT INSERT, UPDATE ON archive_restore TO {}").format(archive),
        sql.SQL("GRANT EXECUTE ON FUNCTION end_archive_restore TO {}").format(archive),
    ]
    with connection.transaction():
        for statement in statements:
            connection.execute(statement)


def _exists(connection: Connection, role: str) -> bool:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    return found is not None


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
