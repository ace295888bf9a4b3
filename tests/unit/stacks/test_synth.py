"""The synth itself: silent, byte-equal, and a sentence for what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Assembly, synthesize

pytestmark = pytest.mark.synth


def test_a_synth_says_nothing(dev: Assembly) -> None:
    assert dev.said == ""


@pytest.mark.slow
def test_two_synths_are_byte_equal(dev: Assembly, tmp_path: Path) -> None:
    again = synthesize(tmp_path / "again", "--profile", "dev", "--suffix", "test")
    assert _contents(again.folder) == _contents(dev.folder)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--suffix", "dev", "--profile", "huge"), "Unknown profile"),
        (("--suffix", "Dev"), "Bad environmentSuffix"),
        (("--suffix", "dev", "-c", "recoveryRegion=ca-central-1"), "Equal regions"),
        (("--suffix", "dev", "-c", "lagAlarmSeconds=90"), "lag alarm"),
    ],
)
def test_a_refusal_is_one_sentence(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    refused = synthesize(tmp_path / "out", *arguments)
    assert refused.exit_code != 0
    assert words in refused.said
    assert refused.said.count("\n") == 1
    assert not list((tmp_path / "out").glob("*.template.json"))


def _contents(folder: Path) -> dict[str, bytes]:
    """Every file but the stacks' metadata, in which the library notes its kernel's temporary path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".metadata.json")
    }
