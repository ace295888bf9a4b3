"""An edge's tokens of one region: client credentials in, a token for as long as it lasts out.

Renewed at half of its life, so that a token endpoint which is down for less than that is not noticed. The
system under test has its own code for this; the drill shares none of it.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlencode

SCOPES = "events/write events/read"
TIMEOUT_SECONDS = 1.0
RETRY_SECONDS = 15.0
"""Between two attempts while the old token holds: each costs a call up to the time-out, under the lock."""


class NoToken(OSError):
    """The token endpoint gave none, and the old one has run out."""


class EdgeTokens:
    """Shared by the threads of an edge. Its text form shows no secret."""

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = token_url
        pair = f"{client_id}:{client_secret}".encode()
        self._basic = "Basic " + base64.b64encode(pair).decode()
        self._clock = clock
        self._lock = threading.Lock()
        self._text = ""
        self._renew_at = self._ends_at = float("-inf")

    def bearer(self) -> str:
        """The `Authorization` header. Raises NoToken."""
        with self._lock:
            now = self._clock()
            if now >= self._renew_at:
                self._renew(now)
            return f"Bearer {self._text}"

    def forget(self) -> None:
        """The API refused the token."""
        with self._lock:
            self._renew_at = self._ends_at = float("-inf")

    def _renew(self, now: float) -> None:
        try:
            text, lasts_seconds = self._ask()
        except (OSError, ValueError, KeyError) as error:
            if now < self._ends_at:
                self._renew_at = min(now + RETRY_SECONDS, self._ends_at)
                return
            raise NoToken(f"{type(error).__name__}: {error}") from error
        self._text = text
        self._renew_at, self._ends_at = now + lasts_seconds / 2, now + lasts_seconds

    def _ask(self) -> tuple[str, float]:
        form = urlencode({"grant_type": "client_credentials", "scope": SCOPES}).encode()
        request = urllib.request.Request(
            self._url,
            data=form,
            method="POST",
            headers={
                "Authorization": self._basic,
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            body = json.loads(response.read())
        return str(body["access_token"]), float(body["expires_in"])
