"""From one shard of the region's stream to the region's log: validate, route, write, then mark (B6)."""
