"""What the checker read comes back as it was."""

from __future__ import annotations

from pathlib import Path

from drill import archive
from drill.dead_letters import DeadLetter
from drill.logged import Logged
from drill.stored import Stored


def test_letters_and_rows_come_back_with_sequences_beyond_64_bits(tmp_path: Path) -> None:
    letters = [DeadLetter("r", "1", "s", 49_590_338_271_490_256_608_559_692_538, "", "schema", "d")]
    rows = [Stored(f"e-{n}", n, "p", n, "d" * 16, "r", n) for n in range(3)]
    archive.save_letters(tmp_path, letters)
    archive.save_stored(tmp_path, rows)
    assert archive.load_letters(tmp_path) == letters
    assert list(archive.load_stored(tmp_path)) == rows
    logged = [Logged("r", "t", 1, "o", "1", "s", "49590338271490256608559692538", "", 0, "")]
    assert archive.load_logged(tmp_path) == {}
    archive.save_logged(tmp_path, "ca-west-1", logged)
    archive.save_logged(tmp_path, "ca-central-1", [])
    found = {region: list(held) for region, held in archive.load_logged(tmp_path).items()}
    assert found == {"ca-central-1": [], "ca-west-1": logged}
