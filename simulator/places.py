"""Where things are in a world, and what they are called."""

from __future__ import annotations

HOME, RECOVERY, WITNESS = "ca-central-1", "ca-west-1", "us-east-2"
REGIONS = (HOME, RECOVERY)
PLACES = (HOME, RECOVERY, WITNESS)
LEASE_TABLE, STATE_TABLE = "lease-sim", "region-state-sim"
ACCOUNT = "111111111111"


def peer(region: str) -> str:
    """The other of the two regions."""
    return RECOVERY if region == HOME else HOME


def cluster_arn(region: str) -> str:
    """The region's member of the global database."""
    return f"arn:aws:rds:{region}:{ACCOUNT}:cluster:database"


def state_machine_arn(region: str) -> str:
    """The region's plan."""
    return f"arn:aws:states:{region}:{ACCOUNT}:stateMachine:failover"
