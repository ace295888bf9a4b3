"""The query API's health check, and what it tells of the region's traffic."""

from __future__ import annotations

import threading

import pytest

from lifeline.services.query_api import healthy
from lifeline.services.query_api.health import RegionHealth
from lifeline.services.query_api.http_api import http_server
from lifeline.services.shared.serving_guard import AuthorityRow, Permission
from tests.support.clocks import ManualClock

REGION = "ca-west-1"


@pytest.mark.parametrize("status", [200, 503])
def test_it_is_alive_while_it_answers_whatever_it_says(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = http_server("127.0.0.1", 0, {"/health": lambda _rest: (status, {})})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("QUERY_API_PORT", str(server.server_address[1]))
    assert healthy.main() == 0
    server.shutdown()
    server.server_close()
    assert healthy.main() == 1


@pytest.mark.parametrize(
    ("holder", "may_serve", "status"),
    [
        (REGION, True, 200),
        (REGION, False, 503),  # it stopped itself: the others must see that (A18)
        ("ca-central-1", False, 200),  # a standby is well and serves nothing
        ("", False, 200),  # fenced: nobody holds the row, so nobody stopped
    ],
)
def test_a_region_that_stopped_itself_does_not_say_that_it_is_well(
    holder: str, may_serve: bool, status: int
) -> None:
    health = RegionHealth(REGION, clock=ManualClock(at=100.0))
    health.ingest.at = health.database.at = 99.0
    health.database.value = (AuthorityRow(2, holder, 5, 30.0, False), Permission(may_serve, ""))
    found, body = health.answer()
    assert found == status
    assert body["ingest"], "edges go on sending: what a stopped region accepts is kept (A15, B12)"


@pytest.mark.parametrize(
    ("may_serve", "switch", "epoch", "here"),
    [
        (True, 2, 2, True),
        (True, 1, 2, False),  # promoted, and not verified yet
        (False, 2, 2, False),  # fenced: the switch stays on, the traffic must not
        (True, 0, 0, False),  # never turned on
    ],
)
def test_traffic_is_here_when_the_region_serves_and_its_switch_is_on(
    may_serve: bool, switch: int, epoch: int, here: bool
) -> None:
    health = RegionHealth(REGION, clock=ManualClock(at=100.0))
    health.database.value = (AuthorityRow(epoch, REGION, 5, 1.0, False), Permission(may_serve, ""))
    health.traffic.value = switch
    health.database.at = 90.0
    assert not health.has_traffic(), "what was read long ago says nothing"
    health.database.at = 99.0
    assert health.has_traffic() is here
