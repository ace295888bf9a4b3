"""Each driver against a real server with a certificate of Amazon RDS's form: verified, or no sign-in (N3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from lab.certificates import Authority, Key, ServerFiles, ecc384, rsa2048, rsa4096
from lifeline.lambdas.adapters.region_database import RegionDatabase
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.rotate_admin.adapters import Server
from lifeline.services.event_applier.migrate import migrate
from lifeline.services.shared.database import connect
from tests.integration.datapath.engines import LOOPBACK, postgres

pytestmark = pytest.mark.postgres
HOME = "ca-central-1"
SignIn = Callable[[DatabaseAddress], object]


def keeper(address: DatabaseAddress) -> object:
    """As keepers, steps and meters do; the server's clock needs no table."""
    database = RegionDatabase(address)
    try:
        return database.clock()
    finally:
        database.close()


def rotation(address: DatabaseAddress) -> object:
    signed_in = Server(address.host, address.port, address.name, address.ca_file).sign_in(
        {"username": address.user, "password": "no password is asked for"}
    )
    signed_in.connection.close()
    return signed_in


def service(address: DatabaseAddress) -> object:
    with connect(address, purpose="test") as connection:
        used = connection.execute(
            "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).fetchone()
    assert used == (True,)
    return used


SIGN_INS: list[SignIn] = [keeper, rotation, service, migrate]


class Servers:
    """Real servers, each started once, for as long as the module's tests run."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self.authority = Authority(folder / "authority", ecc384)
        self._ports: dict[str, int] = {}

    def address(
        self, name: str, tls: ServerFiles, ca_file: Path | None = None, **settings: object
    ) -> DatabaseAddress:
        if name not in self._ports:
            started = postgres(self._folder / name, tls, **settings)
            self._ports[name] = self._stack.enter_context(started)
        believed = str(ca_file or self.authority.ca_file)
        return DatabaseAddress(
            LOOPBACK, self._ports[name], "lifeline", "lifeline", "none", HOME, believed
        )


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(tmp_path_factory.mktemp("verified"), stack)


def refused(sign_in: SignIn, address: DatabaseAddress, reason: str) -> None:
    """By the driver, before a token or a password has left: each has an error type of its own."""
    with pytest.raises(Exception, match=reason):
        sign_in(address)


@pytest.mark.parametrize("key", [ecc384, rsa2048, rsa4096], ids=lambda key: str(key.__name__))
def test_the_right_host_of_a_known_authority_is_signed_in_to(
    servers: Servers, key: Callable[[], Key]
) -> None:
    authority = Authority(servers.authority.folder.parent / key.__name__, key)
    address = servers.address(
        f"right-{key.__name__}", authority.server(LOOPBACK), authority.ca_file
    )  # fmt: skip
    for sign_in in SIGN_INS:
        sign_in(address)


@pytest.mark.parametrize("sign_in", SIGN_INS)
def test_another_hosts_certificate_is_refused(servers: Servers, sign_in: SignIn) -> None:
    other = servers.authority.server("db.elsewhere.example.org", name="elsewhere")
    refused(
        sign_in, servers.address("elsewhere", other), "doesn't match|does not match|not valid for"
    )


@pytest.mark.parametrize("sign_in", SIGN_INS)
def test_an_unknown_authoritys_certificate_is_refused(servers: Servers, sign_in: SignIn) -> None:
    """The shipped authorities are those of Amazon RDS alone; a lab's is not among them."""
    known = servers.address("known", servers.authority.server(LOOPBACK, name="known"))
    stranger = DatabaseAddress(LOOPBACK, known.port, known.name, known.user, "none", HOME)
    assert stranger.ca_file != known.ca_file
    sign_in(known)
    refused(sign_in, stranger, "certificate verify failed")


@pytest.mark.parametrize("sign_in", SIGN_INS)
def test_an_expired_certificate_is_refused(servers: Servers, sign_in: SignIn) -> None:
    """Of the known authority and for the right host: nothing else is wrong with it."""
    old = servers.authority.server(LOOPBACK, name="old", ends_in=timedelta(hours=-1))
    refused(
        sign_in,
        servers.address("old", old),
        "certificate verify failed",
    )


@pytest.mark.parametrize("sign_in", SIGN_INS)
def test_a_server_without_tls_is_refused(servers: Servers, sign_in: SignIn) -> None:
    """Nothing falls back to clear text, though this server would take it."""
    tls = servers.authority.server(LOOPBACK, name="clear")
    address = servers.address("clear", tls, ssl="off")
    psycopg.connect(host=LOOPBACK, port=address.port, dbname="lifeline", user="lifeline").close()
    refused(sign_in, address, "SSL")
