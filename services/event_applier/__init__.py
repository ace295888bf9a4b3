"""The event applier: `apply` derives state from the log, `migrate` keeps the schema."""
