"""Who may import whom."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from hatch_build import FOLDERS

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    "constructs/lifeline": {
        "app",
        "drill",
        "lab",
        "lifeline.services",
        "lifeline.stacks",
        "simulator",
    },
    "stacks": {"app", "drill", "lab", "lifeline.cli", "lifeline.services", "simulator"},
    "lambdas": {"aws_cdk", "constructs", "drill", "lab", "lifeline.services", "simulator"},
    "services": {"aws_cdk", "constructs", "drill", "lab", "simulator"},
    "lambdas/failover": {"aws_lambda_powertools", "boto3", "botocore"},
    "lab": {"simulator"},
    "drill": {"simulator"},
    "simulator": {"app", "aws_cdk", "drill", "lab", "lifeline.cli", "lifeline.stacks"},
}
"""What the files of a folder may not import, beside `LIFELINE`'s rule for what runs in AWS."""

LIFELINE = {
    "lambdas": ("lifeline.lambdas",),
    "services": (
        "lifeline.lambdas.certificates",
        "lifeline.lambdas.contracts",
        "lifeline.lambdas.failover",
        "lifeline.services",
    ),
    "lambdas/failover": ("lifeline.lambdas.failover",),
    "lambdas/certificates": ("lifeline.lambdas.certificates",),
    "lambdas/contracts": (
        "lifeline.lambdas.certificates",
        "lifeline.lambdas.contracts",
        "lifeline.lambdas.failover.protocol",
        "lifeline.lambdas.failover.replication_signal",
    ),
}
"""All of `lifeline` that the files of a folder may import."""

LINKED = {"docs", "lambdas", "schemas", "services", "stacks", "_packages"}
"""Folders of the repository that stand in the package by a link (ADR 12)."""


SOURCES = tuple(
    next(
        line.removeprefix("SOURCES := ").split()
        for line in (ROOT / "Makefile").read_text().splitlines()
        if line.startswith("SOURCES := ")
    )
)
"""Everything that `make check` reads."""


def python_files(folder: Path) -> list[Path]:
    """Every module of a folder, each once: what is linked into it is read where it lies."""
    return [
        path for path in folder.rglob("*.py") if not LINKED & set(path.relative_to(folder).parts)
    ]


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


def below(name: str, packages: Iterable[str]) -> bool:
    """Whether the module `name` is one of `packages` or lies in one."""
    return any(name == one or name.startswith(f"{one}.") for one in packages)


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_layers(folder: str) -> None:
    wrong = [
        (str(path.relative_to(ROOT)), name)
        for path in python_files(ROOT / folder)
        for name in imported(path)
        if below(name, FORBIDDEN[folder])
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", [one for one in SOURCES if one != "tests"])
def test_only_tests_import_tests(folder: str) -> None:
    """H11: what is shipped or measured must not need the tests, nor change with them."""
    files = python_files(ROOT / folder) if (ROOT / folder).is_dir() else [ROOT / folder]
    wrong = [
        (str(path.relative_to(ROOT)), name)
        for path in files
        for name in imported(path)
        if below(name, {"tests"})
    ]
    assert files
    assert wrong == []


@pytest.mark.parametrize("folder", LIFELINE)
def test_what_runs_in_aws_imports_of_lifeline_only_its_own_layer(folder: str) -> None:
    wrong = [
        (str(path.relative_to(ROOT)), name)
        for path in python_files(ROOT / folder)
        for name in imported(path)
        if below(name, {"lifeline"}) and not below(name, LIFELINE[folder])
    ]
    assert wrong == []


def test_constructs_read_of_the_lambdas_the_plan_the_constants_and_the_contracts_only() -> None:
    library = [
        path
        for path in python_files(ROOT / "constructs" / "lifeline")
        if "cli" not in path.relative_to(ROOT).parts
    ]
    found = {
        name for path in library for name in imported(path) if below(name, {"lifeline.lambdas"})
    }
    shared = {name for name in found if below(name, {"lifeline.lambdas.contracts"})}
    failover = "lifeline.lambdas.failover"
    names = (
        "event_limits",
        "further_steps",
        "plan",
        "plan_table",
        "protocol",
        "replication_signal",
    )
    assert found - shared <= {f"{failover}.{name}" for name in names}


def test_a_contract_needs_the_standard_library_only() -> None:
    """Constructs read it without boto3, functions without aws_cdk."""
    found = {
        name.partition(".")[0]
        for path in python_files(ROOT / "lambdas" / "contracts")
        for name in imported(path)
    }
    assert found - {"lifeline"} <= sys.stdlib_module_names


def test_nobody_imports_a_second_copy_of_lifeline() -> None:
    copies = {"constructs.lifeline", "lambdas", "services", "stacks"}
    ours = (
        "stacks",
        "constructs",
        "lambdas",
        "services",
        "tests",
        "lab",
        "drill",
        "bench",
        "holes",
    )
    for folder in ours:
        for path in python_files(ROOT / folder):
            assert not any(below(name, copies) for name in imported(path)), path


@pytest.mark.parametrize("name", sorted(LINKED))
def test_a_link_leads_to_the_folder_of_its_name(name: str) -> None:
    link = ROOT / "constructs" / "lifeline" / name
    assert link.is_symlink()
    wanted = ROOT / "build" / "lambda" if name == "_packages" else ROOT / name
    assert (link.parent / link.readlink()).resolve() == wanted.resolve()


def test_the_wheel_holds_what_the_links_lead_to() -> None:
    """A link that is left out of `exclude` or of hatch_build.py makes a wheel without that folder."""
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    wheel = built["targets"]["wheel"]
    assert set(wheel["exclude"]) == {f"constructs/lifeline/{name}" for name in LINKED}
    placed = {Path(place).parts[1] for place in FOLDERS.values()}
    assert placed == LINKED
