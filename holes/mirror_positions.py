"""Where the replicator goes on after a start: Connect's own topic in the target's log, read and written."""

from __future__ import annotations

import json

from confluent_kafka import Producer

from drill.log_reading import records

TOPIC = "mm2-offsets.peer.internal"
Place = tuple[str, int]


def position(bootstrap: str, place: Place) -> tuple[bytes, int]:
    """The key under which the partition's position is kept, and the offset that was copied last.

    Raises LookupError for a partition that has none.
    """
    found: tuple[bytes, int] | None = None
    for message in records(bootstrap, [TOPIC]):
        key, value = message.key(), message.value()
        told = json.loads(key or b"[]")
        of_place = (
            told and told[1].get("topic") == place[0] and told[1].get("partition") == place[1]
        )
        if of_place and isinstance(key, bytes) and value:
            found = key, int(json.loads(value)["offset"])
    if found is None:
        raise LookupError(f"the replicator keeps no position of {place}")
    return found


def set_position(bootstrap: str, place: Place, offset: int) -> None:
    """From its next start on the replicator goes on behind `offset`. It must not run meanwhile."""
    key, _ = position(bootstrap, place)
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    producer.produce(TOPIC, json.dumps({"offset": offset}).encode(), key=key, partition=0)
    if producer.flush(20):
        raise TimeoutError("the position was not written")
