"""Bounded waiting, and checks before anything starts."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable

from lab.places import LOOPBACK


class LabError(RuntimeError):
    """The lab cannot go on; the message is one sentence for the person who started it."""


def until(what: str, check: Callable[[], bool], *, seconds: float, every: float = 0.1) -> None:
    """Wait until `check` holds. Raises LabError naming `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return
        time.sleep(every)
    raise LabError(f"{what} did not happen within {seconds:.0f} s.")


def port_open(port: int) -> bool:
    """Whether somebody listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0


def port_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        # A connection that ended a moment ago must not make its port look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int, path: str, seconds: float = 2.0) -> bool:
    """Whether an HTTP server on the port answers 200 for the path."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def require_free(ports: dict[str, int]) -> None:
    """Raises LabError with the first port that is taken."""
    for purpose, port in ports.items():
        if not port_free(port):
            raise LabError(
                f"Port {port} is taken and {purpose} needs it: stop what listens there, "
                f"or give another --port-base."
            )
