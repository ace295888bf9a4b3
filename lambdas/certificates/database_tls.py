"""How a connection to a database is encrypted, and whom it believes: the one place for both drivers.

There is no other kind of connection: the server must show a certificate for the host that was asked for,
signed by an authority of `ca_file`. `rds-ca.pem` has those of Amazon RDS in each region that Lifeline knows
(docs/mechanisms/encryption-on-the-way.md says where it is from and how it is renewed).
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

RDS_CA = Path(__file__).resolve().parent / "rds-ca.pem"


@cache
def verified(ca_file: str) -> ssl.SSLContext:
    """For pg8000, read once a process: the file is part of what was deployed. Do not change what it answers.

    Raises OSError when the file cannot be read, ssl.SSLError when it has no certificate. The strict checks of
    X.509 are Python's default from 3.13 on; here they hold at each version.
    """
    return _read(ca_file)


def _read(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def libpq_settings(ca_file: str) -> dict[str, Any]:
    """For psycopg, and as a URL's query. libpq would else try Kerberos's encryption first."""
    return {"sslmode": "verify-full", "sslrootcert": ca_file, "gssencmode": "disable"}


def earliest_expiry(ca_file: str = str(RDS_CA)) -> datetime:
    """When the first of the authorities ends. Raises as `verified`."""
    return min(
        datetime.fromtimestamp(ssl.cert_time_to_seconds(str(one["notAfter"])), UTC)
        for one in _read(ca_file).get_ca_certs()
    )
