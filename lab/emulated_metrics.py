"""The functions' metric lines as they are written: the emulator shows a run's log only when the run ends.

Runs in the emulator's process. On AWS, CloudWatch Logs has a line within seconds, also of a run that goes on
for three minutes or dies. Only lines in embedded metric format are kept; each with its region and function.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MARK = '"_aws"'


def keep_metric_lines(runtime: Any, file: Path) -> None:
    """Append to `file` what functions tell. `runtime` is the module `ministack.core.lambda_runtime`."""
    read = runtime.Worker._read_stderr
    alone = threading.Lock()

    def following(worker: Any) -> None:
        process = worker._proc
        region = str(worker.config.get("FunctionArn", "")).split(":")[3:4]
        # The reader takes what it reads from here, so that no line is lost to it.
        process.stderr = _Followed(process.stderr, worker.func_name, region, file, alone)
        read(worker)

    runtime.Worker._read_stderr = following


class _Followed:
    """A text stream that keeps the metric lines that are read from it."""

    def __init__(
        self, stream: Any, function: str, region: list[str], file: Path, alone: threading.Lock
    ) -> None:
        self._stream, self._file, self._alone = stream, file, alone
        self._of = {"region": "".join(region), "source": function}

    def __iter__(self) -> Iterator[str]:
        for line in self._stream:
            if MARK in line:
                with self._alone, self._file.open("a") as kept:
                    kept.write(json.dumps({**self._of, "line": line.rstrip("\n")}) + "\n")
            yield line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
