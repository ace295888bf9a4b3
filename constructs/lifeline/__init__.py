"""The reusable library: typed settings, names, capacity, and the constructs the stacks wire together."""
