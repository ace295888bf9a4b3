"""Rules that can be switched off (E4): each puts back what the code did without the rule.

A search with one of them off must find by itself what the rule prevents; `seed` is a run that does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from lifeline.lambdas.adapters.region_database import RegionDatabase
from lifeline.lambdas.adapters.region_state_table import RegionStateTable
from lifeline.lambdas.failover import decision
from lifeline.lambdas.failover.lease import Lease
from lifeline.lambdas.failover.plan_runs import PlanRuns, RunStatus, Step
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.keeper import plan_runs
from lifeline.services.query_api.health import RegionHealth
from lifeline.services.shared.serving_guard import AuthorityRow, Permission, ServingGuard
from simulator.places import peer


@dataclass(frozen=True)
class Switch:
    """`without` says what the code does then; `seed` names a run that goes red."""

    without: str
    seed: int
    patches: Callable[[], list[Any]]


def _no_ttl() -> list[Any]:
    judge = ServingGuard.judge

    def young(self: ServingGuard, row: AuthorityRow | None, asked_at: float) -> Permission:
        self._ttl_seconds = float("inf")
        return judge(self, row, asked_at)

    return [patch.object(ServingGuard, "judge", young)]


def _no_promise() -> list[Any]:
    def set_out(self: RegionStateTable, *, epoch: int, failsafe: int) -> int | None:
        return 1

    return [patch.object(RegionStateTable, "set_out", set_out)]


def _no_margin() -> list[Any]:
    return [patch.object(Policy, "expiry_seconds", property(lambda self: self.ttl_seconds - 5.0))]


def _unknown_is_unhealthy() -> list[Any]:
    return [
        patch.object(
            decision,
            "TAKE_GUARDS",
            tuple(
                one
                for one in decision.TAKE_GUARDS
                if one.__name__
                not in ("_own_probe", "_witness_probe", "_vetoed", "_control_failed")
            ),
        ),
    ]


def _replica_serves() -> list[Any]:
    judge = ServingGuard.judge

    def looks_at_the_row_alone(
        self: ServingGuard, row: AuthorityRow | None, asked_at: float
    ) -> Permission:
        seen = None if row is None else dataclasses.replace(row, in_recovery=False)
        return judge(self, seen, asked_at)

    def names_the_new_holder(self: RegionDatabase, *, epoch: int) -> int:
        there = self._address.region
        return self.open_epoch(region=peer(there), epoch=epoch, renewed_from=self.clock())

    def by_the_row(self: decision.DatabaseView, lease: Lease) -> bool:
        return (self.epoch, self.holder) == (lease.epoch, lease.holder)

    return [
        patch.object(ServingGuard, "judge", looks_at_the_row_alone),
        patch.object(RegionDatabase, "fence_epoch", names_the_new_holder),
        patch.object(decision.DatabaseView, "serves", by_the_row),
    ]


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


SWITCHES: dict[str, Switch] = {
    "A1": Switch("the guard serves for as long as the row names its region", 0, _no_ttl),
    "A2": Switch("the standby takes without binding itself first", 0, _no_promise),
    "A7": Switch("a lease is called expired before its holder must have stopped", 0, _no_margin),
    "A12": Switch("a take asks neither probes nor markers", 0, _unknown_is_unhealthy),
    "A16": Switch("a replica may serve, and a fence names the new holder", 0, _replica_serves),
    "A17": Switch("a plan that ended is never replaced", 0, _plan_is_immortal),
    "A18": Switch("a region that stopped itself says that it is well", 80, _stops_in_silence),
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
