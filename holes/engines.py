"""Two brokers of Apache Kafka and the product's replicator from one to the other."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from lab.broker import await_answer, node_properties
from lab.kafka import (
    broker_command,
    format_command,
    properties,
    replicator_command,
    replicator_settings,
)
from lab.places import LOOPBACK
from lab.ports import free_port

LOSE = "lose"
"""A record with this header is not copied: the mirror's fault, put where the mirror works."""
LOSING = {
    "peer->own.transforms": "faulty,provenance",
    "peer->own.transforms.faulty.type": "org.apache.kafka.connect.transforms.Filter",
    "peer->own.transforms.faulty.predicate": "chosen",
    "peer->own.predicates": "chosen",
    "peer->own.predicates.chosen.type": (
        "org.apache.kafka.connect.transforms.predicates.HasHeaderKey"
    ),
    "peer->own.predicates.chosen.name": LOSE,
}
"""Java takes the last value of a key."""


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """The address of a new, empty log."""
    folder.mkdir(parents=True)
    address, controller = f"{LOOPBACK}:{free_port()}", f"{LOOPBACK}:{free_port()}"
    listeners = {"OWN": address}
    written = node_properties(
        data=folder / "data", controller=controller, listeners=listeners, advertised=listeners
    )
    settings = folder / "server.properties"
    settings.write_text(properties(written))
    subprocess.run(format_command(settings, "holes"), check=True, capture_output=True, timeout=60)
    with (folder / "broker.log").open("wb") as said:
        process = subprocess.Popen(broker_command(settings), stdout=said, stderr=said)
    try:
        await_answer(address)
        yield address
    finally:
        process.kill()
        process.wait(timeout=10)


def create_topics(bootstrap: str, partitions: Mapping[str, int]) -> None:
    """Raises KafkaException."""
    new = [NewTopic(name, count, 1) for name, count in partitions.items()]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for made in admin.create_topics(new).values():
        made.result(30)


class Replicator:
    """The product's, with its settings and the fault of `LOSING`. Started and stopped as often as needed."""

    def __init__(self, folder: Path, *, peer: str, own: str, topics: Mapping[str, int]) -> None:
        folder.mkdir(parents=True)
        self._settings, self._log = folder / "mirror.properties", folder / "mirror.log"
        self._settings.write_text(replicator_settings() + properties(LOSING))
        self._told = {
            "PEER_BOOTSTRAP": peer, "OWN_BOOTSTRAP": own, "PEER_LOG": "origin/1", "OWN_LOG": "copy/1",
            "TOPICS": ",".join(topics), "GROUPS_EXCLUDE": "watermark-.*",
            "TASKS_MAX": str(max(topics.values())), "SUFFIX": "holes",
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as said:
            self._process = subprocess.Popen(
                replicator_command(self._settings), env={**os.environ, **self._told},
                stdout=said, stderr=said,
            )  # fmt: skip

    def stop(self) -> None:
        """Its positions are kept, and its group knows that it left."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)
