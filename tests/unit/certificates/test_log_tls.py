"""The log's clients verify a broker's name and authority: librdkafka's own handshakes with a real server."""

from __future__ import annotations

import ast
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from lab.certificates import Authority, ServerFiles
from lifeline.lambdas.certificates.log_tls import VERIFIED_LOG
from lifeline.lambdas.contracts.log import LogAddress
from lifeline.lambdas.stream_bridge.log_writer import producer_settings
from lifeline.services.shared.log_clients import client_settings
from tests.support.certificates import authority

ROOT = Path(__file__).resolve().parents[3]
LOOPBACK, NAME = "127.0.0.1", "localhost"
SECONDS = 10.0


@dataclass
class Listener:
    """Shakes hands and speaks no Kafka: `shaken` says for each caller whether it went on."""

    files: ServerFiles
    shaken: queue.Queue[bool] = field(default_factory=queue.Queue)
    port: int = 0

    def serve(self) -> socket.socket:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.files.certificate, self.files.key)
        listening = socket.create_server((LOOPBACK, 0))
        self.port = listening.getsockname()[1]
        threading.Thread(target=self._answer, args=(listening, context), daemon=True).start()
        return listening

    def _answer(self, listening: socket.socket, context: ssl.SSLContext) -> None:
        while True:
            try:
                caller, _ = listening.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(caller, server_side=True) as secure:
                    # With TLS 1.3 a caller's refusal comes after the server's own handshake.
                    self.shaken.put(bool(secure.recv(1)))
            except OSError:
                self.shaken.put(False)


@pytest.fixture(params=["bridge", "service"])
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Of each client, as in AWS; only the token is not signed."""
    if request.param == "bridge":
        made = producer_settings(bootstrap="replaced:1", auth="iam", region="ca-central-1")
    else:
        address = LogAddress(
            bootstrap="replaced:1", auth="iam", partitions={"a": 1}, region="ca-central-1"
        )
        made = client_settings(address, purpose="test")
    assert made.items() >= VERIFIED_LOG.items()
    return {**made, "oauth_cb": lambda _config: ("token", time.time() + 300)}


@pytest.fixture
def listener(request: pytest.FixtureRequest) -> Iterator[Listener]:
    made = Listener(authority().server(request.param, name=f"log-{request.param}"))
    listening = made.serve()
    yield made
    listening.close()


def goes_on(settings: dict[str, Any], listener: Listener, believed: Authority) -> bool:
    """Whether the client sends anything after its handshake."""
    told = {
        **settings,
        "bootstrap.servers": f"{NAME}:{listener.port}",
        "broker.address.family": "v4",
        "ssl.ca.location": str(believed.ca_file),
    }
    producer = Producer(told)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        producer.poll(0.05)
        try:
            return listener.shaken.get_nowait()
        except queue.Empty:
            continue
    raise AssertionError(f"nobody called within {SECONDS} s")


@pytest.mark.parametrize("listener", [NAME], indirect=True)
def test_a_broker_of_the_right_name_is_spoken_to(
    settings: dict[str, Any], listener: Listener
) -> None:
    assert goes_on(settings, listener, authority())


@pytest.mark.parametrize("listener", ["b-1.elsewhere.example.org"], indirect=True)
def test_a_broker_of_another_name_is_not(settings: dict[str, Any], listener: Listener) -> None:
    assert not goes_on(settings, listener, authority())


@pytest.mark.parametrize("listener", [NAME], indirect=True)
def test_a_broker_of_an_unknown_authority_is_not(
    settings: dict[str, Any], listener: Listener, tmp_path: Path
) -> None:
    assert not goes_on(settings, listener, Authority(tmp_path))


def test_the_systems_authorities_are_looked_for() -> None:
    """In Amazon Linux and Debian they lie at different places, both among those that are probed."""
    assert VERIFIED_LOG["ssl.ca.location"] == "probe"
    assert VERIFIED_LOG["enable.ssl.certificate.verification"] is True
    assert VERIFIED_LOG["ssl.endpoint.identification.algorithm"] == "https"


def test_no_client_says_otherwise() -> None:
    """The names of the settings stand in one file alone."""
    spelled = {
        str(path.relative_to(ROOT))
        for top in ("lambdas", "services")
        for path in (ROOT / top).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith(("ssl.", "enable.ssl", "security.protocol"))
    }
    assert spelled == {"lambdas/certificates/log_tls.py"}
