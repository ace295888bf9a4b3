"""The world of a written cloud assembly."""

from __future__ import annotations

import json
from pathlib import Path

from lifeline.compliance.reach.world import Template, World
from lifeline.compliance.synthesized_environment import REGION_OF_ENVIRONMENT


def world_of(folder: Path) -> World:
    """Every stack of an assembly. Raises OSError or KeyError for anything else."""
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    found = []
    for name, artifact in sorted(artifacts.items()):
        if artifact["type"] != "aws:cloudformation:stack":
            continue
        region = REGION_OF_ENVIRONMENT.fullmatch(artifact["environment"])
        properties = artifact["properties"]
        body = json.loads((folder / properties["templateFile"]).read_text())
        stack_name = properties.get("stackName", name)
        found.append(Template(name, region["region"] if region else "", body, stack_name))
    return World(found)
