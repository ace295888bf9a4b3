"""The strategy backup only: one region that runs everything, and one that keeps copies (ADR 23)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lifeline.cli.__main__ import main
from lifeline.compliance.dead_acknowledgements import dead_acknowledgements
from lifeline.compliance.nag_rows import CRITICALITY, Status, rows_of
from lifeline.compliance.reach.assembly import world_of
from lifeline.compliance.reach.ledger import ledger_of
from lifeline.lambdas.contracts.registry import FUNCTIONS, SERVICES
from lifeline.lambdas.failover.protocol import NO_STANDBY
from lifeline.settings import Settings
from lifeline.strategy import Strategy
from lifeline.tiers import RecoveryTier
from scripts.iam_evaluator import evaluate
from tests.conftest import Assembly
from tests.contract.aws_calls import calls_of
from tests.contract.test_environment import containers_in, faults, functions_in
from tests.contract.test_iam import deployed_in, unused_grants

pytestmark = [pytest.mark.synth, pytest.mark.slow]
LAMBDAS = Path(__file__).resolve().parents[3] / "lambdas"
GIVEN = ("strategy=backup-only", "witnessRegion=none", "tier=DEFERRABLE", "nag=true")
PROFILES = ["dev", *(pytest.param(one, marks=pytest.mark.soak) for one in ("staging", "prod"))]
COPIES = "Copies-caw1"


@pytest.fixture(scope="module")
def made(assembly_of: Callable[..., Assembly]) -> Callable[[str], Assembly]:
    """From a profile to its assembly, every pack attached."""
    return lambda profile: assembly_of(profile, "test", *GIVEN)


@pytest.fixture(scope="module")
def dev(made: Callable[[str], Assembly]) -> Assembly:
    return made("dev")


def settings(profile: str) -> Settings:
    return Settings(
        environment_suffix="test",
        profile_name=profile,
        strategy=Strategy.BACKUP_ONLY,
        witness_region=None,
        tier=RecoveryTier.DEFERRABLE,
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_the_other_region_has_its_copies_and_nothing_that_runs(
    made: Callable[[str], Assembly], profile: str
) -> None:
    found = made(profile)
    assert [one for one in found.stacks() if not one.endswith("cac1")] == [COPIES]
    kinds = {one["Type"] for one in found.template(COPIES)["Resources"].values()}
    assert not [
        one
        for one in kinds
        if one.split("::")[1] in ("EC2", "ECS", "RDS", "MSK", "Kinesis", "ElastiCache", "EFS")
    ]
    assert kinds >= {"AWS::Backup::BackupVault", "AWS::KMS::Key", "AWS::S3::Bucket"}
    packages = {one.reader for one in functions_in(found) if one.stack == COPIES}
    assert packages == {"empty_bucket", "empty_vault"}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_backup_and_every_bucket_has_its_copy_there(
    made: Callable[[str], Assembly], profile: str
) -> None:
    found = made(profile)
    (vault,) = found.resources(COPIES, "AWS::Backup::BackupVault")
    rules = [
        rule
        for plan in found.resources("Data-cac1", "AWS::Backup::BackupPlan")
        for rule in plan["Properties"]["BackupPlan"]["BackupPlanRule"]
    ]
    assert len(rules) == 4
    for rule in rules:
        (copy,) = rule["CopyActions"]
        there = json.dumps(copy["DestinationBackupVaultArn"])
        assert f":backup-vault:{vault['Properties']['BackupVaultName']}" in there
        assert ":backup:ca-west-1:" in there
    copied = {
        json.dumps(one["Properties"]["PeerBucket"])
        for one in found.resources("Replication-cac1", "Custom::BucketReplication")
    }
    buckets = found.resources(COPIES, "AWS::S3::Bucket")
    assert copied == {json.dumps(one["Properties"]["BucketName"]) for one in buckets}
    assert len(copied) == 4, "access log, audit, evidence and archive"


def test_home_is_told_of_no_other_region_and_makes_nothing_for_one(dev: Assembly) -> None:
    told = {
        one.reader: one.variables["PEER_REGION"]
        for one in (*functions_in(dev), *containers_in(dev))
        if "PEER_REGION" in one.variables
    }
    assert set(told.values()) == {NO_STANDBY}
    assert set(told) == {
        *("keeper", "failover_step", "lag_meter", "event_applier apply", "query_api"),
    }
    every = "".join(json.dumps(dev.template(one)) for one in dev.stacks() if one != COPIES)
    assert "AWS::EC2::VPCPeeringConnection" not in every
    assert "probe-test" not in every
    assert "ReplicationLagSeconds" not in every
    assert "DaysSinceDrill" not in every
    secrets = dev.resources("Data-cac1", "AWS::SecretsManager::Secret")
    assert not [one for one in secrets if "ReplicaRegions" in one["Properties"]]


def test_the_copies_go_first_when_the_environment_is_destroyed(dev: Assembly) -> None:
    """N18: a recovery point is deleted with the role that made it, which stands in home's Data."""
    assert waits_for(dev, COPIES) >= {"Data-cac1"}
    assert COPIES in waits_for(dev, "Replication-cac1")


def waits_for(assembly: Assembly, stack: str) -> set[str]:
    manifest: dict[str, Any] = json.loads((assembly.folder / "manifest.json").read_text())
    return set(manifest["artifacts"][stack].get("dependencies", ()))


@pytest.mark.parametrize("profile", PROFILES)
def test_no_finding_is_left_and_no_time_is_promised(
    made: Callable[[str], Assembly], profile: str
) -> None:
    found = made(profile)
    rows = rows_of(found.folder, settings(profile))
    left = [one for one in rows if one.status is Status.FINDING]
    assert not left, left[:5]
    (objectives,) = [
        one for one in rows if one.control == CRITICALITY and one.rule == "RecoveryTier"
    ]
    assert objectives.status is Status.ACKNOWLEDGED
    assert "not promised for the loss of the home region" in objectives.reason
    claimed = {one.rule for one in rows if one.status is Status.COMPLIANT}
    assert not [one for one in claimed if "SecondMember" in one or "DrillsUnwatched" in one]
    assert "LifelineContinuity-BackupWithoutCopy" in claimed


@pytest.mark.soak
def test_no_acknowledgement_is_of_this_strategy_alone_and_answers_nothing(
    made: Callable[[str], Assembly], assembly_of: Callable[..., Assembly]
) -> None:
    every = [(made(one).folder, None) for one in ("dev", "staging", "prod")]
    usual = [
        (assembly_of(one, "test", "nag=true").folder, None) for one in ("dev", "staging", "prod")
    ]
    new = {(one.path, one.rule) for one in dead_acknowledgements(every)}
    old = {(one.path, one.rule) for one in dead_acknowledgements(usual)}
    assert new - old == set()


@pytest.mark.parametrize("profile", PROFILES)
def test_every_environment_is_what_its_contract_says(
    made: Callable[[str], Assembly], profile: str
) -> None:
    found = made(profile)
    wrong = [fault for one in functions_in(found) for fault in faults(one, FUNCTIONS[one.reader])]
    wrong += [fault for one in containers_in(found) for fault in faults(one, SERVICES[one.reader])]
    assert wrong == []


@pytest.mark.parametrize("profile", PROFILES)
def test_no_function_may_do_what_it_never_does(
    made: Callable[[str], Assembly], profile: str
) -> None:
    found = made(profile)
    unused = [
        f"{stack} {one.package}: {grant}"
        for stack in found.stacks()
        for one in deployed_in(found.template(stack), stack)
        for grant in unused_grants(one.package, calls_of(LAMBDAS, one.package), one.grants)
    ]
    assert unused == []


def test_every_call_has_a_route_and_a_right(dev: Assembly) -> None:
    ledger = ledger_of(world_of(dev.folder), evaluate)
    assert not ledger.failures, "\n".join(ledger.failures)
    assert len(ledger.entries) > 100


def test_it_costs_half_and_the_bill_names_the_copies(
    dev: Assembly, assembly_of: Callable[..., Assembly], capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = [word for one in GIVEN for word in ("-c", one)]
    lines: dict[str, list[dict[str, Any]]] = {}
    for name, folder, rest in (
        ("warm", assembly_of("dev").folder, []),
        ("copies", dev.folder, ["--", *chosen]),
    ):
        assert main(["cost", "--suffix", "test", "--assembly", str(folder), "--json", *rest]) == 0
        (found,) = json.loads(capsys.readouterr().out)["strategies"]
        lines[name] = found["lines"]
        assert any("Backup" in one for one in found["not_counted"])
    there = {one["item"] for one in lines["copies"] if one["region"] == "ca-west-1"}
    assert there == {"kms-key"}
    home = {one["item"]: one["amount"] for one in lines["copies"] if one["region"] != "ca-west-1"}
    assert home["kinesis-shard"] == next(
        one["amount"]
        for one in lines["warm"]
        if one["item"] == "kinesis-shard" and one["region"] == "ca-central-1"
    )
