"""Custom resource: the replication of the shared files, started once and never restarted by a deploy."""
