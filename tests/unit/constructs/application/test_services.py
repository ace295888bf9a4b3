"""The services: how they run, what they may, and who decides how many there are."""

from __future__ import annotations

from typing import Any

import pytest

from lifeline.application.services import Services
from lifeline.capacity import OBSERVATIONS
from lifeline.data.session_cache import SessionCache
from lifeline.foundation.bucket import BucketEmptying
from lifeline.streaming.topic_archive import TopicArchive
from tests.unit.constructs.application.application_parts import dependencies_of, services_of
from tests.unit.constructs.conftest import MakeStack, StackUnderTest


def made_in(made: StackUnderTest) -> Services:
    return services_of(made, dependencies_of(made))


def containers(made: StackUnderTest) -> dict[str, dict[str, Any]]:
    """By command."""
    found = {}
    for task in made.resources("AWS::ECS::TaskDefinition"):
        (one,) = task["Properties"]["ContainerDefinitions"]
        found[" ".join(one["Command"]).removeprefix("lifeline.services.")] = one
    return found


def services_by_name(made: StackUnderTest) -> dict[str, dict[str, Any]]:
    found = made.resources("AWS::ECS::Service")
    return {one["Properties"]["ServiceName"]: one["Properties"] for one in found}


def test_every_container_is_without_root_and_cannot_write(make_stack: MakeStack) -> None:
    made = make_stack()
    made_in(made)
    for command, one in containers(made).items():
        assert one["User"] == "10001", command
        assert one["ReadonlyRootFilesystem"] is True, command
        assert "Privileged" not in one, command


def test_services_are_asked_whether_they_live(make_stack: MakeStack) -> None:
    made = make_stack()
    made_in(made)
    found = containers(made)
    for command in ("event_applier apply", "query_api"):
        check = found[command]["HealthCheck"]
        module = f"lifeline.services.{command.split()[0]}"
        assert check["Command"] == ["CMD", "python", "-m", module, "healthy"]
        assert check["StartPeriod"] >= 30
    assert "HealthCheck" not in found["event_applier migrate"]
    environment = {one["Name"]: one["Value"] for one in found["event_applier apply"]["Environment"]}
    (mount,) = found["event_applier apply"]["MountPoints"]
    assert environment["ALIVE_FILE"].startswith(mount["ContainerPath"] + "/")
    assert mount["ReadOnly"] is False
    assert "ALIVE_FILE" not in {one["Name"] for one in found["query_api"]["Environment"]}


def test_a_bad_image_is_taken_back(make_stack: MakeStack) -> None:
    made = make_stack()
    made_in(made)
    for name, said in services_by_name(made).items():
        deployment = said["DeploymentConfiguration"]
        assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}, name
        assert deployment["MinimumHealthyPercent"] == 100, name
        assert said["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"


def test_the_image_is_the_regions_own(make_stack: MakeStack) -> None:
    made = make_stack("ca-west-1")
    made_in(made)
    for one in containers(made).values():
        assert one["Image"] == "123456789012.dkr.ecr.ca-west-1.amazonaws.com/processor-test:0.1.0"


def test_both_regions_keep_the_processors_count_out_of_the_template(make_stack: MakeStack) -> None:
    for region in ("ca-central-1", "ca-west-1"):
        made = make_stack(region)
        made_in(made)
        assert "DesiredCount" not in services_by_name(made)["event-applier-test"]


def test_nothing_scales_in(make_stack: MakeStack) -> None:
    """A region that was just promoted must not lose what the recovery plan raised."""
    made = make_stack("ca-west-1", profile="prod")
    services = made_in(made)
    plan = made.site.settings.capacity
    template = made.template()
    (target,) = (
        one
        for one in template.find_resources("AWS::ApplicationAutoScaling::ScalableTarget").values()
        if one["Properties"]["ServiceNamespace"] == "ecs"
    )
    assert target["Properties"]["ResourceId"] == "service/services-test/event-applier-test"
    assert target["Properties"]["MinCapacity"] == 1
    assert plan.applier_tasks <= target["Properties"]["MaxCapacity"]
    assert target["Properties"]["MaxCapacity"] == services.scaling.most_tasks
    assert services.scaling.most_tasks <= max(plan.applier_tasks, plan.partitions[OBSERVATIONS])
    for one in template.find_resources("AWS::ApplicationAutoScaling::ScalingPolicy").values():
        said = one["Properties"]
        if not said["PolicyName"].startswith("event-applier-"):
            continue
        if said["PolicyType"] == "TargetTrackingScaling":
            assert said["TargetTrackingScalingPolicyConfiguration"]["DisableScaleIn"] is True
            continue
        steps = said["StepScalingPolicyConfiguration"]["StepAdjustments"]
        assert all(step["ScalingAdjustment"] > 0 for step in steps)
        assert all(step["MetricIntervalLowerBound"] >= 0 for step in steps)


def test_lag_starts_the_policy_and_silence_does_not(make_stack: MakeStack) -> None:
    made = make_stack()
    made_in(made)
    template = made.template()
    policies = template.find_resources("AWS::ApplicationAutoScaling::ScalingPolicy")
    (lag,) = (
        name for name, one in policies.items() if one["Properties"]["PolicyType"] == "StepScaling"
    )
    (alarm,) = (
        one["Properties"]
        for one in template.find_resources("AWS::CloudWatch::Alarm").values()
        if one["Properties"].get("MetricName") == "ConsumerLag"
    )
    assert alarm["AlarmActions"] == [{"Ref": lag}]
    assert alarm["Threshold"] == 1_000
    assert alarm["TreatMissingData"] == "missing"


def test_a_task_reaches_its_stores_and_mounts_nothing_of_the_network(make_stack: MakeStack) -> None:
    """H12: no task reads or writes a file, so none waits for a file system to be mounted."""
    made = make_stack()
    made_in(made)
    template = made.template()
    tasks = template.find_resources("AWS::ECS::TaskDefinition").values()
    volumes = [volume for one in tasks for volume in one["Properties"].get("Volumes", [])]
    assert volumes == [{"Name": "scratch"}]
    assert "elasticfilesystem" not in str(template.find_resources("AWS::IAM::ManagedPolicy"))
    groups = {
        one["Properties"]["ServiceName"]: len(
            one["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"]
        )
        for one in template.find_resources("AWS::ECS::Service").values()
    }
    assert groups == {"event-applier-test": 1, "query-api-test": 1}
    ports = {
        (kind, one["Properties"]["FromPort"])
        for one in template.find_resources("AWS::EC2::SecurityGroupIngress").values()
        for kind in ("EventApplierGroup", "QueryApiGroup")
        if kind in str(one["Properties"]["SourceSecurityGroupId"])
    }
    assert ports == {
        (kind, port) for kind in ("EventApplierGroup", "QueryApiGroup") for port in (5432, 9098)
    }


def test_metrics_name_the_service(make_stack: MakeStack) -> None:
    services = made_in(make_stack())
    cpu = services.metric_cpu("event-applier")
    assert cpu.dimensions == {"ClusterName": "services-test", "ServiceName": "event-applier-test"}
    assert services.metric_running_tasks("query-api").metric_name == "RunningTaskCount"
    assert services.metric_consumer_lag().dimensions == {"Suffix": "test"}
    with pytest.raises(
        ValueError, match="no service 'web'; the services are event-applier, query-api"
    ):
        services.metric_cpu("web")


def test_no_finding_is_left(make_stack: MakeStack) -> None:
    made = make_stack(nag=True)
    made_in(made)
    made.template()


def environment_of(made: StackUnderTest, command: str) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in containers(made)[command]["Environment"]}


def statements(made: StackUnderTest, sid: str) -> list[dict[str, Any]]:
    return [
        one
        for policy in made.resources("AWS::IAM::ManagedPolicy")
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
        if one.get("Sid") == sid
    ]


def test_the_query_api_alone_is_told_of_the_cache_and_its_secret(make_stack: MakeStack) -> None:
    made = make_stack()
    parts = dependencies_of(made)
    cache = SessionCache(made.stack, "Cache", site=made.site, vpc=parts.network.vpc, keys=made.keys)
    services_of(made, parts, cache)
    told = environment_of(made, "query_api")
    assert (told["CACHE_GROUP"], told["CACHE_USER"]) == ("cache-test", "cache-workload-test")
    assert told["CACHE_HOSTS_PARAMETER"] == "/lifeline/test/cache-hosts"
    assert told["CACHE_SECRET_NAME"] == "cache-entries-test"
    assert "Secrets" not in containers(made)["query_api"], "a task starts without it (D10)"
    assert "CACHE_GROUP" not in environment_of(made, "event_applier apply")
    for sid, action in {
        "SignInToTheCache": "elasticache:Connect",
        "FindTheCachesHosts": "ssm:GetParameter",
        "ReadTheCachesSecret": "secretsmanager:GetSecretValue",
        "DecryptTheCachesSecret": "kms:Decrypt",
    }.items():
        (statement,) = statements(made, sid)
        assert statement["Action"] == action
        assert statement["Resource"] != "*"
    ports = [
        one["Properties"]["FromPort"] for one in made.resources("AWS::EC2::SecurityGroupIngress")
    ]
    assert ports.count(6379) == 1, "the query API's group is let in, and nobody else"


def test_without_a_cache_nothing_of_one_is_there(make_stack: MakeStack) -> None:
    made = make_stack()
    made_in(made)
    assert environment_of(made, "query_api")["CACHE_GROUP"] == ""
    assert "Secrets" not in containers(made)["query_api"]
    assert statements(made, "SignInToTheCache") == []
    assert statements(made, "ReadTheCachesSecret") == []


def test_only_the_archives_one_off_task_signs_in_as_who_writes_a_persons_word(
    make_stack: MakeStack,
) -> None:
    """B22: a gap that is accepted lets days leave the database."""
    made = make_stack()
    dependencies = dependencies_of(made)
    emptying = BucketEmptying(made.stack, "Emptying", site=made.site, keys=made.keys)
    archive = TopicArchive(made.stack, "Archive", site=made.site, keys=made.keys, emptying=emptying)
    services_of(made, dependencies, archive=archive)
    users = {
        container["Name"]: one["Value"]
        for container in containers(made).values()
        for one in container.get("Environment", [])
        if one["Name"] == "DATABASE_USER"
    }
    assert users["archive-task"] == "lifeline_archive"
    assert {users["event-applier"], users["query-api"]} == {"lifeline"}
    signs_in = {
        name: str(statement["Resource"])
        for name, policy in made.template().find_resources("AWS::IAM::ManagedPolicy").items()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "rds-db:connect"
    }
    both = {name for name, resource in signs_in.items() if "_archive" in resource}
    assert len(both) == 1
    assert "ArchiveTask" in both.pop()
    assert len(signs_in) >= 3
