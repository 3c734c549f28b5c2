"""Steeplechase, the benchmark that decides which gradient to use where there is none: what others import of it.

    from steeplechase import surrogate, positive    # a page of one's own
    from steeplechase import load                   # records as a result set

A name is loaded when it is first asked for: estimators import TensorFlow, and records do not.
"""

import importlib

# Where each name stands. It is looked up and not imported, so that nothing here depends on what is built on it.
_PLACES = {
    "Measure": "tasks.base",
    "Plan": "results.records.plan",
    "Range": "estimators.parameters",
    "RecordError": "steeplechase.errors",
    "ResultSet": "results.records.result_set",
    "StoreError": "steeplechase.errors",
    "Surrogate": "estimators.surrogate",
    "Task": "tasks.base",
    "Unsupported": "steeplechase.errors",
    "UserError": "steeplechase.errors",
    "load": "results.records.reading",
    "not_negative": "estimators.parameters",
    "positive": "estimators.parameters",
    "surrogate": "estimators.surrogate",
}
__all__ = ["__version__", *sorted(_PLACES)]  # noqa: F822 (__getattr__ knows it)


def __getattr__(name: str):
    if name == "__version__":
        from importlib.metadata import version

        return version("steeplechase-gradients")
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'steeplechase' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
