"""Gathering against mocked services: what is there is found, what is dead costs no time and is UNKNOWN."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from moto import mock_aws

from lifeline.cli.__main__ import main
from lifeline.cli.places import Places
from lifeline.cli.status.facts import AlarmFacts, LastDecision, Unknown
from lifeline.cli.status.gather import CALL_SECONDS, gather, make_clients
from lifeline.cli.status.policy import policy
from lifeline.lambdas.adapters import aws
from lifeline.lambdas.adapters.lease_table import LeaseTable
from lifeline.lambdas.adapters.region_state_table import ProbeResults, RegionStateTable
from lifeline.lambdas.failover.health import Health, Sample
from lifeline.lambdas.failover.lease import Lease
from tests.support.http_server import Answer, Request, http_server, silent_port
from tests.support.tables import made_table
from tests.unit.cli.status.looks import (
    ACTIVE_REPORT,
    HOME,
    LAG,
    LEASE,
    RECOVERY,
    STANDBY_REPORT,
    WITNESS,
)

PLACES = Places("dev", HOME, RECOVERY, WITNESS)


@pytest.fixture(autouse=True)
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    aws.client.cache_clear()
    with mock_aws():
        yield
    aws.client.cache_clear()


def deployed(api_url: str) -> None:
    """The tables with what keepers, lag meter and probe write; an alarm in each region."""
    lease = LeaseTable(made_table(WITNESS, "lease-dev"), "lease-dev")
    lease.create(LEASE)
    results = ProbeResults(aws.client("dynamodb", WITNESS), "lease-dev")
    for region, report in ((HOME, ACTIVE_REPORT), (RECOVERY, STANDBY_REPORT)):
        table = RegionStateTable(made_table(region, "region-state-dev"), "region-state-dev")
        table.note_cycle(report)
        table.note_lag(LAG)
        table.note_decision("hold:lease-moves:3", {"reason": "lease-moves"}, 1_700_000_000.0)
        lease.publish_region(region, {"api_url": api_url})
        results.keep(region, Sample(1_700_000_000.0, Health.HEALTHY), 6)
    for region in (HOME, RECOVERY, WITNESS):
        for name, state in (("takeover-not-ready", "OK"), ("log-disk", "ALARM")):
            for suffix in ("dev", "other"):
                cloudwatch = aws.client("cloudwatch", region)
                cloudwatch.put_metric_alarm(
                    AlarmName=f"{name}-{suffix}", MetricName="M", Namespace="N", Statistic="Sum",
                    Period=60, EvaluationPeriods=1, Threshold=1,
                    ComparisonOperator="GreaterThanThreshold",
                )  # fmt: skip
                cloudwatch.set_alarm_state(
                    AlarmName=f"{name}-{suffix}", StateValue=state, StateReason="test"
                )


def test_everything_that_answers_is_found() -> None:
    def healthy(_request: Request) -> Answer:
        return 200, {}

    with http_server(healthy) as api:
        deployed(api.url)
        facts = gather(PLACES, seconds=5.0)
    assert facts.lease == LEASE
    home, recovery = facts.regions
    assert (home.keeper, recovery.keeper, recovery.lag) == (ACTIVE_REPORT, STANDBY_REPORT, LAG)
    assert recovery.decision == LastDecision(
        action="hold", reason="lease-moves", at=1_700_000_000.0
    )
    assert (home.api, home.traffic_epoch) == (200, 0)
    assert home.alarms == AlarmFacts(deployed=True, firing=("log-disk",)), (
        "the other environment's not"
    )
    assert facts.witness_alarms == AlarmFacts(deployed=True, firing=("log-disk",))
    assert not isinstance(facts.samples, Unknown)
    assert [one.health for one in facts.samples[HOME]] == [Health.HEALTHY]
    assert facts.plan is None


def test_tables_without_items_are_none_yet_and_not_unknown() -> None:
    made_table(WITNESS, "lease-dev")
    for region in (HOME, RECOVERY):
        made_table(region, "region-state-dev")
    facts = gather(PLACES, seconds=5.0)
    assert facts.lease is None
    assert [one.keeper for one in facts.regions] == [None, None]
    assert [one.alarms for one in facts.regions] == [AlarmFacts(deployed=False)] * 2
    assert isinstance(facts.regions[0].api, Unknown)


def test_alarms_that_nobody_evaluates_are_not_well() -> None:
    """Seen in the lab: an emulator keeps alarms, and never looks at one."""
    deployed("")
    for region in (HOME, RECOVERY, WITNESS):
        aws.client("cloudwatch", region).set_alarm_state(
            AlarmName="takeover-not-ready-dev", StateValue="INSUFFICIENT_DATA", StateReason="new"
        )
    facts = gather(PLACES, seconds=5.0)
    assert [one.alarms for one in facts.regions] == [AlarmFacts(deployed=False)] * 2
    assert facts.witness_alarms == AlarmFacts(deployed=False)


def test_what_does_not_answer_costs_no_more_than_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The active region is dead: its address takes connections and says nothing."""
    with silent_port() as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        make_clients(PLACES)
        begun = time.monotonic()
        facts = gather(PLACES, seconds=0.6)
        took = time.monotonic() - begun
    assert took < 1.2
    assert isinstance(facts.lease, Unknown)
    assert all(isinstance(one.keeper, Unknown) for one in facts.regions)


def test_a_damaged_report_is_unknown_and_stops_nothing() -> None:
    deployed("")
    aws.client("dynamodb", HOME).put_item(
        TableName="region-state-dev", Item={"id": {"S": "keeper-report"}, "body": {"S": "[]"}}
    )
    home = gather(PLACES, seconds=5.0).regions[0]
    assert isinstance(home.keeper, Unknown)
    assert home.lag == LAG


def test_the_policy_allows_what_is_called_and_nothing_that_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: set[str] = set()

    deployed("")
    RegionStateTable(aws.client("dynamodb", HOME), "region-state-dev").claim_run(3, run=1, now=1.0)
    # The clients that a look uses, made before it: each says what it is asked.
    make_clients(PLACES)
    for region in (HOME, RECOVERY, WITNESS):
        for service, prefix in (
            ("dynamodb", "dynamodb"),
            ("cloudwatch", "cloudwatch"),
            ("stepfunctions", "states"),
        ):
            one = aws.client(service, region, CALL_SECONDS)
            one.meta.events.register(
                "before-call",
                lambda model, prefix=prefix, **_more: called.add(f"{prefix}:{model.name}"),
            )
    gather(PLACES, seconds=5.0)
    rights = policy(suffix="dev", home=HOME, recovery=RECOVERY, witness=WITNESS)
    allowed = {action for one in rights["Statement"] for action in one["Action"]}
    assert called <= allowed
    # The history is asked for once the machine is found, which is not made here.
    assert allowed - called <= {"states:GetExecutionHistory"}
    assert all(
        word.partition(":")[2].startswith(("Get", "List", "Describe", "BatchGet"))
        for word in allowed
    )


def test_the_command_prints_json_alone(capsys: pytest.CaptureFixture[str]) -> None:
    deployed("")
    assert main(["status", "--suffix", "dev", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["command"], told["suffix"]) == ("status", "dev")
    assert main(["status", "--suffix", "dev", "--policy"]) == 0
    assert "dynamodb:BatchGetItem" in capsys.readouterr().out
    without = ["--recovery", "none", "--witness", "none"]
    assert main(["status", "--suffix", "dev", "--policy", *without]) == 0
    rights = capsys.readouterr().out
    assert f"dynamodb:{HOME}:*:table/lease-dev" in rights
    assert RECOVERY not in rights
    assert ":none:" not in rights
    assert main(["status", "--suffix", "dev", "--recovery", "none"]) == 2
    assert "say --witness none, too" in capsys.readouterr().err
    assert main(["status", "--suffix", "dev", "--home", "ca-west-1"]) == 2


def test_an_environment_without_a_standby_is_asked_in_one_region(
    capsys: pytest.CaptureFixture[str],
) -> None:
    deployed("")
    made_table(HOME, "lease-dev")
    LeaseTable(aws.client("dynamodb", HOME), "lease-dev").create(
        Lease(holder=HOME, epoch=1, renewals=1, writer=HOME)
    )
    asked = ["status", "--suffix", "dev", "--json", "--recovery", "none", "--witness", "none"]
    assert main(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["regions"]) == [HOME]
    assert told["lease"]["holder"] == HOME
    assert "NOBODY takes over" in told["if_active_died"]["text"]
    assert told["stores"] == []
