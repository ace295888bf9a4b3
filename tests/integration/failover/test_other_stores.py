"""The stage of the other stores as the emulator runs it: it ends soon, whatever the stores say.

The emulator knows replicated files and secrets but frees neither from the destination's side, and has no
global caches: exactly the answers on which each step must degrade at once and say why.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.calls import Clients
from lab.engines import start_emulator
from lab.places import ACCOUNT, HOME, RECOVERY, Places
from lab.ports import free_block
from lab.processes import Processes
from lab.waiting import answers, until
from lifeline.lambdas.failover.plan import state_machine_definition

pytestmark = pytest.mark.lab

ROOT = Path(__file__).resolve().parents[3]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"
SECRET = "database-admin-test"
LONGEST_SECONDS = 3.0
"""What the database's promotion takes here; no other store may hold up the plan for longer."""
ENVIRONMENT = {
    "SUFFIX": "test",
    "PEER_REGION": HOME,
    "WITNESS_REGION": "us-east-2",
    "LEASE_TABLE": "lease-test",
    "REGION_STATE_TABLE": "region-state-test",
    "DATABASE_HOST": "nowhere",
    "DATABASE_PORT": "5432",
    "DATABASE_NAME": "lifeline",
    "DATABASE_USER": "lifeline",
    "DATABASE_AUTH": "none",
    "OWN_API_URL": "unused",
    "GLOBAL_CLUSTER": "unused",
    "OWN_CLUSTER_ARN": "unused",
    "ECS_CLUSTER": "unused",
    "APPLIER_SERVICE": "unused",
    "APPLIER_TASKS": "1",
    "EVIDENCE_BUCKET": "unused",
    "PAGE_TOPIC_ARN": "unused",
    "CACHE_GROUP": "cache-test",
    "ADMIN_SECRET": SECRET,
    "TOKEN_URL": "unused",
    "TOKEN_CLIENT_ID": "unused",
    "USER_POOL_ID": "unused",
}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    processes = Processes(tmp_path_factory.mktemp("emulator"))
    places = Places(free_block())
    start_emulator(processes, places, processes.logs.parent)
    try:
        until(
            "the emulator's first answer",
            lambda: answers(places.emulator, "/_ministack/health"),
            seconds=30,
        )
        yield Clients(places)
    finally:
        processes.stop_all()


def replicated_files(clients: Clients) -> str:
    """A file system of the recovery region into which one of the home region replicates."""
    made = {
        region: clients.observer("efs", region).create_file_system(CreationToken=region)
        for region in (HOME, RECOVERY)
    }
    own = str(made[RECOVERY]["FileSystemId"])
    clients.observer("efs", RECOVERY).update_file_system_protection(
        FileSystemId=own, ReplicationOverwriteProtection="DISABLED"
    )
    clients.observer("efs", HOME).create_replication_configuration(
        SourceFileSystemId=made[HOME]["FileSystemId"],
        Destinations=[{"Region": RECOVERY, "FileSystemId": own}],
    )
    return own


def function(clients: Clients, files: str) -> str:
    """The real step function of the recovery region; answers its ARN."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(ROOT / "constructs" / "lifeline" / "__init__.py", "lifeline/__init__.py")
        for package in ("", "adapters", "certificates", "contracts", "failover", "failover_step"):
            for path in (ROOT / "lambdas" / package).glob("*.p*[ym]"):
                packed.write(path, f"lifeline/{path.relative_to(ROOT)}")
    functions = clients.observer("lambda", RECOVERY)
    variables = {"AWS_ENDPOINT_URL": functions.meta.endpoint_url, "FILE_SYSTEM_ID": files}
    made = functions.create_function(
        FunctionName="failover-step-test",
        Runtime="python3.14",
        Role=ROLE,
        Handler="lifeline.lambdas.failover_step.handler.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=60,
        Environment={"Variables": {**ENVIRONMENT, **variables}},
    )
    return str(made["FunctionArn"])


def stage(step_arn: str) -> dict[str, Any]:
    """The plan's own stage after the promotion, without the branch that needs a database."""
    found: dict[str, Any] = state_machine_definition(step_arn)["States"]["await_stores"]
    del found["Next"], found["Catch"]
    found["Branches"] = [one for one in found["Branches"] if one["StartAt"] != "await_database"]
    begin = {"Type": "Pass", "Result": {}, "ResultPath": "$.results", "Next": "await_stores"}
    return {"StartAt": "begin", "States": {"begin": begin, "await_stores": {**found, "End": True}}}


def run(clients: Clients, machine: str, name: str) -> tuple[dict[str, Any], float]:
    """The stage's answers by step, and how long it took."""
    states = clients.observer("stepfunctions", RECOVERY)
    body = {"epoch": 2, "from_epoch": 1, "region": RECOVERY}
    began = time.monotonic()
    execution = states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(body))
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(states.describe_execution(executionArn=execution["executionArn"]))
        return bool(found["status"] != "RUNNING")

    until("the stage's end", ended, seconds=60, every=0.05)
    took = time.monotonic() - began
    assert found["status"] == "SUCCEEDED", found.get("error")
    answered = json.loads(found["output"])["results"]["await_stores"]
    return {one["step"]: one for one in answered}, took


def test_stores_that_cannot_be_had_hold_up_nothing(clients: Clients) -> None:
    home = clients.observer("secretsmanager", HOME)
    home.create_secret(Name=SECRET, SecretString="{}")
    home.replicate_secret_to_regions(SecretId=SECRET, AddReplicaRegions=[{"Region": RECOVERY}])
    files = replicated_files(clients)
    machine = clients.observer("stepfunctions", RECOVERY).create_state_machine(
        name="stage", roleArn=ROLE, definition=json.dumps(stage(function(clients, files)))
    )["stateMachineArn"]
    run(clients, machine, "cold")
    answered, took = run(clients, machine, "warm")
    assert took < LONGEST_SECONDS
    assert {name: one["outcome"] for name, one in answered.items()} == {
        "cache": "degraded",
        "files": "degraded",
        "secrets": "degraded",
    }
    assert "ReplicationGroupNotFoundFault" in answered["cache"]["detail"]
    assert "stay read-only" in answered["files"]["detail"]
    assert "stays a replica" in answered["secrets"]["detail"]
    tags = clients.observer("efs", RECOVERY).list_tags_for_resource(ResourceId=files)["Tags"]
    assert {"Key": "lifeline:promoted", "Value": "2"} in tags
