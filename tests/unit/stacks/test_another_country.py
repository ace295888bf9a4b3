"""An environment in a country where both regions have MSK Replicator: the whole app, with it on the way."""

from __future__ import annotations

import json
from pathlib import Path

import aws_cdk as cdk
import pytest

from lifeline.compliance.nag_rows import Status, rows_of
from lifeline.compliance.packs import attach_packs
from lifeline.compliance.reach.assembly import world_of
from lifeline.compliance.reach.ledger import ledger_of
from lifeline.settings import LogReplication, Settings
from lifeline.stacks.lifeline_app import build
from scripts.iam_evaluator import evaluate
from tests.conftest import Assembly

pytestmark = [pytest.mark.synth, pytest.mark.slow]
STATES = Settings(
    environment_suffix="test",
    profile_name="staging",
    home_region="us-east-1",
    recovery_region="us-west-2",
    data_country="United States",
)
CODES = ("use1", "usw2")


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    flags = json.loads((Path(__file__).parents[3] / "cdk.json").read_text())["context"]
    app = cdk.App(
        outdir=str(tmp_path_factory.mktemp("states")),
        analytics_reporting=False,
        stack_traces=False,
        context=flags,
    )
    build(app, STATES)
    attach_packs(app)
    app.synth()
    return Assembly(Path(app.outdir), 0, "")


def test_each_region_copies_the_others_log_by_the_service(states: Assembly) -> None:
    assert STATES.log_replicated_by is LogReplication.REPLICATOR
    for code in CODES:
        stack = f"Replication-{code}"
        (replicator,) = states.resources(stack, "AWS::MSK::Replicator")
        assert replicator["Properties"]["ReplicatorName"] == "log-replicator-g1-test"
        assert not states.resources(stack, "AWS::ECS::Service")
        rules = states.resources(stack, "AWS::EC2::SecurityGroupIngress")
        from_the_peer = [
            one["Properties"]["FromPort"] for one in rules if "CidrIp" in one["Properties"]
        ]
        assert from_the_peer == [5432], "the fence (N13), and nobody to the log"


def test_no_finding_is_left(states: Assembly) -> None:
    left = [one for one in rows_of(states.folder, STATES) if one.status is Status.FINDING]
    assert not left, left[:5]


def test_every_call_has_a_route_and_a_right(states: Assembly) -> None:
    ledger = ledger_of(world_of(states.folder), evaluate)
    assert not ledger.failures, "\n".join(ledger.failures)
