"""What a look at the archive tells fits into a line of the task's log."""

from __future__ import annotations

import json

from lifeline.services.archiver.verify import Found

MOST_LINE_BYTES = 16 * 1024
"""A container's log driver cuts what is longer, and the command would find no answer."""


def test_any_number_of_faults_is_one_line_that_is_not_cut() -> None:
    found = Found()
    for number in range(1_000):
        found.fault(
            f"topics/{'x' * 150}/{number:020d}.json.gz: {'it is not what it should be ' * 5}"
        )
    told = found.told()
    assert told["faults_in_all"] == 1_000
    assert len(json.dumps({"message": "archive-answer", "run": "r" * 36, "answer": told})) < (
        MOST_LINE_BYTES
    )
