"""Preflight: what an environment rests on in its account, asked before the first resource is made."""
