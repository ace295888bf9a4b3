"""One fault tried: what was noticed, how fast, and whether the repair closed it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from holes.checker import Key
from holes.faults import Lost, Place, names
from holes.world import World
from lifeline.cli.failure import Failure

DETECTION_SECONDS = 10.0
"""From the first readable record past the hole."""
WATCH_SECONDS = 8.0
"""Longer than a reader keeps a young hole to itself."""
READABLE_SECONDS = 90.0
"""A replicator that is started again copies after ten to thirty seconds."""
RECOVERY_SECONDS = 30.0
"""A harmless fault may hold up the watermark for so long."""


@dataclass
class Tried:
    """`seconds`: until the hole was named, or until the watermark passed a harmless fault."""

    fault: str
    kind: str
    detected: bool = False
    named: bool = False
    seconds: float | None = None
    watermark_passed: bool = False
    thawed: bool | None = None
    repair_seconds: float | None = None
    said: list[str] = field(default_factory=list)

    def good(self) -> bool:
        """Whether it is as promised."""
        if self.watermark_passed or self.seconds is None:
            return False
        if self.kind == "hole":
            fast = self.seconds <= DETECTION_SECONDS
            return self.detected and self.named and fast and self.thawed is True
        return not self.detected and self.seconds <= RECOVERY_SECONDS

    def told(self) -> dict[str, Any]:
        return asdict(self) | {"good": self.good()}


def try_hole(world: World, fault: str, broken: Callable[[World], Lost]) -> Tried:
    """Break it, wait until it is named, repair it."""
    tried = Tried(fault, "hole")
    passed, trouble = set(world.passed), len(world.trouble)
    lost = broken(world)
    if not lost.keys:
        tried.said.append("the fault took nothing: it was no fault")
        return tried
    # The first that was lost of each shard in each partition: where its hole begins.
    firsts: dict[tuple[str, Place], Key] = {}
    for key, place in sorted(lost.keys.items()):
        firsts.setdefault((key[0], place), key)
    waits = [_named_after(world, key, place, lost.since) for (_, place), key in firsts.items()]
    tried.detected = bool(world.watermark()["holes"])
    tried.named = None not in waits
    tried.seconds = max((one for one in waits if one is not None), default=None)
    here = set(lost.keys) if not lost.uncounted else set()
    tried.watermark_passed = bool((world.passed | _passed(world)) - passed)
    marked = world.mark()
    try:
        tried.repair_seconds = world.repair()
    except (Failure, RuntimeError) as error:
        tried.said.append(f"{type(error).__name__}: {error}"[:400])
    tried.thawed = (
        world.safe_until(marked, RECOVERY_SECONDS) is not None
        and not here & world.checker.lacks()
        and not world.watermark()["holes"]
    )
    tried.watermark_passed |= bool((world.passed | _passed(world)) - passed)
    tried.said += world.trouble[trouble:][:3]
    return tried


def try_harmless(world: World, fault: str, broken: Callable[[World], Lost]) -> Tried:
    """Break it; nothing may be named, and the watermark goes on."""
    tried = Tried(fault, "harmless")
    passed, told, trouble = set(world.passed), set(world.told), len(world.trouble)
    broken(world)
    tried.seconds = world.safe_until(world.mark(), RECOVERY_SECONDS)
    time.sleep(WATCH_SECONDS)
    tried.detected = bool(world.told - told)
    tried.watermark_passed = bool((world.passed | _passed(world)) - passed)
    tried.said += world.trouble[trouble:][:3]
    return tried


def _passed(world: World) -> set[Key]:
    return world.checker.passed(world.watermark()["entries"])


def _named_after(world: World, key: Key, place: Place, since: float) -> float | None:
    """Seconds from the first readable record past `key` until a hole with it is named; None: not in time."""
    began = time.monotonic()
    readable: float | None = None
    while True:
        now = time.monotonic()
        readable = readable or world.checker.first_past(place, key, since)
        if names(world.watermark()["holes"], key, place):
            return max(0.0, now - (readable or now))
        if readable is not None and now - readable > DETECTION_SECONDS:
            return None
        if readable is None and now - began > READABLE_SECONDS:
            return None
        time.sleep(0.1)
