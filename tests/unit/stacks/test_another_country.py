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
from lifeline.lambdas.contracts.registry import FUNCTIONS
from lifeline.settings import LogReplication, Settings
from lifeline.stacks.lifeline_app import build
from scripts.iam_evaluator import evaluate
from tests.conftest import Assembly
from tests.contract.aws_calls import calls_of
from tests.contract.test_environment import faults, functions_in
from tests.contract.test_iam import (
    LAMBDAS,
    WITH_MSK_REPLICATOR,
    WITHOUT_A_CALL,
    deployed,
    refused_calls,
    unused_grants,
)

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


def test_what_only_msk_replicator_needs_is_told_and_granted_exactly(states: Assembly) -> None:
    """The contract tests look at environments that MirrorMaker copies: there is no such function there."""
    for package in WITH_MSK_REPLICATOR:
        calls = calls_of(LAMBDAS, package)
        here = [one for one in deployed(states) if one.package == package]
        assert len(here) == len(CODES)
        for one in here:
            assert refused_calls(calls, one.grants) == []
            assert unused_grants(package, calls, one.grants) == []
            assert set(WITHOUT_A_CALL[package]) <= one.grants
        told = [one for one in functions_in(states) if one.reader == package]
        assert len(told) == len(CODES)
        assert [fault for one in told for fault in faults(one, FUNCTIONS[package])] == []
