"""The failover plan as a reader of a drill must know it: its steps, what each does, its share of the RTO.

Written down here and not imported: the drill shares no code with what it judges. A test holds the two
against each other.
"""

from __future__ import annotations

STEPS: tuple[tuple[str, int, str], ...] = (
    ("acquire", 0, "reads the lease again"),
    ("assess", 0, "reads how far the standby's database is"),
    ("raise_capacity", 15, "starts more event appliers"),
    ("fence", 15, "locks the old database, if it can be reached"),
    ("start_promotion", 0, "asks for the database's promotion: no way back from here"),
    ("await_database", 120, "waits until the database takes writes"),
    ("cache", 30, "makes the cache writable"),
    ("files", 30, "makes the shared files writable"),
    ("secrets", 30, "makes the administrator's secret its own"),
    ("open_database", 5, "opens the database for the new epoch"),
    ("resume_processing", 20, "waits until events are applied"),
    ("open_api", 5, "waits until the region's API serves"),
    ("verify", 10, "sends an event and reads it back"),
    ("shift_traffic", 60, "moves the traffic"),
    ("record_evidence", 0, "writes down what was done"),
)
"""Name, budget in seconds (0: none of its own), what it does."""

BUDGETS = {name: seconds for name, seconds, _ in STEPS}
DOES = {name: words for name, _, words in STEPS}
