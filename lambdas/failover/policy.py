"""The constants of the authority protocol, in one frozen object (PROTOCOL, section A)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """How long and how often. All times in seconds. Source of every default: PROTOCOL A."""

    ttl_seconds: float = 20.0
    """How long a region may serve after the moment before its last renewal was sent (A1)."""
    margin_seconds: float = 10.0
    """Added to ttl before a taker calls the lease expired; holds 1 s of clock error and the
    server-side transaction timeout of 5 s (A1, A7)."""
    loop_seconds: float = 5.0
    call_timeout_seconds: float = 2.0
    probe_cycle_seconds: float = 5.0
    probes_needed: int = 4
    probes_window: int = 6
    veto_rate: float = 0.5
    """Seconds of marker birth per second of clock under which markers no longer 'advance' (A6)."""
    veto_window_seconds: float = 10.0
    veto_lapse_seconds: float = 60.0
    cool_down_seconds: float = 600.0
    max_loss_seconds: float = 60.0
    """The tier's RPO: the loss gate of the automatic decision (A5)."""

    def __post_init__(self) -> None:
        if not 0 < self.probes_needed <= self.probes_window:
            raise ValueError(
                f"probes_needed must lie in 1..probes_window ({self.probes_window}), "
                f"got {self.probes_needed}"
            )
        if self.ttl_seconds <= self.loop_seconds:
            raise ValueError(
                f"ttl_seconds must exceed loop_seconds ({self.loop_seconds}), got {self.ttl_seconds}"
            )

    @property
    def expiry_seconds(self) -> float:
        """How long `renewals` must stand still on the taker's own clock before a take."""
        return self.ttl_seconds + self.margin_seconds
