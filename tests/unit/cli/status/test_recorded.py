"""A recorded look is read back as it was: the documentation's pictures are drawn from it."""

from __future__ import annotations

import json

import pytest

from lifeline.cli.status.facts import Facts, PlanFacts
from lifeline.cli.status.recorded import from_json, to_json
from tests.unit.cli.status.looks import HOME, RECOVERY, SILENT, look, lost

PLAN = PlanFacts(
    name="recover-e2-r1", completed=False, status="running", step="fence", step_since=1.0
)


@pytest.mark.parametrize(
    "facts",
    [
        look(),
        look(plan=PLAN, lease=None),
        look(
            lost(HOME),
            lost(RECOVERY),
            lease=SILENT,
            samples=SILENT,
            plan=SILENT,
            witness_alarms=SILENT,
        ),
    ],
)
def test_a_look_comes_back_as_it_was(facts: Facts) -> None:
    assert from_json(json.loads(json.dumps(to_json(facts)))) == facts
