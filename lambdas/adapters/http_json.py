"""Bounded HTTP calls to the region's own services and public paths."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple

MAX_ANSWER_BYTES = 4 * 1024 * 1024


class Answer(NamedTuple):
    """A status and a JSON body ({} when there is none or it is not an object)."""

    status: int
    body: dict[str, Any]


def call(
    method: str,
    url: str,
    *,
    timeout_seconds: float,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request. HTTP errors are answers; anything else (refused, timed out) raises OSError."""
    if not url.startswith(("http://", "https://")):
        raise OSError(f"the URL must start with http:// or https://, got {url!r}")
    request = urllib.request.Request(url, data=body, method=method, headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=timeout_seconds) as response:
            return Answer(response.status, _json(response.read(MAX_ANSWER_BYTES)))
    except urllib.error.HTTPError as error:
        return Answer(error.code, _json(error.read(MAX_ANSWER_BYTES)))


def get(url: str, *, timeout_seconds: float) -> dict[str, Any]:
    """The body of a GET. Raises OSError for any answer but 200, and when there is none."""
    answer = call("GET", url, timeout_seconds=timeout_seconds)
    if answer.status != 200:
        raise OSError(f"{url} answered {answer.status}")
    return answer.body


def _json(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
