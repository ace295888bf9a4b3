"""The path world: from the edge through stream, bridge, log and its copy to the database of both regions."""
