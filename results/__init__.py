"""What was found: records, the tables made of them and the figures drawn from them. No TensorFlow anywhere in here."""

import importlib

# Looked up and not imported: whoever records imports this package, and no figure is part of what made a record.
_PLACES = {"Plan": "results.records.plan", "ResultSet": "results.public", "load": "results.public"}


def __getattr__(name: str):
    """`load`, `Plan` and `ResultSet` on demand: they import pandas, and a command that only prints help has no need."""
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'results' has no attribute '{name}'")
