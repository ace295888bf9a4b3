"""Custom resource: the addresses of the log's brokers."""
