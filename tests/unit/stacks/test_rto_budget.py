"""One source for the recovery's budget: the plan's table. What is claimed of it is read from the template."""

from __future__ import annotations

from typing import Any

import pytest

from lifeline.compliance.continuity_policy import ContinuityPolicy
from lifeline.compliance.nag_rows import Status, objectives
from lifeline.compliance.synthesized_environment import StackTemplate, SynthesizedEnvironment
from lifeline.lambdas.failover.plan import rto_budget_seconds
from lifeline.settings import Settings, SettingsError, settings_from_context
from tests.conftest import Assembly

SETTINGS = Settings(environment_suffix="test")
MACHINE = "AWS::StepFunctions::StateMachine"


def environment(*budgets: int | None) -> SynthesizedEnvironment:
    """An environment with one state machine for each budget; None: it does not say."""
    resources: dict[str, Any] = {
        f"Machine{number}": {
            "Type": MACHINE,
            **({} if budget is None else {"Metadata": {"LifelineRtoBudgetSeconds": budget}}),
        }
        for number, budget in enumerate(budgets)
    }
    template = {"Resources": resources}
    stack = StackTemplate("Failover", "ca-west-1", template)
    return SynthesizedEnvironment(ContinuityPolicy.of(SETTINGS), (stack,))


@pytest.mark.parametrize(
    ("budgets", "status", "words"),
    [
        ((275, 275), Status.COMPLIANT, "budgets add up to 275 s"),
        ((275, 295), Status.COMPLIANT, "budgets add up to 295 s"),
        ((275, 301), Status.FINDING, "budgets add up to 301 s"),
        ((None,), Status.NOT_SHOWN, "no failover plan"),
        ((), Status.NOT_SHOWN, "no failover plan"),
    ],
)
def test_the_report_says_what_the_plan_in_the_template_takes(
    budgets: tuple[int | None, ...], status: Status, words: str
) -> None:
    """N22: settings said 110 s of a plan that takes 275."""
    (row,) = objectives(environment(*budgets), SETTINGS)
    assert row.status is status
    assert words in row.reason


@pytest.mark.synth
@pytest.mark.parametrize("code", ["cac1", "caw1"])
def test_the_template_says_what_its_plan_takes(dev: Assembly, code: str) -> None:
    (machine,) = dev.resources(f"Failover-{code}", MACHINE)
    assert machine["Metadata"]["LifelineRtoBudgetSeconds"] == rto_budget_seconds()


def test_budgets_are_no_setting() -> None:
    """A number that a person gives and nobody obeys is worse than a refusal."""
    given = {"environmentSuffix": "a", "budgets": {"promote": 30}}
    with pytest.raises(SettingsError, match="budget of a step stands in the failover plan"):
        settings_from_context(given.get)
