"""The contracts of keeper, probe, failover step and lag meter against what their code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifeline.lambdas.contracts.contract import AwsCall, Contract
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.failover_step import FailoverStepContract
from lifeline.lambdas.contracts.keeper import KeeperContract
from lifeline.lambdas.contracts.lag_meter import LagMeterContract
from lifeline.lambdas.contracts.probe import ProbeContract
from lifeline.lambdas.probe.handler import control_url
from tests.contract.aws_calls import calls_of

LAMBDAS = Path(__file__).resolve().parents[3] / "lambdas"
CONTRACTS: dict[str, type[Contract]] = {
    "failover_step": FailoverStepContract,
    "keeper": KeeperContract,
    "lag_meter": LagMeterContract,
    "probe": ProbeContract,
}
BY_THE_CACHE = {"elasticache:Connect"}
"""Checked when the meter signs in; no boto3 call shows it, so the contract does not list it either."""


def listed(contract: type[Contract]) -> set[str]:
    """The AWS actions that a contract says."""
    return {one.action for one in contract.calls if isinstance(one, AwsCall)}


@pytest.mark.parametrize("package", CONTRACTS)
def test_a_contract_lists_every_aws_call_of_its_code_and_no_other(package: str) -> None:
    said = listed(CONTRACTS[package])
    made = calls_of(LAMBDAS, package)
    unsaid = [one for one in made if not any(actions <= said for actions in one.action_sets)]
    assert unsaid == []
    assert said - {action for one in made for actions in one.action_sets for action in actions} == (
        set()
    )
    assert not said & BY_THE_CACHE


DATABASE = DatabaseAddress(host="a,b", port=5432, name="n", user="u", auth="iam")


def test_a_keeper_without_a_witness_is_told_so_and_starts() -> None:
    told = KeeperContract(
        peer_region="ca-central-1",
        region_state_table="region-state-test",
        database=DATABASE,
        own_api_url="https://api",
        suffix="test",
        page_topic_arn="arn:aws:sns:ca-west-1:111111111111:page-test",
        query_api_url="http://query-api:8080",
        state_machine_arn="arn",
        tier_rpo_seconds=60,
    ).to_env()
    assert (told["WITNESS_REGION"], told["LEASE_TABLE"], told["TTL_SECONDS"]) == ("", "", "20")
    read = KeeperContract.from_env({**told, "AWS_REGION": "ca-west-1"})
    assert (read.witness_region, read.region, read.database.region) == ("", *["ca-west-1"] * 2)


def test_a_probe_asks_the_override_or_the_regions_own_endpoint() -> None:
    told = ProbeContract(
        suffix="test", results_table="lease-test", probe_regions=("ca-central-1",)
    ).to_env()
    read = ProbeContract.from_env({**told, "AWS_REGION": "us-east-2"})
    assert control_url(read) == "https://dynamodb.us-east-2.amazonaws.com/"
    overridden = {**told, "AWS_REGION": "us-east-2", "PROBE_CONTROL_URL": "http://here"}
    assert control_url(ProbeContract.from_env(overridden)) == "http://here"
    assert (read.probe_regions, dict(read.probe_targets)) == (("ca-central-1",), {})
    overridden = {
        **told,
        "AWS_REGION": "us-east-2",
        "PROBE_TARGETS": '{"ca-central-1": "http://b"}',
    }
    assert dict(ProbeContract.from_env(overridden).probe_targets) == {"ca-central-1": "http://b"}


def test_a_region_without_other_stores_has_an_empty_word_for_each() -> None:
    told = LagMeterContract(
        suffix="test",
        peer_region="ca-central-1",
        region_state_table="t",
        database=DATABASE,
        query_api_url="http://query-api",
        evidence_bucket="evidence",
    ).to_env()
    stores = ("FILE_SYSTEM_ID", "ADMIN_SECRET", "CACHE_GROUP", "CACHE_HOSTS_PARAMETER")
    assert [told[name] for name in stores] == [""] * 4
    assert LagMeterContract.from_env({**told, "AWS_REGION": "ca-west-1"}).cache.group == ""


@pytest.mark.parametrize(
    ("contract", "names"),
    [
        (ProbeContract, {"PROBE_CONTROL_URL", "PROBE_TARGETS"}),
        (FailoverStepContract, {"PEER_DATABASE_HOST", "PEER_DATABASE_PORT"}),
    ],
)
def test_what_only_the_lab_sets_is_read_and_never_written(
    contract: type[Contract], names: set[str]
) -> None:
    assert names <= set(contract.variable_names())
    assert not names & {*contract.written_names(), *contract.required_names()}


def test_a_slash_at_the_end_of_a_base_url_is_dropped() -> None:
    """Else `https://api//health` would be asked for the first time in a real failover."""
    told = KeeperContract(
        peer_region="ca-central-1",
        region_state_table="region-state-test",
        database=DATABASE,
        own_api_url="https://api/",
        suffix="test",
        page_topic_arn="arn:aws:sns:ca-west-1:111111111111:page-test",
        query_api_url="http://query-api:8080/",
        state_machine_arn="arn",
        tier_rpo_seconds=60,
    ).to_env()
    assert (told["OWN_API_URL"], told["QUERY_API_URL"]) == ("https://api", "http://query-api:8080")
    by_hand = {**told, "OWN_API_URL": "https://api//", "AWS_REGION": "ca-west-1"}
    assert KeeperContract.from_env(by_hand).own_api_url == "https://api"
