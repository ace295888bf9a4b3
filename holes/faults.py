"""The faults. Each breaks the world in one way and answers what it took from the other log, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    NewPartitions,
    NewTopic,
)

from holes.checker import Key
from holes.mirror_positions import position, set_position
from holes.world import OBSERVATIONS, World
from lab.waiting import until

FIRST = (OBSERVATIONS, 0)
SECOND = (OBSERVATIONS, 1)
Place = tuple[str, int]


@dataclass
class Lost:
    """What a fault took: events, or markers alone, with the partition that lacks them; and from when on.

    `uncounted`: the events are there, but nobody says so.
    """

    keys: dict[Key, Place] = field(default_factory=dict)
    since: float = 0.0
    uncounted: bool = False


def retention_purge(world: World) -> Lost:
    """The origin's retention takes records before they are copied; the stream still has them."""
    world.replicator.stop()
    since = time.monotonic()
    _run_for(3)
    with world.paused:
        places = [
            TopicPartition(topic, number)
            for topic, count in world.partitions.items()
            for number in range(count)
        ]
        ends = [TopicPartition(one.topic, one.partition, _end(world.source, one)) for one in places]
        lost = _absent(world)
        for done in world.source_admin.delete_records(ends).values():
            done.result(30)
    world.replicator.start()
    return Lost(lost, since)


def topic_made_anew(world: World) -> Lost:
    """The topic is deleted at the origin before all of it was copied, and made again under its name."""
    world.replicator.stop()
    since = time.monotonic()
    _run_for(3)
    with world.paused:
        lost = {key: place for key, place in _absent(world).items() if place[0] == OBSERVATIONS}
        for gone in world.source_admin.delete_topics([OBSERVATIONS]).values():
            gone.result(30)
        until(
            "the topic gone",
            lambda: OBSERVATIONS not in world.source_admin.list_topics(timeout=5).topics,
            seconds=30,
        )
        new = NewTopic(OBSERVATIONS, world.partitions[OBSERVATIONS], 1)
        for made in world.source_admin.create_topics([new]).values():
            made.result(30)
        world.new_bridge()
    world.replicator.start()
    return Lost(lost, since)


def record_dropped(world: World) -> Lost:
    """The mirror drops one record of one partition."""
    lost: dict[Key, Place] = {}

    def one(place: Place, sequence: int, is_marker: bool) -> bool:
        if is_marker or place != FIRST or lost:
            return False
        lost.update(_keyed(world, sequence, place))
        return True

    since = time.monotonic()
    with world.loses(one):
        until("a record dropped", lambda: bool(lost), seconds=20)
    return Lost(lost, since)


def partition_skipped(world: World) -> Lost:
    """The mirror skips a partition for three seconds, markers and all."""
    lost: dict[Key, Place] = {}

    def all_of_it(place: Place, sequence: int, is_marker: bool) -> bool:
        if place == SECOND and not is_marker:
            lost.update(_keyed(world, sequence, place))
        return place == SECOND

    since = time.monotonic()
    with world.loses(all_of_it):
        _run_for(3)
    return Lost(lost, since)


def wrong_restart_offset(world: World) -> Lost:
    """The replicator starts again too late in one partition: at its end."""
    world.replicator.stop()
    since = time.monotonic()
    _run_for(3)
    with world.paused:
        lost = {key: place for key, place in _absent(world).items() if place == FIRST}
        set_position(world.target, FIRST, _end(world.source, TopicPartition(*FIRST)) - 1)
    world.replicator.start()
    return Lost(lost, since)


def marker_lost(world: World) -> Lost:
    """The mirror drops one marker in one partition, and nothing else."""
    lost: dict[Key, Place] = {}

    def one(place: Place, sequence: int, is_marker: bool) -> bool:
        if not is_marker or place != FIRST or lost:
            return False
        lost.update(_keyed(world, sequence, place))
        return True

    since = time.monotonic()
    with world.loses(one):
        until("a marker dropped", lambda: bool(lost), seconds=20)
    return Lost(lost, since)


def manifest_lost(world: World) -> Lost:
    """The bridge's table is gone between two markers: of what lay before, nobody knows the count."""
    with world.paused:
        world.bridge()
        since = time.monotonic()
        keys = world.put_events(40)
        world.bridge()
        world.counts_table.items.clear()
        world.new_bridge()
    keyed = {key: _place(world, key) for key in keys}
    return Lost({key: place for key, place in keyed.items() if place == FIRST}, since, True)


def late_partition(world: World) -> Lost:
    """A partition is added, and the mirror copies it from its third second on."""
    world.replicator.stop()
    world.stop_reader()
    new = (OBSERVATIONS, world.partitions[OBSERVATIONS])
    lost: dict[Key, Place] = {}

    def its_beginning(place: Place, sequence: int, is_marker: bool) -> bool:
        if place == new and not is_marker:
            lost.update(_keyed(world, sequence, place))
        return place == new

    with world.paused:
        world.partitions[OBSERVATIONS] += 1
        grown = [NewPartitions(OBSERVATIONS, world.partitions[OBSERVATIONS])]
        for admin in (world.target_admin, world.source_admin):
            for done in admin.create_partitions(grown).values():
                done.result(30)
        world.checker.follow(world.partitions)
        world.new_bridge()
    since = time.monotonic()
    with world.loses(its_beginning):
        world.replicator.start()
        world.start_reader()
        _run_for(3)
    return Lost(lost, since)


def duplicate_stretch(world: World) -> Lost:
    """The replicator starts again two hundred records too early."""
    world.replicator.stop()
    _, at = position(world.target, FIRST)
    set_position(world.target, FIRST, max(0, at - 200))
    before = world.checker.repeated
    world.replicator.start()
    until("copies of copies", lambda: world.checker.repeated >= before + 50, seconds=90)
    return Lost(since=time.monotonic())


def reordered_stretch(world: World) -> Lost:
    """A stretch of a partition comes a second late, behind what followed it."""
    held: list[Key] = []

    def events(place: Place, sequence: int, is_marker: bool) -> bool:
        if place == FIRST and not is_marker:
            held.extend(_keyed(world, sequence, place))
            return True
        return False

    with world.loses(events):
        _run_for(1)
    _run_for(1)
    if not held or not set(held) <= world.checker.lacks():
        raise RuntimeError("no stretch was held back")
    producer = Producer({"bootstrap.servers": world.target, "acks": "all"})
    for key in held:
        one = world.written[key]
        headers: Any = [*one.headers, ("replicated-from", b"origin/1")]
        producer.produce(
            one.topic, one.value, partition=one.partition, key=one.key, headers=headers
        )
    if producer.flush(20):
        raise TimeoutError("the stretch was not copied")
    return Lost(since=time.monotonic())


def bridge_killed(world: World) -> Lost:
    """The bridge's process ends when its events are in the log and its marker is not."""
    world.faults.dies_before_marker = True
    until("the bridge dead", lambda: not world.faults.dies_before_marker, seconds=20)
    return Lost(since=time.monotonic())


def reshard(world: World) -> Lost:
    """A shard is split while events come."""
    with world.paused:
        parent = world.stream.open_shards()[0]
        last = max(int(one.removeprefix("shardId-")) for one in world.stream.known())
        world.stream.split(parent, [f"shardId-{last + number:012}" for number in (1, 2)])
    return Lost(since=time.monotonic())


HOLES: dict[str, Callable[[World], Lost]] = {
    "record dropped in the mirror": record_dropped,
    "marker lost": marker_lost,
    "partition skipped": partition_skipped,
    "manifest lost": manifest_lost,
    "wrong restart offset": wrong_restart_offset,
    "retention purge before copy": retention_purge,
    "topic re-created": topic_made_anew,
    "new partition without its beginning": late_partition,
}
HARMLESS: dict[str, Callable[[World], Lost]] = {
    "reordered stretch": reordered_stretch,
    "bridge killed between events and marker": bridge_killed,
    "duplicate stretch": duplicate_stretch,
    "reshard under load": reshard,
}


def _run_for(seconds: float) -> None:
    """The load goes on meanwhile."""
    time.sleep(seconds)


def _absent(world: World) -> dict[Key, Place]:
    """The events that were bridged and that the other log lacks, with their partitions."""
    return {key: _place(world, key) for key in world.checker.lacks() if key in world.written}


def _place(world: World, key: Key) -> Place:
    one = world.written[key]
    return one.topic, one.partition


def _keyed(world: World, sequence: int, place: Place) -> dict[Key, Place]:
    return {(shard, sequence): place for shard in world.stream.holding(sequence)}


def _end(bootstrap: str, place: TopicPartition) -> int:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "holes"})
    try:
        return int(consumer.get_watermark_offsets(place, timeout=10)[1])
    finally:
        consumer.close()


def names(rows: Iterable[dict[str, Any]], key: Key, place: Place) -> bool:
    """Whether a hole is told that covers the record, where it is missing."""
    return any(
        one["shard"] == key[0]
        and (one["topic"], one["partition"]) == place
        and int(one["after"]) < key[1] <= int(one["until"])
        for one in rows
    )
