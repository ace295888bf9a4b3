"""The wheel in an environment of its own, outside the repository: installed, imported, synthesized, typed.

Nothing of the checkout is on the path there, and the synth runs in a network namespace without any network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lab.toolkit import ROOT, cdk_argv, node

pytestmark = [pytest.mark.synth, pytest.mark.slow, pytest.mark.timeout(900)]

EXAMPLES = sorted(one.parent.name for one in (ROOT / "examples").glob("*/app.py"))
NOBODYS_TOP_LEVEL = (
    "adapters", "cli", "drill", "failover", "keeper", "lab", "lambdas", "processor", "recovery",
    "services", "stacks",
)  # fmt: skip


def run(
    command: Sequence[str], folder: Path, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A command in the new environment: no PYTHONPATH of ours, no cloud credentials."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "AWS_", "CDK_"))}
    return subprocess.run(
        command, cwd=folder, env={**kept, **(more or {})}, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as `make wheel` builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", str(folder), str(ROOT)], folder,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("lifeline-*.whl")
    return found


def interpreters() -> list[str]:
    """Both ends of the supported range, as far as this machine has them: ours, and the newest other."""
    named = [shutil.which(f"python3.{minor}") for minor in range(14, 11, -1)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    kept = [str(one) for one in sorted(pyenv.glob("3.1[1-4].*/bin/python3"), reverse=True)]
    for one in [*filter(None, named), *kept]:
        asked = subprocess.run([one, "-c", "import venv"], capture_output=True, check=False)
        if asked.returncode == 0 and Path(one).resolve() != Path(sys.executable).resolve():
            return [sys.executable, one]
    return [sys.executable]


@pytest.fixture(scope="session", params=interpreters(), ids=lambda one: f"by {Path(one).parts[-3]}")
def python(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return installed(request.param, wheel, tmp_path_factory.mktemp("installed"))


def installed(interpreter: str, wheel: Path, folder: Path) -> Path:
    """The interpreter of a fresh environment that has the wheel and what it depends on, as locked."""
    uv = str(Path(sys.executable).parent / "uv")
    made = run([uv, "venv", "--quiet", "--python", interpreter, "venv"], folder)
    assert made.returncode == 0, made.stderr
    done = run(
        [
            uv,
            "pip",
            "install",
            "--quiet",
            "--constraint",
            str(ROOT / "requirements.txt"),
            str(wheel),
        ],
        folder,
        {"VIRTUAL_ENV": str(folder / "venv")},
    )
    assert done.returncode == 0, done.stderr
    return folder / "venv" / "bin" / "python"


def without_network() -> list[str]:
    """The prefix that runs a command in a network namespace of its own, with no way out."""
    unshare = shutil.which("unshare")
    assert unshare, "unshare (util-linux) is needed to take the network away"
    return [unshare, "--user", "--map-root-user", "--net"]


def test_the_wheel_brings_one_name_and_all_that_a_synth_needs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {one.split("/")[0] for one in names if ".dist-info/" not in one} == {"lifeline"}
    for needed in (
        "lifeline/py.typed",
        "lifeline/lambdas/keeper/handler.py",
        "lifeline/services/event_applier/__main__.py",
        "lifeline/services/query_api/__main__.py",
        "lifeline/stacks/lifeline_app.py",
        "lifeline/schemas/envelope.schema.json",
        "lifeline/_packages/native/python/confluent_kafka/__init__.py",
        "lifeline/_packages/pure/pg8000/__init__.py",
    ):
        assert needed in names
    assert any(one.endswith(".dist-info/licenses/LICENSE") for one in names)
    assert not [one for one in names if "__pycache__" in one or one.endswith(".pyc")]


def test_importing_lifeline_loads_nothing_heavy(python: Path, tmp_path: Path) -> None:
    said = run(
        [str(python), "-c", "import lifeline, sys; print(*sorted(sys.modules))"], tmp_path
    ).stdout.split()
    assert "lifeline" in said
    assert not {"aws_cdk", "boto3", "botocore", "jsii", "typer"} & set(said)


@pytest.mark.parametrize("name", NOBODYS_TOP_LEVEL)
def test_our_folders_are_nobodys_top_level(python: Path, tmp_path: Path, name: str) -> None:
    done = run([str(python), "-c", f"import {name}"], tmp_path)
    assert f"No module named '{name}'" in done.stderr


def test_the_command_is_installed(python: Path, tmp_path: Path) -> None:
    done = run([str(python.parent / "lifeline"), "--help"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "authority" in done.stdout


def test_the_installed_command_prints_the_schema_of_the_failover(
    python: Path, tmp_path: Path
) -> None:
    """It reads two files of the wheel: the tables and the writer's guard."""
    done = run([str(python.parent / "lifeline"), "authority", "schema", "--user", "app"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "CREATE TABLE authority" in done.stdout
    assert "CREATE FUNCTION require_authority" in done.stdout


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_synthesizes_without_checkout_and_network(
    python: Path, tmp_path: Path, example: str
) -> None:
    folder = tmp_path / example
    shutil.copytree(ROOT / "examples" / example, folder)
    path = os.pathsep.join([str(python.parent), str(node().parent), os.environ["PATH"]])
    done = run(
        [*without_network(), *cdk_argv(), "synth", "--quiet", "--no-notices"],
        folder,
        {"PATH": path},
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    templates = list((folder / "cdk.out").glob("*.template.json"))
    assert templates
    # Neither templates nor assets may know where this was synthesized.
    assert not [one.name for one in templates if str(ROOT) in one.read_text()]


def test_without_network_means_without_network(tmp_path: Path) -> None:
    links = run([*without_network(), "cat", "/proc/net/dev"], tmp_path).stdout
    assert re.findall(r"^\s*(\w+):", links, re.M) == ["lo"]


def test_the_examples_are_typed_against_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    # With one interpreter: which one runs the examples changes no type.
    python = installed(sys.executable, wheel, tmp_path)
    # The CDK's types take a minute. mypy takes from the cache of `make check` what has the same content.
    known = ROOT / ".mypy_cache"
    if known.is_dir():
        shutil.copytree(known, tmp_path / "cache")
    for example in EXAMPLES:
        shutil.copytree(ROOT / "examples" / example, tmp_path / example)
    done = run(
        [sys.executable, "-m", "mypy", "--strict", "--explicit-package-bases",
         "--python-executable", str(python), "--cache-dir", str(tmp_path / "cache"),
         *(f"{example}/app.py" for example in EXAMPLES)], tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
