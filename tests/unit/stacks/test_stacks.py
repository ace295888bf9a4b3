"""What the templates must say of the data path and the regions; rules for every template are next door."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import Assembly

pytestmark = pytest.mark.synth
REGIONS = ("cac1", "caw1")


def test_seven_stacks_a_region_and_the_witness(dev: Assembly) -> None:
    assert len(dev.stacks()) == 15


@pytest.mark.parametrize("code", REGIONS)
def test_rule_b5_the_mapping_never_discards(dev: Assembly, code: str) -> None:
    (mapping,) = dev.resources(f"Streaming-{code}", "AWS::Lambda::EventSourceMapping")
    said = mapping["Properties"]
    assert said["ParallelizationFactor"] == 1
    assert said["MaximumRetryAttempts"] == -1
    assert said["MaximumRecordAgeInSeconds"] == -1
    assert said["StartingPosition"] == "TRIM_HORIZON"
    assert said["BisectBatchOnFunctionError"] is False
    assert said["BatchSize"] >= 500
    assert said["MaximumBatchingWindowInSeconds"] in (0, 1)
    for absent in ("FilterCriteria", "TumblingWindowInSeconds", "DestinationConfig"):
        assert absent not in said


@pytest.mark.parametrize("code", REGIONS)
def test_the_log_acknowledges_late_and_limits_alike(dev: Assembly, code: str) -> None:
    (configuration,) = dev.resources(f"Streaming-{code}", "AWS::MSK::Configuration")
    lines = configuration["Properties"]["ServerProperties"].splitlines()
    for line in (
        "min.insync.replicas=2",
        "auto.create.topics.enable=false",
        "message.max.bytes=2097152",
        "log.message.timestamp.type=CreateTime",
    ):
        assert line in lines
    topics = dev.resources(f"Streaming-{code}", "AWS::MSK::Topic")
    counts = {one["Properties"]["TopicName"]: one["Properties"]["PartitionCount"] for one in topics}
    assert counts == {
        "clinical.observation.recorded": 4,
        "clinical.patient.events": 1,
        "administrative.appointment.events": 1,
        "error.dlq": 1,
        "system.watermark": 1,
    }


def test_only_home_makes_the_global_cluster_and_its_admin(dev: Assembly) -> None:
    assert len(dev.resources("Data-cac1", "AWS::RDS::GlobalCluster")) == 1
    assert dev.resources("Data-caw1", "AWS::RDS::GlobalCluster") == []
    (member,) = dev.resources("Data-caw1", "AWS::RDS::DBCluster")
    for absent in ("MasterUsername", "MasterUserPassword", "DatabaseName"):
        assert absent not in member["Properties"]
    assert member["Properties"]["GlobalClusterIdentifier"] == "global-test"


def test_regions_wait_for_each_other_only_where_creation_must(dev: Assembly) -> None:
    """The global database's home comes first, its secret's replica needs the other region's key, and
    Replication looks the peer's stores up."""
    artifacts = json.loads((dev.folder / "manifest.json").read_text())["artifacts"]
    assert "Data-cac1" in artifacts["Data-caw1"]["dependencies"]
    across = {
        (name, other)
        for name, one in artifacts.items()
        for other in one.get("dependencies", [])
        if name.endswith(REGIONS) and other.endswith(REGIONS) and name[-4:] != other[-4:]
        if not name.startswith("Replication")
    }
    assert across == {("Data-caw1", "Data-cac1"), ("Data-cac1", "Foundation-caw1")}
    for own, peer in (("cac1", "caw1"), ("caw1", "cac1")):
        waited = set(artifacts[f"Replication-{own}"]["dependencies"])
        assert {f"{kind}-{peer}" for kind in ("Data", "Streaming", "Failover")} <= waited
    assert "Replication-cac1" in artifacts["Replication-caw1"]["dependencies"]


def test_every_custom_resource_has_a_deadline(dev: Assembly) -> None:
    for stack in dev.stacks():
        for name, one in dev.template(stack)["Resources"].items():
            if one["Type"].startswith("Custom::"):
                assert int(one["Properties"]["ServiceTimeout"]) <= 600, (stack, name)


def test_the_processors_count_is_not_in_the_template(dev: Assembly) -> None:
    services = dev.resources("Application-cac1", "AWS::ECS::Service")
    (applier,) = [s for s in services if s["Properties"]["ServiceName"] == "event-applier-test"]
    assert "DesiredCount" not in applier["Properties"]


@pytest.mark.parametrize("stack", ["Failover-cac1", "Failover-caw1", "Witness-use2"])
def test_rule_a7_the_loops_overlap_and_are_not_repeated(dev: Assembly, stack: str) -> None:
    rules = dev.resources(stack, "AWS::Events::Rule")
    loops = [rule for rule in rules if rule["Properties"]["Name"] != "failover-step-test"]
    assert loops
    for rule in loops:
        assert rule["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    for rule in rules:
        (target,) = rule["Properties"]["Targets"]
        assert target["RetryPolicy"] == {
            "MaximumEventAgeInSeconds": 60,
            "MaximumRetryAttempts": 0,
        }
    for config in dev.resources(stack, "AWS::Lambda::EventInvokeConfig"):
        assert config["Properties"]["MaximumRetryAttempts"] == 0
        assert config["Properties"]["MaximumEventAgeInSeconds"] == 60


def test_both_regions_are_alike_but_for_home_facts(dev: Assembly) -> None:
    for kind in ("Foundation", "Streaming", "Failover"):
        here, there = (_types(dev, f"{kind}-{code}") for code in REGIONS)
        assert here == there


def test_every_function_has_the_newest_runtime_on_arm(dev: Assembly) -> None:
    for stack in dev.stacks():
        for one in dev.resources(stack, "AWS::Lambda::Function"):
            assert one["Properties"]["Runtime"] == "python3.14"
            assert one["Properties"]["Architectures"] == ["arm64"]
            layers = one["Properties"].get("Layers")
            bridge = one["Properties"]["FunctionName"] == "stream-bridge-test"
            assert bool(layers) == bridge


def test_health_is_open_and_everything_else_wants_a_token(dev: Assembly) -> None:
    methods = dev.resources("Application-cac1", "AWS::ApiGateway::Method")
    kinds = sorted(one["Properties"]["AuthorizationType"] for one in methods)
    assert kinds == ["COGNITO_USER_POOLS"] * 4 + ["NONE"]


def _types(assembly: Assembly, stack: str) -> list[tuple[str, str]]:
    resources = assembly.template(stack)["Resources"].items()
    return sorted((_without_region(name), one["Type"]) for name, one in resources)


def _without_region(logical_id: str) -> str:
    """A logical id without the hashes and codes that differ between regions."""
    head = re.sub(r"[0-9A-F]{8}$", "", logical_id)
    return re.sub(r"[0-9A-F]{8}(?=9098|5432|8080|8443|$)|cac1|caw1", "", head)


@pytest.mark.parametrize(
    ("kind", "port", "clients"),
    [
        ("Data", 5432, "DatabaseClients"),
        ("Data", 2049, "FileClients"),
        ("Streaming", 9098, "LogClients"),
    ],
)
@pytest.mark.parametrize("code", REGIONS)
def test_a_store_lets_in_its_clients_and_nobody_else(
    dev: Assembly, kind: str, port: int, clients: str, code: str
) -> None:
    (rule,) = ingress(dev, f"{kind}-{code}", port)
    assert clients in json.dumps(rule["SourceSecurityGroupId"])
    assert "CidrIp" not in rule


@pytest.mark.parametrize("stack", ["Data-cac1", "Replication-caw1"])
def test_the_cache_lets_in_its_clients_and_nobody_else(dev: Assembly, stack: str) -> None:
    (rule,) = ingress(dev, stack, 6379)
    assert "CacheClients" in json.dumps(rule["SourceSecurityGroupId"])
    assert "CidrIp" not in rule


@pytest.mark.parametrize("code", REGIONS)
def test_a_service_joins_the_clients_of_the_stores_it_uses(dev: Assembly, code: str) -> None:
    joined = {
        one["Properties"]["ServiceName"]: sorted(
            re.findall(
                r"Network(\w+?Clients)",
                json.dumps(one["Properties"]["NetworkConfiguration"]),
            )
        )
        for one in dev.resources(f"Application-{code}", "AWS::ECS::Service")
    }
    assert joined == {
        # The network of its one-off tasks, which restore into the database.
        "archiver-test": ["DatabaseClients", "LogClients"],
        "event-applier-test": ["DatabaseClients", "LogClients"],
        "query-api-test": ["CacheClients", "DatabaseClients", "LogClients"],
    }


def ingress(assembly: Assembly, stack: str, port: int) -> list[dict[str, object]]:
    """The rules of a stack that let somebody in at `port`."""
    found = assembly.resources(stack, "AWS::EC2::SecurityGroupIngress")
    return [dict(one["Properties"]) for one in found if one["Properties"]["FromPort"] == port]
