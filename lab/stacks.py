"""One environment's stacks: synthesized, rewritten for the emulator, deployed, updated, destroyed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import toolkit
from lab.assembly import Edit, Endpoints, Substitution, rewrite_assembly
from lab.overrides import endpoints
from lab.places import HOME, Places


@dataclass(frozen=True)
class Stacks:
    """The stacks of one suffix. Several can stand in one lab: its regions are one account's."""

    suffix: str
    profile: str
    places: Places
    folder: Path
    log: Path
    say: toolkit.Say
    program: Path = toolkit.ROOT / "app.py"
    endpoints: Endpoints = endpoints

    @property
    def assembly(self) -> Path:
        """The rewritten assembly: what is deployed and destroyed."""
        return self.folder / "assembly"

    def synthesize(self, settings: Mapping[str, str] | None = None) -> None:
        """Synthesize the app with these further context keys. Raises LabError."""
        toolkit.synthesize(
            self.folder / "synthesized", program=self.program, suffix=self.suffix,
            profile=self.profile, settings=settings,
        )  # fmt: skip

    def rewrite(self, edit: Edit | None = None) -> Substitution:
        """Rewrite what was synthesized; `edit` changes each template first."""
        return rewrite_assembly(
            self.folder / "synthesized", self.assembly, self.places, edit, self.endpoints
        )

    def of_region(self, region: str) -> list[str]:
        """The ids of the region's stacks, as the command line takes them."""
        return sorted(self._artifacts(region))

    def names(self, region: str) -> list[str]:
        """The names of the region's stacks, as CloudFormation knows them."""
        return sorted(each["properties"]["stackName"] for each in self._artifacts(region).values())

    def _artifacts(self, region: str) -> dict[str, Any]:
        artifacts = json.loads((self.assembly / "manifest.json").read_text())["artifacts"]
        return {
            name: artifact
            for name, artifact in artifacts.items()
            if artifact["type"] == "aws:cloudformation:stack"
            and artifact["environment"].endswith(f"/{region}")
        }

    def deploy(self, *, only: Sequence[str] = (), region: str = HOME) -> None:
        """`cdk deploy`: of all stacks, or of `only` these and nothing they depend on."""
        toolkit.deploy(self.assembly, self.places, self.log, self.say, only=only, region=region)

    def destroy(self) -> None:
        """`cdk destroy --all`. Raises LabError when a stack is left."""
        toolkit.destroy(self.assembly, self.places, self.log)
