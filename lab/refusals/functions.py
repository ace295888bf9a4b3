"""What Lambda, Step Functions, EventBridge and ECS refuse."""

from __future__ import annotations

from lab.refusals.row import Row
from lab.refusals.situation import Case, Resource

FUNCTION, MAPPING = "AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping"
QUEUE, MACHINE, RULE = "AWS::SQS::Queue", "AWS::StepFunctions::StateMachine", "AWS::Events::Rule"
TASK = "AWS::ECS::TaskDefinition"
LAMBDA = "https://docs.aws.amazon.com/lambda/latest"
UNRESERVED = 100
"""Executions that stay for functions without a reservation."""
MOST_LAYERS = 5
MOST_ENVIRONMENT_BYTES = 4_096
MOST_TARGETS = 5
RESERVED_NAMES = frozenset({"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_FUNCTION_NAME", "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR", "_HANDLER", "_X_AMZN_TRACE_ID"})  # fmt: skip
FARGATE_MEMORY: dict[int, tuple[int, int, int]] = {
    256: (512, 2_048, 512), 512: (1_024, 4_096, 1_024), 1_024: (2_048, 8_192, 1_024),
    2_048: (4_096, 16_384, 1_024), 4_096: (8_192, 30_720, 1_024), 8_192: (16_384, 61_440, 4_096),
    16_384: (32_768, 122_880, 8_192),
}  # fmt: skip
"""CPU units → least and most MiB, and the step."""


def _reserved(functions: list[Resource]) -> float:
    return sum(one.number("ReservedConcurrentExecutions") or 0 for one in functions)


def _above_the_quota(case: Case) -> object:
    """Judged at the stack's first function that reserves, for all of the region together."""
    situation = case.situation
    quota = situation.around.lambda_concurrency
    own = [one for one in situation.of_type(FUNCTION) if _reserved([one])]
    if quota is None or not own or own[0] is not case.resource:
        return False
    total = _reserved(own) + _reserved(situation.beside(FUNCTION, region=situation.region))
    return total > quota - UNRESERVED and f"{total:g} reserved, a quota of {quota}"


def _environment(case: Case) -> dict[str, object]:
    found = case.resource.known("Environment.Variables")
    return found if isinstance(found, dict) else {}


def _environment_bytes(case: Case) -> object:
    size = sum(
        len(name.encode()) + len(value.encode())
        for name, value in _environment(case).items()
        if isinstance(value, str)
    )
    return size > MOST_ENVIRONMENT_BYTES and f"{size} bytes"


def _hides_too_briefly(case: Case) -> object:
    seconds = case.resource.number("VisibilityTimeout")
    seconds = 30 if seconds is None and not case.resource.given("VisibilityTimeout") else seconds
    for mapping in case.situation.of_type(MAPPING):
        if not mapping.refers_to(case.resource):
            continue
        for function in case.situation.of_type(FUNCTION):
            runs = function.number("Timeout") or 3
            if mapping.refers_to(function) and seconds is not None and seconds < runs:
                return f"{seconds:g} s hidden, {runs:g} s to run"
    return False


def _fargate(case: Case) -> bool:
    return "FARGATE" in case.resource.items("RequiresCompatibilities")


def _fargate_size(case: Case) -> object:
    cpu, memory = case.resource.number("Cpu"), case.resource.number("Memory")
    if not _fargate(case) or cpu is None or memory is None:
        return False
    least, most, step = FARGATE_MEMORY.get(int(cpu), (1, 0, 1))
    wrong = not least <= memory <= most or (memory - least) % step
    return wrong and f"{cpu:g} CPU units with {memory:g} MiB"


def _logging_nowhere(case: Case) -> bool:
    level = case.resource.known("LoggingConfiguration.Level")
    return level not in (None, "OFF") and not case.resource.given(
        "LoggingConfiguration.Destinations"
    )


ROWS = (
    Row(
        id="more-reserved-concurrency-than-the-quota",
        types=(FUNCTION,),
        refuses=_above_the_quota,
        sentence="All reservations of a region leave 100 of its concurrent executions unreserved.",
        source=f"{LAMBDA}/api/API_PutFunctionConcurrency.html",
    ),
    Row(
        id="function-with-too-many-layers",
        types=(FUNCTION,),
        refuses=lambda case: len(case.resource.items("Layers")) > MOST_LAYERS,
        sentence=f"A function has at most {MOST_LAYERS} layers.",
        source=f"{LAMBDA}/dg/gettingstarted-limits.html",
    ),
    Row(
        id="function-with-too-great-an-environment",
        types=(FUNCTION,),
        refuses=_environment_bytes,
        sentence="A function's variables, names and values, have at most 4 KB together.",
        source=f"{LAMBDA}/dg/gettingstarted-limits.html",
    ),
    Row(
        id="function-with-a-reserved-variable",
        types=(FUNCTION,),
        refuses=lambda case: ", ".join(sorted(RESERVED_NAMES & set(_environment(case)))),
        sentence="Lambda sets this variable itself.",
        source=f"{LAMBDA}/dg/configuration-envvars.html",
    ),
    Row(
        id="system-log-level-of-a-text-log",
        types=(FUNCTION,),
        refuses=lambda case: (
            case.resource.known("LoggingConfig.LogFormat") in (None, "Text")
            and not _unknown(case.resource, "LoggingConfig.LogFormat")
            and (
                case.resource.given("LoggingConfig.SystemLogLevel")
                or case.resource.given("LoggingConfig.ApplicationLogLevel")
            )
        ),
        sentence="Log levels are for functions whose LogFormat is JSON.",
        source=f"{LAMBDA}/dg/monitoring-cloudwatchlogs-log-level.html",
    ),
    Row(
        id="queue-that-hides-more-briefly-than-its-function-runs",
        types=(QUEUE,),
        refuses=_hides_too_briefly,
        sentence="A queue's VisibilityTimeout is at least the timeout of the function that reads it.",
        source=f"{LAMBDA}/dg/services-sqs-configure.html",
    ),
    Row(
        id="fifo-queue-by-another-name",
        types=(QUEUE,),
        refuses=lambda case: (
            case.resource.true("FifoQueue")
            and case.resource.text("QueueName") != ""
            and not case.resource.text("QueueName").endswith(".fifo")
        ),
        sentence="The name of a FIFO queue ends with .fifo.",
        source="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html",
    ),
    Row(
        id="state-machine-that-logs-nowhere",
        types=(MACHINE,),
        refuses=_logging_nowhere,
        sentence="A state machine that logs has a destination for its log.",
        source="https://docs.aws.amazon.com/step-functions/latest/apireference/API_LoggingConfiguration.html",
    ),
    Row(
        id="rule-that-nothing-starts",
        types=(RULE,),
        refuses=lambda case: (
            not case.resource.given("ScheduleExpression")
            and not case.resource.given("EventPattern")
        ),
        sentence="A rule has a schedule or a pattern.",
        source="https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html",
    ),
    Row(
        id="rule-with-too-many-targets",
        types=(RULE,),
        refuses=lambda case: len(case.resource.items("Targets")) > MOST_TARGETS,
        sentence=f"A rule has at most {MOST_TARGETS} targets.",
        source="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html",
    ),
    Row(
        id="fargate-task-of-no-size",
        types=(TASK,),
        refuses=_fargate_size,
        sentence="Fargate has tasks of certain sizes only.",
        source="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html",
    ),
    Row(
        id="fargate-task-in-another-network-mode",
        types=(TASK,),
        refuses=lambda case: (
            _fargate(case)
            and not _unknown(case.resource, "NetworkMode")
            and case.resource.known("NetworkMode") != "awsvpc"
        ),
        sentence="A task on Fargate has the network mode awsvpc.",
        source="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html",
    ),
)


def _unknown(one: Resource, place: str) -> bool:
    return one.given(place) and one.known(place) is None
