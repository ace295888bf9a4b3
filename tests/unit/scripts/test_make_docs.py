"""What the documentation takes from the code is what the code says: pictures, tables, the API reference."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from drill import evidence
from lifeline.lambdas.failover import plan
from scripts import api_reference, make_docs
from scripts.pictures import (
    data_path,
    drill_plot,
    failover_pictures,
    graph,
    sequence,
    stack_picture,
    status_screen,
    svg,
)
from scripts.pictures.graph import Arrow, Box, Graph
from tests.conftest import ROOT, Assembly
from tests.unit.drill import sample_evidence

NAMES = api_reference.public_names()


@pytest.fixture(scope="module")
def made(dev: Assembly) -> dict[str, str]:
    return make_docs.generated(dev.folder)


@pytest.mark.synth
def test_what_is_committed_is_what_the_code_says(made: dict[str, str]) -> None:
    changed = [
        name
        for name, text in made.items()
        if not (ROOT / name).is_file() or (ROOT / name).read_text() != text
    ]
    assert not changed, "run `make docs` and commit what it writes"


@pytest.mark.synth
def test_every_kind_of_page_is_made(made: dict[str, str]) -> None:
    assert {f"docs/reference/{one}.md" for one in ("api", "pictures", "preflight")} <= set(made)
    assert {"docs/runbooks/failover-plan.md", "docs/mechanisms/authority.md"} <= set(made)
    drawn = {name for name in made if name.endswith(".svg")}
    assert drawn == {
        f"docs/pictures/{name}.svg" for name in (*make_docs.PICTURES, *status_screen.looks())
    }
    for name in drawn:
        ElementTree.fromstring(made[name])


@pytest.mark.synth
def test_every_stack_is_in_its_regions_frame(dev: Assembly) -> None:
    drawn = stack_picture.graph(dev.folder)
    assert sorted(box.title for box in drawn.boxes) == dev.stacks()
    framed = [member for frame in drawn.frames for member in frame.members]
    assert sorted(framed) == sorted(box.id for box in drawn.boxes)
    across = {(arrow.source, arrow.target) for arrow in drawn.arrows if arrow.dashed}
    assert ("Data_cac1", "Data_caw1") in across


def test_each_recorded_look_is_shown_in_the_runbook_and_no_other() -> None:
    """A new recording has other names: nobody has to mend the page, and no old screen is left over."""
    page = (make_docs.ROOT / "docs" / "runbooks" / "README.md").read_text()
    shown = [one for one in page.splitlines() if "../pictures/status-" in one]
    assert shown == [one for one in make_docs.status_looks().splitlines() if one]
    looks = status_screen.looks()
    assert len(shown) == len(looks)
    assert all(f"../pictures/{name}.svg" in page for name in looks)
    made = {f"docs/pictures/{name}.svg": "" for name in looks}
    assert make_docs.left_over(made) == []
    (first, *_) = sorted(made)
    left = make_docs.left_over({name: text for name, text in made.items() if name != first})
    assert [path.name for path in left] == [first.rpartition("/")[2]]


def test_no_picture_covers_one_box_with_another() -> None:
    for drawn in (
        data_path.graph(),
        failover_pictures.plan_graph(),
        failover_pictures.lease_graph(),
    ):
        places = [(box.column, box.row) for box in drawn.boxes]
        assert len(places) == len(set(places)), drawn.title


def test_the_plan_is_drawn_whole_with_its_point_of_no_return() -> None:
    names = [step.name for step in plan.PLAN]
    drawn = failover_pictures.plan_graph()
    assert [box.id for box in drawn.boxes if box.id != "begin"] == names
    final = [box.id for box in drawn.boxes if "POINT OF NO RETURN" in box.lines]
    assert final == [plan.POINT_OF_NO_RETURN]
    rows = failover_pictures.sequence().rows
    turn = next(n for n, row in enumerate(rows) if isinstance(row, sequence.Turn))
    before = rows[turn - 1]
    assert isinstance(before, sequence.Message)
    assert before.text.startswith(plan.POINT_OF_NO_RETURN)
    last = rows[-1]
    assert isinstance(last, sequence.Message)
    assert last.at == f"{plan.rto_budget_seconds()} s"


def test_the_plans_table_has_a_row_a_step() -> None:
    table = make_docs.plan_table()
    for step in plan.PLAN:
        assert f"| `{step.name}` | {step.description}" in table
    assert table.count("point of no return") == 1


def test_the_leases_states_come_from_its_transitions() -> None:
    drawn = failover_pictures.lease_graph()
    changes = {(arrow.source, arrow.label, arrow.target) for arrow in drawn.arrows}
    assert ("home_home", "recovery takes", "recovery_home") in changes
    assert ("recovery_home", "recovery releases", "nobody_home") in changes
    assert ("recovery_home", "recovery is promoted", "recovery_recovery") in changes
    assert not [one for one in changes if one[1] == "recovery releases" and "_recovery" in one[0]]


def test_each_guard_gives_its_reasons() -> None:
    table = failover_pictures.guard_table()
    for reason in ("paused", "lease-moves", "cool-down", "loss-above-rpo", "markers-still-applied"):
        assert f"`{reason}`" in table


def test_a_block_that_nobody_makes_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match="no block is called 'plan'; there are added-lines, first-drill, index, plan-budget,",
    ):
        make_docs.filled("<!-- make docs: plan -->\n<!-- make docs: end -->", make_docs.blocks())


def test_a_picture_that_names_no_box_is_refused() -> None:
    with pytest.raises(ValueError, match=r"names boxes it does not have: \['b'\]"):
        Graph("one", [Box("a", "a", 0, 0)], [Arrow("a", "b")])


def test_text_of_a_picture_is_escaped() -> None:
    drawn = Graph("a < b", [Box("a", 'x & "y"', 0, 0)])
    assert "x &amp; &quot;y&quot;" in svg.svg(drawn)
    assert "[\"x & 'y'\"]" in graph.mermaid(drawn)


def test_a_drill_is_drawn_from_its_evidence(tmp_path: Path) -> None:
    path = tmp_path / "evidence.json"
    sealed = evidence.seal(sample_evidence.body(), None)
    path.write_text(json.dumps(sealed))
    drawn = make_docs.drawn_drill(path)
    ElementTree.fromstring(drawn)
    assert f"Drill {sealed['id']} (lab). PASS: recovered in 51.2 s, limit 120 s" in drawn
    assert ">fault</text>" in drawn
    # What is stored is not known while nobody serves: a gap, so two lines.
    assert drawn.count("<polyline") == 3
    with pytest.raises(ValueError, match="has no throughput_samples"):
        drill_plot.plot({**sealed, "throughput_samples": []})


def test_a_drill_whose_evidence_was_changed_is_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps({**evidence.seal(sample_evidence.body(), None), "verdict": "FAIL"}))
    with pytest.raises(evidence.EvidenceError):
        make_docs.drawn_drill(path)


def test_the_reference_finds_every_area() -> None:
    assert len({one.area for one in NAMES}) >= 6
    assert len([one for one in NAMES if not one.is_member]) >= 40


@pytest.mark.parametrize("one", NAMES, ids=lambda one: f"{one.area}.{one.name}")
def test_every_public_name_says_what_it_is(one: api_reference.PublicName) -> None:
    assert one.description, f"lifeline.{one.area}.{one.name} has no docstring of its own"
