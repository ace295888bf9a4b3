"""`migrate`: bring the database to this version. Safe to run twice, and twice at once."""

from __future__ import annotations

from pathlib import Path

from processor.database import Connection, connect, connection_url
from processor.log_lines import say
from processor.settings import DatabaseSettings

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 7310003


def main() -> int:
    """The command."""
    migrate(DatabaseSettings.from_environment())
    return 0


def migrate(settings: DatabaseSettings) -> None:
    """A replica gets its schema by replication: there is nothing to do on one."""
    with connect(settings, purpose="migrate", limited=False) as connection:
        if _is_replica(connection):
            say("replica: nothing to migrate")
            return
        # One at a time: the library creates its own tables before it takes its own lock.
        connection.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        applied = _apply_new(settings)
        row = connection.execute("SELECT extend_event_partitions()").fetchone()
        say("migrated", migrations=applied, partitions=row[0] if row else 0)


def _is_replica(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    return bool(row and row[0])


def _apply_new(settings: DatabaseSettings) -> list[str]:
    from yoyo import get_backend, read_migrations

    backend = get_backend(connection_url(settings))
    try:
        with backend.lock():
            new = backend.to_apply(read_migrations(str(MIGRATIONS)))
            backend.apply_migrations(new)
            return [migration.id for migration in new]
    finally:
        backend.connection.close()
