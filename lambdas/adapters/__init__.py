"""Adapters of the recovery Lambdas: the lease table, the local table, the region's database, HTTP."""
