"""What an environment costs while it stands: quantities of the assembly, times prices that have a source."""
