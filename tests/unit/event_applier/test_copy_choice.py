"""When a batch is copied straight into the table: duplicates must not cost a vain copy for ever."""

from __future__ import annotations

from lifeline.services.event_applier.copy_choice import MOST_STAGED, CopyChoice


def vain_copies(choice: CopyChoice, has_duplicates: list[bool]) -> int:
    """Of batches one after the other."""
    vain = 0
    for has_duplicate in has_duplicates:
        if choice.is_copied and not has_duplicate:
            choice.copied()
            continue
        if choice.is_copied:
            vain += 1
            choice.in_vain()
        choice.staged(is_new=not has_duplicate)
    return vain


def test_the_first_batch_is_copied_and_new_ones_always_are() -> None:
    choice = CopyChoice()
    assert choice.is_copied
    assert vain_copies(choice, [False] * 100) == 0
    assert choice.is_copied


def test_a_long_replay_costs_one_vain_copy() -> None:
    assert vain_copies(CopyChoice(), [True] * 1_000) == 1


def test_after_a_replay_new_batches_are_copied_again() -> None:
    choice = CopyChoice()
    vain_copies(choice, [True] * 10)
    assert not choice.is_copied
    assert vain_copies(choice, [False] * 2) == 0
    assert choice.is_copied


def test_a_duplicate_now_and_then_costs_ever_fewer_vain_copies() -> None:
    """Each time when a copy is due again, a batch has a duplicate: the worst that can come."""
    choice, vain = CopyChoice(), 0
    for _ in range(1_000):
        vain += vain_copies(choice, [choice.is_copied])
    assert vain <= 1_000 / MOST_STAGED + 10


def test_what_lies_in_the_past_is_forgotten() -> None:
    choice = CopyChoice()
    for _ in range(20):
        vain_copies(choice, [choice.is_copied])
    vain_copies(choice, [False] * 100)
    assert choice.is_copied
    vain_copies(choice, [True, False, False])
    assert choice.is_copied, (
        "one duplicate after a long quiet time waits for two batches, not for 64"
    )
