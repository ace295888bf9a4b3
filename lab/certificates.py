"""Certificates for the lab's servers, of the form that Amazon RDS has: a root, a subordinate, a server's.

The functions and services verify them as they verify RDS (`lambdas/certificates`); only the file of the
authorities that they believe is the lab's. Made anew at each start; no key leaves the lab's folder.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
LIFETIME = timedelta(days=30)
_SIGNS = x509.KeyUsage(
    digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
    key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
    decipher_only=False,
)  # fmt: skip
_SERVES = x509.KeyUsage(
    digital_signature=True, key_encipherment=True, key_cert_sign=False, crl_sign=False,
    content_commitment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
    decipher_only=False,
)  # fmt: skip


def ecc384() -> Key:
    """A key as of `rds-ca-ecc384-g1`."""
    return ec.generate_private_key(ec.SECP384R1())


def rsa2048() -> Key:
    """A key as of `rds-ca-rsa2048-g1`."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def rsa4096() -> Key:
    """A key as of `rds-ca-rsa4096-g1`."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=4096)


@dataclass(frozen=True)
class ServerFiles:
    """What a server is started with: its certificate with the subordinate's behind it, and its key."""

    certificate: Path
    key: Path


class Authority:
    """A root and its subordinate; `ca_file` has the root alone, as AWS's bundle has."""

    def __init__(self, folder: Path, make_key: Callable[[], Key] = ecc384) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._make_key = folder, make_key
        root_key, self._key = make_key(), make_key()
        root_name, self._name = _name("Lab Root CA G1"), _name("Lab Subordinate CA G1.A.1")
        root = _signed(root_name, root_key, root_name, root_key, _authority(None))
        self._subordinate = _signed(self._name, self._key, root_name, root_key, _authority(0))
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(root.public_bytes(serialization.Encoding.PEM))

    def server(
        self, *hosts: str, name: str = "server", ends_in: timedelta = LIFETIME
    ) -> ServerFiles:
        """A certificate for these host names and addresses. Below zero, `ends_in` has it expired."""
        key = self._make_key()
        made = _signed(_name(hosts[0]), key, self._name, self._key, _server(hosts), ends_in)
        files = ServerFiles(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        files.certificate.write_bytes(
            made.public_bytes(serialization.Encoding.PEM)
            + self._subordinate.public_bytes(serialization.Encoding.PEM)
        )
        files.key.touch(mode=0o600)
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return files


Extensions = list[tuple[x509.ExtensionType, bool]]
"""Each with whether it is critical."""


def _authority(path_length: int | None) -> Extensions:
    return [(x509.BasicConstraints(ca=True, path_length=path_length), True), (_SIGNS, True)]


def _server(hosts: tuple[str, ...]) -> Extensions:
    names = x509.SubjectAlternativeName([_general(host) for host in hosts])
    use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return [(names, False), (_SERVES, True), (use, False)]


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _signed(
    subject: x509.Name,
    key: Key,
    issuer: x509.Name,
    issuer_key: Key,
    extensions: Extensions,
    ends_in: timedelta = LIFETIME,
) -> x509.Certificate:
    ends = datetime.now(UTC) + ends_in
    building = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(ends, datetime.now(UTC)) - timedelta(days=1))
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if key is not issuer_key:  # a root of RDS has none; the strict checks want one in all others
        building = building.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    for one, critical in extensions:
        building = building.add_extension(one, critical=critical)
    return building.sign(issuer_key, hashes.SHA384())
