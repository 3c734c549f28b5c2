"""What was found: records, the tables made of them and the figures drawn from them. No TensorFlow anywhere in here."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from results.store import Plan as Plan
    from results.store import load as load


def __getattr__(name):
    """`load` and `Plan` on demand: they import pandas, and a command that only asks for help has no use for it."""
    if name in ("Plan", "load"):
        from results import store

        return getattr(store, name)
    raise AttributeError(f"module 'results' has no attribute '{name}'")
