"""The edge buffer, the bridge, the replicated log, what copies it and what keeps it."""
