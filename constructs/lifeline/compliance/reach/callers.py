"""Who calls: each function, each task and each start of a task, with its role, place and variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lifeline.compliance.reach.groups import group_of
from lifeline.compliance.reach.network import Placement
from lifeline.compliance.reach.world import Found, World
from lifeline.lambdas.contracts.contract import AwsCall, Call, Contract, HostCall
from lifeline.lambdas.contracts.registry import CUSTOM_RESOURCES, FUNCTIONS, SERVICES

HANDLER = "lifeline.lambdas.{}.handler.handler"
MAPPING, START, DOOR, RUNTIME = "stream mapping", "start of a task", "API", "runtime of a function"
QUERY_API = HostCall("query-api", 8080)
ACTIONS_OF_A_MAPPING = ("DescribeStream", "GetRecords", "GetShardIterator", "ListShards")
"""What Lambda calls with the function's role to poll a stream (Lambda's guide, "Using Lambda with Kinesis":
AWSLambdaKinesisExecutionRole)."""
ACTIONS_OF_A_PULL = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
"""What ECS calls with the execution role to pull an image (ECS's guide, "task execution IAM role")."""
ACTIONS_OF_A_LOG = ("CreateLogStream", "PutLogEvents")
ACTIONS_OF_AN_INTERFACE = (
    "CreateNetworkInterface",
    "DeleteNetworkInterface",
    "DescribeNetworkInterfaces",
    "DescribeSubnets",
)
"""What Lambda calls with the role of a function in a network (Lambda's guide, "VPC permissions")."""
LAYERS = HostCall("the image's layers, in a bucket of the registry's", 443)
"""ECR keeps layers in S3 and hands out signed addresses (ECR's guide, "interface VPC endpoints")."""


@dataclass(frozen=True)
class Caller:
    """One thing that makes calls: a function, a task, or AWS on its behalf."""

    reader: str
    """The package, the service's command, or what AWS does for one of them."""
    token: str
    region: str
    role: str
    """The ARN of the role that it runs as."""
    placement: Placement | None
    """None: in a network of AWS's, with public names and addresses."""
    variables: tuple[Mapping[str, str], ...] = field(hash=False)
    """Its environment; for a custom resource's function one set for each of its requests."""
    calls: tuple[Call, ...]
    source: str = ""
    """The rule, alarm or secret in whose name a service calls, by ARN, or the VPC link; empty for a role."""
    context: tuple[tuple[str, str], ...] = ()
    """What else its requests carry that a policy's condition may read."""

    @property
    def name(self) -> str:
        """As a report says it: `keeper in ca-west-1`."""
        return f"{self.reader} in {self.region}"


def callers(world: World) -> list[Caller]:
    """Every caller of a world, functions first. Raises ValueError for code without a contract."""
    return [
        *_functions(world),
        *_mappings(world),
        *_tasks(world),
        *_doors(world),
    ]


def _functions(world: World) -> Iterator[Caller]:
    for one in world.of_type("AWS::Lambda::Function"):
        package = str(one.properties.get("Handler", "")).split(".")[2:3]
        contract = FUNCTIONS.get(package[0]) if package else None
        if contract is None:
            raise ValueError(
                f"{one.token} runs {one.properties.get('Handler')!r}, which has no contract; "
                f"known are {', '.join(sorted(FUNCTIONS))}"
            )
        variables = _text(one.properties.get("Environment", {}).get("Variables", {}))
        requests: tuple[Mapping[str, str], ...] = (variables,)
        if package[0] in CUSTOM_RESOURCES:
            requests = tuple({**variables, **made} for made in _requests(world, one))
        yield Caller(
            package[0],
            one.token,
            one.region,
            str(one.properties["Role"]),
            _placement(one.properties.get("VpcConfig", {}), "SubnetIds", "SecurityGroupIds"),
            requests,
            _calls(contract),
        )
        yield _runtime(one, package[0])


def _runtime(function: Found, package: str) -> Caller:
    """Lambda itself, which writes the log and joins the network with the function's role."""
    given = function.properties
    group = given.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{given['FunctionName']}"
    calls = [AwsCall(f"logs:{action}") for action in ACTIONS_OF_A_LOG]
    if given.get("VpcConfig"):
        calls += [AwsCall(f"ec2:{action}") for action in ACTIONS_OF_AN_INTERFACE]
    return Caller(
        f"{RUNTIME} ({package})",
        function.token,
        function.region,
        str(given["Role"]),
        None,
        ({"LOG_GROUP": str(group)},),
        tuple(calls),
    )


def _requests(world: World, function: Found) -> Iterator[Mapping[str, str]]:
    arn = world.arn(function.place)
    for template in world.templates:
        for body in template.body.get("Resources", {}).values():
            if not body["Type"].startswith("Custom::"):
                continue
            properties = world.value(body["Properties"], template.stack)
            if properties.get("ServiceToken") == arn:
                made = {"StackName": template.name or template.stack, "FUNCTION_ARN": arn}
                yield {**_text(properties), **made}


def _mappings(world: World) -> Iterator[Caller]:
    for one in world.of_type("AWS::Lambda::EventSourceMapping"):
        function = next(
            each
            for each in world.of_type("AWS::Lambda::Function", region=one.region)
            if str(one.properties["FunctionName"])
            in (each.properties.get("FunctionName"), world.arn(each.place))
        )
        stream = world.by_arn(str(one.properties["EventSourceArn"]))
        if stream is None or stream.type != "AWS::Kinesis::Stream":
            raise ValueError(
                f"{one.token} polls {one.properties['EventSourceArn']}, no known stream"
            )
        yield Caller(
            MAPPING,
            one.token,
            one.region,
            str(function.properties["Role"]),
            None,
            ({"STREAM_NAME": str(stream.properties["Name"])},),
            tuple(AwsCall(f"kinesis:{action}") for action in ACTIONS_OF_A_MAPPING),
        )


def _tasks(world: World) -> Iterator[Caller]:
    services = {
        str(one.properties["TaskDefinition"]): one for one in world.of_type("AWS::ECS::Service")
    }
    for one in world.of_type("AWS::ECS::TaskDefinition"):
        service = services.get(one.token) or _neighbour(services, one)
        network = service.properties["NetworkConfiguration"]["AwsvpcConfiguration"]
        placement = _placement(network, "Subnets", "SecurityGroups")
        for container in one.properties["ContainerDefinitions"]:
            command = " ".join(str(part) for part in container.get("Command", ["replicator"]))
            reader = command.removeprefix("lifeline.services.")
            if reader not in SERVICES:
                raise ValueError(f"{one.token} runs {command!r}, which has no contract")
            variables = {pair["Name"]: str(pair["Value"]) for pair in container["Environment"]}
            role = str(one.properties["TaskRoleArn"])
            yield Caller(
                reader,
                one.token,
                one.region,
                role,
                placement,
                (variables,),
                _calls(SERVICES[reader]),
            )
            yield _start(one, container, reader, placement)


def _neighbour(services: Mapping[str, Found], task: Found) -> Found:
    """A task that no service runs (the migration) is started where its stack's first service runs."""
    return next(one for one in services.values() if one.place.stack == task.place.stack)


def _start(
    task: Found, container: Mapping[str, Any], reader: str, placement: Placement | None
) -> Caller:
    host, _, repository = str(container["Image"]).partition("/")
    options = container.get("LogConfiguration", {}).get("Options", {})
    variables = {
        "IMAGE_REGION": host.split(".")[3],
        "REPOSITORY": repository.partition(":")[0],
        "LOG_GROUP": str(options.get("awslogs-group", "")),
    }
    calls: list[Call] = [AwsCall("ecr:GetAuthorizationToken"), LAYERS]
    calls += [AwsCall(f"ecr:{action}") for action in ACTIONS_OF_A_PULL]
    if options:
        calls += [AwsCall(f"logs:{action}") for action in ACTIONS_OF_A_LOG]
    for number, secret in enumerate(container.get("Secrets", [])):
        arn = ":".join(str(secret["ValueFrom"]).split(":")[:7])
        variables[f"SECRET_{number}"] = arn
        variables["SECRET_ARN"] = arn
    if container.get("Secrets"):
        calls.append(AwsCall("secretsmanager:GetSecretValue"))
    role = str(task.properties["ExecutionRoleArn"])
    return Caller(
        f"{START} ({reader})", task.token, task.region, role, placement, (variables,), tuple(calls)
    )


def _doors(world: World) -> Iterator[Caller]:
    """The API's methods that call a service themselves with a role of the API's, or by a VPC link."""
    for one in world.of_type("AWS::ApiGateway::Method"):
        integration = one.properties.get("Integration", {})
        uri = str(integration.get("Uri", ""))
        if integration.get("ConnectionType") == "VPC_LINK":
            link = str(integration["ConnectionId"])
            variables = {"QUERY_API_URL": uri}
            yield Caller(DOOR, one.token, one.region, "", None, (variables,), (QUERY_API,), link)
            continue
        if "Credentials" not in integration or ":kinesis:action/" not in uri:
            continue
        stream = next(world.of_type("AWS::Kinesis::Stream", region=one.region))
        yield Caller(
            DOOR,
            one.token,
            one.region,
            str(integration["Credentials"]),
            None,
            ({"STREAM_NAME": str(stream.properties["Name"])},),
            (AwsCall(f"kinesis:{uri.rpartition('/')[2]}"),),
        )


def _calls(contract: type[Contract]) -> tuple[Call, ...]:
    return tuple(dict.fromkeys(contract.calls))


def _placement(given: Mapping[str, Any], subnets: str, groups: str) -> Placement | None:
    if not given:
        return None
    return Placement(
        tuple(str(one) for one in given[subnets]), frozenset(group_of(one) for one in given[groups])
    )


def _text(variables: Mapping[str, Any]) -> dict[str, str]:
    """A list stands for its first member: what holds for one is granted for all alike."""
    return {
        key: str(value[0]) if isinstance(value, list) and value else str(value)
        for key, value in variables.items()
    }
