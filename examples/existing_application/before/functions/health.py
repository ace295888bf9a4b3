"""Is this region well? The edges' `GET /health`."""

from __future__ import annotations

import json
import os
from typing import Any

from database import connect

REGION = os.environ["AWS_REGION"]


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """200 while the database answers; else the gateway's 502."""
    connection = connect()
    try:
        connection.run("SELECT 1")
    finally:
        connection.close()
    return {"statusCode": 200, "body": json.dumps({"region": REGION})}
