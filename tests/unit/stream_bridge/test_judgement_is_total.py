"""B23: any bytes become an event or a reject with a reason, and what the bridge accepts can be applied."""

from __future__ import annotations

import base64
import json
import re
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifeline.lambdas.failover.event_limits import MAX_NESTING
from lifeline.lambdas.failover.markers import Marker, StreamMarker
from lifeline.lambdas.stream_bridge import validation
from lifeline.lambdas.stream_bridge.batch import (
    BridgedBatch,
    bridged,
    incarnations_named,
    stream_records,
)
from lifeline.lambdas.stream_bridge.event_schemas import EventSchemas, load_schemas
from lifeline.lambdas.stream_bridge.validation import Accepted, Rejected, judge
from lifeline.services.event_applier import batch as applier_batch
from lifeline.services.event_applier.batch import COLUMNS, LogRecord, batch_of
from tests.unit.stream_bridge.test_validation import ARRIVED, SCHEMAS, event

SHARD = "shardId-000000000000"
DEEP = "@deep@"
# Not a measure of speed: on a busy machine drawing an event may take long.
PATIENT = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NESTINGS = (
    *(MAX_NESTING - 3, MAX_NESTING - 2, MAX_NESTING - 1, MAX_NESTING, MAX_NESTING + 1),
    *(253, 254, 255, 400, 1_000, 1_022, 1_023, 1_024, 1_025, 30_000),
)
BORDERS: tuple[Any, ...] = (
    *("", "\x00", "\ud800", "a\tb", "a\nb", "\\N", "\\.", "é\u2028\uffff", "x" * 300, DEEP),
    *(True, False, None, 0, -1, 1, 2, 2**15 - 1, 2**15, 2**63 - 1, 2**63, 2**64, 10**400),
    *(0.0, -0.0, 1.0, 2.0, 1.5, 1e22, 5e-324, 1.7e308, float("inf"), float("nan")),
    *("1.0", "2026-11-21T11:59:59+05:60", "2026-11-21T11:59:59-00:00", [], {}, [[]]),
)


def raw_of(body: object, nested: bytes = b"") -> bytes:
    """`body` as JSON; the text DEEP in it becomes `nested`, which no serializer would write."""
    return json.dumps(body).encode().replace(f'"{DEEP}"'.encode(), nested)


def nesting(levels: int, leaf: str = "1", opening: str = '{"a":', closing: str = "}") -> bytes:
    return (opening * levels + leaf + closing * levels).encode()


def detail_of(raw: bytes) -> tuple[str, str]:
    found = judge(raw, ARRIVED, SCHEMAS)
    assert isinstance(found, Rejected)
    return found.reason, found.detail


def assert_the_applier_takes(raw: bytes, topic: str) -> None:
    """The lines that COPY gets, held against the columns that they go to."""
    headers = [("origin", b"r"), ("incarnation", b"1"), ("shard", b"s"), ("sequence", b"9")]
    batch = batch_of([LogRecord(topic, 0, 0, 0, raw, headers)])
    assert batch.unreadable == []
    (line,) = batch.lines
    assert "\n" not in line
    row = dict(zip(COLUMNS.split(", "), line.split("\t"), strict=True))
    assert re.fullmatch(r"\d{1,19}", row["sequence"])
    assert 0 <= int(row["sequence"]) < 2**63
    assert re.fullmatch(r"\d{1,5}", row["version"])
    assert 0 < int(row["version"]) < 2**15
    assert "\\\\u0000" not in row["payload"].replace("\\\\\\\\", "")


@pytest.mark.parametrize("name", ["version", "sequence"])
@pytest.mark.parametrize("written", ["1.0", "2.0", "0.0", "-0.0", "1e0", "3E2"])
def test_an_integer_must_be_written_as_one(name: str, written: str) -> None:
    raw = raw_of(event(**{name: DEEP}), written.encode())
    reason, detail = detail_of(raw)
    assert reason == "schema"
    if written not in ("0.0", "-0.0"):  # a version of 0 breaks the envelope's minimum already
        assert detail == f"{name} must be written as an integer, without fraction or exponent."


@pytest.mark.parametrize("minutes", ["60", "75", "99"])
def test_a_zone_offset_has_at_most_59_minutes(minutes: str) -> None:
    raw = raw_of(event(occurredOn=f"2026-11-21T11:59:59+05:{minutes}"))
    assert detail_of(raw)[0] == "bad-time"


@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]"), ('[{"a":', "}]")])
@pytest.mark.parametrize("leaf", ["1", '"\\u0000"', '{"\\u0000":1}', "[]"])
@pytest.mark.parametrize("levels", [MAX_NESTING, 254, 255, 400, 510, 1_022, 1_100, 100_000])
def test_nesting_beyond_the_limit_is_refused(
    levels: int, leaf: str, opening: str, closing: str
) -> None:
    raw = raw_of(event(metadata={"x": DEEP}), nesting(levels, leaf, opening, closing))
    assert detail_of(raw)[0] == "malformed"


@pytest.mark.parametrize("field", ["payload", "metadata"])
def test_nesting_up_to_the_limit_is_taken(field: str) -> None:
    inside = {**event()[field], "x": DEEP}  # the event is level 1, the field 2
    raw = raw_of(event(**{field: inside}), nesting(MAX_NESTING - 2))
    found = judge(raw, ARRIVED, SCHEMAS)
    assert isinstance(found, Accepted)
    assert_the_applier_takes(raw, found.topic)
    one_more = raw_of(event(**{field: inside}), nesting(MAX_NESTING - 1))
    assert detail_of(one_more) == (
        "malformed",
        f"The event nests deeper than {MAX_NESTING} levels.",
    )


def test_many_brackets_side_by_side_are_no_nesting() -> None:
    raw = raw_of(event(metadata={"x": [[{}]] * 10 * MAX_NESTING}))
    assert isinstance(judge(raw, ARRIVED, SCHEMAS), Accepted)


@pytest.mark.parametrize("place", ["key", "value", "item", "key-far-below"])
def test_a_nul_is_found_wherever_it_lies(place: str) -> None:
    holders: dict[str, Any] = {
        "key": {"a\x00": 1},
        "value": {"a": "\x00"},
        "item": {"a": [1, ["\x00b"]]},
        "key-far-below": {"a": [{"b": {"c": {"\x00": None}}}]},
    }
    assert detail_of(raw_of(event(metadata=holders[place])))[1].startswith("The event holds a NUL")


class Panic(BaseException):
    """As a panic of a native package arrives: not an Exception."""


@pytest.mark.parametrize("kind", [KeyError, RecursionError, StopIteration, AssertionError, Panic])
def test_our_own_defect_is_a_reject_that_names_the_class_alone(
    monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    def defective(*_: object) -> None:
        raise kind("Jane-Doe")

    monkeypatch.setattr(validation, "_refused_shape", defective)
    made = batch_of_stream(("e:p", raw_of(event())), ("e:p", b"{not json"))
    assert [one.topic for one in made.records] == ["error.dlq", "error.dlq"]
    headers = dict(made.records[0].headers)
    assert headers["reason"] == b"defect"
    assert kind.__name__ in str(headers["detail"])
    assert "Jane" not in str(headers)
    assert made.rejected == {"defect": 1, "malformed": 1}
    assert made.defects == {kind.__name__: 1}


@pytest.mark.parametrize("kind", [KeyError, Panic])
def test_a_defect_in_reading_a_marker_stops_no_shard(
    monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    def defective(_raw: bytes) -> StreamMarker:
        raise kind("Jane-Doe")

    monkeypatch.setattr(StreamMarker, "from_bytes", defective)
    made = batch_of_stream(("m:x", b"{}"), ("e:p", raw_of(event())))
    assert made.marker is None
    assert made.defects == {kind.__name__: 1}
    assert [one.topic for one in made.records] == ["error.dlq", "clinical.observation.recorded"]


@pytest.mark.parametrize("kind", [MemoryError, KeyboardInterrupt, SystemExit])
def test_what_says_nothing_about_the_record_is_raised(
    monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    def interrupted(*_: object) -> None:
        raise kind

    monkeypatch.setattr(validation, "_refused_shape", interrupted)
    with pytest.raises(kind):
        judge(raw_of(event()), ARRIVED, SCHEMAS)


def test_schemas_that_cannot_be_loaded_raise_before_any_record_is_judged(tmp_path: Path) -> None:
    """A fault of ours for every record must not dead-letter every record."""
    with pytest.raises(FileNotFoundError):
        load_schemas(tmp_path)
    (tmp_path / "envelope.schema.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="events"):
        load_schemas(tmp_path)
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "PatientMovedEvent.v1.schema.json").write_text('{"type": 5}')
    with pytest.raises(ValueError, match="PatientMovedEvent"):
        load_schemas(tmp_path)


def batch_of_stream(
    *records: tuple[str, bytes], schemas: EventSchemas | None = None
) -> BridgedBatch:
    raw = {
        "Records": [
            {
                "eventID": f"{SHARD}:{number}",
                "kinesis": {
                    "sequenceNumber": str(number),
                    "partitionKey": key,
                    "data": base64.b64encode(data).decode(),
                    "approximateArrivalTimestamp": ARRIVED.timestamp(),
                },
            }
            for number, (key, data) in enumerate(records, start=1)
        ]
    }
    taken = stream_records(raw, datetime.now(UTC))
    incarnations_named(taken)
    return bridged(
        taken,
        region="ca-central-1",
        incarnation="100",
        partitions=(("clinical.observation.recorded", 1), ("error.dlq", 1)),
        schemas=schemas or SCHEMAS,
    )


@pytest.mark.parametrize("levels", [900, 1_100, 100_000])
@pytest.mark.parametrize("key", ["m:x", "e:x"])
def test_a_deep_record_stops_no_shard_whatever_its_key(key: str, levels: int) -> None:
    made = batch_of_stream((key, nesting(levels)), (key, nesting(levels, "1", "[", "]")))
    assert made.rejected == {"malformed": 2}


def test_a_partition_key_that_is_no_text_stops_no_shard() -> None:
    made = batch_of_stream(("e:\ud800", b"{}"))
    assert made.rejected == {"schema": 1}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(nesting(100_000), id="deep"),
        pytest.param(b'{"lifelineMarker": 1, "partitions": {"t": 5}}', id="partitions-not-a-list"),
        pytest.param(b'{"lifelineMarker": 1, "partitions": {"t": [null]}}', id="partition-null"),
    ],
)
def test_a_marker_that_cannot_be_read_is_a_value_error_and_set_aside(value: bytes) -> None:
    value = value.replace(
        b'"partitions"',
        b'"origin": "r", "incarnation": "1", "shard": "s", "sequence": "5", "born_ms": 1, '
        b'"shards": [], "partitions"',
    )
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own sentence
        Marker.from_bytes(value)
    batch = batch_of([LogRecord("t", 0, 0, 0, value, [("kind", b"marker")])])
    assert [why for _, why in batch.unreadable] == ["ValueError"]


@pytest.mark.parametrize("kind", [RecursionError, OverflowError, AssertionError])
def test_the_applier_sets_aside_whatever_it_cannot_read(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def defective(*_: object) -> str:
        raise kind("Jane-Doe")

    monkeypatch.setattr(applier_batch, "_line", defective)
    record = LogRecord("t", 0, 0, 0, b"{}", [])
    assert batch_of([record]).unreadable == [(record, kind.__name__)]


def test_the_applier_sets_nothing_aside_for_want_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> str:
        raise MemoryError

    monkeypatch.setattr(applier_batch, "_line", exhausted)
    with pytest.raises(MemoryError):
        batch_of([LogRecord("t", 0, 0, 0, b"{}", [])])


@pytest.mark.parametrize(
    "page", ["runbooks/dead-letters.md", "mechanisms/contracts.md", "mechanisms/watermark.md"]
)
def test_every_reason_is_listed_where_reasons_are_explained(page: str) -> None:
    root = Path(__file__).resolve().parents[3]
    source = (root / "lambdas/stream_bridge/validation.py").read_text()
    reasons = set(re.findall(r'Rejected\(\s*"([a-z-]+)"', source))
    assert {"defect", "malformed", "schema"} < reasons
    text = (root / "docs" / page).read_text()
    assert {reason for reason in reasons if f"`{reason}`" not in text} == set()


@pytest.mark.parametrize("page", ["runbooks/dead-letters.md", "mechanisms/watermark.md"])
def test_the_limit_of_nesting_is_named_to_senders(page: str) -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / page).read_text()
    assert f"{MAX_NESTING} levels" in text


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=8)
    | st.sampled_from(BORDERS),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec=None), max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def mutated_events(draw: st.DrawFn) -> bytes:
    """A good event with up to three values replaced, added or removed anywhere; then maybe some bytes."""
    body: dict[str, Any] = json.loads(json.dumps(event()))
    for _ in range(draw(st.integers(0, 3))):
        holder: Any = body
        while True:
            key = draw(
                st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder)))
            )
            inner = holder[key]
            if not isinstance(inner, dict | list) or not inner or draw(st.booleans()):
                break
            holder = inner
        change = draw(st.sampled_from(["replace", "border", "deep", "float", "add", "remove"]))
        if change == "add" and isinstance(holder, dict):
            holder[draw(st.text(st.characters(codec=None), max_size=4))] = draw(json_values)
        elif change == "remove" and len(holder) > 1:
            del holder[key]
        elif change == "float" and isinstance(holder[key], int) and abs(holder[key]) < 2**99:
            holder[key] = float(holder[key])
        else:
            values = {"border": st.sampled_from(BORDERS), "deep": st.just(DEEP)}
            # A copy: the next change may go into it.
            holder[key] = deepcopy(draw(values.get(change, json_values)))
    opening, closing = draw(st.sampled_from([("[", "]"), ('{"a":', "}")]))
    leaf = draw(st.sampled_from(["1", '"\\u0000"', "[]"]))
    raw = raw_of(body, nesting(draw(st.sampled_from(NESTINGS)), leaf, opening, closing))
    if draw(st.integers(0, 3)) == 0:
        start = draw(st.integers(0, len(raw)))
        end = start + draw(st.integers(0, 3))
        raw = raw[:start] + draw(st.binary(max_size=3)) + raw[end:]
    return raw


def assert_judged(raw: bytes) -> None:
    found = judge(raw, ARRIVED, SCHEMAS)
    if isinstance(found, Accepted):
        assert_the_applier_takes(raw, found.topic)
    else:
        assert found.reason != "defect", found.detail  # total, and without the guard's help
        assert found.detail.endswith(".")


@given(st.binary(max_size=200) | json_values.map(raw_of))
@PATIENT
def test_any_bytes_are_judged(raw: bytes) -> None:
    assert_judged(raw)


@given(mutated_events())
@settings(PATIENT, max_examples=600)
def test_any_mutated_event_is_judged_and_what_is_accepted_can_be_applied(raw: bytes) -> None:
    assert_judged(raw)


def places_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in `value`."""
    keys: Any = value if isinstance(value, dict) else ()
    if isinstance(value, list):
        keys = range(len(value))
    return [path] * bool(path) + [
        place for key in keys for place in places_in(value[key], (*path, key))
    ]


@pytest.mark.parametrize("path", places_in(event()), ids=lambda path: "/".join(map(str, path)))
def test_every_place_takes_every_border_value(path: tuple[Any, ...]) -> None:
    for border in BORDERS:
        body: Any = json.loads(json.dumps(event()))
        holder = body
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = border
        for levels in NESTINGS if border == DEEP else (0,):
            assert_judged(raw_of(body, nesting(levels, '"\\u0000"')))
            assert_judged(raw_of(body, nesting(levels, "[]", "[", "]")))


@given(
    st.sampled_from(["m:", "e:"]),
    st.text(st.characters(codec=None), max_size=4),
    st.binary(max_size=60) | mutated_events(),
)
@PATIENT
def test_a_batch_is_bridged_whole_whatever_it_holds(prefix: str, key: str, raw: bytes) -> None:
    made = batch_of_stream((prefix + key, raw))
    assert len(made.records) == 1
    assert made.records[0].value == raw
    assert made.defects == {}
