"""Where a judgement turns: at the limit itself, and for what the templates do not ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lifeline.preflight.assembly import Resource
from lifeline.preflight.probe import Answer, Answers, Place, Result, Verdict
from lifeline.preflight.probes import PROBES
from tests.unit.preflight.good_account import HOME, said

Preflight = Callable[..., list[Result]]


def judged(probe: str, place: Place, bodies: Mapping[str, Mapping[str, Any] | None]) -> int:
    """How many findings the probe makes of these answers, by operation."""
    (one,) = [one for one in PROBES if one.id == probe]
    answers = {name: [Answer({}, body)] for name, body in bodies.items()}
    return len(one.judge(place, Answers(answers)))


def made(everywhere: Place, *resources: tuple[str, str, Mapping[str, Any]]) -> Place:
    """The home region, where only these resources (id, type, properties) would be made."""
    return replace(
        everywhere,
        resources=tuple(Resource("s", name, HOME, kind, props) for name, kind, props in resources),
    )


@pytest.mark.parametrize(("addresses", "findings"), [(4, 0), (5, 1)])
def test_a_quota_that_is_used_to_the_last_is_enough(
    addresses: int, findings: int, everywhere: Place
) -> None:
    place = made(everywhere, ("Ip", "AWS::EC2::EIP", {}))
    bodies: dict[str, Mapping[str, Any]] = {
        "get_service_quota": {"Quota": {"Value": 5.0}},
        "describe_addresses": {"Addresses": [{}] * addresses},
    }
    assert judged("quota-elastic-ips", place, bodies) == findings


def test_what_adds_nothing_needs_no_room(everywhere: Place) -> None:
    """A quota that is passed already does not stop who wants nothing more of it."""
    place = made(everywhere)
    bodies: dict[str, Mapping[str, Any]] = {
        "get_service_quota": {"Quota": {"Value": 5.0}},
        "describe_addresses": {"Addresses": [{}] * 6},
    }
    assert judged("quota-elastic-ips", place, bodies) == 0


@pytest.mark.parametrize(("allowed", "findings"), [(3.25, 1), (3.5, 0)])
def test_tasks_count_as_many_times_as_they_may_run(
    allowed: float, findings: int, everywhere: Place
) -> None:
    """An applier of 0.5 vCPU up to 4 times, an API of 0.5 twice, one migration of 0.5: 3.5."""
    task, service = "AWS::ECS::TaskDefinition", "AWS::ECS::Service"
    place = made(
        everywhere,
        ("Applier", task, {"Cpu": "512"}),
        ("Api", task, {"Cpu": "512"}),
        ("Migrate", task, {"Cpu": "512"}),
        ("S1", service, {"ServiceName": "applier", "TaskDefinition": {"Ref": "Applier"}}),
        (
            "S2",
            service,
            {"ServiceName": "api", "DesiredCount": 2, "TaskDefinition": {"Ref": "Api"}},
        ),
        (
            "Scaling",
            "AWS::ApplicationAutoScaling::ScalableTarget",
            {"ResourceId": "service/services-test/applier", "MaxCapacity": 4},
        ),
    )
    assert judged("quota-fargate", place, {"get_service_quota": {"Quota": {"Value": allowed}}}) == (
        findings
    )


@pytest.mark.parametrize(("unreserved", "findings"), [(110, 0), (109, 1), (10, 1)])
def test_a_hundred_executions_stay_unreserved(
    unreserved: int, findings: int, everywhere: Place
) -> None:
    place = made(everywhere, ("F", "AWS::Lambda::Function", {"ReservedConcurrentExecutions": 10}))
    limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": unreserved}
    body = {"get_account_settings": {"AccountLimit": limits}}
    assert judged("lambda-concurrency", place, body) == findings


@pytest.mark.parametrize(("there", "findings"), [(6, 0), (7, 1)])
def test_shards_up_to_the_limit_are_enough(there: int, findings: int, everywhere: Place) -> None:
    place = made(everywhere, ("Stream", "AWS::Kinesis::Stream", {"ShardCount": 4}))
    body = {"describe_limits": {"ShardLimit": 10, "OpenShardCount": there}}
    assert judged("quota-shards", place, body) == findings


@pytest.mark.parametrize(("there", "findings"), [(4, 0), (5, 1)])
def test_the_fifth_trail_is_the_last(there: int, findings: int, everywhere: Place) -> None:
    place = made(everywhere, ("Trail", "AWS::CloudTrail::Trail", {}))
    body = {"describe_trails": {"trailList": [{"Name": f"t{n}"} for n in range(there)]}}
    assert judged("quota-trails", place, body) == findings


@pytest.mark.parametrize(
    ("stage", "findings"),
    [
        ({}, 0),
        ({"MethodSettings": [{"LoggingLevel": "OFF"}]}, 0),
        ({"MethodSettings": [{"LoggingLevel": "ERROR"}]}, 1),
        ({"AccessLogSetting": {"DestinationArn": "arn"}}, 1),
    ],
)
def test_only_a_stage_that_logs_needs_the_log_role(
    stage: Mapping[str, Any], findings: int, everywhere: Place
) -> None:
    place = made(everywhere, ("Stage", "AWS::ApiGateway::Stage", stage))
    assert judged("api-log-role", place, {"get_account": {}}) == findings


def test_an_environment_may_own_the_registrys_replication_already(
    preflight: Preflight, everywhere: Place
) -> None:
    rules = [{"destinations": [{"region": HOME, "registryId": "111122223333"}]}]
    standing = [
        {
            "LogicalResourceId": one.logical_id,
            "ResourceType": one.type,
            "ResourceStatus": "UPDATE_COMPLETE",
            "LastUpdatedTimestamp": 0,
        }
        for one in everywhere.wanted("AWS::ECR::ReplicationConfiguration")
    ]
    changes = {
        ("ecr", "describe_registry"): said({"replicationConfiguration": {"rules": rules}}),
        ("cloudformation", "list_stack_resources"): said({"StackResourceSummaries": standing}),
    }
    assert {one.verdict for one in preflight(changes, ids=("registry-replication",))} == {
        Verdict.OK
    }


def test_the_tags_of_an_environment_that_stands_are_no_leftovers(everywhere: Place) -> None:
    tagged = {"ResourceTagMappingList": [{"ResourceARN": "arn:aws:ec2:ca-central-1:1:vpc/vpc-1"}]}
    stands: dict[str, Mapping[str, Any] | None] = {
        "list_stack_resources": {"StackResourceSummaries": []},
        "get_resources": tagged,
    }
    assert judged("leftovers", everywhere, stands) == 0
    assert judged("leftovers", everywhere, {**stands, "list_stack_resources": None}) == 1


@pytest.mark.parametrize(("there", "findings"), [(4, 0), (5, 1)])
def test_a_zone_takes_nat_gateways_up_to_its_quota(
    there: int, findings: int, everywhere: Place
) -> None:
    place = made(everywhere, ("Nat", "AWS::EC2::NatGateway", {}))
    bodies: dict[str, Mapping[str, Any]] = {
        "get_service_quota": {"Quota": {"Value": 5.0}},
        "describe_subnets": {"Subnets": [{"SubnetId": "s", "AvailabilityZone": "z"}]},
        "describe_nat_gateways": {
            "NatGateways": [
                *({"SubnetId": "s", "State": "available"} for _ in range(there)),
                {"SubnetId": "s", "State": "deleted"},
            ]
        },
    }
    assert judged("quota-nat-gateways", place, bodies) == findings


def test_only_the_authority_that_new_clusters_get_is_judged(everywhere: Place) -> None:
    """Older ones, which a region still lists, may have ended."""
    old = {
        "CertificateIdentifier": "rds-ca-2019",
        "Thumbprint": "00",
        "ValidTill": datetime(2024, 8, 22, tzinfo=UTC),
    }
    body: dict[str, Any] = {
        "DefaultCertificateForNewLaunches": "rds-ca-rsa2048-g1",
        "Certificates": [old],
    }
    assert judged("certificates", everywhere, {"describe_certificates": body}) == 0
    body["DefaultCertificateForNewLaunches"] = "rds-ca-2019"
    assert judged("certificates", everywhere, {"describe_certificates": body}) == 2


def standing(
    everywhere: Place, kind: str, before: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[Place, dict[str, list[Answer]]]:
    """A place with one resource in one stack, and the template that was deployed."""
    place = made(everywhere, ("One", kind, now))
    body = {"TemplateBody": {"Resources": {"One": {"Type": kind, "Properties": before}}}}
    return place, {"get_template": [Answer({"StackName": "s"}, body)]}


@pytest.mark.parametrize(("there", "now", "findings"), [(4, 4, 0), (4, 5, 1), (4, 3, 1)])
def test_partitions_stay_as_they_were_deployed(
    there: int, now: int, findings: int, everywhere: Place
) -> None:
    (probe,) = [one for one in PROBES if one.id == "partitions-change"]
    name = "clinical.observation.recorded"
    place, answers = standing(
        everywhere,
        "AWS::MSK::Topic",
        {"TopicName": name, "PartitionCount": there},
        {"TopicName": name, "PartitionCount": now},
    )
    assert len(probe.judge(place, Answers(answers))) == findings


@pytest.mark.parametrize(("there", "findings"), [(5, 1), (6, 0), (12, 0), (24, 0), (25, 1)])
def test_shards_may_double_and_halve(there: int, findings: int, everywhere: Place) -> None:
    (probe,) = [one for one in PROBES if one.id == "shards-change"]
    place = made(everywhere, ("Stream", "AWS::Kinesis::Stream", {"Name": "s", "ShardCount": 12}))
    body = {"StreamDescriptionSummary": {"OpenShardCount": there}}
    answers = Answers({"describe_stream_summary": [Answer({"StreamName": "s"}, body)]})
    assert len(probe.judge(place, answers)) == findings


@pytest.mark.parametrize(
    ("deployed", "grown", "now", "findings"),
    [(200, 200, 200, 0), (200, 400, 200, 0), (200, 400, 300, 1), (200, 400, 400, 0)],
)
def test_a_volume_that_grew_by_itself_is_not_shrunk(
    deployed: int, grown: int, now: int, findings: int, everywhere: Place
) -> None:
    """CloudFormation changes what the template changed: the same number leaves a grown volume alone."""
    (probe,) = [one for one in PROBES if one.id == "broker-volume-change"]

    def cluster(gib: int) -> dict[str, Any]:
        storage = {"EBSStorageInfo": {"VolumeSize": gib}}
        return {"ClusterName": "log", "BrokerNodeGroupInfo": {"StorageInfo": storage}}

    place, answers = standing(everywhere, "AWS::MSK::Cluster", cluster(deployed), cluster(now))
    told = {"BrokerNodeGroupInfo": {"StorageInfo": {"EbsStorageInfo": {"VolumeSize": grown}}}}
    listed = {"ClusterInfoList": [{"ClusterName": "log", "Provisioned": told}]}
    answers["list_clusters_v2"] = [Answer({}, listed)]
    assert len(probe.judge(place, Answers(answers))) == findings
