"""The bundle of certificate authorities that the images trust, read from its file."""

from __future__ import annotations

import hashlib
import re
import ssl
from pathlib import Path
from typing import Any

from lifeline.preflight.probe import Certificate

PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.S)


class NoBundle(ValueError):
    """The file is no bundle of certificates; the message is a sentence."""


def read_bundle(path: Path) -> tuple[Certificate, ...]:
    """Every certificate in a PEM file. Raises NoBundle."""
    try:
        texts = PEM.findall(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise NoBundle(f"the bundle {path} cannot be read: {error}.") from error
    if not texts:
        raise NoBundle(f"{path} holds no certificate in PEM format.")
    try:
        return tuple(_certificate(text) for text in texts)
    except (ssl.SSLError, ValueError, KeyError) as error:
        raise NoBundle(f"{path} holds a certificate that cannot be read: {error}.") from error


def _certificate(text: str) -> Certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=text)
    (facts,) = context.get_ca_certs()
    found: dict[str, Any] = dict(facts)
    subject = dict(pair for part in found["subject"] for pair in part)
    return Certificate(
        subject=str(subject.get("commonName", "")),
        # What rds:DescribeCertificates calls the thumbprint; nothing is trusted by it.
        sha1=hashlib.sha1(ssl.PEM_cert_to_DER_cert(text), usedforsecurity=False).hexdigest(),
        not_after=float(ssl.cert_time_to_seconds(found["notAfter"])),
    )
