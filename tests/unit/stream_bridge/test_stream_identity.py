"""A warm process of the bridge notices that its stream was made anew (B2), without asking for each batch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lifeline.lambdas.stream_bridge.stream_identity import (
    KEEP_SECONDS,
    UNNAMED_SECONDS,
    StreamIdentity,
)
from tests.support.clocks import ManualClock


class Kinesis(ManualClock):
    """A stream that is made anew now and then, and the time."""

    created, asked, refuses = 1_000, 0, False

    def describe_stream_summary(self, **_named: Any) -> dict[str, Any]:
        self.asked += 1
        if self.refuses:
            refused = {"Error": {"Code": "LimitExceededException", "Message": "20 a second"}}
            raise ClientError(refused, "DescribeStreamSummary")  # type: ignore[arg-type]
        created = datetime.fromtimestamp(self.created, UTC)
        return {"StreamDescriptionSummary": {"StreamCreationTimestamp": created}}


@pytest.fixture
def kinesis() -> Kinesis:
    return Kinesis()


@pytest.fixture
def identity(kinesis: Kinesis) -> StreamIdentity:
    made = StreamIdentity("stream", "ca-central-1", kinesis, kinesis)
    assert made.incarnation({"1000"}) == "1000"
    return made


def test_batches_that_name_what_is_known_ask_once_a_minute(
    kinesis: Kinesis, identity: StreamIdentity
) -> None:
    for _ in range(2 * int(KEEP_SECONDS)):
        kinesis.sleep(1.0)
        identity.incarnation({"1000"})
    assert kinesis.asked == 2


def test_one_that_names_another_asks(kinesis: Kinesis, identity: StreamIdentity) -> None:
    kinesis.created = 2_000
    assert identity.incarnation({"2000"}) == "2000"


def test_one_without_a_marker_may_be_of_another_stream(
    kinesis: Kinesis, identity: StreamIdentity
) -> None:
    """Found by seed 5265 of the path world: a new stream's first events bore the old one's name."""
    kinesis.created = 2_000
    kinesis.sleep(UNNAMED_SECONDS + 0.1)
    assert identity.incarnation(set()) == "2000"
    assert identity.incarnation(set()) == "2000"
    assert kinesis.asked == 2


def test_a_refused_answer_stops_no_batch_while_what_is_known_is_young(
    kinesis: Kinesis, identity: StreamIdentity
) -> None:
    kinesis.refuses = True
    kinesis.sleep(UNNAMED_SECONDS + 0.1)
    assert identity.incarnation(set()) == "1000"
    kinesis.sleep(KEEP_SECONDS)
    with pytest.raises(ClientError):
        identity.incarnation(set())
