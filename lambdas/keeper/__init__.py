"""The keeper: renews the lease of an active region, and decides whether a standby takes it."""
