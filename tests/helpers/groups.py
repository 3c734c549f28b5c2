"""Groups of a comparison, made of arrays: what thousands of simulated experiments are decided on."""

import numpy as np

from results.analysis.comparison import Group
from results.analysis.estimand import Estimand
from results.analysis.measures import Measure

ACCURACY = Measure("test_accuracy", "Test accuracy", "share", "higher", (0.0, 1.0))
LOSS = Measure("test_loss", "Test loss", "", "lower")


def group(
    chosen_by,
    reported=None,
    failed=None,
    *,
    measure: Measure = ACCURACY,
    task: str = "task",
    optimizer: str = "adam",
    can_fail: bool | None = False,
    estimand: Estimand | None = None,
    controls: tuple[bool, ...] | None = None,
) -> Group:
    """A group of these arrays, one a method, [settings, seeds] each.

    Args:
        chosen_by: what settings are chosen by.
        reported: what is reported; None: the same.
        failed: which trainings missed the target; None: none.
        measure: that both are of.
        task: its name, and as it is printed.
        optimizer: as it is printed.
        can_fail: what the task says.
        estimand: what the seeds draw; None: instances.
        controls: which methods are; None: none.
    """
    reported = chosen_by if reported is None else reported
    methods = tuple(f"method_{m}" for m in range(len(chosen_by)))
    nothing = tuple(np.zeros(np.shape(values), bool) for values in chosen_by)
    counts = [np.shape(values)[0] for values in chosen_by]
    return Group(
        task=task,
        task_label=task,
        optimizer=optimizer,
        selects=measure,
        reports=measure,
        methods=methods,
        names=methods,
        controls=controls or (False,) * len(methods),
        seeds=tuple(range(np.shape(chosen_by[0])[1])),
        settings=tuple(tuple(f"rate {k}" for k in range(count)) for count in counts),
        rates=tuple(tuple(map(float, range(count))) for count in counts),
        chosen_by=tuple(map(np.asarray, chosen_by)),
        reported=tuple(map(np.asarray, reported)),
        diverged=nothing,
        failed=nothing if failed is None else tuple(map(np.asarray, failed)),
        can_fail=can_fail,
        estimand=estimand or Estimand("instance", None, 0.0),
    )
