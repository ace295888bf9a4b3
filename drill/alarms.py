"""Whether the platform's alarms did what they are for: fired for the fault, and for nothing else.

What a run cannot show is said of each alarm, never left out: figures of AWS's own, an evaluation that takes
longer than the run, a region that was lost with all that it would have said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from drill.platform_records import instant_text
from drill.scenarios import Scenario
from drill.targets import AlarmSeen

LOST = "Its region was lost, and with it what it would have said."


def judged(
    alarms: Iterable[AlarmSeen],
    *,
    seconds: float,
    lost: str | None,
    untold: Mapping[tuple[str, str], str],
) -> list[AlarmSeen]:
    """What the run cannot show, said. `seconds`: how long the fault (or, without one, the run) lasted;
    `lost`: the region that is gone; `untold`: why there may be no figure, by region and alarm.
    """
    found = []
    for one in alarms:
        if one.region == lost:
            found.append(replace(one, changes=(), breaching=False, not_provable=LOST))
        elif one.changes and not one.figures and (one.region, one.name) in untold:
            why = untold[one.region, one.name]
            found.append(replace(one, changes=(), breaching=False, not_provable=why))
        elif one.changes and not one.fired and one.needs_seconds > seconds:
            why = f"It must breach for {one.needs_seconds:.0f} s; {seconds:.0f} s could be judged."
            found.append(replace(one, not_provable=why))
        else:
            found.append(one)
    return sorted(found, key=lambda one: (one.region, one.name))


def must_fire(scenario: Scenario, alarms: Sequence[AlarmSeen], survivor: str) -> list[str]:
    """The survivor's alarms that the fault must set off and that were silent; sorted."""
    fired = {one.name for one in alarms if one.region == survivor and one.fired}
    return sorted(set(scenario.alarms_that_must_fire) - fired)


def fired_needlessly(scenario: Scenario, alarms: Sequence[AlarmSeen]) -> list[str]:
    """Those that fired though nothing that they are for was broken; without a fault, also those about to."""
    allowed = {*scenario.alarms_that_must_fire, *scenario.alarms_that_may_fire}
    return sorted(
        f"{one.name} ({one.region})"
        for one in alarms
        if one.judged
        and one.name not in allowed
        and (one.fired or (one.breaching and not scenario.breaks_something))
    )


def without_figures(alarms: Sequence[AlarmSeen]) -> list[str]:
    """Alarms whose figures nobody told and nobody excused: their silence shows nothing."""
    return sorted(f"{one.name} ({one.region})" for one in alarms if one.judged and not one.figures)


def as_evidence(alarms: Sequence[AlarmSeen]) -> list[dict[str, Any]]:
    """Rows of the evidence."""
    return [
        {
            "name": one.name,
            "region": one.region,
            "changes": [{"at": instant_text(at), "state": state} for at, state in one.changes],
            "figures": one.figures,
            "not_provable": one.not_provable,
        }
        for one in alarms
    ]
