"""When this environment was last drilled, on AWS and in the lab, from the evidence in the region's bucket."""

from __future__ import annotations

import json
from typing import Any

from lifeline.lambdas.failover.evidence_key import PREFIX, EvidenceKey, evidence_key
from lifeline.lambdas.failover.lag_report import LastDrill

DRILLS, AWS_DRILLS = "drills/", "drills/aws/"
AWS, LAB = "aws", "lab"
"""Where a drill ran. What the lab shows is no promise of AWS, so each is counted by itself."""
RECOVERY = "recovery"
"""The scenario of what was no drill."""
FIRST_EPOCH = 1
"""Making the home region active for the first time proves no recovery."""
LOOKED_AT = 20
"""The newest objects whose body is read: older ones cannot be the newest that counts for long."""
DAY_SECONDS = 86_400


def last_drills(s3: Any, bucket: str) -> dict[str, LastDrill]:
    """By target, the newest drill that passed; a recovery that was completed is one on AWS."""
    keys = list(_objects(s3, bucket, DRILLS))
    on_aws = [one for one in keys if one["Key"].startswith(AWS_DRILLS)]
    in_the_lab = [one for one in keys if not one["Key"].startswith(AWS_DRILLS)]
    found = {
        AWS: [*_newest_recovery(s3, bucket), *_newest_drill(s3, bucket, on_aws, (AWS,))],
        # Evidence before format 3 calls the lab `local`, or names no target.
        LAB: _newest_drill(s3, bucket, in_the_lab, (LAB, "local", "")),
    }
    return {where: max(some, key=lambda one: one.at) for where, some in found.items() if some}


def days_since(drill: LastDrill | None, now: float) -> float | None:
    """Its age in days; None: there was none."""
    return None if drill is None else max(0.0, now - drill.at) / DAY_SECONDS


def _newest_recovery(s3: Any, bucket: str) -> list[LastDrill]:
    """When the newest epoch's first completed run was recorded; a later run of it drills nothing (A17)."""
    found = {evidence_key(one["Key"]): one for one in _objects(s3, bucket, PREFIX)}
    keys = [key for key in found if key is not None and key.epoch > FIRST_EPOCH]
    # The newest epoch first, and of an epoch the first run.
    keys.sort(key=lambda key: (-key.epoch, key.run))
    for key in keys[:LOOKED_AT]:
        if _completed(key, _body(s3, bucket, key.name)):
            # A recovery is a real one: nobody started it to measure, so it has no RTO of its own here.
            return [LastDrill(at=found[key]["LastModified"].timestamp(), scenario=RECOVERY)]
    return []


def _completed(key: EvidenceKey, body: dict[str, Any]) -> bool:
    """The first release's records do not say it: each was written by a run's last step."""
    return body.get("completed", key.run < 0) is True


def _newest_drill(
    s3: Any, bucket: str, objects: list[dict[str, Any]], targets: tuple[str, ...]
) -> list[LastDrill]:
    drills = [one for one in objects if one["Key"].endswith("evidence.json")]
    drills.sort(key=lambda one: one["LastModified"], reverse=True)
    for one in drills[:LOOKED_AT]:
        body = _body(s3, bucket, one["Key"])
        if body.get("verdict") == "PASS" and body.get("target", "") in targets:
            return [
                LastDrill(
                    at=one["LastModified"].timestamp(),
                    target=str(body.get("target", "")),
                    scenario=str(body.get("scenario", "")),
                    rto_seconds=_number(body.get("rto_seconds")),
                    rpo_seconds=_number(body.get("rpo_seconds")),
                )
            ]
    return []


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _objects(s3: Any, bucket: str, prefix: str) -> list[dict[str, Any]]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [one for page in pages for one in page.get("Contents", [])]


def _body(s3: Any, bucket: str, key: str) -> dict[str, Any]:
    """The object's body; empty when it is none of ours."""
    body = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return body if isinstance(body, dict) else {}
