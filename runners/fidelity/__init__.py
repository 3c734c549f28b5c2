"""How far estimates are from the truth: moments of many independent calls, and what they say."""
