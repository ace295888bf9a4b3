"""An entry of the cache: sealed, bound to its name and to the epoch at which it was written.

A cache may be cold, late, full or lie: what it gives back counts only if the seal holds. Names are keyed
hashes and contents are encrypted: neither the cache, its slow log nor its snapshots hold a patient's data.
"""

from __future__ import annotations

import hmac
import os
from enum import StrEnum
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT = b"L1"
"""Of what is sealed: a release that writes another content counts on, and reads no entry of the old one."""
NONCE_BYTES = 12
SECRET_CHARACTERS = 32
EPOCH_DIGITS = 20


class Kind(StrEnum):
    """What entries are there; the first part of a name."""

    VITAL_SIGNS = "vital-signs"
    SESSION = "session"


class Unusable(StrEnum):
    """Why an entry does not count."""

    STALE = "stale"
    """Of another epoch than the one that is served."""
    UNREADABLE = "unreadable"
    """Not what this service wrote under this name."""


class Seal:
    """Names and seals entries with a secret that the cache does not know."""

    def __init__(self, secret: str) -> None:
        """Raises ValueError for a secret that is too short to be one."""
        if len(secret) < SECRET_CHARACTERS:
            raise ValueError(
                f"The cache's secret has {len(secret)} characters; needed are at least {SECRET_CHARACTERS}."
            )
        self._secret = secret.encode()

    def name(self, kind: Kind, what: str) -> str:
        """Where the entry of `what` stands; nobody else can tell whose it is."""
        return f"{kind}:{self._keyed(f'name {kind} {what}'.encode()).hex()}"

    def sealed(self, name: str, epoch: int, content: bytes) -> bytes:
        """The entry."""
        head, nonce = _head(epoch), os.urandom(NONCE_BYTES)
        return head + nonce + self._cipher(name).encrypt(nonce, content, head + name.encode())

    def opened(self, name: str, epoch: int, entry: object) -> bytes | Unusable:
        """The content, if it was written here under this name at this epoch."""
        if not isinstance(entry, bytes):
            return Unusable.UNREADABLE
        written = epoch_of(entry)
        if written is None:
            return Unusable.UNREADABLE
        if written != epoch:
            return Unusable.STALE
        head = _head(epoch)
        nonce, sealed = entry[len(head) :][:NONCE_BYTES], entry[len(head) + NONCE_BYTES :]
        try:
            return self._cipher(name).decrypt(nonce, sealed, head + name.encode())
        except (InvalidTag, ValueError):
            return Unusable.UNREADABLE

    def _cipher(self, name: str) -> AESGCM:
        # A key for each name: the nonces of one name are few, so no two of them meet.
        return AESGCM(self._keyed(f"entry {name}".encode()))

    def _keyed(self, text: bytes) -> bytes:
        return hmac.digest(self._secret, text, sha256)


def _head(epoch: int) -> bytes:
    return FORMAT + f" {epoch:0{EPOCH_DIGITS}} ".encode()


def epoch_of(entry: bytes) -> int | None:
    """The epoch that an entry says it is of, unproven; None: it is no entry."""
    head, digits = _head(0), entry[len(FORMAT) + 1 :][:EPOCH_DIGITS]
    if len(entry) < len(head) + NONCE_BYTES or not digits.isdigit():
        return None
    return int(digits) if entry.startswith(_head(int(digits))) else None
