"""The lab's authorizer: it lets in what the pool signed, for as long as it holds, for what it is for."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lab.authorizer import Authorizer, Unauthorized

NOW = 1_800_000_000.0
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ISSUER = "https://cognito-idp.ca-central-1.amazonaws.com/pool-1"
CLAIMS: dict[str, Any] = {
    "token_use": "access",
    "iss": ISSUER,
    "scope": "events/write events/read",
    "exp": NOW + 60,
}


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwk(key: rsa.RSAPrivateKey, kid: str) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    return {"kid": kid, "n": text(numbers.n.to_bytes(256)), "e": text(numbers.e.to_bytes(3))}


def token(key: rsa.RSAPrivateKey = KEY, alg: str = "RS256", **changed: Any) -> str:
    head = text(json.dumps({"alg": alg, "kid": "one"}).encode())
    body = text(json.dumps({**CLAIMS, **changed}).encode())
    signed = key.sign(f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"Bearer {head}.{body}.{text(signed)}"


class Pool:
    """The published keys, and how often they were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def keys(self) -> list[dict[str, Any]]:
        self.asked += 1
        return [jwk(KEY, "one")]


@pytest.fixture
def pool() -> Pool:
    return Pool()


@pytest.fixture
def authorizer(pool: Pool) -> Authorizer:
    return Authorizer("pool-1", pool.keys, clock=lambda: NOW)


def test_a_good_token_is_let_in_and_the_keys_are_asked_for_once(
    authorizer: Authorizer, pool: Pool
) -> None:
    good = token()
    authorizer.require(good, "events/write")
    authorizer.require(good, "events/read")
    authorizer.require(token(jti="another"), "events/read")
    assert pool.asked == 1


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("", "no token"),
        ("Bearer x.y", "not a token"),
        (token(OTHER_KEY), "signature is wrong"),
        (token(alg="none"), "signed by none"),
        (token(exp=NOW - 1), "run out"),
        (token(token_use="id"), "not an access token"),
        (token(iss=ISSUER + "2"), "of this pool"),
        (token(scope="events/read"), "lacks the scope"),
    ],
)
def test_anything_else_is_not(authorizer: Authorizer, bad: str, why: str) -> None:
    with pytest.raises(Unauthorized, match=why):
        authorizer.require(bad, "events/write")


def test_claims_that_were_changed_after_signing_are_seen(authorizer: Authorizer) -> None:
    head, _body, signature = token(scope="events/read").removeprefix("Bearer ").split(".")
    forged = text(json.dumps(CLAIMS).encode())
    with pytest.raises(Unauthorized, match="signature is wrong"):
        authorizer.require(f"Bearer {head}.{forged}.{signature}", "events/write")


def test_a_remembered_token_still_runs_out(pool: Pool) -> None:
    now = [NOW]
    authorizer = Authorizer("pool-1", pool.keys, clock=lambda: now[0])
    good = token()
    authorizer.require(good, "events/write")
    now[0] += 61
    with pytest.raises(Unauthorized, match="run out"):
        authorizer.require(good, "events/write")


def test_unknown_keys_do_not_make_the_pool_be_asked_for_ever(
    authorizer: Authorizer, pool: Pool
) -> None:
    head = text(json.dumps({"alg": "RS256", "kid": "two"}).encode())
    for _ in range(3):
        with pytest.raises(Unauthorized, match="no key of this pool"):
            authorizer.require(f"Bearer {head}.{text(b'{}')}.{text(b'x')}", "events/write")
    assert pool.asked == 1
