"""One seed, one schedule of faults that every part must survive without a failover, and how the lab strikes.

A process that is killed comes back as it would on AWS: a task by its service, a broker and a database because
the lab starts them again. A link that is cut or stands still is healed after some seconds, always sooner than
a lease expires.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.places import CODES, DATA_REGIONS

if TYPE_CHECKING:
    from lab.lab import Lab

KILLED = ("bridge", "event-applier", "query-api", "mirrormaker", "broker", "database")
LINKS = ("link-cut", "link-hang")
GAP_SECONDS = (5.0, 12.0)
LASTS_SECONDS = (3.0, 12.0)


@dataclass(frozen=True)
class Blow:
    """`at`: seconds after the schedule's begin; `lasts`: until a link is healed, 0 for what is killed."""

    at: float
    fault: str
    region: str
    lasts: float = 0.0


def schedule(seed: int, seconds: float) -> Sequence[Blow]:
    """Each fault once in every round, in an order of the round's own."""
    chance, found, at = random.Random(seed), list[Blow](), GAP_SECONDS[0]
    while True:
        for fault in chance.sample([*KILLED, *LINKS], len(KILLED) + len(LINKS)):
            lasts = chance.uniform(*LASTS_SECONDS) if fault in LINKS else 0.0
            if at + lasts > seconds:
                return found
            found.append(Blow(round(at, 2), fault, chance.choice(DATA_REGIONS), round(lasts, 2)))
            at += lasts + chance.uniform(*GAP_SECONDS)


def strike(lab: Lab, blow: Blow) -> str:
    """Do it; what was done, in words. Links stay broken until `lab.heal`. Raises LabError."""
    code = CODES[blow.region]
    match blow.fault:
        case "bridge":
            return f"{lab.kill_function(blow.region, 'stream-bridge-')} runs of the bridge killed"
        case "broker":
            broker = lab.brokers[blow.region]
            lab.processes.signal(broker.name, signal.SIGKILL)
            broker.start()
            broker.await_ready()
            return f"{broker.name} killed and started again"
        case "database":
            database = lab.databases[blow.region]
            lab.processes.signal(database.name, signal.SIGKILL)
            database.start()
            return f"{database.name} killed and started again"
        case "link-cut":
            lab.cut_link()
            return f"the regions' links are cut for {blow.lasts:g} s"
        case "link-hang":
            lab.hang_links()
            return f"the regions' links carry nothing for {blow.lasts:g} s"
        case _:
            alive = [r for r in lab.processes.named(f"{blow.fault}-{code}-") if r.alive]
            for one in alive[:1]:
                lab.processes.signal(one.name, signal.SIGKILL)
            return f"{alive[0].name if alive else 'no ' + blow.fault} killed"
