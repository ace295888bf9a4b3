"""A unit test stands in the folder of what it tests: who looks for one finds it by the source's path."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "tests" / "unit"
OF_THE_WHOLE_SOURCE = {
    "test_arns.py",
    "test_clock_port.py",
    "test_layers.py",
    "test_layout.py",
    "test_protocol_constants.py",
    "test_static_objects.py",
}
"""Tests that read every folder, and so belong to none."""

ELSEWHERE = {
    "cli": "constructs/lifeline/cli",
    "cli/status": "constructs/lifeline/cli/status",
    "cost": "constructs/lifeline/cost",
    "preflight": "constructs/lifeline/preflight",
}
"""No constructs, so they do not stand below tests/unit/constructs, whose conftest starts the CDK."""


def folders(unit: Path) -> list[str]:
    """Every folder that holds a test, from `unit` on."""
    return sorted({str(path.parent.relative_to(unit)) for path in unit.rglob("test_*.py")} - {"."})


def sources(folder: str) -> list[Path]:
    """The folder of the source that a folder of unit tests stands for; none if there is none."""
    top, _, rest = folder.partition("/")
    if top == "constructs":
        places = [f"constructs/lifeline/{rest}"]
    elif folder in ELSEWHERE:
        places = [ELSEWHERE[folder]]
    else:
        places = [folder, f"lambdas/{folder}", f"services/{folder}"]
    return [ROOT / place for place in places if (ROOT / place).is_dir()]


@pytest.mark.parametrize("folder", folders(UNIT))
def test_a_folder_of_unit_tests_stands_for_one_folder_of_the_source(folder: str) -> None:
    assert len(sources(folder)) == 1, f"tests/unit/{folder} stands for {sources(folder)}"


def test_only_tests_of_the_whole_source_stand_outside_a_folder() -> None:
    assert {path.name for path in UNIT.glob("*.py")} == OF_THE_WHOLE_SOURCE


def module_of(source: Path) -> str:
    """The name under which a folder's code is imported."""
    top, *rest = source.relative_to(ROOT).parts
    if top == "constructs":
        return ".".join(rest)
    if top in ("lambdas", "services", "stacks"):
        return ".".join(("lifeline", top, *rest))
    return top


def named(path: Path) -> set[str]:
    """The modules that a file imports, its helpers' imports among them, and the paths that it spells."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    helpers = [ROOT / f"{name.replace('.', '/')}.py" for name in found if name.startswith("tests.")]
    return found.union(*(named(helper) for helper in helpers if helper.is_file()))


@pytest.mark.parametrize("folder", [one for one in folders(UNIT) if one != "constructs"])
def test_each_file_names_what_its_folder_stands_for(folder: str) -> None:
    """A test of one folder that stands in another's is found by nobody.

    It imports the folder's code or spells its path; a test of the stacks reads what the app wrote.
    """
    (source,) = sources(folder)
    module = module_of(source)
    subjects = (module, source.name, "app.py") if folder == "stacks" else (module, source.name)
    lost = [
        path.name
        for path in sorted((UNIT / folder).glob("test_*.py"))
        if not any(
            name in subjects or name.startswith((f"{module}.", f"{source.name}/"))
            for name in named(path)
        )
    ]
    assert lost == []


def test_a_folder_without_a_counterpart_is_found(tmp_path: Path) -> None:
    (tmp_path / "datapath").mkdir()
    (tmp_path / "datapath" / "test_it.py").touch()
    assert folders(tmp_path) == ["datapath"]
    assert sources("datapath") == []
    assert sources("constructs/datapath") == []
