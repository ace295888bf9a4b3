"""Services that call for us: rules, alarms, rotations, the plan's state machine, replications of buckets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from lifeline.compliance.reach.callers import Caller
from lifeline.compliance.reach.world import ARN, World
from lifeline.lambdas.contracts.contract import AwsCall, Call, RegionRole

RULE, ALARM, ROTATION, PLAN = "rule", "alarms", "rotation of a secret", "failover plan"
COPY = "replication of objects"
FUNCTION_ARN = re.compile(ARN + r"lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+")


def service_callers(world: World) -> list[Caller]:
    """Every service that calls a topic or a function in the name of a resource of ours."""
    return [
        *_rules(world),
        *_alarms(world),
        *_rotations(world),
        *_plans(world),
        *_copies(world),
    ]


def _rules(world: World) -> Iterator[Caller]:
    for one in world.of_type("AWS::Events::Rule"):
        for target in one.properties.get("Targets", []):
            arn = str(target["Arn"])
            call = _call_of(arn)
            if call is not None and "RoleArn" not in target:
                source = world.arn(one.place)
                yield _service(RULE, one.token, one.region, "events", arn, call, source)


def _alarms(world: World) -> Iterator[Caller]:
    seen = set[tuple[str, str]]()
    for one in world.of_type("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
        for name in ("AlarmActions", "OKActions", "InsufficientDataActions"):
            for arn in map(str, one.properties.get(name, [])):
                call = _call_of(arn)
                if call is not None and (one.region, arn) not in seen:
                    seen.add((one.region, arn))
                    yield _service(ALARM, one.token, one.region, "cloudwatch", arn, call, "")


def _rotations(world: World) -> Iterator[Caller]:
    for one in world.of_type("AWS::SecretsManager::RotationSchedule"):
        arn = str(one.properties.get("RotationLambdaARN", ""))
        source = str(one.properties["SecretId"])
        call = AwsCall("lambda:InvokeFunction")
        if arn:
            yield _service(ROTATION, one.token, one.region, "secretsmanager", arn, call, source)


def _plans(world: World) -> Iterator[Caller]:
    for one in world.of_type("AWS::StepFunctions::StateMachine"):
        definition = one.properties.get("DefinitionString") or one.properties.get("Definition", "")
        text = definition if isinstance(definition, str) else json.dumps(definition)
        functions = sorted(set(FUNCTION_ARN.findall(text)))
        yield Caller(
            PLAN,
            one.token,
            one.region,
            str(one.properties["RoleArn"]),
            None,
            tuple({"FUNCTION_ARN": arn} for arn in functions),
            (AwsCall("lambda:InvokeFunction"),),
        )


COPY_CALLS: tuple[Call, ...] = (
    AwsCall("s3:GetReplicationConfiguration"),
    AwsCall("s3:ListBucket"),
    AwsCall("s3:GetObjectVersionForReplication"),
    AwsCall("s3:GetObjectVersionAcl"),
    AwsCall("s3:GetObjectVersionTagging"),
    AwsCall("s3:ReplicateObject", RegionRole.PEER),
    AwsCall("s3:ReplicateTags", RegionRole.PEER),
)
"""What S3 does with the role of a replication (S3's guide, "Setting up permissions for live replication")."""


def _copies(world: World) -> Iterator[Caller]:
    for one in world.of_type("Custom::BucketReplication"):
        variables = {name: str(one.properties[name]) for name in ("Bucket", "PeerBucket")}
        role = str(one.properties["Role"])
        yield Caller(COPY, one.token, one.region, role, None, (variables,), COPY_CALLS)


def _call_of(arn: str) -> AwsCall | None:
    service = arn.split(":")[2] if arn.startswith("arn:") else ""
    return {
        "sns": AwsCall("sns:Publish"),
        "lambda": AwsCall("lambda:InvokeFunction"),
    }.get(service)


def _service(
    reader: str, token: str, region: str, service: str, arn: str, call: Call, source: str
) -> Caller:
    variables = {"FUNCTION_ARN" if ":lambda:" in arn else "TOPIC_ARN": arn}
    principal = f"{service}.amazonaws.com"
    return Caller(reader, token, region, principal, None, (variables,), (call,), source)
