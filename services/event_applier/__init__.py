"""The processor's image: `apply` derives state from the log, `serve` answers, `migrate` keeps the schema."""
