"""AWS clients for recovery code: short time-outs, no hidden retries.

A retry inside a client would hide how old an answer is; the loops above retry, with a fresh look.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from lifeline.lambdas.failover.protocol import CALL_TIMEOUT_SECONDS as CALL_TIMEOUT_SECONDS


@cache
def client(service: str, region: str, timeout_seconds: float = CALL_TIMEOUT_SECONDS) -> Any:
    """A cached client of `service` in `region`. Calls raise botocore errors within the time-out."""
    make: Any = boto3.client
    return make(
        service,
        region_name=region,
        config=Config(
            connect_timeout=timeout_seconds,
            read_timeout=timeout_seconds,
            retries={"total_max_attempts": 1},
            tcp_keepalive=True,
        ),
    )
