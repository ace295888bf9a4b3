"""Somebody else's application in the lab's regions: its own stacks, tables and functions, our failover.

    with ApplicationLab(Path("examples/existing_application"), suffix="vitals") as lab:
        lab.deploy()
        lab.lose("ca-central-1")

Where `Lab` stands for what our services need, this one knows only a global database, functions and an API
that the emulator runs itself; there is no log and no service of ours.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lab import deployment, engines
from lab.controller import ROOT
from lab.deployment import DeployReport
from lab.lab import Lab, RegionEndpoints
from lab.overrides import endpoints
from lab.places import CODES, DATA_REGIONS, HOME, LOOPBACK, RECOVERY, Places
from lab.stacks import Stacks
from lab.waiting import LabError


class ApplicationLab(Lab):
    """Two data regions and the witness for the program in `folder`, whose failover has this suffix.

    The database and its user are called like the suffix. `tables` is the application's own schema in its
    folder; it makes the user.
    """

    def __init__(self, folder: Path, *, suffix: str, tables: str, workdir: Path) -> None:
        super().__init__(suffix=suffix, workdir=workdir)
        self.folder = folder.resolve()
        self.tables = tables

    def _start_data_plane(self) -> None:
        self.databases = engines.start_databases(self.processes, self.places, self.workdir)
        home = self.databases[HOME]
        home.sql(f"CREATE DATABASE {self.suffix}", database="postgres")
        self.regions = {
            region: RegionEndpoints(
                gateway_url=f"http://{LOOPBACK}:{self.places.gateway(region)}",
                database_dsn=self.databases[region].dsn,
                kafka_bootstrap="",
                query_api_url="",
            )
            for region in DATA_REGIONS
        }

    def stacks(self, suffix: str = "") -> Stacks:
        """The application's stacks: they have names of their own, whatever the suffix."""
        return Stacks(
            suffix=self.suffix, profile=self.profile, places=self.places, folder=self.workdir,
            log=self.processes.logs / "cdk.log", say=self.say, program=self.folder / "app.py",
            endpoints=self._endpoints,
        )  # fmt: skip

    def _endpoints(self, places: Places, region: str) -> dict[str, str]:
        """Our functions' endpoints and the application's own, under the names that it gave them."""
        seen = endpoints(places, region)
        if region not in DATA_REGIONS:
            return seen
        return seen | {
            "DATABASE_NAME": self.suffix,
            "DATABASE_USER": self.suffix,
            "DB_HOSTS": LOOPBACK,
            "DB_PORT": str(places.database(region)),
            "DB_SIGN_IN": "none",
            "DB_CA_FILE": places.ca_file,
        }

    def deploy(self) -> DeployReport:
        """Deploy the application, make its tables and the failover's, create the lease, start."""
        report = self.deploy_stacks()
        with self._timed(report, "start the application"):
            home = self.databases[HOME]
            schema = deployment.command(self.places, "authority", "schema", "--user", self.suffix)
            for sql in ((self.folder / self.tables).read_text(), schema):
                home.sql(sql, database=self.suffix)
            deployment.initialize_authority(
                self.places, self.suffix, self.databases[RECOVERY], database=self.suffix
            )
            for region in DATA_REGIONS:
                self._start_front(region)
            self._follow({})
            self._await_apis()
        return report

    def _start_front(self, region: str) -> None:
        """The region's API, behind the region's own proxy: the emulator runs it, its address is here."""
        apis = self.observer("apigateway", region).get_rest_apis(limit=500)["items"]
        if len(apis) != 1:
            raise LabError(f"The application has {len(apis)} APIs in {region}; needed is one.")
        stages = self.observer("apigateway", region).get_stages(restApiId=apis[0]["id"])["item"]
        proxy = self.places.proxy_url(CODES[region])
        upstream = f"{proxy}/restapis/{apis[0]['id']}/{stages[0]['stageName']}/_user_request_"
        self.processes.start(
            f"api-{CODES[region]}",
            [sys.executable, "-m", "lab.api_front", str(self.places.gateway(region)), upstream],
            region=region, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
