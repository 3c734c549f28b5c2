"""Convergence: the reported measure over the training, of every estimator at its chosen setting."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results import wording
from results.analysis import draws, lookup, measures, selection
from results.drawing import layout, style
from results.records.result_set import ResultSet
from results.statistics import intervals

RATES = 4  # lines of learning rates above a panel; where there would be more, they are left to the table


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """A row a task, a column an optimizer; mean over seeds and its 95 % t interval at every recorded step.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results.
    """
    return draw_over(results, columns, "step")


CLOCKS = {"step": "step (updates)", "evaluations": "evaluations"}
APART = 20  # times as long as the shortest training the longest one is: from there on the axis is logarithmic


def draw_over(results: ResultSet, columns: int, clock: str) -> Figure:
    """The same over another clock than updates.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.
        clock: the column of records that is the horizontal axis: one of CLOCKS.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results.
    """
    results.complete()
    accounts, settings = results.runs(), selection.chosen_settings(results)
    settings["entry"], marks = lookup.methods(settings), lookup.bound_methods(results)
    compared = settings[~settings["run"].isin(list(lookup.bounds(results)))]
    tasks, optimizers = sorted(settings["task_label"].unique()), sorted(settings["optimizer_label"].unique())
    with style.context(columns):
        pairs = zip(settings["estimator"], settings["entry"], strict=True)
        handles, remarks = layout.lines(pairs, marks, results.plan), []
        figure, panels = layout.grid(tasks, optimizers, list(handles), 2.2, columns, sharey="row")
        by_panel = compared.groupby(["task_label", "optimizer_label"])
        shown = all(len(rows) <= RATES * _per_line(rows, columns) for _, rows in by_panel)
        for task, row in zip(tasks, panels, strict=True):
            of_task = settings[settings["task_label"] == task]
            account = accounts[of_task["run"].iloc[0]]
            measure = measures.measure(account["reports"], account)
            curves = _curves(results.rows, of_task, measure, clock)
            lost = [measure] if (curves["lost"] > 0).any() and math.isfinite(measure.worst) else []
            curves, measure = layout.as_error(curves, measure)
            for optimizer, axes in zip(optimizers, row, strict=True):
                here = of_task[of_task["optimizer_label"] == optimizer]
                _panel(axes, curves[curves["run"].isin(here["run"])], handles)
                axes.set(xlabel=CLOCKS[clock], ylabel="")
                named = here[here["run"].isin(list(compared["run"]))]
                lines = _rates(axes, named, handles, columns) if shown else 0
                axes.set_title(axes.get_title(), pad=3 + 10 * lines)
            layout.ylabel(row, measure.title)
            remarks += _scale(row[0], curves, measure)
            remarks += [f"A replica that diverged counts as {own.label.lower()} {own.worst:g}." for own in lost]
            control = {run for run in of_task["run"] if accounts[run].get("control", False)}
            control |= {run for run in of_task["run"] if accounts[run].get("bound") == "lower"}
            remarks += _cut_controls(dict(zip(optimizers, row, strict=True)), curves, of_task, control, handles)
        figure.align_ylabels()
        layout.legend(figure, list(handles.values()), list(handles))
        apart = settings.loc[~settings.index.isin(compared.index)]
        text = _caption(compared if len(compared) else settings, accounts, shown)
        text += layout.bounds_sentence(apart["replicas"].map(len), apart["draws"])
        layout.caption(figure, " ".join([text, *dict.fromkeys(remarks)]), results)
    return figure


def _curves(rows: pd.DataFrame, settings: pd.DataFrame, measure: measures.Measure, clock: str) -> pd.DataFrame:
    """The measure over the seeds of each chosen setting, a row for each run and step.

    Returns:
        `run, entry, step`, what the clock says `at` it, `mean, low, high`, and how many of the seeds are `lost`: not
        finite.
    """
    kept = rows[rows["replica"].isin(settings["replicas"].explode())]
    whole, met = kept[measure.name].to_numpy("float64"), draws.draws_of(kept).to_numpy()
    clocks = kept[clock].to_numpy()
    entry, found = settings.set_index("run")["entry"].to_dict(), []
    for (run, step), at in sorted(kept.groupby(["run", "step"]).indices.items()):
        values = whole[at]
        lost = int((~np.isfinite(values)).sum())
        means = draws.averaged(values, met[at], measure.worst)
        found.append(
            (run, entry[run], int(step), int(clocks[at[0]]), *intervals.t_interval(means, measure.worst), lost)
        )
    return pd.DataFrame(found, columns=["run", "entry", "step", "at", "mean", "low", "high", "lost"])


def _scale(axes: Axes, curves: pd.DataFrame, measure: measures.Measure) -> list[str]:
    """Sets the scale and the limits of a row of panels.

    A loss as in `layout.scale`; a share is shown within its bounds.

    Returns:
        What the caption must say of them, a sentence each.
    """
    means, remarks = curves["mean"].dropna(), []
    if measure.bounded:
        layout.within_bounds(axes, measure)
        later = means[curves["step"] > 0]
        if len(later) and later.min() - means.min() > later.max() - later.min():
            # The start is so far off that it would flatten everything that is to be compared.
            axes.set_ylim(later.min() - 0.3 * (later.max() - later.min()) - 0.005, None)
            remarks.append(f"The start, at {means[curves['step'] == 0].mean():.2f}, lies outside the panels.")
    else:
        layout.scale(axes, means, measure)
    if curves["low"].min() < axes.get_ylim()[0] or curves["high"].max() > axes.get_ylim()[1]:
        remarks.append("Bands are cut off at the edge of a panel.")
    if means.size < len(curves):
        remarks.append("A line ends with × where the next mean is unknown, because a replica diverged.")
    return remarks


def _cut_controls(
    panels: Mapping[str, Axes],
    curves: pd.DataFrame,
    settings: pd.DataFrame,
    control: set[str],
    handles: Mapping[str, Line2D],
) -> list[str]:
    """Ends a logarithmic axis above the methods that learn, where controls are far from all of them.

    Args:
        panels: of a task, by optimizer.
        curves: of `_curves`.
        settings: the task's.
        control: its runs that are controls.
        handles: the line of each entry.

    Returns:
        What the caption must say of it, a sentence or none.
    """
    later = curves[curves["step"] > 0]
    learning = later.loc[~later["run"].isin(control), "mean"].dropna()
    others = later.loc[later["run"].isin(control)].groupby("run")["mean"].min()
    first = next(iter(panels.values()))
    if first.get_yscale() != "log" or learning.empty or others.empty or others.min() < 2 * learning.max():
        return []
    rows = settings[settings["run"].isin(control)]
    beyond = [(panels[row.optimizer_label], handles[row.entry]) for row in rows.itertuples()]
    layout.cut_above(panels.values(), 1.5 * learning.max(), beyond)
    what = "a lower bound" if any(layout.is_bound(line) for _, line in beyond) else "a control"
    return [f"▲ at an upper edge: {what}, beyond it, as is the start."]


def _panel(axes: Axes, curves: pd.DataFrame, handles: dict[str, Line2D]) -> None:
    """Bands, lines, and a cross where a line ends because a replica has diverged."""
    columns = [curves[name].to_numpy() for name in ("at", "mean", "low", "high")]
    rows = curves.groupby("entry", sort=False).indices
    axes.set_autoscale_on(False)  # or each of hundreds of bands would settle the limits anew
    for entry in [entry for entry in handles if entry in rows]:
        line = handles[entry]
        steps, means, low, high = (column[rows[entry]] for column in columns)
        known = ~np.isnan(means)
        if not layout.is_bound(line):
            axes.fill_between(steps, low, high, color=line.get_color(), alpha=0.18, linewidth=0)
        look = {**layout.strokes(line), **layout.marks(line)}
        for piece in np.unique((~known).cumsum()[known]):  # a line is not drawn across what is unknown
            here = known & ((~known).cumsum() == piece)
            axes.plot(steps[here], means[here], **look, markevery=max(1, len(steps) // 8))
        ends = known & ~np.append(known[1:], True)
        if ends.any():
            axes.scatter(steps[ends], means[ends], marker="x", s=30, color=look["color"], zorder=4, clip_on=False)
    axes.set_autoscale_on(True)
    axes.autoscale_view()
    if len(curves):
        ends = curves.groupby("entry")["at"].max()
        if ends.max() > APART * max(1, ends.min()):
            begin = curves.loc[curves["at"] > 0, "at"].min()
            axes.set_xscale("log")
            axes.set_xlim(begin / 1.1, 1.1 * ends.max())
        else:
            axes.set_xlim(-0.03 * max(1, ends.max()), 1.03 * max(1, ends.max()))
    if curves["mean"].notna().sum() == 0:
        layout.note(axes, "diverged" if len(curves) else "not run")


def _rates(axes: Axes, settings: pd.DataFrame, handles: dict[str, Line2D], columns: int) -> int:
    """Writes the chosen rates above the panel; returns how many lines that took."""
    rows = settings.sort_values("entry", key=lambda entries: entries.map(list(handles).index))
    labels = _labels(rows)
    if not labels:
        return 1
    per_line = _per_line(rows, columns)
    axes.legend(
        [handles[entry] for entry in rows["entry"]],
        labels,
        ncols=per_line,
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.99),
        fontsize=5.5 if columns == 1 else 6.5,
        handlelength=1.2,
        handletextpad=0.4,
        columnspacing=0.9,
        labelspacing=0.2,
        borderpad=0.1,
        borderaxespad=0.1,
    )
    return math.ceil(len(labels) / per_line)


def _labels(settings: pd.DataFrame) -> list[str]:
    """The chosen rates as they are written."""
    edge = {"low": " ▾", "high": " ▴", "": ""}
    return [
        f"{row.learning_rate:g}{edge[row.edge]}"
        + (f" ({lookup.short_names(row.parameters)})" if row.parameters else "")
        for row in settings.itertuples()
    ]


def _per_line(settings: pd.DataFrame, columns: int) -> int:
    labels, letters = _labels(settings), 30 if columns == 1 else 46
    return max(1, min(len(labels), int(letters / (6 + max(map(len, labels))))))


def _caption(settings: pd.DataFrame, accounts: Mapping[str, Mapping], shown: bool) -> str:
    text = f"Mean over {wording.units(settings['replicas'].map(len), settings['draws'])}" + (
        " with 95 % t interval at each step. " if settings["draws"].max() > 1 else "; one seed has no interval. "
    )
    by: dict[str, list[str]] = {}
    for task, group in settings.groupby("task_label", sort=True):
        account = accounts[group["run"].iloc[0]]
        chosen = measures.measure(account["selects"], account).label.lower()
        alone = account["selects"] == account["reports"]
        by.setdefault(chosen + (", which is also what is reported" if alone else ""), []).append(task)
    words = [how + (f", for {', '.join(tasks)}" if len(by) > 1 else "") for how, tasks in by.items()]
    chosen = f"chosen at the last step by {'; and by '.join(words)}"
    rates = "learning rates" + ", and what else was swept" * bool(settings["parameters"].astype(bool).any())
    if not shown:
        return text + f"The {rates}, {chosen}, are too many to stand here: the table `summary` has them."
    text += f"Above each panel the {rates}, {chosen}."
    if (settings["edge"] != "").any():
        text += " ▾, ▴: the smallest or the largest rate tried."
    return text
