"""The shipped code on a virtual clock: one thread, one seed, one trace (E4, E5)."""
