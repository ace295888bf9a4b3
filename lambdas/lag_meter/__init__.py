"""The lag meter: how old is what has arrived here, of each store; a number that is not known is not said."""
