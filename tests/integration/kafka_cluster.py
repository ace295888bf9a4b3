"""Three brokers and a controller of Apache Kafka, with the product's settings unchanged."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ClusterMetadata,
    NewTopic,
    PartitionMetadata,
)

from lab.kafka import broker_command, format_command, properties
from lab.places import LOOPBACK
from lab.ports import free_port
from lifeline.broker_settings import BROKER_SETTINGS

BROKERS = (1, 2, 3)
CONTROLLER = 100
READY_SECONDS = 90.0


class Cluster:
    """Started by `start`, ended by `close`. A broker that is killed keeps its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._quorum = f"{LOOPBACK}:{free_port()}"
        self._addresses = {number: f"{LOOPBACK}:{free_port()}" for number in BROKERS}
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    @property
    def bootstrap(self) -> str:
        return ",".join(self._addresses.values())

    def start(self) -> None:
        """Format all four, start them, wait for three brokers."""
        nodes = (CONTROLLER, *BROKERS)
        for node in nodes:
            (self._folder / f"{node}.properties").write_text(properties(self._settings(node)))
        made = [
            subprocess.Popen(
                format_command(self._folder / f"{node}.properties", "three"),
                stdout=subprocess.DEVNULL,
            )
            for node in nodes
        ]
        assert [one.wait(60) for one in made] == [0] * len(nodes)
        for node in nodes:
            self.run(node)
        self.until("three brokers", lambda: len(self._metadata().brokers) == len(BROKERS))

    def _settings(self, node: int) -> dict[str, object]:
        of_any = {
            **BROKER_SETTINGS,
            "node.id": node,
            "controller.quorum.voters": f"{CONTROLLER}@{self._quorum}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "OWN:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self._folder / f"data-{node}",
        }
        if node == CONTROLLER:
            return of_any | {
                "process.roles": "controller",
                "listeners": f"CONTROLLER://{self._quorum}",
            }
        listener = f"OWN://{self._addresses[node]}"
        return of_any | {
            "process.roles": "broker",
            "inter.broker.listener.name": "OWN",
            "listeners": listener,
            "advertised.listeners": listener,
        }

    def run(self, node: int) -> None:
        """Start one process."""
        with (self._folder / f"{node}.log").open("ab") as said:
            self._running[node] = subprocess.Popen(
                broker_command(self._folder / f"{node}.properties"), stdout=said, stderr=said
            )

    def kill(self, node: int) -> None:
        """SIGKILL: as a machine that is gone."""
        self._end(node, signal.SIGKILL)

    def stop(self, node: int) -> None:
        """SIGTERM: the broker hands over what it leads, and ends."""
        self._end(node, signal.SIGTERM)

    def _end(self, node: int, number: int) -> None:
        process = self._running[node]
        process.send_signal(number)
        process.wait(timeout=60)
        del self._running[node]

    def create_topic(self, name: str) -> None:
        """One partition, and the copies that the settings give it."""
        (made,) = self._admin.create_topics([NewTopic(name, 1)]).values()
        made.result(30)

    def leader(self, topic: str) -> int:
        """The broker that leads the topic's partition; -1 while none may."""
        return int(self._partition(topic).leader)

    def in_sync(self, topic: str) -> set[int]:
        """The brokers that have all of the partition."""
        return set(self._partition(topic).isrs)

    def _partition(self, topic: str) -> PartitionMetadata:
        """A broker that has just begun knows no topic yet: nothing may be concluded from that."""
        found: list[PartitionMetadata] = []

        def known() -> bool:
            found[:] = self._metadata().topics[topic].partitions.values()
            return len(found) == 1

        self.until(f"{topic} known", known)
        return found[0]

    def until(self, what: str, true: Callable[[], bool]) -> None:
        """Wait for it. AssertionError names what never came."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                if true():
                    return
            except (KafkaException, KeyError):
                pass
            assert time.monotonic() < deadline, what
            time.sleep(0.2)

    def close(self) -> None:
        """Kill what runs."""
        for node in list(self._running):
            self.kill(node)

    def _metadata(self) -> ClusterMetadata:
        return self._admin.list_topics(timeout=5)
