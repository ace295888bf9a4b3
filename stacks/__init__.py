"""Thin wiring: one stack a file. What is reusable lives in `lifeline`."""
