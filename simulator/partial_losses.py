"""Partial losses by name: a part of the active region is gone, or of a takeover. How is each decided?

Decided is: taken over, handed over, or served degraded with its page sent. A loss begins at second 300.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from lifeline.lambdas.failover.plan import plan_for
from simulator.authority import PARTS, AuthorityWorld
from simulator.faults import HEALED_SECONDS, Fault
from simulator.places import HOME, RECOVERY, WITNESS
from simulator.run import Finding, run_with

BEGIN = 300.0
DECIDED_SECONDS = 120.0
"""So long a loss may stay undecided. An alarm over two whole minutes tells at their end."""
DEGRADED = f"{HOME}: serves-degraded"


@dataclass(frozen=True)
class PartialLoss:
    """`story` says what is lost; `decided` how it must end: the first words of who decides and what."""

    story: str
    faults: tuple[Fault, ...]
    decided: tuple[str, ...]

    def run(self, seed: int = 1, *, automatic_hand_over: bool = False) -> Finding:
        """Thirty minutes with this loss."""
        return run_with(seed, (), self.faults, automatic_hand_over=automatic_hand_over)

    def decided_after(self, finding: Finding) -> float | None:
        """Seconds from the loss to its decision; None: nobody decided it."""
        return next(
            (
                line.at - BEGIN
                for line in finding.lines
                if line.at > BEGIN and f"{line.who} {line.what}".startswith(self.decided)
            ),
            None,
        )


Change = Callable[[AuthorityWorld], object]


def _loss(what: str, begin: Change, end: Change, *, at: float = BEGIN) -> Fault:
    return Fault(at, HEALED_SECONDS, what, begin, end)


def home_lost(at: float = BEGIN) -> Fault:
    """The whole home region is lost."""
    return region_lost(HOME, at)


def region_lost(region: str, at: float = BEGIN) -> Fault:
    """A whole region is lost."""
    return _loss(
        f"{region} is lost",
        lambda world: world.lose_region(region),
        lambda world: world.return_region(region),
        at=at,
    )


def _keeper_dead() -> Fault:
    def begin(world: AuthorityWorld) -> None:
        world.missed_schedules.add((HOME, "keeper"))
        world.kill(HOME, "keeper")

    return _loss(
        f"no keeper runs in {HOME}",
        begin,
        lambda world: world.missed_schedules.discard((HOME, "keeper")),
    )


def _keepers_killed(at: float) -> Fault:
    return Fault(
        at,
        at + 1.0,
        f"the keepers of {RECOVERY} are killed",
        lambda world: world.kill(RECOVERY, "keeper"),
    )


def _nat_gone() -> Fault:
    return _loss(
        f"{HOME} has no way out",
        lambda world: world.network.no_way_out.add(HOME),
        lambda world: world.network.no_way_out.discard(HOME),
    )


def database_dead(region: str = HOME) -> Fault:
    """The server is down for good; the API answers."""

    def end(world: AuthorityWorld) -> None:
        server = world.servers[region]
        server.up = True
        server.restart(in_recovery=server.in_recovery)

    def begin(world: AuthorityWorld) -> None:
        world.servers[region].up = False

    return _loss(f"the database of {region} is dead", begin, end)


def services_dead(region: str = HOME) -> Fault:
    """Query API and event appliers are gone; the keeper is well."""
    return _loss(
        f"the services of {region} are dead",
        lambda world: world.services[region].lost(),
        lambda world: world.services[region].start(),
    )


def api_dead(region: str = HOME) -> Fault:
    """Nobody gets through to the public API; behind it all is well."""
    place = (region, "api")
    return _loss(
        f"the public API of {region} is dead",
        lambda world: world.network.silent.add(place),
        lambda world: world.network.silent.discard(place),
    )


def log_dead(region: str = HOME) -> Fault:
    """Nothing comes through the region's log any more."""

    def change(moves: bool, world: AuthorityWorld) -> None:
        world.services[region].log_moves = moves

    return _loss(f"the log of {region} is dead", partial(change, False), partial(change, True))


def promotion_refused(until: float) -> Fault:
    """The database service refuses failovers of a global cluster."""

    def change(accept: bool, world: AuthorityWorld) -> None:
        world.cluster.behaviour.accept = accept

    return Fault(
        *(BEGIN, until, "the database service refuses failovers"),
        partial(change, False),
        partial(change, True),
    )


def plan_killed(step: str) -> tuple[Fault, ...]:
    """Home is lost, and the first run of the plan ends when it comes to this step."""

    def begin(world: AuthorityWorld) -> None:
        def look(region: str, name: str) -> None:
            plan = world.plans[region]
            if name != step or world.before_step is None:
                return
            world.before_step = None
            for running in list(plan.executions):
                world.scheduler.at(world.scheduler.now, partial(plan.stop, running))

        world.before_step = look

    return (Fault(BEGIN - 1.0, BEGIN, f"the plan is killed at {step}", begin), home_lost())


def _cut_off() -> Fault:
    cut = {pair for one in (RECOVERY, WITNESS) for pair in ((HOME, one), (one, HOME))}

    def heal(world: AuthorityWorld) -> None:
        world.network.cut_links -= cut
        world.cluster.catch_up()

    return _loss(
        f"{HOME} is cut off from everybody",
        lambda world: world.network.cut_links.update(cut),
        heal,
    )


TAKEN = (f"{RECOVERY} keeper take: active-lost",)
TOLD = (f"page from {HOME} Lifeline sim {DEGRADED}",)

LOSSES: Mapping[str, PartialLoss] = {
    "keeper-dead": PartialLoss(
        "Home serves, and nobody renews its lease.", (_keeper_dead(),), TAKEN
    ),
    "keepers-killed": PartialLoss(
        "Home is lost, and the standby's keepers die while they take over.",
        (home_lost(), *(_keepers_killed(at) for at in (308.0, 336.0, 338.0, 345.0))),
        TAKEN,
    ),
    "cut-off": PartialLoss("Home lives, and nobody reaches it.", (_cut_off(),), TAKEN),
    "both-lost": PartialLoss(
        "Both data regions are lost: only the witness is left to tell.",
        (home_lost(), region_lost(RECOVERY, BEGIN + 1.0)),
        (f"page from {WITNESS} alarm nobody-serves",),
    ),
    "nat-gone": PartialLoss("Home reaches nothing outside, and is reached.", (_nat_gone(),), TAKEN),
    "database-dead": PartialLoss(
        "Home's database is dead behind an API that answers.", (database_dead(),), TOLD
    ),
    "services-dead": PartialLoss(
        "Home's services are dead behind a keeper that is well.", (services_dead(),), TOLD
    ),
    "api-dead": PartialLoss(
        "Home's public API is dead; behind it all is well.", (api_dead(),), TOLD
    ),
    "log-dead": PartialLoss(
        "Nothing comes through home's log, and everything answers.", (log_dead(),), TOLD
    ),
    "promotion-refused": PartialLoss(
        "Home is lost, and the database service refuses in the disaster, for a minute.",
        (home_lost(), promotion_refused(BEGIN + 60.0)),
        TAKEN,
    ),
    **{
        f"plan-killed-{step.replace('_', '-')}": PartialLoss(
            f"Home is lost, and the plan's first run ends at {step}.", plan_killed(step), TAKEN
        )
        for step in (one.name for one in plan_for(PARTS))
    },
}
"""By the name of the drill's scenario where it has one."""
