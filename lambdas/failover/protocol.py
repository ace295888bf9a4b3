"""The constants of the protocol, each written here only: constructs, functions and services import them.

A test searches the tree for a second home. Source: docs/mechanisms/rules.md, part A, unless it says more.
"""

from __future__ import annotations

LEASE_TTL_SECONDS = 20
"""How long a region may serve after the moment before its last renewal was sent (A1)."""
MARGIN_SECONDS = 10
"""Added to ttl before a taker calls the lease expired; holds 1 s of clock error and the transaction
timeout (A1, A7)."""
TRANSACTION_TIMEOUT_SECONDS = 5
"""The server's own limit for a transaction of an applier (A1)."""
LOOP_SECONDS = 5
CALL_TIMEOUT_SECONDS = 2
PROBE_CYCLE_SECONDS = 5
PROBE_TIMEOUT_SECONDS = 3
PROBES_NEEDED = 4
PROBES_WINDOW = 6
VETO_RATE = 0.5
"""Seconds of marker birth per second of clock under which markers no longer 'advance' (A6)."""
VETO_WINDOW_SECONDS = 10
VETO_LAPSE_SECONDS = 60
COOL_DOWN_SECONDS = 600
OWN_LOOKS = 12
"""So many looks in a row must find a part of the active region ill (A11): 60 s, longer than Aurora usually
takes to fail over within a region (Aurora User Guide, "High availability for Amazon Aurora")."""
OWN_LATE_SECONDS = 15
"""An event applier that did not commit for so long, or markers that stood still, count as ill (A11)."""
OWN_GAP_SECONDS = 30
"""Looks further apart than this do not follow each other (A11, A20)."""
HAND_OVER_SECONDS = 120
"""So long the other region may take what was handed over; then the old holder takes it back (A11)."""
HAND_OVER_REQUEST_SECONDS = 600
"""So long a person's word to hand over counts, as an approval does (A11, D9)."""
HOLD_PAGES_SECONDS = 90
"""A hold that outlives the lease's expiry by so long pages, whatever its word (A19)."""
HOLD_PAGES_AGAIN_SECONDS = 900
"""And again after each of these (A19)."""

TAKEOVER_READY = "TakeoverReady"
"""The metric of readiness: 1 or 0 each cycle, in both regions and the witness; nothing is 0 (A19)."""
SERVING_SEEN = "ServingSeen"
"""The metric of service: 1 while this place sees a region that serves, 0 while it sees none (A22)."""

APPLY_LOCK = 7310001
"""Advisory lock: shared by appliers, exclusive for a change of the epoch (C1)."""
EXTEND_PARTITIONS_LOCK = 7310002
"""Advisory lock of `extend_event_partitions()`, which spells it in SQL."""
MIGRATION_LOCK = 7310003
"""Advisory lock: one `migrate` at a time."""
NO_STANDBY = "none"
"""Instead of the other region's name, where there is none that could become active (ADR 23). A word, as a
variable that is forgotten must not mean it."""
