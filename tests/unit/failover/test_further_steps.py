"""Steps of the user's own in the failover plan: where they may stand, and what the state machine does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lifeline.lambdas.failover.further_steps import (
    MOST_FURTHER_STEPS,
    PlanError,
    PlanStep,
    plan_with,
)
from lifeline.lambdas.failover.plan import (
    BESIDE_THE_TABLE,
    EVENT_LIMIT,
    PLAN,
    OnFailure,
    rto_budget_seconds,
    stages,
    state_machine_definition,
)
from lifeline.lambdas.failover.plan_history import FIXED_STATES, most_events
from lifeline.lambdas.failover.plan_table import WORDS, attempts_cell, plan_table
from lifeline.lambdas.failover_step.evidence_step import interruptions, timeline
from tests.unit.failover.plan_walk import WorstRun, machines, walk

RUNBOOK = Path(__file__).resolve().parents[3] / "docs" / "runbooks" / "failover-plan.md"
OURS = "arn:aws:lambda:ca-west-1:111111111111:function:failover-step-dev"
YOURS = "arn:aws:lambda:ca-west-1:111111111111:function:promote-search"


def further(**given: Any) -> PlanStep:
    return PlanStep(
        **{
            "name": "search",
            "description": "Promotes the search index.",
            "function_arn": YOURS,
            "budget_seconds": 20,
            **({} if "after" in given else {"beside": "await_stores"}),
            **given,
        }
    )


def names(*steps: PlanStep) -> list[list[str]]:
    return [[step.name for step in stage] for stage in stages(plan_with(steps))]


def test_without_further_steps_the_plan_is_what_it_was() -> None:
    assert plan_with(()) == PLAN


def test_a_step_stands_beside_a_stage_or_after_one() -> None:
    found = names(
        further(),
        further(name="warm", after="open_database", attempts=1),
        further(name="warmer", after="open_database", attempts=1),
        further(name="after_warm", after="warm", attempts=1),
    )
    assert ["await_database", "cache", "files", "secrets", "search"] in found
    flat = [stage[0] for stage in found]
    assert flat[5:10] == ["open_database", "warm", "after_warm", "warmer", "resume_processing"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "Search"}, "Bad name 'Search' of a step; allowed are"),
        ({"name": "cache"}, "has a step, a stage or a state 'cache' already"),
        ({"name": "await_stores"}, "has a step, a stage or a state 'await_stores' already"),
        ({"name": "release"}, "has a step, a stage or a state 'release' already"),
        ({"name": "files_page"}, "ends like a state that the plan makes"),
        ({"function_arn": ""}, "names no function"),
        ({"timeout_seconds": 21}, "has a time-out of 21; allowed are 3 to 20."),
        ({"attempts": 0}, "has attempts of 0; allowed are 1 to 30."),
        ({"pause_seconds": 0}, "has a pause of 0; allowed are 1 to 60."),
        ({"budget_seconds": -1}, "has a budget of -1; allowed are 0 to 3600."),
        ({"after": "assess", "beside": "prepare"}, "allowed is one of the two."),
        ({"beside": ""}, "allowed is one of the two."),
        ({"beside": "verify"}, "cannot stand beside 'verify'; allowed are the stages prepare and"),
        ({"after": "nowhere"}, "cannot stand after 'nowhere'; allowed are the stages acquire,"),
        ({"after": "record_evidence"}, "cannot stand after 'record_evidence'; allowed are"),
        ({"after": "start_promotion"}, "between the accepted promotion and the wait"),
        ({"on_failure": OnFailure.COMPENSATE}, "allowed is degrade or page-and-repeat."),
        (
            {"after": "open_api", "on_failure": OnFailure.COMPENSATE},
            "stands behind the point of no return, and its failure cannot mean compensate",
        ),
        (
            {"after": "assess", "on_failure": OnFailure.PAGE_AND_REPEAT},
            "stands before the point of no return, and its failure cannot mean page-and-repeat",
        ),
        (
            {"beside": "prepare", "on_failure": OnFailure.COMPENSATE},
            "before the point of no return, beside others, and its failure cannot mean compensate",
        ),
        ({"attempts": 9}, "may hold up 'await_stores' for 143 s with all its attempts; allowed"),
        (
            {"after": "open_api"},
            "may take 31 s with all its attempts, above its budget of 20 s; allowed is at most its",
        ),
        (
            {"after": "assess", "on_failure": OnFailure.COMPENSATE, "attempts": 30},
            "may take 479 s with all its attempts, above its budget of 20 s; allowed is at most",
        ),
    ],
)
def test_what_the_plan_cannot_have_is_refused_with_a_sentence(
    given: dict[str, Any], words: str
) -> None:
    with pytest.raises(PlanError) as refused:
        plan_with([further(**given)])
    sentence = str(refused.value)
    assert words in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_step_that_is_repeated_takes_as_long_as_it_takes() -> None:
    plan_with([further(after="open_api", on_failure=OnFailure.PAGE_AND_REPEAT)])


REPEATED = {"after": "open_api", "on_failure": OnFailure.PAGE_AND_REPEAT}


@pytest.mark.parametrize(("attempts", "most"), [(30, 1), (2, 7)])
def test_a_plan_that_passes_the_services_event_limit_is_refused(attempts: int, most: int) -> None:
    """A17: the service would end its run before the run ends itself."""
    steps = [further(name=f"s{n}", attempts=attempts, **REPEATED) for n in range(most + 1)]
    plan = plan_with(steps[:-1])
    assert most_events(plan) < EVENT_LIMIT
    with pytest.raises(PlanError) as refused:
        plan_with(steps)
    assert re.fullmatch(
        r"The plan with these steps may write 2\d,\d{3} events into the history of one run, when each "
        r"uses all its attempts and rounds; allowed are fewer than 25,000\.",
        str(refused.value),
    )


def test_more_steps_than_one_state_can_carry_are_refused() -> None:
    steps = [
        further(name=f"s{n}", after="open_api", attempts=1) for n in range(MOST_FURTHER_STEPS + 1)
    ]
    plan_with(steps[:-1])
    with pytest.raises(PlanError, match=r"^The plan has 21 further steps; allowed are 20\.$"):
        plan_with(steps)


@pytest.mark.parametrize(
    "steps",
    [
        [further()],
        [further(), further(name="two", on_failure=OnFailure.PAGE_AND_REPEAT)],
        [further(**REPEATED), further(name="two", after="assess", attempts=1)],
        [further(after="acquire", attempts=1, on_failure=OnFailure.COMPENSATE)],
    ],
)
def test_the_count_of_events_is_what_the_longest_run_writes(steps: list[PlanStep]) -> None:
    plan = plan_with(steps)
    run = WorstRun()
    assert run.go(state_machine_definition(OURS, plan)) == "recovered"
    spare = 12 * len(run.rounds) + 2 * FIXED_STATES
    assert run.events <= most_events(plan) <= run.events + spare


def test_two_steps_of_one_name_are_refused() -> None:
    with pytest.raises(PlanError, match="'search' already"):
        plan_with([further(), further(after="verify")])


PLACES = [
    {"beside": "prepare", "timeout_seconds": 7},
    {"after": "acquire", "attempts": 1, "on_failure": OnFailure.COMPENSATE},
    {"after": "assess", "attempts": 1},
    {"beside": "await_stores", "on_failure": OnFailure.PAGE_AND_REPEAT},
    {"beside": "await_stores"},
    {"after": "open_database", "on_failure": OnFailure.PAGE_AND_REPEAT},
    {"after": "shift_traffic", "attempts": 1},
]


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_machine_is_whole_wherever_the_step_stands(place: dict[str, Any]) -> None:
    machine = state_machine_definition(OURS, plan_with([further(**place)]))
    walk(machine)
    before = {name for states in machines(state_machine_definition(OURS)) for name in states}
    made = {name for states in machines(machine) for name in states} - before
    assert "search" in made
    assert all(name == "search" or name.startswith("search_") for name in made)


def task(machine: dict[str, Any], step: str) -> dict[str, Any]:
    """The task of a step, wherever it stands."""
    found: dict[str, Any] = next(
        states[step] for states in machines(machine) if states.get(step, {}).get("Type") == "Task"
    )
    return found


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_our_function_calls_the_users_with_the_payload_of_all(place: dict[str, Any]) -> None:
    machine = state_machine_definition(OURS, plan_with([further(**place)]))
    yours, ours = task(machine, "search"), task(machine, "verify")
    assert yours["Parameters"]["Payload"] == {
        **ours["Parameters"]["Payload"],
        "step": "call",
        "further_step": "search",
        "function_arn": YOURS,
        "timeout_seconds": yours["TimeoutSeconds"],
    }
    assert json.dumps(machine).count(YOURS) == 1


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_no_answer_of_the_users_function_can_end_the_run(place: dict[str, Any]) -> None:
    """An answer above the service's limit, or without a field, is an error that no catch need see."""
    machine = state_machine_definition(OURS, plan_with([further(**place)]))
    tasks = [
        state
        for states in machines(machine)
        for state in states.values()
        if state["Type"] == "Task"
    ]
    assert {state["Parameters"]["FunctionName"] for state in tasks} == {OURS}
    assert task(machine, "search")["ResultSelector"] == task(machine, "verify")["ResultSelector"]


def test_a_lost_reply_to_the_promotion_still_goes_forward() -> None:
    steps = [
        further(after=stage, name=f"after_{stage}", attempts=1)
        for stage in ("await_stores", "prepare")
    ]
    states = state_machine_definition(OURS, plan_with(steps))["States"]
    assert states["was_released"]["Choices"][0]["Next"] == "await_stores"


def test_the_budget_counts_the_step_where_it_takes_time() -> None:
    assert rto_budget_seconds(plan_with([further()])) == rto_budget_seconds()
    alone = further(after="open_database", attempts=1)
    assert rto_budget_seconds(plan_with([alone])) == rto_budget_seconds() + 20
    slow = further(budget_seconds=150)
    assert rto_budget_seconds(plan_with([slow])) == rto_budget_seconds() + 30


def test_the_evidence_keeps_a_step_that_it_does_not_know() -> None:
    answers = [
        {"step": "verify", "started_at": "2026-11-21T05:00:09.000Z"},
        {"step": "search", "started_at": "2026-11-21T05:00:05.000Z"},
        {"step": "acquire", "started_at": "2026-11-21T05:00:01.000Z"},
    ]
    found = timeline({"stage": answers[:2], "acquire": answers[2]})
    assert [one["step"] for one in found] == ["acquire", "search", "verify"]


def test_pages_and_releases_stand_apart_from_the_steps() -> None:
    """A page is no step that took its time, and a release that led forward undid nothing."""
    results = {
        "acquire": {"step": "acquire", "started_at": "2026-11-21T05:00:01.000Z"},
        "page": {"step": "page", "started_at": "2026-11-21T05:00:08.000Z"},
        "release": {"step": "release", "started_at": "2026-11-21T05:00:05.000Z"},
        "stage": [{"step": "search", "started_at": "2026-11-21T05:00:06.000Z"}],
        "verify": {"step": "verify", "started_at": "2026-11-21T05:00:09.000Z"},
    }
    assert [one["step"] for one in timeline(results)] == ["acquire", "search", "verify"]
    assert [one["step"] for one in interruptions(results)] == ["release", "page"]


def test_what_the_machine_calls_is_in_the_table_or_beside_it() -> None:
    """A new state that calls a step must say whether its answer is a step's."""
    called = {
        state["Parameters"]["Payload"]["step"]
        for states in machines(state_machine_definition(OURS))
        for state in states.values()
        if state["Type"] == "Task"
    }
    assert called == {step.name for step in PLAN} | set(BESIDE_THE_TABLE)


def test_the_runbooks_table_is_the_plans() -> None:
    row = re.compile(r"^\| (\w+) \| `(\w+)` \|.*\| (\d+) \| ([^|]+) \| ([^|]+) \|$", re.M)
    said = row.findall(RUNBOOK.read_text())
    numbered = row.findall(plan_table())
    assert said == numbered
    assert [(name, int(budget), tried, word) for _, name, budget, tried, word in said] == [
        (step.name, step.budget_seconds, attempts_cell(step), WORDS[step.on_failure])
        for step in PLAN
    ]


def test_a_further_step_has_its_row() -> None:
    rows = plan_table(plan_with([further()])).splitlines()
    assert "| 5e | `search` | Promotes the search index. | 20 | 2 × 15 (1) | degrade |" in rows
