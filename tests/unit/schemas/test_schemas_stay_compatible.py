"""Schema evolution: against the released copy, a new field needs a default and a type never changes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"
RELEASED = sorted(
    path.relative_to(SCHEMAS / "released") for path in (SCHEMAS / "released").rglob("*.json")
)


def broken(old: Any, new: Any, place: str = "") -> list[str]:
    """What an event that the old schema accepted could now be refused for, or mean differently."""
    found = []
    for key in ("type", "const", "format"):
        if old.get(key) != new.get(key):
            found.append(f"{place}: {key} changed")
    if not set(new.get("required", [])) <= set(old.get("required", [])):
        found.append(f"{place}: more is required")
    if not set(old.get("enum", [])) <= set(new.get("enum", [])):
        found.append(f"{place}: enum lost values")
    before, after = old.get("properties", {}), new.get("properties", {})
    found += [f"{place}/{name}: removed" for name in before.keys() - after.keys()]
    found += [
        f"{place}/{name}: new without a default"
        for name in after.keys() - before.keys()
        if "default" not in after[name]
    ]
    for name in before.keys() & after.keys():
        found += broken(before[name], after[name], f"{place}/{name}")
    if "items" in old:
        found += broken(old["items"], new.get("items", {}), f"{place}[]")
    return found


@pytest.mark.parametrize("name", RELEASED, ids=str)
def test_a_released_schema_is_still_kept(name: Path) -> None:
    old = json.loads((SCHEMAS / "released" / name).read_text())
    new = json.loads((SCHEMAS / name).read_text())
    assert broken(old, new) == []


def test_every_schema_is_released() -> None:
    current = {path.relative_to(SCHEMAS) for path in (SCHEMAS / "events").glob("*.json")}
    assert current | {Path("envelope.schema.json")} == set(RELEASED)


def test_the_comparison_sees_each_kind_of_break() -> None:
    old = json.loads((SCHEMAS / "envelope.schema.json").read_text())
    new = copy.deepcopy(old)
    new["properties"]["sequence"]["type"] = "string"
    new["properties"]["extra"] = {"type": "string"}
    new["required"] = [*new["required"], "extra"]
    del new["properties"]["aggregateType"]
    assert len(broken(old, new)) == 4
