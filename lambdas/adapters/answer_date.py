"""When a service gave an answer, by the service's own clock (A20)."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any


def answered_at(answer: Mapping[str, Any]) -> float | None:
    """Epoch seconds from the header `Date`, in whole seconds; None where there is none.

    Source: Amazon DynamoDB Developer Guide, "DynamoDB low-level API" (response format).
    """
    said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if said is None:
        return None
    try:
        return parsedate_to_datetime(said).timestamp()
    except (TypeError, ValueError):
        return None
