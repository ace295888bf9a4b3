"""What was called to recover is judged by the ledger; what nobody judged fails the run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drill.objective_rows import rows
from drill.scenarios import SCENARIOS
from drill.static_stability import NEEDED_THE_LOST_REGION, OK, UNKNOWN, WITHOUT, recovery_calls
from drill.targets import MadeCall, NeededCall
from drill.verdict import objectives
from tests.unit.drill.sample_evidence import body
from tests.unit.drill.seen_runs import LOSS

HOME, STANDBY = "ca-central-1", "ca-west-1"
LEDGER = (
    NeededCall("keeper", STANDBY, "dynamodb:GetItem", STANDBY, "ok", ""),
    NeededCall("keeper", STANDBY, "dynamodb:GetItem", HOME, "does without", "the survivor takes"),
    NeededCall("fence", STANDBY, "dynamodb:GetItem", HOME, "FAILS", "it needs home"),
    NeededCall("keeper", STANDBY, "states:StartExecution", STANDBY, "ok", ""),
    NeededCall("probe", STANDBY, "s3:GetObject", HOME, "does without", "it goes on"),
)
OWN = MadeCall(STANDBY, "dynamodb:GetItem", STANDBY)


@pytest.mark.parametrize(
    ("call", "verdict"),
    [
        (OWN, OK),
        (MadeCall(STANDBY, "s3:GetObject", HOME), WITHOUT),
        # Two callers make it, and one of them cannot do without.
        (MadeCall(STANDBY, "dynamodb:GetItem", HOME), NEEDED_THE_LOST_REGION),
        (MadeCall(STANDBY, "rds:DescribeDBClusters", STANDBY), UNKNOWN),
        (MadeCall(STANDBY, "states:StartExecution", HOME), UNKNOWN),
        (MadeCall("us-east-2", "dynamodb:GetItem", STANDBY), UNKNOWN),
    ],
)
def test_each_call_is_judged_by_action_caller_and_target(call: MadeCall, verdict: str) -> None:
    judged = recovery_calls([call], LEDGER)
    assert [one.verdict for one in judged] == [verdict]
    both = recovery_calls([OWN, call], LEDGER)
    met = objectives(SCENARIOS["region-loss"], replace(LOSS, calls=both))
    assert met["recovery_as_proved"] is (verdict in (OK, WITHOUT))


def test_a_call_counts_once_and_says_how_often_and_by_whom() -> None:
    (one,) = recovery_calls([OWN, OWN, OWN], LEDGER)
    assert (one.times, one.callers, one.instead) == (3, ("keeper",), "")


def test_a_recovery_whose_calls_nobody_noted_is_not_proved() -> None:
    met = objectives(SCENARIOS["region-loss"], replace(LOSS, calls=[]))
    assert not met["recovery_as_proved"]


def test_where_nothing_fails_over_nothing_is_asked() -> None:
    assert "recovery_as_proved" not in objectives(SCENARIOS["link-cut"], replace(LOSS, calls=[]))


def test_the_report_names_the_call_that_was_not_proved() -> None:
    calls = [
        {"action": "rds:DescribeDBClusters", "region": STANDBY, "verdict": UNKNOWN},
        {"action": "dynamodb:GetItem", "region": HOME, "verdict": WITHOUT},
    ]
    seen = body(recovery_calls=calls, objectives_met={"recovery_as_proved": False})
    (row,) = rows(seen)
    assert row.measured == (
        "2 different calls, 1 done without; rds:DescribeDBClusters in ca-west-1: not in the ledger"
    )
