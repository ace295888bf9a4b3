"""Starting, killing, stopping (SIGSTOP) and reaping the lab's processes; nothing is left behind.

Every process has a session of its own, a log file, and a line in `processes.json`, so that another
invocation (`python -m lab down`) can end what this one started. Signals go to the whole tree below a
process: PostgreSQL's backends leave the process group, so a group signal would miss them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from lab.waiting import LabError

STOP_GRACE_SECONDS = 4.0


@dataclass
class Running:
    """One started process. `region` is empty for what belongs to no region (emulator, proxies)."""

    name: str
    region: str
    stop_signal: int
    popen: subprocess.Popen[bytes]
    started: float
    """The process's own creation time: with the pid it is an identity that is never reused."""

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None


def tree(pid: int, started: float | None = None) -> list[psutil.Process]:
    """The process and everything below it; empty when it is gone (or the pid is another's now)."""
    try:
        top = psutil.Process(pid)
        if started is not None and abs(top.create_time() - started) > 1.0:
            return []
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def send(members: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to each that still exists."""
    for member in members:
        try:
            member.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def end_trees(tops: Iterable[tuple[int, float, int]], grace_seconds: float) -> None:
    """End process trees: the stop signal to the top, time to obey, then SIGKILL for all."""
    members: list[psutil.Process] = []
    for pid, started, stop_signal in tops:
        found = tree(pid, started)
        # A stopped process obeys nothing but SIGKILL: let it run first.
        send(found, signal.SIGCONT)
        send(found[:1], stop_signal)
        members += found
    _gone, left = psutil.wait_procs(members, timeout=grace_seconds)
    send(left, signal.SIGKILL)
    psutil.wait_procs(left, timeout=2.0)


class Processes:
    """The lab's processes by name. Thread-safe: the controller restarts while the drill kills."""

    def __init__(self, workdir: Path) -> None:
        self.logs = workdir / "logs"
        self.state_file = workdir / "processes.json"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._running: dict[str, Running] = {}
        self._lock = threading.RLock()

    def start(
        self,
        name: str,
        argv: list[str],
        *,
        env: Mapping[str, str] | None = None,
        region: str = "",
        cwd: Path | None = None,
        stop_signal: int = signal.SIGTERM,
    ) -> Running:
        """Start a process; its output is appended to `logs/{name}.log`. Raises OSError."""
        with self._lock:
            with (self.logs / f"{name}.log").open("ab") as log:
                popen = subprocess.Popen(
                    argv,
                    env=dict(env) if env is not None else None,
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            try:
                started = psutil.Process(popen.pid).create_time()
            except psutil.NoSuchProcess:
                started = time.time()
            running = Running(name, region, stop_signal, popen, started)
            self._running[name] = running
            self._write()
            return running

    def get(self, name: str) -> Running | None:
        with self._lock:
            return self._running.get(name)

    def named(self, prefix: str) -> list[Running]:
        """Processes whose name starts with `prefix`."""
        with self._lock:
            return [run for name, run in self._running.items() if name.startswith(prefix)]

    def of_region(self, region: str) -> list[Running]:
        """The data plane of a region."""
        with self._lock:
            return [run for run in self._running.values() if run.region == region]

    def signal(self, name: str, number: int) -> None:
        """Send a signal to the tree of a process (SIGKILL: a crash; SIGSTOP: a hang)."""
        running = self.get(name)
        if running is not None:
            send(tree(running.pid, running.started), number)
            if number == signal.SIGKILL:
                running.popen.wait(timeout=5)

    def stop(self, name: str) -> None:
        """End one process in order and forget it."""
        with self._lock:
            running = self._running.pop(name, None)
            self._write()
        if running is not None:
            end_trees([(running.pid, running.started, running.stop_signal)], STOP_GRACE_SECONDS)
            running.popen.wait(timeout=5)

    def kill_all(self, names: Iterable[str]) -> None:
        """Kill these at one moment and forget them: nobody asks what they would have said at their end."""
        with self._lock:
            gone = [run for name in names if (run := self._running.pop(name, None)) is not None]
            self._write()
        members = [member for run in gone for member in tree(run.pid, run.started)]
        send(members, signal.SIGKILL)
        psutil.wait_procs(members, timeout=STOP_GRACE_SECONDS)
        for run in gone:
            run.popen.wait(timeout=5)

    def stop_all(self) -> None:
        """End everything. Safe to call twice."""
        with self._lock:
            gone = list(self._running.values())
            self._running.clear()
        end_trees([(run.pid, run.started, run.stop_signal) for run in gone], STOP_GRACE_SECONDS)
        for run in gone:
            try:
                run.popen.wait(timeout=2)
            except subprocess.TimeoutExpired:
                continue
        self.state_file.unlink(missing_ok=True)

    def require_alive(self, name: str) -> None:
        """Raises LabError with the process's last words when it has ended."""
        running = self.get(name)
        if running is None or not running.alive:
            raise LabError(f"The process {name} has ended: {self.tail(name)}")

    def tail(self, name: str, lines: int = 5) -> str:
        """The last lines a process wrote, for the sentence that says why it died."""
        log = self.logs / f"{name}.log"
        if not log.is_file():
            return "(no log)"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])

    def _write(self) -> None:
        rows = [
            {"name": r.name, "region": r.region, "pid": r.pid, "started": r.started,
             "stop_signal": int(r.stop_signal)}
            for r in self._running.values()
        ]  # fmt: skip
        scratch = self.state_file.with_suffix(".tmp")
        scratch.write_text(json.dumps({"owner": os.getpid(), "processes": rows}, indent=1))
        scratch.replace(self.state_file)


def end_leftovers(workdir: Path) -> list[str]:
    """End what an earlier run left (it was killed, or runs in another terminal). Returns names."""
    state_file = workdir / "processes.json"
    if not state_file.is_file():
        return []
    rows = json.loads(state_file.read_text())["processes"]
    alive = [row for row in rows if tree(row["pid"], row["started"])]
    end_trees([(row["pid"], row["started"], row["stop_signal"]) for row in alive], 3.0)
    state_file.unlink(missing_ok=True)
    return [str(row["name"]) for row in alive]
