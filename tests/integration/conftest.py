"""One broker of Apache Kafka a session; each test that asks for a log gets it empty."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from lab.broker import await_answer, node_properties
from lab.kafka import broker_command, format_command, properties
from lab.places import LOOPBACK
from lab.ports import free_port

GONE_SECONDS = 10.0

NewLog = Callable[[Mapping[str, int]], str]


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    folder: Path = tmp_path_factory.mktemp("kafka")
    address, controller = f"{LOOPBACK}:{free_port()}", f"{LOOPBACK}:{free_port()}"
    settings = folder / "server.properties"
    listeners = {"OWN": address}
    written = node_properties(
        data=folder / "data", controller=controller, listeners=listeners, advertised=listeners
    )
    own = {
        # A member that died is replaced after its session: the tests do not wait six seconds for it.
        "group.min.session.timeout.ms": 1_000,
        # The tests' records are of 1970: retention would take them half a minute after the start.
        "log.retention.ms": -1,
    }
    settings.write_text(properties({**written, **own}))
    subprocess.run(format_command(settings, "test"), check=True, capture_output=True, timeout=60)
    with (folder / "broker.log").open("wb") as said:
        process = subprocess.Popen(broker_command(settings), stdout=said, stderr=said)
    try:
        await_answer(address)
        yield address
    finally:
        process.kill()
        process.wait(timeout=10)


def await_leaders(admin: AdminClient, partitions: Mapping[str, int]) -> None:
    """A topic is made before its partitions lead: who asks between is told that there is none."""
    deadline = time.monotonic() + GONE_SECONDS
    wanted = {(name, one) for name, count in partitions.items() for one in range(count)}
    while True:
        led = {
            (name, number)
            for name, topic in admin.list_topics(timeout=5).topics.items()
            for number, one in topic.partitions.items()
            if one.leader >= 0 and one.error is None
        }
        if wanted <= led:
            return
        assert time.monotonic() < deadline, f"without a leader: {sorted(wanted - led)}"
        time.sleep(0.02)


@pytest.fixture
def new_log(broker: str) -> NewLog:
    """From partition counts by topic to the address of a log that has these topics and no record."""

    def made(partitions: Mapping[str, int]) -> str:
        admin = AdminClient({"bootstrap.servers": broker, "log_level": 2})
        old = [name for name in admin.list_topics(timeout=5).topics if not name.startswith("__")]
        if old:
            for gone in admin.delete_topics(old).values():
                gone.result(10)
        deadline = time.monotonic() + GONE_SECONDS
        while set(old) & set(admin.list_topics(timeout=5).topics):
            assert time.monotonic() < deadline, f"still there: {old}"
        for created in admin.create_topics(
            [NewTopic(n, c) for n, c in partitions.items()]
        ).values():
            created.result(10)
        await_leaders(admin, partitions)
        return broker

    return made
