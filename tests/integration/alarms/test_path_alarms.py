"""The data path: the deployed bridge, event applier and watermark reader on a virtual clock, the deployed
metric filters over their lines, the deployed alarms over both.

`IncomingRecords` is AWS's own metric (aws_figures.py): here it counts what the test puts into the stream.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from lab.alarm_evaluation import told
from lifeline.lambdas.contracts.database import DatabaseAddress
from lifeline.lambdas.contracts.event_applier import Apply
from lifeline.lambdas.contracts.log import LogAddress
from lifeline.lambdas.contracts.stream_bridge import StreamBridge
from lifeline.lambdas.failover.breaker import PAGE_SECONDS, Breaker, Stopped
from lifeline.lambdas.stream_bridge import handler as bridge
from lifeline.lambdas.stream_bridge import validation
from lifeline.lambdas.stream_bridge.batch import LogRecord
from lifeline.lambdas.stream_bridge.event_schemas import load_schemas, schemas_folder
from lifeline.lambdas.stream_bridge.shard_counts import ShardCounts
from lifeline.services.event_applier import log_reader
from lifeline.services.event_applier.apply import Applier, _say_what_is_odd
from lifeline.services.event_applier.batch import batch_of
from lifeline.services.event_applier.log_reader import LogReader, say_gone
from lifeline.services.event_applier.store import Applied
from lifeline.services.query_api.reader_checkpoint import say_new_base
from lifeline.services.query_api.watermark_reader import PUBLISH_SECONDS
from lifeline.services.shared import metric_lines
from tests.integration.alarms.deployed import HOME, RECOVERY, SUFFIX, Deployed, Fault
from tests.integration.datapath.applying import log_settings, region_settings
from tests.integration.datapath.log_records import TOPIC, event_body, event_record
from tests.support.clocks import ManualClock
from tests.support.counts import CountsInMemory
from tests.unit.query_api.test_watermark_reader import HERE, Log
from tests.unit.stream_bridge.test_validation import event

pytestmark = [pytest.mark.synth, pytest.mark.slow]
START = 1_795_248_000.0
FAULT = Fault(START, START + 1_200, START + 2_700, START + 4_200)
BRIDGE_LOG, SERVICES_LOG = f"/aws/lambda/stream-bridge-{SUFFIX}", f"/lifeline/services-{SUFFIX}"
BATCH = 50
"""Records a minute: one bad one is more than the hundredth at which apply-failures fires."""

REJECTED, DEFECTS, FAILURES = {"events-rejected"}, {"bridge-defects"}, {"apply-failures"}
SCALES = "scale-event-applier"
"""It tells nobody: it starts another task, below the limits at which people are told."""
BEHIND: dict[int, set[str]] = {
    3: set(),
    1_000: {SCALES},
    1_001: {SCALES, "apply-behind-warning"},
    10_001: {SCALES, "apply-behind-warning", "apply-behind-critical"},
}
"""By records that the event applier has yet to apply."""
HOLES: dict[float, set[str]] = {4.0: set(), FAULT.healed - FAULT.at: {"log-hole"}}
"""By how late a record's copy comes, in seconds."""
SCHEMA, UNEXPECTED, WITHHELD = {"schema-failures"}, {"events-unexpected"}, {"sequences-withheld"}
PLAIN = {"events-without-vital-signs"}
STOPPED = {"bridge": {"bridge-stopped"}, "apply": {"apply-stopped"}}
GONE, REBASED = {"apply-records-gone"}, {"watermark-rebased"}
SILENT: dict[bool, set[str]] = {False: set(), True: {"log-partition-still"}}
"""By whether one partition's markers stay away."""
FIRED = (
    SILENT[True] | GONE | REBASED | REJECTED | DEFECTS | FAILURES | SCHEMA | UNEXPECTED | WITHHELD
    | PLAIN
    | {name for names in STOPPED.values() for name in names}
    | {name for by_size in (BEHIND, HOLES) for names in by_size.values() for name in names}
)  # fmt: skip


def minutes() -> Iterable[tuple[float, bool]]:
    """A moment in each minute of the run, and whether it lies in the fault."""
    for number in range(int((FAULT.end - FAULT.start) / 60)):
        at = FAULT.start + 60.0 * number + 5.0
        yield at, FAULT.at <= at < FAULT.healed


class LogInMemory:
    """What the bridge writes to; the records are not looked at here."""

    def write(self, _records: Iterable[LogRecord], _at_ms: int) -> None: ...

    def write_marker(self, _marker: object, _at_ms: int) -> None: ...


class OneStream:
    """The stream's identity, which AWS tells."""

    def incarnation(self, _named: set[str]) -> str:
        return "100"


@pytest.fixture(name="bridged")
def _bridged(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the bridge's function on a batch; the lines that it logs."""
    said = io.StringIO()
    settings = StreamBridge(
        log=LogAddress("", "none", {"error.dlq": 1, TOPIC: 1}, HOME),
        stream_name="edge",
        counts_table="counts",
    )
    counts = ShardCounts(CountsInMemory())
    parts = (
        settings,
        load_schemas(schemas_folder()),
        LogInMemory(),
        OneStream(),
        counts,
        Breaker(on=True),
    )
    monkeypatch.setattr(bridge, "_parts", lambda: parts)
    monkeypatch.setattr(bridge.logger.registered_handler, "stream", said)

    def run(bodies: list[bytes], *, stops: bool = False) -> list[str]:
        said.seek(0)
        said.truncate()
        records = [
            {
                "eventID": f"shardId-0:{number}",
                "kinesis": {
                    "sequenceNumber": str(number),
                    "partitionKey": "e:p",
                    "data": base64.b64encode(body).decode(),
                },
            }
            for number, body in enumerate(bodies)
        ]
        with pytest.raises(Stopped) if stops else nullcontext():
            bridge.handler({"Records": records}, None)
        return said.getvalue().splitlines() or ['{"message": "bridged"}']

    return run


GOOD = json.dumps(event(occurredOn="2026-11-21T11:59:59Z")).encode()


def test_events_that_must_be_refused_are_told_when_they_do_not_end(
    deployed: Deployed, bridged: Any
) -> None:
    lines = [
        (at, line)
        for at, broken in minutes()
        for line in bridged([GOOD, b"{no json"] if broken else [GOOD])
    ]
    samples = deployed.counted(HOME, {BRIDGE_LOG: lines})
    assert deployed.fired(HOME, samples, FAULT) == REJECTED


def test_a_defect_of_the_bridge_is_told_at_once(
    deployed: Deployed, bridged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(*_: object) -> None:
        raise KeyError("a defect")

    sound, lines = validation._refused_kind, []
    for at, broken in minutes():
        defect = broken and at < FAULT.at + 120
        monkeypatch.setattr(validation, "_refused_kind", defective if defect else sound)
        lines += [(at, line) for line in bridged([GOOD])]
    samples = deployed.counted(HOME, {BRIDGE_LOG: lines})
    assert deployed.fired(HOME, samples, FAULT) == DEFECTS


def test_records_that_cannot_be_applied_are_told_by_their_share(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    unreadable = event_record(0, event_body(0))._replace(value=b"{no json")
    lines: list[tuple[float, str]] = []
    came: list[tuple[float, float]] = []
    for at, broken in minutes():
        bad = batch_of([unreadable] if broken else []).unreadable
        _say_what_is_odd(Applied(BATCH, 0, 1, set_aside=len(bad)))
        said = capsys.readouterr().out.splitlines()
        lines += [(at, line) for line in said or ['{"message": "applied"}']]
        came.append((at, float(BATCH)))
    incoming = deployed.input_of(HOME, "apply-failures", "came")
    samples = {**deployed.counted(HOME, {SERVICES_LOG: lines}), incoming: came}
    assert deployed.fired(HOME, samples, FAULT) == FAILURES


@pytest.mark.parametrize(
    ("body", "share", "fires"),
    [
        (b"{no json", 900, REJECTED | SCHEMA),
        (b"{no json", 1_100, REJECTED),
        (json.dumps(event(version=99)).encode(), 900, REJECTED | SCHEMA),
        (json.dumps(event(occurredOn="1999-01-01T00:00:00Z")).encode(), 2, REJECTED),
    ],
    ids=["malformed", "one in 1,100", "wrong version", "too old"],
)
def test_more_than_a_thousandth_without_their_schema_is_told(
    deployed: Deployed, bridged: Any, body: bytes, share: int, fires: set[str]
) -> None:
    lines, came = [], []
    for at, broken in minutes():
        lines += [(at, line) for line in bridged([GOOD, body] if broken else [GOOD])]
        came.append((at, float(share)))
    incoming = deployed.input_of(HOME, "schema-failures", "came")
    samples = {**deployed.counted(HOME, {BRIDGE_LOG: lines}), incoming: came}
    assert deployed.fired(HOME, samples, FAULT) == fires


def from_senders(count: int) -> list[bytes]:
    before = datetime.fromtimestamp(START - 1, UTC).isoformat().replace("+00:00", "Z")
    body = event(occurredOn=before)
    return [
        json.dumps({**body, "metadata": {"userId": f"edge-{number % 4}"}}).encode()
        for number in range(count)
    ]


def test_a_bridge_that_would_refuse_everything_stops_and_pages_again_and_again(
    deployed: Deployed, bridged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B23: nothing of such a batch is written, so nothing is rejected and nothing is lost."""

    def defective(*_: object) -> None:
        raise KeyError("a defect")

    sound, lines = validation._refused_kind, []
    clock = ManualClock(at=0.0, wall_offset=START)
    monkeypatch.setattr(bridge, "SYSTEM_CLOCK", clock)
    for at, broken in minutes():
        clock.at = at - START
        monkeypatch.setattr(validation, "_refused_kind", defective if broken else sound)
        said = bridged(from_senders(40), stops=broken)
        assert not any('"rejected"' in line for line in said)
        lines += [(at, line) for line in said]
    assert sum("stopped" in line for _, line in lines) == 1 + int(
        (FAULT.healed - FAULT.at) // PAGE_SECONDS
    )
    samples = deployed.counted(HOME, {BRIDGE_LOG: lines})
    assert deployed.fired(HOME, samples, FAULT) == STOPPED["bridge"]


def test_an_event_applier_that_stands_still_pages_again_and_again(deployed: Deployed) -> None:
    """How it comes to stand still: tests/integration/datapath/test_breaker.py."""
    breaker = Breaker(on=True)
    lines = [
        (at, json.dumps({"message": "stopped" if broken and breaker.page_due(at) else "applied"}))
        for at, broken in minutes()
    ]
    samples = deployed.counted(HOME, {SERVICES_LOG: lines})
    assert deployed.fired(HOME, samples, FAULT) == STOPPED["apply"]


@pytest.mark.parametrize(
    ("say_it", "fires"),
    [
        (lambda: say_gone((TOPIC, 0), wanted=1, got=2), GONE),
        (lambda: say_new_base("a topic was made anew"), REBASED),
    ],
)
def test_what_was_to_be_read_and_is_gone_is_told_at_once(
    deployed: Deployed,
    capsys: pytest.CaptureFixture[str],
    say_it: Callable[[], None],
    fires: set[str],
) -> None:
    """B25, B26; how it is met: tests/integration/datapath/test_own_positions.py, test_end_to_end.py."""
    lines: list[tuple[float, str]] = []
    for at, broken in minutes():
        if broken and at < FAULT.at + 60:
            say_it()
        said = capsys.readouterr().out.splitlines()
        lines += [(at, line) for line in said or ['{"message": "applied"}']]
    samples = deployed.counted(HOME, {SERVICES_LOG: lines})
    assert deployed.fired(HOME, samples, FAULT) == fires


@pytest.mark.parametrize(
    ("odd", "fires"),
    [
        ({"unexpected": 1}, UNEXPECTED),
        ({"withheld": 1}, WITHHELD),
        ({"plain": 1}, PLAIN),
    ],
)
def test_one_odd_event_is_told_at_once(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], odd: dict[str, int], fires: set[str]
) -> None:
    """C9; that such events are counted so: tests/integration/datapath/test_wild_and_unexpected.py."""
    lines: list[tuple[float, str]] = []
    for at, broken in minutes():
        first = broken and at < FAULT.at + 60
        _say_what_is_odd(Applied(BATCH, 0, 1, **(odd if first else {})))
        said = capsys.readouterr().out.splitlines()
        lines += [(at, line) for line in said or ['{"message": "applied"}']]
    samples = deployed.counted(HOME, {SERVICES_LOG: lines})
    assert deployed.fired(HOME, samples, FAULT) == fires


@dataclass
class Broker:
    """librdkafka's consumer: `end` is the log's end, as the last fetch told it."""

    end: int = 0
    assigned: list[TopicPartition] = field(default_factory=list)

    def subscribe(self, topics: list[str], *, on_assign: Any, on_revoke: Any) -> None:
        on_assign(self, [TopicPartition(topics[0], 0)])

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned = partitions

    def get_watermark_offsets(self, _where: TopicPartition, **_: Any) -> tuple[int, int]:
        return 0, self.end


@pytest.mark.parametrize("behind", BEHIND)
def test_an_event_applier_that_is_behind_is_told_by_how_far(
    behind: int,
    deployed: Deployed,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker, clock = Broker(), ManualClock(at=0.0, wall_offset=START)
    monkeypatch.setattr(log_reader, "Consumer", lambda _settings: broker)
    monkeypatch.setattr(metric_lines, "SYSTEM_CLOCK", clock)
    reader = LogReader({}, [TOPIC])
    reader.unplaced, reader._next = False, {(TOPIC, 0): 0}
    nowhere = DatabaseAddress("127.0.0.1", 9, "lifeline", "lifeline", "none", HOME)
    settings = Apply(
        database=nowhere,
        log=log_settings("127.0.0.1:9"),
        region=region_settings(),
        checkpoints_table="checkpoints",
    )
    applier = Applier(settings, clock)
    for at, broken in minutes():
        clock.at, broker.end = at - START, behind if broken else 3
        applier._say_lag(reader)
    samples = told(capsys.readouterr().out.splitlines())
    assert deployed.fired(HOME, samples, FAULT) == BEHIND[behind]


@pytest.mark.parametrize("silent", SILENT)
def test_a_partition_that_no_marker_reaches_is_told(
    silent: bool,
    deployed: Deployed,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log(partitions=2)
    log.clock.at, log.clock.wall_offset = 0.0, START
    monkeypatch.setattr(metric_lines, "SYSTEM_CLOCK", log.clock)
    reached = [0, 0]
    for number, (at, broken) in enumerate(minutes()):
        log.clock.at = at - START
        for log.partition in (0, 1):
            if not (broken and silent and log.partition):
                log.marker(reached[log.partition], number + 1)
                reached[log.partition] = number + 1
        log.publish()
    samples = told(capsys.readouterr().out.splitlines())
    assert deployed.fired(RECOVERY, samples, FAULT) == SILENT[silent]


def test_partitions_that_are_added_as_the_page_says_fire_nothing(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """B9: both logs and the readers have the partition from the fault's beginning, the bridge at its end."""
    log = Log(partitions=2)
    log.declared = 1
    log.clock.at, log.clock.wall_offset = 0.0, START
    monkeypatch.setattr(metric_lines, "SYSTEM_CLOCK", log.clock)
    reached = [0, 0]
    is_grown = False
    for number, (at, broken) in enumerate(minutes()):
        log.clock.at = at - START
        is_grown = is_grown or broken
        log.declared = 2 if is_grown and not broken else 1
        for partition in range(log.declared):
            log.partition = partition
            log.marker(reached[partition], number + 1)
            reached[partition] = number + 1
        log.publish()
    assert reached[1], "it was added in the end"
    samples = told(capsys.readouterr().out.splitlines())
    assert deployed.fired(RECOVERY, samples, FAULT) == set()


@pytest.mark.parametrize("late", HOLES)
def test_a_record_that_does_not_arrive_is_told_until_it_does(
    late: float,
    deployed: Deployed,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A record and its marker each minute; of one minute in the fault the marker alone."""
    log = Log()
    log.clock.at, log.clock.wall_offset = 0.0, START
    monkeypatch.setattr(metric_lines, "SYSTEM_CLOCK", log.clock)
    missing: list[tuple[float, int]] = []
    sequence, was_broken = 0, False
    for at, broken in minutes():
        log.clock.at = at - START
        if broken and not was_broken:
            missing.append((log.clock.at + late, sequence + 1))
        else:
            log.record(sequence + 1)
        log.marker(sequence, sequence + 2, sequence + 1)
        sequence, was_broken = sequence + 2, broken
        for _ in range(50):
            log.publish()
            log.clock.at += PUBLISH_SECONDS
            while missing and missing[0][0] <= log.clock.at:
                log.record(missing.pop()[1])
    assert missing == []
    assert log.publish()["entries"][0]["sequence"] == str(sequence)
    samples = told(capsys.readouterr().out.splitlines())
    assert HERE == RECOVERY
    assert deployed.fired(RECOVERY, samples, FAULT) == HOLES[late]
