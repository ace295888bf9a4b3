"""The plan's step `cache` against two real servers that replicate, behind the lab's control plane."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from valkey.exceptions import ReadOnlyError, ValkeyError

from lab import Lab, engines
from lab.controller import Controller
from lab.faults import post_rules
from lab.places import ACCOUNT, CODES, HOME, RECOVERY, WITNESS
from lab.valkey import CacheServer
from lab.waiting import until
from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.failover_step import FailoverStepContract
from lifeline.lambdas.failover_step.cache_step import promote_cache
from lifeline.lambdas.failover_step.context import StepContext

SUFFIX = "promoted"
GROUP = f"cache-{SUFFIX}"
STEP_SECONDS = 15.0
"""The step's own time-out in the plan."""
FAILOVER = {"service": "elasticache", "operation": "FailoverGlobalReplicationGroup"}

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(suffix=SUFFIX, workdir=tmp_path_factory.mktemp("lab"), control_plane_only=True) as one:
        # A proxy reads the services' models at its first call: not within the step's two seconds.
        proxy = boto3.client(
            "elasticache", region_name=RECOVERY, endpoint_url=one.places.proxy_url(CODES[RECOVERY]),
            aws_access_key_id=ACCOUNT, aws_secret_access_key="lab", config=Config(read_timeout=60),
        )  # fmt: skip
        proxy.describe_global_replication_groups()
        yield one


@pytest.fixture
def caches(lab: Lab) -> Iterator[dict[str, CacheServer]]:
    """Home's member is the primary; the recovery region's follows, and so do the servers."""
    home, recovery = lab.observer("elasticache", HOME), lab.observer("elasticache", RECOVERY)
    home.create_replication_group(
        ReplicationGroupId=GROUP, ReplicationGroupDescription="primary", Engine="valkey"
    )
    made = home.create_global_replication_group(
        GlobalReplicationGroupIdSuffix=GROUP, PrimaryReplicationGroupId=GROUP
    )
    world = str(made["GlobalReplicationGroup"]["GlobalReplicationGroupId"])
    recovery.create_replication_group(
        ReplicationGroupId=GROUP, ReplicationGroupDescription="secondary",
        GlobalReplicationGroupId=world,
    )  # fmt: skip
    servers = engines.start_caches(lab.processes, lab.places, lab.workdir)
    controller = Controller(
        places=lab.places, processes=lab.processes, observer=lab.clients.observer, databases={},
        caches=servers, suffix=SUFFIX, say=print, commands={},
    )  # fmt: skip
    controller.start()
    with servers[HOME].client() as writer:
        writer.set("kept", "before")
    until("the copy", lambda: read(servers[RECOVERY], "kept") == b"before", seconds=15)
    yield servers
    controller.stop()
    post_rules(lab.places.proxy(CODES[RECOVERY]), [])
    for server in servers.values():
        lab.processes.stop(server.name)
    role = controller.cache_role(RECOVERY)
    if role == "PRIMARY":
        home.failover_global_replication_group(
            GlobalReplicationGroupId=world, PrimaryRegion=HOME, PrimaryReplicationGroupId=GROUP
        )
    if role:
        home.disassociate_global_replication_group(
            GlobalReplicationGroupId=world,
            ReplicationGroupId=GROUP,
            ReplicationGroupRegion=RECOVERY,
        )
    recovery.delete_replication_group(ReplicationGroupId=GROUP)
    home.delete_global_replication_group(
        GlobalReplicationGroupId=world, RetainPrimaryReplicationGroup=True
    )
    home.delete_replication_group(ReplicationGroupId=GROUP)


@pytest.fixture
def step(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[StepContext]:
    """In the recovery region, whose calls go through its own proxy."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.places.proxy_url(CODES[RECOVERY]))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCOUNT)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "lab")
    client.cache_clear()
    nowhere = DatabaseAddress(
        host="nowhere", port=5432, name="lifeline", user="lifeline", auth="none", region=RECOVERY
    )
    yield StepContext(
        FailoverStepContract(
            region=RECOVERY, peer_region=HOME, witness_region=WITNESS, suffix=SUFFIX,
            lease_table="none", region_state_table="none", database=nowhere, own_api_url="",
            page_topic_arn="", global_cluster="none", own_cluster_arn="", cache_group=GROUP,
        ),
        {"epoch": 2, "region": RECOVERY},
    )  # fmt: skip
    client.cache_clear()


def read(server: CacheServer, name: str) -> Any:
    with server.client() as one:
        return one.get(name)


def takes_writes(server: CacheServer) -> bool:
    try:
        with server.client() as one:
            return bool(one.set("written", "after"))
    except ReadOnlyError:
        return False


def test_the_copy_refuses_writes_before_and_takes_them_after(
    caches: dict[str, CacheServer], step: StepContext
) -> None:
    assert not takes_writes(caches[RECOVERY])
    assert "was accepted" in promote_cache(step)
    until("writes there", lambda: takes_writes(caches[RECOVERY]), seconds=15)
    assert read(caches[RECOVERY], "kept") == b"before"
    until("a copy at home", lambda: read(caches[HOME], "written") == b"after", seconds=15)
    assert not takes_writes(caches[HOME])
    assert "already" in promote_cache(step), "a repetition changes nothing"


def test_a_dead_primary_does_not_matter(
    lab: Lab, caches: dict[str, CacheServer], step: StepContext
) -> None:
    lab.processes.signal(caches[HOME].name, signal.SIGKILL)
    with pytest.raises(ValkeyError):
        read(caches[HOME], "kept")
    assert "was accepted" in promote_cache(step)
    until("writes there", lambda: takes_writes(caches[RECOVERY]), seconds=15)
    assert read(caches[RECOVERY], "kept") == b"before"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            {"error": {"code": "InvalidGlobalReplicationGroupState", "status": 400}},
            "InvalidGlobalReplicationGroupState",
        ),
        ({"timeout_ms": 60_000.0}, "ReadTimeoutError"),
    ],
)
def test_a_failover_that_is_refused_or_hangs_leaves_a_cache_on_its_own(
    lab: Lab, caches: dict[str, CacheServer], step: StepContext, fault: dict[str, Any], said: str
) -> None:
    """It takes writes and keeps what it holds, within the step's own time."""
    post_rules(lab.places.proxy(CODES[RECOVERY]), [{**FAILOVER, **fault}])
    began = time.monotonic()
    told = promote_cache(step)
    assert time.monotonic() - began < STEP_SECONDS
    assert f"was not accepted ({said})" in told
    until("writes there", lambda: takes_writes(caches[RECOVERY]), seconds=15)
    assert read(caches[RECOVERY], "kept") == b"before"
    assert takes_writes(caches[HOME]), "the other one is the primary of a group without a secondary"
