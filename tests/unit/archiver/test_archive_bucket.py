"""The archive's bucket: a key is written once, a chain's end is found, what is too cold says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lifeline.lambdas.failover.archive_request import BRING_BACK, Request
from lifeline.services.archiver.archive_bucket import ArchiveBucket
from lifeline.services.archiver.archive_object import (
    Archived,
    ArchiveError,
    Chain,
    Manifest,
    ObjectBuilder,
)
from lifeline.services.archiver.bring_back import bring_back
from lifeline.services.archiver.proven_objects import Span
from lifeline.services.archiver.restoring import NotRestored

REGION = "ca-central-1"
CHAIN = Chain(region=REGION, topic="clinical.a", partition=0, log_id="log")


@pytest.fixture(name="client")
def _client() -> Iterator[Any]:
    with mock_aws():
        client: Any = boto3.client("s3", region_name=REGION)
        client.create_bucket(
            Bucket="archive", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        yield client


def stretch(first: int, last: int, after: Manifest | None = None) -> tuple[Manifest, bytes]:
    builder = ObjectBuilder(
        CHAIN, after=None if after is None else after.last, previous=after.sha256 if after else ""
    )
    for offset in range(first, last + 1):
        builder.add(Archived(offset, 1_000, None, b"{}", []))
    return builder.built({})


def test_a_key_is_taken_once(client: Any) -> None:
    """Two tasks that close their objects at other records: the first one's stays, whole."""
    bucket = ArchiveBucket("archive", REGION)
    longer, shorter = stretch(0, 9), stretch(0, 4)
    assert bucket.put_new(longer[0].key, longer[1])
    assert not bucket.put_new(shorter[0].key, shorter[1])
    assert bucket.manifest(longer[0].key) == longer[0]


def test_a_chain_s_end_is_found_from_what_is_known_and_from_nothing(client: Any) -> None:
    bucket = ArchiveBucket("archive", REGION)
    first = stretch(0, 4)
    second = stretch(5, 9, first[0])
    third = stretch(10, 10, second[0])
    assert bucket.head(CHAIN, None) is None
    for manifest, body in (first, second, third):
        assert bucket.put_new(manifest.key, body)
    assert bucket.head(CHAIN, None) == third[0]
    assert bucket.head(CHAIN, first[0]) == third[0]
    assert bucket.head(CHAIN, third[0]) == third[0]


def test_what_is_too_cold_to_read_says_how_to_bring_it_back(client: Any) -> None:
    manifest, body = stretch(0, 4)
    client.put_object(Bucket="archive", Key=manifest.key, Body=body, StorageClass="DEEP_ARCHIVE")
    with pytest.raises(
        ArchiveError, match=r"cannot be read at once\. Bring back what you need first"
    ):
        ArchiveBucket("archive", REGION).read(manifest.key)


def test_an_object_that_went_after_it_was_listed_is_named(client: Any) -> None:
    bucket = ArchiveBucket("archive", REGION)
    assert bucket.manifest(CHAIN.key(0)) is None
    with pytest.raises(ArchiveError, match="it is listed and cannot be found"):
        bucket.read(CHAIN.key(0))


def test_cold_objects_are_brought_back_once_and_after_a_look(client: Any) -> None:
    bodies = [stretch(first, first + 4) for first in range(0, 30, 5)]
    for number, (manifest, body) in enumerate(bodies):
        kind = "DEEP_ARCHIVE" if number < 4 else "STANDARD"
        client.put_object(Bucket="archive", Key=manifest.key, Body=body, StorageClass=kind)
    bucket, asked = ArchiveBucket("archive", REGION, client), list[int]()
    ever = Span(0, 2**50)

    def run(span: Span = ever, **given: Any) -> dict[str, Any]:
        request = Request(run="r", do=BRING_BACK, until_ms=1, **given)
        return bring_back(bucket, [CHAIN.place], REGION, span, request, asked.append)

    dry = run(tier="Standard")
    assert (dry["objects"], dry["hours"], dry["asked"]) == (4, 12, 0)
    assert dry["bytes"] == sum(len(body) for _, body in bodies[:4])
    assert run(Span(2**50, 2**51))["objects"] == 0, "objects of another time stay cold"
    with pytest.raises(NotRestored, match="4 objects are too cold to be read, 3 were expected"):
        run(expect=3)
    with pytest.raises(ArchiveError):
        bucket.read(bodies[0][0].key)
    assert run(expect=4)["asked"] == 4
    assert asked == [4]
    assert [bucket.read(manifest.key)[0] for manifest, _ in bodies] == [one for one, _ in bodies]
    client.meta.events.register("after-call.s3.ListObjectsV2", tells_what_was_asked_for)
    again = run()
    assert (again["objects"], again["under_way"], again["readable"]) == (0, 2, 2)


def tells_what_was_asked_for(parsed: dict[str, Any], **_: Any) -> None:
    """What S3 adds for who asks for it, and the emulator does not; the first two are back."""
    cold = [one for one in parsed["Contents"] if one["StorageClass"] == "DEEP_ARCHIVE"]
    for number, one in enumerate(cold):
        back = {"RestoreExpiryDate": datetime.now(UTC)} if number < 2 else {}
        one["RestoreStatus"] = {"IsRestoreInProgress": not back, **back}
