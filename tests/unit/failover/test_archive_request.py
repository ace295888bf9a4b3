"""What is asked of an archive makes sense, or is refused before anything is read."""

from __future__ import annotations

from typing import Any

import pytest

from lifeline.lambdas.failover.archive_request import (
    ACCEPT_GAP,
    DATABASE,
    DOES,
    HOURS,
    RESTORE,
    TOPIC,
    VERIFY,
    Request,
)


def asked(do: str = VERIFY, **more: Any) -> Request:
    return Request(**{"run": "r", "do": do, "until_ms": 10, **more})


def test_each_request_travels_as_one_argument() -> None:
    for do in DOES:
        more = {RESTORE: {"into": DATABASE}, ACCEPT_GAP: {"day": "2026-10-13", "why": "lost"}}
        request = asked(do, since_ms=9, topics=("a", "b"), expect=3, **more.get(do, {}))
        assert Request.from_json(request.to_json()) == request


@pytest.mark.parametrize("into", [DATABASE, TOPIC])
def test_records_are_restored_into_the_database_or_a_topic(into: str) -> None:
    assert asked(RESTORE, into=into).into == into


@pytest.mark.parametrize(
    ("do", "more", "why"),
    [
        ("burn", {}, "do is 'burn'"),
        (RESTORE, {}, "into is ''"),
        (RESTORE, {"into": "tape"}, "into is 'tape'"),
        (VERIFY, {"since_ms": 10}, "must lie before"),
        (VERIFY, {"since_ms": 11}, "must lie before"),
        (VERIFY, {"archived_by": "home"}, "archived_by is 'home'"),
        (VERIFY, {"tier": "Expedited"}, "tier is 'Expedited'"),
        (VERIFY, {"day": "2026-1-3"}, "day is '2026-1-3'"),
        (ACCEPT_GAP, {"expect": 1, "why": "lost"}, "one day, and with a reason"),
        (ACCEPT_GAP, {"expect": 1, "day": "2026-10-13"}, "one day, and with a reason"),
    ],
)
def test_what_makes_no_sense_is_refused(do: str, more: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        asked(do, **more)


@pytest.mark.parametrize(
    ("do", "more"),
    [
        (VERIFY, {"into": "anything, as nothing is restored"}),
        (VERIFY, {"since_ms": 9}),
        (VERIFY, {"archived_by": "us-gov-west-1"}),
        (ACCEPT_GAP, {}),
        (ACCEPT_GAP, {"expect": 0, "day": "2026-10-13", "why": "lost"}),
        (VERIFY, {"expect": 1}),
        *((VERIFY, {"tier": tier}) for tier in HOURS),
    ],
)
def test_what_makes_sense_is_taken(do: str, more: dict[str, Any]) -> None:
    assert asked(do, **more).do == do


@pytest.mark.parametrize("text", ["{}", "[]", '{"topics": null}', '{"topics": [], "other": 1}'])
def test_text_that_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no request"):
        Request.from_json(text)
