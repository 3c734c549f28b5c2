"""What was found: records, the tables made of them and the figures drawn from them. No TensorFlow anywhere in here."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from results.records.plan import Plan as Plan
    from results.records.reading import load as load


def __getattr__(name):
    """`load` and `Plan` on demand: they import pandas, and a command that only asks for help has no use for it."""
    if name == "load":
        from results.records.reading import load

        return load
    if name == "Plan":
        from results.records.plan import Plan

        return Plan
    raise AttributeError(f"module 'results' has no attribute '{name}'")
