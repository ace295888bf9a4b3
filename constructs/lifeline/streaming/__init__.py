"""The edge buffer, the bridge and the replicated log."""
