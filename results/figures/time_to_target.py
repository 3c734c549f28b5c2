"""Time to target: which share of the seeds has reached the task's target after so many steps, of every estimator."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from results import wording
from results.analysis import lookup, measures, selection, targets
from results.drawing import layout, style
from results.records.result_set import ResultSet


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """A row a task, a column an optimizer; each estimator at its chosen setting, with 95 % bands.

    Trainings that never reach the target are censored at the end of their budget and stay in view: their curve stays
    below 1.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results.
    """
    results.complete()
    described, settings = results.runs(), selection.chosen_settings(results)
    settings["entry"], bounds = lookup.methods(settings), lookup.bound_methods(results)
    tasks, optimizers = (sorted(settings[key].unique()) for key in ("task_label", "optimizer_label"))
    arrived = targets.reached_by_run(results, settings, lambda account: {"own": account["target"][1]})
    with style.context(columns):
        handles = layout.lines(zip(settings["estimator"], settings["entry"], strict=True), bounds, results.plan)
        figure, panels = layout.grid(tasks, optimizers, list(handles), 1.8, columns, sharey=True)
        wanted = []
        for task, row in zip(tasks, panels, strict=True):
            of_task = settings[settings["task_label"] == task]
            account = described[of_task["run"].iloc[0]]
            name, value = account["target"]
            measure = measures.measure(name, account)
            wanted.append(f"{task}: {measure.label.lower()} {'≥' if measure.better == 'higher' else '≤'} {value:g}")
            for optimizer, axes in zip(optimizers, row, strict=True):
                here = of_task[of_task["optimizer_label"] == optimizer].sort_values("entry")
                axes.set(xlabel="step (updates)", ylim=(-0.04, 1.04))
                if here.empty:
                    layout.note(axes, "not run")
                for one in here.itertuples():
                    found, line = arrived[one.run]["own"], handles[one.entry]
                    steps, share, low, high = found.curve()
                    colour = line.get_color()
                    axes.step(steps, share, where="post", **layout.strokes(line))
                    if layout.is_bound(line):
                        continue
                    axes.fill_between(steps, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
                    marks = np.arange(1, len(steps), max(1, len(steps) // 4))
                    axes.plot(steps[marks], share[marks], linestyle="", **layout.marks(line))
            layout.ylabel(row, f"share of {_unit(settings)}s")
        layout.legend(figure, list(handles.values()), list(handles))
        apart = settings["run"].isin(list(lookup.bounds(results)))
        text = _caption(settings if apart.all() else settings[~apart], wanted)
        beside = settings[apart]
        text += layout.bounds_sentence(beside["replicas"].map(len), beside["draws"])
        layout.caption(figure, text, results)
    return figure


def _unit(settings: pd.DataFrame) -> str:
    return layout.unit(settings["replicas"].map(len), settings["draws"])


def _caption(settings: pd.DataFrame, targets: list[str]) -> str:
    many = wording.units(settings["replicas"].map(len), settings["draws"])
    unit = " A draw has when all of its seeds have." if _unit(settings) == "draw" else ""
    return (
        f"Share of {many} that has reached the target, at the chosen settings, known to "
        "the spacing of the recorded steps; 95 % bands (Kaplan–Meier). Those that never reach it are censored at the "
        f"end.{unit} Targets: {'; '.join(targets)}."
    )
