"""What the region state table keeps of a decision, against a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from lifeline.lambdas.adapters import aws
from lifeline.lambdas.adapters.region_state_table import DECISION_PREFIX, RegionStateTable
from tests.support.tables import made_table

HOME = "ca-central-1"


@pytest.fixture(name="client")
def _client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    aws.client.cache_clear()
    with mock_aws():
        yield made_table(HOME, "state")
    aws.client.cache_clear()


def test_a_decision_is_kept_once_and_what_is_no_text_as_json(client: Any) -> None:
    table = RegionStateTable(client, "state")
    evidence = {"unmoved_seconds": 1.5, "standby": None}
    for at in (10.0, 11.0):
        kept = table.note_decision("take:active-lost:1", {"epoch": "1", "evidence": evidence}, at)
        assert kept is (at == 10.0)
    items = client.scan(TableName="state")["Items"]
    (item,) = [one for one in items if one["id"]["S"].startswith(DECISION_PREFIX)]
    assert item["epoch"] == {"S": "1"}
    assert json.loads(item["evidence"]["S"]) == evidence
