"""A made-up but complete evidence body, for tests of sealing and of the page."""

from __future__ import annotations

import math
from typing import Any

from drill import evidence
from drill.platform_records import instant_text
from drill.run_summary import EVENT_COUNTS

START = 1_763_700_000.0
FAULT = START + 60
STEPS = (
    ("acquire", 36, 36.4),
    ("assess", 36.4, 37.0),
    ("raise_capacity", 37, 39.5),
    ("fence", 37, 40.1),
    ("start_promotion", 40.1, 40.9),
    ("await_database", 40.9, 43.0),
    ("cache", 40.9, 41.6),
    ("files", 40.9, 41.5),
    ("secrets", 40.9, 41.4),
    ("open_database", 43.0, 43.6),
    ("resume_processing", 43.6, 46.2),
    ("open_api", 46.2, 47.0),
    ("verify", 47.0, 48.4),
    ("shift_traffic", 48.4, 48.6),
    ("record_evidence", 48.6, 49.0),
)


MET = dict.fromkeys(
    ("no_accepted_event_lost", "recovered_in_time", "epochs_as_expected", "edges_healthy", "events_flowed",
     "every_event_answered", "some_events_were_called_safe", "what_was_called_safe_is_in_the_other_log",
     "nothing_unexpected", "order_kept", "fault_had_an_effect", "every_step_done", "clients_were_served"),
    True,
)  # fmt: skip


def body(**changes: Any) -> dict[str, Any]:
    """Evidence of a region-loss that passed; `changes` replace fields."""
    made: dict[str, Any] = {
        "id": "20261121T050000Z-region-loss",
        "scenario": "region-loss",
        "target": "lab",
        "profile": "dev",
        "home": "ca-central-1",
        "standby": "ca-west-1",
        "witness": "us-east-2",
        "verdict": "PASS",
        "started_at": instant_text(START),
        "ended_at": instant_text(START + 125),
        "fault_at": instant_text(FAULT),
        "survivor": "ca-west-1",
        "load": {
            "events_per_second": 1667.0,
            "before_seconds": 60.0,
            "seed": 1,
            "edges": 2,
            "monitors": 822,
            "killed_processors": 0,
            "bad_events": False,
        },
        "timeline": [
            {
                "step": name,
                "started_at": instant_text(FAULT + begun),
                "ended_at": instant_text(FAULT + ended),
                "outcome": "done",
                "detail": "",
            }
            for name, begun, ended in STEPS
        ],
        "rto_seconds": 51.2,
        "rpo_seconds": 1.4,
        "rto_target_seconds": 300.0,
        "rpo_target_seconds": 60.0,
        "rto_limit_seconds": 120.0,
        "targets": {"rto_seconds": 300.0, "rpo_seconds": 60.0},
        "events": {name: 0 for name in EVENT_COUNTS}
        | {
            "sent": 191_210,
            "accepted": 191_210,
            "stored": 191_210,
            "ok": 188_001,
            "recovered": 3_209,
            "safe": 187_400,
        },
        "availability": {
            "tries": 74,
            "answered": 74,
            "longest_outage_seconds": 0.0,
            "limit": 0.8,
        },
        "effect": {"measured": True, "how": "GET /health of ca-central-1 had no answer"},
        "exceptions": {},
        "phases": [
            {"phase": "streaming", "at": instant_text(START)},
            {"phase": "broken", "at": instant_text(FAULT)},
            {"phase": "recovered", "at": instant_text(FAULT + 54)},
            {"phase": "checking", "at": instant_text(FAULT + 62)},
        ],
        "order_violations": 0,
        "findings": {
            "lost": [],
            "unexpected": [],
            "not_in_the_log": [],
            "order_violations": [],
            "rejects": [],
        },
        "logs": [
            {
                "log": "ca-west-1",
                "topic": "clinical.observation.recorded",
                "partition": 0,
                "origin": "ca-central-1",
                "incarnation": "1763699000",
                "shard": "shardId-000000000000",
                "events": 93_700,
                "records": 93_712,
                "sha256": "0" * 64,
            }
        ],
        "epochs": [1, 2],
        "epoch_times": [
            {"epoch": 1, "at": instant_text(START)},
            {"epoch": 2, "at": instant_text(FAULT + 35)},
        ],
        "decisions": _decisions(),
        "lag_samples": [
            {"at": START + s, "lag_seconds": 1.2 + 0.4 * math.sin(s) if s < 60 else s - 58.8}
            for s in range(125)
        ],
        "throughput_samples": [_second(s) for s in range(125)],
        "synthetic_tries": [
            {"at": START + s, "green": not 60 <= s < 111, "seconds": 0.4, "detail": ""}
            for s in range(125)
        ],
        "faults": [
            {
                "at": instant_text(FAULT),
                "kind": "killed",
                "target": "ca-central-1",
                "detail": "d" * 400,
            }
        ],
        "objectives_met": MET,
        "controls": evidence.controls("region-loss", "PASS", MET),
        "versions": {"git": "f7162c3", "templates": "ab" * 32, "packages": {"boto3": "1.43.106"}},
        "resources": {"native": {"AWS::S3::Bucket": 4}, "provided": {}, "inert": {}},
        "failures": [],
    }
    return made | changes


def _decisions() -> list[dict[str, Any]]:
    found = []
    for s in range(0, 125, 5):
        if s <= 60:
            found.append(("ca-central-1", s, "renew", "the lease is ours", 1))
        if s < 95:
            reason = "the lease is renewed" if s <= 60 else "the lease has not expired yet"
            found.append(("ca-west-1", s, "hold", reason, 1))
    found.append(("ca-west-1", 95, "take", "expired, both probes UNHEALTHY, 1.4 s at risk", 2))
    return [
        {"at": instant_text(START + s), "region": r, "action": a, "reason": why, "epoch": e}
        for r, s, a, why, e in found
    ]


def _second(s: int) -> dict[str, Any]:
    away = 60 <= s < 105
    return {
        "at": START + s,
        "accepted_per_second": 0 if 60 <= s < 63 else 1667 + 60 * math.sin(s / 3),
        "stored_per_second": None if away else (7000 if 105 <= s < 115 else 1667),
        "latency_p50_seconds": None if away else (20.0 if 105 <= s < 112 else 0.2),
        "latency_p95_seconds": None if away else (44.0 if 105 <= s < 112 else 0.4),
        "unsent": 0,
    }
