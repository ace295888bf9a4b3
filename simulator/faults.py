"""What goes wrong in a run, drawn from its seed: when, for how long, and to whom. All of it heals."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.failover.protocol import HAND_OVER_REQUEST_SECONDS
from simulator.authority import PROMOTION, TAKE, AuthorityWorld, Pause
from simulator.places import HOME, LEASE_TABLE, PLACES, RECOVERY, REGIONS, WITNESS

FIRST_SECONDS, HEALED_SECONDS = 90.0, 1_200.0
"""Faults begin and end between these moments of a run."""
MOST_FAULTS = 4
CLOCK_SHARE = 0.2
"""So many seeds have a region whose clock is wrong for a while."""
INTERRUPT_SHARE = 0.2
"""And so many lose what comes right behind a take, or behind an accepted promotion."""
LAPTOP_ERROR_SECONDS = 900.0
DATE_SECONDS = 1.0
"""The `Date` of an answer has whole seconds."""
SILENT = ("dynamodb", "postgresql", "rds", "stepfunctions", "sns", "api", "ecs", "kinesis")


@dataclass(frozen=True)
class Fault:
    """`begin` and `end` change the world; `what` is for people."""

    at: float
    until: float
    what: str
    begin: Callable[[AuthorityWorld], object]
    end: Callable[[AuthorityWorld], object] = lambda _world: None


Maker = Callable[[random.Random, float, float], Fault]


def draw(seed: int) -> tuple[Fault, ...]:
    """The faults of a seed, by when they begin; a wrong clock and an interruption last. One to `MOST_FAULTS`,
    half of the time with a lost region."""
    chance = random.Random(f"faults {seed}")
    kinds = [chance.choice(KINDS) for _ in range(chance.randint(1, MOST_FAULTS))]
    if chance.random() < 0.5:
        kinds.append(region_lost)
    elif chance.random() < 0.5:
        kinds.append(chance.choice(PARTIAL))
    found = []
    for kind in kinds:
        at = chance.uniform(FIRST_SECONDS, HEALED_SECONDS - 120.0)
        until = min(
            HEALED_SECONDS,
            at + chance.choice((5.0, 30.0, 60.0, 120.0, 600.0)) * chance.uniform(0.5, 1.5),
        )
        found.append(kind(chance, at, until))
    found.sort(key=lambda one: (one.at, one.what))
    # These two are drawn apart, and last: which other faults a seed has, and their numbers, do not change.
    clocks = random.Random(f"clocks {seed}")
    if clocks.random() < CLOCK_SHARE:
        at = clocks.uniform(FIRST_SECONDS, HEALED_SECONDS - 120.0)
        found.append(clock_wrong(clocks, at, min(HEALED_SECONDS, at + clocks.uniform(10.0, 600.0))))
    interrupts = random.Random(f"interrupts {seed}")
    if interrupts.random() < INTERRUPT_SHARE:
        found.append(interrupted(interrupts, FIRST_SECONDS, HEALED_SECONDS))
    return tuple(found)


def arrange(world: AuthorityWorld, faults: tuple[Fault, ...]) -> None:
    """Put the faults on the world's calendar."""
    for fault in faults:
        world.scheduler.at(fault.at, partial(_begin, world, fault))
        world.scheduler.at(fault.until, partial(_end, world, fault))


def _begin(world: AuthorityWorld, fault: Fault) -> None:
    world.say("FAULT", fault.what)
    fault.begin(world)


def _end(world: AuthorityWorld, fault: Fault) -> None:
    world.say("HEALED", fault.what)
    fault.end(world)


def region_lost(chance: random.Random, at: float, until: float) -> Fault:
    """A region ends at once, and comes back with what its stores had."""
    region = chance.choice((HOME, HOME, HOME, RECOVERY, WITNESS))
    return Fault(
        at,
        until,
        f"{region} is lost",
        lambda world: world.lose_region(region),
        lambda world: world.return_region(region),
    )


def link_cut(chance: random.Random, at: float, until: float) -> Fault:
    """What goes from one region to another is lost; half of the time in both directions."""
    one, other = chance.sample(PLACES, 2)
    pairs = {(one, other), (other, one)} if chance.random() < 0.5 else {(one, other)}
    arrow = "<->" if len(pairs) == 2 else "->"
    return cut(pairs, f"link {one} {arrow} {other} is cut", at, until)


def cut(pairs: set[tuple[str, str]], what: str, at: float, until: float) -> Fault:
    """What goes from the first to the second of each pair is lost."""

    def heal(world: AuthorityWorld) -> None:
        world.network.cut_links -= pairs
        world.cluster.catch_up()

    return Fault(at, until, what, lambda world: world.network.cut_links.update(pairs), heal)


def service_silent(chance: random.Random, at: float, until: float) -> Fault:
    """A service of a region hangs."""
    place = (chance.choice(PLACES), chance.choice(SILENT))
    return Fault(
        at,
        until,
        f"{place[1]} in {place[0]} hangs",
        lambda world: world.network.silent.add(place),
        lambda world: world.network.silent.discard(place),
    )


def service_refuses(chance: random.Random, at: float, until: float) -> Fault:
    """A service of a region answers at once that it cannot."""
    place = (chance.choice(PLACES), chance.choice(SILENT))
    return Fault(
        at,
        until,
        f"{place[1]} in {place[0]} refuses",
        lambda world: world.network.refusing.add(place),
        lambda world: world.network.refusing.discard(place),
    )


def replies_lost(chance: random.Random, at: float, until: float) -> Fault:
    """Calls have their effect, and some of their answers do not come back."""
    share = chance.choice((0.02, 0.1, 0.3))

    def begin(world: AuthorityWorld) -> None:
        world.network.lost_replies = share

    def end(world: AuthorityWorld) -> None:
        world.network.lost_replies = 0.0

    return Fault(at, until, f"{share:.0%} of all replies are lost", begin, end)


def keepers_killed(chance: random.Random, at: float, until: float) -> Fault:
    """Every running keeper of a region ends, once."""
    region = chance.choice(REGIONS)
    return Fault(
        at,
        at + 1.0,
        f"the keepers of {region} are killed",
        lambda world: world.kill(region, "keeper"),
    )


def keepers_absent(chance: random.Random, at: float, until: float) -> Fault:
    """No keeper, or probe, of a region is started, and the running ones end."""
    region, name = chance.choice(PLACES), chance.choice(("keeper", "keeper", "probe"))

    def begin(world: AuthorityWorld) -> None:
        world.missed_schedules.add((region, name))
        world.kill(region, name)

    return Fault(
        at,
        until,
        f"no {name} runs in {region}",
        begin,
        lambda world: world.missed_schedules.discard((region, name)),
    )


def functions_frozen(chance: random.Random, at: float, until: float) -> Fault:
    """The running keepers and steps of a region stand still, and wake in the middle of what they did."""
    region, name = chance.choice(REGIONS), chance.choice(("keeper", "step"))
    until = min(until, at + 170.0)

    def begin(world: AuthorityWorld) -> None:
        for task in world.functions.get((region, name), []):
            task.machine.frozen_until = until

    return Fault(at, until, f"the running {name}s of {region} stand still", begin)


def services_frozen(chance: random.Random, at: float, until: float) -> Fault:
    """The appliers and the query API of a region stand still, and wake in the middle of what they did."""
    region = chance.choice(REGIONS)

    def begin(world: AuthorityWorld) -> None:
        world.services[region].machine.frozen_until = until

    return Fault(at, until, f"the services of {region} stand still", begin)


def database_restarts(chance: random.Random, at: float, until: float) -> Fault:
    """A server ends every session, and answers again a little later."""
    region = chance.choice(REGIONS)
    until = min(until, at + 60.0)

    def begin(world: AuthorityWorld) -> None:
        world.servers[region].up = False

    def end(world: AuthorityWorld) -> None:
        server = world.servers[region]
        server.up = True
        server.restart(in_recovery=server.in_recovery)

    return Fault(at, until, f"the database server of {region} is down", begin, end)


def schedule_doubled(chance: random.Random, at: float, until: float) -> Fault:
    """The schedule's event is delivered twice."""
    region = chance.choice(REGIONS)
    return Fault(
        at,
        at + 1.0,
        f"one more keeper starts in {region}",
        lambda world: world.start(region, "keeper", {}),
    )


def promotion_refused(chance: random.Random, at: float, until: float) -> Fault:
    """The database service does not take a request for a failover."""

    def begin(world: AuthorityWorld) -> None:
        world.cluster.behaviour.accept = False

    def end(world: AuthorityWorld) -> None:
        world.cluster.behaviour.accept = True

    return Fault(at, until, "the database service refuses failovers", begin, end)


def promotion_slow(chance: random.Random, at: float, until: float) -> Fault:
    """A promotion takes minutes, or is cancelled by the service half-way."""
    seconds, cancels = chance.uniform(60.0, 400.0), chance.random() < 0.4

    def begin(world: AuthorityWorld) -> None:
        world.cluster.behaviour.promote_seconds = seconds
        world.cluster.behaviour.cancels = cancels

    said = f"promotions take {seconds:.0f} s" + (" and the first is cancelled" if cancels else "")
    return Fault(FIRST_SECONDS, FIRST_SECONDS + 1.0, said, begin)


def process_dies(chance: random.Random, at: float, until: float) -> Fault:
    """Keepers and steps of a region die right before an effect, one in so many."""
    region, share = chance.choice(REGIONS), chance.choice((0.01, 0.05, 0.2))
    dice = random.Random(chance.random())

    def dies(world: AuthorityWorld) -> Callable[[str, str], None]:
        def look(_target: str, _service: str) -> None:
            task = world.scheduler.current
            assert task is not None
            if not task.name.startswith((f"{region} keeper", f"{region} step")):
                return
            if dice.random() < share:
                world.say(task.name, "dies before an effect")
                world.scheduler.kill(task)

        return look

    def begin(world: AuthorityWorld) -> None:
        world.network.before_effect = dies(world)

    def end(world: AuthorityWorld) -> None:
        world.network.before_effect = None

    return Fault(
        at, until, f"functions of {region} die at {share:.0%} of their effects", begin, end
    )


def plan_aborted(chance: random.Random, at: float, until: float) -> Fault:
    """Whatever plan runs during this time is ended where it is, once a region."""
    stopped: set[str] = set()
    moment = chance.uniform(1.0, 40.0)

    def look(world: AuthorityWorld) -> None:
        for region in REGIONS:
            plan = world.plans[region]
            running = [one.name for one in plan.executions.values() if one.status == "RUNNING"]
            for name in running:
                if region not in stopped:
                    stopped.add(region)
                    world.scheduler.at(world.scheduler.now + moment, partial(plan.stop, name))
        if world.scheduler.now < HEALED_SECONDS:
            world.scheduler.at(world.scheduler.now + 1.0, lambda: look(world))

    return Fault(at, until, f"the next plan is ended {moment:.0f} s after its start", look)


def person_pauses(chance: random.Random, at: float, until: float) -> Fault:
    """A person pauses automatic failover for a while, on a computer whose clock is wrong (A20)."""
    seconds = min(chance.uniform(60.0, 400.0), HEALED_SECONDS - at)
    wrong = random.Random(f"laptop {at!r}").uniform(-LAPTOP_ERROR_SECONDS, LAPTOP_ERROR_SECONDS)
    return pause(at, seconds, wrong)


def pause(at: float, seconds: float, wrong: float) -> Fault:
    """What `lifeline authority pause` writes on a computer whose clock is `wrong` by so many seconds."""

    def begin(world: AuthorityWorld) -> None:
        table = LeaseTable(_Direct(world), LEASE_TABLE)
        lease = table.read()
        if lease is None or lease.is_handed_over:
            return  # the command refuses
        if table.pause(until=lease.table_now(world.now() + wrong) + seconds) is not None:
            world.paused = Pause(lease.epoch, world.scheduler.now + seconds - DATE_SECONDS)

    said = (
        f"a person pauses failover for {seconds:.0f} s, on a clock that is wrong by {wrong:.0f} s"
    )
    return Fault(at, at + 1.0, said, begin)


def clock_wrong(chance: random.Random, at: float, until: float) -> Fault:
    """The clock of a region's functions jumps, also of those that run, and back again."""
    region = chance.choice(PLACES)
    wrong = chance.choice((2.0, 15.0, 120.0, 900.0)) * chance.choice((-1.0, 1.0))
    before: list[float] = []

    def begin(world: AuthorityWorld) -> None:
        before.append(world.clock_offsets[region])
        world.set_clock(region, wrong)

    return Fault(
        at,
        until,
        f"the clock of {region} is wrong by {wrong:.0f} s",
        begin,
        lambda world: world.set_clock(region, before[-1]),
    )


def interrupted(chance: random.Random, at: float, until: float) -> Fault:
    """The next take has its effect and no answer (A4); or the step dies that asked for a promotion (D1)."""
    what = chance.choice((TAKE, PROMOTION))
    return Fault(
        at,
        until,
        f"{what} is interrupted behind its effect",
        lambda world: world.interrupted.add(what),
        lambda world: world.interrupted.discard(what),
    )


def person_aborts(chance: random.Random, at: float, until: float) -> Fault:
    """A person aborts the epoch of the lease, if that is still allowed (D9)."""

    def begin(world: AuthorityWorld) -> None:
        lease = world.lease
        if lease is not None:
            LeaseTable(_Direct(world), LEASE_TABLE).abort(epoch=lease.epoch)

    return Fault(at, at + 1.0, "a person aborts the lease's epoch", begin)


class _Direct:
    """A person's client at the witness: the call itself does not fail."""

    def __init__(self, world: AuthorityWorld) -> None:
        tables = world.tables[WITNESS]
        self.get_item, self.update_item = tables.get_item, tables.update_item


def person_hands_over(chance: random.Random, at: float, until: float) -> Fault:
    """A person asks the active region to hand over, if that is allowed (A11)."""
    return Fault(at, at + 1.0, "a person asks for a hand-over", ask_hand_over)


def ask_hand_over(world: AuthorityWorld) -> None:
    """What the command of the page `serves-degraded` writes."""
    lease = world.lease
    until = world.now() + HAND_OVER_REQUEST_SECONDS
    if lease is not None:
        LeaseTable(_Direct(world), LEASE_TABLE).ask_hand_over(epoch=lease.epoch, until=until)


def services_dead(chance: random.Random, at: float, until: float) -> Fault:
    """Query API and event appliers of a region are gone; its keeper is well."""
    region = chance.choice(REGIONS)

    def end(world: AuthorityWorld) -> None:
        if region not in world.network.dead_regions:
            world.services[region].start()

    return Fault(
        at,
        until,
        f"the services of {region} are dead",
        lambda world: world.services[region].lost(),
        end,
    )


def log_dead(chance: random.Random, at: float, until: float) -> Fault:
    """Nothing comes through a region's log."""
    region = chance.choice(REGIONS)

    def change(moves: bool, world: AuthorityWorld) -> None:
        world.services[region].log_moves = moves

    return Fault(
        at, until, f"the log of {region} is dead", partial(change, False), partial(change, True)
    )


def no_way_out(chance: random.Random, at: float, until: float) -> Fault:
    """A region reaches nothing outside, and is reached: its NAT gateway is gone."""
    region = chance.choice(REGIONS)
    return Fault(
        at,
        until,
        f"{region} has no way out",
        lambda world: world.network.no_way_out.add(region),
        lambda world: world.network.no_way_out.discard(region),
    )


PARTIAL: tuple[Maker, ...] = (services_dead, log_dead, no_way_out, person_hands_over)
"""A part of a region is lost, or a person moves the lease from a region that lives (A11)."""

KINDS: tuple[Maker, ...] = (
    region_lost,
    link_cut,
    link_cut,
    service_silent,
    service_silent,
    service_refuses,
    replies_lost,
    keepers_killed,
    keepers_absent,
    functions_frozen,
    functions_frozen,
    services_frozen,
    database_restarts,
    schedule_doubled,
    promotion_refused,
    promotion_slow,
    process_dies,
    process_dies,
    plan_aborted,
    person_pauses,
    person_aborts,
)
