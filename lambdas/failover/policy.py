"""What an authority decides by, in one frozen object; its defaults are the protocol's constants."""

from __future__ import annotations

from dataclasses import dataclass

from lifeline.lambdas.failover import protocol


@dataclass(frozen=True)
class Policy:
    """How long and how often. All times in seconds. Source of every default: `protocol`."""

    ttl_seconds: float = protocol.LEASE_TTL_SECONDS
    margin_seconds: float = protocol.MARGIN_SECONDS
    loop_seconds: float = protocol.LOOP_SECONDS
    call_timeout_seconds: float = protocol.CALL_TIMEOUT_SECONDS
    probe_cycle_seconds: float = protocol.PROBE_CYCLE_SECONDS
    probes_needed: int = protocol.PROBES_NEEDED
    probes_window: int = protocol.PROBES_WINDOW
    veto_rate: float = protocol.VETO_RATE
    veto_window_seconds: float = protocol.VETO_WINDOW_SECONDS
    veto_lapse_seconds: float = protocol.VETO_LAPSE_SECONDS
    cool_down_seconds: float = protocol.COOL_DOWN_SECONDS
    own_looks: int = protocol.OWN_LOOKS
    own_late_seconds: float = protocol.OWN_LATE_SECONDS
    own_gap_seconds: float = protocol.OWN_GAP_SECONDS
    hand_over_seconds: float = protocol.HAND_OVER_SECONDS
    hold_pages_seconds: float = protocol.HOLD_PAGES_SECONDS
    hold_pages_again_seconds: float = protocol.HOLD_PAGES_AGAIN_SECONDS
    max_loss_seconds: float = 60.0
    """The tier's RPO: the loss gate of the automatic decision (A5)."""
    automatic_hand_over: bool = False
    """Whether a sick active region lets go by itself; else a person is told how (A11)."""

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
    def own_pace_seconds(self) -> float:
        """Two keepers' looks that lie closer together than this count once (A7, A11)."""
        return 0.8 * self.loop_seconds

    @property
    def expiry_seconds(self) -> float:
        """How long `renewals` must stand still on the taker's own clock before a take."""
        return self.ttl_seconds + self.margin_seconds
