"""The derived state: the Aurora PostgreSQL global database."""
