"""The tables and functions that the failover needs in a database, as SQL for a migration (A1, A16, C1)."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

import lifeline
from lifeline.cli.failure import BadInput
from lifeline.lambdas.failover.protocol import (
    APPLY_LOCK,
    LEASE_TTL_SECONDS,
    TRANSACTION_TIMEOUT_SECONDS,
)

PACKAGE = Path(str(lifeline.__file__)).parent
TABLES = PACKAGE / "services" / "event_applier" / "migrations" / "0001.authority.sql"
"""The same statements with which our own schema begins."""
GUARD = PACKAGE / "schemas" / "authority" / "writer_guard.sql"
USER = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def authority_schema(user: str) -> str:
    """SQL to be run once at the writer, by who may create tables; `user` may use what it makes.

    Needs PostgreSQL 17, whose transactions have a time-out. Raises BadInput for a name that would need
    quotes.
    """
    if not USER.fullmatch(user):
        raise BadInput(
            f"{user!r} is no user: a lower-case letter or '_', then up to 62 of a-z, 0-9 and '_'."
        )
    guard = Template(GUARD.read_text()).substitute(
        ttl=LEASE_TTL_SECONDS, transaction=TRANSACTION_TIMEOUT_SECONDS, lock=APPLY_LOCK
    )
    rights = (
        f"GRANT SELECT, UPDATE ON authority TO {user};\n"
        f"GRANT SELECT, INSERT, UPDATE ON heartbeat TO {user};\n"
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON authority_asked TO {user};\n"
    )
    return "\n".join(["BEGIN;", TABLES.read_text(), guard, rights + "COMMIT;"])
