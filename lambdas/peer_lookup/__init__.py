"""Custom resource: generated ids of the other region, looked up once and kept in the own."""
