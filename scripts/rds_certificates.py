"""Write lambdas/certificates/rds-ca.pem from AWS's bundle: the authorities of the regions we know.

    python scripts/rds_certificates.py global-bundle.pem --origin "https://truststore.pki.rds.amazonaws.com/…"

It prints what came, went and stayed, so that a person can compare each SHA-256 with another copy of the
bundle before the file is committed (docs/mechanisms/encryption-on-the-way.md).
"""

from __future__ import annotations

import argparse
import hashlib
import re
import ssl
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from lifeline.lambdas.certificates.database_tls import RDS_CA
from lifeline.regions import CATALOG

ROOT = Path(__file__).resolve().parent.parent
COPIES = tuple(
    ROOT / "examples" / "existing_application" / folder / "rds-ca.pem"
    for folder in ("functions", "before/functions")
)
"""The example is an application of its own: its functions' asset carries the file, too."""
BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
NAME = re.compile(
    r"Amazon RDS (?P<region>[a-z]+-[a-z]+-\d) Root CA (?P<key>\w+) (?P<generation>G\d+)"
)
"""Not those of the Beta and Preview environments, whose names have a word before the region."""


@dataclass(frozen=True, order=True)
class Authority:
    """One root certificate. `sha256` is that of its DER form, as `openssl x509 -fingerprint` prints it."""

    name: str
    region: str
    sha256: str
    until: str
    pem: str

    @classmethod
    def of(cls, block: str) -> Authority | None:
        """Read one block; None: not a root of a region of the catalogue, or one that has ended."""
        read = x509.load_pem_x509_certificate(block.encode())
        name = str(read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        found = NAME.fullmatch(name)
        ended = read.not_valid_after_utc <= datetime.now(UTC)
        if found is None or found["region"] not in CATALOG or read.subject != read.issuer or ended:
            return None
        der = ssl.PEM_cert_to_DER_cert(block)
        return cls(
            name, found["region"], hashlib.sha256(der).hexdigest(),
            f"{read.not_valid_after_utc:%Y-%m-%d}", ssl.DER_cert_to_PEM_cert(der),
        )  # fmt: skip


def authorities(bundle: str) -> list[Authority]:
    """Those of the catalogue's regions. Raises ValueError for a region without one."""
    found = sorted({one for block in BLOCK.findall(bundle) if (one := Authority.of(block))})
    lacking = sorted(set(CATALOG) - {one.region for one in found})
    if lacking:
        raise ValueError(
            f"The bundle has no authority of {', '.join(lacking)}; each region needs one."
        )
    return found


def written(found: list[Authority], origin: str) -> str:
    """The file's text. OpenSSL reads the blocks and passes over what stands between them."""
    lines = [
        "# The certificate authorities of Amazon RDS in the regions of constructs/lifeline/regions.py.",
        f"# Origin: {origin}",
        "# Renewed by scripts/rds_certificates.py; the SHA-256 is that of the certificate's DER form.",
        "",
    ]
    for one in found:
        lines += [f"# {one.name}, until {one.until}, SHA-256 {one.sha256}", one.pem]
    return "\n".join(lines)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundle", type=Path, help="global-bundle.pem of Amazon RDS")
    parser.add_argument("--origin", required=True, help="where the bundle was taken from")
    told = parser.parse_args()
    found = authorities(told.bundle.read_text())
    before = set(re.findall(r"SHA-256 (\w{64})", RDS_CA.read_text())) if RDS_CA.exists() else set()
    for one in found:
        print("stays" if one.sha256 in before else "NEW  ", one.name, one.sha256)
    for gone in sorted(before - {one.sha256 for one in found}):
        print("GONE ", gone)
    for target in (RDS_CA, *COPIES):
        target.write_text(written(found, told.origin))
    return 0


if __name__ == "__main__":
    sys.exit(main())
