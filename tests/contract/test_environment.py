"""What the stacks put into each environment against what the code reads from it.

The names are found in the source: `os.environ[...]`, `environ.get(...)`, `getenv(...)`, and the tuples
called NAMES that the settings modules hand to `required`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Assembly

pytestmark = pytest.mark.synth
ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
BY_THE_RUNTIME = {"AWS_REGION", "AWS_ENDPOINT_URL", "POWERTOOLS_SERVICE_NAME"}
FUNCTIONS = ("keeper", "lag_meter", "probe", "failover_step", "stream_bridge")


def read_names(folder: Path) -> set[str]:
    """Every environment name that the modules of `folder` read."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            found |= _names(node)
    return {name for name in found if NAME.fullmatch(name)} - BY_THE_RUNTIME


def required_names(folder: Path) -> set[str]:
    """The names without which the code cannot start: `environ[...]` and NAMES."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                found |= _names(node)
            elif isinstance(node.func, ast.Name) and node.func.id == "required":
                found |= {text for one in node.args for text in _texts(one)}
    return {name for name in found if NAME.fullmatch(name)} - BY_THE_RUNTIME


def _names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Subscript) and _is_environ(node.value):
        return _texts(node.slice)
    if isinstance(node, ast.Call) and node.args:
        called = node.func
        if isinstance(called, ast.Attribute) and called.attr in ("get", "getenv"):
            return (
                _texts(node.args[0])
                if _is_environ(called.value) or (called.attr == "getenv")
                else set()
            )
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        named = any(
            isinstance(one, ast.Name) and one.id.endswith(("NAMES", "REQUIRED")) for one in targets
        )
        return _texts(node.value) if named and node.value is not None else set()
    return set()


def _is_environ(node: ast.AST) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "environ") or (
        isinstance(node, ast.Name) and node.id in ("environ", "environment", "env")
    )


def _texts(node: ast.AST) -> set[str]:
    return {
        one.value
        for one in ast.walk(node)
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }


def given_to_function(assembly: Assembly, stack: str, package: str) -> dict[str, Any]:
    """The environment that `stack` gives to the function of `package`."""
    for one in assembly.resources(stack, "AWS::Lambda::Function"):
        if one["Properties"]["Handler"] == f"lifeline.lambdas.{package}.handler.handler":
            found: dict[str, Any] = one["Properties"]["Environment"]["Variables"]
            return found
    raise AssertionError(f"{stack} has no function of {package}")


@pytest.mark.parametrize("package", FUNCTIONS)
@pytest.mark.parametrize("code", ["cac1", "caw1"])
def test_a_function_gets_what_it_reads(dev: Assembly, package: str, code: str) -> None:
    folder = ROOT / "lambdas" / package
    if not folder.is_dir():
        pytest.skip(f"{package} is not written yet")
    stack = f"Streaming-{code}" if package == "stream_bridge" else f"Failover-{code}"
    given = set(given_to_function(dev, stack, package))
    assert required_names(folder) - given == set()


def test_the_witness_probe_gets_what_it_reads(dev: Assembly) -> None:
    given = given_to_function(dev, "Witness-use2", "probe")
    assert required_names(ROOT / "lambdas" / "probe") - set(given) == set()
    assert given["RESULTS_TABLE"] == given["LEASE_TABLE"] == "lease-test"
    assert given["PROBE_REGIONS"] == '["ca-central-1", "ca-west-1"]'


ONLY_SERVE = {"STREAM_NAME", "REGION_STATE_TABLE", "SERVE_PORT"}
ONLY_MIGRATE = {"WORKLOAD_USER"}


def given_to_task(assembly: Assembly, family: str) -> set[str]:
    """The environment of the one container of a task family of the home region."""
    tasks = assembly.resources("Application-cac1", "AWS::ECS::TaskDefinition")
    (task,) = [one for one in tasks if one["Properties"]["Family"] == f"{family}-test"]
    (container,) = task["Properties"]["ContainerDefinitions"]
    return {one["Name"] for one in container["Environment"]}


@pytest.mark.parametrize(
    ("service", "not_its_own"), [("processor", ONLY_SERVE | ONLY_MIGRATE), ("serve", ONLY_MIGRATE)]
)
def test_a_service_gets_what_it_reads(dev: Assembly, service: str, not_its_own: set[str]) -> None:
    needed = required_names(ROOT / "services" / "event_applier")
    assert needed - given_to_task(dev, service) - not_its_own == set()


def test_the_migrations_get_what_they_read(dev: Assembly) -> None:
    database = {f"DATABASE_{part}" for part in ("HOST", "PORT", "NAME", "USER", "AUTH")}
    assert given_to_task(dev, "migrate") >= database | ONLY_MIGRATE


def test_the_scan_finds_names(tmp_path: Path) -> None:
    """The scan itself can fail: it must see each way of reading."""
    (tmp_path / "one.py").write_text(
        'import os\nA = os.environ["ALPHA"]\nB = os.environ.get("BETA")\nNAMES = ("GAMMA",)\n'
    )
    assert read_names(tmp_path) == {"ALPHA", "BETA", "GAMMA"}
    assert required_names(tmp_path) == {"ALPHA", "GAMMA"}
