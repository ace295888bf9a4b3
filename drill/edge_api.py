"""The edge API of one region over one keep-alive connection (contract: docs/mechanisms/contracts.md).

Nothing here raises for a network fault: an answer without a status says why. Not 202 = not accepted.
"""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

CONNECT_SECONDS = 1.0


@dataclass(frozen=True)
class Answer:
    """What came back: status 0 means no answer (refused, reset, timed out); `detail` says why."""

    status: int
    body: dict[str, Any]
    detail: str = ""


class EdgeApi:
    """Not thread-safe: one for each thread. Every call is bounded by `timeout_seconds` for each wait."""

    def __init__(self, base_url: str, *, timeout_seconds: float = 3.0) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not a base URL of an edge API: {base_url!r}")
        self._scheme = parts.scheme
        self._host = parts.hostname
        self._port = parts.port
        self._path = parts.path.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._connection: http.client.HTTPConnection | None = None

    def post_events(self, events: list[bytes]) -> Answer:
        """`POST /v1/events` with these envelopes, byte by byte as they are."""
        return self._call("POST", "/v1/events", b'{"events":[' + b",".join(events) + b"]}")

    def health(self) -> Answer:
        """`GET /health`."""
        return self._call("GET", "/health")

    def watermark(self) -> Answer:
        """`GET /v1/watermark`."""
        return self._call("GET", "/v1/watermark")

    def event(self, event_id: str) -> Answer:
        """`GET /v1/events/{eventId}`."""
        return self._call("GET", f"/v1/events/{event_id}")

    def close(self) -> None:
        """Drop the connection; the next call opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call(self, method: str, path: str, body: bytes | None = None) -> Answer:
        try:
            connection = self._open()
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, self._path + path, body=body, headers=headers)
            response = connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException) as error:
            # Whether the other side took it is unknown: for the edge that is "not accepted".
            self.close()
            return Answer(0, {}, f"{type(error).__name__}: {error}")
        if response.will_close:
            self.close()
        try:
            parsed = orjson.loads(raw) if raw else {}
        except orjson.JSONDecodeError:
            return Answer(response.status, {}, "the answer is not JSON")
        return Answer(response.status, parsed if isinstance(parsed, dict) else {})

    def _open(self) -> http.client.HTTPConnection:
        if self._connection is None:
            kind = (
                http.client.HTTPSConnection
                if self._scheme == "https"
                else http.client.HTTPConnection
            )
            connection = kind(self._host, self._port, timeout=CONNECT_SECONDS)
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sock.settimeout(self._timeout_seconds)
            self._connection = connection
        return self._connection
