"""A release: the standby first, alarms are watched, then the active region; it may stop anywhere."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from lifeline.cli.__main__ import main
from lifeline.cli.failure import Refused
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.cli.release import BAKE_MINUTES
from lifeline.cli.staged_release import LOOK_SECONDS, Stage, StagedRelease
from lifeline.lambdas.adapters import aws
from lifeline.lambdas.failover.lease import Lease
from lifeline.observability.region_alarms import region_alarms
from tests.support.clocks import ManualClock
from tests.support.tables import made_table
from tests.unit.constructs.conftest import MakeStack, make_stack
from tests.unit.constructs.observability.observed import metrics_of

__all__ = ["make_stack"]

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
PLACES = Places("t", HOME, RECOVERY, WITNESS)
STACKS = [
    (HOME, "Foundation-cac1"),
    (HOME, "Data-cac1"),
    (RECOVERY, "Foundation-caw1"),
    (RECOVERY, "Data-caw1"),
    (WITNESS, "Witness-use2"),
]


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    aws.client.cache_clear()
    with mock_aws():
        made_table(WITNESS, "lease-t")
        yield
    aws.client.cache_clear()


def activate(holder: str = HOME, epoch: int = 1, writer: str | None = None) -> None:
    lease = Lease(holder=holder, epoch=epoch, renewals=1, writer=writer or holder)
    client: Any = boto3.client("dynamodb", region_name=WITNESS)
    client.delete_item(TableName="lease-t", Key={"id": {"S": "lease"}})
    assert PLACES.lease().create(lease)


def fire(name: str, region: str, state: str = "ALARM") -> None:
    client: Any = boto3.client("cloudwatch", region_name=region)
    client.put_metric_alarm(
        AlarmName=name, MetricName="x", Namespace="x", Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")


class Deployed:
    """What was deployed, and what happens right after a region was."""

    def __init__(self, after: dict[str, Callable[[], None]] | None = None) -> None:
        self.regions: list[str] = []
        self._after = after or {}

    def __call__(self, stage: Stage) -> bool:
        self.regions.append(stage.region)
        self._after.get(stage.region, lambda: None)()
        return True


def staged(clock: ManualClock | None = None, **changes: Any) -> StagedRelease:
    given: dict[str, Any] = {"stacks": STACKS, "bake_seconds": 600.0, **changes}
    return StagedRelease(PLACES, clock or ManualClock(), Output(), **given)


def test_the_standby_is_first_and_the_active_region_last() -> None:
    activate()
    clock, deployed = ManualClock(), Deployed()
    staged(clock).run(deployed)
    assert deployed.regions == [RECOVERY, WITNESS, HOME]
    assert sum(clock.slept) >= 600 - LOOK_SECONDS


def test_after_a_failover_home_is_the_standby() -> None:
    """Roles are runtime state: the lease says who is active, not a template."""
    activate(RECOVERY, 2)
    deployed = Deployed()
    staged().run(deployed)
    assert deployed.regions == [HOME, WITNESS, RECOVERY]


def test_stacks_keep_the_order_of_the_assembly_and_none_is_left_out() -> None:
    activate()
    release = staged()
    stages = release.stages(release.serving())
    assert stages[0].stacks == ("Foundation-caw1", "Data-caw1")
    assert sorted(one for stage in stages for one in stage.stacks) == sorted(
        stack for _, stack in STACKS
    )


@pytest.mark.parametrize("region", [HOME, RECOVERY, WITNESS])
def test_an_alarm_in_the_bake_time_stops_before_the_active_region(region: str) -> None:
    activate()
    deployed = Deployed({RECOVERY: lambda: fire("apply-failures-t", region)})
    with pytest.raises(Refused) as stopped:
        staged().run(deployed)
    assert deployed.regions == [RECOVERY]
    said = str(stopped.value)
    assert f"apply-failures-t in {region} fires" in said
    assert f"{RECOVERY} runs the new release, {HOME} the one before; both work together" in said
    assert "cdk deploy --exclusively Foundation-caw1 Data-caw1" in said


def test_an_alarm_that_comes_late_in_the_bake_time_stops_it() -> None:
    activate()

    class Late(ManualClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.slept) == 15:
                fire("lag-t", RECOVERY)

    deployed = Deployed()
    with pytest.raises(Refused, match="lag-t"):
        staged(Late()).run(deployed)
    assert deployed.regions == [RECOVERY]


@pytest.mark.parametrize("name", ["other-u", "scale-event-applier-t", "known-t"])
def test_other_alarms_stop_nothing(name: str) -> None:
    """Another environment's, one that only starts tasks, one that a person named."""
    activate()
    fire(name, RECOVERY)
    deployed = Deployed()
    staged(despite=["known"]).run(deployed)
    assert len(deployed.regions) == 3


def test_nothing_begins_while_an_alarm_fires() -> None:
    activate()
    fire("lag-t", HOME)
    deployed = Deployed()
    with pytest.raises(Refused, match="nothing was deployed: lag-t in ca-central-1 fires"):
        staged().run(deployed)
    assert deployed.regions == []


def test_a_failover_in_the_bake_time_stops_it() -> None:
    """The standby is active now, with the new release: home must not get it in the same breath."""
    activate()
    deployed = Deployed({RECOVERY: lambda: activate(RECOVERY, 2)})
    with pytest.raises(Refused, match="ca-west-1 became active at epoch 2"):
        staged().run(deployed)
    assert deployed.regions == [RECOVERY]


def test_alarms_that_nobody_can_read_are_no_health(monkeypatch: pytest.MonkeyPatch) -> None:
    activate()

    def cut() -> None:
        monkeypatch.setattr(
            Places,
            "cloudwatch",
            lambda _places, region: boto3.client(
                "cloudwatch",
                region_name=region,
                endpoint_url="http://127.0.0.1:9",
                config=Config(retries={"total_max_attempts": 1}),
            ),
        )

    deployed = Deployed({RECOVERY: cut})
    with pytest.raises(Refused, match="cannot be read"):
        staged().run(deployed)
    assert deployed.regions == [RECOVERY]


@pytest.mark.parametrize(
    ("holder", "writer", "words"),
    [("", HOME, "nobody holds the lease"), (RECOVERY, HOME, "a takeover is under way")],
)
def test_nothing_is_released_while_the_roles_change(holder: str, writer: str, words: str) -> None:
    activate(holder, 2, writer)
    with pytest.raises(Refused, match=words):
        staged().run(Deployed())


def test_an_environment_that_was_never_activated_is_deployed_whole() -> None:
    with pytest.raises(Refused, match="`make deploy` deploys it whole"):
        staged().run(Deployed())


@pytest.mark.parametrize(("failing", "kept"), [(RECOVERY, "release before"), (HOME, "new release")])
def test_a_stack_that_fails_stops_the_release_and_says_what_runs(failing: str, kept: str) -> None:
    activate()
    deployed: list[str] = []

    def deploy(stage: Stage) -> bool:
        deployed.append(stage.region)
        return stage.region != failing

    with pytest.raises(Refused, match=kept):
        staged().run(deploy)
    assert deployed[-1] == failing


def test_the_bake_time_is_twice_the_slowest_alarm(make_stack: MakeStack) -> None:
    """But for those that count hours: of backups, drills and authorities, which no release of functions
    moves within them."""
    made = make_stack()
    path, stores = metrics_of(made.stack, made.site)
    windows = {
        one.name: one.evaluation.evaluation_periods * one.evaluation.period_seconds
        for one in region_alarms(made.site, path=path, stores=stores)
    }
    slow = {name for name, seconds in windows.items() if seconds >= 3600}
    assert slow == {
        "backup-overdue-database", "backup-overdue-files", "backup-failed", "drill-overdue",
        "authority-expiring",
        "authority-expires-soon",
    }  # fmt: skip
    slowest = max(seconds for name, seconds in windows.items() if name not in slow)
    assert 2 * slowest <= BAKE_MINUTES * 60


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    folder = tmp_path / "assembly"
    folder.mkdir()
    artifacts = {}
    for region, stack in STACKS:
        artifacts[stack] = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://unknown-account/{region}",
            "properties": {"stackName": stack, "templateFile": f"{stack}.json"},
        }
        (folder / f"{stack}.json").write_text('{"Resources": {}}')
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


def test_a_dry_run_says_the_stages_and_deploys_nothing(
    assembly: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    activate()
    told, cdk = tmp_path / "told", tmp_path / "cdk"
    cdk.write_text(f'#!/bin/sh\necho "$@" >> {told}\nexit 3\n')
    cdk.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    words = ["release", "--suffix", "t", "--assembly", str(assembly)]
    assert main([*words, "--dry-run"]) == 0
    assert "release: 1. ca-west-1: Foundation-caw1, Data-caw1" in capsys.readouterr().out
    assert not told.exists()
    assert main([*words, "--", "-c", "imageTag=2"]) == 1
    assert told.read_text().splitlines() == [
        f"deploy --app {assembly} --exclusively Foundation-caw1 Data-caw1 -c imageTag=2"
    ]
    assert f"{HOME} runs the release before" in capsys.readouterr().err


def test_without_a_standby_nothing_is_staged_and_the_command_to_use_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`make release` knows the settings only: it passes no `--recovery none`."""
    for more in (["--recovery", "none"], ["--", "-c", "strategy=backup-only"]):
        assert main(["release", "--suffix", "t", "--witness", "none", *more]) == 2
        said = capsys.readouterr().err
        assert "`lifeline release` needs a standby" in said
        assert "`make deploy`" in said
