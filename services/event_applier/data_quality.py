"""What is odd about a vital sign: pure. A row that fails a check is stored and flagged, never dropped."""

from __future__ import annotations

from collections.abc import Iterator

from lifeline.services.shared.observations import MEASURED, Observation, Quantity
from lifeline.services.shared.vital_signs import vital_signs

NO_VALUE, NO_UNIT, NO_TIME = "no-value", "no-unit", "no-time"
OTHER_UNIT, IMPLAUSIBLE = "other-unit", "implausible"
INCOMPLETE = frozenset({NO_VALUE, NO_UNIT, NO_TIME})


def flags_of(observation: Observation) -> Iterator[tuple[str, str]]:
    """(LOINC code, flag) of each vital sign that is incomplete or not plausible; nothing for other codes."""
    if observation.status not in MEASURED:
        return
    for quantity in observation.quantities:
        if quantity.code in vital_signs():
            if not observation.timed:
                yield quantity.code, NO_TIME
            flag = _flag(quantity)
            if flag:
                yield quantity.code, flag


def _flag(quantity: Quantity) -> str:
    if not quantity.value:
        return NO_VALUE
    if not quantity.ucum:
        return NO_UNIT
    limits = vital_signs()[quantity.code].units.get(quantity.ucum)
    if limits is None:
        return OTHER_UNIT
    # A double judges well enough; what is stored is the text (C8).
    return "" if limits[0] <= float(quantity.value) <= limits[1] else IMPLAUSIBLE
