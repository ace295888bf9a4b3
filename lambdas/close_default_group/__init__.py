"""Custom resource: the default security group of a VPC, emptied."""
