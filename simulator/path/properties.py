"""What must hold at the end of a run, once everything has been healed for two minutes.

Safety at each moment is judged where a vector is published (`PathWorld.told`, `Truth`).
"""

from __future__ import annotations

from simulator.path.world import PathWorld
from simulator.places import REGIONS, peer
from simulator.runtime import EPOCH_ZERO

LAG_SECONDS = 10.0


def judge(world: PathWorld) -> list[str]:
    """What stands still; what is lost, twice or in another order becomes a violation."""
    server = world.servers[world.holding.holder]
    for said in world.truth.lost(world.logs.values(), world.streams):
        world.violate(said)
    _stored(world)
    for said in world.truth.disorder(world.logs[server.region], server, _late(world)):
        if not (world.disordered or world.harm):  # what was taken away comes late
            world.violate(said)
    stuck = [
        f"events of {region} are in both logs and never called safe"
        for region in REGIONS
        if _unclaimed(world, region)
    ]
    for edge in world.edges:
        if edge.kept:
            stuck.append(f"{edge.name} still has events that are not safe")
            world.say("STUCK", f"{edge.name} has {len(edge.kept)} events that are not safe")
    for region in REGIONS:
        born = world.scalars[region]
        lag = None if born is None else EPOCH_ZERO + world.end - born / 1_000
        if lag is None or lag > LAG_SECONDS + world.clock_error:
            said = f"{region} does not follow {peer(region)}"
            stuck.append(said)
            world.say("STUCK", f"{said}: {lag} s")
    return stuck


def _unclaimed(world: PathWorld, region: str) -> int:
    other = peer(region)
    return world.truth.unclaimed(
        region, world.streams[region], world.logs[other], world.answers[other]
    )


def _stored(world: PathWorld) -> None:
    """Each accepted event once in the serving database, the newest of each patient on top (C4)."""
    rows = world.servers[world.holding.holder].rows
    stored: dict[bytes, int] = {}
    newest: dict[str, int] = {}
    for event in rows.events.values():
        stored[event.value] = stored.get(event.value, 0) + 1
        newest[event.patient] = max(event.sequence, newest.get(event.patient, 0))
    for edge in world.edges:
        missing = sum(data in edge.accepted and data not in stored for data in edge.good)
        if missing:
            world.say("CHECK", f"{missing} accepted events of {edge.name} are not stored")
            world.violate(f"accepted events of {edge.name} are not stored")
        if any(stored.get(data, 0) > 1 for data in edge.good):
            world.violate(f"an event of {edge.name} is stored twice")
    if rows.unexpected:
        world.violate("an event was stored with another content")
    for patient, aggregate in rows.aggregates.items():
        if aggregate.sequence != newest[patient]:
            world.violate(f"the aggregate of {patient} is not its newest event")
    if sum(one.events for one in rows.aggregates.values()) != len(rows.events):
        world.violate("an event was counted twice")


def _late(world: PathWorld) -> set[bytes]:
    return {data for edge in world.edges for data in edge.sent_again}
