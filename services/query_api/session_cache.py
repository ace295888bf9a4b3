"""What the query API keeps in the region's cache, and what of it counts (ADR 29).

Whoever asks has passed the guard, and gives the epoch that this region serves at (A1). An entry of another
epoch is a miss, and so is whatever else the cache says.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3

from lifeline.lambdas.certificates.cache_tls import client_for, signed_in
from lifeline.lambdas.contracts.cache import CachePlace
from lifeline.lambdas.failover.clock import SYSTEM_CLOCK, Clock
from lifeline.services.query_api.cache_client import ANSWER_SECONDS, CacheClient
from lifeline.services.query_api.cache_entry import Kind, Seal, Unusable
from lifeline.services.shared.brief_calls import BRIEF
from lifeline.services.shared.log_lines import say
from lifeline.services.shared.metric_lines import say_metric

TELL_SECONDS = 60.0
HIT, MISS = "hit", "miss"
FIGURES = {
    HIT: "CacheHits",
    MISS: "CacheMisses",
    Unusable.STALE: "CacheStale",
    Unusable.UNREADABLE: "CacheUnreadable",
}
"""The metric of each outcome of a read."""
BREAKER = "CacheBreakerOpen"


class SessionCache:
    """Sealed entries behind a client that never holds anybody up. Thread-safe.

    `seal` answers None as long as there is none; then nothing is read or written.
    """

    def __init__(self, client: CacheClient, seal: Callable[[], Seal | None]) -> None:
        self._client, self._seal = client, seal
        self._lock = threading.Lock()
        self._outcomes: Counter[str] = Counter()

    def read(self, kind: Kind, what: str, epoch: int) -> bytes | None:
        """The content that was written at this epoch; None: a miss."""
        found, seal = None, self._seal()
        if seal is not None:
            name = seal.name(kind, what)
            entry = self._client.get(name)
            found = None if entry is None else seal.opened(name, epoch, entry)
        with self._lock:
            self._outcomes[_outcome(found)] += 1
        return found if isinstance(found, bytes) else None

    def write(self, kind: Kind, what: str, epoch: int, content: bytes, seconds: int) -> None:
        """Soon, or never. Only for a region that serves at `epoch`."""
        seal = self._seal()
        if seal is not None:
            name = seal.name(kind, what)
            self._client.put(name, seal.sealed(name, epoch, content), seconds)

    def outcomes(self) -> Counter[str]:
        """Reads by their outcome since the last time, which begins anew."""
        with self._lock:
            told, self._outcomes = self._outcomes, Counter()
        return told

    def tell(self, suffix: str) -> None:
        """The metrics of the time since the last ones."""
        told = self.outcomes()
        for outcome, metric in FIGURES.items():
            say_metric(metric, told[outcome], suffix)
        say_metric(BREAKER, int(self._client.is_open), suffix)
        if self._client.failures:
            say("cache failures since the start", failures=dict(self._client.failures))


def keep_telling(
    cache: SessionCache, suffix: str, stopping: threading.Event, clock: Clock = SYSTEM_CLOCK
) -> None:
    """A thread's loop, once a minute."""
    while not stopping.is_set():
        clock.wait(stopping, TELL_SECONDS)
        cache.tell(suffix)


class SealedConnection:
    """Makes the cache's clients in the cache's own thread, and has the seal once the secret was read.

    No secret, or one that is too short, is a cache that does not answer, and holds up nothing else (D10).
    """

    def __init__(self, place: CachePlace, secret_name: str, region: str) -> None:
        self._place, self._secret_name, self._region = place, secret_name, region
        self.seal: Seal | None = None

    def made(self) -> Any:
        """Raises what Secrets Manager, SSM and the cache raise; ValueError for a secret that is none."""
        if self.seal is None:
            secrets: Any = boto3.client("secretsmanager", region_name=self._region, config=BRIEF)
            found = secrets.get_secret_value(SecretId=self._secret_name)
            self.seal = Seal(str(found["SecretString"]))
        return _connected(self._place, self._region)


def session_cache(place: CachePlace, secret_name: str, region: str) -> SessionCache | None:
    """The region's cache; None where there is none, or no secret to seal with."""
    if not place.group or not secret_name:
        return None
    connection = SealedConnection(place, secret_name, region)
    return SessionCache(CacheClient(connection.made), lambda: connection.seal)


def _connected(place: CachePlace, region: str) -> Any:
    """Looked up and signed in anew each time: the recovery region's member is made after this service."""
    hosts = place.hosts
    if not hosts:
        ssm: Any = boto3.client("ssm", region_name=region, config=BRIEF)
        hosts = str(ssm.get_parameter(Name=place.hosts_parameter)["Parameter"]["Value"])
    how = signed_in(place.group, place.user, region) if place.auth == "iam" else {}
    return client_for(hosts, place.port, seconds=ANSWER_SECONDS, **how)


def _outcome(found: bytes | Unusable | None) -> str:
    if found is None:
        return MISS
    return found if isinstance(found, Unusable) else HIT
