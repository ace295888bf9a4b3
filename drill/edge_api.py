"""The edge API of one region over one keep-alive connection (contract: docs/mechanisms/contracts.md).

Nothing here raises for a network fault: an answer without a status says why. Not 202 = not accepted.
"""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from drill.edge_token import EdgeTokens

CONNECT_SECONDS = 1.0
USER_AGENT = "lifeline-edge/1"
"""The web ACL blocks a request that names none."""


@dataclass(frozen=True)
class Answer:
    """What came back: status 0 means no answer (refused, reset, timed out); `detail` says why."""

    status: int
    body: dict[str, Any]
    detail: str = ""
    raw: bytes = b""
    """The body as it came, where every digit counts (C8)."""


@dataclass(frozen=True)
class EdgeAddress:
    """A region's base URL and what its tokens come from."""

    url: str
    tokens: EdgeTokens


Address = str | EdgeAddress
"""A base URL alone is an API that asks for no token."""


class EdgeApi:
    """Not thread-safe: one for each thread. Every call is bounded by `timeout_seconds` for each wait."""

    def __init__(self, address: Address, *, timeout_seconds: float = 3.0) -> None:
        base_url = address if isinstance(address, str) else address.url
        self._tokens = None if isinstance(address, str) else address.tokens
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
        """`POST /v1/events` with these envelopes, byte by byte as they are: as texts, not as objects (C8)."""
        sent = [{"aggregateId": _aggregate_of(one), "eventText": one.decode()} for one in events]
        return self._call("POST", "/v1/events", orjson.dumps({"events": sent}))

    def health(self) -> Answer:
        """`GET /health`."""
        return self._call("GET", "/health")

    def watermark(self) -> Answer:
        """`GET /v1/watermark`."""
        return self._call("GET", "/v1/watermark")

    def event(self, event_id: str) -> Answer:
        """`GET /v1/events/{eventId}`."""
        return self._call("GET", f"/v1/events/{event_id}")

    def vital_signs(self, patient: str) -> Answer:
        """`GET /v1/patients/{patientId}/vital-signs`."""
        return self._call("GET", f"/v1/patients/{quote(patient, safe='')}/vital-signs")

    def close(self) -> None:
        """Drop the connection; the next call opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call(self, method: str, path: str, body: bytes | None = None) -> Answer:
        try:
            headers = self._headers(path, body)
            connection = self._open()
            connection.request(method, self._path + path, body=body, headers=headers)
            response = connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException) as error:
            # Whether the other side took it is unknown: for the edge that is "not accepted".
            self.close()
            return Answer(0, {}, f"{type(error).__name__}: {error}")
        if response.will_close:
            self.close()
        if response.status == 401 and self._tokens is not None:
            self._tokens.forget()
        try:
            parsed = orjson.loads(raw) if raw else {}
        except orjson.JSONDecodeError:
            return Answer(response.status, {}, "the answer is not JSON")
        return Answer(response.status, parsed if isinstance(parsed, dict) else {}, raw=raw)

    def _headers(self, path: str, body: bytes | None) -> dict[str, str]:
        """`/health` is open: whether a region lives must not hang on its token endpoint. Raises NoToken."""
        headers = {"User-Agent": USER_AGENT}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._tokens is not None and path != "/health":
            headers["Authorization"] = self._tokens.bearer()
        return headers

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


def _aggregate_of(event: bytes) -> str:
    return str(orjson.loads(event).get("aggregateId", "-"))
