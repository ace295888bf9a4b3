"""The image of the services holds every module of ours that its commands import."""

from __future__ import annotations

import ast
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.contract.aws_calls import modules_from

ROOT = Path(__file__).resolve().parents[3]
SERVICES = ROOT / "services"
STARTED = [
    *(f"event_applier/{name}.py" for name in ("apply", "migrate", "rewind", "healthy")),
    *(f"query_api/{name}.py" for name in ("service", "healthy", "dead_letters")),
    *(f"archiver/{name}.py" for name in ("archive", "task", "healthy")),
]


def copied() -> set[Path]:
    """What the Dockerfile copies out of the build's context."""
    text = (SERVICES / "Dockerfile").read_text()
    return {ROOT / one for one in re.findall(r"^COPY (?!--)(\S+)", text, re.MULTILINE)}


@pytest.mark.parametrize("started", STARTED)
def test_a_command_finds_what_it_imports(started: str) -> None:
    needed = modules_from(SERVICES / started, ROOT, "lifeline.")
    assert len(needed) > 2
    held = copied()
    missing = [str(path.relative_to(ROOT)) for path in needed if not held & {path, *path.parents}]
    assert missing == []


@pytest.mark.parametrize("started", STARTED)
def test_the_image_installs_what_a_command_imports(started: str) -> None:
    """Only what the list names is installed; what is missing there ends the command at its start."""
    of_module = metadata.packages_distributions()
    listed = set(re.findall(r"^([\w.-]+)==", (SERVICES / "requirements.txt").read_text(), re.M))
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in {SERVICES / started, *modules_from(SERVICES / started, ROOT, "lifeline.")}
        for name in imported(path) - sys.stdlib_module_names - {"lifeline"}
        if not {one.lower().replace("_", "-") for one in of_module[name]} & listed
    }
    assert missing == set()


def imported(path: Path) -> set[str]:
    """The top-level names of what a module imports when it is loaded."""
    body = ast.parse(path.read_text()).body
    return {
        name.split(".")[0]
        for node in body
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }


DOCKERFILES = sorted(SERVICES.rglob("Dockerfile"))
PINNED_BASE = re.compile(r"public\.ecr\.aws/docker/library/[a-z-]+:[\w.-]+@sha256:[0-9a-f]{64}")
LISTS = [SERVICES / "requirements.txt", *sorted((ROOT / "lambdas").glob("requirements*.txt"))]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: str(path.parent.name))
def test_a_base_image_is_pinned_by_its_digest(dockerfile: Path) -> None:
    """S12: a tag is moved by whoever owns it; the tag stays beside the digest for whoever renews it."""
    bases = re.findall(r"^FROM (\S+)", dockerfile.read_text(), re.MULTILINE)
    assert len(bases) == 2
    assert [base for base in bases if not PINNED_BASE.fullmatch(base)] == []


@pytest.mark.parametrize("listed", LISTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_package_is_pinned_by_its_hash(listed: Path) -> None:
    assert len(LISTS) == 3
    entries = re.split(r"^(?=\S)", listed.read_text(), flags=re.MULTILINE)[1:]
    assert entries
    bad = [
        one
        for one in entries
        if not re.fullmatch(r"[\w.-]+==[\w.]+( \\\n +--hash=sha256:\w{64})+\n", one)
    ]
    assert bad == []


@pytest.mark.parametrize("name", ["services/Dockerfile", "scripts/build_lambda_packages.py"])
def test_nothing_is_installed_that_is_not_in_the_list(name: str) -> None:
    text = (ROOT / name).read_text()
    assert text.count("--no-deps") == text.count("--require-hashes") == 1


def test_one_python_runs_the_build_and_the_service() -> None:
    """Packages are built in one stage and run in the other: both are the same image."""
    assert len(set(re.findall(r"^FROM (\S+)", (SERVICES / "Dockerfile").read_text(), re.M))) == 1
