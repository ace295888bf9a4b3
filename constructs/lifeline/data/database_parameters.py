"""What the database's servers are told: TLS only, bounded waits, and logs that hold no patient data."""

from __future__ import annotations

MAX_CONNECTIONS = 500
"""Of one server. Tasks, keepers and bridges hold fewer than fifty; a runaway client must not take the
memory that a promotion needs. AWS's own formula would allow 1,669 at the smallest ceiling of 8 ACUs."""

SECOND_MS = 1_000

CLUSTER_PARAMETERS = {
    "rds.force_ssl": "1",
    "ssl_min_protocol_version": "TLSv1.2",
    "max_connections": str(MAX_CONNECTIONS),
    # Workloads set 5 s themselves (rule A1); this bounds everyone else, migrations included.
    "statement_timeout": str(600 * SECOND_MS),
    "lock_timeout": str(60 * SECOND_MS),
    "idle_in_transaction_session_timeout": str(60 * SECOND_MS),
    # A client that vanished with its region lets go of its locks after 60 + 3 x 10 s.
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "log_connections": "1",
    "log_disconnections": "1",
    "log_min_duration_statement": str(SECOND_MS),
    # Values of rows and parameters come as DETAIL: terse leaves it out, the log stays free of patients.
    "log_error_verbosity": "terse",
}
"""`rds.global_db_rpo` stays at its default: set, it would stop the writer when the standby lags."""

INSTANCE_PARAMETERS = {"log_lock_waits": "1", "log_temp_files": "65536"}
"""Who waited longer than a second, and which query spilled more than 64 MiB to disk."""
