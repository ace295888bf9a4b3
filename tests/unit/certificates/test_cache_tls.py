"""The cache's client verifies the server's name and authority before it hands its token over."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from valkey.exceptions import ConnectionError as NotConnected

from lab.certificates import Authority, ServerFiles
from lifeline.lambdas.certificates.cache_tls import client_for, signed_in
from tests.support.certificates import authority, ca_file

LOOPBACK, NAME = "127.0.0.1", "localhost"


class _Connection(socketserver.StreamRequestHandler):
    """Answers whatever is said; `server.heard` keeps the words."""

    server: _Listener

    def handle(self) -> None:
        try:
            self.request.do_handshake()
            while line := self.rfile.readline():
                words = []
                for _ in range(int(line[1:])):
                    size = int(self.rfile.readline()[1:])
                    words.append(self.rfile.read(size + 2)[:-2])
                self.server.heard.append(words)
                self.wfile.write(b"+PONG\r\n" if words[0] == b"PING" else b"+OK\r\n")
        except OSError:
            return  # the client refused this server


class _Listener(socketserver.ThreadingTCPServer):
    """TLS, and so much of Valkey's protocol as a sign-in takes: the tests' server is built without TLS."""

    daemon_threads = True

    def __init__(self, files: ServerFiles) -> None:
        super().__init__((LOOPBACK, 0), _Connection)
        self.heard: list[list[bytes]] = []
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files.certificate, files.key)
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )


@contextmanager
def listening(files: ServerFiles) -> Iterator[_Listener]:
    with _Listener(files) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system believes the tests' authority; the task has a role."""
    monkeypatch.setenv("SSL_CERT_FILE", ca_file())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


def ping(server: _Listener) -> bool:
    with client_for(
        NAME, server.server_address[1], seconds=5.0, **signed_in("cache-t", "task", "ca-central-1")
    ) as client:
        return bool(client.ping())


def test_it_signs_in_with_a_signed_token_to_a_server_that_it_believes() -> None:
    with listening(authority().server(NAME, name="cache")) as server:
        assert ping(server)
        [user, token] = server.heard[0][1:]
        assert (server.heard[0][0], user) == (b"AUTH", b"task")
        assert token.startswith(b"cache-t/?Action=connect&User=task&")
        assert b"X-Amz-Expires=900" in token
        assert b"X-Amz-Signature=" in token


def test_a_server_that_is_not_the_caches_hears_no_token(tmp_path: Path) -> None:
    """Of another authority, under another name, with a certificate that is over: nothing is said to it."""
    others = {
        "another authority": Authority(tmp_path / "another").server(NAME),
        "another name": authority().server("another.example", name="cache-another"),
        "expired": authority().server(NAME, name="cache-over", ends_in=timedelta(days=-1)),
    }
    for why, files in others.items():
        with listening(files) as server:
            with pytest.raises(NotConnected, match=r"(?i)certificate"):
                ping(server)
            assert server.heard == [], why
