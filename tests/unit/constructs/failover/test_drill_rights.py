"""Every call of activating, drilling and healing, as the commands make it, against the roles' policies."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import boto3
import pytest

from drill import platform_records
from drill.scenarios import Break
from drill.targets.aws import Account, AwsTarget
from drill.targets.breaker import heal_regions
from lifeline.cli.activation import Activation
from lifeline.cli.output import Output
from lifeline.cli.places import Places
from lifeline.failover.dr_pipeline import DrPipeline
from lifeline.foundation.bucket import BucketEmptying
from tests.support.clocks import ManualClock
from tests.support.http_server import Answer, HttpServer, Request, http_server
from tests.unit.constructs.conftest import ACCOUNT, MakeStack

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
SUFFIX = "dr0123abcd"
AT = datetime(2026, 11, 22, tzinfo=UTC)
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
CODES = {HOME: "cac1", RECOVERY: "caw1"}
LONGEST_POLICY = 6_144
"""Characters of a managed policy (IAM User Guide, IAM and AWS STS quotas)."""
LISTING = {
    "ecs:ListTasks", "states:ListStateMachines", "s3:ListAllMyBuckets", "cloudformation:ListStacks"
}  # fmt: skip
"""What may be asked without a resource."""


class Environment:
    """Answers as an environment that becomes active; notes each call as (action, resource)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: set[tuple[str, str]] = set()
        self.lease: dict[str, Any] | None = None
        self.alarms_on: set[str] = set()
        self.marks = 0

    def call(self, client: Any, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        service = client.meta.service_model.signing_name
        region = client.meta.region_name
        answer: dict[str, Any] = getattr(self, f"_{service.replace('-', '_')}")(
            region, operation, given
        )
        return answer

    def note(self, action: str, resource: str) -> None:
        self.asked.add((action, resource))

    def arn(self, service: str, region: str, resource: str) -> str:
        return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"

    def _dynamodb(self, region: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        self.note(
            f"dynamodb:{operation}", self.arn("dynamodb", region, f"table/{given['TableName']}")
        )
        if operation == "PutItem":
            self.lease = given["Item"]
        if operation != "GetItem":
            return {"Items": []}
        if given["Key"]["id"]["S"] != "lease":
            return {"Item": {"id": given["Key"]["id"], "api_url": {"S": self.url}}}
        if self.lease is None:
            return {}
        self.lease["renewals"] = {"N": "3"}
        return {"Item": self.lease}

    def _ecs(self, region: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        task = self.arn("ecs", region, f"task/services-{SUFFIX}/1")
        if operation == "ListTasks":
            self.note("ecs:ListTasks", "*")
            return {"taskArns": []}
        if operation == "DescribeServices":
            name = f"service/{given['cluster']}/{given['services'][0]}"
            self.note("ecs:DescribeServices", self.arn("ecs", region, name))
            return {"services": [{"networkConfiguration": NETWORK}]}
        if operation == "RunTask":
            family = f"task-definition/{given['taskDefinition']}:1"
            self.note("ecs:RunTask", self.arn("ecs", region, family))
            for role in ("services-start", "event-applier"):
                arn = f"arn:aws:iam::{ACCOUNT}:role/{role}-{CODES[region]}-{SUFFIX}"
                self.note("iam:PassRole", arn)
            return {"tasks": [{"taskArn": task}]}
        self.note(f"ecs:{operation}", given["tasks"][0])
        return {"tasks": [{"lastStatus": "STOPPED", "containers": [{"exitCode": 0}]}]}

    def _lambda(self, region: str, _operation: str, given: dict[str, Any]) -> dict[str, Any]:
        name = f"function:{given['FunctionName']}"
        self.note("lambda:InvokeFunction", self.arn("lambda", region, name))
        self.marks += 1
        if json.loads(given["Payload"])["step"] == "report":
            detail: dict[str, Any] = {"epoch": 0, "holder": "", "in_recovery": region != HOME}
        else:
            detail = {"shard": self.marks}
        return {"Payload": io.BytesIO(json.dumps({"detail": json.dumps(detail)}).encode())}

    def _states(self, region: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        plan = self.arn("states", region, f"stateMachine:failover-plan-{SUFFIX}")
        if operation == "ListStateMachines":
            self.note("states:ListStateMachines", "*")
            machine = {"name": f"failover-plan-{SUFFIX}", "stateMachineArn": plan}
            return {"stateMachines": [machine]}
        arn = given.get("stateMachineArn") or given["executionArn"]
        self.note(f"states:{operation}", arn)
        execution = arn.replace(":stateMachine:", ":execution:")
        if operation == "ListExecutions" and "drill" not in arn:
            return {
                "executions": [
                    {"name": "recover-e2-r1", "executionArn": f"{execution}:recover-e2-r1"}
                ]
            }
        if operation == "ListExecutions":
            return {"executions": []}
        if operation == "StartExecution":
            return {"executionArn": f"{execution}:{given['name']}"}
        entered = {"stateEnteredEventDetails": {"name": "InForce"}, "timestamp": AT}
        status = "RUNNING" if "drill" in arn and not self._healed else "SUCCEEDED"
        return {"status": status, "events": [entered]}

    _healed = False

    def _cloudformation(self, region: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        name = given.get("StackName")
        where = "*" if name is None else self.arn("cloudformation", region, f"stack/{name}/0a1b")
        self.note(f"cloudformation:{operation}", where)
        if operation == "GetTemplate":
            return {"TemplateBody": "{}"}
        if operation == "ListStackResources":
            alarm = {
                "ResourceType": "AWS::CloudWatch::Alarm",
                "PhysicalResourceId": f"late-{SUFFIX}",
            }
            return {"StackResourceSummaries": [alarm]}
        if operation == "ListStacks":
            stack = {"StackName": f"data-x-{SUFFIX}", "StackStatus": "UPDATE_COMPLETE"}
            return {"StackSummaries": [stack]}
        if operation == "UpdateStack":
            self.alarms_on.add(region)
            return {}
        if name is not None and name.startswith("drill-"):
            return {"Stacks": [self._drill_stack(region, name)]}
        said = "true" if region in self.alarms_on else "false"
        found = {
            "StackName": name,
            "StackStatus": "UPDATE_COMPLETE",
            "Parameters": [{"ParameterKey": "AlarmActions", "ParameterValue": said}],
        }
        return {"Stacks": [found]}

    def _drill_stack(self, region: str, name: str) -> dict[str, Any]:
        outputs = {
            "ApiUrl": self.url,
            "TokenUrl": self.url,
            "UserPoolId": f"{region}_pool",
            "EdgeClientId": "edges",
            "BreakerArn": self.arn("states", region, f"stateMachine:drill-{SUFFIX}"),
            "Profile": "dev",
            "Witness": WITNESS,
        }
        return {
            "StackName": name,
            "StackStatus": "CREATE_COMPLETE",
            "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs.items()],
            "Tags": [{"Key": "Drills", "Value": "freely"}, {"Key": "Environment", "Value": SUFFIX}],
        }

    def _monitoring(self, region: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        name = given.get("AlarmName", "*")
        self.note(f"cloudwatch:{operation}", self.arn("cloudwatch", region, f"alarm:{name}"))
        alarm = {"AlarmName": f"late-{SUFFIX}", "StateValue": "OK"}
        return {"MetricAlarms": [alarm], "AlarmHistoryItems": []}

    def _cognito_idp(self, region: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        pool = f"userpool/{given['UserPoolId']}"
        self.note(f"cognito-idp:{operation}", self.arn("cognito-idp", region, pool))
        return {"UserPoolClient": {"ClientSecret": "made-up"}}

    def _s3(self, region: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        bucket = f"evidence-{CODES[region]}-{ACCOUNT}-{SUFFIX}"
        if operation == "ListBuckets":
            self.note("s3:ListAllMyBuckets", "*")
            return {"Buckets": [{"Name": bucket}]}
        if operation == "ListObjectsV2":
            self.note("s3:ListBucket", f"arn:aws:s3:::{given['Bucket']}")
            return {"Contents": [{"Key": "recover-e2-r1.json"}]}
        self.note("s3:GetObject", f"arn:aws:s3:::{given['Bucket']}/{given['Key']}")
        return {"Body": io.BytesIO(b'{"completed": true, "timeline": []}')}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")

    def health(_request: Request) -> Answer:
        epoch = int(made.lease["epoch"]["N"]) if made.lease else 0
        return 200, {"serving": True, "ingest": True, "epoch": epoch}

    server: HttpServer
    with http_server(health) as server:
        made = Environment(server.url)
        monkeypatch.setattr(
            "botocore.client.BaseClient._make_api_call",
            lambda client, operation, given: made.call(client, operation, given),
        )
        yield made


def client(service: str, region: str) -> Any:
    make: Any = boto3.client
    return make(service, region_name=region)


def statements(make_stack: MakeStack, step: str) -> list[tuple[str, str]]:
    """(action, resource pattern) of everything that the step's role may do."""
    one = make_stack(profile="prod")
    emptying = BucketEmptying(one.stack, "Emptying", site=one.site, keys=one.keys)
    DrPipeline(one.stack, "Drills", site=one.site, keys=one.keys, emptying=emptying)
    resources = one.template().to_json()["Resources"]
    documents = [
        each["Properties"]["PolicyDocument"]
        for name, each in resources.items()
        if each["Type"] == "AWS::IAM::ManagedPolicy" and f"Drills{step}" in name
    ]
    assert all(len(json.dumps(one, separators=(",", ":"))) <= LONGEST_POLICY for one in documents)
    return [
        (action, resource)
        for document in documents
        for statement in document["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if isinstance(resource, str)
    ]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def refused(asked: set[tuple[str, str]], allowed: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(
        (action, arn)
        for action, arn in asked
        if not any(action == one and fnmatchcase(arn, pattern) for one, pattern in allowed)
    )


def activate_and_drill(environment: Environment) -> None:
    places = Places(SUFFIX, HOME, RECOVERY, WITNESS)
    Activation(places, ManualClock(), Output(as_json=True), wait_seconds=60).run()
    account = Account(client=client)
    target = AwsTarget(
        suffix=SUFFIX, regions=(HOME, RECOVERY), account=account, ask=lambda _q: "",
        say=lambda _line: None,
    )  # fmt: skip
    with target:
        target.deploy()
        target.bring_about(Break.LOSE_HOME)
        platform_records.lease(target)
        platform_records.decisions(target, [HOME, RECOVERY])
        platform_records.running_steps(target, RECOVERY, 2)
        platform_records.timeline(target, RECOVERY, 2)
        target.alarms(0.0, 1.0)
        environment._healed = True


def test_the_exercise_may_make_every_call_that_it_makes(
    make_stack: MakeStack, environment: Environment
) -> None:
    activate_and_drill(environment)
    assert len(environment.asked) > 40
    asked = {action for action, _arn in environment.asked}
    assert {"iam:PassRole", "states:StartExecution", "cognito-idp:DescribeUserPoolClient"} <= asked
    assert refused(environment.asked, statements(make_stack, "Exercise")) == []


def test_it_may_do_nothing_of_it_to_production(
    make_stack: MakeStack, environment: Environment
) -> None:
    """What is bound by a tag or an alias instead of a name has a condition; what only lists is listed."""
    activate_and_drill(environment)
    others = {
        (action, arn.replace(SUFFIX, "prod"))
        for action, arn in environment.asked
        if SUFFIX in arn and action not in LISTING
    }
    assert refused(others, statements(make_stack, "Exercise")) == sorted(others)
    nameless = {action for action, arn in environment.asked if SUFFIX not in arn}
    bound = {"cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory"}
    assert nameless == LISTING | bound | {"cognito-idp:DescribeUserPoolClient"}


@pytest.mark.parametrize("step", ["Destroy", "Sweep"])
def test_who_destroys_may_heal_first(
    make_stack: MakeStack, environment: Environment, step: str
) -> None:
    environment._healed = True
    heal_regions(SUFFIX, (HOME, RECOVERY), client, lambda _line: None)
    assert len(environment.asked) >= 8
    assert refused(environment.asked, statements(make_stack, step)) == []
