"""What the optimizer's next step by each estimate does to the loss, at states of one training."""

from __future__ import annotations

from matplotlib import ticker
from matplotlib.figure import Figure

from results import wording
from results.analysis.fidelity import fidelity
from results.drawing import layout, style
from results.records.result_set import ResultSet
from steeplechase.errors import RecordError


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """A panel a task, over the steps of the training. Below zero the step goes downhill.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results, and where no step was taken.
    """
    found = fidelity(results)
    found = found[found["next_step"].notna()].sort_values("smoothing")
    if found.empty:
        raise RecordError("no step was taken: fidelity.truth=smoothed, noise or population takes them.")
    found = found.drop_duplicates(["plain_label", "estimator", "method", "step"])  # no step knows of the reference
    tasks = list(dict.fromkeys(found["plain_label"]))
    with style.context(columns):
        methods = found[["estimator", "method"]].drop_duplicates().itertuples(index=False, name=None)
        handles = layout.lines(methods, plan=results.plan)
        figure, panels = layout.grid([""], tasks, list(handles), 2.2, columns, sharey=False)
        for task, axes in zip(tasks, panels[0], strict=True):
            for method, curve in found[found["plain_label"] == task].groupby("method", sort=False):
                of = curve.sort_values("step").rename(
                    columns={"next_step": "mean", "next_step_low": "low", "next_step_high": "high"}
                )
                layout.curve(axes, of["step"], of, handles[str(method)])
            axes.axhline(0, color="#808080", linewidth=0.6)
            axes.set_xlabel("step of the training")
            axes.yaxis.set_major_formatter(ticker.PercentFormatter(1.0))
        layout.ylabel(panels[0], "change of the loss")
        layout.legend(figure, list(handles.values()), list(handles))
        seeds = wording.how_many(found["seeds"].unique(), "seed")
        text = (
            "What the optimizer's next step, by the mean of all calls, does to the loss over all that is trained on, "
            f"as a share of it, at states of one training that all share; mean over {seeds} with 95 % t interval."
        )
        layout.caption(figure, text, results)
    return figure
