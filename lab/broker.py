"""The log of one region: a broker of Apache Kafka, and its door for the other side.

The other region's replicator comes through a link, on another port than the region's own clients. A Kafka
client reconnects to whatever address the broker advertises: so that listener advertises the link's port.
"""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from lab.kafka import broker_command, format_command, properties
from lab.places import CODES, LOOPBACK, Places, peer_of
from lab.processes import Processes
from lab.waiting import LabError, until
from lifeline.broker_settings import BROKER_SETTINGS

WATERMARK_TOPIC = "system.watermark"
FORMAT_SECONDS = 60
START_SECONDS = 60.0
_QUIET = logging.getLogger("lab.rdkafka")
_QUIET.setLevel(logging.CRITICAL)
"""librdkafka reports each refused connection, and a broker refuses until it is up."""


def server_properties(region: str, places: Places, data: Path) -> dict[str, object]:
    """A region's broker: its own clients come to one port, the peer's replicator through a link."""
    own = f"{LOOPBACK}:{places.broker(region)}"
    link = places.link("log", peer_of(region), region).listen_port
    return node_properties(
        data=data,
        controller=f"{LOOPBACK}:{places.broker_controller(region)}",
        listeners={"OWN": own, "PEER": f"{LOOPBACK}:{places.broker_export(region)}"},
        advertised={"OWN": own, "PEER": f"{LOOPBACK}:{link}"},
    )


def node_properties(
    *, data: Path, controller: str, listeners: Mapping[str, str], advertised: Mapping[str, str]
) -> dict[str, object]:
    """What the product's clusters are told, for a cluster of one broker. The first listener is its own."""

    def joined(addresses: Mapping[str, str]) -> str:
        return ",".join(f"{name}://{address}" for name, address in addresses.items())

    every = {**listeners, "CONTROLLER": controller}
    return {
        **BROKER_SETTINGS,
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        # Otherwise each group waits three seconds for its other members when it begins.
        "group.initial.rebalance.delay.ms": 0,
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": next(iter(listeners)),
        "listeners": joined(every),
        "advertised.listeners": joined(advertised),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in every),
        "log.dirs": data,
    }


def _admin(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap}, logger=_QUIET)


def tells_topics(bootstrap: str, admin: AdminClient | None = None) -> bool:
    """Whether a broker answers within a second."""
    try:
        (admin or _admin(bootstrap)).list_topics(timeout=1)
    except KafkaException:
        return False
    return True


def await_answer(bootstrap: str, *, alive: Callable[[], object] = lambda: None) -> None:
    """Until a broker tells its topics. Raises LabError, and whatever `alive` raises meanwhile."""
    admin = _admin(bootstrap)

    def answers() -> bool:
        alive()
        return tells_topics(bootstrap, admin)

    until(f"the log at {bootstrap} answering", answers, seconds=START_SECONDS)


class Broker:
    """The log of a region. Its records lie in `folder` and outlive the process."""

    def __init__(self, *, processes: Processes, region: str, places: Places, folder: Path) -> None:
        self.processes = processes
        self.region = region
        self.port = places.broker(region)
        self.name = f"broker-{CODES[region]}"
        self._settings = folder / "server.properties"
        self._written = properties(server_properties(region, places, folder / "data"))

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def create(self) -> None:
        """A new, empty log. Raises LabError."""
        shutil.rmtree(self._settings.parent, ignore_errors=True)
        self._settings.parent.mkdir(parents=True)
        self._settings.write_text(self._written)
        done = subprocess.run(
            format_command(self._settings, cluster_id=CODES[self.region]),
            capture_output=True, text=True, timeout=FORMAT_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            raise LabError(f"{self.name} was not made: {(done.stderr or done.stdout)[-400:]}")

    def start(self) -> None:
        """Start the process; `await_ready` waits until it answers."""
        # Killed at the end: nobody reads this log again, and an orderly stop takes seconds.
        self.processes.start(
            self.name, broker_command(self._settings), region=self.region,
            stop_signal=signal.SIGKILL,
        )  # fmt: skip

    def await_ready(self) -> None:
        """Until it tells its topics. Raises LabError, at once when the process has ended."""
        await_answer(self.bootstrap, alive=lambda: self.processes.require_alive(self.name))

    def create_topics(self, partitions: Mapping[str, int]) -> None:
        """Create the marked topics and the watermark's. Those that exist are left alone."""
        admin = _admin(self.bootstrap)
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
