"""Who may import whom (DESIGN.md, section 11)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    "constructs/lifeline": {"stacks", "lab", "drill", "cli", "app", "processor"},
    "stacks": {"lab", "drill", "cli", "app", "processor"},
    "lambdas": {"aws_cdk", "lifeline", "stacks", "lab", "drill", "cli", "constructs"},
    "services": {"aws_cdk", "lifeline", "stacks", "lab", "drill", "cli", "constructs"},
    "lambdas/recovery": {"boto3", "botocore", "aws_lambda_powertools", "recovery_io", "keeper"},
}


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def test_the_folder_named_constructs_is_no_package() -> None:
    """With an `__init__.py` it would hide PyPI's `constructs`, and `import aws_cdk` would die."""
    assert not (ROOT / "constructs" / "__init__.py").exists()


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_layers(folder: str) -> None:
    wrong = [
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / folder).rglob("*.py")
        for name in imported(path)
        if name.split(".")[0] in FORBIDDEN[folder]
    ]
    assert wrong == []


def test_lifeline_reads_of_the_lambdas_the_plan_only() -> None:
    packages = {path.name for path in (ROOT / "lambdas").iterdir() if path.is_dir()}
    found = {
        name
        for path in (ROOT / "constructs" / "lifeline").rglob("*.py")
        for name in imported(path)
        if name.split(".")[0] in packages
    }
    assert found <= {"recovery.plan"}


def test_nobody_imports_a_second_copy_of_lifeline() -> None:
    for folder in ("stacks", "constructs", "tests", "lab", "drill", "cli"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not any(name.startswith("constructs.lifeline") for name in imported(path)), path
