"""What was found: records, the tables made of them and the figures drawn from them. No TensorFlow anywhere in here."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from results.public import ResultSet as ResultSet
    from results.public import load as load
    from results.records.plan import Plan as Plan


def __getattr__(name):
    """`load`, `Plan` and `ResultSet` on demand: they import pandas, and a command that only prints help has no need."""
    if name == "load":
        from results.public import load

        return load
    if name == "Plan":
        from results.records.plan import Plan

        return Plan
    if name == "ResultSet":
        from results.public import ResultSet

        return ResultSet
    raise AttributeError(f"module 'results' has no attribute '{name}'")
