"""Published incidents as runs: each is a fault of the authority world that does here what went wrong there.

What happened there, and what happens here, is told in docs/mechanisms/incidents.md; a test asserts it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from simulator.authority import AuthorityWorld
from simulator.faults import HEALED_SECONDS, Fault, cut
from simulator.partial_losses import BEGIN, home_lost
from simulator.places import HOME, LEASE_TABLE, RECOVERY, WITNESS
from simulator.run import Finding, run_with

Change = Callable[[AuthorityWorld], object]


@dataclass(frozen=True)
class Incident:
    """`source` is its publisher's own report, or the document that warns of it.

    `served` is who served, in order, and at which epoch; `told` are words that some page must end with.
    """

    source: str
    faults: tuple[Fault, ...]
    served: tuple[tuple[str, int], ...]
    told: tuple[str, ...] = ()

    def run(self, seed: int = 1) -> Finding:
        """Thirty minutes with it."""
        return run_with(seed, (), self.faults)


CUT = "links are cut"
BETWEEN = {(HOME, RECOVERY), (RECOVERY, HOME)}
AROUND = BETWEEN | {(HOME, WITNESS), (WITNESS, HOME)}


def _silent(place: tuple[str, str], at: float, until: float) -> Fault:
    return Fault(
        at,
        until,
        f"{place[1]} in {place[0]} hangs",
        lambda world: world.network.silent.add(place),
        lambda world: world.network.silent.discard(place),
    )


def _refuses(service: str) -> Fault:
    """The control plane of the surviving region answers nothing but errors."""
    place = (RECOVERY, service)
    return Fault(
        BEGIN,
        HEALED_SECONDS,
        f"{service} in {RECOVERY} refuses",
        lambda world: world.network.refusing.add(place),
        lambda world: world.network.refusing.discard(place),
    )


def _frozen_home() -> Fault:
    """Keepers and services of home stand still and wake after the takeover."""
    until = BEGIN + 150.0

    def begin(world: AuthorityWorld) -> None:
        world.missed_schedules.add((HOME, "keeper"))
        world.services[HOME].machine.frozen_until = until
        for task in world.functions.get((HOME, "keeper"), []):
            task.machine.frozen_until = until

    return Fault(
        BEGIN,
        until,
        f"{HOME} stands still",
        begin,
        lambda world: world.missed_schedules.discard((HOME, "keeper")),
    )


def _log_stands(region: str) -> Fault:
    def change(moves: bool, world: AuthorityWorld) -> None:
        world.services[region].log_moves = moves

    return Fault(
        BEGIN - 180.0,
        HEALED_SECONDS,
        f"the log of {region} stands still",
        partial(change, False),
        partial(change, True),
    )


def _lease_deleted() -> Fault:
    """Somebody cleans up and takes the lease with it; ten minutes later it is put back one epoch higher."""

    def begin(world: AuthorityWorld) -> None:
        world.tables[WITNESS].items[LEASE_TABLE].pop("lease")

    def end(world: AuthorityWorld) -> None:
        world.create_lease(holder=HOME, epoch=2)

    return Fault(BEGIN, BEGIN + 600.0, "the lease is deleted", begin, end)


STAYS, MOVES = ((HOME, 1),), ((HOME, 1), (RECOVERY, 2))
GITHUB = "https://github.blog/2018-10-30-oct21-post-incident-analysis/"
AWS_2025 = "https://aws.amazon.com/message/101925/"

INCIDENTS: Mapping[str, Incident] = {
    "short-partition": Incident(GITHUB, (cut(BETWEEN, CUT, BEGIN, BEGIN + 43.0),), STAYS),
    "short-isolation": Incident(
        GITHUB, (cut(AROUND, CUT, BEGIN, BEGIN + 43.0),), MOVES, ("active-lost",)
    ),
    "frozen-primary": Incident(
        "https://access.crunchydata.com/documentation/patroni/latest/watchdog",
        (_frozen_home(),),
        MOVES,
        ("active-lost",),
    ),
    "health-check-that-errs": Incident(
        "https://github.com/aws-samples/mwaa-disaster-recovery",
        (_silent((RECOVERY, "dynamodb"), BEGIN, BEGIN + 300.0),),
        STAYS,
        ("takeover-not-ready",),
    ),
    "control-plane-refuses": Incident(
        AWS_2025, (home_lost(), _refuses("ecs")), MOVES, ("active-lost",)
    ),
    "regional-table-gone": Incident(
        AWS_2025,
        (_silent((WITNESS, "dynamodb"), BEGIN, HEALED_SECONDS),),
        STAYS,
        ("takeover-not-ready", "witness-unreachable"),
    ),
    "flapping-link": Incident(
        AWS_2025,
        tuple(cut(BETWEEN, CUT, BEGIN + 20.0 * one, BEGIN + 20.0 * one + 9.0) for one in range(20)),
        STAYS,
    ),
    "expired-certificate": Incident(
        "https://www.epicgames.com/site/en-US/expiration-date-4-6-2021",
        (_silent((HOME, "api"), BEGIN, HEALED_SECONDS),),
        STAYS,
        ("serves-degraded",),
    ),
    "standby-behind": Incident(
        "https://about.gitlab.com/blog/2017/02/10/postmortem-of-database-outage-of-january-31/",
        (_log_stands(RECOVERY), home_lost()),
        STAYS,
        ("loss-above-rpo", "nobody-serves"),
    ),
    "index-deleted": Incident(
        "https://aws.amazon.com/message/41926/",
        (_lease_deleted(),),
        ((HOME, 1), (HOME, 2)),
        ("lease-item-missing", "nobody-serves"),
    ),
}
"""By name; the page has a row for each."""
