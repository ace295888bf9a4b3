"""The lab's engines by themselves, nothing deployed: replication, links, faults, stopping."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import Consumer, Producer, TopicPartition

from lab import Lab, LabError
from lab.controller import MIRROR, service_commands, service_environment
from lab.kafka import replicator_settings
from lab.link import set_links
from lab.places import CODES, DATA_REGIONS, HOME, RECOVERY, WITNESS, peer_of
from lab.waiting import until
from lifeline.lambdas.contracts.replicator import Replicator

pytestmark = pytest.mark.lab

TOPIC = "clinical.observation.recorded"
READ_SECONDS = 60.0
BORN_MS = int(time.time() * 1000) - 60_000
"""Within the log's retention."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(workdir=tmp_path_factory.mktemp("lab"), say=_quiet) as started:
        for region in DATA_REGIONS:
            started.brokers[region].create_topics({TOPIC: 2})
        (started.workdir / "mirror.properties").write_text(replicator_settings())
        for region in DATA_REGIONS:
            start_replicator(started, region)
        yield started
    assert not [run for run in started.processes.named("") if run.alive]


def start_replicator(lab: Lab, region: str, own_log: str = "1") -> None:
    """The product's replicator, told what its task definition would tell it; `own_log`: which one it is."""
    told = Replicator(
        suffix="test", peer_bootstrap="the peer's", own_bootstrap="the own",
        peer_log=f"{peer_of(region)}/1", own_log=f"{region}/{own_log}", topics=TOPIC,
        groups_exclude="test", tasks_max=2,
    ).to_env()  # fmt: skip
    command = service_commands(lab.workdir / "mirror.properties")[MIRROR]
    lab.processes.start(
        _replicator(region), command, region=region,
        env=service_environment(lab.places, region, told),
    )  # fmt: skip


def _replicator(region: str) -> str:
    return f"{MIRROR}-{CODES[region]}"


def _quiet(_line: str) -> None:
    return


def produce(lab: Lab, region: str, values: list[str]) -> None:
    producer = Producer({"bootstrap.servers": lab.regions[region].kafka_bootstrap})
    for number, value in enumerate(values):
        producer.produce(
            TOPIC, value, key="k", partition=0, timestamp=BORN_MS + number,
            headers=[("origin", region.encode())],
        )  # fmt: skip
    assert producer.flush(10) == 0


def read(lab: Lab, region: str, count: int, more_seconds: float = 0) -> list[Any]:
    """The first `count` records, and what comes after them within `more_seconds`."""
    consumer = Consumer(
        {"bootstrap.servers": lab.regions[region].kafka_bootstrap, "group.id": "test"}
    )
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    found: list[Any] = []
    deadline = time.monotonic() + READ_SECONDS
    while len(found) < count and time.monotonic() < deadline:
        found += [m for m in consumer.consume(100, 0.2) if m.error() is None]
    deadline = time.monotonic() + more_seconds
    while time.monotonic() < deadline:
        found += [m for m in consumer.consume(100, 0.2) if m.error() is None]
    consumer.close()
    return found


def test_records_are_replicated_both_ways_once_with_their_provenance(lab: Lab) -> None:
    produce(lab, HOME, ["a1", "a2", "a3"])
    there = read(lab, RECOVERY, 3)
    assert [m.value() for m in there] == [b"a1", b"a2", b"a3"]
    assert there[1].timestamp()[1] == BORN_MS + 1
    assert there[1].key() == b"k"
    assert dict(there[1].headers()) == {
        "origin": HOME.encode(), "replicated-from": f"{HOME}/1".encode(),
    }  # fmt: skip
    produce(lab, RECOVERY, ["b1"])
    # Long enough for a loop to show.
    assert [m.value() for m in read(lab, HOME, 4, more_seconds=3)] == [b"a1", b"a2", b"a3", b"b1"]


def test_a_cut_link_delays_and_loses_nothing(lab: Lab) -> None:
    link = lab.places.link("log", RECOVERY, HOME)
    set_links(lab.places, {link.name: "cut"})
    produce(lab, HOME, ["c1", "c2"])
    assert [m.value() for m in read(lab, RECOVERY, 4, more_seconds=3)] == [
        b"a1",
        b"a2",
        b"a3",
        b"b1",
    ]
    set_links(lab.places, {link.name: "open"})
    assert [m.value() for m in read(lab, RECOVERY, 6)][4:] == [b"c1", b"c2"]


def test_a_log_that_is_killed_keeps_its_records(lab: Lab) -> None:
    lab.processes.signal(lab.brokers[HOME].name, signal.SIGKILL)
    lab.brokers[HOME].start()
    lab.brokers[HOME].await_ready()
    kept = [b"a1", b"a2", b"a3", b"b1", b"c1", b"c2"]
    assert [m.value() for m in read(lab, HOME, 6)] == kept


def test_a_log_that_is_made_anew_gets_its_own_records_back(lab: Lab) -> None:
    """B16: they carry the name of the log that is gone, and this one has another."""
    for region in DATA_REGIONS:
        lab.processes.stop(_replicator(region))
    home = lab.brokers[HOME]
    lab.processes.stop(home.name)
    home.create()
    home.start()
    home.await_ready()
    home.create_topics({TOPIC: 2})
    start_replicator(lab, HOME, own_log="2")
    assert [m.value()[:1] for m in read(lab, HOME, 6)] == [b"a", b"a", b"a", b"b", b"c", b"c"]


def test_the_replica_follows_through_its_link(lab: Lab) -> None:
    home, replica = lab.databases[HOME], lab.databases[RECOVERY]
    home.sql("CREATE TABLE seen (n int)")
    home.sql("INSERT INTO seen VALUES (1)")
    until("the row in the replica", lambda: _rows(replica) == "1", seconds=10)
    link = lab.places.link("database", RECOVERY, HOME)
    set_links(lab.places, {link.name: "hang"})
    home.sql("INSERT INTO seen VALUES (2)")
    time.sleep(0.5)
    assert _rows(replica) == "1"
    set_links(lab.places, {link.name: "open"})
    until("the second row in the replica", lambda: _rows(replica) == "2", seconds=15)


def _rows(database: Any) -> str:
    try:
        return str(database.sql("SELECT count(*) FROM seen"))
    except LabError:
        return ""


def test_a_hung_region_answers_nothing_and_comes_back_when_healed(lab: Lab) -> None:
    faults = lab.hang(RECOVERY)
    assert {"frozen", "api-rules", "links", "asleep"} <= {fault.kind for fault in faults}
    assert not lab.databases[RECOVERY].ready()
    with pytest.raises((BotoCoreError, ClientError)):
        lab.client("dynamodb", RECOVERY, CODES[HOME]).list_tables()
    lab.client("dynamodb", WITNESS, CODES[HOME]).list_tables()
    assert all(run.alive for run in lab.processes.of_region(RECOVERY))
    lab.heal()
    until("the database answering again", lab.databases[RECOVERY].ready, seconds=10)
    lab.client("dynamodb", RECOVERY, CODES[HOME]).list_tables()


def test_a_lost_region_is_dead_and_cut_off_and_the_others_work(lab: Lab) -> None:
    faults = lab.lose(HOME)
    assert {"killed", "api-rules", "links", "asleep"} <= {fault.kind for fault in faults}
    assert not [run for run in lab.processes.of_region(HOME) if run.alive]
    assert [run for run in lab.processes.of_region(RECOVERY) if run.alive]
    with pytest.raises((BotoCoreError, ClientError)):
        lab.client("dynamodb", HOME, CODES[RECOVERY]).list_tables()
    with pytest.raises((BotoCoreError, ClientError)):
        lab.client("dynamodb", WITNESS, CODES[HOME]).list_tables()
    lab.client("dynamodb", WITNESS, CODES[RECOVERY]).list_tables()
    # Losing a region promotes nothing: that is for the keepers to decide.
    assert lab.databases[RECOVERY].is_replica()


def test_a_taken_port_is_refused_before_anything_starts(lab: Lab, tmp_path: Path) -> None:
    second = Lab(workdir=tmp_path, port_base=lab.places.port_base, say=_quiet)
    with pytest.raises(LabError, match=r"Port \d+ is taken and .* needs it"):
        second.__enter__()
    assert not second.processes.named("")
