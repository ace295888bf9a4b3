"""Stacks and regions, from a synthesized assembly: what is deployed before what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.pictures.graph import Arrow, Box, Frame, Graph, Kind

STACK = "aws:cloudformation:stack"


def graph(assembly: Path) -> Graph:
    """Each region in a frame, each stack as far right as what it waits for; dashed from region to region."""
    stacks = _stacks(assembly)
    needs = {name: _direct(name, stacks) for name in stacks}
    regions = sorted({one["region"] for one in stacks.values()})
    boxes, frames, top = [], [], 0.0
    for number, region in enumerate(regions):
        members = [name for name, one in stacks.items() if one["region"] == region]
        rows: dict[int, int] = {}
        # The first region upside down: what the regions need of each other lies at the inside.
        for name in sorted(members, reverse=number == 0):
            depth = _depth(name, stacks, region)
            row = rows.get(depth, 0)
            rows[depth] = row + 1
            kind = Kind.STORE if name.startswith("Data") else Kind.PLAIN
            boxes.append(
                Box(_id(name), name, depth, top + row, (stacks[name]["description"],), kind)
            )
        frames.append(Frame(region, tuple(_id(name) for name in members)))
        top += max(rows.values()) + 0.6
    arrows = [
        Arrow(_id(name), _id(waiting), dashed=stacks[name]["region"] != stacks[waiting]["region"])
        for waiting, names in needs.items()
        for name in sorted(names)
    ]
    return Graph("Stacks and regions", boxes, arrows, frames, cell=(250, 84))


def _stacks(assembly: Path) -> dict[str, dict[str, Any]]:
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    found = {}
    for name, one in sorted(artifacts.items()):
        if one["type"] != STACK:
            continue
        template = json.loads((assembly / one["properties"]["templateFile"]).read_text())
        found[name] = {
            "region": one["environment"].rsplit("/", 1)[-1],
            "description": template.get("Description", ""),
            "needs": one.get("dependencies", []),
        }
    for one in found.values():
        one["needs"] = {name for name in one["needs"] if name in found}
    return found


def _direct(name: str, stacks: dict[str, dict[str, Any]]) -> set[str]:
    """What `name` waits for, without what those wait for already."""
    needs: set[str] = stacks[name]["needs"]
    return {
        one
        for one in needs
        if not any(one in _all_needs(other, stacks) for other in needs if other != one)
    }


def _all_needs(name: str, stacks: dict[str, dict[str, Any]]) -> set[str]:
    found: set[str] = set()
    for one in stacks[name]["needs"]:
        found |= {one} | _all_needs(one, stacks)
    return found


def _depth(name: str, stacks: dict[str, dict[str, Any]], region: str = "") -> int:
    """How many stacks come before it; of one region only, if one is given."""
    needs = [one for one in stacks[name]["needs"] if region in ("", stacks[one]["region"])]
    return 1 + max((_depth(one, stacks, region) for one in needs), default=-1)


def _id(name: str) -> str:
    return name.replace("-", "_")
