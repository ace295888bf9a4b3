"""The plan's synthetic transaction signs in as any caller does, at its own region's pool."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lifeline.lambdas.adapters import aws
from lifeline.lambdas.contracts.failover_step import ApiClient
from lifeline.lambdas.failover_step import api_token
from lifeline.lambdas.failover_step.context import NotReady
from tests.support.clocks import ManualClock
from tests.support.token_server import CLIENT, TokenServer

REGION = "ca-west-1"


def bearer() -> str:
    """A token for the client that the environment names."""
    return api_token.bearer(REGION, ApiClient.from_env())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    made = TokenServer()
    for name, value in {
        "AWS_ENDPOINT_URL": made.url,
        "AWS_ACCESS_KEY_ID": "1",
        "AWS_SECRET_ACCESS_KEY": "1",
        "TOKEN_URL": made.token_url,
        "TOKEN_CLIENT_ID": CLIENT,
        "USER_POOL_ID": "pool-1",
    }.items():
        monkeypatch.setenv(name, value)
    aws.client.cache_clear()
    api_token.forget(REGION)
    yield made
    aws.client.cache_clear()
    api_token.forget(REGION)
    made.close()


def test_the_secret_is_the_pools_and_the_token_is_kept(server: TokenServer) -> None:
    assert [bearer(), bearer()] == ["token-1"] * 2
    assert server.described == [{"UserPoolId": "pool-1", "ClientId": CLIENT}]


def test_a_forgotten_token_is_asked_for_again(server: TokenServer) -> None:
    bearer()
    api_token.forget(REGION)
    assert bearer() == "token-2"


def test_a_token_that_ends_within_a_step_is_not_kept(server: TokenServer) -> None:
    server.lasts_seconds = 60
    assert [bearer(), bearer()] == ["token-1", "token-2"]


def test_an_endpoint_that_gives_none_is_looked_at_again(server: TokenServer) -> None:
    server.down = True
    with pytest.raises(NotReady, match="token endpoint answered 503"):
        bearer()
    server.down = False
    assert bearer() == "token-1"


@pytest.mark.parametrize("name", ApiClient.variable_names())
def test_a_client_without_one_of_its_settings_is_refused(
    server: TokenServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(ValueError, match=f"{name} ''.*; allowed are all or none"):
        bearer()


def test_a_token_is_used_until_a_minute_before_its_end(server: TokenServer) -> None:
    server.lasts_seconds = 100
    clock = ManualClock()
    client = ApiClient.from_env()

    def after(seconds: float) -> str:
        clock.sleep(seconds)
        return api_token.bearer(REGION, client, clock)

    assert [after(0), after(39.5), after(0.5)] == ["token-1", "token-1", "token-2"]


def test_each_regions_token_is_its_own(server: TokenServer) -> None:
    client = ApiClient.from_env()
    assert bearer() == "token-1"
    assert api_token.bearer("us-east-1", client) == "token-2"
    api_token.forget("us-east-1")
    assert bearer() == "token-1"


@pytest.mark.parametrize("body", [{}, {"access_token": None}, {"access_token": 7}])
def test_an_answer_without_a_token_is_none(server: TokenServer, body: dict[str, object]) -> None:
    server.token = lambda *_: (200, body)  # type: ignore[method-assign]
    with pytest.raises(NotReady, match="token endpoint answered 200"):
        bearer()


def test_a_token_that_does_not_say_how_long_it_lasts_is_used_once(server: TokenServer) -> None:
    server.token = lambda *_: (200, {"access_token": "a token"})  # type: ignore[method-assign]
    asked = ManualClock()
    assert api_token.bearer(REGION, ApiClient.from_env(), asked) == "a token"
    assert api_token._held[REGION].until == asked.monotonic()
