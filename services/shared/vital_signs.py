"""The editable table `schemas/vital_signs.json`: which codes are vital signs, and what is plausible."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

TABLE = Path("schemas") / "vital_signs.json"


@dataclass(frozen=True)
class VitalSign:
    """`units`: lowest and highest plausible value by UCUM code."""

    name: str
    units: Mapping[str, tuple[float, float]]


@cache
def vital_signs() -> Mapping[str, VitalSign]:
    """By LOINC code. Raises ValueError that names what is wrong in the table."""
    return read_table((Path(str(files("lifeline"))) / TABLE).read_text())


def read_table(text: str) -> Mapping[str, VitalSign]:
    """Raises ValueError for a code without a unit, or limits that are not a lower and an upper number."""
    found = {}
    for code, row in json.loads(text)["vital_signs"].items():
        if not row["units"]:
            raise ValueError(f"{TABLE}: {code} has no unit; needed is at least one")
        for unit, limits in row["units"].items():
            if len(limits) != 2 or not limits[0] < limits[1]:
                raise ValueError(
                    f"{TABLE}: {code} in {unit} has the limits {limits}; needed are a lower and an upper one"
                )
        units = {unit: (float(low), float(high)) for unit, (low, high) in row["units"].items()}
        found[code] = VitalSign(row["name"], units)
    return found
