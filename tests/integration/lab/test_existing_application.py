"""An application that is not ours gains the failover in 25 lines, loses its home region, and goes on.

Its program is `examples/existing_application`, deployed as it stands. Nothing here takes the lease, promotes
or repairs: the keepers do, from the lines that were added.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.application import ApplicationLab
from lab.places import HOME, RECOVERY, WITNESS
from lab.waiting import until
from lifeline.lambdas.adapters.region_state_table import MEMORY_ID

pytestmark = pytest.mark.lab

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "existing_application"
STREAM = "vitals-readings"
FIRST_ACTIVATION_SECONDS = 90
TAKEN_OVER_SECONDS = 240
"""Wide: a busy machine is slow. What is proved is that it happens and what it leaves, not how fast."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApplicationLab]:
    """Deployed, and nothing else done."""
    folder = tmp_path_factory.mktemp("vitals")
    with ApplicationLab(EXAMPLE, suffix="vitals", tables="reading.sql", workdir=folder) as lab:
        lab.deploy()
        yield lab


def health(lab: ApplicationLab, region: str) -> dict[str, Any]:
    """What the region's own API says; empty when it does not answer well."""
    try:
        url = f"{lab.regions[region].gateway_url}/health"
        with urllib.request.urlopen(url, timeout=5) as answer:
            said: dict[str, Any] = json.loads(answer.read())
    except (OSError, urllib.error.HTTPError):
        return {}
    return said


def serves(lab: ApplicationLab, region: str, epoch: int) -> bool:
    return health(lab, region) == {"serving": True, "epoch": epoch}


def send(lab: ApplicationLab, region: str, patient: str, count: int) -> set[str]:
    """Readings of a patient into the region's stream, as an edge sends them. Answers their ids."""
    ids = [str(uuid.uuid4()) for _ in range(count)]
    records = [
        {
            "PartitionKey": patient,
            "Data": json.dumps(
                {
                    "id": one,
                    "patient": patient,
                    "taken_at": "2026-11-21T12:00:00Z",
                    "code": "8867-4",
                    "value": 72.0,
                }
            ).encode(),
        }
        for one in ids
    ]
    answer = lab.client("kinesis", region, source="edge").put_records(
        StreamName=STREAM, Records=records
    )
    assert answer["FailedRecordCount"] == 0
    return set(ids)


def stored(lab: ApplicationLab, region: str) -> set[str]:
    return set(lab.databases[region].sql("SELECT id FROM reading", database=lab.suffix).split())


def execution(lab: ApplicationLab, region: str, name: str) -> dict[str, Any]:
    states = lab.observer("stepfunctions", region)
    (machine,) = states.list_state_machines()["stateMachines"]
    arn = machine["stateMachineArn"].replace(":stateMachine:", ":execution:")
    found: dict[str, Any] = states.describe_execution(executionArn=f"{arn}:{name}")
    return found


def is_known_to_be_well(lab: ApplicationLab) -> bool:
    """Whether the standby's keeper saw home well, once: until then it does not know what would be lost."""
    item = lab.observer("dynamodb", RECOVERY).get_item(
        TableName=f"region-state-{lab.suffix}", Key={"id": {"S": MEMORY_ID}}, ConsistentRead=True
    )
    remembered = json.loads(item["Item"]["body"]["S"]) if "Item" in item else {}
    return remembered.get("last_healthy_at") is not None


def refusal(lab: ApplicationLab, region: str) -> str:
    """What the region's writer is told by its guard, asked with an empty batch; empty: it may write."""
    answer = lab.observer("lambda", region).invoke(
        FunctionName="vitals-write", Payload=json.dumps({"Records": []}).encode()
    )
    text: str = answer["Payload"].read().decode()
    return text if answer.get("FunctionError") else ""


def test_the_home_region_is_lost_and_the_other_goes_on(lab: ApplicationLab) -> None:
    until(
        "the first activation of home",
        lambda: serves(lab, HOME, 1),
        seconds=FIRST_ACTIVATION_SECONDS,
        every=0.5,
    )
    before = send(lab, HOME, "before", 50)
    until("the copy of all readings", lambda: stored(lab, RECOVERY) >= before, seconds=60)
    assert health(lab, RECOVERY) == {"serving": False, "epoch": 1}

    # An edge that is wrong about who is active: its readings wait in the stream, nothing is written.
    early = send(lab, RECOVERY, "early", 5)
    assert refusal(lab, HOME) == ""
    assert "ca-west-1 may not write: this server is a replica" in refusal(lab, RECOVERY)
    assert not stored(lab, RECOVERY) & early

    # Lost before that, it would wait for a person: unknown loss is not zero (A5).
    until("the standby's first good look at home", lambda: is_known_to_be_well(lab), seconds=120)
    lab.lose(HOME)
    until(
        "the takeover by the other region",
        lambda: serves(lab, RECOVERY, 2),
        seconds=TAKEN_OVER_SECONDS,
        every=0.5,
    )
    after = send(lab, RECOVERY, "after", 50)
    everything = before | early | after
    until("all readings in one place", lambda: stored(lab, RECOVERY) == everything, seconds=120)

    until(
        "the plan's end",
        lambda: execution(lab, RECOVERY, "recover-e2-r1")["status"] != "RUNNING",
        seconds=90,
    )
    assert execution(lab, RECOVERY, "recover-e2-r1")["status"] == "SUCCEEDED"
    assert refusal(lab, RECOVERY) == ""
    lease = lab.observer("dynamodb", WITNESS).get_item(
        TableName="lease-vitals", Key={"id": {"S": "lease"}}, ConsistentRead=True
    )["Item"]
    assert (lease["holder"], lease["epoch"]) == ({"S": RECOVERY}, {"N": "2"})
