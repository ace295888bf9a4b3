"""Adapters of the recovery Lambdas: the lease table, the region state table, the region's database, HTTP."""
