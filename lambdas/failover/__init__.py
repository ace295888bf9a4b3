"""The recovery domain: who may be active, when to move, and how. Standard library only, no effects."""
