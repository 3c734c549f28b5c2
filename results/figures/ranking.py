"""Ranking: how often each estimator takes each rank when seeds are resampled, and its rank with less training."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats

from results import wording
from results.analysis import comparison, ranking, same_functions
from results.analysis.board import FEWEST
from results.analysis.comparison import ANY, Group, tuned
from results.drawing import layout, style
from results.records.plan import PlanFacts
from results.records.result_set import ResultSet
from results.statistics import resampling

ROW = 0.22  # inches
LETTERS = 20  # of a method's name, up to which two panels stand abreast in one column of a page
SHADES = LinearSegmentedColormap.from_list("shades", ["white", style.BLUE])


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """A row a task, a column an optimizer (the last: each estimator with its best one). A cell is an estimator and a
    rank, its shade the share of resamples in which it has that rank. From FEWEST tasks on, below them the critical
    differences.

    Controls take no part.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results, and as comparison.groups does.
    """
    results.complete()
    found = ranking.stability(results)
    of_functions = same_functions.merged(results)  # as the table has them: a function under several names once
    groups = {(group.task_label, group.optimizer): group.without_controls for group in comparison.groups(of_functions)}
    tasks = sorted({task for task, _ in groups})
    optimizers = sorted({optimizer for _, optimizer in groups}, key=lambda name: (name == ANY, name))
    many = max((len(rows) for _, rows in found.groupby(["task_label", "optimizer_label"])), default=1)
    across = len(tasks) >= FEWEST
    with style.context(columns):
        chance = np.random.default_rng(ranking.SEED)
        narrow = columns == 1
        wrapped = found["method"].map(layout.wrapped).str.split("\n").explode()
        letters = wrapped.str.len().max() if len(found) else 0
        panel = max(2.2, 1.0 + 0.06 * letters)  # with its names
        width = style.figure_width(columns, max(4.6, 1.2 + panel * len(optimizers)))
        abreast = 2 if letters <= LETTERS else 1
        tall = (0.55 + ROW * max(many, 4)) * layout.lines_down(len(tasks), len(optimizers), columns, abreast)
        below = across * (0.8 + ROW * many)
        figure = Figure(figsize=(width, 1.0 + 0.5 * narrow + tall + below), layout="constrained")
        upper, lower = figure.subfigures(2, 1, height_ratios=[tall, below]) if across else (figure, None)
        panels = layout.place(upper, len(tasks), len(optimizers), columns, abreast=abreast)
        for task, row in zip(tasks, panels, strict=True):
            for optimizer, axes in zip(optimizers, row, strict=True):
                axes.set_title(layout.title(task, optimizer, columns, 18), size=6 if narrow else 7)
                rows = found[(found["task_label"] == task) & (found["optimizer_label"] == optimizer)]
                if rows.empty:
                    _empty(axes, "not run" if (task, optimizer) not in groups else "controls only")
                else:
                    _panel(axes, groups[task, optimizer], rows, chance, narrow)
                    layout.emphasise(axes.get_yticklabels(), rows["estimator"], results.plan)
        if lower is not None:
            _critical(lower.subplots(), found, optimizers[-1], results.plan)
        handles = [
            Line2D([], [], linestyle="", color=style.BLUE, marker="s", markersize=6),
            Line2D([], [], linestyle="", color="black", marker="^", markersize=3),
        ]
        layout.legend(figure, handles, ["has this rank in all resamples", "rank with 95 % of the budget"])
        layout.caption(figure, _caption(found, len(tasks)) + " Numbers are per cent." * narrow, results)
    return figure


def _empty(axes: Axes, text: str) -> None:
    layout.note(axes, text)
    axes.set_axis_off()


def _panel(axes: Axes, group: Group, rows: pd.DataFrame, rng: np.random.Generator, narrow: bool) -> None:
    """rows: the group's, the best first."""
    at, count = [group.methods.index(method) for method in rows["method"]], len(rows)
    if len(group.seeds) > 1:
        drawn = tuned(group, resampling.draw(rng, ranking.RESAMPLES, 1, len(group.seeds)))[:, at]
        shares = occupied(resampling.ranks(drawn))
        axes.imshow(shares, cmap=SHADES, vmin=0, vmax=1, aspect="auto", extent=(0.5, count + 0.5, count - 0.5, -0.5))
        for y, x in np.argwhere(shares >= 0.005) if count <= 6 else ():
            colour = "white" if shares[y, x] > 0.6 else "black"
            words = f"{100 * shares[y, x]:.0f}{'' if narrow else '%'}"
            axes.text(x + 1, y - 0.1, words, ha="center", va="center", size=5 if narrow else 6, color=colour)
    places = np.arange(count)
    axes.plot(
        rows["shorter"],
        places + 0.33,
        "^",
        color="black",
        mec="white",
        mew=0.3,
        markersize=3.2,
        zorder=3,
        clip_on=False,
    )
    axes.set_yticks(places, rows["method"].map(layout.wrapped))
    axes.tick_params(axis="y", length=0, labelsize=6 if narrow else 6.5)
    axes.set(xlim=(0.5, count + 0.5), ylim=(count - 0.5, -0.5), xlabel="rank")
    axes.set_xticks(range(1, count + 1, max(1, math.ceil(count / 8))))
    axes.grid(False)


def occupied(ranks: np.ndarray) -> np.ndarray:
    """How often each method has each rank; a tie that averages several ranks counts for each of them in equal parts.

    Args:
        ranks: [resamples, methods], from 1.

    Returns:
        Shares, float64 [methods, ranks]; those of a method add up to 1.
    """
    taken = np.sort(ranks, axis=1)[:, None, :] == ranks[:, :, None]
    return (taken / taken.sum(-1, keepdims=True)).mean(0)


def _critical(axes: Axes, frame: pd.DataFrame, optimizer: str, plan: PlanFacts) -> None:
    """Mean ranks over tasks, joined where the Nemenyi test after Friedman's does not tell them apart (Demšar 2006)."""
    import scikit_posthocs

    own = frame[frame["optimizer_label"] == optimizer]
    ranks = own.pivot_table(index="task_label", columns="method", values="rank").dropna(axis=1).rank(axis=1)
    if ranks.shape[1] < 3:
        _empty(axes, "critical differences need three methods")
        return
    p = scikit_posthocs.posthoc_nemenyi_friedman(ranks)
    names = own.drop_duplicates("method").set_index("method")["estimator"]
    looks = layout.styles_of_estimators(names, plan)
    colours = {method: looks[names[method]].colour for method in ranks.columns}
    scikit_posthocs.critical_difference_diagram(ranks.mean(), p, ax=axes, color_palette=colours)
    omnibus = stats.friedmanchisquare(*ranks.to_numpy().T).pvalue
    axes.set_title(f"Mean rank over {len(ranks)} tasks, {optimizer}; Friedman's test: p = {omnibus:.2g}")


def _caption(frame: pd.DataFrame, tasks: int) -> str:
    if frame.empty:
        return "Nothing but controls."
    if frame["draws"].max() > 1:
        many = wording.units(frame["seeds"], frame["draws"])
        text = (
            f"Shade and number: the share of {ranking.RESAMPLES:,} resamples of {many} in which an estimator has a "
            "rank by its mean at the last step, settings chosen anew in each."
        )
    else:
        text = "Rank by the last value of one seed, of which nobody knows how stable it is."
    if tasks >= FEWEST:
        return text + " Bars join what the Nemenyi test does not tell apart (5 %)."
    are = "are" if tasks > 1 else "is"
    return text + f" No critical-difference diagram: it needs {FEWEST} tasks, and there {are} {tasks}."
