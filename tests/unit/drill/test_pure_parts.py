"""The drill's pure parts: outbox, safety, order, RTO clock, traffic choice, ranges."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drill.edge_api import Answer
from drill.ledger import ranges, spread
from drill.order import Applied, order_violations
from drill.outbox import Outbox
from drill.plots import nice_ceiling
from drill.receipt import Receipt, SafeUpTo, entries_of
from drill.report import collapse
from drill.safety import SafetyTracker
from drill.sampling import LagSample, rpo_seconds
from drill.synthetic import Try, rto_seconds
from drill.traffic import TrafficChoice


@given(st.data())
def test_outbox_keeps_order_and_one_out_per_patient(data: st.DataObject) -> None:
    box = Outbox()
    waiting: set[int] = set()
    out: list[list[tuple[str, int]]] = []
    number = 0
    for _ in range(data.draw(st.integers(1, 40))):
        action = data.draw(st.sampled_from(["add", "again", "take", "answer"]))
        if action == "add":
            number += 1
            box.add(f"p{number % 4}", number)
            waiting.add(number)
        elif action == "again" and number:
            old = data.draw(st.integers(1, number))
            if old not in {n for batch in out for _, n in batch}:
                waiting.add(old)
            box.add(f"p{old % 4}", old)
        elif action == "take":
            batch = box.take(data.draw(st.integers(1, 5)))
            for aggregate, taken in batch:
                assert taken == min(n for n in waiting if n % 4 == taken % 4)
                assert aggregate not in {a for other in out for a, _ in other}
            waiting -= {n for _, n in batch}
            if batch:
                out.append(batch)
        elif out:
            batch = out.pop(data.draw(st.integers(0, len(out) - 1)))
            again = {n for _, n in batch if data.draw(st.booleans())}
            box.done(batch, again)
            waiting |= again
    for batch in out:
        box.done(batch)
    drained: list[int] = []
    while batch := box.take(10):
        drained += [n for _, n in batch]
        box.done(batch)
    assert sorted(drained) == sorted(waiting)
    assert len(box) == box.out == box.ready == 0


@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from(["a", "b"])), max_size=40),
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from(["a", "b", "c"])), max_size=10),
)
def test_safe_is_exactly_what_an_entry_covers(
    receipts: list[tuple[int, str]], entries: list[tuple[int, str]]
) -> None:
    tracker = SafetyTracker()
    for number, (sequence, shard) in enumerate(receipts):
        tracker.add(number, Receipt("home", "1", shard, sequence))
    found = tracker.settle(SafeUpTo("home", "1", s, q, 0, "away") for q, s in entries)
    covered = {
        number
        for number, (sequence, shard) in enumerate(receipts)
        if any(shard == s and sequence <= q for q, s in entries)
    }
    assert sorted(found) == sorted(covered)


def test_an_entry_of_another_incarnation_or_about_itself_proves_nothing() -> None:
    tracker = SafetyTracker()
    tracker.add(1, Receipt("home", "2", "s", 5))
    assert tracker.settle([SafeUpTo("home", "1", "s", 99, 0, "away")]) == []
    row = {"region": "home", "incarnation": "2", "shard": "s", "sequence": "99", "born_ms": 1}
    assert entries_of({"entries": [{**row, "safe_in": "home"}, row, {"x": 1}]}) == []
    assert len(entries_of({"entries": [{**row, "safe_in": "away"}]})) == 1


@given(st.permutations(list(range(1, 8))), st.sets(st.integers(1, 7)))
def test_order_violations_are_the_unexplained_drops(order: list[int], late: set[int]) -> None:
    rows = [Applied("p", n, f"e{n}", n in late) for n in order]
    found = {one.sequence for one in order_violations(rows)}
    expected = {n for i, n in enumerate(order) if n not in late and any(m > n for m in order[:i])}
    assert found == expected


def test_order_is_a_matter_of_one_patient() -> None:
    rows = [Applied("a", 2, "x", False), Applied("b", 1, "y", False)]
    assert list(order_violations(rows)) == []


def tries(colours: str, start: float = 100.0) -> list[Try]:
    return [Try(start + i, colour == "+", 0.1) for i, colour in enumerate(colours)]


def test_rto_is_from_the_first_red_to_the_first_of_three_greens() -> None:
    assert rto_seconds(tries("++++")) == 0.0
    assert rto_seconds(tries("++xxx+++")) == 3.0
    assert rto_seconds(tries("++xx+x++x+++")) == 7.0
    assert rto_seconds(tries("++xx++")) is None
    assert rto_seconds(tries("+x+++xxxx+++")) == 4.0
    assert rto_seconds(tries("x+++++xx+++"), not_before=104.0) == 2.0
    assert rto_seconds(list(reversed(tries("++xxx+++")))) == 3.0


def test_a_late_flicker_does_not_hide_the_outage_and_a_long_one_is_not_recovered() -> None:
    assert rto_seconds(tries("+xxxxx+++++x")) == 5.0
    assert rto_seconds(tries("+xx+++xxxx")) is None


def test_who_is_served_again_and_then_not_again_was_not_served() -> None:
    """A region whose keepers were killed serves for a ttl after its takeover, and stops."""
    assert rto_seconds(tries("+" + "x" * 9 + "+" * 20 + "x" * 6 + "+++")) == 35.0
    assert rto_seconds(tries("+" + "x" * 9 + "+" * 20 + "xx" + "+++")) == 9.0
    assert rto_seconds(tries("+" + "x" * 9 + "+" * 20 + "x" * 6)) is None
    assert rto_seconds(tries("+xx++++" + "x" * 9 + "+++")) == 9.0


@given(st.text("+x", max_size=30))
def test_rto_is_zero_without_a_red_and_unknown_without_three_greens_after_one(colours: str) -> None:
    found = rto_seconds(tries(colours))
    assert (found == 0.0) == ("x" not in colours)
    if "x" in colours and "+++" not in colours[colours.index("x") :]:
        assert found is None
    if found:
        assert found <= len(colours)


def test_rpo_is_unknown_when_the_watermark_was() -> None:
    known = [LagSample(10.0, 9_000), LagSample(11.0, 10_500), LagSample(13.0, 12_900)]
    assert rpo_seconds(known, 12.0) == 1.5
    assert rpo_seconds([*known[:2], LagSample(11.5, None)], 12.0) is None
    assert rpo_seconds([], 12.0) is None


def health(epoch: int, ingest: bool = True, status: int = 200) -> Answer:
    return Answer(status, {"ingest": ingest, "traffic_epoch": epoch})


def test_traffic_follows_the_highest_epoch_and_one_missed_check_moves_nothing() -> None:
    gone = Answer(0, {})
    choice = TrafficChoice(["home", "away"])
    assert choice.observe({"home": health(1), "away": health(0)}) == "home"
    assert choice.observe({"home": gone, "away": health(0)}) == "home"
    assert choice.observe({"home": gone, "away": health(0)}) == "home"
    assert choice.observe({"home": gone, "away": health(0)}) == "away"
    assert choice.observe({"home": health(1), "away": health(2)}) == "away"
    for _ in range(3):
        assert choice.observe({"home": health(1), "away": health(2)}) == "away"
    assert choice.observe({"home": health(3), "away": health(2)}) == "home"
    for _ in range(5):
        assert choice.observe({"home": gone, "away": gone}) == "home"


def test_a_region_that_serves_no_reads_still_takes_events_but_not_without_ingest() -> None:
    choice = TrafficChoice(["home", "away"])
    answers: dict[str, Any] = {"home": health(1, status=503), "away": health(0)}
    assert choice.observe(answers) == "home"
    for _ in range(3):
        choice.observe({"home": health(1, ingest=False, status=503), "away": health(0)})
    assert choice.preferred == "away"


@given(st.sets(st.integers(0, 60)))
def test_ranges_hold_exactly_their_numbers(numbers: set[int]) -> None:
    made = ranges(numbers)
    assert set(spread(made)) == numbers
    assert all(a[1] + 1 < b[0] for a, b in pairwise(made))


def test_holds_are_collapsed_and_counted_per_region() -> None:
    rows = [
        {"at": str(n), "region": region, "action": action, "reason": "r"}
        for n, (region, action) in enumerate(
            [("h", "renew"), ("a", "hold"), ("h", "renew"), ("a", "hold"), ("a", "take")]
        )
    ]
    collapsed = [(one["region"], one["action"], one["count"]) for one in collapse(rows)]
    assert collapsed == [("h", "renew", 2), ("a", "hold", 2), ("a", "take", 1)]


@given(st.floats(1e-6, 1e9))
def test_axis_ends_above_its_values(value: float) -> None:
    assert value <= nice_ceiling(value) * 1.001 <= value * 10.1
