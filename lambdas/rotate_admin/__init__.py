"""Changes the password of the database's administrator, in the four steps of Secrets Manager."""
