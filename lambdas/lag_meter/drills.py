"""When this environment was last drilled, from the evidence in the region's bucket."""

from __future__ import annotations

import json
from typing import Any

DRILLS = "drills/"
RECOVERIES = "recover-e"
FIRST_ACTIVATION = "recover-e1.json"
"""Making the home region active for the first time proves no recovery."""
LOOKED_AT = 20
"""The newest drills whose verdict is read: older ones cannot be the newest that passed for long."""
DAY_SECONDS = 86_400


def days_since_drill(s3: Any, bucket: str, now: float) -> float | None:
    """Days since the newest drill that passed or recovery that was completed; None: there was none."""
    times = [
        one["LastModified"].timestamp()
        for one in _objects(s3, bucket, RECOVERIES)
        if one["Key"] != FIRST_ACTIVATION
    ]
    drills = [one for one in _objects(s3, bucket, DRILLS) if one["Key"].endswith("evidence.json")]
    drills.sort(key=lambda one: one["LastModified"], reverse=True)
    for one in drills[:LOOKED_AT]:
        if _passed(s3, bucket, one["Key"]):
            times.append(one["LastModified"].timestamp())
            break
    return max(0.0, now - max(times)) / DAY_SECONDS if times else None


def _objects(s3: Any, bucket: str, prefix: str) -> list[dict[str, Any]]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [one for page in pages for one in page.get("Contents", [])]


def _passed(s3: Any, bucket: str, key: str) -> bool:
    body = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return isinstance(body, dict) and body.get("verdict") == "PASS"
