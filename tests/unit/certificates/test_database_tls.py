"""The authorities of Amazon RDS that are shipped, and that no connection goes without them (N3)."""

from __future__ import annotations

import ast
import hashlib
import re
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lifeline.foundation.code import functions_code
from lifeline.lambdas.certificates.database_tls import (
    RDS_CA,
    earliest_expiry,
    libpq_settings,
    verified,
)
from lifeline.regions import CATALOG
from scripts.rds_certificates import COPIES, authorities
from tests.unit.test_layers import SOURCES

ROOT = Path(__file__).resolve().parents[3]
KEYS = ("ECC384 G1", "RSA2048 G1", "RSA4096 G1")
RENEW_AHEAD = timedelta(days=180)
OF_A_NETWORK_ACL = {
    "constructs/lifeline/failover/drill_breaker.py": ["allow"],
    "constructs/lifeline/failover/drill_machine.py": ["allow"],
    "lab/fault_calls.py": ["allow", "allow"],
}
"""`allow` is what an entry of a network ACL does, too: these modules connect to no database."""
ONE_PLACE = ROOT / "lambdas" / "certificates" / "database_tls.py"


def test_each_region_of_the_catalogue_has_its_three_authorities() -> None:
    """A member's certificate is of `rds-ca-rsa2048-g1` unless somebody chose one of the other two."""
    found = [one.name for one in authorities(RDS_CA.read_text())]
    assert found == [f"Amazon RDS {name} Root CA {key}" for name in sorted(CATALOG) for key in KEYS]


def test_each_certificate_is_the_one_that_was_looked_at() -> None:
    """The pinned SHA-256 of each was the same in every copy that encryption-on-the-way.md names."""
    text = RDS_CA.read_text()
    pinned = (ROOT / "tests" / "unit" / "certificates" / "rds-ca.sha256").read_text().split("\n")
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
    found = [hashlib.sha256(ssl.PEM_cert_to_DER_cert(one)).hexdigest() for one in blocks]
    assert found == [line.split()[0] for line in pinned if line]
    assert found == re.findall(r"SHA-256 (\w{64})$", text, re.MULTILINE)


def test_the_authorities_outlast_the_next_180_days() -> None:
    """Red half a year before the first ends: docs/mechanisms/encryption-on-the-way.md says what to do."""
    assert earliest_expiry() - datetime.now(UTC) > RENEW_AHEAD
    assert earliest_expiry().year == 2061


def test_the_authorities_are_read_once_a_process() -> None:
    """A standby's keeper connects anew every few seconds (A16), and reading them takes milliseconds."""
    assert verified(str(RDS_CA)) is verified(str(RDS_CA))


def test_the_earliest_of_several_is_told(tmp_path: Path) -> None:
    """By a file whose two authorities do not end on the same day."""
    first, *others = RDS_CA.read_text().split("# Amazon RDS")[1:]
    late = tmp_path / "late.pem"
    late.write_text(first)
    assert earliest_expiry(str(late)).year == 2121
    late.write_text(first + others[0])
    assert earliest_expiry(str(late)).year == 2061


def test_a_bundle_that_lacks_a_region_is_refused() -> None:
    text = RDS_CA.read_text()
    without = re.sub(r"# Amazon RDS ca-west-1.*?-----END CERTIFICATE-----", "", text, flags=re.S)
    with pytest.raises(ValueError, match="no authority of ca-west-1; each region needs one"):
        authorities(without)


@pytest.mark.parametrize("copy", COPIES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_example_has_the_same_authorities(copy: Path) -> None:
    assert copy.read_text() == RDS_CA.read_text()


def test_the_functions_asset_and_the_image_have_them() -> None:
    assert (
        Path(functions_code(), "lifeline/lambdas/certificates", RDS_CA.name).read_text()
        == RDS_CA.read_text()
    )
    dockerfile = (ROOT / "services" / "Dockerfile").read_text()
    assert "COPY lambdas/certificates /app/lifeline/lambdas/certificates" in dockerfile


def test_a_context_verifies_the_host_strictly_and_believes_nobody_else() -> None:
    context = verified(str(RDS_CA))
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.verify_flags & ssl.VERIFY_X509_STRICT
    assert len(context.get_ca_certs()) == len(KEYS) * len(CATALOG)


def test_libpq_takes_nothing_less_than_a_verified_host() -> None:
    assert libpq_settings("ca.pem") == {
        "sslmode": "verify-full",
        "sslrootcert": "ca.pem",
        "gssencmode": "disable",
    }


def weak_spots(text: str) -> list[str]:
    """What in a module lets a server go unverified, and each TLS setting outside the one place."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and node.attr in (
            "_create_unverified_context", "CERT_NONE", "CERT_OPTIONAL", "_create_stdlib_context",
        ):  # fmt: skip
            found.append(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += re.findall(
                r"sslmode['\"= ]+(?:disable|allow|prefer|require|verify-ca)\b", node.value
            )
            found += re.findall(r"^(?:disable|allow|prefer|require|verify-ca)$", node.value)
        elif isinstance(node, ast.keyword) and node.arg in ("check_hostname", "verify"):
            if isinstance(node.value, ast.Constant) and node.value.value is False:
                found.append(f"{node.arg}=False")
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and target.attr == "check_hostname":
                    found.append("check_hostname")
        elif isinstance(node, ast.Call):
            found += unverified(node)
    return found


def unverified(call: ast.Call) -> list[str]:
    """A connection of one of the two drivers that says nothing of TLS, or not by the one place."""
    name = ast.unparse(call.func)
    given = {one.arg: ast.unparse(one.value) for one in call.keywords}
    if name == "pg8000.native.Connection":
        allowed = ("verified(", "ssl.create_default_context(cafile=")
        return [] if given.get("ssl_context", "").startswith(allowed) else [name]
    if name == "psycopg.connect" and not call.args:
        return [] if "libpq_settings" in given.get(None, "") else [name]
    return []


def modules() -> list[Path]:
    """All that runs in AWS, in the lab, in a drill or in an example; the tests may plant faults."""
    folders = {ROOT / name for name in (*SOURCES, "examples", "bench")} - {ROOT / "tests"}
    return sorted(
        {
            path.resolve()
            for folder in folders
            for path in ([folder] if folder.is_file() else folder.rglob("*.py"))
            if "_packages" not in path.parts
        }
        - {ONE_PLACE}
    )


def test_no_connection_goes_unverified() -> None:
    read = modules()
    assert {ROOT / "services/shared/database.py", ROOT / "lab/postgres.py"} <= set(read)
    weak = {str(path.relative_to(ROOT)): weak_spots(path.read_text()) for path in read}
    assert {name: found for name, found in weak.items() if found} == OF_A_NETWORK_ACL
    for name in OF_A_NETWORK_ACL:
        assert not re.search("psycopg|pg8000|libpq|sslmode", (ROOT / name).read_text()), name


@pytest.mark.parametrize(
    "planted",
    [
        "ssl._create_unverified_context()",
        "context.verify_mode = ssl.CERT_NONE",
        "context.check_hostname = False",
        "requests.get(url, verify=False)",
        "MODES = {'password': 'require'}",
        "url = 'postgresql://host/name?sslmode=require'",
        "dsn = 'host=a sslmode=prefer'",
        "psycopg.connect(host=host, user=user)",
        "pg8000.native.Connection(user, host=host)",
        "pg8000.native.Connection(user, ssl_context=ssl.create_default_context())",
        "pg8000.native.Connection(user, ssl_context=True)",
    ],
)
def test_a_connection_that_goes_unverified_is_found(planted: str) -> None:
    assert weak_spots(planted)
