"""What every region stands on: keys, network, functions, the page topic."""
