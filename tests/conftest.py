"""Shared by every test: one synthesized app a profile and session, because each costs seconds; and which
worker runs what (`make test` has two)."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from lab.processes import end_leftovers
from tests.support import service_files
from tests.support.leftovers import environment, leftovers
from tests.support.turns import Turns

ROOT = Path(__file__).resolve().parent.parent
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
"""The name of the worker that this process is; empty where one process runs all."""


CDK_OUT = tempfile.TemporaryDirectory(prefix="lifeline-cdk-out-")
os.environ["CDK_OUTDIR"] = CDK_OUT.name
"""Where an app writes that is given no folder: else each copies its assets and leaves them, up to 35 MB."""

service_files.read_once()


class FileOnOneWorker(LoadScopeScheduling):  # type: ignore[misc]
    """A file's tests stay together, as they share what its fixtures start; all files with a lab, too."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "lab" if _needs_a_lab(file) else file


@functools.cache
def _needs_a_lab(file: str) -> bool:
    # The scheduler's process collects nothing: it knows names, not markers.
    return "pytest.mark.lab" in (ROOT / file).read_text()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileOnOneWorker:
    """xdist's hook: how the tests are shared out."""
    return FileOnOneWorker(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: no worker begins with a lab when the other one ends."""
    items.sort(key=_rank)


HELD: list[contextlib.AbstractContextManager[None]] = []
"""The turn that this worker holds while it runs a test."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """A file's tests marked `alone` have the machine to themselves, the fixtures that they start included.

    The wait counts in no test's time-out.
    """
    file = _alone_file(item)
    if WORKER and not HELD:
        turns = Turns(item.config._tmp_path_factory.getbasetemp().parent)  # type: ignore[attr-defined]
        HELD.append(turns.alone() if file else turns.beside_others())
        HELD[0].__enter__()
    try:
        return (yield)
    finally:
        goes_on = file and nextitem is not None and _alone_file(nextitem) == file
        if HELD and not goes_on:
            HELD.pop().__exit__(None, None, None)


def _alone_file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0] if item.get_closest_marker("alone") else ""


def pytest_unconfigure(config: pytest.Config) -> None:
    """A worker that does not end in time is killed, and a lab's processes have sessions of their own."""
    base = getattr(getattr(config, "_tmp_path_factory", None), "_basetemp", None)
    if WORKER or base is None:
        return
    for depth in ("*", "*/*"):
        for left in Path(base).glob(f"popen-gw*/{depth}/processes.json"):
            end_leftovers(left.parent)


def _rank(item: pytest.Item) -> int:
    return next((n for n, name in enumerate(("lab", "slow")) if item.get_closest_marker(name)), 2)


@pytest.fixture(scope="module", autouse=True)
def leaves_its_process_as_it_was() -> Iterator[None]:
    """A file that changes the process fails itself, and not the next one's tests."""
    before = environment()
    yield
    assert leftovers(before) == []


@dataclass(frozen=True)
class Assembly:
    """What one synth wrote and said."""

    folder: Path
    exit_code: int
    said: str

    def template(self, stack: str) -> dict[str, Any]:
        """The template of a stack, by its name without the suffix, such as `Data-cac1`."""
        found: dict[str, Any] = json.loads((self.folder / f"{stack}.template.json").read_text())
        return found

    def stacks(self) -> list[str]:
        """Every stack's name without the suffix."""
        return sorted(one.name.split(".")[0] for one in self.folder.glob("*.template.json"))

    def resources(self, stack: str, resource_type: str) -> list[dict[str, Any]]:
        """The resources of one type in one stack."""
        every = self.template(stack)["Resources"].values()
        return [one for one in every if one["Type"] == resource_type]


def synthesize(folder: Path, *arguments: str) -> Assembly:
    """Run the app as `make synth` does."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "app.py"), "--out", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    return Assembly(folder, done.returncode, done.stdout + done.stderr)


@pytest.fixture(scope="session")
def assembly_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Assembly]:
    """From a profile, a suffix other than `test` if one is given, and settings (`key=value`) to its assembly;
    made once."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if WORKER else own

    @functools.cache
    def made(profile: str, suffix: str = "test", *settings: str) -> Assembly:
        folder = shared / "-".join(("assembly", profile, suffix, *settings))
        folder.mkdir(exist_ok=True)
        told = folder / "told.json"
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the other worker makes it, or has made it
            if not told.exists():
                context = [word for one in settings for word in ("-c", one)]
                new = synthesize(folder / "out", "--profile", profile, "--suffix", suffix, *context)
                told.write_text(json.dumps([new.exit_code, new.said]))
        assembly = Assembly(folder / "out", *json.loads(told.read_text()))
        assert assembly.exit_code == 0, assembly.said
        return assembly

    return made


@pytest.fixture(scope="session")
def dev(assembly_of: Callable[..., Assembly]) -> Assembly:
    """The dev profile's assembly."""
    return assembly_of("dev")
