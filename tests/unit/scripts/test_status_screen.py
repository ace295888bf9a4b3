"""The pictures of `lifeline status`: whole, readable by a machine, the same each time, from a real run."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts.pictures.status_screen import looks, svg
from tests.unit.cli.status.looks import HOME, look, lost


def test_a_picture_says_in_words_what_it_shows_and_fetches_nothing() -> None:
    drawn = svg("status-lost", look(lost(HOME)))
    root = ElementTree.fromstring(drawn)
    assert root.get("role") == "img"
    assert str(root.get("aria-label")).startswith("lifeline status --suffix dev: ")
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "").replace(
        "https://www.textualize.io", ""
    )
    assert drawn == svg("status-lost", look(lost(HOME))), "the same each time"


def test_there_is_nothing_to_draw_without_a_recorded_look(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no look is recorded in"):
        looks(tmp_path)


def test_what_is_drawn_was_recorded_in_a_lab() -> None:
    """No made-up screen: the lab has no alarms of CloudWatch, and each look says so."""
    recorded = looks()
    assert len(recorded) >= 2
    for facts in recorded.values():
        assert facts.suffix == "drill"
        assert not getattr(facts.witness_alarms, "deployed", False)


def test_the_committed_pictures_are_those_of_the_recorded_looks() -> None:
    pictures = Path(__file__).resolve().parents[3] / "docs" / "pictures"
    for name, facts in looks().items():
        assert (pictures / f"{name}.svg").read_text() == svg(name, facts), name
