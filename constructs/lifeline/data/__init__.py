"""The stores: global database and its credentials, session cache, shared files, and their backups."""
