"""What goes wrong in a run of the path world, drawn from its seed. Everything heals.

`harm`: what a fault takes away for good, so that a hole must be seen; empty for a harmless fault.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from simulator.path.mirror import Mirror
from simulator.path.world import OBSERVATIONS, PARTITIONS, SERVICES, PathWorld
from simulator.places import HOME, RECOVERY, REGIONS, peer
from simulator.twins.kafka import Message, Place

Chosen = Callable[[Mirror, Place, Message], bool]
FIRST_SECONDS = 15.0
HEALED_SECONDS = 170.0
MOST_FAULTS = 5
REPLAYED = 120
LISTED_SECONDS = 6.0
"""Between a topic that has grown and the deployment that lists its partitions."""
SKEW_SECONDS = 5.0
MADE_SECONDS = 12.0
"""From the deletion of a stream until there is another one."""
AWAY_SECONDS = 60.0
"""A region is away for so long at least: the other one has taken over by then."""


@dataclass(frozen=True)
class Fault:
    """From `at` to `until` seconds of the run."""

    at: float
    until: float
    what: str
    begin: Callable[[PathWorld], None]
    end: Callable[[PathWorld], None] = lambda _world: None
    harm: str = ""


def draw(seed: int) -> list[Fault]:
    """The faults of a seed."""
    chance = random.Random(f"path {seed}")
    found = [_drawn(chance) for _ in range(chance.randint(1, MOST_FAULTS))]
    return sorted(found, key=lambda one: one.at)


def arrange(world: PathWorld, faults: tuple[Fault, ...]) -> None:
    """Let them happen in the world."""
    for fault in faults:
        world.scheduler.at(fault.at, partial(_begin, world, fault))
        world.scheduler.at(fault.until, partial(_end, world, fault))


def _begin(world: PathWorld, fault: Fault) -> None:
    world.say("fault", fault.what)
    if fault.harm:
        world.harm.append(fault.harm)
    fault.begin(world)


def _end(world: PathWorld, fault: Fault) -> None:
    world.say("healed", fault.what)
    fault.end(world)


def _drawn(chance: random.Random) -> Fault:
    make = chance.choice(KINDS)
    at = chance.uniform(FIRST_SECONDS, HEALED_SECONDS - 20.0)
    until = min(HEALED_SECONDS, at + chance.uniform(5.0, 60.0))
    return make(chance, at, until)


def process_dies(chance: random.Random, at: float, until: float) -> Fault:
    """A service of a region ends where it is."""
    place = (chance.choice(REGIONS), chance.choice(SERVICES))
    return Fault(at, until, f"{place[1]} in {place[0]} dies", lambda w: w.services[place].kill())


def bridge_dies(chance: random.Random, at: float, until: float) -> Fault:
    """Every process of the bridge ends."""
    region = chance.choice(REGIONS)
    return Fault(
        at, until, f"the bridge in {region} dies", lambda world: world.mappings[region].kill()
    )


def dies_before_effect(chance: random.Random, at: float, until: float) -> Fault:
    """Some callers end right before their requests to a service have an effect."""
    place = (chance.choice(REGIONS), chance.choice(("kafka", "dynamodb", "kinesis", "postgresql")))
    share = chance.choice((0.02, 0.1, 0.3))

    def kill(world: PathWorld, target: str, service: str) -> None:
        task = world.scheduler.current
        if (
            (target, service) == place
            and task is not None
            and task.machine.region in REGIONS
            and world.scheduler.random.random() < share
        ):
            world.reach(f"died before an effect in {service}")
            world.scheduler.kill(task)

    def begin(world: PathWorld) -> None:
        world.network.before_effect = partial(kill, world)

    def end(world: PathWorld) -> None:
        world.network.before_effect = None

    return Fault(at, until, f"callers of {place[1]} in {place[0]} die ({share})", begin, end)


def process_frozen(chance: random.Random, at: float, until: float) -> Fault:
    """A process stands still and goes on where it was."""
    place = (chance.choice(REGIONS), chance.choice((*SERVICES, "bridge")))

    def begin(world: PathWorld) -> None:
        if place[1] == "bridge":
            for one in world.mappings[place[0]].environments:
                one.machine.frozen_until = until
        else:
            world.services[place].machine.frozen_until = until

    return Fault(at, until, f"{place[1]} in {place[0]} is frozen", begin)


def service_silent(chance: random.Random, at: float, until: float) -> Fault:
    """A service of a region hangs."""
    place = (chance.choice(REGIONS), chance.choice(("kafka", "dynamodb", "kinesis", "postgresql")))
    return Fault(
        at, until, f"{place[1]} in {place[0]} hangs",
        lambda world: world.network.silent.add(place),
        lambda world: world.network.silent.discard(place),
    )  # fmt: skip


def service_refuses(chance: random.Random, at: float, until: float) -> Fault:
    """A service of a region answers at once that it cannot."""
    place = (chance.choice(REGIONS), chance.choice(("kafka", "dynamodb", "kinesis", "postgresql")))
    return Fault(
        at, until, f"{place[1]} in {place[0]} refuses",
        lambda world: world.network.refusing.add(place),
        lambda world: world.network.refusing.discard(place),
    )  # fmt: skip


def replies_lost(chance: random.Random, at: float, until: float) -> Fault:
    """Requests have their effect, and nobody hears of it."""
    share = chance.choice((0.05, 0.2, 0.5))

    def set_share(share: float, world: PathWorld) -> None:
        world.network.lost_replies = share

    what = f"replies are lost ({share})"
    return Fault(at, until, what, partial(set_share, share), partial(set_share, 0.0))


def requests_late(chance: random.Random, at: float, until: float) -> Fault:
    """Requests have their effect after their caller gave up."""
    share = chance.choice((0.05, 0.2))

    def set_share(share: float, world: PathWorld) -> None:
        world.network.late_requests = share

    what = f"requests arrive late ({share})"
    return Fault(at, until, what, partial(set_share, share), partial(set_share, 0.0))


def link_cut(chance: random.Random, at: float, until: float) -> Fault:
    """Between the regions, one way or both, or from an edge to a region."""
    one, other = chance.choice(
        ((HOME, RECOVERY), (RECOVERY, HOME), ("edge-1", HOME), ("edge-2", RECOVERY))
    )
    cut = {(one, other), (other, one)} if chance.random() < 0.5 else {(one, other)}

    def heal(world: PathWorld) -> None:
        world.network.cut_links -= cut

    arrow = "<->" if len(cut) == 2 else "->"
    return Fault(
        at, until, f"link {one} {arrow} {other} is cut",
        lambda world: world.network.cut_links.update(cut), heal,
    )  # fmt: skip


def clock_jumps(chance: random.Random, at: float, until: float) -> Fault:
    """A process's clock is wrong by seconds, and is set right at once."""
    place = (chance.choice(REGIONS), chance.choice(("markers", "reader", "applier")))
    jump = chance.uniform(-SKEW_SECONDS, SKEW_SECONDS)

    def move(by: float, world: PathWorld) -> None:
        world.clock_error = max(world.clock_error, abs(by) + 1.0)
        world.services[place].machine.clock_offset += by

    return Fault(
        at, until, f"the clock of {place[1]} in {place[0]} jumps by {jump:.1f} s",
        partial(move, jump), partial(move, -jump),
    )  # fmt: skip


def refused_records(chance: random.Random, at: float, until: float) -> Fault:
    """A stream refuses single records (B3)."""
    region = chance.choice(REGIONS)

    def begin(world: PathWorld) -> None:
        world.streams[region].refuses = lambda: world.scheduler.random.random() < 0.3

    def end(world: PathWorld) -> None:
        world.streams[region].refuses = lambda: False

    return Fault(at, until, f"the stream of {region} refuses records", begin, end)


def batches_doubled(chance: random.Random, at: float, until: float) -> Fault:
    """Two processes of the bridge get the same batch at once."""
    region = chance.choice(REGIONS)

    def set_share(share: float, world: PathWorld) -> None:
        world.mappings[region].doubles = share

    what = f"batches of {region} are delivered twice"
    return Fault(at, until, what, partial(set_share, 0.3), partial(set_share, 0.0))


def batches_again(chance: random.Random, at: float, until: float) -> Fault:
    """The event source mapping forgets how far it was."""
    region, back = chance.choice(REGIONS), chance.randint(5, REPLAYED)

    def begin(world: PathWorld) -> None:
        done = world.mappings[region].done
        for shard, count in done.items():
            if world.streams[region].shards[shard].open:
                done[shard] = max(0, count - back)

    return Fault(at, until, f"{back} records of each shard of {region} are delivered again", begin)


def shard_behind(chance: random.Random, at: float, until: float) -> Fault:
    """Nobody polls a shard."""
    region, number = chance.choice(REGIONS), chance.randrange(2)

    def begin(world: PathWorld) -> None:
        shards = world.streams[region].open_shards()
        world.mappings[region].behind.add(shards[number % len(shards)].name)

    return Fault(
        at, until, f"a shard of {region} is not polled", begin,
        lambda world: world.mappings[region].behind.clear(),
    )  # fmt: skip


def reshard(chance: random.Random, at: float, until: float) -> Fault:
    """A split, and a merge at the end."""
    region, number = chance.choice(REGIONS), chance.randrange(2)
    lags = chance.random() < 0.5

    def split(world: PathWorld) -> None:
        stream = world.streams[region]
        shards = stream.open_shards()
        stream.split(shards[number % len(shards)].name)
        if lags:
            world.mappings[region].behind.add(stream.open_shards()[-1].name)

    def merge(world: PathWorld) -> None:
        world.mappings[region].behind.clear()
        stream = world.streams[region]
        shards = sorted(stream.open_shards(), key=lambda one: one.first)
        if len(shards) > 2:
            stream.merge(shards[number].name, shards[number + 1].name)

    return Fault(at, until, f"the stream of {region} is resharded", split, merge)


def stream_rebuilt(chance: random.Random, at: float, until: float) -> Fault:
    """A stream is deleted and made anew; its unread tail is gone, and is sent again."""
    region, lags = chance.choice(REGIONS), chance.random() < 0.5
    until = max(until, at + MADE_SECONDS)

    def make(world: PathWorld) -> None:
        world.make_stream(region)
        if lags:
            mapping, last = world.mappings[region], world.streams[region].open_shards()[-1]
            mapping.behind.add(last.name)
            world.scheduler.at(world.scheduler.now + MADE_SECONDS, mapping.behind.clear)

    what = f"the stream of {region} is made anew"
    return Fault(at, until, what, lambda world: world.delete_stream(region), make)


def mirror_stopped(chance: random.Random, at: float, until: float) -> Fault:
    """Nothing is copied for a while."""
    place = (chance.choice(REGIONS), "mirror")
    return Fault(
        at, until, f"the replicator of {place[0]} is stopped",
        lambda world: world.services[place].stop(), lambda world: world.services[place].start(),
    )  # fmt: skip


def mirror_again(chance: random.Random, at: float, until: float) -> Fault:
    """The replicator goes on from older positions."""
    region, back = chance.choice(REGIONS), chance.randint(20, 400)

    def begin(world: PathWorld) -> None:
        mirror = world.mirrors[region]
        mirror.committed = {place: max(0, at - back) for place, at in mirror.committed.items()}
        world.services[region, "mirror"].kill()

    return Fault(at, until, f"the replicator of {region} copies {back} records again", begin)


def mirror_reorders(chance: random.Random, at: float, until: float) -> Fault:
    """A stretch of a partition arrives behind the one after it."""
    region, number = chance.choice(REGIONS), chance.randrange(2)

    def begin(world: PathWorld) -> None:
        world.disordered = True
        world.mirrors[region].held[OBSERVATIONS, number] = 8

    return Fault(at, until, f"the replicator of {region} brings a stretch late", begin)


def partitions_added(_chance: random.Random, at: float, until: float) -> Fault:
    """B9: the topics of both logs, and then the list that the bridges and the readers have."""
    return Fault(at, until, "a partition is added", add_partition)


def add_partition(world: PathWorld) -> None:
    """To the topics of both logs; a little later every process is told."""
    count = world.logs[HOME].count(OBSERVATIONS) + 1
    for region in REGIONS:
        world.logs[region].grow(OBSERVATIONS, count)

    def list_it() -> None:
        for region in REGIONS:
            world.listed[region] = {**world.listed[region], OBSERVATIONS: count}
            world.mappings[region].retire()
            for name in ("reader", "applier", "markers"):
                world.services[region, name].kill()

    world.scheduler.at(world.scheduler.now + LISTED_SECONDS, list_it)


def region_lost(chance: random.Random, at: float, until: float) -> Fault:
    """It comes back with what it had, or empty."""
    region, rebuilt = chance.choice(REGIONS), chance.random() < 0.5
    at = min(at, HEALED_SECONDS - AWAY_SECONDS)
    until = max(until, at + AWAY_SECONDS)
    return Fault(
        at, until, f"{region} is lost, and comes back {'empty' if rebuilt else 'as it was'}",
        lambda world: world.lose_region(region),
        lambda world: world.return_region(region, rebuilt=rebuilt),
    )  # fmt: skip


def keeper_gone(chance: random.Random, at: float, until: float) -> Fault:
    """The holder's keeper is gone; its region lives, and is taken over."""
    region = chance.choice(REGIONS)
    at = min(at, HEALED_SECONDS - AWAY_SECONDS)
    until = max(until, at + AWAY_SECONDS)
    return Fault(
        at, until, f"no keeper in {region}",
        lambda world: world.holding.no_keeper.add(region),
        lambda world: world.holding.no_keeper.discard(region),
    )  # fmt: skip


def replica_lags(_chance: random.Random, at: float, until: float) -> Fault:
    """The database is not replicated: a promotion loses its last commits."""

    def set_on(on: bool, world: PathWorld) -> None:
        world.holding.replicates = on

    return Fault(at, until, "the replica lags", partial(set_on, False), partial(set_on, True))


# What takes records away for good


def _losing(chance: random.Random, at: float, until: float, what: str, chosen: Chosen) -> Fault:
    region = chance.choice(REGIONS)

    def begin(world: PathWorld) -> None:
        mirror = world.mirrors[region]
        mirror.loses = lambda place, message: chosen(mirror, place, message)

    def end(world: PathWorld) -> None:
        world.mirrors[region].loses = None

    return Fault(at, until, f"the replicator of {region} {what}", begin, end, harm=what)


def mirror_drops_events(chance: random.Random, at: float, until: float) -> Fault:
    """Single events."""
    share, coin = chance.choice((0.05, 0.5)), random.Random(chance.random())

    def chosen(_mirror: Mirror, _place: Place, message: Message) -> bool:
        return not _is_marker(message) and coin.random() < share

    return _losing(chance, at, min(until, at + 20), f"drops events ({share})", chosen)


def mirror_drops_markers(chance: random.Random, at: float, until: float) -> Fault:
    """Single markers."""
    coin = random.Random(chance.random())

    def chosen(_mirror: Mirror, _place: Place, message: Message) -> bool:
        return _is_marker(message) and coin.random() < 0.3

    return _losing(chance, at, min(until, at + 20), "drops markers", chosen)


def mirror_drops_stretch(chance: random.Random, at: float, until: float) -> Fault:
    """Everything of a partition, for a while."""
    number = chance.randrange(2)

    def chosen(_mirror: Mirror, place: Place, _message: Message) -> bool:
        return place == (OBSERVATIONS, number)

    return _losing(chance, at, min(until, at + 15), "skips a stretch of a partition", chosen)


def partition_begins_late(chance: random.Random, at: float, until: float) -> Fault:
    """What comes first in a partition that was added is not copied."""

    def chosen(_mirror: Mirror, place: Place, _message: Message) -> bool:
        return place[0] == OBSERVATIONS and place[1] >= PARTITIONS[OBSERVATIONS]

    losing = _losing(chance, at, min(until, at + 20), "skips a new partition's beginning", chosen)

    def begin(world: PathWorld) -> None:
        losing.begin(world)
        add_partition(world)

    return replace(losing, begin=begin)


def purged_before_copy(chance: random.Random, at: float, until: float) -> Fault:
    """Retention takes what the replicator has not copied. What the own database lacks stays."""
    region = chance.choice(REGIONS)

    def begin(world: PathWorld) -> None:
        world.services[peer(region), "mirror"].stop()

    def end(world: PathWorld) -> None:
        rows = world.servers[world.holding.holder].rows
        stored = {
            (one.pair.origin, one.pair.incarnation, one.pair.shard, str(one.shard_sequence))
            for one in rows.events.values()
        }
        for number in range(world.logs[region].count(OBSERVATIONS)):
            _purge(world, region, (OBSERVATIONS, number), stored)
        world.services[peer(region), "mirror"].start()

    what = "retention takes what was not copied"
    return Fault(at, until, f"{what} in {region}", begin, end, harm=what)


def _purge(
    world: PathWorld, region: str, place: Place, stored: set[tuple[str, str, str, str]]
) -> None:
    """Up to the first event that the database lacks."""
    partition = world.logs[region].partition(place)
    assert partition is not None
    low = partition.low
    for message in partition.read(low, partition.high):
        told = {name: value.decode() for name, value in message.headers()}
        key = (told["origin"], told["incarnation"], told["shard"], told["sequence"])
        if "kind" not in told and key not in stored:
            break
        world.truth.purged(message, world.logs.values())
        low = message.offset() + 1
    partition.purge(low)


def _is_marker(message: Message) -> bool:
    return any(name == "kind" for name, _ in message.headers())


KINDS: tuple[Callable[[random.Random, float, float], Fault], ...] = (
    process_dies,
    process_dies,
    bridge_dies,
    dies_before_effect,
    dies_before_effect,
    process_frozen,
    process_frozen,
    service_silent,
    service_refuses,
    replies_lost,
    requests_late,
    link_cut,
    clock_jumps,
    refused_records,
    batches_doubled,
    batches_again,
    shard_behind,
    reshard,
    reshard,
    stream_rebuilt,
    mirror_stopped,
    mirror_again,
    mirror_reorders,
    partitions_added,
    region_lost,
    region_lost,
    keeper_gone,
    replica_lags,
    mirror_drops_events,
    mirror_drops_markers,
    mirror_drops_stretch,
    partition_begins_late,
    purged_before_copy,
)
