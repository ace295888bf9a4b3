"""One run of the probe's function: what the witness says of itself, and that nobody else says it (A19)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from moto import mock_aws

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.probe.handler import handler
from tests.support.http_server import closed_port
from tests.support.tables import made_table

WITNESS = "us-east-2"
NOWHERE = f"http://127.0.0.1:{closed_port()}"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": WITNESS,
    "WITNESS_REGION": WITNESS,
    "SUFFIX": "test",
    "LEASE_TABLE": "lease-test",
    "RESULTS_TABLE": "lease-test",
    "PROBE_REGIONS": json.dumps(["ca-central-1"]),
    "PROBE_TARGETS": json.dumps({"ca-central-1": NOWHERE}),
    "PROBE_CONTROL_URL": NOWHERE,
}


class Context:
    """What the runtime tells of the time left."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    client.cache_clear()
    with mock_aws():
        yield
    client.cache_clear()


def told(capsys: pytest.CaptureFixture[str]) -> list[tuple[float, str]]:
    lines = [json.loads(one) for one in capsys.readouterr().out.splitlines() if '"_aws"' in one]
    return [(one["TakeoverReady"], one["reason"]) for one in lines]


def test_a_witness_that_cannot_see_is_not_ready(capsys: pytest.CaptureFixture[str]) -> None:
    made_table(WITNESS, "lease-test")
    assert handler({"run_seconds": 0.1}, Context) == {"cycles": 1}
    assert told(capsys) == [(0.0, "no-opinion")]


def test_a_witness_that_cannot_write_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    handler({"run_seconds": 0.1}, Context)
    assert told(capsys) == [(0.0, "samples-not-kept")]


def test_a_data_region_s_probe_leaves_it_to_the_keeper(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "ca-west-1")
    made_table("ca-west-1", "lease-test")
    handler({"run_seconds": 0.1}, Context)
    assert told(capsys) == []
