"""What event applier and query API share: clients of database and log, the serving guard, log lines."""
