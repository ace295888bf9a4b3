"""A whole run against small stand-ins: two HTTP servers for the APIs, a real database, a real log."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
import psycopg
import pytest
from confluent_kafka import Producer

from drill import __main__ as command
from drill import evidence
from drill import run as drill_run
from drill.run import Options, Outcome, Run
from drill.scenarios import SCENARIOS, Break
from drill.targets import (
    AlarmSeen,
    BrokenThing,
    Deployed,
    Endpoints,
    MadeCall,
    NeededCall,
    PageSeen,
)
from tests.integration.drill.conftest import OBSERVATIONS
from tests.integration.drill.test_checker import INSERT, row_of
from tests.unit.drill.edge_server import EdgeServer
from tests.unit.drill.test_decided import TOLD

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

HOME, AWAY = "ca-central-1", "ca-west-1"
TOLD_SECONDS = 5.0


class StandIn:
    """Implements `Target`. `loses`: the home region forgets its last events instead of storing them."""

    name = "lab"
    profile = "dev"
    exceptions: Mapping[str, str] = {}
    unexamined: Mapping[str, str] = {}
    door_answers_alone = False
    least_share_answered = 0.8
    untold_alarms: Mapping[tuple[str, str], str] = {}
    home, standby, witness, suffix = HOME, AWAY, "us-east-2", "test"

    def __init__(self, database: psycopg.Connection[Any], bootstrap: str) -> None:
        self.servers = {HOME: EdgeServer(HOME, traffic_epoch=1), AWAY: EdgeServer(AWAY)}
        self.servers[AWAY].serves_reads = False
        self.epoch, self.holder = 1, HOME
        self.changed_at = time.time()
        self.forgets = False
        self.told_at = 0.0
        self._database = database
        self._bootstrap = bootstrap
        self._lock = threading.Lock()
        for region, server in self.servers.items():
            server.on_taken = lambda taken, region=region: self._take(region, taken)  # type: ignore[misc]
        self.copies_nothing = False
        self.called = [MadeCall(AWAY, "states:StartExecution", AWAY)]
        self.noted: list[MadeCall] = []
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})

    def _take(self, region: str, taken: list[tuple[str, str]]) -> None:
        if self.forgets and region == HOME:
            return
        self._store(region, [text for text, _ in taken])
        if self.copies_nothing:
            return
        for text, sequence in taken:
            place = {"origin": region, "incarnation": "100", "shard": "s-0", "sequence": sequence}
            key = orjson.loads(text)["aggregateId"]
            self._producer.produce(OBSERVATIONS, text, headers=list(place.items()), key=key)
        assert self._producer.flush(10) == 0

    def _store(self, region: str, texts: list[str]) -> None:
        rows = [row_of(text, region) for text in texts]
        with self._lock, self._database.cursor() as cursor:
            cursor.executemany(INSERT + " ON CONFLICT DO NOTHING", rows)

    def __enter__(self) -> StandIn:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for server in self.servers.values():
            server.close()

    def deploy(self) -> Deployed:
        return Deployed({"native": {"A": 1}, "provided": {}, "inert": {}}, "0" * 64)

    def endpoints(self) -> Mapping[str, Endpoints]:
        dsn = self._database.info.dsn
        return {r: Endpoints(s.url, dsn, self._bootstrap) for r, s in self.servers.items()}

    def observer(self, service: str, region: str) -> Any:
        return Observer(self, region)

    def bring_about(self, what: Break) -> Sequence[BrokenThing]:
        if what is Break.NOTHING:
            return []
        self.servers[HOME].broken = True
        if what is Break.KILL_API:
            self.told_at = time.time() + TOLD_SECONDS
            return [BrokenThing(time.time(), "killed", HOME, "stand-in")]
        threading.Timer(6.0, self._recover).start()
        return [BrokenThing(time.time(), "killed", HOME, "stand-in")]

    def _recover(self) -> None:
        self.epoch, self.holder, self.changed_at = 2, AWAY, time.time()
        self.servers[AWAY].traffic_epoch = 2
        self.servers[AWAY].serves_reads = True

    def metric_lines(self) -> Mapping[str, Sequence[str]]:
        return {AWAY: ["{}"]}

    def alarms(self, start: float, end: float) -> Sequence[AlarmSeen]:
        fired = () if self.epoch == 1 else ((end, "ALARM"),)
        changes = ((start, "OK"), *fired)
        return [AlarmSeen("replication-lag-log", AWAY, changes, figures=5, needs_seconds=1.0)]

    def note_calls(self) -> None:
        self.noted = list(self.called)

    def made_calls(self, since: float) -> Sequence[MadeCall]:
        return self.noted if since < time.time() else ()

    def needed_calls(self) -> Sequence[NeededCall]:
        return [NeededCall("keeper", AWAY, "states:StartExecution", AWAY, "ok", "")]

    def pages(self, start: float) -> Sequence[PageSeen]:
        if not start < self.told_at < time.time():
            return ()
        return [PageSeen(self.told_at, HOME, TOLD.subject, TOLD.text.replace("drill", self.suffix))]

    def part_answers(self, what: Break) -> bool:
        return not self.servers[HOME].broken

    def strike_again(self, what: Break, step: str) -> Sequence[BrokenThing]:
        return ()

    def repair(self, what: Break) -> None:
        self.heal()

    def heal(self) -> None:
        self.servers[HOME].broken = False

    def kill_applier(self, region: str) -> int:
        return 4711


class Observer:
    """Answers what the drill reads of DynamoDB and S3."""

    class exceptions:
        ClientError = KeyError

    def __init__(self, target: StandIn, region: str) -> None:
        self._target = target
        self._region = region

    def get_item(self, **_: Any) -> dict[str, Any]:
        return {
            "Item": {"epoch": {"N": str(self._target.epoch)}, "holder": {"S": self._target.holder}}
        }

    def get_paginator(self, _: str) -> Observer:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        """Also what a failover of last year left, which is none of this run's decisions."""
        moved = self._region == AWAY and self._target.epoch == 2
        decided = [(1_763_700_000.0, "take")]
        decided += [
            (self._target.changed_at + n, action)
            for n, action in enumerate(["hold", "take"] if moved else ["renew"])
        ]
        return [
            {
                "Items": [
                    {
                        "id": {"S": f"decision#{n}"},
                        "at": {"N": str(at)},
                        "action": {"S": action},
                        "reason": {"S": "because"},
                    }
                    for n, (at, action) in enumerate(decided)
                ]
            }
        ]

    def list_buckets(self) -> dict[str, Any]:
        return {"Buckets": [{"Name": "evidence-caw1-000000000000-test"}]}

    def list_objects_v2(self, **_: Any) -> dict[str, Any]:
        return {"Contents": [{"Key": "recover-e2-r1.json"}]}

    def get_object(self, **_: Any) -> dict[str, Any]:
        step = {"step": "acquire", "started_at": "2026-11-21T05:00:00Z", "outcome": "done"}
        timeline = [{**step, "ended_at": "2026-11-21T05:00:01.5Z"}]
        steps = {"completed": True, "timeline": timeline}

        class Body:
            def read(self) -> bytes:
                return json.dumps(steps).encode()

        return {"Body": Body()}


@pytest.fixture
def target(
    database: psycopg.Connection[Any],
    bootstrap: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[StandIn]:
    monkeypatch.setattr(evidence, "ROOT", tmp_path)
    with StandIn(database, bootstrap) as made:
        yield made


def run(target: StandIn, scenario: str, **options: Any) -> Outcome:
    short = replace(SCENARIOS[scenario], watch_seconds=5.0 if scenario == "noop" else 40.0)
    given = Options(events_per_second=200.0, before_seconds=5.0, **options)
    said: list[str] = []
    return Run(short, given, target, said.append).go()


def test_a_quiet_run_passes_and_can_be_checked_again(target: StandIn) -> None:
    target.servers[AWAY].safe_up_to(10**9, HOME, "100")
    outcome = run(target, "noop", kill_apply=2)
    found = outcome.evidence
    assert {name for name, met in found["objectives_met"].items() if not met} == set()
    assert found["verdict"] == "PASS"
    assert found["events"]["sent"] == found["events"]["stored"] > 1_000
    assert found["events"]["safe"] == found["events"]["accepted"]
    assert {one["log"] for one in found["logs"]} == {HOME, AWAY}
    assert found["load"]["killed_processors"] == 2
    assert found["rto_seconds"] is None
    assert found["availability"]["answered"] > 0
    assert (outcome.folder.parent / "latest" / "report.html").exists()
    assert command.main(["check", str(outcome.folder)]) == 0


def test_a_copy_of_nothing_fails_although_the_database_has_it_all(target: StandIn) -> None:
    """P1: the database's own replication hid a log replicator that copied markers and no event."""
    target.copies_nothing = True
    target.servers[AWAY].safe_up_to(10**9, HOME, "100")
    found = run(target, "noop").evidence
    assert {name for name, met in found["objectives_met"].items() if not met} == {
        "what_was_called_safe_is_in_the_other_log"
    }
    assert found["events"]["lost"] == 0
    assert found["events"]["not_in_the_log"] == found["events"]["accepted"] > 1_000


def test_a_replicator_that_stands_fails_where_nothing_was_broken(
    target: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drill_run, "SETTLE_SECONDS", 5.0)
    target.servers[AWAY].safe_up_to(500, HOME, "100")
    found = run(target, "noop").evidence
    assert {name for name, met in found["objectives_met"].items() if not met} == {
        "everything_became_safe"
    }


def test_a_recovery_that_called_what_the_ledger_does_not_list_fails(target: StandIn) -> None:
    target.servers[AWAY].safe_up_to(100, HOME, "100")
    target.called.append(MadeCall(AWAY, "rds:DescribeDBClusters", HOME))
    found = run(target, "region-loss").evidence
    assert not found["objectives_met"]["recovery_as_proved"]
    assert [one["verdict"] for one in found["recovery_calls"]] == ["not in the ledger", "ok"]


def test_a_lost_region_passes_when_the_resends_saved_everything(target: StandIn) -> None:
    target.servers[AWAY].safe_up_to(100, HOME, "100")
    found = run(target, "region-loss").evidence
    # The stand-in's watermark has no meaningful time of birth: the RPO is not what is tested here.
    assert {name for name, met in found["objectives_met"].items() if not met} == {
        "rpo_within_target"
    }
    assert found["epochs"] == [1, 2]
    assert 0 < found["rto_seconds"] < 30
    assert found["timeline"][0]["step"] == "acquire"
    assert found["events"]["duplicate_deliveries"] > 500


def test_what_the_lost_region_took_with_it_is_recovered_or_the_run_fails(target: StandIn) -> None:
    target.forgets = True
    target.servers[AWAY].safe_up_to(100, HOME, "100")
    found = run(target, "region-loss").evidence
    # Claimed safe, yet in no database: exactly the kind of lie the checker is there for.
    assert found["verdict"] == "FAIL"
    assert found["events"]["lost"] == found["events"]["not_in_the_log"] == 100
    assert found["events"]["recovered"] > 500


def test_a_region_that_serves_degraded_is_repaired_once_a_person_was_told(target: StandIn) -> None:
    for taker, other in ((HOME, AWAY), (AWAY, HOME)):
        target.servers[other].safe_up_to(10**9, taker, "100")
    found = run(target, "api-dead").evidence
    assert {name for name, met in found["objectives_met"].items() if not met} == set()
    assert found["effect"]["how"] == f"The API of {HOME} did not answer"
    assert TOLD_SECONDS <= found["decided"]["seconds"] < TOLD_SECONDS + 3
    assert found["decided"]["page"]["missing"] == []
    assert found["decided"]["outage_seconds"] > TOLD_SECONDS
    assert [one["phase"] for one in found["phases"]].index("repaired") > 0
    assert found["epochs"] == [1]
