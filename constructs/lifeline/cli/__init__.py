"""What an operator may do to the authority: create it, look at it, pause it, approve a loss.

Everything else the system decides by itself. Imports the recovery core and its adapters, nothing above.
"""
