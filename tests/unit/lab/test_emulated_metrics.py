"""A function's metric lines are there while its run goes on, and when it is killed.

The emulator's worker stands in here in its smallest form, over a real process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lab.emulated_metrics import keep_metric_lines

SAYS = """
import sys, time
for line in ('START', '{"_aws": {"Timestamp": 1}, "TakeoverReady": 1}', 'goes on'):
    print(line, file=sys.stderr, flush=True)
time.sleep(60)
"""


class Worker:
    """What of `ministack.core.lambda_runtime.Worker` the lines go through."""

    func_name = "keeper-test"

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.config = {"FunctionArn": "arn:aws:lambda:ca-west-1:000000000000:function:keeper-test"}
        self._proc: Any = process
        self.read: list[str] = []

    def _read_stderr(self) -> None:
        for line in self._proc.stderr:
            self.read.append(line.rstrip("\n"))
            if line.startswith("goes on"):
                self._proc.kill()


def test_a_line_is_kept_before_the_run_ends_and_all_lines_are_read_on(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    keep_metric_lines(SimpleNamespace(Worker=Worker), file)
    command = [sys.executable, "-c", SAYS]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        worker = Worker(process)
        worker._read_stderr()
    assert worker.read == ["START", '{"_aws": {"Timestamp": 1}, "TakeoverReady": 1}', "goes on"]
    assert [json.loads(row) for row in file.read_text().splitlines()] == [
        {"region": "ca-west-1", "source": "keeper-test", "line": worker.read[1]}
    ]
