"""Everything is listed, whatever the emulator trips over meanwhile; what it refuses is raised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lab import inventory
from lab.inventory import Listing
from lab.places import HOME
from tests.support.http_server import http_server

GROUPS = Listing("logs", "describe_log_groups", "logGroups", "logGroupName")
TRIPPED = {"__type": "InternalError", "message": "dictionary changed size during iteration"}


Failures = list[tuple[int, dict[str, str]]]


@pytest.fixture
def failures() -> Failures:
    """What the endpoint answers before it lists one log group."""
    return []


@pytest.fixture
def observer(failures: Failures, monkeypatch: pytest.MonkeyPatch) -> Iterator[inventory.Observer]:
    monkeypatch.setattr(inventory, "LISTINGS", (GROUPS,))
    monkeypatch.setattr(inventory, "ALL_REGIONS", (HOME,))
    monkeypatch.setattr(inventory, "_keys", lambda kms, region: {})
    monkeypatch.setattr(inventory, "ASK_AGAIN_SECONDS", (0.0, 0.0, 0.0))
    make: Any = boto3.session.Session().client
    listed = (200, {"logGroups": [{"logGroupName": "a"}]})
    with http_server(lambda _request: failures.pop(0) if failures else listed) as server:
        yield lambda service, region: make(
            service, region_name=region, endpoint_url=server.url,
            aws_access_key_id="a", aws_secret_access_key="b",
            config=Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip


def test_a_listing_in_which_the_emulator_tripped_is_asked_again(
    observer: inventory.Observer, failures: Failures
) -> None:
    failures += [(500, TRIPPED)] * 3
    assert list(inventory.take(observer)) == [f"logs {HOME} logGroups a"]


@pytest.mark.parametrize(
    "given",
    [[(500, TRIPPED)] * 4, [(400, {"__type": "AccessDeniedException"})]],
    ids=["always fails", "is refused"],
)
def test_an_unread_service_is_no_empty_one(
    observer: inventory.Observer, failures: Failures, given: Failures
) -> None:
    failures += given
    with pytest.raises(ClientError):
        inventory.take(observer)
