"""The drill shares no code with the system under test, and never asks anybody to promote."""

from __future__ import annotations

import ast
from pathlib import Path

DRILL = Path(__file__).resolve().parents[3] / "drill"
SYSTEM_UNDER_TEST = {
    "aws_cdk", "constructs", "lambdas", "lifeline", "services", "stacks"
}  # fmt: skip
PROMOTING = ("failover", "switchover", "promote", "start_execution", "pg_promote", "update_item")


def modules() -> list[Path]:
    found = sorted(DRILL.rglob("*.py"))
    assert len(found) > 20
    return found


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_nothing_of_the_system_under_test_is_imported() -> None:
    for path in modules():
        assert imported(path).isdisjoint(SYSTEM_UNDER_TEST), path


def test_the_lab_is_known_to_the_local_target_and_the_command_line_only() -> None:
    users = {path.relative_to(DRILL).as_posix() for path in modules() if "lab" in imported(path)}
    assert users <= {"targets/local.py", "targets/emulated.py", "__main__.py"}


def test_no_code_calls_anything_that_promotes() -> None:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func).lower()
                assert not any(word in name for word in PROMOTING), f"{path}: {name}"


def test_one_state_machine_is_started_and_it_is_the_breakers() -> None:
    """By its operation's name, which no attribute shows."""
    users = {
        path.relative_to(DRILL).as_posix()
        for path in modules()
        if '"start_execution"' in path.read_text()
    }
    assert users == {"targets/breaker.py"}
    assert "failover-plan" not in (DRILL / "targets" / "breaker.py").read_text()
