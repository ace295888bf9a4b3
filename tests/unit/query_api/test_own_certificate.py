"""The query API speaks TLS with a certificate of its own: a real server, real handshakes (S5)."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from lifeline.services.query_api.http_api import http_server
from lifeline.services.query_api.own_certificate import OwnCertificate

HOST = "127.0.0.1"
NAME = "query-api-test-0a1b2c.elb.ca-central-1.amazonaws.com"


@dataclass
class Served:
    """A running server and its certificate."""

    port: int
    name: str
    certificate: OwnCertificate

    def get(self, context: ssl.SSLContext, host: str = HOST) -> dict[str, object]:
        """`/health`, by a caller who believes what `context` does; `host` is whom it wants to reach."""
        with (
            socket.create_connection((HOST, self.port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            secure.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: secure.recv(4096), b""))
        found: dict[str, object] = json.loads(answer.partition(b"\r\n\r\n")[2])
        return found

    def believer(self) -> ssl.SSLContext:
        """Verifies as strictly as Python 3.14 does by default."""
        context = ssl.create_default_context(cadata=self.certificate.root.decode())
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context


@pytest.fixture(params=[HOST, NAME])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    certificate = OwnCertificate.of(request.param)
    routes = {"/health": lambda _rest: (200, {"fine": True})}
    server = http_server(HOST, 0, routes, certificate.context())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Served(int(server.server_address[1]), request.param, certificate)
    server.shutdown()
    server.server_close()


def test_who_believes_the_root_is_answered(served: Served) -> None:
    assert served.get(served.believer(), served.name) == {"fine": True}


def test_for_another_host_it_is_refused(served: Served) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"match|not valid for"):
        served.get(served.believer(), "elsewhere.example.org")


def test_another_tasks_root_is_refused(served: Served) -> None:
    other = Served(served.port, served.name, OwnCertificate.of(served.name))
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        served.get(other.believer(), served.name)


def test_clear_text_is_not_answered(served: Served) -> None:
    connection = http.client.HTTPConnection(HOST, served.port, timeout=5)
    connection.request("GET", "/health")
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.getresponse()


def test_one_who_never_shakes_hands_holds_up_nobody(
    served: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    """The load balancer's health check connects and leaves; neither that nor silence is an error."""
    with socket.create_connection((HOST, served.port)):
        socket.create_connection((HOST, served.port)).close()
        began = time.monotonic()
        assert served.get(served.believer(), served.name) == {"fine": True}
        assert time.monotonic() - began < 5
    assert "Traceback" not in capfd.readouterr().err


def test_the_root_may_sign_as_the_api_wants_it() -> None:
    """API Gateway, TlsConfig: keyUsage with keyCertSign, basicConstraints with CA:TRUE; the chain has it."""
    leaf, root = x509.load_pem_x509_certificates(OwnCertificate.of(NAME).chain)
    assert root.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    leaf.verify_directly_issued_by(root)


def test_two_tasks_have_nothing_in_common() -> None:
    one, other = OwnCertificate.of(NAME), OwnCertificate.of(NAME)
    assert not {one.root, one.key} & {other.root, other.key}


def test_no_key_is_left_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    OwnCertificate.of(NAME).context()
    assert list(tmp_path.iterdir()) == []
