"""Custom resource: empties a backup vault before it is deleted."""
