"""The steps of the recovery plan. Each looks before it acts, and may be run any number of times."""
