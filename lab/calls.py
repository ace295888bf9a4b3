"""AWS clients of the lab: through a source's proxy, or straight to the emulator."""

from __future__ import annotations

import threading
from typing import Any

import boto3
from botocore.config import Config

from lab.places import ACCOUNT, Places

CALL_TIMEOUT_SECONDS = 5.0


class Clients:
    """Makes and keeps clients. Time-outs are short and nothing is retried behind the caller."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._made: dict[tuple[str, str, str], Any] = {}
        # One session: each would read the services' models anew.
        self._session = boto3.session.Session()
        self._lock = threading.Lock()

    def through(self, source: str, service: str, region: str) -> Any:
        """A client whose calls come from `source`, faults included."""
        return self._client(service, region, self._places.proxy_url(source))

    def observer(self, service: str, region: str) -> Any:
        """A client that no fault reaches: for setting up and for evidence, never for deciding."""
        return self._client(service, region, self._places.emulator_url())

    def _client(self, service: str, region: str, url: str) -> Any:
        key = (service, region, url)
        # A session is not safe to share between threads while it makes clients.
        with self._lock:
            if key not in self._made:
                make: Any = self._session.client
                self._made[key] = make(
                    service, region_name=region, endpoint_url=url,
                    aws_access_key_id=ACCOUNT, aws_secret_access_key="lab",  # noqa: S106
                    config=Config(
                        connect_timeout=CALL_TIMEOUT_SECONDS, read_timeout=CALL_TIMEOUT_SECONDS,
                        retries={"total_max_attempts": 1}, s3={"addressing_style": "path"},
                    ),
                )  # fmt: skip
            return self._made[key]
