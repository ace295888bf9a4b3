"""Quantities come from the assembly and the capacity plan, not from a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lifeline.cost import items
from lifeline.cost.items import HOURS_PER_MONTH
from lifeline.cost.quantities import BY_USE, SIMPLE, not_counted, quantities
from lifeline.preflight.assembly import read_assembly
from lifeline.settings import Settings
from lifeline.strategy import Strategy
from lifeline.tiers import RecoveryTier
from tests import conftest
from tests.unit.cost.cost_parts import assembly

ACCOUNT = "000000000000"
HOME, RECOVERY = "ca-central-1", "ca-west-1"
SETTINGS = Settings(environment_suffix="test")


def amounts(folder: Path, settings: Settings = SETTINGS) -> dict[tuple[str, str], float]:
    found = quantities(read_assembly(folder, ACCOUNT), settings)
    return {(one.region, one.item.id): one.amount for one in found}


def test_hours_are_a_months_and_volumes_are_whole(tmp_path: Path) -> None:
    log = {
        "Type": "AWS::MSK::Cluster",
        "Properties": {
            "NumberOfBrokerNodes": 3,
            "BrokerNodeGroupInfo": {
                "InstanceType": "kafka.m5.large",
                "StorageInfo": {"EBSStorageInfo": {"VolumeSize": 180}},
            },
        },
    }
    assert amounts(assembly(tmp_path / "a", {"Log": log})) == {
        (HOME, "msk-broker-kafka.m5.large"): 3 * HOURS_PER_MONTH,
        (HOME, "msk-storage"): 540,
    }


def test_a_secrets_replica_is_a_secret_where_it_lies(tmp_path: Path) -> None:
    secret = {
        "Type": "AWS::SecretsManager::Secret",
        "Properties": {"ReplicaRegions": [{"Region": RECOVERY}]},
    }
    assert amounts(assembly(tmp_path / "a", {"One": secret})) == {
        (HOME, "secret"): 1,
        (RECOVERY, "secret"): 1,
    }


def test_an_alarm_counts_its_metrics(tmp_path: Path) -> None:
    metrics = [
        {"Id": "e", "Expression": "a / b"},
        {"Id": "a", "MetricStat": {}},
        {"Id": "b", "MetricStat": {}},
    ]
    resources = {
        "Math": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": metrics}},
        "Plain": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "x"}},
    }
    assert amounts(assembly(tmp_path / "a", resources)) == {(HOME, "alarm-metric"): 3}


@pytest.mark.parametrize(
    ("region", "strategy", "applier", "query_api"),
    [
        (HOME, Strategy.WARM_STANDBY, 2, 1),
        (HOME, Strategy.PILOT_LIGHT, 2, 1),
        (RECOVERY, Strategy.WARM_STANDBY, 1, 0),
        (RECOVERY, Strategy.PILOT_LIGHT, 0, 0),
    ],
)
def test_tasks_are_as_many_as_plan_and_strategy_keep(
    tmp_path: Path, region: str, strategy: Strategy, applier: int, query_api: int
) -> None:
    """A count that the template does not say; the warm standby's query API is counted by its template."""
    task = {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "1024", "Memory": "2048"}}
    resources = {"Task": task}
    for name in ("event-applier", "query-api"):
        resources[name] = {
            "Type": "AWS::ECS::Service",
            "Properties": {"ServiceName": f"{name}-test", "TaskDefinition": {"Ref": "Task"}},
        }
    settings = Settings(environment_suffix="test", strategy=strategy, tier=RecoveryTier.STANDARD)
    found = amounts(assembly(tmp_path / "a", resources, region), settings)
    tasks = applier + query_api
    assert settings.capacity.applier_tasks == 2
    assert found.get((region, "fargate-cpu"), 0) == tasks * HOURS_PER_MONTH
    assert found.get((region, "fargate-memory"), 0) == tasks * 2 * HOURS_PER_MONTH


@pytest.mark.synth
def test_everything_that_stands_in_the_dev_profile_is_counted_or_named(
    dev: conftest.Assembly,
) -> None:
    found = amounts(dev.folder)
    plan = SETTINGS.capacity
    for region in (HOME, RECOVERY):
        assert found[region, "kinesis-shard"] == plan.shards * HOURS_PER_MONTH
        assert found[region, "msk-storage"] == plan.brokers * plan.broker_volume_gib
        assert found[region, "aurora-capacity-unit"] == plan.min_acus * HOURS_PER_MONTH
        assert found[region, "cache-node-cache.m6g.large"] == 2 * HOURS_PER_MONTH
    assert not_counted(read_assembly(dev.folder, ACCOUNT))


@pytest.mark.synth
@pytest.mark.slow
def test_every_type_of_the_prod_profile_was_looked_at(
    assembly_of: Callable[..., conftest.Assembly],
) -> None:
    """A new kind of resource is billed, billed by use, or free; somebody must have said which."""
    there = {one.type for one in read_assembly(assembly_of("prod").folder, ACCOUNT).resources}
    known = set(SIMPLE) | set(BY_USE) | COUNTED_APART
    left = {one for one in there - known if not one.startswith(PARTS_OF_WHAT_IS_BILLED)}
    assert left == set()


COUNTED_APART = {
    "AWS::ECS::Service",
    "AWS::ECS::TaskDefinition",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::SecretsManager::Secret",
}
PARTS_OF_WHAT_IS_BILLED = (
    "AWS::ApiGateway::",
    "AWS::ApplicationAutoScaling::",
    "AWS::Backup::BackupPlan",
    "AWS::Backup::BackupSelection",
    "AWS::Backup::RestoreTesting",
    "AWS::CodePipeline::",
    "AWS::Cognito::UserPool",
    "AWS::EC2::FlowLog",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::Route",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::ECR::ReplicationConfiguration",
    "AWS::ECS::Cluster",
    "AWS::EFS::",
    "AWS::ElastiCache::",
    "AWS::ElasticLoadBalancingV2::",
    "AWS::Events::Rule",
    "AWS::Glue::",
    "AWS::IAM::",
    "AWS::KMS::Alias",
    "AWS::Lambda::",
    "AWS::Logs::",
    "AWS::MSK::ClusterPolicy",
    "AWS::MSK::Configuration",
    "AWS::MSK::Topic",
    "AWS::RDS::DBClusterParameterGroup",
    "AWS::RDS::DBParameterGroup",
    "AWS::RDS::DBSubnetGroup",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SSM::Parameter",
    "AWS::Scheduler::",
    "AWS::SecretsManager::ResourcePolicy",
    "AWS::SecretsManager::RotationSchedule",
    "AWS::WAFv2::LoggingConfiguration",
    "AWS::WAFv2::WebACLAssociation",
    "Custom::",
)
"""Free, or billed with what they belong to."""


def test_units_say_whether_a_price_is_an_hours() -> None:
    assert items.NAT.hourly
    assert not items.KEY.hourly
