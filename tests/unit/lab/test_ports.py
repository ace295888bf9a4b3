"""Two runs on one machine: their ports do not meet, and neither takes the other's lab for its own.

Real processes and real sockets; the locks are the kernel's.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from lab import Lab, LabError, folder, locks, ports
from lab.places import LOOPBACK, Places
from lab.toolkit import ROOT
from lab.waiting import port_free

SAYS_ITS_PORTS = """
import sys
from lab import Lab, ports
labs = [Lab(workdir=Path(sys.argv[1]) / str(n), say=lambda _: None) for n in range(3)]
print(*(lab.places.port_base for lab in labs), ports.free_port(), flush=True)
sys.stdin.read()
"""
FIRST = 30000
"""Where these tests begin: with locks of their own they must stay away from other runs' labs."""
HOLDS = f"""
import sys
from lab import folder, ports
ports.FIRST = {FIRST}
held = eval(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""

OWNS = "(folder.own(Path(sys.argv[2])), folder.write_port_base(Path(sys.argv[2]), 15300))"

Started = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def run() -> Iterator[Started]:
    """Starts a script in a process that lives until the test ends."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: object) -> subprocess.Popen[str]:
        one = subprocess.Popen(
            [sys.executable, "-c", "from pathlib import Path\n" + script, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        started.append(one)
        return one

    yield start
    for one in started:
        one.kill()
        one.communicate(timeout=10)


@pytest.fixture
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Locks of this test alone, and nothing held by this process."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(ports, "FIRST", FIRST)
    monkeypatch.setattr(ports, "_held", {})
    monkeypatch.setattr(ports, "_single", [])
    return tmp_path


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_labs_of_two_processes_share_no_port(run: Started, tmp_path: Path) -> None:
    processes = [run(SAYS_ITS_PORTS, tmp_path / name) for name in ("one", "two", "three")]
    answers = [[int(one) for one in said(process).split()] for process in processes]
    bases = [base for *of_labs, _single in answers for base in of_labs]
    assert len(bases) == 9
    taken = [port for base in bases for port in Places(base).all_ports().values()]
    taken += [single for *_of_labs, single in answers]
    assert len(taken) == len(set(taken))


def test_a_block_that_another_process_holds_is_skipped(run: Started, own_locks: Path) -> None:
    holder = run(HOLDS, "ports.free_block()")
    assert said(holder) == "held"
    first = _first_free()
    assert ports.free_block() > first
    assert (own_locks / f"lifeline-ports-{first}.lock").is_file()


def test_a_block_is_free_again_when_its_process_was_killed(run: Started, own_locks: Path) -> None:
    holder = run(HOLDS, "ports.free_block()")
    assert said(holder) == "held"
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=10)
    assert ports.free_block() == _first_free()


def test_a_block_with_a_taken_port_is_skipped(own_locks: Path) -> None:
    first = _first_free()
    with socket.socket() as other:
        other.bind((LOOPBACK, first + ports.BLOCK - 1))
        other.listen()
        assert ports.free_block() > first
    # It was not kept: the next one may have it.
    assert ports.free_block() == first


def test_no_block_touches_the_kernels_own_range() -> None:
    for ephemeral in ((32768, 60999), (14500, 14500), (20050, 30049), (1024, 64999)):
        for base in ports.blocks(ephemeral):
            assert base + ports.BLOCK - 1 < ephemeral[0] or base > ephemeral[1]
            assert base + ports.BLOCK - 1 <= 65535
    assert next(ports.blocks((32768, 60999))) == 14500
    assert next(ports.blocks((14599, 20000))) == 20100
    assert len(list(ports.blocks((32768, 60999)))) > 200


def test_the_kernels_range_is_read(tmp_path: Path) -> None:
    source = tmp_path / "range"
    source.write_text("20000\t30000\n")
    assert ports.ephemeral_range(source) == (20000, 30000)
    assert ports.ephemeral_range(tmp_path / "absent") == ports.EPHEMERAL_ELSEWHERE


def test_no_free_block_is_said_with_what_was_tried(
    own_locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = _free_blocks()[:2]
    monkeypatch.setattr(ports, "blocks", lambda _ephemeral: iter(two))
    assert [ports.free_block(), ports.free_block()] == two
    with pytest.raises(LabError, match=r"None of 2 blocks of 100 ports is free on 127\.0\.0\.1"):
        ports.free_block()


def test_ports_that_a_person_chose_are_refused_when_another_run_has_them(
    run: Started, own_locks: Path
) -> None:
    holder = run(HOLDS, "ports.free_block()")
    assert said(holder) == "held"
    first = _first_free()
    for base in (first, first - 50, first + 99):
        with pytest.raises(LabError, match=f"from {first} to {first + 99} are another run's"):
            _start(own_locks / "lab", base)
    second = _free_blocks()[1]
    ports.claim(second)
    assert ports.free_block() not in (first, second)
    # One run's own blocks are its own.
    ports.claim(second)


def test_single_ports_are_given_once(own_locks: Path) -> None:
    given = [ports.free_port() for _ in range(ports.BLOCK + 1)]
    assert len(set(given)) == len(given)
    assert len({port // ports.BLOCK for port in given}) == 2
    assert all(port_free(port) for port in given)


def test_a_second_lab_in_a_folder_is_refused_and_ends_nothing(run: Started, tmp_path: Path) -> None:
    holder = run(HOLDS, OWNS, tmp_path)
    assert said(holder) == "held"
    (tmp_path / "processes.json").write_text(_row(holder.pid))
    with pytest.raises(LabError, match=f"A lab runs in {tmp_path}: .* --lab-dir"):
        _start(tmp_path)
    assert holder.poll() is None
    assert folder.port_base_of_running(tmp_path) == 15300


def test_where_a_lab_listened_that_was_killed_is_not_believed(run: Started, tmp_path: Path) -> None:
    holder = run(HOLDS, OWNS, tmp_path)
    assert said(holder) == "held"
    holder.kill()
    holder.wait(timeout=10)
    for workdir in (tmp_path, tmp_path / "absent"):
        with pytest.raises(LabError, match=f"No lab runs in {workdir}"):
            folder.port_base_of_running(workdir)


def test_a_started_program_does_not_inherit_a_lock(tmp_path: Path) -> None:
    held = locks.hold(tmp_path / "one")
    assert held is not None
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        assert locks.hold(tmp_path / "one") is None
        held.release()
        held.release()
        again = locks.hold(tmp_path / "one")
        child.kill()
    assert again is not None
    again.release()


def _start(workdir: Path, port_base: int | None = None) -> None:
    """Start a lab; one that is not refused is stopped."""
    with Lab(workdir=workdir, port_base=port_base, say=_quiet, control_plane_only=True):
        return


def _row(pid: int) -> str:
    """What the lab of the folder started: this process."""
    row = {"name": "emulator", "region": "", "pid": pid, "stop_signal": int(signal.SIGTERM),
           "started": psutil.Process(pid).create_time()}  # fmt: skip
    return json.dumps({"owner": pid, "processes": [row]})


def _first_free() -> int:
    """What a process takes that finds no lock."""
    return _free_blocks()[0]


def _free_blocks() -> list[int]:
    """The blocks without a listener."""
    return [
        base
        for base in ports.blocks(ports.ephemeral_range())
        if all(port_free(port) for port in range(base, base + ports.BLOCK))
    ]


def _quiet(_line: str) -> None:
    return
