"""A server on loopback that takes connections and never says a word."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class SilentServer:
    """Its port, and how many connections it took."""

    port: int
    connections: int = 0


@contextmanager
def silent_server() -> Iterator[SilentServer]:
    """Listens on 127.0.0.1 alone: not on the other addresses of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = SilentServer(listener.getsockname()[1])
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return  # the listener was shut down
                taken.append(connection)
                made.connections += 1

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield made
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in taken:
                connection.close()
