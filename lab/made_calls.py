"""Which calls a region's functions and services made to AWS, as the region's fault proxy saw them."""

from __future__ import annotations

import functools
import json
import threading
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import botocore.session

from lab.places import CODES, Places
from lab.waiting import LabError

WATCH: dict[str, Any] = {"service": "*", "latency": 0}
"""A proxy's rule that does nothing to a call but note it. The last one: the first that matches counts."""
KEPT_BY_PROXY = 2000
"""How many calls that matched a rule a proxy remembers (microburst's `fired_capacity`)."""
OTHER_ACTIONS = {
    "s3:HeadObject": "s3:GetObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "lambda:Invoke": "lambda:InvokeFunction",
}
"""Operations that IAM knows under another name than the API (Service Authorization Reference)."""


@dataclass(frozen=True)
class MadeCall:
    """One signed call. `action`: as IAM names it, such as `dynamodb:GetItem`. `at`: epoch seconds."""

    at: float
    caller_region: str
    action: str
    region: str


class CallNotes:
    """What was called from some regions since the first fault: no rule notes calls before it.

    To be read again and again, as a proxy keeps `KEPT_BY_PROXY` calls only. Safe for two threads.
    """

    def __init__(self, places: Places, sources: Sequence[str]) -> None:
        self._places = places
        self._newest = dict.fromkeys(sources, 0.0)
        self._noted: list[tuple[str, dict[str, Any]]] = []
        self._forgotten: set[str] = set()
        self._alone = threading.Lock()

    def read(self) -> None:
        """Take what was noted since the last time. Raises OSError for a proxy that does not answer."""
        with self._alone:
            for source, newest in self._newest.items():
                found = fired(self._places.proxy(CODES[source]), since=newest)
                new = [one for one in found if one["ts"] > newest]
                if len(found) >= KEPT_BY_PROXY and len(new) == len(found):
                    self._forgotten.add(source)
                self._noted += [(source, one) for one in new]
                self._newest[source] = max([newest, *(one["ts"] for one in new)])

    def since(self, moment: float) -> list[MadeCall]:
        """All that was read and is not older than a moment (epoch seconds).

        Unsigned calls are not ours to AWS: they name no region. Raises LabError when a proxy has forgotten
        some, or knows neither service nor operation of one.
        """
        if self._forgotten:
            names = ", ".join(sorted(self._forgotten))
            raise LabError(f"The proxy of {names} forgot calls: it keeps {KEPT_BY_PROXY}.")
        return [
            _call(source, one)
            for source, one in self._noted
            if one["ts"] >= moment and one["region"] is not None
        ]

    def refused(self, operation: str, since: float) -> int:
        """How many calls of that operation, as the API names it, were answered by an error of a rule.

        The proxies themselves forget them within seconds, as every call matches a rule.
        """
        return sum(
            one["operation"] == operation and one["ts"] >= since and "error" in one["action"]
            for _, one in self._noted
        )


def _call(source: str, noted: dict[str, Any]) -> MadeCall:
    if not noted["service"] or not noted["operation"]:
        raise LabError(f"The proxy of {source} does not know what was called at {noted['path']}.")
    action = f"{prefix(noted['service'])}:{noted['operation']}"
    return MadeCall(noted["ts"], source, OTHER_ACTIONS.get(action, action), noted["region"])


def fired(port: int, since: float = 0.0) -> list[dict[str, Any]]:
    """What matched a rule of a proxy since a moment, the oldest first. Raises OSError."""
    where = f"http://127.0.0.1:{port}/_microburst/fired?limit={KEPT_BY_PROXY}&since={since!r}"
    with urllib.request.urlopen(where, timeout=5) as answer:
        told: list[dict[str, Any]] = json.loads(answer.read())
    return told


@functools.cache
def prefix(service: str) -> str:
    """The prefix of a service's actions in IAM: the name that calls to it are signed with."""
    session = botocore.session.get_session()
    metadata = session.get_service_model(service).metadata
    return str(metadata.get("signingName") or metadata["endpointPrefix"])
