"""One probe cycle: the targets and the control at the same time, then one sample a target (A12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from lifeline.lambdas.adapters.http_json import call
from lifeline.lambdas.failover.health import Health, Sample, judge
from lifeline.lambdas.failover.policy import Policy
from lifeline.lambdas.failover.protocol import PROBE_TIMEOUT_SECONDS


class ResultsPort(Protocol):
    """Where samples are kept."""

    def claim_cycle(self, region: str, cycle: int) -> bool: ...
    def keep(self, region: str, sample: Sample, window: int) -> None: ...


def answers(url: str, *, healthy_only: bool) -> bool:
    """Whether `url` answers in time: with 200 (`healthy_only`), or with anything below 500."""
    try:
        status = call("GET", url, timeout_seconds=PROBE_TIMEOUT_SECONDS).status
    except Exception:  # refused, reset, timed out, no such host: it did not answer
        return False
    return status == 200 if healthy_only else status < 500


def probe_once(
    *,
    targets: Mapping[str, str],
    control_url: str,
    results: ResultsPort,
    policy: Policy,
    now: float,
    log: Callable[..., None],
) -> dict[str, Health]:
    """Probe every region whose cycle nobody has claimed yet, and keep what was seen.

    A region whose base URL is not known is UNKNOWN: nobody has told this observer where it is.
    """
    cycle = int(now // policy.probe_cycle_seconds)
    claimed = [region for region in targets if results.claim_cycle(region, cycle)]
    if not claimed:
        return {}
    with ThreadPoolExecutor(max_workers=len(claimed) + 1) as pool:
        control = pool.submit(answers, control_url, healthy_only=False)
        asked = {
            region: pool.submit(answers, f"{targets[region]}/health", healthy_only=True)
            for region in claimed
            if targets[region]
        }
        seen = {
            region: judge(target_answered=asked[region].result(), control_answered=control.result())
            if region in asked
            else Health.UNKNOWN
            for region in claimed
        }
    for region, health in seen.items():
        results.keep(region, Sample(at=now, health=health), policy.probes_window)
    log("probed", **{region: str(health) for region, health in seen.items()})
    return seen
