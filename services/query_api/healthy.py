"""`healthy`: the container's health check. Exit status 0 when the query API beside it answers.

It asks nothing about databases or logs: a standby waits for both, and a task that is stopped for that
only waits again.
"""

from __future__ import annotations

import http.client

from lifeline.lambdas.contracts.query_api import QueryApiHealth

TIMEOUT_SECONDS = 3.0


def main() -> int:
    """0: alive."""
    return 0 if answers(QueryApiHealth.from_env().query_api_port) else 1


def answers(port: int) -> bool:
    """Whether `/health` is answered at all; 503 is an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status in (200, 503)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
