"""One probe cycle: the targets and the control at the same time, then one sample a target (A12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from lifeline.lambdas.adapters.http_json import call
from lifeline.lambdas.failover.health import Health, Sample, judge
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.protocol import PROBE_TIMEOUT_SECONDS
from lifeline.lambdas.failover.serving_seen import RegionAnswer, seen_by_witness


class ResultsPort(Protocol):
    """Where samples are kept."""

    def claim_cycle(self, region: str, cycle: int) -> bool: ...
    def keep(self, region: str, sample: Sample, window: int) -> None: ...


@dataclass(frozen=True)
class Probed:
    """What one cycle saw: the health of each region, and whether any of them serves (A22)."""

    health: Mapping[str, Health]
    serving: bool | None


def ask_region(url: str) -> RegionAnswer:
    """What a region's `/health` says; nothing in time is an answer without health."""
    try:
        answer = call("GET", url, timeout_seconds=PROBE_TIMEOUT_SECONDS)
    except Exception:  # refused, reset, timed out, no such host: it did not answer
        return RegionAnswer()
    return RegionAnswer.of(answer.status, answer.body)


def answers(url: str) -> bool:
    """Whether `url` answers in time, with anything below 500."""
    try:
        return call("GET", url, timeout_seconds=PROBE_TIMEOUT_SECONDS).status < 500
    except Exception:  # as above
        return False


def probe_once(
    *,
    targets: Mapping[str, str],
    control_url: str,
    results: ResultsPort,
    policy: Policy,
    now: float,
    log: Callable[..., None],
) -> Probed | None:
    """Probe every region whose cycle nobody has claimed yet, and keep what was seen; None: all are claimed.

    A region whose base URL is not known is UNKNOWN: nobody has told this observer where it is.
    """
    cycle = int(now // policy.probe_cycle_seconds)
    claimed = [region for region in targets if results.claim_cycle(region, cycle)]
    if not claimed:
        return None
    with ThreadPoolExecutor(max_workers=len(claimed) + 1) as pool:
        control = pool.submit(answers, control_url)
        asked = {
            region: pool.submit(ask_region, f"{targets[region]}/health")
            for region in claimed
            if targets[region]
        }
        seen = {
            region: judge(
                target_answered=asked[region].result().healthy, control_answered=control.result()
            )
            if region in asked
            else Health.UNKNOWN
            for region in claimed
        }
    for region, health in seen.items():
        results.keep(region, Sample(at=now, health=health), policy.probes_window)
    log("probed", **{region: str(health) for region, health in seen.items()})
    told = {
        region: asked[region].result() if health is not Health.UNKNOWN else None
        for region, health in seen.items()
    }
    return Probed(seen, seen_by_witness(targets, told))
