"""Three brokers with the product's settings and features, and the bridge's own writer (B6).

Nothing that was acknowledged is ever missing. What cannot have two copies is refused, and a broker that
missed something leads nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from drill.log_reading import records
from lifeline.lambdas.stream_bridge.batch import LogRecord
from lifeline.lambdas.stream_bridge.log_writer import DeliveryFailed, LogWriter, producer_settings
from tests.integration.kafka_cluster import BROKERS, Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

TOPIC = "clinical.observation.recorded"
BATCH = 20


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        made.create_topic(TOPIC)
        made.until("three copies", lambda: made.in_sync(TOPIC) == set(BROKERS))
        yield made
    finally:
        made.close()


class Bridge:
    """Writes batches as the bridge does: one that failed is written again, all of it."""

    def __init__(self, cluster: Cluster) -> None:
        self._writer = LogWriter(
            producer_settings(bootstrap=cluster.bootstrap, auth="none", region="ca-central-1")
        )
        self._ended = threading.Event()
        self.next = 0
        self.acknowledged: set[bytes] = set()
        self.failures: list[str] = []

    def write(self) -> None:
        """One batch. Raises DeliveryFailed."""
        values = [b"%d" % number for number in range(self.next, self.next + BATCH)]
        now_ms = int(time.time() * 1000)
        self._writer.write([LogRecord(TOPIC, 0, b"patient", one, []) for one in values], now_ms)
        self.acknowledged |= set(values)
        self.next += BATCH

    def run(self) -> None:
        while not self._ended.wait(0.05):
            try:
                self.write()
            except DeliveryFailed as error:
                self.failures.append(str(error))

    def end(self) -> None:
        self._ended.set()


@contextmanager
def writing(cluster: Cluster) -> Iterator[Bridge]:
    """A bridge that goes on writing until the end of the block."""
    bridge = Bridge(cluster)
    thread = threading.Thread(target=bridge.run)
    thread.start()
    try:
        yield bridge
    finally:
        bridge.end()
        thread.join(30)


def in_the_log(cluster: Cluster) -> set[bytes]:
    return {message.value() or b"" for message in records(cluster.bootstrap, [TOPIC])}


def test_a_rolling_restart_fails_no_batch(cluster: Cluster) -> None:
    with writing(cluster) as bridge:
        for broker in BROKERS:
            time.sleep(1)
            cluster.stop(broker)
            cluster.run(broker)
            cluster.until(
                f"broker {broker} in sync", lambda: cluster.in_sync(TOPIC) == set(BROKERS)
            )
    assert bridge.failures == []
    assert len(bridge.acknowledged) > 20 * BATCH
    assert bridge.acknowledged <= in_the_log(cluster)


def test_a_leader_that_is_killed_costs_no_acknowledged_record(cluster: Cluster) -> None:
    with writing(cluster) as bridge:
        time.sleep(2)
        dead = cluster.leader(TOPIC)
        cluster.kill(dead)
        cluster.until("another leader", lambda: cluster.leader(TOPIC) not in (dead, -1))
        before = len(bridge.acknowledged)
        cluster.until("a batch more", lambda: len(bridge.acknowledged) > before)
        assert cluster.in_sync(TOPIC) == set(BROKERS) - {dead}
        cluster.run(dead)
        cluster.until("three copies", lambda: cluster.in_sync(TOPIC) == set(BROKERS))
    assert bridge.acknowledged <= in_the_log(cluster)


def test_one_copy_is_refused_and_a_broker_that_missed_something_leads_nothing(
    cluster: Cluster,
) -> None:
    bridge = Bridge(cluster)
    bridge.write()
    last = cluster.leader(TOPIC)
    others = [broker for broker in BROKERS if broker != last]
    cluster.kill(others[0])
    cluster.until("one less in sync", lambda: others[0] not in cluster.in_sync(TOPIC))
    bridge.write()  # two copies are enough, and the first of the others misses this
    cluster.kill(others[1])
    cluster.until("the leader alone", lambda: cluster.in_sync(TOPIC) == {last})
    with pytest.raises(DeliveryFailed):
        bridge.write()

    cluster.kill(last)
    for broker in others:
        cluster.run(broker)
    cluster.until("the others running, and nobody leading", lambda: cluster.leader(TOPIC) == -1)
    time.sleep(5)
    assert cluster.leader(TOPIC) == -1

    cluster.run(last)
    cluster.until("the last in sync leading again", lambda: cluster.leader(TOPIC) == last)
    cluster.until("three copies", lambda: cluster.in_sync(TOPIC) == set(BROKERS))
    assert bridge.acknowledged <= in_the_log(cluster)
