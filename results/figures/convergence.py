"""Convergence: the reported measure over the training, of every estimator at its chosen setting."""

from __future__ import annotations

import math

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results import figures, statistics, style

DASHES = ("-", "--", ":", "-.")  # of variants of one estimator: they share its colour and marker


def draw(table: pd.DataFrame) -> Figure:
    """A row a task, a column an optimizer; mean over seeds and its 95 % t interval at every recorded step.

    Raises schema.RecordError for an incomplete table.
    """
    figures.complete(table)
    accounts, settings = statistics.accounts(table), statistics.settings(table)
    settings["entry"] = _entries(settings)
    tasks, optimizers = sorted(settings["task_label"].unique()), sorted(settings["optimizer_label"].unique())
    with style.context():
        width = max(4.6, 0.5 + 2.25 * len(optimizers))
        figure = Figure(figsize=(width, 0.9 + 2.1 * len(tasks)), layout="constrained")
        panels = figure.subplots(len(tasks), len(optimizers), squeeze=False, sharey="row")
        handles, cut = _handles(settings), False
        for task, row in zip(tasks, panels, strict=True):
            of_task = settings[settings["task_label"] == task]
            account = accounts[of_task["run"].iloc[0]]
            measure = statistics.measure(account["reports"], account)
            curves = _curves(table, of_task, measure)
            scale, cut = _scale(curves, measure), cut or bool(curves["mean"].isna().any())
            for optimizer, axes in zip(optimizers, row, strict=True):
                here = of_task[of_task["optimizer_label"] == optimizer]
                _panel(axes, curves[curves["run"].isin(here["run"])], here, handles)
                axes.set(xlabel="step (updates)", ylabel="")
                axes.set_title(f"{task}, {optimizer}", pad=4 + 9.5 * _rates(axes, here, handles))
            row[0].set_yscale(**scale)
            row[0].set_ylabel(measure.title)
        columns = max(1, int(width / (0.45 + 0.075 * max(map(len, handles)))))
        figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=min(columns, len(handles)))
        figures.caption(figure, _caption(settings, accounts, cut))
    return figure


def _entries(settings: pd.DataFrame) -> pd.Series:
    """What the legend says: the estimator, and its variant where there are several."""
    return settings["estimator_label"] + settings["variant"].map(lambda v: f" ({v})" if v else "").astype("string")


def _handles(settings: pd.DataFrame) -> dict[str, Line2D]:
    """For each entry of the legend the line that it looks like."""
    looks, handles = style.looks(settings["estimator"]), {}
    for name, group in settings.sort_values(["estimator", "entry"]).groupby("estimator", sort=True):
        for i, entry in enumerate(group["entry"].unique()):
            colour, marker = looks[name]
            dash = DASHES[i % len(DASHES)]
            handles[entry] = Line2D([], [], color=colour, marker=marker, linestyle=dash, markeredgecolor="white", mew=0.4)
    return handles


def _curves(table: pd.DataFrame, settings: pd.DataFrame, measure: statistics.Measure) -> pd.DataFrame:
    """`run, entry, step, mean, low, high` of the measure over the seeds of each chosen setting."""
    kept = table.loc[table["replica"].isin(settings["replicas"].explode()), ["run", "step", measure.name]]
    entry, found = settings.set_index("run")["entry"], []
    for (run, step), rows in kept.groupby(["run", "step"], sort=True):
        mean, low, high = statistics.interval(rows[measure.name], measure.worst)
        found.append((run, entry[run], int(step), mean, low, high))
    return pd.DataFrame(found, columns=["run", "entry", "step", "mean", "low", "high"])


def _scale(curves: pd.DataFrame, measure: statistics.Measure) -> dict:
    """Logarithmic where a measure that falls spans a decade or more; near zero it is linear, where zeros occur."""
    means = curves["mean"].dropna()
    above = means[means > 0]
    if measure.better != "lower" or measure.worst == 1 or above.empty or means.min() < 0:
        return {"value": "linear"}
    if above.max() / above.min() < 10 and len(above) == len(means):
        return {"value": "linear"}
    if len(above) == len(means):
        return {"value": "log", "nonpositive": "clip"}
    return {"value": "symlog", "linthresh": 10.0 ** math.floor(math.log10(above.min())), "linscale": 0.5}


def _panel(axes: Axes, curves: pd.DataFrame, settings: pd.DataFrame, handles: dict[str, Line2D]) -> None:
    """Bands, lines, and a cross where a line ends because a replica has diverged."""
    for entry in sorted(settings["entry"]):
        line, curve = handles[entry], curves[curves["entry"] == entry].reset_index(drop=True)
        known = curve["mean"].notna()
        axes.fill_between(curve["step"], curve["low"], curve["high"], color=line.get_color(), alpha=0.18, linewidth=0)
        sns.lineplot(
            curve.assign(piece=(~known).cumsum())[known],
            x="step",
            y="mean",
            units="piece",  # a line is not drawn across what is unknown
            estimator=None,
            color=line.get_color(),
            marker=line.get_marker(),
            linestyle=line.get_linestyle(),
            markevery=max(1, len(curve) // 8),
            markeredgecolor="white",
            markeredgewidth=0.4,
            legend=False,
            ax=axes,
        )
        last = curve[known & ~known.shift(-1, fill_value=True)]
        axes.scatter(last["step"], last["mean"], marker="x", s=30, color=line.get_color(), zorder=4, clip_on=False)
    if len(curves):
        steps = curves["step"].max()
        axes.set_xlim(-0.03 * max(1, steps), 1.03 * max(1, steps))
    if curves["mean"].notna().sum() == 0:
        text = "diverged" if len(curves) else "not run"
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#808080")


def _rates(axes: Axes, settings: pd.DataFrame, handles: dict[str, Line2D]) -> int:
    """Writes the chosen rates above the panel; returns how many lines that took."""
    edge = {"low": " ▾", "high": " ▴", "": ""}
    rows = settings.sort_values("entry")
    labels = [
        f"{row.learning_rate:g}{edge[row.edge]}" + (f" ({row.parameters.replace('estimator.', '')})" if row.parameters else "")
        for row in rows.itertuples()
    ]
    if not labels:
        return 1
    per_line = max(1, min(len(labels), int(46 / (6 + max(map(len, labels))))))
    axes.add_artist(
        axes.legend(
            [handles[entry] for entry in rows["entry"]],
            labels,
            ncols=per_line,
            loc="lower left",
            bbox_to_anchor=(-0.02, 0.99),
            fontsize=6.5,
            handlelength=1.2,
            handletextpad=0.4,
            columnspacing=0.9,
            labelspacing=0.2,
            borderpad=0.1,
            borderaxespad=0.1,
        )
    )
    return math.ceil(len(labels) / per_line)


def _caption(settings: pd.DataFrame, accounts: dict[str, dict], cut: bool) -> str:
    seeds = sorted({len(replicas) for replicas in settings["replicas"]})
    many = f"{seeds[0]} seed{'s' * (seeds[0] > 1)}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    text = f"Mean over {many}" + (" with 95 % t interval. " if seeds[-1] > 1 else "; one seed has no interval. ")
    by = {}
    for task, group in settings.groupby("task_label", sort=True):
        account = accounts[group["run"].iloc[0]]
        chosen = statistics.measure(account["selects"], account).label.lower()
        alone = account["selects"] == account["reports"]
        by.setdefault(chosen + (", which is also what is reported" if alone else ""), []).append(task)
    words = [how + (f" ({', '.join(tasks)})" if len(by) > 1 else "") for how, tasks in by.items()]
    text += f"Above each panel the learning rates, chosen by {'; by '.join(words)}, at the last step."
    if (settings["edge"] != "").any():
        text += " ▾ and ▴: the smallest or largest rate tried."
    if cut:
        text += " A line ends with × before the step at which a replica diverged."
    return text
