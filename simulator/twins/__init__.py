"""What stands below the ports: in-memory twins of the services and servers that the shipped code calls.

Each answers what the real one is documented to answer; `tests/integration/simulator` holds them against
real engines.
"""
