"""Who is active and how that changes: keeper, probe, plan, evidence."""
