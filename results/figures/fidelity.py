"""Fidelity: bias against the deviation of one call at equal cost, at each state; or directions over a smoothing."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results import wording
from results.analysis.fidelity import NOISES, SMOOTHED, fidelity
from results.drawing import layout, style
from results.records.result_set import ResultSet

EXACT = 1e-6  # what is drawn of a bias that is smaller: numbers are single


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """A row a task, a column a state. The lower and the further to the left a method is, the better.

    Where the reference is averaged over noise of several spreads, the cosine with it is drawn over them.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results, and where nothing was measured of fidelity.
    """
    found = fidelity(results)
    spreads = found.groupby("task_label")["smoothing"].nunique()
    tasks = list(dict.fromkeys(found["task_label"]))
    states = sorted(found["step"].unique())
    with style.context(columns):
        methods = found[["estimator", "method"]].drop_duplicates().itertuples(index=False, name=None)
        handles = layout.lines(methods, plan=results.plan)
        titles = ["start" if not step else f"step {step:,}" for step in states]
        figure, panels = layout.grid(tasks, titles, list(handles), 2.2, columns, sharex="row", sharey="row")
        for task, row in zip(tasks, panels, strict=True):
            for step, axes in zip(states, row, strict=True):
                own = found[(found["task_label"] == task) & (found["step"] == step)]
                if own.empty:
                    layout.note(axes, "not measured")
                elif spreads[task] > 1:
                    _ladder(axes, own, handles)
                else:
                    _plane(axes, own, handles)
            layout.ylabel(row, "cosine with the gradient" if spreads[task] > 1 else "relative bias")
        figure.align_ylabels()
        layout.legend(figure, list(handles.values()), list(handles))
        layout.caption(figure, " ".join(_captions(found, spreads)), results)
    return figure


def _plane(axes: Axes, rows: pd.DataFrame, handles: dict[str, Line2D]) -> None:
    cost = rows["deviation"] * rows["evaluations"] ** 0.5
    edge = 0.5 * cost[cost > 0].min() if (cost > 0).any() else 1.0  # where what never varies stands
    for row in rows.to_dict("records"):
        line, seen = handles[row["method"]], row["seen"]
        x = row["deviation"] * row["evaluations"] ** 0.5 or edge
        y = max(row["bias"] if seen else row["bound"], EXACT)
        mark = {**layout.marks(line), "color": line.get_color(), "linestyle": "", "markersize": 5}
        if seen:
            ends = [max(row[end], (y * layout.ARROW) ** 2) ** 0.5 for end in ("bias_low", "bias_high")]
            axes.plot([x, x], ends, color=line.get_color(), linewidth=0.8)
        else:
            mark |= {"markerfacecolor": "none", "markeredgecolor": line.get_color(), "markeredgewidth": 0.9}
            layout.below(axes, x, y, line)
        axes.plot(x, y, **mark)
    axes.set(xscale="log", yscale="log", xlabel="deviation of\none evaluation")
    axes.margins(0.12)
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    layout.name_decades(axes, cost[cost > 0], True)


def _ladder(axes: Axes, rows: pd.DataFrame, handles: dict[str, Line2D]) -> None:
    for method, curve in rows.groupby("method", sort=False):
        of = curve.rename(columns={"cosine": "mean", "cosine_low": "low", "cosine_high": "high"})
        layout.curve(axes, curve["smoothing"], of.sort_values("smoothing"), handles[str(method)])
    smoothed = rows["truth"].iloc[0] != "noise"
    axes.set(xscale="log", xlabel="σ of the smoothing" if smoothed else "scale of the noise")
    axes.axhline(0, color="#808080", linewidth=0.6)


def _captions(rows: pd.DataFrame, spreads: pd.Series) -> Iterator[str]:
    seeds = wording.how_many(rows["seeds"].unique(), "seed")
    several = rows["task_label"].map(spreads) > 1
    for truth in rows.loc[several, "truth"].unique():
        yield (
            "Cosine of the estimate with the gradient of the loss, averaged over "
            f"{NOISES.get(truth, NOISES[SMOOTHED])}, at the states of one training; mean over {seeds} with 95 % t "
            "interval."
        )
    if several.any():
        yield "Gaps: the reference cannot be told from 0."
    if not several.all():
        yield (
            f"At states of one training, {rows['calls'].max():,.0f} calls, in lengths of the true gradient. Bias: mean "
            f"over {seeds} with 95 % interval; open, with an arrow: below that, at 95 %. Deviation: the standard "
            "deviation of one call times the root of its evaluations of the objective, geometric mean over seeds; of "
            "what never varies at the left edge."
        )
