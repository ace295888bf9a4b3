"""What `make mutants` writes and shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.mutants.areas import Area
from scripts.mutants.mutant import Result


def report(results: Mapping[Area, Sequence[Result]]) -> dict[str, Any]:
    """By area: the numbers, the score in percent, each survivor. One that never ended was noticed, too."""
    found = {}
    for area, of_area in results.items():
        count = Counter(one.outcome for one in of_area)
        noticed = count["killed"] + count["timeout"]
        found[area.name] = {
            "mutants": len(of_area),
            "killed": count["killed"],
            "survived": count["survived"],
            "timeout": count["timeout"],
            "score": round(100 * noticed / len(of_area), 1) if of_area else 0.0,
            "wanted": area.wanted,
            "survivors": [
                {
                    "place": f"{one.file}:{one.line}",
                    "was": one.was,
                    "becomes": one.becomes,
                    "tests": one.tests,
                }
                for one in of_area
                if one.outcome == "survived"
            ],
        }
    return found


def show(found: Mapping[str, Any], sample: int | None = None) -> int:
    """Print the survivors, a table and a verdict; answers the exit status."""
    console = Console(highlight=False, soft_wrap=True)
    for name, area in found.items():
        for one in area["survivors"]:
            unreached = "" if one["tests"] else "  (no test reaches it)"
            console.print(f"{name} {one['place']}{unreached}", markup=False)
            console.print(f"  - {one['was']}\n  + {one['becomes']}", markup=False)
    table = Table("area", *("mutants", "killed", "timeout", "survived", "score %", "wanted %"))
    for name, area in found.items():
        numbers = ("mutants", "killed", "timeout", "survived", "score", "wanted")
        table.add_row(name, *(str(area[number]) for number in numbers))
    console.print(table)
    of_sample = f" in a sample of {sample} an area" if sample else ""
    low = [
        f"{name} {area['score']} % ({area['wanted']} % wanted)"
        for name, area in found.items()
        if area["score"] < area["wanted"]
    ]
    if low:
        console.print(f"FAIL: too few mutants were noticed{of_sample}: {', '.join(low)}")
        return 1
    console.print(f"PASS: each area's tests notice enough mutants{of_sample}")
    return 0
