"""The scenarios as one table: what is broken, what must come of it, how long to watch.

No row says how a region is recovered: the drill breaks things, and the keepers decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Break(StrEnum):
    """What a target can do to the home region or to the link between the two."""

    NOTHING = "nothing"
    LOSE_HOME = "lose-home"
    HANG_HOME = "hang-home"
    HANG_HOME_CONTROL_PLANE = "hang-home-control-plane"
    CUT_LINK = "cut-link"
    KILL_KEEPER = "kill-keeper"
    CLOSE_WAY_OUT = "close-way-out"
    KILL_DATABASE = "kill-database"
    KILL_API = "kill-api"
    KILL_LOG = "kill-log"
    LOSE_HOME_AND_KEEPERS = "lose-home-and-keepers"
    """Home is lost, and the standby's keepers are killed when they have taken the lease."""
    LOSE_HOME_AND_PROMOTION = "lose-home-and-promotion"
    """Home is lost, and the database service refuses until the standby has given the lease back."""
    LOSE_HOME_AND_PLAN = "lose-home-and-plan"
    """Home is lost, and the plan's first run is stopped at a step."""


HOME_LOST = (
    Break.LOSE_HOME, Break.HANG_HOME, Break.LOSE_HOME_AND_KEEPERS, Break.LOSE_HOME_AND_PROMOTION,
    Break.LOSE_HOME_AND_PLAN,
)  # fmt: skip
"""Nothing of the home region answers any more."""
STRUCK_AGAIN = (
    Break.LOSE_HOME_AND_KEEPERS, Break.LOSE_HOME_AND_PROMOTION, Break.LOSE_HOME_AND_PLAN,
)  # fmt: skip
"""Those of which a second part waits for its moment in the takeover."""


class Decided(StrEnum):
    """How the platform decides a loss."""

    TAKEN = "taken over"
    DEGRADED = "served degraded, and a person was told"


@dataclass(frozen=True)
class Scenario:
    """`watch_seconds`: at most this long after the fault; a failover that is seen ends it sooner."""

    name: str
    about: str
    breaks: Break
    epochs: tuple[int, ...]
    watch_seconds: float
    rto_limit_seconds: float | None
    decided: Decided | None = None
    """What must come of it within `DECIDED_SECONDS`; None: there is nothing to decide."""
    epochs_may_grow: bool = False
    """The lease may be given back and taken again: further epochs of the standby."""
    alarms_that_must_fire: tuple[str, ...] = ()
    """In the region that is left, within `ALARM_SECONDS` of the fault; names without the suffix."""
    alarms_that_may_fire: tuple[str, ...] = ()
    """Those that the fault sets off when it lasts long enough, in any region that is left."""

    alarms_without_figures: Mapping[str, str] = field(default_factory=dict)
    """Those that the home region may be unable to judge during the fault: name to why."""

    @property
    def breaks_something(self) -> bool:
        """Whether there is a fault at all."""
        return self.breaks is not Break.NOTHING

    @property
    def both_logs_live(self) -> bool:
        """Whether each log reaches the other region all the time, or does again: then all of it must."""
        return self.repaired or self.breaks in (Break.NOTHING, Break.HANG_HOME_CONTROL_PLANE)

    @property
    def after_recovery_seconds(self) -> float:
        """How long the stream goes on then: a region whose keepers are dead serves for a ttl, and stops."""
        if self.breaks is Break.LOSE_HOME_AND_KEEPERS:
            return KEEPERS_BACK_SECONDS
        return AFTER_RECOVERY_SECONDS

    @property
    def loses_home(self) -> bool:
        """Whether nothing of the home region is left."""
        return self.breaks in HOME_LOST

    @property
    def repaired(self) -> bool:
        """Whether the drill repairs, once the loss is decided: nobody else took over."""
        return self.decided is Decided.DEGRADED

    def epochs_fit(self, seen: Sequence[int]) -> bool:
        """Whether the lease changed hands as it must."""
        begin = tuple(seen[: len(self.epochs)])
        further = list(seen[len(self.epochs) :])
        after = list(range(self.epochs[-1] + 1, self.epochs[-1] + 1 + len(further)))
        return begin == self.epochs and (not further or (self.epochs_may_grow and further == after))

    @property
    def excused_steps(self) -> Mapping[str, str]:
        """Step of the plan → why it may end degraded in this scenario."""
        if self.loses_home:
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
PLAN_END_SECONDS = 60.0
"""Until the plan wrote down what it did, if nothing goes wrong: two cycles of a keeper and a second run."""
KEEPERS_BACK_SECONDS = 70.0
"""A keeper is started every minute."""
ALARM_SECONDS = 115.0
"""A lag passes 30 s that long after the fault; the meter looks 10 s later at most; a second minute begins
within 60 s, and has a look within 10 s: two of three minutes, wherever on the clock the fault falls."""
AWS_RECOVERY_SECONDS = 900.0
"""A promotion takes minutes there; a failover that is seen ends the watch."""
RTO_LIMIT_SECONDS = 120.0
DECIDED_SECONDS = 120.0
"""So long a loss may stay undecided; a part of a region is judged ill after a minute of looks."""
DEGRADED_WATCH_SECONDS = 150.0
REPAIR_SECONDS = 90.0
"""Until clients are served again once the part is back."""
REFUSED_RTO_LIMIT_SECONDS = 180.0
"""The plan asks for 8 s and gives the lease back; after 30 s more it is taken anew."""
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
UNDECIDED = (UNSERVED, "takeover-not-ready", "plan-failed")
"""Of a takeover that takes longer, or begins anew."""
APPLY = ("apply-behind-warning", "apply-behind-critical")

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
            Decided.TAKEN,
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
            Decided.TAKEN,
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
        Scenario(
            "keeper-dead",
            "The home region serves, and nobody renews its lease: its keeper is dead.",
            Break.KILL_KEEPER,
            (1, 2),
            RECOVERY_DEADLINE_SECONDS,
            RTO_LIMIT_SECONDS,
            Decided.TAKEN,
            alarms_that_may_fire=(*LAGS, *UNDECIDED),
        ),
        Scenario(
            "keepers-killed",
            "The home region is gone, and the standby's keepers are killed while they take over.",
            Break.LOSE_HOME_AND_KEEPERS,
            (1, 2),
            RECOVERY_DEADLINE_SECONDS,
            RTO_LIMIT_SECONDS,
            Decided.TAKEN,
            alarms_that_must_fire=LOST_LAG,
            alarms_that_may_fire=(*LAGS, *UNDECIDED),
        ),
        Scenario(
            "nat-gone",
            "The home region reaches nothing outside, and is reached: its NAT gateways are gone.",
            Break.CLOSE_WAY_OUT,
            (1, 2),
            RECOVERY_DEADLINE_SECONDS,
            RTO_LIMIT_SECONDS,
            Decided.TAKEN,
            alarms_that_may_fire=(*LAGS, *UNDECIDED),
            alarms_without_figures={
                "events-at-risk": "It is told of what the other region proves, which is not reached.",
            },
        ),
        Scenario(
            "database-dead",
            "The home region's database is dead behind an API that takes events.",
            Break.KILL_DATABASE,
            (1,),
            DEGRADED_WATCH_SECONDS,
            None,
            Decided.DEGRADED,
            alarms_that_may_fire=(*LAGS, *UNDECIDED, *APPLY),
        ),
        Scenario(
            "api-dead",
            "Nobody gets through to the home region's API; behind it all is well.",
            Break.KILL_API,
            (1,),
            DEGRADED_WATCH_SECONDS,
            None,
            Decided.DEGRADED,
            alarms_that_may_fire=(*LAGS, *UNDECIDED),
        ),
        Scenario(
            "log-dead",
            "The home region's log is dead, and its API takes events.",
            Break.KILL_LOG,
            (1,),
            DEGRADED_WATCH_SECONDS,
            None,
            Decided.DEGRADED,
            alarms_that_may_fire=(*LAGS, *UNDECIDED, *APPLY),
        ),
        Scenario(
            "promotion-refused",
            "The home region is gone, and the database service refuses the promotion at first.",
            Break.LOSE_HOME_AND_PROMOTION,
            (1, 2),
            RECOVERY_DEADLINE_SECONDS,
            REFUSED_RTO_LIMIT_SECONDS,
            Decided.TAKEN,
            epochs_may_grow=True,
            alarms_that_must_fire=LOST_LAG,
            alarms_that_may_fire=(*LAGS, *UNDECIDED),
        ),
        Scenario(
            "plan-killed",
            "The home region is gone, and the plan's first run is stopped on its way.",
            Break.LOSE_HOME_AND_PLAN,
            (1, 2),
            RECOVERY_DEADLINE_SECONDS,
            RTO_LIMIT_SECONDS,
            Decided.TAKEN,
            alarms_that_must_fire=LOST_LAG,
            alarms_that_may_fire=(*LAGS, *UNDECIDED),
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
