"""What FHIR asks of an Observation beyond its schema: rules that compare one element with another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def broken_rule(event_type: str, version: int, payload: dict[str, Any]) -> str:
    """A sentence without any value out of `payload`, which its schema takes; empty when no rule is broken."""
    if event_type == "ObservationRecordedEvent" and version == 2 and _breaks_obs_7(payload):
        return (
            "payload breaks obs-7: it has a value of its own, and a component with the same code."
        )
    return ""


def _breaks_obs_7(payload: dict[str, Any]) -> bool:
    components = payload.get("component")
    if not components or not any(name.startswith("value") for name in payload):
        return False
    own = list(_codings(payload))
    return any(coding in own for one in components for coding in _codings(one))


def _codings(holder: dict[str, Any]) -> Iterable[dict[str, Any]]:
    codings: list[dict[str, Any]] = holder["code"].get("coding", [])
    return codings
