"""Data sets: found, read, checked, split."""
