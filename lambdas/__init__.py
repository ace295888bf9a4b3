"""The code of the functions: a package a function, beside what they share (failover, adapters)."""
