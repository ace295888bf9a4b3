"""The scenarios as one table: what is broken, what must come of it, how long to watch.

No row says how a region is recovered: the drill breaks things, and the keepers decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Break(StrEnum):
    """What a target can do to the home region or to the link between the two."""

    NOTHING = "nothing"
    LOSE_HOME = "lose-home"
    HANG_HOME = "hang-home"
    HANG_HOME_CONTROL_PLANE = "hang-home-control-plane"
    CUT_LINK = "cut-link"


@dataclass(frozen=True)
class Scenario:
    """`watch_seconds`: at most this long after the fault; a failover that is seen ends it sooner."""

    name: str
    about: str
    breaks: Break
    epochs: tuple[int, ...]
    watch_seconds: float
    rto_limit_seconds: float | None
    alarms_that_must_fire: tuple[str, ...] = ()
    """In the region that is left, within `ALARM_SECONDS` of the fault; names without the suffix."""
    alarms_that_may_fire: tuple[str, ...] = ()
    """Those that the fault sets off when it lasts long enough, in any region that is left."""

    @property
    def breaks_something(self) -> bool:
        """Whether there is a fault at all."""
        return self.breaks is not Break.NOTHING

    @property
    def both_logs_live(self) -> bool:
        """Whether each log reaches the other region all the time: then all of it must."""
        return self.breaks in (Break.NOTHING, Break.HANG_HOME_CONTROL_PLANE)

    @property
    def excused_steps(self) -> Mapping[str, str]:
        """Step of the plan → why it may end degraded in this scenario."""
        if self.breaks in (Break.LOSE_HOME, Break.HANG_HOME):
            return {"fence": "The old region cannot be reached; its own lease stops it (A1)."}
        return {}

    @property
    def fails_over(self) -> bool:
        """Whether the standby must become active."""
        return len(self.epochs) > 1


RECOVERY_DEADLINE_SECONDS = 180.0
NO_FAILOVER_WATCH_SECONDS = 75.0
"""More than twice the earliest decision (about 35 s after the last renewal), so that a wrong one shows."""
AFTER_RECOVERY_SECONDS = 5.0
ALARM_SECONDS = 115.0
"""A lag passes 30 s that long after the fault; the meter looks 10 s later at most; a second minute begins
within 60 s, and has a look within 10 s: two of three minutes, wherever on the clock the fault falls."""
AWS_RECOVERY_SECONDS = 900.0
"""A promotion takes minutes there; a failover that is seen ends the watch."""
RTO_LIMIT_SECONDS = 120.0
RTO_TARGET_SECONDS = 300.0
RPO_TARGET_SECONDS = 60.0
"""The targets of the CRITICAL tier; the limit is what a local drill must keep."""

LOST_LAG = ("replication-lag-log",)
"""The log of the region that is left hears nothing of the lost one any more. It does not recover in a drill:
the lost region stays lost."""
LAGS = (
    "replication-lag-log", "replication-lag-log-warning", "replication-lag-database",
    "replication-lag-database-warning", "replication-lag-cache", "events-at-risk",
)  # fmt: skip
"""What no longer comes over the link between the regions."""
UNSERVED = "nobody-serves"
"""After two whole minutes of the clock: only a failover that takes about as long as its limit sets it off."""

SCENARIOS = {
    one.name: one
    for one in (
        Scenario(
            "region-loss",
            "The home region is gone: API calls cut, data plane killed.",
            Break.LOSE_HOME,
            (1, 2),
            RECOVERY_DEADLINE_SECONDS,
            RTO_LIMIT_SECONDS,
            alarms_that_must_fire=LOST_LAG,
            alarms_that_may_fire=(*LAGS, UNSERVED),
        ),
        Scenario(
            "hang",
            "The home region answers nothing: API calls hang, data plane frozen.",
            Break.HANG_HOME,
            (1, 2),
            RECOVERY_DEADLINE_SECONDS,
            RTO_LIMIT_SECONDS,
            alarms_that_must_fire=LOST_LAG,
            alarms_that_may_fire=(*LAGS, UNSERVED),
        ),
        Scenario(
            "noop",
            "A control run: nothing is broken, so nothing may fail over. It shows nothing of a failover.",
            Break.NOTHING,
            (1,),
            NO_FAILOVER_WATCH_SECONDS,
            None,
        ),
        Scenario(
            "link-cut",
            "The regions cannot see each other; both are healthy: no failover.",
            Break.CUT_LINK,
            (1,),
            NO_FAILOVER_WATCH_SECONDS,
            None,
            alarms_that_may_fire=(*LAGS, "takeover-not-ready"),
        ),
        Scenario(
            "control-plane-hang",
            "The home region's API calls hang, its data plane lives: no failover.",
            Break.HANG_HOME_CONTROL_PLANE,
            (1,),
            NO_FAILOVER_WATCH_SECONDS,
            None,
            alarms_that_may_fire=(*LAGS, "takeover-not-ready"),
        ),
    )
}


def on_aws(scenario: Scenario, epoch: int) -> Scenario:
    """The scenario where the lease is at `epoch`, with the tier's limit instead of the lab's."""
    return replace(
        scenario,
        epochs=tuple(epoch - 1 + one for one in scenario.epochs),
        watch_seconds=AWS_RECOVERY_SECONDS if scenario.fails_over else scenario.watch_seconds,
        rto_limit_seconds=None if scenario.rto_limit_seconds is None else RTO_TARGET_SECONDS,
    )
