"""The users that `lifeline migrate` makes where services sign in with IAM; they go when the test ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from lifeline.lambdas.contracts.database import DatabaseAddress, archive_user
from lifeline.services.event_applier import migrate as migration
from lifeline.services.shared.database import connect

WORKLOAD = "lifeline_workload"


@contextmanager
def let_in(database: DatabaseAddress, *, again: bool = False) -> Iterator[None]:
    """`again`: they are there already, and whoever made them removes them."""
    with connect(database, purpose="test") as admin:
        migration._let_workloads_in(admin, database, WORKLOAD)
        try:
            yield
        finally:
            for user in () if again else (archive_user(WORKLOAD), WORKLOAD):
                name = sql.Identifier(user)
                admin.execute(sql.SQL("DROP OWNED BY {}").format(name))
                admin.execute(sql.SQL("DROP ROLE {}").format(name))
