"""Policy gradients: direction and length of the mean, and of one call the direction, over what the policy achieves."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from results import wording
from results.analysis import measures
from results.analysis.fidelity import fidelity
from results.drawing import layout, style
from results.records.result_set import ResultSet

ROWS = {"call_cosine": "cosine of one call", "length": "length of the mean"}


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """Two rows over the task's reported measure at the states; a column a number of samples, a line an estimator.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results, and where nothing was measured of fidelity.
    """
    found = fidelity(results)
    samples = found["estimator.samples"] if "estimator.samples" in found else found["evaluations"] * math.nan
    found = found.assign(samples=samples.astype("float64"))
    groups = sorted(found["samples"].dropna().unique()) or [math.nan]
    account = next(iter(results.runs().values()))
    measure = measures.measure(account["reports"], account)
    with style.context(columns):
        methods = found[["estimator", "estimator_label"]].drop_duplicates().itertuples(index=False, name=None)
        handles = layout.lines(methods, plan=results.plan)
        titles = [f"{size:g} samples" if size == size else "one sample" for size in groups]
        figure, panels = layout.grid([*ROWS.values()], titles, list(handles), 1.7, columns, sharey="row")
        for (column, words), row in zip(ROWS.items(), panels, strict=True):
            for size, axes in zip(groups, row, strict=True):
                here = found[(found["samples"] == size) | found["samples"].isna()]
                for label, own in here.groupby("estimator_label"):
                    own = own.sort_values("reported")
                    line = handles[str(label)]
                    axes.plot(
                        own["reported"],
                        own[column],
                        **{**layout.strokes(line), **layout.marks(line), "markersize": 4},
                    )
                axes.set_xlabel(measure.title)
                if column == "length":
                    axes.set_yscale("log")
                    axes.axhline(1, color="#808080", linewidth=0.6)
                else:
                    axes.set_ylim(-0.05, 1.05)
            layout.ylabel(row, words)
        if columns != 1:
            layout.head_columns(panels, titles)
        figure.align_ylabels()
        layout.legend(figure, list(handles.values()), list(handles))
        seeds = wording.how_many(found["seeds"].unique(), "seed")
        text = (
            f"At states of one training, {found['calls'].max():,.0f} calls, mean over {seeds}: the cosine of one call "
            "with the true gradient, and the length of the mean of all, in lengths of that."
        )
        layout.caption(figure, text, results)
    return figure
