"""How a command ends: exit codes, and the table of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PASSED, FAILED, BAD_INPUT, INVALIDATED, INTERRUPTED = 0, 1, 2, 3, 130
EXIT_CODES = (
    "Exit codes: 0 passed · 1 failed · 2 bad input · 3 invalid: the fault had no measured effect, "
    "or clients were not served before it · 130 interrupted, then there is no evidence."
)


def status(verdict: str) -> int:
    from drill.verdict import INVALID, PASS

    return {PASS: PASSED, INVALID: INVALIDATED}.get(verdict, FAILED)


def print_table(body: Mapping[str, Any]) -> None:
    from drill.report import table
    from drill.story import sentence

    print()
    for name, value in table(body):
        print(f"  {name:<24}{value:>16}")
    for name, met in body["objectives_met"].items():
        if not met:
            print(f"  not met: {name.replace('_', ' ')}")
    for failure in body["failures"]:
        print(f"  {failure}")
    for name, why in body.get("unexamined", {}).items():
        print(f"  not examined: {name.replace('_', ' ')}. {why}")
    print(f"\n{sentence(body)}\n")
