"""The certificate of one task, made when it starts and gone with it: root, server, and both keys.

The root's key is not even kept in memory; the server's is never written to a disk. API Gateway wants a root
that may sign (keyCertSign, CA:TRUE) behind the server's certificate.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lifeline.lambdas.failover.clock import SYSTEM_CLOCK

LIFETIME = timedelta(days=3 * 365)
"""Longer than a task: Fargate retires its platforms, and tasks with them, within months."""
CLOCK_SKEW = timedelta(hours=1)
PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class OwnCertificate:
    """The root alone, the chain that the server sends, and its key; all PEM."""

    root: bytes
    chain: bytes
    key: bytes

    @classmethod
    def of(cls, host: str) -> OwnCertificate:
        """A new one for a host's name or address."""
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root_name, name = _name("Lifeline query API, this task's root"), _name("query API")
        signs = x509.BasicConstraints(ca=True, path_length=0)
        root = _signed(
            root_name, root_key, root_name, root_key, [(signs, True), _usage(signs=True)]
        )
        server = _signed(
            name,
            key,
            root_name,
            root_key,
            [
                (x509.SubjectAlternativeName([_general(host)]), False),
                (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
                (x509.BasicConstraints(ca=False, path_length=None), True),
                _usage(signs=False),
            ],
        )
        return cls(
            root=root.public_bytes(PEM),
            chain=server.public_bytes(PEM) + root.public_bytes(PEM),
            key=key.private_bytes(
                PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )

    def context(self) -> ssl.SSLContext:
        """For a server; TLS 1.2 and newer."""
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        with _unwritten(self.chain + self.key) as path:
            made.load_cert_chain(path)
        return made


Extension = tuple[x509.ExtensionType, bool]
"""With whether it is critical."""


@contextmanager
def _unwritten(content: bytes) -> Iterator[str]:
    """A path to `content`, which is in memory only, where the system has such files (Linux)."""
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
        return
    number = os.memfd_create("certificate")
    try:
        os.write(number, content)
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)


def _usage(*, signs: bool) -> Extension:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    ), True


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _signed(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    extensions: list[Extension],
) -> x509.Certificate:
    now = datetime.fromtimestamp(SYSTEM_CLOCK.now(), UTC)
    building = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    for one, critical in extensions:
        building = building.add_extension(one, critical=critical)
    return building.sign(issuer_key, hashes.SHA256())
