"""One run of the lag meter's function with nothing but its evidence bucket to reach."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lifeline.lambdas.adapters.aws import client
from lifeline.lambdas.adapters.region_state_table import LAG_REPORT_ID
from lifeline.lambdas.contracts.lag_meter import LagMeterContract
from lifeline.lambdas.failover.lag_report import LagReport
from lifeline.lambdas.lag_meter.database import MeterDatabase
from lifeline.lambdas.lag_meter.handler import handler
from tests.support.http_server import http_server
from tests.support.tables import made_table

OWN = "ca-west-1"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": OWN,
    "SUFFIX": "test",
    "PEER_REGION": "ca-central-1",
    "REGION_STATE_TABLE": "region-state-test",
    "DATABASE_HOST": "127.0.0.1",
    "DATABASE_PORT": "9",
    "DATABASE_NAME": "lifeline",
    "DATABASE_USER": "lifeline",
    "DATABASE_AUTH": "none",
    "QUERY_API_URL": "http://127.0.0.1:9",
    "EVIDENCE_BUCKET": "evidence",
    "FILE_SYSTEM_ID": "",
    "ADMIN_SECRET": "admin",
    "CACHE_GROUP": "",
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


def test_a_run_publishes_what_it_could_read_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    make: Any = boto3.client
    s3 = make("s3", region_name=OWN)
    s3.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": OWN})
    s3.put_object(Bucket="evidence", Key="drills/1/evidence.json", Body=b'{"verdict": "PASS"}')
    aws = b'{"verdict": "PASS", "target": "aws"}'
    s3.put_object(Bucket="evidence", Key="drills/aws/1/evidence.json", Body=aws)
    assert handler({"run_seconds": 0.1}, Context) == {"looks": 1}
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [one["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] for one in said] == [
        "DaysSinceDrill",
        "DaysSinceLabDrill",
        "DaysToAuthorityExpiry",
    ]
    assert said[2]["DaysToAuthorityExpiry"] > 180
    assert said[0]["Suffix"] == "test"


def test_a_run_leaves_its_report_in_the_regions_table() -> None:
    made_table(OWN, "region-state-test")
    handler({"run_seconds": 0.1}, Context)
    item = client("dynamodb", OWN).get_item(
        TableName="region-state-test", Key={"id": {"S": LAG_REPORT_ID}}
    )["Item"]
    told = LagReport.from_json(json.loads(item["body"]["S"]))
    assert (told.region, dict(told.stores), told.events_at_risk) == (OWN, {}, None)


def test_every_missing_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PEER_REGION", "REGION_STATE_TABLE"):
        monkeypatch.delenv(name)
    with pytest.raises(KeyError, match="PEER_REGION, REGION_STATE_TABLE"):
        LagMeterContract.from_env()


@pytest.mark.parametrize(("told", "counted"), [({"given_up": [{"after": "3"}]}, 1), ({}, None)])
def test_the_report_counts_what_was_given_up(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, Any], counted: int | None
) -> None:
    """Decision 25. The query API of the release before does not say it: that is no zero."""
    made_table(OWN, "region-state-test")
    with http_server(lambda _request: (200, {"format": 2, "entries": [], **told})) as at:
        monkeypatch.setenv("QUERY_API_URL", at.url)
        handler({"run_seconds": 0.1}, Context)
    item = client("dynamodb", OWN).get_item(
        TableName="region-state-test", Key={"id": {"S": LAG_REPORT_ID}}
    )["Item"]
    report = LagReport.from_json(json.loads(item["body"]["S"]))
    assert report.stretches_given_up == counted


def test_the_function_of_a_region_without_a_standby_tells_no_lag(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PEER_REGION", "none")
    monkeypatch.setenv("EVIDENCE_BUCKET", "")
    monkeypatch.setattr(MeterDatabase, "heartbeat_age_seconds", lambda _self: 0.5)
    handler({"run_seconds": 0.1}, Context)
    said = [line for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert len(said) == 1
    assert "DaysToAuthorityExpiry" in said[0]
