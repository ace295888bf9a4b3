"""The dead letter reader against a real Kafka-compatible broker."""

from __future__ import annotations

from confluent_kafka import Producer

from drill.dead_letters import TOPIC, read_dead_letters


def test_reads_every_reject_of_every_partition_and_skips_markers(bootstrap: str) -> None:
    assert read_dead_letters(bootstrap) == []
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    place = {"origin": b"ca-central-1", "incarnation": b"7", "shard": b"s-1"}
    for partition in (0, 1):
        producer.produce(
            TOPIC, value=b"{}", partition=partition, headers={"kind": b"marker", **place}
        )
    for number in range(50):
        producer.produce(
            TOPIC,
            value=b"not json" if number == 0 else b'{"eventId": "e-%d"}' % number,
            partition=number % 2,
            headers={**place, "sequence": str(10**20 + number).encode(), "reason": b"schema"},
        )
    assert producer.flush(10) == 0
    letters = sorted(read_dead_letters(bootstrap), key=lambda one: one.sequence)
    assert len(letters) == 50
    assert letters[0].event_id == ""
    assert [one.event_id for one in letters[1:]] == [f"e-{n}" for n in range(1, 50)]
    assert {(one.origin, one.incarnation, one.shard, one.reason) for one in letters} == {
        ("ca-central-1", "7", "s-1", "schema")
    }
    assert letters[3].sequence == 10**20 + 3
