"""What travels between `lifeline dlq` and its task, and that it is readable by the asker alone."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from lifeline.lambdas.failover.dead_letters import Request, letter_of
from lifeline.lambdas.failover.sealed import Opener, seal
from lifeline.services.event_applier.batch import LogRecord
from lifeline.services.event_applier.dead_letters import dead_letter_of

PLACE = [
    ("origin", b"ca-central-1"),
    ("incarnation", b"100"),
    ("shard", b"shardId-0"),
    ("sequence", b"7"),
]


def request(**changes: Any) -> Request:
    given: dict[str, Any] = {"run": "r", "do": "list", "since_ms": 0, "until_ms": 9} | changes
    return Request(**given)


def test_a_request_comes_back_as_it_was() -> None:
    asked = request(do="replay", reasons=("schema",), ids=("a", "b"), expect=2, origin="ca-west-1")
    assert Request.from_json(asked.to_json()) == asked


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"reasons": 1, "ids": []}', '"x"'])
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Request.from_json(text)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"do": "drop"}, "allowed are list, show, replay"),
        ({"since_ms": 9}, "must lie before"),
        ({"reveal_to": "key"}, "audited"),
    ],
)
def test_a_request_without_sense_is_refused_in_words(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        request(**changes)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, True),
        ({"since_ms": 6}, False),
        ({"until_ms": 5}, False),
        ({"reasons": ("schema", "defect")}, True),
        ({"reasons": ("malformed",)}, False),
        ({"origin": "ca-central-1"}, True),
        ({"origin": "ca-west-1"}, False),
        ({"ids": ("ca-central-1/100/shardId-0/7",)}, True),
        ({"ids": ("other",)}, False),
    ],
)
def test_letters_are_chosen_by_time_reason_source_and_id(
    changes: dict[str, Any], wanted: bool
) -> None:
    letter = letter_of(5, b"p", b"{}", [*PLACE, ("reason", b"schema")])
    assert request(**changes).matches(letter) is wanted


@pytest.mark.parametrize("headers", [PLACE, PLACE[:2], []])
def test_bridge_and_event_applier_name_a_record_alike(headers: list[tuple[str, bytes]]) -> None:
    record = LogRecord("t", 0, 0, 5, b"value", headers)
    assert letter_of(5, b"p", b"value", headers).id == dead_letter_of(record, "DataError").id


def test_the_event_applier_s_own_id_is_kept() -> None:
    assert letter_of(5, b"x", b"value", [*PLACE, ("id", b"x")]).id == "x"


def test_what_is_sealed_is_read_by_the_asker_alone() -> None:
    opener = Opener()
    first, second = seal(b"a patient's", opener.public), seal(b"a patient's", opener.public)
    assert opener.open(first) == opener.open(second) == b"a patient's"
    assert first != second
    with pytest.raises(InvalidTag):
        Opener().open(first)


def test_a_letter_is_described_without_anything_of_the_patient() -> None:
    """Neither its key, which is the aggregate's id, nor a byte of its value."""
    headers = [*PLACE, ("reason", b"schema"), ("detail", b"too long")]
    letter = letter_of(5, b"patient-1", b"12345", headers)
    assert letter.described() == {
        "id": "ca-central-1/100/shardId-0/7",
        "at_ms": 5,
        "by": "stream-bridge",
        "reason": "schema",
        "detail": "too long",
        "origin": "ca-central-1",
        "bytes": 5,
    }
    aside = letter_of(5, None, b"", [("kind", b"quarantined")])
    assert (aside.described()["by"], aside.by_applier) == ("event-applier", True)
    assert (aside.reason, aside.key) == ("", b"")
    assert (aside.described()["origin"], aside.described()["detail"]) == ("", "")
    assert not letter.by_applier


def test_a_letter_without_a_place_is_named_by_its_bytes() -> None:
    """The same bytes have the same name, so what is shown can be asked for again."""
    for headers in ([], PLACE[:3], [*PLACE[:3], ("sequence", b"")]):
        first, again = (letter_of(at, b"k", b"value", headers) for at in (1, 2))
        assert first.id == again.id != letter_of(1, b"k", b"other", headers).id
        assert "/" not in first.id


def test_a_header_that_is_no_text_is_shown_all_the_same() -> None:
    assert letter_of(5, b"k", b"", [("reason", b"a\xff")]).reason == "a\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(("at", "matches"), [(2, False), (3, True), (8, True), (9, False)])
def test_since_is_taken_and_until_is_not(at: int, matches: bool) -> None:
    letter = letter_of(at, b"p", b"{}", PLACE)
    assert request(since_ms=3, until_ms=9).matches(letter) == matches
