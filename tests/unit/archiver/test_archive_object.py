"""An object of the archive: what goes in comes out, and what was changed is seen."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.services.archiver.archive_object import (
    Archived,
    ArchiveError,
    Chain,
    Manifest,
    ObjectBuilder,
    chain_of,
    line_of,
    manifest_in,
    records_in,
)

CHAIN = Chain(region="ca-central-1", topic="clinical.a", partition=3, log_id="x_-9")


def built(records: list[Archived], after: int | None = None) -> tuple[Manifest, bytes]:
    builder = ObjectBuilder(CHAIN, after=after, previous="")
    for record in records:
        builder.add(record)
    return builder.built({})


def record(offset: int, value: bytes = b"{}") -> Archived:
    return Archived(offset, 1_000 + offset, b"p-1", value, [("origin", b"ca-central-1")])


@given(
    st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=2**53),
            st.none() | st.binary(),
            st.none() | st.binary() | st.text().map(str.encode),
            st.lists(st.tuples(st.text(), st.none() | st.binary())),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_record_comes_out_as_it_went_in(
    rows: list[tuple[int, bytes, bytes, list[object]]],
) -> None:
    """Bytes that are no UTF-8, empty ones, none at all, headers that are there twice."""
    records = [Archived(7 + n, *row) for n, row in enumerate(rows)]  # type: ignore[arg-type]
    manifest, body = built(records)
    assert records_in(body, manifest.key) == (manifest, records)


def test_the_same_records_make_the_same_bytes() -> None:
    records = [record(n) for n in range(5)]
    assert built(records)[1] == built(records)[1]


def test_an_object_is_read_without_our_code() -> None:
    """Two members of gzip: a line of JSON that says what it is, then a line for each record."""
    _, body = built([record(5, b'{"a": 80.00}'), record(6)])
    first, *lines = gzip.decompress(body).splitlines()
    assert json.loads(first)["first"] == 5
    assert json.loads(lines[0])["value"] == '{"a": 80.00}'
    assert json.loads(lines[0])["headers"] == [["origin", "ca-central-1"]]


def test_the_manifest_is_read_out_of_the_beginning_alone() -> None:
    manifest, body = built([record(n, b"x" * 500) for n in range(300)])
    assert manifest_in(body[:1_500], manifest.key) == manifest


def test_a_record_that_does_not_follow_is_not_taken() -> None:
    builder = ObjectBuilder(CHAIN, after=None, previous="")
    builder.add(record(5))
    with pytest.raises(ArchiveError, match="offset 7 after 5"):
        builder.add(record(7))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (lambda body: body[:-10], "ends in the middle"),
        (lambda body: b"no gzip" + body, "cannot be decompressed"),
        (lambda body: gzip.compress(b"{}\n") + gzip.compress(b""), "no manifest"),
        (
            lambda body: (
                _parts(body)[0] + gzip.compress(line_of(record(5)) + line_of(record(6, b"!")))
            ),
            "not those that its manifest was made of",
        ),
    ],
)
def test_what_was_changed_is_refused(changed: Callable[[bytes], bytes], why: str) -> None:
    manifest, body = built([record(5), record(6)])
    with pytest.raises(ArchiveError, match=why):
        records_in(changed(body), manifest.key)


def test_an_object_under_another_key_is_refused() -> None:
    _, body = built([record(5)])
    with pytest.raises(ArchiveError, match=r"its manifest is that of .*0005\.json\.gz"):
        manifest_in(body, CHAIN.key(6))


def test_a_changed_manifest_has_another_hash() -> None:
    """The chain is made of them: the next object names it."""
    manifest, _ = built([record(5), record(6)])
    again, _ = built([record(5), record(6, b"!")])
    assert manifest.sha256 != again.sha256


def test_a_gap_is_what_lies_between_two_objects() -> None:
    assert built([record(9)], after=8)[0].gap == 0
    assert built([record(9)], after=5)[0].gap == 3
    assert built([record(9)])[0].gap == 0


def test_a_key_says_whose_it_is() -> None:
    assert chain_of(CHAIN.key(12)) == (CHAIN, 12)
    for other in ("topics/a/b", CHAIN.key(1).replace("json", "csv"), "x" + CHAIN.key(1)):
        with pytest.raises(ArchiveError, match="is no key of the archive"):
            chain_of(other)


def test_any_topic_id_is_one_part_of_a_key() -> None:
    """The client writes it in base 64, which has slashes."""
    chain = Chain.of("ca-central-1", ("clinical.a", 3), "a9E6MOjlSqSDvhJL15/3+Q")
    assert chain.log_id == "a9E6MOjlSqSDvhJL15_3-Q"
    assert chain_of(chain.key(12)) == (chain, 12)


def _parts(body: bytes) -> tuple[bytes, bytes]:
    """The two members."""
    at = body.index(b"\x1f\x8b", 2)
    return body[:at], body[at:]
