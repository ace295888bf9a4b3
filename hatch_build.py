"""What the wheel holds in the places of the checkout's links (docs/decisions/0012-one-name-lifeline.md).

An editable install needs none of it: there the links themselves lead on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = {
    "lambdas": "lifeline/lambdas",
    "services": "lifeline/services",
    "stacks": "lifeline/stacks",
    "schemas": "lifeline/schemas",
    "docs": "lifeline/docs",
    "build/lambda/pure": "lifeline/_packages/pure",
    "build/lambda/native": "lifeline/_packages/native",
}


class LinkedFolders(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the linked folders into a wheel. Raises ValueError when the packages were not fetched."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        missing = [name for name in FOLDERS if not (Path(self.root) / name).is_dir()]
        if missing:
            raise ValueError(
                f"The wheel needs {', '.join(missing)}; `make wheel` fetches the functions' packages."
            )
        build_data["force_include"].update(FOLDERS)
