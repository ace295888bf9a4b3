"""The region state table: promises, what this region has seen, probe samples, the traffic switch.

The promise methods are the transitions of `failover/lease.py` as conditional writes. The rest is this
region's memory between keeper runs (A7): small items, last writer wins, every one safe to lose late.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

from lifeline.lambdas.adapters.lease_table import is_refusal
from lifeline.lambdas.failover.health import Health, Sample
from lifeline.lambdas.failover.keeper_report import KeeperReport
from lifeline.lambdas.failover.lag_report import LagReport
from lifeline.lambdas.failover.lease import Promise
from lifeline.lambdas.failover.plan_runs import Moment, PlanRuns
from lifeline.lambdas.failover.wire import encoded

PROMISE_ID = "failsafe"
TRAFFIC_ID = "traffic"
MEMORY_ID = "keeper-memory"
OWN_HEALTH_ID = "own-health"
PROBE_PREFIX = "probe#"
PLAN_PREFIX = "plan#"
DECISION_PREFIX = "decision#"
MOMENTS = tuple(one.value for one in Moment)
DECISION_ID = "last-decision"
KEEPER_REPORT_ID = "keeper-report"
LAG_REPORT_ID = "lag-report"
DECISION_DAYS = 35
PLAN_DAYS = 400
"""How long the runs of an epoch are kept that never completed: its executions' names are free again after
90 days, and no run lives for more than a year (Step Functions, quotas)."""
_DAY_SECONDS = 86_400
_json = json.JSONEncoder(separators=(",", ":"), default=str).encode
"""`json.dumps` would make an encoder anew for each item."""


class _Items:
    """Reads and conditional writes of a table keyed by `id`; `client` is in the table's region."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def _get(self, name: str) -> dict[str, Any]:
        answer = self._client.get_item(
            TableName=self._table, Key={"id": {"S": name}}, ConsistentRead=True
        )
        item: dict[str, Any] = answer.get("Item", {})
        return item

    def _put(self, name: str, attributes: Mapping[str, Any]) -> None:
        self._client.put_item(TableName=self._table, Item={"id": {"S": name}, **attributes})

    def _update(
        self,
        name: str,
        expression: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> dict[str, Any] | None:
        """The item after the write, or None when the condition refused it."""
        aliases: dict[str, Any] = {} if names is None else {"ExpressionAttributeNames": dict(names)}
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"id": {"S": name}},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeValues=dict(values),
                ReturnValues="ALL_NEW",
                **aliases,
            )
        except ClientError as error:
            if is_refusal(error):
                return None
            raise
        item: dict[str, Any] = answer["Attributes"]
        return item


class RegionStateTable(_Items):
    """One region's state table."""

    def promise(self) -> Promise:
        """What this region has promised; a missing item is the first promise's start."""
        item = self._get(PROMISE_ID)
        return Promise(
            failsafe=int(item.get("failsafe", {"N": "0"})["N"]),
            promoting=int(item.get("promoting", {"N": "0"})["N"]),
            tries=int(item.get("tries", {"N": "0"})["N"]),
            releases=int(item.get("releases", {"N": "0"})["N"]),
            released_epoch=int(item.get("released_epoch", {"N": "0"})["N"]),
            released_at=float(item.get("released_at", {"N": "0"})["N"]),
        )

    def ask_failsafe(self, *, epoch: int) -> bool:
        """`authority.ask_failsafe`, called by the *other* region's keeper. True: bound for ttl + margin."""
        return (
            self._update(
                PROMISE_ID,
                "ADD failsafe :one",
                "attribute_not_exists(promoting) OR promoting <= :epoch",
                {":one": _n(1), ":epoch": _n(epoch)},
            )
            is not None
        )

    def set_out(self, *, epoch: int, failsafe: int) -> int | None:
        """`authority.set_out`, before a take (A2). The number of this try, or None when refused."""
        unchanged = "failsafe = :seen"
        if failsafe == 0:
            unchanged = "(attribute_not_exists(failsafe) OR failsafe = :seen)"
        written = self._update(
            PROMISE_ID,
            "SET promoting = :epoch ADD tries :one",
            f"{unchanged} AND (attribute_not_exists(promoting) OR promoting <= :epoch)",
            {":epoch": _n(epoch), ":seen": _n(failsafe), ":one": _n(1)},
        )
        return None if written is None else int(written["tries"]["N"])

    def clear_promise(self, *, tries: int, lease_epoch: int) -> bool:
        """`authority.clear_promise`, only after the attempt was given up in the lease."""
        return (
            self._update(
                PROMISE_ID,
                "SET promoting = :lease",
                "tries = :tries",
                {":lease": _n(lease_epoch), ":tries": _n(tries)},
            )
            is not None
        )

    def count_release(self, *, epoch: int, now: float) -> bool:
        """`lease.count_release`, right before the plan gives the lease back (A17)."""
        return (
            self._update(
                PROMISE_ID,
                "SET released_epoch = :epoch, released_at = :now ADD releases :one",
                "attribute_not_exists(released_epoch) OR released_epoch < :epoch",
                {":epoch": _n(epoch), ":now": _n(now), ":one": _n(1)},
            )
            is not None
        )

    def forget_releases(self) -> None:
        """`lease.forget_releases`: a plan of this region completed (A17)."""
        self._client.update_item(
            TableName=self._table,
            Key={"id": {"S": PROMISE_ID}},
            UpdateExpression="REMOVE releases, released_at",
        )

    def memory(self) -> dict[str, Any]:
        """What the keepers of this region remember between runs; empty at first."""
        item = self._get(MEMORY_ID)
        found = json.loads(item["body"]["S"]) if "body" in item else {}
        return found if isinstance(found, dict) else {}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Replace the memory."""
        self._put(MEMORY_ID, {"body": {"S": encoded(memory)}})

    def own_health(self) -> dict[str, Any]:
        """What the keepers of this region counted of its own parts (A11); empty at first."""
        item = self._get(OWN_HEALTH_ID)
        found = json.loads(item["body"]["S"]) if "body" in item else {}
        return found if isinstance(found, dict) else {}

    def remember_own_health(self, body: Mapping[str, Any]) -> None:
        """Replace it."""
        self._put(OWN_HEALTH_ID, {"body": {"S": _json(body)}})

    def samples(self, region: str) -> list[Sample]:
        """The last probes of `region`, oldest first."""
        return samples_from_item(self._get(PROBE_PREFIX + region))

    def traffic_epoch(self) -> int:
        """The epoch at which this region's traffic switch was turned on; 0 for never."""
        return int(self._get(TRAFFIC_ID).get("epoch", {"N": "0"})["N"])

    def shift_traffic(self, epoch: int) -> bool:
        """Turn the switch on for `epoch`; False when it already stands at or above it."""
        return (
            self._update(
                TRAFFIC_ID,
                "SET epoch = :epoch",
                "attribute_not_exists(epoch) OR epoch < :epoch",
                {":epoch": _n(epoch)},
            )
            is not None
        )

    def plan_runs(self, epoch: int) -> PlanRuns:
        """The runs of the epoch's plan (A17); a missing item is an epoch without any."""
        return runs_from_item(epoch, self._get(f"{PLAN_PREFIX}{epoch}"))

    def claim_run(self, epoch: int, *, run: int, now: float) -> PlanRuns | None:
        """`plan_runs.claim`: take the next run's number, before its execution is started."""
        newest, expiry = "#run = :before", ""
        values = {":run": _n(run), ":before": _n(run - 1), ":now": _n(now), ":zero": _n(0)}
        if run == 1:
            # A completion takes it away: the holder's own item may never be forgotten.
            newest = "(attribute_not_exists(#run) OR #run = :before)"
            expiry = ", expires_at = :expires"
            values[":expires"] = _n(int(now) + PLAN_DAYS * _DAY_SECONDS)
        written = self._update(
            f"{PLAN_PREFIX}{epoch}",
            f"SET #run = :run, claimed_at = :now, ended_at = :zero{expiry}",
            newest,
            values,
            names={"#run": "run"},
        )
        return None if written is None else runs_from_item(epoch, written)

    def note_run_end(self, epoch: int, *, run: int, now: float) -> bool:
        """`plan_runs.note_end`: the first keeper that sees the newest run closed says when."""
        return (
            self._update(
                f"{PLAN_PREFIX}{epoch}",
                "SET ended_at = :now",
                "#run = :run AND ended_at = :zero",
                {":run": _n(run), ":now": _n(now), ":zero": _n(0)},
                names={"#run": "run"},
            )
            is not None
        )

    def forget_run_end(self, epoch: int, *, run: int) -> bool:
        """`plan_runs.forget_end`."""
        return (
            self._update(
                f"{PLAN_PREFIX}{epoch}",
                "SET ended_at = :zero",
                "#run = :run",
                {":run": _n(run), ":zero": _n(0)},
                names={"#run": "run"},
            )
            is not None
        )

    def complete_run(self, epoch: int, *, run: int) -> bool:
        """`plan_runs.complete`, by the plan's last step; False for a run that no keeper claimed.

        What completed does not expire: a holder whose item is gone would start its plan anew. The releases
        are forgotten first: a step that is repeated because its answer was lost forgets them again.
        """
        self.forget_releases()
        return (
            self._update(
                f"{PLAN_PREFIX}{epoch}",
                f"SET completed = :run REMOVE expires_at, {', '.join(MOMENTS)}",
                "#run >= :run AND (attribute_not_exists(completed) OR completed < :run)",
                {":run": _n(run)},
                names={"#run": "run"},
            )
            is not None
        )

    def note_moment(self, epoch: int, moment: Moment, *, now: float) -> bool:
        """`plan_runs.note_moment`: True for the first to come. `now` is this region's own clock."""
        return (
            self._update(
                f"{PLAN_PREFIX}{epoch}",
                "SET #moment = :now",
                "attribute_not_exists(#moment)",
                {":now": _n(now)},
                names={"#moment": moment.value},
            )
            is not None
        )

    def note_decision(self, word: str, decision: Mapping[str, Any], at: float) -> bool:
        """Keep a decision if it differs from the last one kept; overlapping keepers note it once.

        What is no text is kept as JSON.
        """
        if (
            self._update(
                DECISION_ID,
                "SET word = :word, decided_at = :at",
                "attribute_not_exists(word) OR word <> :word",
                {":word": {"S": word}, ":at": _n(at)},
            )
            is None
        ):
            return False
        body = {
            key: {"S": value if isinstance(value, str) else json.dumps(value, default=str)}
            for key, value in decision.items()
        }
        expires = {"expires_at": _n(int(at) + DECISION_DAYS * _DAY_SECONDS)}
        self._put(f"{DECISION_PREFIX}{int(at * 1000):013d}", {**body, **expires})
        return True

    def note_cycle(self, report: KeeperReport) -> None:
        """Replace what the keeper last said of itself."""
        self._put(KEEPER_REPORT_ID, {"body": {"S": _json(report.to_json())}})

    def keeper_report(self) -> KeeperReport | None:
        """What the region's keeper last said of itself; None: it never did."""
        item = self._get(KEEPER_REPORT_ID)
        return KeeperReport.from_json(json.loads(item["body"]["S"])) if "body" in item else None

    def note_lag(self, report: LagReport) -> None:
        """Replace what the lag meter last measured."""
        self._put(LAG_REPORT_ID, {"body": {"S": _json(report.to_json())}})


class ProbeResults(_Items):
    """Where an observer keeps its samples of one region: one cycle, one sample, whoever runs (A7)."""

    def __init__(self, client: Any, table: str) -> None:
        super().__init__(client, table)
        self._claimed: dict[str, int] = {}
        """By region: the newest cycle that is known to be claimed, by this run or by another."""

    def samples(self, region: str) -> list[Sample]:
        """The last samples of `region`, oldest first."""
        return samples_from_item(self._get(PROBE_PREFIX + region))

    def claim_cycle(self, region: str, cycle: int) -> bool:
        """Overlapping runs share a cycle: the first to claim it probes."""
        if cycle <= self._claimed.get(region, -1):
            return False
        claimed = self._update(
            PROBE_PREFIX + region,
            "SET #cycle = :cycle",
            "attribute_not_exists(#cycle) OR #cycle < :cycle",
            {":cycle": _n(cycle)},
            names={"#cycle": "cycle"},
        )
        # Whatever the answer was: the cycle is somebody's, and the table need not be asked again.
        self._claimed[region] = cycle
        return claimed is not None

    def keep(self, region: str, sample: Sample, window: int) -> None:
        """Append one sample and keep the last `window`; samples of one region have one writer a cycle."""
        kept = [*self.samples(region), sample][-window:]
        body = [{"at": one.at, "health": str(one.health)} for one in kept]
        self._client.update_item(
            TableName=self._table,
            Key={"id": {"S": PROBE_PREFIX + region}},
            UpdateExpression="SET samples = :samples",
            ExpressionAttributeValues={":samples": {"S": json.dumps(body)}},
        )


def runs_from_item(epoch: int, item: Mapping[str, Any]) -> PlanRuns:
    """The runs in a plan's item; an empty one is an epoch without any."""
    zero = {"N": "0"}
    return PlanRuns(
        epoch=epoch,
        run=int(item.get("run", zero)["N"]),
        claimed_at=float(item.get("claimed_at", zero)["N"]),
        ended_at=float(item.get("ended_at", zero)["N"]),
        completed=int(item.get("completed", zero)["N"]),
        accepted_at=float(item.get(Moment.ACCEPTED.value, zero)["N"]),
        asked_again_at=float(item.get(Moment.ASKED_AGAIN.value, zero)["N"]),
        late_since=float(item.get(Moment.LATE.value, zero)["N"]),
    )


def samples_from_item(item: Mapping[str, Any]) -> list[Sample]:
    """The samples kept in a probe item, oldest first; none for an empty item."""
    return list(_samples(item.get("samples", {"S": "[]"})["S"]))


@lru_cache(maxsize=32)
def _samples(raw: str) -> tuple[Sample, ...]:
    """A keeper reads each set of samples several times before the next probe."""
    return tuple(Sample(float(one["at"]), Health(one["health"])) for one in json.loads(raw))


def _n(value: float) -> dict[str, str]:
    return {"N": repr(value)}
