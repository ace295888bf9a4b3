"""One environment's stacks: synthesized, judged as AWS would, rewritten, deployed, updated, destroyed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import toolkit
from lab.assembly import Edit, Endpoints, Substitution, rewrite_assembly
from lab.calls import Clients
from lab.overrides import endpoints
from lab.places import HOME, Places
from lab.refusals import Refusal, Surroundings, judge
from lab.refusals.situation import Template
from lab.waiting import LabError

ASKED, DEPLOYED = "asked.json", "deployed.json"
"""In the stacks' folder, by stack: the templates to deploy, and those that stand."""
LAMBDA_CONCURRENCY = 1_000
"""Lambda's default quota of a region; the emulator's own follows the machine's cores."""
Templates = dict[str, tuple[str, Template]]


class Refused(LabError):
    """AWS would not have taken the deployment."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusals)
        super().__init__("AWS refuses this deployment:\n" + "\n".join(map(str, refusals)))


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
        done = rewrite_assembly(
            self.folder / "synthesized", self.assembly, self.places, edit, self.endpoints
        )
        self._write(ASKED, done.asked)
        return done

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
        """`cdk deploy`: of all stacks, or of `only` these and nothing they depend on.

        Raises Refused, before anything is changed, for what AWS would not take.
        """
        chosen = self.require_allowed(only)
        deployed = self._read(DEPLOYED)
        # What stands after a failure is not known: the next change of these is not judged.
        self._write(DEPLOYED, {n: one for n, one in deployed.items() if n not in chosen})
        toolkit.deploy(self.assembly, self.places, self.log, self.say, only=only, region=region)
        self._write(DEPLOYED, {**deployed, **chosen})

    def require_allowed(self, only: Sequence[str] = ()) -> Templates:
        """The templates of all stacks, or of `only` these. Raises Refused for what AWS would not take."""
        asked = self._read(ASKED)
        chosen = {name: one for name, one in asked.items() if not only or name in only}
        refusals = self._judge(chosen, asked, self._read(DEPLOYED))
        if refusals:
            raise Refused(refusals)
        return chosen

    def destroy(self) -> None:
        """`cdk destroy --all`. Raises LabError when a stack is left, Refused as `deploy`."""
        deployed = self._read(DEPLOYED)
        gone = [judge({}, region, before) for region, before in deployed.values()]
        if any(gone):
            raise Refused([refusal for each in gone for refusal in each])
        self._write(DEPLOYED, {})
        toolkit.destroy(self.assembly, self.places, self.log)

    def _judge(self, chosen: Templates, asked: Templates, deployed: Templates) -> list[Refusal]:
        clients = Clients(self.places)
        roles = {region: _has_log_role(clients, region) for region, _ in chosen.values()}
        found: list[Refusal] = []
        for name, (region, template) in chosen.items():
            around = Surroundings(
                other_stacks=tuple(one for other, one in asked.items() if other != name),
                account_log_role=roles[region],
                lambda_concurrency=LAMBDA_CONCURRENCY,
            )
            before = deployed[name][1] if name in deployed else None
            found += judge(template, region, before, around)
        return found

    def _read(self, name: str) -> Templates:
        path = self.folder / name
        found = json.loads(path.read_text()) if path.is_file() else {}
        return {stack: (region, template) for stack, (region, template) in found.items()}

    def _write(self, name: str, templates: Mapping[str, tuple[str, Template]]) -> None:
        (self.folder / name).write_text(json.dumps(templates))


def _has_log_role(clients: Clients, region: str) -> bool:
    """Whether the emulator's account lets API Gateway write logs in the region."""
    return bool(clients.observer("apigateway", region).get_account().get("cloudwatchRoleArn"))
