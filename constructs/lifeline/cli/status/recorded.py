"""One look as JSON and back: what the pictures of the documentation are drawn from. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from lifeline.cli.status.facts import (
    AlarmFacts,
    Facts,
    LastDecision,
    PlanFacts,
    RegionFacts,
    Unknown,
)
from lifeline.lambdas.failover.health import Health, Sample
from lifeline.lambdas.failover.keeper_report import KeeperReport
from lifeline.lambdas.failover.lag_report import LagReport
from lifeline.lambdas.failover.lease import Lease

UNKNOWN = "unknown_because"


def to_json(facts: Facts) -> dict[str, Any]:
    """Every fact; what was not known keeps its reason."""
    body: dict[str, Any] = json.loads(json.dumps(_plain(facts), default=str))
    return body


def from_json(body: Mapping[str, Any]) -> Facts:
    """The inverse. Raises KeyError or TypeError for what is no recorded look."""
    return Facts(
        **{
            **body,
            "lease": _read(body["lease"], _lease),
            "samples": _read(body["samples"], _samples),
            "regions": tuple(_region(one) for one in body["regions"]),
            "witness_alarms": _read(body["witness_alarms"], _alarms),
            "plan": _read(body["plan"], lambda one: PlanFacts(**one)),
        }
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Unknown):
        return {UNKNOWN: value.why}
    if isinstance(value, Lease):
        return {**value.__dict__, "unfit": sorted(value.unfit), "health": dict(value.health)}
    if isinstance(value, Facts | RegionFacts):
        return {name: _plain(one) for name, one in value.__dict__.items()}
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value


def _read(body: Any, read: Callable[[Any], Any]) -> Any:
    if body is None:
        return None
    if isinstance(body, Mapping) and set(body) == {UNKNOWN}:
        return Unknown(body[UNKNOWN])
    return read(body)


def _lease(body: Mapping[str, Any]) -> Lease:
    health = MappingProxyType(dict(body["health"]))
    return Lease(**{**body, "unfit": frozenset(body["unfit"]), "health": health})


def _samples(body: Mapping[str, Any]) -> dict[str, tuple[Sample, ...]]:
    return {
        region: tuple(Sample(one["at"], Health(one["health"])) for one in samples)
        for region, samples in body.items()
    }


def _alarms(body: Mapping[str, Any]) -> AlarmFacts:
    return AlarmFacts(deployed=body["deployed"], firing=tuple(body["firing"]))


def _region(body: Mapping[str, Any]) -> RegionFacts:
    return RegionFacts(
        region=body["region"],
        now=body["now"],
        keeper=_read(body["keeper"], KeeperReport.from_json),
        lag=_read(body["lag"], LagReport.from_json),
        decision=_read(body["decision"], lambda one: LastDecision(**one)),
        traffic_epoch=_read(body["traffic_epoch"], int),
        api=_read(body["api"], int),
        alarms=_read(body["alarms"], _alarms),
    )
