"""Proof from the templates that each call has a route and a right, also when a region is lost."""
