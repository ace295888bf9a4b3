"""Each environment in the templates against its contract, and each contract against the code that reads it.

Every function and every container is found in the templates; one without a contract fails (H3).
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lifeline.data import global_database
from lifeline.lambdas.contracts import AwsCall, Contract
from lifeline.lambdas.contracts.custom_resources import EmptyBucket
from lifeline.lambdas.contracts.database import DATABASE
from lifeline.lambdas.contracts.event_applier import ApplyHealth, RewindTask
from lifeline.lambdas.contracts.log import LOG
from lifeline.lambdas.contracts.query_api import DeadLettersTask, QueryApiHealth
from lifeline.lambdas.contracts.registry import FUNCTIONS, SERVICES
from lifeline.lambdas.contracts.rotate_admin import RotateAdmin
from lifeline.lambdas.contracts.stream_bridge import StreamBridge
from lifeline.streaming import kafka_log
from tests.conftest import Assembly
from tests.contract.aws_calls import Call, calls_in, calls_of, modules_from, modules_of
from tests.contract.test_iam import WITH_MSK_REPLICATOR

ROOT = Path(__file__).resolve().parents[2]
LAMBDAS = ROOT / "lambdas"
SERVICE_FOLDER = ROOT / "services"
STARTED = {"query_api": "service"}
"""The module that a service without a command starts."""
PYTHON = [
    "archiver archive",
    "archiver task",
    "event_applier apply",
    "event_applier migrate",
    "query_api",
]
"""All but the replicator, whose reader is no Python."""
HANDLER = re.compile(r"lifeline\.lambdas\.(\w+)\.handler\.handler")
PROFILES = ("dev", "prod")
PACKAGES = sorted(path.parent.name for path in LAMBDAS.glob("*/handler.py"))
WITH_CONTRACT = sorted(FUNCTIONS)
COMMANDS = sorted(SERVICES)
NO_API_CALL = {"elasticache:Connect": "Checked by the cache at sign-in; no call of boto3 shows it."}
"""Actions that a contract may declare although no call in the source shows them."""
PLACEHOLDER = "1"
"""What a template's expression becomes: it is read as text and as a number alike."""

AssemblyOf = Callable[..., Assembly]


@dataclasses.dataclass(frozen=True)
class Given:
    """One environment in one template."""

    stack: str
    reader: str
    variables: Mapping[str, object]

    def said(self) -> dict[str, str]:
        """As the code would see it."""
        return {
            name: value if isinstance(value, str) else PLACEHOLDER
            for name, value in self.variables.items()
        }


def functions_in(assembly: Assembly) -> Iterator[Given]:
    """Every function of an assembly. A handler that is none of our packages fails."""
    for stack in assembly.stacks():
        for one in assembly.resources(stack, "AWS::Lambda::Function"):
            properties = one["Properties"]
            package = HANDLER.fullmatch(str(properties.get("Handler", "")))
            assert package, f"{stack} runs {properties.get('Handler')}, none of our packages"
            variables = properties.get("Environment", {}).get("Variables", {})
            yield Given(stack, package[1], variables)


def containers_in(assembly: Assembly) -> Iterator[Given]:
    """Every container of an assembly, by its command; the replicator's image takes none."""
    for stack in assembly.stacks():
        for one in assembly.resources(stack, "AWS::ECS::TaskDefinition"):
            for container in one["Properties"]["ContainerDefinitions"]:
                command = " ".join(container.get("Command", ["replicator"]))
                reader = command.removeprefix("lifeline.services.")
                variables = {pair["Name"]: pair["Value"] for pair in container["Environment"]}
                yield Given(stack, reader, variables)


def faults(given: Given, contract: type[Contract]) -> list[str]:
    """What is wrong with an environment: written and not read, read and not written, not readable."""
    here, written = f"{given.stack} {given.reader}", set(contract.written_names())
    found = [f"{here}: nobody reads {name}" for name in sorted(set(given.variables) - written)]
    found += [f"{here} lacks {name}" for name in sorted(written - set(given.variables))]
    if not found:
        by_aws = {name: PLACEHOLDER for name in contract.required_names()}
        try:
            contract.from_env({**by_aws, **given.said()})
        except (KeyError, ValueError) as error:
            found.append(f"{here}: {error.args[0]}")
    return found


@pytest.mark.synth
@pytest.mark.parametrize("profile", PROFILES)
def test_every_function_is_told_what_its_contract_says(
    assembly_of: AssemblyOf, profile: str
) -> None:
    every = list(functions_in(assembly_of(profile)))
    assert {given.reader for given in every} <= set(FUNCTIONS), "each function has a contract"
    wrong = [fault for given in every for fault in faults(given, FUNCTIONS[given.reader])]
    assert wrong == []


@pytest.mark.synth
def test_every_contract_belongs_to_a_function_that_a_stack_deploys(assembly_of: AssemblyOf) -> None:
    deployed = {
        given.reader for profile in PROFILES for given in functions_in(assembly_of(profile))
    }
    assert deployed | WITH_MSK_REPLICATOR == set(PACKAGES) == set(FUNCTIONS)


@pytest.mark.synth
@pytest.mark.parametrize("profile", PROFILES)
def test_every_container_is_told_what_its_contract_says(
    assembly_of: AssemblyOf, profile: str
) -> None:
    every = list(containers_in(assembly_of(profile)))
    assert {given.reader for given in every} == set(SERVICES)
    assert [fault for given in every for fault in faults(given, SERVICES[given.reader])] == []


@pytest.mark.parametrize(
    ("variables", "fault"),
    [
        ({"UNREAD": "x"}, "Data rotate_admin: nobody reads UNREAD"),
        ({"SECRET_ARN": None}, "Data rotate_admin lacks SECRET_ARN"),
        ({"DATABASE_PORT": "many"}, "DATABASE_PORT is 'many'; needed is a value of type int"),
        ({"DATABASE_HOST": ""}, "the environment lacks DATABASE_HOST"),
    ],
)
def test_each_fault_of_an_environment_is_seen(variables: dict[str, str | None], fault: str) -> None:
    right = RotateAdmin(
        powertools_service_name="rotate-admin",
        secret_arn="arn",
        database_host="host",
        database_port=5432,
        database_name="lifeline",
    ).to_env()
    assert faults(Given("Data", "rotate_admin", right), RotateAdmin) == []
    wrong = {name: value for name, value in {**right, **variables}.items() if value is not None}
    (found,) = faults(Given("Data", "rotate_admin", wrong), RotateAdmin)
    assert fault in found


# Who reads what a contract says?


def fields_of(contract: type[Contract]) -> Iterator[tuple[str, str]]:
    """(variable, field) of a contract and of those inside it."""
    for one in dataclasses.fields(contract):
        inner = contract.nested(one.name)
        if inner is None:
            yield contract.variable_of(one), one.name
        else:
            yield from fields_of(inner)


def unread(contract: type[Contract], sources: Iterable[str]) -> list[str]:
    """The variables of which no source reads any field; Powertools' is read by a `Logger` without name."""
    trees = [ast.parse(text) for text in sources]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    read = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    if any(isinstance(node, ast.Call) and ast.unparse(node) == "Logger()" for node in nodes):
        read.add("powertools_service_name")
    by_variable: dict[str, set[str]] = {}
    for name, field in fields_of(contract):
        by_variable.setdefault(name, set()).add(field)
    return sorted(name for name, fields in by_variable.items() if not fields & read)


def reads_of_the_environment(source: str) -> list[str]:
    """Every place that reads a variable by itself instead of through a contract."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"))
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and "env" in ast.unparse(node))
    ]


@cache
def service_modules(service: str) -> tuple[Path, ...]:
    """The modules that a service or one of its commands needs."""
    package, _, command = service.partition(" ")
    start = SERVICE_FOLDER / package / f"{command or STARTED[package]}.py"
    return tuple(modules_from(start, ROOT, "lifeline."))


def sources(paths: Iterable[Path]) -> list[str]:
    """The texts, without those of the contracts themselves."""
    return [path.read_text() for path in paths if path.parent.name != "contracts"]


@pytest.mark.parametrize("package", WITH_CONTRACT)
def test_a_function_reads_every_variable_of_its_contract(package: str) -> None:
    assert unread(FUNCTIONS[package], sources(modules_of(LAMBDAS, package))) == []


@pytest.mark.parametrize("service", PYTHON)
def test_a_service_reads_every_variable_of_its_contract(service: str) -> None:
    """`healthy` runs in the same container."""
    read = [*service_modules(service), *service_modules(f"{service.split()[0]} healthy")]
    assert unread(SERVICES[service], sources(read)) == []


@pytest.mark.parametrize(
    ("service", "health"),
    [("event_applier apply", ApplyHealth), ("query_api", QueryApiHealth)],
)
def test_a_health_check_reads_only_what_its_container_is_told(
    service: str, health: type[Contract]
) -> None:
    assert set(health.variable_names()) <= set(SERVICES[service].written_names())


@pytest.mark.parametrize(
    ("service", "task"), [("query_api", DeadLettersTask), ("event_applier apply", RewindTask)]
)
def test_a_one_off_task_needs_only_what_its_service_is_told(
    service: str, task: type[Contract]
) -> None:
    told = SERVICES[service]
    assert set(task.required_names()) <= {*told.written_names(), "AWS_REGION"}
    assert set(task.variable_names()) <= set(told.variable_names())


def documented() -> set[str]:
    """The variables in the table of the page on contracts."""
    page = (ROOT / "docs" / "mechanisms" / "contracts.md").read_text()
    section = page.partition("## Environment of the functions and services")[2].partition("## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}


def test_the_page_on_contracts_lists_every_variable_and_no_other() -> None:
    known = {name for one in (FUNCTIONS | SERVICES).values() for name in one.variable_names()}
    assert known - documented() == set()
    assert documented() - known == set()


@pytest.mark.parametrize("folder", ["lambdas", "services"])
def test_nobody_reads_the_environment_but_a_contract(folder: str) -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob("*.py")
        if reads_of_the_environment(path.read_text())
    }
    home = {"lambdas/contracts/contract.py"}
    assert found & home == (home if folder == "lambdas" else set())
    assert found - home == set()


def test_the_search_sees_what_nobody_reads() -> None:
    text = "told.stream_name\ntold.log.bootstrap\nlog.auth\nlog.region"
    assert unread(StreamBridge, [text]) == ["BREAKER", "COUNTS_TABLE", "KAFKA_PARTITIONS"]
    assert unread(EmptyBucket, ['Logger(service="x")']) == ["POWERTOOLS_SERVICE_NAME"]
    assert unread(EmptyBucket, ["Logger()"]) == []
    for wrong in ('os.environ["A"]', "os.getenv('A')", "from os import environ"):
        assert reads_of_the_environment(wrong) != []


# Whom does the code call?


def undeclared(calls: Iterable[Call], declared: Iterable[str]) -> list[str]:
    """Calls in the source that the contract does not list."""
    known = set(declared)
    return [
        f"{call.where} calls {call.candidates}"
        for call in calls
        if not any(actions <= known for actions in call.action_sets)
    ]


def uncalled(calls: Iterable[Call], declared: Iterable[str]) -> list[str]:
    """Actions in the contract that no call in the source needs."""
    needed = {action for call in calls for actions in call.action_sets for action in actions}
    return sorted(set(declared) - needed - set(NO_API_CALL))


def actions_of(contract: type[Contract]) -> list[str]:
    """The AWS actions that a contract declares, once for each region they are called in."""
    return [one.action for one in contract.calls if isinstance(one, AwsCall)]


@pytest.mark.parametrize("package", WITH_CONTRACT)
def test_a_function_declares_exactly_the_aws_calls_it_makes(package: str) -> None:
    calls, declared = calls_of(LAMBDAS, package), actions_of(FUNCTIONS[package])
    assert undeclared(calls, declared) == []
    assert uncalled(calls, declared) == []


@pytest.mark.parametrize("service", PYTHON)
def test_a_service_declares_exactly_the_aws_calls_it_makes(service: str) -> None:
    calls = calls_in(service_modules(service), entry="main")
    declared = actions_of(SERVICES[service])
    assert undeclared(calls, declared) == []
    assert uncalled(calls, declared) == []


@pytest.mark.parametrize("reader", [*WITH_CONTRACT, *COMMANDS])
def test_a_contract_lists_a_call_once(reader: str) -> None:
    calls = (FUNCTIONS | SERVICES)[reader].calls
    assert calls != ()
    assert len(set(calls)) == len(calls)


def test_a_call_that_is_not_declared_is_seen(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text('boto3.client("sns").publish()')
    calls = calls_in([tmp_path / "one.py"])
    assert undeclared(calls, ["sns:Publish"]) == []
    assert len(undeclared(calls, ["sns:Subscribe"])) == 1
    assert uncalled(calls, ["sns:Publish", "sns:Subscribe"]) == ["sns:Subscribe"]


def test_every_contract_is_frozen() -> None:
    for name, fields in ((one, dict[str, Any](vars(FUNCTIONS[one]))) for one in WITH_CONTRACT):
        assert fields["__dataclass_params__"].frozen, name


def test_the_ports_that_contracts_name_are_those_that_constructs_open() -> None:
    assert DATABASE.port == global_database.PORT
    assert LOG.port == kafka_log.IAM_PORT
