"""Edges ask for a token, keep it for half of its life, and outlive an endpoint that is down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drill.edge_api import EdgeAddress, EdgeApi
from drill.edge_token import RETRY_SECONDS, EdgeTokens, NoToken
from tests.support.token_server import CLIENT, SECRET, TokenServer


@pytest.fixture
def server() -> Iterator[TokenServer]:
    made = TokenServer()
    yield made
    made.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def tokens_of(server: TokenServer, clock: Clock, secret: str = SECRET) -> EdgeTokens:
    return EdgeTokens(server.token_url, CLIENT, secret, clock=clock)


def test_one_token_serves_until_half_of_its_life(server: TokenServer) -> None:
    clock = Clock()
    tokens = tokens_of(server, clock)
    assert [tokens.bearer(), tokens.bearer()] == ["Bearer token-1"] * 2
    clock.now += 1_799
    assert tokens.bearer() == "Bearer token-1"
    clock.now += 2
    assert tokens.bearer() == "Bearer token-2"


def test_an_endpoint_that_is_down_is_not_noticed_while_the_token_holds(server: TokenServer) -> None:
    clock = Clock()
    tokens = tokens_of(server, clock)
    tokens.bearer()
    server.down = True
    clock.now += 3_599
    assert tokens.bearer() == "Bearer token-1"
    clock.now += 2
    with pytest.raises(NoToken):
        tokens.bearer()


def test_a_wrong_secret_gives_no_token_and_is_not_told(server: TokenServer) -> None:
    tokens = tokens_of(server, Clock(), secret="other")
    with pytest.raises(NoToken) as said:
        tokens.bearer()
    assert "other" not in str(said.value)
    assert "other" not in repr(tokens)


def test_every_call_but_health_carries_the_token_and_a_name(server: TokenServer) -> None:
    api = EdgeApi(EdgeAddress(server.url, tokens_of(server, Clock())))
    assert api.post_events([b"{}"]).status == 202
    assert api.watermark().status == 200
    assert api.event("17").status == 200
    assert api.health().status == 200
    api.close()
    carried = {path: bool(asked) for _verb, path, asked, _agent in server.seen}
    assert carried == {
        "/v1/events": True,
        "/v1/watermark": True,
        "/v1/events/17": True,
        "/health": False,
    }
    assert {agent for *_, agent in server.seen} == {"lifeline-edge/1"}


def test_a_refused_token_is_replaced(server: TokenServer) -> None:
    tokens = tokens_of(server, Clock())
    api = EdgeApi(EdgeAddress(server.url, tokens))
    assert api.watermark().status == 200
    server.given += 1  # the pool was made anew: the old token is worth nothing
    assert api.watermark().status == 401
    assert api.watermark().status == 200
    api.close()


def test_without_a_token_there_is_no_answer(server: TokenServer) -> None:
    server.down = True
    api = EdgeApi(EdgeAddress(server.url, tokens_of(server, Clock())))
    answer = api.post_events([b"{}"])
    assert answer.status == 0
    assert "NoToken" in answer.detail
    assert api.health().status == 200
    api.close()


def test_an_endpoint_that_is_down_is_not_asked_on_each_call(server: TokenServer) -> None:
    clock = Clock()
    tokens = tokens_of(server, clock)
    tokens.bearer()
    server.down = True
    clock.now += 1_800
    for _ in range(60):  # a second each
        assert tokens.bearer() == "Bearer token-1"
        clock.now += 1
    assert server.token_calls == 1 + 60 / RETRY_SECONDS
    server.down = False
    assert tokens.bearer() == "Bearer token-2"


def test_a_token_that_ran_out_is_asked_for_at_once(server: TokenServer) -> None:
    """The time between two attempts holds only while the old token does."""
    clock = Clock()
    tokens = tokens_of(server, clock)
    tokens.bearer()
    server.down = True
    clock.now += 3_599
    assert tokens.bearer() == "Bearer token-1"
    server.down = False
    clock.now += 1
    assert tokens.bearer() == "Bearer token-2"
