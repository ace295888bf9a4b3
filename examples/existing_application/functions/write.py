"""Writes a batch of readings in one transaction; a batch that comes again changes nothing."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

from database import connect

INSERT = """
INSERT INTO reading (id, patient, taken_at, code, value)
VALUES (cast(:id AS uuid), :patient, cast(:taken_at AS timestamptz), :code, :value)
ON CONFLICT (id) DO NOTHING
"""
REGION = os.environ["AWS_REGION"]


def handler(event: dict[str, Any], _context: object) -> None:
    """One batch from the stream. Raises what the database raises: the batch comes again."""
    connection = connect()
    try:
        connection.run("BEGIN")
        connection.run("SELECT require_authority(:region)", region=REGION)
        for record in event["Records"]:
            connection.run(INSERT, **json.loads(base64.b64decode(record["kinesis"]["data"])))
        connection.run("COMMIT")
    finally:
        connection.close()
