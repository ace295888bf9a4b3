"""Rules that can be switched off (E4): each puts back what the code did without the rule.

A search with one of them off must find by itself what the rule prevents; `seed` is a run that does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from lifeline.lambdas.adapters.region_database import RegionDatabase
from lifeline.lambdas.adapters.region_state_table import RegionStateTable
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.own_health import OwnHealth
from lifeline.lambdas.failover.plan_runs import PlanRuns, RunStatus, Step
from lifeline.lambdas.keeper import cycle, plan_runs
from lifeline.lambdas.probe import handler as probe_handler
from lifeline.services.query_api.health import RegionHealth
from lifeline.services.shared.serving_guard import AuthorityRow, Permission, ServingGuard
from simulator.places import REGIONS


@dataclass(frozen=True)
class Switch:
    """`without` says what the code does then; `run` names what goes red: a seed, or a partial loss."""

    without: str
    patches: Callable[[], list[Any]]
    run: int | str


def _no_ttl() -> list[Any]:
    judge = ServingGuard.judge

    def young(self: ServingGuard, row: AuthorityRow | None, asked_at: float) -> Permission:
        self._ttl_seconds = float("inf")
        return judge(self, row, asked_at)

    return [patch.object(ServingGuard, "judge", young)]


def _plan_is_immortal() -> list[Any]:
    def first_run_only(
        runs: PlanRuns, status: RunStatus, *, completion_counts: bool, now: float
    ) -> Step:
        return Step.NOTHING if runs.run else Step.CLAIM

    return [patch.object(plan_runs, "next_step", first_run_only)]


def _stops_in_silence() -> list[Any]:
    answer = RegionHealth.answer

    def well(self: RegionHealth) -> tuple[int, dict[str, Any]]:
        _, body = answer(self)
        return (200 if body["ingest"] and body["database"] else 503), body

    return [patch.object(RegionHealth, "answer", well)]


def _promises_lightly() -> list[Any]:
    return [patch.object(RegionStateTable, "ask_failsafe", lambda *_self, epoch: True)]


def _nobody_looks() -> list[Any]:
    unseen: Callable[..., list[Any]] = lambda _seen: []  # noqa: E731
    return [patch.object(module, "serving_seen", unseen) for module in (cycle, probe_handler)]


def _knows_no_illness() -> list[Any]:
    return [patch.object(OwnHealth, "ill", lambda *_: {})]


def _replica_serves() -> list[Any]:
    """R15: the guard does not look whether its server is a replica; the fence names the new region."""
    judge = ServingGuard.judge

    def blind(self: ServingGuard, row: AuthorityRow | None, asked_at: float) -> Permission:
        return judge(self, row and row._replace(in_recovery=False), asked_at)

    def naming(self: RegionDatabase, *, epoch: int) -> int:
        other = next(one for one in REGIONS if not self._addresses[0].host.endswith(one))
        return self.open_epoch(region=other, epoch=epoch, renewed_from=self.clock())

    return [
        patch.object(ServingGuard, "judge", blind),
        patch.object(RegionDatabase, "fence_epoch", naming),
    ]


def _judges_by_its_own_clock() -> list[Any]:
    return [patch.object(Lease, "table_now", lambda _lease, now: now)]


SWITCHES: dict[str, Switch] = {
    "A1": Switch("the guard serves for as long as the row names its region", _no_ttl, 67),
    "A2": Switch("a standby's promise binds nobody", _promises_lightly, "cut-off"),
    "A11": Switch("a keeper does not look at its own region", _knows_no_illness, "services-dead"),
    "A16": Switch("a replica serves, and the fence names the new region", _replica_serves, 0),
    "A17": Switch("a plan that ended is never replaced", _plan_is_immortal, 6),
    "A18": Switch(
        "a region that stopped itself says that it is well", _stops_in_silence, "keeper-dead"
    ),
    "A20": Switch("each judges a pause by its own clock", _judges_by_its_own_clock, 2561),
    "A22": Switch("nobody looks whether anybody serves", _nobody_looks, "both-lost"),
}


@contextmanager
def switched_off(*rules: str) -> Iterator[None]:
    """Run the shipped code without these rules. Raises ValueError for a rule without a switch."""
    with ExitStack() as stack:
        for rule in rules:
            if rule not in SWITCHES:
                raise ValueError(
                    f"rule {rule!r} has no switch; those that have one are {', '.join(SWITCHES)}"
                )
            for one in SWITCHES[rule].patches():
                stack.enter_context(one)
        yield
