"""Bytes that only one person can read: X25519, HKDF, ChaCha20-Poly1305, a key pair for each question."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32
_NONCE = bytes(12)
"""A key of its own for each message needs no other nonce."""


class Opener:
    """Holds the private key; it is never written anywhere. `public` is what `seal` takes."""

    def __init__(self) -> None:
        self._key = X25519PrivateKey.generate()
        self.public = base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def open(self, sealed: str) -> bytes:
        """Raises cryptography's InvalidTag for what was sealed for somebody else, or changed."""
        raw = base64.b64decode(sealed)
        sender, text = raw[:_KEY_BYTES], raw[_KEY_BYTES:]
        shared = self._key.exchange(X25519PublicKey.from_public_bytes(sender))
        return ChaCha20Poly1305(_derived(shared, sender)).decrypt(_NONCE, text, None)


def seal(value: bytes, public: str) -> str:
    """For whoever holds the private key of `public`. Raises ValueError for no such key."""
    sender = X25519PrivateKey.generate()
    shared = sender.exchange(X25519PublicKey.from_public_bytes(base64.b64decode(public)))
    own = sender.public_key().public_bytes_raw()
    text = ChaCha20Poly1305(_derived(shared, own)).encrypt(_NONCE, value, None)
    return base64.b64encode(own + text).decode()


def _derived(shared: bytes, sender: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt=sender, info=b"lifeline dead letter").derive(shared)
