"""The container's health check, and the two metrics that the services write into their log."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from lifeline.services.event_applier import healthy
from lifeline.services.event_applier.health import RegionHealth
from lifeline.services.event_applier.http_api import http_server
from lifeline.services.event_applier.liveness import STILL_SECONDS, AliveFile, loop_turns
from lifeline.services.event_applier.metric_lines import metric_line
from lifeline.services.event_applier.serving_guard import AuthorityRow, Permission
from tests.support.clocks import ManualClock

REGION = "ca-west-1"


def test_a_loop_that_turns_is_alive_and_one_that_stands_is_not(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    assert not loop_turns(str(path))
    AliveFile(str(path)).touch()
    touched = os.stat(path).st_mtime
    assert loop_turns(str(path), touched + STILL_SECONDS - 1)
    assert not loop_turns(str(path), touched + STILL_SECONDS)


def test_what_cannot_be_written_grows_old_and_stops_nothing(tmp_path: Path) -> None:
    AliveFile(str(tmp_path / "missing" / "alive")).touch()
    AliveFile("").touch()


@pytest.mark.parametrize("status", [200, 503])
def test_serve_is_alive_while_it_answers_whatever_it_says(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = http_server("127.0.0.1", 0, {"/health": lambda _rest: (status, {})})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.delenv("ALIVE_FILE", raising=False)
    monkeypatch.setenv("SERVE_PORT", str(server.server_address[1]))
    assert healthy.main() == 0
    server.shutdown()
    server.server_close()
    assert healthy.main() == 1


def test_apply_is_asked_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIVE_FILE", str(tmp_path / "alive"))
    assert healthy.main() == 1
    AliveFile(str(tmp_path / "alive")).touch()
    assert healthy.main() == 0


def test_a_metric_is_a_line_that_the_log_service_reads() -> None:
    said = json.loads(metric_line("ConsumerLag", 17, "test", 1_800_000_000_000))
    (directive,) = said["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Lifeline"
    assert said["_aws"]["Timestamp"] == 1_800_000_000_000
    for name in (*directive["Dimensions"][0], directive["Metrics"][0]["Name"]):
        assert name in said
    assert (said["Suffix"], said["ConsumerLag"]) == ("test", 17)


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
