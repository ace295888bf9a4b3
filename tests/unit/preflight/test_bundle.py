"""The bundle of certificate authorities is read from its file."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from lifeline.preflight.bundle import NoBundle, read_bundle


def test_a_bundle_is_read(tmp_path: Path) -> None:
    found = read_bundle(Path(certifi.where()))
    assert len(found) > 100
    (root,) = [one for one in found if one.subject == "Amazon Root CA 1"]
    # https://www.amazontrust.com/repository/: SHA-1 fingerprint and end of Amazon Root CA 1.
    assert root.sha1 == "8da7f965ec5efc37910f1c6e59fdc1cc6a6ede16"
    assert 2_147_000_000 < root.not_after < 2_148_000_000


def test_what_is_no_bundle_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NoBundle, match="cannot be read"):
        read_bundle(tmp_path / "none.pem")
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(NoBundle, match="holds no certificate"):
        read_bundle(tmp_path / "empty.pem")
    (tmp_path / "broken.pem").write_text(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    )
    with pytest.raises(NoBundle, match="cannot be read"):
        read_bundle(tmp_path / "broken.pem")
