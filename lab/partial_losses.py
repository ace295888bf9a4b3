"""Losing one part of a region while the rest lives, bringing it back, and looking whether it works.

    stop(lab, HOME, Part.DATABASE)
    works(lab, HOME, Part.DATABASE)    # False
    start(lab, HOME, Part.DATABASE)

The whole region is `Lab.lose`. Nothing here promotes or repairs a region: what was deployed decides.
"""

from __future__ import annotations

import signal
import time
from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from lab import deployment
from lab.broker import tells_topics
from lab.faults import Fault
from lab.places import CODES, WITNESS
from lab.waiting import answers

if TYPE_CHECKING:
    from lab.lab import Lab

KEEPER_SILENT_SECONDS = 15.0
"""Three of its cycles."""


class Part(StrEnum):
    """What a region can lose by itself."""

    KEEPER = "keeper"
    """Its runs are killed, and its schedule starts none."""
    WAY_OUT = "way-out"
    """A NAT gateway: what the region calls elsewhere is not answered. Peering and the way in live."""
    DATABASE = "database"
    API = "api"
    LOG = "log"


def stop(lab: Lab, region: str, part: Part) -> list[Fault]:
    """Take the part away; what was done. Raises LabError."""
    match part:
        case Part.KEEPER:
            return lab.stop_function(region, "keeper")
        case Part.WAY_OUT:
            return lab.close_way_out(region)
        case _:
            name = _process(lab, region, part)
            lab.processes.signal(name, signal.SIGKILL)
            return [Fault(time.time(), "killed", name, str(part))]


def start(lab: Lab, region: str, part: Part) -> None:
    """Bring it back, as its repair would. Raises LabError."""
    match part:
        case Part.KEEPER:
            lab.start_function(region, "keeper")
        case Part.WAY_OUT:
            lab.open_way_out(region)
        case Part.DATABASE:
            lab.databases[region].start()
        case Part.API:
            lab.start_gateway(region)
        case Part.LOG:
            lab.brokers[region].start()
            lab.brokers[region].await_ready()


def works(lab: Lab, region: str, part: Part) -> bool:
    """Whether the part answers somebody who is where the fault is felt."""
    match part:
        case Part.KEEPER:
            return deployment.keeper_looked_at(lab.clients, region, lab.suffix) > (
                time.time() - KEEPER_SILENT_SECONDS
            )
        case Part.WAY_OUT:
            try:
                lab.client("dynamodb", WITNESS, source=CODES[region]).list_tables(Limit=1)
            except (BotoCoreError, ClientError):
                return False
            return True
        case Part.DATABASE:
            return lab.databases[region].ready()
        case Part.API:
            return answers(lab.places.gateway(region), "/health")
        case Part.LOG:
            return tells_topics(lab.brokers[region].bootstrap)


def _process(lab: Lab, region: str, part: Part) -> str:
    names = {
        Part.DATABASE: lab.databases[region].name,
        Part.API: f"gateway-{CODES[region]}",
        Part.LOG: lab.brokers[region].name,
    }
    lab.processes.require_alive(names[part])
    return names[part]
