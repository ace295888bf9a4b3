"""What a region's keepers remember between runs (A7), as a pure value with its updates.

All times are epoch seconds of this region's own clock. The item is written by overlapping keepers,
last writer wins; every field is safe then: a stale write can only make `unmoved_since` later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lifeline.lambdas.failover.health import Health
from lifeline.lambdas.failover.lag import Applied
from lifeline.lambdas.failover.lease import Lease, Promise
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.protocol import OWN_GAP_SECONDS


class Memory(NamedTuple):
    """`seen` is (epoch, renewals, attempt, failsafe) as last read; `unmoved_since` when first read so.

    `renewed_at` is when epoch or renewals were last seen to change: the active lived then, whatever the
    probes saw of it.
    """

    seen: tuple[int, int, int, int] | None = None
    unmoved_since: float | None = None
    renewed_at: float | None = None
    last_healthy_at: float | None = None
    agreed_unhealthy_since: float | None = None
    health_at: float | None = None
    """When the probes were last looked at: after a gap an agreement begins anew (A20)."""
    applied: tuple[Applied, ...] = ()

    def saw_lease(self, lease: Lease, promise: Promise, now: float) -> Memory:
        """First sight starts the clock; anything that moved, and a pause, start it again.

        `now` is taken after the lease was read. A pause restarts it because an active that cannot
        reach the witness goes on serving for ttl after it last read the pause (A14). Of an epoch that this
        region's own plan gave back nothing tells that another region lived (A5): nobody served at it.
        """
        seen = (lease.epoch, lease.renewals, lease.attempt, promise.failsafe)
        if seen != self.seen or lease.is_paused(now) or self.unmoved_since is None:
            given_back = promise.released_epoch == lease.epoch
            moved = self.seen is not None and seen[:2] != self.seen[:2]
            renewed = moved and not given_back
            renewed_at = now if renewed else self.renewed_at
            return self._replace(seen=seen, unmoved_since=now, renewed_at=renewed_at)
        # From the pause's end, not from the last look at it: this keeper may have slept in between.
        pause_ended = now - (lease.table_now(now) - lease.paused_until)
        return self._replace(unmoved_since=max(self.unmoved_since, pause_ended))

    def saw_health(self, own: Health, witness: Health, now: float) -> Memory:
        """Keep the last moment either observer saw the active HEALTHY, and since when both do not."""
        last, since = self.health_at, None
        if own is Health.UNHEALTHY and witness is Health.UNHEALTHY:
            follows = last is not None and now - last <= OWN_GAP_SECONDS
            since = self.agreed_unhealthy_since if follows else None
            since = now if since is None else since
        healthy = Health.HEALTHY in (own, witness)
        return self._replace(
            health_at=now,
            last_healthy_at=now if healthy else self.last_healthy_at,
            agreed_unhealthy_since=since,
        )

    def saw_applied(self, born: float | None, policy: Policy, now: float) -> Memory:
        """Keep the last window of the newest applied marker (A6)."""
        if born is None:
            return self
        kept = tuple(one for one in self.applied if now - one.at <= 2 * policy.veto_window_seconds)
        return self._replace(applied=(*kept, Applied(now, born)))

    @property
    def alive_at(self) -> float | None:
        """The last moment at which the active may have accepted something; None: no probe saw it well (A5).

        A region whose public path is ill, and whose keeper renews, may still take in what does not pass it.
        """
        if self.last_healthy_at is None or self.renewed_at is None:
            return self.last_healthy_at
        return max(self.last_healthy_at, self.renewed_at)

    def unmoved_seconds(self, now: float) -> float | None:
        """How long lease and promises stood still; None before the first sight."""
        return None if self.unmoved_since is None else max(0.0, now - self.unmoved_since)

    def agreed_unhealthy_seconds(self, now: float) -> float:
        """How long both observers agree that the active is UNHEALTHY; 0 when they do not."""
        since = self.agreed_unhealthy_since
        return 0.0 if since is None else max(0.0, now - since)

    def to_json(self) -> dict[str, Any]:
        """For the region state table."""
        return {
            "seen": self.seen,
            "unmoved_since": self.unmoved_since,
            "renewed_at": self.renewed_at,
            "last_healthy_at": self.last_healthy_at,
            "agreed_unhealthy_since": self.agreed_unhealthy_since,
            "health_at": self.health_at,
            "applied": [(one.at, one.born) for one in self.applied],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Memory:
        """The inverse of `to_json`; an empty mapping is a keeper's first run."""
        seen = body.get("seen")
        return cls(
            seen=None if seen is None else (int(seen[0]), int(seen[1]), int(seen[2]), int(seen[3])),
            unmoved_since=body.get("unmoved_since"),
            renewed_at=body.get("renewed_at"),
            last_healthy_at=body.get("last_healthy_at"),
            agreed_unhealthy_since=body.get("agreed_unhealthy_since"),
            health_at=body.get("health_at"),
            applied=tuple(Applied(float(at), float(born)) for at, born in body.get("applied", [])),
        )
