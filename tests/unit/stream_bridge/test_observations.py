"""Version 2 of ObservationRecordedEvent takes the FHIR R4 Observation as FHIR defines it, and no less."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lifeline.lambdas.stream_bridge.validation import Accepted, Rejected, judge
from tests.support.bedside_observations import BROKEN, SHAPES
from tests.unit.stream_bridge.test_validation import ARRIVED, SCHEMAS, event


def judged(payload: dict[str, Any], version: int = 2) -> Accepted | Rejected:
    raw = json.dumps(event(version=version, payload=payload)).encode()
    return judge(raw, ARRIVED, SCHEMAS)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_of_the_published_examples_is_taken(shape: str) -> None:
    taken = Accepted("clinical.observation.recorded", "patient-1")
    assert judged(SHAPES[shape]) == taken


@pytest.mark.parametrize("kind", BROKEN)
def test_what_fhir_refuses_is_refused(kind: str) -> None:
    found = judged(BROKEN[kind])
    assert isinstance(found, Rejected)
    assert (found.reason, found.detail.startswith("payload")) == ("schema", True)


def test_obs_7_is_said_in_words() -> None:
    found = judged(BROKEN["obs-7"])
    assert isinstance(found, Rejected)
    assert "obs-7" in found.detail


def test_version_1_stays_as_it_was_released() -> None:
    assert isinstance(judged(event()["payload"], version=1), Accepted)
    assert isinstance(judged(SHAPES["blood pressure panel"], version=1), Rejected)


def test_each_choice_of_a_value_is_among_the_shapes() -> None:
    names = {name for shape in SHAPES.values() for name in shape if name.startswith("value")}
    assert len(names) == 11
