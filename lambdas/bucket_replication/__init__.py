"""Custom resource: a bucket's replication to the peer's bucket."""
