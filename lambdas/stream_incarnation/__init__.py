"""Custom resource: the incarnation of a stream (rule B2)."""
