"""The rotation's sign-in against a real server that asks for passwords."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from lifeline.lambdas.rotate_admin.adapters import Server
from lifeline.lambdas.rotate_admin.rotation import Refused
from tests.integration.datapath.engines import LOOPBACK, postgres
from tests.support.certificates import ca_file

pytestmark = pytest.mark.postgres
ADMIN = "lifeline_admin"
RULES = f"hostssl all {ADMIN} all scram-sha-256\nhostssl all all all trust\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose administrator must give the password `first`."""
    folder: Path = tmp_path_factory.mktemp("rotation") / "data"
    with postgres(folder) as port:
        with psycopg.connect(
            host=LOOPBACK, port=port, dbname="lifeline", user="lifeline", autocommit=True
        ) as owner:
            owner.execute(f"CREATE ROLE {ADMIN} LOGIN PASSWORD 'first'".encode())
            (folder / "pg_hba.conf").write_text(RULES)
            owner.execute("SELECT pg_reload_conf()")
            owner.execute("SELECT pg_sleep(0.3)")
        yield Server(host=LOOPBACK, port=port, database="lifeline", ca_file=ca_file())


def test_a_new_password_works_at_once_and_the_old_one_no_more(server: Server) -> None:
    admin = server.sign_in({"username": ADMIN, "password": "first"})
    assert not admin.is_replica()
    awkward = "it's; DROP ROLE lifeline_admin; --\\"
    admin.set_password(ADMIN, awkward)
    server.sign_in({"username": ADMIN, "password": awkward})
    with pytest.raises(Refused, match="refused the admin's password"):
        server.sign_in({"username": ADMIN, "password": "first"})


def test_a_database_that_does_not_exist_is_another_error(server: Server) -> None:
    other = Server(host=server.host, port=server.port, database="nowhere", ca_file=ca_file())
    with pytest.raises(Exception, match="nowhere"):
        other.sign_in({"username": "lifeline", "password": ""})
