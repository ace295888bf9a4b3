"""Was a value out of the cache served that was kept before the loss?

Before the fault a patient is read until the answer comes out of the cache. After the recovery the same
patient is read from who serves then. A look of our own counts the entries of earlier epochs in the survivor's
cache: without them nothing could have been served, and the run has shown nothing.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from valkey import Valkey
from valkey.exceptions import ValkeyError

from drill.edge_api import Address, EdgeApi

BEFORE_SECONDS = 5.0
AFTER_READS = 20
ENTRY = re.compile(rb"L1 (\d{20}) ")
"""How an entry of the query API begins: its format and its epoch."""


@dataclass(frozen=True)
class CachedReads:
    """`kept_epoch`: of the answer out of the cache before the fault. `entries`: how many of each epoch lie in
    the survivor's cache before the first read there. `answers`: (epoch, cached) of each read, in order."""

    kept_epoch: int
    entries: Mapping[int, int] = field(default_factory=dict)
    answers: tuple[tuple[int, bool], ...] = ()

    @property
    def shown(self) -> bool:
        """Whether older entries were there to be served, and the region that serves was asked."""
        return bool(self.answers) and any(one <= self.kept_epoch for one in self.entries)

    @property
    def none_older(self) -> bool:
        """Whether no answer was of an epoch that was over, and the first one came from the database."""
        return not self.answers[0][1] and all(one > self.kept_epoch for one, _ in self.answers)

    def as_evidence(self) -> dict[str, Any]:
        """Its part of the evidence."""
        return {
            "kept_epoch": self.kept_epoch,
            "entries": [{"epoch": one, "count": n} for one, n in sorted(self.entries.items())],
            "answers": [{"epoch": one, "cached": cached} for one, cached in self.answers],
        }


def read_before(
    address: Address, patient: str, clock: Callable[[], float] = time.monotonic
) -> CachedReads | None:
    """Read until an answer came out of the cache; None when none did in time."""
    api, deadline = EdgeApi(address), clock() + BEFORE_SECONDS
    try:
        while clock() < deadline:
            body = api.vital_signs(patient).body
            if body.get("cached") and body["vitalSigns"]:
                return CachedReads(int(body["epoch"]))
            time.sleep(0.05)
    finally:
        api.close()
    return None


def read_after(kept: CachedReads, address: Address, patient: str, cache_port: int) -> CachedReads:
    """The survivor's entries, then its answers."""
    entries = entries_by_epoch(cache_port)
    api = EdgeApi(address)
    try:
        found = [api.vital_signs(patient) for _ in range(AFTER_READS)]
    finally:
        api.close()
    answers = tuple(
        (int(one.body["epoch"]), bool(one.body["cached"])) for one in found if one.status == 200
    )
    return CachedReads(kept.kept_epoch, entries, answers)


def entries_by_epoch(port: int) -> dict[int, int]:
    """How many entries of each epoch a cache holds; none when it does not answer."""
    found: Counter[int] = Counter()
    try:
        with Valkey(
            host="127.0.0.1", port=port, socket_timeout=2, socket_connect_timeout=2
        ) as cache:
            for name in cache.scan_iter(count=1_000):
                head = ENTRY.match(cache.getrange(name, 0, 23) or b"")
                if head:
                    found[int(head[1])] += 1
    except ValkeyError:
        return {}
    return dict(found)
