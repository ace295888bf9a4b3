"""Run tests in a process of their own, as they are and with one mutant.

Each run is a fork: the packages that tests import are loaded once. A mutant exists in that process only: it
takes the file's place when the file is imported, so no file is ever changed.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from scripts.mutants.areas import ROOT

WARM = ("boto3", "cryptography.x509", "hypothesis", "moto", "orjson", "psutil", "rich.console")
"""What many tests import, and what starts no thread."""
NOT_THESE = "not lab and not slow and not soak and not synth and not postgres and not alone"
CALLS_LOOKED_AT = 100
"""Of a function in one test: a test that calls it a million times would take minutes under the tracer."""
CALLS_OF_A_TEST = 200_000
"""Then it is traced no longer, for the same reason."""
MEMORY_BYTES = 3 << 30
"""What a mutant may take: one that never ends must not take the machine's."""


@dataclass(frozen=True)
class SeenTest:
    """A test, how long it took under the tracer, and the lines of each source that it ran."""

    name: str
    seconds: float
    passed: bool
    lines: dict[str, frozenset[int]]


class Recorder:
    """A plugin of pytest that notes for each test the lines it runs of some files.

    What a test's file runs when it is imported, a table that it makes once, counts for each of its tests.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self.real = {str(ROOT / path): path for path in paths}
        self.seen: list[dict[str, Any]] = []
        self._imported: dict[str, dict[str, set[int]]] = {}
        self._lines: dict[str, set[int]] = {}
        self._calls: Counter[CodeType] = Counter()
        self._called = 0
        self._passed = True

    @functools.cache  # noqa: B019 - the recorder lives as long as its process
    def _path(self, filename: str) -> str | None:
        return self.real.get(os.path.realpath(filename))

    def trace(self, frame: FrameType, event: str, arg: object) -> Any:
        """The function for `sys.settrace`."""
        if frame.f_code.co_name == "<module>":
            return None
        path = self._path(frame.f_code.co_filename)
        self._calls[frame.f_code] += 1
        self._called += 1
        if self._called > CALLS_OF_A_TEST:
            sys.settrace(None)
        if path is None or self._calls[frame.f_code] > CALLS_LOOKED_AT:
            return None
        lines = self._lines.setdefault(path, set())

        def line(frame: FrameType, event: str, arg: object) -> Any:
            lines.add(frame.f_lineno)
            return line

        return line(frame, event, arg)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Any:
        if not isinstance(collector, pytest.Module):
            return (yield)
        self._lines, self._calls, self._called = {}, Counter(), 0
        sys.settrace(self.trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self._imported[collector.nodeid] = self._lines

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self._lines, self._calls, self._called, self._passed = {}, Counter(), 0, True
        began = time.monotonic()
        threading.settrace(self.trace)
        sys.settrace(self.trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            for path, imported in self._imported[item.nodeid.partition("::")[0]].items():
                self._lines.setdefault(path, set()).update(imported)
            self.seen.append(
                {
                    "name": item.nodeid,
                    "seconds": round(time.monotonic() - began, 3),
                    "passed": self._passed,
                    "lines": {path: sorted(lines) for path, lines in self._lines.items()},
                }
            )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._passed = self._passed and not report.failed


class Selection:
    """A plugin of pytest that runs the named tests only, in the order of their names' list."""

    def __init__(self, names: Iterable[str]) -> None:
        self.place = {name: number for number, name in enumerate(names)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (one for one in items if one.nodeid in self.place),
            key=lambda one: self.place[one.nodeid],
        )


def seen_test(found: dict[str, Any]) -> SeenTest:
    """A test as `seen` told it."""
    lines = {path: frozenset(of_file) for path, of_file in found["lines"].items()}
    return SeenTest(found["name"], found["seconds"], found["passed"], lines)


def seen(paths: list[str], tests: Iterable[str]) -> list[dict[str, Any]]:
    """Run the tests once, traced. Raises RuntimeError if that does not end."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        told = Path(folder) / "seen.json"

        def work() -> int:
            recorder = Recorder(paths)
            _pytest([*tests, "-m", NOT_THESE], [recorder], folder)
            told.write_text(json.dumps(recorder.seen))
            return 0

        code = forked(work, 1_800)
        if code != 0:
            raise RuntimeError(f"the tests' own run ended with {code}")
        found: list[dict[str, Any]] = json.loads(told.read_text())
        return found


def outcome(path: str, source: str, tests: list[str], seconds: float) -> str:
    """`killed`, `survived` or `timeout`: what the tests make of `path` with another text."""

    def work() -> int:
        _replace(path, source)
        files = list(dict.fromkeys(name.partition("::")[0] for name in tests))
        return _pytest([*files, "-x"], [Selection(tests)], folder)

    folder = tempfile.mkdtemp(prefix="mutant-")
    try:
        code = forked(work, seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise RuntimeError(f"none of the tests was found again: {tests[:3]}")
    return "timeout" if code is None else "survived" if code == 0 else "killed"


def forked(work: Callable[[], int], seconds: float) -> int | None:
    """What `work` answers in a process of its own; None if that took too long and was ended."""
    pid = os.fork()
    if pid == 0:
        code = 70
        with contextlib.suppress(BaseException):
            os.setsid()
            nowhere = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nowhere, descriptor)
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
            code = work()
        os._exit(code)
    deadline = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        time.sleep(0.01)


def warm() -> None:
    """Import what each fork would import again."""
    for name in WARM:
        importlib.import_module(name)


def _replace(path: str, source: str) -> None:
    """From now on, an import of the file gets this text, under whatever name."""
    target = str(ROOT / path)
    get_code = SourceFileLoader.get_code

    def changed(loader: SourceFileLoader, fullname: str) -> Any:
        if os.path.realpath(loader.path) == target:
            return compile(source, loader.path, "exec", dont_inherit=True)
        return get_code(loader, fullname)

    setattr(SourceFileLoader, "get_code", changed)  # noqa: B010 - mypy refuses an assignment


def _pytest(arguments: list[str], plugins: list[object], folder: str) -> int:
    from hypothesis import Phase, settings

    # The same examples each time, none kept, and no time lost on making a found one smaller.
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile(
        "mutants", database=None, deadline=None, derandomize=True, phases=phases
    )
    settings.load_profile("mutants")
    os.environ["TMPDIR"] = folder
    tempfile.tempdir = folder
    os.chdir(ROOT)
    base = f"--basetemp={folder}/tests"
    return int(pytest.main([*arguments, "-n0", "--no-header", base], plugins=plugins))
