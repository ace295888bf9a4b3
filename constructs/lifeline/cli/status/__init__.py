"""`lifeline status`: facts are gathered, judged to a screen without any effect, and drawn or told as JSON."""
