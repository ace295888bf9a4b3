"""The empty account of the lab: what its shell leaves out of the questions."""

from __future__ import annotations

from lab.account import NOT_ANSWERED
from lifeline.preflight.probes import PROBES


def test_what_the_emulator_does_not_answer_are_probes() -> None:
    """A name that is no probe would stop every `make preflight` in that shell."""
    names = {one.id for one in PROBES}
    assert set(NOT_ANSWERED) < names
    # What the walk must find, mend and see pass there.
    assert {"images", "credentials", "bootstrap", "api-log-role", "leftovers"} <= names - set(
        NOT_ANSWERED
    )
