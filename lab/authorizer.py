"""What a Cognito authorizer does with a token: signature, time, kind, scope. Standard library only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

SHA256_IN_ASN1 = bytes.fromhex("3031300d060960864801650304020105000420")
"""RFC 8017, section 9.2: what stands before a SHA-256 digest in a signature."""
REMEMBERED = 512
ASK_AGAIN_SECONDS = 5.0


class Unauthorized(Exception):
    """The request is not let in; the message says why, to the lab's log only."""


@dataclass(frozen=True)
class Claims:
    """What of a verified token counts."""

    scopes: frozenset[str]
    expires: float


class Authorizer:
    """Lets in access tokens of one user pool. Thread-safe: what it remembers is replaced as a whole."""

    def __init__(
        self,
        pool: str,
        fetch_keys: Callable[[], Sequence[dict[str, Any]]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pool, self._fetch_keys, self._clock = pool, fetch_keys, clock
        self._lock = threading.Lock()
        self._keys: dict[str, tuple[int, int]] = {}
        self._asked_at = float("-inf")
        self._known: dict[str, Claims] = {}

    def require(self, header: str, scope: str) -> None:
        """Raises Unauthorized; OSError when the pool's keys cannot be had."""
        token = header.removeprefix("Bearer ").strip()
        if not token:
            raise Unauthorized("no token")
        claims = self._known.get(token)
        if claims is None:
            claims = self._verified(token)
            if len(self._known) >= REMEMBERED:
                self._known = {}
            self._known[token] = claims
        if self._clock() >= claims.expires:
            raise Unauthorized("the token has run out")
        if scope not in claims.scopes:
            raise Unauthorized(f"the token lacks the scope {scope}")

    def _verified(self, token: str) -> Claims:
        try:
            head, body, signature = token.split(".")
            header, claims = json.loads(_decoded(head)), json.loads(_decoded(body))
            signed = int.from_bytes(_decoded(signature))
        except (ValueError, binascii.Error):
            raise Unauthorized("not a token") from None
        if header.get("alg") != "RS256":
            raise Unauthorized(f"the token is signed by {header.get('alg')}")
        modulus, exponent = self._key(str(header.get("kid")))
        if not _signed(f"{head}.{body}".encode(), signed, modulus, exponent):
            raise Unauthorized("the signature is wrong")
        if claims.get("token_use") != "access" or not str(claims.get("iss")).endswith(
            f"/{self._pool}"
        ):
            raise Unauthorized("not an access token of this pool")
        return Claims(frozenset(str(claims.get("scope", "")).split()), float(claims["exp"]))

    def _key(self, kid: str) -> tuple[int, int]:
        with self._lock:
            now = self._clock()
            if kid not in self._keys and now - self._asked_at >= ASK_AGAIN_SECONDS:
                self._asked_at = now
                self._keys = _readable(self._fetch_keys())
            if kid not in self._keys:
                raise Unauthorized("signed with no key of this pool")
            return self._keys[kid]


def _signed(message: bytes, signature: int, modulus: int, exponent: int) -> bool:
    """RSASSA-PKCS1-v1_5 with SHA-256: the whole padded block is compared, not a part of it."""
    size = (modulus.bit_length() + 7) // 8
    ending = b"\x00" + SHA256_IN_ASN1 + hashlib.sha256(message).digest()
    wanted = b"\x00\x01" + b"\xff" * (size - len(ending) - 2) + ending
    return signature < modulus and pow(signature, exponent, modulus).to_bytes(size) == wanted


def _readable(keys: Sequence[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """Modulus and exponent by key id. Raises OSError for what is no RSA key."""
    try:
        return {str(one["kid"]): (_number(one["n"]), _number(one["e"])) for one in keys}
    except (ValueError, KeyError) as error:
        raise OSError(f"the pool's keys cannot be read: {error!r}") from error


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: str) -> int:
    return int.from_bytes(_decoded(text))
