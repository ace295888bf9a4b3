"""The running service: what it says in clear text, and what by TLS alone (S5)."""

from __future__ import annotations

import http.client
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.gateway import Upstream
from lab.ports import free_port
from lifeline.lambdas.contracts.query_api import TOKEN_HEADER
from lifeline.services.query_api import healthy
from tests.support.http_server import closed_port

ROOT = Path(__file__).resolve().parents[3]
HOST = "127.0.0.1"
START_SECONDS = 60.0
UNCHECKED_TOKEN = "Bearer eyJraWQiOiAiMSIsICJhbGciOiAiUlMyNTYifQ.e30.c2lnbmVk"
"""The form of a token; nobody can check it while the pool's keys cannot be had."""
EVENT = "/v1/events/0190b2a0-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Service:
    """`python -m lifeline.services.query_api`, with nothing behind it that answers."""

    plain: int
    tls: int
    ca_file: str

    def status(self, path: str) -> int:
        """Of a GET in clear text."""
        connection = http.client.HTTPConnection(HOST, self.plain, timeout=10)
        connection.request("GET", path)
        return connection.getresponse().status

    def secure_status(self, path: str, token: str = "") -> int:
        """Of a GET as the lab's API makes it."""
        headers = {TOKEN_HEADER: token}
        return Upstream(self.tls, 10, self.ca_file).call("GET", path, headers=headers)[0]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = Service(
        free_port(), free_port(), str(tmp_path_factory.mktemp("query-api") / "query-api.pem")
    )
    nowhere = closed_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "lifeline.services.query_api"],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "constructs"),
            "AWS_REGION": "ca-central-1",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_ENDPOINT_URL": f"http://{HOST}:{nowhere}",
            "PEER_REGION": "ca-west-1",
            "SUFFIX": "test",
            "STREAM_NAME": "events-test",
            "REGION_STATE_TABLE": "region-state-test",
            "CHECKPOINTS_TABLE": "log-checkpoints-test",
            "DATABASE_HOST": HOST,
            "DATABASE_PORT": str(nowhere),
            "DATABASE_NAME": "lifeline",
            "DATABASE_USER": "lifeline",
            "DATABASE_AUTH": "none",
            "KAFKA_BOOTSTRAP": f"{HOST}:{nowhere}",
            "KAFKA_AUTH": "none",
            "KAFKA_PARTITIONS": '{"clinical.observation.recorded": 1}',
            "KAFKA_GROUP": "test",
            "QUERY_API_HOST": HOST,
            "QUERY_API_PORT": str(made.plain),
            "QUERY_API_TLS_PORT": str(made.tls),
            "QUERY_API_TLS_NAME": HOST,
            "QUERY_API_CA_FILE": made.ca_file,
            # A cache that is not there, and a pool whose keys cannot be had.
            "CACHE_GROUP": "cache-test",
            "CACHE_HOSTS": HOST,
            "CACHE_PORT": str(nowhere),
            "CACHE_AUTH": "none",
            "CACHE_SECRET_NAME": "cache-entries-test",
            "TOKEN_ISSUER": f"http://{HOST}:{nowhere}/pool-1",
        },
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not healthy.answers(made.plain):
            assert process.poll() is None, "the service ended"
            assert time.monotonic() < deadline, f"the service did not answer in {START_SECONDS} s"
            time.sleep(0.1)
        yield made
    finally:
        process.terminate()
        process.wait(20)


def test_patients_events_are_not_answered_in_clear_text(service: Service) -> None:
    assert service.status(EVENT) == 404
    # Known here, and its database does not answer.
    assert service.secure_status(EVENT, UNCHECKED_TOKEN) == 503


@pytest.mark.parametrize("path", [EVENT, "/v1/patients/p-1/vital-signs"])
def test_a_forged_token_opens_no_patients_data(service: Service, path: str) -> None:
    """S5: the API in front asks for one, too; a caller who comes past it has none of the pool."""
    assert service.secure_status(path, "Bearer forged") == 401


@pytest.mark.parametrize(("path", "status"), [("/health", 503), ("/v1/watermark", 200)])
def test_health_and_watermark_are_answered_at_both(
    service: Service, path: str, status: int
) -> None:
    assert service.status(path) == status
    assert service.secure_status(path) == status


def test_the_lab_believes_no_other_root(service: Service, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text((ROOT / "lambdas" / "certificates" / "rds-ca.pem").read_text())
    with pytest.raises(ssl.SSLCertVerificationError):
        Upstream(service.tls, 10, str(other)).call("GET", "/health")
