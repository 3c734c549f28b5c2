"""Steeplechase, the benchmark that decides which gradient to use where there is none: what others import of it.

    from steeplechase import surrogate, positive    # a page of one's own
    import steeplechase as sc
    found = sc.sweep(task="sign_fitting", estimator=["ste", "tanh_slope"], seed=range(8))
    found.summary()                                 # or .verdicts(), .figure("convergence"), .rows
    sc.load(plan="control")                         # what commands have recorded
    sc.estimators["tanh_slope"].slope(x)            # any slope; .hard(x) is the operation

A name is loaded when it is first asked for: estimators import TensorFlow, and records do not.
"""

import importlib

# Where each name stands, and what it is called there. It is looked up and not imported, so that nothing here depends on
# what is built on it.
_PLACES = {
    "Draw": "tasks.base:Draw",
    "Expectation": "estimators.expectation:Expectation",
    "Law": "estimators.laws:Law",
    "Measure": "tasks.base:Measure",
    "Plan": "results.records.plan:Plan",
    "Range": "estimators.parameters:Range",
    "RecordError": "steeplechase.errors:RecordError",
    "ResultSet": "results.public:ResultSet",
    "Sampled": "estimators.sampled:Sampled",
    "Site": "estimators.laws:Site",
    "StepSize": "estimators.step_size:StepSize",
    "StoreError": "steeplechase.errors:StoreError",
    "Surrogate": "estimators.surrogate:Surrogate",
    "SweepFailed": "runners.api:SweepFailed",
    "Task": "tasks.base:Task",
    "Unsupported": "steeplechase.errors:Unsupported",
    "UserError": "steeplechase.errors:UserError",
    "estimators": "estimators:registry",
    "expectation": "estimators.expectation:expectation",
    "keras": "steeplechase.keras",
    "load": "runners.api:load",
    "load_data": "tasks.data.sets:load",
    "not_negative": "estimators.parameters:not_negative",
    "plan": "runners.api:plan",
    "positive": "estimators.parameters:positive",
    "sampled": "estimators.sampled:sampled",
    "surrogate": "estimators.surrogate:surrogate",
    "sweep": "runners.api:sweep",
    "trace": "runners.api:trace",
}
__all__ = ["__version__", *sorted(_PLACES)]  # noqa: F822 (__getattr__ knows it)


def __getattr__(name: str):
    if name == "__version__":
        from importlib.metadata import version

        return version("steeplechase-gradients")
    if name in _PLACES:
        module, _, own = _PLACES[name].partition(":")
        place = importlib.import_module(module)
        return getattr(place, own) if own else place
    raise AttributeError(f"module 'steeplechase' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
