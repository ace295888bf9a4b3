"""The answer of a one-off task comes back whole, or not at all."""

from __future__ import annotations

import json
from typing import Any

from lifeline.lambdas.failover.task_answers import PART_CHARACTERS, packed, unpacked

ANSWER = "the-answer"


def lines(run: str, answer: dict[str, Any]) -> list[str]:
    return [json.dumps({"message": ANSWER, **fields}) for fields in packed(run, answer)]


def test_an_answer_of_any_size_comes_back_whole_among_other_lines() -> None:
    answer = {"letters": [f"{number * 7_919:x}" for number in range(9_000)]}
    said = lines("r", answer)
    assert len(said) > 2
    assert max(map(len, said)) < PART_CHARACTERS + 200
    mixed = [*said[1:], '{"message": "serving"}', "no json", *lines("other", {"a": 1}), said[0]]
    assert unpacked("r", ANSWER, mixed) == answer


def test_an_answer_that_lacks_a_part_is_no_answer() -> None:
    said = lines("r", {"letters": [f"{number * 7_919:x}" for number in range(9_000)]})
    assert unpacked("r", ANSWER, said[:-1]) is None
    assert unpacked("r", ANSWER, []) is None
    assert unpacked("other", ANSWER, said) is None
