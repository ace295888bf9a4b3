"""What must hold in every run: safety at each moment, liveness once everything has healed.

Safety is judged where somebody serves (`AuthorityWorld._serves`; no replica answers) and here: epochs only
grow, and nobody takes the lease while a person has paused it (A20). Liveness: a region serves again within a
bound, as a whole, and a person was told while none did.
"""

from __future__ import annotations

from simulator.authority import AuthorityWorld
from simulator.faults import HEALED_SECONDS
from simulator.places import REGIONS

LOOK_SECONDS = 5.0
UNTOLD_SECONDS = 240.0
"""So long no region may be whole without a person being told: detection, a plan's budget, and a
keeper's restart."""
END_SECONDS = 1_800.0


class Watch:
    """Looks at a world every few seconds of its time."""

    def __init__(self, world: AuthorityWorld) -> None:
        self._world = world
        self._epoch = 0
        self._whole = False
        self._stands_since: float | None = None
        self.stuck: list[str] = []
        world.scheduler.at(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        world = self._world
        now = world.scheduler.now
        lease = world.lease
        if lease is not None:
            if lease.epoch < self._epoch:
                world.violate(f"the lease's epoch fell from {self._epoch} to {lease.epoch}")
            self._epoch = max(self._epoch, lease.epoch)
            pause = world.paused
            if pause is not None and now < pause.until and lease.epoch > pause.epoch:
                world.violate(f"{lease.holder} took the lease while a person had paused it")
        self._whole = any(world.whole(region) for region in REGIONS)
        if self._whole:
            self._stands_since = None
        elif self._stands_since is None:
            self._stands_since = now
        elif now - self._stands_since >= UNTOLD_SECONDS and not self._told():
            self._untold()
        world.scheduler.at(now + LOOK_SECONDS, self._look)

    def _told(self) -> bool:
        since = self._stands_since
        return since is not None and any(at >= since for at, _, _ in self._world.pages)

    def _untold(self) -> None:
        said = f"no region was whole for {UNTOLD_SECONDS:.0f} s and nobody was told"
        if said not in self.stuck:
            self.stuck.append(said)
            self._world.say("STUCK", said)

    def judge(self) -> None:
        """At the end of the run: everything has healed for ten minutes."""
        world = self._world
        if not self._whole:
            lease = world.lease
            said = (
                f"no region is whole {END_SECONDS - HEALED_SECONDS:.0f} s after everything healed"
            )
            self.stuck.append(said)
            world.say("STUCK", f"{said}; the lease is {lease}")
