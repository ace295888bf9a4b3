"""Custom resource: turns on the private links of the log's brokers after the cluster was made."""
