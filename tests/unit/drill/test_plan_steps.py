"""What the drill tells of the plan is what the plan is."""

from __future__ import annotations

import inspect
import re

from drill.guards import EXPIRY_SECONDS, GUARDS, VETO_LAPSE_SECONDS
from drill.plan_steps import BUDGETS, DOES
from drill.platform_records import steps_of
from lifeline.lambdas.failover import decision, plan
from lifeline.lambdas.failover.policy import Policy


def test_steps_and_budgets_are_the_plans() -> None:
    assert {step.name: step.budget_seconds for step in plan.PLAN} == BUDGETS
    assert list(BUDGETS) == [step.name for step in plan.PLAN]
    assert all(DOES.values())


def test_the_guards_stand_in_the_order_in_which_the_keeper_asks_them() -> None:
    """Each reason that a guard gives stands in its source; the drill's table keeps their order."""
    probes = {
        "OWN_PROBE[": decision.OWN_PROBE.values(),
        "WITNESS_PROBE[": decision.WITNESS_PROBE.values(),
    }
    asked = []
    for guard in decision.TAKE_GUARDS:
        source = inspect.getsource(guard)
        found = [str(decision.Reason[name]) for name in re.findall(r"Reason\.([A-Z_]+)", source)]
        found += [
            str(one) for table, those in probes.items() if f"({table}" in source for one in those
        ]
        asked.append(found)
    assert [sorted(guard.reasons) for guard in GUARDS] == [sorted(one) for one in asked]


def test_the_lease_expires_when_the_keepers_policy_says() -> None:
    assert Policy().expiry_seconds == EXPIRY_SECONDS
    assert Policy().veto_lapse_seconds == VETO_LAPSE_SECONDS


def test_steps_are_read_of_an_execution_that_still_runs() -> None:
    def event(at: float, kind: str, name: str) -> dict[str, object]:
        return {"timestamp": at, f"state{kind}EventDetails": {"name": name}}

    history = [
        event(1763700000.0, "Entered", "begin"),
        event(1763700001.0, "Entered", "fence"),
        event(1763700001.5, "Entered", "raise_capacity"),
        event(1763700002.0, "Exited", "fence"),
    ]
    assert [(one["step"], one["outcome"]) for one in steps_of(history)] == [
        ("fence", "done"),
        ("raise_capacity", "running"),
    ]
    assert steps_of(history)[0]["ended_at"] == "2025-11-21T04:40:02.000Z"
    assert steps_of(history)[1]["ended_at"] == ""
