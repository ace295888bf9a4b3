"""Custom resource: a bucket that is emptied before it is deleted."""
