"""Is this an access token of the region's user pool? Its signature, time, kind and pool say."""

from __future__ import annotations

import base64
import json
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock

ASK_AGAIN_SECONDS = 5.0
"""Between two looks for a key that is not known: a token may name any."""
FETCH_SECONDS = 1.0
LONGEST_TOKEN = 8_192
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""What reading a caller's JSON may raise: a number without end, brackets in brackets."""


class NotAdmitted(Exception):
    """No such token; the message is for nobody but the tests."""


class Unknown(Exception):
    """The pool's keys cannot be had, so nobody knows."""


@dataclass(frozen=True)
class Session:
    """What of a verified token counts."""

    client: str
    scopes: tuple[str, ...]
    expires: float


class TokenCheck:
    """Remembers the pool's keys. Thread-safe. `keys_at`: another place that has them (the lab)."""

    def __init__(self, issuer: str, keys_at: str = "", clock: Clock = SYSTEM_CLOCK) -> None:
        base, _, self._pool = issuer.rpartition("/")
        self._url = f"{keys_at or base}/{self._pool}/.well-known/jwks.json"
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Mapping[str, rsa.RSAPublicKey] = {}
        self._asked_at, self._current = float("-inf"), False

    def session(self, token: str) -> Session:
        """Raises NotAdmitted, Unknown."""
        try:
            head, body, signature = token[:LONGEST_TOKEN].split(".")
            header, claims = json.loads(_decoded(head)), json.loads(_decoded(body))
            signed, key_id, algorithm = _decoded(signature), str(header["kid"]), header["alg"]
        except _UNREADABLE:
            raise NotAdmitted("not a token") from None
        if algorithm != "RS256":
            raise NotAdmitted("signed in another way")
        try:
            self._key(key_id).verify(
                signed, f"{head}.{body}".encode(), padding.PKCS1v15(), SHA256()
            )
        except InvalidSignature:
            raise NotAdmitted("the signature is wrong") from None
        return self._of(claims)

    def _of(self, claims: Any) -> Session:
        try:
            session = Session(
                str(claims["client_id"]),
                tuple(str(claims.get("scope", "")).split()),
                float(claims["exp"]),
            )
            kind, pool = claims["token_use"], str(claims["iss"]).rpartition("/")[2]
        except _UNREADABLE:
            raise NotAdmitted("it lacks a claim") from None
        if (kind, pool) != ("access", self._pool):
            raise NotAdmitted("not an access token of this pool")
        if session.expires <= self._clock.now():
            raise NotAdmitted("it has run out")
        return session

    def _key(self, key_id: str) -> rsa.RSAPublicKey:
        known = self._keys.get(key_id)
        if known is not None:
            return known
        with self._lock:
            now = self._clock.monotonic()
            if key_id not in self._keys and now - self._asked_at >= ASK_AGAIN_SECONDS:
                self._asked_at, self._current = now, False
                # What is known stays if it fails, and says nothing of a new key. Whatever came in the place
                # of keys is no reason to refuse anybody: half an HTTP answer raises no OSError.
                with suppress(Exception):
                    self._keys, self._current = _readable(self._fetched()), True
            if key_id in self._keys:
                return self._keys[key_id]
            if not self._current:
                raise Unknown
            raise NotAdmitted("signed with no key of this pool")

    def _fetched(self) -> Sequence[Mapping[str, str]]:
        with urllib.request.urlopen(self._url, timeout=FETCH_SECONDS) as answer:
            found: Sequence[Mapping[str, str]] = json.loads(answer.read(65_536))["keys"]
        return found


def _readable(keys: Sequence[Mapping[str, str]]) -> dict[str, rsa.RSAPublicKey]:
    return {
        one["kid"]: rsa.RSAPublicNumbers(_number(one["e"]), _number(one["n"])).public_key()
        for one in keys
    }


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: str) -> int:
    return int.from_bytes(_decoded(text))
