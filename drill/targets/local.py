"""The local lab as a drill's target."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drill.edge_token import EdgeTokens
from drill.scenarios import Break
from drill.targets import BrokenThing, Deployed, Endpoints
from lab import Lab

WORKDIR = Path("build/lab")


class LocalTarget:
    """`keep`: wait for Enter before the lab is stopped, so that a person can look around.

    `replicator`: other settings of the replicator than the product's, to see a drill fail."""

    name = "lab"
    profile = "dev"
    exceptions: Mapping[str, str] = MappingProxyType(
        {
            "files": "The emulator has no replica of a file system that could be made writable.",
            "secrets": "The emulator does not make a replica of a secret one of its own.",
        }
    )
    least_share_answered = 0.8
    """Emulator, databases, logs and edges share one machine's cores: now and then one takes over 3 s."""
    home = "ca-central-1"
    standby = "ca-west-1"
    witness = "us-east-2"

    def __init__(
        self,
        *,
        suffix: str = "drill",
        keep: bool = False,
        workdir: Path = WORKDIR,
        port_base: int | None = None,
        replicator: str | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.suffix = suffix
        self._keep = keep
        self._say = say
        self._workdir = workdir
        self._tokens: dict[str, EdgeTokens] = {}
        self._lab = Lab(
            suffix=suffix, workdir=workdir, port_base=port_base, replicator=replicator, say=say
        )

    def __enter__(self) -> LocalTarget:
        self._lab.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._keep and kind is not KeyboardInterrupt:
                self._say("The lab keeps running. Press Enter to stop it.")
                input()
        except (EOFError, KeyboardInterrupt):
            pass
        finally:
            self._lab.__exit__(kind, error, trace)

    def deploy(self) -> Deployed:
        report = self._lab.deploy()
        self._tokens = {
            region: EdgeTokens(one.token_url, one.client_id, one.client_secret)
            for region, one in self._lab.edge_credentials().items()
        }
        return Deployed(
            resources={
                "native": report.native,
                "provided": report.provided,
                "inert": report.inert,
            },
            templates=_hash_of_templates(self._workdir / "synthesized"),
        )

    def endpoints(self) -> Mapping[str, Endpoints]:
        return {
            region: Endpoints(
                one.gateway_url, one.database_dsn, one.kafka_bootstrap, self._tokens.get(region)
            )
            for region, one in self._lab.regions.items()
        }

    def observer(self, service: str, region: str) -> Any:
        return self._lab.observer(service, region)

    def bring_about(self, what: Break) -> Sequence[BrokenThing]:
        match what:
            case Break.NOTHING:
                return []
            case Break.LOSE_HOME:
                faults = self._lab.lose(self.home)
            case Break.HANG_HOME:
                faults = self._lab.hang(self.home)
            case Break.HANG_HOME_CONTROL_PLANE:
                faults = self._lab.hang_control_plane(self.home)
            case Break.CUT_LINK:
                faults = self._lab.cut_link()
        return [BrokenThing(one.at, one.kind, one.target, one.detail) for one in faults]

    def control_plane_answers(self, region: str) -> bool:
        try:
            self._lab.client("dynamodb", region).list_tables(Limit=1)
        except (BotoCoreError, ClientError):
            return False
        return True

    def heal(self) -> None:
        """Take every fault back; what was killed stays dead."""
        self._lab.heal()

    def kill_applier(self, region: str) -> int:
        return self._lab.kill_service(region, service="event-applier")


def _hash_of_templates(folder: Path) -> str:
    """One hash over all synthesized templates, so that evidence names what was deployed."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.template.json")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
