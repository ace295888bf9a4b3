"""The cache's secret is read in the cache's own thread: without it nobody is held up (D10)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from lifeline.lambdas.contracts.cache import NO_CACHE
from lifeline.services.query_api.cache_entry import Kind
from lifeline.services.query_api.session_cache import SessionCache, session_cache

REGION, NAME = "ca-central-1", "cache-entries-test"
PLACE = replace(NO_CACHE, group="cache-test", hosts="127.0.0.1", port=1, auth="none")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with mock_aws():
        yield


def failures_of(cache: SessionCache, wanted: str) -> bool:
    """Whether its thread met the error, within some seconds."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if wanted in cache._client.failures:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("secret", "error"),
    [("", "ResourceNotFoundException"), ("short", "ValueError"), ("s" * 40, "ConnectionError")],
    ids=["none", "too short", "and no cache"],
)
def test_whatever_is_wrong_with_the_secret_a_read_is_a_miss(secret: str, error: str) -> None:
    if secret:
        manager = boto3.client("secretsmanager", region_name=REGION)
        manager.create_secret(Name=NAME, SecretString=secret)
    cache = session_cache(PLACE, NAME, REGION)
    assert cache is not None
    assert failures_of(cache, error)
    assert cache.read(Kind.SESSION, "what", 1) is None
    cache.write(Kind.SESSION, "what", 1, b"content", 5)
    cache._client.close()


def test_without_a_cache_or_a_secrets_name_there_is_none() -> None:
    assert session_cache(NO_CACHE, NAME, REGION) is None
    assert session_cache(PLACE, "", REGION) is None
