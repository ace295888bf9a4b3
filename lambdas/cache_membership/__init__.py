"""Custom resource: the recovery region's cache leaves the global datastore before it is deleted."""
